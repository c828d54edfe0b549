/* JPEG through libjpeg; see jpeg.h. The library reports errors by a call that must not return, so
 * decoding jumps back; only the two pointers the cleanup needs live across the jump. */
#include "data/jpeg.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include "base/error.h"

typedef struct decoder {
    struct jpeg_decompress_struct info; /* first, so that the library's pointer is this one */
    struct jpeg_error_mgr errors;
    jmp_buf back;
    char text[JMSG_LENGTH_MAX]; /* the first complaint */
} decoder;

static void remember(decoder *d) {
    if (d->text[0] == 0) {
        d->errors.format_message((j_common_ptr)&d->info, d->text);
    }
}

static void on_error(j_common_ptr info) {
    decoder *d = (decoder *)(void *)info;
    remember(d);
    longjmp(d->back, 1);
}

/* Level -1 is damaged data that the library would fill in. */
static void on_message(j_common_ptr info, int level) {
    if (level < 0) {
        info->err->num_warnings++;
        remember((decoder *)(void *)info);
    }
}

/* Output is printed nowhere. */
static void on_output(j_common_ptr info) {
    (void)info;
}

static pp_status check_size(const decoder *d, int64_t height, int64_t width, int64_t channels) {
    const struct jpeg_decompress_struct *info = &d->info;
    if (info->image_height == height && info->image_width == width &&
        info->num_components == channels && (channels == 1 || channels == 3)) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_SHAPE, "a JPEG of %ux%ux%d, expected %lldx%lldx%lld", info->image_height,
                    info->image_width, info->num_components, (long long)height, (long long)width,
                    (long long)channels);
}

static pp_status decode(decoder *d, uint8_t *out, int64_t height, int64_t width, int64_t channels,
                        const uint8_t *bytes, size_t size) {
    if (setjmp(d->back)) {
        return ppi_fail(PP_ERR_CORRUPT, "damaged JPEG of %zu bytes (%s)", size, d->text);
    }
    jpeg_create_decompress(&d->info);
    jpeg_mem_src(&d->info, bytes, (unsigned long)size);
    jpeg_read_header(&d->info, TRUE);
    PPI_TRY(check_size(d, height, width, channels));
    d->info.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&d->info);
    while (d->info.output_scanline < d->info.output_height) {
        JSAMPROW row = out + (int64_t)d->info.output_scanline * width * channels;
        jpeg_read_scanlines(&d->info, &row, 1);
    }
    jpeg_finish_decompress(&d->info);
    return d->info.err->num_warnings == 0
               ? PP_OK
               : ppi_fail(PP_ERR_CORRUPT, "damaged JPEG of %zu bytes (%s)", size, d->text);
}

pp_status ppi_jpeg_decode(uint8_t *out, int64_t height, int64_t width, int64_t channels,
                          const uint8_t *bytes, size_t size) {
    decoder d = {.text = ""};
    if (size == 0) {
        return ppi_fail(PP_ERR_CORRUPT, "a JPEG of 0 bytes");
    }
    d.info.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = on_error;
    d.errors.emit_message = on_message;
    d.errors.output_message = on_output;
    pp_status status = decode(&d, out, height, width, channels, bytes, size);
    jpeg_destroy_decompress(&d.info);
    return status;
}
