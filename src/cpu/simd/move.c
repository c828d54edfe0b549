/* Kernels that only move data: slice, its scatter, concat and permute. Blocks of contiguous bytes are
   copied, so one version serves every element type and instruction set. */
#include <string.h>

#include "cpu/simd/team.h"

static bool move_accepts(const ppi_kernel_args *a) {
    for (int i = 0; i < a->n_in; i++) {
        if (a->in[i].dtype != a->out[0].dtype) return false;
    }
    return !a->accumulate;
}

/* A shape seen from one axis: [outer, axis, inner]. */
typedef struct axis_form {
    int64_t outer, length, inner;
} axis_form;

static axis_form axis_split(const ppi_shape *s, int axis) {
    axis_form f = {1, s->dim[axis], 1};
    for (int i = 0; i < axis; i++) f.outer *= s->dim[i];
    for (int i = axis + 1; i < s->ndim; i++) f.inner *= s->dim[i];
    return f;
}

/* `small` holds rows start, start+step, ... of `big`'s axis; copies small to big or big to small. */
static void slice_copy(char *small, char *big, const axis_form *f, const ppi_kernel_args *a, size_t bytes, bool to_big) {
    const int64_t start = a->params.slice.start;
    const int64_t step = a->params.slice.step;
    const int64_t full = a->params.slice.full;
    const size_t block = (size_t)f->inner * bytes;
    const bool dense = step == 1;
    const int64_t pieces = dense ? 1 : f->length;
    const size_t size = dense ? block * (size_t)f->length : block;
    const int nt = ppi_team(f->outer * f->length * f->inner, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t o = 0; o < f->outer; o++) {
        for (int64_t i = 0; i < pieces; i++) {
            char *s = small + (size_t)(o * f->length + i) * block;
            char *b = big + (size_t)(o * full + start + i * step) * block;
            memcpy(to_big ? b : s, to_big ? s : b, size);
        }
    }
}

static pp_status slice_run(const ppi_kernel_args *a) {
    const axis_form f = axis_split(&a->out[0].shape, a->params.slice.axis);
    slice_copy(a->out[0].data, a->in[0].data, &f, a, ppi_dtype_size(a->out[0].dtype), false);
    return PP_OK;
}

static pp_status slice_grad_run(const ppi_kernel_args *a) {
    const axis_form f = axis_split(&a->in[0].shape, a->params.slice.axis);
    const size_t bytes = ppi_dtype_size(a->out[0].dtype);
    memset(a->out[0].data, 0, (size_t)ppi_shape_count(&a->out[0].shape) * bytes);
    slice_copy(a->in[0].data, a->out[0].data, &f, a, bytes, true);
    return PP_OK;
}

static pp_status concat_run(const ppi_kernel_args *a) {
    const int axis = a->params.concat.axis;
    const size_t bytes = ppi_dtype_size(a->out[0].dtype);
    const axis_form y = axis_split(&a->out[0].shape, axis);
    size_t lead[PPI_MAX_INPUTS];
    size_t at[PPI_MAX_INPUTS];
    size_t sum = 0;
    for (int i = 0; i < a->n_in; i++) {
        lead[i] = (size_t)(a->in[i].shape.dim[axis] * y.inner) * bytes;
        at[i] = sum;
        sum += lead[i];
    }
    const int nt = ppi_team(y.outer * y.length * y.inner, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t o = 0; o < y.outer; o++) {
        for (int i = 0; i < a->n_in; i++) {
            memcpy((char *)a->out[0].data + (size_t)o * sum + at[i], (const char *)a->in[i].data + (size_t)o * lead[i], lead[i]);
        }
    }
    return PP_OK;
}

/* ---- permute ---- */

/* Output dims with the strides (in elements) of the input; `block` trailing elements are contiguous in both. */
typedef struct permute_form {
    int n;
    int64_t dim[PPI_MAX_DIMS], stride[PPI_MAX_DIMS];
    int64_t block, rows; /* rows: blocks in all */
} permute_form;

static permute_form permute_split(const ppi_kernel_args *a) {
    const ppi_shape *x = &a->in[0].shape;
    int64_t stride[PPI_MAX_DIMS];
    int64_t s = 1;
    for (int i = x->ndim - 1; i >= 0; i--) {
        stride[i] = s;
        s *= x->dim[i];
    }
    permute_form f = {.n = x->ndim, .block = 1, .rows = 1};
    for (int i = 0; i < x->ndim; i++) {
        f.dim[i] = x->dim[a->params.permute.perm[i]];
        f.stride[i] = stride[a->params.permute.perm[i]];
    }
    while (f.n > 0 && f.stride[f.n - 1] == f.block) f.block *= f.dim[--f.n];
    for (int i = 0; i < f.n; i++) f.rows *= f.dim[i];
    return f;
}

/* Input offset of block number `row` of the output. */
static int64_t permute_source(const permute_form *f, int64_t row) {
    int64_t at = 0;
    for (int i = f->n - 1; i >= 0; i--) {
        at += row % f->dim[i] * f->stride[i];
        row /= f->dim[i];
    }
    return at;
}

/* Single elements: the last output dim is walked with its stride. */
static void permute_line(char *y, const char *x, int64_t n, int64_t stride, size_t bytes) {
    switch (bytes) {
        case 2:
            for (int64_t i = 0; i < n; i++) ((uint16_t *)(void *)y)[i] = ((const uint16_t *)(const void *)x)[i * stride];
            break;
        case 4:
            for (int64_t i = 0; i < n; i++) ((uint32_t *)(void *)y)[i] = ((const uint32_t *)(const void *)x)[i * stride];
            break;
        case 8:
            for (int64_t i = 0; i < n; i++) ((uint64_t *)(void *)y)[i] = ((const uint64_t *)(const void *)x)[i * stride];
            break;
        default:
            for (int64_t i = 0; i < n; i++) y[i] = x[i * stride];
    }
}

static pp_status permute_run(const ppi_kernel_args *a) {
    permute_form f = permute_split(a);
    const size_t bytes = ppi_dtype_size(a->out[0].dtype);
    const int nt = ppi_team(f.rows * f.block, a->threads);
    char *y = a->out[0].data;
    const char *x = a->in[0].data;
    if (f.block == 1 && f.n > 0) {
        const int64_t line = f.dim[f.n - 1];
        const int64_t stride = f.stride[f.n - 1];
        f.n--;
        const int64_t rows = line > 0 ? f.rows / line : 0;
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
        for (int64_t r = 0; r < rows; r++) {
            permute_line(y + (size_t)(r * line) * bytes, x + (size_t)permute_source(&f, r) * bytes, line, stride, bytes);
        }
        return PP_OK;
    }
    const size_t size = (size_t)f.block * bytes;
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t r = 0; r < f.rows; r++) memcpy(y + (size_t)r * size, x + (size_t)permute_source(&f, r) * bytes, size);
    return PP_OK;
}

#define MOVE_ENTRY(op, fn) {PPI_OP_##op, {"move:" #fn, move_accepts, NULL, NULL, NULL, fn##_run}}

const ppi_kernel_entry ppi_move_table[] = {
    MOVE_ENTRY(SLICE, slice),
    MOVE_ENTRY(SLICE_GRAD, slice_grad),
    MOVE_ENTRY(CONCAT, concat),
    MOVE_ENTRY(PERMUTE, permute),
    {0},
};
