/* The plain layers: linear map, layer norm, embedding table. */
#include "nn/nn.h"

#include <math.h>
#include <stdio.h>

/* Standard deviation of a unit normal truncated at two sigma. */
#define TRUNCATED_STD 0.87962566103423978

ppi_init ppi_nn_variance_scaling(double scale, int64_t fan_in) {
    return (ppi_init){PPI_INIT_TRUNC_NORMAL, (float)(sqrt(scale / (double)fan_in) / TRUNCATED_STD)};
}

/* Registers "<prefix>/<leaf>". */
static ppi_value parameter(ppi_graph *g, const char *prefix, const char *leaf, ppi_shape shape,
                           ppi_init init) {
    char name[160];
    snprintf(name, sizeof name, "%s/%s", prefix, leaf);
    return ppi_parameter(g, name, shape, init);
}

/* Length of the last dimension, 0 for a value that failed. */
static int64_t width_of(const ppi_graph *g, ppi_value x) {
    if (x == PPI_NONE || ppi_graph_status(g) != PP_OK) return 0;
    const ppi_shape *s = &ppi_graph_value(g, x)->shape;
    return s->ndim > 0 ? s->dim[s->ndim - 1] : 0;
}

ppi_value ppi_nn_linear(ppi_graph *g, ppi_value x, const char *prefix, int64_t out, ppi_init init,
                        ppi_act act) {
    const int64_t in = width_of(g, x);
    if (in == 0) return PPI_NONE;
    const ppi_value w = parameter(g, prefix, "w", ppi_shape2(in, out), init);
    const ppi_value b = parameter(g, prefix, "b", ppi_shape1(out), (ppi_init){PPI_INIT_ZERO, 0});
    return ppi_linear(g, x, w, b, act);
}

ppi_value ppi_nn_norm(ppi_graph *g, ppi_value x, const char *prefix) {
    const int64_t width = width_of(g, x);
    if (width == 0) return PPI_NONE;
    const ppi_value gain =
        parameter(g, prefix, "scale", ppi_shape1(width), (ppi_init){PPI_INIT_ONE, 0});
    const ppi_value offset =
        parameter(g, prefix, "offset", ppi_shape1(width), (ppi_init){PPI_INIT_ZERO, 0});
    return ppi_layer_norm(g, x, gain, offset, PPI_NN_NORM_EPS);
}

/* Name of a running moment. */
static const char *moment_name(char name[160], const char *prefix, const char *leaf) {
    snprintf(name, 160, "%s/%s", prefix, leaf);
    return name;
}

ppi_value ppi_nn_batch_norm(ppi_graph *g, ppi_value x, const char *prefix, bool train) {
    const int64_t width = width_of(g, x);
    if (width == 0) return PPI_NONE;
    const ppi_shape shape = ppi_shape1(width);
    const ppi_init zero = {PPI_INIT_ZERO, 0};
    const ppi_init one = {PPI_INIT_ONE, 0};
    const ppi_value gain = parameter(g, prefix, "scale", shape, one);
    const ppi_value offset = parameter(g, prefix, "offset", shape, zero);
    if (!train) {
        const ppi_value mean = parameter(g, prefix, "mean", shape, zero);
        const ppi_value var = parameter(g, prefix, "var", shape, one);
        return ppi_batch_norm_with(g, x, gain, offset, mean, var, PPI_NN_NORM_EPS);
    }
    char name[160];
    ppi_value mean = PPI_NONE;
    ppi_value var = PPI_NONE;
    const ppi_value y = ppi_batch_norm(g, x, gain, offset, PPI_NN_NORM_EPS, &mean, &var);
    ppi_running_mean(g, moment_name(name, prefix, "mean"), mean, zero, PPI_NN_BATCH_DECAY);
    ppi_running_mean(g, moment_name(name, prefix, "var"), var, one, PPI_NN_BATCH_DECAY);
    return y;
}

ppi_value ppi_nn_embedding(ppi_graph *g, ppi_value ids, const char *prefix, int64_t rows,
                           int64_t width, ppi_init init) {
    return ppi_embedding(g, parameter(g, prefix, "embeddings", ppi_shape2(rows, width), init), ids);
}
