/* What a learner leaves on disk: its streams as learning histories of a dataset, and, for learners
 * with a replay, the way back from there. Native observations are stored, never padded ones. */
#ifndef PPI_RUN_LEARN_LOG_H
#define PPI_RUN_LEARN_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/file.h"
#include "data/history.h"
#include "run/learn.h"

/* A dataset of histories that is being written. */
typedef struct ppi_learn_dataset {
    char folder[PPI_PATH_SIZE];
    ppi_store_meta meta;
    ppi_history *history; /* NULL when complete */
    int64_t base;         /* groups that were there before */
    bool complete;        /* everything asked for is there already */
    bool resumed;         /* an interrupted collection goes on */
} ppi_learn_dataset;

/* What a dataset is to hold. */
typedef struct ppi_learn_dataset_request {
    const char *root;    /* data root */
    const char *name;    /* NAME-vN, empty = <learner>-v0 */
    const char *learner; /* name of the method */
    const pp_env_spec *spec;
    const ppi_env_options *env; /* rules that the specification does not tell */
    const uint64_t *seeds;      /* [seed_count], at least 1 */
    int32_t seed_count;
    int64_t histories; /* learners of each seed */
    int64_t streams;   /* environments of a learner, 0 = its own choice */
    int64_t steps;     /* of a learner */
    const char *tasks; /* side of the split that is played: train, test, all; "" = none */
    uint64_t split_seed;
    bool resume;
    bool append;
} ppi_learn_dataset_request;

/* Fills what an environment says about itself and the options it was made with. */
pp_status ppi_learn_dataset_meta(ppi_store_meta *meta, const pp_env_spec *spec,
                                 const ppi_env_options *env);

/* Writes the id <env>/<NAME-vN or learner-v0>. PP_ERR_ARGUMENT for a name of another form. */
pp_status ppi_dataset_id(char *out, size_t size, const char *env, const char *name,
                         const char *source);

/* Opens or begins the dataset by the rules of ids: an existing one is PP_ERR_EXISTS unless resume
 * (goes on with what was interrupted, or finds it complete) or append (new seeds only) is set.
 * Release with ppi_learn_dataset_close, whatever this returned. */
pp_status ppi_learn_dataset_open(ppi_learn_dataset *d, const ppi_learn_dataset_request *request);
/* Turns the journal into the dataset. */
pp_status ppi_learn_dataset_commit(ppi_learn_dataset *d);
/* Closes what is open; the journal stays. Returns `status`, or the failure of closing. */
pp_status ppi_learn_dataset_close(ppi_learn_dataset *d, pp_status status);

/* Where the histories of one learner go. */
typedef struct ppi_learn_log {
    ppi_history **history; /* [games] of the learner, borrowed; NULL: the dataset is complete */
    int64_t first;         /* number of its first history in each of them */
    int64_t actors;        /* streams of a game that are logged: numbers first..first+actors-1 */
    int64_t task;
    uint64_t seed;
    const char *learner;
    const char *options; /* JSON object */
    bool some_done; /* set by begin and resume: a process that was killed had ended some of them,
                       which stay as they are */
} ppi_learn_log;

/* How many streams of a game are logged: `asked`, or for 0 one, and all where the learner's replay
 * is filled from the log. PP_ERR_ARGUMENT when there are not that many, or too few for a replay. */
pp_status ppi_learn_log_actors(int64_t *out, const ppi_learn *l, int64_t asked);

/* Begins the histories with the first observations. */
pp_status ppi_learn_log_begin(ppi_learn_log *log, const ppi_learn *l);
/* Stores the step that was played last. */
pp_status ppi_learn_log_step(const ppi_learn_log *log, const ppi_learn *l);
/* Ends the histories: they are complete. */
pp_status ppi_learn_log_end(const ppi_learn_log *log, const ppi_learn *l);
/* True when all of them were ended before. */
bool ppi_learn_log_done(const ppi_learn_log *log, int games);
/* Puts everything on disk that was given so far. */
pp_status ppi_learn_log_sync(const ppi_learn_log *log, const ppi_learn *l);
/* Cuts the histories back to where the learner stands after ppi_learn_load, and fills its replay
 * from them. */
pp_status ppi_learn_log_resume(ppi_learn_log *log, ppi_learn *l);

#endif
