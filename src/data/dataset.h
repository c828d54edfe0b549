/* An open dataset: metadata, the small columns of every episode in memory, frames on demand.
 *
 * Groups that hold a whole learning history are split at their inner ends, so an episode here is
 * always one episode of the game. */
#ifndef PPI_DATA_DATASET_H
#define PPI_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/dataset.h>

#include "base/buf.h"
#include "data/store.h"

typedef struct pp_dataset ppi_dataset;

/* Flags of a step. */
enum { PPI_STEP_TERMINATED = 1, PPI_STEP_TRUNCATED = 2 };

/* One episode: `steps` rows from `row` of the columns; its frames are rows first_frame.. of the
 * group's observations. */
typedef struct ppi_episode {
    int64_t group;       /* number in "episode_<group>" */
    int64_t first_frame; /* first observation row in the group */
    int64_t row;         /* first row in the dataset's columns */
    int64_t index;       /* its group, for ppi_dataset_group */
    int64_t final;       /* row of its true last observation in infos/final_observation, -1 = it is
                            the group's last observation or is not kept */
    pp_episode_info info;
} ppi_episode;

/* One group of the file: a whole learning history, or one recorded episode. Its rows lie side by
 * side in the columns and its observations in the file: windows may be drawn from it as a whole. */
typedef struct ppi_group {
    int64_t group;         /* number in "episode_<group>" */
    bool history;          /* a learning history */
    int64_t first_episode; /* its episodes of the game */
    int64_t episodes;
    int64_t row;           /* first row in the dataset's columns */
    int64_t steps;         /* rows; it has steps + 1 observations */
    int64_t ends;          /* rows of infos/end_row */
    uint64_t seed;         /* 0 = unknown */
    int64_t task;          /* -1 = unknown */
    int64_t actors;        /* streams that were summed for the learner's step count, 0 = unknown */
    const char *learner;   /* "a2c", "" = unknown; owned by the dataset */
    const char *options;   /* JSON object, "" = unknown */
} ppi_group;

/* pp_dataset_open with a memory bound for the columns, in bytes (0 = none); PP_ERR_NO_MEMORY says
 * how much they take. */
pp_status ppi_dataset_open(ppi_dataset **out, const char *name);
pp_status ppi_dataset_open_bounded(ppi_dataset **out, const char *name, int64_t column_bytes);
void ppi_dataset_close(ppi_dataset *dataset);

/* Opens every dataset of a comma list; entries are folders, Minari ids or globs of either.
 * *out is an array of *count datasets, in the order of the list (globs sorted). Zero matches are
 * PP_ERR_NOT_FOUND. Release with ppi_dataset_close_list. */
pp_status ppi_dataset_open_list(ppi_dataset ***out, int *count, const char *list,
                                int64_t column_bytes);
void ppi_dataset_close_list(ppi_dataset **datasets, int count);

/* PP_OK when a method can learn from the dataset: one uint8 Box of 1 to 3 axes as observation and
 * Discrete actions from 0. PP_ERR_UNSUPPORTED names the leaf that does not fit. */
pp_status ppi_dataset_check_playable(const ppi_dataset *dataset);

const pp_dataset_info *ppi_dataset_info(const ppi_dataset *dataset);
const char *ppi_dataset_folder(const ppi_dataset *dataset);
int64_t ppi_dataset_episode_count(const ppi_dataset *dataset);
const ppi_episode *ppi_dataset_episode(const ppi_dataset *dataset, int64_t episode);
int64_t ppi_dataset_group_count(const ppi_dataset *dataset);
const ppi_group *ppi_dataset_group(const ppi_dataset *dataset, int64_t index);
/* True when every group is a learning history. */
bool ppi_dataset_has_histories(const ppi_dataset *dataset);
/* What its metadata say beyond pp_dataset_info. */
const ppi_store_meta *ppi_dataset_meta(const ppi_dataset *dataset);
/* Observations first..first+count-1 of a group, 0..steps, as they are stored: [count, frame bytes].
 * Behind an end lies the next episode's first. PP_ERR_UNSUPPORTED without frames or float vectors;
 * safe from several threads. */
pp_status ppi_dataset_read_observations(ppi_dataset *dataset, int64_t index, int64_t first,
                                        int64_t count, uint8_t *out);
/* The true last observation of an episode, [frame bytes]. PP_ERR_UNSUPPORTED as above, and where the
 * file does not keep it. */
pp_status ppi_dataset_read_final(ppi_dataset *dataset, int64_t episode, uint8_t *out);
/* Columns [steps of the dataset]. */
const int32_t *ppi_dataset_actions(const ppi_dataset *dataset);
const float *ppi_dataset_rewards(const ppi_dataset *dataset);
const uint8_t *ppi_dataset_flags(const ppi_dataset *dataset);
/* Bytes the columns and tables take. */
int64_t ppi_dataset_memory(const ppi_dataset *dataset);

/* Observations of one group come in blocks of ppi_dataset_block_rows rows; block b holds rows
 * b*block_rows.. of the group and may end short. */
int64_t ppi_dataset_block_rows(const ppi_dataset *dataset);
/* Bytes of one observation: of a frame, or of a float32 vector (ppi_dataset_meta says which);
 * 0 for any other space. */
int64_t ppi_dataset_frame_bytes(const ppi_dataset *dataset);
/* Reads and decodes one block into out u8 [block_rows, frame_bytes]. Safe from several threads. */
pp_status ppi_dataset_read_block(ppi_dataset *dataset, int64_t group, int64_t block, uint8_t *out);

/* A block read by ppi_dataset_fetch_block. */
typedef struct ppi_stored_block {
    size_t size;   /* stored bytes, 0 = never written */
    bool deflated;
    bool decoded;  /* it already lies in out */
} ppi_stored_block;
/* ppi_dataset_read_block in two halves, so that decoding runs outside every lock. The first reads
 * the stored bytes of a block into stored [ppi_dataset_stored_bytes]; one that is not stored as a
 * whole chunk of bytes is decoded into `out` at once. The second touches only its arguments. */
int64_t ppi_dataset_stored_bytes(const ppi_dataset *dataset);
pp_status ppi_dataset_fetch_block(ppi_dataset *dataset, int64_t group, int64_t block, void *stored,
                                  uint8_t *out, ppi_stored_block *what);
pp_status ppi_dataset_decode_block(const ppi_dataset *dataset, const ppi_stored_block *what,
                                   const void *stored, uint8_t *out);

/* What `data show` prints: facts, episodes, steps, returns, ends, size. */
typedef struct ppi_dataset_stats {
    int64_t episodes, steps, truncated, cut;
    double return_mean, return_std, return_min, return_max;
    double clipped_mean;
    double length_mean;
    int64_t length_min, length_max;
} ppi_dataset_stats;
void ppi_dataset_statistics(const ppi_dataset *dataset, ppi_dataset_stats *stats);
pp_status ppi_dataset_show(const ppi_dataset *dataset, ppi_buf *out);

/* Appends a line per dataset below the folder `root`, NULL = Minari's root: id, episodes, steps and
 * size as metadata.json says, spaces; what cannot be read gets a line with the reason.
 * PP_ERR_NOT_FOUND when there is none. */
pp_status ppi_dataset_list(ppi_buf *out, const char *root);

/* Which rows `data inspect` prints. */
typedef struct ppi_inspect_options {
    int64_t history; /* group whose rows are meant, -1 = an episode's */
    int64_t episode;
    int64_t first;   /* step of the episode or row of the group */
    int64_t count;   /* at most so many rows */
    bool json;       /* one JSON object instead of a table */
} ppi_inspect_options;
/* Appends facts and rows. PP_ERR_ARGUMENT names what is not there. */
pp_status ppi_dataset_inspect(ppi_dataset *dataset, const ppi_inspect_options *options,
                              ppi_buf *out);

/* Puts the groups of datasets names[count], in this order and numbered anew, into a new dataset in
 * the folder `out`, which appears as a whole or not at all. All must have the same environment,
 * rules and spaces (PP_ERR_ARGUMENT names what differs), but may have different policies.
 * PP_ERR_EXISTS: something is in `out`, or a collection in one of them is not finished. */
pp_status ppi_dataset_combine(const char *const *names, int count, const char *out);
/* Deletes the data folder of a dataset, and the dataset's folder when nothing else is in it;
 * folder[size] gets its path. PP_ERR_ARGUMENT when `sure` is false or the data folder holds
 * anything else than a dataset; PP_ERR_EXISTS while a collector holds its journal. */
pp_status ppi_dataset_delete(const char *name, bool sure, char *folder, size_t size);

/* Rows of a leaf that an episode has and keeps. */
int64_t ppi_dataset_leaf_length(const ppi_dataset *dataset, int32_t leaf, int64_t episode);

/* What reading everything found. */
typedef struct ppi_dataset_report {
    int64_t outside;        /* values of a Box outside its bounds, NaN included */
    int64_t gaps;           /* places where the numbers of the episode groups jump */
    int32_t lossy;          /* leaves stored as JPEG */
    bool rewards_are_signs; /* every reward is -1, 0 or 1: perhaps they were clipped */
    int64_t both_flags;     /* rows that are terminated and truncated */
    int64_t duplicates;     /* histories of a task and seed that are there already */
    uint32_t checksum;      /* CRC-32C over the leaves as they are read, rewards and flags */
} ppi_dataset_report;

/* Reads every row of every leaf. PP_ERR_CORRUPT names the episode, the leaf and the row that is
 * damaged or outside a space of choices. Of datasets that polyplay wrote, also: counts and group
 * numbers that disagree with metadata.json, integers of a Box outside its bounds, rewards beyond the
 * environment's, rows with both flags, episodes longer than the cap, tasks that cannot be. */
pp_status ppi_dataset_validate(ppi_dataset *dataset, ppi_dataset_report *report);
/* PP_ERR_CORRUPT names a task that is in a training dataset and in a test dataset of the same
 * environment. */
pp_status ppi_dataset_check_split(ppi_dataset *const *datasets, int count);
/* Appends the report and the facts beside it: files, episodes, steps, returns, ends. */
pp_status ppi_dataset_report_text(const ppi_dataset *dataset, const ppi_dataset_report *report,
                                  ppi_buf *out);

#endif
