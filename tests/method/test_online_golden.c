/* Losses, gradients and ten updates of dqn, c51, impala and qlambda against PyTorch
   (tools/golden_online.py), and the projection vectors of C51. */
#include "method/online_test.h"

#include "method/c51.h"
#include "method/impala_agent.h"
#include "method/qlambda.h"
#include "model/mgdt_golden.h"

enum { H = 6, W = 6, C = 2, ACTIONS = 3, UPDATES = 10, BATCH = 8 };
enum { STREAMS = 3, UNROLL = 5, ROLLOUTS = 2, ROLLOUT = 5 };

static online_test_agent agent_of(const char *method, const char *size) {
    return (online_test_agent){
        .method = method,
        .size = size,
        .obs = {.view = "planes", .h = H, .w = W, .c = C, .type = PP_OBS_PLANES},
        .actions = {.count = ACTIONS, .list = {0, 4, 3}},
    };
}

/* ---- what golden_online.py computes from names ---- */

static double hashed(const char *name, int64_t i) {
    return golden_unit(golden_key(name), (uint64_t)i);
}

static void bits(uint8_t *out, const char *name, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = hashed(name, i) > 0;
}

static int32_t pick(const char *name, int64_t i, int below) {
    return (int32_t)((hashed(name, i) + 1) / 2 * below);
}

/* Weights keyed by "target/" and the name. */
static void target_weights(ppi_params *p) {
    for (int i = 0; i < p->count; i++) {
        const ppi_param *t = &p->item[i];
        char name[160];
        snprintf(name, sizeof name, "target/%s", t->name);
        const bool w = golden_ends_with(t->name, "/w");
        const double inputs = (double)(t->count / t->shape.dim[t->shape.ndim - 1]);
        const double scale = w ? 2.0 / sqrt(inputs) : 0.1;
        for (int64_t k = 0; k < t->count; k++)
            p->master[t->offset + k] = (float)(scale * hashed(name, k));
    }
    ppi_params_sync(p, ppi_cpu_backend(), 1);
}

/* ---- comparison ---- */

static void check_tensors(const ppi_params *p, const float *block, const ppi_safetensors *st,
                          const char *what, double tol) {
    for (int i = 0; i < p->count; i++) {
        const ppi_param *t = &p->item[i];
        const int64_t stride = t->count <= 2048 ? 1 : 7;
        char name[160];
        int64_t n = 0;
        snprintf(name, sizeof name, "%s/%s", what, t->name);
        const float *want = golden_data(st, name, &n);
        assert_int_equal(n, (t->count + stride - 1) / stride);
        float *got = malloc((size_t)n * sizeof *got);
        for (int64_t k = 0; k < n; k++) got[k] = block[t->offset + k * stride];
        const double error = golden_error(got, want, n);
        free(got);
        if (!(error <= tol)) fail_msg("%s is off by %.3g of its largest element", name, error);
    }
}

/* Runs the ten updates and compares; `name` without "online_". */
static void check_run(ppi_agent *a, const char *name,
                      pp_status (*update)(ppi_agent *a, ppi_metrics *out)) {
    char file[64];
    snprintf(file, sizeof file, "online_%s", name);
    ppi_safetensors *st = golden_open(file);
    const double *losses = golden_data(st, "losses", NULL);
    for (int i = 0; i < UPDATES; i++) {
        ppi_metrics m;
        CHECK_OK(update(a, &m));
        assert_string_equal(m.item[0].name, "losses/total");
        CHECK_NEAR(m.item[0].value, losses[i], 2e-4 * (1 + fabs(losses[i])));
        if (i == 0) check_tensors(a->params, a->params->grad, st, "grad", 1e-4);
    }
    check_tensors(a->params, a->params->master, st, "param", 1e-4);
    ppi_safetensors_close(st);
}

/* ---- dqn and c51 ---- */

static pp_status update_value(ppi_agent *a, ppi_metrics *out) {
    return ppi_value_update((ppi_value_agent *)a, out);
}

static void check_transitions(const online_test_agent *t, const char *name) {
    ppi_agent *agent = online_test_make(t);
    ppi_value_agent *a = (ppi_value_agent *)agent;
    CHECK_OK(online_test_begin(agent, 1, 1000));
    golden_weights(agent->params);
    ppi_agent_params_changed(agent);
    target_weights(a->target);
    bits(a->train.frames, "frames", BATCH * H * W * C);
    bits(a->next_target.frames, "next_frames", BATCH * H * W * C);
    const float discount = (float)(0.99 * 0.99 * 0.99);
    for (int i = 0; i < BATCH; i++) {
        a->action[i] = pick("action", i, ACTIONS);
        a->stream[i] = 0;
        a->ret[i] = 2 * (float)hashed("ret", i);
        a->discount[i] = i % 3 == 2 ? 0 : discount;
    }
    check_run(agent, name, update_value);
    ppi_agent_destroy(agent);
}

static void dqn(void **state) {
    (void)state;
    online_test_agent t = agent_of("dqn", "arcade");
    const char *options[] = {"dqn.batch", "8",      "dqn.target-every", "4",
                             "dqn.loss",  "mse",    "dqn.double",       "off",
                             "optim.lr",  "2.5e-4", "optim.eps",        "1e-8"};
    memcpy(t.options, options, sizeof options);
    check_transitions(&t, "dqn");
}

static void dqn_double(void **state) {
    (void)state;
    online_test_agent t = agent_of("dqn", "arcade");
    const char *options[] = {"dqn.batch",  "8",  "dqn.target-every", "4",      "dqn.loss",  "huber",
                             "dqn.double", "on", "optim.lr",         "2.5e-4", "optim.eps", "1e-8",
                             "optim.clip", "0.5"};
    memcpy(t.options, options, sizeof options);
    check_transitions(&t, "dqn_double");
}

static void c51(void **state) {
    (void)state;
    online_test_agent t = agent_of("c51", "arcade");
    const char *options[] = {"c51.batch",  "8",   "c51.target-every", "4",
                             "c51.double", "off", "optim.lr",         "2.5e-4"};
    memcpy(t.options, options, sizeof options);
    check_transitions(&t, "c51");
}

/* ---- impala ---- */

static pp_status update_impala(ppi_agent *a, ppi_metrics *out) {
    ppi_impala_agent *agent = (ppi_impala_agent *)a;
    PPI_TRY(ppi_impala_update(agent));
    out->count = 0;
    ppi_metrics_add(out, "losses/total", agent->figures.total);
    return PP_OK;
}

static void impala(void **state) {
    (void)state;
    online_test_agent t = agent_of("impala", "impala");
    const char *options[] = {"impala.unroll", "5"};
    memcpy(t.options, options, sizeof options);
    ppi_agent *agent = online_test_make(&t);
    ppi_impala_agent *a = (ppi_impala_agent *)agent;
    CHECK_OK(online_test_begin(agent, STREAMS, 20 * STREAMS * UNROLL));
    golden_weights(agent->params);
    ppi_agent_params_changed(agent);
    bits(a->train.frames, "frames", STREAMS * (UNROLL + 1) * H * W * C);
    for (int i = 0; i < STREAMS * UNROLL; i++) {
        a->played.action[i] = pick("action", i, ACTIONS);
        a->played.log_mu[i] = (float)((double)(float)hashed("log_mu", i) - 1.2);
        a->played.reward[i] = (float)hashed("reward", i);
        a->played.discount[i] = i % 7 == 4 ? 0 : 0.99f;
        a->played.cut[i] = i % 14 == 4;
    }
    check_run(agent, "impala", update_impala);
    ppi_agent_destroy(agent);
}

/* ---- qlambda ---- */

static pp_status update_qlambda(ppi_agent *a, ppi_metrics *out) {
    return ppi_qlambda_update((ppi_value_agent *)a, out);
}

static void qlambda(void **state) {
    (void)state;
    online_test_agent t = agent_of("qlambda", "small");
    const char *options[] = {"qlambda.batch",   "2", "qlambda.rollout",      "5",
                             "qlambda.overlap", "2", "qlambda.target-every", "4"};
    memcpy(t.options, options, sizeof options);
    ppi_agent *agent = online_test_make(&t);
    ppi_value_agent *a = (ppi_value_agent *)agent;
    CHECK_OK(online_test_begin(agent, 1, 1000));
    golden_weights(agent->params);
    ppi_agent_params_changed(agent);
    target_weights(a->target);
    const int rows = ROLLOUTS * (ROLLOUT + 1);
    bits(a->train.frames, "frames", (int64_t)rows * H * W * C);
    for (int i = 0; i < rows; i++) {
        a->stream[i] = 0;
        a->row[i] = (ppi_replay_row){.action = pick("action", i, ACTIONS),
                                     .reward = (float)hashed("reward", i),
                                     .terminated = i % 12 == 3,
                                     .last = i % 12 == 8};
    }
    check_run(agent, "qlambda", update_qlambda);
    ppi_agent_destroy(agent);
}

/* ---- projection: support -20..20, 51 atoms, atoms 0.8 apart ---- */

enum { ATOMS = 51 };

static void project(float *m, double ret, double discount) {
    float p[ATOMS] = {0};
    p[25] = 1;
    ppi_c51_project(m, p, ATOMS, -20, 20, ret, discount);
}

static void projection_vectors(void **state) {
    (void)state;
    float m[ATOMS];
    project(m, 1, 0.99);
    CHECK_NEAR(m[26], 0.75, 1e-6);
    CHECK_NEAR(m[27], 0.25, 1e-6);
    project(m, 1 - 0.99 * 0.99, 0);
    CHECK_NEAR(m[25], 0.975125, 1e-6);
    CHECK_NEAR(m[26], 0.024875, 1e-6);
    project(m, 0, 0);
    CHECK_NEAR(m[25], 1, 1e-6);
}

static void projection_keeps_mass_and_mean(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        float p[ATOMS];
        float m[ATOMS];
        float logits[ATOMS];
        for (int i = 0; i < ATOMS; i++) logits[i] = 3 * (float)hashed("logits", round * ATOMS + i);
        ppi_c51_softmax(p, logits, ATOMS);
        const double ret = 60 * hashed("returns", round);
        ppi_c51_project(m, p, ATOMS, -20, 20, ret, 0.97);
        double mass = 0;
        double mean = 0;
        double want = 0;
        for (int i = 0; i < ATOMS; i++) {
            mass += (double)m[i];
            mean += (double)m[i] * (-20 + 0.8 * i);
            const double t = ret + 0.97 * (-20 + 0.8 * i);
            want += (double)p[i] * (t < -20 ? -20 : t > 20 ? 20 : t);
        }
        CHECK_NEAR(mass, 1, 1e-6);
        CHECK_NEAR(mean, want, 1e-4);
    }
}

static void zero_logits(void **state) {
    (void)state;
    float p[ATOMS];
    const float logits[ATOMS] = {0};
    CHECK_NEAR(ppi_c51_softmax(p, logits, ATOMS), 3.931826, 1e-6);
    CHECK_NEAR(p[50], 1.0 / ATOMS, 1e-7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dqn),
        cmocka_unit_test(dqn_double),
        cmocka_unit_test(c51),
        cmocka_unit_test(impala),
        cmocka_unit_test(qlambda),
        cmocka_unit_test(projection_vectors),
        cmocka_unit_test(projection_keeps_mass_and_mean),
        cmocka_unit_test(zero_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
