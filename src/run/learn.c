/* The loop that drives an online method; see learn.h.
 *
 * Games of equal shape share one vector of environments. Observations are handed to the agent as
 * they lie in the vector when there is one vector and nothing to pad or paint, and gathered
 * otherwise. */
#include "run/learn.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "env/scripted.h"
#include "env/vec.h"
#include "run/board.h"
#include "run/learn_internal.h"

/* ---- making ---------------------------------------------------------------------------------- */

static pp_status make_agent(ppi_learn *l) {
    const ppi_learn_config *c = &l->config;
    const ppi_agent_config cfg = {
        .method = c->method,
        .size = c->size != NULL ? c->size : ppi_learn_default_size(c->method, &c->games->obs),
        .options = c->options,
        .obs = c->games->obs,
        .actions = c->games->actions,
        .games = c->games->count,
        .env = c->games->count == 1 ? c->games->spec[0].id : NULL,
        .seed = c->seed,
        .policy = c->policy,
        .threads = c->threads,
    };
    return ppi_agent_create(&l->agent, &cfg);
}

/* True when the environments of two games can lie in one vector. */
static bool same_rows(const pp_env_spec *a, const pp_env_spec *b) {
    return a->obs_type == b->obs_type && a->obs_h == b->obs_h && a->obs_w == b->obs_w &&
           a->obs_c == b->obs_c;
}

/* Threads that the learner does not need for itself, at least one. */
static int env_threads(const ppi_learn *l) {
    const int busy = l->calls->busy_threads != NULL ? l->calls->busy_threads(l->agent) : 0;
    return busy < l->config.threads ? l->config.threads - busy : 1;
}

/* Games of one vector are of one kind, so that the first one's options are those of all. */
static pp_status open_vec(ppi_learn *l, int first_game, int end_game) {
    const int n = (int)((end_game - first_game) * l->per_game);
    const char **ids = ppi_calloc((size_t)n, sizeof *ids);
    int64_t *tasks = ppi_calloc((size_t)n, sizeof *tasks);
    pp_status s = ids == NULL || tasks == NULL ? ppi_oom("the streams of a learner") : PP_OK;
    for (int i = 0; i < n && s == PP_OK; i++) {
        ids[i] = l->config.games->spec[first_game + i / (int)l->per_game].id;
        tasks[i] = l->trial[first_game * l->per_game + i].task;
    }
    ppi_env_options played;
    ppi_env_options_played(&played, l->config.games->spec[first_game].id, l->config.env);
    const ppi_vec_config cfg = {.ids = ids,
                                .count = n,
                                .options = &played,
                                .tasks = tasks,
                                .threads = env_threads(l),
                                .autoreset = PPI_AUTORESET_SAME_STEP};
    learn_vec *v = &l->vec[l->vec_count];
    v->first = first_game * l->per_game;
    v->count = n;
    if (s == PP_OK) s = ppi_vec_open(&v->vec, &cfg);
    if (s == PP_OK) l->vec_count++;
    ppi_free(ids);
    ppi_free(tasks);
    return s;
}

static pp_status open_vecs(ppi_learn *l) {
    const ppi_learn_games *g = l->config.games;
    for (int first = 0; first < g->count;) {
        int end = first + 1;
        while (end < g->count && same_rows(&g->spec[first], &g->spec[end])) end++;
        PPI_TRY(open_vec(l, first, end));
        first = end;
    }
    l->direct = l->vec_count == 1 && g->painter[0].h == 0 && ppi_board_same(&g->obs, &g->spec[0]);
    return PP_OK;
}

static pp_status allocate(ppi_learn *l) {
    const size_t n = (size_t)l->streams;
    const size_t row = (size_t)l->row;
    const size_t gathered = l->direct ? 0 : n;
    l->obs = ppi_calloc(n, row);
    l->next = ppi_calloc(gathered, row);
    l->final = ppi_calloc(gathered, row);
    l->reward = ppi_calloc(n, sizeof *l->reward);
    l->terminated = ppi_calloc(n, 1);
    l->truncated = ppi_calloc(n, 1);
    l->action = ppi_calloc(n, sizeof *l->action);
    l->expert = ppi_calloc(n, sizeof *l->expert);
    l->game = ppi_calloc(n, sizeof *l->game);
    l->legal = ppi_calloc(n, PP_ENV_ACTIONS);
    l->recent = ppi_calloc((size_t)l->config.games->count, sizeof *l->recent);
    if (l->obs == NULL || l->next == NULL || l->final == NULL || l->reward == NULL ||
        l->terminated == NULL || l->truncated == NULL || l->action == NULL || l->expert == NULL ||
        l->game == NULL || l->legal == NULL || l->recent == NULL) {
        return ppi_oom("the streams of a learner");
    }
    for (int64_t i = 0; i < l->streams; i++) {
        const pp_env_spec *spec = ppi_learn_spec(l, i);
        l->game[i] = (int32_t)(i / l->per_game);
        for (int k = 0; k < spec->min_actions; k++) {
            l->legal[i * PP_ENV_ACTIONS + spec->action_list[k]] = 1;
        }
    }
    return PP_OK;
}

/* Refuses demonstrators where no script shows what to do. */
static pp_status check_experts(const ppi_learn *l) {
    if (l->calls->advise == NULL) return PP_OK;
    for (int v = 0; v < l->vec_count; v++) {
        if (ppi_scripted_action(ppi_vec_env(l->vec[v].vec, 0)) >= 0) continue;
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "%s has no scripted policy, which %s follows; the bandits, the dark rooms "
                        "and watermaze have one",
                        ppi_vec_spec(l->vec[v].vec, 0)->id, l->config.method->name);
    }
    return PP_OK;
}

static pp_status begin(ppi_learn *l) {
    const ppi_learn_games *g = l->config.games;
    int64_t longest = 0;
    for (int i = 0; i < g->count; i++) {
        if (g->spec[i].max_steps > longest) longest = g->spec[i].max_steps;
    }
    const ppi_learn_setup setup = {.streams = l->streams,
                                   .total_steps = l->total,
                                   .game = l->game,
                                   .legal = l->legal,
                                   .seed = l->config.seed,
                                   .episode_steps = longest};
    return l->calls->begin(l->agent, &setup);
}

/* Puts the observations of a vector into the agent's rows. */
static void gather(const ppi_learn *l, uint8_t *out, const learn_vec *v, const uint8_t *rows,
                   const uint8_t *terminated, const uint8_t *truncated) {
    const int64_t size = ppi_vec_obs_size(v->vec);
    for (int64_t i = 0; i < v->count; i++) {
        if (terminated != NULL && !terminated[i] && !truncated[i]) continue;
        const int64_t stream = v->first + i;
        ppi_learn_games_show(l->config.games, (int)(stream / l->per_game), out + stream * l->row,
                             rows + i * size);
    }
}

static void take_first_observations(ppi_learn *l) {
    for (int v = 0; v < l->vec_count; v++) {
        gather(l, l->obs, &l->vec[v], ppi_vec_obs(l->vec[v].vec), NULL, NULL);
    }
}

static pp_status start_episodes(ppi_learn *l) {
    uint64_t *seeds = ppi_calloc((size_t)l->streams, sizeof *seeds);
    if (seeds == NULL) return ppi_oom("the seeds of a learner's streams");
    pp_status s = PP_OK;
    for (int64_t i = 0; i < l->streams; i++) seeds[i] = l->config.seed + (uint64_t)i;
    for (int v = 0; v < l->vec_count && s == PP_OK; v++) {
        s = ppi_vec_reset_all(l->vec[v].vec, seeds + l->vec[v].first);
    }
    ppi_free(seeds);
    if (s == PP_OK) take_first_observations(l);
    return s;
}

static pp_status open_all(ppi_learn *l) {
    const ppi_learn_config *c = &l->config;
    PPI_TRY(make_agent(l));
    l->per_game = c->streams > 0 ? c->streams : l->calls->streams(l->agent);
    l->streams = l->per_game * c->games->count;
    l->row = ppi_obs_bytes(&c->games->obs);
    l->total = (c->steps + l->streams - 1) / l->streams * l->streams;
    l->vec = ppi_calloc((size_t)c->games->count, sizeof *l->vec);
    if (l->vec == NULL) return ppi_oom("the environments of a learner");
    PPI_TRY(ppi_learn_trials_open(l));
    PPI_TRY(open_vecs(l));
    PPI_TRY(allocate(l));
    PPI_TRY(check_experts(l));
    PPI_TRY(begin(l));
    return start_episodes(l);
}

pp_status ppi_learn_open(ppi_learn **out, const ppi_learn_config *config) {
    *out = NULL;
    if (config->method->learner == NULL) {
        return ppi_fail(PP_ERR_ARGUMENT, "method %s learns from data, not from environments",
                        config->method->name);
    }
    if (config->steps < 1 || config->streams < 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%" PRId64 " steps of %" PRId64 " streams, expected at least 1 step",
                        config->steps, config->streams);
    }
    ppi_learn *l = ppi_calloc(1, sizeof *l);
    if (l == NULL) return ppi_oom("a learner");
    l->config = *config;
    l->calls = config->method->learner;
    const pp_status s = open_all(l);
    if (s != PP_OK) {
        ppi_learn_close(l);
        return s;
    }
    *out = l;
    return PP_OK;
}

void ppi_learn_close(ppi_learn *l) {
    if (l == NULL) return;
    if (l->agent != NULL) ppi_agent_destroy(l->agent);
    for (int v = 0; v < l->vec_count; v++) ppi_vec_destroy(l->vec[v].vec);
    ppi_learn_trials_close(l);
    ppi_free(l->vec);
    ppi_free(l->obs);
    ppi_free(l->next);
    ppi_free(l->final);
    ppi_free(l->reward);
    ppi_free(l->terminated);
    ppi_free(l->truncated);
    ppi_free(l->action);
    ppi_free(l->expert);
    ppi_free(l->game);
    ppi_free(l->legal);
    ppi_free(l->recent);
    ppi_free(l);
}

/* ---- facts ----------------------------------------------------------------------------------- */

const pp_env_spec *ppi_learn_spec(const ppi_learn *l, int64_t stream) {
    return &l->config.games->spec[stream / l->per_game];
}
ppi_agent *ppi_learn_agent(const ppi_learn *l) {
    return l->agent;
}
const ppi_learn_games *ppi_learn_games_of(const ppi_learn *l) {
    return l->config.games;
}
int64_t ppi_learn_streams(const ppi_learn *l) {
    return l->streams;
}
int64_t ppi_learn_streams_per_game(const ppi_learn *l) {
    return l->per_game;
}
int64_t ppi_learn_steps(const ppi_learn *l) {
    return l->steps;
}
int64_t ppi_learn_total(const ppi_learn *l) {
    return l->total;
}
int64_t ppi_learn_frames(const ppi_learn *l) {
    return l->frames;
}
int64_t ppi_learn_updates(const ppi_learn *l) {
    return l->calls->updates(l->agent);
}
const ppi_learn_step *ppi_learn_last(const ppi_learn *l) {
    return &l->last;
}
const ppi_metrics *ppi_learn_metrics(const ppi_learn *l) {
    return &l->metrics;
}

static const learn_vec *vec_of(const ppi_learn *l, int64_t stream) {
    int v = 0;
    while (stream >= l->vec[v].first + l->vec[v].count) v++;
    return &l->vec[v];
}

const uint8_t *ppi_learn_native(const ppi_learn *l, int64_t stream) {
    const learn_vec *v = vec_of(l, stream);
    return ppi_vec_obs(v->vec) + (stream - v->first) * ppi_vec_obs_size(v->vec);
}

const uint8_t *ppi_learn_native_final(const ppi_learn *l, int64_t stream) {
    const learn_vec *v = vec_of(l, stream);
    const int64_t i = stream - v->first;
    if (!ppi_vec_terminated(v->vec)[i] && !ppi_vec_truncated(v->vec)[i]) return NULL;
    return ppi_vec_final_obs(v->vec) + i * ppi_vec_obs_size(v->vec);
}

void ppi_learn_statistics(const ppi_learn *l, int game, ppi_learn_stats *out) {
    const int begin_game = game < 0 ? 0 : game;
    const int end_game = game < 0 ? l->config.games->count : game + 1;
    int with_episodes = 0;
    *out = (ppi_learn_stats){0, 0, 0};
    for (int g = begin_game; g < end_game; g++) {
        const learn_recent *r = &l->recent[g];
        const int64_t n = r->episodes < LEARN_RECENT ? r->episodes : LEARN_RECENT;
        double sum = 0;
        double length = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += r->ret[i];
            length += (double)r->length[i];
        }
        out->episodes += r->episodes;
        if (n == 0) continue;
        with_episodes++;
        out->mean_return += sum / (double)n;
        out->mean_length += length / (double)n;
    }
    out->mean_return = with_episodes > 0 ? out->mean_return / with_episodes : NAN;
    out->mean_length = with_episodes > 0 ? out->mean_length / with_episodes : NAN;
}

/* ---- playing --------------------------------------------------------------------------------- */

static pp_status advise(ppi_learn *l) {
    if (l->calls->advise == NULL) return PP_OK;
    for (int v = 0; v < l->vec_count; v++) {
        const learn_vec *vec = &l->vec[v];
        for (int64_t i = 0; i < vec->count; i++) {
            l->expert[vec->first + i] = ppi_scripted_action(ppi_vec_env(vec->vec, (int)i));
        }
    }
    return l->calls->advise(l->agent, l->expert);
}

/* Books rewards and ended episodes of one vector; ended trials get their next task. */
static pp_status take_outcome(ppi_learn *l, const learn_vec *v) {
    const size_t n = (size_t)v->count;
    const int32_t *frames = ppi_vec_frames(v->vec);
    uint8_t *terminated = l->terminated + v->first;
    uint8_t *truncated = l->truncated + v->first;
    memcpy(l->reward + v->first, ppi_vec_reward(v->vec), n * sizeof *l->reward);
    memcpy(terminated, ppi_vec_terminated(v->vec), n);
    memcpy(truncated, ppi_vec_truncated(v->vec), n);
    for (int64_t i = 0; i < v->count; i++) {
        l->frames += frames[i];
        if (!terminated[i] && !truncated[i]) continue;
        learn_recent *r = &l->recent[l->game[v->first + i]];
        const int64_t at = r->episodes++ % LEARN_RECENT;
        r->ret[at] = ppi_vec_episode_return(v->vec)[i];
        r->length[at] = ppi_vec_episode_length(v->vec)[i];
        PPI_TRY(ppi_learn_trials_ended(l, v, i));
    }
    if (l->direct) return PP_OK;
    gather(l, l->next, v, ppi_vec_obs(v->vec), NULL, NULL);
    gather(l, l->final, v, ppi_vec_final_obs(v->vec), terminated, truncated);
    return PP_OK;
}

pp_status ppi_learn_play(ppi_learn *l) {
    PPI_TRY(advise(l));
    PPI_TRY(l->calls->act(l->agent, l->obs, l->action));
    memset(l->new_task, 0, (size_t)l->streams);
    for (int v = 0; v < l->vec_count; v++) {
        const learn_vec *vec = &l->vec[v];
        PPI_TRY(ppi_vec_step(vec->vec, l->action + vec->first, NULL));
        PPI_TRY(take_outcome(l, vec));
    }
    l->steps += l->streams;
    l->last = (ppi_learn_step){
        .obs = l->obs,
        .action = l->action,
        .reward = l->reward,
        .terminated = l->terminated,
        .truncated = l->truncated,
        .next_obs = l->direct ? ppi_vec_obs(l->vec[0].vec) : l->next,
        .final_obs = l->direct ? ppi_vec_final_obs(l->vec[0].vec) : l->final,
        .new_task = l->trial_episodes > 0 ? l->new_task : NULL,
    };
    return PP_OK;
}

/* Keeps the figures of an update, names included: they may come from a checkpoint later. */
static pp_status keep_metrics(ppi_learn *l, const ppi_metrics *m) {
    l->metrics = *m;
    for (int i = 0; i < m->count; i++) {
        const bool loss = strncmp(m->item[i].name, "losses/", 7) == 0;
        if (loss && !isfinite(m->item[i].value)) {
            return ppi_fail(PP_ERR_NUMERIC, "step %" PRId64 ": %s is %g", l->steps, m->item[i].name,
                            m->item[i].value);
        }
    }
    return PP_OK;
}

pp_status ppi_learn_update(ppi_learn *l) {
    ppi_metrics m = {0};
    const pp_status s = l->calls->step(l->agent, &l->last, &m);
    if (s == PP_ERR_NUMERIC) return ppi_fail_context(s, "step %" PRId64, l->steps);
    PPI_TRY(s);
    memcpy(l->obs, l->last.next_obs, (size_t)(l->streams * l->row));
    return m.count > 0 ? keep_metrics(l, &m) : PP_OK;
}

int64_t ppi_learn_replay_steps(const ppi_learn *l) {
    if (l->calls->replay == NULL || l->calls->replay_steps == NULL) return 0;
    const int64_t wanted = l->calls->replay_steps(l->agent);
    const int64_t there = l->steps / l->streams;
    return wanted < there ? wanted : there;
}

pp_status ppi_learn_replay(ppi_learn *l, const ppi_learn_step *step) {
    return l->calls->replay(l->agent, step);
}

/* After load: what the agent sees next. */
void ppi_learn_refresh(ppi_learn *l) {
    take_first_observations(l);
}
