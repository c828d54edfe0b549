/* Families of tasks: one environment id, many hidden goals, and which of them may be trained on.
 *
 * Finite families (goals of a grid) are shuffled by the split seed and cut in two; families without
 * bound (arms of a bandit, places of a platform) get task numbers drawn from the split seed, with
 * disjoint numbers on both sides. Split sizes: docs/environments.md. */
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
    int64_t *task; /* [count], NULL without bound */
} ppi_tasks;

/* Lists the tasks of an environment id. An environment without tasks has the one task 0 on every
 * side. Release with ppi_tasks_free. */
pp_status ppi_tasks_split(ppi_tasks *out, const char *id, ppi_task_side side, uint64_t split_seed);
void ppi_tasks_free(ppi_tasks *tasks);
/* The task of history or run number `index`: task index mod count of the list; without bound a
 * number that depends on (split seed, side, index) alone. */
int64_t ppi_tasks_pick(const ppi_tasks *tasks, int64_t index);

#endif
