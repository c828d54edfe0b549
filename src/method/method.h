/* A method is one way to make an agent: its options, its network, its training step and its way of
   acting. The run layer sees every method through the table below and the ppi_agent_ calls; this is
   the only layer where data (batches) and tensors meet. */
#ifndef PPI_METHOD_METHOD_H
#define PPI_METHOD_METHOD_H

#include <assert.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/options.h"
#include "tensor/params.h"
#include "tensor/plan.h"

struct ppi_batch; /* data/sampler.h */
typedef struct ppi_agent ppi_agent;
typedef struct ppi_method ppi_method;

/* What one observation looks like: see PP_OBS_* of polyplay/env.h. view "grey84": h = w = 84,
 * c = 1, values 0..255; "planes": values 0 or 1. */
typedef struct ppi_obs_spec {
    char view[16];
    int64_t h, w, c;
    int32_t type;               /* PP_OBS_* */
    int32_t high[PP_ENV_CELLS]; /* PP_OBS_CELLS: largest value of each component */
} ppi_obs_spec;

/* Bytes of one observation. */
static inline int64_t ppi_obs_bytes(const ppi_obs_spec *o) {
    return o->h * o->w * o->c * (o->type == PP_OBS_FLOAT ? (int64_t)sizeof(float) : 1);
}

/* The actions an agent chooses among. */
typedef struct ppi_action_spec {
    int32_t count;                /* 0 = the 18 joystick ids */
    int32_t list[PP_ENV_ACTIONS]; /* choice -> id of the environment */
} ppi_action_spec;

/* How to create an agent. Everything is copied; the backend must outlive the agent. */
typedef struct ppi_agent_config {
    const ppi_method *method;
    const char *size;    /* one of method->sizes; NULL = "small" */
    const void *options; /* the method's option struct (options_size bytes), filled through
                            ppi_method_bind */
    ppi_obs_spec obs;
    ppi_action_spec actions;
    const char *env;            /* id of the environment, NULL = several or unknown */
    int32_t games;              /* games one network serves, at least 1 for online methods */
    uint64_t seed;              /* initial weights, dropout and acting draws */
    ppi_dtype_policy policy;    /* F32 or BF16 */
    int threads;                /* at least 1 */
    const ppi_backend *backend; /* NULL = ppi_cpu_backend() */
} ppi_agent_config;

/* One named figure of a training step: "losses/total", "charts/lr", ... names live for ever. */
#define PPI_MAX_METRICS 16
typedef struct ppi_metrics {
    int count;
    struct {
        const char *name;
        double value;
    } item[PPI_MAX_METRICS];
} ppi_metrics;

/* Appends one figure; a step has at most PPI_MAX_METRICS of them. */
static inline void ppi_metrics_add(ppi_metrics *m, const char *name, double value) {
    assert(m->count < PPI_MAX_METRICS);
    if (m->count == PPI_MAX_METRICS) return;
    m->item[m->count].name = name;
    m->item[m->count].value = value;
    m->count++;
}

/* A tensor of the network's public interface (`polyplay forward`, `info --io`). */
typedef struct ppi_io_tensor {
    const char *name;
    ppi_dtype dtype; /* U8, I32 or F32 */
    ppi_shape shape;
    bool output;
    void *data; /* owned by the agent: write inputs, read outputs */
} ppi_io_tensor;

/* An option table and where its struct lies inside the method's option struct. */
typedef struct ppi_method_table {
    const ppi_option_table *table;
    size_t offset;
} ppi_method_table;

/* Steps put in front of an agent that learns in context; arrays valid during the call. */
typedef struct ppi_prompt {
    int64_t steps;
    const uint8_t *obs;    /* [steps, obs bytes] */
    const int32_t *action; /* [steps] ids of the environment */
    const float *reward;   /* [steps] raw */
    const uint8_t *last;   /* [steps] 1 = the last step of its episode; NULL: none is */
} ppi_prompt;

/* What agents of one kind do: the callbacks behind the ppi_agent_ calls, with the same contracts.
   Methods that differ only in options and network share one table. */
typedef struct ppi_agent_calls {
    void (*destroy)(ppi_agent *a);
    int64_t (*window)(const ppi_agent *a);
    pp_status (*train_setup)(ppi_agent *a, int64_t batch, int64_t total_steps);
    pp_status (*train_step)(ppi_agent *a, const struct ppi_batch *b, int64_t step,
                            ppi_metrics *out);
    pp_status (*act_begin)(ppi_agent *a, int64_t n_envs);
    /* May be NULL: every environment plays the one game of the agent. */
    pp_status (*act_game)(ppi_agent *a, int64_t env, int32_t game, const uint8_t *legal);
    pp_status (*act_reset)(ppi_agent *a, int64_t env, const uint8_t *obs, uint64_t episode);
    pp_status (*act)(ppi_agent *a, const uint8_t *live, int32_t *actions);
    pp_status (*observe)(ppi_agent *a, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs);
    /* NULL unless the agent learns in context. */
    pp_status (*act_task)(ppi_agent *a, int64_t env, uint64_t run);
    /* NULL unless the agent can be prompted. */
    pp_status (*act_prompt)(ppi_agent *a, int64_t env, const ppi_prompt *prompt);
    pp_status (*forward_setup)(ppi_agent *a, int64_t batch, const ppi_io_tensor **io, int *n);
    pp_status (*forward)(ppi_agent *a);
    pp_status (*describe_acting)(const ppi_agent *a, ppi_jsonw *w);
    ppi_plan *(*plan)(const ppi_agent *a, const char *which);
} ppi_agent_calls;

/* A method: its options, sizes and recipes, and how its agents are made. */
struct ppi_method {
    const char *name; /* "mgdt" */
    const char *help; /* one line */
    const ppi_method_table *tables;
    int table_count;
    size_t options_size;
    const char *const *sizes; /* names for --model, smallest first, NULL-terminated */
    const char *usual_size;   /* taken where --model is not given; NULL = "small" */
    pp_status (*recipe)(ppi_options *set, const char *size);
    int64_t (*default_batch)(const char *size);
    pp_status (*create)(ppi_agent **out, const ppi_agent_config *cfg);
    const ppi_agent_calls *calls;
    const struct ppi_learner_calls *learner; /* method/learner.h; NULL: learns from data only */
    bool histories; /* windows are drawn from whole learning histories and run across the ends of
                       episodes; datasets without histories are refused */
};

/* The part every agent begins with. */
struct ppi_agent {
    const ppi_method *method;
    ppi_params *params;
    /* backend is what the agent uses; options and size are copies of the agent's own */
    ppi_agent_config cfg;
};

/* Registry: methods by name; PP_ERR_NOT_FOUND names the nearest. */
int ppi_method_count(void);
const ppi_method *ppi_method_at(int i);
pp_status ppi_method_find(const ppi_method **out, const char *name);

/* Binds all option tables of the method to the struct at `options` (options_size bytes,
 * caller-owned, lives as long as the set). */
pp_status ppi_method_bind(const ppi_method *m, ppi_options *set, void *options);
/* After all options were read: fills what the user did not set from the recipe of a size (source
   "recipe <size>"). PP_ERR_NOT_FOUND names the sizes. */
pp_status ppi_method_apply_recipe(const ppi_method *m, ppi_options *set, const char *size);
/* The size that is taken where none was asked for; static. */
const char *ppi_method_usual_size(const ppi_method *m);
/* Batch size of the recipe of a size. */
int64_t ppi_method_default_batch(const ppi_method *m, const char *size);

/* Creates an agent: builds its parameters (allocated and initialised from the seed). */
pp_status ppi_agent_create(ppi_agent **out, const ppi_agent_config *cfg);
void ppi_agent_destroy(ppi_agent *a);
ppi_params *ppi_agent_params(ppi_agent *a);
/* To be called after the caller changed params->master (a loaded checkpoint): refreshes derived
 * copies. */
void ppi_agent_params_changed(ppi_agent *a);
/* Steps per training window (T of the batch). */
int64_t ppi_agent_window(const ppi_agent *a);

/* Builds the training plan and allocates gradients and optimiser slots (kept when already there, so
   a checkpoint may be loaded before or after). total_steps is the length of the schedule. */
pp_status ppi_agent_train_setup(ppi_agent *a, int64_t batch, int64_t total_steps);
/* One update, 0-based `step`: forward, loss, backward, clip, optimiser. The batch has the B of
   train_setup and T of window; obs, action, reward and (for return-conditioned methods) rtg must be
   present. A loss or gradient that is not finite changes no parameter and returns PP_ERR_NUMERIC
   naming the step and the first bad tensor. */
pp_status ppi_agent_train_step(ppi_agent *a, const struct ppi_batch *b, int64_t step,
                               ppi_metrics *out);

/* Acting for n_envs environments side by side. */
pp_status ppi_agent_act_begin(ppi_agent *a, int64_t n_envs);
/* Which game environment `env` plays from its next episode on: its index among those the agent was
 * trained on, -1 for another one, and legal[PP_ENV_ACTIONS], 1 = the id is in its action list. An
 * agent of one game has nothing to know and takes it without effect. */
pp_status ppi_agent_act_game(ppi_agent *a, int64_t env, int32_t game, const uint8_t *legal);
/* A new episode in environment `env` begins with `obs` (h*w*c bytes). Draws are keyed by (agent
 * seed, episode, step in the episode). */
pp_status ppi_agent_act_reset(ppi_agent *a, int64_t env, const uint8_t *obs, uint64_t episode);
/* Chooses actions[env] (full action ids) for the live environments; entries of the others are
 * untouched. live == NULL: all. */
pp_status ppi_agent_act(ppi_agent *a, const uint8_t *live, int32_t *actions);
/* Tells the outcome: the action taken, the raw reward, the next observation. */
pp_status ppi_agent_observe(ppi_agent *a, int64_t env, int32_t action, double reward,
                            const uint8_t *next_obs);

/* True for an agent that learns in context: what it saw in earlier episodes of a task changes what
 * it does, with frozen weights. */
bool ppi_agent_in_context(const ppi_agent *a);
/* A new task begins in environment `env`: everything the agent remembers of the one before is
 * dropped. Draws are keyed by (agent seed, run, steps since this call). The episodes of the task
 * then begin with ppi_agent_act_reset, which keeps the memory; the observe of an episode's last
 * step is made too, before that. PP_ERR_UNSUPPORTED for agents that do not learn in context. */
pp_status ppi_agent_act_task(ppi_agent *a, int64_t env, uint64_t run);
/* Between act_task and the first act_reset: as if these steps had been played.
 * PP_ERR_ARGUMENT: more steps than the context holds. */
pp_status ppi_agent_act_prompt(ppi_agent *a, int64_t env, const ppi_prompt *prompt);

/* The network once on given inputs: setup lists the tensors for this batch (the list and its memory
   are the agent's, valid until a set-up for another batch), the caller fills the inputs through
   io[i].data, forward fills the outputs. */
pp_status ppi_agent_forward_setup(ppi_agent *a, int64_t batch, const ppi_io_tensor **io, int *n);
pp_status ppi_agent_forward(ppi_agent *a);

/* Writes members (key, value) of the acting settings into an open JSON object: the `acting` group
 * of an evaluation record. */
pp_status ppi_agent_describe_acting(const ppi_agent *a, ppi_jsonw *w);
/* A plan already built, for printing and timing: "train", "act", "prefill", "forward"; NULL when it
 * is not there. Owned by the agent. */
ppi_plan *ppi_agent_plan(const ppi_agent *a, const char *which);

#endif
