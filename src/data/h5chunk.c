/* Decoding chunks; see h5chunk.h. */
#include "data/h5chunk.h"

#include <string.h>

#include "base/error.h"
#include "base/gz.h"

bool ppi_h5_chunk_can(const ppi_h5_shape *shape) {
    return shape->chunk_rows > 0 && (shape->plain || shape->deflate);
}

pp_status ppi_h5_chunk_unpack(void *out, size_t bytes, const void *stored, size_t size,
                              bool deflated) {
    if (size == 0) {
        memset(out, 0, bytes);
        return PP_OK;
    }
    if (deflated) {
        PPI_TRY(ppi_inflate(out, bytes, &size, stored, size));
    } else {
        memcpy(out, stored, size < bytes ? size : bytes);
    }
    return size == bytes
               ? PP_OK
               : ppi_fail(PP_ERR_CORRUPT, "chunk of %zu bytes, expected %zu", size, bytes);
}

pp_status ppi_h5_chunk_decode(void *out, size_t bytes, ppi_h5_data *data, int64_t row,
                              ppi_buf *scratch) {
    size_t capacity = ppi_h5_chunk_room(bytes);
    size_t size = 0;
    bool filtered = false;
    ppi_buf_clear(scratch);
    PPI_TRY(ppi_buf_reserve(scratch, capacity));
    PPI_TRY(ppi_h5_data_read_chunk(data, row, scratch->data, capacity, &size, &filtered));
    return ppi_h5_chunk_unpack(out, bytes, scratch->data, size,
                               ppi_h5_data_shape(data)->deflate && filtered);
}
