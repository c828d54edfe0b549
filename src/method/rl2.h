/* The agent behind "rl2" (Duan et al. 2016): a recurrent policy that is trained over many tasks, so
 * that what it saw in earlier episodes of a task improves the next ones. Options, playing and the
 * two ways to learn share this. */
#ifndef PPI_METHOD_RL2_H
#define PPI_METHOD_RL2_H

#include "method/learner.h"
#include "method/online.h"
#include "method/rl2_net.h"
#include "tensor/optim.h"

/* rl2.base */
enum { PPI_RL2_A3C, PPI_RL2_DQN };

/* rl2.*, optim.* */
typedef struct ppi_rl2_options {
    ppi_optim_options optim;
    int base, core;
    int64_t layers, width, heads, memory;
    int64_t episodes; /* of a trial */
    int64_t streams;
    int64_t unroll;
    double gamma, lambda;
    bool across;                  /* returns run on across the episodes of a trial */
    double entropy, value_weight; /* a3c */
    int64_t batch;                /* dqn: sequences of an update */
    int64_t replay;               /* dqn: steps kept */
    int64_t target_every;         /* dqn: updates */
    double epsilon;               /* dqn */
    bool greedy;                  /* playing, a3c */
    int64_t trial; /* playing: episodes after which the memory is cleared, 0 = never */
} ppi_rl2_options;

/* Returns of the first and of the last episodes of trials: a ring over what all streams played. */
enum { PPI_RL2_RECENT = 512 };
typedef struct ppi_rl2_recent {
    int64_t count; /* ever */
    double ret[PPI_RL2_RECENT];
} ppi_rl2_recent;

/* Where a stream stands. */
typedef struct ppi_rl2_stream {
    int64_t episode; /* in the trial */
    double ret;      /* of the running episode */
} ppi_rl2_stream;

/* One step of one stream, for an update. */
typedef struct ppi_rl2_played {
    double reward;
    int32_t choice;
    uint8_t end; /* no return flows back over this step */
    uint8_t pad[3];
} ppi_rl2_played;

/* What learning keeps beside the networks; dqn's is in rl2_dqn.c. */
typedef struct ppi_rl2_replay ppi_rl2_replay;

typedef struct ppi_rl2_agent {
    ppi_agent base; /* first: the agent is handed around as ppi_agent */
    ppi_rl2_options o;
    char size[16];
    ppi_rl2_net_spec net;
    int32_t n; /* choices */
    int64_t obs_bytes;

    /* learning; streams = 0 before begin */
    int64_t streams;
    uint8_t *legal;   /* [streams, PP_ENV_ACTIONS] by id */
    uint8_t *allowed; /* [streams, n] by choice */
    ppi_rng *rng;     /* [streams] */
    ppi_rl2_net actor, train;
    ppi_rl2_stream *stream; /* [streams] */
    ppi_rl2_recent first, last;
    int64_t pos, updates;
    /* the running unroll, stream by stream */
    ppi_rl2_played *step; /* [streams, unroll] */
    uint8_t *obs;         /* [streams, unroll + 1, obs_bytes] */
    float *extra;         /* [streams, unroll + 1, extra] */
    uint8_t *begins;      /* [streams, unroll + 1] a trial begins */
    float *head;          /* [streams, unroll, outputs] as they were played */
    float *state;         /* [layers, 2, streams, slots, width] before its first step */
    int32_t *position;    /* [streams] of its first step in the trial */
    ppi_rl2_replay *replay;

    /* playing */
    int64_t players;
    ppi_rl2_net play;
    uint8_t *play_allowed; /* [players, n] */
    struct ppi_rl2_player *player;
} ppi_rl2_agent;

extern const ppi_learner_calls ppi_rl2_learner;
void ppi_rl2_learn_end(ppi_rl2_agent *a);

/* Numbers of one layer's h or c that belong to a stream: the width, or that of every slot. */
static inline int64_t ppi_rl2_state_size(const ppi_rl2_agent *a) {
    return a->net.core == PPI_RL2_LSTM ? a->net.width : a->net.width * a->net.memory;
}
/* A choice drawn from the policy of a head, or the likeliest. */
int32_t ppi_rl2_draw(const float *logits, int32_t n, const uint8_t *allowed, ppi_rng *rng);
int32_t ppi_rl2_best(const float *logits, int32_t n, const uint8_t *allowed);
/* A uniform allowed choice with probability epsilon, else the best. */
int32_t ppi_rl2_explore(const ppi_rl2_agent *a, const float *values, const uint8_t *allowed,
                        ppi_rng *rng);

/* The optimiser's step of update number a->updates, which is counted, and its figures. */
pp_status ppi_rl2_finish(ppi_rl2_agent *a, double total, ppi_metrics *out);

/* dqn: memory for the replay and the target network, one update at the end of an unroll, and their
 * part of the saved state. */
pp_status ppi_rl2_dqn_begin(ppi_rl2_agent *a, uint64_t seed);
void ppi_rl2_dqn_end(ppi_rl2_agent *a);
pp_status ppi_rl2_dqn_learn(ppi_rl2_agent *a, ppi_metrics *out);
pp_status ppi_rl2_dqn_save(const ppi_rl2_agent *a, ppi_buf *out);
void ppi_rl2_dqn_load(ppi_rl2_agent *a, ppi_state_reader *r);

extern const ppi_method ppi_method_rl2;

#endif
