/* Boards of different size; see board.h. */
#include "run/board.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { LARGEST_SIDE = 4096 };

pp_status ppi_board_parse(int64_t board[3], const char *text) {
    char rest = 0;
    memset(board, 0, 3 * sizeof *board);
    if (text[0] == '\0') return PP_OK;
    const int n = sscanf(text, "%" SCNd64 "x%" SCNd64 "x%" SCNd64 "%c", &board[0], &board[1],
                         &board[2], &rest);
    for (int i = 0; i < 3; i++) {
        if (n == 3 && board[i] >= 1 && board[i] <= LARGEST_SIDE) continue;
        return ppi_fail(PP_ERR_ARGUMENT,
                        "model.board '%s', expected HxWxC such as %dx%dx%d with sides of 1..%d",
                        text, PPI_BOARD_H, PPI_BOARD_W, PPI_BOARD_C, LARGEST_SIDE);
    }
    return PP_OK;
}

ppi_obs_spec ppi_board_native(const pp_env_spec *spec) {
    ppi_obs_spec obs = {
        .h = spec->obs_h, .w = spec->obs_w, .c = spec->obs_c, .type = spec->obs_type};
    snprintf(obs.view, sizeof obs.view, "%s", spec->view);
    memcpy(obs.high, spec->obs_high, sizeof obs.high);
    return obs;
}

bool ppi_board_same(const ppi_obs_spec *agent, const pp_env_spec *spec) {
    return agent->type == spec->obs_type && agent->h == spec->obs_h && agent->w == spec->obs_w &&
           agent->c == spec->obs_c;
}

bool ppi_board_fits(const ppi_obs_spec *agent, const pp_env_spec *spec) {
    if (ppi_board_same(agent, spec)) return true;
    return agent->type == PP_OBS_PLANES && spec->obs_type == PP_OBS_PLANES &&
           spec->obs_h <= agent->h && spec->obs_w <= agent->w && spec->obs_c <= agent->c;
}

pp_status ppi_board_check(const ppi_obs_spec *agent, const pp_env_spec *spec) {
    if (ppi_board_fits(agent, spec)) return PP_OK;
    return ppi_fail(PP_ERR_SHAPE,
                    "%s shows %dx%dx%d observations (view %s), the agent sees %" PRId64 "x%" PRId64
                    "x%" PRId64 " (view %s)",
                    spec->id, spec->obs_h, spec->obs_w, spec->obs_c, spec->view, agent->h, agent->w,
                    agent->c, agent->view);
}

void ppi_board_pad(uint8_t *out, const ppi_obs_spec *agent, const uint8_t *in,
                   const pp_env_spec *spec) {
    if (ppi_board_same(agent, spec)) {
        memcpy(out, in, (size_t)spec->obs_bytes);
        return;
    }
    const int64_t c = spec->obs_c;
    for (int64_t y = 0; y < spec->obs_h; y++) {
        uint8_t *row = out + y * agent->w * agent->c;
        for (int64_t x = 0; x < spec->obs_w; x++, in += c) {
            memcpy(row + x * agent->c, in, (size_t)c);
        }
    }
}
