/* Reading the frames and columns of an open dataset. */
#include <string.h>

#include "base/error.h"
#include "data/dataset_internal.h"
#include "data/h5chunk.h"

const pp_dataset_info *ppi_dataset_info(const ppi_dataset *dataset) {
    return &dataset->info;
}

const char *ppi_dataset_folder(const ppi_dataset *dataset) {
    return dataset->folder;
}

int64_t ppi_dataset_episode_count(const ppi_dataset *dataset) {
    return dataset->info.episodes;
}

const ppi_episode *ppi_dataset_episode(const ppi_dataset *dataset, int64_t episode) {
    return &dataset->episodes[episode];
}

const int32_t *ppi_dataset_actions(const ppi_dataset *dataset) {
    return dataset->actions;
}

const float *ppi_dataset_rewards(const ppi_dataset *dataset) {
    return dataset->rewards;
}

const uint8_t *ppi_dataset_flags(const ppi_dataset *dataset) {
    return dataset->flags;
}

int64_t ppi_dataset_memory(const ppi_dataset *dataset) {
    return dataset->row_capacity * PPI_DATASET_ROW_BYTES +
           dataset->episode_capacity * (int64_t)sizeof(ppi_episode);
}

int64_t ppi_dataset_block_rows(const ppi_dataset *dataset) {
    return dataset->block_rows;
}

int64_t ppi_dataset_frame_bytes(const ppi_dataset *dataset) {
    return dataset->frame_bytes;
}

void pp_dataset_describe(const pp_dataset *dataset, pp_dataset_info *info) {
    *info = dataset->info;
}

static pp_status check_episode(const pp_dataset *dataset, int64_t episode) {
    if (episode < 0 || episode >= dataset->info.episodes) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: episode %lld asked, it has %lld", dataset->folder,
                        (long long)episode, (long long)dataset->info.episodes);
    }
    return PP_OK;
}

pp_status pp_dataset_episode(const pp_dataset *dataset, int64_t episode, pp_episode_info *info) {
    PPI_TRY(check_episode(dataset, episode));
    *info = dataset->episodes[episode].info;
    return PP_OK;
}

/* ---- frames ---- */

/* The column of frames of a group; *whole: the block is one chunk that can be decoded here. */
static pp_status find_block(ppi_dataset *d, ppi_h5_data **data, bool *whole, int64_t group,
                            int64_t block) {
    PPI_TRY(ppi_dataset_leaf_handle(d, data, 0, group));
    const ppi_h5_shape *shape = ppi_h5_data_shape(*data);
    if (block < 0 || shape->dims[0] <= block * d->block_rows) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: block %lld of episode_%lld asked, it has %lld rows",
                        d->data_path, (long long)block, (long long)group,
                        (long long)shape->dims[0]);
    }
    *whole = shape->type == PPI_H5_U8 && !d->spaces.leaves[0].jpeg &&
             shape->chunk_rows == d->block_rows && ppi_h5_chunk_can(shape);
    return PP_OK;
}

/* A block that is not one chunk. */
static pp_status read_rows(ppi_dataset *d, ppi_h5_data *data, int64_t block, uint8_t *out) {
    int64_t row = block * d->block_rows;
    int64_t count = ppi_h5_data_shape(data)->dims[0] - row;
    return ppi_dataset_leaf_rows(d, data, 0, row, count < d->block_rows ? count : d->block_rows,
                                 out);
}

static size_t block_bytes(const ppi_dataset *d) {
    return (size_t)(d->block_rows * d->frame_bytes);
}

static pp_status chunk_context(const ppi_dataset *d, const ppi_h5_data *data, int64_t block,
                               pp_status status) {
    return ppi_fail_context(status, "%s: %s row %lld", d->data_path, ppi_h5_data_path(data),
                            (long long)(block * d->block_rows));
}

static pp_status read_block(ppi_dataset *d, int64_t group, int64_t block, uint8_t *out) {
    ppi_h5_data *data = NULL;
    bool whole = false;
    PPI_TRY(find_block(d, &data, &whole, group, block));
    if (!whole) {
        return read_rows(d, data, block, out);
    }
    pp_status status =
        ppi_h5_chunk_decode(out, block_bytes(d), data, block * d->block_rows, &d->scratch);
    return chunk_context(d, data, block, status);
}

pp_status ppi_dataset_read_block(ppi_dataset *d, int64_t group, int64_t block, uint8_t *out) {
    pthread_mutex_lock(&d->mutex);
    pp_status status = read_block(d, group, block, out);
    pthread_mutex_unlock(&d->mutex);
    return status;
}

int64_t ppi_dataset_stored_bytes(const ppi_dataset *d) {
    return (int64_t)ppi_h5_chunk_room(block_bytes(d));
}

static pp_status fetch_block(ppi_dataset *d, int64_t group, int64_t block, void *stored,
                             uint8_t *out, ppi_stored_block *what) {
    ppi_h5_data *data = NULL;
    bool whole = false;
    bool filtered = false;
    *what = (ppi_stored_block){.size = 0};
    PPI_TRY(find_block(d, &data, &whole, group, block));
    what->decoded = !whole;
    if (!whole) {
        return read_rows(d, data, block, out);
    }
    pp_status status =
        ppi_h5_data_read_chunk(data, block * d->block_rows, stored,
                               ppi_h5_chunk_room(block_bytes(d)), &what->size, &filtered);
    what->deflated = ppi_h5_data_shape(data)->deflate && filtered;
    return chunk_context(d, data, block, status);
}

pp_status ppi_dataset_fetch_block(ppi_dataset *d, int64_t group, int64_t block, void *stored,
                                  uint8_t *out, ppi_stored_block *what) {
    pthread_mutex_lock(&d->mutex);
    pp_status status = fetch_block(d, group, block, stored, out, what);
    pthread_mutex_unlock(&d->mutex);
    return status;
}

pp_status ppi_dataset_decode_block(const ppi_dataset *d, const ppi_stored_block *what,
                                   const void *stored, uint8_t *out) {
    return ppi_h5_chunk_unpack(out, block_bytes(d), stored, what->size, what->deflated);
}

/* The dataset lacks what a method needs; says why. */
static pp_status check_frames(const ppi_dataset *d) {
    int32_t dims[3];
    return ppi_fail_context(ppi_spaces_frames(&d->spaces, dims), "%s", d->folder);
}

static pp_status check_choices(const ppi_dataset *d) {
    int32_t n = 0;
    return ppi_fail_context(ppi_spaces_choices(&d->spaces, &n), "%s", d->folder);
}

pp_status ppi_dataset_check_playable(const ppi_dataset *d) {
    PPI_TRY(check_frames(d));
    return check_choices(d);
}

pp_status pp_dataset_read(pp_dataset *d, int64_t index, int64_t first, int64_t count, uint8_t *obs,
                          int32_t *action, float *reward, uint8_t *terminated,
                          uint8_t *truncated) {
    PPI_TRY(check_episode(d, index));
    const ppi_episode *episode = &d->episodes[index];
    if (first < 0 || count < 0 || first > episode->info.steps - count) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: steps %lld to %lld of episode %lld asked, it has %lld",
                        d->folder, (long long)first, (long long)(first + count), (long long)index,
                        (long long)episode->info.steps);
    }
    if (obs) {
        PPI_TRY(check_frames(d));
    }
    if (action) {
        PPI_TRY(check_choices(d));
    }
    int64_t row = episode->row + first;
    for (int64_t i = 0; i < count; i++) {
        uint8_t flags = d->flags[row + i];
        if (action) {
            action[i] = d->actions[row + i];
        }
        if (reward) {
            reward[i] = d->rewards[row + i];
        }
        if (terminated) {
            terminated[i] = (flags & PPI_STEP_TERMINATED) != 0;
        }
        if (truncated) {
            truncated[i] = (flags & PPI_STEP_TRUNCATED) != 0;
        }
    }
    return obs ? pp_dataset_read_leaf(d, 0, index, first, count, obs) : PP_OK;
}
