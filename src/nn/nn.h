/* Layers as graph-writing functions: each registers its parameters under a prefix and appends
   nodes. Nothing here knows what a game is. Failures stick to the graph (ppi_graph_status). */
#ifndef PPI_NN_NN_H
#define PPI_NN_NN_H

#include "tensor/graph.h"

#define PPI_NN_MAX_LAYERS 48
#define PPI_NN_NORM_EPS   1e-5f

/* Truncated normal whose standard deviation after truncation at two sigma is sqrt(scale / fan_in).
 */
ppi_init ppi_nn_variance_scaling(double scale, int64_t fan_in);

/* Linear map "<prefix>/w" [in,out] and "<prefix>/b" [out] (zero at the start) with an activation; x
 * [...,in]. */
ppi_value ppi_nn_linear(ppi_graph *g, ppi_value x, const char *prefix, int64_t out, ppi_init init,
                        ppi_act act);
/* Layer norm over the last dimension, "<prefix>/scale" and "<prefix>/offset". */
ppi_value ppi_nn_norm(ppi_graph *g, ppi_value x, const char *prefix);
/* Table "<prefix>/embeddings" [rows,width] read at ids i32 [...] -> [...,width]. */
ppi_value ppi_nn_embedding(ppi_graph *g, ppi_value ids, const char *prefix, int64_t rows,
                           int64_t width, ppi_init init);

/* A pre-norm transformer stack without its final norm. Parameter names "<prefix>h<i>_ln_1" and so
 * on. */
typedef struct ppi_nn_stack {
    const char *prefix;
    int64_t layers;
    int64_t width;
    int heads;
    float dropout; /* on both residual branches; 0 = none */
    ppi_mask mask; /* of the rows of x; q_offset counts the rows already in the cache */
} ppi_nn_stack;

/* Keys and values of every layer, [B,n,width] each. */
typedef struct ppi_nn_cache {
    ppi_value k[PPI_NN_MAX_LAYERS];
    ppi_value v[PPI_NN_MAX_LAYERS];
} ppi_nn_cache;

/* x [B,N,D] -> [B,N,D]. past (may be NULL): keys and values put before those of x. made (may be
   NULL): gets the keys and values of x. Read only the rows you need of the result: the others are
   not computed in the last layer. */
ppi_value ppi_nn_stack_build(ppi_graph *g, ppi_value x, const ppi_nn_stack *stack,
                             const ppi_nn_cache *past, ppi_nn_cache *made);

#endif
