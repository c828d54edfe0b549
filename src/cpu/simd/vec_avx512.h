/* Vectors of 16 floats for the kernel templates (see vec_avx2.h for the same names with 8). Only F,
   BW, DQ and VL are used, unless vec_avx512bf16.h includes this file: it adds AVX512_BF16. */
#ifndef PPI_CPU_VEC_AVX512_H
#define PPI_CPU_VEC_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#ifdef PPI_VEC_BF16
#define PPI_SIMD(name) ppi_avx512bf16_##name
#define PPI_SIMD_NAME  "avx512_bf16:"
#else
#define PPI_SIMD(name) ppi_avx512_##name
#define PPI_SIMD_NAME  "avx512:"
#endif
#define VW 16
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
#ifdef PPI_VEC_BF16
    return (__m256i)_mm512_cvtneps_pbh(x);
#else
    const __m512i b = _mm512_castps_si512(x);
    const __m512i lsb = _mm512_and_si512(_mm512_srli_epi32(b, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_srli_epi32(
        _mm512_add_epi32(_mm512_add_epi32(b, _mm512_set1_epi32(0x7fff)), lsb), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    r = _mm512_mask_or_epi32(r, nan, _mm512_srli_epi32(b, 16), _mm512_set1_epi32(0x40));
    return _mm512_cvtepi32_epi16(r);
#endif
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
/* Lane l is x where bit l is set, else y. */
VFN vf v_where(uint16_t bits, vf x, vf y) {
    return _mm512_mask_blend_ps((__mmask16)bits, y, x);
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
/* x - floor(x). */
VFN vf v_fraction(vf x) {
    return _mm512_reduce_ps(x, 0x09);
}
/* p * 2^floor(x), 0 or infinite where that is. */
VFN vf v_scale_floor2(vf p, vf x) {
    return _mm512_scalef_ps(p, x);
}
/* 1 / x to 7e-5, for x from 1 to infinity. */
VFN vf v_reciprocal_rough(vf x) {
    return _mm512_rcp14_ps(x);
}
/* Lanes where the 32-bit word is below `limit` (unsigned) become zero, others keep x. */
VFN vf v_drop_below(const uint32_t *word, uint32_t limit, vf x) {
    const __mmask16 k =
        _mm512_cmpge_epu32_mask(_mm512_loadu_si512(word), _mm512_set1_epi32((int)limit));
    return _mm512_maskz_mov_ps(k, x);
}
/* Bit l is set where half l of 16 bits is not below `limit` (unsigned). */
VFN uint16_t v_halves_from(const uint16_t *half, uint16_t limit) {
    const __m256i h = _mm256_loadu_si256((const __m256i *)(const void *)half);
    return (uint16_t)_mm256_cmpge_epu16_mask(h, _mm256_set1_epi16((int16_t)limit));
}
/* n <= VW bytes as numbers, other lanes 0; and numbers from 0 to 255 as bytes. */
VFN vf v_load_u8_n(const uint8_t *p, int64_t n) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(v_tail(n), p)));
}
VFN void v_store_u8_n(uint8_t *p, vf x, int64_t n) {
    _mm512_mask_cvtepi32_storeu_epi8(p, v_tail(n), _mm512_cvtps_epi32(x));
}
/* Writes first + l for every lane l that is not zero, side by side; returns how many. VW numbers may
   be written. */
VFN int64_t v_list_nonzero(int32_t *at, int32_t first, vf x) {
    const __mmask16 k = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const vi lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const vi places = _mm512_add_epi32(_mm512_set1_epi32(first), lane);
    _mm512_storeu_si512(at, _mm512_maskz_compress_epi32(k, places));
    return __builtin_popcount(k);
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

/* Sixteen elements of two bf16 rows as words of a pair, the element of `even` in the lower half. */
#define VEC_PAIR_WORDS
VFN vf v_pair_words(const uint16_t *even, const uint16_t *odd) {
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)even));
    const __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)odd));
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

/* Registers of VW/2 lanes of 64 bits for Philox, which works on the lower halves; the upper ones
   hold what a product left there. */
/* The 64-bit products of the lower halves with m. */
VFN vi v_mul_wide(vi a, uint32_t m) {
    return _mm512_mul_epu32(a, _mm512_set1_epi64((int64_t)m));
}
VFN vi v_upper_half(vi a) {
    return _mm512_srli_epi64(a, 32);
}
VFN vi v_xor3(vi a, vi b, uint32_t c) {
    return _mm512_ternarylogic_epi32(a, b, _mm512_set1_epi32((int)c), 0x96);
}
VFN vi v_iset64(uint64_t x) {
    return _mm512_set1_epi64((int64_t)x);
}
/* x + the order of blocks that v_interleave4 wants: even lanes hold the first four, odd ones the
   rest. */
VFN vi v_block_order(uint64_t x) {
    return _mm512_add_epi64(v_iset64(x), _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7));
}
/* The lower halves of four words of each block, blocks in order. */
VFN void v_interleave4(uint32_t out[2 * VW], vi a, vi b, vi c, vi d) {
    const vi ab = _mm512_mask_blend_epi32(0xaaaa, a, _mm512_slli_epi64(b, 32));
    const vi cd = _mm512_mask_blend_epi32(0xaaaa, c, _mm512_slli_epi64(d, 32));
    _mm512_storeu_si512(out, _mm512_unpacklo_epi64(ab, cd));
    _mm512_storeu_si512(out + 16, _mm512_unpackhi_epi64(ab, cd));
}

#include "cpu/simd/vec_math.h"

#endif
