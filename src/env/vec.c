/* Environments side by side. One environment is one item of work and writes only its own rows, so
 * who runs it makes no difference to what it writes.
 *
 * What a step touches lies in dense arrays, one entry an environment: the function to call and its
 * state, the phase, the results. Specifications and error texts, a few thousand bytes each, lie
 * apart, so that a thousand small games step within the cache.
 *
 * Every thread has a fixed share. Where one step takes so long that a late thread would be waited
 * for, a thread that is done with its share takes what others have not begun. Environments that
 * all step in less time than it takes to wake a thread stay in the calling thread: waking costs
 * tens of microseconds, a step of a small game less than one. */
#include "env/vec.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/threads.h"

/* Steps of all environments that together take less than this stay in one thread, in seconds. */
static const double k_least_shared = 50e-6;
/* From this time of one step on, idle threads help the others, in seconds. */
static const double k_least_helped = 5e-6;

/* Where an environment stands. */
typedef enum phase {
    PHASE_NEW,     /* was never reset */
    PHASE_RUNNING, /* an episode is running */
    PHASE_ENDED,   /* the episode is over and the next has not begun */
    PHASE_FAILED,  /* needs a reset or a loaded state */
    PHASE_COUNT
} phase;

/* What every step of an environment reads. */
typedef struct hot_env {
    int32_t (*step)(void *env, int32_t action, uint8_t *obs, pp_env_result *result,
                    pp_env_error *error);
    void *state;
} hot_env;

/* What is read at starts, failures and questions. */
typedef struct cold_env {
    ppi_env env;
    pp_env_spec spec;
    int32_t status; /* of the call that failed last */
    pp_env_error error;
} cold_env;

struct ppi_vec {
    int count;
    ppi_autoreset autoreset;
    ppi_env_options options; /* the environments were made with, but for their tasks */
    int64_t obs_size;
    hot_env *hot;          /* [N] */
    cold_env *cold;        /* [N] */
    uint8_t *phase;        /* [N] */
    int32_t *action_count; /* [N] */
    uint8_t *obs;          /* [N, obs_size] */
    uint8_t *final_obs;    /* [N, obs_size], NULL unless SAME_STEP */
    double *reward;
    uint8_t *terminated;
    uint8_t *truncated;
    int32_t *lives;
    int32_t *frames;
    int64_t *steps;
    double *ret;     /* [N] of the running episode */
    double *started; /* [N] clock at the start of the running episode */
    double *episode_return;
    int64_t *episode_length;
    double *episode_seconds;
    ppi_pool *pool;      /* NULL with one thread */
    atomic_bool *taken;  /* [N] in the present call over the pool; NULL with one thread */
    double step_seconds; /* what all environments last took, summed over the threads; 0 = unknown */
    atomic_bool any_fail; /* an environment failed in the present call */
};

/* Work of one call. */
typedef struct vec_job {
    ppi_vec *vec;
    const int32_t *actions;
    const uint8_t *active;
    const uint64_t *seeds;
    bool help;
} vec_job;

/* The clock of one share of a call, read when first needed. */
typedef struct share_clock {
    double now; /* 0 = not read yet */
} share_clock;

static double share_now(share_clock *clock) {
    if (clock->now == 0.0) {
        clock->now = ppi_clock_seconds();
    }
    return clock->now;
}

static pp_status allocate(ppi_vec *vec, int threads) {
    const size_t n = (size_t)vec->count;
    const size_t obs_bytes = n * (size_t)vec->obs_size;
    vec->obs = ppi_aligned_alloc64(obs_bytes);
    if (vec->autoreset == PPI_AUTORESET_SAME_STEP) {
        vec->final_obs = ppi_aligned_alloc64(obs_bytes);
    }
    vec->reward = ppi_calloc(n, sizeof(*vec->reward));
    vec->terminated = ppi_calloc(n, sizeof(*vec->terminated));
    vec->truncated = ppi_calloc(n, sizeof(*vec->truncated));
    vec->lives = ppi_calloc(n, sizeof(*vec->lives));
    vec->frames = ppi_calloc(n, sizeof(*vec->frames));
    vec->steps = ppi_calloc(n, sizeof(*vec->steps));
    vec->ret = ppi_calloc(n, sizeof(*vec->ret));
    vec->started = ppi_calloc(n, sizeof(*vec->started));
    vec->episode_return = ppi_calloc(n, sizeof(*vec->episode_return));
    vec->episode_length = ppi_calloc(n, sizeof(*vec->episode_length));
    vec->episode_seconds = ppi_calloc(n, sizeof(*vec->episode_seconds));
    const bool final_missing = vec->autoreset == PPI_AUTORESET_SAME_STEP && vec->final_obs == NULL;
    if (vec->obs == NULL || final_missing || vec->reward == NULL || vec->terminated == NULL ||
        vec->truncated == NULL || vec->lives == NULL || vec->frames == NULL || vec->steps == NULL ||
        vec->ret == NULL || vec->started == NULL || vec->episode_return == NULL ||
        vec->episode_length == NULL || vec->episode_seconds == NULL) {
        return ppi_oom("the arrays of a vector of environments");
    }
    if (threads == 1 || vec->count == 1) {
        return PP_OK;
    }
    vec->taken = ppi_calloc(n, sizeof(*vec->taken));
    if (vec->taken == NULL) {
        return ppi_oom("the arrays of a vector of environments");
    }
    return ppi_pool_create(&vec->pool, threads < vec->count ? threads : vec->count);
}

/* One batch has rows of one shape. */
static pp_status check_shape(const pp_env_spec *first, const pp_env_spec *spec) {
    if (spec->obs_type == first->obs_type && spec->obs_bytes == first->obs_bytes &&
        spec->obs_h == first->obs_h && spec->obs_w == first->obs_w && spec->obs_c == first->obs_c) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_SHAPE,
                    "%s shows %dx%dx%d (%s) and %s shows %dx%dx%d (%s); environments of one "
                    "vector need one shape (env.view grey84 gives Atari and arcade games one)",
                    first->id, first->obs_h, first->obs_w, first->obs_c, first->view, spec->id,
                    spec->obs_h, spec->obs_w, spec->obs_c, spec->view);
}

/* Makes environment i and enters what its steps read. */
static pp_status open_one(ppi_vec *vec, int i, const char *id, const ppi_env_options *options) {
    cold_env *cold = &vec->cold[i];
    PPI_TRY(ppi_env_create(&cold->env, id, options));
    cold->env.vtable->describe(cold->env.state, &cold->spec);
    PPI_TRY(check_shape(&vec->cold[0].spec, &cold->spec));
    if (cold->spec.obs_bytes < 1 || cold->spec.action_count < 1) {
        return ppi_fail(PP_ERR_INTERNAL, "%s describes %d bytes of observation and %d actions", id,
                        cold->spec.obs_bytes, cold->spec.action_count);
    }
    vec->hot[i] = (hot_env){cold->env.vtable->step, cold->env.state};
    vec->action_count[i] = cold->spec.action_count;
    return PP_OK;
}

static pp_status fill(ppi_vec *vec, const ppi_vec_config *config) {
    const size_t n = (size_t)vec->count;
    vec->hot = ppi_aligned_alloc64(n * sizeof(*vec->hot));
    vec->cold = ppi_calloc(n, sizeof(*vec->cold));
    vec->phase = ppi_calloc(n, sizeof(*vec->phase));
    vec->action_count = ppi_calloc(n, sizeof(*vec->action_count));
    if (vec->hot == NULL || vec->cold == NULL || vec->phase == NULL || vec->action_count == NULL) {
        return ppi_oom("a vector of environments");
    }
    ppi_env_options_default(&vec->options);
    if (config->options != NULL) {
        vec->options = *config->options;
    }
    ppi_env_options options = vec->options;
    for (int i = 0; i < vec->count; i++) {
        if (config->tasks != NULL) {
            options.task = config->tasks[i];
        }
        PPI_TRY(open_one(vec, i, config->ids[i], &options));
    }
    vec->obs_size = vec->cold[0].spec.obs_bytes;
    return allocate(vec, config->threads);
}

pp_status ppi_vec_open(ppi_vec **out, const ppi_vec_config *config) {
    *out = NULL;
    if (config->count < 1 || config->threads < 1) {
        return ppi_fail(PP_ERR_ARGUMENT, "%d environments on %d threads; at least 1 of each",
                        config->count, config->threads);
    }
    ppi_vec *vec = ppi_calloc(1, sizeof(*vec));
    if (vec == NULL) {
        return ppi_oom("a vector of environments");
    }
    vec->count = config->count;
    vec->autoreset = config->autoreset;
    const pp_status status = fill(vec, config);
    if (status != PP_OK) {
        ppi_vec_destroy(vec);
        return status;
    }
    *out = vec;
    return PP_OK;
}

pp_status ppi_vec_create(ppi_vec **out, const char *const *ids, int n_envs,
                         const ppi_env_options *options, int threads) {
    const ppi_vec_config config = {
        .ids = ids,
        .count = n_envs,
        .options = options,
        .threads = threads,
        .autoreset = PPI_AUTORESET_DISABLED,
    };
    return ppi_vec_open(out, &config);
}

void ppi_vec_destroy(ppi_vec *vec) {
    if (vec == NULL) {
        return;
    }
    ppi_pool_destroy(vec->pool);
    for (int i = 0; vec->cold != NULL && i < vec->count; i++) {
        ppi_env_destroy(&vec->cold[i].env);
    }
    ppi_aligned_free(vec->hot);
    ppi_free(vec->cold);
    ppi_free(vec->phase);
    ppi_free(vec->action_count);
    ppi_aligned_free(vec->obs);
    ppi_aligned_free(vec->final_obs);
    ppi_free(vec->reward);
    ppi_free(vec->terminated);
    ppi_free(vec->truncated);
    ppi_free(vec->lives);
    ppi_free(vec->frames);
    ppi_free(vec->steps);
    ppi_free(vec->ret);
    ppi_free(vec->started);
    ppi_free(vec->episode_return);
    ppi_free(vec->episode_length);
    ppi_free(vec->episode_seconds);
    ppi_free(vec->taken);
    ppi_free(vec);
}

int ppi_vec_count(const ppi_vec *vec) {
    return vec->count;
}

const pp_env_spec *ppi_vec_spec(const ppi_vec *vec, int i) {
    return &vec->cold[i].spec;
}

const ppi_env *ppi_vec_env(const ppi_vec *vec, int i) {
    return &vec->cold[i].env;
}

static pp_status check_index(const ppi_vec *vec, int i) {
    if (i < 0 || i >= vec->count) {
        return ppi_fail(PP_ERR_ARGUMENT, "environment %d is not in 0..%d", i, vec->count - 1);
    }
    return PP_OK;
}

/* The failure of a call on environment i as the thread's last error. */
static pp_status failure(const ppi_vec *vec, int i) {
    const cold_env *cold = &vec->cold[i];
    return ppi_fail((pp_status)cold->status, "environment %d (%s): %s", i, cold->spec.id,
                    cold->error.text);
}

/* A call that leaves the environment as it was: PP_OK, or the failure. */
static pp_status outcome(ppi_vec *vec, int i, int32_t status) {
    vec->cold[i].status = status;
    return status == PP_OK ? PP_OK : failure(vec, i);
}

static void mark_failed(ppi_vec *vec, int64_t i, int32_t status) {
    vec->cold[i].status = status;
    vec->phase[i] = PHASE_FAILED;
    atomic_store_explicit(&vec->any_fail, true, memory_order_relaxed);
}

static void not_started(ppi_vec *vec, int64_t i) {
    snprintf(vec->cold[i].error.text, sizeof(vec->cold[i].error.text),
             "it was stepped before its reset");
    mark_failed(vec, i, PP_ERR_ARGUMENT);
    vec->phase[i] = PHASE_NEW;
}

/* Begins an episode; the observation goes to the row of environment i. True on success. */
static bool begin_episode(ppi_vec *vec, int64_t i, uint64_t seed, pp_env_result *result,
                          share_clock *clock) {
    cold_env *cold = &vec->cold[i];
    const int32_t status = cold->env.vtable->reset(
        cold->env.state, seed, vec->obs + i * vec->obs_size, result, &cold->error);
    if (status != PP_OK) {
        mark_failed(vec, i, status);
        return false;
    }
    vec->phase[i] = PHASE_RUNNING;
    vec->steps[i] = 0;
    vec->ret[i] = 0.0;
    vec->started[i] = share_now(clock);
    vec->lives[i] = result->lives;
    return true;
}

static void reset_one(ppi_vec *vec, int64_t i, uint64_t seed, share_clock *clock) {
    pp_env_result result = {0};
    begin_episode(vec, i, seed, &result, clock);
    vec->reward[i] = 0.0;
    vec->terminated[i] = 0;
    vec->truncated[i] = 0;
    vec->frames[i] = result.frames;
}

/* Keeps the figures of the episode that ended; in SAME_STEP mode the next one begins. */
static void end_episode(ppi_vec *vec, int64_t i, share_clock *clock) {
    vec->episode_return[i] = vec->ret[i];
    vec->episode_length[i] = vec->steps[i];
    vec->episode_seconds[i] = share_now(clock) - vec->started[i];
    vec->phase[i] = PHASE_ENDED;
    if (vec->autoreset == PPI_AUTORESET_SAME_STEP) {
        const size_t size = (size_t)vec->obs_size;
        memcpy(vec->final_obs + i * vec->obs_size, vec->obs + i * vec->obs_size, size);
        pp_env_result result = {0};
        if (begin_episode(vec, i, PP_ENV_KEEP_SEED, &result, clock)) {
            vec->frames[i] += result.frames;
        }
    }
}

/* A step of an environment whose episode is not running. */
static void step_idle(ppi_vec *vec, int64_t i, share_clock *clock) {
    if (vec->phase[i] == PHASE_ENDED && vec->autoreset == PPI_AUTORESET_NEXT_STEP) {
        reset_one(vec, i, PP_ENV_KEEP_SEED, clock);
        return;
    }
    vec->reward[i] = 0.0;
    vec->frames[i] = 0;
    if (vec->phase[i] == PHASE_NEW) {
        not_started(vec, i);
    } else if (vec->phase[i] == PHASE_FAILED) {
        atomic_store_explicit(&vec->any_fail, true, memory_order_relaxed);
    }
}

static void step_one(ppi_vec *vec, int64_t i, int32_t action, share_clock *clock) {
    if (vec->phase[i] != PHASE_RUNNING) {
        step_idle(vec, i, clock);
        return;
    }
    pp_env_result result = {0};
    const int32_t status = vec->hot[i].step(vec->hot[i].state, action, vec->obs + i * vec->obs_size,
                                            &result, &vec->cold[i].error);
    if (status != PP_OK) {
        vec->reward[i] = 0.0;
        vec->frames[i] = 0;
        mark_failed(vec, i, status);
        return;
    }
    vec->reward[i] = result.reward;
    vec->terminated[i] = result.terminated;
    vec->truncated[i] = result.truncated;
    vec->lives[i] = result.lives;
    vec->frames[i] = result.frames;
    vec->ret[i] += result.reward;
    vec->steps[i] += 1;
    if (result.terminated || result.truncated) {
        end_episode(vec, i, clock);
    }
}

static void step_range(const vec_job *job, int64_t begin, int64_t end, share_clock *clock) {
    for (int64_t i = begin; i < end; i++) {
        if (job->active == NULL || job->active[i]) {
            step_one(job->vec, i, job->actions[i], clock);
        }
    }
}

static void step_untaken(const vec_job *job, int64_t i, share_clock *clock) {
    if (!atomic_exchange_explicit(&job->vec->taken[i], true, memory_order_relaxed)) {
        step_range(job, i, i + 1, clock);
    }
}

/* The own share first, then the ends of the others' shares where that pays. The calling thread
 * keeps the time. */
static void step_share(void *ctx, int64_t begin, int64_t end, int worker) {
    const vec_job *job = ctx;
    const int64_t count = job->vec->count;
    const double start = worker == 0 ? ppi_clock_seconds() : 0.0;
    share_clock clock = {0};
    if (!job->help) {
        step_range(job, begin, end, &clock);
    }
    for (int64_t i = begin; job->help && i < end; i++) {
        step_untaken(job, i, &clock);
    }
    if (worker == 0) {
        const double share = (double)(end - begin) / (double)count;
        job->vec->step_seconds = (ppi_clock_seconds() - start) / share;
    }
    for (int64_t k = 1; job->help && k <= count - (end - begin); k++) {
        step_untaken(job, (begin + count - k) % count, &clock);
    }
}

static void step_all(vec_job *job) {
    ppi_vec *vec = job->vec;
    share_clock clock = {0};
    if (vec->pool == NULL) {
        step_range(job, 0, vec->count, &clock);
        return;
    }
    if (vec->step_seconds < k_least_shared) {
        const double start = ppi_clock_seconds();
        step_range(job, 0, vec->count, &clock);
        vec->step_seconds = ppi_clock_seconds() - start;
        return;
    }
    job->help = vec->step_seconds >= k_least_helped * vec->count;
    for (int i = 0; job->help && i < vec->count; i++) {
        atomic_store_explicit(&vec->taken[i], false, memory_order_relaxed);
    }
    ppi_pool_run_ranges(vec->pool, step_share, job, vec->count);
}

/* The failure of the lowest index that took part, so that the text does not depend on threads. */
static pp_status first_failure(const ppi_vec *vec, const uint8_t *active) {
    for (int i = 0; i < vec->count; i++) {
        const bool failed = vec->phase[i] == PHASE_FAILED || vec->phase[i] == PHASE_NEW;
        if (failed && (active == NULL || active[i])) {
            return failure(vec, i);
        }
    }
    return PP_OK;
}

pp_status ppi_vec_reset(ppi_vec *vec, int i, uint64_t seed) {
    PPI_TRY(check_index(vec, i));
    share_clock clock = {0};
    reset_one(vec, i, seed, &clock);
    return vec->phase[i] == PHASE_FAILED ? failure(vec, i) : PP_OK;
}

pp_status ppi_vec_set_task(ppi_vec *vec, int i, int64_t task, uint64_t seed) {
    PPI_TRY(check_index(vec, i));
    cold_env *cold = &vec->cold[i];
    ppi_env_options options = vec->options;
    share_clock clock = {0};
    pp_env_result result = {0};
    ppi_env made = {0};
    options.task = task;
    PPI_TRY(ppi_env_create(&made, cold->spec.id, &options));
    ppi_env_destroy(&cold->env);
    cold->env = made;
    cold->env.vtable->describe(cold->env.state, &cold->spec);
    vec->hot[i] = (hot_env){cold->env.vtable->step, cold->env.state};
    return begin_episode(vec, i, seed, &result, &clock) ? PP_OK : failure(vec, i);
}

static void reset_share(void *ctx, int64_t begin, int64_t end, int worker) {
    const vec_job *job = ctx;
    share_clock clock = {0};
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        reset_one(job->vec, i, job->seeds[i], &clock);
    }
}

pp_status ppi_vec_reset_all(ppi_vec *vec, const uint64_t *seeds) {
    vec_job job = {.vec = vec, .seeds = seeds};
    ppi_pool_run_ranges(vec->pool, reset_share, &job, vec->count);
    return first_failure(vec, NULL);
}

/* Checks the actions of a step; the bad ones are searched for only where there are any. */
static pp_status check_actions(const ppi_vec *vec, const int32_t *actions, const uint8_t *active) {
    uint32_t bad = 0;
    for (int i = 0; i < vec->count; i++) {
        bad |= (uint32_t)actions[i] >= (uint32_t)vec->action_count[i];
    }
    for (int i = 0; bad && i < vec->count; i++) {
        if ((active == NULL || active[i]) &&
            (uint32_t)actions[i] >= (uint32_t)vec->action_count[i]) {
            return ppi_fail(PP_ERR_ARGUMENT, "action %d of environment %d (%s) is not in 0..%d",
                            actions[i], i, vec->cold[i].spec.id, vec->action_count[i] - 1);
        }
    }
    return PP_OK;
}

pp_status ppi_vec_step(ppi_vec *vec, const int32_t *actions, const uint8_t *active) {
    PPI_TRY(check_actions(vec, actions, active));
    vec_job job = {.vec = vec, .actions = actions, .active = active};
    atomic_store_explicit(&vec->any_fail, false, memory_order_relaxed);
    step_all(&job);
    const bool failed = atomic_load_explicit(&vec->any_fail, memory_order_relaxed);
    return failed ? first_failure(vec, active) : PP_OK;
}

bool ppi_vec_failed(const ppi_vec *vec, int i) {
    return vec->phase[i] == PHASE_FAILED;
}

const char *ppi_vec_failure(const ppi_vec *vec, int i) {
    return ppi_vec_failed(vec, i) ? vec->cold[i].error.text : "";
}

const uint8_t *ppi_vec_obs(const ppi_vec *vec) {
    return vec->obs;
}

const uint8_t *ppi_vec_final_obs(const ppi_vec *vec) {
    return vec->final_obs;
}

const double *ppi_vec_reward(const ppi_vec *vec) {
    return vec->reward;
}

const uint8_t *ppi_vec_terminated(const ppi_vec *vec) {
    return vec->terminated;
}

const uint8_t *ppi_vec_truncated(const ppi_vec *vec) {
    return vec->truncated;
}

const int32_t *ppi_vec_lives(const ppi_vec *vec) {
    return vec->lives;
}

const int32_t *ppi_vec_frames(const ppi_vec *vec) {
    return vec->frames;
}

const int64_t *ppi_vec_steps(const ppi_vec *vec) {
    return vec->steps;
}

int64_t ppi_vec_obs_size(const ppi_vec *vec) {
    return vec->obs_size;
}

const double *ppi_vec_episode_return(const ppi_vec *vec) {
    return vec->episode_return;
}

const int64_t *ppi_vec_episode_length(const ppi_vec *vec) {
    return vec->episode_length;
}

const double *ppi_vec_episode_seconds(const ppi_vec *vec) {
    return vec->episode_seconds;
}

/* What the vec keeps of an environment beside the environment's own state. No times: equal states
 * are equal bytes. */
typedef struct vec_row {
    double reward;
    double ret;
    double episode_return;
    int64_t episode_length;
    int64_t steps;
    int32_t lives;
    int32_t frames;
    uint8_t terminated;
    uint8_t truncated;
    uint8_t phase;
    uint8_t pad[5];
} vec_row;

static vec_row row_of(const ppi_vec *vec, int i) {
    return (vec_row){.reward = vec->reward[i],
                     .ret = vec->ret[i],
                     .episode_return = vec->episode_return[i],
                     .episode_length = vec->episode_length[i],
                     .steps = vec->steps[i],
                     .lives = vec->lives[i],
                     .frames = vec->frames[i],
                     .terminated = vec->terminated[i],
                     .truncated = vec->truncated[i],
                     .phase = vec->phase[i]};
}

pp_status ppi_vec_save_state(ppi_vec *vec, int i, ppi_buf *buf) {
    PPI_TRY(check_index(vec, i));
    if (vec->phase[i] == PHASE_FAILED) {
        return failure(vec, i);
    }
    cold_env *cold = &vec->cold[i];
    const pp_env_vtable *table = cold->env.vtable;
    const vec_row row = row_of(vec, i);
    uint64_t size = 0;
    PPI_TRY(outcome(vec, i, table->save_state(cold->env.state, NULL, 0, &size, &cold->error)));
    PPI_TRY(ppi_buf_reserve(buf, sizeof(row) + (size_t)size));
    PPI_TRY(ppi_buf_append(buf, &row, sizeof(row)));
    PPI_TRY(outcome(vec, i,
                    table->save_state(cold->env.state, (uint8_t *)buf->data + buf->len, size, &size,
                                      &cold->error)));
    buf->len += (size_t)size;
    return PP_OK;
}

pp_status ppi_vec_load_state(ppi_vec *vec, int i, const void *data, size_t size) {
    PPI_TRY(check_index(vec, i));
    cold_env *cold = &vec->cold[i];
    vec_row row = {.phase = PHASE_COUNT};
    if (size >= sizeof(row)) {
        memcpy(&row, data, sizeof(row));
    }
    if (row.phase >= PHASE_FAILED || row.terminated > 1 || row.truncated > 1) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "environment %d (%s): %zu bytes that are not a saved state of a vector", i,
                        cold->spec.id, size);
    }
    const pp_env_vtable *table = cold->env.vtable;
    PPI_TRY(outcome(vec, i,
                    table->load_state(cold->env.state, (const uint8_t *)data + sizeof(row),
                                      size - sizeof(row), &cold->error)));
    vec->reward[i] = row.reward;
    vec->ret[i] = row.ret;
    vec->started[i] = ppi_clock_seconds();
    vec->episode_return[i] = row.episode_return;
    vec->episode_length[i] = row.episode_length;
    vec->steps[i] = row.steps;
    vec->lives[i] = row.lives;
    vec->frames[i] = row.frames;
    vec->terminated[i] = row.terminated;
    vec->truncated[i] = row.truncated;
    vec->phase[i] = row.phase;
    return outcome(vec, i,
                   table->observe(cold->env.state, vec->obs + i * vec->obs_size, &cold->error));
}

pp_status ppi_vec_render(ppi_vec *vec, int i, uint8_t *rgb) {
    PPI_TRY(check_index(vec, i));
    if (vec->phase[i] == PHASE_FAILED) {
        return failure(vec, i);
    }
    cold_env *cold = &vec->cold[i];
    return outcome(vec, i, cold->env.vtable->render(cold->env.state, rgb, &cold->error));
}
