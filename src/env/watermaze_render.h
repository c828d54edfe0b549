/* The picture of the Watermaze pool: from the eye of the swimmer, and from above.
 *
 * The pool is a regular prism of 16 walls whose inner faces lie 760 units from the centre (0,0) at
 * bearings k * 22.5 degrees (+x = 0, counter-clockwise); the floor is z = 0, the water z = 16, the
 * sky z = 192. Every second wall carries a coloured panel with a symbol. */
#ifndef PPI_ENV_WATERMAZE_RENDER_H
#define PPI_ENV_WATERMAZE_RENDER_H

#include <stdint.h>

/* Bearings in steps of 22.5 degrees: walls of the pool, and headings of the swimmer. */
#define PPI_POOL_SIDES    16
#define PPI_POOL_APOTHEM  760.0f
#define PPI_POOL_MAX_SIDE 320 /* columns of the widest picture */
/* Height of the eye above the floor: wading, and on the risen platform. */
#define PPI_POOL_EYE        50.0f
#define PPI_POOL_EYE_RAISED 146.0f

/* Unit vector of bearing k * 22.5 degrees: {cos, sin}, the same on every machine. */
extern const float ppi_pool_bearing[PPI_POOL_SIDES][2];

/* A camera of one picture size, 90 degrees wide; fixed after ppi_pool_camera_init. */
typedef struct ppi_pool_camera {
    int32_t h;
    int32_t w;
    float focal; /* pixels: w / 2 */
    /* Depth along column c to the face k steps to the left of the heading, per unit of distance
     * between eye and face; huge where the ray leaves the face behind. */
    float reach[PPI_POOL_SIDES][PPI_POOL_MAX_SIDE];
    float slope[PPI_POOL_MAX_SIDE]; /* sideways (left) per unit of depth of column c */
} ppi_pool_camera;

/* h, w even, w <= PPI_POOL_MAX_SIDE. */
void ppi_pool_camera_init(ppi_pool_camera *camera, int32_t h, int32_t w);

/* Draws what the swimmer at (x, y) sees along bearing heading * 22.5 degrees from height `eye` into
 * rgb u8 [h, stride, 3], columns 0..w-1. (x, y) lies inside the pool. */
void ppi_pool_render(uint8_t *rgb, int32_t stride, const ppi_pool_camera *camera, float x, float y,
                     int32_t heading, float eye);

/* Draws the pool from above, +x to the right and +y up, into columns left..left+side-1 of
 * rgb u8 [side, stride, 3]: the walls with their panels, the platform at place[2] and the swimmer
 * at swimmer[2]. */
void ppi_pool_map(uint8_t *rgb, int32_t stride, int32_t left, int32_t side, const float *place,
                  const float *swimmer, int32_t heading);

#endif
