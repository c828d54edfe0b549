/* Datasets written by the reference package (tools/golden_minari.py): twelve episodes, so that the
 * order of the group names matters, one of a single step; every kind of space; JPEG images. */
#include "data/data_test.h"

#include <math.h>

static const int64_t golden_steps[12] = {1, 5, 2, 3, 9, 1, 4, 6, 2, 3, 7, 8};

static void check_info(const pp_dataset *d, int64_t k, int64_t steps) {
    pp_episode_info info;
    assert_ok(pp_dataset_episode(d, k, &info));
    assert_int_equal(info.steps, steps);
    assert_int_equal(info.seed, 500 + k);
    assert_int_equal(info.terminated, k % 3 != 2);
    assert_int_equal(info.truncated, k % 3 == 2);
    assert_int_equal(info.cut, k == 8);
}

static void check(const char *name, int64_t frame) {
    pp_dataset *d = NULL;
    test_unpack(name, name);
    assert_ok(pp_dataset_open(&d, name));
    assert_int_equal(ppi_dataset_episode_count(d), 12);
    assert_int_equal(ppi_dataset_frame_bytes(d), frame);
    for (int64_t k = 0; k < 12; k++) {
        int64_t steps = golden_steps[k];
        uint8_t obs[9 * 64];
        int32_t action[9];
        float reward[9];
        uint8_t terminated[9];
        uint8_t truncated[9];
        check_info(d, k, steps);
        assert_ok(pp_dataset_read(d, k, 0, steps, obs, action, reward, terminated, truncated));
        for (int64_t t = 0; t < steps; t++) {
            assert_int_equal(action[t], (k + t) % 4);
            assert_true(reward[t] == (float)((double)k - 2.5 * (double)t));
            assert_int_equal(terminated[t], t == steps - 1 && k % 3 != 2);
            assert_int_equal(truncated[t], t == steps - 1 && k % 3 == 2);
            for (int64_t i = 0; i < frame; i++) {
                assert_int_equal(obs[t * frame + i], (k * 31 + t * 7 + i) % 251);
            }
        }
    }
    pp_dataset_close(d);
}

static void grey(void **state) {
    (void)state;
    check("minari_grey", 30);
}

static void planes(void **state) {
    (void)state;
    check("minari_planes", 48);
}

/* Index of the leaf of this path. */
static int32_t find_leaf(const pp_dataset *d, const char *path) {
    pp_leaf_info info;
    for (int32_t i = 0; i < pp_dataset_leaf_count(d); i++) {
        assert_ok(pp_dataset_leaf(d, i, &info));
        if (strcmp(info.path, path) == 0) {
            return i;
        }
    }
    fail_msg("no leaf %s", path);
    return -1;
}

/* Element i of a row as a number. */
static double element(pp_data_type type, const void *row, int64_t i) {
    switch (type) {
    case PP_DATA_BOOL:
        return ((const uint8_t *)row)[i];
    case PP_DATA_I8:
        return ((const int8_t *)row)[i];
    case PP_DATA_I16:
        return ((const int16_t *)row)[i];
    case PP_DATA_I64:
        return (double)((const int64_t *)row)[i];
    case PP_DATA_F32:
        return ((const float *)row)[i];
    default:
        return ((const double *)row)[i];
    }
}

/* What tools/golden_minari.py put into element i of row t of episode k, before the leaf's own
 * scale, offset and modulus. */
static double pattern(int64_t k, int64_t t, int64_t i) {
    return (double)(k + 10 * t + i);
}

static void nested_numbers(void **state) {
    static const struct {
        const char *path;
        pp_space_kind space;
        pp_data_type type;
        int64_t count;
        double scale, offset, modulus, low, high;
    } leaves[] = {
        {"observations/wide", PP_SPACE_BOX, PP_DATA_F64, 6, .25, 0, 0, -INFINITY, INFINITY},
        {"observations/half", PP_SPACE_BOX, PP_DATA_F32, 1, .25, 0, 0, -INFINITY, INFINITY},
        {"observations/pair/_index_0", PP_SPACE_BOX, PP_DATA_I16, 2, 1, 0, 0, -9, 9999},
        {"observations/pair/_index_2/on", PP_SPACE_BOX, PP_DATA_BOOL, 3, 1, 0, 2, 0, 1},
        {"observations/bits", PP_SPACE_MULTI_BINARY, PP_DATA_I8, 4, 1, 0, 2, 0, 1},
        {"observations/dice", PP_SPACE_MULTI_DISCRETE, PP_DATA_I64, 2, 1, 0, 0, 0, 1999},
        {"observations/tick", PP_SPACE_DISCRETE, PP_DATA_I64, 1, 1, -5, 0, -5, 994},
        {"actions/_index_0", PP_SPACE_BOX, PP_DATA_F32, 2, .25, 0, 0, -1000, 1000},
        {"actions/_index_1", PP_SPACE_DISCRETE, PP_DATA_I64, 1, 1, 3, 0, 3, 502},
    };
    pp_dataset *d = NULL;
    (void)state;
    test_unpack("minari_nested", "nested");
    assert_ok(pp_dataset_open(&d, "nested"));
    assert_int_equal(pp_dataset_leaf_count(d), 10);
    for (size_t l = 0; l < sizeof leaves / sizeof leaves[0]; l++) {
        int32_t index = find_leaf(d, leaves[l].path);
        pp_leaf_info info;
        assert_ok(pp_dataset_leaf(d, index, &info));
        assert_int_equal(info.space, leaves[l].space);
        assert_int_equal(info.type, leaves[l].type);
        assert_int_equal(info.count, leaves[l].count);
        assert_true(info.low == leaves[l].low && info.high == leaves[l].high);
        for (int64_t k = 0; k < 12; k++) {
            double row[10 * 6];
            int64_t rows = golden_steps[k] + info.observation;
            check_info(d, k, golden_steps[k]);
            assert_ok(pp_dataset_read_leaf(d, index, k, 0, rows, row));
            for (int64_t i = 0; i < rows * info.count; i++) {
                double want = pattern(k, i / info.count, i % info.count);
                want = leaves[l].modulus > 0 ? fmod(want, leaves[l].modulus)
                                             : want * leaves[l].scale + leaves[l].offset;
                assert_true(element(info.type, row, i) == want);
            }
        }
    }
    pp_dataset_close(d);
}

static void nested_text(void **state) {
    pp_dataset *d = NULL;
    (void)state;
    test_unpack("minari_nested", "nested");
    assert_ok(pp_dataset_open(&d, "nested"));
    int32_t leaf = find_leaf(d, "observations/pair/_index_1");
    for (int64_t k = 0; k < 12; k++) {
        for (int64_t t = 0; t <= golden_steps[k]; t++) {
            char want[512] = "";
            char got[512];
            char word[32];
            int64_t length = -1;
            int64_t times = k == 4 ? 40 : (k + t) % 4;
            snprintf(word, sizeof word, k == 4 ? "word %lld " : "é", (long long)t);
            for (int64_t i = 0; i < times; i++) {
                strcat(want, word);
            }
            assert_ok(pp_dataset_read_text(d, leaf, k, t, got, sizeof got, &length));
            assert_string_equal(got, want);
            assert_int_equal(length, strlen(want));
        }
    }
    /* A buffer that is too small gets nothing and the length needed. */
    char small[4] = "xyz";
    int64_t length = 0;
    assert_ok(pp_dataset_read_text(d, leaf, 4, 0, small, sizeof small, &length));
    assert_int_equal(length, 280);
    assert_string_equal(small, "");
    assert_ok(pp_dataset_read_text(d, leaf, 4, 0, NULL, 0, &length));
    assert_fails(pp_dataset_read_leaf(d, leaf, 0, 0, 1, small), PP_ERR_ARGUMENT, "_index_1");
    assert_fails(pp_dataset_read_text(d, 0, 0, 0, small, 4, &length), PP_ERR_ARGUMENT, "is int8");
    assert_fails(pp_dataset_read_text(d, leaf, 0, 2, small, 4, &length), PP_ERR_ARGUMENT, "rows 2");
    assert_fails(pp_dataset_leaf(d, 10, &(pp_leaf_info){0}), PP_ERR_ARGUMENT, "leaf 10");
    pp_dataset_close(d);
}

/* What a method says to a space it cannot take. */
static void nested_is_not_playable(void **state) {
    pp_dataset *d = NULL;
    pp_dataset_info info;
    uint8_t obs[8];
    int32_t action = 0;
    (void)state;
    test_unpack("minari_nested", "nested");
    assert_ok(pp_dataset_open(&d, "nested"));
    pp_dataset_describe(d, &info);
    assert_int_equal(info.height, 0);
    assert_int_equal(info.actions, 0);
    assert_fails(ppi_dataset_check_playable(d), PP_ERR_UNSUPPORTED,
                 "leaf observations/bits (MultiBinary");
    assert_fails(pp_dataset_read(d, 0, 0, 1, obs, NULL, NULL, NULL, NULL), PP_ERR_UNSUPPORTED,
                 "uint8 Box");
    assert_fails(pp_dataset_read(d, 0, 0, 1, NULL, &action, NULL, NULL, NULL), PP_ERR_UNSUPPORTED,
                 "leaf actions/_index_0");
    ppi_buf text = {0};
    assert_ok(ppi_dataset_show(d, &text));
    assert_non_null(strstr(text.data, "Tuple(_index_0: Box int16 [2], -9 to 9999, _index_1: Text"));
    assert_non_null(strstr(text.data, "leaf           observations/bits: MultiBinary int8 [4]"));
    ppi_buf_free(&text);
    pp_dataset_close(d);
}

/* Largest distance of decoded rows from what was recorded: 4 y + (1 + t mod 2) x + 3 t + k in every
 * channel. */
static int slope_error(const uint8_t *rows, int64_t count, int64_t height, int64_t width,
                       int64_t channels, int64_t k) {
    int worst = 0;
    for (int64_t i = 0; i < count * height * width * channels; i++) {
        int64_t x = i / channels % width;
        int64_t y = i / channels / width % height;
        int64_t t = i / channels / width / height;
        int error = abs(rows[i] - (int)(4 * y + (1 + t % 2) * x + 3 * t + k));
        worst = error > worst ? error : worst;
    }
    return worst;
}

static void check_images(const char *folder) {
    pp_dataset *d = NULL;
    static uint8_t camera[4 * 32 * 40 * 3];
    static uint8_t flat[4 * 36 * 33];
    static uint8_t stack[4 * 4 * 33 * 33];
    assert_ok(pp_dataset_open(&d, folder));
    for (int64_t k = 0; k < 2; k++) {
        int64_t rows = k == 0 ? 2 : 4;
        int32_t leaf = find_leaf(d, "observations/camera");
        assert_ok(pp_dataset_read_leaf(d, leaf, k, 0, rows, camera));
        assert_in_range(slope_error(camera, rows, 32, 40, 3, k), 0, 6);
        /* One row gives the same pixels. */
        assert_ok(pp_dataset_read_leaf(d, leaf, k, rows - 1, 1, stack));
        assert_memory_equal(stack, camera + (rows - 1) * 32 * 40 * 3, 32 * 40 * 3);
        assert_ok(pp_dataset_read_leaf(d, find_leaf(d, "observations/grey"), k, 0, rows, flat));
        for (int64_t i = 0; i < rows * 36 * 33; i++) {
            assert_in_range(flat[i], 39 + k, 41 + k);
        }
        /* The first axis is shorter than 32: not an image, so stored as it is. */
        assert_ok(pp_dataset_read_leaf(d, find_leaf(d, "observations/small"), k, 0, rows, stack));
        for (int64_t i = 0; i < rows * 4 * 33 * 33; i++) {
            int64_t t = i / (4 * 33 * 33);
            assert_int_equal(stack[i], (k * 31 + t * 7 + i % (4 * 33 * 33)) % 251);
        }
    }
    pp_dataset_close(d);
}

static void jpeg_leaves(void **state) {
    (void)state;
    test_unpack("minari_jpeg", "jpeg");
    check_images("jpeg");
    /* Without the flag images are JPEG. */
    test_patch("jpeg", "\"jpeg_encoding\": true", "\"unknown_key\": 1");
    check_images("jpeg");
    pp_dataset *d = NULL;
    test_patch("jpeg", "\"unknown_key\": 1", "\"jpeg_encoding\": false");
    assert_fails(pp_dataset_open(&d, "jpeg"), PP_ERR_SHAPE,
                 "episode_0/observations/camera has rows of [] lists of bytes, expected Box uint8");
}

/* JPEG frames of the only leaf come through the interface for frames, block by block. */
static void jpeg_frames(void **state) {
    pp_dataset *d = NULL;
    static uint8_t obs[9 * 33 * 34];
    static uint8_t again[33 * 34];
    (void)state;
    test_unpack("minari_frames", "frames");
    assert_ok(pp_dataset_open(&d, "frames"));
    assert_ok(ppi_dataset_check_playable(d));
    assert_ok(pp_dataset_read(d, 1, 0, 9, obs, NULL, NULL, NULL, NULL));
    assert_in_range(slope_error(obs, 9, 33, 34, 1, 1), 0, 6);
    assert_ok(pp_dataset_read_leaf(d, 0, 1, 8, 1, again));
    assert_memory_equal(again, obs + 8 * 33 * 34, sizeof again);
    int64_t rows = ppi_dataset_block_rows(d);
    uint8_t *block = malloc((size_t)(rows * ppi_dataset_frame_bytes(d)));
    assert_ok(ppi_dataset_read_block(d, 1, 1, block));
    assert_memory_equal(block, obs + rows * 33 * 34, 33 * 34);
    assert_fails(ppi_dataset_read_block(d, 1, 2, block), PP_ERR_ARGUMENT, "block 2");
    free(block);
    ppi_buf text = {0};
    assert_ok(ppi_dataset_show(d, &text));
    assert_non_null(strstr(text.data, "JPEG (lossy)"));
    ppi_buf_free(&text);
    pp_dataset_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey),
        cmocka_unit_test(planes),
        cmocka_unit_test(nested_numbers),
        cmocka_unit_test(nested_text),
        cmocka_unit_test(nested_is_not_playable),
        cmocka_unit_test(jpeg_leaves),
        cmocka_unit_test(jpeg_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
