/* Gradient rules and reference kernels: the gradient graph of every op against central differences, in f64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "op_cases.h"

static double loss_at(ppi_plan *p, const double *loss) {
    assert_int_equal(ppi_plan_run(p, 3), PP_OK);
    return *loss;
}

_Static_assert(OP_LARGE_CASES > 0, "the kernel test runs these");

static void check_wrt(const char *text, ppi_plan *p, const double *loss, double *x, const double *dx, int64_t n, int which) {
    const double h = 1e-5;
    const int64_t stride = n / 10 + 1;
    for (int64_t i = 0; i < n; i += stride) {
        const double keep = x[i];
        x[i] = keep + h;
        const double up = loss_at(p, loss);
        x[i] = keep - h;
        const double down = loss_at(p, loss);
        x[i] = keep;
        (void)loss_at(p, loss);
        const double want = (up - down) / (2.0 * h);
        if (fabs(want - dx[i]) > 1e-6 * (1.0 + fabs(want))) {
            fail_msg("%s: d loss / d x%d[%lld] is %.9g, differences give %.9g", text, which, (long long)i, dx[i], want);
        }
    }
}

static void check_case(const op_case *c) {
    char text[160];
    case_text(c, text, sizeof text);
    op_build b;
    ppi_value loss = PPI_NONE;
    ppi_value dwrt[CASE_MAX_IN];
    ppi_plan *p = NULL;
    const ppi_plan_options o = {.policy = PPI_DTYPE_POLICY_F64, .threads = 1, .seed = 5, .keep_all = true};
    if (case_graph(c, &b, &loss, dwrt) != PP_OK) fail_msg("%s: %s", text, pp_last_error());
    if (ppi_plan_create(&p, b.g, ppi_cpu_reference_backend(), &o) != PP_OK) fail_msg("%s: %s", text, pp_last_error());
    case_fill(&b, p, 11);
    const double *at = ppi_plan_data(p, loss, NULL);
    (void)loss_at(p, at);
    for (int i = 0; i < b.n_wrt; i++) {
        if (dwrt[i] == PPI_NONE) fail_msg("%s: no gradient for input %d", text, i);
        const int64_t n = ppi_shape_count(&ppi_graph_value(b.g, b.wrt[i])->shape);
        check_wrt(text, p, at, ppi_plan_data(p, b.wrt[i], NULL), ppi_plan_data(p, dwrt[i], NULL), n, i);
    }
    ppi_plan_destroy(p);
    ppi_graph_destroy(b.g);
}

static void test_gradients(void **state) {
    (void)state;
    for (int i = 0; i < OP_CASES; i++) {
        /* A round trip through bf16 has no differences to take. */
        if (op_cases[i].build != build_cast) check_case(&op_cases[i]);
    }
}

static void test_every_differentiable_op_is_covered(void **state) {
    (void)state;
    bool seen[PPI_OP_COUNT] = {false};
    for (int i = 0; i < OP_CASES; i++) {
        op_build b;
        ppi_value loss;
        ppi_value dwrt[CASE_MAX_IN];
        assert_int_equal(case_graph(&op_cases[i], &b, &loss, dwrt), PP_OK);
        for (int k = 0; k < ppi_graph_node_count(b.g); k++) seen[ppi_graph_node(b.g, k)->op] = true;
        ppi_graph_destroy(b.g);
    }
    for (int op = 0; op < PPI_OP_COUNT; op++) {
        if (!seen[op]) fail_msg("no case has %s", ppi_op_get((ppi_op)op)->name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_every_differentiable_op_is_covered),
    };
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
