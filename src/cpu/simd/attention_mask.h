/* What the attention kernels share whatever their arithmetic: the sizes of a node and its mask
   written out once, when the plan is made. */
#ifndef PPI_CPU_ATTENTION_MASK_H
#define PPI_CPU_ATTENTION_MASK_H

#include "base/error.h"
#include "base/mem.h"
#include "cpu/simd/team.h"

/* Rows and keys of a window at most. */
enum { PPI_ATTENTION_MAX = 4096 };

/* The mask for the plan's shape; keys in groups of `lanes` (8 or 16). */
typedef struct attention_state {
    int64_t nq, nk, nkp; /* rows of queries and keys; keys padded to whole groups */
    int64_t groups;      /* nkp / lanes */
    int64_t *end;        /* [nq] one past the last key that row sees */
    int64_t *first;      /* [nk] first query row that sees this key (nq: none) */
    uint16_t *seen;      /* [nq, groups] bit k of group g: the row sees key g lanes + k */
} attention_state;

/* Sizes of a node. */
typedef struct attention_dims {
    int64_t batch, heads, nq, nk, nkp, width, size;
} attention_dims;

/* `q`: index of the query operand, which the keys follow. */
static inline attention_dims attention_sizes(const ppi_kernel_args *a, int q, int lanes) {
    const ppi_shape *sq = &a->in[q].shape;
    const int64_t heads = a->params.attention.heads;
    const int64_t nk = a->in[q + 1].shape.dim[1];
    return (attention_dims){.batch = sq->dim[0],
                            .heads = heads,
                            .nq = sq->dim[1],
                            .nk = nk,
                            .nkp = (nk + lanes - 1) / lanes * lanes,
                            .width = sq->dim[2],
                            .size = sq->dim[2] / heads};
}

/* Position of query row i among the keys. */
static inline int64_t attention_position(const ppi_mask *m, int64_t i) {
    return m->q_offset + (m->q_rows.at ? m->q_rows.at[i] : i);
}

/* Every query row sees a key, its own where others may be blocked. */
static inline bool attention_rows_see(const ppi_kernel_args *a, const attention_dims *d, bool own) {
    for (int64_t i = 0; i < d->nq; i++) {
        const int64_t self = attention_position(&a->params.attention.mask, i);
        if (own && (self >= d->nk || !ppi_mask_allows(&a->params.attention.mask, i, self)))
            return false;
        int64_t k = 0;
        while (k < d->nk && !ppi_mask_allows(&a->params.attention.mask, i, k)) k++;
        if (k == d->nk) return false;
    }
    return true;
}

/* Operand of the blocked keys, which may be absent. */
static inline int attention_blocked(int q) {
    return q == 0 ? 3 : 6;
}

/* The shapes suit kernels of `lanes` lanes. */
static inline bool attention_shape_fits(const ppi_kernel_args *a, int q, int lanes) {
    if (a->accumulate) return false;
    const attention_dims d = attention_sizes(a, q, lanes);
    const bool blocks = a->n_in > attention_blocked(q);
    return d.size % lanes == 0 && d.nk <= PPI_ATTENTION_MAX && d.nq <= PPI_ATTENTION_MAX &&
           attention_rows_see(a, &d, blocks);
}

static inline void attention_teardown(ppi_kernel_args *a) {
    attention_state *s = a->state;
    if (!s) return;
    ppi_free(s->end);
    ppi_free(s->first);
    ppi_free(s->seen);
    ppi_free(s);
    a->state = NULL;
}

/* Writes the mask of one query row. */
static inline void attention_row(attention_state *s, const ppi_mask *mask, int64_t i, int lanes) {
    for (int64_t k = 0; k < s->nk; k++) {
        if (!ppi_mask_allows(mask, i, k)) continue;
        s->seen[i * s->groups + k / lanes] |= (uint16_t)(1u << (k % lanes));
        s->end[i] = k + 1;
        if (i < s->first[k]) s->first[k] = i;
    }
}

static inline pp_status attention_prepare(ppi_kernel_args *a, int q, int lanes) {
    const attention_dims d = attention_sizes(a, q, lanes);
    attention_state *s = ppi_calloc(1, sizeof *s);
    if (!s) return ppi_oom("attention state");
    a->state = s;
    s->nq = d.nq;
    s->nk = d.nk;
    s->nkp = d.nkp;
    s->groups = d.nkp / lanes;
    s->end = ppi_calloc((size_t)d.nq, sizeof *s->end);
    s->first = ppi_calloc((size_t)d.nk, sizeof *s->first);
    s->seen = ppi_calloc((size_t)(d.nq * s->groups), sizeof *s->seen);
    if (!s->end || !s->first || !s->seen) {
        attention_teardown(a);
        return ppi_oom("attention mask");
    }
    for (int64_t k = 0; k < d.nk; k++) s->first[k] = d.nq;
    for (int64_t i = 0; i < d.nq; i++) attention_row(s, &a->params.attention.mask, i, lanes);
    return PP_OK;
}

/* One past the last key that any of the rows i0.. sees. */
static inline int64_t attention_end(const attention_state *s, int64_t i0, int64_t rows) {
    int64_t end = 0;
    for (int64_t i = i0; i < i0 + rows; i++) end = ppi_max64(end, s->end[i]);
    return end;
}

/* The first query row that sees any of the keys k0.. */
static inline int64_t attention_first(const attention_state *s, int64_t k0, int64_t rows) {
    int64_t first = s->nq;
    for (int64_t k = k0; k < k0 + rows; k++) first = ppi_min64(first, s->first[k]);
    return first;
}

/* Threads for a node: products and packing both count. */
static inline int attention_team(const ppi_kernel_args *a, const attention_dims *d) {
    return ppi_team(d->batch * d->heads * d->nk * (d->nq + d->size), a->threads);
}

#endif
