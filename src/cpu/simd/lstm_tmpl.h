/* LSTM over sequences and its gradient (the equations are in ref/lstm.c). A thread owns sequences
   from their first step to their last, so nothing waits between steps; the weights of the state are
   copied into the workspace as f32, each gate padded to whole vectors, in panels of the columns
   that the register tile of the product takes: rows of a whole matrix would fall on few cache
   lines. Included once per instruction set after its vector header. */
#include <string.h>

#include "base/bf16.h"
#include "cpu/simd/team.h"
#include "cpu/simd/tile_tmpl.h"

enum { LSTM_GATES = 4, LSTM_PANEL = VG_VECS * VW };

typedef struct lstm_form {
    int64_t b, steps, h;
    int64_t pad; /* h in whole vectors */
} lstm_form;

static lstm_form lstm_form_of(const ppi_shape *h_all) {
    const int64_t h = h_all->dim[2];
    return (lstm_form){h_all->dim[0], h_all->dim[1], h, (h + VW - 1) / VW * VW};
}

static int lstm_team(const lstm_form *f, int threads) {
    const int64_t work = f->b * f->steps * f->h * f->h;
    return (int)ppi_max64(1, ppi_min64(work < PPI_SERIAL_BELOW ? 1 : threads, f->b));
}

static bool lstm_reset_at(const ppi_operand *reset, int64_t i) {
    return reset->dtype == PPI_U8 ? ((const uint8_t *)reset->data)[i] != 0
                                  : ((const int32_t *)reset->data)[i] != 0;
}

static float lstm_get(const ppi_operand *x, int64_t i) {
    return x->dtype == PPI_F32 ? ((const float *)x->data)[i]
                               : ppi_bf16_to_f32(((const uint16_t *)x->data)[i]);
}

/* n elements from i on as f32, then zeros up to `pad`. */
static void lstm_row(float *y, const ppi_operand *x, int64_t i, int64_t n, int64_t pad) {
    int64_t k = 0;
    for (; k + VW <= n; k += VW) v_store(y + k, v_get(x->data, x->dtype, i + k));
    for (; k < n; k++) y[k] = lstm_get(x, i + k);
    for (; k < pad; k++) y[k] = 0.0f;
}

/* Where row k of columns c.. of a matrix [depth, width] lies in panels; *ld: length of its rows. */
static float *lstm_panel(float *panels, int64_t depth, int64_t width, int64_t k, int64_t c,
                         int64_t *ld) {
    const int64_t first = c / LSTM_PANEL * LSTM_PANEL;
    *ld = ppi_min64(LSTM_PANEL, width - first);
    return panels + first * depth + k * *ld + c - first;
}

/* Rows r of y [.., width] = rows of x [.., lda] times the panels of [depth, width]. */
static void lstm_product(float *y, const float *x, int64_t lda, float *panels, int64_t width,
                         int64_t depth, ppi_range r) {
    for (int64_t c = 0; c < width; c += LSTM_PANEL) {
        int64_t ld;
        const float *b = lstm_panel(panels, depth, width, 0, c, &ld);
        for (int64_t i = r.from; i < r.to; i += VG_ROWS) {
            const tile_a left = {x + i * lda, lda, 1};
            tile_product(ppi_min64(VG_ROWS, r.to - i), y + i * width + c, width, left, b, ld, ld,
                         depth);
        }
    }
}

/* Row k of the panels: n elements of x from i on at column c, zeros up to `pad`. */
static void lstm_pack(float *panels, int64_t depth, int64_t width, int64_t k, int64_t c,
                      const ppi_operand *x, int64_t i, int64_t n, int64_t pad) {
    for (int64_t j = 0; j < pad; j += VW) {
        int64_t ld;
        float *to = lstm_panel(panels, depth, width, k, c + j, &ld);
        lstm_row(to, x, i + j, ppi_max64(0, ppi_min64(VW, n - j)), VW);
    }
}

VFN vf lstm_logistic(vf x) {
    const vf one = v_set(1.0f);
    return v_div(one, v_add(one, v_exp(v_sub(v_zero(), x))));
}

/* ---- forward ---- */

static bool lstm_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && ppi_is_float(a->in[1].dtype) &&
           a->in[2].dtype == PPI_F32 && a->in[3].dtype == PPI_F32 && a->out[0].dtype == PPI_F32;
}

/* Weights [h, 4 pad]; for each sequence: h and c [pad], sums of the gates [4 pad]. */
static size_t lstm_workspace(const ppi_kernel_args *a) {
    const lstm_form f = lstm_form_of(&a->out[0].shape);
    return (size_t)(f.h * LSTM_GATES * f.pad + f.b * (2 + LSTM_GATES) * f.pad) * sizeof(float);
}

/* One sequence's step from the sums of its gates: c and h move on. */
static void lstm_cells(const ppi_kernel_args *a, const lstm_form *f, int64_t row, float *h,
                       float *c, const float *sums) {
    const ppi_operand *x = &a->in[0];
    for (int64_t j = 0; j < f->h; j += VW) {
        const int64_t n = ppi_min64(VW, f->h - j);
        vf gate[LSTM_GATES];
        for (int q = 0; q < LSTM_GATES; q++) {
            const int64_t at = (row * LSTM_GATES + q) * f->h + j;
            const vf in =
                n == VW ? v_get(x->data, x->dtype, at) : v_get_n(x->data, x->dtype, at, n);
            const vf sum = v_add(in, v_load(sums + q * f->pad + j));
            gate[q] = q == 2 ? v_tanh(sum) : lstm_logistic(sum);
            if (a->out[2].data) v_store_n((float *)a->out[2].data + at, gate[q], n);
        }
        const vf cell = v_fma(gate[1], v_load(c + j), v_mul(gate[0], gate[2]));
        const vf out = v_mul(gate[3], v_tanh(cell));
        v_store(c + j, v_fill_n(cell, n, v_zero()));
        v_store(h + j, v_fill_n(out, n, v_zero()));
        if (a->out[1].data) v_store_n((float *)a->out[1].data + row * f->h + j, cell, n);
        if (a->out[0].data) v_store_n((float *)a->out[0].data + row * f->h + j, out, n);
    }
}

/* Sequences r, from the first step to the last. */
static void lstm_sequences(const ppi_kernel_args *a, const lstm_form *f, float *w, float *state,
                           ppi_range r) {
    const int64_t width = LSTM_GATES * f->pad;
    float *h = state;
    float *c = h + f->b * f->pad;
    float *sums = c + f->b * f->pad;
    for (int64_t b = r.from; b < r.to; b++) {
        lstm_row(h + b * f->pad, &a->in[2], b * f->h, f->h, f->pad);
        lstm_row(c + b * f->pad, &a->in[3], b * f->h, f->h, f->pad);
    }
    for (int64_t t = 0; t < f->steps; t++) {
        for (int64_t b = r.from; b < r.to; b++) {
            if (!lstm_reset_at(&a->in[4], b * f->steps + t)) continue;
            memset(h + b * f->pad, 0, (size_t)f->pad * sizeof(float));
            memset(c + b * f->pad, 0, (size_t)f->pad * sizeof(float));
        }
        lstm_product(sums, h, f->pad, w, width, f->h, r);
        for (int64_t b = r.from; b < r.to; b++)
            lstm_cells(a, f, b * f->steps + t, h + b * f->pad, c + b * f->pad, sums + b * width);
    }
}

static pp_status lstm_run(const ppi_kernel_args *a) {
    const lstm_form f = lstm_form_of(&a->out[0].shape);
    const int nt = lstm_team(&f, a->threads);
    float *w = a->workspace;
    float *state = w + f.h * LSTM_GATES * f.pad;
    for (int64_t k = 0; k < f.h; k++) {
        for (int64_t q = 0; q < LSTM_GATES; q++)
            lstm_pack(w, f.h, LSTM_GATES * f.pad, k, q * f.pad, &a->in[1],
                      (k * LSTM_GATES + q) * f.h, f.h, f.pad);
    }
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) lstm_sequences(a, &f, w, state, ppi_part(f.b, 1, t, nt));
    return PP_OK;
}

/* ---- gradient ---- */

static bool lstm_grad_accepts(const ppi_kernel_args *a) {
    for (int i = 0; i < 5; i++) {
        if (i != 3 && a->in[i].dtype != PPI_F32) return false;
    }
    return !a->accumulate && ppi_is_float(a->in[3].dtype) && ppi_is_float(a->out[0].dtype) &&
           a->out[1].dtype == PPI_F32 && a->out[2].dtype == PPI_F32;
}

/* From row to row of the gradients of the sums: no multiple of a page, whose rows would fall on few
   cache lines. */
static int64_t lstm_sums_stride(const lstm_form *f) {
    return LSTM_GATES * f->pad + VW;
}

/* Transposed weights, plain [4 h, h] and in panels [4 pad, pad]; for each sequence: dh and dc
   [pad], gradients of the sums [4 pad]. */
static size_t lstm_grad_workspace(const ppi_kernel_args *a) {
    const lstm_form f = lstm_form_of(&a->in[0].shape);
    return (size_t)(LSTM_GATES * f.pad * (f.h + f.pad) + f.b * (2 * f.pad + lstm_sums_stride(&f))) *
           sizeof(float);
}

/* Row q pad + j of the panels, element k = w[k][q h + j]; rows of the padding are zero. */
static void lstm_pack_transposed(float *panels, float *plain, const ppi_operand *w,
                                 const lstm_form *f) {
    const int64_t depth = LSTM_GATES * f->pad;
    const ppi_operand flipped = {.data = plain, .dtype = w->dtype};
    PPI_SIMD(transpose)(plain, w->data, w->dtype, f->h, LSTM_GATES * f->h, 1);
    for (int64_t q = 0; q < LSTM_GATES; q++) {
        for (int64_t j = 0; j < f->pad; j++)
            lstm_pack(panels, depth, f->pad, q * f->pad + j, 0, &flipped, (q * f->h + j) * f->h,
                      j < f->h ? f->h : 0, f->pad);
    }
}

/* Lanes of a step's cell before it: zero after a reset. */
VFN vf lstm_cell_before(const ppi_kernel_args *a, const lstm_form *f, int64_t b, int64_t t,
                        int64_t j, int64_t n) {
    if (lstm_reset_at(&a->in[5], b * f->steps + t)) return v_zero();
    if (t == 0) return v_load_n((const float *)a->in[4].data + b * f->h + j, n);
    return v_load_n((const float *)a->in[1].data + (b * f->steps + t - 1) * f->h + j, n);
}

/* Gradients of the sums of one step into da [4 pad]; dc becomes that of the cell before. */
static void lstm_cells_grad(const ppi_kernel_args *a, const lstm_form *f, int64_t b, int64_t t,
                            const float *dh, float *dc, float *da) {
    const int64_t row = b * f->steps + t;
    const vf one = v_set(1.0f);
    for (int64_t j = 0; j < f->h; j += VW) {
        const int64_t n = ppi_min64(VW, f->h - j);
        vf gate[LSTM_GATES];
        for (int q = 0; q < LSTM_GATES; q++)
            gate[q] = v_load_n((const float *)a->in[2].data + (row * LSTM_GATES + q) * f->h + j, n);
        const vf d =
            v_add(v_load_n((const float *)a->in[0].data + row * f->h + j, n), v_load(dh + j));
        const vf out = v_tanh(v_load_n((const float *)a->in[1].data + row * f->h + j, n));
        const vf cell = v_fma(v_mul(d, gate[3]), v_fnma(out, out, one), v_load(dc + j));
        const vf before = lstm_cell_before(a, f, b, t, j, n);
        const vf part[LSTM_GATES] = {
            v_mul(v_mul(cell, gate[2]), v_mul(gate[0], v_sub(one, gate[0]))),
            v_mul(v_mul(cell, before), v_mul(gate[1], v_sub(one, gate[1]))),
            v_mul(v_mul(cell, gate[0]), v_fnma(gate[2], gate[2], one)),
            v_mul(v_mul(d, out), v_mul(gate[3], v_sub(one, gate[3])))};
        for (int q = 0; q < LSTM_GATES; q++) {
            const vf v = v_fill_n(part[q], n, v_zero());
            v_store(da + q * f->pad + j, v);
            v_put_n(a->out[0].data, a->out[0].dtype, (row * LSTM_GATES + q) * f->h + j, v, n);
        }
        v_store(dc + j, v_fill_n(v_mul(cell, gate[1]), n, v_zero()));
    }
}

static void lstm_sequences_grad(const ppi_kernel_args *a, const lstm_form *f, float *wt,
                                float *state, ppi_range r) {
    const int64_t width = LSTM_GATES * f->pad;
    const int64_t stride = lstm_sums_stride(f);
    float *dh = state;
    float *dc = dh + f->b * f->pad;
    float *da = dc + f->b * f->pad;
    memset(dh + r.from * f->pad, 0, (size_t)((r.to - r.from) * f->pad) * sizeof(float));
    memset(dc + r.from * f->pad, 0, (size_t)((r.to - r.from) * f->pad) * sizeof(float));
    for (int64_t t = f->steps - 1; t >= 0; t--) {
        for (int64_t b = r.from; b < r.to; b++)
            lstm_cells_grad(a, f, b, t, dh + b * f->pad, dc + b * f->pad, da + b * stride);
        lstm_product(dh, da, stride, wt, f->pad, width, r);
        for (int64_t b = r.from; b < r.to; b++) {
            if (!lstm_reset_at(&a->in[5], b * f->steps + t)) continue;
            memset(dh + b * f->pad, 0, (size_t)f->pad * sizeof(float));
            memset(dc + b * f->pad, 0, (size_t)f->pad * sizeof(float));
        }
    }
    for (int64_t b = r.from; b < r.to; b++) {
        const size_t bytes = (size_t)f->h * sizeof(float);
        if (a->out[1].data) memcpy((float *)a->out[1].data + b * f->h, dh + b * f->pad, bytes);
        if (a->out[2].data) memcpy((float *)a->out[2].data + b * f->h, dc + b * f->pad, bytes);
    }
}

static pp_status lstm_grad_run(const ppi_kernel_args *a) {
    const lstm_form f = lstm_form_of(&a->in[0].shape);
    const int nt = lstm_team(&f, a->threads);
    float *wt = a->workspace;
    float *plain = wt + LSTM_GATES * f.pad * f.pad;
    float *state = plain + LSTM_GATES * f.pad * f.h;
    lstm_pack_transposed(wt, plain, &a->in[3], &f);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) lstm_sequences_grad(a, &f, wt, state, ppi_part(f.b, 1, t, nt));
    return PP_OK;
}

/* ---- gradient of the weights ---- */

static bool lstm_grad_w_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && a->in[1].dtype == PPI_F32 &&
           a->in[2].dtype == PPI_F32 && a->out[0].dtype == PPI_F32;
}

/* Steps whose product is added up at a time: what it reads then stays in the cache. */
enum { LSTM_CHUNK = 256 };

/* Panels of h: VG_ROWS columns each, the last one padded with zeros. */
static int64_t lstm_left_panels(const lstm_form *f) {
    return (f->h + VG_ROWS - 1) / VG_ROWS;
}

/* Numbers that a thread works in: a chunk of h in panels, a panel of gradients, a row of h, and a
   tile of the result. */
static int64_t lstm_grad_w_floats(const lstm_form *f) {
    return LSTM_CHUNK * (lstm_left_panels(f) * VG_ROWS + LSTM_PANEL) + f->pad +
           VG_ROWS * LSTM_PANEL;
}

static size_t lstm_grad_w_workspace(const ppi_kernel_args *a) {
    const lstm_form f = lstm_form_of(&a->in[1].shape);
    return (size_t)((a->threads < 1 ? 1 : a->threads) * lstm_grad_w_floats(&f)) * sizeof(float);
}

/* h before step r of all steps, as f32 [pad]. */
static void lstm_state_before(const ppi_kernel_args *a, const lstm_form *f, int64_t r, float *to) {
    if (lstm_reset_at(&a->in[3], r)) {
        memset(to, 0, (size_t)f->pad * sizeof(float));
    } else if (r % f->steps == 0) {
        lstm_row(to, &a->in[2], r / f->steps * f->h, f->h, f->pad);
    } else {
        lstm_row(to, &a->in[1], (r - 1) * f->h, f->h, f->pad);
    }
}

/* Element m of panel p of step k at [p][k][m]. */
static void lstm_pack_left(const ppi_kernel_args *a, const lstm_form *f, float *left, float *row,
                           int64_t first, int64_t n) {
    for (int64_t k = 0; k < n; k++) {
        lstm_state_before(a, f, first + k, row);
        for (int64_t j = 0; j < lstm_left_panels(f) * VG_ROWS; j++) {
            const int64_t p = j / VG_ROWS;
            left[(p * LSTM_CHUNK + k) * VG_ROWS + j % VG_ROWS] = j < f->h ? row[j] : 0.0f;
        }
    }
}

/* Columns c .. of the gradient of the weights: chunk by chunk, whatever the number of threads. */
static void lstm_grad_w_panel(const ppi_kernel_args *a, const lstm_form *f, const float *left,
                              float *right, float *tile, int64_t c, int64_t first, int64_t n) {
    const int64_t cols = LSTM_GATES * f->h;
    const int64_t wide = ppi_min64(LSTM_PANEL, (cols - c + VW - 1) / VW * VW);
    const int64_t real = ppi_min64(wide, cols - c);
    float *dw = a->out[0].data;
    for (int64_t k = 0; k < n; k++)
        lstm_row(right + k * wide, &a->in[0], (first + k) * cols + c, real, wide);
    for (int64_t p = 0; p < lstm_left_panels(f); p++) {
        const tile_a panel = {left + p * LSTM_CHUNK * VG_ROWS, 1, VG_ROWS};
        tile_rows(VG_ROWS, tile, wide, panel, right, wide, wide, n);
        for (int64_t m = 0; m < VG_ROWS && p * VG_ROWS + m < f->h; m++) {
            float *to = dw + (p * VG_ROWS + m) * cols + c;
            for (int64_t j = 0; j < real; j++)
                to[j] = (first == 0 ? 0.0f : to[j]) + tile[m * wide + j];
        }
    }
}

/* Panels of columns r. */
static void lstm_grad_w_columns(const ppi_kernel_args *a, const lstm_form *f, float *work,
                                ppi_range r) {
    const int64_t rows = f->b * f->steps;
    float *left = work;
    float *right = left + LSTM_CHUNK * lstm_left_panels(f) * VG_ROWS;
    float *row = right + LSTM_CHUNK * LSTM_PANEL;
    float *tile = row + f->pad;
    for (int64_t first = 0; first < rows && r.from < r.to; first += LSTM_CHUNK) {
        const int64_t n = ppi_min64(LSTM_CHUNK, rows - first);
        lstm_pack_left(a, f, left, row, first, n);
        for (int64_t p = r.from; p < r.to; p++)
            lstm_grad_w_panel(a, f, left, right, tile, p * LSTM_PANEL, first, n);
    }
}

static pp_status lstm_grad_w_run(const ppi_kernel_args *a) {
    const lstm_form f = lstm_form_of(&a->in[1].shape);
    const int64_t panels = (LSTM_GATES * f.h + LSTM_PANEL - 1) / LSTM_PANEL;
    const int64_t size = lstm_grad_w_floats(&f);
    const bool serial = f.b * f.steps * f.h * f.h < PPI_SERIAL_BELOW;
    const int nt = (int)ppi_max64(1, ppi_min64(serial ? 1 : a->threads, panels));
    float *work = a->workspace;
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++)
        lstm_grad_w_columns(a, &f, work + t * size, ppi_part(panels, 1, t, nt));
    return PP_OK;
}

const ppi_kernel_entry PPI_SIMD(lstm_table)[] = {
    {PPI_OP_LSTM, {PPI_SIMD_NAME "lstm", lstm_accepts, lstm_workspace, NULL, NULL, lstm_run}},
    {PPI_OP_LSTM_GRAD,
     {PPI_SIMD_NAME "lstm_grad", lstm_grad_accepts, lstm_grad_workspace, NULL, NULL,
      lstm_grad_run}},
    {PPI_OP_LSTM_GRAD_W,
     {PPI_SIMD_NAME "lstm_grad_w", lstm_grad_w_accepts, lstm_grad_w_workspace, NULL, NULL,
      lstm_grad_w_run}},
    {0},
};
