/* The sequence models of Algorithm Distillation (Laskin et al., arXiv 2210.14215) as graphs:
   training, whole windows, and the passes of acting. A window has T steps of one learning history;
   the logits of step t see the observations up to t and the actions and rewards before t.

   Layout A, one token a step: x_t = linear(concat[emb(a_t-1), emb(r_t-1), emb(o_t)]) + pos(t); the
   first token of a window has the start token for its action and reward 0.
   Layout B, three tokens a step: o_t, a_t, r_t with 3T positions; read at the o-token.
   LSTM: an LSTM over concat[emb(o), emb(a), emb(r)] of the steps before t, its output beside
   emb(o_t) into two dense layers. */
#ifndef PPI_MODEL_AD_H
#define PPI_MODEL_AD_H

#include "nn/nn.h"

#define PPI_AD_MAX_CONTEXT 4096
#define PPI_AD_TABLES      8   /* most tables of one observation */
#define PPI_AD_FEATURES    256 /* of an encoded image */
#define PPI_AD_REWARDS     3   /* reward tokens: zero, positive, negative; with episode_ends twice */

enum { PPI_AD_LAYOUT_A, PPI_AD_LAYOUT_B };
enum { PPI_AD_TRANSFORMER, PPI_AD_LSTM };
enum { PPI_AD_MASK_ZERO, PPI_AD_MASK_KEY };

typedef struct ppi_ad_config {
    int core;          /* PPI_AD_TRANSFORMER or PPI_AD_LSTM */
    int layout;        /* of the transformer */
    int64_t timesteps; /* T */
    int64_t layers, width, heads, ffn;
    bool post_norm;
    bool sinusoidal; /* positions; false: learned */
    float dropout, attention_dropout;
    float mask; /* probability that an input token is masked while training */
    int mask_kind;
    float label_smoothing;
    float embedding_scale; /* deviation of the entries of all tables at the start */
    bool smooth; /* tables of observations begin as smooth functions of the row (PPI_INIT_SMOOTH) */
    int64_t lstm, dense; /* units of the LSTM, and of each of the two layers behind it */
    int64_t actions;     /* choices; id `actions` is the start token */
    bool episode_ends; /* the reward token of an episode's last step says so: three more tokens */
    int tables; /* tables whose rows are summed into the embedding of an observation; 0: images */
    int64_t rows[PPI_AD_TABLES];
    int64_t image_h, image_w, image_c; /* images, u8 */
    int64_t channels;                  /* of each convolution of the image encoder */
    float image_dropout;
} ppi_ad_config;

/* PP_ERR_ARGUMENT with the offending values. */
pp_status ppi_ad_config_check(const ppi_ad_config *c);
/* Tokens of one step and of a window. */
static inline int64_t ppi_ad_slots(const ppi_ad_config *c) {
    return c->core == PPI_AD_TRANSFORMER && c->layout == PPI_AD_LAYOUT_B ? 3 : 1;
}
static inline int64_t ppi_ad_tokens(const ppi_ad_config *c) {
    return c->timesteps * ppi_ad_slots(c);
}
/* 0 for zero, 1 for positive, 2 for negative; 3 more where the step was its episode's last and the
 * model is told of that. */
int32_t ppi_ad_reward_token(const ppi_ad_config *c, double r, bool last);

/* "obs<i>", the name of an input. */
void ppi_ad_obs_input(char name[16], int i);

/* Inputs of all graphs that read windows: "obs<i>" i32 [B*T], the row in table i, or of images
   "frames" u8 [B*T,H,W,C] (training, whole windows) or "features" f32 [B*T,PPI_AD_FEATURES]
   (acting); "actions" i32 and "rewards" i32 [B*T], tokens. In layout A those of step t are what
   happened at t-1 (start token and 0 at the first step), otherwise what happened at t. */

/* All builders: PP_ERR_ARGUMENT for what ppi_ad_config_check refuses, PP_ERR_UNSUPPORTED for a pass
   that the sequence model, its layout or its observations do not have, else the graph's status. */

/* Training graph, backward included. Also "targets" i32 [B*T], the choices taken, and where mask >
   0 "keep" f32 [B,N,1] (0 = masked; mask zero, LSTM) or "blocked" u8 [B,N] (1 = masked; mask key)
   of the N tokens, and for the LSTM "reset" u8 [B,T-1], to be all zero. Outputs "loss" [1],
   "action_logits" [B*T,A]. */
pp_status ppi_ad_build_train(ppi_graph *g, const ppi_ad_config *c, int64_t batch);
/* The same without masks, dropout, loss and gradients. Output "action_logits" [B,T,A]. */
pp_status ppi_ad_build_forward(ppi_graph *g, const ppi_ad_config *c, int64_t batch);
/* Acting over full windows of the transformer: the logits of the last step. Output "action_logits"
   [B,A]. */
pp_status ppi_ad_build_full(ppi_graph *g, const ppi_ad_config *c, int64_t batch);
/* Acting over windows of any length, left-aligned: "last" i32 [B] is the step that is read; what
   stands behind it has no influence. Output "action_logits" [B,A]; prefill: also the keys and
   values of every token, "k<layer>" and "v<layer>" [B,N,width]. */
pp_status ppi_ad_build_partial(ppi_graph *g, const ppi_ad_config *c, int64_t batch);
pp_status ppi_ad_build_prefill(ppi_graph *g, const ppi_ad_config *c, int64_t batch);
/* Acting by one step of layout A over keys and values kept from the steps before: "obs<i>"
   "actions" "rewards" [B] of the new token, its "position" i32 [B], "k<layer>" "v<layer>" f32
   [B,T,width], and "blocked" u8 [B,T+1], 1 = there is no such token yet, 0 in the last column, the
   new token's. Outputs "action_logits" [B,A], "next_k<layer>" and "next_v<layer>" [B,1,width]. */
pp_status ppi_ad_build_next(ppi_graph *g, const ppi_ad_config *c, int64_t batch);
/* The name of a cache, "k3". */
void ppi_ad_cache_name(char name[16], const char *what, int64_t layer);
/* Images encoded for acting: "frames" u8 [B,H,W,C] -> output "features" f32 [B,PPI_AD_FEATURES]. */
pp_status ppi_ad_build_encode(ppi_graph *g, const ppi_ad_config *c, int64_t batch);
/* n images u8 [n,H,W,C] -> [n,PPI_AD_FEATURES]: three blocks of convolution 5x5 with stride 2,
   batch norm, ReLU, max-pooling 2x2 with stride 2 and dropout, SAME padding throughout, and a
   linear map (paper, table 3). train: with the moments of the batch. */
ppi_value ppi_ad_encode(ppi_graph *g, const ppi_ad_config *c, ppi_value frames, bool train);
/* Acting of the LSTM. fold: one step of each environment, "obs<i>" "actions" "rewards" [B], into
   the state "h" and "c" f32 [B,lstm]: outputs "next_h" and "next_c" of the same shape. decide: the
   state "h" and the running observation, "obs<i>" [B]: output "action_logits" [B,A]. */
pp_status ppi_ad_build_fold(ppi_graph *g, const ppi_ad_config *c, int64_t batch);
pp_status ppi_ad_build_decide(ppi_graph *g, const ppi_ad_config *c, int64_t batch);

#endif
