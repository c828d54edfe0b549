/* A small matrix product on pairs of bf16 for matrices that fit the cache: C = A B summed in f32 by
   AVX512_BF16, which multiplies two consecutive elements of the inner dimension at once. Both
   matrices are seen as 32-bit words of such a pair: A's words are broadcast, so they may lie in
   rows or, for a transposed A, in columns; B's words of one pair lie side by side along its
   columns. */
#ifndef PPI_CPU_TILE_BF16_H
#define PPI_CPU_TILE_BF16_H

#include <string.h>

#include "cpu/simd/vec_avx512bf16.h"

/* Register tile: rows by vectors of 16 columns. */
enum { PT_ROWS = 6, PT_VECS = 4 };

/* Word k of row m, elements 2k and 2k+1: a[m * row + k * col]. */
typedef struct pair_a {
    const uint32_t *a;
    int64_t row, col;
} pair_a;

/* Where a product goes: f32 scratch when `y` is NULL, else elements of an operand times a factor.
 */
typedef struct pair_out {
    float *c;             /* [rows, ld] */
    const ppi_operand *y; /* f32 or bf16 */
    int64_t at, ld;       /* first element in y; elements per row */
    const float *factor;  /* [rows], with y */
} pair_out;

VFN vi pair_broadcast(const uint32_t *p) {
    int32_t w;
    memcpy(&w, p, sizeof w);
    return _mm512_set1_epi32(w);
}

VFN vf pair_fma(vf sum, vi a, vi b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

/* Two rows as words of pairs, lane l holding element l of both; the same rows one after another in
 * *rows. */
VFN vi pair_words(vf even, vf odd, vi *rows) {
    const vi order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                      23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    *rows = (vi)_mm512_cvtne2ps_pbh(odd, even);
    return _mm512_permutexvar_epi16(order, *rows);
}

VFN void pair_put(const ppi_operand *y, int64_t at, vf x) {
    v_put(y->data, y->dtype, at, x);
}

/* One vector of columns leaves few sums that wait for themselves: even and odd pairs are summed
   apart, as two columns that are added up afterwards. */
VFN int64_t pair_sums_narrow(const int rows, vf s[PT_ROWS][PT_VECS], pair_a a, const uint32_t *b,
                             int64_t ldb, int64_t pairs) {
    int64_t k = 0;
    for (; k + 2 <= pairs; k += 2) {
        const vi even = _mm512_loadu_si512(b + k * ldb);
        const vi odd = _mm512_loadu_si512(b + (k + 1) * ldb);
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++) {
            const uint32_t *at = a.a + m * a.row + k * a.col;
            s[m][0] = pair_fma(s[m][0], pair_broadcast(at), even);
            s[m][1] = pair_fma(s[m][1], pair_broadcast(at + a.col), odd);
        }
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) s[m][0] = v_add(s[m][0], s[m][1]);
    return k;
}

VFN void pair_block(const int rows, const int vecs, const pair_out *out, int64_t column, pair_a a,
                    const uint32_t *b, int64_t ldb, int64_t pairs) {
    vf s[PT_ROWS][PT_VECS];
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
#pragma GCC unroll 4
        for (int n = 0; n < PT_VECS; n++) s[m][n] = v_zero();
    }
    int64_t k = vecs == 1 ? pair_sums_narrow(rows, s, a, b, ldb, pairs) : 0;
    for (; k < pairs; k++) {
        vi bv[PT_VECS];
#pragma GCC unroll 4
        for (int n = 0; n < vecs; n++) bv[n] = _mm512_loadu_si512(b + k * ldb + n * VW);
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++) {
            const vi av = pair_broadcast(a.a + m * a.row + k * a.col);
#pragma GCC unroll 4
            for (int n = 0; n < vecs; n++) s[m][n] = pair_fma(s[m][n], av, bv[n]);
        }
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
        const int64_t at = m * out->ld + column;
        const vf factor = v_set(out->y ? out->factor[m] : 1.0f);
#pragma GCC unroll 4
        for (int n = 0; n < vecs; n++) {
            if (out->y) {
                pair_put(out->y, out->at + at + n * VW, v_mul(s[m][n], factor));
            } else {
                v_store(out->c + at + n * VW, s[m][n]);
            }
        }
    }
}

/* `vectors` vectors of columns in even parts of at most PT_VECS. */
VFN void pair_rows(const int rows, const pair_out *out, pair_a a, const uint32_t *b, int64_t ldb,
                   int64_t vectors, int64_t pairs) {
    for (int64_t n = 0; n < vectors;) {
        const int64_t left = vectors - n;
        const int64_t parts = (left + PT_VECS - 1) / PT_VECS;
        const int64_t take = (left + parts - 1) / parts;
        const uint32_t *from = b + n * VW;
        switch (take) {
        case 4:
            pair_block(rows, 4, out, n * VW, a, from, ldb, pairs);
            break;
        case 3:
            pair_block(rows, 3, out, n * VW, a, from, ldb, pairs);
            break;
        case 2:
            pair_block(rows, 2, out, n * VW, a, from, ldb, pairs);
            break;
        default:
            pair_block(rows, 1, out, n * VW, a, from, ldb, pairs);
            break;
        }
        n += take;
    }
}

/* C [rows, width] = A [rows, 2 pairs] B [2 pairs, width]; rows <= PT_ROWS, width a multiple of VW.
 */
static void pair_product(int64_t rows, pair_out out, pair_a a, const uint32_t *b, int64_t ldb,
                         int64_t width, int64_t pairs) {
    const int64_t vectors = width / VW;
    while (rows > 0) {
        const int64_t take = rows >= PT_ROWS ? PT_ROWS : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
        switch (take) {
        case PT_ROWS:
            pair_rows(PT_ROWS, &out, a, b, ldb, vectors, pairs);
            break;
        case 4:
            pair_rows(4, &out, a, b, ldb, vectors, pairs);
            break;
        case 2:
            pair_rows(2, &out, a, b, ldb, vectors, pairs);
            break;
        default:
            pair_rows(1, &out, a, b, ldb, vectors, pairs);
            break;
        }
        rows -= take;
        a.a += take * a.row;
        if (out.y) {
            out.at += take * out.ld;
            out.factor += take;
        } else {
            out.c += take * out.ld;
        }
    }
}

/* y[c][r] = word c of row r of x, the row's elements 2c and 2c+1: B for a product along the columns
   of x. `size` elements per row, a multiple of VW; rows padded with zeros to `pad`, one as well. */
static void pack_pairs_transposed(uint32_t *y, int64_t pad, const uint16_t *x, int64_t ld,
                                  int64_t rows, int64_t size) {
    for (int64_t r = 0; r < rows; r += VW) {
        int64_t c = 0;
        for (; c + 2 * VW <= size; c += 2 * VW) {
            vf in[VW];
            for (int k = 0; k < VW; k++)
                in[k] = r + k < rows ? v_load((const float *)(const void *)(x + (r + k) * ld + c))
                                     : v_zero();
            v_transpose((float *)(void *)(y + c / 2 * pad + r), pad, in);
        }
        if (c == size) continue;
        vf in[VW]; /* the last VW elements: half a vector of words */
        float t[VW * VW];
        for (int k = 0; k < VW; k++)
            in[k] = r + k < rows ? _mm512_maskz_loadu_ps(0xff, (const void *)(x + (r + k) * ld + c))
                                 : v_zero();
        v_transpose(t, VW, in);
        for (int64_t k = 0; k < VW / 2; k++)
            v_store((float *)(void *)(y + (c / 2 + k) * pad + r), v_load(t + k * VW));
    }
}

/* y[r][c] = elements (2r, c) and (2r+1, c) of x: B for a product along the rows of x. An odd last
   row is paired with zeros. */
static void pack_row_pairs(uint32_t *y, const uint16_t *x, int64_t ld, int64_t rows, int64_t size) {
    for (int64_t r = 0; r < rows; r += 2) {
        uint32_t *to = y + r / 2 * size;
        for (int64_t c = 0; c < size; c += VW) {
            const __m256i even =
                _mm256_loadu_si256((const __m256i *)(const void *)(x + r * ld + c));
            const __m256i odd =
                r + 1 < rows
                    ? _mm256_loadu_si256((const __m256i *)(const void *)(x + (r + 1) * ld + c))
                    : _mm256_setzero_si256();
            const vi high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16);
            _mm512_storeu_si512(to + c, _mm512_or_si512(_mm512_cvtepu16_epi32(even), high));
        }
    }
}

#endif
