/* Playing without learning with an online network: environments side by side, each with its stack
 * of frames, its legal choices and, in front of a recurrent core, its state. */
#ifndef PPI_METHOD_ONLINE_PLAY_H
#define PPI_METHOD_ONLINE_PLAY_H

#include "base/rng.h"
#include "method/online_net.h"

/* What draws of one environment are keyed by. */
typedef struct ppi_online_player {
    uint64_t episode;
    int64_t step; /* in the episode */
} ppi_online_player;

/* Zeroed = not begun. */
typedef struct ppi_online_play {
    int64_t players;
    ppi_online_net net; /* one row a player */
    uint8_t *legal;     /* [players, choices] */
    ppi_online_player *player;
} ppi_online_play;

/* Row of choices [actions of the agent] that a row of ids legal[PP_ENV_ACTIONS] allows. */
void ppi_online_legal(const ppi_agent *a, uint8_t *out, const uint8_t *legal);

/* The calls act_begin, act_game, act_reset and observe of an agent with this network; every choice
 * is legal until ppi_online_play_game. That one refuses an `env` outside 0..players-1; the others
 * take the caller's word for it and need a begin that succeeded. */
pp_status ppi_online_play_begin(ppi_online_play *p, const ppi_agent *a,
                                const ppi_online_net_spec *spec, int64_t n);
void ppi_online_play_end(ppi_online_play *p); /* allowed before begin */
pp_status ppi_online_play_game(ppi_online_play *p, const ppi_agent *a, int64_t env,
                               const uint8_t *legal);
void ppi_online_play_reset(ppi_online_play *p, const ppi_online_net_spec *spec, int64_t env,
                           const uint8_t *obs, uint64_t episode);
void ppi_online_play_observe(ppi_online_play *p, const ppi_online_net_spec *spec, int64_t env,
                             const uint8_t *next_obs);

/* Generator of the present decision, keyed by (agent seed, episode, step). */
ppi_rng ppi_online_play_rng(const ppi_online_play *p, const ppi_agent *a, int64_t env);
/* Columns of the head for a player, and its legal choices. */
const float *ppi_online_play_head(const ppi_online_play *p, int64_t env);
const uint8_t *ppi_online_play_legal(const ppi_online_play *p, const ppi_agent *a, int64_t env);

#endif
