/* The Multi-Game Decision Transformer (Lee et al., NeurIPS 2022, arXiv 2205.15241) as graphs:
   training, one forward pass, and the two passes of acting. The behaviour-cloning network is the
   same without the return slot. A window has T timesteps; a timestep has S slots: P patches of the
   frame, then (return,) action, reward. */
#ifndef PPI_MODEL_MGDT_H
#define PPI_MODEL_MGDT_H

#include "nn/nn.h"

#define PPI_MGDT_RETURN_MIN (-20)
#define PPI_MGDT_RETURN_MAX 100
#define PPI_MGDT_REWARDS    4

typedef struct ppi_mgdt_config {
    int64_t layers;
    int64_t width; /* a multiple of 64: one head per 64 columns */
    int64_t timesteps;
    int64_t board_h, board_w, board_c; /* of a frame as the network sees it */
    int64_t patch;                     /* side of a square patch; divides board_h and board_w */
    int64_t actions;
    int64_t return_bins; /* 120 as published, or 121 */
    bool conditioned;    /* return slot, return head (false: behaviour cloning) */
    bool single_return;  /* only the first return of a window carries information */
    bool plain_sum; /* loss = sum of the mean cross-entropies instead of (1/18, 1/120, 1/4) / 3 */
    float frame_scale; /* of a byte: 1/255 for grey frames, 1 for planes */
    float dropout;
} ppi_mgdt_config;

/* Defaults for grey 84x84 frames, 18 actions, conditioned, dropout 0.1, and the sizes
   "tiny", "small", "10m", "40m", "200m". PP_ERR_NOT_FOUND names the sizes. */
pp_status ppi_mgdt_config_size(ppi_mgdt_config *c, const char *size);
/* Names of the sizes, smallest first, NULL-terminated. */
extern const char *const ppi_mgdt_sizes[];
/* PP_ERR_SHAPE or PP_ERR_ARGUMENT with the offending values. */
pp_status ppi_mgdt_config_check(const ppi_mgdt_config *c);

/* Layout of a timestep. */
static inline int64_t ppi_mgdt_patches(const ppi_mgdt_config *c) {
    return (c->board_h / c->patch) * (c->board_w / c->patch);
}
static inline int64_t ppi_mgdt_slots(const ppi_mgdt_config *c) {
    return ppi_mgdt_patches(c) + (c->conditioned ? 3 : 2);
}
static inline int64_t ppi_mgdt_tokens(const ppi_mgdt_config *c) {
    return c->timesteps * ppi_mgdt_slots(c);
}
/* Attention mask of a window whose first row is token q_offset. */
ppi_mask ppi_mgdt_mask(const ppi_mgdt_config *c, int64_t q_offset);

/* Return token: clip(trunc(r), -20, 100) + 20, so 0..120. */
int32_t ppi_mgdt_return_token(double r);
/* Reward token: 0 for zero, 1 for positive, 3 for negative. */
int32_t ppi_mgdt_reward_token(double r);

/* Training graph for B windows, backward included. Inputs (U8, I32): "frames" [B,T,H,W,C],
   "returns" "actions" "rewards" [B*T] tokens, "return_targets" [B] (single_return) or [B*T]; token
   120 with 120 bins has no target and adds 0 to the mean. Outputs (f32): "loss", "loss_action",
   "loss_return", "loss_reward" [1], "action_logits" [B*T,A]. */
pp_status ppi_mgdt_build_train(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch);
/* The same without dropout, loss and gradients. Outputs "return_logits" [B,T,bins], "action_logits"
 * [B,T,A], "reward_logits" [B,T,4]. */
pp_status ppi_mgdt_build_forward(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch);
/* First pass of acting: the patches of the oldest frame. Input "frames" [B,1,H,W,C]. Outputs
   "return_logits" [B,bins] and "k<layer>", "v<layer>" [B,P,D]. Needs conditioned and single_return.
 */
pp_status ppi_mgdt_build_prefill(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch);
/* Second pass: everything from the first return slot to the slot that predicts the last action.
   Inputs "k<layer>", "v<layer>" f32 [B,P,D] of the first pass, "first_returns" "first_actions"
   "first_rewards" [B], "frames" [B,T-1,H,W,C], "actions" "rewards" [B*(T-1)]. Output
   "action_logits" [B,A]. */
pp_status ppi_mgdt_build_act(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch);
/* Acting of the unconditioned network in one pass: "frames" [B,T,H,W,C], "actions" "rewards" [B*T]
 * -> "action_logits" [B,A]. */
pp_status ppi_mgdt_build_clone_act(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch);

#endif
