/* Recipe files of options: reading and writing. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/ini.h"
#include "base/mem.h"
#include "base/options_impl.h"

enum { NAME_SIZE = 128 };

typedef struct loader {
    ppi_options *options;
    char source[NAME_SIZE]; /* "recipe small.ini" */
} loader;

static pp_status set_option(void *ctx, const char *section, const char *key, const char *value,
                            int64_t line) {
    loader *l = ctx;
    char full[NAME_SIZE];
    (void)line;
    if (key == NULL) return PP_OK;
    snprintf(full, sizeof full, "%s%s%s", section, section[0] != '\0' ? "." : "", key);
    return ppi_options_set(l->options, full, value, l->source);
}

pp_status ppi_options_load_ini_text(ppi_options *options, const char *text, size_t size,
                                    const char *what) {
    loader l = {.options = options};
    snprintf(l.source, sizeof l.source, "recipe %s", ppi_path_base(what));
    return ppi_ini_each(text, size, what, set_option, &l);
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
