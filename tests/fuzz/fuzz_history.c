/* Fuzz target: groups of learning histories whose columns, infos and attributes have any length,
 * type and content end in histories that can be read or in a failure.
 *
 * The input chooses what is written: the file is always sound HDF5, and what is tried is our
 * reading of it. Without further bytes every choice is the right one. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/curve.h"
#include "data/dataset.h"
#include "data/h5file.h"

#define FOLDER    "fuzz_history"
#define MAX_ROWS  64
#define MAX_WIDTH 4
#define NUMBERS   2 /* of an observation */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define Q "\\\"" /* a quote inside a space, which is JSON inside a JSON string */
#define SPACE(dtype)                                                                               \
    "{" Q "type" Q ":" Q "Box" Q "," Q "dtype" Q ":" Q dtype Q "," Q "shape" Q ":[2]}"
#define METADATA(dtype, kind)                                                                      \
    "{\"total_episodes\": 1, \"total_steps\": 8, \"jpeg_encoding\": false, \"dataset_id\": "       \
    "\"f-v0\","                                                                                    \
    "\"observation_space\": \"" SPACE(                                                             \
        dtype) "\", \"action_space\": \"{" Q "type" Q ":" Q "Discrete" Q "," Q "n" Q               \
               ":4}\", \"polyplay\": {\"histories\": true, \"obs_type\": \"" kind                  \
               "\", \"cell_high\": [200, 9], \"task_count\": 9, \"max_steps\": 6}}"

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

static int take(cursor *c) {
    return c->at < c->end ? *c->at++ : 0;
}

/* Stops the fuzzer when a property does not hold. */
static void require(bool holds) {
    if (!holds) abort();
}

/* `right` unless the next byte is not 0; then any small number. */
static int64_t maybe(cursor *c, int64_t right) {
    return take(c) == 0 ? right : take(c) % MAX_ROWS;
}

/* A column of `rows` rows, more or less, of bytes that repeat. */
static void put_column(ppi_h5 *file, cursor *c, const char *path, ppi_h5_type type, bool vector,
                       int64_t rows, const void *values) {
    static const ppi_h5_type types[] = {PPI_H5_I64, PPI_H5_F64, PPI_H5_U8, PPI_H5_F32, PPI_H5_BOOL};
    static _Alignas(16) uint8_t bytes[MAX_ROWS * MAX_WIDTH * 8];
    const int64_t dims[2] = {maybe(c, rows), take(c) == 0 ? NUMBERS : take(c) % MAX_WIDTH + 1};
    const int deviation = take(c);
    ppi_h5_data *data = NULL;
    if (deviation == 255) return;
    if (deviation > 127) type = types[deviation % 5];
    if (deviation > 63) vector = !vector;
    memset(bytes, 0, sizeof bytes);
    if (values) memcpy(bytes, values, (size_t)rows * 8);
    for (int n = take(c); n > 0; n--) bytes[take(c) * 4 % (int)sizeof bytes] = (uint8_t)take(c);
    if (type == PPI_H5_BOOL) {
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] &= 1;
    }
    const int64_t chunk = take(c) == 0 ? 0 : take(c) % 5 + 1;
    if (ppi_h5_data_create(&data, file, path, type, vector ? 2 : 1, dims, chunk, 0) == PP_OK) {
        (void)ppi_h5_data_append(data, type, bytes, dims[0]);
        ppi_h5_data_close(data);
    }
}

static void put_group(ppi_h5 *file, cursor *c, int number, bool floats) {
    static const int64_t ends[MAX_ROWS] = {3, 6};
    static const struct {
        const char *name;
        ppi_h5_type type;
        int64_t value;
    } attributes[] = {{"total_steps", PPI_H5_I64, 8}, {"id", PPI_H5_I64, 0},
                      {"task", PPI_H5_I64, 3},        {"actors", PPI_H5_I64, 2},
                      {"seed", PPI_H5_I64, 5},        {"learner", PPI_H5_CHARS, 0},
                      {"options", PPI_H5_CHARS, 0}};
    char group[32];
    char path[96];
    snprintf(group, sizeof group, "episode_%d", number);
    if (ppi_h5_group_create(file, group) != PP_OK) return;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        const int how = take(c);
        const bool text = (attributes[i].type == PPI_H5_CHARS) != (how > 127);
        if (how == 255) continue;
        if (text) {
            char value[64];
            int length = 0;
            for (; length < 60 && c->at < c->end && how > 0 && *c->at; length++) {
                value[length] = (char)take(c);
            }
            value[length] = 0;
            (void)ppi_h5_attr_write_text(file, group, attributes[i].name, how ? value : "{}");
        } else {
            (void)ppi_h5_attr_write_i64(file, group, attributes[i].name,
                                        maybe(c, attributes[i].value));
        }
    }
    const ppi_h5_type observed = floats ? PPI_H5_F32 : PPI_H5_U8;
    static const uint8_t flags[MAX_ROWS] = {0, 0, 0, 1, 0, 0, 1};
    uint64_t wide[MAX_ROWS] = {0};
    memcpy(wide, flags, sizeof flags);
    snprintf(path, sizeof path, "%s/observations", group);
    put_column(file, c, path, observed, true, 9, NULL);
    snprintf(path, sizeof path, "%s/actions", group);
    put_column(file, c, path, PPI_H5_I64, false, 8, NULL);
    snprintf(path, sizeof path, "%s/rewards", group);
    put_column(file, c, path, PPI_H5_F64, false, 8, NULL);
    snprintf(path, sizeof path, "%s/terminations", group);
    put_column(file, c, path, PPI_H5_BOOL, false, 8, wide);
    snprintf(path, sizeof path, "%s/truncations", group);
    put_column(file, c, path, PPI_H5_BOOL, false, 8, NULL);
    snprintf(path, sizeof path, "%s/infos", group);
    if (take(c) == 255 || ppi_h5_group_create(file, path) != PP_OK) return;
    snprintf(path, sizeof path, "%s/infos/end_row", group);
    put_column(file, c, path, PPI_H5_I64, false, 2, ends);
    snprintf(path, sizeof path, "%s/infos/final_observation", group);
    put_column(file, c, path, observed, true, 2, NULL);
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    if (file) {
        (void)fwrite(text, 1, strlen(text), file);
        fclose(file);
    }
}

/* Everything a reader of histories may ask. */
static void read_all(ppi_dataset *d) {
    const int64_t bytes = ppi_dataset_frame_bytes(d);
    ppi_curve curve;
    ppi_buf text = {0};
    ppi_dataset_report report;
    int64_t steps = 0;
    uint8_t *obs = malloc((size_t)(bytes * (ppi_dataset_info(d)->steps + 2)) + 1);
    require(obs != NULL && bytes > 0);
    for (int64_t i = 0; i < ppi_dataset_group_count(d); i++) {
        const ppi_group *g = ppi_dataset_group(d, i);
        const ppi_inspect_options options = {.history = i, .count = 9, .json = i % 2 == 0};
        require(g->steps >= 1 && g->episodes >= 1 && g->row == steps && g->history);
        steps += g->steps;
        (void)ppi_dataset_read_observations(d, i, 0, g->steps + 1, obs);
        (void)ppi_dataset_inspect(d, &options, &text);
        for (int64_t e = g->first_episode; e < g->first_episode + g->episodes; e++) {
            (void)ppi_dataset_read_final(d, e, obs);
        }
    }
    require(steps == ppi_dataset_info(d)->steps);
    if (ppi_curve_create(&curve, d, 7, 1) == PP_OK) ppi_curve_free(&curve);
    (void)ppi_dataset_show(d, &text);
    (void)ppi_dataset_validate(d, &report);
    ppi_buf_free(&text);
    free(obs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cursor c = {data, data + size};
    ppi_h5 *file = NULL;
    ppi_dataset *d = NULL;
    if (size < 1 || ppi_dir_remove(FOLDER) != PP_OK || ppi_dir_make(FOLDER "/data") != PP_OK ||
        ppi_h5_create(&file, FOLDER "/data/main_data.hdf5") != PP_OK) {
        return 0;
    }
    const int first = take(&c);
    const bool floats = first & 1;
    put(FOLDER "/data/metadata.json",
        floats ? METADATA("float32", "float") : METADATA("uint8", "cells"));
    for (int i = 0; i <= first / 2 % 3; i++) put_group(file, &c, i, floats);
    if (ppi_h5_close(file) == PP_OK && ppi_dataset_open(&d, FOLDER) == PP_OK) {
        read_all(d);
        ppi_dataset_close(d);
    } else {
        require(size > 1); /* the right choices make a sound file */
    }
    return 0;
}
