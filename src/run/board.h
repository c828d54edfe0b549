/* Boards of different size under one network: smaller ones are padded with zeros at the right, at
 * the bottom and in channels. */
#ifndef PPI_RUN_BOARD_H
#define PPI_RUN_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "method/method.h"

/* The board of runs over several games of planes, H, W, C: fits every arcade game but 2048. */
#define PPI_BOARD_H 14
#define PPI_BOARD_W 14
#define PPI_BOARD_C 10

/* Reads "HxWxC" into board[3]; the empty text gives zeros. PP_ERR_ARGUMENT for anything else. */
pp_status ppi_board_parse(int64_t board[3], const char *text);

/* The observation of a specification as it is. */
ppi_obs_spec ppi_board_native(const pp_env_spec *spec);
/* True when agents of this observation see environments of this specification without padding. */
bool ppi_board_same(const ppi_obs_spec *agent, const pp_env_spec *spec);
/* True when boards of this specification fit into the agent's once padded. */
bool ppi_board_fits(const ppi_obs_spec *agent, const pp_env_spec *spec);
/* PP_ERR_SHAPE naming both shapes unless boards of the specification fit. */
pp_status ppi_board_check(const ppi_obs_spec *agent, const pp_env_spec *spec);

/* Copies a native board u8 [spec h,w,c] into the agent's [h,w,c]; the rest of `out` is left as it
 * is, so memory that began as zeros needs no clearing. Equal shapes are one copy. */
void ppi_board_pad(uint8_t *out, const ppi_obs_spec *agent, const uint8_t *in,
                   const pp_env_spec *spec);

#endif
