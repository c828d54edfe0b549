/* IMPALA (Espeholt et al. 2018) as a method: options, recipes, creation, playing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/impala_agent.h"

#define ROW(row, kind, field, value, low, high, text)                                              \
    {                                                                                              \
        .name = row, .type = kind, .offset = offsetof(ppi_impala_options, field), .def = value,    \
        .min = low, .max = high, .help = text                                                      \
    }
static const ppi_option rows[] = {
    ROW("impala.streams", PPI_OPT_I64, streams, "32", 1, 4096,
        "Environments of one game played side by side."),
    ROW("impala.stack", PPI_OPT_I64, stack, "0", 0, 16,
        "Frames the network sees; 0 = 4 for grey84, 1 for others."),
    ROW("impala.unroll", PPI_OPT_I64, unroll, "20", 1, 10000, "Steps of a sequence."),
    ROW("impala.lstm", PPI_OPT_I64, lstm, "0", 0, 4096,
        "Width of an LSTM between torso and head; 0 = none."),
    ROW("impala.lag", PPI_OPT_I64, lag, "1", 0, 1,
        "1: play an unroll while learning from the one before; 0: take turns."),
    ROW("impala.learner-threads", PPI_OPT_I64, learner_threads, "1", 1, 1024,
        "Threads of an update with --impala.lag 1; the others play."),
    ROW("impala.gamma", PPI_OPT_F64, gamma, "0.99", 0, 1, "Discount of one step."),
    ROW("impala.entropy-cost", PPI_OPT_F64, entropy_cost, "0.01", 0, 100,
        "Weight of the policy's entropy."),
    ROW("impala.baseline-cost", PPI_OPT_F64, baseline_cost, "0.5", 0, 100,
        "Weight of half the squared error of the value."),
    ROW("impala.rho-bar", PPI_OPT_F64, rho_bar, "1", 0, 1e9,
        "Largest importance weight of a value target."),
    ROW("impala.pg-rho-bar", PPI_OPT_F64, pg_rho_bar, "1", 0, 1e9,
        "Largest importance weight of an advantage."),
    {.name = "impala.clip-reward",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(ppi_impala_options, clip_reward),
     .def = "on",
     .help = "Learn from rewards clipped to [-1,1]."},
    {.name = "impala.greedy",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(ppi_impala_options, greedy),
     .def = "off",
     .help = "While not learning, take the likeliest action instead of drawing one."},
};
static const ppi_option_table table = {"impala", rows, sizeof rows / sizeof rows[0]};

static const ppi_method_table tables[] = {
    {&table, 0},
    {&ppi_optim_option_table, offsetof(ppi_impala_options, optim)},
};

/* The Atari settings of the paper. */
static const ppi_option_value recipe_rows[] = {
    {"optim.name", "rmsprop"},  {"optim.lr", "6e-4"},  {"optim.beta1", "0"},
    {"optim.beta2", "0.99"},    {"optim.eps", "0.01"}, {"optim.weight-decay", "0"},
    {"optim.clip", "40"},       {"optim.warmup", "0"}, {"optim.schedule", "linear"},
    {"optim.final-ratio", "0"},
};

static pp_status recipe(ppi_options *set, const char *size) {
    return ppi_online_recipe(set, size, recipe_rows, sizeof recipe_rows / sizeof recipe_rows[0]);
}

/* ---- creation ---- */

static void destroy(ppi_agent *agent) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    if (a == NULL) return;
    ppi_impala_learn_end(a);
    ppi_online_play_end(&a->play);
    ppi_params_destroy(a->base.params);
    ppi_free(a);
}

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    *out = NULL;
    ppi_impala_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    ppi_online_init(&a->base, cfg, &a->o, a->size, sizeof a->size);
    a->choices = a->base.cfg.actions.count;
    pp_status s = ppi_online_net_spec_fill(&a->net, &cfg->obs, a->size, a->o.stack, a->choices + 1);
    a->net.lstm = a->o.lstm;
    if (s == PP_OK) s = ppi_online_params(&a->base.params, &a->net, &a->base.cfg);
    if (s != PP_OK) {
        destroy(&a->base);
        return s;
    }
    *out = &a->base;
    return PP_OK;
}

/* ---- choices ---- */

int32_t ppi_impala_draw(const ppi_impala_agent *a, const float *head, const uint8_t *legal,
                        ppi_rng *rng, float *log_p) {
    float p[PP_ENV_ACTIONS];
    float logs[PP_ENV_ACTIONS];
    int32_t choice = -1;
    double left = ppi_rng_unit(rng);
    ppi_legal_softmax(p, logs, head, legal, a->choices);
    for (int32_t k = 0; k < a->choices; k++) {
        if (!legal[k]) continue;
        choice = k;
        left -= (double)p[k];
        if (left < 0) break;
    }
    if (log_p != NULL) *log_p = logs[choice];
    return choice;
}

static int32_t likeliest(const ppi_impala_agent *a, const float *head, const uint8_t *legal) {
    int32_t best = -1;
    for (int32_t k = 0; k < a->choices; k++) {
        if (legal[k] && (best < 0 || head[k] > head[best])) best = k;
    }
    return best;
}

/* ---- playing ---- */

static pp_status act_begin(ppi_agent *agent, int64_t n) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    return ppi_online_play_begin(&a->play, agent, &a->net, n);
}

static pp_status act_game(ppi_agent *agent, int64_t env, int32_t game, const uint8_t *legal) {
    (void)game;
    return ppi_online_play_game(&((ppi_impala_agent *)agent)->play, agent, env, legal);
}

static pp_status act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    ppi_online_play_reset(&a->play, &a->net, env, obs, episode);
    return PP_OK;
}

static pp_status act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    PPI_TRY(ppi_online_net_forward(&a->play.net));
    for (int64_t e = 0; e < a->play.players; e++) {
        if (live != NULL && !live[e]) continue;
        const float *head = ppi_online_play_head(&a->play, e);
        const uint8_t *legal = ppi_online_play_legal(&a->play, agent, e);
        ppi_rng rng = ppi_online_play_rng(&a->play, agent, e);
        const int32_t k =
            a->o.greedy ? likeliest(a, head, legal) : ppi_impala_draw(a, head, legal, &rng, NULL);
        actions[e] = agent->cfg.actions.list[k];
    }
    return PP_OK;
}

static pp_status observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    (void)action;
    (void)reward;
    ppi_online_play_observe(&a->play, &a->net, env, next_obs);
    return PP_OK;
}

static pp_status train_setup(ppi_agent *agent, int64_t batch, int64_t total_steps) {
    (void)batch;
    ((ppi_impala_agent *)agent)->o.optim.total_steps = total_steps;
    return ppi_params_alloc(agent->params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS);
}

static pp_status describe_acting(const ppi_agent *agent, ppi_jsonw *w) {
    const ppi_impala_agent *a = (const ppi_impala_agent *)agent;
    ppi_jsonw_key_string(w, "policy", a->o.greedy ? "greedy" : "drawn");
    return w->buf->failed;
}

static ppi_plan *plan(const ppi_agent *agent, const char *which) {
    const ppi_impala_agent *a = (const ppi_impala_agent *)agent;
    if (strcmp(which, "train") == 0) return a->train.plan;
    if (strcmp(which, "act") == 0) return a->play.net.plan != NULL ? a->play.net.plan : a->actor.plan;
    return NULL;
}

static const ppi_agent_calls calls = {
    .destroy = destroy,
    .window = ppi_online_window,
    .train_setup = train_setup,
    .train_step = ppi_online_train_step,
    .act_begin = act_begin,
    .act_game = act_game,
    .act_reset = act_reset,
    .act = act,
    .observe = observe,
    .forward_setup = ppi_online_forward_setup,
    .forward = ppi_online_forward,
    .describe_acting = describe_acting,
    .plan = plan,
};

const ppi_method ppi_method_impala = {
    .name = "impala",
    .help = "Actor-critic with V-trace that learns while it plays one game or many",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .options_size = sizeof(ppi_impala_options),
    .sizes = ppi_online_net_sizes,
    .recipe = recipe,
    .default_batch = ppi_online_default_batch,
    .create = create,
    .calls = &calls,
    .learner = &ppi_impala_learner,
};
