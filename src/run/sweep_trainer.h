/* Inside of a sweep: the jobs of its recipe with their options set; a training job is one thing,
 * whether its method learns from data or from games. */
#ifndef PPI_RUN_SWEEP_TRAINER_H
#define PPI_RUN_SWEEP_TRAINER_H

#include <stdint.h>

#include "run/collect_learn.h"
#include "run/learn_job.h"
#include "run/sweep_recipe.h"
#include "run/train.h"

/* One of the two is there. */
typedef struct ppi_sweep_trainer {
    ppi_train_job *data;
    ppi_learn_job *online;
} ppi_sweep_trainer;

/* A job with the options of a cell set. Release with ppi_sweep_trainer_close, also after a failure.
 */
pp_status ppi_sweep_trainer_open(ppi_sweep_trainer *t, const ppi_sweep_recipe *r,
                                 const ppi_sweep_cell *cell);
void ppi_sweep_trainer_close(ppi_sweep_trainer *t);
ppi_options *ppi_sweep_trainer_options(const ppi_sweep_trainer *t);
/* The number of --steps, after the recipe of the size. */
pp_status ppi_sweep_trainer_steps(const ppi_sweep_trainer *t, int64_t *steps);
pp_status ppi_sweep_trainer_run(ppi_sweep_trainer *t);

/* A collection with the options of a section set; the caller destroys it. */
pp_status ppi_sweep_collect_open(ppi_collect_job **out, const ppi_sweep_recipe *r,
                                 const ppi_recipe_section *section);

/* Sets an option to a number unless the recipe did. */
pp_status ppi_sweep_set_number(ppi_options *set, const char *name, int64_t value);

#endif
