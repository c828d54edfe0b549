/* polyplay train: methods that learn from data, and methods that learn while they play. */
#include "cli/cli.h"

#include "base/error.h"
#include "run/learn_job.h"
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

static pp_status train_from_data(ppi_cli_args *args, const char *method) {
    ppi_train_job *job;
    PPI_TRY(ppi_train_job_create(&job, method));
    const pp_status status = train_job(args, job);
    ppi_train_job_destroy(job);
    return status;
}

static pp_status resolve_learner(void *job) {
    return ppi_learn_job_resolve(job);
}

/* Checks that the run could begin: games, network, what is resumed from. */
static pp_status dry_run_learner(ppi_learn_job *job) {
    ppi_buf text = {0};
    PPI_TRY(ppi_cli_print(&text, ppi_learn_check(job, &text)));
    return ppi_cli_dry_run(ppi_learn_job_options(job));
}

static pp_status learn_job(ppi_cli_args *args, ppi_learn_job *job) {
    bool done;
    args->resolve = resolve_learner;
    args->resolve_ctx = job;
    PPI_TRY(ppi_cli_options(args, ppi_learn_job_options(job), &done));
    if (done) return PP_OK;
    if (args->dry_run) return dry_run_learner(job);
    ppi_learn_job_command(job, args->command_line);
    ppi_learn_result result = {0};
    PPI_TRY(ppi_learn_run(job, &result));
    ppi_buf text = {0};
    ppi_buf_printf(&text,
                   "run %s\ncheckpoint %s\nsteps %lld updates %lld episodes %lld return %.6g "
                   "steps/s %.4g\n",
                   result.run_dir, result.checkpoint, (long long)result.steps,
                   (long long)result.updates, (long long)result.episodes, result.mean_return,
                   result.steps_per_second);
    if (result.dataset[0]) ppi_buf_printf(&text, "history %s\n", result.dataset);
    return ppi_cli_print(&text, PP_OK);
}

static pp_status train_online(ppi_cli_args *args, const ppi_method *method) {
    ppi_learn_job *job;
    PPI_TRY(ppi_learn_job_create(&job, method));
    const pp_status status = learn_job(args, job);
    ppi_learn_job_destroy(job);
    return status;
}

pp_status ppi_verb_train(ppi_cli_args *args) {
    const char *name = ppi_cli_args_take(args);
    const ppi_method *method;
    if (!name && !args->help)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "train needs a method: polyplay train mgdt --data ... or polyplay train "
                        "dqn --env ... (polyplay info --methods lists them)");
    PPI_TRY(ppi_cli_args_resume(args, false));
    PPI_TRY(ppi_method_find(&method, name ? name : "mgdt"));
    return method->learner ? train_online(args, method) : train_from_data(args, method->name);
}
