/* What a vector of environments does at the ends of episodes, and when one of them fails. */
#include "env/env_test.h"
#include "env/fake_env.h"

enum { N = 4 };

/* Environments with the tasks 0..N-1: they end after 2, 3, 4 and 5 steps. */
static ppi_vec *make(ppi_autoreset autoreset, int threads) {
    const char *const ids[N] = {FAKE_ID, FAKE_ID, FAKE_ID, FAKE_ID};
    const int64_t tasks[N] = {0, 1, 2, 3};
    const ppi_vec_config config = {
        .ids = ids, .count = N, .tasks = tasks, .threads = threads, .autoreset = autoreset};
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_open(&vec, &config));
    const uint64_t seeds[N] = {20, 30, 40, 50};
    ASSERT_OK(ppi_vec_reset_all(vec, seeds));
    return vec;
}

static const uint8_t *row(const ppi_vec *vec, int i) {
    return ppi_vec_obs(vec) + (int64_t)i * ppi_vec_obs_size(vec);
}

static void step(ppi_vec *vec, int32_t action) {
    const int32_t actions[N] = {action, action, action, action};
    ASSERT_OK(ppi_vec_step(vec, actions, NULL));
}

/* Steps in the episode, episode, last action as the observation of environment i shows them. */
static void assert_row(const ppi_vec *vec, int i, int steps, int episode, int action) {
    assert_int_equal(row(vec, i)[0], steps);
    assert_int_equal(row(vec, i)[1], episode);
    assert_int_equal(row(vec, i)[2], action);
    assert_int_equal(row(vec, i)[3], i);
}

static void assert_flags(const ppi_vec *vec, int i, double reward, int terminated, int truncated) {
    assert_true(ppi_vec_reward(vec)[i] == reward);
    assert_int_equal(ppi_vec_terminated(vec)[i], terminated);
    assert_int_equal(ppi_vec_truncated(vec)[i], truncated);
}

static void test_reset(void **state) {
    (void)state;
    ppi_vec *vec = make(PPI_AUTORESET_DISABLED, 1);
    for (int i = 0; i < N; i++) {
        assert_row(vec, i, 0, 20 + 10 * i, 0);
        assert_flags(vec, i, 0, 0, 0);
        assert_int_equal(ppi_vec_lives(vec)[i], 3);
        assert_int_equal(ppi_vec_frames(vec)[i], 7);
        assert_int_equal(ppi_vec_spec(vec, i)->task, i);
    }
    assert_null(ppi_vec_final_obs(vec));
    ppi_vec_destroy(vec);
}

static void test_disabled(void **state) {
    (void)state;
    ppi_vec *vec = make(PPI_AUTORESET_DISABLED, 1);
    step(vec, 1);
    step(vec, 1);
    assert_row(vec, 0, 2, 20, 1);
    assert_flags(vec, 0, 2, 1, 0);
    step(vec, 1);
    /* Environment 0 is over: nothing moves, the flags stay, no reward. 1 ends just now. */
    assert_row(vec, 0, 2, 20, 1);
    assert_flags(vec, 0, 0, 1, 0);
    assert_int_equal(ppi_vec_frames(vec)[0], 0);
    assert_int_equal(ppi_vec_steps(vec)[0], 2);
    assert_flags(vec, 1, 3, 0, 1);
    assert_flags(vec, 2, 3, 0, 0);
    ASSERT_OK(ppi_vec_reset(vec, 0, 77));
    assert_row(vec, 0, 0, 77, 0);
    assert_flags(vec, 0, 0, 0, 0);
    assert_row(vec, 1, 3, 30, 1); /* the others are untouched */
    ppi_vec_destroy(vec);
}

static void test_next_step(void **state) {
    (void)state;
    ppi_vec *vec = make(PPI_AUTORESET_NEXT_STEP, 1);
    step(vec, 1);
    step(vec, 1);
    assert_row(vec, 0, 2, 20, 1); /* the last real observation */
    assert_flags(vec, 0, 2, 1, 0);
    const int32_t actions[N] = {FAKE_BAD_ACTION, 1, 1, 1}; /* ignored by environment 0 */
    ASSERT_OK(ppi_vec_step(vec, actions, NULL));
    assert_row(vec, 0, 0, 21, 0);
    assert_flags(vec, 0, 0, 0, 0);
    assert_int_equal(ppi_vec_steps(vec)[0], 0);
    assert_int_equal(ppi_vec_frames(vec)[0], 7);
    assert_flags(vec, 1, 3, 0, 1);
    step(vec, 1);
    assert_row(vec, 0, 1, 21, 1);
    assert_flags(vec, 0, 1, 0, 0);
    assert_row(vec, 1, 0, 31, 0);
    assert_flags(vec, 1, 0, 0, 0);
    ppi_vec_destroy(vec);
}

static void test_same_step(void **state) {
    (void)state;
    ppi_vec *vec = make(PPI_AUTORESET_SAME_STEP, 1);
    step(vec, 1);
    step(vec, 1);
    assert_row(vec, 0, 0, 21, 0); /* already the next episode */
    assert_flags(vec, 0, 2, 1, 0);
    const uint8_t last[FAKE_OBS] = {2, 20, 1, 0};
    assert_memory_equal(ppi_vec_final_obs(vec), last, FAKE_OBS);
    assert_int_equal(ppi_vec_lives(vec)[0], 3);
    assert_int_equal(ppi_vec_frames(vec)[0], 8); /* of the step and of the reset */
    assert_int_equal(ppi_vec_steps(vec)[0], 0);
    step(vec, 0);
    assert_row(vec, 0, 1, 21, 0);
    assert_flags(vec, 0, 1, 0, 0);
    assert_flags(vec, 1, 3, 0, 1);
    const uint8_t cut[FAKE_OBS] = {3, 30, 0, 1};
    assert_memory_equal(ppi_vec_final_obs(vec) + FAKE_OBS, cut, FAKE_OBS);
    ppi_vec_destroy(vec);
}

/* Inactive environments stand still in every mode, ended ones too. */
static void test_inactive(void **state) {
    (void)state;
    for (int mode = PPI_AUTORESET_DISABLED; mode <= PPI_AUTORESET_SAME_STEP; mode++) {
        ppi_vec *vec = make((ppi_autoreset)mode, 1);
        const int32_t actions[N] = {99, 1, -1, 1};
        const uint8_t active[N] = {0, 1, 0, 1};
        for (int s = 0; s < 2; s++) ASSERT_OK(ppi_vec_step(vec, actions, active));
        assert_row(vec, 0, 0, 20, 0);
        assert_row(vec, 2, 0, 40, 0);
        assert_row(vec, 3, 2, 50, 1);
        assert_int_equal(ppi_vec_steps(vec)[0], 0);
        assert_int_equal(ppi_vec_steps(vec)[1], 2);
        ppi_vec_destroy(vec);
    }
}

static void test_statistics(void **state) {
    (void)state;
    for (int mode = PPI_AUTORESET_DISABLED; mode <= PPI_AUTORESET_SAME_STEP; mode++) {
        ppi_vec *vec = make((ppi_autoreset)mode, 1);
        assert_true(ppi_vec_episode_return(vec)[0] == 0);
        assert_int_equal(ppi_vec_episode_length(vec)[0], 0);
        for (int s = 0; s < 3; s++) step(vec, 1);
        assert_true(ppi_vec_episode_return(vec)[0] == 1 + 2);
        assert_int_equal(ppi_vec_episode_length(vec)[0], 2);
        assert_true(ppi_vec_episode_return(vec)[1] == 1 + 2 + 3);
        assert_int_equal(ppi_vec_episode_length(vec)[1], 3);
        assert_int_equal(ppi_vec_episode_length(vec)[2], 0);
        assert_true(ppi_vec_episode_seconds(vec)[1] >= 0);
        assert_true(ppi_vec_episode_seconds(vec)[1] < 60);
        ppi_vec_destroy(vec);
    }
}

/* One broken environment is named; the others have stepped, and go on while it stays broken. */
static void test_failure(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        ppi_vec *vec = make(PPI_AUTORESET_NEXT_STEP, threads);
        const int32_t bad[N] = {1, 1, FAKE_BAD_ACTION, FAKE_BAD_ACTION};
        assert_int_equal(ppi_vec_step(vec, bad, NULL), PP_ERR_IO);
        ASSERT_ERROR_HAS("environment 2 (" FAKE_ID "): the line is dead");
        assert_row(vec, 0, 1, 20, 1);
        assert_row(vec, 1, 1, 30, 1);
        assert_false(ppi_vec_failed(vec, 0));
        assert_true(ppi_vec_failed(vec, 2));
        assert_true(ppi_vec_failed(vec, 3));
        assert_string_equal(ppi_vec_failure(vec, 2), "the line is dead");
        assert_string_equal(ppi_vec_failure(vec, 1), "");

        const int32_t good[N] = {1, 1, 1, 1};
        assert_int_equal(ppi_vec_step(vec, good, NULL), PP_ERR_IO);
        assert_row(vec, 0, 2, 20, 1);
        assert_true(ppi_vec_reward(vec)[2] == 0);
        ppi_buf saved = {0};
        assert_int_equal(ppi_vec_save_state(vec, 2, &saved), PP_ERR_IO);
        uint8_t rgb[3];
        assert_int_equal(ppi_vec_render(vec, 3, rgb), PP_ERR_IO);
        ASSERT_ERROR_HAS("environment 3");
        ppi_buf_free(&saved);

        /* Left out it is no failure; after its reset it plays again. */
        const uint8_t well[N] = {1, 1, 0, 0};
        ASSERT_OK(ppi_vec_step(vec, good, well));
        assert_row(vec, 0, 0, 21, 0);
        ASSERT_OK(ppi_vec_reset(vec, 2, 60));
        ASSERT_OK(ppi_vec_reset(vec, 3, PP_ENV_KEEP_SEED));
        ASSERT_OK(ppi_vec_step(vec, good, NULL));
        assert_row(vec, 2, 1, 60, 1);
        assert_row(vec, 3, 1, 51, 1);
        ppi_vec_destroy(vec);
    }
}

static void test_failing_resets(void **state) {
    (void)state;
    ppi_vec *vec = make(PPI_AUTORESET_DISABLED, 2);
    assert_int_equal(ppi_vec_reset(vec, 1, FAKE_BAD_SEED), PP_ERR_IO);
    ASSERT_ERROR_HAS("environment 1 (" FAKE_ID "): seed 13");
    const uint64_t seeds[N] = {1, 2, FAKE_BAD_SEED, 4};
    assert_int_equal(ppi_vec_reset_all(vec, seeds), PP_ERR_IO);
    ASSERT_ERROR_HAS("environment 2");
    assert_row(vec, 3, 0, 4, 0);
    assert_row(vec, 1, 0, 2, 0);
    assert_false(ppi_vec_failed(vec, 1));
    assert_int_equal(ppi_vec_reset(vec, N, 0), PP_ERR_ARGUMENT);
    assert_int_equal(ppi_vec_reset(vec, -1, 0), PP_ERR_ARGUMENT);
    ppi_vec_destroy(vec);
}

static void test_actions(void **state) {
    (void)state;
    ppi_vec *vec = make(PPI_AUTORESET_DISABLED, 1);
    const int32_t high[N] = {1, 1, 1, FAKE_ACTIONS};
    assert_int_equal(ppi_vec_step(vec, high, NULL), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("action 3 of environment 3 (" FAKE_ID ") is not in 0..2");
    const int32_t negative[N] = {1, -1, 1, 1};
    assert_int_equal(ppi_vec_step(vec, negative, NULL), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("action -1 of environment 1");
    for (int i = 0; i < N; i++) assert_row(vec, i, 0, 20 + 10 * i, 0); /* nothing moved */
    ppi_vec_destroy(vec);

    /* Before its reset nothing can be stepped. */
    const char *id = FAKE_ID;
    ASSERT_OK(ppi_vec_create(&vec, &id, 1, NULL, 1));
    const int32_t one = 1;
    assert_int_equal(ppi_vec_step(vec, &one, NULL), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("before its reset");
    ppi_vec_destroy(vec);
}

/* A state from the middle of an episode, and one from between two, in each mode. */
static void test_states(void **state) {
    (void)state;
    for (int mode = PPI_AUTORESET_DISABLED; mode <= PPI_AUTORESET_SAME_STEP; mode++) {
        for (int warm = 1; warm <= 3; warm++) {
            ppi_vec *vec = make((ppi_autoreset)mode, 1);
            for (int s = 0; s < warm; s++) step(vec, 1);
            ppi_buf saved = {0};
            ASSERT_OK(ppi_vec_save_state(vec, 0, &saved));
            ppi_vec *other = make((ppi_autoreset)mode, 1);
            ASSERT_OK(ppi_vec_load_state(other, 0, saved.data, saved.len));
            for (int s = 0; s < 6; s++) {
                assert_memory_equal(row(vec, 0), row(other, 0), FAKE_OBS);
                assert_flags(other, 0, ppi_vec_reward(vec)[0], ppi_vec_terminated(vec)[0],
                             ppi_vec_truncated(vec)[0]);
                assert_int_equal(ppi_vec_steps(other)[0], ppi_vec_steps(vec)[0]);
                assert_int_equal(ppi_vec_lives(other)[0], ppi_vec_lives(vec)[0]);
                assert_true(ppi_vec_episode_return(other)[0] == ppi_vec_episode_return(vec)[0]);
                assert_int_equal(ppi_vec_episode_length(other)[0], ppi_vec_episode_length(vec)[0]);
                step(vec, 1);
                step(other, 1);
            }
            assert_int_equal(ppi_vec_load_state(other, 0, saved.data, saved.len - 1), PP_ERR_IO);
            assert_int_equal(ppi_vec_load_state(other, 0, saved.data, 10), PP_ERR_CORRUPT);
            ASSERT_ERROR_HAS("10 bytes");
            saved.data[saved.len - sizeof(fake_env) - 6] = 9; /* the phase in the row */
            assert_int_equal(ppi_vec_load_state(other, 0, saved.data, saved.len), PP_ERR_CORRUPT);
            ppi_buf_free(&saved);
            ppi_vec_destroy(vec);
            ppi_vec_destroy(other);
        }
    }
}

/* Everything the vector shows, for 1, 2 and 3 threads and so many environments that they are
 * shared among threads. */
static void test_threads(void **state) {
    (void)state;
    enum { CROWD = 3000, STEPS = 60 };
    static const char *ids[CROWD];
    static int64_t tasks[CROWD];
    static uint64_t seeds[CROWD];
    static uint8_t obs[CROWD * FAKE_OBS];
    static double returns[CROWD];
    for (int i = 0; i < CROWD; i++) {
        ids[i] = FAKE_ID;
        tasks[i] = i % 11;
        seeds[i] = (uint64_t)i % 7;
    }
    for (int threads = 1; threads <= 3; threads++) {
        const ppi_vec_config config = {.ids = ids,
                                       .count = CROWD,
                                       .tasks = tasks,
                                       .threads = threads,
                                       .autoreset = PPI_AUTORESET_SAME_STEP};
        ppi_vec *vec = NULL;
        ASSERT_OK(ppi_vec_open(&vec, &config));
        ASSERT_OK(ppi_vec_reset_all(vec, seeds));
        static int32_t actions[CROWD];
        uint32_t x = 3;
        for (int s = 0; s < STEPS; s++) {
            for (int i = 0; i < CROWD; i++) actions[i] = (int32_t)(next_value(&x) % 2);
            ASSERT_OK(ppi_vec_step(vec, actions, NULL));
        }
        if (threads == 1) {
            memcpy(obs, ppi_vec_obs(vec), sizeof(obs));
            memcpy(returns, ppi_vec_episode_return(vec), sizeof(returns));
        }
        assert_memory_equal(obs, ppi_vec_obs(vec), sizeof(obs));
        assert_memory_equal(returns, ppi_vec_episode_return(vec), sizeof(returns));
        ppi_vec_destroy(vec);
    }
}

static int setup(void **state) {
    (void)state;
    return pp_env_register(&fake_table) == PP_OK ? 0 : -1;
}

/* An environment changes its task in the midst of things; its outcome of the last step stays, and
 * the others go on. */
static void test_set_task(void **state) {
    (void)state;
    ppi_vec *vec = make(PPI_AUTORESET_SAME_STEP, 1);
    step(vec, 1);
    step(vec, 1);
    assert_flags(vec, 0, 2, 1, 0);
    ASSERT_OK(ppi_vec_set_task(vec, 0, 6, 90));
    assert_int_equal(ppi_vec_spec(vec, 0)->task, 6);
    assert_flags(vec, 0, 2, 1, 0);
    assert_int_equal(ppi_vec_final_obs(vec)[3], 0);
    assert_true(ppi_vec_episode_return(vec)[0] == 3);
    assert_int_equal(row(vec, 0)[0], 0);
    assert_int_equal(row(vec, 0)[1], 90);
    assert_int_equal(row(vec, 0)[3], 6);
    assert_row(vec, 1, 2, 30, 1);
    for (int i = 0; i < 8; i++) {
        step(vec, 1);
        assert_int_equal(ppi_vec_terminated(vec)[0], i == 7);
    }
    assert_int_equal(ppi_vec_episode_length(vec)[0], 8);
    assert_int_equal(ppi_vec_set_task(vec, N, 0, 0), PP_ERR_ARGUMENT);
    ppi_vec_destroy(vec);
}

/* A task that is not there leaves the environment as it was. */
static void test_set_missing_task(void **state) {
    (void)state;
    const char *const ids[1] = {"dark/room"};
    const uint64_t seed = 3;
    const int32_t up = 1;
    const ppi_vec_config config = {.ids = ids, .count = 1, .threads = 1};
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_open(&vec, &config));
    ASSERT_OK(ppi_vec_reset_all(vec, &seed));
    ASSERT_OK(ppi_vec_step(vec, &up, NULL));
    assert_int_equal(ppi_vec_set_task(vec, 0, 81, 3), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "81"));
    assert_int_equal(row(vec, 0)[0], 3);
    ASSERT_OK(ppi_vec_step(vec, &up, NULL));
    assert_int_equal(row(vec, 0)[0], 2);
    ASSERT_OK(ppi_vec_set_task(vec, 0, 80, 3));
    assert_int_equal(row(vec, 0)[0], 4);
    ppi_vec_destroy(vec);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_next_step),
        cmocka_unit_test(test_same_step),
        cmocka_unit_test(test_inactive),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_failing_resets),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_set_task),
        cmocka_unit_test(test_set_missing_task),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
