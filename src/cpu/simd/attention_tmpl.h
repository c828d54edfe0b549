/* Attention over windows that fit the cache, one task per (batch, head). Keys and values of the
   head are packed to f32 in the thread's scratch; blocks of VG_ROWS query rows are multiplied with
   the keys they can see, so a causal mask halves the work. The backward pass recomputes the
   probabilities from the saved log-sum-exp. Included once per instruction set after its vector
   header. */
#include <assert.h>
#include <string.h>

#include "cpu/simd/attention_drop.h"
#include "cpu/simd/tile_tmpl.h"

static_assert((int)VG_ROWS <= (int)DROP_ROWS, "the masks of a block of rows fit");

static bool attention_fits(const ppi_kernel_args *a, int q) {
    for (int i = 0; i < attention_blocked(q); i++) {
        if (i < a->n_in && !ppi_is_float(a->in[i].dtype)) return false;
    }
    return attention_shape_fits(a, q, VW);
}

static bool attention_accepts(const ppi_kernel_args *a) {
    return attention_fits(a, 0) && ppi_is_float(a->out[0].dtype) && a->out[1].dtype == PPI_F32;
}

static bool attention_grad_accepts(const ppi_kernel_args *a) {
    return attention_fits(a, 1) && a->in[5].dtype == PPI_F32 && ppi_is_float(a->out[0].dtype) &&
           ppi_is_float(a->out[1].dtype) && ppi_is_float(a->out[2].dtype);
}

static pp_status attention_setup(ppi_kernel_args *a) {
    return attention_prepare(a, 0, VW);
}
static pp_status attention_grad_setup(ppi_kernel_args *a) {
    return attention_prepare(a, 1, VW);
}

/* y[r][0..size) = x[r][0..size) as f32; x has `ld` elements per row and starts at `at`. */
static void pack_rows(float *y, const ppi_operand *x, int64_t at, int64_t ld, int64_t rows,
                      int64_t size) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < size; i += VW)
            v_store(y + r * size + i, v_get(x->data, x->dtype, at + r * ld + i));
    }
}

/* y[c][r] = x[r][c], y's rows padded with zeros to `pad`. */
static void pack_transposed(float *y, int64_t pad, const ppi_operand *x, int64_t at, int64_t ld,
                            int64_t rows, int64_t size) {
    for (int64_t r = 0; r < rows; r += VW) {
        for (int64_t c = 0; c < size; c += VW) {
            vf in[VW];
            for (int k = 0; k < VW; k++)
                in[k] = r + k < rows ? v_get(x->data, x->dtype, at + (r + k) * ld + c) : v_zero();
            v_transpose(y + c * pad + r, pad, in);
        }
    }
}

static void unpack_rows(const ppi_operand *y, int64_t at, int64_t ld, const float *x, int64_t rows,
                        int64_t size, const float *scale) {
    for (int64_t r = 0; r < rows; r++) {
        const vf s = v_set(scale ? scale[r] : 1.0f);
        for (int64_t i = 0; i < size; i += VW)
            v_put(y->data, y->dtype, at + r * ld + i, v_mul(v_load(x + r * size + i), s));
    }
}

/* Scores to e^(scale s - max) in place, 0 where the key is not seen; returns their sum, *max_out
   the largest. */
static float softmax_scores(float *s, const uint16_t *seen, int64_t n, float scale,
                            float *max_out) {
    const vf vscale = v_set(scale);
    const vf none = v_set(-INFINITY);
    vf m = none;
    for (int64_t k = 0; k < n; k += VW) {
        const vf v = v_where(seen[k / VW], v_mul(v_load(s + k), vscale), none);
        v_store(s + k, v);
        m = v_max(m, v);
    }
    const float max = v_hmax(m);
    const vf vmax = v_set(max);
    vf sum = v_zero();
    for (int64_t k = 0; k < n; k += VW) {
        const vf e = v_exp(v_sub(v_load(s + k), vmax));
        v_store(s + k, e);
        sum = v_add(sum, e);
    }
    *max_out = max;
    return v_sum(sum);
}

/* What is dropped becomes zero, the rest is multiplied by `gain`. */
static void drop_row(float *x, const uint16_t *keep, int64_t n, float gain) {
    for (int64_t k = 0; k < n; k += VW)
        v_store(x + k, v_where(keep[k / VW], v_mul(v_load(x + k), v_set(gain)), v_zero()));
}

/* Floats of scratch of one thread. */
static int64_t attention_scratch(const attention_dims *d) {
    return d->size * d->nkp + d->nk * d->size + VG_ROWS * (2 * d->size + d->nkp) + 64;
}

static size_t attention_workspace(const ppi_kernel_args *a) {
    const attention_dims d = attention_sizes(a, 0, VW);
    const int threads = a->threads < 1 ? 1 : a->threads;
    return (size_t)((attention_scratch(&d) + 15) / 16 * 16) * (size_t)threads * sizeof(float);
}

static void attention_head(const ppi_kernel_args *a, const attention_dims *d, head_masks *masks,
                           float *scratch, int64_t task) {
    const attention_state *s = a->state;
    const int64_t b = task / d->heads;
    const int64_t h = task % d->heads;
    float *kt = scratch;
    float *v = kt + d->size * d->nkp;
    float *q = v + d->nk * d->size;
    float *o = q + VG_ROWS * d->size;
    float *p = o + VG_ROWS * d->size;
    const int64_t k_at = b * d->nk * d->width + h * d->size;
    const int64_t q_at = b * d->nq * d->width + h * d->size;
    float *lse = a->out[1].data;
    head_masks_turn(masks, a, attention_blocked(0), task);
    pack_transposed(kt, d->nkp, &a->in[1], k_at, d->width, d->nk, d->size);
    pack_rows(v, &a->in[2], k_at, d->width, d->nk, d->size);
    for (int64_t i0 = 0; i0 < d->nq; i0 += VG_ROWS) {
        const int64_t rows = ppi_min64(VG_ROWS, d->nq - i0);
        const int64_t end = attention_end(s, i0, rows);
        const int64_t wide = (end + VW - 1) / VW * VW;
        const block_masks m = head_masks_rows(masks, i0, rows, wide / VW);
        float inverse[VG_ROWS];
        pack_rows(q, &a->in[0], q_at + i0 * d->width, d->width, rows, d->size);
        tile_product(rows, p, d->nkp, (tile_a){q, d->size, 1}, kt, d->nkp, wide, d->size);
        for (int64_t r = 0; r < rows; r++) {
            float max;
            const float sum = softmax_scores(p + r * d->nkp, m.seen + r * m.stride, wide,
                                             a->params.attention.scale, &max);
            if (m.keep) drop_row(p + r * d->nkp, m.keep + r * m.stride, wide, masks->rule.gain);
            inverse[r] = 1.0f / sum;
            if (lse) lse[task * d->nq + i0 + r] = max + logf(sum);
        }
        tile_product(rows, o, d->size, (tile_a){p, d->nkp, 1}, v, d->size, d->size, end);
        if (a->out[0].data)
            unpack_rows(&a->out[0], q_at + i0 * d->width, d->width, o, rows, d->size, inverse);
    }
}

static pp_status attention_run(const ppi_kernel_args *a) {
    const attention_dims d = attention_sizes(a, 0, VW);
    const int64_t tasks = d.batch * d.heads;
    const int64_t each = (attention_scratch(&d) + 15) / 16 * 16;
    const int nt = attention_team(a, &d);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(tasks, 1, t, nt);
        head_masks masks;
        head_masks_begin(&masks, a);
        for (int64_t task = r.from; task < r.to; task++)
            attention_head(a, &d, &masks, (float *)a->workspace + each * t, task);
    }
    return PP_OK;
}

/* ---- gradient ---- */

/* A head's matrices as f32. */
typedef struct head_scratch {
    float *q, *dy;  /* [nq, size] */
    float *k;       /* [nk, size] */
    float *kt, *vt; /* [size, nkp] */
    float *p, *dp;  /* [nq, nkp]: probabilities, then gradients of the scores */
    float *delta;   /* [nq] sum of dy y */
    float *tile;    /* [VG_ROWS, size] */
} head_scratch;

static int64_t attention_grad_scratch(const attention_dims *d) {
    return 2 * d->nq * d->size + d->nk * d->size + 2 * d->size * d->nkp + 2 * d->nq * d->nkp +
           d->nq + VG_ROWS * d->size + 64;
}

static size_t attention_grad_workspace(const ppi_kernel_args *a) {
    const attention_dims d = attention_sizes(a, 1, VW);
    const int threads = a->threads < 1 ? 1 : a->threads;
    return (size_t)((attention_grad_scratch(&d) + 15) / 16 * 16) * (size_t)threads * sizeof(float);
}

static head_scratch head_layout(const attention_dims *d, float *at) {
    head_scratch w;
    w.q = at;
    w.dy = w.q + d->nq * d->size;
    w.k = w.dy + d->nq * d->size;
    w.kt = w.k + d->nk * d->size;
    w.vt = w.kt + d->size * d->nkp;
    w.p = w.vt + d->size * d->nkp;
    w.dp = w.p + d->nq * d->nkp;
    w.tile = w.dp + d->nq * d->nkp;
    w.delta = w.tile + VG_ROWS * d->size;
    return w;
}

/* From scores and gradients of probabilities to probabilities and gradients of scores, one row. */
static void score_gradient(float *p, float *dp, const uint16_t *seen, int64_t wide, int64_t pad,
                           float scale, float lse, float delta) {
    const vf vscale = v_set(scale);
    const vf vlse = v_set(lse);
    const vf vdelta = v_set(delta);
    int64_t k = 0;
    for (; k < wide; k += VW) {
        const vf s = v_exp(v_sub(v_mul(v_load(p + k), vscale), vlse));
        const vf e = v_where(seen[k / VW], s, v_zero());
        v_store(p + k, e);
        v_store(dp + k, v_mul(v_mul(e, vscale), v_sub(v_load(dp + k), vdelta)));
    }
    for (; k < pad; k += VW) {
        v_store(p + k, v_zero());
        v_store(dp + k, v_zero());
    }
}

/* delta of row i: sum over the head of dy y. */
static float row_delta(const ppi_operand *y, int64_t at, const float *dy, int64_t size) {
    vf s = v_zero();
    for (int64_t i = 0; i < size; i += VW)
        s = v_fma(v_load(dy + i), v_get(y->data, y->dtype, at + i), s);
    return v_sum(s);
}

/* dk or dv: for each block of keys, the transposed weights times the rows that see them. */
static void key_gradient(const ppi_operand *out, int64_t at, const attention_dims *d,
                         const attention_state *s, const float *weights, const float *rows_of,
                         float *tile) {
    if (!out->data) return;
    for (int64_t k0 = 0; k0 < d->nk; k0 += VG_ROWS) {
        const int64_t rows = ppi_min64(VG_ROWS, d->nk - k0);
        const int64_t i0 = attention_first(s, k0, rows);
        const tile_a a = {weights + i0 * d->nkp + k0, 1, d->nkp};
        tile_product(rows, tile, d->size, a, rows_of + i0 * d->size, d->size, d->size, d->nq - i0);
        unpack_rows(out, at + k0 * d->width, d->width, tile, rows, d->size, NULL);
    }
}

static void attention_grad_head(const ppi_kernel_args *a, const attention_dims *d,
                                head_masks *masks, float *scratch, int64_t task) {
    const attention_state *s = a->state;
    const head_scratch w = head_layout(d, scratch);
    const int64_t b = task / d->heads;
    const int64_t h = task % d->heads;
    const int64_t k_at = b * d->nk * d->width + h * d->size;
    const int64_t q_at = b * d->nq * d->width + h * d->size;
    const float *lse = (const float *)a->in[5].data + task * d->nq;
    head_masks_turn(masks, a, attention_blocked(1), task);
    pack_rows(w.dy, &a->in[0], q_at, d->width, d->nq, d->size);
    pack_rows(w.q, &a->in[1], q_at, d->width, d->nq, d->size);
    pack_rows(w.k, &a->in[2], k_at, d->width, d->nk, d->size);
    pack_transposed(w.kt, d->nkp, &a->in[2], k_at, d->width, d->nk, d->size);
    pack_transposed(w.vt, d->nkp, &a->in[3], k_at, d->width, d->nk, d->size);
    for (int64_t i = 0; i < d->nq; i++)
        w.delta[i] = row_delta(&a->in[4], q_at + i * d->width, w.dy + i * d->size, d->size);
    for (int64_t i0 = 0; i0 < d->nq; i0 += VG_ROWS) {
        const int64_t rows = ppi_min64(VG_ROWS, d->nq - i0);
        const int64_t end = attention_end(s, i0, rows);
        const int64_t wide = (end + VW - 1) / VW * VW;
        const block_masks m = head_masks_rows(masks, i0, rows, wide / VW);
        float *p = w.p + i0 * d->nkp;
        float *dp = w.dp + i0 * d->nkp;
        tile_product(rows, p, d->nkp, (tile_a){w.q + i0 * d->size, d->size, 1}, w.kt, d->nkp, wide,
                     d->size);
        tile_product(rows, dp, d->nkp, (tile_a){w.dy + i0 * d->size, d->size, 1}, w.vt, d->nkp,
                     wide, d->size);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t i = i0 + r;
            const uint16_t *keep = m.keep ? m.keep + r * m.stride : NULL;
            if (keep) drop_row(dp + r * d->nkp, keep, wide, masks->rule.gain);
            score_gradient(p + r * d->nkp, dp + r * d->nkp, m.seen + r * m.stride, wide, d->nkp,
                           a->params.attention.scale, lse[i], w.delta[i]);
            if (keep) drop_row(p + r * d->nkp, keep, wide, masks->rule.gain);
        }
        if (!a->out[0].data) continue;
        tile_product(rows, w.tile, d->size, (tile_a){dp, d->nkp, 1}, w.k, d->size, d->size, end);
        unpack_rows(&a->out[0], q_at + i0 * d->width, d->width, w.tile, rows, d->size, NULL);
    }
    key_gradient(&a->out[1], k_at, d, s, w.dp, w.q, w.tile);
    key_gradient(&a->out[2], k_at, d, s, w.p, w.dy, w.tile);
}

static pp_status attention_grad_run(const ppi_kernel_args *a) {
    const attention_dims d = attention_sizes(a, 1, VW);
    const int64_t tasks = d.batch * d.heads;
    const int64_t each = (attention_grad_scratch(&d) + 15) / 16 * 16;
    const int nt = attention_team(a, &d);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(tasks, 1, t, nt);
        head_masks masks;
        head_masks_begin(&masks, a);
        for (int64_t task = r.from; task < r.to; task++)
            attention_grad_head(a, &d, &masks, (float *)a->workspace + each * t, task);
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
