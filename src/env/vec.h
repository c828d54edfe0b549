/* Many environments stepped together, the one way to step anything. The vec owns contiguous arrays
 * and every environment writes its own rows, so results are equal for any number of threads.
 * The public form of these calls is polyplay/vec.h. */
#ifndef PPI_ENV_VEC_H
#define PPI_ENV_VEC_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "base/buf.h"
#include "env/protocol.h"
#include "env/registry.h"

typedef struct ppi_vec ppi_vec;

/* What happens when an episode ends (Gymnasium's names). */
typedef enum ppi_autoreset {
    /* The caller resets; stepping an ended environment returns reward 0 and the same flags. */
    PPI_AUTORESET_DISABLED,
    /* The step after the end ignores its action, resets and returns reward 0, flags 0. */
    PPI_AUTORESET_NEXT_STEP,
    /* The step of the end already shows the first observation of the next episode; the last one of
     * the ended episode is in ppi_vec_final_obs. */
    PPI_AUTORESET_SAME_STEP
} ppi_autoreset;

/* What to create. */
typedef struct ppi_vec_config {
    const char *const *ids; /* [count] environment ids */
    int count;
    const ppi_env_options *options; /* NULL = defaults */
    const int64_t *tasks;           /* [count] task of each, NULL = options->task for all */
    int threads;
    ppi_autoreset autoreset;
} ppi_vec_config;

/* All environments must share one observation shape. Automatic resets continue the environment's
 * random stream (PP_ENV_KEEP_SEED). Release with ppi_vec_destroy. */
pp_status ppi_vec_open(ppi_vec **out, const ppi_vec_config *config);
/* The same with automatic resets disabled and no tasks. */
pp_status ppi_vec_create(ppi_vec **out, const char *const *ids, int n_envs,
                         const ppi_env_options *options, int threads);
void ppi_vec_destroy(ppi_vec *vec);

int ppi_vec_count(const ppi_vec *vec);
/* Specification of environment i, owned by the vec. */
const pp_env_spec *ppi_vec_spec(const ppi_vec *vec, int i);
/* Environment i itself, owned by the vec: for asking its scripted policy, not for stepping. */
const ppi_env *ppi_vec_env(const ppi_vec *vec, int i);

/* Starts an episode of environment i; its rows are refilled (reward 0, flags 0). */
pp_status ppi_vec_reset(ppi_vec *vec, int i, uint64_t seed);
/* The same for all, environment i with seeds[i]; runs on the threads. */
pp_status ppi_vec_reset_all(ppi_vec *vec, const uint64_t *seeds);
/* Environment i plays another task of its family from now on: it is made anew, whatever it was
 * doing, and an episode begins with this seed. Its row of observations is refilled; reward, flags,
 * frames and the figures of the episode that ended last stay. A task that cannot be made leaves it
 * as it was. */
pp_status ppi_vec_set_task(ppi_vec *vec, int i, int64_t task, uint64_t seed);
/* Plays actions[i] (0..action_count-1 of its specification) where active[i] is not 0; active
 * NULL = all. Other environments and their rows are untouched. PP_ERR_ARGUMENT for an action out of
 * range, before anything moved. When an environment fails, the text names it, the others have made
 * their step, and it stays failed until it is reset. */
pp_status ppi_vec_step(ppi_vec *vec, const int32_t *actions, const uint8_t *active);

/* True for an environment whose last call failed and that needs a reset; ppi_vec_failure is the
 * reason, "" for one that is well. */
bool ppi_vec_failed(const ppi_vec *vec, int i);
const char *ppi_vec_failure(const ppi_vec *vec, int i);

/* The arrays, owned by the vec and valid until it is destroyed. */
const uint8_t *ppi_vec_obs(const ppi_vec *vec);        /* [N, obs bytes] */
const uint8_t *ppi_vec_final_obs(const ppi_vec *vec);  /* [N, obs bytes], SAME_STEP only: rows of
                                                          episodes that ended in the last step */
const double *ppi_vec_reward(const ppi_vec *vec);      /* [N], raw */
const uint8_t *ppi_vec_terminated(const ppi_vec *vec); /* [N] */
const uint8_t *ppi_vec_truncated(const ppi_vec *vec);  /* [N] */
const int32_t *ppi_vec_lives(const ppi_vec *vec);      /* [N] */
const int32_t *ppi_vec_frames(const ppi_vec *vec);     /* [N], emulated in the last call */
const int64_t *ppi_vec_steps(const ppi_vec *vec);      /* [N], agent steps in the episode */
int64_t ppi_vec_obs_size(const ppi_vec *vec);          /* bytes of one observation */
/* Of the episode that ended last in each environment; undefined before the first end. */
const double *ppi_vec_episode_return(const ppi_vec *vec);  /* [N] */
const int64_t *ppi_vec_episode_length(const ppi_vec *vec); /* [N] agent steps */
const double *ppi_vec_episode_seconds(const ppi_vec *vec); /* [N] */

/* State of environment i, generators included, appended to buf; load restores it and its rows. */
pp_status ppi_vec_save_state(ppi_vec *vec, int i, ppi_buf *buf);
pp_status ppi_vec_load_state(ppi_vec *vec, int i, const void *data, size_t size);
/* RGB picture u8 [render_h, render_w, 3] of environment i (sizes in its specification). */
pp_status ppi_vec_render(ppi_vec *vec, int i, uint8_t *rgb);

#endif
