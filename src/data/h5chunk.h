/* Decoding whole chunks outside the HDF5 library, whose one lock every call takes. */
#ifndef PPI_DATA_H5CHUNK_H
#define PPI_DATA_H5CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "data/h5file.h"

/* True when chunks of the column span whole rows and are plain or deflated. */
bool ppi_h5_chunk_can(const ppi_h5_shape *shape);
/* Most bytes that a chunk of `bytes` is allowed to take in the file: what cannot be compressed grows
 * a little. */
static inline size_t ppi_h5_chunk_room(size_t bytes) {
    return bytes + bytes / 8 + 1024;
}
/* Decodes the stored bytes of a chunk into out[bytes]; zeros for none. Touches nothing else.
 * PP_ERR_CORRUPT when they do not decode to `bytes`. */
pp_status ppi_h5_chunk_unpack(void *out, size_t bytes, const void *stored, size_t size,
                              bool deflated);
/* The chunk that begins at row `row`, decoded into out[bytes]; zeros when it was never written.
 * `scratch` holds its stored bytes meanwhile. PP_ERR_CORRUPT when it does not decode to `bytes`. */
pp_status ppi_h5_chunk_decode(void *out, size_t bytes, ppi_h5_data *data, int64_t row,
                              ppi_buf *scratch);

#endif
