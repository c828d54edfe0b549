/* Pictures of boards: every cell of a board [H,W,C] of 0/1 planes becomes a square block, in grey
 * 84x84 for agents and in colour 168x168 for people. A picture is a pure function of the planes, so
 * data sets store planes and a reader paints them. */
#ifndef PPI_ENV_ARCADE_PAINT_H
#define PPI_ENV_ARCADE_PAINT_H

#include <stdbool.h>
#include <stdint.h>

#define PPI_GREY_SIDE 84

enum {
    PPI_PAINT_LAYERS = 20, /* most layers of a game */
    PPI_PAINT_PLANES = 24, /* most planes of a board */
    PPI_PAINT_SIDE = 28    /* most rows and columns */
};

/* Which part of a block a layer covers. */
enum { PPI_PAINT_WHOLE = 0, PPI_PAINT_UPPER = 1, PPI_PAINT_LOWER = 2 };

/* One layer of a picture: cells of plane `plane` get this colour; later layers lie on top. */
typedef struct ppi_paint_layer {
    uint8_t plane;
    uint8_t level;  /* grey */
    uint8_t rgb[3]; /* for people */
    uint8_t part;   /* PPI_PAINT_* */
} ppi_paint_layer;

/* What is computed once per board: a cell's planes as bits, eight at a time, give the rank of its
 * topmost layer. Plain data; read only while painting, so threads may share one. */
typedef struct ppi_painter {
    int32_t h;
    int32_t w;
    int32_t c;
    int32_t side;                        /* of a block of the 84x84 picture, as large as fits */
    int32_t left;                        /* columns before the board */
    int32_t top;                         /* rows above it */
    int32_t groups;                      /* of eight planes */
    bool halves;                         /* some layer covers half a block */
    uint64_t mask[PPI_PAINT_PLANES / 8]; /* bytes of a group that belong to the cell */
    uint8_t level[PPI_PAINT_LAYERS + 1]; /* by rank; rank 0 is the background */
    uint8_t rgb[PPI_PAINT_LAYERS + 1][3];
    uint8_t rank[2][PPI_PAINT_PLANES / 8][256]; /* upper and lower half of a block */
} ppi_painter;

/* Prepares for boards [h,w,c] within the limits above; layers[n], n <= PPI_PAINT_LAYERS. */
void ppi_painter_init(ppi_painter *painter, int32_t h, int32_t w, int32_t c,
                      const ppi_paint_layer *layers, int32_t n);

/* Paints planes u8 [h,w,c] into grey u8 [84,84], zero outside the board. */
void ppi_painter_grey(const ppi_painter *painter, uint8_t *grey, const uint8_t *planes);

/* The same in colour and twice the size, with a gap of one pixel at the right and lower edge of
 * every block: rgb u8 [168,168,3]. */
void ppi_painter_rgb(const ppi_painter *painter, uint8_t *rgb, const uint8_t *planes);

/* Writes a number 0..999999 into the block of one cell of a colour picture that has just been
 * painted, dark on light blocks and light on dark ones. A block too small for it stays as it is. */
void ppi_painter_number(const ppi_painter *painter, uint8_t *rgb, int32_t cell, int32_t number);

#endif
