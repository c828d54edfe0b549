/* The training loop. Batches and dropout are pure functions of (seed, step), so the step number, the
   weights and the optimiser's moments are the whole state of a run. */
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
#include "run/checkpoint.h"
#include "run/runlog.h"
#include "run/train_job.h"

/* Everything a running job holds. */
typedef struct trainer {
    ppi_train_job *job;
    char run_dir[PPI_PATH_SIZE];
    char checkpoint[PPI_PATH_SIZE]; /* last one written or resumed from */
    ppi_dataset **datasets;
    int n_datasets;
    ppi_sampler *sampler;
    ppi_agent *agent;
    ppi_batch batch;
    ppi_runlog *log;
    ppi_checkpoint_state state;
    int64_t first;      /* step the loop starts at */
    int64_t saved_step; /* step of the last checkpoint, -1 = none */
    double start;       /* seconds */
    double loss;
    double tokens;      /* per step */
} trainer;

static double elapsed(const trainer *t) { return ppi_clock_seconds() - t->start; }

/* --- preparation ------------------------------------------------------------------------------ */

/* runs/<env or mix>__<method>__<seed>__<unix time> */
static pp_status default_run_dir(trainer *t) {
    const ppi_train_options *run = &t->job->run;
    char env[64] = "mix";
    bool one = true;
    const char *first = ppi_dataset_info(t->datasets[0])->env;
    for (int i = 1; i < t->n_datasets; i++) one = one && strcmp(ppi_dataset_info(t->datasets[i])->env, first) == 0;
    if (one) {
        snprintf(env, sizeof env, "%.60s", first);
        for (char *c = env; *c != '\0'; c++) {
            if (*c == '/') *c = '-';
        }
    }
    snprintf(t->run_dir, sizeof t->run_dir, "runs/%s__%s__%" PRId64 "__%lld", env, t->job->method->name,
             run->seed, (long long)ppi_clock_wall());
    return PP_OK;
}

/* Settles the run folder and what to resume from; *ck is opened when *resumed. */
static pp_status find_resume(trainer *t, ppi_checkpoint *ck, bool *resumed) {
    ppi_train_options *run = &t->job->run;
    const bool automatic = strcmp(run->resume, "auto") == 0;
    *resumed = false;
    snprintf(t->run_dir, sizeof t->run_dir, "%s", run->out);
    if (run->resume[0] == '\0') {
        if (!ppi_run_dir_used(t->run_dir)) return PP_OK;
        return ppi_fail(PP_ERR_EXISTS,
                        "the run folder '%s' is not empty; go on with --resume auto, or choose another --out",
                        t->run_dir);
    }
    if (automatic && t->run_dir[0] == '\0') {
        return ppi_fail(PP_ERR_ARGUMENT, "--resume auto needs --out, the run folder to go on with");
    }
    const char *from = automatic ? t->run_dir : run->resume;
    pp_status s = automatic && !ppi_dir_exists(from) ? PP_ERR_NOT_FOUND : ppi_checkpoint_open(ck, from, false);
    if (automatic && s == PP_ERR_NOT_FOUND) {
        ppi_log(PPI_LOG_INFO, "no checkpoint in %s, starting at step 0", t->run_dir);
        return PP_OK;
    }
    PPI_TRY(s);
    *resumed = true;
    snprintf(t->checkpoint, sizeof t->checkpoint, "%s", ck->folder);
    if (t->run_dir[0] == '\0') ppi_checkpoint_run_dir(t->run_dir, ck->folder);
    if (t->run_dir[0] == '\0') {
        return ppi_fail(PP_ERR_ARGUMENT, "the checkpoint '%s' is in no run folder; say --out", ck->folder);
    }
    if (ck->method != t->job->method) {
        return ppi_fail(PP_ERR_ARGUMENT, "'%s' is a run of method %s, not %s", ck->folder, ck->method->name,
                        t->job->method->name);
    }
    return ppi_checkpoint_all_options(ck, t->job->set);
}

static pp_status open_data(trainer *t) {
    if (t->job->run.data[0] == '\0') return ppi_fail(PP_ERR_ARGUMENT, "no data given; use --data");
    return ppi_dataset_open_list(&t->datasets, &t->n_datasets, t->job->run.data,
                                 t->job->sampler_options.memory_mb << 20);
}

static pp_status make_agent(trainer *t) {
    ppi_train_job *job = t->job;
    const pp_dataset_info *info = ppi_dataset_info(t->datasets[0]);
    t->state.obs = ppi_obs_spec_of(info->height, info->width, info->channels);
    t->state.policy = ppi_dtype_is_bf16(job->run.dtype) ? PPI_POLICY_BF16 : PPI_POLICY_F32;
    const ppi_agent_config cfg = {
        .method = job->method,
        .size = job->run.model,
        .options = job->method_options,
        .obs = t->state.obs,
        .seed = (uint64_t)job->run.seed,
        .policy = t->state.policy,
        .threads = ppi_thread_count(job->run.threads),
    };
    PPI_TRY(ppi_agent_create(&t->agent, &cfg));
    return ppi_agent_train_setup(t->agent, job->run.batch, job->run.steps);
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
    }
    return ppi_batch_alloc(&t->batch, job->run.batch, job->sampler_options.window, &t->state.obs);
}

/* Fills in the recipe and turns "the recipe's" and "the machine's" into values. */
static pp_status resolve(ppi_train_job *job) {
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
        return ppi_fail(PP_ERR_SHAPE, "'%s' was trained on %" PRId64 "x%" PRId64 "x%" PRId64
                        " observations, the data have %" PRId64 "x%" PRId64 "x%" PRId64, ck->folder,
                        obs->h, obs->w, obs->c, t->state.obs.h, t->state.obs.w, t->state.obs.c);
    }
    if (ck->state.seed != (uint64_t)run->seed) {
        ppi_log(PPI_LOG_WARN, "resuming with seed %" PRId64 ", the checkpoint had %" PRIu64, run->seed,
                ck->state.seed);
    }
    PPI_TRY(ppi_checkpoint_load(ck, ppi_agent_params(t->agent), true));
    ppi_agent_params_changed(t->agent);
    t->first = t->state.step = t->saved_step = ck->state.step;
    t->state.wall = ck->state.wall;
    return PP_OK;
}

static pp_status prepare_run(trainer *t, const ppi_checkpoint *ck, bool resumed) {
    PPI_TRY(resolve(t->job));
    PPI_TRY(open_data(t));
    if (t->run_dir[0] == '\0') PPI_TRY(default_run_dir(t));
    PPI_TRY(make_agent(t));
    PPI_TRY(make_sampler(t));
    if (resumed) PPI_TRY(resume_state(t, ck));
    PPI_TRY(ppi_runlog_open(&t->log, t->run_dir, t->first));
    PPI_TRY(ppi_runlog_config(t->run_dir, t->job->set));
    PPI_TRY(ppi_runlog_version(t->run_dir, t->job->command));
    t->state.seed = (uint64_t)t->job->run.seed;
    t->state.parameters = ppi_agent_params(t->agent)->n_real;
    return ppi_sampler_prefetch(t->sampler, t->batch.B);
}

static pp_status prepare(trainer *t) {
    ppi_checkpoint ck = {0};
    bool resumed = false;
    t->saved_step = -1;
    pp_status s = find_resume(t, &ck, &resumed);
    if (s == PP_OK) s = prepare_run(t, &ck, resumed);
    if (s == PP_OK) {
        const ppi_train_options *run = &t->job->run;
        s = ppi_runlog_line(t->log, "train %s/%s: %" PRId64 " parameters, %d games, %" PRId64
                            " windows, batch %" PRId64 ", %s, %d threads, steps %" PRId64 "..%" PRId64,
                            t->job->method->name, run->model, t->state.parameters,
                            ppi_sampler_game_count(t->sampler), ppi_sampler_windows(t->sampler), run->batch,
                            t->state.policy == PPI_POLICY_BF16 ? "bf16" : "f32",
                            ppi_thread_count(run->threads), t->first, run->steps);
    }
    ppi_checkpoint_close(&ck);
    return s;
}

/* --- the loop --------------------------------------------------------------------------------- */

static pp_status save(trainer *t) {
    char folder[PPI_PATH_SIZE];
    if (t->saved_step == t->state.step) return PP_OK;
    ppi_checkpoint_state state = t->state;
    state.wall += elapsed(t);
    PPI_TRY(ppi_checkpoint_write(folder, t->run_dir, &state, t->agent, t->job->set, t->job->run.checkpoint_keep));
    memcpy(t->checkpoint, folder, sizeof folder);
    t->saved_step = t->state.step;
    return ppi_runlog_line(t->log, "checkpoint %s", folder);
}

static double rate(const trainer *t) {
    const double seconds = elapsed(t);
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
    figures[n++] = (ppi_figure){"time/agent_steps", 0};
    figures[n++] = (ppi_figure){"time/emulator_frames", 0};
    PPI_TRY(ppi_runlog_step(t->log, t->state.step, 0, t->state.wall + elapsed(t), figures, n));
    return ppi_runlog_line(t->log, "step %" PRId64 "/%" PRId64 " loss %.6g steps/s %.3g tok/s %.0f", t->state.step,
                           t->job->run.steps, t->loss, rate(t), rate(t) * t->tokens);
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
    const bool last = t->state.step == t->job->run.steps;
    if (t->state.step % t->job->run.log_every == 0 || last) PPI_TRY(log_step(t, &m));
    if (t->state.step % t->job->run.checkpoint_every == 0 || last) PPI_TRY(save(t));
    return PP_OK;
}

/* Ctrl-C: everything is saved, and the text says how to go on. */
static pp_status stop(trainer *t) {
    PPI_TRY(save(t));
    ppi_runlog_line(t->log, "interrupted at step %" PRId64, t->state.step);
    return ppi_fail(PP_ERR_INTERRUPTED,
                    "stopped at step %" PRId64 " of %" PRId64 ", saved in %s; go on with: polyplay train %s --out %s --resume auto",
                    t->state.step, t->job->run.steps, t->checkpoint, t->job->method->name, t->run_dir);
}

static pp_status explain(const trainer *t, pp_status s) {
    if (s == PP_OK || s == PP_ERR_INTERRUPTED) return s;
    if (t->checkpoint[0] == '\0') return ppi_fail(s, "%s (no checkpoint was written yet)", pp_last_error());
    return ppi_fail(s, "%s (the last good checkpoint is %s)", pp_last_error(), t->checkpoint);
}

static pp_status loop(trainer *t) {
    ppi_progress progress;
    char note[96];
    t->start = ppi_clock_seconds();
    ppi_progress_start(&progress, "train", "steps", t->job->run.steps, t->first);
    while (t->state.step < t->job->run.steps) {
        if (ppi_interrupted()) return stop(t);
        PPI_TRY(one_step(t));
        snprintf(note, sizeof note, "loss %.4f tok/s %.0f", t->loss, rate(t) * t->tokens);
        ppi_progress_update(&progress, t->state.step, note);
    }
    ppi_progress_finish(&progress);
    return save(t);
}

static void release(trainer *t) {
    ppi_sampler_destroy(t->sampler);
    ppi_batch_free(&t->batch);
    if (t->agent != NULL) ppi_agent_destroy(t->agent);
    if (t->datasets != NULL) ppi_dataset_close_list(t->datasets, t->n_datasets);
}

pp_status ppi_train(ppi_train_job *job, ppi_train_result *result) {
    trainer *t = ppi_calloc(1, sizeof *t);
    if (t == NULL) return ppi_oom("a training run");
    t->job = job;
    pp_status s = prepare(t);
    if (s == PP_OK) {
        s = explain(t, loop(t));
        if (s != PP_OK) ppi_runlog_line(t->log, "stopped: %s", pp_last_error());
    }
    if (result != NULL) {
        memset(result, 0, sizeof *result);
        snprintf(result->run_dir, sizeof result->run_dir, "%.1023s", t->run_dir);
        snprintf(result->checkpoint, sizeof result->checkpoint, "%.1023s", t->checkpoint);
        result->step = t->state.step;
        result->loss = t->loss;
        result->steps_per_second = s == PP_OK ? rate(t) : 0;
        result->tokens_per_second = result->steps_per_second * t->tokens;
    }
    release(t);
    const pp_status closed = ppi_runlog_close(t->log);
    ppi_free(t);
    return s != PP_OK ? s : closed;
}
