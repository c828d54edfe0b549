/* Shared by the tests of the run layer: a small Catch dataset and short training jobs. */
#ifndef RUN_TEST_H
#define RUN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "run/collect.h"
#include "run/train.h"

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
        if (strstr(pp_last_error(), (part)) == NULL) fail_msg("'%s' lacks '%s'", pp_last_error(), (part)); \
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

/* A job of the tiny network on the Catch data. Options are "name=value" texts, the last one NULL. */
static inline ppi_train_job *make_job(const char *out, const char *const *options) {
    static const char *const common[] = {"model=tiny", "data=" CATCH_DATA, "batch=4", "threads=1", "dtype=f32",
                                         "log.every=1", NULL};
    ppi_train_job *job = NULL;
    OK(ppi_train_job_create(&job, "mgdt"));
    ppi_options *set = ppi_train_job_options(job);
    OK(ppi_options_set(set, "out", out, "test"));
    for (int k = 0; k < 2; k++) {
        const char *const *list = k == 0 ? common : options;
        for (int i = 0; list != NULL && list[i] != NULL; i++) {
            char name[256];
            snprintf(name, sizeof name, "%s", list[i]);
            char *value = strchr(name, '=');
            *value++ = '\0';
            OK(ppi_options_set(set, name, value, "test"));
        }
    }
    return job;
}

static inline pp_status run_job(const char *out, const char *const *options, ppi_train_result *result) {
    ppi_train_job *job = make_job(out, options);
    const pp_status s = ppi_train(job, result);
    ppi_train_job_destroy(job);
    return s;
}

#endif
