/* Batch norm: sums down the rows of x [rows, C], then one pass that applies scale and shift. Each
   thread sums its rows in vectors, BLOCK rows at a time, and adds the blocks up in double, so long
   columns lose nothing. Included once per instruction set after its vector header. */
#include <string.h>

#include "cpu/simd/team.h"

/* Rows whose sums stay f32. */
enum { BLOCK = 128 };

/* Column sums of one thread, each padded to whole vectors. */
typedef struct column_sums {
    double *first, *second;
    float *block; /* two rows */
} column_sums;

static int64_t column_pad(int64_t c) {
    return (c + 15) / 16 * 16;
}

/* Floats of a thread's sums; behind those of all threads follow four rows of floats. */
static int64_t sums_floats(int64_t c) {
    return 6 * column_pad(c);
}

static size_t batch_norm_bytes(const ppi_kernel_args *a, int64_t c) {
    const int64_t threads = a->threads < 1 ? 1 : a->threads;
    return (size_t)(sums_floats(c) * threads + 4 * column_pad(c)) * sizeof(float);
}

static column_sums sums_of(const ppi_kernel_args *a, int64_t c, int t) {
    const int64_t pad = column_pad(c);
    double *at = (double *)(void *)((float *)a->workspace + sums_floats(c) * t);
    return (column_sums){at, at + pad, (float *)(void *)(at + 2 * pad)};
}

/* Row i of the floats behind the sums. */
static float *shared_row(const ppi_kernel_args *a, int64_t c, int i) {
    const int64_t threads = a->threads < 1 ? 1 : a->threads;
    return (float *)a->workspace + sums_floats(c) * threads + column_pad(c) * i;
}

VFN vf column_get(const ppi_operand *x, int64_t at, int64_t n) {
    return n >= VW ? v_get(x->data, x->dtype, at) : v_get_n(x->data, x->dtype, at, n);
}

VFN void column_put(const ppi_operand *y, int64_t at, vf v, int64_t n) {
    if (n >= VW) {
        v_put(y->data, y->dtype, at, v);
    } else {
        v_put_n(y->data, y->dtype, at, v, n);
    }
}

/* What is summed: x - shift, and with squares its square; with another operand y, y and y times the
   normed x. */
typedef struct summand {
    const ppi_operand *x, *y; /* y: NULL for moments of x */
    const float *mean, *rstd;
    bool squares;
} summand;

VFN void sum_block(const summand *s, const column_sums *w, int64_t c, int64_t from, int64_t to) {
    const int64_t pad = column_pad(c);
    for (int64_t i = 0; i < c; i += VW) {
        const vf mean = s->mean ? v_load(s->mean + i) : v_zero();
        const vf rstd = s->y ? v_load(s->rstd + i) : v_zero();
        vf first = v_zero();
        vf second = v_zero();
        for (int64_t r = from; r < to; r++) {
            const vf d = v_sub(column_get(s->x, r * c + i, c - i), mean);
            if (s->y) {
                const vf y = column_get(s->y, r * c + i, c - i);
                first = v_add(first, y);
                second = v_fma(y, v_mul(d, rstd), second);
            } else {
                first = v_add(first, d);
                if (s->squares) second = v_fma(d, d, second);
            }
        }
        v_store(w->block + i, first);
        v_store(w->block + pad + i, second);
    }
    for (int64_t i = 0; i < c; i++) {
        w->first[i] += (double)w->block[i];
        w->second[i] += (double)w->block[pad + i];
    }
}

/* Sums over all rows, in the first thread's. */
static column_sums sum_columns(const ppi_kernel_args *a, const summand *s, int64_t rows, int64_t c,
                               int nt) {
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(rows, 1, t, nt);
        const column_sums w = sums_of(a, c, t);
        memset(w.first, 0, (size_t)column_pad(c) * 2 * sizeof(double));
        for (int64_t from = r.from; from < r.to; from += BLOCK)
            sum_block(s, &w, c, from, ppi_min64(from + BLOCK, r.to));
    }
    const column_sums all = sums_of(a, c, 0);
    for (int t = 1; t < nt; t++) {
        const column_sums w = sums_of(a, c, t);
        for (int64_t i = 0; i < c; i++) {
            all.first[i] += w.first[i];
            all.second[i] += w.second[i];
        }
    }
    return all;
}

static bool f32_between(const ppi_kernel_args *a, int from, int to) {
    for (int i = from; i < to; i++) {
        if (a->in[i].dtype != PPI_F32) return false;
    }
    return true;
}

/* ---- forward ---- */

static bool batch_norm_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && f32_between(a, 1, a->n_in) &&
           ppi_is_float(a->out[0].dtype) && a->out[1].dtype == PPI_F32 &&
           a->out[2].dtype == PPI_F32;
}

static size_t batch_norm_workspace(const ppi_kernel_args *a) {
    return batch_norm_bytes(a, ppi_last_dim(&a->in[0].shape));
}

/* mean and var of the batch, or those given. */
static void batch_moments(const ppi_kernel_args *a, int64_t rows, int64_t c, int nt, float *mean,
                          float *var) {
    if (a->n_in > 3) {
        memcpy(mean, a->in[3].data, (size_t)c * sizeof(float));
        memcpy(var, a->in[4].data, (size_t)c * sizeof(float));
        return;
    }
    memset(mean, 0, (size_t)column_pad(c) * sizeof(float));
    column_sums w = sum_columns(a, &(summand){.x = &a->in[0]}, rows, c, nt);
    for (int64_t i = 0; i < c; i++) mean[i] = (float)(w.first[i] / (double)rows);
    w = sum_columns(a, &(summand){.x = &a->in[0], .mean = mean, .squares = true}, rows, c, nt);
    for (int64_t i = 0; i < c; i++) { /* the mean was rounded: what is left of it comes off again */
        const double left = w.first[i] / (double)rows;
        var[i] = (float)(w.second[i] / (double)rows - left * left);
    }
}

static pp_status batch_norm_run(const ppi_kernel_args *a) {
    const ppi_operand *x = &a->in[0], *y = &a->out[0];
    const int64_t c = ppi_last_dim(&x->shape);
    const int64_t rows = ppi_shape_count(&x->shape) / c;
    const int nt = ppi_team(rows * c, a->threads);
    float *mean = shared_row(a, c, 0), *var = shared_row(a, c, 1);
    float *slope = shared_row(a, c, 2), *shift = shared_row(a, c, 3);
    batch_moments(a, rows, c, nt, mean, var);
    if (a->out[1].data) memcpy(a->out[1].data, mean, (size_t)c * sizeof(float));
    if (a->out[2].data) memcpy(a->out[2].data, var, (size_t)c * sizeof(float));
    if (!y->data) return PP_OK;
    for (int64_t i = 0; i < c; i++) {
        slope[i] = ((const float *)a->in[1].data)[i] / sqrtf(var[i] + a->params.norm.eps);
        shift[i] = ((const float *)a->in[2].data)[i] - mean[i] * slope[i];
    }
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < c; i += VW) {
            const vf v = column_get(x, r * c + i, c - i);
            column_put(y, r * c + i, v_fma(v, v_load(slope + i), v_load(shift + i)), c - i);
        }
    }
    return PP_OK;
}

/* ---- gradient ---- */

static bool batch_norm_grad_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && ppi_is_float(a->in[1].dtype) &&
           f32_between(a, 2, 5) && ppi_is_float(a->out[0].dtype) && a->out[1].dtype == PPI_F32 &&
           a->out[2].dtype == PPI_F32;
}

static size_t batch_norm_grad_workspace(const ppi_kernel_args *a) {
    return batch_norm_bytes(a, ppi_last_dim(&a->in[1].shape));
}

/* dx = slope dy + shift + tilt (x - mean), the last two through the batch's own moments. */
static pp_status batch_norm_grad_run(const ppi_kernel_args *a) {
    const ppi_operand *dy = &a->in[0], *x = &a->in[1], *dx = &a->out[0];
    const int64_t c = ppi_last_dim(&x->shape);
    const int64_t rows = ppi_shape_count(&x->shape) / c;
    const int nt = ppi_team(rows * c, a->threads);
    float *mean = shared_row(a, c, 0), *rstd = shared_row(a, c, 1);
    float *slope = shared_row(a, c, 2), *tilt = shared_row(a, c, 3);
    memcpy(mean, a->in[3].data, (size_t)c * sizeof(float));
    for (int64_t i = 0; i < c; i++)
        rstd[i] = 1.0f / sqrtf(((const float *)a->in[4].data)[i] + a->params.norm.eps);
    const column_sums w =
        sum_columns(a, &(summand){.x = x, .y = dy, .mean = mean, .rstd = rstd}, rows, c, nt);
    for (int64_t i = 0; i < c; i++) {
        if (a->out[1].data) ((float *)a->out[1].data)[i] = (float)w.second[i];
        if (a->out[2].data) ((float *)a->out[2].data)[i] = (float)w.first[i];
    }
    if (!dx->data) return PP_OK;
    float *shift = w.block;
    const double share = a->params.norm.given ? 0.0 : 1.0 / (double)rows;
    for (int64_t i = 0; i < c; i++) {
        slope[i] = ((const float *)a->in[2].data)[i] * rstd[i];
        shift[i] = (float)(-(double)slope[i] * share * w.first[i]);
        tilt[i] = (float)(-(double)slope[i] * share * w.second[i] * (double)rstd[i]);
    }
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < c; i += VW) {
            const vf d = v_sub(column_get(x, r * c + i, c - i), v_load(mean + i));
            const vf v = v_fma(d, v_load(tilt + i), v_load(shift + i));
            const vf g = column_get(dy, r * c + i, c - i);
            column_put(dx, r * c + i, v_fma(g, v_load(slope + i), v), c - i);
        }
    }
    return PP_OK;
}

const ppi_kernel_entry PPI_SIMD(batch_norm_table)[] = {
    {PPI_OP_BATCH_NORM,
     {PPI_SIMD_NAME "batch_norm", batch_norm_accepts, batch_norm_workspace, NULL, NULL,
      batch_norm_run}},
    {PPI_OP_BATCH_NORM_GRAD,
     {PPI_SIMD_NAME "batch_norm_grad", batch_norm_grad_accepts, batch_norm_grad_workspace, NULL,
      NULL, batch_norm_grad_run}},
    {0},
};
