/* The HDF5 library behind a small interface; the only place that sees its header.
 *
 * HDF5 keeps global state and is not safe for threads, so every call here takes one process-wide
 * lock. Its own error printing is off; the innermost reason goes into our error text. */
#ifndef PPI_DATA_H5FILE_H
#define PPI_DATA_H5FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#define PPI_H5_MAX_RANK 9

typedef struct ppi_h5 ppi_h5;           /* an open file */
typedef struct ppi_h5_data ppi_h5_data; /* an open dataset of a file */

/* Element types. BOOL is HDF5's enum over int8 {FALSE, TRUE}; BYTES is a variable-length list of
 * one-byte integers, TEXT a variable-length string, both read by data/h5vlen.h alone; CHARS is a
 * string of fixed length; OTHER is everything else. */
typedef enum ppi_h5_type {
    PPI_H5_BOOL,
    PPI_H5_I8,
    PPI_H5_U8,
    PPI_H5_I16,
    PPI_H5_U16,
    PPI_H5_I32,
    PPI_H5_U32,
    PPI_H5_I64,
    PPI_H5_U64,
    PPI_H5_F16, /* stored only; read as F32 */
    PPI_H5_F32,
    PPI_H5_F64,
    PPI_H5_BYTES,
    PPI_H5_TEXT,
    PPI_H5_CHARS,
    PPI_H5_OTHER
} ppi_h5_type;

typedef struct ppi_h5_shape {
    ppi_h5_type type;
    int rank;
    int64_t dims[PPI_H5_MAX_RANK];
    int64_t chunk_rows;  /* rows of a chunk that spans all other axes; 0 = no such chunks */
    int64_t file_offset; /* where unchunked data begin in the file, -1 = nowhere in one piece */
    int64_t chars;       /* bytes of a CHARS element */
    bool deflate;        /* the only filter is deflate */
    bool plain;          /* no filter */
} ppi_h5_shape;

/* Opens for reading. PP_ERR_NOT_FOUND, or PP_ERR_CORRUPT for anything HDF5 does not accept. */
pp_status ppi_h5_open(ppi_h5 **out, const char *path);
/* Makes or truncates a file whose root tracks creation order. */
pp_status ppi_h5_create(ppi_h5 **out, const char *path);
/* Writes what is pending and closes; frees also on failure. NULL is allowed. */
pp_status ppi_h5_close(ppi_h5 *file);

/* Path of the file; *base = where HDF5's address 0 lies in it. PP_ERR_UNSUPPORTED when the file does
 * not use 8-byte addresses. */
const char *ppi_h5_path(const ppi_h5 *file);
pp_status ppi_h5_base(ppi_h5 *file, int64_t *base);

/* Numbers n of the root links "<prefix><n>", ascending; *numbers is freed with ppi_free. */
pp_status ppi_h5_numbered(ppi_h5 *file, const char *prefix, int64_t **numbers, int64_t *count);
pp_status ppi_h5_group_create(ppi_h5 *file, const char *path);
/* Copies the root group `path` of another file to the name `to`, stored bytes unchanged. */
pp_status ppi_h5_group_copy(ppi_h5 *file, const char *to, ppi_h5 *from, const char *path);
/* *exists = the file has a group or dataset of this path. */
pp_status ppi_h5_exists(ppi_h5 *file, const char *path, bool *exists);
/* *found false and PP_OK when the attribute is absent. */
pp_status ppi_h5_attr_read_i64(ppi_h5 *file, const char *object, const char *name, int64_t *value,
                               bool *found);
/* A string attribute, *text "" and *found false when it is absent; freed with ppi_free. */
pp_status ppi_h5_attr_read_text(ppi_h5 *file, const char *object, const char *name, char **text,
                                bool *found);
/* Writing replaces an attribute of the same name. Texts are UTF-8 of at most 65,000 bytes. */
pp_status ppi_h5_attr_write_i64(ppi_h5 *file, const char *object, const char *name, int64_t value);
pp_status ppi_h5_attr_write_text(ppi_h5 *file, const char *object, const char *name,
                                 const char *text);
pp_status ppi_h5_attr_write_u64(ppi_h5 *file, const char *object, const char *name,
                                uint64_t value);

/* PP_ERR_CORRUPT when the file has no dataset of this path. */
pp_status ppi_h5_data_open(ppi_h5_data **out, ppi_h5 *file, const char *path);
/* An empty dataset; dims [rank]. With chunk_rows it grows along axis 0 and dims[0] is ignored;
 * chunk_rows 0 makes one piece of dims[0] rows to be filled. deflate 0 = none. */
pp_status ppi_h5_data_create(ppi_h5_data **out, ppi_h5 *file, const char *path, ppi_h5_type type,
                             int rank, const int64_t *dims, int64_t chunk_rows, int deflate);
void ppi_h5_data_close(ppi_h5_data *data);
const ppi_h5_shape *ppi_h5_data_shape(const ppi_h5_data *data);
/* "episode_0/actions". */
const char *ppi_h5_data_path(const ppi_h5_data *data);

/* Rows first..first+count-1 as elements of type `as`; BOOL and CHARS only where they are stored. An
 * integer that does not fit is clamped to the range of `as`. */
pp_status ppi_h5_data_read(ppi_h5_data *data, int64_t first, int64_t count, ppi_h5_type as,
                           void *out);
/* The stored bytes of the chunk that begins at row `row`, into buffer[capacity]. *size 0 = the
 * chunk was never written (all zeros). *filtered false = stored without its filter. */
pp_status ppi_h5_data_read_chunk(ppi_h5_data *data, int64_t row, void *buffer, size_t capacity,
                                 size_t *size, bool *filtered);
/* Appends `count` rows of elements of type `as`. */
pp_status ppi_h5_data_append(ppi_h5_data *data, ppi_h5_type as, const void *rows, int64_t count);
/* Appends one chunk that is already compressed and holds `rows` real rows. */
pp_status ppi_h5_data_append_chunk(ppi_h5_data *data, const void *bytes, size_t size,
                                   int64_t rows);

#endif
