/* Measures of the processor itself, for benchmarks: how fast its vector units compute when nothing
   has to be fetched, and the clock that cycles are counted with. */
#ifndef PPI_CPU_PEAK_H
#define PPI_CPU_PEAK_H

#include <stdint.h>

typedef enum ppi_peak { PPI_PEAK_F32, PPI_PEAK_BF16 } ppi_peak;

/* Runs a loop of independent multiply-adds on registers, `rounds` times on each of `threads`
   threads, with the instruction set in use. Returns the floating-point operations of all threads;
   0, having done nothing, where the instruction set has no such vectors. */
double ppi_cpu_peak_run(ppi_peak kind, int64_t rounds, int threads);

/* The processor's time-stamp counter, which runs at one rate whatever the core's own clock does; 0
   where there is none. */
uint64_t ppi_cpu_ticks(void);

#endif
