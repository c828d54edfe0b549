/* polyplay collect */
#include "cli/cli.h"

#include "base/error.h"
#include "run/collect.h"

typedef struct collect_call {
    ppi_collect_options collect;
    ppi_env_options env;
} collect_call;

static pp_status run_collect(ppi_cli_args *args, ppi_options *options, collect_call *call) {
    PPI_TRY(ppi_options_bind(options, &ppi_collect_option_table, &call->collect));
    PPI_TRY(ppi_options_bind(options, &ppi_env_option_table, &call->env));
    bool done;
    PPI_TRY(ppi_cli_options(args, options, &done));
    if (done) return PP_OK;
    if (!call->collect.env[0])
        return ppi_fail(PP_ERR_ARGUMENT, "collect needs --env (polyplay info --envs lists them)");
    if (args->dry_run) {
        PPI_TRY(ppi_collect_check(&call->collect));
        return ppi_cli_dry_run(options);
    }
    call->collect.env_options = &call->env;
    ppi_buf report = {0};
    pp_status status = ppi_collect(&call->collect, &report);
    return ppi_cli_print(&report, status);
}

pp_status ppi_verb_collect(ppi_cli_args *args) {
    collect_call call = {0};
    ppi_options *options;
    PPI_TRY(ppi_cli_args_resume(args, true));
    PPI_TRY(ppi_options_create(&options));
    pp_status status = run_collect(args, options, &call);
    ppi_options_destroy(options);
    return status;
}
