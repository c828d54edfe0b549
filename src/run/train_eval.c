/* Evaluations in the course of training. Each plays a checkpoint that was just written with an
   agent of its own, so training goes on as if nothing had happened. */
#include "run/train_eval.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "env/protocol.h"
#include "env/registry.h"
#include "run/eval.h"

enum { MAX_GAMES = 256, TAG_SIZE = 128 };

/* Figures of an evaluation with the memory of their tags. */
typedef struct eval_figures {
    ppi_figure item[MAX_GAMES + 3];
    char tag[MAX_GAMES + 3][TAG_SIZE];
    int count;
} eval_figures;

/* Episodes of a run that shows learning in context, unless the recipe or the user says otherwise.
 */
#define CONTEXT_EPISODES "200"

static bool in_context(const ppi_method *method) {
    return method->calls->act_task != NULL;
}

static pp_status check_games(const char *games) {
    char(*ids)[PP_ENV_ID_BYTES] = ppi_calloc(MAX_GAMES, sizeof *ids);
    if (ids == NULL) return ppi_oom("environment ids");
    int count = 0;
    const pp_status s = ppi_env_expand(ids, MAX_GAMES, &count, games);
    ppi_free(ids);
    return s == PP_OK ? s : ppi_fail_context(s, "option eval.env");
}

static pp_status settle_games(ppi_options *set, const char *games) {
    ppi_buf text = {0};
    pp_status s = ppi_options_get_text(set, "eval.env", &text);
    if (s == PP_OK && ppi_buf_text(&text)[0] != '\0') {
        s = check_games(ppi_buf_text(&text));
    } else if (s == PP_OK) {
        s = ppi_options_set(set, "eval.env", games, "games of the run");
        if (s == PP_OK) s = check_games(games);
    }
    ppi_buf_free(&text);
    return s;
}

pp_status ppi_train_eval_prepare(ppi_options *set, const ppi_method *method, const char *games) {
    ppi_buf every = {0};
    pp_status s = ppi_options_get_text(set, "eval.every", &every);
    const bool none = s == PP_OK && strcmp(ppi_buf_text(&every), "0") == 0;
    ppi_buf_free(&every);
    if (s != PP_OK || none) return s;
    if (in_context(method) && !ppi_options_was_set(set, "eval.episodes"))
        PPI_TRY(ppi_options_set(set, "eval.episodes", CONTEXT_EPISODES, "in context"));
    return settle_games(set, games);
}

/* The same text for an option of the evaluation as the run has for one of its own. */
static pp_status hand_over(ppi_options *to, const char *name, const ppi_options *from,
                           const char *source_name) {
    ppi_buf text = {0};
    pp_status s = ppi_options_get_text(from, source_name, &text);
    if (s == PP_OK) s = ppi_options_set(to, name, ppi_buf_text(&text), "training run");
    ppi_buf_free(&text);
    return s;
}

static pp_status fill_options(ppi_eval_job *eval, const ppi_train_eval_run *run,
                              const char *record) {
    static const char *const same[][2] = {{"env", "eval.env"},
                                          {"episodes", "eval.episodes"},
                                          {"seed", "eval.seed"},
                                          {"threads", "threads"},
                                          {"dtype", "dtype"}};
    static const char *const context[][2] = {{"runs", "eval.runs"}, {"tasks", "eval.tasks"}};
    ppi_options *set = ppi_eval_job_options(eval);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        PPI_TRY(hand_over(set, same[i][0], run->set, same[i][1]));
    }
    for (int i = 0; i < ppi_env_option_table.count; i++) {
        const char *name = ppi_env_option_table.rows[i].name;
        if (ppi_options_was_set(run->set, name)) PPI_TRY(hand_over(set, name, run->set, name));
    }
    if (in_context(run->method)) {
        for (size_t i = 0; i < sizeof context / sizeof context[0]; i++)
            PPI_TRY(hand_over(set, context[i][0], run->set, context[i][1]));
        PPI_TRY(ppi_options_set(set, "source", "none", "training run"));
    }
    return ppi_options_set(set, "out", record, "training run");
}

static void add_figure(eval_figures *f, const char *begin, const char *name, const char *env,
                       double value) {
    char *tag = f->tag[f->count];
    snprintf(tag, TAG_SIZE, "%s%s%s%s", begin, name, env[0] != '\0' ? "/" : "", env);
    f->item[f->count++] = (ppi_figure){tag, value};
}

static void collect_figures(eval_figures *f, const ppi_eval_result *r, const char *tag) {
    double length = 0;
    double mean = 0;
    double hns = 0;
    f->count = 0;
    for (int i = 0; i < r->n_games; i++) {
        const ppi_eval_game *g = &r->game[i];
        mean += g->mean / r->n_games;
        length += g->mean_length / r->n_games;
        hns += g->hns / r->n_games; /* NAN when one game has no reference */
    }
    add_figure(f, tag, "return", "", mean);
    add_figure(f, tag, "length", "", length);
    add_figure(f, tag, "hns", "", hns);
    for (int i = 0; i < r->n_games; i++)
        add_figure(f, tag, "return", r->game[i].env, r->game[i].mean);
}

static pp_status log_result(const ppi_train_eval_run *run, const ppi_checkpoint_state *state,
                            double score, const char *statistic, const ppi_eval_result *r) {
    eval_figures *f = ppi_calloc(1, sizeof *f);
    if (f == NULL) return ppi_oom("the figures of an evaluation");
    collect_figures(f, r, run->tag);
    pp_status s = ppi_runlog_eval(run->log, state->step, state->emulator_frames, state->wall,
                                  f->item, f->count);
    ppi_free(f);
    if (s != PP_OK) return s;
    return ppi_runlog_line(run->log, "evaluation at step %" PRId64 ": %s %.6g, record %s",
                           state->step, statistic, score, r->record);
}

static pp_status play(double *score, const ppi_train_eval_run *run, const char *checkpoint,
                      const ppi_checkpoint_state *state) {
    char name[64];
    char record[PPI_PATH_SIZE];
    ppi_eval_job *eval = NULL;
    ppi_eval_result result = {0};
    const char *statistic = NULL;
    snprintf(name, sizeof name, "eval/step_%08" PRId64 ".json", state->step);
    PPI_TRY(ppi_path_join(record, sizeof record, run->run_dir, name));
    pp_status s = ppi_eval_job_create(&eval, checkpoint);
    if (s == PP_OK) s = fill_options(eval, run, record);
    if (s == PP_OK) s = ppi_eval(eval, NULL, &result);
    if (s == PP_OK) {
        *score = ppi_eval_score(&result, &statistic);
        s = log_result(run, state, *score, statistic, &result);
    }
    ppi_eval_result_free(&result);
    ppi_eval_job_destroy(eval);
    return s;
}

pp_status ppi_train_eval(const ppi_train_eval_run *run, const char *checkpoint,
                         const ppi_checkpoint_state *state, double *best_score,
                         int64_t *best_step) {
    double score = NAN;
    PPI_TRY(play(&score, run, checkpoint, state));
    if (!isfinite(score) || score <= *best_score) return PP_OK;
    PPI_TRY(ppi_checkpoint_mark_best(run->run_dir, state->step));
    *best_score = score;
    *best_step = state->step;
    return ppi_runlog_line(run->log, "best checkpoint is step %" PRId64, state->step);
}
