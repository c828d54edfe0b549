/* Rows that nothing reads are not computed. Seen from its readers a value needs only some rows (all
   dimensions but the last): a slice needs the rows it picks, an op that treats rows one by one needs of
   its operand what is needed of its result. One walk back finds these sets, one walk forward shrinks the
   values, puts the picking of rows in front of the ops instead of behind them, and tells attention and
   dropout which rows are left. Kept rows have the results they would have had, so a builder writes the
   whole network and slices at its end. Done before differentiation, the gradient is small as well. */
#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "tensor/rules.h"

#include <string.h>

/* What the readers of a value need, and later what it holds. */
typedef struct rows_of {
    bool all;     /* every row */
    uint8_t *bit; /* [rows] needed; NULL: none so far */
    int64_t rows;
    bool read;         /* some node reads it */
    ppi_shape shape;   /* before shrinking */
    ppi_row_list held; /* rows it holds after shrinking; at NULL: all */
} rows_of;

typedef struct dead_rows {
    ppi_graph *g;
    ppi_arena arena;
    rows_of *v;
    int n_values;
    bool shrinks; /* some value does not need all rows */
    bool no_memory;
} dead_rows;

static int64_t last_dim(const ppi_shape *s) { return s->dim[s->ndim - 1]; }

/* The rule of a node, taking its parameters into account. */
static ppi_row_rule rule_of(const dead_rows *d, const ppi_node *n) {
    const ppi_row_rule rule = ppi_op_get(n->op)->rows;
    const ppi_shape *x = &d->v[n->in[0]].shape;
    const ppi_shape *y = &d->v[n->out[0]].shape;
    for (int j = 1; j < n->n_out; j++) {
        if (d->v[n->out[j]].read || d->v[n->out[j]].all) return PPI_ROWS_none;
    }
    if (rule == PPI_ROWS_slice) return n->params.slice.axis < x->ndim - 1 ? rule : PPI_ROWS_none;
    if (rule == PPI_ROWS_reshape) return last_dim(x) == last_dim(y) ? rule : PPI_ROWS_none;
    if (rule != PPI_ROWS_pair) return rule;
    const ppi_shape *b = &d->v[n->in[1]].shape;
    if (ppi_shape_equal(x, b)) return PPI_ROWS_pair;
    return ppi_shape_count(b) == last_dim(b) ? PPI_ROWS_each : PPI_ROWS_none; /* b: one row or one number */
}

/* Row of the slice's operand that row r of its result is. */
static int64_t slice_row(const ppi_node *n, const ppi_shape *y, int64_t r) {
    int64_t inner = 1;
    for (int i = n->params.slice.axis + 1; i < y->ndim - 1; i++) inner *= y->dim[i];
    const int64_t count = y->dim[n->params.slice.axis];
    const int64_t at = n->params.slice.start + r / inner % count * n->params.slice.step;
    return (r / inner / count * n->params.slice.full + at) * inner + r % inner;
}

/* ---- the walk back ---- */

static void need_all(dead_rows *d, ppi_value v) { d->v[v].all = true; }

static void need_row(dead_rows *d, ppi_value v, int64_t row) {
    rows_of *x = &d->v[v];
    if (x->all || d->no_memory) return;
    if (!x->bit) x->bit = ppi_arena_alloc(&d->arena, (size_t)x->rows);
    if (x->bit) {
        x->bit[row] = 1;
    } else {
        d->no_memory = true;
    }
}

/* Every batch element of attention gets the same query rows. */
static void unite_batches(rows_of *y) {
    const int64_t batch = y->shape.dim[0];
    const int64_t each = y->rows / batch;
    for (int64_t i = 0; i < each; i++) {
        uint8_t any = 0;
        for (int64_t b = 0; b < batch; b++) any |= y->bit[b * each + i];
        for (int64_t b = 0; b < batch; b++) y->bit[b * each + i] = any;
    }
}

/* The set as a list; at NULL when it is all rows. */
static void settle(dead_rows *d, rows_of *y) {
    int64_t n = 0;
    for (int64_t r = 0; r < y->rows; r++) n += y->bit[r];
    if (n == y->rows) {
        y->all = true;
        return;
    }
    int32_t *at = ppi_arena_alloc(&d->arena, (size_t)n * sizeof *at);
    if (!at) {
        d->no_memory = true;
        return;
    }
    y->held = (ppi_row_list){at, n};
    n = 0;
    for (int64_t r = 0; r < y->rows; r++) {
        if (y->bit[r]) at[n++] = (int32_t)r;
    }
    d->shrinks = true;
}

/* Hands what is needed of the result on to operand j, row by row. */
static void pass_on(dead_rows *d, const ppi_node *n, ppi_row_rule rule, int j) {
    const rows_of *y = &d->v[n->out[0]];
    for (int64_t r = 0; r < y->rows; r++) {
        if (y->all || y->bit[r]) need_row(d, n->in[j], rule == PPI_ROWS_slice ? slice_row(n, &y->shape, r) : r);
    }
}

static void node_needs(dead_rows *d, const ppi_node *n) {
    rows_of *y = &d->v[n->out[0]];
    const ppi_row_rule rule = rule_of(d, n);
    bool wanted = false;
    for (int j = 0; j < n->n_out; j++) wanted = wanted || d->v[n->out[j]].read || d->v[n->out[j]].all;
    if (!wanted || !y->bit || rule == PPI_ROWS_none) y->all = true; /* nobody reads it yet: a builder may still */
    if (!y->all && rule == PPI_ROWS_query) unite_batches(y);
    if (!y->all) settle(d, y);
    if (rule == PPI_ROWS_slice || rule == PPI_ROWS_reshape) {
        pass_on(d, n, rule, 0);
        return;
    }
    for (int j = 0; j < n->n_in; j++) {
        const bool by_rows = j == 0 || (j == 1 && rule == PPI_ROWS_pair);
        if (y->all || d->no_memory || !by_rows) {
            need_all(d, n->in[j]);
        } else {
            pass_on(d, n, rule, j);
        }
    }
}

static void find_needs(dead_rows *d, const ppi_value *keep, int n_keep) {
    for (int v = 0; v < d->n_values; v++) {
        const ppi_value_info *info = ppi_graph_value(d->g, v);
        d->v[v] = (rows_of){.all = info->roles != 0 || info->node < 0, .rows = ppi_shape_count(&info->shape) / last_dim(&info->shape),
                            .shape = info->shape};
        if (d->v[v].rows > INT32_MAX) need_all(d, v);
    }
    for (int i = 0; i < n_keep; i++) need_all(d, keep[i]);
    const int nodes = ppi_graph_node_count(d->g);
    for (int i = 0; i < nodes; i++) {
        const ppi_node *n = ppi_graph_node(d->g, i);
        for (int j = 0; j < n->n_in; j++) d->v[n->in[j]].read = true;
    }
    for (int i = nodes - 1; i >= 0 && !d->no_memory; i--) node_needs(d, ppi_graph_node(d->g, i));
}

/* ---- the walk forward ---- */

/* Shape of the kept rows: [batch, rows, last] when every batch element keeps the same ones, else [rows, last]. */
static ppi_shape kept_shape(const ppi_shape *s, const ppi_row_list *held) {
    const int64_t each = ppi_shape_count(s) / last_dim(s) / s->dim[0];
    const int64_t n = held->n / s->dim[0];
    bool periodic = s->ndim > 2 && held->n % s->dim[0] == 0;
    for (int64_t i = 0; periodic && i + n < held->n; i++) periodic = held->at[i + n] == held->at[i] + each;
    return periodic ? ppi_shape3(s->dim[0], n, last_dim(s)) : ppi_shape2(held->n, last_dim(s));
}

/* Where the wanted rows lie among those that v holds. A list of the whole value when all are taken in order. */
static ppi_row_list places_of(dead_rows *d, ppi_value v, const ppi_row_list *want) {
    const ppi_row_list *held = &d->v[v].held;
    const int64_t n = held->at ? held->n : d->v[v].rows;
    if (n == want->n) return (ppi_row_list){NULL, n};
    if (!held->at) return *want;
    int32_t *at = ppi_arena_alloc(&d->arena, (size_t)want->n * sizeof *at);
    if (!at) {
        d->no_memory = true;
        return (ppi_row_list){NULL, n};
    }
    int64_t k = 0;
    for (int64_t i = 0; i < want->n; i++) {
        while (held->at[k] < want->at[i]) k++;
        at[i] = (int32_t)k;
    }
    return (ppi_row_list){at, want->n};
}

/* v with exactly the wanted rows, in that shape. */
static ppi_value fetch(dead_rows *d, ppi_value v, const ppi_row_list *want, ppi_shape shape) {
    shape.dim[shape.ndim - 1] = last_dim(&d->v[v].shape);
    const ppi_row_list places = places_of(d, v, want);
    return places.at ? ppi_take_rows(d->g, v, places, shape) : ppi_reshape(d->g, v, shape);
}

/* Lists of an op that counts in rows of the whole tensor: told in rows of that tensor still. */
static pp_status narrow(dead_rows *d, const ppi_row_list *kept, int64_t n, ppi_row_list *list) {
    int32_t *at = ppi_arena_alloc(&d->arena, (size_t)n * sizeof *at);
    if (!at) return ppi_oom("rows of a node");
    for (int64_t i = 0; i < n; i++) at[i] = list->at ? list->at[kept->at[i]] : kept->at[i];
    *list = (ppi_row_list){at, n};
    return PP_OK;
}

/* A slice or reshape becomes a picking of rows from what is left of its operand. */
static pp_status repick(dead_rows *d, ppi_node *n, ppi_row_rule rule, const ppi_shape *shape) {
    const rows_of *y = &d->v[n->out[0]];
    const int64_t count = y->held.at ? y->held.n : y->rows;
    int32_t *at = ppi_arena_alloc(&d->arena, (size_t)count * sizeof *at);
    if (!at) return ppi_oom("rows of a node");
    for (int64_t i = 0; i < count; i++) {
        const int64_t r = y->held.at ? y->held.at[i] : i;
        at[i] = (int32_t)(rule == PPI_ROWS_slice ? slice_row(n, &y->shape, r) : r);
    }
    const ppi_row_list places = places_of(d, n->in[0], &(ppi_row_list){at, count});
    if (d->no_memory) return ppi_oom("rows of a node");
    n->op = places.at ? PPI_OP_TAKE_ROWS : PPI_OP_RESHAPE;
    memset(&n->params, 0, sizeof n->params);
    if (places.at) n->params.take.rows = places;
    return ppi_graph_readd(d->g, n, shape);
}

static pp_status rewrite(dead_rows *d, ppi_node *n) {
    const rows_of *y = &d->v[n->out[0]];
    const ppi_row_rule rule = rule_of(d, n);
    const ppi_shape shape = y->held.at ? kept_shape(&y->shape, &y->held) : y->shape;
    const bool picks = rule == PPI_ROWS_slice || rule == PPI_ROWS_reshape;
    if (picks && (y->held.at || d->v[n->in[0]].held.at)) return repick(d, n, rule, &shape);
    if (!y->held.at) return ppi_graph_readd(d->g, n, NULL);
    for (int j = 0; j < (rule == PPI_ROWS_pair ? 2 : 1); j++) n->in[j] = fetch(d, n->in[j], &y->held, shape);
    if (ppi_graph_status(d->g) != PP_OK) return ppi_graph_status(d->g);
    if (d->no_memory) return ppi_oom("rows of a node");
    if (rule == PPI_ROWS_query) PPI_TRY(narrow(d, &y->held, shape.dim[1], &n->params.attention.mask.q_rows));
    if (n->op == PPI_OP_DROPOUT) PPI_TRY(narrow(d, &y->held, y->held.n, &n->params.dropout.rows));
    return ppi_graph_readd(d->g, n, NULL);
}

static pp_status rewrite_all(dead_rows *d) {
    int n_nodes = 0;
    const bool before = ppi_graph_allow_shrunk(d->g, true);
    ppi_node **nodes = ppi_graph_take_nodes(d->g, &n_nodes);
    pp_status s = PP_OK;
    for (int i = 0; i < n_nodes && s == PP_OK; i++) s = rewrite(d, nodes[i]);
    ppi_free(nodes);
    ppi_graph_allow_shrunk(d->g, before);
    return s;
}

pp_status ppi_graph_skip_dead_rows(ppi_graph *g, const ppi_value *keep, int n_keep) {
    if (ppi_graph_status(g) != PP_OK) return ppi_graph_status(g);
    dead_rows d = {.g = g, .n_values = ppi_graph_value_count(g)};
    d.v = ppi_calloc((size_t)d.n_values + 1, sizeof *d.v);
    if (!d.v) return ppi_graph_fail(g, ppi_oom("row analysis"));
    find_needs(&d, keep, n_keep);
    pp_status s = d.no_memory ? ppi_oom("row analysis") : PP_OK;
    if (s == PP_OK && d.shrinks) s = rewrite_all(&d);
    ppi_arena_free(&d.arena);
    ppi_free(d.v);
    return s == PP_OK ? PP_OK : ppi_graph_fail(g, s);
}
