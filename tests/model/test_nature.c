/* Nature CNN: parameter count, gradients against finite differences in f64, and that it learns. */
#include "model/mgdt_golden.h"

#include "model/nature.h"
#include "tensor/optim.h"

enum { CLASSES = 4 };

/* Classification of U8 frames [B,side,side,1]: "frames", "targets" -> "loss". */
static ppi_graph *build(ppi_params *p, int64_t batch, int64_t side) {
    ppi_graph *g = NULL;
    CHECK_OK(ppi_graph_create(&g, p));
    const ppi_value x = ppi_input(g, "frames", PPI_U8, ppi_shape4(batch, side, side, 1));
    const ppi_value t = ppi_input(g, "targets", PPI_I32, ppi_shape1(batch));
    const ppi_value loss =
        ppi_mean(g, ppi_cross_entropy(g, ppi_nature_build(g, x, "net", CLASSES), t));
    ppi_output(g, "loss", loss);
    CHECK_OK(ppi_graph_backward(g, loss, NULL, 0, NULL));
    return g;
}

static golden_program compile(ppi_params *p, int64_t batch, int64_t side, const ppi_backend *be,
                              ppi_dtype_policy policy) {
    golden_program g = {build(p, batch, side), NULL};
    const ppi_plan_options o = {.policy = policy, .threads = 2};
    CHECK_OK(ppi_plan_create(&g.plan, g.graph, be, &o));
    uint8_t *frames = golden_named(&g, "frames");
    int32_t *targets = golden_named(&g, "targets");
    for (int64_t i = 0; i < batch * side * side; i++)
        frames[i] = (uint8_t)(127.5 + 127 * golden_unit(5, (uint64_t)i));
    for (int64_t b = 0; b < batch; b++) targets[b] = (int32_t)(b % CLASSES);
    return g;
}

static void size(void **state) {
    (void)state;
    ppi_params *p = NULL;
    CHECK_OK(ppi_params_create(&p));
    ppi_graph *g = build(p, 1, 84);
    const int64_t convs = (64 * 32 + 32) + (16 * 32 * 64 + 64) + (9 * 64 * 64 + 64);
    assert_int_equal(p->n_real, convs + (3136 * 512 + 512) + (512 * CLASSES + CLASSES));
    ppi_graph_destroy(g);
    ppi_params_destroy(p);
}

static double loss_of(const golden_program *g) {
    CHECK_OK(ppi_plan_run(g->plan, 0));
    ppi_dtype dtype;
    const void *data = ppi_plan_named(g->plan, "loss", NULL, &dtype);
    return dtype == PPI_F64 ? *(const double *)data : (double)*(const float *)data;
}

static void gradients(void **state) {
    (void)state;
    ppi_params *p = NULL;
    CHECK_OK(ppi_params_create(&p));
    ppi_graph_destroy(build(p, 2, 44));
    CHECK_OK(ppi_params_alloc(p, PPI_ROLE_GRAD));
    ppi_params_init(p, 3);
    golden_program fast = compile(p, 2, 44, ppi_cpu_backend(), PPI_DTYPE_POLICY_F32);
    golden_program exact = compile(p, 2, 44, ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_F64);
    assert_true(fabs(loss_of(&fast) - loss_of(&exact)) < 1e-5);
    CHECK_OK(ppi_plan_run(fast.plan, 0));
    for (int i = 0; i < p->count; i++) {
        const ppi_param *t = &p->item[i];
        double largest = 0;
        for (int64_t k = 0; k < t->count; k++)
            largest = fmax(largest, fabs((double)p->grad[t->offset + k]));
        for (int probe = 0; probe < 5; probe++) {
            const int64_t k = (probe * 7919 + 13) % t->count;
            float *x = &p->master[t->offset + k];
            const float kept = *x;
            const double got = (double)p->grad[t->offset + k];
            *x = kept + 1e-4f;
            const double above = loss_of(&exact), high = (double)*x;
            *x = kept - 1e-4f;
            const double below = loss_of(&exact), low = (double)*x;
            *x = kept;
            const double want = (above - below) / (high - low);
            if (!(fabs(got - want) <= 2e-3 * largest + 1e-7))
                fail_msg("%s[%lld]: gradient %g, expected %g", t->name, (long long)k, got, want);
        }
    }
    golden_program_free(&fast);
    golden_program_free(&exact);
    ppi_params_destroy(p);
}

static void learns(void **state) {
    (void)state;
    ppi_params *p = NULL;
    CHECK_OK(ppi_params_create(&p));
    ppi_graph_destroy(build(p, 8, 84));
    CHECK_OK(ppi_params_alloc(p, PPI_ROLE_GRAD | PPI_ROLE_SLOTS));
    ppi_params_init(p, 1);
    golden_program g = compile(p, 8, 84, ppi_cpu_backend(), PPI_DTYPE_POLICY_F32);
    const ppi_optim_options o = {.kind = PPI_OPTIM_ADAM,
                                 .lr = 1e-3,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = 1e-8,
                                 .clip = 1,
                                 .final_ratio = 1,
                                 .total_steps = 40};
    const double first = loss_of(&g);
    for (int64_t step = 0; step < 40; step++) {
        CHECK_OK(ppi_plan_run(g.plan, (uint64_t)step));
        CHECK_OK(ppi_optim_step(&o, p, ppi_cpu_backend(), step, 2, NULL));
    }
    const double last = loss_of(&g);
    if (!(last < 0.2 * first)) fail_msg("the loss went from %g to %g", first, last);
    golden_program_free(&g);
    ppi_params_destroy(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(size), cmocka_unit_test(gradients),
                                       cmocka_unit_test(learns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
