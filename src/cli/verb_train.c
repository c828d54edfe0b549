/* polyplay train */
#include "cli/cli.h"

#include "base/error.h"
#include "run/train.h"

static pp_status resolve(void *job) {
    return ppi_train_job_resolve(job);
}

/* Checks that the run could begin: datasets, network, what is resumed from. */
static pp_status dry_run(ppi_train_job *job) {
    ppi_buf text = {0};
    PPI_TRY(ppi_cli_print(&text, ppi_train_check(job, &text)));
    return ppi_cli_dry_run(ppi_train_job_options(job));
}

static pp_status train_job(ppi_cli_args *args, ppi_train_job *job) {
    ppi_options *options = ppi_train_job_options(job);
    bool done;
    args->resolve = resolve;
    args->resolve_ctx = job;
    PPI_TRY(ppi_cli_options(args, options, &done));
    if (done) return PP_OK;
    if (args->dry_run) return dry_run(job);
    ppi_train_job_command(job, args->command_line);
    ppi_train_result result = {0};
    PPI_TRY(ppi_train(job, &result));
    ppi_buf text = {0};
    ppi_buf_printf(&text, "run %s\ncheckpoint %s\nstep %lld loss %.6g steps/s %.3g tok/s %.0f\n",
                   result.run_dir, result.checkpoint, (long long)result.step, result.loss,
                   result.steps_per_second, result.tokens_per_second);
    return ppi_cli_print(&text, PP_OK);
}

pp_status ppi_verb_train(ppi_cli_args *args) {
    const char *method = ppi_cli_args_take(args);
    if (!method && !args->help)
        return ppi_fail(PP_ERR_ARGUMENT, "train needs a method: polyplay train mgdt --data ... "
                                         "(polyplay info --methods lists them)");
    PPI_TRY(ppi_cli_args_resume(args, false));
    ppi_train_job *job;
    PPI_TRY(ppi_train_job_create(&job, method ? method : "mgdt"));
    pp_status status = train_job(args, job);
    ppi_train_job_destroy(job);
    return status;
}
