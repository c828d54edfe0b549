/* Matrices in other layouts: the transpose, and the panels that bf16 products read. Bits are moved,
   never rounded. Included once per instruction set after its vector header. */
#include <string.h>

#include "cpu/simd/team.h"

/* ---- the transpose ---- */

/* Rows r of x, a VW by VW tile at a time. */
VFN void transpose_rows(void *y, const void *x, const ppi_dtype t, int64_t rows, int64_t cols,
                        ppi_range r) {
    float tile[VW * VW];
    for (int64_t i = r.from; i < r.to; i += VW) {
        const int64_t height = ppi_min64(VW, r.to - i);
        for (int64_t c = 0; c < cols; c += VW) {
            const int64_t width = ppi_min64(VW, cols - c);
            const bool whole = height == VW && width == VW;
            vf in[VW];
            for (int k = 0; k < VW; k++) {
                const int64_t at = (i + k) * cols + c;
                in[k] = whole ? v_get(x, t, at) : k < height ? v_get_n(x, t, at, width) : v_zero();
            }
            v_transpose(tile, VW, in);
            for (int64_t k = 0; k < width; k++) {
                if (whole) {
                    v_put(y, t, (c + k) * rows + i, v_load(tile + k * VW));
                } else {
                    v_put_n(y, t, (c + k) * rows + i, v_load(tile + k * VW), height);
                }
            }
        }
    }
}

#ifdef VEC_PAIR_WORDS
/* Rows r of bf16 x, 2 VW rows by VW columns at a time: two rows make words, words are transposed, so
   that every store is a whole line. Bits are moved, never rounded. */
VFN void transpose_words(uint16_t *y, const uint16_t *x, int64_t rows, int64_t cols, ppi_range r) {
    const int64_t whole_cols = cols - cols % VW;
    int64_t i = r.from;
    for (; i + 2 * VW <= r.to; i += 2 * VW) {
        for (int64_t c = 0; c < whole_cols; c += VW) {
            vf in[VW];
            for (int k = 0; k < VW; k++) {
                const uint16_t *even = x + (i + 2 * k) * cols + c;
                in[k] = v_pair_words(even, even + cols);
            }
            if (rows % 2 == 0) {
                v_transpose((float *)(void *)(y + c * rows + i), rows / 2, in);
                continue;
            }
            float tile[VW * VW];
            v_transpose(tile, VW, in);
            for (int k = 0; k < VW; k++) memcpy(y + (c + k) * rows + i, tile + k * VW, 4 * VW);
        }
        for (int64_t c = whole_cols; c < cols; c++) {
            for (int64_t k = i; k < i + 2 * VW; k++) y[c * rows + k] = x[k * cols + c];
        }
    }
    for (; i < r.to; i++) {
        for (int64_t c = 0; c < cols; c++) y[c * rows + i] = x[i * cols + c];
    }
}
#else
VFN void transpose_words(uint16_t *y, const uint16_t *x, int64_t rows, int64_t cols, ppi_range r) {
    transpose_rows(y, x, PPI_BF16, rows, cols, r);
}
#endif

void PPI_SIMD(transpose)(void *y, const void *x, ppi_dtype t, int64_t rows, int64_t cols,
                         int threads) {
    const int nt = ppi_team(rows * cols, threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int p = 0; p < nt; p++) {
        const ppi_range r = ppi_part(rows, 32, p, nt);
        if (t == PPI_BF16) {
            transpose_words(y, x, rows, cols, r);
        } else {
            transpose_rows(y, x, PPI_F32, rows, cols, r);
        }
    }
}

/* ---- panels of pairs ---- */

/* A panel has PANEL columns; rows are filled up to a multiple of PANEL_ROWS. */
enum { PANEL = 64, PANEL_ROWS = 32 };

/* The matrix [rows, cols] to pack; element (r, c) is x[r * cols + c], transposed x[c * rows + r].
   `height` pairs of rows go to y. */
typedef struct panels {
    uint16_t *y;
    const uint16_t *x;
    int64_t rows, cols, height;
    bool trans;
} panels;

static uint16_t *panel_at(const panels *m, int64_t pair, int64_t c) {
    return m->y + 2 * (c / PANEL * PANEL * m->height + pair * PANEL + c % PANEL);
}

static uint16_t panel_element(const panels *m, int64_t r, int64_t c) {
    if (r >= m->rows || c >= m->cols) return 0;
    return m->x[m->trans ? c * m->rows + r : r * m->cols + c];
}

/* `count` pairs of rows and VW columns, one element at a time. */
static void panel_elements(const panels *m, int64_t pair, int64_t count, int64_t c) {
    for (int64_t k = pair; k < pair + count; k++) {
        uint16_t *to = panel_at(m, k, c);
        for (int64_t i = 0; i < VW; i++) {
            to[2 * i] = panel_element(m, 2 * k, c + i);
            to[2 * i + 1] = panel_element(m, 2 * k + 1, c + i);
        }
    }
}

/* Pairs of rows in r, read along the rows of x. */
static void panel_rows(const panels *m, ppi_range r) {
    const int64_t end = (m->cols + PANEL - 1) / PANEL * PANEL;
    for (int64_t k = r.from; k < r.to; k++) {
        int64_t c = 0;
#ifdef VEC_PAIR_WORDS
        const uint16_t *even = m->x + 2 * k * m->cols;
        for (; 2 * k + 1 < m->rows && c + VW <= m->cols; c += VW)
            v_store((float *)(void *)panel_at(m, k, c), v_pair_words(even + c, even + m->cols + c));
#endif
        for (; c < end; c += VW) panel_elements(m, k, 1, c);
    }
}

/* Columns in r of a transposed x, which are its rows: a pair is a word there. */
static void panel_cols(const panels *m, ppi_range r) {
    const int64_t end = (r.to + PANEL - 1) / PANEL * PANEL;
    for (int64_t c = r.from; c < end; c += VW) {
        int64_t k = 0;
        for (; 2 * (k + VW) <= m->rows && c + VW <= m->cols; k += VW) {
            vf in[VW];
            for (int i = 0; i < VW; i++)
                in[i] = v_load((const float *)(const void *)(m->x + (c + i) * m->rows + 2 * k));
            v_transpose((float *)(void *)panel_at(m, k, c), PANEL, in);
        }
        panel_elements(m, k, m->height - k, c);
    }
}

void PPI_SIMD(pack_pairs)(uint16_t *y, const uint16_t *x, int64_t rows, int64_t cols, bool trans,
                          int threads) {
    const int64_t height = (rows + PANEL_ROWS - 1) / PANEL_ROWS * PANEL_ROWS / 2;
    const panels m = {y, x, rows, cols, height, trans};
    const int nt = ppi_team(rows * cols, threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int p = 0; p < nt; p++) {
        if (trans) {
            panel_cols(&m, ppi_part(cols, PANEL, p, nt));
        } else {
            panel_rows(&m, ppi_part(height, 1, p, nt));
        }
    }
}
