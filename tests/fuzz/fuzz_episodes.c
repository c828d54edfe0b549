/* Fuzz target: the text of metadata.json and the groups, attributes and columns of an HDF5 file,
 * whatever they are, end in episodes that can be read or in a failure.
 *
 * The input is the text, a zero byte, and a list of operations that make the HDF5 file: so the file
 * is always sound HDF5, and what is tried is our reading of it, not libhdf5's of damaged bytes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "base/error.h"
#include "base/file.h"
#include "data/dataset.h"

#define FOLDER      "fuzz_episodes"
#define MAX_OPS     64
#define MAX_BYTES   16384           /* of one column */
#define MAX_FRAME   (1 << 20)       /* of a decoded image that is read */
#define MAX_PATTERN (255 + 4 * 255) /* of the bytes that fill it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the fuzzer when a property does not hold. */
static void require(bool holds) {
    if (!holds) abort();
}

/* ---- the input ---- */

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

static int take(cursor *c) {
    return c->at < c->end ? *c->at++ : 0;
}

/* Up to `want` bytes; *got of them are there. */
static const uint8_t *take_bytes(cursor *c, size_t want, size_t *got) {
    const uint8_t *bytes = c->at;
    *got = want < (size_t)(c->end - c->at) ? want : (size_t)(c->end - c->at);
    c->at += *got;
    return bytes;
}

/* One byte, or two for 255 and more: 0 .. MAX_PATTERN. */
static size_t take_length(cursor *c) {
    const int length = take(c);
    return (size_t)(length < 255 ? length : length + 4 * take(c));
}

static int64_t take_integer(cursor *c) {
    uint64_t value = 0;
    const int bytes = take(c) % 9;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)take(c) << (8 * i);
    return (int64_t)value;
}

#define PICK(c, table) table[take(c) % (int)(sizeof(table) / sizeof(table)[0])]

/* ---- the HDF5 file ---- */

static const char *const groups[] = {
    "episode_0",  "episode_1",   "episode_2",
    "episode_00", "episode_-1",  "episode_9223372036854775807",
    "episode_x",  "episodes_12", "episode_",
    "episode_10",
};
static const char *const columns[] = {
    "observations",          "actions",          "rewards",
    "terminations",          "truncations",      "infos/lives",
    "observations/a",        "observations/b",   "observations/_index_0",
    "observations/_index_1", "actions/_index_0", "actions/a",
};

typedef struct builder {
    cursor in;
    hid_t file;
    char group[64];
    hid_t column; /* the last one made, or -1 */
    bool written; /* it has data */
} builder;

static hid_t make_enum(void) {
    const int8_t no = 0, yes = 1;
    const hid_t type = H5Tenum_create(H5T_STD_I8LE);
    H5Tenum_insert(type, "FALSE", &no);
    H5Tenum_insert(type, "TRUE", &yes);
    return type;
}

static hid_t make_float16(void) {
    const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

static hid_t make_text(size_t size) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    return type;
}

static hid_t make_compound(void) {
    const hid_t type = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(type, "x", 0, H5T_STD_I32LE);
    return type;
}

/* A type by number; *variable for lists and texts of any length. */
static hid_t make_type(int number, bool *variable) {
    const hid_t plain[] = {
        H5T_STD_U8LE,  H5T_STD_I8LE,  H5T_STD_I16LE,  H5T_STD_U16LE,  H5T_STD_I32LE, H5T_STD_U32LE,
        H5T_STD_I64LE, H5T_STD_U64LE, H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I32BE, H5T_IEEE_F64BE,
    };
    const int count = (int)(sizeof plain / sizeof plain[0]);
    *variable = false;
    if (number % 20 < count) return H5Tcopy(plain[number % 20]);
    switch (number % 20 - count) {
    case 0:
        return make_enum();
    case 1:
        return make_float16();
    case 2:
        return make_text(5);
    case 3:
        return make_compound();
    case 4:
        *variable = true;
        return H5Tvlen_create(H5T_STD_U8LE);
    case 5:
        *variable = true;
        return H5Tvlen_create(H5T_STD_I32LE);
    case 6:
        *variable = true;
        return make_text(H5T_VARIABLE);
    default:
        return make_enum();
    }
}

/* Storage by number: in one piece, in the header, or in chunks with filters. */
static hid_t make_storage(cursor *in, int rank, const hsize_t *dims) {
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    const int kind = take(in) % 6;
    hsize_t chunk[4] = {0};
    if (kind == 0) return list;
    if (kind == 1) {
        H5Pset_layout(list, H5D_COMPACT);
        return list;
    }
    for (int i = 0; i < rank; i++) chunk[i] = dims[i] > 0 ? dims[i] : 1;
    chunk[0] = (hsize_t)(take(in) % 16 + 1);
    if (rank > 1 && take(in) % 4 == 3) chunk[1] = 1;
    H5Pset_chunk(list, rank, chunk);
    if (kind == 4) H5Pset_shuffle(list);
    if (kind == 5) H5Pset_fletcher32(list);
    if (kind >= 3) H5Pset_deflate(list, 1);
    return list;
}

/* Fills a column of `count` elements: the bytes that follow in the input, over and over. */
static void fill(builder *b, hid_t type, bool variable, size_t count) {
    static _Alignas(16) uint8_t bytes[MAX_BYTES];
    size_t got;
    const uint8_t *pattern = take_bytes(&b->in, take_length(&b->in), &got);
    const size_t each = H5Tget_size(type);
    if (got == 0 || each == 0 || count > sizeof bytes / each) return;
    if (!variable) {
        for (size_t i = 0; i < count * each; i++) bytes[i] = pattern[i % got];
    } else if (H5Tget_class(type) == H5T_STRING) {
        static char text[MAX_PATTERN + 1];
        memcpy(text, pattern, got);
        text[got] = 0;
        for (size_t i = 0; i < count; i++) ((char **)(void *)bytes)[i] = text;
    } else {
        static _Alignas(16) uint8_t list[MAX_PATTERN];
        memcpy(list, pattern, got);
        const hid_t item = H5Tget_super(type);
        const size_t items = got / H5Tget_size(item);
        H5Tclose(item);
        for (size_t i = 0; i < count; i++) ((hvl_t *)(void *)bytes)[i] = (hvl_t){items, list};
    }
    b->written = count > 0 && H5Dwrite(b->column, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0;
}

static void make_column(builder *b) {
    char path[128];
    bool variable;
    hsize_t dims[4];
    size_t count = 1;
    snprintf(path, sizeof path, "%s/%s", b->group, PICK(&b->in, columns));
    const hid_t type = make_type(take(&b->in), &variable);
    const int rank = take(&b->in) % 5;
    for (int i = 0; i < rank; i++) {
        dims[i] = (hsize_t)(take(&b->in) % 24);
        count *= (size_t)dims[i];
    }
    const hid_t storage =
        rank > 0 ? make_storage(&b->in, rank, dims) : H5Pcreate(H5P_DATASET_CREATE);
    const hid_t space = rank > 0 ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    const hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    if (b->column >= 0) H5Dclose(b->column);
    b->written = false;
    b->column = H5Dcreate2(b->file, path, type, space, links, storage, H5P_DEFAULT);
    if (b->column >= 0) fill(b, type, variable, count);
    H5Pclose(links);
    H5Pclose(storage);
    H5Sclose(space);
    H5Tclose(type);
}

static void make_attribute(builder *b) {
    static const char *const names[] = {"total_steps", "seed", "id"};
    const char *name = PICK(&b->in, names);
    const int kind = take(&b->in);
    const int64_t value = take_integer(&b->in);
    const double real = (double)value;
    const hsize_t two[] = {2};
    const hid_t space = kind % 8 == 7 ? H5Screate_simple(1, two, NULL) : H5Screate(H5S_SCALAR);
    const hid_t group = H5Oopen(b->file, b->group, H5P_DEFAULT);
    const hid_t type = kind % 8 == 6   ? make_text(3)
                       : kind % 8 == 5 ? H5Tcopy(H5T_IEEE_F64LE)
                                       : H5Tcopy(H5T_STD_I64LE);
    const hid_t attribute = H5Acreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) {
        const int64_t both[] = {value, value};
        (void)H5Awrite(attribute, type, kind % 8 == 5 ? (const void *)&real : both);
        H5Aclose(attribute);
    }
    H5Tclose(type);
    if (group >= 0) H5Oclose(group);
    H5Sclose(space);
}

/* Replaces the stored bytes of a chunk of the last column; only of one that has chunks, which
 * libhdf5 1.10 does not check. */
static void spoil_chunk(builder *b) {
    hsize_t offset[4] = {(hsize_t)(take(&b->in) % 24), 0, 0, 0};
    size_t got;
    const uint32_t filters = (uint32_t)(take(&b->in) % 2);
    const uint8_t *bytes = take_bytes(&b->in, (size_t)take(&b->in), &got);
    if (b->column < 0 || !b->written || got == 0) return;
    const hid_t storage = H5Dget_create_plist(b->column);
    if (H5Pget_layout(storage) == H5D_CHUNKED) {
        (void)H5Dwrite_chunk(b->column, H5P_DEFAULT, filters, offset, got, bytes);
    }
    H5Pclose(storage);
}

static void make_group(builder *b) {
    snprintf(b->group, sizeof b->group, "%s", PICK(&b->in, groups));
    const hid_t group = H5Gcreate2(b->file, b->group, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group >= 0) H5Gclose(group);
}

static bool make_file(const char *path, cursor in) {
    static void (*const operations[])(builder * b) = {make_group, make_attribute, make_column,
                                                      spoil_chunk};
    builder b = {.in = in, .group = ".", .column = -1};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    b.file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (b.file < 0) return false;
    for (int i = 0; i < MAX_OPS && b.in.at < b.in.end; i++) PICK(&b.in, operations)(&b);
    if (b.column >= 0) H5Dclose(b.column);
    return H5Fclose(b.file) >= 0;
}

/* ---- reading ---- */

static void read_leaves(ppi_dataset *d, int64_t episode, const pp_episode_info *info) {
    for (int32_t i = 0; i < pp_dataset_leaf_count(d); i++) {
        pp_leaf_info leaf;
        char text[64];
        int64_t length = 0;
        require(pp_dataset_leaf(d, i, &leaf) == PP_OK);
        if (leaf.type == PP_DATA_TEXT) {
            (void)pp_dataset_read_text(d, i, episode, info->steps - 1, text, sizeof text, &length);
            continue;
        }
        /* A column in the file bounds its rows, but JPEG may claim any size. */
        require(leaf.row_bytes > 0 && (leaf.jpeg || leaf.row_bytes <= MAX_BYTES));
        if (leaf.row_bytes > MAX_FRAME) continue;
        uint8_t *rows = malloc((size_t)(leaf.row_bytes * info->steps));
        require(rows != NULL);
        (void)pp_dataset_read_leaf(d, i, episode, 0, info->steps, rows);
        free(rows);
    }
}

static void read_steps(ppi_dataset *d, int64_t episode, const pp_episode_info *info) {
    const size_t n = (size_t)info->steps;
    const bool frames =
        ppi_dataset_check_playable(d) == PP_OK && ppi_dataset_frame_bytes(d) <= MAX_FRAME;
    uint8_t *obs = frames ? malloc(n * (size_t)ppi_dataset_frame_bytes(d)) : NULL;
    int32_t *actions = frames ? malloc(n * sizeof *actions) : NULL;
    float *rewards = malloc(n * sizeof *rewards);
    uint8_t *ends = malloc(2 * n);
    require(rewards != NULL && ends != NULL);
    (void)pp_dataset_read(d, episode, 0, info->steps, obs, actions, rewards, ends, ends + n);
    free(obs);
    free(actions);
    free(rewards);
    free(ends);
}

static void read_all(ppi_dataset *d) {
    pp_dataset_info info;
    ppi_buf text = {0};
    int64_t steps = 0;
    pp_dataset_describe(d, &info);
    (void)ppi_dataset_show(d, &text);
    ppi_buf_free(&text);
    for (int64_t e = 0; e < info.episodes; e++) {
        pp_episode_info episode;
        require(pp_dataset_episode(d, e, &episode) == PP_OK && episode.steps >= 1);
        steps += episode.steps;
        read_leaves(d, e, &episode);
        read_steps(d, e, &episode);
    }
    require(info.episodes >= 1 && steps == info.steps);
}

static bool write_text(const char *path, const uint8_t *text, size_t size) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) return false;
    const bool written = fwrite(text, 1, size, file) == size;
    return fclose(file) == 0 && written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    ppi_dataset *dataset = NULL;
    if (zero == NULL) return 0;
    require(ppi_dir_make(FOLDER "/data") == PP_OK);
    require(write_text(FOLDER "/data/metadata.json", data, (size_t)(zero - data)));
    if (!make_file(FOLDER "/data/main_data.hdf5", (cursor){zero + 1, data + size})) return 0;
    if (ppi_dataset_open(&dataset, FOLDER) == PP_OK) {
        read_all(dataset);
    } else {
        require(pp_last_error()[0] != '\0');
    }
    ppi_dataset_close(dataset);
    return 0;
}
