/* Lives of an agent that learns in context: run r plays one task for all its episodes with frozen
   weights, and what the agent remembers is kept across episodes and dropped between runs. The loop
   that in-context evaluation stands on. */
#ifndef PPI_RUN_CONTEXT_PLAY_H
#define PPI_RUN_CONTEXT_PLAY_H

#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "env/protocol.h"

struct ppi_agent;
struct ppi_prompt;

typedef struct ppi_context_request {
    struct ppi_agent *agent;            /* one that learns in context */
    const char *env;                    /* one environment id */
    const ppi_env_options *env_options; /* NULL = defaults */
    int32_t game;                     /* index of env among the agent's games, -1 = none of them */
    const int64_t *tasks;             /* [runs] */
    const struct ppi_prompt *prompts; /* [runs] steps put in front of each run; NULL = none */
    int64_t runs;
    int64_t episodes; /* of each run */
    uint64_t seed;    /* run r is one random stream of its environment, begun with seed + r */
    int envs;         /* runs side by side; no effect on results */
    int threads;
    const char *progress; /* label of the progress line, NULL = none */
} ppi_context_request;

/* What the runs gave; release with ppi_context_lives_free. */
typedef struct ppi_context_lives {
    int64_t runs, episodes;
    double *ret;     /* [runs, episodes] sums of raw rewards, by the rules of the protocol */
    int64_t *length; /* [runs, episodes] agent steps */
    /* Of runs that are one episode: the reward of every step, 0 behind the end. */
    double *reward;    /* [runs, life], NULL for more episodes */
    int64_t life;      /* longest episode of these */
    int64_t decisions; /* agent steps of all runs */
    double wall;       /* seconds */
} ppi_context_lives;

/* PP_ERR_SHAPE naming what differs unless the agent's observations and actions are those of the
 * environment: an agent that learns in context is not padded. */
pp_status ppi_context_check_spaces(const struct ppi_agent *agent, const pp_env_spec *spec);

/* Plays all runs; the result is equal for any number of environments and threads as far as the
 * agent's is. PP_ERR_INTERRUPTED on Ctrl-C; *out is then empty, as after any failure. */
pp_status ppi_context_play(const ppi_context_request *request, ppi_context_lives *out);
void ppi_context_lives_free(ppi_context_lives *lives);

#endif
