/* Bars as SVG; see bars.h. */
#include "report/bars.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "report/axis.h"
#include "report/svg_parts.h"

enum { MARGIN_RIGHT = 64, MARGIN_TOP = 36, MARGIN_BOTTOM = 48, ROW = 26, BAR = 16, LETTER = 7 };

typedef struct canvas {
    ppi_buf *out;
    ppi_axis axis;
    double left, width, bottom;
} canvas;

static double place(const canvas *c, double value) {
    return c->left + c->width * ppi_axis_place(&c->axis, value);
}

static pp_status find_axis(ppi_axis *axis, const ppi_bars *bars) {
    double low = INFINITY;
    double high = -INFINITY;
    for (int i = 0; i < bars->count; i++) ppi_range_add(&low, &high, &bars->bar[i].value, 1);
    if (low > high)
        return ppi_fail(PP_ERR_ARGUMENT, "bars %s have no value", bars->title ? bars->title : "");
    for (int i = 0; i < bars->count; i++) {
        ppi_range_add(&low, &high, &bars->bar[i].low, 1);
        ppi_range_add(&low, &high, &bars->bar[i].high, 1);
    }
    ppi_axis_init(axis, fmin(low, 0), fmax(high, 0), 8);
    return PP_OK;
}

/* Room for the longest name, at most half of the picture. */
static double label_room(const ppi_bars *bars, int width) {
    size_t longest = 4;
    for (int i = 0; i < bars->count; i++) {
        const size_t n = strlen(bars->bar[i].name);
        if (n > longest) longest = n;
    }
    return fmin(16 + (double)(longest * LETTER), width / 2.0);
}

static void draw_axis(const canvas *c) {
    char text[PPI_TICK_TEXT];
    for (int i = 0; i < c->axis.count; i++) {
        const double x = place(c, ppi_axis_tick(&c->axis, i));
        ppi_tick_text(text, ppi_axis_tick(&c->axis, i));
        ppi_buf_printf(c->out, "<path d=\"M%.1f %dV%.1f\" class=\"g\"/>\n", x, MARGIN_TOP,
                       c->bottom);
        ppi_svg_label(c->out, x, c->bottom + 16, "text-anchor=\"middle\"", text);
    }
}

static void draw_bar(const canvas *c, const ppi_bar *bar, int row) {
    const double y = MARGIN_TOP + (row + 0.5) * ROW;
    char text[32];
    ppi_svg_label(c->out, c->left - 8, y + 4, "text-anchor=\"end\"", bar->name);
    if (!isfinite(bar->value)) return;
    const double zero = place(c, 0);
    const double end = place(c, bar->value);
    double right = fmax(zero, end);
    ppi_buf_printf(c->out,
                   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"#1f6fb4\" "
                   "fill-opacity=\"0.75\"/>\n",
                   fmin(zero, end), y - BAR / 2.0, fabs(end - zero), BAR);
    if (isfinite(bar->low) && isfinite(bar->high)) {
        ppi_buf_printf(c->out, "<path d=\"M%.1f %.1fH%.1fm0 -4v8M%.1f %.1fv8\" class=\"a\"/>\n",
                       place(c, bar->low), y, place(c, bar->high), place(c, bar->low), y - 4);
        right = fmax(right, place(c, bar->high));
    }
    snprintf(text, sizeof text, "%.4g", bar->value);
    ppi_svg_label(c->out, right + 6, y + 4, "text-anchor=\"start\"", text);
}

pp_status ppi_svg_bars(ppi_buf *out, const ppi_bars *bars) {
    const int width = bars->width > 0 ? bars->width : 720;
    const int height = MARGIN_TOP + bars->count * ROW + MARGIN_BOTTOM;
    canvas c = {.out = out, .bottom = height - MARGIN_BOTTOM};
    PPI_TRY(find_axis(&c.axis, bars));
    c.left = label_room(bars, width);
    c.width = width - c.left - MARGIN_RIGHT;
    ppi_svg_head(out, width, height);
    draw_axis(&c);
    for (int i = 0; i < bars->count; i++) draw_bar(&c, &bars->bar[i], i);
    ppi_buf_printf(out, "<path d=\"M%.1f %dV%.1f\" class=\"a\"/>\n", place(&c, 0), MARGIN_TOP,
                   c.bottom);
    ppi_svg_label(out, width / 2.0, 22, "text-anchor=\"middle\" font-size=\"14\"", bars->title);
    ppi_svg_label(out, c.left + c.width / 2, height - 12.0, "text-anchor=\"middle\"", bars->label);
    return ppi_buf_append_text(out, "</svg>\n");
}
