/* The index of a journal of learning histories, and what its writer keeps in memory. */
#ifndef PPI_DATA_HISTORY_INTERNAL_H
#define PPI_DATA_HISTORY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/error.h"
#include "data/history.h"
#include "data/records.h"

/* Kinds of records; stream = index of the history, count = rows of the payload. */
enum {
    PPI_HISTORY_BEGIN = 16, /* history_head, learner, options (both with their zero byte) */
    PPI_HISTORY_BLOCK,      /* frames: PPI_STORE_FRAME_ROWS of them deflated; others: as they are */
    PPI_HISTORY_PARTIAL,    /* frames that do not fill a block yet, as they are */
    PPI_HISTORY_ROWS,       /* ppi_step_row [count] */
    PPI_HISTORY_ENDS,       /* row numbers i64 [count], last observations [count] */
    PPI_HISTORY_CUT,        /* only the first `value` steps count */
    PPI_HISTORY_END         /* the history is complete with `value` steps */
};

/* Where rows lie in the journal. */
typedef struct history_part {
    int64_t offset;
    int64_t first;  /* number of its first row */
    uint32_t size;  /* payload bytes */
    uint32_t count; /* rows that count: fewer than the payload has after a cut */
} history_part;

typedef struct part_list {
    history_part *items;
    int64_t count, capacity;
} part_list;

/* Steps that are not in the journal yet. */
typedef struct history_live {
    int64_t steps;     /* of the history, those in the journal included */
    uint8_t *obs;      /* [obs_room, obs bytes] */
    int64_t obs_count; /* rows of it that belong to no block record */
    int64_t noted;     /* of these, how many a PARTIAL record holds */
    ppi_step_row *rows;
    int64_t row_count;
    ppi_buf end_rows; /* i64 [end_count] */
    ppi_buf end_obs;
    int64_t end_count;
    ppi_buf packed;
} history_live;

typedef struct history_entry {
    ppi_history_info info; /* strings owned */
    bool ended;
    int64_t rows;   /* in the journal */
    int64_t frames; /* observations in blocks */
    int64_t ends;
    part_list blocks, row_parts, end_parts;
    history_part partial;  /* frames behind the blocks; count 0 = none */
    pthread_mutex_t mutex; /* over `live`, and over the rest while it is being written */
    history_live *live;    /* NULL unless steps may be added */
} history_entry;

#define HISTORY_PAGE  1024
#define HISTORY_PAGES 4096

struct ppi_history {
    ppi_records file;
    char folder[PPI_PATH_SIZE];
    ppi_store_meta meta; /* as the journal's header says */
    size_t obs_bytes;
    bool has_frames;
    int64_t obs_room; /* rows of history_live.obs */
    int64_t row_room;
    pthread_mutex_t mutex;      /* over the file, the index and the table of entries */
    pthread_mutex_t sync_mutex; /* one thread syncs at a time */
    _Atomic int64_t last_sync;  /* milliseconds */
    _Atomic int failed;         /* pp_status of the first failed write: nothing is taken after it */
    char failure[PPI_ERROR_TEXT_SIZE];
    int64_t count;                        /* 1 + largest index */
    history_entry **pages[HISTORY_PAGES]; /* entries by index, NULL = never begun */
};

/* history_index.c: */
/* The entry of an index, NULL when there is none. */
history_entry *ppi_history_find(const ppi_history *h, int64_t index);
/* Visitor of ppi_records_scan that fills the index; also called for each record that is written. */
pp_status ppi_history_note(void *history, const ppi_record *head, const char *payload,
                           int64_t offset);
/* Steps that are whole: row and following observation are there. -1 = not even the first
 * observation is. */
int64_t ppi_history_whole_steps(const history_entry *e);
/* Forgets all entries. */
void ppi_history_forget(ppi_history *h);
void ppi_history_live_free(history_live *live);

/* history_read.c: */
/* Copies `count` frames, 0 .. PPI_STORE_FRAME_ROWS, that begin with frame `first`, a multiple of
 * it, out of the journal, whose records must have been written. */
pp_status ppi_history_frames(ppi_history *h, const history_entry *e, int64_t first, int64_t count,
                             uint8_t *out);
/* How many entries of a part of ends belong to rows before `steps`. */
pp_status ppi_history_ends_before(const ppi_history *h, const history_part *part, int64_t steps,
                                  uint32_t *count);
/* Adds every history with a whole step to the store, by index; *added counts them. */
pp_status ppi_history_replay(ppi_history *h, ppi_store *store, int64_t *added);

#endif
