/* What the source learner behind an in-context agent achieved, out of its recorded histories. */
#ifndef PPI_RUN_EVAL_SOURCE_H
#define PPI_RUN_EVAL_SOURCE_H

#include <stdint.h>

#include <polyplay/status.h>

#include "data/curve.h"
#include "run/context_curve.h"

/* The same learner on two axes: steps summed over all its actors, and steps of one actor's stream.
   Steps are environment steps; NAN = never, or beyond the histories. */
typedef struct ppi_source_figures {
    char dataset[256];
    char learner[32];
    int64_t histories;
    int64_t actors;     /* streams behind a history's learner */
    double own_steps;   /* of the longest history, one stream */
    double final;       /* mean return over the last tenth of the steps */
    double at_all;      /* return after as many steps as the agent's run has, all actors summed */
    double at_one;      /* the same on one stream */
    double reach_agent; /* steps of one stream until its return is the agent's final one */
    double reach_final; /* the same for its own final one */
    double agent_reach; /* steps of the agent until its return is the source's final one */
    ppi_curve curve;    /* x: steps of all actors */
} ppi_source_figures;

/* Figures of one dataset of histories beside the agent's curve. PP_ERR_ARGUMENT for a dataset
 * without histories, of another environment, or whose histories have different numbers of actors.
 * Release with ppi_source_figures_free, also after a failure. */
pp_status ppi_source_figures_create(ppi_source_figures *out, const ppi_dataset *dataset,
                                    const char *env, const ppi_context_curve *agent);
void ppi_source_figures_free(ppi_source_figures *figures);

/* Return of the source after `own` steps of one stream; NAN beyond its histories. */
double ppi_source_at(const ppi_source_figures *figures, double own);

#endif
