/* Inside of a training job, shared by the files that hold its options and run it. */
#ifndef PPI_RUN_TRAIN_JOB_H
#define PPI_RUN_TRAIN_JOB_H

#include "data/sampler.h"
#include "env/protocol.h"
#include "method/method.h"
#include "run/checkpoint.h"
#include "run/runlog.h"
#include "run/train.h"

struct ppi_train_job {
    const ppi_method *method;
    ppi_train_options run;
    ppi_sampler_options sampler_options;
    ppi_env_options env; /* of the evaluations */
    void *method_options;
    ppi_options *set;
    const char *command; /* borrowed, may be NULL */
};

/* train_histories.c, for methods that learn from learning histories. What the agent sees of the
   datasets and what it chooses among; settles data.view and tells the sampler. PP_ERR_ARGUMENT: a
   dataset without histories, a view that is no part of the stored one; PP_ERR_SHAPE: histories of
   different spaces. */
pp_status ppi_train_histories_specs(ppi_train_job *job, ppi_dataset *const *datasets, int count,
                                    ppi_obs_spec *obs, ppi_action_spec *actions);
/* A line for each environment: histories, tasks, windows, what was left out and why. */
pp_status ppi_train_histories_text(ppi_buf *out, const ppi_sampler *sampler, int64_t window);

/* Memory of one batch for an agent; the arrays are released by ppi_batch_free. */
pp_status ppi_batch_alloc(ppi_batch *out, int64_t batch, int64_t window, const ppi_obs_spec *obs);
void ppi_batch_free(ppi_batch *b);

/* Observation of an agent for frames of this shape: 84x84x1 is grey84, anything else planes. */
ppi_obs_spec ppi_obs_spec_of(int64_t h, int64_t w, int64_t c);

/* Tokens a training step of the agent reads: the figure "time/tokens" of its metrics, else the
   timesteps of the batch. */
double ppi_step_tokens(const ppi_metrics *m, const ppi_batch *b);

#endif
