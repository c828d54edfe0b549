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

/* ATTENTION drops probabilities by half words. Those of a query row lie in the blocks from this one on: key k has half
   k % 2 (0: the lower) of word k / 2 % 4 of block k / 8. `head`: batch element times heads plus head; `row`: position
   of the query, whatever rows are computed. */
static inline uint64_t ppi_attention_dropout_block(int64_t head, int64_t row, int64_t keys) {
    return (uint64_t)head << 32 | (uint64_t)(row * ((keys + 7) / 8));
}

/* Smallest half that is kept; what is kept is multiplied by 65536 / (65536 - that). */
static inline uint32_t ppi_attention_dropout_threshold(float p) {
    const uint32_t t = (uint32_t)((double)p * 65536.0 + 0.5);
    return t < 65535 ? t : 65535;
}

static inline float ppi_attention_dropout_gain(float p) {
    return (float)(65536.0 / (65536.0 - (double)ppi_attention_dropout_threshold(p)));
}

#endif
