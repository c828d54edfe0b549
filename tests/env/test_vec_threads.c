/* A vector of environments gives the same bytes for any number of threads and leaves environments
 * that are not active alone. */
#include "env/env_test.h"

enum { N = 5 };

typedef struct trace {
    uint8_t *obs;
    double *reward;
    uint8_t *flags;
    size_t obs_bytes;
} trace;

static void record(trace *t, const char *const *ids, double sticky, int threads, int steps) {
    ppi_env_options options;
    ppi_env_options_default(&options);
    options.sticky = sticky;
    options.cap = 60;
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_create(&vec, ids, N, &options, threads));
    const size_t row = (size_t)ppi_vec_obs_size(vec) * N;
    t->obs_bytes = row * (size_t)steps;
    t->obs = malloc(t->obs_bytes);
    t->reward = malloc(sizeof(double) * N * (size_t)steps);
    t->flags = malloc((size_t)(2 * N * steps));
    const uint64_t seeds[N] = {3, 1, 4, 1, 5};
    ASSERT_OK(ppi_vec_reset_all(vec, seeds));
    uint32_t x = 7;
    uint64_t next_seed = 100;
    for (int s = 0; s < steps; s++) {
        int32_t actions[N];
        uint8_t active[N];
        for (int i = 0; i < N; i++) {
            const uint32_t v = next_value(&x);
            actions[i] = (int32_t)(v % 18);
            active[i] = v % 7 != 0;
        }
        ASSERT_OK(ppi_vec_step(vec, actions, active));
        memcpy(t->obs + row * (size_t)s, ppi_vec_obs(vec), row);
        memcpy(t->reward + N * s, ppi_vec_reward(vec), sizeof(double) * N);
        memcpy(t->flags + 2 * N * s, ppi_vec_terminated(vec), N);
        memcpy(t->flags + 2 * N * s + N, ppi_vec_truncated(vec), N);
        for (int i = 0; i < N; i++) {
            if (ppi_vec_terminated(vec)[i] || ppi_vec_truncated(vec)[i]) {
                ASSERT_OK(ppi_vec_reset(vec, i, next_seed++));
            }
        }
    }
    ppi_vec_destroy(vec);
}

static void release(trace *t) {
    free(t->obs);
    free(t->reward);
    free(t->flags);
}

static void compare(const char *const *ids, double sticky, int steps) {
    trace one;
    trace two;
    record(&one, ids, sticky, 1, steps);
    record(&two, ids, sticky, 2, steps);
    assert_memory_equal(one.obs, two.obs, one.obs_bytes);
    assert_memory_equal(one.reward, two.reward, sizeof(double) * N * (size_t)steps);
    assert_memory_equal(one.flags, two.flags, (size_t)(2 * N * steps));
    release(&one);
    release(&two);
}

static void test_catch(void **state) {
    (void)state;
    const char *const ids[N] = {"arcade/catch", "arcade/catch", "arcade/catch", "arcade/catch",
                                "arcade/catch"};
    compare(ids, 0.1, 500);
}

static void test_atari(void **state) {
    (void)state;
    if (!have_game("breakout") || !have_game("pooyan")) {
        skip();
    }
    const char *const ids[N] = {"ale/breakout", "ale/pooyan", "ale/breakout", "ale/pooyan",
                                "ale/breakout"};
    compare(ids, 0.25, 120);
}

/* So many small games that a step of all is worth a second thread. */
static void test_crowd(void **state) {
    (void)state;
    enum { CROWD = 600, STEPS = 30, OBS = 10 * 5 * 2 };
    static const char *ids[CROWD];
    static uint64_t seeds[CROWD];
    static uint8_t last[2][CROWD * OBS];
    static double total[2][CROWD];
    for (int i = 0; i < CROWD; i++) {
        ids[i] = "arcade/catch";
        seeds[i] = (uint64_t)i;
    }
    for (int threads = 1; threads <= 2; threads++) {
        ppi_vec *vec = NULL;
        ASSERT_OK(ppi_vec_create(&vec, ids, CROWD, NULL, threads));
        assert_int_equal(ppi_vec_obs_size(vec), OBS);
        ASSERT_OK(ppi_vec_reset_all(vec, seeds));
        uint32_t x = 5;
        for (int s = 0; s < STEPS; s++) {
            int32_t actions[CROWD];
            for (int i = 0; i < CROWD; i++) {
                actions[i] = (int32_t)(next_value(&x) % 18);
            }
            ASSERT_OK(ppi_vec_step(vec, actions, NULL));
            for (int i = 0; i < CROWD; i++) {
                total[threads - 1][i] += ppi_vec_reward(vec)[i];
                if (ppi_vec_terminated(vec)[i]) {
                    ASSERT_OK(ppi_vec_reset(vec, i, (uint64_t)s));
                }
            }
        }
        memcpy(last[threads - 1], ppi_vec_obs(vec), sizeof(last[0]));
        ppi_vec_destroy(vec);
    }
    assert_memory_equal(last[0], last[1], sizeof(last[0]));
    assert_memory_equal(total[0], total[1], sizeof(total[0]));
}

static void test_inactive_is_untouched(void **state) {
    (void)state;
    const char *const ids[2] = {"arcade/catch", "arcade/catch"};
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_create(&vec, ids, 2, NULL, 2));
    const uint64_t seeds[2] = {1, 2};
    ASSERT_OK(ppi_vec_reset_all(vec, seeds));
    ppi_buf before = {0};
    ppi_buf after = {0};
    ASSERT_OK(ppi_vec_save_state(vec, 0, &before));
    const int32_t actions[2] = {99, 4}; /* an idle environment's action is not even looked at */
    const uint8_t active[2] = {0, 1};
    ASSERT_OK(ppi_vec_step(vec, actions, active));
    ASSERT_OK(ppi_vec_save_state(vec, 0, &after));
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    assert_int_equal(ppi_vec_steps(vec)[0], 0);
    assert_int_equal(ppi_vec_steps(vec)[1], 1);
    ppi_buf_free(&before);
    ppi_buf_free(&after);
    ppi_vec_destroy(vec);
}

static void test_shapes_must_agree(void **state) {
    (void)state;
    if (!have_game("breakout")) {
        skip();
    }
    const char *const ids[2] = {"arcade/catch", "ale/breakout"};
    ppi_vec *vec = NULL;
    assert_int_equal(ppi_vec_create(&vec, ids, 2, NULL, 1), PP_ERR_SHAPE);
    ASSERT_ERROR_HAS("10x5x2");
    ASSERT_ERROR_HAS("84x84x1");
    ppi_env_options options;
    ppi_env_options_default(&options);
    snprintf(options.view, sizeof(options.view), "grey84");
    ASSERT_OK(ppi_vec_create(&vec, ids, 2, &options, 1));
    ppi_vec_destroy(vec);
}

static void test_counts(void **state) {
    (void)state;
    const char *id = "arcade/catch";
    ppi_vec *vec = NULL;
    assert_int_equal(ppi_vec_create(&vec, &id, 0, NULL, 1), PP_ERR_ARGUMENT);
    assert_int_equal(ppi_vec_create(&vec, &id, 1, NULL, 0), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("0 threads");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catch),
        cmocka_unit_test(test_atari),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_inactive_is_untouched),
        cmocka_unit_test(test_shapes_must_agree),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
