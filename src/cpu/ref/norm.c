/* Reference layer norm, softmax and cross-entropy: one row at a time. */
#include <math.h>

#include "cpu/ref/ref.h"

pp_status ppi_ref_layer_norm(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const int64_t c = ref_last(&x.shape);
    const int64_t rows = ref_rows(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        double mean = 0.0;
        double var = 0.0;
        for (int64_t i = 0; i < c; i++) mean += ref_get(&x, r * c + i);
        mean /= (double)c;
        for (int64_t i = 0; i < c; i++) {
            const double d = ref_get(&x, r * c + i) - mean;
            var += d * d;
        }
        const double rstd = 1.0 / sqrt(var / (double)c + (double)a->params.norm.eps);
        for (int64_t i = 0; y.data && i < c; i++) {
            const double h = (ref_get(&x, r * c + i) - mean) * rstd;
            ref_set(&y, r * c + i, h * ref_get(&a->in[1], i) + ref_get(&a->in[2], i));
        }
        if (a->out[1].data) ref_set(&a->out[1], r, mean);
        if (a->out[2].data) ref_set(&a->out[2], r, rstd);
    }
    return PP_OK;
}

/* dx of one row. */
static void layer_norm_row_grad(const ppi_kernel_args *a, int64_t r, int64_t c) {
    const ppi_operand dy = a->in[0];
    const ppi_operand x = a->in[1];
    const ppi_operand gain = a->in[2];
    const double mean = ref_get(&a->in[3], r);
    const double rstd = ref_get(&a->in[4], r);
    double sum_d = 0.0;
    double sum_dh = 0.0;
    for (int64_t i = 0; i < c; i++) {
        const double d = ref_get(&dy, r * c + i) * ref_get(&gain, i);
        sum_d += d;
        sum_dh += d * (ref_get(&x, r * c + i) - mean) * rstd;
    }
    sum_d /= (double)c;
    sum_dh /= (double)c;
    for (int64_t i = 0; i < c; i++) {
        const double h = (ref_get(&x, r * c + i) - mean) * rstd;
        ref_set(&a->out[0], r * c + i, rstd * (ref_get(&dy, r * c + i) * ref_get(&gain, i) - sum_d - h * sum_dh));
    }
}

pp_status ppi_ref_layer_norm_grad(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand x = a->in[1];
    const int64_t c = ref_last(&x.shape);
    const int64_t rows = ref_rows(&x.shape);
    if (a->out[0].data) {
#pragma omp parallel for num_threads(a->threads) schedule(static)
        for (int64_t r = 0; r < rows; r++) layer_norm_row_grad(a, r, c);
    }
    if (!a->out[1].data && !a->out[2].data) return PP_OK;
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < c; i++) {
        double dgain = 0.0;
        double doffset = 0.0;
        for (int64_t r = 0; r < rows; r++) {
            const double d = ref_get(&dy, r * c + i);
            dgain += d * (ref_get(&x, r * c + i) - ref_get(&a->in[3], r)) * ref_get(&a->in[4], r);
            doffset += d;
        }
        if (a->out[1].data) ref_set(&a->out[1], i, dgain);
        if (a->out[2].data) ref_set(&a->out[2], i, doffset);
    }
    return PP_OK;
}

/* Log-sum-exp of a row. */
static double row_lse(const ppi_operand *x, int64_t at, int64_t c) {
    double top = -INFINITY;
    double sum = 0.0;
    for (int64_t i = 0; i < c; i++) top = fmax(top, ref_get(x, at + i));
    for (int64_t i = 0; i < c; i++) sum += exp(ref_get(x, at + i) - top);
    return top + log(sum);
}

pp_status ppi_ref_softmax(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const int64_t c = ref_last(&x.shape);
    const int64_t rows = ref_rows(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const double lse = row_lse(&x, r * c, c);
        for (int64_t i = 0; i < c; i++) ref_set(&y, r * c + i, exp(ref_get(&x, r * c + i) - lse));
    }
    return PP_OK;
}

pp_status ppi_ref_softmax_grad(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand y = a->in[1];
    const ppi_operand dx = a->out[0];
    const int64_t c = ref_last(&y.shape);
    const int64_t rows = ref_rows(&y.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        double dot = 0.0;
        for (int64_t i = 0; i < c; i++) dot += ref_get(&dy, r * c + i) * ref_get(&y, r * c + i);
        for (int64_t i = 0; i < c; i++) ref_set(&dx, r * c + i, ref_get(&y, r * c + i) * (ref_get(&dy, r * c + i) - dot));
    }
    return PP_OK;
}

pp_status ppi_ref_log_softmax(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const int64_t c = ref_last(&x.shape);
    const int64_t rows = ref_rows(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const double lse = row_lse(&x, r * c, c);
        for (int64_t i = 0; i < c; i++) ref_set(&y, r * c + i, ref_get(&x, r * c + i) - lse);
    }
    return PP_OK;
}

pp_status ppi_ref_log_softmax_grad(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand y = a->in[1];
    const int64_t c = ref_last(&y.shape);
    const int64_t rows = ref_rows(&y.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (int64_t i = 0; i < c; i++) sum += ref_get(&dy, r * c + i);
        for (int64_t i = 0; i < c; i++) ref_set(&a->out[0], r * c + i, ref_get(&dy, r * c + i) - exp(ref_get(&y, r * c + i)) * sum);
    }
    return PP_OK;
}

/* Weight of class i in the target of row r: one-hot, smoothed (all zero for a class outside the logits), or given. */
static double target_weight(const ppi_operand *t, float smoothing, int64_t r, int64_t i, int64_t c) {
    if (t->dtype != PPI_I32) return ref_get(t, r * c + i);
    const int32_t id = ((const int32_t *)t->data)[r];
    if (id < 0 || id >= c) return 0.0;
    return (id == i ? 1.0 - (double)smoothing : 0.0) + (double)smoothing / (double)c;
}

static double target_total(const ppi_operand *t, float smoothing, int64_t r, int64_t c) {
    double sum = 0.0;
    for (int64_t i = 0; i < c; i++) sum += target_weight(t, smoothing, r, i, c);
    return sum;
}

pp_status ppi_ref_cross_entropy(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand t = a->in[1];
    const float smoothing = a->params.cross_entropy.smoothing;
    const int64_t c = ref_last(&x.shape);
    const int64_t rows = ref_rows(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const double lse = row_lse(&x, r * c, c);
        double loss = 0.0;
        for (int64_t i = 0; i < c; i++) {
            const double w = target_weight(&t, smoothing, r, i, c);
            if (w != 0.0) loss += w * (lse - ref_get(&x, r * c + i));
        }
        if (a->out[0].data) ref_set(&a->out[0], r, loss);
        if (a->out[1].data) ref_set(&a->out[1], r, lse);
    }
    return PP_OK;
}

pp_status ppi_ref_cross_entropy_grad(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[1];
    const ppi_operand t = a->in[2];
    const float smoothing = a->params.cross_entropy.smoothing;
    const ppi_operand dx = a->out[0];
    const int64_t c = ref_last(&x.shape);
    const int64_t rows = ref_rows(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const double d = ref_get(&a->in[0], r);
        const double lse = ref_get(&a->in[3], r);
        const double total = target_total(&t, smoothing, r, c);
        for (int64_t i = 0; i < c; i++) {
            const double p = exp(ref_get(&x, r * c + i) - lse);
            ref_set(&dx, r * c + i, d * (p * total - target_weight(&t, smoothing, r, i, c)));
        }
    }
    return PP_OK;
}
