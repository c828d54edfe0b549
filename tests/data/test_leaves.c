/* Damaged and foreign columns of every kind of space: the reader answers with a status and a text
 * that names the file, the episode and the leaf, and never crashes. */
#include "data/data_test.h"

/* The HDF5 library loses a few bytes on some damaged files; the leak checker is told so. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libhdf5";
}

static void data_path(char *path, size_t size, const char *folder) {
    snprintf(path, size, "%s/data/main_data.hdf5", folder);
}

static void write_data(const char *folder, const char *bytes, size_t size) {
    char path[PPI_PATH_SIZE];
    data_path(path, sizeof path, folder);
    test_put(path, bytes, size);
}

static char *read_data(const char *folder, size_t *size) {
    char path[PPI_PATH_SIZE];
    data_path(path, sizeof path, folder);
    return test_slurp(path, size);
}

/* Opens and reads everything; the first failure. */
static pp_status read_all(const char *folder) {
    pp_dataset *d = NULL;
    ppi_dataset_report report;
    pp_status status = pp_dataset_open(&d, folder);
    if (status == PP_OK) {
        status = ppi_dataset_validate(d, &report);
    }
    pp_dataset_close(d);
    return status;
}

/* A space that does not describe the columns. */
static void wrong_spaces(void **state) {
    static const struct {
        const char *from, *to, *text;
        pp_status status;
    } cases[] = {
        {"\\\"wide\\\"", "\\\"wade\\\"", "episode_0/observations/wade is missing", PP_ERR_CORRUPT},
        {"\\\"float64\\\"", "\\\"int32\\\"",
         "episode_0/observations/wide has rows of [2,3] float64, expected Box int32 [2,3]",
         PP_ERR_SHAPE},
        {"\\\"float16\\\"", "\\\"bool\\\"", "observations/half has rows of [] float16",
         PP_ERR_SHAPE},
        {"\\\"float16\\\"", "\\\"complex64\\\"", "observations/half: dtype complex64",
         PP_ERR_UNSUPPORTED},
        {"[2, 3]", "[3, 2]", "observations/wide: low: axis 0: an array of 2", PP_ERR_CORRUPT},
        {"[2, 3]", "[2, -3]", "observations/wide: axis 1 has length -3", PP_ERR_UNSUPPORTED},
        {"[2, 3]", "[2, 4]", "observations/wide: low: axis 1: an array of 3", PP_ERR_CORRUPT},
        {"\\\"n\\\": 4", "\\\"n\\\": 5", "episode_0/observations/bits", PP_ERR_SHAPE},
        {"\\\"n\\\": 4", "\\\"n\\\": 0", "observations/bits: axis 0", PP_ERR_UNSUPPORTED},
        {"[1000, 2000]", "[0, 2000]", "observations/dice: MultiDiscrete", PP_ERR_CORRUPT},
        {"[1000, 2000]", "[1000, [2]]", "observations/dice: nvec: ", PP_ERR_CORRUPT},
        {"\\\"MultiDiscrete\\\"", "\\\"Graph\\\"", "observations/dice: space Graph",
         PP_ERR_UNSUPPORTED},
        {"\\\"MultiDiscrete\\\"", "\\\"Text\\\"", "observations/dice", PP_ERR_CORRUPT},
        {"\\\"Tuple\\\"", "\\\"Dict\\\"", "observations/pair: Dict needs subspaces",
         PP_ERR_CORRUPT},
        {"\\\"max_length\\\"", "\\\"longest\\\"", "observations/pair/_index_1", PP_ERR_CORRUPT},
        {"\\\"n\\\": 1000", "\\\"n\\\": 0", "observations/tick: Discrete with n 0", PP_ERR_CORRUPT},
        {"\"action_space\"", "\"x\"", "action_space", PP_ERR_CORRUPT},
        {"\"hdf5\"", "\"parquet\"", "Arrow and Parquet", PP_ERR_UNSUPPORTED},
    };
    pp_dataset *d = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_unpack("minari_nested", "wrong");
        test_patch("wrong", cases[i].from, cases[i].to);
        assert_fails(pp_dataset_open(&d, "wrong"), cases[i].status, cases[i].text);
        assert_non_null(strstr(pp_last_error(), "wrong/data/"));
    }
}

/* Values that a space of choices does not have. */
static void wrong_values(void **state) {
    static const struct {
        const char *from, *to, *text;
    } cases[] = {
        {"\\\"n\\\": 1000", "\\\"n\\\": 100",
         "episode 4 (group episode_4), observations/tick row 7"},
        {"\\\"max_length\\\": 400", "\\\"max_length\\\": 30",
         "(group episode_4), observations/pair/_index_1 row 0 is longer"},
        {"\\\"start\\\": 3", "\\\"start\\\": 4", "(group episode_0), actions/_index_1 row 0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_unpack("minari_nested", "values");
        assert_ok(read_all("values"));
        test_patch("values", cases[i].from, cases[i].to);
        if (i == 0) {
            test_patch("values", "\\\"start\\\": -5", "\\\"start\\\": -38");
        }
        assert_fails(read_all("values"), PP_ERR_CORRUPT, cases[i].text);
    }
}

/* Overwrites the n-th place where `mark` stands, from `skip` bytes behind it. */
static void damage(const char *folder, const char *mark, size_t length, int nth, size_t skip,
                   size_t count) {
    size_t size = 0;
    char *bytes = read_data(folder, &size);
    size_t at = 0;
    for (; at + length + skip + count < size; at++) {
        if (memcmp(bytes + at, mark, length) == 0 && nth-- == 0) {
            break;
        }
    }
    assert_int_equal(nth, -1);
    memset(bytes + at + skip, 0x55, count);
    write_data(folder, bytes, size);
    ppi_free(bytes);
}

static void broken_images(void **state) {
    static const struct {
        const char *set, *text;
        int nth;
        size_t skip, count;
    } cases[] = {
        {"minari_frames", "episode_0/observations row 0: damaged JPEG", 0, 0, 2},
        {"minari_frames", "episode_0/observations row 1: damaged JPEG", 1, 0, 40},
        {"minari_frames", "episode_0/observations row 0: damaged JPEG", 0, 3, 200},
        {"minari_jpeg", "observations/", 0, 0, 4},
        {"minari_jpeg", "observations/", 1, 0, 4},
        {"minari_jpeg", "observations/", 3, 0, 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_unpack(cases[i].set, "images");
        damage("images", "\xff\xd8\xff", 3, cases[i].nth, cases[i].skip, cases[i].count);
        assert_fails(read_all("images"), PP_ERR_CORRUPT, cases[i].text);
        assert_non_null(strstr(pp_last_error(), "images/data/main_data.hdf5: episode_"));
        assert_non_null(strstr(pp_last_error(), " row "));
    }
    /* Images of another size than the space says. */
    test_unpack("minari_frames", "images");
    test_patch("images", "[33, 34]", "[34, 33]");
    test_patch("images", "\\\"low\\\"", "\\\"l\\\"");
    test_patch("images", "\\\"high\\\"", "\\\"h\\\"");
    assert_fails(read_all("images"), PP_ERR_SHAPE, "a JPEG of 33x34x1, expected 34x33x1");
}

/* The collections that hold values of variable length. */
static void broken_heaps(void **state) {
    static const struct {
        const char *set, *text;
        size_t skip, count;
    } cases[] = {
        {"minari_frames", "no heap at byte", 0, 4},
        {"minari_frames", "no heap at byte", 8, 8},
        {"minari_frames", "the heap has no object", 16, 2},
        {"minari_frames", "the heap has no object", 24, 8},
        {"minari_nested", "no heap at byte", 0, 1},
        {"minari_nested", "the heap has no object", 16, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_unpack(cases[i].set, "heaps");
        damage("heaps", "GCOL\1", 5, 0, cases[i].skip, cases[i].count);
        assert_fails(read_all("heaps"), PP_ERR_CORRUPT, cases[i].text);
        assert_non_null(strstr(pp_last_error(), "episode_"));
    }
}

static void truncated_files(void **state) {
    static const char *const sets[] = {"minari_nested", "minari_jpeg", "minari_frames"};
    pp_dataset *d = NULL;
    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t size = 0;
        test_unpack(sets[i], "short");
        assert_ok(read_all("short"));
        char *bytes = read_data("short", &size);
        for (size_t n = 1; n < size; n += n < 2048 ? 61 : size / 60) {
            write_data("short", bytes, n);
            assert_fails(pp_dataset_open(&d, "short"), PP_ERR_CORRUPT, "short/data/main_data.hdf5");
        }
        write_data("short", bytes, 0);
        assert_fails(pp_dataset_open(&d, "short"), PP_ERR_NOT_FOUND, "zero episodes");
        ppi_free(bytes);
    }
}

/* A byte changed anywhere ends in values or in a failure that names the folder. */
static void altered_bytes(void **state) {
    static const char *const sets[] = {"minari_nested", "minari_jpeg", "minari_frames"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t size = 0;
        int failures = 0;
        test_unpack(sets[i], "altered");
        char *bytes = read_data("altered", &size);
        for (size_t at = 7; at < size; at += size / 150) {
            bytes[at] ^= (char)0x5a;
            write_data("altered", bytes, size);
            if (read_all("altered") != PP_OK) {
                failures++;
                assert_non_null(strstr(pp_last_error(), "altered"));
            }
            bytes[at] ^= (char)0x5a;
        }
        assert_in_range(failures, 1, 200);
        ppi_free(bytes);
    }
}

/* Numbers stored in another type than the space's arrive unchanged or not at all. */
static void stored_types(void **state) {
    static const int64_t wide[4] = {0, 1, 100, 255};
    static const int64_t too_wide[4] = {0, 1, 256, 2};
    static const int64_t negative[4] = {0, 0, 0, -1};
    static const uint8_t narrow[4] = {0, 1, 100, 255};
    static const int8_t flags[4] = {0, 1, 1, 0};
    static const int8_t no_flags[4] = {0, 1, 2, 0};
    static const double reals[4] = {0, .5, 1, 255};
    static const struct {
        const char *dtype;
        ppi_h5_type type;
        const void *values;
        pp_status status;
        const char *text;
    } cases[] = {
        {"uint8", PPI_H5_I64, wide, PP_OK, ""},
        {"uint8", PPI_H5_I64, too_wide, PP_ERR_CORRUPT,
         "observations row 2 holds 256, which uint8"},
        {"uint64", PPI_H5_I64, negative, PP_ERR_CORRUPT, "row 3 holds -1, which uint64"},
        {"int16", PPI_H5_U8, narrow, PP_OK, ""},
        {"int8", PPI_H5_U8, narrow, PP_ERR_CORRUPT, "row 3 holds 255, which int8"},
        {"bool", PPI_H5_BOOL, flags, PP_OK, ""},
        {"bool", PPI_H5_BOOL, no_flags, PP_ERR_CORRUPT, "row 2 holds the bool 2"},
        {"bool", PPI_H5_I8, no_flags, PP_ERR_CORRUPT, "row 2 holds 2, which bool"},
        {"uint8", PPI_H5_BOOL, flags, PP_OK, ""},
        {"float32", PPI_H5_F64, reals, PP_OK, ""},
        {"float32", PPI_H5_I64, wide, PP_ERR_SHAPE, "int64, expected Box float32"},
        {"uint8", PPI_H5_F64, reals, PP_ERR_SHAPE, "float64, expected Box uint8"},
        {"int64", PPI_H5_U64, wide, PP_ERR_SHAPE, "uint64, expected Box int64"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ppi_store_meta meta = test_meta("t/stored-v0", "t", 1, 1);
        const int64_t steps[1] = {3};
        char dtype[64];
        test_write("stored", &meta, steps, 1);
        snprintf(dtype, sizeof dtype, "\\\"dtype\\\": \\\"%s\\\"", cases[i].dtype);
        test_patch("stored", "\\\"dtype\\\": \\\"uint8\\\"", dtype);
        const test_column column = {"observations", cases[i].type, 1, 4, PP_OK, cases[i].values};
        test_write_odd("stored", &column);
        if (cases[i].status == PP_OK) {
            assert_ok(read_all("stored"));
        } else {
            assert_fails(read_all("stored"), cases[i].status, cases[i].text);
        }
    }
}

/* A history keeps its last observation, not those of the episodes inside it. */
static void last_observations(void **state) {
    ppi_store_meta meta = test_meta("t/inner-v0", "t", 4, 1);
    ppi_store *store = NULL;
    pp_dataset *d = NULL;
    ppi_step_row rows[4] = {{.reward = 1}, {.terminated = 1}, {.reward = 2}, {.truncated = 1}};
    uint8_t obs[5 * 16];
    uint8_t row[3 * 16];
    (void)state;
    for (int i = 0; i < 5 * 16; i++) {
        obs[i] = (uint8_t)(i / 16);
    }
    assert_ok(ppi_dir_remove("inner"));
    assert_ok(ppi_store_create(&store, "inner", &meta, 0));
    assert_ok(ppi_store_episode(store, 3, obs, rows, 4));
    assert_ok(ppi_store_commit(store));
    assert_ok(pp_dataset_open(&d, "inner"));
    assert_ok(pp_dataset_read_leaf(d, 0, 0, 0, 2, row));
    assert_fails(pp_dataset_read_leaf(d, 0, 0, 0, 3, row), PP_ERR_UNSUPPORTED, "history");
    assert_ok(pp_dataset_read_leaf(d, 0, 1, 0, 3, row));
    assert_int_equal(row[0], 2);
    assert_int_equal(row[32], 4);
    assert_fails(pp_dataset_read_leaf(d, 0, 1, 0, 4, row), PP_ERR_ARGUMENT, "rows 0 to 4");
    assert_fails(pp_dataset_read_leaf(d, 1, 1, 2, 1, row), PP_ERR_ARGUMENT, "leaf actions");
    int64_t actions[2] = {-1, -1};
    assert_ok(pp_dataset_read_leaf(d, 1, 1, 0, 2, actions));
    assert_int_equal(actions[0], 0);
    pp_dataset_close(d);
}

/* The n-th allocation fails, for every n: the status says so and nothing leaks. */
static void out_of_memory(void **state) {
    static const char *const sets[] = {"minari_nested", "minari_jpeg", "minari_frames"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        int64_t failures = 0;
        int64_t left = 0; /* of the countdown: above 0 when nothing failed any more */
        test_unpack(sets[i], "memory");
        for (int64_t n = 1; left == 0; n++) {
            ppi_fault_set(PPI_FAULT_ALLOC, n);
            pp_status status = read_all("memory");
            left = ppi_fault_left(PPI_FAULT_ALLOC);
            ppi_fault_clear();
            failures += status == PP_ERR_NO_MEMORY;
            assert_true(status == PP_OK || status == PP_ERR_NO_MEMORY);
        }
        assert_in_range(failures, 30, 100000);
    }
}

static void lists(void **state) {
    ppi_buf text = {0};
    (void)state;
    assert_ok(ppi_dir_remove("root"));
    test_unpack("minari_nested", "root/deep/er/nested-v0");
    test_unpack("minari_grey", "root/grey-v0");
    test_patch("root/grey-v0", "\"hdf5\"", "\"arrow\"");
    assert_ok(ppi_dataset_list(&text, "root"));
    assert_non_null(strstr(text.data, "deep/er/nested-v0 "));
    assert_non_null(strstr(text.data, "12 episodes, 51 steps"));
    assert_non_null(
        strstr(text.data, "not readable: root/grey-v0/data/metadata.json: data_format"));
    assert_ok(ppi_dir_make("root/empty"));
    assert_fails(ppi_dataset_list(&text, "root/empty"), PP_ERR_NOT_FOUND, "no dataset");
    assert_fails(ppi_dataset_list(&text, "root/none"), PP_ERR_NOT_FOUND, "root/none");
    ppi_buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_spaces),    cmocka_unit_test(wrong_values),
        cmocka_unit_test(broken_images),   cmocka_unit_test(broken_heaps),
        cmocka_unit_test(truncated_files), cmocka_unit_test(altered_bytes),
        cmocka_unit_test(stored_types),    cmocka_unit_test(last_observations),
        cmocka_unit_test(out_of_memory),   cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
