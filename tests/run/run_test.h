/* Shared by the tests of the run layer: a small Catch dataset and short training jobs. */
#ifndef RUN_TEST_H
#define RUN_TEST_H

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "run/checkpoint.h"
#include "run/collect.h"
#include "run/train.h"

/* Takes the place of the system's: these tests count fsyncs and let them fail, and what they kill
   is a process, not the machine, so nothing need wait for the disk. */
int fsync(int fd) {
    (void)fd;
    return 0;
}

#define CATCH_DATA "data/arcade/catch/random-v0"

/* Stops the test with the text of a failure. */
#define OK(expr)                                                                                   \
    do {                                                                                           \
        const pp_status ok_status_ = (expr);                                                       \
        if (ok_status_ != PP_OK) fail_msg("%s: %s", #expr, pp_last_error());                       \
    } while (0)

/* The failure wanted, with a part of its text. */
#define FAILS(expr, status, part)                                                                  \
    do {                                                                                           \
        assert_int_equal((expr), (status));                                                        \
        if (strstr(pp_last_error(), (part)) == NULL)                                               \
            fail_msg("'%s' lacks '%s'", pp_last_error(), (part));                                  \
    } while (0)

static inline void make_catch_data(void) {
    ppi_collect_options o;
    OK(ppi_dir_remove("data"));
    ppi_collect_options_default(&o);
    snprintf(o.env, sizeof o.env, "arcade/catch");
    snprintf(o.policy, sizeof o.policy, "random");
    snprintf(o.out, sizeof o.out, "data");
    o.steps = 600;
    o.seed = 1;
    OK(ppi_collect(&o, NULL));
}

/* Sets options that are "name=value" texts, the last one NULL; a NULL list sets none. */
static inline void set_options(ppi_options *set, const char *const *list) {
    for (int i = 0; list != NULL && list[i] != NULL; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s", list[i]);
        char *value = strchr(name, '=');
        *value++ = '\0';
        OK(ppi_options_set(set, name, value, "test"));
    }
}

/* A job of the tiny network on the Catch data. Options are "name=value" texts, the last one NULL.
 */
static inline ppi_train_job *make_job(const char *out, const char *const *options) {
    static const char *const common[] = {"model=tiny", "data=" CATCH_DATA, "batch=4", "threads=1",
                                         "dtype=f32",  "log.every=1",      NULL};
    ppi_train_job *job = NULL;
    OK(ppi_train_job_create(&job, "mgdt"));
    ppi_options *set = ppi_train_job_options(job);
    OK(ppi_options_set(set, "out", out, "test"));
    set_options(set, common);
    set_options(set, options);
    return job;
}

static inline pp_status run_job(const char *out, const char *const *options,
                                ppi_train_result *result) {
    ppi_train_job *job = make_job(out, options);
    const pp_status s = ppi_train(job, result);
    ppi_train_job_destroy(job);
    return s;
}

/* Values of a tag by step from metrics.jsonl, value[steps + 1], NAN where there is none; a step
   that is there twice is a failure. */
static inline void read_figures(const char *run, const char *tag, int steps, double *value) {
    char path[PPI_PATH_SIZE];
    char *data = NULL;
    char *rest = NULL;
    size_t size = 0;
    for (int i = 0; i <= steps; i++) value[i] = NAN;
    OK(ppi_path_join(path, sizeof path, run, "metrics.jsonl"));
    OK(ppi_file_read_all(path, &data, &size));
    for (char *line = strtok_r(data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        ppi_json *json = NULL;
        const char *name = NULL;
        int64_t step = 0;
        OK(ppi_json_parse(&json, line, strlen(line), "metrics.jsonl"));
        OK(ppi_json_get_string(json, "tag", &name));
        OK(ppi_json_get_i64(json, "step", &step));
        if (strcmp(tag, name) == 0) {
            assert_in_range(step, 1, steps);
            if (!isnan(value[step])) fail_msg("%s: step %d has %s twice", run, (int)step, tag);
            OK(ppi_json_get_f64(json, "value", &value[step]));
        }
        ppi_json_free(json);
    }
    ppi_free(data);
}

/* Two runs logged a tag at the same `count` steps with the same values, to the last bit. */
static inline void assert_same_figures(const char *a, const char *b, const char *tag, int steps,
                                       int count) {
    double *x = ppi_calloc((size_t)steps + 1, sizeof *x);
    double *y = ppi_calloc((size_t)steps + 1, sizeof *y);
    assert_true(x != NULL && y != NULL);
    read_figures(a, tag, steps, x);
    read_figures(b, tag, steps, y);
    for (int i = 1; i <= steps; i++) {
        count -= !isnan(x[i]);
        if (x[i] != y[i] && !(isnan(x[i]) && isnan(y[i]))) {
            fail_msg("step %d: %s is %.17g in %s, %.17g in %s", i, tag, x[i], a, y[i], b);
        }
    }
    assert_int_equal(count, 0);
    ppi_free(x);
    ppi_free(y);
}

static inline void assert_same_weights(const char *a, const char *b, int step) {
    ppi_checkpoint x;
    ppi_checkpoint y;
    OK(ppi_checkpoint_open(&x, a, false));
    OK(ppi_checkpoint_open(&y, b, false));
    assert_int_equal(x.state.step, step);
    assert_int_equal(y.state.step, step);
    assert_string_equal(x.model_sha256, y.model_sha256);
    ppi_checkpoint_close(&x);
    ppi_checkpoint_close(&y);
}

static inline void die(ppi_fault_kind kind) {
    (void)kind;
    raise(SIGKILL);
}

/* A child that trains is killed right before its `at`-th operation of a kind. */
static inline void run_killed_at(ppi_fault_kind kind, int64_t at, const char *out,
                                 const char *const *options) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ppi_train_job *job = make_job(out, options);
        ppi_fault_handler(die);
        ppi_fault_set(kind, at);
        _exit(ppi_train(job, NULL) == PP_OK ? 0 : 9);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(WTERMSIG(ended), SIGKILL);
}

/* Operations of a kind in an unbroken run. */
static inline int64_t count_operations(ppi_fault_kind kind, const char *out,
                                       const char *const *options) {
    const int64_t many = INT64_MAX;
    OK(ppi_dir_remove(out));
    ppi_fault_set(kind, many);
    OK(run_job(out, options, NULL));
    const int64_t count = many - ppi_fault_left(kind);
    ppi_fault_clear();
    return count;
}

#endif
