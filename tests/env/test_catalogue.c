/* The list of environments: what the tables of facts say must be what the environments do. */
#include "env/env_test.h"

#include <math.h>

#include "base/json.h"
#include "env/catalogue.h"
#include "env/facts.h"

/* Creates an environment; true when that works. */
static bool creates(const char *id, const char *view, int64_t mode) {
    ppi_env_options options;
    ppi_env env;
    ppi_env_options_default(&options);
    snprintf(options.view, sizeof(options.view), "%s", view);
    options.mode = mode;
    const pp_status status = ppi_env_create(&env, id, &options);
    ppi_env_destroy(&env);
    return status == PP_OK;
}

/* Every view and mode of the facts exists, the next mode does not, the first view is the default.
 */
static void check_facts(const char *id) {
    ppi_env_facts facts;
    char views[128];
    char *rest = NULL;
    int count = 0;
    if (!ppi_env_facts_of(&facts, id)) fail_msg("%s has no facts", id);
    snprintf(views, sizeof(views), "%s", facts.views);
    for (char *view = strtok_r(views, " ", &rest); view != NULL;
         view = strtok_r(NULL, " ", &rest)) {
        if (!creates(id, view, 0)) fail_msg("%s, view %s: %s", id, view, pp_last_error());
        if (count++ == 0) {
            ppi_env env;
            pp_env_spec spec;
            ASSERT_OK(ppi_env_create(&env, id, NULL));
            env.vtable->describe(env.state, &spec);
            assert_string_equal(spec.view, view);
            assert_string_equal(spec.id, id);
            ppi_env_destroy(&env);
        }
    }
    assert_true(count > 0);
    if (creates(id, "no-such-view", 0)) fail_msg("%s accepts an unknown view", id);
    assert_true(facts.modes >= 1);
    for (int mode = 0; mode < facts.modes; mode++) assert_true(creates(id, "", mode));
    if (creates(id, "", facts.modes)) fail_msg("%s has more than %d modes", id, facts.modes);
    assert_true(facts.good > facts.random);
    assert_true(facts.good_is[0] != '\0');
}

static void test_facts(void **state) {
    (void)state;
    int built_in = 0;
    for (int i = 0; i < ppi_env_count(); i++) {
        ppi_env_entry entry;
        ASSERT_OK(ppi_env_entry_at(&entry, i, NULL));
        if (strcmp(entry.backend, "ale") == 0) continue;
        check_facts(entry.id);
        built_in++;
    }
    assert_int_equal(built_in, 18);
    ppi_env_facts facts;
    assert_true(ppi_env_facts_of(&facts, "ale/pong"));
    assert_true(facts.random == -20.7 && facts.good == 14.6);
    assert_false(ppi_env_facts_of(&facts, "gym/CartPole-v1"));
    assert_false(ppi_env_facts_of(&facts, "dark/cellar"));
}

static void test_lines(void **state) {
    (void)state;
    ppi_buf text = {0};
    ppi_env_options options;
    ppi_env_options_default(&options);
    ASSERT_OK(ppi_env_catalogue(&text, "", &options, false));
    assert_non_null(strstr(text.data, "\ndark/room-hard "));
    assert_non_null(strstr(text.data, "\nale/zaxxon "));
    assert_non_null(strstr(text.data, "2 in 0..16"));
    assert_non_null(strstr(text.data, "16.54 best possible\n"));
    assert_null(strstr(text.data, "actions:"));
    ppi_buf_clear(&text);
    ASSERT_OK(ppi_env_catalogue(&text, "arcade/catch,@arcade-new", &options, false));
    assert_non_null(strstr(text.data, "actions: 0 NOOP, 4 LEFT, 3 RIGHT\n"));
    assert_non_null(strstr(text.data, "3 environments, 3 ready to play\n"));
    assert_null(strstr(text.data, "dark/room"));
    ppi_buf_clear(&text);
    assert_int_equal(ppi_env_catalogue(&text, "arcade/catsh", &options, false), PP_ERR_NOT_FOUND);
    ASSERT_ERROR_HAS("arcade/catch");
    ppi_buf_free(&text);
}

static void test_json(void **state) {
    (void)state;
    ppi_buf text = {0};
    ppi_json *list = NULL;
    ppi_env_options options;
    ppi_env_options_default(&options);
    ASSERT_OK(ppi_env_catalogue(&text, "", &options, true));
    ASSERT_OK(ppi_json_parse(&list, text.data, text.len, "list"));
    assert_int_equal(ppi_json_count(list), ppi_env_count());
    ppi_json_free(list);
    ppi_buf_clear(&text);
    ASSERT_OK(ppi_env_catalogue(&text, "dark/key-to-door", &options, true));
    ASSERT_OK(ppi_json_parse(&list, text.data, text.len, "list"));
    const ppi_json *room = ppi_json_at(list, 0);
    const char *views = NULL;
    int64_t number = 0;
    double score = 0;
    ASSERT_OK(ppi_json_get_string(room, "views", &views));
    assert_string_equal(views, "cells cells-key cells-time");
    ASSERT_OK(ppi_json_get_i64(room, "tasks", &number));
    assert_int_equal(number, 6561);
    ASSERT_OK(ppi_json_get_i64(room, "max_steps", &number));
    assert_int_equal(number, 50);
    ASSERT_OK(ppi_json_get_f64(room, "good_score", &score));
    assert_true(score == 2);
    assert_int_equal(ppi_json_count(ppi_json_find(room, "action_names")), 5);
    ppi_json_free(list);
    ppi_buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
