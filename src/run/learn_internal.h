/* Inside of a learner at work, shared by the file that plays and the file that saves. */
#ifndef PPI_RUN_LEARN_INTERNAL_H
#define PPI_RUN_LEARN_INTERNAL_H

#include "env/tasks.h"
#include "env/vec.h"
#include "run/learn.h"

enum { LEARN_RECENT = 100 };

/* Environments of equal shape: streams first..first+count-1. */
typedef struct learn_vec {
    ppi_vec *vec;
    int64_t first, count;
} learn_vec;

/* The last episodes of a game, a ring. */
typedef struct learn_recent {
    int64_t episodes; /* ever */
    double ret[LEARN_RECENT];
    int64_t length[LEARN_RECENT];
} learn_recent;

/* Where a stream stands in its sequence of tasks. */
typedef struct learn_trial {
    int64_t number;   /* of the present trial */
    int64_t episodes; /* that it still lasts, the present one included */
    int64_t task;
} learn_trial;

struct ppi_learn {
    ppi_learn_config config;
    const ppi_learner_calls *calls;
    ppi_agent *agent;
    learn_vec *vec; /* [vec_count] */
    int vec_count;
    bool direct;               /* observations are handed over as they lie in the one vector */
    int64_t per_game, streams; /* streams of a game, and of all */
    int64_t row;               /* bytes of an observation of the agent */
    int64_t steps, total, frames;
    uint8_t *obs;   /* [streams, row] what the agent acts on */
    uint8_t *next;  /* [streams, row] unless direct */
    uint8_t *final; /* [streams, row] unless direct */
    double *reward;
    uint8_t *terminated, *truncated;
    int32_t *action, *expert, *game;
    uint8_t *legal;       /* [streams, PP_ENV_ACTIONS] */
    learn_recent *recent; /* [games] */
    int64_t trial_episodes; /* 0 = no trials */
    ppi_tasks *tasks;       /* [games] of the trials, NULL without */
    learn_trial *trial;     /* [streams] */
    uint8_t *new_task;      /* [streams] of the last step */
    ppi_learn_step last;
    ppi_metrics metrics;             /* of the last update */
    char names[PPI_MAX_METRICS][64]; /* of figures read from a checkpoint */
};

/* Specification of a stream's game. */
const pp_env_spec *ppi_learn_spec(const ppi_learn *l, int64_t stream);
/* Lists the tasks of trials and sets every stream's first one, before the environments are made.
 * Without trials every stream gets the task of the configuration. */
pp_status ppi_learn_trials_open(ppi_learn *l);
void ppi_learn_trials_close(ppi_learn *l);
/* An episode of the stream ended: where its trial did too, environment i of v gets the next task. */
pp_status ppi_learn_trials_ended(ppi_learn *l, const learn_vec *v, int64_t i);
/* After load: makes the environments of the tasks in l->trial. */
pp_status ppi_learn_trials_restore(ppi_learn *l);
/* Takes the present observations of the environments as what the agent acts on next. */
void ppi_learn_refresh(ppi_learn *l);

#endif
