/* What this machine can do at best, measured: the rates that benchmarks compare with. */
#ifndef PPI_RUN_CEILINGS_H
#define PPI_RUN_CEILINGS_H

#include "tensor/plan.h"

enum { PPI_CEILING_SIZES = 5 };

typedef struct ppi_ceilings {
    double matmul_f32, matmul_bf16;           /* FLOP/s of a product of 2048 x 2048 matrices; bf16 0 when the backend cannot */
    double set_bytes[PPI_CEILING_SIZES];      /* working sets, ascending */
    double set_bandwidth[PPI_CEILING_SIZES];  /* bytes/s of y -= a x over a working set of that size, again and again */
} ppi_ceilings;

/* Takes about two seconds and 270 MB. *out starts zeroed; measuring again raises what was too low, as it is when another
   process had the processor. */
pp_status ppi_ceilings_measure(const ppi_backend *be, int threads, bool bf16, ppi_ceilings *out);
/* Bandwidth for a step that touches `bytes`: that of the smallest measured set that holds them. */
double ppi_ceilings_bandwidth(const ppi_ceilings *c, double bytes);

#endif
