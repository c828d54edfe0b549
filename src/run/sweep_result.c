/* What the runs of a sweep leave: a result for each evaluation, made out of its record. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "run/sweep_internal.h"

void ppi_sweep_result_free(ppi_sweep_result *result) {
    ppi_free(result->curve);
    *result = (ppi_sweep_result){0};
}

/* ---- paths ----------------------------------------------------------------------------------- */

pp_status ppi_sweep_path(char *out, const ppi_sweep *sweep, ppi_sweep_run_id id,
                         const char *ending) {
    char name[512];
    snprintf(name, sizeof name, "seed-%" PRId64 "%s", sweep->seeds[id.seed], ending);
    return ppi_path_join(out, PPI_PATH_SIZE, sweep->out, sweep->recipe.cell[id.cell].name, name);
}

void ppi_sweep_run_name(char *out, size_t size, const ppi_sweep *sweep, ppi_sweep_run_id id) {
    snprintf(out, size, "%s seed %" PRId64, sweep->recipe.cell[id.cell].name,
             sweep->seeds[id.seed]);
}

static pp_status result_path(char *out, const ppi_sweep *sweep, ppi_sweep_run_id id, int e) {
    const char *name = sweep->recipe.eval[e]->name;
    char ending[PPI_PATH_SIZE];
    snprintf(ending, sizeof ending, "%s%s.json", name[0] != '\0' ? "." : "", name);
    return ppi_sweep_path(out, sweep, id, ending);
}

/* ---- results --------------------------------------------------------------------------------- */

static const char *const curve_keys[3] = {"curve", "curve_low", "curve_high"};

static void write_curve(ppi_jsonw *w, const ppi_sweep_result *r) {
    ppi_jsonw_key_string(w, "point", r->point);
    for (int k = 0; k < 3; k++) {
        ppi_jsonw_key(w, curve_keys[k]);
        ppi_jsonw_array_begin(w);
        for (int64_t i = 0; i < r->points; i++) ppi_jsonw_f64(w, r->curve[k * r->points + i]);
        ppi_jsonw_array_end(w);
    }
}

pp_status ppi_sweep_result_write(const ppi_sweep *sweep, ppi_sweep_run_id id, int e,
                                 const ppi_sweep_result *r) {
    char path[PPI_PATH_SIZE];
    ppi_buf evaluation = {0};
    ppi_buf text = {0};
    ppi_jsonw w;
    pp_status s = ppi_recipe_write_eval(&sweep->recipe, sweep->recipe.eval[e], &evaluation);
    ppi_jsonw_init(&w, &text, 1);
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_key_i64(&w, "format", 1);
    ppi_jsonw_key_string(&w, "cell", sweep->recipe.cell[id.cell].name);
    ppi_jsonw_key_i64(&w, "seed", sweep->seeds[id.seed]);
    ppi_jsonw_key_string(&w, "evaluation", ppi_buf_text(&evaluation));
    ppi_jsonw_key_i64(&w, "updates", r->updates);
    ppi_jsonw_key_f64(&w, "loss", r->loss);
    ppi_jsonw_key_string(&w, "statistic", r->statistic);
    ppi_jsonw_key_f64(&w, "value", r->value);
    ppi_jsonw_key_f64(&w, "low", r->low);
    ppi_jsonw_key_f64(&w, "high", r->high);
    ppi_jsonw_key_f64(&w, "first", r->first);
    ppi_jsonw_key_f64(&w, "half", r->half);
    ppi_jsonw_key_f64(&w, "ninety", r->ninety);
    ppi_jsonw_key_f64(&w, "seconds", r->seconds);
    ppi_jsonw_key_string(&w, "record", r->record);
    if (r->points > 0) write_curve(&w, r);
    ppi_jsonw_object_end(&w);
    if (s == PP_OK) s = ppi_jsonw_finish(&w);
    if (s == PP_OK) s = ppi_buf_append_char(&text, '\n');
    if (s == PP_OK) s = result_path(path, sweep, id, e);
    if (s == PP_OK) s = ppi_file_write_atomic(path, text.data, text.len);
    ppi_buf_free(&evaluation);
    ppi_buf_free(&text);
    return s;
}

/* A number, or NAN where JSON had none to write. */
static pp_status as_number(const ppi_json *value, const char *what, double *out) {
    *out = NAN;
    if (value != NULL && ppi_json_kind_of(value) == PPI_JSON_NULL) return PP_OK;
    return ppi_json_as_f64(value, what, out);
}

static pp_status get_number(const ppi_json *object, const char *key, double *out) {
    const ppi_json *value = ppi_json_find(object, key);
    if (value == NULL) return ppi_fail(PP_ERR_CORRUPT, "\"%s\" is missing", key);
    return as_number(value, key, out);
}

static pp_status read_curve(ppi_sweep_result *out, const ppi_json *json) {
    const ppi_json *list;
    const char *point;
    if (ppi_json_find(json, curve_keys[0]) == NULL) return PP_OK;
    PPI_TRY(ppi_json_get_string(json, "point", &point));
    snprintf(out->point, sizeof out->point, "%s", point);
    PPI_TRY(ppi_json_get_array(json, curve_keys[0], &list));
    const int64_t n = ppi_json_count(list);
    out->curve = ppi_calloc((size_t)(3 * n), sizeof *out->curve);
    if (out->curve == NULL) return ppi_oom("a curve");
    for (int k = 0; k < 3; k++) {
        PPI_TRY(ppi_json_get_array(json, curve_keys[k], &list));
        if (ppi_json_count(list) != n)
            return ppi_fail(PP_ERR_CORRUPT, "%s has %" PRId64 " points, expected %" PRId64,
                            curve_keys[k], ppi_json_count(list), n);
        for (int64_t i = 0; i < n; i++)
            PPI_TRY(as_number(ppi_json_at(list, i), curve_keys[k], &out->curve[k * n + i]));
    }
    out->points = n;
    return PP_OK;
}

static pp_status read_fields(ppi_sweep_result *out, const ppi_json *json) {
    const char *text;
    PPI_TRY(ppi_json_get_i64(json, "updates", &out->updates));
    PPI_TRY(get_number(json, "loss", &out->loss));
    PPI_TRY(get_number(json, "value", &out->value));
    PPI_TRY(get_number(json, "low", &out->low));
    PPI_TRY(get_number(json, "high", &out->high));
    PPI_TRY(get_number(json, "first", &out->first));
    PPI_TRY(get_number(json, "half", &out->half));
    PPI_TRY(get_number(json, "ninety", &out->ninety));
    PPI_TRY(get_number(json, "seconds", &out->seconds));
    PPI_TRY(ppi_json_get_string(json, "statistic", &text));
    snprintf(out->statistic, sizeof out->statistic, "%s", text);
    PPI_TRY(ppi_json_get_string(json, "record", &text));
    snprintf(out->record, sizeof out->record, "%s", text);
    return read_curve(out, json);
}

/* PP_ERR_NOT_FOUND when the result belongs to other options of evaluation. */
static pp_status same_evaluation(const ppi_sweep *sweep, int e, const ppi_json *json) {
    const char *stored;
    ppi_buf wanted = {0};
    PPI_TRY(ppi_json_get_string(json, "evaluation", &stored));
    pp_status s = ppi_recipe_write_eval(&sweep->recipe, sweep->recipe.eval[e], &wanted);
    if (s == PP_OK && strcmp(stored, ppi_buf_text(&wanted)) != 0) s = PP_ERR_NOT_FOUND;
    ppi_buf_free(&wanted);
    return s == PP_ERR_NOT_FOUND ? ppi_fail(s, "the evaluation had other options") : s;
}

pp_status ppi_sweep_result_read(ppi_sweep_result *out, const ppi_sweep *sweep, ppi_sweep_run_id id,
                                int e) {
    char path[PPI_PATH_SIZE];
    ppi_json *json = NULL;
    *out = (ppi_sweep_result){0};
    PPI_TRY(result_path(path, sweep, id, e));
    PPI_TRY(ppi_json_load(&json, path));
    pp_status s = same_evaluation(sweep, e, json);
    if (s == PP_OK) s = read_fields(out, json);
    ppi_json_free(json);
    if (s != PP_OK) ppi_sweep_result_free(out);
    return ppi_fail_context(s, "%s", path);
}

bool ppi_sweep_result_there(const ppi_sweep *sweep, ppi_sweep_run_id id, int e) {
    ppi_sweep_result result;
    const pp_status s = ppi_sweep_result_read(&result, sweep, id, e);
    if (s == PP_OK) ppi_sweep_result_free(&result);
    return s == PP_OK;
}

/* ---- tables of a run ------------------------------------------------------------------------- */

/* Number of the column with this name in the first line of a table, -1 without. */
static int find_column(const char *table, const char *name) {
    const size_t length = strlen(name);
    const size_t line = strcspn(table, "\n");
    int column = 0;
    for (const char *at = table; at < table + line; column++) {
        const size_t n = strcspn(at, ",\n");
        if (n == length && strncmp(at, name, n) == 0) return column;
        at += n + 1;
    }
    return -1;
}

/* Value in a column of a line; NAN for an empty one. */
static double value_at(const char *line, int column) {
    for (int i = 0; i < column; i++) {
        line += strcspn(line, ",\n");
        if (*line != ',') return NAN;
        line++;
    }
    char *end = NULL;
    const double value = strtod(line, &end);
    return end == line ? NAN : value;
}

/* The line behind this one; NULL at the end. */
static const char *next_line(const char *line) {
    line += strcspn(line, "\n");
    return *line == '\n' && line[1] != '\0' ? line + 1 : NULL;
}

double ppi_sweep_last_loss(const char *run_dir) {
    char path[PPI_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    double loss = NAN;
    if (ppi_path_join(path, sizeof path, run_dir, "progress.csv") != PP_OK) return NAN;
    if (ppi_file_read_all(path, &text, &size) != PP_OK) return NAN;
    const int column = find_column(text, "losses/total");
    for (const char *line = next_line(text); line != NULL && column >= 0; line = next_line(line))
        loss = value_at(line, column);
    ppi_free(text);
    return loss;
}

/* ---- records of agents that learn in context ------------------------------------------------- */

static pp_status read_interval(const ppi_json *object, const char *key, double *value, double *low,
                               double *high) {
    const ppi_json *group;
    PPI_TRY(ppi_json_get_object(object, key, &group));
    PPI_TRY(get_number(group, "value", value));
    PPI_TRY(get_number(group, "low", low));
    return get_number(group, "high", high);
}

static pp_status parse_curve(ppi_sweep_result *r, const char *table, const char *path) {
    static const char *const names[3] = {"mean", "low", "high"};
    int column[3];
    int64_t n = 0;
    for (int k = 0; k < 3; k++) {
        column[k] = find_column(table, names[k]);
        if (column[k] < 0) return ppi_fail(PP_ERR_CORRUPT, "%s has no column %s", path, names[k]);
    }
    for (const char *line = next_line(table); line != NULL; line = next_line(line)) n++;
    if (n == 0) return ppi_fail(PP_ERR_CORRUPT, "%s has no rows", path);
    r->curve = ppi_calloc((size_t)(3 * n), sizeof *r->curve);
    if (r->curve == NULL) return ppi_oom("a curve");
    r->points = n;
    const char *line = table;
    for (int64_t i = 0; i < n; i++) {
        line = next_line(line);
        for (int k = 0; k < 3; k++) r->curve[k * n + i] = value_at(line, column[k]);
    }
    return PP_OK;
}

static pp_status read_table(ppi_sweep_result *r, const char *name) {
    char path[PPI_PATH_SIZE];
    char folder[PPI_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    PPI_TRY(ppi_path_dir(folder, sizeof folder, r->record));
    PPI_TRY(ppi_path_join(path, sizeof path, folder, name));
    PPI_TRY(ppi_file_read_all(path, &text, &size));
    const pp_status s = parse_curve(r, text, path);
    ppi_free(text);
    return s;
}

static pp_status read_context(ppi_sweep_result *r, const ppi_json *game) {
    const ppi_json *context = ppi_json_find(game, "in_context");
    const ppi_json *bandit = ppi_json_find(game, "bandit");
    const char *text;
    double ignored;
    int64_t over;
    if (context == NULL) return PP_OK;
    PPI_TRY(ppi_json_get_string(context, "points", &text));
    const bool steps = strcmp(text, "steps") == 0;
    snprintf(r->point, sizeof r->point, "%s", steps ? "step" : "episode");
    PPI_TRY(read_interval(context, "first", &r->first, &ignored, &ignored));
    PPI_TRY(get_number(context, "to_half", &r->half));
    PPI_TRY(get_number(context, "to_90_percent", &r->ninety));
    PPI_TRY(ppi_json_get_i64(context, "final_over", &over));
    snprintf(r->statistic, sizeof r->statistic, "mean return of the last %" PRId64 " %ss", over,
             r->point);
    if (bandit != NULL) {
        snprintf(r->statistic, sizeof r->statistic, "normalised score (0 random, 1 UCB)");
        PPI_TRY(read_interval(bandit, "normalised_score", &r->value, &r->low, &r->high));
    } else {
        PPI_TRY(read_interval(context, "final", &r->value, &r->low, &r->high));
    }
    PPI_TRY(ppi_json_get_string(context, "csv", &text));
    return read_table(r, text);
}

pp_status ppi_sweep_result_context(ppi_sweep_result *r) {
    ppi_json *json = NULL;
    const ppi_json *games = NULL;
    PPI_TRY(ppi_json_load(&json, r->record));
    pp_status s = ppi_json_get_array(json, "games", &games);
    if (s == PP_OK && ppi_json_count(games) == 1) s = read_context(r, ppi_json_at(games, 0));
    ppi_json_free(json);
    return ppi_fail_context(s, "%s", r->record);
}
