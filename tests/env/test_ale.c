/* Atari games against recordings of the reference emulator and OpenCV: every frame, reward and end
 * of 1,000 steps must be equal. */
#include "env/env_test.h"

#include "base/hash.h"
#include "base/json.h"
#include "env/atari_table.h"

static int64_t number(const ppi_json *object, const char *key) {
    int64_t value = 0;
    ASSERT_OK(ppi_json_get_i64(object, key, &value));
    return value;
}

static int64_t entry(const ppi_json *array, int64_t i, int64_t j) {
    int64_t value = 0;
    ASSERT_OK(ppi_json_as_i64(ppi_json_at(ppi_json_at(array, i), j), "entry", &value));
    return value;
}

static ppi_vec *make(const char *game, double sticky, int64_t cap) {
    ppi_env_options options;
    ppi_env_options_default(&options);
    options.sticky = sticky;
    options.cap = cap;
    char id[PP_ENV_ID_BYTES];
    snprintf(id, sizeof(id), "ale/%s", game);
    const char *ids = id;
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_create(&vec, &ids, 1, &options, 1));
    return vec;
}

static void check_game(const char *game) {
    if (!have_game(game)) {
        skip();
    }
    char name[64];
    char path[PPI_PATH_SIZE];
    snprintf(name, sizeof(name), "tests/golden/ale_%s.json", game);
    ASSERT_OK(ppi_path_join(path, sizeof(path), getenv("PP_SOURCE_DIR"), name));
    ppi_json *json = NULL;
    ASSERT_OK(ppi_json_load(&json, path));
    double sticky = 0;
    ASSERT_OK(ppi_json_get_f64(json, "sticky", &sticky));
    const int64_t every = number(json, "every");
    const ppi_json *checks = ppi_json_find(json, "checks");
    const ppi_json *rewards = ppi_json_find(json, "rewards");
    const ppi_json *ends = ppi_json_find(json, "ends");

    ppi_vec *vec = make(game, sticky, number(json, "cap"));
    const pp_env_spec *spec = ppi_vec_spec(vec, 0);
    assert_int_equal(spec->render_h, number(json, "height"));
    assert_int_equal(spec->min_actions, ppi_json_count(ppi_json_find(json, "minimal")));
    uint64_t seed = (uint64_t)number(json, "seed");
    ASSERT_OK(ppi_vec_reset(vec, 0, seed));
    const uint8_t *obs = ppi_vec_obs(vec);
    assert_int_equal(ppi_crc32(0, obs, 84 * 84), number(json, "first"));
    uint32_t crc = 0;
    uint32_t x = 7;
    int64_t reward_at = 0;
    int64_t end_at = 0;
    const int64_t steps = number(json, "steps");
    for (int64_t t = 1; t <= steps; t++) {
        const int32_t action = (int32_t)(next_value(&x) % 18);
        ASSERT_OK(ppi_vec_step(vec, &action, NULL));
        crc = ppi_crc32(crc, obs, 84 * 84);
        if (ppi_vec_reward(vec)[0] != 0) {
            assert_int_equal(entry(rewards, reward_at, 0), t);
            assert_true(ppi_vec_reward(vec)[0] == (double)entry(rewards, reward_at, 1));
            reward_at++;
        }
        if (ppi_vec_terminated(vec)[0] || ppi_vec_truncated(vec)[0]) {
            assert_int_equal(entry(ends, end_at, 0), t);
            assert_int_equal(entry(ends, end_at, 1), ppi_vec_truncated(vec)[0]);
            end_at++;
            ASSERT_OK(ppi_vec_reset(vec, 0, ++seed));
            crc = ppi_crc32(crc, obs, 84 * 84);
        }
        if (t % every == 0) {
            int64_t wanted = 0;
            ASSERT_OK(ppi_json_as_i64(ppi_json_at(checks, t / every - 1), "check", &wanted));
            if (crc != wanted) {
                fail_msg("%s: frames differ within steps %lld..%lld", game,
                         (long long)(t - every + 1), (long long)t);
            }
        }
    }
    assert_int_equal(reward_at, ppi_json_count(rewards));
    assert_int_equal(end_at, ppi_json_count(ends));
    ppi_vec_destroy(vec);
    ppi_json_free(json);
}

#define GAME_TEST(game)                                                                            \
    static void test_##game(void **state) {                                                        \
        (void)state;                                                                               \
        check_game(#game);                                                                         \
    }

GAME_TEST(breakout)
GAME_TEST(seaquest)
GAME_TEST(adventure)
GAME_TEST(pooyan)
GAME_TEST(journey_escape)
GAME_TEST(pong)

/* The emulator's minimal lists are the table's, and every game of the table loads and steps. */
static void test_table(void **state) {
    (void)state;
    if (!have_game("breakout")) {
        skip();
    }
    for (int g = 0; g < PPI_ATARI_GAMES; g++) {
        const ppi_atari_game *game = &ppi_atari_games[g];
        if (!have_game(game->rom)) {
            continue;
        }
        ppi_vec *vec = make(game->rom, 0.25, 0);
        const pp_env_spec *spec = ppi_vec_spec(vec, 0);
        assert_string_equal(spec->rom_md5, game->md5);
        assert_string_equal(spec->view, "grey84");
        assert_int_equal(spec->frame_skip, 4);
        if (game->min_actions > 0) {
            assert_int_equal(spec->min_actions, game->min_actions);
            for (int32_t i = 0; i < game->min_actions; i++) {
                assert_int_equal(spec->action_list[i], game->actions[i]);
            }
        }
        ASSERT_OK(ppi_vec_reset(vec, 0, 1));
        const int32_t action = 1;
        ASSERT_OK(ppi_vec_step(vec, &action, NULL));
        ppi_vec_destroy(vec);
    }
}

/* Full id 2 (UP) is not one of Breakout's actions: it plays as NOOP. */
static void test_unknown_action_is_noop(void **state) {
    (void)state;
    if (!have_game("breakout")) {
        skip();
    }
    const char *const ids[2] = {"ale/breakout", "ale/breakout"};
    ppi_env_options options;
    ppi_env_options_default(&options);
    options.protocol = PPI_PROTOCOL_MGDT;
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_create(&vec, ids, 2, &options, 1));
    const uint64_t seeds[2] = {4, 4};
    ASSERT_OK(ppi_vec_reset_all(vec, seeds));
    const int32_t actions[2] = {2, 0};
    for (int s = 0; s < 30; s++) {
        ASSERT_OK(ppi_vec_step(vec, actions, NULL));
        assert_memory_equal(ppi_vec_obs(vec), ppi_vec_obs(vec) + 84 * 84, 84 * 84);
    }
    assert_int_equal(ppi_vec_lives(vec)[0], 5);
    ppi_vec_destroy(vec);
}

/* No-op starts and FIRE at reset are functions of the seed. */
static void test_starts(void **state) {
    (void)state;
    if (!have_game("breakout")) {
        skip();
    }
    const char *const ids[3] = {"ale/breakout", "ale/breakout", "ale/breakout"};
    ppi_env_options options;
    ppi_env_options_default(&options);
    options.protocol = PPI_PROTOCOL_ALE_VECTOR;
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_create(&vec, ids, 3, &options, 1));
    assert_int_equal(ppi_vec_spec(vec, 0)->noop_max, 30);
    assert_int_equal(ppi_vec_spec(vec, 0)->fire_reset, 1);
    const uint64_t seeds[3] = {8, 8, 9};
    ASSERT_OK(ppi_vec_reset_all(vec, seeds));
    const uint8_t *obs = ppi_vec_obs(vec);
    assert_memory_equal(obs, obs + 84 * 84, 84 * 84);
    assert_int_not_equal(memcmp(obs, obs + 2 * 84 * 84, 84 * 84), 0);
    ppi_vec_destroy(vec);
}

static void test_render_and_variants(void **state) {
    (void)state;
    if (!have_game("breakout")) {
        skip();
    }
    ppi_vec *vec = make("breakout", 0, 0);
    const pp_env_spec *spec = ppi_vec_spec(vec, 0);
    ASSERT_OK(ppi_vec_reset(vec, 0, 0));
    uint8_t *rgb = calloc(1, (size_t)(spec->render_h * spec->render_w * 3));
    ASSERT_OK(ppi_vec_render(vec, 0, rgb));
    bool colour = false;
    for (int i = 0; i < spec->render_h * spec->render_w; i++) {
        colour |= rgb[3 * i] != rgb[3 * i + 1];
    }
    assert_true(colour);
    free(rgb);
    ppi_vec_destroy(vec);

    const char *id = "ale/breakout";
    ppi_env_options options;
    ppi_env_options_default(&options);
    options.mode = 3;
    assert_int_equal(ppi_vec_create(&vec, &id, 1, &options, 1), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("mode 3");
    options.mode = 4;
    ASSERT_OK(ppi_vec_create(&vec, &id, 1, &options, 1));
    ppi_vec_destroy(vec);
}

/* Memory and colour picture on request; the rules and rewards are the same in every view. */
static void test_views(void **state) {
    (void)state;
    if (!have_game("breakout")) {
        skip();
    }
    static const char *const views[] = {"grey84", "ram", "rgb"};
    static const int32_t sizes[] = {84 * 84, 128, 210 * 160 * 3};
    const char *id = "ale/breakout";
    double total[3] = {0, 0, 0};
    for (int v = 0; v < 3; v++) {
        ppi_env_options options;
        ppi_env_options_default(&options);
        options.protocol = PPI_PROTOCOL_MGDT;
        snprintf(options.view, sizeof(options.view), "%s", views[v]);
        ppi_vec *vec = NULL;
        ASSERT_OK(ppi_vec_create(&vec, &id, 1, &options, 1));
        const pp_env_spec *spec = ppi_vec_spec(vec, 0);
        assert_string_equal(spec->view, views[v]);
        assert_int_equal(spec->obs_bytes, sizes[v]);
        assert_int_equal(spec->obs_h * spec->obs_w * spec->obs_c, sizes[v]);
        ASSERT_OK(ppi_vec_reset(vec, 0, 1));
        uint8_t *first = malloc((size_t)sizes[v]);
        memcpy(first, ppi_vec_obs(vec), (size_t)sizes[v]);
        uint32_t x = 7;
        for (int s = 0; s < 150; s++) {
            const int32_t action = (int32_t)(next_value(&x) % 18);
            ASSERT_OK(ppi_vec_step(vec, &action, NULL));
            total[v] += ppi_vec_reward(vec)[0];
        }
        assert_int_not_equal(memcmp(first, ppi_vec_obs(vec), (size_t)sizes[v]), 0);
        if (v == 2) {
            uint8_t *rgb = malloc((size_t)sizes[v]);
            ASSERT_OK(ppi_vec_render(vec, 0, rgb));
            assert_memory_equal(rgb, ppi_vec_obs(vec), (size_t)sizes[v]);
            free(rgb);
        }
        free(first);
        ppi_vec_destroy(vec);
    }
    assert_true(total[0] == total[1] && total[0] == total[2]);
    ppi_env_options options;
    ppi_env_options_default(&options);
    snprintf(options.view, sizeof(options.view), "planes");
    ppi_vec *vec = NULL;
    assert_int_equal(ppi_vec_create(&vec, &id, 1, &options, 1), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("grey84, ram and rgb, not 'planes'");
}

/* A mode or difficulty that the game lacks is refused with the list of what it has. */
static void test_unknown_variants(void **state) {
    (void)state;
    if (!have_game("breakout")) {
        skip();
    }
    const char *id = "ale/breakout";
    ppi_env_options options;
    ppi_vec *vec = NULL;
    ppi_env_options_default(&options);
    options.mode = 3;
    assert_int_equal(ppi_vec_create(&vec, &id, 1, &options, 1), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("mode 3 of ale/breakout does not exist; modes: 0 4 8 12");
    options.mode = 4;
    options.difficulty = 3;
    assert_int_equal(ppi_vec_create(&vec, &id, 1, &options, 1), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("difficulty 3 of ale/breakout does not exist; difficulties: 0..1");
    options.difficulty = 1;
    ASSERT_OK(ppi_vec_create(&vec, &id, 1, &options, 1));
    const pp_env_spec *spec = ppi_vec_spec(vec, 0);
    assert_int_equal(spec->mode, 4);
    assert_int_equal(spec->difficulty, 1);
    assert_non_null(strstr(spec->modes, "0 4 8 12"));
    assert_string_equal(spec->difficulties, "0..1");
    ppi_vec_destroy(vec);
    id = "ale/warlords";
    assert_int_equal(ppi_vec_create(&vec, &id, 1, &options, 1), PP_ERR_UNSUPPORTED);
    ASSERT_ERROR_HAS("two players");
}

/* Several games side by side on two threads, saved in the middle of their episodes. */
static void test_vec_states(void **state) {
    (void)state;
    if (!have_game("breakout") || !have_game("pong") || !have_game("seaquest")) {
        skip();
    }
    enum { GAMES = 4, FRAME = 84 * 84 };
    const char *const ids[GAMES] = {"ale/breakout", "ale/pong", "ale/seaquest", "ale/breakout"};
    const uint64_t seeds[GAMES] = {1, 2, 3, 4};
    const ppi_vec_config config = {
        .ids = ids, .count = GAMES, .threads = 2, .autoreset = PPI_AUTORESET_SAME_STEP};
    ppi_vec *vec = NULL;
    ASSERT_OK(ppi_vec_open(&vec, &config));
    ASSERT_OK(ppi_vec_reset_all(vec, seeds));
    ppi_buf saved[GAMES] = {{0}};
    uint8_t *wanted = malloc((size_t)GAMES * FRAME);
    for (int pass = 0; pass < 2; pass++) {
        uint32_t x = 11;
        int32_t actions[GAMES];
        for (int s = pass * 60; s < 120; s++) {
            if (s == 60) x = 5;
            if (s == 60 && pass == 0) {
                for (int i = 0; i < GAMES; i++) ASSERT_OK(ppi_vec_save_state(vec, i, &saved[i]));
            }
            for (int i = 0; i < GAMES; i++) actions[i] = (int32_t)(next_value(&x) % 18);
            ASSERT_OK(ppi_vec_step(vec, actions, NULL));
        }
        if (pass == 0) {
            memcpy(wanted, ppi_vec_obs(vec), (size_t)GAMES * FRAME);
            for (int i = 0; i < GAMES; i++) {
                ASSERT_OK(ppi_vec_load_state(vec, i, saved[i].data, saved[i].len));
                assert_int_equal(ppi_vec_steps(vec)[i], 60);
            }
        }
    }
    assert_memory_equal(wanted, ppi_vec_obs(vec), (size_t)GAMES * FRAME);
    /* A state of another game is refused. */
    assert_int_not_equal(ppi_vec_load_state(vec, 1, saved[0].data, saved[0].len - 1), PP_OK);
    for (int i = 0; i < GAMES; i++) ppi_buf_free(&saved[i]);
    free(wanted);
    ppi_vec_destroy(vec);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breakout),       cmocka_unit_test(test_seaquest),
        cmocka_unit_test(test_adventure),      cmocka_unit_test(test_pooyan),
        cmocka_unit_test(test_journey_escape), cmocka_unit_test(test_pong),
        cmocka_unit_test(test_table),          cmocka_unit_test(test_unknown_action_is_noop),
        cmocka_unit_test(test_starts),         cmocka_unit_test(test_render_and_variants),
        cmocka_unit_test(test_views),          cmocka_unit_test(test_unknown_variants),
        cmocka_unit_test(test_vec_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
