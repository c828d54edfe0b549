/* The kernel tables of the CPU backend, one per source: cpu.c joins them into the ordered lists
   that backend.h wants. A table ends with an entry whose kernel has no run function. */
#ifndef PPI_CPU_KERNELS_H
#define PPI_CPU_KERNELS_H

#include "tensor/backend.h"

typedef struct ppi_kernel_entry {
    ppi_op op;
    ppi_kernel kernel;
} ppi_kernel_entry;

/* Below this many elements an op runs on one thread: a team costs more than it saves. */
#define PPI_SERIAL_BELOW 36864

/* oneDNN: linear, matmul, convolutions (onednn.c). */
extern const ppi_kernel_entry ppi_onednn_table[];
/* Keeps oneDNN inside the instruction set that ours are limited to; call once before any primitive
 * exists. */
void ppi_onednn_limit_isa(void);
/* "oneDNN 2.6.3". Static storage. */
const char *ppi_onednn_version(void);

/* Copies and gathers, for every instruction set (simd/move.c). */
extern const ppi_kernel_entry ppi_move_table[];

/* The tables of the kernels written with vectors, and what other files use of them, per instruction
 * set. */
#define PPI_SIMD_DECLARE(isa)                                                                      \
    extern const ppi_kernel_entry ppi_##isa##_elementwise_table[];                                 \
    extern const ppi_kernel_entry ppi_##isa##_rows_table[];                                        \
    extern const ppi_kernel_entry ppi_##isa##_attention_table[];                                   \
    extern const ppi_kernel_entry ppi_##isa##_gemv_table[];                                        \
    extern const ppi_kernel_entry ppi_##isa##_conv_table[];                                        \
    extern const ppi_kernel_entry ppi_##isa##_pool_table[];                                        \
    extern const ppi_kernel_entry ppi_##isa##_lstm_table[];                                        \
    extern const ppi_kernel_entry ppi_##isa##_batch_norm_table[];                                  \
    extern const ppi_flat_kernels ppi_##isa##_flat;                                                \
    /* y[i] = scale * x[i] with y and x each f32 or bf16. */                                       \
    void ppi_##isa##_convert(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, float scale,      \
                             int64_t n, int threads);                                              \
    /* y[i] = act(x[i]), f32 or bf16 each. */                                                      \
    void ppi_##isa##_act(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, ppi_act act,          \
                         int64_t n, int threads);                                                  \
    /* y[i] += x[i], x f32 or bf16. */                                                             \
    void ppi_##isa##_accumulate(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, int64_t n,     \
                                int threads);                                                      \
    /* Multiply-adds in registers (peak.h); returns their floating-point operations. */            \
    double ppi_##isa##_peak(int64_t rounds);                                                       \
    /* y [cols, rows] = the transpose of x [rows, cols], both of type t, f32 or bf16. */           \
    void ppi_##isa##_transpose(void *y, const void *x, ppi_dtype t, int64_t rows, int64_t cols,    \
                               int threads);                                                       \
    /* The right side of a bf16 product, x [rows, cols], or [cols, rows] with `trans`, in panels of \
       64 columns: y [panel][row / 2][column][row % 2], filled up with zeros to whole panels and   \
       to a multiple of 32 rows. */                                                                \
    void ppi_##isa##_pack_pairs(uint16_t *y, const uint16_t *x, int64_t rows, int64_t cols,        \
                                bool trans, int threads);
PPI_SIMD_DECLARE(avx2)
PPI_SIMD_DECLARE(avx512)
PPI_SIMD_DECLARE(avx512bf16) /* its few-row products are those of avx512 */
#undef PPI_SIMD_DECLARE

/* The same for the instruction set in use (cpu.c). Only called where the set is at least AVX2. */
void ppi_cpu_convert(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, float scale, int64_t n,
                     int threads);
void ppi_cpu_act(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, ppi_act act, int64_t n,
                 int threads);
void ppi_cpu_accumulate(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, int64_t n, int threads);
void ppi_cpu_transpose(void *y, const void *x, ppi_dtype t, int64_t rows, int64_t cols,
                       int threads);
void ppi_cpu_pack_pairs(uint16_t *y, const uint16_t *x, int64_t rows, int64_t cols, bool trans,
                        int threads);

#endif
