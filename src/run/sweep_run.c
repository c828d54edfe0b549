/* One run of a sweep: its files, its training and evaluations. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/mem.h"
#include "run/checkpoint.h"
#include "run/eval.h"
#include "run/sweep_internal.h"
#include "run/sweep_trainer.h"

bool ppi_sweep_run_done(const ppi_sweep *sweep, ppi_sweep_run_id id) {
    bool done = true;
    for (int e = 0; e < sweep->recipe.eval_count && done; e++)
        done = ppi_sweep_result_there(sweep, id, e);
    return done;
}

/* ---- training -------------------------------------------------------------------------------- */

/* Updates of the newest whole checkpoint of a run folder. */
static pp_status checkpoint_step(const char *run, int64_t *step) {
    ppi_checkpoint ck;
    char folder[PPI_PATH_SIZE];
    *step = 0;
    PPI_TRY(ppi_path_join(folder, sizeof folder, run, "checkpoints"));
    if (!ppi_dir_exists(folder)) return PP_OK;
    const pp_status s = ppi_checkpoint_open(&ck, run, true);
    if (s == PP_ERR_NOT_FOUND) return PP_OK;
    PPI_TRY(s);
    *step = ck.state.step;
    ppi_checkpoint_close(&ck);
    return PP_OK;
}

pp_status ppi_sweep_run_progress(const ppi_sweep *sweep, ppi_sweep_run_id id, int64_t *done,
                                 int64_t *total) {
    char run[PPI_PATH_SIZE];
    ppi_sweep_trainer t;
    *total = 0;
    PPI_TRY(ppi_sweep_path(run, sweep, id, ""));
    PPI_TRY(checkpoint_step(run, done));
    pp_status s = ppi_sweep_trainer_open(&t, &sweep->recipe, &sweep->recipe.cell[id.cell]);
    if (s == PP_OK) s = ppi_sweep_trainer_steps(&t, total);
    ppi_sweep_trainer_close(&t);
    return s;
}

/* Threads of a run: what was asked for, or its share of the processors. */
static int64_t run_threads(const ppi_sweep *sweep, int64_t jobs) {
    if (sweep->options.threads > 0) return sweep->options.threads;
    const int64_t share = ppi_cpu_count() / jobs;
    return share > 1 ? share : 1;
}

static pp_status train(const ppi_sweep *sweep, ppi_sweep_run_id id, const char *run) {
    ppi_sweep_trainer t;
    int64_t step;
    int64_t total = 0;
    PPI_TRY(checkpoint_step(run, &step));
    pp_status s = ppi_sweep_trainer_open(&t, &sweep->recipe, &sweep->recipe.cell[id.cell]);
    if (s == PP_OK) s = ppi_sweep_trainer_steps(&t, &total);
    if (s == PP_OK && step < total) {
        ppi_options *set = ppi_sweep_trainer_options(&t);
        s = ppi_options_set(set, "out", run, "sweep");
        if (s == PP_OK) s = ppi_options_set(set, "resume", "auto", "sweep");
        if (s == PP_OK) s = ppi_sweep_set_number(set, "seed", sweep->seeds[id.seed]);
        if (s == PP_OK)
            s = ppi_sweep_set_number(set, "threads", run_threads(sweep, sweep->options.jobs));
        if (s == PP_OK) s = ppi_sweep_trainer_run(&t);
    }
    ppi_sweep_trainer_close(&t);
    return s;
}

/* ---- evaluation ------------------------------------------------------------------------------ */

static pp_status set_eval(const ppi_sweep *sweep, int e, const char *run, ppi_options *set) {
    const ppi_sweep_recipe *r = &sweep->recipe;
    const ppi_recipe_section *common = ppi_recipe_find(r, PPI_RECIPE_EVAL);
    char folder[PPI_PATH_SIZE];
    if (common != NULL) PPI_TRY(ppi_recipe_apply(r, &common->settings, set));
    if (r->eval[e] != common) PPI_TRY(ppi_recipe_apply(r, &r->eval[e]->settings, set));
    PPI_TRY(ppi_path_join(folder, sizeof folder, run, "eval", r->eval[e]->name));
    PPI_TRY(ppi_options_set(set, "out", folder, "sweep"));
    return ppi_sweep_set_number(set, "threads", run_threads(sweep, sweep->options.jobs));
}

static pp_status take_result(ppi_sweep_result *r, const ppi_eval_result *found) {
    const char *statistic;
    r->value = ppi_eval_score(found, &statistic);
    r->low = r->high = r->first = r->half = r->ninety = NAN;
    snprintf(r->statistic, sizeof r->statistic, "%s", statistic);
    snprintf(r->record, sizeof r->record, "%s", found->record);
    return found->n_games == 1 ? ppi_sweep_result_context(r) : PP_OK;
}

static pp_status evaluate(const ppi_sweep *sweep, int e, const char *run, ppi_sweep_result *r) {
    ppi_eval_job *job;
    ppi_eval_result found = {0};
    PPI_TRY(ppi_eval_job_create(&job, run));
    pp_status s = set_eval(sweep, e, run, ppi_eval_job_options(job));
    if (s == PP_OK) s = ppi_eval(job, NULL, &found);
    if (s == PP_OK) s = take_result(r, &found);
    ppi_eval_result_free(&found);
    ppi_eval_job_destroy(job);
    return s;
}

pp_status ppi_sweep_run_one(const ppi_sweep *sweep, ppi_sweep_run_id id) {
    char run[PPI_PATH_SIZE];
    const double start = ppi_clock_seconds();
    PPI_TRY(ppi_sweep_path(run, sweep, id, ""));
    PPI_TRY(train(sweep, id, run));
    for (int e = 0; e < sweep->recipe.eval_count; e++) {
        ppi_sweep_result result = {0};
        if (ppi_sweep_result_there(sweep, id, e)) continue;
        pp_status s = checkpoint_step(run, &result.updates);
        result.loss = ppi_sweep_last_loss(run);
        if (s == PP_OK) s = evaluate(sweep, e, run, &result);
        result.seconds = ppi_clock_seconds() - start;
        if (s == PP_OK) s = ppi_sweep_result_write(sweep, id, e, &result);
        ppi_sweep_result_free(&result);
        PPI_TRY(s);
    }
    return PP_OK;
}

pp_status ppi_sweep_collect_one(const ppi_sweep *sweep, const ppi_recipe_section *section) {
    ppi_collect_job *job;
    PPI_TRY(ppi_sweep_collect_open(&job, &sweep->recipe, section));
    ppi_options *set = ppi_collect_job_options(job);
    pp_status s = ppi_options_set(set, "resume", "on", "sweep");
    if (s == PP_OK) s = ppi_sweep_set_number(set, "threads", run_threads(sweep, 1));
    if (s == PP_OK) s = ppi_collect_job_run(job, NULL);
    ppi_collect_job_destroy(job);
    if (s != PP_ERR_EXISTS) return s;
    return ppi_fail(s,
                    "%s (a dataset made with other options is not taken for the recipe's: remove "
                    "it, or set another name in [collect%s%s])",
                    pp_last_error(), section->name[0] != '\0' ? "." : "", section->name);
}
