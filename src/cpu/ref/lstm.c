/* Reference LSTM (Hochreiter and Schmidhuber 1997 with a forget gate, the form and gate order i, f, g, o
   of PyTorch): a = x_gates + h w; i, f, o = logistic(a), g = tanh(a); c = f c + i g; h = o tanh(c).
   Where the reset flag of a step is set, h and c are zero before it. */
#include <math.h>

#include "cpu/ref/ref.h"

static bool is_reset(const ppi_operand *reset, int64_t i) { return ref_get(reset, i) != 0.0; }

static double logistic(double x) { return 1.0 / (1.0 + exp(-x)); }

/* Element j of the state before step t of sequence b: `all` [B,T,H] or, at the start, `first` [B,H]. */
static double state_before(const ppi_operand *all, const ppi_operand *first, const ppi_operand *reset, int64_t b, int64_t t, int64_t j) {
    const int64_t steps = reset->shape.dim[1];
    const int64_t h = first->shape.dim[1];
    if (is_reset(reset, b * steps + t)) return 0.0;
    return t == 0 ? ref_get(first, b * h + j) : ref_get(all, (b * steps + t - 1) * h + j);
}

/* Per thread: h and c before the step, and h after it. */
size_t ppi_ref_lstm_workspace(const ppi_kernel_args *a) {
    return (size_t)(3 * ref_row_stride(a->in[2].shape.dim[1])) * (size_t)(a->threads < 1 ? 1 : a->threads) * sizeof(double);
}

/* One step of sequence b: c becomes the new cells, `next` the new h. */
static void lstm_step(const ppi_kernel_args *a, int64_t row, const double *h, double *c, double *next) {
    const int64_t n = a->in[2].shape.dim[1];
    for (int64_t j = 0; j < n; j++) {
        double gate[4];
        for (int64_t q = 0; q < 4; q++) {
            double sum = ref_get(&a->in[0], row * 4 * n + q * n + j);
            for (int64_t k = 0; k < n; k++) sum += h[k] * ref_get(&a->in[1], (k * 4 + q) * n + j);
            gate[q] = q == 2 ? tanh(sum) : logistic(sum);
            if (a->out[2].data) ref_set(&a->out[2], (row * 4 + q) * n + j, gate[q]);
        }
        c[j] = gate[1] * c[j] + gate[0] * gate[2];
        next[j] = gate[3] * tanh(c[j]);
        if (a->out[1].data) ref_set(&a->out[1], row * n + j, c[j]);
        if (a->out[0].data) ref_set(&a->out[0], row * n + j, next[j]);
    }
}

pp_status ppi_ref_lstm(const ppi_kernel_args *a) {
    const int64_t steps = a->in[0].shape.dim[1];
    const int64_t n = a->in[2].shape.dim[1];
    const int64_t pad = ref_row_stride(n);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t b = 0; b < a->in[0].shape.dim[0]; b++) {
        double *h = (double *)a->workspace + ref_thread() * 3 * pad;
        double *c = h + pad;
        double *next = c + pad;
        for (int64_t t = 0; t < steps; t++) {
            const int64_t row = b * steps + t;
            const bool cut = is_reset(&a->in[4], row);
            for (int64_t j = 0; j < n; j++) {
                h[j] = cut ? 0.0 : t == 0 ? ref_get(&a->in[2], b * n + j) : next[j];
                c[j] = cut ? 0.0 : t == 0 ? ref_get(&a->in[3], b * n + j) : c[j];
            }
            lstm_step(a, row, h, c, next);
        }
    }
    return PP_OK;
}

/* Per thread: gradients of h and c that come from the next step, and of the gates' sums. */
size_t ppi_ref_lstm_grad_workspace(const ppi_kernel_args *a) {
    return (size_t)(6 * ref_row_stride(a->in[0].shape.dim[2])) * (size_t)(a->threads < 1 ? 1 : a->threads) * sizeof(double);
}

/* Gradients of the sums of step t into da [4H]; dc becomes the gradient of the cell before the step. */
static void lstm_cell_grad(const ppi_kernel_args *a, int64_t b, int64_t t, const double *dh, double *dc, double *da) {
    const int64_t steps = a->in[0].shape.dim[1];
    const int64_t h = a->in[0].shape.dim[2];
    const int64_t row = b * steps + t;
    for (int64_t j = 0; j < h; j++) {
        double gate[4];
        for (int64_t q = 0; q < 4; q++) gate[q] = ref_get(&a->in[2], row * 4 * h + q * h + j);
        const double d = ref_get(&a->in[0], row * h + j) + dh[j];
        const double out = tanh(ref_get(&a->in[1], row * h + j));
        const double cell = dc[j] + d * gate[3] * (1.0 - out * out);
        const double before = state_before(&a->in[1], &a->in[4], &a->in[5], b, t, j);
        da[j] = cell * gate[2] * gate[0] * (1.0 - gate[0]);
        da[h + j] = cell * before * gate[1] * (1.0 - gate[1]);
        da[2 * h + j] = cell * gate[0] * (1.0 - gate[2] * gate[2]);
        da[3 * h + j] = d * out * gate[3] * (1.0 - gate[3]);
        dc[j] = cell * gate[1];
    }
}

pp_status ppi_ref_lstm_grad(const ppi_kernel_args *a) {
    const int64_t steps = a->in[0].shape.dim[1];
    const int64_t h = a->in[0].shape.dim[2];
    const int64_t pad = ref_row_stride(h);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t b = 0; b < a->in[0].shape.dim[0]; b++) {
        double *dh = (double *)a->workspace + ref_thread() * 6 * pad;
        double *dc = dh + pad;
        double *da = dc + pad;
        for (int64_t j = 0; j < h; j++) dh[j] = dc[j] = 0.0;
        for (int64_t t = steps - 1; t >= 0; t--) {
            lstm_cell_grad(a, b, t, dh, dc, da);
            const bool cut = is_reset(&a->in[5], b * steps + t);
            for (int64_t i = 0; i < 4 * h; i++) ref_set(&a->out[0], (b * steps + t) * 4 * h + i, da[i]);
            for (int64_t j = 0; j < h; j++) {
                double sum = 0.0;
                for (int64_t i = 0; i < 4 * h; i++) sum += da[i] * ref_get(&a->in[3], j * 4 * h + i);
                dh[j] = cut ? 0.0 : sum;
                if (cut) dc[j] = 0.0;
            }
        }
        for (int64_t j = 0; j < h; j++) {
            if (a->out[1].data) ref_set(&a->out[1], b * h + j, dh[j]);
            if (a->out[2].data) ref_set(&a->out[2], b * h + j, dc[j]);
        }
    }
    return PP_OK;
}

pp_status ppi_ref_lstm_grad_w(const ppi_kernel_args *a) {
    const int64_t steps = a->in[1].shape.dim[1];
    const int64_t h = a->in[1].shape.dim[2];
    const int64_t rows = a->in[1].shape.dim[0] * steps;
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < h * 4 * h; i++) {
        double sum = 0.0;
        for (int64_t r = 0; r < rows; r++) {
            sum += state_before(&a->in[1], &a->in[2], &a->in[3], r / steps, r % steps, i / (4 * h)) *
                   ref_get(&a->in[0], r * 4 * h + i % (4 * h));
        }
        ref_set(&a->out[0], i, sum);
    }
    return PP_OK;
}
