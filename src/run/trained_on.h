/* What a run that learns from learning histories was trained on: which tasks of which environments,
   the split they come from, and the datasets. It stands in stats.json of every checkpoint, so that
   evaluations know a test task when they see it and find the learner behind the data. */
#ifndef PPI_RUN_TRAINED_ON_H
#define PPI_RUN_TRAINED_ON_H

#include <stdint.h>

#include <polyplay/status.h>

#include "base/json.h"
#include "data/sampler.h"

/* One environment of the data. */
typedef struct ppi_trained_env {
    char env[128];
    char view[16]; /* what the agent sees */
    char side[8];  /* train, test, all, or empty without a family of tasks */
    uint64_t split_seed;
    char learner[64];  /* method that made the histories, of the first dataset */
    int64_t actors;    /* streams behind one step of the learner's count, 0 = unknown */
    int64_t histories; /* used */
    int64_t *task;     /* [tasks], each once, in the order of the data */
    int64_t tasks;
    char **folder; /* [folders] datasets, as they were named for training */
    int64_t folders;
} ppi_trained_env;

typedef struct ppi_trained_on {
    ppi_trained_env *env; /* [count] */
    int count;            /* 0 = not trained on histories */
} ppi_trained_on;

struct ppi_checkpoint; /* run/checkpoint.h */

/* Of a training run: `view` is what its agent sees. PP_ERR_ARGUMENT: datasets of one environment
 * with different splits, whose training and test tasks could overlap. */
pp_status ppi_trained_on_make(ppi_trained_on *out, ppi_dataset *const *datasets, int count,
                              const ppi_sampler *sampler, const char *view);
/* The array of stats.json; writes a value, so it follows a key. */
void ppi_trained_on_write(const ppi_trained_on *t, ppi_jsonw *w);
/* Of a checkpoint; count 0 where it says nothing. PP_ERR_CORRUPT names the member that is wrong. */
pp_status ppi_trained_on_read(ppi_trained_on *out, const struct ppi_checkpoint *ck);
/* All of these zeroed are allowed. */
void ppi_trained_on_free(ppi_trained_on *t);
/* The entry of an environment, NULL for one that was not trained on. */
const ppi_trained_env *ppi_trained_on_find(const ppi_trained_on *t, const char *env);

#endif
