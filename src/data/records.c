/* Files of checksummed records; see records.h. */
#include "data/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"

#define RECORD_MAGIC 0x524a5050u /* "PPJR" */
#define BUFFER_BYTES (1u << 20)
_Static_assert(sizeof(ppi_record) == 40, "the head is written as it lies in memory");

static uint32_t record_crc(const ppi_record *head, const void *payload) {
    ppi_record copy = *head;
    copy.crc = 0;
    uint32_t crc = ppi_crc32c(0, &copy, sizeof copy);
    return head->size ? ppi_crc32c(crc, payload, head->size) : crc;
}

/* ---- opening and closing ---- */

void ppi_records_free(ppi_records *r) {
    if (r->fd >= 0) {
        close(r->fd);
    }
    r->fd = -1;
    ppi_free(r->header);
    r->header = NULL;
    ppi_buf_free(&r->pending);
}

static pp_status open_file(ppi_records *r, const char *path, int flags, bool read_only) {
    *r = (ppi_records){.read_only = read_only, .last_sync = ppi_clock_seconds()};
    snprintf(r->path, sizeof r->path, "%s", path);
    r->fd = open(path, flags | O_CLOEXEC, 0666);
    if (r->fd < 0) {
        return ppi_fail_errno("%s: could not open the journal", path);
    }
    if (flock(r->fd, LOCK_EX | LOCK_NB) == 0) {
        return PP_OK;
    }
    pp_status status = errno == EWOULDBLOCK
                           ? ppi_fail(PP_ERR_EXISTS, "%s: another collection is writing here", path)
                           : ppi_fail_errno("%s: could not lock the journal", path);
    ppi_records_free(r);
    return status;
}

/* Gives a finished file its name, which must be free. */
static pp_status publish(ppi_records *r, const char *temporary, const char *path) {
    if (link(temporary, path) != 0) {
        return ppi_fail_errno("%s: could not create the journal", path);
    }
    (void)unlink(temporary);
    snprintf(r->path, sizeof r->path, "%s", path);
    return PP_OK;
}

pp_status ppi_records_create(ppi_records *r, const char *path, const char *header) {
    char temporary[PPI_PATH_SIZE];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        return ppi_fail(PP_ERR_ARGUMENT, "the path '%.200s...' is too long", path);
    }
    /* A file of that name is left from a collector that died here. */
    PPI_TRY(open_file(r, temporary, O_RDWR | O_CREAT | O_TRUNC, false));
    r->header = ppi_strdup(header);
    ppi_record head = {.kind = PPI_RECORDS_HEADER, .size = (uint32_t)strlen(header)};
    pp_status status =
        r->header ? ppi_records_append(r, head, header, NULL) : ppi_oom("the journal's header");
    if (status == PP_OK) {
        status = ppi_records_sync(r, true);
    }
    if (status == PP_OK) {
        status = publish(r, temporary, path);
    }
    if (status != PP_OK) {
        ppi_records_free(r);
        (void)unlink(temporary);
    }
    return status;
}

/* One record at `offset`; false where the valid part of the file ends. */
static bool read_record(const ppi_records *r, int64_t offset, int64_t file_size, ppi_record *head,
                        ppi_buf *payload) {
    if (file_size - offset < (int64_t)sizeof *head ||
        pread(r->fd, head, sizeof *head, offset) != (ssize_t)sizeof *head) {
        return false;
    }
    if (head->magic != RECORD_MAGIC || head->size > PPI_RECORDS_MAX_PAYLOAD ||
        file_size - offset - (int64_t)sizeof *head < (int64_t)head->size) {
        return false;
    }
    ppi_buf_clear(payload);
    if (ppi_buf_reserve(payload, (size_t)head->size + 1) != PP_OK) {
        return false;
    }
    if (head->size > 0 && pread(r->fd, payload->data, head->size, offset + (int64_t)sizeof *head) !=
                              (ssize_t)head->size) {
        return false;
    }
    payload->len = head->size;
    payload->data[head->size] = 0;
    return record_crc(head, payload->data) == head->crc;
}

static pp_status file_size(const ppi_records *r, int64_t *size) {
    struct stat info;
    if (fstat(r->fd, &info) != 0) {
        return ppi_fail_errno("%s: could not read the journal's size", r->path);
    }
    *size = info.st_size;
    return PP_OK;
}

static pp_status read_header(ppi_records *r) {
    ppi_record head;
    ppi_buf payload = {0};
    int64_t size = 0;
    PPI_TRY(file_size(r, &size));
    bool valid = read_record(r, 0, size, &head, &payload) && head.kind == PPI_RECORDS_HEADER;
    if (valid) {
        r->header = ppi_strdup(payload.data);
        r->size = (int64_t)sizeof head + head.size;
    }
    ppi_buf_free(&payload);
    if (!valid) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: the journal's header is damaged", r->path);
    }
    return r->header ? PP_OK : ppi_oom("the journal's header");
}

pp_status ppi_records_open(ppi_records *r, const char *path, bool read_only) {
    PPI_TRY(open_file(r, path, read_only ? O_RDONLY : O_RDWR, read_only));
    pp_status status = read_header(r);
    if (status != PP_OK) {
        ppi_records_free(r);
    }
    return status;
}

pp_status ppi_records_close(ppi_records *r) {
    pp_status status = ppi_records_sync(r, true);
    ppi_records_free(r);
    return status;
}

/* ---- reading ---- */

static pp_status visit_records(ppi_records *r, int64_t limit, ppi_records_visit visit, void *ctx) {
    ppi_buf payload = {0};
    ppi_record head;
    int64_t size = 0;
    int64_t offset = 0;
    PPI_TRY(file_size(r, &size));
    size = limit >= 0 && limit < size ? limit : size;
    pp_status status = PP_OK;
    while (status == PP_OK && read_record(r, offset, size, &head, &payload) &&
           (offset == 0) == (head.kind == PPI_RECORDS_HEADER)) {
        int64_t at = offset + (int64_t)sizeof head;
        status = offset > 0 ? visit(ctx, &head, payload.data, at) : PP_OK;
        offset = at + head.size;
    }
    ppi_buf_free(&payload);
    if (status == PP_OK && limit >= 0 && offset != limit) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: no record ends at byte %lld; the last before it ends "
                        "at %lld",
                        r->path, (long long)limit, (long long)offset);
    }
    r->size = offset;
    return status;
}

pp_status ppi_records_scan(ppi_records *r, int64_t limit, ppi_records_visit visit, void *ctx) {
    PPI_TRY(visit_records(r, limit, visit, ctx));
    if (!r->read_only && (ftruncate(r->fd, r->size) != 0 || lseek(r->fd, r->size, SEEK_SET) < 0)) {
        return ppi_fail_errno("%s: could not drop the torn tail of the journal", r->path);
    }
    return PP_OK;
}

pp_status ppi_records_read(const ppi_records *r, int64_t offset, size_t size, ppi_buf *out) {
    ppi_buf_clear(out);
    PPI_TRY(ppi_buf_reserve(out, size + 1));
    errno = 0;
    if (pread(r->fd, out->data, size, offset) != (ssize_t)size) {
        return ppi_fail_errno("%s: could not read the journal", r->path);
    }
    out->len = size;
    out->data[size] = 0;
    return PP_OK;
}

/* ---- writing ---- */

pp_status ppi_records_flush(ppi_records *r) {
    if (r->pending.len == 0) {
        return PP_OK;
    }
    pp_status status = ppi_file_write_all_fd(r->fd, r->pending.data, r->pending.len, r->path);
    if (status == PP_OK) {
        r->size += (int64_t)r->pending.len;
    } else if (ftruncate(r->fd, r->size) != 0 || lseek(r->fd, r->size, SEEK_SET) < 0) {
        /* The torn tail stays; the next open drops it. */
        r->read_only = true;
    }
    ppi_buf_clear(&r->pending);
    return status;
}

pp_status ppi_records_append(ppi_records *r, ppi_record head, const void *payload,
                             int64_t *offset) {
    if (r->read_only) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: the journal is open for reading", r->path);
    }
    if (head.size > PPI_RECORDS_MAX_PAYLOAD) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: a record of %u bytes is too large", r->path,
                        head.size);
    }
    head.magic = RECORD_MAGIC;
    head.crc = record_crc(&head, payload);
    if (offset) {
        *offset = r->size + (int64_t)r->pending.len + (int64_t)sizeof head;
    }
    PPI_TRY(ppi_buf_append(&r->pending, &head, sizeof head));
    if (head.size > 0) {
        PPI_TRY(ppi_buf_append(&r->pending, payload, head.size));
    }
    return r->pending.len >= BUFFER_BYTES ? ppi_records_flush(r) : PP_OK;
}

pp_status ppi_records_sync(ppi_records *r, bool force) {
    double now = ppi_clock_seconds();
    if (r->read_only || (!force && now - r->last_sync < PPI_RECORDS_SYNC_SECONDS)) {
        return PP_OK;
    }
    r->last_sync = now;
    PPI_TRY(ppi_records_flush(r));
    return ppi_file_sync_fd(r->fd, r->path);
}
