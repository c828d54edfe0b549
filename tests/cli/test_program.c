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
static int run(const char *arguments) {
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

static void expect(int code, const char *arguments, const char *text) {
    int got = run(arguments);
    if (got != code || !strstr(output, text))
        fail_msg("polyplay %s: exit code %d, want %d; text wanted '%s'; output:\n%s", arguments,
                 got, code, text, output);
}

static void help_names_verbs_and_options(void **state) {
    (void)state;
    expect(0, "help", "collect");
    expect(0, "--version", "polyplay ");
    expect(0, "version", "libraries: oneDNN ");
    expect(0, "train mgdt --steps 3 --version", "polyplay ");
    expect(0, "help", "version");
    expect(0, "help version", "usage: polyplay VERB");
    expect(0, "--help", "usage: polyplay VERB");
    expect(0, "collect --help", "--policy");
    expect(0, "help train", "checkpoint");
    expect(0, "train mgdt --help", "optim");
    expect(0, "eval --help", "protocol");
    assert_null(strstr(output, "\n  --protocol"));
    expect(0, "play --help", "gif");
    assert_null(strstr(output, "\n  --protocol"));
    expect(0, "forward --help", "--in");
    expect(0, "bench --help", "batch");
    expect(0, "data --help", "data show");
    expect(0, "info --help", "--ops");
    expect(0, "sweep --help", "--jobs");
}

static void mistakes_get_the_nearest_name(void **state) {
    (void)state;
    expect(2, "", "no verb");
    expect(2, "trian", "did you mean 'train'");
    expect(2, "help trian", "did you mean 'train'");
    expect(2, "xyzzy", "`polyplay help` lists them");
    expect(2, "info --opps", "did you mean \"ops\"");
    expect(2, "info --info.opps", "did you mean \"info.ops\"");
    expect(2, "bench trian", "bench takes one of train|");
    expect(2, "forward", "run folder");
    expect(2, "forward r/mgdt --in a.safetensors", "info --io r/mgdt");
    const char *limit = getenv("POLYPLAY_MAX_ISA");
    char kept[32];
    snprintf(kept, sizeof kept, "%s", limit != NULL ? limit : "");
    assert_int_equal(setenv("POLYPLAY_MAX_ISA", "avx", 1), 0);
    expect(2, "info", "POLYPLAY_MAX_ISA is \"avx\"");
    assert_int_equal(setenv("POLYPLAY_MAX_ISA", kept, 1), 0);
    expect(2, "collect --polcy random", "policy");
    expect(2, "collect --env arcade/catch --policy dirchlet --out none",
           "did you mean 'dirichlet'? The policies are random and dirichlet");
    expect(2, "collect --env arcade/catch --policy xyzzy --dry-run",
           "no policy 'xyzzy'; the policies are random and dirichlet");
    assert_false(ppi_file_exists("none"));
    expect(2, "collect --steps many --env arcade/catch", "many");
    expect(2, "data shwo x", "data show");
    expect(2, "data lsit", "did you mean 'data list'");
    expect(2, "data convert x", "expected list, show, inspect");
    expect(2, "data validate", "needs a dataset");
    expect(1, "data validate no/such/set", "no/such/set");
    expect(2, "collect", "--env");
    expect(2, "train", "method");
    expect(2, "eval", "run folder");
    expect(2, "bench", "bench takes one of train|");
    assert_int_not_equal(run("train mgtd --data x"), 0);
    assert_non_null(strstr(output, "mgdt"));
    assert_int_not_equal(run("collect --env arcade/cacth --policy random --steps 1 --out none"), 0);
    assert_non_null(strstr(output, "arcade/catch"));
    assert_int_not_equal(run("eval no/such/run --env arcade/catch"), 0);
    assert_non_null(strstr(output, "no/such/run"));
    assert_int_not_equal(run("data show no/such/set"), 0);
    assert_non_null(strstr(output, "no/such/set"));
}

static void options_can_be_shown_without_doing(void **state) {
    (void)state;
    expect(0, "collect --env arcade/catch --steps 12 --out nothing --print-config", "command line");
    expect(0, "collect --env arcade/catch --steps 12 --out nothing --dry-run", "nothing was done");
    assert_false(ppi_file_exists("nothing"));
    assert_int_equal(run("collect --env arcade/catch --steps 12 --print-config > shown.ini"), 0);
    expect(0, "collect --config shown.ini --print-config", "12");
    /* The recipe of the size is part of what is shown, and does not win over what was given. */
    expect(0, "train mgdt --model tiny --print-config", "name = adamw ; recipe tiny");
    expect(0, "train mgdt --model tiny --print-config", "batch = 32 ; recipe");
    expect(0, "train mgdt --model 10m --optim.lr 0.5 --print-config", "name = lamb ; recipe 10m");
    expect(2, "train mgdt --method bc --print-config", "options are of method bc");
    expect(1, "train mgdt --model smal --print-config", "did you mean \"small\"");
}

static void info_lists(void **state) {
    (void)state;
    expect(0, "info", "kernels");
    expect(0, "info --envs", "arcade/catch");
    expect(0, "info --methods", "mgdt");
    expect(0, "info --ops", "layer_norm");
}

/* A dry run tells what a run would tell, and leaves no run folder. */
static void a_dry_run_checks_everything(void) {
#define DRY      "train mgdt --model tiny --batch 2 --threads 1 --out r/mgdt --dry-run "
#define DRY_DATA DRY "--data d/arcade/catch/dirichlet-v0 "
    expect(0, DRY_DATA, "dry run: nothing was done");
    expect(0, DRY_DATA, "train mgdt/tiny: ");
    expect(0, DRY_DATA "--optim.lr 0.5", "lr = 0.5 ; command line");
    expect(0, DRY_DATA "--eval.every 2", "env = arcade/catch ; games of the run");
    expect(2, DRY, "--data");
    expect(1, DRY "--data d/arcade/catch/none-v0", "none-v0");
    expect(1, DRY_DATA "--model.board 7x7x2",
           "dataset arcade/catch/dirichlet-v0: observations of 10x5x2 do not fit");
    expect(1, DRY_DATA "--resume r/none", "r/none");
    assert_false(ppi_dir_exists("r"));
#undef DRY_DATA
#undef DRY
}

static void whole_path_on_catch(void **state) {
    (void)state;
    assert_int_equal(ppi_dir_remove("d"), PP_OK);
    assert_int_equal(ppi_dir_remove("r"), PP_OK);
    expect(0, "collect --env arcade/catch --policy dirichlet --steps 600 --out d --seed 1",
           "collect arcade/catch: 648 steps in "); /* 8 environments finish their ninth episode */
    assert_non_null(strstr(output, "72 episodes, 648 steps"));
    expect(1, "collect --env arcade/catch --policy dirichlet --steps 600 --out d --seed 1",
           "--append");
    expect(0, "data show d/arcade/catch/dirichlet-v0", "episodes");
    expect(0, "data list d", "arcade/catch/dirichlet-v0 ");
    expect(0, "data validate d/arcade/catch/dirichlet-v0", "\nvalid\n");
    a_dry_run_checks_everything();
    expect(0,
           "train mgdt --model tiny --data d/arcade/catch/dirichlet-v0 --steps 3 --batch 2 "
           "--out r/mgdt --seed 1 --threads 1",
           "tok/s");
    assert_true(ppi_file_exists("r/mgdt/config.resolved.ini"));
    assert_true(ppi_file_exists("r/mgdt/checkpoints/latest"));
    expect(1, "train mgdt --model tiny --data d/arcade/catch/dirichlet-v0 --steps 3 --out r/mgdt",
           "--resume");
    expect(0,
           "train bc --model tiny --data d/arcade/catch/dirichlet-v0 --steps 3 --batch 2 "
           "--out r/bc --seed 1 --threads 1",
           "tok/s");
    expect(0, "eval r/mgdt --env arcade/catch --episodes 2 --threads 1", "protocol");
    expect(0, "play r/mgdt --env arcade/catch --gif catch.gif --threads 1",
           "wrote catch.gif: 10 of 10 pictures of episode 0");
    assert_true(ppi_file_exists("catch.gif"));
    expect(0, "info --io r/mgdt", "action_logits");
    expect(0, "info --plan r/mgdt", "layer_norm");
    expect(0,
           "train mgdt --model tiny --data d/arcade/catch/dirichlet-v0 --steps 5 --batch 2 "
           "--out r/mgdt --seed 1 --threads 1 --resume auto",
           "step 5");
    assert_non_null(strstr(output, "train: 2 steps in ")); /* steps 1 to 3 were made before */
}

/* The learner's options are known to the command that names it. */
static void learners_have_their_own_options(void **state) {
    (void)state;
    expect(0, "train dqn --help", "--replay.capacity");
    expect(0, "collect --learner qtable --help", "--histories");
    expect(0, "collect --env dark/room --learner a2c --print-config", "steps = 800000");
    expect(2, "collect --env dark/room --learner ucb --print-config", "use --steps");
    expect(2, "train qtable", "--env");
    expect(2, "train qtable --env dark/room --data d", "mgdt, bc");
    expect(2, "train mgdt --env dark/room --data d", "--eval.env");
    expect(1, "train qtabel --env dark/room", "did you mean \"qtable\"");
    expect(2, "collect --env dark/room --learner mgdt", "learns from data");
    expect(2, "collect --env dark/room --histories 3", "--learner");
    assert_int_equal(
        run("collect --env dark/room --learner qtable --steps 40 --print-config > shown.ini"), 0);
    expect(2, "collect --config shown.ini --print-config", "qtable");
    expect(0, "collect --config shown.ini --learner qtable --print-config", "steps = 40");
}

static void learners_learn_and_play(void **state) {
    (void)state;
    assert_int_equal(ppi_dir_remove("d2"), PP_OK);
    assert_int_equal(ppi_dir_remove("r2"), PP_OK);
    expect(0, "collect --env dark/room --learner qtable --histories 3 --steps 200 --out d2",
           "d2/dark/room/qtable-v0: 30 episodes, 600 steps");
    expect(1, "collect --env dark/room --learner qtable --histories 3 --steps 200 --out d2",
           "--append");
    expect(0, "collect --env dark/room --learner qtable --histories 3 --steps 200 --out d2 --resume",
           "everything is there already");
    expect(0, "data validate d2/dark/room/qtable-v0", "\nvalid\n");
    expect(0, "train qtable --env dark/room --steps 400 --out r2/q --log-data d2 --log-name own-v0 "
              "--dry-run",
           "train qtable/small: ");
    assert_false(ppi_dir_exists("r2"));
    expect(0, "train qtable --env dark/room --steps 400 --out r2/q --log-data d2 --log-name own-v0",
           "history d2/dark/room/own-v0");
    expect(0, "train qtable --env dark/room --steps 400 --out r2/q --resume", "steps 400 ");
    expect(1, "train qtable --env dark/room --steps 400 --out r2/q", "--resume auto");
    expect(0, "eval r2/q --env dark/room --episodes 3 --threads 1", "protocol");
    expect(0, "eval r2/q --env dark/room --tasks all --episodes 3 --threads 1", "protocol");
    expect(0, "play r2/q --env dark/room --gif room.gif --threads 1", "wrote room.gif");
}

/* A grid over a learner, and what the exit code says of a failing run. */
static void sweep_runs_a_recipe(void **state) {
    static const char good[] = "[train]\nmethod = qtable\nenv = dark/room\nsteps = 200\n"
                               "[grid]\nqtable.lr = 0.1, 0.5\n"
                               "[eval]\nenv = dark/room\nepisodes = 2\n";
    static const char bad[] = "[train]\nmethod = qtable\nsteps = 200\n"
                              "[cell.good]\nenv = dark/room\n[cell.bad]\nenv = watermaze\n"
                              "[eval]\nenv = dark/room\nepisodes = 2\n";
    static const char wrong[] = "[train]\nmethod = qtable\nsteps = 200\n"
                                "[cell.good]\nenv = dark/room\n[cell.bad]\nenv = dark/hall\n"
                                "[eval]\nenv = dark/room\nepisodes = 2\n";
    (void)state;
    assert_int_equal(ppi_dir_remove("r3"), PP_OK);
    assert_int_equal(ppi_file_write_atomic("good.ini", good, strlen(good)), PP_OK);
    assert_int_equal(ppi_file_write_atomic("bad.ini", bad, strlen(bad)), PP_OK);
    assert_int_equal(ppi_file_write_atomic("wrong.ini", wrong, strlen(wrong)), PP_OK);
    expect(2, "sweep", "sweep needs a recipe");
    expect(1, "sweep nowhere.ini", "nowhere.ini");
    expect(2, "sweep good.ini --only lr=0.2", "did you mean");
    expect(0, "sweep good.ini --out r3 --dry-run", "lr=0.5 seed 1: to be trained for 200\n");
    assert_false(ppi_dir_exists("r3"));
    expect(0, "sweep good.ini --out r3 --jobs 2 --threads 1", "[2/2] lr=0.");
    assert_non_null(strstr(output, "table r3/good.csv, figure r3/good.svg"));
    expect(0, "sweep good.ini --out r3", "[2/2] lr=0.5 seed 1: 200 updates, mean return");
    expect(1, "sweep wrong.ini --out r4", "there is no environment 'dark/hall'");
    expect(1, "sweep bad.ini --out r3", "1 of 2 runs failed");
    assert_non_null(strstr(output, "good  1/1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_names_verbs_and_options),
        cmocka_unit_test(mistakes_get_the_nearest_name),
        cmocka_unit_test(options_can_be_shown_without_doing),
        cmocka_unit_test(info_lists),
        cmocka_unit_test(whole_path_on_catch),
        cmocka_unit_test(learners_have_their_own_options),
        cmocka_unit_test(learners_learn_and_play),
        cmocka_unit_test(sweep_runs_a_recipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
