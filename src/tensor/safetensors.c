/* Reader and writer of named-tensor files. Every sum over lengths from a file is checked for overflow
   before it is used, and the tensors must tile the data without hole or overlap. */
#include "tensor/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"

struct ppi_safetensors {
    char *name;            /* file name for error texts */
    ppi_map map;           /* empty when parsed from memory */
    const uint8_t *buffer; /* tensor data */
    size_t buffer_size;
    ppi_json *header;
    ppi_st_tensor *tensor; /* [count] in file order */
    int count;
};

static const struct {
    const char *name;
    int bits;
} dtypes[] = {
    {"BOOL", 8},      {"U8", 8},          {"I8", 8},      {"I16", 16},     {"U16", 16},
    {"F16", 16},      {"BF16", 16},       {"I32", 32},    {"U32", 32},     {"F32", 32},
    {"F64", 64},      {"I64", 64},        {"U64", 64},    {"C64", 64},     {"F8_E5M2", 8},
    {"F8_E4M3", 8},   {"F8_E8M0", 8},     {"F6_E2M3", 6}, {"F6_E3M2", 6},  {"F4", 4},
    {"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8},
};

int ppi_st_dtype_bits(const char *dtype) {
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(dtypes[i].name, dtype) == 0) return dtypes[i].bits;
    }
    return 0;
}

/* *n *= by, or false when the product does not fit. */
static bool multiply(uint64_t *n, uint64_t by) {
    if (by != 0 && *n > UINT64_MAX / by) return false;
    *n *= by;
    return true;
}

/* Bytes of a tensor, or false when the sum overflows or is no whole number of bytes. */
static bool tensor_bytes(const int64_t *shape, int ndim, int bits, size_t *bytes) {
    uint64_t n = 1;
    bool zero = false;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0) return false;
        if (shape[i] == 0) {
            zero = true;
        } else if (!multiply(&n, (uint64_t)shape[i])) {
            return false;
        }
    }
    if (zero) n = 0;
    if (!multiply(&n, (uint64_t)bits) || n % 8 != 0) return false;
    *bytes = (size_t)(n / 8);
    return true;
}

static pp_status bad(const ppi_safetensors *st, const char *tensor, const char *what) {
    return ppi_fail(PP_ERR_CORRUPT, "%s: tensor '%s': %s", st->name, tensor, what);
}

static pp_status read_shape(ppi_safetensors *st, const ppi_json *entry, ppi_st_tensor *t) {
    const ppi_json *shape = NULL;
    PPI_TRY(ppi_json_get_array(entry, "shape", &shape));
    const int64_t ndim = ppi_json_count(shape);
    if (ndim > PPI_SAFETENSORS_DIMS) return bad(st, t->name, "more than 8 dimensions");
    t->ndim = (int)ndim;
    for (int i = 0; i < t->ndim; i++) {
        PPI_TRY(ppi_json_as_i64(ppi_json_at(shape, i), "shape", &t->shape[i]));
        if (t->shape[i] < 0) return bad(st, t->name, "a negative dimension");
    }
    return PP_OK;
}

/* One member of the header that is a tensor. */
static pp_status read_entry(ppi_safetensors *st, const char *key, const ppi_json *entry,
                            ppi_st_tensor *t) {
    if (strlen(key) >= sizeof t->name) return bad(st, key, "the name is too long");
    snprintf(t->name, sizeof t->name, "%s", key);
    const char *dtype = NULL;
    PPI_TRY(ppi_json_get_string(entry, "dtype", &dtype));
    const int bits = ppi_st_dtype_bits(dtype);
    if (bits == 0) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: tensor '%s': unknown dtype '%.40s'", st->name, key,
                        dtype);
    }
    snprintf(t->dtype, sizeof t->dtype, "%s", dtype);
    PPI_TRY(read_shape(st, entry, t));
    const ppi_json *offsets = NULL;
    PPI_TRY(ppi_json_get_array(entry, "data_offsets", &offsets));
    if (ppi_json_count(offsets) != 2) return bad(st, key, "data_offsets needs two numbers");
    int64_t begin = 0;
    int64_t end = 0;
    PPI_TRY(ppi_json_as_i64(ppi_json_at(offsets, 0), "data_offsets", &begin));
    PPI_TRY(ppi_json_as_i64(ppi_json_at(offsets, 1), "data_offsets", &end));
    if (begin < 0 || end < begin || (uint64_t)end > st->buffer_size) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: tensor '%s': data_offsets [%" PRId64 ", %" PRId64
                        "] do not fit into the %zu data bytes of the file (truncated?)",
                        st->name, key, begin, end, st->buffer_size);
    }
    size_t bytes = 0;
    if (!tensor_bytes(t->shape, t->ndim, bits, &bytes)) {
        return bad(st, key, "the size of its shape overflows");
    }
    if (bytes != (size_t)(end - begin)) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: tensor '%s': data_offsets hold %" PRId64
                        " bytes, shape and dtype need %zu",
                        st->name, key, end - begin, bytes);
    }
    t->data = st->buffer + begin;
    t->bytes = bytes;
    return PP_OK;
}

static pp_status each_meta(void *ctx, const char *key, const ppi_json *value) {
    (void)ctx;
    const char *text = NULL;
    return ppi_json_as_string(value, key, &text);
}

static pp_status each_entry(void *ctx, const char *key, const ppi_json *value) {
    ppi_safetensors *st = ctx;
    if (ppi_json_kind_of(value) != PPI_JSON_OBJECT) return bad(st, key, "not a JSON object");
    if (strcmp(key, "__metadata__") == 0) return ppi_json_each(value, each_meta, NULL);
    return read_entry(st, key, value, &st->tensor[st->count++]);
}

static int by_offset(const void *a, const void *b) {
    const ppi_st_tensor *x = a;
    const ppi_st_tensor *y = b;
    const uint8_t *px = x->data;
    const uint8_t *py = y->data;
    if (px != py) return px < py ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* The tensors, sorted by offset, must tile the data exactly. */
static pp_status check_tiling(const ppi_safetensors *st) {
    const uint8_t *at = st->buffer;
    for (int i = 0; i < st->count; i++) {
        const ppi_st_tensor *t = &st->tensor[i];
        const uint8_t *begin = t->data;
        if (begin > at) return bad(st, t->name, "a hole before its data");
        if (begin < at) return bad(st, t->name, "its data overlap another tensor's");
        at = begin + t->bytes;
    }
    if (at != st->buffer + st->buffer_size) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: %zu data bytes behind the last tensor", st->name,
                        (size_t)(st->buffer + st->buffer_size - at));
    }
    return PP_OK;
}

static pp_status parse(ppi_safetensors *st, const uint8_t *data, size_t size) {
    if (size < 8) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: %zu bytes, a safetensors file has at least 8",
                        st->name, size);
    }
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) n |= (uint64_t)data[i] << (8 * i);
    if (n > PPI_SAFETENSORS_MAX_HEADER) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: header of %" PRIu64 " bytes is over the limit of %u",
                        st->name, n, PPI_SAFETENSORS_MAX_HEADER);
    }
    if (n > size - 8) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: header of %" PRIu64 " bytes in a file of %zu (truncated?)", st->name,
                        n, size);
    }
    if (n == 0 || data[8] != '{') {
        return ppi_fail(PP_ERR_CORRUPT, "%s: the header does not start with '{'", st->name);
    }
    st->buffer = data + 8 + n;
    st->buffer_size = size - 8 - (size_t)n;
    pp_status s = ppi_json_parse(&st->header, (const char *)data + 8, (size_t)n, st->name);
    if (s != PP_OK) return s == PP_ERR_NO_MEMORY ? s : ppi_fail(PP_ERR_CORRUPT, "%s", pp_last_error());
    const int64_t members = ppi_json_count(st->header);
    st->tensor = ppi_calloc((size_t)members + 1, sizeof *st->tensor);
    if (st->tensor == NULL) return ppi_oom("the tensor table");
    s = ppi_json_each(st->header, each_entry, st);
    if (s != PP_OK) {
        if (strstr(pp_last_error(), st->name) == NULL) ppi_fail_context(s, "%s", st->name);
        return s == PP_ERR_NO_MEMORY ? s : ppi_fail(PP_ERR_CORRUPT, "%s", pp_last_error());
    }
    qsort(st->tensor, (size_t)st->count, sizeof *st->tensor, by_offset);
    return check_tiling(st);
}

pp_status ppi_safetensors_parse(ppi_safetensors **out, const void *data, size_t size,
                                const char *name) {
    *out = NULL;
    ppi_safetensors *st = ppi_calloc(1, sizeof *st);
    if (st == NULL) return ppi_oom("a tensor file");
    st->name = ppi_strdup(name);
    const pp_status s = st->name == NULL ? ppi_oom("a file name") : parse(st, data, size);
    if (s != PP_OK) {
        ppi_safetensors_close(st);
        return s;
    }
    *out = st;
    return PP_OK;
}

pp_status ppi_safetensors_open(ppi_safetensors **out, const char *path) {
    *out = NULL;
    ppi_map map = {0};
    PPI_TRY(ppi_file_map(path, &map));
    const pp_status s = ppi_safetensors_parse(out, map.data, map.size, path);
    if (s != PP_OK) {
        ppi_file_unmap(&map);
        return s;
    }
    (*out)->map = map;
    return PP_OK;
}

void ppi_safetensors_close(ppi_safetensors *st) {
    if (st == NULL) return;
    ppi_json_free(st->header);
    ppi_free(st->tensor);
    ppi_free(st->name);
    if (st->map.data != NULL) ppi_file_unmap(&st->map);
    ppi_free(st);
}

int ppi_safetensors_count(const ppi_safetensors *st) { return st->count; }

const ppi_st_tensor *ppi_safetensors_at(const ppi_safetensors *st, int i) {
    return i >= 0 && i < st->count ? &st->tensor[i] : NULL;
}

const ppi_st_tensor *ppi_safetensors_find(const ppi_safetensors *st, const char *name) {
    for (int i = 0; i < st->count; i++) {
        if (strcmp(st->tensor[i].name, name) == 0) return &st->tensor[i];
    }
    return NULL;
}

static void shape_text(char *out, size_t size, int ndim, const int64_t *shape) {
    size_t n = (size_t)snprintf(out, size, "[");
    for (int i = 0; i < ndim && n < size; i++) {
        n += (size_t)snprintf(out + n, size - n, "%s%" PRId64, i > 0 ? "," : "", shape[i]);
    }
    if (n < size) snprintf(out + n, size - n, "]");
}

pp_status ppi_safetensors_need(const ppi_safetensors *st, const char *name, const char *dtype,
                               int ndim, const int64_t *shape, const ppi_st_tensor **out) {
    const ppi_st_tensor *t = ppi_safetensors_find(st, name);
    if (t == NULL) {
        return ppi_fail(PP_ERR_NOT_FOUND, "%s: tensor '%s' is missing", st->name, name);
    }
    if (dtype != NULL && strcmp(t->dtype, dtype) != 0) {
        return ppi_fail(PP_ERR_SHAPE, "%s: tensor '%s' has dtype %s, expected %s", st->name, name,
                        t->dtype, dtype);
    }
    if (ndim >= 0) {
        bool same = t->ndim == ndim;
        for (int i = 0; same && i < ndim; i++) same = t->shape[i] == shape[i];
        if (!same) {
            char found[192];
            char wanted[192];
            shape_text(found, sizeof found, t->ndim, t->shape);
            shape_text(wanted, sizeof wanted, ndim, shape);
            return ppi_fail(PP_ERR_SHAPE, "%s: tensor '%s' has shape %s, expected %s", st->name,
                            name, found, wanted);
        }
    }
    *out = t;
    return PP_OK;
}

const char *ppi_safetensors_meta(const ppi_safetensors *st, const char *key) {
    const ppi_json *meta = ppi_json_find(st->header, "__metadata__");
    const char *text = NULL;
    if (meta == NULL || ppi_json_find(meta, key) == NULL) return NULL;
    return ppi_json_get_string(meta, key, &text) == PP_OK ? text : NULL;
}

/* Larger elements first, then by name. */
static int by_alignment(const void *a, const void *b) {
    const ppi_st_tensor *x = *(const ppi_st_tensor *const *)a;
    const ppi_st_tensor *y = *(const ppi_st_tensor *const *)b;
    const int bx = ppi_st_dtype_bits(x->dtype);
    const int by = ppi_st_dtype_bits(y->dtype);
    if (bx != by) return bx > by ? -1 : 1;
    return strcmp(x->name, y->name);
}

static pp_status check_tensors(const ppi_st_tensor *const *order, int n) {
    for (int i = 0; i < n; i++) {
        size_t bytes = 0;
        const int bits = ppi_st_dtype_bits(order[i]->dtype);
        if (bits == 0 || !tensor_bytes(order[i]->shape, order[i]->ndim, bits, &bytes) ||
            bytes != order[i]->bytes) {
            return ppi_fail(PP_ERR_SHAPE, "tensor '%s' to be written: %zu bytes of dtype %s do not fit its shape",
                            order[i]->name, order[i]->bytes, order[i]->dtype);
        }
        for (int j = 0; j < i; j++) {
            if (strcmp(order[i]->name, order[j]->name) == 0) {
                return ppi_fail(PP_ERR_EXISTS, "tensor '%s' is to be written twice", order[i]->name);
            }
        }
    }
    return PP_OK;
}

/* Drops the blanks between the tokens of the JSON text from `start` on. */
static void compact(ppi_buf *text, size_t start) {
    bool in_string = false;
    size_t to = start;
    for (size_t i = start; i < text->len; i++) {
        const char c = text->data[i];
        if (in_string && c == '\\') {
            text->data[to++] = c;
            text->data[to++] = text->data[++i];
            continue;
        }
        if (c == '"') in_string = !in_string;
        if (in_string || c != ' ') text->data[to++] = c;
    }
    text->len = to;
}

/* Length field and header with its padding. */
static pp_status write_header(ppi_buf *out, const ppi_st_tensor *const *order, int n,
                              const ppi_st_meta *meta, int n_meta) {
    static const char length[8] = {0};
    ppi_jsonw w;
    PPI_TRY(ppi_buf_append(out, length, sizeof length));
    ppi_jsonw_init(&w, out, 0);
    ppi_jsonw_object_begin(&w);
    if (n_meta > 0) {
        ppi_jsonw_key(&w, "__metadata__");
        ppi_jsonw_object_begin(&w);
        for (int i = 0; i < n_meta; i++) ppi_jsonw_key_string(&w, meta[i].key, meta[i].value);
        ppi_jsonw_object_end(&w);
    }
    int64_t offset = 0;
    for (int i = 0; i < n; i++) {
        ppi_jsonw_key(&w, order[i]->name);
        ppi_jsonw_object_begin(&w);
        ppi_jsonw_key_string(&w, "dtype", order[i]->dtype);
        ppi_jsonw_key(&w, "shape");
        ppi_jsonw_array_begin(&w);
        for (int d = 0; d < order[i]->ndim; d++) ppi_jsonw_i64(&w, order[i]->shape[d]);
        ppi_jsonw_array_end(&w);
        ppi_jsonw_key(&w, "data_offsets");
        ppi_jsonw_array_begin(&w);
        ppi_jsonw_i64(&w, offset);
        offset += (int64_t)order[i]->bytes;
        ppi_jsonw_i64(&w, offset);
        ppi_jsonw_array_end(&w);
        ppi_jsonw_object_end(&w);
    }
    ppi_jsonw_object_end(&w);
    PPI_TRY(ppi_jsonw_finish(&w));
    compact(out, 8);
    while (out->len % 8 != 0) PPI_TRY(ppi_buf_append_char(out, ' '));
    uint64_t size = out->len - 8;
    for (int i = 0; i < 8; i++) out->data[i] = (char)(size >> (8 * i));
    return PP_OK;
}

static pp_status write_fd(int fd, const char *path, const ppi_buf *header,
                          const ppi_st_tensor *const *order, int n, char *sha256_hex) {
    ppi_sha256 hash;
    ppi_sha256_init(&hash);
    ppi_sha256_update(&hash, header->data, header->len);
    PPI_TRY(ppi_file_write_all_fd(fd, header->data, header->len, path));
    for (int i = 0; i < n; i++) {
        if (order[i]->bytes == 0) continue;
        if (sha256_hex != NULL) ppi_sha256_update(&hash, order[i]->data, order[i]->bytes);
        PPI_TRY(ppi_file_write_all_fd(fd, order[i]->data, order[i]->bytes, path));
    }
    if (sha256_hex != NULL) ppi_sha256_final(&hash, sha256_hex);
    return PP_OK;
}

static pp_status write_file(const char *path, const ppi_buf *header,
                            const ppi_st_tensor *const *order, int n, char *sha256_hex) {
    ppi_replace r;
    PPI_TRY(ppi_replace_begin(&r, path));
    return ppi_replace_end(&r, write_fd(r.fd, r.temporary, header, order, n, sha256_hex));
}

pp_status ppi_safetensors_write(const char *path, const ppi_st_tensor *tensors, int n,
                                const ppi_st_meta *meta, int n_meta, char *sha256_hex) {
    const ppi_st_tensor **order = ppi_calloc((size_t)n + 1, sizeof *order);
    if (order == NULL) return ppi_oom("the tensor table");
    for (int i = 0; i < n; i++) order[i] = &tensors[i];
    qsort(order, (size_t)n, sizeof *order, by_alignment);
    ppi_buf header = {0};
    pp_status s = check_tensors(order, n);
    if (s == PP_OK) s = write_header(&header, order, n, meta, n_meta);
    if (s == PP_OK) s = write_file(path, &header, order, n, sha256_hex);
    ppi_buf_free(&header);
    ppi_free(order);
    return s;
}
