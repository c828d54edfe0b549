/* polyplay data list | show | validate */
#include "cli/cli.h"

#include <string.h>

#include "base/error.h"
#include "data/dataset.h"

/* Appends what one dataset has to say. */
typedef pp_status (*dataset_action)(ppi_dataset *dataset, ppi_buf *text);

static pp_status show(ppi_dataset *dataset, ppi_buf *text) {
    return ppi_dataset_show(dataset, text);
}

static pp_status validate(ppi_dataset *dataset, ppi_buf *text) {
    ppi_dataset_report report;
    PPI_TRY(ppi_dataset_validate(dataset, &report));
    return ppi_dataset_report_text(dataset, &report, text);
}

/* Applies the action to every dataset of a comma list. */
static pp_status each_of_list(const char *list, dataset_action action, ppi_buf *text) {
    ppi_dataset **datasets;
    int count;
    PPI_TRY(ppi_dataset_open_list(&datasets, &count, list, 0));
    pp_status status = PP_OK;
    for (int i = 0; i < count && status == PP_OK; i++) {
        if (i > 0) ppi_buf_append_char(text, '\n');
        status = action(datasets[i], text);
    }
    ppi_dataset_close_list(datasets, count);
    return status;
}

static pp_status no_more(const ppi_cli_args *args, const char *name) {
    if (args->argc == 0) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "data %s has no option '%s'", name, args->argv[0]);
}

/* Applies the action to every dataset named on the command line. */
static pp_status each_of_arguments(ppi_cli_args *args, const char *name, dataset_action action) {
    const char *list = ppi_cli_args_take(args);
    if (!list) return ppi_fail(PP_ERR_ARGUMENT, "data %s needs a dataset folder or id", name);
    for (bool first = true; list; first = false) {
        ppi_buf text = {0};
        if (!first) ppi_buf_append_char(&text, '\n');
        PPI_TRY(ppi_cli_print(&text, each_of_list(list, action, &text)));
        list = ppi_cli_args_take(args);
    }
    return no_more(args, name);
}

static pp_status list_root(ppi_cli_args *args) {
    ppi_buf text = {0};
    const char *root = ppi_cli_args_take(args);
    PPI_TRY(no_more(args, "list"));
    return ppi_cli_print(&text, ppi_dataset_list(&text, root));
}

pp_status ppi_verb_data(ppi_cli_args *args) {
    static const char *const actions[] = {"list", "show", "validate"};
    const int count = (int)(sizeof(actions) / sizeof(actions[0]));
    bool done;
    if (args->help) return ppi_cli_options(args, NULL, &done);
    const char *action = ppi_cli_args_take(args);
    if (!action) return ppi_fail(PP_ERR_ARGUMENT, "data needs an action: list, show or validate");
    if (!strcmp(action, "list")) return list_root(args);
    if (!strcmp(action, "show")) return each_of_arguments(args, "show", show);
    if (!strcmp(action, "validate")) return each_of_arguments(args, "validate", validate);
    const char *nearest = ppi_nearest_name(action, actions, count);
    if (nearest)
        return ppi_fail(PP_ERR_ARGUMENT, "unknown action 'data %s'; did you mean 'data %s'?",
                        action, nearest);
    return ppi_fail(PP_ERR_ARGUMENT, "unknown action 'data %s', expected list, show or validate",
                    action);
}
