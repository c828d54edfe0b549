/* The two passes of acting against the full forward pass: row 35 and row 153 of the window. */
#include "model/mgdt_golden.h"

static void compare_rows(const char *what, const float *got, const float *want, int64_t n, double tol) {
    const double error = golden_error(got, want, n);
    if (!(error <= tol)) fail_msg("%s differ by %.3g", what, error);
}

/* One window of the input of `full`, as the acting passes want it. */
static void fill_act(const golden_program *act, const golden_program *full, const ppi_mgdt_config *c, const char *first_name) {
    const int64_t T = c->timesteps, board = c->board_h * c->board_w * c->board_c;
    const int64_t from = first_name == NULL ? 0 : 1;
    const uint8_t *frames = golden_named(full, "frames");
    static const char *const ids[] = {"actions", "rewards"};
    static const char *const firsts[] = {"first_actions", "first_rewards"};
    for (int64_t b = 0; b < 2; b++) {
        memcpy((uint8_t *)golden_named(act, "frames") + b * (T - from) * board, frames + (b * T + from) * board,
               (size_t)((T - from) * board));
        for (int k = 0; k < 2; k++) {
            const int32_t *src = (const int32_t *)golden_named(full, ids[k]) + b * T;
            memcpy((int32_t *)golden_named(act, ids[k]) + b * (T - from), src + from, (size_t)(T - from) * 4);
            if (from == 1) ((int32_t *)golden_named(act, firsts[k]))[b] = src[0];
        }
        if (from == 1) ((int32_t *)golden_named(act, first_name))[b] = ((const int32_t *)golden_named(full, "returns"))[b * T];
    }
}

static void two_passes(void **state) {
    (void)state;
    const ppi_mgdt_config c = golden_config("mgdt_grey");
    const ppi_backend *be = ppi_cpu_backend();
    ppi_safetensors *st = golden_open("mgdt_grey");
    ppi_params *p = golden_params(&c, 0);
    golden_program full = golden_compile(p, be, PPI_POLICY_F32, ppi_mgdt_build_forward, &c, 2);
    golden_program one = golden_compile(p, be, PPI_POLICY_F32, ppi_mgdt_build_prefill, &c, 2);
    golden_program two = golden_compile(p, be, PPI_POLICY_F32, ppi_mgdt_build_act, &c, 2);
    golden_fill(&full, &c, st, false);
    CHECK_OK(ppi_plan_run(full.plan, 0));

    const int64_t board = c.board_h * c.board_w * c.board_c;
    for (int64_t b = 0; b < 2; b++) {
        memcpy((uint8_t *)golden_named(&one, "frames") + b * board, (uint8_t *)golden_named(&full, "frames") + b * 4 * board, (size_t)board);
    }
    CHECK_OK(ppi_plan_run(one.plan, 0));
    for (int64_t i = 0; i < c.layers; i++) {
        char name[16];
        for (int k = 0; k < 2; k++) {
            snprintf(name, sizeof name, "%c%d", "kv"[k], (int)i);
            memcpy(golden_named(&two, name), golden_named(&one, name), (size_t)(2 * 36 * c.width) * sizeof(float));
        }
    }
    fill_act(&two, &full, &c, "first_returns");
    CHECK_OK(ppi_plan_run(two.plan, 0));
    for (int64_t b = 0; b < 2; b++) {
        const float *returns = golden_named(&full, "return_logits"), *actions = golden_named(&full, "action_logits");
        compare_rows("return logits of row 35", (float *)golden_named(&one, "return_logits") + b * 120, returns + b * 4 * 120, 120, 1e-5);
        compare_rows("action logits of row 153", (float *)golden_named(&two, "action_logits") + b * 18, actions + (b * 4 + 3) * 18, 18, 1e-5);
    }
    golden_program_free(&full);
    golden_program_free(&one);
    golden_program_free(&two);
    ppi_params_destroy(p);
    ppi_safetensors_close(st);
}

static void clone_pass(void **state) {
    (void)state;
    const ppi_mgdt_config c = golden_config("mgdt_bc");
    const ppi_backend *be = ppi_cpu_backend();
    ppi_safetensors *st = golden_open("mgdt_bc");
    ppi_params *p = golden_params(&c, 0);
    golden_program full = golden_compile(p, be, PPI_POLICY_F32, ppi_mgdt_build_forward, &c, 2);
    golden_program act = golden_compile(p, be, PPI_POLICY_F32, ppi_mgdt_build_clone_act, &c, 2);
    golden_fill(&full, &c, st, false);
    fill_act(&act, &full, &c, NULL);
    CHECK_OK(ppi_plan_run(full.plan, 0));
    CHECK_OK(ppi_plan_run(act.plan, 0));
    for (int64_t b = 0; b < 2; b++) {
        compare_rows("action logits", (float *)golden_named(&act, "action_logits") + b * 18,
                     (float *)golden_named(&full, "action_logits") + (b * 4 + 3) * 18, 18, 1e-5);
    }
    golden_program_free(&full);
    golden_program_free(&act);
    ppi_params_destroy(p);
    ppi_safetensors_close(st);
}

/* A later return token changes nothing; the first one does. */
static void single_return(void **state) {
    (void)state;
    const ppi_mgdt_config c = golden_config("mgdt_grey");
    ppi_safetensors *st = golden_open("mgdt_grey");
    ppi_params *p = golden_params(&c, 0);
    golden_program full = golden_compile(p, ppi_cpu_backend(), PPI_POLICY_F32, ppi_mgdt_build_forward, &c, 2);
    golden_fill(&full, &c, st, false);
    CHECK_OK(ppi_plan_run(full.plan, 0));
    float before[2 * 4 * 18];
    const float *logits = golden_named(&full, "action_logits");
    memcpy(before, logits, sizeof before);
    int32_t *returns = golden_named(&full, "returns");
    returns[2] = 77;
    CHECK_OK(ppi_plan_run(full.plan, 0));
    assert_memory_equal(before, logits, sizeof before);
    returns[0] = 77;
    CHECK_OK(ppi_plan_run(full.plan, 0));
    assert_memory_not_equal(before, logits, sizeof before / 2);
    golden_program_free(&full);
    ppi_params_destroy(p);
    ppi_safetensors_close(st);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_passes), cmocka_unit_test(clone_pass), cmocka_unit_test(single_return)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
