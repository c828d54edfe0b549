/* Convolutional layers, and the dense layer behind them. */
#include <stdio.h>

#include "nn/nn.h"

ppi_value ppi_nn_conv2d(ppi_graph *g, ppi_value x, const char *prefix, const char *name,
                        int64_t channels, const ppi_nn_conv *conv) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const int64_t in = ppi_graph_value(g, x)->shape.dim[3];
    const int64_t kernel = conv->kernel;
    const double gain = conv->act == PPI_ACT_RELU ? 2.0 : 1.0;
    char full[160];
    snprintf(full, sizeof full, "%s/%s/w", prefix, name);
    const ppi_value w = ppi_parameter(g, full, ppi_shape4(kernel, kernel, in, channels),
                                      ppi_nn_variance_scaling(gain, kernel * kernel * in));
    snprintf(full, sizeof full, "%s/%s/b", prefix, name);
    const ppi_value b = ppi_parameter(g, full, ppi_shape1(channels), (ppi_init){PPI_INIT_ZERO, 0});
    if (conv->same) return ppi_conv2d_same(g, x, w, b, conv->stride, conv->act);
    return ppi_conv2d(g, x, w, b, conv->stride, 0, conv->act);
}

ppi_value ppi_nn_dense_over(ppi_graph *g, ppi_value x, const char *prefix, int64_t width) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const ppi_shape s = ppi_graph_value(g, x)->shape;
    const int64_t flat = ppi_shape_count(&s) / s.dim[0];
    char name[160];
    snprintf(name, sizeof name, "%s/dense", prefix);
    return ppi_nn_linear(g, ppi_reshape(g, x, ppi_shape2(s.dim[0], flat)), name, width,
                         ppi_nn_variance_scaling(2.0, flat), PPI_ACT_RELU);
}

ppi_value ppi_nn_lstm(ppi_graph *g, ppi_value x, const char *prefix, int64_t width,
                      const ppi_nn_lstm_state *start, ppi_value reset, ppi_nn_lstm_state *end) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const ppi_shape s = ppi_graph_value(g, x)->shape;
    char name[160];
    snprintf(name, sizeof name, "%s/input", prefix);
    const ppi_value gates = ppi_nn_linear(
        g, x, name, 4 * width, ppi_nn_variance_scaling(1.0, s.dim[s.ndim - 1]), PPI_ACT_NONE);
    snprintf(name, sizeof name, "%s/state/w", prefix);
    const ppi_value w =
        ppi_parameter(g, name, ppi_shape2(width, 4 * width), ppi_nn_variance_scaling(1.0, width));
    ppi_value cells = PPI_NONE;
    const ppi_value h = ppi_lstm(g, gates, w, start->h, start->c, reset, &cells);
    if (end != NULL && ppi_graph_status(g) == PP_OK) {
        const ppi_shape last = ppi_shape2(s.dim[0], width);
        end->h = ppi_reshape(g, ppi_slice(g, h, 1, s.dim[1] - 1, 1, 1), last);
        end->c = ppi_reshape(g, ppi_slice(g, cells, 1, s.dim[1] - 1, 1, 1), last);
    }
    return h;
}
