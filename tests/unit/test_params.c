/* Parameter blocks: layout, roles, reproducible initial values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bf16.h"
#include "base/error.h"
#include "tensor/params.h"

static int add(ppi_params *p, const char *name, int64_t n, ppi_init init) {
    int index = -1;
    const ppi_shape s = {1, {n}};
    assert_int_equal(ppi_params_add(p, name, &s, init, 0, &index), PP_OK);
    return index;
}

static void test_layout(void **state) {
    (void)state;
    ppi_params *p = NULL;
    assert_int_equal(ppi_params_create(&p), PP_OK);
    const ppi_init one = {PPI_INIT_ONE, 0.0f};
    assert_int_equal(add(p, "a", 5, one), 0);
    assert_int_equal(add(p, "b", 17, one), 1);
    assert_int_equal(add(p, "a", 5, one), 0);
    assert_int_equal(p->n_real, 22);
    assert_int_equal(p->item[1].offset, 16);
    assert_int_equal(p->total, 48);
    assert_int_equal(ppi_params_find(p, "b"), 1);
    assert_int_equal(ppi_params_find(p, "c"), -1);
    assert_int_equal(ppi_params_alloc(p, 0), PP_OK);
    assert_null(p->grad);
    const float *master = p->master;
    assert_int_equal(ppi_params_alloc(p, PPI_ROLE_GRAD | PPI_ROLE_COMPUTE | PPI_ROLE_SLOTS), PP_OK);
    assert_ptr_equal(p->master, master);
    assert_true(p->grad && p->compute && p->slot[0] && p->slot[1]);
    assert_int_equal((uintptr_t)p->grad % 64, 0);
    ppi_params_init(p, 1);
    assert_true(p->master[4] == 1.0f && p->master[5] == 0.0f && p->master[16] == 1.0f);
    ppi_params_sync(p, ppi_cpu_reference_backend(), 1);
    assert_true(ppi_bf16_to_f32(p->compute[16]) == 1.0f);
    int index;
    const ppi_shape s = {1, {3}};
    assert_int_equal(ppi_params_add(p, "late", &s, one, 0, &index), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "late"));
    assert_int_equal(ppi_params_add(p, "a", &s, one, 0, &index), PP_ERR_SHAPE);
    ppi_params_destroy(p);
}

static void draw(float *out, int64_t n, const char *first, uint64_t seed, ppi_init init) {
    ppi_params *p = NULL;
    assert_int_equal(ppi_params_create(&p), PP_OK);
    if (first) (void)add(p, first, 3, init);
    const int i = add(p, "w", n, init);
    assert_int_equal(ppi_params_alloc(p, 0), PP_OK);
    ppi_params_init(p, seed);
    memcpy(out, p->master + p->item[i].offset, (size_t)n * sizeof *out);
    ppi_params_destroy(p);
}

/* Neighbouring rows of a smooth table are alike, distant ones are not, and the deviation is sigma. */
static void test_smooth_table(void **state) {
    (void)state;
    enum { ROWS = 24, COLUMNS = 512 };
    ppi_params *p = NULL;
    int index = -1;
    const ppi_shape shape = {2, {ROWS, COLUMNS}};
    assert_int_equal(ppi_params_create(&p), PP_OK);
    assert_int_equal(
        ppi_params_add(p, "t", &shape, (ppi_init){PPI_INIT_SMOOTH, 0.5f}, 0, &index), PP_OK);
    assert_int_equal(ppi_params_alloc(p, 0), PP_OK);
    ppi_params_init(p, 5);
    const float *x = p->master + p->item[index].offset;
    double square = 0.0, near = 0.0, far = 0.0;
    for (int d = 0; d < COLUMNS; d++) {
        for (int v = 0; v < ROWS; v++) square += (double)x[v * COLUMNS + d] * x[v * COLUMNS + d];
        near += (double)x[d] * x[COLUMNS + d];
        far += (double)x[d] * x[20 * COLUMNS + d];
    }
    assert_true(fabs(square / (ROWS * COLUMNS) - 0.25) < 0.02);
    /* the kernel of the features: exp(-(distance / 3)^2 / 2) */
    assert_true(fabs(near / COLUMNS / 0.25 - exp(-1.0 / 18.0)) < 0.15);
    assert_true(fabs(far / COLUMNS / 0.25) < 0.15);
    ppi_params_destroy(p);
}

static void test_initial_values(void **state) {
    (void)state;
    enum { N = 4096 };
    static float a[N], b[N];
    const ppi_init trunc = {PPI_INIT_TRUNC_NORMAL, 0.5f};
    draw(a, N, NULL, 7, trunc);
    draw(b, N, "other", 7, trunc);
    assert_memory_equal(a, b, sizeof a);
    draw(b, N, NULL, 8, trunc);
    assert_true(memcmp(a, b, sizeof a) != 0);
    double sum = 0.0;
    double squares = 0.0;
    for (int i = 0; i < N; i++) {
        assert_true(fabsf(a[i]) <= 1.0f);
        sum += (double)a[i];
        squares += (double)a[i] * (double)a[i];
    }
    assert_true(fabs(sum / N) < 0.03);
    assert_true(fabs(sqrt(squares / N) - 0.5 * 0.8796) < 0.03);
    draw(a, N, NULL, 7, (ppi_init){PPI_INIT_NORMAL, 2.0f});
    squares = 0.0;
    for (int i = 0; i < N; i++) squares += (double)a[i] * (double)a[i];
    assert_true(fabs(sqrt(squares / N) - 2.0) < 0.15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_initial_values),
        cmocka_unit_test(test_smooth_table),
    };
    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
