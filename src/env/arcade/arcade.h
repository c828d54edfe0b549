/* What the built-in arcade games share: the suite's actions and the painted 84x84 view. */
#ifndef PPI_ENV_ARCADE_H
#define PPI_ENV_ARCADE_H

#include <stdint.h>

#include <polyplay/env.h>

/* Suite actions; every game names the ones it uses. */
typedef enum ppi_suite_action {
    PPI_SUITE_N,
    PPI_SUITE_L,
    PPI_SUITE_U,
    PPI_SUITE_R,
    PPI_SUITE_D,
    PPI_SUITE_F,
    PPI_SUITE_COUNT
} ppi_suite_action;

#define PPI_GREY_SIDE 84

/* One layer of a picture: cells of plane `plane` get grey level `level`; later layers lie on top. */
typedef struct ppi_paint_layer {
    int32_t plane;
    uint8_t level;
} ppi_paint_layer;

/* Suite action -> full Atari id. */
extern const int32_t ppi_suite_to_full[PPI_SUITE_COUNT];

/* Full Atari id 0..17 -> suite action if it is among list[count], else PPI_SUITE_N. */
ppi_suite_action ppi_suite_from_full(int32_t full, const int32_t *list, int32_t count);

/* Fills the action fields of a specification from a list of suite actions. */
void ppi_suite_describe(pp_env_spec *spec, const int32_t *list, int32_t count);

/* Paints u8 planes [h,w,c] into grey u8 [84,84]: square blocks as large as fit, centred on black. */
void ppi_arcade_paint(uint8_t *grey, const uint8_t *planes, int32_t h, int32_t w, int32_t c,
                      const ppi_paint_layer *layers, int32_t n_layers);

/* Doubles grey u8 [84,84] into rgb u8 [168,168,3]. */
void ppi_arcade_render(uint8_t *rgb, const uint8_t *grey);

/* Writes a formatted reason and returns status. */
int32_t ppi_env_fail(pp_env_error *error, int32_t status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Functions of arcade/catch. */
extern const pp_env_vtable ppi_catch_vtable;

#endif
