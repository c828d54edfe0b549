/* An agent that learns from the environments it plays: the calls of online methods.
 *
 * The loop (run/learn.h) owns the environments and everything that outlives a process; a learner
 * owns what it computes with. A stream is one environment of the loop: its episodes follow each
 * other without a gap. Rows of an array of observations have the size of the agent's observation;
 * the loop has padded smaller boards at the right, the bottom and in channels with zeros. */
#ifndef PPI_METHOD_LEARNER_H
#define PPI_METHOD_LEARNER_H

#include <stdbool.h>
#include <stdint.h>

#include "method/method.h"

/* What a learner is told before its first step. Copied where it is kept. */
typedef struct ppi_learn_setup {
    int64_t streams;
    int64_t total_steps;   /* agent steps of the whole run, all streams summed; for schedules */
    const int32_t *game;   /* [streams] index of the stream's game, 0..games-1 */
    const uint8_t *legal;  /* [streams, PP_ENV_ACTIONS] 1 = the id is in the stream's action list */
    uint64_t seed;         /* keys every draw of the learner */
    int64_t episode_steps; /* longest cap of an episode among the streams (max_steps of their
                              specifications), 0 = none; learners whose unroll is one episode */
} ppi_learn_setup;

/* The outcome of one step of every stream. Arrays are the caller's, valid during the call. */
typedef struct ppi_learn_step {
    const uint8_t *obs;        /* [streams, obs bytes] what the action was chosen for */
    const int32_t *action;     /* [streams] ids as learn_act gave them */
    const double *reward;      /* [streams] raw */
    const uint8_t *terminated; /* [streams] the task ended: the next value is 0 */
    const uint8_t *truncated;  /* [streams] a limit cut the episode: bootstrap from final_obs */
    const uint8_t *next_obs;   /* [streams, obs bytes] where an episode ended: the first
                                  observation of the next one */
    const uint8_t *final_obs;  /* [streams, obs bytes] rows of ended episodes: their last
                                  observation; other rows are undefined */
    const uint8_t *new_task;   /* [streams] 1 = next_obs belongs to another task: the trial ended
                                  with this step; NULL unless the learner has trials */
} ppi_learn_step;

/* Callbacks of an online method; a status that is not PP_OK ends the run. */
typedef struct ppi_learner_calls {
    /* Environments played side by side for one task or game unless the user asks otherwise. */
    int64_t (*streams)(const ppi_agent *a);
    /* NULL, or threads of the agent's that the learner keeps at work while the environments step:
     * the loop leaves them alone. */
    int (*busy_threads)(const ppi_agent *a);
    /* NULL, or the episodes of a trial: a stream then gets a new task, drawn from the side of the
     * split that the run asks for, whenever so many episodes have ended; 0 = one task for life. The
     * first trial of stream s is shortened to 1 + s mod n episodes, so that streams are at all
     * stages of their trials at any time. */
    int64_t (*trial_episodes)(const ppi_agent *a);
    /* Allocates everything; after it act, step and replay allocate nothing. */
    pp_status (*begin)(ppi_agent *a, const ppi_learn_setup *setup);
    /* Chooses an action for every stream, exploration included: actions[streams], ids of the
     * environments. */
    pp_status (*act)(ppi_agent *a, const uint8_t *obs, int32_t *actions);
    /* NULL, or wanted by demonstrators: called right before each act with what the scripted policy
     * of the environment (env/scripted.h, which sees the hidden state) would do: expert[streams],
     * ids of the environments. The loop refuses environments without a scripted policy for such
     * learners, before begin. */
    pp_status (*advise)(ppi_agent *a, const int32_t *expert);
    /* Takes the outcome and makes the updates that are due. *out gets the figures of the last
     * update made in this call and is left empty when there was none. A loss or gradient that is
     * not finite is PP_ERR_NUMERIC and changes no parameter. */
    pp_status (*step)(ppi_agent *a, const ppi_learn_step *step, ppi_metrics *out);
    /* Updates made so far. */
    int64_t (*updates)(const ppi_agent *a);
    /* Everything but parameters, optimiser moments and replay contents: counters, generators, rows
     * that wait for their n-step target, recurrent states. Appended to out. */
    pp_status (*save)(ppi_agent *a, ppi_buf *out);
    pp_status (*load)(ppi_agent *a, const void *data, size_t size);
    /* Steps of the past (of every stream, as step takes them) that a resumed learner wants to see
     * again, 0 = none; NULL = none. They are handed to replay, oldest first, after begin and load,
     * in the order they were played. */
    int64_t (*replay_steps)(const ppi_agent *a);
    /* Puts one step of the past back into the replay; no draw, no update. */
    pp_status (*replay)(ppi_agent *a, const ppi_learn_step *step);
} ppi_learner_calls;

#endif
