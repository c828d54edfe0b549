/* Writes learning histories: every step of a learner's streams, in one group each, safe against a
 * crash at any moment.
 *
 * Steps go to a journal (checksummed records, synced every few seconds). Closing turns the journal
 * into the dataset by temporary name, sync and rename. A checkpoint stores the position of the
 * journal; after a crash the journal is cut back to that position, so that what is replayed from
 * the checkpoint is written once. The tail of the journal also refills a learner's replay. */
#ifndef PPI_DATA_HISTORY_H
#define PPI_DATA_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "data/store.h"

typedef struct ppi_history ppi_history;

/* Facts of one history, attributes of its group. Strings are copied. */
typedef struct ppi_history_info {
    int64_t index;       /* number of the history in this collection; the order on disk */
    int64_t task;
    uint64_t seed;
    const char *learner; /* "a2c" */
    int64_t actors;      /* streams that were summed for the learner's step count */
    const char *options; /* the learner's options as a JSON object */
} ppi_history_info;

/* Starts a journal for the dataset in `folder`; meta says what the observations are. */
pp_status ppi_history_create(ppi_history **out, const char *folder, const ppi_store_meta *meta);
/* Continues the journal of an interrupted collection; meta must agree (PP_ERR_ARGUMENT names the
 * field that does not). Histories that were ended are complete; see ppi_history_done. */
pp_status ppi_history_open(ppi_history **out, const char *folder, const ppi_store_meta *meta);
/* Syncs and closes the journal, which stays; frees also on failure. NULL is allowed. */
pp_status ppi_history_close(ppi_history *h);

/* True when history `index` was ended before: it need not be played again. */
bool ppi_history_done(const ppi_history *h, int64_t index);

/* Begins a history with its first observation; earlier unfinished records of the index are void.
 * Different histories may be written from different threads at the same time. */
pp_status ppi_history_begin(ppi_history *h, const ppi_history_info *info, const uint8_t *obs);
/* One step: the outcome and the observation after it; where the episode ended next_obs is the first
 * of the next episode and final_obs the last of the ended one (else NULL). */
pp_status ppi_history_step(ppi_history *h, int64_t index, const ppi_step_row *row,
                           const uint8_t *next_obs, const uint8_t *final_obs);
pp_status ppi_history_end(ppi_history *h, int64_t index);

/* Writes out and syncs everything given so far; *cursor names the place for ppi_history_rewind. */
pp_status ppi_history_sync(ppi_history *h, int64_t *cursor);
/* Drops what was written after the place; histories begun before it go on. */
pp_status ppi_history_rewind(ppi_history *h, int64_t cursor);

/* One step of the past, arrays valid during the call. */
typedef struct ppi_history_step_view {
    ppi_step_row row;
    const uint8_t *obs;
    const uint8_t *next_obs;
    const uint8_t *final_obs; /* NULL unless the episode ended */
} ppi_history_step_view;
typedef pp_status (*ppi_history_visit)(void *ctx, const ppi_history_step_view *step);
/* Calls visit for the last `steps` steps of an unfinished history, oldest first. */
pp_status ppi_history_tail(ppi_history *h, int64_t index, int64_t steps, ppi_history_visit visit,
                           void *ctx);

/* Turns the journal into the dataset (histories behind the `keep` groups that are there already)
 * and removes it; the writer is freed. On failure the journal stays and the old files too. Unfinished
 * histories are ended where they stand. */
pp_status ppi_history_commit(ppi_history *h, int64_t keep);

#endif
