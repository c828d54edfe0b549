/* Vectors of 8 floats for the kernel templates: the names of vec_avx512.h with AVX2 and FMA. */
#ifndef PPI_CPU_VEC_AVX2_H
#define PPI_CPU_VEC_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define PPI_SIMD(name) ppi_avx2_##name
#define PPI_SIMD_NAME  "avx2:"
#define VW             8
#define VG_ROWS        6
#define VG_VECS        2

typedef __m256 vf;
typedef __m256i vi;

#define VFN static inline __attribute__((always_inline))

VFN vi v_tail(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
VFN vf v_set(float x) {
    return _mm256_set1_ps(x);
}
VFN vf v_zero(void) {
    return _mm256_setzero_ps();
}
VFN vf v_load(const float *p) {
    return _mm256_loadu_ps(p);
}
VFN vf v_load_n(const float *p, int64_t n) {
    return _mm256_maskload_ps(p, v_tail(n));
}
VFN void v_store(float *p, vf x) {
    _mm256_storeu_ps(p, x);
}
VFN void v_store_n(float *p, vf x, int64_t n) {
    _mm256_maskstore_ps(p, v_tail(n), x);
}
VFN vf v_bf16_widen(__m128i h) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
/* Round to nearest even; NaN stays NaN. */
VFN __m128i v_bf16_narrow(vf x) {
    const vi b = _mm256_castps_si256(x);
    const vi high = _mm256_srli_epi32(b, 16);
    const vi lsb = _mm256_and_si256(high, _mm256_set1_epi32(1));
    const vi r = _mm256_srli_epi32(
        _mm256_add_epi32(_mm256_add_epi32(b, _mm256_set1_epi32(0x7fff)), lsb), 16);
    const vi nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const vi y = _mm256_blendv_epi8(r, _mm256_or_si256(high, _mm256_set1_epi32(0x40)), nan);
    return _mm_packus_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}
VFN vf v_load_bf16(const uint16_t *p) {
    return v_bf16_widen(_mm_loadu_si128((const __m128i *)p));
}
VFN vf v_load_bf16_n(const uint16_t *p, int64_t n) {
    uint16_t t[8] = {0};
    for (int64_t i = 0; i < n; i++) t[i] = p[i];
    return v_load_bf16(t);
}
VFN void v_store_bf16(uint16_t *p, vf x) {
    _mm_storeu_si128((__m128i *)p, v_bf16_narrow(x));
}
VFN void v_store_bf16_n(uint16_t *p, vf x, int64_t n) {
    uint16_t t[8];
    v_store_bf16(t, x);
    for (int64_t i = 0; i < n; i++) p[i] = t[i];
}
VFN vf v_add(vf a, vf b) {
    return _mm256_add_ps(a, b);
}
VFN vf v_sub(vf a, vf b) {
    return _mm256_sub_ps(a, b);
}
VFN vf v_mul(vf a, vf b) {
    return _mm256_mul_ps(a, b);
}
VFN vf v_div(vf a, vf b) {
    return _mm256_div_ps(a, b);
}
VFN vf v_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
VFN vf v_fnma(vf a, vf b, vf c) {
    return _mm256_fnmadd_ps(a, b, c);
}
VFN vf v_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
VFN vf v_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
VFN vf v_sqrt(vf a) {
    return _mm256_sqrt_ps(a);
}
VFN vf v_abs(vf a) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
VFN vf v_gt(vf a, vf b, vf x, vf y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
VFN vf v_where(uint16_t bits, vf x, vf y) {
    const vi lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const vi set = _mm256_and_si256(_mm256_set1_epi32(bits), lane);
    return _mm256_blendv_ps(y, x, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane)));
}
VFN vf v_copysign(vf mag, vf sign) {
    const vf m = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_and_ps(m, sign), _mm256_andnot_ps(m, mag));
}
VFN float v_sum(vf a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
VFN float v_hmax(vf a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
VFN vf v_fill_n(vf x, int64_t n, vf fill) {
    return _mm256_blendv_ps(fill, x, _mm256_castsi256_ps(v_tail(n)));
}
VFN vf v_round(vf x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VFN vf v_scale2(vf x, vf n) {
    const vi e =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(x, _mm256_castsi256_ps(e));
}
/* Beyond these no power of two is left to scale with. */
VFN vf v_exponent_range(vf x) {
    return _mm256_min_ps(v_set(126.0f), _mm256_max_ps(v_set(-126.0f), x)); /* a NaN stays */
}
VFN vf v_fraction(vf x) {
    const vf c = v_exponent_range(x);
    return _mm256_sub_ps(c, _mm256_floor_ps(c));
}
VFN vf v_scale_floor2(vf p, vf x) {
    return v_scale2(p, _mm256_floor_ps(v_exponent_range(x)));
}
VFN vf v_reciprocal_rough(vf x) {
    const vf y = _mm256_rcp_ps(x);
    return _mm256_mul_ps(y, _mm256_fnmadd_ps(x, y, v_set(2.0f)));
}
VFN vf v_drop_below(const uint32_t *word, uint32_t limit, vf x) {
    const vi flip = _mm256_set1_epi32(INT32_MIN);
    const vi w = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)word), flip);
    const vi l = _mm256_xor_si256(_mm256_set1_epi32((int)limit), flip);
    return _mm256_andnot_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(l, w)), x);
}
VFN uint16_t v_halves_from(const uint16_t *half, uint16_t limit) {
    const __m128i h = _mm_loadu_si128((const __m128i *)(const void *)half);
    const __m128i kept = _mm_cmpeq_epi16(_mm_max_epu16(h, _mm_set1_epi16((int16_t)limit)), h);
    return (uint16_t)_mm_movemask_epi8(_mm_packs_epi16(kept, _mm_setzero_si128()));
}
/* n <= VW bytes as numbers, other lanes 0; and numbers from 0 to 255 as bytes. */
VFN vf v_load_u8_n(const uint8_t *p, int64_t n) {
    float t[8] = {0};
    for (int64_t i = 0; i < n; i++) t[i] = (float)p[i];
    return v_load(t);
}
VFN void v_store_u8_n(uint8_t *p, vf x, int64_t n) {
    float t[8];
    v_store(t, x);
    for (int64_t i = 0; i < n; i++) p[i] = (uint8_t)t[i];
}
/* Writes first + l for every lane l that is not zero, side by side; returns how many. VW numbers may
   be written. */
VFN int64_t v_list_nonzero(int32_t *at, int32_t first, vf x) {
    const vf hit = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NEQ_UQ);
    unsigned bits = (unsigned)_mm256_movemask_ps(hit);
    int64_t n = 0;
    for (; bits; bits &= bits - 1) at[n++] = first + __builtin_ctz(bits);
    return n;
}
VFN int v_all_finite(vf x) {
    return _mm256_movemask_ps(
               _mm256_cmp_ps(v_abs(x), _mm256_set1_ps(3.402823466e38f), _CMP_LE_OQ)) == 0xff;
}
VFN double v_sum_squares(vf x) {
    const __m256d lo = _mm256_cvtps_pd(_mm256_castps256_ps128(x));
    const __m256d hi = _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
    const __m256d s = _mm256_fmadd_pd(lo, lo, _mm256_mul_pd(hi, hi));
    const __m128d h = _mm_add_pd(_mm256_castpd256_pd128(s), _mm256_extractf128_pd(s, 1));
    return _mm_cvtsd_f64(_mm_add_sd(h, _mm_unpackhi_pd(h, h)));
}
VFN void v_transpose(float *y, int64_t ldy, const vf in[VW]) {
    vf t[8], u[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(in[2 * i], in[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(in[2 * i], in[2 * i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const int b = 4 * i;
        u[b] = _mm256_shuffle_ps(t[b], t[b + 2], 0x44);
        u[b + 1] = _mm256_shuffle_ps(t[b], t[b + 2], 0xee);
        u[b + 2] = _mm256_shuffle_ps(t[b + 1], t[b + 3], 0x44);
        u[b + 3] = _mm256_shuffle_ps(t[b + 1], t[b + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        _mm256_storeu_ps(y + j * ldy, _mm256_permute2f128_ps(u[j], u[4 + j], 0x20));
        _mm256_storeu_ps(y + (4 + j) * ldy, _mm256_permute2f128_ps(u[j], u[4 + j], 0x31));
    }
}

VFN vi v_mul_wide(vi a, uint32_t m) {
    return _mm256_mul_epu32(a, _mm256_set1_epi64x((int64_t)m));
}
VFN vi v_upper_half(vi a) {
    return _mm256_srli_epi64(a, 32);
}
VFN vi v_xor3(vi a, vi b, uint32_t c) {
    return _mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_set1_epi32((int)c));
}
VFN vi v_iset64(uint64_t x) {
    return _mm256_set1_epi64x((int64_t)x);
}
/* Even lanes hold the first two blocks, odd ones the rest. */
VFN vi v_block_order(uint64_t x) {
    return _mm256_add_epi64(v_iset64(x), _mm256_setr_epi64x(0, 2, 1, 3));
}
VFN void v_interleave4(uint32_t out[2 * VW], vi a, vi b, vi c, vi d) {
    const vi ab = _mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xaa);
    const vi cd = _mm256_blend_epi32(c, _mm256_slli_epi64(d, 32), 0xaa);
    _mm256_storeu_si256((__m256i *)(void *)out, _mm256_unpacklo_epi64(ab, cd));
    _mm256_storeu_si256((__m256i *)(void *)(out + 8), _mm256_unpackhi_epi64(ab, cd));
}

#include "cpu/simd/vec_math.h"

#endif
