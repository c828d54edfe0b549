/* Features and gradients of the torsos and of the LSTM against PyTorch (tools/golden_torsos.py),
   and what a torso refuses. */
#include "model/mgdt_golden.h"

#include "model/torso.h"

typedef struct torso_case {
    ppi_torso_config cfg;
    int64_t shape[4];
    float threshold; /* planes: a hashed number above it is a 1 */
} torso_case;

static const torso_case cases[] = {
    {{.name = "impala", .prefix = "impala", .type = PP_OBS_IMAGE, .dense = 10, .widths = {4, 6}},
     {2, 13, 14, 3},
     0},
    {{.name = "nature", .prefix = "nature", .type = PP_OBS_IMAGE, .dense = 10, .same = true},
     {1, 36, 38, 2},
     0},
    {{.name = "arcade", .prefix = "arcade", .type = PP_OBS_PLANES, .dense = 10},
     {2, 10, 10, 4},
     0.7f},
    {{.name = "mlp",
      .prefix = "mlp",
      .type = PP_OBS_CELLS,
      .dense = 10,
      .high = {8, 8},
      .cells = 2},
     {3, 1, 1, 2},
     0},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* A hashed number of a name, as the script makes them. */
static double hashed(const char *prefix, const char *name, int64_t i) {
    char full[96];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return golden_unit(golden_key(full), (uint64_t)i);
}

static ppi_value torso_graph(ppi_graph *g, const torso_case *c) {
    const int64_t *d = c->shape;
    const ppi_value x = ppi_input(g, "obs", PPI_U8, ppi_shape4(d[0], d[1], d[2], d[3]));
    return ppi_output(g, "features", ppi_torso_build(g, x, &c->cfg));
}

/* Appends the loss, the sum of y times a hashed input "mix", and the gradients. */
static void append_loss(ppi_graph *g, ppi_value y) {
    assert_int_not_equal(y, PPI_NONE);
    const ppi_value mix = ppi_input(g, "mix", PPI_F32, ppi_graph_value(g, y)->shape);
    CHECK_OK(ppi_graph_backward(g, ppi_sum(g, ppi_mul(g, y, mix)), NULL, 0, NULL));
}

static void fill_mix(const golden_program *g, const char *name, int64_t n) {
    float *mix = golden_named(g, "mix");
    for (int64_t i = 0; i < n; i++) mix[i] = (float)hashed("loss/", name, i);
}

static void fill_observation(const golden_program *g, const torso_case *c) {
    uint8_t *obs = golden_named(g, "obs");
    const int64_t n = c->shape[0] * c->shape[1] * c->shape[2] * c->shape[3];
    for (int64_t i = 0; i < n; i++) {
        const double u = hashed("obs/", c->cfg.name, i);
        obs[i] = c->cfg.type == PP_OBS_IMAGE    ? (uint8_t)(127.5 + 127 * u)
                 : c->cfg.type == PP_OBS_PLANES ? u > (double)c->threshold
                                                : (uint8_t)((u + 1) / 2 * 9);
    }
}

static void check(const ppi_safetensors *st, const char *name, const float *got, int64_t count,
                  double tolerance) {
    int64_t n = 0;
    const float *want = golden_data(st, name, &n);
    const int64_t stride = (count + n - 1) / n;
    assert_int_equal(n, (count + stride - 1) / stride);
    float *picked = malloc((size_t)n * sizeof *picked);
    for (int64_t i = 0; i < n; i++) picked[i] = got[i * stride];
    const double error = golden_error(picked, want, n);
    free(picked);
    if (!(error <= tolerance)) fail_msg("%s is off by %.3g of its largest element", name, error);
}

static void check_gradients(const ppi_safetensors *st, const ppi_params *p, double tolerance) {
    for (int i = 0; i < p->count; i++) {
        char name[128];
        snprintf(name, sizeof name, "grad/%s", p->item[i].name);
        check(st, name, p->grad + p->item[i].offset, p->item[i].count, tolerance);
    }
}

static void check_torso(const ppi_safetensors *st, const torso_case *c, const ppi_backend *be,
                        ppi_dtype_policy policy, int threads) {
    ppi_params *p = NULL;
    ppi_graph *g = NULL;
    CHECK_OK(ppi_params_create(&p));
    CHECK_OK(ppi_graph_create(&g, p));
    append_loss(g, torso_graph(g, c));
    CHECK_OK(ppi_params_alloc(p, PPI_ROLE_GRAD | PPI_ROLE_COMPUTE));
    golden_weights(p);
    ppi_params_sync(p, be, 1);
    golden_program program = {g, NULL};
    const ppi_plan_options o = {.policy = policy, .threads = threads};
    CHECK_OK(ppi_plan_create(&program.plan, g, be, &o));
    fill_observation(&program, c);
    const int64_t n = c->shape[0] * c->cfg.dense;
    fill_mix(&program, c->cfg.name, n);
    CHECK_OK(ppi_plan_run(program.plan, 0));
    char name[64];
    snprintf(name, sizeof name, "%s/features", c->cfg.name);
    const bool f32 = policy == PPI_DTYPE_POLICY_F32;
    check(st, name, golden_named(&program, "features"), n, f32 ? 2e-5 : 5e-2);
    if (f32) check_gradients(st, p, 1e-4);
    golden_program_free(&program);
    ppi_params_destroy(p);
}

static void torsos(void **state) {
    (void)state;
    ppi_safetensors *st = golden_open("torsos");
    for (int i = 0; i < CASES; i++) {
        check_torso(st, &cases[i], ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_F32, 1);
        check_torso(st, &cases[i], ppi_cpu_backend(), PPI_DTYPE_POLICY_F32, 1);
        check_torso(st, &cases[i], ppi_cpu_backend(), PPI_DTYPE_POLICY_F32, 2);
        check_torso(st, &cases[i], ppi_cpu_backend(), PPI_DTYPE_POLICY_BF16, 1);
    }
    ppi_safetensors_close(st);
}

enum { BATCH = 3, STEPS = 5, INPUTS = 4, HIDDEN = 6 };

/* x, h0 and c0 are parameters, so that their gradients are checked as well. */
static ppi_value lstm_graph(ppi_graph *g, ppi_nn_lstm_state *end) {
    const ppi_init zero = {PPI_INIT_ZERO, 0};
    const ppi_value x = ppi_parameter(g, "lstm/x", ppi_shape3(BATCH, STEPS, INPUTS), zero);
    const ppi_nn_lstm_state start = {ppi_parameter(g, "lstm/h0", ppi_shape2(BATCH, HIDDEN), zero),
                                     ppi_parameter(g, "lstm/c0", ppi_shape2(BATCH, HIDDEN), zero)};
    const ppi_value reset = ppi_input(g, "reset", PPI_U8, ppi_shape2(BATCH, STEPS));
    return ppi_nn_lstm(g, x, "lstm", HIDDEN, &start, reset, end);
}

/* The script scales what is no bias as weights are. */
static void lstm_weights(ppi_params *p) {
    golden_weights(p);
    for (int i = 0; i < p->count; i++) {
        const ppi_param *t = &p->item[i];
        if (golden_ends_with(t->name, "/w") || golden_ends_with(t->name, "/b")) continue;
        const double rows = (double)(t->count / t->shape.dim[t->shape.ndim - 1]);
        for (int64_t k = 0; k < t->count; k++)
            p->master[t->offset + k] = (float)(2.0 / sqrt(rows) * hashed("", t->name, k));
    }
}

static void check_lstm(const ppi_safetensors *st, const ppi_backend *be, ppi_dtype_policy policy,
                       int threads) {
    ppi_params *p = NULL;
    ppi_graph *g = NULL;
    ppi_nn_lstm_state end;
    CHECK_OK(ppi_params_create(&p));
    CHECK_OK(ppi_graph_create(&g, p));
    const ppi_value h = ppi_output(g, "h", lstm_graph(g, &end));
    ppi_output(g, "cell", end.c);
    append_loss(g, h);
    CHECK_OK(ppi_params_alloc(p, PPI_ROLE_GRAD | PPI_ROLE_COMPUTE));
    lstm_weights(p);
    ppi_params_sync(p, be, 1);
    golden_program program = {g, NULL};
    const ppi_plan_options o = {.policy = policy, .threads = threads};
    CHECK_OK(ppi_plan_create(&program.plan, g, be, &o));
    uint8_t *reset = golden_named(&program, "reset");
    for (int64_t i = 0; i < BATCH * STEPS; i++) reset[i] = hashed("", "lstm/reset", i) > 0.5;
    fill_mix(&program, "lstm", BATCH * STEPS * HIDDEN);
    CHECK_OK(ppi_plan_run(program.plan, 0));
    const bool f32 = policy == PPI_DTYPE_POLICY_F32;
    check(st, "lstm/features", golden_named(&program, "h"), BATCH * STEPS * HIDDEN,
          f32 ? 2e-5 : 5e-2);
    check(st, "lstm/cell", golden_named(&program, "cell"), BATCH * HIDDEN, f32 ? 2e-5 : 5e-2);
    check_gradients(st, p, f32 ? 1e-4 : 1e-1);
    golden_program_free(&program);
    ppi_params_destroy(p);
}

static void lstm(void **state) {
    (void)state;
    ppi_safetensors *st = golden_open("torsos");
    check_lstm(st, ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_F32, 1);
    check_lstm(st, ppi_cpu_backend(), PPI_DTYPE_POLICY_F32, 1);
    check_lstm(st, ppi_cpu_backend(), PPI_DTYPE_POLICY_F32, 2);
    check_lstm(st, ppi_cpu_backend(), PPI_DTYPE_POLICY_BF16, 1);
    ppi_safetensors_close(st);
}

/* The parameter counts of the specification at 84x84x4: 97,744 in the convolutions of impala. */
static void sizes(void **state) {
    (void)state;
    static const struct {
        ppi_torso_config cfg;
        int64_t want;
    } rows[] = {
        {{.name = "impala", .prefix = "t", .type = PP_OBS_IMAGE}, 97744 + 3872 * 256 + 256},
        {{.name = "nature", .prefix = "t", .type = PP_OBS_IMAGE, .same = true},
         (256 * 32 + 32) + (512 * 64 + 64) + (576 * 64 + 64) + 7744 * 512 + 512},
        {{.name = "nature", .prefix = "t", .type = PP_OBS_IMAGE},
         (256 * 32 + 32) + (512 * 64 + 64) + (576 * 64 + 64) + 3136 * 512 + 512},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ppi_params *p = NULL;
        ppi_graph *g = NULL;
        CHECK_OK(ppi_params_create(&p));
        CHECK_OK(ppi_graph_create(&g, p));
        const ppi_value x = ppi_input(g, "obs", PPI_U8, ppi_shape4(1, 84, 84, 4));
        assert_int_not_equal(ppi_torso_build(g, x, &rows[i].cfg), PPI_NONE);
        assert_int_equal(p->n_real, rows[i].want);
        ppi_graph_destroy(g);
        ppi_params_destroy(p);
    }
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        ppi_torso_config cfg;
        const char *text;
    } rows[] = {
        {{.name = "resnet", .prefix = "t", .type = PP_OBS_IMAGE}, "no torso is named \"resnet\""},
        {{.name = "impala", .prefix = "t", .type = PP_OBS_CELLS, .cells = 2, .high = {8, 8}},
         "a list of cells: use mlp"},
        {{.name = "arcade", .prefix = "t", .type = PP_OBS_FLOAT}, "a list of numbers: use mlp"},
        {{.name = "mlp", .prefix = "t", .type = PP_OBS_CELLS, .cells = 0}, "1 to 8 components"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ppi_params *p = NULL;
        ppi_graph *g = NULL;
        CHECK_OK(ppi_params_create(&p));
        CHECK_OK(ppi_graph_create(&g, p));
        const ppi_value x = ppi_input(g, "obs", PPI_U8, ppi_shape4(1, 1, 1, 2));
        assert_int_equal(ppi_torso_build(g, x, &rows[i].cfg), PPI_NONE);
        assert_int_not_equal(ppi_graph_status(g), PP_OK);
        assert_non_null(strstr(pp_last_error(), rows[i].text));
        ppi_graph_destroy(g);
        ppi_params_destroy(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torsos),
        cmocka_unit_test(lstm),
        cmocka_unit_test(sizes),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("torsos", tests, NULL, NULL);
}
