/* Which folder a dataset's name means, and opening lists of names. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "data/dataset_internal.h"
#include "data/journal.h"
#include "data/meta.h"

/* ---- names ---- */

static pp_status minari_root(char *out, size_t size) {
    const char *root = getenv("MINARI_DATASETS_PATH");
    if (root && root[0]) {
        return ppi_path_join(out, size, root);
    }
    const char *home = getenv("HOME");
    return ppi_path_join(out, size, home && home[0] ? home : ".", ".minari", "datasets");
}

/* True when `folder` holds a dataset or the journal of one. */
static bool is_dataset(const char *folder) {
    char path[PPI_PATH_SIZE];
    return (ppi_path_join(path, sizeof path, folder, "data", PPI_STORE_META_FILE) == PP_OK &&
            ppi_file_exists(path)) ||
           (ppi_journal_path(path, sizeof path, folder) == PP_OK && ppi_file_exists(path));
}

pp_status ppi_dataset_resolve(char *folder, size_t size, const char *name) {
    char root[PPI_PATH_SIZE];
    char path[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(folder, size, name));
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') {
        folder[--length] = 0;
    }
    if (is_dataset(folder)) {
        return PP_OK;
    }
    PPI_TRY(ppi_path_join(path, sizeof path, folder, PPI_STORE_META_FILE));
    if (ppi_file_exists(path) && strcmp(ppi_path_base(folder), "data") == 0) {
        PPI_TRY(ppi_path_dir(path, sizeof path, folder));
        return ppi_path_join(folder, size, path);
    }
    PPI_TRY(minari_root(root, sizeof root));
    PPI_TRY(ppi_path_join(path, sizeof path, root, name));
    if (is_dataset(path)) {
        return ppi_path_join(folder, size, path);
    }
    return ppi_fail(PP_ERR_NOT_FOUND,
                    "dataset %s: no data/%s in %s nor in %s (set MINARI_DATASETS_PATH, or name the "
                    "folder)",
                    name, PPI_STORE_META_FILE, folder, path);
}

/* ---- lists ---- */

typedef struct open_list {
    ppi_dataset **items;
    int count;
    int64_t column_bytes;
} open_list;

static pp_status list_add(open_list *list, const char *name) {
    ppi_dataset **grown = ppi_realloc(list->items, (size_t)(list->count + 1) * sizeof *list->items);
    if (!grown) {
        return ppi_oom("a list of datasets");
    }
    list->items = grown;
    PPI_TRY(ppi_dataset_open_bounded(&list->items[list->count], name, list->column_bytes));
    list->count++;
    return PP_OK;
}

/* Opens the datasets that a pattern matches; *matches counts them. */
static pp_status list_glob(open_list *list, const char *pattern, int *matches) {
    glob_t found;
    *matches = 0;
    int result = glob(pattern, GLOB_BRACE, NULL, &found);
    if (result == GLOB_NOMATCH) {
        return PP_OK;
    }
    if (result != 0) {
        return ppi_fail(PP_ERR_IO, "dataset %s: the pattern could not be expanded", pattern);
    }
    pp_status status = PP_OK;
    for (size_t i = 0; i < found.gl_pathc && status == PP_OK; i++) {
        if (is_dataset(found.gl_pathv[i])) {
            status = list_add(list, found.gl_pathv[i]);
            ++*matches;
        }
    }
    globfree(&found);
    return status;
}

static pp_status list_entry(open_list *list, const char *entry) {
    char root[PPI_PATH_SIZE];
    char pattern[PPI_PATH_SIZE];
    int matches = 0;
    if (!strpbrk(entry, "*?[{")) {
        return list_add(list, entry);
    }
    PPI_TRY(list_glob(list, entry, &matches));
    if (matches == 0) {
        PPI_TRY(minari_root(root, sizeof root));
        PPI_TRY(ppi_path_join(pattern, sizeof pattern, root, entry));
        PPI_TRY(list_glob(list, pattern, &matches));
    }
    return matches > 0
               ? PP_OK
               : ppi_fail(PP_ERR_NOT_FOUND, "dataset %s: the pattern matches no dataset", entry);
}

pp_status ppi_dataset_open_list(ppi_dataset ***out, int *count, const char *names,
                                int64_t column_bytes) {
    open_list list = {.column_bytes = column_bytes};
    pp_status status = PP_OK;
    *out = NULL;
    *count = 0;
    char *copy = ppi_strdup(names);
    if (!copy) {
        return ppi_oom("a list of datasets");
    }
    char *save = NULL;
    for (char *entry = strtok_r(copy, ",", &save); entry && status == PP_OK;
         entry = strtok_r(NULL, ",", &save)) {
        status = list_entry(&list, entry);
    }
    ppi_free(copy);
    if (status == PP_OK && list.count == 0) {
        status = ppi_fail(PP_ERR_ARGUMENT, "no dataset named: the list is empty");
    }
    if (status != PP_OK) {
        ppi_dataset_close_list(list.items, list.count);
        return status;
    }
    *out = list.items;
    *count = list.count;
    return PP_OK;
}

void ppi_dataset_close_list(ppi_dataset **datasets, int count) {
    for (int i = 0; i < count; i++) {
        ppi_dataset_close(datasets[i]);
    }
    ppi_free(datasets);
}

/* ---- what lies under a root ---- */

#define MAX_FOLDERS 12 /* depth of an id */

/* One line about the dataset in `folder`, whose id is its path below the root. */
static pp_status describe(ppi_buf *out, const char *id, const char *folder) {
    char path[PPI_PATH_SIZE];
    ppi_store_meta meta;
    ppi_meta_counts counts;
    ppi_spaces spaces = {0};
    PPI_TRY(ppi_path_join(path, sizeof path, folder, "data", PPI_STORE_META_FILE));
    if (!ppi_file_exists(path)) {
        return ppi_buf_printf(out, "%-40s an interrupted collection without a finished episode\n",
                              id);
    }
    pp_status status = ppi_meta_load_spaces(&meta, &counts, &spaces, path);
    if (status != PP_OK) {
        status = ppi_buf_printf(out, "%-40s not readable: %s\n", id, pp_last_error());
    } else {
        ppi_buf_printf(out, "%-40s %lld episodes, %lld steps, %.1f MB, ", id,
                       (long long)counts.episodes, (long long)counts.steps, counts.megabytes);
        status = ppi_buf_printf(out, "%s -> %s\n", ppi_buf_text(&spaces.observation),
                                ppi_buf_text(&spaces.action));
    }
    ppi_spaces_free(&spaces);
    return status;
}

/* Describes the datasets in `folder` and below it; `id` is its path below the root. */
static pp_status list_below(ppi_buf *out, const char *folder, const char *id, int depth,
                            int64_t *count) {
    ppi_dir_listing listing;
    if (depth > 0 && is_dataset(folder)) {
        ++*count;
        return describe(out, id, folder);
    }
    PPI_TRY(ppi_dir_list(folder, &listing));
    pp_status status = PP_OK;
    for (int64_t i = 0; i < listing.count && status == PP_OK && depth < MAX_FOLDERS; i++) {
        char path[PPI_PATH_SIZE];
        char name[PPI_PATH_SIZE];
        status = ppi_path_join(path, sizeof path, folder, listing.names[i]);
        if (status == PP_OK) {
            status = ppi_path_join(name, sizeof name, id, listing.names[i]);
        }
        if (status == PP_OK && listing.names[i][0] != '.' && ppi_dir_exists(path)) {
            status = list_below(out, path, name, depth + 1, count);
        }
    }
    ppi_dir_listing_free(&listing);
    return status;
}

pp_status ppi_dataset_list(ppi_buf *out, const char *root) {
    char path[PPI_PATH_SIZE];
    int64_t count = 0;
    if (root) {
        PPI_TRY(ppi_path_join(path, sizeof path, root));
    } else {
        PPI_TRY(minari_root(path, sizeof path));
    }
    if (!ppi_dir_exists(path)) {
        return ppi_fail(PP_ERR_NOT_FOUND, "%s: no such folder of datasets", path);
    }
    PPI_TRY(list_below(out, path, "", 0, &count));
    return count > 0 ? PP_OK : ppi_fail(PP_ERR_NOT_FOUND, "%s: no dataset lies under it", path);
}
