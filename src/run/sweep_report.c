/* The end of a sweep: one table and one figure over all results. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "report/bars.h"
#include "report/svg.h"
#include "run/sweep_internal.h"
#include "stats/aggregate.h"

/* DRAWN: points of a curve in the figure, each the mean over the points around it. */
enum { REPETITIONS = 2000, DRAWN = 200, NAME_SIZE = 256 };
static const double confidence = 0.95;

/* One cell under one evaluation. */
typedef struct row {
    int cell, eval;
    char name[NAME_SIZE]; /* "context=20", or "context=20, even" */
    int count;            /* seeds with a result */
    ppi_sweep_result result[PPI_SWEEP_SEEDS];
    bool there[PPI_SWEEP_SEEDS];
    double updates, loss, first, half, ninety; /* means over the seeds */
    double value, low, high;
    int64_t points; /* of the curves, 0 = none */
    double *curve;  /* [3, points]: mean over the seeds, interval */
} row;

/* Mean over n seeds with its bootstrap interval. */
static pp_status sum_up(double *mean, double *low, double *high, const double *x, int64_t n) {
    *mean = ppi_stats_mean(x, n);
    return ppi_stats_bootstrap(low, high, PPI_AGGREGATE_MEAN, x, n, 1, REPETITIONS, confidence, 0);
}

/* Curves of one length are averaged point by point; one seed brings its own interval. */
static pp_status sum_up_curves(row *r, int seeds) {
    const ppi_sweep_result *one = NULL;
    double x[PPI_SWEEP_SEEDS];
    for (int i = 0; i < seeds; i++) {
        if (!r->there[i]) continue;
        if (one != NULL && one->points != r->result[i].points) return PP_OK;
        one = &r->result[i];
    }
    const int64_t n = one->points;
    if (n == 0) return PP_OK;
    r->curve = ppi_calloc((size_t)(3 * n), sizeof *r->curve);
    if (r->curve == NULL) return ppi_oom("the curve of a cell");
    r->points = n;
    if (r->count == 1) {
        memcpy(r->curve, one->curve, (size_t)(3 * n) * sizeof *r->curve);
        return PP_OK;
    }
    for (int64_t p = 0; p < n; p++) {
        int64_t count = 0;
        for (int i = 0; i < seeds; i++) {
            if (r->there[i]) x[count++] = r->result[i].curve[p];
        }
        PPI_TRY(sum_up(&r->curve[p], &r->curve[n + p], &r->curve[2 * n + p], x, count));
    }
    return PP_OK;
}

static pp_status sum_up_row(row *r, int seeds) {
    double x[PPI_SWEEP_SEEDS];
    int64_t n = 0;
    for (int i = 0; i < seeds; i++) {
        if (!r->there[i]) continue;
        const ppi_sweep_result *one = &r->result[i];
        x[n++] = one->value;
        r->updates += (double)one->updates / r->count;
        r->loss += one->loss / r->count;
        r->first += one->first / r->count;
        r->half += one->half / r->count;
        r->ninety += one->ninety / r->count;
        r->low = one->low;
        r->high = one->high;
    }
    r->value = x[0];
    if (n > 1) PPI_TRY(sum_up(&r->value, &r->low, &r->high, x, n));
    return sum_up_curves(r, seeds);
}

static pp_status read_row(row *r, const ppi_sweep *sweep, int cell, int eval) {
    const char *evaluation = sweep->recipe.eval[eval]->name;
    *r = (row){.cell = cell, .eval = eval, .value = NAN, .low = NAN, .high = NAN};
    snprintf(r->name, sizeof r->name, "%s%s%s", sweep->recipe.cell[cell].name,
             evaluation[0] != '\0' ? ", " : "", evaluation);
    for (int i = 0; i < sweep->seed_count; i++) {
        const pp_status s =
            ppi_sweep_result_read(&r->result[i], sweep, (ppi_sweep_run_id){cell, i}, eval);
        r->there[i] = s == PP_OK;
        r->count += r->there[i];
        if (s != PP_OK && s != PP_ERR_NOT_FOUND) return s;
    }
    return r->count > 0 ? sum_up_row(r, sweep->seed_count) : PP_OK;
}

static void free_rows(row *rows, int count) {
    for (int i = 0; rows != NULL && i < count; i++) {
        for (int k = 0; k < PPI_SWEEP_SEEDS; k++) ppi_sweep_result_free(&rows[i].result[k]);
        ppi_free(rows[i].curve);
    }
    ppi_free(rows);
}

/* Name of the figure that all rows share, "result" when they differ. */
static const char *statistic_of(const row *rows, int count, int seeds) {
    const char *name = NULL;
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < seeds; k++) {
            if (!rows[i].there[k]) continue;
            if (name != NULL && strcmp(name, rows[i].result[k].statistic) != 0) return "result";
            name = rows[i].result[k].statistic;
        }
    }
    return name != NULL ? name : "result";
}

/* ---- table ----------------------------------------------------------------------------------- */

static void append_number(ppi_buf *out, int width, double value) {
    if (isfinite(value)) {
        ppi_buf_printf(out, " %*.*f", width, fabs(value) < 1000 ? 3 : 1, value);
    } else {
        ppi_buf_printf(out, " %*s", width, "-");
    }
}

static void append_count(ppi_buf *out, double value) {
    if (isfinite(value)) {
        ppi_buf_printf(out, " %7.0f", value);
    } else {
        ppi_buf_printf(out, " %7s", "-");
    }
}

static void write_table(ppi_buf *out, const ppi_sweep *sweep, const row *rows, int count) {
    int width = 4;
    bool first = false;
    for (int i = 0; i < count; i++) {
        const int length = (int)strlen(rows[i].name);
        if (length > width) width = length;
        first = first || rows[i].points > 0;
    }
    ppi_buf_printf(out, "%s\n%-*s %5s %9s %9s", sweep->recipe.title, width, "cell", "seeds",
                   "updates", "loss");
    if (first) ppi_buf_printf(out, " %9s %7s %7s", "first", "to 50 %", "to 90 %");
    ppi_buf_printf(out, " %9s  95 %% interval\n", "result");
    for (int i = 0; i < count; i++) {
        const row *r = &rows[i];
        ppi_buf_printf(out, "%-*s %2d/%-2d", width, r->name, r->count, sweep->seed_count);
        if (r->count == 0) {
            ppi_buf_append_text(out, "         -\n");
            continue;
        }
        ppi_buf_printf(out, " %9.0f", r->updates);
        append_number(out, 9, r->loss);
        if (first) {
            append_number(out, 9, r->first);
            append_count(out, r->half);
            append_count(out, r->ninety);
        }
        append_number(out, 9, r->value);
        if (isfinite(r->low) && isfinite(r->high))
            ppi_buf_printf(out, "  %.3f .. %.3f%s", r->low, r->high,
                           r->count == 1 ? " (over its runs)" : "");
        ppi_buf_append_char(out, '\n');
    }
    ppi_buf_printf(out, "result: %s; mean over the seeds, interval by bootstrap over them\n",
                   statistic_of(rows, count, sweep->seed_count));
}

static void append_value(ppi_buf *out, double value) {
    ppi_buf_append_char(out, ',');
    if (isfinite(value)) ppi_buf_printf(out, "%.6g", value);
}

static void write_table_csv(ppi_buf *out, const ppi_sweep *sweep, const row *rows, int count) {
    ppi_buf_append_text(out,
                        "cell,evaluation,seeds,updates,loss,first,half,ninety,result,low,high");
    for (int k = 0; k < sweep->seed_count; k++)
        ppi_buf_printf(out, ",seed_%" PRId64, sweep->seeds[k]);
    ppi_buf_append_char(out, '\n');
    for (int i = 0; i < count; i++) {
        const row *r = &rows[i];
        ppi_buf_printf(out, "%s,%s,%d", sweep->recipe.cell[r->cell].name,
                       sweep->recipe.eval[r->eval]->name, r->count);
        const double figures[] = {r->updates, r->loss, r->first, r->half, r->ninety};
        for (size_t k = 0; k < sizeof figures / sizeof figures[0]; k++)
            append_value(out, r->count > 0 ? figures[k] : NAN);
        append_value(out, r->value);
        append_value(out, r->low);
        append_value(out, r->high);
        for (int k = 0; k < sweep->seed_count; k++)
            append_value(out, r->there[k] ? r->result[k].value : NAN);
        ppi_buf_append_char(out, '\n');
    }
}

static void write_curves_csv(ppi_buf *out, const ppi_sweep *sweep, const row *rows, int count) {
    ppi_buf_append_text(out, "cell,evaluation,point,mean,low,high\n");
    for (int i = 0; i < count; i++) {
        const row *r = &rows[i];
        for (int64_t p = 0; p < r->points; p++) {
            ppi_buf_printf(out, "%s,%s,%" PRId64, sweep->recipe.cell[r->cell].name,
                           sweep->recipe.eval[r->eval]->name, p + 1);
            for (int k = 0; k < 3; k++) append_value(out, r->curve[k * r->points + p]);
            ppi_buf_append_char(out, '\n');
        }
    }
}

/* ---- figure ---------------------------------------------------------------------------------- */

static int count_curves(const row *rows, int count) {
    int curves = 0;
    for (int i = 0; i < count; i++) curves += rows[i].points > 0;
    return curves;
}

/* A curve thinned to at most DRAWN points, each the mean over its share of the original ones; x is
 * the middle of the share. drawn[4, DRAWN]: x, mean, low, high. */
static int64_t thin(double *drawn, const row *r) {
    const int64_t n = r->points < DRAWN ? r->points : DRAWN;
    for (int64_t i = 0; i < n; i++) {
        const int64_t begin = i * r->points / n;
        const int64_t end = (i + 1) * r->points / n;
        drawn[i] = (double)(begin + 1 + end) / 2;
        for (int k = 0; k < 3; k++)
            drawn[(k + 1) * DRAWN + i] =
                ppi_stats_mean(r->curve + k * r->points + begin, end - begin);
    }
    return n;
}

static pp_status draw_curves(ppi_buf *out, const ppi_sweep *sweep, const row *rows, int count,
                             const char *point) {
    const int curves = count_curves(rows, count);
    ppi_plot_series *series = ppi_calloc((size_t)curves, sizeof *series);
    double *drawn = ppi_calloc((size_t)curves * 4 * DRAWN, sizeof *drawn);
    pp_status s = series == NULL || drawn == NULL ? ppi_oom("a figure") : PP_OK;
    int n = 0;
    for (int i = 0; i < count && s == PP_OK; i++) {
        if (rows[i].points == 0) continue;
        double *d = drawn + (int64_t)n * 4 * DRAWN;
        const int64_t points = thin(d, &rows[i]);
        series[n++] =
            (ppi_plot_series){rows[i].name, points, d, d + DRAWN, d + 2 * DRAWN, d + 3 * DRAWN};
    }
    const ppi_plot plot = {.title = sweep->recipe.title,
                           .x_label = point,
                           .y_label = "mean return",
                           .series = series,
                           .count = n};
    if (s == PP_OK) s = ppi_svg_plot(out, &plot);
    ppi_free(drawn);
    ppi_free(series);
    return s;
}

static pp_status draw_bars(ppi_buf *out, const ppi_sweep *sweep, const row *rows, int count) {
    ppi_bar *bars = ppi_calloc((size_t)count, sizeof *bars);
    if (bars == NULL) return ppi_oom("a figure");
    for (int i = 0; i < count; i++)
        bars[i] = (ppi_bar){rows[i].name, rows[i].value, rows[i].low, rows[i].high};
    const ppi_bars figure = {.title = sweep->recipe.title,
                             .label = statistic_of(rows, count, sweep->seed_count),
                             .bar = bars,
                             .count = count};
    const pp_status s = ppi_svg_bars(out, &figure);
    ppi_free(bars);
    return s;
}

/* What the points of the curves are. */
static const char *point_of(const row *rows, int count, int seeds) {
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < seeds && rows[i].points > 0; k++) {
            if (rows[i].there[k]) return rows[i].result[k].point;
        }
    }
    return "episode";
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Writes <recipe><ending> in the sweep's folder and releases the text. */
static pp_status put(const ppi_sweep *sweep, const char *ending, ppi_buf *text, pp_status status) {
    char path[PPI_PATH_SIZE];
    char name[NAME_SIZE];
    pp_status s = status != PP_OK ? status : text->failed;
    snprintf(name, sizeof name, "%s%s", sweep->recipe.name, ending);
    if (s == PP_OK) s = ppi_path_join(path, sizeof path, sweep->out, name);
    if (s == PP_OK) s = ppi_file_write_atomic(path, ppi_buf_text(text), text->len);
    ppi_buf_free(text);
    return s;
}

static pp_status write_all(const ppi_sweep *sweep, const row *rows, int count, ppi_buf *report) {
    const bool curves = count_curves(rows, count) > 0;
    ppi_buf text = {0};
    write_table_csv(&text, sweep, rows, count);
    PPI_TRY(put(sweep, ".csv", &text, PP_OK));
    if (curves) {
        write_curves_csv(&text, sweep, rows, count);
        PPI_TRY(put(sweep, ".curves.csv", &text, PP_OK));
    }
    const pp_status s =
        curves ? draw_curves(&text, sweep, rows, count, point_of(rows, count, sweep->seed_count))
               : draw_bars(&text, sweep, rows, count);
    PPI_TRY(put(sweep, ".svg", &text, s));
    if (report == NULL) return PP_OK;
    write_table(report, sweep, rows, count);
    ppi_buf_printf(report, "table %s/%s.csv, figure %s/%s.svg\n", sweep->out, sweep->recipe.name,
                   sweep->out, sweep->recipe.name);
    return report->failed;
}

pp_status ppi_sweep_report(const ppi_sweep *sweep, ppi_buf *report) {
    const int count = sweep->recipe.cell_count * sweep->recipe.eval_count;
    bool any = false;
    row *rows = ppi_calloc((size_t)count, sizeof *rows);
    pp_status s = rows == NULL ? ppi_oom("the table of a sweep") : PP_OK;
    for (int i = 0; i < count && s == PP_OK; i++) {
        s = read_row(&rows[i], sweep, i / sweep->recipe.eval_count, i % sweep->recipe.eval_count);
        any = any || rows[i].count > 0;
    }
    if (s == PP_OK && any) s = write_all(sweep, rows, count, report);
    free_rows(rows, count);
    return s;
}
