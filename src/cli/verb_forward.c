/* polyplay forward */
#include "cli/cli.h"

#include "base/error.h"
#include "run/forward.h"

/* Whose network runs, and on what. */
typedef struct forward_call {
    const char *run;
    ppi_forward_options options;
} forward_call;

static pp_status run_forward(ppi_cli_args *args, const ppi_options *options, void *ctx) {
    const forward_call *call = ctx;
    const ppi_forward_options *forward = &call->options;
    if (!forward->in[0] || !forward->out[0]) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "forward needs --in and --out (polyplay info --io %s lists the tensors)",
                        call->run);
    }
    if (args->dry_run) return ppi_cli_dry_run(options);
    PPI_TRY(ppi_forward(call->run, forward));
    ppi_buf text = {0};
    ppi_buf_printf(&text, "wrote %s\n", forward->out);
    return ppi_cli_print(&text, PP_OK);
}

pp_status ppi_verb_forward(ppi_cli_args *args) {
    forward_call call = {.run = ppi_cli_args_take(args)};
    if (!call.run && !args->help)
        return ppi_fail(PP_ERR_ARGUMENT, "forward needs a run folder or a checkpoint folder");
    const ppi_cli_table table = {&ppi_forward_option_table, &call.options};
    return ppi_cli_with_options(args, &table, 1, run_forward, &call);
}
