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
    {.name = "seed",
     .type = PPI_OPT_I64,
     .offset = FIELD(seed),
     .def = "1",
     .min = 0,
     .max = 9e15,
     .help = "Episode e is played with seed + e."},
    {.name = "threads",
     .type = PPI_OPT_I64,
     .offset = FIELD(threads),
     .def = "0",
     .min = 0,
     .max = 1024,
     .help = "Threads; 0 takes every processor."},
    {.name = "dtype",
     .type = PPI_OPT_CHOICE,
     .offset = FIELD(dtype),
     .def = "auto",
     .choices = "auto|f32|bf16",
     .help = "Arithmetic of the network; auto takes bf16 where the processor has it."},
    {.name = "checkpoint",
     .type = PPI_OPT_STR,
     .offset = FIELD(checkpoint),
     .size = 32,
     .def = "",
     .help = "Checkpoint of a run folder: best, last or step_N; empty takes the last."},
    {.name = "preset",
     .type = PPI_OPT_STR,
     .offset = FIELD(preset),
     .size = 32,
     .def = "",
     .help = "Acting preset of the method, for example notebook or paper."},
};
const ppi_option_table ppi_play_option_table = {"play", rows, (int)(sizeof rows / sizeof rows[0])};

struct ppi_play_job {
    char run[PPI_PATH_SIZE];
    ppi_play_options play;
    ppi_env_options env;
    ppi_options *set;
    ppi_loaded loaded;
};

pp_status ppi_play_job_create(ppi_play_job **out, const char *run) {
    *out = NULL;
    ppi_play_job *job = ppi_calloc(1, sizeof *job);
    if (job == NULL) return ppi_oom("a play job");
    pp_status s = PP_OK;
    if (snprintf(job->run, sizeof job->run, "%s", run) >= (int)sizeof job->run) {
        s = ppi_fail(PP_ERR_ARGUMENT, "the path '%.200s...' is too long", run);
    }
    if (s == PP_OK) s = ppi_options_create(&job->set);
    if (s == PP_OK) s = ppi_options_bind(job->set, &ppi_play_option_table, &job->play);
    if (s == PP_OK) s = ppi_options_bind(job->set, &ppi_env_option_table, &job->env);
    if (s == PP_OK) s = ppi_loaded_open(&job->loaded, run, job->set);
    if (s != PP_OK) {
        ppi_play_job_destroy(job);
        return s;
    }
    *out = job;
    return PP_OK;
}

void ppi_play_job_destroy(ppi_play_job *job) {
    if (job == NULL) return;
    ppi_loaded_close(&job->loaded);
    ppi_options_destroy(job->set);
    ppi_free(job);
}

ppi_options *ppi_play_job_options(ppi_play_job *job) {
    return job->set;
}
const ppi_play_options *ppi_play_job_play_options(const ppi_play_job *job) {
    return &job->play;
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
    if (job->loaded.agent == NULL) {
        PPI_TRY(ppi_loaded_select(&job->loaded, job->run, job->play.checkpoint));
    }
    PPI_TRY(ppi_protocol_apply(&job->env, job->set, &job->loaded, job->play.env, &protocol));
    if (job->loaded.agent == NULL) {
        PPI_TRY(ppi_loaded_create(&job->loaded, job->set, job->play.preset,
                                  (uint64_t)job->play.seed, job->play.dtype,
                                  ppi_thread_count(job->play.threads)));
    }
    const ppi_play_request request = {
        .agent = job->loaded.agent,
        .env = job->play.env,
        .env_options = &job->env,
        .episodes = job->play.episodes,
        .seed = (uint64_t)job->play.seed,
        .envs = 1,
        .threads = 1,
        .frame = frame,
        .frame_ctx = ctx,
    };
    return ppi_play_episodes(&request, results, NULL);
}
