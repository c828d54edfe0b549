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

static void layer_norm_row(const ppi_kernel_args *a, int64_t row, int64_t c) {
    const ppi_operand *x = &a->in[0];
    const int64_t at = row * c;
    vf s = v_zero();
    for (int64_t i = 0; i < c; i += VW) s = v_add(s, row_get(x, at + i, c - i));
    const float mean = v_sum(s) / (float)c;
    const vf vmean = v_set(mean);
    vf s2 = v_zero();
    for (int64_t i = 0; i < c; i += VW) {
        const vf d = row_mask(v_sub(row_get(x, at + i, c - i), vmean), c - i);
        s2 = v_fma(d, d, s2);
    }
    const float rstd = 1.0f / sqrtf(v_sum(s2) / (float)c + a->params.norm.eps);
    const vf vrstd = v_set(rstd);
    if (a->out[0].data) {
        for (int64_t i = 0; i < c; i += VW) {
            const vf xhat = v_mul(v_sub(row_get(x, at + i, c - i), vmean), vrstd);
            row_put(&a->out[0], at + i,
                    v_fma(xhat, row_get(&a->in[1], i, c - i), row_get(&a->in[2], i, c - i)), c - i);
        }
    }
    if (a->out[1].data) ((float *)a->out[1].data)[row] = mean;
    if (a->out[2].data) ((float *)a->out[2].data)[row] = rstd;
}

static pp_status layer_norm_run(const ppi_kernel_args *a) {
    const int64_t c = ppi_last_dim(&a->in[0].shape);
    const int64_t rows = row_count(&a->in[0]);
    const int nt = ppi_team(rows * c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t row = 0; row < rows; row++) layer_norm_row(a, row, c);
    return PP_OK;
}

static bool layer_norm_grad_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && ppi_is_float(a->in[1].dtype) &&
           all_f32(a, 2, 5) && ppi_is_float(a->out[0].dtype) && a->out[1].dtype == PPI_F32 &&
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

/* dx of one row; dy xhat and dy are added to the thread's sums. */
static void layer_norm_grad_row(const ppi_kernel_args *a, int64_t row, int64_t c, float *dgain,
                                float *doffset) {
    const ppi_operand *dy = &a->in[0], *x = &a->in[1], *gain = &a->in[2];
    const int64_t at = row * c;
    const vf mean = v_set(((const float *)a->in[3].data)[row]);
    const vf rstd = v_set(((const float *)a->in[4].data)[row]);
    vf s1 = v_zero();
    vf s2 = v_zero();
    for (int64_t i = 0; i < c; i += VW) {
        const int64_t n = c - i;
        const vf d = row_get(dy, at + i, n);
        const vf xhat = v_mul(v_sub(row_get(x, at + i, n), mean), rstd);
        const vf g = v_mul(d, row_get(gain, i, n));
        s1 = v_add(s1, g);
        s2 = v_fma(g, xhat, s2);
        const vf e = v_mul(d, xhat);
        if (n >= VW) {
            v_store(dgain + i, v_add(v_load(dgain + i), e));
            v_store(doffset + i, v_add(v_load(doffset + i), d));
        } else {
            v_store_n(dgain + i, v_add(v_load_n(dgain + i, n), e), n);
            v_store_n(doffset + i, v_add(v_load_n(doffset + i, n), d), n);
        }
    }
    if (!a->out[0].data) return;
    const vf m1 = v_set(v_sum(s1) / (float)c);
    const vf m2 = v_set(v_sum(s2) / (float)c);
    for (int64_t i = 0; i < c; i += VW) {
        const int64_t n = c - i;
        const vf xhat = v_mul(v_sub(row_get(x, at + i, n), mean), rstd);
        const vf g = v_mul(row_get(dy, at + i, n), row_get(gain, i, n));
        row_put(&a->out[0], at + i, v_mul(rstd, v_sub(v_sub(g, m1), v_mul(xhat, m2))), n);
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
        float *dgain = sums + 2 * pad * t;
        float *doffset = dgain + pad;
        memset(dgain, 0, (size_t)pad * 2 * sizeof(float));
        const ppi_range r = ppi_part(rows, 1, t, nt);
        for (int64_t row = r.from; row < r.to; row++)
            layer_norm_grad_row(a, row, c, dgain, doffset);
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
            loss[row] = id < 0 || id >= c ? 0.0f : lse - ((const float *)z->data)[row * c + id];
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

/* scale e^(z - lse), the part of the gradient that does not know the target. */
static void softmax_times(const ppi_kernel_args *a, int64_t at, int64_t c, float lse, float scale) {
    for (int64_t i = 0; i < c; i += VW) {
        const vf p = v_exp(v_sub(row_get(&a->in[1], at + i, c - i), v_set(lse)));
        row_put(&a->out[0], at + i, v_mul(p, v_set(scale)), c - i);
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
        softmax_times(a, row * c, c, lse, dloss);
        dz[id] -= dloss;
        return;
    }
    vf s = v_zero();
    for (int64_t i = 0; i < c; i += VW) s = v_add(s, row_get(t, row * c + i, c - i));
    softmax_times(a, row * c, c, lse, dloss * v_sum(s));
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
    ROW_ENTRY(CROSS_ENTROPY, cross_entropy, cross_entropy_accepts),
    ROW_ENTRY(CROSS_ENTROPY_GRAD, cross_entropy_grad, cross_entropy_grad_accepts),
    ROW_ENTRY(EMBEDDING, embedding, embedding_accepts),
    ROW_ENTRY(EMBEDDING_GRAD, embedding_grad, embedding_grad_accepts),
    {0},
};
