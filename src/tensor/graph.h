/* The graph: values and nodes, append-only and topological by construction. A builder function writes
   it with the calls below; each call checks shapes and records the op. After the first failure every
   call returns PPI_NONE and ppi_graph_status tells the failure (the text is the last error), so a
   builder checks once at its end. */
#ifndef PPI_TENSOR_GRAPH_H
#define PPI_TENSOR_GRAPH_H

#include "tensor/params.h"

typedef int32_t ppi_value;
#define PPI_NONE (-1)

typedef enum ppi_role {
    PPI_VALUE_TEMP = 0,
    PPI_VALUE_INPUT = 1,  /* caller writes it before each run */
    PPI_VALUE_PARAM = 2,  /* lives in the parameter block */
    PPI_VALUE_CONST = 4,  /* data copied at creation */
    PPI_VALUE_OUTPUT = 8, /* kept after a run for the caller */
    PPI_VALUE_PARAM_GRAD = 16 /* lives in the gradient block */
} ppi_role;

typedef struct ppi_value_info {
    ppi_dtype dtype;
    ppi_shape shape;
    unsigned roles;
    int param;        /* index for PARAM and PARAM_GRAD, else -1 */
    const void *data; /* CONST */
    int node;         /* producing node, -1 for leaves */
    bool shrunk;      /* holds only the rows that are read */
    char name[48];
} ppi_value_info;

typedef struct ppi_node {
    ppi_op op;
    int n_in, n_out;
    ppi_value in[PPI_MAX_INPUTS];
    ppi_value out[PPI_MAX_OUTPUTS];
    ppi_op_params params;
} ppi_node;

typedef struct ppi_graph ppi_graph;

pp_status ppi_graph_create(ppi_graph **out, ppi_params *params); /* params may be NULL for graphs without */
void ppi_graph_destroy(ppi_graph *g);
pp_status ppi_graph_status(const ppi_graph *g);
/* For builders: records a failure (the first one stays) and returns what the graph's status then is. */
pp_status ppi_graph_fail(ppi_graph *g, pp_status s);
int ppi_graph_node_count(const ppi_graph *g);
int ppi_graph_value_count(const ppi_graph *g);
const ppi_node *ppi_graph_node(const ppi_graph *g, int i);
const ppi_value_info *ppi_graph_value(const ppi_graph *g, ppi_value v);
ppi_params *ppi_graph_params(const ppi_graph *g);

static inline ppi_shape ppi_shape1(int64_t a) { return (ppi_shape){1, {a}}; }
static inline ppi_shape ppi_shape2(int64_t a, int64_t b) { return (ppi_shape){2, {a, b}}; }
static inline ppi_shape ppi_shape3(int64_t a, int64_t b, int64_t c) { return (ppi_shape){3, {a, b, c}}; }
static inline ppi_shape ppi_shape4(int64_t a, int64_t b, int64_t c, int64_t d) { return (ppi_shape){4, {a, b, c, d}}; }

/* Leaves. */
ppi_value ppi_input(ppi_graph *g, const char *name, ppi_dtype dtype, ppi_shape shape);
ppi_value ppi_const_f32(ppi_graph *g, const char *name, ppi_shape shape, const float *data); /* data copied */
/* Registers (or finds) the parameter in the graph's params and returns its value in this graph. */
ppi_value ppi_parameter(ppi_graph *g, const char *name, ppi_shape shape, ppi_init init);
/* Marks a value as output under a name. Returns v. */
ppi_value ppi_output(ppi_graph *g, const char *name, ppi_value v);
/* Value marked as input or output with that name, or PPI_NONE. */
ppi_value ppi_graph_find(const ppi_graph *g, const char *name);

/* Ops: see ops.def for meaning and shapes. */
ppi_value ppi_cast(ppi_graph *g, ppi_value x, ppi_dtype to, float scale);
ppi_value ppi_reshape(ppi_graph *g, ppi_value x, ppi_shape shape);
ppi_value ppi_permute(ppi_graph *g, ppi_value x, const int *perm);
ppi_value ppi_slice(ppi_graph *g, ppi_value x, int axis, int64_t start, int64_t count, int64_t step);
/* Listed rows (ascending) of x seen as [rows, last dim], in the given shape; the list is copied. */
ppi_value ppi_take_rows(ppi_graph *g, ppi_value x, ppi_row_list rows, ppi_shape shape);
ppi_value ppi_concat(ppi_graph *g, const ppi_value *x, int n, int axis);
ppi_value ppi_add(ppi_graph *g, ppi_value a, ppi_value b);
ppi_value ppi_sub(ppi_graph *g, ppi_value a, ppi_value b); /* a - b, as an add of a scaled b */
ppi_value ppi_mul(ppi_graph *g, ppi_value a, ppi_value b);
ppi_value ppi_scale(ppi_graph *g, ppi_value x, float alpha);
ppi_value ppi_reduce_to(ppi_graph *g, ppi_value x, ppi_shape shape);
ppi_value ppi_broadcast_to(ppi_graph *g, ppi_value x, ppi_shape shape);
ppi_value ppi_sum(ppi_graph *g, ppi_value x);  /* -> [1] */
ppi_value ppi_mean(ppi_graph *g, ppi_value x); /* -> [1] */
ppi_value ppi_linear(ppi_graph *g, ppi_value x, ppi_value w, ppi_value b, ppi_act act); /* b may be PPI_NONE */
ppi_value ppi_matmul(ppi_graph *g, ppi_value a, ppi_value b, bool trans_a, bool trans_b);
ppi_value ppi_activation(ppi_graph *g, ppi_value x, ppi_act act);
ppi_value ppi_layer_norm(ppi_graph *g, ppi_value x, ppi_value gain, ppi_value offset, float eps);
/* Over all rows of x [...,C] with the moments of the batch; mean and var [C] (biased) may be NULL. No gradient goes
   through them. */
ppi_value ppi_batch_norm(ppi_graph *g, ppi_value x, ppi_value gain, ppi_value offset, float eps, ppi_value *mean, ppi_value *var);
/* With the moments given, to which no gradient goes. */
ppi_value ppi_batch_norm_with(ppi_graph *g, ppi_value x, ppi_value gain, ppi_value offset, ppi_value mean, ppi_value var, float eps);
/* After every run of the graph's plan, the optimiser's step moves the parameter `name` towards v: a running mean with
   zero debiasing, weight (1 - decay) / (1 - decay^t) at step t = 1, 2, ... (ppi_params_add_running). */
void ppi_running_mean(ppi_graph *g, const char *name, ppi_value v, ppi_init init, float decay);
ppi_value ppi_softmax(ppi_graph *g, ppi_value x);
ppi_value ppi_log_softmax(ppi_graph *g, ppi_value x);
ppi_value ppi_attention(ppi_graph *g, ppi_value q, ppi_value k, ppi_value v, int heads, float scale, const ppi_mask *mask);
/* The same with blocked u8 [B,Nk] (PPI_NONE: none), which hides keys from every query but that of the same position
   (q_offset + row), and with dropout of the probabilities, 0 <= dropout < 1; each call is a new site. */
ppi_value ppi_attention_blocked(ppi_graph *g, ppi_value q, ppi_value k, ppi_value v, int heads, float scale, const ppi_mask *mask,
                                ppi_value blocked, float dropout);
ppi_value ppi_embedding(ppi_graph *g, ppi_value table, ppi_value ids);
ppi_value ppi_cross_entropy(ppi_graph *g, ppi_value logits, ppi_value targets); /* -> [N] */
/* Targets i32 [N], each spread: 1 - smoothing on its class, smoothing / C on every class. 0 <= smoothing < 1. -> [N] */
ppi_value ppi_cross_entropy_smooth(ppi_graph *g, ppi_value logits, ppi_value targets, float smoothing);
ppi_value ppi_dropout(ppi_graph *g, ppi_value x, float p); /* p = 0 returns x; each call is a new site */
ppi_value ppi_conv2d(ppi_graph *g, ppi_value x, ppi_value w, ppi_value b, int stride, int pad, ppi_act act);
/* The same with SAME padding: ceil(H / stride) by ceil(W / stride) results, the odd zero row at the end. */
ppi_value ppi_conv2d_same(ppi_graph *g, ppi_value x, ppi_value w, ppi_value b, int stride, ppi_act act);
/* Largest of each window, without padding or with SAME padding; the gradient goes to the first largest. */
ppi_value ppi_max_pool2d(ppi_graph *g, ppi_value x, int kernel, int stride, bool same);
/* x [N,A] or [N,A,D], ids i32 [N] -> row ids[n] of each: [N] or [N,D]. */
ppi_value ppi_pick(ppi_graph *g, ppi_value x, ppi_value ids);
/* x u8 or i32 [...,C] -> f32: component c as size[c % parts] numbers, 1 at its value (clamped), 0 elsewhere, side by side. */
ppi_value ppi_one_hot(ppi_graph *g, ppi_value x, int parts, const int32_t *size);
/* x_gates = x w_x + b of every step [B,T,4H], gates in the order i, f, g, o; w_h [H,4H]; h0, c0 [B,H]; reset u8 or i32
   [B,T]: not 0 = a new episode, h and c are zero before step t. Returns h [B,T,H] and, where c is not NULL, the cells
   [B,T,H], through which no gradient goes. */
ppi_value ppi_lstm(ppi_graph *g, ppi_value x_gates, ppi_value w_h, ppi_value h0, ppi_value c0, ppi_value reset, ppi_value *c);

/* General form, used by gradient rules: appends a node and fills out[]; output dtypes as the shape rule says.
   `shape` is the wanted output shape for the ops that need one (RESHAPE, REDUCE_TO, BROADCAST_TO, CONV2D_GRAD_W), else NULL. */
pp_status ppi_node_add(ppi_graph *g, ppi_op op, int n_in, const ppi_value *in, const ppi_op_params *params, const ppi_shape *shape,
                       ppi_value *out);

/* Appends the backward graph of the scalar `loss` (shape [1]); the gradient of each parameter used becomes
   a PARAM_GRAD value (a parameter not reached by the loss gets no such value: its gradient block stays zero).
   With `wrt` != NULL also returns d loss / d wrt[i] in dwrt[i].
   Rows that neither the loss, an output nor wrt needs are dropped from the graph first (ppi_graph_skip_dead_rows), so
   mark outputs before: building on a value that lost rows fails. */
pp_status ppi_graph_backward(ppi_graph *g, ppi_value loss, const ppi_value *wrt, int n_wrt, ppi_value *dwrt);

/* Shrinks every value to the rows that outputs, parameter gradients and `keep` need; nodes between are rewritten, value
   ids stay. Values of outputs and `keep` do not change. Calling it again changes nothing. */
pp_status ppi_graph_skip_dead_rows(ppi_graph *g, const ppi_value *keep, int n_keep);

#endif
