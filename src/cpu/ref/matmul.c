/* Reference matrix products. Row by row: with a plain right side the inner loop runs over output columns
   (i-k-j), with a transposed one it is a dot product of two rows. f32 operands use f32 arithmetic, all
   others double. */
#include <string.h>

#include "cpu/ref/ref.h"

/* A product C[M,N] = op(A) op(B); a_step and a_row: distance in A of neighbours along K and M. */
typedef struct product {
    ppi_operand a, b;
    int64_t m, n, k;
    int64_t a_row, a_step;
    bool trans_b;
} product;

static product product_of(const ppi_kernel_args *args, bool trans_a, bool trans_b) {
    product p = {.a = args->in[0], .b = args->in[1], .trans_b = trans_b};
    const int64_t a_cols = ref_last(&p.a.shape);
    const int64_t a_rows = ref_rows(&p.a.shape);
    p.m = trans_a ? a_cols : a_rows;
    p.k = trans_a ? a_rows : a_cols;
    p.n = trans_b ? ref_rows(&p.b.shape) : ref_last(&p.b.shape);
    p.a_row = trans_a ? 1 : a_cols;
    p.a_step = trans_a ? a_cols : 1;
    return p;
}

static float dot_f32(const float *x, int64_t x_step, const float *y, int64_t n) {
    float part[8] = {0};
    int64_t i = 0;
    if (x_step == 1) {
        for (; i + 8 <= n; i += 8) {
            for (int j = 0; j < 8; j++) part[j] += x[i + j] * y[i + j];
        }
    }
    float sum = 0.0f;
    for (int j = 0; j < 8; j++) sum += part[j];
    for (; i < n; i++) sum += x[i * x_step] * y[i];
    return sum;
}

/* Row i of the product into acc[n], f32 operands. */
static void row_f32(const product *p, int64_t i, float *acc) {
    const float *a = (const float *)p->a.data + i * p->a_row;
    const float *b = p->b.data;
    if (p->trans_b) {
        for (int64_t j = 0; j < p->n; j++) acc[j] = dot_f32(a, p->a_step, b + j * p->k, p->k);
        return;
    }
    memset(acc, 0, (size_t)p->n * sizeof *acc);
    for (int64_t k = 0; k < p->k; k++) {
        const float x = a[k * p->a_step];
        const float *row = b + k * p->n;
        for (int64_t j = 0; j < p->n; j++) acc[j] += x * row[j];
    }
}

/* Row i of the product into acc[n], any types. */
static void row_any(const product *p, int64_t i, double *acc) {
    memset(acc, 0, (size_t)p->n * sizeof *acc);
    for (int64_t k = 0; k < p->k; k++) {
        const double x = ref_get(&p->a, i * p->a_row + k * p->a_step);
        if (p->trans_b) {
            for (int64_t j = 0; j < p->n; j++) acc[j] += x * ref_get(&p->b, j * p->k + k);
        } else {
            for (int64_t j = 0; j < p->n; j++) acc[j] += x * ref_get(&p->b, k * p->n + j);
        }
    }
}

/* The product, then bias and activation; `pre` and `bias` may be empty operands. */
static void run_product(const ppi_kernel_args *args, const product *p, const ppi_operand *bias, ppi_act act, const ppi_operand *pre) {
    const ppi_operand y = args->out[0];
    const bool f32 = p->a.dtype == PPI_F32 && p->b.dtype == PPI_F32;
    const int64_t stride = ref_row_stride(p->n);
#pragma omp parallel for num_threads(args->threads) schedule(static)
    for (int64_t i = 0; i < p->m; i++) {
        double *acc = (double *)args->workspace + ref_thread() * stride;
        if (f32) {
            row_f32(p, i, (float *)acc);
        } else {
            row_any(p, i, acc);
        }
        for (int64_t j = 0; j < p->n; j++) {
            double v = f32 ? (double)((const float *)acc)[j] : acc[j];
            if (bias->data) v += ref_get(bias, j);
            if (pre->data) ref_set(pre, i * p->n + j, v);
            if (y.data) ref_set(&y, i * p->n + j, act == PPI_ACT_NONE ? v : ppi_ref_act_value(act, v));
        }
    }
}

size_t ppi_ref_matmul_workspace(const ppi_kernel_args *a) {
    return (size_t)(ref_row_stride(ref_last(&a->out[0].shape)) * a->threads) * sizeof(double);
}

size_t ppi_ref_linear_workspace(const ppi_kernel_args *a) { return ppi_ref_matmul_workspace(a); }

pp_status ppi_ref_matmul(const ppi_kernel_args *a) {
    const ppi_operand none = {0};
    const product p = product_of(a, a->params.matmul.trans_a, a->params.matmul.trans_b);
    run_product(a, &p, &none, PPI_ACT_NONE, &none);
    return PP_OK;
}

pp_status ppi_ref_linear(const ppi_kernel_args *a) {
    const ppi_operand none = {0};
    const product p = product_of(a, false, false);
    run_product(a, &p, a->n_in > 2 ? &a->in[2] : &none, a->params.act.act, &a->out[1]);
    return PP_OK;
}
