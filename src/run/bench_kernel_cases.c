/* The nodes that kernels are timed on: those of an MGDT-10M train step (windows of 4 steps with 36
   patches and 3 more tokens each, width 512), the network of behaviour cloning, the small networks of
   the online learners, and odd shapes. */
#include <string.h>

#include "base/bf16.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "run/bench_kernels.h"

/* One line a case. */
/* clang-format off */
#define S1(a)          {1, {a}}
#define S2(a, b)       {2, {a, b}}
#define S3(a, b, c)    {3, {a, b, c}}
#define S4(a, b, c, d) {4, {a, b, c, d}}
#define ROWS           S3(-1, 156, 512)  /* tokens of a batch */
#define WIDE           S3(-1, 156, 2048) /* inside the MLP */
#define NORMS          S1(-156)          /* a number for each token */

/* Attention over histories of 80 steps with 4 heads of 16. */
#define STEPS80 S3(-4, 80, 64)
#define LSE80   S3(-4, 4, 80)
#define HISTORY_ATTENTION(p)                                                                       \
    {.attention = {4, 0.25f, {.kind = PPI_MASK_CAUSAL, .drop_slot = -1}, p, 3}}

/* Attention of `nq` query rows, the last ones of the window. */
#define MGDT_ATTENTION(nq)                                                                         \
    {.attention = {8, 0.125f, {.kind = PPI_MASK_BLOCK_CAUSAL, .q_offset = 156 - (nq),              \
                               .stride = 39, .patches = 36, .drop_slot = 36}}}

const ppi_bench_case ppi_bench_cases[] = {
    /* Products of the transformer: projections, the MLP, gradients of inputs and of weights. */
    {PPI_OP_LINEAR, "bbf>b-", {ROWS, S2(512, 512), S1(512)}, {ROWS, ROWS}, {.act = {PPI_ACT_NONE}}},
    {PPI_OP_LINEAR, "bbf>bb", {ROWS, S2(512, 2048), S1(2048)}, {WIDE, WIDE}, {.act = {PPI_ACT_GELU_TANH}}},
    {PPI_OP_LINEAR, "bbf>b-", {WIDE, S2(2048, 512), S1(512)}, {ROWS, ROWS}, {.act = {PPI_ACT_NONE}}},
    {PPI_OP_LINEAR, "fff>f-", {ROWS, S2(512, 512), S1(512)}, {ROWS, ROWS}, {.act = {PPI_ACT_NONE}}},
    {PPI_OP_LINEAR, "bbf>f-", {S3(-1, 1, 512), S2(512, 512), S1(512)}, {S3(-1, 1, 512), S3(-1, 1, 512)}, {.act = {PPI_ACT_NONE}}},
    {PPI_OP_LINEAR, "fff>f-", {S2(1, 512), S2(512, 512), S1(512)}, {S2(1, 512), S2(1, 512)}, {.act = {PPI_ACT_NONE}}},
    {PPI_OP_MATMUL, "bb>f", {ROWS, S2(512, 512)}, {ROWS}, {.matmul = {false, true}}},
    {PPI_OP_MATMUL, "bb>b", {ROWS, S2(2048, 512)}, {WIDE}, {.matmul = {false, true}}},
    {PPI_OP_MATMUL, "bb>f", {ROWS, ROWS}, {S2(512, 512)}, {.matmul = {true, false}}},
    {PPI_OP_MATMUL, "bb>f", {ROWS, WIDE}, {S2(512, 2048)}, {.matmul = {true, false}}},
    /* Attention: bf16, f32, the few rows that heads read, a head of an odd size. */
    {PPI_OP_ATTENTION, "bbb>bf", {ROWS, ROWS, ROWS}, {ROWS, S3(-1, 8, 156)}, MGDT_ATTENTION(156)},
    {PPI_OP_ATTENTION, "bbb>bf", {S3(-1, 9, 512), ROWS, ROWS}, {S3(-1, 9, 512), S3(-1, 8, 9)}, MGDT_ATTENTION(9)},
    {PPI_OP_ATTENTION, "fff>ff", {ROWS, ROWS, ROWS}, {ROWS, S3(-1, 8, 156)}, MGDT_ATTENTION(156)},
    {PPI_OP_ATTENTION, "bbb>bf", {S3(-1, 13, 48), S3(-1, 21, 48), S3(-1, 21, 48)}, {S3(-1, 13, 48), S3(-1, 2, 13)},
     {.attention = {2, 0.2f, {.kind = PPI_MASK_FULL, .stride = 1, .drop_slot = -1}}}},
    {PPI_OP_ATTENTION_GRAD, "bbbbbf>bbb", {ROWS, ROWS, ROWS, ROWS, ROWS, S3(-1, 8, 156)}, {ROWS, ROWS, ROWS}, MGDT_ATTENTION(156)},
    {PPI_OP_ATTENTION_GRAD, "bbbbbf>bbb", {S3(-1, 9, 512), S3(-1, 9, 512), ROWS, ROWS, S3(-1, 9, 512), S3(-1, 8, 9)},
     {S3(-1, 9, 512), ROWS, ROWS}, MGDT_ATTENTION(9)},
    {PPI_OP_ATTENTION_GRAD, "ffffff>fff", {ROWS, ROWS, ROWS, ROWS, ROWS, S3(-1, 8, 156)}, {ROWS, ROWS, ROWS}, MGDT_ATTENTION(156)},
    /* Passes over the tokens. */
    {PPI_OP_ACT, "b>b", {WIDE}, {WIDE}, {.act = {PPI_ACT_GELU_TANH}}},
    {PPI_OP_ACT_GRAD, "bb>b", {WIDE, WIDE}, {WIDE}, {.act = {PPI_ACT_GELU_TANH}}},
    {PPI_OP_ACT_GRAD, "bb>b", {WIDE, WIDE}, {WIDE}, {.act = {PPI_ACT_GELU_ERF}}},
    {PPI_OP_ACT_GRAD, "ff>f", {ROWS, ROWS}, {ROWS}, {.act = {PPI_ACT_RELU}}},
    {PPI_OP_ADD, "ff>f", {ROWS, ROWS}, {ROWS}, {{0}}},
    {PPI_OP_ADD, "ff>f", {ROWS, S2(156, 512)}, {ROWS}, {{0}}},
    {PPI_OP_ADD, "ff>f", {S2(-3, 37), S2(-3, 37)}, {S2(-3, 37)}, {{0}}},
    {PPI_OP_MUL, "ff>f", {ROWS, S2(156, 1)}, {ROWS}, {{0}}},
    {PPI_OP_SCALE, "f>f", {ROWS}, {ROWS}, {.scale = {0.5f}}},
    {PPI_OP_CAST, "u>f", {S2(-4, 7056)}, {S2(-4, 7056)}, {.cast = {0.00392157f}}},
    {PPI_OP_CAST, "f>b", {ROWS}, {ROWS}, {.cast = {1.0f}}},
    {PPI_OP_DROPOUT, "f>b", {ROWS}, {ROWS}, {.dropout = {.p = 0.1f, .site = 3}}},
    {PPI_OP_DROPOUT, "b>f", {ROWS}, {ROWS}, {.dropout = {.p = 0.1f, .site = 3}}},
    {PPI_OP_LAYER_NORM, "fff>bff", {ROWS, S1(512), S1(512)}, {ROWS, NORMS, NORMS}, {.norm = {1e-5f}}},
    {PPI_OP_LAYER_NORM, "fff>fff", {S2(-7, 37), S1(37), S1(37)}, {S2(-7, 37), S1(-7), S1(-7)}, {.norm = {1e-5f}}},
    {PPI_OP_LAYER_NORM_GRAD, "fffff>fff", {ROWS, ROWS, S1(512), NORMS, NORMS}, {ROWS, S1(512), S1(512)}, {.norm = {1e-5f}}},
    {PPI_OP_LAYER_NORM_GRAD, "bffff>fff", {ROWS, ROWS, S1(512), NORMS, NORMS}, {ROWS, S1(512), S1(512)}, {.norm = {1e-5f}}},
    {PPI_OP_REDUCE_TO, "b>f", {WIDE}, {S1(2048)}, {{0}}},
    {PPI_OP_REDUCE_TO, "b>f", {ROWS}, {S1(512)}, {{0}}},
    {PPI_OP_REDUCE_TO, "f>f", {ROWS}, {S2(156, 512)}, {{0}}},
    {PPI_OP_BROADCAST_TO, "f>f", {S2(156, 1)}, {S3(-1, 156, 512)}, {{0}}},
    /* Tokens from frames and rows from tokens. */
    {PPI_OP_SLICE, "f>b", {S3(-4, 39, 512)}, {S3(-4, 36, 512)}, {.slice = {1, 0, 1, 39}}},
    {PPI_OP_SLICE_GRAD, "f>f", {S4(-1, 4, 3, 512)}, {S4(-1, 4, 39, 512)}, {.slice = {2, 36, 1, 39}}},
    {PPI_OP_CONCAT, "ffff>f", {S3(-4, 36, 512), S3(-4, 1, 512), S3(-4, 1, 512), S3(-4, 1, 512)}, {S3(-4, 39, 512)}, {.concat = {1}}},
    {PPI_OP_PERMUTE, "f>b", {{5, {-4, 6, 14, 6, 14}}}, {{5, {-4, 6, 6, 14, 14}}}, {.permute = {{0, 1, 3, 2, 4}}}},
    {PPI_OP_EMBEDDING, "fi>f", {S2(18, 512), S2(-1, 4)}, {S3(-1, 4, 512)}, {.embedding = {18}}},
    {PPI_OP_EMBEDDING_GRAD, "fi>f", {S3(-1, 4, 512), S2(-1, 4)}, {S2(18, 512)}, {.embedding = {18}}},
    /* Losses. */
    {PPI_OP_SOFTMAX, "f>f", {S2(-4, 18)}, {S2(-4, 18)}, {{0}}},
    {PPI_OP_SOFTMAX_GRAD, "ff>f", {S2(-4, 120), S2(-4, 120)}, {S2(-4, 120)}, {{0}}},
    {PPI_OP_CROSS_ENTROPY, "fi>ff", {S2(-4, 120), S1(-4)}, {S1(-4), S1(-4)}, {{0}}},
    {PPI_OP_CROSS_ENTROPY_GRAD, "ffif>f", {S1(-4), S2(-4, 120), S1(-4), S1(-4)}, {S2(-4, 120)}, {{0}}},
    /* The convolutions of the Nature network. */
    {PPI_OP_CONV2D, "bbf>b", {S4(-2, 84, 84, 4), S4(8, 8, 4, 32), S1(32)}, {S4(-2, 20, 20, 32)}, {.conv = {4, 0, PPI_ACT_RELU, 84, 84}}},
    {PPI_OP_CONV2D, "bbf>b", {S4(-2, 20, 20, 32), S4(4, 4, 32, 64), S1(64)}, {S4(-2, 9, 9, 64)}, {.conv = {2, 0, PPI_ACT_RELU, 20, 20}}},
    {PPI_OP_CONV2D_GRAD_X, "bb>b", {S4(-2, 9, 9, 64), S4(4, 4, 32, 64)}, {S4(-2, 20, 20, 32)}, {.conv = {2, 0, PPI_ACT_NONE, 20, 20}}},
    {PPI_OP_CONV2D_GRAD_W, "bb>f", {S4(-2, 9, 9, 64), S4(-2, 20, 20, 32)}, {S4(4, 4, 32, 64)}, {.conv = {2, 0, PPI_ACT_NONE, 20, 20}}},
    /* Small networks: a batch of 32 boards, the rollouts of the dark rooms, an LSTM over 20 steps, max-pooling. */
    {PPI_OP_CONV2D, "fff>f", {S4(32, 10, 10, 4), S4(3, 3, 4, 16), S1(16)}, {S4(32, 8, 8, 16)}, {.conv = {1, 0, PPI_ACT_RELU, 10, 10}}},
    {PPI_OP_CONV2D, "fff>f", {S4(32, 10, 10, 10), S4(3, 3, 10, 16), S1(16)}, {S4(32, 8, 8, 16)}, {.conv = {1, 0, PPI_ACT_RELU, 10, 10}}},
    {PPI_OP_CONV2D_GRAD_W, "ff>f", {S4(32, 8, 8, 16), S4(32, 10, 10, 4)}, {S4(3, 3, 4, 16)}, {.conv = {1, 0, PPI_ACT_NONE, 10, 10}}},
    {PPI_OP_LINEAR, "fff>f-", {S2(32, 1024), S2(1024, 128), S1(128)}, {S2(32, 128), S2(32, 128)}, {.act = {PPI_ACT_RELU}}},
    {PPI_OP_LINEAR, "fff>f-", {S2(1, 1024), S2(1024, 128), S1(128)}, {S2(1, 128), S2(1, 128)}, {.act = {PPI_ACT_RELU}}},
    {PPI_OP_MATMUL, "ff>f", {S2(32, 128), S2(1024, 128)}, {S2(32, 1024)}, {.matmul = {false, true}}},
    {PPI_OP_MATMUL, "ff>f", {S2(32, 1024), S2(32, 128)}, {S2(1024, 128)}, {.matmul = {true, false}}},
    {PPI_OP_LINEAR, "fff>f-", {S2(2000, 128), S2(128, 128), S1(128)}, {S2(2000, 128), S2(2000, 128)}, {.act = {PPI_ACT_RELU}}},
    {PPI_OP_ONE_HOT, "u>f", {S2(2000, 2)}, {S2(2000, 18)}, {.one_hot = {2, {9, 9}}}},
    {PPI_OP_PICK, "fi>f", {S3(32, 18, 51), S1(32)}, {S2(32, 51)}, {{0}}},
    {PPI_OP_PICK_GRAD, "fi>f", {S2(32, 51), S1(32)}, {S3(32, 18, 51)}, {{0}}},
    {PPI_OP_LOG_SOFTMAX, "f>f", {S2(2000, 5)}, {S2(2000, 5)}, {{0}}},
    {PPI_OP_MAX_POOL2D, "f>fu", {S4(-1, 42, 42, 32)}, {S4(-1, 21, 21, 32), S4(-1, 21, 21, 32)}, {.pool = {3, 2, true, 42, 42}}},
    /* Learning histories: narrow heads, dropout of probabilities, blocked keys; batch norm of an image encoder. */
    {PPI_OP_ATTENTION, "bbb>bf", {STEPS80, STEPS80, STEPS80}, {STEPS80, LSE80}, HISTORY_ATTENTION(0.0f)},
    {PPI_OP_ATTENTION, "bbb>bf", {STEPS80, STEPS80, STEPS80}, {STEPS80, LSE80}, HISTORY_ATTENTION(0.5f)},
    {PPI_OP_ATTENTION, "bbbu>bf", {STEPS80, STEPS80, STEPS80, S2(-4, 80)}, {STEPS80, LSE80}, HISTORY_ATTENTION(0.0f)},
    {PPI_OP_ATTENTION, "fff>ff", {STEPS80, STEPS80, STEPS80}, {STEPS80, LSE80}, HISTORY_ATTENTION(0.5f)},
    {PPI_OP_ATTENTION_GRAD, "bbbbbf>bbb", {STEPS80, STEPS80, STEPS80, STEPS80, STEPS80, LSE80}, {STEPS80, STEPS80, STEPS80},
     HISTORY_ATTENTION(0.0f)},
    {PPI_OP_ATTENTION_GRAD, "bbbbbf>bbb", {STEPS80, STEPS80, STEPS80, STEPS80, STEPS80, LSE80}, {STEPS80, STEPS80, STEPS80},
     HISTORY_ATTENTION(0.5f)},
    {PPI_OP_BATCH_NORM, "fff>fff", {S4(-4, 12, 16, 16), S1(16), S1(16)}, {S4(-4, 12, 16, 16), S1(16), S1(16)}, {.norm = {.eps = 1e-5f}}},
    {PPI_OP_BATCH_NORM_GRAD, "fffff>fff", {S4(-4, 12, 16, 16), S4(-4, 12, 16, 16), S1(16), S1(16), S1(16)},
     {S4(-4, 12, 16, 16), S1(16), S1(16)}, {.norm = {.eps = 2.0f}}},
    {PPI_OP_LSTM, "ffffu>fff", {S3(32, 20, 1024), S2(256, 1024), S2(32, 256), S2(32, 256), S2(32, 20)},
     {S3(32, 20, 256), S3(32, 20, 256), S3(32, 20, 1024)}, {{0}}},
    {PPI_OP_LSTM_GRAD, "fffffu>fff", {S3(32, 20, 256), S3(32, 20, 256), S3(32, 20, 1024), S2(256, 1024), S2(32, 256), S2(32, 20)},
     {S3(32, 20, 1024), S2(32, 256), S2(32, 256)}, {{0}}},
    {PPI_OP_LSTM_GRAD_W, "fffu>f", {S3(32, 20, 1024), S3(32, 20, 256), S2(32, 256), S2(32, 20)}, {S2(256, 1024)}, {{0}}},
};
/* clang-format on */
const int ppi_bench_case_count = (int)(sizeof ppi_bench_cases / sizeof ppi_bench_cases[0]);

static ppi_dtype type_of(char letter) {
    switch (letter) {
    case 'b':
        return PPI_BF16;
    case 'i':
        return PPI_I32;
    case 'u':
        return PPI_U8;
    default:
        return PPI_F32;
    }
}

static ppi_shape shape_of(const ppi_shape *s, int64_t batch) {
    ppi_shape y = *s;
    for (int i = 0; i < y.ndim; i++) {
        if (y.dim[i] < 0) y.dim[i] *= -batch;
    }
    return y;
}

static double operand_bytes(const ppi_operand *o) {
    return o->data ? (double)ppi_shape_count(&o->shape) * (double)ppi_dtype_size(o->dtype) : 0.0;
}

static pp_status operand_make(ppi_operand *o) {
    const int64_t n = ppi_shape_count(&o->shape);
    o->data = ppi_aligned_alloc64((size_t)n * ppi_dtype_size(o->dtype) + 64);
    return o->data ? PP_OK : ppi_oom("operands of a kernel benchmark");
}

/* A stretch of random numbers again and again: drawing millions would outlast the timing. */
enum { FILL_PERIOD = 65537 };

static void operand_fill(const ppi_operand *o, ppi_rng *rng) {
    const int64_t n = ppi_shape_count(&o->shape);
    const int64_t drawn = n < FILL_PERIOD ? n : FILL_PERIOD;
    const size_t each = ppi_dtype_size(o->dtype);
    for (int64_t i = 0; i < drawn; i++) {
        const float v = (float)(2.0 * ppi_rng_unit(rng) - 1.0);
        if (o->dtype == PPI_I32) {
            ((int32_t *)o->data)[i] = (int32_t)ppi_rng_below(rng, 18);
        } else if (o->dtype == PPI_U8) {
            ((uint8_t *)o->data)[i] = (uint8_t)ppi_rng_u32(rng);
        } else if (o->dtype == PPI_BF16) {
            ((ppi_bf16 *)o->data)[i] = ppi_bf16_from_f32(v);
        } else {
            ((float *)o->data)[i] = v;
        }
    }
    for (int64_t done = drawn; done < n; done += drawn) {
        const int64_t more = n - done < drawn ? n - done : drawn;
        memcpy((char *)o->data + (size_t)done * each, o->data, (size_t)more * each);
    }
}

/* Pairs of query and key that the mask lets through. */
static double mask_pairs(const ppi_mask *m, int64_t nq, int64_t nk) {
    int64_t seen = 0;
    for (int64_t i = 0; i < nq; i++) {
        for (int64_t k = 0; k < nk; k++) seen += ppi_mask_allows(m, i, k);
    }
    return (double)seen;
}

static double count_flops(ppi_op op, const ppi_kernel_args *a) {
    const ppi_shape *x = &a->in[0].shape;
    const ppi_shape *w = &a->in[1].shape;
    const double n = (double)ppi_shape_count(x);
    switch (op) {
    case PPI_OP_LINEAR:
        return 2.0 * n * (double)w->dim[1];
    case PPI_OP_MATMUL:
        return 2.0 * n * (double)w->dim[a->params.matmul.trans_b ? 0 : w->ndim - 1];
    case PPI_OP_ATTENTION:
        return 4.0 * (double)(x->dim[0] * x->dim[2]) *
               mask_pairs(&a->params.attention.mask, x->dim[1], w->dim[1]);
    case PPI_OP_ATTENTION_GRAD:
        return 10.0 * (double)(x->dim[0] * x->dim[2]) *
               mask_pairs(&a->params.attention.mask, x->dim[1], a->in[2].shape.dim[1]);
    case PPI_OP_LSTM:
    case PPI_OP_LSTM_GRAD_W:
        return 2.0 * n * (double)(x->dim[2] / 4);
    case PPI_OP_LSTM_GRAD:
        return 8.0 * n * (double)x->dim[2];
    case PPI_OP_CONV2D:
        return 2.0 * (double)ppi_shape_count(&a->out[0].shape) *
               (double)(w->dim[0] * w->dim[1] * w->dim[2]);
    case PPI_OP_CONV2D_GRAD_X:
        return 2.0 * n * (double)(w->dim[0] * w->dim[1] * w->dim[2]);
    case PPI_OP_CONV2D_GRAD_W:
        return 2.0 * n * (double)ppi_shape_count(&a->out[0].shape) / (double)x->dim[3];
    default:
        return 0.0;
    }
}

static const uint64_t node_step = 5;
static const uint64_t node_seed = 11;

pp_status ppi_bench_node_make(ppi_bench_node *node, const ppi_bench_case *c, int64_t batch,
                              int threads) {
    const char *outputs = strchr(c->types, '>') + 1;
    ppi_rng rng;
    ppi_rng_init(&rng, 1, PPI_RNG_TEST, (uint64_t)c->op);
    *node = (ppi_bench_node){.op = c->op, .bf16 = strchr(c->types, 'b') != NULL};
    ppi_kernel_args *a = &node->args;
    a->params = c->params;
    a->threads = threads;
    a->step = &node_step;
    a->seed = &node_seed;
    a->n_in = (int)(outputs - c->types) - 1;
    a->n_out = (int)strlen(outputs);
    for (int i = 0; i < a->n_in; i++) {
        a->in[i].dtype = type_of(c->types[i]);
        a->in[i].shape = shape_of(&c->in[i], batch);
        PPI_TRY(operand_make(&a->in[i]));
        operand_fill(&a->in[i], &rng);
        node->bytes += operand_bytes(&a->in[i]);
    }
    for (int i = 0; i < a->n_out; i++) {
        a->out[i].dtype = type_of(outputs[i]);
        a->out[i].shape = shape_of(&c->out[i], batch);
        if (outputs[i] != '-') PPI_TRY(operand_make(&a->out[i]));
        node->bytes += operand_bytes(&a->out[i]);
    }
    node->flops = count_flops(c->op, a);
    return PP_OK;
}

void ppi_bench_node_free(ppi_bench_node *node) {
    for (int i = 0; i < PPI_MAX_INPUTS; i++) ppi_aligned_free(node->args.in[i].data);
    ppi_bench_outputs_free(node->args.out);
}

pp_status ppi_bench_outputs_make(ppi_operand out[PPI_MAX_OUTPUTS], const ppi_bench_node *node) {
    for (int i = 0; i < PPI_MAX_OUTPUTS; i++) {
        out[i] = node->args.out[i];
        out[i].data = NULL;
    }
    for (int i = 0; i < node->args.n_out; i++) {
        if (node->args.out[i].data) PPI_TRY(operand_make(&out[i]));
    }
    return PP_OK;
}

void ppi_bench_outputs_free(ppi_operand out[PPI_MAX_OUTPUTS]) {
    for (int i = 0; i < PPI_MAX_OUTPUTS; i++) {
        ppi_aligned_free(out[i].data);
        out[i].data = NULL;
    }
}
