/* JSON writing. Commas, line breaks and escapes are the writer's business; nesting mistakes show at
 * the end. */
#include <math.h>

#include "base/error.h"
#include "base/json.h"

void ppi_jsonw_init(ppi_jsonw *w, ppi_buf *buf, int indent) {
    *w = (ppi_jsonw){.buf = buf, .indent = indent};
}

static void break_line(ppi_jsonw *w) {
    if (w->indent > 0) ppi_buf_printf(w->buf, "\n%*s", w->indent * w->depth, "");
}

static void fail_nesting(ppi_jsonw *w, const char *what) {
    if (w->buf->failed == PP_OK)
        w->buf->failed = ppi_fail(PP_ERR_INTERNAL, "JSON writer: %s", what);
}

/* Separates an item from the one before. */
static void separate(ppi_jsonw *w) {
    if (w->has_item[w->depth])
        ppi_buf_append_text(w->buf, w->indent > 0 || w->depth == 0 ? "," : ", ");
    w->has_item[w->depth] = true;
    if (w->depth > 0) break_line(w);
}

static void before_value(ppi_jsonw *w) {
    if (w->after_key) {
        w->after_key = false;
    } else if (w->is_object[w->depth]) {
        fail_nesting(w, "a value in an object needs a key");
    } else if (w->depth == 0 && w->has_item[0]) {
        fail_nesting(w, "a second value behind the whole text");
    } else {
        separate(w);
    }
}

static void begin(ppi_jsonw *w, char bracket) {
    before_value(w);
    if (w->depth >= PPI_JSONW_DEPTH) {
        fail_nesting(w, "nested too deep");
        return;
    }
    ppi_buf_append_char(w->buf, bracket);
    w->depth++;
    w->has_item[w->depth] = false;
    w->is_object[w->depth] = bracket == '{';
}

static void end(ppi_jsonw *w, char bracket) {
    if (w->depth == 0 || w->after_key || w->is_object[w->depth] != (bracket == '}')) {
        fail_nesting(w, "an end without its begin");
        return;
    }
    const bool had_item = w->has_item[w->depth];
    w->depth--;
    if (had_item) break_line(w);
    ppi_buf_append_char(w->buf, bracket);
}

void ppi_jsonw_object_begin(ppi_jsonw *w) {
    begin(w, '{');
}

void ppi_jsonw_object_end(ppi_jsonw *w) {
    end(w, '}');
}

void ppi_jsonw_array_begin(ppi_jsonw *w) {
    begin(w, '[');
}

void ppi_jsonw_array_end(ppi_jsonw *w) {
    end(w, ']');
}

/* Length of the UTF-8 sequence at s, 0 when it is not one (overlong, surrogate, above U+10FFFF,
 * cut). */
static int utf8_length(const unsigned char *s) {
    int length = 0;
    if (s[0] < 0x80) return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) length = 2;
    if (s[0] >= 0xe0 && s[0] <= 0xef) length = 3;
    if (s[0] >= 0xf0 && s[0] <= 0xf4) length = 4;
    for (int i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    const bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    const bool outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return overlong || outside ? 0 : length;
}

static void append_quoted(ppi_buf *buf, const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    ppi_buf_append_char(buf, '"');
    while (*s != '\0') {
        const int length = utf8_length(s);
        if (*s == '"' || *s == '\\') {
            ppi_buf_printf(buf, "\\%c", *s);
        } else if (*s == '\n') {
            ppi_buf_append_text(buf, "\\n");
        } else if (*s < 0x20) {
            ppi_buf_printf(buf, "\\u%04x", *s);
        } else if (length == 0) {
            ppi_buf_append_text(buf, "\\ufffd");
        } else {
            ppi_buf_append(buf, s, (size_t)length);
        }
        s += length > 0 ? length : 1;
    }
    ppi_buf_append_char(buf, '"');
}

void ppi_jsonw_key(ppi_jsonw *w, const char *key) {
    if (!w->is_object[w->depth] || w->after_key) {
        fail_nesting(w, "a key outside an object");
        return;
    }
    separate(w);
    append_quoted(w->buf, key);
    ppi_buf_append_text(w->buf, ": ");
    w->after_key = true;
}

void ppi_jsonw_raw(ppi_jsonw *w, const char *text) {
    before_value(w);
    ppi_buf_append_text(w->buf, text);
}

void ppi_jsonw_string(ppi_jsonw *w, const char *text) {
    if (text == NULL) {
        ppi_jsonw_null(w);
        return;
    }
    before_value(w);
    append_quoted(w->buf, text);
}

void ppi_jsonw_i64(ppi_jsonw *w, int64_t value) {
    before_value(w);
    ppi_buf_printf(w->buf, "%lld", (long long)value);
}

void ppi_jsonw_f64(ppi_jsonw *w, double value) {
    if (!isfinite(value)) {
        ppi_jsonw_null(w);
        return;
    }
    before_value(w);
    ppi_buf_append_f64(w->buf, value);
}

void ppi_jsonw_bool(ppi_jsonw *w, bool value) {
    ppi_jsonw_raw(w, value ? "true" : "false");
}

void ppi_jsonw_null(ppi_jsonw *w) {
    ppi_jsonw_raw(w, "null");
}

void ppi_jsonw_key_string(ppi_jsonw *w, const char *key, const char *text) {
    ppi_jsonw_key(w, key);
    ppi_jsonw_string(w, text);
}

void ppi_jsonw_key_i64(ppi_jsonw *w, const char *key, int64_t value) {
    ppi_jsonw_key(w, key);
    ppi_jsonw_i64(w, value);
}

void ppi_jsonw_key_f64(ppi_jsonw *w, const char *key, double value) {
    ppi_jsonw_key(w, key);
    ppi_jsonw_f64(w, value);
}

void ppi_jsonw_key_bool(ppi_jsonw *w, const char *key, bool value) {
    ppi_jsonw_key(w, key);
    ppi_jsonw_bool(w, value);
}

pp_status ppi_jsonw_finish(ppi_jsonw *w) {
    if (w->depth > 0 || w->after_key) fail_nesting(w, "an object or array is still open");
    return w->buf->failed;
}
