/* polyplay data as a user calls it, on learning histories that the test records. */
#include "data/history_test.h"

#include <sys/wait.h>

static char output[1 << 18]; /* standard output and error of the last call */

static void expect(int code, const char *arguments, const char *text) {
    char command[4096];
    const char *build = getenv("PP_BINARY_DIR");
    assert_non_null(build);
    snprintf(command, sizeof command, "COLUMNS=80 '%s/polyplay' data %s 2>&1", build, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t length = 0, got;
    while ((got = fread(output + length, 1, sizeof output - 1 - length, pipe)) > 0) length += got;
    output[length] = 0;
    int status = pclose(pipe);
    int left = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (left != code || !strstr(output, text))
        fail_msg("polyplay data %s: exit code %d, want %d; text wanted '%s'; output:\n%s",
                 arguments, left, code, text, output);
}

static void has(const char *text) {
    if (!strstr(output, text)) fail_msg("no '%s' in:\n%s", text, output);
}

static void write_set(const char *folder, const char *side, int64_t first, int64_t count) {
    ppi_store_meta meta = history_meta(PP_OBS_CELLS);
    ppi_history *h = NULL;
    snprintf(meta.tasks, sizeof meta.tasks, "%s", side);
    meta.seeds[0] = 50 + (uint64_t)first;
    assert_ok(ppi_dir_remove(folder));
    assert_ok(ppi_history_create(&h, folder, &meta));
    for (int64_t i = first; i < first + count; i++) {
        history_player p;
        history_start(h, &meta, &p, i);
        assert_ok(history_play(h, &meta, &p, 300));
    }
    assert_ok(ppi_history_commit(h, 0));
}

static int setup(void **state) {
    (void)state;
    assert_ok(ppi_dir_remove("root"));
    write_set("root/t/history/a2c-v0", "train", 0, 4);
    write_set("root/t/history/a2c-v1", "test", 3, 2);
    write_set("root/t/history/a2c-v2", "train", 4, 2);
    return 0;
}

static void shows_the_curve(void **state) {
    (void)state;
    size_t size = 0;
    expect(0, "show root/t/history/a2c-v0", "histories      4 of 300 to 300 steps, learner a2c");
    has("tasks          10 to 13, side train, split seed 3");
    has("mean of 4 histories, 1 standard deviation");
    has("return of an episode");
    has("environment steps of all streams");
    has("\xe2\xa1"); /* braille */
    has("1k");       /* 4 streams of 300 steps */
    assert_ok(ppi_file_remove("curve.svg"));
    expect(0, "show root/t/history/a2c-v0 --svg curve.svg --width 60", "svg            curve.svg");
    char *svg = test_slurp("curve.svg", &size);
    assert_non_null(strstr(svg, "<svg xmlns="));
    assert_non_null(strstr(svg, "t/history/a2c-v0"));
    assert_non_null(strstr(svg, "fill-opacity")); /* the band */
    assert_non_null(strstr(svg, "</svg>"));
    ppi_free(svg);
    expect(1, "show root/t/history/a2c-v0 --svg nowhere/curve.svg", "nowhere/curve.svg");
    expect(2, "show root/t/history/a2c-v0 root/t/history/a2c-v1 --svg a.svg", "takes one dataset");
    expect(2, "show root/t/history/a2c-v0 --width 20", "width is 20, expected 0 or 40 to 400");
    expect(2, "show --svg a.svg", "data show needs a dataset folder or id");
    expect(1, "show root/t/history/a2c-v9", "a2c-v9");
}

static void lists_and_inspects(void **state) {
    (void)state;
    expect(0, "list root", "t/history/a2c-v0");
    has("4 episodes, 1200 steps");
    expect(2, "list root more", "data list takes at most 1 dataset, not also 'more'");
    expect(0, "inspect root/t/history/a2c-v0 --history 2 --first 290 --count 2",
           "learner a2c, task 12, actors 4");
    has("rows           290 to 291");
    expect(0, "inspect root/t/history/a2c-v0 --episode 1 --json", "\"steps\": [{\"row\": ");
    expect(2, "inspect root/t/history/a2c-v0 --history 4", "group 4 asked, it has 0 to 3");
    expect(2, "inspect", "data inspect needs a dataset");
    expect(2, "inspect root/t/history/a2c-v0 --frist 3", "did you mean \"first\"");
}

static void validates(void **state) {
    (void)state;
    expect(0, "validate root/t/history/a2c-v0", "valid\n");
    has("histories      4, 0 of a task and seed that are there already");
    expect(0, "validate root/t/history/a2c-v0 root/t/history/a2c-v2", "valid\n");
    expect(1, "validate root/t/history/a2c-v0 root/t/history/a2c-v1",
           "task 13 of t/history is in root/t/history/a2c-v0 (train, episode_3)");
    /* A dataset of an environment that this program has, but with other observations. */
    write_set("root/odd-v0", "train", 0, 1);
    test_patch("root/odd-v0", "\"env\": \"t/history\"", "\"env\": \"arcade/catch\"");
    test_patch("root/odd-v0", "\"backend\": \"\"", "\"backend\": \"arcade\"");
    test_patch("root/odd-v0", "\"view\": \"\"", "\"view\": \"planes\"");
    expect(1, "validate root/odd-v0", "of arcade/catch is");
    test_patch("root/odd-v0", "\"env\": \"arcade/catch\"", "\"env\": \"arcade/cetch\"");
    expect(1, "validate root/odd-v0", "environment arcade/cetch of the backend arcade is unknown");
    assert_ok(ppi_dir_remove("root/odd-v0"));
}

static void combines_and_deletes(void **state) {
    (void)state;
    assert_ok(ppi_dir_remove("root/t/history/all-v0"));
    expect(0, "combine root/t/history/a2c-v0 root/t/history/a2c-v2 --out root/t/history/all-v0",
           "histories      6 of 300 to 300 steps");
    has("dataset        t/history/all-v0");
    expect(1, "combine root/t/history/a2c-v0 --out root/t/history/all-v0", "something is there");
    expect(2, "combine root/t/history/a2c-v0", "needs --out");
    expect(2, "combine --out x-v0", "data combine needs a dataset");
    expect(2, "combine root/t/history/a2c-v0 root/t/history/a2c-v1 --out root/mixed-v0",
           "tasks is 'train' there, 'test' asked");
    expect(2, "delete root/t/history/all-v0", "--yes");
    assert_true(ppi_dir_exists("root/t/history/all-v0/data"));
    expect(0, "delete root/t/history/all-v0 --yes", "deleted root/t/history/all-v0");
    assert_false(ppi_dir_exists("root/t/history/all-v0"));
    expect(1, "delete root/t --yes", "root/t");
    assert_true(ppi_dir_exists("root/t/history/a2c-v0/data"));
}

static void helps(void **state) {
    (void)state;
    static const char *const actions[] = {"list",     "show",    "inspect",
                                          "validate", "combine", "delete"};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        char arguments[64];
        char usage[64];
        snprintf(arguments, sizeof arguments, "%s --help", actions[i]);
        snprintf(usage, sizeof usage, "usage: polyplay data %s", actions[i]);
        expect(0, arguments, usage);
    }
    expect(0, "--help", "polyplay data combine");
    expect(0, "show --help", "--show.smooth");
    expect(2, "", "data needs an action");
    expect(2, "inspekt x", "did you mean 'data inspect'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_the_curve), cmocka_unit_test(lists_and_inspects),
        cmocka_unit_test(validates),       cmocka_unit_test(combines_and_deletes),
        cmocka_unit_test(helps),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
