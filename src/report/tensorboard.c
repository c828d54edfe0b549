/* Event records are protocol buffers (Event > Summary > Value) in TFRecord frames: u64 length,
   masked CRC-32C of it, payload, masked CRC-32C of the payload. Only the fields a scalar needs are
   written. */
#include "report/tensorboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

struct ppi_tb {
    int fd;
    char path[PPI_PATH_SIZE];
    ppi_buf pending;
};

/* Protocol buffer wire types. */
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static void put_le(ppi_buf *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) ppi_buf_append_char(out, (char)(value >> (8 * i)));
}

static void put_varint(ppi_buf *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) ppi_buf_append_char(out, (char)(value | 0x80));
    ppi_buf_append_char(out, (char)value);
}

static void put_key(ppi_buf *out, int field, int wire) {
    put_varint(out, (uint64_t)field << 3 | (uint64_t)wire);
}

static void put_bytes(ppi_buf *out, int field, const void *data, size_t size) {
    put_key(out, field, WIRE_BYTES);
    put_varint(out, size);
    ppi_buf_append(out, data, size);
}

static void put_wall(ppi_buf *out, double wall) {
    uint64_t bits = 0;
    memcpy(&bits, &wall, sizeof bits);
    put_key(out, 1, WIRE_64);
    put_le(out, bits, 8);
}

static pp_status put_frame(ppi_buf *out, ppi_buf *payload) {
    char length[8];
    for (int i = 0; i < 8; i++) length[i] = (char)((uint64_t)payload->len >> (8 * i));
    ppi_buf_append(out, length, sizeof length);
    put_le(out, ppi_crc32c_masked(length, sizeof length), 4);
    ppi_buf_append(out, payload->data, payload->len);
    put_le(out, ppi_crc32c_masked(payload->data, payload->len), 4);
    const pp_status s = payload->failed != PP_OK ? payload->failed : out->failed;
    ppi_buf_free(payload);
    return s;
}

pp_status ppi_tb_encode_version(ppi_buf *out, double wall) {
    static const char version[] = "brain.Event:2";
    ppi_buf event = {0};
    put_wall(&event, wall);
    put_bytes(&event, 3, version, sizeof version - 1);
    return put_frame(out, &event);
}

pp_status ppi_tb_encode_scalar(ppi_buf *out, const char *tag, int64_t step, double wall,
                               float value) {
    ppi_buf item = {0};
    ppi_buf summary = {0};
    ppi_buf event = {0};
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    put_bytes(&item, 1, tag, strlen(tag));
    put_key(&item, 2, WIRE_32);
    put_le(&item, bits, 4);
    put_bytes(&summary, 1, item.data, item.len);
    put_wall(&event, wall);
    put_key(&event, 2, WIRE_VARINT);
    put_varint(&event, (uint64_t)step);
    put_bytes(&event, 5, summary.data, summary.len);
    const pp_status early = item.failed != PP_OK ? item.failed : summary.failed;
    ppi_buf_free(&item);
    ppi_buf_free(&summary);
    const pp_status s = put_frame(out, &event);
    return early != PP_OK ? early : s;
}

pp_status ppi_tb_create(ppi_tb **out, const char *folder) {
    static atomic_uint number;
    *out = NULL;
    ppi_tb *tb = ppi_calloc(1, sizeof *tb);
    if (tb == NULL) return ppi_oom("an event file");
    char host[128] = "host";
    char name[256];
    gethostname(host, sizeof host - 1);
    const double wall = ppi_clock_wall();
    snprintf(name, sizeof name, "events.out.tfevents.%010lld.%s.%ld.%u", (long long)wall, host,
             (long)getpid(), atomic_fetch_add(&number, 1u));
    pp_status s = ppi_path_join(tb->path, sizeof tb->path, folder, name);
    tb->fd = -1;
    if (s == PP_OK) {
        tb->fd = open(tb->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (tb->fd < 0) s = ppi_fail_errno("cannot create '%s'", tb->path);
    }
    if (s == PP_OK) s = ppi_tb_encode_version(&tb->pending, wall);
    if (s == PP_OK) s = ppi_tb_flush(tb);
    if (s != PP_OK) {
        if (tb->fd >= 0) close(tb->fd);
        ppi_buf_free(&tb->pending);
        ppi_free(tb);
        return s;
    }
    *out = tb;
    return PP_OK;
}

pp_status ppi_tb_scalar(ppi_tb *tb, const char *tag, int64_t step, double wall, double value) {
    return ppi_tb_encode_scalar(&tb->pending, tag, step, wall, (float)value);
}

pp_status ppi_tb_flush(ppi_tb *tb) {
    if (tb->pending.len == 0) return tb->pending.failed;
    const pp_status s = ppi_file_write_all_fd(tb->fd, tb->pending.data, tb->pending.len, tb->path);
    ppi_buf_clear(&tb->pending);
    return s;
}

pp_status ppi_tb_close(ppi_tb *tb) {
    if (tb == NULL) return PP_OK;
    pp_status s = ppi_tb_flush(tb);
    if (close(tb->fd) != 0 && s == PP_OK) s = ppi_fail_errno("cannot close '%s'", tb->path);
    ppi_buf_free(&tb->pending);
    ppi_free(tb);
    return s;
}
