/* The public calls of polyplay/agent.h: one agent in one environment. */
#include <polyplay/agent.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "env/vec.h"
#include "run/board.h"
#include "run/load.h"
#include "run/train.h"

struct pp_agent {
    ppi_options *set;
    ppi_loaded loaded;
};

struct pp_game {
    ppi_vec *vec;
    ppi_obs_spec obs; /* of the agent */
    uint8_t *padded;  /* what the agent sees, NULL when it is what the game shows */
};

/* Refuses a missing argument of a public call. */
#define NEED(pointer)                                                                              \
    do {                                                                                           \
        if ((pointer) == NULL) {                                                                   \
            return ppi_fail(PP_ERR_ARGUMENT, "%s: " #pointer " is NULL", __func__);                \
        }                                                                                          \
    } while (0)

static pp_status open_agent(pp_agent *a, const char *run, uint64_t seed) {
    PPI_TRY(ppi_options_create(&a->set));
    PPI_TRY(ppi_loaded_open(&a->loaded, run, a->set));
    if (a->loaded.random)
        return ppi_fail(PP_ERR_NOT_FOUND, "there is no run or checkpoint folder '%s'", run);
    PPI_TRY(ppi_loaded_create(&a->loaded, a->set, "", seed, PPI_DTYPE_AUTO, ppi_thread_count(0)));
    PPI_TRY(ppi_agent_act_begin(a->loaded.agent, 1));
    return ppi_agent_in_context(a->loaded.agent) ? ppi_agent_act_task(a->loaded.agent, 0, 0) : PP_OK;
}

pp_status pp_agent_open(pp_agent **out, const char *run, uint64_t seed) {
    NEED(out);
    *out = NULL;
    NEED(run);
    pp_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    const pp_status s = open_agent(a, run, seed);
    if (s != PP_OK) {
        pp_agent_close(a);
        return s;
    }
    *out = a;
    return PP_OK;
}

void pp_agent_close(pp_agent *agent) {
    if (agent == NULL) return;
    ppi_loaded_close(&agent->loaded);
    ppi_options_destroy(agent->set);
    ppi_free(agent);
}

pp_status pp_agent_begin(pp_agent *agent, const uint8_t *obs, uint64_t episode) {
    NEED(agent);
    NEED(obs);
    return ppi_agent_act_reset(agent->loaded.agent, 0, obs, episode);
}

pp_status pp_agent_act(pp_agent *agent, int32_t *action) {
    NEED(agent);
    NEED(action);
    return ppi_agent_act(agent->loaded.agent, NULL, action);
}

pp_status pp_agent_observe(pp_agent *agent, int32_t action, double reward, const uint8_t *obs) {
    NEED(agent);
    NEED(obs);
    return ppi_agent_observe(agent->loaded.agent, 0, action, reward, obs);
}

static pp_status open_game(pp_game *g, const char *id, const pp_agent *agent) {
    ppi_env_options env;
    ppi_env_options_default(&env);
    if (agent != NULL)
        snprintf(env.view, sizeof env.view, "%s", agent->loaded.checkpoint.state.obs.view);
    PPI_TRY(ppi_vec_create(&g->vec, &id, 1, &env, 1));
    if (agent == NULL) return PP_OK;
    const pp_env_spec *spec = ppi_vec_spec(g->vec, 0);
    uint8_t legal[PP_ENV_ACTIONS] = {0};
    g->obs = agent->loaded.checkpoint.state.obs;
    for (int k = 0; k < spec->min_actions; k++) legal[spec->action_list[k]] = 1;
    PPI_TRY(ppi_agent_act_game(agent->loaded.agent, 0, ppi_loaded_game(&agent->loaded, id), legal));
    if (ppi_board_same(&g->obs, spec)) return PP_OK;
    if (!ppi_loaded_pads(&agent->loaded)) {
        return ppi_fail(PP_ERR_SHAPE,
                        "%s shows %dx%dx%d observations, the agent was trained on %dx%dx%d", id,
                        spec->obs_h, spec->obs_w, spec->obs_c, (int)g->obs.h, (int)g->obs.w,
                        (int)g->obs.c);
    }
    PPI_TRY(ppi_board_check(&g->obs, spec));
    g->padded = ppi_calloc(1, (size_t)ppi_obs_bytes(&g->obs));
    return g->padded == NULL ? ppi_oom("a padded board") : PP_OK;
}

pp_status pp_game_open(pp_game **out, const char *id, const pp_agent *agent) {
    NEED(out);
    *out = NULL;
    NEED(id);
    pp_game *g = ppi_calloc(1, sizeof *g);
    if (g == NULL) return ppi_oom("a game");
    const pp_status s = open_game(g, id, agent);
    if (s != PP_OK) {
        pp_game_close(g);
        return s;
    }
    *out = g;
    return PP_OK;
}

void pp_game_close(pp_game *game) {
    if (game == NULL) return;
    if (game->vec != NULL) ppi_vec_destroy(game->vec);
    ppi_free(game->padded);
    ppi_free(game);
}

const pp_env_spec *pp_game_spec(const pp_game *game) {
    return ppi_vec_spec(game->vec, 0);
}

pp_status pp_game_reset(pp_game *game, uint64_t seed) {
    NEED(game);
    return ppi_vec_reset(game->vec, 0, seed);
}

pp_status pp_game_step(pp_game *game, int32_t action, pp_env_result *result) {
    NEED(game);
    NEED(result);
    PPI_TRY(ppi_vec_step(game->vec, &action, NULL));
    *result = (pp_env_result){
        .reward = ppi_vec_reward(game->vec)[0],
        .terminated = ppi_vec_terminated(game->vec)[0],
        .truncated = ppi_vec_truncated(game->vec)[0],
        .lives = ppi_vec_lives(game->vec)[0],
        .frames = ppi_vec_frames(game->vec)[0],
    };
    return PP_OK;
}

const uint8_t *pp_game_obs(const pp_game *game) {
    const uint8_t *native = ppi_vec_obs(game->vec);
    if (game->padded == NULL) return native;
    ppi_board_pad(game->padded, &game->obs, native, ppi_vec_spec(game->vec, 0));
    return game->padded;
}
