/* Shape rules: from the input shapes and parameters of a node to the shapes and dtypes of its outputs. */
#include "tensor/rules.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

typedef pp_status (*infer_fn)(ppi_infer *s);

const char *ppi_shape_text(char text[PPI_SHAPE_TEXT], const ppi_shape *s) {
    int at = snprintf(text, PPI_SHAPE_TEXT, "[");
    for (int i = 0; i < s->ndim && at < PPI_SHAPE_TEXT - 24; i++) {
        at += snprintf(text + at, (size_t)(PPI_SHAPE_TEXT - at), i ? ",%lld" : "%lld", (long long)s->dim[i]);
    }
    snprintf(text + at, (size_t)(PPI_SHAPE_TEXT - at), "]");
    return text;
}

const char *ppi_dtype_name(ppi_dtype t) {
    static const char *const name[PPI_DTYPE_COUNT] = {"f32", "bf16", "f64", "i32", "u8"};
    return (unsigned)t < PPI_DTYPE_COUNT ? name[t] : "?";
}

/* PP_ERR_SHAPE naming the op, the shapes seen and what was expected. */
static pp_status bad(const ppi_infer *s, const char *expected) {
    char all[PPI_MAX_INPUTS * PPI_SHAPE_TEXT];
    char one[PPI_SHAPE_TEXT];
    size_t at = 0;
    all[0] = 0;
    for (int i = 0; i < s->n_in; i++) {
        const int n = snprintf(all + at, sizeof all - at, "%s%s %s", i ? ", " : "", ppi_dtype_name(s->in[i]->dtype),
                               ppi_shape_text(one, &s->in[i]->shape));
        at += (size_t)n;
    }
    if (s->want) snprintf(all + at, sizeof all - at, " -> %s", ppi_shape_text(one, s->want));
    return ppi_fail(PP_ERR_SHAPE, "%s of %s: expected %s", ppi_op_get(s->op)->name, all, expected);
}

static const ppi_shape *shape_in(const ppi_infer *s, int i) { return &s->in[i]->shape; }
static int64_t last_dim(const ppi_shape *s) { return s->dim[s->ndim - 1]; }

/* True when `small` broadcasts to `big` by the numpy rule. */
static bool broadcasts(const ppi_shape *small, const ppi_shape *big) {
    if (small->ndim > big->ndim) return false;
    const int shift = big->ndim - small->ndim;
    for (int i = 0; i < small->ndim; i++) {
        if (small->dim[i] != 1 && small->dim[i] != big->dim[shift + i]) return false;
    }
    return true;
}

static pp_status need_float(const ppi_infer *s, int from, int to) {
    for (int i = from; i < to; i++) {
        if (!ppi_dtype_is_float(s->in[i]->dtype)) return bad(s, "floating-point operands");
    }
    return PP_OK;
}

static pp_status ppi_infer_cast(ppi_infer *s) {
    if (!ppi_dtype_is_float(s->want_dtype)) return bad(s, "a floating-point result type");
    s->shape[0] = *shape_in(s, 0);
    s->dtype[0] = s->want_dtype;
    return PP_OK;
}

static pp_status ppi_infer_reshape(ppi_infer *s) {
    if (!s->want || ppi_shape_count(s->want) != ppi_shape_count(shape_in(s, 0))) return bad(s, "equal element counts");
    s->shape[0] = *s->want;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_permute(ppi_infer *s) {
    const ppi_shape *x = shape_in(s, 0);
    unsigned seen = 0;
    s->shape[0].ndim = x->ndim;
    for (int i = 0; i < x->ndim; i++) {
        const int p = s->params->permute.perm[i];
        if (p < 0 || p >= x->ndim || (seen & (1u << p))) return bad(s, "a permutation of all dimensions");
        seen |= 1u << p;
        s->shape[0].dim[i] = x->dim[p];
    }
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

/* `want` holds the count as its only dimension. */
static pp_status ppi_infer_slice(ppi_infer *s) {
    const ppi_shape *x = shape_in(s, 0);
    const int axis = s->params->slice.axis;
    const int64_t start = s->params->slice.start;
    const int64_t step = s->params->slice.step;
    if (axis < 0 || axis >= x->ndim || !s->want) return bad(s, "an axis inside the shape");
    const int64_t count = s->want->dim[0];
    if (count < 1 || step < 1 || start < 0 || start + (count - 1) * step >= x->dim[axis]) {
        char text[PPI_SHAPE_TEXT];
        return ppi_fail(PP_ERR_SHAPE, "slice of %s: axis %d, start %lld, count %lld, step %lld leaves the axis", ppi_shape_text(text, x),
                        axis, (long long)start, (long long)count, (long long)step);
    }
    s->params->slice.full = x->dim[axis];
    s->shape[0] = *x;
    s->shape[0].dim[axis] = count;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_slice_grad(ppi_infer *s) {
    const ppi_shape *dy = shape_in(s, 0);
    const int axis = s->params->slice.axis;
    if (axis < 0 || axis >= dy->ndim) return bad(s, "an axis inside the shape");
    if (s->params->slice.start + (dy->dim[axis] - 1) * s->params->slice.step >= s->params->slice.full) return bad(s, "rows inside the axis");
    s->shape[0] = *dy;
    s->shape[0].dim[axis] = s->params->slice.full;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

/* True when the list names n rows of x in ascending order. */
static bool rows_inside(const ppi_row_list *rows, const ppi_shape *x) {
    const int64_t all = ppi_shape_count(x) / last_dim(x);
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->at[i] < (i ? rows->at[i - 1] + 1 : 0) || rows->at[i] >= all) return false;
    }
    return rows->at != NULL && rows->n > 0;
}

static pp_status ppi_infer_take_rows(ppi_infer *s) {
    const ppi_row_list *rows = &s->params->take.rows;
    const ppi_shape *x = shape_in(s, 0);
    if (!s->want || !rows_inside(rows, x) || last_dim(s->want) != last_dim(x) || ppi_shape_count(s->want) != rows->n * last_dim(x)) {
        return bad(s, "ascending rows of x and a result of as many");
    }
    s->shape[0] = *s->want;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_take_rows_grad(ppi_infer *s) {
    const ppi_row_list *rows = &s->params->take.rows;
    const ppi_shape *dy = shape_in(s, 0);
    if (!s->want || !rows_inside(rows, s->want) || last_dim(s->want) != last_dim(dy) || ppi_shape_count(dy) != rows->n * last_dim(dy)) {
        return bad(s, "ascending rows of the result and as many of dy");
    }
    s->shape[0] = *s->want;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_concat(ppi_infer *s) {
    const int axis = s->params->concat.axis;
    ppi_shape y = *shape_in(s, 0);
    if (axis < 0 || axis >= y.ndim) return bad(s, "an axis inside the shape");
    for (int i = 1; i < s->n_in; i++) {
        const ppi_shape *x = shape_in(s, i);
        if (x->ndim != y.ndim || s->in[i]->dtype != s->in[0]->dtype) return bad(s, "inputs of one rank and dtype");
        for (int d = 0; d < y.ndim; d++) {
            if (d != axis && x->dim[d] != y.dim[d]) return bad(s, "equal dimensions apart from the axis");
        }
        y.dim[axis] += x->dim[axis];
    }
    s->shape[0] = y;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_broadcast(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 2));
    if (!broadcasts(shape_in(s, 1), shape_in(s, 0))) return bad(s, "a second operand that broadcasts to the first");
    s->shape[0] = *shape_in(s, 0);
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status check_probability(const char *what, float p) {
    if (p >= 0.0f && p < 1.0f) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "%s is %g, expected 0 <= p < 1", what, (double)p);
}

static pp_status ppi_infer_same(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 1));
    if (s->op == PPI_OP_DROPOUT) PPI_TRY(check_probability("dropout probability", s->params->dropout.p));
    s->shape[0] = *shape_in(s, 0);
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_act_grad(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 2));
    if (!ppi_shape_equal(shape_in(s, 0), shape_in(s, 1))) return bad(s, "equal shapes");
    s->shape[0] = *shape_in(s, 0);
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_reduce_to(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 1));
    if (!s->want || !broadcasts(s->want, shape_in(s, 0))) return bad(s, "a target that broadcasts to the source");
    s->shape[0] = *s->want;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_broadcast_to(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 1));
    if (!s->want || !broadcasts(shape_in(s, 0), s->want)) return bad(s, "a source that broadcasts to the target");
    s->shape[0] = *s->want;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_linear(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, s->n_in));
    const ppi_shape *x = shape_in(s, 0);
    const ppi_shape *w = shape_in(s, 1);
    if (w->ndim != 2 || last_dim(x) != w->dim[0]) return bad(s, "x [...,K] and w [K,N]");
    if (s->params->act.act == PPI_ACT_HUBER) return ppi_fail(PP_ERR_ARGUMENT, "linear takes no huber loss as its activation");
    if (s->n_in > 2 && (shape_in(s, 2)->ndim != 1 || shape_in(s, 2)->dim[0] != w->dim[1])) return bad(s, "a bias [N]");
    for (int i = 0; i < 2; i++) {
        s->shape[i] = *x;
        s->shape[i].dim[x->ndim - 1] = w->dim[1];
        s->dtype[i] = PPI_F32;
    }
    return PP_OK;
}

static pp_status ppi_infer_matmul(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 2));
    const ppi_shape *a = shape_in(s, 0);
    const ppi_shape *b = shape_in(s, 1);
    const bool ta = s->params->matmul.trans_a;
    const bool tb = s->params->matmul.trans_b;
    const int64_t a_cols = last_dim(a);
    const int64_t a_rows = ppi_shape_count(a) / a_cols;
    const int64_t b_cols = last_dim(b);
    const int64_t b_rows = ppi_shape_count(b) / b_cols;
    const int64_t n = tb ? b_rows : b_cols;
    if ((ta ? a_rows : a_cols) != (tb ? b_cols : b_rows)) return bad(s, "equal inner dimensions");
    if (ta) {
        s->shape[0] = ppi_shape2(a_cols, n);
    } else {
        s->shape[0] = *a;
        s->shape[0].dim[a->ndim - 1] = n;
    }
    s->dtype[0] = PPI_F32;
    return PP_OK;
}

/* [rows of x] for the statistics of a row. */
static void norm_outputs(ppi_infer *s, const ppi_shape *x) {
    s->shape[0] = *x;
    s->shape[1] = ppi_shape1(ppi_shape_count(x) / last_dim(x));
    s->shape[2] = s->shape[1];
    for (int i = 0; i < 3; i++) s->dtype[i] = PPI_F32;
}

static pp_status ppi_infer_layer_norm(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 3));
    const ppi_shape *x = shape_in(s, 0);
    for (int i = 1; i < 3; i++) {
        if (shape_in(s, i)->ndim != 1 || shape_in(s, i)->dim[0] != last_dim(x)) return bad(s, "x [...,C], gain [C], offset [C]");
    }
    norm_outputs(s, x);
    return PP_OK;
}

static pp_status ppi_infer_layer_norm_grad(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 5));
    const ppi_shape *x = shape_in(s, 1);
    const int64_t rows = ppi_shape_count(x) / last_dim(x);
    if (!ppi_shape_equal(shape_in(s, 0), x) || ppi_shape_count(shape_in(s, 2)) != last_dim(x) ||
        ppi_shape_count(shape_in(s, 3)) != rows || ppi_shape_count(shape_in(s, 4)) != rows) {
        return bad(s, "dy and x of one shape, gain [C], mean and rstd [rows]");
    }
    s->shape[0] = *x;
    s->shape[1] = ppi_shape1(last_dim(x));
    s->shape[2] = s->shape[1];
    for (int i = 0; i < 3; i++) s->dtype[i] = PPI_F32;
    return PP_OK;
}

static bool is_columns(const ppi_infer *s, int from, int to, int64_t c) {
    for (int i = from; i < to; i++) {
        if (shape_in(s, i)->ndim != 1 || shape_in(s, i)->dim[0] != c) return false;
    }
    return true;
}

static void batch_norm_outputs(ppi_infer *s, const ppi_shape *x) {
    s->shape[0] = *x;
    s->shape[1] = ppi_shape1(last_dim(x));
    s->shape[2] = s->shape[1];
    for (int i = 0; i < 3; i++) s->dtype[i] = PPI_F32;
}

static pp_status ppi_infer_batch_norm(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, s->n_in));
    const ppi_shape *x = shape_in(s, 0);
    if (s->n_in == 4 || !is_columns(s, 1, s->n_in, last_dim(x))) return bad(s, "x [...,C], gain and offset [C], no or both moments [C]");
    s->params->norm.given = s->n_in > 3;
    batch_norm_outputs(s, x);
    return PP_OK;
}

static pp_status ppi_infer_batch_norm_grad(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 5));
    const ppi_shape *x = shape_in(s, 1);
    if (!ppi_shape_equal(shape_in(s, 0), x) || !is_columns(s, 2, 5, last_dim(x))) return bad(s, "dy and x of one shape, gain, mean and variance [C]");
    batch_norm_outputs(s, x);
    return PP_OK;
}

/* `first`: the query operand; `blocked`: the operand of blocked keys, where there is one. */
static pp_status check_attention(ppi_infer *s, int first, int blocked) {
    const ppi_shape *q = shape_in(s, first);
    const ppi_shape *k = shape_in(s, first + 1);
    const ppi_shape *v = shape_in(s, first + 2);
    PPI_TRY(need_float(s, 0, blocked < s->n_in ? blocked : s->n_in));
    if (q->ndim != 3 || k->ndim != 3 || !ppi_shape_equal(k, v) || q->dim[0] != k->dim[0] || q->dim[2] != k->dim[2]) {
        return bad(s, "q [B,Nq,D], k and v [B,Nk,D]");
    }
    const int heads = s->params->attention.heads;
    if (heads < 1 || q->dim[2] % heads != 0) {
        return ppi_fail(PP_ERR_SHAPE, "attention: width %lld is not a multiple of %d heads", (long long)q->dim[2], heads);
    }
    const ppi_mask *m = &s->params->attention.mask;
    if (blocked < s->n_in) {
        const ppi_shape *b = shape_in(s, blocked);
        if (s->in[blocked]->dtype != PPI_U8 || b->ndim != 2 || b->dim[0] != k->dim[0] || b->dim[1] != k->dim[1]) {
            return bad(s, "blocked keys u8 [B,Nk]");
        }
    }
    PPI_TRY(check_probability("attention: dropout probability", s->params->attention.dropout));
    if (m->kind == PPI_MASK_BLOCK_CAUSAL && m->stride < 1) return ppi_fail(PP_ERR_ARGUMENT, "attention: block mask with stride %d", m->stride);
    return PP_OK;
}

static pp_status ppi_infer_attention(ppi_infer *s) {
    PPI_TRY(check_attention(s, 0, 3));
    const ppi_shape *q = shape_in(s, 0);
    s->shape[0] = *q;
    s->shape[1] = ppi_shape3(q->dim[0], s->params->attention.heads, q->dim[1]);
    s->dtype[0] = PPI_F32;
    s->dtype[1] = PPI_F32;
    return PP_OK;
}

static pp_status ppi_infer_attention_grad(ppi_infer *s) {
    PPI_TRY(check_attention(s, 1, 6));
    if (!ppi_shape_equal(shape_in(s, 0), shape_in(s, 1)) || !ppi_shape_equal(shape_in(s, 4), shape_in(s, 1))) {
        return bad(s, "dy and y of q's shape");
    }
    for (int i = 0; i < 3; i++) {
        s->shape[i] = *shape_in(s, 1 + i);
        s->dtype[i] = PPI_F32;
    }
    return PP_OK;
}

static pp_status ppi_infer_embedding(ppi_infer *s) {
    const ppi_shape *table = shape_in(s, 0);
    const ppi_shape *ids = shape_in(s, 1);
    PPI_TRY(need_float(s, 0, 1));
    if (table->ndim != 2 || s->in[1]->dtype != PPI_I32 || ids->ndim >= PPI_MAX_DIMS) return bad(s, "a table [V,D] and i32 ids");
    s->params->embedding.rows = table->dim[0];
    s->shape[0] = *ids;
    s->shape[0].dim[s->shape[0].ndim++] = table->dim[1];
    s->dtype[0] = PPI_F32;
    return PP_OK;
}

static pp_status ppi_infer_embedding_grad(ppi_infer *s) {
    const ppi_shape *dy = shape_in(s, 0);
    const ppi_shape *ids = shape_in(s, 1);
    PPI_TRY(need_float(s, 0, 1));
    if (s->in[1]->dtype != PPI_I32 || ppi_shape_count(dy) != ppi_shape_count(ids) * last_dim(dy)) return bad(s, "dy [...,D] and i32 ids [...]");
    s->shape[0] = ppi_shape2(s->params->embedding.rows, last_dim(dy));
    s->dtype[0] = PPI_F32;
    return PP_OK;
}

static bool targets_fit(const ppi_value_info *targets, const ppi_shape *logits) {
    if (targets->dtype == PPI_I32) return targets->shape.ndim == 1 && targets->shape.dim[0] == logits->dim[0];
    return ppi_dtype_is_float(targets->dtype) && ppi_shape_equal(&targets->shape, logits);
}

static pp_status ppi_infer_cross_entropy(ppi_infer *s) {
    const ppi_shape *logits = shape_in(s, 0);
    PPI_TRY(need_float(s, 0, 1));
    if (logits->ndim != 2 || !targets_fit(s->in[1], logits)) return bad(s, "logits [N,C] and targets i32 [N] or f32 [N,C]");
    PPI_TRY(check_probability("cross_entropy: label smoothing", s->params->cross_entropy.smoothing));
    if (s->params->cross_entropy.smoothing > 0.0f && s->in[1]->dtype != PPI_I32) return bad(s, "targets i32 [N] to smooth");
    for (int i = 0; i < 2; i++) {
        s->shape[i] = ppi_shape1(logits->dim[0]);
        s->dtype[i] = PPI_F32;
    }
    return PP_OK;
}

static pp_status ppi_infer_cross_entropy_grad(ppi_infer *s) {
    const ppi_shape *logits = shape_in(s, 1);
    if (logits->ndim != 2 || !targets_fit(s->in[2], logits) || ppi_shape_count(shape_in(s, 0)) != logits->dim[0] ||
        ppi_shape_count(shape_in(s, 3)) != logits->dim[0]) {
        return bad(s, "dloss [N], logits [N,C], targets, log-sum-exp [N]");
    }
    s->shape[0] = *logits;
    s->dtype[0] = PPI_F32;
    return PP_OK;
}

/* Results along a dimension of `size`. */
static int64_t conv_out(int64_t size, int64_t kernel, int stride, int pad, bool same) {
    return same ? (size + stride - 1) / stride : (size + 2 * pad - kernel) / stride + 1;
}

static pp_status ppi_infer_conv2d(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, s->n_in));
    const ppi_shape *x = shape_in(s, 0);
    const ppi_shape *w = shape_in(s, 1);
    const int stride = s->params->conv.stride;
    const int pad = s->params->conv.pad;
    const bool same = s->params->conv.same;
    if (x->ndim != 4 || w->ndim != 4 || x->dim[3] != w->dim[2]) return bad(s, "x [B,H,W,C] and w [KH,KW,C,O]");
    if (s->n_in > 2 && (shape_in(s, 2)->ndim != 1 || shape_in(s, 2)->dim[0] != w->dim[3])) return bad(s, "a bias [O]");
    if (stride < 1 || pad < 0) return ppi_fail(PP_ERR_ARGUMENT, "conv2d: stride %d, padding %d", stride, pad);
    if (s->params->conv.act != PPI_ACT_NONE && s->params->conv.act != PPI_ACT_RELU) return ppi_fail(PP_ERR_ARGUMENT, "conv2d takes no activation or relu");
    if (!same && (x->dim[1] + 2 * pad < w->dim[0] || x->dim[2] + 2 * pad < w->dim[1])) return bad(s, "an image at least as large as the kernel");
    s->params->conv.h = x->dim[1];
    s->params->conv.w = x->dim[2];
    s->shape[0] = ppi_shape4(x->dim[0], conv_out(x->dim[1], w->dim[0], stride, pad, same), conv_out(x->dim[2], w->dim[1], stride, pad, same),
                             w->dim[3]);
    s->dtype[0] = PPI_F32;
    return PP_OK;
}

static pp_status ppi_infer_conv2d_grad_x(ppi_infer *s) {
    const ppi_shape *dy = shape_in(s, 0);
    const ppi_shape *w = shape_in(s, 1);
    if (dy->ndim != 4 || w->ndim != 4 || dy->dim[3] != w->dim[3]) return bad(s, "dy [B,OH,OW,O] and w [KH,KW,C,O]");
    s->shape[0] = ppi_shape4(dy->dim[0], s->params->conv.h, s->params->conv.w, w->dim[2]);
    s->dtype[0] = PPI_F32;
    return PP_OK;
}

static pp_status ppi_infer_conv2d_grad_w(ppi_infer *s) {
    const ppi_shape *dy = shape_in(s, 0);
    const ppi_shape *x = shape_in(s, 1);
    if (dy->ndim != 4 || x->ndim != 4 || !s->want || s->want->ndim != 4 || s->want->dim[2] != x->dim[3] || s->want->dim[3] != dy->dim[3]) {
        return bad(s, "dy [B,OH,OW,O], x [B,H,W,C] and a target [KH,KW,C,O]");
    }
    s->shape[0] = *s->want;
    s->dtype[0] = PPI_F32;
    return PP_OK;
}

static pp_status ppi_infer_max_pool2d(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 1));
    const ppi_shape *x = shape_in(s, 0);
    const int kernel = s->params->pool.kernel;
    const int stride = s->params->pool.stride;
    const bool same = s->params->pool.same;
    if (x->ndim != 4) return bad(s, "x [B,H,W,C]");
    if (kernel < 1 || kernel > 15 || stride < 1) return ppi_fail(PP_ERR_ARGUMENT, "max_pool2d: kernel %d (1 to 15), stride %d", kernel, stride);
    if (!same && (x->dim[1] < kernel || x->dim[2] < kernel)) return bad(s, "an image at least as large as the window");
    s->params->pool.h = x->dim[1];
    s->params->pool.w = x->dim[2];
    s->shape[0] = ppi_shape4(x->dim[0], conv_out(x->dim[1], kernel, stride, 0, same), conv_out(x->dim[2], kernel, stride, 0, same), x->dim[3]);
    s->shape[1] = s->shape[0];
    s->dtype[0] = s->in[0]->dtype;
    s->dtype[1] = PPI_U8;
    return PP_OK;
}

static pp_status ppi_infer_max_pool2d_grad(ppi_infer *s) {
    const ppi_shape *dy = shape_in(s, 0);
    PPI_TRY(need_float(s, 0, 1));
    if (dy->ndim != 4 || s->in[1]->dtype != PPI_U8 || !ppi_shape_equal(dy, shape_in(s, 1))) return bad(s, "dy [B,OH,OW,C] and u8 places of its shape");
    s->shape[0] = ppi_shape4(dy->dim[0], s->params->pool.h, s->params->pool.w, dy->dim[3]);
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

/* True when y is x without its second dimension. */
static bool picked_of(const ppi_shape *y, const ppi_shape *x) {
    return (x->ndim == 2 || x->ndim == 3) && y->ndim == x->ndim - 1 && y->dim[0] == x->dim[0] && (x->ndim == 2 || y->dim[1] == x->dim[2]);
}

static pp_status ppi_infer_pick(ppi_infer *s) {
    const ppi_shape *x = shape_in(s, 0);
    PPI_TRY(need_float(s, 0, 1));
    const ppi_shape y = {x->ndim - 1, {x->dim[0], x->dim[2]}};
    if (!picked_of(&y, x) || s->in[1]->dtype != PPI_I32 || shape_in(s, 1)->ndim != 1 || shape_in(s, 1)->dim[0] != x->dim[0]) {
        return bad(s, "x [N,A] or [N,A,D] and i32 ids [N]");
    }
    s->shape[0] = y;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

static pp_status ppi_infer_pick_grad(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 1));
    if (!s->want || !picked_of(shape_in(s, 0), s->want) || s->in[1]->dtype != PPI_I32) return bad(s, "dy, i32 ids [N] and a target [N,A] or [N,A,D]");
    s->shape[0] = *s->want;
    s->dtype[0] = s->in[0]->dtype;
    return PP_OK;
}

/* True for flags [B,T]. */
static bool reset_fits(const ppi_value_info *reset, const ppi_shape *x) {
    return (reset->dtype == PPI_U8 || reset->dtype == PPI_I32) && reset->shape.ndim == 2 && reset->shape.dim[0] == x->dim[0] &&
           reset->shape.dim[1] == x->dim[1];
}

static bool is_matrix(const ppi_shape *s, int64_t rows, int64_t cols) { return s->ndim == 2 && s->dim[0] == rows && s->dim[1] == cols; }

static pp_status ppi_infer_lstm(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 4));
    const ppi_shape *x = shape_in(s, 0);
    const int64_t h = shape_in(s, 1)->dim[0];
    if (x->ndim != 3 || !is_matrix(shape_in(s, 1), h, x->dim[2]) || x->dim[2] != 4 * h || !is_matrix(shape_in(s, 2), x->dim[0], h) ||
        !is_matrix(shape_in(s, 3), x->dim[0], h) || !reset_fits(s->in[4], x)) {
        return bad(s, "gates [B,T,4H], w [H,4H], h0 and c0 [B,H], reset u8 or i32 [B,T]");
    }
    for (int i = 0; i < 3; i++) {
        s->shape[i] = ppi_shape3(x->dim[0], x->dim[1], i < 2 ? h : 4 * h);
        s->dtype[i] = PPI_F32;
    }
    return PP_OK;
}

static pp_status ppi_infer_lstm_grad(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 5));
    const ppi_shape *dh = shape_in(s, 0);
    const ppi_shape *gates = shape_in(s, 2);
    if (dh->ndim != 3 || !ppi_shape_equal(dh, shape_in(s, 1)) || gates->ndim != 3 || gates->dim[2] != 4 * dh->dim[2] || !reset_fits(s->in[5], dh)) {
        return bad(s, "dh and c [B,T,H], gates [B,T,4H], w [H,4H], c0 [B,H], reset [B,T]");
    }
    s->shape[0] = *gates;
    s->shape[1] = ppi_shape2(dh->dim[0], dh->dim[2]);
    s->shape[2] = s->shape[1];
    for (int i = 0; i < 3; i++) s->dtype[i] = PPI_F32;
    return PP_OK;
}

static pp_status ppi_infer_lstm_grad_w(ppi_infer *s) {
    PPI_TRY(need_float(s, 0, 3));
    const ppi_shape *dx = shape_in(s, 0);
    const ppi_shape *h = shape_in(s, 1);
    if (dx->ndim != 3 || h->ndim != 3 || dx->dim[2] != 4 * h->dim[2] || !reset_fits(s->in[3], h)) {
        return bad(s, "the gradient of the gates [B,T,4H], h [B,T,H], h0 [B,H], reset [B,T]");
    }
    s->shape[0] = ppi_shape2(h->dim[2], 4 * h->dim[2]);
    s->dtype[0] = PPI_F32;
    return PP_OK;
}

static pp_status ppi_infer_one_hot(ppi_infer *s) {
    const ppi_shape *x = shape_in(s, 0);
    const int parts = s->params->one_hot.parts;
    int64_t width = 0;
    if (s->in[0]->dtype != PPI_U8 && s->in[0]->dtype != PPI_I32) return bad(s, "x u8 or i32 [...,C]");
    if (parts < 1 || parts > PPI_MAX_PARTS || last_dim(x) % parts != 0) return bad(s, "a multiple of 1 to 8 components");
    for (int i = 0; i < parts; i++) {
        if (s->params->one_hot.size[i] < 1) return ppi_fail(PP_ERR_ARGUMENT, "one_hot: component %d has %d values", i, s->params->one_hot.size[i]);
        width += s->params->one_hot.size[i];
    }
    s->shape[0] = *x;
    s->shape[0].dim[x->ndim - 1] = width * (last_dim(x) / parts);
    s->dtype[0] = PPI_F32;
    return PP_OK;
}

static const infer_fn rule[PPI_OP_COUNT] = {
#define PP_OP(e, text, least, most, outputs, shape_rule, ...) [PPI_OP_##e] = ppi_infer_##shape_rule,
#include "tensor/ops.def"
#undef PP_OP
};

pp_status ppi_infer_run(ppi_infer *s) {
    for (int i = 0; i < s->n_in; i++) {
        if (s->in[i]->shape.ndim < 1) return bad(s, "at least one dimension");
    }
    return rule[s->op](s);
}
