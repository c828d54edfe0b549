/* Parts that online methods share: how an agent begins, the calls that only methods trained on
   recorded data answer, observations of small integers as table rows, what an agent without memory
   keeps while it acts, and the reader of saved states. */
#ifndef PPI_METHOD_ONLINE_H
#define PPI_METHOD_ONLINE_H

#include "base/rng.h"
#include "method/learner.h"
#include "method/method.h"

/* Fills the common part of an agent. `options` (a struct inside the agent) gets a copy of the
 * configured one, `size` (bytes in size_bytes) the name of the size, and an empty action list
 * becomes the 18 joystick ids. */
void ppi_online_init(ppi_agent *a, const ppi_agent_config *cfg, void *options, char *size,
                     size_t size_bytes);

/* PP_ERR_UNSUPPORTED with the command to use instead: for methods that never see a dataset and have
 * no network to run by itself. */
int64_t ppi_online_window(const ppi_agent *a);
pp_status ppi_online_train_setup(ppi_agent *a, int64_t batch, int64_t total_steps);
pp_status ppi_online_train_step(ppi_agent *a, const struct ppi_batch *b, int64_t step,
                                ppi_metrics *out);
pp_status ppi_online_forward_setup(ppi_agent *a, int64_t batch, const ppi_io_tensor **io, int *n);
pp_status ppi_online_forward(ppi_agent *a);
int64_t ppi_online_default_batch(const char *size);
ppi_plan *ppi_online_no_plan(const ppi_agent *a, const char *which); /* NULL */

/* Their members of a table of calls. */
#define PPI_ONLINE_NOT_FROM_DATA                                                                   \
    .window = ppi_online_window, .train_setup = ppi_online_train_setup,                            \
    .train_step = ppi_online_train_step, .forward_setup = ppi_online_forward_setup,                \
    .forward = ppi_online_forward

/* The only size of methods without a network. */
extern const char *const ppi_one_size[];

/* Options a recipe gives to what the user left open. */
typedef struct ppi_option_value {
    const char *name, *value;
} ppi_option_value;
pp_status ppi_online_recipe(ppi_options *set, const char *size, const ppi_option_value *rows,
                            size_t count);

/* Number of possible observations of PP_OBS_CELLS, the product of high + 1; 0 for other kinds and
 * for more than `limit`. */
int64_t ppi_cells_count(const ppi_obs_spec *obs, int64_t limit);
/* Row of an observation: mixed radix, the last component fastest. PP_ERR_ARGUMENT names a component
 * above its limit. */
pp_status ppi_cells_row(const ppi_obs_spec *obs, const uint8_t *cells, int64_t *row);
/* The observation of a row, cells[obs->c]. */
void ppi_cells_of_row(const ppi_obs_spec *obs, int64_t row, uint8_t *cells);

/* PP_ERR_ARGUMENT unless the id is legal in row `stream` of legal[streams, PP_ENV_ACTIONS]. */
pp_status ppi_learn_action_check(const ppi_agent *a, const uint8_t *legal, int64_t stream,
                                 int32_t id);
/* Place of an id in the action list of the agent, -1 when it is not there. */
int32_t ppi_online_choice(const ppi_agent *a, int32_t id);
/* Lists the legal ids of a row, ids[PP_ENV_ACTIONS]; returns their number. */
int32_t ppi_legal_ids(const uint8_t *legal, int32_t *ids);
/* What every learner asks of a set-up: streams and an action for each of them. */
pp_status ppi_learn_setup_check(const ppi_agent *a, const ppi_learn_setup *setup);
/* One generator per stream for the draws of a learner, rng[streams]; purpose PPI_RNG_ACT. */
void ppi_learn_rngs(ppi_rng *rng, const ppi_learn_setup *setup);

/* What an agent that chooses by the present observation alone keeps of each environment. */
typedef struct ppi_acting {
    int64_t n;         /* environments, 0 = not begun */
    int64_t obs_bytes; /* of one observation */
    uint8_t *obs;      /* [n, obs_bytes] */
    uint64_t *episode; /* [n] */
    int64_t *step;     /* [n] in the episode */
} ppi_acting;
pp_status ppi_acting_begin(ppi_acting *s, const ppi_agent *a, int64_t n_envs);
void ppi_acting_end(ppi_acting *s); /* allowed before begin */
pp_status ppi_acting_reset(ppi_acting *s, int64_t env, const uint8_t *obs, uint64_t episode);
pp_status ppi_acting_observe(ppi_acting *s, int64_t env, const uint8_t *next_obs);
/* Generator of the present decision, keyed by (agent seed, episode, step). */
ppi_rng ppi_acting_rng(const ppi_acting *s, const ppi_agent *a, int64_t env);

/* Reads what a `save` callback appended. */
typedef struct ppi_state_reader {
    const uint8_t *at;
    size_t left;
    bool failed; /* something was asked for that is not there */
} ppi_state_reader;
/* Copies the next `size` bytes, or clears `to` and marks the reader as failed. */
void ppi_state_read(ppi_state_reader *r, void *to, size_t size);
/* PP_ERR_CORRUPT naming the method unless everything was there and nothing is left. */
pp_status ppi_state_end(const ppi_state_reader *r, const ppi_agent *a);

#endif
