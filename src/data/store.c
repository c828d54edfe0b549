/* Writing datasets; see store.h. */
#include "data/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/gz.h"
#include "base/mem.h"
#include "data/h5file.h"
#include "data/meta.h"

#define DEFLATE_LEVEL 1

struct ppi_store {
    ppi_store_meta meta;
    char data_dir[PPI_PATH_SIZE];
    char final_path[PPI_PATH_SIZE];
    char temp_path[PPI_PATH_SIZE];
    ppi_h5 *file;
    ppi_json *old; /* metadata that is replaced */
    int64_t episodes;
    int64_t total_steps;
    /* The open episode. */
    bool open;
    int64_t steps;  /* announced */
    int64_t rows;   /* written so far */
    int64_t frames; /* those of the unfinished block included */
    int64_t ends;   /* announced, -1 = no learning history */
    int64_t ends_written;
    ppi_h5_data *observations, *actions, *rewards, *terminations, *truncations;
    ppi_h5_data *end_row, *final_observation;
    ppi_buf packed;
    uint8_t *block;       /* u8 [PPI_STORE_FRAME_ROWS, frame_bytes] */
    int64_t block_frames; /* rows of it that are not written yet */
};

bool ppi_store_has_frames(const ppi_store_meta *meta) {
    return meta->obs_type == PP_OBS_PLANES || meta->obs_type == PP_OBS_IMAGE;
}

size_t ppi_store_frame_bytes(const ppi_store_meta *meta) {
    size_t element = meta->obs_type == PP_OBS_FLOAT ? sizeof(float) : 1;
    return (size_t)meta->height * (size_t)meta->width * (size_t)meta->channels * element;
}

pp_status ppi_store_block_pack(ppi_buf *out, uint8_t *obs, int64_t frames, size_t frame_bytes) {
    if (frames < PPI_STORE_FRAME_ROWS) {
        memset(obs + (size_t)frames * frame_bytes, 0,
               (size_t)(PPI_STORE_FRAME_ROWS - frames) * frame_bytes);
    }
    return ppi_deflate(out, obs, PPI_STORE_FRAME_ROWS * frame_bytes, DEFLATE_LEVEL);
}

const ppi_store_meta *ppi_store_meta_of(const ppi_store *store) {
    return &store->meta;
}

int64_t ppi_store_episodes(const ppi_store *store) {
    return store->episodes;
}

static void close_columns(ppi_store *store) {
    ppi_h5_data **all[] = {&store->observations, &store->actions, &store->rewards,
                           &store->terminations, &store->truncations, &store->end_row,
                           &store->final_observation};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ppi_h5_data_close(*all[i]);
        *all[i] = NULL;
    }
}

static void store_free(ppi_store *store) {
    close_columns(store);
    ppi_json_free(store->old);
    ppi_buf_free(&store->packed);
    ppi_free(store->block);
    ppi_free(store);
}

/* Copies one group of another file behind those that are there. */
static pp_status copy_group(ppi_store *store, ppi_h5 *from, int64_t number) {
    char group[64];
    char to[64];
    int64_t steps = 0;
    bool found = false;
    snprintf(group, sizeof group, "episode_%lld", (long long)number);
    snprintf(to, sizeof to, "episode_%lld", (long long)store->episodes);
    PPI_TRY(ppi_h5_attr_read_i64(from, group, "total_steps", &steps, &found));
    PPI_TRY(ppi_h5_group_copy(store->file, to, from, group));
    if (number != store->episodes) {
        PPI_TRY(ppi_h5_attr_write_i64(store->file, to, "id", store->episodes));
    }
    store->episodes++;
    store->total_steps += steps;
    return PP_OK;
}

/* Copies the first `count` groups of the file, by number. */
static pp_status copy_groups(ppi_store *store, const char *path, int64_t count) {
    ppi_h5 *from = NULL;
    int64_t *numbers = NULL;
    int64_t there = 0;
    PPI_TRY(ppi_h5_open(&from, path));
    pp_status status = ppi_h5_numbered(from, "episode_", &numbers, &there);
    if (status == PP_OK && there < count) {
        status = ppi_fail(PP_ERR_CORRUPT, "%s: %lld episode groups, expected %lld", path,
                          (long long)there, (long long)count);
    }
    for (int64_t k = 0; k < count && status == PP_OK; k++) {
        status = copy_group(store, from, numbers[k]);
    }
    ppi_free(numbers);
    pp_status closed = ppi_h5_close(from);
    return status != PP_OK ? status : closed;
}

pp_status ppi_store_copy_groups(ppi_store *store, const char *folder, int64_t count) {
    char path[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(path, sizeof path, folder, "data", PPI_STORE_DATA_FILE));
    return copy_groups(store, path, count);
}

static pp_status store_open(ppi_store *store, const char *folder, int64_t keep) {
    char meta_path[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(store->data_dir, sizeof store->data_dir, folder, "data"));
    PPI_TRY(ppi_path_join(store->final_path, sizeof store->final_path, store->data_dir,
                          PPI_STORE_DATA_FILE));
    PPI_TRY(ppi_path_join(store->temp_path, sizeof store->temp_path, store->data_dir,
                          PPI_STORE_DATA_FILE ".tmp"));
    PPI_TRY(ppi_path_join(meta_path, sizeof meta_path, store->data_dir, PPI_STORE_META_FILE));
    PPI_TRY(ppi_dir_make(store->data_dir));
    store->block = ppi_malloc(PPI_STORE_FRAME_ROWS * ppi_store_frame_bytes(&store->meta));
    if (!store->block) {
        return ppi_oom("a block of frames");
    }
    PPI_TRY(ppi_h5_create(&store->file, store->temp_path));
    if (keep > 0) {
        PPI_TRY(ppi_json_load(&store->old, meta_path));
        PPI_TRY(copy_groups(store, store->final_path, keep));
    }
    return PP_OK;
}

pp_status ppi_store_create(ppi_store **out, const char *folder, const ppi_store_meta *meta,
                           int64_t keep) {
    *out = NULL;
    if (meta->height < 1 || meta->width < 1 || meta->channels < 1 || meta->actions < 1 ||
        meta->obs_type < 0 || meta->obs_type > PP_OBS_FLOAT ||
        (meta->obs_type == PP_OBS_CELLS && meta->channels > PP_ENV_CELLS)) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: observation %dx%dx%d with %d actions cannot be stored",
                        folder, meta->height, meta->width, meta->channels, meta->actions);
    }
    ppi_store *store = ppi_calloc(1, sizeof *store);
    if (!store) {
        return ppi_oom("a dataset writer");
    }
    store->meta = *meta;
    pp_status status = store_open(store, folder, keep);
    if (status != PP_OK) {
        ppi_store_abort(store);
        return status;
    }
    *out = store;
    return PP_OK;
}

void ppi_store_abort(ppi_store *store) {
    if (!store) {
        return;
    }
    close_columns(store);
    if (store->file) {
        (void)ppi_h5_close(store->file);
        (void)unlink(store->temp_path);
    }
    store_free(store);
}

static pp_status sync_path(const char *path, int64_t *bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return ppi_fail_errno("%s: could not open for sync", path);
    }
    pp_status status = ppi_file_sync_fd(fd, path);
    close(fd);
    return status != PP_OK ? status : ppi_file_size(path, bytes);
}

static pp_status write_meta(ppi_store *store, int64_t bytes) {
    char path[PPI_PATH_SIZE];
    ppi_buf text = {0};
    ppi_meta_counts counts = {.episodes = store->episodes,
                              .steps = store->total_steps,
                              .megabytes = (double)((bytes + 50000) / 100000) / 10.0};
    PPI_TRY(ppi_path_join(path, sizeof path, store->data_dir, PPI_STORE_META_FILE));
    pp_status status = ppi_meta_write(&text, &store->meta, &counts, store->old);
    if (status == PP_OK) {
        status = ppi_file_write_atomic(path, text.data, text.len);
    }
    ppi_buf_free(&text);
    return status;
}

static pp_status store_finish(ppi_store *store) {
    int64_t bytes = 0;
    if (store->open) {
        return ppi_fail(PP_ERR_INTERNAL, "%s: commit inside an episode", store->final_path);
    }
    ppi_h5 *file = store->file;
    store->file = NULL;
    pp_status status = ppi_h5_close(file);
    if (status == PP_OK) {
        status = sync_path(store->temp_path, &bytes);
    }
    if (status == PP_OK) {
        status = ppi_rename(store->temp_path, store->final_path);
    }
    if (status != PP_OK) {
        (void)unlink(store->temp_path);
        return status;
    }
    PPI_TRY(ppi_dir_sync(store->data_dir));
    return write_meta(store, bytes);
}

pp_status ppi_store_commit(ppi_store *store) {
    pp_status status = store_finish(store);
    if (status != PP_OK && store->file) {
        ppi_store_abort(store);
        return status;
    }
    store_free(store);
    return status;
}

/* ---- episodes ---- */

/* A column of `rows` rows [dims], plain; in one piece where a chunk would hold all. */
static pp_status create_column(ppi_store *store, ppi_h5_data **out, const char *group,
                               const char *name, ppi_h5_type type, int64_t rows, int64_t numbers) {
    char path[128];
    const int64_t dims[2] = {rows, numbers};
    int64_t chunk = rows <= PPI_STORE_COLUMN_ROWS ? 0 : PPI_STORE_COLUMN_ROWS;
    snprintf(path, sizeof path, "%s/%s", group, name);
    return ppi_h5_data_create(out, store->file, path, type, numbers > 0 ? 2 : 1, dims, chunk, 0);
}

static ppi_h5_type observation_type(const ppi_store *store) {
    return store->meta.obs_type == PP_OBS_FLOAT ? PPI_H5_F32 : PPI_H5_U8;
}

/* A column of `rows` observations. */
static pp_status create_observations(ppi_store *store, ppi_h5_data **out, const char *group,
                                     const char *name, int64_t rows) {
    char path[128];
    const ppi_store_meta *meta = &store->meta;
    const int64_t dims[4] = {0, meta->height, meta->width, meta->channels};
    if (!ppi_store_has_frames(meta)) {
        return create_column(store, out, group, name, observation_type(store), rows,
                             meta->channels);
    }
    snprintf(path, sizeof path, "%s/%s", group, name);
    return ppi_h5_data_create(out, store->file, path, PPI_H5_U8, 4, dims, PPI_STORE_FRAME_ROWS,
                              DEFLATE_LEVEL);
}

static pp_status create_columns(ppi_store *store, const char *group) {
    const int64_t steps = store->steps;
    PPI_TRY(create_observations(store, &store->observations, group, "observations", steps + 1));
    PPI_TRY(create_column(store, &store->actions, group, "actions", PPI_H5_I64, steps, 0));
    PPI_TRY(create_column(store, &store->rewards, group, "rewards", PPI_H5_F64, steps, 0));
    PPI_TRY(create_column(store, &store->terminations, group, "terminations", PPI_H5_BOOL, steps,
                          0));
    return create_column(store, &store->truncations, group, "truncations", PPI_H5_BOOL, steps, 0);
}

static pp_status group_begin(ppi_store *store, uint64_t seed, int64_t steps, int64_t ends) {
    char group[64];
    if (store->open || steps < 1) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: an episode of %lld steps cannot begin%s",
                        store->final_path, (long long)steps,
                        store->open ? " inside another one" : "");
    }
    snprintf(group, sizeof group, "episode_%lld", (long long)store->episodes);
    store->open = true;
    store->steps = steps;
    store->rows = 0;
    store->frames = 0;
    store->block_frames = 0;
    store->ends = ends;
    store->ends_written = 0;
    PPI_TRY(ppi_h5_group_create(store->file, group));
    PPI_TRY(ppi_h5_attr_write_i64(store->file, group, "id", store->episodes));
    PPI_TRY(ppi_h5_attr_write_u64(store->file, group, "seed", seed));
    return create_columns(store, group);
}

pp_status ppi_store_episode_begin(ppi_store *store, uint64_t seed, int64_t steps) {
    return group_begin(store, seed, steps, -1);
}

pp_status ppi_store_task(ppi_store *store, int64_t task) {
    char group[64];
    snprintf(group, sizeof group, "episode_%lld", (long long)store->episodes);
    return ppi_h5_attr_write_i64(store->file, group, "task", task);
}

pp_status ppi_store_history_begin(ppi_store *store, const ppi_history_info *info, int64_t steps,
                                  int64_t ends) {
    char group[64];
    char infos[80];
    ppi_h5 *file = store->file;
    PPI_TRY(group_begin(store, info->seed, steps, ends));
    snprintf(group, sizeof group, "episode_%lld", (long long)store->episodes);
    snprintf(infos, sizeof infos, "%s/infos", group);
    PPI_TRY(ppi_store_task(store, info->task));
    PPI_TRY(ppi_h5_attr_write_text(file, group, "learner", info->learner));
    PPI_TRY(ppi_h5_attr_write_i64(file, group, "actors", info->actors));
    PPI_TRY(ppi_h5_attr_write_text(file, group, "options", info->options));
    PPI_TRY(ppi_h5_group_create(file, infos));
    PPI_TRY(create_column(store, &store->end_row, infos, "end_row", PPI_H5_I64, ends, 0));
    return create_observations(store, &store->final_observation, infos, "final_observation", ends);
}

/* ---- observations ---- */

static pp_status append_block(ppi_store *store, const void *zlib_data, size_t size,
                              int64_t frames) {
    PPI_TRY(ppi_h5_data_append_chunk(store->observations, zlib_data, size, frames));
    store->frames += frames;
    return PP_OK;
}

/* A block of a collector that compresses whatever the observations are. */
static pp_status unpack_block(ppi_store *store, const void *zlib_data, size_t size,
                              int64_t frames) {
    size_t bytes = PPI_STORE_FRAME_ROWS * ppi_store_frame_bytes(&store->meta);
    size_t written = 0;
    PPI_TRY(ppi_inflate(store->block, bytes, &written, zlib_data, size));
    if (written != bytes || frames < 0 || frames > PPI_STORE_FRAME_ROWS) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: a block of %lld observations has %zu bytes, expected "
                        "%zu", store->final_path, (long long)frames, written, bytes);
    }
    return ppi_store_observations(store, store->block, frames);
}

pp_status ppi_store_block(ppi_store *store, const void *zlib_data, size_t size, int64_t frames) {
    if (!ppi_store_has_frames(&store->meta)) {
        return unpack_block(store, zlib_data, size, frames);
    }
    if (store->block_frames > 0) {
        return ppi_fail(PP_ERR_INTERNAL, "%s: a block of frames behind %lld single ones",
                        store->final_path, (long long)store->block_frames);
    }
    return append_block(store, zlib_data, size, frames);
}

/* Writes the frames that wait in the block. */
static pp_status write_block(ppi_store *store) {
    int64_t frames = store->block_frames;
    if (frames == 0) {
        return PP_OK;
    }
    store->block_frames = 0;
    store->frames -= frames;
    ppi_buf_clear(&store->packed);
    PPI_TRY(ppi_store_block_pack(&store->packed, store->block, frames,
                                 ppi_store_frame_bytes(&store->meta)));
    return append_block(store, store->packed.data, store->packed.len, frames);
}

pp_status ppi_store_observations(ppi_store *store, const uint8_t *obs, int64_t count) {
    size_t bytes = ppi_store_frame_bytes(&store->meta);
    if (!ppi_store_has_frames(&store->meta)) {
        PPI_TRY(ppi_h5_data_append(store->observations, observation_type(store), obs, count));
        store->frames += count;
        return PP_OK;
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(store->block + (size_t)store->block_frames * bytes, obs + (size_t)i * bytes, bytes);
        store->block_frames++;
        store->frames++;
        if (store->block_frames == PPI_STORE_FRAME_ROWS) {
            PPI_TRY(write_block(store));
        }
    }
    return PP_OK;
}

pp_status ppi_store_ends(ppi_store *store, const int64_t *rows, const uint8_t *obs,
                         int64_t count) {
    if (store->ends < 0 || count > store->ends - store->ends_written) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: end %lld of history %lld, which has %lld",
                        store->final_path, (long long)(store->ends_written + count),
                        (long long)store->episodes, (long long)store->ends);
    }
    PPI_TRY(ppi_h5_data_append(store->end_row, PPI_H5_I64, rows, count));
    PPI_TRY(ppi_h5_data_append(store->final_observation, observation_type(store), obs, count));
    store->ends_written += count;
    return PP_OK;
}

/* ---- rows ---- */

/* Rows per conversion to columns. */
#define ROW_BATCH 512

pp_status ppi_store_rows(ppi_store *store, const ppi_step_row *rows, int64_t count) {
    int64_t actions[ROW_BATCH];
    double rewards[ROW_BATCH];
    int8_t terminations[ROW_BATCH];
    int8_t truncations[ROW_BATCH];
    while (count > 0) {
        int64_t n = count < ROW_BATCH ? count : ROW_BATCH;
        for (int64_t i = 0; i < n; i++) {
            actions[i] = rows[i].action;
            rewards[i] = rows[i].reward;
            terminations[i] = rows[i].terminated != 0;
            truncations[i] = rows[i].truncated != 0;
        }
        PPI_TRY(ppi_h5_data_append(store->actions, PPI_H5_I64, actions, n));
        PPI_TRY(ppi_h5_data_append(store->rewards, PPI_H5_F64, rewards, n));
        PPI_TRY(ppi_h5_data_append(store->terminations, PPI_H5_BOOL, terminations, n));
        PPI_TRY(ppi_h5_data_append(store->truncations, PPI_H5_BOOL, truncations, n));
        store->rows += n;
        rows += n;
        count -= n;
    }
    return PP_OK;
}

pp_status ppi_store_episode_end(ppi_store *store) {
    char group[64];
    PPI_TRY(write_block(store));
    if (store->rows != store->steps || store->frames != store->steps + 1) {
        return ppi_fail(PP_ERR_SHAPE,
                        "%s: episode %lld got %lld rows and %lld frames, expected %lld and %lld",
                        store->final_path, (long long)store->episodes, (long long)store->rows,
                        (long long)store->frames, (long long)store->steps,
                        (long long)store->steps + 1);
    }
    if (store->ends >= 0 && store->ends_written != store->ends) {
        return ppi_fail(PP_ERR_SHAPE, "%s: history %lld got %lld ends, expected %lld",
                        store->final_path, (long long)store->episodes,
                        (long long)store->ends_written, (long long)store->ends);
    }
    snprintf(group, sizeof group, "episode_%lld", (long long)store->episodes);
    close_columns(store);
    PPI_TRY(ppi_h5_attr_write_i64(store->file, group, "total_steps", store->steps));
    store->open = false;
    store->episodes++;
    store->total_steps += store->steps;
    return PP_OK;
}

pp_status ppi_store_episode(ppi_store *store, uint64_t seed, const uint8_t *obs,
                            const ppi_step_row *rows, int64_t steps) {
    PPI_TRY(ppi_store_episode_begin(store, seed, steps));
    PPI_TRY(ppi_store_observations(store, obs, steps + 1));
    PPI_TRY(ppi_store_rows(store, rows, steps));
    return ppi_store_episode_end(store);
}
