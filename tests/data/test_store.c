/* Writing datasets and reading them back, and what damaged files do. */
#include "data/data_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "data/meta.h"

/* The HDF5 library loses a few bytes on some damaged files; the leak checker is told so. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libhdf5";
}

static void check_episode(pp_dataset *d, int64_t e, int64_t steps, int64_t bytes) {
    pp_episode_info info;
    assert_ok(pp_dataset_episode(d, e, &info));
    assert_int_equal(info.steps, steps);
    assert_int_equal(info.seed, 1000 + e);
    uint8_t *obs = malloc((size_t)(steps * bytes));
    int32_t *action = malloc((size_t)steps * sizeof *action);
    float *reward = malloc((size_t)steps * sizeof *reward);
    uint8_t *terminated = malloc((size_t)steps);
    uint8_t *truncated = malloc((size_t)steps);
    assert_ok(pp_dataset_read(d, e, 0, steps, obs, action, reward, terminated, truncated));
    double sum = 0;
    for (int64_t t = 0; t < steps; t++) {
        assert_int_equal(action[t], test_action(e, t));
        assert_true(reward[t] == (float)test_reward(e, t));
        assert_int_equal(terminated[t], t == steps - 1);
        assert_int_equal(truncated[t], 0);
        sum += test_reward(e, t);
        for (int64_t i = 0; i < bytes; i++) {
            assert_int_equal(obs[t * bytes + i], test_pixel(e, t, i));
        }
    }
    assert_true(info.reward_sum == sum);
    free(obs);
    free(action);
    free(reward);
    free(terminated);
    free(truncated);
}

static void round_trip(void **state) {
    (void)state;
    const int64_t steps[13] = {1, 2, 7, 8, 9, 20, 3, 1, 15, 16, 17, 5, 40};
    ppi_store_meta meta = test_meta("ale/test/random-v0", "ale/test", 12, 2);
    pp_dataset *d = NULL;
    pp_dataset_info info;
    test_write("round", &meta, steps, 13);
    assert_ok(pp_dataset_open(&d, "round"));
    pp_dataset_describe(d, &info);
    assert_string_equal(info.env, "ale/test");
    assert_string_equal(info.id, "ale/test/random-v0");
    assert_int_equal(info.episodes, 13);
    assert_int_equal(info.steps, 144);
    assert_int_equal(info.height, 12);
    assert_int_equal(info.channels, 2);
    assert_int_equal(info.actions, 18);
    assert_int_equal(info.min_actions, 3);
    assert_int_equal(info.action_list[1], 4);
    for (int64_t e = 0; e < 13; e++) {
        check_episode(d, e, steps[e], 12 * 12 * 2);
    }
    assert_fails(pp_dataset_read(d, 0, 0, 2, NULL, NULL, NULL, NULL, NULL), PP_ERR_ARGUMENT,
                 "steps 0 to 2");
    assert_fails(pp_dataset_episode(d, 13, &(pp_episode_info){0}), PP_ERR_ARGUMENT, "episode 13");
    pp_dataset_close(d);
}

static void names_and_lists(void **state) {
    (void)state;
    const int64_t steps[1] = {3};
    ppi_store_meta meta = test_meta("a/x-v0", "a", 4, 1);
    ppi_dataset **list = NULL;
    ppi_dataset *d = NULL;
    int count = 0;
    test_write("root/a/x-v0", &meta, steps, 1);
    test_write("root/a/y-v0", &meta, steps, 1);
    assert_ok(ppi_dataset_open(&d, "root/a/x-v0/"));
    ppi_dataset_close(d);
    assert_ok(ppi_dataset_open(&d, "root/a/x-v0/data"));
    ppi_dataset_close(d);
    setenv("MINARI_DATASETS_PATH", "root", 1);
    assert_ok(ppi_dataset_open(&d, "a/y-v0"));
    ppi_dataset_close(d);
    assert_ok(ppi_dataset_open_list(&list, &count, "root/a/*,a/x-v0", 0));
    assert_int_equal(count, 3);
    assert_string_equal(ppi_dataset_folder(list[0]), "root/a/x-v0");
    ppi_dataset_close_list(list, count);
    assert_ok(ppi_dataset_open_list(&list, &count, "a/*-v0", 0));
    assert_int_equal(count, 2);
    ppi_dataset_close_list(list, count);
    assert_fails(ppi_dataset_open_list(&list, &count, "b/*", 0), PP_ERR_NOT_FOUND, "b/*");
    assert_fails(ppi_dataset_open_list(&list, &count, "", 0), PP_ERR_ARGUMENT, "empty");
    assert_fails(ppi_dataset_open(&d, "a/z-v0"), PP_ERR_NOT_FOUND, "a/z-v0");
    assert_fails(ppi_dataset_open_bounded(&d, "a/y-v0", 10), PP_ERR_NO_MEMORY, "data.memory");
    unsetenv("MINARI_DATASETS_PATH");
}

/* Opens a damaged copy: whatever happens, no crash, and the error names the file. */
static void open_damaged(const char *folder, bool may_open) {
    ppi_dataset *d = NULL;
    pp_status status = ppi_dataset_open(&d, folder);
    if (status == PP_OK) {
        assert_true(may_open);
        uint8_t frame[64 * 64];
        pp_episode_info info;
        for (int64_t e = 0; e < ppi_dataset_episode_count(d); e++) {
            assert_ok(pp_dataset_episode(d, e, &info));
            (void)pp_dataset_read(d, e, info.steps - 1, 1, frame, NULL, NULL, NULL, NULL);
        }
        ppi_dataset_close(d);
    } else {
        assert_non_null(strstr(pp_last_error(), folder));
        assert_true(status == PP_ERR_CORRUPT || status == PP_ERR_NOT_FOUND ||
                    status == PP_ERR_SHAPE || status == PP_ERR_UNSUPPORTED || status == PP_ERR_IO);
    }
}

static void truncated_data(void **state) {
    (void)state;
    const int64_t steps[4] = {1, 30, 9, 12};
    ppi_store_meta meta = test_meta("t/cut-v0", "t", 16, 1);
    ppi_dataset *d = NULL;
    size_t size = 0;
    test_write("cut", &meta, steps, 4);
    char *bytes = test_slurp("cut/data/main_data.hdf5", &size);
    for (size_t n = 97; n < size; n += 97) {
        test_put("cut/data/main_data.hdf5", bytes, n);
        assert_fails(ppi_dataset_open(&d, "cut"), PP_ERR_CORRUPT, "cut/data/main_data.hdf5");
    }
    assert_int_equal(truncate("cut/data/main_data.hdf5", 0), 0);
    assert_fails(ppi_dataset_open(&d, "cut"), PP_ERR_NOT_FOUND, "zero episodes");
    ppi_free(bytes);
}

static void truncated_metadata(void **state) {
    (void)state;
    const int64_t steps[1] = {2};
    ppi_store_meta meta = test_meta("t/meta-v0", "t", 4, 1);
    ppi_dataset *d = NULL;
    size_t size = 0;
    test_write("meta", &meta, steps, 1);
    char *bytes = test_slurp("meta/data/metadata.json", &size);
    for (size_t n = 0; n + 2 < size; n += 13) {
        test_put("meta/data/metadata.json", bytes, n);
        assert_fails(ppi_dataset_open(&d, "meta"), PP_ERR_CORRUPT, "meta/data/metadata.json");
    }
    ppi_free(bytes);
}

static void bad_metadata(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *text;
        pp_status status;
    } cases[] = {
        {"\"total_episodes\"", "\"other\"", "total_episodes", PP_ERR_CORRUPT},
        {"\"total_episodes\": 1", "\"total_episodes\": 5", "total_episodes", PP_ERR_CORRUPT},
        {"\"hdf5\"", "\"arrow\"", "data_format", PP_ERR_UNSUPPORTED},
        {"uint8", "float32", "float32", PP_ERR_SHAPE},
        {"\\\"Box\\\"", "\\\"Dict\\\"", "observation_space", PP_ERR_CORRUPT},
        {"\\\"Box\\\"", "\\\"Graph\\\"", "observation_space", PP_ERR_UNSUPPORTED},
        {"\\\"Discrete\\\"", "\\\"Box\\\"", "action_space", PP_ERR_CORRUPT},
        {"\\\"n\\\"", "\\\"m\\\"", "\"n\"", PP_ERR_CORRUPT},
        {"\"observation_space\"", "\"x\"", "observation_space", PP_ERR_CORRUPT},
        {"[4, 4, 1]", "[4, 5, 1]", "observations: low: axis 1", PP_ERR_CORRUPT},
        {"[0, 4, 3]", "[0, 99, 3]", "action_list", PP_ERR_CORRUPT},
    };
    const int64_t steps[1] = {2};
    ppi_store_meta meta = test_meta("t/bad-v0", "t", 4, 1);
    ppi_dataset *d = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_write("bad", &meta, steps, 1);
        test_patch("bad", cases[i].from, cases[i].to);
        assert_fails(ppi_dataset_open(&d, "bad"), cases[i].status, cases[i].text);
    }
}

static void wrong_columns(void **state) {
    (void)state;
    static const test_column cases[] = {
        {"observations", PPI_H5_F32, 4, 4, PP_ERR_SHAPE, NULL},
        {"observations", PPI_H5_U8, 3, 4, PP_OK, NULL}, /* (T+1, 4, 4) */
        {"observations", PPI_H5_U8, 2, 4, PP_ERR_SHAPE, NULL},
        {"observations", PPI_H5_U8, 4, 3, PP_ERR_SHAPE, NULL},
        {"observations", PPI_H5_U8, 4, 0, PP_ERR_CORRUPT, NULL},
        {"actions", PPI_H5_F64, 1, 3, PP_ERR_SHAPE, NULL},
        {"actions", PPI_H5_I32, 1, 3, PP_OK, NULL},
        {"actions", PPI_H5_I64, 2, 3, PP_ERR_SHAPE, NULL},
        {"actions", PPI_H5_I64, 1, 4, PP_ERR_SHAPE, NULL},
        {"rewards", PPI_H5_F32, 1, 3, PP_OK, NULL},
        {"rewards", PPI_H5_I64, 1, 3, PP_ERR_SHAPE, NULL},
        {"rewards", PPI_H5_F64, 1, 2, PP_ERR_SHAPE, NULL},
        {"terminations", PPI_H5_U8, 1, 3, PP_OK, NULL},
        {"terminations", PPI_H5_F32, 1, 3, PP_ERR_SHAPE, NULL},
        {"truncations", PPI_H5_BOOL, 1, 0, PP_ERR_CORRUPT, NULL},
    };
    const int64_t steps[1] = {3};
    ppi_store_meta meta = test_meta("t/odd-v0", "t", 4, 1);
    ppi_dataset *d = NULL;
    test_write("odd", &meta, steps, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_write_odd("odd", &cases[i]);
        if (cases[i].status == PP_OK) {
            assert_ok(ppi_dataset_open(&d, "odd"));
            assert_int_equal(ppi_dataset_episode(d, 0)->info.cut, 1);
            ppi_dataset_close(d);
        } else {
            assert_fails(ppi_dataset_open(&d, "odd"), cases[i].status, cases[i].name);
            assert_non_null(strstr(pp_last_error(), "episode_0"));
        }
    }
}

/* One byte changed anywhere never crashes the reader. */
static void altered_bytes(void **state) {
    (void)state;
    const int64_t steps[2] = {5, 11};
    ppi_store_meta meta = test_meta("t/flip-v0", "t", 8, 1);
    size_t size = 0;
    test_write("flip", &meta, steps, 2);
    char *bytes = test_slurp("flip/data/main_data.hdf5", &size);
    for (size_t at = 0; at < size; at += 61) {
        bytes[at] ^= (char)0x5a;
        test_put("flip/data/main_data.hdf5", bytes, size);
        open_damaged("flip", true);
        bytes[at] ^= (char)0x5a;
    }
    ppi_free(bytes);
}

static void history_is_split(void **state) {
    (void)state;
    ppi_store_meta meta = test_meta("t/history-v0", "t", 4, 1);
    ppi_store *store = NULL;
    ppi_dataset *d = NULL;
    uint8_t obs[7 * 16];
    ppi_step_row rows[6] = {{.reward = 1}, {.reward = 2, .terminated = 1}, {.reward = 4},
                            {.reward = 8, .truncated = 1}, {.reward = 16}, {.reward = 32}};
    for (int i = 0; i < 7 * 16; i++) {
        obs[i] = (uint8_t)(i / 16);
    }
    assert_ok(ppi_dir_remove("history"));
    assert_ok(ppi_store_create(&store, "history", &meta, 0));
    assert_ok(ppi_store_episode(store, 3, obs, rows, 6));
    assert_ok(ppi_store_commit(store));
    assert_ok(ppi_dataset_open(&d, "history"));
    assert_int_equal(ppi_dataset_episode_count(d), 3);
    assert_true(ppi_dataset_episode(d, 0)->info.reward_sum == 3);
    assert_int_equal(ppi_dataset_episode(d, 0)->info.terminated, 1);
    assert_true(ppi_dataset_episode(d, 1)->info.reward_sum == 12);
    assert_int_equal(ppi_dataset_episode(d, 1)->info.truncated, 1);
    assert_int_equal(ppi_dataset_episode(d, 2)->info.cut, 1);
    uint8_t frame[16];
    assert_ok(pp_dataset_read(d, 2, 1, 1, frame, NULL, NULL, NULL, NULL));
    assert_int_equal(frame[0], 5);
    ppi_dataset_stats stats;
    ppi_dataset_statistics(d, &stats);
    assert_int_equal(stats.episodes, 3);
    assert_int_equal(stats.truncated, 1);
    assert_int_equal(stats.cut, 1);
    assert_true(stats.return_min == 3 && stats.return_max == 48 && stats.return_mean == 21);
    ppi_buf text = {0};
    assert_ok(ppi_dataset_show(d, &text));
    assert_non_null(strstr(text.data, "3 (1 truncated, 33.3%; 1 cut)"));
    ppi_buf_free(&text);
    ppi_dataset_close(d);
}

static void append_keeps(void **state) {
    (void)state;
    const int64_t steps[3] = {4, 5, 6};
    ppi_store_meta meta = test_meta("t/more-v0", "t", 4, 1);
    ppi_store *store = NULL;
    ppi_dataset *d = NULL;
    test_write("more", &meta, steps, 3);
    test_patch("more", "\"dataset_id\"", "\"author\": [\"somebody\"], \"dataset_id\"");
    assert_ok(ppi_store_create(&store, "more", &meta, 2));
    test_add(store, &meta, 2, 9, 1);
    assert_int_equal(ppi_store_episodes(store), 3);
    /* Until the commit the old data are what a reader sees. */
    assert_ok(ppi_dataset_open(&d, "more"));
    assert_int_equal(ppi_dataset_episode(d, 2)->info.steps, 6);
    ppi_dataset_close(d);
    assert_ok(ppi_store_commit(store));
    assert_ok(ppi_dataset_open(&d, "more"));
    assert_int_equal(ppi_dataset_info(d)->episodes, 3);
    check_episode(d, 0, 4, 16);
    check_episode(d, 1, 5, 16);
    check_episode(d, 2, 9, 16);
    ppi_dataset_close(d);
    size_t size = 0;
    char *bytes = test_slurp("more/data/metadata.json", &size);
    assert_non_null(strstr(bytes, "somebody"));
    ppi_free(bytes);
}

static void writer_errors(void **state) {
    (void)state;
    ppi_store_meta meta = test_meta("t/err-v0", "t", 4, 1);
    ppi_store *store = NULL;
    ppi_step_row row = {0};
    ppi_store_meta none = {0};
    assert_fails(ppi_store_create(&store, "err", &none, 0), PP_ERR_ARGUMENT, "0x0x0");
    assert_ok(ppi_store_create(&store, "err", &meta, 0));
    assert_fails(ppi_store_episode_begin(store, 1, 0), PP_ERR_ARGUMENT, "0 steps");
    assert_ok(ppi_store_episode_begin(store, 1, 2));
    assert_fails(ppi_store_episode_begin(store, 1, 2), PP_ERR_ARGUMENT, "inside another");
    assert_ok(ppi_store_rows(store, &row, 1));
    assert_fails(ppi_store_episode_end(store), PP_ERR_SHAPE, "1 rows and 0 frames");
    ppi_store_abort(store);
    assert_false(ppi_file_exists("err/data/main_data.hdf5"));
    assert_false(ppi_file_exists("err/data/main_data.hdf5.tmp"));
    ppi_fault_set(PPI_FAULT_RENAME, 1);
    assert_ok(ppi_store_create(&store, "err", &meta, 0));
    test_add(store, &meta, 0, 2, 1);
    assert_int_equal(ppi_store_commit(store), PP_ERR_IO);
    ppi_fault_clear();
    assert_false(ppi_file_exists("err/data/main_data.hdf5"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),        cmocka_unit_test(names_and_lists),
        cmocka_unit_test(truncated_data),    cmocka_unit_test(truncated_metadata),
        cmocka_unit_test(bad_metadata),      cmocka_unit_test(wrong_columns),
        cmocka_unit_test(altered_bytes),     cmocka_unit_test(history_is_split),
        cmocka_unit_test(append_keeps),      cmocka_unit_test(writer_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
