/* The agent "ad" at play: a context that rolls, is kept over episodes and dropped between tasks,
   the other ways of acting against whole windows, prompts, draws, images, errors. */
#include "method/ad_test.h"

/* ---- acting ---- */

/* What the last act left for an environment: its logits [A]. */
static const float *acted_logits(ppi_agent *a, const char *plan, int64_t env) {
    const float *x = ppi_plan_named(ppi_agent_plan(a, plan), "action_logits", NULL, NULL);
    assert_non_null(x);
    return x + env * ACTIONS;
}

static void check_logits(const char *what, int t, const float *got, const float *want) {
    for (int i = 0; i < ACTIONS; i++) {
        if (!(fabs((double)got[i] - (double)want[i]) < 2e-5))
            fail_msg("%s, step %d: logit %d is %.7g, expected %.7g", what, t, i, (double)got[i],
                     (double)want[i]);
    }
}

/* Plays step t of the history in an environment, whatever the agent would do. */
static void play_step(ppi_agent *a, int64_t env, const history *h, int t) {
    static const uint8_t last[CELLS] = {4, 3};
    CHECK_OK(ppi_agent_observe(a, env, h->action[t], (double)h->reward[t],
                               h->last[t] ? last : h->obs + (t + 1) * CELLS));
    if (h->last[t])
        CHECK_OK(
            ppi_agent_act_reset(a, env, h->obs + (t + 1) * CELLS, (uint64_t)(t + 1) / EPISODE));
}

/* Every decision sees the window of the last T steps over the ends of episodes, at the positions of
 * training. */
static void rolling_context(void **state) {
    (void)state;
    for (int k = 0; k + LSTMS < KINDS; k++) {
        ppi_agent *a = make(kinds[k]);
        history h;
        int32_t action[2];
        make_history(&h, 3);
        CHECK_OK(ppi_agent_act_begin(a, 2));
        for (int e = 0; e < 2; e++) {
            CHECK_OK(ppi_agent_act_task(a, e, 9));
            CHECK_OK(ppi_agent_act_reset(a, e, h.obs, 0));
        }
        for (int t = 0; t + 1 < STEPS; t++) {
            CHECK_OK(ppi_agent_act(a, NULL, action));
            assert_int_equal(action[0], action[1]); /* the same run */
            const int from = t < T ? 0 : t - T + 1;
            const float *want = window_logits(a, &h, from) + (t - from) * ACTIONS;
            check_logits("rolling", t, acted_logits(a, t < T - 1 ? "prefill" : "act", 1), want);
            for (int e = 0; e < 2; e++) play_step(a, e, &h, t);
        }
        ppi_agent_destroy(a);
    }
}

/* Kept keys and values agree with whole windows; a full window goes on with its newer half. */
static void anchored_context(void **state) {
    (void)state;
    ppi_agent *a = make(anchored);
    history h;
    int32_t action[1];
    int from = 0;
    make_history(&h, 4);
    CHECK_OK(ppi_agent_act_begin(a, 1));
    CHECK_OK(ppi_agent_act_task(a, 0, 0));
    CHECK_OK(ppi_agent_act_reset(a, 0, h.obs, 0));
    for (int t = 0; t + T < STEPS; t++) {
        const bool anew = t - from == T;
        if (anew) from += T - T / 2;
        CHECK_OK(ppi_agent_act(a, NULL, action));
        const float *want = window_logits(a, &h, from) + (t - from) * ACTIONS;
        check_logits("anchored", t, acted_logits(a, anew ? "prefill" : "act", 0), want);
        play_step(a, 0, &h, t);
    }
    ppi_agent_destroy(a);
}

/* The LSTM's state over the steps is that of whole windows. */
static void carried_state(void **state) {
    (void)state;
    ppi_agent *a = make(lstm);
    history h;
    int32_t action[1];
    make_history(&h, 5);
    CHECK_OK(ppi_agent_act_begin(a, 1));
    CHECK_OK(ppi_agent_act_task(a, 0, 0));
    CHECK_OK(ppi_agent_act_reset(a, 0, h.obs, 0));
    for (int t = 0; t < T; t++) {
        if (t % 3 != 1) { /* steps without a decision count as well */
            CHECK_OK(ppi_agent_act(a, NULL, action));
            const float *want = window_logits(a, &h, 0) + t * ACTIONS;
            check_logits("lstm", t, acted_logits(a, "act", 0), want);
        }
        play_step(a, 0, &h, t);
    }
    for (int t = T; t + 1 < STEPS; t++) play_step(a, 0, &h, t);
    CHECK_OK(ppi_agent_act(a, NULL, action));
    ppi_agent_destroy(a);
}

/* Logits of the first decision behind `steps` played steps, or behind a prompt of them. */
static void logits_after(ppi_agent *a, const history *h, int steps, bool prompt, float *out) {
    int32_t action[1];
    const char *plan = ((ppi_ad_agent *)a)->c.core == PPI_AD_LSTM ? "act" : "prefill";
    CHECK_OK(ppi_agent_act_task(a, 0, 0));
    if (prompt) {
        const ppi_prompt p = {.steps = steps,
                              .obs = h->obs,
                              .action = h->action,
                              .reward = h->reward,
                              .last = h->last};
        CHECK_OK(ppi_agent_act_prompt(a, 0, &p));
        CHECK_OK(ppi_agent_act_reset(a, 0, h->obs + steps * CELLS, 0));
    } else {
        CHECK_OK(ppi_agent_act_reset(a, 0, h->obs, 0));
        for (int t = 0; t < steps; t++) play_step(a, 0, h, t);
    }
    CHECK_OK(ppi_agent_act(a, NULL, action));
    memcpy(out, acted_logits(a, plan, 0), ACTIONS * sizeof *out);
}

/* A task begins with an empty context, bit-exact; a prompt counts as played. */
static void tasks_and_prompts(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        ppi_agent *a = make(kinds[k]);
        history h;
        history g;
        float fresh[ACTIONS];
        float played[ACTIONS];
        float x[ACTIONS];
        make_history(&h, 6);
        make_history(&g, 7);
        CHECK_OK(ppi_agent_act_begin(a, 1));
        logits_after(a, &h, 0, false, fresh);
        logits_after(a, &h, T - 2, false, played);
        assert_memory_not_equal(fresh, played, sizeof x);
        logits_after(a, &g, STEPS - 1, false, x);
        logits_after(a, &h, 0, false, x);
        assert_memory_equal(x, fresh, sizeof x);
        logits_after(a, &h, T - 2, true, x);
        assert_memory_equal(x, played, sizeof x);
        ppi_agent_destroy(a);
    }
}

/* Draws depend on seed, run and step, not on the place in the batch or on what others do. */
static void draws(void **state) {
    (void)state;
    enum { RUNS = 40, ENVS = 4 };
    ppi_agent *a = make(layout_a);
    history h;
    int32_t one[RUNS];
    int32_t many[ENVS];
    int seen[8] = {0};
    make_history(&h, 8);
    CHECK_OK(ppi_agent_act_begin(a, 1));
    for (int r = 0; r < RUNS; r++) {
        CHECK_OK(ppi_agent_act_task(a, 0, (uint64_t)r));
        CHECK_OK(ppi_agent_act_reset(a, 0, h.obs, 0));
        CHECK_OK(ppi_agent_act(a, NULL, &one[r]));
        seen[one[r]]++;
    }
    assert_true(seen[7] > 0 && seen[2] > 0 && seen[5] > 0);
    CHECK_OK(ppi_agent_act_begin(a, ENVS));
    for (int r = 0; r + ENVS <= RUNS; r += ENVS) {
        for (int e = 0; e < ENVS; e++) {
            CHECK_OK(ppi_agent_act_task(a, e, (uint64_t)(r + ENVS - 1 - e)));
            CHECK_OK(ppi_agent_act_reset(a, e, h.obs, 0));
        }
        const uint8_t live[ENVS] = {1, 0, 1, 1};
        many[1] = -3;
        CHECK_OK(ppi_agent_act(a, live, many));
        assert_int_equal(many[1], -3);
        for (int e = 0; e < ENVS; e++) {
            if (live[e]) assert_int_equal(many[e], one[r + ENVS - 1 - e]);
        }
    }
    ppi_agent_destroy(a);
}

/* The greedy agent takes the largest logit; a low temperature nearly always does. */
static void greedy(void **state) {
    (void)state;
    static const char *const largest[] = {"ad.greedy", "on", NULL};
    static const char *const cold[] = {"ad.temperature", "0.01", NULL};
    static const char *const *const how[] = {largest, cold};
    for (int k = 0; k < 2; k++) {
        ppi_agent *a = make(how[k]);
        ppi_params *params = ppi_agent_params(a); /* logits far from equal */
        const ppi_param *head = &params->item[ppi_params_find(params, "ad/head/w")];
        for (int64_t i = 0; i < head->count; i++) params->master[head->offset + i] *= 100;
        ppi_agent_params_changed(a);
        history h;
        int32_t action[1];
        make_history(&h, 9);
        CHECK_OK(ppi_agent_act_begin(a, 1));
        CHECK_OK(ppi_agent_act_task(a, 0, 1));
        CHECK_OK(ppi_agent_act_reset(a, 0, h.obs, 0));
        for (int t = 0; t + 1 < T; t++) {
            static const int32_t ids[ACTIONS] = {7, 2, 5};
            CHECK_OK(ppi_agent_act(a, NULL, action));
            const float *x = acted_logits(a, "prefill", 0);
            int best = 0;
            for (int i = 1; i < ACTIONS; i++) best = x[i] > x[best] ? i : best;
            assert_int_equal(action[0], ids[best]);
            play_step(a, 0, &h, t);
        }
        ppi_agent_destroy(a);
    }
}

/* ---- side by side ---- */

/* What runs beside an environment does not reach its logits, bit for bit. */
static void side_by_side(void **state) {
    (void)state;
    static const char *const *const modes[] = {layout_a, layout_b, lstm, anchored};
    for (int k = 0; k < 4; k++) {
        float seen[2][STEPS][ACTIONS];
        for (int late = 0; late < 2; late++) {
            ppi_agent *a = make(modes[k]);
            history h;
            history g;
            int32_t action[2];
            make_history(&h, 12);
            make_history(&g, 13);
            CHECK_OK(ppi_agent_act_begin(a, 2));
            for (int e = 0; e < 2; e++) {
                CHECK_OK(ppi_agent_act_task(a, e, 0));
                CHECK_OK(ppi_agent_act_reset(a, e, h.obs, 0));
            }
            for (int t = 0; t + 1 < STEPS; t++) {
                CHECK_OK(ppi_agent_act(a, NULL, action));
                memcpy(seen[late][t], ((ppi_ad_agent *)a)->logits, sizeof seen[late][t]);
                play_step(a, 0, &h, t);
                if (late == 0) play_step(a, 1, &h, t);
                if (late == 1 && t >= 5) play_step(a, 1, &g, t - 5);
            }
            ppi_agent_destroy(a);
        }
        assert_memory_equal(seen[0], seen[1], sizeof seen[0] - sizeof seen[0][0]);
    }
}

/* ---- images ---- */

enum { SIDE = 12, FRAME = SIDE * SIDE * 3 };

typedef struct film {
    uint8_t obs[STEPS * FRAME];
    history h; /* actions and rewards */
} film;

static void make_film(film *f, uint64_t seed) {
    ppi_rng rng;
    make_history(&f->h, seed);
    ppi_rng_init(&rng, seed, PPI_RNG_TEST, 2);
    for (int i = 0; i < STEPS * FRAME; i++) f->obs[i] = (uint8_t)ppi_rng_below(&rng, 256);
}

static ppi_agent *make_for_images(const char *const *words) {
    bound b;
    ppi_agent *a = NULL;
    bind_method(&b, "ad");
    set_words(&b, (const char *const[]){"model.context", "8", NULL});
    set_words(&b, words);
    CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "tiny"));
    ppi_agent_config cfg = config_of(&b, "tiny");
    cfg.obs = (ppi_obs_spec){.view = "12x12", .h = SIDE, .w = SIDE, .c = 3, .type = PP_OBS_IMAGE};
    CHECK_OK(ppi_agent_create(&a, &cfg));
    ppi_options_destroy(b.set);
    return a;
}

/* Some updates, so that the running moments are not those of the start. */
static void train_on_film(ppi_agent *a, film *f) {
    ppi_metrics m;
    ppi_batch b = {.B = 3,
                   .T = T,
                   .H = SIDE,
                   .W = SIDE,
                   .C = 3,
                   .obs = f->obs,
                   .action = f->h.action,
                   .reward = f->h.reward,
                   .terminated = f->h.last,
                   .truncated = f->h.last};
    CHECK_OK(ppi_agent_train_setup(a, 3, 10));
    for (int64_t step = 0; step < 5; step++) CHECK_OK(ppi_agent_train_step(a, &b, step, &m));
}

/* Decisions over cached encodings are those of whole windows of frames; prompts count as played. */
static void images(void **state) {
    (void)state;
    static const char *const *const modes[] = {layout_a, layout_b, anchored, lstm};
    for (int k = 0; k < 4; k++) {
        ppi_agent *a = make_for_images(modes[k]);
        const ppi_ad_agent *ad = (const ppi_ad_agent *)a;
        film *f = malloc(sizeof *f);
        float played[ACTIONS];
        int32_t action[2];
        make_film(f, 14);
        train_on_film(a, f);
        const ppi_io_tensor *io = NULL;
        int n = 0;
        CHECK_OK(ppi_agent_forward_setup(a, 1, &io, &n));
        assert_int_equal(io[0].shape.ndim, 5);
        memcpy(io[0].data, f->obs, T * FRAME);
        memcpy(io[1].data, f->h.action, T * sizeof *f->h.action);
        memcpy(io[2].data, f->h.reward, T * sizeof *f->h.reward);
        CHECK_OK(ppi_agent_forward(a));
        const float *want = io[3].data;

        CHECK_OK(ppi_agent_act_begin(a, 2));
        CHECK_OK(ppi_agent_act_task(a, 0, 0));
        CHECK_OK(ppi_agent_act_reset(a, 0, f->obs, 0));
        const uint8_t live[2] = {1, 0};
        for (int t = 0; t < T; t++) {
            if (t != 3) CHECK_OK(ppi_agent_act(a, live, action));
            if (t != 3) check_logits("images", t, ad->logits, want + t * ACTIONS);
            if (t == 6) memcpy(played, ad->logits, sizeof played);
            CHECK_OK(ppi_agent_observe(a, 0, f->h.action[t], (double)f->h.reward[t],
                                       f->obs + (t + 1) * FRAME));
        }
        for (int t = T; t + 1 < STEPS; t++) {
            CHECK_OK(ppi_agent_act(a, live, action));
            CHECK_OK(ppi_agent_observe(a, 0, f->h.action[t], (double)f->h.reward[t],
                                       f->obs + (t + 1) * FRAME));
        }
        const ppi_prompt p = {
            .steps = 6, .obs = f->obs, .action = f->h.action, .reward = f->h.reward};
        CHECK_OK(ppi_agent_act_task(a, 0, 0));
        CHECK_OK(ppi_agent_act_prompt(a, 0, &p));
        CHECK_OK(ppi_agent_act_reset(a, 0, f->obs + 6 * FRAME, 0));
        CHECK_OK(ppi_agent_act(a, live, action));
        check_logits("prompted", 6, ad->logits, played);
        free(f);
        ppi_agent_destroy(a);
    }
}

static void bad_acting(void **state) {
    (void)state;
    ppi_agent *a = make(layout_a);
    history h;
    int32_t action[1];
    const uint8_t high[CELLS] = {0, 4};
    make_history(&h, 10);
    assert_true(ppi_agent_in_context(a));
    CHECK_FAILS(ppi_agent_act(a, NULL, action), PP_ERR_ARGUMENT, "before acting was begun");
    CHECK_FAILS(ppi_agent_act_begin(a, 0), PP_ERR_ARGUMENT, "0 environments");
    CHECK_OK(ppi_agent_act_begin(a, 1));
    CHECK_FAILS(ppi_agent_act_task(a, 1, 0), PP_ERR_ARGUMENT, "environment 1 of 1");
    CHECK_FAILS(ppi_agent_act(a, NULL, action), PP_ERR_ARGUMENT, "no observation");
    CHECK_FAILS(ppi_agent_observe(a, 0, 7, 0, h.obs), PP_ERR_ARGUMENT, "before an observation");
    CHECK_FAILS(ppi_agent_act_reset(a, 0, high, 0), PP_ERR_ARGUMENT, "component 1");
    ppi_prompt p = {.steps = T + 1, .obs = h.obs, .action = h.action, .reward = h.reward};
    CHECK_FAILS(ppi_agent_act_prompt(a, 0, &p), PP_ERR_ARGUMENT, "the context holds 8");
    h.action[2] = 4;
    p.steps = T;
    CHECK_FAILS(ppi_agent_act_prompt(a, 0, &p), PP_ERR_ARGUMENT, "step 2 of a prompt");
    CHECK_FAILS(ppi_agent_act_prompt(a, 0, &p), PP_ERR_ARGUMENT, "has begun");
    CHECK_OK(ppi_agent_act_task(a, 0, 0));
    CHECK_OK(ppi_agent_act_reset(a, 0, h.obs, 0));
    CHECK_FAILS(ppi_agent_observe(a, 0, 3, 0, h.obs), PP_ERR_ARGUMENT, "none of the 3 actions");
    ppi_agent_destroy(a);
}

/* Acting in bf16 works in all modes. */
static void bf16(void **state) {
    (void)state;
    static const char *const *const modes[] = {layout_a, layout_b, lstm, anchored};
    for (int k = 0; k < 4; k++) {
        bound b;
        history h;
        int32_t action[1];
        ppi_agent *a = NULL;
        bind_method(&b, "ad");
        set_words(&b, (const char *const[]){"model.context", "8", NULL});
        set_words(&b, modes[k]);
        CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "tiny"));
        ppi_agent_config cfg = config_of(&b, "tiny");
        cfg.policy = PPI_DTYPE_POLICY_BF16;
        CHECK_OK(ppi_agent_create(&a, &cfg));
        make_history(&h, 11);
        CHECK_OK(ppi_agent_act_begin(a, 1));
        CHECK_OK(ppi_agent_act_task(a, 0, 0));
        CHECK_OK(ppi_agent_act_reset(a, 0, h.obs, 0));
        for (int t = 0; t + 1 < STEPS; t++) {
            CHECK_OK(ppi_agent_act(a, NULL, action));
            play_step(a, 0, &h, t);
        }
        ppi_agent_destroy(a);
        ppi_options_destroy(b.set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rolling_context), cmocka_unit_test(anchored_context),
        cmocka_unit_test(carried_state),   cmocka_unit_test(tasks_and_prompts),
        cmocka_unit_test(draws),           cmocka_unit_test(greedy),
        cmocka_unit_test(side_by_side),    cmocka_unit_test(images),
        cmocka_unit_test(bad_acting),      cmocka_unit_test(bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
