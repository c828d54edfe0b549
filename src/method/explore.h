/* What lets a policy find its first reward: start values that make actors walk on, and a bonus for
 * observations that were seldom seen. */
#ifndef PPI_METHOD_EXPLORE_H
#define PPI_METHOD_EXPLORE_H

#include "method/online.h"

/* Counts of the possible observations of an environment that has few of them. Zeroed = none. */
typedef struct ppi_visits {
    int64_t rows;
    int64_t *count; /* [rows] */
} ppi_visits;

pp_status ppi_visits_begin(ppi_visits *v, int64_t rows); /* all zero */
void ppi_visits_end(ppi_visits *v);                      /* allowed before begin */
/* Counts one more visit of a row and returns weight / sqrt(visits so far), the bonus of count-based
 * exploration (Strehl and Littman 2008, MBIE-EB). */
double ppi_visits_bonus(ppi_visits *v, int64_t row, double weight);

/* Weight of the bonus: `option`, or where that is negative 0.3 in dark/room-hard, whose far goals no
 * walk at random reaches, and 0 elsewhere. */
double ppi_explore_bonus(double option, const ppi_agent_config *cfg);

/* Scales the first parameters of an actor-critic with a torso and a head of `actions` logits and a
 * value. The values begin at 0, so that nothing but rewards moves the policy; the logits begin small
 * but not equal, so that the actors walk on instead of about; for PP_OBS_CELLS the first dense
 * layer, of `inputs` inputs, is scaled for inputs of which one per component is on. */
pp_status ppi_explore_start(ppi_params *p, const ppi_agent_config *cfg, int64_t inputs,
                            int32_t actions);

#endif
