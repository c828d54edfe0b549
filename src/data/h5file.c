/* HDF5 access for the dataset store; see h5file.h. All vendor types stay inside this file. */
#include "data/h5file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <hdf5.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/gz.h"
#include "base/mem.h"

struct ppi_h5 {
    hid_t id;
    hid_t piece_list; /* how columns in one piece are made, 0 = not needed yet */
    char path[PPI_PATH_SIZE];
};

struct ppi_h5_data {
    ppi_h5 *file;
    hid_t id;
    ppi_h5_shape shape;
    int64_t sound_first, sound_end; /* rows whose chunks decode to their full size */
    int64_t fixed_rows;             /* of a column being filled in one piece, 0 = it grows */
    char path[512];
};

static pthread_mutex_t h5_mutex = PTHREAD_MUTEX_INITIALIZER;

static void enter(void) {
    pthread_mutex_lock(&h5_mutex);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5Eclear2(H5E_DEFAULT);
    errno = 0;
}

static void leave(void) {
    H5Eclear2(H5E_DEFAULT);
    pthread_mutex_unlock(&h5_mutex);
}

/* Remembers the description of the innermost error of HDF5's stack. */
static herr_t innermost(unsigned n, const H5E_error2_t *error, void *context) {
    if (n == 0 && error->desc) {
        snprintf(context, 160, "%s", error->desc);
    }
    return 0;
}

static void reason_text(char *text) {
    text[0] = 0;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, text);
    if (text[0] == 0) {
        snprintf(text, 160, "no reason given");
    }
}

/* Called with the lock held, right after the call that failed. */
static pp_status read_error(const char *file, const char *key, const char *doing) {
    char text[160];
    int code = errno;
    reason_text(text);
    if (code == EIO || code == EACCES || code == EPERM) {
        errno = code;
        return ppi_fail_errno("%s: could not %s %s", file, doing, key);
    }
    return ppi_fail(PP_ERR_CORRUPT, "%s: could not %s %s: damaged or truncated HDF5 file (%s)", file,
                    doing, key, text);
}

static pp_status write_error(const char *file, const char *key, const char *doing) {
    char text[160];
    int code = errno;
    reason_text(text);
    if (code != 0) {
        errno = code;
        return ppi_fail_errno("%s: could not %s %s", file, doing, key);
    }
    return ppi_fail(PP_ERR_IO, "%s: could not %s %s (%s)", file, doing, key, text);
}

/* ---- files ---- */

static hid_t access_list(void) {
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    /* Files are complete before they get their name, so HDF5's own locks would only refuse
     * read-only file systems. */
    H5Pset_file_locking(list, false, true);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
    return list;
}

static ppi_h5 *file_new(const char *path) {
    ppi_h5 *file = ppi_calloc(1, sizeof *file);
    if (file) {
        file->id = -1;
        snprintf(file->path, sizeof file->path, "%s", path);
    }
    return file;
}

pp_status ppi_h5_open(ppi_h5 **out, const char *path) {
    struct stat info;
    *out = NULL;
    if (stat(path, &info) != 0) {
        return ppi_fail_errno("%s: could not open the data file", path);
    }
    ppi_h5 *file = file_new(path);
    if (!file) {
        return ppi_oom("an HDF5 file handle");
    }
    enter();
    hid_t list = access_list();
    file->id = H5Fopen(path, H5F_ACC_RDONLY, list);
    pp_status status = file->id < 0 ? read_error(path, "the file", "open") : PP_OK;
    H5Pclose(list);
    leave();
    if (status != PP_OK) {
        ppi_free(file);
        return status;
    }
    *out = file;
    return PP_OK;
}

pp_status ppi_h5_create(ppi_h5 **out, const char *path) {
    *out = NULL;
    ppi_h5 *file = file_new(path);
    if (!file) {
        return ppi_oom("an HDF5 file handle");
    }
    enter();
    hid_t list = access_list();
    /* Object headers with checksums: damage is reported instead of being decoded. */
    H5Pset_libver_bounds(list, H5F_LIBVER_V110, H5F_LIBVER_V110);
    hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_obj_track_times(creation, false);
    file->id = H5Fcreate(path, H5F_ACC_TRUNC, creation, list);
    pp_status status = file->id < 0 ? write_error(path, "the file", "create") : PP_OK;
    H5Pclose(creation);
    H5Pclose(list);
    leave();
    if (status != PP_OK) {
        ppi_free(file);
        return status;
    }
    *out = file;
    return PP_OK;
}

pp_status ppi_h5_close(ppi_h5 *file) {
    if (!file) {
        return PP_OK;
    }
    enter();
    pp_status status = PP_OK;
    if (file->piece_list > 0) {
        H5Pclose(file->piece_list);
    }
    if (H5Fclose(file->id) < 0) {
        status = write_error(file->path, "the file", "close");
    }
    leave();
    ppi_free(file);
    return status;
}

const char *ppi_h5_path(const ppi_h5 *file) {
    return file->path;
}

pp_status ppi_h5_base(ppi_h5 *file, int64_t *base) {
    hsize_t block = 0;
    size_t address = 0;
    size_t length = 0;
    enter();
    pp_status status = PP_OK;
    hid_t list = H5Fget_create_plist(file->id);
    if (list < 0 || H5Pget_userblock(list, &block) < 0 ||
        H5Pget_sizes(list, &address, &length) < 0) {
        status = read_error(file->path, "the file", "read the layout of");
    } else if (address != 8 || length != 8) {
        status = ppi_fail(PP_ERR_UNSUPPORTED, "%s: addresses of %zu and lengths of %zu bytes, "
                          "expected 8", file->path, address, length);
    }
    if (list >= 0) {
        H5Pclose(list);
    }
    leave();
    *base = (int64_t)block;
    return status;
}

#include "data/h5attr_tmpl.h"

/* ---- datasets ---- */

/* The enum that h5py shows as bool. The caller closes it. */
static hid_t bool_type(void) {
    int8_t no = 0;
    int8_t yes = 1;
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    H5Tenum_insert(type, "FALSE", &no);
    H5Tenum_insert(type, "TRUE", &yes);
    return type;
}

/* Stored and in-memory types of the numeric elements. The library's type names are variables, so
 * the rows hold their addresses. */
static const struct {
    ppi_h5_type type;
    H5T_class_t class;
    size_t size;
    H5T_sign_t sign; /* of integers */
    const hid_t *stored, *memory;
} numeric[] = {
    {PPI_H5_I8, H5T_INTEGER, 1, H5T_SGN_2, &H5T_STD_I8LE_g, &H5T_NATIVE_INT8_g},
    {PPI_H5_U8, H5T_INTEGER, 1, H5T_SGN_NONE, &H5T_STD_U8LE_g, &H5T_NATIVE_UINT8_g},
    {PPI_H5_I16, H5T_INTEGER, 2, H5T_SGN_2, &H5T_STD_I16LE_g, &H5T_NATIVE_INT16_g},
    {PPI_H5_U16, H5T_INTEGER, 2, H5T_SGN_NONE, &H5T_STD_U16LE_g, &H5T_NATIVE_UINT16_g},
    {PPI_H5_I32, H5T_INTEGER, 4, H5T_SGN_2, &H5T_STD_I32LE_g, &H5T_NATIVE_INT32_g},
    {PPI_H5_U32, H5T_INTEGER, 4, H5T_SGN_NONE, &H5T_STD_U32LE_g, &H5T_NATIVE_UINT32_g},
    {PPI_H5_I64, H5T_INTEGER, 8, H5T_SGN_2, &H5T_STD_I64LE_g, &H5T_NATIVE_INT64_g},
    {PPI_H5_U64, H5T_INTEGER, 8, H5T_SGN_NONE, &H5T_STD_U64LE_g, &H5T_NATIVE_UINT64_g},
    {PPI_H5_F16, H5T_FLOAT, 2, H5T_SGN_ERROR, &H5T_IEEE_F32LE_g, &H5T_NATIVE_FLOAT_g},
    {PPI_H5_F32, H5T_FLOAT, 4, H5T_SGN_ERROR, &H5T_IEEE_F32LE_g, &H5T_NATIVE_FLOAT_g},
    {PPI_H5_F64, H5T_FLOAT, 8, H5T_SGN_ERROR, &H5T_IEEE_F64LE_g, &H5T_NATIVE_DOUBLE_g},
};
#define NUMERIC_COUNT (sizeof numeric / sizeof numeric[0])

static ppi_h5_type classify_numeric(hid_t type, H5T_class_t class, size_t size) {
    for (size_t i = 0; i < NUMERIC_COUNT; i++) {
        if (numeric[i].class == class && numeric[i].size == size &&
            (class == H5T_FLOAT || numeric[i].sign == H5Tget_sign(type))) {
            return numeric[i].type;
        }
    }
    return PPI_H5_OTHER;
}

static ppi_h5_type classify_list(hid_t type) {
    hid_t element = H5Tget_super(type);
    if (element < 0) {
        return PPI_H5_OTHER;
    }
    bool bytes = H5Tget_class(element) == H5T_INTEGER && H5Tget_size(element) == 1;
    H5Tclose(element);
    return bytes ? PPI_H5_BYTES : PPI_H5_OTHER;
}

static ppi_h5_type classify(hid_t type) {
    size_t size = H5Tget_size(type);
    H5T_class_t class = H5Tget_class(type);
    switch (class) {
    case H5T_ENUM:
        return size == 1 ? PPI_H5_BOOL : PPI_H5_OTHER;
    case H5T_INTEGER:
    case H5T_FLOAT:
        return classify_numeric(type, class, size);
    case H5T_VLEN:
        return classify_list(type);
    case H5T_STRING:
        return H5Tis_variable_str(type) > 0 ? PPI_H5_TEXT : PPI_H5_CHARS;
    default:
        return PPI_H5_OTHER;
    }
}

/* The library's type for a numeric element, the double for all others. */
static hid_t numeric_type(ppi_h5_type type, bool stored) {
    for (size_t i = 0; i < NUMERIC_COUNT; i++) {
        if (numeric[i].type == type) {
            return stored ? *numeric[i].stored : *numeric[i].memory;
        }
    }
    return stored ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE;
}

/* Chunk geometry and filters. */
static void read_layout(ppi_h5_data *data) {
    ppi_h5_shape *shape = &data->shape;
    haddr_t begin = H5Dget_offset(data->id);
    shape->file_offset = -1;
    if (begin != HADDR_UNDEF && begin <= INT64_MAX) {
        /* In one piece: the property list, which takes time to copy, has nothing to add. */
        shape->file_offset = (int64_t)begin;
        shape->plain = true;
        return;
    }
    hid_t list = H5Dget_create_plist(data->id);
    if (list < 0) {
        return;
    }
    if (H5Pget_layout(list) == H5D_CHUNKED) {
        hsize_t chunk[PPI_H5_MAX_RANK];
        bool whole = H5Pget_chunk(list, shape->rank, chunk) == shape->rank;
        for (int axis = 1; whole && axis < shape->rank; axis++) {
            whole = (int64_t)chunk[axis] == shape->dims[axis];
        }
        shape->chunk_rows = whole ? (int64_t)chunk[0] : 0;
        int filters = H5Pget_nfilters(list);
        unsigned flags = 0;
        unsigned config = 0;
        size_t values = 0;
        shape->plain = filters == 0;
        shape->deflate = filters == 1 && H5Pget_filter2(list, 0, &flags, &values, NULL, 0, NULL,
                                                        &config) == H5Z_FILTER_DEFLATE;
    }
    H5Pclose(list);
}

static pp_status read_shape(ppi_h5_data *data) {
    hsize_t dims[PPI_H5_MAX_RANK];
    hid_t space = H5Dget_space(data->id);
    hid_t type = H5Dget_type(data->id);
    pp_status status = PP_OK;
    int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (rank < 0 || type < 0) {
        status = read_error(data->file->path, data->path, "read the shape of");
    } else if (rank < 1 || rank > PPI_H5_MAX_RANK) {
        status = ppi_fail(PP_ERR_SHAPE, "%s: %s has %d axes, expected 1 to %d", data->file->path,
                          data->path, rank, PPI_H5_MAX_RANK);
    } else {
        H5Sget_simple_extent_dims(space, dims, NULL);
        data->shape.rank = rank;
        for (int axis = 0; axis < rank; axis++) {
            data->shape.dims[axis] = (int64_t)dims[axis];
            if (dims[axis] > (hsize_t)INT64_MAX >> 16) {
                status = ppi_fail(PP_ERR_CORRUPT, "%s: axis %d of %s has an impossible length",
                                  data->file->path, axis, data->path);
            }
        }
        data->shape.type = classify(type);
        data->shape.chars = data->shape.type == PPI_H5_CHARS ? (int64_t)H5Tget_size(type) : 0;
        read_layout(data);
    }
    if (type >= 0) {
        H5Tclose(type);
    }
    if (space >= 0) {
        H5Sclose(space);
    }
    return status;
}

static ppi_h5_data *data_new(ppi_h5 *file, const char *path) {
    ppi_h5_data *data = ppi_calloc(1, sizeof *data);
    if (data) {
        data->file = file;
        data->id = -1;
        snprintf(data->path, sizeof data->path, "%s", path);
    }
    return data;
}

static pp_status data_open(ppi_h5_data *data) {
    const char *file = data->file->path;
    H5O_info_t info;
    if (H5Lexists(data->file->id, data->path, H5P_DEFAULT) <= 0) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: %s is missing", file, data->path);
    }
    if (H5Oget_info_by_name2(data->file->id, data->path, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) {
        return read_error(file, data->path, "open");
    }
    if (info.type != H5O_TYPE_DATASET) {
        return ppi_fail(PP_ERR_SHAPE, "%s: %s is a group, expected one array", file, data->path);
    }
    data->id = H5Dopen2(data->file->id, data->path, H5P_DEFAULT);
    if (data->id < 0) {
        return read_error(file, data->path, "open");
    }
    return read_shape(data);
}

pp_status ppi_h5_data_open(ppi_h5_data **out, ppi_h5 *file, const char *path) {
    *out = NULL;
    ppi_h5_data *data = data_new(file, path);
    if (!data) {
        return ppi_oom("an HDF5 dataset handle");
    }
    enter();
    pp_status status = data_open(data);
    leave();
    if (status != PP_OK) {
        ppi_h5_data_close(data);
        return status;
    }
    *out = data;
    return PP_OK;
}

/* The creation list of a column; of one in one piece it is kept, since making it takes time. */
static hid_t creation_list(ppi_h5_data *data, const hsize_t *chunk, int deflate) {
    const bool piece = data->shape.chunk_rows == 0;
    if (piece && data->file->piece_list > 0) {
        return data->file->piece_list;
    }
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(list, false); /* equal data make equal files */
    if (!piece) {
        H5Pset_chunk(list, data->shape.rank, chunk);
    }
    if (deflate > 0) {
        H5Pset_deflate(list, (unsigned)deflate);
    }
    data->file->piece_list = piece ? list : data->file->piece_list;
    return list;
}

static hid_t data_create(ppi_h5_data *data, int64_t chunk_rows, int deflate) {
    ppi_h5_shape *shape = &data->shape;
    hsize_t dims[PPI_H5_MAX_RANK] = {0};
    hsize_t most[PPI_H5_MAX_RANK] = {H5S_UNLIMITED};
    hsize_t chunk[PPI_H5_MAX_RANK] = {(hsize_t)chunk_rows};
    for (int axis = 1; axis < shape->rank; axis++) {
        dims[axis] = most[axis] = chunk[axis] = (hsize_t)shape->dims[axis];
    }
    dims[0] = (hsize_t)data->fixed_rows;
    hid_t space = H5Screate_simple(shape->rank, dims, chunk_rows > 0 ? most : NULL);
    hid_t list = creation_list(data, chunk, chunk_rows > 0 ? deflate : 0);
    hid_t type = shape->type == PPI_H5_BOOL ? bool_type() : H5Tcopy(numeric_type(shape->type, true));
    hid_t id = H5Dcreate2(data->file->id, data->path, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    H5Tclose(type);
    if (chunk_rows > 0) {
        H5Pclose(list);
    }
    H5Sclose(space);
    return id;
}

pp_status ppi_h5_data_create(ppi_h5_data **out, ppi_h5 *file, const char *path, ppi_h5_type type,
                             int rank, const int64_t *dims, int64_t chunk_rows, int deflate) {
    *out = NULL;
    ppi_h5_data *data = data_new(file, path);
    if (!data) {
        return ppi_oom("an HDF5 dataset handle");
    }
    data->shape = (ppi_h5_shape){.type = type,
                                 .rank = rank,
                                 .chunk_rows = chunk_rows,
                                 .deflate = deflate > 0,
                                 .plain = deflate == 0};
    data->fixed_rows = chunk_rows > 0 ? 0 : dims[0];
    for (int axis = 1; axis < rank; axis++) {
        data->shape.dims[axis] = dims[axis];
    }
    enter();
    data->id = data_create(data, chunk_rows, deflate);
    pp_status status = data->id < 0 ? write_error(file->path, path, "create") : PP_OK;
    leave();
    if (status != PP_OK) {
        ppi_h5_data_close(data);
        return status;
    }
    *out = data;
    return PP_OK;
}

void ppi_h5_data_close(ppi_h5_data *data) {
    if (!data) {
        return;
    }
    if (data->id >= 0) {
        enter();
        H5Dclose(data->id);
        leave();
    }
    ppi_free(data);
}

const ppi_h5_shape *ppi_h5_data_shape(const ppi_h5_data *data) {
    return &data->shape;
}

const char *ppi_h5_data_path(const ppi_h5_data *data) {
    return data->path;
}

/* Reads or writes the rows first..first+count-1. */
static herr_t transfer(ppi_h5_data *data, int64_t first, int64_t count, ppi_h5_type as, void *out,
                       const void *in) {
    hsize_t start[PPI_H5_MAX_RANK] = {(hsize_t)first};
    hsize_t size[PPI_H5_MAX_RANK] = {(hsize_t)count};
    for (int axis = 1; axis < data->shape.rank; axis++) {
        size[axis] = (hsize_t)data->shape.dims[axis];
    }
    bool same = as == PPI_H5_BOOL || as == PPI_H5_CHARS;
    hid_t type = same ? H5Dget_type(data->id) : H5Tcopy(numeric_type(as, false));
    hid_t space = H5Dget_space(data->id);
    hid_t memory = H5Screate_simple(data->shape.rank, size, NULL);
    herr_t result = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL);
    if (result >= 0) {
        result = out ? H5Dread(data->id, type, memory, space, H5P_DEFAULT, out)
                     : H5Dwrite(data->id, type, memory, space, H5P_DEFAULT, in);
    }
    H5Sclose(memory);
    H5Sclose(space);
    H5Tclose(type);
    return result;
}

#include "data/h5chunk_tmpl.h"

pp_status ppi_h5_data_read(ppi_h5_data *data, int64_t first, int64_t count, ppi_h5_type as,
                           void *out) {
    if (first < 0 || count < 0 || first > data->shape.dims[0] - count) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: rows %lld to %lld of %s asked, it has %lld",
                        data->file->path, (long long)first, (long long)(first + count), data->path,
                        (long long)data->shape.dims[0]);
    }
    if (count == 0) {
        return PP_OK;
    }
    enter();
    pp_status status = check_chunks(data, first, count);
    if (status == PP_OK && transfer(data, first, count, as, out, NULL) < 0) {
        status = read_error(data->file->path, data->path, "read");
    }
    leave();
    return status;
}

pp_status ppi_h5_data_read_chunk(ppi_h5_data *data, int64_t row, void *buffer, size_t capacity,
                                 size_t *size, bool *filtered) {
    hsize_t offset[PPI_H5_MAX_RANK] = {(hsize_t)row};
    hsize_t bytes = 0;
    uint32_t mask = 0;
    pp_status status = PP_OK;
    *size = 0;
    enter();
    if (H5Dget_chunk_storage_size(data->id, offset, &bytes) < 0) {
        bytes = 0;
        status = read_error(data->file->path, data->path, "read a chunk of");
    } else if (bytes > capacity) {
        status = ppi_fail(PP_ERR_CORRUPT, "%s: the chunk of %s at row %lld takes %llu bytes, "
                          "expected at most %zu", data->file->path, data->path, (long long)row,
                          (unsigned long long)bytes, capacity);
    } else if (bytes > 0 && H5Dread_chunk(data->id, H5P_DEFAULT, offset, &mask, buffer) < 0) {
        status = read_error(data->file->path, data->path, "read a chunk of");
    }
    leave();
    *size = (size_t)bytes;
    *filtered = (mask & 1u) == 0;
    return status;
}

static herr_t extend(ppi_h5_data *data, int64_t count) {
    hsize_t dims[PPI_H5_MAX_RANK];
    data->shape.dims[0] += count;
    for (int axis = 0; axis < data->shape.rank; axis++) {
        dims[axis] = (hsize_t)data->shape.dims[axis];
    }
    return data->shape.chunk_rows > 0 ? H5Dset_extent(data->id, dims) : 0;
}

pp_status ppi_h5_data_append(ppi_h5_data *data, ppi_h5_type as, const void *rows, int64_t count) {
    if (count == 0) {
        return PP_OK;
    }
    int64_t first = data->shape.dims[0];
    if (data->shape.chunk_rows == 0 && count > data->fixed_rows - first) {
        return ppi_fail(PP_ERR_INTERNAL, "%s: %s gets row %lld of %lld", data->file->path,
                        data->path, (long long)(first + count), (long long)data->fixed_rows);
    }
    enter();
    pp_status status = PP_OK;
    if (extend(data, count) < 0 || transfer(data, first, count, as, NULL, rows) < 0) {
        status = write_error(data->file->path, data->path, "write");
    }
    leave();
    return status;
}

pp_status ppi_h5_data_append_chunk(ppi_h5_data *data, const void *bytes, size_t size,
                                   int64_t rows) {
    hsize_t offset[PPI_H5_MAX_RANK] = {(hsize_t)data->shape.dims[0]};
    if (data->shape.chunk_rows == 0 || rows > data->shape.chunk_rows ||
        data->shape.dims[0] % data->shape.chunk_rows != 0) {
        return ppi_fail(PP_ERR_INTERNAL, "%s: a block of %s does not begin at a chunk",
                        data->file->path, data->path);
    }
    enter();
    pp_status status = PP_OK;
    if (extend(data, rows) < 0 ||
        H5Dwrite_chunk(data->id, H5P_DEFAULT, 0, offset, size, bytes) < 0) {
        status = write_error(data->file->path, data->path, "write");
    }
    leave();
    return status;
}
