/* Reference convolution: direct sums, NHWC images and [KH,KW,C,O] filters. */
#include "cpu/ref/ref.h"

typedef struct conv {
    int64_t b, h, w, c;    /* image */
    int64_t oh, ow, o;     /* output */
    int64_t kh, kw;        /* filter */
    int64_t stride;
    int64_t top, left;     /* zero rows and columns before the image */
} conv;

static conv conv_of(const ppi_kernel_args *a, const ppi_shape *image, const ppi_shape *filter, const ppi_shape *output) {
    const int stride = a->params.conv.stride;
    const int pad = a->params.conv.pad;
    const bool same = a->params.conv.same;
    return (conv){.b = image->dim[0], .h = image->dim[1], .w = image->dim[2], .c = image->dim[3], .oh = output->dim[1],
                  .ow = output->dim[2], .o = output->dim[3], .kh = filter->dim[0], .kw = filter->dim[1], .stride = stride,
                  .top = ppi_padding_before(same, pad, image->dim[1], filter->dim[0], stride),
                  .left = ppi_padding_before(same, pad, image->dim[2], filter->dim[1], stride)};
}

pp_status ppi_ref_conv2d(const ppi_kernel_args *a) {
    const ppi_operand x = a->in[0];
    const ppi_operand w = a->in[1];
    const ppi_operand y = a->out[0];
    const conv z = conv_of(a, &x.shape, &w.shape, &y.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < z.b * z.oh * z.ow * z.o; i++) {
        const int64_t o = i % z.o;
        const int64_t ox = i / z.o % z.ow;
        const int64_t oy = i / z.o / z.ow % z.oh;
        const int64_t b = i / z.o / z.ow / z.oh;
        double sum = a->n_in > 2 ? ref_get(&a->in[2], o) : 0.0;
        for (int64_t u = 0; u < z.kh; u++) {
            const int64_t iy = oy * z.stride + u - z.top;
            if (iy < 0 || iy >= z.h) continue;
            for (int64_t v = 0; v < z.kw; v++) {
                const int64_t ix = ox * z.stride + v - z.left;
                if (ix < 0 || ix >= z.w) continue;
                const int64_t xi = ((b * z.h + iy) * z.w + ix) * z.c;
                const int64_t wi = (u * z.kw + v) * z.c * z.o + o;
                for (int64_t c = 0; c < z.c; c++) sum += ref_get(&x, xi + c) * ref_get(&w, wi + c * z.o);
            }
        }
        ref_set(&y, i, ppi_ref_act_value(a->params.conv.act, sum));
    }
    return PP_OK;
}

/* Output row that reads image row i through filter row u, or -1. */
static int64_t source_row(int64_t i, int64_t u, const conv *z, int64_t pad, int64_t limit) {
    const int64_t at = i + pad - u;
    if (at < 0 || at % z->stride != 0 || at / z->stride >= limit) return -1;
    return at / z->stride;
}

pp_status ppi_ref_conv2d_grad_x(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand w = a->in[1];
    const ppi_operand dx = a->out[0];
    const conv z = conv_of(a, &dx.shape, &w.shape, &dy.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < z.b * z.h * z.w * z.c; i++) {
        const int64_t c = i % z.c;
        const int64_t ix = i / z.c % z.w;
        const int64_t iy = i / z.c / z.w % z.h;
        const int64_t b = i / z.c / z.w / z.h;
        double sum = 0.0;
        for (int64_t u = 0; u < z.kh; u++) {
            const int64_t oy = source_row(iy, u, &z, z.top, z.oh);
            if (oy < 0) continue;
            for (int64_t v = 0; v < z.kw; v++) {
                const int64_t ox = source_row(ix, v, &z, z.left, z.ow);
                if (ox < 0) continue;
                const int64_t yi = ((b * z.oh + oy) * z.ow + ox) * z.o;
                const int64_t wi = ((u * z.kw + v) * z.c + c) * z.o;
                for (int64_t o = 0; o < z.o; o++) sum += ref_get(&dy, yi + o) * ref_get(&w, wi + o);
            }
        }
        ref_set(&dx, i, sum);
    }
    return PP_OK;
}

pp_status ppi_ref_conv2d_grad_w(const ppi_kernel_args *a) {
    const ppi_operand dy = a->in[0];
    const ppi_operand x = a->in[1];
    const ppi_operand dw = a->out[0];
    const conv z = conv_of(a, &x.shape, &dw.shape, &dy.shape);
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < z.kh * z.kw * z.c * z.o; i++) {
        const int64_t o = i % z.o;
        const int64_t c = i / z.o % z.c;
        const int64_t v = i / z.o / z.c % z.kw;
        const int64_t u = i / z.o / z.c / z.kw;
        double sum = 0.0;
        for (int64_t p = 0; p < z.b * z.oh * z.ow; p++) {
            const int64_t ix = p % z.ow * z.stride + v - z.left;
            const int64_t iy = p / z.ow % z.oh * z.stride + u - z.top;
            const int64_t b = p / z.ow / z.oh;
            if (iy < 0 || iy >= z.h || ix < 0 || ix >= z.w) continue;
            sum += ref_get(&dy, p * z.o + o) * ref_get(&x, ((b * z.h + iy) * z.w + ix) * z.c + c);
        }
        ref_set(&dw, i, sum);
    }
    return PP_OK;
}
