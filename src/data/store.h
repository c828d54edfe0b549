/* Writes datasets in the Minari 0.5 layout: data/metadata.json and data/main_data.hdf5.
 *
 * A store is written under a temporary name and put in place by sync and rename, so a reader sees
 * the old files or the new ones. Frames arrive either as rows or as blocks that are already
 * compressed (a collector compresses while it plays), and are stored in chunks of
 * PPI_STORE_FRAME_ROWS rows; the other columns in chunks of PPI_STORE_COLUMN_ROWS. */
#ifndef PPI_DATA_STORE_H
#define PPI_DATA_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"

#define PPI_STORE_FRAME_ROWS 8
#define PPI_STORE_COLUMN_ROWS 4096
#define PPI_STORE_SEEDS 64
#define PPI_STORE_DATA_FILE "main_data.hdf5"
#define PPI_STORE_META_FILE "metadata.json"

/* Everything metadata.json says. Copied where it is kept; strings are owned by the caller. */
typedef struct ppi_store_meta {
    char id[256];       /* dataset id, "ale/freeway/dirichlet-v0" */
    char env[128];      /* environment id, "ale/freeway" */
    char policy[64];    /* who played: "random", "dirichlet" */
    int32_t height;     /* observations are u8 [height, width, channels] */
    int32_t width;
    int32_t channels;
    int32_t obs_high;   /* largest value: 255, or 1 for planes */
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
    /* How it was collected. */
    int32_t seed_count;
    uint64_t seeds[PPI_STORE_SEEDS]; /* collection seeds, in order of use; the last is running */
    int64_t collect_envs;  /* environments played side by side */
    int64_t collect_steps; /* steps asked for by the last collection */
    int64_t collect_base;  /* episodes that were there before it */
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
/* Number the next episode gets. */
int64_t ppi_store_episodes(const ppi_store *store);

/* One whole episode from memory: obs u8 [steps+1, H, W, C], rows [steps]. */
pp_status ppi_store_episode(ppi_store *store, uint64_t seed, const uint8_t *obs,
                            const ppi_step_row *rows, int64_t steps);

/* An episode of `steps` steps in parts: begin, blocks and rows in any mixture, end. The end checks
 * that there were `steps` rows and steps+1 frames. A block is one zlib stream of PPI_STORE_FRAME_ROWS frames, zero-padded when it
 * is the last; `frames` says how many are real. */
pp_status ppi_store_episode_begin(ppi_store *store, uint64_t seed, int64_t steps);
pp_status ppi_store_block(ppi_store *store, const void *zlib_data, size_t size, int64_t frames);
pp_status ppi_store_rows(ppi_store *store, const ppi_step_row *rows, int64_t count);
pp_status ppi_store_episode_end(ppi_store *store);

/* Bytes of one frame. */
size_t ppi_store_frame_bytes(const ppi_store_meta *meta);
/* Appends `frames` (1..PPI_STORE_FRAME_ROWS) frames u8 [frames, frame_bytes] to `out` as one block.
 * obs must have room for a whole block: the rest of it is set to zero. */
pp_status ppi_store_block_pack(ppi_buf *out, uint8_t *obs, int64_t frames, size_t frame_bytes);

#endif
