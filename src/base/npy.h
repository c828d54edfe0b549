/* NumPy .npy arrays, header versions 1 to 3, little-endian, C order. */
#ifndef PPI_BASE_NPY_H
#define PPI_BASE_NPY_H

#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"

enum { PPI_NPY_MAX_DIMS = 8 };

/* A parsed header, and the data when it was there. */
typedef struct ppi_npy {
    char kind;                       /* 'b' bool, 'i', 'u', 'f' */
    int item_bytes;                  /* 1, 2, 4 or 8 */
    int ndim;                        /* 0 is a scalar */
    int64_t shape[PPI_NPY_MAX_DIMS]; /* all 0 or more */
    int64_t count;                   /* product of the shape */
    size_t header_bytes;             /* offset of the data in the file */
    size_t data_bytes;               /* count * item_bytes */
    const void *data; /* borrowed from the bytes parsed, or owned after ppi_npy_load */
    void *owned;      /* what ppi_npy_free releases */
} ppi_npy;

/* Parses a whole file in memory; out->data points into it (unaligned in general). PP_ERR_CORRUPT
 * for broken or short bytes, PP_ERR_UNSUPPORTED for big-endian, Fortran order or other types
 * (strings, objects). */
pp_status ppi_npy_parse(ppi_npy *out, const void *bytes, size_t size);

/* Parses the header alone, so `size` may end behind it; out->data is NULL. Used on streams;
 * PP_ERR_CORRUPT also when the header itself is not complete. */
pp_status ppi_npy_parse_header(ppi_npy *out, const void *bytes, size_t size);

/* Reads a file; errors name the path. Release with ppi_npy_free. */
pp_status ppi_npy_load(ppi_npy *out, const char *path);
void ppi_npy_free(ppi_npy *array);

/* Writes version 1.0 as numpy does: kind and item_bytes as above, row-major data. To a buffer; to a
 * file, atomically. */
pp_status ppi_npy_write_buf(ppi_buf *out, char kind, int item_bytes, int ndim, const int64_t *shape,
                            const void *data);
pp_status ppi_npy_write(const char *path, char kind, int item_bytes, int ndim, const int64_t *shape,
                        const void *data);

#endif
