/* Playing: an agent behind a run folder, batched over environments, with a call per frame for
   pictures. Evaluation and `polyplay play` both stand on ppi_play_episodes. */
#ifndef PPI_RUN_ACT_H
#define PPI_RUN_ACT_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/options.h"
#include "env/protocol.h"
#include "env/tasks.h"

struct ppi_agent;

/* Sees each picture of an episode: rgb u8 [h,w,3] of the state before `action`; action is -1 on the
   last one. A failure status ends the play. */
typedef pp_status (*ppi_frame_fn)(void *ctx, const uint8_t *rgb, int h, int w, int64_t step,
                                  int32_t action, double reward_so_far);

/* One finished episode. */
typedef struct ppi_episode_result {
    uint64_t seed;
    double ret;          /* sum of raw rewards, without the final one where the rules drop it */
    double final_reward; /* raw reward of the last step */
    int64_t steps;       /* agent steps */
    int64_t frames;      /* emulated in those steps; the start of the episode is not counted */
    bool terminated;     /* false: the cap cut it */
    uint64_t digest;     /* of actions and rewards: equal for equal episodes */
} ppi_episode_result;

typedef struct ppi_play_request {
    struct ppi_agent *agent;            /* NULL = random play from the minimal actions */
    const char *env;                    /* one environment id */
    const ppi_env_options *env_options; /* NULL = defaults */
    int32_t game;           /* index of env among the agent's games, -1 = another or unknown */
    bool pad;               /* smaller boards of planes are padded to the agent's */
    const ppi_tasks *tasks; /* episode e plays task number e of these; NULL = env_options->task */
    int64_t episodes;
    uint64_t seed; /* episode e uses seed + e */
    int envs;      /* stepped together */
    int threads;
    ppi_frame_fn frame; /* NULL = none; needs envs == 1 */
    void *frame_ctx;
    const char *progress; /* label of the progress line, NULL = none */
} ppi_play_request;

/* Plays episodes and fills results[episodes]; equal for any number of environments and threads.
 *decisions counts agent steps when not NULL. PP_ERR_INTERRUPTED on Ctrl-C. An agent that learns in
 * context keeps what it saw over the episodes of an environment, so its episodes depend on `envs`;
 * its runs over tasks are ppi_context_play's. */
pp_status ppi_play_episodes(const ppi_play_request *request, ppi_episode_result *results,
                            int64_t *decisions);

/* Rows of ppi_play_option_table: `polyplay play`. */
typedef struct ppi_play_options {
    char env[128];
    int64_t episodes;
    int64_t seed;
    int64_t threads;
    int dtype;
    char checkpoint[32];
    char preset[32];
} ppi_play_options;
extern const ppi_option_table ppi_play_option_table;

typedef struct ppi_play_job ppi_play_job;

/* As ppi_eval_job_create. */
pp_status ppi_play_job_create(ppi_play_job **out, const char *run);
void ppi_play_job_destroy(ppi_play_job *job);
ppi_options *ppi_play_job_options(ppi_play_job *job);
const ppi_play_options *ppi_play_job_play_options(const ppi_play_job *job);
/* The options env.*, as they stand. */
const ppi_env_options *ppi_play_job_env_options(const ppi_play_job *job);
/* Plays one environment at a time; results[episodes] (from the options). frame may be NULL. */
pp_status ppi_play(ppi_play_job *job, ppi_frame_fn frame, void *ctx, ppi_episode_result *results);

#endif
