/* `polyplay collect --learner`: learning histories as datasets. One dataset per game, any number of
 * learners each; learners run side by side on the threads, each in one thread, so what a learner
 * plays depends on its seed and task alone. */
#ifndef PPI_RUN_COLLECT_LEARN_H
#define PPI_RUN_COLLECT_LEARN_H

#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/options.h"
#include "run/collect.h"

/* Options beside those of ppi_collect_option_table, of which env, steps, out, name, seed, envs,
 * threads, resume and append count here too. Steps that were not given are those of the learner's
 * table, environments side by side the learner's own choice. */
typedef struct ppi_collect_learn_options {
    char learner[32];    /* method with learner calls; empty = a policy plays */
    char model[32];      /* size; empty = the one for the observation */
    int64_t histories;   /* learners of each seed and game */
    int64_t actors;      /* streams of each that are stored; 0 = one, or all for a replay */
    char seeds[1024];    /* comma list; empty = --seed */
    int tasks;           /* ppi_task_side */
    char task_ids[4096]; /* comma list of tasks of that side; empty = all of the side */
    int64_t split_seed;
    int64_t checkpoint_every; /* agent steps of a learner, 0 = once a minute */
    int dtype;
} ppi_collect_learn_options;
extern const ppi_option_table ppi_collect_learn_option_table;

typedef struct ppi_collect_job ppi_collect_job;

/* Makes a job with every option at its default. learner: a method with learner calls, whose own
 * options are added to the set; the empty text makes a job for a policy. */
pp_status ppi_collect_job_create(ppi_collect_job **out, const char *learner);
void ppi_collect_job_destroy(ppi_collect_job *job); /* NULL is allowed */
ppi_options *ppi_collect_job_options(ppi_collect_job *job);
/* Fills what is still open (steps, model, recipe). ppi_collect_job_run does it itself. */
pp_status ppi_collect_job_resolve(ppi_collect_job *job);

/* Checks everything short of making folders. */
pp_status ppi_collect_job_check(ppi_collect_job *job);
/* Collects; `report` (may be NULL) gets one line per dataset. Failures as of ppi_collect: after
 * PP_ERR_INTERRUPTED and any other the finished histories are kept and --resume plays what is
 * missing; learners that ran longer than a minute go on from a checkpoint. */
pp_status ppi_collect_job_run(ppi_collect_job *job, ppi_buf *report);

#endif
