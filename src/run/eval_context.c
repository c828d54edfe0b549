/* Evaluation of agents that learn in context: run r plays test task r mod n for all its episodes
   with frozen weights (Laskin et al. 2022, section 4). */
#include "run/eval_context.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "run/board.h"
#include "run/train.h"
#include "run/trained_on.h"

enum {
    SIDE_BY_SIDE = 128, /* most runs in one batch unless --envs says otherwise */
    BANDIT_LIVES = 2000 /* of random play and of UCB each, at least */
};

/* Most bytes of the columns of a source dataset. */
static const int64_t k_source_bytes = INT64_C(4) << 30;

/* Episodes of a run by family: the protocol of the paper, and one life for a bandit. */
static int64_t default_episodes(const char *env) {
    if (strncmp(env, "bandit/", 7) == 0) return 1;
    if (strncmp(env, "dark/", 5) == 0) return 1000;
    return strcmp(env, "watermaze") == 0 ? 160 : 100;
}

static void game_free(ppi_context_game *g) {
    ppi_run_tasks_free(&g->tasks);
    ppi_prompt_set_free(&g->prompts);
    ppi_context_lives_free(&g->lives);
    ppi_context_curve_free(&g->curve);
    for (int i = 0; i < g->sources; i++) ppi_source_figures_free(&g->source[i]);
    g->sources = 0;
}

static pp_status choose_tasks(ppi_context_game *g, const ppi_eval_job *job) {
    const ppi_eval_options *o = &job->eval;
    const pp_env_spec *spec = &g->play->spec;
    const bool given = ppi_options_was_set(job->from.set, "env.split-seed");
    ppi_run_task_options options = {
        .side = o->tasks, .split_seed = given ? o->split_seed : -1, .allow_seen = o->allow_seen};
    if (o->tasks[0] == '\0' && spec->task_count != 1 &&
        !ppi_options_was_set(job->from.set, "env.task"))
        options.side = "test";
    return ppi_run_tasks_choose(&g->tasks, &job->from.loaded, spec, g->runs, &options);
}

static pp_status choose_prompts(ppi_context_game *g, const ppi_eval_job *job) {
    const ppi_prompt_options options = {.dataset = job->eval.prompt,
                                        .fraction = job->eval.prompt_fraction,
                                        .steps = job->eval.prompt_steps};
    if (options.dataset[0] == '\0') return PP_OK;
    return ppi_prompt_set_create(&g->prompts, &options, job->from.loaded.agent, g->play->env,
                                 g->tasks.task, g->runs);
}

static pp_status play_runs(ppi_context_game *g, ppi_eval_job *job) {
    const ppi_eval_options *o = &job->eval;
    const int side_by_side =
        ppi_options_was_set(job->from.set, "envs") ? (int)o->envs : SIDE_BY_SIDE;
    const ppi_context_request request = {
        .agent = job->from.loaded.agent,
        .env = g->play->env,
        .env_options = &job->from.env,
        .game = ppi_loaded_game(&job->from.loaded, g->play->env),
        .tasks = g->tasks.task,
        .prompts = g->prompts.prompt,
        .runs = g->runs,
        .episodes = g->episodes,
        .seed = (uint64_t)o->seed,
        .envs = side_by_side,
        .threads = ppi_thread_count(o->threads),
        .progress = g->play->env,
    };
    PPI_TRY(ppi_context_play(&request, &g->lives));
    g->play->decisions = g->lives.decisions;
    g->play->wall = g->lives.wall;
    return ppi_context_curve_create(&g->curve, &g->lives, (uint64_t)o->seed);
}

/* --- bandits ---------------------------------------------------------------------------------- */

/* Mean return of an agent (NULL: random play) over lives on the runs' arms. */
static pp_status bandit_mean(double *mean, const ppi_context_game *g, const ppi_eval_job *job,
                             ppi_agent *agent, int64_t lives, ppi_episode_result *results) {
    const ppi_tasks tasks = {.count = g->runs, .task = g->tasks.task};
    const ppi_play_request request = {
        .agent = agent,
        .env = g->play->env,
        .env_options = &job->from.env,
        .tasks = &tasks,
        .episodes = lives,
        .seed = (uint64_t)job->eval.seed,
        .envs = (int)(g->runs < 1024 ? g->runs : 1024),
        .threads = 1,
    };
    PPI_TRY(ppi_play_episodes(&request, results, NULL));
    *mean = 0;
    for (int64_t e = 0; e < lives; e++) *mean += results[e].ret / (double)lives;
    return PP_OK;
}

static pp_status make_ucb(ppi_agent **out, ppi_options **set, void **options,
                          const ppi_context_game *g, const ppi_eval_job *job) {
    const pp_env_spec *spec = &g->play->spec;
    const ppi_method *ucb = NULL;
    PPI_TRY(ppi_method_find(&ucb, "ucb"));
    PPI_TRY(ppi_options_create(set));
    *options = ppi_calloc(1, ucb->options_size);
    if (*options == NULL) return ppi_oom("the options of UCB");
    PPI_TRY(ppi_method_bind(ucb, *set, *options));
    ppi_agent_config cfg = {
        .method = ucb,
        .size = ucb->sizes[0],
        .options = *options,
        .obs = ppi_board_native(spec),
        .actions = {.count = spec->min_actions},
        .games = 1,
        .seed = (uint64_t)job->eval.seed,
        .policy = PPI_DTYPE_POLICY_F32,
        .threads = 1,
    };
    memcpy(cfg.actions.list, spec->action_list, sizeof cfg.actions.list);
    return ppi_agent_create(out, &cfg);
}

/* The agent's returns between random play and UCB on the same arms (the paper's figure 3). */
static pp_status score_bandit(ppi_context_game *g, const ppi_eval_job *job) {
    ppi_context_bandit *b = &g->bandit;
    ppi_agent *ucb = NULL;
    ppi_options *set = NULL;
    void *options = NULL;
    if (strncmp(g->play->env, "bandit/", 7) != 0 || !g->curve.per_step) return PP_OK;
    b->lives = (BANDIT_LIVES + g->runs - 1) / g->runs * g->runs;
    ppi_episode_result *results = ppi_calloc((size_t)b->lives, sizeof *results);
    pp_status s = results == NULL ? ppi_oom("episode results") : PP_OK;
    if (s == PP_OK) s = bandit_mean(&b->random, g, job, NULL, b->lives, results);
    if (s == PP_OK) s = make_ucb(&ucb, &set, &options, g, job);
    if (s == PP_OK) s = bandit_mean(&b->ucb, g, job, ucb, b->lives, results);
    const ppi_score_reference reference = {"random and UCB on the same arms", b->random, b->ucb};
    if (s == PP_OK) s = ppi_score_normalise(&b->score, g->curve.score, &reference);
    if (s == PP_OK) s = ppi_score_normalise(&b->low, g->curve.score_low, &reference);
    if (s == PP_OK) s = ppi_score_normalise(&b->high, g->curve.score_high, &reference);
    b->played = s == PP_OK;
    if (ucb != NULL) ppi_agent_destroy(ucb);
    ppi_options_destroy(set);
    ppi_free(options);
    ppi_free(results);
    return s;
}

/* --- source learner --------------------------------------------------------------------------- */

/* Of several environments each takes its own datasets out of the list (`several`). */
static pp_status read_sources(ppi_context_game *g, const char *list, bool several) {
    ppi_dataset **datasets = NULL;
    int n = 0;
    PPI_TRY(ppi_dataset_open_list(&datasets, &n, list, k_source_bytes));
    pp_status s = PP_OK;
    for (int i = 0; i < n && s == PP_OK && g->sources < PPI_CONTEXT_SOURCES; i++) {
        if (several && strcmp(ppi_dataset_info(datasets[i])->env, g->play->env) != 0) continue;
        s = ppi_source_figures_create(&g->source[g->sources++], datasets[i], g->play->env,
                                      g->episodes == 1);
    }
    ppi_dataset_close_list(datasets, n);
    return s;
}

/* The datasets of this environment that the agent was trained on, as a comma list. */
static pp_status trained_datasets(ppi_buf *out, const ppi_eval_job *job, const char *env) {
    ppi_trained_on trained;
    PPI_TRY(ppi_trained_on_read(&trained, &job->from.loaded.checkpoint));
    const ppi_trained_env *e = ppi_trained_on_find(&trained, env);
    for (int64_t i = 0; e != NULL && i < e->folders; i++)
        ppi_buf_printf(out, "%s%s", i > 0 ? "," : "", e->folder[i]);
    ppi_trained_on_free(&trained);
    return out->failed;
}

/* Datasets that were named have to be fit; those of the training may have gone since. */
static pp_status find_sources(ppi_context_game *g, const ppi_eval_job *job, bool several) {
    const char *asked = job->eval.source;
    ppi_buf list = {0};
    if (strcmp(asked, "none") == 0) return PP_OK;
    if (asked[0] != '\0') return read_sources(g, asked, several);
    pp_status s = trained_datasets(&list, job, g->play->env);
    if (s == PP_OK && list.len > 0) s = read_sources(g, list.data, false);
    ppi_buf_free(&list);
    if (s == PP_OK || s == PP_ERR_NO_MEMORY || s == PP_ERR_INTERRUPTED) return s;
    ppi_log(PPI_LOG_WARN, "no figures of the source learner: %s (--source names its datasets)",
            pp_last_error());
    for (int i = 0; i < g->sources; i++) ppi_source_figures_free(&g->source[i]);
    g->sources = 0;
    return PP_OK;
}

/* --- all together ----------------------------------------------------------------------------- */

static pp_status check_sources_used(const ppi_context_game *games, int n, const char *asked) {
    int found = 0;
    for (int i = 0; i < n; i++) found += games[i].sources;
    if (found > 0 || asked[0] == '\0' || strcmp(asked, "none") == 0) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "source %s: no dataset of an environment that is played",
                    asked);
}

/* Everything that can be wrong with what was asked for is found here, before hours are played. */
static pp_status prepare_game(ppi_context_game *g, ppi_eval_job *job, bool several) {
    const bool given = ppi_options_was_set(job->from.set, "episodes");
    PPI_TRY(ppi_eval_play_open(job, g->play));
    g->runs = job->eval.runs;
    g->episodes = given ? job->eval.episodes : default_episodes(g->play->env);
    PPI_TRY(ppi_context_check_spaces(job->from.loaded.agent, &g->play->spec));
    PPI_TRY(choose_tasks(g, job));
    PPI_TRY(choose_prompts(g, job));
    return find_sources(g, job, several);
}

/* several: the environment's rules are put into the job's options again, the last one that was
   prepared left its own there. */
static pp_status play_game(ppi_context_game *g, ppi_eval_job *job, bool several) {
    if (several) PPI_TRY(ppi_eval_play_open(job, g->play));
    PPI_TRY(play_runs(g, job));
    PPI_TRY(score_bandit(g, job));
    for (int i = 0; i < g->sources; i++) ppi_source_compare(&g->source[i], &g->curve);
    return PP_OK;
}

static pp_status sum_up_game(ppi_eval_game *out, const ppi_context_game *g) {
    const ppi_context_lives *l = &g->lives;
    const ppi_context_curve *c = &g->curve;
    double *score = ppi_calloc((size_t)g->runs, sizeof *score);
    if (score == NULL) return ppi_oom("scores");
    const double scale = c->per_step ? (double)c->count : 1;
    for (int64_t r = 0; r < g->runs; r++)
        score[r] = scale * ppi_context_run_final(l, r, c->score_over);
    snprintf(out->env, sizeof out->env, "%s", g->play->env);
    out->mean = c->score;
    out->std = ppi_stats_std(score, g->runs);
    ppi_stats_sort(score, g->runs);
    out->median = ppi_stats_percentile(score, g->runs, 50);
    out->min = score[0];
    out->max = score[g->runs - 1];
    out->hns = g->bandit.played ? g->bandit.score : NAN;
    out->mean_length = (double)l->decisions / (double)(g->runs * g->episodes);
    out->episodes = g->episodes;
    out->distinct_returns = ppi_stats_distinct(score, g->runs);
    out->distinct = out->distinct_returns;
    ppi_free(score);
    return PP_OK;
}

/* Means over the runs by episode; games of fewer episodes than the longest are filled with NAN. */
static pp_status sum_up(ppi_eval_result *r, const ppi_context_game *games, int n) {
    r->n_games = n;
    r->in_context = true;
    r->iqm_hns = NAN;
    for (int i = 0; i < n; i++)
        r->episodes = games[i].episodes > r->episodes ? games[i].episodes : r->episodes;
    r->game = ppi_calloc((size_t)n, sizeof *r->game);
    r->returns = ppi_calloc((size_t)n * (size_t)r->episodes, sizeof *r->returns);
    if (r->game == NULL || r->returns == NULL) return ppi_oom("scores");
    for (int i = 0; i < n; i++) {
        const ppi_context_game *g = &games[i];
        PPI_TRY(sum_up_game(&r->game[i], g));
        for (int64_t e = 0; e < r->episodes; e++) {
            double sum = e < g->episodes ? 0 : NAN;
            for (int64_t k = 0; k < g->runs && e < g->episodes; k++)
                sum += g->lives.ret[k * g->episodes + e];
            r->returns[i * r->episodes + e] = sum / (double)g->runs;
        }
    }
    return PP_OK;
}

static void describe(char *out, size_t size, const ppi_context_game *g, const ppi_eval_options *o) {
    snprintf(out, size,
             "protocol %s, in context: %" PRId64 " run%s of %" PRId64
             " episode%s, weights frozen, context kept over the episodes of a run and dropped "
             "between runs, run seeds %" PRId64 "..%" PRId64,
             g->play->protocol, g->runs, g->runs == 1 ? "" : "s", g->episodes,
             g->episodes == 1 ? "" : "s", o->seed, o->seed + g->runs - 1);
}

/* STEM.json gives STEM.csv and STEM.svg; several environments put their names in between. */
static pp_status name_files(ppi_context_game *g, const char *record, bool several) {
    char stem[PPI_PATH_SIZE];
    char env[PP_ENV_ID_BYTES] = "";
    const size_t length = strlen(record);
    snprintf(stem, sizeof stem, "%.*s", (int)(length > 5 ? length - 5 : length), record);
    if (several) snprintf(env, sizeof env, "%.60s", g->play->env);
    for (char *c = env; *c != '\0'; c++) {
        if (*c == '/') *c = '-';
    }
    const char *dot = several ? "." : "";
    const int a = snprintf(g->csv, sizeof g->csv, "%s%s%s.csv", stem, dot, env);
    const int b = snprintf(g->svg, sizeof g->svg, "%s%s%s.svg", stem, dot, env);
    if (a < (int)sizeof g->csv && b < (int)sizeof g->svg) return PP_OK;
    g->csv[0] = g->svg[0] = '\0';
    return ppi_fail(PP_ERR_ARGUMENT, "the path '%.200s...' is too long", record);
}

static pp_status write_tables(ppi_context_game *games, int n, const char *record) {
    for (int i = 0; i < n; i++) PPI_TRY(name_files(&games[i], record, n > 1));
    for (int i = 0; i < n; i++) {
        PPI_TRY(ppi_context_write_csv(&games[i]));
        PPI_TRY(ppi_context_write_svg(&games[i]));
    }
    return PP_OK;
}

/* The tables first, the record that names them last: without it they go again. */
static pp_status write_files(ppi_eval_job *job, ppi_context_game *games, ppi_eval_play *plays,
                             int n, ppi_eval_result *r) {
    PPI_TRY(ppi_eval_record_path(r->record, sizeof r->record, job, plays, n));
    pp_status s = write_tables(games, n, r->record);
    if (s == PP_OK) s = ppi_context_record_write(job, games, n, r);
    if (s == PP_OK) return s;
    char text[PPI_ERROR_TEXT_SIZE];
    snprintf(text, sizeof text, "%s", pp_last_error());
    for (int i = 0; i < n; i++) {
        if (games[i].csv[0] != '\0') ppi_file_remove(games[i].csv);
        if (games[i].svg[0] != '\0') ppi_file_remove(games[i].svg);
    }
    return ppi_fail(s, "%s", text);
}

pp_status ppi_eval_in_context(ppi_eval_job *job, ppi_eval_play *plays, int n, ppi_buf *report,
                              ppi_eval_result *r) {
    ppi_context_game *games = ppi_calloc((size_t)n, sizeof *games);
    pp_status s = games == NULL ? ppi_oom("the games") : PP_OK;
    for (int i = 0; i < n && s == PP_OK; i++) {
        games[i].play = &plays[i];
        s = prepare_game(&games[i], job, n > 1);
    }
    if (s == PP_OK) s = check_sources_used(games, n, job->eval.source);
    for (int i = 0; i < n && s == PP_OK; i++) s = play_game(&games[i], job, n > 1);
    if (s == PP_OK) {
        describe(r->protocol_line, sizeof r->protocol_line, &games[0], &job->eval);
        s = sum_up(r, games, n);
    }
    if (s == PP_OK) s = write_files(job, games, plays, n, r);
    for (int i = 0; i < n && s == PP_OK && report != NULL; i++)
        s = ppi_context_report(report, &games[i], &job->eval);
    if (s == PP_OK && report != NULL)
        s = ppi_buf_printf(report, "%s\nrecord %s\n", r->protocol_line, r->record);
    for (int i = 0; i < n && games != NULL; i++) game_free(&games[i]);
    ppi_free(games);
    return s;
}
