/* RL2 while learning: unrolls of all streams with the memory carried on, and the update of the
 * actor-critic base.
 *
 * The streams play one unroll with the present parameters; then the update follows the gradient of
 *
 *     mean[-log pi(a|.) (G - V) + value_weight (G - V)^2 - entropy H(pi)]
 *
 * through the steps of this unroll (truncated back-propagation: the state before them is a
 * constant), with G_t = r_t + gamma ((1 - lambda) V_{t+1} + lambda G_{t+1}). A trial is what is
 * optimised, so returns run on across its episodes and are cut where it ends. As the parameters are
 * the same all along the unroll, what the LSTM computed while playing is kept and serves as the
 * forward run. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/online_play.h"
#include "method/rl2.h"
#include "method/vtrace.h"

/* ---- set-up ---- */

void ppi_rl2_learn_end(ppi_rl2_agent *a) {
    ppi_rl2_net_close(&a->actor);
    ppi_rl2_net_close(&a->train);
    ppi_rl2_dqn_end(a);
    void *owned[] = {a->legal, a->allowed, a->rng,  a->stream, a->step,    a->obs,
                     a->extra, a->begins,  a->head, a->state,  a->position};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) ppi_free(owned[i]);
    a->legal = a->allowed = a->obs = a->begins = NULL;
    a->rng = NULL;
    a->stream = NULL;
    a->step = NULL;
    a->extra = a->head = a->state = NULL;
    a->position = NULL;
    a->streams = 0;
}

static size_t state_floats(const ppi_rl2_agent *a) {
    return (size_t)(2 * a->net.layers * a->streams * ppi_rl2_state_size(a));
}

static pp_status allocate(ppi_rl2_agent *a) {
    const size_t n = (size_t)a->streams;
    const size_t rows = n * (size_t)(a->o.unroll + 1);
    a->legal = ppi_calloc(n, PP_ENV_ACTIONS);
    a->allowed = ppi_calloc(n, (size_t)a->n);
    a->rng = ppi_calloc(n, sizeof *a->rng);
    a->stream = ppi_calloc(n, sizeof *a->stream);
    a->step = ppi_calloc(rows, sizeof *a->step);
    a->obs = ppi_calloc(rows, (size_t)a->obs_bytes);
    a->extra = ppi_calloc(rows, (size_t)ppi_rl2_extra(&a->net) * sizeof(float));
    a->begins = ppi_calloc(rows, 1);
    a->head = ppi_calloc(rows, (size_t)a->net.outputs * sizeof(float));
    a->state = ppi_calloc(state_floats(a), sizeof(float));
    a->position = ppi_calloc(n, sizeof *a->position);
    if (a->legal == NULL || a->allowed == NULL || a->rng == NULL || a->stream == NULL ||
        a->step == NULL || a->obs == NULL || a->extra == NULL || a->begins == NULL ||
        a->head == NULL || a->state == NULL || a->position == NULL)
        return ppi_oom("the streams of rl2 (--rl2.streams times --rl2.unroll steps)");
    return PP_OK;
}

static pp_status open_nets(ppi_rl2_agent *a) {
    const ppi_agent_config *cfg = &a->base.cfg;
    const bool a3c = a->o.base == PPI_RL2_A3C;
    const ppi_rl2_form actor = {.sequences = a->streams, .steps = 1};
    const ppi_rl2_form train = {.sequences = a3c ? a->streams : a->o.batch,
                                .steps = a3c ? a->o.unroll : a->o.unroll + 1,
                                .train = true,
                                .kept = a3c && a->net.core == PPI_RL2_LSTM};
    PPI_TRY(ppi_params_alloc(a->base.params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS));
    PPI_TRY(ppi_rl2_net_open(&a->actor, &a->net, a->base.params, cfg, &actor));
    return ppi_rl2_net_open(&a->train, &a->net, a->base.params, cfg, &train);
}

/* Updates of a run, for schedules: one an unroll; of dqn as many as its batch needs to hold the new
 * sequence of every stream once. */
static int64_t updates_of(const ppi_rl2_agent *a, int64_t total_steps) {
    const int64_t unrolls = total_steps / (a->streams * a->o.unroll);
    if (a->o.base == PPI_RL2_A3C) return unrolls;
    return unrolls * ((a->streams + a->o.batch - 1) / a->o.batch);
}

static pp_status begin(ppi_agent *agent, const ppi_learn_setup *setup) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    PPI_TRY(ppi_learn_setup_check(agent, setup));
    ppi_rl2_learn_end(a);
    a->streams = setup->streams;
    a->pos = a->updates = 0;
    a->first.count = a->last.count = 0;
    a->o.optim.total_steps = updates_of(a, setup->total_steps);
    pp_status s = allocate(a);
    if (s == PP_OK) s = open_nets(a);
    if (s == PP_OK && a->o.base == PPI_RL2_DQN) s = ppi_rl2_dqn_begin(a, setup->seed);
    if (s != PP_OK) {
        ppi_rl2_learn_end(a);
        return s;
    }
    memcpy(a->legal, setup->legal, (size_t)a->streams * PP_ENV_ACTIONS);
    ppi_learn_rngs(a->rng, setup);
    memset(a->actor.frames, 0, (size_t)(a->streams * a->obs_bytes));
    for (int64_t i = 0; i < a->streams; i++) {
        ppi_online_legal(agent, a->allowed + i * a->n, a->legal + i * PP_ENV_ACTIONS);
        ppi_rl2_net_begin(&a->actor, i);
        a->begins[i * (a->o.unroll + 1)] = 1;
    }
    return PP_OK;
}

static int64_t streams(const ppi_agent *agent) {
    return ((const ppi_rl2_agent *)agent)->o.streams;
}

static int64_t trial_episodes(const ppi_agent *agent) {
    return ((const ppi_rl2_agent *)agent)->o.episodes;
}

/* ---- playing an unroll ---- */

/* Row of step t of a stream in arrays with unroll + 1 rows each. */
static int64_t row_of(const ppi_rl2_agent *a, int64_t stream, int64_t t) {
    return stream * (a->o.unroll + 1) + t;
}

/* Copies the state before the unroll, layer by layer, out of a net or into it. */
static void copy_state(ppi_rl2_agent *a, ppi_rl2_net *net, bool out) {
    const size_t n = (size_t)(a->streams * ppi_rl2_state_size(a));
    for (int64_t i = 0; i < a->net.layers; i++) {
        float *mine = a->state + 2 * (size_t)i * n;
        const ppi_rl2_layer *l = &net->layer[i];
        memcpy(out ? mine : l->h0, out ? l->h0 : mine, n * sizeof *mine);
        memcpy(out ? mine + n : l->c0, out ? l->c0 : mine + n, n * sizeof *mine);
    }
}

/* What the actor remembers as the unroll begins. */
static void keep_start(ppi_rl2_agent *a) {
    copy_state(a, &a->actor, true);
    for (int64_t s = 0; s < a->streams && a->actor.position != NULL; s++)
        a->position[s] = a->actor.position[s];
}

/* The present inputs of the actor as step a->pos of the unroll. */
static void keep_inputs(ppi_rl2_agent *a) {
    const size_t extra = (size_t)ppi_rl2_extra(&a->net);
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = row_of(a, s, a->pos);
        memcpy(a->obs + row * a->obs_bytes, (uint8_t *)a->actor.frames + s * a->obs_bytes,
               (size_t)a->obs_bytes);
        memcpy(a->extra + (size_t)row * extra, a->actor.extra + (size_t)s * extra,
               extra * sizeof(float));
    }
}

/* Kept results of step a->pos go where the backward run looks for them. */
static void keep_results(ppi_rl2_agent *a) {
    const int64_t w = a->net.width;
    for (int64_t i = 0; i < a->net.layers && a->train.layer[0].gates != NULL; i++) {
        const ppi_rl2_layer *from = &a->actor.layer[i];
        const ppi_rl2_layer *to = &a->train.layer[i];
        for (int64_t s = 0; s < a->streams; s++) {
            const int64_t row = s * a->o.unroll + a->pos;
            memcpy(to->h + row * w, from->h + s * w, (size_t)w * sizeof(float));
            memcpy(to->c + row * w, from->c + s * w, (size_t)w * sizeof(float));
            memcpy(to->gates + row * 4 * w, from->gates + s * 4 * w,
                   (size_t)(4 * w) * sizeof(float));
        }
    }
    for (int64_t s = 0; s < a->streams; s++) {
        memcpy(a->head + (s * a->o.unroll + a->pos) * a->net.outputs,
               a->actor.head + s * a->net.outputs, (size_t)a->net.outputs * sizeof(float));
    }
}

/* One step of the network from inputs that lie in the actor. */
static pp_status advance(ppi_rl2_agent *a) {
    if (a->pos == 0) keep_start(a);
    keep_inputs(a);
    PPI_TRY(ppi_rl2_net_forward(&a->actor));
    keep_results(a);
    for (int64_t s = 0; s < a->streams; s++) ppi_rl2_net_carry(&a->actor, s);
    return PP_OK;
}

static pp_status act(ppi_agent *agent, const uint8_t *obs, int32_t *actions) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    for (int64_t s = 0; s < a->streams; s++) ppi_rl2_net_look(&a->actor, s, obs + s * a->obs_bytes);
    PPI_TRY(advance(a));
    for (int64_t s = 0; s < a->streams; s++) {
        const float *head = a->actor.head + s * a->net.outputs;
        const uint8_t *allowed = a->allowed + s * a->n;
        const int32_t k = a->o.base == PPI_RL2_A3C ? ppi_rl2_draw(head, a->n, allowed, &a->rng[s])
                                                   : ppi_rl2_explore(a, head, allowed, &a->rng[s]);
        actions[s] = agent->cfg.actions.list[k];
    }
    return PP_OK;
}

/* ---- the update of the actor-critic ---- */

static void add_return(ppi_rl2_recent *r, double ret) {
    r->ret[r->count++ % PPI_RL2_RECENT] = ret;
}

/* NaN before the first one. */
static double recent_mean(const ppi_rl2_recent *r) {
    const int64_t n = r->count < PPI_RL2_RECENT ? r->count : PPI_RL2_RECENT;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += r->ret[i];
    return n > 0 ? sum / (double)n : NAN;
}

pp_status ppi_rl2_finish(ppi_rl2_agent *a, double total, ppi_metrics *out) {
    double norm = 0;
    const ppi_agent_config *cfg = &a->base.cfg;
    const pp_status s =
        ppi_optim_step(&a->o.optim, a->base.params, cfg->backend, a->updates, cfg->threads, &norm);
    if (s != PP_OK) return ppi_fail_context(s, "update %lld of rl2", (long long)a->updates);
    ppi_metrics_add(out, "losses/total", total);
    ppi_metrics_add(out, "charts/grad_norm", norm);
    ppi_metrics_add(out, "charts/lr", ppi_optim_lr(&a->o.optim, a->updates));
    ppi_metrics_add(out, "charts/trial_first", recent_mean(&a->first));
    ppi_metrics_add(out, "charts/trial_last", recent_mean(&a->last));
    a->updates++;
    return PP_OK;
}

/* Gradient of one stream's terms into train.dhead; boot: value behind the unroll. */
static void stream_loss(ppi_rl2_agent *a, int64_t stream, double boot, const float *head,
                        ppi_actor_loss *sum) {
    const double gamma = a->o.gamma;
    const double lambda = a->o.lambda;
    const int64_t outputs = a->net.outputs;
    const float weight = 1.0f / (float)(a->streams * a->o.unroll);
    double next = boot;
    double next_value = boot;
    for (int64_t t = a->o.unroll - 1; t >= 0; t--) {
        const int64_t at = stream * a->o.unroll + t;
        const ppi_rl2_played *x = &a->step[at];
        const float *h = head + at * outputs;
        float *d = a->train.dhead + at * outputs;
        const double on = x->end ? 0 : gamma;
        next = x->reward + on * ((1 - lambda) * next_value + lambda * next);
        next_value = (double)h[a->n];
        const ppi_actor_row row = {.logits = h,
                                   .legal = a->allowed + stream * a->n,
                                   .actions = a->n,
                                   .action = x->choice,
                                   .value = h[a->n],
                                   .target = (float)next,
                                   .advantage = (float)(next - next_value),
                                   .entropy_cost = (float)a->o.entropy,
                                   .baseline_cost = (float)(2 * a->o.value_weight)};
        ppi_actor_row_loss(sum, d, &d[a->n], &row);
        for (int64_t k = 0; k < outputs; k++) d[k] *= weight;
    }
}

/* The unroll's inputs as those of the training net. */
static pp_status fill(ppi_rl2_agent *a) {
    const int64_t n = a->o.unroll;
    const int64_t extra = ppi_rl2_extra(&a->net);
    copy_state(a, &a->train, false);
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t from = row_of(a, s, 0);
        const uint8_t *begins = a->begins + from;
        memcpy((uint8_t *)a->train.frames + s * n * a->obs_bytes, a->obs + from * a->obs_bytes,
               (size_t)(n * a->obs_bytes));
        memcpy(a->train.extra + s * n * extra, a->extra + from * extra,
               (size_t)(n * extra) * sizeof(float));
        if (a->train.reset != NULL) {
            memcpy(a->train.reset + s * n, begins, (size_t)n);
            continue;
        }
        const int64_t past = begins[0] ? 0 : a->position[s];
        const int64_t filled = past < a->net.memory ? past : a->net.memory;
        PPI_TRY(ppi_rl2_net_mask(&a->train, s, begins, filled, past));
    }
    return PP_OK;
}

static pp_status a3c_update(ppi_rl2_agent *a, ppi_metrics *out) {
    ppi_actor_loss l = {0, 0, 0};
    const double count = (double)(a->streams * a->o.unroll);
    PPI_TRY(fill(a));
    if (a->train.layer[0].gates == NULL) PPI_TRY(ppi_rl2_net_forward(&a->train));
    PPI_TRY(ppi_rl2_net_forward(&a->actor));
    const float *head = a->train.layer[0].gates != NULL ? a->head : a->train.head;
    for (int64_t s = 0; s < a->streams; s++)
        stream_loss(a, s, (double)a->actor.head[s * a->net.outputs + a->n], head, &l);
    const double policy = l.policy / count;
    const double value = 2 * l.baseline / count;
    const double entropy = l.entropy / count;
    const double total = policy + a->o.value_weight * value - a->o.entropy * entropy;
    if (!isfinite(total))
        return ppi_fail(PP_ERR_NUMERIC,
                        "update %lld of rl2: the loss is %g (policy %g, value %g, entropy %g)",
                        (long long)a->updates, total, policy, value, entropy);
    PPI_TRY(a->train.layer[0].gates != NULL ? ppi_rl2_net_backward_kept(&a->train)
                                            : ppi_rl2_net_backward(&a->train));
    out->count = 0;
    PPI_TRY(ppi_rl2_finish(a, total, out));
    ppi_metrics_add(out, "losses/policy", policy);
    ppi_metrics_add(out, "losses/value", value);
    ppi_metrics_add(out, "charts/entropy", entropy);
    return PP_OK;
}

/* ---- outcomes ---- */

/* Books a step of a stream and sets what the next one is told of it. */
static void book(ppi_rl2_agent *a, int64_t s, const ppi_learn_step *step) {
    const bool ended = step->terminated[s] || step->truncated[s];
    const bool trial = step->new_task != NULL && step->new_task[s];
    ppi_rl2_stream *stream = &a->stream[s];
    stream->ret += step->reward[s];
    if (ended) {
        if (stream->episode == 0) add_return(&a->first, stream->ret);
        if (trial) add_return(&a->last, stream->ret);
        stream->ret = 0;
        stream->episode++;
    }
    const int64_t at = s * a->o.unroll + a->pos;
    a->step[at] = (ppi_rl2_played){.reward = step->reward[s],
                                   .choice = ppi_online_choice(&a->base, step->action[s]),
                                   .end = trial || (ended && !a->o.across)};
    a->begins[row_of(a, s, a->pos + 1)] = trial;
    if (trial) {
        stream->episode = 0;
        ppi_rl2_net_begin(&a->actor, s);
    } else {
        ppi_rl2_net_outcome(&a->actor, s, a->step[at].choice, step->reward[s], ended);
    }
}

static pp_status learn_step(ppi_agent *agent, const ppi_learn_step *step, ppi_metrics *out) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    out->count = 0;
    for (int64_t s = 0; s < a->streams; s++) {
        PPI_TRY(ppi_learn_action_check(agent, a->legal, s, step->action[s]));
        book(a, s, step);
        ppi_rl2_net_look(&a->actor, s, step->next_obs + s * a->obs_bytes);
    }
    if (++a->pos < a->o.unroll) return PP_OK;
    keep_inputs(a);
    PPI_TRY(a->o.base == PPI_RL2_A3C ? a3c_update(a, out) : ppi_rl2_dqn_learn(a, out));
    for (int64_t s = 0; s < a->streams; s++)
        a->begins[row_of(a, s, 0)] = a->begins[row_of(a, s, a->o.unroll)];
    a->pos = 0;
    return PP_OK;
}

static int64_t updates(const ppi_agent *agent) {
    return ((const ppi_rl2_agent *)agent)->updates;
}

/* ---- resuming: the inputs of the running unroll are saved, and its results computed again ---- */

static pp_status save(ppi_agent *agent, ppi_buf *out) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    const int64_t extra = ppi_rl2_extra(&a->net);
    const size_t n = (size_t)a->streams;
    if (a->pos == 0) keep_start(a);
    keep_inputs(a);
    PPI_TRY(ppi_buf_append(out, &a->updates, sizeof a->updates));
    PPI_TRY(ppi_buf_append(out, &a->pos, sizeof a->pos));
    PPI_TRY(ppi_buf_append(out, a->rng, n * sizeof *a->rng));
    PPI_TRY(ppi_buf_append(out, a->stream, n * sizeof *a->stream));
    PPI_TRY(ppi_buf_append(out, &a->first, sizeof a->first));
    PPI_TRY(ppi_buf_append(out, &a->last, sizeof a->last));
    PPI_TRY(ppi_buf_append(out, a->state, state_floats(a) * sizeof *a->state));
    PPI_TRY(ppi_buf_append(out, a->position, n * sizeof *a->position));
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = row_of(a, s, 0);
        const size_t rows = (size_t)a->pos + 1;
        PPI_TRY(ppi_buf_append(out, a->step + s * a->o.unroll, (rows - 1) * sizeof *a->step));
        PPI_TRY(ppi_buf_append(out, a->obs + row * a->obs_bytes, rows * (size_t)a->obs_bytes));
        PPI_TRY(ppi_buf_append(out, a->extra + row * extra, rows * (size_t)extra * sizeof(float)));
        PPI_TRY(ppi_buf_append(out, a->begins + row, rows));
    }
    return a->o.base == PPI_RL2_DQN ? ppi_rl2_dqn_save(a, out) : PP_OK;
}

/* Plays the saved steps of the unroll again with the inputs that were saved. */
static pp_status play_again(ppi_rl2_agent *a) {
    const int64_t extra = ppi_rl2_extra(&a->net);
    const int64_t steps = a->pos;
    copy_state(a, &a->actor, false);
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t past = a->position[s];
        const uint8_t no = 0;
        if (a->actor.reset != NULL) {
            a->actor.reset[s] = 0;
            continue;
        }
        PPI_TRY(
            ppi_rl2_net_mask(&a->actor, s, &no, past < a->net.memory ? past : a->net.memory, past));
    }
    for (int64_t t = 0; t <= steps; t++) {
        for (int64_t s = 0; s < a->streams; s++) {
            const int64_t row = row_of(a, s, t);
            if (a->begins[row]) ppi_rl2_net_begin(&a->actor, s);
            ppi_rl2_net_look(&a->actor, s, a->obs + row * a->obs_bytes);
            memcpy(a->actor.extra + s * extra, a->extra + row * extra,
                   (size_t)extra * sizeof(float));
        }
        a->pos = t;
        if (t < steps) PPI_TRY(advance(a));
    }
    return PP_OK;
}

static bool is_played(const ppi_rl2_agent *a, const ppi_rl2_played *x) {
    return x->choice >= 0 && x->choice < a->n && x->end <= 1;
}

static pp_status load(ppi_agent *agent, const void *data, size_t size) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    const int64_t extra = ppi_rl2_extra(&a->net);
    const size_t n = (size_t)a->streams;
    ppi_state_reader r = {data, size, false};
    ppi_state_read(&r, &a->updates, sizeof a->updates);
    ppi_state_read(&r, &a->pos, sizeof a->pos);
    if (a->pos < 0 || a->pos >= a->o.unroll) r.failed = true;
    ppi_state_read(&r, a->rng, n * sizeof *a->rng);
    ppi_state_read(&r, a->stream, n * sizeof *a->stream);
    ppi_state_read(&r, &a->first, sizeof a->first);
    ppi_state_read(&r, &a->last, sizeof a->last);
    if (a->first.count < 0 || a->last.count < 0) r.failed = true;
    ppi_state_read(&r, a->state, state_floats(a) * sizeof *a->state);
    ppi_state_read(&r, a->position, n * sizeof *a->position);
    for (int64_t s = 0; s < a->streams && !r.failed; s++) {
        if (a->position[s] < 0) r.failed = true;
        const int64_t row = row_of(a, s, 0);
        const size_t rows = (size_t)a->pos + 1;
        ppi_rl2_played *x = a->step + s * a->o.unroll;
        ppi_state_read(&r, x, (rows - 1) * sizeof *x);
        for (int64_t t = 0; t < a->pos; t++) r.failed = r.failed || !is_played(a, &x[t]);
        ppi_state_read(&r, a->obs + row * a->obs_bytes, rows * (size_t)a->obs_bytes);
        ppi_state_read(&r, a->extra + row * extra, rows * (size_t)extra * sizeof(float));
        ppi_state_read(&r, a->begins + row, rows);
    }
    if (a->o.base == PPI_RL2_DQN) ppi_rl2_dqn_load(a, &r);
    if (r.failed) a->pos = 0;
    PPI_TRY(ppi_state_end(&r, agent));
    return play_again(a);
}

const ppi_learner_calls ppi_rl2_learner = {
    .streams = streams,
    .trial_episodes = trial_episodes,
    .begin = begin,
    .act = act,
    .step = learn_step,
    .updates = updates,
    .save = save,
    .load = load,
};
