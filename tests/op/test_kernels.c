/* Every kernel of the CPU backend against the reference kernel of its op: every step of every case, with
   f32 operands and with bf16 wherever the op allows it, on one and two threads, with and without the
   optional outputs. The program runs itself again under each lower instruction set. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bf16.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/mem.h"
#include "op_cases.h"

static double get(const ppi_operand *o, int64_t i) {
    if (o->dtype == PPI_BF16) return (double)ppi_bf16_to_f32(((const ppi_bf16 *)o->data)[i]);
    if (o->dtype == PPI_F32) return (double)((const float *)o->data)[i];
    if (o->dtype == PPI_U8) return (double)((const uint8_t *)o->data)[i];
    return 0.0;
}

/* A copy of an operand in the dtype wanted, or the same bytes for integers; released with ppi_aligned_free. */
static ppi_operand copy_operand(const ppi_operand *x, ppi_dtype t) {
    const int64_t n = ppi_shape_count(&x->shape);
    ppi_operand y = {.dtype = ppi_dtype_is_float(x->dtype) ? t : x->dtype, .shape = x->shape};
    y.data = ppi_aligned_alloc64((size_t)n * ppi_dtype_size(y.dtype));
    assert_non_null(y.data);
    if (!ppi_dtype_is_float(x->dtype)) {
        memcpy(y.data, x->data, (size_t)n * ppi_dtype_size(x->dtype));
        return y;
    }
    for (int64_t i = 0; i < n; i++) {
        if (t == PPI_BF16) {
            ((ppi_bf16 *)y.data)[i] = ppi_bf16_from_f32((float)get(x, i));
        } else {
            ((float *)y.data)[i] = (float)get(x, i);
        }
    }
    return y;
}

/* Bytes that are NaN in every float type. */
static void poison(const ppi_operand *o) {
    if (o->data) memset(o->data, 0xff, (size_t)ppi_shape_count(&o->shape) * ppi_dtype_size(o->dtype));
}

static void run_kernel(const ppi_kernel *k, ppi_kernel_args *a) {
    const size_t bytes = k->workspace_size ? k->workspace_size(a) : 0;
    a->workspace = bytes ? ppi_aligned_alloc64(bytes) : NULL;
    a->state = NULL;
    if (bytes) assert_non_null(a->workspace);
    for (int j = 0; j < a->n_out; j++) poison(&a->out[j]);
    if (k->setup && k->setup(a) != PP_OK) fail_msg("%s: %s", k->name, pp_last_error());
    for (int twice = 0; twice < 2; twice++) {
        if (bytes) memset(a->workspace, 0xff, bytes);
        if (k->run(a) != PP_OK) fail_msg("%s: %s", k->name, pp_last_error());
    }
    if (k->teardown) k->teardown(a);
    ppi_aligned_free(a->workspace);
    a->workspace = NULL;
}

/* Largest finite magnitude of an operand. */
static double largest(const ppi_operand *o) {
    double top = 0.0;
    for (int64_t i = 0; i < ppi_shape_count(&o->shape); i++) {
        const double x = get(o, i);
        if (isfinite(x)) top = fmax(top, fabs(x));
    }
    return top;
}

/* `scale`: largest magnitude among the inputs; sums that cancel are held to that rather than to their result. */
static void compare(const char *what, const ppi_kernel *k, const ppi_operand *got, const ppi_operand *want, float tolerance, double scale,
                    int output) {
    if (!got->data) return;
    const int64_t n = ppi_shape_count(&want->shape);
    const double top = fmax(largest(want), scale);
    for (int64_t i = 0; i < n; i++) {
        const double g = get(got, i);
        const double w = get(want, i);
        if (g == w || fabs(g - w) <= (double)tolerance * top + 1e-7) continue;
        fail_msg("%s by %s: output %d[%lld] is %.9g, reference %.9g (largest %.3g, tolerance %g)", what, k->name, output, (long long)i, g,
                 w, top, (double)tolerance);
    }
}

static int accumulated; /* kernels that were checked as adding ones */

/* Runs one kernel on the operands in `a` against the reference outputs. */
static void check_kernel(const char *what, const ppi_kernel *k, ppi_kernel_args a, const ppi_operand *want, bool bf16, bool optional) {
    const ppi_op_info *info = NULL;
    for (int op = 0; op < PPI_OP_COUNT; op++) {
        if (strncmp(strrchr(what, ' ') + 1, ppi_op_get((ppi_op)op)->name, 64) == 0) info = ppi_op_get((ppi_op)op);
    }
    assert_non_null(info);
    for (int j = 0; j < a.n_out; j++) {
        a.out[j] = copy_operand(&want[j], want[j].dtype);
        if (j > 0 && !optional) {
            ppi_aligned_free(a.out[j].data);
            a.out[j].data = NULL;
        }
    }
    double scale = 0.0;
    for (int j = 0; j < a.n_in; j++) scale = fmax(scale, ppi_dtype_is_float(a.in[j].dtype) ? largest(&a.in[j]) : 0.0);
    for (int threads = 1; threads <= 2; threads++) {
        a.threads = threads;
        if (k->accepts && !k->accepts(&a)) continue;
        run_kernel(k, &a);
        for (int j = 0; j < a.n_out; j++) compare(what, k, &a.out[j], &want[j], bf16 ? info->tol_bf16 : info->tol_f32, scale, j);
    }
    for (int j = 0; j < a.n_out; j++) ppi_aligned_free(a.out[j].data);
}

/* A kernel that accepts it adds its first output to what is there; the others it writes. */
static void check_accumulate(const char *what, const ppi_kernel *k, ppi_kernel_args a, const ppi_operand *want, float tolerance) {
    const int64_t n = ppi_shape_count(&want[0].shape);
    a.accumulate = true;
    a.threads = 2;
    a.out[0].dtype = PPI_F32;
    if (!ppi_dtype_is_float(want[0].dtype) || (k->accepts && !k->accepts(&a))) return;
    for (int j = 0; j < a.n_out; j++) a.out[j] = copy_operand(&want[j], j ? want[j].dtype : PPI_F32);
    const size_t bytes = k->workspace_size ? k->workspace_size(&a) : 0;
    a.workspace = bytes ? ppi_aligned_alloc64(bytes) : NULL;
    a.state = NULL;
    if (k->setup && k->setup(&a) != PP_OK) fail_msg("%s: %s", k->name, pp_last_error());
    if (bytes) memset(a.workspace, 0xff, bytes);
    for (int64_t i = 0; i < n; i++) ((float *)a.out[0].data)[i] = (float)(i % 7) - 3.0f;
    if (k->run(&a) != PP_OK) fail_msg("%s: %s", k->name, pp_last_error());
    for (int64_t i = 0; i < n; i++) ((float *)a.out[0].data)[i] -= (float)(i % 7) - 3.0f;
    for (int j = 0; j < a.n_out; j++) compare(what, k, &a.out[j], &want[j], fmaxf(tolerance, 1e-6f), 3.0, j);
    if (k->teardown) k->teardown(&a);
    ppi_aligned_free(a.workspace);
    for (int j = 0; j < a.n_out; j++) ppi_aligned_free(a.out[j].data);
    accumulated++;
}

static void check_step(const op_case *c, const ppi_pstep *s, bool bf16) {
    const ppi_op_info *info = ppi_op_get(s->op);
    char text[320];
    case_text(c, text, 160);
    snprintf(text + strlen(text), 120, bf16 ? " bf16 %s" : " f32 %s", info->name);
    ppi_kernel_args a = s->args;
    ppi_operand want[PPI_MAX_OUTPUTS] = {{0}};
    for (int j = 0; j < a.n_in; j++) {
        a.in[j] = copy_operand(&s->args.in[j], bf16 && ((info->bf16_in >> j) & 1u) ? PPI_BF16 : PPI_F32);
    }
    for (int j = 0; j < a.n_out; j++) {
        want[j] = copy_operand(&s->args.out[j], bf16 && ((info->bf16_out >> j) & 1u) ? PPI_BF16 : PPI_F32);
        a.out[j] = want[j];
    }
    run_kernel(ppi_cpu_reference_backend()->kernels(ppi_cpu_reference_backend(), s->op)[0], &a);
    const ppi_backend *be = ppi_cpu_backend();
    for (const ppi_kernel *const *k = be->kernels(be, s->op); *k; k++) {
        check_kernel(text, *k, a, want, bf16, true);
        check_accumulate(text, *k, a, want, bf16 ? info->tol_bf16 : info->tol_f32);
        if (a.n_out > 1) check_kernel(text, *k, a, want, bf16, false);
    }
    for (int j = 0; j < a.n_in; j++) ppi_aligned_free(a.in[j].data);
    for (int j = 0; j < a.n_out; j++) ppi_aligned_free(want[j].data);
}

static void check_case(const op_case *c) {
    op_build b;
    ppi_value loss = PPI_NONE;
    ppi_value dwrt[CASE_MAX_IN];
    ppi_plan *p = NULL;
    const ppi_plan_options o = {.policy = PPI_DTYPE_POLICY_F32, .threads = 1, .seed = 5, .keep_all = true};
    assert_int_equal(case_graph(c, &b, &loss, dwrt), PP_OK);
    assert_int_equal(ppi_plan_create(&p, b.g, ppi_cpu_reference_backend(), &o), PP_OK);
    case_fill(&b, p, 23);
    assert_int_equal(ppi_plan_run(p, 3), PP_OK);
    for (int i = 0; i < p->n_steps; i++) {
        check_step(c, &p->step[i], false);
        check_step(c, &p->step[i], true);
    }
    ppi_plan_destroy(p);
    ppi_graph_destroy(b.g);
}

static void test_kernels(void **state) {
    (void)state;
    for (int i = 0; i < OP_CASES; i++) check_case(&op_cases[i]);
    if (ppi_cpu_isa() > PPI_ISA_REF) assert_true(accumulated > 50);
}

static void test_kernels_on_large_shapes(void **state) {
    (void)state;
    for (int i = 0; i < OP_LARGE_CASES; i++) check_case(&op_large_cases[i]);
}

static void test_flat_kernels(void **state) {
    (void)state;
    const ppi_flat_kernels *ref = ppi_cpu_reference_backend()->flat;
    const ppi_flat_kernels *fast = ppi_cpu_backend()->flat;
    static const int64_t sizes[] = {1, 7, 16, 33, 1000, 70001};
    for (size_t z = 0; z < sizeof sizes / sizeof sizes[0]; z++) {
        const int64_t n = sizes[z];
        float *x[2][5];
        uint16_t *half[2];
        for (int k = 0; k < 2; k++) {
            ppi_rng rng;
            ppi_rng_init(&rng, 3, PPI_RNG_TEST, (uint64_t)z);
            for (int i = 0; i < 5; i++) {
                x[k][i] = ppi_aligned_alloc64((size_t)n * sizeof(float));
                assert_non_null(x[k][i]);
                for (int64_t e = 0; e < n; e++) x[k][i][e] = (float)(i == 3 ? ppi_rng_unit(&rng) : ppi_rng_normal(&rng));
            }
            half[k] = ppi_aligned_alloc64((size_t)n * sizeof(uint16_t));
            assert_non_null(half[k]);
        }
        double sq[2][2];
        for (int k = 0; k < 2; k++) {
            const ppi_flat_kernels *f = k ? fast : ref;
            f->scale(x[k][1], 0.75f, n, 2);
            sq[k][0] = f->sum_squares(x[k][1], n, 2);
            f->adam(x[k][0], half[k], x[k][1], x[k][2], x[k][3], n, 0.5f, 1e-2f, 0.9f, 0.99f, 1e-8f, 0.1f, 0.5f, 0.3f, 2);
            double p_sq, u_sq;
            f->lamb_update(x[k][4], x[k][0], x[k][1], x[k][2], x[k][3], n, 0.5f, 0.9f, 0.99f, 1e-6f, 0.1f, 0.5f, 0.3f, &p_sq, &u_sq, 2);
            sq[k][1] = p_sq + u_sq;
            f->apply(x[k][0], half[k], x[k][4], 0.01f, n, 2);
            assert_int_equal(f->first_nonfinite(x[k][0], n, 2), -1);
            f->to_bf16(half[k], x[k][1], n, 2);
        }
        for (int i = 0; i < 2; i++) assert_true(fabs(sq[0][i] - sq[1][i]) <= 1e-5 * sq[0][i]);
        for (int i = 0; i < 5; i++) {
            for (int64_t e = 0; e < n; e++) {
                const double d = fabs((double)x[0][i][e] - (double)x[1][i][e]);
                if (d > 2e-5 * (1.0 + fabs((double)x[0][i][e]))) {
                    fail_msg("flat n=%lld buffer %d[%lld]: %g, reference %g", (long long)n, i, (long long)e, (double)x[1][i][e], (double)x[0][i][e]);
                }
            }
        }
        assert_memory_equal(half[0], half[1], (size_t)n * sizeof(uint16_t));
        x[1][1][n - 1] = NAN;
        assert_int_equal(fast->first_nonfinite(x[1][1], n, 2), n - 1);
        x[1][1][n / 2] = INFINITY;
        assert_int_equal(fast->first_nonfinite(x[1][1], n, 2), n / 2);
        for (int k = 0; k < 2; k++) {
            for (int i = 0; i < 5; i++) ppi_aligned_free(x[k][i]);
            ppi_aligned_free(half[k]);
        }
    }
}

/* Runs this program once more, limited to an instruction set. */
static void run_limited(const char *isa) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("POLYPLAY_MAX_ISA", isa, 1);
        execl("/proc/self/exe", "test_kernels", isa, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != 0) fail_msg("kernels limited to %s failed", isa);
}

static void test_lower_instruction_sets(void **state) {
    (void)state;
    run_limited("avx512");
    run_limited("avx2");
    run_limited("ref");
}

int main(int argc, char **argv) {
    (void)argv;
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_kernels_on_large_shapes),
        cmocka_unit_test(test_flat_kernels),
        cmocka_unit_test(test_lower_instruction_sets),
    };
    const struct CMUnitTest limited[] = {
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_kernels_on_large_shapes),
        cmocka_unit_test(test_flat_kernels),
    };
    if (argc > 1) return cmocka_run_group_tests_name("kernels, limited", limited, NULL, NULL);
    return cmocka_run_group_tests_name("kernels", all, NULL, NULL);
}
