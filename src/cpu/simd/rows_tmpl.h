/* Kernels that work row by row over the last dimension: layer norm, softmax, cross-entropy,
   embedding. Included once per instruction set after its vector header. */
#include <string.h>

#include "cpu/simd/team.h"

/* n elements of row r of an operand of width c, starting at column i. */
VFN vf row_get(const ppi_operand *x, int64_t at, int64_t n) {
    return n >= VW ? v_get(x->data, x->dtype, at) : v_get_n(x->data, x->dtype, at, n);
}

VFN void row_put(const ppi_operand *y, int64_t at, vf v, int64_t n) {
    if (n >= VW) {
        v_put(y->data, y->dtype, at, v);
    } else {
        v_put_n(y->data, y->dtype, at, v, n);
    }
}

/* The lanes of v that exist, others 0. */
VFN vf row_mask(vf v, int64_t n) {
    return n >= VW ? v : v_fill_n(v, n, v_zero());
}

static int64_t row_count(const ppi_operand *x) {
    const int64_t c = ppi_last_dim(&x->shape);
    return c > 0 ? ppi_shape_count(&x->shape) / c : 0;
}

static bool all_f32(const ppi_kernel_args *a, int from, int to) {
    for (int i = from; i < to; i++) {
        if (a->in[i].dtype != PPI_F32) return false;
    }
    return true;
}

/* ---- layer norm ---- */

static bool layer_norm_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && ppi_is_float(a->out[0].dtype) &&
           all_f32(a, 1, 3) && a->out[1].dtype == PPI_F32 && a->out[2].dtype == PPI_F32;
}

/* Sum of a row, or with `centre` of the squares of its distances from that; four sums run side by
   side, because each waits for itself. */
VFN float norm_sum(const void *x, const ppi_dtype t, int64_t at, int64_t c, const bool squares,
                   float centre) {
    const vf mean = v_set(centre);
    vf s[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    int64_t i = 0;
    for (; i + 4 * VW <= c; i += 4 * VW) {
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            const vf v = v_get(x, t, at + i + k * VW);
            const vf d = v_sub(v, mean);
            s[k] = squares ? v_fma(d, d, s[k]) : v_add(s[k], v);
        }
    }
    for (; i < c; i += VW) {
        const int64_t n = ppi_min64(VW, c - i);
        const vf v = v_get_n(x, t, at + i, n);
        const vf d = v_fill_n(v_sub(v, mean), n, v_zero());
        s[0] = squares ? v_fma(d, d, s[0]) : v_add(s[0], v);
    }
    return v_sum(v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
}

/* y = gain (x - mean) rstd + offset. */
VFN void norm_write(const ppi_kernel_args *a, const ppi_dtype yt, const ppi_dtype xt, int64_t at,
                    int64_t c, float mean, float rstd) {
    const float *gain = a->in[1].data;
    const float *offset = a->in[2].data;
    const vf vmean = v_set(mean);
    const vf vrstd = v_set(rstd);
    int64_t i = 0;
    for (; i + VW <= c; i += VW) {
        const vf xhat = v_mul(v_sub(v_get(a->in[0].data, xt, at + i), vmean), vrstd);
        v_put(a->out[0].data, yt, at + i, v_fma(xhat, v_load(gain + i), v_load(offset + i)));
    }
    if (i >= c) return;
    const vf xhat = v_mul(v_sub(v_get_n(a->in[0].data, xt, at + i, c - i), vmean), vrstd);
    v_put_n(a->out[0].data, yt, at + i,
            v_fma(xhat, v_load_n(gain + i, c - i), v_load_n(offset + i, c - i)), c - i);
}

VFN void layer_norm_row(const ppi_kernel_args *a, const ppi_dtype yt, const ppi_dtype xt,
                        int64_t row, int64_t c) {
    const void *x = a->in[0].data;
    const float mean = norm_sum(x, xt, row * c, c, false, 0.0f) / (float)c;
    const float variance = norm_sum(x, xt, row * c, c, true, mean) / (float)c;
    const float rstd = 1.0f / sqrtf(variance + a->params.norm.eps);
    if (a->out[0].data) norm_write(a, yt, xt, row * c, c, mean, rstd);
    if (a->out[1].data) ((float *)a->out[1].data)[row] = mean;
    if (a->out[2].data) ((float *)a->out[2].data)[row] = rstd;
}

static pp_status layer_norm_run(const ppi_kernel_args *a) {
    const int64_t c = ppi_last_dim(&a->in[0].shape);
    const int64_t rows = row_count(&a->in[0]);
    const int nt = ppi_team(rows * c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t row = 0; row < rows; row++) {
        const ppi_dtype yt = a->out[0].dtype;
        const ppi_dtype xt = a->in[0].dtype;
        if (xt == PPI_F32 && yt == PPI_BF16) {
            layer_norm_row(a, PPI_BF16, PPI_F32, row, c);
        } else if (xt == PPI_F32) {
            layer_norm_row(a, PPI_F32, PPI_F32, row, c);
        } else {
            layer_norm_row(a, yt, xt, row, c);
        }
    }
    return PP_OK;
}

static bool layer_norm_grad_accepts(const ppi_kernel_args *a) {
    return ppi_is_float(a->in[0].dtype) && ppi_is_float(a->in[1].dtype) && all_f32(a, 2, 5) &&
           ppi_is_float(a->out[0].dtype) && a->out[1].dtype == PPI_F32 &&
           a->out[2].dtype == PPI_F32;
}

/* Padded width of one thread's sums. */
static int64_t norm_pad(int64_t c) {
    return (c + 15) / 16 * 16;
}

static size_t layer_norm_grad_workspace(const ppi_kernel_args *a) {
    const int threads = a->threads < 1 ? 1 : a->threads;
    return (size_t)norm_pad(ppi_last_dim(&a->in[1].shape)) * 2 * (size_t)threads * sizeof(float);
}

/* The thread's sums over its rows. */
typedef struct norm_sums {
    float *dgain, *doffset; /* [c] */
} norm_sums;

/* Elements i.. of a row: dy gain and xhat; dy xhat and dy are added to the thread's sums. */
VFN vf norm_grad_part(const ppi_kernel_args *a, const ppi_dtype dt, const ppi_dtype xt, int64_t at,
                      int64_t i, vf mean, vf rstd, const norm_sums *w, vf *xhat) {
    const vf d = v_get(a->in[0].data, dt, at + i);
    *xhat = v_mul(v_sub(v_get(a->in[1].data, xt, at + i), mean), rstd);
    v_store(w->dgain + i, v_fma(d, *xhat, v_load(w->dgain + i)));
    v_store(w->doffset + i, v_add(v_load(w->doffset + i), d));
    return v_mul(d, v_load((const float *)a->in[2].data + i));
}

/* The same for the last n < VW elements, lanes beyond them 0. */
VFN vf norm_grad_tail(const ppi_kernel_args *a, const ppi_dtype dt, const ppi_dtype xt, int64_t at,
                      int64_t i, int64_t n, vf mean, vf rstd, const norm_sums *w, vf *xhat) {
    const vf d = v_get_n(a->in[0].data, dt, at + i, n);
    *xhat = v_mul(v_sub(v_get_n(a->in[1].data, xt, at + i, n), mean), rstd);
    v_store_n(w->dgain + i, v_fma(d, *xhat, v_load_n(w->dgain + i, n)), n);
    v_store_n(w->doffset + i, v_add(v_load_n(w->doffset + i, n), d), n);
    return v_mul(d, v_load_n((const float *)a->in[2].data + i, n));
}

/* dx of a row, rstd (dy gain - m1 - xhat m2), added to what is there when the node accumulates. */
VFN void norm_grad_write(const ppi_kernel_args *a, const ppi_dtype yt, const ppi_dtype dt,
                         const ppi_dtype xt, int64_t at, int64_t c, vf mean, vf rstd, vf m1,
                         vf m2) {
    const float *gain = a->in[2].data;
    void *y = a->out[0].data;
    int64_t i = 0;
    for (; i + VW <= c; i += VW) {
        const vf xhat = v_mul(v_sub(v_get(a->in[1].data, xt, at + i), mean), rstd);
        const vf g = v_mul(v_get(a->in[0].data, dt, at + i), v_load(gain + i));
        const vf dx = v_mul(rstd, v_fnma(xhat, m2, v_sub(g, m1)));
        v_put(y, yt, at + i, a->accumulate ? v_add(v_get(y, yt, at + i), dx) : dx);
    }
    const int64_t n = c - i;
    if (n <= 0) return;
    const vf xhat = v_mul(v_sub(v_get_n(a->in[1].data, xt, at + i, n), mean), rstd);
    const vf g = v_mul(v_get_n(a->in[0].data, dt, at + i, n), v_load_n(gain + i, n));
    const vf dx = v_mul(rstd, v_fnma(xhat, m2, v_sub(g, m1)));
    v_put_n(y, yt, at + i, a->accumulate ? v_add(v_get_n(y, yt, at + i, n), dx) : dx, n);
}

VFN void layer_norm_grad_row(const ppi_kernel_args *a, const ppi_dtype yt, const ppi_dtype dt,
                             const ppi_dtype xt, int64_t row, int64_t c, const norm_sums *w) {
    const int64_t at = row * c;
    const vf mean = v_set(((const float *)a->in[3].data)[row]);
    const vf rstd = v_set(((const float *)a->in[4].data)[row]);
    vf s1[2] = {v_zero(), v_zero()};
    vf s2[2] = {v_zero(), v_zero()};
    vf xhat;
    int64_t i = 0;
    for (; i + 2 * VW <= c; i += 2 * VW) {
#pragma GCC unroll 2
        for (int k = 0; k < 2; k++) {
            const vf g = norm_grad_part(a, dt, xt, at, i + k * VW, mean, rstd, w, &xhat);
            s1[k] = v_add(s1[k], g);
            s2[k] = v_fma(g, xhat, s2[k]);
        }
    }
    for (; i < c; i += VW) {
        const int64_t n = c - i;
        const vf g = n >= VW ? norm_grad_part(a, dt, xt, at, i, mean, rstd, w, &xhat)
                             : norm_grad_tail(a, dt, xt, at, i, n, mean, rstd, w, &xhat);
        s1[0] = v_add(s1[0], g);
        s2[0] = v_fma(g, xhat, s2[0]);
    }
    if (!a->out[0].data) return;
    const vf m1 = v_set(v_sum(v_add(s1[0], s1[1])) / (float)c);
    const vf m2 = v_set(v_sum(v_add(s2[0], s2[1])) / (float)c);
    norm_grad_write(a, yt, dt, xt, at, c, mean, rstd, m1, m2);
}

static void layer_norm_grad_rows(const ppi_kernel_args *a, ppi_range r, int64_t c,
                                 const norm_sums *w) {
    const ppi_dtype yt = a->out[0].dtype;
    const ppi_dtype dt = a->in[0].dtype;
    const ppi_dtype xt = a->in[1].dtype;
    const bool f32 = yt == PPI_F32 && xt == PPI_F32;
    for (int64_t row = r.from; row < r.to; row++) {
        if (f32 && dt == PPI_F32) {
            layer_norm_grad_row(a, PPI_F32, PPI_F32, PPI_F32, row, c, w);
        } else if (f32) {
            layer_norm_grad_row(a, PPI_F32, PPI_BF16, PPI_F32, row, c, w);
        } else {
            layer_norm_grad_row(a, yt, dt, xt, row, c, w);
        }
    }
}

static pp_status layer_norm_grad_run(const ppi_kernel_args *a) {
    const int64_t c = ppi_last_dim(&a->in[1].shape);
    const int64_t rows = row_count(&a->in[1]);
    const int64_t pad = norm_pad(c);
    const int nt = ppi_team(rows * c, a->threads);
    float *sums = a->workspace;
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const norm_sums w = {sums + 2 * pad * t, sums + 2 * pad * t + pad};
        memset(w.dgain, 0, (size_t)pad * 2 * sizeof(float));
        layer_norm_grad_rows(a, ppi_part(rows, 1, t, nt), c, &w);
    }
    for (int o = 1; o < 3; o++) {
        float *y = a->out[o].data;
        if (!y) continue;
        memcpy(y, sums + (o - 1) * pad, (size_t)c * sizeof(float));
        for (int t = 1; t < nt; t++) {
            for (int64_t i = 0; i < c; i++) y[i] += sums[2 * pad * t + (o - 1) * pad + i];
        }
    }
    return PP_OK;
}

/* ---- softmax ---- */

static bool row_unary_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && ppi_is_float(a->out[0].dtype);
}

static bool row_binary_accepts(const ppi_kernel_args *a) {
    return row_unary_accepts(a) && ppi_is_float(a->in[1].dtype);
}

/* Largest element of a row. */
static float row_max(const ppi_operand *x, int64_t at, int64_t c) {
    vf m = v_set(-INFINITY);
    for (int64_t i = 0; i < c; i += VW) {
        const int64_t n = c - i;
        const vf v = row_get(x, at + i, n);
        m = v_max(m, n >= VW ? v : v_fill_n(v, n, v_set(-INFINITY)));
    }
    return v_hmax(m);
}

/* Sum of e^(x - max) of a row. */
static float row_exp_sum(const ppi_operand *x, int64_t at, int64_t c, float max) {
    vf s = v_zero();
    for (int64_t i = 0; i < c; i += VW) {
        s = v_add(s, row_mask(v_exp(v_sub(row_get(x, at + i, c - i), v_set(max))), c - i));
    }
    return v_sum(s);
}

static pp_status softmax_run(const ppi_kernel_args *a) {
    const ppi_operand *x = &a->in[0];
    const int64_t c = ppi_last_dim(&x->shape);
    const int64_t rows = row_count(x);
    const int nt = ppi_team(rows * c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t row = 0; row < rows; row++) {
        const float max = row_max(x, row * c, c);
        const vf inv = v_set(1.0f / row_exp_sum(x, row * c, c, max));
        for (int64_t i = 0; i < c; i += VW) {
            const vf e = v_exp(v_sub(row_get(x, row * c + i, c - i), v_set(max)));
            row_put(&a->out[0], row * c + i, v_mul(e, inv), c - i);
        }
    }
    return PP_OK;
}

static pp_status softmax_grad_run(const ppi_kernel_args *a) {
    const ppi_operand *dy = &a->in[0], *y = &a->in[1];
    const int64_t c = ppi_last_dim(&y->shape);
    const int64_t rows = row_count(y);
    const int nt = ppi_team(rows * c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t row = 0; row < rows; row++) {
        const int64_t at = row * c;
        vf s = v_zero();
        for (int64_t i = 0; i < c; i += VW)
            s = v_fma(row_get(dy, at + i, c - i), row_get(y, at + i, c - i), s);
        const vf dot = v_set(v_sum(s));
        for (int64_t i = 0; i < c; i += VW) {
            const vf p = row_get(y, at + i, c - i);
            row_put(&a->out[0], at + i, v_mul(p, v_sub(row_get(dy, at + i, c - i), dot)), c - i);
        }
    }
    return PP_OK;
}

static pp_status log_softmax_run(const ppi_kernel_args *a) {
    const ppi_operand *x = &a->in[0];
    const int64_t c = ppi_last_dim(&x->shape);
    const int64_t rows = row_count(x);
    const int nt = ppi_team(rows * c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t row = 0; row < rows; row++) {
        const float max = row_max(x, row * c, c);
        const vf lse = v_set(max + logf(row_exp_sum(x, row * c, c, max)));
        for (int64_t i = 0; i < c; i += VW)
            row_put(&a->out[0], row * c + i, v_sub(row_get(x, row * c + i, c - i), lse), c - i);
    }
    return PP_OK;
}

static pp_status log_softmax_grad_run(const ppi_kernel_args *a) {
    const ppi_operand *dy = &a->in[0], *y = &a->in[1];
    const int64_t c = ppi_last_dim(&y->shape);
    const int64_t rows = row_count(y);
    const int nt = ppi_team(rows * c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t row = 0; row < rows; row++) {
        const int64_t at = row * c;
        vf s = v_zero();
        for (int64_t i = 0; i < c; i += VW)
            s = v_add(s, row_mask(row_get(dy, at + i, c - i), c - i));
        const vf sum = v_set(v_sum(s));
        for (int64_t i = 0; i < c; i += VW) {
            const vf p = v_exp(row_get(y, at + i, c - i));
            row_put(&a->out[0], at + i, v_fnma(p, sum, row_get(dy, at + i, c - i)), c - i);
        }
    }
    return PP_OK;
}

/* ---- cross-entropy ---- */

static bool cross_entropy_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && a->in[0].dtype == PPI_F32 &&
           (a->in[1].dtype == PPI_I32 || a->in[1].dtype == PPI_F32) && a->out[0].dtype == PPI_F32 &&
           a->out[1].dtype == PPI_F32;
}

/* Sum of target (lse - logit) over a row of soft targets. */
static float soft_loss(const ppi_operand *z, const ppi_operand *t, int64_t at, int64_t c,
                       float lse) {
    vf s = v_zero();
    for (int64_t i = 0; i < c; i += VW) {
        const vf gap = row_mask(v_sub(v_set(lse), row_get(z, at + i, c - i)), c - i);
        s = v_fma(row_get(t, at + i, c - i), gap, s);
    }
    return v_sum(s);
}

/* Sum of a row of logits. */
static float row_total(const ppi_operand *z, int64_t at, int64_t c) {
    vf s = v_zero();
    for (int64_t i = 0; i < c; i += VW) s = v_add(s, row_get(z, at + i, c - i));
    return v_sum(s);
}

/* Loss of a class, part of whose weight is spread over all. */
static float class_loss(const ppi_operand *z, int64_t at, int64_t c, int64_t id, float lse,
                        float smoothing) {
    const float own = lse - ((const float *)z->data)[at + id];
    if (smoothing == 0.0f) return own;
    return (1.0f - smoothing) * own + smoothing * (lse - row_total(z, at, c) / (float)c);
}

static pp_status cross_entropy_run(const ppi_kernel_args *a) {
    const ppi_operand *z = &a->in[0], *t = &a->in[1];
    const int64_t c = z->shape.dim[1];
    const int64_t rows = z->shape.dim[0];
    float *loss = a->out[0].data;
    float *lse_out = a->out[1].data;
    const int nt = ppi_team(rows * c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t row = 0; row < rows; row++) {
        const float max = row_max(z, row * c, c);
        const float lse = max + logf(row_exp_sum(z, row * c, c, max));
        if (lse_out) lse_out[row] = lse;
        if (!loss) continue;
        if (t->dtype == PPI_I32) {
            const int32_t id = ((const int32_t *)t->data)[row];
            loss[row] = id < 0 || id >= c
                            ? 0.0f
                            : class_loss(z, row * c, c, id, lse, a->params.cross_entropy.smoothing);
        } else {
            loss[row] = soft_loss(z, t, row * c, c, lse);
        }
    }
    return PP_OK;
}

static bool cross_entropy_grad_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && a->in[0].dtype == PPI_F32 && a->in[1].dtype == PPI_F32 &&
           (a->in[2].dtype == PPI_I32 || a->in[2].dtype == PPI_F32) && a->in[3].dtype == PPI_F32 &&
           a->out[0].dtype == PPI_F32;
}

/* scale (e^(z - lse) - floor), the part of the gradient that does not know the target's class. */
static void softmax_times(const ppi_kernel_args *a, int64_t at, int64_t c, float lse, float scale,
                          float floor) {
    for (int64_t i = 0; i < c; i += VW) {
        const vf p = v_exp(v_sub(row_get(&a->in[1], at + i, c - i), v_set(lse)));
        row_put(&a->out[0], at + i, v_mul(v_sub(p, v_set(floor)), v_set(scale)), c - i);
    }
}

static void cross_entropy_grad_row(const ppi_kernel_args *a, int64_t row, int64_t c) {
    const ppi_operand *t = &a->in[2];
    const float dloss = ((const float *)a->in[0].data)[row];
    const float lse = ((const float *)a->in[3].data)[row];
    float *dz = (float *)a->out[0].data + row * c;
    if (t->dtype == PPI_I32) {
        const int32_t id = ((const int32_t *)t->data)[row];
        if (id < 0 || id >= c) {
            memset(dz, 0, (size_t)c * sizeof(float));
            return;
        }
        const float smoothing = a->params.cross_entropy.smoothing;
        softmax_times(a, row * c, c, lse, dloss, smoothing / (float)c);
        dz[id] -= (1.0f - smoothing) * dloss;
        return;
    }
    vf s = v_zero();
    for (int64_t i = 0; i < c; i += VW) s = v_add(s, row_get(t, row * c + i, c - i));
    softmax_times(a, row * c, c, lse, dloss * v_sum(s), 0.0f);
    for (int64_t i = 0; i < c; i += VW) {
        const vf d = row_get(&a->out[0], row * c + i, c - i);
        row_put(&a->out[0], row * c + i, v_fnma(v_set(dloss), row_get(t, row * c + i, c - i), d),
                c - i);
    }
}

static pp_status cross_entropy_grad_run(const ppi_kernel_args *a) {
    const int64_t c = a->in[1].shape.dim[1];
    const int64_t rows = a->in[1].shape.dim[0];
    const int nt = ppi_team(rows * c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t row = 0; row < rows; row++) cross_entropy_grad_row(a, row, c);
    return PP_OK;
}

/* ---- embedding ---- */

static bool embedding_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && a->in[1].dtype == PPI_I32 &&
           ppi_is_float(a->out[0].dtype);
}

static int64_t clamp_id(int64_t id, int64_t rows) {
    return id < 0 ? 0 : id >= rows ? rows - 1 : id;
}

static pp_status embedding_run(const ppi_kernel_args *a) {
    const ppi_operand *table = &a->in[0];
    const int64_t c = table->shape.dim[1];
    const int64_t n = ppi_shape_count(&a->in[1].shape);
    const int32_t *ids = a->in[1].data;
    const int nt = ppi_team(n * c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t row = 0; row < n; row++) {
        const int64_t at = clamp_id(ids[row], table->shape.dim[0]) * c;
        for (int64_t i = 0; i < c; i += VW)
            row_put(&a->out[0], row * c + i, row_get(table, at + i, c - i), c - i);
    }
    return PP_OK;
}

static bool embedding_grad_accepts(const ppi_kernel_args *a) {
    return ppi_is_float(a->in[0].dtype) && a->in[1].dtype == PPI_I32 && a->out[0].dtype == PPI_F32;
}

/* Each thread owns a range of columns, so rows are added in the order of the ids whatever the
 * threads. */
static pp_status embedding_grad_run(const ppi_kernel_args *a) {
    const ppi_operand *dy = &a->in[0], *table = &a->out[0];
    const int64_t v = table->shape.dim[0];
    const int64_t c = table->shape.dim[1];
    const int64_t n = ppi_shape_count(&a->in[1].shape);
    const int32_t *ids = a->in[1].data;
    const int nt = ppi_team(n * c, a->threads);
    if (!a->accumulate) memset(table->data, 0, (size_t)(v * c) * sizeof(float));
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(c, 16, t, nt);
        for (int64_t row = 0; row < n; row++) {
            const int64_t at = clamp_id(ids[row], v) * c;
            for (int64_t i = r.from; i < r.to; i += VW) {
                const int64_t left = r.to - i;
                row_put(table, at + i,
                        v_add(row_get(table, at + i, left), row_get(dy, row * c + i, left)), left);
            }
        }
    }
    return PP_OK;
}

#define ROW_ENTRY(op, fn, accept)                                                                  \
    {                                                                                              \
        PPI_OP_##op, {                                                                             \
            PPI_SIMD_NAME #fn, accept, NULL, NULL, NULL, fn##_run                                  \
        }                                                                                          \
    }

const ppi_kernel_entry PPI_SIMD(rows_table)[] = {
    ROW_ENTRY(LAYER_NORM, layer_norm, layer_norm_accepts),
    {PPI_OP_LAYER_NORM_GRAD,
     {PPI_SIMD_NAME "layer_norm_grad", layer_norm_grad_accepts, layer_norm_grad_workspace, NULL,
      NULL, layer_norm_grad_run}},
    ROW_ENTRY(SOFTMAX, softmax, row_unary_accepts),
    ROW_ENTRY(SOFTMAX_GRAD, softmax_grad, row_binary_accepts),
    ROW_ENTRY(LOG_SOFTMAX, log_softmax, row_unary_accepts),
    ROW_ENTRY(LOG_SOFTMAX_GRAD, log_softmax_grad, row_binary_accepts),
    ROW_ENTRY(CROSS_ENTROPY, cross_entropy, cross_entropy_accepts),
    ROW_ENTRY(CROSS_ENTROPY_GRAD, cross_entropy_grad, cross_entropy_grad_accepts),
    ROW_ENTRY(EMBEDDING, embedding, embedding_accepts),
    ROW_ENTRY(EMBEDDING_GRAD, embedding_grad, embedding_grad_accepts),
    {0},
};
