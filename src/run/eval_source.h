/* What the source learner behind an in-context agent achieved, out of its recorded histories. */
#ifndef PPI_RUN_EVAL_SOURCE_H
#define PPI_RUN_EVAL_SOURCE_H

#include <stdbool.h>
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
    double reach_final; /* steps of one stream until its return is that */
    ppi_curve curve;    /* x: steps of all actors */
    /* Beside the agent, by ppi_source_compare; before that 0. */
    double at_all;      /* return after as many steps as the agent's run has, all actors summed */
    double at_one;      /* the same on one stream */
    double reach_agent; /* steps of one stream until its return is the agent's final one */
    double agent_reach; /* steps of the agent until its return is the source's final one */
} ppi_source_figures;

/* Figures of one dataset of histories of `env`; per_step: the agent they will stand beside has the
 * steps of a single episode as points, so the histories have to be single episodes as well.
 * PP_ERR_ARGUMENT for a dataset without histories, of another environment, of other points, or
 * whose histories have different numbers of actors. Release with ppi_source_figures_free, also
 * after a failure. */
pp_status ppi_source_figures_create(ppi_source_figures *out, const ppi_dataset *dataset,
                                    const char *env, bool per_step);
void ppi_source_figures_free(ppi_source_figures *figures);

/* Fills in what depends on the agent's curve. */
void ppi_source_compare(ppi_source_figures *figures, const ppi_context_curve *agent);

/* Return of the source behind its first `own` steps of one stream, the episode that ends there
 * included; NAN beyond its histories. */
double ppi_source_at(const ppi_source_figures *figures, double own);

#endif
