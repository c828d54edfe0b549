/* Nature CNN: conv 8x8 stride 4, 32 channels; 4x4 stride 2, 64; 3x3 stride 1, 64; dense 512; head.
 */
#include "model/nature.h"

#include <stdio.h>

#include "model/torso.h"

typedef struct conv_row {
    const char *name;
    int kernel, stride;
    int64_t channels;
} conv_row;

static const conv_row convs[] = {{"conv1", 8, 4, 32}, {"conv2", 4, 2, 64}, {"conv3", 3, 1, 64}};
enum { DENSE = 512 };

ppi_value ppi_nature_torso(ppi_graph *g, ppi_value x, const ppi_torso_config *cfg) {
    for (size_t i = 0; i < sizeof convs / sizeof convs[0]; i++) {
        const ppi_nn_conv conv = {.kernel = convs[i].kernel,
                                  .stride = convs[i].stride,
                                  .same = cfg->same,
                                  .act = PPI_ACT_RELU};
        x = ppi_nn_conv2d(g, x, cfg->prefix, convs[i].name, convs[i].channels, &conv);
    }
    return ppi_nn_dense_over(g, x, cfg->prefix, cfg->dense > 0 ? cfg->dense : DENSE);
}

ppi_value ppi_nature_build(ppi_graph *g, ppi_value frames, const char *prefix, int64_t outputs) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const ppi_torso_config cfg = {.name = "nature", .prefix = prefix};
    ppi_value x = frames;
    if (ppi_graph_value(g, x)->dtype == PPI_U8) x = ppi_cast(g, x, PPI_F32, 1.0f / 255.0f);
    x = ppi_nature_torso(g, x, &cfg);
    char name[160];
    snprintf(name, sizeof name, "%s/head", prefix);
    return ppi_nn_linear(g, x, name, outputs, ppi_nn_variance_scaling(1.0, DENSE), PPI_ACT_NONE);
}
