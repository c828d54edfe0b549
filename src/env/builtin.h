/* The built-in environments that are not arcade games: bandits, dark rooms, Watermaze.
 *
 * They follow the environments of Algorithm Distillation (Laskin et al. 2022). An instance plays
 * one task (config.task), which its observations never show. Every episode has the same length,
 * spec.max_steps, whose last step reports `terminated`: that length is the task's own end, not a
 * cap. Rules, views and tasks: docs/environments.md. */
#ifndef PPI_ENV_BUILTIN_H
#define PPI_ENV_BUILTIN_H

#include <stdint.h>

#include <polyplay/env.h>

enum {
    PPI_BANDITS = 4,    /* bandit/train, odd, even, uniform */
    PPI_DARK_ROOMS = 3, /* dark/room, room-hard, key-to-door */
    PPI_BUILTIN_COUNT = PPI_BANDITS + PPI_DARK_ROOMS + 1
};

/* Numbers of the Philox streams (purpose PPI_RNG_ENV) so that equal keys never share numbers. */
enum {
    PPI_STREAM_EPISODES = 0, /* key = seed of reset: what varies between and within episodes */
    PPI_STREAM_TASK = 1,     /* key = task number: what the task hides */
    PPI_STREAM_SPLIT = 2,    /* key = split seed: which tasks are for training */
};

/* All tables, for the registry. create tells family members apart by config.id. */
extern const pp_env_vtable *const ppi_builtin_vtables[PPI_BUILTIN_COUNT];

extern const pp_env_vtable ppi_bandit_vtables[PPI_BANDITS];
extern const pp_env_vtable ppi_dark_vtables[PPI_DARK_ROOMS];
extern const pp_env_vtable ppi_watermaze_vtable;

/* Limits that a family sets to its configuration. */
typedef struct ppi_builtin_limits {
    int32_t modes;      /* modes 0..modes-1 */
    int32_t steps;      /* length of every episode */
    int64_t task_count; /* tasks 0..task_count-1, 0 = any number that is not negative */
} ppi_builtin_limits;

/* Refuses what the environment `id` cannot do: modes and tasks out of range, Atari start rules,
 * sticky actions, a cap below the fixed length. */
int32_t ppi_builtin_check(const pp_env_config *config, const char *id,
                          const ppi_builtin_limits *limits, pp_env_error *error);
/* Refuses a reading where the rules allow one only. */
int32_t ppi_builtin_no_reading(const pp_env_config *config, const char *id, pp_env_error *error);
/* Clears the specification and fills id, actions (names[count]), length, frame skip, rewards 0..1
 * and backend. */
void ppi_builtin_describe(pp_env_spec *spec, const char *id, const char *const *names,
                          int32_t count, const ppi_builtin_limits *limits);
/* Text for an action outside 0..count-1 or a step before the first reset. */
int32_t ppi_builtin_bad_step(const char *id, int32_t action, int32_t count, pp_env_error *error);
/* Body of save_state for a state of `bytes` bytes without pointers. */
int32_t ppi_builtin_save(const char *id, const void *state, uint64_t bytes, uint8_t *buffer,
                         uint64_t size, uint64_t *needed, pp_env_error *error);
/* Checks the size of a saved state; the caller checks its content with ppi_builtin_bad_state. */
int32_t ppi_builtin_check_size(const char *id, uint64_t bytes, uint64_t size, pp_env_error *error);
int32_t ppi_builtin_bad_state(const char *id, int64_t task, pp_env_error *error);

/* Fills rows y0..y1-1 and columns x0..x1-1 of rgb u8 [h,w,3]; the part outside is cut off. */
void ppi_builtin_fill(uint8_t *rgb, int32_t h, int32_t w, int32_t y0, int32_t x0, int32_t y1,
                      int32_t x1, const uint8_t colour[3]);
/* The same for a disc of `radius` around (y, x), pixel centres at .5. */
void ppi_builtin_disc(uint8_t *rgb, int32_t h, int32_t w, double y, double x, double radius,
                      const uint8_t colour[3]);

#endif
