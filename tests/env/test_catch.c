/* Catch against the published checksums of the reference, and its variants. */
#include "env/env_test.h"

#include "base/hash.h"

static const int32_t k_native[3] = {4, 0, 3}; /* left, stay, right as full ids */

typedef struct tally {
    uint32_t planes, planes_1k, rewards, grey_1k, joined, joined_1k;
    int total, ends;
} tally;

static ppi_vec *make(const char *view, int mode, double sticky, int64_t cap) {
    ppi_env_options options;
    ppi_env_options_default(&options);
    snprintf(options.view, sizeof(options.view), "%s", view);
    options.mode = mode;
    options.sticky = sticky;
    options.cap = cap;
    const char *id = "arcade/catch";
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_create(&vec, &id, 1, &options, 1));
    return vec;
}

static void play(tally *t, ppi_vec *vec, int steps, bool planes) {
    uint32_t x = 7;
    ASSERT_OK(ppi_vec_reset(vec, 0, 7));
    for (int s = 1; s <= steps; s++) {
        const int32_t action = k_native[next_value(&x) % 3];
        ASSERT_OK(ppi_vec_step(vec, &action, NULL));
        const uint8_t *obs = ppi_vec_obs(vec);
        const size_t size = (size_t)ppi_vec_obs_size(vec);
        t->planes = ppi_crc32(t->planes, obs, size);
        if (planes) {
            uint8_t both[50];
            for (int i = 0; i < 50; i++) {
                both[i] = obs[2 * i] | obs[2 * i + 1];
            }
            t->joined = ppi_crc32(t->joined, both, sizeof(both));
        }
        const int reward = (int)ppi_vec_reward(vec)[0];
        const uint8_t pair[2] = {(uint8_t)reward, ppi_vec_terminated(vec)[0]};
        t->rewards = ppi_crc32(t->rewards, pair, 2);
        t->total += reward;
        if (s == 1000) {
            t->planes_1k = t->planes;
            t->joined_1k = t->joined;
        }
        if (pair[1]) {
            t->ends++;
            ASSERT_OK(ppi_vec_reset(vec, 0, PP_ENV_KEEP_SEED));
        }
    }
}

static void test_reference(void **state) {
    (void)state;
    ppi_vec *vec = make("planes", 0, 0, 0);
    const pp_env_spec *spec = ppi_vec_spec(vec, 0);
    assert_int_equal(spec->obs_h, 10);
    assert_int_equal(spec->obs_w, 5);
    assert_int_equal(spec->obs_c, 2);
    assert_int_equal(spec->min_actions, 3);
    assert_string_equal(spec->action_names[1], "LEFT");
    tally t = {0};
    play(&t, vec, 10000, true);
    assert_int_equal(t.planes, 0x4c7e6659);
    assert_int_equal(t.planes_1k, 0x41022988);
    assert_int_equal(t.joined, 0xbb992ed5);
    assert_int_equal(t.joined_1k, 0xbc2ab724);
    assert_int_equal(t.rewards, 0xd3ad87ee);
    assert_int_equal(t.total, -655);
    assert_int_equal(t.ends, 1111);
    ppi_vec_destroy(vec);
}

static void test_grey(void **state) {
    (void)state;
    ppi_vec *vec = make("grey84", 0, 0, 0);
    assert_int_equal(ppi_vec_obs_size(vec), 84 * 84);
    tally t = {0};
    play(&t, vec, 1000, false);
    assert_int_equal(t.planes, 0xe0d6eb9d);
    uint8_t *rgb = malloc(168 * 168 * 3);
    ASSERT_OK(ppi_vec_render(vec, 0, rgb));
    int bright = 0;
    for (int i = 0; i < 168 * 168; i++) {
        bright += rgb[3 * i] == 255 && rgb[3 * i + 2] == 255;
    }
    assert_int_equal(bright, 15 * 15); /* the ball, a block with a gap of one pixel */
    free(rgb);
    ppi_vec_destroy(vec);
}

static void test_modes(void **state) {
    (void)state;
    ppi_vec *wide = make("planes", 1, 0, 0);
    assert_int_equal(ppi_vec_spec(wide, 0)->obs_w, 10);
    ASSERT_OK(ppi_vec_reset(wide, 0, 3));
    assert_int_equal(ppi_vec_obs(wide)[(9 * 10 + 5) * 2], 1); /* paddle starts in column 5 */
    ppi_vec_destroy(wide);

    /* With drift the ball of some episode changes its column. */
    ppi_vec *drift = make("planes", 2, 0, 0);
    bool moved = false;
    for (uint64_t seed = 0; seed < 8; seed++) {
        ASSERT_OK(ppi_vec_reset(drift, 0, seed));
        int start = 0;
        while (!ppi_vec_obs(drift)[start * 2 + 1]) {
            start++;
        }
        const int32_t stay = 0;
        for (int s = 1; s <= 9; s++) {
            ASSERT_OK(ppi_vec_step(drift, &stay, NULL));
            moved |= !ppi_vec_obs(drift)[(s * 5 + start) * 2 + 1];
        }
        assert_true(ppi_vec_terminated(drift)[0]);
    }
    assert_true(moved);
    ppi_vec_destroy(drift);
}

static void test_ends(void **state) {
    (void)state;
    const int32_t stay = 0;
    ppi_vec *vec = make("planes", 0, 0, 4);
    ASSERT_OK(ppi_vec_reset(vec, 0, 1));
    for (int s = 0; s < 4; s++) {
        assert_int_equal(ppi_vec_truncated(vec)[0], 0);
        ASSERT_OK(ppi_vec_step(vec, &stay, NULL));
    }
    assert_int_equal(ppi_vec_truncated(vec)[0], 1);
    assert_int_equal(ppi_vec_terminated(vec)[0], 0);
    uint8_t before[100];
    memcpy(before, ppi_vec_obs(vec), sizeof(before));
    const int32_t left = 4;
    ASSERT_OK(ppi_vec_step(vec, &left, NULL)); /* changes nothing */
    assert_memory_equal(before, ppi_vec_obs(vec), sizeof(before));
    assert_int_equal(ppi_vec_truncated(vec)[0], 1);
    assert_int_equal(ppi_vec_steps(vec)[0], 4);
    ppi_vec_destroy(vec);
}

static void test_sticky_one_repeats_for_ever(void **state) {
    (void)state;
    ppi_vec *vec = make("planes", 0, 1.0, 0);
    ASSERT_OK(ppi_vec_reset(vec, 0, 5));
    const int32_t left = 4;
    for (int s = 0; s < 5; s++) {
        ASSERT_OK(ppi_vec_step(vec, &left, NULL));
        assert_int_equal(ppi_vec_obs(vec)[(9 * 5 + 2) * 2], 1); /* never leaves the middle */
    }
    ppi_vec_destroy(vec);
}

static void test_errors(void **state) {
    (void)state;
    const char *id = "arcade/catch";
    ppi_env_options options;
    ppi_env_options_default(&options);
    options.mode = 9;
    ppi_vec *vec = NULL;
    assert_int_equal(ppi_vec_create(&vec, &id, 1, &options, 1), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("modes 0..2");
    assert_null(vec);
    options.mode = 0;
    options.sticky = 2;
    assert_int_equal(ppi_vec_create(&vec, &id, 1, &options, 1), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("sticky");

    vec = make("planes", 0, 0, 0);
    const int32_t good = 0;
    const int32_t bad = 18;
    assert_int_equal(ppi_vec_step(vec, &good, NULL), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("before its reset");
    ASSERT_OK(ppi_vec_reset(vec, 0, 0));
    assert_int_equal(ppi_vec_step(vec, &bad, NULL), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("action 18");
    assert_int_equal(ppi_vec_reset(vec, 1, 0), PP_ERR_ARGUMENT);
    ppi_vec_destroy(vec);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_grey),
        cmocka_unit_test(test_modes),     cmocka_unit_test(test_ends),
        cmocka_unit_test(test_errors),    cmocka_unit_test(test_sticky_one_repeats_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
