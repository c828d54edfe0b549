/* IMPALA while learning: unrolls of all streams, and an update from each.
 *
 * With lag 1 the streams play unroll k with the policy that updates 0 .. k-2 have made, while the
 * learner makes update k-1 from the unroll before: in a thread of its own where the run has threads
 * to spare, else before the first step of the unroll. Both compute the same, since the policy that
 * plays is a copy, renewed between unrolls. V-trace corrects for the distance. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/impala_agent.h"

/* What save writes in front of the rows of the unfinished unroll. */
typedef struct impala_state {
    int64_t steps, updates, at;
    uint64_t explore;
    int64_t untold;
    ppi_impala_figures figures;
} impala_state;

static void unroll_free(ppi_impala_unroll *u) {
    ppi_free(u->action);
    ppi_free(u->log_mu);
    ppi_free(u->reward);
    ppi_free(u->discount);
    ppi_free(u->cut);
    ppi_free(u->state);
    *u = (ppi_impala_unroll){.action = NULL};
}

void ppi_impala_learn_end(ppi_impala_agent *a) {
    ppi_background_destroy(a->worker);
    ppi_online_net_close(&a->train);
    ppi_online_net_close(&a->actor);
    ppi_params_destroy(a->actor_params);
    unroll_free(&a->playing);
    unroll_free(&a->played);
    ppi_free(a->legal);
    ppi_free(a->frames);
    ppi_free(a->resets);
    ppi_free(a->begins);
    ppi_free(a->log_rho);
    a->worker = NULL;
    a->actor_params = NULL;
    a->legal = a->frames = a->resets = a->begins = NULL;
    a->log_rho = NULL;
    a->streams = 0;
}

/* ---- set-up ---- */

static pp_status unroll_open(ppi_impala_unroll *u, const ppi_impala_agent *a) {
    const size_t n = (size_t)a->streams;
    const size_t rows = n * (size_t)a->o.unroll;
    u->action = ppi_calloc(rows, sizeof *u->action);
    u->log_mu = ppi_calloc(rows, sizeof *u->log_mu);
    u->reward = ppi_calloc(rows, sizeof *u->reward);
    u->discount = ppi_calloc(rows, sizeof *u->discount);
    u->cut = ppi_calloc(rows, 1);
    u->state = ppi_calloc(2 * n * (size_t)a->o.lstm + 1, sizeof *u->state);
    if (u->action == NULL || u->log_mu == NULL || u->reward == NULL || u->discount == NULL ||
        u->cut == NULL || u->state == NULL)
        return ppi_oom("the unrolls of a learner");
    return PP_OK;
}

/* Bytes of the frames of one unroll. */
static size_t unroll_bytes(const ppi_impala_agent *a) {
    return (size_t)(a->streams * (a->o.unroll + 1) * ppi_online_stack_bytes(&a->net));
}

static pp_status open_rows(ppi_impala_agent *a) {
    const size_t n = (size_t)a->streams;
    const size_t width = (size_t)a->o.unroll + 1;
    PPI_TRY(unroll_open(&a->playing, a));
    PPI_TRY(unroll_open(&a->played, a));
    a->legal = ppi_calloc(n, (size_t)a->choices);
    a->frames = ppi_calloc(unroll_bytes(a), 1);
    a->resets = ppi_calloc(n, width);
    a->begins = ppi_calloc(n, 1);
    a->log_rho = ppi_calloc(4 * width, sizeof *a->log_rho);
    if (a->legal == NULL || a->frames == NULL || a->resets == NULL || a->begins == NULL ||
        a->log_rho == NULL)
        return ppi_oom("the unrolls of a learner");
    a->value = a->log_rho + width;
    a->target = a->value + width;
    a->advantage = a->target + width;
    return PP_OK;
}

/* Compiles the networks of actors and learner, and starts the learner's thread where there is one.
 * With a lag neither may depend on the threads of the run. */
static pp_status open_nets(ppi_impala_agent *a) {
    ppi_params *params = a->base.params;
    ppi_agent_config learner = a->base.cfg;
    ppi_agent_config actor = a->base.cfg;
    if (a->o.lag > 0) {
        if (a->o.learner_threads > learner.threads)
            return ppi_fail(PP_ERR_ARGUMENT,
                            "impala.learner-threads is %lld, expected at most the %d of --threads",
                            (long long)a->o.learner_threads, learner.threads);
        PPI_TRY(ppi_online_params(&a->actor_params, &a->net, &a->base.cfg));
        if (learner.threads > a->o.learner_threads) PPI_TRY(ppi_background_create(&a->worker));
        learner.threads = (int)a->o.learner_threads;
        actor.threads = 1;
    }
    PPI_TRY(ppi_online_net_open_sequences(&a->train, &a->net, params, &learner, a->streams,
                                          a->o.unroll + 1, true));
    return ppi_online_net_open(&a->actor, &a->net,
                               a->actor_params != NULL ? a->actor_params : params, &actor,
                               a->streams, false);
}

static pp_status begin(ppi_agent *agent, const ppi_learn_setup *setup) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    PPI_TRY(ppi_learn_setup_check(agent, setup));
    ppi_impala_learn_end(a);
    a->streams = setup->streams;
    PPI_TRY(open_rows(a));
    PPI_TRY(ppi_params_alloc(agent->params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS));
    PPI_TRY(open_nets(a));
    for (int64_t s = 0; s < a->streams; s++)
        ppi_online_legal(&a->base, a->legal + s * a->choices, setup->legal + s * PP_ENV_ACTIONS);
    memset(a->begins, 1, (size_t)a->streams);
    ppi_rng_init(&a->explore, setup->seed, PPI_RNG_ACT, 0);
    a->steps = a->updates = a->learned = a->at = 0;
    a->untold = false;
    a->outcome = PP_OK;
    a->o.optim.total_steps = setup->total_steps / (a->streams * a->o.unroll);
    return PP_OK;
}

static int64_t streams(const ppi_agent *agent) {
    return ((const ppi_impala_agent *)agent)->o.streams;
}

static int busy_threads(const ppi_agent *agent) {
    const ppi_impala_agent *a = (const ppi_impala_agent *)agent;
    return a->o.lag > 0 && agent->cfg.threads > a->o.learner_threads ? (int)a->o.learner_threads
                                                                     : 0;
}

/* ---- acting ---- */

/* The policy that plays becomes what the learner has made; no update is at work. */
static void renew_policy(ppi_impala_agent *a) {
    const ppi_params *from = a->base.params;
    ppi_params *to = a->actor_params;
    if (to == NULL) return;
    memcpy(to->master, from->master, (size_t)from->total * sizeof *to->master);
    if (to->compute != NULL)
        memcpy(to->compute, from->compute, (size_t)from->total * sizeof *to->compute);
    to->version++;
}

static uint8_t *actor_frames(const ppi_impala_agent *a, int64_t stream) {
    return (uint8_t *)a->actor.frames + stream * ppi_online_stack_bytes(&a->net);
}

static void look(ppi_impala_agent *a, const uint8_t *obs) {
    const ppi_obs_spec *o = &a->net.obs;
    const int64_t pixels = o->h * o->w;
    const int64_t frame = ppi_obs_bytes(o);
    const int64_t bytes = ppi_online_stack_bytes(&a->net);
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = ppi_impala_row(a, s, a->at);
        ppi_stack_push(actor_frames(a, s), obs + s * frame, pixels, frame / pixels, a->net.stack,
                       a->begins[s] != 0);
        memcpy(a->frames + row * bytes, actor_frames(a, s), (size_t)bytes);
        a->resets[row] = a->begins[s];
        if (a->o.lstm > 0) a->actor.reset[s] = a->begins[s];
    }
}

/* The state behind the last step becomes the one before the next. */
static void carry_state(ppi_impala_agent *a) {
    const size_t n = (size_t)(a->streams * a->o.lstm);
    memcpy(a->actor.h0, a->actor.h, n * sizeof(float));
    memcpy(a->actor.c0, a->actor.c, n * sizeof(float));
}

static void keep_state(ppi_impala_agent *a) {
    const size_t n = (size_t)(a->streams * a->o.lstm);
    memcpy(a->playing.state, a->actor.h0, n * sizeof(float));
    memcpy(a->playing.state + n, a->actor.c0, n * sizeof(float));
}

static pp_status act(ppi_agent *agent, const uint8_t *obs, int32_t *actions) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    if (a->steps == 0) renew_policy(a);
    look(a, obs);
    if (a->at == 0 && a->o.lstm > 0) keep_state(a);
    PPI_TRY(ppi_online_net_forward(&a->actor));
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = s * a->o.unroll + a->at;
        const int32_t k =
            ppi_impala_draw(a, a->actor.head + s * a->net.outputs, a->legal + s * a->choices,
                            &a->explore, &a->playing.log_mu[row]);
        a->playing.action[row] = k;
        actions[s] = agent->cfg.actions.list[k];
    }
    if (a->o.lstm > 0) carry_state(a);
    return PP_OK;
}

/* ---- updates ---- */

/* The observations behind the last steps: rows of the bootstrap values. */
static void look_ahead(ppi_impala_agent *a, const uint8_t *next_obs) {
    const ppi_obs_spec *o = &a->net.obs;
    const int64_t pixels = o->h * o->w;
    const int64_t frame = ppi_obs_bytes(o);
    const int64_t bytes = ppi_online_stack_bytes(&a->net);
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = ppi_impala_row(a, s, a->o.unroll);
        uint8_t *stack = a->frames + row * bytes;
        memcpy(stack, actor_frames(a, s), (size_t)bytes);
        ppi_stack_push(stack, next_obs + s * frame, pixels, frame / pixels, a->net.stack,
                       a->begins[s] != 0);
        a->resets[row] = a->begins[s];
    }
}

/* In the thread of the learner. */
static void learn(void *agent) {
    ppi_impala_agent *a = agent;
    a->outcome = ppi_impala_update(a);
    if (a->outcome != PP_OK) snprintf(a->error, sizeof a->error, "%s", pp_last_error());
}

/* The end of the update at work. */
static pp_status await(ppi_impala_agent *a) {
    ppi_background_wait(a->worker);
    if (a->outcome == PP_OK) return PP_OK;
    a->updates = a->learned;
    return ppi_fail(a->outcome, "%s", a->error);
}

static void tell(ppi_impala_agent *a, ppi_metrics *out) {
    if (!a->untold) return;
    ppi_metrics_add(out, "losses/total", a->figures.total);
    ppi_metrics_add(out, "losses/policy", a->figures.policy);
    ppi_metrics_add(out, "losses/value", a->figures.value);
    ppi_metrics_add(out, "charts/entropy", a->figures.entropy);
    ppi_metrics_add(out, "charts/grad_norm", a->figures.grad_norm);
    ppi_metrics_add(out, "charts/lr", a->figures.lr);
    a->untold = false;
}

/* Hands the unroll that was played to the learner, and its last policy to the actors. */
static pp_status turn(ppi_impala_agent *a, ppi_metrics *out) {
    PPI_TRY(await(a));
    tell(a, out);
    renew_policy(a);
    const ppi_impala_unroll free_one = a->played;
    a->played = a->playing;
    a->playing = free_one;
    memcpy(a->train.frames, a->frames, unroll_bytes(a));
    if (a->o.lstm > 0) memcpy(a->train.reset, a->resets, (size_t)(a->streams * (a->o.unroll + 1)));
    a->updates++;
    a->untold = true;
    ppi_background_start(a->worker, learn, a);
    if (a->o.lag > 0) return PP_OK;
    PPI_TRY(await(a));
    tell(a, out);
    return PP_OK;
}

static pp_status step(ppi_agent *agent, const ppi_learn_step *t, ppi_metrics *out) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    const ppi_impala_unroll *u = &a->playing;
    out->count = 0;
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = s * a->o.unroll + a->at;
        const bool ended = t->terminated[s] != 0 || t->truncated[s] != 0;
        const double r = t->reward[s];
        if (t->action[s] != agent->cfg.actions.list[u->action[row]])
            return ppi_fail(PP_ERR_ARGUMENT,
                            "stream %lld played action %d, and %d was chosen for it", (long long)s,
                            (int)t->action[s], (int)agent->cfg.actions.list[u->action[row]]);
        u->reward[row] = (float)(a->o.clip_reward ? fmax(-1, fmin(1, r)) : r);
        u->discount[row] = ended ? 0.0f : (float)a->o.gamma;
        u->cut[row] = !t->terminated[s] && t->truncated[s];
        a->begins[s] = ended;
    }
    a->steps += a->streams;
    if (++a->at < a->o.unroll) return PP_OK;
    a->at = 0;
    look_ahead(a, t->next_obs);
    return turn(a, out);
}

static int64_t updates(const ppi_agent *agent) {
    return ((const ppi_impala_agent *)agent)->updates;
}

/* ---- resuming ---- */

/* The pieces of memory that make up the unfinished unroll. */
typedef struct piece {
    void *at;
    size_t size;
} piece;
enum { PIECES = 13 };

static int list_pieces(const ppi_impala_agent *a, piece *out) {
    const ppi_impala_unroll *u = &a->playing;
    const size_t n = (size_t)a->streams;
    const size_t rows = n * (size_t)a->o.unroll;
    const size_t state = n * (size_t)a->o.lstm * sizeof(float);
    int k = 0;
    out[k++] = (piece){u->action, rows * sizeof *u->action};
    out[k++] = (piece){u->log_mu, rows * sizeof *u->log_mu};
    out[k++] = (piece){u->reward, rows * sizeof *u->reward};
    out[k++] = (piece){u->discount, rows * sizeof *u->discount};
    out[k++] = (piece){u->cut, rows};
    out[k++] = (piece){a->begins, n};
    out[k++] = (piece){a->actor.frames, n * (size_t)ppi_online_stack_bytes(&a->net)};
    out[k++] = (piece){a->frames, unroll_bytes(a)};
    out[k++] = (piece){a->resets, n * (size_t)(a->o.unroll + 1)};
    if (a->actor_params != NULL) {
        ppi_params *p = a->actor_params;
        out[k++] = (piece){p->master, (size_t)p->total * sizeof *p->master};
    }
    if (a->o.lstm == 0) return k;
    out[k++] = (piece){u->state, 2 * state};
    out[k++] = (piece){a->actor.h0, state};
    out[k++] = (piece){a->actor.c0, state};
    return k;
}

/* Ends the update at work, so that the parameters are at rest until the next unroll is played. */
static pp_status save(ppi_agent *agent, ppi_buf *out) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    PPI_TRY(await(a));
    const impala_state s = {.steps = a->steps,
                            .updates = a->updates,
                            .at = a->at,
                            .explore = a->explore.pos,
                            .untold = a->untold,
                            .figures = a->figures};
    piece pieces[PIECES];
    const int n = list_pieces(a, pieces);
    PPI_TRY(ppi_buf_append(out, &s, sizeof s));
    for (int i = 0; i < n; i++) PPI_TRY(ppi_buf_append(out, pieces[i].at, pieces[i].size));
    return PP_OK;
}

static pp_status load(ppi_agent *agent, const void *data, size_t size) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    ppi_state_reader r = {.at = data, .left = size};
    impala_state s;
    piece pieces[PIECES];
    PPI_TRY(await(a));
    const int n = list_pieces(a, pieces);
    ppi_state_read(&r, &s, sizeof s);
    for (int i = 0; i < n; i++) ppi_state_read(&r, pieces[i].at, pieces[i].size);
    PPI_TRY(ppi_state_end(&r, agent));
    if (s.at < 0 || s.at >= a->o.unroll)
        return ppi_fail(PP_ERR_CORRUPT, "the saved state is at step %lld of an unroll of %lld",
                        (long long)s.at, (long long)a->o.unroll);
    a->steps = s.steps;
    a->updates = a->learned = s.updates;
    a->at = s.at;
    a->explore.pos = s.explore;
    a->untold = s.untold != 0;
    a->figures = s.figures;
    if (a->actor_params != NULL) ppi_params_sync(a->actor_params, agent->cfg.backend, 1);
    return PP_OK;
}

const ppi_learner_calls ppi_impala_learner = {
    .streams = streams,
    .busy_threads = busy_threads,
    .begin = begin,
    .act = act,
    .step = step,
    .updates = updates,
    .save = save,
    .load = load,
};
