/* bfloat16 rounding. */
#include "unit/base_test.h"

#include <math.h>

#include "base/bf16.h"

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void rounds_to_nearest_even(void **state) {
    (void)state;
    static const struct {
        uint32_t f32;
        uint16_t bf16;
    } cases[] = {
        {0x3f800000, 0x3f80}, {0x3f807fff, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81},
        {0x3f818000, 0x3f82}, {0x3f817fff, 0x3f81}, {0x00000000, 0x0000}, {0x80000000, 0x8000},
        {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x00000001, 0x0000},
        {0x00008001, 0x0001},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ppi_bf16_from_f32(from_bits(cases[i].f32)), cases[i].bf16);
    }
}

static void nan_stays_nan(void **state) {
    (void)state;
    assert_true(isnan(ppi_bf16_to_f32(ppi_bf16_from_f32(from_bits(0x7f800001)))));
    assert_true(isnan(ppi_bf16_to_f32(ppi_bf16_from_f32(from_bits(0x7fffffff)))));
    assert_int_equal(ppi_bf16_from_f32(from_bits(0xffffffff)) >> 15, 1);
}

static void all_values_survive_the_round_trip(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        const float value = ppi_bf16_to_f32((ppi_bf16)bits);
        if (!isnan(value)) assert_int_equal(ppi_bf16_from_f32(value), bits);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_to_nearest_even),
        cmocka_unit_test(nan_stays_nan),
        cmocka_unit_test(all_values_survive_the_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
