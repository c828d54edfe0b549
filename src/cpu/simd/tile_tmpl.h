/* A small matrix product for matrices that fit the cache: C (+)= A B with B's rows in vectors and
   A's elements broadcast, so a transposed A costs nothing. Needs VG_ROWS and VG_VECS of the vector
   header. */
#include <stdint.h>

/* A[m][k] = a[m * row + k * col]. */
typedef struct tile_a {
    const float *a;
    int64_t row, col;
} tile_a;

VFN void tile_block(const int rows, const int vecs, float *c, int64_t ldc, tile_a a, const float *b,
                    int64_t ldb, int64_t depth) {
    vf s[VG_ROWS][VG_VECS];
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
#pragma GCC unroll 4
        for (int n = 0; n < vecs; n++) s[m][n] = v_zero();
    }
    for (int64_t k = 0; k < depth; k++) {
        vf bv[VG_VECS];
#pragma GCC unroll 4
        for (int n = 0; n < vecs; n++) bv[n] = v_load(b + k * ldb + n * VW);
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++) {
            const vf av = v_set(a.a[m * a.row + k * a.col]);
#pragma GCC unroll 4
            for (int n = 0; n < vecs; n++) s[m][n] = v_fma(av, bv[n], s[m][n]);
        }
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
#pragma GCC unroll 4
        for (int n = 0; n < vecs; n++) v_store(c + m * ldc + n * VW, s[m][n]);
    }
}

VFN void tile_rows(const int rows, float *c, int64_t ldc, tile_a a, const float *b, int64_t ldb,
                   int64_t width, int64_t depth) {
    int64_t n = 0;
    for (; n + VG_VECS * VW <= width; n += VG_VECS * VW)
        tile_block(rows, VG_VECS, c + n, ldc, a, b + n, ldb, depth);
#if VG_VECS > 2
    for (; n + 2 * VW <= width; n += 2 * VW) tile_block(rows, 2, c + n, ldc, a, b + n, ldb, depth);
#endif
    for (; n < width; n += VW) tile_block(rows, 1, c + n, ldc, a, b + n, ldb, depth);
}

/* C [rows, width] = A [rows, depth] B [depth, width]; rows <= VG_ROWS, width a multiple of VW. */
static void tile_product(int64_t rows, float *c, int64_t ldc, tile_a a, const float *b, int64_t ldb,
                         int64_t width, int64_t depth) {
    if (rows == VG_ROWS) {
        tile_rows(VG_ROWS, c, ldc, a, b, ldb, width, depth);
        return;
    }
    for (int64_t m = 0; m < rows;) {
        const tile_a part = {a.a + m * a.row, a.row, a.col};
        if (rows - m >= 4 && VG_ROWS >= 4) {
            tile_rows(4, c + m * ldc, ldc, part, b, ldb, width, depth);
            m += 4;
        } else if (rows - m >= 2) {
            tile_rows(2, c + m * ldc, ldc, part, b, ldb, width, depth);
            m += 2;
        } else {
            tile_rows(1, c + m * ldc, ldc, part, b, ldb, width, depth);
            m += 1;
        }
    }
}
