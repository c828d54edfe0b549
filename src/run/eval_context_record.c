/* The record of an in-context evaluation: everything that has to be known about its figures. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "run/eval_context.h"

static void interval(ppi_jsonw *w, const char *key, double value, double low, double high) {
    ppi_eval_record_object(w, key);
    ppi_jsonw_key_f64(w, "value", value);
    ppi_jsonw_key_f64(w, "low", low);
    ppi_jsonw_key_f64(w, "high", high);
    ppi_jsonw_object_end(w);
}

/* 0 = never, written as null. */
static void point(ppi_jsonw *w, const char *key, int64_t value) {
    ppi_jsonw_key(w, key);
    if (value > 0) {
        ppi_jsonw_i64(w, value);
    } else {
        ppi_jsonw_null(w);
    }
}

static void write_tasks(ppi_jsonw *w, const ppi_context_game *g) {
    const ppi_run_tasks *t = &g->tasks;
    ppi_jsonw_key_string(w, "side", t->side[0] != '\0' ? t->side : NULL);
    ppi_jsonw_key_i64(w, "split_seed", t->split_seed);
    ppi_jsonw_key_i64(w, "distinct_tasks", t->distinct);
    ppi_jsonw_key(w, "runs_on_tasks_trained_on");
    if (t->seen >= 0) {
        ppi_jsonw_i64(w, t->seen);
    } else {
        ppi_jsonw_null(w);
    }
}

static void write_prompt(ppi_jsonw *w, const ppi_context_game *g, const ppi_eval_options *o) {
    if (g->prompts.runs == 0) {
        ppi_jsonw_key(w, "prompt");
        ppi_jsonw_null(w);
        return;
    }
    ppi_eval_record_object(w, "prompt");
    ppi_jsonw_key_string(w, "dataset", g->prompts.dataset);
    ppi_jsonw_key_f64(w, "fraction", o->prompt_fraction);
    ppi_jsonw_object_end(w);
}

static void write_curve(ppi_jsonw *w, const ppi_context_curve *c) {
    ppi_jsonw_key_string(w, "points", c->per_step ? "steps" : "episodes");
    interval(w, "first", c->first, c->low[0], c->high[0]);
    interval(w, "final", c->final, c->final_low, c->final_high);
    ppi_jsonw_key_i64(w, "final_over", c->final_over);
    point(w, "to_half", c->half);
    point(w, "to_90_percent", c->ninety);
    interval(w, "score", c->score, c->score_low, c->score_high);
    ppi_jsonw_key_i64(w, "score_over", c->score_over);
    ppi_jsonw_key_i64(w, "smoothing", c->smoothing);
    ppi_jsonw_key_string(w, "interval", "percentile bootstrap over the runs");
    ppi_jsonw_key_f64(w, "confidence", PPI_CONTEXT_CONFIDENCE);
    ppi_jsonw_key_i64(w, "bootstrap_repetitions", PPI_CONTEXT_REPETITIONS);
}

static void write_bandit(ppi_jsonw *w, const ppi_context_bandit *b) {
    if (!b->played) return;
    ppi_eval_record_object(w, "bandit");
    ppi_jsonw_key_f64(w, "random", b->random);
    ppi_jsonw_key_f64(w, "ucb", b->ucb);
    ppi_jsonw_key_i64(w, "lives", b->lives);
    interval(w, "normalised_score", b->score, b->low, b->high);
    ppi_jsonw_object_end(w);
}

static void write_source(ppi_jsonw *w, const ppi_source_figures *f) {
    const double actors = (double)f->actors;
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_string(w, "dataset", f->dataset);
    ppi_jsonw_key_string(w, "learner", f->learner);
    ppi_jsonw_key_i64(w, "histories", f->histories);
    ppi_jsonw_key_i64(w, "actors", f->actors);
    ppi_jsonw_key_f64(w, "steps_of_a_stream", f->own_steps);
    ppi_jsonw_key_f64(w, "final", f->final);
    for (int k = 0; k < 2; k++) {
        const double scale = k == 0 ? actors : 1;
        ppi_eval_record_object(w, k == 0 ? "all_actors" : "one_stream");
        ppi_jsonw_key_f64(w, "return_after_the_agents_steps", k == 0 ? f->at_all : f->at_one);
        ppi_jsonw_key_f64(w, "steps_to_the_agents_final", f->reach_agent * scale);
        ppi_jsonw_key_f64(w, "steps_to_its_own_final", f->reach_final * scale);
        ppi_jsonw_object_end(w);
    }
    ppi_jsonw_key_f64(w, "agent_steps_to_its_final", f->agent_reach);
    ppi_jsonw_object_end(w);
}

/* Numbers on one line. */
static void write_values(ppi_jsonw *w, const char *key, const double *value, int64_t n) {
    ppi_buf text = {0};
    for (int64_t i = 0; i < n; i++) {
        ppi_buf_append_char(&text, i == 0 ? '[' : ',');
        ppi_buf_append_f64(&text, value[i]);
    }
    ppi_buf_append_char(&text, ']');
    ppi_jsonw_key(w, key);
    ppi_jsonw_raw(w, ppi_buf_text(&text));
    if (text.failed != PP_OK && w->buf->failed == PP_OK) w->buf->failed = text.failed;
    ppi_buf_free(&text);
}

static void write_runs(ppi_jsonw *w, const ppi_context_game *g, int64_t seed) {
    const ppi_context_lives *l = &g->lives;
    ppi_jsonw_key(w, "runs");
    ppi_jsonw_array_begin(w);
    for (int64_t r = 0; r < g->runs; r++) {
        ppi_jsonw_object_begin(w);
        ppi_jsonw_key_i64(w, "task", g->tasks.task[r]);
        ppi_jsonw_key_i64(w, "seed", seed + r);
        ppi_jsonw_key_f64(w, "final", ppi_context_run_final(l, r, g->curve.final_over));
        if (g->prompts.runs > 0) {
            ppi_jsonw_key_i64(w, "prompt_history", g->prompts.history[r]);
            ppi_jsonw_key_i64(w, "prompt_steps", g->prompts.prompt[r].steps);
            ppi_jsonw_key_i64(w, "prompt_end", g->prompts.end[r]);
            ppi_jsonw_key_f64(w, "prompt_return", g->prompts.level[r]);
        }
        write_values(w, "returns", l->ret + r * l->episodes, l->episodes);
        ppi_jsonw_object_end(w);
    }
    ppi_jsonw_array_end(w);
}

static void write_game(ppi_jsonw *w, const ppi_eval_job *job, const ppi_context_game *g) {
    ppi_eval_options side = job->eval; /* the tasks in force */
    memcpy(side.tasks, g->tasks.side, sizeof side.tasks);
    side.split_seed = g->tasks.split_seed;
    ppi_jsonw_object_begin(w);
    ppi_eval_record_environment(w, g->play, &side);
    ppi_eval_record_object(w, "in_context");
    ppi_jsonw_key_i64(w, "runs", g->runs);
    ppi_jsonw_key_i64(w, "episodes", g->episodes);
    write_tasks(w, g);
    write_prompt(w, g, &job->eval);
    write_curve(w, &g->curve);
    ppi_jsonw_key_string(w, "csv", ppi_path_base(g->csv));
    ppi_jsonw_key_string(w, "svg", ppi_path_base(g->svg));
    ppi_jsonw_object_end(w);
    write_bandit(w, &g->bandit);
    ppi_jsonw_key(w, "source");
    ppi_jsonw_array_begin(w);
    for (int i = 0; i < g->sources; i++) write_source(w, &g->source[i]);
    ppi_jsonw_array_end(w);
    write_runs(w, g, job->eval.seed);
    ppi_eval_record_object(w, "cost");
    ppi_jsonw_key_f64(w, "wall", g->play->wall);
    ppi_jsonw_key_i64(w, "agent_steps", g->play->decisions);
    ppi_jsonw_object_end(w);
    ppi_jsonw_object_end(w);
}

static pp_status write_all(ppi_jsonw *w, const ppi_eval_job *job, const ppi_context_game *games,
                           int n, const ppi_eval_result *r) {
    PPI_TRY(ppi_eval_record_head(w, job));
    ppi_jsonw_key_string(w, "protocol_line", r->protocol_line);
    ppi_jsonw_key(w, "games");
    ppi_jsonw_array_begin(w);
    for (int i = 0; i < n; i++) write_game(w, job, &games[i]);
    ppi_jsonw_array_end(w);
    ppi_eval_record_cost(w, job, games[0].play, n);
    ppi_jsonw_object_end(w);
    return ppi_jsonw_finish(w);
}

pp_status ppi_context_record_write(const ppi_eval_job *job, const ppi_context_game *games, int n,
                                   const ppi_eval_result *r) {
    ppi_buf buf = {0};
    ppi_jsonw w;
    ppi_jsonw_init(&w, &buf, 1);
    pp_status s = write_all(&w, job, games, n, r);
    if (s == PP_OK) s = ppi_buf_append_char(&buf, '\n');
    if (s == PP_OK) s = ppi_file_write_atomic(r->record, buf.data, buf.len);
    ppi_buf_free(&buf);
    return s;
}
