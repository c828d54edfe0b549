/* Whole-file reads, crash-safe writes and maps on POSIX descriptors. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

enum { FIRST_READ = 65536, LARGEST_WRITE = 1 << 30 };

/* Opens a regular file for reading; *bytes is its size as the system reports it. */
static pp_status open_for_read(const char *path, int *fd, int64_t *bytes) {
    struct stat info;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) return ppi_fail_errno("cannot open \"%s\"", path);
    if (fstat(*fd, &info) != 0) {
        const pp_status status = ppi_fail_errno("cannot inspect \"%s\"", path);
        close(*fd);
        return status;
    }
    if (S_ISDIR(info.st_mode)) {
        close(*fd);
        return ppi_fail(PP_ERR_IO, "cannot read \"%s\": it is a folder", path);
    }
    *bytes = (int64_t)info.st_size;
    return PP_OK;
}

/* Reads to the end whatever size was announced (pipes and /proc files say 0). */
static pp_status read_to_end(int fd, const char *path, size_t expected, char **data, size_t *size) {
    size_t cap = expected > 0 ? expected + 1 : FIRST_READ;
    size_t used = 0;
    char *memory = ppi_malloc(cap);
    while (memory != NULL) {
        const ssize_t got = read(fd, memory + used, cap - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const pp_status status = ppi_fail_errno("cannot read \"%s\"", path);
            ppi_free(memory);
            return status;
        }
        if (got == 0) break;
        used += (size_t)got;
        if (used < cap) continue;
        cap *= 2;
        char *larger = ppi_realloc(memory, cap);
        if (larger == NULL) ppi_free(memory);
        memory = larger;
    }
    if (memory == NULL) {
        return ppi_fail(PP_ERR_NO_MEMORY, "out of memory for %zu bytes of \"%s\"", cap, path);
    }
    memory[used] = '\0';
    *data = memory;
    *size = used;
    return PP_OK;
}

pp_status ppi_file_read_all(const char *path, char **data, size_t *size) {
    int fd;
    int64_t bytes;
    PPI_TRY(open_for_read(path, &fd, &bytes));
    const pp_status status = read_to_end(fd, path, (size_t)bytes, data, size);
    close(fd);
    return status;
}

pp_status ppi_file_write_all_fd(int fd, const void *data, size_t size, const char *path) {
    const char *bytes = data;
    size_t left = size;
    while (left > 0) {
        const size_t chunk = left < LARGEST_WRITE ? left : LARGEST_WRITE;
        ssize_t done = -1;
        if (ppi_fault_hit(PPI_FAULT_WRITE)) {
            errno = ENOSPC;
        } else {
            done = write(fd, bytes, chunk);
        }
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) {
            return ppi_fail_errno("cannot write \"%s\" (%zu of %zu bytes done)", path, size - left,
                                  size);
        }
        bytes += done;
        left -= (size_t)done;
    }
    return PP_OK;
}

pp_status ppi_file_sync_fd(int fd, const char *path) {
    int result = -1;
    if (ppi_fault_hit(PPI_FAULT_FSYNC)) {
        errno = EIO;
    } else {
        result = fsync(fd);
    }
    return result == 0 ? PP_OK : ppi_fail_errno("cannot flush \"%s\" to disk", path);
}

pp_status ppi_dir_sync(const char *path) {
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ppi_fail_errno("cannot open folder \"%s\"", path);
    const pp_status status = ppi_file_sync_fd(fd, path);
    close(fd);
    return status;
}

pp_status ppi_rename(const char *from, const char *to) {
    int result = -1;
    if (ppi_fault_hit(PPI_FAULT_RENAME)) {
        errno = EIO;
    } else {
        result = rename(from, to);
    }
    return result == 0 ? PP_OK : ppi_fail_errno("cannot rename \"%s\" to \"%s\"", from, to);
}

pp_status ppi_file_remove(const char *path) {
    if (unlink(path) == 0 || errno == ENOENT) return PP_OK;
    return ppi_fail_errno("cannot remove \"%s\"", path);
}

pp_status ppi_replace_begin(ppi_replace *r, const char *path) {
    r->fd = -1;
    const int length =
        snprintf(r->temporary, sizeof r->temporary, "%s.tmp%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof r->temporary) {
        return ppi_fail(PP_ERR_ARGUMENT, "path of %zu bytes is too long: \"%.60s...\"",
                        strlen(path), path);
    }
    memcpy(r->path, path, strlen(path) + 1);
    r->fd = open(r->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return r->fd >= 0 ? PP_OK : ppi_fail_errno("cannot create \"%s\"", r->temporary);
}

pp_status ppi_replace_end(ppi_replace *r, pp_status status) {
    char folder[PPI_PATH_SIZE];
    if (r->fd < 0) return status;
    if (status == PP_OK) status = ppi_file_sync_fd(r->fd, r->temporary);
    if (close(r->fd) != 0 && status == PP_OK) {
        status = ppi_fail_errno("cannot close \"%s\"", r->temporary);
    }
    r->fd = -1;
    if (status == PP_OK) status = ppi_rename(r->temporary, r->path);
    if (status != PP_OK) {
        unlink(r->temporary);
        return status;
    }
    PPI_TRY(ppi_path_dir(folder, sizeof folder, r->path));
    return ppi_dir_sync(folder);
}

pp_status ppi_file_write_atomic(const char *path, const void *data, size_t size) {
    ppi_replace r;
    PPI_TRY(ppi_replace_begin(&r, path));
    return ppi_replace_end(&r, ppi_file_write_all_fd(r.fd, data, size, r.temporary));
}

bool ppi_file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

pp_status ppi_file_size(const char *path, int64_t *bytes) {
    struct stat info;
    if (stat(path, &info) != 0) return ppi_fail_errno("cannot inspect \"%s\"", path);
    *bytes = (int64_t)info.st_size;
    return PP_OK;
}

pp_status ppi_file_map(const char *path, ppi_map *out) {
    int fd;
    int64_t bytes;
    *out = (ppi_map){0};
    PPI_TRY(open_for_read(path, &fd, &bytes));
    pp_status status = PP_OK;
    if (bytes > 0) {
        void *data = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED) {
            status = ppi_fail_errno("cannot map \"%s\" (%lld bytes)", path, (long long)bytes);
        } else {
            *out = (ppi_map){.data = data, .size = (size_t)bytes};
        }
    }
    close(fd);
    return status;
}

void ppi_file_unmap(ppi_map *map) {
    if (map->data != NULL) munmap((void *)map->data, map->size);
    *map = (ppi_map){0};
}

pp_status ppi_path_join_parts(char *out, size_t size, ...) {
    size_t used = 0;
    bool fits = size > 0;
    va_list parts;
    va_start(parts, size);
    for (const char *part = va_arg(parts, const char *); part != NULL;
         part = va_arg(parts, const char *)) {
        if (part[0] == '\0' || !fits) continue;
        const bool slash = used > 0 && out[used - 1] != '/';
        const size_t length = strlen(part);
        if (length + slash >= size - used) {
            fits = false;
            continue;
        }
        if (slash) out[used++] = '/';
        memcpy(out + used, part, length);
        used += length;
    }
    va_end(parts);
    if (!fits) return ppi_fail(PP_ERR_ARGUMENT, "a path does not fit its %zu bytes", size);
    out[used] = '\0';
    return PP_OK;
}

const char *ppi_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

pp_status ppi_path_dir(char *out, size_t size, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *source = slash != NULL ? path : ".";
    size_t length = 1;
    if (slash != NULL && slash != path) length = (size_t)(slash - path);
    if (length >= size)
        return ppi_fail(PP_ERR_ARGUMENT, "the folder of \"%s\" does not fit %zu bytes", path, size);
    memcpy(out, source, length);
    out[length] = '\0';
    return PP_OK;
}
