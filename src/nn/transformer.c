/* The transformer stack, GPT-2 style, norms in front of the branches or behind the sums, with an
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

/* The attention branch before its output map; h is normed already where the stack wants that. */
static ppi_value attend(ppi_graph *g, ppi_value h, const ppi_nn_stack *s, int64_t layer,
                        ppi_init init, const ppi_nn_cache *past, ppi_nn_cache *made) {
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
    return ppi_attention_blocked(g, q, k, v, s->heads, scale, &s->mask,
                                 s->blocked != NULL ? *s->blocked : PPI_NONE, s->attention_dropout);
}

static ppi_value mlp(ppi_graph *g, ppi_value x, const ppi_nn_stack *s, int64_t layer,
                     double scale) {
    const int64_t units = s->ffn > 0 ? s->ffn : 4 * s->width;
    x = ppi_nn_linear(g, x, name_of(s, layer, "mlp/linear").text, units,
                      ppi_nn_variance_scaling(scale, s->width), PPI_ACT_GELU_TANH);
    return ppi_nn_linear(g, x, name_of(s, layer, "mlp/linear_1").text, s->width,
                         ppi_nn_variance_scaling(scale, units), PPI_ACT_NONE);
}

/* Puts the norm on x, in front of a branch or behind its sum. */
static ppi_value norm_if(ppi_graph *g, bool wanted, ppi_value x, const ppi_nn_stack *s,
                         int64_t layer, const char *part) {
    return wanted ? ppi_nn_norm(g, x, name_of(s, layer, part).text) : x;
}

static ppi_value block(ppi_graph *g, ppi_value x, const ppi_nn_stack *s, int64_t layer,
                       const ppi_nn_cache *past, ppi_nn_cache *made) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const double scale = 2.0 / (double)s->layers;
    const ppi_init init = ppi_nn_variance_scaling(scale, s->width);

    ppi_value y = norm_if(g, !s->post_norm, x, s, layer, "ln_1");
    y = attend(g, y, s, layer, init, past, made);
    y = ppi_nn_linear(g, y, name_of(s, layer, "attn/linear").text, s->width, init, PPI_ACT_NONE);
    x = ppi_add(g, x, ppi_dropout(g, y, s->dropout));
    x = norm_if(g, s->post_norm, x, s, layer, "ln_1");

    y = norm_if(g, !s->post_norm, x, s, layer, "ln_2");
    y = mlp(g, y, s, layer, scale);
    x = ppi_add(g, x, ppi_dropout(g, y, s->dropout));
    return norm_if(g, s->post_norm, x, s, layer, "ln_2");
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
