/* polyplay sweep */
#include "cli/cli.h"

#include <stdio.h>

#include "base/error.h"
#include "run/sweep.h"

/* The words of the call. */
typedef struct call {
    const char *recipe;
    ppi_sweep_options options;
} call;

static pp_status run_sweep(ppi_cli_args *args, const ppi_options *options, void *ctx) {
    const call *c = ctx;
    ppi_sweep *sweep;
    ppi_buf report = {0};
    (void)options;
    PPI_TRY(ppi_sweep_open(&sweep, c->recipe, &c->options));
    pp_status status =
        args->dry_run ? ppi_sweep_plan(sweep, &report) : ppi_sweep_run(sweep, &report);
    ppi_sweep_close(sweep);
    /* A sweep with failed runs has a table of the others. */
    if (status == PP_OK) return ppi_cli_print(&report, PP_OK);
    char error[PPI_ERROR_TEXT_SIZE];
    snprintf(error, sizeof error, "%s", pp_last_error());
    PPI_TRY(ppi_cli_print(&report, PP_OK));
    return ppi_fail(status, "%s", error);
}

pp_status ppi_verb_sweep(ppi_cli_args *args) {
    call c = {.recipe = ppi_cli_args_take(args)};
    const ppi_cli_table table = {&ppi_sweep_option_table, &c.options};
    if (!c.recipe && !args->help)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "sweep needs a recipe: polyplay sweep recipes/ad-room.ini");
    return ppi_cli_with_options(args, &table, 1, run_sweep, &c);
}
