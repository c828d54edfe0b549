/* Inside of in-context evaluation: what is known of each environment when its runs have been
   played, shared by the files that play, print and write. */
#ifndef PPI_RUN_EVAL_CONTEXT_H
#define PPI_RUN_EVAL_CONTEXT_H

#include "run/context_curve.h"
#include "run/context_play.h"
#include "run/eval_job.h"
#include "run/eval_prompt.h"
#include "run/eval_source.h"
#include "run/eval_tasks.h"

enum { PPI_CONTEXT_SOURCES = 8 }; /* most source datasets whose figures are shown */

/* Random play and UCB on the arms of the runs. */
typedef struct ppi_context_bandit {
    bool played;
    int64_t lives;      /* of each, over all arms */
    double random, ucb; /* mean return */
    double score;       /* of the agent, 0 = random, 1 = UCB */
    double low, high;   /* its interval over the runs */
} ppi_context_bandit;

/* One environment. */
typedef struct ppi_context_game {
    ppi_eval_play *play;
    int64_t runs, episodes;
    ppi_run_tasks tasks;
    ppi_prompt_set prompts; /* no runs: none */
    ppi_context_lives lives;
    ppi_context_curve curve;
    ppi_context_bandit bandit;
    ppi_source_figures source[PPI_CONTEXT_SOURCES];
    int sources;
    char csv[PPI_PATH_SIZE];
    char svg[PPI_PATH_SIZE];
} ppi_context_game;

/* The text for people. */
pp_status ppi_context_report(ppi_buf *out, const ppi_context_game *g, const ppi_eval_options *o);
/* The tables behind the curve, and its picture; paths are the game's. */
pp_status ppi_context_write_csv(const ppi_context_game *g);
pp_status ppi_context_write_svg(const ppi_context_game *g);
/* The record; its path is result->record. */
pp_status ppi_context_record_write(const ppi_eval_job *job, const ppi_context_game *games, int n,
                                   const ppi_eval_result *result);

#endif
