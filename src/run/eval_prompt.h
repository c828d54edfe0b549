/* Prompts of an in-context evaluation: each run's context begins with a stretch of a source history
   of the run's task. */
#ifndef PPI_RUN_EVAL_PROMPT_H
#define PPI_RUN_EVAL_PROMPT_H

#include <stdint.h>

#include <polyplay/status.h>

#include "method/method.h"

/* Which stretches are wanted. */
typedef struct ppi_prompt_options {
    const char *dataset;
    double fraction; /* share of a history's final return at which the stretch ends */
    int64_t steps;   /* length, 0 = the agent's context; shorter where the history is younger */
} ppi_prompt_options;

typedef struct ppi_prompt_set {
    int64_t runs;
    ppi_prompt *prompt; /* [runs] */
    int64_t *history;   /* [runs] group of the dataset that each came from */
    int64_t *end;       /* [runs] its step behind the last one taken */
    double *level;      /* [runs] mean return at that place */
    char dataset[256];
} ppi_prompt_set;

/* A prompt for each run's task. Runs of one task take its histories in turn, those left out that
 * never get to the wanted return. PP_ERR_UNSUPPORTED: an agent that takes none; PP_ERR_ARGUMENT:
 * more steps than the agent's context, another environment, a task unknown to the dataset, or
 * without a history that gets there; PP_ERR_SHAPE: other observations. Release with
 * ppi_prompt_set_free, also after a failure. */
pp_status ppi_prompt_set_create(ppi_prompt_set *out, const ppi_prompt_options *options,
                                const ppi_agent *agent, const char *env, const int64_t *tasks,
                                int64_t runs);
void ppi_prompt_set_free(ppi_prompt_set *set);

#endif
