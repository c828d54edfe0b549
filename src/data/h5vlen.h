/* Variable-length values of an HDF5 file: lists of bytes and strings.
 *
 * Such a column stores a 16-byte reference per row; the bytes lie in "global heap collections"
 * elsewhere in the file. The HDF5 library of Debian 12 copies them without comparing their length
 * with the reference's, which a damaged file turns into a write past its buffer, so they are read
 * here with every length checked. */
#ifndef PPI_DATA_H5VLEN_H
#define PPI_DATA_H5VLEN_H

#include <stddef.h>
#include <stdint.h>

#include "data/h5file.h"

typedef struct ppi_h5_vlen ppi_h5_vlen;

/* A reader for the values of `file`, which must stay open. Not safe for threads. */
pp_status ppi_h5_vlen_open(ppi_h5_vlen **out, ppi_h5 *file);
/* NULL is allowed. */
void ppi_h5_vlen_close(ppi_h5_vlen *vlen);

/* Takes the value of one row; `bytes` [size] is valid during the call only, NULL when size is 0. */
typedef pp_status (*ppi_h5_vlen_fn)(void *context, int64_t row, const uint8_t *bytes, size_t size);

/* Calls fn for the rows first..first+count-1 of a BYTES or TEXT column of one axis, until it fails.
 * PP_ERR_CORRUPT: a reference or a heap that does not fit the file; PP_ERR_UNSUPPORTED: references
 * behind a filter other than deflate. Errors name the file, the column and the row. */
pp_status ppi_h5_vlen_each(ppi_h5_vlen *vlen, ppi_h5_data *column, int64_t first, int64_t count,
                           ppi_h5_vlen_fn fn, void *context);

#endif
