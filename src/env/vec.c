/* Environments side by side. One environment is one item of work and writes only its own rows, so
 * who runs it makes no difference to what it writes.
 *
 * Each thread begins with its own share, whose memory its core knows, and then takes what others
 * have not begun. Environments that step in less time than it takes to wake a thread stay in the
 * calling thread: waking costs tens of microseconds, a step of a small game less than one. */
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

typedef struct vec_slot {
    ppi_env env;
    pp_env_spec spec;
    int32_t status; /* of the last call */
    atomic_bool taken; /* in the present call over the pool */
    pp_env_error error;
} vec_slot;

struct ppi_vec {
    int count;
    int64_t obs_size;
    vec_slot *slots;
    uint8_t *obs;
    double *reward;
    uint8_t *terminated;
    uint8_t *truncated;
    int32_t *lives;
    int32_t *frames;
    int64_t *steps;
    ppi_pool *pool;      /* NULL with one thread */
    double step_seconds; /* what all environments last took, summed over the threads; 0 = unknown */
};

/* Work of one call over the pool. */
typedef struct vec_job {
    ppi_vec *vec;
    const int32_t *actions;
    const uint8_t *active;
    const uint64_t *seeds;
} vec_job;

static pp_status allocate(ppi_vec *vec) {
    const size_t n = (size_t)vec->count;
    vec->obs = ppi_aligned_alloc64(n * (size_t)vec->obs_size);
    vec->reward = ppi_calloc(n, sizeof(*vec->reward));
    vec->terminated = ppi_calloc(n, sizeof(*vec->terminated));
    vec->truncated = ppi_calloc(n, sizeof(*vec->truncated));
    vec->lives = ppi_calloc(n, sizeof(*vec->lives));
    vec->frames = ppi_calloc(n, sizeof(*vec->frames));
    vec->steps = ppi_calloc(n, sizeof(*vec->steps));
    if (vec->obs == NULL || vec->reward == NULL || vec->terminated == NULL ||
        vec->truncated == NULL || vec->lives == NULL || vec->frames == NULL || vec->steps == NULL) {
        return ppi_oom("the arrays of a vector of environments");
    }
    return PP_OK;
}

static pp_status fill(ppi_vec *vec, const char *const *ids, const ppi_env_options *options,
                      int threads) {
    const pp_env_spec *first = &vec->slots[0].spec;
    for (int i = 0; i < vec->count; i++) {
        vec_slot *slot = &vec->slots[i];
        PPI_TRY(ppi_env_create(&slot->env, ids[i], options));
        slot->env.vtable->describe(slot->env.state, &slot->spec);
        const pp_env_spec *spec = &slot->spec;
        if (spec->obs_h != first->obs_h || spec->obs_w != first->obs_w ||
            spec->obs_c != first->obs_c) {
            return ppi_fail(PP_ERR_SHAPE,
                            "%s shows %dx%dx%d and %s shows %dx%dx%d; environments of one vector "
                            "need one shape (env.view grey84 gives one)",
                            first->id, first->obs_h, first->obs_w, first->obs_c, spec->id,
                            spec->obs_h, spec->obs_w, spec->obs_c);
        }
    }
    vec->obs_size = first->obs_bytes;
    PPI_TRY(allocate(vec));
    if (threads > 1 && vec->count > 1) {
        PPI_TRY(ppi_pool_create(&vec->pool, threads < vec->count ? threads : vec->count));
    }
    return PP_OK;
}

pp_status ppi_vec_create(ppi_vec **out, const char *const *ids, int n_envs,
                         const ppi_env_options *options, int threads) {
    *out = NULL;
    if (n_envs < 1 || threads < 1) {
        return ppi_fail(PP_ERR_ARGUMENT, "%d environments on %d threads; at least 1 of each",
                        n_envs, threads);
    }
    ppi_vec *vec = ppi_calloc(1, sizeof(*vec));
    if (vec == NULL) {
        return ppi_oom("a vector of environments");
    }
    vec->count = n_envs;
    vec->slots = ppi_calloc((size_t)n_envs, sizeof(*vec->slots));
    const pp_status status = vec->slots == NULL ? ppi_oom("the slots of a vector of environments")
                                                : fill(vec, ids, options, threads);
    if (status != PP_OK) {
        ppi_vec_destroy(vec);
        return status;
    }
    *out = vec;
    return PP_OK;
}

void ppi_vec_destroy(ppi_vec *vec) {
    if (vec == NULL) {
        return;
    }
    ppi_pool_destroy(vec->pool);
    for (int i = 0; vec->slots != NULL && i < vec->count; i++) {
        ppi_env_destroy(&vec->slots[i].env);
    }
    ppi_free(vec->slots);
    ppi_aligned_free(vec->obs);
    ppi_free(vec->reward);
    ppi_free(vec->terminated);
    ppi_free(vec->truncated);
    ppi_free(vec->lives);
    ppi_free(vec->frames);
    ppi_free(vec->steps);
    ppi_free(vec);
}

int ppi_vec_count(const ppi_vec *vec) {
    return vec->count;
}

const pp_env_spec *ppi_vec_spec(const ppi_vec *vec, int i) {
    return &vec->slots[i].spec;
}

static pp_status check_index(const ppi_vec *vec, int i) {
    if (i < 0 || i >= vec->count) {
        return ppi_fail(PP_ERR_ARGUMENT, "environment %d is not in 0..%d", i, vec->count - 1);
    }
    return PP_OK;
}

static pp_status slot_status(const ppi_vec *vec, int i) {
    const vec_slot *slot = &vec->slots[i];
    if (slot->status == PP_OK) {
        return PP_OK;
    }
    return ppi_fail((pp_status)slot->status, "environment %d (%s): %s", i, slot->spec.id,
                    slot->error.text);
}

static void store(ppi_vec *vec, int64_t i, const pp_env_result *result) {
    vec->reward[i] = result->reward;
    vec->terminated[i] = result->terminated;
    vec->truncated[i] = result->truncated;
    vec->lives[i] = result->lives;
    vec->frames[i] = result->frames;
}

static void reset_one(ppi_vec *vec, int64_t i, uint64_t seed) {
    vec_slot *slot = &vec->slots[i];
    pp_env_result result = {0};
    slot->status = slot->env.vtable->reset(slot->env.state, seed, vec->obs + i * vec->obs_size,
                                           &result, &slot->error);
    if (slot->status == PP_OK) {
        store(vec, i, &result);
        vec->steps[i] = 0;
    }
}

static void reset_job(void *ctx, int64_t i) {
    const vec_job *job = ctx;
    reset_one(job->vec, i, job->seeds[i]);
}

static void step_one(const vec_job *job, int64_t i) {
    ppi_vec *vec = job->vec;
    vec_slot *slot = &vec->slots[i];
    slot->status = PP_OK;
    if (job->active != NULL && !job->active[i]) {
        return;
    }
    pp_env_result result = {0};
    slot->status = slot->env.vtable->step(slot->env.state, job->actions[i],
                                          vec->obs + i * vec->obs_size, &result, &slot->error);
    if (slot->status == PP_OK) {
        vec->steps[i] += !vec->terminated[i] && !vec->truncated[i];
        store(vec, i, &result);
    }
}

static void step_untaken(const vec_job *job, int64_t i) {
    if (!atomic_exchange_explicit(&job->vec->slots[i].taken, true, memory_order_relaxed)) {
        step_one(job, i);
    }
}

/* The own share first, then the ends of the others' shares. The calling thread keeps the time. */
static void step_share(void *ctx, int64_t begin, int64_t end, int worker) {
    const vec_job *job = ctx;
    const int64_t count = job->vec->count;
    const double start = worker == 0 ? ppi_clock_seconds() : 0.0;
    for (int64_t i = begin; i < end; i++) {
        step_untaken(job, i);
    }
    if (worker == 0) {
        const double share = (double)(end - begin) / (double)count;
        job->vec->step_seconds = (ppi_clock_seconds() - start) / share;
    }
    for (int64_t k = 1; k <= count - (end - begin); k++) {
        step_untaken(job, (begin + count - k) % count);
    }
}

static void step_all(vec_job *job) {
    ppi_vec *vec = job->vec;
    const bool shared = vec->pool != NULL && vec->step_seconds >= k_least_shared;
    if (shared) {
        for (int i = 0; i < vec->count; i++) {
            atomic_store_explicit(&vec->slots[i].taken, false, memory_order_relaxed);
        }
        ppi_pool_run_ranges(vec->pool, step_share, job, vec->count);
        return;
    }
    const double start = vec->pool != NULL ? ppi_clock_seconds() : 0.0;
    for (int i = 0; i < vec->count; i++) {
        step_one(job, i);
    }
    if (vec->pool != NULL) {
        vec->step_seconds = ppi_clock_seconds() - start;
    }
}

/* The failure of the lowest index, so that the text does not depend on threads. */
static pp_status first_failure(const ppi_vec *vec) {
    for (int i = 0; i < vec->count; i++) {
        PPI_TRY(slot_status(vec, i));
    }
    return PP_OK;
}

pp_status ppi_vec_reset(ppi_vec *vec, int i, uint64_t seed) {
    PPI_TRY(check_index(vec, i));
    reset_one(vec, i, seed);
    return slot_status(vec, i);
}

pp_status ppi_vec_reset_all(ppi_vec *vec, const uint64_t *seeds) {
    vec_job job = {.vec = vec, .seeds = seeds};
    ppi_pool_run(vec->pool, reset_job, &job, vec->count);
    return first_failure(vec);
}

pp_status ppi_vec_step(ppi_vec *vec, const int32_t *actions, const uint8_t *active) {
    for (int i = 0; i < vec->count; i++) {
        if ((active == NULL || active[i]) && (actions[i] < 0 || actions[i] >= PP_ENV_ACTIONS)) {
            return ppi_fail(PP_ERR_ARGUMENT, "action %d of environment %d (%s) is not in 0..17",
                            actions[i], i, vec->slots[i].spec.id);
        }
    }
    vec_job job = {.vec = vec, .actions = actions, .active = active};
    step_all(&job);
    return first_failure(vec);
}

const uint8_t *ppi_vec_obs(const ppi_vec *vec) {
    return vec->obs;
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

/* What the vec keeps of an environment beside the environment's own state. */
typedef struct vec_row {
    double reward;
    int64_t steps;
    int32_t lives;
    int32_t frames;
    uint8_t terminated;
    uint8_t truncated;
    uint8_t pad[6];
} vec_row;

pp_status ppi_vec_save_state(ppi_vec *vec, int i, ppi_buf *buf) {
    PPI_TRY(check_index(vec, i));
    vec_slot *slot = &vec->slots[i];
    const vec_row row = {.reward = vec->reward[i],
                         .steps = vec->steps[i],
                         .lives = vec->lives[i],
                         .frames = vec->frames[i],
                         .terminated = vec->terminated[i],
                         .truncated = vec->truncated[i]};
    uint64_t size = 0;
    slot->status = slot->env.vtable->save_state(slot->env.state, NULL, 0, &size, &slot->error);
    PPI_TRY(slot_status(vec, i));
    PPI_TRY(ppi_buf_reserve(buf, sizeof(row) + (size_t)size));
    PPI_TRY(ppi_buf_append(buf, &row, sizeof(row)));
    slot->status = slot->env.vtable->save_state(slot->env.state, (uint8_t *)buf->data + buf->len,
                                                size, &size, &slot->error);
    PPI_TRY(slot_status(vec, i));
    buf->len += (size_t)size;
    return PP_OK;
}

pp_status ppi_vec_load_state(ppi_vec *vec, int i, const void *data, size_t size) {
    PPI_TRY(check_index(vec, i));
    vec_slot *slot = &vec->slots[i];
    vec_row row;
    if (size < sizeof(row)) {
        return ppi_fail(PP_ERR_CORRUPT, "the saved state of %s has %zu bytes only", slot->spec.id,
                        size);
    }
    memcpy(&row, data, sizeof(row));
    slot->status =
        slot->env.vtable->load_state(slot->env.state, (const uint8_t *)data + sizeof(row),
                                     size - sizeof(row), &slot->error);
    PPI_TRY(slot_status(vec, i));
    vec->reward[i] = row.reward;
    vec->steps[i] = row.steps;
    vec->lives[i] = row.lives;
    vec->frames[i] = row.frames;
    vec->terminated[i] = row.terminated;
    vec->truncated[i] = row.truncated;
    slot->status = slot->env.vtable->observe(slot->env.state, vec->obs + i * vec->obs_size,
                                             &slot->error);
    return slot_status(vec, i);
}

pp_status ppi_vec_render(ppi_vec *vec, int i, uint8_t *rgb) {
    PPI_TRY(check_index(vec, i));
    vec_slot *slot = &vec->slots[i];
    slot->status = slot->env.vtable->render(slot->env.state, rgb, &slot->error);
    return slot_status(vec, i);
}
