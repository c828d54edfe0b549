/* Splits families of tasks. Every list is a function of (id, mode, split seed) alone, drawn from a
 * Philox stream of its own, so both sides can be listed at different times and never meet. */
#include "env/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "env/builtin.h"

/* One finite family. */
typedef struct task_family {
    const char *id;
    int32_t mode;
    int64_t tasks;
    int64_t train; /* tasks of the training side, or draws from all tasks with `draws` */
    bool draws;
} task_family;

static const task_family k_families[] = {
    {"dark/room", 0, 81, 65, false},           {"dark/room-hard", 0, 289, 231, false},
    {"dark/key-to-door", 0, 6561, 2000, true}, {"watermaze", 2, 64, 51, false},
    {"watermaze", 3, 16, 13, false},
};

/* Families of which any number is a task, in the modes not listed above. */
static const char *const k_unbounded[] = {"bandit/train", "bandit/odd", "bandit/even",
                                          "bandit/uniform", "watermaze"};

static const task_family *find_family(const char *id, int32_t mode) {
    for (size_t i = 0; i < sizeof(k_families) / sizeof(k_families[0]); i++) {
        if (strcmp(k_families[i].id, id) == 0 && k_families[i].mode == mode) return &k_families[i];
    }
    return NULL;
}

static bool is_unbounded(const char *id) {
    for (size_t i = 0; i < sizeof(k_unbounded) / sizeof(k_unbounded[0]); i++) {
        if (strcmp(k_unbounded[i], id) == 0) return true;
    }
    return false;
}

/* 0..n-1 in random order (Fisher and Yates). */
static void shuffle(int64_t *list, int64_t n, ppi_rng *rng) {
    for (int64_t i = 0; i < n; i++) list[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)ppi_rng_below(rng, (uint64_t)i + 1);
        const int64_t kept = list[i];
        list[i] = list[j];
        list[j] = kept;
    }
}

/* Splits a family by draws: training holds them as they come, tests what they left out, in the
 * shuffled order. */
static pp_status split_drawn(ppi_tasks *out, const task_family *family, int64_t *order,
                             ppi_rng *rng) {
    bool *drawn = ppi_calloc((size_t)family->tasks, sizeof(*drawn));
    int64_t *draws = ppi_calloc((size_t)family->train, sizeof(*draws));
    if (drawn == NULL || draws == NULL) {
        ppi_free(drawn);
        ppi_free(draws);
        ppi_free(order);
        return ppi_oom("the split of a family of tasks");
    }
    for (int64_t i = 0; i < family->train; i++) {
        draws[i] = (int64_t)ppi_rng_below(rng, (uint64_t)family->tasks);
        drawn[draws[i]] = true;
    }
    if (out->side == PPI_TASKS_TRAIN) {
        out->task = draws;
        out->count = family->train;
        ppi_free(order);
    } else {
        for (int64_t i = 0; i < family->tasks; i++) {
            if (!drawn[order[i]]) order[out->count++] = order[i];
        }
        out->task = order;
        ppi_free(draws);
    }
    ppi_free(drawn);
    return PP_OK;
}

static pp_status split_family(ppi_tasks *out, const task_family *family) {
    int64_t *order = ppi_calloc((size_t)family->tasks, sizeof(*order));
    if (order == NULL) return ppi_oom("a list of tasks");
    ppi_rng rng;
    ppi_rng_init(&rng, out->split_seed, PPI_RNG_ENV, PPI_STREAM_SPLIT);
    shuffle(order, family->tasks, &rng);
    if (family->draws && out->side != PPI_TASKS_ALL) return split_drawn(out, family, order, &rng);
    const int64_t begin = out->side == PPI_TASKS_TEST ? family->train : 0;
    const int64_t end = out->side == PPI_TASKS_TRAIN ? family->train : family->tasks;
    memmove(order, order + begin, (size_t)(end - begin) * sizeof(*order));
    out->task = order;
    out->count = end - begin;
    return PP_OK;
}

pp_status ppi_tasks_split_mode(ppi_tasks *out, const char *id, int32_t mode, ppi_task_side side,
                               uint64_t split_seed) {
    *out = (ppi_tasks){.side = side, .split_seed = split_seed};
    const task_family *family = find_family(id, mode);
    if (family != NULL) return split_family(out, family);
    if (is_unbounded(id)) return PP_OK;
    out->task = ppi_calloc(1, sizeof(*out->task));
    if (out->task == NULL) return ppi_oom("a list of tasks");
    out->count = 1;
    return PP_OK;
}

pp_status ppi_tasks_split(ppi_tasks *out, const char *id, ppi_task_side side, uint64_t split_seed) {
    return ppi_tasks_split_mode(out, id, 0, side, split_seed);
}

void ppi_tasks_free(ppi_tasks *tasks) {
    ppi_free(tasks->task);
    *tasks = (ppi_tasks){0};
}

/* Even for training, odd for tests, below 2^53 so that JSON numbers hold it. */
static int64_t unbounded_task(uint64_t split_seed, bool test, int64_t index) {
    ppi_rng rng;
    ppi_rng_init(&rng, split_seed, PPI_RNG_ENV, PPI_STREAM_SPLIT);
    rng.pos = (uint64_t)(2 * index + test) * 4; /* a block of its own */
    return (int64_t)(ppi_rng_u64(&rng) >> 12 << 1 | (uint64_t)test);
}

int64_t ppi_tasks_pick(const ppi_tasks *tasks, int64_t index) {
    if (tasks->count > 0) return tasks->task[index % tasks->count];
    if (tasks->side == PPI_TASKS_ALL) {
        return unbounded_task(tasks->split_seed, index % 2 != 0, index / 2);
    }
    return unbounded_task(tasks->split_seed, tasks->side == PPI_TASKS_TEST, index);
}

static int by_number(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

pp_status ppi_tasks_check_disjoint(const char *id, const int64_t *train, int64_t n_train,
                                   const int64_t *test, int64_t n_test) {
    if (n_train == 0 || n_test == 0) return PP_OK;
    int64_t *sorted = ppi_malloc((size_t)n_train * sizeof(*sorted));
    if (sorted == NULL) return ppi_oom("a sorted list of tasks");
    memcpy(sorted, train, (size_t)n_train * sizeof(*sorted));
    qsort(sorted, (size_t)n_train, sizeof(*sorted), by_number);
    int64_t shared = -1;
    int64_t count = 0;
    for (int64_t i = 0; i < n_test; i++) {
        if (bsearch(&test[i], sorted, (size_t)n_train, sizeof(*sorted), by_number) != NULL) {
            shared = count == 0 || test[i] < shared ? test[i] : shared;
            count++;
        }
    }
    ppi_free(sorted);
    if (count == 0) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "task %lld of %s is among the %lld training tasks and among the %lld test "
                    "tasks (%lld entries of the test list are); tests need tasks never trained on: "
                    "use one env.split-seed for both",
                    (long long)shared, id, (long long)n_train, (long long)n_test, (long long)count);
}

pp_status ppi_tasks_check_side(const char *id, int32_t mode, ppi_task_side side,
                               uint64_t split_seed, const int64_t *list, int64_t n) {
    const task_family *family = find_family(id, mode);
    if (side == PPI_TASKS_ALL || (family == NULL && !is_unbounded(id))) return PP_OK;
    const bool test = side == PPI_TASKS_TEST;
    if (family == NULL) {
        for (int64_t i = 0; i < n; i++) {
            if (list[i] % 2 == test) continue;
            return ppi_fail(PP_ERR_ARGUMENT,
                            "task %lld of %s is a %s task: even numbers are for training, odd ones "
                            "for tests",
                            (long long)list[i], id, test ? "training" : "test");
        }
        return PP_OK;
    }
    ppi_tasks other;
    PPI_TRY(ppi_tasks_split_mode(&other, id, mode, test ? PPI_TASKS_TRAIN : PPI_TASKS_TEST,
                                 split_seed));
    const pp_status status = test ? ppi_tasks_check_disjoint(id, other.task, other.count, list, n)
                                  : ppi_tasks_check_disjoint(id, list, n, other.task, other.count);
    ppi_tasks_free(&other);
    return status;
}
