/* A learning run; see learn_job.h.
 *
 * What a resumed process needs is a checkpoint (parameters, moments, learner, environments) and the
 * journal of the histories: it is cut back to the checkpoint, and a replay is filled from its tail.
 * A run that stores no dataset keeps such a journal inside its folder when its learner has a
 * replay. */
#include "run/learn_job.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "run/learn_checkpoint.h"
#include "run/learn_run.h"
#include "run/resume.h"
#include "run/runlog.h"
#include "run/train.h"
#include "run/train_eval.h"

/* Steps between looks at the clock and the progress line. */
enum { GLANCE = 64, NOTE_SIZE = 96, DESCRIPTION_SIZE = 512 };
/* Seconds between checkpoints when no number of steps is given. */
static const double k_checkpoint_seconds = 60;

typedef struct runner {
    ppi_learn_job *job;
    ppi_resume from;
    char run_dir[PPI_PATH_SIZE];
    char checkpoint[PPI_PATH_SIZE];   /* last one written or resumed from */
    char private_root[PPI_PATH_SIZE]; /* of the journal that only this run needs, else empty */
    ppi_learn_games games;
    ppi_learn_trials trials;
    ppi_learn *learn;
    ppi_learn_dataset *sets; /* [games] when the histories are stored */
    ppi_history **history;   /* [games] */
    int n_sets;              /* opened */
    ppi_learn_log log;
    bool logging;
    bool finished; /* the datasets were complete before */
    ppi_buf options_json;
    ppi_runlog *runlog;
    int64_t first; /* step this process began at */
    int64_t saved; /* step of the last checkpoint, -1 = none */
    double wall;   /* seconds of earlier parts of the run */
    double start, saved_at;
    double evaluating; /* seconds of evaluations since the start */
    double best_score; /* of the evaluations, NAN = none yet */
    int64_t best_step;
} runner;

static double elapsed(const runner *r) {
    return ppi_clock_seconds() - r->start;
}

static double rate(const runner *r) {
    const double seconds = elapsed(r) - r->evaluating;
    return seconds > 0 ? (double)(ppi_learn_steps(r->learn) - r->first) / seconds : 0;
}

/* True when the last step passed a multiple of `every`. */
static bool passed(const runner *r, int64_t every) {
    const int64_t now = ppi_learn_steps(r->learn);
    return now / every > (now - ppi_learn_streams(r->learn)) / every;
}

/* An evaluation belongs behind the present step. */
static bool eval_due(const runner *r) {
    const int64_t every = r->job->run.eval_every;
    if (every == 0 || ppi_learn_steps(r->learn) == 0) return false;
    return passed(r, every) || ppi_learn_steps(r->learn) >= ppi_learn_total(r->learn);
}

/* ---- preparation ----------------------------------------------------------------------------- */

static pp_status open_learner(runner *r) {
    const ppi_learn_job *job = r->job;
    r->trials = (ppi_learn_trials){job->run.tasks, (uint64_t)job->run.split_seed};
    const ppi_learn_config config = {
        .method = job->method,
        .size = job->run.model,
        .options = job->method_options,
        .games = &r->games,
        .env = &job->env,
        .task = job->env.task,
        .trials = &r->trials,
        .streams = job->run.envs,
        .steps = job->run.steps,
        .seed = (uint64_t)job->run.seed,
        .policy = ppi_dtype_is_bf16(job->run.dtype) ? PPI_DTYPE_POLICY_BF16 : PPI_DTYPE_POLICY_F32,
        .threads = ppi_thread_count(job->run.threads),
    };
    return ppi_learn_open(&r->learn, &config);
}

/* Evaluations play the games that are learned unless others are named. */
static pp_status prepare_evaluations(const runner *r) {
    ppi_buf games = {0};
    for (int g = 0; g < r->games.count; g++) {
        ppi_buf_printf(&games, "%s%s", g > 0 ? "," : "", r->games.spec[g].id);
    }
    pp_status s = games.failed;
    if (s == PP_OK) s = ppi_train_eval_prepare(r->job->set, r->job->method, ppi_buf_text(&games));
    ppi_buf_free(&games);
    return s;
}

/* What is to be resumed, the games and the learner; no folder is touched. */
static pp_status load_parts(runner *r) {
    const ppi_learn_options *run = &r->job->run;
    PPI_TRY(ppi_resume_find(&r->from, run->out, run->resume, r->job->method, r->job->set));
    memcpy(r->run_dir, r->from.run_dir, sizeof r->run_dir);
    if (r->from.resumed && !r->from.same_run) {
        return ppi_fail(
            PP_ERR_ARGUMENT,
            "'%s' lies in another run folder than '%s'; an online run goes on where its "
            "journal is",
            r->from.ck.folder, r->run_dir);
    }
    PPI_TRY(ppi_learn_job_resolve(r->job));
    PPI_TRY(ppi_learn_job_games(&r->games, r->job));
    if (r->run_dir[0] == '\0') {
        ppi_run_dir_default(r->run_dir, sizeof r->run_dir,
                            r->games.count == 1 ? r->games.spec[0].id : "mix", r->job->method->name,
                            run->seed);
    }
    PPI_TRY(prepare_evaluations(r));
    return open_learner(r);
}

static pp_status open_datasets(runner *r, const char *root, bool shared) {
    const ppi_learn_options *run = &r->job->run;
    const uint64_t seed = (uint64_t)run->seed;
    r->sets = ppi_calloc((size_t)r->games.count, sizeof *r->sets);
    r->history = ppi_calloc((size_t)r->games.count, sizeof *r->history);
    if (r->sets == NULL || r->history == NULL) return ppi_oom("the histories of a run");
    r->finished = true;
    for (int g = 0; g < r->games.count; g++) {
        const ppi_learn_dataset_request q = {
            .root = root,
            .name = shared ? run->log_name : "",
            .learner = r->job->method->name,
            .spec = &r->games.spec[g],
            .env = &r->job->env,
            .seeds = &seed,
            .seed_count = 1,
            .histories = r->log.actors,
            .streams = ppi_learn_streams_per_game(r->learn),
            .steps = shared ? run->steps : 0, /* a run may be lengthened, a dataset not */
            .tasks = "",
            .resume = run->resume[0] != '\0',
            .append = shared && run->log_append,
        };
        r->n_sets++;
        PPI_TRY(ppi_learn_dataset_open(&r->sets[g], &q));
        r->history[g] = r->sets[g].history;
        r->finished = r->finished && r->sets[g].complete;
    }
    return PP_OK;
}

/* The journal that only this run needs: none when nothing is left to play, and a resumed run needs
 * the one that is there. */
static pp_status open_private(runner *r) {
    PPI_TRY(ppi_path_join(r->private_root, sizeof r->private_root, r->run_dir, "replay"));
    if (r->from.resumed && r->from.ck.state.step >= ppi_learn_total(r->learn)) {
        r->finished = true;
        return PP_OK;
    }
    if (r->from.resumed && !ppi_dir_exists(r->private_root)) {
        return ppi_fail(PP_ERR_NOT_FOUND,
                        "'%s' is gone, the journal that the replay of this run is filled from "
                        "(--checkpoint.replay off removes it at the end); the run cannot be "
                        "lengthened",
                        r->private_root);
    }
    return open_datasets(r, r->private_root, false);
}

/* Settles whether and where histories are stored. */
static pp_status open_log(runner *r) {
    const ppi_learn_options *run = &r->job->run;
    const ppi_learner_calls *calls = r->job->method->learner;
    const bool replay = calls->replay != NULL && calls->replay_steps != NULL;
    if (run->log_data[0] == '\0' && !replay) return PP_OK;
    PPI_TRY(ppi_learn_log_actors(&r->log.actors, r->learn, run->actors));
    PPI_TRY(ppi_method_options_json(r->job->method, r->job->set, &r->options_json));
    r->log.task = r->job->env.task;
    r->log.seed = (uint64_t)run->seed;
    r->log.learner = r->job->method->name;
    r->log.options = ppi_buf_text(&r->options_json);
    if (run->log_data[0] != '\0') {
        PPI_TRY(open_datasets(r, run->log_data, true));
    } else {
        PPI_TRY(open_private(r));
    }
    r->log.history = r->history;
    r->logging = !r->finished;
    return PP_OK;
}

/* The learner and its histories where the checkpoint left them, or at their beginning. */
static pp_status restore(runner *r) {
    ppi_learn_log *log = r->logging ? &r->log : NULL;
    r->saved = -1;
    r->best_score = NAN;
    if (!r->from.resumed) return log != NULL ? ppi_learn_log_begin(log, r->learn) : PP_OK;
    PPI_TRY(ppi_learn_checkpoint_read(&r->from.ck, r->learn, log));
    memcpy(r->checkpoint, r->from.ck.folder, sizeof r->checkpoint);
    r->wall = r->from.ck.state.wall;
    r->best_score = r->from.ck.state.best_score;
    r->best_step = r->from.ck.state.best_step;
    r->saved = ppi_learn_steps(r->learn);
    return PP_OK;
}

static void describe(char *text, size_t size, const runner *r) {
    const ppi_learn_options *run = &r->job->run;
    snprintf(text, size,
             "train %s/%s: %" PRId64 " parameters, games %d, streams %" PRId64 ", board %" PRId64
             "x%" PRId64 "x%" PRId64 ", %s, threads %d, agent steps %" PRId64 "..%" PRId64,
             r->job->method->name, run->model, ppi_learn_agent(r->learn)->params->n_real,
             r->games.count, ppi_learn_streams(r->learn), r->games.obs.h, r->games.obs.w,
             r->games.obs.c, ppi_dtype_is_bf16(run->dtype) ? "bf16" : "f32",
             ppi_thread_count(run->threads), ppi_learn_steps(r->learn), ppi_learn_total(r->learn));
}

static pp_status prepare(runner *r) {
    char text[DESCRIPTION_SIZE];
    PPI_TRY(load_parts(r));
    PPI_TRY(ppi_dir_make(r->run_dir));
    PPI_TRY(open_log(r));
    PPI_TRY(restore(r));
    r->first = ppi_learn_steps(r->learn);
    const char *again = r->from.resumed && eval_due(r) ? PPI_EVAL_TAG_ONLINE : NULL;
    PPI_TRY(ppi_runlog_open(&r->runlog, r->run_dir, r->first, again));
    PPI_TRY(ppi_runlog_config(r->run_dir, r->job->set));
    PPI_TRY(ppi_runlog_version(r->run_dir, r->job->command));
    describe(text, sizeof text, r);
    return ppi_runlog_line(r->runlog, "%s", text);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static ppi_learn_facts present_facts(const runner *r) {
    return (ppi_learn_facts){.task = r->job->env.task,
                             .wall = r->wall + elapsed(r),
                             .best_score = r->best_score,
                             .best_step = r->best_step};
}

static pp_status save(runner *r) {
    char folder[PPI_PATH_SIZE];
    r->saved_at = ppi_clock_seconds();
    if (r->saved == ppi_learn_steps(r->learn)) return PP_OK;
    const ppi_learn_facts facts = present_facts(r);
    PPI_TRY(ppi_learn_checkpoint_write(folder, r->run_dir, r->learn, r->logging ? &r->log : NULL,
                                       &facts, r->job->set, r->job->run.checkpoint_keep));
    memcpy(r->checkpoint, folder, sizeof folder);
    r->saved = ppi_learn_steps(r->learn);
    return ppi_runlog_line(r->runlog, "checkpoint %s", folder);
}

/* Plays the checkpoint of this step; the best score goes into the checkpoints after it. */
static pp_status evaluate(runner *r) {
    const double begin = ppi_clock_seconds();
    const ppi_train_eval_run run = {.method = r->job->method,
                                    .set = r->job->set,
                                    .run_dir = r->run_dir,
                                    .tag = PPI_EVAL_TAG_ONLINE,
                                    .log = r->runlog};
    const ppi_learn_facts facts = present_facts(r);
    ppi_checkpoint_state *state = ppi_calloc(1, sizeof *state);
    if (state == NULL) return ppi_oom("the facts of a checkpoint");
    ppi_learn_checkpoint_state(state, r->learn, &facts);
    const pp_status s = ppi_train_eval(&run, r->checkpoint, state, &r->best_score, &r->best_step);
    ppi_free(state);
    r->evaluating += ppi_clock_seconds() - begin;
    return s;
}

/* Figures of the present step. Before the first update they have no losses and stay out of the
 * table, whose columns are fixed by its first row. */
static pp_status log_figures(runner *r, bool last) {
    ppi_figure f[PPI_MAX_METRICS + 6];
    ppi_learn_stats stats;
    const ppi_metrics *m = ppi_learn_metrics(r->learn);
    const int64_t step = ppi_learn_steps(r->learn);
    const int64_t frames = ppi_learn_frames(r->learn);
    int n = 0;
    ppi_learn_statistics(r->learn, -1, &stats);
    for (int i = 0; i < m->count; i++) {
        f[n++] = (ppi_figure){m->item[i].name, m->item[i].value};
    }
    f[n++] = (ppi_figure){"charts/episodic_return", stats.mean_return};
    f[n++] = (ppi_figure){"charts/episodic_length", stats.mean_length};
    f[n++] = (ppi_figure){"charts/episodes", (double)stats.episodes};
    f[n++] = (ppi_figure){"charts/SPS", rate(r)};
    f[n++] = (ppi_figure){"time/agent_steps", (double)step};
    f[n++] = (ppi_figure){"time/emulator_frames", (double)frames};
    const double wall = r->wall + elapsed(r);
    if (m->count > 0 || last) {
        PPI_TRY(ppi_runlog_step(r->runlog, step, frames, wall, f, n));
    } else {
        PPI_TRY(ppi_runlog_eval(r->runlog, step, frames, wall, f, n));
    }
    return ppi_runlog_line(
        r->runlog, "step %" PRId64 "/%" PRId64 " episodes %" PRId64 " return %.6g steps/s %.4g",
        step, ppi_learn_total(r->learn), stats.episodes, stats.mean_return, rate(r));
}

/* Means of each game of a run over several. */
static pp_status log_games(runner *r) {
    if (r->games.count == 1) return PP_OK;
    for (int g = 0; g < r->games.count; g++) {
        char tag[96];
        ppi_learn_stats stats;
        ppi_learn_statistics(r->learn, g, &stats);
        snprintf(tag, sizeof tag, "charts/episodic_return/%s", r->games.spec[g].id);
        const ppi_figure f = {tag, stats.mean_return};
        PPI_TRY(ppi_runlog_eval(r->runlog, ppi_learn_steps(r->learn), ppi_learn_frames(r->learn),
                                r->wall + elapsed(r), &f, 1));
    }
    return PP_OK;
}

static bool checkpoint_due(const runner *r, bool glance) {
    const int64_t every = r->job->run.checkpoint_every;
    if (every > 0) return passed(r, every);
    return glance && ppi_clock_seconds() - r->saved_at >= k_checkpoint_seconds;
}

static pp_status one_step(runner *r, bool glance) {
    PPI_TRY(ppi_learn_play(r->learn));
    if (r->logging) PPI_TRY(ppi_learn_log_step(&r->log, r->learn));
    PPI_TRY(ppi_learn_update(r->learn));
    const bool last = ppi_learn_steps(r->learn) >= ppi_learn_total(r->learn);
    if (passed(r, r->job->run.log_every) || last) {
        PPI_TRY(log_figures(r, last));
        PPI_TRY(log_games(r));
    }
    if (checkpoint_due(r, glance) || last || eval_due(r)) PPI_TRY(save(r));
    return eval_due(r) ? evaluate(r) : PP_OK;
}

/* Ctrl-C: everything is saved, and the text says how to go on. */
static pp_status stop(runner *r) {
    PPI_TRY(save(r));
    ppi_runlog_line(r->runlog, "interrupted at step %" PRId64, ppi_learn_steps(r->learn));
    return ppi_fail(PP_ERR_INTERRUPTED,
                    "stopped at agent step %" PRId64 " of %" PRId64
                    ", saved in %s; go on with: polyplay train %s --out %s --resume auto",
                    ppi_learn_steps(r->learn), ppi_learn_total(r->learn), r->checkpoint,
                    r->job->method->name, r->run_dir);
}

static void show(ppi_progress *progress, const runner *r) {
    char note[NOTE_SIZE];
    ppi_learn_stats stats;
    ppi_learn_statistics(r->learn, -1, &stats);
    snprintf(note, sizeof note, "SPS %.0f return %.4g", rate(r), stats.mean_return);
    ppi_progress_update(progress, ppi_learn_steps(r->learn), note);
}

static pp_status loop(runner *r) {
    ppi_progress progress;
    int64_t count = 0;
    r->start = r->saved_at = ppi_clock_seconds();
    ppi_progress_start(&progress, "train", "steps", ppi_learn_total(r->learn), r->first);
    /* A checkpoint does not know the evaluation that follows it, so a resumed run repeats it. */
    if (r->from.resumed && eval_due(r)) PPI_TRY(evaluate(r));
    while (ppi_learn_steps(r->learn) < ppi_learn_total(r->learn)) {
        if (ppi_interrupted()) return stop(r);
        const bool glance = ++count % GLANCE == 0;
        PPI_TRY(one_step(r, glance));
        if (glance) show(&progress, r);
    }
    progress.done = ppi_learn_steps(r->learn);
    ppi_progress_finish(&progress);
    return save(r);
}

/* The journals become datasets. The one that only this run needs stays open-ended, so that the run
 * can be lengthened, unless it is not wanted. */
static pp_status finish_log(runner *r) {
    if (r->private_root[0] != '\0') {
        for (int g = 0; g < r->n_sets; g++) {
            PPI_TRY(ppi_learn_dataset_close(&r->sets[g], PP_OK));
        }
        return r->job->run.checkpoint_replay ? PP_OK : ppi_dir_remove(r->private_root);
    }
    if (!r->logging) return PP_OK;
    PPI_TRY(ppi_learn_log_end(&r->log, r->learn));
    for (int g = 0; g < r->n_sets; g++) {
        if (!r->sets[g].complete) PPI_TRY(ppi_learn_dataset_commit(&r->sets[g]));
    }
    return PP_OK;
}

static pp_status explain(const runner *r, pp_status s) {
    if (s == PP_OK || s == PP_ERR_INTERRUPTED) return s;
    if (r->checkpoint[0] == '\0')
        return ppi_fail(s, "%s (no checkpoint was written yet)", pp_last_error());
    return ppi_fail(s, "%s (the last good checkpoint is %s)", pp_last_error(), r->checkpoint);
}

static void fill_result(ppi_learn_result *out, const runner *r) {
    ppi_learn_stats stats;
    memset(out, 0, sizeof *out);
    out->mean_return = NAN;
    snprintf(out->run_dir, sizeof out->run_dir, "%.1023s", r->run_dir);
    snprintf(out->checkpoint, sizeof out->checkpoint, "%.1023s", r->checkpoint);
    if (r->learn == NULL) return;
    ppi_learn_statistics(r->learn, -1, &stats);
    out->steps = ppi_learn_steps(r->learn);
    out->updates = ppi_learn_updates(r->learn);
    out->episodes = stats.episodes;
    out->mean_return = stats.mean_return;
    out->steps_per_second = rate(r);
    if (r->n_sets == 1 && r->private_root[0] == '\0') {
        snprintf(out->dataset, sizeof out->dataset, "%.1023s", r->sets[0].folder);
    }
}

/* Closes logs and journals. The first failure is the one that is told. */
static pp_status release(runner *r, pp_status s) {
    char text[PPI_ERROR_TEXT_SIZE];
    snprintf(text, sizeof text, "%s", pp_last_error());
    if (s != PP_OK && r->runlog != NULL) ppi_runlog_line(r->runlog, "stopped: %s", text);
    pp_status closed = ppi_runlog_close(r->runlog);
    for (int g = 0; g < r->n_sets; g++) closed = ppi_learn_dataset_close(&r->sets[g], closed);
    ppi_learn_close(r->learn);
    ppi_learn_games_free(&r->games);
    ppi_checkpoint_close(&r->from.ck);
    ppi_buf_free(&r->options_json);
    ppi_free(r->sets);
    ppi_free(r->history);
    ppi_free(r);
    return s != PP_OK ? ppi_fail(s, "%s", text) : closed;
}

pp_status ppi_learn_run(ppi_learn_job *job, ppi_learn_result *result) {
    runner *r = ppi_calloc(1, sizeof *r);
    if (r == NULL) return ppi_oom("a learning run");
    r->job = job;
    pp_status s = prepare(r);
    if (s == PP_OK) {
        s = loop(r);
        if (s == PP_OK) s = finish_log(r);
        s = explain(r, s);
    }
    if (result != NULL) fill_result(result, r);
    return release(r, s);
}

pp_status ppi_learn_check(ppi_learn_job *job, ppi_buf *report) {
    char text[DESCRIPTION_SIZE];
    runner *r = ppi_calloc(1, sizeof *r);
    if (r == NULL) return ppi_oom("a learning run");
    r->job = job;
    pp_status s = load_parts(r);
    if (s == PP_OK && r->from.resumed) s = ppi_learn_checkpoint_read(&r->from.ck, r->learn, NULL);
    if (s == PP_OK) {
        describe(text, sizeof text, r);
        s = ppi_buf_printf(report, "%s, run folder %s\n", text, r->run_dir);
    }
    return release(r, s);
}
