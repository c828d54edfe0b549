/* polyplay collect */
#include "cli/cli.h"

#include <string.h>

#include "base/error.h"
#include "run/collect_learn.h"

/* The learner named among the words, whose options must be known before they are read; "" without.
 */
static const char *find_learner(const ppi_cli_args *args) {
    static const char *const spellings[] = {"--learner", "--collect.learner", "learner",
                                            "collect.learner"};
    for (int i = 0; i < args->argc; i++) {
        for (int k = 0; k < 4; k++) {
            const size_t n = strlen(spellings[k]);
            if (strncmp(args->argv[i], spellings[k], n)) continue;
            if (args->argv[i][n] == '=') return args->argv[i] + n + 1;
            if (k < 2 && !args->argv[i][n] && i + 1 < args->argc) return args->argv[i + 1];
        }
    }
    return "";
}

static pp_status resolve(void *job) {
    return ppi_collect_job_resolve(job);
}

static pp_status run_collect(ppi_cli_args *args, ppi_collect_job *job) {
    ppi_options *options = ppi_collect_job_options(job);
    bool done;
    args->resolve = resolve;
    args->resolve_ctx = job;
    PPI_TRY(ppi_cli_options(args, options, &done));
    if (done) return PP_OK;
    if (args->dry_run) {
        PPI_TRY(ppi_collect_job_check(job));
        return ppi_cli_dry_run(options);
    }
    ppi_buf report = {0};
    pp_status status = ppi_collect_job_run(job, &report);
    return ppi_cli_print(&report, status);
}

pp_status ppi_verb_collect(ppi_cli_args *args) {
    ppi_collect_job *job;
    PPI_TRY(ppi_cli_args_resume(args, true));
    PPI_TRY(ppi_collect_job_create(&job, find_learner(args)));
    pp_status status = run_collect(args, job);
    ppi_collect_job_destroy(job);
    return status;
}
