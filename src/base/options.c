/* The option set: binding of tables, lookup by name, setting from text and from the command line.
 */
#include "base/options.h"

#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/options_impl.h"

enum { NAME_SIZE = 128, DISTANCE_NAME = 127, SOURCE_SIZE = 256 };

static const char default_source[] = "default";
static const char argument_source[] = "command line";

pp_status ppi_options_create(ppi_options **out) {
    *out = ppi_calloc(1, sizeof **out);
    return *out != NULL ? PP_OK : ppi_oom("an option set");
}

void ppi_options_destroy(ppi_options *options) {
    if (options == NULL) return;
    ppi_arena_free(&options->arena);
    ppi_free(options->entries);
    ppi_free(options);
}

/* Equal up to '_' against '-'. */
static bool same_name(const char *a, const char *b) {
    for (;; a++, b++) {
        const char x = *a == '_' ? '-' : *a;
        const char y = *b == '_' ? '-' : *b;
        if (x != y) return false;
        if (x == '\0') return true;
    }
}

ppi_option_entry *ppi_options_find(const ppi_options *options, const char *name) {
    for (int i = 0; i < options->count; i++) {
        const ppi_option *row = options->entries[i].row;
        if (same_name(row->name, name) || (row->alias != NULL && same_name(row->alias, name))) {
            return &options->entries[i];
        }
    }
    return NULL;
}

/* Lower case, '_' as '-'. */
static char fold(char c) {
    if (c >= 'A' && c <= 'Z') return (char)(c - 'A' + 'a');
    return c == '_' ? '-' : c;
}

static int min2(int a, int b) {
    return a < b ? a : b;
}

int ppi_edit_distance(const char *a, const char *b) {
    /* Distances of the prefixes a[0..i-2], a[0..i-1], a[0..i] to all of b. */
    int rows[3][DISTANCE_NAME + 1];
    const int length_a = (int)strnlen(a, DISTANCE_NAME);
    const int length_b = (int)strnlen(b, DISTANCE_NAME);
    for (int j = 0; j <= length_b; j++) rows[0][j] = j;
    for (int i = 1; i <= length_a; i++) {
        int *now = rows[i % 3];
        const int *last = rows[(i + 2) % 3];
        const int *before = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= length_b; j++) {
            const char ca = fold(a[i - 1]);
            const char cb = fold(b[j - 1]);
            int best = min2(last[j] + 1, now[j - 1] + 1);
            best = min2(best, last[j - 1] + (ca != cb));
            const bool swapped = i > 1 && j > 1 && ca == fold(b[j - 2]) && fold(a[i - 2]) == cb;
            if (swapped) best = min2(best, before[j - 2] + 1);
            now[j] = best;
        }
    }
    return rows[length_a % 3][length_b];
}

/* The largest distance at which a name of this length is still suggested. */
static int suggestion_limit(const char *name) {
    const int length = (int)strlen(name);
    return length < 3 ? 1 : min2(2 + length / 6, length / 2 + 1);
}

const char *ppi_nearest_name(const char *name, const char *const *names, int count) {
    const char *best = NULL;
    int best_distance = suggestion_limit(name) + 1;
    for (int i = 0; i < count; i++) {
        const int distance = ppi_edit_distance(name, names[i]);
        if (distance >= best_distance) continue;
        best = names[i];
        best_distance = distance;
    }
    return best;
}

/* The part behind the last dot. */
static const char *last_part(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

pp_status ppi_options_unknown(const ppi_options *options, const char *name) {
    const char *best = NULL;
    int best_distance = suggestion_limit(name) + 1;
    for (int i = 0; i < options->count; i++) {
        const char *known = options->entries[i].row->name;
        const char *alias = options->entries[i].row->alias;
        const int alias_distance = alias != NULL ? ppi_edit_distance(name, alias) : INT_MAX;
        int distance = ppi_edit_distance(name, known);
        if (distance > 1 && same_name(last_part(known), last_part(name)))
            distance = 1;              /* wrong or no section */
        if (strchr(name, '.') == NULL) /* a misspelt name without its section */
            distance = min2(distance, 1 + ppi_edit_distance(name, last_part(known)));
        if (min2(distance, alias_distance) >= best_distance) continue;
        best = alias_distance < distance ? alias : known;
        best_distance = min2(distance, alias_distance);
    }
    if (best == NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "unknown option \"%s\"; --help lists all options", name);
    return ppi_fail(PP_ERR_ARGUMENT, "unknown option \"%s\", did you mean \"%s\"?", name, best);
}

static pp_status add_entry(ppi_options *options, const ppi_option_table *table,
                           const ppi_option *row, void *values) {
    const bool taken = ppi_options_find(options, row->name) != NULL ||
                       (row->alias != NULL && ppi_options_find(options, row->alias) != NULL);
    if (taken) {
        return ppi_fail(PP_ERR_ARGUMENT, "option \"%s\" of \"%s\" is already bound", row->name,
                        table->component);
    }
    if (options->count == options->cap) {
        const int cap = options->cap > 0 ? options->cap * 2 : 32;
        ppi_option_entry *entries = ppi_realloc(options->entries, (size_t)cap * sizeof *entries);
        if (entries == NULL) return ppi_oom("an option set");
        options->entries = entries;
        options->cap = cap;
    }
    options->entries[options->count++] = (ppi_option_entry){
        .row = row,
        .component = table->component,
        .field = (char *)values + row->offset,
        .source = default_source,
    };
    return PP_OK;
}

static pp_status write_default(const ppi_option *row, void *field) {
    if (row->def != NULL) {
        return ppi_fail_context(ppi_option_parse(row, field, row->def), "default of \"%s\"",
                                row->name);
    }
    switch (row->type) {
    case PPI_OPT_I64:
        *(int64_t *)field = 0;
        break;
    case PPI_OPT_F64:
        *(double *)field = 0.0;
        break;
    case PPI_OPT_BOOL:
        *(bool *)field = false;
        break;
    case PPI_OPT_STR:
        *(char *)field = '\0';
        break;
    default:
        *(int *)field = 0;
        break;
    }
    return PP_OK;
}

pp_status ppi_options_bind(ppi_options *options, const ppi_option_table *table, void *values) {
    const int before = options->count;
    for (int i = 0; i < table->count; i++) {
        const ppi_option *row = &table->rows[i];
        pp_status status = add_entry(options, table, row, values);
        if (status == PP_OK) status = write_default(row, (char *)values + row->offset);
        if (status != PP_OK) {
            options->count = before;
            return status;
        }
    }
    return PP_OK;
}

/* The source text in the arena, on one line; equal neighbours share one copy. */
static const char *keep_source(ppi_options *options, const char *source) {
    if (source == NULL || strcmp(source, argument_source) == 0) return argument_source;
    if (strcmp(source, default_source) == 0) return default_source;
    for (int i = 0; i < options->count; i++) {
        if (strcmp(options->entries[i].source, source) == 0) return options->entries[i].source;
    }
    char *copy = ppi_arena_strndup(&options->arena, source, strnlen(source, SOURCE_SIZE));
    for (char *c = copy; c != NULL && *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20) *c = ' ';
    }
    return copy;
}

static pp_status set_entry(ppi_options *options, ppi_option_entry *entry, const char *value,
                           const char *source) {
    const char *kept = keep_source(options, source);
    if (kept == NULL) return ppi_oom("an option source");
    PPI_TRY(ppi_option_parse(entry->row, entry->field, value));
    entry->source = kept;
    entry->was_set = true;
    return PP_OK;
}

pp_status ppi_options_set(ppi_options *options, const char *name, const char *value,
                          const char *source) {
    ppi_option_entry *entry = ppi_options_find(options, name);
    if (entry == NULL) return ppi_options_unknown(options, name);
    return set_entry(options, entry, value, source);
}

/* True when arg is "name=value" with a plausible option name, which is copied to name[NAME_SIZE].
 */
static bool split_assignment(const char *arg, char *name, const char **value) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t length = strspn(arg, allowed);
    if (length == 0 || length >= NAME_SIZE || arg[length] != '=') return false;
    memcpy(name, arg, length);
    name[length] = '\0';
    *value = arg + length + 1;
    return true;
}

bool ppi_options_is_assignment(const char *arg) {
    char name[NAME_SIZE];
    const char *value;
    return split_assignment(arg, name, &value);
}

/* Handles "--name", "--no-name" and "--name value"; *used is 1 when `next` was taken as the value.
 */
static pp_status set_dashed(ppi_options *options, const char *name, const char *next, int *used) {
    bool ignored;
    ppi_option_entry *entry = ppi_options_find(options, name);
    *used = 0;
    if (entry == NULL && (strncmp(name, "no-", 3) == 0 || strncmp(name, "no_", 3) == 0)) {
        entry = ppi_options_find(options, name + 3);
        if (entry != NULL && entry->row->type == PPI_OPT_BOOL) {
            return set_entry(options, entry, "off", argument_source);
        }
        entry = NULL;
    }
    if (entry == NULL) return ppi_options_unknown(options, name);
    if (entry->row->type == PPI_OPT_BOOL &&
        (next == NULL || !ppi_option_parse_bool(next, &ignored))) {
        return set_entry(options, entry, "on", argument_source);
    }
    if (next == NULL || strncmp(next, "--", 2) == 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "option \"--%s\" needs a value", name);
    }
    *used = 1;
    return set_entry(options, entry, next, argument_source);
}

pp_status ppi_options_parse_args(ppi_options *options, int argc, char **argv, int *npositional,
                                 char **positional) {
    char name[NAME_SIZE];
    const char *value;
    int found = 0;
    bool only_positional = false;
    if (npositional != NULL) *npositional = 0;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        const bool dashed = !only_positional && strncmp(arg, "--", 2) == 0;
        if (dashed && arg[2] == '\0') {
            only_positional = true;
        } else if (!only_positional && split_assignment(dashed ? arg + 2 : arg, name, &value)) {
            PPI_TRY(ppi_options_set(options, name, value, argument_source));
        } else if (dashed) {
            int used;
            PPI_TRY(set_dashed(options, arg + 2, i + 1 < argc ? argv[i + 1] : NULL, &used));
            i += used;
        } else if (npositional == NULL || positional == NULL) {
            return ppi_fail(PP_ERR_ARGUMENT,
                            "argument \"%s\" is not an option, expected --name value", arg);
        } else {
            positional[found++] = argv[i];
            *npositional = found;
        }
    }
    return PP_OK;
}

bool ppi_options_was_set(const ppi_options *options, const char *name) {
    const ppi_option_entry *entry = ppi_options_find(options, name);
    return entry != NULL && entry->was_set;
}

const char *ppi_options_source(const ppi_options *options, const char *name) {
    const ppi_option_entry *entry = ppi_options_find(options, name);
    return entry != NULL ? entry->source : NULL;
}

pp_status ppi_options_get_text(const ppi_options *options, const char *name, ppi_buf *out) {
    const ppi_option_entry *entry = ppi_options_find(options, name);
    if (entry == NULL) return ppi_options_unknown(options, name);
    return ppi_option_format(entry->row, entry->field, out);
}
