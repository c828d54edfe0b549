/* Evaluation of `polyplay eval`: episodes of an agent, or of random play, under a named protocol. A
   score is never printed without its protocol, and always has an evaluation record beside it. */
#ifndef PPI_RUN_EVAL_H
#define PPI_RUN_EVAL_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/options.h"

/* Rows of ppi_eval_option_table. */
typedef struct ppi_eval_options {
    char env[8192];      /* --env: environment ids, comma list, sets */
    int64_t episodes;    /* --episodes per game */
    int64_t seed;        /* --seed: episode e uses seed + e */
    int64_t envs;        /* --envs: environments stepped together; no effect on results */
    int64_t threads;     /* --threads, 0 = all processors */
    int dtype;           /* --dtype auto|f32|bf16 */
    char out[1024];      /* --out: record file or folder; empty = eval/ of the run folder */
    bool carnival;       /* --hns.carnival: normalise Carnival with 3800 as the human score */
    char checkpoint[32]; /* --checkpoint best|last|step_N of a run folder; empty = last */
    char tasks[8];       /* --tasks train|test|all|held of the environment's family; empty = env.task,
                            in context test */
    int64_t split_seed;  /* --env.split-seed of these */
    char preset[32];     /* --preset: acting preset of the method ("notebook", "paper"); empty = its
                            default */
    /* Of agents that learn in context. */
    int64_t runs;           /* --runs, each a life of --episodes episodes on one task */
    bool allow_seen;        /* --allow-seen: test on tasks that were trained on */
    char prompt[1024];      /* --prompt: dataset of source histories, empty = none */
    double prompt_fraction; /* --prompt.fraction of the history's final return */
    int64_t prompt_steps;   /* --prompt.steps, 0 = the agent's context */
    char source[4096];      /* --source: datasets of the source learner, empty = those of the
                               training, "none" */
} ppi_eval_options;
extern const ppi_option_table ppi_eval_option_table;

typedef struct ppi_eval_job ppi_eval_job;

/* Opens a run folder or checkpoint folder, or the policy "random", and binds every option that an
   evaluation of it has (eval, env.*, the method's). */
pp_status ppi_eval_job_create(ppi_eval_job **out, const char *run);
void ppi_eval_job_destroy(ppi_eval_job *job);
ppi_options *ppi_eval_job_options(ppi_eval_job *job);
const ppi_eval_options *ppi_eval_job_eval_options(const ppi_eval_job *job);

/* Scores of one game. Of an agent that learns in context: mean, median, std, min and max over the
   runs of each run's mean return of the last fifth of its episodes; episodes are those of a run. */
typedef struct ppi_eval_game {
    char env[64];
    double mean, median, std, min, max; /* raw return */
    double hns;                         /* human-normalised mean; NAN without reference */
    double mean_length;                 /* agent steps */
    int64_t episodes;
    int64_t distinct;         /* different episodes among them */
    int64_t distinct_returns; /* different raw returns */
} ppi_eval_game;

/* What an evaluation found; release with ppi_eval_result_free. */
typedef struct ppi_eval_result {
    ppi_eval_game *game;
    int n_games;
    double *returns; /* [n_games, episodes], raw; in context means over the runs */
    int64_t episodes;
    bool in_context; /* of an agent that learns in context */
    double iqm_hns;           /* over the games with a reference; NAN if none has */
    char record[1024];        /* the file written */
    char protocol_line[1024]; /* one line for each protocol in force */
} ppi_eval_result;

/* Plays and writes the record. With report not NULL appends the table for people: per game raw
   mean, normalised score, distinct count with a warning where copies were found, and the protocol
   line. result may be NULL. */
pp_status ppi_eval(ppi_eval_job *job, ppi_buf *report, ppi_eval_result *result);
/* The one number that evaluations of a run are compared by: the mean over the games of the
   human-normalised score when every game has one, else of the raw return. *statistic (static) names
   it. */
double ppi_eval_score(const ppi_eval_result *result, const char **statistic);
void ppi_eval_result_free(ppi_eval_result *result);

#endif
