/* The agent behind the methods "mgdt" and "bc", shared by the files that create it, train it and let
   it act. The two differ in the configuration of the network and in their option tables. */
#ifndef PPI_METHOD_MGDT_AGENT_H
#define PPI_METHOD_MGDT_AGENT_H

#include "method/method.h"
#include "method/sampling.h"
#include "model/mgdt.h"
#include "tensor/optim.h"

/* model.* */
typedef struct ppi_mgdt_model_options {
    int64_t patch;       /* 0 = 14 for grey84, 7 for planes */
    char board[32];      /* "HxWxC" that smaller boards are padded to; empty = 84x84x1 or 14x14x10 */
    int64_t return_bins; /* 120 or 121 */
    bool single_return;
    double dropout;
    int loss; /* 0 = weighted by 1/classes, 1 = plain sum */
} ppi_mgdt_model_options;

/* mgdt.* and bc.*: acting. Negative numbers (0 for the counts) mean "as the preset says". */
typedef struct ppi_mgdt_acting_options {
    int preset; /* 0 = notebook, 1 = paper */
    double kappa;
    int64_t num_samples;
    double return_temperature, action_temperature;
    double return_percentile, action_percentile;
    int64_t top_k;
    bool greedy;
} ppi_mgdt_acting_options;

typedef struct ppi_mgdt_options {
    ppi_mgdt_model_options model;
    ppi_mgdt_acting_options acting;
    ppi_optim_options optim;
} ppi_mgdt_options;

/* Acting settings with the preset filled in. */
ppi_mgdt_acting_options ppi_mgdt_acting_resolve(const ppi_mgdt_acting_options *o);

/* A plan and the graph it was compiled from. */
typedef struct ppi_mgdt_program {
    ppi_graph *graph;
    ppi_plan *plan;
} ppi_mgdt_program;

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

    ppi_mgdt_program train;
    int64_t batch; /* of the training plan */

    ppi_mgdt_program prefill, act; /* act: second pass, or the single pass of bc */
    ppi_mgdt_program full;         /* sampling every return: whole windows */
    int64_t n_envs;
    ppi_mgdt_env *env;
    uint8_t *frames;  /* [n_envs, T, board] */
    int32_t *ids;     /* [n_envs, 2, T] */
    int32_t *returns; /* [n_envs, T] tokens of the running decision */

    ppi_mgdt_program forward;
    int64_t forward_batch;
    ppi_io_tensor io[8];
    int io_count;
    void *io_block; /* memory behind io[] except the frames */
} ppi_mgdt_agent;

/* Builders of model/mgdt.h have this form. */
typedef pp_status (*ppi_mgdt_builder)(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch);

/* Builds and compiles into an empty program. */
pp_status ppi_mgdt_compile(ppi_mgdt_agent *a, ppi_mgdt_program *out, ppi_mgdt_builder build, int64_t batch);
void ppi_mgdt_program_clear(ppi_mgdt_program *p);
/* Input memory of a plan by name, and an output copied as f32 (n elements). Names that are missing are PP_ERR_INTERNAL. */
pp_status ppi_mgdt_input(const ppi_mgdt_program *p, const char *name, void **out);
pp_status ppi_mgdt_read(const ppi_mgdt_program *p, const char *name, float *out, int64_t n);
/* One observation into board layout: zero-padded at the right, bottom and in channels. */
void ppi_mgdt_frame(const ppi_mgdt_agent *a, uint8_t *out, const uint8_t *obs);

/* Callbacks of the method table. */
pp_status ppi_mgdt_train_setup(ppi_agent *a, int64_t batch, int64_t total_steps);
pp_status ppi_mgdt_train_step(ppi_agent *a, const struct ppi_batch *b, int64_t step, ppi_metrics *out);
pp_status ppi_mgdt_act_begin(ppi_agent *a, int64_t n_envs);
pp_status ppi_mgdt_act_reset(ppi_agent *a, int64_t env, const uint8_t *obs, uint64_t episode);
pp_status ppi_mgdt_act(ppi_agent *a, const uint8_t *live, int32_t *actions);
pp_status ppi_mgdt_observe(ppi_agent *a, int64_t env, int32_t action, double reward, const uint8_t *next_obs);
void ppi_mgdt_act_end(ppi_mgdt_agent *a);
pp_status ppi_mgdt_describe_acting(const ppi_agent *a, ppi_jsonw *w);
pp_status ppi_mgdt_forward_setup(ppi_agent *a, int64_t batch, const ppi_io_tensor **io, int *n);
pp_status ppi_mgdt_forward(ppi_agent *a);

/* Rows of the registry. */
extern const ppi_method ppi_method_mgdt;
extern const ppi_method ppi_method_bc;

/* Shared by both rows: creation for a conditioned or unconditioned network. */
pp_status ppi_mgdt_create(ppi_agent **out, const ppi_agent_config *cfg, bool conditioned);
void ppi_mgdt_destroy(ppi_agent *a);
int64_t ppi_mgdt_window(const ppi_agent *a);
const ppi_plan *ppi_mgdt_plan(const ppi_agent *a, const char *which);
pp_status ppi_mgdt_recipe(ppi_options *set, const char *size);
int64_t ppi_mgdt_default_batch(const char *size);
extern const ppi_option_table ppi_mgdt_model_table;

#endif
