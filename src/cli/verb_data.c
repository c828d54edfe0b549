/* polyplay data list | show | inspect | validate | combine | delete */
#include "cli/cli.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "data/curve.h"
#include "data/dataset.h"
#include "report/svg.h"
#include "run/data_check.h"

#define CURVE_ROWS  12
#define SVG_POINTS  300
#define MAX_SOURCES 256

/* What the options of all actions fill; each action has a table of its own. */
typedef struct data_options {
    char svg[1024];
    int64_t smooth;
    int64_t width;
    ppi_inspect_options inspect;
    char out[1024];
    bool yes;
    /* Positional words. */
    const char *names[MAX_SOURCES];
    int count;
} data_options;

#define FIELD(member) .offset = offsetof(data_options, member)

static const ppi_option show_rows[] = {
    {.name = "show.svg",
     .type = PPI_OPT_STR,
     FIELD(svg),
     .size = sizeof(((data_options *)0)->svg),
     .alias = "svg",
     .help = "Also write the learning curve to this file, as SVG."},
    {.name = "show.smooth",
     .type = PPI_OPT_I64,
     FIELD(smooth),
     .def = "2",
     .min = 0,
     .max = 1000,
     .alias = "smooth",
     .help = "Points on either side that a point of the curve is averaged with."},
    {.name = "show.width",
     .type = PPI_OPT_I64,
     FIELD(width),
     .def = "0",
     .min = 0,
     .max = 400,
     .alias = "width",
     .help = "Columns of the curve, at least 40; 0 takes those of the terminal."},
};
static const ppi_option inspect_rows[] = {
    {.name = "inspect.episode",
     .type = PPI_OPT_I64,
     FIELD(inspect.episode),
     .def = "0",
     .min = 0,
     .max = 1e15,
     .alias = "episode",
     .help = "Episode whose steps are printed; episodes inside histories are counted through."},
    {.name = "inspect.history",
     .type = PPI_OPT_I64,
     FIELD(inspect.history),
     .def = "-1",
     .min = -1,
     .max = 1e15,
     .alias = "history",
     .help = "History (group) whose rows are printed, across its episodes; -1 = an episode's."},
    {.name = "inspect.first",
     .type = PPI_OPT_I64,
     FIELD(inspect.first),
     .def = "0",
     .min = 0,
     .max = 1e15,
     .alias = "first",
     .help = "First step."},
    {.name = "inspect.count",
     .type = PPI_OPT_I64,
     FIELD(inspect.count),
     .def = "20",
     .min = 1,
     .max = 1e9,
     .alias = "count",
     .help = "Most steps printed."},
    {.name = "inspect.json",
     .type = PPI_OPT_BOOL,
     FIELD(inspect.json),
     .alias = "json",
     .help = "Print one JSON object."},
};
static const ppi_option combine_rows[] = {
    {.name = "combine.out",
     .type = PPI_OPT_STR,
     FIELD(out),
     .size = sizeof(((data_options *)0)->out),
     .alias = "out",
     .help = "Folder of the new dataset, NAME-vN."},
};
static const ppi_option delete_rows[] = {
    {.name = "delete.yes",
     .type = PPI_OPT_BOOL,
     FIELD(yes),
     .alias = "yes",
     .help = "Really delete it."},
};

/* One action: its help and what it does. */
typedef struct action {
    ppi_verb verb; /* name, summary, usage for --help */
    ppi_option_table options;
    pp_status (*run)(const data_options *options, ppi_buf *text);
    int least; /* datasets it needs */
    int most;
} action;

/* Appends what one dataset has to say. */
typedef pp_status (*dataset_body)(ppi_dataset *dataset, const data_options *options, ppi_buf *text);

/* Applies the body to every dataset of a comma list. */
static pp_status each_of_list(const char *list, dataset_body body, const data_options *options,
                              ppi_buf *text) {
    ppi_dataset **datasets;
    int count;
    PPI_TRY(ppi_dataset_open_list(&datasets, &count, list, 0));
    pp_status status = PP_OK;
    for (int i = 0; i < count && status == PP_OK; i++) {
        if (text->len > 0) ppi_buf_append_char(text, '\n');
        status = body(datasets[i], options, text);
    }
    ppi_dataset_close_list(datasets, count);
    return status;
}

static pp_status each_of_arguments(const data_options *options, dataset_body body, ppi_buf *text) {
    for (int i = 0; i < options->count; i++)
        PPI_TRY(each_of_list(options->names[i], body, options, text));
    return PP_OK;
}

/* ---- show ---- */

/* Columns of the terminal, of COLUMNS, or 80. */
static int terminal_columns(void) {
    struct winsize size;
    const char *told = getenv("COLUMNS");
    int columns = told ? atoi(told) : 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) columns = size.ws_col;
    if (columns <= 0) columns = 80;
    return columns < 40 ? 40 : columns > 400 ? 400 : columns;
}

/* The curve of a dataset as a plot; `series` keeps what the plot points at. */
static void make_plot(ppi_plot *plot, ppi_plot_series *series, const ppi_curve *curve,
                      const ppi_dataset *dataset, char *name, size_t size) {
    const ppi_store_meta *meta = ppi_dataset_meta(dataset);
    if (curve->histories > 1)
        snprintf(name, size, "%s, mean of %lld histories, 1 standard deviation", meta->policy,
                 (long long)curve->histories);
    else
        snprintf(name, size, "%s", meta->policy);
    *series = (ppi_plot_series){.name = name,
                                .count = curve->count,
                                .x = curve->x,
                                .y = curve->mean,
                                .low = curve->low,
                                .high = curve->high};
    *plot = (ppi_plot){.title = ppi_dataset_info(dataset)->id,
                       .x_label = ppi_dataset_has_histories(dataset)
                                      ? "environment steps of all streams"
                                      : "recorded steps, in the order of the file",
                       .y_label = curve->per_step ? "reward of a step" : "return of an episode",
                       .series = series,
                       .count = 1};
}

static pp_status write_svg(const ppi_dataset *dataset, const data_options *options) {
    ppi_curve curve;
    ppi_plot plot;
    ppi_plot_series series;
    ppi_buf svg = {0};
    char name[160];
    PPI_TRY(ppi_curve_create(&curve, dataset, SVG_POINTS, options->smooth));
    make_plot(&plot, &series, &curve, dataset, name, sizeof name);
    pp_status status = ppi_svg_plot(&svg, &plot);
    if (status == PP_OK) status = ppi_file_write_atomic(options->svg, svg.data, svg.len);
    ppi_buf_free(&svg);
    ppi_curve_free(&curve);
    return status;
}

static pp_status draw_curve(const ppi_dataset *dataset, const data_options *options,
                            ppi_buf *text) {
    ppi_curve curve;
    ppi_plot plot;
    ppi_plot_series series;
    char name[160];
    int columns = options->width >= 40 ? (int)options->width : terminal_columns();
    PPI_TRY(ppi_curve_create(&curve, dataset, 2 * columns, options->smooth));
    make_plot(&plot, &series, &curve, dataset, name, sizeof name);
    ppi_buf_printf(text, "curve          %s\n", name);
    pp_status status = ppi_text_plot(text, &plot, columns, CURVE_ROWS);
    ppi_curve_free(&curve);
    return status;
}

static pp_status show_one(ppi_dataset *dataset, const data_options *options, ppi_buf *text) {
    PPI_TRY(ppi_dataset_show(dataset, text));
    if (ppi_dataset_has_histories(dataset)) PPI_TRY(draw_curve(dataset, options, text));
    if (!options->svg[0]) return PP_OK;
    PPI_TRY(write_svg(dataset, options));
    return ppi_buf_printf(text, "svg            %s\n", options->svg);
}

static pp_status run_show(const data_options *options, ppi_buf *text) {
    if (options->width && options->width < 40)
        return ppi_fail(PP_ERR_ARGUMENT, "option width is %lld, expected 0 or 40 to 400",
                        (long long)options->width);
    if (options->svg[0] && (options->count > 1 || strpbrk(options->names[0], ",*?[{")))
        return ppi_fail(PP_ERR_ARGUMENT, "data show --svg takes one dataset, not several");
    return each_of_arguments(options, show_one, text);
}

/* ---- the other actions ---- */

static pp_status run_list(const data_options *options, ppi_buf *text) {
    return ppi_dataset_list(text, options->count ? options->names[0] : NULL);
}

static pp_status inspect_one(ppi_dataset *dataset, const data_options *options, ppi_buf *text) {
    return ppi_dataset_inspect(dataset, &options->inspect, text);
}

static pp_status run_inspect(const data_options *options, ppi_buf *text) {
    return each_of_arguments(options, inspect_one, text);
}

static pp_status validate_one(ppi_dataset *dataset, const data_options *options, ppi_buf *text) {
    ppi_dataset_report report;
    (void)options;
    PPI_TRY(ppi_data_check_env(dataset));
    PPI_TRY(ppi_dataset_validate(dataset, &report));
    return ppi_dataset_report_text(dataset, &report, text);
}

/* Every dataset alone, then all together: no task may be in training and test data. */
static pp_status run_validate(const data_options *options, ppi_buf *text) {
    ppi_buf names = {0};
    ppi_dataset **datasets = NULL;
    int count = 0;
    PPI_TRY(each_of_arguments(options, validate_one, text));
    for (int i = 0; i < options->count; i++)
        ppi_buf_printf(&names, "%s%s", i ? "," : "", options->names[i]);
    pp_status status = ppi_dataset_open_list(&datasets, &count, ppi_buf_text(&names), 0);
    ppi_buf_free(&names);
    if (status == PP_OK) status = ppi_dataset_check_split(datasets, count);
    ppi_dataset_close_list(datasets, count);
    return status;
}

static pp_status run_combine(const data_options *options, ppi_buf *text) {
    ppi_dataset *dataset = NULL;
    if (!options->out[0])
        return ppi_fail(PP_ERR_ARGUMENT, "data combine needs --out FOLDER for the new dataset");
    PPI_TRY(ppi_dataset_combine(options->names, options->count, options->out));
    PPI_TRY(ppi_dataset_open(&dataset, options->out));
    pp_status status = ppi_dataset_show(dataset, text);
    ppi_dataset_close(dataset);
    return status;
}

static pp_status run_delete(const data_options *options, ppi_buf *text) {
    char folder[PPI_PATH_SIZE];
    PPI_TRY(ppi_dataset_delete(options->names[0], options->yes, folder, sizeof folder));
    return ppi_buf_printf(text, "deleted %s\n", folder);
}

#define TABLE(name, rows)                                                                          \
    { name, rows, (int)(sizeof(rows) / sizeof(rows)[0]) }
#define DATASETS                                                                                   \
    "DATASET is a folder, a Minari id under MINARI_DATASETS_PATH, a glob or a comma list.\n"

static const action actions[] = {
    {{"list", "datasets below a folder",
      "polyplay data list [ROOT]\n"
      "One line per dataset below ROOT, else below MINARI_DATASETS_PATH.\n",
      NULL},
     {"list", NULL, 0},
     run_list,
     0,
     1},
    {{"show", "spaces, facts, statistics and the learning curve",
      "polyplay data show DATASET... [options]\n"
      "Learning histories get a curve: the mean over the histories of the return per episode, and\n"
      "one standard deviation of the histories on either side.\n" DATASETS,
      NULL},
     TABLE("show", show_rows),
     run_show,
     1,
     MAX_SOURCES},
    {{"inspect", "the steps of an episode or a history",
      "polyplay data inspect DATASET [options]\n" DATASETS, NULL},
     TABLE("inspect", inspect_rows),
     run_inspect,
     1,
     1},
    {{"validate", "reads every row; fails at the first bad one",
      "polyplay data validate DATASET...\n"
      "Several datasets are also compared: a task may not be in training and test data.\n" DATASETS,
      NULL},
     {"validate", NULL, 0},
     run_validate,
     1,
     MAX_SOURCES},
    {{"combine", "one new dataset out of several",
      "polyplay data combine DATASET... --out FOLDER\n"
      "All must have the same environment, rules and spaces. Their groups follow each other in "
      "this\n"
      "order, numbered anew; the sources stay.\n",
      NULL},
     TABLE("combine", combine_rows),
     run_combine,
     1,
     MAX_SOURCES},
    {{"delete", "deletes one dataset",
      "polyplay data delete DATASET --yes\n"
      "Refuses folders that hold anything else, and datasets that a collection is writing to.\n",
      NULL},
     TABLE("delete", delete_rows),
     run_delete,
     1,
     1},
};
#define ACTIONS ((int)(sizeof(actions) / sizeof(actions)[0]))

/* ---- the command line ---- */

typedef struct call {
    const action *action;
    data_options options;
} call;

static pp_status run_call(ppi_cli_args *args, const ppi_options *options, void *ctx) {
    const call *c = ctx;
    ppi_buf text = {0};
    if (c->options.count < c->action->least)
        return ppi_fail(PP_ERR_ARGUMENT, "data %s needs a dataset folder or id",
                        c->action->verb.name);
    if (args->dry_run) return ppi_cli_dry_run(options);
    pp_status status = c->action->run(&c->options, &text);
    if (status != PP_OK) {
        /* What was found before the failure is worth showing. */
        char reason[PPI_ERROR_TEXT_SIZE];
        snprintf(reason, sizeof reason, "%s", pp_last_error());
        (void)ppi_cli_print(&text, PP_OK);
        return ppi_fail(status, "%s", reason);
    }
    return ppi_cli_print(&text, PP_OK);
}

static pp_status run_action(ppi_cli_args *args, const action *a) {
    call c = {.action = a};
    const ppi_verb *data = args->verb;
    char name[32];
    ppi_verb verb = a->verb;
    for (const char *word = ppi_cli_args_take(args); word; word = ppi_cli_args_take(args)) {
        if (c.options.count == a->most)
            return ppi_fail(PP_ERR_ARGUMENT, "data %s takes at most %d dataset%s, not also '%s'",
                            verb.name, a->most, a->most == 1 ? "" : "s", word);
        c.options.names[c.options.count++] = word;
    }
    snprintf(name, sizeof name, "%s %s", data->name, a->verb.name);
    verb.name = name;
    args->verb = &verb;
    const ppi_cli_table table = {&a->options, &c.options};
    pp_status status =
        ppi_cli_with_options(args, &table, a->options.count > 0 ? 1 : 0, run_call, &c);
    args->verb = data;
    return status;
}

pp_status ppi_verb_data(ppi_cli_args *args) {
    const char *names[ACTIONS];
    bool done;
    const char *word = ppi_cli_args_take(args);
    for (int i = 0; i < ACTIONS; i++) {
        names[i] = actions[i].verb.name;
        if (word && !strcmp(word, names[i])) return run_action(args, &actions[i]);
    }
    if (args->help) return ppi_cli_options(args, NULL, &done);
    if (!word)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "data needs an action: list, show, inspect, validate, combine or delete");
    const char *nearest = ppi_nearest_name(word, names, ACTIONS);
    if (nearest)
        return ppi_fail(PP_ERR_ARGUMENT, "unknown action 'data %s'; did you mean 'data %s'?", word,
                        nearest);
    return ppi_fail(PP_ERR_ARGUMENT,
                    "unknown action 'data %s', expected list, show, inspect, validate, combine or "
                    "delete",
                    word);
}
