/* Bandits: the laws of their arms, payments, and the returns of a random and of the best arm. */
#include "env/builtin_test.h"

enum { ARMS = 10, PULLS = 100 };

/* Estimates the means of one task by many pulls of each arm. */
static void estimate(double *mean, env_choice choice, int episodes) {
    ppi_env env = open_env(choice);
    for (int arm = 0; arm < ARMS; arm++) {
        mean[arm] = 0;
        for (int e = 0; e < episodes; e++) {
            start(&env, e == 0 ? (uint64_t)arm : PP_ENV_KEEP_SEED, NULL);
            for (int i = 0; i < PULLS; i++) mean[arm] += play(&env, arm, NULL).reward;
        }
        mean[arm] /= episodes * PULLS;
    }
    ppi_env_destroy(&env);
}

static void test_specification(void **state) {
    (void)state;
    static const char *const ids[] = {"bandit/train", "bandit/odd", "bandit/even",
                                      "bandit/uniform"};
    for (int i = 0; i < 4; i++) {
        ppi_env env = open_env((env_choice){.id = ids[i], .task = 1ll << 52});
        pp_env_spec spec;
        env.vtable->describe(env.state, &spec);
        assert_string_equal(spec.id, ids[i]);
        assert_int_equal(spec.obs_type, PP_OBS_CELLS);
        assert_int_equal(spec.obs_bytes, 1);
        assert_int_equal(spec.obs_high[0], 0);
        assert_int_equal(spec.action_count, ARMS);
        assert_string_equal(spec.action_names[9], "ARM9");
        assert_int_equal(spec.max_steps, PULLS);
        assert_true(spec.task_count == 0 && spec.task == 1ll << 52);
        assert_true(spec.reward_min == 0 && spec.reward_max == 1);
        uint8_t obs = 9;
        start(&env, 1, &obs);
        assert_int_equal(obs, 0);
        for (int s = 0; s < 20; s++) {
            obs = 9;
            play(&env, s % ARMS, &obs);
            assert_int_equal(obs, 0);
        }
        ppi_env_destroy(&env);
    }
}

/* Share of bandits whose best arm is odd. In reading a 95 % have good arms of the favoured parity;
 * in reading b all have, and the best of five means of .95 u is below the best of .05 u rarely. */
static double odd_best(const char *id, const char *reading) {
    enum { BANDITS = 4000 };
    int odd = 0;
    for (int64_t task = 0; task < BANDITS; task++) {
        ppi_env env = open_env((env_choice){.id = id, .reading = reading, .task = task});
        odd += ppi_scripted_action(&env) % 2;
        ppi_env_destroy(&env);
    }
    return (double)odd / BANDITS;
}

static void assert_share(double got, double expected) {
    if (fabs(got - expected) > 3 * sqrt(expected * (1 - expected) / 4000)) {
        fail_msg("share %.4f, expected %.4f", got, expected);
    }
}

static void test_laws(void **state) {
    (void)state;
    assert_share(odd_best("bandit/train", "a"), 0.95);
    assert_true(odd_best("bandit/odd", NULL) == odd_best("bandit/train", "a"));
    assert_share(odd_best("bandit/even", "a"), 0.05);
    assert_share(odd_best("bandit/uniform", NULL), 0.5);
    assert_true(odd_best("bandit/train", "b") > 0.999);
    assert_true(odd_best("bandit/even", "b") < 0.001);
}

static void test_means(void **state) {
    (void)state;
    for (int64_t task = 0; task < 20; task++) {
        double mean[ARMS];
        estimate(mean, (env_choice){.id = "bandit/train", .task = task}, 20);
        ppi_env env = open_env((env_choice){.id = "bandit/train", .task = task});
        const int best = ppi_scripted_action(&env);
        for (int arm = 0; arm < ARMS; arm++) {
            const bool good = arm % 2 == best % 2;
            assert_true(mean[arm] > (good ? 0.45 : -1) && mean[arm] < (good ? 2 : 0.55));
            assert_true(mean[arm] < mean[best] + 0.05);
        }
        ppi_env_destroy(&env);
        double narrow[ARMS];
        estimate(narrow, (env_choice){.id = "bandit/train", .reading = "b", .task = task}, 20);
        for (int arm = 0; arm < ARMS; arm += 2) assert_true(narrow[arm] < 0.07);
    }
}

/* The task fixes the arms, the seed what they pay. */
static void test_task_and_seed(void **state) {
    (void)state;
    uint8_t pays[3][PULLS];
    const struct {
        const char *id;
        int64_t task;
        uint64_t seed;
    } runs[3] = {{"bandit/train", 5, 1}, {"bandit/odd", 5, 1}, {"bandit/train", 5, 2}};
    for (int r = 0; r < 3; r++) {
        ppi_env env = open_env((env_choice){.id = runs[r].id, .task = runs[r].task});
        start(&env, runs[r].seed, NULL);
        for (int i = 0; i < PULLS; i++) pays[r][i] = (uint8_t)play(&env, i % ARMS, NULL).reward;
        ppi_env_destroy(&env);
    }
    assert_memory_equal(pays[0], pays[1], PULLS); /* the same law and numbers */
    assert_memory_not_equal(pays[0], pays[2], PULLS);
    double mean[2][ARMS];
    estimate(mean[0], (env_choice){.id = "bandit/uniform", .task = 5}, 20);
    estimate(mean[1], (env_choice){.id = "bandit/uniform", .task = 6}, 20);
    double distance = 0;
    for (int arm = 0; arm < ARMS; arm++) distance += fabs(mean[0][arm] - mean[1][arm]);
    assert_true(distance > 0.5);
}

/* The rows "random" and "always best arm" of the reference table, which has one decimal. */
static void test_returns(void **state) {
    (void)state;
    static const struct {
        env_choice choice;
        double random, best;
    } rows[] = {
        {{.id = "bandit/train"}, 50.0, 91.6},
        {{.id = "bandit/train", .reading = "b"}, 25.0, 79.2},
        {{.id = "bandit/even"}, 50.0, 91.6},
        {{.id = "bandit/uniform"}, 49.9, 90.9},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_mean(play_many(rows[i].choice, 0, 20000, false), rows[i].random, 0.05);
        assert_mean(play_many(rows[i].choice, 0, 20000, true), rows[i].best, 0.05);
    }
}

static void test_saved_states(void **state) {
    (void)state;
    check_save_load((env_choice){.id = "bandit/even", .reading = "b", .task = 12}, ARMS, 1);
    ppi_env a = open_env((env_choice){.id = "bandit/train"});
    ppi_env b = open_env((env_choice){.id = "bandit/train", .reading = "b"});
    pp_env_error error = {{0}};
    uint8_t saved[256];
    uint64_t size = 0;
    start(&a, 1, NULL);
    assert_int_equal(a.vtable->save_state(a.state, saved, sizeof(saved), &size, &error), PP_OK);
    assert_int_equal(b.vtable->load_state(b.state, saved, size, &error), PP_ERR_CORRUPT);
    ppi_env_destroy(&a);
    ppi_env_destroy(&b);
}

static void test_errors(void **state) {
    (void)state;
    check_step_errors((env_choice){.id = "bandit/train"}, ARMS, PULLS);
    check_foreign_options("bandit/train");
    assert_refused((env_choice){.id = "bandit/train", .reading = "c"}, "readings a and b", "'c'");
    assert_refused((env_choice){.id = "bandit/odd", .view = "planes"}, "view cells", "'planes'");
    assert_refused((env_choice){.id = "bandit/even", .mode = 2}, "bandit/even", "not 2");
    assert_refused((env_choice){.id = "bandit/train", .task = -3}, "task -3", "negative");
}

/* A bar is as high as its pulls; what paid is green. */
static void test_picture(void **state) {
    (void)state;
    ppi_env env = open_env((env_choice){.id = "bandit/train", .task = 1});
    pp_env_spec spec;
    env.vtable->describe(env.state, &spec);
    uint8_t *rgb = malloc((size_t)(spec.render_h * spec.render_w * 3));
    pp_env_error error = {{0}};
    start(&env, 1, NULL);
    int won = 0;
    for (int i = 0; i < 60; i++) won += (int)play(&env, 3, NULL).reward;
    assert_int_equal(env.vtable->render(env.state, rgb, &error), PP_OK);
    int green = 0;
    int grey = 0;
    for (int y = 0; y < spec.render_h; y++) {
        const uint8_t *p = rgb + 3 * (y * spec.render_w + 3 * spec.render_w / ARMS + 10);
        green += p[1] > 150 && p[0] < 100;
        grey += p[0] == 120 && p[1] == 124;
    }
    /* The mark of the mean, two rows, may hide a part; the ground line is grey. */
    assert_true(green <= won && green >= won - 2);
    assert_true(grey <= 61 - won && grey >= 59 - won);
    free(rgb);
    ppi_env_destroy(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_specification), cmocka_unit_test(test_laws),
        cmocka_unit_test(test_means),         cmocka_unit_test(test_task_and_seed),
        cmocka_unit_test(test_returns),       cmocka_unit_test(test_saved_states),
        cmocka_unit_test(test_errors),        cmocka_unit_test(test_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
