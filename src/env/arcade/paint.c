/* Painting of boards. The topmost layer of a cell comes from a table indexed by its planes packed
 * to bits; a row of cells is expanded once to a strip of pixels and the strip copied down, so every
 * pixel is written once. */
#include "env/arcade/paint.h"

#include <assert.h>
#include <string.h>

enum {
    SIDE = PPI_GREY_SIDE,
    UPPER = 0,
    LOWER = 1,
    NARROW = 8, /* blocks of at most this many columns are written as 8 bytes */
    WIDE = 32,  /* and wider ones as 32; what is too much the next block overwrites */
    SLACK = WIDE,
    CELLS = PPI_PAINT_SIDE * PPI_PAINT_SIDE
};

static const uint8_t k_background[3] = {18, 20, 28};

/* Eight bytes of 0 or 1 as eight bits. Each product term falls on its own bit. */
static unsigned pack(uint64_t bytes) {
    return (unsigned)((bytes * 0x0102040810204080u) >> 56);
}

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

/* rank[bits] of one group: the last layer whose plane is among the bits. */
static void fill_ranks(ppi_painter *painter, int half, int group, const ppi_paint_layer *layers,
                       int32_t n) {
    const uint8_t other = half == UPPER ? PPI_PAINT_LOWER : PPI_PAINT_UPPER;
    for (unsigned planes = 0; planes < 256; planes++) {
        uint8_t bytes[8];
        uint64_t word;
        uint8_t rank = 0;
        for (int i = 0; i < 8; i++) bytes[i] = (planes >> i) & 1u;
        for (int32_t l = 0; l < n; l++) {
            const bool here = layers[l].plane / 8 == group && bytes[layers[l].plane % 8] != 0;
            if (here && layers[l].part != other) rank = (uint8_t)(l + 1);
        }
        memcpy(&word, bytes, sizeof(word));
        painter->rank[half][group][pack(word)] = rank;
    }
}

void ppi_painter_init(ppi_painter *painter, int32_t h, int32_t w, int32_t c,
                      const ppi_paint_layer *layers, int32_t n) {
    assert(h <= PPI_PAINT_SIDE && w <= PPI_PAINT_SIDE && c <= PPI_PAINT_PLANES);
    assert(n <= PPI_PAINT_LAYERS);
    memset(painter, 0, sizeof(*painter));
    painter->h = h;
    painter->w = w;
    painter->c = c;
    painter->side = SIDE / larger(h, w);
    painter->left = (SIDE - painter->side * w) / 2;
    painter->top = (SIDE - painter->side * h) / 2;
    painter->groups = (c + 7) / 8;
    memcpy(painter->rgb[0], k_background, sizeof(k_background));
    for (int32_t l = 0; l < n; l++) {
        painter->level[l + 1] = layers[l].level;
        memcpy(painter->rgb[l + 1], layers[l].rgb, sizeof(layers[l].rgb));
        painter->halves |= layers[l].part != PPI_PAINT_WHOLE;
    }
    for (int g = 0; g < painter->groups; g++) {
        uint8_t bytes[8];
        for (int i = 0; i < 8; i++) bytes[i] = 8 * g + i < c ? 1 : 0;
        memcpy(&painter->mask[g], bytes, sizeof(painter->mask[g]));
        fill_ranks(painter, UPPER, g, layers, n);
        fill_ranks(painter, LOWER, g, layers, n);
    }
}

/* Bits of the cell's planes in group g; `at` is the offset of the cell's first byte. Reads eight
 * bytes: those of the next cell are masked out, those behind the board never read. */
static unsigned cell_bits(const ppi_painter *painter, int g, const uint8_t *planes, int32_t at) {
    const int32_t total = painter->h * painter->w * painter->c;
    uint64_t word = 0;
    at += 8 * g;
    if (at + 8 <= total) {
        memcpy(&word, planes + at, 8);
    } else {
        memcpy(&word, planes + at, (size_t)(total - at));
    }
    return pack(word & painter->mask[g]);
}

/* Rank of the topmost layer of every cell, for both halves of its block: ranks[2][h*w]. */
static void rank_cells(const ppi_painter *painter, uint8_t (*ranks)[CELLS], const uint8_t *planes) {
    const int32_t cells = painter->h * painter->w;
    for (int32_t i = 0; i < cells; i++) {
        const unsigned bits = cell_bits(painter, 0, planes, i * painter->c);
        ranks[UPPER][i] = painter->rank[UPPER][0][bits];
        ranks[LOWER][i] = painter->rank[LOWER][0][bits];
    }
    for (int g = 1; g < painter->groups; g++) {
        for (int32_t i = 0; i < cells; i++) {
            const unsigned bits = cell_bits(painter, g, planes, i * painter->c);
            const uint8_t upper = painter->rank[UPPER][g][bits];
            const uint8_t lower = painter->rank[LOWER][g][bits];
            ranks[UPPER][i] = upper > ranks[UPPER][i] ? upper : ranks[UPPER][i];
            ranks[LOWER][i] = lower > ranks[LOWER][i] ? lower : ranks[LOWER][i];
        }
    }
}

/* ranks[w] of one row of cells as a row of pixels, strip[84 + SLACK]; the margins stay zero. */
static void expand(const ppi_painter *painter, uint8_t *strip, const uint8_t *ranks) {
    const int32_t side = painter->side;
    uint8_t *pixel = strip + painter->left;
    if (side <= NARROW) {
        for (int32_t x = 0; x < painter->w; x++, pixel += side) {
            memset(pixel, painter->level[ranks[x]], NARROW);
        }
    } else {
        for (int32_t x = 0; x < painter->w; x++, pixel += side) {
            memset(pixel, painter->level[ranks[x]], WIDE);
        }
    }
    memset(pixel, 0, SLACK);
}

static uint8_t *copy_strip(uint8_t *grey, const uint8_t *strip, int32_t rows) {
    for (int32_t r = 0; r < rows; r++, grey += SIDE) memcpy(grey, strip, SIDE);
    return grey;
}

void ppi_painter_grey(const ppi_painter *painter, uint8_t *grey, const uint8_t *planes) {
    uint8_t ranks[2][CELLS];
    uint8_t strip[SIDE + SLACK + PPI_PAINT_SIDE] = {0};
    const int32_t side = painter->side;
    const int32_t w = painter->w;
    rank_cells(painter, ranks, planes);
    memset(grey, 0, (size_t)(painter->top * SIDE));
    uint8_t *out = grey + painter->top * SIDE;
    for (int32_t y = 0; y < painter->h; y++) {
        const uint8_t *upper = &ranks[UPPER][y * w];
        const uint8_t *lower = &ranks[LOWER][y * w];
        const bool split = painter->halves && memcmp(upper, lower, (size_t)w) != 0;
        const int32_t first = split ? side / 2 : side;
        expand(painter, strip, upper);
        out = copy_strip(out, strip, first);
        if (split) {
            expand(painter, strip, lower);
            out = copy_strip(out, strip, side - first);
        }
    }
    memset(out, 0, (size_t)(grey + SIDE * SIDE - out));
}

void ppi_painter_rgb(const ppi_painter *painter, uint8_t *rgb, const uint8_t *planes) {
    uint8_t ranks[2][CELLS];
    const int32_t side = 2 * painter->side;
    rank_cells(painter, ranks, planes);
    for (int32_t y = 0; y < 2 * SIDE; y++) {
        for (int32_t x = 0; x < 2 * SIDE; x++, rgb += 3) {
            const int32_t row = y - 2 * painter->top;
            const int32_t column = x - 2 * painter->left;
            if (row < 0 || column < 0 || row >= painter->h * side || column >= painter->w * side) {
                memset(rgb, 0, 3);
                continue;
            }
            const bool gap = row % side == side - 1 || column % side == side - 1;
            const int half = row % side < side / 2 ? UPPER : LOWER;
            const int32_t cell = row / side * painter->w + column / side;
            memcpy(rgb, painter->rgb[gap ? 0 : ranks[half][cell]], 3);
        }
    }
}

/* Digits of 3x5 pixels, one octal figure a row from the top. */
enum { DIGIT_W = 3, DIGIT_H = 5, MAX_DIGITS = 6 };
static const uint16_t k_digits[10] = {075557, 026227, 071747, 071717, 055711,
                                      074717, 074757, 071222, 075757, 075717};

/* Fills a square of `size` pixels whose corner is at (x,y). */
static void fill_square(uint8_t *rgb, int32_t x, int32_t y, int32_t size, uint8_t grey) {
    for (int32_t row = 0; row < size; row++) {
        memset(rgb + ((y + row) * 2 * SIDE + x) * 3, grey, (size_t)(3 * size));
    }
}

static void draw_digit(uint8_t *rgb, int32_t x, int32_t y, int32_t size, int digit, uint8_t grey) {
    for (int32_t i = 0; i < DIGIT_W * DIGIT_H; i++) {
        if ((k_digits[digit] >> (DIGIT_W * DIGIT_H - 1 - i)) & 1) {
            fill_square(rgb, x + i % DIGIT_W * size, y + i / DIGIT_W * size, size, grey);
        }
    }
}

void ppi_painter_number(const ppi_painter *painter, uint8_t *rgb, int32_t cell, int32_t number) {
    int digits[MAX_DIGITS];
    int32_t count = 0;
    assert(number >= 0 && number <= 999999);
    do {
        digits[count++] = number % 10;
        number /= 10;
    } while (number > 0);
    const int32_t side = 2 * painter->side;
    const int32_t columns = (DIGIT_W + 1) * count - 1;
    const int32_t fit = (side - 6) / columns;
    const int32_t tall = (side - 6) / (2 * DIGIT_H);
    const int32_t size = fit < tall ? fit : tall; /* pixels of the picture per pixel of a digit */
    if (size < 1) return;
    const int32_t left = 2 * painter->left + cell % painter->w * side;
    const int32_t top = 2 * painter->top + cell / painter->w * side;
    const uint8_t *colour = rgb + (top * 2 * SIDE + left) * 3;
    const uint8_t grey = colour[0] + colour[1] + colour[2] > 380 ? 60 : 240;
    int32_t x = left + (side - 1 - columns * size) / 2;
    const int32_t y = top + (side - 1 - DIGIT_H * size) / 2;
    while (count > 0) {
        draw_digit(rgb, x, y, size, digits[--count], grey);
        x += (DIGIT_W + 1) * size;
    }
}
