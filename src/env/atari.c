/* The Atari rules around a raw emulator. They follow the Dopamine agent, whose data the models are
 * trained on: four frames per step, the larger of the last two grey frames, area resize to 84x84,
 * no end on a lost life, raw rewards.
 *
 * Two further views show what the emulator has after the fourth frame, neither pooled nor resized:
 * rgb is the picture in its own size, ram the 128 bytes of the console's memory. */
#include "env/atari.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "env/arcade/arcade.h"

enum {
    FRAME_SKIP = 4,
    STATE_MAGIC = 0x31525441, /* "ATR1" */
    NOOP = 0,
    FIRE = 1,
    MIN_SCREEN = PPI_ATARI_SIDE,
    MAX_SCREEN = 6 * PPI_ATARI_SIDE, /* keeps the weights of one output within their row */
};

/* The part of the state that is ours; two raw frames and the emulator's state follow it. */
typedef struct atari_state {
    uint32_t magic;
    int32_t steps; /* in the episode */
    int32_t lives;
    uint8_t started;
    uint8_t terminated;
    uint8_t truncated;
    uint8_t pad;
    ppi_rng rng; /* no-op starts */
} atari_state;

typedef enum atari_view { VIEW_GREY84, VIEW_RAM, VIEW_RGB, VIEW_COUNT } atari_view;

static const char *const k_views[VIEW_COUNT] = {"grey84", "ram", "rgb"};

typedef struct atari_env {
    const pp_env_vtable *raw;
    void *game;
    pp_env_spec spec;
    atari_state state;
    atari_view view;
    bool legal[PP_ENV_ACTIONS];
    int64_t frame_size; /* bytes of one raw grey frame */
    uint8_t *frame[2];  /* third and fourth frame of a step; [0] holds the maximum afterwards */
    float *scratch;     /* [raw rows, 84] */
    ppi_area_axis rows;
    ppi_area_axis cols;
} atari_env;

static void atari_destroy(void *self) {
    atari_env *env = self;
    if (env == NULL) {
        return;
    }
    if (env->game != NULL) {
        env->raw->destroy(env->game);
    }
    ppi_aligned_free(env->frame[0]);
    ppi_aligned_free(env->frame[1]);
    ppi_aligned_free(env->scratch);
    ppi_free(env);
}

/* Fills spec and the action map from what the emulator says of the game. */
static void adopt_spec(atari_env *env, const pp_env_config *config, const char *rom_md5) {
    pp_env_spec *spec = &env->spec;
    if (env->view == VIEW_GREY84) {
        spec->obs_h = PPI_ATARI_SIDE;
        spec->obs_w = PPI_ATARI_SIDE;
        spec->obs_c = 1;
    } else if (env->view == VIEW_RGB) {
        spec->obs_c = 3;
    }
    spec->obs_type = PP_OBS_IMAGE;
    spec->obs_bytes = spec->obs_h * spec->obs_w * spec->obs_c;
    spec->reward_min = -INFINITY;
    spec->reward_max = INFINITY;
    spec->task_count = 1;
    spec->action_count = PP_ENV_ACTIONS;
    spec->frame_skip = FRAME_SKIP;
    spec->max_steps = config->max_steps;
    spec->noop_max = config->noop_max;
    snprintf(spec->id, sizeof(spec->id), "%s", config->id);
    snprintf(spec->view, sizeof(spec->view), "%s", k_views[env->view]);
    if (rom_md5 != NULL) {
        snprintf(spec->rom_md5, sizeof(spec->rom_md5), "%s", rom_md5);
    }
    for (int32_t i = 0; i < spec->min_actions; i++) {
        env->legal[spec->action_list[i]] = true;
    }
    spec->fire_reset = config->fire_reset && env->legal[FIRE];
}

static pp_status find_view(atari_env *env, const pp_env_config *config) {
    env->view = VIEW_GREY84;
    if (config->view == NULL) {
        return PP_OK;
    }
    for (int v = 0; v < VIEW_COUNT; v++) {
        if (strcmp(k_views[v], config->view) == 0) {
            env->view = (atari_view)v;
            return PP_OK;
        }
    }
    return ppi_fail(PP_ERR_ARGUMENT, "%s has the views grey84, ram and rgb, not '%s'", config->id,
                    config->view);
}

static pp_status prepare(atari_env *env, const pp_env_config *config, const char *rom_md5) {
    pp_env_error error = {{0}};
    PPI_TRY(find_view(env, config));
    const int32_t status = env->raw->create(&env->game, config, &error);
    if (status != PP_OK) {
        env->game = NULL;
        return ppi_fail((pp_status)status, "%s", error.text);
    }
    env->raw->describe(env->game, &env->spec);
    /* The raw observation is the screen itself, but for the view ram. */
    const bool ram = env->view == VIEW_RAM;
    const int32_t h = ram ? env->spec.render_h : env->spec.obs_h;
    const int32_t w = ram ? env->spec.render_w : env->spec.obs_w;
    if (h < MIN_SCREEN || h > MAX_SCREEN || w < MIN_SCREEN || w > MAX_SCREEN) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "%s has a screen of %dx%d; %d..%d are supported",
                        config->id, h, w, MIN_SCREEN, MAX_SCREEN);
    }
    ppi_area_axis_init(&env->rows, h);
    ppi_area_axis_init(&env->cols, w);
    env->frame_size = (int64_t)h * w;
    env->frame[0] = ppi_aligned_alloc64((size_t)env->frame_size);
    env->frame[1] = ppi_aligned_alloc64((size_t)env->frame_size);
    env->scratch = ppi_aligned_alloc64((size_t)h * PPI_ATARI_SIDE * sizeof(float));
    if (env->frame[0] == NULL || env->frame[1] == NULL || env->scratch == NULL) {
        return ppi_oom("the frames of an Atari game");
    }
    adopt_spec(env, config, rom_md5);
    return PP_OK;
}

pp_status ppi_atari_create(void **out, const pp_env_vtable *raw, const pp_env_config *config,
                           const char *rom_md5) {
    *out = NULL;
    atari_env *env = ppi_calloc(1, sizeof(*env));
    if (env == NULL) {
        return ppi_oom("an Atari game");
    }
    env->raw = raw;
    env->state.magic = STATE_MAGIC;
    const pp_status status = prepare(env, config, rom_md5);
    if (status != PP_OK) {
        atari_destroy(env);
        return status;
    }
    *out = env;
    return PP_OK;
}

static void atari_describe(const void *self, pp_env_spec *spec) {
    *spec = ((const atari_env *)self)->spec;
}

/* Takes the maximum in place: a frame that the next step does not refresh is the pooled one. */
static void pool_frames(atari_env *env) {
    uint8_t *restrict a = env->frame[0];
    const uint8_t *restrict b = env->frame[1];
    for (int64_t i = 0; i < env->frame_size; i++) {
        a[i] = a[i] > b[i] ? a[i] : b[i];
    }
}

static int32_t atari_observe(void *self, uint8_t *obs, pp_env_error *error) {
    atari_env *env = self;
    if (env->view == VIEW_RAM) {
        return env->raw->observe(env->game, obs, error);
    }
    if (env->view == VIEW_RGB) {
        return env->raw->render(env->game, obs, error);
    }
    ppi_area_resize(obs, env->frame[0], &env->rows, &env->cols, env->scratch);
    return PP_OK;
}

/* One frame of a start sequence; a game that ends in it starts again in the same random stream. */
static int32_t start_frame(atari_env *env, int32_t action, pp_env_result *result,
                           pp_env_error *error) {
    const int32_t status = env->raw->step(env->game, action, NULL, result, error);
    if (status != PP_OK || !result->terminated) {
        return status;
    }
    return env->raw->reset(env->game, PP_ENV_KEEP_SEED, NULL, result, error);
}

static int32_t atari_reset(void *self, uint64_t seed, uint8_t *obs, pp_env_result *result,
                           pp_env_error *error) {
    atari_env *env = self;
    atari_state *s = &env->state;
    int32_t status = env->raw->reset(env->game, seed, NULL, result, error);
    if (seed != PP_ENV_KEEP_SEED || !s->started) {
        ppi_rng_init(&s->rng, seed == PP_ENV_KEEP_SEED ? 0 : seed, PPI_RNG_ENV, 0);
    }
    int32_t frames = 0;
    if (status == PP_OK && env->spec.fire_reset) {
        status = start_frame(env, FIRE, result, error);
        frames++;
    }
    const int64_t noops = (int64_t)ppi_rng_below(&s->rng, (uint64_t)env->spec.noop_max + 1);
    for (int64_t i = 0; status == PP_OK && i < noops; i++) {
        status = start_frame(env, NOOP, result, error);
        frames++;
    }
    if (status == PP_OK && env->view == VIEW_GREY84) {
        status = env->raw->observe(env->game, env->frame[0], error);
    }
    if (status != PP_OK) {
        return status;
    }
    memset(env->frame[1], 0, (size_t)env->frame_size);
    s->steps = 0;
    s->lives = result->lives;
    s->started = 1;
    s->terminated = 0;
    s->truncated = 0;
    *result = (pp_env_result){.lives = s->lives, .frames = frames};
    return obs == NULL ? PP_OK : atari_observe(env, obs, error);
}

/* Up to four frames of one action; the frames of the second half are read unless the game ended. */
static int32_t play_frames(atari_env *env, int32_t action, pp_env_result *result,
                           pp_env_error *error) {
    for (int32_t k = 0; k < FRAME_SKIP; k++) {
        pp_env_result one = {0};
        const int32_t status = env->raw->step(env->game, action, NULL, &one, error);
        if (status != PP_OK) {
            return status;
        }
        result->reward += one.reward;
        result->frames += 1;
        env->state.lives = one.lives;
        if (one.terminated) {
            env->state.terminated = 1;
            break;
        }
        if (k >= FRAME_SKIP - 2 && env->view == VIEW_GREY84) {
            uint8_t *frame = env->frame[k - (FRAME_SKIP - 2)];
            const int32_t seen = env->raw->observe(env->game, frame, error);
            if (seen != PP_OK) {
                return seen;
            }
        }
    }
    return PP_OK;
}

static int32_t atari_step(void *self, int32_t action, uint8_t *obs, pp_env_result *result,
                          pp_env_error *error) {
    atari_env *env = self;
    atari_state *s = &env->state;
    if (action < 0 || action >= PP_ENV_ACTIONS) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "action %d of %s is not in 0..17", action,
                            env->spec.id);
    }
    if (!s->started) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s was stepped before its reset",
                            env->spec.id);
    }
    *result = (pp_env_result){0};
    if (!s->terminated && !s->truncated) {
        const int32_t status = play_frames(env, env->legal[action] ? action : NOOP, result, error);
        if (status != PP_OK) {
            return status;
        }
        if (env->view == VIEW_GREY84) {
            pool_frames(env);
        }
        s->steps += 1;
        s->truncated = !s->terminated && env->spec.max_steps > 0 && s->steps >= env->spec.max_steps;
    }
    result->lives = s->lives;
    result->terminated = s->terminated;
    result->truncated = s->truncated;
    return obs == NULL ? PP_OK : atari_observe(env, obs, error);
}

static int32_t atari_save(void *self, uint8_t *buffer, uint64_t size, uint64_t *needed,
                          pp_env_error *error) {
    atari_env *env = self;
    const uint64_t frame = (uint64_t)env->frame_size;
    const uint64_t ours = sizeof(env->state) + 2 * frame;
    uint64_t inner = 0;
    int32_t status = env->raw->save_state(env->game, NULL, 0, &inner, error);
    if (status != PP_OK) {
        return status;
    }
    *needed = ours + inner;
    if (buffer == NULL) {
        return PP_OK;
    }
    if (size < *needed) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT,
                            "the state of %s needs %llu bytes, the buffer has %llu", env->spec.id,
                            (unsigned long long)*needed, (unsigned long long)size);
    }
    memcpy(buffer, &env->state, sizeof(env->state));
    memcpy(buffer + sizeof(env->state), env->frame[0], frame);
    memcpy(buffer + sizeof(env->state) + frame, env->frame[1], frame);
    return env->raw->save_state(env->game, buffer + ours, inner, &inner, error);
}

static int32_t atari_load(void *self, const uint8_t *buffer, uint64_t size, pp_env_error *error) {
    atari_env *env = self;
    const uint64_t frame = (uint64_t)env->frame_size;
    const uint64_t ours = sizeof(env->state) + 2 * frame;
    atari_state state = {0};
    if (size > ours) {
        memcpy(&state, buffer, sizeof(state));
    }
    if (state.magic != STATE_MAGIC) {
        return ppi_env_fail(error, PP_ERR_CORRUPT, "the saved state is not one of %s",
                            env->spec.id);
    }
    const int32_t status = env->raw->load_state(env->game, buffer + ours, size - ours, error);
    if (status != PP_OK) {
        return status;
    }
    env->state = state;
    memcpy(env->frame[0], buffer + sizeof(state), frame);
    memcpy(env->frame[1], buffer + sizeof(state) + frame, frame);
    return PP_OK;
}

static int32_t atari_render(void *self, uint8_t *rgb, pp_env_error *error) {
    atari_env *env = self;
    return env->raw->render(env->game, rgb, error);
}

const pp_env_vtable ppi_atari_vtable = {
    .abi_version = PP_ENV_ABI_VERSION,
    .struct_size = sizeof(pp_env_vtable),
    .name = "ale",
    .version = "1",
    .create = NULL,
    .destroy = atari_destroy,
    .describe = atari_describe,
    .reset = atari_reset,
    .step = atari_step,
    .observe = atari_observe,
    .save_state = atari_save,
    .load_state = atari_load,
    .render = atari_render,
};
