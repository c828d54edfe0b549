/* Plans: dropped nodes, views, memory reuse, the bf16 policy, tied parameters, texts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "tensor/optim.h"
#include "tensor/plan_internal.h"

static const ppi_init NORMAL = {PPI_INIT_NORMAL, 0.3f};
static const ppi_init ONE = {PPI_INIT_ONE, 0.0f};

enum { B = 4, T = 6, D = 16, LAYERS = 3 };

/* A small pre-norm network with residual sums, a tied table and a loss. */
typedef struct net {
    ppi_params *params;
    ppi_graph *g;
    ppi_value logits, loss;
} net;

static ppi_value named(net *n, const char *name, int layer, ppi_shape s, ppi_init init) {
    char text[48];
    snprintf(text, sizeof text, "%s%d", name, layer);
    return ppi_parameter(n->g, text, s, init);
}

static void make(net *n, bool backward) {
    assert_int_equal(ppi_params_create(&n->params), PP_OK);
    assert_int_equal(ppi_graph_create(&n->g, n->params), PP_OK);
    ppi_graph *g = n->g;
    const ppi_value ids = ppi_input(g, "ids", PPI_I32, ppi_shape2(B, T));
    const ppi_value targets = ppi_input(g, "targets", PPI_I32, ppi_shape1(B * T));
    ppi_value x = ppi_embedding(g, ppi_parameter(g, "table", ppi_shape2(D, D), NORMAL), ids);
    const ppi_mask mask = {.kind = PPI_MASK_CAUSAL, .drop_slot = -1};
    for (int i = 0; i < LAYERS; i++) {
        const ppi_value h = ppi_layer_norm(g, x, named(n, "gain", i, ppi_shape1(D), ONE), named(n, "offset", i, ppi_shape1(D), NORMAL), 1e-5f);
        const ppi_value q = ppi_linear(g, h, named(n, "q", i, ppi_shape2(D, D), NORMAL), PPI_NONE, PPI_ACT_NONE);
        const ppi_value a = ppi_attention(g, q, h, h, 2, 0.35f, &mask);
        x = ppi_add(g, x, ppi_dropout(g, a, 0.1f));
        const ppi_value f = ppi_linear(g, x, named(n, "up", i, ppi_shape2(D, 4 * D), NORMAL), named(n, "up_b", i, ppi_shape1(4 * D), NORMAL), PPI_ACT_GELU_TANH);
        x = ppi_add(g, x, ppi_linear(g, f, named(n, "down", i, ppi_shape2(4 * D, D), NORMAL), PPI_NONE, PPI_ACT_NONE));
    }
    const ppi_value tied = ppi_linear(g, x, ppi_parameter(g, "table", ppi_shape2(D, D), NORMAL), PPI_NONE, PPI_ACT_NONE);
    n->logits = ppi_output(g, "logits", ppi_reshape(g, tied, ppi_shape2(B * T, D)));
    n->loss = ppi_output(g, "loss", ppi_mean(g, ppi_cross_entropy(g, n->logits, targets)));
    if (backward) assert_int_equal(ppi_graph_backward(g, n->loss, NULL, 0, NULL), PP_OK);
    assert_int_equal(ppi_graph_status(g), PP_OK);
    assert_int_equal(ppi_params_alloc(n->params, PPI_ROLE_GRAD), PP_OK);
    ppi_params_init(n->params, 9);
}

static void drop(net *n) {
    ppi_graph_destroy(n->g);
    ppi_params_destroy(n->params);
}

static ppi_plan *plan_of(const net *n, const ppi_backend *be, ppi_dtype_policy policy, bool keep_all) {
    ppi_plan *p = NULL;
    const ppi_plan_options o = {.policy = policy, .threads = 2, .seed = 4, .keep_all = keep_all};
    if (ppi_plan_create(&p, n->g, be, &o) != PP_OK) fail_msg("%s", pp_last_error());
    int32_t *ids = ppi_plan_named(p, "ids", NULL, NULL);
    int32_t *targets = ppi_plan_named(p, "targets", NULL, NULL);
    assert_true(ids && targets);
    for (int i = 0; i < B * T; i++) {
        ids[i] = (i * 7) % D;
        targets[i] = (i * 5 + 3) % D;
    }
    return p;
}

static double loss_of(ppi_plan *p) {
    ppi_dtype t;
    if (ppi_plan_run(p, 2) != PP_OK) fail_msg("%s", pp_last_error());
    const void *loss = ppi_plan_named(p, "loss", NULL, &t);
    assert_non_null(loss);
    return t == PPI_F64 ? *(const double *)loss : (double)*(const float *)loss;
}

/* Largest difference of two gradient blocks over the largest entry. */
static double difference(const float *a, const float *b, int64_t n) {
    double top = 0.0;
    double d = 0.0;
    for (int64_t i = 0; i < n; i++) {
        top = fmax(top, fabs((double)a[i]));
        d = fmax(d, fabs((double)a[i] - (double)b[i]));
    }
    return d / top;
}

static float *copy_grad(const ppi_params *p) {
    float *copy = ppi_malloc((size_t)p->total * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, p->grad, (size_t)p->total * sizeof *copy);
    return copy;
}

static void test_memory_reuse_changes_nothing(void **state) {
    (void)state;
    net n;
    make(&n, true);
    const ppi_backend *be = ppi_cpu_reference_backend();
    ppi_plan *kept = plan_of(&n, be, PPI_DTYPE_POLICY_F32, true);
    const double want = loss_of(kept);
    float *grad = copy_grad(n.params);
    ppi_plan *p = plan_of(&n, be, PPI_DTYPE_POLICY_F32, false);
    for (int twice = 0; twice < 2; twice++) {
        assert_true(loss_of(p) == want);
        assert_memory_equal(grad, n.params->grad, (size_t)n.params->total * sizeof *grad);
    }
    assert_true(ppi_plan_bytes(p) < ppi_plan_bytes(kept) / 2);
    ppi_plan_destroy(kept);
    ppi_plan_destroy(p);
    ppi_free(grad);
    drop(&n);
}

static void test_live_buffers_do_not_overlap(void **state) {
    (void)state;
    net n;
    make(&n, true);
    for (int policy = PPI_DTYPE_POLICY_F32; policy <= PPI_DTYPE_POLICY_F64; policy++) {
        ppi_plan *p = plan_of(&n, ppi_cpu_reference_backend(), (ppi_dtype_policy)policy, false);
        for (int i = 0; i < p->n_buffers; i++) {
            const ppi_pbuffer *a = &p->buffer[i];
            assert_int_equal(a->offset % 64, 0);
            assert_true(a->offset + a->bytes <= ppi_plan_bytes(p));
            for (int j = 0; j < i; j++) {
                const ppi_pbuffer *b = &p->buffer[j];
                if (a->last < b->first || b->last < a->first) continue;
                assert_true(a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset);
            }
        }
        ppi_plan_destroy(p);
    }
    drop(&n);
}

static void test_policies_agree(void **state) {
    (void)state;
    net n;
    make(&n, true);
    ppi_plan *p = plan_of(&n, ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_F64, false);
    const double want = loss_of(p);
    float *grad = copy_grad(n.params);
    ppi_plan_destroy(p);
    const ppi_backend *const both[2] = {ppi_cpu_reference_backend(), ppi_cpu_backend()};
    for (int i = 0; i < 2; i++) {
        p = plan_of(&n, both[i], PPI_DTYPE_POLICY_F32, false);
        assert_true(fabs(loss_of(p) - want) < 1e-5 * want);
        assert_true(difference(grad, n.params->grad, n.params->total) < 1e-5);
        ppi_plan_destroy(p);
        p = plan_of(&n, both[i], PPI_DTYPE_POLICY_BF16, false);
        assert_true(fabs(loss_of(p) - want) < 2e-2 * want);
        assert_true(difference(grad, n.params->grad, n.params->total) < 5e-2);
        ppi_plan_destroy(p);
    }
    ppi_free(grad);
    drop(&n);
}

static bool is_product(ppi_op op) { return op == PPI_OP_LINEAR || op == PPI_OP_MATMUL || op == PPI_OP_ATTENTION || op == PPI_OP_ATTENTION_GRAD; }

static void test_bf16_policy_types(void **state) {
    (void)state;
    net n;
    make(&n, true);
    ppi_plan *p = plan_of(&n, ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_BF16, false);
    for (int i = 0; i < p->n_steps; i++) {
        const ppi_pstep *s = &p->step[i];
        if (is_product(s->op)) assert_true(s->args.in[0].dtype == PPI_BF16 && s->args.in[1].dtype == PPI_BF16);
        if (s->op == PPI_OP_LINEAR && s->n_in > 2) assert_int_equal(s->args.in[2].dtype, PPI_F32);
        if (s->op == PPI_OP_ADD) assert_int_equal(s->args.out[0].dtype, PPI_F32);
        if (s->op == PPI_OP_CROSS_ENTROPY) assert_int_equal(s->args.in[0].dtype, PPI_F32);
        if (p->value[p->value[s->out[0]].root].roles & PPI_VALUE_PARAM_GRAD) assert_int_equal(s->args.out[0].dtype, PPI_F32);
    }
    assert_non_null(n.params->compute);
    ppi_plan_destroy(p);
    drop(&n);
}

static void test_dead_parts_are_dropped(void **state) {
    (void)state;
    net n;
    make(&n, false);
    const ppi_value unused = ppi_scale(n.g, n.logits, 3.0f);
    ppi_plan *p = plan_of(&n, ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_F32, false);
    (void)loss_of(p);
    for (int i = 0; i < p->n_steps; i++) {
        const ppi_pstep *s = &p->step[i];
        assert_true(s->op != PPI_OP_SCALE || s->out[0] != unused);
        /* Without a gradient nobody reads what is saved for it. */
        for (int j = 1; j < s->n_out; j++) assert_null(s->args.out[j].data);
    }
    assert_null(ppi_plan_data(p, unused, NULL));
    assert_true(ppi_plan_flops(p) > 2.0 * B * T * D * D * LAYERS);
    ppi_plan_destroy(p);
    drop(&n);
}

static void test_elementwise_runs_in_place(void **state) {
    (void)state;
    ppi_graph *g = NULL;
    assert_int_equal(ppi_graph_create(&g, NULL), PP_OK);
    ppi_value x = ppi_input(g, "x", PPI_F32, ppi_shape1(100));
    for (int i = 0; i < 5; i++) x = ppi_scale(g, x, 2.0f);
    (void)ppi_output(g, "y", x);
    ppi_plan *p = NULL;
    const ppi_plan_options o = {.threads = 1};
    assert_int_equal(ppi_plan_create(&p, g, ppi_cpu_reference_backend(), &o), PP_OK);
    ppi_graph_destroy(g);
    assert_int_equal(p->n_buffers, 2);
    float *in = ppi_plan_named(p, "x", NULL, NULL);
    ppi_shape shape;
    const float *out = ppi_plan_named(p, "y", &shape, NULL);
    assert_int_equal(shape.dim[0], 100);
    in[99] = 1.5f;
    assert_int_equal(ppi_plan_run(p, 0), PP_OK);
    assert_true(out[99] == 48.0f && in[99] == 1.5f);
    assert_null(ppi_plan_named(p, "z", NULL, NULL));
    ppi_plan_destroy(p);
}

/* h feeds three products, so its gradient is a sum of three; `late` reads one of the terms of a sum again afterwards. */
static ppi_plan *sums_plan(net *n, bool late, bool keep_all, ppi_dtype_policy policy) {
    enum { N = 64 };
    static const char *const name[] = {"w0", "w1", "w2", "w3"};
    ppi_value w[4];
    ppi_plan *p = NULL;
    *n = (net){0};
    assert_int_equal(ppi_params_create(&n->params), PP_OK);
    assert_int_equal(ppi_graph_create(&n->g, n->params), PP_OK);
    ppi_graph *g = n->g;
    for (int i = 0; i < 4; i++) w[i] = ppi_parameter(g, name[i], ppi_shape2(N, N), NORMAL);
    const ppi_value x = ppi_input(g, "x", PPI_F32, ppi_shape2(N, N));
    const ppi_value h = ppi_linear(g, x, w[0], PPI_NONE, PPI_ACT_NONE);
    const ppi_value a = ppi_linear(g, h, w[1], PPI_NONE, PPI_ACT_GELU_TANH);
    const ppi_value b = ppi_linear(g, h, w[2], PPI_NONE, PPI_ACT_NONE);
    const ppi_value c = ppi_linear(g, h, w[3], PPI_NONE, PPI_ACT_NONE);
    ppi_value y = ppi_add(g, ppi_add(g, a, b), c);
    if (late) y = ppi_mul(g, y, a);
    ppi_output(g, "loss", ppi_mean(g, ppi_mul(g, y, y)));
    assert_int_equal(ppi_graph_backward(g, ppi_graph_find(g, "loss"), NULL, 0, NULL), PP_OK);
    const ppi_plan_options o = {.policy = policy, .threads = 2, .keep_all = keep_all};
    if (ppi_plan_create(&p, g, ppi_cpu_backend(), &o) != PP_OK) fail_msg("%s", pp_last_error());
    ppi_params_init(n->params, 3);
    ppi_params_sync(n->params, ppi_cpu_backend(), 1);
    float *in = ppi_plan_named(p, "x", NULL, NULL);
    for (int i = 0; i < N * N; i++) in[i] = sinf((float)i);
    return p;
}

static int steps_that(const ppi_plan *p, bool add) {
    int n = 0;
    for (int i = 0; i < p->n_steps; i++) n += add ? p->step[i].args.accumulate : p->step[i].op == PPI_OP_ADD;
    return n;
}

static void test_sums_in_place(void **state) {
    (void)state;
    if (ppi_cpu_isa() == PPI_ISA_REF) skip(); /* reference kernels do not add to their results */
    for (int kind = 0; kind < 4; kind++) {
        net n;
        net m;
        const bool late = kind & 1;
        const ppi_dtype_policy policy = kind & 2 ? PPI_DTYPE_POLICY_BF16 : PPI_DTYPE_POLICY_F32;
        ppi_plan *p = sums_plan(&n, late, false, policy);
        ppi_plan *kept = sums_plan(&m, late, true, policy);
        assert_true(steps_that(kept, false) >= 4);
        assert_int_equal(steps_that(kept, true), 0);
        assert_true(steps_that(p, true) >= 2);
        assert_int_equal(steps_that(p, true) + steps_that(p, false), steps_that(kept, false));
        assert_true(fabs(loss_of(p) - loss_of(kept)) <= (kind & 2 ? 1e-2 : 1e-5) * fabs(loss_of(kept)));
        assert_true(difference(m.params->grad, n.params->grad, n.params->total) < (kind & 2 ? 2e-2 : 1e-5));
        ppi_plan_destroy(p);
        ppi_plan_destroy(kept);
        drop(&n);
        drop(&m);
    }
}

/* Kernels may keep weights in a layout of their own between runs of a plan without gradients, but not old values. */
static void test_changed_weights_are_seen(void **state) {
    (void)state;
    enum { ROWS = 512, N = 64 };
    for (int policy = PPI_DTYPE_POLICY_F32; policy <= PPI_DTYPE_POLICY_BF16; policy++) {
        net n = {0};
        ppi_plan *p[2] = {NULL, NULL};
        const ppi_backend *be[2] = {ppi_cpu_backend(), ppi_cpu_reference_backend()};
        const ppi_plan_options o = {.policy = (ppi_dtype_policy)policy, .threads = 2};
        assert_int_equal(ppi_params_create(&n.params), PP_OK);
        assert_int_equal(ppi_graph_create(&n.g, n.params), PP_OK);
        const ppi_value w = ppi_parameter(n.g, "w", ppi_shape2(N, N), NORMAL);
        const ppi_value x = ppi_input(n.g, "x", PPI_F32, ppi_shape2(ROWS, N));
        ppi_output(n.g, "y", ppi_linear(n.g, x, w, PPI_NONE, PPI_ACT_NONE));
        for (int k = 0; k < 2; k++) {
            if (ppi_plan_create(&p[k], n.g, be[k], &o) != PP_OK) fail_msg("%s", pp_last_error());
            float *in = ppi_plan_named(p[k], "x", NULL, NULL);
            for (int i = 0; i < ROWS * N; i++) in[i] = cosf((float)i);
        }
        float first = 0.0f;
        for (int run = 0; run < 4; run++) { /* drawn, the same again, written to, stepped */
            if (run == 0) ppi_params_init(n.params, 1);
            if (run == 2) n.params->master[0] += 3.0f;
            if (run != 1) ppi_params_sync(n.params, be[0], 1);
            if (run == 3) {
                const ppi_optim_options adam = {.kind = PPI_OPTIM_ADAM, .lr = 0.5, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8};
                assert_int_equal(ppi_params_alloc(n.params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS), PP_OK);
                for (int i = 0; i < N * N; i++) n.params->grad[i] = (float)(i % 3) - 1.0f;
                assert_int_equal(ppi_optim_step(&adam, n.params, be[0], 0, 1, NULL), PP_OK);
            }
            for (int k = 0; k < 2; k++) assert_int_equal(ppi_plan_run(p[k], 0), PP_OK);
            const float *y = ppi_plan_named(p[0], "y", NULL, NULL);
            assert_true(difference(ppi_plan_named(p[1], "y", NULL, NULL), y, ROWS * N) < 1e-2);
            if (run == 0) first = y[0];
            if (run == 1) assert_true(y[0] == first);
            if (run > 1) assert_true(fabsf(y[0] - first) > 0.05f);
        }
        ppi_plan_destroy(p[0]);
        ppi_plan_destroy(p[1]);
        drop(&n);
    }
}

typedef struct lines {
    int profile;
} lines;

static void count_line(void *user, ppi_log_level level, const char *text) {
    lines *l = user;
    if (level == PPI_LOG_INFO && strncmp(text, "profile ", 8) == 0) l->profile++;
}

static void test_texts(void **state) {
    (void)state;
    net n;
    make(&n, true);
    setenv("POLYPLAY_PROFILE", "1", 1);
    ppi_plan *p = plan_of(&n, ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_BF16, false);
    unsetenv("POLYPLAY_PROFILE");
    lines l = {0};
    ppi_log_set_sink(count_line, &l, PPI_LOG_INFO);
    (void)loss_of(p);
    ppi_log_set_sink(NULL, NULL, PPI_LOG_INFO);
    assert_int_equal(l.profile, p->n_steps);
    ppi_buf text = {0};
    assert_int_equal(ppi_plan_print(p, &text), PP_OK);
    assert_non_null(strstr(text.data, "ref:attention_grad"));
    assert_non_null(strstr(text.data, "memory: "));
    assert_non_null(strstr(text.data, "@grad"));
    ppi_buf_free(&text);
    ppi_plan_destroy(p);
    drop(&n);
}

static const ppi_kernel *const *no_kernels(const ppi_backend *be, ppi_op op) {
    static const ppi_kernel *const none[1] = {NULL};
    (void)be;
    (void)op;
    return none;
}

static void test_failures(void **state) {
    (void)state;
    net n;
    make(&n, true);
    ppi_plan *p = NULL;
    const ppi_plan_options o = {.threads = 1};
    const ppi_backend empty = {.name = "empty", .kernels = no_kernels};
    assert_int_equal(ppi_plan_create(&p, n.g, &empty, &o), PP_ERR_UNSUPPORTED);
    assert_null(p);
    assert_non_null(strstr(pp_last_error(), "backend empty has no kernel for embedding_0: embedding(f32[16,16], i32[4,6])"));
    assert_int_equal(ppi_plan_create(&p, n.g, NULL, &o), PP_ERR_ARGUMENT);
    for (int64_t i = 1; i < 12; i++) {
        ppi_fault_set(PPI_FAULT_ALLOC, i);
        const pp_status s = ppi_plan_create(&p, n.g, ppi_cpu_reference_backend(), &o);
        ppi_fault_clear();
        if (s == PP_OK) {
            ppi_plan_destroy(p);
        } else {
            assert_int_equal(s, PP_ERR_NO_MEMORY);
        }
    }
    drop(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_reuse_changes_nothing),
        cmocka_unit_test(test_live_buffers_do_not_overlap),
        cmocka_unit_test(test_policies_agree),
        cmocka_unit_test(test_bf16_policy_types),
        cmocka_unit_test(test_dead_parts_are_dropped),
        cmocka_unit_test(test_elementwise_runs_in_place),
        cmocka_unit_test(test_sums_in_place),
        cmocka_unit_test(test_changed_weights_are_seen),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
