/* An environment made for the tests of the vector: it counts, ends when told, and fails on demand.
 *
 * Observation u8 [4]: steps in the episode, number of the episode (the seed of a seeded reset, one
 * more for each that continues the stream), last action, task. Task t ends after t + 2 steps,
 * terminated where t is even, truncated where it is odd. Reward = steps in the episode. Action 2
 * fails, and so does everything but a reset after it; a reset with seed 13 fails too. */
#ifndef FAKE_ENV_H
#define FAKE_ENV_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <polyplay/env.h>
#include <polyplay/status.h>
#include <polyplay/vec.h>

#define FAKE_ID "test/counter"

enum { FAKE_OBS = 4, FAKE_BAD_ACTION = 2, FAKE_ACTIONS = 3, FAKE_BAD_SEED = 13 };

typedef struct fake_env {
    int64_t task;
    int32_t steps;
    uint32_t episode;
    int32_t action;
    int32_t broken;
    int32_t pad;
} fake_env;

static inline int32_t fake_fail(pp_env_error *error, const char *text) {
    snprintf(error->text, sizeof(error->text), "%s", text);
    return PP_ERR_IO;
}

static inline int32_t fake_create(void **out, const pp_env_config *config, pp_env_error *error) {
    fake_env *env = calloc(1, sizeof(*env));
    if (env == NULL) return fake_fail(error, "no memory");
    env->task = config->task;
    *out = env;
    return PP_OK;
}

static inline void fake_destroy(void *self) {
    free(self);
}

static inline void fake_describe(const void *self, pp_env_spec *spec) {
    const fake_env *env = self;
    memset(spec, 0, sizeof(*spec));
    snprintf(spec->id, sizeof(spec->id), FAKE_ID);
    spec->obs_type = PP_OBS_CELLS;
    spec->obs_h = spec->obs_w = 1;
    spec->obs_c = FAKE_OBS;
    spec->obs_bytes = FAKE_OBS;
    for (int i = 0; i < FAKE_OBS; i++) spec->obs_high[i] = 255;
    spec->render_h = spec->render_w = 1;
    spec->action_count = spec->min_actions = FAKE_ACTIONS;
    for (int i = 0; i < FAKE_ACTIONS; i++) {
        spec->action_list[i] = i;
        snprintf(spec->action_names[i], sizeof(spec->action_names[i]), "A%d", i);
    }
    spec->frame_skip = 1;
    spec->task = env->task;
}

static inline int32_t fake_observe(void *self, uint8_t *obs, pp_env_error *error) {
    const fake_env *env = self;
    (void)error;
    obs[0] = (uint8_t)env->steps;
    obs[1] = (uint8_t)env->episode;
    obs[2] = (uint8_t)env->action;
    obs[3] = (uint8_t)env->task;
    return PP_OK;
}

static inline int32_t fake_reset(void *self, uint64_t seed, uint8_t *obs, pp_env_result *result,
                                 pp_env_error *error) {
    fake_env *env = self;
    if (seed == FAKE_BAD_SEED) return fake_fail(error, "seed 13 brings bad luck");
    env->episode = seed == PP_ENV_KEEP_SEED ? env->episode + 1 : (uint32_t)seed;
    env->steps = 0;
    env->action = 0;
    env->broken = 0;
    *result = (pp_env_result){.lives = 3, .frames = 7};
    return fake_observe(env, obs, error);
}

static inline int32_t fake_step(void *self, int32_t action, uint8_t *obs, pp_env_result *result,
                                pp_env_error *error) {
    fake_env *env = self;
    if (action == FAKE_BAD_ACTION || env->broken) {
        env->broken = 1;
        return fake_fail(error, "the line is dead");
    }
    env->steps++;
    env->action = action;
    const int ended = env->steps >= env->task + 2;
    *result = (pp_env_result){.reward = env->steps,
                              .terminated = ended && env->task % 2 == 0,
                              .truncated = ended && env->task % 2 == 1,
                              .lives = 2,
                              .frames = 1};
    return fake_observe(env, obs, error);
}

static inline int32_t fake_save(void *self, uint8_t *buffer, uint64_t size, uint64_t *needed,
                                pp_env_error *error) {
    *needed = sizeof(fake_env);
    if (buffer == NULL) return PP_OK;
    if (size < sizeof(fake_env)) return fake_fail(error, "the buffer is too small");
    memcpy(buffer, self, sizeof(fake_env));
    return PP_OK;
}

static inline int32_t fake_load(void *self, const uint8_t *buffer, uint64_t size,
                                pp_env_error *error) {
    if (size != sizeof(fake_env)) return fake_fail(error, "not a state of this environment");
    memcpy(self, buffer, sizeof(fake_env));
    return PP_OK;
}

static inline int32_t fake_render(void *self, uint8_t *rgb, pp_env_error *error) {
    (void)error;
    rgb[0] = rgb[1] = rgb[2] = (uint8_t)((fake_env *)self)->steps;
    return PP_OK;
}

static const pp_env_vtable fake_table = {
    .abi_version = PP_ENV_ABI_VERSION,
    .struct_size = sizeof(pp_env_vtable),
    .name = FAKE_ID,
    .version = "1",
    .create = fake_create,
    .destroy = fake_destroy,
    .describe = fake_describe,
    .reset = fake_reset,
    .step = fake_step,
    .observe = fake_observe,
    .save_state = fake_save,
    .load_state = fake_load,
    .render = fake_render,
};

#endif
