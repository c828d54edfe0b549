/* Reading through inih; the only file that sees its header.
 *
 * inih takes lines of limited length and knows several kinds of comments. The line source below
 * gives it sections and names only, in front of a one-letter value, and keeps the value itself, so
 * values may be as long as they like. */
#include "base/ini.h"

#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

/* Hands out text line by line. */
typedef struct line_source {
    const char *at;
    const char *end;
    int64_t line;      /* number of the line handed out last, from 1 */
    const char *value; /* of that line, blanks cut; NULL when it assigns nothing */
    size_t value_length;
    bool opened;      /* the line handed out last begins a section, which is to be told next */
    bool telling;     /* the line handed out last stands for that */
    int64_t bad_line; /* first line that is neither blank, section nor assignment; 0 = none */
} line_source;

typedef struct loader {
    ppi_ini_fn fn;
    void *ctx;
    const char *what;
    line_source source;
    int64_t failed_line; /* line of the first failure */
    pp_status status;    /* first failure */
} loader;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* The useful part of a line: no indentation, no comment, no trailing space. */
static void trim_line(const char **begin, const char **end) {
    const char *stop = *end;
    while (*begin < stop && is_blank(**begin)) ++*begin;
    if (*begin < stop && (**begin == ';' || **begin == '#')) stop = *begin;
    for (const char *c = *begin; c + 1 < stop; c++) {
        if (is_blank(c[0]) && c[1] == ';') stop = c;
    }
    while (stop > *begin && is_blank(stop[-1])) stop--;
    *end = stop;
}

/* First '=' or ':' of an assignment, NULL in other lines. */
static const char *find_sign(const char *begin, const char *end) {
    if (begin < end && *begin == '[') return NULL;
    while (begin < end && *begin != '=' && *begin != ':') begin++;
    return begin < end ? begin : NULL;
}

/* Notes what a line without a sign is: blank, the head of a section, or nothing known. */
static void note_line(line_source *s, const char *begin, const char *end) {
    if (begin == end) return;
    s->opened = *begin == '[' && memchr(begin, ']', (size_t)(end - begin)) != NULL;
    if (!s->opened && s->bad_line == 0) s->bad_line = s->line;
}

/* The reader that inih calls, with the contract of fgets. Behind the head of a section comes a line
 * with an empty name, for which inih calls as for any assignment. */
static char *next_line(char *out, int size, void *ctx) {
    line_source *s = ctx;
    s->telling = s->opened;
    s->opened = false;
    if (s->telling) {
        snprintf(out, (size_t)size, "= v\n");
        return out;
    }
    if (s->at >= s->end) return NULL;
    const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));
    const char *begin = s->at;
    const char *end = newline != NULL ? newline : s->end;
    s->at = newline != NULL ? newline + 1 : s->end;
    s->line++;
    trim_line(&begin, &end);
    const char *sign = find_sign(begin, end);
    const int room = size - 8;
    const int64_t shown = (sign != NULL ? sign : end) - begin;
    const int length = shown < room ? (int)shown : room;
    snprintf(out, (size_t)size, "%.*s%s\n", length, begin, sign != NULL ? " = v" : "");
    s->value = NULL;
    if (sign == NULL) {
        note_line(s, begin, end);
        return out;
    }
    sign++;
    while (sign < end && is_blank(*sign)) sign++;
    s->value = sign;
    s->value_length = (size_t)(end - sign);
    return out;
}

static pp_status hand_over(loader *l, const char *section, const char *key) {
    ppi_buf value = {0};
    pp_status status = ppi_buf_append(&value, l->source.value, l->source.value_length);
    if (status == PP_OK) status = l->fn(l->ctx, section, key, ppi_buf_text(&value), l->source.line);
    ppi_buf_free(&value);
    return status;
}

/* inih's callback: non-zero goes on. */
static int on_value(void *ctx, const char *section, const char *name, const char *value) {
    loader *l = ctx;
    const int64_t line = l->source.line;
    (void)value;
    if (l->status != PP_OK) return 0;
    l->status =
        l->source.telling ? l->fn(l->ctx, section, NULL, NULL, line) : hand_over(l, section, name);
    if (l->status == PP_OK) return 1;
    l->failed_line = line;
    ppi_fail_context(l->status, "%s:%lld", l->what, (long long)line);
    return 0;
}

pp_status ppi_ini_each(const char *text, size_t size, const char *what, ppi_ini_fn fn, void *ctx) {
    if (size > 0 && memchr(text, '\0', size) != NULL)
        return ppi_fail(PP_ERR_CORRUPT, "%s holds a zero byte: it is no text", what);
    loader l = {.fn = fn, .ctx = ctx, .what = what, .source = {.at = text, .end = text + size}};
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) l.source.at += 3; /* byte order mark */
    if (ini_parse_stream(next_line, &l.source, on_value, &l) < 0)
        return ppi_oom("reading a recipe");
    const int64_t bad = l.source.bad_line;
    /* A line that is no assignment explains failures behind it. */
    if (bad == 0 || (l.status != PP_OK && l.failed_line < bad)) return l.status;
    return ppi_fail(PP_ERR_ARGUMENT, "%s:%lld: expected \"[section]\" or \"key = value\"", what,
                    (long long)bad);
}
