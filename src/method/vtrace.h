/* V-trace (Espeholt et al. 2018): corrected value targets and advantages of one sequence, and the
 * gradient of the actor-critic loss. */
#ifndef PPI_METHOD_VTRACE_H
#define PPI_METHOD_VTRACE_H

#include <stdint.h>

/* One sequence of T steps. */
typedef struct ppi_vtrace_in {
    int64_t T;
    const float *log_rho;  /* [T] log pi(a|x) - log mu(a|x) */
    const float *reward;   /* [T] */
    const float *discount; /* [T] gamma, 0 where an episode ended with the step */
    const float *value;    /* [T + 1] V of the present network; the last is the bootstrap */
    const uint8_t *cut;    /* [T] 1 = the episode was cut here and what follows is not known: the
                              step has no target of its own */
    float rho_bar, pg_rho_bar;
} ppi_vtrace_in;

/* target [T]: v_t; advantage [T]: min(pg_rho_bar, rho_t) (r_t + d_t v_{t+1} - V_t). A cut step gets
 * its own value and advantage 0. */
void ppi_vtrace(float *target, float *advantage, const ppi_vtrace_in *in);

/* What one row of a head adds to the loss. Logits of illegal actions take no part. */
typedef struct ppi_actor_row {
    const float *logits;  /* [actions] */
    const uint8_t *legal; /* [actions] */
    int64_t actions;
    int32_t action;
    float value, target, advantage;
    float entropy_cost, baseline_cost;
} ppi_actor_row;
typedef struct ppi_actor_loss {
    double policy, baseline, entropy;
} ppi_actor_loss;

/* Adds the row's terms: policy -log pi(a) advantage, baseline (target - value)^2 / 2, entropy
 * -sum pi log pi; none weighted. dlogits [actions] and *dvalue get the gradient of policy +
 * baseline_cost * baseline - entropy_cost * entropy. */
void ppi_actor_row_loss(ppi_actor_loss *sum, float *dlogits, float *dvalue,
                        const ppi_actor_row *row);

/* Softmax over the legal actions, 0 for the others; log_p (may be NULL) their logarithms. */
void ppi_legal_softmax(float *p, float *log_p, const float *logits, const uint8_t *legal,
                       int64_t actions);

#endif
