/* a2c: losses, gradients and updates against PyTorch (tools/golden_a2c.py) with and without the
   table of all observations, what it reaches in the dark rooms, states that continue a run exactly,
   and what it refuses. */
#include "method/learner_golden.h"
#include "method/learner_test.h"

#include "method/explore.h"
#include "method/online.h"
#include "model/mgdt_golden.h"

/* ---- what golden_a2c.py computes from names ---- */

enum { COMPONENTS = 3, ACTIONS = 5, STREAMS = 4, UNROLL = 6, MOST_STEPS = 60 };
static const int32_t high[COMPONENTS] = {2, 2, 1};

static double hashed(const char *name, int64_t i) {
    return golden_unit(golden_key(name), (uint64_t)i);
}

static int32_t pick(const char *name, int64_t i, int below) {
    return (int32_t)((hashed(name, i) + 1) / 2 * below);
}

static void cells_of(uint8_t *out, const char *name, int64_t row) {
    for (int i = 0; i < COMPONENTS; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s/%d", name, i);
        out[i] = (uint8_t)pick(key, row, high[i] + 1);
    }
}

typedef struct golden_case {
    const char *file;
    const char *mode;
    int unrolls, updates_each;
    const char *legal[STREAMS]; /* choices in order */
} golden_case;
static const golden_case cases[] = {
    {"a2c_sync", "a2c.mode=sync", 10, 1, {"01234", "01234", "01234", "01234"}},
    {"a2c_paper", "a2c.mode=paper-lr", 3, 4, {"01234", "01234", "01234", "01234"}},
    {"a2c_masked", "a2c.mode=sync", 10, 1, {"01234", "0134", "01234", "123"}},
};

/* Ids of the environment differ from the places in the action list. */
static const int32_t ids[ACTIONS] = {3, 0, 7, 4, 12};

/* The agent of the golden files, ready to learn. */
static rig golden_rig(const golden_case *g, const char *table) {
    const char *const options[] = {
        g->mode, "a2c.streams=4", "a2c.unroll=6", "optim.lr=1e-3", "a2c.bonus=0", table, NULL};
    const rig_config c = {.method = "a2c", .options = options};
    pp_env_spec spec = {
        .obs_type = PP_OBS_CELLS, .obs_h = 1, .obs_w = 1, .obs_c = COMPONENTS, .view = "cells"};
    memcpy(spec.obs_high, high, sizeof high);
    spec.min_actions = ACTIONS;
    memcpy(spec.action_list, ids, sizeof ids);
    rig r = {.c = c, .streams = STREAMS, .obs_bytes = COMPONENTS};
    const ppi_agent_config a = rig_agent_config(&c, &spec, &r.options);
    CHECK_OK(ppi_agent_create(&r.agent, &a));
    r.learner = a.method->learner;
    r.legal = calloc(STREAMS, PP_ENV_ACTIONS);
    for (int s = 0; s < STREAMS; s++) {
        for (const char *k = g->legal[s]; *k != '\0'; k++)
            r.legal[s * PP_ENV_ACTIONS + ids[*k - '0']] = 1;
    }
    const int32_t game[STREAMS] = {0};
    const ppi_learn_setup setup = {
        .streams = STREAMS, .total_steps = 1000, .game = game, .legal = r.legal, .seed = 3};
    golden_weights(ppi_agent_params(r.agent));
    ppi_agent_params_changed(r.agent);
    CHECK_OK(r.learner->begin(r.agent, &setup));
    return r;
}

/* Step t of the play of the golden files. */
static void golden_step(rig *r, const golden_case *g, int64_t t) {
    uint8_t obs[STREAMS * COMPONENTS], next[STREAMS * COMPONENTS], final[STREAMS * COMPONENTS];
    double reward[STREAMS];
    int32_t action[STREAMS];
    uint8_t terminated[STREAMS], truncated[STREAMS];
    for (int64_t s = 0; s < STREAMS; s++) {
        const int64_t i = t * STREAMS + s;
        cells_of(obs + s * COMPONENTS, "obs", i);
        cells_of(next + s * COMPONENTS, "obs", i + STREAMS);
        memset(final + s * COMPONENTS, 255, COMPONENTS);
        const int32_t end = pick("end", i, 8);
        terminated[s] = end == 0;
        truncated[s] = end == 1;
        if (end <= 1) cells_of(final + s * COMPONENTS, "final", i);
        reward[s] = 2 * (double)(float)hashed("reward", i);
        const char *legal = g->legal[s];
        action[s] = ids[legal[(size_t)pick("action", i, 60) % strlen(legal)] - '0'];
    }
    int32_t chosen[STREAMS];
    CHECK_OK(r->learner->act(r->agent, obs, chosen));
    for (int s = 0; s < STREAMS; s++) assert_int_equal(r->legal[s * PP_ENV_ACTIONS + chosen[s]], 1);
    const ppi_learn_step step = {obs, action, reward, terminated, truncated, next, final, NULL};
    CHECK_OK(r->learner->step(r->agent, &step, &r->metrics));
}

static const char *const loss_names[] = {"losses/total", "losses/policy", "losses/value",
                                         "charts/entropy", NULL};

static void check_golden(const golden_case *g, const char *table) {
    ppi_safetensors *st = golden_open(g->file);
    const double *losses = golden_data(st, "losses", NULL);
    rig r = golden_rig(g, table);
    const ppi_params *p = ppi_agent_params(r.agent);
    for (int64_t t = 0; t < g->unrolls * UNROLL; t++) {
        golden_step(&r, g, t);
        const int64_t updates = (t + 1) / UNROLL * g->updates_each;
        assert_int_equal(r.learner->updates(r.agent), updates);
        if ((t + 1) % UNROLL != 0) continue;
        check_losses(&r.metrics, loss_names, losses + (updates - 1) * 4);
        if (updates == 1) check_tensors(p, p->grad, st, "grad");
    }
    check_tensors(p, p->master, st, "param");
    ppi_safetensors_close(st);
    ppi_agent_destroy(r.agent);
    free(r.options);
    free(r.legal);
}

static void golden(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_golden(&cases[i], "a2c.table=on");
        check_golden(&cases[i], "a2c.table=off");
    }
}

/* ---- learning ---- */

/* Aggregate steps, and the share of the best return that the last part of the run must reach. */
typedef struct room_row {
    const char *env, *view;
    int64_t task, steps;
    double best;
} room_row;
static const room_row rooms[] = {
    {"dark/room", NULL, 12, 400000, 17},
    {"dark/room", NULL, 70, 400000, 15},
    {"dark/room-hard", NULL, 200, 500000, 1},
    {"dark/key-to-door", "cells-key", 4662, 1500000, 2},
    {"dark/key-to-door", "cells", 516, 2000000, 2},
};

static void reaches_goals(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        const rig_config c = {.method = "a2c",
                              .env = rooms[i].env,
                              .view = rooms[i].view,
                              .task = rooms[i].task,
                              .total = rooms[i].steps,
                              .seed = 1};
        rig r = rig_open(&c);
        assert_int_equal(r.streams, 100);
        rig_play(&r, c.total / 50);
        const double first = rig_mean(&r, NULL);
        rig_play(&r, c.total * 9 / 10 - c.total / 50);
        (void)rig_mean(&r, NULL);
        rig_play(&r, c.total / 10);
        const double last = rig_mean(&r, NULL);
        if (getenv("PP_SHOW") != NULL)
            printf("%s %d: %.3f -> %.3f of %g\n", c.env, (int)c.task, first, last, rooms[i].best);
        assert_true(first < 0.5 * rooms[i].best);
        assert_true(last >= 0.95 * rooms[i].best);
        rig_close(&r);
    }
}

/* One unroll of each actor is one update in mode paper-lr, with its own learning rate. */
static void paper_mode(void **state) {
    (void)state;
    const char *const options[] = {"a2c.mode=paper-lr", NULL};
    const rig_config c = {.method = "a2c",
                          .env = "dark/room",
                          .options = options,
                          .task = 30,
                          .total = 100000,
                          .seed = 1};
    rig r = rig_open(&c);
    rig_play(&r, 60000);
    assert_int_equal(r.learner->updates(r.agent), 60000 / 20);
    CHECK_NEAR(figure(&r.metrics, "charts/lr"), 1e-4, 1e-12);
    (void)rig_mean(&r, NULL);
    rig_play(&r, 40000);
    assert_true(rig_mean(&r, NULL) > 10);
    rig_close(&r);
}

/* Networks over images: the same learner on the planes of an arcade game. */
static void learns_from_planes(void **state) {
    (void)state;
    const char *const options[] = {"a2c.streams=16", "a2c.unroll=10", NULL};
    const rig_config c = {.method = "a2c",
                          .size = "arcade",
                          .env = "arcade/catch",
                          .options = options,
                          .total = 60000,
                          .seed = 1};
    rig r = rig_open(&c);
    rig_play(&r, 6000);
    const double first = rig_mean(&r, NULL);
    rig_play(&r, 48000);
    (void)rig_mean(&r, NULL);
    rig_play(&r, 6000);
    const double last = rig_mean(&r, NULL);
    if (getenv("PP_SHOW") != NULL) printf("catch: %.3f -> %.3f\n", first, last);
    assert_true(last > first + 0.5);
    rig_close(&r);
}

/* Updates of a run of 60 steps a stream: one an episode where episodes are short. */
static void default_unroll(void **state) {
    (void)state;
    static const struct {
        const char *env;
        int64_t updates;
    } expected[] = {{"dark/room", 3}, {"dark/key-to-door", 1}, {"arcade/catch", 3}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const rig_config c = {
            .method = "a2c", .env = expected[i].env, .streams = 2, .total = 120, .seed = 1};
        rig r = rig_open(&c);
        rig_play(&r, 120);
        assert_int_equal(r.learner->updates(r.agent), expected[i].updates);
        rig_close(&r);
    }
}

/* Where no reward is found, what was seldom seen is worth something, and less each time. */
static void seldom_seen_pays(void **state) {
    (void)state;
    for (int on = 0; on < 2; on++) {
        const char *const options[] = {on ? "a2c.bonus=0.3" : "a2c.bonus=0", NULL};
        const rig_config c = {.method = "a2c",
                              .env = "dark/room-hard",
                              .options = options,
                              .streams = 4,
                              .total = 80,
                              .seed = 1};
        rig r = rig_open(&c);
        rig_play(&r, 80);
        const double loss = figure(&r.metrics, "losses/value");
        assert_true(on ? loss > 0 : loss == 0);
        rig_close(&r);
    }
    ppi_visits v = {0};
    CHECK_OK(ppi_visits_begin(&v, 3));
    CHECK_NEAR(ppi_visits_bonus(&v, 1, 0.3), 0.3, 1e-15);
    CHECK_NEAR(ppi_visits_bonus(&v, 1, 0.3), 0.3 / sqrt(2), 1e-15);
    CHECK_NEAR(ppi_visits_bonus(&v, 2, 0.3), 0.3, 1e-15);
    ppi_visits_end(&v);
    assert_int_equal(v.rows, 0);
}

/* ---- play, states, failures ---- */

static double play_room(ppi_agent *agent, const rig_config *c, int n) {
    ppi_vec *vec = rig_vec(c, n);
    int32_t *actions = calloc((size_t)n, sizeof *actions);
    CHECK_OK(ppi_agent_act_begin(agent, n));
    for (int e = 0; e < n; e++)
        CHECK_OK(ppi_agent_act_reset(agent, e, ppi_vec_obs(vec) + e * 2, (uint64_t)e));
    while (!ppi_vec_terminated(vec)[0]) {
        CHECK_OK(ppi_agent_act(agent, NULL, actions));
        CHECK_OK(ppi_vec_step(vec, actions, NULL));
        for (int e = 0; e < n; e++)
            CHECK_OK(ppi_agent_observe(agent, e, actions[e], 0, ppi_vec_obs(vec) + e * 2));
    }
    double sum = 0;
    for (int e = 0; e < n; e++) sum += ppi_vec_episode_return(vec)[e];
    ppi_vec_destroy(vec);
    free(actions);
    return sum / n;
}

static void plays(void **state) {
    (void)state;
    const rig_config fresh = {.method = "a2c", .env = "dark/room", .total = 1000};
    rig unbegun = rig_open(&fresh);
    CHECK_FAILS(ppi_agent_act(unbegun.agent, NULL, unbegun.action), PP_ERR_ARGUMENT, "begun");
    rig_close(&unbegun);
    for (int greedy = 0; greedy < 2; greedy++) {
        const char *const options[] = {greedy ? "a2c.greedy=on" : "a2c.greedy=off", NULL};
        const rig_config c = {.method = "a2c",
                              .env = "dark/room",
                              .options = options,
                              .task = 12,
                              .total = 400000,
                              .seed = 1};
        rig r = rig_open(&c);
        assert_true(play_room(r.agent, &c, 50) < 6);
        rig_play(&r, c.total);
        const double mean = play_room(r.agent, &c, 50);
        CHECK_NEAR(play_room(r.agent, &c, 50), mean, 0);
        CHECK_NEAR(mean, 17, greedy ? 1e-9 : 0.3);
        uint8_t legal[PP_ENV_ACTIONS] = {1};
        CHECK_OK(ppi_agent_act_game(r.agent, 0, 0, legal));
        int32_t actions[50];
        CHECK_OK(ppi_agent_act(r.agent, NULL, actions));
        assert_int_equal(actions[0], 0);
        legal[0] = 0;
        CHECK_FAILS(ppi_agent_act_game(r.agent, 0, 0, legal), PP_ERR_ARGUMENT, "no action");
        CHECK_FAILS(ppi_agent_act_game(r.agent, 50, 0, legal), PP_ERR_ARGUMENT, "environment 50");
        rig_close(&r);
    }
}

/* Parameters and moments of a checkpoint, the learner's state and the environments: the run goes
   on as if it had not been interrupted, also from the middle of an unroll. */
static void resumes(void **state) {
    (void)state;
    static const char *const envs[] = {"dark/room", "arcade/catch"};
    for (int i = 0; i < 2; i++) {
        const char *const options[] = {"a2c.streams=8", "a2c.unroll=20", NULL};
        const rig_config c = {
            .method = "a2c", .env = envs[i], .options = options, .total = 8 * 200, .seed = 6};
        rig a = rig_open(&c);
        rig b = rig_open(&c);
        rig_play(&a, 8 * 53);
        ppi_buf saved = {0};
        CHECK_OK(a.learner->save(a.agent, &saved));
        ppi_params *from = ppi_agent_params(a.agent);
        ppi_params *to = ppi_agent_params(b.agent);
        const size_t bytes = (size_t)from->total * sizeof *from->master;
        memcpy(to->master, from->master, bytes);
        memcpy(to->slot[0], from->slot[0], bytes);
        memcpy(to->slot[1], from->slot[1], bytes);
        ppi_agent_params_changed(b.agent);
        CHECK_OK(b.learner->load(b.agent, saved.data, saved.len));
        for (int s = 0; s < 8; s++) {
            ppi_buf env = {0};
            CHECK_OK(ppi_vec_save_state(a.vec, s, &env));
            CHECK_OK(ppi_vec_load_state(b.vec, s, env.data, env.len));
            ppi_buf_free(&env);
        }
        for (int t = 0; t < 60; t++) {
            rig_step(&a);
            rig_step(&b);
            assert_memory_equal(a.action, b.action, 8 * sizeof *a.action);
        }
        assert_int_equal(a.learner->updates(a.agent), 5);
        assert_int_equal(b.learner->updates(b.agent), 5);
        assert_memory_equal(to->master, from->master, bytes);
        CHECK_FAILS(b.learner->load(b.agent, saved.data, saved.len - 1), PP_ERR_CORRUPT, "a2c");
        CHECK_FAILS(b.learner->load(b.agent, saved.data, 3), PP_ERR_CORRUPT, "a2c");
        saved.data[8] = 127; /* the step in the unroll */
        CHECK_FAILS(b.learner->load(b.agent, saved.data, saved.len), PP_ERR_CORRUPT, "a2c");
        ppi_buf_free(&saved);
        rig_close(&a);
        rig_close(&b);
    }
}

/* A reward that is not finite ends the run and leaves the parameters alone. */
static void not_finite(void **state) {
    (void)state;
    rig r = golden_rig(&cases[0], "a2c.table=off");
    ppi_params *p = ppi_agent_params(r.agent);
    float *before = malloc((size_t)p->total * sizeof *before);
    memcpy(before, p->master, (size_t)p->total * sizeof *before);
    const uint8_t obs[STREAMS * COMPONENTS] = {0}, no[STREAMS] = {0};
    const double reward[STREAMS] = {0, NAN, 0, 0};
    const int32_t action[STREAMS] = {3, 0, 7, 4};
    const ppi_learn_step step = {obs, action, reward, no, no, obs, obs, NULL};
    int32_t chosen[STREAMS];
    for (int t = 0; t < UNROLL - 1; t++) {
        CHECK_OK(r.learner->act(r.agent, obs, chosen));
        CHECK_OK(r.learner->step(r.agent, &step, &r.metrics));
    }
    CHECK_OK(r.learner->act(r.agent, obs, chosen));
    CHECK_FAILS(r.learner->step(r.agent, &step, &r.metrics), PP_ERR_NUMERIC, "update 0 of a2c");
    assert_memory_equal(p->master, before, (size_t)p->total * sizeof *before);
    free(before);
    ppi_agent_destroy(r.agent);
    free(r.options);
    free(r.legal);
}

static void refuses(void **state) {
    (void)state;
    rig r = golden_rig(&cases[0], "a2c.table=on");
    uint8_t obs[STREAMS * COMPONENTS] = {0};
    const uint8_t no[STREAMS] = {0};
    const double reward[STREAMS] = {0};
    const int32_t action[STREAMS] = {3, 0, 7, 5};
    int32_t chosen[STREAMS];
    const ppi_learn_step step = {obs, action, reward, no, no, obs, obs, NULL};
    CHECK_OK(r.learner->act(r.agent, obs, chosen));
    CHECK_FAILS(r.learner->step(r.agent, &step, &r.metrics), PP_ERR_ARGUMENT,
                "action 5 of stream 3");
    obs[1] = 3;
    CHECK_FAILS(r.learner->act(r.agent, obs, chosen), PP_ERR_ARGUMENT, "component 1");
    CHECK_FAILS(ppi_agent_train_setup(r.agent, 1, 1), PP_ERR_UNSUPPORTED, "train a2c --env");
    ppi_agent_destroy(r.agent);
    free(r.options);
    free(r.legal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),           cmocka_unit_test(reaches_goals),
        cmocka_unit_test(paper_mode),       cmocka_unit_test(learns_from_planes),
        cmocka_unit_test(default_unroll),   cmocka_unit_test(plays),
        cmocka_unit_test(seldom_seen_pays), cmocka_unit_test(resumes),
        cmocka_unit_test(not_finite),       cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
