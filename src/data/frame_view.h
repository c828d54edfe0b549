/* What a batch shows of stored frames: the frames themselves, frames padded with zeros to a common
 * board, or pictures that the caller paints from them. */
#ifndef PPI_DATA_FRAME_VIEW_H
#define PPI_DATA_FRAME_VIEW_H

#include <stdint.h>

#include <polyplay/status.h>

#include "data/dataset.h"

/* Largest painted picture in bytes. */
enum { PPI_PICTURE_BYTES = 84 * 84 };

/* Paints one stored frame u8 [h,w,c] into a picture u8 [H,W,C]. Called by several threads. */
typedef void (*ppi_paint_fn)(const void *painter, uint8_t *out, const uint8_t *in);

/* The painters are the caller's. All zeros: frames as they are stored, all of one shape. */
typedef struct ppi_frame_view {
    int64_t H, W, C; /* of a batch */
    ppi_paint_fn paint;
    const void *const *painters; /* [datasets], NULL entries are not painted; NULL = none is */
} ppi_frame_view;

/* Fills the shape of a view of zeros from the first dataset, and checks that the frames of every
 * dataset become this view: PP_ERR_SHAPE names the one that does not. */
pp_status ppi_frame_view_settle(ppi_frame_view *view, ppi_dataset *const *datasets, int count);

/* Writes one frame of dataset `index` as the view shows it, out u8 [H,W,C]. What is painted is
 * shifted as ppi_shift_frame does; what is padded is shifted within its own board. */
void ppi_frame_view_show(const ppi_frame_view *view, int index, const pp_dataset_info *info,
                         uint8_t *out, const uint8_t *in, int dy, int dx);

#endif
