/* Collects experience: plays games with a policy and stores every step. */
#ifndef PPI_RUN_COLLECT_H
#define PPI_RUN_COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/options.h"
#include "env/protocol.h"
#include "run/task_choice.h"

typedef struct ppi_collect_options {
    char env[2048];  /* comma list of environment ids and sets */
    char policy[64]; /* random or dirichlet */
    char out[1024];  /* data root */
    char name[128];  /* NAME-vN instead of <policy>-v0 */
    int64_t steps;   /* per game, summed over its environments */
    int64_t seed;
    int64_t envs;    /* environments per game */
    int64_t threads; /* 0 = as many as the machine has */
    bool resume;
    bool append;
    /* Not options. */
    const ppi_env_options *env_options; /* NULL = defaults */
    bool choose_tasks;      /* environment i plays task i mod n of `tasks`, not env.task */
    ppi_task_options tasks; /* with choose_tasks */
    bool discard;           /* plays the same steps and stores nothing, for measuring */
} ppi_collect_options;

/* collect.env (alias env), collect.policy (policy), collect.steps (steps), collect.out (out),
 * collect.name (name), collect.resume (resume), collect.append (append), collect.seed (seed),
 * collect.envs, collect.threads (threads). */
extern const ppi_option_table ppi_collect_option_table;
void ppi_collect_options_default(ppi_collect_options *options);

/* Whether policy, games, name and counts make sense; touches nothing. */
pp_status ppi_collect_check(const ppi_collect_options *options);

/* Plays every game of the list in turn and writes <out>/<env>/<name or policy-v0>. Running
 * episodes are finished, so a dataset has at least `steps` steps. `report` (may be NULL) gets one
 * line per dataset. PP_ERR_EXISTS: the dataset is there and none of resume, append and name says
 * what to do. PP_ERR_INTERRUPTED: stopped by a signal with everything saved; the text says how to
 * resume. */
pp_status ppi_collect(const ppi_collect_options *options, ppi_buf *report);

/* Appends one line about the dataset in `folder` to report, which may be NULL. */
pp_status ppi_collect_report(const char *folder, ppi_buf *report);

#endif
