/* The program as a user calls it: every verb once, on the built-in game, and every kind of mistake.
 * Starts build/polyplay with a shell, reads its output and its exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char output[1 << 18]; /* standard output and error of the last call */

/* Runs `polyplay <arguments>`; returns the exit code, -1 when it did not exit by itself. */
static int run(const char *arguments)
{
    char command[4096];
    const char *build = getenv("PP_BINARY_DIR");
    assert_non_null(build);
    snprintf(command, sizeof(command), "'%s/polyplay' %s 2>&1", build, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t length = 0, got;
    while ((got = fread(output + length, 1, sizeof(output) - 1 - length, pipe)) > 0) length += got;
    output[length] = 0;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(int code, const char *arguments, const char *text)
{
    int got = run(arguments);
    if (got != code || !strstr(output, text))
        fail_msg("polyplay %s: exit code %d, want %d; text wanted '%s'; output:\n%s", arguments, got,
                 code, text, output);
}

static void help_names_verbs_and_options(void **state)
{
    (void)state;
    expect(0, "help", "collect");
    expect(0, "--version", "polyplay ");
    expect(0, "collect --help", "--policy");
    expect(0, "help train", "checkpoint");
    expect(0, "train mgdt --help", "optim");
    expect(0, "eval --help", "protocol");
    expect(0, "play --help", "gif");
    expect(0, "forward --help", "--in");
    expect(0, "bench --help", "batch");
    expect(0, "data --help", "data show");
    expect(0, "info --help", "--ops");
}

static void mistakes_get_the_nearest_name(void **state)
{
    (void)state;
    expect(2, "", "no verb");
    expect(2, "trian", "did you mean 'train'");
    expect(2, "collect --polcy random", "policy");
    expect(2, "collect --steps many --env arcade/catch", "many");
    expect(2, "data shwo x", "data show");
    expect(2, "collect", "--env");
    expect(2, "train", "method");
    expect(2, "eval", "run folder");
    expect(2, "bench", "train, act, loader, env");
    assert_int_not_equal(run("train mgtd --data x"), 0);
    assert_non_null(strstr(output, "mgdt"));
    assert_int_not_equal(run("collect --env arcade/cacth --policy random --steps 1 --out none"), 0);
    assert_non_null(strstr(output, "arcade/catch"));
    assert_int_not_equal(run("eval no/such/run --env arcade/catch"), 0);
    assert_non_null(strstr(output, "no/such/run"));
    assert_int_not_equal(run("data show no/such/set"), 0);
    assert_non_null(strstr(output, "no/such/set"));
}

static void options_can_be_shown_without_doing(void **state)
{
    (void)state;
    expect(0, "collect --env arcade/catch --steps 12 --out nothing --print-config", "command line");
    expect(0, "collect --env arcade/catch --steps 12 --out nothing --dry-run", "nothing was done");
    assert_false(ppi_file_exists("nothing"));
    assert_int_equal(run("collect --env arcade/catch --steps 12 --print-config > shown.ini"), 0);
    expect(0, "collect --config shown.ini --print-config", "12");
}

static void info_lists(void **state)
{
    (void)state;
    expect(0, "info", "kernels");
    expect(0, "info --envs", "arcade/catch");
    expect(0, "info --methods", "mgdt");
    expect(0, "info --ops", "layer_norm");
}

static void whole_path_on_catch(void **state)
{
    (void)state;
    assert_int_equal(ppi_dir_remove("d"), PP_OK);
    assert_int_equal(ppi_dir_remove("r"), PP_OK);
    expect(0, "collect --env arcade/catch --policy dirichlet --steps 600 --out d --seed 1",
           "arcade/catch");
    expect(1, "collect --env arcade/catch --policy dirichlet --steps 600 --out d --seed 1",
           "--append");
    expect(0, "data show d/arcade/catch/dirichlet-v0", "episodes");
    expect(0, "train mgdt --model tiny --data d/arcade/catch/dirichlet-v0 --steps 3 --batch 2 "
              "--out r/mgdt --seed 1 --threads 1", "tok/s");
    assert_true(ppi_file_exists("r/mgdt/config.resolved.ini"));
    assert_true(ppi_file_exists("r/mgdt/checkpoints/latest"));
    expect(1, "train mgdt --model tiny --data d/arcade/catch/dirichlet-v0 --steps 3 --out r/mgdt",
           "--resume");
    expect(0, "train bc --model tiny --data d/arcade/catch/dirichlet-v0 --steps 3 --batch 2 "
              "--out r/bc --seed 1 --threads 1", "tok/s");
    expect(0, "eval r/mgdt --env arcade/catch --episodes 2 --threads 1", "protocol");
    expect(0, "play r/mgdt --env arcade/catch --gif catch.gif --threads 1", "catch.gif");
    assert_true(ppi_file_exists("catch.gif"));
    expect(0, "info --io r/mgdt", "action_logits");
    expect(0, "info --plan r/mgdt", "layer_norm");
    expect(0, "train mgdt --model tiny --data d/arcade/catch/dirichlet-v0 --steps 5 --batch 2 "
              "--out r/mgdt --seed 1 --threads 1 --resume auto", "step 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_names_verbs_and_options),
        cmocka_unit_test(mistakes_get_the_nearest_name),
        cmocka_unit_test(options_can_be_shown_without_doing),
        cmocka_unit_test(info_lists),
        cmocka_unit_test(whole_path_on_catch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
