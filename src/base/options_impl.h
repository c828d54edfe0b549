/* What the parts of the option set share: entries and their lookup. Private to src/base/options*.c.
 */
#ifndef PPI_BASE_OPTIONS_IMPL_H
#define PPI_BASE_OPTIONS_IMPL_H

#include "base/arena.h"
#include "base/options.h"

/* One bound row. */
typedef struct ppi_option_entry {
    const ppi_option *row;
    const char *component; /* of the table, for --help */
    void *field;           /* in the bound struct */
    const char *source;    /* in the arena or static */
    bool was_set;
} ppi_option_entry;

struct ppi_options {
    ppi_option_entry *entries; /* in the order of binding */
    int count;
    int cap;
    ppi_arena arena; /* source texts */
};

/* Entry with this name or alias ('_' counts as '-'), NULL for none. */
ppi_option_entry *ppi_options_find(const ppi_options *options, const char *name);

/* PP_ERR_ARGUMENT whose text suggests the nearest known name. */
pp_status ppi_options_unknown(const ppi_options *options, const char *name);

/* Parses text into the field; the field is untouched on failure. */
pp_status ppi_option_parse(const ppi_option *row, void *field, const char *text);

/* The field's value in the form ppi_option_parse takes. */
pp_status ppi_option_format(const ppi_option *row, const void *field, ppi_buf *out);

/* Reads "on", "true", "yes", "1" and their opposites; false when the text is none of them. */
bool ppi_option_parse_bool(const char *text, bool *out);

#endif
