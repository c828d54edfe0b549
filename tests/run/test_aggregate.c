/* Aggregate statistics against the values of their definitions. */
#include "run_test.h"

#include <math.h>

#include "stats/aggregate.h"

/* Rows are runs, columns tasks. */
static const double S[12] = {.1, 1.2, .5, 2, .3, .9, .7, 4, .2, 1.1, .4, -.1};

static void near_to(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.9g, expected %.9g", got, want);
}

static void definitions(void **state) {
    (void)state;
    static const double want[PPI_AGGREGATE_COUNT] = {0.9416667, 0.8, 0.65, 0.4166667};
    for (int a = 0; a < PPI_AGGREGATE_COUNT; a++) {
        double value = 0;
        OK(ppi_aggregate_value(&value, (ppi_aggregate)a, S, 3, 4));
        near_to(value, want[a], 1e-6);
    }
    double squares[10];
    for (int i = 0; i < 10; i++) squares[i] = i * i;
    near_to(ppi_stats_trimmed_mean(squares, 10, 0.25), 23.1666667, 1e-6);
    near_to(ppi_stats_percentile(squares, 10, 50), 20.5, 1e-12);
    near_to(ppi_stats_percentile(squares, 10, 0), 0, 0);
    near_to(ppi_stats_percentile(squares, 10, 100), 81, 0);
    assert_true(isnan(ppi_stats_percentile(squares, 0, 50)));
    near_to(ppi_stats_std(squares, 10), 28.304888, 1e-5);
    double values[12];
    memcpy(values, S, sizeof values);
    values[3] = values[0];
    ppi_stats_sort(values, 12);
    for (int i = 1; i < 12; i++) assert_true(values[i - 1] <= values[i]);
    assert_int_equal(ppi_stats_distinct(values, 12), 11);
    assert_int_equal(ppi_stats_distinct(values, 0), 0);
    near_to(ppi_stats_improvement(S, 3, S, 3, 4), 0.5, 1e-12);
    double value = 0;
    FAILS(ppi_aggregate_value(&value, PPI_AGGREGATE_IQM, S, 0, 4), PP_ERR_ARGUMENT, "0 runs");
}

static void normalised_scores(void **state) {
    (void)state;
    double value = 0;
    const ppi_score_reference breakout = {"t", 1.7, 30.5};
    const ppi_score_reference none = {"t", NAN, NAN};
    const ppi_score_reference wrong = {"t", 5, 4};
    OK(ppi_score_normalise(&value, 30.5, &breakout));
    near_to(value, 1, 1e-12);
    OK(ppi_score_normalise(&value, 1, &none));
    assert_true(isnan(value));
    FAILS(ppi_score_normalise(&value, 1, &wrong), PP_ERR_NUMERIC, "random play");
}

static void bootstrap(void **state) {
    (void)state;
    double low = 0;
    double high = 0;
    double low2 = 0;
    double high2 = 0;
    OK(ppi_stats_bootstrap(&low, &high, PPI_AGGREGATE_IQM, S, 3, 4, 2000, 0.95, 7));
    OK(ppi_stats_bootstrap(&low2, &high2, PPI_AGGREGATE_IQM, S, 3, 4, 2000, 0.95, 7));
    assert_true(low == low2 && high == high2);
    assert_true(low <= 0.65 && 0.65 <= high && low < high);
    /* One run a task: nothing to draw from, the interval is the value. */
    OK(ppi_stats_bootstrap(&low, &high, PPI_AGGREGATE_MEAN, S, 1, 4, 100, 0.95, 7));
    near_to(low, 0.95, 1e-12);
    near_to(high, 0.95, 1e-12);
    /* Mean of n normal values: the interval is 2 * 1.96 * s / sqrt(n) wide. */
    double x[200];
    for (int i = 0; i < 200; i++) x[i] = (i * 37 % 200) / 200.0;
    OK(ppi_stats_bootstrap(&low, &high, PPI_AGGREGATE_MEAN, x, 200, 1, 4000, 0.95, 1));
    near_to(high - low, 2 * 1.96 * ppi_stats_std(x, 200) / sqrt(200), 0.008);
    FAILS(ppi_stats_bootstrap(&low, &high, PPI_AGGREGATE_MEAN, x, 200, 1, 0, 0.95, 1),
          PP_ERR_ARGUMENT, "0 repetitions");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(definitions),
                                       cmocka_unit_test(normalised_scores),
                                       cmocka_unit_test(bootstrap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
