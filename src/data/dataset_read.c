/* Reading the frames and columns of an open dataset, and its statistics. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/gz.h"
#include "base/mem.h"
#include "data/dataset_internal.h"

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

/* The open observations of a group; the least recently used handle gives way. */
static pp_status handle_for(ppi_dataset *d, int64_t group, ppi_h5_data **out) {
    ppi_dataset_handle *oldest = &d->handles[0];
    d->tick++;
    for (int i = 0; i < PPI_DATASET_HANDLES; i++) {
        ppi_dataset_handle *handle = &d->handles[i];
        if (handle->data && handle->group == group) {
            handle->used = d->tick;
            *out = handle->data;
            return PP_OK;
        }
        if (!handle->data || (oldest->data && handle->used < oldest->used)) {
            oldest = handle;
        }
    }
    char path[128];
    ppi_h5_data_close(oldest->data);
    oldest->data = NULL;
    snprintf(path, sizeof path, "episode_%lld/observations", (long long)group);
    PPI_TRY(ppi_h5_data_open(&oldest->data, d->file, path));
    oldest->group = group;
    oldest->used = d->tick;
    *out = oldest->data;
    return PP_OK;
}

/* Reads the stored chunk and decodes it here, outside the lock of the HDF5 library. */
static pp_status read_stored(ppi_dataset *d, ppi_h5_data *data, int64_t group, int64_t row,
                             uint8_t *out) {
    size_t bytes = (size_t)(d->block_rows * d->frame_bytes);
    size_t capacity = bytes + bytes / 8 + 1024;
    size_t size = 0;
    size_t written = 0;
    bool filtered = false;
    if (d->packed_capacity < capacity) {
        ppi_free(d->packed);
        d->packed_capacity = 0;
        d->packed = ppi_malloc(capacity);
        if (!d->packed) {
            return ppi_oom("a compressed chunk");
        }
        d->packed_capacity = capacity;
    }
    PPI_TRY(ppi_h5_data_read_chunk(data, row, d->packed, capacity, &size, &filtered));
    if (size == 0) {
        memset(out, 0, bytes);
        return PP_OK;
    }
    pp_status status = PP_OK;
    if (ppi_h5_data_shape(data)->deflate && filtered) {
        status = ppi_inflate(out, bytes, &written, d->packed, size);
    } else {
        written = size;
        memcpy(out, d->packed, size < bytes ? size : bytes);
    }
    if (status == PP_OK && written != bytes) {
        status = ppi_fail(PP_ERR_CORRUPT, "chunk of %zu bytes, expected %zu", written, bytes);
    }
    return ppi_fail_context(status, "%s: episode_%lld/observations row %lld", d->data_path,
                            (long long)group, (long long)row);
}

static pp_status read_block(ppi_dataset *d, int64_t group, int64_t block, uint8_t *out) {
    ppi_h5_data *data = NULL;
    PPI_TRY(handle_for(d, group, &data));
    const ppi_h5_shape *shape = ppi_h5_data_shape(data);
    int64_t row = block * d->block_rows;
    int64_t count = shape->dims[0] - row;
    if (count <= 0 || block < 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: block %lld of episode_%lld asked, it has %lld rows",
                        d->data_path, (long long)block, (long long)group,
                        (long long)shape->dims[0]);
    }
    if (shape->chunk_rows == d->block_rows && (shape->deflate || shape->plain)) {
        return read_stored(d, data, group, row, out);
    }
    if (count > d->block_rows) {
        count = d->block_rows;
    }
    return ppi_h5_data_read(data, row, count,
                            shape->type == PPI_H5_BOOL ? PPI_H5_BOOL : PPI_H5_U8, out);
}

pp_status ppi_dataset_read_block(ppi_dataset *d, int64_t group, int64_t block, uint8_t *out) {
    pthread_mutex_lock(&d->mutex);
    pp_status status = read_block(d, group, block, out);
    pthread_mutex_unlock(&d->mutex);
    return status;
}

static pp_status read_frames(pp_dataset *d, const ppi_episode *episode, int64_t first,
                             int64_t count, uint8_t *obs) {
    if (!d->spare) {
        d->spare = ppi_malloc((size_t)(d->block_rows * d->frame_bytes));
        if (!d->spare) {
            return ppi_oom("a block of frames");
        }
    }
    int64_t row = episode->first_frame + first;
    while (count > 0) {
        int64_t within = row % d->block_rows;
        int64_t n = d->block_rows - within < count ? d->block_rows - within : count;
        PPI_TRY(ppi_dataset_read_block(d, episode->group, row / d->block_rows, d->spare));
        memcpy(obs, d->spare + within * d->frame_bytes, (size_t)(n * d->frame_bytes));
        obs += n * d->frame_bytes;
        row += n;
        count -= n;
    }
    return PP_OK;
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
    return obs ? read_frames(d, episode, first, count, obs) : PP_OK;
}

/* ---- statistics ---- */

void ppi_dataset_statistics(const ppi_dataset *dataset, ppi_dataset_stats *stats) {
    double sum = 0;
    double clipped = 0;
    int64_t n = dataset->info.episodes;
    *stats = (ppi_dataset_stats){.episodes = n, .steps = dataset->info.steps};
    for (int64_t i = 0; i < n; i++) {
        const pp_episode_info *info = &dataset->episodes[i].info;
        double value = info->reward_sum;
        sum += value;
        clipped += info->clipped_sum;
        stats->truncated += info->truncated;
        stats->cut += info->cut;
        if (i == 0 || value < stats->return_min) {
            stats->return_min = value;
        }
        if (i == 0 || value > stats->return_max) {
            stats->return_max = value;
        }
        if (i == 0 || info->steps < stats->length_min) {
            stats->length_min = info->steps;
        }
        if (info->steps > stats->length_max) {
            stats->length_max = info->steps;
        }
    }
    if (n == 0) {
        return;
    }
    stats->return_mean = sum / (double)n;
    stats->clipped_mean = clipped / (double)n;
    stats->length_mean = (double)stats->steps / (double)n;
    double square = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = dataset->episodes[i].info.reward_sum - stats->return_mean;
        square += d * d;
    }
    stats->return_std = sqrt(square / (double)n);
}

static void show_facts(const ppi_dataset *d, ppi_buf *out) {
    const ppi_store_meta *meta = &d->meta;
    if (meta->backend[0]) {
        ppi_buf_printf(out, "backend        %s %s, view %s", meta->backend, meta->backend_version,
                       meta->view);
        if (meta->rom_md5[0]) {
            ppi_buf_printf(out, ", ROM md5 %s", meta->rom_md5);
        }
        ppi_buf_printf(out, "\nprotocol       sticky %g, skip %d, no-ops %d, fire %s, cap ",
                       meta->sticky, meta->frame_skip, meta->noop_max,
                       meta->fire_reset ? "on" : "off");
        if (meta->max_steps > 0) {
            ppi_buf_printf(out, "%d steps\n", meta->max_steps);
        } else {
            ppi_buf_append_text(out, "none\n");
        }
    }
    if (meta->policy[0]) {
        ppi_buf_printf(out, "policy         %s", meta->policy);
        for (int32_t i = 0; i < meta->seed_count; i++) {
            ppi_buf_printf(out, "%s%llu", i == 0 ? ", seed " : ",",
                           (unsigned long long)meta->seeds[i]);
        }
        ppi_buf_append_text(out, "\n");
    }
    ppi_buf_printf(out, "actions        %d", d->info.actions);
    for (int32_t i = 0; i < d->info.min_actions; i++) {
        ppi_buf_printf(out, "%s%d", i == 0 ? ", minimal " : " ", d->info.action_list[i]);
    }
    ppi_buf_append_text(out, "\n");
}

pp_status ppi_dataset_show(const ppi_dataset *d, ppi_buf *out) {
    ppi_dataset_stats stats;
    ppi_dataset_statistics(d, &stats);
    ppi_buf_printf(out, "dataset        %s\nfolder         %s\nenvironment    %s\n", d->info.id,
                   d->folder, d->info.env);
    show_facts(d, out);
    ppi_buf_printf(out, "observation    uint8 %dx%dx%d, lossless\n", d->info.height, d->info.width,
                   d->info.channels);
    ppi_buf_printf(out, "episodes       %lld (%lld truncated, %.1f%%; %lld cut)\n",
                   (long long)stats.episodes, (long long)stats.truncated,
                   100.0 * (double)stats.truncated / (double)stats.episodes, (long long)stats.cut);
    ppi_buf_printf(out, "steps          %lld (per episode mean %.1f, min %lld, max %lld)\n",
                   (long long)stats.steps, stats.length_mean, (long long)stats.length_min,
                   (long long)stats.length_max);
    ppi_buf_printf(out, "return         mean %.4g, std %.4g, min %.4g, max %.4g (raw); mean %.4g "
                   "(clipped)\n", stats.return_mean, stats.return_std, stats.return_min,
                   stats.return_max, stats.clipped_mean);
    return ppi_buf_printf(out, "size           %.1f MB\n", (double)d->file_bytes / 1e6);
}
