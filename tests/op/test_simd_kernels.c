/* Every fast kernel against the reference kernel of its op: each instruction set this machine has,
   oneDNN and the copies, with f32 operands and with the bf16 operands that ops.def allows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bf16.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cpu/kernels.h"

typedef struct op_case {
    ppi_op op;
    int n_in, n_out;
    ppi_shape in[6];
    ppi_shape out[3];
    int ids; /* index of an i32 input, 0 for none (no op has ids first) */
    ppi_op_params params;
} op_case;

#define S1(a)                                                                                      \
    {                                                                                              \
        1, {                                                                                       \
            a                                                                                      \
        }                                                                                          \
    }
#define S2(a, b)                                                                                   \
    {                                                                                              \
        2, {                                                                                       \
            a, b                                                                                   \
        }                                                                                          \
    }
#define S3(a, b, c)                                                                                \
    {                                                                                              \
        3, {                                                                                       \
            a, b, c                                                                                \
        }                                                                                          \
    }
#define S4(a, b, c, d)                                                                             \
    {                                                                                              \
        4, {                                                                                       \
            a, b, c, d                                                                             \
        }                                                                                          \
    }

#define ACT_CASES(kind)                                                                            \
    {PPI_OP_ACT, 1, 1, {S2(3, 37)}, {S2(3, 37)}, 0, {.act = {kind}}},                              \
        {PPI_OP_ACT_GRAD, 2, 1, {S2(3, 37), S2(3, 37)}, {S2(3, 37)}, 0, {.act = {kind}}},          \
        {PPI_OP_LINEAR,  3, 2, {S2(9, 33), S2(33, 37), S1(37)}, {S2(9, 37), S2(9, 37)}, 0,         \
         {.act = {kind}}},                                                                         \
    {                                                                                              \
        PPI_OP_LINEAR, 3, 2, {S3(1, 5, 33), S2(33, 37), S1(37)}, {S3(1, 5, 37), S3(1, 5, 37)}, 0,  \
        {                                                                                          \
            .act = { kind }                                                                        \
        }                                                                                          \
    }

/* Two heads side by side in `width` columns. */
#define ATTENTION_WIDE(width, nq, nk, ...)                                                         \
    {PPI_OP_ATTENTION,                                                                             \
     3,                                                                                            \
     2,                                                                                            \
     {S3(2, nq, width), S3(2, nk, width), S3(2, nk, width)},                                       \
     {S3(2, nq, width), S3(2, 2, nq)},                                                             \
     0,                                                                                            \
     {.attention = {2, 0.17f, {__VA_ARGS__}}}},                                                    \
    {                                                                                              \
        PPI_OP_ATTENTION_GRAD, 6, 3, {S3(2, nq, width), S3(2, nq, width), S3(2, nk, width),        \
                                      S3(2, nk, width), S3(2, nq, width), S3(2, 2, nq)},           \
            {S3(2, nq, width), S3(2, nk, width), S3(2, nk, width)}, 0, {                           \
            .attention = { 2, 0.17f, {__VA_ARGS__} }                                               \
        }                                                                                          \
    }
#define ATTENTION_CASES(nq, nk, ...) ATTENTION_WIDE(64, nq, nk, __VA_ARGS__)

#define CONV_CASES(b, h, c, o, k, s, p, oh)                                                        \
    {PPI_OP_CONV2D,                                                                                \
     3,                                                                                            \
     1,                                                                                            \
     {S4(b, h, h, c), S4(k, k, c, o), S1(o)},                                                      \
     {S4(b, oh, oh, o)},                                                                           \
     0,                                                                                            \
     {.conv = {s, p, PPI_ACT_RELU, h, h}}},                                                        \
        {PPI_OP_CONV2D_GRAD_X,                                                                     \
         2,                                                                                        \
         1,                                                                                        \
         {S4(b, oh, oh, o), S4(k, k, c, o)},                                                       \
         {S4(b, h, h, c)},                                                                         \
         0,                                                                                        \
         {.conv = {s, p, PPI_ACT_NONE, h, h}}},                                                    \
    {                                                                                              \
        PPI_OP_CONV2D_GRAD_W, 2, 1, {S4(b, oh, oh, o), S4(b, h, h, c)}, {S4(k, k, c, o)}, 0, {     \
            .conv = { s, p, PPI_ACT_NONE, h, h }                                                   \
        }                                                                                          \
    }

static const op_case cases[] = {
    ACT_CASES(PPI_ACT_RELU),
    ACT_CASES(PPI_ACT_GELU_TANH),
    ACT_CASES(PPI_ACT_GELU_ERF),
    ACT_CASES(PPI_ACT_TANH),
    {PPI_OP_LINEAR,
     2,
     2,
     {S2(3, 32), S2(32, 64)},
     {S2(3, 64), S2(3, 64)},
     0,
     {.act = {PPI_ACT_NONE}}},
    {PPI_OP_LINEAR,
     2,
     2,
     {S2(300, 40), S2(40, 64)},
     {S2(300, 64), S2(300, 64)},
     0,
     {.act = {PPI_ACT_NONE}}},
    {PPI_OP_MATMUL,
     2,
     1,
     {S3(2, 150, 33), S2(33, 18)},
     {S3(2, 150, 18)},
     0,
     {.matmul = {false, false}}},
    {PPI_OP_MATMUL,
     2,
     1,
     {S3(2, 150, 33), S2(18, 33)},
     {S3(2, 150, 18)},
     0,
     {.matmul = {false, true}}},
    {PPI_OP_MATMUL, 2, 1, {S2(40, 33), S2(40, 18)}, {S2(33, 18)}, 0, {.matmul = {true, false}}},
    {PPI_OP_MATMUL, 2, 1, {S2(500, 150), S2(500, 18)}, {S2(150, 18)}, 0, {.matmul = {true, false}}},
    {PPI_OP_MATMUL, 2, 1, {S2(40, 33), S2(18, 40)}, {S2(33, 18)}, 0, {.matmul = {true, true}}},
    {PPI_OP_CAST, 1, 1, {S2(5, 19)}, {S2(5, 19)}, 0, {.cast = {0.5f}}},
    {PPI_OP_PERMUTE, 1, 1, {S4(2, 3, 4, 5)}, {S4(2, 4, 3, 5)}, 0, {.permute = {{0, 2, 1, 3}}}},
    {PPI_OP_PERMUTE, 1, 1, {S3(7, 3, 5)}, {S3(5, 7, 3)}, 0, {.permute = {{2, 0, 1}}}},
    {PPI_OP_SLICE, 1, 1, {S3(2, 9, 5)}, {S3(2, 3, 5)}, 0, {.slice = {1, 1, 3, 9}}},
    {PPI_OP_SLICE, 1, 1, {S2(3, 40)}, {S2(3, 20)}, 0, {.slice = {1, 20, 1, 40}}},
    {PPI_OP_SLICE_GRAD, 1, 1, {S3(2, 3, 5)}, {S3(2, 9, 5)}, 0, {.slice = {1, 1, 3, 9}}},
    {PPI_OP_CONCAT,
     3,
     1,
     {S3(2, 1, 5), S3(2, 4, 5), S3(2, 2, 5)},
     {S3(2, 7, 5)},
     0,
     {.concat = {1}}},
    {PPI_OP_ADD, 2, 1, {S3(2, 5, 19), S3(2, 5, 19)}, {S3(2, 5, 19)}, 0, {{0}}},
    {PPI_OP_ADD, 2, 1, {S3(2, 5, 19), S2(5, 19)}, {S3(2, 5, 19)}, 0, {{0}}},
    {PPI_OP_MUL, 2, 1, {S3(2, 5, 19), S2(5, 1)}, {S3(2, 5, 19)}, 0, {{0}}},
    {PPI_OP_MUL, 2, 1, {S3(2, 5, 19), S1(1)}, {S3(2, 5, 19)}, 0, {{0}}},
    {PPI_OP_MUL, 2, 1, {S3(2, 5, 19), S3(2, 1, 1)}, {S3(2, 5, 19)}, 0, {{0}}},
    {PPI_OP_SCALE, 1, 1, {S2(5, 19)}, {S2(5, 19)}, 0, {.scale = {-2.5f}}},
    {PPI_OP_REDUCE_TO, 1, 1, {S3(4, 70, 83)}, {S1(83)}, 0, {{0}}},
    {PPI_OP_REDUCE_TO, 1, 1, {S3(4, 70, 83)}, {S2(70, 83)}, 0, {{0}}},
    {PPI_OP_REDUCE_TO, 1, 1, {S3(4, 70, 83)}, {S1(1)}, 0, {{0}}},
    {PPI_OP_REDUCE_TO, 1, 1, {S3(4, 7, 83)}, {S2(7, 1)}, 0, {{0}}},
    {PPI_OP_BROADCAST_TO, 1, 1, {S2(7, 1)}, {S3(4, 7, 21)}, 0, {{0}}},
    {PPI_OP_BROADCAST_TO, 1, 1, {S1(21)}, {S3(4, 7, 21)}, 0, {{0}}},
    {PPI_OP_BROADCAST_TO, 1, 1, {S1(1)}, {S1(37)}, 0, {{0}}},
    {PPI_OP_LAYER_NORM,
     3,
     3,
     {S2(7, 37), S1(37), S1(37)},
     {S2(7, 37), S1(7), S1(7)},
     0,
     {.norm = {1e-5f}}},
    {PPI_OP_LAYER_NORM,
     3,
     3,
     {S3(3, 30, 512), S1(512), S1(512)},
     {S3(3, 30, 512), S1(90), S1(90)},
     0,
     {.norm = {1e-5f}}},
    {PPI_OP_LAYER_NORM_GRAD,
     5,
     3,
     {S2(7, 37), S2(7, 37), S1(37), S1(7), S1(7)},
     {S2(7, 37), S1(37), S1(37)},
     0,
     {.norm = {1e-5f}}},
    {PPI_OP_LAYER_NORM_GRAD,
     5,
     3,
     {S2(90, 512), S2(90, 512), S1(512), S1(90), S1(90)},
     {S2(90, 512), S1(512), S1(512)},
     0,
     {.norm = {1e-5f}}},
    {PPI_OP_SOFTMAX, 1, 1, {S2(7, 37)}, {S2(7, 37)}, 0, {{0}}},
    {PPI_OP_SOFTMAX_GRAD, 2, 1, {S2(7, 37), S2(7, 37)}, {S2(7, 37)}, 0, {{0}}},
    ATTENTION_CASES(13, 21, PPI_MASK_FULL, 0, 1, 0, -1),
    ATTENTION_CASES(13, 21, PPI_MASK_CAUSAL, 5, 1, 0, -1),
    ATTENTION_CASES(27, 27, PPI_MASK_BLOCK_CAUSAL, 0, 9, 6, 6),
    ATTENTION_CASES(1, 27, PPI_MASK_BLOCK_CAUSAL, 26, 9, 6, 6),
    ATTENTION_CASES(1, 1, PPI_MASK_CAUSAL, 0, 1, 0, -1),
    ATTENTION_CASES(6, 1, PPI_MASK_FULL, 0, 1, 0, -1),
    ATTENTION_CASES(9, 156, PPI_MASK_CAUSAL, 147, 1, 0, -1),
    ATTENTION_WIDE(16, 13, 21, PPI_MASK_CAUSAL, 8, 1, 0, -1),
    ATTENTION_WIDE(32, 13, 21, PPI_MASK_CAUSAL, 8, 1, 0, -1),
    ATTENTION_WIDE(96, 17, 17, PPI_MASK_CAUSAL, 0, 1, 0, -1),
    ATTENTION_WIDE(128, 78, 78, PPI_MASK_BLOCK_CAUSAL, 0, 39, 36, 38),
    ATTENTION_WIDE(160, 35, 97, PPI_MASK_FULL, 0, 1, 0, -1),
    {PPI_OP_EMBEDDING, 2, 1, {S2(6, 37), S2(3, 5)}, {S3(3, 5, 37)}, 1, {.embedding = {6}}},
    {PPI_OP_EMBEDDING_GRAD, 2, 1, {S3(3, 5, 37), S2(3, 5)}, {S2(6, 37)}, 1, {.embedding = {6}}},
    {PPI_OP_CROSS_ENTROPY, 2, 2, {S2(15, 18), S1(15)}, {S1(15), S1(15)}, 1, {{0}}},
    {PPI_OP_CROSS_ENTROPY, 2, 2, {S2(15, 18), S2(15, 18)}, {S1(15), S1(15)}, 0, {{0}}},
    {PPI_OP_CROSS_ENTROPY_GRAD, 4, 1, {S1(15), S2(15, 18), S1(15), S1(15)}, {S2(15, 18)}, 2, {{0}}},
    {PPI_OP_CROSS_ENTROPY_GRAD,
     4,
     1,
     {S1(15), S2(15, 18), S2(15, 18), S1(15)},
     {S2(15, 18)},
     0,
     {{0}}},
    {PPI_OP_DROPOUT, 1, 1, {S2(9, 37)}, {S2(9, 37)}, 0, {.dropout = {0.3f, 4}}},
    {PPI_OP_LOG_SOFTMAX, 1, 1, {S2(7, 37)}, {S2(7, 37)}, 0, {{0}}},
    {PPI_OP_LOG_SOFTMAX_GRAD, 2, 1, {S2(7, 37), S2(7, 37)}, {S2(7, 37)}, 0, {{0}}},
    {PPI_OP_LINEAR,
     2,
     2,
     {S2(2, 513), S2(513, 600)},
     {S2(2, 600), S2(2, 600)},
     0,
     {.act = {PPI_ACT_RELU}}},
    {PPI_OP_PICK, 2, 1, {S3(5, 17, 9), S1(5)}, {S2(5, 9)}, 1, {{0}}},
    {PPI_OP_PICK_GRAD, 2, 1, {S2(5, 9), S1(5)}, {S3(5, 17, 9)}, 1, {{0}}},
    /* The places of the largest, bytes, are compared by test_kernels.c. */
    {PPI_OP_MAX_POOL2D,
     1,
     1,
     {S4(2, 7, 9, 37)},
     {S4(2, 4, 5, 37)},
     0,
     {.pool = {3, 2, true, 7, 9}}},
    {PPI_OP_MAX_POOL2D,
     1,
     1,
     {S4(2, 7, 9, 16)},
     {S4(2, 6, 8, 16)},
     0,
     {.pool = {2, 1, false, 7, 9}}},
    {PPI_OP_LSTM,
     5,
     3,
     {S3(7, 3, 76), S2(19, 76), S2(7, 19), S2(7, 19), S2(7, 3)},
     {S3(7, 3, 19), S3(7, 3, 19), S3(7, 3, 76)},
     4,
     {{0}}},
    {PPI_OP_LSTM_GRAD,
     6,
     3,
     {S3(7, 3, 19), S3(7, 3, 19), S3(7, 3, 76), S2(19, 76), S2(7, 19), S2(7, 3)},
     {S3(7, 3, 76), S2(7, 19), S2(7, 19)},
     5,
     {{0}}},
    {PPI_OP_LSTM_GRAD_W,
     4,
     1,
     {S3(7, 3, 76), S3(7, 3, 19), S2(7, 19), S2(7, 3)},
     {S2(19, 76)},
     3,
     {{0}}},
    CONV_CASES(2, 11, 3, 32, 3, 1, 1, 11),
    CONV_CASES(2, 11, 4, 32, 3, 1, 1, 11),
    CONV_CASES(3, 20, 8, 17, 4, 2, 0, 9),
};

static const uint64_t step = 5;
static const uint64_t seed = 0x123456789abcull;

static double value_at(const ppi_operand *o, int64_t i) {
    return o->dtype == PPI_F32 ? (double)((const float *)o->data)[i]
                               : (double)ppi_bf16_to_f32(((const uint16_t *)o->data)[i]);
}

static ppi_operand operand_make(const ppi_shape *shape, ppi_dtype t) {
    ppi_operand o = {NULL, t, *shape};
    o.data = ppi_aligned_alloc64((size_t)ppi_shape_count(shape) * ppi_dtype_size(t) + 64);
    assert_non_null(o.data);
    memset(o.data, 0x7f, (size_t)ppi_shape_count(shape) * ppi_dtype_size(t));
    return o;
}

static void operand_fill(ppi_operand *o, ppi_rng *rng) {
    const int64_t n = ppi_shape_count(&o->shape);
    for (int64_t i = 0; i < n; i++) {
        const float v = (float)(2.0 * ppi_rng_unit(rng) - 1.0);
        if (o->dtype == PPI_I32) {
            ((int32_t *)o->data)[i] = (int32_t)ppi_rng_below(rng, 20) - 1;
        } else if (o->dtype == PPI_F32) {
            ((float *)o->data)[i] = v;
        } else {
            ((uint16_t *)o->data)[i] = ppi_bf16_from_f32(v);
        }
    }
}

/* Set-up, one run, teardown; the workspace starts as garbage. */
static void kernel_run(const ppi_kernel *k, ppi_kernel_args *a) {
    const size_t bytes = k->workspace_size ? k->workspace_size(a) : 0;
    a->workspace = ppi_aligned_alloc64(bytes + 64);
    assert_non_null(a->workspace);
    memset(a->workspace, 0xff, bytes);
    a->state = NULL;
    if (k->setup) assert_int_equal(k->setup(a), PP_OK);
    assert_int_equal(k->run(a), PP_OK);
    if (k->teardown) k->teardown(a);
    ppi_aligned_free(a->workspace);
    a->workspace = NULL;
}

static void outputs_compare(const char *name, int number, const ppi_kernel_args *a,
                            const ppi_operand *want, double tolerance) {
    for (int o = 0; o < a->n_out; o++) {
        if (!a->out[o].data) continue;
        const int64_t n = ppi_shape_count(&want[o].shape);
        double largest = 1e-2; /* results that cancel are held to inputs of about 1 */
        double worst = 0.0;
        for (int64_t i = 0; i < n; i++) {
            const double w = value_at(&want[o], i);
            const double d = fabs(value_at(&a->out[o], i) - w);
            if (fabs(w) > largest) largest = fabs(w);
            if (!(d <= worst)) worst = d;
        }
        if (!(worst <= tolerance * largest)) {
            fail_msg("%s, case %d, output %d: error %g of %g, allowed %g", name, number, o, worst,
                     largest, tolerance);
        }
    }
}

/* The kernels of one table that take the case, compared with the reference's outputs. */
static int table_check(const ppi_kernel_entry *table, const op_case *c, ppi_kernel_args *a,
                       const ppi_operand *want, double tolerance) {
    int ran = 0;
    for (const ppi_kernel_entry *e = table; e->kernel.run; e++) {
        if (e->op != c->op || (e->kernel.accepts && !e->kernel.accepts(a))) continue;
        for (int threads = 1; threads <= 2; threads++) {
            a->threads = threads;
            kernel_run(&e->kernel, a);
            outputs_compare(e->kernel.name, (int)(c - cases), a, want, tolerance);
        }
        ran++;
    }
    return ran;
}

static const ppi_kernel_entry *const any_tables[] = {ppi_onednn_table, ppi_move_table, NULL};
static const ppi_kernel_entry *const avx2_tables[] = {
    ppi_avx2_elementwise_table,
    ppi_avx2_rows_table,
    ppi_avx2_attention_table,
    ppi_avx2_gemv_table,
    ppi_avx2_conv_table,
    ppi_avx2_pool_table,
    ppi_avx2_lstm_table,
    NULL,
};
static const ppi_kernel_entry *const avx512_tables[] = {
    ppi_avx512_elementwise_table,
    ppi_avx512_rows_table,
    ppi_avx512_attention_table,
    ppi_avx512_gemv_table,
    ppi_avx512_conv_table,
    ppi_avx512_pool_table,
    ppi_avx512_lstm_table,
    NULL,
};

static const ppi_kernel_entry *const bf16_tables[] = {
    ppi_avx512bf16_elementwise_table,
    ppi_avx512bf16_rows_table,
    ppi_avx512bf16_attention_table,
    NULL,
};

static int tables_check(const ppi_kernel_entry *const *tables, const op_case *c, ppi_kernel_args *a,
                        const ppi_operand *want, double tolerance) {
    int ran = 0;
    for (int i = 0; tables[i]; i++) ran += table_check(tables[i], c, a, want, tolerance);
    return ran;
}

static bool wants_bf16(const op_case *c, int i, uint32_t mask) {
    const bool bias = i == 2 && (c->op == PPI_OP_LINEAR || c->op == PPI_OP_CONV2D);
    return ((mask >> i) & 1u) && !bias;
}

/* The gradient of attention takes the result and log-sum-exp of the same q, k and v. */
static void attention_complete(ppi_kernel_args *grad) {
    const ppi_backend *reference = ppi_cpu_reference_backend();
    ppi_kernel_args a = {
        .n_in = 3, .n_out = 2, .params = grad->params, .threads = 1, .step = &step, .seed = &seed};
    for (int i = 0; i < 3; i++) a.in[i] = grad->in[i + 1];
    for (int o = 0; o < 2; o++) a.out[o] = grad->in[o + 4];
    kernel_run(reference->kernels(reference, PPI_OP_ATTENTION)[0], &a);
}

/* Operand types: all f32, bf16 wherever ops.def allows it, or bf16 results of f32 operands. */
typedef enum case_types { TYPES_F32, TYPES_BF16, TYPES_MIXED } case_types;

/* Each output alone: kernels leave out the work of the ones nobody reads. */
static void outputs_drop(const ppi_kernel_entry *const *tables, const op_case *c,
                         const ppi_kernel_args *a, const ppi_operand *want, double tolerance) {
    for (int kept = 0; kept < a->n_out; kept++) {
        ppi_kernel_args part = *a;
        for (int o = 0; o < a->n_out; o++) {
            if (o != kept) part.out[o].data = NULL;
        }
        memset(part.out[kept].data, 0x7f,
               (size_t)ppi_shape_count(&want[kept].shape) * ppi_dtype_size(want[kept].dtype));
        tables_check(tables, c, &part, want, tolerance);
    }
}

static void case_check(const op_case *c, case_types types) {
    const bool bf16_in = types == TYPES_BF16;
    const bool bf16 = types != TYPES_F32;
    const ppi_op_info *info = ppi_op_get(c->op);
    ppi_kernel_args a = {.n_in = c->n_in,
                         .n_out = c->n_out,
                         .params = c->params,
                         .threads = 1,
                         .step = &step,
                         .seed = &seed};
    ppi_operand want[3];
    ppi_rng rng;
    ppi_rng_init(&rng, 17, PPI_RNG_TEST, (uint64_t)(c - cases));
    for (int i = 0; i < c->n_in; i++) {
        const ppi_dtype t = c->ids && i == c->ids                        ? PPI_I32
                            : bf16_in && wants_bf16(c, i, info->bf16_in) ? PPI_BF16
                                                                         : PPI_F32;
        a.in[i] = operand_make(&c->in[i], t);
        operand_fill(&a.in[i], &rng);
    }
    if (c->op == PPI_OP_ATTENTION_GRAD) attention_complete(&a);
    for (int o = 0; o < c->n_out; o++) {
        const ppi_dtype t = bf16 && ((info->bf16_out >> o) & 1u) ? PPI_BF16 : PPI_F32;
        want[o] = operand_make(&c->out[o], t);
        a.out[o] = want[o];
    }
    const ppi_backend *reference = ppi_cpu_reference_backend();
    const ppi_kernel *const *k = reference->kernels(reference, c->op);
    assert_non_null(k);
    assert_non_null(*k);
    kernel_run(*k, &a);
    for (int o = 0; o < c->n_out; o++) a.out[o] = operand_make(&c->out[o], want[o].dtype);
    const double tolerance = fmax(1e-7, (double)(bf16 ? info->tol_bf16 : info->tol_f32));
    int ran = tables_check(any_tables, c, &a, want, tolerance) +
              tables_check(avx2_tables, c, &a, want, tolerance);
    if (ppi_cpu_isa_detected() >= PPI_ISA_AVX512)
        ran += tables_check(avx512_tables, c, &a, want, tolerance);
    if (ppi_cpu_isa_detected() >= PPI_ISA_AVX512_BF16)
        ran += tables_check(bf16_tables, c, &a, want, tolerance);
    if (c->op == PPI_OP_ATTENTION || c->op == PPI_OP_ATTENTION_GRAD) {
        outputs_drop(avx2_tables, c, &a, want, tolerance);
        if (ppi_cpu_isa_detected() >= PPI_ISA_AVX512)
            outputs_drop(avx512_tables, c, &a, want, tolerance);
        if (ppi_cpu_isa_detected() >= PPI_ISA_AVX512_BF16)
            outputs_drop(bf16_tables, c, &a, want, tolerance);
    }
    if (ran == 0)
        fail_msg("no fast kernel of %s takes case %d with %s operands", info->name,
                 (int)(c - cases), bf16_in ? "bf16" : "f32");
    for (int i = 0; i < c->n_in; i++) ppi_aligned_free(a.in[i].data);
    for (int o = 0; o < c->n_out; o++) {
        ppi_aligned_free(a.out[o].data);
        ppi_aligned_free(want[o].data);
    }
}

static void f32_kernels_match_the_reference(void **state) {
    (void)state;
    if (ppi_cpu_isa() < PPI_ISA_AVX2) skip();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) case_check(&cases[i], TYPES_F32);
}

static void bf16_kernels_match_the_reference(void **state) {
    (void)state;
    if (ppi_cpu_isa() < PPI_ISA_AVX2) skip();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) case_check(&cases[i], TYPES_BF16);
}

static void kernels_with_f32_operands_write_bf16(void **state) {
    (void)state;
    if (ppi_cpu_isa() < PPI_ISA_AVX2) skip();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) case_check(&cases[i], TYPES_MIXED);
}

/* Every op but the view has a fast kernel in the lists of the backend, and its last kernel takes
 * all. */
static void backend_lists_end_with_the_reference(void **state) {
    (void)state;
    const ppi_backend *be = ppi_cpu_backend();
    const ppi_backend *reference = ppi_cpu_reference_backend();
    for (int op = 0; op < PPI_OP_COUNT; op++) {
        const ppi_kernel *const *k = be->kernels(be, (ppi_op)op);
        const ppi_kernel *const *r = reference->kernels(reference, (ppi_op)op);
        if (!r || !*r) continue;
        const ppi_kernel *last = NULL;
        for (; *k; k++) last = *k;
        assert_ptr_equal(last, *r);
    }
}

/* bf16 heads of a size that AVX512_BF16 takes go to it and other heads to the next kernel. */
static void bf16_attention_comes_first_and_steps_aside(void **state) {
    (void)state;
    if (ppi_cpu_isa() < PPI_ISA_AVX512_BF16) skip();
    const ppi_backend *be = ppi_cpu_backend();
    const ppi_kernel *const *k = be->kernels(be, PPI_OP_ATTENTION);
    assert_string_equal(k[0]->name, "avx512_bf16:attention");
    for (int64_t size = 8; size <= 32; size += 8) {
        ppi_kernel_args a = {.n_in = 3, .n_out = 2};
        a.params.attention.heads = 2;
        for (int i = 0; i < 4; i++) {
            ppi_operand *o = i < 3 ? &a.in[i] : &a.out[0];
            *o = (ppi_operand){.dtype = PPI_BF16, .shape = S3(2, 5, 2 * size)};
        }
        a.out[1] = (ppi_operand){.dtype = PPI_F32, .shape = S3(2, 2, 5)};
        assert_int_equal(k[0]->accepts(&a), size % 16 == 0);
        a.in[1].dtype = PPI_F32;
        assert_false(k[0]->accepts(&a));
    }
}

enum { FLAT_N = 40001 };

static float *flat_make(ppi_rng *rng, bool positive) {
    float *x = ppi_aligned_alloc64(FLAT_N * sizeof(float) + 64);
    assert_non_null(x);
    for (int i = 0; i < FLAT_N; i++) {
        const float v = (float)(2.0 * ppi_rng_unit(rng) - 1.0);
        x[i] = positive ? fabsf(v) : v;
    }
    return x;
}

typedef struct flat_state {
    float *p, *g, *m, *v, *u;
    uint16_t *b;
    double sums[3];
} flat_state;

static flat_state flat_run(const ppi_flat_kernels *f) {
    ppi_rng rng;
    ppi_rng_init(&rng, 3, PPI_RNG_TEST, 1);
    flat_state s = {.p = flat_make(&rng, false),
                    .g = flat_make(&rng, false),
                    .m = flat_make(&rng, false),
                    .v = flat_make(&rng, true),
                    .u = flat_make(&rng, false),
                    .b = ppi_aligned_alloc64(FLAT_N * 2 + 64)};
    assert_non_null(s.b);
    f->adam(s.p, NULL, s.g, s.m, s.v, FLAT_N, 0.5f, 1e-2f, 0.9f, 0.999f, 1e-6f, 0.01f, 0.5f, 0.3f,
            2);
    f->lamb_update(s.u, s.p, s.g, s.m, s.v, FLAT_N, 0.5f, 0.9f, 0.999f, 1e-6f, 0.01f, 0.5f, 0.3f,
                   &s.sums[0], &s.sums[1], 2);
    f->rmsprop(s.p, s.b, s.g, s.m, s.v, FLAT_N, 0.5f, 1e-3f, 0.99f, 0.9f, 0.01f, 2);
    for (int i = 0; i < FLAT_N; i++) assert_int_equal(s.b[i], ppi_bf16_from_f32(s.p[i]));
    f->apply(s.p, s.b, s.u, 0.03f, FLAT_N, 2);
    s.sums[2] = f->sum_squares(s.p, FLAT_N, 2);
    f->scale(s.m, -3.0f, FLAT_N, 2);
    return s;
}

static void flat_free(flat_state *s) {
    float *all[] = {s->p, s->g, s->m, s->v, s->u};
    for (int i = 0; i < 5; i++) ppi_aligned_free(all[i]);
    ppi_aligned_free(s->b);
}

/* With eps 0 an element that never had a gradient stays where it is. */
static void rmsprop_check_rest(const ppi_flat_kernels *f) {
    float p[5] = {1, 2, 3, 4, 5}, g[5] = {0, 1, 0, -1, 0}, m[5] = {0}, v[5] = {0};
    f->rmsprop(p, NULL, g, m, v, 5, 1.0f, 0.1f, 0.99f, 0.0f, 0.0f, 1);
    for (int i = 0; i < 5; i++)
        assert_true(fabsf(p[i] - ((float)(i + 1) - g[i])) <= 1e-4f); /* lr / sqrt(0.01) = 1 */
}

static void flat_check(const ppi_flat_kernels *f) {
    flat_state want = flat_run(ppi_cpu_reference_backend()->flat);
    flat_state got = flat_run(f);
    rmsprop_check_rest(f);
    rmsprop_check_rest(ppi_cpu_reference_backend()->flat);
    for (int i = 0; i < FLAT_N; i++) {
        assert_true(fabsf(want.p[i] - got.p[i]) <= 2e-5f * fmaxf(1.0f, fabsf(want.p[i])));
        assert_true(fabsf(want.v[i] - got.v[i]) <= 1e-6f);
        assert_true(fabsf(want.m[i] - got.m[i]) <= 1e-5f);
        assert_true(fabsf(want.u[i] - got.u[i]) <= 2e-5f * fmaxf(1.0f, fabsf(want.u[i])));
        assert_int_equal(got.b[i], ppi_bf16_from_f32(got.p[i]));
    }
    for (int i = 0; i < 3; i++)
        assert_true(fabs(want.sums[i] - got.sums[i]) <= 1e-5 * fabs(want.sums[i]));
    assert_true(f->sum_squares(got.p, FLAT_N, 2) == got.sums[2]);
    assert_int_equal(f->first_nonfinite(got.p, FLAT_N, 2), -1);
    got.p[FLAT_N - 1] = NAN;
    assert_int_equal(f->first_nonfinite(got.p, FLAT_N, 2), FLAT_N - 1);
    got.p[20] = INFINITY;
    assert_int_equal(f->first_nonfinite(got.p, FLAT_N, 2), 20);
    flat_free(&want);
    flat_free(&got);
}

static void flat_kernels_match_the_reference(void **state) {
    (void)state;
    if (ppi_cpu_isa() < PPI_ISA_AVX2) skip();
    flat_check(&ppi_avx2_flat);
    if (ppi_cpu_isa_detected() >= PPI_ISA_AVX512) flat_check(&ppi_avx512_flat);
    if (ppi_cpu_isa_detected() >= PPI_ISA_AVX512_BF16) flat_check(&ppi_avx512bf16_flat);
}

/* The matrix [rows, cols] in panels of 64 columns and a multiple of 32 rows, element by element. */
static void panels_check(int64_t rows, int64_t cols, bool trans, int threads) {
    const int64_t deep = (rows + 31) / 32 * 32;
    const int64_t wide = (cols + 63) / 64 * 64;
    uint16_t *x = ppi_aligned_alloc64((size_t)(rows * cols) * sizeof *x + 64);
    uint16_t *y = ppi_aligned_alloc64((size_t)(deep * wide) * sizeof *y);
    assert_true(x && y);
    for (int64_t i = 0; i < rows * cols; i++) x[i] = (uint16_t)(1 + i % 65521);
    memset(y, 0x7f, (size_t)(deep * wide) * sizeof *y);
    ppi_cpu_pack_pairs(y, x, rows, cols, trans, threads);
    for (int64_t r = 0; r < deep; r++) {
        for (int64_t c = 0; c < wide; c++) {
            const uint16_t want = r >= rows || c >= cols ? 0 : x[trans ? c * rows + r : r * cols + c];
            const uint16_t got = y[c / 64 * 64 * deep + r / 2 * 128 + c % 64 * 2 + r % 2];
            if (got != want) fail_msg("%s [%d,%d] at (%d,%d)", trans ? "transposed" : "plain", (int)rows, (int)cols, (int)r, (int)c);
        }
    }
    ppi_aligned_free(x);
    ppi_aligned_free(y);
}

static void packed_panels_hold_the_matrix(void **state) {
    (void)state;
    if (ppi_cpu_isa() < PPI_ISA_AVX2) skip();
    static const int64_t size[][2] = {{1, 1}, {2, 64}, {31, 63}, {33, 65}, {64, 128}, {196, 512}, {512, 130}};
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        for (int way = 0; way < 4; way++) panels_check(size[i][0], size[i][1], way & 1, 1 + way / 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_kernels_match_the_reference),
        cmocka_unit_test(bf16_kernels_match_the_reference),
        cmocka_unit_test(kernels_with_f32_operands_write_bf16),
        cmocka_unit_test(backend_lists_end_with_the_reference),
        cmocka_unit_test(bf16_attention_comes_first_and_steps_aside),
        cmocka_unit_test(flat_kernels_match_the_reference),
        cmocka_unit_test(packed_panels_hold_the_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
