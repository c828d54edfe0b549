/* The network of the arcade games: one convolution and one dense layer, as in the DQN of MinAtar
   (Young and Tian 2019). */
#include "model/torso.h"

enum { CHANNELS = 16, DENSE = 128 };

ppi_value ppi_arcade_torso(ppi_graph *g, ppi_value x, const ppi_torso_config *cfg) {
    const ppi_nn_conv conv = {.kernel = 3, .stride = 1, .act = PPI_ACT_RELU};
    x = ppi_nn_conv2d(g, x, cfg->prefix, "conv", CHANNELS, &conv);
    return ppi_nn_dense_over(g, x, cfg->prefix, cfg->dense > 0 ? cfg->dense : DENSE);
}
