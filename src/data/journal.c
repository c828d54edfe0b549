/* The collection journal; see journal.h. */
#include "data/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/history.h"
#include "data/meta.h"
#include "data/records.h"

#define MAX_ENV 65536

/* Kinds of records; stream = environment, item = episode, count = frames or rows of the payload,
 * value = seed of BEGIN, steps of END. */
enum { KIND_BEGIN = 2, KIND_BLOCK, KIND_ROWS, KIND_END };

/* Where a payload lies. */
typedef struct part {
    int64_t offset;
    uint32_t size;
    uint32_t count;
    uint32_t kind;
} part;

typedef struct entry {
    ppi_journal_episode info;
    bool finished;
    part *parts;
    int64_t part_count, part_capacity;
} entry;

struct ppi_journal {
    ppi_records file;
    entry *entries;
    int64_t entry_count, entry_capacity;
    int64_t *running; /* [envs] index of the open entry of each environment, -1 = none */
    int64_t envs;
    ppi_journal_episode *sorted; /* finished episodes */
    int64_t *sorted_entry;
    int64_t sorted_count;
};

/* ---- the index, kept while reading and while appending ---- */

static pp_status grow_running(ppi_journal *journal, int64_t env) {
    if (env < journal->envs) {
        return PP_OK;
    }
    int64_t *grown = ppi_realloc(journal->running, (size_t)(env + 1) * sizeof *grown);
    if (!grown) {
        return ppi_oom("the journal's index");
    }
    for (int64_t i = journal->envs; i <= env; i++) {
        grown[i] = -1;
    }
    journal->running = grown;
    journal->envs = env + 1;
    return PP_OK;
}

static pp_status note_begin(ppi_journal *journal, const ppi_record *head) {
    PPI_TRY(grow_running(journal, head->stream));
    if (journal->entry_count == journal->entry_capacity) {
        int64_t capacity = journal->entry_capacity ? journal->entry_capacity * 2 : 64;
        entry *grown = ppi_realloc(journal->entries, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the journal's index");
        }
        journal->entries = grown;
        journal->entry_capacity = capacity;
    }
    journal->running[head->stream] = journal->entry_count;
    journal->entries[journal->entry_count++] =
        (entry){.info = {.env = head->stream, .episode = (int64_t)head->item, .seed = head->value}};
    return PP_OK;
}

static pp_status note_part(entry *open, const ppi_record *head, int64_t offset) {
    if (open->part_count == open->part_capacity) {
        int64_t capacity = open->part_capacity ? open->part_capacity * 2 : 16;
        part *grown = ppi_realloc(open->parts, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the journal's index");
        }
        open->parts = grown;
        open->part_capacity = capacity;
    }
    open->parts[open->part_count++] = (part){
        .offset = offset, .size = head->size, .count = head->count, .kind = head->kind};
    return PP_OK;
}

/* Takes one valid record into the index; `offset` is where its payload begins. */
static pp_status note(void *context, const ppi_record *head, const char *payload,
                      int64_t offset) {
    ppi_journal *journal = context;
    (void)payload;
    if (head->stream >= MAX_ENV) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: record of environment %u", journal->file.path, head->stream);
    }
    if (head->kind == KIND_BEGIN) {
        return note_begin(journal, head);
    }
    int64_t index = head->stream < journal->envs ? journal->running[head->stream] : -1;
    entry *open = index >= 0 ? &journal->entries[index] : NULL;
    if (!open || open->info.episode != (int64_t)head->item) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: record of episode %llu of environment %u, which is not "
                        "open", journal->file.path, (unsigned long long)head->item, head->stream);
    }
    if (head->kind == KIND_END) {
        open->finished = true;
        open->info.steps = (int64_t)head->value;
        journal->running[head->stream] = -1;
        return PP_OK;
    }
    return note_part(open, head, offset);
}

/* ---- writing ---- */

static pp_status append(ppi_journal *journal, ppi_record head, const void *payload) {
    int64_t offset = 0;
    PPI_TRY(ppi_records_append(&journal->file, head, payload, &offset));
    return note(journal, &head, payload, offset);
}

pp_status ppi_journal_begin(ppi_journal *journal, int64_t env, int64_t episode, uint64_t seed) {
    ppi_record head = {.kind = KIND_BEGIN, .stream = (uint32_t)env, .item = (uint64_t)episode,
                        .value = seed};
    return append(journal, head, NULL);
}

pp_status ppi_journal_block(ppi_journal *journal, int64_t env, int64_t episode,
                            const void *zlib_data, size_t size, int64_t frames) {
    ppi_record head = {.kind = KIND_BLOCK, .stream = (uint32_t)env, .item = (uint64_t)episode,
                        .size = (uint32_t)size, .count = (uint32_t)frames};
    return append(journal, head, zlib_data);
}

pp_status ppi_journal_rows(ppi_journal *journal, int64_t env, int64_t episode,
                           const ppi_step_row *rows, int64_t count) {
    ppi_record head = {.kind = KIND_ROWS, .stream = (uint32_t)env, .item = (uint64_t)episode,
                        .size = (uint32_t)((size_t)count * sizeof *rows),
                        .count = (uint32_t)count};
    return append(journal, head, rows);
}

pp_status ppi_journal_end(ppi_journal *journal, int64_t env, int64_t episode, int64_t steps) {
    ppi_record head = {.kind = KIND_END, .stream = (uint32_t)env, .item = (uint64_t)episode,
                        .value = (uint64_t)steps};
    return append(journal, head, NULL);
}

pp_status ppi_journal_sync(ppi_journal *journal, bool force) {
    return ppi_records_sync(&journal->file, force);
}

/* ---- opening and closing ---- */

static void journal_free(ppi_journal *journal) {
    ppi_records_free(&journal->file);
    for (int64_t i = 0; i < journal->entry_count; i++) {
        ppi_free(journal->entries[i].parts);
    }
    ppi_free(journal->entries);
    ppi_free(journal->running);
    ppi_free(journal->sorted);
    ppi_free(journal->sorted_entry);
    ppi_free(journal);
}

pp_status ppi_journal_create(ppi_journal **out, const char *path, const char *header) {
    *out = NULL;
    ppi_journal *journal = ppi_calloc(1, sizeof *journal);
    if (!journal) {
        return ppi_oom("a journal");
    }
    pp_status status = ppi_records_create(&journal->file, path, header);
    if (status != PP_OK) {
        ppi_free(journal);
        return status;
    }
    *out = journal;
    return PP_OK;
}

pp_status ppi_journal_open(ppi_journal **out, const char *path, bool read_only) {
    *out = NULL;
    ppi_journal *journal = ppi_calloc(1, sizeof *journal);
    if (!journal) {
        return ppi_oom("a journal");
    }
    pp_status status = ppi_records_open(&journal->file, path, read_only);
    if (status != PP_OK) {
        ppi_free(journal);
        return status;
    }
    status = ppi_records_scan(&journal->file, -1, note, journal);
    if (status != PP_OK) {
        journal_free(journal);
        return status;
    }
    for (int64_t i = 0; i < journal->envs; i++) {
        journal->running[i] = -1;
    }
    *out = journal;
    return PP_OK;
}

pp_status ppi_journal_close(ppi_journal *journal) {
    if (!journal) {
        return PP_OK;
    }
    pp_status status = ppi_journal_sync(journal, true);
    journal_free(journal);
    return status;
}

const char *ppi_journal_header(const ppi_journal *journal) {
    return journal->file.header;
}

/* ---- reading back ---- */

typedef struct sort_key {
    ppi_journal_episode info;
    int64_t entry;
} sort_key;

static int compare_key(const void *a, const void *b) {
    const sort_key *x = a;
    const sort_key *y = b;
    if (x->info.env != y->info.env) {
        return x->info.env < y->info.env ? -1 : 1;
    }
    if (x->info.episode != y->info.episode) {
        return x->info.episode < y->info.episode ? -1 : 1;
    }
    return (x->entry > y->entry) - (x->entry < y->entry);
}

static bool sort_finished(ppi_journal *journal) {
    size_t room = (size_t)journal->entry_count + 1;
    sort_key *keys = ppi_malloc(room * sizeof *keys);
    ppi_free(journal->sorted);
    ppi_free(journal->sorted_entry);
    journal->sorted = ppi_malloc(room * sizeof *journal->sorted);
    journal->sorted_entry = ppi_malloc(room * sizeof *journal->sorted_entry);
    journal->sorted_count = 0;
    if (!keys || !journal->sorted || !journal->sorted_entry) {
        ppi_free(keys);
        return false;
    }
    int64_t count = 0;
    for (int64_t i = 0; i < journal->entry_count; i++) {
        if (journal->entries[i].finished) {
            keys[count++] = (sort_key){journal->entries[i].info, i};
        }
    }
    qsort(keys, (size_t)count, sizeof *keys, compare_key);
    for (int64_t i = 0; i < count; i++) {
        bool again = i > 0 && keys[i].info.env == keys[i - 1].info.env &&
                     keys[i].info.episode == keys[i - 1].info.episode;
        if (!again) {
            journal->sorted[journal->sorted_count] = keys[i].info;
            journal->sorted_entry[journal->sorted_count++] = keys[i].entry;
        }
    }
    ppi_free(keys);
    return true;
}

const ppi_journal_episode *ppi_journal_episodes(ppi_journal *journal, int64_t *count) {
    *count = 0;
    if (!sort_finished(journal)) {
        (void)ppi_oom("the journal's index");
        return NULL;
    }
    *count = journal->sorted_count;
    return journal->sorted;
}

static pp_status replay_part(ppi_journal *journal, const part *piece, ppi_buf *payload,
                             ppi_store *store) {
    PPI_TRY(ppi_records_read(&journal->file, piece->offset, piece->size, payload));
    if (piece->kind == KIND_BLOCK) {
        return ppi_store_block(store, payload->data, piece->size, piece->count);
    }
    if (piece->size != piece->count * sizeof(ppi_step_row)) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: a record of %u rows has %u bytes", journal->file.path,
                        piece->count, piece->size);
    }
    return ppi_store_rows(store, (const ppi_step_row *)(const void *)payload->data, piece->count);
}

static pp_status replay_episode(ppi_journal *journal, const entry *episode, ppi_buf *payload,
                                ppi_store *store) {
    const ppi_store_meta *meta = ppi_store_meta_of(store);
    PPI_TRY(ppi_store_episode_begin(store, episode->info.seed, episode->info.steps));
    if (episode->info.env < meta->env_task_count) {
        PPI_TRY(ppi_store_task(store, meta->env_tasks[episode->info.env]));
    }
    for (int64_t i = 0; i < episode->part_count; i++) {
        PPI_TRY(replay_part(journal, &episode->parts[i], payload, store));
    }
    return ppi_store_episode_end(store);
}

pp_status ppi_journal_replay(ppi_journal *journal, ppi_store *store) {
    int64_t count = 0;
    ppi_buf payload = {0};
    PPI_TRY(ppi_records_flush(&journal->file));
    if (!ppi_journal_episodes(journal, &count)) {
        return PP_ERR_NO_MEMORY;
    }
    pp_status status = PP_OK;
    for (int64_t i = 0; i < count && status == PP_OK; i++) {
        status = replay_episode(journal, &journal->entries[journal->sorted_entry[i]], &payload,
                                store);
    }
    ppi_buf_free(&payload);
    return status;
}

/* ---- recovery ---- */

pp_status ppi_journal_path(char *out, size_t size, const char *folder) {
    return ppi_path_join(out, size, folder, "data", "journal.bin");
}

/* True when the journal has something the data file lacks. */
static bool needs_recovery(const char *journal_path, const char *folder) {
    char data_path[PPI_PATH_SIZE];
    struct stat journal_info;
    struct stat data_info;
    if (stat(journal_path, &journal_info) != 0 ||
        ppi_path_join(data_path, sizeof data_path, folder, "data", PPI_STORE_DATA_FILE) != PP_OK) {
        return false;
    }
    if (stat(data_path, &data_info) != 0) {
        return true;
    }
    const struct timespec *a = &journal_info.st_mtim;
    const struct timespec *b = &data_info.st_mtim;
    /* Clocks of file systems tick slowly: with equal times the journal may be the newer one. */
    return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec >= b->tv_nsec);
}

/* Puts the finished episodes of a journal into the data file. */
static pp_status recover_episodes(const char *folder, const char *path, int64_t *recovered) {
    ppi_journal *journal = NULL;
    ppi_store *store = NULL;
    ppi_store_meta meta;
    ppi_meta_counts counts;
    int64_t count = 0;
    PPI_TRY(ppi_journal_open(&journal, path, true));
    (void)ppi_journal_episodes(journal, &count);
    pp_status status = PP_OK;
    if (count > 0) {
        const char *header = journal->file.header;
        status = ppi_meta_parse(&meta, &counts, header, strlen(header), path);
        if (status == PP_OK) {
            status = ppi_store_create(&store, folder, &meta, meta.collect_base);
        }
        if (status == PP_OK) {
            status = ppi_journal_replay(journal, store);
        }
        if (status == PP_OK) {
            status = ppi_store_commit(store);
            store = NULL;
        }
        ppi_store_abort(store);
        *recovered = status == PP_OK ? count : 0;
    }
    pp_status closed = ppi_journal_close(journal);
    return status != PP_OK ? status : closed;
}

/* True when the header says that the journal holds learning histories. */
static bool holds_histories(const char *header) {
    ppi_store_meta meta;
    ppi_meta_counts counts;
    return ppi_meta_parse(&meta, &counts, header, strlen(header), "journal") == PP_OK &&
           meta.histories;
}

pp_status ppi_journal_recover(const char *folder, int64_t *recovered) {
    char path[PPI_PATH_SIZE];
    ppi_records file;
    *recovered = 0;
    PPI_TRY(ppi_journal_path(path, sizeof path, folder));
    if (!needs_recovery(path, folder)) {
        return PP_OK;
    }
    pp_status status = ppi_records_open(&file, path, true);
    if (status == PP_OK) {
        bool histories = holds_histories(file.header);
        ppi_records_free(&file);
        status = histories ? ppi_history_recover(folder, recovered)
                           : recover_episodes(folder, path, recovered);
    }
    return status == PP_ERR_EXISTS ? PP_OK : status; /* a collector is at work */
}
