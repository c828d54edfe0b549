/* `polyplay train` for methods that learn while they play: a run folder with logs and checkpoints,
 * exact resume, and on request the learning history as a dataset. */
#ifndef PPI_RUN_LEARN_JOB_H
#define PPI_RUN_LEARN_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/options.h"
#include "method/method.h"

/* Rows of ppi_learn_option_table. */
typedef struct ppi_learn_options {
    char method[32];          /* set by ppi_learn_job_create, shown in the resolved options */
    char model[32];           /* --model: size; empty = the one for the observation */
    char env[8192];           /* --env: ids or sets, comma list */
    char data[64];            /* --data: refused, for methods that learn from data */
    int64_t steps;            /* --steps: agent steps, all games and streams summed */
    char out[1024];           /* --out: run folder; empty = a name under runs/ */
    int64_t seed;             /* --seed: environment i begins with seed + i */
    int64_t threads;          /* --threads, 0 = all processors */
    int dtype;                /* --dtype auto|f32|bf16 */
    char resume[1024];        /* --resume: run folder, "auto", or empty */
    int64_t envs;             /* --envs: streams of a game, 0 = the method's */
    char board[32];           /* --model.board HxWxC, empty = native or 14x14x10 */
    int64_t checkpoint_every; /* --checkpoint.every STEPS, 0 = once a minute */
    int64_t checkpoint_keep;  /* --checkpoint.keep K */
    int64_t log_every;        /* --log.every STEPS */
    bool checkpoint_replay;   /* --checkpoint.replay: a finished run keeps its replay's journal */
    int64_t eval_every;       /* --eval.every STEPS, 0 = no evaluations */
    char eval_env[8192];      /* --eval.env: ids or sets; empty = the games that are learned */
    int64_t eval_episodes;    /* --eval.episodes of each game */
    int64_t eval_seed;        /* --eval.seed: episode e is played with seed + e */
    int64_t eval_runs;        /* --eval.runs, for agents that learn in context */
    int eval_tasks;           /* --eval.tasks auto|held|train|test, for these */
    char log_data[1024];      /* --log-data: data root, empty = no dataset */
    char log_name[128];       /* --log-name NAME-vN */
    bool log_append;          /* --log-append: a new seed into an existing dataset */
    int tasks;                /* --tasks: ppi_task_side of trials */
    int64_t split_seed;       /* --env.split-seed */
    int64_t actors;           /* --histories.actors, 0 = one, or all for learners with a replay */
} ppi_learn_options;
extern const ppi_option_table ppi_learn_option_table;

typedef struct ppi_learn_job ppi_learn_job;

/* Makes a job for a method with learner calls, every option at its default. PP_ERR_ARGUMENT for a
 * method that learns from data. */
pp_status ppi_learn_job_create(ppi_learn_job **out, const ppi_method *method);
void ppi_learn_job_destroy(ppi_learn_job *job); /* NULL is allowed */
/* All options of the job (run, environments, method), to be filled by the caller. */
ppi_options *ppi_learn_job_options(ppi_learn_job *job);
/* Fills what is still open: the recipe of the model's size. ppi_learn_run does it itself. */
pp_status ppi_learn_job_resolve(ppi_learn_job *job);
/* Text stored in version.json; NULL = left out. Not copied. */
void ppi_learn_job_command(ppi_learn_job *job, const char *command_line);

/* What a finished job left. */
typedef struct ppi_learn_result {
    char run_dir[1024];
    char checkpoint[1024]; /* folder of the last one */
    int64_t steps;         /* agent steps, earlier parts of a resumed run included */
    int64_t updates;
    int64_t episodes;
    double mean_return; /* of the last 100 episodes of each game; NAN without any */
    double steps_per_second;
    char dataset[1024]; /* folder of the history when one game was logged, else empty */
} ppi_learn_result;

/* Learns. Failures as of ppi_train: PP_ERR_EXISTS, PP_ERR_INTERRUPTED, PP_ERR_NUMERIC and
 * PP_ERR_NO_SPACE leave the last good checkpoint. result may be NULL. */
pp_status ppi_learn_run(ppi_learn_job *job, ppi_learn_result *result);

/* Everything ppi_learn_run does before its first step, short of making folders; appends one line
 * about the run to report. */
pp_status ppi_learn_check(ppi_learn_job *job, ppi_buf *report);

/* The options of a method's own tables as a JSON object, as stored beside a history. */
pp_status ppi_method_options_json(const ppi_method *method, const ppi_options *set, ppi_buf *out);

#endif
