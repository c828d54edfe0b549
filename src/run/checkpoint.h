/* Checkpoint folders: config.json, model.safetensors, optimizer.safetensors, stats.json,
   trainer_state.json, for online methods learner.bin, and, written last, manifest.json with the
   checksum of every file and tensor. A folder is made under a temporary name, synced and renamed,
   so a reader sees a whole one or none. */
#ifndef PPI_RUN_CHECKPOINT_H
#define PPI_RUN_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/file.h"
#include "method/method.h"
#include "run/trained_on.h"

#define PPI_CHECKPOINT_GAMES 128

/* Everything a checkpoint says beside its tensors. */
typedef struct ppi_checkpoint_state {
    int64_t step;        /* updates done */
    uint64_t seed;       /* keys every random stream of the run: sampler, augmentation, dropout */
    double wall;         /* seconds trained, earlier parts of the run included */
    int64_t agent_steps; /* recorded steps that went into updates, repeats counted, zero rows not */
    int64_t emulator_frames; /* the same in frames of the games */
    double best_score;       /* of the evaluations up to this step, NAN = none yet */
    int64_t best_step;       /* the checkpoint that reached it */
    ppi_dtype_policy policy; /* arithmetic of the run */
    char size[32];           /* of the model; read on load, taken from the agent on write */
    ppi_obs_spec obs;
    bool online;             /* trained by playing: the fields up to n_games are there */
    bool histories;          /* trained on learning histories: obs and actions are there in full */
    const ppi_trained_on *trained_on; /* with histories; for writing alone */
    ppi_action_spec actions; /* of the agent */
    int64_t task;            /* that was played */
    const ppi_buf *learner;  /* content of learner.bin, NULL = none; for writing alone */
    int64_t n_games; /* games of the data or of the learner, in the order of their index */
    char games[PPI_CHECKPOINT_GAMES][64];
    int32_t board[PPI_CHECKPOINT_GAMES][3]; /* native h, w, c of each game, zeros = unknown */
    double game_return[PPI_CHECKPOINT_GAMES]; /* mean raw return of the data, or of the last
                                                 episodes; NAN = unknown */
    int64_t parameters;                       /* filled on write and load */
} ppi_checkpoint_state;

/* Writes <run>/checkpoints/step_NNNNNNNN, moves `latest`, and removes all but the newest `keep`
   checkpoints (and the one `best` names). `options` holds every resolved option. The path of the
   new folder goes to folder[PPI_PATH_SIZE]. On failure nothing of the earlier checkpoints has
   changed. */
pp_status ppi_checkpoint_write(char *folder, const char *run_dir, const ppi_checkpoint_state *state,
                               ppi_agent *agent, const ppi_options *options, int64_t keep);

/* Lets `best` of the run folder name one of its checkpoints, which from then on is never removed.
 */
pp_status ppi_checkpoint_mark_best(const char *run_dir, int64_t step);

/* Compares every file with the manifest. PP_ERR_CORRUPT names the file and the first tensor that
   differs. play_only: the files needed for playing. */
pp_status ppi_checkpoint_verify(const char *folder, bool play_only);

/* A checkpoint opened for reading. */
typedef struct ppi_checkpoint {
    char folder[PPI_PATH_SIZE];
    const ppi_method *method;
    ppi_checkpoint_state state;
    const char *rule; /* how it was chosen, static: "last", "best" or "step" */
    char model_sha256[65];
    ppi_json *config; /* config.json */
} ppi_checkpoint;

/* Opens a checkpoint, verified: `path` is a checkpoint folder, or a run folder of which the newest
   whole one is taken; damaged ones are passed over with a warning. PP_ERR_NOT_FOUND when there is
   none. play_only: only the files needed for playing are looked at. Release with
   ppi_checkpoint_close. */
pp_status ppi_checkpoint_open(ppi_checkpoint *out, const char *path, bool play_only);
/* The same for one of a run folder's checkpoints: which is "best", "last" or "step_N"; the empty
   text is ppi_checkpoint_open. PP_ERR_NOT_FOUND when the run has no such checkpoint, PP_ERR_CORRUPT
   when the one named is damaged. */
pp_status ppi_checkpoint_open_named(ppi_checkpoint *out, const char *path, const char *which,
                                    bool play_only);
void ppi_checkpoint_close(ppi_checkpoint *ck);
/* Sets the options of the method's tables to the stored values, except those that were set already.
   Stored names that this set does not know are passed over when they are not the method's. */
pp_status ppi_checkpoint_options(const ppi_checkpoint *ck, ppi_options *set);
/* The same for every stored option the set knows: a resumed run. */
pp_status ppi_checkpoint_all_options(const ppi_checkpoint *ck, ppi_options *set);
/* Reads the weights, and the optimiser moments when slots is true (SLOTS must be allocated). A
   missing or misshapen tensor is named. */
pp_status ppi_checkpoint_load(const ppi_checkpoint *ck, ppi_params *params, bool slots);

/* Content of learner.bin; release *data with ppi_free. PP_ERR_NOT_FOUND when there is none. */
pp_status ppi_checkpoint_learner(const ppi_checkpoint *ck, char **data, size_t *size);

/* Run folder that holds a checkpoint folder, "" when it lies outside one. */
void ppi_checkpoint_run_dir(char *out, const char *folder);

#endif
