/* Checkpoints of a learner: a folder of run/checkpoint.h with the state of the loop in it. */
#ifndef PPI_RUN_LEARN_CHECKPOINT_H
#define PPI_RUN_LEARN_CHECKPOINT_H

#include <stdint.h>

#include <polyplay/status.h>

#include "run/checkpoint.h"
#include "run/learn_log.h"

/* What a checkpoint says of the run beside its learner. */
typedef struct ppi_learn_facts {
    int64_t task;
    double wall;       /* seconds of the whole run */
    double best_score; /* of the evaluations so far, NAN = none */
    int64_t best_step;
} ppi_learn_facts;

/* Writes <run>/checkpoints/step_N of the present agent step, all of the log being on disk before.
 * log may be NULL. */
pp_status ppi_learn_checkpoint_write(char *folder, const char *run_dir, ppi_learn *l,
                                     const ppi_learn_log *log, const ppi_learn_facts *facts,
                                     const ppi_options *options, int64_t keep);
/* The state such a checkpoint has, without the learner's bytes; for evaluations. */
void ppi_learn_checkpoint_state(ppi_checkpoint_state *state, const ppi_learn *l,
                                const ppi_learn_facts *facts);

/* Puts a learner, made with the checkpoint's options, and its log where the checkpoint was taken.
 * log may be NULL for learners without a replay. */
pp_status ppi_learn_checkpoint_read(const ppi_checkpoint *ck, ppi_learn *l, ppi_learn_log *log);

#endif
