/* Mersenne Twister as in numpy's RandomState(seed): the generator of the arcade games, for
 * step-exact parity. */
#ifndef PPI_BASE_MT19937_H
#define PPI_BASE_MT19937_H

#include <stdint.h>

/* Plain data: copying the struct copies the generator. */
typedef struct ppi_mt19937 {
    uint32_t word[624];
    uint32_t next; /* index of the next output, 624 asks for a refill */
} ppi_mt19937;

/* The single-integer initialiser. */
void ppi_mt19937_seed(ppi_mt19937 *mt, uint32_t seed);

uint32_t ppi_mt19937_u32(ppi_mt19937 *mt);

/* Uniform in [0,1), 53 bits; always two outputs. */
double ppi_mt19937_unit(ppi_mt19937 *mt);

/* Uniform in 0..n-1 by masked rejection, one output a try; n <= 1 gives 0 and draws nothing. */
uint32_t ppi_mt19937_below(ppi_mt19937 *mt, uint32_t n);

#endif
