/* The agents "ad" and "ed" as they are made and trained: recipes, what the environment decides,
   observations, causality, training, masks, errors. */
#include "method/ad_test.h"

/* ---- recipes and environments ---- */

static void recipes(void **state) {
    (void)state;
    bound b;
    bind_method(&b, "ad");
    assert_true(b.m->histories);
    assert_int_equal(ppi_method_default_batch(b.m, "paper"), 128);
    CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "paper"));
    assert_int_equal(b.o.model.ffn, 2048);
    assert_int_equal(b.o.model.norm, 1);
    CHECK_NEAR(b.o.model.dropout, 0.1, 0);
    CHECK_NEAR(b.o.optim.beta2, 0.99, 0);
    CHECK_NEAR(b.o.optim.final_ratio, 0, 0);
    b.o.optim.total_steps = 100000;
    CHECK_NEAR(ppi_optim_lr(&b.o.optim, 0), 2e-6 + (3e-4 - 2e-6) / 2000, 1e-12);
    CHECK_NEAR(ppi_optim_lr(&b.o.optim, 1999), 3e-4, 1e-12);
    CHECK_NEAR(ppi_optim_lr(&b.o.optim, 100000), 0, 1e-12);
    ppi_options_destroy(b.set);

    bind_method(&b, "ad");
    set_words(&b, (const char *const[]){"model.width", "32", NULL});
    CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "cpu"));
    assert_int_equal(b.o.model.width, 32);
    assert_int_equal(b.o.model.ffn, 256);
    assert_int_equal(b.o.model.norm, 0);
    CHECK_FAILS(ppi_method_apply_recipe(b.m, b.set, "cup"), PP_ERR_NOT_FOUND, "\"cpu\"");
    ppi_options_destroy(b.set);
}

/* Options of the run, as the trainer has them. */
typedef struct run_options {
    double tail;
    int64_t steps;
} run_options;
static const ppi_option run_rows[] = {
    {.name = "data.tail", .type = PPI_OPT_F64, .offset = offsetof(run_options, tail), .def = "1"},
    {.name = "steps", .type = PPI_OPT_I64, .offset = offsetof(run_options, steps), .def = "1000"},
};
static const ppi_option_table run_table = {"run", run_rows, 2};

static void experts(void **state) {
    (void)state;
    static const char *const methods[] = {"ad", "ed"};
    for (int i = 0; i < 2; i++) {
        bound b;
        run_options run;
        bind_method(&b, methods[i]);
        CHECK_OK(ppi_options_bind(b.set, &run_table, &run));
        CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "paper"));
        CHECK_NEAR(run.tail, i == 0 ? 1 : 0.1, 0);
        assert_int_equal(run.steps, 100000);
        ppi_agent_config cfg = config_of(&b, "paper");
        ppi_agent *a = NULL;
        cfg.env = "bandit/odd";
        CHECK_OK(ppi_agent_create(&a, &cfg));
        assert_int_equal(ppi_agent_window(a), i == 0 ? 100 : 10);
        ppi_agent_destroy(a);
        ppi_options_destroy(b.set);
    }
}

/* What an agent of the paper's size takes from its environment. */
static void environments(void **state) {
    (void)state;
    static const struct {
        const char *env;
        int64_t context;
        double attention_dropout, mask, smoothing;
    } want[] = {
        {"dark/room", 80, 0.5, 0.3, 0},         {"dark/room-hard", 80, 0, 0.5, 0.2},
        {"dark/key-to-door", 200, 0.5, 0.3, 0}, {"watermaze/small", 100, 0.5, 0.3, 0},
        {"bandit/odd", 100, 0.5, 0.3, 0},       {NULL, 100, 0.5, 0.3, 0},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        bound b;
        bind_method(&b, "ad");
        CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "paper"));
        ppi_agent_config cfg = config_of(&b, "paper");
        cfg.env = want[i].env;
        ppi_agent *a = NULL;
        CHECK_OK(ppi_agent_create(&a, &cfg));
        const ppi_ad_config *c = &((const ppi_ad_agent *)a)->c;
        assert_int_equal(ppi_agent_window(a), want[i].context);
        CHECK_NEAR((double)c->attention_dropout, want[i].attention_dropout, 1e-6);
        CHECK_NEAR((double)c->mask, want[i].mask, 1e-6);
        CHECK_NEAR((double)c->label_smoothing, want[i].smoothing, 1e-6);
        assert_false(c->episode_ends);
        ppi_agent_destroy(a);
        ppi_options_destroy(b.set);
    }
}

/* Size cpu tells the ends of episodes where an episode could begin anywhere. */
static void told_of_ends(void **state) {
    (void)state;
    static const char *const envs[] = {"dark/room", "dark/key-to-door", "watermaze"};
    for (int i = 0; i < 3; i++) {
        bound b;
        bind_method(&b, "ad");
        CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "cpu"));
        ppi_agent_config cfg = config_of(&b, "cpu");
        cfg.env = envs[i];
        ppi_agent *a = NULL;
        CHECK_OK(ppi_agent_create(&a, &cfg));
        assert_int_equal(((const ppi_ad_agent *)a)->c.episode_ends, i == 1);
        ppi_agent_destroy(a);
        ppi_options_destroy(b.set);
    }
}

/* What --model stands for when it is not given is a size of every method that learns from data. */
static void usual_sizes(void **state) {
    (void)state;
    int seen = 0;
    for (int i = 0; i < ppi_method_count(); i++) {
        const ppi_method *m = ppi_method_at(i);
        if (m->learner != NULL) continue;
        bool there = false;
        for (int k = 0; m->sizes[k] != NULL; k++)
            there = there || strcmp(m->sizes[k], ppi_method_usual_size(m)) == 0;
        if (!there) fail_msg("%s has no size %s", m->name, ppi_method_usual_size(m));
        seen++;
    }
    assert_true(seen >= 4);
    assert_string_equal(ppi_method_usual_size(&ppi_method_ed), "cpu");
}

/* Bit-exact: nothing from a_t on reaches the logits of a_t; everything before a_t does. */
static void causality(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        ppi_agent *a = make(kinds[k]);
        history h;
        float want[T * ACTIONS];
        make_history(&h, 1);
        memcpy(want, window_logits(a, &h, 0), sizeof want);
        for (int t = 0; t < T; t++) {
            history other = h;
            const size_t row = ACTIONS * sizeof *want;
            other.action[t] = h.action[t] == 2 ? 5 : 2;
            other.reward[t] = 1 - h.reward[t];
            for (int s = t + 1; s < T; s++) {
                other.obs[s * CELLS] = (uint8_t)(4 - h.obs[s * CELLS]);
                other.obs[s * CELLS + 1] = (uint8_t)(3 - h.obs[s * CELLS + 1]);
                other.action[s] = h.action[s] == 7 ? 2 : 7;
                other.reward[s] = 1 - h.reward[s];
                other.last[s] = !h.last[s];
            }
            const float *got = window_logits(a, &other, 0);
            assert_memory_equal(got, want, (size_t)(t + 1) * row);
            if (t + 1 < T)
                assert_memory_not_equal(got + (t + 1) * ACTIONS, want + (t + 1) * ACTIONS, row);
            const int whats = ((const ppi_ad_agent *)a)->c.episode_ends ? 4 : 3;
            for (int what = 0; what < whats; what++) {
                other = h;
                if (what == 0) other.obs[t * CELLS] = (uint8_t)((h.obs[t * CELLS] + 1) % 5);
                if (what == 1) other.action[t] = h.action[t] == 2 ? 5 : 2;
                if (what == 2) other.reward[t] = 1 - h.reward[t];
                if (what == 3) other.last[t] = !h.last[t];
                got = window_logits(a, &other, 0);
                const int first = what == 0 ? t : t + 1; /* reached */
                assert_memory_equal(got, want, (size_t)first * row);
                for (int s = first; s < T; s++)
                    assert_memory_not_equal(got + s * ACTIONS, want + s * ACTIONS, row);
            }
        }
        ppi_agent_destroy(a);
    }
}

/* ---- training ---- */

typedef struct batch_block {
    ppi_batch b;
    uint8_t obs[16 * T * CELLS];
    int32_t action[16 * T];
    float reward[16 * T];
    uint8_t terminated[16 * T];
    uint8_t truncated[16 * T];
} batch_block;

/* Histories in which what paid is done again and what did not is replaced by the next action, so
 * that everything but the first action follows from the step before. */
static void make_batch(batch_block *k, int64_t B, uint64_t seed) {
    static const int32_t ids[ACTIONS] = {7, 2, 5};
    ppi_rng rng;
    ppi_rng_init(&rng, seed, PPI_RNG_TEST, 1);
    for (int64_t i = 0; i < B; i++) {
        int64_t choice = (int64_t)ppi_rng_below(&rng, ACTIONS);
        for (int64_t t = 0; t < T; t++) {
            const int64_t at = i * T + t;
            const bool paid = ppi_rng_below(&rng, 2) == 1;
            k->obs[at * CELLS] = (uint8_t)ppi_rng_below(&rng, 5);
            k->obs[at * CELLS + 1] = (uint8_t)ppi_rng_below(&rng, 4);
            k->action[at] = ids[choice];
            k->reward[at] = paid ? 1.0f : 0.0f;
            if (!paid) choice = (choice + 1) % ACTIONS;
        }
    }
    k->b = (ppi_batch){.B = B,
                       .T = T,
                       .H = 1,
                       .W = 1,
                       .C = CELLS,
                       .obs = k->obs,
                       .action = k->action,
                       .reward = k->reward,
                       .terminated = k->terminated,
                       .truncated = k->truncated};
    memset(k->terminated, 0, sizeof k->terminated);
    memset(k->truncated, 0, sizeof k->truncated);
}

static double metric(const ppi_metrics *m, const char *name) {
    for (int i = 0; i < m->count; i++) {
        if (strcmp(m->item[i].name, name) == 0) return m->item[i].value;
    }
    fail_msg("no metric %s", name);
    return 0;
}

/* Loss of the last of `steps` updates; 1/8 of the actions cannot be known: ln 3 / 8 = 0.137. */
static double learn(ppi_agent *a, int64_t steps) {
    ppi_metrics m = {0};
    CHECK_OK(ppi_agent_train_setup(a, 16, steps));
    for (int64_t step = 0; step < steps; step++) {
        batch_block k;
        make_batch(&k, 16, (uint64_t)step);
        CHECK_OK(ppi_agent_train_step(a, &k.b, step, &m));
    }
    assert_true(metric(&m, "charts/grad_norm") > 0);
    assert_true(metric(&m, "charts/accuracy") <= 1);
    return metric(&m, "losses/total");
}

static void training(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        ppi_agent *a = make(kinds[k]);
        const double loss = learn(a, 200);
        if (!(loss < 0.45)) fail_msg("kind %d: loss %g, expected below 0.45", k, loss);
        ppi_agent_destroy(a);
    }
}

/* Masks are a function of seed and step, and hide the share that was asked for. */
static void masks(void **state) {
    (void)state;
    static const char *const kind[] = {"zero", "key"};
    for (int k = 0; k < 2; k++) {
        double loss[3];
        double share = 0;
        for (int i = 0; i < 3; i++) {
            ppi_agent *a =
                make((const char *const[]){"model.mask", "0.3", "model.mask-kind", kind[k],
                                           "optim.lr", "0", "optim.warmup", "0", NULL});
            batch_block b;
            ppi_metrics m;
            make_batch(&b, 16, 1);
            CHECK_OK(ppi_agent_train_setup(a, 16, 10));
            CHECK_OK(ppi_agent_train_step(a, &b.b, i == 2 ? 1 : 0, &m));
            loss[i] = metric(&m, "losses/total");
            const void *mask =
                ppi_plan_named(ppi_agent_plan(a, "train"), k == 0 ? "keep" : "blocked", NULL, NULL);
            for (int t = 0; t < 16 * T; t++)
                share +=
                    k == 0 ? (double)(1 - ((const float *)mask)[t]) : ((const uint8_t *)mask)[t];
            ppi_agent_destroy(a);
        }
        assert_true(loss[0] == loss[1]);
        assert_true(loss[0] != loss[2]);
        CHECK_NEAR(share / (3 * 16 * T), 0.3, 0.08);
    }
}

static void bad_batches(void **state) {
    (void)state;
    ppi_agent *a = make(layout_a);
    batch_block k;
    ppi_metrics m;
    make_batch(&k, 16, 1);
    CHECK_FAILS(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_ARGUMENT, "before the set-up");
    CHECK_FAILS(ppi_agent_train_setup(a, 0, 1), PP_ERR_ARGUMENT, "0 windows");
    CHECK_OK(ppi_agent_train_setup(a, 16, 10));
    k.b.T = 4;
    CHECK_FAILS(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_SHAPE, "expected 16 of 8");
    k.b.T = T;
    k.b.C = 3;
    CHECK_FAILS(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_SHAPE, "1x1x3");
    k.b.C = CELLS;
    k.b.reward = NULL;
    CHECK_FAILS(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_ARGUMENT, "lacks");
    k.b.reward = k.reward;
    k.action[5] = 3;
    CHECK_FAILS(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_ARGUMENT, "action 3");
    k.action[5] = 2;
    k.obs[1] = 4;
    CHECK_FAILS(ppi_agent_train_step(a, &k.b, 0, &m), PP_ERR_ARGUMENT, "component 1");
    ppi_agent_destroy(a);
}

/* ---- observations, errors of creation ---- */

static void observations(void **state) {
    (void)state;
    bound b;
    ppi_agent *a = NULL;
    int32_t rows[PPI_AD_TABLES];
    const uint8_t obs[CELLS] = {3, 2};
    bind_method(&b, "ad");
    set_words(&b, (const char *const[]){"model.cell-embedding", "cell", NULL});
    ppi_agent_config cfg = config_of(&b, "tiny");
    CHECK_OK(ppi_agent_create(&a, &cfg));
    assert_int_equal(((ppi_ad_agent *)a)->c.tables, 1);
    assert_int_equal(((ppi_ad_agent *)a)->c.rows[0], 20);
    CHECK_OK(ppi_ad_obs_rows((ppi_ad_agent *)a, obs, rows));
    assert_int_equal(rows[0], 3 * 4 + 2);
    ppi_agent_destroy(a);
    cfg.obs.high[0] = cfg.obs.high[1] = 255;
    cfg.obs.c = 4;
    cfg.obs.high[2] = cfg.obs.high[3] = 255;
    CHECK_FAILS(ppi_agent_create(&a, &cfg), PP_ERR_ARGUMENT, "use sum");
    cfg.obs.c = PP_ENV_CELLS; /* 256^8 cells: more than an integer counts */
    for (int i = 0; i < PP_ENV_CELLS; i++) cfg.obs.high[i] = 255;
    CHECK_FAILS(ppi_agent_create(&a, &cfg), PP_ERR_ARGUMENT, "use sum");
    cfg.obs = (ppi_obs_spec){.view = "state", .h = 1, .w = 1, .c = 3, .type = PP_OBS_FLOAT};
    CHECK_FAILS(ppi_agent_create(&a, &cfg), PP_ERR_UNSUPPORTED, "\"state\"");
    ppi_options_destroy(b.set);
}

/* What cannot be acted with is told before it is trained. */
static void anchors_need_layout_a(void **state) {
    (void)state;
    static const struct {
        const char *words[5], *text;
    } cases[] = {
        {{"ad.anchor", "on", "model.layout", "b", NULL}, "the model is of layout b"},
        {{"ad.anchor", "on", "model.core", "lstm", NULL}, "the model is an LSTM"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bound b;
        ppi_agent *a = NULL;
        bind_method(&b, "ad");
        set_words(&b, cases[i].words);
        const ppi_agent_config cfg = config_of(&b, "tiny");
        CHECK_FAILS(ppi_agent_create(&a, &cfg), PP_ERR_UNSUPPORTED, cases[i].text);
        assert_null(a);
        ppi_options_destroy(b.set);
    }
}

static void contexts_are_bounded(void **state) {
    (void)state;
    ppi_ad_config c = {.timesteps = PPI_AD_MAX_CONTEXT,
                       .layers = 1,
                       .width = 4,
                       .heads = 1,
                       .ffn = 4,
                       .actions = 2,
                       .tables = 1,
                       .rows = {4}};
    CHECK_OK(ppi_ad_config_check(&c));
    c.timesteps++;
    CHECK_FAILS(ppi_ad_config_check(&c), PP_ERR_ARGUMENT, "4097 steps, expected 2 to 4096");
    c.timesteps = 1;
    CHECK_FAILS(ppi_ad_config_check(&c), PP_ERR_ARGUMENT, "1 steps, expected 2 to 4096");
}

static void describe(void **state) {
    (void)state;
    static const char *const *const modes[] = {layout_a, lstm, anchored};
    static const char *const want[] = {"\"rolling\"", "\"state\"", "\"anchored\""};
    for (int k = 0; k < 3; k++) {
        ppi_agent *a = make(modes[k]);
        ppi_buf text = {0};
        ppi_jsonw w;
        ppi_jsonw_init(&w, &text, 1);
        ppi_jsonw_object_begin(&w);
        CHECK_OK(ppi_agent_describe_acting(a, &w));
        ppi_jsonw_object_end(&w);
        assert_non_null(strstr(ppi_buf_text(&text), want[k]));
        assert_non_null(strstr(ppi_buf_text(&text), "\"context_length\": 8"));
        ppi_buf_free(&text);
        ppi_agent_destroy(a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipes),
        cmocka_unit_test(experts),
        cmocka_unit_test(environments),
        cmocka_unit_test(told_of_ends),
        cmocka_unit_test(usual_sizes),
        cmocka_unit_test(causality),
        cmocka_unit_test(training),
        cmocka_unit_test(masks),
        cmocka_unit_test(bad_batches),
        cmocka_unit_test(observations),
        cmocka_unit_test(describe),
        cmocka_unit_test(anchors_need_layout_a),
        cmocka_unit_test(contexts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
