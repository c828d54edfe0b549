/* Evaluation: plays, sums up, prints for people. The record is written by eval_record.c. */
#include "run/eval.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "env/atari_table.h"
#include "env/facts.h"
#include "env/vec.h"
#include "run/eval_job.h"
#include "run/train.h"
#include "run/option_rows.h"
#include "stats/aggregate.h"

#define FIELD(name) offsetof(ppi_eval_options, name)
#define MAX_GAMES   256

static const ppi_option rows[] = {
    {.name = "env",
     .type = PPI_OPT_STR,
     .offset = FIELD(env),
     .size = 8192,
     .def = "",
     .help = "Environments: ids or sets (@mgdt41), separated by commas."},
    {.name = "episodes",
     .type = PPI_OPT_I64,
     .offset = FIELD(episodes),
     .def = "16",
     .min = 1,
     .max = 1e7,
     .help = "Episodes of each game."},
    PPI_ROW_EPISODE_SEED,
    {.name = "envs",
     .type = PPI_OPT_I64,
     .offset = FIELD(envs),
     .def = "8",
     .min = 1,
     .max = 1024,
     .help = "Environments stepped together; no effect on the result.",
     .alias = "eval.envs"},
    PPI_ROW_THREADS,
    PPI_ROW_DTYPE("auto"),
    {.name = "out",
     .type = PPI_OPT_STR,
     .offset = FIELD(out),
     .size = 1024,
     .def = "",
     .help = "Record file (.json) or its folder; empty takes eval/ of the run folder."},
    PPI_ROW_CHECKPOINT,
    {.name = "hns.carnival",
     .type = PPI_OPT_BOOL,
     .offset = FIELD(carnival),
     .def = "off",
     .help = "Normalise Carnival with 3800 as the human score instead of leaving it out."},
    {.name = "tasks",
     .type = PPI_OPT_STR,
     .offset = FIELD(tasks),
     .size = 8,
     .def = "",
     .help = "Side of a task family, train, test or all: episode e plays task e mod n of it; empty "
             "plays env.task. In context also held: training tasks that were not trained on; empty "
             "is then test, or env.task where that was given."},
    PPI_ROW_SPLIT_SEED,
    PPI_ROW_PRESET,
    {.name = "runs",
     .type = PPI_OPT_I64,
     .offset = FIELD(runs),
     .def = "32",
     .min = 1,
     .max = 65536,
     .help = "Agents that learn in context: runs, each with --episodes episodes of one task, the "
             "context kept over them; run r plays task r mod n."},
    {.name = "allow-seen",
     .type = PPI_OPT_BOOL,
     .offset = FIELD(allow_seen),
     .def = "off",
     .help = "In context: also test on tasks that the agent was trained on."},
    {.name = "prompt",
     .type = PPI_OPT_STR,
     .offset = FIELD(prompt),
     .size = 1024,
     .def = "",
     .help = "In context: dataset of source histories; each run begins with a stretch of one of its "
             "task in its context."},
    {.name = "prompt.fraction",
     .type = PPI_OPT_F64,
     .offset = FIELD(prompt_fraction),
     .def = "0.5",
     .min = 0.001,
     .max = 1,
     .help = "Where the stretch ends: at the first episode whose running mean return is this share "
             "of the history's final one."},
    {.name = "prompt.steps",
     .type = PPI_OPT_I64,
     .offset = FIELD(prompt_steps),
     .def = "0",
     .min = 0,
     .max = 1e9,
     .help = "Length of the stretch; 0 fills the agent's context."},
    {.name = "source",
     .type = PPI_OPT_STR,
     .offset = FIELD(source),
     .size = 4096,
     .def = "",
     .help = "In context: datasets of the source learner to compare with; empty takes those the "
             "agent was trained on, none leaves the comparison out."},
};
const ppi_option_table ppi_eval_option_table = {"eval", rows, (int)(sizeof rows / sizeof rows[0])};

pp_status ppi_eval_job_create(ppi_eval_job **out, const char *run) {
    *out = NULL;
    ppi_eval_job *job = ppi_calloc(1, sizeof *job);
    if (job == NULL) return ppi_oom("an evaluation");
    const pp_status s = ppi_acting_open(&job->from, run, &ppi_eval_option_table, &job->eval);
    if (s != PP_OK) {
        ppi_eval_job_destroy(job);
        return s;
    }
    *out = job;
    return PP_OK;
}

void ppi_eval_job_destroy(ppi_eval_job *job) {
    if (job == NULL) return;
    ppi_acting_close(&job->from);
    ppi_free(job);
}

ppi_options *ppi_eval_job_options(ppi_eval_job *job) {
    return job->from.set;
}
const ppi_eval_options *ppi_eval_job_eval_options(const ppi_eval_job *job) {
    return &job->eval;
}

void ppi_eval_result_free(ppi_eval_result *result) {
    ppi_free(result->game);
    ppi_free(result->returns);
    memset(result, 0, sizeof *result);
}

/* Different episodes: by actions and rewards of every step. */
static int64_t distinct_episodes(const ppi_episode_result *e, int64_t n) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        bool copy = false;
        for (int64_t j = 0; j < i && !copy; j++)
            copy = e[j].digest == e[i].digest && e[j].steps == e[i].steps;
        count += !copy;
    }
    return count;
}

pp_status ppi_eval_reference(ppi_score_reference *out, const char *env, bool carnival) {
    const ppi_atari_game *game = strncmp(env, "ale/", 4) == 0 ? ppi_atari_game_find(env) : NULL;
    *out = (ppi_score_reference){"none", NAN, NAN};
    if (game == NULL) {
        ppi_env_facts facts;
        if (strncmp(env, "arcade/", 7) == 0 && ppi_env_facts_of(&facts, env))
            *out = (ppi_score_reference){PPI_ARCADE_TABLE, facts.random, facts.good};
        return PP_OK;
    }
    /* How the published aggregates normalise these two is unknown; they stay out unless asked for.
     */
    if (strcmp(game->rom, "pooyan") == 0) return PP_OK;
    if (strcmp(game->rom, "carnival") == 0 && !carnival) return PP_OK;
    *out = (ppi_score_reference){PPI_REFERENCE_TABLE, game->random, game->human};
    return PP_OK;
}

/* Rules the environment really has, for record and report. */
static pp_status read_spec(ppi_eval_play *g, const ppi_env_options *env) {
    const char *const ids[1] = {g->env};
    ppi_vec *vec = NULL;
    PPI_TRY(ppi_vec_create(&vec, ids, 1, env, 1));
    g->spec = *ppi_vec_spec(vec, 0);
    ppi_vec_destroy(vec);
    return ppi_episode_rules_for(&g->rules, g->env, env);
}

/* The tasks that are played; nothing for the one of env.task. A run must not be tested on the task
   it was trained on. */
static pp_status read_tasks(ppi_tasks *tasks, const ppi_eval_job *job, const ppi_eval_play *g) {
    static const char *const sides[] = {"train", "test", "all"};
    const ppi_eval_options *o = &job->eval;
    const ppi_loaded *from = &job->from.loaded;
    memset(tasks, 0, sizeof *tasks);
    if (o->tasks[0] == '\0') return PP_OK;
    int side = 0;
    while (side < 3 && strcmp(o->tasks, sides[side]) != 0) side++;
    if (side == 3) {
        return ppi_fail(PP_ERR_ARGUMENT, "tasks '%s', expected train, test or all", o->tasks);
    }
    PPI_TRY(ppi_tasks_split_mode(tasks, g->env, g->spec.mode, (ppi_task_side)side,
                                 (uint64_t)o->split_seed));
    if (side != PPI_TASKS_TEST || g->spec.task_count == 1 || ppi_loaded_game(from, g->env) < 0)
        return PP_OK;
    const pp_status s = ppi_tasks_check_side(g->env, g->spec.mode, PPI_TASKS_TRAIN,
                                             (uint64_t)o->split_seed, &from->checkpoint.state.task,
                                             1);
    if (s != PP_OK) ppi_tasks_free(tasks);
    return s == PP_OK ? s : ppi_fail_context(s, "this agent was trained on what is to test it");
}

pp_status ppi_eval_play_open(ppi_eval_job *job, ppi_eval_play *g) {
    PPI_TRY(ppi_protocol_apply(&job->from.env, job->from.set, &job->from.loaded, g->env,
                               &g->protocol));
    return read_spec(g, &job->from.env);
}

static pp_status play_game(ppi_eval_job *job, ppi_eval_play *g) {
    const ppi_eval_options *o = &job->eval;
    ppi_tasks tasks;
    ppi_play_request request = {
        .agent = job->from.loaded.agent,
        .game = ppi_loaded_game(&job->from.loaded, g->env),
        .pad = ppi_loaded_pads(&job->from.loaded),
        .env = g->env,
        .env_options = &job->from.env,
        .episodes = o->episodes,
        .seed = (uint64_t)o->seed,
        .envs = (int)o->envs,
        .threads = ppi_thread_count(o->threads),
        .progress = g->env,
    };
    const double start = ppi_clock_seconds();
    g->episodes = ppi_calloc((size_t)o->episodes, sizeof *g->episodes);
    if (g->episodes == NULL) return ppi_oom("episode results");
    PPI_TRY(ppi_eval_play_open(job, g));
    PPI_TRY(read_tasks(&tasks, job, g));
    if (o->tasks[0] != '\0') request.tasks = &tasks;
    const pp_status s = ppi_play_episodes(&request, g->episodes, &g->decisions);
    ppi_tasks_free(&tasks);
    PPI_TRY(s);
    g->wall = ppi_clock_seconds() - start;
    return PP_OK;
}

/* returns[episodes] is filled; sorted[episodes] is scratch. */
static pp_status sum_up_game(ppi_eval_game *out, const ppi_eval_play *g, double *returns,
                             double *sorted, const ppi_eval_options *o) {
    const int64_t n = o->episodes;
    ppi_score_reference reference;
    double length = 0;
    for (int64_t e = 0; e < n; e++) {
        returns[e] = g->episodes[e].ret;
        length += (double)g->episodes[e].steps;
    }
    snprintf(out->env, sizeof out->env, "%s", g->env);
    out->mean = ppi_stats_mean(returns, n);
    memcpy(sorted, returns, (size_t)n * sizeof *sorted);
    ppi_stats_sort(sorted, n);
    out->median = ppi_stats_percentile(sorted, n, 50);
    out->std = ppi_stats_std(returns, n);
    out->min = sorted[0];
    out->max = sorted[n - 1];
    out->mean_length = length / (double)n;
    out->episodes = n;
    out->distinct = distinct_episodes(g->episodes, n);
    out->distinct_returns = ppi_stats_distinct(sorted, n);
    PPI_TRY(ppi_eval_reference(&reference, g->env, o->carnival));
    return ppi_score_normalise(&out->hns, out->mean, &reference);
}

static pp_status sum_up(ppi_eval_result *r, const ppi_eval_play *plays, int n,
                        const ppi_eval_options *o) {
    const int64_t episodes = o->episodes;
    double hns[MAX_GAMES];
    int with_reference = 0;
    r->n_games = n;
    r->episodes = episodes;
    r->iqm_hns = NAN;
    r->game = ppi_calloc((size_t)n, sizeof *r->game);
    r->returns = ppi_calloc((size_t)n * (size_t)episodes, sizeof *r->returns);
    double *sorted = ppi_malloc((size_t)episodes * sizeof *sorted);
    pp_status s = PP_OK;
    if (r->game == NULL || r->returns == NULL || sorted == NULL) s = ppi_oom("scores");
    for (int i = 0; i < n && s == PP_OK; i++) {
        s = sum_up_game(&r->game[i], &plays[i], r->returns + i * episodes, sorted, o);
        if (s == PP_OK && isfinite(r->game[i].hns)) hns[with_reference++] = r->game[i].hns;
    }
    ppi_free(sorted);
    ppi_stats_sort(hns, with_reference);
    if (with_reference > 0) r->iqm_hns = ppi_stats_trimmed_mean(hns, with_reference, 0.25);
    return s;
}

const char *ppi_eval_score_name(const ppi_eval_result *r) {
    for (int i = 0; i < r->n_games; i++) {
        if (isfinite(r->game[i].hns) && strncmp(r->game[i].env, "ale/", 4) != 0)
            return "normalised score";
    }
    return "human-normalised score";
}

double ppi_eval_score(const ppi_eval_result *r, const char **statistic) {
    bool normalised = true;
    double sum = 0;
    for (int i = 0; i < r->n_games; i++) normalised = normalised && isfinite(r->game[i].hns);
    for (int i = 0; i < r->n_games; i++) sum += normalised ? r->game[i].hns : r->game[i].mean;
    const bool human = strncmp(ppi_eval_score_name(r), "human", 5) == 0;
    *statistic = !normalised && r->in_context ? "mean return of the last fifth of the episodes"
                 : !normalised                ? "mean return"
                 : human                      ? "mean human-normalised score"
                             : "mean normalised score";
    return sum / r->n_games;
}

static void describe_protocol(char *out, size_t size, const ppi_eval_play *g,
                              const ppi_eval_options *o) {
    snprintf(
        out, size,
        "protocol %s: sticky %g, skip %d, no-op starts <= %d frames, fire at reset %s, life loss "
        "ends no episode, cap %d frames, rewards unclipped, %s%" PRId64 " episodes, seeds %" PRId64
        "..%" PRId64,
        g->protocol, g->spec.sticky, g->spec.frame_skip, g->spec.noop_max,
        g->spec.fire_reset ? "yes" : "no", g->spec.max_steps * g->spec.frame_skip,
        g->rules.drop_last_reward ? "final reward omitted, " : "", o->episodes, o->seed,
        o->seed + o->episodes - 1);
}

/* One line for each protocol: games of two kinds have two. */
static void protocol_lines(char *out, size_t size, const ppi_eval_play *plays, int n,
                           const ppi_eval_options *o) {
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        bool seen = false;
        for (int j = 0; j < i && !seen; j++)
            seen = strcmp(plays[i].protocol, plays[j].protocol) == 0;
        if (seen || used + 1 >= size) continue;
        if (used > 0) out[used++] = '\n';
        describe_protocol(out + used, size - used, &plays[i], o);
        used += strlen(out + used);
    }
}

static void report_text(ppi_buf *out, const ppi_eval_result *r) {
    ppi_buf_printf(out, "%-24s %10s %9s %10s %10s %8s %8s %9s\n", "game", "mean", "std", "min",
                   "max", "norm", "steps", "distinct");
    for (int i = 0; i < r->n_games; i++) {
        const ppi_eval_game *g = &r->game[i];
        char hns[32] = "-";
        if (isfinite(g->hns)) snprintf(hns, sizeof hns, "%.3f", g->hns);
        ppi_buf_printf(
            out, "%-24s %10.2f %9.2f %10.2f %10.2f %8s %8.0f %4" PRId64 "/%-4" PRId64 "\n", g->env,
            g->mean, g->std, g->min, g->max, hns, g->mean_length, g->distinct, g->episodes);
    }
    for (int i = 0; i < r->n_games; i++) {
        const ppi_eval_game *g = &r->game[i];
        if (g->distinct == g->episodes) continue;
        ppi_buf_printf(out,
                       "warning: %s: only %" PRId64 " of %" PRId64
                       " episodes differ; an interval over copies means nothing\n",
                       g->env, g->distinct, g->episodes);
    }
    if (isfinite(r->iqm_hns) && r->n_games > 1) {
        ppi_buf_printf(out, "IQM of the games' %ss %.3f\n", ppi_eval_score_name(r), r->iqm_hns);
    }
    for (int arcade = 0; arcade < 2; arcade++) {
        bool used = false;
        for (int i = 0; i < r->n_games; i++)
            used = used || (isfinite(r->game[i].hns) &&
                            (strncmp(r->game[i].env, "ale/", 4) != 0) == (arcade != 0));
        if (used)
            ppi_buf_printf(out, "reference table %s\n", arcade ? PPI_ARCADE_TABLE : PPI_REFERENCE_TABLE);
    }
    ppi_buf_printf(out, "%s\nrecord %s\n", r->protocol_line, r->record);
}

/* Options that only runs of an agent that learns in context have. */
static pp_status check_context_options(const ppi_eval_job *job) {
    static const char *const names[] = {"runs", "prompt", "allow-seen", "source"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!ppi_options_was_set(job->from.set, names[i])) continue;
        return ppi_fail(PP_ERR_ARGUMENT,
                        "option %s is of agents that learn in context; %s is not one of them",
                        names[i], job->from.run);
    }
    return PP_OK;
}

static pp_status evaluate(ppi_eval_job *job, ppi_eval_play *plays, int n, ppi_buf *report,
                          ppi_eval_result *r) {
    const ppi_eval_options *o = &job->eval;
    if (job->from.loaded.agent == NULL) {
        PPI_TRY(ppi_loaded_select(&job->from.loaded, job->from.run, o->checkpoint));
        PPI_TRY(ppi_loaded_create(&job->from.loaded, job->from.set, o->preset, (uint64_t)o->seed, o->dtype,
                                  ppi_thread_count(o->threads)));
    }
    PPI_TRY(ppi_eval_record_check_folder(job));
    if (job->from.loaded.agent != NULL && ppi_agent_in_context(job->from.loaded.agent))
        return ppi_eval_in_context(job, plays, n, report, r);
    PPI_TRY(check_context_options(job));
    for (int i = 0; i < n; i++) PPI_TRY(play_game(job, &plays[i]));
    PPI_TRY(sum_up(r, plays, n, o));
    protocol_lines(r->protocol_line, sizeof r->protocol_line, plays, n, o);
    PPI_TRY(ppi_eval_record_write(job, plays, n, r));
    if (report != NULL) report_text(report, r);
    return PP_OK;
}

pp_status ppi_eval(ppi_eval_job *job, ppi_buf *report, ppi_eval_result *result) {
    char(*ids)[PP_ENV_ID_BYTES] = ppi_calloc(MAX_GAMES, sizeof *ids);
    ppi_eval_result local = {0};
    ppi_eval_result *r = result != NULL ? result : &local;
    ppi_eval_play *plays = NULL;
    int n = 0;
    memset(r, 0, sizeof *r);
    if (ids == NULL) return ppi_oom("environment ids");
    pp_status s = job->eval.env[0] != '\0'
                      ? ppi_env_expand(ids, MAX_GAMES, &n, job->eval.env)
                      : ppi_fail(PP_ERR_ARGUMENT, "no environment given; use --env");
    if (s == PP_OK) plays = ppi_calloc((size_t)n, sizeof *plays);
    if (s == PP_OK && plays == NULL) s = ppi_oom("the games");
    for (int i = 0; i < n && s == PP_OK; i++) memcpy(plays[i].env, ids[i], sizeof plays[i].env);
    ppi_free(ids);
    if (s == PP_OK) s = evaluate(job, plays, n, report, r);
    for (int i = 0; plays != NULL && i < n; i++) ppi_free(plays[i].episodes);
    ppi_free(plays);
    if (s != PP_OK || result == NULL) ppi_eval_result_free(r);
    return s;
}
