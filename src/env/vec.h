/* Many environments stepped together. The vec owns contiguous arrays and every environment writes
 * its own rows, so results are equal for any number of threads. */
#ifndef PPI_ENV_VEC_H
#define PPI_ENV_VEC_H

#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "base/buf.h"
#include "env/protocol.h"
#include "env/registry.h"

typedef struct ppi_vec ppi_vec;

/* Makes n_envs environments, environment i with id ids[i]; all must share one observation shape.
 * options NULL = defaults. Release with ppi_vec_destroy. */
pp_status ppi_vec_create(ppi_vec **out, const char *const *ids, int n_envs,
                         const ppi_env_options *options, int threads);
void ppi_vec_destroy(ppi_vec *vec);

int ppi_vec_count(const ppi_vec *vec);
/* Specification of environment i, owned by the vec. */
const pp_env_spec *ppi_vec_spec(const ppi_vec *vec, int i);

/* Starts an episode of environment i; its rows are refilled (reward 0, flags 0). */
pp_status ppi_vec_reset(ppi_vec *vec, int i, uint64_t seed);
/* The same for all, environment i with seeds[i]; runs on the threads. */
pp_status ppi_vec_reset_all(ppi_vec *vec, const uint64_t *seeds);
/* Plays actions[i] (full Atari ids 0..17) where active[i] is not 0; active NULL = all. Other
 * environments and their rows are untouched. No automatic reset: stepping an environment whose
 * episode ended returns reward 0 and the same flags. */
pp_status ppi_vec_step(ppi_vec *vec, const int32_t *actions, const uint8_t *active);

/* The arrays, owned by the vec and valid until it is destroyed. */
const uint8_t *ppi_vec_obs(const ppi_vec *vec);        /* u8 [N,H,W,C] */
const double *ppi_vec_reward(const ppi_vec *vec);      /* [N], raw */
const uint8_t *ppi_vec_terminated(const ppi_vec *vec); /* [N] */
const uint8_t *ppi_vec_truncated(const ppi_vec *vec);  /* [N] */
const int32_t *ppi_vec_lives(const ppi_vec *vec);      /* [N] */
const int32_t *ppi_vec_frames(const ppi_vec *vec);     /* [N], emulated in the last call */
const int64_t *ppi_vec_steps(const ppi_vec *vec);      /* [N], agent steps in the episode */
int64_t ppi_vec_obs_size(const ppi_vec *vec);          /* H*W*C */

/* State of environment i, generators included, appended to buf; load restores it and its rows. */
pp_status ppi_vec_save_state(ppi_vec *vec, int i, ppi_buf *buf);
pp_status ppi_vec_load_state(ppi_vec *vec, int i, const void *data, size_t size);
/* RGB picture u8 [render_h, render_w, 3] of environment i (sizes in its specification). */
pp_status ppi_vec_render(ppi_vec *vec, int i, uint8_t *rgb);

#endif
