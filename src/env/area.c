/* Area resize to 84x84, equal to OpenCV's INTER_AREA on grey bytes: float32 weights, the row pass
 * over all input rows, then the column pass, rounding half to even. */
#include <math.h>

#include "env/atari.h"

/* Overlaps below this length get no weight, as in the original. */
static const double k_least_overlap = 1e-3;

static void add_weight(ppi_area_axis *axis, int32_t o, int32_t index, double weight) {
    if (axis->count[o] == 0) {
        axis->first[o] = index;
    }
    axis->weight[o][axis->count[o]++] = (float)weight;
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

void ppi_area_resize(uint8_t *out, const uint8_t *in, const ppi_area_axis *rows,
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
            out[o * PPI_ATARI_SIDE + x] =
                rounded < 0.0f ? 0 : rounded > 255.0f ? 255 : (uint8_t)rounded;
        }
    }
}
