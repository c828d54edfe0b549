/* Line plots as SVG; see svg.h. */
#include "report/svg.h"

#include <math.h>
#include <stdbool.h>

#include "base/error.h"
#include "report/axis.h"
#include "report/svg_parts.h"

#define MARGIN_LEFT   64
#define MARGIN_RIGHT  16
#define MARGIN_TOP    36
#define MARGIN_BOTTOM 48
#define LEGEND_ROW    18

static const char *const colours[] = {"#1f6fb4", "#d6621e", "#2f9148", "#b8323a",
                                      "#7a52a8", "#80603a", "#c0569c", "#4d5561"};
#define COLOURS ((int)(sizeof colours / sizeof colours[0]))

typedef struct canvas {
    ppi_buf *out;
    ppi_axis x, y;
    double left, top, width, height; /* of the area inside the axes */
} canvas;

pp_status ppi_plot_axes(const ppi_plot *plot, ppi_axis *x, ppi_axis *y, int x_ticks, int y_ticks) {
    double x_low = INFINITY;
    double x_high = -INFINITY;
    double y_low = INFINITY;
    double y_high = -INFINITY;
    for (int i = 0; i < plot->count; i++) {
        const ppi_plot_series *s = &plot->series[i];
        ppi_range_add(&x_low, &x_high, s->x, s->count);
        ppi_range_add(&y_low, &y_high, s->y, s->count);
        ppi_range_add(&y_low, &y_high, s->low, s->count);
        ppi_range_add(&y_low, &y_high, s->high, s->count);
    }
    if (x_low > x_high || y_low > y_high) {
        return ppi_fail(PP_ERR_ARGUMENT, "plot %s has no point", plot->title ? plot->title : "");
    }
    ppi_axis_init(x, x_low, x_high, x_ticks);
    ppi_axis_init(y, y_low, y_high, y_ticks);
    return PP_OK;
}

/* A text with the characters that XML reserves replaced, and those it forbids dropped. */
static void append_escaped(ppi_buf *out, const char *text) {
    for (; text && *text; text++) {
        switch (*text) {
        case '&':
            ppi_buf_append_text(out, "&amp;");
            break;
        case '<':
            ppi_buf_append_text(out, "&lt;");
            break;
        case '>':
            ppi_buf_append_text(out, "&gt;");
            break;
        case '"':
            ppi_buf_append_text(out, "&quot;");
            break;
        default:
            if ((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f) {
                ppi_buf_append_char(out, *text);
            } else {
                /* Bytes that might not be UTF-8 become question marks. */
                ppi_buf_append_char(out, '?');
            }
        }
    }
}

void ppi_svg_label(ppi_buf *out, double x, double y, const char *attributes, const char *text) {
    ppi_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    append_escaped(out, text);
    ppi_buf_append_text(out, "</text>\n");
}

void ppi_svg_head(ppi_buf *out, int width, int height) {
    ppi_buf_printf(out,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg "
                   "xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 "
                   "%d %d\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n",
                   width, height, width, height);
    ppi_buf_append_text(out, "<style>.g{stroke:#ddd;fill:none}.a{stroke:#444;fill:none}</style>\n"
                             "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
}

static double place_x(const canvas *c, double value) {
    return c->left + c->width * ppi_axis_place(&c->x, value);
}

static double place_y(const canvas *c, double value) {
    return c->top + c->height * (1 - ppi_axis_place(&c->y, value));
}

static void draw_axes(const canvas *c) {
    char text[PPI_TICK_TEXT];
    double bottom = c->top + c->height;
    for (int i = 0; i < c->x.count; i++) {
        double at = place_x(c, ppi_axis_tick(&c->x, i));
        ppi_tick_text(text, ppi_axis_tick(&c->x, i));
        ppi_buf_printf(c->out, "<path d=\"M%.1f %.1fV%.1f\" class=\"g\"/>\n", at, c->top, bottom);
        ppi_svg_label(c->out, at, bottom + 16, "text-anchor=\"middle\"", text);
    }
    for (int i = 0; i < c->y.count; i++) {
        double at = place_y(c, ppi_axis_tick(&c->y, i));
        ppi_tick_text(text, ppi_axis_tick(&c->y, i));
        ppi_buf_printf(c->out, "<path d=\"M%.1f %.1fH%.1f\" class=\"g\"/>\n", c->left, at,
                       c->left + c->width);
        ppi_svg_label(c->out, c->left - 6, at + 4, "text-anchor=\"end\"", text);
    }
    ppi_buf_printf(c->out, "<path d=\"M%.1f %.1fV%.1fH%.1f\" class=\"a\"/>\n", c->left, c->top,
                   bottom, c->left + c->width);
}

/* Index of the first finite point from `i` on; `run` = finite points that follow each other. */
static int64_t find_run(const ppi_plot_series *s, const double *y, int64_t i, int64_t *run) {
    while (i < s->count && !(isfinite(s->x[i]) && isfinite(y[i]))) {
        i++;
    }
    for (*run = 0; i + *run < s->count && isfinite(s->x[i + *run]) && isfinite(y[i + *run]);) {
        ++*run;
    }
    return i;
}

static void draw_line(const canvas *c, const ppi_plot_series *s, const char *colour) {
    int64_t run = 0;
    ppi_buf_printf(c->out,
                   "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" "
                   "stroke-linejoin=\"round\" stroke-linecap=\"round\" d=\"",
                   colour);
    for (int64_t i = find_run(s, s->y, 0, &run); i < s->count;
         i = find_run(s, s->y, i + run, &run)) {
        for (int64_t k = i; k < i + run; k++) {
            ppi_buf_printf(c->out, "%c%.1f %.1f", k == i ? 'M' : 'L', place_x(c, s->x[k]),
                           place_y(c, s->y[k]));
        }
        if (run == 1) {
            ppi_buf_append_text(c->out, "h0.1"); /* a dot */
        }
    }
    ppi_buf_append_text(c->out, "\"/>\n");
}

static void draw_band(const canvas *c, const ppi_plot_series *s, const char *colour) {
    int64_t run = 0;
    ppi_buf_printf(c->out, "<path fill=\"%s\" fill-opacity=\"0.18\" stroke=\"none\" d=\"", colour);
    for (int64_t i = find_run(s, s->low, 0, &run); i < s->count;
         i = find_run(s, s->low, i + run, &run)) {
        for (int64_t k = i; k < i + run; k++) {
            ppi_buf_printf(c->out, "%c%.1f %.1f", k == i ? 'M' : 'L', place_x(c, s->x[k]),
                           place_y(c, s->low[k]));
        }
        for (int64_t k = i + run - 1; k >= i; k--) {
            double high = isfinite(s->high[k]) ? s->high[k] : s->low[k];
            ppi_buf_printf(c->out, "L%.1f %.1f", place_x(c, s->x[k]), place_y(c, high));
        }
        ppi_buf_append_char(c->out, 'Z');
    }
    ppi_buf_append_text(c->out, "\"/>\n");
}

static bool is_named(const ppi_plot_series *s) {
    return s->name && s->name[0];
}

static void draw_legend(const canvas *c, const ppi_plot *plot) {
    int row = 0;
    for (int i = 0; i < plot->count; i++) {
        if (is_named(&plot->series[i])) {
            double y = c->top + 14 + LEGEND_ROW * row++;
            ppi_buf_printf(c->out, "<path d=\"M%.1f %.1fh22\" stroke=\"%s\" stroke-width=\"3\"/>\n",
                           c->left + 12, y - 4, colours[i % COLOURS]);
            ppi_svg_label(c->out, c->left + 40, y, "text-anchor=\"start\"", plot->series[i].name);
        }
    }
}

pp_status ppi_svg_plot(ppi_buf *out, const ppi_plot *plot) {
    const int width = plot->width > 0 ? plot->width : 720;
    const int height = plot->height > 0 ? plot->height : 420;
    canvas c = {.out = out,
                .left = MARGIN_LEFT,
                .top = MARGIN_TOP,
                .width = width - MARGIN_LEFT - MARGIN_RIGHT,
                .height = height - MARGIN_TOP - MARGIN_BOTTOM};
    PPI_TRY(ppi_plot_axes(plot, &c.x, &c.y, width / 90 + 1, height / 60 + 1));
    ppi_svg_head(out, width, height);
    draw_axes(&c);
    for (int i = 0; i < plot->count; i++) {
        if (plot->series[i].low && plot->series[i].high) {
            draw_band(&c, &plot->series[i], colours[i % COLOURS]);
        }
    }
    for (int i = 0; i < plot->count; i++) {
        draw_line(&c, &plot->series[i], colours[i % COLOURS]);
    }
    draw_legend(&c, plot);
    ppi_svg_label(out, width / 2.0, 22, "text-anchor=\"middle\" font-size=\"14\"", plot->title);
    ppi_svg_label(out, c.left + c.width / 2, height - 12.0, "text-anchor=\"middle\"", plot->x_label);
    ppi_buf_printf(out, "<g transform=\"translate(16 %.1f) rotate(-90)\">", c.top + c.height / 2);
    ppi_svg_label(out, 0, 0, "text-anchor=\"middle\"", plot->y_label);
    return ppi_buf_append_text(out, "</g>\n</svg>\n");
}
