/* Arithmetic peak of AVX512_BF16: as peak_tmpl.h, with products of pairs. */
#include "cpu/kernels.h"
#include "cpu/simd/vec_avx512bf16.h"

enum { PEAK_CHAINS = 20 };

double PPI_SIMD(peak)(int64_t rounds) {
    vf s[PEAK_CHAINS];
    volatile float half = 0.5f;
    const __m512bh a = (__m512bh)_mm512_castps_si512(v_set(half));
    const __m512bh b = (__m512bh)_mm512_castps_si512(v_set(-half));
#pragma GCC unroll 20
    for (int i = 0; i < PEAK_CHAINS; i++) s[i] = v_set(half * (float)i);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 20
        for (int i = 0; i < PEAK_CHAINS; i++) s[i] = _mm512_dpbf16_ps(s[i], a, b);
    }
    vf sum = v_zero();
#pragma GCC unroll 20
    for (int i = 0; i < PEAK_CHAINS; i++) sum = v_add(sum, s[i]);
    half = v_sum(sum);
    return 4.0 * VW * PEAK_CHAINS * (double)rounds;
}
