/* Shared by the environment tests: the action source, ids of games, skipping without the emulator. */
#ifndef ENV_TEST_H
#define ENV_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "env/registry.h"
#include "env/vec.h"

#define ASSERT_OK(call)                                                                            \
    do {                                                                                           \
        if ((call) != PP_OK) {                                                                     \
            fail_msg("%s: %s", #call, pp_last_error());                                            \
        }                                                                                          \
    } while (0)

#define ASSERT_ERROR_HAS(part)                                                                     \
    do {                                                                                           \
        if (strstr(pp_last_error(), (part)) == NULL) {                                             \
            fail_msg("'%s' is not in '%s'", (part), pp_last_error());                              \
        }                                                                                          \
    } while (0)

/* The linear congruential source of the arcade vectors. */
static inline uint32_t next_value(uint32_t *x) {
    *x = (uint32_t)((1103515245ull * *x + 12345ull) & 0x7fffffffu);
    return *x >> 16;
}

/* True when the game can be played here. */
static inline bool have_game(const char *stem) {
    const pp_env_vtable *plugin;
    char path[PPI_PATH_SIZE];
    ppi_env_options options;
    ppi_env_options_default(&options);
    return ppi_env_ale_plugin(&plugin) == PP_OK &&
           ppi_env_find_rom(path, sizeof(path), NULL, stem, &options) == PP_OK;
}

#endif
