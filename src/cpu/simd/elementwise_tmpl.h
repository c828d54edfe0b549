/* Elementwise kernels: activations and their derivatives, add, mul, scale, cast, dropout, and the
   sums that are the gradients of broadcasts. Included once per instruction set after its vector
   header. */
#include <string.h>

#include "cpu/simd/team.h"
#include "cpu/simd/philox_tmpl.h"

/* Runs BODY for each range of 0..n-1 on a team; BODY sees `r`. */
#define EW_TEAM(n, unit, threads, BODY)                                                            \
    do {                                                                                           \
        const int nt_ = ppi_team(n, threads);                                                      \
        _Pragma(                                                                                   \
            "omp parallel for num_threads(nt_) schedule(static, 1) if (nt_ > 1)") for (int t_ = 0; \
                                                                                       t_ < nt_;   \
                                                                                       t_++) {     \
            const ppi_range r = ppi_part(n, unit, t_, nt_);                                        \
            BODY;                                                                                  \
        }                                                                                          \
    } while (0)

/* ---- one input ---- */

VFN void convert_range(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, float scale,
                       ppi_range r) {
    const vf s = v_set(scale);
    int64_t i = r.from;
    for (; i + VW <= r.to; i += VW) v_put(y, yt, i, v_mul(v_get(x, xt, i), s));
    if (i < r.to) v_put_n(y, yt, i, v_mul(v_get_n(x, xt, i, r.to - i), s), r.to - i);
}

void PPI_SIMD(convert)(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, float scale, int64_t n,
                       int threads) {
    EW_TEAM(n, 64, threads, {
        if (yt == PPI_BF16 && xt == PPI_F32) {
            convert_range(y, PPI_BF16, x, PPI_F32, scale, r);
        } else if (yt == PPI_F32 && xt == PPI_F32) {
            convert_range(y, PPI_F32, x, PPI_F32, scale, r);
        } else {
            convert_range(y, yt, x, xt, scale, r);
        }
    });
}

void PPI_SIMD(accumulate)(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, int64_t n,
                          int threads) {
    EW_TEAM(n, 64, threads, {
        int64_t i = r.from;
        for (; i + VW <= r.to; i += VW) v_put(y, yt, i, v_add(v_get(y, yt, i), v_get(x, xt, i)));
        const int64_t left = r.to - i;
        if (left > 0)
            v_put_n(y, yt, i, v_add(v_get_n(y, yt, i, left), v_get_n(x, xt, i, left)), left);
    });
}

VFN void act_range(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, const ppi_act act,
                   ppi_range r) {
    const bool f32 = yt == PPI_F32;
    int64_t i = r.from;
    for (; i + VW <= r.to; i += VW) v_put(y, yt, i, v_act(f32, v_get(x, xt, i), act));
    if (i < r.to) v_put_n(y, yt, i, v_act(f32, v_get_n(x, xt, i, r.to - i), act), r.to - i);
}

VFN void act_part(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, ppi_act act, ppi_range r) {
    switch (act) {
    case PPI_ACT_RELU:
        act_range(y, yt, x, xt, PPI_ACT_RELU, r);
        break;
    case PPI_ACT_GELU_TANH:
        act_range(y, yt, x, xt, PPI_ACT_GELU_TANH, r);
        break;
    case PPI_ACT_GELU_ERF:
        act_range(y, yt, x, xt, PPI_ACT_GELU_ERF, r);
        break;
    case PPI_ACT_TANH:
        act_range(y, yt, x, xt, PPI_ACT_TANH, r);
        break;
    case PPI_ACT_HUBER:
        act_range(y, yt, x, xt, PPI_ACT_HUBER, r);
        break;
    default:
        act_range(y, yt, x, xt, PPI_ACT_NONE, r);
        break;
    }
}

void PPI_SIMD(act)(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, ppi_act act, int64_t n,
                   int threads) {
    EW_TEAM(n, 64, threads, {
        if (yt == PPI_BF16 && xt == PPI_BF16) {
            act_part(y, PPI_BF16, x, PPI_BF16, act, r);
        } else if (yt == PPI_F32 && xt == PPI_F32) {
            act_part(y, PPI_F32, x, PPI_F32, act, r);
        } else {
            act_part(y, yt, x, xt, act, r);
        }
    });
}

static bool unary_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && ppi_is_float(a->out[0].dtype);
}

static pp_status act_run(const ppi_kernel_args *a) {
    PPI_SIMD(act)
    (a->out[0].data, a->out[0].dtype, a->in[0].data, a->in[0].dtype, a->params.act.act,
     ppi_shape_count(&a->in[0].shape), a->threads);
    return PP_OK;
}

static pp_status scale_run(const ppi_kernel_args *a) {
    PPI_SIMD(convert)
    (a->out[0].data, a->out[0].dtype, a->in[0].data, a->in[0].dtype, a->params.scale.alpha,
     ppi_shape_count(&a->in[0].shape), a->threads);
    return PP_OK;
}

/* Cast also reads u8 frames and i32 numbers. */
static bool cast_accepts(const ppi_kernel_args *a) {
    const ppi_dtype x = a->in[0].dtype;
    return !a->accumulate && ppi_is_float(a->out[0].dtype) &&
           (ppi_is_float(x) || x == PPI_U8 || x == PPI_I32);
}

static void cast_whole(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, float scale,
                       ppi_range r) {
    float part[64];
    for (int64_t i = r.from; i < r.to; i += 64) {
        const int64_t n = ppi_min64(64, r.to - i);
        if (xt == PPI_U8) {
            for (int64_t k = 0; k < n; k++) part[k] = (float)((const uint8_t *)x)[i + k] * scale;
        } else {
            for (int64_t k = 0; k < n; k++) part[k] = (float)((const int32_t *)x)[i + k] * scale;
        }
        char *to = (char *)y + (size_t)i * ppi_dtype_size(yt);
        convert_range(to, yt, part, PPI_F32, 1.0f, (ppi_range){0, n});
    }
}

static pp_status cast_run(const ppi_kernel_args *a) {
    const int64_t n = ppi_shape_count(&a->in[0].shape);
    const ppi_operand *x = &a->in[0];
    const ppi_operand *y = &a->out[0];
    const float scale = a->params.cast.scale;
    if (ppi_is_float(x->dtype)) {
        PPI_SIMD(convert)(y->data, y->dtype, x->data, x->dtype, scale, n, a->threads);
    } else {
        EW_TEAM(n, 64, a->threads, cast_whole(y->data, y->dtype, x->data, x->dtype, scale, r));
    }
    return PP_OK;
}

/* ---- derivative of an activation ---- */

static bool binary_same_accepts(const ppi_kernel_args *a) {
    return unary_accepts(a) && ppi_is_float(a->in[1].dtype);
}

/* Types of y, dy and x, as constants where the caller knows them. */
typedef struct grad_types {
    ppi_dtype y, d, x;
} grad_types;

VFN void act_grad_range(const ppi_kernel_args *a, const grad_types t, const ppi_act act,
                        ppi_range r) {
    void *y = a->out[0].data;
    const void *d = a->in[0].data;
    const void *x = a->in[1].data;
    const bool f32 = t.y == PPI_F32;
    int64_t i = r.from;
    for (; i + VW <= r.to; i += VW)
        v_put(y, t.y, i, v_mul(v_get(d, t.d, i), v_act_grad(f32, v_get(x, t.x, i), act)));
    const int64_t left = r.to - i;
    if (left > 0) {
        const vf slope = v_act_grad(f32, v_get_n(x, t.x, i, left), act);
        v_put_n(y, t.y, i, v_mul(v_get_n(d, t.d, i, left), slope), left);
    }
}

VFN void act_grad_part(const ppi_kernel_args *a, const grad_types t, ppi_range r) {
    switch (a->params.act.act) {
    case PPI_ACT_RELU:
        act_grad_range(a, t, PPI_ACT_RELU, r);
        break;
    case PPI_ACT_GELU_TANH:
        act_grad_range(a, t, PPI_ACT_GELU_TANH, r);
        break;
    case PPI_ACT_GELU_ERF:
        act_grad_range(a, t, PPI_ACT_GELU_ERF, r);
        break;
    case PPI_ACT_TANH:
        act_grad_range(a, t, PPI_ACT_TANH, r);
        break;
    case PPI_ACT_HUBER:
        act_grad_range(a, t, PPI_ACT_HUBER, r);
        break;
    default:
        act_grad_range(a, t, PPI_ACT_NONE, r);
        break;
    }
}

static pp_status act_grad_run(const ppi_kernel_args *a) {
    const grad_types t = {a->out[0].dtype, a->in[0].dtype, a->in[1].dtype};
    const bool all_bf16 = t.y == PPI_BF16 && t.d == PPI_BF16 && t.x == PPI_BF16;
    EW_TEAM(ppi_shape_count(&a->in[0].shape), 64, a->threads, {
        if (all_bf16) {
            act_grad_part(a, (grad_types){PPI_BF16, PPI_BF16, PPI_BF16}, r);
        } else {
            act_grad_part(a, t, r);
        }
    });
    return PP_OK;
}

/* ---- two inputs, the second broadcast ---- */

/* How b lies against a: a is [outer, mid, inner], b is [mid]. */
typedef struct broadcast_form {
    int64_t outer, mid, inner;
} broadcast_form;

/* True when the dims that b really has form one unbroken run of a's dims. */
static bool broadcast_split(broadcast_form *f, const ppi_shape *a, const ppi_shape *b) {
    const int shift = a->ndim - b->ndim;
    int first = a->ndim;
    int last = -1;
    for (int i = 0; i < b->ndim; i++) {
        if (b->dim[i] == 1) continue;
        if (first == a->ndim) first = shift + i;
        last = shift + i;
    }
    *f = (broadcast_form){1, 1, 1};
    for (int i = 0; i < a->ndim; i++) {
        const bool held = i >= shift && b->dim[i - shift] == a->dim[i];
        if (i >= first && i <= last && !held) return false;
        if (i < first && last >= 0) f->outer *= a->dim[i];
        if (i >= first && i <= last) f->mid *= a->dim[i];
        if (i > last) f->inner *= a->dim[i];
    }
    return true;
}

static bool binary_accepts(const ppi_kernel_args *a) {
    broadcast_form f;
    return binary_same_accepts(a) && broadcast_split(&f, &a->in[0].shape, &a->in[1].shape);
}

VFN vf binary_op(const bool mul, vf x, vf y) {
    return mul ? v_mul(x, y) : v_add(x, y);
}

/* Elements from..to-1 of a, where b's element of `from` is b_at and moves along. */
VFN void binary_vector(const ppi_kernel_args *a, const bool mul, int64_t from, int64_t to,
                       int64_t b_at) {
    const ppi_operand *y = &a->out[0], *p = &a->in[0], *q = &a->in[1];
    int64_t i = from;
    int64_t k = b_at;
    for (; i + VW <= to; i += VW, k += VW) {
        v_put(y->data, y->dtype, i,
              binary_op(mul, v_get(p->data, p->dtype, i), v_get(q->data, q->dtype, k)));
    }
    const int64_t left = to - i;
    if (left <= 0) return;
    const vf v =
        binary_op(mul, v_get_n(p->data, p->dtype, i, left), v_get_n(q->data, q->dtype, k, left));
    v_put_n(y->data, y->dtype, i, v, left);
}

/* Elements from..to-1 of a with one b. */
VFN void binary_scalar(const ppi_kernel_args *a, const bool mul, int64_t from, int64_t to,
                       int64_t b_at) {
    const ppi_operand *y = &a->out[0], *p = &a->in[0], *q = &a->in[1];
    float lane[VW];
    v_store(lane, v_get_n(q->data, q->dtype, b_at, 1));
    const vf b = v_set(lane[0]);
    int64_t i = from;
    for (; i + VW <= to; i += VW)
        v_put(y->data, y->dtype, i, binary_op(mul, v_get(p->data, p->dtype, i), b));
    if (i < to)
        v_put_n(y->data, y->dtype, i, binary_op(mul, v_get_n(p->data, p->dtype, i, to - i), b),
                to - i);
}

VFN void binary_range(const ppi_kernel_args *a, const bool mul, const broadcast_form *f,
                      ppi_range r) {
    const bool scalar = f->mid == 1 || f->inner > 1;
    const int64_t run = f->inner > 1 ? f->inner : f->mid == 1 ? f->outer : f->mid;
    for (int64_t i = r.from; i < r.to;) {
        const int64_t to = ppi_min64(r.to, (i / run + 1) * run);
        if (scalar) {
            binary_scalar(a, mul, i, to, f->mid == 1 ? 0 : i / f->inner % f->mid);
        } else {
            binary_vector(a, mul, i, to, i % f->mid);
        }
        i = to;
    }
}

static pp_status binary_run(const ppi_kernel_args *a, bool mul) {
    broadcast_form f;
    if (!broadcast_split(&f, &a->in[0].shape, &a->in[1].shape)) return PP_ERR_INTERNAL;
    const int64_t n = ppi_shape_count(&a->in[0].shape);
    if (mul) {
        EW_TEAM(n, 64, a->threads, binary_range(a, true, &f, r));
    } else {
        EW_TEAM(n, 64, a->threads, binary_range(a, false, &f, r));
    }
    return PP_OK;
}

static pp_status add_run(const ppi_kernel_args *a) {
    return binary_run(a, false);
}
static pp_status mul_run(const ppi_kernel_args *a) {
    return binary_run(a, true);
}

/* ---- sums over broadcast dims ---- */

/* x is [outer, mid, inner], the result [mid]; partial sums over blocks of rows keep the error
 * small. */
enum { REDUCE_ROWS = 256 };

static bool reduce_accepts(const ppi_kernel_args *a) {
    broadcast_form f;
    return ppi_is_float(a->in[0].dtype) && a->out[0].dtype == PPI_F32 &&
           broadcast_split(&f, &a->in[0].shape, &a->out[0].shape) &&
           (f.inner == 1 || f.outer == 1 || f.mid == 1 || f.inner >= VW);
}

/* Rows summed in registers before their sum is added to the result: as many streams as the hardware
   follows, and few enough additions in a row to keep the error small. */
enum { REDUCE_GROUP = 16 };
/* Rows of a block: more of them are summed block by block with the rounding error carried along, so
 * that the error does not grow with their number. Columns that a block's sum is kept for. */
enum { REDUCE_BLOCK = 256, REDUCE_PANEL = 512 };

/* y = the sum of rows r0..r1-1 of `vecs` vectors of columns at x, added to y unless `first`. */
VFN void reduce_group(float *y, const void *x, const ppi_dtype t, const int vecs, int64_t r0,
                      int64_t r1, int64_t width, int64_t col, bool first) {
    vf s[4];
#pragma GCC unroll 4
    for (int k = 0; k < vecs; k++) s[k] = v_get(x, t, r0 * width + col + k * VW);
    for (int64_t r = r0 + 1; r < r1; r++) {
#pragma GCC unroll 4
        for (int k = 0; k < vecs; k++) s[k] = v_add(s[k], v_get(x, t, r * width + col + k * VW));
    }
#pragma GCC unroll 4
    for (int k = 0; k < vecs; k++) {
        float *to = y + k * VW;
        v_store(to, first ? s[k] : v_add(v_load(to), s[k]));
    }
}

/* The same for the last n < VW columns. */
VFN void reduce_group_tail(float *y, const void *x, const ppi_dtype t, int64_t r0, int64_t r1,
                           int64_t width, int64_t col, int64_t n, bool first) {
    vf s = v_get_n(x, t, r0 * width + col, n);
    for (int64_t r = r0 + 1; r < r1; r++) s = v_add(s, v_get_n(x, t, r * width + col, n));
    v_store_n(y, first ? s : v_add(v_load_n(y, n), s), n);
}

static float reduce_run_sum(const void *x, ppi_dtype t, int64_t from, int64_t n) {
    double total = 0.0;
    for (int64_t i = 0; i < n;) {
        const int64_t to = ppi_min64(n, i + REDUCE_ROWS * VW);
        vf s = v_zero();
        for (; i + VW <= to; i += VW) s = v_add(s, v_get(x, t, from + i));
        if (i < to) s = v_add(s, v_get_n(x, t, from + i, to - i));
        i = to;
        total += (double)v_sum(s);
    }
    return (float)total;
}

/* y[0..n-1] = the sum of rows r0..r1-1 of the columns from `col` on, whole rows at a time. */
VFN void reduce_block(float *y, const void *x, const ppi_dtype t, int64_t r0, int64_t r1,
                      int64_t width, int64_t col, int64_t n) {
    for (int64_t at = r0; at < r1; at += REDUCE_GROUP) {
        const int64_t to = ppi_min64(r1, at + REDUCE_GROUP);
        const bool first = at == r0;
        int64_t c = 0;
        for (; c + 4 * VW <= n; c += 4 * VW)
            reduce_group(y + c, x, t, 4, at, to, width, col + c, first);
        for (; c + VW <= n; c += VW) reduce_group(y + c, x, t, 1, at, to, width, col + c, first);
        if (c < n) reduce_group_tail(y + c, x, t, at, to, width, col + c, n - c, first);
    }
}

/* y += sum; lost [n] is what the roundings so far have added to y beyond the sum (Kahan). */
VFN void reduce_carry(float *y, float *lost, const float *sum, int64_t n) {
    for (int64_t i = 0; i < n; i += VW) {
        const int64_t left = ppi_min64(VW, n - i);
        const vf old = v_load_n(y + i, left);
        const vf add = v_sub(v_load(sum + i), v_load(lost + i));
        const vf now = v_add(old, add);
        v_store(lost + i, v_sub(v_sub(now, old), add));
        v_store_n(y + i, now, left);
    }
}

/* Columns r of a [rows, width] matrix summed into y. */
VFN void reduce_columns(float *y, const void *x, const ppi_dtype t, int64_t rows, int64_t width,
                        ppi_range r) {
    float sum[REDUCE_PANEL] = {0};
    float lost[REDUCE_PANEL];
    for (int64_t col = r.from; col < r.to; col += REDUCE_PANEL) {
        const int64_t n = ppi_min64(REDUCE_PANEL, r.to - col);
        reduce_block(y + col, x, t, 0, ppi_min64(rows, REDUCE_BLOCK), width, col, n);
        memset(lost, 0, sizeof lost);
        for (int64_t r0 = REDUCE_BLOCK; r0 < rows; r0 += REDUCE_BLOCK) {
            reduce_block(sum, x, t, r0, ppi_min64(rows, r0 + REDUCE_BLOCK), width, col, n);
            reduce_carry(y + col, lost, sum, n);
        }
    }
}

static void reduce_part(float *y, const void *x, ppi_dtype t, int64_t rows, int64_t width,
                        ppi_range r) {
    if (t == PPI_F32) {
        reduce_columns(y, x, PPI_F32, rows, width, r);
    } else {
        reduce_columns(y, x, PPI_BF16, rows, width, r);
    }
}

static size_t reduce_workspace(const ppi_kernel_args *a) {
    return a->accumulate ? (size_t)ppi_shape_count(&a->out[0].shape) * sizeof(float) : 0;
}

static pp_status reduce_run(const ppi_kernel_args *a) {
    broadcast_form f;
    if (!broadcast_split(&f, &a->in[0].shape, &a->out[0].shape)) return PP_ERR_INTERNAL;
    const ppi_operand *x = &a->in[0];
    const int64_t n = f.outer * f.mid * f.inner;
    float *y = a->accumulate ? a->workspace : a->out[0].data;
    const int nt = ppi_team(n, a->threads);
    if (f.mid == 1) {
        y[0] = reduce_run_sum(x->data, x->dtype, 0, n);
    } else if (f.inner == 1) {
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
        for (int t = 0; t < nt; t++) {
            reduce_part(y, x->data, x->dtype, f.outer, f.mid, ppi_part(f.mid, 64, t, nt));
        }
    } else {
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
        for (int64_t m = 0; m < f.mid; m++) {
            float s = 0.0f;
            for (int64_t o = 0; o < f.outer; o++)
                s += reduce_run_sum(x->data, x->dtype, (o * f.mid + m) * f.inner, f.inner);
            y[m] = s;
        }
    }
    if (a->accumulate) PPI_SIMD(accumulate)(a->out[0].data, PPI_F32, y, PPI_F32, f.mid, a->threads);
    return PP_OK;
}

static bool broadcast_to_accepts(const ppi_kernel_args *a) {
    broadcast_form f;
    return unary_accepts(a) && broadcast_split(&f, &a->out[0].shape, &a->in[0].shape);
}

static void broadcast_part(const ppi_kernel_args *a, const broadcast_form *f, ppi_range r) {
    const ppi_operand *y = &a->out[0], *x = &a->in[0];
    const int64_t run = f->inner > 1 ? f->inner : f->mid == 1 ? f->outer : f->mid;
    for (int64_t i = r.from; i < r.to;) {
        const int64_t to = ppi_min64(r.to, (i / run + 1) * run);
        if (f->mid == 1 || f->inner > 1) {
            float lane[VW];
            v_store(lane, v_get_n(x->data, x->dtype, f->mid == 1 ? 0 : i / f->inner % f->mid, 1));
            const vf b = v_set(lane[0]);
            for (; i < to; i += VW) v_put_n(y->data, y->dtype, i, b, ppi_min64(VW, to - i));
        } else {
            for (; i < to; i += VW) {
                const int64_t n = ppi_min64(VW, to - i);
                v_put_n(y->data, y->dtype, i, v_get_n(x->data, x->dtype, i % f->mid, n), n);
            }
        }
        i = to;
    }
}

static pp_status broadcast_to_run(const ppi_kernel_args *a) {
    broadcast_form f;
    if (!broadcast_split(&f, &a->out[0].shape, &a->in[0].shape)) return PP_ERR_INTERNAL;
    EW_TEAM(ppi_shape_count(&a->out[0].shape), 64, a->threads, broadcast_part(a, &f, r));
    return PP_OK;
}

/* ---- dropout ---- */

static dropout_rule dropout_rule_of(const ppi_kernel_args *a) {
    const float p = a->params.dropout.p;
    return dropout_rule_make(a, a->params.dropout.site, ppi_dropout_threshold(p),
                             1.0f / (1.0f - p));
}

enum { PHILOX_ELEMENTS = PHILOX_SETS * PHILOX_WORDS };

VFN void dropout_range(void *y, const ppi_dtype yt, const void *x, const ppi_dtype xt,
                       const dropout_rule *rule, ppi_range r, int64_t shift) {
    const vf gain = v_set(rule->gain);
    for (int64_t i = r.from; i < r.to; i += PHILOX_ELEMENTS) {
        uint32_t words[PHILOX_ELEMENTS];
        philox_words(PHILOX_SETS, words, rule, (uint64_t)(i + shift) / 4);
        if (i + PHILOX_ELEMENTS <= r.to) {
#pragma GCC unroll 8
            for (int k = 0; k < PHILOX_ELEMENTS; k += VW)
                v_put(y, yt, i + k,
                      v_drop_below(words + k, rule->limit, v_mul(v_get(x, xt, i + k), gain)));
            continue;
        }
        for (int k = 0; i + k < r.to; k += VW) {
            const int64_t n = ppi_min64(VW, r.to - i - k);
            const vf v = v_mul(v_get_n(x, xt, i + k, n), gain);
            v_put_n(y, yt, i + k, v_drop_below(words + k, rule->limit, v), n);
        }
    }
}

static void dropout_part(const ppi_kernel_args *a, const dropout_rule *rule, ppi_range r,
                         int64_t shift) {
    const ppi_operand *y = &a->out[0], *x = &a->in[0];
    if (y->dtype == PPI_BF16 && x->dtype == PPI_F32) {
        dropout_range(y->data, PPI_BF16, x->data, PPI_F32, rule, r, shift);
    } else if (y->dtype == PPI_F32 && x->dtype == PPI_BF16) {
        dropout_range(y->data, PPI_F32, x->data, PPI_BF16, rule, r, shift);
    } else {
        dropout_range(y->data, y->dtype, x->data, x->dtype, rule, r, shift);
    }
}

/* Rows from a list must start at a group of Philox blocks. */
static bool dropout_accepts(const ppi_kernel_args *a) {
    return unary_accepts(a) &&
           (!a->params.dropout.rows.at || ppi_last_dim(&a->in[0].shape) % (4 * VW) == 0);
}

static pp_status dropout_run(const ppi_kernel_args *a) {
    const ppi_row_list *rows = &a->params.dropout.rows;
    const dropout_rule rule = dropout_rule_of(a);
    const int64_t n = ppi_shape_count(&a->in[0].shape);
    if (!rows->at) {
        EW_TEAM(n, 64, a->threads, dropout_part(a, &rule, r, 0));
        return PP_OK;
    }
    const int64_t cols = ppi_last_dim(&a->in[0].shape);
    const int nt = ppi_team(n, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t i = 0; i < n / cols; i++)
        dropout_part(a, &rule, (ppi_range){i * cols, (i + 1) * cols}, (rows->at[i] - i) * cols);
    return PP_OK;
}

#define EW_ENTRY(op, fn, text, accept)                                                             \
    {                                                                                              \
        PPI_OP_##op, {                                                                             \
            PPI_SIMD_NAME text, accept, NULL, NULL, NULL, fn##_run                                 \
        }                                                                                          \
    }

const ppi_kernel_entry PPI_SIMD(elementwise_table)[] = {
    EW_ENTRY(CAST, cast, "cast", cast_accepts),
    EW_ENTRY(ADD, add, "add", binary_accepts),
    EW_ENTRY(MUL, mul, "mul", binary_accepts),
    EW_ENTRY(SCALE, scale, "scale", unary_accepts),
    {PPI_OP_REDUCE_TO,
     {PPI_SIMD_NAME "reduce_to", reduce_accepts, reduce_workspace, NULL, NULL, reduce_run}},
    EW_ENTRY(BROADCAST_TO, broadcast_to, "broadcast_to", broadcast_to_accepts),
    EW_ENTRY(ACT, act, "act", unary_accepts),
    EW_ENTRY(ACT_GRAD, act_grad, "act_grad", binary_same_accepts),
    EW_ENTRY(DROPOUT, dropout, "dropout", dropout_accepts),
    {0},
};
