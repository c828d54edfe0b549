/* PNG through libpng's simplified interface, which reports errors by value; the only file that sees
 * <png.h>. */
#include "base/png.h"

#include <png.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

/* LARGEST_RATIO: decoded bytes a byte of the file can stand for, a 1-bit palette deflated at best.
 */
enum { MAX_SIDE = 32768, LARGEST_RATIO = 8 * 3 * 1100 };

pp_status ppi_png_write_buf(ppi_buf *out, const uint8_t *pixels, int64_t width, int64_t height,
                            int channels) {
    if (width < 1 || width > MAX_SIDE || height < 1 || height > MAX_SIDE ||
        (channels != 1 && channels != 3)) {
        return ppi_fail(
            PP_ERR_ARGUMENT,
            "cannot write a PNG of %lld x %lld with %d channels, expected sides 1..%d and 1 or 3",
            (long long)width, (long long)height, channels, MAX_SIDE);
    }
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    PPI_TRY(ppi_buf_reserve(out, size));
    if (!png_image_write_to_memory(&image, out->data + out->len, &size, 0, pixels, 0, NULL)) {
        return ppi_fail(PP_ERR_INTERNAL, "cannot encode a PNG of %lld x %lld: %s", (long long)width,
                        (long long)height, image.message);
    }
    out->len += size;
    out->data[out->len] = '\0';
    return PP_OK;
}

pp_status ppi_png_write(const char *path, const uint8_t *pixels, int64_t width, int64_t height,
                        int channels) {
    ppi_buf out = {0};
    pp_status status = ppi_png_write_buf(&out, pixels, width, height, channels);
    if (status == PP_OK) status = ppi_file_write_atomic(path, out.data, out.len);
    ppi_buf_free(&out);
    return status;
}

/* Decodes the opened image of a file of `size` bytes into fresh pixels. */
static pp_status decode(ppi_image *out, png_image *image, size_t size, const char *what) {
    const int channels = (image->format & PNG_FORMAT_FLAG_COLOR) != 0 ? 3 : 1;
    const png_color black = {0};
    if (image->width > MAX_SIDE || image->height > MAX_SIDE) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "%s is %u x %u pixels, the largest side read is %d",
                        what, (unsigned)image->width, (unsigned)image->height, MAX_SIDE);
    }
    image->format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    const size_t bytes = (size_t)image->width * image->height * (size_t)channels;
    if (bytes / LARGEST_RATIO > size) {
        return ppi_fail(PP_ERR_CORRUPT, "%s claims %u x %u pixels in a file of %zu bytes", what,
                        (unsigned)image->width, (unsigned)image->height, size);
    }
    uint8_t *pixels = ppi_malloc(bytes);
    if (pixels == NULL) return ppi_oom("a decoded image");
    if (!png_image_finish_read(image, &black, pixels, 0, NULL)) {
        ppi_free(pixels);
        return ppi_fail(PP_ERR_CORRUPT, "%s is not a whole PNG: %s", what, image->message);
    }
    *out = (ppi_image){
        .width = image->width, .height = image->height, .channels = channels, .pixels = pixels};
    return PP_OK;
}

pp_status ppi_png_read_memory(ppi_image *out, const void *data, size_t size, const char *what) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    *out = (ppi_image){0};
    if (!png_image_begin_read_from_memory(&image, data, size)) {
        return ppi_fail(PP_ERR_CORRUPT, "%s is not a PNG: %s", what, image.message);
    }
    const pp_status status = decode(out, &image, size, what);
    png_image_free(&image);
    return status;
}

pp_status ppi_png_read(ppi_image *out, const char *path) {
    char *data;
    size_t size;
    *out = (ppi_image){0};
    PPI_TRY(ppi_file_read_all(path, &data, &size));
    const pp_status status = ppi_png_read_memory(out, data, size, path);
    ppi_free(data);
    return status;
}

void ppi_image_free(ppi_image *image) {
    ppi_free(image->pixels);
    *image = (ppi_image){0};
}
