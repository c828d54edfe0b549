/* Splitting flat work between the threads of one OpenMP team: contiguous ranges that depend on the
   count and the number of threads only. */
#ifndef PPI_CPU_TEAM_H
#define PPI_CPU_TEAM_H

#include "cpu/kernels.h"

typedef struct ppi_range {
    int64_t from, to;
} ppi_range;

/* Threads for n elements: one below the serial limit. */
static inline int ppi_team(int64_t n, int threads) {
    return n < PPI_SERIAL_BELOW || threads < 1 ? 1 : threads;
}

/* Part t of nt of 0..n-1, cut at multiples of `unit`. */
static inline ppi_range ppi_part(int64_t n, int64_t unit, int t, int nt) {
    const int64_t units = (n + unit - 1) / unit;
    const int64_t from = units * t / nt * unit;
    const int64_t to = units * (t + 1) / nt * unit;
    return (ppi_range){from, to < n ? to : n};
}

static inline int64_t ppi_min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t ppi_max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline bool ppi_is_float(ppi_dtype t) {
    return t == PPI_F32 || t == PPI_BF16;
}

/* Length of the last dimension. */
static inline int64_t ppi_last_dim(const ppi_shape *s) {
    return s->dim[s->ndim - 1];
}

#endif
