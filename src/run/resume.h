/* What a training run goes on from: the run folder that --out and --resume mean. */
#ifndef PPI_RUN_RESUME_H
#define PPI_RUN_RESUME_H

#include <stdbool.h>

#include <polyplay/status.h>

#include "base/file.h"
#include "run/checkpoint.h"

typedef struct ppi_resume {
    char run_dir[PPI_PATH_SIZE]; /* empty: nobody named one */
    ppi_checkpoint ck;           /* open when resumed; ppi_checkpoint_close in any case */
    bool resumed;
    bool same_run; /* the checkpoint lies in this run folder */
} ppi_resume;

/* Settles the run folder. resume: a checkpoint or run folder, "auto" for the newest whole
 * checkpoint of `out`, or empty for a fresh run. Stored options that were not set by hand go into
 * `set`. PP_ERR_EXISTS for a fresh run in a folder that is not empty. */
pp_status ppi_resume_find(ppi_resume *r, const char *out, const char *resume,
                          const ppi_method *method, ppi_options *set);

#endif
