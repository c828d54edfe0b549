/* Kernels that only move data: slice, its scatter, concat, permute, pick and one-hot. Blocks of
   contiguous bytes are copied, so one version serves every element type and instruction set; between
   f32 and bf16 they are converted on the way. */
#include <string.h>

#include "base/bf16.h"
#include "cpu/simd/team.h"

static bool move_accepts(const ppi_kernel_args *a) {
    const ppi_dtype y = a->out[0].dtype;
    for (int i = 0; i < a->n_in; i++) {
        const ppi_dtype x = a->in[i].dtype;
        if (x != y && !(ppi_is_float(x) && ppi_is_float(y))) return false;
    }
    return !a->accumulate;
}

/* Converted blocks shorter than this do not pay for a call of the vector kernel. */
enum { CONVERT_FROM = 512 };

static void convert_short(void *y, ppi_dtype yt, const void *x, int64_t n) {
    if (yt == PPI_BF16) {
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)y)[i] = ppi_bf16_from_f32(((const float *)x)[i]);
    } else {
        for (int64_t i = 0; i < n; i++) ((float *)y)[i] = ppi_bf16_to_f32(((const uint16_t *)x)[i]);
    }
}

/* n elements from element `from` of x to element `to` of y. */
static void move_block(const ppi_operand *y, int64_t to, const ppi_operand *x, int64_t from,
                       int64_t n) {
    char *at = (char *)y->data + (size_t)to * ppi_dtype_size(y->dtype);
    const char *source = (const char *)x->data + (size_t)from * ppi_dtype_size(x->dtype);
    if (y->dtype == x->dtype) {
        memcpy(at, source, (size_t)n * ppi_dtype_size(y->dtype));
    } else if (n < CONVERT_FROM) {
        convert_short(at, y->dtype, source, n);
    } else {
        ppi_cpu_convert(at, y->dtype, source, x->dtype, 1.0f, n, 1);
    }
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

/* One operand holds rows start, start+step, ... of the other's axis; f is the form of the one with
   fewer rows. Copies to it from the larger, or the other way when `grow`. */
static void slice_copy(const ppi_kernel_args *a, const axis_form *f, bool grow) {
    const int64_t start = a->params.slice.start;
    const int64_t step = a->params.slice.step;
    const int64_t full = a->params.slice.full;
    const bool dense = step == 1;
    const int64_t pieces = dense ? 1 : f->length;
    const int64_t size = dense ? f->inner * f->length : f->inner;
    const int nt = ppi_team(f->outer * f->length * f->inner, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t o = 0; o < f->outer; o++) {
        for (int64_t i = 0; i < pieces; i++) {
            const int64_t few = (o * f->length + i) * f->inner;
            const int64_t many = (o * full + start + i * step) * f->inner;
            move_block(&a->out[0], grow ? many : few, &a->in[0], grow ? few : many, size);
        }
    }
}

static pp_status slice_run(const ppi_kernel_args *a) {
    const axis_form f = axis_split(&a->out[0].shape, a->params.slice.axis);
    slice_copy(a, &f, false);
    return PP_OK;
}

static pp_status slice_grad_run(const ppi_kernel_args *a) {
    const axis_form f = axis_split(&a->in[0].shape, a->params.slice.axis);
    memset(a->out[0].data, 0,
           (size_t)ppi_shape_count(&a->out[0].shape) * ppi_dtype_size(a->out[0].dtype));
    slice_copy(a, &f, true);
    return PP_OK;
}

/* Row r of the smaller operand is row rows.at[r] of the larger. */
static void rows_copy(const ppi_kernel_args *a, bool grow) {
    const ppi_row_list *rows = &a->params.take.rows;
    const ppi_shape *s = &a->out[0].shape;
    const int64_t cols = s->dim[s->ndim - 1];
    const int nt = ppi_team(rows->n * cols, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t r = 0; r < rows->n; r++) {
        const int64_t many = rows->at[r] * cols;
        move_block(&a->out[0], grow ? many : r * cols, &a->in[0], grow ? r * cols : many, cols);
    }
}

static pp_status take_rows_run(const ppi_kernel_args *a) {
    rows_copy(a, false);
    return PP_OK;
}

static bool take_rows_grad_accepts(const ppi_kernel_args *a) {
    ppi_kernel_args plain = *a;
    plain.accumulate = false;
    return move_accepts(&plain) && (!a->accumulate || ppi_is_float(a->out[0].dtype));
}

static pp_status take_rows_grad_run(const ppi_kernel_args *a) {
    const ppi_operand *dx = &a->out[0], *dy = &a->in[0];
    if (!a->accumulate) {
        memset(dx->data, 0, (size_t)ppi_shape_count(&dx->shape) * ppi_dtype_size(dx->dtype));
        rows_copy(a, true);
        return PP_OK;
    }
    const int64_t cols = dx->shape.dim[dx->shape.ndim - 1];
    const ppi_row_list *rows = &a->params.take.rows;
    for (int64_t r = 0; r < rows->n; r++) {
        ppi_cpu_accumulate((char *)dx->data + (size_t)(rows->at[r] * cols) * ppi_dtype_size(dx->dtype), dx->dtype,
                           (const char *)dy->data + (size_t)(r * cols) * ppi_dtype_size(dy->dtype), dy->dtype, cols, 1);
    }
    return PP_OK;
}

static pp_status concat_run(const ppi_kernel_args *a) {
    const int axis = a->params.concat.axis;
    const axis_form y = axis_split(&a->out[0].shape, axis);
    int64_t length[PPI_MAX_INPUTS];
    for (int i = 0; i < a->n_in; i++) length[i] = a->in[i].shape.dim[axis] * y.inner;
    const int nt = ppi_team(y.outer * y.length * y.inner, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t o = 0; o < y.outer; o++) {
        int64_t at = o * y.length * y.inner;
        for (int i = 0; i < a->n_in; i++) {
            move_block(&a->out[0], at, &a->in[i], o * length[i], length[i]);
            at += length[i];
        }
    }
    return PP_OK;
}

/* ---- permute ---- */

/* Output dims with the strides (in elements) of the input; `block` trailing elements are contiguous
 * in both. */
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
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)(void *)y)[i] = ((const uint16_t *)(const void *)x)[i * stride];
        break;
    case 4:
        for (int64_t i = 0; i < n; i++)
            ((uint32_t *)(void *)y)[i] = ((const uint32_t *)(const void *)x)[i * stride];
        break;
    case 8:
        for (int64_t i = 0; i < n; i++)
            ((uint64_t *)(void *)y)[i] = ((const uint64_t *)(const void *)x)[i * stride];
        break;
    default:
        for (int64_t i = 0; i < n; i++) y[i] = x[i * stride];
    }
}

/* The same between f32 and bf16. */
static void permute_convert(const ppi_operand *y, int64_t to, const ppi_operand *x, int64_t from,
                            int64_t n, int64_t stride) {
    if (y->dtype == PPI_BF16) {
        uint16_t *at = (uint16_t *)y->data + to;
        const float *source = (const float *)x->data + from;
        for (int64_t i = 0; i < n; i++) at[i] = ppi_bf16_from_f32(source[i * stride]);
    } else {
        float *at = (float *)y->data + to;
        const uint16_t *source = (const uint16_t *)x->data + from;
        for (int64_t i = 0; i < n; i++) at[i] = ppi_bf16_to_f32(source[i * stride]);
    }
}

/* Lines of single elements, `line` long and `stride` apart in x. */
static void permute_elements(const ppi_kernel_args *a, permute_form f, int nt) {
    const ppi_operand *y = &a->out[0], *x = &a->in[0];
    const int64_t line = f.dim[f.n - 1];
    const int64_t stride = f.stride[f.n - 1];
    const size_t bytes = ppi_dtype_size(y->dtype);
    const int64_t rows = line > 0 ? f.rows / line : 0;
    f.n--;
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t r = 0; r < rows; r++) {
        const int64_t from = permute_source(&f, r);
        if (y->dtype != x->dtype) {
            permute_convert(y, r * line, x, from, line, stride);
        } else {
            permute_line((char *)y->data + (size_t)(r * line) * bytes,
                         (const char *)x->data + (size_t)from * bytes, line, stride, bytes);
        }
    }
}

static pp_status permute_run(const ppi_kernel_args *a) {
    const permute_form f = permute_split(a);
    const int nt = ppi_team(f.rows * f.block, a->threads);
    if (f.block == 1 && f.n > 0) {
        permute_elements(a, f, nt);
        return PP_OK;
    }
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t r = 0; r < f.rows; r++)
        move_block(&a->out[0], r * f.block, &a->in[0], permute_source(&f, r), f.block);
    return PP_OK;
}

/* ---- pick, one-hot ---- */

/* First element of the picked row of sample n of x, seen as [N,A,d]. */
static int64_t pick_at(const ppi_kernel_args *a, const ppi_shape *x, int64_t n, int64_t d) {
    const int64_t id = ((const int32_t *)a->in[1].data)[n];
    const int64_t row = id < 0 ? 0 : ppi_min64(id, x->dim[1] - 1);
    return (n * x->dim[1] + row) * d;
}

static bool pick_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && ppi_is_float(a->out[0].dtype);
}

static pp_status pick_run(const ppi_kernel_args *a) {
    const ppi_shape *x = &a->in[0].shape;
    const int64_t d = x->ndim > 2 ? x->dim[2] : 1;
    for (int64_t n = 0; n < x->dim[0]; n++)
        move_block(&a->out[0], n * d, &a->in[0], pick_at(a, x, n, d), d);
    return PP_OK;
}

static pp_status pick_grad_run(const ppi_kernel_args *a) {
    const ppi_shape *x = &a->out[0].shape;
    const int64_t d = x->ndim > 2 ? x->dim[2] : 1;
    memset(a->out[0].data, 0, (size_t)ppi_shape_count(x) * ppi_dtype_size(a->out[0].dtype));
    for (int64_t n = 0; n < x->dim[0]; n++)
        move_block(&a->out[0], pick_at(a, x, n, d), &a->in[0], n * d, d);
    return PP_OK;
}

static bool one_hot_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->out[0].dtype);
}

static pp_status one_hot_run(const ppi_kernel_args *a) {
    const ppi_operand *x = &a->in[0], *y = &a->out[0];
    const int64_t components = ppi_shape_count(&x->shape);
    const int parts = a->params.one_hot.parts;
    memset(y->data, 0, (size_t)ppi_shape_count(&y->shape) * ppi_dtype_size(y->dtype));
    int64_t at = 0;
    int part = 0;
    for (int64_t i = 0; i < components; i++) {
        const int64_t size = a->params.one_hot.size[part];
        const int64_t value = x->dtype == PPI_U8 ? ((const uint8_t *)x->data)[i]
                                                 : ((const int32_t *)x->data)[i];
        const int64_t hot = at + (value < 0 ? 0 : ppi_min64(value, size - 1));
        if (y->dtype == PPI_F32) {
            ((float *)y->data)[hot] = 1.0f;
        } else {
            ((uint16_t *)y->data)[hot] = ppi_bf16_from_f32(1.0f);
        }
        at += size;
        if (++part == parts) part = 0;
    }
    return PP_OK;
}

#define MOVE_ENTRY(op, fn)                                                                         \
    {                                                                                              \
        PPI_OP_##op, {                                                                             \
            "move:" #fn, move_accepts, NULL, NULL, NULL, fn##_run                                  \
        }                                                                                          \
    }

const ppi_kernel_entry ppi_move_table[] = {
    MOVE_ENTRY(SLICE, slice),
    MOVE_ENTRY(SLICE_GRAD, slice_grad),
    MOVE_ENTRY(TAKE_ROWS, take_rows),
    {PPI_OP_TAKE_ROWS_GRAD, {"move:take_rows_grad", take_rows_grad_accepts, NULL, NULL, NULL, take_rows_grad_run}},
    MOVE_ENTRY(CONCAT, concat),
    MOVE_ENTRY(PERMUTE, permute),
    {PPI_OP_PICK, {"move:pick", pick_accepts, NULL, NULL, NULL, pick_run}},
    {PPI_OP_PICK_GRAD, {"move:pick_grad", pick_accepts, NULL, NULL, NULL, pick_grad_run}},
    {PPI_OP_ONE_HOT, {"move:one_hot", one_hot_accepts, NULL, NULL, NULL, one_hot_run}},
    {0},
};
