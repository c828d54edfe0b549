/* MT19937 against values of numpy's RandomState. */
#include "unit/base_test.h"

#include "base/mt19937.h"

static const struct {
    uint32_t seed;
    uint32_t first[3];
    double unit[2];
    uint32_t below[10];
    uint32_t one_plus_below[8];
    double unit_after;
} rows[] = {
    {0,
     {2357136044, 2546248239, 3071714933},
     {0.5488135039273248, 0.7151893663724195},
     {4, 0, 3, 3, 3, 1, 3, 2, 4, 0},
     {5, 1, 4, 4, 4, 2, 4, 3},
     0.4375872112626925},
    {7,
     {327741615, 976413892, 3349725721},
     {0.07630828937395717, 0.7799187922401146},
     {4, 1, 3, 3, 4, 1, 0, 1, 2, 2},
     {5, 2, 4, 4, 5, 2, 1, 2},
     0.07205113335976154},
    {4294967295,
     {419326371, 479346978, 3918654476},
     {0.0976320289940138, 0.9123828453026218},
     {3, 2, 4, 4, 0, 2, 1, 0, 3, 2},
     {4, 3, 5, 5, 1, 3, 2, 1},
     0.9695059322147525},
};

static void matches_numpy(void **state) {
    (void)state;
    ppi_mt19937 mt;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        ppi_mt19937_seed(&mt, rows[r].seed);
        for (int i = 0; i < 3; i++) assert_int_equal(ppi_mt19937_u32(&mt), rows[r].first[i]);
        ppi_mt19937_seed(&mt, rows[r].seed);
        for (int i = 0; i < 2; i++) CHECK_NEAR(ppi_mt19937_unit(&mt), rows[r].unit[i], 0.0);
        ppi_mt19937_seed(&mt, rows[r].seed);
        for (int i = 0; i < 10; i++) assert_int_equal(ppi_mt19937_below(&mt, 5), rows[r].below[i]);
        ppi_mt19937_seed(&mt, rows[r].seed);
        for (int i = 0; i < 8; i++) {
            assert_int_equal(1 + ppi_mt19937_below(&mt, 5), rows[r].one_plus_below[i]);
        }
        CHECK_NEAR(ppi_mt19937_unit(&mt), rows[r].unit_after, 0.0);
    }
}

static void below_one_draws_nothing(void **state) {
    (void)state;
    ppi_mt19937 mt;
    ppi_mt19937_seed(&mt, 0);
    assert_int_equal(ppi_mt19937_below(&mt, 1), 0);
    assert_int_equal(ppi_mt19937_below(&mt, 0), 0);
    assert_int_equal(ppi_mt19937_u32(&mt), 2357136044);
}

static void copies_continue_alike_across_refills(void **state) {
    (void)state;
    ppi_mt19937 mt, copy;
    ppi_mt19937_seed(&mt, 5489);
    for (int i = 1; i < 10000; i++) ppi_mt19937_u32(&mt);
    copy = mt;
    assert_int_equal(ppi_mt19937_u32(&mt), 4123659995u); /* the 10000th output of the reference */
    assert_int_equal(ppi_mt19937_u32(&copy), 4123659995u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_numpy),
        cmocka_unit_test(below_one_draws_nothing),
        cmocka_unit_test(copies_continue_alike_across_refills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
