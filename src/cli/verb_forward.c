/* polyplay forward */
#include "cli/cli.h"

#include "base/error.h"
#include "run/forward.h"

static pp_status run_forward(ppi_cli_args *args, const char *run, ppi_options *options,
                             ppi_forward_options *forward)
{
    PPI_TRY(ppi_options_bind(options, &ppi_forward_option_table, forward));
    bool done;
    PPI_TRY(ppi_cli_options(args, options, &done));
    if (done) return PP_OK;
    if (!forward->in[0] || !forward->out[0])
        return ppi_fail(PP_ERR_ARGUMENT, "forward needs --in and --out (polyplay info --io %s "
                                         "lists the tensors)", run);
    if (args->dry_run) return ppi_cli_dry_run(options);
    PPI_TRY(ppi_forward(run, forward));
    ppi_buf text = {0};
    ppi_buf_printf(&text, "wrote %s\n", forward->out);
    return ppi_cli_print(&text, PP_OK);
}

pp_status ppi_verb_forward(ppi_cli_args *args)
{
    const char *run = ppi_cli_args_take(args);
    if (!run && !args->help)
        return ppi_fail(PP_ERR_ARGUMENT, "forward needs a run folder or a checkpoint folder");
    ppi_forward_options forward = {0};
    ppi_options *options;
    PPI_TRY(ppi_options_create(&options));
    pp_status status = run_forward(args, run, options, &forward);
    ppi_options_destroy(options);
    return status;
}
