/* Learning curves of runs; see context_curve.h. */
#include "run/context_curve.h"

#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "stats/aggregate.h"

enum { MOST_FINAL = 50 }; /* points that the final value is the mean of */

void ppi_context_curve_free(ppi_context_curve *curve) {
    ppi_free(curve->steps);
    *curve = (ppi_context_curve){0};
}

/* Value of a point of one run. */
static const double *values_of(const ppi_context_lives *l, int64_t *count) {
    *count = l->reward != NULL ? l->life : l->episodes;
    return l->reward != NULL ? l->reward : l->ret;
}

double ppi_context_run_final(const ppi_context_lives *l, int64_t run, int64_t over) {
    int64_t count = 0;
    const double *value = values_of(l, &count);
    return ppi_stats_mean(value + (run + 1) * count - over, over);
}

/* Interval of the mean of column [runs]; a single run has none. */
static pp_status interval(double *low, double *high, const double *column, int64_t runs,
                          uint64_t seed) {
    *low = *high = NAN;
    if (runs < 2) return PP_OK;
    return ppi_stats_bootstrap(low, high, PPI_AGGREGATE_MEAN, column, runs, 1,
                               PPI_CONTEXT_REPETITIONS, PPI_CONTEXT_CONFIDENCE, seed);
}

/* Mean of the runs' own means over the last `over` points, with its interval. */
static pp_status mean_of_last(double *mean, double *low, double *high, const ppi_context_lives *l,
                              int64_t over, double scale, double *column, uint64_t seed) {
    for (int64_t r = 0; r < l->runs; r++) column[r] = scale * ppi_context_run_final(l, r, over);
    *mean = ppi_stats_mean(column, l->runs);
    return interval(low, high, column, l->runs, seed);
}

void ppi_context_smooth(double *out, const double *in, int64_t n, int64_t over) {
    const int64_t half = over / 2;
    for (int64_t i = 0; i < n; i++) {
        const int64_t from = i < half ? 0 : i - half;
        const int64_t to = i + half < n ? i + half : n - 1;
        out[i] = ppi_stats_mean(in + from, to - from + 1);
    }
}

/* column [runs] is scratch. */
static pp_status fill_points(ppi_context_curve *c, const ppi_context_lives *l, double *column,
                             uint64_t seed) {
    int64_t count = 0;
    double steps = 0;
    const double *value = values_of(l, &count);
    for (int64_t i = 0; i < count; i++) {
        double length = 0;
        for (int64_t r = 0; r < l->runs; r++) {
            column[r] = value[r * count + i];
            length += c->per_step ? 1.0 : (double)l->length[r * count + i];
        }
        steps += length / (double)l->runs;
        c->steps[i] = steps;
        c->mean[i] = ppi_stats_mean(column, l->runs);
        c->std[i] = ppi_stats_std(column, l->runs);
        PPI_TRY(interval(&c->low[i], &c->high[i], column, l->runs, seed));
    }
    return PP_OK;
}

static pp_status fill_figures(ppi_context_curve *c, const ppi_context_lives *l, double *column,
                              uint64_t seed) {
    const int64_t fifth = c->count / 5 > 0 ? c->count / 5 : 1;
    c->first = c->mean[0];
    c->final_over = fifth < MOST_FINAL ? fifth : MOST_FINAL;
    c->score_over = c->per_step ? c->count : fifth;
    PPI_TRY(
        mean_of_last(&c->final, &c->final_low, &c->final_high, l, c->final_over, 1, column, seed));
    PPI_TRY(mean_of_last(&c->score, &c->score_low, &c->score_high, l, c->score_over,
                         c->per_step ? (double)c->count : 1, column, seed));
    if (c->final > 0) {
        c->half = ppi_context_curve_reach(c, 0.5 * c->final);
        c->ninety = ppi_context_curve_reach(c, 0.9 * c->final);
    }
    return PP_OK;
}

pp_status ppi_context_curve_create(ppi_context_curve *out, const ppi_context_lives *l,
                                   uint64_t seed) {
    int64_t n = 0;
    values_of(l, &n);
    *out = (ppi_context_curve){.per_step = l->reward != NULL, .count = n};
    out->smoothing = n / 100 * 2 + 1;
    out->steps = ppi_calloc((size_t)n * 6, sizeof *out->steps);
    double *column = ppi_calloc((size_t)l->runs, sizeof *column);
    pp_status s = out->steps == NULL || column == NULL ? ppi_oom("an in-context curve") : PP_OK;
    if (s == PP_OK) {
        out->mean = out->steps + n;
        out->std = out->steps + 2 * n;
        out->low = out->steps + 3 * n;
        out->high = out->steps + 4 * n;
        out->smooth = out->steps + 5 * n;
        s = fill_points(out, l, column, seed);
    }
    if (s == PP_OK) {
        ppi_context_smooth(out->smooth, out->mean, n, out->smoothing);
        s = fill_figures(out, l, column, seed);
    }
    ppi_free(column);
    return s;
}

int64_t ppi_context_curve_reach(const ppi_context_curve *c, double value) {
    for (int64_t i = 0; i < c->count; i++) {
        if (c->smooth[i] >= value) return i + 1;
    }
    return 0;
}
