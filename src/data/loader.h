/* Copies frames out of the blocks of datasets, through the cache, in rounds: the caller's thread
 * reads the stored bytes of blocks that are not cached (the HDF5 library lets one thread in), then
 * workers decode them and copy the frames. What is copied does not depend on the workers. */
#ifndef PPI_DATA_LOADER_H
#define PPI_DATA_LOADER_H

#include "data/cache.h"
#include "data/dataset.h"
#include "data/frame_view.h"

typedef struct ppi_loader ppi_loader;

/* Frames of one block, and where they go. */
typedef struct ppi_loader_piece {
    ppi_cache_key key;
    int64_t first, frames; /* rows of the block */
    int dy, dx;            /* see ppi_shift_frame */
    uint8_t *out;          /* [frames, H, W, C] of the view */
} ppi_loader_piece;

/* `workers` threads, the caller's included; 0 = one for each processor. The datasets stay the
 * caller's; their frames become those of the view, which is settled. */
pp_status ppi_loader_create(ppi_loader **out, ppi_dataset *const *datasets, int count,
                            const ppi_frame_view *view, int workers);
void ppi_loader_destroy(ppi_loader *loader); /* NULL is allowed */
/* Bytes it holds on to, all from the start. */
int64_t ppi_loader_bytes(const ppi_loader *loader);
/* Wants a piece: it is there after the next finish. The cache must be the same until then, and
 * untouched by others. After a failure of either call nothing is wanted any more, and the cache
 * holds no block that failed. */
pp_status ppi_loader_add(ppi_loader *loader, ppi_cache *cache, const ppi_loader_piece *piece);
pp_status ppi_loader_finish(ppi_loader *loader, ppi_cache *cache);

#endif
