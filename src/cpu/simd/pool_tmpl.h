/* Max-pooling over NHWC images, channels in vectors. Included once per instruction set after its
   vector header. */
#include <string.h>

#include "cpu/simd/team.h"

typedef struct pool_form {
    int64_t h, w, c, oh, ow, kernel, stride, top, left;
} pool_form;

/* `y`: shape of the pooled images. */
static pool_form pool_form_of(const ppi_kernel_args *a, const ppi_shape *y) {
    const int64_t kernel = a->params.pool.kernel;
    const int64_t stride = a->params.pool.stride;
    const bool same = a->params.pool.same;
    return (pool_form){.h = a->params.pool.h,
                       .w = a->params.pool.w,
                       .c = y->dim[3],
                       .oh = y->dim[1],
                       .ow = y->dim[2],
                       .kernel = kernel,
                       .stride = stride,
                       .top = ppi_padding_before(same, 0, a->params.pool.h, kernel, stride),
                       .left = ppi_padding_before(same, 0, a->params.pool.w, kernel, stride)};
}

/* The window of one result inside the image. */
typedef struct pool_window {
    int64_t y0, y1, x0, x1; /* rows and columns of the image */
    int64_t top, left;      /* where the whole window begins */
} pool_window;

static pool_window pool_window_of(const pool_form *f, int64_t oy, int64_t ox) {
    const int64_t top = oy * f->stride - f->top;
    const int64_t left = ox * f->stride - f->left;
    return (pool_window){ppi_max64(top, 0),
                         ppi_min64(top + f->kernel, f->h),
                         ppi_max64(left, 0),
                         ppi_min64(left + f->kernel, f->w),
                         top,
                         left};
}

/* Largest of a window for n channels from c on; their places as numbers in *place. */
VFN vf pool_largest(const pool_form *f, const pool_window *w, const ppi_operand *x, int64_t image,
                    int64_t c, int64_t n, vf *place) {
    vf best = v_zero();
    vf at = v_zero();
    bool first = true;
    for (int64_t iy = w->y0; iy < w->y1; iy++) {
        for (int64_t ix = w->x0; ix < w->x1; ix++) {
            const int64_t i = image + (iy * f->w + ix) * f->c + c;
            const vf v = n >= VW ? v_get(x->data, x->dtype, i) : v_get_n(x->data, x->dtype, i, n);
            const vf k = v_set((float)((iy - w->top) * f->kernel + ix - w->left));
            at = first ? k : v_gt(v, best, k, at);
            best = first ? v : v_gt(v, best, v, best);
            first = false;
        }
    }
    *place = at;
    return best;
}

static void pool_result(const ppi_kernel_args *a, const pool_form *f, int64_t b, int64_t oy,
                        int64_t ox) {
    const ppi_operand *x = &a->in[0], *y = &a->out[0];
    const pool_window w = pool_window_of(f, oy, ox);
    const int64_t image = b * f->h * f->w * f->c;
    const int64_t to = ((b * f->oh + oy) * f->ow + ox) * f->c;
    for (int64_t c = 0; c < f->c; c += VW) {
        const int64_t n = ppi_min64(VW, f->c - c);
        vf place;
        const vf best = pool_largest(f, &w, x, image, c, n, &place);
        if (y->data && n == VW) v_put(y->data, y->dtype, to + c, best);
        if (y->data && n < VW) v_put_n(y->data, y->dtype, to + c, best, n);
        if (!a->out[1].data) continue;
        float lane[VW];
        uint8_t *places = (uint8_t *)a->out[1].data + to + c;
        v_store(lane, place);
        for (int64_t i = 0; i < n; i++) places[i] = (uint8_t)lane[i];
    }
}

static bool pool_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && ppi_is_float(a->out[0].dtype);
}

static pp_status max_pool2d_run(const ppi_kernel_args *a) {
    const pool_form f = pool_form_of(a, &a->out[0].shape);
    const int64_t rows = a->out[0].shape.dim[0] * f.oh;
    const int nt = ppi_team(rows * f.ow * f.c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t ox = 0; ox < f.ow; ox++) pool_result(a, &f, r / f.oh, r % f.oh, ox);
    }
    return PP_OK;
}

/* Image elements b: each result's gradient is added where its place points. The sums of an image
   are made in f32 at `dx`. */
static void pool_scatter(const ppi_kernel_args *a, const pool_form *f, int64_t b, float *dx) {
    const ppi_operand *dy = &a->in[0];
    const uint8_t *place = a->in[1].data;
    memset(dx, 0, (size_t)(f->h * f->w * f->c) * sizeof(float));
    for (int64_t p = 0; p < f->oh * f->ow; p++) {
        const int64_t top = p / f->ow * f->stride - f->top;
        const int64_t left = p % f->ow * f->stride - f->left;
        const int64_t from = (b * f->oh * f->ow + p) * f->c;
        for (int64_t c = 0; c < f->c; c += VW) {
            const int64_t n = ppi_min64(VW, f->c - c);
            float lane[VW];
            v_store(lane, v_get_n(dy->data, dy->dtype, from + c, n));
            for (int64_t i = 0; i < n; i++) {
                const int64_t k = place[from + c + i];
                const int64_t iy = top + k / f->kernel;
                const int64_t ix = left + k % f->kernel;
                dx[(iy * f->w + ix) * f->c + c + i] += lane[i];
            }
        }
    }
}

/* An image of sums for each thread where the result is not f32. */
static size_t max_pool2d_grad_workspace(const ppi_kernel_args *a) {
    if (a->out[0].dtype == PPI_F32) return 0;
    const ppi_shape *x = &a->out[0].shape;
    return (size_t)(ppi_shape_count(x) / x->dim[0]) * (size_t)ppi_max64(1, a->threads) *
           sizeof(float);
}

static pp_status max_pool2d_grad_run(const ppi_kernel_args *a) {
    const pool_form f = pool_form_of(a, &a->in[0].shape);
    const ppi_operand *dx = &a->out[0];
    const int64_t images = dx->shape.dim[0];
    const int64_t size = f.h * f.w * f.c;
    const int nt = ppi_team(images * size, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(images, 1, t, nt);
        for (int64_t b = r.from; b < r.to; b++) {
            if (dx->dtype == PPI_F32) {
                pool_scatter(a, &f, b, (float *)dx->data + b * size);
                continue;
            }
            float *sums = (float *)a->workspace + t * size;
            pool_scatter(a, &f, b, sums);
            PPI_SIMD(convert)
            ((uint16_t *)dx->data + b * size, dx->dtype, sums, PPI_F32, 1.0f, size, 1);
        }
    }
    return PP_OK;
}

const ppi_kernel_entry PPI_SIMD(pool_table)[] = {
    {PPI_OP_MAX_POOL2D,
     {PPI_SIMD_NAME "max_pool2d", pool_accepts, NULL, NULL, NULL, max_pool2d_run}},
    {PPI_OP_MAX_POOL2D_GRAD,
     {PPI_SIMD_NAME "max_pool2d_grad", pool_accepts, max_pool2d_grad_workspace, NULL, NULL,
      max_pool2d_grad_run}},
    {0},
};
