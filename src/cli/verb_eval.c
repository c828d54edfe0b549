/* polyplay eval */
#include "cli/cli.h"

#include "base/error.h"
#include "run/eval.h"

static pp_status eval_job(ppi_cli_args *args, ppi_eval_job *job) {
    ppi_options *options = ppi_eval_job_options(job);
    bool done;
    PPI_TRY(ppi_cli_options(args, options, &done));
    if (done) return PP_OK;
    if (args->dry_run) return ppi_cli_dry_run(options);
    ppi_buf report = {0};
    pp_status status = ppi_eval(job, &report, NULL);
    return ppi_cli_print(&report, status);
}

pp_status ppi_verb_eval(ppi_cli_args *args) {
    const char *run = ppi_cli_args_take(args);
    if (!run && !args->help)
        return ppi_fail(PP_ERR_ARGUMENT, "eval needs a run folder, a checkpoint folder or the word "
                                         "random: polyplay eval RUN --env ...");
    ppi_eval_job *job;
    PPI_TRY(ppi_eval_job_create(&job, run ? run : "random"));
    pp_status status = eval_job(args, job);
    ppi_eval_job_destroy(job);
    return status;
}
