/* `polyplay play`: a loaded agent in one environment, picture by picture. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "run/act.h"
#include "env/registry.h"
#include "run/load.h"
#include "run/train.h"
#include "run/option_rows.h"

#define FIELD(name) offsetof(ppi_play_options, name)

static const ppi_option rows[] = {
    {.name = "env",
     .type = PPI_OPT_STR,
     .offset = FIELD(env),
     .size = 128,
     .def = "",
     .help = "Environment to play."},
    {.name = "episodes",
     .type = PPI_OPT_I64,
     .offset = FIELD(episodes),
     .def = "1",
     .min = 1,
     .max = 1e6,
     .help = "Episodes to play."},
    PPI_ROW_EPISODE_SEED,
    PPI_ROW_THREADS,
    PPI_ROW_DTYPE("auto"),
    PPI_ROW_CHECKPOINT,
    PPI_ROW_PRESET,
};
const ppi_option_table ppi_play_option_table = {"play", rows, (int)(sizeof rows / sizeof rows[0])};

struct ppi_play_job {
    ppi_acting from;
    ppi_play_options play;
};

pp_status ppi_play_job_create(ppi_play_job **out, const char *run) {
    *out = NULL;
    ppi_play_job *job = ppi_calloc(1, sizeof *job);
    if (job == NULL) return ppi_oom("a play job");
    const pp_status s = ppi_acting_open(&job->from, run, &ppi_play_option_table, &job->play);
    if (s != PP_OK) {
        ppi_play_job_destroy(job);
        return s;
    }
    *out = job;
    return PP_OK;
}

void ppi_play_job_destroy(ppi_play_job *job) {
    if (job == NULL) return;
    ppi_acting_close(&job->from);
    ppi_free(job);
}

ppi_options *ppi_play_job_options(ppi_play_job *job) {
    return job->from.set;
}
const ppi_play_options *ppi_play_job_play_options(const ppi_play_job *job) {
    return &job->play;
}

const ppi_env_options *ppi_play_job_env_options(const ppi_play_job *job) {
    return &job->from.env;
}

pp_status ppi_play(ppi_play_job *job, ppi_frame_fn frame, void *ctx, ppi_episode_result *results) {
    const char *protocol = NULL;
    if (job->play.env[0] == '\0')
        return ppi_fail(PP_ERR_ARGUMENT, "no environment given; use --env");
    if (!ppi_env_known(job->play.env)) { /* for the text with the nearest name */
        char ids[1][PP_ENV_ID_BYTES];
        int count = 0;
        PPI_TRY(ppi_env_expand(ids, 1, &count, job->play.env));
    }
    if (job->from.loaded.agent == NULL) {
        PPI_TRY(ppi_loaded_select(&job->from.loaded, job->from.run, job->play.checkpoint));
    }
    PPI_TRY(ppi_protocol_apply(&job->from.env, job->from.set, &job->from.loaded, job->play.env, &protocol));
    if (job->from.loaded.agent == NULL) {
        PPI_TRY(ppi_loaded_create(&job->from.loaded, job->from.set, job->play.preset,
                                  (uint64_t)job->play.seed, job->play.dtype,
                                  ppi_thread_count(job->play.threads)));
    }
    const ppi_play_request request = {
        .agent = job->from.loaded.agent,
        .env = job->play.env,
        .env_options = &job->from.env,
        .game = ppi_loaded_game(&job->from.loaded, job->play.env),
        .pad = ppi_loaded_pads(&job->from.loaded),
        .episodes = job->play.episodes,
        .seed = (uint64_t)job->play.seed,
        .envs = 1,
        .threads = 1,
        .frame = frame,
        .frame_ctx = ctx,
    };
    return ppi_play_episodes(&request, results, NULL);
}
