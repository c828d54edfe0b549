/* Percentile, filters and draws of the published inference procedure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "method/sampling.h"

static void percentile(void **state) {
    (void)state;
    float x[18];
    for (int i = 0; i < 18; i++) x[i] = (float)((i * 7) % 18); /* a permutation of 0..17 */
    assert_true(fabs(ppi_percentile_linear(x, 18, 50) - 8.5) < 1e-12);
    assert_true(fabs(ppi_percentile_linear(x, 18, 0)) < 1e-12);
    assert_true(fabs(ppi_percentile_linear(x, 18, 100) - 17) < 1e-12);
    assert_true(fabs(ppi_percentile_linear(x, 18, 85) - 14.45) < 1e-9);
    assert_true(fabs(ppi_percentile_linear(x, 1, 50) - x[0]) < 1e-12);
}

static int count(const double *p, int64_t n) {
    int k = 0;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        k += p[i] > 0;
        sum += p[i];
    }
    assert_true(fabs(sum - 1) < 1e-12);
    return k;
}

static void filters(void **state) {
    (void)state;
    float x[18];
    double p[18];
    for (int i = 0; i < 18; i++) x[i] = (float)((i * 7) % 18) * 0.1f;
    ppi_sampling s = {.temperature = 1, .percentile = 50};
    assert_true(ppi_sampling_probabilities(p, x, 18, &s));
    assert_int_equal(count(p, 18), 9);
    for (int i = 0; i < 18; i++) assert_int_equal(p[i] > 0, x[i] > 0.85f);

    s = (ppi_sampling){.temperature = 1, .top_k = 3};
    assert_true(ppi_sampling_probabilities(p, x, 18, &s));
    assert_int_equal(count(p, 18), 3);

    s = (ppi_sampling){.temperature = 1, .greedy = true};
    assert_true(ppi_sampling_probabilities(p, x, 18, &s));
    assert_int_equal(count(p, 18), 1);

    /* Temperature multiplies the logits. */
    s = (ppi_sampling){.temperature = 2};
    assert_true(ppi_sampling_probabilities(p, x, 18, &s));
    assert_true(fabs(log(p[1] / p[0]) - 2 * (double)(x[1] - x[0])) < 1e-6);

    /* When all tie, nothing is above the percentile: all stay. */
    for (int i = 0; i < 18; i++) x[i] = 1;
    s = (ppi_sampling){.temperature = 1, .percentile = 50};
    assert_true(ppi_sampling_probabilities(p, x, 18, &s));
    assert_int_equal(count(p, 18), 18);

    x[3] = NAN;
    assert_false(ppi_sampling_probabilities(p, x, 18, &s));
}

static void infinite_logits(void **state) {
    (void)state;
    float x[4] = {0, -INFINITY, 1, -INFINITY};
    double p[4];
    ppi_sampling s = {.temperature = 0};
    assert_true(ppi_sampling_probabilities(p, x, 4, &s));
    assert_int_equal(count(p, 4), 2);
    assert_true(p[1] <= 0 && p[3] <= 0);
    s = (ppi_sampling){.temperature = 1, .percentile = 50, .top_k = 3};
    assert_true(ppi_sampling_probabilities(p, x, 4, &s));
    assert_int_equal(count(p, 4), 2);
    x[0] = INFINITY;
    assert_false(ppi_sampling_probabilities(p, x, 4, &s));
    for (int i = 0; i < 4; i++) x[i] = -INFINITY;
    assert_false(ppi_sampling_probabilities(p, x, 4, &s));
    s.greedy = true;
    assert_false(ppi_sampling_probabilities(p, x, 4, &s));
}

static void draws(void **state) {
    (void)state;
    const double p[4] = {0.5, 0, 0.25, 0.25};
    int64_t seen[4] = {0};
    ppi_rng rng;
    ppi_rng_init(&rng, 1, PPI_RNG_TEST, 0);
    for (int i = 0; i < 20000; i++) seen[ppi_sampling_draw(p, 4, &rng)]++;
    assert_int_equal(rng.pos, 40000);
    assert_int_equal(seen[1], 0);
    assert_true(seen[0] > 9700 && seen[0] < 10300);
    assert_true(seen[2] > 4700 && seen[2] < 5300);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(percentile), cmocka_unit_test(filters),
                                       cmocka_unit_test(infinite_logits), cmocka_unit_test(draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
