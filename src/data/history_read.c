/* Reading a journal of learning histories back: into a dataset, and the last steps of one. */
#include <stdio.h>
#include <string.h>

#include "base/gz.h"
#include "base/mem.h"
#include "data/history_internal.h"

/* Index of the part that holds row `row`, -1 = none. */
static int64_t find_part(const part_list *list, int64_t row) {
    int64_t low = 0;
    int64_t high = list->count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (list->items[middle].first + list->items[middle].count > row) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low < list->count && list->items[low].first <= row ? low : -1;
}

static pp_status missing(const ppi_history *h, const history_entry *e, const char *what,
                         int64_t row) {
    return ppi_fail(PP_ERR_CORRUPT, "%s: history %lld lacks %s %lld", h->file.path,
                    (long long)e->info.index, what, (long long)row);
}

/* Decodes one block of frames into out [PPI_STORE_FRAME_ROWS, obs bytes]. */
static pp_status read_block(ppi_history *h, const history_part *part, ppi_buf *scratch,
                            uint8_t *out) {
    size_t bytes = PPI_STORE_FRAME_ROWS * h->obs_bytes;
    size_t written = 0;
    PPI_TRY(ppi_records_read(&h->file, part->offset, part->size, scratch));
    PPI_TRY(ppi_inflate(out, bytes, &written, scratch->data, part->size));
    return written == bytes ? PP_OK
                            : ppi_fail(PP_ERR_CORRUPT,
                                       "%s: a block of frames has %zu bytes, "
                                       "expected %zu",
                                       h->file.path, written, bytes);
}

pp_status ppi_history_frames(ppi_history *h, const history_entry *e, int64_t first, int64_t count,
                             uint8_t *out) {
    ppi_buf scratch = {0};
    if (count == 0) {
        return PP_OK;
    }
    int64_t at = find_part(&e->blocks, first);
    if (at < 0 && (e->partial.first != first || e->partial.count < count)) {
        return missing(h, e, "frame", first);
    }
    uint8_t *block = at < 0 ? NULL : ppi_malloc(PPI_STORE_FRAME_ROWS * h->obs_bytes);
    pp_status status = PP_OK;
    if (at >= 0) {
        status = block ? read_block(h, &e->blocks.items[at], &scratch, block)
                       : ppi_oom("a block of frames");
    } else {
        status = ppi_records_read(&h->file, e->partial.offset, e->partial.size, &scratch);
    }
    if (status == PP_OK) {
        memcpy(out, block ? block : (const uint8_t *)scratch.data, (size_t)count * h->obs_bytes);
    }
    ppi_free(block);
    ppi_buf_free(&scratch);
    return status;
}

pp_status ppi_history_ends_before(const ppi_history *h, const history_part *part, int64_t steps,
                                  uint32_t *count) {
    ppi_buf rows = {0};
    uint32_t before = 0;
    pp_status status =
        ppi_records_read(&h->file, part->offset, part->count * sizeof(int64_t), &rows);
    for (; status == PP_OK && before < part->count; before++) {
        int64_t row;
        memcpy(&row, rows.data + before * sizeof row, sizeof row);
        if (row >= steps) {
            break;
        }
    }
    ppi_buf_free(&rows);
    *count = before;
    return status;
}

/* ---- into a dataset ---- */

/* Frames of full blocks go over as they are, the rest one by one. */
static pp_status replay_frames(ppi_history *h, const history_entry *e, int64_t steps,
                               ppi_store *store, ppi_buf *scratch) {
    int64_t full = (steps + 1) / PPI_STORE_FRAME_ROWS;
    int64_t rest = (steps + 1) % PPI_STORE_FRAME_ROWS;
    for (int64_t i = 0; i < full; i++) {
        const history_part *part = &e->blocks.items[i];
        PPI_TRY(ppi_records_read(&h->file, part->offset, part->size, scratch));
        PPI_TRY(ppi_store_block(store, scratch->data, part->size, PPI_STORE_FRAME_ROWS));
    }
    ppi_buf_clear(scratch);
    PPI_TRY(ppi_buf_reserve(scratch, PPI_STORE_FRAME_ROWS * h->obs_bytes));
    uint8_t *frames = (uint8_t *)scratch->data;
    PPI_TRY(ppi_history_frames(h, e, full * PPI_STORE_FRAME_ROWS, rest, frames));
    return ppi_store_observations(store, frames, rest);
}

static pp_status replay_vectors(ppi_history *h, const history_entry *e, int64_t steps,
                                ppi_store *store, ppi_buf *scratch) {
    for (int64_t i = 0; i < e->blocks.count; i++) {
        const history_part *part = &e->blocks.items[i];
        int64_t left = steps + 1 - part->first;
        int64_t count = left < part->count ? left : part->count;
        if (count > 0) {
            PPI_TRY(
                ppi_records_read(&h->file, part->offset, (size_t)count * h->obs_bytes, scratch));
            PPI_TRY(ppi_store_observations(store, (const uint8_t *)scratch->data, count));
        }
    }
    return PP_OK;
}

static pp_status replay_rows(ppi_history *h, const history_entry *e, int64_t steps,
                             ppi_store *store, ppi_buf *scratch) {
    for (int64_t i = 0; i < e->row_parts.count; i++) {
        const history_part *part = &e->row_parts.items[i];
        int64_t left = steps - part->first;
        int64_t count = left < part->count ? left : part->count;
        if (count > 0) {
            PPI_TRY(ppi_records_read(&h->file, part->offset, (size_t)count * sizeof(ppi_step_row),
                                     scratch));
            PPI_TRY(
                ppi_store_rows(store, (const ppi_step_row *)(const void *)scratch->data, count));
        }
    }
    return PP_OK;
}

static pp_status replay_ends(ppi_history *h, const history_entry *e, int64_t ends, ppi_store *store,
                             ppi_buf *scratch) {
    for (int64_t i = 0; i < e->end_parts.count; i++) {
        const history_part *part = &e->end_parts.items[i];
        int64_t left = ends - part->first;
        int64_t count = left < part->count ? left : part->count;
        size_t all = part->size / (sizeof(int64_t) + h->obs_bytes); /* a cut may have left fewer */
        if (count > 0) {
            PPI_TRY(ppi_records_read(&h->file, part->offset, part->size, scratch));
            PPI_TRY(ppi_store_ends(store, (const int64_t *)(const void *)scratch->data,
                                   (const uint8_t *)scratch->data + all * sizeof(int64_t), count));
        }
    }
    return PP_OK;
}

/* Ends that belong to the first `steps` rows. */
static pp_status count_ends(ppi_history *h, const history_entry *e, int64_t steps, int64_t *ends) {
    *ends = 0;
    for (int64_t i = e->end_parts.count - 1; i >= 0 && *ends == 0; i--) {
        const history_part *part = &e->end_parts.items[i];
        uint32_t count = part->count;
        PPI_TRY(ppi_history_ends_before(h, part, steps, &count));
        *ends = count > 0 ? part->first + count : 0;
    }
    return PP_OK;
}

static pp_status replay_history(ppi_history *h, const history_entry *e, int64_t steps,
                                ppi_store *store, ppi_buf *scratch) {
    int64_t ends = 0;
    PPI_TRY(count_ends(h, e, steps, &ends));
    PPI_TRY(ppi_store_history_begin(store, &e->info, steps, ends));
    PPI_TRY(h->has_frames ? replay_frames(h, e, steps, store, scratch)
                          : replay_vectors(h, e, steps, store, scratch));
    PPI_TRY(replay_rows(h, e, steps, store, scratch));
    PPI_TRY(replay_ends(h, e, ends, store, scratch));
    return ppi_store_episode_end(store);
}

pp_status ppi_history_replay(ppi_history *h, ppi_store *store, int64_t *added) {
    ppi_buf scratch = {0};
    pp_status status = PP_OK;
    *added = 0;
    for (int64_t i = 0; i < h->count && status == PP_OK; i++) {
        const history_entry *e = ppi_history_find(h, i);
        int64_t steps = e ? ppi_history_whole_steps(e) : 0;
        if (steps > 0) {
            status = replay_history(h, e, steps, store, &scratch);
            ++*added;
        }
    }
    ppi_buf_free(&scratch);
    return status;
}

/* ---- the last steps ---- */

/* Reads the steps of one history in order; each kind of record has its own scratch. */
typedef struct reader {
    ppi_history *h;
    const history_entry *e;
    int64_t block, rows, ends; /* parts that are loaded, -1 = none */
    ppi_buf stored, row_bytes, end_bytes;
    uint8_t *frames; /* the loaded block */
    uint8_t *before; /* the observation of the step */
} reader;

/* Puts the record that holds row `row` of a list into `out`, unless it is there (*loaded). */
static pp_status load_part(const reader *r, const part_list *list, int64_t row, const char *what,
                           int64_t *loaded, ppi_buf *out) {
    int64_t at = find_part(list, row);
    if (at < 0) {
        return missing(r->h, r->e, what, row);
    }
    if (at == *loaded) {
        return PP_OK;
    }
    *loaded = at;
    return ppi_records_read(&r->h->file, list->items[at].offset, list->items[at].size, out);
}

/* *out = observation number `frame`, valid until the next call. */
static pp_status read_observation(reader *r, int64_t frame, const uint8_t **out) {
    if (r->h->has_frames && frame >= r->e->frames) {
        int64_t first = r->e->frames;
        if (r->block != INT64_MAX) {
            PPI_TRY(ppi_history_frames(r->h, r->e, first, r->e->partial.count, r->frames));
        }
        r->block = INT64_MAX; /* the frames behind all blocks */
        *out = r->frames + (size_t)(frame - first) * r->h->obs_bytes;
        return PP_OK;
    }
    if (!r->h->has_frames) {
        PPI_TRY(load_part(r, &r->e->blocks, frame, "observation", &r->block, &r->stored));
        *out = (const uint8_t *)r->stored.data +
               (size_t)(frame - r->e->blocks.items[r->block].first) * r->h->obs_bytes;
        return PP_OK;
    }
    int64_t at = find_part(&r->e->blocks, frame);
    if (at < 0) {
        return missing(r->h, r->e, "frame", frame);
    }
    const history_part *part = &r->e->blocks.items[at];
    if (at != r->block) {
        PPI_TRY(read_block(r->h, part, &r->stored, r->frames));
        r->block = at;
    }
    *out = r->frames + (size_t)(frame - part->first) * r->h->obs_bytes;
    return PP_OK;
}

static pp_status read_row(reader *r, int64_t row, ppi_step_row *out) {
    PPI_TRY(load_part(r, &r->e->row_parts, row, "row", &r->rows, &r->row_bytes));
    const history_part *part = &r->e->row_parts.items[r->rows];
    memcpy(out, r->row_bytes.data + (size_t)(row - part->first) * sizeof *out, sizeof *out);
    return PP_OK;
}

/* The last observation of the episode that ended with row `row`, end number `end`. */
static pp_status read_end(reader *r, int64_t end, int64_t row, const uint8_t **out) {
    int64_t stored;
    PPI_TRY(load_part(r, &r->e->end_parts, end, "end", &r->ends, &r->end_bytes));
    const history_part *part = &r->e->end_parts.items[r->ends];
    size_t all = part->size / (sizeof stored + r->h->obs_bytes);
    size_t at = (size_t)(end - part->first);
    memcpy(&stored, r->end_bytes.data + at * sizeof stored, sizeof stored);
    if (stored != row) {
        return missing(r->h, r->e, "the last observation of row", row);
    }
    *out = (const uint8_t *)r->end_bytes.data + all * sizeof stored + at * r->h->obs_bytes;
    return PP_OK;
}

static pp_status visit_steps(reader *r, int64_t first, ppi_history_visit visit, void *ctx) {
    int64_t end = 0;
    const uint8_t *obs = NULL;
    if (first > 0) {
        PPI_TRY(count_ends(r->h, r->e, first, &end));
    }
    for (int64_t t = first; t < r->e->rows; t++) {
        ppi_history_step_view view = {.obs = r->before};
        PPI_TRY(read_observation(r, t, &obs));
        memcpy(r->before, obs, r->h->obs_bytes);
        PPI_TRY(read_observation(r, t + 1, &view.next_obs));
        PPI_TRY(read_row(r, t, &view.row));
        if (view.row.terminated || view.row.truncated) {
            PPI_TRY(read_end(r, end++, t, &view.final_obs));
        }
        PPI_TRY(visit(ctx, &view));
    }
    return PP_OK;
}

pp_status ppi_history_tail(ppi_history *h, int64_t index, int64_t steps, ppi_history_visit visit,
                           void *ctx) {
    const history_entry *e = ppi_history_find(h, index);
    int64_t cursor = 0;
    if (!e || e->ended) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: history %lld is not open", h->file.path,
                        (long long)index);
    }
    PPI_TRY(ppi_history_sync(h, &cursor));
    reader r = {.h = h, .e = e, .block = -1, .rows = -1, .ends = -1};
    r.frames = ppi_malloc(PPI_STORE_FRAME_ROWS * h->obs_bytes);
    r.before = ppi_malloc(h->obs_bytes);
    pp_status status = r.frames && r.before ? PP_OK : ppi_oom("the last steps of a history");
    if (status == PP_OK) {
        status = visit_steps(&r, e->rows > steps ? e->rows - steps : 0, visit, ctx);
    }
    ppi_free(r.frames);
    ppi_free(r.before);
    ppi_buf_free(&r.stored);
    ppi_buf_free(&r.row_bytes);
    ppi_buf_free(&r.end_bytes);
    return status;
}
