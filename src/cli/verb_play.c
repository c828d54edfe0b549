/* polyplay play: episodes of one game, one line each, and a GIF of the first when wanted. */
#include "cli/cli.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "report/gif.h"
#include "run/act.h"

typedef struct gif_options {
    char path[1024];
    int64_t steps;    /* most pictures shown, 0 = all */
    int64_t delay_cs; /* hundredths of a second a picture */
} gif_options;

static const ppi_option gif_rows[] = {
    {.name = "gif.path",
     .type = PPI_OPT_STR,
     .offset = offsetof(gif_options, path),
     .size = sizeof(((gif_options *)0)->path),
     .alias = "gif",
     .help = "GIF file to write of the first episode; none when empty."},
    {.name = "gif.steps",
     .type = PPI_OPT_I64,
     .offset = offsetof(gif_options, steps),
     .def = "900",
     .min = 0,
     .max = 1e9,
     .help = "Most pictures in the GIF, one for each agent step; 0 shows all."},
    {.name = "gif.delay",
     .type = PPI_OPT_I64,
     .offset = offsetof(gif_options, delay_cs),
     .def = "7",
     .min = 1,
     .max = 1000,
     .help = "Hundredths of a second each picture is shown."},
};
static const ppi_option_table gif_table = {"gif", gif_rows, 3};

/* Receives the pictures of the episodes in order; only the first episode is kept. */
typedef struct recorder {
    const gif_options *options;
    ppi_gif *gif;
    int64_t shown;
    int episode;
} recorder;

static pp_status record_frame(void *ctx, const uint8_t *rgb, int h, int w, int64_t step,
                              int32_t action, double reward_so_far) {
    recorder *r = ctx;
    (void)action;
    (void)reward_so_far;
    if (step == 0) r->episode++;
    if (r->episode > 1 || (r->options->steps && r->shown >= r->options->steps)) return PP_OK;
    if (!r->gif)
        PPI_TRY(ppi_gif_create(&r->gif, r->options->path, w, h, (int)r->options->delay_cs));
    r->shown++;
    return ppi_gif_add(r->gif, rgb);
}

static void print_episodes(ppi_buf *text, const ppi_play_options *play,
                           const ppi_episode_result *results) {
    for (int64_t e = 0; e < play->episodes; e++)
        ppi_buf_printf(text, "%s episode %lld seed %llu return %g steps %lld end %s\n", play->env,
                       (long long)e, (unsigned long long)results[e].seed, results[e].ret,
                       (long long)results[e].steps, results[e].terminated ? "terminal" : "cap");
}

static pp_status play_and_print(ppi_play_job *job, const gif_options *gif) {
    const ppi_play_options *play = ppi_play_job_play_options(job);
    recorder r = {.options = gif};
    ppi_episode_result *results = ppi_calloc((size_t)play->episodes, sizeof(*results));
    if (!results) return ppi_oom("episode results");
    ppi_buf text = {0};
    pp_status status = ppi_play(job, gif->path[0] ? record_frame : NULL, &r, results);
    if (status == PP_OK) print_episodes(&text, play, results);
    if (status == PP_OK && r.gif) {
        status = ppi_gif_finish(r.gif);
        ppi_buf_printf(&text, "wrote %s: %lld of %lld pictures of episode 0\n", gif->path,
                       (long long)r.shown, (long long)results[0].steps + 1);
    }
    ppi_gif_destroy(r.gif);
    ppi_free(results);
    return ppi_cli_print(&text, status);
}

static pp_status play_job(ppi_cli_args *args, ppi_play_job *job) {
    gif_options gif = {0};
    ppi_options *options = ppi_play_job_options(job);
    PPI_TRY(ppi_options_bind(options, &gif_table, &gif));
    bool done;
    PPI_TRY(ppi_cli_options(args, options, &done));
    if (done) return PP_OK;
    if (!ppi_play_job_play_options(job)->env[0])
        return ppi_fail(PP_ERR_ARGUMENT, "play needs --env (polyplay info --envs lists them)");
    if (args->dry_run) return ppi_cli_dry_run(options);
    return play_and_print(job, &gif);
}

pp_status ppi_verb_play(ppi_cli_args *args) {
    const char *run = ppi_cli_args_take(args);
    if (!run && !args->help)
        return ppi_fail(PP_ERR_ARGUMENT, "play needs a run folder, a checkpoint folder or the word "
                                         "random: polyplay play RUN --env ...");
    ppi_play_job *job;
    PPI_TRY(ppi_play_job_create(&job, run ? run : "random"));
    pp_status status = play_job(args, job);
    ppi_play_job_destroy(job);
    return status;
}
