/* Functions built from the vector names of vec_avx512.h and vec_avx2.h, which include this file. */
#ifndef PPI_CPU_VEC_MATH_H
#define PPI_CPU_VEC_MATH_H

#include <math.h>

#include "tensor/types.h"

/* Element i on of an f32 or bf16 array. */
VFN vf v_get(const void *p, ppi_dtype t, int64_t i) {
    return t == PPI_F32 ? v_load((const float *)p + i) : v_load_bf16((const uint16_t *)p + i);
}
/* The same, n < VW elements, other lanes 0. */
VFN vf v_get_n(const void *p, ppi_dtype t, int64_t i, int64_t n) {
    return t == PPI_F32 ? v_load_n((const float *)p + i, n)
                        : v_load_bf16_n((const uint16_t *)p + i, n);
}
VFN void v_put(void *p, ppi_dtype t, int64_t i, vf x) {
    if (t == PPI_F32) {
        v_store((float *)p + i, x);
    } else {
        v_store_bf16((uint16_t *)p + i, x);
    }
}
VFN void v_put_n(void *p, ppi_dtype t, int64_t i, vf x, int64_t n) {
    if (t == PPI_F32) {
        v_store_n((float *)p + i, x, n);
    } else {
        v_store_bf16_n((uint16_t *)p + i, x, n);
    }
}

/* e^x to 2 ulp; below -87.3 the result is 0, above 88.7 it is the largest power kept finite. */
VFN vf v_exp(vf x) {
    const vf low = v_set(-87.336544f);
    const vf c = v_min(v_set(88.3762626f), v_max(low, x)); /* in this order a NaN stays */
    const vf n = v_round(v_mul(c, v_set(1.44269504f)));
    vf r = v_fnma(n, v_set(0.693359375f), c);
    r = v_fnma(n, v_set(-2.12194440e-4f), r);
    vf p = v_set(1.9875691500e-4f);
    p = v_fma(p, r, v_set(1.3981999507e-3f));
    p = v_fma(p, r, v_set(8.3334519073e-3f));
    p = v_fma(p, r, v_set(4.1665795894e-2f));
    p = v_fma(p, r, v_set(1.6666665459e-1f));
    p = v_fma(p, r, v_set(5.0000001201e-1f));
    p = v_add(v_fma(p, v_mul(r, r), r), v_set(1.0f));
    return v_gt(low, x, v_zero(), v_scale2(p, n));
}

/* 2^x to 2e-7 of itself, or where that is not asked for to 8e-5, a twentieth of what bf16 keeps.
   Far below 0 it tends to 0, far above it is large or infinite. */
VFN vf v_exp2(const bool precise, vf x) {
    const vf r = v_fraction(x);
    vf p;
    if (precise) {
        p = v_set(1.87757669e-3f);
        p = v_fma(p, r, v_set(8.98934023e-3f));
        p = v_fma(p, r, v_set(5.58263178e-2f));
        p = v_fma(p, r, v_set(2.40153617e-1f));
        p = v_fma(p, r, v_set(6.93153073e-1f));
        p = v_fma(p, r, v_set(0.999999925f));
    } else {
        p = v_set(7.80245235e-2f);
        p = v_fma(p, r, v_set(2.26067165e-1f));
        p = v_fma(p, r, v_set(6.95833531e-1f));
        p = v_fma(p, r, v_set(0.99992522f));
    }
    return v_scale_floor2(p, x);
}

/* 1 / (1 + 2^x), to the same precision. */
VFN vf v_logistic2(const bool precise, vf x) {
    const vf one = v_set(1.0f);
    if (!precise) return v_reciprocal_rough(v_add(one, v_exp2(false, x)));
    return v_div(one, v_add(one, v_exp2(true, x)));
}

/* tanh to about 1e-7 absolute. */
VFN vf v_tanh(vf x) {
    const vf e = v_exp(v_mul(v_set(-2.0f), v_abs(x)));
    return v_copysign(v_div(v_sub(v_set(1.0f), e), v_add(v_set(1.0f), e)), x);
}

/* erf to 1.5e-7 absolute (Abramowitz and Stegun 7.1.26); *gauss = e^(-x^2). */
VFN vf v_erf(vf x, vf *gauss) {
    const vf a = v_abs(x);
    const vf t = v_div(v_set(1.0f), v_fma(v_set(0.3275911f), a, v_set(1.0f)));
    vf p = v_set(1.061405429f);
    p = v_fma(p, t, v_set(-1.453152027f));
    p = v_fma(p, t, v_set(1.421413741f));
    p = v_fma(p, t, v_set(-0.284496736f));
    p = v_mul(v_fma(p, t, v_set(0.254829592f)), t);
    *gauss = v_exp(v_mul(v_sub(v_zero(), a), a));
    return v_copysign(v_fnma(p, *gauss, v_set(1.0f)), x);
}

/* gelu in its tanh form is x s(x) with s = (1 + tanh u) / 2 = 1 / (1 + e^(-2u)); this is s, x2 =
 * x^2. */
VFN vf v_gelu_share(const bool precise, vf x, vf x2) {
    const float slope = -1.5957691216f * 1.44269504f; /* -2 u = slope ln 2 x (1 + 0.044715 x^2) */
    return v_logistic2(precise, v_mul(x, v_fma(x2, v_set(slope * 0.044715f), v_set(slope))));
}

/* `precise`: to f32, else to what bf16 keeps. */
VFN vf v_act(const bool precise, vf x, ppi_act act) {
    const vf half = v_set(0.5f);
    switch (act) {
    case PPI_ACT_RELU:
        return v_max(v_zero(), x);
    case PPI_ACT_TANH:
        return v_tanh(x);
    case PPI_ACT_GELU_TANH:
        return v_mul(x, v_gelu_share(precise, x, v_mul(x, x)));
    case PPI_ACT_GELU_ERF: {
        vf gauss;
        const vf e = v_erf(v_mul(x, v_set(0.70710678f)), &gauss);
        return v_mul(v_mul(half, x), v_add(v_set(1.0f), e));
    }
    case PPI_ACT_HUBER: {
        const vf size = v_abs(x);
        const vf near = v_min(size, v_set(1.0f));
        return v_mul(near, v_fnma(half, near, size));
    }
    default:
        return x;
    }
}

/* act'(x); for relu and tanh x is the activation's output. */
VFN vf v_act_grad(const bool precise, vf x, ppi_act act) {
    const vf one = v_set(1.0f);
    switch (act) {
    case PPI_ACT_RELU:
        return v_gt(x, v_zero(), one, v_zero());
    case PPI_ACT_TANH:
        return v_fnma(x, x, one);
    case PPI_ACT_GELU_TANH: {
        /* s + x s (1 - s) 2 u' */
        const vf x2 = v_mul(x, x);
        const vf s = v_gelu_share(precise, x, x2);
        const vf du = v_fma(x2, v_set(1.5957691216f * 0.134145f), v_set(1.5957691216f));
        return v_fma(v_mul(v_mul(x, s), v_sub(one, s)), du, s);
    }
    case PPI_ACT_GELU_ERF: {
        vf gauss;
        const vf e = v_erf(v_mul(x, v_set(0.70710678f)), &gauss);
        return v_fma(v_mul(x, v_set(0.39894228f)), gauss, v_mul(v_set(0.5f), v_add(one, e)));
    }
    case PPI_ACT_HUBER:
        return v_max(v_set(-1.0f), v_min(one, x));
    default:
        return one;
    }
}

#endif
