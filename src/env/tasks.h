/* Families of tasks: one environment id, many hidden goals, and which of them may be trained on.
 *
 * Finite families (goals of a grid) are shuffled by the split seed and cut in two; families without
 * bound (arms of a bandit, places of a platform) get task numbers drawn from the split seed, even
 * numbers for training and odd ones for tests. Split sizes: docs/environments.md. */
#ifndef PPI_ENV_TASKS_H
#define PPI_ENV_TASKS_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

/* Order of the choices of --tasks. */
typedef enum ppi_task_side { PPI_TASKS_TRAIN, PPI_TASKS_TEST, PPI_TASKS_ALL } ppi_task_side;

/* The tasks of one side of the split of one environment. */
typedef struct ppi_tasks {
    ppi_task_side side;
    uint64_t split_seed;
    int64_t count; /* tasks in the list, 0 = without bound */
    int64_t *task; /* [count], NULL without bound. The training list of dark/key-to-door holds its
                      2,000 draws, some tasks more than once; other lists hold a task once */
} ppi_tasks;

/* Lists the tasks of an environment id in mode 0. An environment without tasks has the one task 0
 * on every side. Release with ppi_tasks_free. */
pp_status ppi_tasks_split(ppi_tasks *out, const char *id, ppi_task_side side, uint64_t split_seed);
/* The same in another mode: modes 2 and 3 of watermaze have a finite family. */
pp_status ppi_tasks_split_mode(ppi_tasks *out, const char *id, int32_t mode, ppi_task_side side,
                               uint64_t split_seed);
void ppi_tasks_free(ppi_tasks *tasks);
/* The task of history or run number `index` (0 or more): task index mod count of the list; without
 * bound a number below 2^53 that depends on (split seed, side, index) alone. */
int64_t ppi_tasks_pick(const ppi_tasks *tasks, int64_t index);

/* PP_ERR_ARGUMENT when a task of `id` is in both lists; the text names the smallest such task. */
pp_status ppi_tasks_check_disjoint(const char *id, const int64_t *train, int64_t n_train,
                                   const int64_t *test, int64_t n_test);

/* PP_ERR_ARGUMENT when a task of list[n], given by hand for `side`, belongs to the other side of
 * the split; the text names it. Families without bound are told apart by number (see above). */
pp_status ppi_tasks_check_side(const char *id, int32_t mode, ppi_task_side side,
                               uint64_t split_seed, const int64_t *list, int64_t n);

#endif
