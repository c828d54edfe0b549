/* The image encoder of Algorithm Distillation. */
#include <stdio.h>

#include "model/ad.h"

enum { BLOCKS = 3, KERNEL = 5 };

/* One block on x [n,H,W,K]. */
static ppi_value block(ppi_graph *g, const ppi_ad_config *c, ppi_value x, int number, bool train) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const int64_t in = ppi_graph_value(g, x)->shape.dim[3];
    char name[48];
    snprintf(name, sizeof name, "ad/image/conv%d/w", number);
    const ppi_value w = ppi_parameter(g, name, ppi_shape4(KERNEL, KERNEL, in, c->channels),
                                      ppi_nn_variance_scaling(2.0, KERNEL * KERNEL * in));
    x = ppi_conv2d_same(g, x, w, PPI_NONE, 2, PPI_ACT_NONE);
    snprintf(name, sizeof name, "ad/image/norm%d", number);
    x = ppi_activation(g, ppi_nn_batch_norm(g, x, name, train), PPI_ACT_RELU);
    x = ppi_max_pool2d(g, x, 2, 2, true);
    return train ? ppi_dropout(g, x, c->image_dropout) : x;
}

ppi_value ppi_ad_encode(ppi_graph *g, const ppi_ad_config *c, ppi_value frames, bool train) {
    ppi_value x = ppi_cast(g, frames, PPI_F32, 1.0f / 255.0f);
    for (int i = 1; i <= BLOCKS; i++) x = block(g, c, x, i, train);
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const ppi_shape s = ppi_graph_value(g, x)->shape;
    const int64_t flat = s.dim[1] * s.dim[2] * s.dim[3];
    x = ppi_reshape(g, x, ppi_shape2(s.dim[0], flat));
    return ppi_nn_linear(g, x, "ad/image/out", PPI_AD_FEATURES, ppi_nn_variance_scaling(1.0, flat),
                         PPI_ACT_NONE);
}
