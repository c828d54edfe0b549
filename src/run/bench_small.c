/* `polyplay bench small`: what the networks of the online learners cost without their environments.
   The update of a value learner on a board of the arcade (forward with the target's weights on the
   next observation, forward and backward on this one, Adam), the choice of one action, and the same
   for the rollouts of a dark room. Medians of many rounds. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "nn/nn.h"
#include "run/bench_internal.h"
#include "run/train_job.h"
#include "tensor/optim.h"
#include "tensor/plan.h"

/* A network and what it is run on. */
typedef struct small_case {
    const char *name;
    bool board;       /* else: cells, two numbers from 0 to CELL_VALUES - 1 */
    int64_t channels; /* of a board of BOARD by BOARD places */
    int64_t batch, act_batch;
} small_case;

enum { BOARD = 10, CELL_VALUES = 9, ACTIONS = 6, HIDDEN = 128, CHANNELS = 16 };

static const small_case cases[] = {
    {"dqn_breakout", true, 4, 32, 1},
    {"dqn_seaquest", true, 10, 32, 1},
    {"a2c_dark_room", false, 2, 2000, 100},
};

typedef struct small_net {
    ppi_params *params, *target_params;
    ppi_plan *target, *train, *act;
} small_net;

/* The torso "arcade" of model/torso.h. */
static ppi_value board_features(ppi_graph *g, const small_case *c, int64_t batch) {
    const ppi_nn_conv conv = {.kernel = 3, .stride = 1, .act = PPI_ACT_RELU};
    ppi_value x = ppi_input(g, "obs", PPI_U8, ppi_shape4(batch, BOARD, BOARD, c->channels));
    x = ppi_nn_conv2d(g, ppi_cast(g, x, PPI_F32, 1.0f), "torso", "conv", CHANNELS, &conv);
    return ppi_nn_dense_over(g, x, "torso", HIDDEN);
}

/* The torso "mlp". */
static ppi_value cell_features(ppi_graph *g, const small_case *c, int64_t batch) {
    static const char *const names[] = {"torso/dense1", "torso/dense2", "torso/dense3"};
    const int32_t values[1] = {CELL_VALUES};
    ppi_value x = ppi_input(g, "obs", PPI_U8, ppi_shape2(batch, c->channels));
    x = ppi_one_hot(g, x, 1, values);
    for (int i = 0; i < 3; i++)
        x = ppi_nn_linear(g, x, names[i], HIDDEN, ppi_nn_variance_scaling(2.0, HIDDEN),
                          PPI_ACT_RELU);
    return x;
}

static ppi_value head(ppi_graph *g, const small_case *c, int64_t batch) {
    const ppi_value x = c->board ? board_features(g, c, batch) : cell_features(g, c, batch);
    return ppi_output(
        g, "head",
        ppi_nn_linear(g, x, "head", ACTIONS, ppi_nn_variance_scaling(1.0, HIDDEN), PPI_ACT_NONE));
}

/* With gradients the input "dhead" is the gradient of the head. */
static pp_status build(ppi_graph *g, const small_case *c, int64_t batch, bool train) {
    const ppi_value y = head(g, c, batch);
    if (!train) return ppi_graph_status(g);
    const ppi_value d = ppi_input(g, "dhead", PPI_F32, ppi_shape2(batch, ACTIONS));
    return ppi_graph_backward(g, ppi_sum(g, ppi_mul(g, y, d)), NULL, 0, NULL);
}

/* Of a board's places one in 16 is taken. */
static void fill(ppi_plan *plan, const small_case *c, int64_t batch) {
    ppi_rng rng;
    ppi_rng_init(&rng, 1, PPI_RNG_TEST, 0);
    uint8_t *obs = ppi_plan_named(plan, "obs", NULL, NULL);
    const int64_t n = batch * c->channels * (c->board ? BOARD * BOARD : 1);
    for (int64_t i = 0; i < n; i++)
        obs[i] =
            c->board ? ppi_rng_below(&rng, 16) == 0 : (uint8_t)ppi_rng_below(&rng, CELL_VALUES);
    float *d = ppi_plan_named(plan, "dhead", NULL, NULL);
    for (int64_t i = 0; d != NULL && i < batch * ACTIONS; i++)
        d[i] = (float)(0.01 * ppi_rng_normal(&rng));
}

static pp_status compile(ppi_plan **out, const small_case *c, ppi_params *params, int64_t batch,
                         bool train, int threads) {
    const ppi_plan_options o = {.policy = PPI_DTYPE_POLICY_F32, .threads = threads};
    ppi_graph *g = NULL;
    PPI_TRY(ppi_graph_create(&g, params));
    pp_status s = build(g, c, batch, train);
    if (s == PP_OK) s = ppi_plan_create(out, g, ppi_cpu_backend(), &o);
    ppi_graph_destroy(g);
    if (s == PP_OK) fill(*out, c, batch);
    return s;
}

static pp_status params_make(ppi_params **out, const small_case *c, unsigned roles) {
    ppi_graph *g = NULL;
    PPI_TRY(ppi_params_create(out));
    PPI_TRY(ppi_graph_create(&g, *out));
    pp_status s = build(g, c, 1, false);
    ppi_graph_destroy(g);
    if (s == PP_OK) s = ppi_params_alloc(*out, roles);
    if (s == PP_OK) ppi_params_init(*out, 1);
    return s;
}

static pp_status net_open(small_net *n, const small_case *c, int threads) {
    PPI_TRY(params_make(&n->params, c, PPI_ROLE_GRAD | PPI_ROLE_SLOTS));
    PPI_TRY(params_make(&n->target_params, c, 0));
    PPI_TRY(compile(&n->target, c, n->target_params, c->batch, false, threads));
    PPI_TRY(compile(&n->train, c, n->params, c->batch, true, threads));
    return compile(&n->act, c, n->params, c->act_batch, false, threads);
}

static void net_close(small_net *n) {
    ppi_plan_destroy(n->target);
    ppi_plan_destroy(n->train);
    ppi_plan_destroy(n->act);
    ppi_params_destroy(n->params);
    ppi_params_destroy(n->target_params);
}

/* Parts of a round. */
enum { TARGET, GRADIENT, ADAM, ACT, PARTS };

static pp_status round_run(const small_net *n, int64_t step, int threads, double seconds[PARTS]) {
    static const ppi_optim_options adam = {
        .kind = PPI_OPTIM_ADAM, .lr = 2.5e-4, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    double norm;
    double at[PARTS + 1];
    at[0] = ppi_clock_seconds();
    PPI_TRY(ppi_plan_run(n->target, 0));
    at[1] = ppi_clock_seconds();
    PPI_TRY(ppi_plan_run(n->train, 0));
    at[2] = ppi_clock_seconds();
    PPI_TRY(ppi_optim_step(&adam, n->params, ppi_cpu_backend(), step, threads, &norm));
    at[3] = ppi_clock_seconds();
    PPI_TRY(ppi_plan_run(n->act, 0));
    at[4] = ppi_clock_seconds();
    for (int i = 0; i < PARTS; i++) seconds[i] = at[i + 1] - at[i];
    return PP_OK;
}

static void report(const ppi_bench_run *b, const small_case *c, ppi_bench_times times[PARTS]) {
    static const char *const names[PARTS] = {"target", "gradient", "adam", "act"};
    char name[64];
    double update = 0;
    for (int i = 0; i < PARTS; i++) {
        const double median = ppi_bench_times_median(&times[i]);
        if (i != ACT) update += median;
        snprintf(name, sizeof name, "%s_%s", c->name, names[i]);
        ppi_bench_figure(b, name, median * 1e6, "us");
    }
    snprintf(name, sizeof name, "%s_update", c->name);
    ppi_bench_figure(b, name, update * 1e6, "us");
}

static pp_status case_run(const ppi_bench_run *b, const small_case *c, int threads) {
    ppi_bench_times times[PARTS] = {{.count = 0}};
    small_net n = {NULL};
    pp_status s = net_open(&n, c, threads);
    int64_t done = -2; /* two rounds untimed */
    double start = 0;
    for (; s == PP_OK && (done < 0 || ppi_bench_more(b, done, start)); done++) {
        double seconds[PARTS];
        if (done == 0) start = ppi_clock_seconds();
        s = round_run(&n, done + 2, threads, seconds);
        for (int i = 0; s == PP_OK && done >= 0 && i < PARTS; i++)
            ppi_bench_times_add(&times[i], seconds[i]);
    }
    if (s == PP_OK) report(b, c, times);
    net_close(&n);
    return s;
}

pp_status ppi_bench_small(const ppi_bench_run *b) {
    const int threads = ppi_thread_count(b->o->threads);
    ppi_bench_figure(b, "threads", threads, "threads");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        PPI_TRY(case_run(b, &cases[i], threads));
    return PP_OK;
}
