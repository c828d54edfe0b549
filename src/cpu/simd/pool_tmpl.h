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
VFN vf pool_largest(const pool_form *f, const pool_window *w, const void *x, const ppi_dtype t,
                    int64_t c, int64_t n, vf *place) {
    vf best = v_set(-INFINITY);
    vf at = v_set((float)((w->y0 - w->top) * f->kernel + w->x0 - w->left));
    bool first = true;
    for (int64_t iy = w->y0; iy < w->y1; iy++) {
        vf k = v_set((float)((iy - w->top) * f->kernel + w->x0 - w->left));
        for (int64_t ix = w->x0; ix < w->x1; ix++) {
            const int64_t i = (iy * f->w + ix) * f->c + c;
            const vf v = n == VW ? v_get(x, t, i) : v_get_n(x, t, i, n);
            at = v_gt(v, best, k, at);
            best = first ? v : v_gt(v, best, v, best);
            k = v_add(k, v_set(1.0f));
            first = false;
        }
    }
    *place = at;
    return best;
}

/* Result (oy, ox) of an image, all channels. y and places may be NULL. */
VFN void pool_result(const pool_form *f, int64_t oy, int64_t ox, const void *x, const ppi_dtype xt,
                     void *y, const ppi_dtype yt, uint8_t *places) {
    const pool_window w = pool_window_of(f, oy, ox);
    const int64_t to = (oy * f->ow + ox) * f->c;
    for (int64_t c = 0; c < f->c; c += VW) {
        const int64_t n = ppi_min64(VW, f->c - c);
        vf place;
        const vf best = pool_largest(f, &w, x, xt, c, n, &place);
        if (y && n == VW) v_put(y, yt, to + c, best);
        if (y && n < VW) v_put_n(y, yt, to + c, best, n);
        if (places) v_store_u8_n(places + to + c, place, n);
    }
}

static bool pool_accepts(const ppi_kernel_args *a) {
    return !a->accumulate && ppi_is_float(a->in[0].dtype) && ppi_is_float(a->out[0].dtype);
}

static void *pool_image(const ppi_operand *x, int64_t i) {
    return x->data ? (char *)x->data + (size_t)i * ppi_dtype_size(x->dtype) : NULL;
}

static pp_status max_pool2d_run(const ppi_kernel_args *a) {
    const pool_form f = pool_form_of(a, &a->out[0].shape);
    const int64_t rows = a->out[0].shape.dim[0] * f.oh;
    const ppi_dtype xt = a->in[0].dtype;
    const ppi_dtype yt = a->out[0].dtype;
    const int nt = ppi_team(rows * f.ow * f.c, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static) if (nt > 1)
    for (int64_t r = 0; r < rows; r++) {
        const int64_t b = r / f.oh;
        const void *x = pool_image(&a->in[0], b * f.h * f.w * f.c);
        void *y = pool_image(&a->out[0], b * f.oh * f.ow * f.c);
        uint8_t *places = pool_image(&a->out[1], b * f.oh * f.ow * f.c);
        for (int64_t ox = 0; ox < f.ow; ox++) {
            if (xt == PPI_F32 && yt == PPI_F32) {
                pool_result(&f, r % f.oh, ox, x, PPI_F32, y, PPI_F32, places);
            } else if (xt == PPI_BF16 && yt == PPI_BF16) {
                pool_result(&f, r % f.oh, ox, x, PPI_BF16, y, PPI_BF16, places);
            } else {
                pool_result(&f, r % f.oh, ox, x, xt, y, yt, places);
            }
        }
    }
    return PP_OK;
}

/* The gradient of result (oy, ox) goes to the places of its window, in sums dx [h,w,c]. */
VFN void pool_spread(const pool_form *f, int64_t oy, int64_t ox, const void *dy, const ppi_dtype t,
                     const uint8_t *places, float *dx) {
    const pool_window w = pool_window_of(f, oy, ox);
    const int64_t from = (oy * f->ow + ox) * f->c;
    for (int64_t c = 0; c < f->c; c += VW) {
        const int64_t n = ppi_min64(VW, f->c - c);
        const vf d = v_get_n(dy, t, from + c, n);
        const vf place = v_load_u8_n(places + from + c, n);
        for (int64_t iy = w.y0; iy < w.y1; iy++) {
            for (int64_t ix = w.x0; ix < w.x1; ix++) {
                const vf k = v_set((float)((iy - w.top) * f->kernel + ix - w.left) - 0.5f);
                const vf after = v_gt(place, k, d, v_zero());
                const vf part = v_gt(place, v_add(k, v_set(1.0f)), v_zero(), after);
                float *to = dx + (iy * f->w + ix) * f->c + c;
                v_store_n(to, v_add(v_load_n(to, n), part), n);
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

/* Sums of image b at dx. */
static void pool_sums(const ppi_kernel_args *a, const pool_form *f, int64_t b, float *dx) {
    const int64_t size = f->oh * f->ow * f->c;
    const void *dy = pool_image(&a->in[0], b * size);
    const uint8_t *places = pool_image(&a->in[1], b * size);
    memset(dx, 0, (size_t)(f->h * f->w * f->c) * sizeof(float));
    for (int64_t p = 0; p < f->oh * f->ow; p++) {
        if (a->in[0].dtype == PPI_F32) {
            pool_spread(f, p / f->ow, p % f->ow, dy, PPI_F32, places, dx);
        } else {
            pool_spread(f, p / f->ow, p % f->ow, dy, PPI_BF16, places, dx);
        }
    }
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
                pool_sums(a, &f, b, (float *)dx->data + b * size);
                continue;
            }
            float *sums = (float *)a->workspace + t * size;
            pool_sums(a, &f, b, sums);
            PPI_SIMD(convert)
            (pool_image(dx, b * size), dx->dtype, sums, PPI_F32, 1.0f, size, 1);
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
