/* Options of the environment layer and the named evaluation protocols behind them.
 *
 * A field left at its "ask the protocol" value (-1) is filled from the protocol named in the same
 * options, so that one word fixes every rule of an episode and any single rule can be overridden.
 */
#ifndef PPI_ENV_PROTOCOL_H
#define PPI_ENV_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/options.h"

/* Order of the choices of env.protocol. */
typedef enum ppi_protocol_id {
    PPI_PROTOCOL_AUTO,          /* dopamine for Atari games, arcade for arcade games, else native */
    PPI_PROTOCOL_DOPAMINE,      /* sticky .25, cap 27,000 steps */
    PPI_PROTOCOL_MGDT,          /* sticky 0, cap 27,000 steps */
    PPI_PROTOCOL_MGDT_NOTEBOOK, /* sticky 0, cap 5,000 steps, final reward omitted */
    PPI_PROTOCOL_JOWA,          /* sticky 0, cap 108,000 steps */
    PPI_PROTOCOL_ALE_VECTOR, /* sticky 0, up to 30 no-op frames, fire at reset, clipped rewards */
    PPI_PROTOCOL_ARCADE,     /* arcade games: the game's sticky, cap 2,500 steps (four_rooms 100) */
    PPI_PROTOCOL_PARITY,     /* arcade games as their reference implementation ends them */
    PPI_PROTOCOL_NATIVE,     /* every other environment: its own rules */
    PPI_PROTOCOL_COUNT
} ppi_protocol_id;

/* The fields that the options env.* set. */
typedef struct ppi_env_options {
    int protocol;             /* ppi_protocol_id */
    char view[16];            /* "planes", "grey84", ...; empty = the environment's first */
    char reading[8];          /* "a", "b"; empty = the environment's default */
    int64_t task;             /* task of a family */
    double sticky;            /* -1 = the protocol's */
    int64_t mode;             /* game mode */
    int64_t difficulty;       /* game difficulty */
    int64_t noop_max;         /* most no-op frames after a reset, -1 = the protocol's */
    int64_t fire_reset;       /* 1: press FIRE after a reset, -1 = the protocol's */
    int64_t drop_last_reward; /* 1: scores omit the final step's reward, -1 = the protocol's */
    int64_t cap;              /* agent steps, -1 = the protocol's, 0 = none */
    bool any_rom;             /* accept a ROM of another checksum */
    char roms[1024];          /* folder of the ROMs, the only one searched; empty = search */
} ppi_env_options;

/* Episode rules after the protocol has been applied. */
typedef struct ppi_episode_rules {
    double sticky;
    int32_t frame_skip;
    int32_t cap;      /* agent steps, 0 = none */
    int32_t noop_max; /* emulated frames */
    bool fire_reset;
    bool parity;           /* only the ends of the reference implementation */
    bool clip_rewards;     /* the protocol clips the rewards that it reports; ours stay raw */
    bool drop_last_reward; /* an episode's score omits the reward of its final step */
} ppi_episode_rules;

extern const ppi_option_table ppi_env_option_table;

/* "auto", "dopamine", "mgdt", ...; NULL out of range. */
const char *ppi_protocol_name(int protocol);
/* Index of a protocol name; PP_ERR_NOT_FOUND names the nearest one. */
pp_status ppi_protocol_find(int *out, const char *name);
/* Options at their defaults, for callers without an option set. */
void ppi_env_options_default(ppi_env_options *options);
/* The options under which an environment is played where steps are stored: arcade games keep planes
 * when an agent wants "grey84", which is painted from them. env NULL = defaults. */
void ppi_env_options_played(ppi_env_options *out, const char *id, const ppi_env_options *env);
/* The protocol that `protocol` means for an environment id: AUTO becomes the game's own, any other
 * stays. */
int ppi_protocol_in_force(const char *id, int protocol);
/* Rules of one environment id under these options; an option set by hand wins. PP_ERR_ARGUMENT for
 * a protocol of another kind of environment. */
pp_status ppi_episode_rules_for(ppi_episode_rules *out, const char *id,
                                const ppi_env_options *options);

#endif
