/* Writing learning histories; see history.h. Steps of a history wait in buffers of its own until
 * they fill a record, so that writers of different histories meet only where records are appended.
 *
 * Within a history the records of a group of steps are ENDS, BLOCK or PARTIAL, ROWS in this order:
 * wherever the file ends, a row that is there has its observations and its end. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/history_internal.h"
#include "data/journal.h"
#include "data/meta.h"

#define VECTOR_ROWS   256 /* rows of a record where observations are small */
#define CLOCK_STEPS   8   /* steps of a history between looks at the clock */
#define SYNC_MILLIS   ((int64_t)(PPI_RECORDS_SYNC_SECONDS * 1000))
#define MAX_OBS_BYTES ((size_t)PPI_RECORDS_MAX_PAYLOAD / 512)

/* ---- opening and closing ---- */

static int64_t clock_millis(void) {
    return (int64_t)(ppi_clock_seconds() * 1000);
}

static void history_free(ppi_history *h) {
    ppi_history_forget(h);
    pthread_mutex_destroy(&h->mutex);
    pthread_mutex_destroy(&h->sync_mutex);
    ppi_free(h);
}

/* Everything but the file. */
static pp_status history_new(ppi_history **out, const char *folder) {
    ppi_history *h = ppi_calloc(1, sizeof *h);
    *out = h;
    if (!h) {
        return ppi_oom("a writer of histories");
    }
    pthread_mutex_init(&h->mutex, NULL);
    pthread_mutex_init(&h->sync_mutex, NULL);
    h->file.fd = -1;
    atomic_store(&h->last_sync, clock_millis());
    return ppi_path_join(h->folder, sizeof h->folder, folder);
}

static pp_status set_meta(ppi_history *h, const ppi_store_meta *meta) {
    h->meta = *meta;
    h->meta.histories = 1;
    h->obs_bytes = ppi_store_frame_bytes(meta);
    h->has_frames = ppi_store_has_frames(meta);
    h->obs_room = h->has_frames ? PPI_STORE_FRAME_ROWS : VECTOR_ROWS + 1;
    h->row_room = h->has_frames ? PPI_STORE_FRAME_ROWS : VECTOR_ROWS;
    if (h->obs_bytes < 1 || h->obs_bytes > MAX_OBS_BYTES) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: an observation of %zu bytes, expected 1 to %zu",
                        h->folder, h->obs_bytes, MAX_OBS_BYTES);
    }
    return PP_OK;
}

static pp_status create_file(ppi_history *h) {
    char path[PPI_PATH_SIZE];
    ppi_buf header = {0};
    PPI_TRY(ppi_path_join(path, sizeof path, h->folder, "data"));
    PPI_TRY(ppi_dir_make(path));
    PPI_TRY(ppi_journal_path(path, sizeof path, h->folder));
    pp_status status = ppi_meta_header(&header, &h->meta);
    if (status == PP_OK) {
        status = ppi_records_create(&h->file, path, header.data);
    }
    ppi_buf_free(&header);
    return status;
}

pp_status ppi_history_create(ppi_history **out, const char *folder, const ppi_store_meta *meta) {
    ppi_history *h = NULL;
    *out = NULL;
    pp_status status = history_new(&h, folder);
    if (status == PP_OK) {
        status = set_meta(h, meta);
    }
    if (status == PP_OK) {
        status = create_file(h);
    }
    if (status != PP_OK) {
        if (h) {
            history_free(h);
        }
        return status;
    }
    *out = h;
    return PP_OK;
}

/* Opens the file and takes its header as the meta. */
static pp_status open_file(ppi_history *h, bool read_only) {
    char path[PPI_PATH_SIZE];
    ppi_store_meta meta;
    ppi_meta_counts counts;
    PPI_TRY(ppi_journal_path(path, sizeof path, h->folder));
    PPI_TRY(ppi_records_open(&h->file, path, read_only));
    const char *header = h->file.header;
    PPI_TRY(ppi_meta_parse(&meta, &counts, header, strlen(header), path));
    if (!meta.histories) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: the interrupted collection there wrote no learning "
                        "histories",
                        h->folder);
    }
    return set_meta(h, &meta);
}

static pp_status history_open(ppi_history **out, const char *folder, const ppi_store_meta *meta) {
    ppi_history *h = NULL;
    *out = NULL;
    pp_status status = history_new(&h, folder);
    if (status == PP_OK) {
        status = open_file(h, meta == NULL);
    }
    if (status == PP_OK && meta) {
        ppi_store_meta asked = *meta;
        asked.histories = 1;
        status = ppi_meta_same_rules(&h->meta, &asked, h->folder);
    }
    if (status == PP_OK) {
        status = ppi_records_scan(&h->file, -1, ppi_history_note, h);
    }
    if (status != PP_OK) {
        if (h) {
            ppi_records_free(&h->file);
            history_free(h);
        }
        return status;
    }
    *out = h;
    return PP_OK;
}

pp_status ppi_history_open(ppi_history **out, const char *folder, const ppi_store_meta *meta) {
    return history_open(out, folder, meta);
}

const ppi_store_meta *ppi_history_meta(const ppi_history *h) {
    return &h->meta;
}

/* ---- entries ---- */

/* The history, which must be open for steps. */
static pp_status find_live(ppi_history *h, int64_t index, history_entry **out) {
    history_entry *e = ppi_history_find(h, index);
    *out = e;
    if (atomic_load(&h->failed) != PP_OK) {
        return ppi_fail((pp_status)atomic_load(&h->failed), "%s", h->failure);
    }
    if (e && e->live) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT, "%s: history %lld %s", h->folder, (long long)index,
                    !e         ? "was not begun"
                    : e->ended ? "is complete"
                               : "was interrupted: cut it to a step or begin it again");
}

bool ppi_history_done(const ppi_history *h, int64_t index) {
    const history_entry *e = ppi_history_find(h, index);
    return e && e->ended;
}

int64_t ppi_history_steps(const ppi_history *h, int64_t index) {
    const history_entry *e = ppi_history_find(h, index);
    return !e ? -1 : e->live ? e->live->steps : ppi_history_whole_steps(e);
}

static history_live *live_new(const ppi_history *h) {
    history_live *live = ppi_calloc(1, sizeof *live);
    if (live) {
        live->obs = ppi_malloc((size_t)h->obs_room * h->obs_bytes);
        live->rows = ppi_malloc((size_t)h->row_room * sizeof *live->rows);
        if (live->obs && live->rows) {
            return live;
        }
        ppi_history_live_free(live);
    }
    (void)ppi_oom("the buffers of a history");
    return NULL;
}

/* ---- records; under h->mutex ---- */

/* Appends a record and takes it into the index. After a failure the index says more than the file
 * holds, so nothing is taken any more. */
static pp_status append(ppi_history *h, const history_entry *e, ppi_record head,
                        const void *payload) {
    int64_t offset = 0;
    pp_status status = (pp_status)atomic_load(&h->failed);
    if (status != PP_OK) {
        return ppi_fail(status, "%s", h->failure);
    }
    if (e) {
        head.stream = (uint32_t)e->info.index;
    }
    status = ppi_records_append(&h->file, head, payload, &offset);
    if (status == PP_OK) {
        status = ppi_history_note(h, &head, payload, offset);
    }
    if (status != PP_OK) {
        snprintf(h->failure, sizeof h->failure, "%s", pp_last_error());
        atomic_store(&h->failed, (int)status);
    }
    return status;
}

static pp_status append_ends(ppi_history *h, history_entry *e, history_live *live) {
    ppi_buf *rows = &live->end_rows;
    if (live->end_count == 0) {
        return PP_OK;
    }
    PPI_TRY(ppi_buf_append(rows, live->end_obs.data, live->end_obs.len));
    const ppi_record head = {
        .kind = PPI_HISTORY_ENDS, .size = (uint32_t)rows->len, .count = (uint32_t)live->end_count};
    PPI_TRY(append(h, e, head, rows->data));
    ppi_buf_clear(rows);
    ppi_buf_clear(&live->end_obs);
    live->end_count = 0;
    return PP_OK;
}

/* The observations that are full or, with `all`, every one. */
static pp_status append_observations(ppi_history *h, history_entry *e, history_live *live,
                                     bool all) {
    ppi_record head = {.kind = PPI_HISTORY_BLOCK, .count = (uint32_t)live->obs_count};
    const void *payload = live->obs;
    head.size = (uint32_t)((size_t)live->obs_count * h->obs_bytes);
    if (h->has_frames && live->obs_count == PPI_STORE_FRAME_ROWS) {
        payload = live->packed.data; /* packed before the lock was taken */
        head.size = (uint32_t)live->packed.len;
    } else if (h->has_frames) {
        if (!all || live->obs_count == live->noted) {
            return PP_OK;
        }
        head.kind = PPI_HISTORY_PARTIAL;
        live->noted = live->obs_count;
        return append(h, e, head, payload);
    }
    if (live->obs_count > 0) {
        PPI_TRY(append(h, e, head, payload));
    }
    live->obs_count = live->noted = 0;
    return PP_OK;
}

static pp_status append_all(ppi_history *h, history_entry *e, history_live *live, bool all) {
    PPI_TRY(append_ends(h, e, live));
    PPI_TRY(append_observations(h, e, live, all));
    if (live->row_count > 0) {
        const ppi_record head = {.kind = PPI_HISTORY_ROWS,
                                 .size = (uint32_t)((size_t)live->row_count * sizeof *live->rows),
                                 .count = (uint32_t)live->row_count};
        PPI_TRY(append(h, e, head, live->rows));
        live->row_count = 0;
    }
    return PP_OK;
}

/* Makes records of what a history has buffered; called with its mutex held. */
static pp_status drain(ppi_history *h, history_entry *e, bool all) {
    history_live *live = e->live;
    if (h->has_frames && live->obs_count == PPI_STORE_FRAME_ROWS) {
        ppi_buf_clear(&live->packed);
        PPI_TRY(ppi_store_block_pack(&live->packed, live->obs, live->obs_count, h->obs_bytes));
    }
    pthread_mutex_lock(&h->mutex);
    pp_status status = append_all(h, e, live, all);
    pthread_mutex_unlock(&h->mutex);
    return status;
}

/* ---- syncing ---- */

/* The entry of an index while others may be begun. */
static history_entry *find_locked(ppi_history *h, int64_t index, int64_t *count) {
    pthread_mutex_lock(&h->mutex);
    history_entry *e = ppi_history_find(h, index);
    *count = h->count;
    pthread_mutex_unlock(&h->mutex);
    return e;
}

static pp_status drain_all(ppi_history *h) {
    int64_t count = 1;
    for (int64_t i = 0; i < count; i++) {
        history_entry *e = find_locked(h, i, &count);
        if (!e) {
            continue;
        }
        pthread_mutex_lock(&e->mutex);
        pp_status status = e->live ? drain(h, e, true) : PP_OK;
        pthread_mutex_unlock(&e->mutex);
        PPI_TRY(status);
    }
    return PP_OK;
}

/* Called with sync_mutex held. */
static pp_status sync_all(ppi_history *h, int64_t *cursor) {
    atomic_store(&h->last_sync, clock_millis());
    PPI_TRY(drain_all(h));
    pthread_mutex_lock(&h->mutex);
    pp_status status = (pp_status)atomic_load(&h->failed);
    status = status != PP_OK ? ppi_fail(status, "%s", h->failure) : ppi_records_flush(&h->file);
    if (status != PP_OK && atomic_load(&h->failed) == PP_OK) {
        snprintf(h->failure, sizeof h->failure, "%s", pp_last_error());
        atomic_store(&h->failed, (int)status);
    }
    *cursor = h->file.size;
    pthread_mutex_unlock(&h->mutex);
    /* Other threads go on meanwhile. */
    return status == PP_OK ? ppi_file_sync_fd(h->file.fd, h->file.path) : status;
}

pp_status ppi_history_sync(ppi_history *h, int64_t *cursor) {
    int64_t place = 0;
    pthread_mutex_lock(&h->sync_mutex);
    pp_status status = sync_all(h, &place);
    pthread_mutex_unlock(&h->sync_mutex);
    if (cursor) {
        *cursor = place;
    }
    return status;
}

static pp_status sync_if_due(ppi_history *h) {
    int64_t place = 0;
    if (clock_millis() - atomic_load(&h->last_sync) < SYNC_MILLIS ||
        pthread_mutex_trylock(&h->sync_mutex) != 0) {
        return PP_OK;
    }
    pp_status status = sync_all(h, &place);
    pthread_mutex_unlock(&h->sync_mutex);
    return status;
}

/* ---- histories ---- */

static pp_status append_begin(ppi_history *h, const ppi_history_info *info) {
    const struct {
        int64_t task, actors;
        uint64_t seed;
    } facts = {info->task, info->actors, info->seed};
    ppi_buf payload = {0};
    ppi_buf_append(&payload, &facts, sizeof facts);
    ppi_buf_append(&payload, info->learner, strlen(info->learner) + 1);
    pp_status status = ppi_buf_append(&payload, info->options, strlen(info->options) + 1);
    if (status == PP_OK) {
        const ppi_record head = {.kind = PPI_HISTORY_BEGIN,
                                 .size = (uint32_t)payload.len,
                                 .stream = (uint32_t)info->index};
        status = append(h, NULL, head, payload.data);
    }
    ppi_buf_free(&payload);
    return status;
}

static pp_status check_info(const ppi_history *h, const ppi_history_info *info) {
    if (info->index < 0 || info->index >= (int64_t)HISTORY_PAGE * HISTORY_PAGES) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: history %lld, expected 0 to %d", h->folder,
                        (long long)info->index, HISTORY_PAGE * HISTORY_PAGES - 1);
    }
    if (!info->learner || !info->options || strlen(info->options) > 60000) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: history %lld needs a learner and options of at most "
                        "60000 bytes",
                        h->folder, (long long)info->index);
    }
    return PP_OK;
}

/* Writes the beginning; what the history had buffered before is dropped. */
static pp_status begin_records(ppi_history *h, history_entry *e, const ppi_history_info *info) {
    if (e) {
        pthread_mutex_lock(&e->mutex);
        ppi_history_live_free(e->live);
        e->live = NULL;
        pthread_mutex_unlock(&e->mutex);
    }
    pthread_mutex_lock(&h->mutex);
    pp_status status = e && e->ended ? ppi_fail(PP_ERR_EXISTS, "%s: history %lld is complete",
                                                h->folder, (long long)info->index)
                                     : append_begin(h, info);
    pthread_mutex_unlock(&h->mutex);
    return status;
}

pp_status ppi_history_begin(ppi_history *h, const ppi_history_info *info, const uint8_t *obs) {
    PPI_TRY(check_info(h, info));
    history_live *live = live_new(h);
    if (!live) {
        return PP_ERR_NO_MEMORY;
    }
    memcpy(live->obs, obs, h->obs_bytes);
    live->obs_count = 1;
    int64_t count = 0;
    history_entry *e = find_locked(h, info->index, &count);
    pp_status status = begin_records(h, e, info);
    if (status == PP_OK) {
        e = find_locked(h, info->index, &count);
        pthread_mutex_lock(&e->mutex);
        e->live = live;
        pthread_mutex_unlock(&e->mutex);
        return PP_OK;
    }
    ppi_history_live_free(live);
    return status;
}

static pp_status take_end(ppi_history *h, history_live *live, const uint8_t *final_obs) {
    PPI_TRY(ppi_buf_append(&live->end_rows, &live->steps, sizeof live->steps));
    PPI_TRY(ppi_buf_append(&live->end_obs, final_obs, h->obs_bytes));
    live->end_count++;
    return PP_OK;
}

static pp_status take_step(ppi_history *h, history_entry *e, const ppi_step_row *row,
                           const uint8_t *next_obs, const uint8_t *final_obs) {
    history_live *live = e->live;
    if (live->obs_count == h->obs_room || live->row_count == h->row_room) {
        PPI_TRY(drain(h, e, false)); /* it failed before */
    }
    if (final_obs) {
        PPI_TRY(take_end(h, live, final_obs));
    }
    live->rows[live->row_count++] = (ppi_step_row){.reward = row->reward,
                                                   .action = row->action,
                                                   .terminated = row->terminated != 0,
                                                   .truncated = row->truncated != 0};
    memcpy(live->obs + (size_t)live->obs_count++ * h->obs_bytes, next_obs, h->obs_bytes);
    live->steps++;
    bool full = h->has_frames ? live->obs_count == h->obs_room : live->row_count == h->row_room;
    return full ? drain(h, e, false) : PP_OK;
}

pp_status ppi_history_step(ppi_history *h, int64_t index, const ppi_step_row *row,
                           const uint8_t *next_obs, const uint8_t *final_obs) {
    history_entry *e = NULL;
    PPI_TRY(find_live(h, index, &e));
    if ((row->terminated || row->truncated) != (final_obs != NULL)) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: history %lld step %lld %s", h->folder,
                        (long long)index, (long long)e->live->steps,
                        final_obs ? "has a last observation but no end"
                                  : "ends an episode without its last observation");
    }
    pthread_mutex_lock(&e->mutex);
    pp_status status = take_step(h, e, row, next_obs, final_obs);
    bool look = e->live->steps % CLOCK_STEPS == 0;
    pthread_mutex_unlock(&e->mutex);
    return status == PP_OK && look ? sync_if_due(h) : status;
}

pp_status ppi_history_end(ppi_history *h, int64_t index) {
    history_entry *e = NULL;
    PPI_TRY(find_live(h, index, &e));
    pthread_mutex_lock(&e->mutex);
    pp_status status = drain(h, e, true);
    if (status == PP_OK) {
        const ppi_record head = {.kind = PPI_HISTORY_END, .value = (uint64_t)e->live->steps};
        pthread_mutex_lock(&h->mutex);
        status = append(h, e, head, NULL);
        pthread_mutex_unlock(&h->mutex);
    }
    if (status == PP_OK) {
        ppi_history_live_free(e->live);
        e->live = NULL;
    }
    pthread_mutex_unlock(&e->mutex);
    return status;
}

/* ---- going back ---- */

/* Opens a history for steps behind those the index has; `live` holds its unfinished block. */
static void resume(history_entry *e, history_live *live) {
    live->steps = e->rows;
    ppi_history_live_free(e->live);
    e->live = live;
}

static pp_status cut_records(ppi_history *h, history_entry *e, history_live *live, int64_t steps) {
    ppi_record head = {.kind = PPI_HISTORY_CUT, .value = (uint64_t)steps};
    PPI_TRY(append(h, e, head, NULL));
    return append_observations(h, e, live, true);
}

/* Cuts an entry whose records are all written. */
static pp_status cut_entry(ppi_history *h, history_entry *e, int64_t steps) {
    int64_t whole = ppi_history_whole_steps(e);
    if (steps < 0 || steps > whole) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: the journal holds %lld steps of history %lld, %lld are "
                        "needed",
                        h->file.path, (long long)whole, (long long)e->info.index, (long long)steps);
    }
    history_live *live = live_new(h);
    if (!live) {
        return PP_ERR_NO_MEMORY;
    }
    int64_t first = (steps + 1) / PPI_STORE_FRAME_ROWS * PPI_STORE_FRAME_ROWS;
    pp_status status = PP_OK;
    if (h->has_frames) {
        live->obs_count = steps + 1 - first;
        status = ppi_history_frames(h, e, first, live->obs_count, live->obs);
    }
    if (status == PP_OK) {
        pthread_mutex_lock(&h->mutex);
        status = cut_records(h, e, live, steps);
        pthread_mutex_unlock(&h->mutex);
    }
    if (status != PP_OK) {
        ppi_history_live_free(live);
        return status;
    }
    resume(e, live);
    return PP_OK;
}

pp_status ppi_history_cut(ppi_history *h, int64_t index, int64_t steps) {
    history_entry *e = ppi_history_find(h, index);
    if (!e || e->ended) {
        return ppi_fail(e ? PP_ERR_ARGUMENT : PP_ERR_CORRUPT, "%s: history %lld %s", h->file.path,
                        (long long)index, e ? "is complete" : "was never begun");
    }
    PPI_TRY(ppi_history_sync(h, NULL));
    pthread_mutex_lock(&e->mutex);
    pp_status status = cut_entry(h, e, steps);
    pthread_mutex_unlock(&e->mutex);
    return status;
}

/* Opens an unfinished history again after the index was made anew. */
static pp_status reopen(ppi_history *h, history_entry *e) {
    if (e->rows + 1 != e->frames + e->partial.count) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: history %lld has %lld rows and %lld observations there", h->file.path,
                        (long long)e->info.index, (long long)e->rows,
                        (long long)(e->frames + e->partial.count));
    }
    history_live *live = live_new(h);
    if (!live) {
        return PP_ERR_NO_MEMORY;
    }
    live->obs_count = live->noted = e->partial.count;
    pp_status status = ppi_history_frames(h, e, e->frames, e->partial.count, live->obs);
    if (status != PP_OK) {
        ppi_history_live_free(live);
        return status;
    }
    resume(e, live);
    return PP_OK;
}

pp_status ppi_history_rewind(ppi_history *h, int64_t cursor) {
    ppi_buf_clear(&h->file.pending);
    ppi_history_forget(h);
    PPI_TRY(ppi_records_scan(&h->file, cursor, ppi_history_note, h));
    for (int64_t i = 0; i < h->count; i++) {
        history_entry *e = ppi_history_find(h, i);
        if (e && !e->ended) {
            PPI_TRY(reopen(h, e));
        }
    }
    return PP_OK;
}

/* ---- the end of a collection ---- */

pp_status ppi_history_close(ppi_history *h) {
    if (!h) {
        return PP_OK;
    }
    pp_status status = h->file.read_only ? PP_OK : ppi_history_sync(h, NULL);
    ppi_records_free(&h->file);
    history_free(h);
    return status;
}

/* Puts the histories behind `keep` groups of the dataset. */
static pp_status put_in_place(ppi_history *h, int64_t keep, int64_t *added) {
    ppi_store *store = NULL;
    PPI_TRY(ppi_store_create(&store, h->folder, &h->meta, keep));
    pp_status status = ppi_history_replay(h, store, added);
    if (status != PP_OK) {
        ppi_store_abort(store);
        return status;
    }
    return ppi_store_commit(store);
}

pp_status ppi_history_commit(ppi_history *h, int64_t keep) {
    char path[PPI_PATH_SIZE];
    char text[PPI_ERROR_TEXT_SIZE];
    int64_t added = 0;
    snprintf(path, sizeof path, "%s", h->file.path);
    pp_status status = ppi_history_sync(h, NULL);
    if (status == PP_OK) {
        status = put_in_place(h, keep, &added);
    }
    if (status != PP_OK) {
        /* The first text is the one that counts. */
        snprintf(text, sizeof text, "%s", pp_last_error());
        ppi_records_free(&h->file);
        history_free(h);
        return ppi_fail(status, "%s (the journal is kept, continue with --resume)", text);
    }
    ppi_records_free(&h->file);
    history_free(h);
    return ppi_file_remove(path);
}

pp_status ppi_history_recover(const char *folder, int64_t *recovered) {
    ppi_history *h = NULL;
    *recovered = 0;
    PPI_TRY(history_open(&h, folder, NULL));
    bool any = false;
    for (int64_t i = 0; i < h->count && !any; i++) {
        const history_entry *e = ppi_history_find(h, i);
        any = e && ppi_history_whole_steps(e) > 0;
    }
    pp_status status = any ? put_in_place(h, h->meta.collect_base, recovered) : PP_OK;
    pp_status closed = ppi_history_close(h);
    return status != PP_OK ? status : closed;
}
