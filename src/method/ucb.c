/* Upper confidence bounds for bandits: pull the arm with the largest mean + sqrt(c ln t / n), where
   t counts all pulls and n those of the arm (Auer et al. 2002 with c = 2). Arms that were never
   pulled come first; ties are broken at random. Every stream is a bandit of its own. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/online.h"
#include "method/small.h"

typedef struct ucb_options {
    double c;
} ucb_options;

static const ppi_option rows[] = {
    {.name = "ucb.c",
     .type = PPI_OPT_F64,
     .offset = offsetof(ucb_options, c),
     .def = "0.3",
     .min = 0,
     .max = 1000,
     .help = "Exploration: the bonus is sqrt(c ln t / n)."},
};
static const ppi_option_table table = {"ucb", rows, sizeof rows / sizeof rows[0]};
static const ppi_method_table tables[] = {{&table, 0}};

/* What is known of one bandit. */
typedef struct bandit {
    int64_t pulls[PP_ENV_ACTIONS];
    double won[PP_ENV_ACTIONS]; /* sum of rewards */
    int64_t total;
} bandit;

typedef struct ucb_agent {
    ppi_agent base;
    ucb_options o;
    char size[16];

    int64_t streams;
    bandit *learned; /* [streams] */
    ppi_rng *rng;    /* [streams] */
    uint8_t *legal;  /* [streams, PP_ENV_ACTIONS] */
    int64_t updates;

    ppi_acting acting;
    bandit *played; /* [acting.n] */
} ucb_agent;

/* Upper bound of an arm; infinite for one that was never pulled. */
static double bound(const bandit *b, int32_t arm, double c) {
    const double n = (double)b->pulls[arm];
    if (n == 0) return INFINITY;
    return b->won[arm] / n + sqrt(c * log((double)b->total) / n);
}

/* The arm with the largest bound among ids[n]; one of those that tie, at random. */
static int32_t choose(const bandit *b, const int32_t *ids, int32_t n, double c, ppi_rng *rng) {
    int32_t best[PP_ENV_ACTIONS] = {0};
    uint64_t ties = 0;
    double most = -INFINITY;
    for (int32_t i = 0; i < n; i++) {
        const double value = bound(b, ids[i], c);
        if (value > most) {
            most = value;
            ties = 0;
        }
        if (value == most) best[ties++] = ids[i];
    }
    return best[ppi_rng_below(rng, ties)];
}

static void pulled(bandit *b, int32_t arm, double reward) {
    b->pulls[arm]++;
    b->won[arm] += reward;
    b->total++;
}

/* ---- learning ---- */

static int64_t streams(const ppi_agent *a) {
    (void)a;
    return 1;
}

static void learn_end(ucb_agent *a) {
    ppi_free(a->learned);
    ppi_free(a->rng);
    ppi_free(a->legal);
    a->learned = NULL;
    a->rng = NULL;
    a->legal = NULL;
    a->streams = 0;
}

static pp_status begin(ppi_agent *agent, const ppi_learn_setup *setup) {
    ucb_agent *a = (ucb_agent *)agent;
    PPI_TRY(ppi_learn_setup_check(agent, setup));
    learn_end(a);
    const size_t n = (size_t)setup->streams;
    a->learned = ppi_calloc(n, sizeof *a->learned);
    a->rng = ppi_calloc(n, sizeof *a->rng);
    a->legal = ppi_calloc(n, PP_ENV_ACTIONS);
    if (a->learned == NULL || a->rng == NULL || a->legal == NULL) {
        learn_end(a);
        return ppi_oom("the bandits of a learner");
    }
    a->streams = setup->streams;
    a->updates = 0;
    memcpy(a->legal, setup->legal, n * PP_ENV_ACTIONS);
    ppi_learn_rngs(a->rng, setup);
    return PP_OK;
}

static pp_status learn_act(ppi_agent *agent, const uint8_t *obs, int32_t *actions) {
    ucb_agent *a = (ucb_agent *)agent;
    (void)obs;
    for (int64_t s = 0; s < a->streams; s++) {
        int32_t ids[PP_ENV_ACTIONS];
        const int32_t n = ppi_legal_ids(a->legal + s * PP_ENV_ACTIONS, ids);
        actions[s] = choose(&a->learned[s], ids, n, a->o.c, &a->rng[s]);
    }
    return PP_OK;
}

static pp_status learn_step(ppi_agent *agent, const ppi_learn_step *step, ppi_metrics *out) {
    ucb_agent *a = (ucb_agent *)agent;
    out->count = 0;
    for (int64_t s = 0; s < a->streams; s++) {
        PPI_TRY(ppi_learn_action_check(agent, a->legal, s, step->action[s]));
        pulled(&a->learned[s], step->action[s], step->reward[s]);
        a->updates++;
    }
    return PP_OK;
}

static int64_t updates(const ppi_agent *agent) {
    return ((const ucb_agent *)agent)->updates;
}

static pp_status save(ppi_agent *agent, ppi_buf *out) {
    const ucb_agent *a = (const ucb_agent *)agent;
    PPI_TRY(ppi_buf_append(out, &a->updates, sizeof a->updates));
    PPI_TRY(ppi_buf_append(out, a->learned, (size_t)a->streams * sizeof *a->learned));
    return ppi_buf_append(out, a->rng, (size_t)a->streams * sizeof *a->rng);
}

static pp_status load(ppi_agent *agent, const void *data, size_t size) {
    ucb_agent *a = (ucb_agent *)agent;
    ppi_state_reader r = {data, size, false};
    ppi_state_read(&r, &a->updates, sizeof a->updates);
    ppi_state_read(&r, a->learned, (size_t)a->streams * sizeof *a->learned);
    ppi_state_read(&r, a->rng, (size_t)a->streams * sizeof *a->rng);
    return ppi_state_end(&r, agent);
}

static const ppi_learner_calls learner = {
    .streams = streams,
    .begin = begin,
    .act = learn_act,
    .step = learn_step,
    .updates = updates,
    .save = save,
    .load = load,
};

/* ---- acting: nothing is known as an episode begins ---- */

static pp_status act_begin(ppi_agent *agent, int64_t n_envs) {
    ucb_agent *a = (ucb_agent *)agent;
    if (a->acting.n == n_envs) return PP_OK;
    PPI_TRY(ppi_acting_begin(&a->acting, agent, n_envs));
    ppi_free(a->played);
    a->played = ppi_calloc((size_t)n_envs, sizeof *a->played);
    if (a->played != NULL) return PP_OK;
    ppi_acting_end(&a->acting);
    return ppi_oom("the bandits of an acting agent");
}

static pp_status act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    ucb_agent *a = (ucb_agent *)agent;
    PPI_TRY(ppi_acting_reset(&a->acting, env, obs, episode));
    memset(&a->played[env], 0, sizeof a->played[env]);
    return PP_OK;
}

static pp_status act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    ucb_agent *a = (ucb_agent *)agent;
    const ppi_action_spec *list = &agent->cfg.actions;
    for (int64_t e = 0; e < a->acting.n; e++) {
        if (live != NULL && live[e] == 0) continue;
        ppi_rng rng = ppi_acting_rng(&a->acting, agent, e);
        actions[e] = choose(&a->played[e], list->list, list->count, a->o.c, &rng);
    }
    return PP_OK;
}

static pp_status observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    ucb_agent *a = (ucb_agent *)agent;
    PPI_TRY(ppi_acting_observe(&a->acting, env, next_obs));
    if (action < 0 || action >= PP_ENV_ACTIONS)
        return ppi_fail(PP_ERR_ARGUMENT, "arm %d was pulled, expected 0 to %d", (int)action,
                        PP_ENV_ACTIONS - 1);
    pulled(&a->played[env], action, reward);
    return PP_OK;
}

static pp_status describe_acting(const ppi_agent *agent, ppi_jsonw *w) {
    ppi_jsonw_key_f64(w, "c", ((const ucb_agent *)agent)->o.c);
    return PP_OK;
}

static void destroy(ppi_agent *agent) {
    ucb_agent *a = (ucb_agent *)agent;
    if (a == NULL) return;
    learn_end(a);
    ppi_acting_end(&a->acting);
    ppi_free(a->played);
    ppi_params_destroy(a->base.params);
    ppi_free(a);
}

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    ucb_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    ppi_online_init(&a->base, cfg, &a->o, a->size, sizeof a->size);
    pp_status s = ppi_params_create(&a->base.params);
    if (s == PP_OK) s = ppi_params_alloc(a->base.params, 0);
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

const ppi_method ppi_method_ucb = {
    .name = "ucb",
    .help = "Upper confidence bounds for bandits, learning anew on every one",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .options_size = sizeof(ucb_options),
    .sizes = ppi_one_size,
    .default_batch = ppi_online_default_batch,
    .create = create,
    .calls = &calls,
    .learner = &learner,
};
