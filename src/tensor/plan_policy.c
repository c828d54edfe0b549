/* The dtype policy. F64 makes every f32 value double. BF16 stores a value in bfloat16 when its producer
   may write it so, every reader may read it so, and a matrix op reads or writes it; sums (ADD: the
   residual stream and accumulated gradients), inputs, outputs and parameter gradients stay f32. A matrix
   op that still has an f32 operand gets a bf16 copy of it, parameters through the compute block. */
#include "base/error.h"
#include "base/mem.h"
#include "tensor/plan_internal.h"

#include <stdio.h>

/* What the graph says about a root. */
typedef struct facts {
    bool barred;      /* some reader or the writer wants f32 */
    bool matrix_in;   /* a matrix op reads it */
    bool matrix_out;  /* a matrix op writes it */
    bool delicate;    /* a reader that sums or exponentiates reads it */
    int bf16_copy;    /* root of the bf16 copy made so far, -1 for none */
} facts;

static bool is_matrix_op(ppi_op op) {
    switch (op) {
    case PPI_OP_LINEAR:
    case PPI_OP_MATMUL:
    case PPI_OP_ATTENTION:
    case PPI_OP_ATTENTION_GRAD:
    case PPI_OP_CONV2D:
    case PPI_OP_LSTM:
    case PPI_OP_LSTM_GRAD:
    case PPI_OP_LSTM_GRAD_W:
    case PPI_OP_CONV2D_GRAD_X:
    case PPI_OP_CONV2D_GRAD_W: return true;
    default: return false;
    }
}

static bool is_delicate(ppi_op op) {
    return op == PPI_OP_SOFTMAX || op == PPI_OP_SOFTMAX_GRAD || op == PPI_OP_LOG_SOFTMAX || op == PPI_OP_LAYER_NORM ||
           op == PPI_OP_REDUCE_TO || op == PPI_OP_CAST;
}

static bool is_bias(const ppi_pstep *s, int j) { return (s->op == PPI_OP_LINEAR || s->op == PPI_OP_CONV2D) && j == 2; }

/* True when operand j of the step may be bf16. */
static bool takes_bf16(const ppi_pstep *s, int j) { return ((ppi_op_get(s->op)->bf16_in >> j) & 1u) && !is_bias(s, j); }

static void gather(const ppi_plan *p, facts *f) {
    for (int v = 0; v < p->n_values; v++) {
        f[v] = (facts){.barred = p->value[v].dtype != PPI_F32 || p->value[v].roles != 0, .bf16_copy = -1};
    }
    for (int i = 0; i < p->n_steps; i++) {
        const ppi_pstep *s = &p->step[i];
        for (int j = 0; j < s->n_in; j++) {
            facts *x = &f[p->value[s->in[j]].root];
            if (!takes_bf16(s, j) || s->op == PPI_OP_ADD) x->barred = true;
            if (is_matrix_op(s->op)) x->matrix_in = true;
            if (is_delicate(s->op)) x->delicate = true;
        }
        for (int j = 0; j < s->n_out; j++) {
            facts *y = &f[p->value[s->out[j]].root];
            if (!((ppi_op_get(s->op)->bf16_out >> j) & 1u) || s->op == PPI_OP_ADD) y->barred = true;
            if (is_matrix_op(s->op)) y->matrix_out = true;
        }
    }
}

static void set_dtypes(ppi_plan *p, const facts *f) {
    for (int v = 0; v < p->n_values; v++) {
        const facts *x = &f[p->value[v].root];
        if (!x->barred && (x->matrix_in || (x->matrix_out && !x->delicate))) p->value[v].dtype = PPI_BF16;
    }
}

/* A value with the shape and memory of `v` seen through another root. */
static int view_of(ppi_plan *p, int v, int root) {
    if (p->value[v].root == v) return root;
    ppi_pvalue view = p->value[v];
    view.root = root;
    view.roles = 0;
    view.param = -1;
    view.dtype = PPI_BF16;
    return ppi_plan_add_value(p, &view);
}

/* Root of the bf16 copy of root r. */
static int add_copy(ppi_plan *p, int r) {
    ppi_pvalue copy = p->value[r];
    copy.dtype = PPI_BF16;
    copy.root = p->n_values;
    copy.init = NULL;
    if (copy.roles & PPI_VALUE_PARAM) {
        copy.compute = true;
    } else {
        copy.roles = 0;
        copy.param = -1;
    }
    snprintf(copy.name, sizeof copy.name, "%.40s.bf16", p->value[r].name);
    return ppi_plan_add_value(p, &copy);
}

/* Steps as they are rebuilt with casts between them. */
typedef struct rebuilt {
    ppi_pstep *step;
    int n;
} rebuilt;

/* Gives operand j of the step a bf16 operand; may append a CAST. `f` has room for the values of the graph only. */
static pp_status lower_operand(ppi_plan *p, facts *f, rebuilt *out, ppi_pstep *s, int j) {
    const int v = s->in[j];
    const int r = p->value[v].root;
    if (p->value[r].dtype != PPI_F32 || !takes_bf16(s, j)) return PP_OK;
    if (f[r].bf16_copy < 0) {
        f[r].bf16_copy = add_copy(p, r);
        if (f[r].bf16_copy < 0) return ppi_oom("plan values");
        if (!p->value[f[r].bf16_copy].compute) {
            out->step[out->n++] = (ppi_pstep){.op = PPI_OP_CAST, .n_in = 1, .n_out = 1, .in = {r}, .out = {f[r].bf16_copy},
                                              .params = {.cast = {1.0f}}, .workspace_buffer = -1};
        }
    }
    s->in[j] = view_of(p, v, f[r].bf16_copy);
    return s->in[j] < 0 ? ppi_oom("plan values") : PP_OK;
}

static pp_status insert_casts(ppi_plan *p, facts *f) {
    const int roots = p->n_values;
    rebuilt out = {.step = ppi_calloc((size_t)p->n_steps + (size_t)roots + 1, sizeof *out.step)};
    if (!out.step) return ppi_oom("plan steps");
    pp_status st = PP_OK;
    for (int i = 0; i < p->n_steps && st == PP_OK; i++) {
        ppi_pstep s = p->step[i];
        for (int j = 0; is_matrix_op(s.op) && j < s.n_in && st == PP_OK; j++) st = lower_operand(p, f, &out, &s, j);
        out.step[out.n++] = s;
    }
    ppi_free(p->step);
    p->step = out.step;
    p->n_steps = out.n;
    return st;
}

pp_status ppi_plan_apply_policy(ppi_plan *p) {
    if (p->o.policy == PPI_DTYPE_POLICY_F32) return PP_OK;
    if (p->o.policy == PPI_DTYPE_POLICY_F64) {
        for (int v = 0; v < p->n_values; v++) {
            if (p->value[v].dtype == PPI_F32) p->value[v].dtype = PPI_F64;
        }
        return PP_OK;
    }
    facts *f = ppi_calloc((size_t)p->n_values + 1, sizeof *f);
    if (!f) return ppi_oom("plan policy");
    gather(p, f);
    set_dtypes(p, f);
    const pp_status s = insert_casts(p, f);
    ppi_free(f);
    return s;
}
