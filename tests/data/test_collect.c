/* Collection on Catch: shares, determinism over threads, kill -9, disk full, resume, append. */
#include "data/data_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/signal.h"
#include "data/journal.h"
#include "run/collect.h"

static ppi_collect_options base_options(const char *out, int64_t steps) {
    ppi_collect_options options;
    ppi_collect_options_default(&options);
    snprintf(options.env, sizeof options.env, "arcade/catch");
    snprintf(options.policy, sizeof options.policy, "dirichlet");
    snprintf(options.out, sizeof options.out, "%s", out);
    options.steps = steps;
    options.seed = 3;
    options.threads = 1;
    return options;
}

static void assert_same_files(const char *a, const char *b) {
    static const char *const names[] = {"main_data.hdf5", "metadata.json"};
    for (int i = 0; i < 2; i++) {
        char path[256];
        char x[PPI_SHA256_HEX_SIZE];
        char y[PPI_SHA256_HEX_SIZE];
        snprintf(path, sizeof path, "%s/arcade/catch/dirichlet-v0/data/%s", a, names[i]);
        assert_ok(ppi_sha256_file(x, path));
        snprintf(path, sizeof path, "%s/arcade/catch/dirichlet-v0/data/%s", b, names[i]);
        assert_ok(ppi_sha256_file(y, path));
        assert_string_equal(x, y);
    }
}

static void collects(void **state) {
    (void)state;
    ppi_collect_options options = base_options("plain", 1000);
    ppi_buf report = {0};
    ppi_dataset *d = NULL;
    assert_ok(ppi_dir_remove("plain"));
    assert_ok(ppi_collect(&options, &report));
    assert_non_null(strstr(report.data, "plain/arcade/catch/dirichlet-v0"));
    ppi_buf_free(&report);
    assert_ok(ppi_dataset_open(&d, "plain/arcade/catch/dirichlet-v0"));
    const pp_dataset_info *info = ppi_dataset_info(d);
    assert_string_equal(info->env, "arcade/catch");
    /* 125 steps per environment: 14 episodes of 9. */
    assert_int_equal(info->episodes, 8 * 14);
    assert_int_equal(info->steps, 8 * 14 * 9);
    assert_int_equal(info->actions, 18);
    assert_int_equal(info->min_actions, 3);
    for (int64_t e = 0; e < info->episodes; e++) {
        const ppi_episode *episode = ppi_dataset_episode(d, e);
        assert_int_equal(episode->info.steps, 9);
        assert_int_equal(episode->info.terminated, 1);
        if (e % 14 == 0) {
            assert_int_equal(episode->info.seed, 3 + e / 14);
        }
    }
    for (int64_t t = 0; t < info->steps; t++) {
        int32_t action = ppi_dataset_actions(d)[t];
        assert_true(action == 0 || action == 3 || action == 4);
    }
    ppi_dataset_close(d);
    assert_false(ppi_file_exists("plain/arcade/catch/dirichlet-v0/data/journal.bin"));
    assert_fails(ppi_collect(&options, NULL), PP_ERR_EXISTS, "--append");
    options.resume = true;
    assert_ok(ppi_collect(&options, NULL)); /* complete: nothing to do */
    options.steps = 5000;
    assert_fails(ppi_collect(&options, NULL), PP_ERR_EXISTS, "complete");
}

/* Datasets of arcade games hold planes, whatever view is asked for. */
static void pictures_are_stored_as_planes(void **state) {
    (void)state;
    ppi_env_options env;
    ppi_collect_options planes = base_options("planes", 300);
    ppi_collect_options grey = base_options("grey", 300);
    ppi_env_options_default(&env);
    snprintf(env.view, sizeof env.view, "grey84");
    grey.env_options = &env;
    assert_ok(ppi_dir_remove("planes"));
    assert_ok(ppi_dir_remove("grey"));
    assert_ok(ppi_collect(&planes, NULL));
    assert_ok(ppi_collect(&grey, NULL));
    assert_same_files("planes", "grey");
}

static void threads_change_nothing(void **state) {
    (void)state;
    ppi_collect_options one = base_options("one", 700);
    ppi_collect_options three = base_options("three", 700);
    three.threads = 3;
    assert_ok(ppi_dir_remove("one"));
    assert_ok(ppi_dir_remove("three"));
    assert_ok(ppi_collect(&one, NULL));
    assert_ok(ppi_collect(&three, NULL));
    assert_same_files("one", "three");
}

/* Collects in a child process that the kernel kills, as kill -9 would, inside the write that would
 * make a file larger than `bytes`: the same moment on every machine. */
static void collect_killed_at(const ppi_collect_options *options, rlim_t bytes) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {bytes, bytes};
        const struct rlimit no_core = {0, 0};
        signal(SIGXFSZ, SIG_DFL);
        if (setrlimit(RLIMIT_FSIZE, &limit) || setrlimit(RLIMIT_CORE, &no_core)) _exit(2);
        _exit(ppi_collect(options, NULL) == PP_OK ? 0 : 1);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(WTERMSIG(ended), SIGXFSZ);
}

static void killed_and_resumed(void **state) {
    (void)state;
    const char *journal = "killed/arcade/catch/dirichlet-v0/data/journal.bin";
    ppi_collect_options whole = base_options("whole", 6000);
    ppi_collect_options killed = base_options("killed", 6000);
    ppi_dataset *d = NULL;
    assert_ok(ppi_dir_remove("whole"));
    assert_ok(ppi_dir_remove("killed"));
    assert_ok(ppi_collect(&whole, NULL));
    collect_killed_at(&killed, 300000);
    assert_true(ppi_file_exists(journal));
    assert_fails(ppi_collect(&killed, NULL), PP_ERR_EXISTS, "--resume");
    /* The finished episodes are there at once ... */
    assert_ok(ppi_dataset_open(&d, "killed/arcade/catch/dirichlet-v0"));
    assert_true(ppi_dataset_info(d)->episodes > 100);
    assert_true(ppi_dataset_info(d)->steps < 6000);
    ppi_dataset_close(d);
    assert_true(ppi_file_exists(journal));
    /* ... and the rest follows. */
    killed.resume = true;
    killed.seed = 4;
    assert_fails(ppi_collect(&killed, NULL), PP_ERR_ARGUMENT, "seed 3");
    killed.seed = 3;
    killed.envs = 4;
    assert_fails(ppi_collect(&killed, NULL), PP_ERR_ARGUMENT, "collect.envs 8");
    killed.envs = 8;
    killed.threads = 2;
    assert_ok(ppi_collect(&killed, NULL));
    assert_same_files("whole", "killed");
}

static void disk_full_and_resumed(void **state) {
    (void)state;
    ppi_collect_options whole = base_options("room", 2000);
    ppi_collect_options full = base_options("full", 2000);
    assert_ok(ppi_dir_remove("room"));
    assert_ok(ppi_dir_remove("full"));
    assert_ok(ppi_collect(&whole, NULL));
    ppi_fault_set(PPI_FAULT_WRITE, 2);
    assert_fails(ppi_collect(&full, NULL), PP_ERR_NO_SPACE, "journal.bin");
    ppi_fault_clear();
    full.resume = true;
    assert_ok(ppi_collect(&full, NULL));
    assert_same_files("room", "full");
}

static void interrupted_and_resumed(void **state) {
    (void)state;
    ppi_collect_options whole = base_options("calm", 500);
    ppi_collect_options stopped = base_options("stopped", 500);
    assert_ok(ppi_dir_remove("calm"));
    assert_ok(ppi_dir_remove("stopped"));
    assert_ok(ppi_collect(&whole, NULL));
    ppi_interrupt_raise();
    assert_fails(ppi_collect(&stopped, NULL), PP_ERR_INTERRUPTED, "--resume");
    ppi_interrupt_clear();
    ppi_dataset *d = NULL;
    assert_fails(ppi_dataset_open(&d, "stopped/arcade/catch/dirichlet-v0"), PP_ERR_NOT_FOUND,
                 "zero episodes");
    stopped.resume = true;
    assert_ok(ppi_collect(&stopped, NULL));
    assert_same_files("calm", "stopped");
}

static void appends_new_seeds(void **state) {
    (void)state;
    ppi_collect_options options = base_options("grow", 300);
    ppi_dataset *d = NULL;
    assert_ok(ppi_dir_remove("grow"));
    assert_ok(ppi_collect(&options, NULL));
    options.append = true;
    assert_fails(ppi_collect(&options, NULL), PP_ERR_EXISTS, "seed 3");
    options.seed = 100;
    assert_ok(ppi_collect(&options, NULL));
    assert_ok(ppi_dataset_open(&d, "grow/arcade/catch/dirichlet-v0"));
    int64_t half = ppi_dataset_info(d)->episodes / 2;
    assert_int_equal(ppi_dataset_info(d)->episodes, 2 * half);
    assert_int_equal(ppi_dataset_episode(d, 0)->info.seed, 3);
    assert_int_equal(ppi_dataset_episode(d, half)->info.seed, 100);
    ppi_dataset_close(d);
    snprintf(options.policy, sizeof options.policy, "random");
    snprintf(options.name, sizeof options.name, "dirichlet-v0");
    options.seed = 101;
    assert_fails(ppi_collect(&options, NULL), PP_ERR_ARGUMENT, "policy");
}

static void bad_options(void **state) {
    (void)state;
    ppi_collect_options options = base_options("bad", 10);
    snprintf(options.policy, sizeof options.policy, "clever");
    assert_fails(ppi_collect(&options, NULL), PP_ERR_ARGUMENT, "random and dirichlet");
    options = base_options("bad", 10);
    snprintf(options.name, sizeof options.name, "plain");
    assert_fails(ppi_collect(&options, NULL), PP_ERR_ARGUMENT, "NAME-vN");
    options = base_options("bad", 10);
    snprintf(options.env, sizeof options.env, "arcade/cetch");
    assert_fails(ppi_collect(&options, NULL), PP_ERR_NOT_FOUND, "arcade/catch");
    options = base_options("bad", 0);
    assert_fails(ppi_collect(&options, NULL), PP_ERR_ARGUMENT, "steps 0");
}

static void options_parse(void **state) {
    (void)state;
    ppi_options *set = NULL;
    ppi_collect_options options;
    assert_ok(ppi_options_create(&set));
    assert_ok(ppi_options_bind(set, &ppi_collect_option_table, &options));
    char a[] = "--env", b[] = "arcade/catch", c[] = "--policy=dirichlet", e[] = "--steps", f[] = "77";
    char *argv[] = {a, b, c, e, f};
    assert_ok(ppi_options_parse_args(set, 5, argv, NULL, NULL));
    assert_string_equal(options.env, "arcade/catch");
    assert_string_equal(options.policy, "dirichlet");
    assert_int_equal(options.steps, 77);
    assert_int_equal(options.envs, 8);
    ppi_options_destroy(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collects),
        cmocka_unit_test(pictures_are_stored_as_planes),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(killed_and_resumed),
        cmocka_unit_test(disk_full_and_resumed),
        cmocka_unit_test(interrupted_and_resumed),
        cmocka_unit_test(appends_new_seeds),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(options_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
