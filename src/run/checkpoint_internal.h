/* What the writer and the reader of checkpoint folders share. */
#ifndef PPI_RUN_CHECKPOINT_INTERNAL_H
#define PPI_RUN_CHECKPOINT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#define PPI_CHECKPOINT_FORMAT  1
#define PPI_CHECKPOINT_LEARNER "learner.bin"

enum { PPI_CHECKPOINT_NAME_SIZE = 32 };

/* Folder name of a step into name[PPI_CHECKPOINT_NAME_SIZE]. */
void ppi_checkpoint_name(char *name, int64_t step);
/* Folder name in the pointer file "latest" or "best", "" when there is no such file, into
   name[PPI_CHECKPOINT_NAME_SIZE]. PP_ERR_CORRUPT when it holds something else. */
pp_status ppi_checkpoint_pointer(char *name, const char *checkpoints, const char *pointer);
/* Step of a folder name "step_NNN"; false for another name. */
bool ppi_checkpoint_step_of(const char *name, int64_t *step);
/* Steps of the checkpoint folders in `checkpoints`, newest first; release with ppi_free. */
pp_status ppi_checkpoint_steps(const char *checkpoints, int64_t **steps, int64_t *count);

#endif
