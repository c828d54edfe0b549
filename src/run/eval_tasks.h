/* Which tasks the runs of an in-context evaluation play, and which of them the agent was trained
   on. */
#ifndef PPI_RUN_EVAL_TASKS_H
#define PPI_RUN_EVAL_TASKS_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "run/load.h"

/* The tasks of one environment that an agent was trained on. */
typedef struct ppi_seen_tasks {
    bool known;          /* false: the checkpoint does not say */
    uint64_t split_seed; /* of the split they are of, 0 when unknown */
    int64_t count;
    int64_t *task; /* [count] ascending */
} ppi_seen_tasks;

/* What the checkpoint says of an environment's family; the two bandits of one law are one family.
 * Release with ppi_seen_tasks_free, also after a failure. */
pp_status ppi_seen_tasks_read(ppi_seen_tasks *out, const ppi_loaded *loaded,
                              const pp_env_spec *spec);
void ppi_seen_tasks_free(ppi_seen_tasks *seen);
bool ppi_seen_task(const ppi_seen_tasks *seen, int64_t task);

/* What is asked for. */
typedef struct ppi_run_task_options {
    const char *side;   /* train, test, all, held (training side, not trained on), auto (held where
                           there are any, else train), or "" = the task of the specification */
    int64_t split_seed; /* -1 = that of the training */
    bool allow_seen;    /* play training tasks on the test side too */
} ppi_run_task_options;

/* The tasks of runs: run r plays task r mod n of the side. */
typedef struct ppi_run_tasks {
    char side[8];
    int64_t split_seed;
    int64_t runs;
    int64_t *task;    /* [runs] */
    int64_t distinct; /* different ones among them */
    int64_t seen;     /* runs on a task that the agent was trained on, -1 = unknown */
} ppi_run_tasks;

/* PP_ERR_ARGUMENT naming the sides unless `side` is one of them or empty. */
pp_status ppi_run_tasks_check(const char *side);

/* PP_ERR_ARGUMENT: an unknown side; no task is left for "held"; without allow_seen, a task of the
 * test side or one named by hand that the agent was trained on. Release with ppi_run_tasks_free,
 * also after a failure. */
pp_status ppi_run_tasks_choose(ppi_run_tasks *out, const ppi_loaded *loaded,
                               const pp_env_spec *spec, int64_t runs,
                               const ppi_run_task_options *options);
void ppi_run_tasks_free(ppi_run_tasks *tasks);

#endif
