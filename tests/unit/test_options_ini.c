/* Recipe files: reading people's layouts, long lines, errors with their line, exact round trips. */
#include "unit/base_test.h"

#include "base/file.h"
#include "base/options.h"

typedef struct settings {
    int64_t seed;
    double lr;
    double decay;
    char names[2000];
    char note[40];
} settings;

static const ppi_option rows[] = {
    {.name = "optim.lr", .type = PPI_OPT_F64, .offset = offsetof(settings, lr), .def = "0.1"},
    {.name = "data.names",
     .type = PPI_OPT_STR,
     .offset = offsetof(settings, names),
     .size = sizeof((settings *)0)->names},
    {.name = "seed", .type = PPI_OPT_I64, .offset = offsetof(settings, seed)},
    {.name = "optim.weight-decay", .type = PPI_OPT_F64, .offset = offsetof(settings, decay)},
    {.name = "data.filter.note",
     .type = PPI_OPT_STR,
     .offset = offsetof(settings, note),
     .size = sizeof((settings *)0)->note},
};
static const ppi_option_table table = {.component = "sample", .rows = rows, .count = 5};

static ppi_options *bind(settings *values) {
    ppi_options *options;
    CHECK_OK(ppi_options_create(&options));
    CHECK_OK(ppi_options_bind(options, &table, values));
    return options;
}

static pp_status load(ppi_options *options, const char *text) {
    return ppi_options_load_ini_text(options, text, strlen(text), "dir/small.ini");
}

static void reads_common_layouts(void **state) {
    (void)state;
    settings s;
    ppi_options *options = bind(&s);
    CHECK_OK(load(options, "# recipe\r\nseed = 3\r\n\n; more\n[optim]\n  lr=0.5 ; inline\n"
                           "\tweight_decay = 1e-3\n[data]\nnames = a b;c , d\n"
                           "filter.note =\n[]\nseed : 4"));
    assert_int_equal(s.seed, 4);
    CHECK_NEAR(s.lr, 0.5, 0.0);
    CHECK_NEAR(s.decay, 1e-3, 0.0);
    assert_string_equal(s.names, "a b;c , d");
    assert_string_equal(s.note, "");
    assert_string_equal(ppi_options_source(options, "optim.lr"), "recipe small.ini");
    assert_true(ppi_options_was_set(options, "data.filter.note"));
    CHECK_OK(load(options, ""));
    CHECK_OK(load(options, "\n\n;x"));
    ppi_options_destroy(options);
}

static void long_lines_stay_whole(void **state) {
    (void)state;
    settings s;
    ppi_options *options = bind(&s);
    static char value[1900], text[2200];
    for (size_t i = 0; i + 1 < sizeof value; i++) value[i] = "ab, cd;e#f  "[i * 7 % 12];
    value[0] = 'x';
    value[1] = 'x';
    for (size_t i = 1; i + 1 < sizeof value; i++) {
        if (value[i] == ';' && value[i - 1] == ' ') value[i] = 'y';
    }
    value[sizeof value - 2] = 'z';
    snprintf(text, sizeof text, "[data]\nnames = %s\n[optim]\nlr = 0.25\nbad = 1\n", value);
    CHECK_FAILS(load(options, text), PP_ERR_ARGUMENT, "dir/small.ini:5: unknown option");
    assert_string_equal(s.names, value);
    CHECK_NEAR(s.lr, 0.25, 0.0);
    ppi_options_destroy(options);
}

static void errors_carry_their_line(void **state) {
    (void)state;
    static char lengthy[600];
    settings s;
    ppi_options *options = bind(&s);
    CHECK_FAILS(load(options, "seed = 1\n[optim]\nlrr = 3\n"), PP_ERR_ARGUMENT,
                "dir/small.ini:3: unknown option \"optim.lrr\", did you mean \"optim.lr\"?");
    CHECK_FAILS(load(options, "\nseed = many\n"), PP_ERR_ARGUMENT,
                "dir/small.ini:2: option \"seed\" is \"many\"");
    CHECK_FAILS(load(options, "seed = 1\nwhat is this\n"), PP_ERR_ARGUMENT,
                "dir/small.ini:2: expected");
    CHECK_FAILS(load(options, "[optim\nlr = 1\n"), PP_ERR_ARGUMENT, "dir/small.ini:1: expected");
    snprintf(lengthy, sizeof lengthy, "[data]\nnames = %0500d\nstray\n", 1);
    CHECK_FAILS(load(options, lengthy), PP_ERR_ARGUMENT, "dir/small.ini:3: expected");
    CHECK_FAILS(ppi_options_load_ini(options, "none.ini"), PP_ERR_NOT_FOUND, "none.ini");
    ppi_options_destroy(options);
}

static void written_files_read_back(void **state) {
    (void)state;
    settings s, t;
    ppi_options *a = bind(&s);
    ppi_options *b = bind(&t);
    ppi_buf text = {0}, again = {0};
    static char many[1500];
    for (size_t i = 0; i + 1 < sizeof many; i++) many[i] = "ale/pong/random,"[i % 16];
    CHECK_OK(ppi_options_set(a, "optim.lr", "0.30000000000000004", "command line"));
    CHECK_OK(ppi_options_set(a, "seed", "-9223372036854775808", "command line"));
    CHECK_OK(ppi_options_set(a, "data.names", many, "recipe x.ini"));
    CHECK_OK(ppi_options_set(a, "data.filter.note", "a = b # c [d]", "recipe x.ini"));
    CHECK_OK(ppi_options_write_ini(a, &text));
    const char *start = "seed = -9223372036854775808 ; command line\n\n"
                        "[optim]\nlr = 0.30000000000000004 ; command line\n"
                        "weight-decay = 0 ; default\n\n[data]\nnames = ale/pong";
    assert_memory_equal(text.data, start, strlen(start));
    CHECK_OK(ppi_file_write_atomic("resolved.ini", text.data, text.len));
    CHECK_OK(ppi_options_load_ini(b, "resolved.ini"));
    assert_int_equal(t.seed, s.seed);
    CHECK_NEAR(t.lr, s.lr, 0.0);
    assert_string_equal(t.names, s.names);
    assert_string_equal(t.note, s.note);
    CHECK_OK(ppi_options_write_ini(b, &again));
    assert_non_null(strstr(again.data, "seed = -9223372036854775808 ; recipe resolved.ini\n"));
    ppi_buf_free(&text);
    ppi_buf_free(&again);
    ppi_options_destroy(a);
    ppi_options_destroy(b);
}

static void any_cut_ends_orderly(void **state) {
    (void)state;
    static const char text[] = "seed = 3\n[optim]\nlr = 0.5 ; note\n[data]\nnames = a,b\n";
    settings s;
    ppi_options *options = bind(&s);
    for (size_t size = 0; size < sizeof text; size++) {
        char *exact = malloc(size > 0 ? size : 1);
        assert_non_null(exact);
        memcpy(exact, text, size);
        const pp_status status = ppi_options_load_ini_text(options, exact, size, "cut");
        assert_true(status == PP_OK || status == PP_ERR_ARGUMENT);
        free(exact);
    }
    ppi_options_destroy(options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_common_layouts),    cmocka_unit_test(long_lines_stay_whole),
        cmocka_unit_test(errors_carry_their_line), cmocka_unit_test(written_files_read_back),
        cmocka_unit_test(any_cut_ends_orderly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
