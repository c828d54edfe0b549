/* Aggregates as the rliable definitions have them (Agarwal et al. 2021). */
#include "stats/aggregate.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"

pp_status ppi_score_normalise(double *out, double score, const ppi_score_reference *reference) {
    *out = NAN;
    if (!isfinite(reference->random) || !isfinite(reference->good)) return PP_OK;
    if (reference->good <= reference->random) {
        return ppi_fail(PP_ERR_NUMERIC,
                        "reference score %g of table %s is not above random play at %g",
                        reference->good, reference->table, reference->random);
    }
    *out = (score - reference->random) / (reference->good - reference->random);
    return PP_OK;
}

double ppi_stats_mean(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

double ppi_stats_std(const double *x, int64_t n) {
    if (n < 2) return 0;
    const double mean = ppi_stats_mean(x, n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (double)(n - 1));
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

void ppi_stats_sort(double *x, int64_t n) {
    if (n > 1) qsort(x, (size_t)n, sizeof *x, ascending);
}

double ppi_stats_trimmed_mean(const double *x, int64_t n, double share) {
    const int64_t cut = (int64_t)floor(share * (double)n);
    return ppi_stats_mean(x + cut, n - 2 * cut);
}

double ppi_stats_percentile(const double *x, int64_t n, double p) {
    if (n < 1) return NAN;
    const double at = p / 100.0 * (double)(n - 1);
    const int64_t i = (int64_t)floor(at);
    if (i >= n - 1) return x[n - 1];
    return x[i] + (at - (double)i) * (x[i + 1] - x[i]);
}

int64_t ppi_stats_distinct(const double *x, int64_t n) {
    int64_t count = n > 0;
    for (int64_t i = 1; i < n; i++) count += x[i] > x[i - 1];
    return count;
}

const char *ppi_aggregate_name(ppi_aggregate a) {
    static const char *const names[PPI_AGGREGATE_COUNT] = {"mean", "median", "iqm",
                                                           "optimality_gap"};
    return a < PPI_AGGREGATE_COUNT ? names[a] : "unknown";
}

/* The aggregate with scratch [runs * tasks], apart from s. */
static double aggregate(ppi_aggregate a, const double *s, int64_t runs, int64_t tasks,
                        double *scratch) {
    const int64_t n = runs * tasks;
    if (a == PPI_AGGREGATE_OPTIMALITY_GAP) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += s[i] < 1.0 ? s[i] : 1.0;
        return 1.0 - sum / (double)n;
    }
    if (a == PPI_AGGREGATE_IQM) {
        memcpy(scratch, s, (size_t)n * sizeof *s);
        ppi_stats_sort(scratch, n);
        return ppi_stats_trimmed_mean(scratch, n, 0.25);
    }
    for (int64_t m = 0; m < tasks; m++) {
        double sum = 0;
        for (int64_t r = 0; r < runs; r++) sum += s[r * tasks + m];
        scratch[m] = sum / (double)runs;
    }
    if (a == PPI_AGGREGATE_MEAN) return ppi_stats_mean(scratch, tasks);
    ppi_stats_sort(scratch, tasks);
    return ppi_stats_percentile(scratch, tasks, 50);
}

static pp_status check(int64_t runs, int64_t tasks) {
    if (runs > 0 && tasks > 0) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "an aggregate of %" PRId64 " runs and %" PRId64
                    " tasks, expected 1 or more of each",
                    runs, tasks);
}

pp_status ppi_aggregate_value(double *out, ppi_aggregate a, const double *s, int64_t runs,
                              int64_t tasks) {
    PPI_TRY(check(runs, tasks));
    double *scratch = ppi_malloc((size_t)(runs * tasks) * sizeof *scratch);
    if (scratch == NULL) return ppi_oom("scores");
    *out = aggregate(a, s, runs, tasks, scratch);
    ppi_free(scratch);
    return PP_OK;
}

double ppi_stats_improvement(const double *x, int64_t runs_x, const double *y, int64_t runs_y,
                             int64_t tasks) {
    double sum = 0;
    for (int64_t m = 0; m < tasks; m++) {
        double u = 0;
        for (int64_t i = 0; i < runs_x; i++) {
            for (int64_t j = 0; j < runs_y; j++) {
                const double a = x[i * tasks + m];
                const double b = y[j * tasks + m];
                u += a > b ? 1.0 : a < b ? 0.0 : 0.5;
            }
        }
        sum += u / (double)(runs_x * runs_y);
    }
    return sum / (double)tasks;
}

pp_status ppi_stats_bootstrap(double *low, double *high, ppi_aggregate a, const double *s,
                              int64_t runs, int64_t tasks, int64_t repetitions, double confidence,
                              uint64_t seed) {
    PPI_TRY(check(runs, tasks));
    if (repetitions < 1 || !(confidence > 0 && confidence < 1)) {
        return ppi_fail(PP_ERR_ARGUMENT, "a bootstrap of %" PRId64 " repetitions at confidence %g",
                        repetitions, confidence);
    }
    const int64_t n = runs * tasks;
    double *values = ppi_malloc((size_t)repetitions * sizeof *values);
    double *draw = ppi_malloc((size_t)n * sizeof *draw);
    double *scratch = ppi_malloc((size_t)n * sizeof *scratch);
    pp_status status = PP_OK;
    if (values == NULL || draw == NULL || scratch == NULL) {
        status = ppi_oom("a bootstrap");
    } else {
        for (int64_t b = 0; b < repetitions; b++) {
            ppi_rng rng;
            ppi_rng_init(&rng, seed, PPI_RNG_BOOTSTRAP, (uint64_t)b);
            for (int64_t m = 0; m < tasks; m++) {
                for (int64_t r = 0; r < runs; r++) {
                    draw[r * tasks + m] =
                        s[(int64_t)ppi_rng_below(&rng, (uint64_t)runs) * tasks + m];
                }
            }
            values[b] = aggregate(a, draw, runs, tasks, scratch);
        }
        ppi_stats_sort(values, repetitions);
        *low = ppi_stats_percentile(values, repetitions, 50.0 * (1.0 - confidence));
        *high = ppi_stats_percentile(values, repetitions, 50.0 * (1.0 + confidence));
    }
    ppi_free(values);
    ppi_free(draw);
    ppi_free(scratch);
    return status;
}
