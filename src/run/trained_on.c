/* What a run was trained on; see trained_on.h. */
#include "run/trained_on.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "run/checkpoint.h"

/* ---- of a training run ------------------------------------------------------------------------
 */

static pp_status add_folder(ppi_trained_env *e, const char *folder) {
    char **grown = ppi_realloc(e->folder, (size_t)(e->folders + 1) * sizeof *grown);
    if (grown == NULL) return ppi_oom("the datasets of a run");
    e->folder = grown;
    e->folder[e->folders] = ppi_strdup(folder);
    return e->folder[e->folders++] != NULL ? PP_OK : ppi_oom("the datasets of a run");
}

static pp_status allocate_tasks(ppi_trained_env *e, int64_t count) {
    e->task = ppi_calloc((size_t)count + 1, sizeof *e->task);
    return e->task != NULL ? PP_OK : ppi_oom("the tasks of a run");
}

static void fill_facts(ppi_trained_env *e, const ppi_dataset *d) {
    const ppi_store_meta *meta = ppi_dataset_meta(d);
    snprintf(e->side, sizeof e->side, "%s", meta->tasks);
    snprintf(e->learner, sizeof e->learner, "%s", meta->policy);
    e->split_seed = meta->split_seed;
    e->actors = ppi_dataset_group_count(d) > 0 ? ppi_dataset_group(d, 0)->actors : 0;
}

static pp_status same_split(const ppi_trained_env *e, const ppi_dataset *d) {
    const ppi_store_meta *meta = ppi_dataset_meta(d);
    if (strcmp(e->side, meta->tasks) == 0 && e->split_seed == meta->split_seed) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "%s holds tasks '%s' of split seed %" PRIu64 ", %s tasks '%s' of split seed "
                    "%" PRIu64 ": training and test tasks could overlap",
                    e->folder[0], e->side, e->split_seed, ppi_dataset_folder(d), meta->tasks,
                    meta->split_seed);
}

static pp_status make_env(ppi_trained_env *e, ppi_dataset *const *datasets, int count,
                          const ppi_sampler *sampler, int game) {
    const ppi_sampler_game_info *info = ppi_sampler_game(sampler, game);
    int64_t tasks = 0;
    const int64_t *task = ppi_sampler_tasks(sampler, game, &tasks);
    snprintf(e->env, sizeof e->env, "%s", info->env);
    e->histories = info->histories;
    PPI_TRY(allocate_tasks(e, tasks));
    for (; e->tasks < tasks; e->tasks++) e->task[e->tasks] = task[e->tasks];
    for (int i = 0; i < count; i++) {
        if (strcmp(ppi_dataset_info(datasets[i])->env, e->env) != 0) continue;
        if (e->folders == 0) fill_facts(e, datasets[i]);
        PPI_TRY(same_split(e, datasets[i]));
        PPI_TRY(add_folder(e, ppi_dataset_folder(datasets[i])));
    }
    return PP_OK;
}

static pp_status allocate(ppi_trained_on *out, int64_t count) {
    memset(out, 0, sizeof *out);
    if (count == 0) return PP_OK;
    out->env = ppi_calloc((size_t)count, sizeof *out->env);
    if (out->env == NULL) return ppi_oom("the environments of a run");
    out->count = (int)count;
    return PP_OK;
}

pp_status ppi_trained_on_make(ppi_trained_on *out, ppi_dataset *const *datasets, int count,
                              const ppi_sampler *sampler, const char *view) {
    pp_status s = allocate(out, ppi_sampler_game_count(sampler));
    for (int g = 0; g < out->count && s == PP_OK; g++) {
        snprintf(out->env[g].view, sizeof out->env[g].view, "%s", view);
        s = make_env(&out->env[g], datasets, count, sampler, g);
    }
    if (s != PP_OK) ppi_trained_on_free(out);
    return s;
}

void ppi_trained_on_free(ppi_trained_on *t) {
    for (int i = 0; i < t->count; i++) {
        for (int64_t k = 0; k < t->env[i].folders; k++) ppi_free(t->env[i].folder[k]);
        ppi_free(t->env[i].folder);
        ppi_free(t->env[i].task);
    }
    ppi_free(t->env);
    *t = (ppi_trained_on){0};
}

const ppi_trained_env *ppi_trained_on_find(const ppi_trained_on *t, const char *env) {
    for (int i = 0; i < t->count; i++) {
        if (strcmp(t->env[i].env, env) == 0) return &t->env[i];
    }
    return NULL;
}

/* ---- in stats.json ----------------------------------------------------------------------------
 */

static void write_env(const ppi_trained_env *e, ppi_jsonw *w) {
    char seed[32];
    snprintf(seed, sizeof seed, "%" PRIu64, e->split_seed);
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_string(w, "env", e->env);
    ppi_jsonw_key_string(w, "view", e->view);
    ppi_jsonw_key_string(w, "side", e->side);
    ppi_jsonw_key_string(w, "split_seed", seed);
    ppi_jsonw_key_string(w, "learner", e->learner);
    ppi_jsonw_key_i64(w, "actors", e->actors);
    ppi_jsonw_key_i64(w, "histories", e->histories);
    ppi_jsonw_key(w, "folders");
    ppi_jsonw_array_begin(w);
    for (int64_t i = 0; i < e->folders; i++) ppi_jsonw_string(w, e->folder[i]);
    ppi_jsonw_array_end(w);
    ppi_jsonw_key(w, "tasks");
    ppi_jsonw_array_begin(w);
    for (int64_t i = 0; i < e->tasks; i++) ppi_jsonw_i64(w, e->task[i]);
    ppi_jsonw_array_end(w);
    ppi_jsonw_object_end(w);
}

void ppi_trained_on_write(const ppi_trained_on *t, ppi_jsonw *w) {
    ppi_jsonw_array_begin(w);
    for (int i = 0; i < t->count; i++) write_env(&t->env[i], w);
    ppi_jsonw_array_end(w);
}

static pp_status read_text(char *out, size_t size, const ppi_json *object, const char *key) {
    const char *text = NULL;
    PPI_TRY(ppi_json_get_string(object, key, &text));
    snprintf(out, size, "%s", text);
    return PP_OK;
}

static pp_status read_folders(ppi_trained_env *e, const ppi_json *object) {
    const ppi_json *list = NULL;
    PPI_TRY(ppi_json_get_array(object, "folders", &list));
    for (int64_t i = 0; i < ppi_json_count(list); i++) {
        const char *folder = NULL;
        PPI_TRY(ppi_json_as_string(ppi_json_at(list, i), "folders", &folder));
        PPI_TRY(add_folder(e, folder));
    }
    return PP_OK;
}

static pp_status read_tasks(ppi_trained_env *e, const ppi_json *object) {
    const ppi_json *list = NULL;
    PPI_TRY(ppi_json_get_array(object, "tasks", &list));
    PPI_TRY(allocate_tasks(e, ppi_json_count(list)));
    for (; e->tasks < ppi_json_count(list); e->tasks++) {
        PPI_TRY(ppi_json_as_i64(ppi_json_at(list, e->tasks), "tasks", &e->task[e->tasks]));
    }
    return PP_OK;
}

static pp_status read_env(ppi_trained_env *e, const ppi_json *object) {
    char seed[32];
    PPI_TRY(read_text(e->env, sizeof e->env, object, "env"));
    PPI_TRY(read_text(e->view, sizeof e->view, object, "view"));
    PPI_TRY(read_text(e->side, sizeof e->side, object, "side"));
    PPI_TRY(read_text(seed, sizeof seed, object, "split_seed"));
    PPI_TRY(read_text(e->learner, sizeof e->learner, object, "learner"));
    PPI_TRY(ppi_json_get_i64(object, "actors", &e->actors));
    PPI_TRY(ppi_json_get_i64(object, "histories", &e->histories));
    e->split_seed = strtoull(seed, NULL, 10);
    PPI_TRY(read_folders(e, object));
    return read_tasks(e, object);
}

static pp_status read_all(ppi_trained_on *out, const ppi_json *stats) {
    const ppi_json *list = NULL;
    if (ppi_json_find(stats, "trained_on") == NULL) return PP_OK;
    PPI_TRY(ppi_json_get_array(stats, "trained_on", &list));
    PPI_TRY(allocate(out, ppi_json_count(list)));
    for (int i = 0; i < out->count; i++) PPI_TRY(read_env(&out->env[i], ppi_json_at(list, i)));
    return PP_OK;
}

pp_status ppi_trained_on_read(ppi_trained_on *out, const struct ppi_checkpoint *ck) {
    char path[PPI_PATH_SIZE];
    ppi_json *stats = NULL;
    memset(out, 0, sizeof *out);
    PPI_TRY(ppi_path_join(path, sizeof path, ck->folder, "stats.json"));
    PPI_TRY(ppi_json_load(&stats, path));
    const pp_status s = read_all(out, stats);
    ppi_json_free(stats);
    if (s == PP_OK) return PP_OK;
    ppi_trained_on_free(out);
    return ppi_fail_context(s == PP_ERR_NO_MEMORY ? s : PP_ERR_CORRUPT, "%s", path);
}
