/* Optimisers against their formulas written out in double, schedules, clipping and bad gradients. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tensor/optim.h"

enum { TENSORS = 3, STEPS = 4, MOST = 20 };
static const int64_t SIZE[TENSORS] = {5, 20, 1};

static ppi_params *make(void) {
    ppi_params *p = NULL;
    assert_int_equal(ppi_params_create(&p), PP_OK);
    static const char *const name[TENSORS] = {"a", "b", "zero"};
    for (int i = 0; i < TENSORS; i++) {
        int index;
        const ppi_shape s = {1, {SIZE[i]}};
        const ppi_init init = {i == 2 ? PPI_INIT_ZERO : PPI_INIT_NORMAL, 0.5f};
        assert_int_equal(ppi_params_add(p, name[i], &s, init, 0, &index), PP_OK);
    }
    assert_int_equal(ppi_params_alloc(p, PPI_ROLE_GRAD | PPI_ROLE_SLOTS), PP_OK);
    ppi_params_init(p, 3);
    return p;
}

static float grad_at(int step, int tensor, int64_t i) { return sinf((float)(step * 31 + tensor * 7 + (int)i) + 0.3f); }

static void fill_grad(ppi_params *p, int step) {
    for (int k = 0; k < TENSORS; k++) {
        for (int64_t i = 0; i < SIZE[k]; i++) p->grad[p->item[k].offset + i] = grad_at(step, k, i);
    }
}

/* STEPS updates in double; w[k][i] holds the parameters. */
static void expect(const ppi_optim_options *o, double w[TENSORS][MOST]) {
    double m[TENSORS][MOST] = {{0}};
    double v[TENSORS][MOST] = {{0}};
    for (int t = 1; t <= STEPS; t++) {
        double norm = 0.0;
        for (int k = 0; k < TENSORS; k++) {
            for (int64_t i = 0; i < SIZE[k]; i++) norm += (double)grad_at(t, k, i) * (double)grad_at(t, k, i);
        }
        norm = sqrt(norm);
        const double clip = o->clip > 0.0 && norm > o->clip ? o->clip / norm : 1.0;
        const double lr = ppi_optim_lr(o, t - 1);
        for (int k = 0; k < TENSORS; k++) {
            double u[MOST];
            double p_sq = 0.0;
            double u_sq = 0.0;
            for (int64_t i = 0; i < SIZE[k]; i++) {
                const double g = clip * (double)grad_at(t, k, i);
                m[k][i] = o->beta1 * m[k][i] + (1.0 - o->beta1) * g;
                v[k][i] = o->beta2 * v[k][i] + (1.0 - o->beta2) * g * g;
                const double mh = m[k][i] / (1.0 - pow(o->beta1, t));
                const double vh = v[k][i] / (1.0 - pow(o->beta2, t));
                const double wd = o->kind == PPI_OPTIM_ADAM ? 0.0 : o->weight_decay;
                u[i] = mh / (sqrt(vh) + o->eps) + wd * w[k][i];
                p_sq += w[k][i] * w[k][i];
                u_sq += u[i] * u[i];
            }
            const double ratio = o->kind == PPI_OPTIM_LAMB && p_sq > 0.0 && u_sq > 0.0 ? sqrt(p_sq / u_sq) : 1.0;
            for (int64_t i = 0; i < SIZE[k]; i++) w[k][i] -= lr * ratio * u[i];
        }
    }
}

static void check_kind(ppi_optim_kind kind, const ppi_backend *be) {
    const ppi_optim_options o = {.kind = kind, .lr = 0.05, .beta1 = 0.9, .beta2 = 0.98, .eps = 1e-6, .weight_decay = 0.1, .clip = 1.0, .warmup = 2};
    ppi_params *p = make();
    double w[TENSORS][MOST];
    for (int k = 0; k < TENSORS; k++) {
        for (int64_t i = 0; i < SIZE[k]; i++) w[k][i] = (double)p->master[p->item[k].offset + i];
    }
    expect(&o, w);
    for (int t = 1; t <= STEPS; t++) {
        double norm = 0.0;
        fill_grad(p, t);
        assert_int_equal(ppi_optim_step(&o, p, be, t - 1, 2, &norm), PP_OK);
        assert_true(norm > 1.0);
        assert_true(p->grad[0] == grad_at(t, 0, 0));
    }
    for (int k = 0; k < TENSORS; k++) {
        for (int64_t i = 0; i < SIZE[k]; i++) {
            const double got = (double)p->master[p->item[k].offset + i];
            if (fabs(got - w[k][i]) > 2e-5) fail_msg("optimiser %d on %s: tensor %d[%d] is %.8g, expected %.8g", (int)kind, be->name, k, (int)i, got, w[k][i]);
        }
    }
    assert_true(p->master[SIZE[0]] == 0.0f); /* padding stays out of it */
    ppi_params_destroy(p);
}

static void test_formulas(void **state) {
    (void)state;
    for (int kind = PPI_OPTIM_ADAM; kind <= PPI_OPTIM_LAMB; kind++) {
        check_kind((ppi_optim_kind)kind, ppi_cpu_reference_backend());
        check_kind((ppi_optim_kind)kind, ppi_cpu_backend());
    }
}

static void test_bad_gradient_changes_nothing(void **state) {
    (void)state;
    const ppi_optim_options o = {.kind = PPI_OPTIM_LAMB, .lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-6};
    const ppi_backend *const both[2] = {ppi_cpu_reference_backend(), ppi_cpu_backend()};
    for (int i = 0; i < 2; i++) {
        ppi_params *p = make();
        fill_grad(p, 1);
        p->grad[p->item[1].offset + 4] = NAN;
        const float before = p->master[0];
        assert_int_equal(ppi_optim_step(&o, p, both[i], 0, 1, NULL), PP_ERR_NUMERIC);
        assert_non_null(strstr(pp_last_error(), "\"b\""));
        assert_true(p->master[0] == before && p->slot[0][0] == 0.0f);
        ppi_params_destroy(p);
    }
}

static void test_needs_blocks(void **state) {
    (void)state;
    ppi_params *p = NULL;
    assert_int_equal(ppi_params_create(&p), PP_OK);
    const ppi_optim_options o = {.lr = 0.1};
    assert_int_equal(ppi_optim_step(&o, p, ppi_cpu_reference_backend(), 0, 1, NULL), PP_ERR_ARGUMENT);
    ppi_params_destroy(p);
}

static void test_schedules(void **state) {
    (void)state;
    ppi_optim_options o = {.lr = 2.0, .warmup = 4, .total_steps = 104, .final_ratio = 0.1};
    assert_true(fabs(ppi_optim_lr(&o, 0) - 0.5) < 1e-12);
    assert_true(fabs(ppi_optim_lr(&o, 3) - 2.0) < 1e-12);
    assert_true(fabs(ppi_optim_lr(&o, 90) - 2.0) < 1e-12);
    o.schedule = PPI_SCHEDULE_COSINE;
    assert_true(fabs(ppi_optim_lr(&o, 54) - 1.1) < 1e-12);
    assert_true(fabs(ppi_optim_lr(&o, 104) - 0.2) < 1e-12);
    o.schedule = PPI_SCHEDULE_LINEAR;
    assert_true(fabs(ppi_optim_lr(&o, 29) - (0.2 + 1.8 * 0.75)) < 1e-12);
    assert_true(fabs(ppi_optim_lr(&o, 500) - 0.2) < 1e-12);
}

static void test_option_table(void **state) {
    (void)state;
    ppi_options *set = NULL;
    ppi_optim_options o;
    assert_int_equal(ppi_options_create(&set), PP_OK);
    assert_int_equal(ppi_options_bind(set, &ppi_optim_option_table, &o), PP_OK);
    assert_int_equal(o.kind, PPI_OPTIM_ADAMW);
    assert_int_equal(ppi_options_set(set, "optim.name", "lamb", "test"), PP_OK);
    assert_int_equal(o.kind, PPI_OPTIM_LAMB);
    ppi_options_destroy(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_bad_gradient_changes_nothing),
        cmocka_unit_test(test_needs_blocks),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_option_table),
    };
    return cmocka_run_group_tests_name("optim", tests, NULL, NULL);
}
