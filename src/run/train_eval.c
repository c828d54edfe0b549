/* Evaluations in the course of training. Each plays a checkpoint that was just written with an
   agent of its own, so training goes on as if nothing had happened. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "env/registry.h"
#include "run/eval.h"
#include "run/train_job.h"

enum { MAX_GAMES = 256, TAG_SIZE = 128 };

/* Figures of an evaluation with the memory of their tags. */
typedef struct eval_figures {
    ppi_figure item[MAX_GAMES + 3];
    char tag[MAX_GAMES][TAG_SIZE];
    int count;
} eval_figures;

/* Games of the data as a comma list, each once. */
static pp_status games_of_data(ppi_buf *out, const ppi_sampler *sampler) {
    for (int i = 0; i < ppi_sampler_game_count(sampler); i++) {
        ppi_buf_printf(out, "%s%s", i > 0 ? "," : "", ppi_sampler_game(sampler, i)->env);
    }
    return out->failed;
}

pp_status ppi_train_eval_prepare(ppi_train_job *job, const ppi_sampler *sampler) {
    if (job->run.eval_every == 0) return PP_OK;
    if (job->run.eval_env[0] == '\0') {
        ppi_buf games = {0};
        pp_status s = games_of_data(&games, sampler);
        if (s == PP_OK) s = ppi_options_set(job->set, "eval.env", ppi_buf_text(&games), "data");
        ppi_buf_free(&games);
        PPI_TRY(s);
    }
    char(*ids)[PP_ENV_ID_BYTES] = ppi_calloc(MAX_GAMES, sizeof *ids);
    if (ids == NULL) return ppi_oom("environment ids");
    int count = 0;
    const pp_status s = ppi_env_expand(ids, MAX_GAMES, &count, job->run.eval_env);
    ppi_free(ids);
    return s == PP_OK ? s : ppi_fail_context(s, "option eval.env");
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

static pp_status fill_options(ppi_eval_job *eval, const ppi_train_job *job, const char *record) {
    static const char *const same[][2] = {{"env", "eval.env"},
                                          {"episodes", "eval.episodes"},
                                          {"seed", "eval.seed"},
                                          {"threads", "threads"},
                                          {"dtype", "dtype"}};
    ppi_options *set = ppi_eval_job_options(eval);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        PPI_TRY(hand_over(set, same[i][0], job->set, same[i][1]));
    }
    for (int i = 0; i < ppi_env_option_table.count; i++) {
        const char *name = ppi_env_option_table.rows[i].name;
        if (ppi_options_was_set(job->set, name)) PPI_TRY(hand_over(set, name, job->set, name));
    }
    return ppi_options_set(set, "out", record, "training run");
}

static void collect_figures(eval_figures *f, const ppi_eval_result *r) {
    double length = 0;
    double mean = 0;
    double hns = 0;
    f->count = 3;
    for (int i = 0; i < r->n_games; i++) {
        const ppi_eval_game *g = &r->game[i];
        mean += g->mean / r->n_games;
        length += g->mean_length / r->n_games;
        hns += g->hns / r->n_games; /* NAN when one game has no reference */
        snprintf(f->tag[i], TAG_SIZE, PPI_EVAL_TAG "return/%s", g->env);
        f->item[f->count++] = (ppi_figure){f->tag[i], g->mean};
    }
    f->item[0] = (ppi_figure){PPI_EVAL_TAG "return", mean};
    f->item[1] = (ppi_figure){PPI_EVAL_TAG "length", length};
    f->item[2] = (ppi_figure){PPI_EVAL_TAG "hns", hns};
}

static pp_status log_result(ppi_runlog *log, const ppi_checkpoint_state *state, double score,
                            const char *statistic, const ppi_eval_result *r) {
    eval_figures *f = ppi_calloc(1, sizeof *f);
    if (f == NULL) return ppi_oom("the figures of an evaluation");
    collect_figures(f, r);
    pp_status s =
        ppi_runlog_eval(log, state->step, state->emulator_frames, state->wall, f->item, f->count);
    ppi_free(f);
    if (s != PP_OK) return s;
    return ppi_runlog_line(log, "evaluation at step %" PRId64 ": %s %.6g, record %s", state->step,
                           statistic, score, r->record);
}

pp_status ppi_train_eval(double *score, const ppi_train_job *job, const char *run_dir,
                         const char *checkpoint, const ppi_checkpoint_state *state,
                         ppi_runlog *log) {
    char name[64];
    char record[PPI_PATH_SIZE];
    ppi_eval_job *eval = NULL;
    ppi_eval_result result = {0};
    const char *statistic = NULL;
    snprintf(name, sizeof name, "eval/step_%08" PRId64 ".json", state->step);
    PPI_TRY(ppi_path_join(record, sizeof record, run_dir, name));
    pp_status s = ppi_eval_job_create(&eval, checkpoint);
    if (s == PP_OK) s = fill_options(eval, job, record);
    if (s == PP_OK) s = ppi_eval(eval, NULL, &result);
    if (s == PP_OK) {
        *score = ppi_eval_score(&result, &statistic);
        s = log_result(log, state, *score, statistic, &result);
    }
    ppi_eval_result_free(&result);
    ppi_eval_job_destroy(eval);
    return s;
}
