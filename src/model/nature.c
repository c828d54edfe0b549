/* Nature CNN: conv 8x8 stride 4, 32 channels; 4x4 stride 2, 64; 3x3 stride 1, 64; dense 512; head.
 */
#include "model/nature.h"

#include <math.h>
#include <stdio.h>

typedef struct conv_row {
    const char *name;
    int64_t kernel, channels;
    int stride;
} conv_row;

static const conv_row convs[] = {{"conv1", 8, 32, 4}, {"conv2", 4, 64, 2}, {"conv3", 3, 64, 1}};

/* He initialisation, as all hidden layers end in ReLU. */
static ppi_init he_init(int64_t fan_in) {
    return ppi_nn_variance_scaling(2.0, fan_in);
}

static ppi_value conv(ppi_graph *g, ppi_value x, const char *prefix, const conv_row *row) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const int64_t in = ppi_graph_value(g, x)->shape.dim[3];
    char name[160];
    snprintf(name, sizeof name, "%s/%s/w", prefix, row->name);
    const ppi_value w =
        ppi_parameter(g, name, ppi_shape4(row->kernel, row->kernel, in, row->channels),
                      he_init(row->kernel * row->kernel * in));
    snprintf(name, sizeof name, "%s/%s/b", prefix, row->name);
    const ppi_value b =
        ppi_parameter(g, name, ppi_shape1(row->channels), (ppi_init){PPI_INIT_ZERO, 0});
    return ppi_conv2d(g, x, w, b, row->stride, 0, PPI_ACT_RELU);
}

ppi_value ppi_nature_build(ppi_graph *g, ppi_value frames, const char *prefix, int64_t outputs) {
    ppi_value x = frames;
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    if (ppi_graph_value(g, x)->dtype == PPI_U8) x = ppi_cast(g, x, PPI_F32, 1.0f / 255.0f);
    for (size_t i = 0; i < sizeof convs / sizeof convs[0]; i++) x = conv(g, x, prefix, &convs[i]);
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const ppi_shape s = ppi_graph_value(g, x)->shape;
    const int64_t flat = s.dim[1] * s.dim[2] * s.dim[3];
    x = ppi_reshape(g, x, ppi_shape2(s.dim[0], flat));
    char name[160];
    snprintf(name, sizeof name, "%s/dense", prefix);
    x = ppi_nn_linear(g, x, name, 512, he_init(flat), PPI_ACT_RELU);
    snprintf(name, sizeof name, "%s/head", prefix);
    return ppi_nn_linear(g, x, name, outputs, ppi_nn_variance_scaling(1.0, 512), PPI_ACT_NONE);
}
