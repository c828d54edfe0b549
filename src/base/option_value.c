/* Option values: text to field and back, with range and choice checks. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/options_impl.h"

static const double exact_integer_limit = 9007199254740992.0; /* 2^53 */

bool ppi_option_parse_bool(const char *text, bool *out) {
    static const char *const words[2][4] = {{"off", "false", "no", "0"},
                                            {"on", "true", "yes", "1"}};
    for (int value = 0; value < 2; value++) {
        for (int i = 0; i < 4; i++) {
            if (strcmp(text, words[value][i]) != 0) continue;
            *out = value == 1;
            return true;
        }
    }
    return false;
}

static bool has_range(const ppi_option *row) {
    return row->min != 0.0 || row->max != 0.0;
}

static pp_status bad_number(const ppi_option *row, const char *text) {
    const char *kind = row->type == PPI_OPT_I64 ? "a whole number" : "a number";
    if (!has_range(row))
        return ppi_fail(PP_ERR_ARGUMENT, "option \"%s\" is \"%s\", expected %s", row->name, text,
                        kind);
    return ppi_fail(PP_ERR_ARGUMENT, "option \"%s\" is \"%s\", expected %s from %.10g to %.10g",
                    row->name, text, kind, row->min, row->max);
}

/* A whole number in decimal, or in a form such as 1e6 that is whole and exact. */
static bool read_i64(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end != text && *end == '\0' && errno == 0) {
        *out = value;
        return true;
    }
    const double real = strtod(text, &end);
    if (end == text || *end != '\0' || real != floor(real) || fabs(real) > exact_integer_limit)
        return false;
    *out = (int64_t)real;
    return true;
}

static pp_status parse_i64(const ppi_option *row, int64_t *field, const char *text) {
    int64_t value;
    if (!read_i64(text, &value)) return bad_number(row, text);
    if (has_range(row) && ((double)value < row->min || (double)value > row->max))
        return bad_number(row, text);
    *field = value;
    return PP_OK;
}

static pp_status parse_f64(const ppi_option *row, double *field, const char *text) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || isnan(value)) return bad_number(row, text);
    if (has_range(row) && (value < row->min || value > row->max)) return bad_number(row, text);
    *field = value;
    return PP_OK;
}

/* True for texts that an ini line cannot carry: line breaks and controls, or a ';' that would start
 * a comment. */
static bool is_unstorable(const char *text) {
    for (size_t i = 0; text[i] != '\0'; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) return true;
        if (c == ';' && (i == 0 || text[i - 1] == ' ')) return true;
    }
    return false;
}

static pp_status parse_str(const ppi_option *row, char *field, const char *text) {
    const char *start = text + strspn(text, " \t\r\n");
    size_t length = strlen(start);
    while (length > 0 && strchr(" \t\r\n", start[length - 1]) != NULL) length--;
    if (length >= row->size) {
        return ppi_fail(PP_ERR_ARGUMENT, "option \"%s\" has %zu bytes, expected at most %zu",
                        row->name, length, row->size - 1);
    }
    char *copy = ppi_malloc(length + 1);
    if (copy == NULL) return ppi_oom("an option value");
    memcpy(copy, start, length);
    copy[length] = '\0';
    pp_status status = PP_OK;
    if (is_unstorable(copy)) {
        status = ppi_fail(
            PP_ERR_ARGUMENT,
            "option \"%s\" is \"%s\", expected no control characters and no ';' behind a space",
            row->name, copy);
    } else {
        memcpy(field, copy, length + 1);
    }
    ppi_free(copy);
    return status;
}

/* Index of the choice, -1 for none; '_' counts as '-'. */
static int find_choice(const char *choices, const char *text) {
    int index = 0;
    for (const char *at = choices; at != NULL; index++) {
        const char *bar = strchr(at, '|');
        const size_t length = bar != NULL ? (size_t)(bar - at) : strlen(at);
        size_t same = 0;
        while (same < length && text[same] != '\0' &&
               (text[same] == at[same] || (text[same] == '_' && at[same] == '-'))) {
            same++;
        }
        if (same == length && text[same] == '\0') return index;
        at = bar != NULL ? bar + 1 : NULL;
    }
    return -1;
}

pp_status ppi_option_parse(const ppi_option *row, void *field, const char *text) {
    switch (row->type) {
    case PPI_OPT_I64:
        return parse_i64(row, field, text);
    case PPI_OPT_F64:
        return parse_f64(row, field, text);
    case PPI_OPT_STR:
        return parse_str(row, field, text);
    case PPI_OPT_BOOL:
        if (ppi_option_parse_bool(text, field)) return PP_OK;
        return ppi_fail(PP_ERR_ARGUMENT, "option \"%s\" is \"%s\", expected on or off", row->name,
                        text);
    case PPI_OPT_CHOICE: {
        const int index = find_choice(row->choices, text);
        if (index < 0) {
            return ppi_fail(PP_ERR_ARGUMENT, "option \"%s\" is \"%s\", expected one of %s",
                            row->name, text, row->choices);
        }
        *(int *)field = index;
        return PP_OK;
    }
    case PPI_OPT_TYPE_COUNT:
        break;
    }
    return ppi_fail(PP_ERR_INTERNAL, "option \"%s\" has type %d", row->name, (int)row->type);
}

static pp_status format_choice(const ppi_option *row, int index, ppi_buf *out) {
    const char *at = row->choices;
    for (int i = 0; i < index && at != NULL; i++) {
        at = strchr(at, '|');
        if (at != NULL) at++;
    }
    if (at == NULL || index < 0)
        return ppi_fail(PP_ERR_INTERNAL, "option \"%s\" holds choice %d", row->name, index);
    return ppi_buf_append(out, at, strcspn(at, "|"));
}

pp_status ppi_option_format(const ppi_option *row, const void *field, ppi_buf *out) {
    switch (row->type) {
    case PPI_OPT_I64:
        return ppi_buf_printf(out, "%lld", (long long)*(const int64_t *)field);
    case PPI_OPT_F64:
        return ppi_buf_append_f64(out, *(const double *)field);
    case PPI_OPT_STR:
        return ppi_buf_append_text(out, field);
    case PPI_OPT_BOOL:
        return ppi_buf_append_text(out, *(const bool *)field ? "on" : "off");
    case PPI_OPT_CHOICE:
        return format_choice(row, *(const int *)field, out);
    case PPI_OPT_TYPE_COUNT:
        break;
    }
    return ppi_fail(PP_ERR_INTERNAL, "option \"%s\" has type %d", row->name, (int)row->type);
}
