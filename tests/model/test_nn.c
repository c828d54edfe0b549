/* Layers: the transformer stack in both norm placements, blocked keys and dropout of attention,
   batch norm with its running moments. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "nn/nn.h"
#include "tensor/optim.h"
#include "tensor/plan.h"

enum { B = 2, N = 6, D = 32, HEADS = 2, FFN = 48 };

typedef struct net {
    ppi_params *params;
    ppi_graph *g;
    ppi_plan *p;
} net;

static void begin(net *n, ppi_params *shared) {
    *n = (net){.params = shared};
    if (shared == NULL) assert_int_equal(ppi_params_create(&n->params), PP_OK);
    assert_int_equal(ppi_graph_create(&n->g, n->params), PP_OK);
}

static void compile(net *n, bool fresh) {
    const ppi_plan_options o = {.policy = PPI_DTYPE_POLICY_F32, .threads = 1, .seed = 4};
    assert_int_equal(ppi_params_alloc(n->params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS), PP_OK);
    if (fresh) ppi_params_init(n->params, 9);
    if (ppi_plan_create(&n->p, n->g, ppi_cpu_backend(), &o) != PP_OK)
        fail_msg("%s", pp_last_error());
}

static void end(net *n, bool params) {
    ppi_plan_destroy(n->p);
    ppi_graph_destroy(n->g);
    if (params) ppi_params_destroy(n->params);
}

static ppi_nn_stack stack_of(bool post, float attention_dropout) {
    return (ppi_nn_stack){.prefix = "s/",
                          .layers = 2,
                          .width = D,
                          .ffn = FFN,
                          .heads = HEADS,
                          .post_norm = post,
                          .attention_dropout = attention_dropout,
                          .mask = {.kind = PPI_MASK_CAUSAL, .drop_slot = -1}};
}

/* Input "x" [B,N,D], with blocked "blocked" [B,N], output "y" or, where row >= 0, that row of it.
 */
static void make_stack(net *n, ppi_nn_stack s, bool blocked, int64_t row) {
    begin(n, NULL);
    const ppi_value keys =
        blocked ? ppi_input(n->g, "blocked", PPI_U8, ppi_shape2(B, N)) : PPI_NONE;
    if (blocked) s.blocked = &keys;
    const ppi_value x = ppi_input(n->g, "x", PPI_F32, ppi_shape3(B, N, D));
    ppi_value y = ppi_nn_stack_build(n->g, x, &s, NULL, NULL);
    if (row >= 0) y = ppi_slice(n->g, y, 1, row, 1, 1);
    ppi_output(n->g, "y", y);
    if (ppi_graph_status(n->g) != PP_OK) fail_msg("%s", pp_last_error());
    compile(n, true);
}

/* Runs with x a function of its index and a change of token (0, at), and returns the result. */
static const float *run_stack(net *n, int at, uint64_t step) {
    float *x = ppi_plan_named(n->p, "x", NULL, NULL);
    for (int i = 0; i < B * N * D; i++) x[i] = sinf((float)i * 0.37f);
    for (int i = 0; at >= 0 && i < D; i++) x[at * D + i] += 1.0f;
    assert_int_equal(ppi_plan_run(n->p, step), PP_OK);
    return ppi_plan_named(n->p, "y", NULL, NULL);
}

static int64_t size_of(const net *n, const char *name) {
    const int i = ppi_params_find(n->params, name);
    if (i < 0) fail_msg("no parameter %s", name);
    return n->params->item[i].count;
}

static void stack_has_its_units_and_norms(void **state) {
    (void)state;
    for (int post = 0; post < 2; post++) {
        net n;
        make_stack(&n, stack_of(post != 0, 0.0f), false, -1);
        assert_int_equal(size_of(&n, "s/h0_mlp/linear/w"), D * FFN);
        assert_int_equal(size_of(&n, "s/h1_mlp/linear_1/w"), FFN * D);
        const float *y = run_stack(&n, -1, 0);
        for (int64_t r = 0; post && r < B * N; r++) { /* a norm comes last: mean 0, deviation 1 */
            double sum = 0.0;
            double squares = 0.0;
            for (int i = 0; i < D; i++) {
                sum += (double)y[r * D + i];
                squares += (double)y[r * D + i] * (double)y[r * D + i];
            }
            assert_true(fabs(sum) < 1e-4);
            assert_true(fabs(squares / D - 1.0) < 1e-2);
        }
        end(&n, true);
    }
    net n;
    ppi_nn_stack s = stack_of(false, 0.0f);
    s.ffn = 0;
    make_stack(&n, s, false, -1);
    assert_int_equal(size_of(&n, "s/h0_mlp/linear/w"), D * 4 * D);
    end(&n, true);
}

/* True when rows from..to of batch element 0 agree. */
static bool rows_agree(const float *a, const float *b, int from, int to) {
    return memcmp(a + from * D, b + from * D, (size_t)(to - from) * D * sizeof *a) == 0;
}

static void blocked_tokens_reach_nobody_else(void **state) {
    (void)state;
    net n;
    make_stack(&n, stack_of(false, 0.0f), true, -1);
    uint8_t *blocked = ppi_plan_named(n.p, "blocked", NULL, NULL);
    float before[B * N * D];
    memset(blocked, 0, B * N);
    memcpy(before, run_stack(&n, -1, 0), sizeof before);
    const float *after = run_stack(&n, 2, 0);
    assert_true(rows_agree(before, after, 0, 2));
    for (int i = 2; i < N; i++) assert_false(rows_agree(before, after, i, i + 1));

    blocked[2] = 1;
    memcpy(before, run_stack(&n, -1, 0), sizeof before);
    after = run_stack(&n, 2, 0);
    assert_true(rows_agree(before, after, 0, 2));
    assert_false(rows_agree(before, after, 2, 3));
    assert_true(rows_agree(before, after, 3, N));
    end(&n, true);
}

static void dropout_of_attention_follows_the_step_alone(void **state) {
    (void)state;
    net all;
    net one;
    make_stack(&all, stack_of(true, 0.5f), false, -1);
    make_stack(&one, stack_of(true, 0.5f), false, 4);
    float first[B * N * D];
    memcpy(first, run_stack(&all, -1, 7), sizeof first);
    assert_memory_equal(first, run_stack(&all, -1, 7), sizeof first);
    const float *row = run_stack(&one, -1, 7); /* computes that row only, with the draws it had */
    for (int b = 0; b < B; b++) {
        for (int i = 0; i < D; i++)
            assert_true(fabsf(row[b * D + i] - first[(b * N + 4) * D + i]) < 1e-5f);
    }
    assert_memory_not_equal(first, run_stack(&all, -1, 8), sizeof first);
    end(&all, true);
    end(&one, true);
}

/* Equal scores and values of 1: a row of the result is the share of keys kept times the gain. */
static void dropout_of_attention_keeps_the_mean(void **state) {
    (void)state;
    enum { ROWS_EACH = 64, KEYS = 64, BATCH = 4 };
    net n;
    begin(&n, NULL);
    const ppi_shape shape = ppi_shape3(BATCH, ROWS_EACH, D);
    const ppi_value q = ppi_input(n.g, "q", PPI_F32, shape);
    const ppi_value v = ppi_input(n.g, "v", PPI_F32, shape);
    ppi_output(n.g, "y", ppi_attention_blocked(n.g, q, q, v, HEADS, 1.0f, NULL, PPI_NONE, 0.3f));
    compile(&n, true);
    float *at = ppi_plan_named(n.p, "v", NULL, NULL);
    memset(ppi_plan_named(n.p, "q", NULL, NULL), 0, sizeof(float) * BATCH * KEYS * D);
    for (int i = 0; i < BATCH * KEYS * D; i++) at[i] = 1.0f;
    assert_int_equal(ppi_plan_run(n.p, 3), PP_OK);
    const float *y = ppi_plan_named(n.p, "y", NULL, NULL);
    double sum = 0.0;
    double squares = 0.0;
    const int rows = BATCH * ROWS_EACH * HEADS;
    for (int r = 0; r < rows; r++) {
        const double share = (double)y[r * (D / HEADS)];
        sum += share;
        squares += share * share;
    }
    const double mean = sum / rows;
    const double variance = squares / rows - mean * mean;
    const double expected = 0.3 / 0.7 / KEYS; /* of a mean of independent draws */
    assert_true(fabs(mean - 1.0) < 4.0 * sqrt(expected / rows));
    assert_true(fabs(variance / expected - 1.0) < 0.3);
    end(&n, true);
}

static void attention_refuses_what_it_cannot_mean(void **state) {
    (void)state;
    net n;
    begin(&n, NULL);
    const ppi_value x = ppi_input(n.g, "x", PPI_F32, ppi_shape3(B, N, D));
    assert_int_equal(ppi_attention_blocked(n.g, x, x, x, 2, 1.0f, NULL, PPI_NONE, 1.0f), PPI_NONE);
    assert_non_null(strstr(pp_last_error(), "dropout probability is 1, expected 0 <= p < 1"));
    end(&n, true);
    begin(&n, NULL);
    const ppi_value q = ppi_input(n.g, "q", PPI_F32, ppi_shape3(B, N, D));
    const ppi_value keys = ppi_input(n.g, "keys", PPI_U8, ppi_shape2(B, N - 1));
    assert_int_equal(ppi_attention_blocked(n.g, q, q, q, 2, 1.0f, NULL, keys, 0.0f), PPI_NONE);
    assert_non_null(strstr(pp_last_error(), "blocked keys u8 [B,Nk]"));
    end(&n, true);
    begin(&n, NULL);
    const ppi_value z = ppi_input(n.g, "z", PPI_F32, ppi_shape2(B, N));
    assert_int_equal(ppi_cross_entropy_smooth(n.g, z, z, 0.1f), PPI_NONE);
    assert_non_null(strstr(pp_last_error(), "targets i32 [N] to smooth"));
    end(&n, true);
}

/* ---- batch norm ---- */

enum { ROWS = 40, C = 3, STEPS = 3 };

static float sample(int step, int row, int c) {
    return (float)(c + 1) * sinf((float)(step * 977 + row * 13 + c)) + (float)(step + c);
}

static void make_norm(net *n, ppi_params *shared, bool train) {
    begin(n, shared);
    const ppi_value x = ppi_input(n->g, "x", PPI_F32, ppi_shape2(ROWS, C));
    const ppi_value y = ppi_nn_batch_norm(n->g, x, "bn", train);
    ppi_output(n->g, "y", y);
    if (train) {
        const ppi_value loss = ppi_output(n->g, "loss", ppi_mean(n->g, ppi_mul(n->g, y, y)));
        assert_int_equal(ppi_graph_backward(n->g, loss, NULL, 0, NULL), PP_OK);
    }
    assert_int_equal(ppi_graph_status(n->g), PP_OK);
    compile(n, shared == NULL);
}

static const float *run_norm(net *n, int step) {
    float *x = ppi_plan_named(n->p, "x", NULL, NULL);
    for (int r = 0; r < ROWS; r++) {
        for (int c = 0; c < C; c++) x[r * C + c] = sample(step, r, c);
    }
    assert_int_equal(ppi_plan_run(n->p, (uint64_t)step), PP_OK);
    return ppi_plan_named(n->p, "y", NULL, NULL);
}

static const float *value_of(const ppi_params *p, const char *name) {
    const int i = ppi_params_find(p, name);
    if (i < 0) fail_msg("no parameter %s", name);
    return p->master + p->item[i].offset;
}

/* Moments of a batch and their debiased running means after `steps` steps. */
static void expect_running(int steps, int c, double *mean, double *var) {
    *mean = 0.0;
    *var = 0.0;
    double weights = 0.0;
    for (int t = 0; t < steps; t++) {
        double m = 0.0;
        double v = 0.0;
        for (int r = 0; r < ROWS; r++) m += (double)sample(t, r, c) / ROWS;
        for (int r = 0; r < ROWS; r++) v += pow((double)sample(t, r, c) - m, 2.0) / ROWS;
        const double w = pow((double)PPI_NN_BATCH_DECAY, steps - 1 - t);
        *mean += w * m;
        *var += w * v;
        weights += w;
    }
    *mean /= weights;
    *var /= weights;
}

static void running_moments_follow_and_serve(const ppi_optim_options *o) {
    net train;
    make_norm(&train, NULL, true);
    for (int t = 0; t < STEPS; t++) {
        double norm = 0.0;
        (void)run_norm(&train, t);
        assert_int_equal(ppi_optim_step(o, train.params, ppi_cpu_backend(), t, 1, &norm), PP_OK);
        assert_true(norm < 4.0); /* the moments are no part of it */
        for (int c = 0; c < C; c++) {
            double mean;
            double var;
            expect_running(t + 1, c, &mean, &var);
            assert_true(fabs((double)value_of(train.params, "bn/mean")[c] - mean) < 1e-4);
            assert_true(fabs((double)value_of(train.params, "bn/var")[c] - var) < 1e-3);
        }
    }
    net serve;
    make_norm(&serve, train.params, false);
    const float *y = run_norm(&serve, 5);
    for (int c = 0; c < C; c++) {
        double mean;
        double var;
        expect_running(STEPS, c, &mean, &var);
        const double h = ((double)sample(5, 11, c) - mean) / sqrt(var + 1e-5);
        const double want = h * (double)value_of(train.params, "bn/scale")[c] +
                            (double)value_of(train.params, "bn/offset")[c];
        assert_true(fabs((double)y[11 * C + c] - want) < 1e-3);
    }
    end(&serve, false);
    end(&train, true);
}

static void batch_norm_keeps_running_moments(void **state) {
    (void)state;
    for (int kind = PPI_OPTIM_ADAM; kind <= PPI_OPTIM_RMSPROP; kind++) {
        const ppi_optim_options o = {.kind = kind,
                                     .lr = 1e-3,
                                     .beta1 = 0.9,
                                     .beta2 = 0.99,
                                     .eps = 1e-8,
                                     .clip = 1.0,
                                     .total_steps = 10};
        running_moments_follow_and_serve(&o);
    }
}

static void running_mean_needs_a_decay(void **state) {
    (void)state;
    net n;
    begin(&n, NULL);
    const ppi_value x = ppi_input(n.g, "x", PPI_F32, ppi_shape1(4));
    ppi_running_mean(n.g, "m", ppi_scale(n.g, x, 2.0f), (ppi_init){PPI_INIT_ZERO, 0}, 1.0f);
    assert_int_equal(ppi_graph_status(n.g), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "decay is 1, expected 0 <= decay < 1"));
    end(&n, true);
    begin(&n, NULL);
    ppi_running_mean(n.g, "m", ppi_input(n.g, "x", PPI_F32, ppi_shape1(4)),
                     (ppi_init){PPI_INIT_ZERO, 0}, 0.9f);
    assert_non_null(strstr(pp_last_error(), "expected an f32 result of an op"));
    end(&n, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_has_its_units_and_norms),
        cmocka_unit_test(blocked_tokens_reach_nobody_else),
        cmocka_unit_test(dropout_of_attention_follows_the_step_alone),
        cmocka_unit_test(dropout_of_attention_keeps_the_mean),
        cmocka_unit_test(attention_refuses_what_it_cannot_mean),
        cmocka_unit_test(batch_norm_keeps_running_moments),
        cmocka_unit_test(running_mean_needs_a_decay),
    };
    return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
