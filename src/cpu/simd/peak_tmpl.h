/* The arithmetic peak of f32: chains of multiply-adds, enough of them to hide their latency and few
   enough for the registers. Included once per instruction set after its vector header. */
#include "cpu/kernels.h"

enum { PEAK_CHAINS = VW == 16 ? 20 : 12 };

double PPI_SIMD(peak)(int64_t rounds) {
    vf s[PEAK_CHAINS];
    volatile float half = 0.5f; /* read at run time, so that nothing is computed beforehand */
    const vf a = v_set(half);
    const vf b = v_set(half + 1.0f);
#pragma GCC unroll 20
    for (int i = 0; i < PEAK_CHAINS; i++) s[i] = v_set(half * (float)i);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 20
        for (int i = 0; i < PEAK_CHAINS; i++) s[i] = v_fma(s[i], a, b);
    }
    vf sum = v_zero();
#pragma GCC unroll 20
    for (int i = 0; i < PEAK_CHAINS; i++) sum = v_add(sum, s[i]);
    half = v_sum(sum);
    return 2.0 * VW * PEAK_CHAINS * (double)rounds;
}
