/* Annealed demonstrator: no learning, yet its streams look like learning histories. It acts at
   random with probability eps and as the scripted policy of the environment otherwise, while eps
   falls from start to floor over the first part of the run (AD^eps, Zisman et al. 2024). */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/online.h"
#include "method/small.h"

typedef struct noise_options {
    double start, floor, fraction, power;
    bool wrong;
} noise_options;

#define ROW(option, member)                                                                        \
    .name = "noise." option, .type = PPI_OPT_F64, .offset = offsetof(noise_options, member)
static const ppi_option rows[] = {
    {ROW("start", start), .def = "1", .min = 0, .max = 1, .help = "Probability eps at the start."},
    {ROW("floor", floor), .def = "0", .min = 0, .max = 1, .help = "Probability eps at the end."},
    {ROW("fraction", fraction), .def = "0.9", .min = 0, .max = 1,
     .help = "Share of the run over which eps falls; the rest stays at the floor."},
    {ROW("power", power), .def = "1", .min = 0.01, .max = 100,
     .help = "eps = floor + (start - floor) (1 - x^power), x = 0..1 over the fall: 1 = linear, "
             "larger = slow near the start."},
    {.name = "noise.wrong",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(noise_options, wrong),
     .def = "off",
     .help = "Draw the random action from the others than the scripted one."},
};
#undef ROW
static const ppi_option_table table = {"noise", rows, sizeof rows / sizeof rows[0]};
static const ppi_method_table tables[] = {{&table, 0}};

/* The rooms with a key are solved even by a policy that is half random: their recipe falls to a
   floor over the whole run, so that the return grows evenly. */
static const char *const sizes[] = {"small", "key-to-door", NULL};
static const ppi_option_value key_to_door[] = {
    {"noise.floor", "0.45"},
    {"noise.fraction", "1"},
    {"noise.power", "1.2"},
};

static pp_status recipe(ppi_options *set, const char *size) {
    if (strcmp(size, "key-to-door") != 0) return PP_OK;
    return ppi_online_recipe(set, size, key_to_door, sizeof key_to_door / sizeof key_to_door[0]);
}

typedef struct noise_agent {
    ppi_agent base;
    noise_options o;
    char size[16];
    int64_t streams;
    int64_t total;   /* agent steps of the run, all streams summed */
    int64_t steps;   /* of those, played */
    ppi_rng *rng;    /* [streams] */
    uint8_t *legal;  /* [streams, PP_ENV_ACTIONS] */
    int32_t *expert; /* [streams] of the coming step */
    bool advised;    /* expert is of the coming step */
} noise_agent;

static int64_t streams(const ppi_agent *a) {
    (void)a;
    return 1;
}

static double eps_at(const noise_agent *a) {
    const double span = a->o.fraction * (double)a->total;
    double x = span > 0 ? (double)a->steps / span : 1.0;
    if (x > 1) x = 1;
    return a->o.floor + (a->o.start - a->o.floor) * (1.0 - pow(x, a->o.power));
}

static void learn_end(noise_agent *a) {
    ppi_free(a->rng);
    ppi_free(a->legal);
    ppi_free(a->expert);
    a->rng = NULL;
    a->legal = NULL;
    a->expert = NULL;
    a->streams = 0;
}

static pp_status begin(ppi_agent *agent, const ppi_learn_setup *setup) {
    noise_agent *a = (noise_agent *)agent;
    PPI_TRY(ppi_learn_setup_check(agent, setup));
    learn_end(a);
    const size_t n = (size_t)setup->streams;
    a->rng = ppi_calloc(n, sizeof *a->rng);
    a->legal = ppi_calloc(n, PP_ENV_ACTIONS);
    a->expert = ppi_calloc(n, sizeof *a->expert);
    if (a->rng == NULL || a->legal == NULL || a->expert == NULL) {
        learn_end(a);
        return ppi_oom("the streams of a demonstrator");
    }
    a->streams = setup->streams;
    a->total = setup->total_steps;
    a->steps = 0;
    a->advised = false;
    memcpy(a->legal, setup->legal, n * PP_ENV_ACTIONS);
    ppi_learn_rngs(a->rng, setup);
    return PP_OK;
}

static pp_status advise(ppi_agent *agent, const int32_t *expert) {
    noise_agent *a = (noise_agent *)agent;
    for (int64_t s = 0; s < a->streams; s++) {
        PPI_TRY(ppi_learn_action_check(agent, a->legal, s, expert[s]));
        a->expert[s] = expert[s];
    }
    a->advised = true;
    return PP_OK;
}

/* A uniform draw from the legal actions, `expert` apart with the option noise.wrong. */
static int32_t random_action(noise_agent *a, int64_t s, int32_t expert) {
    int32_t ids[PP_ENV_ACTIONS];
    int32_t n = ppi_legal_ids(a->legal + s * PP_ENV_ACTIONS, ids);
    if (a->o.wrong && n > 1) {
        int32_t kept = 0;
        for (int32_t i = 0; i < n; i++) {
            if (ids[i] != expert) ids[kept++] = ids[i];
        }
        n = kept;
    }
    return ids[ppi_rng_below(&a->rng[s], (uint64_t)n)];
}

static pp_status learn_act(ppi_agent *agent, const uint8_t *obs, int32_t *actions) {
    noise_agent *a = (noise_agent *)agent;
    (void)obs;
    if (!a->advised)
        return ppi_fail(PP_ERR_ARGUMENT, "the demonstrator was not told the scripted actions; only "
                                         "environments with a scripted policy have them");
    const double eps = eps_at(a);
    for (int64_t s = 0; s < a->streams; s++) {
        const bool random = ppi_rng_unit(&a->rng[s]) < eps;
        actions[s] = random ? random_action(a, s, a->expert[s]) : a->expert[s];
    }
    a->advised = false;
    return PP_OK;
}

static pp_status learn_step(ppi_agent *agent, const ppi_learn_step *step, ppi_metrics *out) {
    noise_agent *a = (noise_agent *)agent;
    (void)step;
    out->count = 0;
    a->steps += a->streams;
    ppi_metrics_add(out, "charts/epsilon", eps_at(a));
    return PP_OK;
}

static int64_t updates(const ppi_agent *agent) {
    (void)agent;
    return 0;
}

static pp_status save(ppi_agent *agent, ppi_buf *out) {
    const noise_agent *a = (const noise_agent *)agent;
    PPI_TRY(ppi_buf_append(out, &a->steps, sizeof a->steps));
    return ppi_buf_append(out, a->rng, (size_t)a->streams * sizeof *a->rng);
}

static pp_status load(ppi_agent *agent, const void *data, size_t size) {
    noise_agent *a = (noise_agent *)agent;
    ppi_state_reader r = {data, size, false};
    ppi_state_read(&r, &a->steps, sizeof a->steps);
    ppi_state_read(&r, a->rng, (size_t)a->streams * sizeof *a->rng);
    return ppi_state_end(&r, agent);
}

static const ppi_learner_calls learner = {
    .streams = streams,
    .begin = begin,
    .advise = advise,
    .act = learn_act,
    .step = learn_step,
    .updates = updates,
    .save = save,
    .load = load,
};

/* ---- acting: without the script there is nothing to act by ---- */

static pp_status act_begin(ppi_agent *agent, int64_t n_envs) {
    (void)agent;
    (void)n_envs;
    return ppi_fail(PP_ERR_UNSUPPORTED,
                    "method noise plays with sight of what the environment hides, and can only "
                    "collect: `polyplay collect --learner noise --env NAME`");
}

static pp_status act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    (void)obs;
    (void)episode;
    return act_begin(agent, env);
}

static pp_status act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    (void)live;
    (void)actions;
    return act_begin(agent, 0);
}

static pp_status observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    (void)action;
    (void)reward;
    (void)next_obs;
    return act_begin(agent, env);
}

static pp_status describe_acting(const ppi_agent *agent, ppi_jsonw *w) {
    (void)agent;
    (void)w;
    return PP_OK;
}

static void destroy(ppi_agent *agent) {
    noise_agent *a = (noise_agent *)agent;
    if (a == NULL) return;
    learn_end(a);
    ppi_params_destroy(a->base.params);
    ppi_free(a);
}

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    noise_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    ppi_online_init(&a->base, cfg, &a->o, a->size, sizeof a->size);
    pp_status s = ppi_params_create(&a->base.params);
    if (s == PP_OK) s = ppi_params_alloc(a->base.params, 0);
    if (s == PP_OK && a->o.floor > a->o.start)
        s = ppi_fail(PP_ERR_ARGUMENT, "noise.floor is %g, expected at most noise.start = %g",
                     a->o.floor, a->o.start);
    if (s != PP_OK) {
        destroy(&a->base);
        return s;
    }
    *out = &a->base;
    return PP_OK;
}

static const ppi_agent_calls calls = {
    PPI_ONLINE_NOT_FROM_DATA,
    .destroy = destroy,
    .act_begin = act_begin,
    .act_reset = act_reset,
    .act = act,
    .observe = observe,
    .describe_acting = describe_acting,
    .plan = ppi_online_no_plan,
};

const ppi_method ppi_method_noise = {
    .name = "noise",
    .help = "Annealed demonstrator: the scripted policy with ever less random actions",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .options_size = sizeof(noise_options),
    .sizes = sizes,
    .recipe = recipe,
    .default_batch = ppi_online_default_batch,
    .create = create,
    .calls = &calls,
    .learner = &learner,
};
