/* Synchronous advantage actor-critic with lambda-returns: the A3C of Algorithm Distillation
   (Laskin et al. 2022) with all actors of a task in one batch. Actors play one unroll with the
   present policy; then the update follows the gradient of

       mean[-log pi(a|o) (G - V(o))] + value_weight mean[(G - V(o))^2] - entropy mean[H(pi(.|o))]

   with G_t = r_t + gamma ((1 - lambda) V(o_{t+1}) + lambda G_{t+1}), cut at episode ends. A task
   that ends has no next value; a cut episode has that of its last observation. Mode "paper-lr"
   makes one update per actor's unroll instead of one for all; as earlier updates of the same unroll
   have changed the policy by then, a step counts min(1, pi now / pi when it was played) in the
   first term.

   Where the possible observations are few, the network is evaluated once for each of them instead
   of once for each step played: the same sums, added in another order. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/explore.h"
#include "method/online.h"
#include "method/online_net.h"
#include "method/small.h"
#include "method/vtrace.h"
#include "tensor/optim.h"

enum {
    MOST_TABLE_ROWS = 4096, /* possible observations that may be evaluated in one batch */
    MOST_EPISODE = 100,     /* longest episode, in steps, that is an unroll by default ... */
    DEFAULT_UNROLL = 20     /* ... and the unroll of the others */
};

typedef struct a2c_options {
    int mode;        /* MODE_* */
    int64_t streams; /* actors of one task */
    int64_t unroll;  /* steps; 0 = an episode where that is short */
    double lambda, gamma, entropy, value_weight, bonus;
    bool table, greedy;
    ppi_optim_options optim;
} a2c_options;
enum { MODE_SYNC, MODE_PAPER_LR };

#define ROW(option, member, kind)                                                                  \
    .name = "a2c." option, .type = kind, .offset = offsetof(a2c_options, member)
static const ppi_option rows[] = {
    {ROW("mode", mode, PPI_OPT_CHOICE), .def = "sync", .choices = "sync|paper-lr",
     .help = "sync = one update per unroll of all actors; paper-lr = one per unroll of each actor, "
             "with a tenth of the learning rate."},
    {ROW("streams", streams, PPI_OPT_I64), .def = "100", .min = 1, .max = 65536,
     .help = "Actors, environments of one task."},
    {ROW("unroll", unroll, PPI_OPT_I64), .def = "0", .min = 0, .max = 65536,
     .help = "Steps of each actor between updates; 0 = an episode where it has at most 100 "
             "steps, else 20."},
    {ROW("lambda", lambda, PPI_OPT_F64), .def = "0.95", .max = 1,
     .help = "Weight of longer returns."},
    {ROW("gamma", gamma, PPI_OPT_F64), .def = "0.99", .max = 1, .help = "Discount per step."},
    {ROW("entropy", entropy, PPI_OPT_F64), .def = "0.01", .max = 100,
     .help = "Weight of the entropy of the policy."},
    {ROW("value-weight", value_weight, PPI_OPT_F64), .def = "0.5", .max = 100,
     .help = "Weight of the squared error of the values."},
    {ROW("bonus", bonus, PPI_OPT_F64), .def = "-1", .min = -1, .max = 100,
     .help = "Added to a reward, over the root of the visits to what follows, where observations "
             "are few; 0 = none; -1 = 0.3 in dark/room-hard, else 0."},
    {ROW("table", table, PPI_OPT_BOOL), .def = "on",
     .help = "Evaluate every possible observation once where they are few; faster, equal up to "
             "rounding."},
    {ROW("greedy", greedy, PPI_OPT_BOOL), .def = "off",
     .help = "Play the likeliest action instead of drawing, after training."},
};
#undef ROW
static const ppi_option_table table = {"a2c", rows, sizeof rows / sizeof rows[0]};
static const ppi_method_table tables[] = {
    {&table, 0},
    {&ppi_optim_option_table, offsetof(a2c_options, optim)},
};

static const char *const sizes[] = {"small", "arcade", "nature", "impala", NULL};

static const ppi_option_value recipe_rows[] = {
    {"optim.name", "adam"},      {"optim.beta1", "0.9"},
    {"optim.beta2", "0.999"},    {"optim.eps", "1e-6"},
    {"optim.clip", "0"},         {"optim.warmup", "0"},
    {"optim.weight-decay", "0"}, {"optim.schedule", "constant"},
};

static pp_status recipe(ppi_options *set, const char *size) {
    ppi_buf mode = {0};
    pp_status s = ppi_options_get_text(set, "a2c.mode", &mode);
    const bool paper = strcmp(ppi_buf_text(&mode), "paper-lr") == 0;
    ppi_buf_free(&mode);
    const ppi_option_value lr = {"optim.lr", paper ? "1e-4" : "1e-3"};
    if (s == PP_OK) s = ppi_online_recipe(set, size, &lr, 1);
    if (s != PP_OK) return s;
    return ppi_online_recipe(set, size, recipe_rows, sizeof recipe_rows / sizeof recipe_rows[0]);
}

/* One step of one stream. */
typedef struct played {
    double reward;
    float next_value; /* behind the end of an episode or of the unroll: V of what followed, 0 where
                         the task ended; other steps: unused */
    int32_t choice;   /* place of the action in the action list */
    int32_t row;      /* of the observation in the table, where there is one */
    float log_p;      /* of the choice under the policy that made it; mode paper-lr, else 0 */
    uint8_t done;     /* terminated or truncated */
} played;

/* What the steps of one row of the network's output add up to. */
typedef struct row_sums {
    double n;                         /* steps */
    double advantage[PP_ENV_ACTIONS]; /* summed by the choice made */
    double ret, ret2;                 /* summed returns and their squares */
} row_sums;

typedef struct a2c_agent {
    ppi_agent base; /* first: the agent is handed around as ppi_agent */
    a2c_options o;
    char size[16];
    ppi_online_net_spec net;
    int32_t n;          /* actions; the head has n logits and a value */
    int64_t obs_bytes;  /* of one observation as the loop hands it */
    int64_t input_size; /* bytes of one row of the network's input */
    int64_t cells;      /* possible observations, 0 = too many or not counted */
    float *one_hot;     /* [cells, input]: the network's input for each of them */

    /* learning; streams = 0 before begin */
    int64_t streams, unroll;
    int64_t per_update; /* streams of one update */
    bool table_acts;    /* the policy is looked up in a table of all observations */
    bool table_learns;  /* updates sum over that table */
    bool masked;        /* some choice is illegal in some stream */
    uint8_t *legal;     /* [streams, PP_ENV_ACTIONS] by id */
    uint8_t *allowed;   /* [streams, n] by choice */
    ppi_rng *rng;       /* [streams] */
    ppi_online_net actor, train;
    uint64_t table_version; /* of the parameters that the actor's table was made with */
    float *cdf;             /* [cells, n] of the policy in the table */
    float *behaviour;       /* [streams, n] logits behind the present actions; mode paper-lr */
    played *step;           /* [streams, unroll] */
    uint8_t *obs;           /* [streams, unroll, obs_bytes], NULL where rows say it all */
    row_sums *sums;         /* [rows of train] */
    ppi_visits visits;      /* [cells] where steps earn a bonus */
    int64_t pos;            /* steps of the running unroll */
    int64_t updates;

    ppi_acting acting;
    ppi_online_net play;
    uint8_t *play_allowed; /* [acting.n, n] */
} a2c_agent;

/* ---- observations as inputs of the network ---- */

static void one_hot_of(const a2c_agent *a, const uint8_t *cells, float *x) {
    const ppi_obs_spec *o = &a->base.cfg.obs;
    memset(x, 0, (size_t)a->input_size);
    for (int64_t i = 0; i < o->c; i++) {
        x[cells[i]] = 1;
        x += o->high[i] + 1;
    }
}

/* Writes one observation as row `row` of the input of a net. */
static pp_status put_obs(const a2c_agent *a, ppi_online_net *net, int64_t row, const uint8_t *obs) {
    uint8_t *to = (uint8_t *)net->frames + row * a->input_size;
    const ppi_obs_spec *o = &a->base.cfg.obs;
    if (o->type != PP_OBS_CELLS) {
        memcpy(to, obs, (size_t)a->input_size);
        return PP_OK;
    }
    int64_t index = 0;
    PPI_TRY(ppi_cells_row(o, obs, &index));
    if (a->cells > 0) {
        memcpy(to, a->one_hot + index * (a->input_size / (int64_t)sizeof *a->one_hot),
               (size_t)a->input_size);
    } else {
        one_hot_of(a, obs, (float *)(void *)to);
    }
    return PP_OK;
}

/* Network and, where possible observations are few, the inputs for all of them. */
static pp_status configure(a2c_agent *a) {
    const ppi_agent_config *cfg = &a->base.cfg;
    ppi_obs_spec *in = &a->net.obs;
    a->n = cfg->actions.count;
    a->obs_bytes = ppi_obs_bytes(&cfg->obs);
    /* Three layers of 128 are done before a second thread is awake. */
    if (strcmp(a->size, "small") == 0) a->base.cfg.threads = 1;
    a->net = (ppi_online_net_spec){.obs = cfg->obs, .stack = 1, .outputs = a->n + 1};
    if (cfg->obs.type == PP_OBS_CELLS) {
        in->type = PP_OBS_FLOAT;
        in->h = in->w = 1;
        in->c = 0;
        for (int64_t i = 0; i < cfg->obs.c; i++) in->c += cfg->obs.high[i] + 1;
        a->cells = ppi_cells_count(&cfg->obs, MOST_TABLE_ROWS);
    }
    a->net.torso = (ppi_torso_config){.name = strcmp(a->size, "small") == 0 ? "mlp" : a->size,
                                      .prefix = "torso",
                                      .type = in->type};
    a->input_size = ppi_online_stack_bytes(&a->net);
    if (a->cells == 0) return PP_OK;
    a->one_hot = ppi_calloc((size_t)(a->cells * in->c), sizeof *a->one_hot);
    if (a->one_hot == NULL) return ppi_oom("the inputs of a network");
    for (int64_t row = 0; row < a->cells; row++) {
        uint8_t cells[PP_ENV_CELLS];
        ppi_cells_of_row(&cfg->obs, row, cells);
        one_hot_of(a, cells, a->one_hot + row * in->c);
    }
    return PP_OK;
}

/* ---- the policy ---- */

static const uint8_t every_choice[PP_ENV_ACTIONS] = {1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                     1, 1, 1, 1, 1, 1, 1, 1, 1};

static float log_p_of(const float *logits, int32_t n, const uint8_t *allowed, int32_t choice) {
    float p[PP_ENV_ACTIONS];
    float log_p[PP_ENV_ACTIONS];
    ppi_legal_softmax(p, log_p, logits, allowed, n);
    return log_p[choice];
}

/* The choice at a uniform number u in 0..1 of the running sums of the policy. */
static int32_t draw(const float *cdf, int32_t n, double u) {
    int32_t k = 0;
    while (k < n - 1 && u >= (double)cdf[k]) k++;
    return k;
}

/* Running sums of the policy; the last allowed choice gets 1 so that rounding chooses no other. */
static void running_sums(const float *logits, int32_t n, const uint8_t *allowed, float *cdf) {
    float p[PP_ENV_ACTIONS];
    double sum = 0;
    int32_t last = 0;
    ppi_legal_softmax(p, NULL, logits, allowed, n);
    for (int32_t k = 0; k < n; k++) {
        if (allowed[k]) last = k;
        sum += (double)p[k];
        cdf[k] = (float)sum;
    }
    for (int32_t k = last; k < n; k++) cdf[k] = 1;
}

/* Uniform in [0,1) with 32 bits: one output of the generator. */
static double unit32(ppi_rng *rng) {
    return (double)ppi_rng_u32(rng) * 0x1p-32;
}

/* Evaluates all possible observations with the present parameters, unless that was done. */
static pp_status refresh_table(a2c_agent *a) {
    if (a->table_version == a->base.params->version) return PP_OK;
    PPI_TRY(ppi_online_net_forward(&a->actor));
    for (int64_t row = 0; row < a->cells && !a->masked; row++)
        running_sums(a->actor.head + row * (a->n + 1), a->n, every_choice, a->cdf + row * a->n);
    a->table_version = a->base.params->version;
    return PP_OK;
}

/* ---- learning: set-up ---- */

static int64_t streams(const ppi_agent *a) {
    return ((const a2c_agent *)a)->o.streams;
}

static void learn_end(a2c_agent *a) {
    ppi_online_net_close(&a->actor);
    ppi_online_net_close(&a->train);
    ppi_visits_end(&a->visits);
    void *owned[] = {a->legal, a->allowed, a->rng, a->cdf, a->behaviour, a->step, a->obs, a->sums};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) ppi_free(owned[i]);
    a->legal = NULL;
    a->allowed = NULL;
    a->rng = NULL;
    a->cdf = NULL;
    a->behaviour = NULL;
    a->step = NULL;
    a->obs = NULL;
    a->sums = NULL;
    a->streams = 0;
}

/* allowed[n] by choice from legal[PP_ENV_ACTIONS] by id; returns false when all are allowed. */
static bool allow(const a2c_agent *a, const uint8_t *legal, uint8_t *allowed) {
    bool masked = false;
    for (int32_t k = 0; k < a->n; k++) {
        allowed[k] = legal[a->base.cfg.actions.list[k]] != 0;
        masked = masked || !allowed[k];
    }
    return masked;
}

static void set_sizes(a2c_agent *a, const ppi_learn_setup *setup) {
    a->streams = setup->streams;
    a->unroll = a->o.unroll > 0 ? a->o.unroll : setup->episode_steps;
    if (a->o.unroll == 0 && (a->unroll < 1 || a->unroll > MOST_EPISODE)) a->unroll = DEFAULT_UNROLL;
    a->per_update = a->o.mode == MODE_PAPER_LR ? 1 : a->streams;
    const int64_t steps = a->streams * a->unroll;
    a->table_acts = a->o.table && a->cells > 0 && a->cells <= 4 * steps;
    a->o.optim.total_steps = setup->total_steps / (a->per_update * a->unroll);
}

static pp_status allocate(a2c_agent *a) {
    const size_t n = (size_t)a->streams;
    const size_t steps = n * (size_t)a->unroll;
    const size_t rows_trained = (size_t)(a->table_learns ? a->cells : a->per_update * a->unroll);
    a->step = ppi_calloc(steps, sizeof *a->step);
    a->behaviour = ppi_calloc(n * (size_t)a->n, sizeof *a->behaviour);
    a->sums = ppi_calloc(rows_trained, sizeof *a->sums);
    if (a->cells == 0) a->obs = ppi_calloc(steps, (size_t)a->obs_bytes);
    if (a->table_acts) a->cdf = ppi_calloc((size_t)(a->cells * a->n), sizeof *a->cdf);
    if (a->step == NULL || a->behaviour == NULL || a->sums == NULL ||
        (a->cells == 0 && a->obs == NULL) || (a->table_acts && a->cdf == NULL))
        return ppi_oom("the steps of an unroll");
    a->o.bonus = ppi_explore_bonus(a->o.bonus, &a->base.cfg);
    return a->cells > 0 && a->o.bonus > 0 ? ppi_visits_begin(&a->visits, a->cells) : PP_OK;
}

/* Legal choices and generators of the streams. */
static pp_status set_streams(a2c_agent *a, const ppi_learn_setup *setup) {
    const size_t n = (size_t)setup->streams;
    a->legal = ppi_calloc(n, PP_ENV_ACTIONS);
    a->allowed = ppi_calloc(n, (size_t)a->n);
    a->rng = ppi_calloc(n, sizeof *a->rng);
    if (a->legal == NULL || a->allowed == NULL || a->rng == NULL)
        return ppi_oom("the streams of a learner");
    memcpy(a->legal, setup->legal, n * PP_ENV_ACTIONS);
    a->masked = false;
    for (int64_t s = 0; s < setup->streams; s++)
        a->masked |= allow(a, a->legal + s * PP_ENV_ACTIONS, a->allowed + s * a->n);
    ppi_learn_rngs(a->rng, setup);
    return PP_OK;
}

static pp_status open_nets(a2c_agent *a) {
    const ppi_agent_config *cfg = &a->base.cfg;
    ppi_params *p = a->base.params;
    const int64_t acting = a->table_acts ? a->cells : a->streams;
    const int64_t trained = a->table_learns ? a->cells : a->per_update * a->unroll;
    PPI_TRY(ppi_params_alloc(p, PPI_ROLE_GRAD | PPI_ROLE_SLOTS));
    PPI_TRY(ppi_online_net_open(&a->actor, &a->net, p, cfg, acting, false));
    PPI_TRY(ppi_online_net_open(&a->train, &a->net, p, cfg, trained, true));
    const size_t all = (size_t)(a->cells * a->input_size);
    if (a->table_acts) memcpy(a->actor.frames, a->one_hot, all);
    if (a->table_learns) memcpy(a->train.frames, a->one_hot, all);
    a->table_version = p->version - 1;
    return PP_OK;
}

static pp_status begin(ppi_agent *agent, const ppi_learn_setup *setup) {
    a2c_agent *a = (a2c_agent *)agent;
    PPI_TRY(ppi_learn_setup_check(agent, setup));
    learn_end(a);
    set_sizes(a, setup);
    a->pos = 0;
    a->updates = 0;
    pp_status s = set_streams(a, setup);
    a->table_learns = a->table_acts && !a->masked && a->cells <= a->per_update * a->unroll;
    if (s == PP_OK) s = allocate(a);
    if (s == PP_OK) s = open_nets(a);
    if (s != PP_OK) learn_end(a);
    return s;
}

/* ---- learning: one unroll ---- */

static pp_status act_by_table(a2c_agent *a, const uint8_t *obs, int32_t *actions) {
    const ppi_agent_config *cfg = &a->base.cfg;
    const int32_t n = a->n;
    PPI_TRY(refresh_table(a));
    for (int64_t s = 0; s < a->streams; s++) {
        int64_t row = 0;
        float own[PP_ENV_ACTIONS];
        PPI_TRY(ppi_cells_row(&cfg->obs, obs + s * a->obs_bytes, &row));
        const float *head = a->actor.head + row * (n + 1);
        const float *cdf = a->cdf + row * n;
        if (a->masked) {
            running_sums(head, n, a->allowed + s * n, own);
            cdf = own;
        }
        a->step[s * a->unroll + a->pos].row = (int32_t)row;
        memcpy(a->behaviour + s * n, head, (size_t)n * sizeof *head);
        actions[s] = cfg->actions.list[draw(cdf, n, unit32(&a->rng[s]))];
    }
    return PP_OK;
}

static pp_status act_by_net(a2c_agent *a, const uint8_t *obs, int32_t *actions) {
    const ppi_agent_config *cfg = &a->base.cfg;
    for (int64_t s = 0; s < a->streams; s++) {
        const uint8_t *at = obs + s * a->obs_bytes;
        const int64_t step = s * a->unroll + a->pos;
        PPI_TRY(put_obs(a, &a->actor, s, at));
        int64_t row = 0;
        if (a->cells > 0) PPI_TRY(ppi_cells_row(&cfg->obs, at, &row));
        if (a->cells == 0) memcpy(a->obs + step * a->obs_bytes, at, (size_t)a->obs_bytes);
        a->step[step].row = (int32_t)row;
    }
    PPI_TRY(ppi_online_net_forward(&a->actor));
    for (int64_t s = 0; s < a->streams; s++) {
        float cdf[PP_ENV_ACTIONS];
        const float *head = a->actor.head + s * (a->n + 1);
        running_sums(head, a->n, a->allowed + s * a->n, cdf);
        memcpy(a->behaviour + s * a->n, head, (size_t)a->n * sizeof *head);
        actions[s] = cfg->actions.list[draw(cdf, a->n, unit32(&a->rng[s]))];
    }
    return PP_OK;
}

static pp_status learn_act(ppi_agent *agent, const uint8_t *obs, int32_t *actions) {
    a2c_agent *a = (a2c_agent *)agent;
    return a->table_acts ? act_by_table(a, obs, actions) : act_by_net(a, obs, actions);
}

/* Values of what followed the present step where the unroll does not hold it: behind cut episodes,
   and everywhere at the end of the unroll. */
static pp_status next_values(a2c_agent *a, const ppi_learn_step *step) {
    const bool last = a->pos == a->unroll - 1;
    bool any = last;
    for (int64_t s = 0; s < a->streams; s++)
        any = any || (step->truncated[s] && !step->terminated[s]);
    if (!any) return PP_OK;
    for (int64_t s = 0; s < a->streams && !a->table_acts; s++) {
        const uint8_t *from = step->truncated[s] ? step->final_obs : step->next_obs;
        PPI_TRY(put_obs(a, &a->actor, s, from + s * a->obs_bytes));
    }
    if (!a->table_acts) PPI_TRY(ppi_online_net_forward(&a->actor));
    for (int64_t s = 0; s < a->streams; s++) {
        const bool cut = step->truncated[s] && !step->terminated[s];
        if (step->terminated[s] || !(cut || last)) continue;
        int64_t row = s;
        const uint8_t *from = cut ? step->final_obs : step->next_obs;
        if (a->table_acts) PPI_TRY(ppi_cells_row(&a->base.cfg.obs, from + s * a->obs_bytes, &row));
        a->step[s * a->unroll + a->pos].next_value = a->actor.head[row * (a->n + 1) + a->n];
    }
    return PP_OK;
}

/* ---- learning: the update ---- */

/* Row of the training net that holds step i of the update whose first step is `first`. */
static int64_t row_of(const a2c_agent *a, int64_t first, int64_t i) {
    return a->table_learns ? a->step[first + i].row : i;
}

/* Fills the inputs of the training net with the steps first .. first + count - 1 of the unroll. */
static pp_status fill(a2c_agent *a, int64_t first, int64_t count) {
    const int64_t width = a->input_size / (int64_t)sizeof *a->one_hot;
    float *x = a->train.frames;
    if (a->table_learns) return PP_OK;
    for (int64_t i = 0; i < count; i++) {
        if (a->cells > 0) {
            const float *from = a->one_hot + a->step[first + i].row * width;
            memcpy(x + i * width, from, (size_t)a->input_size);
        } else {
            PPI_TRY(put_obs(a, &a->train, i, a->obs + (first + i) * a->obs_bytes));
        }
    }
    return PP_OK;
}

/* Lambda-returns and advantages of one stream under the values in the training net's output, from
   the last step to the first, added up by rows of that output. */
static void add_stream(a2c_agent *a, int64_t first, int64_t stream) {
    const double gamma = a->o.gamma;
    const double lambda = a->o.lambda;
    double next = 0;       /* return of the following step */
    double next_value = 0; /* value of the following observation */
    for (int64_t t = a->unroll - 1; t >= 0; t--) {
        const int64_t i = stream * a->unroll + t - first;
        const int64_t row = row_of(a, first, i);
        const played *x = &a->step[first + i];
        const float *head = a->train.head + row * (a->n + 1);
        const double value = (double)head[a->n];
        if (x->done || t == a->unroll - 1) next = next_value = (double)x->next_value;
        next = x->reward + gamma * ((1 - lambda) * next_value + lambda * next);
        next_value = value;
        double weight = 1;
        if (a->per_update < a->streams) {
            const float now = log_p_of(head, a->n, a->allowed + stream * a->n, x->choice);
            weight = fmin(1, exp((double)now - (double)x->log_p));
        }
        row_sums *r = &a->sums[row];
        r->n += 1;
        r->advantage[x->choice] += weight * (next - value);
        r->ret += next;
        r->ret2 += next * next;
    }
}

typedef struct losses {
    double policy, value, entropy;
} losses;

/* Adds the terms of one row and writes the gradient of the loss with respect to its head; w =
   1 / steps of the update. */
static void row_loss(const a2c_agent *a, const float *head, const row_sums *r,
                     const uint8_t *allowed, double w, float *dhead, losses *out) {
    const int32_t n = a->n;
    float p[PP_ENV_ACTIONS];
    float log_p[PP_ENV_ACTIONS];
    double advantage = 0;
    double entropy = 0;
    ppi_legal_softmax(p, log_p, head, allowed, n);
    for (int32_t k = 0; k < n; k++) {
        entropy -= (double)p[k] * (double)log_p[k];
        advantage += r->advantage[k];
        out->policy -= w * r->advantage[k] * (double)log_p[k];
    }
    for (int32_t k = 0; k < n; k++) {
        const double policy = (double)p[k] * advantage - r->advantage[k];
        const double spread = r->n * (double)p[k] * ((double)log_p[k] + entropy);
        dhead[k] = (float)(w * (policy + a->o.entropy * spread));
    }
    const double v = (double)head[n];
    out->entropy += w * r->n * entropy;
    out->value += w * (r->ret2 - 2 * v * r->ret + r->n * v * v);
    dhead[n] = (float)(w * 2 * a->o.value_weight * (r->n * v - r->ret));
}

static void report(const a2c_agent *a, const losses *l, double total, double norm,
                   ppi_metrics *out) {
    out->count = 0;
    ppi_metrics_add(out, "losses/total", total);
    ppi_metrics_add(out, "losses/policy", l->policy);
    ppi_metrics_add(out, "losses/value", l->value);
    ppi_metrics_add(out, "charts/entropy", l->entropy);
    ppi_metrics_add(out, "charts/grad_norm", norm);
    ppi_metrics_add(out, "charts/lr", ppi_optim_lr(&a->o.optim, a->updates - 1));
}

/* One update from the streams stream .. stream + per_update - 1. */
static pp_status update(a2c_agent *a, int64_t stream, ppi_metrics *out) {
    const int64_t first = stream * a->unroll;
    const int64_t count = a->per_update * a->unroll;
    const int32_t width = a->n + 1;
    losses l = {0, 0, 0};
    PPI_TRY(fill(a, first, count));
    PPI_TRY(ppi_online_net_forward(&a->train));
    memset(a->sums, 0, (size_t)a->train.batch * sizeof *a->sums);
    for (int64_t s = 0; s < a->per_update; s++) add_stream(a, first, stream + s);
    for (int64_t i = 0; i < a->train.batch; i++) {
        const uint8_t *allowed = every_choice;
        if (!a->table_learns) allowed = a->allowed + (stream + i / a->unroll) * a->n;
        row_loss(a, a->train.head + i * width, &a->sums[i], allowed, 1.0 / (double)count,
                 a->train.dhead + i * width, &l);
    }
    const double total = l.policy + a->o.value_weight * l.value - a->o.entropy * l.entropy;
    if (!isfinite(total))
        return ppi_fail(PP_ERR_NUMERIC,
                        "update %lld of a2c: the loss is %g (policy %g, value %g, entropy %g)",
                        (long long)a->updates, total, l.policy, l.value, l.entropy);
    PPI_TRY(ppi_online_net_backward(&a->train));
    double norm = 0;
    const pp_status s = ppi_optim_step(&a->o.optim, a->base.params, a->base.cfg.backend, a->updates,
                                       a->base.cfg.threads, &norm);
    if (s != PP_OK) return ppi_fail_context(s, "update %lld of a2c", (long long)a->updates);
    a->updates++;
    report(a, &l, total, norm, out);
    return PP_OK;
}

/* Reward of a stream's step, with the bonus for what it led to. */
static pp_status reward_of(a2c_agent *a, const ppi_learn_step *step, int64_t s, double *out) {
    const uint8_t *to = step->terminated[s] || step->truncated[s] ? step->final_obs : step->next_obs;
    int64_t row = 0;
    *out = step->reward[s];
    if (a->visits.rows == 0) return PP_OK;
    PPI_TRY(ppi_cells_row(&a->base.cfg.obs, to + s * a->obs_bytes, &row));
    *out += ppi_visits_bonus(&a->visits, row, a->o.bonus);
    return PP_OK;
}

static pp_status learn_step(ppi_agent *agent, const ppi_learn_step *step, ppi_metrics *out) {
    a2c_agent *a = (a2c_agent *)agent;
    out->count = 0;
    PPI_TRY(next_values(a, step));
    for (int64_t s = 0; s < a->streams; s++) {
        played *x = &a->step[s * a->unroll + a->pos];
        PPI_TRY(ppi_learn_action_check(agent, a->legal, s, step->action[s]));
        x->choice = ppi_online_choice(agent, step->action[s]);
        if (a->per_update < a->streams)
            x->log_p = log_p_of(a->behaviour + s * a->n, a->n, a->allowed + s * a->n, x->choice);
        PPI_TRY(reward_of(a, step, s, &x->reward));
        x->done = step->terminated[s] || step->truncated[s];
        if (step->terminated[s]) x->next_value = 0;
    }
    a->pos++;
    if (a->pos < a->unroll) return PP_OK;
    a->pos = 0;
    for (int64_t s = 0; s < a->streams; s += a->per_update) PPI_TRY(update(a, s, out));
    return PP_OK;
}

static int64_t updates(const ppi_agent *agent) {
    return ((const a2c_agent *)agent)->updates;
}

static pp_status save(ppi_agent *agent, ppi_buf *out) {
    const a2c_agent *a = (const a2c_agent *)agent;
    PPI_TRY(ppi_buf_append(out, &a->updates, sizeof a->updates));
    PPI_TRY(ppi_buf_append(out, &a->pos, sizeof a->pos));
    PPI_TRY(ppi_buf_append(out, a->rng, (size_t)a->streams * sizeof *a->rng));
    const size_t visits = (size_t)a->visits.rows * sizeof *a->visits.count;
    if (visits > 0) PPI_TRY(ppi_buf_append(out, a->visits.count, visits));
    for (int64_t s = 0; s < a->streams; s++) {
        const int64_t at = s * a->unroll;
        PPI_TRY(ppi_buf_append(out, a->step + at, (size_t)a->pos * sizeof *a->step));
        if (a->obs == NULL) continue;
        PPI_TRY(ppi_buf_append(out, a->obs + at * a->obs_bytes, (size_t)(a->pos * a->obs_bytes)));
    }
    return PP_OK;
}

/* A saved step must name a choice and a row that are there. */
static bool is_played(const a2c_agent *a, const played *x) {
    return x->choice >= 0 && x->choice < a->n && x->row >= 0 &&
           x->row < (a->cells > 0 ? a->cells : 1);
}

static pp_status load(ppi_agent *agent, const void *data, size_t size) {
    a2c_agent *a = (a2c_agent *)agent;
    ppi_state_reader r = {data, size, false};
    ppi_state_read(&r, &a->updates, sizeof a->updates);
    ppi_state_read(&r, &a->pos, sizeof a->pos);
    if (a->pos < 0 || a->pos >= a->unroll) r.failed = true;
    ppi_state_read(&r, a->rng, (size_t)a->streams * sizeof *a->rng);
    const size_t visits = (size_t)a->visits.rows * sizeof *a->visits.count;
    if (visits > 0) ppi_state_read(&r, a->visits.count, visits);
    for (int64_t s = 0; s < a->streams && !r.failed; s++) {
        played *x = a->step + s * a->unroll;
        ppi_state_read(&r, x, (size_t)a->pos * sizeof *x);
        for (int64_t t = 0; t < a->pos; t++) r.failed = r.failed || !is_played(a, &x[t]);
        if (a->obs == NULL) continue;
        ppi_state_read(&r, a->obs + s * a->unroll * a->obs_bytes, (size_t)(a->pos * a->obs_bytes));
    }
    a->table_version = agent->params->version - 1;
    if (r.failed) a->pos = 0;
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

/* ---- playing ---- */

static void play_end(a2c_agent *a) {
    ppi_online_net_close(&a->play);
    ppi_acting_end(&a->acting);
    ppi_free(a->play_allowed);
    a->play_allowed = NULL;
}

static pp_status act_begin(ppi_agent *agent, int64_t n_envs) {
    a2c_agent *a = (a2c_agent *)agent;
    if (n_envs > 0 && a->acting.n == n_envs) return PP_OK;
    play_end(a);
    PPI_TRY(ppi_acting_begin(&a->acting, agent, n_envs));
    a->play_allowed = ppi_malloc((size_t)(n_envs * a->n));
    pp_status s = a->play_allowed != NULL ? PP_OK : ppi_oom("the actions of an acting agent");
    if (s == PP_OK) {
        memset(a->play_allowed, 1, (size_t)(n_envs * a->n));
        s = ppi_online_net_open(&a->play, &a->net, agent->params, &agent->cfg, n_envs, false);
    }
    if (s != PP_OK) play_end(a);
    return s;
}

static pp_status act_game(ppi_agent *agent, int64_t env, int32_t game, const uint8_t *legal) {
    a2c_agent *a = (a2c_agent *)agent;
    (void)game;
    if (env < 0 || env >= a->acting.n)
        return ppi_fail(PP_ERR_ARGUMENT, "environment %lld of %lld was named; was acting begun?",
                        (long long)env, (long long)a->acting.n);
    uint8_t *allowed = a->play_allowed + env * a->n;
    (void)allow(a, legal, allowed);
    if (memchr(allowed, 1, (size_t)a->n) == NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "no action of environment %lld is one of the agent's",
                        (long long)env);
    return PP_OK;
}

static pp_status act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    return ppi_acting_reset(&((a2c_agent *)agent)->acting, env, obs, episode);
}

/* The likeliest allowed choice. */
static int32_t likeliest(const float *logits, int32_t n, const uint8_t *allowed) {
    int32_t best = -1;
    for (int32_t k = 0; k < n; k++) {
        if (allowed[k] && (best < 0 || logits[k] > logits[best])) best = k;
    }
    return best;
}

static pp_status act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    a2c_agent *a = (a2c_agent *)agent;
    if (a->acting.n == 0)
        return ppi_fail(PP_ERR_ARGUMENT, "a2c was asked for actions before acting was begun");
    for (int64_t e = 0; e < a->acting.n; e++) {
        if (live != NULL && live[e] == 0) continue;
        PPI_TRY(put_obs(a, &a->play, e, a->acting.obs + e * a->acting.obs_bytes));
    }
    PPI_TRY(ppi_online_net_forward(&a->play));
    for (int64_t e = 0; e < a->acting.n; e++) {
        if (live != NULL && live[e] == 0) continue;
        const float *head = a->play.head + e * (a->n + 1);
        const uint8_t *allowed = a->play_allowed + e * a->n;
        int32_t k = likeliest(head, a->n, allowed);
        if (!a->o.greedy) {
            float cdf[PP_ENV_ACTIONS];
            ppi_rng rng = ppi_acting_rng(&a->acting, agent, e);
            running_sums(head, a->n, allowed, cdf);
            k = draw(cdf, a->n, unit32(&rng));
        }
        actions[e] = agent->cfg.actions.list[k];
    }
    return PP_OK;
}

static pp_status observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    (void)action;
    (void)reward;
    return ppi_acting_observe(&((a2c_agent *)agent)->acting, env, next_obs);
}

static pp_status describe_acting(const ppi_agent *agent, ppi_jsonw *w) {
    ppi_jsonw_key_bool(w, "greedy", ((const a2c_agent *)agent)->o.greedy);
    return PP_OK;
}

static ppi_plan *plan(const ppi_agent *agent, const char *which) {
    const a2c_agent *a = (const a2c_agent *)agent;
    if (strcmp(which, "train") == 0) return a->train.plan;
    if (strcmp(which, "act") == 0) return a->play.plan != NULL ? a->play.plan : a->actor.plan;
    return NULL;
}

/* ---- creation ---- */

static void destroy(ppi_agent *agent) {
    a2c_agent *a = (a2c_agent *)agent;
    if (a == NULL) return;
    learn_end(a);
    play_end(a);
    ppi_free(a->one_hot);
    ppi_params_destroy(a->base.params);
    ppi_free(a);
}

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    a2c_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    ppi_online_init(&a->base, cfg, &a->o, a->size, sizeof a->size);
    pp_status s = configure(a);
    if (s == PP_OK) s = ppi_online_params(&a->base.params, &a->net, &a->base.cfg);
    if (s == PP_OK) s = ppi_explore_start(a->base.params, &a->base.cfg, a->net.obs.c, a->n);
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
    .act_game = act_game,
    .act_reset = act_reset,
    .act = act,
    .observe = observe,
    .describe_acting = describe_acting,
    .plan = plan,
};

const ppi_method ppi_method_a2c = {
    .name = "a2c",
    .help = "Synchronous advantage actor-critic with lambda-returns",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .options_size = sizeof(a2c_options),
    .sizes = sizes,
    .recipe = recipe,
    .default_batch = ppi_online_default_batch,
    .create = create,
    .calls = &calls,
    .learner = &learner,
};
