/* The run log, an evaluation with its record, and a collection, with every allocation, write, fsync
   and rename failing in its turn. */
#include "fault_test.h"

#include <sys/resource.h>

#include "base/json.h"
#include "data/dataset.h"
#include "run/eval.h"
#include "run/runlog.h"

static int setup(void **state) {
    (void)state;
    make_catch_data();
    OK(ppi_dir_remove("runs"));
    return 0;
}

/* --- run log ---------------------------------------------------------------------------------- */

/* What a run of two logged steps leaves. */
static void earlier_log(void *unused) {
    static const ppi_figure figure = {"losses/total", 0.5};
    ppi_runlog *log = NULL;
    (void)unused;
    OK(ppi_dir_remove("runs/log"));
    OK(ppi_runlog_open(&log, "runs/log", 0, NULL));
    for (int step = 1; step <= 2; step++) OK(ppi_runlog_step(log, step, 0, 0, &figure, 1));
    OK(ppi_runlog_close(log));
}

static pp_status write_log(void *unused) {
    static const ppi_figure figures[] = {{"losses/total", 0.25}, {"charts/SPS", 3}};
    static const ppi_figure score = {PPI_EVAL_TAG "return", 7};
    ppi_runlog *log = NULL;
    ppi_options *set = NULL;
    ppi_train_options options;
    (void)unused;
    PPI_TRY(ppi_runlog_open(&log, "runs/log", 1, PPI_EVAL_TAG));
    pp_status s = ppi_options_create(&set);
    if (s == PP_OK) s = ppi_options_bind(set, &ppi_train_option_table, &options);
    if (s == PP_OK) s = ppi_runlog_config("runs/log", set);
    if (s == PP_OK) s = ppi_runlog_version("runs/log", "a command");
    if (s == PP_OK) s = ppi_runlog_line(log, "%s", "a line");
    if (s == PP_OK) s = ppi_runlog_step(log, 2, 8, 1, figures, 2);
    if (s == PP_OK) s = ppi_runlog_eval(log, 2, 8, 1, &score, 1);
    ppi_options_destroy(set);
    const pp_status closed = ppi_runlog_close(log);
    return s != PP_OK ? s : closed;
}

/* The figures of step 1 are still there, and whatever was logged after them parses. */
static void log_is_readable(void *unused, pp_status status) {
    double loss[3];
    (void)unused;
    read_figures("runs/log", "losses/total", 2, loss);
    assert_true(loss[1] == 0.5);
    if (status == PP_OK) assert_true(loss[2] == 0.25);
}

static void run_log(void **state) {
    static const fault_case logging = {earlier_log, write_log, log_is_readable, NULL};
    (void)state;
    try_all_kinds(&logging);
}

/* --- evaluation ------------------------------------------------------------------------------- */

static void no_records(void *unused) {
    (void)unused;
    OK(ppi_dir_remove("records"));
}

static pp_status evaluate(const char *run) {
    static const char *const options[][2] = {{"env", "arcade/catch"}, {"episodes", "2"},
                                             {"envs", "2"},           {"threads", "1"},
                                             {"dtype", "f32"},        {"out", "records/a.json"}};
    ppi_eval_job *job = NULL;
    ppi_buf report = {0};
    PPI_TRY(ppi_eval_job_create(&job, run));
    pp_status s = PP_OK;
    for (size_t i = 0; i < sizeof options / sizeof options[0] && s == PP_OK; i++) {
        s = ppi_options_set(ppi_eval_job_options(job), options[i][0], options[i][1], "test");
    }
    if (s == PP_OK) s = ppi_eval(job, &report, NULL);
    if (s == PP_OK) s = report.failed;
    ppi_buf_free(&report);
    ppi_eval_job_destroy(job);
    return s;
}

static pp_status evaluate_random(void *unused) {
    (void)unused;
    return evaluate("random");
}

/* A record is there as a whole or not at all. */
static void record_is_whole(void *unused, pp_status status) {
    ppi_dir_listing list = {0};
    (void)unused;
    if (status == PP_OK || ppi_file_exists("records/a.json")) {
        ppi_json *record = NULL;
        OK(ppi_json_load(&record, "records/a.json"));
        assert_non_null(ppi_json_find(record, "cost"));
        ppi_json_free(record);
    }
    if (!ppi_dir_exists("records")) return;
    OK(ppi_dir_list("records", &list));
    assert_int_equal(list.count, ppi_file_exists("records/a.json"));
    ppi_dir_listing_free(&list);
}

static void evaluation_record(void **state) {
    static const fault_case evaluating = {no_records, evaluate_random, record_is_whole, NULL};
    (void)state;
    try_all_kinds(&evaluating);
}

static pp_status evaluate_agent(void *unused) {
    (void)unused;
    return evaluate("runs/a");
}

static void evaluation_of_an_agent(void **state) {
    static const char *const options[] = {"steps=1", NULL};
    static const fault_case evaluating = {no_records, evaluate_agent, record_is_whole, NULL};
    (void)state;
    OK(run_job("runs/a", options, NULL));
    try_every_fault(&evaluating, PPI_FAULT_ALLOC);
}

/* --- collection ------------------------------------------------------------------------------- */

static ppi_collect_options collection(bool resume) {
    ppi_collect_options o;
    ppi_collect_options_default(&o);
    snprintf(o.env, sizeof o.env, "arcade/catch");
    snprintf(o.out, sizeof o.out, "faulty");
    o.steps = 60;
    o.envs = 2;
    o.threads = 1;
    o.resume = resume;
    return o;
}

static void no_dataset(void *unused) {
    (void)unused;
    OK(ppi_dir_remove("faulty"));
}

static pp_status collect(void *unused) {
    const ppi_collect_options o = collection(false);
    ppi_buf report = {0};
    (void)unused;
    const pp_status s = ppi_collect(&o, &report);
    ppi_buf_free(&report);
    return s;
}

/* Whatever failed: resuming, or beginning where nothing was begun, gives the whole dataset. */
static void collection_completes(void *unused, pp_status status) {
    ppi_dataset *d = NULL;
    (void)unused;
    if (status != PP_OK) {
        const ppi_collect_options o = collection(true);
        OK(ppi_collect(&o, NULL));
    }
    OK(ppi_dataset_open(&d, "faulty/arcade/catch/random-v0"));
    assert_int_equal(ppi_dataset_info(d)->steps,
                     72); /* 4 episodes of 9 steps by each environment */
    ppi_dataset_close(d);
}

static void journal_and_dataset(void **state) {
    static const fault_case collecting = {no_dataset, collect, collection_completes, NULL};
    (void)state;
    try_all_kinds(&collecting);
}

/* --- a disk without room ---------------------------------------------------------------------- */

static pp_status train_one_step(void *unused) {
    static const char *const options[] = {"steps=1", NULL};
    (void)unused;
    return run_job("runs/full", options, NULL);
}

/* The attempt while no file may grow beyond `bytes`: the system refuses the writes, for good. */
static void refused(rlim_t bytes, pp_status (*attempt)(void *), const char *file) {
    struct rlimit usual;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    const struct rlimit small = {bytes, usual.rlim_max};
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const pp_status s = attempt(NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    signal(SIGXFSZ, handler);
    FAILS(s, PP_ERR_NO_SPACE, file);
    assert_non_null(strstr(pp_last_error(), "cannot write"));
}

static void system_refuses_writes(void **state) {
    char *log = NULL;
    size_t size = 0;
    (void)state;
    no_records(NULL);
    refused(0, evaluate_random, "records/a.json");
    no_dataset(NULL);
    refused(0, collect, "faulty/arcade/catch/random-v0");
    OK(ppi_dir_remove("runs/full"));
    refused(0, train_one_step, "runs/full/events.out");
    OK(ppi_dir_remove("runs/full"));
    refused(600, train_one_step, "config.resolved.ini");
    OK(ppi_dir_remove("runs/full"));
    refused(100000, train_one_step, "model.safetensors");
    assert_non_null(strstr(pp_last_error(), "no checkpoint was written yet"));
    /* The log had room: it ends with the text that was told. */
    OK(ppi_file_read_all("runs/full/stdout.log", &log, &size));
    const char *stopped = strstr(log, "stopped: ");
    assert_non_null(stopped);
    assert_int_equal(
        strncmp(stopped + strlen("stopped: "), pp_last_error(), strlen(pp_last_error())), 0);
    ppi_free(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_log),
        cmocka_unit_test(evaluation_record),
        cmocka_unit_test(evaluation_of_an_agent),
        cmocka_unit_test(journal_and_dataset),
        cmocka_unit_test(system_refuses_writes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
