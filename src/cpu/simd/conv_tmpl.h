/* Direct convolutions of small f32 images with few channels, forward and the gradient of the
   filter: no packing, no call overhead. Included once per instruction set after its vector header.

   In [B,H,W,C] the KW * C numbers that a filter row sees lie side by side, so a row of results is a
   matrix product whose left rows overlap, one for each filter row; results of 8 places stay in
   registers. Planes of a board game are mostly zero: an image with few numbers that are not is done
   number by number instead, each into the results that see it; a margin around the results saves
   asking which of them there are. */
#include <string.h>

#include "cpu/simd/team.h"

enum {
    CONV_PLACES = 8,              /* results of a row in registers */
    CONV_RUN = VW == 16 ? 12 : 8, /* rows of the filter's gradient in registers */
    CONV_TEAM_FROM = 2 << 20,     /* multiply-adds for which a team is worth its start */
    CONV_WORK = 48 << 20,         /* multiply-adds from which oneDNN is ahead */
    CONV_IMAGE = 64 << 10         /* bytes of an image with its padding */
};

typedef struct conv_form {
    int64_t b, h, w, c, oh, ow, o, kh, kw, stride, top, left;
    int64_t ph, pw; /* image with its padding */
    int64_t run;    /* kw * c */
} conv_form;

static conv_form conv_form_of(const ppi_kernel_args *a, const ppi_shape *x, const ppi_shape *w,
                              const ppi_shape *y) {
    const int stride = a->params.conv.stride;
    const bool same = a->params.conv.same;
    const int pad = a->params.conv.pad;
    conv_form f = {.b = x->dim[0],
                   .h = x->dim[1],
                   .w = x->dim[2],
                   .c = x->dim[3],
                   .oh = y->dim[1],
                   .ow = y->dim[2],
                   .o = y->dim[3],
                   .kh = w->dim[0],
                   .kw = w->dim[1],
                   .stride = stride,
                   .top = ppi_padding_before(same, pad, x->dim[1], w->dim[0], stride),
                   .left = ppi_padding_before(same, pad, x->dim[2], w->dim[1], stride)};
    f.ph = f.h + f.top + ppi_padding_behind(same, pad, f.h, f.kh, stride);
    f.pw = f.w + f.left + ppi_padding_behind(same, pad, f.w, f.kw, stride);
    f.run = f.kw * f.c;
    return f;
}

static int64_t conv_work(const conv_form *f) {
    return f->b * f->oh * f->ow * f->kh * f->run * f->o;
}

static bool conv_is_padded(const conv_form *f) {
    return f->ph != f->h || f->pw != f->w;
}

static int conv_team(const conv_form *f, int threads) {
    const int64_t nt = conv_work(f) < CONV_TEAM_FROM ? 1 : threads;
    return (int)ppi_max64(1, ppi_min64(nt, f->b));
}

/* Width of the results with their margin, and floats of them. */
static int64_t conv_margin_width(const conv_form *f) {
    return f->ow + 2 * (f->kw - 1);
}
static int64_t conv_margin_floats(const conv_form *f) {
    return (f->oh + 2 * (f->kh - 1)) * conv_margin_width(f) * f->o;
}

/* Memory of a thread. */
typedef struct conv_memory {
    float *sums;   /* gradient of the filter */
    float *margin; /* results with their margin */
    float *image;  /* with its padding */
    int32_t *list; /* places of what is not zero */
} conv_memory;

static int64_t conv_thread_floats(const conv_form *f) {
    const int64_t n = f->kh * f->run * f->o + conv_margin_floats(f) + f->ph * f->pw * f->c +
                      f->h * f->w * f->c + VW;
    return (n + 15) / 16 * 16;
}

/* Memory of thread t, its margin zero. */
static conv_memory conv_memory_of(const ppi_kernel_args *a, const conv_form *f, int t) {
    conv_memory m = {.sums = (float *)a->workspace + t * conv_thread_floats(f)};
    m.margin = m.sums + f->kh * f->run * f->o;
    m.image = m.margin + conv_margin_floats(f);
    m.list = (int32_t *)(void *)(m.image + f->ph * f->pw * f->c);
    memset(m.margin, 0, (size_t)conv_margin_floats(f) * sizeof(float));
    return m;
}

static size_t conv_workspace(const ppi_kernel_args *a, const conv_form *f) {
    return (size_t)(conv_thread_floats(f) * conv_team(f, a->threads)) * sizeof(float);
}

static bool conv_fits(const ppi_kernel_args *a, const conv_form *f) {
    for (int i = 0; i < a->n_in; i++) {
        if (a->in[i].dtype != PPI_F32) return false;
    }
    /* Images of whole vectors of channels are what oneDNN is made for. */
    return !a->accumulate && a->out[0].dtype == PPI_F32 && f->o % 16 == 0 && f->o <= 64 &&
           f->c % 16 != 0 && f->ph * f->pw * f->c * 4 <= CONV_IMAGE && conv_work(f) <= CONV_WORK;
}

/* The image with its padding: itself, or a copy in the thread's memory. */
static const float *conv_padded(const conv_form *f, const float *x, float *memory) {
    if (!conv_is_padded(f)) return x;
    memset(memory, 0, (size_t)(f->ph * f->pw * f->c) * sizeof(float));
    for (int64_t y = 0; y < f->h; y++) {
        memcpy(memory + ((y + f->top) * f->pw + f->left) * f->c, x + y * f->w * f->c,
               (size_t)(f->w * f->c) * sizeof(float));
    }
    return memory;
}

/* Places of the numbers of an image that are not zero; returns how many, or -1 when there are more
   than `most`. */
static int64_t conv_list(const float *x, int64_t n, int32_t *at, int64_t most) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i += VW) {
        const vf v = n - i >= VW ? v_load(x + i) : v_load_n(x + i, n - i);
        count += v_list_nonzero(at + count, (int32_t)i, v);
        if (count > most) return -1;
    }
    return count;
}

/* The list of an image that is better done number by number, -1 for others. */
static int64_t conv_sparse(const conv_form *f, const float *x, int32_t *at) {
    const int64_t most = f->stride == 1 ? f->oh * f->ow * f->c / 4 : -1;
    return most < 0 ? -1 : conv_list(x, f->h * f->w * f->c, at, most);
}

/* Offset in the margin of the result that sees number `at` of an image through the filter's first
   place, and the number's channel (stride 1). */
static int64_t conv_seen_from(const conv_form *f, int32_t at, int64_t *channel) {
    const uint32_t place = (uint32_t)at / (uint32_t)f->c;
    const uint32_t row = place / (uint32_t)f->w;
    *channel = at - (int64_t)place * f->c;
    const int64_t iy = row + f->top;
    const int64_t ix = place - row * f->w + f->left;
    return ((iy + f->kh - 1) * conv_margin_width(f) + ix + f->kw - 1) * f->o;
}

/* ---- forward ---- */

/* `rows` results of a row, `vecs` vectors of channels each. */
VFN void conv_tile(const int rows, const int vecs, const conv_form *f, float *y, const float *x,
                   const float *w, const float *bias, const bool relu) {
    vf s[CONV_PLACES][2];
    for (int m = 0; m < rows; m++) {
        for (int n = 0; n < vecs; n++) s[m][n] = bias ? v_load(bias + n * VW) : v_zero();
    }
    const int64_t step = f->stride * f->c;
    for (int64_t u = 0; u < f->kh; u++) {
        const float *xu = x + u * f->pw * f->c;
        const float *wu = w + u * f->run * f->o;
        for (int64_t k = 0; k < f->run; k++) {
            vf wv[2];
            for (int n = 0; n < vecs; n++) wv[n] = v_load(wu + k * f->o + n * VW);
#pragma GCC unroll 8
            for (int m = 0; m < rows; m++) {
                const vf xv = v_set(xu[m * step + k]);
#pragma GCC unroll 2
                for (int n = 0; n < vecs; n++) s[m][n] = v_fma(xv, wv[n], s[m][n]);
            }
        }
    }
    for (int m = 0; m < rows; m++) {
        for (int n = 0; n < vecs; n++)
            v_store(y + m * f->o + n * VW, relu ? v_max(v_zero(), s[m][n]) : s[m][n]);
    }
}

/* One row of results, one group of channels. */
VFN void conv_row(const int vecs, const conv_form *f, float *y, const float *x, const float *w,
                  const float *bias, bool relu) {
    int64_t i = 0;
    const int64_t step = f->stride * f->c;
    for (; i + CONV_PLACES <= f->ow; i += CONV_PLACES)
        conv_tile(CONV_PLACES, vecs, f, y + i * f->o, x + i * step, w, bias, relu);
    for (; i + 4 <= f->ow; i += 4) conv_tile(4, vecs, f, y + i * f->o, x + i * step, w, bias, relu);
    for (; i < f->ow; i++) conv_tile(1, vecs, f, y + i * f->o, x + i * step, w, bias, relu);
}

static void conv_image(const conv_form *f, float *y, const float *x, const float *w,
                       const float *bias, bool relu) {
    for (int64_t oy = 0; oy < f->oh; oy++) {
        const float *row = x + oy * f->stride * f->pw * f->c;
        float *to = y + oy * f->ow * f->o;
        int64_t o = 0;
#if VW == 16
        for (; o + 2 * VW <= f->o; o += 2 * VW)
            conv_row(2, f, to + o, row, w + o, bias ? bias + o : NULL, relu);
#endif
        for (; o < f->o; o += VW) conv_row(1, f, to + o, row, w + o, bias ? bias + o : NULL, relu);
    }
}

/* One number of the image into every result that sees it; the filter is kh by kw. */
VFN void conv_spread(const int64_t kh, const int64_t kw, const conv_form *f, float *to, vf value,
                     const float *w) {
    const int64_t width = conv_margin_width(f);
    for (int64_t o = 0; o < f->o; o += VW) {
        for (int64_t u = 0; u < kh; u++) {
            for (int64_t v = 0; v < kw; v++) {
                float *y = to + o - (u * width + v) * f->o;
                const vf wv = v_load(w + o + (u * f->run + v * f->c) * f->o);
                v_store(y, v_fma(value, wv, v_load(y)));
            }
        }
    }
}

static void conv_image_sparse(const conv_form *f, float *y, const float *x, const conv_memory *m,
                              int64_t count, const float *w, const float *bias, bool relu) {
    const int64_t line = f->ow * f->o;
    float *inside = m->margin + ((f->kh - 1) * conv_margin_width(f) + f->kw - 1) * f->o;
    for (int64_t oy = 0; oy < f->oh; oy++) {
        float *row = inside + oy * conv_margin_width(f) * f->o;
        for (int64_t i = 0; i < line; i += f->o) {
            for (int64_t o = 0; o < f->o; o += VW)
                v_store(row + i + o, bias ? v_load(bias + o) : v_zero());
        }
    }
    for (int64_t k = 0; k < count; k++) {
        int64_t c;
        float *to = m->margin + conv_seen_from(f, m->list[k], &c);
        const vf value = v_set(x[m->list[k]]);
        if (f->kh == 3 && f->kw == 3) {
            conv_spread(3, 3, f, to, value, w + c * f->o);
        } else {
            conv_spread(f->kh, f->kw, f, to, value, w + c * f->o);
        }
    }
    for (int64_t oy = 0; oy < f->oh; oy++) {
        const float *row = inside + oy * conv_margin_width(f) * f->o;
        for (int64_t i = 0; i < line; i += VW) {
            const vf v = v_load(row + i);
            v_store(y + oy * line + i, relu ? v_max(v_zero(), v) : v);
        }
    }
}

static bool conv2d_accepts(const ppi_kernel_args *a) {
    const conv_form f = conv_form_of(a, &a->in[0].shape, &a->in[1].shape, &a->out[0].shape);
    return conv_fits(a, &f);
}

static size_t conv2d_workspace(const ppi_kernel_args *a) {
    const conv_form f = conv_form_of(a, &a->in[0].shape, &a->in[1].shape, &a->out[0].shape);
    return conv_workspace(a, &f);
}

static pp_status conv2d_run(const ppi_kernel_args *a) {
    const conv_form f = conv_form_of(a, &a->in[0].shape, &a->in[1].shape, &a->out[0].shape);
    const int nt = conv_team(&f, a->threads);
    const float *w = a->in[1].data;
    const float *bias = a->n_in > 2 ? a->in[2].data : NULL;
    const bool relu = a->params.conv.act == PPI_ACT_RELU;
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(f.b, 1, t, nt);
        const conv_memory m = conv_memory_of(a, &f, t);
        for (int64_t b = r.from; b < r.to; b++) {
            const float *x = (const float *)a->in[0].data + b * f.h * f.w * f.c;
            float *y = (float *)a->out[0].data + b * f.oh * f.ow * f.o;
            const int64_t count = conv_sparse(&f, x, m.list);
            if (count >= 0) {
                conv_image_sparse(&f, y, x, &m, count, w, bias, relu);
            } else {
                conv_image(&f, y, conv_padded(&f, x, m.image), w, bias, relu);
            }
        }
    }
    return PP_OK;
}

/* ---- gradient of the filter ---- */

/* dw rows k.. (`rows` of them) of one filter row += the image's share; x: the padded image from
   that filter row on, shifted by k. */
VFN void conv_grad_tile(const int rows, const conv_form *f, float *dw, const float *x,
                        const float *dy) {
    vf s[12];
    for (int m = 0; m < rows; m++) s[m] = v_load(dw + m * f->o);
    for (int64_t oy = 0; oy < f->oh; oy++) {
        const float *xr = x + oy * f->stride * f->pw * f->c;
        const float *dr = dy + oy * f->ow * f->o;
        for (int64_t ox = 0; ox < f->ow; ox++) {
            const vf d = v_load(dr + ox * f->o);
#pragma GCC unroll 12
            for (int m = 0; m < rows; m++)
                s[m] = v_fma(v_set(xr[ox * f->stride * f->c + m]), d, s[m]);
        }
    }
    for (int m = 0; m < rows; m++) v_store(dw + m * f->o, s[m]);
}

/* The most rows, of those left, that are done at once; returns how many. */
static int64_t conv_grad_rows(const conv_form *f, float *dw, const float *x, const float *dy,
                              int64_t left) {
    if (left >= CONV_RUN) {
        conv_grad_tile(CONV_RUN, f, dw, x, dy);
        return CONV_RUN;
    }
    if (VW == 16 && left >= 9) {
        conv_grad_tile(9, f, dw, x, dy);
        return 9;
    }
    if (left >= 6) {
        conv_grad_tile(6, f, dw, x, dy);
        return 6;
    }
    if (left >= 3) {
        conv_grad_tile(3, f, dw, x, dy);
        return 3;
    }
    conv_grad_tile(1, f, dw, x, dy);
    return 1;
}

static void conv_grad_image(const conv_form *f, float *dw, const float *x, const float *dy) {
    for (int64_t u = 0; u < f->kh; u++) {
        const float *xu = x + u * f->pw * f->c;
        float *wu = dw + u * f->run * f->o;
        for (int64_t o = 0; o < f->o; o += VW) {
            for (int64_t k = 0; k < f->run;)
                k += conv_grad_rows(f, wu + k * f->o + o, xu + k, dy + o, f->run - k);
        }
    }
}

/* One number of the image, through every result that sees it, into the filter's gradient. */
VFN void conv_collect(const int64_t kh, const int64_t kw, const conv_form *f, float *dw, vf value,
                      const float *seen) {
    const int64_t width = conv_margin_width(f);
    for (int64_t o = 0; o < f->o; o += VW) {
        for (int64_t u = 0; u < kh; u++) {
            for (int64_t v = 0; v < kw; v++) {
                float *to = dw + o + (u * f->run + v * f->c) * f->o;
                const vf d = v_load(seen + o - (u * width + v) * f->o);
                v_store(to, v_fma(value, d, v_load(to)));
            }
        }
    }
}

static void conv_grad_image_sparse(const conv_form *f, const conv_memory *m, const float *x,
                                   int64_t count, const float *dy) {
    const int64_t line = f->ow * f->o;
    for (int64_t oy = 0; oy < f->oh; oy++) {
        memcpy(m->margin + ((oy + f->kh - 1) * conv_margin_width(f) + f->kw - 1) * f->o,
               dy + oy * line, (size_t)line * sizeof(float));
    }
    for (int64_t k = 0; k < count; k++) {
        int64_t c;
        const float *seen = m->margin + conv_seen_from(f, m->list[k], &c);
        const vf value = v_set(x[m->list[k]]);
        if (f->kh == 3 && f->kw == 3) {
            conv_collect(3, 3, f, m->sums + c * f->o, value, seen);
        } else {
            conv_collect(f->kh, f->kw, f, m->sums + c * f->o, value, seen);
        }
    }
}

static conv_form conv_grad_form(const ppi_kernel_args *a) {
    return conv_form_of(a, &a->in[1].shape, &a->out[0].shape, &a->in[0].shape);
}

static bool conv2d_grad_w_accepts(const ppi_kernel_args *a) {
    const conv_form f = conv_grad_form(a);
    return conv_fits(a, &f);
}

static size_t conv2d_grad_w_workspace(const ppi_kernel_args *a) {
    const conv_form f = conv_grad_form(a);
    return conv_workspace(a, &f);
}

/* Each thread sums into a filter of its own. */
static pp_status conv2d_grad_w_run(const ppi_kernel_args *a) {
    const conv_form f = conv_grad_form(a);
    const int nt = conv_team(&f, a->threads);
    const int64_t size = f.kh * f.run * f.o;
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(f.b, 1, t, nt);
        const conv_memory m = conv_memory_of(a, &f, t);
        memset(m.sums, 0, (size_t)size * sizeof(float));
        for (int64_t b = r.from; b < r.to; b++) {
            const float *x = (const float *)a->in[1].data + b * f.h * f.w * f.c;
            const float *dy = (const float *)a->in[0].data + b * f.oh * f.ow * f.o;
            const int64_t count = conv_sparse(&f, x, m.list);
            if (count >= 0) {
                conv_grad_image_sparse(&f, &m, x, count, dy);
            } else {
                conv_grad_image(&f, m.sums, conv_padded(&f, x, m.image), dy);
            }
        }
    }
    float *out = a->out[0].data;
    memcpy(out, a->workspace, (size_t)size * sizeof(float));
    for (int t = 1; t < nt; t++) PPI_SIMD(accumulate)
    (out, PPI_F32, (float *)a->workspace + t * conv_thread_floats(&f), PPI_F32, size, 1);
    return PP_OK;
}

const ppi_kernel_entry PPI_SIMD(conv_table)[] = {
    {PPI_OP_CONV2D,
     {PPI_SIMD_NAME "conv2d", conv2d_accepts, conv2d_workspace, NULL, NULL, conv2d_run}},
    {PPI_OP_CONV2D_GRAD_W,
     {PPI_SIMD_NAME "conv2d_grad_w", conv2d_grad_w_accepts, conv2d_grad_w_workspace, NULL, NULL,
      conv2d_grad_w_run}},
    {0},
};
