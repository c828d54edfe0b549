/* Agents out of folders. */
#include "run/load.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "run/method_options.h"
#include "run/train.h"

pp_status ppi_loaded_open(ppi_loaded *out, const char *run, ppi_options *set) {
    memset(out, 0, sizeof *out);
    if (strcmp(run, "random") == 0 && !ppi_dir_exists(run)) {
        out->random = true;
        return PP_OK;
    }
    PPI_TRY(ppi_checkpoint_open(&out->checkpoint, run, true));
    const pp_status s = ppi_method_options_new(&out->options, out->checkpoint.method, set);
    if (s != PP_OK) ppi_loaded_close(out);
    return s;
}

pp_status ppi_loaded_select(ppi_loaded *l, const char *run, const char *which) {
    ppi_checkpoint chosen;
    if (which[0] == '\0') return PP_OK;
    if (l->random) {
        return ppi_fail(PP_ERR_ARGUMENT, "checkpoint '%s' of the policy random, which has none",
                        which);
    }
    PPI_TRY(ppi_checkpoint_open_named(&chosen, run, which, true));
    if (chosen.method != l->checkpoint.method) {
        ppi_checkpoint_close(&chosen);
        return ppi_fail(PP_ERR_ARGUMENT, "'%s' is of another method than the rest of '%s'",
                        chosen.folder, run);
    }
    ppi_checkpoint_close(&l->checkpoint);
    l->checkpoint = chosen;
    return PP_OK;
}

/* Small networks act in the arithmetic they learned in unless told otherwise. */
static ppi_dtype_policy policy_of(const ppi_checkpoint_state *state, int dtype) {
    if (dtype == PPI_DTYPE_AUTO && (state->online || state->histories)) return state->policy;
    return ppi_dtype_is_bf16(dtype) ? PPI_DTYPE_POLICY_BF16 : PPI_DTYPE_POLICY_F32;
}

pp_status ppi_loaded_create(ppi_loaded *l, ppi_options *set, const char *preset, uint64_t seed,
                            int dtype, int threads) {
    if (l->random) return PP_OK;
    const ppi_method *method = l->checkpoint.method;
    if (preset != NULL && preset[0] != '\0') {
        char name[64];
        snprintf(name, sizeof name, "%s.preset", method->name);
        PPI_TRY(ppi_options_set(set, name, preset, "preset"));
    }
    PPI_TRY(ppi_checkpoint_options(&l->checkpoint, set));
    PPI_TRY(ppi_method_apply_recipe(method, set, l->checkpoint.state.size));
    const ppi_agent_config cfg = {
        .method = method,
        .size = l->checkpoint.state.size,
        .options = l->options,
        .obs = l->checkpoint.state.obs,
        .seed = seed,
        .policy = policy_of(&l->checkpoint.state, dtype),
        .threads = threads,
        .actions = l->checkpoint.state.actions,
        .env = l->checkpoint.state.n_games == 1 ? l->checkpoint.state.games[0] : NULL,
        .games = l->checkpoint.state.online ? (int32_t)l->checkpoint.state.n_games : 0,
    };
    PPI_TRY(ppi_agent_create(&l->agent, &cfg));
    PPI_TRY(ppi_checkpoint_load(&l->checkpoint, ppi_agent_params(l->agent), false));
    ppi_agent_params_changed(l->agent);
    return PP_OK;
}

void ppi_loaded_close(ppi_loaded *l) {
    if (l->agent != NULL) ppi_agent_destroy(l->agent);
    ppi_free(l->options);
    ppi_checkpoint_close(&l->checkpoint);
    memset(l, 0, sizeof *l);
}

int32_t ppi_loaded_game(const ppi_loaded *l, const char *env_id) {
    const ppi_checkpoint_state *state = &l->checkpoint.state;
    for (int64_t i = 0; !l->random && state->online && i < state->n_games; i++) {
        if (strcmp(state->games[i], env_id) == 0) return (int32_t)i;
    }
    return -1;
}

bool ppi_loaded_pads(const ppi_loaded *l) {
    const ppi_checkpoint_state *state = &l->checkpoint.state;
    if (l->random || state->obs.type != PP_OBS_PLANES) return false;
    for (int64_t i = 0; i < state->n_games; i++) {
        const int32_t *board = state->board[i];
        if (board[0] == 0) continue; /* not recorded: it is the agent's own */
        if (board[0] != state->obs.h || board[1] != state->obs.w || board[2] != state->obs.c)
            return true;
    }
    return false;
}

pp_status ppi_protocol_apply(ppi_env_options *env, const ppi_options *set, const ppi_loaded *l,
                             const char *env_id, const char **name) {
    ppi_episode_rules rules;
    if (!l->random && !ppi_options_was_set(set, "env.view")) {
        snprintf(env->view, sizeof env->view, "%s", l->checkpoint.state.obs.view);
    }
    if (!l->random && !ppi_options_was_set(set, "env.task") && ppi_loaded_game(l, env_id) >= 0) {
        env->task = l->checkpoint.state.task;
    }
    *name = ppi_protocol_name(ppi_protocol_in_force(env_id, env->protocol));
    return ppi_episode_rules_for(&rules, env_id, env);
}

pp_status ppi_acting_open(ppi_acting *a, const char *run, const ppi_option_table *table, void *options) {
    if (snprintf(a->run, sizeof a->run, "%s", run) >= (int)sizeof a->run) {
        return ppi_fail(PP_ERR_ARGUMENT, "the path '%.200s...' is too long", run);
    }
    PPI_TRY(ppi_options_create(&a->set));
    PPI_TRY(ppi_options_bind(a->set, table, options));
    PPI_TRY(ppi_options_bind(a->set, &ppi_env_option_table, &a->env));
    return ppi_loaded_open(&a->loaded, run, a->set);
}

void ppi_acting_close(ppi_acting *a) {
    ppi_loaded_close(&a->loaded);
    ppi_options_destroy(a->set);
}
