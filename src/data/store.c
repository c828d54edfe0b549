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
    int64_t frames;
    ppi_h5_data *observations, *actions, *rewards, *terminations, *truncations;
    ppi_buf packed;
    uint8_t *block; /* u8 [PPI_STORE_FRAME_ROWS, frame_bytes] */
};

size_t ppi_store_frame_bytes(const ppi_store_meta *meta) {
    return (size_t)meta->height * (size_t)meta->width * (size_t)meta->channels;
}

pp_status ppi_store_block_pack(ppi_buf *out, uint8_t *obs, int64_t frames, size_t frame_bytes) {
    if (frames < PPI_STORE_FRAME_ROWS) {
        memset(obs + (size_t)frames * frame_bytes, 0,
               (size_t)(PPI_STORE_FRAME_ROWS - frames) * frame_bytes);
    }
    return ppi_deflate(out, obs, PPI_STORE_FRAME_ROWS * frame_bytes, DEFLATE_LEVEL);
}

int64_t ppi_store_episodes(const ppi_store *store) {
    return store->episodes;
}

static void close_columns(ppi_store *store) {
    ppi_h5_data **all[] = {&store->observations, &store->actions, &store->rewards,
                           &store->terminations, &store->truncations};
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

/* Copies the episodes to keep from the existing file. */
static pp_status copy_kept(ppi_store *store, int64_t keep) {
    ppi_h5 *from = NULL;
    PPI_TRY(ppi_h5_open(&from, store->final_path));
    pp_status status = PP_OK;
    for (int64_t k = 0; k < keep && status == PP_OK; k++) {
        char group[64];
        int64_t steps = 0;
        bool found = false;
        snprintf(group, sizeof group, "episode_%lld", (long long)k);
        status = ppi_h5_attr_read_i64(from, group, "total_steps", &steps, &found);
        if (status == PP_OK) {
            status = ppi_h5_group_copy(store->file, from, group);
        }
        store->total_steps += steps;
    }
    pp_status closed = ppi_h5_close(from);
    store->episodes = keep;
    return status != PP_OK ? status : closed;
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
        PPI_TRY(copy_kept(store, keep));
    }
    return PP_OK;
}

pp_status ppi_store_create(ppi_store **out, const char *folder, const ppi_store_meta *meta,
                           int64_t keep) {
    *out = NULL;
    if (meta->height < 1 || meta->width < 1 || meta->channels < 1 || meta->actions < 1) {
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

static pp_status create_column(ppi_store *store, ppi_h5_data **out, const char *group,
                               const char *name, ppi_h5_type type) {
    char path[128];
    const int64_t dims[1] = {0};
    int64_t chunk = store->steps < PPI_STORE_COLUMN_ROWS ? store->steps : PPI_STORE_COLUMN_ROWS;
    snprintf(path, sizeof path, "%s/%s", group, name);
    return ppi_h5_data_create(out, store->file, path, type, 1, dims, chunk, 0);
}

static pp_status create_columns(ppi_store *store, const char *group) {
    char path[128];
    const int64_t dims[4] = {0, store->meta.height, store->meta.width, store->meta.channels};
    snprintf(path, sizeof path, "%s/observations", group);
    PPI_TRY(ppi_h5_data_create(&store->observations, store->file, path, PPI_H5_U8, 4, dims,
                               PPI_STORE_FRAME_ROWS, DEFLATE_LEVEL));
    PPI_TRY(create_column(store, &store->actions, group, "actions", PPI_H5_I64));
    PPI_TRY(create_column(store, &store->rewards, group, "rewards", PPI_H5_F64));
    PPI_TRY(create_column(store, &store->terminations, group, "terminations", PPI_H5_BOOL));
    return create_column(store, &store->truncations, group, "truncations", PPI_H5_BOOL);
}

pp_status ppi_store_episode_begin(ppi_store *store, uint64_t seed, int64_t steps) {
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
    PPI_TRY(ppi_h5_group_create(store->file, group));
    PPI_TRY(ppi_h5_attr_write_i64(store->file, group, "id", store->episodes));
    PPI_TRY(ppi_h5_attr_write_u64(store->file, group, "seed", seed));
    return create_columns(store, group);
}

pp_status ppi_store_block(ppi_store *store, const void *zlib_data, size_t size, int64_t frames) {
    PPI_TRY(ppi_h5_data_append_chunk(store->observations, zlib_data, size, frames));
    store->frames += frames;
    return PP_OK;
}

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
    if (store->rows != store->steps || store->frames != store->steps + 1) {
        return ppi_fail(PP_ERR_SHAPE,
                        "%s: episode %lld got %lld rows and %lld frames, expected %lld and %lld",
                        store->final_path, (long long)store->episodes, (long long)store->rows,
                        (long long)store->frames, (long long)store->steps,
                        (long long)store->steps + 1);
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
    size_t frame_bytes = ppi_store_frame_bytes(&store->meta);
    PPI_TRY(ppi_store_episode_begin(store, seed, steps));
    for (int64_t first = 0; first <= steps; first += PPI_STORE_FRAME_ROWS) {
        int64_t frames = steps + 1 - first;
        if (frames > PPI_STORE_FRAME_ROWS) {
            frames = PPI_STORE_FRAME_ROWS;
        }
        memcpy(store->block, obs + (size_t)first * frame_bytes, (size_t)frames * frame_bytes);
        ppi_buf_clear(&store->packed);
        PPI_TRY(ppi_store_block_pack(&store->packed, store->block, frames, frame_bytes));
        PPI_TRY(ppi_store_block(store, store->packed.data, store->packed.len, frames));
    }
    PPI_TRY(ppi_store_rows(store, rows, steps));
    return ppi_store_episode_end(store);
}
