/* The loops of simd/peak_*.c on a team of threads. */
#include "cpu/peak.h"

#include "base/cpu.h"
#include "cpu/kernels.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* Operations of one thread's share. */
static double share_run(ppi_peak kind, ppi_isa isa, int64_t rounds) {
    if (kind == PPI_PEAK_BF16) return ppi_avx512bf16_peak(rounds);
    return isa >= PPI_ISA_AVX512 ? ppi_avx512_peak(rounds) : ppi_avx2_peak(rounds);
}

double ppi_cpu_peak_run(ppi_peak kind, int64_t rounds, int threads) {
    const ppi_isa isa = ppi_cpu_isa();
    if (isa < (kind == PPI_PEAK_BF16 ? PPI_ISA_AVX512_BF16 : PPI_ISA_AVX2)) return 0.0;
    const int nt = threads < 1 ? 1 : threads;
    double total = 0.0;
#pragma omp parallel for num_threads(nt) schedule(static, 1) reduction(+ : total) if (nt > 1)
    for (int t = 0; t < nt; t++) total += share_run(kind, isa, rounds);
    return total;
}

uint64_t ppi_cpu_ticks(void) {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return 0;
#endif
}
