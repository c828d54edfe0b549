/* Catch: a ball falls down a board of 10 rows, a paddle in the last row should be under it. Rules
 * and random draws equal bsuite's catch in mode 0; modes 1 and 2 are wider and drifting variants. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <polyplay/status.h>

#include "base/mem.h"
#include "base/mt19937.h"
#include "env/arcade/arcade.h"

enum {
    ROWS = 10,
    COLUMNS = 5,
    COLUMNS_WIDE = 10, /* mode 1 */
    PLANES = 2,
    PLANE_PADDLE = 0,
    PLANE_BALL = 1,
    MODES = 3,
    STATE_MAGIC = 0x31544143, /* "CAT1" */
};

static const int32_t k_actions[] = {PPI_SUITE_N, PPI_SUITE_L, PPI_SUITE_R};
enum { N_ACTIONS = sizeof(k_actions) / sizeof(k_actions[0]) };

static const ppi_paint_layer k_layers[] = {{PLANE_PADDLE, 160}, {PLANE_BALL, 255}};
enum { N_LAYERS = sizeof(k_layers) / sizeof(k_layers[0]) };

/* Everything that changes while playing; saved as it is. */
typedef struct catch_state {
    uint32_t magic;
    int32_t mode;
    int32_t ball_x;
    int32_t ball_y;
    int32_t paddle;      /* column */
    int32_t drift;       /* columns per odd row, mode 2 */
    int32_t steps;       /* in the episode */
    int32_t last_action; /* suite id last executed, for sticky actions */
    uint8_t started;
    uint8_t terminated;
    uint8_t truncated;
    uint8_t pad;
    ppi_mt19937 mt;
} catch_state;

typedef struct catch_env {
    catch_state state;
    double sticky;
    int32_t columns;
    int32_t cap; /* steps, 0 = none */
    bool grey;
} catch_env;

static int32_t clamp(int32_t v, int32_t low, int32_t high) {
    return v < low ? low : v > high ? high : v;
}

static int32_t catch_create(void **out, const pp_env_config *config, pp_env_error *error) {
    *out = NULL;
    if (config->mode < 0 || config->mode >= MODES) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "arcade/catch has the modes 0..%d, not %d",
                            MODES - 1, config->mode);
    }
    if (!(config->sticky >= 0.0 && config->sticky <= 1.0)) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "sticky probability %g is not in 0..1",
                            config->sticky);
    }
    const char *view = config->view == NULL ? "planes" : config->view;
    const bool grey = strcmp(view, "grey84") == 0;
    if (!grey && strcmp(view, "planes") != 0) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT,
                            "arcade/catch has the views planes and grey84, not '%s'", view);
    }
    catch_env *env = ppi_calloc(1, sizeof(*env));
    if (env == NULL) {
        return ppi_env_fail(error, PP_ERR_NO_MEMORY, "no memory for arcade/catch");
    }
    env->sticky = config->sticky;
    env->columns = config->mode == 1 ? COLUMNS_WIDE : COLUMNS;
    env->cap = config->max_steps;
    env->grey = grey;
    env->state.magic = STATE_MAGIC;
    env->state.mode = config->mode;
    ppi_mt19937_seed(&env->state.mt, 0);
    *out = env;
    return PP_OK;
}

static void catch_destroy(void *env) {
    ppi_free(env);
}

static void catch_describe(const void *self, pp_env_spec *spec) {
    const catch_env *env = self;
    memset(spec, 0, sizeof(*spec));
    snprintf(spec->id, sizeof(spec->id), "arcade/catch");
    spec->obs_h = env->grey ? PPI_GREY_SIDE : ROWS;
    spec->obs_w = env->grey ? PPI_GREY_SIDE : env->columns;
    spec->obs_c = env->grey ? 1 : PLANES;
    spec->obs_type = env->grey ? PP_OBS_IMAGE : PP_OBS_PLANES;
    spec->obs_bytes = spec->obs_h * spec->obs_w * spec->obs_c;
    spec->reward_min = -1;
    spec->reward_max = 1;
    spec->task_count = 1;
    spec->render_h = 2 * PPI_GREY_SIDE;
    spec->render_w = 2 * PPI_GREY_SIDE;
    ppi_suite_describe(spec, k_actions, N_ACTIONS);
    spec->frame_skip = 1;
    spec->max_steps = env->cap;
    spec->mode = env->state.mode;
    spec->sticky = env->sticky;
    snprintf(spec->view, sizeof(spec->view), "%s", env->grey ? "grey84" : "planes");
    snprintf(spec->backend, sizeof(spec->backend), "arcade");
    snprintf(spec->backend_version, sizeof(spec->backend_version), "1");
}

/* planes u8 [10, columns, 2] */
static void draw_planes(const catch_env *env, uint8_t *planes) {
    memset(planes, 0, (size_t)(ROWS * env->columns * PLANES));
    const catch_state *s = &env->state;
    planes[((ROWS - 1) * env->columns + s->paddle) * PLANES + PLANE_PADDLE] = 1;
    planes[(s->ball_y * env->columns + s->ball_x) * PLANES + PLANE_BALL] = 1;
}

static void draw_grey(const catch_env *env, uint8_t *grey) {
    uint8_t planes[ROWS * COLUMNS_WIDE * PLANES];
    draw_planes(env, planes);
    ppi_arcade_paint(grey, planes, ROWS, env->columns, PLANES, k_layers, N_LAYERS);
}

static void draw(const catch_env *env, uint8_t *obs) {
    if (obs == NULL) {
        return;
    }
    if (env->grey) {
        draw_grey(env, obs);
    } else {
        draw_planes(env, obs);
    }
}

static int32_t catch_observe(void *env, uint8_t *obs, pp_env_error *error) {
    (void)error;
    draw(env, obs);
    return PP_OK;
}

static int32_t catch_reset(void *self, uint64_t seed, uint8_t *obs, pp_env_result *result,
                           pp_env_error *error) {
    (void)error;
    catch_env *env = self;
    catch_state *s = &env->state;
    if (seed != PP_ENV_KEEP_SEED) {
        ppi_mt19937_seed(&s->mt, (uint32_t)(seed ^ (seed >> 32)));
        s->last_action = PPI_SUITE_N;
    }
    s->ball_x = (int32_t)ppi_mt19937_below(&s->mt, (uint32_t)env->columns);
    s->ball_y = 0;
    s->paddle = env->columns / 2;
    s->drift = s->mode == 2 ? (int32_t)ppi_mt19937_below(&s->mt, 3) - 1 : 0;
    s->steps = 0;
    s->started = 1;
    s->terminated = 0;
    s->truncated = 0;
    *result = (pp_env_result){0};
    draw(env, obs);
    return PP_OK;
}

/* One game step with an executed suite action; returns the reward. */
static double advance(catch_env *env, ppi_suite_action action) {
    catch_state *s = &env->state;
    const int32_t last = env->columns - 1;
    const int32_t move = action == PPI_SUITE_L ? -1 : action == PPI_SUITE_R ? 1 : 0;
    s->paddle = clamp(s->paddle + move, 0, last);
    if (s->ball_y % 2 == 1) {
        s->ball_x = clamp(s->ball_x + s->drift, 0, last);
    }
    s->ball_y += 1;
    s->steps += 1;
    if (s->ball_y == ROWS - 1) {
        s->terminated = 1;
        return s->paddle == s->ball_x ? 1.0 : -1.0;
    }
    s->truncated = env->cap > 0 && s->steps >= env->cap;
    return 0.0;
}

static int32_t catch_step(void *self, int32_t action, uint8_t *obs, pp_env_result *result,
                          pp_env_error *error) {
    catch_env *env = self;
    catch_state *s = &env->state;
    if (action < 0 || action >= PP_ENV_ACTIONS) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "action %d of arcade/catch is not in 0..17",
                            action);
    }
    if (!s->started) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "arcade/catch was stepped before its reset");
    }
    *result = (pp_env_result){0};
    if (!s->terminated && !s->truncated) {
        ppi_suite_action chosen = ppi_suite_from_full(action, k_actions, N_ACTIONS);
        if (env->sticky > 0.0 && ppi_mt19937_unit(&s->mt) < env->sticky) {
            chosen = (ppi_suite_action)s->last_action;
        }
        s->last_action = (int32_t)chosen;
        result->reward = advance(env, chosen);
        result->frames = 1;
    }
    result->terminated = s->terminated;
    result->truncated = s->truncated;
    draw(env, obs);
    return PP_OK;
}

static int32_t catch_save(void *self, uint8_t *buffer, uint64_t size, uint64_t *needed,
                          pp_env_error *error) {
    const catch_env *env = self;
    *needed = sizeof(env->state);
    if (buffer == NULL) {
        return PP_OK;
    }
    if (size < *needed) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT,
                            "the state of arcade/catch needs %llu bytes, the buffer has %llu",
                            (unsigned long long)*needed, (unsigned long long)size);
    }
    memcpy(buffer, &env->state, sizeof(env->state));
    return PP_OK;
}

static int32_t catch_load(void *self, const uint8_t *buffer, uint64_t size, pp_env_error *error) {
    catch_env *env = self;
    catch_state state;
    if (size != sizeof(state)) {
        return ppi_env_fail(error, PP_ERR_CORRUPT,
                            "a state of arcade/catch has %zu bytes, not %llu", sizeof(state),
                            (unsigned long long)size);
    }
    memcpy(&state, buffer, sizeof(state));
    if (state.magic != STATE_MAGIC || state.mode != env->state.mode || state.ball_x < 0 ||
        state.ball_x >= env->columns || state.ball_y < 0 || state.ball_y >= ROWS ||
        state.paddle < 0 || state.paddle >= env->columns || state.mt.next > 624) {
        return ppi_env_fail(error, PP_ERR_CORRUPT,
                            "the saved state is not one of arcade/catch in mode %d",
                            env->state.mode);
    }
    env->state = state;
    return PP_OK;
}

static int32_t catch_render(void *self, uint8_t *rgb, pp_env_error *error) {
    (void)error;
    uint8_t grey[PPI_GREY_SIDE * PPI_GREY_SIDE];
    draw_grey(self, grey);
    ppi_arcade_render(rgb, grey);
    return PP_OK;
}

const pp_env_vtable ppi_catch_vtable = {
    .abi_version = PP_ENV_ABI_VERSION,
    .struct_size = sizeof(pp_env_vtable),
    .name = "arcade/catch",
    .version = "1",
    .create = catch_create,
    .destroy = catch_destroy,
    .describe = catch_describe,
    .reset = catch_reset,
    .step = catch_step,
    .observe = catch_observe,
    .save_state = catch_save,
    .load_state = catch_load,
    .render = catch_render,
};
