/* Recipe files: reading through inih, writing by hand; the only file that sees ini.h.
 *
 * inih takes lines of limited length and knows several kinds of comments. The line source below gives
 * it sections and names only, in front of a one-letter value, and keeps the value itself, so values
 * may be as long as they like. */
#include <ini.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/options_impl.h"

enum { NAME_SIZE = 128 };

/* Hands out text line by line. */
typedef struct line_source {
    const char *at;
    const char *end;
    int64_t line;      /* number of the line handed out last, from 1 */
    const char *value; /* of that line, blanks cut; NULL when it assigns nothing */
    size_t value_length;
} line_source;

typedef struct loader {
    ppi_options *options;
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

/* The reader that inih calls, with the contract of fgets. */
static char *next_line(char *out, int size, void *ctx) {
    line_source *s = ctx;
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
    if (sign == NULL) return out;
    sign++;
    while (sign < end && is_blank(*sign)) sign++;
    s->value = sign;
    s->value_length = (size_t)(end - sign);
    return out;
}

static pp_status set_option(loader *l, const char *section, const char *name) {
    char full[NAME_SIZE];
    char source[NAME_SIZE];
    ppi_buf value = {0};
    snprintf(full, sizeof full, "%s%s%s", section, section[0] != '\0' ? "." : "", name);
    snprintf(source, sizeof source, "recipe %s", ppi_path_base(l->what));
    pp_status status = ppi_buf_append(&value, l->source.value, l->source.value_length);
    if (status == PP_OK)
        status = ppi_options_set(l->options, full, ppi_buf_text(&value), source);
    ppi_buf_free(&value);
    return ppi_fail_context(status, "%s:%lld", l->what, (long long)l->source.line);
}

/* inih's callback: non-zero goes on. */
static int on_value(void *ctx, const char *section, const char *name, const char *value) {
    loader *l = ctx;
    (void)value;
    if (l->status != PP_OK || l->source.value == NULL) return 0;
    l->status = set_option(l, section, name);
    l->failed_line = l->source.line;
    return l->status == PP_OK;
}

pp_status ppi_options_load_ini_text(ppi_options *options, const char *text, size_t size,
                                    const char *what) {
    if (size > 0 && memchr(text, '\0', size) != NULL)
        return ppi_fail(PP_ERR_CORRUPT, "%s holds a zero byte: it is no text", what);
    loader l = {.options = options, .what = what, .source = {.at = text, .end = text + size}};
    const int bad_line = ini_parse_stream(next_line, &l.source, on_value, &l);
    if (l.status != PP_OK && bad_line >= l.failed_line) return l.status;
    if (bad_line > 0) { /* a line that is no assignment explains failures behind it */
        return ppi_fail(PP_ERR_ARGUMENT, "%s:%d: expected \"[section]\" or \"key = value\"", what,
                        bad_line);
    }
    return bad_line == 0 ? PP_OK : ppi_oom("reading a recipe");
}

pp_status ppi_options_load_ini(ppi_options *options, const char *path) {
    char *text;
    size_t size;
    PPI_TRY(ppi_file_read_all(path, &text, &size));
    const pp_status status = ppi_options_load_ini_text(options, text, size, path);
    ppi_free(text);
    return status;
}

/* Bytes of the section part of a name, without the dot; 0 for none. */
static size_t section_length(const char *name) {
    const char *dot = strchr(name, '.');
    return dot != NULL ? (size_t)(dot - name) : 0;
}

static bool same_section(const char *a, const char *b) {
    const size_t length = section_length(a);
    return length == section_length(b) && memcmp(a, b, length) == 0;
}

/* True when no earlier entry has the section of entry i. */
static bool is_first_of_section(const ppi_options *options, int i) {
    for (int j = 0; j < i; j++) {
        if (same_section(options->entries[i].row->name, options->entries[j].row->name))
            return false;
    }
    return true;
}

static pp_status write_section(const ppi_options *options, const char *any_name, ppi_buf *out) {
    const size_t length = section_length(any_name);
    if (length > 0)
        PPI_TRY(ppi_buf_printf(out, "%s[%.*s]\n", out->len > 0 ? "\n" : "", (int)length, any_name));
    for (int i = 0; i < options->count; i++) {
        const ppi_option_entry *entry = &options->entries[i];
        if (!same_section(entry->row->name, any_name)) continue;
        PPI_TRY(ppi_buf_printf(out, "%s = ", entry->row->name + (length > 0 ? length + 1 : 0)));
        PPI_TRY(ppi_option_format(entry->row, entry->field, out));
        PPI_TRY(ppi_buf_printf(out, " ; %s\n", entry->source));
    }
    return PP_OK;
}

pp_status ppi_options_write_ini(const ppi_options *options, ppi_buf *out) {
    for (int sections = 0; sections < 2; sections++) { /* names without a section come first */
        for (int i = 0; i < options->count; i++) {
            const char *name = options->entries[i].row->name;
            const bool has_section = section_length(name) > 0;
            if (has_section != (sections == 1) || !is_first_of_section(options, i)) continue;
            PPI_TRY(write_section(options, name, out));
        }
    }
    return PP_OK;
}
