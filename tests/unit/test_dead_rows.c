/* Rows that nothing reads: networks that slice at their end give the same results and gradients as ones
   of which every row is read, with less work; and what lost rows cannot be used by mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tensor/plan.h"

enum { B = 3, T = 8, D = 64, SEEDS = 4 };

static const ppi_init NORMAL = {PPI_INIT_NORMAL, 0.3f};
static const ppi_init ONE = {PPI_INIT_ONE, 0.0f};

typedef struct net {
    ppi_params *params;
    ppi_graph *g;
    ppi_value hidden, logits, loss;
} net;

static ppi_value weight(net *n, const char *name, int layer, ppi_shape s, ppi_init init) {
    char text[48];
    snprintf(text, sizeof text, "%s%d", name, layer);
    return ppi_parameter(n->g, text, s, init);
}

static ppi_value dense(net *n, ppi_value x, const char *name, int layer, int64_t in, int64_t out, ppi_act act) {
    char bias[40];
    snprintf(bias, sizeof bias, "%s_b", name);
    return ppi_linear(n->g, x, weight(n, name, layer, ppi_shape2(in, out), NORMAL), weight(n, bias, layer, ppi_shape1(out), NORMAL), act);
}

/* Two causal layers over [B,T,D]; read: three rows of each sample, rows 2 and 5 through one slice and row 7 of the first
   sample only through another. `whole` marks the last hidden value as an output, so that no row is dead. */
static void make(net *n, bool whole, bool backward) {
    assert_int_equal(ppi_params_create(&n->params), PP_OK);
    assert_int_equal(ppi_graph_create(&n->g, n->params), PP_OK);
    ppi_graph *g = n->g;
    const ppi_mask mask = {.kind = PPI_MASK_CAUSAL, .drop_slot = -1};
    ppi_value x = ppi_input(g, "x", PPI_F32, ppi_shape3(B, T, D));
    for (int i = 0; i < 2; i++) {
        const ppi_value h = ppi_layer_norm(g, x, weight(n, "gain", i, ppi_shape1(D), ONE), weight(n, "offset", i, ppi_shape1(D), NORMAL), 1e-5f);
        const ppi_value q = dense(n, h, "q", i, D, D, PPI_ACT_NONE);
        const ppi_value k = dense(n, h, "k", i, D, D, PPI_ACT_NONE);
        const ppi_value v = dense(n, h, "v", i, D, D, PPI_ACT_NONE);
        const ppi_value y = dense(n, ppi_attention(g, q, k, v, 2, 0.2f, &mask), "o", i, D, D, PPI_ACT_NONE);
        x = ppi_add(g, x, ppi_dropout(g, y, 0.2f));
        const ppi_value f = dense(n, x, "up", i, D, 2 * D, PPI_ACT_GELU_TANH);
        x = ppi_add(g, x, ppi_dropout(g, dense(n, f, "down", i, 2 * D, D, PPI_ACT_NONE), 0.2f));
    }
    n->hidden = x;
    if (whole) ppi_output(g, "hidden", x);
    const ppi_value pair = ppi_slice(g, ppi_scale(g, x, 2.0f), 1, 2, 2, 3);
    n->logits = ppi_output(g, "logits", dense(n, ppi_reshape(g, pair, ppi_shape2(B * 2, D)), "head", 0, D, 5, PPI_ACT_NONE));
    const ppi_value one = ppi_slice(g, ppi_slice(g, x, 0, 0, 1, 1), 1, 7, 1, 1);
    const ppi_value value = dense(n, ppi_reshape(g, one, ppi_shape2(1, D)), "value", 0, D, 1, PPI_ACT_NONE);
    const ppi_value targets = ppi_input(g, "targets", PPI_I32, ppi_shape1(B * 2));
    n->loss = ppi_add(g, ppi_mean(g, ppi_cross_entropy(g, n->logits, targets)), ppi_reshape(g, ppi_mul(g, value, value), ppi_shape1(1)));
    ppi_output(g, "loss", n->loss);
    if (backward && ppi_graph_backward(g, n->loss, NULL, 0, NULL) != PP_OK) fail_msg("%s", pp_last_error());
    assert_int_equal(ppi_graph_status(g), PP_OK);
    assert_int_equal(ppi_params_alloc(n->params, PPI_ROLE_GRAD), PP_OK);
    ppi_params_init(n->params, 9);
}

static void drop(net *n) {
    ppi_graph_destroy(n->g);
    ppi_params_destroy(n->params);
}

static ppi_plan *plan_of(net *n, const ppi_backend *be, ppi_dtype_policy policy) {
    ppi_plan *p = NULL;
    const ppi_plan_options o = {.policy = policy, .threads = 2, .seed = 4};
    if (ppi_plan_create(&p, n->g, be, &o) != PP_OK) fail_msg("%s", pp_last_error());
    float *x = ppi_plan_named(p, "x", NULL, NULL);
    int32_t *targets = ppi_plan_named(p, "targets", NULL, NULL);
    for (int i = 0; i < B * T * D; i++) x[i] = sinf((float)i * 0.37f);
    for (int i = 0; targets && i < B * 2; i++) targets[i] = i % 5;
    return p;
}

/* `scale`: a magnitude that differences are measured against where the values themselves are smaller. */
static void assert_close(const char *what, const float *a, const float *b, int64_t n, float scale, float tolerance) {
    float top = scale;
    for (int64_t i = 0; i < n; i++) top = fmaxf(top, fabsf(b[i]));
    for (int64_t i = 0; i < n; i++) {
        if (!(fabsf(a[i] - b[i]) <= tolerance * top)) fail_msg("%s[%lld]: %g, want %g", what, (long long)i, (double)a[i], (double)b[i]);
    }
}

static void compare_nets(const ppi_backend *be, ppi_dtype_policy policy, float tolerance) {
    net few = {0};
    net all = {0};
    make(&few, false, true);
    make(&all, true, true);
    ppi_plan *p = plan_of(&few, be, policy);
    ppi_plan *q = plan_of(&all, be, policy);
    assert_true(ppi_plan_flops(p) < 0.8 * ppi_plan_flops(q));
    for (uint64_t step = 0; step < SEEDS; step++) {
        assert_int_equal(ppi_plan_run(p, step), PP_OK);
        assert_int_equal(ppi_plan_run(q, step), PP_OK);
        const float *loss = ppi_plan_named(p, "loss", NULL, NULL);
        assert_true(loss[0] > 0.1f);
        assert_close("loss", loss, ppi_plan_named(q, "loss", NULL, NULL), 1, 0.1f, tolerance);
        assert_close("logits", ppi_plan_named(p, "logits", NULL, NULL), ppi_plan_named(q, "logits", NULL, NULL), B * 2 * 5, 0.1f, tolerance);
        float largest = 0.0f;
        for (int64_t i = 0; i < all.params->total; i++) largest = fmaxf(largest, fabsf(all.params->grad[i]));
        assert_true(largest > 0.1f);
        for (int i = 0; i < few.params->count; i++) {
            const ppi_param *t = &few.params->item[i];
            assert_close(t->name, few.params->grad + t->offset, all.params->grad + t->offset, t->count, largest, tolerance);
        }
    }
    ppi_plan_destroy(p);
    ppi_plan_destroy(q);
    drop(&few);
    drop(&all);
}

static void test_training_is_unchanged(void **state) {
    (void)state;
    compare_nets(ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_F32, 1e-5f);
    compare_nets(ppi_cpu_backend(), PPI_DTYPE_POLICY_F32, 1e-5f);
    compare_nets(ppi_cpu_backend(), PPI_DTYPE_POLICY_BF16, 3e-2f);
}

static void test_inference_is_unchanged(void **state) {
    (void)state;
    net few = {0};
    net all = {0};
    make(&few, false, false);
    make(&all, true, false);
    ppi_plan *p = plan_of(&few, ppi_cpu_backend(), PPI_DTYPE_POLICY_F32);
    ppi_plan *q = plan_of(&all, ppi_cpu_backend(), PPI_DTYPE_POLICY_F32);
    assert_true(ppi_plan_flops(p) < 0.8 * ppi_plan_flops(q));
    assert_int_equal(ppi_plan_run(p, 0), PP_OK);
    assert_int_equal(ppi_plan_run(q, 0), PP_OK);
    assert_close("logits", ppi_plan_named(p, "logits", NULL, NULL), ppi_plan_named(q, "logits", NULL, NULL), B * 2 * 5, 0.1f, 1e-5f);
    ppi_plan_destroy(p);
    ppi_plan_destroy(q);
    drop(&few);
    drop(&all);
}

/* The rows that are left: 2 and 5 of every sample and row 7 of the first, so 7 of 24; queries are united over samples. */
static void test_what_is_left(void **state) {
    (void)state;
    net n = {0};
    make(&n, false, true);
    const ppi_value_info *hidden = ppi_graph_value(n.g, n.hidden);
    assert_true(hidden->shrunk);
    assert_int_equal(hidden->shape.ndim, 2);
    assert_int_equal(hidden->shape.dim[0], 7);
    int narrow = 0;
    for (int i = 0; i < ppi_graph_node_count(n.g); i++) {
        const ppi_node *node = ppi_graph_node(n.g, i);
        if (node->op != PPI_OP_ATTENTION || !node->params.attention.mask.q_rows.at) continue;
        const int32_t want[] = {2, 5, 7};
        assert_int_equal(node->params.attention.mask.q_rows.n, 3);
        assert_memory_equal(node->params.attention.mask.q_rows.at, want, sizeof want);
        narrow++;
    }
    assert_int_equal(narrow, 1);
    const int values = ppi_graph_value_count(n.g);
    assert_int_equal(ppi_graph_skip_dead_rows(n.g, NULL, 0), PP_OK);
    assert_int_equal(ppi_graph_value_count(n.g), values);
    drop(&n);
}

static void test_shrunk_value_cannot_be_used(void **state) {
    (void)state;
    net n = {0};
    make(&n, false, true);
    assert_int_equal(ppi_output(n.g, "hidden", n.hidden), PPI_NONE);
    assert_int_equal(ppi_graph_status(n.g), PP_ERR_ARGUMENT);
    if (!strstr(pp_last_error(), "before ppi_graph_backward")) fail_msg("%s", pp_last_error());
    drop(&n);
    make(&n, false, true);
    assert_int_equal(ppi_scale(n.g, n.hidden, 2.0f), PPI_NONE);
    assert_int_equal(ppi_graph_status(n.g), PP_ERR_ARGUMENT);
    drop(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_is_unchanged),
        cmocka_unit_test(test_inference_is_unchanged),
        cmocka_unit_test(test_what_is_left),
        cmocka_unit_test(test_shrunk_value_cannot_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
