/* Decoding chunks; see h5chunk.h. */
#include "data/h5chunk.h"

#include <string.h>

#include "base/error.h"
#include "base/gz.h"

bool ppi_h5_chunk_can(const ppi_h5_shape *shape) {
    return shape->chunk_rows > 0 && (shape->plain || shape->deflate);
}

pp_status ppi_h5_chunk_decode(void *out, size_t bytes, ppi_h5_data *data, int64_t row,
                              ppi_buf *scratch) {
    size_t capacity = bytes + bytes / 8 + 1024; /* what cannot be compressed grows a little */
    size_t size = 0;
    bool filtered = false;
    ppi_buf_clear(scratch);
    PPI_TRY(ppi_buf_reserve(scratch, capacity));
    PPI_TRY(ppi_h5_data_read_chunk(data, row, scratch->data, capacity, &size, &filtered));
    if (size == 0) {
        memset(out, 0, bytes);
        return PP_OK;
    }
    if (ppi_h5_data_shape(data)->deflate && filtered) {
        PPI_TRY(ppi_inflate(out, bytes, &size, scratch->data, size));
    } else {
        memcpy(out, scratch->data, size < bytes ? size : bytes);
    }
    return size == bytes
               ? PP_OK
               : ppi_fail(PP_ERR_CORRUPT, "chunk of %zu bytes, expected %zu", size, bytes);
}
