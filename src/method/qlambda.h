/* Targets of Q(lambda) along a rollout. */
#ifndef PPI_METHOD_QLAMBDA_H
#define PPI_METHOD_QLAMBDA_H

#include <stdint.h>

#include "method/value_agent.h"

/* target [n - 1] of rows 0 .. n-2 (Peng's Q(lambda)), from the largest value of every row under the
 * target network, value [n]:
 *   G_i = r_i where the episode ended, else
 *   G_i = r_i + gamma ((1 - lambda) value_{i+1} + lambda G_{i+1}),  G_{n-1} = value_{n-1}.
 * A row that is a last observation has its value as target: the one before it bootstraps there. */
void ppi_qlambda_targets(float *target, const ppi_replay_row *row, const float *value, int64_t n,
                         double gamma, double lambda);

/* Makes one update from the rollouts that lie in the inputs of train, in row and in stream. Exposed
 * for tests. */
pp_status ppi_qlambda_update(ppi_value_agent *a, ppi_metrics *out);

#endif
