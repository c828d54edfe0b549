/* Draws the pool column by column: a ray meets one wall, and everything in its column follows from
 * the depth of that meeting. Because the walls look alike after a turn of 22.5 degrees, headings
 * are multiples of that turn and one table of rays serves them all.
 *
 * The panels are small pictures made at start-up from distances to simple shapes, each in sizes
 * halved down to 4 x 4 so that a far panel keeps its mean colour. */
#include "env/watermaze_render.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "env/builtin.h"

enum {
    PANELS = 8,
    PANEL_SIDE = 64, /* texels of the largest size */
    PANEL_LEVELS = 5,
    /* Texels of all sizes of one panel: 64^2 + 32^2 + 16^2 + 8^2 + 4^2. */
    PANEL_TEXELS = 4096 + 1024 + 256 + 64 + 16,
    SAMPLES = 4, /* per texel and axis */
};

static const float k_wall_top = 192.0f;
static const float k_water = 16.0f;
static const float k_panel_half = 87.5f; /* half of the width */
static const float k_panel_low = 18.0f;
static const float k_panel_high = 174.0f;
static const float k_behind = 1e9f;

static const uint8_t k_sky_colour[3] = {165, 222, 251};
static const uint8_t k_wall_colour[3] = {57, 113, 166};
static const uint8_t k_water_colour[3] = {102, 150, 209};
static const uint8_t k_frame_colour[3] = {55, 75, 82};
static const uint8_t k_symbol_colour[3] = {200, 248, 240};
static const uint8_t k_outline_colour[3] = {0, 0, 0};

#define C1 0.92387953251128674f /* cos 22.5 degrees */
#define C2 0.70710678118654752f /* cos 45 degrees */
#define C3 0.38268343236508977f /* cos 67.5 degrees */
const float ppi_pool_bearing[PPI_POOL_SIDES][2] = {
    {1, 0},  {C1, C3},   {C2, C2},   {C3, C1},   {0, 1},  {-C3, C1}, {-C2, C2}, {-C1, C3},
    {-1, 0}, {-C1, -C3}, {-C2, -C2}, {-C3, -C1}, {0, -1}, {C3, -C1}, {C2, -C2}, {C1, -C3},
};

/* Signed distance to a shape around (0,0), negative inside; the panel spans -1..1 both ways, v up.
 * Only the sign near the edge and the rough size of the distance matter. */
static float plus_shape(float u, float v) {
    const float a = fmaxf(fabsf(u) - 0.16f, fabsf(v) - 0.52f);
    const float b = fmaxf(fabsf(u) - 0.52f, fabsf(v) - 0.16f);
    return fminf(a, b);
}

static float triangle_shape(float u, float v) {
    return fmaxf(-v - 0.40f, 0.866f * fabsf(u) + 0.5f * v - 0.28f);
}

static float square_shape(float u, float v) {
    const float a = fmaxf(fabsf(u) - 0.26f, 0.0f);
    const float b = fmaxf(fabsf(v) - 0.26f, 0.0f);
    return sqrtf(a * a + b * b) - 0.20f;
}

static float diamond_shape(float u, float v) {
    return 0.7071f * (fabsf(u) + fabsf(v)) - 0.40f;
}

static float circle_shape(float u, float v) {
    return sqrtf(u * u + v * v) - 0.48f;
}

static float hexagon_shape(float u, float v) {
    return fmaxf(fabsf(v) - 0.43f, 0.866f * fabsf(u) + 0.5f * fabsf(v) - 0.43f);
}

/* A half disc on two legs. */
static float arch_shape(float u, float v) {
    const float top = fmaxf(sqrtf(u * u + v * v) - 0.50f, -v);
    const float legs = fmaxf(fabsf(u) - 0.50f, fmaxf(v, -v - 0.46f));
    const float hole = fmaxf(fabsf(u) - 0.20f, fmaxf(v - 0.10f, -v - 0.60f));
    return fmaxf(fminf(top, legs), -hole);
}

/* Four discs on the diagonals. */
static float lobes_shape(float u, float v) {
    const float a = fabsf(u) - 0.30f;
    const float b = fabsf(v) - 0.30f;
    return fminf(sqrtf(a * a + b * b) - 0.24f, fmaxf(fabsf(u), fabsf(v)) - 0.20f);
}

/* Panels by bearing, steps of 45 degrees. */
static const struct {
    uint8_t colour[3];
    float (*shape)(float u, float v);
} k_panels[PANELS] = {
    {{176, 240, 16}, plus_shape},   {{144, 16, 16}, triangle_shape},
    {{80, 16, 208}, square_shape},  {{16, 240, 208}, diamond_shape},
    {{240, 176, 16}, circle_shape}, {{16, 112, 240}, hexagon_shape},
    {{208, 16, 16}, arch_shape},    {{176, 16, 208}, lobes_shape},
};

/* Pictures of the panels, RGB; each size column by column, a column from top to bottom. */
static uint8_t g_panels[PANELS][PANEL_TEXELS][3];
static pthread_once_t g_panels_once = PTHREAD_ONCE_INIT;

static const uint8_t *panel_colour(int panel, float u, float v) {
    const float distance = k_panels[panel].shape(u, v);
    if (fabsf(u) > 0.90f) return k_frame_colour;
    if (distance < -0.05f) return k_symbol_colour;
    if (distance < 0.05f || fabsf(u) < 0.04f || fabsf(v) < 0.04f) return k_outline_colour;
    return k_panels[panel].colour;
}

static void draw_panel(int panel) {
    for (int column = 0; column < PANEL_SIDE; column++) {
        for (int row = 0; row < PANEL_SIDE; row++) {
            int sum[3] = {0};
            for (int s = 0; s < SAMPLES * SAMPLES; s++) {
                const float step = 2.0f / (PANEL_SIDE * SAMPLES);
                const float u = ((float)(column * SAMPLES + s % SAMPLES) + 0.5f) * step - 1.0f;
                const float v = 1.0f - ((float)(row * SAMPLES + s / SAMPLES) + 0.5f) * step;
                const uint8_t *colour = panel_colour(panel, u, v);
                for (int c = 0; c < 3; c++) sum[c] += colour[c];
            }
            for (int c = 0; c < 3; c++) {
                g_panels[panel][column * PANEL_SIDE + row][c] =
                    (uint8_t)((sum[c] + SAMPLES * SAMPLES / 2) / (SAMPLES * SAMPLES));
            }
        }
    }
}

/* Each size is the mean of 2 x 2 texels of the one before. */
static void halve_panel(int panel) {
    uint8_t(*from)[3] = g_panels[panel];
    for (int side = PANEL_SIDE; side > 4; side /= 2) {
        uint8_t(*to)[3] = from + side * side;
        for (int i = 0; i < side / 2 * (side / 2); i++) {
            const int column = i / (side / 2) * 2;
            const int row = i % (side / 2) * 2;
            const int at = column * side + row;
            for (int c = 0; c < 3; c++) {
                to[i][c] = (uint8_t)((from[at][c] + from[at + 1][c] + from[at + side][c] +
                                      from[at + side + 1][c] + 2) /
                                     4);
            }
        }
        from = to;
    }
}

static void make_panels(void) {
    for (int panel = 0; panel < PANELS; panel++) {
        draw_panel(panel);
        halve_panel(panel);
    }
}

void ppi_pool_camera_init(ppi_pool_camera *camera, int32_t h, int32_t w) {
    pthread_once(&g_panels_once, make_panels);
    memset(camera, 0, sizeof(*camera));
    camera->h = h;
    camera->w = w;
    camera->focal = 0.5f * (float)w;
    for (int32_t c = 0; c < w; c++) {
        camera->slope[c] = (camera->focal - (float)c - 0.5f) / camera->focal;
        for (int k = 0; k < PPI_POOL_SIDES; k++) {
            /* The ray (1, slope) along the normal of face k. */
            const float along = ppi_pool_bearing[k][0] + ppi_pool_bearing[k][1] * camera->slope[c];
            camera->reach[k][c] = along > 1e-4f ? 1.0f / along : k_behind;
        }
    }
}

/* Where the columns meet the walls: depth and face (relative to the heading) of each. */
typedef struct pool_hits {
    float depth[PPI_POOL_MAX_SIDE];
    int32_t face[PPI_POOL_MAX_SIDE];
} pool_hits;

/* (forward, left): the eye in axes along the heading. */
static void find_walls(pool_hits *hits, const ppi_pool_camera *camera, float forward, float left) {
    const int32_t w = camera->w;
    for (int32_t c = 0; c < w; c++) {
        hits->depth[c] = k_behind;
        hits->face[c] = 0;
    }
    for (int32_t k = 0; k < PPI_POOL_SIDES; k++) {
        if (ppi_pool_bearing[k][0] < -C2) continue; /* behind a view of 90 degrees */
        const float gap =
            PPI_POOL_APOTHEM - ppi_pool_bearing[k][0] * forward - ppi_pool_bearing[k][1] * left;
        const float *reach = camera->reach[k];
        for (int32_t c = 0; c < w; c++) {
            const float depth = gap * reach[c];
            const bool nearer = depth < hits->depth[c];
            hits->depth[c] = nearer ? depth : hits->depth[c];
            hits->face[c] = nearer ? k : hits->face[c];
        }
    }
}

/* First row whose centre lies at or below the height `z` relative to the eye. */
static inline int32_t row_of(float z, float scale, float horizon, int32_t h) {
    const float row = horizon - z * scale + 0.5f;
    return row <= 0.0f ? 0 : row >= (float)h ? h : (int32_t)row;
}

static inline void put(uint8_t *pixel, const uint8_t colour[3]) {
    pixel[0] = colour[0];
    pixel[1] = colour[1];
    pixel[2] = colour[2];
}

/* Rows begin..end-1 of the column at `pixel`. */
static inline void put_rows(uint8_t *pixel, int64_t pitch, int32_t begin, int32_t end,
                            const uint8_t colour[3]) {
    for (int32_t row = begin; row < end; row++) put(pixel + row * pitch, colour);
}

/* The part of a panel in one column: across = 0..1 from its left edge, scale = pixels per unit. */
static void put_panel(uint8_t *pixel, int64_t pitch, int32_t h, int panel, float across,
                      float scale, float eye) {
    const float horizon = 0.5f * (float)h;
    const int32_t begin = row_of(k_panel_high - eye, scale, horizon, h);
    const int32_t end = row_of(k_panel_low - eye, scale, horizon, h);
    const float height = k_panel_high - k_panel_low;
    /* The smallest size that still has a texel for a pixel. */
    const uint8_t(*texels)[3] = (const uint8_t(*)[3])g_panels[panel];
    int32_t side = PANEL_SIDE;
    for (int level = 1; level < PANEL_LEVELS && (float)side > 1.5f * height * scale; level++) {
        texels += side * side;
        side /= 2;
    }
    const int32_t column = (int32_t)(across * (float)side);
    texels += (column < side ? column : side - 1) * side;
    const float step = (float)side / (height * scale); /* texels per row */
    float at = ((float)begin + 0.5f - (horizon - (k_panel_high - eye) * scale)) * step;
    for (int32_t row = begin; row < end; row++, at += step) {
        const int32_t texel = (int32_t)at;
        put(pixel + row * pitch, texels[texel < side ? texel : side - 1]);
    }
}

void ppi_pool_render(uint8_t *rgb, int32_t stride, const ppi_pool_camera *camera, float x, float y,
                     int32_t heading, float eye) {
    const float *axis = ppi_pool_bearing[heading];
    const float forward = axis[0] * x + axis[1] * y;
    const float left = axis[0] * y - axis[1] * x;
    const int64_t pitch = 3 * (int64_t)stride;
    const float horizon = 0.5f * (float)camera->h;
    pool_hits hits;
    find_walls(&hits, camera, forward, left);
    for (int32_t c = 0; c < camera->w; c++) {
        const float scale = camera->focal / hits.depth[c];
        const int32_t k = hits.face[c];
        uint8_t *pixel = rgb + 3 * (int64_t)c;
        const int32_t top = row_of(k_wall_top - eye, scale, horizon, camera->h);
        const int32_t water = row_of(k_water - eye, scale, horizon, camera->h);
        put_rows(pixel, pitch, 0, top, k_sky_colour);
        put_rows(pixel, pitch, top, water, k_wall_colour);
        put_rows(pixel, pitch, water, camera->h, k_water_colour);
        const int32_t side = (k + heading) % PPI_POOL_SIDES;
        if (side % 2 != 0) continue;
        /* Where the ray meets the wall, measured to the left of the wall's middle. */
        const float meet_forward = forward + hits.depth[c];
        const float meet_left = left + hits.depth[c] * camera->slope[c];
        const float u = ppi_pool_bearing[k][0] * meet_left - ppi_pool_bearing[k][1] * meet_forward;
        if (fabsf(u) < k_panel_half) {
            put_panel(pixel, pitch, camera->h, side / 2, (k_panel_half - u) / (2.0f * k_panel_half),
                      scale, eye);
        }
    }
}

/* Colour of the map at (x, y), NULL outside the pool. */
static const uint8_t *map_colour(float x, float y) {
    static const uint8_t ground[3] = {24, 26, 32};
    int side = 0;
    float out = -k_behind; /* distance from the centre along the nearest wall's normal */
    for (int k = 0; k < PPI_POOL_SIDES; k++) {
        const float along = ppi_pool_bearing[k][0] * x + ppi_pool_bearing[k][1] * y;
        if (along > out) {
            out = along;
            side = k;
        }
    }
    if (out > PPI_POOL_APOTHEM + 40.0f) return ground;
    if (out <= PPI_POOL_APOTHEM) return k_water_colour;
    const float across = ppi_pool_bearing[side][0] * y - ppi_pool_bearing[side][1] * x;
    return side % 2 == 0 && fabsf(across) < k_panel_half ? k_panels[side / 2].colour
                                                         : k_wall_colour;
}

void ppi_pool_map(uint8_t *rgb, int32_t stride, int32_t left, int32_t side, const float *place,
                  const float *swimmer, int32_t heading) {
    static const uint8_t platform_colour[3] = {60, 84, 150};
    static const uint8_t swimmer_colour[3] = {250, 240, 120};
    const float unit = (float)side / (2.0f * (PPI_POOL_APOTHEM + 70.0f)); /* pixels per unit */
    const float middle = 0.5f * (float)side;
    for (int32_t row = 0; row < side; row++) {
        for (int32_t column = 0; column < side; column++) {
            const float x = ((float)column + 0.5f - middle) / unit;
            const float y = (middle - (float)row - 0.5f) / unit;
            put(rgb + 3 * ((int64_t)row * stride + left + column), map_colour(x, y));
        }
    }
    const double centre = (double)left + (double)middle;
    ppi_builtin_disc(rgb, side, stride, middle - place[1] * unit, centre + place[0] * unit,
                     64.0 * unit, platform_colour);
    for (int i = 0; i < 4; i++) {
        /* A disc with a nose along the heading. */
        const float reach = 22.0f * (float)i;
        const float x = swimmer[0] + reach * ppi_pool_bearing[heading][0];
        const float y = swimmer[1] + reach * ppi_pool_bearing[heading][1];
        ppi_builtin_disc(rgb, side, stride, middle - y * unit, centre + x * unit,
                         (32.0 - 7.0 * i) * unit, swimmer_colour);
    }
}
