/* The agents "mgdt" and "bc" through the calls the run layer uses: options and recipes, training,
   numeric failure, acting, the forward interface, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/sampler.h"
#include "method/mgdt_agent.h"

#define CHECK_OK(expr)                                                                             \
    do {                                                                                           \
        const pp_status check_status_ = (expr);                                                    \
        if (check_status_ != PP_OK) fail_msg("%s: %s: %s", #expr, pp_status_name(check_status_), pp_last_error()); \
    } while (0)

static const ppi_obs_spec grey = {"grey84", 84, 84, 1};
static const ppi_obs_spec planes = {"planes", 10, 5, 4};

/* An agent of size tiny with an option line such as "mgdt.preset=paper". */
static ppi_agent *make(const char *method, const ppi_obs_spec *obs, const char *option, const char *value) {
    const ppi_method *m = NULL;
    CHECK_OK(ppi_method_find(&m, method));
    void *options = calloc(1, m->options_size);
    ppi_options *set = NULL;
    CHECK_OK(ppi_options_create(&set));
    CHECK_OK(ppi_method_bind(m, set, options));
    if (option != NULL) CHECK_OK(ppi_options_set(set, option, value, "test"));
    CHECK_OK(ppi_method_apply_recipe(m, set, "tiny"));
    const ppi_agent_config cfg = {.method = m, .size = "tiny", .options = options, .obs = *obs, .seed = 5, .threads = 2};
    ppi_agent *a = NULL;
    CHECK_OK(ppi_agent_create(&a, &cfg));
    ppi_options_destroy(set);
    free(options);
    return a;
}

/* A batch in which the action is written in the frame: cell 0 is bright for action 2. */
typedef struct batch_block {
    ppi_batch b;
    uint8_t *obs;
    int32_t action[16 * 4];
    float reward[16 * 4], rtg[16 * 4];
} batch_block;

static void make_batch(batch_block *k, const ppi_obs_spec *o, int64_t B, uint64_t seed) {
    const int64_t frame = o->h * o->w * o->c;
    ppi_rng rng;
    ppi_rng_init(&rng, seed, PPI_RNG_TEST, 0);
    k->obs = calloc((size_t)(B * 4), (size_t)frame);
    for (int64_t i = 0; i < B * 4; i++) {
        const bool bright = ppi_rng_below(&rng, 2) == 1;
        memset(k->obs + i * frame, bright ? (o->c == 1 ? 255 : 1) : 0, (size_t)frame / 2);
        k->action[i] = bright ? 2 : 5;
        k->reward[i] = bright ? 1 : -1;
        k->rtg[i] = (float)(i % 4);
    }
    k->b = (ppi_batch){.B = B, .T = 4, .H = o->h, .W = o->w, .C = o->c, .obs = k->obs, .action = k->action, .reward = k->reward, .rtg = k->rtg};
}

static double metric(const ppi_metrics *m, const char *name) {
    for (int i = 0; i < m->count; i++) {
        if (strcmp(m->item[i].name, name) == 0) return m->item[i].value;
    }
    fail_msg("no metric %s", name);
    return 0;
}

static void learn(const char *method, const ppi_obs_spec *obs) {
    ppi_agent *a = make(method, obs, "optim.warmup", "5");
    assert_int_equal(ppi_agent_window(a), 4);
    CHECK_OK(ppi_agent_train_setup(a, 8, 60));
    ppi_metrics m;
    double first = 0;
    for (int64_t step = 0; step < 60; step++) {
        batch_block k;
        make_batch(&k, obs, 8, (uint64_t)step);
        CHECK_OK(ppi_agent_train_step(a, &k.b, step, &m));
        free(k.obs);
        if (step == 0) first = metric(&m, "losses/action");
    }
    assert_true(isfinite(metric(&m, "losses/total")));
    assert_true(metric(&m, "losses/reward") > 0);
    assert_true(metric(&m, "charts/grad_norm") > 0);
    assert_true(metric(&m, "charts/lr") > 0 && metric(&m, "charts/lr") < 1e-3);
    if (!(metric(&m, "losses/action") < 0.6 * first)) fail_msg("%s: action loss %g -> %g", method, first, metric(&m, "losses/action"));
    assert_true(metric(&m, "charts/accuracy") > 0.7);
    ppi_agent_destroy(a);
}

static void learns(void **state) {
    (void)state;
    learn("mgdt", &grey);
    learn("bc", &grey);
    learn("mgdt", &planes);
}

/* The same seed gives the same bits; the step keys the dropout. */
static void repeatable(void **state) {
    (void)state;
    double loss[2][3];
    for (int run = 0; run < 2; run++) {
        ppi_agent *a = make("mgdt", &planes, NULL, NULL);
        CHECK_OK(ppi_agent_train_setup(a, 4, 10));
        for (int64_t step = 0; step < 3; step++) {
            batch_block k;
            ppi_metrics m;
            make_batch(&k, &planes, 4, (uint64_t)step);
            CHECK_OK(ppi_agent_train_step(a, &k.b, step, &m));
            free(k.obs);
            loss[run][step] = metric(&m, "losses/total");
        }
        ppi_agent_destroy(a);
    }
    assert_memory_equal(loss[0], loss[1], sizeof loss[0]);
}

static void not_finite(void **state) {
    (void)state;
    ppi_agent *a = make("mgdt", &planes, NULL, NULL);
    CHECK_OK(ppi_agent_train_setup(a, 4, 10));
    ppi_params *p = ppi_agent_params(a);
    const int i = ppi_params_find(p, "decision_transformer/~/sequence/h1_mlp/linear/w");
    assert_true(i >= 0);
    p->master[p->item[i].offset + 3] = NAN;
    ppi_agent_params_changed(a);
    batch_block k;
    ppi_metrics m;
    make_batch(&k, &planes, 4, 1);
    assert_int_equal(ppi_agent_train_step(a, &k.b, 7, &m), PP_ERR_NUMERIC);
    assert_non_null(strstr(pp_last_error(), "step 7"));
    assert_non_null(strstr(pp_last_error(), "h1_mlp/linear/w"));
    free(k.obs);
    ppi_agent_destroy(a);
}

static void bad_batches(void **state) {
    (void)state;
    ppi_agent *a = make("mgdt", &planes, NULL, NULL);
    batch_block k;
    ppi_metrics m;
    make_batch(&k, &planes, 4, 1);
    assert_int_equal(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_ARGUMENT);
    CHECK_OK(ppi_agent_train_setup(a, 4, 10));
    k.b.B = 3;
    assert_int_equal(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_SHAPE);
    k.b.B = 4;
    k.b.W = 6;
    assert_int_equal(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_SHAPE);
    assert_non_null(strstr(pp_last_error(), "10x6x4"));
    k.b.W = 5;
    k.action[5] = 18;
    assert_int_equal(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_CORRUPT);
    assert_non_null(strstr(pp_last_error(), "action 18"));
    k.action[5] = 0;
    k.b.rtg = NULL;
    assert_int_equal(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_ARGUMENT);
    free(k.obs);
    ppi_agent_destroy(a);
}

enum { STEPS = 6 };

/* Plays STEPS steps in n environments of which `env` has the given episode; its actions go to out. */
static void play(ppi_agent *a, const ppi_obs_spec *o, int64_t n, int64_t env, uint64_t episode, int32_t *out) {
    const int64_t frame = o->h * o->w * o->c;
    uint8_t *obs = calloc((size_t)frame, 1);
    int32_t actions[4];
    CHECK_OK(ppi_agent_act_begin(a, n));
    for (int64_t i = 0; i < n; i++) {
        CHECK_OK(ppi_agent_act_reset(a, i, obs, i == env ? episode : 1000 + (uint64_t)i));
    }
    for (int step = 0; step < STEPS; step++) {
        CHECK_OK(ppi_agent_act(a, NULL, actions));
        out[step] = actions[env];
        memset(obs, o->c == 1 ? step * 9 : step % 2, (size_t)frame);
        for (int64_t i = 0; i < n; i++) CHECK_OK(ppi_agent_observe(a, i, actions[i], (double)(step % 3 - 1), obs));
    }
    free(obs);
}

static void act_with(const char *method, const ppi_obs_spec *o, const char *option, const char *value) {
    int32_t one[STEPS], again[STEPS], three[STEPS], other[STEPS];
    ppi_agent *a = make(method, o, option, value);
    play(a, o, 1, 0, 42, one);
    play(a, o, 1, 0, 42, again);
    play(a, o, 3, 1, 42, three);
    play(a, o, 1, 0, 43, other);
    assert_memory_equal(one, again, sizeof one);
    assert_memory_equal(one, three, sizeof one);
    for (int i = 0; i < STEPS; i++) assert_in_range(one[i], 0, 17);
    if (strstr(option, "greedy") == NULL) assert_memory_not_equal(one, other, sizeof one);
    ppi_agent_destroy(a);
}

static void acts(void **state) {
    (void)state;
    act_with("mgdt", &grey, "mgdt.preset", "notebook");
    act_with("mgdt", &grey, "mgdt.preset", "paper");
    act_with("mgdt", &planes, "model.single-return", "off");
    act_with("mgdt", &planes, "mgdt.greedy", "on");
    act_with("mgdt", &planes, "mgdt.top-k", "4");
    act_with("bc", &planes, "bc.preset", "notebook");
    act_with("bc", &grey, "bc.action-percentile", "0");
}

/* The bf16 policy trains, acts and answers forward passes close to f32. */
static void bf16(void **state) {
    (void)state;
    const ppi_method *m = NULL;
    CHECK_OK(ppi_method_find(&m, "mgdt"));
    ppi_mgdt_options o = {0};
    ppi_options *set = NULL;
    CHECK_OK(ppi_options_create(&set));
    CHECK_OK(ppi_method_bind(m, set, &o));
    CHECK_OK(ppi_options_set(set, "model.dropout", "0", "test"));
    CHECK_OK(ppi_method_apply_recipe(m, set, "tiny"));
    ppi_options_destroy(set);
    double loss[2];
    float logit[2];
    for (int i = 0; i < 2; i++) {
        const ppi_agent_config cfg = {.method = m, .size = "tiny", .options = &o, .obs = planes, .seed = 5, .threads = 2,
                                      .policy = i == 0 ? PPI_POLICY_F32 : PPI_POLICY_BF16};
        ppi_agent *a = NULL;
        CHECK_OK(ppi_agent_create(&a, &cfg));
        CHECK_OK(ppi_agent_train_setup(a, 4, 10));
        batch_block k;
        ppi_metrics metrics;
        make_batch(&k, &planes, 4, 1);
        for (int64_t step = 0; step < 3; step++) CHECK_OK(ppi_agent_train_step(a, &k.b, step, &metrics));
        free(k.obs);
        loss[i] = metric(&metrics, "losses/total");
        int32_t actions[STEPS];
        play(a, &planes, 2, 0, 1, actions);
        const ppi_io_tensor *io = NULL;
        int n = 0;
        CHECK_OK(ppi_agent_forward_setup(a, 1, &io, &n));
        CHECK_OK(ppi_agent_forward(a));
        logit[i] = ((const float *)io[5].data)[7];
        ppi_agent_destroy(a);
    }
    assert_true(fabs(loss[0] - loss[1]) < 0.02 * loss[0]);
    assert_true(fabsf(logit[0] - logit[1]) < 0.05f);
}

/* Environments that are not live keep their entry; calls before the beginning fail. */
static void live_mask(void **state) {
    (void)state;
    ppi_agent *a = make("mgdt", &planes, NULL, NULL);
    uint8_t obs[200] = {0};
    int32_t actions[2] = {-7, -7};
    assert_int_equal(ppi_agent_act(a, NULL, actions), PP_ERR_ARGUMENT);
    assert_int_equal(ppi_agent_act_reset(a, 0, obs, 1), PP_ERR_ARGUMENT);
    CHECK_OK(ppi_agent_act_begin(a, 2));
    CHECK_OK(ppi_agent_act_reset(a, 0, obs, 1));
    CHECK_OK(ppi_agent_act_reset(a, 1, obs, 2));
    CHECK_OK(ppi_agent_act(a, (const uint8_t[]){0, 1}, actions));
    assert_int_equal(actions[0], -7);
    assert_in_range(actions[1], 0, 17);
    assert_int_equal(ppi_agent_observe(a, 2, 0, 0, obs), PP_ERR_ARGUMENT);
    assert_int_equal(ppi_agent_observe(a, 0, 99, 0, obs), PP_ERR_ARGUMENT);
    ppi_agent_destroy(a);
}

/* Acting sees the same window as the forward interface: with greedy actions and kappa so large that the return is
   always the highest bin, the action is the argmax of the forward pass at return 99. */
static void act_equals_forward(void **state) {
    (void)state;
    const ppi_method *m = NULL;
    CHECK_OK(ppi_method_find(&m, "mgdt"));
    ppi_mgdt_options o = {0};
    ppi_options *set = NULL;
    CHECK_OK(ppi_options_create(&set));
    CHECK_OK(ppi_method_bind(m, set, &o));
    CHECK_OK(ppi_options_set(set, "mgdt.kappa", "1000", "test"));
    CHECK_OK(ppi_options_set(set, "mgdt.return-temperature", "100", "test"));
    CHECK_OK(ppi_options_set(set, "mgdt.greedy", "on", "test"));
    const ppi_agent_config cfg = {.method = m, .size = "tiny", .options = &o, .obs = grey, .seed = 9, .threads = 2};
    ppi_agent *a = NULL;
    CHECK_OK(ppi_agent_create(&a, &cfg));
    ppi_options_destroy(set);
    /* Larger weights, so that logits differ clearly. */
    for (int64_t i = 0; i < a->params->total; i++) a->params->master[i] *= 3;
    ppi_agent_params_changed(a);

    const ppi_io_tensor *io = NULL;
    int n = 0;
    CHECK_OK(ppi_agent_forward_setup(a, 1, &io, &n));
    assert_int_equal(n, 7);
    uint8_t *frames = io[0].data;
    int32_t *returns = io[1].data, *actions = io[2].data, *rewards = io[3].data;
    const float *logits = io[5].data;
    assert_string_equal(io[5].name, "action_logits");

    uint8_t obs[84 * 84];
    memset(obs, 10, sizeof obs);
    CHECK_OK(ppi_agent_act_begin(a, 1));
    CHECK_OK(ppi_agent_act_reset(a, 0, obs, 1));
    memset(frames, 0, 4 * sizeof obs);
    memcpy(frames + 3 * sizeof obs, obs, sizeof obs);
    returns[0] = 99;
    for (int step = 0; step < 6; step++) {
        int32_t got = -1;
        CHECK_OK(ppi_agent_act(a, NULL, &got));
        CHECK_OK(ppi_agent_forward(a));
        int32_t want = 0;
        for (int32_t k = 1; k < 18; k++) {
            if (logits[3 * 18 + k] > logits[3 * 18 + want]) want = k;
        }
        assert_int_equal(got, want);
        const double reward = step - 2.5;
        for (size_t i = 0; i < sizeof obs; i++) obs[i] = (uint8_t)(i * (size_t)(step + 3));
        CHECK_OK(ppi_agent_observe(a, 0, got, reward, obs));
        actions[3] = got;
        rewards[3] = reward > 0 ? 1 : -1;
        memmove(frames, frames + sizeof obs, 3 * sizeof obs);
        memcpy(frames + 3 * sizeof obs, obs, sizeof obs);
        memmove(actions, actions + 1, 3 * sizeof *actions);
        memmove(rewards, rewards + 1, 3 * sizeof *rewards);
        actions[3] = rewards[3] = 0;
    }
    actions[0] = 18;
    assert_int_equal(ppi_agent_forward(a), PP_ERR_ARGUMENT);
    ppi_agent_destroy(a);
}

static void presets(void **state) {
    (void)state;
    ppi_mgdt_acting_options o = {.preset = 0, .kappa = -1, .return_temperature = -1, .action_temperature = -1, .return_percentile = -1, .action_percentile = -1};
    ppi_mgdt_acting_options r = ppi_mgdt_acting_resolve(&o);
    assert_int_equal(r.num_samples, 128);
    assert_true(fabs(r.return_temperature - 0.75) < 1e-12 && fabs(r.action_percentile - 50) < 1e-12 && fabs(r.kappa) < 1e-12);
    o.preset = 1;
    o.num_samples = 4;
    r = ppi_mgdt_acting_resolve(&o);
    assert_int_equal(r.num_samples, 4);
    assert_true(fabs(r.kappa - 10) < 1e-12 && fabs(r.action_percentile) < 1e-12 && fabs(r.return_temperature - 1) < 1e-12);

    ppi_agent *a = make("mgdt", &planes, "mgdt.preset", "paper");
    ppi_buf buf = {0};
    ppi_jsonw w;
    ppi_jsonw_init(&w, &buf, 0);
    ppi_jsonw_object_begin(&w);
    CHECK_OK(ppi_agent_describe_acting(a, &w));
    ppi_jsonw_object_end(&w);
    assert_non_null(strstr(buf.data, "\"kappa\""));
    assert_non_null(strstr(buf.data, "\"paper\""));
    ppi_buf_free(&buf);
    ppi_agent_destroy(a);
}

static void recipes(void **state) {
    (void)state;
    const ppi_method *m = NULL;
    CHECK_OK(ppi_method_find(&m, "mgdt"));
    ppi_mgdt_options o = {0};
    ppi_options *set = NULL;
    CHECK_OK(ppi_options_create(&set));
    CHECK_OK(ppi_method_bind(m, set, &o));
    CHECK_OK(ppi_options_set(set, "optim.clip", "2", "test"));
    CHECK_OK(ppi_method_apply_recipe(m, set, "10m"));
    assert_int_equal(o.optim.kind, PPI_OPTIM_LAMB);
    assert_int_equal(o.optim.warmup, 4000);
    assert_true(fabs(o.optim.lr - 3e-4) < 1e-12 && fabs(o.optim.clip - 2) < 1e-12 && fabs(o.optim.weight_decay) < 1e-12);
    assert_int_equal(ppi_method_default_batch(m, "10m"), 2048);
    assert_int_equal(ppi_method_default_batch(m, "small"), 32);
    ppi_options_destroy(set);

    CHECK_OK(ppi_options_create(&set));
    CHECK_OK(ppi_method_bind(m, set, &o));
    CHECK_OK(ppi_method_apply_recipe(m, set, "small"));
    assert_int_equal(o.optim.kind, PPI_OPTIM_ADAMW);
    assert_int_equal(o.optim.schedule, PPI_SCHEDULE_COSINE);
    assert_true(fabs(o.optim.lr - 1e-3) < 1e-12 && fabs(o.optim.final_ratio - 0.1) < 1e-12);
    assert_int_equal(ppi_method_apply_recipe(m, set, "smal"), PP_ERR_NOT_FOUND);
    assert_non_null(strstr(pp_last_error(), "\"small\""));
    ppi_options_destroy(set);

    assert_int_equal(ppi_method_find(&m, "mgtd"), PP_ERR_NOT_FOUND);
    assert_non_null(strstr(pp_last_error(), "\"mgdt\""));
}

static void bad_boards(void **state) {
    (void)state;
    const ppi_method *m = NULL;
    CHECK_OK(ppi_method_find(&m, "mgdt"));
    ppi_mgdt_options o = {0};
    ppi_options *set = NULL;
    CHECK_OK(ppi_options_create(&set));
    CHECK_OK(ppi_method_bind(m, set, &o));
    ppi_agent_config cfg = {.method = m, .size = "tiny", .options = &o, .obs = {"planes", 16, 16, 4}, .threads = 1};
    ppi_agent *a = NULL;
    assert_int_equal(ppi_agent_create(&a, &cfg), PP_ERR_SHAPE);
    assert_null(a);
    assert_non_null(strstr(pp_last_error(), "16x16x4"));
    CHECK_OK(ppi_options_set(set, "model.board", "16x16x16", "test"));
    assert_int_equal(ppi_agent_create(&a, &cfg), PP_ERR_SHAPE);
    assert_non_null(strstr(pp_last_error(), "patches of side 7"));
    CHECK_OK(ppi_options_set(set, "model.patch", "8", "test"));
    CHECK_OK(ppi_agent_create(&a, &cfg));
    ppi_agent_destroy(a);
    CHECK_OK(ppi_options_set(set, "model.board", "16x16", "test"));
    assert_int_equal(ppi_agent_create(&a, &cfg), PP_ERR_ARGUMENT);
    ppi_options_destroy(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipes),     cmocka_unit_test(presets),   cmocka_unit_test(bad_boards),
        cmocka_unit_test(learns),      cmocka_unit_test(repeatable), cmocka_unit_test(not_finite),
        cmocka_unit_test(bad_batches), cmocka_unit_test(acts),      cmocka_unit_test(live_mask), cmocka_unit_test(bf16),
        cmocka_unit_test(act_equals_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
