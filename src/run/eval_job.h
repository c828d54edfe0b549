/* Inside of an evaluation, shared by the file that plays and the file that writes the record. */
#ifndef PPI_RUN_EVAL_JOB_H
#define PPI_RUN_EVAL_JOB_H

#include <polyplay/env.h>

#include "env/protocol.h"
#include "run/act.h"
#include "run/eval.h"
#include "run/load.h"
#include "stats/aggregate.h"

/* Mean scores of random play and of a human tester, 57 games, up to 30 no-op starts. */
#define PPI_REFERENCE_TABLE "dqn-zoo-57"

/* Mean scores of random play and of good play (docs/environments.md), the ten arcade games. */
#define PPI_ARCADE_TABLE "arcade-10"

struct ppi_eval_job {
    ppi_acting from;
    ppi_eval_options eval;
};

/* The episodes of one game. */
typedef struct ppi_eval_play {
    char env[PP_ENV_ID_BYTES];
    const char *protocol; /* in force, static */
    pp_env_spec spec;
    ppi_episode_rules rules;
    ppi_episode_result *episodes; /* [episodes] */
    int64_t decisions;
    double wall; /* seconds */
} ppi_eval_play;

/* What the normalised scores of a result are called: "human-normalised score" when all come from the
   table of human scores, else "normalised score". Static. */
const char *ppi_eval_score_name(const ppi_eval_result *r);

/* Reference scores of an environment; NAN where there are none. carnival: with Carnival's. */
pp_status ppi_eval_reference(ppi_score_reference *out, const char *env, bool carnival);

/* Settles the protocol of an environment and reads its specification: everything of a play but the
   episodes. */
pp_status ppi_eval_play_open(ppi_eval_job *job, ppi_eval_play *play);

/* Before the play: fails as ppi_dir_check_writable where the record's folder could not be written. */
pp_status ppi_eval_record_check_folder(const ppi_eval_job *job);
/* Writes the evaluation record and puts its path into result->record. */
pp_status ppi_eval_record_write(const ppi_eval_job *job, const ppi_eval_play *plays, int n,
                                ppi_eval_result *result);

/* Begins the object that is the member `key` of a record. */
void ppi_eval_record_object(ppi_jsonw *w, const char *key);
/* Parts that every record has. A path that no file has yet; path[size]. */
pp_status ppi_eval_record_path(char *path, size_t size, const ppi_eval_job *job,
                               const ppi_eval_play *plays, int n);
/* An open object with format, program, time, model and acting. */
pp_status ppi_eval_record_head(ppi_jsonw *w, const ppi_eval_job *job);
/* The group "environment" of a game. */
void ppi_eval_record_environment(ppi_jsonw *w, const ppi_eval_play *play,
                                 const ppi_eval_options *options);
/* The group "cost" of the whole record. */
void ppi_eval_record_cost(ppi_jsonw *w, const ppi_eval_job *job, const ppi_eval_play *plays, int n);

/* Evaluation of an agent that learns in context, with the agent made: plays, writes the record and
   its tables, appends the report where it is not NULL. The means of the result are those of the
   last fifth of each run's episodes. */
pp_status ppi_eval_in_context(ppi_eval_job *job, ppi_eval_play *plays, int n, ppi_buf *report,
                              ppi_eval_result *result);

#endif
