/* Frames as a batch shows them; see frame_view.h. */
#include "data/frame_view.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "data/sampler.h"

static const void *painter_of(const ppi_frame_view *v, int index) {
    return v->painters != NULL ? v->painters[index] : NULL;
}

static pp_status check_frames(const ppi_frame_view *v, int index, const pp_dataset_info *info,
                              const pp_dataset_info *first, bool pads) {
    if (painter_of(v, index) != NULL) return PP_OK;
    if (info->height == v->H && info->width == v->W && info->channels == v->C) return PP_OK;
    if (!pads) {
        return ppi_fail(PP_ERR_SHAPE,
                        "%s has frames of %dx%dx%d, %s of %dx%dx%d: one sampler needs one shape",
                        first->id, first->height, first->width, first->channels, info->id,
                        info->height, info->width, info->channels);
    }
    if (info->height <= v->H && info->width <= v->W && info->channels <= v->C) return PP_OK;
    return ppi_fail(PP_ERR_SHAPE,
                    "%s has boards of %dx%dx%d, which do not fit %" PRId64 "x%" PRId64 "x%" PRId64
                    "; --model.board HxWxC gives more",
                    info->id, info->height, info->width, info->channels, v->H, v->W, v->C);
}

pp_status ppi_frame_view_settle(ppi_frame_view *v, ppi_dataset *const *datasets, int count) {
    const pp_dataset_info *first = ppi_dataset_info(datasets[0]);
    const bool pads = v->H > 0;
    if (!pads) {
        v->H = first->height;
        v->W = first->width;
        v->C = first->channels;
    }
    if (v->painters != NULL && v->H * v->W * v->C > PPI_PICTURE_BYTES) {
        return ppi_fail(PP_ERR_SHAPE,
                        "pictures of %" PRId64 "x%" PRId64 "x%" PRId64
                        " were asked for, painted are at most %d bytes",
                        v->H, v->W, v->C, PPI_PICTURE_BYTES);
    }
    for (int i = 0; i < count; i++) {
        PPI_TRY(check_frames(v, i, ppi_dataset_info(datasets[i]), first, pads));
    }
    return PP_OK;
}

/* Copies a board [h,w,c], shifted with its edge cells repeated, into the corner of [H,W,C]. */
static void pad(const ppi_frame_view *v, const pp_dataset_info *info, uint8_t *out,
                const uint8_t *in, int dy, int dx) {
    const int64_t h = info->height;
    const int64_t w = info->width;
    const int64_t c = info->channels;
    memset(out, 0, (size_t)(v->H * v->W * v->C));
    for (int64_t y = 0; y < h; y++) {
        int64_t sy = y + dy;
        sy = sy < 0 ? 0 : sy >= h ? h - 1 : sy;
        for (int64_t x = 0; x < w; x++) {
            int64_t sx = x + dx;
            sx = sx < 0 ? 0 : sx >= w ? w - 1 : sx;
            memcpy(out + (y * v->W + x) * v->C, in + (sy * w + sx) * c, (size_t)c);
        }
    }
}

void ppi_frame_view_show(const ppi_frame_view *v, int index, const pp_dataset_info *info,
                         uint8_t *out, const uint8_t *in, int dy, int dx) {
    const void *painter = painter_of(v, index);
    const bool whole = info->height == v->H && info->width == v->W && info->channels == v->C;
    const bool shifted = dy != 0 || dx != 0;
    if (painter != NULL && shifted) {
        uint8_t picture[PPI_PICTURE_BYTES];
        v->paint(painter, picture, in);
        ppi_shift_frame(out, picture, v->H, v->W, v->C, dy, dx);
    } else if (painter != NULL) {
        v->paint(painter, out, in);
    } else if (!whole) {
        pad(v, info, out, in, dy, dx);
    } else if (shifted) {
        ppi_shift_frame(out, in, v->H, v->W, v->C, dy, dx);
    } else {
        memcpy(out, in, (size_t)(v->H * v->W * v->C));
    }
}
