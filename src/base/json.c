/* JSON reading over jansson; the only file that sees jansson.h. A ppi_json is a json_t under
 * another name.
 *
 * jansson knows no Infinity and NaN, which Python writes bare. They are turned into marked strings
 * before parsing and read back as numbers. */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

static const struct {
    const char *token;  /* as Python writes it */
    const char *quoted; /* what jansson parses instead */
    const char *marked; /* the string that results */
    double value;
} special_numbers[] = {
    {"-Infinity", "\"\\u0001-Infinity\"", "\001-Infinity", -INFINITY},
    {"Infinity", "\"\\u0001Infinity\"", "\001Infinity", INFINITY},
    {"NaN", "\"\\u0001NaN\"", "\001NaN", NAN},
};
enum { SPECIAL_COUNT = sizeof special_numbers / sizeof special_numbers[0] };

static const char *const kind_names[] = {
    [PPI_JSON_NULL] = "null",        [PPI_JSON_BOOL] = "a boolean",  [PPI_JSON_INT] = "an integer",
    [PPI_JSON_REAL] = "a number",    [PPI_JSON_STRING] = "a string", [PPI_JSON_ARRAY] = "an array",
    [PPI_JSON_OBJECT] = "an object",
};

static const json_t *as_json(const ppi_json *value) {
    return (const json_t *)(const void *)value;
}

static const ppi_json *from_json(const json_t *value) {
    return (const ppi_json *)(const void *)value;
}

/* Index of the special number that starts at text[at], -1 for none. */
static int special_at(const char *text, size_t size, size_t at) {
    for (int i = 0; i < SPECIAL_COUNT; i++) {
        const size_t length = strlen(special_numbers[i].token);
        if (length <= size - at && memcmp(text + at, special_numbers[i].token, length) == 0)
            return i;
    }
    return -1;
}

/* Copies the text with special numbers outside strings replaced. */
static pp_status replace_special(ppi_buf *out, const char *text, size_t size) {
    bool quoted = false;
    size_t kept = 0; /* text before this is in `out` */
    for (size_t at = 0; at < size; at++) {
        const char c = text[at];
        if (quoted && c == '\\') {
            at++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '-' || c == 'I' || c == 'N')) {
            const int special = special_at(text, size, at);
            if (special < 0) continue;
            PPI_TRY(ppi_buf_append(out, text + kept, at - kept));
            PPI_TRY(ppi_buf_append_text(out, special_numbers[special].quoted));
            kept = at + strlen(special_numbers[special].token);
            at = kept - 1;
        }
    }
    return ppi_buf_append(out, text + kept, size - kept);
}

pp_status ppi_json_parse(ppi_json **out, const char *text, size_t size, const char *what) {
    ppi_buf copy = {0};
    json_error_t error;
    *out = NULL;
    const pp_status status = replace_special(&copy, text, size);
    if (status != PP_OK) {
        ppi_buf_free(&copy);
        return status;
    }
    json_t *root =
        json_loadb(copy.data, copy.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    ppi_buf_free(&copy);
    if (root == NULL) {
        return ppi_fail(PP_ERR_CORRUPT, "%s is not valid JSON at line %d: %s", what, error.line,
                        error.text);
    }
    *out = (ppi_json *)(void *)root;
    return PP_OK;
}

pp_status ppi_json_load(ppi_json **out, const char *path) {
    char *text;
    size_t size;
    *out = NULL;
    PPI_TRY(ppi_file_read_all(path, &text, &size));
    const pp_status status = ppi_json_parse(out, text, size, path);
    ppi_free(text);
    return status;
}

void ppi_json_free(ppi_json *root) {
    json_decref((json_t *)(void *)root);
}

/* Index of the special number that a value stands for, -1 for none. */
static int special_of(const json_t *value) {
    const char *text = json_string_value(value);
    if (text == NULL || text[0] != '\001') return -1;
    for (int i = 0; i < SPECIAL_COUNT; i++) {
        if (strcmp(text, special_numbers[i].marked) == 0) return i;
    }
    return -1;
}

ppi_json_kind ppi_json_kind_of(const ppi_json *value) {
    const json_t *json = as_json(value);
    if (json == NULL || json_is_null(json)) return PPI_JSON_NULL;
    if (json_is_boolean(json)) return PPI_JSON_BOOL;
    if (json_is_integer(json)) return PPI_JSON_INT;
    if (json_is_real(json) || special_of(json) >= 0) return PPI_JSON_REAL;
    if (json_is_string(json)) return PPI_JSON_STRING;
    return json_is_array(json) ? PPI_JSON_ARRAY : PPI_JSON_OBJECT;
}

const char *ppi_json_kind_name(ppi_json_kind kind) {
    return (int)kind >= 0 && kind <= PPI_JSON_OBJECT ? kind_names[kind] : "unknown";
}

const ppi_json *ppi_json_find(const ppi_json *object, const char *key) {
    return from_json(json_object_get(as_json(object), key));
}

int64_t ppi_json_count(const ppi_json *value) {
    const json_t *json = as_json(value);
    return (int64_t)(json_is_array(json) ? json_array_size(json) : json_object_size(json));
}

const ppi_json *ppi_json_at(const ppi_json *array, int64_t index) {
    return index >= 0 ? from_json(json_array_get(as_json(array), (size_t)index)) : NULL;
}

pp_status ppi_json_each(const ppi_json *object, ppi_json_member_fn fn, void *ctx) {
    json_t *json =
        (json_t *)(void *)object; /* jansson's iterators lack const; nothing is changed */
    for (void *it = json_object_iter(json); it != NULL; it = json_object_iter_next(json, it)) {
        PPI_TRY(fn(ctx, json_object_iter_key(it), from_json(json_object_iter_value(it))));
    }
    return PP_OK;
}

pp_status ppi_json_member(const ppi_json *object, int64_t index, const char **key,
                          const ppi_json **value) {
    json_t *json = (json_t *)(void *)object;
    int64_t at = 0;
    for (void *it = json_object_iter(json); it != NULL; it = json_object_iter_next(json, it)) {
        if (at++ != index) continue;
        *key = json_object_iter_key(it);
        *value = from_json(json_object_iter_value(it));
        return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT, "JSON member %lld asked for, the object has %lld",
                    (long long)index, (long long)at);
}

static pp_status wrong_kind(const ppi_json *value, const char *what, const char *expected) {
    return ppi_fail(PP_ERR_CORRUPT, "\"%s\" is %s, expected %s", what,
                    ppi_json_kind_name(ppi_json_kind_of(value)), expected);
}

pp_status ppi_json_as_string(const ppi_json *value, const char *what, const char **out) {
    if (ppi_json_kind_of(value) != PPI_JSON_STRING) return wrong_kind(value, what, "a string");
    *out = json_string_value(as_json(value));
    return PP_OK;
}

pp_status ppi_json_as_i64(const ppi_json *value, const char *what, int64_t *out) {
    if (ppi_json_kind_of(value) != PPI_JSON_INT) return wrong_kind(value, what, "an integer");
    *out = (int64_t)json_integer_value(as_json(value));
    return PP_OK;
}

pp_status ppi_json_as_f64(const ppi_json *value, const char *what, double *out) {
    const ppi_json_kind kind = ppi_json_kind_of(value);
    if (kind != PPI_JSON_INT && kind != PPI_JSON_REAL) return wrong_kind(value, what, "a number");
    const int special = special_of(as_json(value));
    *out = special >= 0 ? special_numbers[special].value : json_number_value(as_json(value));
    return PP_OK;
}

pp_status ppi_json_as_bool(const ppi_json *value, const char *what, bool *out) {
    if (ppi_json_kind_of(value) != PPI_JSON_BOOL) return wrong_kind(value, what, "a boolean");
    *out = json_is_true(as_json(value));
    return PP_OK;
}

/* The member, or a failure that names its key. */
static pp_status get_member(const ppi_json *object, const char *key, const ppi_json **out) {
    if (ppi_json_kind_of(object) != PPI_JSON_OBJECT) {
        return ppi_fail(PP_ERR_CORRUPT, "cannot look up \"%s\" in %s, expected an object", key,
                        ppi_json_kind_name(ppi_json_kind_of(object)));
    }
    *out = ppi_json_find(object, key);
    return *out != NULL ? PP_OK : ppi_fail(PP_ERR_NOT_FOUND, "key \"%s\" is missing", key);
}

/* The member when it is of this kind. */
static pp_status get_kind(const ppi_json *object, const char *key, ppi_json_kind kind,
                          const ppi_json **out) {
    const ppi_json *value;
    PPI_TRY(get_member(object, key, &value));
    if (ppi_json_kind_of(value) != kind) return wrong_kind(value, key, kind_names[kind]);
    *out = value;
    return PP_OK;
}

pp_status ppi_json_get_object(const ppi_json *object, const char *key, const ppi_json **out) {
    return get_kind(object, key, PPI_JSON_OBJECT, out);
}

pp_status ppi_json_get_array(const ppi_json *object, const char *key, const ppi_json **out) {
    return get_kind(object, key, PPI_JSON_ARRAY, out);
}

pp_status ppi_json_get_string(const ppi_json *object, const char *key, const char **out) {
    const ppi_json *value;
    PPI_TRY(get_member(object, key, &value));
    return ppi_json_as_string(value, key, out);
}

pp_status ppi_json_get_i64(const ppi_json *object, const char *key, int64_t *out) {
    const ppi_json *value;
    PPI_TRY(get_member(object, key, &value));
    return ppi_json_as_i64(value, key, out);
}

pp_status ppi_json_get_f64(const ppi_json *object, const char *key, double *out) {
    const ppi_json *value;
    PPI_TRY(get_member(object, key, &value));
    return ppi_json_as_f64(value, key, out);
}

pp_status ppi_json_get_bool(const ppi_json *object, const char *key, bool *out) {
    const ppi_json *value;
    PPI_TRY(get_member(object, key, &value));
    return ppi_json_as_bool(value, key, out);
}
