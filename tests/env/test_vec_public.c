/* The public calls of polyplay/vec.h: what they open, what they refuse, and an environment of the
 * program's own. */
#include "env/env_test.h"
#include "env/fake_env.h"

#include "base/mem.h"

static pp_vec_config config_of(const char *env, int32_t count) {
    pp_vec_config config = {.struct_size = sizeof(config), .env = env, .count = count};
    config.threads = 1;
    return config;
}

static void test_play(void **state) {
    (void)state;
    pp_vec *vec = NULL;
    pp_vec_config config = config_of("arcade/catch", 3);
    config.options = "env.view=grey84  env.sticky=0.5\tenv.mode=2";
    ASSERT_OK(pp_vec_open(&vec, &config));
    const pp_vec_rows *rows = pp_vec_rows_of(vec);
    assert_int_equal(rows->count, 3);
    assert_int_equal(rows->obs_bytes, 84 * 84);
    assert_null(rows->final_obs);
    const pp_env_spec *spec = pp_vec_spec(vec, 2);
    assert_string_equal(spec->view, "grey84");
    assert_true(spec->sticky == 0.5);
    assert_int_equal(spec->mode, 2);
    assert_null(pp_vec_spec(vec, 3));
    assert_null(pp_vec_spec(vec, -1));
    ASSERT_OK(pp_vec_reset(vec, 5));
    const int32_t actions[3] = {0, 4, 3};
    int ends = 0;
    for (int s = 0; s < 20; s++) {
        ASSERT_OK(pp_vec_step(vec, actions, NULL));
        ends += rows->terminated[0];
    }
    assert_int_equal(ends, 2); /* episodes of 9 steps, and one step between two */
    assert_int_equal(rows->episode_length[0], 9);
    assert_true(rows->episode_return[0] == 1 || rows->episode_return[0] == -1);
    uint8_t *rgb = calloc(1, (size_t)(spec->render_h * spec->render_w * 3));
    ASSERT_OK(pp_vec_render(vec, 1, rgb));
    free(rgb);
    pp_vec_close(vec);
}

/* Environment i is seeded seed + i. */
static void test_seeds(void **state) {
    (void)state;
    pp_vec *vec = NULL;
    pp_vec_config config = config_of(FAKE_ID, 3);
    const int64_t tasks[3] = {4, 5, 6};
    config.tasks = tasks;
    config.autoreset = PP_AUTORESET_SAME_STEP;
    ASSERT_OK(pp_vec_open(&vec, &config));
    const pp_vec_rows *rows = pp_vec_rows_of(vec);
    assert_non_null(rows->final_obs);
    ASSERT_OK(pp_vec_reset(vec, 100));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rows->obs[i * FAKE_OBS + 1], 100 + i);
        assert_int_equal(rows->obs[i * FAKE_OBS + 3], 4 + i);
    }
    ASSERT_OK(pp_vec_reset_one(vec, 1, 7));
    assert_int_equal(rows->obs[FAKE_OBS + 1], 7);
    ASSERT_OK(pp_vec_reset_one(vec, 1, PP_ENV_KEEP_SEED));
    assert_int_equal(rows->obs[FAKE_OBS + 1], 8);
    const int32_t actions[3] = {1, FAKE_BAD_ACTION, 1};
    assert_int_equal(pp_vec_step(vec, actions, NULL), PP_ERR_IO);
    assert_string_equal(pp_vec_failure(vec, 1), "the line is dead");
    assert_string_equal(pp_vec_failure(vec, 0), "");
    assert_string_equal(pp_vec_failure(vec, 9), "");
    pp_vec_close(vec);
}

static void test_states(void **state) {
    (void)state;
    pp_vec *vec = NULL;
    const pp_vec_config config = config_of("arcade/catch", 1);
    ASSERT_OK(pp_vec_open(&vec, &config));
    ASSERT_OK(pp_vec_reset(vec, 3));
    const pp_vec_rows *rows = pp_vec_rows_of(vec);
    const int32_t left = 4;
    for (int s = 0; s < 4; s++) ASSERT_OK(pp_vec_step(vec, &left, NULL));
    uint64_t needed = 0;
    ASSERT_OK(pp_vec_save_state(vec, 0, NULL, 0, &needed));
    assert_true(needed > 0);
    uint8_t *buffer = malloc(needed);
    uint8_t wanted[100];
    assert_int_equal(pp_vec_save_state(vec, 0, buffer, needed - 1, &needed), PP_ERR_ARGUMENT);
    ASSERT_OK(pp_vec_save_state(vec, 0, buffer, needed, &needed));
    memcpy(wanted, rows->obs, sizeof(wanted));
    for (int s = 0; s < 9; s++) ASSERT_OK(pp_vec_step(vec, &left, NULL));
    ASSERT_OK(pp_vec_load_state(vec, 0, buffer, needed));
    assert_memory_equal(wanted, rows->obs, sizeof(wanted));
    assert_int_equal(rows->steps[0], 4);
    assert_int_equal(pp_vec_load_state(vec, 0, buffer, needed / 2), PP_ERR_CORRUPT);
    assert_int_equal(pp_vec_load_state(vec, 1, buffer, needed), PP_ERR_ARGUMENT);
    free(buffer);
    pp_vec_close(vec);
}

/* A list is dealt out in turn; without a count every id gets one environment. */
static void test_lists(void **state) {
    (void)state;
    pp_vec *vec = NULL;
    pp_vec_config config = config_of("arcade/catch,arcade/c*", 0);
    ASSERT_OK(pp_vec_open(&vec, &config));
    assert_int_equal(pp_vec_rows_of(vec)->count, 1);
    pp_vec_close(vec);
    config = config_of("arcade/catch," FAKE_ID, 3);
    assert_int_equal(pp_vec_open(&vec, &config), PP_ERR_SHAPE);
    ASSERT_ERROR_HAS(FAKE_ID);
    assert_null(vec);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *env;
        const char *options;
        int32_t count;
        int32_t autoreset;
        pp_status status;
        const char *text;
    } rows[] = {
        {"arcade/catsh", NULL, 1, 0, PP_ERR_NOT_FOUND, "arcade/catch"},
        {"@arcad5", NULL, 1, 0, PP_ERR_NOT_FOUND, "@arcade5"},
        {"arcade/catch", "env.view=plains", 1, 0, PP_ERR_ARGUMENT, "planes"},
        {"arcade/catch", "env.mode=9", 1, 0, PP_ERR_ARGUMENT, "0..2"},
        {"arcade/catch", "env.sticki=0", 1, 0, PP_ERR_ARGUMENT, "env.sticky"},
        {"arcade/catch", "env.sticky", 1, 0, PP_ERR_ARGUMENT, "env.sticky=VALUE"},
        {"arcade/catch", "env.protocol=jowa", 1, 0, PP_ERR_ARGUMENT, "jowa"},
        {"arcade/catch", NULL, -1, 0, PP_ERR_ARGUMENT, "-1 environments"},
        {"arcade/catch", NULL, 1, 3, PP_ERR_ARGUMENT, "autoreset mode 3"},
        {"ale/joust", NULL, 1, 0, PP_ERR_UNSUPPORTED, "two players"},
        {"", NULL, 1, 0, PP_ERR_ARGUMENT, "empty"},
    };
    pp_vec *vec = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pp_vec_config config = config_of(rows[i].env, rows[i].count);
        config.options = rows[i].options;
        config.autoreset = rows[i].autoreset;
        assert_int_equal(pp_vec_open(&vec, &config), rows[i].status);
        ASSERT_ERROR_HAS(rows[i].text);
        assert_null(vec);
    }
    pp_vec_config config = config_of("arcade/catch", 1);
    config.struct_size = 8;
    assert_int_equal(pp_vec_open(&vec, &config), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("struct_size");
    assert_int_equal(pp_vec_open(&vec, NULL), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("config is NULL");
    config = config_of(NULL, 1);
    assert_int_equal(pp_vec_open(&vec, &config), PP_ERR_ARGUMENT);
    assert_int_equal(pp_vec_reset(NULL, 0), PP_ERR_ARGUMENT);
    assert_int_equal(pp_vec_reset_one(NULL, 0, 0), PP_ERR_ARGUMENT);
    assert_int_equal(pp_vec_step(NULL, NULL, NULL), PP_ERR_ARGUMENT);
    assert_int_equal(pp_vec_save_state(NULL, 0, NULL, 0, NULL), PP_ERR_ARGUMENT);
    assert_int_equal(pp_vec_load_state(NULL, 0, NULL, 0), PP_ERR_ARGUMENT);
    assert_int_equal(pp_vec_render(NULL, 0, NULL), PP_ERR_ARGUMENT);
    assert_null(pp_vec_rows_of(NULL));
    assert_null(pp_vec_spec(NULL, 0));
    pp_vec_close(NULL);
}

static void test_register(void **state) {
    (void)state;
    assert_true(ppi_env_known(FAKE_ID)); /* by the set-up of this file */
    assert_int_equal(pp_env_register(&fake_table), PP_ERR_EXISTS);
    ASSERT_ERROR_HAS(FAKE_ID);
    assert_int_equal(pp_env_register(NULL), PP_ERR_ARGUMENT);
    pp_env_vtable table = fake_table;
    table.name = "counter";
    assert_int_equal(pp_env_register(&table), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("family/name");
    table.name = "arcade/catch";
    assert_int_equal(pp_env_register(&table), PP_ERR_EXISTS);
    table = fake_table;
    table.abi_version = 1;
    assert_int_equal(pp_env_register(&table), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("version 1");
    bool listed = false;
    for (int i = 0; i < ppi_env_count(); i++) {
        ppi_env_entry entry;
        ASSERT_OK(ppi_env_entry_at(&entry, i, NULL));
        if (strcmp(entry.id, FAKE_ID) == 0) {
            listed = entry.available && strcmp(entry.backend, "program") == 0;
        }
    }
    assert_true(listed);
}

/* Every allocation of opening and resetting may fail; nothing is lost and nothing is left. */
static void test_no_memory(void **state) {
    (void)state;
    pp_vec_config config = config_of("arcade/catch", 3);
    config.threads = 2;
    config.autoreset = PP_AUTORESET_SAME_STEP;
    config.options = "env.view=planes";
    pp_status status = PP_ERR_NO_MEMORY;
    int failures = 0;
    for (int64_t n = 1; status != PP_OK; n++) {
        pp_vec *vec = NULL;
        ppi_fault_set(PPI_FAULT_ALLOC, n);
        status = pp_vec_open(&vec, &config);
        const pp_status reset = status == PP_OK ? pp_vec_reset(vec, 1) : status;
        ppi_fault_clear();
        if (status != PP_OK) {
            assert_int_equal(status, PP_ERR_NO_MEMORY);
            assert_null(vec);
        } else if (reset != PP_OK) {
            assert_int_equal(reset, PP_ERR_NO_MEMORY);
            ASSERT_OK(pp_vec_reset(vec, 1));
            status = reset;
        }
        failures += status != PP_OK;
        pp_vec_close(vec);
    }
    assert_true(failures > 15);
}

static int setup(void **state) {
    (void)state;
    return pp_env_register(&fake_table) == PP_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_play),      cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_states),    cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_register),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
