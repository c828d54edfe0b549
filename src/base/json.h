/* JSON: a checked reader and a writer over ppi_buf. */
#ifndef PPI_BASE_JSON_H
#define PPI_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"

/* A value of a parsed text. The root is owned and freed by ppi_json_free; all others are borrowed
 * from it. */
typedef struct ppi_json ppi_json;

typedef enum ppi_json_kind {
    PPI_JSON_NULL,
    PPI_JSON_BOOL,
    PPI_JSON_INT,
    PPI_JSON_REAL, /* also bare Infinity, -Infinity and NaN */
    PPI_JSON_STRING,
    PPI_JSON_ARRAY,
    PPI_JSON_OBJECT
} ppi_json_kind;

/* Parses text[size] (no terminator needed). `what` names the source in errors ("config.json"),
 * which also give the line. Any value may be the root; the bare tokens Infinity, -Infinity and NaN
 * are numbers; doubled keys fail. */
pp_status ppi_json_parse(ppi_json **out, const char *text, size_t size, const char *what);
pp_status ppi_json_load(ppi_json **out, const char *path);
void ppi_json_free(ppi_json *root);

ppi_json_kind ppi_json_kind_of(const ppi_json *value);
const char *ppi_json_kind_name(ppi_json_kind kind);

/* Member, or NULL when absent or when `object` is not an object. */
const ppi_json *ppi_json_find(const ppi_json *object, const char *key);

/* Elements of an array or members of an object; 0 for other kinds. */
int64_t ppi_json_count(const ppi_json *value);

/* Array element, NULL outside. */
const ppi_json *ppi_json_at(const ppi_json *array, int64_t index);

/* i-th member of an object in stored order; PP_ERR_ARGUMENT outside. O(i). */
pp_status ppi_json_member(const ppi_json *object, int64_t index, const char **key,
                          const ppi_json **value);

/* Calls fn for each member in stored order until it fails. */
typedef pp_status (*ppi_json_member_fn)(void *ctx, const char *key, const ppi_json *value);
pp_status ppi_json_each(const ppi_json *object, ppi_json_member_fn fn, void *ctx);

/* Checked member getters: PP_ERR_NOT_FOUND or PP_ERR_CORRUPT with a text naming the key. `i64`
 * takes integers only, `f64` any number. Strings are borrowed. */
pp_status ppi_json_get_object(const ppi_json *object, const char *key, const ppi_json **out);
pp_status ppi_json_get_array(const ppi_json *object, const char *key, const ppi_json **out);
pp_status ppi_json_get_string(const ppi_json *object, const char *key, const char **out);
pp_status ppi_json_get_i64(const ppi_json *object, const char *key, int64_t *out);
pp_status ppi_json_get_f64(const ppi_json *object, const char *key, double *out);
pp_status ppi_json_get_bool(const ppi_json *object, const char *key, bool *out);

/* The same on a value itself; `what` names it in the error. */
pp_status ppi_json_as_string(const ppi_json *value, const char *what, const char **out);
pp_status ppi_json_as_i64(const ppi_json *value, const char *what, int64_t *out);
pp_status ppi_json_as_f64(const ppi_json *value, const char *what, double *out);
pp_status ppi_json_as_bool(const ppi_json *value, const char *what, bool *out);

enum { PPI_JSONW_DEPTH = 32 }; /* deepest nesting the writer takes */

/* Writer state; a failure sticks in the buffer, so checking ppi_jsonw_finish is enough. */
typedef struct ppi_jsonw {
    ppi_buf *buf; /* borrowed */
    int indent;   /* spaces a level; 0 writes one line */
    int depth;
    bool has_item[PPI_JSONW_DEPTH + 1];
    bool is_object[PPI_JSONW_DEPTH + 1];
    bool after_key;
} ppi_jsonw;

void ppi_jsonw_init(ppi_jsonw *w, ppi_buf *buf, int indent);
void ppi_jsonw_object_begin(ppi_jsonw *w);
void ppi_jsonw_object_end(ppi_jsonw *w);
void ppi_jsonw_array_begin(ppi_jsonw *w);
void ppi_jsonw_array_end(ppi_jsonw *w);
void ppi_jsonw_key(ppi_jsonw *w, const char *key);
/* NULL writes null; bytes that are not UTF-8 become U+FFFD. */
void ppi_jsonw_string(ppi_jsonw *w, const char *text);
void ppi_jsonw_i64(ppi_jsonw *w, int64_t value);
/* Exact; null for NaN and infinities, which JSON lacks. */
void ppi_jsonw_f64(ppi_jsonw *w, double value);
void ppi_jsonw_bool(ppi_jsonw *w, bool value);
void ppi_jsonw_null(ppi_jsonw *w);
void ppi_jsonw_raw(ppi_jsonw *w, const char *text); /* a value already in JSON syntax */

/* key + value in one call */
void ppi_jsonw_key_string(ppi_jsonw *w, const char *key, const char *text);
void ppi_jsonw_key_i64(ppi_jsonw *w, const char *key, int64_t value);
void ppi_jsonw_key_f64(ppi_jsonw *w, const char *key, double value);
void ppi_jsonw_key_bool(ppi_jsonw *w, const char *key, bool value);

/* The buffer's status, or PP_ERR_INTERNAL when an object or array is still open or was closed
 * wrongly. */
pp_status ppi_jsonw_finish(ppi_jsonw *w);

#endif
