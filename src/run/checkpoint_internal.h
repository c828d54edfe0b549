/* What the writer and the reader of checkpoint folders share. */
#ifndef PPI_RUN_CHECKPOINT_INTERNAL_H
#define PPI_RUN_CHECKPOINT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#define PPI_CHECKPOINT_FORMAT 1

/* Step of a folder name "step_NNN"; false for another name. */
bool ppi_checkpoint_step_of(const char *name, int64_t *step);
/* Steps of the checkpoint folders in `checkpoints`, newest first; release with ppi_free. */
pp_status ppi_checkpoint_steps(const char *checkpoints, int64_t **steps, int64_t *count);

#endif
