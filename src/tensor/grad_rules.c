/* Gradient rules: short functions that append the nodes of one op's gradient. Failures stick to the graph. */
#include "tensor/rules.h"

static const ppi_shape *shape_of(const ppi_graph *g, ppi_value v) { return &ppi_graph_value(g, v)->shape; }

/* First output of a node. */
static ppi_value one(ppi_graph *g, ppi_op op, int n_in, const ppi_value *in, const ppi_op_params *params, const ppi_shape *shape) {
    ppi_value out[PPI_MAX_OUTPUTS] = {PPI_NONE, PPI_NONE, PPI_NONE};
    (void)ppi_node_add(g, op, n_in, in, params, shape, out);
    return ppi_graph_status(g) == PP_OK ? out[0] : PPI_NONE;
}

/* dy summed to the shape of v, dy itself when the shapes agree. */
static ppi_value sum_like(ppi_graph *g, ppi_value dy, ppi_value v) {
    if (dy == PPI_NONE || ppi_shape_equal(shape_of(g, dy), shape_of(g, v))) return dy;
    return ppi_reduce_to(g, dy, *shape_of(g, v));
}

static ppi_value act_grad(ppi_graph *g, ppi_value dy, ppi_value x_or_y, ppi_act act) {
    if (act == PPI_ACT_NONE) return dy;
    return one(g, PPI_OP_ACT_GRAD, 2, (ppi_value[]){dy, x_or_y}, &(ppi_op_params){.act = {act}}, NULL);
}

/* True when the derivative is a function of the result. */
static bool act_from_output(ppi_act act) { return act == PPI_ACT_RELU || act == PPI_ACT_TANH; }

static void ppi_grad_cast(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    const ppi_value_info *x = ppi_graph_value(g, n->in[0]);
    if (!ppi_dtype_is_float(x->dtype)) return;
    dx[0] = ppi_cast(g, dy[0], x->dtype, n->params.cast.scale);
}

static void ppi_grad_reshape(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = ppi_reshape(g, dy[0], *shape_of(g, n->in[0]));
}

static void ppi_grad_permute(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    int inverse[PPI_MAX_DIMS] = {0};
    for (int i = 0; i < shape_of(g, n->in[0])->ndim; i++) inverse[n->params.permute.perm[i]] = i;
    dx[0] = ppi_permute(g, dy[0], inverse);
}

static void ppi_grad_slice(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = one(g, PPI_OP_SLICE_GRAD, 1, dy, &n->params, NULL);
}

static void ppi_grad_take_rows(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = one(g, PPI_OP_TAKE_ROWS_GRAD, 1, dy, &n->params, shape_of(g, n->in[0]));
}

static void ppi_grad_concat(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    const int axis = n->params.concat.axis;
    int64_t start = 0;
    for (int i = 0; i < n->n_in; i++) {
        const int64_t rows = shape_of(g, n->in[i])->dim[axis];
        if (need[i]) dx[i] = ppi_slice(g, dy[0], axis, start, rows, 1);
        start += rows;
    }
}

static void ppi_grad_add(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    if (need[0]) dx[0] = dy[0];
    if (need[1]) dx[1] = sum_like(g, dy[0], n->in[1]);
}

static void ppi_grad_mul(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    if (need[0]) dx[0] = ppi_mul(g, dy[0], n->in[1]);
    if (need[1]) dx[1] = sum_like(g, ppi_mul(g, dy[0], n->in[0]), n->in[1]);
}

static void ppi_grad_scale(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = ppi_scale(g, dy[0], n->params.scale.alpha);
}

static void ppi_grad_reduce_to(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = ppi_broadcast_to(g, dy[0], *shape_of(g, n->in[0]));
}

static void ppi_grad_broadcast_to(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = ppi_reduce_to(g, dy[0], *shape_of(g, n->in[0]));
}

static void ppi_grad_linear(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    const ppi_act act = n->params.act.act;
    const ppi_value d = act_grad(g, dy[0], n->out[act_from_output(act) ? 0 : 1], act);
    if (need[0]) dx[0] = ppi_matmul(g, d, n->in[1], false, true);
    if (need[1]) dx[1] = ppi_matmul(g, n->in[0], d, true, false);
    if (n->n_in > 2 && need[2]) dx[2] = sum_like(g, d, n->in[2]);
}

static void ppi_grad_act(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    const ppi_act act = n->params.act.act;
    dx[0] = act_grad(g, dy[0], act_from_output(act) ? n->out[0] : n->in[0], act);
}

static void ppi_grad_layer_norm(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    const ppi_value in[5] = {dy[0], n->in[0], n->in[1], n->out[1], n->out[2]};
    ppi_value out[PPI_MAX_OUTPUTS];
    if (ppi_node_add(g, PPI_OP_LAYER_NORM_GRAD, 5, in, &n->params, NULL, out) != PP_OK) return;
    for (int i = 0; i < 3; i++) dx[i] = need[i] ? out[i] : PPI_NONE;
}

static void ppi_grad_batch_norm(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    const bool given = n->n_in > 3;
    const ppi_value in[5] = {dy[0], n->in[0], n->in[1], given ? n->in[3] : n->out[1], given ? n->in[4] : n->out[2]};
    ppi_value out[PPI_MAX_OUTPUTS];
    if (ppi_node_add(g, PPI_OP_BATCH_NORM_GRAD, 5, in, &n->params, NULL, out) != PP_OK) return;
    for (int i = 0; i < 3; i++) dx[i] = need[i] ? out[i] : PPI_NONE;
}

static void ppi_grad_softmax(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = one(g, PPI_OP_SOFTMAX_GRAD, 2, (ppi_value[]){dy[0], n->out[0]}, NULL, NULL);
}

static void ppi_grad_log_softmax(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = one(g, PPI_OP_LOG_SOFTMAX_GRAD, 2, (ppi_value[]){dy[0], n->out[0]}, NULL, NULL);
}

static void ppi_grad_attention(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    const ppi_value in[7] = {dy[0], n->in[0], n->in[1], n->in[2], n->out[0], n->out[1], n->in[3]};
    ppi_value out[PPI_MAX_OUTPUTS];
    if (ppi_node_add(g, PPI_OP_ATTENTION_GRAD, n->n_in > 3 ? 7 : 6, in, &n->params, NULL, out) != PP_OK) return;
    for (int i = 0; i < 3; i++) dx[i] = need[i] ? out[i] : PPI_NONE;
}

static void ppi_grad_embedding(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = one(g, PPI_OP_EMBEDDING_GRAD, 2, (ppi_value[]){dy[0], n->in[1]}, &n->params, NULL);
}

static void ppi_grad_cross_entropy(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    const ppi_value in[4] = {dy[0], n->in[0], n->in[1], n->out[1]};
    if (need[0]) dx[0] = one(g, PPI_OP_CROSS_ENTROPY_GRAD, 4, in, &n->params, NULL);
}

static void ppi_grad_dropout(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = one(g, PPI_OP_DROPOUT, 1, dy, &n->params, NULL);
}

static void ppi_grad_conv2d(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    const ppi_value d = act_grad(g, dy[0], n->out[0], n->params.conv.act);
    ppi_op_params p = n->params;
    p.conv.act = PPI_ACT_NONE;
    if (need[0]) dx[0] = one(g, PPI_OP_CONV2D_GRAD_X, 2, (ppi_value[]){d, n->in[1]}, &p, NULL);
    if (need[1]) dx[1] = one(g, PPI_OP_CONV2D_GRAD_W, 2, (ppi_value[]){d, n->in[0]}, &p, shape_of(g, n->in[1]));
    if (n->n_in > 2 && need[2]) dx[2] = sum_like(g, d, n->in[2]);
}

static void ppi_grad_max_pool2d(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    (void)need;
    dx[0] = one(g, PPI_OP_MAX_POOL2D_GRAD, 2, (ppi_value[]){dy[0], n->out[1]}, &n->params, NULL);
}

static void ppi_grad_pick(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    if (need[0]) dx[0] = one(g, PPI_OP_PICK_GRAD, 2, (ppi_value[]){dy[0], n->in[1]}, NULL, shape_of(g, n->in[0]));
}

static void ppi_grad_lstm(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx) {
    const ppi_value in[6] = {dy[0], n->out[1], n->out[2], n->in[1], n->in[3], n->in[4]};
    ppi_value out[PPI_MAX_OUTPUTS];
    if (ppi_node_add(g, PPI_OP_LSTM_GRAD, 6, in, NULL, NULL, out) != PP_OK) return;
    if (need[0]) dx[0] = out[0];
    if (need[1]) dx[1] = one(g, PPI_OP_LSTM_GRAD_W, 4, (ppi_value[]){out[0], n->out[0], n->in[2], n->in[4]}, NULL, NULL);
    if (need[2]) dx[2] = out[1];
    if (need[3]) dx[3] = out[2];
}

#define ppi_grad_none NULL
static const ppi_grad_fn rule[PPI_OP_COUNT] = {
#define PP_OP(e, text, least, most, outputs, shape_rule, grad_rule, ...) [PPI_OP_##e] = ppi_grad_##grad_rule,
#include "tensor/ops.def"
#undef PP_OP
};

ppi_grad_fn ppi_grad_rule(ppi_op op) { return rule[op]; }
