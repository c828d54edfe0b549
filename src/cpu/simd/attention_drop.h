/* What changes from step to step in the mask of attention: keys that are blocked in a batch
   element, and the probabilities that dropout keeps. Bits in groups of VW keys, like those of
   attention_mask.h. Included after a vector header. */
#ifndef PPI_CPU_ATTENTION_DROP_H
#define PPI_CPU_ATTENTION_DROP_H

#include "cpu/simd/attention_mask.h"
#include "cpu/simd/philox_tmpl.h"

/* Rows that are asked for at once, at most; groups of keys. */
enum { DROP_ROWS = 6, DROP_GROUPS = PPI_ATTENTION_MAX / VW };

/* The masks of a block of query rows, row r at [r * stride]. */
typedef struct block_masks {
    const uint16_t *seen;
    const uint16_t *keep; /* NULL without dropout */
    int64_t stride;
} block_masks;

/* The masks of one head at this step. */
typedef struct head_masks {
    const attention_state *s;
    const ppi_mask *mask;
    const uint8_t *blocked; /* [nk], NULL for none */
    bool drops;
    int64_t head;
    dropout_rule rule;
    uint16_t open[DROP_GROUPS]; /* keys that are not blocked */
    uint16_t seen[DROP_ROWS * DROP_GROUPS];
    uint16_t keep[DROP_ROWS * DROP_GROUPS];
} head_masks;

/* For the heads of one run; `blocked` is the operand of blocked keys. */
static void head_masks_begin(head_masks *m, const ppi_kernel_args *a) {
    const float p = a->params.attention.dropout;
    m->s = a->state;
    m->mask = &a->params.attention.mask;
    m->blocked = NULL;
    m->drops = p > 0.0f;
    if (m->drops)
        m->rule = dropout_rule_make(a, a->params.attention.site, ppi_attention_dropout_threshold(p),
                                    ppi_attention_dropout_gain(p));
}

/* Turns to a head, `head` = batch element times heads + head. */
static void head_masks_turn(head_masks *m, const ppi_kernel_args *a, int blocked, int64_t head) {
    const attention_state *s = m->s;
    m->head = head;
    if (blocked >= a->n_in) return;
    m->blocked = (const uint8_t *)a->in[blocked].data + head / a->params.attention.heads * s->nk;
    for (int64_t g = 0; g < s->groups; g++) {
        uint16_t bits = 0;
        for (int64_t k = g * VW; k < ppi_min64(s->nk, (g + 1) * VW); k++)
            bits |= (uint16_t)((m->blocked[k] == 0) << (k % VW));
        m->open[g] = bits;
    }
}

/* The keys of row i that are not blocked, and its own. */
static void seen_row(const head_masks *m, uint16_t *to, int64_t i, int64_t groups) {
    const uint16_t *seen = m->s->seen + i * m->s->groups;
    const int64_t self = attention_position(m->mask, i);
    for (int64_t g = 0; g < groups; g++) to[g] = seen[g] & m->open[g];
    if (self / VW < groups) to[self / VW] |= (uint16_t)(1u << (self % VW));
}

/* The probabilities of row i that are kept. */
static void keep_row(const head_masks *m, uint16_t *to, int64_t i, int64_t groups) {
    enum { EACH = 2 * PHILOX_WORDS / VW }; /* groups that a register of blocks serves */
    const uint64_t block =
        ppi_attention_dropout_block(m->head, attention_position(m->mask, i), m->s->nk);
    for (int64_t g = 0; g < groups;) {
        uint32_t words[PHILOX_SETS * PHILOX_WORDS];
        const int64_t sets = ppi_min64(PHILOX_SETS, (groups - g + EACH - 1) / EACH);
        const uint64_t at = block + (uint64_t)(g * VW / 8);
        switch (sets) {
        case 1:
            philox_words(1, words, &m->rule, at);
            break;
        case 2:
            philox_words(2, words, &m->rule, at);
            break;
        case 3:
            philox_words(3, words, &m->rule, at);
            break;
        default:
            philox_words(4, words, &m->rule, at);
            break;
        }
        const int64_t end = ppi_min64(groups, g + sets * EACH);
        for (int64_t k = 0; g < end; k++, g++)
            to[g] = v_halves_from((const uint16_t *)words + k * VW, (uint16_t)m->rule.limit);
    }
}

/* The masks of rows i0.., at most DROP_ROWS, for the first `groups` groups; valid until the next
   call. */
static block_masks head_masks_rows(head_masks *m, int64_t i0, int64_t rows, int64_t groups) {
    const int64_t stride = m->s->groups;
    for (int64_t r = 0; m->blocked && r < rows; r++)
        seen_row(m, m->seen + r * stride, i0 + r, groups);
    for (int64_t r = 0; m->drops && r < rows; r++)
        keep_row(m, m->keep + r * stride, i0 + r, groups);
    return (block_masks){.seen = m->blocked ? m->seen : m->s->seen + i0 * stride,
                         .keep = m->drops ? m->keep : NULL,
                         .stride = stride};
}

#endif
