/* Planning a collection with learners: options, games, tasks, what each learner is made of. */
#include "run/collect_plan.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "env/registry.h"
#include "run/learn_job.h"
#include "run/method_options.h"
#include "run/option_rows.h"
#include "run/train.h"

#define FIELD(name) offsetof(ppi_collect_learn_options, name)

/* MOST_ENVS: what the option collect.envs takes; a learner may choose more for itself. */
enum { MAX_GAMES = 128, MOST_ENVS = PPI_STORE_ENVS };

static const ppi_option rows[] = {
    {.name = "collect.learner",
     .type = PPI_OPT_STR,
     .offset = FIELD(learner),
     .size = 32,
     .def = "",
     .help = "Method that learns while it plays (polyplay info --methods); empty: a policy plays.",
     .alias = "learner"},
    {.name = "collect.model",
     .type = PPI_OPT_STR,
     .offset = FIELD(model),
     .size = 32,
     .def = "",
     .help = "Size of the learner's network; empty takes the one for the observation.",
     .alias = "model"},
    {.name = "histories",
     .type = PPI_OPT_I64,
     .offset = FIELD(histories),
     .def = "1",
     .min = 1,
     .max = 1e6,
     .help = "Learners of each seed and game; history i plays task i mod n of the tasks."},
    {.name = "histories.actors",
     .type = PPI_OPT_I64,
     .offset = FIELD(actors),
     .def = "0",
     .min = 0,
     .max = 65536,
     .help = "Streams of each learner that are stored, each as a history; 0 stores one, or all "
             "where a replay is filled from them."},
    {.name = "seeds",
     .type = PPI_OPT_STR,
     .offset = FIELD(seeds),
     .size = 1024,
     .def = "",
     .help = "Seeds of the learners, separated by commas, all in one dataset; empty takes "
             "--seed."},
    {.name = "tasks",
     .type = PPI_OPT_CHOICE,
     .offset = FIELD(tasks),
     .def = "train",
     .choices = "train|test|all",
     .help =
         "Side of the split of a task family that is played; with a policy, environment i plays "
         "task i mod n."},
    {.name = "task-ids",
     .type = PPI_OPT_STR,
     .offset = FIELD(task_ids),
     .size = 4096,
     .def = "",
     .help = "Tasks of that side, separated by commas, instead of all of them."},
    PPI_ROW_SPLIT_SEED,
    {.name = "checkpoint.every",
     .type = PPI_OPT_I64,
     .offset = FIELD(checkpoint_every),
     .def = "0",
     .min = 0,
     .max = 1e12,
     .help = "Agent steps of a learner between checkpoints, 0 = one a minute."},
    PPI_ROW_DTYPE("f32"),
};
const ppi_option_table ppi_collect_learn_option_table = {"learner", rows,
                                                         (int)(sizeof rows / sizeof rows[0])};

/* ---- the job --------------------------------------------------------------------------------- */

static pp_status bind(ppi_collect_job *job) {
    PPI_TRY(ppi_options_create(&job->set));
    PPI_TRY(ppi_options_bind(job->set, &ppi_collect_option_table, &job->collect));
    PPI_TRY(ppi_options_bind(job->set, &ppi_collect_learn_option_table, &job->learn));
    PPI_TRY(ppi_options_bind(job->set, &ppi_env_option_table, &job->env));
    if (job->method == NULL) return PP_OK;
    PPI_TRY(ppi_method_options_new(&job->method_options, job->method, job->set));
    return ppi_options_set(job->set, "collect.learner", job->method->name, "command line");
}

static pp_status find_learner(const ppi_method **out, const char *learner) {
    *out = NULL;
    if (learner[0] == '\0') return PP_OK;
    PPI_TRY(ppi_method_find(out, learner));
    if ((*out)->learner != NULL) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "collect: method %s learns from data and plays no games while it does; "
                    "polyplay info --methods lists those that do",
                    learner);
}

pp_status ppi_collect_job_create(ppi_collect_job **out, const char *learner) {
    const ppi_method *method = NULL;
    *out = NULL;
    PPI_TRY(find_learner(&method, learner));
    ppi_collect_job *job = ppi_calloc(1, sizeof *job);
    if (job == NULL) return ppi_oom("a collection");
    job->method = method;
    const pp_status s = bind(job);
    if (s != PP_OK) {
        ppi_collect_job_destroy(job);
        return s;
    }
    *out = job;
    return PP_OK;
}

void ppi_collect_job_destroy(ppi_collect_job *job) {
    if (job == NULL) return;
    ppi_options_destroy(job->set);
    ppi_free(job->method_options);
    ppi_free(job);
}

ppi_options *ppi_collect_job_options(ppi_collect_job *job) {
    return job->set;
}

/* ---- lengths --------------------------------------------------------------------------------- */

/* Agent steps of a learner where nobody says: lengths of the source runs of Algorithm Distillation
 * (all streams summed) and, for the methods without a paper's figure, histories of some hundred
 * episodes. A name that ends in '/' stands for all games under it. */
static const struct {
    const char *learner, *env;
    int64_t steps;
} lengths[] = {
    {"a2c", "dark/room", 800000},
    {"a2c", "dark/room-hard", 1000000},
    {"a2c", "dark/key-to-door", 10000000},
    {"qlambda", "watermaze", 100000},
    {"ucb", "bandit/", 100},
    {"qtable", "dark/room", 10000},
    {"qtable", "dark/room-hard", 10000},
    {"qtable", "dark/key-to-door", 100000},
    {"noise", "dark/room", 8000},
    {"noise", "dark/room-hard", 10000},
    {"noise", "dark/key-to-door", 100000},
    {"noise", "watermaze", 6250},
    {"noise", "bandit/", 100},
    {"dqn", "arcade/", 2000000},
    {"c51", "arcade/", 2000000},
    {"impala", "arcade/", 2000000},
};

static pp_status default_steps(int64_t *out, const char *learner, const char *env) {
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const size_t n = strlen(lengths[i].env);
        const bool family = lengths[i].env[n - 1] == '/';
        if (strcmp(lengths[i].learner, learner) != 0) continue;
        if (family ? strncmp(lengths[i].env, env, n) != 0 : strcmp(lengths[i].env, env) != 0)
            continue;
        *out = lengths[i].steps;
        return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT, "collect: how long %s learns on %s is not known; use --steps",
                    learner, env);
}

/* ---- games and tasks ------------------------------------------------------------------------- */

static pp_status read_seeds(ppi_collect_plan *plan) {
    const ppi_collect_job *job = plan->job;
    int64_t list[PPI_COLLECT_SEEDS] = {job->collect.seed};
    int count = 1;
    if (job->learn.seeds[0] != '\0') {
        PPI_TRY(ppi_numbers_parse(list, PPI_COLLECT_SEEDS, &count, job->learn.seeds, "seeds"));
    }
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < i; j++) {
            if (list[i] != list[j]) continue;
            return ppi_fail(PP_ERR_ARGUMENT, "seeds: %" PRId64 " stands there twice", list[i]);
        }
        plan->seeds[i] = (uint64_t)list[i];
    }
    plan->seed_count = count;
    plan->per_game = count * job->learn.histories;
    return PP_OK;
}

uint64_t ppi_collect_seed(uint64_t seed, int64_t h) {
    ppi_rng rng;
    if (h == 0) return seed;
    ppi_rng_init(&rng, seed, PPI_RNG_COLLECT, (uint64_t)h);
    return ppi_rng_u64(&rng) >> 12; /* leaves room for the numbers of environments */
}

static int64_t task_of(const ppi_collect_game *game, int64_t k) {
    return ppi_task_choice_pick(&game->tasks, game->set.base / game->actors + k);
}

ppi_learn_config ppi_collect_config(const ppi_collect_plan *plan, const ppi_collect_game *game,
                                    int64_t k) {
    const ppi_collect_job *job = plan->job;
    const int64_t histories = job->learn.histories;
    return (ppi_learn_config){
        .method = job->method,
        .size = job->learn.model,
        .options = job->method_options,
        .games = &game->games,
        .env = &job->env,
        .task = task_of(game, k),
        .streams = ppi_options_was_set(job->set, "collect.envs") ? job->collect.envs : 0,
        .steps = game->total,
        .seed = ppi_collect_seed(plan->seeds[k / histories], k % histories),
        .policy =
            ppi_dtype_is_bf16(job->learn.dtype) ? PPI_DTYPE_POLICY_BF16 : PPI_DTYPE_POLICY_F32,
        .threads = 1,
    };
}

/* Makes the first learner and lets it go: what fails, fails here, and what it says of itself. */
static pp_status try_learner(const ppi_collect_plan *plan, ppi_collect_game *game) {
    ppi_learn *l = NULL;
    const ppi_learn_config config = ppi_collect_config(plan, game, 0);
    PPI_TRY(ppi_learn_open(&l, &config));
    game->streams = ppi_learn_streams(l);
    game->total = ppi_learn_total(l);
    const pp_status s = ppi_learn_log_actors(&game->actors, l, plan->job->learn.actors);
    ppi_learn_close(l);
    return s;
}

/* One network size serves all games of a command. */
static pp_status choose_model(ppi_collect_plan *plan) {
    ppi_collect_job *job = plan->job;
    if (job->learn.model[0] == '\0') {
        const char *size = ppi_learn_default_size(job->method, &plan->game[0].games.obs);
        for (int i = 1; i < plan->count; i++) {
            const ppi_learn_games *g = &plan->game[i].games;
            if (strcmp(ppi_learn_default_size(job->method, &g->obs), size) == 0) continue;
            return ppi_fail(PP_ERR_ARGUMENT,
                            "collect: %s and %s show different kinds of observation; say --model, "
                            "or collect them one after the other",
                            plan->game[0].games.spec[0].id, g->spec[0].id);
        }
        PPI_TRY(ppi_options_set(job->set, "collect.model", size, "observation"));
    }
    return ppi_method_apply_recipe(job->method, job->set, job->learn.model);
}

static pp_status open_games(ppi_collect_plan *plan, char (*ids)[PP_ENV_ID_BYTES]) {
    static const int64_t native[3] = {0, 0, 0};
    const ppi_collect_job *job = plan->job;
    const ppi_task_options tasks = {job->learn.tasks, job->learn.task_ids, job->learn.split_seed};
    for (int i = 0; i < plan->count; i++) {
        ppi_collect_game *g = &plan->game[i];
        g->actors = 1;
        g->total = job->collect.steps;
        PPI_TRY(ppi_learn_games_open(&g->games, &ids[i], 1, &job->env, native));
        if (!ppi_options_was_set(job->set, "collect.steps")) {
            PPI_TRY(default_steps(&g->total, job->method->name, ids[i]));
        }
        PPI_TRY(ppi_task_choice_open(&g->tasks, &g->games.spec[0], &tasks));
    }
    return PP_OK;
}

static pp_status expand(ppi_collect_plan *plan) {
    char(*ids)[PP_ENV_ID_BYTES] = ppi_calloc(MAX_GAMES, sizeof *ids);
    if (ids == NULL) return ppi_oom("the list of games");
    pp_status s = ppi_env_expand(ids, MAX_GAMES, &plan->count, plan->job->collect.env);
    if (s == PP_OK) {
        plan->game = ppi_calloc((size_t)plan->count, sizeof *plan->game);
        s = plan->game == NULL ? ppi_oom("the games of a collection") : open_games(plan, ids);
    }
    ppi_free(ids);
    return s;
}

/* Shows a length or a number of environments that all games agree on as the value of its option. */
static pp_status settle(const ppi_collect_plan *plan, const char *option, size_t field,
                        int64_t most) {
    ppi_options *set = plan->job->set;
    const int64_t value = *(const int64_t *)((const char *)&plan->game[0] + field);
    char text[32];
    for (int i = 1; i < plan->count; i++) {
        if (*(const int64_t *)((const char *)&plan->game[i] + field) != value) return PP_OK;
    }
    if (ppi_options_was_set(set, option) || value > most) return PP_OK;
    snprintf(text, sizeof text, "%" PRId64, value);
    return ppi_options_set(set, option, text, "learner");
}

pp_status ppi_collect_plan_make(ppi_collect_plan *plan, ppi_collect_job *job) {
    memset(plan, 0, sizeof *plan);
    plan->job = job;
    PPI_TRY(read_seeds(plan));
    PPI_TRY(expand(plan));
    PPI_TRY(choose_model(plan));
    for (int i = 0; i < plan->count; i++) PPI_TRY(try_learner(plan, &plan->game[i]));
    PPI_TRY(settle(plan, "collect.steps", offsetof(ppi_collect_game, total), INT64_MAX));
    PPI_TRY(settle(plan, "collect.envs", offsetof(ppi_collect_game, streams), MOST_ENVS));
    return ppi_method_options_json(job->method, job->set, &plan->options_json);
}

void ppi_collect_plan_free(ppi_collect_plan *plan) {
    for (int i = 0; plan->game != NULL && i < plan->count; i++) {
        ppi_learn_games_free(&plan->game[i].games);
        ppi_task_choice_free(&plan->game[i].tasks);
    }
    ppi_free(plan->game);
    ppi_buf_free(&plan->options_json);
}

/* What every collection needs; a recipe file may name a learner that the command did not. */
static pp_status check_basics(const ppi_collect_job *job) {
    const char *learner = job->method != NULL ? job->method->name : "";
    if (strcmp(job->learn.learner, learner) != 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "the options are of learner '%s', the command names '%s'; say --learner %s",
                        job->learn.learner, learner, job->learn.learner);
    }
    if (job->collect.env[0] != '\0') return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "collect needs --env (polyplay info --envs lists them)");
}

pp_status ppi_collect_job_resolve(ppi_collect_job *job) {
    ppi_collect_plan plan;
    PPI_TRY(check_basics(job));
    if (job->method == NULL) return PP_OK;
    const pp_status s = ppi_collect_plan_make(&plan, job);
    ppi_collect_plan_free(&plan);
    return s;
}

/* True when tasks of a family were chosen rather than the one of env.task. */
static bool chose_tasks(const ppi_collect_job *job) {
    return ppi_options_was_set(job->set, "tasks") || ppi_options_was_set(job->set, "task-ids") ||
           ppi_options_was_set(job->set, "env.split-seed");
}

/* What a policy is given beside its own options; those of learners mean nothing to it. */
static pp_status prepare_policy(ppi_collect_job *job) {
    static const char *const needs_learner[] = {"histories", "histories.actors", "seeds",
                                                "collect.model"};
    for (size_t i = 0; i < sizeof needs_learner / sizeof needs_learner[0]; i++) {
        if (!ppi_options_was_set(job->set, needs_learner[i])) continue;
        return ppi_fail(PP_ERR_ARGUMENT, "option %s needs --learner, a policy does not learn",
                        needs_learner[i]);
    }
    job->collect.env_options = &job->env;
    job->collect.choose_tasks = chose_tasks(job);
    job->collect.tasks =
        (ppi_task_options){job->learn.tasks, job->learn.task_ids, job->learn.split_seed};
    return PP_OK;
}

pp_status ppi_collect_job_check(ppi_collect_job *job) {
    PPI_TRY(ppi_collect_job_resolve(job));
    if (job->method != NULL) return PP_OK;
    PPI_TRY(prepare_policy(job));
    return ppi_collect_check(&job->collect);
}

/* ---- running --------------------------------------------------------------------------------- */

static pp_status open_dataset(ppi_collect_plan *plan, ppi_collect_game *game) {
    const ppi_collect_job *job = plan->job;
    const pp_env_spec *spec = &game->games.spec[0];
    const bool family = spec->task_count != 1;
    const ppi_learn_dataset_request q = {
        .root = job->collect.out,
        .name = job->collect.name,
        .learner = job->method->name,
        .spec = spec,
        .env = &job->env,
        .seeds = plan->seeds,
        .seed_count = plan->seed_count,
        .histories = job->learn.histories * game->actors,
        .streams = game->streams,
        .steps = game->total,
        .tasks = family ? ppi_task_side_name(job->learn.tasks) : "",
        .split_seed = family ? (uint64_t)job->learn.split_seed : 0,
        .resume = job->collect.resume,
        .append = job->collect.append,
    };
    game->opened = true;
    game->left = plan->per_game;
    return ppi_learn_dataset_open(&game->set, &q);
}

static pp_status collect_all(ppi_collect_plan *plan, ppi_buf *report) {
    pp_status s = PP_OK;
    for (int i = 0; i < plan->count && s == PP_OK; i++) s = open_dataset(plan, &plan->game[i]);
    if (s == PP_OK) s = ppi_collect_play(plan);
    for (int i = 0; i < plan->count; i++) {
        if (plan->game[i].opened) s = ppi_learn_dataset_close(&plan->game[i].set, s);
    }
    for (int i = 0; i < plan->count && s == PP_OK; i++) {
        s = ppi_collect_report(plan->game[i].set.folder, report);
    }
    return s;
}

pp_status ppi_collect_job_run(ppi_collect_job *job, ppi_buf *report) {
    ppi_collect_plan plan;
    PPI_TRY(check_basics(job));
    if (job->method == NULL) {
        PPI_TRY(prepare_policy(job));
        return ppi_collect(&job->collect, report);
    }
    pp_status s = ppi_collect_plan_make(&plan, job);
    if (s == PP_OK) s = collect_all(&plan, report);
    ppi_collect_plan_free(&plan);
    return s;
}
