/* `bench env`: the lines it prints and the mistakes it names. No figure is judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "run/bench.h"

static void keep(void *ctx, const char *line) {
    assert_int_equal(ppi_buf_printf(ctx, "%s\n", line), PP_OK);
}

/* Runs with the settings name=value, a NULL behind the last. */
static pp_status bench(ppi_buf *lines, const char *const *settings) {
    ppi_options *set = NULL;
    ppi_bench_options o;
    memset(&o, 0, sizeof(o));
    ppi_buf_clear(lines);
    assert_int_equal(ppi_options_create(&set), PP_OK);
    assert_int_equal(ppi_options_bind(set, &ppi_bench_option_table, &o), PP_OK);
    for (; *settings != NULL; settings += 2)
        assert_int_equal(ppi_options_set(set, settings[0], settings[1], "test"), PP_OK);
    const pp_status status = ppi_bench("env", &o, keep, lines);
    ppi_options_destroy(set);
    return status;
}

static void one_environment(void **state) {
    static const char *const settings[] = {"env", "dark/room", "steps", "5", "envs",
                                           "7",   "threads",   "1",     NULL};
    ppi_buf lines = {0};
    (void)state;
    assert_int_equal(bench(&lines, settings), PP_OK);
    assert_non_null(strstr(lines.data, "env_steps_per_second "));
    assert_non_null(strstr(lines.data, "env_frames_per_second "));
    assert_non_null(strstr(lines.data, "env_count 7 envs\n"));
    assert_non_null(strstr(lines.data, "env_reward "));
    ppi_buf_free(&lines);
}

/* Every view of every built-in environment has its line, and the slowest arcade game one a view. */
static void every_environment(void **state) {
    static const char *const settings[] = {"steps", "2", "envs", "3", NULL};
    static const char *const wanted[] = {
        "env.dark/room.cells ",       "env.dark/key-to-door.cells-time ", "env.watermaze.24x32 ",
        "env.bandit/uniform.cells",   "env.arcade/2048.grey84 ",          "env.arcade/pong.planes ",
        "env.arcade.slowest.planes ", "env.arcade.slowest.grey84 ",
    };
    ppi_buf lines = {0};
    (void)state;
    assert_int_equal(bench(&lines, settings), PP_OK);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        assert_non_null(strstr(lines.data, wanted[i]));
    ppi_buf_free(&lines);
}

static void json_lines(void **state) {
    static const char *const settings[] = {"steps",  "2",    "envs", "3", "view",
                                           "grey84", "json", "on",   NULL};
    ppi_buf lines = {0};
    int count = 0;
    char *rest = NULL;
    (void)state;
    assert_int_equal(bench(&lines, settings), PP_OK);
    for (char *line = strtok_r(lines.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        ppi_json *json = NULL;
        assert_int_equal(ppi_json_parse(&json, line, strlen(line), "line"), PP_OK);
        assert_non_null(ppi_json_find(json, "value"));
        ppi_json_free(json);
        count++;
    }
    assert_int_equal(count, 11); /* ten games and the slowest */
    ppi_buf_free(&lines);
}

static void mistakes(void **state) {
    static const char *const no_env[] = {"env", "dark/rom", "steps", "1", NULL};
    static const char *const no_view[] = {"env", "dark/room", "view", "planes", "steps", "1", NULL};
    ppi_buf lines = {0};
    (void)state;
    assert_int_equal(bench(&lines, no_env), PP_ERR_NOT_FOUND);
    assert_non_null(strstr(pp_last_error(), "dark/room"));
    assert_int_equal(bench(&lines, no_view), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "'planes'"));
    ppi_buf_free(&lines);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_environment),
        cmocka_unit_test(every_environment),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
