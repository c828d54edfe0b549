/* polyplay bench */
#include "cli/cli.h"

#include <stdio.h>

#include "run/bench.h"

static void print_line(void *ctx, const char *line) {
    (void)ctx;
    ppi_cli_terminal_end();
    printf("%s\n", line);
    fflush(stdout);
}

/* What is measured, and how. */
typedef struct bench_call {
    const char *what;
    ppi_bench_options options;
} bench_call;

static pp_status run_bench(ppi_cli_args *args, const ppi_options *options, void *ctx) {
    const bench_call *call = ctx;
    if (args->dry_run) return ppi_cli_dry_run(options);
    return ppi_bench(call->what, &call->options, print_line, NULL);
}

pp_status ppi_verb_bench(ppi_cli_args *args) {
    bench_call call = {.what = ppi_cli_args_take(args)};
    const ppi_cli_table table = {&ppi_bench_option_table, &call.options};
    return ppi_cli_with_options(args, &table, 1, run_bench, &call);
}
