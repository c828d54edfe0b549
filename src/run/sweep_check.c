/* Trying the options of a sweep's recipe where they will be set, so that a slip in the last cell
 * does not wait for the first ones to be trained. Nothing here makes a network: its threads would
 * not survive in the processes of the runs. */
#include "run/sweep_trainer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "env/registry.h"
#include "run/collect_learn.h"
#include "run/eval.h"
#include "run/eval_tasks.h"

enum { NAME_SIZE = 160, MAX_GAMES = 256 };

/* ---- training jobs --------------------------------------------------------------------------- */

pp_status ppi_sweep_trainer_open(ppi_sweep_trainer *t, const ppi_sweep_recipe *r,
                                 const ppi_sweep_cell *cell) {
    const ppi_method *method;
    *t = (ppi_sweep_trainer){0};
    PPI_TRY(ppi_fail_context(ppi_method_find(&method, cell->method), "%s", r->path));
    PPI_TRY(method->learner != NULL ? ppi_learn_job_create(&t->online, method)
                                    : ppi_train_job_create(&t->data, cell->method));
    return ppi_recipe_apply(r, &cell->train, ppi_sweep_trainer_options(t));
}

void ppi_sweep_trainer_close(ppi_sweep_trainer *t) {
    ppi_train_job_destroy(t->data);
    ppi_learn_job_destroy(t->online);
    *t = (ppi_sweep_trainer){0};
}

ppi_options *ppi_sweep_trainer_options(const ppi_sweep_trainer *t) {
    return t->data != NULL ? ppi_train_job_options(t->data) : ppi_learn_job_options(t->online);
}

pp_status ppi_sweep_trainer_steps(const ppi_sweep_trainer *t, int64_t *steps) {
    ppi_buf text = {0};
    *steps = 0;
    PPI_TRY(t->data != NULL ? ppi_train_job_resolve(t->data) : ppi_learn_job_resolve(t->online));
    const pp_status s = ppi_options_get_text(ppi_sweep_trainer_options(t), "steps", &text);
    *steps = s == PP_OK ? strtoll(ppi_buf_text(&text), NULL, 10) : 0;
    ppi_buf_free(&text);
    return s;
}

pp_status ppi_sweep_trainer_run(ppi_sweep_trainer *t) {
    return t->data != NULL ? ppi_train(t->data, NULL) : ppi_learn_run(t->online, NULL);
}

pp_status ppi_sweep_set_number(ppi_options *set, const char *name, int64_t value) {
    char text[32];
    if (ppi_options_was_set(set, name)) return PP_OK;
    snprintf(text, sizeof text, "%" PRId64, value);
    return ppi_options_set(set, name, text, "sweep");
}

/* ---- checks ---------------------------------------------------------------------------------- */

/* Options that a sweep sets itself. */
static pp_status refuse(const ppi_sweep_recipe *r, const char *section, const ppi_options *set,
                        const char *name, const char *hint) {
    if (!ppi_options_was_set(set, name)) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "%s: [%s] must not set %s: %s", r->path, section, name, hint);
}

/* The environments of option env have to exist. `where` is the section's head. */
static pp_status check_envs(const ppi_sweep_recipe *r, const char *where, const ppi_options *set) {
    ppi_buf text = {0};
    int count = 0;
    char(*ids)[PP_ENV_ID_BYTES] = ppi_calloc(MAX_GAMES, sizeof *ids);
    pp_status s = ids == NULL ? ppi_oom("the list of games") : PP_OK;
    if (s == PP_OK) s = ppi_options_get_text(set, "env", &text);
    if (s == PP_OK && ppi_buf_text(&text)[0] == '\0')
        s = ppi_fail(PP_ERR_ARGUMENT, "env names no environment");
    if (s == PP_OK) s = ppi_env_expand(ids, MAX_GAMES, &count, ppi_buf_text(&text));
    ppi_buf_free(&text);
    ppi_free(ids);
    return ppi_fail_context(s, "%s: [%s]", r->path, where);
}

static pp_status check_cell(const ppi_sweep_recipe *r, const ppi_sweep_cell *cell) {
    ppi_sweep_trainer t;
    pp_status s = ppi_sweep_trainer_open(&t, r, cell);
    if (s == PP_OK) {
        const ppi_options *set = ppi_sweep_trainer_options(&t);
        s = refuse(r, "train", set, "out", "each run has its folder below the sweep's --out");
        if (s == PP_OK) s = refuse(r, "train", set, "seed", "seeds are set in [sweep]");
        if (s == PP_OK) s = refuse(r, "train", set, "resume", "runs always go on where they stood");
        if (s == PP_OK && t.online != NULL) s = check_envs(r, "train", set);
        if (s == PP_OK && t.data != NULL)
            s = ppi_fail_context(ppi_train_job_resolve(t.data), "%s: cell %s", r->path, cell->name);
    }
    ppi_sweep_trainer_close(&t);
    return s;
}

/* Options of evaluations depend on the method of the run. */
static pp_status bind_eval(ppi_options *set, const ppi_method *method, ppi_eval_options *eval,
                           ppi_env_options *env, void *own) {
    PPI_TRY(ppi_options_bind(set, &ppi_eval_option_table, eval));
    PPI_TRY(ppi_options_bind(set, &ppi_env_option_table, env));
    return ppi_method_bind(method, set, own);
}

static pp_status apply_eval(const ppi_sweep_recipe *r, const ppi_recipe_section *e,
                            ppi_options *set, const char *where) {
    const ppi_recipe_section *common = ppi_recipe_find(r, PPI_RECIPE_EVAL);
    if (common != NULL) PPI_TRY(ppi_recipe_apply(r, &common->settings, set));
    if (e != common) PPI_TRY(ppi_recipe_apply(r, &e->settings, set));
    PPI_TRY(refuse(r, "eval", set, "out", "results lie beside their run"));
    if (ppi_options_was_set(set, "env")) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "%s: [%s] needs env", r->path, where);
}

static pp_status check_eval(const ppi_sweep_recipe *r, const ppi_method *method,
                            const ppi_recipe_section *e) {
    ppi_eval_options eval;
    ppi_env_options env;
    ppi_options *set = NULL;
    char where[NAME_SIZE];
    void *own = ppi_calloc(1, method->options_size);
    if (own == NULL) return ppi_oom("the method's options");
    pp_status s = ppi_options_create(&set);
    snprintf(where, sizeof where, "eval%s%s", e->name[0] != '\0' ? "." : "", e->name);
    if (s == PP_OK) s = bind_eval(set, method, &eval, &env, own);
    if (s == PP_OK) s = apply_eval(r, e, set, where);
    if (s == PP_OK) s = check_envs(r, where, set);
    if (s == PP_OK && method->calls->act_task != NULL)
        s = ppi_fail_context(ppi_run_tasks_check(eval.tasks), "%s: [%s]", r->path, where);
    ppi_options_destroy(set);
    ppi_free(own);
    return s;
}

pp_status ppi_sweep_collect_open(ppi_collect_job **out, const ppi_sweep_recipe *r,
                                 const ppi_recipe_section *c) {
    const char *learner = ppi_recipe_value(&c->settings, "learner");
    if (learner == NULL) learner = ppi_recipe_value(&c->settings, "collect.learner");
    PPI_TRY(ppi_fail_context(ppi_collect_job_create(out, learner != NULL ? learner : ""),
                             "%s:%" PRId64, r->path, c->line));
    const pp_status s = ppi_recipe_apply(r, &c->settings, ppi_collect_job_options(*out));
    if (s != PP_OK) ppi_collect_job_destroy(*out);
    return s;
}

static pp_status check_collect(const ppi_sweep_recipe *r, const ppi_recipe_section *c) {
    ppi_collect_job *job;
    PPI_TRY(ppi_sweep_collect_open(&job, r, c));
    const ppi_options *set = ppi_collect_job_options(job);
    pp_status s = refuse(r, "collect", set, "resume", "collections always go on where they stood");
    if (s == PP_OK) s = refuse(r, "collect", set, "append", "a sweep collects a dataset once");
    if (s == PP_OK && !ppi_options_was_set(set, "env"))
        s = ppi_fail(PP_ERR_ARGUMENT, "%s:%" PRId64 ": the collection needs env", r->path, c->line);
    if (s == PP_OK) s = check_envs(r, "collect", set);
    ppi_collect_job_destroy(job);
    return s;
}

pp_status ppi_sweep_recipe_check(const ppi_sweep_recipe *r) {
    for (int i = 0; i < r->section_count; i++) {
        if (r->section[i].kind == PPI_RECIPE_COLLECT) PPI_TRY(check_collect(r, &r->section[i]));
    }
    for (int i = 0; i < r->cell_count; i++) {
        const ppi_method *method;
        PPI_TRY(check_cell(r, &r->cell[i]));
        PPI_TRY(ppi_method_find(&method, r->cell[i].method));
        for (int e = 0; e < r->eval_count; e++) PPI_TRY(check_eval(r, method, r->eval[e]));
    }
    return PP_OK;
}
