/* Reference attention, one (batch, head) at a time. Score rows live in the workspace. A query that sees
   no key gives zeros and a log-sum-exp of minus infinity. */
#include <math.h>
#include <string.h>

#include "cpu/ref/ref.h"
#include "tensor/dropout.h"

/* Sizes and strides of a problem: row i of head h of batch b starts at (b * rows + i) * d + h * w. */
typedef struct shape {
    int64_t batch, nq, nk, d, w;
    int heads;
    double scale;
} shape;

static shape shape_of(const ppi_kernel_args *a, const ppi_shape *q, const ppi_shape *k) {
    const int heads = a->params.attention.heads;
    return (shape){q->dim[0], q->dim[1], k->dim[1], q->dim[2], q->dim[2] / heads, heads, (double)a->params.attention.scale};
}

/* Which keys a query row of a head sees at this step, and what their probabilities are multiplied by. */
typedef struct row_mask {
    const ppi_mask *mask;
    const uint8_t *blocked; /* [nk] of the batch element, or NULL */
    int64_t i, self;        /* row and its position */
    float p;                /* of dropout */
    uint32_t key[2];
    uint64_t step, block;
} row_mask;

/* `blocked`: the operand of blocked keys. */
static row_mask mask_of(const ppi_kernel_args *a, const shape *z, int blocked, int64_t b, int h, int64_t i) {
    const ppi_mask *m = &a->params.attention.mask;
    row_mask r = {.mask = m, .i = i, .self = m->q_offset + (m->q_rows.at ? m->q_rows.at[i] : i), .p = a->params.attention.dropout};
    if (blocked < a->n_in) r.blocked = (const uint8_t *)a->in[blocked].data + b * z->nk;
    if (r.p > 0.0f) {
        ppi_dropout_key(r.key, *a->seed, a->params.attention.site);
        r.step = *a->step;
        r.block = ppi_attention_dropout_block(b * z->heads + h, r.self, z->nk);
    }
    return r;
}

static bool sees(const row_mask *r, int64_t j) {
    return ppi_mask_allows(r->mask, r->i, j) && (!r->blocked || !r->blocked[j] || j == r->self);
}

static double gain(const row_mask *r, int64_t j) {
    if (r->p == 0.0f) return 1.0;
    uint32_t word[4];
    ppi_dropout_words(word, r->key, r->step, r->block + (uint64_t)(j / 8));
    const uint32_t half = word[j / 2 % 4] >> (j % 2 * 16) & 0xffffu;
    return half >= ppi_attention_dropout_threshold(r->p) ? (double)ppi_attention_dropout_gain(r->p) : 0.0;
}

static double dot(const ppi_operand *x, int64_t xi, const ppi_operand *y, int64_t yi, int64_t n) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += ref_get(x, xi + i) * ref_get(y, yi + i);
    return sum;
}

size_t ppi_ref_attention_workspace(const ppi_kernel_args *a) {
    return (size_t)(ref_row_stride(a->in[1].shape.dim[1]) * a->threads) * sizeof(double);
}

/* Output row i of one head; s: [nk] scores. */
static void attend_row(const ppi_kernel_args *a, const shape *z, int64_t b, int h, int64_t i, double *s) {
    const int64_t qi = (b * z->nq + i) * z->d + h * z->w;
    const int64_t k0 = b * z->nk * z->d + h * z->w;
    const row_mask m = mask_of(a, z, 3, b, h, i);
    double top = -INFINITY;
    double sum = 0.0;
    for (int64_t j = 0; j < z->nk; j++) {
        s[j] = sees(&m, j) ? z->scale * dot(&a->in[0], qi, &a->in[1], k0 + j * z->d, z->w) : -INFINITY;
        top = fmax(top, s[j]);
    }
    for (int64_t j = 0; j < z->nk; j++) {
        s[j] = s[j] == -INFINITY ? 0.0 : exp(s[j] - top);
        sum += s[j];
    }
    if (a->out[1].data) ref_set(&a->out[1], (b * z->heads + h) * z->nq + i, sum > 0.0 ? top + log(sum) : -INFINITY);
    for (int64_t j = 0; m.p > 0.0f && j < z->nk; j++) s[j] *= gain(&m, j);
    for (int64_t c = 0; a->out[0].data && c < z->w; c++) {
        double y = 0.0;
        for (int64_t j = 0; j < z->nk; j++) {
            if (s[j] != 0.0) y += s[j] * ref_get(&a->in[2], k0 + j * z->d + c);
        }
        ref_set(&a->out[0], qi + c, sum > 0.0 ? y / sum : 0.0);
    }
}

pp_status ppi_ref_attention(const ppi_kernel_args *a) {
    const shape z = shape_of(a, &a->in[0].shape, &a->in[1].shape);
    const int64_t stride = ref_row_stride(z.nk);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t bh = 0; bh < z.batch * z.heads; bh++) {
        double *s = (double *)a->workspace + ref_thread() * stride;
        for (int64_t i = 0; i < z.nq; i++) attend_row(a, &z, bh / z.heads, (int)(bh % z.heads), i, s);
    }
    return PP_OK;
}

/* Per thread: p and dp rows [nk], dq row [w], dk and dv of the head [nk,w] each. */
static int64_t grad_stride(int64_t nk, int64_t w) { return 2 * ref_row_stride(nk) + ref_row_stride(w) + 2 * ref_row_stride(nk * w); }

size_t ppi_ref_attention_grad_workspace(const ppi_kernel_args *a) {
    const int64_t w = a->in[1].shape.dim[2] / a->params.attention.heads;
    return (size_t)(grad_stride(a->in[2].shape.dim[1], w) * a->threads) * sizeof(double);
}

typedef struct head_work {
    double *p, *dp, *dq, *dk, *dv;
} head_work;

/* Adds what query row i gives to dk and dv, writes its dq. */
static void attend_row_grad(const ppi_kernel_args *a, const shape *z, int64_t b, int h, int64_t i, const head_work *m) {
    const ppi_operand dy = a->in[0];
    const ppi_operand q = a->in[1];
    const ppi_operand k = a->in[2];
    const ppi_operand v = a->in[3];
    const int64_t qi = (b * z->nq + i) * z->d + h * z->w;
    const int64_t k0 = b * z->nk * z->d + h * z->w;
    const double lse = ref_get(&a->in[5], (b * z->heads + h) * z->nq + i);
    const row_mask r = mask_of(a, z, 6, b, h, i);
    double sum = 0.0; /* of p dp, equals dy . y */
    for (int64_t j = 0; j < z->nk; j++) {
        const bool seen = sees(&r, j);
        m->p[j] = seen ? exp(z->scale * dot(&q, qi, &k, k0 + j * z->d, z->w) - lse) : 0.0;
        m->dp[j] = seen ? gain(&r, j) * dot(&dy, qi, &v, k0 + j * z->d, z->w) : 0.0;
        sum += m->p[j] * m->dp[j];
    }
    memset(m->dq, 0, (size_t)z->w * sizeof *m->dq);
    for (int64_t j = 0; j < z->nk; j++) {
        if (m->p[j] == 0.0) continue;
        const double kept = m->p[j] * gain(&r, j);
        const double ds = m->p[j] * (m->dp[j] - sum) * z->scale;
        for (int64_t c = 0; c < z->w; c++) {
            m->dq[c] += ds * ref_get(&k, k0 + j * z->d + c);
            m->dk[j * z->w + c] += ds * ref_get(&q, qi + c);
            m->dv[j * z->w + c] += kept * ref_get(&dy, qi + c);
        }
    }
    for (int64_t c = 0; a->out[0].data && c < z->w; c++) ref_set(&a->out[0], qi + c, m->dq[c]);
}

static void head_grad(const ppi_kernel_args *a, const shape *z, int64_t b, int h, const head_work *m) {
    memset(m->dk, 0, (size_t)(z->nk * z->w) * sizeof *m->dk);
    memset(m->dv, 0, (size_t)(z->nk * z->w) * sizeof *m->dv);
    for (int64_t i = 0; i < z->nq; i++) attend_row_grad(a, z, b, h, i, m);
    for (int64_t j = 0; j < z->nk; j++) {
        const int64_t at = (b * z->nk + j) * z->d + h * z->w;
        for (int64_t c = 0; c < z->w; c++) {
            if (a->out[1].data) ref_set(&a->out[1], at + c, m->dk[j * z->w + c]);
            if (a->out[2].data) ref_set(&a->out[2], at + c, m->dv[j * z->w + c]);
        }
    }
}

pp_status ppi_ref_attention_grad(const ppi_kernel_args *a) {
    const shape z = shape_of(a, &a->in[1].shape, &a->in[2].shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t bh = 0; bh < z.batch * z.heads; bh++) {
        double *at = (double *)a->workspace + ref_thread() * grad_stride(z.nk, z.w);
        head_work m;
        m.p = at;
        m.dp = m.p + ref_row_stride(z.nk);
        m.dq = m.dp + ref_row_stride(z.nk);
        m.dk = m.dq + ref_row_stride(z.w);
        m.dv = m.dk + ref_row_stride(z.nk * z.w);
        head_grad(a, &z, bh / z.heads, (int)(bh % z.heads), &m);
    }
    return PP_OK;
}
