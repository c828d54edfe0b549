/* polyplay bench */
#include "cli/cli.h"

#include <stdio.h>

#include "base/error.h"
#include "run/bench.h"

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    ppi_cli_terminal_end();
    printf("%s\n", line);
    fflush(stdout);
}

static pp_status run_bench(ppi_cli_args *args, const char *what, ppi_options *options,
                           ppi_bench_options *bench)
{
    PPI_TRY(ppi_options_bind(options, &ppi_bench_option_table, bench));
    bool done;
    PPI_TRY(ppi_cli_options(args, options, &done));
    if (done) return PP_OK;
    if (args->dry_run) return ppi_cli_dry_run(options);
    return ppi_bench(what, bench, print_line, NULL);
}

pp_status ppi_verb_bench(ppi_cli_args *args)
{
    const char *what = ppi_cli_args_take(args);
    if (!what && !args->help)
        return ppi_fail(PP_ERR_ARGUMENT, "bench needs one of train, act, loader, env");
    ppi_bench_options bench = {0};
    ppi_options *options;
    PPI_TRY(ppi_options_create(&options));
    pp_status status = run_bench(args, what, options, &bench);
    ppi_options_destroy(options);
    return status;
}
