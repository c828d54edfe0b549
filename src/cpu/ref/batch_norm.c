/* Reference batch norm: one column at a time. */
#include <math.h>

#include "cpu/ref/ref.h"

/* Mean and variance of column c of x, or those given. */
static void column_moments(const ppi_kernel_args *a, int64_t c, int64_t rows, int64_t cols, double *mean, double *var) {
    const ppi_operand x = a->in[0];
    if (a->n_in > 3) {
        *mean = ref_get(&a->in[3], c);
        *var = ref_get(&a->in[4], c);
        return;
    }
    double sum = 0.0;
    double squares = 0.0;
    for (int64_t r = 0; r < rows; r++) sum += ref_get(&x, r * cols + c);
    *mean = sum / (double)rows;
    for (int64_t r = 0; r < rows; r++) {
        const double d = ref_get(&x, r * cols + c) - *mean;
        squares += d * d;
    }
    *var = squares / (double)rows;
}

pp_status ppi_ref_batch_norm(const ppi_kernel_args *a) {
    const int64_t cols = ref_last(&a->in[0].shape);
    const int64_t rows = ref_rows(&a->in[0].shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t c = 0; c < cols; c++) {
        double mean;
        double var;
        column_moments(a, c, rows, cols, &mean, &var);
        const double rstd = 1.0 / sqrt(var + (double)a->params.norm.eps);
        for (int64_t r = 0; a->out[0].data && r < rows; r++) {
            const double h = (ref_get(&a->in[0], r * cols + c) - mean) * rstd;
            ref_set(&a->out[0], r * cols + c, h * ref_get(&a->in[1], c) + ref_get(&a->in[2], c));
        }
        if (a->out[1].data) ref_set(&a->out[1], c, mean);
        if (a->out[2].data) ref_set(&a->out[2], c, var);
    }
    return PP_OK;
}

pp_status ppi_ref_batch_norm_grad(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand x = a->in[1];
    const int64_t cols = ref_last(&x.shape);
    const int64_t rows = ref_rows(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t c = 0; c < cols; c++) {
        const double mean = ref_get(&a->in[3], c);
        const double rstd = 1.0 / sqrt(ref_get(&a->in[4], c) + (double)a->params.norm.eps);
        double sum = 0.0;
        double sum_h = 0.0;
        for (int64_t r = 0; r < rows; r++) {
            const double d = ref_get(&dy, r * cols + c);
            sum += d;
            sum_h += d * (ref_get(&x, r * cols + c) - mean) * rstd;
        }
        if (a->out[1].data) ref_set(&a->out[1], c, sum_h);
        if (a->out[2].data) ref_set(&a->out[2], c, sum);
        const double share = a->params.norm.given ? 0.0 : 1.0 / (double)rows;
        const double slope = ref_get(&a->in[2], c) * rstd;
        for (int64_t r = 0; a->out[0].data && r < rows; r++) {
            const double h = (ref_get(&x, r * cols + c) - mean) * rstd;
            ref_set(&a->out[0], r * cols + c, slope * (ref_get(&dy, r * cols + c) - share * (sum + h * sum_h)));
        }
    }
    return PP_OK;
}
