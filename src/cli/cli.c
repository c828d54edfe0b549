/* The verb table and the way from a command line to an exit code. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/gz.h"
#include "base/mem.h"
#include "base/signal.h"
#include "base/version.h"
#include "cpu/kernels.h"
#include "run/bench.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

static const ppi_verb verbs[] = {
    {"collect", "record experience on games with a policy",
     "polyplay collect --env ENVS --policy random|dirichlet --steps N --out DIR [options]\n"
     "ENVS is a comma list of environments and sets (polyplay info --envs). Each game becomes one\n"
     "dataset DIR/<env>/<policy>-v0. --steps counts per game; running episodes are finished.\n",
     ppi_verb_collect},
    {"data", "look at recorded datasets, combine and delete them",
     "polyplay data list [ROOT]          datasets below a folder, else MINARI_DATASETS_PATH\n"
     "polyplay data show DATASET...      spaces, facts, statistics, the learning curve\n"
     "polyplay data inspect DATASET      the steps of an episode or a history\n"
     "polyplay data validate DATASET...  reads every row; fails at the first bad one\n"
     "polyplay data combine DATASET... --out FOLDER   one new dataset out of several\n"
     "polyplay data delete DATASET --yes\n"
     "`polyplay data ACTION --help` lists the options of an action. DATASET is a folder, a Minari\n"
     "id under MINARI_DATASETS_PATH, a glob or a comma list.\n",
     ppi_verb_data},
    {"train", "train a method on datasets",
     "polyplay train METHOD --data DATASETS --steps N --out RUN [options]\n"
     "METHOD is one of polyplay info --methods. Options of the optimiser and --batch that are "
     "left\n"
     "open take the recipe of the model's size. --resume auto goes on from the newest checkpoint\n"
     "of RUN.\n",
     ppi_verb_train},
    {"eval", "play episodes under a protocol and write the evaluation record",
     "polyplay eval RUN --env ENVS --episodes N --protocol NAME [options]\n"
     "RUN is a run folder, a checkpoint folder, or the word random. Agents that learn in context\n"
     "play --runs lives of --episodes each on --tasks, see docs/in-context.md.\n",
     ppi_verb_eval},
    {"sweep", "train and evaluate a grid of options over seeds, out of a recipe",
     "polyplay sweep RECIPE [options]\n"
     "RECIPE names data, method, grid, seeds and evaluations (docs/sweep.md); recipes/ holds those\n"
     "of the published ablations. The same command goes on with a sweep that was stopped or killed;\n"
     "--dry-run lists the runs and what is done.\n",
     ppi_verb_sweep},
    {"play", "play episodes of one game, with a GIF if wanted, or by hand",
     "polyplay play RUN --env ENV [--gif FILE] [options]\n"
     "polyplay play --policy random --env ENV [--gif FILE] [options]\n"
     "polyplay play --keyboard --env ENV [--fps N] [options]\n"
     "RUN is a run folder, a checkpoint folder, or the word random.\n",
     ppi_verb_play},
    {"forward", "run the network once on given inputs",
     "polyplay forward RUN --in A.safetensors --out B.safetensors [options]\n"
     "polyplay info --io RUN lists the tensors.\n",
     ppi_verb_forward},
    {"bench", "measure this machine",
     "polyplay bench " PPI_BENCH_NAMES " [options]\n"
     "Prints one line per figure: name value unit. kernels prints a table: each kernel's error\n"
     "against the reference (WRONG and exit code 1 beyond its op's tolerance), its time, cycles for\n"
     "an element of the result, and its share of the machine's limit for that work.\n",
     ppi_verb_bench},
    {"info", "list environments, methods, ops; show a plan or the tensors of a run",
     "polyplay info [--envs | --env ENVS | --methods | --ops | --plan RUN | --io RUN] [--json]\n"
     "Without an option: this build and this machine.\n",
     ppi_verb_info},
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

void ppi_cli_version(ppi_buf *out) {
    ppi_buf_printf(out, "polyplay %s (commit %s, %s)\n", ppi_version(), ppi_version_commit(),
                   ppi_version_build());
    ppi_buf_printf(out, "kernels: %s; processor: %s\n", ppi_isa_name(ppi_cpu_isa()),
                   ppi_cpu_features());
    ppi_buf_printf(out, "libraries: %s, zlib %s\n", ppi_onednn_version(), ppi_gz_version());
}

static void print_overview(ppi_buf *out) {
    ppi_buf_printf(out,
                   "polyplay %s: one agent for many games, from recorded play\n\n"
                   "usage: polyplay VERB [arguments] [options]\n\n",
                   ppi_version());
    for (int i = 0; i < VERB_COUNT; i++)
        ppi_buf_printf(out, "  %-9s %s\n", verbs[i].name, verbs[i].summary);
    ppi_buf_printf(out, "  %-9s %s\n", "help", "this text; `polyplay help VERB` tells of one verb");
    ppi_buf_printf(out, "  %-9s %s\n", "version",
                   "the version, the kernels and libraries of this build");
    ppi_buf_printf(out, "\n`polyplay VERB --help` lists the options of a verb.\n");
}

static const ppi_verb *find_verb(const char *name) {
    for (int i = 0; i < VERB_COUNT; i++)
        if (!strcmp(verbs[i].name, name)) return &verbs[i];
    return NULL;
}

static pp_status unknown_verb(const char *name) {
    const char *names[VERB_COUNT + 2];
    for (int i = 0; i < VERB_COUNT; i++) names[i] = verbs[i].name;
    names[VERB_COUNT] = "help";
    names[VERB_COUNT + 1] = "version";
    const char *nearest = ppi_nearest_name(name, names, VERB_COUNT + 2);
    if (nearest)
        return ppi_fail(PP_ERR_ARGUMENT, "unknown verb '%s'; did you mean '%s'?", name, nearest);
    return ppi_fail(PP_ERR_ARGUMENT, "unknown verb '%s'; `polyplay help` lists them", name);
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c) {
    return !strcmp(word, a) || !strcmp(word, b) || !strcmp(word, c);
}

/* Appends a word as a shell would want it back. */
static void append_word(ppi_buf *text, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./,:@%";
    if (word[0] && !word[strspn(word, plain)]) {
        ppi_buf_append_text(text, word);
        return;
    }
    ppi_buf_append_char(text, '\'');
    for (; *word; word++) {
        if (*word == '\'') ppi_buf_append_text(text, "'\\'");
        ppi_buf_append_char(text, *word);
    }
    ppi_buf_append_char(text, '\'');
}

/* The command line as one text, for the records a run keeps. */
static char *join_words(int argc, char **argv) {
    ppi_buf text = {0};
    for (int i = 0; i < argc; i++) {
        if (i) ppi_buf_append_char(&text, ' ');
        append_word(&text, argv[i]);
    }
    char *joined = text.failed ? NULL : ppi_strdup(ppi_buf_text(&text));
    ppi_buf_free(&text);
    return joined;
}

static pp_status print_version(void) {
    ppi_buf text = {0};
    ppi_cli_version(&text);
    return ppi_cli_print(&text, PP_OK);
}

static pp_status run_verb(const ppi_verb *verb, int argc, char **argv, const char *command_line) {
    ppi_cli_args args = {.verb = verb, .command_line = command_line};
    PPI_TRY(ppi_cli_args_split(&args, argc, argv));
    PPI_TRY(ppi_cpu_isa_check());
    if (args.version) return print_version();
    ppi_cli_terminal_install(args.verbose, args.quiet);
    PPI_TRY(ppi_interrupt_install());
    return verb->run(&args);
}

/* `polyplay help [WORD]`: about one verb, or about all. */
static pp_status help(const char *word) {
    ppi_buf text = {0};
    if (word && !is_one_of(word, "help", "version", "--help") && word[0] != '-') {
        char option[] = "--help";
        char *words[] = {option};
        const ppi_verb *verb = find_verb(word);
        return verb ? run_verb(verb, 1, words, "") : unknown_verb(word);
    }
    print_overview(&text);
    return ppi_cli_print(&text, PP_OK);
}

static pp_status dispatch(int argc, char **argv) {
    if (argc < 2) {
        PPI_TRY(help(NULL));
        return ppi_fail(PP_ERR_ARGUMENT, "no verb given");
    }
    if (is_one_of(argv[1], "--help", "-h", "help")) return help(argc > 2 ? argv[2] : NULL);
    if (is_one_of(argv[1], "--version", "-V", "version")) return print_version();
    const ppi_verb *verb = find_verb(argv[1]);
    if (!verb) return unknown_verb(argv[1]);
    char *command_line = join_words(argc, argv);
    if (!command_line) return ppi_oom("command line");
    pp_status status = run_verb(verb, argc - 2, argv + 2, command_line);
    ppi_free(command_line);
    return status;
}

int ppi_cli_main(int argc, char **argv) {
    ppi_cli_terminal_install(false, false);
    pp_status status = dispatch(argc, argv);
    ppi_cli_terminal_end();
    if (status == PP_OK) return EXIT_DONE;
    if (status == PP_ERR_INTERRUPTED) {
        fprintf(stderr, "polyplay: %s\n", pp_last_error());
        return EXIT_INTERRUPTED;
    }
    fprintf(stderr, "polyplay: error: %s\n", pp_last_error());
    return status == PP_ERR_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;
}
