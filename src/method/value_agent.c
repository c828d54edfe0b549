/* Creation, playing without learning, and the single forward pass of Q-learning agents. */
#include "method/value_agent.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* Values begin near zero, so that what is learned first is not noise. */
static const double FIRST_VALUES = 1e-4;

/* Outputs of the generator set aside for one decision while playing. */
enum { DRAWS_PER_STEP = 64 };

float ppi_reward_shape(double reward, int how) {
    if (how == PPI_REWARD_CLIP) return (float)(reward > 1 ? 1 : reward < -1 ? -1 : reward);
    if (how == PPI_REWARD_LOG) return (float)copysign(log2(1.0 + fabs(reward)), reward);
    return (float)reward;
}

pp_status ppi_value_recipe(ppi_options *set, const char *size, const ppi_option_value *arcade,
                           size_t n_arcade, const ppi_option_value *atari, size_t n_atari) {
    if (strcmp(size, "arcade") == 0) return ppi_online_recipe(set, size, arcade, n_arcade);
    return ppi_online_recipe(set, size, atari, n_atari);
}

int64_t ppi_value_default_batch(const char *size) {
    (void)size;
    return 32;
}

/* ---- choices ---- */

int32_t ppi_value_best(const ppi_value_agent *a, const float *head, const uint8_t *legal,
                       float *q) {
    int32_t best = -1;
    float most = 0;
    for (int32_t k = 0; k < a->choices; k++) {
        if (!legal[k]) continue;
        const float value = a->kind->value(head + k * a->columns, &a->o);
        if (best >= 0 && !(value > most)) continue;
        best = k;
        most = value;
    }
    *q = most;
    return best < 0 ? 0 : best;
}

void ppi_value_legal(const ppi_value_agent *a, uint8_t *out, const uint8_t *legal) {
    for (int64_t k = 0; k < a->choices; k++) out[k] = legal[a->base.cfg.actions.list[k]];
}

int32_t ppi_value_any(const ppi_value_agent *a, const uint8_t *legal, ppi_rng *rng) {
    int64_t n = 0;
    for (int64_t k = 0; k < a->choices; k++) n += legal[k] != 0;
    int64_t pick = (int64_t)ppi_rng_below(rng, (uint64_t)n);
    for (int32_t k = 0; k < a->choices; k++) {
        if (legal[k] && pick-- == 0) return k;
    }
    return 0;
}

/* ---- creation ---- */

static pp_status configure(ppi_value_agent *a) {
    ppi_agent_config *cfg = &a->base.cfg;
    if (a->kind->check != NULL) PPI_TRY(a->kind->check(&a->o));
    if (cfg->games < 1) cfg->games = 1;
    a->choices = cfg->actions.count;
    a->columns = a->kind->columns(&a->o);
    const char *torso = a->kind->torso != NULL ? "impala" : a->size;
    PPI_TRY(
        ppi_online_net_spec_fill(&a->net, &cfg->obs, torso, a->o.stack, a->choices * a->columns));
    if (a->kind->torso != NULL) a->kind->torso(&a->net.torso, a->size);
    a->net.head_variance = FIRST_VALUES;
    return ppi_online_params(&a->base.params, &a->net, cfg);
}

static void destroy(ppi_agent *agent) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    if (a == NULL) return;
    ppi_value_learn_end(a);
    ppi_value_play_end(a);
    ppi_online_net_close(&a->forward);
    ppi_params_destroy(a->base.params);
    ppi_free(a);
}

pp_status ppi_value_create(ppi_agent **out, const ppi_agent_config *cfg,
                           const ppi_value_kind *kind) {
    *out = NULL;
    ppi_value_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    ppi_online_init(&a->base, cfg, &a->o, a->size, sizeof a->size);
    a->kind = kind;
    const pp_status s = configure(a);
    if (s != PP_OK) {
        destroy(&a->base);
        return s;
    }
    *out = &a->base;
    return PP_OK;
}

/* ---- playing ---- */

void ppi_value_play_end(ppi_value_agent *a) {
    ppi_online_net_close(&a->play);
    ppi_free(a->play_legal);
    ppi_free(a->player);
    a->play_legal = NULL;
    a->player = NULL;
    a->players = 0;
}

static pp_status act_begin(ppi_agent *agent, int64_t n) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    if (n < 1)
        return ppi_fail(PP_ERR_ARGUMENT, "acting in %lld environments, expected 1 or more",
                        (long long)n);
    if (a->players == n) return PP_OK;
    ppi_value_play_end(a);
    a->play_legal = ppi_calloc((size_t)n, (size_t)a->choices);
    a->player = ppi_calloc((size_t)n, sizeof *a->player);
    if (a->play_legal == NULL || a->player == NULL) return ppi_oom("the players of an agent");
    memset(a->play_legal, 1, (size_t)(n * a->choices));
    PPI_TRY(ppi_online_net_open(&a->play, &a->net, agent->params, &agent->cfg, n, false));
    a->players = n;
    return PP_OK;
}

static pp_status act_game(ppi_agent *agent, int64_t env, int32_t game, const uint8_t *legal) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    (void)game;
    ppi_value_legal(a, a->play_legal + env * a->choices, legal);
    return PP_OK;
}

static void push(ppi_value_agent *a, int64_t env, const uint8_t *obs, bool begin) {
    const ppi_obs_spec *o = &a->net.obs;
    const int64_t pixels = o->h * o->w;
    uint8_t *stack = (uint8_t *)a->play.frames + env * ppi_online_stack_bytes(&a->net);
    ppi_stack_push(stack, obs, pixels, ppi_obs_bytes(o) / pixels, a->net.stack, begin);
}

static pp_status act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    push(a, env, obs, true);
    a->player[env] = (ppi_value_player){.episode = episode, .step = 0};
    return PP_OK;
}

static pp_status act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    PPI_TRY(ppi_online_net_forward(&a->play));
    for (int64_t e = 0; e < a->players; e++) {
        if (live != NULL && !live[e]) continue;
        const uint8_t *legal = a->play_legal + e * a->choices;
        ppi_rng rng;
        ppi_rng_init(&rng, agent->cfg.seed, PPI_RNG_ACT, a->player[e].episode);
        rng.pos = (uint64_t)a->player[e].step * DRAWS_PER_STEP;
        float q = 0;
        const bool random = ppi_rng_unit(&rng) < a->o.eps_eval;
        const int32_t k = random ? ppi_value_any(a, legal, &rng)
                                 : ppi_value_best(a, a->play.head + e * a->net.outputs, legal, &q);
        actions[e] = agent->cfg.actions.list[k];
    }
    return PP_OK;
}

static pp_status observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    (void)action;
    (void)reward;
    push(a, env, next_obs, false);
    a->player[env].step++;
    return PP_OK;
}

/* ---- the other calls ---- */

static pp_status train_setup(ppi_agent *agent, int64_t batch, int64_t total_steps) {
    (void)batch;
    ((ppi_value_agent *)agent)->o.optim.total_steps = total_steps;
    return ppi_params_alloc(agent->params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS);
}

static pp_status forward_setup(ppi_agent *agent, int64_t batch, const ppi_io_tensor **io, int *n) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    if (batch < 1)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a forward batch of %lld was asked for, expected 1 or more",
                        (long long)batch);
    if (a->forward.batch != batch) {
        ppi_online_net_close(&a->forward);
        PPI_TRY(
            ppi_online_net_open(&a->forward, &a->net, agent->params, &agent->cfg, batch, false));
    }
    const ppi_obs_spec *o = &a->net.obs;
    a->io[0] = (ppi_io_tensor){.name = "frames",
                               .dtype = o->type == PP_OBS_FLOAT ? PPI_F32 : PPI_U8,
                               .shape = ppi_shape4(batch, o->h, o->w, o->c * a->net.stack),
                               .data = a->forward.frames};
    a->io[1] = (ppi_io_tensor){.name = "head",
                               .dtype = PPI_F32,
                               .shape = ppi_shape3(batch, a->choices, a->columns),
                               .output = true,
                               .data = a->forward.head};
    *io = a->io;
    *n = 2;
    return PP_OK;
}

static pp_status forward(ppi_agent *agent) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    if (a->forward.plan == NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "a forward pass was asked for before its set-up");
    return ppi_online_net_forward(&a->forward);
}

static pp_status describe_acting(const ppi_agent *agent, ppi_jsonw *w) {
    const ppi_value_agent *a = (const ppi_value_agent *)agent;
    ppi_jsonw_key_f64(w, "epsilon", a->o.eps_eval);
    return w->buf->failed;
}

static ppi_plan *plan(const ppi_agent *agent, const char *which) {
    const ppi_value_agent *a = (const ppi_value_agent *)agent;
    if (strcmp(which, "train") == 0) return a->train.plan;
    if (strcmp(which, "act") == 0) return a->play.plan != NULL ? a->play.plan : a->actor.plan;
    if (strcmp(which, "forward") == 0) return a->forward.plan;
    return NULL;
}

const ppi_agent_calls ppi_value_calls = {
    .destroy = destroy,
    .window = ppi_online_window,
    .train_setup = train_setup,
    .train_step = ppi_online_train_step,
    .act_begin = act_begin,
    .act_game = act_game,
    .act_reset = act_reset,
    .act = act,
    .observe = observe,
    .forward_setup = forward_setup,
    .forward = forward,
    .describe_acting = describe_acting,
    .plan = plan,
};
