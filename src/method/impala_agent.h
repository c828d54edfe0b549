/* The agent behind "impala": an actor-critic that learns from unrolls of every stream by V-trace.
 */
#ifndef PPI_METHOD_IMPALA_AGENT_H
#define PPI_METHOD_IMPALA_AGENT_H

#include "base/background.h"
#include "base/error.h"
#include "method/learner.h"
#include "method/online.h"
#include "method/online_net.h"
#include "method/online_play.h"
#include "method/replay.h"
#include "method/vtrace.h"
#include "tensor/optim.h"

/* impala.*, optim.* */
typedef struct ppi_impala_options {
    ppi_optim_options optim;
    int64_t streams; /* environments of one game */
    int64_t stack;
    int64_t unroll;          /* steps of one sequence */
    int64_t lstm;            /* width of the recurrent core, 0 = none */
    int64_t lag;             /* 1: unrolls are played with the policy of one update before */
    int64_t learner_threads; /* of an update while lag is 1 */
    double gamma;
    double entropy_cost, baseline_cost;
    double rho_bar, pg_rho_bar;
    bool clip_reward;
    bool greedy; /* while not learning: the likeliest action */
} ppi_impala_options;

/* What the steps of one unroll of every stream leave. */
typedef struct ppi_impala_unroll {
    int32_t *action; /* [streams, unroll] */
    float *log_mu;   /* [streams, unroll] of the action when it was chosen */
    float *reward;   /* [streams, unroll] */
    float *discount; /* [streams, unroll] */
    uint8_t *cut;    /* [streams, unroll] */
    float *state;    /* [2, streams, lstm] h and c before the unroll's first step */
} ppi_impala_unroll;

/* Figures of an update. */
typedef struct ppi_impala_figures {
    double total, policy, value, entropy, grad_norm, lr;
} ppi_impala_figures;

typedef struct ppi_impala_agent {
    ppi_agent base; /* first: the agent is handed around as ppi_agent */
    ppi_impala_options o;
    char size[16];
    ppi_online_net_spec net;
    int64_t choices; /* columns of the head: these logits, then the value */

    /* learning; streams = 0 before begin. The caller's thread owns what follows. */
    int64_t streams;
    uint8_t *legal;            /* [streams, choices]; constant after begin */
    ppi_params *actor_params;  /* lag 1: the policy that plays; NULL = that of the agent */
    ppi_online_net actor;      /* one row a stream */
    ppi_impala_unroll playing; /* the unroll that is being played */
    uint8_t *frames;           /* [streams, unroll + 1, stack] its inputs */
    uint8_t *resets;           /* [streams, unroll + 1] */
    int64_t at;                /* its steps that are there */
    uint8_t *begins;           /* [streams] an episode begins with the next observation */
    ppi_rng explore;
    int64_t steps;
    int64_t updates;        /* begun */
    bool untold;            /* figures are those of an update that step has not told of */
    ppi_background *worker; /* of the learner; NULL = updates are made by the caller's thread */

    /* The learner's from the start of an update to its end. */
    ppi_online_net train;     /* stream by stream, unroll + 1 rows of each */
    ppi_impala_unroll played; /* the unroll it learns from; its inputs lie in train */
    float *log_rho, *value, *target, *advantage; /* [unroll + 1] one sequence at a time */
    int64_t learned;                             /* updates made */
    ppi_impala_figures figures;
    pp_status outcome; /* of the last update; its text is error */
    char error[PPI_ERROR_TEXT_SIZE];

    ppi_online_play play; /* without learning */
} ppi_impala_agent;

extern const ppi_learner_calls ppi_impala_learner;
void ppi_impala_learn_end(ppi_impala_agent *a);
/* Draws a choice from the policy of a row of the head; log_p (may be NULL) its logarithm. */
int32_t ppi_impala_draw(const ppi_impala_agent *a, const float *head, const uint8_t *legal,
                        ppi_rng *rng, float *log_p);
/* One update from `played` and the inputs of train; its figures are left in the agent. */
pp_status ppi_impala_update(ppi_impala_agent *a);
/* Row `at` of a stream in the inputs of train. */
static inline int64_t ppi_impala_row(const ppi_impala_agent *a, int64_t stream, int64_t at) {
    return stream * (a->o.unroll + 1) + at;
}

extern const ppi_method ppi_method_impala;

#endif
