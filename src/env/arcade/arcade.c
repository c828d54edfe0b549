/* Shared parts of the arcade games. Each painted frame is a pure function of the planes, so data
 * sets store planes and a reader can paint them later. */
#include "env/arcade/arcade.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "env/atari_table.h"

const int32_t ppi_suite_to_full[PPI_SUITE_COUNT] = {
    [PPI_SUITE_N] = 0, [PPI_SUITE_L] = 4, [PPI_SUITE_U] = 2,
    [PPI_SUITE_R] = 3, [PPI_SUITE_D] = 5, [PPI_SUITE_F] = 1,
};

ppi_suite_action ppi_suite_from_full(int32_t full, const int32_t *list, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        if (ppi_suite_to_full[list[i]] == full) {
            return (ppi_suite_action)list[i];
        }
    }
    return PPI_SUITE_N;
}

void ppi_suite_describe(pp_env_spec *spec, const int32_t *list, int32_t count) {
    spec->action_count = PP_ENV_ACTIONS;
    spec->min_actions = count;
    for (int32_t i = 0; i < count; i++) {
        const int32_t full = ppi_suite_to_full[list[i]];
        spec->action_list[i] = full;
        snprintf(spec->action_names[i], sizeof(spec->action_names[i]), "%s",
                 ppi_atari_action_names[full]);
    }
}

void ppi_arcade_paint(uint8_t *grey, const uint8_t *planes, int32_t h, int32_t w, int32_t c,
                      const ppi_paint_layer *layers, int32_t n_layers) {
    const int32_t side = PPI_GREY_SIDE / (h > w ? h : w);
    const int32_t left = (PPI_GREY_SIDE - side * w) / 2;
    const int32_t top = (PPI_GREY_SIDE - side * h) / 2;
    memset(grey, 0, (size_t)PPI_GREY_SIDE * PPI_GREY_SIDE);
    for (int32_t l = 0; l < n_layers; l++) {
        for (int32_t y = 0; y < h; y++) {
            for (int32_t x = 0; x < w; x++) {
                if (planes[(y * w + x) * c + layers[l].plane] == 0) {
                    continue;
                }
                uint8_t *block = grey + (top + y * side) * PPI_GREY_SIDE + left + x * side;
                for (int32_t row = 0; row < side; row++) {
                    memset(block + row * PPI_GREY_SIDE, layers[l].level, (size_t)side);
                }
            }
        }
    }
}

void ppi_arcade_render(uint8_t *rgb, const uint8_t *grey) {
    const int32_t side = 2 * PPI_GREY_SIDE;
    for (int32_t y = 0; y < side; y++) {
        for (int32_t x = 0; x < side; x++) {
            memset(rgb + (y * side + x) * 3, grey[(y / 2) * PPI_GREY_SIDE + x / 2], 3);
        }
    }
}

int32_t ppi_env_fail(pp_env_error *error, int32_t status, const char *fmt, ...) {
    if (error != NULL) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(error->text, sizeof(error->text), fmt, args);
        va_end(args);
    }
    return status;
}
