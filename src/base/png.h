/* PNG images with 8 bits a channel, grey or RGB. */
#ifndef PPI_BASE_PNG_H
#define PPI_BASE_PNG_H

#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"

typedef struct ppi_image {
    int64_t width, height;
    int channels;    /* 1 grey, 3 RGB */
    uint8_t *pixels; /* [height, width, channels], owned */
} ppi_image;

/* Encodes pixels[height, width, channels] (channels 1 or 3; sides 1..32768). To a buffer; to a
 * file, atomically. */
pp_status ppi_png_write_buf(ppi_buf *out, const uint8_t *pixels, int64_t width, int64_t height,
                            int channels);
pp_status ppi_png_write(const char *path, const uint8_t *pixels, int64_t width, int64_t height,
                        int channels);

/* Decodes to grey when the file is grey, else to RGB over black; 16-bit channels become 8-bit.
 * Release with ppi_image_free. `what` names the source in errors. */
pp_status ppi_png_read_memory(ppi_image *out, const void *data, size_t size, const char *what);
pp_status ppi_png_read(ppi_image *out, const char *path);
void ppi_image_free(ppi_image *image);

#endif
