/* The agent behind "impala": an actor-critic that learns from unrolls of every stream by V-trace.
 */
#ifndef PPI_METHOD_IMPALA_AGENT_H
#define PPI_METHOD_IMPALA_AGENT_H

#include "method/learner.h"
#include "method/online.h"
#include "method/online_net.h"
#include "method/replay.h"
#include "method/vtrace.h"
#include "tensor/optim.h"

/* impala.*, optim.* */
typedef struct ppi_impala_options {
    ppi_optim_options optim;
    int64_t streams; /* environments of one game */
    int64_t stack;
    int64_t unroll; /* steps of one sequence */
    int64_t lstm;   /* width of the recurrent core, 0 = none */
    double gamma;
    double entropy_cost, baseline_cost;
    double rho_bar, pg_rho_bar;
    bool clip_reward;
    bool greedy; /* while not learning: the likeliest action */
} ppi_impala_options;

typedef struct ppi_impala_agent {
    ppi_agent base; /* first: the agent is handed around as ppi_agent */
    ppi_impala_options o;
    char size[16];
    ppi_online_net_spec net;
    int64_t choices; /* columns of the head: these logits, then the value */

    /* learning; streams = 0 before begin. Rows of train: stream by stream, unroll + 1 of each. */
    int64_t streams;
    uint8_t *legal; /* [streams, choices] */
    ppi_online_net train, actor;
    int64_t at;      /* steps of the present unroll that are there */
    int32_t *action; /* [streams, unroll] */
    float *log_mu;   /* [streams, unroll] of the action when it was chosen */
    float *reward;   /* [streams, unroll] */
    float *discount; /* [streams, unroll] */
    uint8_t *cut;    /* [streams, unroll] */
    uint8_t *begins; /* [streams] an episode begins with the next observation */
    float *state;    /* [2, streams, lstm] h and c before the unroll's first step */
    float *log_rho, *value, *target, *advantage; /* [unroll + 1] one sequence at a time */
    ppi_rng explore;
    int64_t steps, updates;

    /* playing; players = 0 before act_begin */
    int64_t players;
    ppi_online_net play;
    uint8_t *play_legal; /* [players, choices] */
    struct {
        uint64_t episode;
        int64_t step;
    } * player;
} ppi_impala_agent;

extern const ppi_learner_calls ppi_impala_learner;
void ppi_impala_learn_end(ppi_impala_agent *a);
/* Row of choices [choices] that a row of ids legal[PP_ENV_ACTIONS] allows. */
void ppi_impala_legal(const ppi_impala_agent *a, uint8_t *out, const uint8_t *legal);
/* Draws a choice from the policy of a row of the head; log_p (may be NULL) its logarithm. */
int32_t ppi_impala_draw(const ppi_impala_agent *a, const float *head, const uint8_t *legal,
                        ppi_rng *rng, float *log_p);
/* One update from the unroll that lies in the inputs of train and in the arrays of the agent.
 * Exposed for tests. */
pp_status ppi_impala_update(ppi_impala_agent *a, ppi_metrics *out);

extern const ppi_method ppi_method_impala;

#endif
