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

/* Starts a journal for the dataset in `folder`; meta says what the observations are. */
pp_status ppi_history_create(ppi_history **out, const char *folder, const ppi_store_meta *meta);
/* Continues the journal of an interrupted collection; meta must agree (PP_ERR_ARGUMENT names the
 * field that does not). Histories that were ended are complete; see ppi_history_done. */
pp_status ppi_history_open(ppi_history **out, const char *folder, const ppi_store_meta *meta);
/* What the journal's header says: seeds and collect_base of the interrupted collection. Owned by
 * the writer; ppi_history_commit writes it as the dataset's metadata. */
const ppi_store_meta *ppi_history_meta(const ppi_history *h);
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
/* Drops what was written after the place; histories begun before it go on. No other thread may use
 * the writer meanwhile. PP_ERR_ARGUMENT when the place is not one that ppi_history_sync gave. */
pp_status ppi_history_rewind(ppi_history *h, int64_t cursor);
/* Cuts one unfinished history back to its first `steps` steps and goes on behind them; the records
 * of other histories stay, finished ones and running ones. So each learner of a collection resumes
 * from a checkpoint of its own. PP_ERR_CORRUPT when the journal holds fewer steps of it. */
pp_status ppi_history_cut(ppi_history *h, int64_t index, int64_t steps);
/* Steps of history `index` in the journal, -1 when it was never begun. */
int64_t ppi_history_steps(const ppi_history *h, int64_t index);

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

/* When a collection of histories in `folder` was interrupted, puts them into the data file as they
 * stand, behind the collect_base groups that were there. The journal stays. *recovered = histories.
 * PP_ERR_EXISTS: a collector has the journal. Called by ppi_journal_recover. */
pp_status ppi_history_recover(const char *folder, int64_t *recovered);

/* Turns the journal into the dataset (histories behind the `keep` groups that are there already)
 * and removes it; the writer is freed. On failure the journal stays and the old files too. Unfinished
 * histories are ended where they stand; those without a step are left out. */
pp_status ppi_history_commit(ppi_history *h, int64_t keep);

#endif
