/* The random bits of DROPOUT: element i of site s at step t is kept when its 32-bit Philox word is at
   least p * 2^32. Counter {i/4 low, i/4 high, step low, step high}, key {folded seed, site + 1}; element
   i takes word i % 4 of its block. Every kernel follows this rule, so a mask does not depend on the
   kernel, the dtype or the thread count, and the gradient replays it. With a list of rows, row r of the
   operand takes the elements of row rows.at[r] of the tensor the mask was made for. */
#ifndef PPI_TENSOR_DROPOUT_H
#define PPI_TENSOR_DROPOUT_H

#include "base/rng.h"

#include <stdint.h>

/* Smallest word that is kept, for drop probability p in [0, 1). */
static inline uint32_t ppi_dropout_threshold(float p) { return (uint32_t)((double)p * 4294967296.0); }

/* Key of a site. */
static inline void ppi_dropout_key(uint32_t key[2], uint64_t seed, uint32_t site) {
    key[0] = (uint32_t)seed ^ ((uint32_t)(seed >> 32) * 0x9E3779B9u);
    key[1] = site + 1;
}

/* The four words of elements 4*block .. 4*block+3. */
static inline void ppi_dropout_words(uint32_t out[4], const uint32_t key[2], uint64_t step, uint64_t block) {
    const uint32_t ctr[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)step, (uint32_t)(step >> 32)};
    ppi_philox4x32(out, ctr, key);
}

#endif
