/* Watermaze: motion, contact with the platform, modes, what the renderer must show, and the success
 * of known policies. */
#include "env/builtin_test.h"

#include "base/hash.h"

enum {
    FORWARD,
    BACKWARD,
    STRAFE_LEFT,
    STRAFE_RIGHT,
    ROTATE_LEFT,
    ROTATE_RIGHT,
    FORWARD_LEFT,
    FORWARD_RIGHT,
    ACTIONS,
    H = 72,
    W = 96,
};

typedef struct pose {
    float at[2];
    float place[2];
    int32_t heading;
} pose;

static pose pose_of(const ppi_env *env) {
    pose p;
    ppi_watermaze_pose(env->state, p.at, &p.heading, p.place);
    return p;
}

/* A place that a walk along the axes does not touch: mode 2, the upper right corner. */
static const env_choice k_corner = {.id = "watermaze", .mode = 2, .task = 63};

static void assert_near(double got, double expected, double tolerance) {
    if (fabs(got - expected) > tolerance) {
        fail_msg("%.4f, expected %.4f", got, expected);
    }
}

static void test_specification(void **state) {
    (void)state;
    static const struct {
        env_choice choice;
        const char *view;
        int h, w;
        int64_t tasks;
    } rows[] = {
        {{.id = "watermaze", .task = 1ll << 52}, "72x96", 72, 96, 0},
        {{.id = "watermaze", .view = "24x32", .mode = 1}, "24x32", 24, 32, 0},
        {{.id = "watermaze", .mode = 2, .task = 63}, "72x96", 72, 96, 64},
        {{.id = "watermaze", .mode = 3, .task = 15}, "72x96", 72, 96, 16},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ppi_env env = open_env(rows[i].choice);
        pp_env_spec spec;
        env.vtable->describe(env.state, &spec);
        assert_string_equal(spec.id, "watermaze");
        assert_int_equal(spec.obs_type, PP_OBS_IMAGE);
        assert_int_equal(spec.obs_h, rows[i].h);
        assert_int_equal(spec.obs_w, rows[i].w);
        assert_int_equal(spec.obs_c, 3);
        assert_int_equal(spec.obs_bytes, rows[i].h * rows[i].w * 3);
        assert_int_equal(spec.action_count, ACTIONS);
        assert_string_equal(spec.action_names[FORWARD_RIGHT], "FORWARD_RIGHT");
        assert_int_equal(spec.max_steps, 50);
        assert_int_equal(spec.mode, rows[i].choice.mode);
        assert_true(spec.task == rows[i].choice.task && spec.task_count == rows[i].tasks);
        assert_string_equal(spec.view, rows[i].view);
        ppi_env_destroy(&env);
    }
}

static void test_motion(void **state) {
    (void)state;
    ppi_env env = open_env(k_corner);
    static const struct {
        int32_t action;
        float x, y;
        int32_t heading;
    } walk[] = {
        {FORWARD, 34, 0, 0},      {BACKWARD, 0, 0, 0},       {STRAFE_LEFT, 0, 34, 0},
        {STRAFE_RIGHT, 0, 0, 0},  {ROTATE_RIGHT, 0, 0, 15},  {ROTATE_LEFT, 0, 0, 0},
        {ROTATE_LEFT, 0, 0, 1},   {ROTATE_LEFT, 0, 0, 2},    {ROTATE_LEFT, 0, 0, 3},
        {FORWARD_LEFT, 0, 34, 4}, {STRAFE_RIGHT, 34, 34, 4}, {BACKWARD, 34, 0, 4},
        {STRAFE_LEFT, 0, 0, 4},
    };
    start(&env, 1, NULL);
    pose p = pose_of(&env);
    assert_true(p.at[0] == 0 && p.at[1] == 0 && p.heading == 0);
    for (size_t i = 0; i < sizeof(walk) / sizeof(walk[0]); i++) {
        play(&env, walk[i].action, NULL);
        p = pose_of(&env);
        assert_near(p.at[0], walk[i].x, 1e-4);
        assert_near(p.at[1], walk[i].y, 1e-4);
        assert_int_equal(p.heading, walk[i].heading);
    }
    /* The turn comes before the move. */
    play(&env, FORWARD_RIGHT, NULL);
    p = pose_of(&env);
    assert_near(p.at[0], 34 * 0.38268343, 1e-4);
    assert_near(p.at[1], 34 * 0.92387953, 1e-4);
    ppi_env_destroy(&env);
}

static void test_walls(void **state) {
    (void)state;
    ppi_env env = open_env(k_corner);
    start(&env, 1, NULL);
    for (int i = 0; i < 40; i++) play(&env, FORWARD, NULL);
    pose p = pose_of(&env);
    assert_near(p.at[0], 745, 1e-3);
    assert_near(p.at[1], 0, 1e-3);
    play(&env, STRAFE_LEFT, NULL); /* along the wall */
    p = pose_of(&env);
    assert_near(p.at[0], 745, 1e-3);
    assert_near(p.at[1], 34, 1e-3);
    /* Into a wall at an angle: the part along the wall is kept. */
    play(&env, FORWARD_LEFT, NULL);
    p = pose_of(&env);
    assert_near(p.at[0], 745, 1e-3);
    assert_near(p.at[1], 34 + 34 * 0.38268343, 1e-3);
    ppi_env_destroy(&env);
    /* Random walks from every mode stay inside the 16 walls. */
    uint32_t x = 5;
    for (int e = 0; e < 400; e++) {
        env = open_env((env_choice){.id = "watermaze", .task = e, .mode = e % 2});
        start(&env, (uint64_t)e, NULL);
        for (int i = 0; i < 50; i++) {
            play(&env, next_value(&x) % 3 == 0 ? (int32_t)(next_value(&x) % ACTIONS) : FORWARD,
                 NULL);
            p = pose_of(&env);
            for (int k = 0; k < 16; k++) {
                const double angle = k * 3.14159265358979 / 8;
                assert_true(p.at[0] * cos(angle) + p.at[1] * sin(angle) < 745.5);
            }
        }
        ppi_env_destroy(&env);
    }
}

/* Goes to the platform by the script; returns the step of the reward. */
static int reach(ppi_env *env, uint8_t *obs) {
    for (int i = 1; i <= 50; i++) {
        const pose before = pose_of(env);
        const double reward = play(env, ppi_scripted_action(env), obs).reward;
        const double distance =
            hypot(before.at[0] - before.place[0], before.at[1] - before.place[1]);
        if (reward == 1) {
            assert_true(distance < 79 + 34);
            return i;
        }
        assert_true(reward == 0);
        const pose after = pose_of(env);
        assert_true(hypot(after.at[0] - after.place[0], after.at[1] - after.place[1]) >= 79);
    }
    fail_msg("the script did not reach the platform");
    return 0;
}

static void test_contact(void **state) {
    (void)state;
    for (int64_t task = 0; task < 30; task++) {
        ppi_env env = open_env((env_choice){.id = "watermaze", .task = task});
        start(&env, 1, NULL);
        int steps = reach(&env, NULL);
        pose p = pose_of(&env);
        assert_true(p.at[0] == p.place[0] && p.at[1] == p.place[1]);
        pp_env_result result = {0};
        const int32_t heading = p.heading;
        for (int turns = 1; !result.terminated; turns++, steps++) {
            /* Pinned: moves do nothing, turns turn, nothing is paid. */
            result = play(&env, turns % 2 == 0 ? FORWARD : FORWARD_LEFT, NULL);
            assert_true(result.reward == 0);
            p = pose_of(&env);
            assert_true(p.at[0] == p.place[0] && p.at[1] == p.place[1]);
            assert_int_equal(p.heading, (heading + (turns + 1) / 2) % 16);
        }
        assert_int_equal(steps, 50);
        start(&env, PP_ENV_KEEP_SEED, NULL);
        p = pose_of(&env);
        assert_true(p.at[0] == 0 && p.at[1] == 0);
        ppi_env_destroy(&env);
    }
}

static void test_places(void **state) {
    (void)state;
    enum { DRAWS = 8000 };
    int inner = 0;
    int left = 0;
    for (int64_t task = 0; task < DRAWS; task++) {
        ppi_env env = open_env((env_choice){.id = "watermaze", .task = task, .mode = task % 2});
        const pose p = pose_of(&env);
        const double radius = hypot(p.place[0], p.place[1]);
        assert_true(radius <= 580);
        inner += radius < 580 * sqrt(0.5);
        left += p.place[0] < 0;
        ppi_env_destroy(&env);
    }
    /* Uniform in the disc: half of the area lies within its radius / sqrt 2. */
    assert_near(inner, DRAWS / 2, 3 * sqrt(DRAWS / 4));
    assert_near(left, DRAWS / 2, 3 * sqrt(DRAWS / 4));
    /* The same number is the same place in modes 0 and 1. */
    ppi_env a = open_env((env_choice){.id = "watermaze", .task = 9});
    ppi_env b = open_env((env_choice){.id = "watermaze", .task = 9, .mode = 1});
    assert_true(pose_of(&a).place[0] == pose_of(&b).place[0]);
    ppi_env_destroy(&a);
    ppi_env_destroy(&b);
    for (int64_t task = 0; task < 64; task++) {
        ppi_env env = open_env((env_choice){.id = "watermaze", .task = task, .mode = 2});
        const pose p = pose_of(&env);
        assert_near(p.place[0], ((int)task % 8 - 3.5) * 116, 1e-3);
        assert_near(p.place[1], ((int)task / 8 - 3.5) * 116, 1e-3);
        ppi_env_destroy(&env);
    }
    for (int64_t task = 0; task < 16; task++) {
        ppi_env env = open_env((env_choice){.id = "watermaze", .task = task, .mode = 3});
        const pose p = pose_of(&env);
        assert_near(hypot(p.place[0], p.place[1]), 300, 1e-3);
        ppi_env_destroy(&env);
    }
}

static void test_headings(void **state) {
    (void)state;
    int count[16] = {0};
    ppi_env env = open_env((env_choice){.id = "watermaze", .mode = 1});
    start(&env, 3, NULL);
    for (int i = 0; i < 1600; i++) {
        count[pose_of(&env).heading]++;
        start(&env, PP_ENV_KEEP_SEED, NULL);
    }
    for (int k = 0; k < 16; k++) {
        assert_near(count[k], k % 2 == 0 ? 200 : 0, k % 2 == 0 ? 45 : 0);
    }
    start(&env, 8, NULL);
    const int32_t first = pose_of(&env).heading;
    start(&env, 8, NULL);
    assert_int_equal(pose_of(&env).heading, first);
    ppi_env_destroy(&env);
    env = open_env((env_choice){.id = "watermaze"});
    for (uint64_t seed = 0; seed < 20; seed++) {
        start(&env, seed, NULL);
        assert_int_equal(pose_of(&env).heading, 0);
    }
    ppi_env_destroy(&env);
}

static bool is_colour(const uint8_t *pixel, int r, int g, int b) {
    return pixel[0] == r && pixel[1] == g && pixel[2] == b;
}

#define SKY(p)   is_colour(p, 165, 222, 251)
#define WALL(p)  is_colour(p, 57, 113, 166)
#define WATER(p) is_colour(p, 102, 150, 209)

/* Colours of the panels by bearing in steps of 45 degrees. */
static const uint8_t k_panel[8][3] = {{176, 240, 16}, {144, 16, 16},  {80, 16, 208},
                                      {16, 240, 208}, {240, 176, 16}, {16, 112, 240},
                                      {208, 16, 16},  {176, 16, 208}};

/* Pixels in columns from..to-1 whose channels are within `near` of the colour of a panel. Small
 * pictures mix the colour with its outlines. */
static int count_panel(const uint8_t *obs, int h, int w, int near, int panel, int from, int to) {
    int count = 0;
    for (int y = 0; y < h; y++) {
        for (int x = from; x < to; x++) {
            const uint8_t *p = obs + 3 * (y * w + x);
            const uint8_t *c = k_panel[panel];
            count +=
                abs(p[0] - c[0]) <= near && abs(p[1] - c[1]) <= near && abs(p[2] - c[2]) <= near;
        }
    }
    return count;
}

/* The panel with most pixels in those columns, -1 for none. */
static int main_panel(const uint8_t *obs, int h, int w, int near, int from, int to) {
    int best = -1;
    int most = 0;
    for (int panel = 0; panel < 8; panel++) {
        const int count = count_panel(obs, h, w, near, panel, from, to);
        if (count > most) {
            most = count;
            best = panel;
        }
    }
    return best;
}

/* From the centre each multiple of 45 degrees shows its panel in the middle, the next one
 * counter-clockwise at the left edge, the one before at the right edge, walls between them:
 * lime | magenta | red at 315 degrees. */
static void test_panels(void **state) {
    (void)state;
    static const struct {
        const char *view;
        int h, w, near;
    } rows[2] = {{"72x96", 72, 96, 0}, {"24x32", 24, 32, 31}};
    for (int v = 0; v < 2; v++) {
        ppi_env env =
            open_env((env_choice){.id = "watermaze", .view = rows[v].view, .mode = 2, .task = 63});
        const int h = rows[v].h;
        const int w = rows[v].w;
        const int near = rows[v].near;
        uint8_t *obs = malloc((size_t)(h * w * 3));
        start(&env, 1, obs);
        for (int k = 0; k < 8; k++) {
            assert_int_equal(main_panel(obs, h, w, near, 0, w / 8), (k + 1) % 8);
            assert_int_equal(main_panel(obs, h, w, near, w / 8, 3 * w / 8), -1);
            assert_int_equal(main_panel(obs, h, w, near, 3 * w / 8, 5 * w / 8), k);
            assert_int_equal(main_panel(obs, h, w, near, 5 * w / 8, 7 * w / 8), -1);
            assert_int_equal(main_panel(obs, h, w, near, 7 * w / 8, w), (k + 7) % 8);
            play(&env, ROTATE_LEFT, obs);
            play(&env, ROTATE_LEFT, obs);
        }
        free(obs);
        ppi_env_destroy(&env);
    }
}

/* Sizes from the pinhole camera: focal length 48 pixels, eye 50 units high, wall 760 units away. */
static void test_perspective(void **state) {
    (void)state;
    ppi_env env = open_env(k_corner);
    uint8_t *obs = malloc(H * W * 3);
    start(&env, 1, obs);
    play(&env, ROTATE_LEFT, obs); /* a wall without a panel in the middle */
    int sky = 0, wall = 0, water = 0;
    for (int y = 0; y < H; y++) {
        const uint8_t *p = obs + 3 * (y * W + W / 2);
        sky += SKY(p);
        wall += WALL(p);
        water += WATER(p);
        /* Top to bottom. */
        assert_true(SKY(p) ? wall + water == 0 : true);
        assert_true(WALL(p) ? water == 0 : true);
    }
    assert_int_equal(sky + wall + water, H);
    assert_near(sky, 36 - (192 - 50) * 48.0 / 760, 0.51);
    assert_near(water, 36 - (50 - 16) * 48.0 / 760, 0.51);
    play(&env, ROTATE_RIGHT, obs);
    int across = 0;
    for (int x = W / 4; x < 3 * W / 4; x++) {
        /* Row of z = 150 at the wall; nothing but frame, panel, outline or symbol on a panel. */
        const uint8_t *p = obs + 3 * ((36 - (int)(100 * 48.0 / 760)) * W + x);
        across += !WALL(p);
    }
    assert_near(across, 175 * 48.0 / 760, 1.01);
    /* Nearer walls are larger; the raised eye looks down on the water's edge. */
    for (int i = 0; i < 10; i++) play(&env, FORWARD, obs);
    sky = 0;
    for (int y = 0; y < H; y++) sky += SKY(obs + 3 * (y * W + W / 2));
    assert_near(sky, 36 - (192 - 50) * 48.0 / 420, 0.51);
    ppi_env_destroy(&env);
    env = open_env((env_choice){.id = "watermaze", .mode = 2, .task = 36});
    start(&env, 1, obs);
    reach(&env, obs); /* the platform at 58,58 */
    while (pose_of(&env).heading != 1) play(&env, ROTATE_LEFT, obs);
    play(&env, BACKWARD, obs);
    water = 0;
    for (int y = 0; y < H; y++) water += WATER(obs + 3 * (y * W + W / 2));
    const double depth = 760 - 58 * (0.92387953 + 0.38268343);
    assert_near(water, 36 - (146 - 16) * 48.0 / depth, 0.51);
    free(obs);
    ppi_env_destroy(&env);
}

/* A picture is a function of the pose alone, and stays what it was: data sets hold such frames. */
static void test_frames(void **state) {
    (void)state;
    static const struct {
        const char *view;
        uint32_t crc;
    } rows[2] = {{"72x96", 0xbaf0b8f2}, {"24x32", 0x264ea600}};
    for (int v = 0; v < 2; v++) {
        ppi_env env = open_env((env_choice){.id = "watermaze", .view = rows[v].view, .task = 2});
        pp_env_spec spec;
        env.vtable->describe(env.state, &spec);
        uint8_t *obs = malloc((size_t)spec.obs_bytes);
        uint8_t *again = malloc((size_t)spec.obs_bytes);
        pp_env_error error = {{0}};
        uint32_t crc = 0;
        uint32_t x = 7;
        for (int e = 0; e < 4; e++) {
            start(&env, 1, obs);
            for (int i = 0; i < 50; i++) {
                play(&env, (int32_t)(next_value(&x) % ACTIONS), obs);
                crc = ppi_crc32(crc, obs, (size_t)spec.obs_bytes);
                memset(again, 0x55, (size_t)spec.obs_bytes);
                assert_int_equal(env.vtable->observe(env.state, again, &error), PP_OK);
                assert_memory_equal(obs, again, (size_t)spec.obs_bytes);
            }
        }
        assert_int_equal(crc, rows[v].crc);
        free(obs);
        free(again);
        ppi_env_destroy(&env);
    }
}

static void test_random_policy(void **state) {
    (void)state;
    const return_mean fixed = play_many((env_choice){.id = "watermaze"}, 0, 40000, false);
    const return_mean turned =
        play_many((env_choice){.id = "watermaze", .mode = 1}, 0, 40000, false);
    assert_true(fixed.mean > 0.10 && fixed.mean < 0.12);
    assert_true(turned.mean > 0.10 && turned.mean < 0.12);
    assert_mean(turned, fixed.mean, 3 * fixed.error); /* the task does not know directions */
}

static void test_script(void **state) {
    (void)state;
    static const int64_t tasks[4] = {0, 0, 64, 16};
    for (int mode = 0; mode < 4; mode++) {
        const return_mean got =
            play_many((env_choice){.id = "watermaze", .mode = mode}, tasks[mode], 2000, true);
        assert_true(got.mean == 1);
    }
    /* The farthest places are reached in time from any heading. */
    int most = 0;
    for (int64_t task = 0; task < 2000; task++) {
        ppi_env env = open_env((env_choice){.id = "watermaze", .mode = 1, .task = task});
        start(&env, (uint64_t)task, NULL);
        const int steps = reach(&env, NULL);
        most = steps > most ? steps : most;
        ppi_env_destroy(&env);
    }
    assert_true(most <= 15 + 8);
}

static void test_saved_states(void **state) {
    (void)state;
    check_save_load((env_choice){.id = "watermaze", .mode = 1, .task = 4}, ACTIONS, H * W * 3);
    check_save_load((env_choice){.id = "watermaze", .view = "24x32", .mode = 3, .task = 4}, ACTIONS,
                    24 * 32 * 3);
    /* Any single damaged byte is refused or leaves a state that can be played and drawn. */
    ppi_env env = open_env((env_choice){.id = "watermaze"});
    pp_env_error error = {{0}};
    uint8_t saved[256];
    uint64_t size = 0;
    uint8_t *obs = malloc(H * W * 3);
    start(&env, 1, NULL);
    for (int i = 0; i < 9; i++) play(&env, FORWARD_LEFT, NULL);
    assert_int_equal(env.vtable->save_state(env.state, saved, sizeof(saved), &size, &error), PP_OK);
    int refused = 0;
    for (uint64_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            saved[i] ^= (uint8_t)(1 << bit);
            pp_env_result result;
            if (env.vtable->load_state(env.state, saved, size, &error) != PP_OK ||
                env.vtable->step(env.state, FORWARD, obs, &result, &error) != PP_OK) {
                refused++;
            }
            saved[i] ^= (uint8_t)(1 << bit);
        }
    }
    assert_true(refused > 100);
    free(obs);
    ppi_env_destroy(&env);
}

static void test_errors(void **state) {
    (void)state;
    check_step_errors(k_corner, ACTIONS, 50);
    check_foreign_options("watermaze");
    assert_refused((env_choice){.id = "watermaze", .mode = 4}, "modes 0..3", "not 4");
    assert_refused((env_choice){.id = "watermaze", .mode = -1}, "modes 0..3", "not -1");
    assert_refused((env_choice){.id = "watermaze", .mode = 2, .task = 64}, "0..63", "not 64");
    assert_refused((env_choice){.id = "watermaze", .mode = 3, .task = 16}, "0..15", "not 16");
    assert_refused((env_choice){.id = "watermaze", .task = -1}, "task -1", "negative");
    assert_refused((env_choice){.id = "watermaze", .view = "84x84"}, "72x96 and 24x32", "'84x84'");
    assert_refused((env_choice){.id = "watermaze", .reading = "a"}, "reading 'a'", "watermaze");
}

/* The picture for people: the eye's view, and a map with platform and swimmer beside it. */
static void test_picture(void **state) {
    (void)state;
    ppi_env env = open_env((env_choice){.id = "watermaze", .mode = 3, .task = 0});
    pp_env_spec spec;
    env.vtable->describe(env.state, &spec);
    assert_true(spec.render_h == 240 && spec.render_w == 560);
    uint8_t *rgb = malloc((size_t)(spec.render_h * spec.render_w * 3));
    pp_env_error error = {{0}};
    start(&env, 1, NULL);
    assert_int_equal(env.vtable->render(env.state, rgb, &error), PP_OK);
    const uint8_t *middle = rgb + 3 * (120 * 560);
    assert_true(SKY(rgb + 3 * 160));
    assert_true(WATER(rgb + 3 * (200 * 560 + 160)));
    /* 240 pixels for 1660 units: the platform at +x 300 is 43 pixels to the right of the centre. */
    assert_true(is_colour(middle + 3 * (440 + 43), 60, 84, 150));
    assert_true(is_colour(middle + 3 * 440, 250, 240, 120));
    assert_true(WATER(middle + 3 * (440 - 43)));
    assert_true(is_colour(middle + 3 * (440 + 113), 176, 240, 16)); /* lime at bearing 0 */
    free(rgb);
    ppi_env_destroy(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_specification), cmocka_unit_test(test_motion),
        cmocka_unit_test(test_walls),         cmocka_unit_test(test_contact),
        cmocka_unit_test(test_places),        cmocka_unit_test(test_headings),
        cmocka_unit_test(test_panels),        cmocka_unit_test(test_perspective),
        cmocka_unit_test(test_frames),        cmocka_unit_test(test_random_policy),
        cmocka_unit_test(test_script),        cmocka_unit_test(test_saved_states),
        cmocka_unit_test(test_errors),        cmocka_unit_test(test_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
