/* Finding environments: ids, sets, protocols, and the texts of failures. */
#include "env/env_test.h"

#include <math.h>

#include "base/options.h"
#include "env/atari_table.h"

static void test_table_counts(void **state) {
    (void)state;
    int mgdt = 0, held = 0, sql = 0, jowa = 0, jowa_held = 0, minimal = 0, scored = 0, ids = 0;
    for (int i = 0; i < PPI_ATARI_GAMES; i++) {
        const ppi_atari_game *g = &ppi_atari_games[i];
        mgdt += (g->sets & PPI_SET_MGDT) != 0;
        held += (g->sets & PPI_SET_MGDT_HELD) != 0;
        jowa += (g->sets & PPI_SET_JOWA) != 0;
        jowa_held += (g->sets & PPI_SET_JOWA_HELD) != 0;
        if (g->sets & PPI_SET_SQL) {
            sql++;
            minimal += g->min_actions;
        }
        const bool extra = strcmp(g->name, "Carnival") == 0;
        scored += !isnan(g->random) && !isnan(g->human) && !extra;
        ids += g->id >= 0;
        assert_int_equal(strlen(g->md5), 32);
        for (int32_t a = 0; a < g->min_actions; a++) {
            const int32_t full = ppi_atari_minimal_to_full(g, a);
            assert_int_equal(ppi_atari_full_to_minimal(g, full), a);
        }
    }
    assert_int_equal(mgdt, 41);
    assert_int_equal(held, 5);
    assert_int_equal(sql, 40);
    assert_int_equal(minimal, 501);
    assert_int_equal(jowa, 15);
    assert_int_equal(jowa_held, 5);
    assert_int_equal(scored, 57);
    assert_int_equal(ids, 60);
    assert_int_equal(ppi_atari_game_find("Assault")->id, 3);
    assert_int_equal(ppi_atari_game_find("ale/breakout")->id, 13);
    assert_int_equal(ppi_atari_game_find("pong")->id, 39);
    assert_int_equal(ppi_atari_game_find("Seaquest")->id, 46);
    assert_int_equal(ppi_atari_game_find("zaxxon")->id, 59);
    assert_null(ppi_atari_game_find("chess"));
    assert_int_equal(ppi_atari_full_to_minimal(ppi_atari_game_find("breakout"), 2), -1);
    assert_int_equal(ppi_atari_minimal_to_full(ppi_atari_game_find("freeway"), 2), 5);
    assert_int_equal(ppi_atari_minimal_to_full(ppi_atari_game_find("freeway"), 3), -1);
    assert_string_equal(ppi_atari_action_names[17], "DOWNLEFTFIRE");
}

static void test_unknown_ids(void **state) {
    (void)state;
    ppi_env env;
    assert_int_equal(ppi_env_create(&env, "ale/braekout", NULL), PP_ERR_NOT_FOUND);
    ASSERT_ERROR_HAS("ale/breakout");
    assert_int_equal(ppi_env_create(&env, "arcade/catsh", NULL), PP_ERR_NOT_FOUND);
    ASSERT_ERROR_HAS("arcade/catch");
    assert_int_equal(ppi_env_create(&env, "ale/combat", NULL), PP_ERR_UNSUPPORTED);
    ASSERT_ERROR_HAS("two players");
    assert_null(env.vtable);
}

static void test_list(void **state) {
    (void)state;
    ppi_env_entry before = {{0}, NULL, false};
    bool seen = false;
    for (int i = 0; i < ppi_env_count(); i++) {
        ppi_env_entry entry;
        ASSERT_OK(ppi_env_entry_at(&entry, i, NULL));
        assert_true(strcmp(before.id, entry.id) < 0);
        assert_true(ppi_env_known(entry.id));
        if (strcmp(entry.id, "arcade/catch") == 0) {
            seen = entry.available;
        }
        before = entry;
    }
    assert_true(seen);
    assert_int_equal(ppi_env_entry_at(&before, -1, NULL), PP_ERR_ARGUMENT);
}

static void test_expand(void **state) {
    (void)state;
    static char ids[128][PP_ENV_ID_BYTES];
    int count = 0;
    ASSERT_OK(ppi_env_expand(ids, 128, &count, "@mgdt41"));
    assert_int_equal(count, 41);
    assert_string_equal(ids[0], "ale/amidar");
    ASSERT_OK(ppi_env_expand(ids, 128, &count, "arcade/catch,@jowa5,ale/pong"));
    assert_int_equal(count, 6); /* Pong is in the set already */
    assert_string_equal(ids[0], "arcade/catch");
    ASSERT_OK(ppi_env_expand(ids, 128, &count, "ale/b*"));
    assert_true(count >= 8);
    assert_int_equal(ppi_env_expand(ids, 128, &count, "@mgdt42"), PP_ERR_NOT_FOUND);
    ASSERT_ERROR_HAS("@mgdt41");
    assert_int_equal(ppi_env_expand(ids, 128, &count, "ale/pnog"), PP_ERR_NOT_FOUND);
    ASSERT_ERROR_HAS("ale/pong");
    assert_int_equal(ppi_env_expand(ids, 3, &count, "@mgdt41"), PP_ERR_ARGUMENT);
    assert_int_equal(ppi_env_expand(ids, 3, &count, ""), PP_ERR_ARGUMENT);
}

static void test_protocols(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double sticky;
        int32_t cap, noop_max;
        bool fire, drop_last;
    } rows[] = {
        {"dopamine", 0.25, 27000, 0, false, false}, {"mgdt", 0, 27000, 0, false, false},
        {"mgdt-notebook", 0, 5000, 0, false, true}, {"jowa", 0, 108000, 0, false, false},
        {"ale-vector", 0, 27000, 30, true, false},
    };
    ppi_env_options options;
    ppi_episode_rules rules;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ppi_env_options_default(&options);
        ASSERT_OK(ppi_protocol_find(&options.protocol, rows[i].name));
        assert_string_equal(ppi_protocol_name(options.protocol), rows[i].name);
        ASSERT_OK(ppi_episode_rules_for(&rules, "ale/pong", &options));
        assert_true(rules.sticky == rows[i].sticky);
        assert_int_equal(rules.cap, rows[i].cap);
        assert_int_equal(rules.noop_max, rows[i].noop_max);
        assert_int_equal(rules.fire_reset, rows[i].fire);
        assert_int_equal(rules.drop_last_reward, rows[i].drop_last);
        assert_int_equal(ppi_episode_rules_for(&rules, "arcade/catch", &options), PP_ERR_ARGUMENT);
        ASSERT_ERROR_HAS(rows[i].name);
        ASSERT_ERROR_HAS("played under 'arcade'");
        options.drop_last_reward = !rows[i].drop_last;
        ASSERT_OK(ppi_episode_rules_for(&rules, "ale/pong", &options));
        assert_int_equal(rules.drop_last_reward, !rows[i].drop_last);
    }
    options.sticky = 0.5;
    options.cap = 7;
    ASSERT_OK(ppi_episode_rules_for(&rules, "ale/pong", &options));
    assert_true(rules.sticky == 0.5);
    assert_int_equal(rules.cap, 7);
    int index;
    assert_int_equal(ppi_protocol_find(&index, "dopamin"), PP_ERR_NOT_FOUND);
    ASSERT_ERROR_HAS("dopamine");
    assert_null(ppi_protocol_name(99));
}

/* Without a name the kind of game decides; the arcade games' protocol fits no other game. */
static void test_protocol_of_the_game(void **state) {
    (void)state;
    ppi_env_options options;
    ppi_episode_rules rules;
    ppi_env_options_default(&options);
    assert_string_equal(ppi_protocol_name(options.protocol), "auto");
    assert_int_equal(ppi_protocol_in_force("ale/pong", options.protocol), PPI_PROTOCOL_DOPAMINE);
    assert_int_equal(ppi_protocol_in_force("ale/pong", PPI_PROTOCOL_JOWA), PPI_PROTOCOL_JOWA);
    assert_int_equal(ppi_protocol_in_force("arcade/catch", options.protocol), PPI_PROTOCOL_ARCADE);
    ASSERT_OK(ppi_episode_rules_for(&rules, "ale/pong", &options));
    assert_true(rules.sticky == 0.25);
    assert_int_equal(rules.cap, 27000);
    for (int k = 0; k < 2; k++) {
        ASSERT_OK(ppi_episode_rules_for(&rules, "arcade/catch", &options));
        assert_true(rules.sticky == 0);
        assert_int_equal(rules.cap, 2500);
        assert_int_equal(rules.noop_max, 0);
        assert_false(rules.drop_last_reward);
        options.protocol = PPI_PROTOCOL_ARCADE;
    }
    assert_int_equal(ppi_episode_rules_for(&rules, "ale/pong", &options), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("'arcade'");
    ASSERT_ERROR_HAS("ale/pong");
}

/* Rules of the other environments: the arcade games' own, their references', and native ones. */
static void test_protocols_without_atari(void **state) {
    (void)state;
    static const struct {
        const char *id;
        const char *protocol;
        double sticky;
        int32_t cap;
        bool parity;
    } rows[] = {
        {"arcade/seaquest", "auto", 0.1, 2500, false},
        {"arcade/seaquest", "arcade", 0.1, 2500, false},
        {"arcade/seaquest", "parity", 0.1, 0, true},
        {"arcade/snake", "arcade", 0, 2500, false},
        {"arcade/snake", "parity", 0, 0, true},
        {"arcade/four_rooms", "arcade", 0, 100, false},
        {"arcade/four_rooms", "parity", 0, 0, true},
        {"dark/room", "auto", 0, 0, false},
        {"dark/room", "native", 0, 0, false},
        {"gym/CartPole-v1", "auto", 0, 0, false},
    };
    ppi_env_options options;
    ppi_episode_rules rules;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ppi_env_options_default(&options);
        ASSERT_OK(ppi_protocol_find(&options.protocol, rows[i].protocol));
        ASSERT_OK(ppi_episode_rules_for(&rules, rows[i].id, &options));
        assert_true(rules.sticky == rows[i].sticky);
        assert_int_equal(rules.cap, rows[i].cap);
        assert_int_equal(rules.parity, rows[i].parity);
        assert_int_equal(rules.frame_skip, 1);
        options.sticky = 0.25;
        options.cap = 9;
        ASSERT_OK(ppi_episode_rules_for(&rules, rows[i].id, &options));
        assert_true(rules.sticky == 0.25);
        assert_int_equal(rules.cap, 9);
    }
    ppi_env_options_default(&options);
    options.protocol = PPI_PROTOCOL_NATIVE;
    assert_int_equal(ppi_episode_rules_for(&rules, "arcade/snake", &options), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("'arcade'");
    options.protocol = PPI_PROTOCOL_PARITY;
    assert_int_equal(ppi_episode_rules_for(&rules, "dark/room", &options), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("'native'");
}

static void test_arcade_sets(void **state) {
    (void)state;
    static char ids[32][PP_ENV_ID_BYTES];
    int count = 0;
    ASSERT_OK(ppi_env_expand(ids, 32, &count, "@arcade"));
    assert_int_equal(count, 10);
    ASSERT_OK(ppi_env_expand(ids, 32, &count, "@arcade5"));
    assert_int_equal(count, 5);
    assert_string_equal(ids[0], "arcade/breakout");
    assert_string_equal(ids[4], "arcade/space_invaders");
    ASSERT_OK(ppi_env_expand(ids, 32, &count, "@arcade-new,arcade/p*"));
    assert_int_equal(count, 2); /* a pattern that names nothing new is no mistake */
    ASSERT_OK(ppi_env_expand(ids, 32, &count, "dark/*,bandit/*,gym/ALE/Pong-v5"));
    assert_int_equal(count, 8);
    assert_string_equal(ids[7], "gym/ALE/Pong-v5");
    assert_int_equal(ppi_env_expand(ids, 32, &count, "gym/"), PP_ERR_NOT_FOUND);
}

/* The option table's defaults are those of ppi_env_options_default. */
static void test_option_defaults(void **state) {
    (void)state;
    ppi_options *set = NULL;
    ppi_env_options bound;
    ppi_env_options plain;
    memset(&bound, 0, sizeof(bound));
    ASSERT_OK(ppi_options_create(&set));
    ASSERT_OK(ppi_options_bind(set, &ppi_env_option_table, &bound));
    ppi_env_options_default(&plain);
    assert_true(bound.sticky == plain.sticky && bound.cap == plain.cap);
    assert_true(bound.noop_max == plain.noop_max && bound.fire_reset == plain.fire_reset);
    assert_true(bound.drop_last_reward == plain.drop_last_reward);
    assert_true(bound.protocol == plain.protocol && bound.task == plain.task);
    assert_true(bound.any_rom == plain.any_rom && bound.roms[0] == '\0');
    assert_true(bound.view[0] == '\0' && bound.reading[0] == '\0');
    ASSERT_OK(ppi_options_set(set, "env.protocol", "jowa", "test"));
    assert_int_equal(bound.protocol, PPI_PROTOCOL_JOWA);
    ASSERT_OK(ppi_options_set(set, "protocol", "mgdt", "test")); /* the short name */
    assert_int_equal(bound.protocol, PPI_PROTOCOL_MGDT);
    ASSERT_OK(ppi_options_set(set, "env.noop_max", "30", "test"));
    assert_int_equal(bound.noop_max, 30);
    ppi_options_destroy(set);
}

/* Searching only folders of the test: HOME, POLYPLAY_DEPS and the ALE variables point nowhere. */
static void test_rom_search(void **state) {
    (void)state;
    ppi_env_options options;
    ppi_env_options_default(&options);
    snprintf(options.roms, sizeof(options.roms), "roms-here");
    ASSERT_OK(ppi_dir_make("roms-here"));
    const char text[] = "not a game";
    ASSERT_OK(ppi_file_write_atomic("roms-here/breakout.bin", text, sizeof(text)));
    char path[PPI_PATH_SIZE];
    char md5[33];
    assert_int_equal(ppi_env_find_rom(path, sizeof(path), md5, "breakout", &options),
                     PP_ERR_CORRUPT);
    ASSERT_ERROR_HAS("f34f08e5eb96e500e851a80be3277a56");
    ASSERT_ERROR_HAS("roms-here/breakout.bin");
    options.any_rom = true;
    ASSERT_OK(ppi_env_find_rom(path, sizeof(path), md5, "breakout", &options));
    assert_string_equal(path, "roms-here/breakout.bin");
    assert_int_equal(strlen(md5), 32);
    /* The emulator would end the process on such a file; the plugin refuses it. */
    const pp_env_vtable *plugin;
    if (ppi_env_ale_plugin(&plugin) == PP_OK) {
        ppi_env env;
        assert_int_equal(ppi_env_create(&env, "ale/breakout", &options), PP_ERR_ARGUMENT);
        ASSERT_ERROR_HAS("bytes");
    }

    /* A folder named by hand is the only one: the same file elsewhere is not taken. */
    ASSERT_OK(ppi_dir_make("roms-env"));
    ASSERT_OK(ppi_file_write_atomic("roms-env/pong.bin", text, sizeof(text)));
    setenv("ALE_ROMS_DIR", "roms-env", 1);
    setenv("POLYPLAY_DEPS", "deps-nowhere", 1);
    assert_int_equal(ppi_env_find_rom(path, sizeof(path), md5, "pong", &options), PP_ERR_NOT_FOUND);
    ASSERT_ERROR_HAS("60e0ea3cbe0913d39803477945e9e5ec");
    ASSERT_ERROR_HAS("searched: roms-here; ");
    ASSERT_ERROR_HAS("only one searched");
    options.roms[0] = '\0';
    ASSERT_OK(ppi_env_find_rom(path, sizeof(path), md5, "pong", &options));
    assert_string_equal(path, "roms-env/pong.bin");
    ASSERT_OK(ppi_dir_remove("roms-env"));
    /* The set-up folder known at build time may hold the file. */
    const pp_status status = ppi_env_find_rom(path, sizeof(path), md5, "pong", &options);
    if (status != PP_OK) {
        assert_int_equal(status, PP_ERR_NOT_FOUND);
        ASSERT_ERROR_HAS("60e0ea3cbe0913d39803477945e9e5ec");
        ASSERT_ERROR_HAS("roms-env");
        ASSERT_ERROR_HAS("deps-nowhere");
        ASSERT_ERROR_HAS("tools/setup");
    }
    assert_int_equal(ppi_env_find_rom(path, sizeof(path), md5, "no_such_game", &options),
                     PP_ERR_NOT_FOUND);
    unsetenv("ALE_ROMS_DIR");
    unsetenv("POLYPLAY_DEPS");
    ASSERT_OK(ppi_dir_remove("roms-here"));
}

static void test_plugin_search(void **state) {
    (void)state;
    const pp_env_vtable *table = NULL;
    const char *const nowhere[] = {"", "no-folder", "another"};
    assert_int_equal(ppi_env_plugin_open(&table, nowhere, 3), PP_ERR_UNSUPPORTED);
    assert_null(table);
    ASSERT_ERROR_HAS("no-folder, another");
    ASSERT_ERROR_HAS("tools/setup");

    ASSERT_OK(ppi_dir_make("broken"));
    ASSERT_OK(ppi_file_write_atomic("broken/polyplay-ale.so", "text", 4));
    const char *const broken[] = {"broken"};
    assert_int_equal(ppi_env_plugin_open(&table, broken, 1), PP_ERR_UNSUPPORTED);
    ASSERT_ERROR_HAS("broken/polyplay-ale.so");
    ASSERT_OK(ppi_dir_remove("broken"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_counts),
        cmocka_unit_test(test_unknown_ids),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_option_defaults),
        cmocka_unit_test(test_rom_search),
        cmocka_unit_test(test_plugin_search),
        cmocka_unit_test(test_protocol_of_the_game),
        cmocka_unit_test(test_protocols_without_atari),
        cmocka_unit_test(test_arcade_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
