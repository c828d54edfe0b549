/* Line plots in Unicode braille: each character is a grid of 2 x 4 dots. See svg.h. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "report/axis.h"
#include "report/svg.h"

#define LABEL 9 /* columns left of the vertical axis */

typedef struct dots {
    uint8_t *cells; /* [rows, columns] bits of braille characters */
    int columns, rows;
} dots;

static void set_dot(const dots *d, int x, int y) {
    static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    if (x >= 0 && x < d->columns * 2 && y >= 0 && y < d->rows * 4) {
        d->cells[y / 4 * d->columns + x / 2] |= bits[y % 4][x % 2];
    }
}

/* Value to dot, the top row being 0. */
static int dot_x(const dots *d, const ppi_axis *axis, double value) {
    return (int)lround(ppi_axis_place(axis, value) * (d->columns * 2 - 1));
}

static int dot_y(const dots *d, const ppi_axis *axis, double value) {
    return (int)lround((1 - ppi_axis_place(axis, value)) * (d->rows * 4 - 1));
}

/* A line between neighbouring points; `every` thins it out by columns. */
static void draw_line(const dots *d, const ppi_axis *x, const ppi_axis *y, const ppi_plot_series *s,
                      const double *values, int every) {
    for (int64_t i = 0; values && i < s->count; i++) {
        if (!isfinite(s->x[i]) || !isfinite(values[i])) {
            continue;
        }
        int x1 = dot_x(d, x, s->x[i]);
        int y1 = dot_y(d, y, values[i]);
        bool joined = i > 0 && isfinite(s->x[i - 1]) && isfinite(values[i - 1]);
        int x0 = joined ? dot_x(d, x, s->x[i - 1]) : x1;
        int y0 = joined ? dot_y(d, y, values[i - 1]) : y1;
        int steps = (int)fmax(fmax(abs(x1 - x0), abs(y1 - y0)), 1);
        for (int k = 0; k <= steps; k++) {
            int at = x0 + (x1 - x0) * k / steps;
            if (every == 1 || (at % every == 0 && k * 2 <= steps)) {
                set_dot(d, at, y0 + (int)lround((double)(y1 - y0) * k / steps));
            }
        }
    }
}

static void append_cell(ppi_buf *out, uint8_t bits) {
    const char text[4] = {(char)0xe2, (char)(0xa0 | bits >> 6), (char)(0x80 | (bits & 0x3f)), 0};
    ppi_buf_append_text(out, bits ? text : " ");
}

/* The label of the tick that falls into a row of characters, or none. */
static void append_row_label(ppi_buf *out, const dots *d, const ppi_axis *y, int row) {
    char text[PPI_TICK_TEXT] = "";
    for (int i = 0; i < y->count; i++) {
        if (dot_y(d, y, ppi_axis_tick(y, i)) / 4 == row) {
            ppi_tick_text(text, ppi_axis_tick(y, i));
        }
    }
    ppi_buf_printf(out, "%*s %s", LABEL - 2, text, text[0] ? "\xe2\x94\xa4" : "\xe2\x94\x82");
}

static void append_x_axis(ppi_buf *out, const dots *d, const ppi_axis *x) {
    char line[512];
    char text[PPI_TICK_TEXT];
    memset(line, ' ', sizeof line);
    ppi_buf_printf(out, "%*s\xe2\x94\x94", LABEL - 1, "");
    int tick = 0;
    for (int column = 0; column < d->columns; column++) {
        bool here = false;
        while (tick < x->count && dot_x(d, x, ppi_axis_tick(x, tick)) / 2 <= column) {
            ppi_tick_text(text, ppi_axis_tick(x, tick++));
            int length = (int)strlen(text);
            int at = LABEL + column - length / 2;
            at = at + length > LABEL + d->columns ? LABEL + d->columns - length : at;
            if (at > 0 && line[at - 1] == ' ' && line[at] == ' ') {
                memcpy(line + at, text, (size_t)length);
            }
            here = true;
        }
        ppi_buf_append_text(out, here ? "\xe2\x94\xac" : "\xe2\x94\x80");
    }
    ppi_buf_printf(out, "\n%.*s\n", LABEL + d->columns, line);
}

pp_status ppi_text_plot(ppi_buf *out, const ppi_plot *plot, int columns, int rows) {
    ppi_axis x;
    ppi_axis y;
    if (columns < 40 || columns > 400 || rows < 4 || rows > 100) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a plot of %d columns and %d rows, expected 40 to 400 and 4 "
                        "to 100",
                        columns, rows);
    }
    dots d = {.columns = columns - LABEL, .rows = rows};
    PPI_TRY(ppi_plot_axes(plot, &x, &y, columns / 14 + 1, rows / 3 + 1));
    d.cells = ppi_calloc((size_t)d.columns * (size_t)rows, 1);
    if (!d.cells) {
        return ppi_oom("a plot");
    }
    for (int i = 0; i < plot->count; i++) {
        const ppi_plot_series *s = &plot->series[i];
        draw_line(&d, &x, &y, s, s->low, 4);
        draw_line(&d, &x, &y, s, s->high, 4);
        draw_line(&d, &x, &y, s, s->y, 1);
    }
    ppi_buf_printf(out, "%*s%s\n", LABEL, "", plot->y_label ? plot->y_label : "");
    for (int row = 0; row < rows; row++) {
        append_row_label(out, &d, &y, row);
        int last = d.columns;
        while (last > 0 && d.cells[row * d.columns + last - 1] == 0) {
            last--;
        }
        for (int column = 0; column < last; column++) {
            append_cell(out, d.cells[row * d.columns + column]);
        }
        ppi_buf_append_char(out, '\n');
    }
    append_x_axis(out, &d, &x);
    ppi_free(d.cells);
    return ppi_buf_printf(out, "%*s%s\n", LABEL, "", plot->x_label ? plot->x_label : "");
}
