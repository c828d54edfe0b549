/* Vectors of 16 floats for the kernel templates (see vec_avx2.h for the same names with 8). Only F,
   BW, DQ and VL are used, so that one object serves processors with and without AVX512_BF16. */
#ifndef PPI_CPU_VEC_AVX512_H
#define PPI_CPU_VEC_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define PPI_SIMD(name) ppi_avx512_##name
#define PPI_SIMD_NAME  "avx512:"
#define VW             16
/* Register tile of the small matrix product: rows by vectors. */
#define VG_ROWS 6
#define VG_VECS 4

typedef __m512 vf;
typedef __m512i vi;

#define VFN static inline __attribute__((always_inline))

VFN __mmask16 v_tail(int64_t n) {
    return (__mmask16)((1u << n) - 1u);
}
VFN vf v_set(float x) {
    return _mm512_set1_ps(x);
}
VFN vf v_zero(void) {
    return _mm512_setzero_ps();
}
VFN vf v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
VFN vf v_load_n(const float *p, int64_t n) {
    return _mm512_maskz_loadu_ps(v_tail(n), p);
}
VFN void v_store(float *p, vf x) {
    _mm512_storeu_ps(p, x);
}
VFN void v_store_n(float *p, vf x, int64_t n) {
    _mm512_mask_storeu_ps(p, v_tail(n), x);
}
VFN vf v_bf16_widen(__m256i h) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
/* Round to nearest even; NaN stays NaN. */
VFN __m256i v_bf16_narrow(vf x) {
    const __m512i b = _mm512_castps_si512(x);
    const __m512i lsb = _mm512_and_si512(_mm512_srli_epi32(b, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_srli_epi32(
        _mm512_add_epi32(_mm512_add_epi32(b, _mm512_set1_epi32(0x7fff)), lsb), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    r = _mm512_mask_or_epi32(r, nan, _mm512_srli_epi32(b, 16), _mm512_set1_epi32(0x40));
    return _mm512_cvtepi32_epi16(r);
}
VFN vf v_load_bf16(const uint16_t *p) {
    return v_bf16_widen(_mm256_loadu_si256((const __m256i *)p));
}
VFN vf v_load_bf16_n(const uint16_t *p, int64_t n) {
    return v_bf16_widen(_mm256_maskz_loadu_epi16(v_tail(n), p));
}
VFN void v_store_bf16(uint16_t *p, vf x) {
    _mm256_storeu_si256((__m256i *)p, v_bf16_narrow(x));
}
VFN void v_store_bf16_n(uint16_t *p, vf x, int64_t n) {
    _mm256_mask_storeu_epi16(p, v_tail(n), v_bf16_narrow(x));
}
VFN vf v_add(vf a, vf b) {
    return _mm512_add_ps(a, b);
}
VFN vf v_sub(vf a, vf b) {
    return _mm512_sub_ps(a, b);
}
VFN vf v_mul(vf a, vf b) {
    return _mm512_mul_ps(a, b);
}
VFN vf v_div(vf a, vf b) {
    return _mm512_div_ps(a, b);
}
VFN vf v_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
VFN vf v_fnma(vf a, vf b, vf c) {
    return _mm512_fnmadd_ps(a, b, c);
}
VFN vf v_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
VFN vf v_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
VFN vf v_sqrt(vf a) {
    return _mm512_sqrt_ps(a);
}
VFN vf v_abs(vf a) {
    return _mm512_abs_ps(a);
}
/* a > b ? x : y, per lane. */
VFN vf v_gt(vf a, vf b, vf x, vf y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x);
}
VFN vf v_copysign(vf mag, vf sign) {
    const vi m = _mm512_set1_epi32(INT32_MIN);
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(m, _mm512_castps_si512(sign), _mm512_castps_si512(mag), 0xca));
}
VFN float v_sum(vf a) {
    return _mm512_reduce_add_ps(a);
}
VFN float v_hmax(vf a) {
    return _mm512_reduce_max_ps(a);
}
/* Lanes at n and above become `fill`. */
VFN vf v_fill_n(vf x, int64_t n, vf fill) {
    return _mm512_mask_blend_ps(v_tail(n), fill, x);
}
VFN vf v_round(vf x) {
    return _mm512_roundscale_ps(x, 0x08);
}
/* x * 2^n for whole n in [-127, 127]. */
VFN vf v_scale2(vf x, vf n) {
    return _mm512_scalef_ps(x, n);
}
/* Lanes where the 32-bit word is below `limit` (unsigned) keep x, others become zero. */
VFN vf v_keep_below(const uint32_t *word, uint32_t limit, vf x) {
    const __mmask16 k =
        _mm512_cmplt_epu32_mask(_mm512_loadu_si512(word), _mm512_set1_epi32((int)limit));
    return _mm512_maskz_mov_ps(k, x);
}
/* All lanes finite. */
VFN int v_all_finite(vf x) {
    return _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(3.402823466e38f), _CMP_LE_OQ) ==
           0xffff;
}
VFN double v_sum_squares(vf x) {
    const __m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
    const __m512d hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
    return _mm512_reduce_add_pd(_mm512_fmadd_pd(lo, lo, _mm512_mul_pd(hi, hi)));
}
/* y[c][r] = x[r][c] for a VW by VW tile. */
VFN void v_transpose(float *y, int64_t ldy, const vf in[VW]) {
    vf t[16], u[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_ps(in[2 * i], in[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(in[2 * i], in[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const int b = 4 * i;
        u[b] = _mm512_shuffle_ps(t[b], t[b + 2], 0x44);
        u[b + 1] = _mm512_shuffle_ps(t[b], t[b + 2], 0xee);
        u[b + 2] = _mm512_shuffle_ps(t[b + 1], t[b + 3], 0x44);
        u[b + 3] = _mm512_shuffle_ps(t[b + 1], t[b + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        const vf a = _mm512_shuffle_f32x4(u[j], u[4 + j], 0x88);
        const vf b = _mm512_shuffle_f32x4(u[8 + j], u[12 + j], 0x88);
        const vf c = _mm512_shuffle_f32x4(u[j], u[4 + j], 0xdd);
        const vf d = _mm512_shuffle_f32x4(u[8 + j], u[12 + j], 0xdd);
        _mm512_storeu_ps(y + (0 + j) * ldy, _mm512_shuffle_f32x4(a, b, 0x88));
        _mm512_storeu_ps(y + (4 + j) * ldy, _mm512_shuffle_f32x4(c, d, 0x88));
        _mm512_storeu_ps(y + (8 + j) * ldy, _mm512_shuffle_f32x4(a, b, 0xdd));
        _mm512_storeu_ps(y + (12 + j) * ldy, _mm512_shuffle_f32x4(c, d, 0xdd));
    }
}

/* The 64-bit products of all lanes with m, upper and lower halves. */
VFN void v_mul_wide(vi a, uint32_t m, vi *hi, vi *lo) {
    const vi f = _mm512_set1_epi32((int)m);
    const vi even = _mm512_mul_epu32(a, f);
    const vi odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), f);
    *hi = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
    *lo = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
}
VFN vi v_xor3(vi a, vi b, uint32_t c) {
    return _mm512_ternarylogic_epi32(a, b, _mm512_set1_epi32((int)c), 0x96);
}
VFN vi v_iset(uint32_t x) {
    return _mm512_set1_epi32((int)x);
}
/* x + the order of blocks that v_interleave4 wants: lane l holds block 4 (l % 4) + l / 4. */
VFN vi v_block_order(uint32_t x) {
    return _mm512_add_epi32(
        v_iset(x), _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
}
/* Four words of each block, blocks in order. */
VFN void v_interleave4(uint32_t out[4 * VW], vi a, vi b, vi c, vi d) {
    const vi ab0 = _mm512_unpacklo_epi32(a, b);
    const vi ab1 = _mm512_unpackhi_epi32(a, b);
    const vi cd0 = _mm512_unpacklo_epi32(c, d);
    const vi cd1 = _mm512_unpackhi_epi32(c, d);
    _mm512_storeu_si512(out, _mm512_unpacklo_epi64(ab0, cd0));
    _mm512_storeu_si512(out + 16, _mm512_unpackhi_epi64(ab0, cd0));
    _mm512_storeu_si512(out + 32, _mm512_unpacklo_epi64(ab1, cd1));
    _mm512_storeu_si512(out + 48, _mm512_unpackhi_epi64(ab1, cd1));
}

#include "cpu/simd/vec_math.h"

#endif
