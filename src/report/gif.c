/* Animated GIF through giflib. Every picture carries its own colour map, because the set of colours
 * on screen changes from picture to picture while 256 per picture is nearly always enough. */
#include "report/gif.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <gif_lib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

enum { MAX_COLOURS = 256, HASH_SIZE = 1024, CUBE_R = 6, CUBE_G = 7, CUBE_B = 6 };
enum { WRITE_SIZE = 65536 }; /* bytes gathered before a write */

struct ppi_gif {
    GifFileType *file;
    ppi_replace target;
    ppi_buf pending;  /* encoded, not yet written */
    pp_status failed; /* first failure of a write; giflib does not pass every one on */
    int width;
    int height;
    int delay_cs;
    int64_t pictures;
    GifPixelType *index; /* [height, width] */
};

/* Colours of one picture: an open-addressing table from packed RGB to map index. */
typedef struct palette {
    int32_t key[HASH_SIZE]; /* packed RGB, -1 = free */
    uint8_t value[HASH_SIZE];
    GifColorType colour[MAX_COLOURS];
    int count;
} palette;

/* Outcome of a giflib call; a failed write has left its own text. */
static pp_status gif_outcome(const ppi_gif *gif, int result, const char *doing, int code)
{
    if (gif->failed != PP_OK) return gif->failed;
    if (result != GIF_ERROR) return PP_OK;
    const char *text = GifErrorString(code);
    return ppi_fail(PP_ERR_IO, "%s while %s: %s", gif->target.path, doing,
                    text ? text : "unknown error");
}

static void write_pending(ppi_gif *gif)
{
    if (gif->failed == PP_OK) gif->failed = gif->pending.failed;
    if (gif->failed == PP_OK)
        gif->failed = ppi_file_write_all_fd(gif->target.fd, gif->pending.data, gif->pending.len,
                                            gif->target.temporary);
    ppi_buf_clear(&gif->pending);
}

/* giflib's output. */
static int take_bytes(GifFileType *file, const GifByteType *bytes, int count)
{
    ppi_gif *gif = file->UserData;
    ppi_buf_append(&gif->pending, bytes, (size_t)count);
    if (gif->pending.len >= WRITE_SIZE || gif->pending.failed != PP_OK) write_pending(gif);
    return gif->failed == PP_OK ? count : 0;
}

/* Index of a colour, added when new; -1 when the map is full. */
static int palette_find(palette *p, const uint8_t *rgb)
{
    int32_t key = rgb[0] << 16 | rgb[1] << 8 | rgb[2];
    uint32_t slot = (uint32_t)key * 2654435761u % HASH_SIZE;
    while (p->key[slot] != key) {
        if (p->key[slot] < 0) {
            if (p->count == MAX_COLOURS) return -1;
            p->key[slot] = key;
            p->value[slot] = (uint8_t)p->count;
            p->colour[p->count++] = (GifColorType){rgb[0], rgb[1], rgb[2]};
            break;
        }
        slot = (slot + 1) % HASH_SIZE;
    }
    return p->value[slot];
}

static bool index_exact(ppi_gif *gif, palette *p, const uint8_t *rgb)
{
    memset(p->key, 0xff, sizeof(p->key));
    p->count = 0;
    for (int64_t i = 0; i < (int64_t)gif->width * gif->height; i++) {
        int colour = palette_find(p, rgb + 3 * i);
        if (colour < 0) return false;
        gif->index[i] = (GifPixelType)colour;
    }
    return true;
}

static void index_cube(ppi_gif *gif, palette *p, const uint8_t *rgb)
{
    p->count = CUBE_R * CUBE_G * CUBE_B;
    for (int i = 0; i < p->count; i++) {
        int r = i / (CUBE_G * CUBE_B), g = i / CUBE_B % CUBE_G, b = i % CUBE_B;
        p->colour[i] = (GifColorType){(GifByteType)(r * 255 / (CUBE_R - 1)),
                                      (GifByteType)(g * 255 / (CUBE_G - 1)),
                                      (GifByteType)(b * 255 / (CUBE_B - 1))};
    }
    for (int64_t i = 0; i < (int64_t)gif->width * gif->height; i++) {
        int r = (rgb[3 * i] * (CUBE_R - 1) + 127) / 255;
        int g = (rgb[3 * i + 1] * (CUBE_G - 1) + 127) / 255;
        int b = (rgb[3 * i + 2] * (CUBE_B - 1) + 127) / 255;
        gif->index[i] = (GifPixelType)((r * CUBE_G + g) * CUBE_B + b);
    }
}

/* The extension that makes viewers repeat the animation without end. */
static int put_loop(GifFileType *file)
{
    static const unsigned char forever[3] = {1, 0, 0};
    if (EGifPutExtensionLeader(file, APPLICATION_EXT_FUNC_CODE) == GIF_ERROR) return GIF_ERROR;
    if (EGifPutExtensionBlock(file, 11, "NETSCAPE2.0") == GIF_ERROR) return GIF_ERROR;
    if (EGifPutExtensionBlock(file, sizeof(forever), forever) == GIF_ERROR) return GIF_ERROR;
    return EGifPutExtensionTrailer(file);
}

static pp_status start(ppi_gif *gif, const char *path)
{
    gif->index = ppi_malloc((size_t)gif->width * (size_t)gif->height);
    if (!gif->index) return ppi_oom("GIF picture");
    PPI_TRY(ppi_replace_begin(&gif->target, path));
    int code = 0;
    gif->file = EGifOpen(gif, take_bytes, &code);
    if (!gif->file) return gif_outcome(gif, GIF_ERROR, "opening", code);
    EGifSetGifVersion(gif->file, true);
    int result = EGifPutScreenDesc(gif->file, gif->width, gif->height, 8, 0, NULL);
    if (result != GIF_ERROR) result = put_loop(gif->file);
    return gif_outcome(gif, result, "writing the header", gif->file->Error);
}

pp_status ppi_gif_create(ppi_gif **out, const char *path, int width, int height, int delay_cs)
{
    *out = NULL;
    if (width < 1 || width > 65535 || height < 1 || height > 65535)
        return ppi_fail(PP_ERR_ARGUMENT, "%s: picture of %d x %d pixels, want 1..65535", path,
                        width, height);
    ppi_gif *gif = ppi_calloc(1, sizeof(*gif));
    if (!gif) return ppi_oom("GIF writer");
    gif->target.fd = -1;
    gif->width = width;
    gif->height = height;
    gif->delay_cs = delay_cs;
    pp_status status = start(gif, path);
    if (status == PP_OK)
        *out = gif;
    else
        ppi_gif_destroy(gif);
    return status;
}

static int put_picture(ppi_gif *gif, ColorMapObject *map)
{
    GraphicsControlBlock control = {DISPOSE_DO_NOT, false, gif->delay_cs, NO_TRANSPARENT_COLOR};
    GifByteType bytes[4];
    EGifGCBToExtension(&control, bytes);
    if (EGifPutExtension(gif->file, GRAPHICS_EXT_FUNC_CODE, sizeof(bytes), bytes) == GIF_ERROR)
        return GIF_ERROR;
    if (EGifPutImageDesc(gif->file, 0, 0, gif->width, gif->height, false, map) == GIF_ERROR)
        return GIF_ERROR;
    for (int row = 0; row < gif->height; row++)
        if (EGifPutLine(gif->file, gif->index + (size_t)row * (size_t)gif->width, gif->width) ==
            GIF_ERROR)
            return GIF_ERROR;
    return GIF_OK;
}

pp_status ppi_gif_add(ppi_gif *gif, const uint8_t *rgb)
{
    palette p;
    if (!index_exact(gif, &p, rgb)) index_cube(gif, &p, rgb);
    int size = 2; /* a map has a power of two of colours */
    while (size < p.count) size *= 2;
    memset(p.colour + p.count, 0, (size_t)(size - p.count) * sizeof(p.colour[0]));
    ColorMapObject *map = GifMakeMapObject(size, p.colour);
    if (!map) return ppi_oom("GIF colour map");
    int result = put_picture(gif, map);
    GifFreeMapObject(map);
    PPI_TRY(gif_outcome(gif, result, "adding a picture", gif->file->Error));
    gif->pictures++;
    return PP_OK;
}

/* Lets giflib write its trailer and releases its part. */
static pp_status close_file(ppi_gif *gif)
{
    int code = 0;
    int result = EGifCloseFile(gif->file, &code);
    gif->file = NULL;
    write_pending(gif);
    return gif_outcome(gif, result, "closing", code);
}

pp_status ppi_gif_finish(ppi_gif *gif)
{
    if (gif->pictures == 0)
        return ppi_fail(PP_ERR_ARGUMENT, "%s: no picture was added, no file is written",
                        gif->target.path);
    return ppi_replace_end(&gif->target, close_file(gif));
}

void ppi_gif_destroy(ppi_gif *gif)
{
    if (!gif) return;
    if (gif->file) {
        gif->failed = PP_ERR_INTERRUPTED; /* the trailer of an unfinished file goes nowhere */
        int code = 0;
        EGifCloseFile(gif->file, &code);
    }
    ppi_replace_end(&gif->target, PP_ERR_INTERRUPTED);
    ppi_buf_free(&gif->pending);
    ppi_free(gif->index);
    ppi_free(gif);
}
