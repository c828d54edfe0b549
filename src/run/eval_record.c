/* The evaluation record: everything that has to be known about a score. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/version.h"
#include "run/eval_job.h"
#include "run/train.h"

#define BOOTSTRAP_REPETITIONS 2000
#define BOOTSTRAP_CONFIDENCE  0.95

void ppi_eval_record_object(ppi_jsonw *w, const char *key) {
    ppi_jsonw_key(w, key);
    ppi_jsonw_object_begin(w);
}

/* The episodes that chose the best checkpoint, from the options its run was made with. */
static pp_status write_best_choice(ppi_jsonw *w, const ppi_checkpoint *ck) {
    const ppi_json *options = ppi_json_find(ck->config, "options");
    const char *env = NULL;
    int64_t episodes = 0;
    int64_t seed = 0;
    ppi_jsonw_key(w, "best_chosen_on");
    if (strcmp(ck->rule, "best") != 0) {
        ppi_jsonw_null(w);
        return PP_OK;
    }
    PPI_TRY(ppi_json_get_string(options, "eval.env", &env));
    PPI_TRY(ppi_json_get_i64(options, "eval.episodes", &episodes));
    PPI_TRY(ppi_json_get_i64(options, "eval.seed", &seed));
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_string(w, "games", env);
    ppi_jsonw_key_i64(w, "episodes_per_game", episodes);
    ppi_jsonw_key_i64(w, "first_seed", seed);
    if (ck->method->calls->act_task != NULL) { /* in context a seed is a run's */
        const char *tasks = NULL;
        int64_t runs = 0;
        PPI_TRY(ppi_json_get_i64(options, "eval.runs", &runs));
        PPI_TRY(ppi_json_get_string(options, "eval.tasks", &tasks));
        ppi_jsonw_key_i64(w, "runs", runs);
        ppi_jsonw_key_string(w, "tasks", tasks);
        episodes = runs;
    }
    ppi_jsonw_key_i64(w, "last_seed", seed + episodes - 1);
    ppi_jsonw_object_end(w);
    return PP_OK;
}

static pp_status write_model(ppi_jsonw *w, const ppi_eval_job *job) {
    const ppi_checkpoint *ck = &job->from.loaded.checkpoint;
    ppi_eval_record_object(w, "model");
    if (job->from.loaded.random) {
        ppi_jsonw_key_string(w, "method", "random");
        ppi_jsonw_key_string(w, "sha256", NULL);
        ppi_jsonw_key_i64(w, "parameters", 0);
        ppi_jsonw_key_string(w, "checkpoint_rule", "none");
    } else {
        ppi_jsonw_key_string(w, "method", ck->method->name);
        ppi_jsonw_key_string(w, "size", ck->state.size);
        ppi_jsonw_key_string(w, "sha256", ck->model_sha256);
        ppi_jsonw_key_i64(w, "parameters", ck->state.parameters);
        ppi_jsonw_key_string(w, "checkpoint", ck->folder);
        ppi_jsonw_key_i64(w, "checkpoint_step", ck->state.step);
        ppi_jsonw_key_string(w, "checkpoint_rule", ck->rule);
        PPI_TRY(write_best_choice(w, ck));
        char seed[32];
        snprintf(seed, sizeof seed, "%" PRIu64, ck->state.seed);
        ppi_jsonw_key_string(w, "training_seed", seed);
    }
    ppi_jsonw_object_end(w);
    return PP_OK;
}

/* Which task of a family was played, or which side of its split. */
static void write_tasks(ppi_jsonw *w, const pp_env_spec *s, const ppi_eval_options *o) {
    if (o->tasks[0] == '\0') {
        ppi_jsonw_key_i64(w, "task", s->task);
        return;
    }
    ppi_jsonw_key_string(w, "tasks", o->tasks);
    ppi_jsonw_key_i64(w, "split_seed", o->split_seed);
}

void ppi_eval_record_environment(ppi_jsonw *w, const ppi_eval_play *g, const ppi_eval_options *o) {
    const pp_env_spec *s = &g->spec;
    const bool atari = strncmp(g->env, "ale/", 4) == 0;
    ppi_eval_record_object(w, "environment");
    ppi_jsonw_key_string(w, "game", g->env);
    ppi_jsonw_key_string(w, "protocol", g->protocol);
    ppi_jsonw_key_string(w, "backend", s->backend);
    ppi_jsonw_key_string(w, "backend_version", s->backend_version);
    ppi_jsonw_key_string(w, "rom_md5", s->rom_md5[0] != '\0' ? s->rom_md5 : NULL);
    ppi_jsonw_key_string(w, "view", s->view);
    ppi_jsonw_key_f64(w, "sticky", s->sticky);
    ppi_jsonw_key_i64(w, "frame_skip", s->frame_skip);
    ppi_jsonw_key_string(w, "resize", atari ? "area" : "none");
    ppi_jsonw_key_i64(w, "noop_min", 0);
    ppi_jsonw_key_i64(w, "noop_max", s->noop_max);
    ppi_jsonw_key_string(w, "noop_unit", "emulated frames");
    ppi_jsonw_key_bool(w, "fire_at_reset", s->fire_reset != 0);
    ppi_jsonw_key_bool(w, "life_loss_ends_episode", false);
    ppi_jsonw_key_bool(w, "rewards_clipped", false);
    ppi_jsonw_key_bool(w, "final_reward_omitted", g->rules.drop_last_reward);
    ppi_jsonw_key_i64(w, "cap_frames", (int64_t)s->max_steps * s->frame_skip);
    ppi_jsonw_key_i64(w, "mode", s->mode);
    ppi_jsonw_key_i64(w, "difficulty", s->difficulty);
    if (s->task_count != 1) write_tasks(w, s, o);
    ppi_jsonw_key(w, "action_set");
    ppi_jsonw_array_begin(w);
    for (int i = 0; i < s->min_actions; i++) ppi_jsonw_i64(w, s->action_list[i]);
    ppi_jsonw_array_end(w);
    ppi_jsonw_key_string(w, "illegal_actions", "no-op");
    ppi_jsonw_object_end(w);
}

static void write_episodes(ppi_jsonw *w, const ppi_eval_play *g, int64_t n) {
    ppi_jsonw_key(w, "episodes");
    ppi_jsonw_array_begin(w);
    for (int64_t e = 0; e < n; e++) {
        const ppi_episode_result *r = &g->episodes[e];
        ppi_jsonw_object_begin(w);
        ppi_jsonw_key_i64(w, "seed", (int64_t)r->seed);
        ppi_jsonw_key_f64(w, "return", r->ret);
        ppi_jsonw_key_f64(w, "final_reward", r->final_reward);
        ppi_jsonw_key_i64(w, "steps", r->steps);
        ppi_jsonw_key_i64(w, "frames", r->frames);
        ppi_jsonw_key_string(w, "end", r->terminated ? "terminal" : "cap");
        ppi_jsonw_object_end(w);
    }
    ppi_jsonw_array_end(w);
}

/* One aggregate with its interval. */
static pp_status write_aggregate(ppi_jsonw *w, const char *of, ppi_aggregate a, const double *s,
                                 int64_t runs, int64_t tasks, const char *pooled, uint64_t seed) {
    double value = 0;
    double low = 0;
    double high = 0;
    PPI_TRY(ppi_aggregate_value(&value, a, s, runs, tasks));
    PPI_TRY(ppi_stats_bootstrap(&low, &high, a, s, runs, tasks, BOOTSTRAP_REPETITIONS,
                                BOOTSTRAP_CONFIDENCE, seed));
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_string(w, "of", of);
    ppi_jsonw_key_string(w, "statistic", ppi_aggregate_name(a));
    ppi_jsonw_key_f64(w, "value", value);
    ppi_jsonw_key(w, "interval");
    ppi_jsonw_array_begin(w);
    ppi_jsonw_f64(w, low);
    ppi_jsonw_f64(w, high);
    ppi_jsonw_array_end(w);
    ppi_jsonw_key_f64(w, "confidence", BOOTSTRAP_CONFIDENCE);
    ppi_jsonw_key_i64(w, "bootstrap_repetitions", BOOTSTRAP_REPETITIONS);
    ppi_jsonw_key_i64(w, "bootstrap_seed", (int64_t)seed);
    ppi_jsonw_key_string(w, "pooled", pooled);
    ppi_jsonw_object_end(w);
    return PP_OK;
}

static pp_status write_game(ppi_jsonw *w, const ppi_eval_job *job, const ppi_eval_play *g,
                            const ppi_eval_game *sum, const double *returns) {
    const int64_t n = job->eval.episodes;
    ppi_score_reference reference;
    PPI_TRY(ppi_eval_reference(&reference, g->env, job->eval.carnival));
    ppi_jsonw_object_begin(w);
    ppi_eval_record_environment(w, g, &job->eval);
    write_episodes(w, g, n);
    ppi_eval_record_object(w, "honesty");
    ppi_jsonw_key_i64(w, "distinct_episodes", sum->distinct);
    ppi_jsonw_key_i64(w, "distinct_returns", sum->distinct_returns);
    ppi_jsonw_key_string(w, "warning",
                         sum->distinct < n
                             ? "some episodes are copies; an interval over copies means nothing"
                             : NULL);
    ppi_jsonw_object_end(w);
    ppi_eval_record_object(w, "reference");
    ppi_jsonw_key_string(w, "table", reference.table);
    ppi_jsonw_key_f64(w, "random", reference.random);
    ppi_jsonw_key_f64(w, strncmp(g->env, "ale/", 4) == 0 ? "human" : "good", reference.good);
    ppi_jsonw_object_end(w);
    ppi_eval_record_object(w, "score");
    ppi_jsonw_key_f64(w, "mean", sum->mean);
    ppi_jsonw_key_f64(w, "median", sum->median);
    ppi_jsonw_key_f64(w, "std", sum->std);
    ppi_jsonw_key_f64(w, "min", sum->min);
    ppi_jsonw_key_f64(w, "max", sum->max);
    ppi_jsonw_key_f64(w, "hns", sum->hns);
    ppi_jsonw_object_end(w);
    ppi_jsonw_key(w, "aggregate");
    ppi_jsonw_array_begin(w);
    PPI_TRY(write_aggregate(w, "raw return", PPI_AGGREGATE_MEAN, returns, n, 1,
                            "episodes of the game", (uint64_t)job->eval.seed));
    ppi_jsonw_array_end(w);
    ppi_eval_record_object(w, "cost");
    ppi_jsonw_key_f64(w, "wall", g->wall);
    ppi_jsonw_key_i64(w, "agent_steps", g->decisions);
    ppi_jsonw_key_f64(w, "steps_per_second", g->wall > 0 ? (double)g->decisions / g->wall : 0);
    ppi_jsonw_object_end(w);
    ppi_jsonw_object_end(w);
    return PP_OK;
}

/* Normalised scores of all games with a reference, as [episodes, games]. */
static pp_status write_pooled(ppi_jsonw *w, const ppi_eval_job *job, const ppi_eval_result *r) {
    const int64_t n = job->eval.episodes;
    double *scores = ppi_calloc((size_t)(n * r->n_games), sizeof *scores);
    double *means = ppi_calloc((size_t)r->n_games, sizeof *means);
    pp_status s = scores == NULL || means == NULL ? ppi_oom("scores") : PP_OK;
    int64_t tasks = 0;
    for (int i = 0; i < r->n_games && s == PP_OK; i++) tasks += isfinite(r->game[i].hns);
    int64_t m = 0;
    for (int i = 0; i < r->n_games && s == PP_OK; i++) {
        ppi_score_reference reference;
        if (!isfinite(r->game[i].hns)) continue;
        s = ppi_eval_reference(&reference, r->game[i].env, job->eval.carnival);
        for (int64_t e = 0; e < n && s == PP_OK; e++) {
            s = ppi_score_normalise(&scores[e * tasks + m], r->returns[i * n + e], &reference);
        }
        means[m++] = r->game[i].hns;
    }
    ppi_jsonw_key(w, "aggregate");
    ppi_jsonw_array_begin(w);
    if (tasks > 0 && s == PP_OK) {
        const uint64_t seed = (uint64_t)job->eval.seed;
        s = write_aggregate(w, ppi_eval_score_name(r), PPI_AGGREGATE_IQM, means, 1, tasks,
                            "game means, one training seed", seed);
        if (s == PP_OK)
            s = write_aggregate(w, ppi_eval_score_name(r), PPI_AGGREGATE_IQM, scores, n, tasks,
                                "episodes of all games", seed);
        if (s == PP_OK)
            s = write_aggregate(w, ppi_eval_score_name(r), PPI_AGGREGATE_MEDIAN, scores, n, tasks,
                                "episodes, then game means", seed);
        if (s == PP_OK)
            s = write_aggregate(w, ppi_eval_score_name(r), PPI_AGGREGATE_MEAN, scores, n, tasks,
                                "episodes, then game means", seed);
    }
    ppi_jsonw_array_end(w);
    ppi_free(scores);
    ppi_free(means);
    return s;
}

static pp_status write_acting(ppi_jsonw *w, const ppi_eval_job *job) {
    ppi_eval_record_object(w, "acting");
    if (job->from.loaded.random) {
        ppi_jsonw_key_string(w, "policy", "uniform over the minimal actions");
    } else {
        PPI_TRY(ppi_agent_describe_acting(job->from.loaded.agent, w));
        ppi_jsonw_key_string(w, "planner", "none");
    }
    ppi_jsonw_object_end(w);
    return PP_OK;
}

void ppi_eval_record_cost(ppi_jsonw *w, const ppi_eval_job *job, const ppi_eval_play *plays,
                          int n) {
    double wall = 0;
    int64_t steps = 0;
    for (int i = 0; i < n; i++) {
        wall += plays[i].wall;
        steps += plays[i].decisions;
    }
    ppi_eval_record_object(w, "cost");
    ppi_jsonw_key_f64(w, "wall", wall);
    ppi_jsonw_key_f64(w, "steps_per_second", wall > 0 ? (double)steps / wall : 0);
    ppi_jsonw_key_string(w, "device", "cpu");
    ppi_jsonw_key_string(w, "isa", ppi_isa_name(ppi_cpu_isa()));
    ppi_jsonw_key_string(w, "dtype", ppi_dtype_is_bf16(job->eval.dtype) ? "bf16" : "f32");
    ppi_jsonw_key_i64(w, "threads", ppi_thread_count(job->eval.threads));
    ppi_jsonw_key_i64(w, "envs", job->eval.envs);
    ppi_jsonw_object_end(w);
}

pp_status ppi_eval_record_head(ppi_jsonw *w, const ppi_eval_job *job) {
    char now[PPI_CLOCK_TEXT_SIZE];
    ppi_clock_text(now, ppi_clock_wall());
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_i64(w, "format", 1);
    ppi_jsonw_key_string(w, "program", ppi_version());
    ppi_jsonw_key_string(w, "commit", ppi_version_commit());
    ppi_jsonw_key_string(w, "time", now);
    PPI_TRY(write_model(w, job));
    PPI_TRY(write_acting(w, job));
    ppi_jsonw_key_i64(w, "seed", job->eval.seed);
    return PP_OK;
}

static pp_status write_all(ppi_jsonw *w, const ppi_eval_job *job, const ppi_eval_play *plays, int n,
                           const ppi_eval_result *r) {
    PPI_TRY(ppi_eval_record_head(w, job));
    ppi_jsonw_key_i64(w, "episodes_per_game", job->eval.episodes);
    ppi_jsonw_key_string(w, "protocol_line", r->protocol_line);
    ppi_eval_record_object(w, "normalisation");
    ppi_jsonw_key_string(w, "table", PPI_REFERENCE_TABLE);
    ppi_jsonw_key_bool(w, "carnival_3800", job->eval.carnival);
    ppi_jsonw_object_end(w);
    ppi_jsonw_key(w, "games");
    ppi_jsonw_array_begin(w);
    for (int i = 0; i < n; i++) {
        PPI_TRY(write_game(w, job, &plays[i], &r->game[i], r->returns + i * job->eval.episodes));
    }
    ppi_jsonw_array_end(w);
    PPI_TRY(write_pooled(w, job, r));
    ppi_eval_record_cost(w, job, plays, n);
    ppi_jsonw_object_end(w);
    return ppi_jsonw_finish(w);
}

/* True where --out names the record itself, not its folder. */
static bool names_record(const ppi_eval_job *job) {
    const size_t len = strlen(job->eval.out);
    return len > 5 && strcmp(job->eval.out + len - 5, ".json") == 0;
}

/* Of the record: <run>/eval, or what --out says. */
static pp_status record_folder(char *out, size_t size, const ppi_eval_job *job) {
    if (names_record(job)) return ppi_path_dir(out, size, job->eval.out);
    if (job->eval.out[0] != '\0') return ppi_path_join(out, size, job->eval.out);
    char run_dir[PPI_PATH_SIZE] = "";
    if (!job->from.loaded.random) ppi_checkpoint_run_dir(run_dir, job->from.loaded.checkpoint.folder);
    return ppi_path_join(out, size, run_dir, "eval");
}

pp_status ppi_eval_record_check_folder(const ppi_eval_job *job) {
    char folder[PPI_PATH_SIZE];
    PPI_TRY(record_folder(folder, sizeof folder, job));
    return ppi_dir_check_writable(folder);
}

/* <folder>/<games>__<protocol>__<seed>__<time>.json, or what --out says. */
pp_status ppi_eval_record_path(char *out, size_t size, const ppi_eval_job *job,
                               const ppi_eval_play *plays, int n) {
    char stem[224];
    char name[256];
    char folder[PPI_PATH_SIZE];
    PPI_TRY(record_folder(folder, sizeof folder, job));
    PPI_TRY(ppi_dir_make(folder));
    if (names_record(job)) {
        snprintf(out, size, "%s", job->eval.out);
        return PP_OK;
    }
    char games[96];
    snprintf(games, sizeof games, "%.60s", plays[0].env);
    if (n > 1) snprintf(games, sizeof games, "%d-games", n);
    for (char *c = games; *c != '\0'; c++) {
        if (*c == '/') *c = '-';
    }
    snprintf(stem, sizeof stem, "%s__%s__%" PRId64 "__%lld", games, plays[0].protocol,
             job->eval.seed, (long long)ppi_clock_wall());
    for (int k = 0; k < 1000; k++) { /* no record ever replaces another */
        snprintf(name, sizeof name, k == 0 ? "%s.json" : "%s_%d.json", stem, k);
        PPI_TRY(ppi_path_join(out, size, folder, name));
        if (!ppi_file_exists(out)) return PP_OK;
    }
    return ppi_fail(PP_ERR_EXISTS, "'%s' is full of records of this second", folder);
}

pp_status ppi_eval_record_write(const ppi_eval_job *job, const ppi_eval_play *plays, int n,
                                ppi_eval_result *result) {
    ppi_buf buf = {0};
    ppi_jsonw w;
    ppi_jsonw_init(&w, &buf, 1);
    pp_status s = ppi_eval_record_path(result->record, sizeof result->record, job, plays, n);
    if (s == PP_OK) s = write_all(&w, job, plays, n, result);
    if (s == PP_OK) s = ppi_buf_append_char(&buf, '\n');
    if (s == PP_OK) s = ppi_file_write_atomic(result->record, buf.data, buf.len);
    ppi_buf_free(&buf);
    return s;
}
