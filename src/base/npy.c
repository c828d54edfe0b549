/* NumPy array files. The header is a Python dict literal; the parser takes keys in any order and
 * any spacing, and nothing but the three known keys. */
#include "base/npy.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

enum { PREFIX_V1 = 10, PREFIX_V2 = 12, DATA_ALIGNMENT = 64, MAX_HEADER = 1 << 20 };

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

typedef struct reader {
    const char *at;
    const char *end;
} reader;

static void skip_space(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

/* Takes one character behind optional space. */
static bool take(reader *r, char c) {
    skip_space(r);
    if (r->at >= r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static bool take_word(reader *r, const char *word) {
    const size_t length = strlen(word);
    skip_space(r);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

/* A quoted string without escapes into out[size]. */
static bool take_string(reader *r, char *out, size_t size) {
    skip_space(r);
    if (r->at >= r->end || (*r->at != '\'' && *r->at != '"')) return false;
    const char quote = *r->at++;
    size_t used = 0;
    while (r->at < r->end && *r->at != quote) {
        if (used + 1 >= size || *r->at == '\\' || *r->at == '\0') return false;
        out[used++] = *r->at++;
    }
    if (r->at >= r->end) return false;
    r->at++;
    out[used] = '\0';
    return true;
}

static bool take_size(reader *r, int64_t *out) {
    skip_space(r);
    int64_t value = 0;
    const char *start = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        const int digit = *r->at - '0';
        if (value > (INT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (r->at > start && r->at < r->end && *r->at == 'L') r->at++; /* numpy under Python 2 */
    *out = value;
    return r->at > start;
}

/* "(3, 4)", "(3,)" or "()". */
static bool take_shape(reader *r, ppi_npy *out) {
    if (!take(r, '(')) return false;
    out->ndim = 0;
    while (!take(r, ')')) {
        if (out->ndim == PPI_NPY_MAX_DIMS || !take_size(r, &out->shape[out->ndim])) return false;
        out->ndim++;
        if (!take(r, ',') && !(r->at < r->end && *r->at == ')')) return false;
    }
    return true;
}

static pp_status set_type(ppi_npy *out, const char *descr) {
    const char order = descr[0];
    const char kind = order != '\0' ? descr[1] : '\0';
    const char digit = kind != '\0' ? descr[2] : '\0';
    const bool known =
        strlen(descr) == 3 && strchr("biuf", kind) != NULL && strchr("1248", digit) != NULL;
    if (!known || (kind == 'b' && digit != '1') || (kind == 'f' && digit == '1')) {
        return ppi_fail(
            PP_ERR_UNSUPPORTED,
            "npy type \"%s\" cannot be read, expected numbers such as \"|u1\" or \"<f4\"", descr);
    }
    if (order == '>' || (order == '=' && digit != '1')) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "npy type \"%s\" is not little-endian", descr);
    }
    if (order != '<' && order != '|')
        return ppi_fail(PP_ERR_CORRUPT, "npy type \"%s\" has no byte order", descr);
    out->kind = kind;
    out->item_bytes = digit - '0';
    return PP_OK;
}

/* Parses the dict into out; checks that each key is there once. */
static pp_status parse_dict(ppi_npy *out, reader *r) {
    enum { DESCR = 1, FORTRAN = 2, SHAPE = 4, ALL = 7 };
    char key[32];
    char descr[32] = "";
    bool fortran = false;
    int seen = 0;
    bool good = take(r, '{');
    while (good && !take(r, '}')) {
        int bit = 0;
        good = take_string(r, key, sizeof key) && take(r, ':');
        if (good && strcmp(key, "descr") == 0) {
            bit = DESCR;
            good = take_string(r, descr, sizeof descr);
            if (!good) {
                return ppi_fail(PP_ERR_UNSUPPORTED,
                                "npy type is a record or has a long name, expected plain numbers");
            }
        } else if (good && strcmp(key, "fortran_order") == 0) {
            bit = FORTRAN;
            fortran = take_word(r, "True");
            good = fortran || take_word(r, "False");
        } else if (good && strcmp(key, "shape") == 0) {
            bit = SHAPE;
            good = take_shape(r, out);
        }
        good = good && bit != 0 && (seen & bit) == 0;
        seen |= bit;
        if (good && !take(r, ',') && !(r->at < r->end && *r->at == '}')) good = false;
    }
    if (!good || seen != ALL) {
        return ppi_fail(
            PP_ERR_CORRUPT,
            "npy header is not a dict of descr, fortran_order and shape (up to %d sizes)",
            PPI_NPY_MAX_DIMS);
    }
    if (fortran)
        return ppi_fail(PP_ERR_UNSUPPORTED, "npy array is in Fortran order, expected C order");
    return set_type(out, descr);
}

/* count and data_bytes from shape and type. */
static pp_status set_sizes(ppi_npy *out) {
    int64_t count = 1;
    for (int i = 0; i < out->ndim; i++) {
        if (out->shape[i] > 0 && count > INT64_MAX / 8 / out->shape[i]) {
            return ppi_fail(PP_ERR_CORRUPT, "npy shape is too large at axis %d (%lld)", i,
                            (long long)out->shape[i]);
        }
        count *= out->shape[i];
    }
    out->count = count;
    out->data_bytes = (size_t)count * (size_t)out->item_bytes;
    return PP_OK;
}

pp_status ppi_npy_parse_header(ppi_npy *out, const void *bytes, size_t size) {
    const unsigned char *p = bytes;
    *out = (ppi_npy){0};
    if (size < PREFIX_V1 || memcmp(p, magic, sizeof magic) != 0) {
        return ppi_fail(PP_ERR_CORRUPT, "%zu bytes do not start with an npy header", size);
    }
    if (p[6] < 1 || p[6] > 3)
        return ppi_fail(PP_ERR_UNSUPPORTED, "npy version is %d, expected 1 to 3", p[6]);
    const size_t prefix = p[6] == 1 ? PREFIX_V1 : PREFIX_V2;
    if (size < prefix) return ppi_fail(PP_ERR_CORRUPT, "npy header is cut after %zu bytes", size);
    size_t length = (size_t)p[8] | (size_t)p[9] << 8;
    if (p[6] > 1) length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > MAX_HEADER || length > size - prefix) {
        return ppi_fail(PP_ERR_CORRUPT, "npy header of %zu bytes is cut after %zu", length,
                        size - prefix);
    }
    reader r = {.at = (const char *)p + prefix, .end = (const char *)p + prefix + length};
    PPI_TRY(parse_dict(out, &r));
    skip_space(&r);
    if (r.at != r.end) return ppi_fail(PP_ERR_CORRUPT, "npy header has text behind its dict");
    out->header_bytes = prefix + length;
    return set_sizes(out);
}

pp_status ppi_npy_parse(ppi_npy *out, const void *bytes, size_t size) {
    PPI_TRY(ppi_npy_parse_header(out, bytes, size));
    const size_t there = size - out->header_bytes;
    if (there < out->data_bytes) {
        return ppi_fail(PP_ERR_CORRUPT, "npy data is cut: %zu of %zu bytes", there,
                        out->data_bytes);
    }
    out->data = (const unsigned char *)bytes + out->header_bytes;
    return PP_OK;
}

pp_status ppi_npy_load(ppi_npy *out, const char *path) {
    char *bytes;
    size_t size;
    *out = (ppi_npy){0};
    PPI_TRY(ppi_file_read_all(path, &bytes, &size));
    const pp_status status = ppi_npy_parse(out, bytes, size);
    if (status != PP_OK) {
        ppi_free(bytes);
        *out = (ppi_npy){0};
        return ppi_fail_context(status, "cannot read \"%s\"", path);
    }
    out->owned = bytes;
    return PP_OK;
}

void ppi_npy_free(ppi_npy *array) {
    ppi_free(array->owned);
    *array = (ppi_npy){0};
}

pp_status ppi_npy_write_buf(ppi_buf *out, char kind, int item_bytes, int ndim, const int64_t *shape,
                            const void *data) {
    ppi_npy checked = {.ndim = ndim};
    char descr[16];
    ppi_buf dict = {0};
    if (ndim < 0 || ndim > PPI_NPY_MAX_DIMS) {
        return ppi_fail(PP_ERR_SHAPE, "npy array has %d axes, expected 0..%d", ndim,
                        PPI_NPY_MAX_DIMS);
    }
    snprintf(descr, sizeof descr, "%c%c%d", item_bytes == 1 ? '|' : '<', kind, item_bytes);
    PPI_TRY(set_type(&checked, descr));
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0)
            return ppi_fail(PP_ERR_SHAPE, "npy axis %d has size %lld", i, (long long)shape[i]);
        checked.shape[i] = shape[i];
    }
    PPI_TRY(set_sizes(&checked));
    ppi_buf_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < ndim; i++) {
        ppi_buf_printf(&dict, "%s%lld%s", i > 0 ? " " : "", (long long)shape[i],
                       i + 1 < ndim || ndim == 1 ? "," : "");
    }
    ppi_buf_append_text(&dict, "), }");
    while ((PREFIX_V1 + dict.len + 1) % DATA_ALIGNMENT != 0 && dict.failed == PP_OK)
        ppi_buf_append_char(&dict, ' ');
    ppi_buf_append_char(&dict, '\n');
    const unsigned char tail[4] = {1, 0, (unsigned char)dict.len, (unsigned char)(dict.len >> 8)};
    pp_status status = dict.failed;
    if (status == PP_OK) status = ppi_buf_append(out, magic, sizeof magic);
    if (status == PP_OK) status = ppi_buf_append(out, tail, sizeof tail);
    if (status == PP_OK) status = ppi_buf_append(out, dict.data, dict.len);
    if (status == PP_OK) status = ppi_buf_append(out, data, checked.data_bytes);
    ppi_buf_free(&dict);
    return status;
}

pp_status ppi_npy_write(const char *path, char kind, int item_bytes, int ndim, const int64_t *shape,
                        const void *data) {
    ppi_buf out = {0};
    pp_status status = ppi_npy_write_buf(&out, kind, item_bytes, ndim, shape, data);
    if (status == PP_OK) status = ppi_file_write_atomic(path, out.data, out.len);
    ppi_buf_free(&out);
    return status;
}
