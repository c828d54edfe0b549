/* Recipe files: reading through inih, writing by hand; the only file that sees ini.h.
 *
 * inih takes lines of limited length. The line source below hands long lines over in pieces that
 * inih sees as indented continuation lines, and the handler joins them again; it also removes
 * comments and the indentation people use. */
#include <ini.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/options_impl.h"

enum { NAME_SIZE = 128, PIECE = 150 };

/* Hands out text line by line, in pieces. */
typedef struct line_source {
    const char *at;
    const char *end;
    const char *line_end; /* behind the line in progress, blanks cut; NULL between lines */
    int64_t line;         /* number of the line handed out last, from 1 */
    bool continued;       /* the last piece was not the first of its line */
} line_source;

typedef struct loader {
    ppi_options *options;
    const char *what;
    line_source source;
    char name[NAME_SIZE]; /* of the option being collected, "" for none */
    int64_t name_line;
    ppi_buf value;
    pp_status status; /* first failure */
} loader;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

/* Finds the useful part of the line at s->at: no indentation, no comment, no trailing space.
 * Returns its end. */
static const char *trim_line(line_source *s, const char *newline) {
    const char *stop = newline;
    while (s->at < newline && is_blank(*s->at)) s->at++;
    if (s->at < newline && (*s->at == ';' || *s->at == '#')) return s->at;
    for (const char *c = s->at; c + 1 < newline; c++) {
        if (!is_blank(c[0]) || c[1] != ';') continue;
        stop = c;
        break;
    }
    while (stop > s->at && is_blank(stop[-1])) stop--;
    return stop;
}

/* Largest piece length at which both neighbours are plain characters, so that inih trims nothing.
 */
static size_t piece_length(const char *text, size_t left, size_t limit) {
    if (left <= limit) return left;
    for (size_t length = limit; length > 1; length--) {
        const char next = text[length];
        if (!is_blank(text[length - 1]) && !is_blank(next) && next != ';' && next != '#')
            return length;
    }
    return limit;
}

/* The reader that inih calls, with the contract of fgets. */
static char *next_piece(char *out, int size, void *ctx) {
    line_source *s = ctx;
    if (s->line_end == NULL) {
        if (s->at >= s->end) return NULL;
        const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));
        s->line_end = trim_line(s, newline != NULL ? newline : s->end);
        s->line++;
        s->continued = false;
    } else {
        s->continued = true;
    }
    const size_t room = (size_t)size - 3;
    const size_t length =
        piece_length(s->at, (size_t)(s->line_end - s->at), room < PIECE ? room : PIECE);
    snprintf(out, (size_t)size, "%s%.*s\n", s->continued ? " " : "", (int)length, s->at);
    s->at += length;
    if (s->at < s->line_end) return out;
    const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));
    s->at = newline != NULL ? newline + 1 : s->end;
    s->line_end = NULL;
    return out;
}

/* Sets the option collected so far. */
static void flush_option(loader *l) {
    char source[NAME_SIZE];
    if (l->name[0] == '\0' || l->status != PP_OK) return;
    snprintf(source, sizeof source, "recipe %s", ppi_path_base(l->what));
    pp_status status = l->value.failed;
    if (status == PP_OK)
        status = ppi_options_set(l->options, l->name, ppi_buf_text(&l->value), source);
    l->status = ppi_fail_context(status, "%s:%lld", l->what, (long long)l->name_line);
    l->name[0] = '\0';
    ppi_buf_clear(&l->value);
}

/* inih's callback: non-zero goes on. */
static int on_value(void *ctx, const char *section, const char *name, const char *value) {
    loader *l = ctx;
    if (l->source.continued && l->name[0] != '\0') {
        ppi_buf_append_text(&l->value, value);
        return 1;
    }
    flush_option(l);
    if (l->status != PP_OK) return 0;
    l->name_line = l->source.line;
    snprintf(l->name, sizeof l->name, "%s%s%s", section, section[0] != '\0' ? "." : "", name);
    ppi_buf_append_text(&l->value, value);
    return 1;
}

/* Number of the text line that holds inih's line number `piece`. */
static int64_t real_line(const char *text, size_t size, int piece) {
    char line[PIECE * 2];
    line_source source = {.at = text, .end = text + size};
    for (int i = 0; i < piece; i++) {
        if (next_piece(line, sizeof line, &source) == NULL) break;
    }
    return source.line;
}

pp_status ppi_options_load_ini_text(ppi_options *options, const char *text, size_t size,
                                    const char *what) {
    loader l = {.options = options, .what = what, .source = {.at = text, .end = text + size}};
    const int result = ini_parse_stream(next_piece, &l.source, on_value, &l);
    flush_option(&l);
    ppi_buf_free(&l.value);
    const int64_t line = result > 0 ? real_line(text, size, result) : 0;
    if (l.status != PP_OK && (line == 0 || line >= l.name_line)) return l.status;
    if (result > 0) { /* a line that is no assignment explains failures behind it */
        return ppi_fail(PP_ERR_ARGUMENT, "%s:%lld: expected \"[section]\" or \"key = value\"", what,
                        (long long)line);
    }
    return result == 0 ? PP_OK : ppi_oom("reading a recipe");
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
