/* Files and folders: whole reads, crash-safe writes, sorted listings, read-only maps. Paths are
 * UTF-8 bytes. */
#ifndef PPI_BASE_FILE_H
#define PPI_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

enum { PPI_PATH_SIZE = 4096 }; /* bytes of a path buffer */

/* Whole file into fresh memory with a zero byte behind it (not counted). Release *data with
 * ppi_free. */
pp_status ppi_file_read_all(const char *path, char **data, size_t *size);

/* A file that is being replaced: what is written to `fd` becomes the content of `path` at the end.
 */
typedef struct ppi_replace {
    int fd; /* of the temporary file, -1 = none */
    char path[PPI_PATH_SIZE];
    char temporary[PPI_PATH_SIZE]; /* in the folder of `path` */
} ppi_replace;

/* Opens the temporary file (mode 0666 less the umask) for writing to r->fd. On failure there is
 * nothing to end. */
pp_status ppi_replace_begin(ppi_replace *r, const char *path);

/* Ends a replacement whose writing gave `status`. PP_OK: fsync, rename over the path, fsync of the
 * folder. Any failure, the caller's included: the temporary file is gone, and the old file
 * untouched unless only the folder's fsync failed. Returns the first failure; calling it twice is
 * harmless. */
pp_status ppi_replace_end(ppi_replace *r, pp_status status);

/* Replaces the file by these bytes so that a crash leaves the old or the new content; failures as
 * for ppi_replace_end. */
pp_status ppi_file_write_atomic(const char *path, const void *data, size_t size);

/* Writes all bytes to an open descriptor, continuing after short writes. `path` serves the error
 * text. */
pp_status ppi_file_write_all_fd(int fd, const void *data, size_t size, const char *path);

/* fsync of an open descriptor; of a folder, so that renames in it last. */
pp_status ppi_file_sync_fd(int fd, const char *path);
pp_status ppi_dir_sync(const char *path);

/* rename(2): replaces `to`. Does not sync. */
pp_status ppi_rename(const char *from, const char *to);

/* Removes one file; a missing one is no failure. */
pp_status ppi_file_remove(const char *path);

bool ppi_file_exists(const char *path); /* any kind of entry, links followed */
bool ppi_dir_exists(const char *path);
pp_status ppi_file_size(const char *path, int64_t *bytes);

/* Creates a folder and its missing parents; an existing folder is no failure. */
pp_status ppi_dir_make(const char *path);

/* PP_OK where `path` is a folder that can be written to, or could be made: the nearest folder above
 * it that exists can be written to. PP_ERR_IO where that is no folder, else the status that fits
 * what the system says; both name it. Makes nothing. */
pp_status ppi_dir_check_writable(const char *path);

/* Removes a file or a folder with all content; links are removed, not followed; a missing path is
 * no failure. */
pp_status ppi_dir_remove(const char *path);

typedef struct ppi_dir_listing {
    char **names; /* entry names without the folder, byte order, no "." and ".." */
    int64_t count;
} ppi_dir_listing;

/* Names in a folder, sorted. Release with ppi_dir_listing_free. */
pp_status ppi_dir_list(const char *path, ppi_dir_listing *out);
void ppi_dir_listing_free(ppi_dir_listing *listing);

/* Joins path parts with one '/' between them; empty parts are skipped. PP_ERR_ARGUMENT when
 * out[size] is too small. */
#define ppi_path_join(out, size, ...)                                                              \
    ppi_path_join_parts(out, size, __VA_ARGS__, (const char *)NULL)
pp_status ppi_path_join_parts(char *out, size_t size, ...); /* parts end with a NULL */

/* Part behind the last '/'. Borrowed from `path`. */
const char *ppi_path_base(const char *path);

/* Folder part of `path` ("." without a '/') into out[size]. */
pp_status ppi_path_dir(char *out, size_t size, const char *path);

typedef struct ppi_map {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
} ppi_map;

/* Read-only mapping of a whole file. */
pp_status ppi_file_map(const char *path, ppi_map *out);
void ppi_file_unmap(ppi_map *map);

#endif
