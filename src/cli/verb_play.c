/* polyplay play: episodes of one game, one line each, and a GIF of the first when wanted. An agent
 * plays, or chance, or the user at the keyboard. */
#include "cli/cli.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/keyboard.h"
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

/* Who plays where no run is named. Order of the choices of play.policy. */
enum { PLAY_BY_RUN, PLAY_RANDOM };

typedef struct hand_options {
    int policy; /* PLAY_* */
    bool keyboard;
    double fps;
} hand_options;

static const ppi_option hand_rows[] = {
    {.name = "play.policy",
     .type = PPI_OPT_CHOICE,
     .offset = offsetof(hand_options, policy),
     .def = "run",
     .choices = "run|random",
     .alias = "policy",
     .help = "Who plays: the agent of RUN, or random, which needs no RUN."},
    {.name = "play.keyboard",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(hand_options, keyboard),
     .alias = "keyboard",
     .help = "Play by hand in this terminal; needs no RUN. Arrows or wasd, space, n, digits; q "
             "quits."},
    {.name = "play.fps",
     .type = PPI_OPT_F64,
     .offset = offsetof(hand_options, fps),
     .def = "0",
     .min = 0,
     .max = 240,
     .alias = "fps",
     .help = "Agent steps a second with --keyboard; 0 takes 10 (Atari games 15), and waits for a "
             "key where the game has no action for standing still."},
};
static const ppi_option_table hand_table = {"play by hand", hand_rows, 3};

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

/* `stopped`: the last of the episodes was left before its end. */
static void print_episodes(ppi_buf *text, const char *env, const ppi_episode_result *results,
                           int64_t episodes, bool stopped) {
    for (int64_t e = 0; e < episodes; e++)
        ppi_buf_printf(text, "%s episode %lld seed %llu return %g steps %lld end %s\n", env,
                       (long long)e, (unsigned long long)results[e].seed, results[e].ret,
                       (long long)results[e].steps,
                       stopped && e + 1 == episodes ? "stopped"
                       : results[e].terminated      ? "terminal"
                                                    : "cap");
}

/* Plays by the agent, or by hand; *played gets the number of episodes begun. */
static pp_status play_episodes(ppi_play_job *job, const hand_options *hand, ppi_frame_fn frame,
                               void *ctx, ppi_episode_result *results, int64_t *played,
                               bool *stopped) {
    const ppi_play_options *play = ppi_play_job_play_options(job);
    *stopped = false;
    *played = play->episodes;
    if (!hand->keyboard) return ppi_play(job, frame, ctx, results);
    const ppi_keyboard_play by_hand = {
        .env = play->env,
        .options = ppi_play_job_env_options(job),
        .episodes = play->episodes,
        .seed = (uint64_t)play->seed,
        .fps = hand->fps,
        .frame = frame,
        .frame_ctx = ctx,
    };
    return ppi_keyboard_run(&by_hand, results, played, stopped);
}

static pp_status play_and_print(ppi_play_job *job, const hand_options *hand,
                                const gif_options *gif) {
    const ppi_play_options *play = ppi_play_job_play_options(job);
    int64_t played;
    bool stopped;
    recorder r = {.options = gif};
    ppi_episode_result *results = ppi_calloc((size_t)play->episodes, sizeof(*results));
    if (!results) return ppi_oom("episode results");
    ppi_buf text = {0};
    pp_status status = play_episodes(job, hand, gif->path[0] ? record_frame : NULL, &r, results,
                                     &played, &stopped);
    if (status == PP_OK) print_episodes(&text, play->env, results, played, stopped);
    if (status == PP_OK && r.gif) {
        status = ppi_gif_finish(r.gif);
        ppi_buf_printf(&text, "wrote %s: %lld of %lld pictures of episode 0\n", gif->path,
                       (long long)r.shown, (long long)results[0].steps + 1);
    }
    ppi_gif_destroy(r.gif);
    ppi_free(results);
    return ppi_cli_print(&text, status);
}

/* `run` NULL: no word named a run. */
static pp_status play_job(ppi_cli_args *args, ppi_play_job *job, const char *run) {
    gif_options gif = {0};
    hand_options hand = {0};
    ppi_options *options = ppi_play_job_options(job);
    PPI_TRY(ppi_options_bind(options, &gif_table, &gif));
    PPI_TRY(ppi_options_bind(options, &hand_table, &hand));
    bool done;
    PPI_TRY(ppi_cli_options(args, options, &done));
    if (done) return PP_OK;
    const bool needs_run = hand.policy == PLAY_BY_RUN && !hand.keyboard;
    if (!run && needs_run)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "play needs a run folder, a checkpoint folder or the word random: polyplay "
                        "play RUN --env ...; or --policy random, or --keyboard");
    if (run && !needs_run)
        return ppi_fail(PP_ERR_ARGUMENT, "'%s' and %s: name one player", run,
                        hand.keyboard ? "--keyboard" : "--policy random");
    if (!ppi_play_job_play_options(job)->env[0])
        return ppi_fail(PP_ERR_ARGUMENT, "play needs --env (polyplay info --envs lists them)");
    if (args->dry_run) return ppi_cli_dry_run(options);
    return play_and_print(job, &hand, &gif);
}

pp_status ppi_verb_play(ppi_cli_args *args) {
    const char *run = ppi_cli_args_take(args);
    ppi_play_job *job;
    PPI_TRY(ppi_play_job_create(&job, run ? run : "random"));
    pp_status status = play_job(args, job, run);
    ppi_play_job_destroy(job);
    return status;
}
