/* One small graph per op and shape: inputs -> op -> loss = sum(y * r) -> gradients. The gradient test
   runs each in f64, the kernel test runs every step of each by every kernel. */
#ifndef PPI_TEST_OP_CASES_H
#define PPI_TEST_OP_CASES_H

#include "base/rng.h"
#include "tensor/plan_internal.h"

#include <stdio.h>

enum { CASE_MAX_IN = 5, CASE_DIMS = 8 };

typedef struct op_build {
    ppi_graph *g;
    const int64_t *d; /* dimensions of the row */
    ppi_value wrt[CASE_MAX_IN];
    int n_wrt;
    int n_in;
} op_build;

typedef ppi_value (*op_build_fn)(op_build *b);

typedef struct op_case {
    const char *name;
    op_build_fn build;
    int64_t d[CASE_DIMS];
} op_case;

/* An f32 input whose gradient is tested. */
static ppi_value case_in(op_build *b, ppi_shape s) {
    char name[16];
    snprintf(name, sizeof name, "x%d", b->n_in++);
    const ppi_value v = ppi_input(b->g, name, PPI_F32, s);
    b->wrt[b->n_wrt++] = v;
    return v;
}

/* An i32 input with values from -1 to limit: one outside on each side. */
static ppi_value case_ids(op_build *b, int64_t n, int64_t limit) {
    char name[32];
    snprintf(name, sizeof name, "ids%lld", (long long)limit);
    return ppi_input(b->g, name, PPI_I32, ppi_shape1(n));
}

static ppi_value build_cast(op_build *b) {
    const ppi_value h = ppi_cast(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1])), PPI_BF16, 0.5f);
    return ppi_cast(b->g, h, PPI_F32, 2.0f);
}
static ppi_value build_cast_u8(op_build *b) {
    const ppi_value u = ppi_cast(b->g, ppi_input(b->g, "u8", PPI_U8, ppi_shape2(b->d[0], b->d[1])), PPI_F32, 1.0f / 255.0f);
    return ppi_add(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1])), u);
}
static ppi_value build_reshape(op_build *b) {
    return ppi_scale(b->g, ppi_reshape(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1])), ppi_shape1(b->d[0] * b->d[1])), 3.0f);
}
static ppi_value build_permute(op_build *b) {
    return ppi_permute(b->g, case_in(b, ppi_shape4(b->d[0], b->d[1], b->d[2], b->d[3])), (const int[]){0, 2, 1, 3});
}
static ppi_value build_permute_all(op_build *b) {
    return ppi_permute(b->g, case_in(b, ppi_shape4(b->d[0], b->d[1], b->d[2], b->d[3])), (const int[]){3, 1, 0, 2});
}
/* d: a, axis length, c, start, count, step */
static ppi_value build_slice(op_build *b) {
    return ppi_slice(b->g, case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2])), 1, b->d[3], b->d[4], b->d[5]);
}
static ppi_value build_slice_last(op_build *b) {
    return ppi_slice(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1])), 1, b->d[3], b->d[4], b->d[5]);
}
static ppi_value build_concat(op_build *b) {
    ppi_value x[3];
    for (int i = 0; i < 3; i++) x[i] = case_in(b, ppi_shape3(b->d[0], b->d[1] + i, b->d[2]));
    return ppi_concat(b->g, x, 3, 1);
}
static ppi_value build_add(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2]));
    return ppi_add(b->g, x, case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2])));
}
static ppi_value build_add_row(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2]));
    return ppi_add(b->g, x, case_in(b, ppi_shape1(b->d[2])));
}
static ppi_value build_add_middle(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2]));
    return ppi_add(b->g, x, case_in(b, ppi_shape3(b->d[0], 1, b->d[2])));
}
static ppi_value build_mul(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2]));
    return ppi_mul(b->g, x, case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2])));
}
static ppi_value build_mul_column(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2]));
    return ppi_mul(b->g, x, case_in(b, ppi_shape2(b->d[1], 1)));
}
static ppi_value build_square(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape2(b->d[0], b->d[1]));
    return ppi_mul(b->g, x, x);
}
static ppi_value build_scale(op_build *b) { return ppi_scale(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1])), -1.7f); }
static ppi_value build_reduce_row(op_build *b) {
    return ppi_reduce_to(b->g, case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2])), ppi_shape1(b->d[2]));
}
static ppi_value build_reduce_middle(op_build *b) {
    return ppi_reduce_to(b->g, case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[2])), ppi_shape3(b->d[0], 1, b->d[2]));
}
static ppi_value build_mean(op_build *b) { return ppi_mean(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1]))); }
static ppi_value build_broadcast(op_build *b) {
    return ppi_broadcast_to(b->g, case_in(b, ppi_shape2(b->d[1], 1)), ppi_shape3(b->d[0], b->d[1], b->d[2]));
}
/* d: rows, K, N, act, bias */
static ppi_value build_linear(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(1, b->d[0], b->d[1]));
    const ppi_value w = case_in(b, ppi_shape2(b->d[1], b->d[2]));
    const ppi_value bias = b->d[4] ? case_in(b, ppi_shape1(b->d[2])) : PPI_NONE;
    return ppi_linear(b->g, x, w, bias, (ppi_act)b->d[3]);
}
/* d: rows, cols, act */
static ppi_value build_act(op_build *b) { return ppi_activation(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1])), (ppi_act)b->d[2]); }
static ppi_value build_layer_norm(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(1, b->d[0], b->d[1]));
    const ppi_value gain = case_in(b, ppi_shape1(b->d[1]));
    return ppi_layer_norm(b->g, x, gain, case_in(b, ppi_shape1(b->d[1])), 1e-5f);
}
/* d: rows, C */
static ppi_value build_batch_norm(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(1, b->d[0], b->d[1]));
    const ppi_value gain = case_in(b, ppi_shape1(b->d[1]));
    return ppi_batch_norm(b->g, x, gain, case_in(b, ppi_shape1(b->d[1])), 0.5f, NULL, NULL);
}
/* With moments that are inputs; the variance lies in 0 .. 2. */
static ppi_value build_batch_norm_with(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(1, b->d[0], b->d[1]));
    const ppi_value gain = case_in(b, ppi_shape1(b->d[1]));
    const ppi_value offset = case_in(b, ppi_shape1(b->d[1]));
    const ppi_value mean = ppi_input(b->g, "mean", PPI_F32, ppi_shape1(b->d[1]));
    return ppi_batch_norm_with(b->g, x, gain, offset, mean, ppi_input(b->g, "s", PPI_F32, ppi_shape1(b->d[1])), 0.5f);
}
static ppi_value build_softmax(op_build *b) { return ppi_softmax(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1]))); }
/* d: B, Nq, Nk, D, heads, mask kind, q_offset */
static ppi_value build_attention(op_build *b) {
    const ppi_value q = case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[3]));
    const ppi_value k = case_in(b, ppi_shape3(b->d[0], b->d[2], b->d[3]));
    const ppi_value v = case_in(b, ppi_shape3(b->d[0], b->d[2], b->d[3]));
    const ppi_mask mask = {.kind = (ppi_mask_kind)b->d[5], .q_offset = (int32_t)b->d[6], .stride = 7, .patches = 4, .drop_slot = 4};
    return ppi_attention(b->g, q, k, v, (int)b->d[4], 0.6f, &mask);
}
/* The same with dropout of d[7] percent and, where heads is negative, keys that are blocked now and then. */
static ppi_value build_attention_dropout(op_build *b) {
    const ppi_value q = case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[3]));
    const ppi_value k = case_in(b, ppi_shape3(b->d[0], b->d[2], b->d[3]));
    const ppi_value v = case_in(b, ppi_shape3(b->d[0], b->d[2], b->d[3]));
    const ppi_value blocked = b->d[4] < 0 ? ppi_input(b->g, "blocked", PPI_U8, ppi_shape2(b->d[0], b->d[2])) : PPI_NONE;
    const ppi_mask mask = {.kind = (ppi_mask_kind)b->d[5], .q_offset = (int32_t)b->d[6], .stride = 7, .patches = 4, .drop_slot = 4};
    const int heads = (int)(b->d[4] < 0 ? -b->d[4] : b->d[4]);
    return ppi_attention_blocked(b->g, q, k, v, heads, 0.6f, &mask, blocked, (float)b->d[7] / 100.0f);
}
/* The same with every third query row of the window only. */
static ppi_value build_attention_rows(op_build *b) {
    int32_t rows[64];
    for (int32_t i = 0; i < b->d[1]; i++) rows[i] = 3 * i + 1;
    const ppi_value q = case_in(b, ppi_shape3(b->d[0], b->d[1], b->d[3]));
    const ppi_value k = case_in(b, ppi_shape3(b->d[0], b->d[2], b->d[3]));
    const ppi_value v = case_in(b, ppi_shape3(b->d[0], b->d[2], b->d[3]));
    const ppi_mask mask = {.kind = (ppi_mask_kind)b->d[5], .stride = 7, .patches = 4, .drop_slot = 4, .q_rows = {rows, b->d[1]}};
    return ppi_attention(b->g, q, k, v, (int)b->d[4], 0.125f, &mask);
}
/* d: rows of x, cols: every second row from the first on */
static ppi_value build_take_rows(op_build *b) {
    int32_t rows[256];
    int64_t n = 0;
    for (int32_t i = 0; i < b->d[0]; i += 1 + i % 3) rows[n++] = i;
    return ppi_take_rows(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1])), (ppi_row_list){rows, n}, ppi_shape2(n, b->d[1]));
}
/* d: V, D, ids */
static ppi_value build_embedding(op_build *b) {
    const ppi_value table = case_in(b, ppi_shape2(b->d[0], b->d[1]));
    return ppi_embedding(b->g, table, case_ids(b, b->d[2], b->d[0]));
}
static ppi_value build_cross_entropy(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape2(b->d[0], b->d[1]));
    return ppi_cross_entropy(b->g, x, case_ids(b, b->d[0], b->d[1]));
}
static ppi_value build_cross_entropy_smooth(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape2(b->d[0], b->d[1]));
    return ppi_cross_entropy_smooth(b->g, x, case_ids(b, b->d[0], b->d[1]), 0.2f);
}
static ppi_value build_cross_entropy_soft(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape2(b->d[0], b->d[1]));
    return ppi_cross_entropy(b->g, x, ppi_input(b->g, "soft", PPI_F32, ppi_shape2(b->d[0], b->d[1])));
}
/* The mask of every second row of a larger tensor. */
static ppi_value build_dropout_rows(op_build *b) {
    int32_t rows[512];
    for (int32_t i = 0; i < b->d[0]; i++) rows[i] = 2 * i + 1;
    const ppi_op_params p = {.dropout = {0.3f, 5, {rows, b->d[0]}}};
    ppi_value out[PPI_MAX_OUTPUTS] = {PPI_NONE, PPI_NONE, PPI_NONE};
    const ppi_value x = case_in(b, ppi_shape2(b->d[0], b->d[1]));
    (void)ppi_node_add(b->g, PPI_OP_DROPOUT, 1, &x, &p, NULL, out);
    return out[0];
}
static ppi_value build_dropout(op_build *b) { return ppi_dropout(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1])), 0.3f); }
/* d: B, H=W, C, O, kernel, stride, pad, act (bias when act is relu) */
static ppi_value build_conv2d(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape4(b->d[0], b->d[1], b->d[1] + 1, b->d[2]));
    const ppi_value w = case_in(b, ppi_shape4(b->d[4], b->d[4], b->d[2], b->d[3]));
    const ppi_value bias = b->d[7] ? case_in(b, ppi_shape1(b->d[3])) : PPI_NONE;
    return ppi_conv2d(b->g, x, w, bias, (int)b->d[5], (int)b->d[6], (ppi_act)b->d[7]);
}

/* The same with SAME padding. */
static ppi_value build_conv2d_same(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape4(b->d[0], b->d[1], b->d[1] + 1, b->d[2]));
    const ppi_value w = case_in(b, ppi_shape4(b->d[4], b->d[4], b->d[2], b->d[3]));
    return ppi_conv2d_same(b->g, x, w, case_in(b, ppi_shape1(b->d[3])), (int)b->d[5], (ppi_act)b->d[7]);
}
/* Images of which one channel of 12 is not zero; d: B, H=W, -, O, kernel, stride, SAME, act */
static ppi_value build_conv2d_sparse(op_build *b) {
    const int32_t channels = 12;
    const ppi_value place = ppi_input(b->g, "ids12", PPI_I32, ppi_shape4(b->d[0], b->d[1], b->d[1], 1));
    const ppi_value full = case_in(b, ppi_shape4(b->d[0], b->d[1], b->d[1], channels));
    const ppi_value x = ppi_mul(b->g, full, ppi_one_hot(b->g, place, 1, &channels));
    const ppi_value w = case_in(b, ppi_shape4(b->d[4], b->d[4], channels, b->d[3]));
    if (b->d[6]) return ppi_conv2d_same(b->g, x, w, PPI_NONE, (int)b->d[5], (ppi_act)b->d[7]);
    return ppi_conv2d(b->g, x, w, PPI_NONE, (int)b->d[5], 0, (ppi_act)b->d[7]);
}
static ppi_value build_log_softmax(op_build *b) { return ppi_log_softmax(b->g, case_in(b, ppi_shape2(b->d[0], b->d[1]))); }
static ppi_value build_sub(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape2(b->d[0], b->d[1]));
    return ppi_sub(b->g, x, case_in(b, ppi_shape2(b->d[0], b->d[1])));
}
/* d: B, H, C, kernel, stride, same */
static ppi_value build_max_pool2d(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape4(b->d[0], b->d[1], b->d[1] + 1, b->d[2]));
    return ppi_max_pool2d(b->g, x, (int)b->d[3], (int)b->d[4], b->d[5] != 0);
}
/* Windows of which many hold several zeros, and nothing larger. */
static ppi_value build_max_pool2d_ties(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape4(b->d[0], b->d[1], b->d[1], b->d[2]));
    return ppi_max_pool2d(b->g, ppi_activation(b->g, x, PPI_ACT_RELU), (int)b->d[3], (int)b->d[4], b->d[5] != 0);
}
/* d: N, A */
static ppi_value build_pick(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape2(b->d[0], b->d[1]));
    return ppi_pick(b->g, x, case_ids(b, b->d[0], b->d[1]));
}
/* The same for rows of 7. */
static ppi_value build_pick_rows(op_build *b) {
    const ppi_value x = case_in(b, ppi_shape3(b->d[0], b->d[1], 7));
    return ppi_pick(b->g, x, case_ids(b, b->d[0], b->d[1]));
}
/* d: B, T, H, 1 = flags that are often set, as i32; else bytes that hardly ever are 0 */
static ppi_value build_lstm(op_build *b) {
    const int64_t h = b->d[2];
    const ppi_value x = case_in(b, ppi_shape3(b->d[0], b->d[1], 4 * h));
    const ppi_value w = case_in(b, ppi_shape2(h, 4 * h));
    const ppi_value h0 = case_in(b, ppi_shape2(b->d[0], h));
    const ppi_value c0 = case_in(b, ppi_shape2(b->d[0], h));
    const ppi_value reset = ppi_input(b->g, b->d[3] ? "ids0" : "u8", b->d[3] ? PPI_I32 : PPI_U8, ppi_shape2(b->d[0], b->d[1]));
    return ppi_lstm(b->g, x, w, h0, c0, reset, NULL);
}

/* d: rows, components of each of two kinds */
static ppi_value build_one_hot(op_build *b) {
    const int32_t size[2] = {3, 200};
    const ppi_value x = ppi_input(b->g, "u8", PPI_U8, ppi_shape2(b->d[0], 2 * b->d[1]));
    const ppi_value ids = ppi_input(b->g, "ids3", PPI_I32, ppi_shape2(b->d[0], 2 * b->d[1]));
    const ppi_value y = ppi_mul(b->g, case_in(b, ppi_shape2(b->d[0], 203 * b->d[1])), ppi_one_hot(b->g, x, 2, size));
    return ppi_add(b->g, y, ppi_one_hot(b->g, ids, 2, size));
}

#define PAIRS(name, fn) {name, fn, {1, 1}}, {name, fn, {1, 37}}, {name, fn, {3, 16}}, {name, fn, {5, 33}}, {name, fn, {7, 129}}
#define TRIPLES(name, fn) {name, fn, {1, 1, 1}}, {name, fn, {2, 3, 5}}, {name, fn, {1, 4, 17}}, {name, fn, {3, 5, 64}}, {name, fn, {2, 9, 31}}
#define LINEARS(act, bias)                                                                         \
    {"linear", build_linear, {1, 1, 1, act, bias}}, {"linear", build_linear, {1, 33, 17, act, bias}}, \
    {"linear", build_linear, {3, 5, 2, act, bias}}, {"linear", build_linear, {17, 64, 35, act, bias}}
#define ATTENTIONS(mask)                                                                           \
    {"attention", build_attention, {1, 1, 1, 1, 1, mask, 0}}, {"attention", build_attention, {2, 7, 7, 12, 3, mask, 0}}, \
    {"attention", build_attention, {1, 21, 21, 16, 2, mask, 0}}, {"attention", build_attention, {2, 3, 17, 64, 1, mask, 14}}, \
    {"attention", build_attention, {1, 1, 29, 34, 2, mask, 28}}, {"attention", build_attention, {1, 35, 35, 64, 2, mask, 0}}
/* Blocked keys with and without dropout of some percent. */
#define ATTENTION_DROPOUTS(percent)                                                                \
    {"attention_dropout", build_attention_dropout, {1, 1, 1, 1, -1, PPI_MASK_CAUSAL, 0, percent}}, \
    {"attention_dropout", build_attention_dropout, {2, 7, 7, 12, -3, PPI_MASK_CAUSAL, 0, percent}}, \
    {"attention_dropout", build_attention_dropout, {1, 35, 35, 64, -4, PPI_MASK_CAUSAL, 0, percent}}, \
    {"attention_dropout", build_attention_dropout, {2, 3, 17, 32, -2, PPI_MASK_CAUSAL, 14, percent}}, \
    {"attention_dropout", build_attention_dropout, {2, 9, 9, 32, -2, PPI_MASK_FULL, 0, percent}}
#define CONVS(act)                                                                                 \
    {"conv2d", build_conv2d, {1, 3, 1, 1, 3, 1, 0, act}}, {"conv2d", build_conv2d, {2, 7, 3, 5, 3, 2, 1, act}}, \
    {"conv2d", build_conv2d, {1, 9, 4, 8, 4, 2, 0, act}}, {"conv2d", build_conv2d, {3, 5, 2, 16, 1, 1, 0, act}}

static const op_case op_cases[] = {
    PAIRS("cast", build_cast),
    PAIRS("cast_u8", build_cast_u8),
    PAIRS("reshape", build_reshape),
    {"permute", build_permute, {1, 1, 1, 1}},
    {"permute", build_permute, {2, 3, 5, 7}},
    {"permute", build_permute, {1, 9, 4, 16}},
    {"permute_all", build_permute_all, {2, 3, 5, 7}},
    {"permute_all", build_permute_all, {4, 1, 3, 17}},
    {"slice", build_slice, {1, 1, 1, 0, 1, 1}},
    {"slice", build_slice, {2, 7, 5, 1, 3, 2}},
    {"slice", build_slice, {3, 39, 16, 36, 1, 39}},
    {"slice", build_slice, {1, 8, 33, 2, 6, 1}},
    {"slice_last", build_slice_last, {4, 19, 0, 3, 5, 3}},
    {"concat", build_concat, {1, 1, 1}},
    {"concat", build_concat, {3, 2, 5}},
    {"concat", build_concat, {2, 4, 16}},
    TRIPLES("add", build_add),
    TRIPLES("add_row", build_add_row),
    TRIPLES("add_middle", build_add_middle),
    TRIPLES("mul", build_mul),
    TRIPLES("mul_column", build_mul_column),
    PAIRS("square", build_square),
    PAIRS("scale", build_scale),
    TRIPLES("reduce_row", build_reduce_row),
    TRIPLES("reduce_middle", build_reduce_middle),
    PAIRS("mean", build_mean),
    TRIPLES("broadcast", build_broadcast),
    LINEARS(PPI_ACT_NONE, 0),
    LINEARS(PPI_ACT_NONE, 1),
    LINEARS(PPI_ACT_RELU, 1),
    LINEARS(PPI_ACT_GELU_TANH, 1),
    LINEARS(PPI_ACT_GELU_ERF, 1),
    LINEARS(PPI_ACT_TANH, 1),
    {"act", build_act, {5, 33, PPI_ACT_RELU}},
    {"act", build_act, {1, 1, PPI_ACT_GELU_TANH}},
    {"act", build_act, {5, 33, PPI_ACT_GELU_TANH}},
    {"act", build_act, {5, 33, PPI_ACT_GELU_ERF}},
    {"act", build_act, {3, 47, PPI_ACT_TANH}},
    {"layer_norm", build_layer_norm, {1, 2}},
    {"layer_norm", build_layer_norm, {1, 37}},
    {"layer_norm", build_layer_norm, {3, 16}},
    {"layer_norm", build_layer_norm, {9, 65}},
    {"layer_norm", build_layer_norm, {19, 128}},
    PAIRS("batch_norm", build_batch_norm),
    PAIRS("batch_norm_with", build_batch_norm_with),
    PAIRS("softmax", build_softmax),
    ATTENTIONS(PPI_MASK_FULL),
    ATTENTIONS(PPI_MASK_CAUSAL),
    ATTENTIONS(PPI_MASK_BLOCK_CAUSAL),
    {"embedding", build_embedding, {1, 1, 1}},
    {"embedding", build_embedding, {5, 17, 9}},
    {"embedding", build_embedding, {12, 64, 31}},
    PAIRS("cross_entropy", build_cross_entropy),
    PAIRS("cross_entropy_soft", build_cross_entropy_soft),
    PAIRS("cross_entropy_smooth", build_cross_entropy_smooth),
    PAIRS("dropout", build_dropout),
    PAIRS("dropout_rows", build_dropout_rows),
    {"dropout_rows", build_dropout_rows, {3, 128}},
    PAIRS("take_rows", build_take_rows),
    ATTENTION_DROPOUTS(0),
    ATTENTION_DROPOUTS(50),
    {"attention_dropout", build_attention_dropout, {2, 19, 19, 32, 2, PPI_MASK_BLOCK_CAUSAL, 0, 20}},
    {"attention_dropout", build_attention_dropout, {1, 15, 15, 16, -1, PPI_MASK_BLOCK_CAUSAL, 0, 20}},
    {"attention_rows", build_attention_rows, {2, 3, 12, 16, 1, PPI_MASK_CAUSAL}},
    {"attention_rows", build_attention_rows, {1, 9, 35, 64, 2, PPI_MASK_BLOCK_CAUSAL}},
    CONVS(PPI_ACT_NONE),
    CONVS(PPI_ACT_RELU),
    {"conv2d_same", build_conv2d_same, {2, 5, 3, 4, 4, 2, 0, PPI_ACT_RELU}},
    {"conv2d_same", build_conv2d_same, {1, 6, 2, 5, 3, 1, 0, PPI_ACT_NONE}},
    {"conv2d_same", build_conv2d_same, {1, 8, 1, 3, 3, 2, 0, PPI_ACT_RELU}},
    {"conv2d", build_conv2d, {3, 10, 4, 16, 3, 1, 0, PPI_ACT_RELU}},
    {"conv2d", build_conv2d, {2, 6, 7, 17, 3, 1, 0, PPI_ACT_RELU}},
    {"conv2d_sparse", build_conv2d_sparse, {2, 6, 0, 16, 3, 1, 0, PPI_ACT_RELU}},
    {"conv2d_sparse", build_conv2d_sparse, {1, 5, 0, 32, 2, 1, 1, PPI_ACT_NONE}},
    {"conv2d_sparse", build_conv2d_sparse, {1, 7, 0, 16, 4, 1, 1, PPI_ACT_NONE}},
    {"conv2d_sparse", build_conv2d_sparse, {1, 7, 0, 16, 3, 2, 1, PPI_ACT_NONE}},
    {"act", build_act, {5, 33, PPI_ACT_HUBER}},
    PAIRS("log_softmax", build_log_softmax),
    PAIRS("sub", build_sub),
    {"max_pool2d", build_max_pool2d, {1, 1, 1, 1, 1, 0}},
    {"max_pool2d", build_max_pool2d, {2, 7, 5, 2, 2, 0}},
    {"max_pool2d", build_max_pool2d, {1, 6, 16, 3, 2, 1}},
    {"max_pool2d", build_max_pool2d, {2, 9, 33, 3, 2, 1}},
    {"max_pool2d", build_max_pool2d, {1, 5, 3, 3, 1, 1}},
    {"max_pool2d_ties", build_max_pool2d_ties, {2, 7, 19, 2, 2, 1}},
    PAIRS("pick", build_pick),
    PAIRS("pick_rows", build_pick_rows),
    {"one_hot", build_one_hot, {3, 2}},
    {"lstm", build_lstm, {1, 1, 1, 1}},
    {"lstm", build_lstm, {2, 5, 3, 1}},
    {"lstm", build_lstm, {3, 4, 16, 1}},
    {"lstm", build_lstm, {9, 3, 17, 1}},
    {"lstm", build_lstm, {60, 5, 18, 1}},
    {"lstm", build_lstm, {2, 3, 5, 0}},
};
enum { OP_CASES = sizeof op_cases / sizeof op_cases[0] };

/* Large enough for several threads; kernel test only. */
static const op_case op_large_cases[] = {
    {"add", build_add, {3, 70, 257}},
    {"add_row", build_add_row, {3, 70, 257}},
    {"mul", build_mul, {3, 70, 257}},
    {"scale", build_scale, {300, 257}},
    {"permute", build_permute, {4, 33, 8, 48}},
    {"slice", build_slice, {40, 39, 100, 1, 30, 1}},
    {"reduce_row", build_reduce_row, {5, 99, 130}},
    {"reduce_row", build_reduce_row, {3, 4001, 19}},
    {"linear", build_linear, {150, 96, 300, PPI_ACT_GELU_TANH, 1}},
    {"linear", build_linear, {150, 97, 301, PPI_ACT_RELU, 1}},
    {"act", build_act, {300, 131, PPI_ACT_GELU_ERF}},
    {"layer_norm", build_layer_norm, {301, 130}},
    {"batch_norm", build_batch_norm, {1000, 130}},
    {"batch_norm", build_batch_norm, {5000, 16}},
    {"batch_norm_with", build_batch_norm_with, {301, 130}},
    {"softmax", build_softmax, {301, 130}},
    {"attention", build_attention, {4, 39, 39, 128, 4, PPI_MASK_BLOCK_CAUSAL, 0}},
    {"attention", build_attention, {3, 130, 130, 96, 3, PPI_MASK_CAUSAL, 0}},
    {"embedding", build_embedding, {50, 96, 700}},
    {"cross_entropy", build_cross_entropy, {201, 301}},
    {"cross_entropy_soft", build_cross_entropy_soft, {201, 301}},
    {"cross_entropy_smooth", build_cross_entropy_smooth, {201, 301}},
    {"attention_dropout", build_attention_dropout, {3, 80, 80, 64, 4, PPI_MASK_CAUSAL, 0, 50}},
    {"attention_dropout", build_attention_dropout, {2, 200, 200, 32, -2, PPI_MASK_CAUSAL, 0, 30}},
    {"attention_dropout", build_attention_dropout, {2, 7, 300, 32, -2, PPI_MASK_CAUSAL, 293, 10}},
    {"dropout", build_dropout, {300, 257}},
    {"dropout_rows", build_dropout_rows, {300, 256}},
    {"take_rows", build_take_rows, {250, 530}},
    {"attention_rows", build_attention_rows, {16, 9, 156, 128, 2, PPI_MASK_BLOCK_CAUSAL}},
    {"conv2d", build_conv2d, {4, 21, 8, 16, 4, 2, 0, PPI_ACT_RELU}},
    {"conv2d", build_conv2d, {9, 10, 6, 16, 3, 1, 0, PPI_ACT_RELU}},
    {"conv2d_same", build_conv2d_same, {4, 20, 9, 16, 3, 1, 0, PPI_ACT_NONE}},
    {"conv2d", build_conv2d, {40, 10, 6, 16, 3, 1, 0, PPI_ACT_NONE}},
    {"conv2d_sparse", build_conv2d_sparse, {33, 10, 0, 16, 3, 1, 0, PPI_ACT_RELU}},
    {"linear", build_linear, {32, 1024, 128, PPI_ACT_RELU, 1}},
    {"linear", build_linear, {250, 18, 128, PPI_ACT_RELU, 1}},
    {"linear", build_linear, {2000, 128, 5, PPI_ACT_NONE, 1}},
    {"log_softmax", build_log_softmax, {301, 130}},
    {"max_pool2d", build_max_pool2d, {6, 33, 32, 3, 2, 1}},
    {"pick_rows", build_pick_rows, {300, 18}},
    {"lstm", build_lstm, {16, 8, 64, 1}},
    {"lstm", build_lstm, {5, 6, 130, 1}},
};
enum { OP_LARGE_CASES = sizeof op_large_cases / sizeof op_large_cases[0] };

static void case_text(const op_case *c, char *text, size_t size) {
    size_t at = (size_t)snprintf(text, size, "%s {", c->name);
    for (int i = 0; i < CASE_DIMS; i++) at += (size_t)snprintf(text + at, size - at, i ? ",%lld" : "%lld", (long long)c->d[i]);
    snprintf(text + at, size - at, "}");
}

/* Builds the graph with its gradients; dwrt[i] belongs to b->wrt[i]. */
static pp_status case_graph(const op_case *c, op_build *b, ppi_value *loss, ppi_value *dwrt) {
    *b = (op_build){.d = c->d};
    PPI_TRY(ppi_graph_create(&b->g, NULL));
    const ppi_value y = c->build(b);
    if (y == PPI_NONE) return ppi_graph_status(b->g);
    const ppi_value r = ppi_input(b->g, "r", PPI_F32, ppi_graph_value(b->g, y)->shape);
    *loss = ppi_output(b->g, "loss", ppi_sum(b->g, ppi_mul(b->g, y, r)));
    return ppi_graph_backward(b->g, *loss, b->wrt, b->n_wrt, dwrt);
}

/* Fills every input of a plan with values that depend on nothing but `seed`. */
static void case_fill(const op_build *b, ppi_plan *p, uint64_t seed) {
    ppi_rng rng;
    ppi_rng_init(&rng, seed, PPI_RNG_TEST, 0);
    for (ppi_value v = 0; v < ppi_graph_value_count(b->g); v++) {
        const ppi_value_info *info = ppi_graph_value(b->g, v);
        if (!(info->roles & PPI_VALUE_INPUT)) continue;
        ppi_dtype t;
        void *data = ppi_plan_data(p, v, &t);
        int limit = 0;
        (void)sscanf(info->name, "ids%d", &limit);
        const bool soft = info->name[0] == 's';
        const double share = 1.0 / (double)info->shape.dim[info->shape.ndim - 1];
        for (int64_t i = 0; i < ppi_shape_count(&info->shape); i++) {
            const double z = soft ? share * 2.0 * ppi_rng_unit(&rng) : ppi_rng_normal(&rng) * 0.8;
            if (t == PPI_F32) ((float *)data)[i] = (float)z;
            if (t == PPI_F64) ((double *)data)[i] = z;
            if (t == PPI_I32) ((int32_t *)data)[i] = (int32_t)ppi_rng_below(&rng, (uint64_t)limit + 2) - 1;
            const bool flag = info->name[0] == 'b'; /* set for a third */
            if (t == PPI_U8) ((uint8_t *)data)[i] = (uint8_t)(flag ? ppi_rng_below(&rng, 3) == 0 : ppi_rng_below(&rng, 256));
        }
    }
}

#endif
