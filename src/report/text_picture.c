/* A cell shows the character U+2580, the upper half of a block: its foreground is the upper pixel,
 * its background the lower one. Colour codes are written only where they change. */
#include "report/text_picture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

static const char k_half_block[] = "\xe2\x96\x80";
static const char k_ramp[] = " .:-=+*#%@"; /* dark to bright */

typedef struct pixel {
    uint8_t r, g, b;
} pixel;

/* A picture and the size it is shown in, in pixels. */
typedef struct fitted {
    const uint8_t *rgb;
    int h, w;
    int out_h, out_w;
} fitted;

static bool has(const char *text, const char *part) {
    return text != NULL && strstr(text, part) != NULL;
}

static bool is_utf8(const char *locale) {
    const char *dot = locale == NULL ? NULL : strchr(locale, '.');
    return dot != NULL &&
           (strncasecmp(dot + 1, "utf-8", 5) == 0 || strncasecmp(dot + 1, "utf8", 4) == 0);
}

ppi_text_colours ppi_text_colours_of(const char *term, const char *colorterm, const char *locale) {
    if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0) return PPI_TEXT_NONE;
    if (!is_utf8(locale)) return PPI_TEXT_ASCII;
    if (has(colorterm, "truecolor") || has(colorterm, "24bit") || has(term, "direct"))
        return PPI_TEXT_FULL;
    return has(term, "256color") || colorterm != NULL ? PPI_TEXT_256 : PPI_TEXT_ASCII;
}

/* Shrinks by any factor, enlarges by whole ones. */
static fitted fit(const uint8_t *rgb, int h, int w, int rows, int columns) {
    fitted f = {rgb, h, w, h, w};
    const int high = 2 * rows;
    if (w <= columns && h <= high) {
        const int by_w = columns / w;
        const int by_h = high / h;
        const int factor = by_w < by_h ? by_w : by_h;
        f.out_h = h * factor;
        f.out_w = w * factor;
    } else if ((int64_t)w * high >= (int64_t)h * columns) {
        f.out_w = columns;
        f.out_h = (int)((int64_t)h * columns / w);
    } else {
        f.out_h = high;
        f.out_w = (int)((int64_t)w * high / h);
    }
    if (f.out_h < 1) f.out_h = 1;
    if (f.out_w < 1) f.out_w = 1;
    return f;
}

/* Mean of the source pixels under one shown pixel; black below the last row. */
static pixel sample(const fitted *f, int y, int x) {
    if (y >= f->out_h) return (pixel){0, 0, 0};
    const int y0 = (int)((int64_t)y * f->h / f->out_h);
    const int x0 = (int)((int64_t)x * f->w / f->out_w);
    int y1 = (int)((int64_t)(y + 1) * f->h / f->out_h);
    int x1 = (int)((int64_t)(x + 1) * f->w / f->out_w);
    if (y1 <= y0) y1 = y0 + 1;
    if (x1 <= x0) x1 = x0 + 1;
    int64_t sum[3] = {0, 0, 0};
    for (int i = y0; i < y1; i++) {
        for (int j = x0; j < x1; j++) {
            const uint8_t *p = f->rgb + 3 * ((int64_t)i * f->w + j);
            for (int k = 0; k < 3; k++) sum[k] += p[k];
        }
    }
    const int64_t count = (int64_t)(y1 - y0) * (x1 - x0);
    return (pixel){(uint8_t)((sum[0] + count / 2) / count), (uint8_t)((sum[1] + count / 2) / count),
                   (uint8_t)((sum[2] + count / 2) / count)};
}

/* Index in the palette of 256: greys to the ramp 232..255, others to the cube 16..231. */
static int palette_index(pixel p) {
    static const int levels[6] = {0, 95, 135, 175, 215, 255};
    const int spread = abs(p.r - p.g) + abs(p.g - p.b) + abs(p.b - p.r);
    if (spread < 12 && p.g >= 8 && p.g <= 238) return 232 + (p.g - 8) / 10;
    const int v[3] = {p.r, p.g, p.b};
    int index = 0;
    for (int k = 0; k < 3; k++) {
        int best = 0;
        for (int i = 1; i < 6; i++) {
            if (abs(levels[i] - v[k]) < abs(levels[best] - v[k])) best = i;
        }
        index = 6 * index + best;
    }
    return 16 + index;
}

static void add_cell_256(ppi_buf *out, pixel up, pixel down, int last[2]) {
    const int now[2] = {palette_index(up), palette_index(down)};
    if (now[0] != last[0] || now[1] != last[1])
        ppi_buf_printf(out, "\033[38;5;%d;48;5;%dm", now[0], now[1]);
    memcpy(last, now, sizeof now);
    ppi_buf_append_text(out, k_half_block);
}

static void add_cell_full(ppi_buf *out, pixel up, pixel down, int last[2]) {
    const int now[2] = {up.r << 16 | up.g << 8 | up.b, down.r << 16 | down.g << 8 | down.b};
    if (now[0] != last[0] || now[1] != last[1])
        ppi_buf_printf(out, "\033[38;2;%d;%d;%d;48;2;%d;%d;%dm", up.r, up.g, up.b, down.r, down.g,
                       down.b);
    memcpy(last, now, sizeof now);
    ppi_buf_append_text(out, k_half_block);
}

/* Brightness with the weights of television. */
static int grey(pixel p) {
    return (299 * p.r + 587 * p.g + 114 * p.b) / 1000;
}

static void add_cell_ascii(ppi_buf *out, pixel up, pixel down) {
    const int level = (grey(up) + grey(down)) / 2;
    const int last = (int)sizeof(k_ramp) - 2;
    ppi_buf_append_char(out, k_ramp[(level * last + 127) / 255]);
}

pp_status ppi_text_picture(ppi_buf *out, const uint8_t *rgb, int h, int w, int rows, int columns,
                           ppi_text_colours colours) {
    if (h < 1 || w < 1 || rows < 1 || columns < 1 || colours <= PPI_TEXT_NONE ||
        colours >= PPI_TEXT_COLOURS_COUNT) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a picture of %dx%d cannot be written to %d lines of %d letters", h, w,
                        rows, columns);
    }
    const fitted f = fit(rgb, h, w, rows, columns);
    for (int y = 0; y < f.out_h; y += 2) {
        int last[2] = {-1, -1};
        for (int x = 0; x < f.out_w; x++) {
            const pixel up = sample(&f, y, x);
            const pixel down = sample(&f, y + 1, x);
            if (colours == PPI_TEXT_FULL) add_cell_full(out, up, down, last);
            if (colours == PPI_TEXT_256) add_cell_256(out, up, down, last);
            if (colours == PPI_TEXT_ASCII) add_cell_ascii(out, up, down);
        }
        ppi_buf_append_text(out, colours == PPI_TEXT_ASCII ? "\033[K\r\n" : "\033[0m\033[K\r\n");
    }
    return out->failed;
}
