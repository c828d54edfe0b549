/* `polyplay bench`: figures of the train step and its parts, acting, the loader and the environments. One line per
   figure, `name value unit`, or the same as JSON lines. */
#ifndef PPI_RUN_BENCH_H
#define PPI_RUN_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/options.h"

/* Rows of ppi_bench_option_table. */
typedef struct ppi_bench_options {
    char model[64];   /* --model method/size, "mgdt/10m" */
    int64_t batch;    /* --batch */
    int64_t steps;    /* --steps: timed steps, 0 = as many as fit the time */
    double seconds;   /* --seconds: time to measure for */
    int64_t threads;  /* --threads, 0 = all processors */
    int dtype;        /* --dtype auto|f32|bf16 */
    int64_t envs;     /* --envs: environments of act and env, 0 = what suits */
    char env[128];    /* --env of env; empty = all */
    char view[16];    /* --view of env; empty = the first, or all */
    int64_t workers;  /* --workers of sampler and loader: data.workers */
    double sticky;    /* --sticky of env, -1 = the game's own */
    char data[8192];  /* --data of sampler and loader; empty = made in a temporary folder (loader) */
    char filter[64];  /* --filter of kernels: part of a kernel's name or shape */
    bool json;        /* --json */
    bool plain;       /* --plain: AdamW, no dropout, no clipping, whatever the recipe says */
    bool plan;        /* --plan: print the plan of the train step instead of measuring */
} ppi_bench_options;
extern const ppi_option_table ppi_bench_option_table;

/* Takes one line of output, without newline. */
typedef void (*ppi_line_fn)(void *ctx, const char *line);

/* What can be measured, in the order of the table in bench.c. */
#define PPI_BENCH_NAMES "train|roofline|act|sampler|loader|env|collect|kernels|small"
/* what: one of PPI_BENCH_NAMES; PP_ERR_ARGUMENT for another or NULL lists them. */
pp_status ppi_bench(const char *what, const ppi_bench_options *options, ppi_line_fn line, void *ctx);

#endif
