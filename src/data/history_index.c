/* The index of a journal of learning histories: which records make up which history. It is kept
 * while records are written and made again from the file when a journal is opened. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/history_internal.h"

/* What a BEGIN record holds before its texts. */
typedef struct history_head {
    int64_t task;
    int64_t actors;
    uint64_t seed;
} history_head;

/* ---- entries ---- */

history_entry *ppi_history_find(const ppi_history *h, int64_t index) {
    if (index < 0 || index >= (int64_t)HISTORY_PAGE * HISTORY_PAGES) {
        return NULL;
    }
    history_entry **page = h->pages[index / HISTORY_PAGE];
    return page ? page[index % HISTORY_PAGE] : NULL;
}

void ppi_history_live_free(history_live *live) {
    if (!live) {
        return;
    }
    ppi_free(live->obs);
    ppi_free(live->rows);
    ppi_buf_free(&live->end_rows);
    ppi_buf_free(&live->end_obs);
    ppi_buf_free(&live->packed);
    ppi_free(live);
}

/* Empties an entry for a history that begins again. */
static void entry_clear(history_entry *e) {
    ppi_free((char *)(uintptr_t)e->info.learner);
    ppi_free((char *)(uintptr_t)e->info.options);
    e->info = (ppi_history_info){0};
    e->ended = false;
    e->rows = e->frames = e->ends = 0;
    e->blocks.count = e->row_parts.count = e->end_parts.count = 0;
    e->partial.count = 0;
}

void ppi_history_forget(ppi_history *h) {
    for (int64_t i = 0; i < h->count; i++) {
        history_entry *e = ppi_history_find(h, i);
        if (e) {
            entry_clear(e);
            ppi_history_live_free(e->live);
            ppi_free(e->blocks.items);
            ppi_free(e->row_parts.items);
            ppi_free(e->end_parts.items);
            pthread_mutex_destroy(&e->mutex);
            ppi_free(e);
        }
    }
    for (int i = 0; i < HISTORY_PAGES; i++) {
        ppi_free(h->pages[i]);
        h->pages[i] = NULL;
    }
    h->count = 0;
}

static history_entry *entry_make(ppi_history *h, int64_t index) {
    history_entry *e = ppi_history_find(h, index);
    if (e) {
        return e;
    }
    history_entry ***page = &h->pages[index / HISTORY_PAGE];
    if (!*page) {
        *page = ppi_calloc(HISTORY_PAGE, sizeof **page);
    }
    e = *page ? ppi_calloc(1, sizeof *e) : NULL;
    if (e) {
        pthread_mutex_init(&e->mutex, NULL);
        (*page)[index % HISTORY_PAGE] = e;
        h->count = index >= h->count ? index + 1 : h->count;
    }
    return e;
}

int64_t ppi_history_whole_steps(const history_entry *e) {
    int64_t frames = e->frames + e->partial.count;
    return frames - 1 < e->rows ? frames - 1 : e->rows;
}

/* ---- records ---- */

static pp_status damaged(const ppi_history *h, const ppi_record *head, const char *what) {
    return ppi_fail(PP_ERR_CORRUPT,
                    "%s: a record of kind %u of history %u with %u rows in %u bytes "
                    "%s",
                    h->file.path, head->kind, head->stream, head->count, head->size, what);
}

static pp_status note_begin(ppi_history *h, const ppi_record *head, const char *payload) {
    history_head facts;
    if (head->size < sizeof facts + 2) {
        return damaged(h, head, "is too short");
    }
    memcpy(&facts, payload, sizeof facts);
    const char *learner = payload + sizeof facts;
    const char *end = payload + head->size;
    const char *zero = memchr(learner, 0, (size_t)(end - learner));
    if (!zero || zero + 1 == end || end[-1] != 0) {
        return damaged(h, head, "lacks its texts");
    }
    history_entry *e = entry_make(h, head->stream);
    if (!e) {
        return ppi_oom("the index of a journal");
    }
    entry_clear(e);
    e->info = (ppi_history_info){.index = head->stream,
                                 .task = facts.task,
                                 .seed = facts.seed,
                                 .learner = ppi_strdup(learner),
                                 .actors = facts.actors,
                                 .options = ppi_strdup(zero + 1)};
    return e->info.learner && e->info.options ? PP_OK : ppi_oom("the index of a journal");
}

static pp_status add_part(part_list *list, const ppi_record *head, int64_t offset, int64_t first) {
    if (list->count == list->capacity) {
        int64_t capacity = list->capacity ? list->capacity * 2 : 4;
        history_part *grown = ppi_realloc(list->items, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the index of a journal");
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] =
        (history_part){.offset = offset, .first = first, .size = head->size, .count = head->count};
    return PP_OK;
}

static pp_status note_block(ppi_history *h, history_entry *e, const ppi_record *head,
                            int64_t offset) {
    bool fits = h->has_frames ? head->count == PPI_STORE_FRAME_ROWS
                              : (uint64_t)head->count * h->obs_bytes == head->size;
    if (!fits || head->count == 0) {
        return damaged(h, head, "does not hold the observations it should");
    }
    PPI_TRY(add_part(&e->blocks, head, offset, e->frames));
    e->frames += head->count;
    e->partial.count = 0;
    return PP_OK;
}

static pp_status note_partial(ppi_history *h, history_entry *e, const ppi_record *head,
                              int64_t offset) {
    if (!h->has_frames || head->count >= PPI_STORE_FRAME_ROWS ||
        (uint64_t)head->count * h->obs_bytes != head->size) {
        return damaged(h, head, "does not hold the frames it should");
    }
    e->partial = (history_part){
        .offset = offset, .first = e->frames, .size = head->size, .count = head->count};
    return PP_OK;
}

static pp_status note_rows(ppi_history *h, history_entry *e, const ppi_record *head,
                           int64_t offset) {
    if ((uint64_t)head->count * sizeof(ppi_step_row) != head->size) {
        return damaged(h, head, "does not hold the rows it should");
    }
    PPI_TRY(add_part(&e->row_parts, head, offset, e->rows));
    e->rows += head->count;
    return PP_OK;
}

static pp_status note_ends(ppi_history *h, history_entry *e, const ppi_record *head,
                           int64_t offset) {
    if ((uint64_t)head->count * (sizeof(int64_t) + h->obs_bytes) != head->size) {
        return damaged(h, head, "does not hold the ends it should");
    }
    PPI_TRY(add_part(&e->end_parts, head, offset, e->ends));
    e->ends += head->count;
    return PP_OK;
}

/* Drops what lies behind row `keep`, and shortens the part that contains it. */
static void cut_list(part_list *list, int64_t keep) {
    while (list->count > 0 && list->items[list->count - 1].first >= keep) {
        list->count--;
    }
    history_part *last = list->count > 0 ? &list->items[list->count - 1] : NULL;
    if (last && last->first + last->count > keep) {
        last->count = (uint32_t)(keep - last->first);
    }
}

static pp_status note_cut(ppi_history *h, history_entry *e, const ppi_record *head) {
    int64_t steps = (int64_t)head->value;
    if (steps < 0 || steps > ppi_history_whole_steps(e)) {
        return damaged(h, head, "cuts behind the end");
    }
    int64_t frames =
        h->has_frames ? (steps + 1) / PPI_STORE_FRAME_ROWS * PPI_STORE_FRAME_ROWS : steps + 1;
    cut_list(&e->row_parts, steps);
    cut_list(&e->blocks, frames);
    e->rows = steps;
    e->frames = frames;
    e->partial.count = 0;
    while (e->end_parts.count > 0) {
        history_part *last = &e->end_parts.items[e->end_parts.count - 1];
        PPI_TRY(ppi_history_ends_before(h, last, steps, &last->count));
        e->ends = last->first + last->count;
        if (last->count > 0) {
            break;
        }
        e->end_parts.count--;
    }
    return PP_OK;
}

pp_status ppi_history_note(void *history, const ppi_record *head, const char *payload,
                           int64_t offset) {
    ppi_history *h = history;
    if (head->stream >= (uint32_t)HISTORY_PAGE * HISTORY_PAGES) {
        return damaged(h, head, "has too large an index");
    }
    if (head->kind == PPI_HISTORY_BEGIN) {
        return note_begin(h, head, payload);
    }
    history_entry *e = ppi_history_find(h, head->stream);
    if (!e || e->ended) {
        return damaged(h, head, "belongs to a history that is not open");
    }
    switch (head->kind) {
    case PPI_HISTORY_BLOCK:
        return note_block(h, e, head, offset);
    case PPI_HISTORY_PARTIAL:
        return note_partial(h, e, head, offset);
    case PPI_HISTORY_ROWS:
        return note_rows(h, e, head, offset);
    case PPI_HISTORY_ENDS:
        return note_ends(h, e, head, offset);
    case PPI_HISTORY_CUT:
        return note_cut(h, e, head);
    case PPI_HISTORY_END:
        e->ended = true;
        return PP_OK;
    default:
        return damaged(h, head, "is of no known kind");
    }
}
