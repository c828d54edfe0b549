/* What every arcade game needs around its rules. An instance is one block: harness fields, the run,
 * the game's state.
 *
 * Repeated actions follow the MinAtar wrapper: a uniform number is drawn before the step and below
 * the probability the action last executed is played again. For the five MinAtar games the number
 * is always drawn, also after the end of an episode; the other games draw only where the
 * probability is positive. The last action outlives a reset that continues the random stream. */
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <polyplay/status.h>

#include "base/mem.h"
#include "env/arcade/game.h"
#include "env/atari_table.h"

enum { STATE_MAGIC = 0x31435241 /* "ARC1" */ };

/* Suite action -> full Atari id. */
static const int32_t k_full[PPI_SUITE_COUNT] = {
    [PPI_SUITE_N] = 0, [PPI_SUITE_L] = 4, [PPI_SUITE_U] = 2,
    [PPI_SUITE_R] = 3, [PPI_SUITE_D] = 5, [PPI_SUITE_F] = 1,
};

typedef struct arcade_env {
    const ppi_arcade_game *game;
    double sticky;
    int32_t cap; /* steps, 0 = none */
    int32_t rows;
    int32_t columns;
    int32_t board_bytes;
    bool grey;
    uint8_t suite[PP_ENV_ACTIONS]; /* full id -> suite action */
    ppi_painter painter;
    ppi_arcade_run run;
    alignas(max_align_t) uint8_t state[]; /* of the game */
} arcade_env;

int32_t ppi_env_fail(pp_env_error *error, int32_t status, const char *fmt, ...) {
    if (error != NULL) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(error->text, sizeof(error->text), fmt, args);
        va_end(args);
    }
    return status;
}

static double scripted(ppi_arcade_run *run) {
    run->script_left--;
    return *run->script++;
}

uint32_t ppi_draw_below(ppi_arcade_run *run, uint32_t n) {
    if (run->script_left > 0) return (uint32_t)scripted(run);
    return ppi_mt19937_below(&run->mt, n);
}

double ppi_draw_unit(ppi_arcade_run *run) {
    if (run->script_left > 0) return scripted(run);
    return ppi_mt19937_unit(&run->mt);
}

void ppi_arcade_board(int32_t *rows, int32_t *columns, const ppi_arcade_game *game, int32_t mode) {
    const ppi_arcade_mode *row = &game->modes[mode];
    *rows = row->rows > 0 ? row->rows : game->rows;
    *columns = row->columns > 0 ? row->columns : game->columns;
}

/* Probability of repeated actions and cap that a configuration asks for; -1 is the game's own. In
 * parity mode the reference's cap takes the place of none and of the suite's. */
static int32_t choose_rules(double *sticky, int32_t *cap, const ppi_arcade_game *game,
                            const pp_env_config *config, pp_env_error *error) {
    *sticky = config->sticky == -1.0 ? game->facts.sticky : config->sticky;
    if (!(*sticky >= 0.0 && *sticky <= 1.0)) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "sticky probability %g is not in 0..1",
                            config->sticky);
    }
    if (config->parity && *sticky > 0.0 && !game->minatar) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT,
                            "the reference of %s has no repeated actions; parity mode needs sticky "
                            "0, not %g",
                            game->id, *sticky);
    }
    if (config->max_steps < -1) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "a cap of %d steps is below 0",
                            config->max_steps);
    }
    *cap = config->max_steps == -1 ? game->facts.cap : config->max_steps;
    if (config->parity && config->max_steps <= 0) *cap = game->parity_cap;
    return PP_OK;
}

static int32_t choose_view(bool *grey, const ppi_arcade_game *game, const pp_env_config *config,
                           pp_env_error *error) {
    const char *view = config->view == NULL ? "planes" : config->view;
    *grey = strcmp(view, "grey84") == 0;
    if (!*grey && strcmp(view, "planes") != 0) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has the views planes and grey84, not '%s'",
                            game->id, view);
    }
    return PP_OK;
}

static void map_actions(arcade_env *env) {
    memset(env->suite, PPI_SUITE_N, sizeof(env->suite));
    for (int32_t i = 0; i < env->game->n_actions; i++) {
        const int32_t suite = env->game->actions[i];
        env->suite[k_full[suite]] = (uint8_t)suite;
    }
}

int32_t ppi_arcade_create(void **out, const ppi_arcade_game *game, const pp_env_config *config,
                          pp_env_error *error) {
    *out = NULL;
    double sticky = 0.0;
    int32_t cap = 0;
    bool grey = false;
    int32_t rows;
    int32_t columns;
    if (config->mode < 0 || config->mode >= game->n_modes) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has the modes 0..%d, not %d", game->id,
                            game->n_modes - 1, config->mode);
    }
    int32_t status = choose_rules(&sticky, &cap, game, config, error);
    if (status == PP_OK) status = choose_view(&grey, game, config, error);
    if (status != PP_OK) return status;
    ppi_arcade_board(&rows, &columns, game, config->mode);
    if (rows * columns * game->planes > PPI_ARCADE_BOARD_BYTES) {
        return ppi_env_fail(error, PP_ERR_SHAPE, "the board %dx%dx%d of %s is larger than %d bytes",
                            rows, columns, game->planes, game->id, PPI_ARCADE_BOARD_BYTES);
    }
    arcade_env *env = ppi_calloc(1, sizeof(*env) + game->state_size);
    if (env == NULL) {
        return ppi_env_fail(error, PP_ERR_NO_MEMORY, "no memory for %s", game->id);
    }
    env->game = game;
    env->sticky = sticky;
    env->cap = cap;
    env->grey = grey;
    env->rows = rows;
    env->columns = columns;
    env->board_bytes = rows * columns * game->planes;
    map_actions(env);
    ppi_painter_init(&env->painter, rows, columns, game->planes, game->layers, game->n_layers);
    env->run.mode = config->mode;
    env->run.parity = config->parity != 0;
    ppi_mt19937_seed(&env->run.mt, 0);
    *out = env;
    return PP_OK;
}

void ppi_arcade_destroy(void *env) {
    ppi_free(env);
}

static void describe_actions(pp_env_spec *spec, const ppi_arcade_game *game) {
    spec->action_count = PP_ENV_ACTIONS;
    spec->min_actions = game->n_actions;
    for (int32_t i = 0; i < game->n_actions; i++) {
        const int32_t full = k_full[game->actions[i]];
        spec->action_list[i] = full;
        snprintf(spec->action_names[i], sizeof(spec->action_names[i]), "%s",
                 ppi_atari_action_names[full]);
    }
}

void ppi_arcade_describe(const void *self, pp_env_spec *spec) {
    const arcade_env *env = self;
    const ppi_arcade_game *game = env->game;
    memset(spec, 0, sizeof(*spec));
    snprintf(spec->id, sizeof(spec->id), "%s", game->id);
    spec->obs_type = env->grey ? PP_OBS_IMAGE : PP_OBS_PLANES;
    spec->obs_h = env->grey ? PPI_GREY_SIDE : env->rows;
    spec->obs_w = env->grey ? PPI_GREY_SIDE : env->columns;
    spec->obs_c = env->grey ? 1 : game->planes;
    spec->obs_bytes = spec->obs_h * spec->obs_w * spec->obs_c;
    spec->render_h = 2 * PPI_GREY_SIDE;
    spec->render_w = 2 * PPI_GREY_SIDE;
    describe_actions(spec, game);
    spec->frame_skip = 1;
    spec->max_steps = env->cap;
    spec->mode = env->run.mode;
    spec->sticky = env->sticky;
    spec->reward_min = game->reward_min;
    spec->reward_max = game->reward_max;
    spec->task_count = 1;
    snprintf(spec->view, sizeof(spec->view), "%s", env->grey ? "grey84" : "planes");
    snprintf(spec->backend, sizeof(spec->backend), "arcade");
    snprintf(spec->backend_version, sizeof(spec->backend_version), "1");
}

static void draw_board(const arcade_env *env, uint8_t *planes) {
    memset(planes, 0, (size_t)env->board_bytes);
    if (env->run.started) env->game->draw(env->state, &env->run, planes);
}

static void draw(const arcade_env *env, uint8_t *obs) {
    if (obs == NULL) return;
    if (!env->grey) {
        draw_board(env, obs);
        return;
    }
    uint8_t planes[PPI_ARCADE_BOARD_BYTES];
    draw_board(env, planes);
    ppi_painter_grey(&env->painter, obs, planes);
}

static void start_episode(arcade_env *env) {
    ppi_arcade_run *run = &env->run;
    run->steps = 0;
    run->started = 1;
    run->terminated = 0;
    run->truncated = 0;
    env->game->reset(env->state, run);
}

int32_t ppi_arcade_reset(void *self, uint64_t seed, uint8_t *obs, pp_env_result *result,
                         pp_env_error *error) {
    (void)error;
    arcade_env *env = self;
    ppi_arcade_run *run = &env->run;
    if (seed != PP_ENV_KEEP_SEED) {
        ppi_mt19937_seed(&run->mt, (uint32_t)(seed ^ (seed >> 32)));
        /* The reference keeps the last action of an earlier episode even over a new seed. */
        if (!run->parity) run->last_action = PPI_SUITE_N;
    }
    start_episode(env);
    *result = (pp_env_result){0};
    draw(env, obs);
    return PP_OK;
}

static ppi_suite_action executed(arcade_env *env, int32_t action) {
    ppi_arcade_run *run = &env->run;
    int32_t suite = env->suite[action];
    if (env->game->minatar || env->sticky > 0.0) {
        suite = ppi_draw_unit(run) < env->sticky ? run->last_action : suite;
        run->last_action = suite;
    }
    return (ppi_suite_action)suite;
}

static void play(arcade_env *env, int32_t action, pp_env_result *result) {
    ppi_arcade_run *run = &env->run;
    const ppi_suite_action suite = executed(env, action);
    run->steps++;
    result->reward = env->game->step(env->state, run, suite);
    result->frames = 1;
    if (env->cap > 0 && run->steps >= env->cap) {
        run->truncated = run->parity || !run->terminated; /* references may set both */
    }
}

int32_t ppi_arcade_step(void *self, int32_t action, uint8_t *obs, pp_env_result *result,
                        pp_env_error *error) {
    arcade_env *env = self;
    ppi_arcade_run *run = &env->run;
    const bool restarts = env->game->restarts && run->parity;
    if (action < 0 || action >= PP_ENV_ACTIONS) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "action %d of %s is not in 0..17", action,
                            env->game->id);
    }
    if (!run->started && !restarts) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s was stepped before its reset",
                            env->game->id);
    }
    *result = (pp_env_result){0};
    if (run->started && !run->terminated && !run->truncated) {
        play(env, action, result);
    } else if (restarts) {
        start_episode(env);
    } else if (env->game->minatar) {
        executed(env, action);
    }
    result->terminated = run->terminated;
    result->truncated = run->truncated;
    draw(env, obs);
    return PP_OK;
}

int32_t ppi_arcade_observe(void *env, uint8_t *obs, pp_env_error *error) {
    (void)error;
    draw(env, obs);
    return PP_OK;
}

/* A saved state: this header, the run, the game's state. */
typedef struct saved_header {
    uint32_t magic;
    uint32_t state_size;
    char id[PP_ENV_ID_BYTES];
} saved_header;

static void fill_header(saved_header *header, const ppi_arcade_game *game) {
    memset(header, 0, sizeof(*header));
    header->magic = STATE_MAGIC;
    header->state_size = (uint32_t)game->state_size;
    snprintf(header->id, sizeof(header->id), "%s", game->id);
}

static uint64_t saved_size(const ppi_arcade_game *game) {
    return sizeof(saved_header) + sizeof(ppi_arcade_run) + game->state_size;
}

int32_t ppi_arcade_save(void *self, uint8_t *buffer, uint64_t size, uint64_t *needed,
                        pp_env_error *error) {
    const arcade_env *env = self;
    *needed = saved_size(env->game);
    if (buffer == NULL) return PP_OK;
    if (size < *needed) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT,
                            "the state of %s needs %llu bytes, the buffer has %llu", env->game->id,
                            (unsigned long long)*needed, (unsigned long long)size);
    }
    saved_header header;
    fill_header(&header, env->game);
    ppi_arcade_run run;
    memcpy(&run, &env->run, sizeof(run)); /* padding included: equal states, equal bytes */
    run.script = NULL;
    run.script_left = 0;
    memcpy(buffer, &header, sizeof(header));
    memcpy(buffer + sizeof(header), &run, sizeof(run));
    memcpy(buffer + sizeof(header) + sizeof(run), env->state, env->game->state_size);
    return PP_OK;
}

static bool valid_run(const ppi_arcade_run *run, const ppi_arcade_run *own) {
    return run->mode == own->mode && run->parity == own->parity && run->steps >= 0 &&
           run->last_action >= 0 && run->last_action < PPI_SUITE_COUNT && run->started <= 1 &&
           run->terminated <= 1 && run->truncated <= 1 && run->mt.next <= 624;
}

/* state: state_size bytes, aligned for any type. */
static bool valid_state(const ppi_arcade_game *game, const void *state, const ppi_arcade_run *run) {
    if (!run->started) return true; /* nothing reads it before a reset fills it */
    for (int32_t i = 0; i < game->n_fields; i++) {
        const ppi_arcade_field *field = &game->fields[i];
        int32_t value;
        memcpy(&value, (const uint8_t *)state + field->offset, sizeof(value));
        if (value < field->low || value > field->high) return false;
    }
    return game->valid == NULL || game->valid(state, run);
}

int32_t ppi_arcade_load(void *self, const uint8_t *buffer, uint64_t size, pp_env_error *error) {
    arcade_env *env = self;
    const ppi_arcade_game *game = env->game;
    if (size != saved_size(game)) {
        return ppi_env_fail(error, PP_ERR_CORRUPT, "a state of %s has %llu bytes, not %llu",
                            game->id, (unsigned long long)saved_size(game),
                            (unsigned long long)size);
    }
    saved_header header;
    ppi_arcade_run run;
    fill_header(&header, game);
    memcpy(&run, buffer + sizeof(header), sizeof(run));
    run.script = env->run.script;
    run.script_left = env->run.script_left;
    bool good = memcmp(&header, buffer, sizeof(header)) == 0 && valid_run(&run, &env->run);
    if (good) {
        void *state = ppi_calloc(1, game->state_size);
        if (state == NULL) {
            return ppi_env_fail(error, PP_ERR_NO_MEMORY, "no memory for a state of %s", game->id);
        }
        memcpy(state, buffer + sizeof(header) + sizeof(run), game->state_size);
        good = valid_state(game, state, &run);
        if (good) {
            env->run = run;
            memcpy(env->state, state, game->state_size);
        }
        ppi_free(state);
    }
    if (!good) {
        return ppi_env_fail(error, PP_ERR_CORRUPT, "the saved state is not one of %s in mode %d",
                            game->id, env->run.mode);
    }
    return PP_OK;
}

int32_t ppi_arcade_render(void *self, uint8_t *rgb, pp_env_error *error) {
    (void)error;
    const arcade_env *env = self;
    uint8_t planes[PPI_ARCADE_BOARD_BYTES];
    draw_board(env, planes);
    ppi_painter_rgb(&env->painter, rgb, planes);
    for (int32_t i = 0; env->game->number != NULL && i < env->rows * env->columns; i++) {
        const int32_t number = env->game->number(env->state, i);
        if (number >= 0) ppi_painter_number(&env->painter, rgb, i, number);
    }
    return PP_OK;
}

ppi_arcade_run *ppi_arcade_run_of(void *env) {
    return &((arcade_env *)env)->run;
}

int32_t *ppi_arcade_number(void *self, const char *name) {
    arcade_env *env = self;
    for (int32_t i = 0; i < env->game->n_fields; i++) {
        if (strcmp(env->game->fields[i].name, name) == 0) {
            return (int32_t *)(void *)(env->state + env->game->fields[i].offset);
        }
    }
    return NULL;
}

void ppi_arcade_script(void *env, const double *values, int64_t count) {
    ppi_arcade_run *run = ppi_arcade_run_of(env);
    run->script = values;
    run->script_left = count;
}
