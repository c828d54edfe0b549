/* Bandits of ten arms whose means a task hides; an episode of 100 pulls is a whole lifetime.
 *
 * A pull pays 1 with the mean of its arm. In reading "a" the good arms of a bandit are its odd ones
 * with probability 0.95 (train, odd) or its even ones with probability 0.95 (even); good means are
 * uniform in 0.5..1, the others in 0..0.5. In reading "b" the good arms are always the odd (even)
 * ones, with means 0.95 u and 0.05 u of the others. In "uniform" all means are uniform in 0..1. */
#include <assert.h>
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
    STATE_MAGIC = 0x31444e42, /* "BND1" */
    ARMS = 10,
    PULLS = 100,
    RENDER_H = 120,
    RENDER_W = 200,
};

static const double k_likely = 0.95; /* share of bandits, or scale of means, on the good side */

/* Which arms are good. */
typedef enum bandit_law { LAW_ODD, LAW_EVEN, LAW_UNIFORM } bandit_law;

typedef struct bandit_kind {
    const char *id;
    bandit_law law;
} bandit_kind;

static const bandit_kind k_kinds[PPI_BANDITS] = {
    {"bandit/train", LAW_ODD},
    {"bandit/odd", LAW_ODD},
    {"bandit/even", LAW_EVEN},
    {"bandit/uniform", LAW_UNIFORM},
};

static const char *const k_action_names[ARMS] = {"ARM0", "ARM1", "ARM2", "ARM3", "ARM4",
                                                 "ARM5", "ARM6", "ARM7", "ARM8", "ARM9"};
static const ppi_builtin_limits k_limits = {.modes = 1, .steps = PULLS, .task_count = 0};

/* Everything that changes while playing; saved as it is. */
typedef struct bandit_state {
    uint32_t magic;
    uint8_t kind;    /* index in k_kinds */
    uint8_t reading; /* 0 = "a", 1 = "b" */
    uint8_t started;
    uint8_t pulls; /* in the episode */
    int64_t task;
    ppi_rng rng;         /* of the payments */
    uint8_t tried[ARMS]; /* pulls of each arm */
    uint8_t won[ARMS];   /* those that paid */
    uint8_t pad[4];
} bandit_state;

typedef struct bandit_env {
    bandit_state state;
    double mean[ARMS];
    uint64_t bar[ARMS]; /* the same in units of 2^-32: a draw of 32 bits below it pays */
} bandit_env;

static void draw_means(double *mean, bandit_law law, int reading, int64_t task) {
    ppi_rng rng;
    ppi_rng_init(&rng, (uint64_t)task, PPI_RNG_ENV, PPI_STREAM_TASK);
    const bool swapped = reading == 0 && !(ppi_rng_unit(&rng) < k_likely);
    const int good = (law == LAW_ODD) != swapped; /* parity of the good arms */
    for (int arm = 0; arm < ARMS; arm++) {
        const double u = ppi_rng_unit(&rng);
        const bool is_good = arm % 2 == good;
        if (law == LAW_UNIFORM) {
            mean[arm] = u;
        } else if (reading == 0) {
            mean[arm] = is_good ? 0.5 + 0.5 * u : 0.5 * u;
        } else {
            mean[arm] = is_good ? k_likely * u : (1.0 - k_likely) * u;
        }
    }
}

static int32_t bandit_create(void **out, const pp_env_config *config, pp_env_error *error) {
    *out = NULL;
    int k = 0;
    while (k < PPI_BANDITS && strcmp(config->id, k_kinds[k].id) != 0) k++;
    if (k == PPI_BANDITS) {
        return ppi_env_fail(error, PP_ERR_NOT_FOUND, "'%s' is not a bandit", config->id);
    }
    const char *id = k_kinds[k].id;
    const int32_t status = ppi_builtin_check(config, id, &k_limits, error);
    if (status != PP_OK) return status;
    if (config->view != NULL && strcmp(config->view, "cells") != 0) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has the view cells, not '%s'", id,
                            config->view);
    }
    const char *reading = config->reading == NULL ? "a" : config->reading;
    if (strcmp(reading, "a") != 0 && strcmp(reading, "b") != 0) {
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has the readings a and b, not '%s'", id,
                            reading);
    }
    bandit_env *env = ppi_calloc(1, sizeof(*env));
    if (env == NULL) return ppi_env_fail(error, PP_ERR_NO_MEMORY, "no memory for %s", id);
    env->state.magic = STATE_MAGIC;
    env->state.kind = (uint8_t)k;
    env->state.reading = reading[0] == 'b';
    env->state.task = config->task;
    draw_means(env->mean, k_kinds[k].law, env->state.reading, config->task);
    for (int arm = 0; arm < ARMS; arm++) env->bar[arm] = (uint64_t)(env->mean[arm] * 0x1p32);
    *out = env;
    return PP_OK;
}

static void bandit_destroy(void *env) {
    ppi_free(env);
}

static const char *id_of(const bandit_env *env) {
    return k_kinds[env->state.kind].id;
}

static void bandit_describe(const void *self, pp_env_spec *spec) {
    const bandit_env *env = self;
    ppi_builtin_describe(spec, id_of(env), k_action_names, ARMS, &k_limits);
    spec->obs_type = PP_OBS_CELLS;
    spec->obs_h = 1;
    spec->obs_w = 1;
    spec->obs_c = 1;
    spec->obs_bytes = 1;
    spec->render_h = RENDER_H;
    spec->render_w = RENDER_W;
    spec->task = env->state.task;
    snprintf(spec->view, sizeof(spec->view), "cells");
}

/* There is nothing to see: one component that is always 0. */
static int32_t bandit_observe(void *env, uint8_t *obs, pp_env_error *error) {
    (void)env;
    (void)error;
    if (obs != NULL) obs[0] = 0;
    return PP_OK;
}

static int32_t bandit_reset(void *self, uint64_t seed, uint8_t *obs, pp_env_result *result,
                            pp_env_error *error) {
    bandit_env *env = self;
    bandit_state *s = &env->state;
    if (seed != PP_ENV_KEEP_SEED) {
        ppi_rng_init(&s->rng, seed, PPI_RNG_ENV, PPI_STREAM_EPISODES);
    }
    s->pulls = 0;
    s->started = 1;
    memset(s->tried, 0, sizeof(s->tried));
    memset(s->won, 0, sizeof(s->won));
    *result = (pp_env_result){0};
    return bandit_observe(env, obs, error);
}

static int32_t bandit_step(void *self, int32_t action, uint8_t *obs, pp_env_result *result,
                           pp_env_error *error) {
    bandit_env *env = self;
    bandit_state *s = &env->state;
    if ((uint32_t)action >= ARMS || !s->started) {
        return ppi_builtin_bad_step(id_of(env), action, ARMS, error);
    }
    *result = (pp_env_result){0};
    if (s->pulls < PULLS) {
        const bool won = ppi_rng_u32(&s->rng) < env->bar[action];
        s->tried[action]++;
        s->won[action] = (uint8_t)(s->won[action] + won);
        s->pulls++;
        result->reward = won;
        result->frames = 1;
    }
    result->terminated = s->pulls == PULLS;
    return bandit_observe(env, obs, error);
}

static int32_t bandit_save(void *self, uint8_t *buffer, uint64_t size, uint64_t *needed,
                           pp_env_error *error) {
    const bandit_env *env = self;
    return ppi_builtin_save(id_of(env), &env->state, sizeof(env->state), buffer, size, needed,
                            error);
}

static int32_t bandit_load(void *self, const uint8_t *buffer, uint64_t size, pp_env_error *error) {
    bandit_env *env = self;
    bandit_state state;
    const int32_t status = ppi_builtin_check_size(id_of(env), sizeof(state), size, error);
    if (status != PP_OK) return status;
    memcpy(&state, buffer, sizeof(state));
    int tried = 0;
    bool possible = true;
    for (int arm = 0; arm < ARMS; arm++) {
        tried += state.tried[arm];
        possible = possible && state.won[arm] <= state.tried[arm];
    }
    if (state.magic != STATE_MAGIC || state.kind != env->state.kind ||
        state.reading != env->state.reading || state.task != env->state.task ||
        state.pulls > PULLS || tried != state.pulls || !possible) {
        return ppi_builtin_bad_state(id_of(env), env->state.task, error);
    }
    env->state = state;
    return PP_OK;
}

/* One bar for each arm, as high as its pulls: green what paid, grey what did not; the white mark
 * stands at the hidden mean. */
static int32_t bandit_render(void *self, uint8_t *rgb, pp_env_error *error) {
    (void)error;
    static const uint8_t ground[3] = {24, 26, 32};
    static const uint8_t lost_colour[3] = {120, 124, 135};
    static const uint8_t won_colour[3] = {70, 180, 95};
    static const uint8_t mark_colour[3] = {235, 235, 240};
    enum { MARGIN = 10, SLOT = RENDER_W / ARMS, BAR = RENDER_H - 2 * MARGIN };
    static_assert((int)BAR >= (int)PULLS, "a pull is one pixel high at least");
    const bandit_env *env = self;
    const int32_t bottom = RENDER_H - MARGIN;
    ppi_builtin_fill(rgb, RENDER_H, RENDER_W, 0, 0, RENDER_H, RENDER_W, ground);
    for (int arm = 0; arm < ARMS; arm++) {
        const int32_t x0 = arm * SLOT + 3;
        const int32_t x1 = (arm + 1) * SLOT - 3;
        const int32_t tried = env->state.tried[arm];
        const int32_t won = env->state.won[arm];
        const int32_t mark = bottom - (int32_t)(env->mean[arm] * BAR);
        ppi_builtin_fill(rgb, RENDER_H, RENDER_W, bottom - tried, x0, bottom, x1, lost_colour);
        ppi_builtin_fill(rgb, RENDER_H, RENDER_W, bottom - won, x0, bottom, x1, won_colour);
        ppi_builtin_fill(rgb, RENDER_H, RENDER_W, mark - 1, x0 - 2, mark + 1, x1 + 2, mark_colour);
        ppi_builtin_fill(rgb, RENDER_H, RENDER_W, bottom, x0, bottom + 1, x1, lost_colour);
    }
    return PP_OK;
}

int32_t ppi_bandit_oracle(const void *self) {
    const bandit_env *env = self;
    int32_t best = 0;
    for (int32_t arm = 1; arm < ARMS; arm++) {
        if (env->mean[arm] > env->mean[best]) best = arm;
    }
    return best;
}

#define BANDIT_VTABLE(id_)                                                                         \
    {                                                                                              \
        .abi_version = PP_ENV_ABI_VERSION, .struct_size = sizeof(pp_env_vtable), .name = (id_),    \
        .version = "1", .create = bandit_create, .destroy = bandit_destroy,                        \
        .describe = bandit_describe, .reset = bandit_reset, .step = bandit_step,                   \
        .observe = bandit_observe, .save_state = bandit_save, .load_state = bandit_load,           \
        .render = bandit_render                                                                    \
    }

const pp_env_vtable ppi_bandit_vtables[PPI_BANDITS] = {
    BANDIT_VTABLE("bandit/train"),
    BANDIT_VTABLE("bandit/odd"),
    BANDIT_VTABLE("bandit/even"),
    BANDIT_VTABLE("bandit/uniform"),
};
