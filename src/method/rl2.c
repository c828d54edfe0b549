/* RL2 (Duan et al. 2016) as Algorithm Distillation runs it as a baseline: options, recipes,
 * creation, playing. */
#include "method/rl2.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/online_play.h"
#include "method/vtrace.h"

/* Outputs of the generator set aside for one decision while playing. */
enum { DRAWS_PER_STEP = 64 };

#define ROW(row, kind, field, value, low, high, text)                                              \
    {                                                                                              \
        .name = "rl2." row, .type = kind, .offset = offsetof(ppi_rl2_options, field),              \
        .def = value, .min = low, .max = high, .help = text                                        \
    }
static const ppi_option rows[] = {
    {.name = "rl2.base",
     .type = PPI_OPT_CHOICE,
     .offset = offsetof(ppi_rl2_options, base),
     .def = "a3c",
     .choices = "a3c|dqn",
     .help = "Learner under it: synchronous actor-critic with lambda-returns, or Q(lambda) with a "
             "replay."},
    {.name = "rl2.core",
     .type = PPI_OPT_CHOICE,
     .offset = offsetof(ppi_rl2_options, core),
     .def = "lstm",
     .choices = "lstm|transformer",
     .help = "Memory of the network."},
    ROW("layers", PPI_OPT_I64, layers, "1", 1, PPI_RL2_LAYERS,
        "Layers of the core; the transformer takes 4."),
    ROW("width", PPI_OPT_I64, width, "256", 8, 4096,
        "Width of the core; the LSTM of a3c takes 64."),
    ROW("heads", PPI_OPT_I64, heads, "4", 1, 64, "Attention heads of the transformer."),
    ROW("memory", PPI_OPT_I64, memory, "200", 1, 65536,
        "Past steps of the trial that the transformer sees."),
    ROW("episodes", PPI_OPT_I64, episodes, "10", 1, 1e6,
        "Episodes of a trial: then a new task is drawn and the memory cleared; dqn takes 30."),
    ROW("streams", PPI_OPT_I64, streams, "256", 1, 65536,
        "Environments played side by side; dqn takes 29, the transformer of a3c 64."),
    ROW("unroll", PPI_OPT_I64, unroll, "20", 1, 65536,
        "Steps of each stream between updates, through which gradients flow; dqn takes 40."),
    ROW("gamma", PPI_OPT_F64, gamma, "0.99", 0, 1, "Discount per step; dqn takes 0.9."),
    ROW("lambda", PPI_OPT_F64, lambda, "0.95", 0, 1, "Weight of longer returns; dqn takes 0.75."),
    {.name = "rl2.across",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(ppi_rl2_options, across),
     .def = "on",
     .help = "Returns run on across the episodes of a trial; off: every episode for itself."},
    ROW("entropy", PPI_OPT_F64, entropy, "0.01", 0, 100, "a3c: weight of the policy's entropy."),
    ROW("value-weight", PPI_OPT_F64, value_weight, "0.5", 0, 100,
        "a3c: weight of the squared error of the values."),
    ROW("batch", PPI_OPT_I64, batch, "96", 1, 65536,
        "dqn: sequences of an update; the newest of every stream, the others replayed."),
    ROW("replay", PPI_OPT_I64, replay, "100000", 1, 1e9, "dqn: steps kept in the replay."),
    ROW("target-every", PPI_OPT_I64, target_every, "50", 1, 1e9,
        "dqn: updates between copies to the target network."),
    ROW("epsilon", PPI_OPT_F64, epsilon, "0.01", 0, 1,
        "dqn: share of random actions while learning."),
    {.name = "rl2.greedy",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(ppi_rl2_options, greedy),
     .def = "off",
     .help = "a3c, after training: play the likeliest action instead of drawing."},
    ROW("trial", PPI_OPT_I64, trial, "0", 0, 1e9,
        "After training: clear the memory after so many episodes of a task, 0 = never."),
};
#undef ROW
static const ppi_option_table table = {"rl2", rows, sizeof rows / sizeof rows[0]};
static const ppi_method_table tables[] = {
    {&table, 0},
    {&ppi_optim_option_table, offsetof(ppi_rl2_options, optim)},
};

/* small: dark rooms and other short observations; impala and paper: pictures behind three residual
 * stages, of 16, 16, 16 or 32, 64, 64 channels. */
static const char *const sizes[] = {"small", "impala", "paper", NULL};

static const ppi_option_value common_rows[] = {
    {"optim.name", "adam"},         {"optim.beta1", "0.9"},      {"optim.beta2", "0.999"},
    {"optim.eps", "1e-6"},          {"optim.weight-decay", "0"}, {"optim.warmup", "0"},
    {"optim.schedule", "constant"},
};
static const ppi_option_value a3c_rows[] = {{"optim.lr", "3e-4"}, {"optim.clip", "1"}};
static const ppi_option_value dqn_rows[] = {
    {"optim.lr", "1e-4"},  {"optim.clip", "10"}, {"rl2.unroll", "40"},   {"rl2.episodes", "30"},
    {"rl2.streams", "29"}, {"rl2.gamma", "0.9"}, {"rl2.lambda", "0.75"},
};
/* The core that stays stable and learns 50 million steps in minutes (docs/methods/rl2.md). */
static const ppi_option_value lstm_a3c_rows[] = {{"rl2.width", "64"}, {"optim.lr", "1e-3"}};
static const ppi_option_value transformer_rows[] = {{"rl2.layers", "4"}};
/* What a transformer remembers of 256 streams would take gigabytes. */
static const ppi_option_value transformer_a3c_rows[] = {{"rl2.streams", "64"}};

static bool chosen(ppi_options *set, const char *option, const char *value) {
    ppi_buf text = {0};
    const pp_status s = ppi_options_get_text(set, option, &text);
    const bool same = s == PP_OK && strcmp(ppi_buf_text(&text), value) == 0;
    ppi_buf_free(&text);
    return same;
}

/* An option keeps the first value it is given: what is special comes before what is common. */
#define GIVE(list) PPI_TRY(ppi_online_recipe(set, size, list, sizeof list / sizeof list[0]))
static pp_status recipe(ppi_options *set, const char *size) {
    const ppi_option_value base = {"rl2.base", strcmp(size, "small") == 0 ? "a3c" : "dqn"};
    PPI_TRY(ppi_online_recipe(set, size, &base, 1));
    const bool dqn = chosen(set, "rl2.base", "dqn");
    const bool lstm = chosen(set, "rl2.core", "lstm");
    if (!lstm) GIVE(transformer_rows);
    if (!lstm && !dqn) GIVE(transformer_a3c_rows);
    if (lstm && !dqn) GIVE(lstm_a3c_rows);
    if (dqn) {
        GIVE(dqn_rows);
    } else {
        GIVE(a3c_rows);
    }
    GIVE(common_rows);
    return PP_OK;
}
#undef GIVE

/* ---- choices ---- */

int32_t ppi_rl2_draw(const float *logits, int32_t n, const uint8_t *allowed, ppi_rng *rng) {
    float p[PP_ENV_ACTIONS];
    int32_t choice = 0;
    double left = (double)ppi_rng_u32(rng) * 0x1p-32;
    ppi_legal_softmax(p, NULL, logits, allowed, n);
    for (int32_t k = 0; k < n; k++) {
        if (!allowed[k]) continue;
        choice = k;
        left -= (double)p[k];
        if (left < 0) break;
    }
    return choice;
}

int32_t ppi_rl2_best(const float *logits, int32_t n, const uint8_t *allowed) {
    int32_t best = -1;
    for (int32_t k = 0; k < n; k++) {
        if (allowed[k] && (best < 0 || logits[k] > logits[best])) best = k;
    }
    return best < 0 ? 0 : best;
}

int32_t ppi_rl2_explore(const ppi_rl2_agent *a, const float *values, const uint8_t *allowed,
                        ppi_rng *rng) {
    int32_t list[PP_ENV_ACTIONS];
    uint64_t count = 0;
    if (ppi_rng_unit(rng) >= a->o.epsilon) return ppi_rl2_best(values, a->n, allowed);
    for (int32_t k = 0; k < a->n; k++) {
        if (allowed[k]) list[count++] = k;
    }
    return list[ppi_rng_below(rng, count)];
}

/* ---- creation ---- */

static pp_status configure(ppi_rl2_agent *a) {
    const ppi_agent_config *cfg = &a->base.cfg;
    const ppi_rl2_options *o = &a->o;
    if (o->core == PPI_RL2_TRANSFORMER && o->width % o->heads != 0)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "rl2.width %lld is no multiple of rl2.heads %lld: every head has an equal "
                        "share of it",
                        (long long)o->width, (long long)o->heads);
    a->n = cfg->actions.count;
    a->obs_bytes = ppi_obs_bytes(&cfg->obs);
    a->net = (ppi_rl2_net_spec){.obs = cfg->obs,
                                .size = a->size,
                                .core = o->core,
                                .layers = o->layers,
                                .width = o->width,
                                .heads = o->heads,
                                .memory = o->memory,
                                .positions = o->memory,
                                .actions = a->n,
                                .outputs = o->base == PPI_RL2_A3C ? a->n + 1 : a->n};
    return ppi_rl2_params(&a->base.params, &a->net, cfg);
}

static void play_end(ppi_rl2_agent *a) {
    ppi_rl2_net_close(&a->play);
    ppi_free(a->play_allowed);
    ppi_free(a->player);
    a->play_allowed = NULL;
    a->player = NULL;
    a->players = 0;
}

static void destroy(ppi_agent *agent) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    if (a == NULL) return;
    ppi_rl2_learn_end(a);
    play_end(a);
    ppi_params_destroy(a->base.params);
    ppi_free(a);
}

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    *out = NULL;
    ppi_rl2_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    ppi_online_init(&a->base, cfg, &a->o, a->size, sizeof a->size);
    const pp_status s = configure(a);
    if (s != PP_OK) {
        destroy(&a->base);
        return s;
    }
    *out = &a->base;
    return PP_OK;
}

/* ---- playing: the memory goes on from episode to episode of a task ---- */

typedef struct ppi_rl2_player {
    bool tasked;      /* a task was begun by act_task */
    uint64_t run;     /* keys the draws */
    int64_t step;     /* since the task began */
    int64_t episodes; /* begun */
} ppi_rl2_player;

static pp_status act_begin(ppi_agent *agent, int64_t n) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    if (n < 1)
        return ppi_fail(PP_ERR_ARGUMENT, "acting in %lld environments, expected 1 or more",
                        (long long)n);
    if (a->players == n) return PP_OK;
    play_end(a);
    a->play_allowed = ppi_calloc((size_t)n, (size_t)a->n);
    a->player = ppi_calloc((size_t)n, sizeof *a->player);
    if (a->play_allowed == NULL || a->player == NULL) {
        play_end(a);
        return ppi_oom("the players of an agent");
    }
    memset(a->play_allowed, 1, (size_t)(n * a->n));
    const ppi_rl2_form form = {.sequences = n, .steps = 1};
    PPI_TRY(ppi_rl2_net_open(&a->play, &a->net, agent->params, &agent->cfg, &form));
    memset(a->play.frames, 0, (size_t)(n * a->obs_bytes));
    for (int64_t e = 0; e < n; e++) ppi_rl2_net_begin(&a->play, e);
    a->players = n;
    return PP_OK;
}

static pp_status check_env(const ppi_rl2_agent *a, int64_t env) {
    if (env >= 0 && env < a->players) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "environment %lld of %lld was named; was acting begun?",
                    (long long)env, (long long)a->players);
}

static pp_status act_game(ppi_agent *agent, int64_t env, int32_t game, const uint8_t *legal) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    (void)game;
    PPI_TRY(check_env(a, env));
    ppi_online_legal(agent, a->play_allowed + env * a->n, legal);
    return PP_OK;
}

static pp_status act_task(ppi_agent *agent, int64_t env, uint64_t run) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    PPI_TRY(check_env(a, env));
    a->player[env] = (ppi_rl2_player){.tasked = true, .run = run};
    ppi_rl2_net_begin(&a->play, env);
    return PP_OK;
}

/* Without act_task every episode is a task of its own. */
static pp_status act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    PPI_TRY(check_env(a, env));
    ppi_rl2_player *p = &a->player[env];
    if (!p->tasked) *p = (ppi_rl2_player){.run = episode};
    const bool anew = p->episodes == 0 || (a->o.trial > 0 && p->episodes % a->o.trial == 0);
    if (anew) {
        ppi_rl2_net_begin(&a->play, env);
    } else {
        a->play.extra[env * ppi_rl2_extra(&a->net) + a->n + 1] = 1;
    }
    p->episodes++;
    ppi_rl2_net_look(&a->play, env, obs);
    return PP_OK;
}

static pp_status act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    if (a->players == 0)
        return ppi_fail(PP_ERR_ARGUMENT, "rl2 was asked for actions before acting was begun");
    PPI_TRY(ppi_rl2_net_forward(&a->play));
    for (int64_t e = 0; e < a->players; e++) {
        if (live != NULL && !live[e]) continue;
        const float *head = a->play.head + e * a->net.outputs;
        const uint8_t *allowed = a->play_allowed + e * a->n;
        ppi_rng rng;
        ppi_rng_init(&rng, agent->cfg.seed, PPI_RNG_ACT, a->player[e].run);
        rng.pos = (uint64_t)a->player[e].step * DRAWS_PER_STEP;
        const bool best = a->o.base == PPI_RL2_DQN || a->o.greedy;
        const int32_t k =
            best ? ppi_rl2_best(head, a->n, allowed) : ppi_rl2_draw(head, a->n, allowed, &rng);
        actions[e] = agent->cfg.actions.list[k];
    }
    return PP_OK;
}

static pp_status observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    ppi_rl2_agent *a = (ppi_rl2_agent *)agent;
    PPI_TRY(check_env(a, env));
    ppi_rl2_net_carry(&a->play, env);
    ppi_rl2_net_outcome(&a->play, env, ppi_online_choice(agent, action), reward, false);
    ppi_rl2_net_look(&a->play, env, next_obs);
    a->player[env].step++;
    return PP_OK;
}

static pp_status describe_acting(const ppi_agent *agent, ppi_jsonw *w) {
    const ppi_rl2_agent *a = (const ppi_rl2_agent *)agent;
    const bool best = a->o.base == PPI_RL2_DQN || a->o.greedy;
    ppi_jsonw_key_string(w, "policy", best ? "greedy" : "drawn");
    ppi_jsonw_key_i64(w, "trial", a->o.trial);
    return w->buf->failed;
}

static ppi_plan *plan(const ppi_agent *agent, const char *which) {
    const ppi_rl2_agent *a = (const ppi_rl2_agent *)agent;
    if (strcmp(which, "train") == 0) return a->train.plan;
    if (strcmp(which, "act") == 0) return a->play.plan != NULL ? a->play.plan : a->actor.plan;
    return NULL;
}

static const ppi_agent_calls calls = {
    PPI_ONLINE_NOT_FROM_DATA,
    .destroy = destroy,
    .act_begin = act_begin,
    .act_game = act_game,
    .act_task = act_task,
    .act_reset = act_reset,
    .act = act,
    .observe = observe,
    .describe_acting = describe_acting,
    .plan = plan,
};

const ppi_method ppi_method_rl2 = {
    .name = "rl2",
    .help = "Recurrent agent trained over many tasks, that learns a new one as it plays",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .options_size = sizeof(ppi_rl2_options),
    .sizes = sizes,
    .recipe = recipe,
    .default_batch = ppi_online_default_batch,
    .create = create,
    .calls = &calls,
    .learner = &ppi_rl2_learner,
};
