/* Decoding JPEG images; the only place that sees libjpeg. */
#ifndef PPI_DATA_JPEG_H
#define PPI_DATA_JPEG_H

#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

/* Decodes bytes[size] into out u8 [height, width, channels], channels 1 (grey) or 3 (RGB).
 * PP_ERR_CORRUPT: not a whole JPEG; PP_ERR_SHAPE: an image of another size or kind, which the text
 * names. Safe from several threads. */
pp_status ppi_jpeg_decode(uint8_t *out, int64_t height, int64_t width, int64_t channels,
                          const uint8_t *bytes, size_t size);

#endif
