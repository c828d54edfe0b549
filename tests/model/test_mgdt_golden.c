/* Logits, losses, all gradients and ten training losses against PyTorch (tools/golden_mgdt.py). */
#include "model/mgdt_golden.h"

#include "tensor/optim.h"

static const char *const files[] = {"mgdt_grey", "mgdt_planes", "mgdt_bc"};
enum { FILE_COUNT = sizeof files / sizeof files[0] };

/* The stored loss terms are action, reward, return; the first number is the total. */
static void check_losses(const golden_program *g, const ppi_mgdt_config *c,
                         const ppi_safetensors *st, double tol) {
    static const char *const names[] = {"loss", "loss_action", "loss_reward", "loss_return"};
    const double *want = golden_data(st, "losses", NULL);
    for (int i = 0; i < (c->conditioned ? 4 : 3); i++) {
        const float got = *(const float *)golden_named(g, names[i]);
        if (!(fabs((double)got - want[i]) <= tol * fabs(want[i])))
            fail_msg("%s is %.8g, expected %.8g", names[i], (double)got, want[i]);
    }
}

/* Gradients of more than 2048 elements are stored as every 7th element; three sums cover the rest.
 */
static void check_gradient(const ppi_params *p, int i, const ppi_safetensors *st, double tol) {
    const ppi_param *t = &p->item[i];
    const float *g = p->grad + t->offset;
    char name[128];
    snprintf(name, sizeof name, "grad/%s", t->name);
    int64_t n = 0;
    const float *want = golden_data(st, name, &n);
    const int64_t stride = t->count <= 2048 ? 1 : 7;
    assert_int_equal(n, (t->count + stride - 1) / stride);
    float *got = malloc((size_t)n * sizeof *got);
    for (int64_t k = 0; k < n; k++) got[k] = g[k * stride];
    const double error = golden_error(got, want, n);
    free(got);
    /* The gradient of a key bias is zero but for rounding. */
    const bool zero = golden_ends_with(t->name, "attn/key/b");
    if (!zero && !(error <= tol))
        fail_msg("gradient of %s is off by %.3g of its largest element", t->name, error);

    snprintf(name, sizeof name, "sums/%s", t->name);
    const double *sums = golden_data(st, name, NULL);
    double square = 0, mixed = 0;
    const uint32_t key = golden_key(t->name) ^ 0x5A5A5A5Au;
    for (int64_t k = 0; k < t->count; k++) {
        square += (double)g[k] * (double)g[k];
        mixed += (double)g[k] * golden_unit(key, (uint64_t)k);
    }
    if (zero) return;
    const double size = sqrt(sums[1]) + 1e-30;
    if (!(fabs(sqrt(square) - sqrt(sums[1])) <= tol * size))
        fail_msg("norm of the gradient of %s: %g, expected %g", t->name, sqrt(square), size);
    if (!(fabs(mixed - sums[2]) <= 3 * tol * size))
        fail_msg("weighted sum of the gradient of %s: %g, expected %g", t->name, mixed, sums[2]);
}

static void check_logits(const golden_program *g, const ppi_safetensors *st, const char *name,
                         double tol) {
    int64_t n = 0;
    const float *want = golden_data(st, name, &n);
    const double error = golden_error(golden_named(g, name), want, n);
    if (!(error <= tol)) fail_msg("%s is off by %.3g of the largest logit", name, error);
}

/* Forward and gradients of one file. */
static void compare(const char *file, const ppi_backend *be, ppi_dtype_policy policy,
                    double tol_logits, double tol_grad) {
    const ppi_mgdt_config c = golden_config(file);
    ppi_safetensors *st = golden_open(file);
    ppi_params *p =
        golden_params(&c, PPI_ROLE_GRAD | (policy == PPI_DTYPE_POLICY_BF16 ? PPI_ROLE_COMPUTE : 0));
    ppi_params_sync(p, be, 2);

    golden_program g = golden_compile(p, be, policy, ppi_mgdt_build_forward, &c, 2);
    golden_fill(&g, &c, st, false);
    CHECK_OK(ppi_plan_run(g.plan, 0));
    check_logits(&g, st, "action_logits", tol_logits);
    check_logits(&g, st, "reward_logits", tol_logits);
    if (c.conditioned) check_logits(&g, st, "return_logits", tol_logits);
    golden_program_free(&g);

    g = golden_compile(p, be, policy, ppi_mgdt_build_train, &c, 2);
    golden_fill(&g, &c, st, true);
    CHECK_OK(ppi_plan_run(g.plan, 0));
    check_losses(&g, &c, st, tol_logits);
    for (int i = 0; i < p->count; i++) check_gradient(p, i, st, tol_grad);
    golden_program_free(&g);
    ppi_params_destroy(p);
    ppi_safetensors_close(st);
}

static void f32(void **state) {
    (void)state;
    for (int i = 0; i < FILE_COUNT; i++)
        compare(files[i], ppi_cpu_backend(), PPI_DTYPE_POLICY_F32, 1e-4, 1e-4);
}

static void reference(void **state) {
    (void)state;
    for (int i = 0; i < FILE_COUNT; i++)
        compare(files[i], ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_F32, 1e-4, 1e-4);
}

static void bf16(void **state) {
    (void)state;
    for (int i = 0; i < FILE_COUNT; i++)
        compare(files[i], ppi_cpu_backend(), PPI_DTYPE_POLICY_BF16, 3e-2, 6e-2);
}

/* Ten updates on one batch: warm-up 2, constant rate, clip 1. */
static void train(const char *file, ppi_optim_kind kind, ppi_dtype_policy policy, double tol) {
    const ppi_mgdt_config c = golden_config(file);
    const ppi_backend *be = ppi_cpu_backend();
    ppi_safetensors *st = golden_open(file);
    ppi_params *p = golden_params(&c, PPI_ROLE_GRAD | PPI_ROLE_SLOTS |
                                          (policy == PPI_DTYPE_POLICY_BF16 ? PPI_ROLE_COMPUTE : 0));
    ppi_params_sync(p, be, 2);
    const bool lamb = kind == PPI_OPTIM_LAMB;
    const ppi_optim_options o = {.kind = kind,
                                 .lr = lamb ? 0.02 : 1e-3,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = lamb ? 1e-6 : 1e-8,
                                 .weight_decay = lamb ? 0 : 0.01,
                                 .clip = 1,
                                 .warmup = 2,
                                 .schedule = PPI_SCHEDULE_CONSTANT,
                                 .final_ratio = 1,
                                 .total_steps = 10};
    golden_program g = golden_compile(p, be, policy, ppi_mgdt_build_train, &c, 2);
    golden_fill(&g, &c, st, true);
    const double *want = golden_data(st, lamb ? "train/lamb" : "train/adamw", NULL);
    for (int64_t step = 0; step < 10; step++) {
        CHECK_OK(ppi_plan_run(g.plan, (uint64_t)step));
        const double loss = (double)*(const float *)golden_named(&g, "loss");
        if (!(fabs(loss - want[step]) <= tol * want[0])) {
            fail_msg("%s %s step %d: loss %.8g, expected %.8g", file, lamb ? "lamb" : "adamw",
                     (int)step, loss, want[step]);
        }
        double norm = 0;
        CHECK_OK(ppi_optim_step(&o, p, be, step, 2, &norm));
        assert_true(isfinite(norm));
    }
    golden_program_free(&g);
    ppi_params_destroy(p);
    ppi_safetensors_close(st);
}

static void training(void **state) {
    (void)state;
    for (int i = 0; i < FILE_COUNT; i++) {
        train(files[i], PPI_OPTIM_LAMB, PPI_DTYPE_POLICY_F32, 1e-4);
        train(files[i], PPI_OPTIM_ADAMW, PPI_DTYPE_POLICY_F32, 1e-4);
    }
}

static void training_bf16(void **state) {
    (void)state;
    for (int i = 0; i < FILE_COUNT; i++)
        train(files[i], PPI_OPTIM_LAMB, PPI_DTYPE_POLICY_BF16, 0.1);
}

/* Zero heads give uniform logits: ln 18/18, ln 120/120, ln 4/4, over 3. */
static void uniform(void **state) {
    (void)state;
    ppi_mgdt_config c = golden_config("mgdt_grey");
    ppi_safetensors *st = golden_open("mgdt_grey");
    ppi_params *p = golden_params(&c, PPI_ROLE_GRAD);
    for (int i = 0; i < p->count; i++) {
        if (strstr(p->item[i].name, "_linear/") == NULL) continue;
        memset(p->master + p->item[i].offset, 0, (size_t)p->item[i].count * sizeof *p->master);
    }
    golden_program g =
        golden_compile(p, ppi_cpu_backend(), PPI_DTYPE_POLICY_F32, ppi_mgdt_build_train, &c, 2);
    golden_fill(&g, &c, st, true);
    int32_t *targets = golden_named(&g, "return_targets");
    targets[0] = 20;
    targets[1] = 119;
    CHECK_OK(ppi_plan_run(g.plan, 0));
    const double loss = (double)*(float *)golden_named(&g, "loss");
    assert_true(fabs(loss - 0.18235) < 5e-6);
    assert_true(fabs(loss - (log(18) / 18 + log(120) / 120 + log(4) / 4) / 3) < 1e-6);
    /* Target 120 has no class: it adds 0 and still counts in the mean. */
    targets[1] = 120;
    CHECK_OK(ppi_plan_run(g.plan, 0));
    assert_true(fabs((double)*(float *)golden_named(&g, "loss_return") - log(120) / 2) < 1e-5);
    golden_program_free(&g);
    ppi_params_destroy(p);
    ppi_safetensors_close(st);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference), cmocka_unit_test(f32),           cmocka_unit_test(bf16),
        cmocka_unit_test(training),  cmocka_unit_test(training_bf16), cmocka_unit_test(uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
