/* Watermaze: a pool with a hidden platform, seen from the swimmer's eye.
 *
 * A clone of the water maze of Algorithm Distillation (Laskin et al. 2022, whose step sizes are not
 * given): 34 units per move and 22.5 degrees per turn bring a random policy to the success rate
 * with which the paper's learning curves begin. The first contact pays 1 and pins the swimmer to
 * the platform, from whose height it sees the rest of the 50 steps. */
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <polyplay/status.h>

#include "base/mem.h"
#include "base/rng.h"
#include "env/arcade/arcade.h"
#include "env/builtin.h"
#include "env/scripted.h"
#include "env/watermaze_render.h"

enum {
    STATE_MAGIC = 0x314d5457, /* "WTM1" */
    ACTIONS = 8,
    STEPS = 50,
    RENDER_H = 240,
    RENDER_W = 320, /* the eye's picture; the map is a square beside it */
    GRID = 8,       /* rows and columns of places in mode 2 */
    RING = 16,      /* places in mode 3 */
};

/* Modes. */
enum { MODE_FIXED, MODE_HEADING, MODE_GRID, MODE_RING, MODES };

#define ID "watermaze"

static const float k_move = 34.0f;
static const float k_wall = PPI_POOL_APOTHEM - 15.0f; /* the swimmer's radius is 15 */
static const float k_contact = 79.0f;                 /* half of the platform and the swimmer */
static const double k_disc = 580.0;                   /* places of the platform, modes 0 and 1 */
static const float k_grid_step = 116.0f;              /* between neighbours of mode 2 */
static const float k_ring_radius = 300.0f;

/* What an action does: moves along and to the left of the heading, turn in steps of 22.5 degrees
 * counter-clockwise. The turn comes first. */
typedef struct maze_action {
    const char *name;
    int8_t forward;
    int8_t left;
    int8_t turn;
} maze_action;

static const maze_action k_actions[ACTIONS] = {
    {"FORWARD", 1, 0, 0},       {"BACKWARD", -1, 0, 0},      {"STRAFE_LEFT", 0, 1, 0},
    {"STRAFE_RIGHT", 0, -1, 0}, {"ROTATE_LEFT", 0, 0, 1},    {"ROTATE_RIGHT", 0, 0, -1},
    {"FORWARD_LEFT", 1, 0, 1},  {"FORWARD_RIGHT", 1, 0, -1},
};
enum {
    ACTION_FORWARD = 0,
    ACTION_ROTATE_LEFT = 4,
    ACTION_ROTATE_RIGHT = 5,
    ACTION_FORWARD_LEFT = 6,
    ACTION_FORWARD_RIGHT = 7
};

/* The views; their cameras are made once and shared. */
typedef struct maze_view {
    const char *name;
    int32_t h;
    int32_t w;
} maze_view;

static const maze_view k_views[] = {{"72x96", 72, 96}, {"24x32", 24, 32}, {"", RENDER_H, RENDER_W}};
enum { CAMERAS = sizeof(k_views) / sizeof(k_views[0]), VIEWS = CAMERAS - 1 };
static_assert(RENDER_W <= PPI_POOL_MAX_SIDE, "the picture fits the camera's tables");

static ppi_pool_camera g_cameras[CAMERAS];
static pthread_once_t g_cameras_once = PTHREAD_ONCE_INIT;

static void make_cameras(void) {
    for (int i = 0; i < CAMERAS; i++) {
        ppi_pool_camera_init(&g_cameras[i], k_views[i].h, k_views[i].w);
    }
}

/* Everything that changes while playing; saved as it is. */
typedef struct maze_state {
    uint32_t magic;
    int32_t mode;
    int64_t task;
    uint64_t seed;  /* of the headings of mode 1 */
    uint64_t draws; /* position in that stream */
    float x;
    float y;
    int32_t heading; /* steps of 22.5 degrees */
    uint8_t reached; /* the platform, in this episode */
    uint8_t steps;
    uint8_t started;
    uint8_t ended;
} maze_state;

typedef struct maze_env {
    maze_state state;
    float place[2]; /* centre of the platform */
    int32_t view;   /* index in k_views */
} maze_env;

static ppi_builtin_limits limits_of(int32_t mode) {
    const int64_t tasks = mode == MODE_GRID ? GRID * GRID : mode == MODE_RING ? RING : 0;
    return (ppi_builtin_limits){.modes = MODES, .steps = STEPS, .task_count = tasks};
}

static void find_place(float place[2], int32_t mode, int64_t task) {
    if (mode == MODE_GRID) {
        place[0] = ((float)(task % GRID) - 0.5f * (GRID - 1)) * k_grid_step;
        place[1] = ((float)(task / GRID) - 0.5f * (GRID - 1)) * k_grid_step;
    } else if (mode == MODE_RING) {
        static_assert((int)RING == (int)PPI_POOL_SIDES, "a place for every bearing");
        place[0] = k_ring_radius * ppi_pool_bearing[task][0];
        place[1] = k_ring_radius * ppi_pool_bearing[task][1];
    } else {
        /* Uniform in the disc, by rejection from its square: no function of the C library. */
        ppi_rng rng;
        ppi_rng_init(&rng, (uint64_t)task, PPI_RNG_ENV, PPI_STREAM_TASK);
        double u, v;
        do {
            u = 2.0 * ppi_rng_unit(&rng) - 1.0;
            v = 2.0 * ppi_rng_unit(&rng) - 1.0;
        } while (u * u + v * v > 1.0);
        place[0] = (float)(k_disc * u);
        place[1] = (float)(k_disc * v);
    }
}

static int32_t maze_create(void **out, const pp_env_config *config, pp_env_error *error) {
    *out = NULL;
    /* A mode out of range is refused before its task is looked at. */
    const ppi_builtin_limits limits = limits_of(config->mode);
    int32_t status = ppi_builtin_check(config, ID, &limits, error);
    if (status == PP_OK) status = ppi_builtin_no_reading(config, ID, error);
    if (status != PP_OK) return status;
    int view = 0;
    while (config->view != NULL && view < VIEWS && strcmp(config->view, k_views[view].name) != 0) {
        view++;
    }
    if (view == VIEWS) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, ID " has the views 72x96 and 24x32, not '%s'",
                            config->view);
    }
    maze_env *env = ppi_calloc(1, sizeof(*env));
    if (env == NULL) return ppi_env_fail(error, PP_ERR_NO_MEMORY, "no memory for " ID);
    pthread_once(&g_cameras_once, make_cameras);
    env->state.magic = STATE_MAGIC;
    env->state.mode = config->mode;
    env->state.task = config->task;
    env->view = view;
    find_place(env->place, config->mode, config->task);
    *out = env;
    return PP_OK;
}

static void maze_destroy(void *env) {
    ppi_free(env);
}

static void maze_describe(const void *self, pp_env_spec *spec) {
    const maze_env *env = self;
    const ppi_builtin_limits limits = limits_of(env->state.mode);
    const maze_view *view = &k_views[env->view];
    const char *names[ACTIONS];
    for (int i = 0; i < ACTIONS; i++) names[i] = k_actions[i].name;
    ppi_builtin_describe(spec, ID, names, ACTIONS, &limits);
    spec->obs_type = PP_OBS_IMAGE;
    spec->obs_h = view->h;
    spec->obs_w = view->w;
    spec->obs_c = 3;
    spec->obs_bytes = view->h * view->w * 3;
    spec->render_h = RENDER_H;
    spec->render_w = RENDER_W + RENDER_H;
    spec->mode = env->state.mode;
    spec->task = env->state.task;
    snprintf(spec->view, sizeof(spec->view), "%s", view->name);
}

static void draw(const maze_env *env, uint8_t *rgb, int32_t stride, int32_t camera) {
    const maze_state *s = &env->state;
    ppi_pool_render(rgb, stride, &g_cameras[camera], s->x, s->y, s->heading,
                    s->reached ? PPI_POOL_EYE_RAISED : PPI_POOL_EYE);
}

static int32_t maze_observe(void *self, uint8_t *obs, pp_env_error *error) {
    (void)error;
    const maze_env *env = self;
    if (obs != NULL) draw(env, obs, k_views[env->view].w, env->view);
    return PP_OK;
}

static int32_t maze_reset(void *self, uint64_t seed, uint8_t *obs, pp_env_result *result,
                          pp_env_error *error) {
    maze_env *env = self;
    maze_state *s = &env->state;
    if (seed != PP_ENV_KEEP_SEED) {
        s->seed = seed;
        s->draws = 0;
    }
    s->heading = 0;
    if (s->mode == MODE_HEADING) {
        ppi_rng rng;
        ppi_rng_init(&rng, s->seed, PPI_RNG_ENV, PPI_STREAM_EPISODES);
        rng.pos = s->draws;
        s->heading = 2 * (int32_t)ppi_rng_below(&rng, PPI_POOL_SIDES / 2);
        s->draws = rng.pos;
    }
    s->x = 0.0f;
    s->y = 0.0f;
    s->reached = 0;
    s->steps = 0;
    s->ended = 0;
    s->started = 1;
    *result = (pp_env_result){0};
    return maze_observe(env, obs, error);
}

/* Slides along the walls: out of every wall by its normal. In a corner the way out of one wall may
 * lead into its neighbour, so the walls are gone through twice. */
static void keep_inside(maze_state *s) {
    for (int pass = 0; pass < 2; pass++) {
        for (int k = 0; k < PPI_POOL_SIDES; k++) {
            const float *normal = ppi_pool_bearing[k];
            const float over = normal[0] * s->x + normal[1] * s->y - k_wall;
            if (over > 0.0f) {
                s->x -= over * normal[0];
                s->y -= over * normal[1];
            }
        }
    }
}

/* One step of a running episode; returns the reward. */
static double advance(maze_env *env, const maze_action *action) {
    maze_state *s = &env->state;
    s->steps++;
    s->ended = s->steps == STEPS;
    s->heading = (s->heading + action->turn + PPI_POOL_SIDES) % PPI_POOL_SIDES;
    if (s->reached) return 0.0;
    const float *axis = ppi_pool_bearing[s->heading];
    const float forward = k_move * action->forward;
    const float left = k_move * action->left;
    s->x += forward * axis[0] - left * axis[1];
    s->y += forward * axis[1] + left * axis[0];
    keep_inside(s);
    const float dx = s->x - env->place[0];
    const float dy = s->y - env->place[1];
    if (dx * dx + dy * dy >= k_contact * k_contact) return 0.0;
    s->reached = 1;
    s->x = env->place[0];
    s->y = env->place[1];
    return 1.0;
}

static int32_t maze_step(void *self, int32_t action, uint8_t *obs, pp_env_result *result,
                         pp_env_error *error) {
    maze_env *env = self;
    maze_state *s = &env->state;
    if ((uint32_t)action >= ACTIONS || !s->started) {
        return ppi_builtin_bad_step(ID, action, ACTIONS, error);
    }
    *result = (pp_env_result){0};
    if (!s->ended) {
        result->reward = advance(env, &k_actions[action]);
        result->frames = 1;
    }
    result->terminated = s->ended;
    return maze_observe(env, obs, error);
}

static int32_t maze_save(void *self, uint8_t *buffer, uint64_t size, uint64_t *needed,
                         pp_env_error *error) {
    const maze_env *env = self;
    return ppi_builtin_save(ID, &env->state, sizeof(env->state), buffer, size, needed, error);
}

/* False for a place outside the walls, and for one that is no number. */
static bool is_inside(float x, float y) {
    for (int k = 0; k < PPI_POOL_SIDES; k++) {
        const float along = ppi_pool_bearing[k][0] * x + ppi_pool_bearing[k][1] * y;
        if (!(along < k_wall + 1.0f)) return false;
    }
    return true;
}

static int32_t maze_load(void *self, const uint8_t *buffer, uint64_t size, pp_env_error *error) {
    maze_env *env = self;
    maze_state state;
    const int32_t status = ppi_builtin_check_size(ID, sizeof(state), size, error);
    if (status != PP_OK) return status;
    memcpy(&state, buffer, sizeof(state));
    if (state.magic != STATE_MAGIC || state.mode != env->state.mode ||
        state.task != env->state.task || !is_inside(state.x, state.y) || state.heading < 0 ||
        state.heading >= PPI_POOL_SIDES || state.steps > STEPS ||
        state.ended != (state.steps == STEPS) || state.reached > 1) {
        return ppi_builtin_bad_state(ID, env->state.task, error);
    }
    env->state = state;
    return PP_OK;
}

static int32_t maze_render(void *self, uint8_t *rgb, pp_env_error *error) {
    (void)error;
    const maze_env *env = self;
    const float swimmer[2] = {env->state.x, env->state.y};
    draw(env, rgb, RENDER_W + RENDER_H, VIEWS);
    ppi_pool_map(rgb, RENDER_W + RENDER_H, RENDER_W, RENDER_H, env->place, swimmer,
                 env->state.heading);
    return PP_OK;
}

void ppi_watermaze_pose(const void *self, float swimmer[2], int32_t *heading, float place[2]) {
    const maze_env *env = self;
    swimmer[0] = env->state.x;
    swimmer[1] = env->state.y;
    *heading = env->state.heading;
    place[0] = env->place[0];
    place[1] = env->place[1];
}

int32_t ppi_watermaze_oracle(const void *self) {
    const maze_env *env = self;
    const maze_state *s = &env->state;
    const float dx = env->place[0] - s->x;
    const float dy = env->place[1] - s->y;
    int32_t turn = 0; /* to the heading nearest to the platform's bearing */
    float best = -INFINITY;
    for (int32_t t = 1 - PPI_POOL_SIDES / 2; t <= PPI_POOL_SIDES / 2; t++) {
        const float *axis = ppi_pool_bearing[(s->heading + t + PPI_POOL_SIDES) % PPI_POOL_SIDES];
        const float along = axis[0] * dx + axis[1] * dy;
        if (along > best) {
            best = along;
            turn = t;
        }
    }
    if (s->reached || turn == 0) return ACTION_FORWARD;
    if (turn == 1) return ACTION_FORWARD_LEFT;
    if (turn == -1) return ACTION_FORWARD_RIGHT;
    return turn > 0 ? ACTION_ROTATE_LEFT : ACTION_ROTATE_RIGHT;
}

const pp_env_vtable ppi_watermaze_vtable = {
    .abi_version = PP_ENV_ABI_VERSION,
    .struct_size = sizeof(pp_env_vtable),
    .name = ID,
    .version = "1",
    .create = maze_create,
    .destroy = maze_destroy,
    .describe = maze_describe,
    .reset = maze_reset,
    .step = maze_step,
    .observe = maze_observe,
    .save_state = maze_save,
    .load_state = maze_load,
    .render = maze_render,
};
