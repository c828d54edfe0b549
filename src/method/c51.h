/* The categorical projection of C51 (Bellemare et al. 2017). */
#ifndef PPI_METHOD_C51_H
#define PPI_METHOD_C51_H

#include <stdint.h>

#define PPI_C51_MAX_ATOMS 256

/* Distribution of ret + discount * Z on the support vmin .. vmax of n atoms: m [n] gets the mass of
 * p [n]. Targets beyond the support count as its ends; the total mass stays 1, also for a target
 * that lies exactly on an atom. n >= 2. */
void ppi_c51_project(float *m, const float *p, int64_t n, double vmin, double vmax, double ret,
                     double discount);
/* Softmax of n logits into p; returns the logarithm of the sum of exponentials. */
double ppi_c51_softmax(float *p, const float *logits, int64_t n);

#endif
