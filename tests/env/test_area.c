/* The area resize against checksums of OpenCV's. */
#include "env/env_test.h"

#include "base/hash.h"
#include "base/json.h"
#include "env/atari.h"

enum { MAX_H = 250, W = 160 };

static void resize(uint8_t *out, const uint8_t *in, int32_t height) {
    static float scratch[MAX_H * PPI_ATARI_SIDE];
    ppi_area_axis rows;
    ppi_area_axis cols;
    ppi_area_axis_init(&rows, height);
    ppi_area_axis_init(&cols, W);
    ppi_area_resize(out, in, &rows, &cols, scratch);
}

static void test_opencv(void **state) {
    (void)state;
    char path[PPI_PATH_SIZE];
    ASSERT_OK(ppi_path_join(path, sizeof(path), getenv("PP_SOURCE_DIR"), "tests/golden/area.json"));
    ppi_json *json = NULL;
    ASSERT_OK(ppi_json_load(&json, path));
    const ppi_json *rows = ppi_json_find(json, "rows");
    assert_true(ppi_json_count(rows) >= 5);
    for (int64_t r = 0; r < ppi_json_count(rows); r++) {
        const ppi_json *row = ppi_json_at(rows, r);
        int64_t height = 0;
        int64_t crc = 0;
        ASSERT_OK(ppi_json_as_i64(ppi_json_at(row, 0), "height", &height));
        ASSERT_OK(ppi_json_as_i64(ppi_json_at(row, 1), "crc", &crc));
        static uint8_t noise[MAX_H * W];
        uint8_t out[PPI_ATARI_SIDE * PPI_ATARI_SIDE];
        uint32_t x = 7;
        for (int64_t i = 0; i < height * W; i++) {
            noise[i] = (uint8_t)(next_value(&x) % 256);
        }
        resize(out, noise, (int32_t)height);
        assert_int_equal(ppi_crc32(0, out, sizeof(out)), crc);
    }
    ppi_json_free(json);
}

static void test_flat_stays_flat(void **state) {
    (void)state;
    static uint8_t flat[210 * W];
    uint8_t out[PPI_ATARI_SIDE * PPI_ATARI_SIDE];
    for (int level = 0; level < 256; level += 51) {
        memset(flat, level, sizeof(flat));
        resize(out, flat, 210);
        for (size_t i = 0; i < sizeof(out); i++) {
            assert_int_equal(out[i], level);
        }
    }
}

static void test_weights(void **state) {
    (void)state;
    for (int32_t in = PPI_ATARI_SIDE; in <= 6 * PPI_ATARI_SIDE; in++) {
        ppi_area_axis axis;
        ppi_area_axis_init(&axis, in);
        for (int32_t o = 0; o < PPI_ATARI_SIDE; o++) {
            double sum = 0;
            assert_in_range(axis.count[o], 1, 8);
            for (int32_t j = 0; j < axis.count[o]; j++) {
                sum += axis.weight[o][j];
            }
            assert_true(sum > 0.998 && sum < 1.002);
            assert_true(axis.first[o] + axis.count[o] <= in);
        }
    }
}

/* Every width with several heights, noise and the extremes, against the plain form. */
static void test_vectors_equal_plain(void **state) {
    (void)state;
    enum { LARGEST = 6 * PPI_ATARI_SIDE };
    static const int32_t heights[] = {84, 160, 210, 214, 220, 230, 250, 503};
    static uint8_t in[LARGEST * LARGEST];
    static float scratch[LARGEST * PPI_ATARI_SIDE];
    uint8_t fast[PPI_ATARI_SIDE * PPI_ATARI_SIDE];
    uint8_t plain[PPI_ATARI_SIDE * PPI_ATARI_SIDE];
    uint32_t x = 11;
    for (int32_t width = PPI_ATARI_SIDE; width <= LARGEST; width++) {
        const int32_t height = heights[width % 8];
        ppi_area_axis rows;
        ppi_area_axis cols;
        ppi_area_axis_init(&rows, height);
        ppi_area_axis_init(&cols, width);
        for (int32_t i = 0; i < height * width; i++) {
            const uint32_t value = next_value(&x) % 1024;
            in[i] = value < 256 ? (uint8_t)value : value < 640 ? 0 : 255;
        }
        memset(scratch, 0xff, sizeof(scratch));
        ppi_area_resize(fast, in, &rows, &cols, scratch);
        memset(scratch, 0xff, sizeof(scratch));
        ppi_area_resize_plain(plain, in, &rows, &cols, scratch);
        assert_memory_equal(fast, plain, sizeof(plain));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opencv),
        cmocka_unit_test(test_flat_stays_flat),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_vectors_equal_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
