/* Playing by hand in a terminal. */
#ifndef PPI_CLI_KEYBOARD_H
#define PPI_CLI_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "env/protocol.h"
#include "run/act.h"

/* What is played. */
typedef struct ppi_keyboard_play {
    const char *env; /* one environment id */
    const ppi_env_options *options;
    int64_t episodes;
    uint64_t seed;      /* episode e uses seed + e */
    double fps;         /* ticks a second; 0 = 10 (Atari games 15) where standing still is an
                           action, else the game waits for a key */
    ppi_frame_fn frame; /* sees each picture, NULL = none */
    void *frame_ctx;
} ppi_keyboard_play;

/* Plays up to `episodes` episodes, results[episodes]; *played gets how many were begun, *stopped
 * whether the last of them was left before its end. Draws in the alternate screen of the terminal
 * on standard output and reads keys from standard input; both are as before when it returns,
 * whatever happened. q and Ctrl-C stop. PP_ERR_UNSUPPORTED without a terminal, or with one that
 * cannot place its cursor. */
pp_status ppi_keyboard_run(const ppi_keyboard_play *play, ppi_episode_result *results,
                           int64_t *played, bool *stopped);

#endif
