/* Runs a fuzz target over a folder of inputs without a fuzzer: every file whole, and cut short at up
 * to 64 points spread over its length. */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CUTS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs the target on a copy of exactly `size` bytes, so that a sanitizer sees a read past the end. */
static int run_one(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (copy == NULL) return 1;
    if (size) memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return 0;
}

static int run_cuts(const uint8_t *data, size_t size) {
    const size_t cuts = size < CUTS ? size : CUTS;
    int failed = run_one(data, size);
    for (size_t i = 0; i < cuts && !failed; i++) failed = run_one(data, size * i / cuts);
    return failed;
}

/* 0 when the file was read and run; says what went wrong otherwise. */
static int run_file(const char *path, size_t size) {
    uint8_t *data = malloc(size ? size : 1);
    FILE *file = fopen(path, "rb");
    int failed = data == NULL || file == NULL || fread(data, 1, size, file) != size;
    if (failed) {
        fprintf(stderr, "%s: cannot read %zu bytes: %s\n", path, size, strerror(errno));
    } else if (run_cuts(data, size)) {
        fprintf(stderr, "%s: out of memory\n", path);
        failed = 1;
    }
    if (file) fclose(file);
    free(data);
    return failed;
}

int main(int argc, char **argv) {
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER, a folder of inputs that can be read\n", argv[0]);
        return 2;
    }
    int files = 0, failed = 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char path[4096];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
            files++;
            failed |= run_file(path, (size_t)info.st_size);
        }
    }
    closedir(folder);
    if (files == 0) fprintf(stderr, "%s: no inputs\n", argv[1]);
    return failed || files == 0;
}
