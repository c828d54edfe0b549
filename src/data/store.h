/* Writes datasets in the Minari 0.5 layout: data/metadata.json and data/main_data.hdf5.
 *
 * A store is written under a temporary name and put in place by sync and rename, so a reader sees
 * the old files or the new ones. Frames (planes and images) arrive either as rows or as blocks that
 * are already compressed (a collector compresses while it plays), and are stored in chunks of
 * PPI_STORE_FRAME_ROWS rows with deflate 1. The other columns, observations of a few numbers among
 * them, are plain: in chunks of PPI_STORE_COLUMN_ROWS, or in one piece where they are shorter. */
#ifndef PPI_DATA_STORE_H
#define PPI_DATA_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "base/buf.h"

#define PPI_STORE_FRAME_ROWS 8
#define PPI_STORE_COLUMN_ROWS 4096
#define PPI_STORE_SEEDS 64
#define PPI_STORE_ENVS 1024 /* most environments of a collection */
#define PPI_STORE_DATA_FILE "main_data.hdf5"
#define PPI_STORE_META_FILE "metadata.json"

/* Everything metadata.json says. Copied where it is kept; strings are owned by the caller. */
typedef struct ppi_store_meta {
    char id[256];       /* dataset id, "ale/freeway/dirichlet-v0" */
    char env[128];      /* environment id, "ale/freeway" */
    char policy[64];    /* who played: "random", "dirichlet" */
    int32_t obs_type;   /* PP_OBS_*: what the bytes of an observation are */
    int32_t height;     /* frames: u8 [height, width, channels] */
    int32_t width;      /* others: height and width 1, u8 or float [channels] */
    int32_t channels;
    int32_t obs_high;   /* largest value: 255, or 1 for planes */
    int32_t cell_high[PP_ENV_CELLS]; /* PP_OBS_CELLS: largest value of each component */
    int32_t actions;    /* size of the Discrete action space */
    int32_t min_actions;
    int32_t action_list[18];
    /* Facts of the environment, kept beside the data. */
    char view[16];
    char backend[64];
    char backend_version[32];
    char rom_md5[33];   /* empty without a ROM */
    double sticky;
    int32_t frame_skip;
    int32_t max_steps;
    int32_t noop_max;
    int32_t fire_reset;
    int32_t mode;
    int32_t difficulty;
    int32_t parity;     /* 1: only the ends of the reference implementation */
    char reading[8];    /* "a" or "b" where a paper allows two readings, else empty */
    double reward_min;  /* bounds of one step's reward, infinite without bound; both 0 = unknown */
    double reward_max;
    int64_t task_count; /* tasks of the family, 1 = no family, 0 = any number or unknown */
    /* How it was collected. */
    int32_t histories;  /* 1: each group is a whole learning history */
    char tasks[8];      /* side of the split that was played: "train", "test", "all" or empty */
    uint64_t split_seed;
    int32_t seed_count;
    uint64_t seeds[PPI_STORE_SEEDS]; /* collection seeds, in order of use; the last is running */
    int64_t collect_envs;  /* environments played side by side */
    int64_t collect_steps; /* steps asked for by the last collection */
    int64_t collect_base;  /* groups that were there before it */
    int32_t env_task_count; /* 0, or collect_envs where each of those plays a task of its own */
    int64_t env_tasks[PPI_STORE_ENVS];
} ppi_store_meta;

/* The non-frame columns of one step. */
typedef struct ppi_step_row {
    double reward;
    int32_t action;
    uint8_t terminated;
    uint8_t truncated;
    uint8_t unused[2];
} ppi_step_row;

typedef struct ppi_store ppi_store;

/* Starts writing the dataset in `folder` (made if missing). The first `keep` episodes of the
 * existing file are copied, and so are keys of its metadata that are not ours; new episodes get
 * the next numbers. */
pp_status ppi_store_create(ppi_store **out, const char *folder, const ppi_store_meta *meta,
                           int64_t keep);
/* Syncs and renames the new files into place, then frees the store, also on failure (the old
 * files then stay). */
pp_status ppi_store_commit(ppi_store *store);
/* Drops everything written since create. NULL is allowed. */
void ppi_store_abort(ppi_store *store);
/* What it was created with, owned by the store. */
const ppi_store_meta *ppi_store_meta_of(const ppi_store *store);
/* Number the next episode gets. */
int64_t ppi_store_episodes(const ppi_store *store);

/* One whole episode from memory: obs u8 [steps+1, H, W, C], rows [steps]. */
pp_status ppi_store_episode(ppi_store *store, uint64_t seed, const uint8_t *obs,
                            const ppi_step_row *rows, int64_t steps);

/* Facts of one history, attributes of its group. Strings are copied. */
typedef struct ppi_history_info {
    int64_t index;       /* number of the history in its collection; the order on disk */
    int64_t task;
    uint64_t seed;
    const char *learner; /* "a2c" */
    int64_t actors;      /* streams that were summed for the learner's step count */
    const char *options; /* the learner's options as a JSON object */
} ppi_history_info;

/* An episode of `steps` steps in parts: begin, blocks and rows in any mixture, end. The end checks
 * that there were `steps` rows and steps+1 frames. A block is one zlib stream of PPI_STORE_FRAME_ROWS frames, zero-padded when it
 * is the last; `frames` says how many are real. */
pp_status ppi_store_episode_begin(ppi_store *store, uint64_t seed, int64_t steps);
pp_status ppi_store_block(ppi_store *store, const void *zlib_data, size_t size, int64_t frames);
/* The next `count` observations as they are, at any place of the episode. Frames behind them need
 * full blocks before, so rows and blocks of frames are not mixed. */
pp_status ppi_store_observations(ppi_store *store, const uint8_t *obs, int64_t count);
pp_status ppi_store_rows(ppi_store *store, const ppi_step_row *rows, int64_t count);
pp_status ppi_store_episode_end(ppi_store *store);
/* A learning history, the next group whatever its index: as an episode of `steps` steps; `ends` of them end an inner episode. Those are
 * given by their rows [count], ascending, with the true last observation of each, obs [count, obs
 * bytes], in any mixture with the other parts; ppi_store_episode_end closes it. */
pp_status ppi_store_history_begin(ppi_store *store, const ppi_history_info *info, int64_t steps,
                                  int64_t ends);
pp_status ppi_store_ends(ppi_store *store, const int64_t *rows, const uint8_t *obs, int64_t count);
/* The task of the episode that has been begun, an attribute of its group. */
pp_status ppi_store_task(ppi_store *store, int64_t task);
/* Copies `count` groups of another dataset's file, stored bytes unchanged but for the id. */
pp_status ppi_store_copy_groups(ppi_store *store, const char *folder, int64_t count);

/* True for observations that are stored as frames: planes and images. */
bool ppi_store_has_frames(const ppi_store_meta *meta);
/* Bytes of one observation. */
size_t ppi_store_frame_bytes(const ppi_store_meta *meta);
/* Appends `frames` (1..PPI_STORE_FRAME_ROWS) frames u8 [frames, frame_bytes] to `out` as one block.
 * obs must have room for a whole block: the rest of it is set to zero. */
pp_status ppi_store_block_pack(ppi_buf *out, uint8_t *obs, int64_t frames, size_t frame_bytes);

#endif
