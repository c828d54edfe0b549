/* Ceilings are measured with the engine's own fastest kernels on shapes that suit them: a large matrix
   product, and a pass over two arrays that fit a cache or do not. The best of several tries counts. */
#include "run/ceilings.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

enum { SIDE = 2048, TRIES = 8 };

/* Fastest run of the step that multiplies; never lowers what is there. */
static pp_status time_product(ppi_plan *p, double *flops_per_second) {
    const int n = ppi_plan_step_count(p);
    double *seconds = ppi_calloc((size_t)n + 1, sizeof *seconds);
    if (!seconds) return ppi_oom("timings");
    pp_status s = PP_OK;
    for (int t = 0; t < TRIES && s == PP_OK; t++) {
        memset(seconds, 0, (size_t)n * sizeof *seconds);
        s = ppi_plan_run_timed(p, 0, seconds);
        for (int i = 0; i < n && t > 0; i++) {
            ppi_step_cost cost;
            ppi_plan_step_cost(p, i, &cost);
            const double rate = seconds[i] > 0 ? cost.flops / seconds[i] : 0;
            if (rate > *flops_per_second) *flops_per_second = rate;
        }
    }
    ppi_free(seconds);
    return s;
}

static pp_status measure_product(const ppi_backend *be, int threads, ppi_dtype_policy policy, double *out) {
    ppi_graph *g = NULL;
    ppi_plan *p = NULL;
    PPI_TRY(ppi_graph_create(&g, NULL));
    const ppi_value a = ppi_input(g, "a", PPI_F32, ppi_shape2(SIDE, SIDE));
    const ppi_value b = ppi_input(g, "b", PPI_F32, ppi_shape2(SIDE, SIDE));
    (void)ppi_output(g, "y", ppi_matmul(g, a, b, false, false));
    pp_status s = ppi_graph_status(g);
    const ppi_plan_options o = {.policy = policy, .threads = threads};
    if (s == PP_OK) s = ppi_plan_create(&p, g, be, &o);
    for (int i = 0; i < 2 && s == PP_OK; i++) {
        float *x = ppi_plan_named(p, i ? "b" : "a", NULL, NULL);
        for (int64_t k = 0; k < (int64_t)SIDE * SIDE; k++) x[k] = (float)((k * 7919 + i) % 257) * 0.01f - 1.28f;
    }
    if (s == PP_OK) s = time_product(p, out);
    ppi_plan_destroy(p);
    ppi_graph_destroy(g);
    return s;
}

/* y -= a x over n elements: two arrays read, one written. */
static double pass_rate(const ppi_backend *be, float *y, const float *x, int64_t n, int threads) {
    const double bytes = 12.0 * (double)n;
    const int passes = (int)(2e8 / bytes) + 1; /* at least 0.2 GB between looks at the clock */
    double best = 0;
    for (int t = 0; t < TRIES; t++) {
        const double start = ppi_clock_seconds();
        for (int i = 0; i < passes; i++) be->flat->apply(y, NULL, x, 1e-8f, n, threads);
        const double rate = bytes * passes / (ppi_clock_seconds() - start);
        if (t > 0 && rate > best) best = rate;
    }
    return best;
}

static pp_status measure_passes(const ppi_backend *be, int threads, ppi_ceilings *out) {
    static const double size[PPI_CEILING_SIZES] = {1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20};
    const size_t most = (size_t)size[PPI_CEILING_SIZES - 1] / 2;
    float *y = ppi_aligned_alloc64(most);
    float *x = ppi_aligned_alloc64(most);
    if (y && x) {
        memset(y, 0, most);
        memset(x, 0, most);
        for (int i = 0; i < PPI_CEILING_SIZES; i++) {
            out->set_bytes[i] = size[i];
            const double rate = pass_rate(be, y, x, (int64_t)(size[i] / 8), threads);
            if (rate > out->set_bandwidth[i]) out->set_bandwidth[i] = rate;
        }
    }
    const bool ok = y && x;
    ppi_aligned_free(y);
    ppi_aligned_free(x);
    return ok ? PP_OK : ppi_oom("arrays of the bandwidth measurement");
}

pp_status ppi_ceilings_measure(const ppi_backend *be, int threads, bool bf16, ppi_ceilings *out) {
    PPI_TRY(measure_product(be, threads, PPI_DTYPE_POLICY_F32, &out->matmul_f32));
    if (bf16) PPI_TRY(measure_product(be, threads, PPI_DTYPE_POLICY_BF16, &out->matmul_bf16));
    return measure_passes(be, threads, out);
}

double ppi_ceilings_bandwidth(const ppi_ceilings *c, double bytes) {
    int i = 0;
    while (i < PPI_CEILING_SIZES - 1 && c->set_bytes[i] < bytes) i++;
    return c->set_bandwidth[i];
}
