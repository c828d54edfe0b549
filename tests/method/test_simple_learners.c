/* ucb, qtable and noise: their curves against the table of published recipes, states that continue
   a run exactly, play after training, and what they refuse. */
#include "method/learner_test.h"

#include "base/mem.h"
#include "method/online.h"

/* ---- ucb ---- */

typedef struct ucb_row {
    const char *env, *reading, *option;
    double total; /* over 100 pulls; the reference is a simulation rounded to 0.1 */
} ucb_row;
static const ucb_row ucb_rows[] = {
    {"bandit/train", "a", "ucb.c=2", 64.1},    {"bandit/train", "a", "ucb.c=0.3", 76.1},
    {"bandit/train", "b", "ucb.c=2", 44.8},    {"bandit/train", "b", "ucb.c=0.3", 62.6},
    {"bandit/uniform", NULL, "ucb.c=2", 63.4}, {"bandit/uniform", NULL, "ucb.c=0.3", 75.4},
};

static void ucb_totals(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ucb_rows / sizeof ucb_rows[0]; i++) {
        const char *const options[] = {ucb_rows[i].option, NULL};
        const rig_config c = {.method = "ucb",
                              .env = ucb_rows[i].env,
                              .reading = ucb_rows[i].reading,
                              .options = options,
                              .many_tasks = true,
                              .streams = 3000,
                              .total = 300000,
                              .seed = 5};
        rig r = rig_open(&c);
        rig_play(&r, 300000);
        double error = 0;
        assert_int_equal(r.episodes, 3000);
        assert_int_equal(r.learner->updates(r.agent), 300000);
        const double mean = rig_mean(&r, &error);
        if (getenv("PP_SHOW") != NULL)
            printf("%s %s %s: %.2f +- %.2f, expected %.1f\n", c.env, options[0],
                   c.reading ? c.reading : "", mean, error, ucb_rows[i].total);
        CHECK_NEAR(mean, ucb_rows[i].total, 4 * error + 0.1);
        rig_close(&r);
    }
}

/* Plays n episodes with the acting calls; returns the mean return. */
static double play(ppi_agent *agent, const rig_config *c, int n) {
    ppi_vec *vec = rig_vec(c, n);
    int32_t *actions = calloc((size_t)n, sizeof *actions);
    CHECK_OK(ppi_agent_act_begin(agent, n));
    const int64_t bytes = ppi_vec_obs_size(vec);
    for (int e = 0; e < n; e++)
        CHECK_OK(ppi_agent_act_reset(agent, e, ppi_vec_obs(vec) + e * bytes, (uint64_t)e));
    while (!ppi_vec_terminated(vec)[0]) {
        CHECK_OK(ppi_agent_act(agent, NULL, actions));
        CHECK_OK(ppi_vec_step(vec, actions, NULL));
        for (int e = 0; e < n; e++) {
            CHECK_OK(ppi_agent_observe(agent, e, actions[e], ppi_vec_reward(vec)[e],
                                       ppi_vec_obs(vec) + e * bytes));
        }
    }
    double sum = 0;
    for (int e = 0; e < n; e++) sum += ppi_vec_episode_return(vec)[e];
    ppi_vec_destroy(vec);
    free(actions);
    return sum / n;
}

/* In play every episode is a bandit that has to be explored anew. */
static void ucb_plays(void **state) {
    (void)state;
    const rig_config c = {
        .method = "ucb", .env = "bandit/train", .many_tasks = true, .total = 100, .seed = 5};
    rig r = rig_open(&c);
    CHECK_NEAR(play(r.agent, &c, 600), 76.1, 3.0);
    CHECK_NEAR(play(r.agent, &c, 600), 76.1, 3.0);
    rig_close(&r);
}

/* ---- qtable ---- */

typedef struct curve_row {
    const char *size;
    int64_t episodes;
    double at[3]; /* mean return around 25, 50 and 75 % of the history, and of its last 5 % */
    double end;
} curve_row;
/* Reference: simulations of the same recipes, given to about one digit. */
static const curve_row curves[] = {
    {"headless", 200, {1.7, 6.8, 13}, 16.45},
    {"small", 500, {2.1, 7.4, 13.3}, 16.45},
    {"slow", 2000, {2.2, 7.4, 13.3}, 16.5},
};

/* Mean return of 81 histories, one a goal, in 20 equal parts. */
static void history_curve(const rig_config *base, int64_t episodes, double part[20]) {
    for (int p = 0; p < 20; p++) part[p] = 0;
    for (int64_t goal = 0; goal < 81; goal++) {
        rig_config c = *base;
        c.task = goal;
        c.seed = base->seed + (uint64_t)goal;
        c.total = episodes * 20;
        rig r = rig_open(&c);
        for (int p = 0; p < 20; p++) {
            rig_play(&r, c.total / 20);
            part[p] += rig_mean(&r, NULL) / 81;
        }
        rig_close(&r);
    }
}

/* A mean of 81 histories of one goal each has a standard error of about 0.15 in the middle. */
static void qtable_curves(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        const rig_config c = {
            .method = "qtable", .size = curves[i].size, .env = "dark/room", .seed = 3};
        double part[20];
        history_curve(&c, curves[i].episodes, part);
        if (getenv("PP_SHOW") != NULL)
            printf("%s %d: %.2f / %.2f / %.2f / %.2f / %.2f\n", curves[i].size,
                   (int)curves[i].episodes, part[0], (part[4] + part[5]) / 2,
                   (part[9] + part[10]) / 2, (part[14] + part[15]) / 2, part[19]);
        CHECK_NEAR(part[0], 0.27, 0.12);
        CHECK_NEAR((part[4] + part[5]) / 2, curves[i].at[0], 0.6);
        CHECK_NEAR((part[9] + part[10]) / 2, curves[i].at[1], 0.8);
        CHECK_NEAR((part[14] + part[15]) / 2, curves[i].at[2], 0.9);
        CHECK_NEAR(part[19], curves[i].end, 0.25);
    }
}

/* The table after training walks to the goal on the shortest way. */
static void qtable_plays(void **state) {
    (void)state;
    const rig_config c = {
        .method = "qtable", .env = "dark/room", .task = 2 * 9 + 5, .total = 20000, .seed = 4};
    rig r = rig_open(&c);
    rig_play(&r, c.total);
    CHECK_NEAR(play(r.agent, &c, 10), 21 - 3, 1e-9);
    rig_close(&r);
}

/* With "terminal" the last step of an episode is worth its reward alone. */
static void qtable_targets(void **state) {
    (void)state;
    static const struct {
        const char *end;
        uint8_t terminated, truncated;
        double q; /* of the step, from 0 with lr 0.5, reward 1, gamma 0.9, Q = 4 behind */
    } rows[] = {
        {"qtable.end=bootstrap", 0, 0, 0.5 * (1 + 0.9 * 4)},
        {"qtable.end=bootstrap", 1, 0, 0.5 * (1 + 0.9 * 2)},
        {"qtable.end=terminal", 1, 0, 0.5},
        {"qtable.end=terminal", 0, 1, 0.5 * (1 + 0.9 * 2)},
        {"qtable.end=terminal", 0, 0, 0.5 * (1 + 0.9 * 4)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const options[] = {rows[i].end, NULL};
        const rig_config c = {
            .method = "qtable", .env = "dark/room", .options = options, .total = 1000};
        rig r = rig_open(&c);
        float *q = ppi_agent_params(r.agent)->master;
        const uint8_t obs[2] = {4, 4}, next[2] = {3, 4}, final[2] = {5, 4};
        q[(3 * 9 + 4) * 5 + 2] = 4;
        q[(5 * 9 + 4) * 5 + 1] = 2;
        const double reward = 1;
        const int32_t action = 1;
        const ppi_learn_step step = {.obs = obs,
                                     .action = &action,
                                     .reward = &reward,
                                     .terminated = &rows[i].terminated,
                                     .truncated = &rows[i].truncated,
                                     .next_obs = next,
                                     .final_obs = final};
        CHECK_OK(r.learner->step(r.agent, &step, &r.metrics));
        CHECK_NEAR((double)q[(4 * 9 + 4) * 5 + 1], rows[i].q, 1e-6);
        rig_close(&r);
    }
}

static void qtable_refuses(void **state) {
    (void)state;
    const rig_config c = {.method = "qtable", .env = "arcade/catch"};
    ppi_vec *vec = rig_vec(&c, 1);
    void *options = NULL;
    const ppi_agent_config a = rig_agent_config(&c, ppi_vec_spec(vec, 0), &options);
    ppi_agent *agent = NULL;
    CHECK_FAILS(ppi_agent_create(&agent, &a), PP_ERR_UNSUPPORTED, "small integers");
    assert_null(agent);
    free(options);
    ppi_vec_destroy(vec);
}

/* ---- noise ---- */

typedef struct noise_row {
    const char *env;
    const char *start; /* eps throughout */
    double expected;   /* mean return over all goals */
    double tolerance;
} noise_row;
static const noise_row noise_rows[] = {
    {"dark/room", "1", 0.25, 0.05},       {"dark/room", "0.7", 2.6, 0.25},
    {"dark/room", "0.5", 6.3, 0.35},      {"dark/room", "0.2", 12.9, 0.35},
    {"dark/room", "0", 16.54, 0.01},      {"dark/key-to-door", "1", 0.25, 0.03},
    {"dark/key-to-door", "0.8", 1, 0.06}, {"dark/key-to-door", "0.5", 1.93, 0.04},
};

static void noise_levels(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof noise_rows / sizeof noise_rows[0]; i++) {
        char start[32];
        char floor_[32];
        snprintf(start, sizeof start, "noise.start=%s", noise_rows[i].start);
        snprintf(floor_, sizeof floor_, "noise.floor=%s", noise_rows[i].start);
        const char *const options[] = {start, floor_, NULL};
        const bool room = strcmp(noise_rows[i].env, "dark/room") == 0;
        const rig_config c = {.method = "noise",
                              .env = noise_rows[i].env,
                              .options = options,
                              .many_tasks = true,
                              .streams = room ? 81 : 6561,
                              .total = 1000000,
                              .seed = 2};
        rig r = rig_open(&c);
        rig_play(&r, room ? 81 * 20 * 60 : 6561 * 50);
        const double mean = rig_mean(&r, NULL);
        if (getenv("PP_SHOW") != NULL)
            printf("%s eps %s: %.3f, expected %.2f\n", c.env, noise_rows[i].start, mean,
                   noise_rows[i].expected);
        CHECK_NEAR(mean, noise_rows[i].expected, noise_rows[i].tolerance);
        rig_close(&r);
    }
}

/* The figure of eps follows floor + (start - floor)(1 - x^power). */
static void noise_anneals(void **state) {
    (void)state;
    const char *const options[] = {"noise.floor=0.2", "noise.fraction=0.5", "noise.power=2", NULL};
    const rig_config c = {
        .method = "noise", .env = "dark/room", .options = options, .total = 1000, .seed = 2};
    rig r = rig_open(&c);
    rig_play(&r, 250);
    assert_string_equal(r.metrics.item[0].name, "charts/epsilon");
    CHECK_NEAR(r.metrics.item[0].value, 0.2 + 0.8 * (1 - 0.25), 1e-12);
    rig_play(&r, 250);
    CHECK_NEAR(r.metrics.item[0].value, 0.2, 1e-12);
    rig_play(&r, 250);
    CHECK_NEAR(r.metrics.item[0].value, 0.2, 1e-12);
    rig_close(&r);
}

/* The recipe of the room with a key: half of the best return in the middle of the history, not
   before, and nearly all of it at the end. */
static void noise_key_to_door(void **state) {
    (void)state;
    const rig_config c = {.method = "noise",
                          .size = "key-to-door",
                          .env = "dark/key-to-door",
                          .many_tasks = true,
                          .streams = 656,
                          .total = 656 * 50 * 20,
                          .seed = 2};
    rig r = rig_open(&c);
    double part[20];
    for (int p = 0; p < 20; p++) {
        rig_play(&r, 656 * 50);
        part[p] = rig_mean(&r, NULL);
    }
    CHECK_NEAR(part[0], 0.26, 0.1);
    CHECK_NEAR((part[9] + part[10]) / 2, 1.13, 0.15);
    CHECK_NEAR(part[19], 1.95, 0.05);
    rig_close(&r);
}

/* eps 1 with wrong actions never does what the script says. */
static void noise_wrong(void **state) {
    (void)state;
    const char *const options[] = {"noise.floor=1", "noise.wrong=on", NULL};
    const rig_config c = {.method = "noise",
                          .env = "dark/room",
                          .task = 40,
                          .options = options,
                          .total = 1000,
                          .seed = 2};
    rig r = rig_open(&c);
    int seen[5] = {0};
    for (int i = 0; i < 400; i++) {
        rig_step(&r);
        assert_int_not_equal(r.action[0], r.expert[0]);
        seen[r.action[0]]++;
    }
    for (int k = 0; k < 5; k++) assert_true(seen[k] > 10);
    rig_close(&r);
}

static void noise_refuses(void **state) {
    (void)state;
    const rig_config c = {.method = "noise", .env = "dark/room", .total = 1000};
    rig r = rig_open(&c);
    CHECK_FAILS(r.learner->act(r.agent, ppi_vec_obs(r.vec), r.action), PP_ERR_ARGUMENT,
                "scripted policy");
    r.expert[0] = 7;
    CHECK_FAILS(r.learner->advise(r.agent, r.expert), PP_ERR_ARGUMENT, "action 7 of stream 0");
    CHECK_FAILS(ppi_agent_act_begin(r.agent, 1), PP_ERR_UNSUPPORTED, "can only collect");
    rig_close(&r);
}

/* ---- what all share ---- */

/* A run saved in the middle and continued by another agent is the run without a break. */
static void resumes(void **state) {
    (void)state;
    static const char *const methods[] = {"ucb", "qtable", "noise"};
    for (int i = 0; i < 3; i++) {
        const rig_config c = {.method = methods[i],
                              .env = i == 0 ? "bandit/train" : "dark/room",
                              .task = 22,
                              .streams = 2,
                              .total = 4000,
                              .seed = 9};
        rig a = rig_open(&c);
        rig b = rig_open(&c);
        rig_play(&a, 2000);
        ppi_buf saved = {0};
        CHECK_OK(a.learner->save(a.agent, &saved));
        CHECK_OK(b.learner->load(b.agent, saved.data, saved.len));
        ppi_params *from = ppi_agent_params(a.agent);
        if (from->total > 0)
            memcpy(ppi_agent_params(b.agent)->master, from->master,
                   (size_t)from->total * sizeof *from->master);
        for (int s = 0; s < 2; s++) {
            ppi_buf env = {0};
            CHECK_OK(ppi_vec_save_state(a.vec, s, &env));
            CHECK_OK(ppi_vec_load_state(b.vec, s, env.data, env.len));
            ppi_buf_free(&env);
        }
        for (int t = 0; t < 1000; t++) {
            rig_step(&a);
            rig_step(&b);
            assert_memory_equal(a.action, b.action, 2 * sizeof *a.action);
        }
        CHECK_FAILS(b.learner->load(b.agent, saved.data, saved.len - 1), PP_ERR_CORRUPT,
                    methods[i]);
        ppi_buf_free(&saved);
        rig_close(&a);
        rig_close(&b);
    }
}

static void not_from_data(void **state) {
    (void)state;
    const rig_config c = {.method = "qtable", .env = "dark/room", .total = 1000};
    rig r = rig_open(&c);
    const ppi_io_tensor *io = NULL;
    int n = 0;
    CHECK_FAILS(ppi_agent_train_setup(r.agent, 1, 1), PP_ERR_UNSUPPORTED, "train qtable --env");
    CHECK_FAILS(ppi_agent_train_step(r.agent, NULL, 0, &r.metrics), PP_ERR_UNSUPPORTED,
                "learns while it plays");
    CHECK_FAILS(ppi_agent_forward_setup(r.agent, 1, &io, &n), PP_ERR_UNSUPPORTED, "qtable");
    CHECK_FAILS(ppi_agent_forward(r.agent), PP_ERR_UNSUPPORTED, "qtable");
    CHECK_FAILS(ppi_agent_act_begin(r.agent, 0), PP_ERR_ARGUMENT, "0 environments");
    CHECK_OK(ppi_agent_act_begin(r.agent, 1));
    CHECK_FAILS(ppi_agent_act_reset(r.agent, 1, r.obs, 0), PP_ERR_ARGUMENT, "environment 1 of 1");
    rig_close(&r);
}

static void setup_refuses(void **state) {
    (void)state;
    const rig_config c = {.method = "qtable", .env = "dark/room", .total = 1000};
    rig r = rig_open(&c);
    uint8_t legal[PP_ENV_ACTIONS] = {0};
    const int32_t game = 0;
    ppi_learn_setup s = {.streams = 1, .total_steps = 10, .game = &game, .legal = legal};
    CHECK_FAILS(r.learner->begin(r.agent, &s), PP_ERR_ARGUMENT, "no legal action");
    legal[9] = 1;
    CHECK_FAILS(r.learner->begin(r.agent, &s), PP_ERR_ARGUMENT, "action 9 of stream 0");
    s.streams = 0;
    CHECK_FAILS(r.learner->begin(r.agent, &s), PP_ERR_ARGUMENT, "0 streams");
    rig_close(&r);
}

/* Any allocation of a learner may fail: the failure is reported, and the next try does all. */
static void out_of_memory(void **state) {
    (void)state;
    static const char *const methods[] = {"ucb", "qtable", "noise", "a2c"};
    for (int i = 0; i < 4; i++) {
        const rig_config c = {
            .method = methods[i], .env = "dark/room", .streams = 4, .total = 1000, .seed = 1};
        rig r = rig_open(&c);
        const ppi_learn_setup setup = {.streams = 4,
                                       .total_steps = 1000,
                                       .game = r.game,
                                       .legal = r.legal,
                                       .seed = 1,
                                       .episode_steps = 20};
        pp_status s = PP_ERR_NO_MEMORY;
        int failures = 0;
        for (int64_t countdown = 1; s != PP_OK; countdown++) {
            ppi_agent *made = NULL;
            ppi_fault_set(PPI_FAULT_ALLOC, countdown);
            s = ppi_agent_create(&made, &r.agent->cfg);
            if (s == PP_OK) s = r.learner->begin(made, &setup);
            if (s == PP_OK && i != 2) s = ppi_agent_act_begin(made, 3);
            ppi_fault_clear();
            ppi_agent_destroy(made);
            if (s == PP_OK) break;
            assert_int_equal(s, PP_ERR_NO_MEMORY);
            failures++;
        }
        assert_true(failures > 3);
        rig_close(&r);
    }
}

/* Rows of observations: mixed radix there and back, and what is out of range. */
static void cells(void **state) {
    (void)state;
    const ppi_obs_spec o = {.h = 1, .w = 1, .c = 3, .type = PP_OBS_CELLS, .high = {8, 8, 1}};
    assert_int_equal(ppi_cells_count(&o, 1000), 162);
    assert_int_equal(ppi_cells_count(&o, 161), 0);
    for (int64_t row = 0; row < 162; row++) {
        uint8_t c[3];
        int64_t back = -1;
        ppi_cells_of_row(&o, row, c);
        CHECK_OK(ppi_cells_row(&o, c, &back));
        assert_int_equal(back, row);
    }
    const uint8_t last[3] = {8, 8, 1}, high[3] = {8, 9, 1};
    int64_t row = 0;
    CHECK_OK(ppi_cells_row(&o, last, &row));
    assert_int_equal(row, 161);
    CHECK_FAILS(ppi_cells_row(&o, high, &row), PP_ERR_ARGUMENT, "component 1");
    const ppi_obs_spec image = {.h = 8, .w = 8, .c = 1, .type = PP_OBS_IMAGE};
    assert_int_equal(ppi_cells_count(&image, 1000), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ucb_totals),     cmocka_unit_test(ucb_plays),
        cmocka_unit_test(qtable_curves),  cmocka_unit_test(qtable_plays),
        cmocka_unit_test(qtable_targets), cmocka_unit_test(qtable_refuses),
        cmocka_unit_test(noise_levels),   cmocka_unit_test(noise_anneals),
        cmocka_unit_test(noise_wrong),    cmocka_unit_test(noise_key_to_door),
        cmocka_unit_test(noise_refuses),  cmocka_unit_test(resumes),
        cmocka_unit_test(not_from_data),  cmocka_unit_test(setup_refuses),
        cmocka_unit_test(cells),          cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
