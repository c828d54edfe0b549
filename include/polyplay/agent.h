/* A trained agent, and a game to play it in, for programs that link polyplay.
 *
 * An agent is opened from the folder of a training run; a game by its id. Playing is a loop of
 * pp_agent_act, pp_game_step and pp_agent_observe. Actions are the 18 joystick ids of
 * polyplay/env.h, observations uint8 [height, width, channels].
 *
 * An agent or a game may be used by one thread at a time; different ones by different threads.
 * After a failed call the object is still to be closed. Calls that return a status refuse a missing
 * pointer with PP_ERR_ARGUMENT. */
#ifndef POLYPLAY_AGENT_H
#define POLYPLAY_AGENT_H

#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pp_agent pp_agent;
typedef struct pp_game pp_game;

/* Opens the newest checkpoint of a run folder, or a checkpoint folder. `seed` keys the draws of its
 * actions. Release with pp_agent_close. PP_ERR_NOT_FOUND: no checkpoint there; PP_ERR_CORRUPT: a
 * damaged one, the text names the tensor. */
pp_status pp_agent_open(pp_agent **out, const char *run, uint64_t seed);
void pp_agent_close(pp_agent *agent); /* NULL is allowed */

/* An episode begins with this observation (copied). The draws of its actions depend on the agent's
 * seed and the episode's number alone. An agent that learns in context keeps what it saw of earlier
 * episodes: tell it the outcome of every step, also of an episode's last one, and open it anew for
 * another task. */
pp_status pp_agent_begin(pp_agent *agent, const uint8_t *obs, uint64_t episode);
/* The agent's next action, 0..17. PP_ERR_NUMERIC when its network yields a NaN or infinity. */
pp_status pp_agent_act(pp_agent *agent, int32_t *action);
/* What came of it: the action played (0..17, else PP_ERR_ARGUMENT), the raw reward, the next
 * observation (copied). */
pp_status pp_agent_observe(pp_agent *agent, int32_t action, double reward, const uint8_t *obs);

/* Opens a game ("ale/freeway", "arcade/catch") with the observations the agent was trained on; with
 * agent NULL the game's own. Release with pp_game_close. PP_ERR_NOT_FOUND: no such game or its ROM
 * is missing; PP_ERR_UNSUPPORTED: the emulator is missing or the game needs two players;
 * PP_ERR_SHAPE: the agent was trained on observations of another size. */
pp_status pp_game_open(pp_game **out, const char *id, const pp_agent *agent);
void pp_game_close(pp_game *game); /* NULL is allowed */
/* Shapes, actions and rules. Owned by the game. */
const pp_env_spec *pp_game_spec(const pp_game *game);
/* Starts the episode of a seed. */
pp_status pp_game_reset(pp_game *game, uint64_t seed);
/* Plays one action 0..17; *result gets the reward, whether the episode ended, and the frames
 * emulated: the specification's frame_skip, fewer in a step in which the episode ended. After the
 * end, until a reset, nothing moves: reward 0, 0 frames and the same flags. */
pp_status pp_game_step(pp_game *game, int32_t action, pp_env_result *result);
/* The present observation, valid until the next call on this game. */
const uint8_t *pp_game_obs(const pp_game *game);

#ifdef __cplusplus
}
#endif

#endif
