/* Splitting of the command line into common options, positional words and the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

enum { MAX_WORDS = 16 };

/* Words of one test in writable memory, as main gets them. */
typedef struct words {
    char text[MAX_WORDS][64];
    char *argv[MAX_WORDS];
    int argc;
} words;

static void set_words(words *w, const char *line) {
    char copy[512];
    char *save = NULL;
    strncpy(copy, line, sizeof(copy) - 1);
    copy[sizeof(copy) - 1] = 0;
    w->argc = 0;
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        strncpy(w->text[w->argc], word, sizeof(w->text[0]) - 1);
        w->argv[w->argc] = w->text[w->argc];
        w->argc++;
    }
}

static void join(const ppi_cli_args *args, char *out) {
    out[0] = 0;
    for (int i = 0; i < args->argc; i++) {
        if (i) strcat(out, " ");
        strcat(out, args->argv[i]);
    }
}

static void common_options_are_taken_out(void **state) {
    (void)state;
    words w = {0};
    ppi_cli_args args = {0};
    char rest[512];
    set_words(&w, "mgdt --dry-run --steps 3 --config a.ini --device=cpu --print_config x=1");
    assert_int_equal(ppi_cli_args_split(&args, w.argc, w.argv), PP_OK);
    assert_true(args.dry_run);
    assert_true(args.print_config);
    assert_false(args.help);
    assert_string_equal(args.config, "a.ini");
    join(&args, rest);
    assert_string_equal(rest, "mgdt --steps 3 x=1");
}

static void missing_or_wrong_values_are_errors(void **state) {
    (void)state;
    words w = {0};
    ppi_cli_args args = {0};
    set_words(&w, "mgdt --config");
    assert_int_equal(ppi_cli_args_split(&args, w.argc, w.argv), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "--config needs a value"));
    set_words(&w, "mgdt --device gpu");
    assert_int_equal(ppi_cli_args_split(&args, w.argc, w.argv), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "'gpu'"));
}

static void first_word_is_taken_unless_it_is_an_option(void **state) {
    (void)state;
    words w = {0};
    ppi_cli_args args = {0};
    set_words(&w, "runs/a --x 1");
    assert_int_equal(ppi_cli_args_split(&args, w.argc, w.argv), PP_OK);
    assert_string_equal(ppi_cli_args_take(&args), "runs/a");
    assert_null(ppi_cli_args_take(&args));
    set_words(&w, "optim.lr=1");
    assert_int_equal(ppi_cli_args_split(&args, w.argc, w.argv), PP_OK);
    assert_null(ppi_cli_args_take(&args));
    set_words(&w, "runs/lr=1 --x 1");
    assert_int_equal(ppi_cli_args_split(&args, w.argc, w.argv), PP_OK);
    assert_string_equal(ppi_cli_args_take(&args), "runs/lr=1");
}

static void expect_resume(const char *line, bool is_switch, const char *expected) {
    words w = {0};
    ppi_cli_args args = {0};
    char rest[512];
    set_words(&w, line);
    assert_int_equal(ppi_cli_args_split(&args, w.argc, w.argv), PP_OK);
    assert_int_equal(ppi_cli_args_resume(&args, is_switch), PP_OK);
    join(&args, rest);
    assert_string_equal(rest, expected);
}

static void resume_takes_a_value_or_none(void **state) {
    (void)state;
    expect_resume("--resume", false, "--resume=auto");
    expect_resume("--resume --steps 3", false, "--resume=auto --steps 3");
    expect_resume("--resume auto --steps 3", false, "--resume auto --steps 3");
    expect_resume("--resume runs/a", false, "--resume runs/a");
    expect_resume("--resume runs/lr=1", false, "--resume runs/lr=1");
    expect_resume("--resume steps=3", false, "--resume=auto steps=3");
    expect_resume("--steps 3", false, "--steps 3");
    expect_resume("--resume auto --steps 3", true, "--resume --steps 3");
    expect_resume("--resume=auto --steps 3", true, "--resume --steps 3");
    expect_resume("--resume", true, "--resume");
}

static void a_switch_takes_no_other_value(void **state) {
    (void)state;
    words w = {0};
    ppi_cli_args args = {0};
    set_words(&w, "--resume somewhere");
    assert_int_equal(ppi_cli_args_split(&args, w.argc, w.argv), PP_OK);
    assert_int_equal(ppi_cli_args_resume(&args, true), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "'somewhere'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_options_are_taken_out),
        cmocka_unit_test(missing_or_wrong_values_are_errors),
        cmocka_unit_test(first_word_is_taken_unless_it_is_an_option),
        cmocka_unit_test(resume_takes_a_value_or_none),
        cmocka_unit_test(a_switch_takes_no_other_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
