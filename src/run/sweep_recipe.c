/* Reading a sweep's recipe; see sweep_recipe.h. */
#include "run/sweep_recipe.h"

#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/ini.h"
#include "base/mem.h"
#include "run/task_choice.h"

enum { NAME_SIZE = 128, VALUE_SIZE = 1024, MAX_GRID = 16 };

static const char *const kind_names[PPI_RECIPE_KINDS] = {"sweep", "collect", "train",
                                                         "grid",  "cell",    "eval"};

#define FIELD(name) offsetof(ppi_sweep_recipe, name)
static const ppi_option sweep_rows[] = {
    {.name = "title",
     .type = PPI_OPT_STR,
     .offset = FIELD(title),
     .size = 256,
     .help = "Heading of table and figure."},
    {.name = "seeds",
     .type = PPI_OPT_STR,
     .offset = FIELD(seed_list),
     .size = 1024,
     .def = "1",
     .help = "Training seeds, separated by commas."},
    {.name = "out",
     .type = PPI_OPT_STR,
     .offset = FIELD(out),
     .size = 1024,
     .help = "Folder of the runs; recipes that share one share what they train alike."},
};
static const ppi_option_table sweep_table = {"sweep", sweep_rows,
                                             (int)(sizeof sweep_rows / sizeof sweep_rows[0])};

/* ---- lists ----------------------------------------------------------------------------------- */

static pp_status add_setting(ppi_sweep_recipe *r, ppi_recipe_list *list, const char *key,
                             const char *value, int64_t line) {
    ppi_recipe_setting *s = ppi_arena_alloc(&r->arena, sizeof *s);
    char *own_key = ppi_arena_strdup(&r->arena, key);
    char *own_value = ppi_arena_strdup(&r->arena, value);
    if (s == NULL || own_key == NULL || own_value == NULL) return ppi_oom("a recipe");
    *s = (ppi_recipe_setting){own_key, own_value, line, NULL};
    if (list->last != NULL) list->last->next = s;
    if (list->first == NULL) list->first = s;
    list->last = s;
    return PP_OK;
}

static pp_status add_list(ppi_sweep_recipe *r, ppi_recipe_list *to, const ppi_recipe_list *from) {
    for (const ppi_recipe_setting *s = from->first; s != NULL; s = s->next)
        PPI_TRY(add_setting(r, to, s->key, s->value, s->line));
    return PP_OK;
}

const char *ppi_recipe_value(const ppi_recipe_list *list, const char *key) {
    const char *value = NULL;
    for (const ppi_recipe_setting *s = list->first; s != NULL; s = s->next) {
        if (strcmp(s->key, key) == 0) value = s->value;
    }
    return value;
}

pp_status ppi_recipe_apply(const ppi_sweep_recipe *r, const ppi_recipe_list *list,
                           ppi_options *set) {
    char source[NAME_SIZE];
    snprintf(source, sizeof source, "recipe %s", ppi_path_base(r->path));
    for (const ppi_recipe_setting *s = list != NULL ? list->first : NULL; s != NULL; s = s->next) {
        PPI_TRY(ppi_fail_context(ppi_options_set(set, s->key, s->value, source), "%s:%" PRId64,
                                 r->path, s->line));
    }
    return PP_OK;
}

pp_status ppi_recipe_write(const ppi_recipe_list *list, ppi_buf *out) {
    for (const ppi_recipe_setting *s = list != NULL ? list->first : NULL; s != NULL; s = s->next)
        ppi_buf_printf(out, "%s = %s\n", s->key, s->value);
    return out->failed;
}

pp_status ppi_recipe_write_eval(const ppi_sweep_recipe *r, const ppi_recipe_section *eval,
                                ppi_buf *out) {
    const ppi_recipe_section *common = ppi_recipe_find(r, PPI_RECIPE_EVAL);
    if (common != NULL) PPI_TRY(ppi_recipe_write(&common->settings, out));
    return eval == common ? PP_OK : ppi_recipe_write(&eval->settings, out);
}

bool ppi_sweep_item(const char **list, char *out, size_t size) {
    const char *at = *list;
    if (*at == '\0') return false;
    const char *end = strchrnul(at, ',');
    *list = *end != '\0' ? end + 1 : end;
    while (at < end && isspace((unsigned char)*at)) at++;
    while (end > at && isspace((unsigned char)end[-1])) end--;
    snprintf(out, size, "%.*s", (int)(end - at), at);
    return true;
}

pp_status ppi_sweep_seeds(int64_t *seeds, int *count, const char *list) {
    PPI_TRY(ppi_numbers_parse(seeds, PPI_SWEEP_SEEDS, count, list, "seeds"));
    for (int i = 0; i < *count; i++) {
        for (int j = 0; j < i; j++) {
            if (seeds[i] == seeds[j])
                return ppi_fail(PP_ERR_ARGUMENT, "seed %" PRId64 " is there twice", seeds[i]);
        }
    }
    return *count > 0 ? PP_OK : ppi_fail(PP_ERR_ARGUMENT, "the list of seeds is empty");
}

/* ---- sections -------------------------------------------------------------------------------- */

const ppi_recipe_section *ppi_recipe_find(const ppi_sweep_recipe *r, ppi_recipe_kind kind) {
    for (int i = 0; i < r->section_count; i++) {
        if (r->section[i].kind == kind && r->section[i].name[0] == '\0') return &r->section[i];
    }
    return NULL;
}

/* Names become parts of paths. */
static bool is_fit_name(const char *name) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+=-";
    return isalnum((unsigned char)name[0]) && name[strspn(name, allowed)] == '\0';
}

/* The kind of a section, and its name behind the dot. */
static pp_status parse_head(ppi_recipe_kind *kind, const char **name, const char *section) {
    char word[NAME_SIZE];
    const char *dot = strchrnul(section, '.');
    int k = 0;
    snprintf(word, sizeof word, "%.*s", (int)(dot - section), section);
    while (k < PPI_RECIPE_KINDS && strcmp(word, kind_names[k]) != 0) k++;
    *kind = (ppi_recipe_kind)k;
    *name = *dot != '\0' ? dot + 1 : dot;
    if (k == PPI_RECIPE_KINDS) {
        const char *nearest = ppi_nearest_name(word, kind_names, PPI_RECIPE_KINDS);
        if (nearest != NULL)
            return ppi_fail(PP_ERR_ARGUMENT, "unknown section [%s], did you mean [%s]?", section,
                            nearest);
        return ppi_fail(PP_ERR_ARGUMENT,
                        "unknown section [%s], expected sweep, collect, train, grid, cell.NAME or "
                        "eval",
                        section);
    }
    const bool may = k == PPI_RECIPE_COLLECT || k == PPI_RECIPE_CELL || k == PPI_RECIPE_EVAL;
    if (*dot != '\0' && !may)
        return ppi_fail(PP_ERR_ARGUMENT, "section [%s]: [%s] has no name", section, word);
    if (*dot == '\0' && k == PPI_RECIPE_CELL)
        return ppi_fail(PP_ERR_ARGUMENT, "section [cell] needs a name: [cell.NAME]");
    if (strlen(section) >= PPI_INI_NAME)
        return ppi_fail(PP_ERR_ARGUMENT, "section [%s] is too long", section);
    if (*dot != '\0' && !is_fit_name(*name))
        return ppi_fail(PP_ERR_ARGUMENT,
                        "section [%s]: a name has letters, digits and ._+=- and begins with one of "
                        "the first two",
                        section);
    return PP_OK;
}

static pp_status open_section(ppi_sweep_recipe *r, ppi_recipe_section **out, const char *text,
                              int64_t line) {
    ppi_recipe_kind kind;
    const char *name;
    PPI_TRY(parse_head(&kind, &name, text));
    for (int i = 0; i < r->section_count; i++) {
        *out = &r->section[i];
        if ((*out)->kind == kind && strcmp((*out)->name, name) == 0) return PP_OK;
    }
    if (r->section_count == PPI_SWEEP_SECTIONS)
        return ppi_fail(PP_ERR_ARGUMENT, "more than %d sections", PPI_SWEEP_SECTIONS);
    const char *own = ppi_arena_strdup(&r->arena, name);
    if (own == NULL) return ppi_oom("a recipe");
    *out = &r->section[r->section_count++];
    **out = (ppi_recipe_section){.kind = kind, .name = own, .line = line};
    return PP_OK;
}

static pp_status on_line(void *ctx, const char *section, const char *key, const char *value,
                         int64_t line) {
    ppi_sweep_recipe *r = ctx;
    ppi_recipe_section *s = NULL;
    if (section[0] == '\0')
        return ppi_fail(PP_ERR_ARGUMENT, "'%s' stands before the first section",
                        key != NULL ? key : "[]");
    PPI_TRY(open_section(r, &s, section, line));
    return key == NULL ? PP_OK : add_setting(r, &s->settings, key, value, line);
}

static pp_status read_sweep_section(ppi_sweep_recipe *r) {
    const ppi_recipe_section *s = ppi_recipe_find(r, PPI_RECIPE_SWEEP);
    ppi_options *set = NULL;
    PPI_TRY(ppi_options_create(&set));
    pp_status status = ppi_options_bind(set, &sweep_table, r);
    if (status == PP_OK) status = ppi_recipe_apply(r, s != NULL ? &s->settings : NULL, set);
    ppi_options_destroy(set);
    if (status == PP_OK && r->title[0] == '\0') snprintf(r->title, sizeof r->title, "%s", r->name);
    return status;
}

/* ---- cells ----------------------------------------------------------------------------------- */

/* A line of [grid] and its values. */
typedef struct axis {
    const ppi_recipe_setting *setting;
    int count;
} axis;

static const char *last_part(const char *key) {
    const char *dot = strrchr(key, '.');
    return dot != NULL ? dot + 1 : key;
}

static pp_status read_axes(const ppi_sweep_recipe *r, axis *axes, int *count) {
    const ppi_recipe_section *grid = ppi_recipe_find(r, PPI_RECIPE_GRID);
    char value[VALUE_SIZE];
    *count = 0;
    const ppi_recipe_setting *s = grid != NULL ? grid->settings.first : NULL;
    for (; s != NULL; s = s->next) {
        if (*count == MAX_GRID)
            return ppi_fail(PP_ERR_ARGUMENT, "%s:%" PRId64 ": more than %d keys in [grid]", r->path,
                            s->line, MAX_GRID);
        for (int i = 0; i < *count; i++) {
            if (strcmp(axes[i].setting->key, s->key) == 0)
                return ppi_fail(PP_ERR_ARGUMENT,
                                "%s:%" PRId64 ": %s is in [grid] twice; put all its values on one "
                                "line",
                                r->path, s->line, s->key);
        }
        axis *a = &axes[(*count)++];
        *a = (axis){.setting = s};
        for (const char *at = s->value; ppi_sweep_item(&at, value, sizeof value); a->count++) {
            if (value[0] == '\0')
                return ppi_fail(PP_ERR_ARGUMENT, "%s:%" PRId64 ": %s has an empty value", r->path,
                                s->line, s->key);
        }
        if (a->count == 0)
            return ppi_fail(PP_ERR_ARGUMENT, "%s:%" PRId64 ": the grid is empty: %s has no values",
                            r->path, s->line, s->key);
    }
    return PP_OK;
}

/* Appends "_context=20": the last part of the key, the whole one where two keys end alike. */
static void name_value(ppi_buf *name, const axis *axes, int n, int i, const char *value) {
    const char *key = last_part(axes[i].setting->key);
    for (int j = 0; j < n; j++) {
        if (j != i && strcmp(last_part(axes[j].setting->key), key) == 0) key = axes[i].setting->key;
    }
    if (name->len > 0) ppi_buf_append_char(name, '_');
    ppi_buf_printf(name, "%s=", key);
    for (; *value != '\0'; value++) {
        const bool plain = isalnum((unsigned char)*value) || strchr("._+-", *value) != NULL;
        ppi_buf_append_char(name, plain ? *value : '-');
    }
}

static pp_status add_cell(ppi_sweep_recipe *r, const ppi_recipe_section *own, const axis *axes,
                          int n, const int *choice) {
    const ppi_recipe_section *base = ppi_recipe_find(r, PPI_RECIPE_TRAIN);
    char value[VALUE_SIZE];
    ppi_buf name = {0};
    if (r->cell_count == PPI_SWEEP_CELLS)
        return ppi_fail(PP_ERR_ARGUMENT, "%s: more than %d cells", r->path, PPI_SWEEP_CELLS);
    ppi_sweep_cell *cell = &r->cell[r->cell_count++];
    PPI_TRY(add_list(r, &cell->train, &base->settings));
    if (own != NULL) {
        ppi_buf_append_text(&name, own->name);
        PPI_TRY(add_list(r, &cell->train, &own->settings));
    }
    pp_status s = PP_OK;
    for (int i = 0; i < n && s == PP_OK; i++) {
        const char *at = axes[i].setting->value;
        for (int k = 0; k <= choice[i]; k++) ppi_sweep_item(&at, value, sizeof value);
        name_value(&name, axes, n, i, value);
        s = add_setting(r, &cell->train, axes[i].setting->key, value, axes[i].setting->line);
    }
    cell->name = s == PP_OK ? ppi_arena_strdup(&r->arena, ppi_buf_text(&name)) : NULL;
    ppi_buf_free(&name);
    if (s == PP_OK && cell->name == NULL) s = ppi_oom("a recipe");
    cell->method = ppi_recipe_value(&cell->train, "method");
    return s;
}

/* Steps to the next combination, the last key first; false behind the last one. */
static bool next_choice(int *choice, const axis *axes, int n) {
    for (int i = n - 1; i >= 0; i--) {
        if (++choice[i] < axes[i].count) return true;
        choice[i] = 0;
    }
    return false;
}

static pp_status add_product(ppi_sweep_recipe *r, const ppi_recipe_section *own, const axis *axes,
                             int n) {
    int choice[MAX_GRID] = {0};
    do {
        PPI_TRY(add_cell(r, own, axes, n, choice));
    } while (next_choice(choice, axes, n));
    return PP_OK;
}

static pp_status check_names(const ppi_sweep_recipe *r) {
    for (int i = 0; i < r->cell_count; i++) {
        const ppi_sweep_cell *c = &r->cell[i];
        if (c->method == NULL)
            return ppi_fail(PP_ERR_ARGUMENT, "%s: [train] needs method, for example method = ad",
                            r->path);
        if (strlen(c->name) > 160)
            return ppi_fail(PP_ERR_ARGUMENT,
                            "%s: the cell's name '%s' is too long; name the cells with [cell.NAME]",
                            r->path, c->name);
        for (int j = 0; j < i; j++) {
            if (strcmp(r->cell[j].name, c->name) == 0)
                return ppi_fail(PP_ERR_ARGUMENT, "%s: two cells are named '%s'", r->path, c->name);
        }
    }
    return PP_OK;
}

static pp_status make_cells(ppi_sweep_recipe *r) {
    axis axes[MAX_GRID];
    int n = 0;
    if (ppi_recipe_find(r, PPI_RECIPE_TRAIN) == NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "%s: there is no section [train]", r->path);
    PPI_TRY(read_axes(r, axes, &n));
    for (int i = 0; i < r->section_count; i++) {
        if (r->section[i].kind == PPI_RECIPE_CELL) PPI_TRY(add_product(r, &r->section[i], axes, n));
    }
    if (r->cell_count == 0 && n == 0)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: the grid is empty: neither [grid] nor a [cell.NAME] says what is to "
                        "be compared",
                        r->path);
    if (r->cell_count == 0) PPI_TRY(add_product(r, NULL, axes, n));
    return check_names(r);
}

static pp_status list_evaluations(ppi_sweep_recipe *r) {
    for (int i = 0; i < r->section_count; i++) {
        const ppi_recipe_section *s = &r->section[i];
        if (s->kind == PPI_RECIPE_EVAL && s->name[0] != '\0') r->eval[r->eval_count++] = s;
    }
    const ppi_recipe_section *common = ppi_recipe_find(r, PPI_RECIPE_EVAL);
    if (r->eval_count == 0 && common != NULL) r->eval[r->eval_count++] = common;
    if (r->eval_count > 0) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "%s: there is no section [eval]", r->path);
}

static pp_status parse(ppi_sweep_recipe *r, const char *text, size_t size) {
    PPI_TRY(ppi_ini_each(text, size, r->path, on_line, r));
    PPI_TRY(read_sweep_section(r));
    PPI_TRY(make_cells(r));
    return list_evaluations(r);
}

static pp_status take_path(ppi_sweep_recipe *r, const char *path) {
    const char *base = ppi_path_base(path);
    const size_t length = strlen(base);
    const bool ini = length > 4 && strcmp(base + length - 4, ".ini") == 0;
    r->path = ppi_arena_strdup(&r->arena, path);
    r->name = ppi_arena_strndup(&r->arena, base, ini ? length - 4 : length);
    return r->path != NULL && r->name != NULL ? PP_OK : ppi_oom("a recipe");
}

pp_status ppi_sweep_recipe_read(ppi_sweep_recipe *r, const char *path) {
    char *text = NULL;
    size_t size = 0;
    memset(r, 0, sizeof *r);
    PPI_TRY(take_path(r, path));
    PPI_TRY(ppi_file_read_all(path, &text, &size));
    const pp_status s = parse(r, text, size);
    ppi_free(text);
    return s;
}

void ppi_sweep_recipe_free(ppi_sweep_recipe *r) {
    ppi_arena_free(&r->arena);
    memset(r, 0, sizeof *r);
}
