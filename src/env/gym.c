/* Gymnasium environments; see gym.h. An environment here is a seed, the actions since the last reset
 * and a process that has played them: a saved state is that list, and loading plays it again. */
#include "env/gym.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "env/arcade/arcade.h"
#include "env/gym_child.h"

enum { STATE_MAGIC = 0x314d5947 /* "GYM1" */, LINE = 64, LEAST_PLAYED = 256 };

/* The part of the state that is ours; the actions of the running episode follow it when saved. */
typedef struct gym_state {
    uint32_t magic;
    uint8_t started;
    uint8_t terminated;
    uint8_t truncated;
    uint8_t pad;
    uint64_t seed;  /* of the running episode */
    int64_t played; /* actions since the reset */
    ppi_rng rng;    /* seeds of the episodes that go on in one random stream */
} gym_state;

typedef struct gym_env {
    pp_env_spec spec;
    ppi_gym_child child;
    gym_state state;
    int32_t *actions; /* [capacity], of the running episode */
    int64_t capacity;
} gym_env;

static void gym_destroy(void *self) {
    gym_env *env = self;
    if (env == NULL) return;
    ppi_gym_child_stop(&env->child);
    ppi_free(env->actions);
    ppi_free(env);
}

/* ---- what the process tells of its environment ---- */

static pp_status read_sizes(pp_env_spec *spec, const ppi_json *facts) {
    static const char *const names[] = {"h", "w", "c", "n", "max_steps", "render_h", "render_w"};
    int32_t *const fields[] = {&spec->obs_h,     &spec->obs_w,    &spec->obs_c,   &spec->action_count,
                               &spec->max_steps, &spec->render_h, &spec->render_w};
    for (int i = 0; i < 7; i++) {
        int64_t value = 0;
        PPI_TRY(ppi_json_get_i64(facts, names[i], &value));
        if (value < 0 || value > INT32_MAX / 4096)
            return ppi_fail(PP_ERR_CORRUPT, "%s is %lld", names[i], (long long)value);
        *fields[i] = (int32_t)value;
    }
    if (spec->action_count < 1 || spec->action_count > PP_ENV_ACTIONS)
        return ppi_fail(PP_ERR_CORRUPT, "%d actions", spec->action_count);
    return PP_OK;
}

static pp_status read_kind(pp_env_spec *spec, const ppi_json *facts) {
    const char *kind = NULL;
    PPI_TRY(ppi_json_get_string(facts, "kind", &kind));
    spec->obs_bytes = spec->obs_h * spec->obs_w * spec->obs_c;
    if (strcmp(kind, "image") == 0) {
        spec->obs_type = PP_OBS_IMAGE;
    } else if (strcmp(kind, "float") == 0) {
        spec->obs_type = PP_OBS_FLOAT;
        spec->obs_bytes *= (int32_t)sizeof(float);
    } else {
        const ppi_json *high = NULL;
        int64_t most = 0;
        spec->obs_type = PP_OBS_CELLS;
        PPI_TRY(ppi_json_get_array(facts, "high", &high));
        PPI_TRY(ppi_json_as_i64(ppi_json_at(high, 0), "high", &most));
        spec->obs_high[0] = (int32_t)most;
    }
    snprintf(spec->view, sizeof spec->view, "%s", kind);
    return PP_OK;
}

static pp_status read_names(pp_env_spec *spec, const ppi_json *facts) {
    const ppi_json *names = NULL;
    PPI_TRY(ppi_json_get_array(facts, "names", &names));
    spec->min_actions = spec->action_count;
    for (int32_t i = 0; i < spec->action_count; i++) {
        spec->action_list[i] = i;
        snprintf(spec->action_names[i], sizeof spec->action_names[i], "%d", i);
        const char *name = NULL;
        if (i >= ppi_json_count(names)) continue;
        PPI_TRY(ppi_json_as_string(ppi_json_at(names, i), "a name of an action", &name));
        snprintf(spec->action_names[i], sizeof spec->action_names[i], "%.15s", name);
    }
    return PP_OK;
}

static pp_status read_facts(pp_env_spec *spec, const char *text) {
    ppi_json *facts = NULL;
    const char *version = NULL;
    PPI_TRY(ppi_json_parse(&facts, text, strlen(text), "the greeting of the Python process"));
    pp_status status = read_sizes(spec, facts);
    if (status == PP_OK) status = read_kind(spec, facts);
    if (status == PP_OK) status = read_names(spec, facts);
    if (status == PP_OK) status = ppi_json_get_string(facts, "version", &version);
    if (status == PP_OK) snprintf(spec->backend_version, sizeof spec->backend_version, "%.31s", version);
    ppi_json_free(facts);
    return status;
}

/* Offset of the picture in the shared memory. */
static size_t picture_at(const pp_env_spec *spec) {
    return ((size_t)spec->obs_bytes + LINE - 1) / LINE * LINE;
}

/* Starts the process and maps what it shows. */
static int32_t start(gym_env *env, pp_env_error *error) {
    pp_env_spec *spec = &env->spec;
    const int32_t cap = spec->max_steps;
    int32_t status = ppi_gym_child_start(&env->child, spec->id + strlen(PPI_GYM_PREFIX), error);
    if (status != PP_OK) return status;
    if (read_facts(spec, env->child.facts) != PP_OK)
        return ppi_env_fail(error, PP_ERR_CORRUPT, "%s: %s", spec->id, pp_last_error());
    if (cap > 0) spec->max_steps = cap;
    const size_t picture = (size_t)spec->render_h * (size_t)spec->render_w * 3;
    return ppi_gym_child_map(&env->child, picture_at(spec) + picture, error);
}

static int32_t gym_create(void **out, const pp_env_config *config, pp_env_error *error) {
    *out = NULL;
    const size_t prefix = strlen(PPI_GYM_PREFIX);
    if (strncmp(config->id, PPI_GYM_PREFIX, prefix) != 0 || config->id[prefix] == '\0')
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "'%s' is no Gymnasium environment; gym/CartPole-v1 is one",
                            config->id);
    if (config->mode != 0 || config->difficulty != 0 || config->sticky > 0 || config->noop_max > 0)
        return ppi_env_fail(error, PP_ERR_ARGUMENT,
                            "%s: mode, difficulty, sticky actions and no-op starts are for the Gymnasium id to "
                            "say, not for options",
                            config->id);
    if (config->view != NULL)
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s has only its own view, not '%s'", config->id, config->view);
    gym_env *env = ppi_calloc(1, sizeof *env);
    if (env == NULL) return ppi_env_fail(error, PP_ERR_NO_MEMORY, "no memory for %s", config->id);
    snprintf(env->spec.id, sizeof env->spec.id, "%s", config->id);
    snprintf(env->spec.backend, sizeof env->spec.backend, "gymnasium");
    env->spec.frame_skip = 1;
    env->spec.reward_min = -INFINITY;
    env->spec.reward_max = INFINITY;
    env->spec.task_count = 1;
    env->spec.max_steps = config->max_steps;
    env->state.magic = STATE_MAGIC;
    const int32_t status = start(env, error);
    if (status != PP_OK) {
        gym_destroy(env);
        return status;
    }
    *out = env;
    return PP_OK;
}

static void gym_describe(const void *self, pp_env_spec *spec) {
    *spec = ((const gym_env *)self)->spec;
}

/* ---- playing ---- */

/* Asks the process; its words get the name of the environment in front. */
static int32_t ask(gym_env *env, ppi_gym_operation operation, int32_t action, ppi_gym_reply *reply,
                   pp_env_error *error) {
    pp_env_error raw = {{0}};
    if (env->child.pid == 0)
        return ppi_env_fail(error, PP_ERR_IO, "%s: its Python process died before; reset starts another",
                            env->spec.id);
    const int32_t status = ppi_gym_child_ask(&env->child, operation, action, env->state.seed, reply, &raw);
    if (status == PP_OK) return PP_OK;
    return ppi_env_fail(error, status, "%s, after %lld steps of the episode: %s", env->spec.id,
                        (long long)env->state.played, raw.text);
}

static void show(const gym_env *env, uint8_t *obs) {
    if (obs != NULL) memcpy(obs, env->child.map, (size_t)env->spec.obs_bytes);
}

/* Begins the episode of state.seed. */
static int32_t begin(gym_env *env, pp_env_error *error) {
    ppi_gym_reply reply;
    if (env->child.pid == 0) {
        const int32_t status = start(env, error);
        if (status != PP_OK) return status;
    }
    env->state.played = 0;
    env->state.terminated = env->state.truncated = 0;
    return ask(env, PPI_GYM_RESET, 0, &reply, error);
}

static int32_t gym_reset(void *self, uint64_t seed, uint8_t *obs, pp_env_result *result, pp_env_error *error) {
    gym_env *env = self;
    gym_state *s = &env->state;
    if (seed != PP_ENV_KEEP_SEED || !s->started) {
        s->seed = seed == PP_ENV_KEEP_SEED ? 0 : seed;
        ppi_rng_init(&s->rng, s->seed, PPI_RNG_ENV, 0);
    } else {
        s->seed = ppi_rng_u32(&s->rng) >> 1;
    }
    const int32_t status = begin(env, error);
    if (status != PP_OK) return status;
    s->started = 1;
    *result = (pp_env_result){0};
    show(env, obs);
    return PP_OK;
}

static int32_t remember(gym_env *env, int32_t action, pp_env_error *error) {
    if (env->state.played == env->capacity) {
        const int64_t capacity = env->capacity > 0 ? 2 * env->capacity : LEAST_PLAYED;
        int32_t *grown = ppi_realloc(env->actions, (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return ppi_env_fail(error, PP_ERR_NO_MEMORY, "no memory for the actions of %s", env->spec.id);
        env->actions = grown;
        env->capacity = capacity;
    }
    env->actions[env->state.played++] = action;
    return PP_OK;
}

static int32_t advance(gym_env *env, int32_t action, double *reward, pp_env_error *error) {
    gym_state *s = &env->state;
    ppi_gym_reply reply;
    int32_t status = ask(env, PPI_GYM_STEP, action, &reply, error);
    if (status == PP_OK) status = remember(env, action, error);
    if (status != PP_OK) return status;
    *reward = reply.reward;
    s->terminated = reply.terminated;
    s->truncated = reply.truncated ||
                   (!reply.terminated && env->spec.max_steps > 0 && s->played >= env->spec.max_steps);
    return PP_OK;
}

static int32_t gym_step(void *self, int32_t action, uint8_t *obs, pp_env_result *result, pp_env_error *error) {
    gym_env *env = self;
    gym_state *s = &env->state;
    if (action < 0 || action >= env->spec.action_count)
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "action %d of %s is not in 0..%d", action, env->spec.id,
                            env->spec.action_count - 1);
    if (!s->started) return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s was never reset", env->spec.id);
    *result = (pp_env_result){.terminated = s->terminated, .truncated = s->truncated};
    if (!s->terminated && !s->truncated) {
        const int32_t status = advance(env, action, &result->reward, error);
        if (status != PP_OK) return status;
        result->terminated = s->terminated;
        result->truncated = s->truncated;
        result->frames = 1;
    }
    show(env, obs);
    return PP_OK;
}

static int32_t gym_observe(void *self, uint8_t *obs, pp_env_error *error) {
    const gym_env *env = self;
    if (env->child.map == NULL)
        return ppi_env_fail(error, PP_ERR_IO, "%s: its Python process died before; reset starts another",
                            env->spec.id);
    show(env, obs);
    return PP_OK;
}

static int32_t gym_render(void *self, uint8_t *rgb, pp_env_error *error) {
    gym_env *env = self;
    ppi_gym_reply reply;
    const size_t size = (size_t)env->spec.render_h * (size_t)env->spec.render_w * 3;
    if (size == 0)
        return ppi_env_fail(error, PP_ERR_UNSUPPORTED,
                            "%s draws no pictures here; its package for drawing may be missing in that Python",
                            env->spec.id);
    const int32_t status = ask(env, PPI_GYM_RENDER, 0, &reply, error);
    if (status == PP_OK) memcpy(rgb, env->child.map + picture_at(&env->spec), size);
    return status;
}

/* ---- saved states ---- */

static int32_t gym_save(void *self, uint8_t *buffer, uint64_t size, uint64_t *needed, pp_env_error *error) {
    const gym_env *env = self;
    const uint64_t list = (uint64_t)env->state.played * sizeof *env->actions;
    *needed = sizeof env->state + list;
    if (buffer == NULL) return PP_OK;
    if (size < *needed)
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "the state of %s takes %llu bytes, %llu given", env->spec.id,
                            (unsigned long long)*needed, (unsigned long long)size);
    memcpy(buffer, &env->state, sizeof env->state);
    if (list > 0) memcpy(buffer + sizeof env->state, env->actions, list);
    return PP_OK;
}

static int32_t gym_load(void *self, const uint8_t *buffer, uint64_t size, pp_env_error *error) {
    gym_env *env = self;
    gym_state saved;
    if (size >= sizeof saved) memcpy(&saved, buffer, sizeof saved);
    if (size < sizeof saved || saved.magic != STATE_MAGIC || saved.played < 0 ||
        (uint64_t)saved.played * sizeof(int32_t) != size - sizeof saved)
        return ppi_env_fail(error, PP_ERR_CORRUPT, "%llu bytes are no saved state of %s", (unsigned long long)size,
                            env->spec.id);
    env->state = saved;
    int32_t status = saved.started ? begin(env, error) : PP_OK;
    for (int64_t i = 0; i < saved.played && status == PP_OK; i++) {
        int32_t action;
        double reward;
        memcpy(&action, buffer + sizeof saved + (size_t)i * sizeof action, sizeof action);
        status = advance(env, action, &reward, error);
    }
    if (status == PP_OK && (env->state.terminated != saved.terminated || env->state.truncated != saved.truncated))
        return ppi_env_fail(error, PP_ERR_UNSUPPORTED,
                            "%s played the same actions from the same seed to another end: it cannot be resumed",
                            env->spec.id);
    return status;
}

const pp_env_vtable ppi_gym_vtable = {
    .abi_version = PP_ENV_ABI_VERSION,
    .struct_size = sizeof(pp_env_vtable),
    .name = "gym",
    .version = "1",
    .create = gym_create,
    .destroy = gym_destroy,
    .describe = gym_describe,
    .reset = gym_reset,
    .step = gym_step,
    .observe = gym_observe,
    .save_state = gym_save,
    .load_state = gym_load,
    .render = gym_render,
};
