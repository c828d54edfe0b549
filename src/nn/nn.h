/* Layers as graph-writing functions: each registers its parameters under a prefix and appends
   nodes. Nothing here knows what a game is. Failures stick to the graph (ppi_graph_status). */
#ifndef PPI_NN_NN_H
#define PPI_NN_NN_H

#include "tensor/graph.h"

#define PPI_NN_MAX_LAYERS  48
#define PPI_NN_NORM_EPS    1e-5f
#define PPI_NN_BATCH_DECAY 0.999f

/* Truncated normal whose standard deviation after truncation at two sigma is sqrt(scale / fan_in).
 */
ppi_init ppi_nn_variance_scaling(double scale, int64_t fan_in);

/* Linear map "<prefix>/w" [in,out] and "<prefix>/b" [out] (zero at the start) with an activation; x
 * [...,in]. */
ppi_value ppi_nn_linear(ppi_graph *g, ppi_value x, const char *prefix, int64_t out, ppi_init init,
                        ppi_act act);
/* Layer norm over the last dimension, "<prefix>/scale" and "<prefix>/offset". */
ppi_value ppi_nn_norm(ppi_graph *g, ppi_value x, const char *prefix);
/* Batch norm over the last dimension, "<prefix>/scale" and "<prefix>/offset", and running moments,
   "<prefix>/mean" and "<prefix>/var", which belong to the checkpoint and are not trained. train:
   with the moments of the batch, towards which every step of the optimiser then moves the running
   ones (decay .999, the first step sets them); else with the running ones. */
ppi_value ppi_nn_batch_norm(ppi_graph *g, ppi_value x, const char *prefix, bool train);
/* Table "<prefix>/embeddings" [rows,width] read at ids i32 [...] -> [...,width]. */
ppi_value ppi_nn_embedding(ppi_graph *g, ppi_value ids, const char *prefix, int64_t rows,
                           int64_t width, ppi_init init);

/* A convolution without padding or with SAME padding. */
typedef struct ppi_nn_conv {
    int kernel, stride;
    bool same;
    ppi_act act; /* none or relu */
} ppi_nn_conv;

/* x [B,H,W,C] -> [B,OH,OW,channels]; "<prefix>/<name>/w" [K,K,C,channels] and "<prefix>/<name>/b"
 * (zero at the start), variance scaling by 2 before a relu, else by 1. */
ppi_value ppi_nn_conv2d(ppi_graph *g, ppi_value x, const char *prefix, const char *name,
                        int64_t channels, const ppi_nn_conv *conv);
/* x [B,...] flattened -> [B,width] with ReLU: "<prefix>/dense/w" and "/b". */
ppi_value ppi_nn_dense_over(ppi_graph *g, ppi_value x, const char *prefix, int64_t width);

/* State of an LSTM between two windows, [B,width] each. */
typedef struct ppi_nn_lstm_state {
    ppi_value h, c;
} ppi_nn_lstm_state;

/* x [B,T,I] -> h [B,T,width]. "<prefix>/input/w" [I,4 width] and "/b", "<prefix>/state/w"
   [width,4 width], gates i, f, g, o side by side (the transposed weights of PyTorch, whose two
   biases are added up). reset u8 or i32 [B,T]: not 0 = an episode begins with this step. end (may
   be NULL) gets the state behind the last step; no gradient goes through end->c. */
ppi_value ppi_nn_lstm(ppi_graph *g, ppi_value x, const char *prefix, int64_t width,
                      const ppi_nn_lstm_state *start, ppi_value reset, ppi_nn_lstm_state *end);

/* A transformer stack. Parameter names "<prefix>h<i>_ln_1" and so on.
   Pre-norm: x += attention(norm(x)), x += mlp(norm(x)), without a norm at its end (the builder adds
   one). Post-norm: x = norm(x + attention(x)), x = norm(x + mlp(x)); its result is normed already.
   mlp(x) = linear(gelu_tanh(linear(x))). */
typedef struct ppi_nn_stack {
    const char *prefix;
    int64_t layers;
    int64_t width;
    int64_t ffn; /* units inside the mlp; 0 = 4 width */
    int heads;
    bool post_norm;
    float dropout;           /* on both residual branches; 0 = none */
    float attention_dropout; /* on the probabilities of attention; 0 = none */
    ppi_mask mask;           /* of the rows of x; q_offset counts the rows already in the cache */
    /* u8 [B,Nk], not 0 = every query but the token itself is blind to this key (Nk counts the rows
       of `past` too); NULL = none. */
    const ppi_value *blocked;
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
