/* What one arcade game fills in, and what the harness gives it. A game is one file with a constant
 * table ppi_arcade_<name> and one line in games.def; docs/adding-a-game.md shows how. Everything
 * common to all games is in harness.c: actions, repeated actions, caps, views, saving. */
#ifndef PPI_ENV_ARCADE_GAME_H
#define PPI_ENV_ARCADE_GAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/env.h>

#include "base/mt19937.h"
#include "env/arcade/arcade.h"

/* Suite actions; every game lists the ones it uses, all others reach it as PPI_SUITE_N. */
typedef enum ppi_suite_action {
    PPI_SUITE_N,
    PPI_SUITE_L,
    PPI_SUITE_U,
    PPI_SUITE_R,
    PPI_SUITE_D,
    PPI_SUITE_F,
    PPI_SUITE_COUNT
} ppi_suite_action;

enum { PPI_ARCADE_BOARD_BYTES = 2048 /* largest board H*W*C */, PPI_ARCADE_SUITE_CAP = 2500 };

/* The part of an instance that every game has and that a saved state holds. */
typedef struct ppi_arcade_run {
    ppi_mt19937 mt;
    int64_t steps; /* of the episode, the present one included */
    int32_t mode;
    int32_t parity;      /* 1: the reference's own ends and conventions */
    int32_t last_action; /* suite action last executed */
    uint8_t started;
    uint8_t terminated; /* a game's step sets it */
    uint8_t truncated;
    uint8_t pad;
    const double *script; /* draws to give out in place of the generator's, not saved */
    int64_t script_left;
} ppi_arcade_run;

/* Uniform in 0..n-1, and uniform in [0,1): the next draws of the instance. */
uint32_t ppi_draw_below(ppi_arcade_run *run, uint32_t n);
double ppi_draw_unit(ppi_arcade_run *run);

/* A named int32_t of a game's state and the range that a saved state must keep. */
typedef struct ppi_arcade_field {
    const char *name;
    size_t offset;
    int32_t low;
    int32_t high;
} ppi_arcade_field;
#define PPI_ARCADE_FIELD(type, member, low, high)                                                  \
    { #member, offsetof(type, member), low, high }

/* One mode; mode 0 is the reference. */
typedef struct ppi_arcade_mode {
    const char *text; /* what differs from mode 0 */
    int32_t rows;     /* board, 0 = as in the game's table */
    int32_t columns;
} ppi_arcade_mode;

/* One game. The functions are given the state (state_size bytes, zero at creation) and the run. */
typedef struct ppi_arcade_game {
    const char *id; /* "arcade/breakout" */
    int32_t rows;   /* board of mode 0 */
    int32_t columns;
    int32_t planes;
    const int32_t *actions; /* minimal list of suite actions */
    int32_t n_actions;
    const ppi_paint_layer *layers; /* from the bottom to the top */
    int32_t n_layers;
    const ppi_arcade_mode *modes;
    int32_t n_modes;
    const ppi_arcade_field *fields;
    int32_t n_fields;
    size_t state_size;
    ppi_arcade_facts facts; /* modes and PPI_ARCADE_EVERY are added */
    int32_t parity_cap;     /* steps that the reference truncates after, 0 = never */
    bool minatar;           /* the wrapper's draw is made in every step, even after the end */
    bool restarts;          /* in parity mode a step without a running episode is a reset */
    double reward_min;
    double reward_max;
    /* Starts an episode. */
    void (*reset)(void *state, ppi_arcade_run *run);
    /* Plays one step and returns the reward; sets run->terminated at the end of the episode. */
    int32_t (*step)(void *state, ppi_arcade_run *run, ppi_suite_action action);
    /* Sets the cells of planes u8 [H,W,C], which are zero. */
    void (*draw)(const void *state, const ppi_arcade_run *run, uint8_t *planes);
    /* Number to write on a cell of the colour picture, -1 for none; NULL = none anywhere. */
    int32_t (*number)(const void *state, int32_t cell);
    /* Checks of a loaded state beyond the ranges of `fields`; NULL = none. */
    bool (*valid)(const void *state, const ppi_arcade_run *run);
} ppi_arcade_game;

#define PPI_ARCADE_COUNT(table) ((int32_t)(sizeof(table) / sizeof((table)[0])))
/* Table and length of a game's lists: .layers = ..., .n_layers = ... */
#define PPI_ARCADE_LIST(member, table) .member = (table), .n_##member = PPI_ARCADE_COUNT(table)

#define PPI_ARCADE_GAME(name) extern const ppi_arcade_game ppi_arcade_##name;
#include "env/arcade/games.def"
#undef PPI_ARCADE_GAME

static inline int32_t ppi_clamp(int32_t v, int32_t low, int32_t high) {
    return v < low ? low : v > high ? high : v;
}

/* The functions that list.c puts into the tables of the games. */
int32_t ppi_arcade_create(void **out, const ppi_arcade_game *game, const pp_env_config *config,
                          pp_env_error *error);
void ppi_arcade_destroy(void *env);
void ppi_arcade_describe(const void *env, pp_env_spec *spec);
int32_t ppi_arcade_reset(void *env, uint64_t seed, uint8_t *obs, pp_env_result *result,
                         pp_env_error *error);
int32_t ppi_arcade_step(void *env, int32_t action, uint8_t *obs, pp_env_result *result,
                        pp_env_error *error);
int32_t ppi_arcade_observe(void *env, uint8_t *obs, pp_env_error *error);
int32_t ppi_arcade_save(void *env, uint8_t *buffer, uint64_t size, uint64_t *needed,
                        pp_env_error *error);
int32_t ppi_arcade_load(void *env, const uint8_t *buffer, uint64_t size, pp_env_error *error);
int32_t ppi_arcade_render(void *env, uint8_t *rgb, pp_env_error *error);

/* Board of a game in one mode. */
void ppi_arcade_board(int32_t *rows, int32_t *columns, const ppi_arcade_game *game, int32_t mode);

/* For checks against references: the run of an instance, a named number of its state (NULL if the
 * game has none of that name), and draws values[count] that replace the generator's until they are
 * used up. The values stay the caller's and must outlive their use. */
ppi_arcade_run *ppi_arcade_run_of(void *env);
int32_t *ppi_arcade_number(void *env, const char *name);
void ppi_arcade_script(void *env, const double *values, int64_t count);

#endif
