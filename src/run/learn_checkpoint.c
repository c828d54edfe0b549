/* Checkpoints of a learner; see learn_checkpoint.h. */
#include "run/learn_checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

void ppi_learn_checkpoint_state(ppi_checkpoint_state *state, const ppi_learn *l,
                                const ppi_learn_facts *facts) {
    const ppi_learn_games *games = ppi_learn_games_of(l);
    const ppi_agent_config *cfg = &ppi_learn_agent(l)->cfg;
    state->step = ppi_learn_steps(l);
    state->seed = cfg->seed;
    state->wall = facts->wall;
    state->agent_steps = ppi_learn_steps(l);
    state->emulator_frames = ppi_learn_frames(l);
    state->best_score = facts->best_score;
    state->best_step = facts->best_step;
    state->policy = cfg->policy;
    state->obs = games->obs;
    state->online = true;
    state->actions = games->actions;
    state->task = facts->task;
    state->n_games = games->count;
    for (int g = 0; g < games->count; g++) {
        const pp_env_spec *spec = &games->spec[g];
        ppi_learn_stats stats;
        ppi_learn_statistics(l, g, &stats);
        snprintf(state->games[g], sizeof state->games[g], "%.63s", spec->id);
        state->board[g][0] = spec->obs_h;
        state->board[g][1] = spec->obs_w;
        state->board[g][2] = spec->obs_c;
        state->game_return[g] = stats.mean_return;
    }
}

pp_status ppi_learn_checkpoint_write(char *folder, const char *run_dir, ppi_learn *l,
                                     const ppi_learn_log *log, const ppi_learn_facts *facts,
                                     const ppi_options *options, int64_t keep) {
    ppi_buf bytes = {0};
    ppi_checkpoint_state *state = ppi_calloc(1, sizeof *state);
    if (state == NULL) return ppi_oom("the facts of a checkpoint");
    pp_status s = log != NULL ? ppi_learn_log_sync(log, l) : PP_OK;
    if (s == PP_OK) s = ppi_learn_save(l, &bytes);
    if (s == PP_OK) {
        ppi_learn_checkpoint_state(state, l, facts);
        state->learner = &bytes;
        s = ppi_checkpoint_write(folder, run_dir, state, ppi_learn_agent(l), options, keep);
    }
    ppi_buf_free(&bytes);
    ppi_free(state);
    return s;
}

pp_status ppi_learn_checkpoint_read(const ppi_checkpoint *ck, ppi_learn *l, ppi_learn_log *log) {
    char *data = NULL;
    size_t size = 0;
    ppi_agent *agent = ppi_learn_agent(l);
    PPI_TRY(ppi_checkpoint_learner(ck, &data, &size));
    pp_status s = ppi_checkpoint_load(ck, ppi_agent_params(agent), true);
    if (s == PP_OK) {
        ppi_agent_params_changed(agent);
        s = ppi_learn_load(l, data, size);
        if (s != PP_OK) ppi_fail_context(s, "checkpoint '%s'", ck->folder);
    }
    ppi_free(data);
    if (s != PP_OK || log == NULL) return s;
    s = ppi_learn_log_resume(log, l);
    return s == PP_OK ? s : ppi_fail_context(s, "resuming from '%s'", ck->folder);
}
