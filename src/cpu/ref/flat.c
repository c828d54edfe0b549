/* Reference flat-range kernels of the optimisers. Sums run in index order in double, on one thread. */
#include <math.h>

#include "cpu/ref/ref.h"

static void to_bf16(uint16_t *y, const float *x, int64_t n, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) y[i] = ppi_bf16_from_f32(x[i]);
}

static double sum_squares(const float *x, int64_t n, int threads) {
    (void)threads;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

static void scale(float *x, float a, int64_t n, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) x[i] *= a;
}

static int64_t first_nonfinite(const float *x, int64_t n, int threads) {
    (void)threads;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) return i;
    }
    return -1;
}

/* Moments of element i and its bias-corrected direction. */
static inline float direction(float *m, float *v, float g, float beta1, float beta2, float eps, float c1, float c2) {
    *m = beta1 * *m + (1.0f - beta1) * g;
    *v = beta2 * *v + (1.0f - beta2) * g * g;
    return *m / c1 / (sqrtf(*v / c2) + eps);
}

static void adam(float *p, uint16_t *pb, const float *g, float *m, float *v, int64_t n, float gscale, float lr, float beta1,
                 float beta2, float eps, float wd, float c1, float c2, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const float u = direction(&m[i], &v[i], g[i] * gscale, beta1, beta2, eps, c1, c2);
        p[i] -= lr * (u + wd * p[i]);
        if (pb) pb[i] = ppi_bf16_from_f32(p[i]);
    }
}

static void lamb_update(float *u, const float *p, const float *g, float *m, float *v, int64_t n, float gscale, float beta1,
                        float beta2, float eps, float wd, float c1, float c2, double *p_sq, double *u_sq, int threads) {
    (void)threads;
    double ps = 0.0;
    double us = 0.0;
    for (int64_t i = 0; i < n; i++) {
        u[i] = direction(&m[i], &v[i], g[i] * gscale, beta1, beta2, eps, c1, c2) + wd * p[i];
        ps += (double)p[i] * (double)p[i];
        us += (double)u[i] * (double)u[i];
    }
    *p_sq = ps;
    *u_sq = us;
}

static void rmsprop(float *p, uint16_t *pb, const float *g, float *m, float *v, int64_t n, float gscale, float lr, float decay,
                    float momentum, float eps, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const float step = g[i] * gscale;
        v[i] = decay * v[i] + (1.0f - decay) * step * step;
        const float root = sqrtf(v[i] + eps);
        m[i] = momentum * m[i] + (root > 0.0f ? lr * step / root : 0.0f);
        p[i] -= m[i];
        if (pb) pb[i] = ppi_bf16_from_f32(p[i]);
    }
}

static void apply(float *p, uint16_t *pb, const float *u, float a, int64_t n, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        p[i] -= a * u[i];
        if (pb) pb[i] = ppi_bf16_from_f32(p[i]);
    }
}

const ppi_flat_kernels ppi_ref_flat = {
    .to_bf16 = to_bf16,
    .sum_squares = sum_squares,
    .scale = scale,
    .first_nonfinite = first_nonfinite,
    .adam = adam,
    .lamb_update = lamb_update,
    .rmsprop = rmsprop,
    .apply = apply,
};
