/* Evaluations in the course of a run, online or on recorded data. */
#ifndef PPI_RUN_TRAIN_EVAL_H
#define PPI_RUN_TRAIN_EVAL_H

#include "run/checkpoint.h"
#include "run/runlog.h"

/* Settles eval.env in the options of a run (empty = `games`, a comma list) and checks it, and
   eval.episodes of a method that learns in context; nothing without eval.every. */
pp_status ppi_train_eval_prepare(ppi_options *set, const ppi_method *method, const char *games);

/* Whose checkpoints are evaluated. */
typedef struct ppi_train_eval_run {
    const ppi_method *method;
    const ppi_options *set; /* of the run, with eval.* */
    const char *run_dir;
    const char *tag; /* how the tags of its figures begin */
    ppi_runlog *log;
} ppi_train_eval_run;

/* Plays a checkpoint that was just written under the run's options, writes <run>/eval/step_N.json
   and logs the figures. When none before scored as much, `best` names it from now on, and
   *best_score and *best_step are set: they go into the checkpoints after it. */
pp_status ppi_train_eval(const ppi_train_eval_run *run, const char *checkpoint,
                         const ppi_checkpoint_state *state, double *best_score, int64_t *best_step);

#endif
