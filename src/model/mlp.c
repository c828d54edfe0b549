/* Three dense layers with ReLU: the network of the dark rooms and of plain numbers. */
#include <stdio.h>

#include "model/torso.h"

enum { LAYERS = 3, WIDTH = 128 };

ppi_value ppi_mlp_torso(ppi_graph *g, ppi_value x, const ppi_torso_config *cfg) {
    for (int i = 0; i < LAYERS && ppi_graph_status(g) == PP_OK; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s/dense%d", cfg->prefix, i + 1);
        x = ppi_nn_linear(g, x, name, cfg->dense > 0 ? cfg->dense : WIDTH,
                          ppi_nn_variance_scaling(2.0, ppi_graph_value(g, x)->shape.dim[1]),
                          PPI_ACT_RELU);
    }
    return x;
}
