/* The convolutional network of Mnih et al. 2015 ("Nature CNN"): three convolutions, a dense layer
   of 512 and a head, ReLU between. */
#ifndef PPI_MODEL_NATURE_H
#define PPI_MODEL_NATURE_H

#include "nn/nn.h"

/* frames [B,H,W,C] f32 or U8 (scaled by 1/255) -> [B,outputs]. Parameters "<prefix>/conv1/w"
   [8,8,C,32] ... "<prefix>/head/b". H and W must be at least 36 (84 as published). Failures stick
   to the graph. */
ppi_value ppi_nature_build(ppi_graph *g, ppi_value frames, const char *prefix, int64_t outputs);

#endif
