/* An agent ready to act, out of a run or checkpoint folder: its stored options under those given by
   the caller, its weights, its network. */
#ifndef PPI_RUN_LOAD_H
#define PPI_RUN_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "env/protocol.h"
#include "run/checkpoint.h"

/* A loaded agent and what it came from. */
typedef struct ppi_loaded {
    bool random; /* the policy "random": no agent */
    ppi_checkpoint checkpoint;
    void *options; /* the method's option struct */
    ppi_agent *agent;
} ppi_loaded;

/* Opens the folder (or "random") and binds the method's options with their stored values to the
   set; a later ppi_options_set wins. */
pp_status ppi_loaded_open(ppi_loaded *out, const char *run, ppi_options *set);
/* Changes to another checkpoint of the same run folder, "best", "last" or "step_N", before the
   agent is created. The empty text changes nothing. */
pp_status ppi_loaded_select(ppi_loaded *l, const char *run, const char *which);
/* Takes the stored options that were not set since, creates the agent and reads its weights. preset
   is the acting preset, empty = as it stands. */
pp_status ppi_loaded_create(ppi_loaded *l, ppi_options *set, const char *preset, uint64_t seed,
                            int dtype, int threads);
void ppi_loaded_close(ppi_loaded *l);
/* Index of an environment id among the games an online agent was trained on, -1 for another one.
 */
int32_t ppi_loaded_game(const ppi_loaded *l, const char *env_id);
/* True for an agent trained on padded boards: smaller ones are padded for it. */
bool ppi_loaded_pads(const ppi_loaded *l);

/* What a job that acts with a trained agent starts from. */
typedef struct ppi_acting {
    char run[PPI_PATH_SIZE];
    ppi_env_options env;
    ppi_options *set; /* env, the job's own table and the method's */
    ppi_loaded loaded;
} ppi_acting;

/* Makes the option set out of the job's table, bound to `options`, and of what the folder (or "random")
   stores. *a starts zeroed and is closed with ppi_acting_close whether this succeeds or not. */
pp_status ppi_acting_open(ppi_acting *a, const char *run, const ppi_option_table *table, void *options);
void ppi_acting_close(ppi_acting *a);

/* Puts the view of the agent, and the task it was trained on, into the environment options unless
   env.view and env.task were set by hand. *name is the protocol in force for the environment (static). */
pp_status ppi_protocol_apply(ppi_env_options *env, const ppi_options *set, const ppi_loaded *l,
                             const char *env_id, const char **name);

#endif
