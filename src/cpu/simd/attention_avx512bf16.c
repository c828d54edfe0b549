/* Attention on bf16 operands with AVX512_BF16, one task per (batch, head) whose window fits the
   cache. The operands of the products are laid out in pairs once per head; scores, softmax and sums
   are f32, probabilities and gradients of scores are rounded to bf16 for the products that follow.
   Blocks of PT_ROWS query rows meet the keys they can see only, so a causal mask halves the work.
   The backward pass recomputes the probabilities from the saved log-sum-exp. */
#include "cpu/simd/vec_avx512bf16.h"

#include <assert.h>

#include "cpu/simd/attention_drop.h"
#include "cpu/simd/tile_bf16.h"

static_assert((int)PT_ROWS <= (int)DROP_ROWS, "the masks of a block of rows fit");

static const float log2_e = 1.44269504f;
static const float ln_2 = 0.69314718f;

/* 2^x in the lanes kept, 0 in others, to 3e-6 relative, a thousandth of what bf16 keeps. */
VFN vf v_exp2_where(__mmask16 keep, vf x) {
    const vf r = _mm512_reduce_ps(x, 0x09); /* x - floor(x) */
    vf p = v_set(1.3534168e-2f);
    p = v_fma(p, r, v_set(5.20114619e-2f));
    p = v_fma(p, r, v_set(2.41442755e-1f));
    p = v_fma(p, r, v_set(6.93003835e-1f));
    p = v_fma(p, r, v_set(1.00000259f));
    return _mm512_maskz_scalef_ps(keep, p, x);
}

VFN vf v_choose(const bool sum, vf a, vf b) {
    return sum ? v_add(a, b) : v_max(a, b);
}

/* Lane r of the result, r < 8, is the sum or the largest lane of x[r]. */
VFN vf v_across(const bool sum, const vf x[8]) {
    vf t[4], u[2];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const vf a = x[2 * i], b = x[2 * i + 1];
        t[i] = v_choose(sum, _mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const vf a = t[2 * i], b = t[2 * i + 1];
        u[i] = v_choose(sum, _mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
    }
    const vf v = v_choose(sum, _mm512_shuffle_f32x4(u[0], u[1], 0x44),
                          _mm512_shuffle_f32x4(u[0], u[1], 0xee));
    return v_choose(sum, _mm512_shuffle_f32x4(v, v, 0x88), _mm512_shuffle_f32x4(v, v, 0xdd));
}

/* Logarithm of base 2 of normal positive numbers to 3e-7. */
VFN vf v_log2(vf x) {
    const vf one = v_set(1.0f);
    const vf m = _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src);
    const __mmask16 high = _mm512_cmp_ps_mask(m, v_set(1.41421356f), _CMP_GT_OQ);
    const vf e = _mm512_mask_add_ps(_mm512_getexp_ps(x), high, _mm512_getexp_ps(x), one);
    const vf c = _mm512_mask_mul_ps(m, high, m, v_set(0.5f));
    /* log(c) = 2 artanh(t) */
    const vf t = v_div(v_sub(c, one), v_add(c, one));
    const vf t2 = v_mul(t, t);
    vf p = v_set(2.88539008f / 9.0f);
    p = v_fma(p, t2, v_set(2.88539008f / 7.0f));
    p = v_fma(p, t2, v_set(2.88539008f / 5.0f));
    p = v_fma(p, t2, v_set(2.88539008f / 3.0f));
    p = v_fma(p, t2, v_set(2.88539008f));
    return v_fma(p, t, e);
}

static int64_t even(int64_t n) {
    return (n + 1) / 2 * 2;
}

static bool attention_fits(const ppi_kernel_args *a, int q, int operands) {
    for (int i = 0; i < operands; i++) {
        if (a->in[i].dtype != PPI_BF16) return false;
    }
    return attention_shape_fits(a, q, VW);
}

static bool attention_accepts(const ppi_kernel_args *a) {
    return ppi_is_float(a->out[0].dtype) && a->out[1].dtype == PPI_F32 && attention_fits(a, 0, 3);
}

static bool attention_grad_accepts(const ppi_kernel_args *a) {
    return a->in[5].dtype == PPI_F32 && ppi_is_float(a->out[0].dtype) &&
           ppi_is_float(a->out[1].dtype) && ppi_is_float(a->out[2].dtype) &&
           attention_fits(a, 1, 5);
}

static pp_status attention_setup(ppi_kernel_args *a) {
    return attention_prepare(a, 0, VW);
}
static pp_status attention_grad_setup(ppi_kernel_args *a) {
    return attention_prepare(a, 1, VW);
}

/* The first element of a task's head in an operand with `rows` rows. */
static int64_t head_at(const attention_dims *d, int64_t task, int64_t rows) {
    return task / d->heads * rows * d->width + task % d->heads * d->size;
}

static const uint16_t *head_of(const ppi_operand *x, int64_t at) {
    return (const uint16_t *)x->data + at;
}

/* Rows of bf16 seen as words of pairs. */
static pair_a row_words(const uint16_t *x, int64_t ld) {
    return (pair_a){(const uint32_t *)(const void *)x, ld / 2, 1};
}

/* Scratch is counted in words of 32 bits; the parts of a head's scratch and where they start. */
enum { PARTS = 8 };
typedef struct head_layout {
    int64_t at[PARTS + 1]; /* word of each part; the last is the end, a whole cache line */
} head_layout;

static head_layout layout_make(const int64_t words[PARTS]) {
    head_layout l = {{0}};
    for (int i = 0; i < PARTS; i++) l.at[i + 1] = l.at[i] + (words[i] + 15) / 16 * 16;
    return l;
}

static size_t layout_bytes(const head_layout *l, int threads) {
    return (size_t)l->at[PARTS] * sizeof(uint32_t) * (size_t)(threads < 1 ? 1 : threads);
}

static uint32_t *layout_scratch(const ppi_kernel_args *a, const head_layout *l, int thread) {
    return (uint32_t *)a->workspace + l->at[PARTS] * thread;
}

/* ---- forward ---- */

enum {
    FWD_KT,   /* [size/2, nkp] words of k, transposed */
    FWD_V,    /* [nk/2, size] row pairs of v */
    FWD_S,    /* [PT_ROWS, nkp] f32 scores of a block of rows */
    FWD_PROB, /* [PT_ROWS, nkp] bf16 probabilities times their sum */
};

static head_layout forward_layout(const attention_dims *d) {
    const int64_t words[PARTS] = {
        [FWD_KT] = d->size / 2 * d->nkp,
        [FWD_V] = even(d->nk) / 2 * d->size,
        [FWD_S] = PT_ROWS * d->nkp,
        [FWD_PROB] = PT_ROWS * d->nkp / 2,
    };
    return layout_make(words);
}

static size_t attention_workspace(const ppi_kernel_args *a) {
    const attention_dims d = attention_sizes(a, 0, VW);
    const head_layout l = forward_layout(&d);
    return layout_bytes(&l, a->threads);
}

/* prob = e^(scale s) up to a factor of the row for the keys seen, 0 elsewhere, in `groups` vectors
   of keys, of which dropout then leaves some. factor [VW] gets `gain` over the sums of prob, lse
   (may be NULL) the logarithms of the sums of e^(scale s). */
VFN void softmax_block(const bool drops, uint16_t *prob, const float *s,
                       const attention_state *state, const block_masks *masks, int64_t rows,
                       int64_t groups, float scale, float gain, float *factor, float *lse) {
    const vf vscale = v_set(scale * log2_e);
    vf reduced[8];
    float max[VW];
    for (int r = 0; r < 8; r++) reduced[r] = v_zero();
    for (int64_t r = 0; r < rows; r++) {
        const float *row = s + r * state->nkp;
        const uint16_t *keys = masks->seen + r * masks->stride;
        vf m = v_set(-INFINITY);
        for (int64_t g = 0; g < groups; g++)
            m = _mm512_mask_max_ps(m, keys[g], m, v_mul(v_load(row + g * VW), vscale));
        reduced[r] = m;
    }
    const vf top = v_across(false, reduced);
    v_store(max, top);
    for (int64_t r = 0; r < rows; r++) {
        const float *row = s + r * state->nkp;
        const uint16_t *keys = masks->seen + r * masks->stride;
        const uint16_t *keep = drops ? masks->keep + r * masks->stride : keys;
        uint16_t *to = prob + r * state->nkp;
        const vf vmax = v_set(-max[r]);
        vf sum = v_zero();
        for (int64_t g = 0; g < groups; g++) {
            vf e = v_exp2_where(keys[g], v_fma(v_load(row + g * VW), vscale, vmax));
            sum = v_add(sum, e);
            if (drops) e = _mm512_maskz_mov_ps(keep[g], e);
            _mm256_storeu_si256((__m256i *)(void *)(to + g * VW), (__m256i)_mm512_cvtneps_pbh(e));
        }
        reduced[r] = sum;
    }
    const vf sum = v_across(true, reduced);
    v_store(factor, v_div(v_set(gain), sum));
    if (lse) v_store_n(lse, v_mul(v_add(top, v_log2(sum)), v_set(ln_2)), rows);
}

static void attention_head(const ppi_kernel_args *a, const attention_dims *d, const head_layout *l,
                           head_masks *masks, uint32_t *scratch, int64_t task) {
    const attention_state *s = a->state;
    const int64_t k_at = head_at(d, task, d->nk);
    const int64_t q_at = head_at(d, task, d->nq);
    uint32_t *kt = scratch + l->at[FWD_KT];
    uint32_t *v = scratch + l->at[FWD_V];
    float *score = (float *)(void *)(scratch + l->at[FWD_S]);
    uint16_t *prob = (uint16_t *)(void *)(scratch + l->at[FWD_PROB]);
    float *lse = a->out[1].data;
    head_masks_turn(masks, a, attention_blocked(0), task);
    pack_pairs_transposed(kt, d->nkp, head_of(&a->in[1], k_at), d->width, d->nk, d->size);
    pack_row_pairs(v, head_of(&a->in[2], k_at), d->width, d->nk, d->size);
    for (int64_t i0 = 0; i0 < d->nq; i0 += PT_ROWS) {
        const int64_t rows = ppi_min64(PT_ROWS, d->nq - i0);
        const int64_t end = attention_end(s, i0, rows);
        const int64_t groups = (end + VW - 1) / VW;
        const int64_t at = q_at + i0 * d->width;
        const block_masks m = head_masks_rows(masks, i0, rows, groups);
        float *lse_at = lse ? lse + task * d->nq + i0 : NULL;
        float inverse[VW];
        pair_product(rows, (pair_out){.c = score, .ld = d->nkp},
                     row_words(head_of(&a->in[0], at), d->width), kt, d->nkp, groups * VW,
                     d->size / 2);
        if (m.keep) {
            softmax_block(true, prob, score, s, &m, rows, groups, a->params.attention.scale,
                          masks->rule.gain, inverse, lse_at);
        } else {
            softmax_block(false, prob, score, s, &m, rows, groups, a->params.attention.scale, 1.0f,
                          inverse, lse_at);
        }
        if (!a->out[0].data) continue;
        pair_product(rows, (pair_out){.y = &a->out[0], .at = at, .ld = d->width, .factor = inverse},
                     row_words(prob, d->nkp), v, d->size, d->size, even(end) / 2);
    }
}

static pp_status attention_run(const ppi_kernel_args *a) {
    const attention_dims d = attention_sizes(a, 0, VW);
    const head_layout l = forward_layout(&d);
    const int nt = attention_team(a, &d);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(d.batch * d.heads, 1, t, nt);
        head_masks masks;
        head_masks_begin(&masks, a);
        for (int64_t task = r.from; task < r.to; task++)
            attention_head(a, &d, &l, &masks, layout_scratch(a, &l, t), task);
    }
    return PP_OK;
}

/* ---- gradient ---- */

enum {
    BWD_KT, /* [size/2, nkp] words of k, transposed */
    BWD_VT, /* [size/2, nkp] words of v, transposed */
    BWD_K,  /* [nk/2, size] row pairs of k */
    BWD_Q,  /* [nq/2, size] row pairs of q */
    BWD_DY, /* [nq/2, size] row pairs of dy */
    BWD_P,  /* [nq/2, nkp] row pairs of the probabilities */
    BWD_DS, /* [nq/2, nkp] row pairs of the gradients of the scaled scores */
    BWD_TILE,
};

/* What a block of query rows needs, all in BWD_TILE. */
typedef struct tile_scratch {
    float *s;     /* [PT_ROWS, nkp] scores */
    float *dp;    /* [PT_ROWS, nkp] gradients of the probabilities */
    uint16_t *ds; /* [PT_ROWS, nkp] gradients of the scaled scores, in rows */
} tile_scratch;

static head_layout backward_layout(const attention_dims *d) {
    const int64_t words[PARTS] = {
        [BWD_KT] = d->size / 2 * d->nkp,      [BWD_VT] = d->size / 2 * d->nkp,
        [BWD_K] = even(d->nk) / 2 * d->size,  [BWD_Q] = even(d->nq) / 2 * d->size,
        [BWD_DY] = even(d->nq) / 2 * d->size, [BWD_P] = even(d->nq) / 2 * d->nkp,
        [BWD_DS] = even(d->nq) / 2 * d->nkp,  [BWD_TILE] = PT_ROWS * d->nkp * 5 / 2,
    };
    return layout_make(words);
}

static size_t attention_grad_workspace(const ppi_kernel_args *a) {
    const attention_dims d = attention_sizes(a, 1, VW);
    const head_layout l = backward_layout(&d);
    return layout_bytes(&l, a->threads);
}

static tile_scratch tile_of(uint32_t *at, const attention_dims *d) {
    float *s = (float *)(void *)at;
    return (tile_scratch){s, s + PT_ROWS * d->nkp, (uint16_t *)(void *)(s + 2 * PT_ROWS * d->nkp)};
}

/* Sum over the head of dy y, one row. */
static float row_delta(const uint16_t *y, const uint16_t *dy, int64_t size) {
    vf s = v_zero();
    int64_t c = 0;
    for (; c + 2 * VW <= size; c += 2 * VW)
        s = pair_fma(s, _mm512_loadu_si512(y + c), _mm512_loadu_si512(dy + c));
    if (c < size) s = v_fma(v_load_bf16(y + c), v_load_bf16(dy + c), s);
    return v_sum(s);
}

/* Two query rows' numbers; the second row may be absent. */
typedef struct row_pair {
    const uint16_t *seen[2];
    const uint16_t *keep[2]; /* NULL without dropout */
    float gain;              /* of what dropout keeps */
    float lse[2];            /* base 2 */
    float delta[2];
} row_pair;

/* Numbers of one row on all lanes. */
typedef struct row_lanes {
    vf scale, lse, delta, gain;
} row_lanes;

/* Probability, as dropout leaves it, and gradient of the scaled score of the keys of group g, whose
   scores and gradients of probabilities lie at s and dp. */
VFN vf score_gradient(const bool drops, const row_pair *x, int row, int64_t g, const float *s,
                      const float *dp, const row_lanes *l, vf *p) {
    const vf e = v_exp2_where(x->seen[row][g], _mm512_fmsub_ps(v_load(s), l->scale, l->lse));
    *p = e;
    if (!drops) return v_mul(e, v_sub(v_load(dp), l->delta));
    *p = _mm512_maskz_mul_ps(x->keep[row][g], e, l->gain);
    return v_mul(e, v_sub(_mm512_maskz_mul_ps(x->keep[row][g], v_load(dp), l->gain), l->delta));
}

/* From the scores and gradients of probabilities of two rows of the tile to the words of both: p
   and ds (row pairs) and the tile's ds (rows). Keys from `groups` on get zeros. */
VFN void score_gradients(const bool both, const bool drops, uint32_t *p, uint32_t *ds,
                         const tile_scratch *w, int64_t row, const row_pair *x, int64_t groups,
                         int64_t nkp, float scale) {
    const row_lanes first = {v_set(scale), v_set(x->lse[0]), v_set(x->delta[0]), v_set(x->gain)};
    const row_lanes second = {v_set(scale), v_set(x->lse[1]), v_set(x->delta[1]), v_set(x->gain)};
    const float *s = w->s + row * nkp;
    const float *dp = w->dp + row * nkp;
    uint16_t *rows = w->ds + row * nkp;
    for (int64_t g = 0; g < groups; g++) {
        const int64_t k = g * VW;
        vf p0;
        vf p1 = v_zero();
        vf d1 = v_zero();
        const vf d0 = score_gradient(drops, x, 0, g, s + k, dp + k, &first, &p0);
        if (both) d1 = score_gradient(drops, x, 1, g, s + nkp + k, dp + nkp + k, &second, &p1);
        vi halves;
        _mm512_storeu_si512(p + k, pair_words(p0, p1, &halves));
        _mm512_storeu_si512(ds + k, pair_words(d0, d1, &halves));
        _mm256_storeu_si256((__m256i *)(void *)(rows + k), _mm512_castsi512_si256(halves));
        _mm256_storeu_si256((__m256i *)(void *)(rows + nkp + k),
                            _mm512_extracti64x4_epi64(halves, 1));
    }
    for (int64_t k = groups * VW; k < nkp; k += VW) {
        _mm512_storeu_si512(p + k, _mm512_setzero_si512());
        _mm512_storeu_si512(ds + k, _mm512_setzero_si512());
    }
}

/* The tile's scores and gradients of probabilities of `rows` query rows to their gradients. */
static void block_gradients(const ppi_kernel_args *a, const attention_dims *d, uint32_t *p,
                            uint32_t *ds, const tile_scratch *w, head_masks *masks, int64_t i0,
                            int64_t rows, int64_t groups) {
    const int64_t task = masks->head;
    const block_masks m = head_masks_rows(masks, i0, rows, groups);
    const float *lse = (const float *)a->in[5].data + task * d->nq;
    const float scale = a->params.attention.scale * log2_e;
    const int64_t at = head_at(d, task, d->nq);
    for (int64_t r = 0; r < rows; r += 2) {
        const bool both = r + 1 < rows;
        row_pair x = {.gain = m.keep ? masks->rule.gain : 1.0f};
        for (int k = 0; k < (both ? 2 : 1); k++) {
            const int64_t i = i0 + r + k;
            x.seen[k] = m.seen + (r + k) * m.stride;
            if (m.keep) x.keep[k] = m.keep + (r + k) * m.stride;
            x.lse[k] = lse[i] * log2_e;
            x.delta[k] = row_delta(head_of(&a->in[4], at + i * d->width),
                                   head_of(&a->in[0], at + i * d->width), d->size);
        }
        const int64_t to = r / 2 * d->nkp;
        if (both && m.keep) {
            score_gradients(true, true, p + to, ds + to, w, r, &x, groups, d->nkp, scale);
        } else if (both) {
            score_gradients(true, false, p + to, ds + to, w, r, &x, groups, d->nkp, scale);
        } else if (m.keep) {
            score_gradients(false, true, p + to, ds + to, w, r, &x, groups, d->nkp, scale);
        } else {
            score_gradients(false, false, p + to, ds + to, w, r, &x, groups, d->nkp, scale);
        }
    }
}

/* dq of a head, and the row pairs of probabilities and gradients of scores that dk and dv need. */
static void query_gradient(const ppi_kernel_args *a, const attention_dims *d, const head_layout *l,
                           head_masks *masks, uint32_t *scratch, int64_t task,
                           const float *factor) {
    const attention_state *s = a->state;
    const int64_t q_at = head_at(d, task, d->nq);
    const tile_scratch w = tile_of(scratch + l->at[BWD_TILE], d);
    for (int64_t i0 = 0; i0 < d->nq; i0 += PT_ROWS) {
        const int64_t rows = ppi_min64(PT_ROWS, d->nq - i0);
        const int64_t end = attention_end(s, i0, rows);
        const int64_t groups = (end + VW - 1) / VW;
        const int64_t at = q_at + i0 * d->width;
        const int64_t pairs_at = i0 / 2 * d->nkp;
        pair_product(rows, (pair_out){.c = w.s, .ld = d->nkp},
                     row_words(head_of(&a->in[1], at), d->width), scratch + l->at[BWD_KT], d->nkp,
                     groups * VW, d->size / 2);
        pair_product(rows, (pair_out){.c = w.dp, .ld = d->nkp},
                     row_words(head_of(&a->in[0], at), d->width), scratch + l->at[BWD_VT], d->nkp,
                     groups * VW, d->size / 2);
        block_gradients(a, d, scratch + l->at[BWD_P] + pairs_at, scratch + l->at[BWD_DS] + pairs_at,
                        &w, masks, i0, rows, groups);
        if (!a->out[0].data) continue;
        pair_product(rows, (pair_out){.y = &a->out[0], .at = at, .ld = d->width, .factor = factor},
                     row_words(w.ds, d->nkp), scratch + l->at[BWD_K], d->size, d->size,
                     even(end) / 2);
    }
}

/* dk or dv: for each block of keys, its columns of `weights` (row pairs) times the rows that see
 * them. */
static void key_gradient(const ppi_operand *y, const attention_dims *d, const attention_state *s,
                         int64_t task, const uint32_t *weights, const uint32_t *rows_of,
                         const float *factor) {
    if (!y->data) return;
    const int64_t k_at = head_at(d, task, d->nk);
    for (int64_t k0 = 0; k0 < d->nk; k0 += PT_ROWS) {
        const int64_t rows = ppi_min64(PT_ROWS, d->nk - k0);
        const int64_t pair = attention_first(s, k0, rows) / 2;
        pair_product(
            rows, (pair_out){.y = y, .at = k_at + k0 * d->width, .ld = d->width, .factor = factor},
            (pair_a){weights + pair * d->nkp + k0, 1, d->nkp}, rows_of + pair * d->size, d->size,
            d->size, even(d->nq) / 2 - pair);
    }
}

static void attention_grad_head(const ppi_kernel_args *a, const attention_dims *d,
                                const head_layout *l, head_masks *masks, uint32_t *scratch,
                                int64_t task) {
    const attention_state *s = a->state;
    const int64_t k_at = head_at(d, task, d->nk);
    const int64_t q_at = head_at(d, task, d->nq);
    const uint16_t *k = head_of(&a->in[2], k_at);
    float one[PT_ROWS];
    float scale[PT_ROWS];
    for (int r = 0; r < PT_ROWS; r++) {
        one[r] = 1.0f;
        scale[r] = a->params.attention.scale;
    }
    pack_pairs_transposed(scratch + l->at[BWD_KT], d->nkp, k, d->width, d->nk, d->size);
    pack_pairs_transposed(scratch + l->at[BWD_VT], d->nkp, head_of(&a->in[3], k_at), d->width,
                          d->nk, d->size);
    pack_row_pairs(scratch + l->at[BWD_K], k, d->width, d->nk, d->size);
    pack_row_pairs(scratch + l->at[BWD_Q], head_of(&a->in[1], q_at), d->width, d->nq, d->size);
    pack_row_pairs(scratch + l->at[BWD_DY], head_of(&a->in[0], q_at), d->width, d->nq, d->size);
    head_masks_turn(masks, a, attention_blocked(1), task);
    query_gradient(a, d, l, masks, scratch, task, scale);
    key_gradient(&a->out[1], d, s, task, scratch + l->at[BWD_DS], scratch + l->at[BWD_Q], scale);
    key_gradient(&a->out[2], d, s, task, scratch + l->at[BWD_P], scratch + l->at[BWD_DY], one);
}

static pp_status attention_grad_run(const ppi_kernel_args *a) {
    const attention_dims d = attention_sizes(a, 1, VW);
    const head_layout l = backward_layout(&d);
    const int nt = attention_team(a, &d);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(d.batch * d.heads, 1, t, nt);
        head_masks masks;
        head_masks_begin(&masks, a);
        for (int64_t task = r.from; task < r.to; task++)
            attention_grad_head(a, &d, &l, &masks, layout_scratch(a, &l, t), task);
    }
    return PP_OK;
}

const ppi_kernel_entry PPI_SIMD(attention_table)[] = {
    {PPI_OP_ATTENTION,
     {PPI_SIMD_NAME "attention", attention_accepts, attention_workspace, attention_setup,
      attention_teardown, attention_run}},
    {PPI_OP_ATTENTION_GRAD,
     {PPI_SIMD_NAME "attention_grad", attention_grad_accepts, attention_grad_workspace,
      attention_grad_setup, attention_teardown, attention_grad_run}},
    {0},
};
