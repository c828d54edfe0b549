/* Reading recorded experience: datasets in the Minari 0.5 HDF5 layout, ours or foreign.
 *
 * A dataset is opened by its folder or by its Minari id. Actions, rewards and flags of all episodes
 * are kept in memory (14 bytes per step); observations are read on demand. */
#ifndef POLYPLAY_DATASET_H
#define POLYPLAY_DATASET_H

#include <stdint.h>

#include <polyplay/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pp_dataset pp_dataset;

/* What a dataset holds. Observations are uint8 [height, width, channels]. */
typedef struct pp_dataset_info {
    char id[256];            /* Minari id, "ale/freeway/dirichlet-v0" */
    char env[128];           /* environment id, "ale/freeway" */
    int64_t episodes;        /* episodes with at least one step */
    int64_t steps;           /* agent steps of all episodes */
    int32_t height;
    int32_t width;
    int32_t channels;
    int32_t actions;         /* size of the action space */
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
    uint8_t truncated;     /* the last step met a limit */
    uint8_t cut;           /* neither: the recording stopped there */
} pp_episode_info;

/* Opens a dataset; `name` is its folder, its data folder, or a Minari id under
 * $MINARI_DATASETS_PATH (else ~/.minari/datasets). Release with pp_dataset_close.
 * PP_ERR_NOT_FOUND: no such dataset; PP_ERR_CORRUPT: damaged file; PP_ERR_SHAPE: columns of the
 * wrong shape or type; PP_ERR_UNSUPPORTED: a layout that is not read. */
pp_status pp_dataset_open(pp_dataset **out, const char *name);
void pp_dataset_close(pp_dataset *dataset);

void pp_dataset_describe(const pp_dataset *dataset, pp_dataset_info *info);
/* PP_ERR_ARGUMENT when there is no episode of this index. */
pp_status pp_dataset_episode(const pp_dataset *dataset, int64_t episode, pp_episode_info *info);

/* Columns of `count` steps from step `first` of one episode; any pointer may be NULL.
 * obs u8 [count, height, width, channels], the frames seen before each action. */
pp_status pp_dataset_read(pp_dataset *dataset, int64_t episode, int64_t first, int64_t count,
                          uint8_t *obs, int32_t *action, float *reward, uint8_t *terminated,
                          uint8_t *truncated);

#ifdef __cplusplus
}
#endif

#endif
