/* Area resize to 84x84, equal to OpenCV's INTER_AREA on grey bytes: float32 weights, the row pass
 * over all input rows, then the column pass, rounding half to even.
 *
 * The vector form multiplies and adds in the same order and without fused steps, so its bytes are
 * those of the plain form. A weight of zero adds zero, which changes no sum. */
#include "env/atari.h"

#include <math.h>
#include <string.h>

#include "base/compat.h"
#include "base/cpu.h"

#if PPI_HAVE_AVX2
#include <immintrin.h>
#endif

/* Overlaps below this length get no weight, as in the original. */
static const double k_least_overlap = 1e-3;

static void add_weight(ppi_area_axis *axis, int32_t o, int32_t index, double weight) {
    if (axis->count[o] == 0) {
        axis->first[o] = index;
    }
    axis->weight[o][axis->count[o]++] = (float)weight;
}

/* Fills the vector form of the weights. */
static void fill_lanes(ppi_area_axis *axis) {
    for (int32_t o = 0; o < PPI_ATARI_SIDE; o++) {
        const int32_t count = axis->count[o];
        axis->taps = count > axis->taps ? count : axis->taps;
        /* The last words are moved back so that they end with the row. */
        const int32_t last = axis->in - PPI_AREA_TAPS;
        axis->word[o] = axis->first[o] < last ? axis->first[o] : last;
        axis->shift[o] = 8 * (axis->first[o] - axis->word[o]);
        for (int32_t j = 0; j < PPI_AREA_TAPS; j++) {
            axis->tap[j][o] = j < count ? axis->weight[o][j] : 0.0f;
        }
    }
}

void ppi_area_axis_init(ppi_area_axis *axis, int32_t in) {
    *axis = (ppi_area_axis){.in = in};
    const double scale = (double)in / PPI_ATARI_SIDE;
    for (int32_t o = 0; o < PPI_ATARI_SIDE; o++) {
        const double begin = o * scale;
        const double end = begin + scale;
        const double width = fmin(scale, in - begin);
        int32_t last = (int32_t)floor(end);
        last = last < in - 1 ? last : in - 1;
        int32_t first = (int32_t)ceil(begin);
        first = first < last ? first : last;
        if (first - begin > k_least_overlap) {
            add_weight(axis, o, first - 1, (first - begin) / width);
        }
        for (int32_t i = first; i < last; i++) {
            add_weight(axis, o, i, 1.0 / width);
        }
        if (end - last > k_least_overlap) {
            add_weight(axis, o, last, fmin(fmin(end - last, 1.0), width) / width);
        }
    }
    fill_lanes(axis);
}

/* One input row [in] to one row [84]. */
static void resize_row(float *out, const uint8_t *in, const ppi_area_axis *cols) {
    for (int32_t o = 0; o < PPI_ATARI_SIDE; o++) {
        const uint8_t *source = in + cols->first[o];
        float sum = 0.0f;
        for (int32_t j = 0; j < cols->count[o]; j++) {
            sum += (float)source[j] * cols->weight[o][j];
        }
        out[o] = sum;
    }
}

void ppi_area_resize_plain(uint8_t *out, const uint8_t *in, const ppi_area_axis *rows,
                           const ppi_area_axis *cols, float *scratch) {
    for (int32_t y = 0; y < rows->in; y++) {
        resize_row(scratch + y * PPI_ATARI_SIDE, in + y * cols->in, cols);
    }
    for (int32_t o = 0; o < PPI_ATARI_SIDE; o++) {
        float sum[PPI_ATARI_SIDE] = {0};
        for (int32_t j = 0; j < rows->count[o]; j++) {
            const float weight = rows->weight[o][j];
            const float *source = scratch + (rows->first[o] + j) * PPI_ATARI_SIDE;
            for (int32_t x = 0; x < PPI_ATARI_SIDE; x++) {
                sum[x] += weight * source[x];
            }
        }
        for (int32_t x = 0; x < PPI_ATARI_SIDE; x++) {
            const float rounded = rintf(sum[x]);
            out[o * PPI_ATARI_SIDE + x] = rounded < 0.0f     ? 0
                                          : rounded > 255.0f ? 255
                                                             : (uint8_t)rounded;
        }
    }
}

#if PPI_HAVE_AVX2
enum { LANES = 8, HALF = 4, WHOLE = PPI_ATARI_SIDE / LANES * LANES };

/* Outputs o..o+7 of one row [in]. */
PPI_TARGET_AVX2 static inline __m256 row_lanes(const uint8_t *in, const ppi_area_axis *cols,
                                               int32_t o) {
    const __m256i low_byte = _mm256_set1_epi32(0xff);
    const __m256i at = _mm256_loadu_si256((const __m256i *)(cols->word + o));
    const __m256i shift = _mm256_loadu_si256((const __m256i *)(cols->shift + o));
    __m256i word = _mm256_srlv_epi32(_mm256_i32gather_epi32((const int *)in, at, 1), shift);
    __m256 sum = _mm256_setzero_ps();
    for (int32_t j = 0; j < cols->taps; j++) {
        const __m256 sample = _mm256_cvtepi32_ps(_mm256_and_si256(word, low_byte));
        sum = _mm256_add_ps(sum, _mm256_mul_ps(sample, _mm256_loadu_ps(cols->tap[j] + o)));
        word = _mm256_srli_epi32(word, 8);
    }
    return sum;
}

/* Rounds half to even, as the default rounding mode does, and cuts to 0..255. */
PPI_TARGET_AVX2 static inline __m128i to_bytes(__m256 sum) {
    const __m256i whole = _mm256_cvtps_epi32(sum);
    const __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    return _mm_packus_epi16(words, words);
}

/* Output row o: columns x..x+7 of the weighted rows of scratch; the columns beyond 84 are zero. */
PPI_TARGET_AVX2 static inline __m256 column_lanes(const float *scratch, const ppi_area_axis *rows,
                                                  int32_t o, int32_t x) {
    const float *source = scratch + rows->first[o] * PPI_ATARI_SIDE + x;
    __m256 sum = _mm256_setzero_ps();
    for (int32_t j = 0; j < rows->count[o]; j++) {
        const float *row = source + j * PPI_ATARI_SIDE;
        const __m256 part =
            x < WHOLE ? _mm256_loadu_ps(row) : _mm256_zextps128_ps256(_mm_loadu_ps(row));
        sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_set1_ps(rows->weight[o][j]), part));
    }
    return sum;
}

PPI_TARGET_AVX2 static void resize_avx2(uint8_t *out, const uint8_t *in, const ppi_area_axis *rows,
                                        const ppi_area_axis *cols, float *scratch) {
    for (int32_t y = 0; y < rows->in; y++) {
        const uint8_t *row = in + y * cols->in;
        float *to = scratch + y * PPI_ATARI_SIDE;
        for (int32_t o = 0; o < WHOLE; o += LANES) {
            _mm256_storeu_ps(to + o, row_lanes(row, cols, o));
        }
        _mm_storeu_ps(to + WHOLE, _mm256_castps256_ps128(row_lanes(row, cols, WHOLE)));
    }
    for (int32_t o = 0; o < PPI_ATARI_SIDE; o++) {
        uint8_t *to = out + o * PPI_ATARI_SIDE;
        for (int32_t x = 0; x < WHOLE; x += LANES) {
            _mm_storel_epi64((__m128i *)(to + x), to_bytes(column_lanes(scratch, rows, o, x)));
        }
        const int32_t rest = _mm_cvtsi128_si32(to_bytes(column_lanes(scratch, rows, o, WHOLE)));
        memcpy(to + WHOLE, &rest, HALF);
    }
}
#endif

void ppi_area_resize(uint8_t *out, const uint8_t *in, const ppi_area_axis *rows,
                     const ppi_area_axis *cols, float *scratch) {
#if PPI_HAVE_AVX2
    if (ppi_cpu_isa() >= PPI_ISA_AVX2 && cols->taps <= PPI_AREA_TAPS) {
        resize_avx2(out, in, rows, cols, scratch);
        return;
    }
#endif
    ppi_area_resize_plain(out, in, rows, cols, scratch);
}
