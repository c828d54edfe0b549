/* Inside of a learning job, shared by the files that hold its options and run it. */
#ifndef PPI_RUN_LEARN_RUN_H
#define PPI_RUN_LEARN_RUN_H

#include "env/protocol.h"
#include "run/learn.h"
#include "run/learn_job.h"

struct ppi_learn_job {
    const ppi_method *method;
    ppi_learn_options run;
    ppi_env_options env;
    void *method_options;
    ppi_options *set;
    const char *command; /* borrowed, may be NULL */
};

/* Looks at the games of the options; release with ppi_learn_games_free. */
pp_status ppi_learn_job_games(ppi_learn_games *out, const ppi_learn_job *job);

#endif
