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

/* Puts the view of the agent into the environment options unless env.view was set by hand. *name is
   the protocol in force for the environment (static). */
pp_status ppi_protocol_apply(ppi_env_options *env, const ppi_options *set, const ppi_loaded *l,
                             const char *env_id, const char **name);

#endif
