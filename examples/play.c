/* Plays one episode of a game with a trained agent: play RUN GAME */
#include <polyplay/polyplay.h>
#include <stdbool.h>
#include <stdio.h>

int main(int argc, char **argv) {
    pp_agent *agent = NULL;
    pp_game *game = NULL;
    pp_env_result result = {0};
    double score = 0;
    int32_t action = 0;
    int steps = 0;
    if (argc != 3) return fprintf(stderr, "usage: %s RUN GAME\n", argv[0]), 2;
    bool ok = !pp_agent_open(&agent, argv[1], 1) && !pp_game_open(&game, argv[2], agent) &&
              !pp_game_reset(game, 1) && !pp_agent_begin(agent, pp_game_obs(game), 0);
    for (; ok && !result.terminated && !result.truncated; score += result.reward, steps++) {
        ok = !pp_agent_act(agent, &action) && !pp_game_step(game, action, &result) &&
             !pp_agent_observe(agent, action, result.reward, pp_game_obs(game));
    }
    if (ok) printf("%s: return %g in %d steps\n", argv[2], score, steps);
    if (!ok) fprintf(stderr, "error: %s\n", pp_last_error());
    pp_game_close(game);
    pp_agent_close(agent);
    return ok ? 0 : 1;
}
