/* The random words of dropout on lanes: ppi_dropout_words for many blocks at once. Included after a
   vector header. */
#ifndef PPI_CPU_PHILOX_TMPL_H
#define PPI_CPU_PHILOX_TMPL_H

#include "tensor/backend.h"
#include "tensor/dropout.h"

enum { PHILOX_ROUNDS = 10 };

/* What all elements of a site share: the keys of each round, the step, which words drop. */
typedef struct dropout_rule {
    uint32_t key[2 * PHILOX_ROUNDS];
    uint64_t step;
    uint32_t limit;
    float gain; /* of the elements kept */
} dropout_rule;

static dropout_rule dropout_rule_make(const ppi_kernel_args *a, uint32_t site, uint32_t limit,
                                      float gain) {
    dropout_rule rule = {.step = *a->step, .limit = limit, .gain = gain};
    ppi_dropout_key(rule.key, *a->seed, site);
    for (int i = 2; i < 2 * PHILOX_ROUNDS; i++)
        rule.key[i] = rule.key[i - 2] + (i % 2 ? 0xbb67ae85u : 0x9e3779b9u);
    return rule;
}

/* Registers of blocks that go through the rounds together, each a chain of its own; and the
   words of one such register. */
enum { PHILOX_SETS = 4, PHILOX_WORDS = 2 * VW };

/* Words of the blocks from `block` on in order: ppi_dropout_words on lanes. */
VFN void philox_words(const int sets, uint32_t *out, const dropout_rule *rule, uint64_t block) {
    vi c0[PHILOX_SETS], c1[PHILOX_SETS], c2[PHILOX_SETS], c3[PHILOX_SETS];
#pragma GCC unroll 4
    for (int i = 0; i < sets; i++) {
        c0[i] = v_block_order(block + (uint64_t)(i * VW / 2));
        c1[i] = v_upper_half(c0[i]);
        c2[i] = v_iset64(rule->step);
        c3[i] = v_upper_half(c2[i]);
    }
#pragma GCC unroll 10
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
#pragma GCC unroll 4
        for (int i = 0; i < sets; i++) {
            const vi p0 = v_mul_wide(c0[i], 0xd2511f53u);
            const vi p1 = v_mul_wide(c2[i], 0xcd9e8d57u);
            c0[i] = v_xor3(v_upper_half(p1), c1[i], rule->key[2 * round]);
            c1[i] = p1;
            c2[i] = v_xor3(v_upper_half(p0), c3[i], rule->key[2 * round + 1]);
            c3[i] = p0;
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < sets; i++)
        v_interleave4(out + i * PHILOX_WORDS, c0[i], c1[i], c2[i], c3[i]);
}

#endif
