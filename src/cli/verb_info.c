/* polyplay info: what this build knows. */
#include "cli/cli.h"

#include <stddef.h>

#include "base/cpu.h"
#include "base/error.h"
#include "env/catalogue.h"
#include "env/registry.h"
#include "method/method.h"
#include "run/forward.h"
#include "run/plan_view.h"
#include "tensor/backend.h"

typedef struct info_options {
    bool envs;
    char names[1024]; /* environments */
    bool json;        /* of the environments */
    bool methods;
    bool ops;
    char plan[1024]; /* run folder */
    char io[1024];   /* run folder */
    int64_t batch;   /* of --plan */
    ppi_env_options env;
} info_options;

static const ppi_option info_rows[] = {
    {.name = "info.envs",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(info_options, envs),
     .alias = "envs",
     .help = "list every environment and whether it can be played here"},
    {.name = "info.env",
     .type = PPI_OPT_STR,
     .offset = offsetof(info_options, names),
     .size = sizeof(((info_options *)0)->names),
     .alias = "env",
     .help = "list these environments (ids, sets, patterns) with their actions and modes"},
    {.name = "info.json",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(info_options, json),
     .alias = "json",
     .help = "list environments as JSON"},
    {.name = "info.methods",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(info_options, methods),
     .alias = "methods",
     .help = "list the methods and their sizes"},
    {.name = "info.ops",
     .type = PPI_OPT_BOOL,
     .offset = offsetof(info_options, ops),
     .alias = "ops",
     .help = "list the ops of the tensor engine and the kernels of each"},
    {.name = "info.plan",
     .type = PPI_OPT_STR,
     .offset = offsetof(info_options, plan),
     .size = sizeof(((info_options *)0)->plan),
     .alias = "plan",
     .help = "run folder: print the plan of its network and the memory map"},
    {.name = "info.io",
     .type = PPI_OPT_STR,
     .offset = offsetof(info_options, io),
     .size = sizeof(((info_options *)0)->io),
     .alias = "io",
     .help = "run folder: list the tensors that forward reads and writes"},
    {.name = "info.batch",
     .type = PPI_OPT_I64,
     .offset = offsetof(info_options, batch),
     .def = "16",
     .min = 1,
     .max = 65536,
     .alias = "batch",
     .help = "windows and environments of the plans that --plan prints"},
};
static const ppi_option_table info_table = {"info", info_rows,
                                            sizeof(info_rows) / sizeof(info_rows[0])};

static pp_status list_methods(ppi_buf *out) {
    for (int i = 0; i < ppi_method_count(); i++) {
        const ppi_method *method = ppi_method_at(i);
        ppi_buf_printf(out, "%-8s %s; sizes", method->name, method->help);
        for (int s = 0; method->sizes[s]; s++) ppi_buf_printf(out, " %s", method->sizes[s]);
        ppi_buf_append_char(out, '\n');
    }
    return out->failed;
}

static pp_status list_ops(ppi_buf *out) {
    const ppi_backend *backend = ppi_cpu_backend();
    for (int op = 0; op < PPI_OP_COUNT; op++) {
        const ppi_op_info *info = ppi_op_get((ppi_op)op);
        ppi_buf_printf(out, "%-18s %s\n%-18s kernels:", info->name, info->doc, "");
        const ppi_kernel *const *kernel = backend->kernels(backend, (ppi_op)op);
        for (; *kernel; kernel++) ppi_buf_printf(out, " %s", (*kernel)->name);
        ppi_buf_append_char(out, '\n');
    }
    return ppi_buf_printf(out, "%d ops\n", (int)PPI_OP_COUNT);
}

static pp_status describe_build(ppi_buf *out) {
    const pp_env_vtable *ale;
    ppi_cli_version(out);
    ppi_buf_printf(out, "processors: %d\n", ppi_cpu_count());
    if (ppi_env_ale_plugin(&ale) == PP_OK)
        ppi_buf_printf(out, "Atari: %s %s\n", ale->name, ale->version);
    else
        ppi_buf_printf(out, "Atari: not available: %s\n", pp_last_error());
    ppi_buf_printf(out, "methods:");
    for (int i = 0; i < ppi_method_count(); i++) ppi_buf_printf(out, " %s", ppi_method_at(i)->name);
    return ppi_buf_printf(out, "\n");
}

static pp_status answer(const info_options *info, ppi_buf *out) {
    if (info->envs || info->names[0])
        PPI_TRY(ppi_env_catalogue(out, info->names, &info->env, info->json));
    if (info->methods) PPI_TRY(list_methods(out));
    if (info->ops) PPI_TRY(list_ops(out));
    if (info->plan[0]) PPI_TRY(ppi_plan_view(info->plan, info->batch, out));
    if (info->io[0]) PPI_TRY(ppi_forward_list(info->io, out));
    return out->len ? PP_OK : describe_build(out);
}

static pp_status run_info(ppi_cli_args *args, const ppi_options *options, void *ctx) {
    if (args->dry_run) return ppi_cli_dry_run(options);
    ppi_buf text = {0};
    pp_status status = answer(ctx, &text);
    return ppi_cli_print(&text, status);
}

pp_status ppi_verb_info(ppi_cli_args *args) {
    info_options info = {0};
    const ppi_cli_table tables[] = {{&info_table, &info}, {&ppi_env_option_table, &info.env}};
    return ppi_cli_with_options(args, tables, 2, run_info, &info);
}
