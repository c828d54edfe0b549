/* Reading the leaves of the spaces: opening a leaf's column, checking it against the space, and
 * giving its rows as the leaf's type, whatever it is stored as. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "data/dataset_internal.h"
#include "data/jpeg.h"

#define MAX_JPEG_BYTES ((int64_t)1 << 26) /* of one row of a plain array of JPEG bytes */
#define WIDE_ELEMENTS  4096               /* converted at a time */

/* Stored numbers: their width, and what they become in memory. */
static const struct {
    int bits; /* 0 = not an integer */
    bool is_signed;
    bool is_float;
    const char *name;
} stored_types[] = {
    [PPI_H5_BOOL] = {.name = "bool"},
    [PPI_H5_I8] = {8, true, false, "int8"},
    [PPI_H5_U8] = {8, false, false, "uint8"},
    [PPI_H5_I16] = {16, true, false, "int16"},
    [PPI_H5_U16] = {16, false, false, "uint16"},
    [PPI_H5_I32] = {32, true, false, "int32"},
    [PPI_H5_U32] = {32, false, false, "uint32"},
    [PPI_H5_I64] = {64, true, false, "int64"},
    [PPI_H5_U64] = {64, false, false, "uint64"},
    [PPI_H5_F16] = {.is_float = true, .name = "float16"},
    [PPI_H5_F32] = {.is_float = true, .name = "float32"},
    [PPI_H5_F64] = {.is_float = true, .name = "float64"},
    [PPI_H5_BYTES] = {.name = "lists of bytes"},
    [PPI_H5_TEXT] = {.name = "text"},
    [PPI_H5_CHARS] = {.name = "text of fixed length"},
    [PPI_H5_OTHER] = {.name = "another type"},
};

static const ppi_h5_type memory_types[] = {
    [PP_DATA_BOOL] = PPI_H5_BOOL, [PP_DATA_I8] = PPI_H5_I8,   [PP_DATA_U8] = PPI_H5_U8,
    [PP_DATA_I16] = PPI_H5_I16,   [PP_DATA_U16] = PPI_H5_U16, [PP_DATA_I32] = PPI_H5_I32,
    [PP_DATA_U32] = PPI_H5_U32,   [PP_DATA_I64] = PPI_H5_I64, [PP_DATA_U64] = PPI_H5_U64,
    [PP_DATA_F32] = PPI_H5_F32,   [PP_DATA_F64] = PPI_H5_F64,
};

/* ---- checks ---- */

/* True when every stored value of a type can be given, perhaps after a check of the values. */
static bool type_fits(pp_data_type leaf, ppi_h5_type stored) {
    ppi_h5_type wanted = memory_types[leaf];
    if (stored_types[wanted].is_float) {
        return stored_types[stored].is_float;
    }
    if (stored == PPI_H5_BOOL || wanted == PPI_H5_BOOL) {
        return stored == PPI_H5_BOOL ? ppi_data_type_size(leaf) == 1
                                     : stored_types[stored].bits == 8;
    }
    return stored_types[stored].bits > 0 && (stored != PPI_H5_U64 || wanted == PPI_H5_U64);
}

/* True when the axes behind the rows are those of the leaf; axes of length 1 do not count. */
static bool axes_fit(const pp_leaf_info *leaf, const ppi_h5_shape *shape) {
    int axis = 0;
    for (int i = 1; i < shape->rank; i++) {
        if (shape->dims[i] == 1) {
            continue;
        }
        while (axis < leaf->rank && leaf->shape[axis] == 1) {
            axis++;
        }
        if (axis == leaf->rank || leaf->shape[axis] != shape->dims[i]) {
            return false;
        }
        axis++;
    }
    while (axis < leaf->rank && leaf->shape[axis] == 1) {
        axis++;
    }
    return axis == leaf->rank;
}

static void axes_text(ppi_buf *out, const ppi_h5_shape *shape) {
    ppi_buf_append_text(out, "rows of [");
    for (int i = 1; i < shape->rank; i++) {
        ppi_buf_printf(out, "%s%lld", i > 1 ? "," : "", (long long)shape->dims[i]);
    }
    ppi_buf_printf(out, "] %s", stored_types[shape->type].name);
}

static bool column_fits(const pp_leaf_info *leaf, const ppi_h5_shape *shape) {
    if (leaf->jpeg) {
        return (shape->type == PPI_H5_BYTES && shape->rank == 1) ||
               (shape->type == PPI_H5_U8 && shape->rank == 2 && shape->dims[1] <= MAX_JPEG_BYTES);
    }
    if (leaf->type == PP_DATA_TEXT) {
        return shape->rank == 1 && (shape->type == PPI_H5_TEXT || shape->type == PPI_H5_CHARS);
    }
    return type_fits(leaf->type, shape->type) && axes_fit(leaf, shape);
}

static pp_status check_column(const ppi_dataset *d, const pp_leaf_info *leaf, ppi_h5_data *data) {
    const ppi_h5_shape *shape = ppi_h5_data_shape(data);
    if (column_fits(leaf, shape)) {
        return PP_OK;
    }
    ppi_buf text = {0};
    axes_text(&text, shape);
    ppi_buf_append_text(&text, ", expected ");
    ppi_leaf_text(&text, leaf);
    if (leaf->jpeg) {
        ppi_buf_append_text(&text,
                            " as JPEG bytes (metadata.json says jpeg_encoding true or leaves "
                            "it out; where frames are stored raw it must say false)");
    }
    pp_status status = ppi_fail(PP_ERR_SHAPE, "%s: %s has %s", d->data_path, ppi_h5_data_path(data),
                                ppi_buf_text(&text));
    ppi_buf_free(&text);
    return status;
}

static pp_status open_leaf(ppi_dataset *d, ppi_h5_data **out, int32_t leaf, int64_t group) {
    char path[512];
    const bool final = leaf == PPI_DATASET_FINAL;
    const pp_leaf_info *info = &d->spaces.leaves[final ? 0 : leaf];
    snprintf(path, sizeof path, "episode_%lld/%s", (long long)group,
             final ? "infos/final_observation" : info->path);
    PPI_TRY(ppi_h5_data_open(out, d->file, path));
    pp_status status = check_column(d, info, *out);
    if (status != PP_OK) {
        ppi_h5_data_close(*out);
        *out = NULL;
    }
    return status;
}

pp_status ppi_dataset_leaf_handle(ppi_dataset *d, ppi_h5_data **out, int32_t leaf, int64_t group) {
    ppi_dataset_handle *oldest = &d->handles[0];
    d->tick++;
    for (int i = 0; i < PPI_DATASET_HANDLES; i++) {
        ppi_dataset_handle *handle = &d->handles[i];
        if (handle->data && handle->group == group && handle->leaf == leaf) {
            handle->used = d->tick;
            *out = handle->data;
            return PP_OK;
        }
        if (!handle->data || (oldest->data && handle->used < oldest->used)) {
            oldest = handle;
        }
    }
    ppi_h5_data_close(oldest->data);
    oldest->data = NULL;
    PPI_TRY(open_leaf(d, &oldest->data, leaf, group));
    oldest->group = group;
    oldest->leaf = leaf;
    oldest->used = d->tick;
    *out = oldest->data;
    return PP_OK;
}

/* ---- numbers ---- */

/* True when HDF5 converts every stored value without clamping it. */
static bool is_contained(ppi_h5_type wanted, ppi_h5_type stored) {
    int spare = stored_types[wanted].is_signed && !stored_types[stored].is_signed ? 1 : 0;
    return (stored_types[wanted].is_signed || !stored_types[stored].is_signed) &&
           stored_types[stored].bits + spare <= stored_types[wanted].bits;
}

/* Writes element i of `out`; false when the value does not fit. */
static bool put_narrow(void *out, pp_data_type type, int64_t i, int64_t value) {
    switch (type) {
    case PP_DATA_BOOL:
        ((uint8_t *)out)[i] = (uint8_t)value;
        return value == 0 || value == 1;
    case PP_DATA_I8:
        ((int8_t *)out)[i] = (int8_t)value;
        return value >= INT8_MIN && value <= INT8_MAX;
    case PP_DATA_U8:
        ((uint8_t *)out)[i] = (uint8_t)value;
        return value >= 0 && value <= UINT8_MAX;
    case PP_DATA_I16:
        ((int16_t *)out)[i] = (int16_t)value;
        return value >= INT16_MIN && value <= INT16_MAX;
    case PP_DATA_U16:
        ((uint16_t *)out)[i] = (uint16_t)value;
        return value >= 0 && value <= UINT16_MAX;
    case PP_DATA_I32:
        ((int32_t *)out)[i] = (int32_t)value;
        return value >= INT32_MIN && value <= INT32_MAX;
    case PP_DATA_U32:
        ((uint32_t *)out)[i] = (uint32_t)value;
        return value >= 0 && value <= UINT32_MAX;
    default:
        ((uint64_t *)out)[i] = (uint64_t)value;
        return value >= 0;
    }
}

/* Integers stored wider than the leaf: read as int64 and checked one by one. */
static pp_status read_narrowed(ppi_dataset *d, ppi_h5_data *data, const pp_leaf_info *leaf,
                               int64_t first, int64_t count, uint8_t *out) {
    int64_t step = WIDE_ELEMENTS / leaf->count > 1 ? WIDE_ELEMENTS / leaf->count : 1;
    ppi_buf_clear(&d->scratch);
    PPI_TRY(ppi_buf_reserve(&d->scratch, (size_t)(step * leaf->count) * sizeof(int64_t)));
    int64_t *wide = (int64_t *)(void *)d->scratch.data;
    for (int64_t row = first; row < first + count; row += step, out += step * leaf->row_bytes) {
        int64_t rows = first + count - row < step ? first + count - row : step;
        PPI_TRY(ppi_h5_data_read(data, row, rows, PPI_H5_I64, wide));
        for (int64_t i = 0; i < rows * leaf->count; i++) {
            if (!put_narrow(out, leaf->type, i, wide[i])) {
                return ppi_fail(PP_ERR_CORRUPT, "%s: %s row %lld holds %lld, which %s cannot",
                                d->data_path, ppi_h5_data_path(data),
                                (long long)(row + i / leaf->count), (long long)wide[i],
                                ppi_data_type_name(leaf->type));
            }
        }
    }
    return PP_OK;
}

/* A stored bool is an enum, whose bytes the library passes on unchecked. */
static pp_status read_bools(ppi_dataset *d, ppi_h5_data *data, const pp_leaf_info *leaf,
                            int64_t first, int64_t count, uint8_t *out) {
    PPI_TRY(ppi_h5_data_read(data, first, count, PPI_H5_BOOL, out));
    for (int64_t i = 0; i < count * leaf->count; i++) {
        if (out[i] > 1) {
            return ppi_fail(PP_ERR_CORRUPT, "%s: %s row %lld holds the bool %d, expected 0 or 1",
                            d->data_path, ppi_h5_data_path(data),
                            (long long)(first + i / leaf->count), out[i]);
        }
    }
    return PP_OK;
}

/* ---- images ---- */

typedef struct image_rows {
    const pp_leaf_info *leaf;
    int64_t first; /* row that goes to out[0] */
    uint8_t *out;
} image_rows;

static pp_status decode_row(void *context, int64_t row, const uint8_t *bytes, size_t size) {
    const image_rows *to = context;
    const pp_leaf_info *leaf = to->leaf;
    return ppi_jpeg_decode(to->out + (row - to->first) * leaf->row_bytes, leaf->shape[0],
                           leaf->shape[1], leaf->rank == 3 ? leaf->shape[2] : 1, bytes, size);
}

static pp_status open_vlen(ppi_dataset *d) {
    return d->vlen ? PP_OK : ppi_h5_vlen_open(&d->vlen, d->file);
}

/* JPEG bytes of an episode whose images happened to have one length lie in a plain array. */
static pp_status read_images(ppi_dataset *d, ppi_h5_data *data, const pp_leaf_info *leaf,
                             int64_t first, int64_t count, uint8_t *out) {
    const ppi_h5_shape *shape = ppi_h5_data_shape(data);
    image_rows to = {.leaf = leaf, .first = first, .out = out};
    if (shape->type == PPI_H5_BYTES) {
        PPI_TRY(open_vlen(d));
        return ppi_h5_vlen_each(d->vlen, data, first, count, decode_row, &to);
    }
    size_t size = (size_t)shape->dims[1];
    ppi_buf_clear(&d->scratch);
    PPI_TRY(ppi_buf_reserve(&d->scratch, size + 1));
    for (int64_t row = first; row < first + count; row++) {
        PPI_TRY(ppi_h5_data_read(data, row, 1, PPI_H5_U8, d->scratch.data));
        pp_status status = decode_row(&to, row, (const uint8_t *)d->scratch.data, size);
        PPI_TRY(ppi_fail_context(status, "%s: %s row %lld", d->data_path, ppi_h5_data_path(data),
                                 (long long)row));
    }
    return PP_OK;
}

pp_status ppi_dataset_leaf_rows(ppi_dataset *d, ppi_h5_data *data, int32_t index, int64_t first,
                                int64_t count, void *out) {
    const pp_leaf_info *leaf = &d->spaces.leaves[index];
    ppi_h5_type stored = ppi_h5_data_shape(data)->type;
    ppi_h5_type wanted = memory_types[leaf->type];
    if (leaf->jpeg) {
        return read_images(d, data, leaf, first, count, out);
    }
    if (stored == PPI_H5_BOOL) {
        return read_bools(d, data, leaf, first, count, out);
    }
    if (stored_types[wanted].is_float || is_contained(wanted, stored)) {
        return ppi_h5_data_read(data, first, count, wanted, out);
    }
    return read_narrowed(d, data, leaf, first, count, out);
}

pp_status ppi_dataset_leaf_integers(ppi_dataset *d, int32_t leaf, int64_t group, int64_t rows,
                                    int64_t *out) {
    ppi_h5_data *data = NULL;
    PPI_TRY(ppi_dataset_leaf_handle(d, &data, leaf, group));
    return ppi_h5_data_read(data, 0, rows, PPI_H5_I64, out);
}

/* ---- text ---- */

static pp_status append_row(void *context, int64_t row, const uint8_t *bytes, size_t size) {
    (void)row;
    return ppi_buf_append(context, bytes, size);
}

/* Replaces the scratch by the text of one row. */
static pp_status read_text_row(ppi_dataset *d, ppi_h5_data *data, int64_t row) {
    const ppi_h5_shape *shape = ppi_h5_data_shape(data);
    ppi_buf_clear(&d->scratch);
    PPI_TRY(ppi_buf_append_text(&d->scratch, ""));
    if (shape->type == PPI_H5_TEXT) {
        PPI_TRY(open_vlen(d));
        return ppi_h5_vlen_each(d->vlen, data, row, 1, append_row, &d->scratch);
    }
    PPI_TRY(ppi_buf_reserve(&d->scratch, (size_t)shape->chars + 1));
    PPI_TRY(ppi_h5_data_read(data, row, 1, PPI_H5_CHARS, d->scratch.data));
    d->scratch.len = strnlen(d->scratch.data, (size_t)shape->chars);
    d->scratch.data[d->scratch.len] = 0;
    return PP_OK;
}

/* ---- public ---- */

int32_t pp_dataset_leaf_count(const pp_dataset *dataset) {
    return dataset->spaces.count;
}

pp_status pp_dataset_leaf(const pp_dataset *d, int32_t leaf, pp_leaf_info *info) {
    if (leaf < 0 || leaf >= d->spaces.count) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: leaf %d asked, it has %d", d->folder, leaf,
                        d->spaces.count);
    }
    *info = d->spaces.leaves[leaf];
    return PP_OK;
}

/* True when no later episode shares the episode's group. */
static bool is_last_of_group(const ppi_dataset *d, int64_t index) {
    return index + 1 == d->info.episodes ||
           d->episodes[index + 1].group != d->episodes[index].group;
}

/* True when the group's infos keep row T of the leaf. */
static bool has_final(const ppi_dataset *d, int32_t leaf, int64_t episode) {
    return leaf == 0 && d->episodes[episode].final >= 0;
}

/* Rows of an episode that lie in the leaf's own column. */
static int64_t column_rows(const ppi_dataset *d, int32_t leaf, int64_t episode) {
    return d->episodes[episode].info.steps +
           (d->spaces.leaves[leaf].observation && is_last_of_group(d, episode) &&
            !has_final(d, leaf, episode));
}

int64_t ppi_dataset_leaf_length(const ppi_dataset *d, int32_t leaf, int64_t episode) {
    return column_rows(d, leaf, episode) + has_final(d, leaf, episode);
}

/* Checks the call and finds the column; *row = the group's row that `first` means. */
static pp_status find_rows(ppi_dataset *d, int32_t leaf, int64_t index, int64_t first,
                           int64_t count, bool text, int64_t *row) {
    pp_leaf_info info;
    pp_episode_info episode;
    PPI_TRY(pp_dataset_leaf(d, leaf, &info));
    PPI_TRY(pp_dataset_episode(d, index, &episode));
    int64_t rows = episode.steps + info.observation;
    if ((info.type == PP_DATA_TEXT) != text) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: leaf %s is %s: read it with %s", d->folder, info.path,
                        ppi_data_type_name(info.type),
                        text ? "pp_dataset_read_leaf" : "pp_dataset_read_text");
    }
    if (first < 0 || count < 0 || first > rows - count) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: rows %lld to %lld of leaf %s of episode %lld asked, it "
                        "has %lld",
                        d->folder, (long long)first, (long long)(first + count), info.path,
                        (long long)index, (long long)rows);
    }
    if (first + count > ppi_dataset_leaf_length(d, leaf, index)) {
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "%s: row %lld of leaf %s of episode %lld: a learning history without "
                        "infos/final_observation keeps no last observation inside it",
                        d->folder, (long long)episode.steps, info.path, (long long)index);
    }
    *row = d->episodes[index].first_frame + first;
    return PP_OK;
}

/* Rows of an episode: those of the column, then the one that the infos keep. */
static pp_status read_rows(ppi_dataset *d, int32_t leaf, int64_t episode, int64_t first,
                           int64_t count, int64_t row, uint8_t *out) {
    const ppi_episode *e = &d->episodes[episode];
    ppi_h5_data *data = NULL;
    int64_t own = column_rows(d, leaf, episode) - first;
    own = own < 0 ? 0 : own < count ? own : count;
    if (own > 0 || count == 0) {
        PPI_TRY(ppi_dataset_leaf_handle(d, &data, leaf, e->group));
        PPI_TRY(ppi_dataset_leaf_rows(d, data, leaf, row, own, out));
    }
    if (own == count) {
        return PP_OK;
    }
    PPI_TRY(ppi_dataset_leaf_handle(d, &data, PPI_DATASET_FINAL, e->group));
    return ppi_dataset_leaf_rows(d, data, leaf, e->final, 1,
                                 out + own * d->spaces.leaves[leaf].row_bytes);
}

pp_status pp_dataset_read_leaf(pp_dataset *d, int32_t leaf, int64_t episode, int64_t first,
                               int64_t count, void *out) {
    int64_t row = 0;
    PPI_TRY(find_rows(d, leaf, episode, first, count, false, &row));
    pthread_mutex_lock(&d->mutex);
    pp_status status = read_rows(d, leaf, episode, first, count, row, out);
    pthread_mutex_unlock(&d->mutex);
    return status;
}

pp_status pp_dataset_read_text(pp_dataset *d, int32_t leaf, int64_t episode, int64_t first,
                               char *out, int64_t size, int64_t *length) {
    int64_t row = 0;
    ppi_h5_data *data = NULL;
    PPI_TRY(find_rows(d, leaf, episode, first, 1, true, &row));
    pthread_mutex_lock(&d->mutex);
    pp_status status = ppi_dataset_leaf_handle(d, &data, leaf, d->episodes[episode].group);
    if (status == PP_OK) {
        status = read_text_row(d, data, row);
    }
    if (status == PP_OK) {
        *length = (int64_t)d->scratch.len;
        bool fits = size > *length;
        if (size > 0) {
            memcpy(out, fits ? d->scratch.data : "", fits ? d->scratch.len + 1 : 1);
        }
    }
    pthread_mutex_unlock(&d->mutex);
    return status;
}
