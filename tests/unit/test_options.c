/* Option tables: binding, setting, command line, names near a wrong one, JSON and help. */
#include "unit/base_test.h"

#include <math.h>

#include "base/mem.h"
#include "base/options.h"

typedef struct settings {
    int64_t steps;
    double lr;
    bool augment;
    char data[40];
    int view;
    double low;
} settings;

static const ppi_option rows[] = {
    {.name = "train.steps",
     .type = PPI_OPT_I64,
     .offset = offsetof(settings, steps),
     .def = "100",
     .min = 1,
     .max = 1e12,
     .help = "Optimiser steps."},
    {.name = "optim.lr",
     .type = PPI_OPT_F64,
     .offset = offsetof(settings, lr),
     .def = "1e-4",
     .min = 0,
     .max = 1,
     .help = "Learning rate.",
     .alias = "learning-rate"},
    {.name = "data.random-shift",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(settings, augment),
     .def = "on",
     .help = "Shift frames."},
    {.name = "data.names",
     .type = PPI_OPT_STR,
     .offset = offsetof(settings, data),
     .size = sizeof((settings *)0)->data,
     .help = "Data sets."},
    {.name = "env.view",
     .type = PPI_OPT_CHOICE,
     .offset = offsetof(settings, view),
     .def = "grey84",
     .choices = "planes|grey84|rgb-full",
     .help = "Observation."},
    {.name = "low", .type = PPI_OPT_F64, .offset = offsetof(settings, low), .def = "-inf"},
};
static const ppi_option_table table = {.component = "sample", .rows = rows, .count = 6};

static ppi_options *bind(settings *values) {
    ppi_options *options;
    memset(values, 0x5a, sizeof *values);
    CHECK_OK(ppi_options_create(&options));
    CHECK_OK(ppi_options_bind(options, &table, values));
    return options;
}

static void defaults_are_written(void **state) {
    (void)state;
    settings s;
    ppi_options *options = bind(&s);
    assert_int_equal(s.steps, 100);
    CHECK_NEAR(s.lr, 1e-4, 0.0);
    assert_true(s.augment);
    assert_string_equal(s.data, "");
    assert_int_equal(s.view, 1);
    assert_true(isinf(s.low) && s.low < 0);
    assert_false(ppi_options_was_set(options, "optim.lr"));
    assert_string_equal(ppi_options_source(options, "optim.lr"), "default");
    assert_null(ppi_options_source(options, "absent"));
    ppi_options_destroy(options);
    ppi_options_destroy(NULL);
}

static void values_are_set_from_text(void **state) {
    (void)state;
    settings s;
    ppi_options *options = bind(&s);
    char source[] = "recipe a.ini";
    CHECK_OK(ppi_options_set(options, "train.steps", "1e6", source));
    memset(source, 'x', sizeof source - 1); /* the set keeps its own copy */
    assert_int_equal(s.steps, 1000000);
    assert_string_equal(ppi_options_source(options, "train.steps"), "recipe a.ini");
    CHECK_OK(ppi_options_set(options, "learning_rate", "0.5", "command line"));
    CHECK_NEAR(s.lr, 0.5, 0.0);
    assert_true(ppi_options_was_set(options, "optim.lr"));
    CHECK_OK(ppi_options_set(options, "data.random_shift", "false", "command line"));
    assert_false(s.augment);
    CHECK_OK(ppi_options_set(options, "data.names", "  a,b;c ", "command line"));
    assert_string_equal(s.data, "a,b;c");
    CHECK_OK(ppi_options_set(options, "env.view", "rgb_full", "command line"));
    assert_int_equal(s.view, 2);
    ppi_buf text = {0};
    CHECK_OK(ppi_options_get_text(options, "env.view", &text));
    assert_string_equal(text.data, "rgb-full");
    ppi_buf_free(&text);
    ppi_options_destroy(options);
}

static void bad_values_leave_the_field(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *text;
    } cases[] = {
        {"train.steps", "0", "option \"train.steps\" is \"0\", expected a whole number from 1 to"},
        {"train.steps", "1.5", "\"1.5\""},
        {"train.steps", "12x", "\"12x\""},
        {"train.steps", "", "\"\""},
        {"train.steps", "99999999999999999999", "a whole number"},
        {"optim.lr", "nan", "expected a number from 0 to 1"},
        {"optim.lr", "-0.1", "from 0 to 1"},
        {"optim.lr", "fast", "\"fast\""},
        {"low", "x", "option \"low\" is \"x\", expected a number"},
        {"data.random-shift", "maybe", "expected on or off"},
        {"data.names", "0123456789012345678901234567890123456789", "40 bytes, expected at most 39"},
        {"data.names", "a ;b", "no ';' behind a space"},
        {"data.names", "a\nb", "control characters"},
        {"env.view", "gray84", "expected one of planes|grey84|rgb-full"},
        {"env.view", "", "expected one of"},
        {"env.view", "plane", "expected one of"},
    };
    settings s, before;
    ppi_options *options = bind(&s);
    before = s;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_FAILS(ppi_options_set(options, cases[i].name, cases[i].value, "command line"),
                    PP_ERR_ARGUMENT, cases[i].text);
        assert_memory_equal(&s, &before, sizeof s);
        assert_false(ppi_options_was_set(options, cases[i].name));
    }
    ppi_options_destroy(options);
}

static void unknown_names_get_the_nearest(void **state) {
    (void)state;
    settings s;
    ppi_options *options = bind(&s);
    CHECK_FAILS(ppi_options_set(options, "optim.lrr", "1", "x"), PP_ERR_ARGUMENT,
                "unknown option \"optim.lrr\", did you mean \"optim.lr\"?");
    CHECK_FAILS(ppi_options_set(options, "lr", "1", "x"), PP_ERR_ARGUMENT, "mean \"optim.lr\"?");
    CHECK_FAILS(ppi_options_set(options, "data.steps", "1", "x"), PP_ERR_ARGUMENT,
                "mean \"train.steps\"?");
    CHECK_FAILS(ppi_options_set(options, "Data.Ranodm_Shift", "1", "x"), PP_ERR_ARGUMENT,
                "mean \"data.random-shift\"?");
    CHECK_FAILS(ppi_options_set(options, "completely-else", "1", "x"), PP_ERR_ARGUMENT,
                "unknown option \"completely-else\"; --help lists all options");
    CHECK_FAILS(ppi_options_set(options, "learnig-rate", "1", "x"), PP_ERR_ARGUMENT,
                "did you mean \"learning-rate\"?");
    ppi_buf text = {0};
    CHECK_FAILS(ppi_options_get_text(options, "train.step", &text), PP_ERR_ARGUMENT, "train.steps");
    ppi_options_destroy(options);
}

static void edit_distances(void **state) {
    (void)state;
    static const char *const names[] = {"ale/pong", "ale/breakout", "arcade/catch"};
    assert_int_equal(ppi_edit_distance("", "abc"), 3);
    assert_int_equal(ppi_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(ppi_edit_distance("ab", "ba"), 1);
    assert_int_equal(ppi_edit_distance("A_b", "a-B"), 0);
    assert_string_equal(ppi_nearest_name("ale/pnog", names, 3), "ale/pong");
    assert_string_equal(ppi_nearest_name("arcade/cach", names, 3), "arcade/catch");
    assert_null(ppi_nearest_name("zzzzzzzz", names, 3));
    char lengthy[400];
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    assert_int_equal(ppi_edit_distance(lengthy, ""), 127);
}

static void assignments_are_told_from_paths(void **state) {
    (void)state;
    assert_true(ppi_options_is_assignment("optim.lr=3e-4"));
    assert_true(ppi_options_is_assignment("a_b-c="));
    assert_false(ppi_options_is_assignment("runs/lr=3"));
    assert_false(ppi_options_is_assignment("=3"));
    assert_false(ppi_options_is_assignment("runs"));
    assert_false(ppi_options_is_assignment(""));
}

static void arguments_in_every_form(void **state) {
    (void)state;
    settings s;
    ppi_options *options = bind(&s);
    char *argv[] = {"train",
                    "--train.steps",
                    "7",
                    "--optim.lr=0.25",
                    "env.view=planes",
                    "--no-data.random-shift",
                    "b/c=d",
                    "--data.names",
                    "-x",
                    "--",
                    "--low",
                    "low=1"};
    char *positional[12];
    int count;
    CHECK_OK(ppi_options_parse_args(options, 12, argv, &count, positional));
    assert_int_equal(s.steps, 7);
    CHECK_NEAR(s.lr, 0.25, 0.0);
    assert_int_equal(s.view, 0);
    assert_false(s.augment);
    assert_string_equal(s.data, "-x");
    assert_int_equal(count, 4);
    assert_string_equal(positional[0], "train");
    assert_string_equal(positional[1], "b/c=d");
    assert_string_equal(positional[2], "--low");
    assert_string_equal(positional[3], "low=1");
    assert_string_equal(ppi_options_source(options, "optim.lr"), "command line");
    char *flags[] = {"--data.random-shift", "run"};
    CHECK_OK(ppi_options_parse_args(options, 2, flags, &count, positional));
    assert_true(s.augment);
    assert_int_equal(count, 1);
    char *off[] = {"--data.random_shift", "off"};
    CHECK_OK(ppi_options_parse_args(options, 2, off, NULL, NULL));
    assert_false(s.augment);
    ppi_options_destroy(options);
}

static void bad_arguments_fail(void **state) {
    (void)state;
    static const struct {
        char *argv[2];
        int argc;
        const char *text;
    } cases[] = {
        {{"--train.steps"}, 1, "option \"--train.steps\" needs a value"},
        {{"--train.steps", "--optim.lr"}, 2, "\"--train.steps\" needs a value"},
        {{"--no-train.steps"}, 1, "unknown option \"no-train.steps\""},
        {{"--trian.steps=3"}, 1, "mean \"train.steps\"?"},
        {{"stray"}, 1, "argument \"stray\" is not an option"},
        {{"low=high"}, 1, "option \"low\" is \"high\""},
    };
    settings s;
    ppi_options *options = bind(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *argv[2] = {cases[i].argv[0], cases[i].argv[1]};
        CHECK_FAILS(ppi_options_parse_args(options, cases[i].argc, argv, NULL, NULL),
                    PP_ERR_ARGUMENT, cases[i].text);
    }
    ppi_options_destroy(options);
}

static void json_round_trip(void **state) {
    (void)state;
    settings s, t;
    ppi_options *a = bind(&s);
    ppi_options *b = bind(&t);
    ppi_buf text = {0};
    ppi_jsonw w;
    ppi_json *root;
    CHECK_OK(ppi_options_set(a, "optim.lr", "0.3", "x"));
    CHECK_OK(ppi_options_set(a, "data.names", "p \"q\"", "x"));
    CHECK_OK(ppi_options_set(a, "env.view", "planes", "x"));
    CHECK_OK(ppi_options_set(a, "data.random-shift", "off", "x"));
    ppi_jsonw_init(&w, &text, 0);
    CHECK_OK(ppi_options_write_json(a, &w));
    CHECK_OK(ppi_jsonw_finish(&w));
    assert_string_equal(text.data,
                        "{\"train.steps\": 100, \"optim.lr\": 0.3, \"data.random-shift\": false, "
                        "\"data.names\": \"p \\\"q\\\"\", \"env.view\": \"planes\", "
                        "\"low\": \"-inf\"}");
    CHECK_OK(ppi_json_parse(&root, text.data, text.len, "options"));
    CHECK_OK(ppi_options_from_json(b, root, "checkpoint"));
    assert_int_equal(t.view, s.view);
    assert_string_equal(t.data, s.data);
    CHECK_NEAR(t.lr, s.lr, 0.0);
    assert_false(t.augment);
    assert_string_equal(ppi_options_source(b, "low"), "checkpoint");
    ppi_json_free(root);
    ppi_buf_free(&text);
    CHECK_OK(ppi_json_parse(&root, "{\"optim.lr\": []}", 16, "options"));
    CHECK_FAILS(ppi_options_from_json(b, root, "x"), PP_ERR_CORRUPT, "\"optim.lr\" is an array");
    ppi_json_free(root);
    CHECK_OK(ppi_json_parse(&root, "3", 1, "options"));
    CHECK_FAILS(ppi_options_from_json(b, root, "x"), PP_ERR_CORRUPT, "expected an object");
    ppi_json_free(root);
    ppi_options_destroy(a);
    ppi_options_destroy(b);
}

static void help_shows_every_option(void **state) {
    (void)state;
    settings s;
    ppi_options *options = bind(&s);
    ppi_buf text = {0};
    CHECK_OK(ppi_options_help(options, &text));
    assert_non_null(strstr(text.data, "sample:\n"));
    assert_non_null(strstr(text.data, "--optim.lr X (or --learning-rate)  [1e-4]  from 0 to 1\n"));
    assert_non_null(strstr(text.data, "--env.view planes|grey84|rgb-full  [grey84]\n"));
    assert_non_null(strstr(text.data, "      Shift frames.\n"));
    ppi_buf_free(&text);
    ppi_options_destroy(options);
}

static void bad_tables_are_refused(void **state) {
    (void)state;
    static const ppi_option bad_default = {.name = "x", .type = PPI_OPT_I64, .def = "ten"};
    static const ppi_option_table bad = {.component = "bad", .rows = &bad_default, .count = 1};
    settings s;
    int64_t value = 0;
    ppi_options *options = bind(&s);
    CHECK_FAILS(ppi_options_bind(options, &table, &s), PP_ERR_ARGUMENT,
                "option \"train.steps\" of \"sample\" is already bound");
    CHECK_FAILS(ppi_options_bind(options, &bad, &value), PP_ERR_ARGUMENT,
                "default of \"x\": option \"x\" is \"ten\"");
    assert_null(ppi_options_source(options, "x"));
    ppi_options_destroy(options);
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_options_create(&options), PP_ERR_NO_MEMORY, "option set");
    CHECK_OK(ppi_options_create(&options));
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_options_bind(options, &table, &s), PP_ERR_NO_MEMORY, "option set");
    CHECK_OK(ppi_options_bind(options, &table, &s));
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_options_set(options, "low", "1", "new source"), PP_ERR_NO_MEMORY, "source");
    ppi_fault_clear();
    ppi_options_destroy(options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_written),
        cmocka_unit_test(values_are_set_from_text),
        cmocka_unit_test(bad_values_leave_the_field),
        cmocka_unit_test(unknown_names_get_the_nearest),
        cmocka_unit_test(edit_distances),
        cmocka_unit_test(assignments_are_told_from_paths),
        cmocka_unit_test(arguments_in_every_form),
        cmocka_unit_test(bad_arguments_fail),
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(help_shows_every_option),
        cmocka_unit_test(bad_tables_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
