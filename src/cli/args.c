/* From words to options: the options common to all verbs, then a component's tables. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static const char common_help[] =
    "\n"
    "Every verb also takes:\n"
    "  --config FILE    options from a recipe (INI, as config.resolved.ini), before the command "
    "line\n"
    "  --print-config   print every option with its value and source, and stop\n"
    "  --dry-run        check the options and say what would be done\n"
    "  --device NAME    where networks run: cpu; auto takes the best there is\n"
    "  --verbose        say more\n"
    "  --quiet          say less: warnings and errors\n"
    "  --version        the version, the kernels and libraries of this build\n"
    "  --help           this text\n";

/* Value of "--name VALUE" or "--name=VALUE" at argv[*i]; NULL when the word is another one. */
static pp_status take_value(const char **value, const char *name, int argc, char **argv, int *i) {
    const char *word = argv[*i];
    size_t length = strlen(name);
    *value = NULL;
    if (strncmp(word, name, length)) return PP_OK;
    if (word[length] == '=') {
        *value = word + length + 1;
        return PP_OK;
    }
    if (word[length]) return PP_OK;
    if (*i + 1 >= argc) return ppi_fail(PP_ERR_ARGUMENT, "option %s needs a value", name);
    *value = argv[++*i];
    return PP_OK;
}

static bool take_flag(ppi_cli_args *args, const char *word) {
    bool *flag = NULL;
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) flag = &args->help;
    if (!strcmp(word, "--dry-run") || !strcmp(word, "--dry_run")) flag = &args->dry_run;
    if (!strcmp(word, "--print-config") || !strcmp(word, "--print_config"))
        flag = &args->print_config;
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) flag = &args->version;
    if (!strcmp(word, "--verbose")) flag = &args->verbose;
    if (!strcmp(word, "--quiet")) flag = &args->quiet;
    if (flag) *flag = true;
    return flag != NULL;
}

pp_status ppi_cli_args_split(ppi_cli_args *args, int argc, char **argv) {
    args->argv = argv;
    args->argc = 0;
    for (int i = 0; i < argc; i++) {
        const char *value;
        if (take_flag(args, argv[i])) continue;
        PPI_TRY(take_value(&value, "--config", argc, argv, &i));
        if (value) {
            args->config = value;
            continue;
        }
        PPI_TRY(take_value(&value, "--device", argc, argv, &i));
        if (value) {
            if (strcmp(value, "cpu") && strcmp(value, "auto"))
                return ppi_fail(PP_ERR_ARGUMENT, "option --device is '%s', expected cpu or auto",
                                value);
            continue;
        }
        args->argv[args->argc++] = argv[i];
    }
    return PP_OK;
}

static void remove_word(ppi_cli_args *args, int index) {
    for (int i = index; i + 1 < args->argc; i++) args->argv[i] = args->argv[i + 1];
    args->argc--;
}

const char *ppi_cli_args_take(ppi_cli_args *args) {
    if (args->argc == 0 || args->argv[0][0] == '-' || ppi_options_is_assignment(args->argv[0]))
        return NULL;
    const char *word = args->argv[0];
    args->argv++;
    args->argc--;
    return word;
}

pp_status ppi_cli_args_resume(ppi_cli_args *args, bool is_switch) {
    static char automatic[] = "--resume=auto";
    static char plain[] = "--resume";
    for (int i = 0; i < args->argc; i++) {
        bool equals_auto = !strcmp(args->argv[i], automatic);
        if (strcmp(args->argv[i], plain) && !equals_auto) continue;
        const char *next = i + 1 < args->argc ? args->argv[i + 1] : NULL;
        bool has_value =
            !equals_auto && next && strncmp(next, "--", 2) && !ppi_options_is_assignment(next);
        if (!is_switch && !has_value) args->argv[i] = automatic;
        if (is_switch) args->argv[i] = plain;
        if (!is_switch || !has_value) continue;
        if (strcmp(next, "auto"))
            return ppi_fail(PP_ERR_ARGUMENT, "option --resume is '%s', expected no value or auto",
                            next);
        remove_word(args, i + 1);
    }
    return PP_OK;
}

static pp_status print_help(const ppi_cli_args *args, const ppi_options *options) {
    ppi_buf text = {0};
    ppi_buf_printf(&text, "%s: %s\n\nusage: %s", args->verb->name, args->verb->summary,
                   args->verb->usage);
    if (options) ppi_buf_append_char(&text, '\n');
    pp_status status = options ? ppi_options_help(options, &text) : PP_OK;
    ppi_buf_append_text(&text, common_help);
    return ppi_cli_print(&text, status);
}

pp_status ppi_cli_options(ppi_cli_args *args, ppi_options *options, bool *done) {
    *done = true;
    if (args->help) return print_help(args, options);
    if (args->config) PPI_TRY(ppi_options_load_ini(options, args->config));
    PPI_TRY(ppi_options_parse_args(options, args->argc, args->argv, NULL, NULL));
    if (args->resolve && (args->print_config || args->dry_run))
        PPI_TRY(args->resolve(args->resolve_ctx));
    if (args->print_config) {
        ppi_buf text = {0};
        pp_status status = ppi_options_write_ini(options, &text);
        return ppi_cli_print(&text, status);
    }
    *done = false;
    return PP_OK;
}

pp_status ppi_cli_with_options(ppi_cli_args *args, const ppi_cli_table *tables, int count,
                               ppi_cli_body body, void *ctx) {
    ppi_options *options;
    bool done = false;
    PPI_TRY(ppi_options_create(&options));
    pp_status status = PP_OK;
    for (int i = 0; i < count && status == PP_OK; i++)
        status = ppi_options_bind(options, tables[i].table, tables[i].values);
    if (status == PP_OK) status = ppi_cli_options(args, options, &done);
    if (status == PP_OK && !done) status = body(args, options, ctx);
    ppi_options_destroy(options);
    return status;
}

pp_status ppi_cli_dry_run(const ppi_options *options) {
    ppi_buf text = {0};
    pp_status status = ppi_options_write_ini(options, &text);
    ppi_buf_printf(&text, "dry run: nothing was done\n");
    return ppi_cli_print(&text, status);
}

pp_status ppi_cli_print(ppi_buf *text, pp_status status) {
    if (status == PP_OK) status = text->failed;
    if (status == PP_OK) {
        size_t written = fwrite(ppi_buf_text(text), 1, text->len, stdout);
        if (written != text->len || fflush(stdout))
            status = ppi_fail_errno("cannot write to standard output");
    }
    ppi_buf_free(text);
    return status;
}
