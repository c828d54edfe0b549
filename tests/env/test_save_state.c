/* A restored environment plays on exactly as the original did, sticky repeats included. */
#include "env/env_test.h"

#include "base/hash.h"

/* Plays from the present state; the checksum covers frames, rewards and flags. */
static uint32_t play(ppi_vec *vec, uint32_t x, int steps) {
    uint32_t crc = 0;
    for (int s = 0; s < steps; s++) {
        const int32_t action = (int32_t)(next_value(&x) % 18);
        ASSERT_OK(ppi_vec_step(vec, &action, NULL));
        crc = ppi_crc32(crc, ppi_vec_obs(vec), (size_t)ppi_vec_obs_size(vec));
        crc = ppi_crc32(crc, ppi_vec_reward(vec), sizeof(double));
        crc = ppi_crc32(crc, ppi_vec_steps(vec), sizeof(int64_t));
        crc = ppi_crc32(crc, ppi_vec_lives(vec), sizeof(int32_t));
        crc = ppi_crc32(crc, ppi_vec_terminated(vec), 1);
        if (ppi_vec_terminated(vec)[0] || ppi_vec_truncated(vec)[0]) {
            ASSERT_OK(ppi_vec_reset(vec, 0, PP_ENV_KEEP_SEED));
        }
    }
    return crc;
}

static void check(const char *id, double sticky, int warm, int steps) {
    ppi_env_options options;
    ppi_env_options_default(&options);
    options.sticky = sticky;
    options.noop_max = 10;
    ppi_vec *first = NULL;
    ppi_vec *second = NULL;
    ASSERT_OK(ppi_vec_create(&first, &id, 1, &options, 1));
    ASSERT_OK(ppi_vec_create(&second, &id, 1, &options, 1));
    ASSERT_OK(ppi_vec_reset(first, 0, 42));
    play(first, 7, warm);
    ppi_buf saved = {0};
    ASSERT_OK(ppi_vec_save_state(first, 0, &saved));
    const size_t size = (size_t)ppi_vec_obs_size(first);
    uint8_t *frame = malloc(size);
    memcpy(frame, ppi_vec_obs(first), size);
    const uint32_t wanted = play(first, 99, steps);

    /* Into the instance that went on, and into one that never played. */
    ASSERT_OK(ppi_vec_load_state(first, 0, saved.data, saved.len));
    assert_memory_equal(frame, ppi_vec_obs(first), size);
    assert_int_equal(play(first, 99, steps), wanted);
    ASSERT_OK(ppi_vec_load_state(second, 0, saved.data, saved.len));
    assert_memory_equal(frame, ppi_vec_obs(second), size);
    assert_int_equal(play(second, 99, steps), wanted);

    /* Damaged states are refused. */
    for (size_t cut = 0; cut < 40 && cut < saved.len; cut += 7) {
        assert_int_not_equal(ppi_vec_load_state(second, 0, saved.data, cut), PP_OK);
    }
    saved.data[48] ^= 0x55; /* a flag of the row */
    saved.data[56] ^= 0x55; /* the magic number behind the row */
    assert_int_not_equal(ppi_vec_load_state(second, 0, saved.data, saved.len), PP_OK);
    ASSERT_ERROR_HAS("state");
    free(frame);
    ppi_buf_free(&saved);
    ppi_vec_destroy(first);
    ppi_vec_destroy(second);
}

static void test_catch(void **state) {
    (void)state;
    check("arcade/catch", 0.0, 13, 60);
    check("arcade/catch", 0.4, 13, 60);
}

static void test_breakout_sticky(void **state) {
    (void)state;
    if (!have_game("breakout")) {
        skip();
    }
    check("ale/breakout", 0.5, 37, 250);
}

static void test_seaquest(void **state) {
    (void)state;
    if (!have_game("seaquest")) {
        skip();
    }
    check("ale/seaquest", 0.0, 50, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catch),
        cmocka_unit_test(test_breakout_sticky),
        cmocka_unit_test(test_seaquest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
