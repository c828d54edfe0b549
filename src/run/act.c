/* Playing episodes: the loop that evaluation, `play` and the acting benchmark share. */
#include "run/act.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/signal.h"
#include "env/vec.h"
#include "method/method.h"
#include "run/board.h"
#include "run/context_play.h"

/* What one environment is busy with. */
typedef struct slot {
    int64_t episode; /* index of the episode, -1 = none left */
    ppi_rng rng;     /* random play */
} slot;

typedef struct player {
    const ppi_play_request *request;
    ppi_episode_rules rules;
    ppi_vec *vec;
    ppi_episode_result *results;
    slot *slots;
    uint8_t *live;    /* [n] */
    int32_t *actions; /* [n] */
    uint8_t *rgb;     /* a picture, when frames are wanted */
    uint8_t *padded;  /* [n, obs of the agent], NULL when it sees what the game shows */
    bool in_context;  /* the agent remembers its earlier episodes */
    int n;
    int64_t next; /* episode to start next */
    int64_t end;  /* episodes to play with these environments */
    int64_t finished;
    int64_t decisions;
    double sum; /* of finished returns */
} player;

/* FNV-1a over the bytes of actions and rewards. */
static uint64_t digest(uint64_t hash, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

static const uint8_t *observation(const player *p, int i) {
    const uint8_t *native = ppi_vec_obs(p->vec) + (int64_t)i * ppi_vec_obs_size(p->vec);
    if (p->padded == NULL) return native;
    const ppi_obs_spec *obs = &p->request->agent->cfg.obs;
    uint8_t *row = p->padded + i * ppi_obs_bytes(obs);
    ppi_board_pad(row, obs, native, ppi_vec_spec(p->vec, i));
    return row;
}

static pp_status start_episode(player *p, int i) {
    slot *s = &p->slots[i];
    p->live[i] = 0;
    s->episode = -1;
    if (p->next >= p->end) return PP_OK;
    const int64_t e = p->next++;
    const uint64_t seed = p->request->seed + (uint64_t)e;
    PPI_TRY(ppi_vec_reset(p->vec, i, seed));
    if (p->request->agent != NULL) {
        PPI_TRY(ppi_agent_act_reset(p->request->agent, i, observation(p, i), (uint64_t)e));
    }
    ppi_rng_init(&s->rng, p->request->seed, PPI_RNG_ACT, (uint64_t)e);
    p->results[e] = (ppi_episode_result){.seed = seed, .digest = 14695981039346656037u};
    s->episode = e;
    p->live[i] = 1;
    return PP_OK;
}

static pp_status choose(player *p) {
    if (p->request->agent != NULL) return ppi_agent_act(p->request->agent, p->live, p->actions);
    for (int i = 0; i < p->n; i++) {
        if (!p->live[i]) continue;
        const pp_env_spec *spec = ppi_vec_spec(p->vec, i);
        p->actions[i] =
            spec->action_list[ppi_rng_below(&p->slots[i].rng, (uint64_t)spec->min_actions)];
    }
    return PP_OK;
}

static pp_status show(player *p, int i, int32_t action) {
    if (p->request->frame == NULL) return PP_OK;
    const pp_env_spec *spec = ppi_vec_spec(p->vec, i);
    const ppi_episode_result *r = &p->results[p->slots[i].episode];
    PPI_TRY(ppi_vec_render(p->vec, i, p->rgb));
    return p->request->frame(p->request->frame_ctx, p->rgb, spec->render_h, spec->render_w,
                             r->steps, action, r->ret);
}

/* Books the outcome of one step of environment i. */
static pp_status book(player *p, int i) {
    ppi_episode_result *r = &p->results[p->slots[i].episode];
    const double reward = ppi_vec_reward(p->vec)[i];
    const bool terminated = ppi_vec_terminated(p->vec)[i] != 0;
    const bool ended = terminated || ppi_vec_truncated(p->vec)[i] != 0;
    if (!ended || !p->rules.drop_last_reward) r->ret += reward;
    r->final_reward = reward;
    r->steps++;
    r->frames += ppi_vec_frames(p->vec)[i];
    r->digest =
        digest(digest(r->digest, &p->actions[i], sizeof p->actions[i]), &reward, sizeof reward);
    p->decisions++;
    if (p->request->agent != NULL && (!ended || p->in_context))
        PPI_TRY(ppi_agent_observe(p->request->agent, i, p->actions[i], reward, observation(p, i)));
    if (!ended) return PP_OK;
    r->terminated = terminated;
    p->finished++;
    p->sum += r->ret;
    PPI_TRY(show(p, i, -1));
    return start_episode(p, i);
}

static pp_status play_steps(player *p, ppi_progress *progress) {
    char note[64];
    for (int i = 0; i < p->n; i++) PPI_TRY(start_episode(p, i));
    while (p->finished < p->end) {
        if (ppi_interrupted())
            return ppi_fail(PP_ERR_INTERRUPTED, "stopped while playing %s", p->request->env);
        PPI_TRY(choose(p));
        for (int i = 0; i < p->n; i++) {
            if (p->live[i]) PPI_TRY(show(p, i, p->actions[i]));
        }
        PPI_TRY(ppi_vec_step(p->vec, p->actions, p->live));
        for (int i = 0; i < p->n; i++) {
            if (p->live[i]) PPI_TRY(book(p, i));
        }
        if (progress == NULL) continue;
        snprintf(note, sizeof note, "mean %.4g, %" PRId64 " steps",
                 p->finished > 0 ? p->sum / (double)p->finished : 0.0, p->decisions);
        ppi_progress_update(progress, p->finished, note);
    }
    return PP_OK;
}

/* Environments of the present episodes. An environment plays one task all its life, so with tasks
   each plays one episode and the next ones get environments of their own. */
static pp_status open_vec(player *p) {
    const ppi_play_request *q = p->request;
    const char **ids = ppi_calloc((size_t)p->n, sizeof *ids);
    int64_t *tasks = q->tasks != NULL ? ppi_calloc((size_t)p->n, sizeof *tasks) : NULL;
    pp_status s = ids == NULL || (q->tasks != NULL && tasks == NULL)
                      ? ppi_oom("the environments' tasks")
                      : PP_OK;
    for (int i = 0; i < p->n && s == PP_OK; i++) {
        ids[i] = q->env;
        if (tasks != NULL) tasks[i] = ppi_tasks_pick(q->tasks, p->next + i);
    }
    const ppi_vec_config config = {.ids = ids,
                                   .count = p->n,
                                   .options = q->env_options,
                                   .tasks = tasks,
                                   .threads = q->threads,
                                   .autoreset = PPI_AUTORESET_DISABLED};
    ppi_vec_destroy(p->vec);
    p->vec = NULL;
    if (s == PP_OK) s = ppi_vec_open(&p->vec, &config);
    ppi_free(ids);
    ppi_free(tasks);
    return s;
}

static pp_status play_all(player *p) {
    ppi_progress progress;
    const char *label = p->request->progress;
    const int64_t episodes = p->request->episodes;
    if (label != NULL) ppi_progress_start(&progress, label, "episodes", episodes, 0);
    while (p->finished < episodes) {
        p->end = p->request->tasks != NULL ? p->next + p->n : episodes;
        if (p->end > episodes) p->end = episodes;
        if (p->next > 0) PPI_TRY(open_vec(p));
        PPI_TRY(play_steps(p, label != NULL ? &progress : NULL));
    }
    return PP_OK;
}

/* What the agent must know of the game, and memory for padded boards. */
static pp_status prepare_agent(player *p) {
    const ppi_play_request *q = p->request;
    const ppi_obs_spec *want = &q->agent->cfg.obs;
    const pp_env_spec *spec = ppi_vec_spec(p->vec, 0);
    uint8_t legal[PP_ENV_ACTIONS] = {0};
    if (!q->pad && !ppi_board_same(want, spec)) {
        return ppi_fail(PP_ERR_SHAPE,
                        "%s shows %dx%dx%d observations, the agent was trained on %" PRId64
                        "x%" PRId64 "x%" PRId64 " (view %s)",
                        q->env, spec->obs_h, spec->obs_w, spec->obs_c, want->h, want->w, want->c,
                        want->view);
    }
    PPI_TRY(ppi_board_check(want, spec));
    if (!ppi_board_same(want, spec)) {
        p->padded = ppi_calloc((size_t)p->n, (size_t)ppi_obs_bytes(want));
        if (p->padded == NULL) return ppi_oom("padded boards");
    }
    for (int k = 0; k < spec->min_actions; k++) legal[spec->action_list[k]] = 1;
    p->in_context = ppi_agent_in_context(q->agent);
    if (p->in_context) PPI_TRY(ppi_context_check_spaces(q->agent, spec));
    PPI_TRY(ppi_agent_act_begin(q->agent, p->n));
    for (int i = 0; i < p->n; i++) {
        PPI_TRY(ppi_agent_act_game(q->agent, i, q->game, legal));
        if (p->in_context) PPI_TRY(ppi_agent_act_task(q->agent, i, (uint64_t)i));
    }
    return PP_OK;
}

static pp_status prepare(player *p) {
    const ppi_play_request *q = p->request;
    p->slots = ppi_calloc((size_t)p->n, sizeof *p->slots);
    p->live = ppi_calloc((size_t)p->n, sizeof *p->live);
    p->actions = ppi_calloc((size_t)p->n, sizeof *p->actions);
    if (p->slots == NULL || p->live == NULL || p->actions == NULL)
        return ppi_oom("the environments' slots");
    ppi_env_options plain;
    ppi_env_options_default(&plain);
    PPI_TRY(
        ppi_episode_rules_for(&p->rules, q->env, q->env_options != NULL ? q->env_options : &plain));
    PPI_TRY(open_vec(p));
    if (q->frame != NULL) {
        const pp_env_spec *spec = ppi_vec_spec(p->vec, 0);
        p->rgb = ppi_calloc((size_t)spec->render_h * (size_t)spec->render_w, 3);
        if (p->rgb == NULL) return ppi_oom("a picture");
    }
    return q->agent != NULL ? prepare_agent(p) : PP_OK;
}

pp_status ppi_play_episodes(const ppi_play_request *request, ppi_episode_result *results,
                            int64_t *decisions) {
    if (request->episodes < 1) {
        return ppi_fail(PP_ERR_ARGUMENT, "%" PRId64 " episodes asked for, expected 1 or more",
                        request->episodes);
    }
    player p = {.request = request, .results = results};
    p.n = request->envs < 1 ? 1 : request->envs > 1024 ? 1024 : request->envs;
    if (p.n > request->episodes) p.n = (int)request->episodes;
    if (request->frame != NULL) p.n = 1;
    pp_status s = prepare(&p);
    if (s == PP_OK) s = play_all(&p);
    if (decisions != NULL) *decisions = p.decisions;
    ppi_vec_destroy(p.vec);
    ppi_free(p.slots);
    ppi_free(p.live);
    ppi_free(p.actions);
    ppi_free(p.rgb);
    ppi_free(p.padded);
    return s;
}
