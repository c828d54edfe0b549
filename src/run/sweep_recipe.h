/* A sweep's recipe: its text, and the cells it makes. */
#ifndef PPI_RUN_SWEEP_RECIPE_H
#define PPI_RUN_SWEEP_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/options.h"

enum { PPI_SWEEP_CELLS = 256, PPI_SWEEP_SEEDS = 64, PPI_SWEEP_SECTIONS = 320 };

/* One "key = value" line; texts in the recipe's arena. */
typedef struct ppi_recipe_setting {
    const char *key;
    const char *value;
    int64_t line;
    const struct ppi_recipe_setting *next;
} ppi_recipe_setting;

/* Settings in order; of two with one key the later one counts. */
typedef struct ppi_recipe_list {
    ppi_recipe_setting *first;
    ppi_recipe_setting *last;
} ppi_recipe_list;

/* Order of the names in sweep_recipe.c. */
typedef enum ppi_recipe_kind {
    PPI_RECIPE_SWEEP,   /* [sweep]: title, seeds, out */
    PPI_RECIPE_COLLECT, /* [collect] or [collect.NAME]: options of collect */
    PPI_RECIPE_TRAIN,   /* [train]: method and options of every run */
    PPI_RECIPE_GRID,    /* [grid]: options of train with a comma list of values each */
    PPI_RECIPE_CELL,    /* [cell.NAME]: options of train of one cell */
    PPI_RECIPE_EVAL,    /* [eval]: options of every evaluation; [eval.NAME]: of one */
    PPI_RECIPE_KINDS
} ppi_recipe_kind;

typedef struct ppi_recipe_section {
    ppi_recipe_kind kind;
    const char *name; /* behind the dot, "" without */
    int64_t line;
    ppi_recipe_list settings;
} ppi_recipe_section;

/* A combination of options that is trained with every seed. */
typedef struct ppi_sweep_cell {
    const char *name; /* "context=20": fit for a folder */
    const char *method;
    ppi_recipe_list train; /* options of train and of the cell, merged */
} ppi_sweep_cell;

typedef struct ppi_sweep_recipe {
    ppi_arena arena;
    const char *path;
    const char *name; /* of the file, without folder and ".ini" */
    char title[256];
    char out[1024]; /* folder of the runs; empty = runs/<name> */
    char seed_list[1024];
    ppi_recipe_section section[PPI_SWEEP_SECTIONS];
    int section_count;
    ppi_sweep_cell cell[PPI_SWEEP_CELLS];
    int cell_count;
    const ppi_recipe_section *eval[PPI_SWEEP_SECTIONS]; /* the evaluations of a run */
    int eval_count;
} ppi_sweep_recipe;

/* Reads the file and works out its cells; keys of options are checked by ppi_sweep_recipe_check.
 * Release with ppi_sweep_recipe_free, also after a failure. */
pp_status ppi_sweep_recipe_read(ppi_sweep_recipe *r, const char *path);
void ppi_sweep_recipe_free(ppi_sweep_recipe *r);

/* Tries every option of collections, cells and evaluations on the tables they will be set in. */
pp_status ppi_sweep_recipe_check(const ppi_sweep_recipe *r);

/* The section without a name of a kind, NULL when the recipe has none. */
const ppi_recipe_section *ppi_recipe_find(const ppi_sweep_recipe *r, ppi_recipe_kind kind);
/* Value of a key that was set, the last one; NULL without. */
const char *ppi_recipe_value(const ppi_recipe_list *list, const char *key);
/* Sets every option of the list; a failure names file and line. list may be NULL. */
pp_status ppi_recipe_apply(const ppi_sweep_recipe *r, const ppi_recipe_list *list,
                           ppi_options *set);
/* Appends the settings as "key = value" lines. list may be NULL. */
pp_status ppi_recipe_write(const ppi_recipe_list *list, ppi_buf *out);
/* Options that an evaluation sets: those of [eval] and its own, as ppi_recipe_write does. */
pp_status ppi_recipe_write_eval(const ppi_sweep_recipe *r, const ppi_recipe_section *eval,
                                ppi_buf *out);

/* Whole numbers from 0 of a comma list into seeds[PPI_SWEEP_SEEDS]. */
pp_status ppi_sweep_seeds(int64_t *seeds, int *count, const char *list);
/* Cuts the next item off a comma list: trimmed, into out[size]. False at the end. */
bool ppi_sweep_item(const char **list, char *out, size_t size);

#endif
