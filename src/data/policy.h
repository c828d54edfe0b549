/* Policies that play without learning, for collecting data.
 *
 * `random` draws uniformly from the game's minimal actions. `dirichlet` draws, once per episode, a
 * distribution over them from a symmetric Dirichlet (concentration 0.3) and holds each drawn action
 * for a geometric time of mean 4 steps, which gives episodes of very different returns. Every
 * episode has its own random stream, so any episode can be played again by itself. */
#ifndef PPI_DATA_POLICY_H
#define PPI_DATA_POLICY_H

#include <stdint.h>

#include <polyplay/status.h>

#include "base/rng.h"

#define PPI_DIRICHLET_CONCENTRATION 0.3
#define PPI_DIRICHLET_HOLD          4.0

typedef enum ppi_policy_kind { PPI_POLICY_RANDOM, PPI_POLICY_DIRICHLET } ppi_policy_kind;

/* State of a policy in one environment. */
typedef struct ppi_policy {
    ppi_policy_kind kind;
    int32_t count;         /* actions to choose from, 1..18 */
    int32_t actions[18];   /* ids that are played */
    double cumulative[18]; /* dirichlet: running sums of the episode's probabilities */
    int32_t held;          /* dirichlet: index of the action that is held */
    int64_t hold_left;     /* dirichlet: steps it is still held */
    ppi_rng rng;
} ppi_policy;

/* PP_ERR_ARGUMENT names the nearest policy and lists all. */
pp_status ppi_policy_find(ppi_policy_kind *out, const char *name);
const char *ppi_policy_name(ppi_policy_kind kind);

/* Starts episode `episode` of environment `env`; actions [count] are copied. */
void ppi_policy_begin(ppi_policy *policy, ppi_policy_kind kind, const int32_t *actions,
                      int32_t count, uint64_t seed, int64_t env, int64_t episode);
/* The next action id. */
int32_t ppi_policy_act(ppi_policy *policy);

#endif
