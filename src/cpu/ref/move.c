/* Reference kernels that only move elements: cast, permute, slice, concat, broadcast. */
#include <string.h>

#include "cpu/ref/ref.h"

/* y[yi ..] = x[xi], x[xi + step], ..., n elements. The pairs that the bf16 policy makes often have loops
   of their own. */
static void copy_run(const ppi_operand *y, int64_t yi, const ppi_operand *x, int64_t xi, int64_t step, int64_t n) {
    const size_t size = ppi_dtype_size(x->dtype);
    if (y->dtype == x->dtype && step == 1) {
        memcpy((char *)y->data + (size_t)yi * size, (const char *)x->data + (size_t)xi * size, (size_t)n * size);
    } else if (x->dtype == PPI_F32 && y->dtype == PPI_BF16) {
        const float *from = (const float *)x->data + xi;
        ppi_bf16 *to = (ppi_bf16 *)y->data + yi;
        for (int64_t i = 0; i < n; i++) to[i] = ppi_bf16_from_f32(from[i * step]);
    } else if (x->dtype == PPI_BF16 && y->dtype == PPI_F32) {
        const ppi_bf16 *from = (const ppi_bf16 *)x->data + xi;
        float *to = (float *)y->data + yi;
        for (int64_t i = 0; i < n; i++) to[i] = ppi_bf16_to_f32(from[i * step]);
    } else {
        for (int64_t i = 0; i < n; i++) ref_set(y, yi + i, ref_get(x, xi + i * step));
    }
}

/* Product of the dims before and after an axis. */
static void around(const ppi_shape *s, int axis, int64_t *outer, int64_t *inner) {
    *outer = 1;
    *inner = 1;
    for (int d = 0; d < axis; d++) *outer *= s->dim[d];
    for (int d = axis + 1; d < s->ndim; d++) *inner *= s->dim[d];
}

pp_status ppi_ref_cast(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const double scale = (double)a->params.cast.scale;
    const int64_t n = ppi_shape_count(&x.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < n; i++) ref_set(&y, i, scale * ref_get(&x, i));
    return PP_OK;
}

pp_status ppi_ref_reshape(const ppi_kernel_args *a) {
    if (a->out[0].data != a->in[0].data) copy_run(&a->out[0], 0, &a->in[0], 0, 1, ppi_shape_count(&a->in[0].shape));
    return PP_OK;
}

pp_status ppi_ref_permute(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const int nd = x.shape.ndim;
    int64_t x_stride[PPI_MAX_DIMS];
    int64_t stride[PPI_MAX_DIMS]; /* step in x for one step of the output's dim */
    int64_t n = 1;
    for (int d = nd - 1; d >= 0; d--) {
        x_stride[d] = n;
        n *= x.shape.dim[d];
    }
    for (int d = 0; d < nd; d++) stride[d] = x_stride[a->params.permute.perm[d]];
    const int64_t run = ref_last(&y.shape);
    const int64_t rows = n / run;
    const int64_t step = stride[nd - 1];
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = 0;
        int64_t rest = r;
        for (int d = nd - 2; d >= 0; d--) {
            at += rest % y.shape.dim[d] * stride[d];
            rest /= y.shape.dim[d];
        }
        copy_run(&y, r * run, &x, at, step, run);
    }
    return PP_OK;
}

pp_status ppi_ref_slice(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const int axis = a->params.slice.axis;
    const int64_t full = x.shape.dim[axis];
    const int64_t count = y.shape.dim[axis];
    int64_t outer, inner;
    around(&x.shape, axis, &outer, &inner);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < outer * count; r++) {
        const int64_t row = a->params.slice.start + r % count * a->params.slice.step;
        copy_run(&y, r * inner, &x, (r / count * full + row) * inner, 1, inner);
    }
    return PP_OK;
}

pp_status ppi_ref_slice_grad(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand dx = a->out[0];
    const int axis = a->params.slice.axis;
    const int64_t start = a->params.slice.start;
    const int64_t step = a->params.slice.step;
    const int64_t full = dx.shape.dim[axis];
    const int64_t count = dy.shape.dim[axis];
    int64_t outer, inner;
    around(&dx.shape, axis, &outer, &inner);
    const size_t row_bytes = (size_t)inner * ppi_dtype_size(dx.dtype);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < outer * full; r++) {
        const int64_t at = r % full - start;
        if (at >= 0 && at % step == 0 && at / step < count) {
            copy_run(&dx, r * inner, &dy, (r / full * count + at / step) * inner, 1, inner);
        } else {
            memset((char *)dx.data + (size_t)r * row_bytes, 0, row_bytes);
        }
    }
    return PP_OK;
}

pp_status ppi_ref_take_rows(const ppi_kernel_args *a) {
    const ppi_row_list *rows = &a->params.take.rows;
    const int64_t cols = ref_last(&a->out[0].shape);
    for (int64_t r = 0; r < rows->n; r++) copy_run(&a->out[0], r * cols, &a->in[0], rows->at[r] * cols, 1, cols);
    return PP_OK;
}

pp_status ppi_ref_take_rows_grad(const ppi_kernel_args *a) {
    const ppi_operand *dx = &a->out[0];
    const ppi_row_list *rows = &a->params.take.rows;
    const int64_t cols = ref_last(&dx->shape);
    memset(dx->data, 0, (size_t)ppi_shape_count(&dx->shape) * ppi_dtype_size(dx->dtype));
    for (int64_t r = 0; r < rows->n; r++) copy_run(dx, rows->at[r] * cols, &a->in[0], r * cols, 1, cols);
    return PP_OK;
}

pp_status ppi_ref_concat(const ppi_kernel_args *a) {
    const ppi_operand y = a->out[0];
    const int axis = a->params.concat.axis;
    int64_t outer, inner;
    around(&y.shape, axis, &outer, &inner);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < outer; r++) {
        int64_t at = r * y.shape.dim[axis] * inner;
        for (int i = 0; i < a->n_in; i++) {
            const int64_t n = a->in[i].shape.dim[axis] * inner;
            copy_run(&y, at, &a->in[i], r * n, 1, n);
            at += n;
        }
    }
    return PP_OK;
}

/* Index into `small` of the row that element 0 of row r of `big` reads; *step: 1 when the last dim advances, else 0. */
static int64_t broadcast_row(const ppi_shape *small, const ppi_shape *big, int64_t r, int64_t *step) {
    const int shift = big->ndim - small->ndim;
    int64_t stride = ref_last(small);
    int64_t at = 0;
    *step = ref_last(small) == 1 ? 0 : 1;
    for (int d = big->ndim - 2; d >= 0; d--) {
        const int64_t i = r % big->dim[d];
        r /= big->dim[d];
        if (d < shift) continue;
        const int64_t size = small->dim[d - shift];
        if (size != 1) at += i * stride;
        stride *= size;
    }
    return at;
}

pp_status ppi_ref_broadcast_to(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const int64_t cols = ref_last(&y.shape);
    const int64_t rows = ref_rows(&y.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        int64_t step;
        const int64_t at = broadcast_row(&x.shape, &y.shape, r, &step);
        for (int64_t i = 0; i < cols; i++) ref_set(&y, r * cols + i, ref_get(&x, at + i * step));
    }
    return PP_OK;
}

/* a op b with b broadcast to a. */
static void broadcast_pair(const ppi_kernel_args *args, bool multiply) {
    const ppi_operand a = args->in[0];
    const ppi_operand b = args->in[1];
    const ppi_operand y = args->out[0];
    const int64_t cols = ref_last(&y.shape);
    const int64_t rows = ref_rows(&y.shape);
    const bool plain = a.dtype == PPI_F32 && b.dtype == PPI_F32 && y.dtype == PPI_F32;
#pragma omp parallel for num_threads(args->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        int64_t step;
        const int64_t at = broadcast_row(&b.shape, &y.shape, r, &step);
        if (plain) {
            const float *pa = (const float *)a.data + r * cols;
            const float *pb = (const float *)b.data + at;
            float *py = (float *)y.data + r * cols;
            for (int64_t i = 0; i < cols; i++) py[i] = multiply ? pa[i] * pb[i * step] : pa[i] + pb[i * step];
            continue;
        }
        for (int64_t i = 0; i < cols; i++) {
            const double u = ref_get(&a, r * cols + i);
            const double v = ref_get(&b, at + i * step);
            ref_set(&y, r * cols + i, multiply ? u * v : u + v);
        }
    }
}

pp_status ppi_ref_add(const ppi_kernel_args *a) {
    broadcast_pair(a, false);
    return PP_OK;
}

pp_status ppi_ref_mul(const ppi_kernel_args *a) {
    broadcast_pair(a, true);
    return PP_OK;
}

/* Sum of all elements of x that target element t stands for: a walk over the summed dims. */
static double sum_over(const ppi_operand *x, const ppi_shape *target, int64_t t) {
    const int nd = x->shape.ndim;
    const int shift = nd - target->ndim;
    int64_t base = 0;
    int64_t stride = 1;
    int64_t n = 1;
    int64_t dim[PPI_MAX_DIMS];  /* summed dims, innermost first */
    int64_t step[PPI_MAX_DIMS];
    int summed = 0;
    for (int d = nd - 1; d >= 0; d--) {
        const int64_t size = x->shape.dim[d];
        const int64_t want = d >= shift ? target->dim[d - shift] : 1;
        if (want == size) {
            base += t % size * stride;
            t /= size;
        } else {
            dim[summed] = size;
            step[summed++] = stride;
            n *= size;
        }
        stride *= size;
    }
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = base;
        int64_t rest = i;
        for (int d = 0; d < summed; d++) {
            at += rest % dim[d] * step[d];
            rest /= dim[d];
        }
        sum += ref_get(x, at);
    }
    return sum;
}

pp_status ppi_ref_reduce_to(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand y = a->out[0];
    const int64_t n = ppi_shape_count(&y.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t t = 0; t < n; t++) ref_set(&y, t, sum_over(&x, &y.shape, t));
    return PP_OK;
}
