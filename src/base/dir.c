/* Folders: creation, removal, sorted listings. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

bool ppi_dir_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Creates one folder whose parent exists. */
static pp_status make_one(const char *path) {
    if (mkdir(path, 0777) == 0) return PP_OK;
    const int err = errno;
    if (err == EEXIST && ppi_dir_exists(path)) return PP_OK;
    errno = err;
    return ppi_fail_errno("cannot create folder \"%s\"", path);
}

pp_status ppi_dir_make(const char *path) {
    char part[PPI_PATH_SIZE];
    const size_t length = strlen(path);
    if (length == 0) return ppi_fail(PP_ERR_ARGUMENT, "cannot create a folder with an empty name");
    if (length >= sizeof part)
        return ppi_fail(PP_ERR_ARGUMENT, "folder name of %zu bytes is too long", length);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i < length; i++) {
        if (part[i] != '/') continue;
        part[i] = '\0';
        PPI_TRY(make_one(part));
        part[i] = '/';
    }
    return make_one(part);
}

pp_status ppi_dir_check_writable(const char *path) {
    char above[PPI_PATH_SIZE];
    struct stat info;
    if (strlen(path) >= sizeof above)
        return ppi_fail(PP_ERR_ARGUMENT, "folder name of %zu bytes is too long", strlen(path));
    snprintf(above, sizeof above, "%s", path);
    while (stat(above, &info) != 0) {
        if (errno != ENOENT && errno != ENOTDIR) return ppi_fail_errno("'%s'", above);
        char next[PPI_PATH_SIZE];
        PPI_TRY(ppi_path_dir(next, sizeof next, above));
        if (strcmp(next, above) == 0) break;
        memcpy(above, next, sizeof above);
    }
    if (!ppi_dir_exists(above))
        return ppi_fail(PP_ERR_IO, "nothing can be written to '%s': '%s' is no folder", path,
                        above);
    if (access(above, W_OK | X_OK) == 0) return PP_OK;
    return ppi_fail_errno("nothing can be written to '%s': '%s'", path, above);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends a copy of one name, growing the array by doubling. */
static pp_status add_name(ppi_dir_listing *listing, int64_t *cap, const char *name) {
    if (listing->count == *cap) {
        const int64_t larger = *cap > 0 ? *cap * 2 : 16;
        char **names = ppi_realloc(listing->names, (size_t)larger * sizeof *names);
        if (names == NULL) return ppi_oom("a folder listing");
        listing->names = names;
        *cap = larger;
    }
    char *copy = ppi_strdup(name);
    if (copy == NULL) return ppi_oom("a folder listing");
    listing->names[listing->count++] = copy;
    return PP_OK;
}

pp_status ppi_dir_list(const char *path, ppi_dir_listing *out) {
    *out = (ppi_dir_listing){0};
    DIR *dir = opendir(path);
    if (dir == NULL) return ppi_fail_errno("cannot list folder \"%s\"", path);
    int64_t cap = 0;
    pp_status status = PP_OK;
    while (status == PP_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0) status = ppi_fail_errno("cannot list folder \"%s\"", path);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        status = add_name(out, &cap, entry->d_name);
    }
    closedir(dir);
    if (status != PP_OK) {
        ppi_dir_listing_free(out);
        return status;
    }
    if (out->count > 1) qsort(out->names, (size_t)out->count, sizeof *out->names, compare_names);
    return PP_OK;
}

void ppi_dir_listing_free(ppi_dir_listing *listing) {
    for (int64_t i = 0; i < listing->count; i++) ppi_free(listing->names[i]);
    ppi_free(listing->names);
    *listing = (ppi_dir_listing){0};
}

/* Removes everything inside a folder. */
static pp_status empty_dir(const char *path) {
    ppi_dir_listing listing;
    PPI_TRY(ppi_dir_list(path, &listing));
    pp_status status = PP_OK;
    for (int64_t i = 0; i < listing.count && status == PP_OK; i++) {
        char child[PPI_PATH_SIZE];
        status = ppi_path_join(child, sizeof child, path, listing.names[i]);
        if (status == PP_OK) status = ppi_dir_remove(child);
    }
    ppi_dir_listing_free(&listing);
    return status;
}

pp_status ppi_dir_remove(const char *path) {
    struct stat info;
    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? PP_OK : ppi_fail_errno("cannot inspect \"%s\"", path);
    }
    if (!S_ISDIR(info.st_mode)) return ppi_file_remove(path);
    PPI_TRY(empty_dir(path));
    if (rmdir(path) == 0 || errno == ENOENT) return PP_OK;
    return ppi_fail_errno("cannot remove folder \"%s\"", path);
}
