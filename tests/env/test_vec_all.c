/* Every built-in environment in the vector: the same bytes for any number of threads, and states
 * saved in the middle of episodes that go on as the original did. */
#include "env/env_test.h"

#include "base/hash.h"

enum { CROWD = 160, STEPS = 70, HALF = 35 };

static uint32_t crc_rows(const ppi_vec *vec, uint32_t crc) {
    const size_t n = (size_t)ppi_vec_count(vec);
    crc = ppi_crc32(crc, ppi_vec_obs(vec), n * (size_t)ppi_vec_obs_size(vec));
    crc = ppi_crc32(crc, ppi_vec_reward(vec), n * sizeof(double));
    crc = ppi_crc32(crc, ppi_vec_terminated(vec), n);
    crc = ppi_crc32(crc, ppi_vec_truncated(vec), n);
    crc = ppi_crc32(crc, ppi_vec_steps(vec), n * sizeof(int64_t));
    return ppi_crc32(crc, ppi_vec_episode_return(vec), n * sizeof(double));
}

/* Steps with actions that depend on the number of the step and of the environment alone. */
static uint32_t play(ppi_vec *vec, int from, int to) {
    static int32_t actions[CROWD];
    uint32_t crc = 0;
    const int n = ppi_vec_count(vec);
    for (int s = from; s < to; s++) {
        for (int i = 0; i < n; i++) {
            uint32_t x = (uint32_t)(s * 977 + i * 31 + 1);
            actions[i] = (int32_t)(next_value(&x) % (uint32_t)ppi_vec_spec(vec, i)->action_count);
        }
        ASSERT_OK(ppi_vec_step(vec, actions, NULL));
        crc = crc_rows(vec, crc);
    }
    return crc;
}

static ppi_vec *open_crowd(const char *id, int count, int threads) {
    static const char *ids[CROWD];
    static int64_t tasks[CROWD];
    static uint64_t seeds[CROWD];
    ppi_env_options options;
    ppi_env_options_default(&options);
    if (strcmp(id, "watermaze") == 0) {
        snprintf(options.view, sizeof(options.view), "24x32");
    }
    for (int i = 0; i < count; i++) {
        ids[i] = id;
        tasks[i] = strncmp(id, "arcade/", 7) == 0 ? 0 : i % 80;
        seeds[i] = (uint64_t)(i * 7);
    }
    const ppi_vec_config config = {.ids = ids,
                                   .count = count,
                                   .options = &options,
                                   .tasks = tasks,
                                   .threads = threads,
                                   .autoreset = PPI_AUTORESET_SAME_STEP};
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_open(&vec, &config));
    ASSERT_OK(ppi_vec_reset_all(vec, seeds));
    return vec;
}

static void check_threads(const char *id) {
    uint32_t wanted = 0;
    for (int threads = 1; threads <= 3; threads++) {
        ppi_vec *vec = open_crowd(id, CROWD, threads);
        const uint32_t crc = play(vec, 0, STEPS);
        ppi_vec_destroy(vec);
        if (threads == 1) wanted = crc;
        if (crc != wanted) fail_msg("%s differs with %d threads", id, threads);
    }
}

static void check_states(const char *id) {
    enum { FEW = 3 };
    ppi_vec *first = open_crowd(id, FEW, 1);
    ppi_vec *second = open_crowd(id, FEW, 1);
    play(first, 0, HALF);
    for (int i = 0; i < FEW; i++) {
        ppi_buf saved = {0};
        ASSERT_OK(ppi_vec_save_state(first, i, &saved));
        ASSERT_OK(ppi_vec_load_state(second, i, saved.data, saved.len));
        ppi_buf_free(&saved);
    }
    if (crc_rows(first, 0) != crc_rows(second, 0)) fail_msg("%s: rows are not restored", id);
    if (play(first, HALF, STEPS) != play(second, HALF, STEPS)) {
        fail_msg("%s does not go on as saved", id);
    }
    ppi_vec_destroy(first);
    ppi_vec_destroy(second);
}

static void for_each_built_in(void (*check)(const char *id)) {
    int count = 0;
    for (int i = 0; i < ppi_env_count(); i++) {
        ppi_env_entry entry;
        ASSERT_OK(ppi_env_entry_at(&entry, i, NULL));
        if (strcmp(entry.backend, "ale") == 0) continue;
        check(entry.id);
        count++;
    }
    assert_true(count >= 18);
}

static void test_threads(void **state) {
    (void)state;
    for_each_built_in(check_threads);
}

static void test_states(void **state) {
    (void)state;
    for_each_built_in(check_states);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
