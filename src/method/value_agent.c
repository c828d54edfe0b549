/* Creation, playing without learning, and the single forward pass of Q-learning agents. */
#include "method/value_agent.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* Values begin near zero, so that what is learned first is not noise. */
static const double FIRST_VALUES = 1e-4;

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
    ppi_online_play_end(&a->play);
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

static pp_status act_begin(ppi_agent *agent, int64_t n) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    return ppi_online_play_begin(&a->play, agent, &a->net, n);
}

static pp_status act_game(ppi_agent *agent, int64_t env, int32_t game, const uint8_t *legal) {
    (void)game;
    return ppi_online_play_game(&((ppi_value_agent *)agent)->play, agent, env, legal);
}

static pp_status act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    ppi_online_play_reset(&a->play, &a->net, env, obs, episode);
    return PP_OK;
}

static pp_status act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    PPI_TRY(ppi_online_net_forward(&a->play.net));
    for (int64_t e = 0; e < a->play.players; e++) {
        if (live != NULL && !live[e]) continue;
        const uint8_t *legal = ppi_online_play_legal(&a->play, agent, e);
        ppi_rng rng = ppi_online_play_rng(&a->play, agent, e);
        float q = 0;
        const bool random = ppi_rng_unit(&rng) < a->o.eps_eval;
        const int32_t k = random ? ppi_value_any(a, legal, &rng)
                                 : ppi_value_best(a, ppi_online_play_head(&a->play, e), legal, &q);
        actions[e] = agent->cfg.actions.list[k];
    }
    return PP_OK;
}

static pp_status observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    ppi_value_agent *a = (ppi_value_agent *)agent;
    (void)action;
    (void)reward;
    ppi_online_play_observe(&a->play, &a->net, env, next_obs);
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
    if (strcmp(which, "act") == 0) return a->play.net.plan != NULL ? a->play.net.plan : a->actor.plan;
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
