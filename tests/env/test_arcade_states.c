/* Saved states: the same future after loading, and damaged ones refused or harmless. */
#include "env/arcade_test.h"

#include "env/arcade/seaquest.h"

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
        if (ppi_arcade_mode_text(table_at(g)->name, 1) != NULL) {
            open_mode(&b, table_at(g)->name, 1);
            assert_int_equal(load(&b, bytes, size), PP_ERR_CORRUPT);
            arcade_close(&b);
        }
        arcade_close(&a);
    }
}

/* Saves an instance with one number changed and loads that; the number is put back. */
static int32_t load_with(arcade *a, const char *name, int32_t number) {
    uint8_t bytes[STATE_BYTES];
    int32_t *place = ppi_arcade_number(a->env, name);
    const int32_t was = *place;
    *place = number;
    const uint64_t size = save(a, bytes);
    *place = was;
    return load(a, bytes, size);
}

static void test_planted_damage(void **state) {
    (void)state;
    arcade a;
    for (int g = 0; g < ppi_arcade_count; g++) {
        const ppi_arcade_game *game = k_games[g];
        open_mode(&a, game->id, 0);
        arcade_reset(&a, 11);
        for (int32_t f = 0; f < game->n_fields; f++) {
            const ppi_arcade_field *field = &game->fields[f];
            assert_int_equal(load_with(&a, field->name, field->low - 1), PP_ERR_CORRUPT);
            assert_int_equal(load_with(&a, field->name, field->high + 1), PP_ERR_CORRUPT);
            assert_int_equal(load_with(&a, field->name, value(&a, field->name)), PP_OK);
        }
        arcade_close(&a);
    }
    /* In range, but from here the next step would leave the board. */
    static const struct {
        const char *id;
        const char *name;
        int32_t number;
    } k_rows[] = {
        {"arcade/breakout", "ball_y", 9},    {"arcade/catch", "ball_y", 9},
        {"arcade/catch", "ball_x", 5},       {"arcade/snake", "head_row", 12},
        {"arcade/snake", "head_column", -1}, {"arcade/four_rooms", "agent", 0},
        {"arcade/pong", "agent", 12},        {"arcade/space_invaders", "direction", 0},
    };
    for (size_t i = 0; i < sizeof(k_rows) / sizeof(k_rows[0]); i++) {
        open_mode(&a, k_rows[i].id, 0);
        arcade_reset(&a, 11);
        assert_int_equal(load_with(&a, k_rows[i].name, k_rows[i].number), PP_ERR_CORRUPT);
        arcade_close(&a);
    }
}

/* The state of a submarine under way in which nothing new comes within a step. */
static ppi_seaquest quiet_sea(void) {
    return (ppi_seaquest){.x = 5,
                          .y = 3,
                          .oxygen = 100,
                          .spawn_speed = 20,
                          .enemy_timer = 20,
                          .diver_timer = 30,
                          .move_speed = 5};
}

/* Seaquest removes "by value": of equal twins the one with the lower number goes, and the one that
 * was handled slides down a place and is handled again. A third thing between them shows which. */
static void test_seaquest_twins(void **state) {
    (void)state;
    const ppi_arcade_game *game = &ppi_arcade_seaquest;
    ppi_arcade_run run = {0};
    const ppi_seaquest_thing diver = {.x = 5, .y = 3, .timer = 2};
    const ppi_seaquest_thing far_diver = {.x = 1, .y = 6, .timer = 2};
    ppi_seaquest s = quiet_sea();
    s.divers = 5; /* room for one of the twins */
    s.swimmers = (ppi_seaquest_list){.count = 3, .at = {diver, far_diver, diver}};
    assert_int_equal(game->step(&s, &run, PPI_SUITE_N), 0);
    assert_int_equal(run.terminated, 0);
    assert_int_equal(s.divers, 6);
    assert_int_equal(s.swimmers.count, 2);
    assert_int_equal(s.swimmers.at[0].x, 1);
    assert_int_equal(s.swimmers.at[0].timer, 1);
    assert_int_equal(s.swimmers.at[1].x, 5); /* handled again: its timer went down */
    assert_int_equal(s.swimmers.at[1].timer, 1);

    /* The last bullet moves onto the fish and equals the first one, which has not moved yet. */
    const ppi_seaquest_thing ahead = {.x = 4, .y = 5, .right = 1};
    const ppi_seaquest_thing behind = {.x = 3, .y = 5, .right = 1};
    const ppi_seaquest_thing other = {.x = 2, .y = 7, .right = 1};
    const ppi_seaquest_thing fish = {.x = 4, .y = 5, .timer = 3};
    s = quiet_sea();
    s.friendly = (ppi_seaquest_list){.count = 3, .at = {ahead, other, behind}};
    s.fish = (ppi_seaquest_list){.count = 1, .at = {fish}};
    assert_int_equal(game->step(&s, &run, PPI_SUITE_N), 1);
    assert_int_equal(s.fish.count, 0);
    assert_int_equal(s.friendly.count, 2);
    assert_int_equal(s.friendly.at[0].x, 3);
    assert_int_equal(s.friendly.at[0].y, 7);
    assert_int_equal(s.friendly.at[1].x, 5); /* handled again: two cells in one step */
    assert_int_equal(s.friendly.at[1].y, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_save),
        cmocka_unit_test(test_damaged_states),
        cmocka_unit_test(test_planted_damage),
        cmocka_unit_test(test_seaquest_twins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
