/* Options of a training job, and the job as a holder of them. */
#include <stddef.h>
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/mem.h"
#include "run/train.h"
#include "run/train_job.h"
#include "run/method_options.h"
#include "run/option_rows.h"

#define FIELD(name) offsetof(ppi_train_options, name)

static const ppi_option rows[] = {
    {.name = "method",
     .type = PPI_OPT_STR,
     .offset = FIELD(method),
     .size = 32,
     .def = "",
     .help = "Method that is trained; given as the first word."},
    {.name = "model",
     .type = PPI_OPT_STR,
     .offset = FIELD(model),
     .size = 32,
     .def = "",
     .help = "Size of the network, for example tiny, small, 10m; empty takes small, of ad and ed "
             "cpu."},
    {.name = "data",
     .type = PPI_OPT_STR,
     .offset = FIELD(data),
     .size = 8192,
     .def = "",
     .help =
         "Datasets: folders, Minari ids or globs, separated by commas; a set such as @arcade5 in a "
         "path stands for each of its games."},
    {.name = "data.view",
     .type = PPI_OPT_STR,
     .offset = FIELD(data_view),
     .size = 16,
     .def = "",
     .help = "What an agent sees of stored observations: grey84 paints planes of arcade games; of "
             "cells a view whose components the stored one begins with. Empty: as stored, cells in "
             "the environment's first view where that fits, so that a source's key bit stays its "
             "own."},
    {.name = "env",
     .type = PPI_OPT_STR,
     .offset = FIELD(env),
     .size = 64,
     .def = "",
     .help = "Not for this method: it learns from recorded data."},
    {.name = "steps",
     .type = PPI_OPT_I64,
     .offset = FIELD(steps),
     .def = "1000",
     .min = 1,
     .max = 1e12,
     .help = "Updates to make, those of a resumed run included.",
     .alias = "total-timesteps"},
    {.name = "batch",
     .type = PPI_OPT_I64,
     .offset = FIELD(batch),
     .def = "0",
     .min = 0,
     .max = 65536,
     .help = "Windows per update; 0 takes the recipe's."},
    PPI_ROW_RUN_FOLDER,
    {.name = "seed",
     .type = PPI_OPT_I64,
     .offset = FIELD(seed),
     .def = "1",
     .min = 0,
     .max = 9e15,
     .help = "Seed of initial weights, batches and dropout."},
    PPI_ROW_THREADS,
    PPI_ROW_DTYPE("auto"),
    {.name = "resume",
     .type = PPI_OPT_STR,
     .offset = FIELD(resume),
     .size = 1024,
     .def = "",
     .help = "Checkpoint or run folder to go on from; auto takes the newest whole checkpoint of "
             "--out."},
    {.name = "checkpoint.every",
     .type = PPI_OPT_I64,
     .offset = FIELD(checkpoint_every),
     .def = "500",
     .min = 1,
     .max = 1e12,
     .help = "Updates between checkpoints; one is always written at the end."},
    {.name = "checkpoint.keep",
     .type = PPI_OPT_I64,
     .offset = FIELD(checkpoint_keep),
     .def = "3",
     .min = 0,
     .max = 1e6,
     .help = "Checkpoints that stay; 0 keeps all."},
    {.name = "log.every",
     .type = PPI_OPT_I64,
     .offset = FIELD(log_every),
     .def = "10",
     .min = 1,
     .max = 1e9,
     .help = "Updates between rows of the logs."},
    PPI_ROWS_EVAL("Updates", "the games of the data"),
};
const ppi_option_table ppi_train_option_table = {"run", rows, (int)(sizeof rows / sizeof rows[0])};

bool ppi_dtype_is_bf16(int dtype) {
    if (dtype == PPI_DTYPE_AUTO) return ppi_cpu_isa() >= PPI_ISA_AVX512_BF16;
    return dtype == PPI_DTYPE_USE_BF16;
}

int ppi_thread_count(int64_t threads) {
    return threads > 0 ? (int)threads : ppi_cpu_count();
}

static pp_status bind(ppi_train_job *job) {
    PPI_TRY(ppi_options_create(&job->set));
    PPI_TRY(ppi_options_bind(job->set, &ppi_train_option_table, &job->run));
    PPI_TRY(ppi_options_bind(job->set, &ppi_sampler_option_table, &job->sampler_options));
    PPI_TRY(ppi_options_bind(job->set, &ppi_env_option_table, &job->env));
    PPI_TRY(ppi_method_options_new(&job->method_options, job->method, job->set));
    return ppi_options_set(job->set, "method", job->method->name, "command line");
}

pp_status ppi_train_job_create(ppi_train_job **out, const char *method) {
    *out = NULL;
    const ppi_method *found = NULL;
    PPI_TRY(ppi_method_find(&found, method));
    if (found->learner != NULL) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "method %s learns from games: polyplay train %s --env NAME", found->name,
                        found->name);
    }
    ppi_train_job *job = ppi_calloc(1, sizeof *job);
    if (job == NULL) return ppi_oom("a training job");
    job->method = found;
    ppi_sampler_options_default(&job->sampler_options);
    const pp_status s = bind(job);
    if (s != PP_OK) {
        ppi_train_job_destroy(job);
        return s;
    }
    *out = job;
    return PP_OK;
}

void ppi_train_job_destroy(ppi_train_job *job) {
    if (job == NULL) return;
    ppi_options_destroy(job->set);
    ppi_free(job->method_options);
    ppi_free(job);
}

ppi_options *ppi_train_job_options(ppi_train_job *job) {
    return job->set;
}
const ppi_train_options *ppi_train_job_run_options(const ppi_train_job *job) {
    return &job->run;
}
void ppi_train_job_command(ppi_train_job *job, const char *command_line) {
    job->command = command_line;
}
