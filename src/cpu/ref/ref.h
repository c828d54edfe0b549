/* Reference kernels: plain C, any mix of f32, bf16 and f64 operands, arithmetic in double unless every
   operand of a product is f32. They are the oracle of the op tests and the last resort of every op. */
#ifndef PPI_CPU_REF_REF_H
#define PPI_CPU_REF_REF_H

#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/bf16.h"
#include "tensor/backend.h"

/* Number of the calling thread in its team. */
static inline int ref_thread(void) {
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

/* Element i as a double. */
static inline double ref_get(const ppi_operand *o, int64_t i) {
    switch (o->dtype) {
    case PPI_F32: return (double)((const float *)o->data)[i];
    case PPI_BF16: return (double)ppi_bf16_to_f32(((const ppi_bf16 *)o->data)[i]);
    case PPI_F64: return ((const double *)o->data)[i];
    case PPI_I32: return (double)((const int32_t *)o->data)[i];
    case PPI_U8: return (double)((const uint8_t *)o->data)[i];
    default: return 0.0;
    }
}

/* Rounds a double to the element's type. */
static inline void ref_set(const ppi_operand *o, int64_t i, double v) {
    switch (o->dtype) {
    case PPI_F32: ((float *)o->data)[i] = (float)v; break;
    case PPI_BF16: ((ppi_bf16 *)o->data)[i] = ppi_bf16_from_f32((float)v); break;
    case PPI_F64: ((double *)o->data)[i] = v; break;
    case PPI_I32: ((int32_t *)o->data)[i] = (int32_t)v; break;
    case PPI_U8: ((uint8_t *)o->data)[i] = (uint8_t)v; break;
    default: break;
    }
}

static inline int64_t ref_last(const ppi_shape *s) { return s->dim[s->ndim - 1]; }
static inline int64_t ref_rows(const ppi_shape *s) { return ppi_shape_count(s) / ref_last(s); }

/* Bytes of one row of n doubles per thread, each on its own cache lines. */
static inline int64_t ref_row_stride(int64_t n) { return (n + 7) / 8 * 8; }

/* One run function per op. */
#define PPI_REF_OPS(X)                                                                             \
    X(CAST, cast) X(RESHAPE, reshape) X(PERMUTE, permute) X(SLICE, slice)                          \
    X(SLICE_GRAD, slice_grad) X(TAKE_ROWS, take_rows) X(TAKE_ROWS_GRAD, take_rows_grad)            \
    X(CONCAT, concat) X(ADD, add) X(MUL, mul) X(SCALE, scale)                                      \
    X(REDUCE_TO, reduce_to) X(BROADCAST_TO, broadcast_to) X(LINEAR, linear) X(MATMUL, matmul)      \
    X(ACT, act) X(ACT_GRAD, act_grad) X(LAYER_NORM, layer_norm)                                    \
    X(LAYER_NORM_GRAD, layer_norm_grad) X(SOFTMAX, softmax) X(SOFTMAX_GRAD, softmax_grad)          \
    X(ATTENTION, attention) X(ATTENTION_GRAD, attention_grad) X(EMBEDDING, embedding)              \
    X(EMBEDDING_GRAD, embedding_grad) X(CROSS_ENTROPY, cross_entropy)                              \
    X(CROSS_ENTROPY_GRAD, cross_entropy_grad) X(DROPOUT, dropout) X(CONV2D, conv2d)                \
    X(CONV2D_GRAD_X, conv2d_grad_x) X(CONV2D_GRAD_W, conv2d_grad_w)                                \
    X(LOG_SOFTMAX, log_softmax) X(LOG_SOFTMAX_GRAD, log_softmax_grad)                              \
    X(MAX_POOL2D, max_pool2d) X(MAX_POOL2D_GRAD, max_pool2d_grad) X(PICK, pick)                    \
    X(PICK_GRAD, pick_grad) X(LSTM, lstm) X(LSTM_GRAD, lstm_grad) X(LSTM_GRAD_W, lstm_grad_w) \
    X(ONE_HOT, one_hot) X(BATCH_NORM, batch_norm) X(BATCH_NORM_GRAD, batch_norm_grad)

#define PPI_REF_DECLARE(op, fn) pp_status ppi_ref_##fn(const ppi_kernel_args *a);
PPI_REF_OPS(PPI_REF_DECLARE)
#undef PPI_REF_DECLARE

size_t ppi_ref_linear_workspace(const ppi_kernel_args *a);
size_t ppi_ref_matmul_workspace(const ppi_kernel_args *a);
size_t ppi_ref_attention_workspace(const ppi_kernel_args *a);
size_t ppi_ref_attention_grad_workspace(const ppi_kernel_args *a);
size_t ppi_ref_lstm_workspace(const ppi_kernel_args *a);
size_t ppi_ref_lstm_grad_workspace(const ppi_kernel_args *a);

/* act(x) and its derivative; for relu and tanh `x` of the derivative is the result y. */
double ppi_ref_act_value(ppi_act act, double x);
double ppi_ref_act_slope(ppi_act act, double x);

extern const ppi_flat_kernels ppi_ref_flat;

#endif
