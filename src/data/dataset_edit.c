/* Combining datasets into a new one, and deleting one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/dataset_internal.h"
#include "data/journal.h"
#include "data/meta.h"
#include "data/records.h"

/* PP_OK when no collection is at work or interrupted in the folder. */
static pp_status check_idle(const char *folder) {
    char path[PPI_PATH_SIZE];
    ppi_records file;
    PPI_TRY(ppi_journal_path(path, sizeof path, folder));
    if (!ppi_file_exists(path)) {
        return PP_OK;
    }
    pp_status status = ppi_records_open(&file, path, true);
    if (status == PP_ERR_EXISTS) {
        return ppi_fail(status, "%s: a collection is writing here", folder);
    }
    if (status == PP_OK) {
        ppi_records_free(&file);
    }
    return ppi_fail(PP_ERR_EXISTS,
                    "%s: an interrupted collection is there; finish it with collect "
                    "--resume first",
                    folder);
}

/* ---- combining ---- */

/* True for NAME-vN. */
static bool valid_name(const char *name) {
    const char *version = strrchr(name, '-');
    return version && version > name && version[1] == 'v' && version[2] != 0 &&
           strspn(version + 2, "0123456789") == strlen(version + 2);
}

/* The id of the new dataset: below the environment's name when the folder lies there. */
static pp_status name_id(ppi_store_meta *meta, const char *folder) {
    const char *name = ppi_path_base(folder);
    char wanted[PPI_PATH_SIZE];
    if (!valid_name(name)) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: the folder of a dataset is named NAME-vN, such as "
                        "all-v0",
                        folder);
    }
    PPI_TRY(ppi_path_join(wanted, sizeof wanted, meta->env, name));
    size_t length = strlen(folder);
    size_t tail = strlen(wanted);
    bool below = length >= tail && strcmp(folder + length - tail, wanted) == 0;
    int written = snprintf(meta->id, sizeof meta->id, "%s", below ? wanted : name);
    return written < (int)sizeof meta->id
               ? PP_OK
               : ppi_fail(PP_ERR_ARGUMENT, "%s: the name is too long", folder);
}

/* Adds the seeds of a source; one that is there already may mean the same episodes twice. */
static pp_status add_seeds(ppi_store_meta *meta, const ppi_store_meta *source, const char *folder) {
    for (int32_t i = 0; i < source->seed_count; i++) {
        bool there = false;
        for (int32_t k = 0; k < meta->seed_count; k++) {
            there |= meta->seeds[k] == source->seeds[i];
        }
        if (there) {
            ppi_log(PPI_LOG_WARN,
                    "%s: seed %llu is in another of the datasets too: the same "
                    "episodes may be there twice",
                    folder, (unsigned long long)source->seeds[i]);
            continue;
        }
        if (meta->seed_count == PPI_STORE_SEEDS) {
            return ppi_fail(PP_ERR_ARGUMENT, "%s: more than %d seeds together", folder,
                            PPI_STORE_SEEDS);
        }
        meta->seeds[meta->seed_count++] = source->seeds[i];
    }
    return PP_OK;
}

/* What the datasets say, compared and put together; counts [count] = groups of each. */
static pp_status merge_meta(ppi_store_meta *meta, int64_t *counts, char **folders, int count) {
    for (int i = 0; i < count; i++) {
        char path[PPI_PATH_SIZE];
        ppi_store_meta source;
        ppi_meta_counts there;
        PPI_TRY(check_idle(folders[i]));
        PPI_TRY(ppi_path_join(path, sizeof path, folders[i], "data", PPI_STORE_META_FILE));
        PPI_TRY(ppi_meta_load(&source, &there, path));
        counts[i] = there.episodes;
        if (i == 0) {
            *meta = source;
            meta->seed_count = 0;
            meta->collect_base = meta->collect_steps = 0;
        }
        const bool same = strcmp(meta->policy, source.policy) == 0;
        char policy[sizeof source.policy];
        memcpy(policy, source.policy, sizeof policy);
        memcpy(source.policy, meta->policy, sizeof policy); /* the source may differ */
        PPI_TRY(ppi_meta_same_rules(meta, &source, folders[0]));
        if (!same) {
            snprintf(meta->policy, sizeof meta->policy, "mixed");
        }
        PPI_TRY(add_seeds(meta, &source, folders[i]));
    }
    return PP_OK;
}

static pp_status check_target(const char *out, char **folders, int count) {
    char data[PPI_PATH_SIZE];
    for (int i = 0; i < count; i++) {
        if (strcmp(folders[i], out) == 0) {
            return ppi_fail(PP_ERR_ARGUMENT, "%s: the new dataset cannot be one of its parts", out);
        }
    }
    PPI_TRY(ppi_path_join(data, sizeof data, out, "data"));
    return ppi_file_exists(data)
               ? ppi_fail(PP_ERR_EXISTS, "%s: something is there; name another folder", out)
               : PP_OK;
}

static pp_status write_combined(char **folders, int count, const char *out, int64_t *counts) {
    ppi_store_meta *meta = ppi_calloc(1, sizeof *meta);
    ppi_store *store = NULL;
    pp_status status = meta ? merge_meta(meta, counts, folders, count) : ppi_oom("metadata");
    if (status == PP_OK) {
        status = name_id(meta, out);
    }
    if (status == PP_OK) {
        status = ppi_store_create(&store, out, meta, 0);
    }
    for (int i = 0; i < count && status == PP_OK; i++) {
        status = ppi_store_copy_groups(store, folders[i], counts[i]);
    }
    if (status == PP_OK) {
        status = ppi_store_commit(store);
    } else {
        ppi_store_abort(store);
    }
    ppi_free(meta);
    return status;
}

pp_status ppi_dataset_combine(const char *const *names, int count, const char *out) {
    char target[PPI_PATH_SIZE];
    char **folders = ppi_calloc((size_t)count + 1, sizeof *folders);
    int64_t *counts = ppi_calloc((size_t)count + 1, sizeof *counts);
    pp_status status = folders && counts ? PP_OK : ppi_oom("a list of datasets");
    for (int i = 0; i < count && status == PP_OK; i++) {
        char folder[PPI_PATH_SIZE];
        status = ppi_dataset_resolve(folder, sizeof folder, names[i]);
        if (status == PP_OK) {
            folders[i] = ppi_strdup(folder);
            status = folders[i] ? PP_OK : ppi_oom("a list of datasets");
        }
    }
    if (status == PP_OK) {
        status = ppi_path_join(target, sizeof target, out);
    }
    for (size_t n = strlen(target); status == PP_OK && n > 1 && target[n - 1] == '/'; n--) {
        target[n - 1] = 0;
    }
    if (status == PP_OK) {
        status = check_target(target, folders, count);
    }
    if (status == PP_OK) {
        status = write_combined(folders, count, target, counts);
    }
    for (int i = 0; folders && i < count; i++) {
        ppi_free(folders[i]);
    }
    ppi_free(folders);
    ppi_free(counts);
    return status;
}

/* ---- deleting ---- */

static bool is_own_file(const char *name) {
    static const char *const names[] = {PPI_STORE_META_FILE, PPI_STORE_DATA_FILE, "journal.bin"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return dot && strcmp(dot, ".tmp") == 0; /* left by a writer that was killed */
}

/* Everything in the data folder must be a dataset's. */
static pp_status check_content(const char *data) {
    ppi_dir_listing listing;
    PPI_TRY(ppi_dir_list(data, &listing));
    pp_status status = PP_OK;
    for (int64_t i = 0; i < listing.count && status == PP_OK; i++) {
        if (!is_own_file(listing.names[i])) {
            status = ppi_fail(PP_ERR_ARGUMENT, "%s/%s is no part of a dataset: nothing was deleted",
                              data, listing.names[i]);
        }
    }
    ppi_dir_listing_free(&listing);
    return status;
}

/* Holds the journal's lock, so that no collector begins meanwhile. */
static pp_status remove_data(const char *folder, const char *data) {
    char path[PPI_PATH_SIZE];
    char gone[PPI_PATH_SIZE];
    ppi_records lock;
    PPI_TRY(ppi_journal_path(path, sizeof path, folder));
    const bool journal = ppi_file_exists(path);
    if (journal) {
        pp_status opened = ppi_records_open(&lock, path, true);
        if (opened == PP_ERR_EXISTS) {
            return ppi_fail(opened, "%s: a collection is writing here: nothing was deleted",
                            folder);
        }
        if (opened != PP_OK && opened != PP_ERR_CORRUPT) {
            return opened;
        }
    }
    /* One rename makes the dataset vanish as a whole. */
    pp_status status = ppi_path_join(gone, sizeof gone, folder, "data.deleted");
    if (status == PP_OK) {
        status = ppi_dir_remove(gone);
    }
    if (status == PP_OK) {
        status = ppi_rename(data, gone);
    }
    if (status == PP_OK) {
        status = ppi_dir_remove(gone);
    }
    if (journal) {
        ppi_records_free(&lock);
    }
    return status;
}

pp_status ppi_dataset_delete(const char *name, bool sure, char *folder, size_t size) {
    char data[PPI_PATH_SIZE];
    PPI_TRY(ppi_dataset_resolve(folder, size, name));
    PPI_TRY(ppi_path_join(data, sizeof data, folder, "data"));
    PPI_TRY(check_content(data));
    if (!sure) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s would be deleted for good; say --yes to do it", data);
    }
    PPI_TRY(remove_data(folder, data));
    if (rmdir(folder) != 0 && errno != ENOTEMPTY && errno != EEXIST) {
        return ppi_fail_errno("%s: could not remove the empty folder", folder);
    }
    return PP_OK;
}
