/* Datasets written by the reference package (tools/golden_minari.py): twelve episodes, so that the
 * order of the group names matters, one of a single step, and one data set with JPEG frames. */
#include "data/data_test.h"

#include "base/gz.h"
#include "base/mem.h"

/* Unpacks a golden dataset into ./<name>. */
static void unpack(const char *name) {
    char from[PPI_PATH_SIZE];
    char to[PPI_PATH_SIZE];
    char *data = NULL;
    size_t size = 0;
    const char *root = getenv("PP_SOURCE_DIR");
    assert_non_null(root);
    assert_ok(ppi_dir_remove(name));
    assert_ok(ppi_path_join(to, sizeof to, name, "data"));
    assert_ok(ppi_dir_make(to));
    assert_ok(ppi_path_join(from, sizeof from, root, "tests/golden", name, "data/metadata.json"));
    assert_ok(ppi_path_join(to, sizeof to, name, "data/metadata.json"));
    assert_ok(ppi_file_read_all(from, &data, &size));
    assert_ok(ppi_file_write_atomic(to, data, size));
    ppi_free(data);
    assert_ok(ppi_path_join(from, sizeof from, root, "tests/golden", name, "data/main_data.hdf5.gz"));
    assert_ok(ppi_path_join(to, sizeof to, name, "data/main_data.hdf5"));
    assert_ok(ppi_gz_read_all(from, 0, &data, &size));
    assert_ok(ppi_file_write_atomic(to, data, size));
    ppi_free(data);
}

static void check(const char *name, int64_t frame) {
    static const int64_t steps[12] = {1, 5, 2, 3, 9, 1, 4, 6, 2, 3, 7, 8};
    pp_dataset *d = NULL;
    unpack(name);
    assert_ok(pp_dataset_open(&d, name));
    assert_int_equal(ppi_dataset_episode_count(d), 12);
    assert_int_equal(ppi_dataset_frame_bytes(d), frame);
    for (int64_t k = 0; k < 12; k++) {
        const pp_episode_info *info = &ppi_dataset_episode(d, k)->info;
        assert_int_equal(info->steps, steps[k]);
        assert_int_equal(info->seed, 500 + k);
        assert_int_equal(info->terminated, k % 3 != 2);
        assert_int_equal(info->truncated, k % 3 == 2);
        uint8_t obs[9 * 64];
        int32_t action[9];
        float reward[9];
        assert_ok(pp_dataset_read(d, k, 0, steps[k], obs, action, reward, NULL, NULL));
        for (int64_t t = 0; t < steps[k]; t++) {
            assert_int_equal(action[t], (k + t) % 4);
            assert_true(reward[t] == (float)((double)k - 2.5 * (double)t));
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

static void jpeg_is_named(void **state) {
    (void)state;
    pp_dataset *d = NULL;
    unpack("minari_jpeg");
    assert_fails(pp_dataset_open(&d, "minari_jpeg"), PP_ERR_UNSUPPORTED, "jpeg_encoding false");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey),
        cmocka_unit_test(planes),
        cmocka_unit_test(jpeg_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
