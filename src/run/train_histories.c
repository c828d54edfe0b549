/* Training on learning histories: what the agent sees of the stored observations, what it chooses
   among, and what the run says about its data. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/history_windows.h"
#include "env/registry.h"
#include "run/learn.h"
#include "run/train_job.h"

static ppi_obs_spec stored_obs(const ppi_store_meta *meta) {
    ppi_obs_spec obs = {
        .h = meta->height, .w = meta->width, .c = meta->channels, .type = meta->obs_type};
    snprintf(obs.view, sizeof obs.view, "%s", meta->view);
    if (obs.type == PP_OBS_CELLS) memcpy(obs.high, meta->cell_high, sizeof obs.high);
    return obs;
}

/* What the environment of a dataset shows under a view; empty = its first one. */
static pp_status obs_of_view(ppi_obs_spec *out, const ppi_store_meta *meta, const char *view) {
    static const int64_t native[3] = {0, 0, 0};
    char id[1][PP_ENV_ID_BYTES];
    ppi_env_options env;
    ppi_learn_games games;
    ppi_env_options_default(&env);
    snprintf(id[0], sizeof id[0], "%.63s", meta->env);
    snprintf(env.view, sizeof env.view, "%s", view);
    snprintf(env.reading, sizeof env.reading, "%s", meta->reading);
    env.mode = meta->mode;
    PPI_TRY(ppi_learn_games_open(&games, id, 1, &env, native));
    *out = games.obs;
    ppi_learn_games_free(&games);
    return PP_OK;
}

/* True when the components of `less` are the first ones of `more`. */
static bool is_part(const ppi_obs_spec *less, const ppi_obs_spec *more) {
    return less->type == PP_OBS_CELLS && more->type == PP_OBS_CELLS && less->c <= more->c &&
           memcmp(less->high, more->high, (size_t)less->c * sizeof less->high[0]) == 0;
}

/* The view the agent gets: the one asked for, else the environment's first where the stored cells
   begin with it, else the stored one. */
static pp_status settle_view(ppi_obs_spec *obs, const ppi_dataset *d, const char *asked) {
    const ppi_store_meta *meta = ppi_dataset_meta(d);
    ppi_obs_spec shown;
    *obs = stored_obs(meta);
    if (strcmp(asked, obs->view) == 0) return PP_OK;
    const bool can_ask = obs->type == PP_OBS_CELLS && ppi_env_known(meta->env);
    if (!can_ask && asked[0] == '\0') return PP_OK;
    if (can_ask) {
        PPI_TRY(obs_of_view(&shown, meta, asked));
        if (is_part(&shown, obs)) {
            *obs = shown;
            return PP_OK;
        }
        if (asked[0] == '\0') return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT,
                    "data.view %s: %s holds view %s, which does not begin with the components of "
                    "that one; collect it with --env.view %s",
                    asked, ppi_dataset_folder(d), meta->view, asked);
}

static pp_status settle_actions(ppi_action_spec *actions, const ppi_dataset *d) {
    const ppi_store_meta *meta = ppi_dataset_meta(d);
    memset(actions, 0, sizeof *actions);
    actions->count = meta->min_actions > 0 ? meta->min_actions : meta->actions;
    if (actions->count > PP_ENV_ACTIONS) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "%s has %d actions, agents choose among %d at most",
                        ppi_dataset_folder(d), actions->count, PP_ENV_ACTIONS);
    }
    for (int32_t i = 0; i < actions->count; i++) {
        actions->list[i] = meta->min_actions > 0 ? meta->action_list[i] : i;
    }
    return PP_OK;
}

pp_status ppi_train_histories_specs(ppi_train_job *job, ppi_dataset *const *datasets, int count,
                                    ppi_obs_spec *obs, ppi_action_spec *actions) {
    const ppi_dataset *first = datasets[0];
    PPI_TRY(ppi_history_windows_check(datasets, count));
    PPI_TRY(settle_view(obs, first, job->run.data_view));
    job->sampler_options.histories = true;
    if (obs->c < ppi_dataset_info(first)->channels) job->sampler_options.components = obs->c;
    PPI_TRY(ppi_options_set(job->set, "data.view", obs->view, "data"));
    return settle_actions(actions, first);
}

static void add_left_out(ppi_buf *out, int64_t count, const char *why) {
    if (count > 0) ppi_buf_printf(out, ", %" PRId64 " left out %s", count, why);
}

pp_status ppi_train_histories_text(ppi_buf *out, const ppi_sampler *sampler, int64_t window) {
    char why[64];
    snprintf(why, sizeof why, "as shorter than a window of %" PRId64 " steps", window);
    for (int i = 0; i < ppi_sampler_game_count(sampler); i++) {
        const ppi_sampler_game_info *g = ppi_sampler_game(sampler, i);
        ppi_buf_printf(out,
                       "%sdata %s: %" PRId64 " histories of %" PRId64 " tasks, %" PRId64
                       " episodes, %" PRId64 " steps, %" PRId64 " windows, mean return %.4g",
                       i > 0 ? "\n" : "", g->env, g->histories, g->tasks, g->episodes, g->steps,
                       g->windows, g->mean_return);
        add_left_out(out, g->short_histories, why);
        add_left_out(out, g->poor_histories, "below data.min-return");
    }
    return out->failed;
}
