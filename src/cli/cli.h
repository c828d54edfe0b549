/* The command layer: arguments, verbs, and the only place that prints and exits.
 *
 * A verb is a row of the table in main.c. It gets the arguments behind its name with the options
 * common to all verbs already taken out, and returns a status; main prints the error text. */
#ifndef PPI_CLI_CLI_H
#define PPI_CLI_CLI_H

#include <stdbool.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/options.h"

typedef struct ppi_verb ppi_verb;

/* Arguments of one call. */
typedef struct ppi_cli_args {
    const ppi_verb *verb;
    bool help;
    bool version;
    bool dry_run;
    bool print_config;
    bool verbose;
    bool quiet;
    const char *config; /* --config FILE, NULL without */
    /* Set by a verb whose options depend on each other: fills what is open once all were read. */
    pp_status (*resolve)(void *ctx);
    void *resolve_ctx;
    const char *command_line; /* the whole line, for records */
    char **argv;              /* what is left */
    int argc;
} ppi_cli_args;

struct ppi_verb {
    const char *name;
    const char *summary; /* one line for `polyplay help` */
    const char *usage;   /* "polyplay eval RUN --env ENVS [options]" and remarks */
    pp_status (*run)(ppi_cli_args *args);
};

pp_status ppi_verb_collect(ppi_cli_args *args);
pp_status ppi_verb_data(ppi_cli_args *args);
pp_status ppi_verb_train(ppi_cli_args *args);
pp_status ppi_verb_eval(ppi_cli_args *args);
pp_status ppi_verb_play(ppi_cli_args *args);
pp_status ppi_verb_forward(ppi_cli_args *args);
pp_status ppi_verb_sweep(ppi_cli_args *args);
pp_status ppi_verb_bench(ppi_cli_args *args);
pp_status ppi_verb_info(ppi_cli_args *args);

/* Runs the program on a command line whose words are argv[0..argc-1], the program's name first;
 * returns the exit code: 0 done, 1 failed, 2 wrong command line, 130 interrupted. */
int ppi_cli_main(int argc, char **argv);

/* Takes the options common to all verbs out of argv (whose pointer array is reordered in place) and
 * leaves the rest in args. PP_ERR_ARGUMENT names an option whose value is missing or wrong. */
pp_status ppi_cli_args_split(ppi_cli_args *args, int argc, char **argv);

/* Removes and returns the first positional word, NULL when the first word is an option or absent.
 */
const char *ppi_cli_args_take(ppi_cli_args *args);

/* Rewrites "--resume" so that both "--resume" and "--resume VALUE" work: for a switch VALUE must be
 * "auto" and is dropped; for a text option without a value it becomes "--resume=auto". */
pp_status ppi_cli_args_resume(ppi_cli_args *args, bool is_switch);

/* Fills a bound option set: defaults <- recipe file <- command line, then, when they are to be
 * shown, args->resolve. Prints the help or the resolved options when asked for, and then sets
 * *done: the verb has nothing more to do. Words that are not options are an error. */
pp_status ppi_cli_options(ppi_cli_args *args, ppi_options *options, bool *done);

/* A table and the struct it fills. */
typedef struct ppi_cli_table {
    const ppi_option_table *table;
    void *values;
} ppi_cli_table;

/* What a verb does once its options are read; --dry-run is the body's business. */
typedef pp_status (*ppi_cli_body)(ppi_cli_args *args, const ppi_options *options, void *ctx);

/* ppi_cli_options over a set of its own with these tables, then the body unless there is nothing
 * more to do. */
pp_status ppi_cli_with_options(ppi_cli_args *args, const ppi_cli_table *tables, int count,
                               ppi_cli_body body, void *ctx);

/* For --dry-run: prints the resolved options and that nothing was done. */
pp_status ppi_cli_dry_run(const ppi_options *options);

/* Writes a buffer to standard output and releases it; passes `status` on unless writing fails. */
pp_status ppi_cli_print(ppi_buf *text, pp_status status);

/* Messages of the library go to standard error from here on. */
void ppi_cli_terminal_install(bool verbose, bool quiet);
/* Ends a progress line that is still open. */
void ppi_cli_terminal_end(void);

/* "polyplay 0.1.0 (commit, Release)", the kernels and processor features, the libraries. */
void ppi_cli_version(ppi_buf *out);

#endif
