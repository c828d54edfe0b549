/* Growable byte buffer; doubles its memory and always keeps room for the terminator. */
#include "base/buf.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

enum { FIRST_CAP = 256 };

pp_status ppi_buf_reserve(ppi_buf *buf, size_t extra) {
    if (buf->failed != PP_OK) return buf->failed;
    if (extra < buf->cap - buf->len && buf->data != NULL) return PP_OK;
    if (extra > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
        return buf->failed = ppi_oom("a text buffer (size overflow)");
    }
    const size_t needed = buf->len + extra + 1;
    size_t cap = buf->cap > 0 ? buf->cap * 2 : FIRST_CAP;
    if (cap < needed) cap = needed;
    char *data = ppi_realloc(buf->data, cap);
    if (data == NULL) {
        return buf->failed =
                   ppi_fail(PP_ERR_NO_MEMORY, "out of memory for a buffer of %zu bytes", cap);
    }
    if (buf->data == NULL) data[0] = '\0';
    buf->data = data;
    buf->cap = cap;
    return PP_OK;
}

pp_status ppi_buf_append(ppi_buf *buf, const void *data, size_t size) {
    PPI_TRY(ppi_buf_reserve(buf, size));
    if (size > 0) memcpy(buf->data + buf->len, data, size);
    buf->len += size;
    buf->data[buf->len] = '\0';
    return PP_OK;
}

pp_status ppi_buf_append_text(ppi_buf *buf, const char *text) {
    return ppi_buf_append(buf, text, strlen(text));
}

pp_status ppi_buf_append_char(ppi_buf *buf, char c) {
    return ppi_buf_append(buf, &c, 1);
}

pp_status ppi_buf_vprintf(ppi_buf *buf, const char *fmt, va_list args) {
    va_list again;
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, fmt, args);
    pp_status status = PP_OK;
    if (length < 0) {
        status = buf->failed = ppi_fail(PP_ERR_INTERNAL, "cannot format a text with \"%s\"", fmt);
    } else {
        status = ppi_buf_reserve(buf, (size_t)length);
    }
    if (status == PP_OK) {
        vsnprintf(buf->data + buf->len, (size_t)length + 1, fmt, again);
        buf->len += (size_t)length;
    }
    va_end(again);
    return status;
}

pp_status ppi_buf_printf(ppi_buf *buf, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    const pp_status status = ppi_buf_vprintf(buf, fmt, args);
    va_end(args);
    return status;
}

pp_status ppi_buf_append_f64(ppi_buf *buf, double value) {
    char text[40];
    if (isnan(value)) return ppi_buf_append_text(buf, "nan");
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return ppi_buf_append_text(buf, text);
}

const char *ppi_buf_text(const ppi_buf *buf) {
    return buf->data != NULL ? buf->data : "";
}

void ppi_buf_clear(ppi_buf *buf) {
    buf->len = 0;
    buf->failed = PP_OK;
    if (buf->data != NULL) buf->data[0] = '\0';
}

void ppi_buf_free(ppi_buf *buf) {
    ppi_free(buf->data);
    *buf = (ppi_buf){0};
}
