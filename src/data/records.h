/* A file of checksummed records that only grows, the ground of the journals.
 *
 * Each record is a 40-byte little-endian head and a payload, with one CRC-32C over both; the first
 * holds a text, the header. After a crash everything up to the last whole record counts; a torn
 * tail is dropped. The file is locked against a second writer. Not safe for threads: callers lock.
 */
#ifndef PPI_DATA_RECORDS_H
#define PPI_DATA_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/file.h"

#define PPI_RECORDS_HEADER       1           /* kind of the first record */
#define PPI_RECORDS_MAX_PAYLOAD  (64u << 20) /* bytes */
#define PPI_RECORDS_SYNC_SECONDS 5.0

/* What stands before a payload. The owner of the file chooses kind, count, stream, item and value;
 * the rest is filled in by ppi_records_append. */
typedef struct ppi_record {
    uint32_t magic;
    uint32_t kind;
    uint32_t size; /* payload bytes */
    uint32_t count;
    uint32_t stream;
    uint32_t crc; /* over the head with this field 0, then the payload */
    uint64_t item;
    uint64_t value;
} ppi_record;

typedef struct ppi_records {
    int fd;
    bool read_only;
    char path[PPI_PATH_SIZE];
    char *header;
    int64_t size;    /* valid bytes in the file */
    ppi_buf pending; /* bytes not yet written */
    double last_sync;
} ppi_records;

/* Creates the file (it must not exist) with a header text and syncs it; the name appears once the
 * header is in it, so a killed collector leaves a file that opens or none. On failure nothing is
 * left and `r` needs no release. PP_ERR_EXISTS: the file is there. */
pp_status ppi_records_create(ppi_records *r, const char *path, const char *header);
/* Opens an existing file and reads its header; nothing can be appended when read_only, else after
 * ppi_records_scan. PP_ERR_EXISTS: another writer has it; PP_ERR_CORRUPT: no valid header. */
pp_status ppi_records_open(ppi_records *r, const char *path, bool read_only);
/* Frees everything without writing; the file stays as it is. */
void ppi_records_free(ppi_records *r);
/* Writes and syncs what is pending, then frees, also on failure. */
pp_status ppi_records_close(ppi_records *r);

/* Takes one valid record behind the header; `offset` is where its payload begins in the file. */
typedef pp_status (*ppi_records_visit)(void *ctx, const ppi_record *head, const char *payload,
                                       int64_t offset);
/* Visits the records from the start up to the last whole one, or up to file position `limit` (-1 =
 * none), and makes that place the end: unless read_only the file is cut there.
 * PP_ERR_ARGUMENT when `limit` is not where a record ends. A failure of `visit` ends the scan. */
pp_status ppi_records_scan(ppi_records *r, int64_t limit, ppi_records_visit visit, void *ctx);

/* Appends a record; *offset (may be NULL) = where its payload will begin in the file. `head->size`
 * says how long the payload is. */
pp_status ppi_records_append(ppi_records *r, ppi_record head, const void *payload, int64_t *offset);
/* Writes what is pending. A failed write leaves the file as it was, or read_only. */
pp_status ppi_records_flush(ppi_records *r);
/* Writes what is pending and syncs it to disk; `force` false = only when the last sync is older
 * than PPI_RECORDS_SYNC_SECONDS. */
pp_status ppi_records_sync(ppi_records *r, bool force);
/* Replaces the content of `out` by `size` bytes of the file. They must have been written. */
pp_status ppi_records_read(const ppi_records *r, int64_t offset, size_t size, ppi_buf *out);

#endif
