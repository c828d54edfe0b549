/* The pre-norm transformer stack: x += attention(norm(x)), x += mlp(norm(x)), GPT-2 style, with an
   optional key/value cache. Rows nobody reads are left out later, by a pass over the graph. */
#include "nn/nn.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"

/* "<prefix>h<layer>_<part>" */
typedef struct layer_name {
    char text[128];
} layer_name;

static layer_name name_of(const ppi_nn_stack *s, int64_t layer, const char *part) {
    layer_name n;
    snprintf(n.text, sizeof n.text, "%sh%lld_%s", s->prefix, (long long)layer, part);
    return n;
}

static ppi_value with_past(ppi_graph *g, ppi_value past, ppi_value x) {
    return ppi_concat(g, (const ppi_value[]){past, x}, 2, 1);
}

/* The attention branch before its output map. */
static ppi_value attend(ppi_graph *g, ppi_value x, const ppi_nn_stack *s, int64_t layer,
                        ppi_init init, const ppi_nn_cache *past, ppi_nn_cache *made) {
    const ppi_value h = ppi_nn_norm(g, x, name_of(s, layer, "ln_1").text);
    const ppi_value q =
        ppi_nn_linear(g, h, name_of(s, layer, "attn/query").text, s->width, init, PPI_ACT_NONE);
    ppi_value k =
        ppi_nn_linear(g, h, name_of(s, layer, "attn/key").text, s->width, init, PPI_ACT_NONE);
    ppi_value v =
        ppi_nn_linear(g, h, name_of(s, layer, "attn/value").text, s->width, init, PPI_ACT_NONE);
    if (made != NULL) {
        made->k[layer] = k;
        made->v[layer] = v;
    }
    if (past != NULL) {
        k = with_past(g, past->k[layer], k);
        v = with_past(g, past->v[layer], v);
    }
    const float scale = 1.0f / sqrtf((float)(s->width / s->heads));
    return ppi_attention(g, q, k, v, s->heads, scale, &s->mask);
}

static ppi_value block(ppi_graph *g, ppi_value x, const ppi_nn_stack *s, int64_t layer,
                       const ppi_nn_cache *past, ppi_nn_cache *made) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const double scale = 2.0 / (double)s->layers;
    const ppi_init init = ppi_nn_variance_scaling(scale, s->width);
    const ppi_init init_wide = ppi_nn_variance_scaling(scale, 4 * s->width);

    ppi_value y = attend(g, x, s, layer, init, past, made);
    y = ppi_nn_linear(g, y, name_of(s, layer, "attn/linear").text, s->width, init, PPI_ACT_NONE);
    x = ppi_add(g, x, ppi_dropout(g, y, s->dropout));

    y = ppi_nn_norm(g, x, name_of(s, layer, "ln_2").text);
    y = ppi_nn_linear(g, y, name_of(s, layer, "mlp/linear").text, 4 * s->width, init,
                      PPI_ACT_GELU_TANH);
    y = ppi_nn_linear(g, y, name_of(s, layer, "mlp/linear_1").text, s->width, init_wide,
                      PPI_ACT_NONE);
    return ppi_add(g, x, ppi_dropout(g, y, s->dropout));
}

ppi_value ppi_nn_stack_build(ppi_graph *g, ppi_value x, const ppi_nn_stack *stack,
                             const ppi_nn_cache *past, ppi_nn_cache *made) {
    if (stack->layers < 1 || stack->layers > PPI_NN_MAX_LAYERS) {
        ppi_graph_fail(g, ppi_fail(PP_ERR_ARGUMENT,
                                   "a transformer of %lld layers was asked for, expected 1 to %d",
                                   (long long)stack->layers, PPI_NN_MAX_LAYERS));
        return PPI_NONE;
    }
    for (int64_t i = 0; i < stack->layers; i++) x = block(g, x, stack, i, past, made);
    return x;
}
