/* Variable-length values; see h5vlen.h. A reference is a u32 length, the u64 address of a
 * collection and the u32 index of an object in it. A collection is "GCOL", version 1, three zero
 * bytes, its u64 size, then objects: u16 index, u16 count, u32 zero, u64 size, the bytes padded to
 * 8; index 0 is the free space at the end. All little-endian. */
#include "data/h5vlen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/h5chunk.h"

#define REF_BYTES      16
#define HEAD_BYTES     16 /* of a collection and of an object */
#define MAX_CHUNK_ROWS ((int64_t)1 << 22)

struct ppi_h5_vlen {
    int fd;
    const char *path; /* of the file, which outlives this */
    int64_t base;
    int64_t file_bytes;
    ppi_buf heap;    /* the collection read last */
    int64_t heap_at; /* its offset in the file, -1 = none */
    ppi_buf stored;  /* one chunk as it is stored */
    ppi_buf refs;    /* references of one chunk */
};

static uint64_t little(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

pp_status ppi_h5_vlen_open(ppi_h5_vlen **out, ppi_h5 *file) {
    struct stat info;
    int64_t base = 0;
    *out = NULL;
    PPI_TRY(ppi_h5_base(file, &base));
    ppi_h5_vlen *vlen = ppi_calloc(1, sizeof *vlen);
    if (!vlen) {
        return ppi_oom("a reader of variable-length values");
    }
    vlen->path = ppi_h5_path(file);
    vlen->base = base;
    vlen->heap_at = -1;
    vlen->fd = open(vlen->path, O_RDONLY | O_CLOEXEC);
    if (vlen->fd < 0 || fstat(vlen->fd, &info) != 0) {
        pp_status status = ppi_fail_errno("%s: could not open the data file", vlen->path);
        ppi_h5_vlen_close(vlen);
        return status;
    }
    vlen->file_bytes = info.st_size;
    *out = vlen;
    return PP_OK;
}

void ppi_h5_vlen_close(ppi_h5_vlen *vlen) {
    if (!vlen) {
        return;
    }
    if (vlen->fd >= 0) {
        close(vlen->fd);
    }
    ppi_buf_free(&vlen->heap);
    ppi_buf_free(&vlen->stored);
    ppi_buf_free(&vlen->refs);
    ppi_free(vlen);
}

/* Replaces the buffer's content by `size` bytes of the file; the caller has checked the range. */
static pp_status read_at(ppi_h5_vlen *vlen, ppi_buf *out, int64_t offset, int64_t size) {
    ppi_buf_clear(out);
    PPI_TRY(ppi_buf_reserve(out, (size_t)size + 1));
    errno = 0;
    if (pread(vlen->fd, out->data, (size_t)size, offset) != (ssize_t)size) {
        return errno != 0 ? ppi_fail_errno("could not read %lld bytes", (long long)size)
                          : ppi_fail(PP_ERR_CORRUPT, "the file ends at %lld bytes",
                                     (long long)vlen->file_bytes);
    }
    out->len = (size_t)size;
    return PP_OK;
}

/* ---- collections ---- */

static pp_status load_heap(ppi_h5_vlen *vlen, int64_t offset) {
    if (vlen->heap_at == offset) {
        return PP_OK;
    }
    vlen->heap_at = -1;
    if (offset < 0 || offset > vlen->file_bytes - HEAD_BYTES) {
        return ppi_fail(PP_ERR_CORRUPT, "heap at byte %lld of a file of %lld", (long long)offset,
                        (long long)vlen->file_bytes);
    }
    PPI_TRY(read_at(vlen, &vlen->heap, offset, HEAD_BYTES));
    const uint8_t *head = (const uint8_t *)vlen->heap.data;
    uint64_t size = little(head + 8, 8);
    if (memcmp(head, "GCOL\1", 5) != 0 || size < HEAD_BYTES ||
        size > (uint64_t)(vlen->file_bytes - offset)) {
        return ppi_fail(PP_ERR_CORRUPT, "no heap at byte %lld", (long long)offset);
    }
    PPI_TRY(read_at(vlen, &vlen->heap, offset, (int64_t)size));
    vlen->heap_at = offset;
    return PP_OK;
}

/* The bytes of object `index` of the loaded collection, at least `size` of them. */
static pp_status find_object(const ppi_h5_vlen *vlen, uint32_t index, uint64_t size,
                             const uint8_t **out) {
    const uint8_t *heap = (const uint8_t *)vlen->heap.data;
    uint64_t end = vlen->heap.len;
    uint64_t at = HEAD_BYTES;
    while (end - at >= HEAD_BYTES && little(heap + at, 2) != 0) {
        uint64_t held = little(heap + at + 8, 8);
        uint64_t room = end - at - HEAD_BYTES;
        if (held > room) {
            break;
        }
        if (little(heap + at, 2) == index) {
            *out = heap + at + HEAD_BYTES;
            return size <= held
                       ? PP_OK
                       : ppi_fail(PP_ERR_CORRUPT,
                                  "heap object %u has %llu bytes, %llu "
                                  "are expected",
                                  index, (unsigned long long)held, (unsigned long long)size);
        }
        uint64_t padded = (held + 7) / 8 * 8;
        if (padded > room) {
            break;
        }
        at += HEAD_BYTES + padded;
    }
    return ppi_fail(PP_ERR_CORRUPT, "the heap has no object %u", index);
}

/* The bytes a reference means; NULL for an empty value. */
static pp_status follow(ppi_h5_vlen *vlen, const uint8_t *ref, const uint8_t **bytes,
                        size_t *size) {
    uint64_t length = little(ref, 4);
    uint64_t address = little(ref + 4, 8);
    *bytes = NULL;
    *size = (size_t)length;
    if (length == 0) {
        return PP_OK;
    }
    if (address > (uint64_t)vlen->file_bytes) {
        return ppi_fail(PP_ERR_CORRUPT, "heap at address %llu of a file of %lld bytes",
                        (unsigned long long)address, (long long)vlen->file_bytes);
    }
    PPI_TRY(load_heap(vlen, vlen->base + (int64_t)address));
    return find_object(vlen, (uint32_t)little(ref + 12, 4), length, bytes);
}

/* ---- references ---- */

/* The references of the chunk that begins at row `row`. */
static pp_status load_chunk(ppi_h5_vlen *vlen, ppi_h5_data *column, int64_t row) {
    size_t bytes = (size_t)ppi_h5_data_shape(column)->chunk_rows * REF_BYTES;
    ppi_buf_clear(&vlen->refs);
    PPI_TRY(ppi_buf_reserve(&vlen->refs, bytes));
    vlen->refs.len = bytes;
    return ppi_h5_chunk_decode(vlen->refs.data, bytes, column, row, &vlen->stored);
}

/* Loads the references around `row`; they begin with row *first and are *rows long. */
static pp_status load_refs(ppi_h5_vlen *vlen, ppi_h5_data *column, int64_t row, int64_t *first,
                           int64_t *rows) {
    const ppi_h5_shape *shape = ppi_h5_data_shape(column);
    if (ppi_h5_chunk_can(shape) && shape->chunk_rows <= MAX_CHUNK_ROWS) {
        *first = row / shape->chunk_rows * shape->chunk_rows;
        *rows = shape->chunk_rows;
        return load_chunk(vlen, column, *first);
    }
    if (shape->file_offset >= 0) {
        int64_t bytes = shape->dims[0] * REF_BYTES;
        *first = 0;
        *rows = shape->dims[0];
        if (shape->file_offset > vlen->file_bytes ||
            bytes > vlen->file_bytes - shape->file_offset) {
            return ppi_fail(PP_ERR_CORRUPT, "%lld rows reach past the end of the file",
                            (long long)shape->dims[0]);
        }
        return read_at(vlen, &vlen->refs, shape->file_offset, bytes);
    }
    return ppi_fail(PP_ERR_UNSUPPORTED,
                    "variable-length values are read from plain or deflated "
                    "chunks of at most %lld rows and from contiguous columns only",
                    (long long)MAX_CHUNK_ROWS);
}

pp_status ppi_h5_vlen_each(ppi_h5_vlen *vlen, ppi_h5_data *column, int64_t first, int64_t count,
                           ppi_h5_vlen_fn fn, void *context) {
    int64_t loaded = 0;
    int64_t rows = 0;
    for (int64_t row = first; row < first + count; row++) {
        const uint8_t *bytes = NULL;
        size_t size = 0;
        pp_status status = PP_OK;
        if (row >= loaded + rows || rows == 0) {
            status = load_refs(vlen, column, row, &loaded, &rows);
        }
        if (status == PP_OK) {
            const uint8_t *refs = (const uint8_t *)vlen->refs.data;
            status = follow(vlen, refs + (row - loaded) * REF_BYTES, &bytes, &size);
        }
        if (status == PP_OK) {
            status = fn(context, row, bytes, size);
        }
        PPI_TRY(ppi_fail_context(status, "%s: %s row %lld", vlen->path, ppi_h5_data_path(column),
                                 (long long)row));
    }
    return PP_OK;
}
