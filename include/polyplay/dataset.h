/* Reading recorded experience: datasets in the Minari 0.5 HDF5 layout, ours or foreign.
 *
 * A dataset is opened by its folder or by its Minari id. Its observation and action spaces are
 * trees (Dict and Tuple of Box, Discrete, MultiDiscrete, MultiBinary and Text); their leaves are
 * the columns that can be read, each under a path such as "observations/camera". Rewards and flags
 * of all episodes, and actions of a Discrete space, are kept in memory; everything else is read on
 * demand. A dataset may be read from several threads at once. */
#ifndef POLYPLAY_DATASET_H
#define POLYPLAY_DATASET_H

#include <stdint.h>

#include <polyplay/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pp_dataset pp_dataset;

/* What a dataset holds. A dataset whose only observation leaf is a uint8 Box of 1 to 3 axes has
 * frames, uint8 [height, width, channels], missing axes 1; all others have height, width and
 * channels 0 and are read leaf by leaf. */
typedef struct pp_dataset_info {
    char id[256];            /* Minari id, "ale/freeway/dirichlet-v0" */
    char env[128];           /* environment id, "ale/freeway" */
    int64_t episodes;        /* episodes with at least one step */
    int64_t steps;           /* agent steps of all episodes */
    int32_t height;
    int32_t width;
    int32_t channels;
    int32_t actions;         /* size of a Discrete action space from 0, 0 for other spaces */
    int32_t min_actions;     /* entries used in action_list, 0 when the file has no list */
    int32_t action_list[18]; /* minimal id -> full Atari id */
} pp_dataset_info;

/* One episode. */
typedef struct pp_episode_info {
    int64_t steps;         /* T >= 1 */
    uint64_t seed;         /* seed of the environment, 0 when unknown */
    double reward_sum;     /* sum of the raw rewards */
    double clipped_sum;    /* sum of the rewards clipped to [-1, 1] */
    uint8_t terminated;    /* the last step ended the task */
    uint8_t truncated;     /* the last step met a limit, or the recording stopped there (cut) */
    uint8_t cut;           /* the last step has neither flag: the recording stopped there */
} pp_episode_info;

/* Element types of leaves, in the machine's byte order. */
typedef enum pp_data_type {
    PP_DATA_BOOL, /* one byte, 0 or 1 */
    PP_DATA_I8,
    PP_DATA_U8,
    PP_DATA_I16,
    PP_DATA_U16,
    PP_DATA_I32,
    PP_DATA_U32,
    PP_DATA_I64,
    PP_DATA_U64,
    PP_DATA_F32, /* float16 columns come as F32 too, without loss */
    PP_DATA_F64,
    PP_DATA_TEXT /* UTF-8 of any length, read with pp_dataset_read_text */
} pp_data_type;

/* The space a leaf comes from. */
typedef enum pp_space_kind {
    PP_SPACE_BOX,
    PP_SPACE_DISCRETE,
    PP_SPACE_MULTI_DISCRETE,
    PP_SPACE_MULTI_BINARY,
    PP_SPACE_TEXT
} pp_space_kind;

#define PP_LEAF_RANK 8 /* most axes of a row */

/* One leaf of the observation or the action space. */
typedef struct pp_leaf_info {
    char path[256];      /* "observations", "observations/camera", "actions/_index_0" */
    pp_space_kind space;
    pp_data_type type;
    int32_t rank;        /* axes of one row, 0 = one number */
    int64_t shape[PP_LEAF_RANK];
    int64_t count;       /* elements of one row: the product of shape */
    int64_t row_bytes;   /* bytes of one row in memory, 0 for text */
    double low;          /* least value of any element; text: least length in characters */
    double high;         /* largest value of any element; text: largest length in characters */
    uint8_t observation; /* 1: an episode of T steps has T+1 rows, 0 (action): T rows */
    uint8_t jpeg;        /* 1: stored as JPEG, so the pixels are not exactly those recorded */
} pp_leaf_info;

/* Opens a dataset; `name` is its folder, its data folder, or a Minari id under
 * $MINARI_DATASETS_PATH (else ~/.minari/datasets). Release with pp_dataset_close.
 * PP_ERR_NOT_FOUND: no such dataset, or one with zero episodes; PP_ERR_CORRUPT: damaged file;
 * PP_ERR_SHAPE: columns of the wrong shape or type; PP_ERR_UNSUPPORTED: a layout that is not
 * read. */
pp_status pp_dataset_open(pp_dataset **out, const char *name);
/* Releases everything; NULL is allowed. */
void pp_dataset_close(pp_dataset *dataset);

void pp_dataset_describe(const pp_dataset *dataset, pp_dataset_info *info);
/* PP_ERR_ARGUMENT when there is no episode of this index. */
pp_status pp_dataset_episode(const pp_dataset *dataset, int64_t episode, pp_episode_info *info);

/* Columns of `count` steps from step `first` of one episode; any pointer may be NULL. Arrays belong
 * to the caller. obs u8 [count, height, width, channels], the frames seen before each action;
 * action [count] from a Discrete space; reward [count] raw; terminated and truncated [count] 0 or 1,
 * the last row of a cut episode counting as truncated. PP_ERR_UNSUPPORTED when obs or action is asked and the dataset has no frames or no
 * Discrete actions from 0: read their leaves. */
pp_status pp_dataset_read(pp_dataset *dataset, int64_t episode, int64_t first, int64_t count,
                          uint8_t *obs, int32_t *action, float *reward, uint8_t *terminated,
                          uint8_t *truncated);

/* Number of leaves: those of the observations first, in the order of the spaces. */
int32_t pp_dataset_leaf_count(const pp_dataset *dataset);
/* PP_ERR_ARGUMENT when there is no leaf of this index. */
pp_status pp_dataset_leaf(const pp_dataset *dataset, int32_t leaf, pp_leaf_info *info);

/* Rows first..first+count-1 of a leaf of one episode into out [count, shape...] of the leaf's type
 * (count * row_bytes bytes, the caller's). Row t of an observation was seen before action t; row T
 * is the one after the last action. PP_ERR_ARGUMENT: rows outside the episode, or a text leaf;
 * PP_ERR_CORRUPT: damaged bytes, or a value the type cannot hold; PP_ERR_UNSUPPORTED: row T of an
 * episode inside a learning history, whose group does not keep it. */
pp_status pp_dataset_read_leaf(pp_dataset *dataset, int32_t leaf, int64_t episode, int64_t first,
                               int64_t count, void *out);

/* One row of a text leaf: *length = its bytes, the terminator not counted. The text and its
 * terminator go into out[size] when they fit, else out gets "" and the call still succeeds; size 0
 * asks for the length alone. Errors as pp_dataset_read_leaf. */
pp_status pp_dataset_read_text(pp_dataset *dataset, int32_t leaf, int64_t episode, int64_t row,
                               char *out, int64_t size, int64_t *length);

#ifdef __cplusplus
}
#endif

#endif
