/* Counter-based random numbers (Philox4x32-10, Salmon et al. 2011).
 *
 * A generator is the key (seed), a purpose, a stream number and a position; nothing else. Equal
 * fields give equal numbers on every machine and thread, and storing `pos` stores the generator. */
#ifndef PPI_BASE_RNG_H
#define PPI_BASE_RNG_H

#include <stdint.h>

/* What the numbers are for; generators of different purpose never share numbers. Stored in
 * checkpoints: append only, at most 256 values. */
typedef enum ppi_rng_purpose {
    PPI_RNG_INIT,
    PPI_RNG_DROPOUT,
    PPI_RNG_SAMPLER,
    PPI_RNG_AUGMENT,
    PPI_RNG_ACT,
    PPI_RNG_COLLECT,
    PPI_RNG_ENV,
    PPI_RNG_EVAL,
    PPI_RNG_RETURN_SAMPLE,
    PPI_RNG_BOOTSTRAP,
    PPI_RNG_TEST,
    PPI_RNG_TRIAL,
    PPI_RNG_MASK,
    PPI_RNG_PURPOSE_COUNT
} ppi_rng_purpose;

typedef struct ppi_rng {
    uint64_t seed;
    uint32_t purpose;
    uint32_t pad;    /* 0 */
    uint64_t stream; /* row, episode, parameter number ... */
    uint64_t pos;    /* 32-bit outputs drawn so far */
} ppi_rng;

/* One block: 10 rounds over a 128-bit counter with a 64-bit key. */
void ppi_philox4x32(uint32_t out[4], const uint32_t ctr[4], const uint32_t key[2]);

/* Positions the generator at its first output. */
void ppi_rng_init(ppi_rng *rng, uint64_t seed, ppi_rng_purpose purpose, uint64_t stream);

uint32_t ppi_rng_u32(ppi_rng *rng);
uint64_t ppi_rng_u64(ppi_rng *rng); /* two outputs, low half first */

/* `count` outputs, equal to that many ppi_rng_u32 calls but one block evaluation per four. */
void ppi_rng_fill_u32(ppi_rng *rng, uint32_t *out, int64_t count);

/* Uniform in [0,1) with 53 random bits; two outputs. */
double ppi_rng_unit(ppi_rng *rng);

/* Uniform in 0..n-1 without bias; n = 0 and n = 1 give 0 and draw nothing. */
uint64_t ppi_rng_below(ppi_rng *rng, uint64_t n);

/* Standard normal (Box-Muller); always four outputs. */
double ppi_rng_normal(ppi_rng *rng);

/* Gamma(shape, scale 1) for shape > 0 (Marsaglia and Tsang 2000); 0 for other shapes. */
double ppi_rng_gamma(ppi_rng *rng, double shape);

/* Geometric on 1, 2, ... with the given mean; a mean of 1 or less gives 1. Two outputs. */
int64_t ppi_rng_geometric(ppi_rng *rng, double mean);

/* Symmetric Dirichlet(alpha) over n classes into out[n]; sums to 1, exact also for tiny alpha.
 * alpha > 0, n >= 1. */
void ppi_rng_dirichlet(ppi_rng *rng, double alpha, int64_t n, double *out);

#endif
