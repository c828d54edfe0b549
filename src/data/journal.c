/* The collection journal; see journal.h. A file is a sequence of records: a 40-byte little-endian
 * head and a payload, with one CRC-32C over both. */
#include "data/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/meta.h"

#define RECORD_MAGIC 0x524a5050u /* "PPJR" */
#define MAX_PAYLOAD (64u << 20)
#define BUFFER_BYTES (1u << 20)
#define MAX_ENV 65536

enum { KIND_HEADER = 1, KIND_BEGIN, KIND_BLOCK, KIND_ROWS, KIND_END };

typedef struct record_head {
    uint32_t magic;
    uint32_t kind;
    uint32_t size;  /* payload bytes */
    uint32_t count; /* frames or rows of the payload */
    uint32_t env;
    uint32_t crc;   /* over the head with this field 0, then the payload */
    uint64_t episode;
    uint64_t value; /* BEGIN: seed, END: steps */
} record_head;
_Static_assert(sizeof(record_head) == 40, "the head is written as it lies in memory");

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
    int fd;
    bool read_only;
    char path[PPI_PATH_SIZE];
    char *header;
    int64_t size;    /* bytes in the file */
    ppi_buf pending; /* bytes not yet written */
    double last_sync;
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

static pp_status note_begin(ppi_journal *journal, const record_head *head) {
    PPI_TRY(grow_running(journal, head->env));
    if (journal->entry_count == journal->entry_capacity) {
        int64_t capacity = journal->entry_capacity ? journal->entry_capacity * 2 : 64;
        entry *grown = ppi_realloc(journal->entries, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the journal's index");
        }
        journal->entries = grown;
        journal->entry_capacity = capacity;
    }
    journal->running[head->env] = journal->entry_count;
    journal->entries[journal->entry_count++] =
        (entry){.info = {.env = head->env, .episode = (int64_t)head->episode, .seed = head->value}};
    return PP_OK;
}

static pp_status note_part(entry *open, const record_head *head, int64_t offset) {
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
static pp_status note(ppi_journal *journal, const record_head *head, int64_t offset) {
    if (head->kind == KIND_HEADER) {
        return PP_OK;
    }
    if (head->env >= MAX_ENV) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: record of environment %u", journal->path, head->env);
    }
    if (head->kind == KIND_BEGIN) {
        return note_begin(journal, head);
    }
    int64_t index = head->env < journal->envs ? journal->running[head->env] : -1;
    entry *open = index >= 0 ? &journal->entries[index] : NULL;
    if (!open || open->info.episode != (int64_t)head->episode) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: record of episode %llu of environment %u, which is not "
                        "open", journal->path, (unsigned long long)head->episode, head->env);
    }
    if (head->kind == KIND_END) {
        open->finished = true;
        open->info.steps = (int64_t)head->value;
        journal->running[head->env] = -1;
        return PP_OK;
    }
    return note_part(open, head, offset);
}

/* ---- writing ---- */

static uint32_t record_crc(const record_head *head, const void *payload) {
    record_head copy = *head;
    copy.crc = 0;
    uint32_t crc = ppi_crc32c(0, &copy, sizeof copy);
    return head->size ? ppi_crc32c(crc, payload, head->size) : crc;
}

static pp_status flush(ppi_journal *journal) {
    if (journal->pending.len == 0) {
        return PP_OK;
    }
    pp_status status = ppi_file_write_all_fd(journal->fd, journal->pending.data,
                                             journal->pending.len, journal->path);
    if (status == PP_OK) {
        journal->size += (int64_t)journal->pending.len;
    } else if (ftruncate(journal->fd, journal->size) != 0 ||
               lseek(journal->fd, journal->size, SEEK_SET) < 0) {
        /* The torn tail stays; the next open drops it. */
        journal->read_only = true;
    }
    ppi_buf_clear(&journal->pending);
    return status;
}

static pp_status append(ppi_journal *journal, record_head head, const void *payload) {
    if (journal->read_only) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: the journal is open for reading", journal->path);
    }
    head.magic = RECORD_MAGIC;
    head.crc = record_crc(&head, payload);
    PPI_TRY(note(journal, &head,
                 journal->size + (int64_t)journal->pending.len + (int64_t)sizeof head));
    PPI_TRY(ppi_buf_append(&journal->pending, &head, sizeof head));
    if (head.size > 0) {
        PPI_TRY(ppi_buf_append(&journal->pending, payload, head.size));
    }
    return journal->pending.len >= BUFFER_BYTES ? flush(journal) : PP_OK;
}

pp_status ppi_journal_begin(ppi_journal *journal, int64_t env, int64_t episode, uint64_t seed) {
    record_head head = {.kind = KIND_BEGIN, .env = (uint32_t)env, .episode = (uint64_t)episode,
                        .value = seed};
    return append(journal, head, NULL);
}

pp_status ppi_journal_block(ppi_journal *journal, int64_t env, int64_t episode,
                            const void *zlib_data, size_t size, int64_t frames) {
    record_head head = {.kind = KIND_BLOCK, .env = (uint32_t)env, .episode = (uint64_t)episode,
                        .size = (uint32_t)size, .count = (uint32_t)frames};
    if (size > MAX_PAYLOAD) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: a block of %zu bytes is too large", journal->path,
                        size);
    }
    return append(journal, head, zlib_data);
}

pp_status ppi_journal_rows(ppi_journal *journal, int64_t env, int64_t episode,
                           const ppi_step_row *rows, int64_t count) {
    record_head head = {.kind = KIND_ROWS, .env = (uint32_t)env, .episode = (uint64_t)episode,
                        .size = (uint32_t)((size_t)count * sizeof *rows),
                        .count = (uint32_t)count};
    return append(journal, head, rows);
}

pp_status ppi_journal_end(ppi_journal *journal, int64_t env, int64_t episode, int64_t steps) {
    record_head head = {.kind = KIND_END, .env = (uint32_t)env, .episode = (uint64_t)episode,
                        .value = (uint64_t)steps};
    return append(journal, head, NULL);
}

pp_status ppi_journal_sync(ppi_journal *journal, bool force) {
    double now = ppi_clock_seconds();
    if (journal->read_only || (!force && now - journal->last_sync < PPI_JOURNAL_SYNC_SECONDS)) {
        return PP_OK;
    }
    journal->last_sync = now;
    PPI_TRY(flush(journal));
    return ppi_file_sync_fd(journal->fd, journal->path);
}

/* ---- opening and closing ---- */

static void journal_free(ppi_journal *journal) {
    if (journal->fd >= 0) {
        close(journal->fd);
    }
    for (int64_t i = 0; i < journal->entry_count; i++) {
        ppi_free(journal->entries[i].parts);
    }
    ppi_free(journal->entries);
    ppi_free(journal->running);
    ppi_free(journal->sorted);
    ppi_free(journal->sorted_entry);
    ppi_free(journal->header);
    ppi_buf_free(&journal->pending);
    ppi_free(journal);
}

static pp_status journal_open_file(ppi_journal **out, const char *path, int flags, bool read_only) {
    *out = NULL;
    ppi_journal *journal = ppi_calloc(1, sizeof *journal);
    if (!journal) {
        return ppi_oom("a journal");
    }
    snprintf(journal->path, sizeof journal->path, "%s", path);
    journal->read_only = read_only;
    journal->last_sync = ppi_clock_seconds();
    journal->fd = open(path, flags | O_CLOEXEC, 0666);
    pp_status status = PP_OK;
    if (journal->fd < 0) {
        status = ppi_fail_errno("%s: could not open the journal", path);
    } else if (flock(journal->fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK
                     ? ppi_fail(PP_ERR_EXISTS, "%s: another collection is writing here", path)
                     : ppi_fail_errno("%s: could not lock the journal", path);
    }
    if (status != PP_OK) {
        journal_free(journal);
        return status;
    }
    *out = journal;
    return PP_OK;
}

pp_status ppi_journal_create(ppi_journal **out, const char *path, const char *header) {
    ppi_journal *journal = NULL;
    *out = NULL;
    PPI_TRY(journal_open_file(&journal, path, O_RDWR | O_CREAT | O_EXCL, false));
    journal->header = ppi_strdup(header);
    record_head head = {.kind = KIND_HEADER, .size = (uint32_t)strlen(header)};
    pp_status status = journal->header ? append(journal, head, header)
                                       : ppi_oom("the journal's header");
    if (status == PP_OK) {
        status = ppi_journal_sync(journal, true);
    }
    if (status != PP_OK) {
        journal_free(journal);
        (void)unlink(path);
        return status;
    }
    *out = journal;
    return PP_OK;
}

/* One record at `offset`; false where the valid part of the file ends. */
static bool read_record(ppi_journal *journal, int64_t offset, int64_t file_size, record_head *head,
                        ppi_buf *payload) {
    if (file_size - offset < (int64_t)sizeof *head ||
        pread(journal->fd, head, sizeof *head, offset) != (ssize_t)sizeof *head) {
        return false;
    }
    if (head->magic != RECORD_MAGIC || head->size > MAX_PAYLOAD ||
        file_size - offset - (int64_t)sizeof *head < (int64_t)head->size) {
        return false;
    }
    ppi_buf_clear(payload);
    if (ppi_buf_reserve(payload, (size_t)head->size + 1) != PP_OK) {
        return false;
    }
    if (head->size > 0 && pread(journal->fd, payload->data, head->size,
                                offset + (int64_t)sizeof *head) != (ssize_t)head->size) {
        return false;
    }
    payload->len = head->size;
    payload->data[head->size] = 0;
    return record_crc(head, payload->data) == head->crc;
}

static pp_status scan(ppi_journal *journal) {
    struct stat info;
    ppi_buf payload = {0};
    record_head head;
    int64_t offset = 0;
    pp_status status = PP_OK;
    if (fstat(journal->fd, &info) != 0) {
        return ppi_fail_errno("%s: could not read the journal's size", journal->path);
    }
    while (status == PP_OK && read_record(journal, offset, info.st_size, &head, &payload)) {
        if ((offset == 0) != (head.kind == KIND_HEADER)) {
            break;
        }
        if (offset == 0) {
            journal->header = ppi_strdup(payload.data);
            status = journal->header ? PP_OK : ppi_oom("the journal's header");
        }
        if (status == PP_OK) {
            status = note(journal, &head, offset + (int64_t)sizeof head);
        }
        offset += (int64_t)sizeof head + head.size;
    }
    ppi_buf_free(&payload);
    if (status == PP_OK && !journal->header) {
        status = ppi_fail(PP_ERR_CORRUPT, "%s: the journal's header is damaged", journal->path);
    }
    journal->size = offset;
    return status;
}

pp_status ppi_journal_open(ppi_journal **out, const char *path, bool read_only) {
    ppi_journal *journal = NULL;
    *out = NULL;
    PPI_TRY(journal_open_file(&journal, path, read_only ? O_RDONLY : O_RDWR, read_only));
    pp_status status = scan(journal);
    if (status == PP_OK && !read_only &&
        (ftruncate(journal->fd, journal->size) != 0 ||
         lseek(journal->fd, journal->size, SEEK_SET) < 0)) {
        status = ppi_fail_errno("%s: could not drop the torn tail of the journal", path);
    }
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
    return journal->header;
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
    ppi_buf_clear(payload);
    PPI_TRY(ppi_buf_reserve(payload, (size_t)piece->size + 1));
    errno = 0;
    if (pread(journal->fd, payload->data, piece->size, piece->offset) != (ssize_t)piece->size) {
        return ppi_fail_errno("%s: could not read the journal", journal->path);
    }
    if (piece->kind == KIND_BLOCK) {
        return ppi_store_block(store, payload->data, piece->size, piece->count);
    }
    if (piece->size != piece->count * sizeof(ppi_step_row)) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: a record of %u rows has %u bytes", journal->path,
                        piece->count, piece->size);
    }
    return ppi_store_rows(store, (const ppi_step_row *)(const void *)payload->data, piece->count);
}

static pp_status replay_episode(ppi_journal *journal, const entry *episode, ppi_buf *payload,
                                ppi_store *store) {
    PPI_TRY(ppi_store_episode_begin(store, episode->info.seed, episode->info.steps));
    for (int64_t i = 0; i < episode->part_count; i++) {
        PPI_TRY(replay_part(journal, &episode->parts[i], payload, store));
    }
    return ppi_store_episode_end(store);
}

pp_status ppi_journal_replay(ppi_journal *journal, ppi_store *store) {
    int64_t count = 0;
    ppi_buf payload = {0};
    if (!journal->read_only) {
        PPI_TRY(flush(journal));
    }
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
    return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

pp_status ppi_journal_recover(const char *folder, int64_t *recovered) {
    char path[PPI_PATH_SIZE];
    ppi_journal *journal = NULL;
    ppi_store *store = NULL;
    ppi_store_meta meta;
    ppi_meta_counts counts;
    *recovered = 0;
    PPI_TRY(ppi_journal_path(path, sizeof path, folder));
    if (!needs_recovery(path, folder)) {
        return PP_OK;
    }
    pp_status status = ppi_journal_open(&journal, path, true);
    if (status == PP_ERR_EXISTS) {
        return PP_OK;
    }
    PPI_TRY(status);
    int64_t count = 0;
    (void)ppi_journal_episodes(journal, &count);
    if (count > 0) {
        status = ppi_meta_parse(&meta, &counts, journal->header, strlen(journal->header), path);
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
