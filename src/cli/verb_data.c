/* polyplay data show */
#include "cli/cli.h"

#include <string.h>

#include "base/error.h"
#include "data/dataset.h"

static pp_status show_list(const char *list, ppi_buf *text)
{
    ppi_dataset **datasets;
    int count;
    PPI_TRY(ppi_dataset_open_list(&datasets, &count, list, 0));
    pp_status status = PP_OK;
    for (int i = 0; i < count && status == PP_OK; i++) {
        if (text->len) ppi_buf_append_char(text, '\n');
        status = ppi_dataset_show(datasets[i], text);
    }
    ppi_dataset_close_list(datasets, count);
    return status;
}

static pp_status show(ppi_cli_args *args)
{
    ppi_buf text = {0};
    pp_status status = PP_OK;
    const char *list = ppi_cli_args_take(args);
    if (!list) return ppi_fail(PP_ERR_ARGUMENT, "data show needs a dataset folder or id");
    while (list && status == PP_OK) {
        status = show_list(list, &text);
        list = ppi_cli_args_take(args);
    }
    if (status == PP_OK && args->argc > 0)
        status = ppi_fail(PP_ERR_ARGUMENT, "data show has no option '%s'", args->argv[0]);
    return ppi_cli_print(&text, status);
}

pp_status ppi_verb_data(ppi_cli_args *args)
{
    bool done;
    if (args->help) return ppi_cli_options(args, NULL, &done);
    const char *action = ppi_cli_args_take(args);
    if (!action) return ppi_fail(PP_ERR_ARGUMENT, "data needs an action: show");
    if (strcmp(action, "show"))
        return ppi_fail(PP_ERR_ARGUMENT, "unknown action 'data %s'; did you mean 'data show'?",
                        action);
    return show(args);
}
