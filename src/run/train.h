/* The training loop of `polyplay train`: option tables of run, data and method bound to one set, a
   run folder with its logs, checkpoints, and exact resume. A job is made for a method, its options
   are parsed by the caller, then it runs. */
#ifndef PPI_RUN_TRAIN_H
#define PPI_RUN_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/options.h"

/* Order of the choices of --dtype. */
enum { PPI_DTYPE_AUTO, PPI_DTYPE_USE_F32, PPI_DTYPE_USE_BF16 };

/* Rows of ppi_train_option_table. */
typedef struct ppi_train_options {
    char method[32];          /* set by ppi_train_job_create, shown in the resolved options */
    char model[32];           /* --model: size, "small" */
    char data[8192];          /* --data: folders, Minari ids, globs; comma list */
    char data_view[16];       /* --data.view: what the agent sees of the data */
    char env[64];             /* --env: refused, for methods that learn from games */
    int64_t steps;            /* --steps: update steps */
    int64_t batch;            /* --batch: windows per step */
    char out[1024];           /* --out: run folder; empty = a name under runs/ */
    int64_t seed;             /* --seed */
    int64_t threads;          /* --threads, 0 = all processors */
    int dtype;                /* --dtype auto|f32|bf16 */
    char resume[1024];        /* --resume: checkpoint or run folder, "auto", or empty */
    int64_t checkpoint_every; /* --checkpoint.every STEPS */
    int64_t checkpoint_keep;  /* --checkpoint.keep K */
    int64_t log_every;        /* --log.every STEPS */
    int64_t eval_every;       /* --eval.every STEPS, 0 = no evaluations */
    char eval_env[8192];      /* --eval.env: ids or sets; empty = the games of the data */
    int64_t eval_episodes;    /* --eval.episodes of each game */
    int64_t eval_seed;        /* --eval.seed: episode e is played with seed + e */
    int64_t eval_runs;        /* --eval.runs, for agents that learn in context */
    int eval_tasks;           /* --eval.tasks auto|held|train|test, for these */
} ppi_train_options;
extern const ppi_option_table ppi_train_option_table;

typedef struct ppi_train_job ppi_train_job;

/* Makes a job for a method ("mgdt", "bc") with every option at its default. An unknown method is
   PP_ERR_NOT_FOUND with the nearest name, one that learns from games PP_ERR_ARGUMENT. */
pp_status ppi_train_job_create(ppi_train_job **out, const char *method);
void ppi_train_job_destroy(ppi_train_job *job);
/* All options of the job (run, data, method, optimiser), to be filled by ppi_options_parse_args. */
ppi_options *ppi_train_job_options(ppi_train_job *job);
/* Fills what is still open: the recipe of the model's size, and its batch for --batch 0. ppi_train
   does it itself; before, for showing the options. */
pp_status ppi_train_job_resolve(ppi_train_job *job);
const ppi_train_options *ppi_train_job_run_options(const ppi_train_job *job);
/* Text stored in version.json; NULL = left out. Not copied. */
void ppi_train_job_command(ppi_train_job *job, const char *command_line);

/* What a finished job left. */
typedef struct ppi_train_result {
    char run_dir[1024];
    char checkpoint[1024]; /* folder of the last checkpoint, empty if none was written */
    int64_t step;          /* updates done, earlier ones of a resumed run included */
    double loss;           /* of the last step */
    double steps_per_second;
    double tokens_per_second;
} ppi_train_result;

/* Trains. PP_ERR_EXISTS for a run folder that is not empty when --resume is not given;
   PP_ERR_INTERRUPTED after Ctrl-C (the step is finished and saved, the text says how to go on);
   PP_ERR_NUMERIC names step and tensor of a loss or gradient that is not finite; PP_ERR_NO_SPACE
   when the disk is full. In each case the last good checkpoint stays. result may be NULL. */
pp_status ppi_train(ppi_train_job *job, ppi_train_result *result);

/* Everything ppi_train does before its first step, short of making the run folder: opens the
   datasets and what is resumed from, makes the network and its plan, and reads the weights. Appends
   one line about the run to report. Failures as for ppi_train. */
pp_status ppi_train_check(ppi_train_job *job, ppi_buf *report);

/* dtype option -> true for bf16: AUTO means bf16 where the processor has AVX512_BF16. */
bool ppi_dtype_is_bf16(int dtype);
/* threads option -> a thread count: 0 means every processor of the machine. */
int ppi_thread_count(int64_t threads);

#endif
