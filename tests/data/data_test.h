/* Synthetic datasets for the tests of the data layer. Every pixel, action and reward is a function
 * of (episode, step), so a reader can be checked without a second copy of the data. */
#ifndef PPI_TESTS_DATA_TEST_H
#define PPI_TESTS_DATA_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/gz.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "data/h5file.h"
#include "data/store.h"

#define assert_ok(expression)                                                                      \
    do {                                                                                           \
        pp_status assert_status_ = (expression);                                                   \
        if (assert_status_ != PP_OK) {                                                             \
            fail_msg("%s: %s (%s)", #expression, pp_status_name(assert_status_), pp_last_error()); \
        }                                                                                          \
    } while (0)

#define assert_fails(expression, wanted, text)                                                     \
    do {                                                                                           \
        pp_status assert_status_ = (expression);                                                   \
        if (assert_status_ != (wanted) || !strstr(pp_last_error(), text)) {                        \
            fail_msg("%s: got %s '%s', wanted %s with '%s'", #expression,                          \
                     pp_status_name(assert_status_), pp_last_error(), pp_status_name(wanted), text); \
        }                                                                                          \
    } while (0)

static inline uint8_t test_pixel(int64_t episode, int64_t t, int64_t i) {
    uint32_t x = (uint32_t)(episode * 7919 + t * 104729 + i * 31 + 17);
    x ^= x >> 7;
    x *= 2654435761u;
    return (uint8_t)(1 + (x >> 24) % 255);
}

static inline int32_t test_action(int64_t episode, int64_t t) {
    return (int32_t)((episode * 5 + t * 3) % 18);
}

static inline double test_reward(int64_t episode, int64_t t) {
    return (double)((episode + t) % 5) - 1.0; /* -1 .. 3 */
}

static inline ppi_store_meta test_meta(const char *id, const char *env, int32_t size, int32_t c) {
    ppi_store_meta meta = {.height = size, .width = size, .channels = c, .obs_high = 255,
                           .actions = 18, .min_actions = 3, .action_list = {0, 4, 3},
                           .sticky = 0.25, .frame_skip = 4, .seed_count = 1, .seeds = {7}};
    snprintf(meta.id, sizeof meta.id, "%s", id);
    snprintf(meta.env, sizeof meta.env, "%s", env);
    snprintf(meta.policy, sizeof meta.policy, "random");
    return meta;
}

/* Adds episode `episode` of `steps` steps; ending 1 terminated, 2 truncated, 0 cut. */
static inline void test_add(ppi_store *store, const ppi_store_meta *meta, int64_t episode,
                            int64_t steps, int ending) {
    int64_t bytes = (int64_t)ppi_store_frame_bytes(meta);
    uint8_t *obs = malloc((size_t)((steps + 1) * bytes));
    ppi_step_row *rows = calloc((size_t)steps, sizeof *rows);
    assert_non_null(obs);
    assert_non_null(rows);
    for (int64_t t = 0; t <= steps; t++) {
        for (int64_t i = 0; i < bytes; i++) {
            obs[t * bytes + i] = test_pixel(episode, t, i);
        }
    }
    for (int64_t t = 0; t < steps; t++) {
        rows[t].action = test_action(episode, t);
        rows[t].reward = test_reward(episode, t);
    }
    rows[steps - 1].terminated = ending == 1;
    rows[steps - 1].truncated = ending == 2;
    assert_ok(ppi_store_episode(store, 1000 + (uint64_t)episode, obs, rows, steps));
    free(obs);
    free(rows);
}

/* A dataset of `count` terminated episodes with steps[i] steps. */
static inline void test_write(const char *folder, const ppi_store_meta *meta, const int64_t *steps,
                              int64_t count) {
    ppi_store *store = NULL;
    assert_ok(ppi_dir_remove(folder));
    assert_ok(ppi_store_create(&store, folder, meta, 0));
    for (int64_t e = 0; e < count; e++) {
        test_add(store, meta, e, steps[e], 1);
    }
    assert_ok(ppi_store_commit(store));
}

/* Writes a file without the syncs of a safe one. */
static inline void test_put(const char *path, const char *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Unpacks tests/golden/<name>, a dataset of the reference package, into ./<folder>. */
static inline void test_unpack(const char *name, const char *folder) {
    static const char *const files[] = {"metadata.json", "main_data.hdf5"};
    const char *root = getenv("PP_SOURCE_DIR");
    assert_non_null(root);
    assert_ok(ppi_dir_remove(folder));
    for (int i = 0; i < 2; i++) {
        char path[PPI_PATH_SIZE];
        char *data = NULL;
        size_t size = 0;
        assert_ok(ppi_path_join(path, sizeof path, folder, "data"));
        assert_ok(ppi_dir_make(path));
        snprintf(path, sizeof path, "%s/tests/golden/%s/data/%s.gz", root, name, files[i]);
        assert_ok(ppi_gz_read_all(path, 0, &data, &size));
        assert_ok(ppi_path_join(path, sizeof path, folder, "data", files[i]));
        test_put(path, data, size);
        ppi_free(data);
    }
}

static inline char *test_slurp(const char *path, size_t *size) {
    static char *data;
    assert_ok(ppi_file_read_all(path, &data, size));
    return data;
}

/* Replaces one piece of the metadata, which must be there. */
static inline void test_patch(const char *folder, const char *from, const char *to) {
    char path[PPI_PATH_SIZE];
    size_t size = 0;
    ppi_buf out = {0};
    snprintf(path, sizeof path, "%s/data/metadata.json", folder);
    char *bytes = test_slurp(path, &size);
    char *at = strstr(bytes, from);
    assert_non_null(at);
    ppi_buf_append(&out, bytes, (size_t)(at - bytes));
    ppi_buf_append_text(&out, to);
    ppi_buf_append_text(&out, at + strlen(from));
    test_put(path, out.data, out.len);
    ppi_buf_free(&out);
    ppi_free(bytes);
}

/* A column written with the low-level interface in place of a proper one. */
typedef struct test_column {
    const char *name;
    ppi_h5_type type;
    int rank;
    int64_t rows;       /* 0 = the column is left out */
    pp_status status;   /* what opening says */
    const void *values; /* [rows] for rank 1, NULL = zeros */
} test_column;

/* Replaces the data file by one episode of 3 steps whose column odd->name is `odd`; the frames of
 * the others are 4x4x1. */
static inline void test_write_odd(const char *folder, const test_column *odd) {
    static const test_column columns[] = {{"observations", PPI_H5_U8, 4, 4, PP_OK, NULL},
                                          {"actions", PPI_H5_I64, 1, 3, PP_OK, NULL},
                                          {"rewards", PPI_H5_F64, 1, 3, PP_OK, NULL},
                                          {"terminations", PPI_H5_BOOL, 1, 3, PP_OK, NULL},
                                          {"truncations", PPI_H5_BOOL, 1, 3, PP_OK, NULL}};
    static const double zeros[4096];
    const int64_t dims[4] = {0, 4, 4, 1};
    char path[PPI_PATH_SIZE];
    ppi_h5 *file = NULL;
    snprintf(path, sizeof path, "%s/data/main_data.hdf5", folder);
    assert_ok(ppi_h5_create(&file, path));
    assert_ok(ppi_h5_group_create(file, "episode_0"));
    assert_ok(ppi_h5_attr_write_i64(file, "episode_0", "total_steps", 3));
    for (int i = 0; i < 5; i++) {
        const test_column *column = strcmp(columns[i].name, odd->name) == 0 ? odd : &columns[i];
        const void *values = column->values ? column->values : zeros;
        ppi_h5_data *data = NULL;
        if (column->rows == 0) {
            continue;
        }
        snprintf(path, sizeof path, "episode_0/%s", column->name);
        assert_ok(ppi_h5_data_create(&data, file, path, column->type, column->rank, dims, 8, 0));
        assert_ok(ppi_h5_data_append(data, column->type, values, column->rows));
        ppi_h5_data_close(data);
    }
    assert_ok(ppi_h5_close(file));
}

#endif
