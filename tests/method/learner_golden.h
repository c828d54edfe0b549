/* Figures and tensors of a learner against a golden file that holds losses, "grad/..." and
 * "param/...".
 */
#ifndef PPI_TEST_LEARNER_GOLDEN_H
#define PPI_TEST_LEARNER_GOLDEN_H

#include "method/learner.h"
#include "model/mgdt_golden.h"

static inline double figure(const ppi_metrics *m, const char *name) {
    for (int i = 0; i < m->count; i++) {
        if (strcmp(m->item[i].name, name) == 0) return m->item[i].value;
    }
    fail_msg("no figure %s", name);
    return 0;
}

/* names ends with NULL. */
static inline void check_losses(const ppi_metrics *m, const char *const *names,
                                const double *want) {
    for (int i = 0; names[i] != NULL; i++) {
        const double got = figure(m, names[i]);
        if (!(fabs(got - want[i]) <= 1e-4 * (1 + fabs(want[i]))))
            fail_msg("%s is %.8g, expected %.8g", names[i], got, want[i]);
    }
}

/* A tensor that the file does not have is zero but for rounding. */
static inline void check_tensors(const ppi_params *p, const float *block, const ppi_safetensors *st,
                                 const char *what) {
    for (int i = 0; i < p->count; i++) {
        const ppi_param *t = &p->item[i];
        const int64_t stride = t->count <= 2048 ? 1 : 7;
        char name[160];
        int64_t n = 0;
        snprintf(name, sizeof name, "%s/%s", what, t->name);
        if (ppi_safetensors_find(st, name) == NULL) {
            for (int64_t k = 0; k < t->count; k++)
                assert_true(fabsf(block[t->offset + k]) <= 1e-6f);
            continue;
        }
        const float *want = golden_data(st, name, &n);
        assert_int_equal(n, (t->count + stride - 1) / stride);
        float *got = malloc((size_t)n * sizeof *got);
        for (int64_t k = 0; k < n; k++) got[k] = block[t->offset + k * stride];
        const double error = golden_error(got, want, n);
        free(got);
        if (!(error <= 1e-4)) fail_msg("%s is off by %.3g of its largest element", name, error);
    }
}

#endif
