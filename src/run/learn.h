/* One learner at work: an agent of an online method, the environments it plays side by side, and
 * what passes between them. Nothing here touches a file: run/learn_log.h stores what was played,
 * run/learn_checkpoint.h what a resumed process needs.
 *
 * A stream is one environment. Streams are numbered game by game: stream s of game g is number
 * g * streams_per_game + s. */
#ifndef PPI_RUN_LEARN_H
#define PPI_RUN_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "base/buf.h"
#include "env/arcade/paint.h"
#include "env/protocol.h"
#include "method/learner.h"

#define PPI_LEARN_GAMES 64

/* The games a learner plays and what its agent sees of them. */
typedef struct ppi_learn_games {
    int count;
    pp_env_spec *spec;    /* [count] as they are played and stored */
    ppi_painter *painter; /* [count], h = 0 where the agent sees what is played */
    ppi_obs_spec obs;
    ppi_action_spec actions; /* one game: its list; several: the joystick ids */
} ppi_learn_games;

/* Looks at the games (ids[count]) under these options. board: H, W, C the agent sees, zeros for
 * the native board of one game and PPI_BOARD_* for several. Where the view "grey84" is asked for,
 * arcade games play and store planes, and what the agent sees is painted from them. PP_ERR_SHAPE
 * for a game that does not fit. Release with ppi_learn_games_free. */
pp_status ppi_learn_games_open(ppi_learn_games *out, char (*ids)[PP_ENV_ID_BYTES], int count,
                               const ppi_env_options *env, const int64_t board[3]);
void ppi_learn_games_free(ppi_learn_games *games);
/* Turns an observation of a game into the agent's: painted, padded or copied. `out` as in
 * ppi_board_pad. */
void ppi_learn_games_show(const ppi_learn_games *games, int game, uint8_t *out, const uint8_t *in);

/* The size of a method's network for an observation, static: "arcade" for planes, "nature" for
 * frames of a screen, "impala" for smaller pictures, else "small" or "mlp", where the method has
 * it; otherwise its first. */
const char *ppi_learn_default_size(const ppi_method *method, const ppi_obs_spec *obs);

/* Where the tasks of trials come from (trial_episodes of method/learner.h). */
typedef struct ppi_learn_trials {
    int side; /* ppi_task_side */
    uint64_t split_seed;
} ppi_learn_trials;

/* What a learner is made of. Pointers must outlive it. */
typedef struct ppi_learn_config {
    const ppi_method *method; /* one with learner calls */
    const char *size;         /* NULL = ppi_learn_default_size */
    const void *options;      /* the method's option struct */
    const ppi_learn_games *games;
    const ppi_env_options *env;
    int64_t task;    /* played by every stream of a learner without trials */
    const ppi_learn_trials *trials; /* NULL: learners with trials are refused */
    int64_t streams; /* per game, 0 = the learner's own choice */
    int64_t steps;   /* agent steps of the whole run, all streams and games summed */
    uint64_t seed;   /* environment i begins with seed + i */
    ppi_dtype_policy policy;
    int threads;
} ppi_learn_config;

typedef struct ppi_learn ppi_learn;

/* Makes agent and environments and starts the first episodes. The steps are rounded up to whole
 * steps of all streams. */
pp_status ppi_learn_open(ppi_learn **out, const ppi_learn_config *config);
void ppi_learn_close(ppi_learn *l); /* NULL is allowed */

ppi_agent *ppi_learn_agent(const ppi_learn *l);
/* Task that a stream plays, and the number of its trial (0 without trials). */
int64_t ppi_learn_task(const ppi_learn *l, int64_t stream);
int64_t ppi_learn_trial(const ppi_learn *l, int64_t stream);
const ppi_learn_games *ppi_learn_games_of(const ppi_learn *l);
int64_t ppi_learn_streams(const ppi_learn *l); /* all games together */
int64_t ppi_learn_streams_per_game(const ppi_learn *l);
int64_t ppi_learn_steps(const ppi_learn *l);  /* agent steps played, streams summed */
int64_t ppi_learn_total(const ppi_learn *l);  /* agent steps to play */
int64_t ppi_learn_frames(const ppi_learn *l); /* emulated frames */
int64_t ppi_learn_updates(const ppi_learn *l);

/* One step of every stream: the agent acts, the environments move. */
pp_status ppi_learn_play(ppi_learn *l);
/* What the last play gave, valid until the next. */
const ppi_learn_step *ppi_learn_last(const ppi_learn *l);
/* The same before padding: observation of a stream after the step, and the last observation of the
 * episode that ended in it (NULL when none did). Before the first play: the first observation. */
const uint8_t *ppi_learn_native(const ppi_learn *l, int64_t stream);
const uint8_t *ppi_learn_native_final(const ppi_learn *l, int64_t stream);
/* Hands what was played to the agent, which makes the updates that are due. PP_ERR_NUMERIC for a
 * loss that is not finite. */
pp_status ppi_learn_update(ppi_learn *l);

/* Means over the last episodes (100 of each game at most). */
typedef struct ppi_learn_stats {
    int64_t episodes;   /* finished since the run began */
    double mean_return; /* NAN before the first end; over games: the mean of their means */
    double mean_length;
} ppi_learn_stats;
/* game -1 = all. */
void ppi_learn_statistics(const ppi_learn *l, int game, ppi_learn_stats *out);
/* Figures of the last update, empty before the first. */
const ppi_metrics *ppi_learn_metrics(const ppi_learn *l);

/* Everything but parameters, optimiser moments and replay contents, appended to out; load restores
 * it into a learner of the same configuration. PP_ERR_CORRUPT for bytes of another one. */
pp_status ppi_learn_save(ppi_learn *l, ppi_buf *out);
pp_status ppi_learn_load(ppi_learn *l, const void *data, size_t size);

/* Steps of every stream that the agent wants to see again after load, 0 = none. */
int64_t ppi_learn_replay_steps(const ppi_learn *l);
/* Hands one of them back. */
pp_status ppi_learn_replay(ppi_learn *l, const ppi_learn_step *step);

#endif
