/* Collections with learners: many of them at once, whatever the number of threads, after kill -9
 * and on a full disk; ids, seeds and tasks. */
#include "run_test.h"

#include "base/signal.h"
#include "data/dataset.h"
#include "env/tasks.h"
#include "run/collect_learn.h"

static const char *const rooms[] = {"env=dark/room,dark/room-hard", "histories=3", "seeds=1,2",
                                    "steps=200", NULL};
static const char *const deep[] = {
    "env=arcade/catch", "seeds=1,2",           "steps=240",           "envs=2",
    "dqn.start=40",     "replay.capacity=200", "checkpoint.every=60", NULL};

static ppi_collect_job *make(const char *learner, const char *out, const char *threads,
                             const char *const *options) {
    ppi_collect_job *job = NULL;
    OK(ppi_collect_job_create(&job, learner));
    ppi_options *set = ppi_collect_job_options(job);
    OK(ppi_options_set(set, "out", out, "test"));
    OK(ppi_options_set(set, "threads", threads, "test"));
    for (int i = 0; options[i] != NULL; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s", options[i]);
        char *value = strchr(name, '=');
        *value++ = '\0';
        OK(ppi_options_set(set, strcmp(name, "envs") == 0 ? "collect.envs" : name, value, "test"));
    }
    return job;
}

static pp_status collect(const char *learner, const char *out, const char *threads,
                         const char *const *options, const char *more) {
    ppi_collect_job *job = make(learner, out, threads, options);
    if (more != NULL) OK(ppi_options_set(ppi_collect_job_options(job), more, "on", "test"));
    const pp_status s = ppi_collect_job_run(job, NULL);
    ppi_collect_job_destroy(job);
    return s;
}

static void assert_same_set(const char *a, const char *b, const char *id) {
    static const char *const files[] = {"data/main_data.hdf5", "data/metadata.json"};
    for (int i = 0; i < 2; i++) {
        char path[PPI_PATH_SIZE];
        char *x = NULL, *y = NULL;
        size_t n = 0, m = 0;
        OK(ppi_path_join(path, sizeof path, a, id, files[i]));
        OK(ppi_file_read_all(path, &x, &n));
        OK(ppi_path_join(path, sizeof path, b, id, files[i]));
        OK(ppi_file_read_all(path, &y, &m));
        if (n != m || memcmp(x, y, n) != 0) fail_msg("%s of %s differs in %s", files[i], id, b);
        ppi_free(x);
        ppi_free(y);
    }
}

static int setup(void **state) {
    (void)state;
    OK(ppi_dir_remove("one"));
    OK(collect("qtable", "one", "1", rooms, NULL));
    OK(collect("dqn", "one", "1", deep, NULL));
    return 0;
}

static void threads_change_nothing(void **state) {
    (void)state;
    OK(ppi_dir_remove("many"));
    OK(collect("qtable", "many", "4", rooms, NULL));
    OK(collect("dqn", "many", "2", deep, NULL));
    assert_same_set("one", "many", "dark/room/qtable-v0");
    assert_same_set("one", "many", "dark/room-hard/qtable-v0");
    assert_same_set("one", "many", "arcade/catch/dqn-v0");
    assert_false(ppi_dir_exists("many/arcade/catch/dqn-v0/learners"));
}

static void statistics_count_inner_episodes(void **state) {
    ppi_dataset *set = NULL;
    ppi_dataset_stats stats;
    (void)state;
    OK(ppi_dataset_open(&set, "one/dark/room/qtable-v0"));
    ppi_dataset_statistics(set, &stats);
    assert_int_equal(stats.steps, 6 * 200);
    assert_int_equal(stats.episodes, 6 * 10);
    ppi_dataset_close(set);
}

static void kill_at(const char *learner, const char *out, const char *const *options,
                    ppi_fault_kind kind, int64_t at) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ppi_collect_job *job = make(learner, out, "1", options);
        ppi_fault_handler(die);
        ppi_fault_set(kind, at);
        _exit(ppi_collect_job_run(job, NULL) == PP_OK ? 0 : 9);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL);
}

static int64_t count_of(const char *learner, const char *const *options, ppi_fault_kind kind) {
    OK(ppi_dir_remove("counted"));
    ppi_fault_set(kind, INT64_MAX);
    OK(collect(learner, "counted", "1", options, NULL));
    const int64_t count = INT64_MAX - ppi_fault_left(kind);
    ppi_fault_clear();
    return count;
}

static void killed_collections_resume_exactly(void **state) {
    static const ppi_fault_kind kinds[] = {PPI_FAULT_WRITE, PPI_FAULT_FSYNC, PPI_FAULT_RENAME};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (int which = 0; which < 2; which++) {
            const char *learner = which == 0 ? "qtable" : "dqn";
            const char *const *options = which == 0 ? rooms : deep;
            const int64_t count = count_of(learner, options, kinds[k]);
            assert_true(count >= 4);
            for (int i = 0; i < 4; i++) {
                OK(ppi_dir_remove("killed"));
                kill_at(learner, "killed", options, kinds[k], 1 + i * (count - 1) / 3);
                OK(collect(learner, "killed", "2", options, "resume"));
                if (which == 1) assert_same_set("one", "killed", "arcade/catch/dqn-v0");
                if (which == 0) assert_same_set("one", "killed", "dark/room/qtable-v0");
                if (which == 0) assert_same_set("one", "killed", "dark/room-hard/qtable-v0");
            }
        }
    }
}

/* What is there is not overwritten; what is complete is complete; what is interrupted says so. */
static void ids_are_not_reused(void **state) {
    static const char *const short_rooms[] = {"env=dark/room", "histories=3", "seeds=1,2",
                                              "steps=100", NULL};
    static const char *const named[] = {"env=dark/room", "steps=40", "name=first", NULL};
    (void)state;
    FAILS(collect("qtable", "one", "1", rooms, NULL), PP_ERR_EXISTS, "--append");
    OK(collect("qtable", "one", "1", rooms, "resume"));
    FAILS(collect("qtable", "one", "1", short_rooms, "resume"), PP_ERR_EXISTS, "seed 1");
    FAILS(collect("qtable", "one", "1", rooms, "append"), PP_ERR_EXISTS, "new seeds");
    FAILS(collect("qtable", "named", "1", named, NULL), PP_ERR_ARGUMENT, "NAME-vN");
    OK(ppi_dir_remove("stopped"));
    ppi_interrupt_raise();
    const pp_status s = collect("qtable", "stopped", "1", rooms, NULL);
    ppi_interrupt_clear();
    assert_int_equal(s, PP_ERR_INTERRUPTED);
    FAILS(collect("qtable", "stopped", "1", rooms, NULL), PP_ERR_EXISTS, "--resume");
    OK(collect("qtable", "stopped", "1", rooms, "resume"));
    assert_same_set("one", "stopped", "dark/room/qtable-v0");
}

static void new_seeds_are_appended(void **state) {
    static const char *const first[] = {"env=dark/room", "steps=200", "seeds=1,2", NULL};
    static const char *const second[] = {"env=dark/room", "steps=200", "seed=3", NULL};
    static const char *const test_side[] = {"env=dark/room", "steps=200", "seed=4", "tasks=test",
                                            NULL};
    static const char *const other_split[] = {"env=dark/room", "steps=200", "seed=4",
                                              "env.split-seed=1", NULL};
    static const char *const all[] = {"env=dark/room", "steps=200", "seeds=1,2,3", NULL};
    ppi_dataset *set = NULL;
    ppi_dataset_stats stats;
    (void)state;
    OK(ppi_dir_remove("grown"));
    OK(ppi_dir_remove("whole"));
    OK(collect("qtable", "grown", "1", first, NULL));
    OK(collect("qtable", "grown", "1", second, "append"));
    OK(collect("qtable", "whole", "1", all, NULL));
    OK(ppi_dataset_open(&set, "grown/dark/room/qtable-v0"));
    ppi_dataset_statistics(set, &stats);
    assert_int_equal(stats.steps, 600);
    ppi_dataset_stats at_once;
    ppi_dataset_close(set);
    OK(ppi_dataset_open(&set, "whole/dark/room/qtable-v0"));
    ppi_dataset_statistics(set, &at_once);
    assert_true(stats.return_mean == at_once.return_mean); /* the third plays the third task */
    ppi_dataset_close(set);
    FAILS(collect("qtable", "grown", "1", test_side, "append"), PP_ERR_ARGUMENT, "tasks");
    FAILS(collect("qtable", "grown", "1", other_split, "append"), PP_ERR_ARGUMENT, "split_seed");
}

/* Tasks named by hand must lie on their side of the split. */
static void tasks_must_not_overlap(void **state) {
    ppi_tasks test;
    char ids[64];
    const char *wrong[] = {"env=dark/room", "steps=40", ids, NULL};
    static const char *const beyond[] = {"env=dark/room", "steps=40", "task-ids=81", NULL};
    static const char *const letters[] = {"env=dark/room", "steps=40", "task-ids=1,x", NULL};
    (void)state;
    OK(ppi_tasks_split(&test, "dark/room", PPI_TASKS_TEST, 0));
    snprintf(ids, sizeof ids, "task-ids=%d", (int)test.task[3]);
    FAILS(collect("qtable", "wrong", "1", wrong, NULL), PP_ERR_ARGUMENT, ids + 9);
    FAILS(collect("qtable", "wrong", "1", beyond, NULL), PP_ERR_ARGUMENT, "0..80");
    FAILS(collect("qtable", "wrong", "1", letters, NULL), PP_ERR_ARGUMENT, "1,x");
    ppi_tasks_free(&test);
    assert_false(ppi_dir_exists("wrong"));
}

/* With a policy, environment i plays task i mod n of the side; the groups say which. */
static void policies_play_tasks(void **state) {
    static const char *const named[] = {"env=dark/room", "steps=240",        "envs=4",
                                        "tasks=all",     "task-ids=7,30,80", NULL};
    static const char *const side[] = {"env=dark/room", "steps=160",        "envs=3",
                                       "tasks=test",    "env.split-seed=2", NULL};
    static const char *const none[] = {"env=arcade/catch", "steps=20", "tasks=train", NULL};
    static const int64_t want[] = {7, 30, 80, 7};
    ppi_dataset *set = NULL;
    ppi_buf text = {0};
    ppi_tasks test;
    (void)state;
    OK(ppi_dir_remove("chosen"));
    OK(collect("", "chosen", "1", named, NULL));
    OK(ppi_dataset_open(&set, "chosen/dark/room/random-v0"));
    assert_int_equal(ppi_dataset_info(set)->episodes, 12); /* three of 20 steps each */
    assert_int_equal(ppi_dataset_meta(set)->env_task_count, 4);
    assert_memory_equal(ppi_dataset_meta(set)->env_tasks, want, sizeof want);
    const ppi_inspect_options fourth = {.history = -1, .episode = 3, .count = 1, .json = true};
    OK(ppi_dataset_inspect(set, &fourth, &text));
    assert_non_null(strstr(ppi_buf_text(&text), "\"task\": 30"));
    ppi_buf_free(&text);
    ppi_dataset_close(set);
    OK(ppi_dir_remove("chosen"));
    OK(collect("", "chosen", "1", side, NULL));
    OK(ppi_tasks_split(&test, "dark/room", PPI_TASKS_TEST, 2));
    OK(ppi_dataset_open(&set, "chosen/dark/room/random-v0"));
    assert_string_equal(ppi_dataset_meta(set)->tasks, "test");
    assert_int_equal(ppi_dataset_meta(set)->split_seed, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ppi_dataset_meta(set)->env_tasks[i], test.task[i]);
    }
    ppi_dataset_close(set);
    ppi_tasks_free(&test);
    FAILS(collect("", "chosen", "1", none, NULL), PP_ERR_ARGUMENT, "arcade/catch");
    FAILS(collect("", "chosen", "1", side, "append"), PP_ERR_EXISTS, "seed");
}

/* What a learner sees as pictures is stored as planes, and a killed collection goes on exactly: its
 * replay is painted from the journal. */
static void pictures_are_stored_as_planes(void **state) {
    static const char *const options[] = {
        "env=arcade/catch", "env.view=grey84",     "steps=96",
        "envs=2",           "dqn.start=16",        "replay.capacity=60",
        "dqn.batch=4",      "checkpoint.every=24", NULL};
    ppi_dataset *set = NULL;
    (void)state;
    OK(ppi_dir_remove("grey"));
    OK(ppi_dir_remove("grey-killed"));
    OK(collect("dqn", "grey", "1", options, NULL));
    OK(ppi_dataset_open(&set, "grey/arcade/catch/dqn-v0"));
    const pp_dataset_info *info = ppi_dataset_info(set);
    assert_int_equal(info->height, 10);
    assert_int_equal(info->width, 5);
    assert_string_equal(ppi_dataset_meta(set)->view, "planes");
    ppi_dataset_close(set);
    const int64_t count = count_of("dqn", options, PPI_FAULT_RENAME);
    kill_at("dqn", "grey-killed", options, PPI_FAULT_RENAME, count / 2);
    OK(collect("dqn", "grey-killed", "1", options, "resume"));
    assert_same_set("grey", "grey-killed", "arcade/catch/dqn-v0");
}

static void lengths_have_defaults(void **state) {
    static const char *const bandit[] = {"env=bandit/train", "histories=7", NULL};
    static const char *const unknown[] = {"env=arcade/catch", NULL};
    ppi_dataset *set = NULL;
    ppi_dataset_stats stats;
    (void)state;
    OK(ppi_dir_remove("defaults"));
    OK(collect("ucb", "defaults", "2", bandit, NULL));
    OK(ppi_dataset_open(&set, "defaults/bandit/train/ucb-v0"));
    ppi_dataset_statistics(set, &stats);
    assert_int_equal(stats.steps, 700);
    assert_int_equal(stats.episodes, 7);
    ppi_dataset_close(set);
    FAILS(collect("a2c", "defaults", "1", unknown, NULL), PP_ERR_ARGUMENT, "use --steps");
}

static void full_disk_keeps_what_is_finished(void **state) {
    (void)state;
    const int64_t count = count_of("qtable", rooms, PPI_FAULT_WRITE);
    OK(ppi_dir_remove("full"));
    ppi_fault_set_lasting(PPI_FAULT_WRITE, count / 2);
    const pp_status s = collect("qtable", "full", "1", rooms, NULL);
    ppi_fault_clear();
    assert_int_equal(s, PP_ERR_NO_SPACE);
    assert_non_null(strstr(pp_last_error(), "--resume"));
    OK(collect("qtable", "full", "1", rooms, "resume"));
    assert_same_set("one", "full", "dark/room/qtable-v0");
    assert_same_set("one", "full", "dark/room-hard/qtable-v0");
}

static void bad_options(void **state) {
    static const char *const nothing[] = {NULL};
    static const char *const policy[] = {"env=arcade/catch", "histories=3", NULL};
    static const char *const twice[] = {"env=dark/room", "seeds=1,1", NULL};
    static const char *const mixed[] = {"env=dark/room,arcade/catch", "steps=40", NULL};
    ppi_collect_job *job = NULL;
    (void)state;
    FAILS(ppi_collect_job_create(&job, "mgdt"), PP_ERR_ARGUMENT, "learns from data");
    FAILS(ppi_collect_job_create(&job, "dqm"), PP_ERR_NOT_FOUND, "dqn");
    FAILS(collect("qtable", "bad", "1", nothing, NULL), PP_ERR_ARGUMENT, "--env");
    FAILS(collect("", "bad", "1", policy, NULL), PP_ERR_ARGUMENT, "--learner");
    FAILS(collect("qtable", "bad", "1", twice, NULL), PP_ERR_ARGUMENT, "twice");
    FAILS(collect("a2c", "bad", "1", mixed, NULL), PP_ERR_ARGUMENT, "--model");
    assert_false(ppi_dir_exists("bad"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(statistics_count_inner_episodes),
        cmocka_unit_test(killed_collections_resume_exactly),
        cmocka_unit_test(ids_are_not_reused),
        cmocka_unit_test(new_seeds_are_appended),
        cmocka_unit_test(tasks_must_not_overlap),
        cmocka_unit_test(policies_play_tasks),
        cmocka_unit_test(pictures_are_stored_as_planes),
        cmocka_unit_test(lengths_have_defaults),
        cmocka_unit_test(full_disk_keeps_what_is_finished),
        cmocka_unit_test(bad_options),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
