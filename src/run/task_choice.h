/* Which tasks of a family are played: a side of the split, or some of its tasks named by hand. */
#ifndef PPI_RUN_TASK_CHOICE_H
#define PPI_RUN_TASK_CHOICE_H

#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "env/tasks.h"

/* What the options tasks, task-ids and env.split-seed say. */
typedef struct ppi_task_options {
    int side;         /* ppi_task_side */
    const char *text; /* task numbers separated by commas, "" = all of the side */
    int64_t split_seed;
} ppi_task_options;

typedef struct ppi_task_choice {
    ppi_tasks tasks;
    int64_t *ids; /* [count] named by hand, NULL = tasks */
    int64_t count;
} ppi_task_choice;

/* Chooses among the tasks of an environment. PP_ERR_ARGUMENT for a task that it does not have or
 * that lies on the other side of the split. Release with ppi_task_choice_free, also after a
 * failure. */
pp_status ppi_task_choice_open(ppi_task_choice *out, const pp_env_spec *spec,
                               const ppi_task_options *options);
void ppi_task_choice_free(ppi_task_choice *choice);
/* The task of run, history or environment number `index`: index mod count. */
int64_t ppi_task_choice_pick(const ppi_task_choice *choice, int64_t index);

/* "train", "test" or "all"; static. */
const char *ppi_task_side_name(int side);

/* Reads numbers of 0 or more, separated by commas, into out[most]; `option` names them in errors.
 * The empty text gives none. */
pp_status ppi_numbers_parse(int64_t *out, int most, int *count, const char *text,
                            const char *option);

#endif
