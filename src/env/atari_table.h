/* Facts about the Atari games: ids, ROM checksums, reference scores, minimal actions, game sets.
 * One table, so that loaders, scores and reports cannot disagree. */
#ifndef PPI_ENV_ATARI_TABLE_H
#define PPI_ENV_ATARI_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define PPI_ATARI_GAMES 62
#define PPI_ATARI_ACTIONS 18
#define PPI_ATARI_EXTRAS 42

/* Sets a game belongs to. */
enum {
    PPI_SET_MGDT = 1,       /* 41 training games of the multi-game decision transformer */
    PPI_SET_MGDT_HELD = 2,  /* its 5 held-out games */
    PPI_SET_SQL = 4,        /* 40 training games of scaled Q-learning */
    PPI_SET_JOWA = 8,       /* 15 training games of JOWA */
    PPI_SET_JOWA_HELD = 16, /* its 5 held-out games */
};

typedef struct ppi_atari_game {
    const char *name;      /* "Breakout" */
    const char *rom;       /* "breakout": file stem and id suffix of ale/breakout */
    int32_t id;            /* index in the DQN-replay list, -1 for the two games outside it */
    double random;         /* mean score of random play, NAN if unknown */
    double human;          /* human score, NAN if unknown */
    double dqn;            /* DQN score, NAN if unknown */
    const char *md5;       /* checksum of the ROM the emulator expects, 32 hex digits */
    bool same_as_legacy;   /* the ROM is the one that made the replay data */
    uint32_t sets;         /* PPI_SET_* bits */
    int32_t min_actions;   /* entries of actions; 0 = ask the emulator */
    const int8_t *actions; /* minimal id -> full id, or NULL */
} ppi_atari_game;

/* All games, alphabetical. */
extern const ppi_atari_game ppi_atari_games[PPI_ATARI_GAMES];
/* A ROM that the emulator plays and that no score table lists. */
typedef struct ppi_atari_extra {
    const char *rom;
    const char *md5;
} ppi_atari_extra;
extern const ppi_atari_extra ppi_atari_extras[PPI_ATARI_EXTRAS];

/* "NOOP", "FIRE", ... by full id. */
extern const char *const ppi_atari_action_names[PPI_ATARI_ACTIONS];

/* The row of a game given as "Breakout", "breakout" or "ale/breakout"; NULL if there is none. */
const ppi_atari_game *ppi_atari_game_find(const char *name);
/* Full id -> position in the minimal list of a game; -1 if the game does not use it. */
int32_t ppi_atari_full_to_minimal(const ppi_atari_game *game, int32_t full);
/* Minimal id -> full id; -1 if out of range. */
int32_t ppi_atari_minimal_to_full(const ppi_atari_game *game, int32_t minimal);

#endif
