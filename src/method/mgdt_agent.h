/* The agent behind the methods "mgdt" and "bc", shared by the files that create it, train it and
   let it act. The two differ in the configuration of the network and in their option tables. */
#ifndef PPI_METHOD_MGDT_AGENT_H
#define PPI_METHOD_MGDT_AGENT_H

#include <stddef.h>

#include "method/method.h"
#include "method/program.h"
#include "method/sampling.h"
#include "model/mgdt.h"
#include "tensor/optim.h"

/* model.* */
typedef struct ppi_mgdt_model_options {
    int64_t patch;  /* 0 = 14 for grey84, 7 for planes */
    char board[32]; /* "HxWxC" that smaller boards are padded to; empty = 84x84x1 or 14x14x10 */
    int64_t return_bins; /* 120 or 121 */
    bool single_return;
    double dropout;
    int loss; /* 0 = weighted by 1/classes, 1 = plain sum */
} ppi_mgdt_model_options;

/* Acting presets, in the order of the enum. */
#define PPI_MGDT_PRESETS "notebook|paper"
enum { PPI_MGDT_NOTEBOOK, PPI_MGDT_PAPER };
#define PPI_MGDT_MAX_SAMPLES 512 /* returns drawn per decision */

/* mgdt.* and bc.*: acting. Negative numbers (0 for num_samples) mean "as the preset says". */
typedef struct ppi_mgdt_acting_options {
    int preset;          /* PPI_MGDT_NOTEBOOK or PPI_MGDT_PAPER */
    double kappa;        /* weight of the bias exp(kappa (R - low)/(high - low)) on the return */
    int64_t num_samples; /* returns drawn per decision, the largest is kept */
    double return_temperature, action_temperature; /* multiply the logits */
    double return_percentile, action_percentile;   /* 0..100; 0 = keep all */
    int64_t top_k;                                 /* action logits kept; 0 = all */
    bool greedy;                                   /* the largest action logit */
} ppi_mgdt_acting_options;

typedef struct ppi_mgdt_options {
    ppi_mgdt_model_options model;
    ppi_mgdt_acting_options acting;
    ppi_optim_options optim;
} ppi_mgdt_options;

/* Acting settings with the preset filled in. */
ppi_mgdt_acting_options ppi_mgdt_acting_resolve(const ppi_mgdt_acting_options *o);

/* One environment while acting: the rolling window, oldest step first. */
typedef struct ppi_mgdt_env {
    uint8_t *frames; /* [T, board] into the agent's block */
    int32_t *action; /* [T] */
    int32_t *reward; /* [T] tokens */
    uint64_t episode;
    int64_t step; /* in the episode */
} ppi_mgdt_env;

typedef struct ppi_mgdt_agent {
    ppi_agent base; /* first: the agent is handed around as ppi_agent */
    ppi_mgdt_options o;
    char size[16];
    ppi_mgdt_config c;
    int64_t board; /* bytes of one frame of the network */

    ppi_program train;
    int64_t batch; /* of the training plan */

    ppi_program prefill, act; /* act: second pass, or the single pass of bc */
    ppi_program full;         /* sampling every return: whole windows */
    int64_t n_envs;
    ppi_mgdt_env *env;
    uint8_t *frames;  /* [n_envs, T, board] */
    int32_t *ids;     /* [n_envs, 2, T] */
    int32_t *returns; /* [n_envs, T] tokens of the running decision */

    ppi_program forward;
    int64_t forward_batch;
    ppi_io_tensor io[8];
    int io_count;
    void *io_block; /* memory behind io[] except the frames */
} ppi_mgdt_agent;

/* Builders of model/mgdt.h have this form. */
typedef pp_status (*ppi_mgdt_builder)(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch);

/* Builds and compiles into an empty program. */
pp_status ppi_mgdt_compile(ppi_mgdt_agent *a, ppi_program *out, ppi_mgdt_builder build,
                           int64_t batch);
/* Copies n full action ids; PP_ERR_ARGUMENT names the first one the network does not know. */
pp_status ppi_mgdt_put_actions(const ppi_mgdt_agent *a, int32_t *out, const int32_t *actions,
                               int64_t n);
/* One observation into board layout: zero-padded at the right, bottom and in channels. */
void ppi_mgdt_frame(const ppi_mgdt_agent *a, uint8_t *out, const uint8_t *obs);

/* Parts of the table of calls that live in files of their own. */
pp_status ppi_mgdt_train_setup(ppi_agent *a, int64_t batch, int64_t total_steps);
pp_status ppi_mgdt_train_step(ppi_agent *a, const struct ppi_batch *b, int64_t step,
                              ppi_metrics *out);
pp_status ppi_mgdt_act_begin(ppi_agent *a, int64_t n_envs);
pp_status ppi_mgdt_act_reset(ppi_agent *a, int64_t env, const uint8_t *obs, uint64_t episode);
pp_status ppi_mgdt_act(ppi_agent *a, const uint8_t *live, int32_t *actions);
pp_status ppi_mgdt_observe(ppi_agent *a, int64_t env, int32_t action, double reward,
                           const uint8_t *next_obs);
pp_status ppi_mgdt_describe_acting(const ppi_agent *a, ppi_jsonw *w);
pp_status ppi_mgdt_forward_setup(ppi_agent *a, int64_t batch, const ppi_io_tensor **io, int *n);
pp_status ppi_mgdt_forward(ppi_agent *a);
/* Releases the acting plans and the windows of the environments; allowed before any acting. */
void ppi_mgdt_act_end(ppi_mgdt_agent *a);

/* What the rows of both methods share: the calls, the recipes, the table model.*, and creation for
   the network with (conditioned) or without the return slot. */
extern const ppi_agent_calls ppi_mgdt_calls;
extern const ppi_option_table ppi_mgdt_model_table;
pp_status ppi_mgdt_create(ppi_agent **out, const ppi_agent_config *cfg, bool conditioned);
pp_status ppi_mgdt_recipe(ppi_options *set, const char *size);
int64_t ppi_mgdt_default_batch(const char *size);

/* clang-format off */
/* Members that the rows of both methods share. */
#define PPI_MGDT_SHARED_MEMBERS                                                                    \
    .options_size = sizeof(ppi_mgdt_options), .sizes = ppi_mgdt_sizes, .recipe = ppi_mgdt_recipe,  \
    .default_batch = ppi_mgdt_default_batch, .calls = &ppi_mgdt_calls

/* Option rows for drawing an action from its logits; `method` is the prefix of the names. */
#define PPI_MGDT_ACTION_ROW(method, row, kind, member)                                             \
    .name = method "." row, .type = kind, .offset = offsetof(ppi_mgdt_acting_options, member)
#define PPI_MGDT_ACTION_ROWS(method)                                                               \
    {PPI_MGDT_ACTION_ROW(method, "action-temperature", PPI_OPT_F64, action_temperature),           \
     .def = "-1", .min = -1, .max = 1000,                                                          \
     .help = "Multiplies the action logits; -1 = as the preset says."},                            \
    {PPI_MGDT_ACTION_ROW(method, "action-percentile", PPI_OPT_F64, action_percentile),             \
     .def = "-1", .min = -1, .max = 100,                                                           \
     .help = "Keep action logits above this percentile; 0 = all, -1 = as the preset says."},       \
    {PPI_MGDT_ACTION_ROW(method, "top-k", PPI_OPT_I64, top_k),                                     \
     .def = "0", .min = 0, .max = 1024,                                                            \
     .help = "Keep the k largest action logits; 0 = all."},                                        \
    {PPI_MGDT_ACTION_ROW(method, "greedy", PPI_OPT_BOOL, greedy),                                  \
     .def = "off",                                                                                 \
     .help = "Take the largest action logit instead of drawing."}
/* clang-format on */

/* Rows of the registry. */
extern const ppi_method ppi_method_mgdt;
extern const ppi_method ppi_method_bc;

#endif
