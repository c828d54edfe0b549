/* What no reference covers: modes, caps, repeated actions, saving, bad input, painting, and the
 * mean returns of random play. */
#include "env/arcade_test.h"

#include <math.h>

static const pp_env_vtable *table_at(int game) {
    return ppi_arcade_vtables[game];
}

static int32_t value(arcade *a, const char *name) {
    const int32_t *number = ppi_arcade_number(a->env, name);
    if (number == NULL) fail_msg("%s has no number %s", a->spec.id, name);
    return number == NULL ? 0 : *number;
}

static void open_mode(arcade *a, const char *id, int32_t mode) {
    pp_env_config config = arcade_config(id);
    config.mode = mode;
    arcade_open(a, &config);
}

static int32_t uniform_action(const arcade *a, uint32_t *x) {
    return a->spec.action_list[next_value(x) % (uint32_t)a->spec.min_actions];
}

static void play_full(arcade *a, int32_t full) {
    assert_int_equal(a->table->step(a->env, full, a->obs, &a->result, &a->error), PP_OK);
}

static void test_list(void **state) {
    (void)state;
    assert_int_equal(ppi_arcade_count, 10);
    for (int g = 0; g < ppi_arcade_count; g++) {
        const char *id = table_at(g)->name;
        ppi_arcade_facts facts;
        assert_true(ppi_arcade_facts_at(&facts, g));
        assert_true(facts.good_score > facts.random_score);
        assert_true(facts.modes >= 3);
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
    char found[16][PP_ENV_ID_BYTES];
    int n = 0;
    ASSERT_OK(ppi_env_expand(found, 16, &n, set));
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

/* Plays n and returns the number of the first step after which `name` differs from `was`. */
static int first_change(arcade *a, const char *name, int32_t action) {
    const int32_t was = value(a, name);
    for (int s = 1; s <= 200; s++) {
        arcade_play(a, action);
        if (value(a, name) != was) return s;
    }
    return 0;
}

static void test_breakout_modes(void **state) {
    (void)state;
    arcade a;
    for (int mode = 0; mode < 2; mode++) {
        open_mode(&a, "arcade/breakout", mode);
        arcade_reset(&a, 3);
        int bricks = 0;
        for (int i = 0; i < 100; i++) bricks += a.obs[i * 4 + 3];
        assert_int_equal(bricks, mode == 1 ? 50 : 30);
        assert_int_equal(value(&a, "ball_y"), mode == 1 ? 6 : 3);
        arcade_close(&a);
    }
    open_mode(&a, "arcade/breakout", 2);
    arcade_reset(&a, 3);
    for (int s = 1; s <= 4; s++) {
        arcade_play(&a, PPI_SUITE_R);
        assert_int_equal(value(&a, "paddle"), 4 + s / 2);
    }
    arcade_close(&a);
}

/* Number of things in the first eleven spawns of Asterix that are gold, over many seeds. */
static double gold_share(int32_t mode) {
    arcade a;
    open_mode(&a, "arcade/asterix", mode);
    int gold = 0;
    int all = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        arcade_reset(&a, seed);
        for (int s = 1; s <= 11; s++) arcade_play(&a, PPI_SUITE_N);
        gold += plane_cell(&a, 3) >= 0;
        all += plane_cell(&a, 3) >= 0 || plane_cell(&a, 1) >= 0;
    }
    assert_int_equal(all, 2000);
    arcade_close(&a);
    return (double)gold / all;
}

static void test_asterix_modes(void **state) {
    (void)state;
    arcade a;
    open_mode(&a, "arcade/asterix", 2);
    arcade_reset(&a, 1);
    for (int s = 1; s <= 7; s++) {
        assert_int_equal(plane_cell(&a, 1) >= 0 || plane_cell(&a, 3) >= 0, 0);
        arcade_play(&a, PPI_SUITE_N);
    }
    assert_true(plane_cell(&a, 1) >= 0 || plane_cell(&a, 3) >= 0);
    assert_int_equal(value(&a, "spawn_speed"), 6);
    assert_int_equal(value(&a, "move_speed"), 3);
    arcade_close(&a);
    assert_float_equal(gold_share(0), 1.0 / 3, 0.04);
    assert_float_equal(gold_share(3), 1.0 / 6, 0.04);
}

/* Steps between two moves of the car in row 1, whose speed |v| goes to *speed. */
static int car_period(arcade *a, int *speed) {
    int moved = 0;
    int last = 0;
    int32_t at = -1;
    for (int s = 1; s <= 40 && moved < 3; s++) {
        arcade_play(a, PPI_SUITE_N);
        int32_t x = 0;
        while (!a->obs[(10 + x) * 7 + 1]) x++;
        if (at >= 0 && x != at && ++moved < 3) last = s;
        if (moved == 3) moved = s - last + 100;
        at = x;
    }
    for (int v = 1; v <= 5; v++) {
        for (int x = 0; x < 10; x++) {
            if (a->obs[(10 + x) * 7 + 1 + v]) *speed = v;
        }
    }
    return moved - 100;
}

static void test_freeway_modes(void **state) {
    (void)state;
    arcade a;
    for (int mode = 0; mode < 2; mode++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            int speed = 0;
            open_mode(&a, "arcade/freeway", mode);
            arcade_reset(&a, seed);
            const int period = car_period(&a, &speed);
            assert_int_equal(period, mode == 0 ? speed + 1 : speed);
            arcade_close(&a);
        }
    }
    for (int mode = 0; mode <= 2; mode += 2) {
        const int delay = mode == 0 ? 3 : 5;
        open_mode(&a, "arcade/freeway", mode);
        arcade_reset(&a, 4);
        assert_int_equal(first_change(&a, "chicken", PPI_SUITE_U), delay + 1);
        assert_int_equal(first_change(&a, "chicken", PPI_SUITE_U), delay);
        arcade_close(&a);
    }
}

static void test_seaquest_modes(void **state) {
    (void)state;
    arcade a;
    open_mode(&a, "arcade/seaquest", 2);
    arcade_reset(&a, 0);
    int step = 0;
    while (plane_cell(&a, 5) < 0 && plane_cell(&a, 6) < 0 && step < 100) {
        arcade_play(&a, PPI_SUITE_N);
        step++;
    }
    assert_int_equal(step, 13);
    assert_int_equal(value(&a, "move_speed"), 3);
    arcade_close(&a);
    /* Diving at once, the air is gone after as many steps as there is oxygen. */
    open_mode(&a, "arcade/seaquest", 3);
    arcade_reset(&a, 0);
    assert_int_equal(value(&a, "oxygen"), 120);
    for (int x = 0; x < 10; x++) assert_int_equal(a.obs[(90 + x) * 10 + 7], 1);
    for (int s = 1; s <= 60; s++) {
        arcade_play(&a, PPI_SUITE_D);
        ppi_arcade_run_of(a.env)->terminated = 0;
    }
    assert_int_equal(value(&a, "oxygen"), 60);
    for (int x = 0; x < 10; x++) assert_int_equal(a.obs[(90 + x) * 10 + 7], x < 5);
    arcade_close(&a);
}

static void test_invaders_modes(void **state) {
    (void)state;
    arcade a;
    for (int mode = 0; mode <= 3; mode++) {
        open_mode(&a, "arcade/space_invaders", mode);
        arcade_reset(&a, 0);
        int moved = 0;
        int shot = 0;
        for (int s = 1; s <= 14; s++) {
            arcade_play(&a, PPI_SUITE_N);
            ppi_arcade_run_of(a.env)->terminated = 0; /* a shot may hit */
            if (moved == 0 && a.obs[(0 * 10 + 1) * 6 + 1]) moved = s;
            if (shot == 0 && plane_cell(&a, 5) >= 0) shot = s;
        }
        assert_int_equal(moved, mode == 2 ? 9 : 13);
        assert_int_equal(shot, mode == 3 ? 6 : 11);
        arcade_close(&a);
    }
}

static void test_snake_modes(void **state) {
    (void)state;
    arcade a;
    open_mode(&a, "arcade/snake", 1);
    assert_int_equal(a.spec.obs_h, 8);
    assert_int_equal(a.spec.obs_w, 8);
    arcade_reset(&a, 0);
    for (int s = 0; s < 8; s++) arcade_play(&a, PPI_SUITE_U);
    assert_true(a.result.terminated); /* the wall */
    arcade_close(&a);
    open_mode(&a, "arcade/snake", 2);
    arcade_reset(&a, 0);
    for (int s = 0; s < 30; s++) arcade_play(&a, PPI_SUITE_U);
    assert_false(a.result.terminated);
    arcade_close(&a);
}

/* Without a direction of its own the snake goes on, and starts with the first valid one. */
static void test_snake_goes_on(void **state) {
    (void)state;
    arcade a;
    open_mode(&a, "arcade/snake", 0);
    for (uint64_t seed = 0; seed < 30; seed++) {
        arcade_reset(&a, seed);
        const int32_t row = value(&a, "head_row");
        const int32_t column = value(&a, "head_column");
        arcade_play(&a, PPI_SUITE_F);
        assert_int_equal(value(&a, "head_row"), row > 0 ? row - 1 : 0);
        assert_int_equal(value(&a, "head_column"), row > 0 ? column : column + 1);
        if (column == 0 || row == 0) continue;
        arcade_play(&a, PPI_SUITE_L);
        arcade_play(&a, PPI_SUITE_N);
        assert_int_equal(value(&a, "head_column"), column - 2);
    }
    arcade_close(&a);
}

/* Returns the share of fours among the new tiles of uniform play. */
static double share_of_fours(int32_t mode) {
    arcade a;
    open_mode(&a, "arcade/2048", mode);
    int fours = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        arcade_reset(&a, seed);
        fours += plane_cell(&a, 2) >= 0;
    }
    arcade_close(&a);
    return fours / 2000.0;
}

static void test_2048_modes(void **state) {
    (void)state;
    assert_float_equal(share_of_fours(0), 0.1, 0.02);
    assert_float_equal(share_of_fours(1), 0.5, 0.04);
    arcade a;
    open_mode(&a, "arcade/2048", 2);
    assert_int_equal(a.spec.obs_h, 3);
    assert_int_equal(a.spec.obs_w, 3);
    arcade_reset(&a, 0);
    uint32_t x = 5;
    int steps = 0;
    while (!a.result.terminated && steps < 2000) {
        play_full(&a, uniform_action(&a, &x));
        steps++;
    }
    assert_true(a.result.terminated);
    assert_true(steps > 9);
    for (int i = 0; i < 9; i++) assert_int_equal(a.obs[i * 18], 0); /* full */
    const uint8_t corner = a.obs[1];
    arcade_play(&a, PPI_SUITE_L);
    assert_int_equal(a.obs[1], corner);
    arcade_close(&a);
    /* Other actions change nothing and end nothing. */
    open_mode(&a, "arcade/2048", 0);
    arcade_reset(&a, 0);
    uint8_t before[4 * 4 * 18];
    memcpy(before, a.obs, sizeof(before));
    arcade_play(&a, PPI_SUITE_N);
    arcade_play(&a, PPI_SUITE_F);
    assert_memory_equal(before, a.obs, sizeof(before));
    arcade_close(&a);
}

static void test_four_rooms_modes(void **state) {
    (void)state;
    arcade a;
    arcade mirrored;
    open_mode(&a, "arcade/four_rooms", 0);
    open_mode(&mirrored, "arcade/four_rooms", 3);
    arcade_reset(&a, 0);
    arcade_reset(&mirrored, 0);
    assert_int_equal(plane_cell(&a, 1), 4 * 13 + 1);
    assert_int_equal(plane_cell(&a, 2), 8 * 13 + 9);
    int walls = 0;
    for (int r = 0; r < 13; r++) {
        for (int c = 0; c < 13; c++) {
            assert_int_equal(a.obs[(r * 13 + c) * 3], mirrored.obs[(r * 13 + 12 - c) * 3]);
            walls += a.obs[(r * 13 + c) * 3];
        }
    }
    assert_int_equal(walls, 169 - 104);
    arcade_play(&a, PPI_SUITE_L); /* into the wall */
    assert_int_equal(plane_cell(&a, 1), 4 * 13 + 1);
    arcade_close(&a);
    arcade_close(&mirrored);
    /* A failing move is uniform over all four: 4/9 fail, 1/9 each way. Down is free at the start.
     */
    open_mode(&a, "arcade/four_rooms", 2);
    int down = 0;
    int tried = 0;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        arcade_reset(&a, seed);
        const int32_t at = plane_cell(&a, 1);
        if (a.obs[(at + 13) * 3]) continue;
        arcade_play(&a, PPI_SUITE_D);
        tried++;
        down += plane_cell(&a, 1) == at + 13;
    }
    assert_float_equal((double)down / tried, 6.0 / 9, 0.03);
    arcade_close(&a);
}

static void test_pong_modes(void **state) {
    (void)state;
    for (int mode = 0; mode <= 3; mode++) {
        arcade a;
        open_mode(&a, "arcade/pong", mode);
        int largest_error = 0;
        int fastest = 0;
        for (uint64_t seed = 0; seed < 200; seed++) {
            arcade_reset(&a, seed);
            assert_int_equal(abs(value(&a, "speed_x")), mode == 3 ? 16 : 12);
            const int error = abs(value(&a, "error"));
            largest_error = error > largest_error ? error : largest_error;
            const int32_t was = value(&a, "opponent");
            arcade_play(&a, PPI_SUITE_N);
            const int move = abs(value(&a, "opponent") - was);
            fastest = move > fastest ? move : fastest;
        }
        assert_int_equal(largest_error, mode == 1 ? 10 : 20);
        assert_int_equal(fastest, mode == 1 ? 8 : 6);
        int cells = 0;
        for (int i = 0; i < 196; i++) cells += a.obs[i * 4] + a.obs[i * 4 + 1];
        assert_int_equal(cells, mode == 2 ? 4 : 6);
        arcade_close(&a);
    }
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
        uint8_t shown[1024];
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

/* Checksum of the next 200 steps of uniform play. */
static uint32_t future(arcade *a, uint32_t x) {
    uint32_t crc = 0;
    for (int s = 0; s < 200; s++) {
        play_full(a, uniform_action(a, &x));
        const double reward = a->result.reward;
        crc = ppi_crc32(crc, a->obs, (size_t)a->spec.obs_bytes);
        crc = ppi_crc32(crc, &reward, sizeof(reward));
        if (arcade_ended(a)) arcade_reset(a, PP_ENV_KEEP_SEED);
    }
    return crc;
}

enum { STATE_BYTES = 8192 };

static uint64_t save(arcade *a, uint8_t *bytes) {
    uint64_t size = 0;
    assert_int_equal(a->table->save_state(a->env, bytes, STATE_BYTES, &size, &a->error), PP_OK);
    return size;
}

static int32_t load(arcade *a, const uint8_t *bytes, uint64_t size) {
    return a->table->load_state(a->env, bytes, size, &a->error);
}

static void check_save(const char *id, int32_t mode) {
    pp_env_config config = arcade_config(id);
    config.mode = mode;
    config.sticky = 0.2;
    config.max_steps = 90;
    arcade a;
    arcade b;
    arcade_open(&a, &config);
    arcade_open(&b, &config);
    arcade_reset(&a, 11);
    future(&a, 13);
    uint8_t bytes[STATE_BYTES];
    uint8_t again[STATE_BYTES];
    const uint64_t size = save(&a, bytes);
    const uint32_t expected = future(&a, 17);
    assert_int_equal(load(&a, bytes, size), PP_OK);
    assert_int_equal(future(&a, 17), expected);
    assert_int_equal(load(&b, bytes, size), PP_OK); /* another instance */
    assert_int_equal(save(&b, again), size);
    assert_memory_equal(bytes, again, size);
    assert_int_equal(future(&b, 17), expected);
    arcade_close(&a);
    arcade_close(&b);
}

static void test_save(void **state) {
    (void)state;
    for (int g = 0; g < ppi_arcade_count; g++) {
        ppi_arcade_facts facts;
        assert_true(ppi_arcade_facts_at(&facts, g));
        for (int m = 0; m < facts.modes; m++) check_save(table_at(g)->name, m);
    }
}

/* Bytes changed at random are either refused, or make a state that can be played and shown. */
static void test_damaged_states(void **state) {
    (void)state;
    for (int g = 0; g < ppi_arcade_count; g++) {
        arcade a;
        open_mode(&a, table_at(g)->name, 0);
        arcade_reset(&a, 11);
        future(&a, 13);
        uint8_t bytes[STATE_BYTES];
        uint8_t damaged[STATE_BYTES];
        const uint64_t size = save(&a, bytes);
        const uint64_t tail = 2600; /* all but the head and the generator */
        uint32_t x = 23;
        int refused = 0;
        for (int i = 0; i < 400; i++) {
            memcpy(damaged, bytes, size);
            const uint64_t from = i % 2 == 0 || size < tail ? 0 : tail;
            const uint64_t at = from + next_value(&x) % (size - from);
            damaged[at] ^= (uint8_t)(1 + next_value(&x) % 255);
            if (load(&a, damaged, size) != PP_OK) {
                refused++;
                assert_non_null(strstr(a.error.text, table_at(g)->name));
                continue;
            }
            future(&a, x);
            assert_int_equal(load(&a, bytes, size), PP_OK);
        }
        assert_true(refused > 0);
        assert_int_equal(load(&a, bytes, size - 1), PP_ERR_CORRUPT);
        arcade b;
        open_mode(&b, table_at((g + 1) % ppi_arcade_count)->name, 0);
        assert_int_equal(load(&b, bytes, size), PP_ERR_CORRUPT);
        arcade_close(&b);
        open_mode(&b, table_at(g)->name, 1);
        assert_int_equal(load(&b, bytes, size), PP_ERR_CORRUPT);
        arcade_close(&b);
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

/* Painting cell by cell, layer by layer. */
static void paint_slowly(uint8_t *grey, const arcade *a, const ppi_arcade_game *game) {
    const int h = a->spec.obs_h;
    const int w = a->spec.obs_w;
    const int side = 84 / (h > w ? h : w);
    memset(grey, 0, 84 * 84);
    for (int l = 0; l < game->n_layers; l++) {
        const ppi_paint_layer *layer = &game->layers[l];
        for (int i = 0; i < h * w * side * side; i++) {
            const int cell = i / (side * side);
            const int y = i % (side * side) / side;
            const int x = i % side;
            if (!a->obs[cell * a->spec.obs_c + layer->plane]) continue;
            if (layer->part == PPI_PAINT_UPPER && y >= side / 2) continue;
            if (layer->part == PPI_PAINT_LOWER && y < side / 2) continue;
            const int row = (84 - side * h) / 2 + cell / w * side + y;
            const int column = (84 - side * w) / 2 + cell % w * side + x;
            grey[row * 84 + column] = layer->level;
        }
    }
}

static const ppi_arcade_game *const k_games[] = {
#define PPI_ARCADE_GAME(name) &ppi_arcade_##name,
#include "env/arcade/games.def"
#undef PPI_ARCADE_GAME
};

static void test_painting(void **state) {
    (void)state;
    for (int g = 0; g < ppi_arcade_count; g++) {
        for (int m = 0; m < k_games[g]->n_modes; m++) {
            ppi_painter painter;
            arcade a;
            open_mode(&a, table_at(g)->name, m);
            assert_true(ppi_arcade_painter(&painter, table_at(g)->name, m));
            uint32_t x = 29;
            for (int round = 0; round < 20; round++) {
                uint8_t slow[84 * 84];
                uint8_t fast[84 * 84];
                /* Boards that no play shows: every plane with chance 1/8. */
                for (int i = 0; i < a.spec.obs_bytes; i++) a.obs[i] = next_value(&x) % 8 == 0;
                paint_slowly(slow, &a, k_games[g]);
                memset(fast, 7, sizeof(fast));
                ppi_painter_grey(&painter, fast, a.obs);
                assert_memory_equal(slow, fast, sizeof(slow));
            }
            arcade_close(&a);
        }
    }
    ppi_painter painter;
    assert_false(ppi_arcade_painter(&painter, "arcade/pong", 4));
    assert_false(ppi_arcade_painter(&painter, "arcade/tennis", 0));
}

/* The colour picture has the layout of the grey one at twice the size. */
static void test_render(void **state) {
    (void)state;
    static uint8_t rgb[168 * 168 * 3];
    static uint8_t grey[84 * 84];
    for (int g = 0; g < ppi_arcade_count; g++) {
        ppi_painter painter;
        arcade a;
        open_mode(&a, table_at(g)->name, 0);
        arcade_reset(&a, 3);
        assert_int_equal(a.spec.render_h, 168);
        assert_int_equal(a.table->render(a.env, rgb, &a.error), PP_OK);
        assert_true(ppi_arcade_painter(&painter, a.spec.id, 0));
        ppi_painter_grey(&painter, grey, a.obs);
        const ppi_arcade_game *game = k_games[g];
        const int side = 2 * painter.side;
        for (int i = 0; i < 168 * 168; i++) {
            const uint8_t level = grey[i / 168 / 2 * 84 + i % 168 / 2];
            const int row = i / 168 - 2 * painter.top;
            const int column = i % 168 - 2 * painter.left;
            const uint8_t *expected = painter.rgb[0];
            if (level == 0) continue;
            for (int l = 0; l < game->n_layers; l++) {
                const bool gap = row % side == side - 1 || column % side == side - 1;
                if (!gap && game->layers[l].level == level) expected = game->layers[l].rgb;
            }
            assert_memory_equal(rgb + 3 * i, expected, 3);
        }
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
        cmocka_unit_test(test_breakout_modes),
        cmocka_unit_test(test_asterix_modes),
        cmocka_unit_test(test_freeway_modes),
        cmocka_unit_test(test_seaquest_modes),
        cmocka_unit_test(test_invaders_modes),
        cmocka_unit_test(test_snake_modes),
        cmocka_unit_test(test_snake_goes_on),
        cmocka_unit_test(test_2048_modes),
        cmocka_unit_test(test_four_rooms_modes),
        cmocka_unit_test(test_pong_modes),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_snake_limit),
        cmocka_unit_test(test_snake_fills_board),
        cmocka_unit_test(test_sticky),
        cmocka_unit_test(test_last_action_stays),
        cmocka_unit_test(test_foreign_actions),
        cmocka_unit_test(test_step_after_end),
        cmocka_unit_test(test_save),
        cmocka_unit_test(test_damaged_states),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_painting),
        cmocka_unit_test(test_render),
        cmocka_unit_test(test_random_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
