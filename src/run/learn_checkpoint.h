/* Checkpoints of a learner: a folder of run/checkpoint.h with the state of the loop in it. */
#ifndef PPI_RUN_LEARN_CHECKPOINT_H
#define PPI_RUN_LEARN_CHECKPOINT_H

#include <stdint.h>

#include <polyplay/status.h>

#include "run/checkpoint.h"
#include "run/learn_log.h"

/* Writes <run>/checkpoints/step_N of the present agent step, all of the log being on disk before.
 * log may be NULL. `wall`: seconds of the whole run. */
pp_status ppi_learn_checkpoint_write(char *folder, const char *run_dir, ppi_learn *l,
                                     const ppi_learn_log *log, int64_t task, double wall,
                                     const ppi_options *options, int64_t keep);

/* Puts a learner, made with the checkpoint's options, and its log where the checkpoint was taken.
 * log may be NULL for learners without a replay. */
pp_status ppi_learn_checkpoint_read(const ppi_checkpoint *ck, ppi_learn *l, ppi_learn_log *log);

#endif
