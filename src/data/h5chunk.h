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
/* The chunk that begins at row `row`, decoded into out[bytes]; zeros when it was never written.
 * `scratch` holds its stored bytes meanwhile. PP_ERR_CORRUPT when it does not decode to `bytes`. */
pp_status ppi_h5_chunk_decode(void *out, size_t bytes, ppi_h5_data *data, int64_t row,
                              ppi_buf *scratch);

#endif
