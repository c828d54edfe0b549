/* The agents "mgdt" and "bc" through the calls the run layer uses: options and recipes, training,
   numeric failure, acting, the forward interface, errors. */
#include "unit/base_test.h"

#include <math.h>

#include "base/mem.h"
#include "data/sampler.h"
#include "method/mgdt_agent.h"

static const ppi_obs_spec grey = {.view = "grey84", .h = 84, .w = 84, .c = 1};
static const ppi_obs_spec planes = {.view = "planes", .h = 10, .w = 5, .c = 4};

/* A method with its options bound. */
typedef struct bound {
    const ppi_method *m;
    ppi_mgdt_options o;
    ppi_options *set;
} bound;

static void bind_method(bound *b, const char *method) {
    memset(b, 0, sizeof *b);
    CHECK_OK(ppi_method_find(&b->m, method));
    assert_true(b->m->options_size <= sizeof b->o);
    CHECK_OK(ppi_options_create(&b->set));
    CHECK_OK(ppi_method_bind(b->m, b->set, &b->o));
}

static void set_option(bound *b, const char *option, const char *value) {
    CHECK_OK(ppi_options_set(b->set, option, value, "test"));
}

/* What make() asks for, with the options of b. */
static ppi_agent_config config_of(const bound *b, const ppi_obs_spec *obs) {
    return (ppi_agent_config){
        .method = b->m, .size = "tiny", .options = &b->o, .obs = *obs, .seed = 5, .threads = 2};
}

/* An agent of size tiny with an option such as "mgdt.preset", "paper". */
static ppi_agent *make(const char *method, const ppi_obs_spec *obs, const char *option,
                       const char *value) {
    bound b;
    bind_method(&b, method);
    if (option != NULL) set_option(&b, option, value);
    CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "tiny"));
    const ppi_agent_config cfg = config_of(&b, obs);
    ppi_agent *a = NULL;
    CHECK_OK(ppi_agent_create(&a, &cfg));
    ppi_options_destroy(b.set);
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
    k->b = (ppi_batch){.B = B,
                       .T = 4,
                       .H = o->h,
                       .W = o->w,
                       .C = o->c,
                       .obs = k->obs,
                       .action = k->action,
                       .reward = k->reward,
                       .rtg = k->rtg};
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
    if (!(metric(&m, "losses/action") < 0.6 * first))
        fail_msg("%s: action loss %g -> %g", method, first, metric(&m, "losses/action"));
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
    assert_int_equal(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "number 5 of the actions is 18"));
    k.action[5] = 0;
    k.b.rtg = NULL;
    assert_int_equal(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_ARGUMENT);
    free(k.obs);
    ppi_agent_destroy(a);
}

enum { STEPS = 6 };

/* Plays STEPS steps in n environments of which `env` has the given episode; its actions go to out.
 */
static void play(ppi_agent *a, const ppi_obs_spec *o, int64_t n, int64_t env, uint64_t episode,
                 int32_t *out) {
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
        for (int64_t i = 0; i < n; i++)
            CHECK_OK(ppi_agent_observe(a, i, actions[i], (double)(step % 3 - 1), obs));
    }
    free(obs);
}

static void act_with(const char *method, const ppi_obs_spec *o, const char *option,
                     const char *value) {
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
    bound b;
    bind_method(&b, "mgdt");
    set_option(&b, "model.dropout", "0");
    CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "tiny"));
    ppi_options_destroy(b.set);
    double loss[2];
    float logit[2];
    for (int i = 0; i < 2; i++) {
        ppi_agent_config cfg = config_of(&b, &planes);
        cfg.policy = i == 0 ? PPI_DTYPE_POLICY_F32 : PPI_DTYPE_POLICY_BF16;
        ppi_agent *a = NULL;
        CHECK_OK(ppi_agent_create(&a, &cfg));
        CHECK_OK(ppi_agent_train_setup(a, 4, 10));
        batch_block k;
        ppi_metrics metrics;
        make_batch(&k, &planes, 4, 1);
        for (int64_t step = 0; step < 3; step++)
            CHECK_OK(ppi_agent_train_step(a, &k.b, step, &metrics));
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

/* Acting sees the same window as the forward interface: with greedy actions and kappa so large that
   the return is always the highest bin, the action is the argmax of the forward pass at return 99.
 */
static void act_equals_forward(void **state) {
    (void)state;
    bound b;
    bind_method(&b, "mgdt");
    set_option(&b, "mgdt.kappa", "1000");
    set_option(&b, "mgdt.return-temperature", "100");
    set_option(&b, "mgdt.greedy", "on");
    ppi_agent_config cfg = config_of(&b, &grey);
    cfg.seed = 9;
    ppi_agent *a = NULL;
    CHECK_OK(ppi_agent_create(&a, &cfg));
    ppi_options_destroy(b.set);
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
    ppi_mgdt_acting_options o = {.preset = 0,
                                 .kappa = -1,
                                 .return_temperature = -1,
                                 .action_temperature = -1,
                                 .return_percentile = -1,
                                 .action_percentile = -1};
    ppi_mgdt_acting_options r = ppi_mgdt_acting_resolve(&o);
    assert_int_equal(r.num_samples, 128);
    assert_true(fabs(r.return_temperature - 0.75) < 1e-12 &&
                fabs(r.action_percentile - 50) < 1e-12 && fabs(r.kappa) < 1e-12);
    o.preset = 1;
    o.num_samples = 4;
    r = ppi_mgdt_acting_resolve(&o);
    assert_int_equal(r.num_samples, 4);
    assert_true(fabs(r.kappa - 10) < 1e-12 && fabs(r.action_percentile) < 1e-12 &&
                fabs(r.return_temperature - 1) < 1e-12);

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
    bound b;
    bind_method(&b, "mgdt");
    set_option(&b, "optim.clip", "2");
    CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "10m"));
    const ppi_optim_options *o = &b.o.optim;
    assert_int_equal(o->kind, PPI_OPTIM_LAMB);
    assert_int_equal(o->warmup, 4000);
    assert_true(fabs(o->lr - 3e-4) < 1e-12 && fabs(o->clip - 2) < 1e-12 &&
                fabs(o->weight_decay) < 1e-12);
    assert_int_equal(ppi_method_default_batch(b.m, "10m"), 2048);
    assert_int_equal(ppi_method_default_batch(b.m, "small"), 32);
    ppi_options_destroy(b.set);

    bind_method(&b, "mgdt");
    CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "small"));
    assert_int_equal(o->kind, PPI_OPTIM_ADAMW);
    assert_int_equal(o->schedule, PPI_SCHEDULE_COSINE);
    assert_true(fabs(o->lr - 1e-3) < 1e-12 && fabs(o->final_ratio - 0.1) < 1e-12);
    assert_int_equal(ppi_method_apply_recipe(b.m, b.set, "smal"), PP_ERR_NOT_FOUND);
    assert_non_null(strstr(pp_last_error(), "\"small\""));
    ppi_options_destroy(b.set);

    const ppi_method *m = NULL;
    assert_int_equal(ppi_method_find(&m, "mgtd"), PP_ERR_NOT_FOUND);
    assert_non_null(strstr(pp_last_error(), "\"mgdt\""));
}

static void bad_boards(void **state) {
    (void)state;
    bound b;
    bind_method(&b, "mgdt");
    const ppi_agent_config cfg = config_of(&b, &(ppi_obs_spec){.view = "planes", .h = 16, .w = 16, .c = 4});
    ppi_agent *a = NULL;
    assert_int_equal(ppi_agent_create(&a, &cfg), PP_ERR_SHAPE);
    assert_null(a);
    assert_non_null(strstr(pp_last_error(), "16x16x4"));
    set_option(&b, "model.board", "16x16x16");
    assert_int_equal(ppi_agent_create(&a, &cfg), PP_ERR_SHAPE);
    assert_non_null(strstr(pp_last_error(), "patches of side 7"));
    set_option(&b, "model.patch", "8");
    CHECK_OK(ppi_agent_create(&a, &cfg));
    ppi_agent_destroy(a);
    static const char *const wrong[] = {"16x16",  "16x16x",      "x16x16", "16x16x4x4",
                                        "16x0x4", "16x16x99999", "a"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        set_option(&b, "model.board", wrong[i]);
        assert_int_equal(ppi_agent_create(&a, &cfg), PP_ERR_ARGUMENT);
        assert_non_null(strstr(pp_last_error(), wrong[i]));
    }
    ppi_options_destroy(b.set);
}

/* Both methods share their calls; bc has no options about returns. */
static void bc_shares(void **state) {
    (void)state;
    bound b;
    bind_method(&b, "bc");
    assert_ptr_equal(b.m->calls, ppi_method_mgdt.calls);
    set_option(&b, "bc.top-k", "3");
    assert_int_equal(b.o.acting.top_k, 3);
    assert_int_equal(ppi_options_set(b.set, "bc.kappa", "1", "test"), PP_ERR_ARGUMENT);
    assert_int_equal(ppi_options_set(b.set, "mgdt.top-k", "1", "test"), PP_ERR_ARGUMENT);
    ppi_options_destroy(b.set);
}

/* A limit of the instruction set that names none is refused, not taken for no limit. */
static void unknown_instruction_set(void **state) {
    (void)state;
    bound b;
    bind_method(&b, "mgdt");
    const ppi_agent_config cfg = config_of(&b, &planes);
    ppi_agent *a = NULL;
    const char *set_by_user = getenv("POLYPLAY_MAX_ISA");
    char kept[32];
    snprintf(kept, sizeof kept, "%s", set_by_user != NULL ? set_by_user : "");
    assert_int_equal(setenv("POLYPLAY_MAX_ISA", "sse", 1), 0);
    assert_int_equal(ppi_agent_create(&a, &cfg), PP_ERR_ARGUMENT);
    assert_int_equal(setenv("POLYPLAY_MAX_ISA", kept, 1), 0);
    assert_null(a);
    assert_non_null(strstr(pp_last_error(), "\"sse\""));
    ppi_options_destroy(b.set);
}

/* More draws than a decision has numbers set aside for are refused. */
static void too_many_draws(void **state) {
    (void)state;
    bound b;
    bind_method(&b, "mgdt");
    b.o.acting.num_samples = PPI_MGDT_MAX_SAMPLES;
    const ppi_agent_config cfg = config_of(&b, &planes);
    ppi_agent *a = NULL;
    CHECK_OK(ppi_agent_create(&a, &cfg));
    CHECK_OK(ppi_agent_act_begin(a, 1));
    ppi_agent_destroy(a);
    b.o.acting.num_samples = PPI_MGDT_MAX_SAMPLES + 1;
    CHECK_OK(ppi_agent_create(&a, &cfg));
    assert_int_equal(ppi_agent_act_begin(a, 1), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "513"));
    ppi_agent_destroy(a);
    ppi_options_destroy(b.set);
}

/* Any allocation of a set-up may fail: the failure is reported, and the next call does the whole
 * work. */
static void set_up_without_memory(void **state) {
    (void)state;
    ppi_agent *a = make("mgdt", &planes, NULL, NULL);
    const ppi_io_tensor *io = NULL;
    int n = 0;
    pp_status s = PP_ERR_NO_MEMORY;
    int failures = 0;
    for (int64_t countdown = 1; s != PP_OK; countdown++) {
        ppi_fault_set(PPI_FAULT_ALLOC, countdown);
        s = ppi_agent_forward_setup(a, 1, &io, &n);
        ppi_fault_clear();
        if (s == PP_OK) break;
        assert_int_equal(s, PP_ERR_NO_MEMORY);
        assert_int_equal(ppi_agent_forward(a), PP_ERR_ARGUMENT); /* nothing half-built is run */
        failures++;
    }
    assert_true(failures > 3);
    for (int i = 0; i < n; i++) assert_non_null(io[i].data);
    CHECK_OK(ppi_agent_forward(a));
    ppi_agent_destroy(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipes),
        cmocka_unit_test(presets),
        cmocka_unit_test(bad_boards),
        cmocka_unit_test(learns),
        cmocka_unit_test(repeatable),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(bad_batches),
        cmocka_unit_test(acts),
        cmocka_unit_test(live_mask),
        cmocka_unit_test(bf16),
        cmocka_unit_test(act_equals_forward),
        cmocka_unit_test(bc_shares),
        cmocka_unit_test(too_many_draws),
        cmocka_unit_test(set_up_without_memory),
        cmocka_unit_test(unknown_instruction_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
