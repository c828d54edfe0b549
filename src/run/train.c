/* The training loop. Batches and dropout are pure functions of (seed, step), so the step number,
   the weights and the optimiser's moments are the whole state of a run. */
#include "run/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "env/protocol.h"
#include "run/checkpoint.h"
#include "run/data_list.h"
#include "run/resume.h"
#include "run/runlog.h"
#include "run/train_eval.h"
#include "run/train_job.h"
#include "run/train_view.h"

enum { DESCRIPTION_SIZE = 512 };

/* Everything a running job holds. */
typedef struct trainer {
    ppi_train_job *job;
    char run_dir[PPI_PATH_SIZE];
    char checkpoint[PPI_PATH_SIZE]; /* last one written or resumed from */
    ppi_dataset **datasets;
    int n_datasets;
    ppi_train_view view; /* of the datasets, for methods that learn from episodes */
    ppi_sampler *sampler;
    ppi_agent *agent;
    ppi_batch batch;
    ppi_runlog *log;
    ppi_checkpoint_state state;
    ppi_trained_on trained_on; /* tasks and datasets, for methods that learn from histories */
    int32_t *frame_skip;       /* [games of the sampler] emulator frames of one agent step */
    int64_t first;             /* step the loop starts at */
    int64_t saved_step;        /* step of the last checkpoint, -1 = none */
    bool same_run;             /* what was resumed from lies in this run folder */
    double start;              /* seconds */
    double evaluating;         /* seconds of evaluations since the start */
    double loss;
    double tokens; /* per step */
} trainer;

static double elapsed(const trainer *t) {
    return ppi_clock_seconds() - t->start;
}

/* Seconds since the start that went into training. */
static double training_seconds(const trainer *t) {
    return elapsed(t) - t->evaluating;
}

/* An evaluation belongs behind the present step. */
static bool eval_due(const trainer *t) {
    const ppi_train_options *run = &t->job->run;
    if (run->eval_every == 0 || t->state.step == 0) return false;
    return t->state.step % run->eval_every == 0 || t->state.step == run->steps;
}

/* --- preparation ------------------------------------------------------------------------------ */

/* The environment of all datasets, or "mix". */
static const char *env_of_data(const trainer *t) {
    const char *first = ppi_dataset_info(t->datasets[0])->env;
    for (int i = 1; i < t->n_datasets; i++) {
        if (strcmp(ppi_dataset_info(t->datasets[i])->env, first) != 0) return "mix";
    }
    return first;
}

static pp_status open_data(trainer *t) {
    if (t->job->run.data[0] == '\0') return ppi_fail(PP_ERR_ARGUMENT, "no data given; use --data");
    ppi_buf list = {0};
    pp_status s = ppi_data_list_expand(&list, t->job->run.data);
    if (s == PP_OK) {
        s = ppi_dataset_open_list(&t->datasets, &t->n_datasets, ppi_buf_text(&list),
                                  t->job->sampler_options.memory_mb << 20);
    }
    ppi_buf_free(&list);
    PPI_TRY(s);
    for (int i = 0; i < t->n_datasets; i++) PPI_TRY(ppi_dataset_check_playable(t->datasets[i]));
    return PP_OK;
}

/* What the agent sees of the data; `before` as in ppi_train_view_request. */
static pp_status choose_view(trainer *t, const ppi_obs_spec *before) {
    ppi_train_job *job = t->job;
    ppi_buf board = {0};
    t->state.histories = job->method->histories;
    if (t->state.histories) {
        return ppi_train_histories_specs(job, t->datasets, t->n_datasets, &t->state.obs,
                                         &t->state.actions);
    }
    if (ppi_options_source(job->set, "model.board") != NULL)
        PPI_TRY(ppi_options_get_text(job->set, "model.board", &board));
    const ppi_train_view_request q = {.datasets = t->datasets,
                                      .count = t->n_datasets,
                                      .view = job->run.data_view,
                                      .board = ppi_buf_text(&board),
                                      .before = before};
    const pp_status s = ppi_train_view_open(&t->view, &q);
    ppi_buf_free(&board);
    t->state.obs = t->view.obs;
    job->sampler_options.view = t->view.frames;
    return s;
}

static pp_status make_agent(trainer *t) {
    ppi_train_job *job = t->job;
    const pp_dataset_info *info = ppi_dataset_info(t->datasets[0]);
    t->state.policy =
        ppi_dtype_is_bf16(job->run.dtype) ? PPI_DTYPE_POLICY_BF16 : PPI_DTYPE_POLICY_F32;
    const ppi_agent_config cfg = {
        .method = job->method,
        .size = job->run.model,
        .options = job->method_options,
        .obs = t->state.obs,
        .actions = t->state.actions,
        .env = env_of_data(t),
        .seed = (uint64_t)job->run.seed,
        .policy = t->state.policy,
        .threads = ppi_thread_count(job->run.threads),
    };
    const pp_status s = ppi_agent_create(&t->agent, &cfg);
    return s == PP_ERR_SHAPE ? ppi_fail_context(s, "dataset %s", info->id) : s;
}

static pp_status find_frame_skips(trainer *t) {
    const int games = ppi_sampler_game_count(t->sampler);
    ppi_env_options plain;
    ppi_env_options_default(&plain);
    t->frame_skip = ppi_calloc((size_t)games, sizeof *t->frame_skip);
    if (t->frame_skip == NULL) return ppi_oom("the games' frame skips");
    for (int i = 0; i < games; i++) {
        ppi_episode_rules rules;
        PPI_TRY(ppi_episode_rules_for(&rules, ppi_sampler_game(t->sampler, i)->env, &plain));
        t->frame_skip[i] = rules.frame_skip;
    }
    return PP_OK;
}

static pp_status make_sampler(trainer *t) {
    ppi_train_job *job = t->job;
    job->sampler_options.window = ppi_agent_window(t->agent);
    job->sampler_options.seed = (uint64_t)job->run.seed;
    PPI_TRY(ppi_sampler_create(&t->sampler, t->datasets, t->n_datasets, &job->sampler_options));
    t->state.n_games = ppi_sampler_game_count(t->sampler);
    if (t->state.n_games > PPI_CHECKPOINT_GAMES) t->state.n_games = PPI_CHECKPOINT_GAMES;
    for (int i = 0; i < t->state.n_games; i++) {
        const ppi_sampler_game_info *game = ppi_sampler_game(t->sampler, i);
        snprintf(t->state.games[i], sizeof t->state.games[i], "%.63s", game->env);
        t->state.game_return[i] = game->mean_return;
        t->state.board[i][0] = game->info.height;
        t->state.board[i][1] = game->info.width;
        t->state.board[i][2] = game->info.channels;
    }
    if (t->state.histories) {
        PPI_TRY(ppi_trained_on_make(&t->trained_on, t->datasets, t->n_datasets, t->sampler,
                                    t->state.obs.view));
        t->state.trained_on = &t->trained_on;
    }
    PPI_TRY(find_frame_skips(t));
    return ppi_batch_alloc(&t->batch, job->run.batch, job->sampler_options.window, &t->state.obs);
}

pp_status ppi_train_job_resolve(ppi_train_job *job) {
    if (strcmp(job->run.method, job->method->name) != 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "the options are of method %s, the command trains %s",
                        job->run.method, job->method->name);
    }
    if (job->run.env[0] != '\0') {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s learns from recorded data: use --data; --env is for methods that learn "
                        "while they play (polyplay info --methods), --eval.env for evaluations",
                        job->method->name);
    }
    if (job->run.model[0] == '\0')
        PPI_TRY(ppi_options_set(job->set, "model", ppi_method_usual_size(job->method), "default"));
    PPI_TRY(ppi_method_apply_recipe(job->method, job->set, job->run.model));
    if (job->run.batch > 0) return PP_OK;
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, ppi_method_default_batch(job->method, job->run.model));
    return ppi_options_set(job->set, "batch", text, "recipe");
}

static pp_status resume_state(trainer *t, const ppi_checkpoint *ck) {
    const ppi_train_options *run = &t->job->run;
    const ppi_obs_spec *obs = &ck->state.obs;
    if (obs->h != t->state.obs.h || obs->w != t->state.obs.w || obs->c != t->state.obs.c) {
        return ppi_fail(PP_ERR_SHAPE,
                        "'%s' was trained on %" PRId64 "x%" PRId64 "x%" PRId64
                        " observations, the data have %" PRId64 "x%" PRId64 "x%" PRId64,
                        ck->folder, obs->h, obs->w, obs->c, t->state.obs.h, t->state.obs.w,
                        t->state.obs.c);
    }
    if (ck->state.seed != (uint64_t)run->seed) {
        ppi_log(PPI_LOG_WARN, "resuming with seed %" PRId64 ", the checkpoint had %" PRIu64,
                run->seed, ck->state.seed);
    }
    PPI_TRY(ppi_checkpoint_load(ck, ppi_agent_params(t->agent), true));
    ppi_agent_params_changed(t->agent);
    t->first = t->state.step = t->saved_step = ck->state.step;
    t->state.wall = ck->state.wall;
    t->state.agent_steps = ck->state.agent_steps;
    t->state.emulator_frames = ck->state.emulator_frames;
    if (t->state.agent_steps == 0 && t->first > 0) {
        ppi_log(
            PPI_LOG_WARN,
            "%s does not say how many agent steps it has seen; time/agent_steps counts from here",
            ck->folder);
    }
    if (!t->same_run) return PP_OK; /* another run's best checkpoint is not in this folder */
    t->state.best_score = ck->state.best_score;
    t->state.best_step = ck->state.best_step;
    return PP_OK;
}

/* Evaluations play the games of the data, each once, unless others are named. */
static pp_status prepare_evaluations(const trainer *t) {
    ppi_buf games = {0};
    for (int i = 0; i < ppi_sampler_game_count(t->sampler); i++) {
        ppi_buf_printf(&games, "%s%s", i > 0 ? "," : "", ppi_sampler_game(t->sampler, i)->env);
    }
    pp_status s = games.failed;
    if (s == PP_OK) s = ppi_train_eval_prepare(t->job->set, t->job->method, ppi_buf_text(&games));
    ppi_buf_free(&games);
    return s;
}

static pp_status load_parts(trainer *t, const ppi_checkpoint *ck, bool resumed) {
    const ppi_train_options *run = &t->job->run;
    PPI_TRY(ppi_train_job_resolve(t->job));
    PPI_TRY(open_data(t));
    if (t->run_dir[0] == '\0') {
        ppi_run_dir_default(t->run_dir, sizeof t->run_dir, env_of_data(t), t->job->method->name,
                            run->seed);
    }
    PPI_TRY(choose_view(t, resumed ? &ck->state.obs : NULL));
    PPI_TRY(make_agent(t));
    PPI_TRY(make_sampler(t));
    PPI_TRY(ppi_agent_train_setup(t->agent, run->batch, run->steps));
    if (resumed) PPI_TRY(resume_state(t, ck));
    t->state.seed = (uint64_t)run->seed;
    t->state.parameters = ppi_agent_params(t->agent)->n_real;
    return prepare_evaluations(t);
}

/* Everything a run needs, short of its folder. */
static pp_status load_all(trainer *t) {
    const ppi_train_options *run = &t->job->run;
    ppi_resume from;
    t->saved_step = -1;
    t->state.best_score = NAN;
    pp_status s = ppi_resume_find(&from, run->out, run->resume, t->job->method, t->job->set);
    if (s == PP_OK) {
        memcpy(t->run_dir, from.run_dir, sizeof t->run_dir);
        if (from.resumed) memcpy(t->checkpoint, from.ck.folder, sizeof t->checkpoint);
        t->same_run = from.same_run;
        s = load_parts(t, &from.ck, from.resumed);
    }
    ppi_checkpoint_close(&from.ck);
    return s;
}

static pp_status open_folder(trainer *t) {
    PPI_TRY(ppi_runlog_open(&t->log, t->run_dir, t->first,
                            t->same_run && eval_due(t) ? PPI_EVAL_TAG : NULL));
    PPI_TRY(ppi_runlog_config(t->run_dir, t->job->set));
    PPI_TRY(ppi_runlog_version(t->run_dir, t->job->command));
    return ppi_sampler_prefetch(t->sampler, t->batch.B);
}

/* What is about to be trained, on one line. */
static void describe(char *text, size_t size, const trainer *t) {
    const ppi_train_options *run = &t->job->run;
    snprintf(text, size,
             "train %s/%s: %" PRId64 " parameters, games %d, windows %" PRId64 ", batch %" PRId64
             ", %s, threads %d, steps %" PRId64 "..%" PRId64,
             t->job->method->name, run->model, t->state.parameters,
             ppi_sampler_game_count(t->sampler), ppi_sampler_windows(t->sampler), run->batch,
             t->state.policy == PPI_DTYPE_POLICY_BF16 ? "bf16" : "f32",
             ppi_thread_count(run->threads), t->first, run->steps);
}

static pp_status describe_histories(const trainer *t) {
    ppi_buf text = {0};
    pp_status s = ppi_train_histories_text(&text, t->sampler, t->batch.T);
    if (s == PP_OK) s = ppi_runlog_line(t->log, "%s", ppi_buf_text(&text));
    ppi_buf_free(&text);
    return s;
}

static pp_status prepare(trainer *t) {
    char text[DESCRIPTION_SIZE];
    PPI_TRY(load_all(t));
    PPI_TRY(open_folder(t));
    describe(text, sizeof text, t);
    PPI_TRY(ppi_runlog_line(t->log, "%s", text));
    return t->state.histories ? describe_histories(t) : PP_OK;
}

/* --- the loop --------------------------------------------------------------------------------- */

static pp_status save(trainer *t) {
    char folder[PPI_PATH_SIZE];
    if (t->saved_step == t->state.step) return PP_OK;
    ppi_checkpoint_state state = t->state;
    state.wall += elapsed(t);
    PPI_TRY(ppi_checkpoint_write(folder, t->run_dir, &state, t->agent, t->job->set,
                                 t->job->run.checkpoint_keep));
    memcpy(t->checkpoint, folder, sizeof folder);
    t->saved_step = t->state.step;
    return ppi_runlog_line(t->log, "checkpoint %s", folder);
}

static double rate(const trainer *t) {
    const double seconds = training_seconds(t);
    return seconds > 0 ? (double)(t->state.step - t->first) / seconds : 0;
}

/* Figures of a step to the logs. */
static pp_status log_step(trainer *t, const ppi_metrics *m) {
    ppi_figure figures[PPI_MAX_METRICS + 4];
    int n = 0;
    for (int i = 0; i < m->count; i++) {
        figures[n++] = (ppi_figure){m->item[i].name, m->item[i].value};
    }
    figures[n++] = (ppi_figure){"charts/SPS", rate(t)};
    figures[n++] = (ppi_figure){"time/tokens_per_second", rate(t) * t->tokens};
    figures[n++] = (ppi_figure){"time/agent_steps", (double)t->state.agent_steps};
    figures[n++] = (ppi_figure){"time/emulator_frames", (double)t->state.emulator_frames};
    PPI_TRY(ppi_runlog_step(t->log, t->state.step, t->state.emulator_frames,
                            t->state.wall + elapsed(t), figures, n));
    return ppi_runlog_line(t->log, "step %" PRId64 "/%" PRId64 " loss %.6g steps/s %.3g tok/s %.0f",
                           t->state.step, t->job->run.steps, t->loss, rate(t), rate(t) * t->tokens);
}

/* Adds the rows of the batch to what the run has consumed. */
static void count_data(trainer *t) {
    for (int64_t i = 0; i < t->batch.B * t->batch.T; i++) {
        if (t->batch.pad[i]) continue;
        t->state.agent_steps++;
        t->state.emulator_frames += t->frame_skip[t->batch.game[i]];
    }
}

/* Plays the checkpoint of this step; the best score is in the state of the checkpoints after it. */
static pp_status evaluate(trainer *t) {
    const double begin = ppi_clock_seconds();
    const ppi_train_eval_run run = {.method = t->job->method,
                                    .set = t->job->set,
                                    .run_dir = t->run_dir,
                                    .tag = PPI_EVAL_TAG,
                                    .log = t->log};
    ppi_checkpoint_state state = t->state;
    state.wall += elapsed(t);
    PPI_TRY(ppi_train_eval(&run, t->checkpoint, &state, &t->state.best_score, &t->state.best_step));
    t->evaluating += ppi_clock_seconds() - begin;
    return PP_OK;
}

static pp_status one_step(trainer *t) {
    ppi_metrics m = {0};
    const int64_t step = t->state.step;
    PPI_TRY(ppi_sampler_next(t->sampler, step, &t->batch));
    PPI_TRY(ppi_agent_train_step(t->agent, &t->batch, step, &m));
    t->tokens = ppi_step_tokens(&m, &t->batch);
    for (int i = 0; i < m.count; i++) {
        if (strcmp(m.item[i].name, "losses/total") == 0) t->loss = m.item[i].value;
    }
    if (!isfinite(t->loss)) {
        return ppi_fail(PP_ERR_NUMERIC, "step %" PRId64 ": losses/total is %g", step, t->loss);
    }
    t->state.step = step + 1;
    count_data(t);
    const bool last = t->state.step == t->job->run.steps;
    if (t->state.step % t->job->run.log_every == 0 || last) PPI_TRY(log_step(t, &m));
    if (t->state.step % t->job->run.checkpoint_every == 0 || last || eval_due(t)) PPI_TRY(save(t));
    return eval_due(t) ? evaluate(t) : PP_OK;
}

/* Ctrl-C: everything is saved, and the text says how to go on. */
static pp_status stop(trainer *t) {
    PPI_TRY(save(t));
    ppi_runlog_line(t->log, "interrupted at step %" PRId64, t->state.step);
    return ppi_fail(PP_ERR_INTERRUPTED,
                    "stopped at step %" PRId64 " of %" PRId64
                    ", saved in %s; go on with: polyplay train %s --out %s --resume auto",
                    t->state.step, t->job->run.steps, t->checkpoint, t->job->method->name,
                    t->run_dir);
}

static pp_status explain(const trainer *t, pp_status s) {
    if (s == PP_OK || s == PP_ERR_INTERRUPTED) return s;
    if (t->checkpoint[0] == '\0')
        return ppi_fail(s, "%s (no checkpoint was written yet)", pp_last_error());
    return ppi_fail(s, "%s (the last good checkpoint is %s)", pp_last_error(), t->checkpoint);
}

static pp_status loop(trainer *t) {
    ppi_progress progress;
    char note[96];
    t->start = ppi_clock_seconds();
    ppi_progress_start(&progress, "train", "steps", t->job->run.steps, t->first);
    /* A checkpoint does not know the evaluation that follows it, so a resumed run repeats that one.
     */
    pp_status s = t->same_run && eval_due(t) ? evaluate(t) : PP_OK;
    while (s == PP_OK && t->state.step < t->job->run.steps) {
        if (ppi_interrupted()) return stop(t);
        s = one_step(t);
        snprintf(note, sizeof note, "loss %.4f tok/s %.0f", t->loss, rate(t) * t->tokens);
        ppi_progress_update(&progress, t->state.step, note);
    }
    if (s == PP_ERR_INTERRUPTED) return stop(t);
    PPI_TRY(s);
    ppi_progress_finish(&progress);
    return save(t);
}

static void release(trainer *t) {
    ppi_sampler_destroy(t->sampler);
    ppi_train_view_free(&t->view);
    ppi_batch_free(&t->batch);
    ppi_free(t->frame_skip);
    ppi_trained_on_free(&t->trained_on);
    if (t->agent != NULL) ppi_agent_destroy(t->agent);
    if (t->datasets != NULL) ppi_dataset_close_list(t->datasets, t->n_datasets);
}

static void fill_result(ppi_train_result *result, const trainer *t, pp_status s) {
    memset(result, 0, sizeof *result);
    snprintf(result->run_dir, sizeof result->run_dir, "%.1023s", t->run_dir);
    snprintf(result->checkpoint, sizeof result->checkpoint, "%.1023s", t->checkpoint);
    result->step = t->state.step;
    result->loss = t->loss;
    result->steps_per_second = s == PP_OK ? rate(t) : 0;
    result->tokens_per_second = result->steps_per_second * t->tokens;
}

/* Closes the log, with a failure as its last line. The first failure is the one that is told: on a
   full disk the log cannot be written either. */
static pp_status close_log(trainer *t, pp_status s) {
    char text[PPI_ERROR_TEXT_SIZE];
    snprintf(text, sizeof text, "%s", pp_last_error());
    if (s != PP_OK && t->log != NULL) ppi_runlog_line(t->log, "stopped: %s", text);
    const pp_status closed = ppi_runlog_close(t->log);
    return s != PP_OK ? ppi_fail(s, "%s", text) : closed;
}

pp_status ppi_train(ppi_train_job *job, ppi_train_result *result) {
    trainer *t = ppi_calloc(1, sizeof *t);
    if (t == NULL) return ppi_oom("a training run");
    t->job = job;
    pp_status s = prepare(t);
    if (s == PP_OK) s = explain(t, loop(t));
    if (result != NULL) fill_result(result, t, s);
    release(t);
    s = close_log(t, s);
    ppi_free(t);
    return s;
}

pp_status ppi_train_check(ppi_train_job *job, ppi_buf *report) {
    char text[DESCRIPTION_SIZE];
    trainer *t = ppi_calloc(1, sizeof *t);
    if (t == NULL) return ppi_oom("a training run");
    t->job = job;
    pp_status s = load_all(t);
    if (s == PP_OK) {
        describe(text, sizeof text, t);
        s = ppi_buf_printf(report, "%s, run folder %s\n", text, t->run_dir);
        if (s == PP_OK && t->state.histories) {
            s = ppi_train_histories_text(report, t->sampler, t->batch.T);
            ppi_buf_append_char(report, '\n');
        }
    }
    release(t);
    ppi_free(t);
    return s;
}
