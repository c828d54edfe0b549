/* Training runs: logs, exact resume after kill -9, interruption, losses that are not finite. */
#include "run_test.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/signal.h"
#include "run/load.h"

enum { STEPS = 24 };
static const char *const whole[] = {"steps=24", "checkpoint.every=4", "model.dropout=0.1", NULL};
static const char *const resumed[] = {"steps=24", "checkpoint.every=4", "model.dropout=0.1", "resume=auto", NULL};

static int setup(void **state) {
    (void)state;
    make_catch_data();
    OK(ppi_dir_remove("runs"));
    OK(run_job("runs/whole", whole, NULL));
    return 0;
}

/* Losses by step from metrics.jsonl; every step exactly once. */
static void read_losses(const char *run, double *loss) {
    char path[PPI_PATH_SIZE];
    char *data = NULL;
    size_t size = 0;
    int seen[STEPS + 1] = {0};
    OK(ppi_path_join(path, sizeof path, run, "metrics.jsonl"));
    OK(ppi_file_read_all(path, &data, &size));
    for (char *line = strtok(data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        ppi_json *json = NULL;
        const char *tag = NULL;
        int64_t step = 0;
        OK(ppi_json_parse(&json, line, strlen(line), "metrics.jsonl"));
        OK(ppi_json_get_string(json, "tag", &tag));
        OK(ppi_json_get_i64(json, "step", &step));
        if (strcmp(tag, "losses/total") == 0) {
            assert_in_range(step, 1, STEPS);
            seen[step]++;
            OK(ppi_json_get_f64(json, "value", &loss[step]));
        }
        ppi_json_free(json);
    }
    for (int i = 1; i <= STEPS; i++) assert_int_equal(seen[i], 1);
    ppi_free(data);
}

static void assert_same_run(const char *run) {
    double a[STEPS + 1];
    double b[STEPS + 1];
    read_losses("runs/whole", a);
    read_losses(run, b);
    for (int i = 1; i <= STEPS; i++) {
        if (a[i] != b[i]) fail_msg("step %d: loss %.17g, the unbroken run has %.17g", i, b[i], a[i]);
    }
    ppi_checkpoint x;
    ppi_checkpoint y;
    OK(ppi_checkpoint_open(&x, "runs/whole", false));
    OK(ppi_checkpoint_open(&y, run, false));
    assert_int_equal(x.state.step, STEPS);
    assert_string_equal(x.model_sha256, y.model_sha256);
    ppi_checkpoint_close(&x);
    ppi_checkpoint_close(&y);
}

static void leaves_a_run_folder(void **state) {
    static const char *const files[] = {"config.resolved.ini", "version.json", "stdout.log", "progress.csv",
                                        "metrics.jsonl", "checkpoints/latest"};
    char path[PPI_PATH_SIZE];
    char *data = NULL;
    size_t size = 0;
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        OK(ppi_path_join(path, sizeof path, "runs/whole", files[i]));
        assert_true(ppi_file_exists(path));
    }
    OK(ppi_file_read_all("runs/whole/checkpoints/latest", &data, &size));
    assert_string_equal(data, "step_00000024\n");
    ppi_free(data);
    OK(ppi_file_read_all("runs/whole/config.resolved.ini", &data, &size));
    assert_non_null(strstr(data, "dropout = 0.1"));
    assert_non_null(strstr(data, "recipe"));
    ppi_free(data);
}

static void same_seed_same_run(void **state) {
    (void)state;
    OK(run_job("runs/again", whole, NULL));
    assert_same_run("runs/again");
}

/* Lines of metrics.jsonl so far. */
static long file_bytes(const char *path) {
    int64_t bytes = 0;
    return ppi_file_exists(path) && ppi_file_size(path, &bytes) == PP_OK ? (long)bytes : 0;
}

/* A child is killed once its log has grown to `bytes`, and the run goes on from what is left. */
static void kill_and_resume(long bytes) {
    OK(ppi_dir_remove("runs/killed"));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ppi_train_job *job = NULL;
        ppi_options *set = NULL;
        if (ppi_train_job_create(&job, "mgdt") != PP_OK) _exit(9);
        set = ppi_train_job_options(job);
        static const char *const all[][2] = {
            {"model", "tiny"}, {"data", CATCH_DATA}, {"batch", "4"}, {"threads", "1"}, {"dtype", "f32"},
            {"log.every", "1"}, {"steps", "24"}, {"checkpoint.every", "4"}, {"model.dropout", "0.1"},
            {"out", "runs/killed"}, {"resume", "auto"}};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            if (ppi_options_set(set, all[i][0], all[i][1], "test") != PP_OK) _exit(9);
        }
        _exit(ppi_train(job, NULL) == PP_OK ? 0 : 9);
    }
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (file_bytes("runs/killed/metrics.jsonl") >= bytes) kill(child, SIGKILL);
    }
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    OK(run_job("runs/killed", resumed, NULL));
    assert_same_run("runs/killed");
}

static void killed_runs_resume_exactly(void **state) {
    const long size = file_bytes("runs/whole/metrics.jsonl");
    (void)state;
    kill_and_resume(1);
    kill_and_resume(size / 3);
    kill_and_resume(size * 2 / 3);
}

static void used_folder_needs_resume(void **state) {
    (void)state;
    FAILS(run_job("runs/whole", whole, NULL), PP_ERR_EXISTS, "--resume auto");
}

static void interruption_saves(void **state) {
    (void)state;
    OK(ppi_dir_remove("runs/stopped"));
    ppi_interrupt_raise();
    const pp_status s = run_job("runs/stopped", whole, NULL);
    ppi_interrupt_clear();
    assert_int_equal(s, PP_ERR_INTERRUPTED);
    assert_non_null(strstr(pp_last_error(), "--resume auto"));
    OK(run_job("runs/stopped", resumed, NULL));
    assert_same_run("runs/stopped");
}

/* A checkpoint whose weights hold a NaN: the run goes on from it and stops at once. */
static void loss_that_is_not_finite_stops(void **state) {
    ppi_checkpoint ck;
    ppi_options *set = NULL;
    ppi_loaded l;
    char folder[PPI_PATH_SIZE];
    (void)state;
    OK(ppi_dir_remove("runs/nan"));
    OK(ppi_options_create(&set));
    OK(ppi_loaded_open(&l, "runs/whole", set));
    OK(ppi_loaded_create(&l, set, "", 1, PPI_DTYPE_USE_F32, 1));
    OK(ppi_agent_train_setup(l.agent, 4, STEPS));
    ppi_params *p = ppi_agent_params(l.agent);
    l.checkpoint.state.step = 4;
    l.checkpoint.state.seed = 1;
    p->master[p->item[p->count - 1].offset] = NAN;
    OK(ppi_checkpoint_write(folder, "runs/nan", &l.checkpoint.state, l.agent, set, 0));
    ppi_loaded_close(&l);
    ppi_options_destroy(set);
    assert_int_equal(run_job("runs/nan", resumed, NULL), PP_ERR_NUMERIC);
    assert_non_null(strstr(pp_last_error(), "step 4"));
    assert_non_null(strstr(pp_last_error(), "step_00000004"));
    OK(ppi_checkpoint_open(&ck, "runs/nan", false));
    assert_int_equal(ck.state.step, 4);
    ppi_checkpoint_close(&ck);
}

static void bad_options(void **state) {
    static const char *const no_data[] = {"data=", "steps=1", NULL};
    static const char *const no_size[] = {"model=tinny", "steps=1", NULL};
    static const char *const no_set[] = {"data=data/none", "steps=1", NULL};
    ppi_train_job *job = NULL;
    (void)state;
    FAILS(run_job("runs/bad", no_data, NULL), PP_ERR_ARGUMENT, "--data");
    FAILS(run_job("runs/bad", no_size, NULL), PP_ERR_NOT_FOUND, "tiny");
    FAILS(run_job("runs/bad", no_set, NULL), PP_ERR_NOT_FOUND, "data/none");
    FAILS(ppi_train_job_create(&job, "mgdd"), PP_ERR_NOT_FOUND, "mgdt");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_a_run_folder),
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(killed_runs_resume_exactly),
        cmocka_unit_test(used_folder_needs_resume),
        cmocka_unit_test(interruption_saves),
        cmocka_unit_test(loss_that_is_not_finite_stops),
        cmocka_unit_test(bad_options),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
