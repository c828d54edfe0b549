/* Reference activations, scaling and dropout. */
#include <math.h>

#include "cpu/ref/ref.h"
#include "tensor/dropout.h"

static const double SQRT_2_OVER_PI = 0.79788456080286535588;
static const double GELU_CUBIC = 0.044715;

double ppi_ref_act_value(ppi_act act, double x) {
    switch (act) {
    case PPI_ACT_RELU: return x > 0.0 ? x : 0.0;
    case PPI_ACT_GELU_TANH: return 0.5 * x * (1.0 + tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x)));
    case PPI_ACT_GELU_ERF: return 0.5 * x * (1.0 + erf(x * 0.70710678118654752440));
    case PPI_ACT_TANH: return tanh(x);
    case PPI_ACT_HUBER: return fabs(x) <= 1.0 ? 0.5 * x * x : fabs(x) - 0.5;
    default: return x;
    }
}

double ppi_ref_act_slope(ppi_act act, double x) {
    switch (act) {
    case PPI_ACT_RELU: return x > 0.0 ? 1.0 : 0.0;
    case PPI_ACT_TANH: return 1.0 - x * x;
    case PPI_ACT_HUBER: return x > 1.0 ? 1.0 : x < -1.0 ? -1.0 : x;
    case PPI_ACT_GELU_TANH: {
        const double t = tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x));
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * SQRT_2_OVER_PI * (1.0 + 3.0 * GELU_CUBIC * x * x);
    }
    case PPI_ACT_GELU_ERF:
        return 0.5 * (1.0 + erf(x * 0.70710678118654752440)) + x * exp(-0.5 * x * x) * 0.39894228040143267794;
    default: return 1.0;
    }
}

pp_status ppi_ref_act(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const int64_t n = ppi_shape_count(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < n; i++) ref_set(&y, i, ppi_ref_act_value(a->params.act.act, ref_get(&x, i)));
    return PP_OK;
}

pp_status ppi_ref_act_grad(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand x = a->in[1];
    const ppi_operand dx = a->out[0];
    const int64_t n = ppi_shape_count(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < n; i++) ref_set(&dx, i, ref_get(&dy, i) * ppi_ref_act_slope(a->params.act.act, ref_get(&x, i)));
    return PP_OK;
}

pp_status ppi_ref_scale(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const double alpha = (double)a->params.scale.alpha;
    const int64_t n = ppi_shape_count(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < n; i++) ref_set(&y, i, alpha * ref_get(&x, i));
    return PP_OK;
}

pp_status ppi_ref_dropout(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const float p = a->params.dropout.p;
    const ppi_row_list *rows = &a->params.dropout.rows;
    const uint32_t threshold = ppi_dropout_threshold(p);
    const double scale = (double)(1.0f / (1.0f - p));
    const int64_t n = ppi_shape_count(&x.shape);
    const int64_t run = rows->at ? ref_last(&x.shape) : n; /* elements whose mask is contiguous */
    uint32_t key[2];
    ppi_dropout_key(key, *a->seed, a->params.dropout.site);
    for (int64_t start = 0; start < n; start += run) {
        const int64_t first = rows->at ? rows->at[start / run] * run : 0; /* element of the mask */
#pragma omp parallel for num_threads(a->threads) schedule(static) if (run == n)
        for (int64_t block = first / 4; block < (first + run + 3) / 4; block++) {
            uint32_t word[4];
            ppi_dropout_words(word, key, *a->step, (uint64_t)block);
            for (int64_t m = block * 4 < first ? first : block * 4; m < first + run && m < block * 4 + 4; m++) {
                const int64_t i = start + m - first;
                ref_set(&y, i, word[m & 3] >= threshold ? scale * ref_get(&x, i) : 0.0);
            }
        }
    }
    return PP_OK;
}
