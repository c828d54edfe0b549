/* Options: one table a component, from which come the command line, recipe files, --help and stored
 * settings.
 *
 * A table row binds a dotted name to a field of the component's options struct. */
#ifndef PPI_BASE_OPTIONS_H
#define PPI_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/json.h"

/* Field types: int64_t, double, bool, char[size], int holding the index in `choices`. */
typedef enum ppi_option_type {
    PPI_OPT_I64,
    PPI_OPT_F64,
    PPI_OPT_BOOL,
    PPI_OPT_STR,
    PPI_OPT_CHOICE,
    PPI_OPT_TYPE_COUNT
} ppi_option_type;

typedef struct ppi_option {
    const char *name; /* full dotted, kebab case: "optim.weight-decay" */
    ppi_option_type type;
    size_t offset;   /* of the field in the struct */
    size_t size;     /* STR: bytes of the field; else 0 */
    const char *def; /* default as text; NULL for the empty string, 0, off or the first choice */
    double min, max; /* numbers: inclusive range; no limit when both are 0 */
    const char *choices; /* CHOICE: "a|b|c" */
    const char *help;    /* one sentence with the unit */
    const char *alias;   /* second name or NULL */
} ppi_option;

typedef struct ppi_option_table {
    const char *component; /* heading in --help: "optimiser" */
    const ppi_option *rows;
    int count;
} ppi_option_table;

/* A set of bound tables with each option's source. Tables and structs are borrowed and must outlive
 * the set. */
typedef struct ppi_options ppi_options;

pp_status ppi_options_create(ppi_options **out);
void ppi_options_destroy(ppi_options *options); /* NULL is allowed */

/* Adds a table and writes its defaults into the struct. PP_ERR_ARGUMENT when a name is already
 * bound or a default does not satisfy its own row. */
pp_status ppi_options_bind(ppi_options *options, const ppi_option_table *table, void *values);

/* Sets one option from text; the name may be kebab or snake case or an alias. `source` says where
 * the value comes from ("recipe small.ini", "command line") and is copied. PP_ERR_ARGUMENT names
 * the option, the value seen and what is expected; an unknown name gets the nearest known one. The
 * field is untouched on failure. */
pp_status ppi_options_set(ppi_options *options, const char *name, const char *value,
                          const char *source);

/* Reads `--a.b v`, `--a.b=v`, `a.b=v`, and `--flag`, `--no-flag` for booleans (also
 * `--flag=on|off|true|false|1|0`; a boolean's value is never a separate argument unless it is one
 * of these words). Arguments behind "--" and those without "=" or leading "--" are positional:
 * pointers go to positional[argc] in order, their number to *npositional; both may be NULL, then a
 * positional argument is an error. argv[0] is the first argument, not the program. */
pp_status ppi_options_parse_args(ppi_options *options, int argc, char **argv, int *npositional,
                                 char **positional);

/* True for an argument "name=value" that parse_args takes as an option: the name has letters,
 * digits and "._-" alone, so a path such as "runs/lr=1" is none. */
bool ppi_options_is_assignment(const char *arg);

/* Reads "[section]" and "key = value" lines as section.key; errors carry path and line. Options set
 * before the failing line keep their new value. */
pp_status ppi_options_load_ini(ppi_options *options, const char *path);
pp_status ppi_options_load_ini_text(ppi_options *options, const char *text, size_t size,
                                    const char *what);

/* All options by section as "key = value ; source", in a form that ppi_options_load_ini reads back
 * exactly. */
pp_status ppi_options_write_ini(const ppi_options *options, ppi_buf *out);

/* All options as one object { "optim.lr": 0.001, ... }; infinities as text. Writes a value, so it
 * may follow a key. */
pp_status ppi_options_write_json(const ppi_options *options, ppi_jsonw *w);

/* Sets every member of an object as written by ppi_options_write_json. */
pp_status ppi_options_from_json(ppi_options *options, const ppi_json *object, const char *source);

/* Help text of all tables: name, type or choices, default, range, sentence. */
pp_status ppi_options_help(const ppi_options *options, ppi_buf *out);

/* True when the option exists and was set after its default. */
bool ppi_options_was_set(const ppi_options *options, const char *name);

/* Source text of an option ("default" until set); NULL for an unknown name. Borrowed. */
const char *ppi_options_source(const ppi_options *options, const char *name);

/* The present value as text, in the form ppi_options_set takes. */
pp_status ppi_options_get_text(const ppi_options *options, const char *name, ppi_buf *out);

/* Nearest of `count` names by edit distance, NULL when none is near enough to suggest. Case is
 * ignored and '_' is '-'. */
const char *ppi_nearest_name(const char *name, const char *const *names, int count);

/* Edit distance (insert, delete, replace, swap of neighbours) under the same folding; names of up
 * to 127 bytes. */
int ppi_edit_distance(const char *a, const char *b);

#endif
