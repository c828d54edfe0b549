/* The append-only journal of a running collection.
 *
 * HDF5 files are not safe while they are written, so a collector appends checksummed records here
 * and syncs them every few seconds. After a crash everything up to the last whole record counts;
 * a torn tail is dropped. Episodes may be interleaved; only those with an end record count. */
#ifndef PPI_DATA_JOURNAL_H
#define PPI_DATA_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "data/store.h"

typedef struct ppi_journal ppi_journal;

/* A finished episode found in a journal. */
typedef struct ppi_journal_episode {
    int64_t env;
    int64_t episode; /* number within its environment */
    int64_t steps;
    uint64_t seed;
} ppi_journal_episode;

/* Creates the journal file `path` (it must not exist) with a header text that a resume can check.
 * The file is locked against a second collector. */
pp_status ppi_journal_create(ppi_journal **out, const char *path, const char *header);
/* Opens an existing journal: reads all records, drops what follows the last whole one, and
 * continues behind it. Records of unfinished episodes stay in the file and are ignored. With
 * read_only nothing is changed and nothing can be appended. PP_ERR_EXISTS: a collector has it. */
pp_status ppi_journal_open(ppi_journal **out, const char *path, bool read_only);
/* Syncs and closes; frees also on failure. NULL is allowed. */
pp_status ppi_journal_close(ppi_journal *journal);

/* The header text given at creation. */
const char *ppi_journal_header(const ppi_journal *journal);
/* Finished episodes sorted by (env, episode), owned by the journal. */
const ppi_journal_episode *ppi_journal_episodes(ppi_journal *journal, int64_t *count);

/* Starts an episode; earlier unfinished records of the same (env, episode) are void. */
pp_status ppi_journal_begin(ppi_journal *journal, int64_t env, int64_t episode, uint64_t seed);
/* The next block of frames (see ppi_store_block) and step rows of an episode. */
pp_status ppi_journal_block(ppi_journal *journal, int64_t env, int64_t episode,
                            const void *zlib_data, size_t size, int64_t frames);
pp_status ppi_journal_rows(ppi_journal *journal, int64_t env, int64_t episode,
                           const ppi_step_row *rows, int64_t count);
pp_status ppi_journal_end(ppi_journal *journal, int64_t env, int64_t episode, int64_t steps);
/* Writes what is buffered and syncs it to disk; `force` false = only when the last sync is older
 * than PPI_RECORDS_SYNC_SECONDS. */
pp_status ppi_journal_sync(ppi_journal *journal, bool force);

/* Appends all finished episodes to the store, in order. */
pp_status ppi_journal_replay(ppi_journal *journal, ppi_store *store);

/* Path of the journal of the dataset folder. */
pp_status ppi_journal_path(char *out, size_t size, const char *folder);
/* When a collection in `folder` was interrupted (a journal that no collector holds, newer than the
 * data file or without one), puts its finished episodes into the data file. The journal stays, so
 * that the collection can still be resumed. *recovered = episodes found there, 0 = nothing done. */
pp_status ppi_journal_recover(const char *folder, int64_t *recovered);

#endif
