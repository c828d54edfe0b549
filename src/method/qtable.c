/* Tabular Q-learning over observations of small integers: one row per possible observation, one
   column per action, epsilon-greedy play, one update per step. The streams of a run share the
   table, which is the agent's parameter "q". */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/online.h"
#include "method/small.h"

enum { MOST_ROWS = 1 << 20 };

typedef struct qtable_options {
    double lr, gamma;
    int init; /* INIT_* */
    double eps_start, eps_end, eps_fraction;
    int end; /* END_* */
    int64_t streams;
} qtable_options;
enum { INIT_ZERO, INIT_UNIFORM };
enum { END_BOOTSTRAP, END_TERMINAL };

#define ROW(option, member, kind)                                                                  \
    .name = "qtable." option, .type = kind, .offset = offsetof(qtable_options, member)
static const ppi_option rows[] = {
    {ROW("lr", lr, PPI_OPT_F64), .def = "0.5", .max = 1, .help = "Step size of the updates."},
    {ROW("gamma", gamma, PPI_OPT_F64), .def = "0.9", .max = 1, .help = "Discount per step."},
    {ROW("init", init, PPI_OPT_CHOICE), .def = "zero", .choices = "zero|uniform",
     .help = "First values: 0, or uniform between 0 and 1."},
    {ROW("eps-start", eps_start, PPI_OPT_F64), .def = "1", .max = 1,
     .help = "Probability of a random action at the start."},
    {ROW("eps-end", eps_end, PPI_OPT_F64), .def = "0", .max = 1,
     .help = "Probability of a random action at the end, and in play."},
    {ROW("eps-fraction", eps_fraction, PPI_OPT_F64), .def = "0.9", .max = 1,
     .help = "Share of the run over which the probability falls, linearly."},
    {ROW("end", end, PPI_OPT_CHOICE), .def = "bootstrap", .choices = "bootstrap|terminal",
     .help = "Behind the last step of an episode: bootstrap = the value of the last observation, "
             "for tasks of a fixed length that the table cannot see; terminal = nothing, unless a "
             "step limit cut the episode."},
    {ROW("streams", streams, PPI_OPT_I64), .def = "1", .min = 1, .max = 4096,
     .help = "Environments that share the table."},
};
#undef ROW
static const ppi_option_table table = {"qtable", rows, sizeof rows / sizeof rows[0]};
static const ppi_method_table tables[] = {{&table, 0}};

/* Sources whose histories show learning at a useful pace; docs/methods/qtable.md tells how many
   episodes each is meant for. */
static const char *const sizes[] = {"small", "headless", "slow", "corl", NULL};
typedef struct recipe_rows {
    const char *size;
    ppi_option_value row[4];
} recipe_rows;
static const recipe_rows recipes[] = {
    {"small",
     {{"qtable.lr", "0.5"},
      {"qtable.gamma", "0.9"},
      {"qtable.init", "zero"},
      {"qtable.eps-fraction", "0.9"}}},
    {"headless",
     {{"qtable.lr", "0.9933"},
      {"qtable.gamma", "0.6238"},
      {"qtable.init", "uniform"},
      {"qtable.eps-fraction", "0.9"}}},
    {"slow",
     {{"qtable.lr", "0.1"},
      {"qtable.gamma", "0.9"},
      {"qtable.init", "zero"},
      {"qtable.eps-fraction", "0.9"}}},
    {"corl",
     {{"qtable.lr", "0.001"},
      {"qtable.gamma", "0.9"},
      {"qtable.init", "uniform"},
      {"qtable.eps-fraction", "0.8333333333333334"}}},
};

static pp_status recipe(ppi_options *set, const char *size) {
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        if (strcmp(recipes[i].size, size) != 0) continue;
        return ppi_online_recipe(set, size, recipes[i].row,
                                 sizeof recipes[i].row / sizeof recipes[i].row[0]);
    }
    return PP_OK;
}

typedef struct qtable_agent {
    ppi_agent base;
    qtable_options o;
    char size[16];
    int32_t n; /* actions, columns of the table */

    int64_t streams;
    int64_t total;  /* agent steps of the run, all streams summed */
    int64_t steps;  /* of those, played; one update each */
    ppi_rng *rng;   /* [streams] */
    uint8_t *legal; /* [streams, PP_ENV_ACTIONS] */

    ppi_acting acting;
} qtable_agent;

static float *q_row(const qtable_agent *a, int64_t row) {
    const ppi_params *p = a->base.params;
    return p->master + p->item[0].offset + row * a->n;
}

/* Column of the largest value among the legal ones (legal NULL = all), ties at random; rng NULL =
   the first of them. */
static int32_t greedy(const qtable_agent *a, const float *q, const uint8_t *legal, ppi_rng *rng) {
    const int32_t *id = a->base.cfg.actions.list;
    int32_t best[PP_ENV_ACTIONS] = {0};
    uint64_t ties = 0;
    for (int32_t k = 0; k < a->n; k++) {
        if (legal != NULL && legal[id[k]] == 0) continue;
        if (ties > 0 && q[k] > q[best[0]]) ties = 0;
        if (ties == 0 || q[k] == q[best[0]]) best[ties++] = k;
    }
    return best[rng != NULL ? ppi_rng_below(rng, ties) : 0];
}

/* ---- learning ---- */

static int64_t streams(const ppi_agent *a) {
    return ((const qtable_agent *)a)->o.streams;
}

static double eps_at(const qtable_agent *a) {
    const double span = a->o.eps_fraction * (double)a->total;
    const double x = span > 0 ? (double)a->steps / span : 1.0;
    return a->o.eps_start + (a->o.eps_end - a->o.eps_start) * (x < 1 ? x : 1.0);
}

static void learn_end(qtable_agent *a) {
    ppi_free(a->rng);
    ppi_free(a->legal);
    a->rng = NULL;
    a->legal = NULL;
    a->streams = 0;
}

static pp_status begin(ppi_agent *agent, const ppi_learn_setup *setup) {
    qtable_agent *a = (qtable_agent *)agent;
    PPI_TRY(ppi_learn_setup_check(agent, setup));
    learn_end(a);
    const size_t n = (size_t)setup->streams;
    a->rng = ppi_calloc(n, sizeof *a->rng);
    a->legal = ppi_calloc(n, PP_ENV_ACTIONS);
    if (a->rng == NULL || a->legal == NULL) {
        learn_end(a);
        return ppi_oom("the streams of a learner");
    }
    a->streams = setup->streams;
    a->total = setup->total_steps;
    a->steps = 0;
    memcpy(a->legal, setup->legal, n * PP_ENV_ACTIONS);
    ppi_learn_rngs(a->rng, setup);
    return PP_OK;
}

static pp_status learn_act(ppi_agent *agent, const uint8_t *obs, int32_t *actions) {
    qtable_agent *a = (qtable_agent *)agent;
    const ppi_obs_spec *spec = &agent->cfg.obs;
    const double eps = eps_at(a);
    for (int64_t s = 0; s < a->streams; s++) {
        const uint8_t *legal = a->legal + s * PP_ENV_ACTIONS;
        int64_t row = 0;
        PPI_TRY(ppi_cells_row(spec, obs + s * spec->c, &row));
        if (ppi_rng_unit(&a->rng[s]) < eps) {
            int32_t ids[PP_ENV_ACTIONS];
            const int32_t n = ppi_legal_ids(legal, ids);
            actions[s] = ids[ppi_rng_below(&a->rng[s], (uint64_t)n)];
        } else {
            const int32_t k = greedy(a, q_row(a, row), legal, &a->rng[s]);
            actions[s] = agent->cfg.actions.list[k];
        }
    }
    return PP_OK;
}

/* Q(o,a) += lr (r + gamma max Q(o') - Q(o,a)), o' the last observation where the episode ended. */
static pp_status learn_one(qtable_agent *a, const ppi_learn_step *step, int64_t s) {
    const ppi_obs_spec *spec = &a->base.cfg.obs;
    const uint8_t *legal = a->legal + s * PP_ENV_ACTIONS;
    PPI_TRY(ppi_learn_action_check(&a->base, a->legal, s, step->action[s]));
    int64_t row = 0;
    PPI_TRY(ppi_cells_row(spec, step->obs + s * spec->c, &row));
    double target = step->reward[s];
    const bool ended = step->terminated[s] || step->truncated[s];
    if (!step->terminated[s] || a->o.end == END_BOOTSTRAP) {
        const uint8_t *next = ended ? step->final_obs : step->next_obs;
        int64_t next_row = 0;
        PPI_TRY(ppi_cells_row(spec, next + s * spec->c, &next_row));
        const float *q = q_row(a, next_row);
        target += a->o.gamma * (double)q[greedy(a, q, legal, NULL)];
    }
    const int32_t k = ppi_online_choice(&a->base, step->action[s]);
    float *q = q_row(a, row) + k;
    *q = (float)((double)*q + a->o.lr * (target - (double)*q));
    return PP_OK;
}

static pp_status learn_step(ppi_agent *agent, const ppi_learn_step *step, ppi_metrics *out) {
    qtable_agent *a = (qtable_agent *)agent;
    out->count = 0;
    for (int64_t s = 0; s < a->streams; s++) PPI_TRY(learn_one(a, step, s));
    a->steps += a->streams;
    agent->params->version++;
    ppi_metrics_add(out, "charts/epsilon", eps_at(a));
    return PP_OK;
}

static int64_t updates(const ppi_agent *agent) {
    return ((const qtable_agent *)agent)->steps;
}

static pp_status save(ppi_agent *agent, ppi_buf *out) {
    const qtable_agent *a = (const qtable_agent *)agent;
    PPI_TRY(ppi_buf_append(out, &a->steps, sizeof a->steps));
    return ppi_buf_append(out, a->rng, (size_t)a->streams * sizeof *a->rng);
}

static pp_status load(ppi_agent *agent, const void *data, size_t size) {
    qtable_agent *a = (qtable_agent *)agent;
    ppi_state_reader r = {data, size, false};
    ppi_state_read(&r, &a->steps, sizeof a->steps);
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

/* ---- acting ---- */

static pp_status act_begin(ppi_agent *agent, int64_t n_envs) {
    return ppi_acting_begin(&((qtable_agent *)agent)->acting, agent, n_envs);
}

static pp_status act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    return ppi_acting_reset(&((qtable_agent *)agent)->acting, env, obs, episode);
}

static pp_status act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    qtable_agent *a = (qtable_agent *)agent;
    const ppi_action_spec *list = &agent->cfg.actions;
    for (int64_t e = 0; e < a->acting.n; e++) {
        if (live != NULL && live[e] == 0) continue;
        int64_t row = 0;
        PPI_TRY(ppi_cells_row(&agent->cfg.obs, a->acting.obs + e * a->acting.obs_bytes, &row));
        ppi_rng rng = ppi_acting_rng(&a->acting, agent, e);
        const bool random = ppi_rng_unit(&rng) < a->o.eps_end;
        const int32_t k = random ? (int32_t)ppi_rng_below(&rng, (uint64_t)list->count)
                                 : greedy(a, q_row(a, row), NULL, &rng);
        actions[e] = list->list[k];
    }
    return PP_OK;
}

static pp_status observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    (void)action;
    (void)reward;
    return ppi_acting_observe(&((qtable_agent *)agent)->acting, env, next_obs);
}

static pp_status describe_acting(const ppi_agent *agent, ppi_jsonw *w) {
    ppi_jsonw_key_f64(w, "epsilon", ((const qtable_agent *)agent)->o.eps_end);
    return PP_OK;
}

/* ---- creation ---- */

static void destroy(ppi_agent *agent) {
    qtable_agent *a = (qtable_agent *)agent;
    if (a == NULL) return;
    learn_end(a);
    ppi_acting_end(&a->acting);
    ppi_params_destroy(a->base.params);
    ppi_free(a);
}

static pp_status make_table(qtable_agent *a) {
    const ppi_obs_spec *obs = &a->base.cfg.obs;
    const int64_t count = ppi_cells_count(obs, MOST_ROWS);
    if (count == 0) {
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "method qtable needs observations of small integers with at most %d "
                        "combinations, and view \"%s\" of %lldx%lldx%lld has none; use dqn or a2c",
                        MOST_ROWS, obs->view, (long long)obs->h, (long long)obs->w,
                        (long long)obs->c);
    }
    const ppi_shape shape = {2, {count, a->n}};
    int index = 0;
    PPI_TRY(ppi_params_create(&a->base.params));
    ppi_params *p = a->base.params;
    PPI_TRY(ppi_params_add(p, "q", &shape, (ppi_init){PPI_INIT_ZERO, 0}, 0, &index));
    PPI_TRY(ppi_params_alloc(p, 0));
    ppi_params_init(p, a->base.cfg.seed);
    if (a->o.init == INIT_ZERO) return PP_OK;
    ppi_rng rng;
    ppi_rng_init(&rng, a->base.cfg.seed, PPI_RNG_INIT, 0);
    for (int64_t i = 0; i < p->item[0].count; i++)
        p->master[p->item[0].offset + i] = (float)ppi_rng_unit(&rng);
    return PP_OK;
}

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    qtable_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    ppi_online_init(&a->base, cfg, &a->o, a->size, sizeof a->size);
    a->n = a->base.cfg.actions.count;
    const pp_status s = make_table(a);
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

const ppi_method ppi_method_qtable = {
    .name = "qtable",
    .help = "Tabular Q-learning for observations of small integers",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .options_size = sizeof(qtable_options),
    .sizes = sizes,
    .recipe = recipe,
    .default_batch = ppi_online_default_batch,
    .create = create,
    .calls = &calls,
    .learner = &learner,
};
