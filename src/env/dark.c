/* Dark rooms: grids whose goal cells the agent has to find, because it sees its own cell only.
 *
 * dark/room pays on every step on the goal, dark/room-hard on the first visit of an episode,
 * dark/key-to-door at the key and then at the door (Laskin et al. 2022). A step moves, is clipped
 * to the grid, and is then paid. What is to be visited is a list of cells; an impossible cell at
 * its end means that nothing is left, so a step compares with one cell whatever the rules. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <polyplay/status.h>

#include "base/mem.h"
#include "base/rng.h"
#include "env/arcade/arcade.h"
#include "env/builtin.h"
#include "env/scripted.h"

enum {
    STATE_MAGIC = 0x314b5244, /* "DRK1" */
    ACTIONS = 5,
    MOST_GOALS = 2,
    NOWHERE = 255, /* row and column of no cell */
    MOST_PARTS = 4 /* components of the largest view */
};

/* One kind of room. */
typedef struct dark_kind {
    const char *id;
    uint8_t size;   /* rows = columns */
    uint8_t goals;  /* cells of a task */
    uint8_t steps;  /* of every episode */
    bool once;      /* a goal pays once */
    bool scattered; /* episodes start in a random cell, otherwise in the centre */
    uint8_t scale;  /* side of a cell in the picture, pixels */
} dark_kind;

static const dark_kind k_kinds[PPI_DARK_ROOMS] = {
    {"dark/room", 9, 1, 20, false, false, 20},
    {"dark/room-hard", 17, 1, 20, true, false, 12},
    {"dark/key-to-door", 9, 2, 50, true, true, 20},
};

/* What a view shows: row, column, key held, steps of the episode; the first `parts` of them. */
typedef struct dark_view {
    const char *name;
    uint8_t parts;
} dark_view;

static const dark_view k_views[] = {{"cells", 2}, {"cells-key", 3}, {"cells-time", 4}};
enum { N_VIEWS = sizeof(k_views) / sizeof(k_views[0]) };

static const char *const k_action_names[ACTIONS] = {"NOOP", "UP", "RIGHT", "DOWN", "LEFT"};
static const int8_t k_row_move[ACTIONS] = {0, -1, 0, 1, 0};
static const int8_t k_column_move[ACTIONS] = {0, 0, 1, 0, -1};

/* Everything that changes while playing; saved as it is. */
typedef struct dark_state {
    uint32_t magic;
    uint8_t row;
    uint8_t column;
    uint8_t reached; /* goals reached for the last time in this episode */
    uint8_t paid;    /* the last step was paid */
    int64_t task;
    uint64_t seed;  /* of the start cells */
    uint64_t draws; /* position in that stream */
    uint8_t steps;  /* in the episode */
    uint8_t started;
    uint8_t ended;
    uint8_t kind; /* index in k_kinds */
    uint8_t pad[4];
} dark_state;

typedef struct dark_env {
    dark_state state;
    uint8_t goal[MOST_GOALS + 1][2]; /* row, column; NOWHERE after the last */
    uint8_t last;                    /* largest row and column */
    uint8_t length;                  /* steps of an episode */
    uint8_t once;
    uint8_t view; /* index in k_views */
} dark_env;

static const dark_kind *kind_of(const dark_env *env) {
    return &k_kinds[env->state.kind];
}

static ppi_builtin_limits limits_of(const dark_kind *kind) {
    const int64_t cells = (int64_t)kind->size * kind->size;
    return (ppi_builtin_limits){
        .modes = 1, .steps = kind->steps, .task_count = kind->goals == 2 ? cells * cells : cells};
}

static int32_t find_view(int *out, const dark_kind *kind, const char *name, pp_env_error *error) {
    /* A room without a key has nothing but its cells to show. */
    const int count = kind->goals == 2 ? N_VIEWS : 1;
    for (int i = 0; i < count; i++) {
        if (name == NULL || strcmp(name, k_views[i].name) == 0) {
            *out = i;
            return PP_OK;
        }
    }
    return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has the view%s, not '%s'", kind->id,
                        count == 1 ? " cells" : "s cells, cells-key and cells-time", name);
}

static int32_t dark_create(void **out, const pp_env_config *config, pp_env_error *error) {
    *out = NULL;
    int k = 0;
    while (k < PPI_DARK_ROOMS && strcmp(config->id, k_kinds[k].id) != 0) k++;
    if (k == PPI_DARK_ROOMS) {
        return ppi_env_fail(error, PP_ERR_NOT_FOUND, "'%s' is not a dark room", config->id);
    }
    const dark_kind *kind = &k_kinds[k];
    const ppi_builtin_limits limits = limits_of(kind);
    int view = 0;
    int32_t status = ppi_builtin_check(config, kind->id, &limits, error);
    if (status == PP_OK) status = ppi_builtin_no_reading(config, kind->id, error);
    if (status == PP_OK) status = find_view(&view, kind, config->view, error);
    if (status != PP_OK) return status;
    dark_env *env = ppi_calloc(1, sizeof(*env));
    if (env == NULL) return ppi_env_fail(error, PP_ERR_NO_MEMORY, "no memory for %s", kind->id);
    env->state.magic = STATE_MAGIC;
    env->state.kind = (uint8_t)k;
    env->state.task = config->task;
    const int64_t cells = (int64_t)kind->size * kind->size;
    const int64_t cell[MOST_GOALS] = {
        kind->goals == 2 ? config->task / cells : config->task,
        config->task % cells,
    };
    memset(env->goal, NOWHERE, sizeof(env->goal));
    for (int g = 0; g < kind->goals; g++) {
        env->goal[g][0] = (uint8_t)(cell[g] / kind->size);
        env->goal[g][1] = (uint8_t)(cell[g] % kind->size);
    }
    env->last = kind->size - 1;
    env->length = kind->steps;
    env->once = kind->once;
    env->view = (uint8_t)view;
    *out = env;
    return PP_OK;
}

static void dark_destroy(void *env) {
    ppi_free(env);
}

static void dark_describe(const void *self, pp_env_spec *spec) {
    const dark_env *env = self;
    const dark_kind *kind = kind_of(env);
    const ppi_builtin_limits limits = limits_of(kind);
    ppi_builtin_describe(spec, kind->id, k_action_names, ACTIONS, &limits);
    const int32_t high[MOST_PARTS] = {env->last, env->last, 1, kind->steps};
    const int32_t parts = k_views[env->view].parts;
    spec->obs_type = PP_OBS_CELLS;
    spec->obs_h = 1;
    spec->obs_w = 1;
    spec->obs_c = parts;
    spec->obs_bytes = parts;
    memcpy(spec->obs_high, high, (size_t)parts * sizeof(high[0]));
    spec->render_h = kind->size * kind->scale;
    spec->render_w = spec->render_h;
    spec->task = env->state.task;
    snprintf(spec->view, sizeof(spec->view), "%s", k_views[env->view].name);
}

static inline void draw(const dark_env *env, uint8_t *obs) {
    if (obs == NULL) return;
    const dark_state *s = &env->state;
    obs[0] = s->row;
    obs[1] = s->column;
    if (env->view >= 1) obs[2] = s->reached > 0;
    if (env->view >= 2) obs[3] = s->steps;
}

static int32_t dark_observe(void *env, uint8_t *obs, pp_env_error *error) {
    (void)error;
    draw(env, obs);
    return PP_OK;
}

static int32_t dark_reset(void *self, uint64_t seed, uint8_t *obs, pp_env_result *result,
                          pp_env_error *error) {
    (void)error;
    dark_env *env = self;
    dark_state *s = &env->state;
    if (seed != PP_ENV_KEEP_SEED) {
        s->seed = seed;
        s->draws = 0;
    }
    s->row = s->column = env->last / 2;
    if (kind_of(env)->scattered) {
        const uint32_t size = env->last + 1u;
        ppi_rng rng;
        ppi_rng_init(&rng, s->seed, PPI_RNG_ENV, PPI_STREAM_EPISODES);
        rng.pos = s->draws;
        const uint32_t cell = (uint32_t)ppi_rng_below(&rng, size * size);
        s->row = (uint8_t)(cell / size);
        s->column = (uint8_t)(cell % size);
        s->draws = rng.pos;
    }
    s->reached = 0;
    s->paid = 0;
    s->steps = 0;
    s->ended = 0;
    s->started = 1;
    *result = (pp_env_result){0};
    draw(env, obs);
    return PP_OK;
}

/* v + move, kept in 0..last; move is -1, 0 or 1. */
static inline uint8_t moved(uint8_t v, int8_t move, uint8_t last) {
    const int to = v + move;
    return (uint8_t)(to < 0 ? 0 : to > last ? last : to);
}

static int32_t dark_step(void *self, int32_t action, uint8_t *obs, pp_env_result *result,
                         pp_env_error *error) {
    dark_env *env = self;
    dark_state *s = &env->state;
    if ((uint32_t)action >= ACTIONS || !s->started) {
        return ppi_builtin_bad_step(kind_of(env)->id, action, ACTIONS, error);
    }
    *result = (pp_env_result){0};
    if (!s->ended) {
        s->row = moved(s->row, k_row_move[action], env->last);
        s->column = moved(s->column, k_column_move[action], env->last);
        const uint8_t *goal = env->goal[s->reached];
        s->paid = (uint8_t)((s->row == goal[0]) & (s->column == goal[1]));
        s->reached = (uint8_t)(s->reached + (s->paid & env->once));
        s->steps++;
        s->ended = s->steps == env->length;
        result->reward = s->paid;
        result->frames = 1;
    }
    result->terminated = s->ended;
    draw(env, obs);
    return PP_OK;
}

static int32_t dark_save(void *self, uint8_t *buffer, uint64_t size, uint64_t *needed,
                         pp_env_error *error) {
    const dark_env *env = self;
    return ppi_builtin_save(kind_of(env)->id, &env->state, sizeof(env->state), buffer, size, needed,
                            error);
}

static int32_t dark_load(void *self, const uint8_t *buffer, uint64_t size, pp_env_error *error) {
    dark_env *env = self;
    const dark_kind *kind = kind_of(env);
    dark_state state;
    const int32_t status = ppi_builtin_check_size(kind->id, sizeof(state), size, error);
    if (status != PP_OK) return status;
    memcpy(&state, buffer, sizeof(state));
    if (state.magic != STATE_MAGIC || state.kind != env->state.kind ||
        state.task != env->state.task || state.row > env->last || state.column > env->last ||
        state.reached > (kind->once ? kind->goals : 0) || state.steps > kind->steps ||
        state.ended != (state.steps == kind->steps)) {
        return ppi_builtin_bad_state(kind->id, env->state.task, error);
    }
    env->state = state;
    return PP_OK;
}

/* Goals are squares, bright while they can pay; the agent is a disc. */
static int32_t dark_render(void *self, uint8_t *rgb, pp_env_error *error) {
    (void)error;
    static const uint8_t floor_colour[2][3] = {{28, 30, 38}, {34, 37, 46}};
    static const uint8_t goal_colour[MOST_GOALS][2][3] = {{{60, 160, 80}, {34, 72, 46}},
                                                          {{200, 140, 60}, {84, 64, 40}}};
    static const uint8_t agent_colour[2][3] = {{235, 235, 240}, {255, 225, 90}};
    const dark_env *env = self;
    const dark_kind *kind = kind_of(env);
    const dark_state *s = &env->state;
    const int32_t scale = kind->scale;
    const int32_t side = kind->size * scale;
    for (int32_t row = 0; row < kind->size; row++) {
        for (int32_t column = 0; column < kind->size; column++) {
            ppi_builtin_fill(rgb, side, side, row * scale, column * scale, (row + 1) * scale,
                             (column + 1) * scale, floor_colour[(row + column) % 2]);
        }
    }
    for (int g = kind->goals - 1; g >= 0; g--) {
        const int32_t y = env->goal[g][0] * scale;
        const int32_t x = env->goal[g][1] * scale;
        /* A key in front of its door leaves the door's border to see. */
        const int32_t border = kind->goals == 2 && g == 0 ? scale / 4 : scale / 10;
        ppi_builtin_fill(rgb, side, side, y + border, x + border, y + scale - border,
                         x + scale - border, goal_colour[g][s->reached > g]);
    }
    ppi_builtin_disc(rgb, side, side, (s->row + 0.5) * scale, (s->column + 0.5) * scale,
                     0.3 * scale, agent_colour[s->paid]);
    return PP_OK;
}

int32_t ppi_dark_oracle(const void *self) {
    const dark_env *env = self;
    const dark_state *s = &env->state;
    const uint8_t *goal = env->goal[s->reached];
    if (goal[0] == NOWHERE) return 0;
    for (int32_t action = 1; action < ACTIONS; action++) {
        const int toward =
            k_row_move[action] * (goal[0] - s->row) + k_column_move[action] * (goal[1] - s->column);
        if (toward > 0) return action;
    }
    return 0;
}

#define DARK_VTABLE(id_)                                                                           \
    {                                                                                              \
        .abi_version = PP_ENV_ABI_VERSION, .struct_size = sizeof(pp_env_vtable), .name = (id_),    \
        .version = "1", .create = dark_create, .destroy = dark_destroy, .describe = dark_describe, \
        .reset = dark_reset, .step = dark_step, .observe = dark_observe, .save_state = dark_save,  \
        .load_state = dark_load, .render = dark_render                                             \
    }

const pp_env_vtable ppi_dark_vtables[PPI_DARK_ROOMS] = {
    DARK_VTABLE("dark/room"),
    DARK_VTABLE("dark/room-hard"),
    DARK_VTABLE("dark/key-to-door"),
};
