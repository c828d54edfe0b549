/* The CPU backend: joins the kernel tables of the instruction set in use, oneDNN and the reference
   kernels into one ordered list per op. The lists are made once, on first use. */
#include <pthread.h>
#include <string.h>

#include "base/cpu.h"
#include "cpu/kernels.h"

/* Room for the kernels of one op: ours, oneDNN's, the reference, and the end. */
enum { LIST_MAX = 8 };

static const ppi_kernel *list[PPI_OP_COUNT][LIST_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void list_add(ppi_op op, const ppi_kernel *k) {
    int n = 0;
    while (list[op][n]) n++;
    if (n < LIST_MAX - 1) list[op][n] = k;
}

static void table_add(const ppi_kernel_entry *table) {
    for (const ppi_kernel_entry *e = table; e->kernel.run; e++) list_add(e->op, &e->kernel);
}

static const ppi_kernel *const *cpu_kernels(const ppi_backend *be, ppi_op op) {
    (void)be;
    return list[op];
}

static ppi_backend backend = {
    .abi_version = 1,
    .struct_size = sizeof(ppi_backend),
    .name = "cpu",
    .kernels = cpu_kernels,
};

/* The tables of an instruction set in order of preference; few-row products before oneDNN's. */
static const ppi_kernel_entry *const avx512bf16_tables[] = {
    ppi_avx512_gemv_table,
    ppi_avx512_conv_table,
    ppi_avx512_pool_table,
    ppi_avx512_lstm_table,
    ppi_avx512_batch_norm_table,
    ppi_avx512bf16_elementwise_table,
    ppi_avx512bf16_rows_table,
    ppi_avx512bf16_attention_table,
    ppi_avx512_attention_table,
    NULL,
};
static const ppi_kernel_entry *const avx512_tables[] = {
    ppi_avx512_gemv_table,
    ppi_avx512_conv_table,
    ppi_avx512_pool_table,
    ppi_avx512_lstm_table,
    ppi_avx512_batch_norm_table,
    ppi_avx512_elementwise_table,
    ppi_avx512_rows_table,
    ppi_avx512_attention_table,
    NULL,
};
static const ppi_kernel_entry *const avx2_tables[] = {
    ppi_avx2_gemv_table,
    ppi_avx2_conv_table,
    ppi_avx2_pool_table,
    ppi_avx2_lstm_table,
    ppi_avx2_batch_norm_table,
    ppi_avx2_elementwise_table,
    ppi_avx2_rows_table,
    ppi_avx2_attention_table,
    NULL,
};

static const ppi_kernel_entry *const *tables_of(ppi_isa isa) {
    return isa >= PPI_ISA_AVX512_BF16 ? avx512bf16_tables
           : isa >= PPI_ISA_AVX512    ? avx512_tables
                                      : avx2_tables;
}

static const ppi_flat_kernels *flat_of(ppi_isa isa) {
    return isa >= PPI_ISA_AVX512_BF16 ? &ppi_avx512bf16_flat
           : isa >= PPI_ISA_AVX512    ? &ppi_avx512_flat
                                      : &ppi_avx2_flat;
}

static void backend_make(void) {
    const ppi_backend *reference = ppi_cpu_reference_backend();
    const ppi_isa isa = ppi_cpu_isa();
    backend.flat = reference->flat;
    if (isa >= PPI_ISA_AVX2) {
        ppi_onednn_limit_isa();
        const ppi_kernel_entry *const *tables = tables_of(isa);
        for (int i = 0; tables[i]; i++) table_add(tables[i]);
        table_add(ppi_onednn_table);
        table_add(ppi_move_table);
        backend.flat = flat_of(isa);
    }
    for (int op = 0; op < PPI_OP_COUNT; op++) {
        const ppi_kernel *const *k = reference->kernels(reference, (ppi_op)op);
        for (; k && *k; k++) list_add((ppi_op)op, *k);
    }
}

const ppi_backend *ppi_cpu_backend(void) {
    pthread_once(&once, backend_make);
    return &backend;
}

/* Calls the variant of a function for the instruction set in use. */
#define CPU_CALL(fn, ...)                                                                          \
    do {                                                                                           \
        const ppi_isa isa = ppi_cpu_isa();                                                         \
        if (isa >= PPI_ISA_AVX512_BF16) {                                                          \
            ppi_avx512bf16_##fn(__VA_ARGS__);                                                      \
        } else if (isa >= PPI_ISA_AVX512) {                                                        \
            ppi_avx512_##fn(__VA_ARGS__);                                                          \
        } else {                                                                                   \
            ppi_avx2_##fn(__VA_ARGS__);                                                            \
        }                                                                                          \
    } while (0)

void ppi_cpu_convert(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, float scale, int64_t n,
                     int threads) {
    CPU_CALL(convert, y, yt, x, xt, scale, n, threads);
}

void ppi_cpu_act(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, ppi_act act, int64_t n,
                 int threads) {
    CPU_CALL(act, y, yt, x, xt, act, n, threads);
}

void ppi_cpu_accumulate(void *y, ppi_dtype yt, const void *x, ppi_dtype xt, int64_t n,
                        int threads) {
    CPU_CALL(accumulate, y, yt, x, xt, n, threads);
}

void ppi_cpu_transpose(void *y, const void *x, ppi_dtype t, int64_t rows, int64_t cols,
                       int threads) {
    CPU_CALL(transpose, y, x, t, rows, cols, threads);
}

void ppi_cpu_pack_pairs(uint16_t *y, const uint16_t *x, int64_t rows, int64_t cols, bool trans,
                        int threads) {
    CPU_CALL(pack_pairs, y, x, rows, cols, trans, threads);
}
