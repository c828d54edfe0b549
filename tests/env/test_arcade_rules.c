/* What all games share: the list and its sets, caps, repeated actions, steps after the end, bad
 * input; and the mean returns of random play. */
#include "env/arcade_test.h"

#include <math.h>

static void test_list(void **state) {
    (void)state;
    assert_int_equal(ppi_arcade_count, PPI_ARCADE_GAMES);
    assert_true(ppi_arcade_count >= 10);
    for (int g = 0; g < ppi_arcade_count; g++) {
        const char *id = table_at(g)->name;
        ppi_arcade_facts facts;
        assert_true(ppi_arcade_facts_at(&facts, g));
        assert_true(facts.good_score > facts.random_score);
        assert_true(facts.modes >= 1);
        assert_non_null(ppi_arcade_mode_text(id, facts.modes - 1));
        assert_null(ppi_arcade_mode_text(id, facts.modes));
        arcade a;
        open_mode(&a, id, 0);
        assert_string_equal(a.spec.id, id);
        assert_int_equal(a.spec.obs_type, PP_OBS_PLANES);
        assert_int_equal(a.spec.obs_bytes, a.spec.obs_h * a.spec.obs_w * a.spec.obs_c);
        assert_int_equal(a.spec.task_count, 1);
        assert_int_equal(a.spec.action_count, 18);
        assert_int_equal(table_at(g)->abi_version, PP_ENV_ABI_VERSION);
        arcade_close(&a);
    }
    ppi_arcade_facts facts;
    assert_false(ppi_arcade_facts_at(&facts, ppi_arcade_count));
    assert_false(ppi_arcade_facts_of(&facts, "arcade/tennis"));
    assert_null(ppi_arcade_mode_text("arcade/tennis", 0));
}

static void check_set(const char *set, const char *const *ids, int count) {
    char found[64][PP_ENV_ID_BYTES];
    int n = 0;
    ASSERT_OK(ppi_env_expand(found, 64, &n, set));
    assert_int_equal(n, count);
    for (int i = 0; i < count; i++) assert_string_equal(found[i], ids[i]);
}

static void test_sets(void **state) {
    (void)state;
    static const char *const k_five[] = {"arcade/breakout", "arcade/asterix", "arcade/freeway",
                                         "arcade/seaquest", "arcade/space_invaders"};
    static const char *const k_new[] = {"arcade/snake", "arcade/pong"};
    check_set("@arcade5", k_five, 5);
    check_set("@arcade-new", k_new, 2);
    const char *all[PPI_ARCADE_GAMES];
    for (int g = 0; g < PPI_ARCADE_GAMES; g++) all[g] = table_at(g)->name;
    check_set("@arcade", all, PPI_ARCADE_GAMES);
}

static void test_caps(void **state) {
    (void)state;
    ppi_env_options options;
    ppi_env_options_default(&options);
    for (int g = 0; g < ppi_arcade_count; g++) {
        ppi_env env;
        pp_env_spec spec;
        ASSERT_OK(ppi_env_create(&env, table_at(g)->name, &options));
        env.vtable->describe(env.state, &spec);
        const bool rooms = strcmp(spec.id, "arcade/four_rooms") == 0;
        assert_int_equal(spec.max_steps, rooms ? 100 : 2500);
        assert_true(spec.sticky == (g < 5 ? 0.1 : 0.0));
        ppi_env_destroy(&env);
    }
    pp_env_config config = arcade_config("arcade/freeway");
    arcade a;
    config.max_steps = -1; /* the game's own */
    config.sticky = -1;
    arcade_open(&a, &config);
    assert_int_equal(a.spec.max_steps, 2500);
    assert_true(a.spec.sticky == 0.1);
    arcade_reset(&a, 1);
    for (int s = 1; s <= 2500; s++) {
        assert_false(arcade_ended(&a));
        arcade_play(&a, PPI_SUITE_N);
    }
    assert_int_equal(a.result.truncated, 1);
    assert_int_equal(a.result.terminated, 0);
    arcade_close(&a);
    config.max_steps = 0;
    arcade_open(&a, &config);
    arcade_reset(&a, 1);
    for (int s = 1; s <= 2501; s++) {
        assert_false(arcade_ended(&a));
        arcade_play(&a, PPI_SUITE_N);
    }
    assert_int_equal(a.result.truncated, 0);
    assert_int_equal(a.result.terminated, 1);
    arcade_close(&a);
}

/* Reaching the goal in the very step of the cap: terminated in the suite, both in parity mode. */
static void test_cap_and_goal(void **state) {
    (void)state;
    for (int parity = 0; parity < 2; parity++) {
        pp_env_config config = arcade_config("arcade/four_rooms");
        config.parity = parity;
        config.max_steps = 14; /* the shortest way from (4,1) to (8,9) */
        arcade a;
        arcade_open(&a, &config);
        arcade_reset(&a, 0);
        for (int s = 0; s < 14; s++) {
            assert_false(arcade_ended(&a));
            arcade_play(&a, s == 0 ? PPI_SUITE_U : s < 9 ? PPI_SUITE_R : PPI_SUITE_D);
        }
        assert_true(a.result.reward == 1.0);
        assert_int_equal(a.result.terminated, 1);
        assert_int_equal(a.result.truncated, parity);
        arcade_close(&a);
    }
}

/* A snake that never eats lives 4,000 steps; the reference calls that a terminal step. */
static void test_snake_limit(void **state) {
    (void)state;
    static const int32_t k_circle[4] = {PPI_SUITE_U, PPI_SUITE_R, PPI_SUITE_D, PPI_SUITE_L};
    pp_env_config config = arcade_config("arcade/snake");
    config.parity = 1;
    arcade a;
    arcade_open(&a, &config);
    assert_int_equal(a.spec.max_steps, 0);
    const double draws[3] = {5, 5, 0};
    ppi_arcade_script(a.env, draws, 3);
    arcade_reset(&a, PP_ENV_KEEP_SEED);
    for (int s = 0; s < 4000; s++) {
        assert_false(arcade_ended(&a));
        arcade_play(&a, k_circle[s % 4]);
    }
    assert_int_equal(a.result.terminated, 1);
    assert_int_equal(a.result.truncated, 0);
    arcade_close(&a);
}

/* A snake that eats always grows until the small board is full: a reward and the end. */
static void test_snake_fills_board(void **state) {
    (void)state;
    arcade a;
    open_mode(&a, "arcade/snake", 1);
    const double draws[3] = {0, 0, 0};
    ppi_arcade_script(a.env, draws, 3);
    arcade_reset(&a, PP_ENV_KEEP_SEED);
    double total = 0;
    for (int s = 1; s < 64; s++) {
        const int row = s / 8; /* along the rows, to and fro */
        const int32_t action = s % 8 == 0 ? PPI_SUITE_D : row % 2 == 0 ? PPI_SUITE_R : PPI_SUITE_L;
        /* The next fruit comes right on the way: the first free cell, or the last in odd rows. */
        const int next = s + 1;
        const int column = (next / 8) % 2 == 0 ? next % 8 : 7 - next % 8;
        double fruit = 0;
        for (int i = 0; i < next / 8 * 8 + column; i++) {
            const bool taken = a.obs[i * 4] || i == plane_cell(&a, 3);
            fruit += !taken;
        }
        ppi_arcade_script(a.env, &fruit, 1);
        assert_false(a.result.terminated);
        arcade_play(&a, action);
        total += a.result.reward;
    }
    assert_true(total == 63);
    assert_int_equal(a.result.terminated, 1);
    assert_int_equal(plane_cell(&a, 3), 0); /* no cell left for a fruit */
    arcade_close(&a);
}

static void test_sticky(void **state) {
    (void)state;
    for (int g = 0; g < ppi_arcade_count; g++) {
        pp_env_config config = arcade_config(table_at(g)->name);
        arcade a;
        config.sticky = 1.0; /* the no-op of the start for ever */
        arcade_open(&a, &config);
        arcade b;
        config.sticky = 0.0;
        arcade_open(&b, &config);
        arcade_reset(&a, 9);
        arcade_reset(&b, 9);
        const uint32_t drawn = ppi_arcade_run_of(b.env)->mt.next;
        for (int s = 0; s < 5; s++) {
            play_full(&a, a.spec.action_list[a.spec.min_actions - 1]);
            assert_int_equal(ppi_arcade_run_of(a.env)->last_action, PPI_SUITE_N);
            arcade_play(&b, PPI_SUITE_N);
        }
        /* Two outputs a step for MinAtar's games, none for the others. */
        const uint32_t now = ppi_arcade_run_of(b.env)->mt.next;
        assert_int_equal(now % 624, (drawn + (g < 5 ? 10 : 0)) % 624);
        arcade_close(&a);
        arcade_close(&b);
    }
}

/* The last action outlives a reset; in parity mode even a new seed. */
static void test_last_action_stays(void **state) {
    (void)state;
    for (int parity = 0; parity < 2; parity++) {
        pp_env_config config = arcade_config("arcade/breakout");
        config.parity = parity;
        config.sticky = 0.1;
        arcade a;
        arcade_open(&a, &config);
        arcade_reset(&a, 2);
        ppi_arcade_run_of(a.env)->last_action = PPI_SUITE_R;
        arcade_reset(&a, PP_ENV_KEEP_SEED);
        assert_int_equal(ppi_arcade_run_of(a.env)->last_action, PPI_SUITE_R);
        arcade_reset(&a, 2);
        assert_int_equal(ppi_arcade_run_of(a.env)->last_action, parity ? PPI_SUITE_R : PPI_SUITE_N);
        arcade_close(&a);
    }
}

/* Any of the 18 ids that a game does not list acts as the no-op. */
static void test_foreign_actions(void **state) {
    (void)state;
    for (int g = 0; g < ppi_arcade_count; g++) {
        arcade a;
        arcade b;
        open_mode(&a, table_at(g)->name, 0);
        open_mode(&b, table_at(g)->name, 0);
        for (int32_t full = 0; full < 18; full++) {
            bool listed = false;
            for (int i = 0; i < a.spec.min_actions; i++) listed |= a.spec.action_list[i] == full;
            if (listed) continue;
            arcade_reset(&a, 6);
            arcade_reset(&b, 6);
            for (int s = 0; s < 6; s++) {
                play_full(&a, full);
                play_full(&b, 0);
            }
            assert_memory_equal(a.obs, b.obs, (size_t)a.spec.obs_bytes);
        }
        arcade_close(&a);
        arcade_close(&b);
    }
}

static void test_step_after_end(void **state) {
    (void)state;
    for (int g = 0; g < ppi_arcade_count; g++) {
        pp_env_config config = arcade_config(table_at(g)->name);
        config.max_steps = 3;
        arcade a;
        arcade_open(&a, &config);
        arcade_reset(&a, 6);
        for (int s = 0; s < 3; s++) play_full(&a, 0);
        assert_true(a.result.truncated);
        const size_t size = (size_t)a.spec.obs_bytes;
        uint8_t shown[PPI_ARCADE_BOARD_BYTES];
        memcpy(shown, a.obs, size);
        for (int i = 0; i < a.spec.min_actions; i++) {
            play_full(&a, a.spec.action_list[i]);
            assert_true(a.result.truncated);
            assert_true(a.result.reward == 0.0);
            assert_int_equal(a.result.frames, 0);
            assert_memory_equal(shown, a.obs, size);
        }
        arcade_reset(&a, PP_ENV_KEEP_SEED);
        assert_false(arcade_ended(&a));
        arcade_close(&a);
    }
}

static int32_t create_fails(const pp_env_config *config, char *text, size_t size) {
    void *env = (void *)text;
    pp_env_error error = {{0}};
    const int32_t status = arcade_table(config->id)->create(&env, config, &error);
    assert_null(env);
    snprintf(text, size, "%s", error.text);
    return status;
}

static void test_errors(void **state) {
    (void)state;
    for (int g = 0; g < ppi_arcade_count; g++) {
        char text[1024];
        pp_env_config config = arcade_config(table_at(g)->name);
        config.mode = 7;
        assert_int_equal(create_fails(&config, text, sizeof(text)), PP_ERR_ARGUMENT);
        assert_non_null(strstr(text, "not 7"));
        assert_non_null(strstr(text, config.id));
        config = arcade_config(table_at(g)->name);
        config.view = "rgb";
        assert_int_equal(create_fails(&config, text, sizeof(text)), PP_ERR_ARGUMENT);
        assert_non_null(strstr(text, "planes and grey84, not 'rgb'"));
        config = arcade_config(table_at(g)->name);
        config.sticky = NAN;
        assert_int_equal(create_fails(&config, text, sizeof(text)), PP_ERR_ARGUMENT);
        assert_non_null(strstr(text, "sticky"));
        config = arcade_config(table_at(g)->name);
        config.max_steps = -2;
        assert_int_equal(create_fails(&config, text, sizeof(text)), PP_ERR_ARGUMENT);
        config = arcade_config(table_at(g)->name);
        config.parity = 1;
        config.sticky = 0.3;
        if (g >= 5) {
            assert_int_equal(create_fails(&config, text, sizeof(text)), PP_ERR_ARGUMENT);
            assert_non_null(strstr(text, "parity"));
        }
        arcade a;
        open_mode(&a, table_at(g)->name, 0);
        assert_int_equal(a.table->step(a.env, 0, NULL, &a.result, &a.error), PP_ERR_ARGUMENT);
        assert_non_null(strstr(a.error.text, "before its reset"));
        assert_int_equal(a.table->observe(a.env, a.obs, &a.error), PP_OK);
        for (int i = 0; i < a.spec.obs_bytes; i++) assert_int_equal(a.obs[i], 0);
        arcade_reset(&a, 0);
        assert_int_equal(a.table->step(a.env, 18, NULL, &a.result, &a.error), PP_ERR_ARGUMENT);
        assert_non_null(strstr(a.error.text, "action 18"));
        assert_int_equal(a.table->step(a.env, -1, NULL, &a.result, &a.error), PP_ERR_ARGUMENT);
        uint64_t needed = 0;
        uint8_t small[8];
        assert_int_equal(a.table->save_state(a.env, small, 8, &needed, &a.error), PP_ERR_ARGUMENT);
        assert_true(needed > 8);
        arcade_close(&a);
    }
}

/* Published or measured means of uniform play, with their standard errors. */
typedef struct mean_row {
    const char *id;
    bool six; /* all six actions instead of the minimal list */
    double sticky;
    int32_t mode;
    int32_t cap;
    int episodes;
    double mean;
    double error;
} mean_row;

static const mean_row k_means[] = {
    {"arcade/breakout", false, 0.1, 0, 2500, 4000, 0.387, 0.007},
    {"arcade/asterix", false, 0.1, 0, 2500, 4000, 0.497, 0.009},
    {"arcade/freeway", false, 0.1, 0, 2500, 200, 0.390, 0.020},
    {"arcade/seaquest", false, 0.1, 0, 2500, 4000, 0.105, 0.004},
    {"arcade/space_invaders", false, 0.1, 0, 2500, 2000, 4.084, 0.033},
    {"arcade/catch", false, 0.0, 0, 2500, 20000, -0.603, 0.003},
    {"arcade/snake", false, 0.0, 0, 2500, 5000, 0.104, 0.005},
    {"arcade/2048", false, 0.0, 0, 2500, 500, 1128, 17},
    {"arcade/four_rooms", false, 0.0, 0, 100, 3000, 0.034, 0.003},
    {"arcade/four_rooms", false, 0.0, 1, 100, 2000, 0.238, 0.010},
    {"arcade/pong", false, 0.0, 0, 2500, 1000, -3.14, 0.08},
    {"arcade/breakout", true, 0.1, 0, 2500, 4000, 0.498, 0.007},
    {"arcade/asterix", true, 0.1, 0, 2500, 4000, 0.499, 0.009},
    {"arcade/freeway", true, 0.1, 0, 2500, 200, 0.124, 0.011},
    {"arcade/seaquest", true, 0.1, 0, 2500, 4000, 0.105, 0.004},
    {"arcade/space_invaders", true, 0.1, 0, 2500, 2000, 2.847, 0.023},
};

static double episode_return(arcade *a, bool six, uint64_t seed, ppi_mt19937 *choice) {
    double total = 0;
    arcade_reset(a, seed);
    while (!arcade_ended(a)) {
        if (six) {
            arcade_play(a, (int32_t)ppi_mt19937_below(choice, 6));
        } else {
            const uint32_t i = ppi_mt19937_below(choice, (uint32_t)a->spec.min_actions);
            play_full(a, a->spec.action_list[i]);
        }
        total += a->result.reward;
    }
    return total;
}

static void test_random_means(void **state) {
    (void)state;
    for (size_t r = 0; r < sizeof(k_means) / sizeof(k_means[0]); r++) {
        const mean_row *row = &k_means[r];
        pp_env_config config = arcade_config(row->id);
        config.sticky = row->sticky;
        config.mode = row->mode;
        config.max_steps = row->cap;
        arcade a;
        arcade_open(&a, &config);
        ppi_mt19937 choice;
        ppi_mt19937_seed(&choice, 77);
        double sum = 0;
        double squares = 0;
        for (int e = 0; e < row->episodes; e++) {
            const double total = episode_return(&a, row->six, (uint64_t)(1000 + e), &choice);
            sum += total;
            squares += total * total;
        }
        arcade_close(&a);
        const double n = row->episodes;
        const double mean = sum / n;
        const double variance = (squares / n - mean * mean) / n;
        const double error = sqrt(variance + row->error * row->error);
        if (!(fabs(mean - row->mean) <= 3 * error)) {
            fail_msg("%s%s mode %d: mean %g, expected %g, 3 standard errors are %g", row->id,
                     row->six ? " (six actions)" : "", row->mode, mean, row->mean, 3 * error);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_cap_and_goal),
        cmocka_unit_test(test_snake_limit),
        cmocka_unit_test(test_snake_fills_board),
        cmocka_unit_test(test_sticky),
        cmocka_unit_test(test_last_action_stays),
        cmocka_unit_test(test_foreign_actions),
        cmocka_unit_test(test_step_after_end),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_random_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
