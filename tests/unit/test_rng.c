/* Philox against its published vectors; the distributions by moments; positions by replay. */
#include "unit/base_test.h"

#include <math.h>

#include "base/rng.h"

static void philox_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t ctr[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        ppi_philox4x32(out, cases[i].ctr, cases[i].key);
        assert_memory_equal(out, cases[i].out, sizeof out);
    }
}

static void generator_starts_at_the_first_vector(void **state) {
    (void)state;
    ppi_rng rng;
    ppi_rng_init(&rng, 0, PPI_RNG_INIT, 0);
    assert_int_equal(ppi_rng_u32(&rng), 0x6627e8d5);
    assert_int_equal(ppi_rng_u64(&rng), 0xbc57ac4ce169c58d);
    assert_int_equal(rng.pos, 3);
}

static void position_is_the_whole_state(void **state) {
    (void)state;
    ppi_rng rng, again, bulk;
    uint32_t drawn[103], filled[103];
    ppi_rng_init(&rng, 12345678901234567u, PPI_RNG_TEST, 9);
    ppi_rng_init(&bulk, 12345678901234567u, PPI_RNG_TEST, 9);
    for (int i = 0; i < 103; i++) drawn[i] = ppi_rng_u32(&rng);
    ppi_rng_fill_u32(&bulk, filled, 3);
    ppi_rng_fill_u32(&bulk, filled + 3, 100);
    assert_memory_equal(drawn, filled, sizeof drawn);
    assert_int_equal(bulk.pos, rng.pos);
    ppi_rng_init(&again, 12345678901234567u, PPI_RNG_TEST, 9);
    again.pos = 57;
    assert_int_equal(ppi_rng_u32(&again), drawn[57]);
    again.pos = (uint64_t)1 << 40; /* far blocks are distinct too */
    assert_int_not_equal(ppi_rng_u32(&again), drawn[0]);
}

static void streams_do_not_meet(void **state) {
    (void)state;
    ppi_rng a, b;
    ppi_rng_init(&a, 1, PPI_RNG_ACT, 5);
    const uint64_t base = ppi_rng_u64(&a);
    ppi_rng_init(&b, 2, PPI_RNG_ACT, 5);
    assert_int_not_equal(ppi_rng_u64(&b), base);
    ppi_rng_init(&b, 1, PPI_RNG_EVAL, 5);
    assert_int_not_equal(ppi_rng_u64(&b), base);
    ppi_rng_init(&b, 1, PPI_RNG_ACT, 5 + ((uint64_t)1 << 32));
    assert_int_not_equal(ppi_rng_u64(&b), base);
}

static void unit_is_uniform(void **state) {
    (void)state;
    enum { N = 20000 };
    ppi_rng rng;
    double sum = 0.0, squares = 0.0;
    ppi_rng_init(&rng, 7, PPI_RNG_TEST, 0);
    for (int i = 0; i < N; i++) {
        const double u = ppi_rng_unit(&rng);
        assert_true(u >= 0.0 && u < 1.0);
        sum += u;
        squares += u * u;
    }
    assert_int_equal(rng.pos, 2 * N);
    CHECK_NEAR(sum / N, 0.5, 0.01);
    CHECK_NEAR(squares / N, 1.0 / 3.0, 0.01);
}

static void below_covers_its_range(void **state) {
    (void)state;
    int seen[6] = {0};
    ppi_rng rng;
    ppi_rng_init(&rng, 3, PPI_RNG_TEST, 0);
    assert_int_equal(ppi_rng_below(&rng, 0), 0);
    assert_int_equal(ppi_rng_below(&rng, 1), 0);
    assert_int_equal(rng.pos, 0);
    for (int i = 0; i < 12000; i++) seen[ppi_rng_below(&rng, 6)]++;
    for (int i = 0; i < 6; i++) assert_in_range(seen[i], 1850, 2150);
    const uint64_t big = ((uint64_t)1 << 33) + 5;
    uint64_t largest = 0;
    for (int i = 0; i < 200; i++) {
        const uint64_t value = ppi_rng_below(&rng, big);
        assert_true(value < big);
        if (value > largest) largest = value;
    }
    assert_true(largest > UINT32_MAX);
    for (int i = 0; i < 200; i++) assert_true(ppi_rng_below(&rng, 0x80000001u) < 0x80000001u);
}

static void normal_and_gamma_moments(void **state) {
    (void)state;
    enum { N = 20000 };
    static const double shapes[] = {0.3, 1.0, 4.5};
    ppi_rng rng;
    double sum = 0.0, squares = 0.0;
    ppi_rng_init(&rng, 11, PPI_RNG_TEST, 0);
    for (int i = 0; i < N; i++) {
        const double x = ppi_rng_normal(&rng);
        sum += x;
        squares += x * x;
    }
    assert_int_equal(rng.pos, 4 * N);
    CHECK_NEAR(sum / N, 0.0, 0.03);
    CHECK_NEAR(squares / N, 1.0, 0.04);
    for (int s = 0; s < 3; s++) {
        sum = squares = 0.0;
        for (int i = 0; i < N; i++) {
            const double x = ppi_rng_gamma(&rng, shapes[s]);
            assert_true(x >= 0.0);
            sum += x;
            squares += x * x;
        }
        const double mean = sum / N;
        CHECK_NEAR(mean / shapes[s], 1.0, 0.06);
        CHECK_NEAR((squares / N - mean * mean) / shapes[s], 1.0, 0.12);
    }
    CHECK_NEAR(ppi_rng_gamma(&rng, 0.0), 0.0, 0.0);
    CHECK_NEAR(ppi_rng_gamma(&rng, NAN), 0.0, 0.0);
}

static void geometric_and_dirichlet(void **state) {
    (void)state;
    enum { N = 20000 };
    ppi_rng rng;
    double sum = 0.0;
    ppi_rng_init(&rng, 13, PPI_RNG_TEST, 0);
    assert_int_equal(ppi_rng_geometric(&rng, 1.0), 1);
    assert_int_equal(ppi_rng_geometric(&rng, NAN), 1);
    for (int i = 0; i < N; i++) {
        const int64_t k = ppi_rng_geometric(&rng, 8.0);
        assert_true(k >= 1);
        sum += (double)k;
    }
    CHECK_NEAR(sum / N, 8.0, 0.25);
    for (int s = 0; s < 3; s++) {
        static const double alphas[] = {1e-4, 0.3, 20.0};
        double p[18], total = 0.0;
        ppi_rng_dirichlet(&rng, alphas[s], 18, p);
        for (int i = 0; i < 18; i++) {
            assert_true(p[i] >= 0.0 && p[i] <= 1.0);
            total += p[i];
        }
        CHECK_NEAR(total, 1.0, 1e-12);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(generator_starts_at_the_first_vector),
        cmocka_unit_test(position_is_the_whole_state),
        cmocka_unit_test(streams_do_not_meet),
        cmocka_unit_test(unit_is_uniform),
        cmocka_unit_test(below_covers_its_range),
        cmocka_unit_test(normal_and_gamma_moments),
        cmocka_unit_test(geometric_and_dirichlet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
