/* Tasks of in-context evaluations; see eval_tasks.h. */
#include "run/eval_tasks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "env/tasks.h"
#include "run/task_choice.h"
#include "run/trained_on.h"

/* Where the held tasks of a family without bound begin: behind every index that a training run
   reaches. */
static const int64_t k_held_index = INT64_C(1) << 30;

void ppi_seen_tasks_free(ppi_seen_tasks *seen) {
    ppi_free(seen->task);
    *seen = (ppi_seen_tasks){0};
}

static int by_number(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

bool ppi_seen_task(const ppi_seen_tasks *seen, int64_t task) {
    return seen->count > 0 &&
           bsearch(&task, seen->task, (size_t)seen->count, sizeof task, by_number) != NULL;
}

/* The arms of bandit/odd are drawn as those of bandit/train. */
static const char *family_of(const char *env) {
    return strcmp(env, "bandit/odd") == 0 ? "bandit/train" : env;
}

static pp_status add_tasks(ppi_seen_tasks *seen, const int64_t *task, int64_t count) {
    int64_t *all = ppi_calloc((size_t)(seen->count + count) + 1, sizeof *all);
    if (all == NULL) return ppi_oom("the tasks an agent was trained on");
    if (seen->count > 0) memcpy(all, seen->task, (size_t)seen->count * sizeof *all);
    if (count > 0) memcpy(all + seen->count, task, (size_t)count * sizeof *all);
    ppi_free(seen->task);
    seen->task = all;
    seen->count += count;
    seen->known = true;
    qsort(all, (size_t)seen->count, sizeof *all, by_number);
    return PP_OK;
}

/* The side with this name, -1 for none. */
static int side_named(const char *name) {
    for (int side = PPI_TASKS_TRAIN; side <= PPI_TASKS_ALL; side++) {
        if (strcmp(name, ppi_task_side_name(side)) == 0) return side;
    }
    return -1;
}

/* Tasks of trials are drawn from a whole side of the split. */
static pp_status add_side(ppi_seen_tasks *seen, const ppi_loaded *loaded, const pp_env_spec *spec) {
    const ppi_json *options = ppi_json_find(loaded->checkpoint.config, "options");
    const char *text = NULL;
    int64_t split_seed = 0;
    ppi_tasks tasks = {0};
    if (ppi_json_find(options, "tasks") == NULL) return PP_OK;
    seen->known = true;
    if (ppi_loaded_game(loaded, spec->id) < 0) return PP_OK;
    PPI_TRY(ppi_json_get_string(options, "tasks", &text));
    PPI_TRY(ppi_json_get_i64(options, "env.split-seed", &split_seed));
    const int side = side_named(text);
    if (side < 0)
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: config.json has tasks '%s', expected train, test or all",
                        loaded->checkpoint.folder, text);
    seen->split_seed = (uint64_t)split_seed;
    PPI_TRY(
        ppi_tasks_split_mode(&tasks, spec->id, spec->mode, (ppi_task_side)side, seen->split_seed));
    const pp_status s = add_tasks(seen, tasks.task, tasks.count);
    ppi_tasks_free(&tasks);
    return s;
}

pp_status ppi_seen_tasks_read(ppi_seen_tasks *out, const ppi_loaded *loaded,
                              const pp_env_spec *spec) {
    const ppi_checkpoint *ck = &loaded->checkpoint;
    ppi_trained_on trained;
    *out = (ppi_seen_tasks){0};
    if (ck->state.online) return add_side(out, loaded, spec);
    PPI_TRY(ppi_trained_on_read(&trained, ck));
    pp_status s = PP_OK;
    for (int i = 0; i < trained.count && s == PP_OK; i++) {
        const ppi_trained_env *e = &trained.env[i];
        out->known = true;
        if (strcmp(family_of(e->env), family_of(spec->id)) != 0) continue;
        out->split_seed = e->split_seed;
        s = add_tasks(out, e->task, e->tasks);
    }
    ppi_trained_on_free(&trained);
    return s;
}

void ppi_run_tasks_free(ppi_run_tasks *tasks) {
    ppi_free(tasks->task);
    *tasks = (ppi_run_tasks){0};
}

static pp_status no_task_held(bool known) {
    if (known) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "tasks held: the agent was trained on every task of the training side; "
                        "methods that learn from data hold some back with --data.tasks N");
    }
    return ppi_fail(PP_ERR_ARGUMENT,
                    "tasks held: the checkpoint does not say which tasks it was trained on");
}

/* Leaves the tasks of the training side that were not trained on; *count of them. */
static void keep_held(ppi_tasks *list, const ppi_seen_tasks *seen, int64_t *count) {
    *count = 0;
    for (int64_t i = 0; i < list->count && seen->known; i++) {
        if (!ppi_seen_task(seen, list->task[i])) list->task[(*count)++] = list->task[i];
    }
}

/* One task a run from a list of the training side, round and round. */
static pp_status choose_held(ppi_run_tasks *out, const ppi_seen_tasks *seen,
                             const pp_env_spec *spec) {
    ppi_tasks list;
    int64_t n = 0;
    pp_status s = PP_OK;
    const bool must = strcmp(out->side, "held") == 0;
    PPI_TRY(ppi_tasks_split_mode(&list, spec->id, spec->mode, PPI_TASKS_TRAIN,
                                 (uint64_t)out->split_seed));
    const bool unbounded = list.count == 0;
    if (!unbounded) keep_held(&list, seen, &n);
    const bool held = (unbounded && seen->known) || n > 0;
    if (must && !held) s = no_task_held(seen->known);
    if (n > 0) list.count = n;
    for (int64_t r = 0; r < out->runs && s == PP_OK; r++)
        out->task[r] = ppi_tasks_pick(&list, unbounded && held ? k_held_index + r : r);
    snprintf(out->side, sizeof out->side, "%s", held ? "held" : "train");
    ppi_tasks_free(&list);
    return s;
}

static bool is_held(const char *side) {
    return strcmp(side, "held") == 0 || strcmp(side, "auto") == 0;
}

pp_status ppi_run_tasks_check(const char *side) {
    if (side[0] == '\0' || is_held(side) || side_named(side) >= 0) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "tasks '%s', expected train, test, all, held or auto", side);
}

static pp_status choose_side(ppi_run_tasks *out, const pp_env_spec *spec) {
    ppi_tasks list;
    const int side = side_named(out->side);
    PPI_TRY(ppi_tasks_split_mode(&list, spec->id, spec->mode, (ppi_task_side)side,
                                 (uint64_t)out->split_seed));
    for (int64_t r = 0; r < out->runs; r++) out->task[r] = ppi_tasks_pick(&list, r);
    ppi_tasks_free(&list);
    return PP_OK;
}

static int64_t count_distinct(const ppi_run_tasks *t) {
    int64_t distinct = 0;
    for (int64_t r = 0; r < t->runs; r++) {
        bool again = false;
        for (int64_t k = 0; k < r && !again; k++) again = t->task[k] == t->task[r];
        distinct += !again;
    }
    return distinct;
}

/* Counts the runs on tasks that were trained on and refuses them where a test is meant. */
static pp_status check_seen(ppi_run_tasks *t, const ppi_seen_tasks *seen, const pp_env_spec *spec,
                            bool allow) {
    const bool tested = t->side[0] == '\0' || strcmp(t->side, "test") == 0;
    int64_t first = -1;
    t->seen = seen->known ? 0 : -1;
    for (int64_t r = 0; r < t->runs && seen->known; r++) {
        if (!ppi_seen_task(seen, t->task[r])) continue;
        if (t->seen++ == 0) first = t->task[r];
    }
    if (t->seen <= 0 || !tested || allow || spec->task_count == 1) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "task %" PRId64 " of %s was in the training set of this agent (%" PRId64
                    " of %" PRId64 " runs play such tasks): test on the other side of the split "
                    "the data were collected with (--env.split-seed), or say --allow-seen",
                    first, spec->id, t->seen, t->runs);
}

pp_status ppi_run_tasks_choose(ppi_run_tasks *out, const ppi_loaded *loaded,
                               const pp_env_spec *spec, int64_t runs,
                               const ppi_run_task_options *o) {
    ppi_seen_tasks seen;
    *out = (ppi_run_tasks){.runs = runs, .split_seed = o->split_seed};
    snprintf(out->side, sizeof out->side, "%s", o->side);
    out->task = ppi_calloc((size_t)runs, sizeof *out->task);
    if (out->task == NULL) return ppi_oom("the tasks of runs");
    pp_status s = ppi_seen_tasks_read(&seen, loaded, spec);
    if (o->split_seed < 0) out->split_seed = (int64_t)seen.split_seed;
    const bool held = is_held(out->side);
    if (s == PP_OK) s = ppi_run_tasks_check(out->side);
    for (int64_t r = 0; r < runs; r++) out->task[r] = spec->task;
    if (s == PP_OK && held) s = choose_held(out, &seen, spec);
    if (s == PP_OK && !held && out->side[0] != '\0') s = choose_side(out, spec);
    if (s == PP_OK) s = check_seen(out, &seen, spec, o->allow_seen);
    out->distinct = count_distinct(out);
    ppi_seen_tasks_free(&seen);
    return s;
}
