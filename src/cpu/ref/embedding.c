/* Reference embedding: rows of a table by clamped index, and the scatter-add of its gradient. */
#include "cpu/ref/ref.h"

static int64_t clamp_row(int32_t id, int64_t rows) { return id < 0 ? 0 : id >= rows ? rows - 1 : id; }

pp_status ppi_ref_embedding(const ppi_kernel_args *a) {
    const ppi_operand table = a->in[0];
    const ppi_operand y = a->out[0];
    const int32_t *ids = a->in[1].data;
    const int64_t d = table.shape.dim[1];
    const int64_t n = ppi_shape_count(&a->in[1].shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = clamp_row(ids[i], table.shape.dim[0]);
        for (int64_t c = 0; c < d; c++) ref_set(&y, i * d + c, ref_get(&table, row * d + c));
    }
    return PP_OK;
}

/* Threads share columns, so every sum has one order. */
pp_status ppi_ref_embedding_grad(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand dt = a->out[0];
    const int32_t *ids = a->in[1].data;
    const int64_t rows = dt.shape.dim[0];
    const int64_t d = dt.shape.dim[1];
    const int64_t n = ppi_shape_count(&a->in[1].shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t c = 0; c < d; c++) {
        for (int64_t r = 0; r < rows; r++) ref_set(&dt, r * d + c, 0.0);
        for (int64_t i = 0; i < n; i++) {
            const int64_t at = clamp_row(ids[i], rows) * d + c;
            ref_set(&dt, at, ref_get(&dt, at) + ref_get(&dy, i * d + c));
        }
    }
    return PP_OK;
}
