/* gzip and zlib through zlib's stream interface; the only file that sees zlib.h. */
#include "base/gz.h"

#include <errno.h>
#include <stdbool.h>

#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    READ_BUFFER = 1 << 17,
    FIRST_READ = 1 << 16,
    STEP = 1 << 30, /* bytes a single zlib call gets, below its 32-bit counters */
    DETECT_FRAMING = MAX_WBITS + 32,
    GZIP_FRAMING = MAX_WBITS + 16
};

struct ppi_gz {
    gzFile file;
    char *path;
};

pp_status ppi_gz_open(ppi_gz **out, const char *path) {
    *out = NULL;
    ppi_gz *gz = ppi_calloc(1, sizeof *gz);
    if (gz == NULL) return ppi_oom("a gzip reader");
    gz->path = ppi_strdup(path);
    errno = 0;
    if (gz->path != NULL) gz->file = gzopen(path, "rb");
    if (gz->file == NULL) {
        const bool no_memory = gz->path == NULL || errno == 0;
        const pp_status status =
            no_memory ? ppi_oom("a gzip reader") : ppi_fail_errno("cannot open \"%s\"", path);
        ppi_gz_close(gz);
        return status;
    }
    gzbuffer(gz->file, READ_BUFFER);
    *out = gz;
    return PP_OK;
}

void ppi_gz_close(ppi_gz *gz) {
    if (gz == NULL) return;
    if (gz->file != NULL) gzclose(gz->file);
    ppi_free(gz->path);
    ppi_free(gz);
}

/* Turns zlib's state after a short or failed read into a status; PP_OK at a proper end. */
static pp_status read_state(ppi_gz *gz) {
    int code = Z_OK;
    const char *text = gzerror(gz->file, &code);
    if (code == Z_OK || code == Z_STREAM_END) return PP_OK;
    if (code == Z_ERRNO) return ppi_fail_errno("cannot read \"%s\"", gz->path);
    if (code == Z_MEM_ERROR) return ppi_oom("gzip decoding");
    if (code == Z_BUF_ERROR) text = "the file ends inside the compressed data";
    return ppi_fail(PP_ERR_CORRUPT, "\"%s\" is not a whole gzip file: %s", gz->path, text);
}

pp_status ppi_gz_read(ppi_gz *gz, void *data, size_t size, size_t *got) {
    unsigned char *bytes = data;
    *got = 0;
    while (*got < size) {
        const size_t left = size - *got;
        const int count = gzread(gz->file, bytes + *got, (unsigned)(left < STEP ? left : STEP));
        if (count > 0) *got += (size_t)count;
        if (count <= 0 || gzeof(gz->file)) {
            PPI_TRY(read_state(gz));
            if (count <= 0) break;
        }
    }
    return PP_OK;
}

pp_status ppi_gz_read_exact(ppi_gz *gz, void *data, size_t size) {
    size_t got;
    PPI_TRY(ppi_gz_read(gz, data, size, &got));
    if (got == size) return PP_OK;
    return ppi_fail(PP_ERR_CORRUPT, "\"%s\" ends after %zu of %zu bytes", gz->path, got, size);
}

/* Reads the rest of gz into `out`, one byte more than the limit at most (0: no limit). */
static pp_status read_rest(ppi_gz *gz, size_t max_bytes, ppi_buf *out) {
    for (;;) {
        size_t want = out->len > FIRST_READ ? out->len : FIRST_READ;
        if (max_bytes > 0 && want > max_bytes - out->len) want = max_bytes - out->len + 1;
        size_t got;
        PPI_TRY(ppi_buf_reserve(out, want));
        PPI_TRY(ppi_gz_read(gz, out->data + out->len, want, &got));
        out->len += got;
        out->data[out->len] = '\0';
        if (max_bytes > 0 && out->len > max_bytes) {
            return ppi_fail(PP_ERR_CORRUPT, "\"%s\" holds more than the expected %zu bytes",
                            gz->path, max_bytes);
        }
        if (got < want) return PP_OK;
    }
}

pp_status ppi_gz_read_all(const char *path, size_t max_bytes, char **data, size_t *size) {
    ppi_gz *gz;
    ppi_buf out = {0};
    PPI_TRY(ppi_gz_open(&gz, path));
    const pp_status status = read_rest(gz, max_bytes, &out);
    ppi_gz_close(gz);
    if (status != PP_OK) {
        ppi_buf_free(&out);
        return status;
    }
    *data = out.data;
    *size = out.len;
    return PP_OK;
}

/* Compresses src in steps into `out` with an initialised stream. */
static pp_status run_deflate(z_stream *z, ppi_buf *out, const unsigned char *src, size_t size) {
    int code = Z_OK;
    size_t at = 0;
    while (code != Z_STREAM_END) {
        if (z->avail_in == 0 && at < size) {
            const size_t part = size - at < STEP ? size - at : STEP;
            z->next_in = (z_const Bytef *)(src + at);
            z->avail_in = (unsigned)part;
            at += part;
        }
        PPI_TRY(ppi_buf_reserve(out, FIRST_READ));
        z->next_out = (Bytef *)out->data + out->len;
        z->avail_out = FIRST_READ;
        code = deflate(z, at == size ? Z_FINISH : Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
            return ppi_fail(PP_ERR_INTERNAL, "zlib refuses to compress %zu bytes (code %d)", size,
                            code);
        }
        out->len += FIRST_READ - z->avail_out;
        out->data[out->len] = '\0';
    }
    return PP_OK;
}

/* The smallest window that holds everything; zlib sets up its memory at every call, for a full
 * window a quarter of a megabyte, which takes longer than compressing a few thousand bytes. */
static int window_for(size_t size) {
    int bits = 9;
    while (bits < MAX_WBITS && (size_t)1 << bits < size) bits++;
    return bits;
}

static pp_status deflate_framed(ppi_buf *out, const void *src, size_t size, int level,
                                int window_bits) {
    z_stream z = {0};
    const int memory = window_bits < MAX_WBITS ? window_bits - 7 : 8;
    if (level < 1 || level > 9)
        return ppi_fail(PP_ERR_ARGUMENT, "compression level is %d, expected 1..9", level);
    if (deflateInit2(&z, level, Z_DEFLATED, window_bits, memory, Z_DEFAULT_STRATEGY) != Z_OK) {
        return ppi_oom("gzip encoding");
    }
    const pp_status status = run_deflate(&z, out, src, size);
    deflateEnd(&z);
    return status;
}

pp_status ppi_deflate(ppi_buf *out, const void *src, size_t size, int level) {
    return deflate_framed(out, src, size, level, window_for(size));
}

pp_status ppi_gz_write_all(const char *path, const void *data, size_t size, int level) {
    ppi_buf out = {0};
    pp_status status = deflate_framed(&out, data, size, level, GZIP_FRAMING);
    if (status == PP_OK) status = ppi_file_write_atomic(path, out.data, out.len);
    ppi_buf_free(&out);
    return status;
}

/* Runs inflate over all of src; returns zlib's last code. */
static int run_inflate(z_stream *z, unsigned char *dst, size_t cap, size_t *written,
                       const unsigned char *src, size_t size) {
    size_t at = 0;
    int code = Z_OK;
    while (code == Z_OK) {
        const size_t in = size - at < STEP ? size - at : STEP;
        const size_t room = cap - *written < STEP ? cap - *written : STEP;
        z->next_in = (z_const Bytef *)(src + at);
        z->avail_in = (unsigned)in;
        z->next_out = dst + *written;
        z->avail_out = (unsigned)room;
        code = inflate(z, Z_NO_FLUSH);
        at += in - z->avail_in;
        *written += room - z->avail_out;
    }
    return code;
}

pp_status ppi_inflate(void *dst, size_t cap, size_t *written, const void *src, size_t size) {
    z_stream z = {0};
    *written = 0;
    if (inflateInit2(&z, DETECT_FRAMING) != Z_OK) return ppi_oom("zlib decoding");
    const int code = run_inflate(&z, dst, cap, written, src, size);
    const char *reason = z.msg != NULL ? z.msg : "broken data";
    inflateEnd(&z);
    if (code == Z_STREAM_END) return PP_OK;
    if (code == Z_MEM_ERROR) return ppi_oom("zlib decoding");
    if (code == Z_BUF_ERROR) reason = z.avail_in > 0 ? "it does not fit" : "it is cut short";
    return ppi_fail(PP_ERR_CORRUPT, "cannot decompress %zu bytes into %zu: %s", size, cap, reason);
}

const char *ppi_gz_version(void) {
    return zlibVersion();
}
