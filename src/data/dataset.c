/* Opening and closing datasets; see dataset.h. */
#include "data/dataset.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/dataset_internal.h"
#include "data/h5file.h"
#include "data/journal.h"
#include "data/meta.h"

static void fill_info(ppi_dataset *d) {
    const ppi_store_meta *meta = &d->meta;
    pp_dataset_info *info = &d->info;
    snprintf(info->id, sizeof info->id, "%s", meta->id);
    snprintf(info->env, sizeof info->env, "%s", meta->env);
    info->height = meta->height;
    info->width = meta->width;
    info->channels = meta->channels;
    info->actions = meta->actions;
    info->min_actions = meta->min_actions;
    memcpy(info->action_list, meta->action_list, sizeof info->action_list);
    d->frame_bytes = (int64_t)ppi_store_frame_bytes(meta);
    if (meta->obs_type == PP_OBS_FLOAT) {
        info->height = info->width = info->channels = 0; /* no frames */
    }
}

/* JPEG does not give back the frames that were recorded. */
static void warn_of_loss(const ppi_dataset *d) {
    for (int32_t i = 0; i < d->spaces.count; i++) {
        if (d->spaces.leaves[i].jpeg) {
            ppi_log(PPI_LOG_WARN, "%s: %s is stored as JPEG, which is lossy: pixels differ from "
                    "those that were recorded", d->folder, d->spaces.leaves[i].path);
        }
    }
}

static pp_status open_folder(ppi_dataset *d) {
    char meta_path[PPI_PATH_SIZE];
    ppi_meta_counts counts;
    int64_t recovered = 0;
    PPI_TRY(ppi_journal_recover(d->folder, &recovered));
    if (recovered > 0) {
        ppi_log(PPI_LOG_WARN, "%s: an interrupted collection left %lld episodes or histories, now "
                "in the data file; collect --resume continues it", d->folder, (long long)recovered);
    }
    PPI_TRY(ppi_path_join(meta_path, sizeof meta_path, d->folder, "data", PPI_STORE_META_FILE));
    PPI_TRY(ppi_path_join(d->data_path, sizeof d->data_path, d->folder, "data",
                          PPI_STORE_DATA_FILE));
    if (!ppi_file_exists(meta_path)) {
        return ppi_fail(PP_ERR_NOT_FOUND, "%s: a collection has begun but no episode is finished "
                        "yet (zero episodes)", d->folder);
    }
    PPI_TRY(ppi_meta_load_spaces(&d->meta, &counts, &d->spaces, meta_path));
    d->told_groups = counts.episodes;
    d->told_steps = counts.steps;
    d->own = counts.own;
    fill_info(d);
    PPI_TRY(ppi_file_size(d->data_path, &d->file_bytes));
    if (d->file_bytes == 0) {
        return ppi_fail(PP_ERR_NOT_FOUND, "%s: the dataset has zero episodes (empty data file)",
                        d->folder);
    }
    PPI_TRY(ppi_h5_open(&d->file, d->data_path));
    PPI_TRY(ppi_dataset_load_groups(d, counts.episodes));
    warn_of_loss(d);
    return PP_OK;
}

pp_status ppi_dataset_open_bounded(ppi_dataset **out, const char *name, int64_t column_bytes) {
    *out = NULL;
    ppi_dataset *d = ppi_calloc(1, sizeof *d);
    if (!d) {
        return ppi_oom("a dataset");
    }
    d->column_limit = column_bytes;
    pthread_mutex_init(&d->mutex, NULL);
    pp_status status = ppi_dataset_resolve(d->folder, sizeof d->folder, name);
    if (status == PP_OK) {
        status = open_folder(d);
    }
    if (status != PP_OK) {
        ppi_dataset_close(d);
        return status;
    }
    *out = d;
    return PP_OK;
}

pp_status ppi_dataset_open(ppi_dataset **out, const char *name) {
    return ppi_dataset_open_bounded(out, name, 0);
}

pp_status pp_dataset_open(pp_dataset **out, const char *name) {
    if (!out || !name) {
        return ppi_fail(PP_ERR_ARGUMENT, "pp_dataset_open: NULL argument");
    }
    return ppi_dataset_open_bounded(out, name, 0);
}

void ppi_dataset_close(ppi_dataset *d) {
    if (!d) {
        return;
    }
    for (int i = 0; i < PPI_DATASET_HANDLES; i++) {
        ppi_h5_data_close(d->handles[i].data);
    }
    ppi_h5_vlen_close(d->vlen);
    (void)ppi_h5_close(d->file);
    ppi_spaces_free(&d->spaces);
    ppi_buf_free(&d->scratch);
    ppi_free(d->actions);
    ppi_free(d->rewards);
    ppi_free(d->flags);
    ppi_free(d->episodes);
    ppi_free(d->groups);
    for (int64_t i = 0; i < d->text_count; i++) {
        ppi_free(d->texts[i]);
    }
    ppi_free(d->texts);
    pthread_mutex_destroy(&d->mutex);
    ppi_free(d);
}

void pp_dataset_close(pp_dataset *dataset) {
    ppi_dataset_close(dataset);
}
