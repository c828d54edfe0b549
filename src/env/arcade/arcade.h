/* The arcade suite as the rest of the program sees it: the list of games, their facts, and the
 * painting of planes. What a game file needs is in env/arcade/game.h. */
#ifndef PPI_ENV_ARCADE_H
#define PPI_ENV_ARCADE_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/env.h>

#include "base/compat.h"
#include "env/arcade/paint.h"

/* Number of games, a constant expression. */
enum {
#define PPI_ARCADE_GAME(name) PPI_ARCADE_INDEX_##name,
#include "env/arcade/games.def"
#undef PPI_ARCADE_GAME
    PPI_ARCADE_GAMES
};

/* Functions of every game, in the order of games.def. */
extern const pp_env_vtable *const ppi_arcade_vtables[];
extern const int ppi_arcade_count; /* = PPI_ARCADE_GAMES */

/* Game sets a game belongs to, as bits; every game also has the last one. */
enum {
    PPI_ARCADE_FIVE = 1, /* @arcade5 */
    PPI_ARCADE_NEW = 2,  /* @arcade-new */
    PPI_ARCADE_EVERY = 4 /* @arcade */
};

/* What is known of a game beside its rules. */
typedef struct ppi_arcade_facts {
    double sticky;       /* the game's own repeat probability */
    int32_t cap;         /* steps of an episode in the suite */
    int32_t modes;       /* modes 0..modes-1 */
    uint32_t sets;       /* PPI_ARCADE_FIVE, ... */
    double random_score; /* mean return of random play under the suite's rules */
    double good_score;   /* the return that counts as 1 in normalised scores */
} ppi_arcade_facts;

/* Facts of a game by id ("arcade/pong") or by index in games.def; false for an unknown one. */
bool ppi_arcade_facts_of(ppi_arcade_facts *out, const char *id);
bool ppi_arcade_facts_at(ppi_arcade_facts *out, int index);

/* Rule of one mode in words ("no ramping"), NULL outside 0..modes-1. Owned by the program. */
const char *ppi_arcade_mode_text(const char *id, int mode);

/* Painter of a game's planes in one mode, for readers of stored planes; false for an unknown id or
 * mode. */
bool ppi_arcade_painter(ppi_painter *out, const char *id, int mode);

/* Writes a formatted reason and returns status. */
int32_t ppi_env_fail(pp_env_error *error, int32_t status, const char *fmt, ...) PPI_PRINTF(3, 4);

#endif
