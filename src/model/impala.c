/* The residual network of IMPALA (Espeholt et al. 2018, the large architecture): stages of a 3x3
   convolution, max-pooling 3x3 with stride 2 and two residual blocks, SAME padding throughout. */
#include <stdio.h>

#include "model/torso.h"

enum { BLOCKS = 2, DENSE = 256 };

static const int64_t published[PPI_TORSO_WIDTHS] = {16, 32, 32, 0};

/* x + conv(relu(conv(relu(x)))). */
static ppi_value block(ppi_graph *g, ppi_value x, const char *prefix, int stage, int number) {
    const int64_t channels = ppi_graph_value(g, x)->shape.dim[3];
    ppi_value y = ppi_activation(g, x, PPI_ACT_RELU);
    for (int i = 0; i < 2; i++) {
        const ppi_nn_conv conv = {
            .kernel = 3, .stride = 1, .same = true, .act = i == 0 ? PPI_ACT_RELU : PPI_ACT_NONE};
        char name[48];
        snprintf(name, sizeof name, "stage%d/block%d/conv%d", stage, number, i + 1);
        y = ppi_nn_conv2d(g, y, prefix, name, channels, &conv);
    }
    return ppi_add(g, x, y);
}

ppi_value ppi_impala_torso(ppi_graph *g, ppi_value x, const ppi_torso_config *cfg) {
    const int64_t *widths = cfg->widths[0] > 0 ? cfg->widths : published;
    const ppi_nn_conv conv = {.kernel = 3, .stride = 1, .same = true};
    for (int s = 0; s < PPI_TORSO_WIDTHS && widths[s] > 0; s++) {
        char name[48];
        snprintf(name, sizeof name, "stage%d/conv", s + 1);
        x = ppi_nn_conv2d(g, x, cfg->prefix, name, widths[s], &conv);
        x = ppi_max_pool2d(g, x, 3, 2, true);
        for (int b = 0; b < BLOCKS && ppi_graph_status(g) == PP_OK; b++)
            x = block(g, x, cfg->prefix, s + 1, b + 1);
    }
    x = ppi_activation(g, x, PPI_ACT_RELU);
    return ppi_nn_dense_over(g, x, cfg->prefix, cfg->dense > 0 ? cfg->dense : DENSE);
}
