/* Dark rooms: movement, payment rules, views, starts, and the returns of known policies. */
#include "env/builtin_test.h"

enum { NOOP, UP, RIGHT, DOWN, LEFT };

static void test_specification(void **state) {
    (void)state;
    static const struct {
        env_choice choice;
        int side, length, parts;
        int64_t tasks;
    } rows[] = {
        {{.id = "dark/room"}, 9, 20, 2, 81},
        {{.id = "dark/room-hard", .view = "cells"}, 17, 20, 2, 289},
        {{.id = "dark/key-to-door"}, 9, 50, 2, 6561},
        {{.id = "dark/key-to-door", .view = "cells-key"}, 9, 50, 3, 6561},
        {{.id = "dark/key-to-door", .view = "cells-time"}, 9, 50, 4, 6561},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        env_choice choice = rows[i].choice;
        choice.task = rows[i].tasks - 1;
        ppi_env env = open_env(choice);
        pp_env_spec spec;
        env.vtable->describe(env.state, &spec);
        assert_string_equal(spec.id, choice.id);
        assert_int_equal(spec.obs_type, PP_OBS_CELLS);
        assert_int_equal(spec.obs_h * spec.obs_w, 1);
        assert_int_equal(spec.obs_c, rows[i].parts);
        assert_int_equal(spec.obs_bytes, rows[i].parts);
        const int32_t high[4] = {rows[i].side - 1, rows[i].side - 1, 1, rows[i].length};
        assert_memory_equal(spec.obs_high, high, (size_t)rows[i].parts * sizeof(high[0]));
        assert_int_equal(spec.action_count, 5);
        assert_string_equal(spec.action_names[RIGHT], "RIGHT");
        assert_int_equal(spec.max_steps, rows[i].length);
        assert_true(spec.reward_min == 0 && spec.reward_max == 1);
        assert_true(spec.task_count == rows[i].tasks && spec.task == rows[i].tasks - 1);
        ppi_env_destroy(&env);
    }
}

static void test_movement(void **state) {
    (void)state;
    ppi_env env = open_env((env_choice){.id = "dark/room", .task = 0});
    static const struct {
        int32_t action;
        uint8_t row, column;
    } walk[] = {
        {NOOP, 4, 4},  {UP, 3, 4},    {RIGHT, 3, 5}, {RIGHT, 3, 6},
        {RIGHT, 3, 7}, {RIGHT, 3, 8}, {RIGHT, 3, 8}, /* the wall */
        {DOWN, 4, 8},  {DOWN, 5, 8},  {DOWN, 6, 8},  {DOWN, 7, 8},
        {DOWN, 8, 8},  {DOWN, 8, 8},  {LEFT, 8, 7},
    };
    uint8_t obs[2];
    start(&env, 1, obs);
    assert_true(obs[0] == 4 && obs[1] == 4);
    for (size_t i = 0; i < sizeof(walk) / sizeof(walk[0]); i++) {
        play(&env, walk[i].action, obs);
        assert_int_equal(obs[0], walk[i].row);
        assert_int_equal(obs[1], walk[i].column);
    }
    start(&env, 1, obs);
    for (int i = 0; i < 10; i++) play(&env, i % 2 == 0 ? UP : LEFT, obs);
    assert_true(obs[0] == 0 && obs[1] == 0);
    assert_true(play(&env, UP, obs).reward == 1); /* bumping at the goal stays there */
    ppi_env_destroy(&env);
}

static void test_room_pays_every_step(void **state) {
    (void)state;
    ppi_env env = open_env((env_choice){.id = "dark/room", .task = 4 * 9 + 5});
    start(&env, 1, NULL);
    assert_true(play(&env, NOOP, NULL).reward == 0);
    assert_true(play(&env, RIGHT, NULL).reward == 1);
    assert_true(play(&env, NOOP, NULL).reward == 1);
    assert_true(play(&env, UP, NULL).reward == 0);
    assert_true(play(&env, DOWN, NULL).reward == 1);
    ppi_env_destroy(&env);
    env = open_env((env_choice){.id = "dark/room", .task = 40});
    assert_true(episode(&env, 1, 5, NULL) == 20); /* the start cell pays from the first step */
    ppi_env_destroy(&env);
}

static void test_hard_pays_once(void **state) {
    (void)state;
    ppi_env env = open_env((env_choice){.id = "dark/room-hard", .task = 8 * 17 + 9});
    for (int e = 0; e < 2; e++) {
        start(&env, 1, NULL);
        assert_true(play(&env, RIGHT, NULL).reward == 1);
        assert_true(play(&env, NOOP, NULL).reward == 0);
        play(&env, LEFT, NULL);
        assert_true(play(&env, RIGHT, NULL).reward == 0);
    }
    ppi_env_destroy(&env);
    env = open_env((env_choice){.id = "dark/room-hard", .task = 8 * 17 + 8});
    start(&env, 1, NULL);
    assert_true(play(&env, NOOP, NULL).reward == 1);
    ppi_env_destroy(&env);
}

/* Moves to (row, column), asserts that nothing is paid before the last step; returns its reward. */
static double walk_to(ppi_env *env, uint8_t *obs, int row, int column) {
    double reward = 0;
    while (obs[0] != row || obs[1] != column) {
        assert_true(reward == 0);
        const int32_t action = obs[0] > row      ? UP
                               : obs[0] < row    ? DOWN
                               : obs[1] < column ? RIGHT
                                                 : LEFT;
        reward = play(env, action, obs).reward;
    }
    return reward;
}

static void test_key_to_door(void **state) {
    (void)state;
    /* Key at (0,0), door at (0,8). */
    ppi_env env = open_env((env_choice){.id = "dark/key-to-door", .view = "cells-time", .task = 8});
    uint8_t obs[4];
    start(&env, 3, obs);
    assert_true(obs[2] == 0 && obs[3] == 0);
    walk_to(&env, obs, 4, 8);
    assert_true(walk_to(&env, obs, 0, 8) == 0); /* the door without the key */
    walk_to(&env, obs, 1, 0);
    assert_true(obs[2] == 0);
    assert_true(walk_to(&env, obs, 0, 0) == 1);
    assert_true(obs[2] == 1);
    assert_true(play(&env, NOOP, obs).reward == 0); /* the key pays once */
    assert_true(walk_to(&env, obs, 0, 8) == 1);
    assert_true(play(&env, NOOP, obs).reward == 0); /* the door as well */
    int steps = obs[3];
    for (pp_env_result result = {0}; !result.terminated; steps++) {
        result = play(&env, NOOP, obs);
        assert_int_equal(obs[3], steps + 1);
    }
    assert_int_equal(steps, 50);
    start(&env, PP_ENV_KEEP_SEED, obs);
    assert_true(obs[2] == 0 && obs[3] == 0);
    ppi_env_destroy(&env);
}

static void test_key_in_door(void **state) {
    (void)state;
    ppi_env env = open_env((env_choice){.id = "dark/key-to-door", .task = 40 * 81 + 40});
    uint8_t obs[2];
    start(&env, 3, obs);
    walk_to(&env, obs, 5, 4);
    assert_true(play(&env, UP, obs).reward == 1);
    assert_true(play(&env, NOOP, obs).reward == 1); /* staying one step suffices */
    assert_true(play(&env, NOOP, obs).reward == 0);
    start(&env, 4, obs);
    walk_to(&env, obs, 5, 4);
    assert_true(play(&env, UP, obs).reward == 1);
    assert_true(play(&env, UP, obs).reward == 0);
    assert_true(play(&env, DOWN, obs).reward == 1); /* so does coming back */
    ppi_env_destroy(&env);
}

static void test_random_starts(void **state) {
    (void)state;
    enum { EPISODES = 16200, EACH = EPISODES / 81 };
    ppi_env env = open_env((env_choice){.id = "dark/key-to-door", .task = 5});
    ppi_env twin = open_env((env_choice){.id = "dark/key-to-door", .task = 6000});
    int count[81] = {0};
    uint8_t obs[2];
    uint8_t other[2];
    start(&env, 9, obs);
    start(&twin, 9, other);
    for (int i = 0; i < EPISODES; i++) {
        assert_memory_equal(obs, other, sizeof(obs)); /* starts depend on the seed alone */
        count[obs[0] * 9 + obs[1]]++;
        start(&env, PP_ENV_KEEP_SEED, obs);
        start(&twin, PP_ENV_KEEP_SEED, other);
    }
    double chi = 0;
    for (int c = 0; c < 81; c++) chi += (count[c] - EACH) * (double)(count[c] - EACH) / EACH;
    assert_true(chi < 80 + 3 * sqrt(160.0));
    uint8_t first[2];
    start(&env, 9, first);
    int differ = 0;
    for (uint64_t seed = 10; seed < 30; seed++) {
        start(&env, seed, obs);
        differ += memcmp(obs, first, sizeof(obs)) != 0;
    }
    assert_true(differ > 10);
    start(&env, 9, obs);
    assert_memory_equal(obs, first, sizeof(obs));
    ppi_env_destroy(&env);
    ppi_env_destroy(&twin);
}

/* Exact values of the uniformly random policy: 20 visits over 81 goals, and the chances of first
 * hits from the transition matrix of the walk. */
static void test_random_policy(void **state) {
    (void)state;
    assert_mean(play_many((env_choice){.id = "dark/room"}, 81, 100000, false), 20.0 / 81, 0);
    assert_mean(play_many((env_choice){.id = "dark/room-hard"}, 289, 100000, false), 0.0372854, 0);
    assert_mean(play_many((env_choice){.id = "dark/key-to-door"}, 6561, 100000, false), 0.2513392,
                0);
}

static void test_best_policy(void **state) {
    (void)state;
    double sum = 0;
    for (int64_t task = 0; task < 81; task++) {
        ppi_env env = open_env((env_choice){.id = "dark/room", .task = task});
        const double value = episode(&env, 1, 5, NULL);
        const int distance = abs((int)task / 9 - 4) + abs((int)task % 9 - 4);
        assert_true(value == (distance == 0 ? 20 : 21 - distance));
        sum += value;
        ppi_env_destroy(&env);
    }
    assert_true(sum == 1340); /* 16.54 for each goal */
    for (int64_t task = 0; task < 289; task++) {
        ppi_env env = open_env((env_choice){.id = "dark/room-hard", .task = task});
        assert_true(episode(&env, 1, 5, NULL) == 1);
        ppi_env_destroy(&env);
    }
    for (int64_t task = 0; task < 6561; task++) {
        ppi_env env = open_env((env_choice){.id = "dark/key-to-door", .task = task});
        assert_true(episode(&env, (uint64_t)task, 5, NULL) == 2);
        ppi_env_destroy(&env);
    }
}

static void test_saved_states(void **state) {
    (void)state;
    check_save_load((env_choice){.id = "dark/room", .task = 30}, 5, 2);
    check_save_load((env_choice){.id = "dark/room-hard", .task = 130}, 5, 2);
    check_save_load((env_choice){.id = "dark/key-to-door", .view = "cells-time", .task = 3300}, 5,
                    4);
    /* A state of another room is none of this one. */
    ppi_env room = open_env((env_choice){.id = "dark/room"});
    ppi_env hard = open_env((env_choice){.id = "dark/room-hard"});
    pp_env_error error = {{0}};
    uint8_t saved[256];
    uint64_t size = 0;
    start(&room, 1, NULL);
    assert_int_equal(room.vtable->save_state(room.state, saved, sizeof(saved), &size, &error),
                     PP_OK);
    assert_int_equal(hard.vtable->load_state(hard.state, saved, size, &error), PP_ERR_CORRUPT);
    ppi_env_destroy(&room);
    ppi_env_destroy(&hard);
}

static void test_errors(void **state) {
    (void)state;
    check_step_errors((env_choice){.id = "dark/room"}, 5, 20);
    check_step_errors((env_choice){.id = "dark/room-hard"}, 5, 20);
    check_step_errors((env_choice){.id = "dark/key-to-door"}, 5, 50);
    check_foreign_options("dark/room");
    assert_refused((env_choice){.id = "dark/room", .task = 81}, "dark/room", "0..80, not 81");
    assert_refused((env_choice){.id = "dark/room-hard", .task = 289}, "0..288", "not 289");
    assert_refused((env_choice){.id = "dark/key-to-door", .task = 6561}, "0..6560", "not 6561");
    assert_refused((env_choice){.id = "dark/room", .task = -1}, "0..80", "not -1");
    assert_refused((env_choice){.id = "dark/room", .mode = 1}, "mode", "not 1");
    assert_refused((env_choice){.id = "dark/room", .view = "cells-key"}, "view cells",
                   "'cells-key'");
    assert_refused((env_choice){.id = "dark/key-to-door", .view = "planes"}, "cells-time",
                   "'planes'");
    assert_refused((env_choice){.id = "dark/room", .reading = "b"}, "reading 'b'", "dark/room");
}

/* The agent's disc stands in its cell, the goal in its own. */
static void test_picture(void **state) {
    (void)state;
    ppi_env env = open_env((env_choice){.id = "dark/room", .task = 2});
    pp_env_spec spec;
    env.vtable->describe(env.state, &spec);
    assert_int_equal(spec.render_h, 180);
    uint8_t *rgb = malloc((size_t)(spec.render_h * spec.render_w * 3));
    pp_env_error error = {{0}};
    start(&env, 1, NULL);
    play(&env, LEFT, NULL);
    assert_int_equal(env.vtable->render(env.state, rgb, &error), PP_OK);
    const uint8_t *agent = rgb + 3 * ((4 * 20 + 10) * 180 + 3 * 20 + 10);
    const uint8_t *goal = rgb + 3 * (10 * 180 + 2 * 20 + 10);
    const uint8_t *left = rgb + 3 * ((4 * 20 + 10) * 180 + 4 * 20 + 10);
    assert_true(agent[0] > 200 && agent[1] > 200 && agent[2] > 200);
    assert_true(goal[1] > 2 * goal[0] && goal[1] > 100);
    assert_true(left[0] < 50 && left[1] < 50);
    free(rgb);
    ppi_env_destroy(&env);
}

static void test_no_script_elsewhere(void **state) {
    (void)state;
    ppi_env env = open_env((env_choice){.id = "arcade/catch"});
    assert_int_equal(ppi_scripted_action(&env), -1);
    ppi_env_destroy(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_specification),
        cmocka_unit_test(test_movement),
        cmocka_unit_test(test_room_pays_every_step),
        cmocka_unit_test(test_hard_pays_once),
        cmocka_unit_test(test_key_to_door),
        cmocka_unit_test(test_key_in_door),
        cmocka_unit_test(test_random_starts),
        cmocka_unit_test(test_random_policy),
        cmocka_unit_test(test_best_policy),
        cmocka_unit_test(test_saved_states),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_picture),
        cmocka_unit_test(test_no_script_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
