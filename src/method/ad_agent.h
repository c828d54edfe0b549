/* The agent behind the methods "ad" and "ed", shared by the files that create it, train it and let
   it act. The two differ in the data they are trained on. */
#ifndef PPI_METHOD_AD_AGENT_H
#define PPI_METHOD_AD_AGENT_H

#include <stddef.h>

#include "method/method.h"
#include "method/program.h"
#include "model/ad.h"
#include "tensor/optim.h"

/* model.*; -1 in dropouts, mask and smoothing: as published for the environment. */
typedef struct ppi_ad_model_options {
    int core, layout, norm, positions, mask_kind;
    int episode_ends; /* 0 off, 1 on, 2 as the environment needs it */
    bool smooth_cells;
    int cell_embedding; /* 0 = one table a component, rows summed; 1 = one row for every cell */
    int64_t context;    /* 0 = as the environment says */
    int64_t layers, width, heads, ffn, lstm, dense;
    int64_t channels; /* of the image encoder */
    double image_dropout;
    double dropout, attention_dropout, mask, label_smoothing, embedding_scale;
} ppi_ad_model_options;

/* ad.*: acting. */
typedef struct ppi_ad_acting_options {
    double temperature; /* the logits are divided by it */
    bool greedy;
    bool anchor; /* keep keys and values; a full window drops its older half */
} ppi_ad_acting_options;

typedef struct ppi_ad_options {
    ppi_ad_model_options model;
    ppi_ad_acting_options acting;
    ppi_optim_options optim;
} ppi_ad_options;

/* One environment while acting: the steps of its window, oldest first. */
typedef struct ppi_ad_run {
    int32_t *row;    /* [T, tables] rows of the observation's tables */
    float *feature;  /* [T, PPI_AD_FEATURES] of images */
    uint8_t *frame;  /* the last step's image */
    bool fresh;      /* it is not encoded yet */
    int32_t *action; /* [T] choices */
    int32_t *reward; /* [T] tokens */
    int64_t length;  /* steps in the window, the running one included */
    int64_t cached;  /* anchored: steps whose keys and values are kept */
    bool open;       /* the last step waits for its action and reward */
    uint64_t run;    /* keys the draws, with the number of decisions */
    uint64_t decisions;
} ppi_ad_run;

typedef struct ppi_ad_agent {
    ppi_agent base; /* first: the agent is handed around as ppi_agent */
    ppi_ad_options o;
    char size[16];
    char env[PP_ENV_ID_BYTES];
    ppi_ad_config c;
    int32_t choice[256]; /* id of the environment -> choice, -1 = none */

    ppi_program train;
    int64_t batch; /* of the training plan */

    /* Acting of the transformer: full windows, windows of any length; the same with kept keys and
       values, for ad.anchor. Acting of the LSTM. Images. */
    ppi_program full, partial;
    ppi_program prefill, next;
    ppi_program fold, decide;
    ppi_program encode;
    /* LSTM: h and c behind the folded steps [2, n_envs, lstm]; ad.anchor: keys or values of a layer
       on their way [n_envs, T, width]. */
    float *state;
    float *logits; /* [n_envs, A] of the latest decision */
    int64_t n_envs;
    ppi_ad_run *run;
    int32_t *ids;    /* [n_envs, T, tables + 2] behind the runs */
    float *features; /* [n_envs, T, PPI_AD_FEATURES] behind the runs, for images */
    uint8_t *frames; /* [n_envs, bytes] behind the runs, for images */

    ppi_program forward;
    int64_t forward_batch;
    ppi_io_tensor io[5];
    int io_count;
    void *io_block; /* memory behind io[] */
} ppi_ad_agent;

/* Builders of model/ad.h have this form. */
typedef pp_status (*ppi_ad_builder)(ppi_graph *g, const ppi_ad_config *c, int64_t batch);
/* Builds and compiles into an empty program; inputs that are always zero are set. */
pp_status ppi_ad_compile(ppi_ad_agent *a, ppi_program *p, ppi_ad_builder build, int64_t batch);

/* One observation as table rows [tables]; PP_ERR_ARGUMENT names a component above its limit. */
pp_status ppi_ad_obs_rows(const ppi_ad_agent *a, const uint8_t *obs, int32_t *rows);
/* An id of the environment as choice; PP_ERR_ARGUMENT for one that the agent does not know. */
pp_status ppi_ad_choice(const ppi_ad_agent *a, int32_t action, int32_t *choice);

/* The memory of a program's inputs; those of observations are NULL where it has none of the kind.
 */
typedef struct ppi_ad_inputs {
    int32_t *obs[PPI_AD_TABLES]; /* "obs<i>" [n] */
    uint8_t *frames;             /* "frames" [n, bytes] */
    float *features;             /* "features" [n, PPI_AD_FEATURES] */
    int32_t *actions, *rewards;  /* "actions", "rewards" [n] */
} ppi_ad_inputs;
pp_status ppi_ad_obs_inputs(const ppi_ad_agent *a, const ppi_program *p, ppi_ad_inputs *in);
/* The same with actions and rewards. */
pp_status ppi_ad_inputs_of(const ppi_ad_agent *a, const ppi_program *p, ppi_ad_inputs *in);
/* Puts n raw observations into the inputs of a program that reads raw ones, from row `at` on. */
pp_status ppi_ad_put_obs(const ppi_ad_agent *a, const ppi_ad_inputs *in, int64_t at,
                         const uint8_t *obs, int64_t n);
/* Puts the observation of step t of a window into the inputs of a program of acting. */
void ppi_ad_put_step_obs(const ppi_ad_agent *a, const ppi_ad_inputs *in, int64_t at,
                         const ppi_ad_run *r, int64_t t);
/* Puts choices and reward tokens [n] of one window's steps, beginning at row `at` of the inputs: as
 * they are, or one step later behind the start token where the layout wants the step before. */
void ppi_ad_put_steps(const ppi_ad_agent *a, const ppi_ad_inputs *in, int64_t at,
                      const int32_t *choice, const int32_t *reward, int64_t n);

/* Parts of the table of calls that live in files of their own. */
pp_status ppi_ad_train_setup(ppi_agent *a, int64_t batch, int64_t total_steps);
pp_status ppi_ad_train_step(ppi_agent *a, const struct ppi_batch *b, int64_t step,
                            ppi_metrics *out);
pp_status ppi_ad_act_begin(ppi_agent *a, int64_t n_envs);
pp_status ppi_ad_act_reset(ppi_agent *a, int64_t env, const uint8_t *obs, uint64_t episode);
pp_status ppi_ad_act(ppi_agent *a, const uint8_t *live, int32_t *actions);
pp_status ppi_ad_observe(ppi_agent *a, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs);
pp_status ppi_ad_act_task(ppi_agent *a, int64_t env, uint64_t run);
pp_status ppi_ad_act_prompt(ppi_agent *a, int64_t env, const ppi_prompt *prompt);
pp_status ppi_ad_describe_acting(const ppi_agent *a, ppi_jsonw *w);
pp_status ppi_ad_forward_setup(ppi_agent *a, int64_t batch, const ppi_io_tensor **io, int *n);
pp_status ppi_ad_forward(ppi_agent *a);

/* ---- parts of acting ---- */

static inline bool ppi_ad_is_live(const uint8_t *live, int64_t i) {
    return live == NULL || live[i] != 0;
}
/* The `n` oldest steps leave the window. */
void ppi_ad_run_shift(const ppi_ad_agent *a, ppi_ad_run *r, int64_t n);
/* Copies all windows into a program's inputs, and for windows of any length the place of the
   running step into "last". What stands behind a window has no influence. */
pp_status ppi_ad_fill_windows(const ppi_ad_agent *a, const ppi_program *p, bool any_length);
/* Takes the logits of an environment out of a program's output. */
pp_status ppi_ad_take_logits(ppi_ad_agent *a, const ppi_program *p, int64_t env);

/* The LSTM (ad_recur.c): compiles for n environments; takes the steps of all windows that are over
   into the states and out of the windows; the logits of the running steps. */
pp_status ppi_ad_recur_begin(ppi_ad_agent *a, int64_t n);
pp_status ppi_ad_recur_fold(ppi_ad_agent *a);
pp_status ppi_ad_recur_logits(ppi_ad_agent *a);
/* Forgets what environment `env` has seen. */
void ppi_ad_recur_clear(ppi_ad_agent *a, int64_t env);

/* Kept keys and values (ad_anchor.c): compiles for n environments; the logits of the live ones. */
pp_status ppi_ad_anchor_begin(ppi_ad_agent *a, int64_t n);
pp_status ppi_ad_anchor_logits(ppi_ad_agent *a, const uint8_t *live);

/* Images, each encoded once (ad_frames.c): compiles for n environments; encodes `count` images
   [count, bytes] into out [count, PPI_AD_FEATURES]; encodes what is fresh. */
pp_status ppi_ad_frames_begin(ppi_ad_agent *a, int64_t n);
pp_status ppi_ad_frames_encode(ppi_ad_agent *a, const uint8_t *frames, int64_t count, float *out);
pp_status ppi_ad_frames_settle(ppi_ad_agent *a);

/* Releases the acting plans and the windows; allowed before any acting. */
void ppi_ad_act_end(ppi_ad_agent *a);

/* Rows of the registry. */
extern const ppi_method ppi_method_ad;
extern const ppi_method ppi_method_ed;

#endif
