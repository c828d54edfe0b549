/* Algorithm Distillation against PyTorch (tools/golden_ad.py): logits of whole windows, gradients
   with masked tokens, ten updates; layouts a and b, the LSTM, encoded
   images. Acting passes against whole
   windows. */
#include "model/mgdt_golden.h"

#include "model/ad.h"
#include "tensor/optim.h"

enum { B = 2, T = 12, FILES = 4 };
static const char *const files[FILES] = {"ad_a", "ad_b", "ad_lstm", "ad_image"};

/* The network of a file. */
static ppi_ad_config config_of(const char *file) {
    ppi_ad_config c = {.timesteps = T,
                       .layers = 2,
                       .width = 16,
                       .heads = 2,
                       .ffn = 24,
                       .mask = 0.3f,
                       .lstm = 12,
                       .dense = 10,
                       .embedding_scale = 1,
                       .actions = 5,
                       .tables = 2,
                       .rows = {4, 6}};
    if (strcmp(file, "ad_lstm") == 0) c.core = PPI_AD_LSTM;
    if (strcmp(file, "ad_image") == 0) {
        c.tables = 0;
        c.image_h = 13;
        c.image_w = 18;
        c.image_c = c.channels = 3;
    }
    if (strcmp(file, "ad_b") == 0) {
        c.layout = PPI_AD_LAYOUT_B;
        c.post_norm = c.sinusoidal = true;
        c.mask_kind = PPI_AD_MASK_KEY;
        c.label_smoothing = 0.2f;
    }
    return c;
}

typedef pp_status (*builder)(ppi_graph *g, const ppi_ad_config *c, int64_t batch);

/* Everything a comparison holds. */
typedef struct fixture {
    ppi_ad_config c;
    ppi_safetensors *st;
    ppi_params *params;
    const ppi_backend *be;
    ppi_dtype_policy policy;
} fixture;

/* Running moments of a batch norm: 0 and 1 here. */
static bool is_moment(const char *name) {
    return golden_ends_with(name, "/mean") || golden_ends_with(name, "/var");
}

static void open_file(fixture *f, const char *file, const ppi_backend *be,
                      ppi_dtype_policy policy) {
    *f = (fixture){.c = config_of(file), .st = golden_open(file), .be = be, .policy = policy};
    ppi_graph *g = NULL;
    CHECK_OK(ppi_params_create(&f->params));
    CHECK_OK(ppi_graph_create(&g, f->params));
    CHECK_OK(ppi_ad_build_forward(g, &f->c, 1));
    ppi_graph_destroy(g);
    const unsigned roles = PPI_ROLE_GRAD | PPI_ROLE_SLOTS;
    CHECK_OK(ppi_params_alloc(f->params,
                              policy == PPI_DTYPE_POLICY_BF16 ? roles | PPI_ROLE_COMPUTE : roles));
    golden_weights(f->params);
    for (int i = 0; i < f->params->count; i++) {
        const ppi_param *t = &f->params->item[i];
        if (is_moment(t->name)) {
            for (int64_t k = 0; k < t->count; k++)
                f->params->master[t->offset + k] = golden_ends_with(t->name, "/var") ? 1.0f : 0.0f;
        }
    }
    ppi_params_sync(f->params, be, 2);
}

static void close_file(fixture *f) {
    ppi_params_destroy(f->params);
    ppi_safetensors_close(f->st);
}

static golden_program compile(const fixture *f, builder build, int64_t batch) {
    golden_program p = {NULL, NULL};
    const ppi_plan_options o = {.policy = f->policy, .threads = 2, .seed = 1};
    CHECK_OK(ppi_graph_create(&p.graph, f->params));
    CHECK_OK(build(p.graph, &f->c, batch));
    CHECK_OK(ppi_plan_create(&p.plan, p.graph, f->be, &o));
    return p;
}

/* The windows of the file into a program's inputs, cut to the first `length` steps: what stands
   behind them is filled with `junk`. */
static void fill(const fixture *f, const golden_program *p, int64_t length, int32_t junk) {
    const uint8_t *obs = golden_data(f->st, "obs", NULL);
    const int32_t *action = golden_data(f->st, "action", NULL);
    const float *reward = golden_data(f->st, "reward", NULL);
    int32_t *actions = golden_named(p, "actions");
    int32_t *rewards = golden_named(p, "rewards");
    const bool before = f->c.core == PPI_AD_TRANSFORMER && f->c.layout == PPI_AD_LAYOUT_A;
    for (int64_t i = 0; i < B * T; i++) {
        const bool there = i % T < length;
        for (int k = 0; k < f->c.tables; k++) {
            char name[16];
            ppi_ad_obs_input(name, k);
            ((int32_t *)golden_named(p, name))[i] = there ? obs[i * 2 + k] : junk;
        }
        const bool first = before && i % T == 0;
        const int64_t from = before ? i - 1 : i;
        actions[i] = first ? 5 : there ? action[from] : junk;
        rewards[i] = first ? 0 : there ? ppi_ad_reward_token(&f->c, (double)reward[from], false) : junk;
    }
    if (f->c.tables == 0) {
        int64_t n = 0;
        const void *frames = golden_data(f->st, "frames", &n);
        memcpy(golden_named(p, "frames"), frames, (size_t)n);
    }
    void *reset = ppi_plan_named(p->plan, "reset", NULL, NULL);
    if (reset != NULL) memset(reset, 0, B * (T - 1));
}

static void fill_training(const fixture *f, const golden_program *p) {
    int64_t n = 0;
    const uint8_t *masked = golden_data(f->st, "masked", &n);
    fill(f, p, T, 0);
    memcpy(golden_named(p, "targets"), golden_data(f->st, "action", NULL), B * T * 4);
    if (f->c.mask_kind == PPI_AD_MASK_KEY) {
        memcpy(golden_named(p, "blocked"), masked, (size_t)n);
        return;
    }
    float *keep = golden_named(p, "keep");
    for (int64_t i = 0; i < n; i++) keep[i] = masked[i] ? 0.0f : 1.0f;
}

static void check_tensor(const char *what, const float *got, const fixture *f, const char *name,
                         double tol) {
    int64_t n = 0;
    const float *want = golden_data(f->st, name, &n);
    const double error = golden_error(got, want, n);
    if (!(error <= tol))
        fail_msg("%s: %s is off by %.3g of its largest element", what, name, error);
}

static void compare(const char *file, const ppi_backend *be, ppi_dtype_policy policy, double tol,
                    double tol_grad) {
    fixture f;
    open_file(&f, file, be, policy);
    golden_program p = compile(&f, ppi_ad_build_forward, B);
    fill(&f, &p, T, 0);
    CHECK_OK(ppi_plan_run(p.plan, 0));
    check_tensor(file, golden_named(&p, "action_logits"), &f, "logits", tol);
    golden_program_free(&p);

    p = compile(&f, ppi_ad_build_train, B);
    fill_training(&f, &p);
    CHECK_OK(ppi_plan_run(p.plan, 0));
    check_tensor(file, golden_named(&p, "action_logits"), &f, "masked_logits", tol);
    const double want = *(const double *)golden_data(f.st, "loss", NULL);
    const double loss = (double)*(const float *)golden_named(&p, "loss");
    if (!(fabs(loss - want) <= tol * want))
        fail_msg("%s: loss %.8g, expected %.8g", file, loss, want);
    for (int i = 0; i < f.params->count; i++) {
        const ppi_param *t = &f.params->item[i];
        char name[128];
        snprintf(name, sizeof name, "grad/%s", t->name);
        /* The gradient of a key bias is zero but for rounding. */
        if (golden_ends_with(t->name, "attn/key/b") || is_moment(t->name)) continue;
        /* Moments of 24 images of noise make much of rounding. */
        if (policy == PPI_DTYPE_POLICY_BF16 && strncmp(t->name, "ad/image/", 9) == 0) continue;
        check_tensor(file, f.params->grad + t->offset, &f, name, tol_grad);
    }
    golden_program_free(&p);
    close_file(&f);
}

static void reference(void **state) {
    (void)state;
    for (int i = 0; i < FILES; i++)
        compare(files[i], ppi_cpu_reference_backend(), PPI_DTYPE_POLICY_F32, 1e-4, 1e-4);
}

static void f32(void **state) {
    (void)state;
    for (int i = 0; i < FILES; i++)
        compare(files[i], ppi_cpu_backend(), PPI_DTYPE_POLICY_F32, 1e-4, 1e-4);
}

static void bf16(void **state) {
    (void)state;
    for (int i = 0; i < FILES; i++)
        compare(files[i], ppi_cpu_backend(), PPI_DTYPE_POLICY_BF16, 3e-2, 1e-1);
}

/* Ten updates on one batch: Adam (.9, .99), warm-up 2, clip 1. */
static void train(const char *file, ppi_dtype_policy policy, double tol) {
    fixture f;
    open_file(&f, file, ppi_cpu_backend(), policy);
    const ppi_optim_options o = {.kind = PPI_OPTIM_ADAM,
                                 .lr = 1e-2,
                                 .beta1 = 0.9,
                                 .beta2 = 0.99,
                                 .eps = 1e-8,
                                 .clip = 1,
                                 .warmup = 2,
                                 .schedule = PPI_SCHEDULE_CONSTANT,
                                 .final_ratio = 1,
                                 .total_steps = 10};
    golden_program p = compile(&f, ppi_ad_build_train, B);
    fill_training(&f, &p);
    const double *want = golden_data(f.st, "losses", NULL);
    for (int64_t step = 0; step < 10; step++) {
        CHECK_OK(ppi_plan_run(p.plan, (uint64_t)step));
        const double loss = (double)*(const float *)golden_named(&p, "loss");
        if (!(fabs(loss - want[step]) <= tol * want[0]))
            fail_msg("%s step %d: loss %.8g, expected %.8g", file, (int)step, loss, want[step]);
        CHECK_OK(ppi_optim_step(&o, f.params, f.be, step, 2, NULL));
    }
    golden_program_free(&p);
    close_file(&f);
}

static void training(void **state) {
    (void)state;
    for (int i = 0; i < FILES; i++) train(files[i], PPI_DTYPE_POLICY_F32, 2e-4);
}

static void training_bf16(void **state) {
    (void)state;
    for (int i = 0; i < FILES; i++) train(files[i], PPI_DTYPE_POLICY_BF16, 0.2);
}

/* The logits of step `at` of both windows [B,A] against those of whole windows. */
static void check_step(const fixture *f, const char *what, const float *got, int64_t at) {
    const float *want = golden_data(f->st, "logits", NULL);
    const int64_t A = f->c.actions;
    for (int64_t b = 0; b < B; b++) {
        const double error = golden_error(got + b * A, want + (b * T + at) * A, A);
        if (!(error <= 1e-4)) fail_msg("%s: step %d is off by %.3g", what, (int)at, error);
    }
}

/* Windows of any length give the logits of whole windows, whatever stands behind them. */
static void partial_windows(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        fixture f;
        open_file(&f, files[i], ppi_cpu_backend(), PPI_DTYPE_POLICY_F32);
        golden_program p = compile(&f, ppi_ad_build_partial, B);
        int32_t *last = golden_named(&p, "last");
        for (int64_t at = 0; at < T; at++) {
            fill(&f, &p, at + 1, 3);
            last[0] = last[1] = (int32_t)at;
            CHECK_OK(ppi_plan_run(p.plan, 0));
            check_step(&f, "partial", golden_named(&p, "action_logits"), at);
        }
        golden_program_free(&p);
        p = compile(&f, ppi_ad_build_full, B);
        fill(&f, &p, T, 0);
        CHECK_OK(ppi_plan_run(p.plan, 0));
        check_step(&f, "full", golden_named(&p, "action_logits"), T - 1);
        golden_program_free(&p);
        close_file(&f);
    }
}

static void bad_sizes(void **state) {
    (void)state;
    ppi_ad_config c = config_of("ad_a");
    CHECK_OK(ppi_ad_config_check(&c));
    c.heads = 3;
    CHECK_FAILS(ppi_ad_config_check(&c), PP_ERR_ARGUMENT, "heads that divide the width");
    c = config_of("ad_a");
    c.layers = 0;
    CHECK_FAILS(ppi_ad_config_check(&c), PP_ERR_ARGUMENT, "0 layers");
    c = config_of("ad_a");
    c.timesteps = 1;
    CHECK_FAILS(ppi_ad_config_check(&c), PP_ERR_ARGUMENT, "context of 1 steps");
    c = config_of("ad_a");
    c.tables = 0;
    CHECK_FAILS(ppi_ad_config_check(&c), PP_ERR_ARGUMENT, "0 tables");
    c = config_of("ad_a");
    c.ffn = 0;
    CHECK_FAILS(ppi_ad_config_check(&c), PP_ERR_ARGUMENT, "FFN");
    c = config_of("ad_lstm");
    c.lstm = 0;
    CHECK_FAILS(ppi_ad_config_check(&c), PP_ERR_ARGUMENT, "0 units");
}

/* Passes of one sequence model refuse the other. */
static void wrong_core(void **state) {
    (void)state;
    const builder of_lstm[] = {ppi_ad_build_fold, ppi_ad_build_decide};
    const builder of_transformer[] = {ppi_ad_build_full, ppi_ad_build_partial};
    const ppi_ad_config a = config_of("ad_a");
    const ppi_ad_config lstm = config_of("ad_lstm");
    for (int i = 0; i < 2; i++) {
        ppi_graph *g = NULL;
        CHECK_OK(ppi_graph_create(&g, NULL));
        CHECK_FAILS(of_lstm[i](g, &a, 1), PP_ERR_UNSUPPORTED, "other sequence model");
        CHECK_FAILS(of_transformer[i](g, &lstm, 1), PP_ERR_UNSUPPORTED, "other sequence model");
        ppi_graph_destroy(g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference),     cmocka_unit_test(f32),
        cmocka_unit_test(bf16),          cmocka_unit_test(training),
        cmocka_unit_test(training_bf16), cmocka_unit_test(partial_windows),
        cmocka_unit_test(bad_sizes),     cmocka_unit_test(wrong_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
