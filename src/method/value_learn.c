/* Q-learning while playing: exploration, replay, target network, updates. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/value_agent.h"

/* What save writes in front of the rows played of each stream and the target network. */
typedef struct value_state {
    int64_t steps, updates, fresh;
    uint64_t sampler, explore; /* positions of the generators */
    int64_t floats;            /* of the target network */
} value_state;

void ppi_value_learn_end(ppi_value_agent *a) {
    ppi_online_net_close(&a->train);
    ppi_online_net_close(&a->next);
    ppi_online_net_close(&a->next_target);
    ppi_online_net_close(&a->actor);
    ppi_params_destroy(a->target);
    ppi_replay_destroy(a->replay);
    ppi_free(a->legal);
    ppi_free(a->action);
    ppi_free(a->stream);
    ppi_free(a->ret);
    ppi_free(a->discount);
    ppi_free(a->offset);
    ppi_free(a->row);
    a->offset = NULL;
    a->row = NULL;
    a->target = NULL;
    a->replay = NULL;
    a->legal = NULL;
    a->action = a->stream = NULL;
    a->ret = a->discount = NULL;
    a->streams = 0;
}

/* ---- set-up ---- */

static void copy_target(ppi_value_agent *a) {
    memcpy(a->target->master, a->base.params->master,
           (size_t)a->target->total * sizeof *a->target->master);
    ppi_params_sync(a->target, a->base.cfg.backend, a->base.cfg.threads);
}

/* Rows of the network in one update. */
static int64_t rows_of(const ppi_value_agent *a) {
    return a->kind->rows != NULL ? a->kind->rows(&a->o) : a->o.batch;
}

static pp_status open_nets(ppi_value_agent *a) {
    const ppi_agent_config *cfg = &a->base.cfg;
    const int64_t batch = rows_of(a);
    PPI_TRY(ppi_params_alloc(a->base.params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS));
    PPI_TRY(ppi_online_params(&a->target, &a->net, cfg));
    PPI_TRY(ppi_online_net_open(&a->train, &a->net, a->base.params, cfg, batch, true));
    PPI_TRY(ppi_online_net_open(&a->next_target, &a->net, a->target, cfg, batch, false));
    if (a->o.double_q)
        PPI_TRY(ppi_online_net_open(&a->next, &a->net, a->base.params, cfg, batch, false));
    return ppi_online_net_open(&a->actor, &a->net, a->base.params, cfg, a->streams, false);
}

static pp_status open_replay(ppi_value_agent *a) {
    const ppi_obs_spec *o = &a->net.obs;
    const ppi_replay_spec spec = {.o = a->o.replay,
                                  .streams = a->streams,
                                  .frame_bytes = ppi_obs_bytes(o),
                                  .pixels = o->h * o->w,
                                  .binary = o->type == PP_OBS_PLANES,
                                  .stack = a->net.stack,
                                  .n_step = (int)a->o.n_step,
                                  .gamma = a->o.gamma};
    return ppi_replay_create(&a->replay, &spec);
}

static pp_status open_rows(ppi_value_agent *a) {
    const size_t batch = (size_t)rows_of(a);
    a->offset = ppi_calloc((size_t)a->streams, sizeof *a->offset);
    a->row = ppi_calloc(batch, sizeof *a->row);
    a->legal = ppi_calloc((size_t)a->streams, (size_t)a->choices);
    a->action = ppi_calloc(batch, sizeof *a->action);
    a->stream = ppi_calloc(batch, sizeof *a->stream);
    a->ret = ppi_calloc(batch, sizeof *a->ret);
    a->discount = ppi_calloc(batch, sizeof *a->discount);
    if (a->legal == NULL || a->action == NULL || a->stream == NULL || a->ret == NULL ||
        a->discount == NULL || a->offset == NULL || a->row == NULL)
        return ppi_oom("the batch of a learner");
    return PP_OK;
}

static pp_status begin(ppi_agent *agent, const ppi_learn_setup *setup) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    PPI_TRY(ppi_learn_setup_check(agent, setup));
    ppi_value_learn_end(a);
    a->streams = setup->streams;
    PPI_TRY(open_replay(a));
    PPI_TRY(open_rows(a));
    PPI_TRY(open_nets(a));
    for (int64_t s = 0; s < a->streams; s++)
        ppi_online_legal(&a->base, a->legal + s * a->choices, setup->legal + s * PP_ENV_ACTIONS);
    ppi_rng_init(&a->sampler, setup->seed, PPI_RNG_SAMPLER, 0);
    ppi_rng_init(&a->explore, setup->seed, PPI_RNG_ACT, 0);
    a->steps = a->updates = a->fresh = 0;
    a->resumed = false;
    const int64_t learning = setup->total_steps - a->o.start;
    a->o.optim.total_steps = learning > 0 ? learning / a->o.period : 0;
    copy_target(a);
    return PP_OK;
}

static int64_t streams(const ppi_agent *agent) {
    return ((const ppi_value_agent *)agent)->o.streams;
}

/* ---- acting ---- */

static double epsilon(const ppi_value_agent *a) {
    const int64_t t = a->steps - a->o.start;
    if (t <= 0 && a->o.eps_steps > 0) return a->o.eps_start;
    if (t >= a->o.eps_steps) return a->o.eps_end;
    return a->o.eps_start + (a->o.eps_end - a->o.eps_start) * (double)t / (double)a->o.eps_steps;
}

/* The network runs when at least one stream asks for it. */
static pp_status act(ppi_agent *agent, const uint8_t *obs, int32_t *actions) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    const double eps = epsilon(a);
    bool greedy = false;
    for (int64_t s = 0; s < a->streams; s++) {
        const bool random = ppi_rng_unit(&a->explore) < eps;
        actions[s] = random ? ppi_value_any(a, a->legal + s * a->choices, &a->explore) : -1;
        greedy = greedy || !random;
    }
    if (greedy) {
        const int64_t frame = ppi_obs_bytes(&a->net.obs);
        const int64_t bytes = ppi_online_stack_bytes(&a->net);
        for (int64_t s = 0; s < a->streams; s++)
            ppi_replay_stack(a->replay, s, obs + s * frame, (uint8_t *)a->actor.frames + s * bytes);
        PPI_TRY(ppi_online_net_forward(&a->actor));
    }
    for (int64_t s = 0; s < a->streams; s++) {
        float q = 0;
        if (actions[s] < 0)
            actions[s] = ppi_value_best(a, a->actor.head + s * a->net.outputs,
                                        a->legal + s * a->choices, &q);
        actions[s] = agent->cfg.actions.list[actions[s]];
    }
    return PP_OK;
}

/* ---- updates ---- */

/* Gradient of the batch's mean loss into train.dhead. */
static double losses(ppi_value_agent *a, double *mean_q) {
    const ppi_online_net *chooser = a->o.double_q ? &a->next : &a->next_target;
    const int64_t n = a->o.batch;
    const int64_t outputs = a->net.outputs;
    double loss = 0;
    double q = 0;
    memset(a->train.dhead, 0, (size_t)(n * outputs) * sizeof *a->train.dhead);
    for (int64_t i = 0; i < n; i++) {
        float best_q = 0;
        const uint8_t *legal = a->legal + a->stream[i] * a->choices;
        const int32_t best = ppi_value_best(a, chooser->head + i * outputs, legal, &best_q);
        const ppi_value_row row = {
            .head = a->train.head + i * outputs,
            .next = a->next_target.head + i * outputs + best * a->columns,
            .actions = a->choices,
            .action = a->action[i],
            .ret = a->ret[i],
            .discount = a->discount[i],
            .weight = 1.0f / (float)n,
        };
        loss += a->kind->loss(a->train.dhead + i * outputs, &row, &a->o);
        q += (double)a->kind->value(row.head + row.action * a->columns, &a->o);
    }
    *mean_q = q / (double)n;
    return loss / (double)n;
}

pp_status ppi_value_finish(ppi_value_agent *a, double loss, double mean_q, ppi_metrics *out) {
    double norm = 0;
    out->count = 0;
    if (!isfinite(loss))
        return ppi_fail(PP_ERR_NUMERIC, "update %lld: the loss is %g", (long long)a->updates, loss);
    PPI_TRY(ppi_online_net_backward(&a->train));
    const pp_status s = ppi_optim_step(&a->o.optim, a->base.params, a->base.cfg.backend, a->updates,
                                       a->train.threads, &norm);
    if (s != PP_OK) return ppi_fail_context(s, "update %lld", (long long)a->updates);
    ppi_metrics_add(out, "losses/total", loss);
    ppi_metrics_add(out, "charts/q", mean_q);
    ppi_metrics_add(out, "charts/grad_norm", norm);
    ppi_metrics_add(out, "charts/lr", ppi_optim_lr(&a->o.optim, a->updates));
    ppi_metrics_add(out, "charts/epsilon", epsilon(a));
    a->updates++;
    if (a->updates % a->o.target_every == 0) copy_target(a);
    return PP_OK;
}

pp_status ppi_value_update(ppi_value_agent *a, ppi_metrics *out) {
    out->count = 0;
    PPI_TRY(ppi_online_net_forward(&a->train));
    PPI_TRY(ppi_online_net_forward(&a->next_target));
    if (a->o.double_q) {
        memcpy(a->next.frames, a->next_target.frames,
               (size_t)(a->o.batch * ppi_online_stack_bytes(&a->net)));
        PPI_TRY(ppi_online_net_forward(&a->next));
    }
    double q = 0;
    const double loss = losses(a, &q);
    return ppi_value_finish(a, loss, q, out);
}

static pp_status draw_and_update(ppi_value_agent *a, ppi_metrics *out) {
    const ppi_replay_batch batch = {.frames = a->train.frames,
                                    .next_frames = a->next_target.frames,
                                    .action = a->action,
                                    .stream = a->stream,
                                    .ret = a->ret,
                                    .discount = a->discount};
    PPI_TRY(ppi_replay_sample(a->replay, &a->sampler, a->o.batch, &batch));
    return ppi_value_update(a, out);
}

static pp_status append(ppi_value_agent *a, const ppi_learn_step *t) {
    const int64_t frame = ppi_obs_bytes(&a->net.obs);
    for (int64_t s = 0; s < a->streams; s++) {
        const int32_t k = ppi_online_choice(&a->base, t->action[s]);
        if (k < 0 || !a->legal[s * a->choices + k])
            return ppi_fail(PP_ERR_ARGUMENT, "action %d of stream %lld is not in its action list",
                            (int)t->action[s], (long long)s);
        ppi_replay_append(a->replay, s, t->obs + s * frame, k,
                          ppi_reward_shape(t->reward[s], a->o.reward), t->terminated[s] != 0,
                          t->truncated[s] != 0, t->final_obs + s * frame);
    }
    return PP_OK;
}

/* Updates that are due after so many agent steps. */
static int64_t due(const ppi_value_agent *a, int64_t steps) {
    return steps < a->o.start ? 0 : (steps - a->o.start) / a->o.period;
}

/* The rows played before the run was resumed, less those the replay numbers itself. */
static void settle_offsets(ppi_value_agent *a) {
    for (int64_t s = 0; a->resumed && s < a->streams; s++)
        a->offset[s] -= ppi_replay_end(a->replay, s);
    a->resumed = false;
}

static pp_status step(ppi_agent *agent, const ppi_learn_step *t, ppi_metrics *out) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    out->count = 0;
    settle_offsets(a);
    PPI_TRY(append(a, t));
    const int64_t before = due(a, a->steps);
    a->steps += a->streams;
    if (a->kind->learn != NULL) return a->kind->learn(a, out);
    for (int64_t n = due(a, a->steps) - before; n > 0; n--) PPI_TRY(draw_and_update(a, out));
    return PP_OK;
}

static int64_t updates(const ppi_agent *agent) {
    return ((const ppi_value_agent *)agent)->updates;
}

/* ---- resuming ---- */

static pp_status save(ppi_agent *agent, ppi_buf *out) {
    const ppi_value_agent *a = (const ppi_value_agent *)agent;
    const value_state s = {.steps = a->steps,
                           .updates = a->updates,
                           .fresh = a->fresh,
                           .sampler = a->sampler.pos,
                           .explore = a->explore.pos,
                           .floats = a->target->total};
    PPI_TRY(ppi_buf_append(out, &s, sizeof s));
    for (int64_t i = 0; i < a->streams; i++) {
        const int64_t played = a->offset[i] + (a->resumed ? 0 : ppi_replay_end(a->replay, i));
        PPI_TRY(ppi_buf_append(out, &played, sizeof played));
    }
    return ppi_buf_append(out, a->target->master,
                          (size_t)a->target->total * sizeof *a->target->master);
}

static pp_status load(ppi_agent *agent, const void *data, size_t size) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    ppi_state_reader r = {.at = data, .left = size};
    value_state s;
    ppi_state_read(&r, &s, sizeof s);
    if (!r.failed && s.floats != a->target->total)
        return ppi_fail(PP_ERR_CORRUPT,
                        "the state holds a target network of %lld values, expected %lld",
                        (long long)s.floats, (long long)a->target->total);
    ppi_state_read(&r, a->offset, (size_t)a->streams * sizeof *a->offset);
    ppi_state_read(&r, a->target->master, (size_t)a->target->total * sizeof *a->target->master);
    PPI_TRY(ppi_state_end(&r, agent));
    a->steps = s.steps;
    a->updates = s.updates;
    a->fresh = s.fresh;
    a->resumed = true;
    a->sampler.pos = s.sampler;
    a->explore.pos = s.explore;
    ppi_params_sync(a->target, agent->cfg.backend, agent->cfg.threads);
    return PP_OK;
}

/* One more than fits: the oldest row that stays then knows whether an episode began there. */
static int64_t replay_steps(const ppi_agent *agent) {
    return ppi_replay_rows(((const ppi_value_agent *)agent)->replay) + 1;
}

static pp_status replay(ppi_agent *agent, const ppi_learn_step *t) {
    return append((ppi_value_agent *)agent, t);
}

const ppi_learner_calls ppi_value_learner = {
    .streams = streams,
    .begin = begin,
    .act = act,
    .step = step,
    .updates = updates,
    .save = save,
    .load = load,
    .replay_steps = replay_steps,
    .replay = replay,
};
