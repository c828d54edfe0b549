/* Reverse-mode differentiation: one pass forward to find which values need a gradient, one pass back
   over the nodes appending theirs. */
#include "base/error.h"
#include "base/mem.h"
#include "tensor/rules.h"

typedef struct back {
    ppi_graph *g;
    int n_values, n_nodes; /* of the graph before differentiation */
    bool *need;            /* [n_values] depends on a parameter or on one of wrt */
    ppi_value *grad;       /* [n_values] */
} back;

static void find_needed(back *b, const ppi_value *wrt, int n_wrt) {
    for (int v = 0; v < b->n_values; v++) b->need[v] = (ppi_graph_value(b->g, v)->roles & PPI_VALUE_PARAM) != 0;
    for (int i = 0; i < n_wrt; i++) b->need[wrt[i]] = true;
    for (int i = 0; i < b->n_nodes; i++) {
        const ppi_node *n = ppi_graph_node(b->g, i);
        bool any = false;
        for (int j = 0; j < n->n_in; j++) any = any || b->need[n->in[j]];
        for (int j = 0; any && j < n->n_out; j++) b->need[n->out[j]] = true;
    }
}

static void accumulate(back *b, ppi_value v, ppi_value dx) {
    if (dx == PPI_NONE) return;
    b->grad[v] = b->grad[v] == PPI_NONE ? dx : ppi_add(b->g, b->grad[v], dx);
}

static pp_status node_back(back *b, int i) {
    const ppi_node *n = ppi_graph_node(b->g, i);
    ppi_value dy[PPI_MAX_OUTPUTS];
    ppi_value dx[PPI_MAX_INPUTS];
    bool need[PPI_MAX_INPUTS] = {false};
    bool any = false;
    for (int j = 0; j < n->n_out; j++) dy[j] = b->grad[n->out[j]];
    for (int j = 0; j < n->n_in; j++) {
        dx[j] = PPI_NONE;
        need[j] = b->need[n->in[j]];
        any = any || need[j];
    }
    for (int j = 1; j < n->n_out; j++) {
        if (dy[j] != PPI_NONE) return ppi_fail(PP_ERR_UNSUPPORTED, "no gradient through output %d of %s", j, ppi_op_get(n->op)->name);
    }
    if (dy[0] == PPI_NONE || !any) return PP_OK;
    const ppi_grad_fn rule = ppi_grad_rule(n->op);
    if (!rule) return ppi_fail(PP_ERR_UNSUPPORTED, "%s has no gradient rule", ppi_op_get(n->op)->name);
    rule(b->g, n, dy, need, dx);
    for (int j = 0; j < n->n_in; j++) {
        if (need[j]) accumulate(b, n->in[j], dx[j]);
    }
    return ppi_graph_status(b->g);
}

/* Marks the gradient of a parameter. A value that is a view, a leaf or already some parameter's gradient
   or an output is copied first: a gradient block has one writer. */
static void mark_param(back *b, ppi_value v) {
    ppi_value d = b->grad[v];
    const ppi_value_info *info = ppi_graph_value(b->g, d);
    const bool copy = info->roles != PPI_VALUE_TEMP || info->node < 0 || ppi_graph_node(b->g, info->node)->op == PPI_OP_RESHAPE ||
                      info->dtype != PPI_F32;
    if (copy) {
        ppi_value out[PPI_MAX_OUTPUTS] = {PPI_NONE, PPI_NONE, PPI_NONE};
        (void)ppi_node_append(b->g, PPI_OP_CAST, 1, &d, &(ppi_op_params){.cast = {1.0f}}, NULL, PPI_F32, out);
        d = out[0];
    }
    if (d == PPI_NONE) return;
    b->grad[v] = d;
    ppi_graph_mark(b->g, d, PPI_VALUE_PARAM_GRAD, ppi_graph_value(b->g, v)->param);
}

/* The loss and wrt keep all their rows. */
static pp_status skip_dead_rows(ppi_graph *g, ppi_value loss, const ppi_value *wrt, int n_wrt) {
    ppi_value *keep = ppi_calloc((size_t)n_wrt + 1, sizeof *keep);
    if (!keep) return ppi_graph_fail(g, ppi_oom("backward pass"));
    keep[0] = loss;
    for (int i = 0; i < n_wrt; i++) keep[i + 1] = wrt[i];
    const pp_status s = ppi_graph_skip_dead_rows(g, keep, n_wrt + 1);
    ppi_free(keep);
    return s;
}

static pp_status run(back *b, ppi_value loss, const ppi_value *wrt, int n_wrt, ppi_value *dwrt) {
    const float seed = 1.0f;
    find_needed(b, wrt, n_wrt);
    b->grad[loss] = ppi_const_f32(b->g, "dloss", ppi_graph_value(b->g, loss)->shape, &seed);
    for (int i = b->n_nodes - 1; i >= 0; i--) {
        const pp_status s = node_back(b, i);
        if (s != PP_OK) return ppi_graph_fail(b->g, s);
    }
    for (int v = 0; v < b->n_values && ppi_graph_status(b->g) == PP_OK; v++) {
        if ((ppi_graph_value(b->g, v)->roles & PPI_VALUE_PARAM) && b->grad[v] != PPI_NONE) mark_param(b, v);
    }
    for (int i = 0; i < n_wrt; i++) dwrt[i] = b->grad[wrt[i]];
    return ppi_graph_status(b->g);
}

pp_status ppi_graph_backward(ppi_graph *g, ppi_value loss, const ppi_value *wrt, int n_wrt, ppi_value *dwrt) {
    if (ppi_graph_status(g) != PP_OK) return ppi_graph_status(g);
    int n = ppi_graph_value_count(g);
    const ppi_value_info *info = ppi_graph_value(g, loss);
    if (!info || ppi_shape_count(&info->shape) != 1) return ppi_graph_fail(g, ppi_fail(PP_ERR_SHAPE, "backward wants a loss of shape [1]"));
    for (int i = 0; i < n_wrt; i++) {
        if (wrt[i] < 0 || wrt[i] >= n) return ppi_graph_fail(g, ppi_fail(PP_ERR_ARGUMENT, "gradient asked for a value that does not exist"));
    }
    PPI_TRY(skip_dead_rows(g, loss, wrt, n_wrt));
    n = ppi_graph_value_count(g);
    back b = {.g = g, .n_values = n, .n_nodes = ppi_graph_node_count(g)};
    b.need = ppi_calloc((size_t)n, sizeof *b.need);
    b.grad = ppi_calloc((size_t)n, sizeof *b.grad);
    const bool before = ppi_graph_allow_shrunk(g, true);
    pp_status s = b.need && b.grad ? PP_OK : ppi_graph_fail(g, ppi_oom("backward pass"));
    if (s == PP_OK) {
        for (int v = 0; v < n; v++) b.grad[v] = PPI_NONE;
        s = run(&b, loss, wrt, n_wrt, dwrt);
    }
    ppi_graph_allow_shrunk(g, before);
    ppi_free(b.need);
    ppi_free(b.grad);
    return s;
}
