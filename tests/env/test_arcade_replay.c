/* Long plays recorded on the reference packages (tools/golden_arcade.py). MinAtar's games and Catch
 * draw the same numbers; for the others the recorded events take the place of the draws. */
#include "env/arcade_test.h"

#include "base/json.h"

/* Two running checksums that the files hold after every `every` steps, and where they stand. */
typedef struct checks {
    const char *what;
    const ppi_json *planes;
    const ppi_json *rewards;
    int64_t every;
    int64_t steps;
    uint32_t seen;
    uint32_t scored;
} checks;

static ppi_json *load(const char *name) {
    char path[PPI_PATH_SIZE];
    char part[128];
    snprintf(part, sizeof(part), "tests/golden/arcade/%s.json", name);
    ASSERT_OK(ppi_path_join(path, sizeof(path), getenv("PP_SOURCE_DIR"), part));
    ppi_json *root = NULL;
    ASSERT_OK(ppi_json_load(&root, path));
    return root;
}

static int64_t number(const ppi_json *object, const char *key) {
    int64_t value = 0;
    ASSERT_OK(ppi_json_get_i64(object, key, &value));
    return value;
}

static int64_t item(const ppi_json *array, int64_t index) {
    int64_t value = 0;
    ASSERT_OK(ppi_json_as_i64(ppi_json_at(array, index), "an element", &value));
    return value;
}

static const char *text(const ppi_json *object, const char *key) {
    const char *value = NULL;
    ASSERT_OK(ppi_json_get_string(object, key, &value));
    return value;
}

static const ppi_json *array(const ppi_json *object, const char *key) {
    const ppi_json *value = NULL;
    ASSERT_OK(ppi_json_get_array(object, key, &value));
    return value;
}

static checks checks_of(const char *what, const ppi_json *object, int64_t every) {
    return (checks){.what = what,
                    .planes = array(object, "planes"),
                    .rewards = array(object, "rewards"),
                    .every = every};
}

static void add(checks *c, const void *seen, size_t seen_size, const void *scored,
                size_t scored_size) {
    c->seen = ppi_crc32(c->seen, seen, seen_size);
    c->scored = ppi_crc32(c->scored, scored, scored_size);
    if (++c->steps % c->every != 0) return;
    const int64_t at = c->steps / c->every - 1;
    if (c->seen != (uint32_t)item(c->planes, at) || c->scored != (uint32_t)item(c->rewards, at)) {
        fail_msg("%s: steps %lld to %lld differ in %s", c->what, (long long)(at * c->every + 1),
                 (long long)c->steps,
                 c->scored == (uint32_t)item(c->rewards, at) ? "what is shown" : "rewards or ends");
    }
    c->seen = 0;
    c->scored = 0;
}

/* The planes, and the low byte of the reward with the flag of the end. */
static void add_step(checks *c, const arcade *a) {
    const uint8_t pair[2] = {(uint8_t)(int)a->result.reward, a->result.terminated};
    add(c, a->obs, (size_t)a->spec.obs_bytes, pair, sizeof(pair));
}

static void play_minatar(const ppi_json *row, int64_t steps, int64_t every) {
    char id[PP_ENV_ID_BYTES];
    snprintf(id, sizeof(id), "arcade/%s", text(row, "game"));
    pp_env_config config = arcade_config(id);
    config.parity = 1;
    ASSERT_OK(ppi_json_get_f64(row, "sticky", &config.sticky));
    uint32_t x = (uint32_t)number(row, "seed");
    arcade a;
    arcade_open(&a, &config);
    arcade_reset(&a, x);
    checks c = checks_of(id, row, every);
    bool ended = false;
    int after = 0;
    for (int64_t s = 0; s < steps; s++) {
        if (ended && after == 0) {
            arcade_reset(&a, PP_ENV_KEEP_SEED);
            ended = false;
        }
        const uint32_t v = next_value(&x);
        arcade_play(&a, (int32_t)(v % 6));
        add_step(&c, &a);
        if (ended) {
            after--;
        } else if (a.result.terminated) {
            ended = true;
            after = (v >> 8) % 4 == 0 ? 3 : 0;
        }
    }
    assert_int_equal(c.steps, ppi_json_count(c.planes) * every);
    arcade_close(&a);
}

static void test_minatar(void **state) {
    (void)state;
    ppi_json *root = load("minatar");
    const ppi_json *games = array(root, "games");
    assert_int_equal(ppi_json_count(games), 10);
    for (int64_t g = 0; g < ppi_json_count(games); g++) {
        play_minatar(ppi_json_at(games, g), number(root, "steps"), number(root, "every"));
    }
    ppi_json_free(root);
}

static void test_catch(void **state) {
    (void)state;
    static const int32_t k_native[3] = {PPI_SUITE_L, PPI_SUITE_N, PPI_SUITE_R};
    ppi_json *root = load("catch");
    pp_env_config config = arcade_config("arcade/catch");
    config.parity = 1;
    arcade a;
    arcade_open(&a, &config);
    checks c = checks_of("catch", root, number(root, "every"));
    uint32_t x = (uint32_t)number(root, "seed");
    const int64_t steps = number(root, "steps");
    for (int64_t s = 0; s < steps; s++) {
        const int32_t action = k_native[next_value(&x) % 3];
        if (s == 0) {
            arcade_reset(&a, (uint64_t)number(root, "seed"));
        } else {
            arcade_play(&a, action); /* after an end this is a reset */
        }
        uint8_t joined[50];
        for (int i = 0; i < 50; i++) joined[i] = a.obs[2 * i] | a.obs[2 * i + 1];
        const uint8_t pair[2] = {(uint8_t)(int)a.result.reward, a.result.terminated};
        add(&c, joined, sizeof(joined), pair, sizeof(pair));
    }
    assert_int_equal(c.steps, ppi_json_count(c.planes) * c.every);
    arcade_close(&a);
    ppi_json_free(root);
}

static const int32_t k_native4[4] = {PPI_SUITE_U, PPI_SUITE_R, PPI_SUITE_D, PPI_SUITE_L};

/* State of an instance to come back to. */
typedef struct snapshot {
    uint8_t bytes[4096];
    uint64_t size;
    uint8_t obs[1024];
    pp_env_result result;
} snapshot;

static void take(snapshot *s, arcade *a) {
    assert_int_equal(a->table->save_state(a->env, s->bytes, sizeof(s->bytes), &s->size, &a->error),
                     PP_OK);
    memcpy(s->obs, a->obs, (size_t)a->spec.obs_bytes);
    s->result = a->result;
}

static void restore(arcade *a, const snapshot *s) {
    assert_int_equal(a->table->load_state(a->env, s->bytes, s->size, &a->error), PP_OK);
    memcpy(a->obs, s->obs, (size_t)a->spec.obs_bytes);
    a->result = s->result;
}

/* What one game needs for its replay. */
typedef struct replay {
    arcade a;
    checks c;
    const char *actions;
    const char *legal; /* hexadecimal digit per step, bit i = native action i */
    const ppi_json *events;
    int64_t next_event;
    snapshot before;
} replay;

static int64_t event(replay *r) {
    return item(r->events, r->next_event++);
}

static void open_replay(replay *r, const char *id, const ppi_json *root, const ppi_json *run,
                        int32_t mode) {
    pp_env_config config = arcade_config(id);
    config.parity = 1;
    config.mode = mode;
    arcade_open(&r->a, &config);
    r->c = checks_of(id, run, number(root, "every"));
    r->actions = text(run, "actions");
    r->legal = ppi_json_find(run, "legal") == NULL ? NULL : text(run, "legal");
    r->events = array(run, "events");
    r->next_event = 0;
    assert_int_equal(strlen(r->actions), number(root, "steps"));
}

static void close_replay(replay *r) {
    assert_int_equal(r->next_event, ppi_json_count(r->events));
    assert_int_equal(r->c.steps, ppi_json_count(r->c.planes) * r->c.every);
    arcade_close(&r->a);
}

/* Resets with these draws; all of them must be used. */
static void scripted_reset(arcade *a, const double *draws, int64_t count) {
    ppi_arcade_script(a->env, draws, count);
    arcade_reset(a, PP_ENV_KEEP_SEED);
    assert_int_equal(ppi_arcade_run_of(a->env)->script_left, 0);
}

/* Plays every action from here and compares with the recorded mask: is_legal looks at the instance
 * after the action, `before` holds it as it was. */
static void check_legal(replay *r, int64_t step, bool (*is_legal)(const replay *r)) {
    const char digit = r->legal[step];
    const int recorded = digit <= '9' ? digit - '0' : digit - 'a' + 10;
    int mask = 0;
    ppi_arcade_script(r->a.env, NULL, 0);
    take(&r->before, &r->a);
    for (int i = 0; i < 4; i++) {
        arcade_play(&r->a, k_native4[i]);
        mask |= is_legal(r) ? 1 << i : 0;
        restore(&r->a, &r->before);
    }
    if (mask != recorded) {
        fail_msg("step %lld: legal actions %x, recorded %x", (long long)step + 1, mask, recorded);
    }
}

/* Number of cells below `cell` where plane `plane` is not set. */
static int64_t unset_below(const arcade *a, int64_t cell, int32_t plane) {
    int64_t count = 0;
    for (int64_t i = 0; i < cell; i++) count += a->obs[i * a->spec.obs_c + plane] == 0;
    return count;
}

static bool snake_lives(const replay *r) {
    return !r->a.result.terminated;
}

static void snake_reset(replay *r) {
    const int64_t head = event(r);
    const int64_t fruit = event(r);
    const double draws[3] = {(double)(head / 12), (double)(head % 12),
                             (double)(fruit - (fruit > head))};
    scripted_reset(&r->a, draws, 3);
    assert_int_equal(plane_cell(&r->a, 3), fruit);
}

/* A step that eats draws a fruit among the cells that are empty then: those empty now but for the
 * fruit's own. */
static void snake_step(replay *r, int32_t action) {
    double draw = 0.0;
    if (r->next_event < ppi_json_count(r->events)) {
        const int64_t next = item(r->events, r->next_event);
        draw = (double)(unset_below(&r->a, next, 0) - (plane_cell(&r->a, 3) < next));
    }
    ppi_arcade_script(r->a.env, &draw, 1);
    arcade_play(&r->a, k_native4[action]);
    if (r->a.result.reward > 0) assert_int_equal(plane_cell(&r->a, 3), event(r));
    ppi_arcade_script(r->a.env, NULL, 0);
}

static void test_snake(void **state) {
    (void)state;
    static replay r;
    ppi_json *root = load("snake");
    open_replay(&r, "arcade/snake", root, root, 0);
    for (int64_t s = 0; r.actions[s] != '\0'; s++) {
        if (s == 0 || r.a.result.terminated) snake_reset(&r);
        snake_step(&r, r.actions[s] - '0');
        add_step(&r.c, &r.a);
        if (!r.a.result.terminated) check_legal(&r, s, snake_lives);
    }
    close_replay(&r);
    ppi_json_free(root);
}

static bool board_changed(const replay *r) {
    return memcmp(r->a.obs, r->before.obs, (size_t)r->a.spec.obs_bytes) != 0;
}

/* Draws that put the next recorded tile on a board whose first empty cell has just been filled, or
 * on an empty board. */
static void tile_draws(replay *r, double *draws, bool first_filled) {
    const int64_t tile = event(r);
    const int64_t cell = tile / 4;
    int64_t empty_below = 0;
    for (int64_t i = 0; i < cell; i++) empty_below += r->a.obs[i * 18];
    const bool filled = r->a.obs[cell * 18] == 0;
    draws[0] = (double)(!first_filled ? cell : filled ? 0 : empty_below + 1);
    draws[1] = tile % 4 == 2 ? 0.05 : 0.5;
}

static void board_reset(replay *r) {
    double draws[2];
    tile_draws(r, draws, false);
    scripted_reset(&r->a, draws, 2);
}

/* Played once with the tile on the first empty cell, to see which cells are empty by then. */
static void board_step(replay *r, int32_t action) {
    double draws[2] = {0.0, 0.5};
    take(&r->before, &r->a);
    ppi_arcade_script(r->a.env, draws, 2);
    arcade_play(&r->a, k_native4[action]);
    const bool moved = board_changed(r);
    assert_int_equal(ppi_arcade_run_of(r->a.env)->script_left, moved ? 0 : 2);
    if (!moved) return;
    tile_draws(r, draws, true);
    restore(&r->a, &r->before);
    ppi_arcade_script(r->a.env, draws, 2);
    arcade_play(&r->a, k_native4[action]);
}

static void test_2048(void **state) {
    (void)state;
    static replay r;
    ppi_json *root = load("2048");
    open_replay(&r, "arcade/2048", root, root, 0);
    for (int64_t s = 0; r.actions[s] != '\0'; s++) {
        if (s == 0 || r.a.result.terminated) board_reset(&r);
        board_step(&r, r.actions[s] - '0');
        const uint32_t reward = (uint32_t)r.a.result.reward;
        const uint8_t scored[5] = {(uint8_t)reward, (uint8_t)(reward >> 8), (uint8_t)(reward >> 16),
                                   (uint8_t)(reward >> 24), r.a.result.terminated};
        add(&r.c, r.a.obs, (size_t)r.a.spec.obs_bytes, scored, sizeof(scored));
        if (!r.a.result.terminated) check_legal(&r, s, board_changed);
    }
    close_replay(&r);
    ppi_json_free(root);
}

static void rooms_reset(replay *r, bool drawn) {
    if (!drawn) {
        arcade_reset(&r->a, PP_ENV_KEEP_SEED);
        return;
    }
    const int64_t goal = event(r);
    const int64_t start = event(r);
    arcade_reset(&r->a, PP_ENV_KEEP_SEED); /* shows the walls */
    const int64_t goal_index = unset_below(&r->a, goal, 0);
    const int64_t start_index = unset_below(&r->a, start, 0);
    /* The last free cell stands in for a start that was drawn on the goal. */
    const double draws[2] = {(double)goal_index,
                             (double)(start_index == 103 ? goal_index : start_index)};
    scripted_reset(&r->a, draws, 2);
}

static void test_four_rooms(void **state) {
    (void)state;
    static replay r;
    ppi_json *root = load("four_rooms");
    const ppi_json *runs = array(root, "runs");
    assert_int_equal(ppi_json_count(runs), 2);
    for (int64_t i = 0; i < 2; i++) {
        bool drawn = false;
        ASSERT_OK(ppi_json_get_bool(ppi_json_at(runs, i), "drawn", &drawn));
        open_replay(&r, "arcade/four_rooms", root, ppi_json_at(runs, i), drawn ? 1 : 0);
        assert_int_equal(r.a.spec.max_steps, 500);
        for (int64_t s = 0; r.actions[s] != '\0'; s++) {
            if (s == 0 || arcade_ended(&r.a)) rooms_reset(&r, drawn);
            arcade_play(&r.a, k_native4[r.actions[s] - '0']);
            const int32_t agent = plane_cell(&r.a, 1);
            const int32_t goal = plane_cell(&r.a, 2);
            const uint8_t seen[4] = {(uint8_t)(agent / 13), (uint8_t)(agent % 13),
                                     (uint8_t)(goal / 13), (uint8_t)(goal % 13)};
            const uint8_t scored[3] = {(uint8_t)r.a.result.reward, r.a.result.terminated,
                                       r.a.result.truncated};
            add(&r.c, seen, sizeof(seen), scored, sizeof(scored));
        }
        close_replay(&r);
    }
    ppi_json_free(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minatar),    cmocka_unit_test(test_catch),
        cmocka_unit_test(test_snake),      cmocka_unit_test(test_2048),
        cmocka_unit_test(test_four_rooms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
