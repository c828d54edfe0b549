/* The graph: append-only tables of values and nodes in an arena. Errors stick, so builders check once. */
#include "tensor/graph.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "tensor/rules.h"

#include <stdio.h>
#include <string.h>

typedef struct named_value {
    char name[48];
    ppi_value v;
} named_value;

struct ppi_graph {
    ppi_params *params; /* borrowed, may be NULL */
    ppi_arena arena;    /* values, nodes, constants: addresses stay valid while the graph grows */
    ppi_value_info **value;
    ppi_node **node;
    named_value *name;
    int n_values, cap_values;
    int n_nodes, cap_nodes;
    int n_names, cap_names;
    uint32_t n_sites; /* dropout sites given out */
    bool allow_shrunk; /* the nodes being added may read values that lost rows */
    pp_status status;
};

pp_status ppi_graph_create(ppi_graph **out, ppi_params *params) {
    *out = NULL;
    ppi_graph *g = ppi_calloc(1, sizeof *g);
    if (!g) return ppi_oom("graph");
    g->params = params;
    *out = g;
    return PP_OK;
}

void ppi_graph_destroy(ppi_graph *g) {
    if (!g) return;
    ppi_arena_free(&g->arena);
    ppi_free(g->value);
    ppi_free(g->node);
    ppi_free(g->name);
    ppi_free(g);
}

pp_status ppi_graph_status(const ppi_graph *g) { return g->status; }
int ppi_graph_node_count(const ppi_graph *g) { return g->n_nodes; }
int ppi_graph_value_count(const ppi_graph *g) { return g->n_values; }
const ppi_node *ppi_graph_node(const ppi_graph *g, int i) { return g->node[i]; }
const ppi_value_info *ppi_graph_value(const ppi_graph *g, ppi_value v) { return v >= 0 && v < g->n_values ? g->value[v] : NULL; }
ppi_params *ppi_graph_params(const ppi_graph *g) { return g->params; }

pp_status ppi_graph_fail(ppi_graph *g, pp_status s) {
    if (g->status == PP_OK) g->status = s;
    return g->status;
}

void ppi_graph_mark(ppi_graph *g, ppi_value v, unsigned roles, int param) {
    g->value[v]->roles |= roles;
    if (param >= 0) g->value[v]->param = param;
}

ppi_value ppi_graph_param_value(const ppi_graph *g, int index) {
    for (int v = 0; v < g->n_values; v++) {
        if ((g->value[v]->roles & PPI_VALUE_PARAM) && g->value[v]->param == index) return v;
    }
    return PPI_NONE;
}

bool ppi_graph_allow_shrunk(ppi_graph *g, bool allow) {
    const bool before = g->allow_shrunk;
    g->allow_shrunk = allow;
    return before;
}

ppi_row_list *ppi_op_row_list(ppi_op op, ppi_op_params *params) {
    switch (op) {
    case PPI_OP_TAKE_ROWS:
    case PPI_OP_TAKE_ROWS_GRAD: return &params->take.rows;
    case PPI_OP_ATTENTION:
    case PPI_OP_ATTENTION_GRAD: return &params->attention.mask.q_rows;
    case PPI_OP_DROPOUT: return &params->dropout.rows;
    default: return NULL;
    }
}

pp_status ppi_op_rows_copy(ppi_op op, ppi_op_params *params, ppi_arena *arena) {
    ppi_row_list *rows = ppi_op_row_list(op, params);
    if (!rows || !rows->at) return PP_OK;
    int32_t *copy = ppi_arena_alloc(arena, (size_t)rows->n * sizeof *copy);
    if (!copy) return ppi_oom("rows of a node");
    memcpy(copy, rows->at, (size_t)rows->n * sizeof *copy);
    rows->at = copy;
    return PP_OK;
}

int ppi_graph_name_count(const ppi_graph *g) { return g->n_names; }

const char *ppi_graph_name(const ppi_graph *g, int i, ppi_value *v) {
    *v = g->name[i].v;
    return g->name[i].name;
}

/* Makes room for one more element of a table that holds n. */
static bool grow(void **table, int *cap, int n, size_t size) {
    if (n < *cap) return true;
    const int wanted = *cap ? *cap * 2 : 64;
    void *bigger = ppi_realloc(*table, (size_t)wanted * size);
    if (!bigger) return false;
    *table = bigger;
    *cap = wanted;
    return true;
}

static ppi_value add_value(ppi_graph *g, ppi_dtype dtype, const ppi_shape *shape, unsigned roles, const char *name) {
    void *table = g->value;
    ppi_value_info *info = ppi_arena_alloc(&g->arena, sizeof *info);
    if (!info || !grow(&table, &g->cap_values, g->n_values, sizeof *g->value)) {
        ppi_graph_fail(g, ppi_oom("graph value"));
        return PPI_NONE;
    }
    g->value = table;
    *info = (ppi_value_info){.dtype = dtype, .shape = *shape, .roles = roles, .param = -1, .node = -1};
    snprintf(info->name, sizeof info->name, "%s", name);
    g->value[g->n_values] = info;
    return g->n_values++;
}

static pp_status add_name(ppi_graph *g, const char *name, ppi_value v) {
    void *table = g->name;
    if (strlen(name) >= sizeof g->name[0].name) return ppi_fail(PP_ERR_ARGUMENT, "value name \"%s\" is longer than 47 bytes", name);
    if (ppi_graph_find(g, name) != PPI_NONE) return ppi_fail(PP_ERR_EXISTS, "the graph already has an input or output \"%s\"", name);
    if (!grow(&table, &g->cap_names, g->n_names, sizeof *g->name)) return ppi_oom("graph name");
    g->name = table;
    named_value *slot = &g->name[g->n_names++];
    snprintf(slot->name, sizeof slot->name, "%s", name);
    slot->v = v;
    return PP_OK;
}

static pp_status check_shape(const char *name, const ppi_shape *s) {
    bool ok = s->ndim >= 1 && s->ndim <= PPI_MAX_DIMS;
    for (int i = 0; ok && i < s->ndim; i++) ok = s->dim[i] > 0;
    if (ok) return PP_OK;
    return ppi_fail(PP_ERR_SHAPE, "\"%s\": expected 1 to %d dimensions, each at least 1", name, PPI_MAX_DIMS);
}

ppi_value ppi_input(ppi_graph *g, const char *name, ppi_dtype dtype, ppi_shape shape) {
    if (g->status != PP_OK) return PPI_NONE;
    pp_status s = check_shape(name, &shape);
    if (s == PP_OK) s = add_name(g, name, g->n_values);
    if (s != PP_OK) {
        ppi_graph_fail(g, s);
        return PPI_NONE;
    }
    return add_value(g, dtype, &shape, PPI_VALUE_INPUT, name);
}

ppi_value ppi_const_f32(ppi_graph *g, const char *name, ppi_shape shape, const float *data) {
    if (g->status != PP_OK) return PPI_NONE;
    const pp_status s = check_shape(name, &shape);
    const size_t bytes = s == PP_OK ? (size_t)ppi_shape_count(&shape) * sizeof *data : 0;
    void *copy = s == PP_OK ? ppi_arena_alloc(&g->arena, bytes) : NULL;
    if (!copy) {
        ppi_graph_fail(g, s == PP_OK ? ppi_oom("graph constant") : s);
        return PPI_NONE;
    }
    memcpy(copy, data, bytes);
    const ppi_value v = add_value(g, PPI_F32, &shape, PPI_VALUE_CONST, name);
    if (v != PPI_NONE) g->value[v]->data = copy;
    return v;
}

ppi_value ppi_parameter(ppi_graph *g, const char *name, ppi_shape shape, ppi_init init) {
    if (g->status != PP_OK) return PPI_NONE;
    int index = -1;
    pp_status s = check_shape(name, &shape);
    if (s == PP_OK && !g->params) s = ppi_fail(PP_ERR_ARGUMENT, "parameter \"%s\" in a graph without parameters", name);
    if (s == PP_OK) s = ppi_params_add(g->params, name, &shape, init, 0, &index);
    if (s != PP_OK) {
        ppi_graph_fail(g, s);
        return PPI_NONE;
    }
    ppi_value v = ppi_graph_param_value(g, index);
    if (v != PPI_NONE) return v;
    v = add_value(g, PPI_F32, &shape, PPI_VALUE_PARAM, name);
    if (v != PPI_NONE) g->value[v]->param = index;
    return v;
}

/* A value that lost rows is no longer what its builder wrote. */
static pp_status check_whole(const ppi_graph *g, ppi_value v, const char *user) {
    if (!g->value[v]->shrunk || g->allow_shrunk) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "%s: %s holds only the rows that the loss reads; use it before ppi_graph_backward", user,
                    g->value[v]->name);
}

ppi_value ppi_output(ppi_graph *g, const char *name, ppi_value v) {
    if (g->status != PP_OK) return PPI_NONE;
    pp_status s = PP_OK;
    if (v < 0 || v >= g->n_values) s = ppi_fail(PP_ERR_ARGUMENT, "output \"%s\" of a value that does not exist", name);
    if (s == PP_OK) s = check_whole(g, v, name);
    if (s == PP_OK) s = add_name(g, name, v);
    if (s != PP_OK) {
        ppi_graph_fail(g, s);
        return PPI_NONE;
    }
    g->value[v]->roles |= PPI_VALUE_OUTPUT;
    return v;
}

ppi_value ppi_graph_find(const ppi_graph *g, const char *name) {
    for (int i = 0; i < g->n_names; i++) {
        if (strcmp(g->name[i].name, name) == 0) return g->name[i].v;
    }
    return PPI_NONE;
}

static bool push_node(ppi_graph *g, ppi_node *node) {
    void *table = g->node;
    if (!grow(&table, &g->cap_nodes, g->n_nodes, sizeof *g->node)) return false;
    g->node = table;
    g->node[g->n_nodes++] = node;
    return true;
}

static pp_status append(ppi_graph *g, const ppi_node *node, const ppi_infer *s, ppi_value *out) {
    const char *op = ppi_op_get(node->op)->name;
    ppi_node *copy = ppi_arena_alloc(&g->arena, sizeof *copy);
    if (!copy || !push_node(g, copy)) return ppi_oom("graph node");
    *copy = *node;
    PPI_TRY(ppi_op_rows_copy(copy->op, &copy->params, &g->arena));
    for (int i = 0; i < node->n_out; i++) {
        char name[48];
        snprintf(name, sizeof name, i ? "%s_%d.%d" : "%s_%d", op, g->n_nodes - 1, i);
        out[i] = add_value(g, s->dtype[i], &s->shape[i], PPI_VALUE_TEMP, name);
        if (out[i] == PPI_NONE) return g->status;
        g->value[out[i]]->node = g->n_nodes - 1;
        copy->out[i] = out[i];
    }
    return PP_OK;
}

ppi_node **ppi_graph_take_nodes(ppi_graph *g, int *n) {
    ppi_node **nodes = g->node;
    *n = g->n_nodes;
    g->node = NULL;
    g->n_nodes = 0;
    g->cap_nodes = 0;
    return nodes;
}

pp_status ppi_graph_readd(ppi_graph *g, ppi_node *node, const ppi_shape *shape) {
    const ppi_shape old = g->value[node->out[0]]->shape; /* also what ops with a wanted shape are asked for again */
    ppi_infer s = {.op = node->op, .n_in = node->n_in, .params = &node->params, .want = shape ? shape : &old,
                   .want_dtype = g->value[node->out[0]]->dtype};
    const ppi_shape count = node->op == PPI_OP_SLICE ? ppi_shape1(old.dim[node->params.slice.axis]) : old;
    if (node->op == PPI_OP_SLICE) s.want = &count;
    for (int i = 0; i < node->n_in; i++) s.in[i] = g->value[node->in[i]];
    PPI_TRY(ppi_infer_run(&s));
    PPI_TRY(ppi_op_rows_copy(node->op, &node->params, &g->arena));
    if (!push_node(g, node)) return ppi_oom("graph node");
    for (int i = 0; i < node->n_out; i++) {
        ppi_value_info *info = g->value[node->out[i]];
        info->node = g->n_nodes - 1;
        info->shrunk = info->shrunk || !ppi_shape_equal(&info->shape, &s.shape[i]);
        info->shape = s.shape[i];
    }
    return PP_OK;
}

pp_status ppi_node_append(ppi_graph *g, ppi_op op, int n_in, const ppi_value *in, const ppi_op_params *params, const ppi_shape *shape,
                          ppi_dtype dtype, ppi_value *out) {
    const ppi_op_info *info = ppi_op_get(op);
    for (int i = 0; info && i < info->n_out; i++) out[i] = PPI_NONE;
    if (g->status != PP_OK) return g->status;
    if (!info || n_in < info->min_in || n_in > info->max_in) {
        return ppi_graph_fail(g, ppi_fail(PP_ERR_ARGUMENT, "%s with %d inputs", info ? info->name : "unknown op", n_in));
    }
    ppi_node node = {.op = op, .n_in = n_in, .n_out = info->n_out};
    if (params) node.params = *params;
    ppi_infer s = {.op = op, .n_in = n_in, .params = &node.params, .want = shape, .want_dtype = dtype};
    for (int i = 0; i < n_in; i++) {
        if (in[i] < 0 || in[i] >= g->n_values) {
            return ppi_graph_fail(g, ppi_fail(PP_ERR_ARGUMENT, "input %d of %s is not a value of the graph", i, info->name));
        }
        const pp_status whole = check_whole(g, in[i], info->name);
        if (whole != PP_OK) return ppi_graph_fail(g, whole);
        node.in[i] = in[i];
        s.in[i] = g->value[in[i]];
    }
    if (shape) {
        const pp_status ok = check_shape(info->name, shape);
        if (ok != PP_OK) return ppi_graph_fail(g, ok);
    }
    pp_status st = ppi_infer_run(&s);
    if (st == PP_OK) st = append(g, &node, &s, out);
    return st == PP_OK ? PP_OK : ppi_graph_fail(g, st);
}

pp_status ppi_node_add(ppi_graph *g, ppi_op op, int n_in, const ppi_value *in, const ppi_op_params *params, const ppi_shape *shape,
                       ppi_value *out) {
    return ppi_node_append(g, op, n_in, in, params, shape, PPI_F32, out);
}

/* First output of a node with the given inputs. */
static ppi_value one(ppi_graph *g, ppi_op op, int n_in, const ppi_value *in, const ppi_op_params *params, const ppi_shape *shape) {
    ppi_value out[PPI_MAX_OUTPUTS] = {PPI_NONE, PPI_NONE, PPI_NONE};
    (void)ppi_node_add(g, op, n_in, in, params, shape, out);
    return g->status == PP_OK ? out[0] : PPI_NONE;
}

static ppi_value unary(ppi_graph *g, ppi_op op, ppi_value x, const ppi_op_params *params, const ppi_shape *shape) {
    return one(g, op, 1, &x, params, shape);
}

static const ppi_value_info *info_of(const ppi_graph *g, ppi_value v) {
    return g->status == PP_OK && v >= 0 && v < g->n_values ? g->value[v] : NULL;
}

ppi_value ppi_cast(ppi_graph *g, ppi_value x, ppi_dtype to, float scale) {
    const ppi_value_info *info = info_of(g, x);
    if (info && info->dtype == to && scale == 1.0f) return x;
    ppi_value out[PPI_MAX_OUTPUTS] = {PPI_NONE, PPI_NONE, PPI_NONE};
    (void)ppi_node_append(g, PPI_OP_CAST, 1, &x, &(ppi_op_params){.cast = {scale}}, NULL, to, out);
    return out[0];
}

ppi_value ppi_reshape(ppi_graph *g, ppi_value x, ppi_shape shape) {
    const ppi_value_info *info = info_of(g, x);
    if (info && ppi_shape_equal(&info->shape, &shape)) return x;
    return unary(g, PPI_OP_RESHAPE, x, NULL, &shape);
}

ppi_value ppi_permute(ppi_graph *g, ppi_value x, const int *perm) {
    ppi_op_params p = {0};
    const ppi_value_info *info = info_of(g, x);
    for (int i = 0; info && i < info->shape.ndim; i++) p.permute.perm[i] = perm[i];
    return unary(g, PPI_OP_PERMUTE, x, &p, NULL);
}

ppi_value ppi_slice(ppi_graph *g, ppi_value x, int axis, int64_t start, int64_t count, int64_t step) {
    const ppi_shape want = ppi_shape1(count);
    return unary(g, PPI_OP_SLICE, x, &(ppi_op_params){.slice = {axis, start, step, 0}}, &want);
}

ppi_value ppi_take_rows(ppi_graph *g, ppi_value x, ppi_row_list rows, ppi_shape shape) {
    return unary(g, PPI_OP_TAKE_ROWS, x, &(ppi_op_params){.take = {rows}}, &shape);
}

ppi_value ppi_concat(ppi_graph *g, const ppi_value *x, int n, int axis) {
    return one(g, PPI_OP_CONCAT, n, x, &(ppi_op_params){.concat = {axis}}, NULL);
}

ppi_value ppi_add(ppi_graph *g, ppi_value a, ppi_value b) { return one(g, PPI_OP_ADD, 2, (ppi_value[]){a, b}, NULL, NULL); }
ppi_value ppi_mul(ppi_graph *g, ppi_value a, ppi_value b) { return one(g, PPI_OP_MUL, 2, (ppi_value[]){a, b}, NULL, NULL); }

ppi_value ppi_sub(ppi_graph *g, ppi_value a, ppi_value b) { return ppi_add(g, a, ppi_scale(g, b, -1.0f)); }

ppi_value ppi_scale(ppi_graph *g, ppi_value x, float alpha) {
    return unary(g, PPI_OP_SCALE, x, &(ppi_op_params){.scale = {alpha}}, NULL);
}

ppi_value ppi_reduce_to(ppi_graph *g, ppi_value x, ppi_shape shape) { return unary(g, PPI_OP_REDUCE_TO, x, NULL, &shape); }
ppi_value ppi_broadcast_to(ppi_graph *g, ppi_value x, ppi_shape shape) { return unary(g, PPI_OP_BROADCAST_TO, x, NULL, &shape); }
ppi_value ppi_sum(ppi_graph *g, ppi_value x) { return ppi_reduce_to(g, x, ppi_shape1(1)); }

ppi_value ppi_mean(ppi_graph *g, ppi_value x) {
    const ppi_value_info *info = info_of(g, x);
    const ppi_value sum = ppi_sum(g, x);
    return ppi_scale(g, sum, info ? (float)(1.0 / (double)ppi_shape_count(&info->shape)) : 0.0f);
}

ppi_value ppi_linear(ppi_graph *g, ppi_value x, ppi_value w, ppi_value b, ppi_act act) {
    return one(g, PPI_OP_LINEAR, b == PPI_NONE ? 2 : 3, (ppi_value[]){x, w, b}, &(ppi_op_params){.act = {act}}, NULL);
}

ppi_value ppi_matmul(ppi_graph *g, ppi_value a, ppi_value b, bool trans_a, bool trans_b) {
    return one(g, PPI_OP_MATMUL, 2, (ppi_value[]){a, b}, &(ppi_op_params){.matmul = {trans_a, trans_b}}, NULL);
}

ppi_value ppi_activation(ppi_graph *g, ppi_value x, ppi_act act) {
    return act == PPI_ACT_NONE ? x : unary(g, PPI_OP_ACT, x, &(ppi_op_params){.act = {act}}, NULL);
}

ppi_value ppi_layer_norm(ppi_graph *g, ppi_value x, ppi_value gain, ppi_value offset, float eps) {
    return one(g, PPI_OP_LAYER_NORM, 3, (ppi_value[]){x, gain, offset}, &(ppi_op_params){.norm = {eps}}, NULL);
}

ppi_value ppi_batch_norm(ppi_graph *g, ppi_value x, ppi_value gain, ppi_value offset, float eps, ppi_value *mean, ppi_value *var) {
    ppi_value out[PPI_MAX_OUTPUTS] = {PPI_NONE, PPI_NONE, PPI_NONE};
    (void)ppi_node_add(g, PPI_OP_BATCH_NORM, 3, (ppi_value[]){x, gain, offset}, &(ppi_op_params){.norm = {.eps = eps}}, NULL, out);
    if (mean) *mean = out[1];
    if (var) *var = out[2];
    return out[0];
}

ppi_value ppi_batch_norm_with(ppi_graph *g, ppi_value x, ppi_value gain, ppi_value offset, ppi_value mean, ppi_value var, float eps) {
    return one(g, PPI_OP_BATCH_NORM, 5, (ppi_value[]){x, gain, offset, mean, var}, &(ppi_op_params){.norm = {.eps = eps}}, NULL);
}

void ppi_running_mean(ppi_graph *g, const char *name, ppi_value v, ppi_init init, float decay) {
    const ppi_value_info *info = info_of(g, v);
    if (!info) return;
    int index = -1;
    pp_status s = g->params ? PP_OK : ppi_fail(PP_ERR_ARGUMENT, "running mean \"%s\" in a graph without parameters", name);
    if (s == PP_OK && (info->roles != PPI_VALUE_TEMP || info->dtype != PPI_F32)) {
        s = ppi_fail(PP_ERR_ARGUMENT, "running mean \"%s\" of %s, expected an f32 result of an op that nothing else keeps", name, info->name);
    }
    if (s == PP_OK) s = ppi_params_add_running(g->params, name, &info->shape, init, decay, &index);
    if (s != PP_OK) {
        (void)ppi_graph_fail(g, s);
        return;
    }
    ppi_graph_mark(g, v, PPI_VALUE_PARAM_GRAD, index);
}

ppi_value ppi_softmax(ppi_graph *g, ppi_value x) { return unary(g, PPI_OP_SOFTMAX, x, NULL, NULL); }
ppi_value ppi_log_softmax(ppi_graph *g, ppi_value x) { return unary(g, PPI_OP_LOG_SOFTMAX, x, NULL, NULL); }

ppi_value ppi_attention_blocked(ppi_graph *g, ppi_value q, ppi_value k, ppi_value v, int heads, float scale, const ppi_mask *mask,
                                ppi_value blocked, float dropout) {
    ppi_op_params p = {.attention = {.heads = heads, .scale = scale, .mask = {.kind = PPI_MASK_FULL, .drop_slot = -1}, .dropout = dropout}};
    if (mask) p.attention.mask = *mask;
    if (dropout != 0.0f) p.attention.site = g->n_sites++;
    return one(g, PPI_OP_ATTENTION, blocked == PPI_NONE ? 3 : 4, (ppi_value[]){q, k, v, blocked}, &p, NULL);
}

ppi_value ppi_attention(ppi_graph *g, ppi_value q, ppi_value k, ppi_value v, int heads, float scale, const ppi_mask *mask) {
    return ppi_attention_blocked(g, q, k, v, heads, scale, mask, PPI_NONE, 0.0f);
}

ppi_value ppi_embedding(ppi_graph *g, ppi_value table, ppi_value ids) {
    return one(g, PPI_OP_EMBEDDING, 2, (ppi_value[]){table, ids}, NULL, NULL);
}

ppi_value ppi_cross_entropy(ppi_graph *g, ppi_value logits, ppi_value targets) {
    return one(g, PPI_OP_CROSS_ENTROPY, 2, (ppi_value[]){logits, targets}, NULL, NULL);
}

ppi_value ppi_cross_entropy_smooth(ppi_graph *g, ppi_value logits, ppi_value targets, float smoothing) {
    return one(g, PPI_OP_CROSS_ENTROPY, 2, (ppi_value[]){logits, targets}, &(ppi_op_params){.cross_entropy = {smoothing}}, NULL);
}

ppi_value ppi_dropout(ppi_graph *g, ppi_value x, float p) {
    if (p == 0.0f) return x;
    return unary(g, PPI_OP_DROPOUT, x, &(ppi_op_params){.dropout = {p, g->n_sites++, {NULL, 0}}}, NULL);
}

ppi_value ppi_conv2d(ppi_graph *g, ppi_value x, ppi_value w, ppi_value b, int stride, int pad, ppi_act act) {
    const ppi_op_params p = {.conv = {.stride = stride, .pad = pad, .act = act}};
    return one(g, PPI_OP_CONV2D, b == PPI_NONE ? 2 : 3, (ppi_value[]){x, w, b}, &p, NULL);
}

ppi_value ppi_conv2d_same(ppi_graph *g, ppi_value x, ppi_value w, ppi_value b, int stride, ppi_act act) {
    const ppi_op_params p = {.conv = {.stride = stride, .act = act, .same = true}};
    return one(g, PPI_OP_CONV2D, b == PPI_NONE ? 2 : 3, (ppi_value[]){x, w, b}, &p, NULL);
}

ppi_value ppi_max_pool2d(ppi_graph *g, ppi_value x, int kernel, int stride, bool same) {
    const ppi_op_params p = {.pool = {.kernel = kernel, .stride = stride, .same = same}};
    return unary(g, PPI_OP_MAX_POOL2D, x, &p, NULL);
}

ppi_value ppi_pick(ppi_graph *g, ppi_value x, ppi_value ids) { return one(g, PPI_OP_PICK, 2, (ppi_value[]){x, ids}, NULL, NULL); }

ppi_value ppi_one_hot(ppi_graph *g, ppi_value x, int parts, const int32_t *size) {
    ppi_op_params p = {.one_hot = {.parts = parts}};
    for (int i = 0; i < parts && i < PPI_MAX_PARTS; i++) p.one_hot.size[i] = size[i];
    return unary(g, PPI_OP_ONE_HOT, x, &p, NULL);
}

ppi_value ppi_lstm(ppi_graph *g, ppi_value x_gates, ppi_value w_h, ppi_value h0, ppi_value c0, ppi_value reset, ppi_value *c) {
    ppi_value out[PPI_MAX_OUTPUTS] = {PPI_NONE, PPI_NONE, PPI_NONE};
    (void)ppi_node_add(g, PPI_OP_LSTM, 5, (ppi_value[]){x_gates, w_h, h0, c0, reset}, NULL, NULL, out);
    if (c) *c = out[1];
    return out[0];
}
