/* IMPALA while learning: unrolls of all streams, then one update by V-trace. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/impala_agent.h"

/* What save writes in front of the rows of the unfinished unroll. */
typedef struct impala_state {
    int64_t steps, updates, at;
    uint64_t explore;
} impala_state;

void ppi_impala_learn_end(ppi_impala_agent *a) {
    ppi_online_net_close(&a->train);
    ppi_online_net_close(&a->actor);
    ppi_free(a->legal);
    ppi_free(a->action);
    ppi_free(a->log_mu);
    ppi_free(a->reward);
    ppi_free(a->discount);
    ppi_free(a->cut);
    ppi_free(a->begins);
    ppi_free(a->state);
    ppi_free(a->log_rho);
    a->legal = a->cut = a->begins = NULL;
    a->action = NULL;
    a->log_mu = a->reward = a->discount = a->state = a->log_rho = NULL;
    a->streams = 0;
}

/* ---- set-up ---- */

static pp_status open_rows(ppi_impala_agent *a) {
    const size_t n = (size_t)a->streams;
    const size_t rows = n * (size_t)a->o.unroll;
    const size_t width = (size_t)a->o.unroll + 1;
    a->legal = ppi_calloc(n, (size_t)a->choices);
    a->action = ppi_calloc(rows, sizeof *a->action);
    a->log_mu = ppi_calloc(rows, sizeof *a->log_mu);
    a->reward = ppi_calloc(rows, sizeof *a->reward);
    a->discount = ppi_calloc(rows, sizeof *a->discount);
    a->cut = ppi_calloc(rows, 1);
    a->begins = ppi_calloc(n, 1);
    a->state = ppi_calloc(2 * n * (size_t)a->o.lstm + 1, sizeof *a->state);
    a->log_rho = ppi_calloc(4 * width, sizeof *a->log_rho);
    if (a->legal == NULL || a->action == NULL || a->log_mu == NULL || a->reward == NULL ||
        a->discount == NULL || a->cut == NULL || a->begins == NULL || a->state == NULL ||
        a->log_rho == NULL)
        return ppi_oom("the unrolls of a learner");
    a->value = a->log_rho + width;
    a->target = a->value + width;
    a->advantage = a->target + width;
    return PP_OK;
}

static pp_status begin(ppi_agent *agent, const ppi_learn_setup *setup) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    const ppi_agent_config *cfg = &agent->cfg;
    PPI_TRY(ppi_learn_setup_check(agent, setup));
    ppi_impala_learn_end(a);
    a->streams = setup->streams;
    PPI_TRY(open_rows(a));
    PPI_TRY(ppi_params_alloc(agent->params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS));
    PPI_TRY(ppi_online_net_open_sequences(&a->train, &a->net, agent->params, cfg, a->streams,
                                          a->o.unroll + 1, true));
    PPI_TRY(ppi_online_net_open(&a->actor, &a->net, agent->params, cfg, a->streams, false));
    for (int64_t s = 0; s < a->streams; s++)
        ppi_impala_legal(a, a->legal + s * a->choices, setup->legal + s * PP_ENV_ACTIONS);
    memset(a->begins, 1, (size_t)a->streams);
    ppi_rng_init(&a->explore, setup->seed, PPI_RNG_ACT, 0);
    a->steps = a->updates = a->at = 0;
    a->o.optim.total_steps = setup->total_steps / (a->streams * a->o.unroll);
    return PP_OK;
}

static int64_t streams(const ppi_agent *agent) {
    return ((const ppi_impala_agent *)agent)->o.streams;
}

/* ---- acting ---- */

static uint8_t *actor_frames(const ppi_impala_agent *a, int64_t stream) {
    return (uint8_t *)a->actor.frames + stream * ppi_online_stack_bytes(&a->net);
}

/* Row `at` of a stream in the inputs of train. */
static int64_t train_row(const ppi_impala_agent *a, int64_t stream, int64_t at) {
    return stream * (a->o.unroll + 1) + at;
}

static void look(ppi_impala_agent *a, const uint8_t *obs) {
    const ppi_obs_spec *o = &a->net.obs;
    const int64_t pixels = o->h * o->w;
    const int64_t frame = ppi_obs_bytes(o);
    const int64_t bytes = ppi_online_stack_bytes(&a->net);
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = train_row(a, s, a->at);
        ppi_stack_push(actor_frames(a, s), obs + s * frame, pixels, frame / pixels, a->net.stack,
                       a->begins[s] != 0);
        memcpy((uint8_t *)a->train.frames + row * bytes, actor_frames(a, s), (size_t)bytes);
        if (a->o.lstm > 0) a->train.reset[row] = a->actor.reset[s] = a->begins[s];
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
    memcpy(a->state, a->actor.h0, n * sizeof(float));
    memcpy(a->state + n, a->actor.c0, n * sizeof(float));
}

static pp_status act(ppi_agent *agent, const uint8_t *obs, int32_t *actions) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    look(a, obs);
    if (a->at == 0 && a->o.lstm > 0) keep_state(a);
    PPI_TRY(ppi_online_net_forward(&a->actor));
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = s * a->o.unroll + a->at;
        const int32_t k = ppi_impala_draw(a, a->actor.head + s * a->net.outputs,
                                          a->legal + s * a->choices, &a->explore, &a->log_mu[row]);
        a->action[row] = k;
        actions[s] = agent->cfg.actions.list[k];
    }
    if (a->o.lstm > 0) carry_state(a);
    return PP_OK;
}

/* ---- updates ---- */

/* Targets and gradient of one stream; adds its losses to *sum. */
static void sequence_loss(ppi_impala_agent *a, int64_t stream, ppi_actor_loss *sum) {
    const int64_t T = a->o.unroll;
    const int64_t outputs = a->net.outputs;
    const float *head = a->train.head + train_row(a, stream, 0) * outputs;
    float *dhead = a->train.dhead + train_row(a, stream, 0) * outputs;
    const uint8_t *legal = a->legal + stream * a->choices;
    const int64_t first = stream * T;
    float p[PP_ENV_ACTIONS];
    float log_p[PP_ENV_ACTIONS];
    for (int64_t t = 0; t <= T; t++) {
        a->value[t] = head[t * outputs + a->choices];
        if (t == T) break;
        ppi_legal_softmax(p, log_p, head + t * outputs, legal, a->choices);
        a->log_rho[t] = log_p[a->action[first + t]] - a->log_mu[first + t];
    }
    const ppi_vtrace_in in = {.T = T,
                              .log_rho = a->log_rho,
                              .reward = a->reward + first,
                              .discount = a->discount + first,
                              .value = a->value,
                              .cut = a->cut + first,
                              .rho_bar = (float)a->o.rho_bar,
                              .pg_rho_bar = (float)a->o.pg_rho_bar};
    ppi_vtrace(a->target, a->advantage, &in);
    for (int64_t t = 0; t < T; t++) {
        const ppi_actor_row row = {.logits = head + t * outputs,
                                   .legal = legal,
                                   .actions = a->choices,
                                   .action = a->action[first + t],
                                   .value = a->value[t],
                                   .target = a->target[t],
                                   .advantage = a->advantage[t],
                                   .entropy_cost = (float)a->o.entropy_cost,
                                   .baseline_cost = (float)a->o.baseline_cost};
        ppi_actor_row_loss(sum, dhead + t * outputs, dhead + t * outputs + a->choices, &row);
    }
    memset(dhead + T * outputs, 0, (size_t)outputs * sizeof *dhead);
}

pp_status ppi_impala_update(ppi_impala_agent *a, ppi_metrics *out) {
    out->count = 0;
    if (a->o.lstm > 0) {
        const size_t n = (size_t)(a->streams * a->o.lstm);
        memcpy(a->train.h0, a->state, n * sizeof(float));
        memcpy(a->train.c0, a->state + n, n * sizeof(float));
    }
    PPI_TRY(ppi_online_net_forward(&a->train));
    ppi_actor_loss sum = {0, 0, 0};
    for (int64_t s = 0; s < a->streams; s++) sequence_loss(a, s, &sum);
    const double loss =
        sum.policy + a->o.baseline_cost * sum.baseline - a->o.entropy_cost * sum.entropy;
    if (!isfinite(loss))
        return ppi_fail(PP_ERR_NUMERIC, "update %lld: the loss is %g", (long long)a->updates, loss);
    PPI_TRY(ppi_online_net_backward(&a->train));
    double norm = 0;
    const pp_status s = ppi_optim_step(&a->o.optim, a->base.params, a->base.cfg.backend, a->updates,
                                       a->train.threads, &norm);
    if (s != PP_OK) return ppi_fail_context(s, "update %lld", (long long)a->updates);
    const double rows = (double)(a->streams * a->o.unroll);
    ppi_metrics_add(out, "losses/total", loss);
    ppi_metrics_add(out, "losses/policy", sum.policy);
    ppi_metrics_add(out, "losses/value", sum.baseline);
    ppi_metrics_add(out, "charts/entropy", sum.entropy / rows);
    ppi_metrics_add(out, "charts/grad_norm", norm);
    ppi_metrics_add(out, "charts/lr", ppi_optim_lr(&a->o.optim, a->updates));
    a->updates++;
    return PP_OK;
}

/* The observations behind the last steps: rows of the bootstrap values. */
static void look_ahead(ppi_impala_agent *a, const uint8_t *next_obs) {
    const ppi_obs_spec *o = &a->net.obs;
    const int64_t pixels = o->h * o->w;
    const int64_t frame = ppi_obs_bytes(o);
    const int64_t bytes = ppi_online_stack_bytes(&a->net);
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = train_row(a, s, a->o.unroll);
        uint8_t *stack = (uint8_t *)a->train.frames + row * bytes;
        memcpy(stack, actor_frames(a, s), (size_t)bytes);
        ppi_stack_push(stack, next_obs + s * frame, pixels, frame / pixels, a->net.stack,
                       a->begins[s] != 0);
        if (a->o.lstm > 0) a->train.reset[row] = a->begins[s];
    }
}

static pp_status step(ppi_agent *agent, const ppi_learn_step *t, ppi_metrics *out) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    out->count = 0;
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t row = s * a->o.unroll + a->at;
        const bool ended = t->terminated[s] != 0 || t->truncated[s] != 0;
        const double r = t->reward[s];
        if (t->action[s] != agent->cfg.actions.list[a->action[row]])
            return ppi_fail(PP_ERR_ARGUMENT,
                            "stream %lld played action %d, and %d was chosen for it", (long long)s,
                            (int)t->action[s], (int)agent->cfg.actions.list[a->action[row]]);
        a->reward[row] = (float)(a->o.clip_reward ? fmax(-1, fmin(1, r)) : r);
        a->discount[row] = ended ? 0.0f : (float)a->o.gamma;
        a->cut[row] = !t->terminated[s] && t->truncated[s];
        a->begins[s] = ended;
    }
    a->steps += a->streams;
    if (++a->at < a->o.unroll) return PP_OK;
    a->at = 0;
    look_ahead(a, t->next_obs);
    return ppi_impala_update(a, out);
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
enum { PIECES = 12 };

static int list_pieces(const ppi_impala_agent *a, piece *out) {
    const size_t n = (size_t)a->streams;
    const size_t rows = n * (size_t)a->o.unroll;
    const size_t bytes = (size_t)ppi_online_stack_bytes(&a->net);
    const size_t state = n * (size_t)a->o.lstm * sizeof(float);
    int k = 0;
    out[k++] = (piece){a->action, rows * sizeof *a->action};
    out[k++] = (piece){a->log_mu, rows * sizeof *a->log_mu};
    out[k++] = (piece){a->reward, rows * sizeof *a->reward};
    out[k++] = (piece){a->discount, rows * sizeof *a->discount};
    out[k++] = (piece){a->cut, rows};
    out[k++] = (piece){a->begins, n};
    out[k++] = (piece){a->actor.frames, n * bytes};
    out[k++] = (piece){a->train.frames, n * (size_t)(a->o.unroll + 1) * bytes};
    if (a->o.lstm == 0) return k;
    out[k++] = (piece){a->state, 2 * state};
    out[k++] = (piece){a->actor.h0, state};
    out[k++] = (piece){a->actor.c0, state};
    out[k++] = (piece){a->train.reset, n * (size_t)(a->o.unroll + 1)};
    return k;
}

static pp_status save(ppi_agent *agent, ppi_buf *out) {
    const ppi_impala_agent *a = (const ppi_impala_agent *)agent;
    const impala_state s = {
        .steps = a->steps, .updates = a->updates, .at = a->at, .explore = a->explore.pos};
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
    const int n = list_pieces(a, pieces);
    ppi_state_read(&r, &s, sizeof s);
    for (int i = 0; i < n; i++) ppi_state_read(&r, pieces[i].at, pieces[i].size);
    PPI_TRY(ppi_state_end(&r, agent));
    if (s.at < 0 || s.at >= a->o.unroll)
        return ppi_fail(PP_ERR_CORRUPT, "the saved state is at step %lld of an unroll of %lld",
                        (long long)s.at, (long long)a->o.unroll);
    a->steps = s.steps;
    a->updates = s.updates;
    a->at = s.at;
    a->explore.pos = s.explore;
    return PP_OK;
}

const ppi_learner_calls ppi_impala_learner = {
    .streams = streams,
    .begin = begin,
    .act = act,
    .step = step,
    .updates = updates,
    .save = save,
    .load = load,
};
