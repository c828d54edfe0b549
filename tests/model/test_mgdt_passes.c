/* The two passes of acting against the full forward pass: row 35 and row 153 of the window. */
#include "model/mgdt_golden.h"

static void compare_rows(const char *what, const float *got, const float *want, int64_t n,
                         double tol) {
    const double error = golden_error(got, want, n);
    if (!(error <= tol)) fail_msg("%s differ by %.3g", what, error);
}

/* One window of the input of `full`, as the acting passes want it. */
static void fill_act(const golden_program *act, const golden_program *full,
                     const ppi_mgdt_config *c, const char *first_name) {
    const int64_t T = c->timesteps, board = c->board_h * c->board_w * c->board_c;
    const int64_t from = first_name == NULL ? 0 : 1;
    const uint8_t *frames = golden_named(full, "frames");
    static const char *const ids[] = {"actions", "rewards"};
    static const char *const firsts[] = {"first_actions", "first_rewards"};
    for (int64_t b = 0; b < 2; b++) {
        memcpy((uint8_t *)golden_named(act, "frames") + b * (T - from) * board,
               frames + (b * T + from) * board, (size_t)((T - from) * board));
        for (int k = 0; k < 2; k++) {
            const int32_t *src = (const int32_t *)golden_named(full, ids[k]) + b * T;
            memcpy((int32_t *)golden_named(act, ids[k]) + b * (T - from), src + from,
                   (size_t)(T - from) * 4);
            if (from == 1) ((int32_t *)golden_named(act, firsts[k]))[b] = src[0];
        }
        if (from == 1)
            ((int32_t *)golden_named(act, first_name))[b] =
                ((const int32_t *)golden_named(full, "returns"))[b * T];
    }
}

/* A golden configuration, its weights and inputs, and a program of the whole forward pass, run
 * once. */
typedef struct fixture {
    ppi_mgdt_config c;
    ppi_safetensors *st;
    ppi_params *p;
    golden_program full;
} fixture;

static golden_program compile(const fixture *f, golden_builder build) {
    return golden_compile(f->p, ppi_cpu_backend(), PPI_DTYPE_POLICY_F32, build, &f->c, 2);
}

static fixture open_fixture(const char *name) {
    fixture f = {.c = golden_config(name), .st = golden_open(name)};
    f.p = golden_params(&f.c, 0);
    f.full = compile(&f, ppi_mgdt_build_forward);
    golden_fill(&f.full, &f.c, f.st, false);
    CHECK_OK(ppi_plan_run(f.full.plan, 0));
    return f;
}

static void close_fixture(fixture *f) {
    golden_program_free(&f->full);
    ppi_params_destroy(f->p);
    ppi_safetensors_close(f->st);
}

/* Timestep t of window b in an output [2,4,n] of the full pass. */
static const float *full_row(const fixture *f, const char *name, int64_t b, int64_t t, int64_t n) {
    return (const float *)golden_named(&f->full, name) + (b * 4 + t) * n;
}

static void two_passes(void **state) {
    (void)state;
    fixture f = open_fixture("mgdt_grey");
    golden_program one = compile(&f, ppi_mgdt_build_prefill);
    golden_program two = compile(&f, ppi_mgdt_build_act);
    const int64_t board = f.c.board_h * f.c.board_w * f.c.board_c;
    for (int64_t b = 0; b < 2; b++) {
        memcpy((uint8_t *)golden_named(&one, "frames") + b * board,
               (uint8_t *)golden_named(&f.full, "frames") + b * 4 * board, (size_t)board);
    }
    CHECK_OK(ppi_plan_run(one.plan, 0));
    for (int64_t i = 0; i < f.c.layers; i++) {
        char name[16];
        for (int k = 0; k < 2; k++) {
            snprintf(name, sizeof name, "%c%d", "kv"[k], (int)i);
            memcpy(golden_named(&two, name), golden_named(&one, name),
                   (size_t)(2 * 36 * f.c.width) * sizeof(float));
        }
    }
    fill_act(&two, &f.full, &f.c, "first_returns");
    CHECK_OK(ppi_plan_run(two.plan, 0));
    for (int64_t b = 0; b < 2; b++) {
        compare_rows("return logits of row 35",
                     (float *)golden_named(&one, "return_logits") + b * 120,
                     full_row(&f, "return_logits", b, 0, 120), 120, 1e-5);
        compare_rows("action logits of row 153",
                     (float *)golden_named(&two, "action_logits") + b * 18,
                     full_row(&f, "action_logits", b, 3, 18), 18, 1e-5);
    }
    golden_program_free(&one);
    golden_program_free(&two);
    close_fixture(&f);
}

static void clone_pass(void **state) {
    (void)state;
    fixture f = open_fixture("mgdt_bc");
    golden_program act = compile(&f, ppi_mgdt_build_clone_act);
    fill_act(&act, &f.full, &f.c, NULL);
    CHECK_OK(ppi_plan_run(act.plan, 0));
    for (int64_t b = 0; b < 2; b++) {
        compare_rows("action logits", (float *)golden_named(&act, "action_logits") + b * 18,
                     full_row(&f, "action_logits", b, 3, 18), 18, 1e-5);
    }
    golden_program_free(&act);
    close_fixture(&f);
}

/* A later return token changes nothing; the first one does. */
static void single_return(void **state) {
    (void)state;
    fixture f = open_fixture("mgdt_grey");
    float before[2 * 4 * 18];
    const float *logits = golden_named(&f.full, "action_logits");
    memcpy(before, logits, sizeof before);
    int32_t *returns = golden_named(&f.full, "returns");
    returns[2] = 77;
    CHECK_OK(ppi_plan_run(f.full.plan, 0));
    assert_memory_equal(before, logits, sizeof before);
    returns[0] = 77;
    CHECK_OK(ppi_plan_run(f.full.plan, 0));
    assert_memory_not_equal(before, logits, sizeof before / 2);
    close_fixture(&f);
}

/* Causality: the last action, the last reward and the last frame change nothing before them. */
static void later_tokens_do_not_reach_back(void **state) {
    (void)state;
    static const char *const outputs[] = {"return_logits", "action_logits", "reward_logits"};
    static const int64_t classes[] = {120, 18, 4};
    fixture f = open_fixture("mgdt_grey");
    float before[3][4 * 120];
    for (int i = 0; i < 3; i++) {
        memcpy(before[i], full_row(&f, outputs[i], 0, 0, classes[i]),
               (size_t)(4 * classes[i]) * sizeof(float));
    }
    /* The last reward token predicts nothing; the last action predicts the last reward alone. */
    int32_t *actions = golden_named(&f.full, "actions");
    int32_t *rewards = golden_named(&f.full, "rewards");
    rewards[3] = rewards[3] == 1 ? 3 : 1;
    actions[3] = (actions[3] + 1) % 18;
    CHECK_OK(ppi_plan_run(f.full.plan, 0));
    for (int i = 0; i < 3; i++) {
        const int64_t same = (i == 2 ? 3 : 4) * classes[i];
        assert_memory_equal(before[i], full_row(&f, outputs[i], 0, 0, classes[i]),
                            (size_t)same * sizeof(float));
    }
    assert_memory_not_equal(before[2] + 3 * 4, full_row(&f, "reward_logits", 0, 3, 4),
                            4 * sizeof(float));
    /* The last frame reaches the outputs of its own timestep only. */
    const int64_t board = f.c.board_h * f.c.board_w * f.c.board_c;
    uint8_t *frames = golden_named(&f.full, "frames");
    for (int64_t i = 0; i < board; i++) frames[3 * board + i] ^= 0x55;
    CHECK_OK(ppi_plan_run(f.full.plan, 0));
    for (int i = 0; i < 3; i++) {
        assert_memory_equal(before[i], full_row(&f, outputs[i], 0, 0, classes[i]),
                            (size_t)(3 * classes[i]) * sizeof(float));
        assert_memory_not_equal(before[i] + 3 * classes[i],
                                full_row(&f, outputs[i], 0, 3, classes[i]),
                                (size_t)classes[i] * sizeof(float));
    }
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_passes), cmocka_unit_test(clone_pass),
                                       cmocka_unit_test(single_return),
                                       cmocka_unit_test(later_tokens_do_not_reach_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
