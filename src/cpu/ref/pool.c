/* Reference max-pooling over NHWC images, picking one column of each row, one-hot encoding. */
#include "cpu/ref/ref.h"

typedef struct pool {
    int64_t b, h, w, c;    /* image */
    int64_t oh, ow;        /* output */
    int64_t kernel, stride;
    int64_t top, left;     /* rows and columns of padding before the image */
} pool;

static pool pool_of(const ppi_kernel_args *a, const ppi_shape *small) {
    const int64_t kernel = a->params.pool.kernel;
    const int64_t stride = a->params.pool.stride;
    const bool same = a->params.pool.same;
    const int64_t h = a->params.pool.h;
    const int64_t w = a->params.pool.w;
    return (pool){.b = small->dim[0], .h = h, .w = w, .c = small->dim[3], .oh = small->dim[1], .ow = small->dim[2], .kernel = kernel,
                  .stride = stride, .top = ppi_padding_before(same, 0, h, kernel, stride),
                  .left = ppi_padding_before(same, 0, w, kernel, stride)};
}

/* Index of the image element at place `k` of the window of output row oy and column ox, -1 in the padding. */
static int64_t window_at(const pool *z, int64_t b, int64_t oy, int64_t ox, int64_t c, int64_t k) {
    const int64_t iy = oy * z->stride + k / z->kernel - z->top;
    const int64_t ix = ox * z->stride + k % z->kernel - z->left;
    if (iy < 0 || iy >= z->h || ix < 0 || ix >= z->w) return -1;
    return ((b * z->h + iy) * z->w + ix) * z->c + c;
}

pp_status ppi_ref_max_pool2d(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const pool z = pool_of(a, &a->out[0].shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < z.b * z.oh * z.ow * z.c; i++) {
        const int64_t c = i % z.c;
        const int64_t ox = i / z.c % z.ow;
        const int64_t oy = i / z.c / z.ow % z.oh;
        const int64_t b = i / z.c / z.ow / z.oh;
        double top = 0.0;
        int64_t place = -1;
        for (int64_t k = 0; k < z.kernel * z.kernel; k++) {
            const int64_t at = window_at(&z, b, oy, ox, c, k);
            if (at < 0 || (place >= 0 && !(ref_get(&x, at) > top))) continue;
            top = ref_get(&x, at);
            place = k;
        }
        if (a->out[0].data) ref_set(&a->out[0], i, top);
        if (a->out[1].data) ref_set(&a->out[1], i, (double)place);
    }
    return PP_OK;
}

/* Images share nothing, so each is one thread's. */
pp_status ppi_ref_max_pool2d_grad(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand dx = a->out[0];
    const uint8_t *place = a->in[1].data;
    const pool z = pool_of(a, &dy.shape);
    const int64_t image = z.h * z.w * z.c;
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t b = 0; b < z.b; b++) {
        for (int64_t i = b * image; i < (b + 1) * image; i++) ref_set(&dx, i, 0.0);
        for (int64_t oy = 0; oy < z.oh; oy++) {
            for (int64_t n = 0; n < z.ow * z.c; n++) {
                const int64_t i = (b * z.oh + oy) * z.ow * z.c + n;
                const int64_t at = window_at(&z, b, oy, n / z.c, n % z.c, place[i]);
                if (at < 0) continue; /* no place of this window */
                ref_set(&dx, at, ref_get(&dx, at) + ref_get(&dy, i));
            }
        }
    }
    return PP_OK;
}

/* First element of the picked row of x (seen as [N,A,D]) and D. */
static int64_t picked(const ppi_kernel_args *a, const ppi_shape *x, int64_t n, int64_t *d) {
    const int64_t rows = x->dim[1];
    const int64_t id = ((const int32_t *)a->in[1].data)[n];
    *d = x->ndim > 2 ? x->dim[2] : 1;
    return (n * rows + (id < 0 ? 0 : id >= rows ? rows - 1 : id)) * *d;
}

pp_status ppi_ref_pick(const ppi_kernel_args *a) {
    const ppi_shape *x = &a->in[0].shape;
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t n = 0; n < x->dim[0]; n++) {
        int64_t d;
        const int64_t at = picked(a, x, n, &d);
        for (int64_t i = 0; i < d; i++) ref_set(&a->out[0], n * d + i, ref_get(&a->in[0], at + i));
    }
    return PP_OK;
}

pp_status ppi_ref_pick_grad(const ppi_kernel_args *a) {
    const ppi_shape *x = &a->out[0].shape;
    const int64_t row = ppi_shape_count(x) / x->dim[0];
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t n = 0; n < x->dim[0]; n++) {
        int64_t d;
        const int64_t at = picked(a, x, n, &d);
        for (int64_t i = 0; i < row; i++) ref_set(&a->out[0], n * row + i, 0.0);
        for (int64_t i = 0; i < d; i++) ref_set(&a->out[0], at + i, ref_get(&a->in[0], n * d + i));
    }
    return PP_OK;
}

pp_status ppi_ref_one_hot(const ppi_kernel_args *a) {
    const int64_t components = ppi_shape_count(&a->in[0].shape);
    const int parts = a->params.one_hot.parts;
    int64_t at = 0;
    for (int64_t i = 0; i < components; i++) {
        const int64_t size = a->params.one_hot.size[i % parts];
        const int64_t value = (int64_t)ref_get(&a->in[0], i);
        const int64_t hot = value < 0 ? 0 : value >= size ? size - 1 : value;
        for (int64_t k = 0; k < size; k++) ref_set(&a->out[0], at + k, k == hot ? 1.0 : 0.0);
        at += size;
    }
    return PP_OK;
}
