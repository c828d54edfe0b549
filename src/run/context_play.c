/* The loop over runs; see context_play.h. All runs of a batch step together, so the network sees
   one batch per step. */
#include "run/context_play.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "env/vec.h"
#include "method/method.h"
#include "run/board.h"

enum { RECENT = 10 }; /* episodes of each run that the progress line averages */

typedef struct context_player {
    const ppi_context_request *request;
    ppi_context_lives *lives;
    ppi_episode_rules rules;
    ppi_vec *vec;
    int64_t first; /* run of environment 0 */
    int n;         /* runs of this batch */
    int live_count;
    uint8_t *live;    /* [n] */
    int32_t *actions; /* [n] */
    uint64_t *seeds;  /* [n] */
    int64_t *episode; /* [n] index of the running episode */
    int64_t finished; /* episodes of all batches */
    int64_t shown;    /* decisions when the progress was shown last */
    ppi_progress progress;
} context_player;

void ppi_context_lives_free(ppi_context_lives *lives) {
    ppi_free(lives->ret);
    ppi_free(lives->length);
    ppi_free(lives->reward);
    *lives = (ppi_context_lives){0};
}

static pp_status check_actions(const ppi_agent *agent, const pp_env_spec *spec) {
    const ppi_action_spec *a = &agent->cfg.actions;
    if (a->count == 0 && spec->action_count == PP_ENV_ACTIONS) return PP_OK;
    if (a->count == spec->min_actions &&
        memcmp(a->list, spec->action_list, (size_t)a->count * sizeof *a->list) == 0)
        return PP_OK;
    return ppi_fail(PP_ERR_SHAPE,
                    "%s has %d actions, the agent chooses among %d%s; it plays environments with "
                    "the spaces it was trained on",
                    spec->id, spec->min_actions, a->count == 0 ? PP_ENV_ACTIONS : a->count,
                    a->count == spec->min_actions ? " others" : "");
}

/* The component whose largest value differs, -1 for none. */
static int other_component(const ppi_obs_spec *want, const pp_env_spec *spec) {
    for (int i = 0; want->type == PP_OBS_CELLS && i < spec->obs_c; i++) {
        if (want->high[i] != spec->obs_high[i]) return i;
    }
    return -1;
}

pp_status ppi_context_check_spaces(const ppi_agent *agent, const pp_env_spec *spec) {
    const ppi_obs_spec *want = &agent->cfg.obs;
    if (!ppi_board_same(want, spec)) {
        return ppi_fail(PP_ERR_SHAPE,
                        "%s shows %dx%dx%d observations (view %s), the agent was trained on "
                        "%" PRId64 "x%" PRId64 "x%" PRId64 " (view %s)",
                        spec->id, spec->obs_h, spec->obs_w, spec->obs_c, spec->view, want->h,
                        want->w, want->c, want->view);
    }
    const int other = other_component(want, spec);
    if (other >= 0) {
        return ppi_fail(PP_ERR_SHAPE,
                        "%s shows values up to %d in component %d of its observations (view %s), "
                        "the agent was trained on values up to %d",
                        spec->id, spec->obs_high[other], other, spec->view, want->high[other]);
    }
    return check_actions(agent, spec);
}

static const uint8_t *row(const context_player *p, const uint8_t *obs, int i) {
    return obs + (int64_t)i * ppi_vec_obs_size(p->vec);
}

/* Environments of the present batch, each with its run's task. */
static pp_status open_batch(context_player *p) {
    const ppi_context_request *q = p->request;
    const char **ids = ppi_calloc((size_t)p->n, sizeof *ids);
    if (ids == NULL) return ppi_oom("the environments of a batch of runs");
    for (int i = 0; i < p->n; i++) {
        ids[i] = q->env;
        p->seeds[i] = q->seed + (uint64_t)(p->first + i);
        p->episode[i] = 0;
        p->live[i] = 1;
    }
    p->live_count = p->n;
    const ppi_vec_config config = {.ids = ids,
                                   .count = p->n,
                                   .options = q->env_options,
                                   .tasks = q->tasks + p->first,
                                   .threads = q->threads,
                                   .autoreset = PPI_AUTORESET_SAME_STEP};
    ppi_vec_destroy(p->vec);
    p->vec = NULL;
    const pp_status s = ppi_vec_open(&p->vec, &config);
    ppi_free(ids);
    PPI_TRY(s);
    return ppi_vec_reset_all(p->vec, p->seeds);
}

/* Empty contexts, prompts where there are some, and the first observations. */
static pp_status begin_batch(context_player *p) {
    const ppi_context_request *q = p->request;
    const pp_env_spec *spec = ppi_vec_spec(p->vec, 0);
    uint8_t legal[PP_ENV_ACTIONS] = {0};
    PPI_TRY(ppi_context_check_spaces(q->agent, spec));
    for (int k = 0; k < spec->min_actions; k++) legal[spec->action_list[k]] = 1;
    PPI_TRY(ppi_agent_act_begin(q->agent, p->n));
    for (int i = 0; i < p->n; i++) {
        PPI_TRY(ppi_agent_act_game(q->agent, i, q->game, legal));
        PPI_TRY(ppi_agent_act_task(q->agent, i, (uint64_t)(p->first + i)));
        if (q->prompts != NULL)
            PPI_TRY(ppi_agent_act_prompt(q->agent, i, &q->prompts[p->first + i]));
        PPI_TRY(ppi_agent_act_reset(q->agent, i, row(p, ppi_vec_obs(p->vec), i), 0));
    }
    return PP_OK;
}

/* Room for the rewards of every step of runs that are one episode. */
static pp_status grow_rewards(ppi_context_lives *l, int64_t steps) {
    if (steps <= l->life) return PP_OK;
    const int64_t life = steps > 2 * l->life ? steps : 2 * l->life;
    double *reward = ppi_calloc((size_t)(l->runs * life), sizeof *reward);
    if (reward == NULL) return ppi_oom("the rewards of runs of one episode");
    for (int64_t r = 0; r < l->runs && l->reward != NULL; r++)
        memcpy(reward + r * life, l->reward + r * l->life, (size_t)l->life * sizeof *reward);
    ppi_free(l->reward);
    l->reward = reward;
    l->life = life;
    return PP_OK;
}

/* Books one step of environment i and tells the agent. */
static pp_status book(context_player *p, int i) {
    const ppi_context_request *q = p->request;
    ppi_context_lives *l = p->lives;
    const int64_t run = p->first + i;
    const int64_t at = run * l->episodes + p->episode[i];
    const double reward = ppi_vec_reward(p->vec)[i];
    const bool ended = ppi_vec_terminated(p->vec)[i] != 0 || ppi_vec_truncated(p->vec)[i] != 0;
    const double counted = ended && p->rules.drop_last_reward ? 0 : reward;
    l->ret[at] += counted;
    if (l->episodes == 1) {
        PPI_TRY(grow_rewards(l, l->length[at] + 1));
        l->reward[run * l->life + l->length[at]] = counted;
    }
    l->length[at]++;
    l->decisions++;
    const uint8_t *obs = ended ? ppi_vec_final_obs(p->vec) : ppi_vec_obs(p->vec);
    PPI_TRY(ppi_agent_observe(q->agent, i, p->actions[i], reward, row(p, obs, i)));
    if (!ended) return PP_OK;
    p->finished++;
    if (++p->episode[i] == l->episodes) {
        p->live[i] = 0;
        p->live_count--;
        return PP_OK;
    }
    return ppi_agent_act_reset(q->agent, i, row(p, ppi_vec_obs(p->vec), i),
                               (uint64_t)p->episode[i]);
}

/* Mean return of the last finished episodes of each run of the batch. */
static double recent_mean(const context_player *p) {
    double sum = 0;
    int64_t count = 0;
    for (int i = 0; i < p->n; i++) {
        const double *ret = p->lives->ret + (p->first + i) * p->lives->episodes;
        const int64_t end = p->episode[i];
        for (int64_t e = end > RECENT ? end - RECENT : 0; e < end; e++, count++) sum += ret[e];
    }
    return count > 0 ? sum / (double)count : 0;
}

static void show(context_player *p) {
    char note[96];
    if (p->request->progress == NULL || p->lives->decisions - p->shown < 256) return;
    p->shown = p->lives->decisions;
    snprintf(note, sizeof note, "last %d episodes %.4g, %" PRId64 " steps", RECENT, recent_mean(p),
             p->lives->decisions);
    ppi_progress_update(&p->progress, p->finished, note);
}

static pp_status play_batch(context_player *p) {
    PPI_TRY(open_batch(p));
    PPI_TRY(begin_batch(p));
    while (p->live_count > 0) {
        if (ppi_interrupted())
            return ppi_fail(PP_ERR_INTERRUPTED, "stopped while evaluating on %s; nothing written",
                            p->request->env);
        PPI_TRY(ppi_agent_act(p->request->agent, p->live, p->actions));
        PPI_TRY(ppi_vec_step(p->vec, p->actions, p->live));
        for (int i = 0; i < p->n; i++) {
            if (p->live[i]) PPI_TRY(book(p, i));
        }
        show(p);
    }
    return PP_OK;
}

static pp_status prepare(context_player *p, int most) {
    const ppi_context_request *q = p->request;
    ppi_context_lives *l = p->lives;
    const size_t cells = (size_t)q->runs * (size_t)q->episodes;
    ppi_env_options plain;
    ppi_env_options_default(&plain);
    PPI_TRY(
        ppi_episode_rules_for(&p->rules, q->env, q->env_options != NULL ? q->env_options : &plain));
    l->runs = q->runs;
    l->episodes = q->episodes;
    l->ret = ppi_calloc(cells, sizeof *l->ret);
    l->length = ppi_calloc(cells, sizeof *l->length);
    p->live = ppi_calloc((size_t)most, sizeof *p->live);
    p->actions = ppi_calloc((size_t)most, sizeof *p->actions);
    p->seeds = ppi_calloc((size_t)most, sizeof *p->seeds);
    p->episode = ppi_calloc((size_t)most, sizeof *p->episode);
    if (l->ret == NULL || l->length == NULL || p->live == NULL || p->actions == NULL ||
        p->seeds == NULL || p->episode == NULL)
        return ppi_oom("an in-context evaluation");
    return PP_OK;
}

/* The longest episode ends the table of rewards. */
static void trim_rewards(ppi_context_lives *l) {
    int64_t life = 0;
    if (l->reward == NULL) return;
    for (int64_t r = 0; r < l->runs; r++) life = l->length[r] > life ? l->length[r] : life;
    for (int64_t r = 0; r < l->runs; r++)
        memmove(l->reward + r * life, l->reward + r * l->life, (size_t)life * sizeof *l->reward);
    l->life = life;
}

pp_status ppi_context_play(const ppi_context_request *q, ppi_context_lives *out) {
    *out = (ppi_context_lives){0};
    if (q->runs < 1 || q->episodes < 1) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%" PRId64 " runs of %" PRId64 " episodes asked for, expected 1 or more",
                        q->runs, q->episodes);
    }
    context_player p = {.request = q, .lives = out};
    const double start = ppi_clock_seconds();
    const int64_t most = q->envs < 1 ? 1 : q->envs < q->runs ? q->envs : q->runs;
    pp_status s = prepare(&p, (int)most);
    if (q->progress != NULL)
        ppi_progress_start(&p.progress, q->progress, "episodes", q->runs * q->episodes, 0);
    while (s == PP_OK && p.first < q->runs) {
        p.n = (int)(q->runs - p.first < most ? q->runs - p.first : most);
        s = play_batch(&p);
        p.first += p.n;
    }
    trim_rewards(out);
    out->wall = ppi_clock_seconds() - start;
    ppi_vec_destroy(p.vec);
    ppi_free(p.live);
    ppi_free(p.actions);
    ppi_free(p.seeds);
    ppi_free(p.episode);
    if (s != PP_OK) ppi_context_lives_free(out);
    return s;
}
