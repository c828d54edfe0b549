/* Flat kernels of the optimiser: contiguous ranges per thread. Included once per instruction set
   after its vector header. Every range starts at a multiple of 64 elements. */
#include "cpu/simd/team.h"

/* Each thread owns one slot of a partial sum; more threads than this share the work of the first
 * ones. */
enum { FLAT_THREADS = 64 };

static int flat_team(int64_t n, int threads) {
    const int nt = ppi_team(n, threads);
    return nt > FLAT_THREADS ? FLAT_THREADS : nt;
}

static void flat_to_bf16(uint16_t *y, const float *x, int64_t n, int threads) {
    PPI_SIMD(convert)(y, PPI_BF16, x, PPI_F32, 1.0f, n, threads);
}

static void flat_scale(float *x, float a, int64_t n, int threads) {
    PPI_SIMD(convert)(x, PPI_F32, x, PPI_F32, a, n, threads);
}

static double sum_squares_range(const float *x, ppi_range r) {
    double total = 0.0;
    int64_t i = r.from;
    while (i < r.to) {
        const int64_t to = ppi_min64(r.to, i + 64 * VW);
        vf s0 = v_zero();
        vf s1 = v_zero();
        for (; i + 2 * VW <= to; i += 2 * VW) {
            const vf a = v_load(x + i);
            const vf b = v_load(x + i + VW);
            s0 = v_fma(a, a, s0);
            s1 = v_fma(b, b, s1);
        }
        for (; i < to; i += VW) {
            const vf a = v_load_n(x + i, ppi_min64(VW, to - i));
            s0 = v_fma(a, a, s0);
        }
        total += (double)v_sum(s0) + (double)v_sum(s1);
    }
    return total;
}

static double flat_sum_squares(const float *x, int64_t n, int threads) {
    double part[FLAT_THREADS] = {0};
    const int nt = flat_team(n, threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) part[t] = sum_squares_range(x, ppi_part(n, 64, t, nt));
    double total = 0.0;
    for (int t = 0; t < nt; t++) total += part[t];
    return total;
}

static int64_t nonfinite_range(const float *x, ppi_range r) {
    for (int64_t i = r.from; i < r.to; i += VW) {
        const int64_t n = ppi_min64(VW, r.to - i);
        if (v_all_finite(n == VW ? v_load(x + i) : v_load_n(x + i, n))) continue;
        for (int64_t k = i; k < i + n; k++) {
            if (!isfinite(x[k])) return k;
        }
    }
    return -1;
}

static int64_t flat_first_nonfinite(const float *x, int64_t n, int threads) {
    int64_t found[FLAT_THREADS];
    const int nt = flat_team(n, threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) found[t] = nonfinite_range(x, ppi_part(n, 64, t, nt));
    for (int t = 0; t < nt; t++) {
        if (found[t] >= 0) return found[t];
    }
    return -1;
}

/* Constants of one optimiser step. */
typedef struct step_rule {
    vf gscale, beta1, beta2, rest1, rest2, inv_c1, inv_c2, eps, wd;
} step_rule;

VFN step_rule rule_make(float gscale, float beta1, float beta2, float eps, float wd, float c1,
                        float c2) {
    return (step_rule){v_set(gscale),       v_set(beta1),        v_set(beta2),
                       v_set(1.0f - beta1), v_set(1.0f - beta2), v_set(1.0f / c1),
                       v_set(1.0f / c2),    v_set(eps),          v_set(wd)};
}

/* Moves the moments and returns (m/c1) / (sqrt(v/c2) + eps) + wd p. */
VFN vf rule_update(const step_rule *k, vf p, vf g_raw, vf *m, vf *v) {
    const vf g = v_mul(g_raw, k->gscale);
    *m = v_fma(*m, k->beta1, v_mul(g, k->rest1));
    *v = v_fma(*v, k->beta2, v_mul(v_mul(g, g), k->rest2));
    const vf root = v_add(v_sqrt(v_mul(*v, k->inv_c2)), k->eps);
    return v_fma(k->wd, p, v_div(v_mul(*m, k->inv_c1), root));
}

static void flat_adam(float *p, uint16_t *pb, const float *g, float *m, float *v, int64_t n,
                      float gscale, float lr, float beta1, float beta2, float eps, float wd,
                      float c1, float c2, int threads) {
    const step_rule k = rule_make(gscale, beta1, beta2, eps, wd, c1, c2);
    const vf vlr = v_set(lr);
    const int nt = flat_team(n, threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(n, 64, t, nt);
        for (int64_t i = r.from; i < r.to; i += VW) {
            const int64_t left = ppi_min64(VW, r.to - i);
            vf vm = v_load_n(m + i, left);
            vf vv = v_load_n(v + i, left);
            const vf old = v_load_n(p + i, left);
            const vf u = rule_update(&k, old, v_load_n(g + i, left), &vm, &vv);
            const vf now = v_fnma(vlr, u, old);
            v_store_n(m + i, vm, left);
            v_store_n(v + i, vv, left);
            v_store_n(p + i, now, left);
            if (!pb) continue;
            if (left == VW) {
                v_store_bf16(pb + i, now);
            } else {
                v_store_bf16_n(pb + i, now, left);
            }
        }
    }
}

static void flat_lamb_update(float *u, const float *p, const float *g, float *m, float *v,
                             int64_t n, float gscale, float beta1, float beta2, float eps, float wd,
                             float c1, float c2, double *p_sq, double *u_sq, int threads) {
    const step_rule k = rule_make(gscale, beta1, beta2, eps, wd, c1, c2);
    double part_p[FLAT_THREADS] = {0};
    double part_u[FLAT_THREADS] = {0};
    const int nt = flat_team(n, threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(n, 64, t, nt);
        double sum_p = 0.0;
        double sum_u = 0.0;
        for (int64_t i = r.from; i < r.to;) {
            vf sp = v_zero();
            vf su = v_zero();
            const int64_t to = ppi_min64(r.to, i + 32 * VW);
            for (; i < to; i += VW) {
                const int64_t left = ppi_min64(VW, to - i);
                vf vm = v_load_n(m + i, left);
                vf vv = v_load_n(v + i, left);
                const vf old = v_load_n(p + i, left);
                vf step = rule_update(&k, old, v_load_n(g + i, left), &vm, &vv);
                if (left < VW) step = v_fill_n(step, left, v_zero());
                v_store_n(m + i, vm, left);
                v_store_n(v + i, vv, left);
                v_store_n(u + i, step, left);
                sp = v_fma(old, old, sp);
                su = v_fma(step, step, su);
            }
            i = to;
            sum_p += (double)v_sum(sp);
            sum_u += (double)v_sum(su);
        }
        part_p[t] = sum_p;
        part_u[t] = sum_u;
    }
    *p_sq = 0.0;
    *u_sq = 0.0;
    for (int t = 0; t < nt; t++) {
        *p_sq += part_p[t];
        *u_sq += part_u[t];
    }
}

static void flat_rmsprop(float *p, uint16_t *pb, const float *g, float *m, float *v, int64_t n,
                         float gscale, float lr, float decay, float momentum, float eps,
                         int threads) {
    const vf vscale = v_set(gscale), vlr = v_set(lr), veps = v_set(eps);
    const vf vdecay = v_set(decay), vrest = v_set(1.0f - decay), vmomentum = v_set(momentum);
    const int nt = flat_team(n, threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(n, 64, t, nt);
        for (int64_t i = r.from; i < r.to; i += VW) {
            const int64_t left = ppi_min64(VW, r.to - i);
            const vf step = v_mul(v_load_n(g + i, left), vscale);
            const vf vv =
                v_fma(v_load_n(v + i, left), vdecay, v_mul(v_mul(step, step), vrest));
            const vf root = v_sqrt(v_add(vv, veps));
            const vf moved = v_gt(root, v_zero(), v_div(v_mul(vlr, step), root), v_zero());
            const vf vm = v_fma(v_load_n(m + i, left), vmomentum, moved);
            const vf now = v_sub(v_load_n(p + i, left), vm);
            v_store_n(v + i, vv, left);
            v_store_n(m + i, vm, left);
            v_store_n(p + i, now, left);
            if (!pb) continue;
            if (left == VW) {
                v_store_bf16(pb + i, now);
            } else {
                v_store_bf16_n(pb + i, now, left);
            }
        }
    }
}

static void flat_apply(float *p, uint16_t *pb, const float *u, float a, int64_t n, int threads) {
    const vf va = v_set(a);
    const int nt = flat_team(n, threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(n, 64, t, nt);
        for (int64_t i = r.from; i < r.to; i += VW) {
            const int64_t left = ppi_min64(VW, r.to - i);
            const vf now = v_fnma(va, v_load_n(u + i, left), v_load_n(p + i, left));
            v_store_n(p + i, now, left);
            if (!pb) continue;
            if (left == VW) {
                v_store_bf16(pb + i, now);
            } else {
                v_store_bf16_n(pb + i, now, left);
            }
        }
    }
}

const ppi_flat_kernels PPI_SIMD(flat) = {
    .to_bf16 = flat_to_bf16,
    .sum_squares = flat_sum_squares,
    .scale = flat_scale,
    .first_nonfinite = flat_first_nonfinite,
    .adam = flat_adam,
    .lamb_update = flat_lamb_update,
    .rmsprop = flat_rmsprop,
    .apply = flat_apply,
};
