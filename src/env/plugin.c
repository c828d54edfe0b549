/* Opens the emulator plugin. It is a separate file because of its licence and because most uses of
 * the program need no emulator; a program without it still knows where it was looked for. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "env/registry.h"

#ifndef PPI_BUILD_DIR
#define PPI_BUILD_DIR ""
#endif

static const char k_file[] = "polyplay-ale.so";

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static const pp_env_vtable *g_table; /* set once, never unset: the plugin stays open */

/* Folder of the running program; empty when the system does not tell. */
static void program_folder(char *out, size_t size) {
    char path[PPI_PATH_SIZE];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    out[0] = '\0';
    if (length > 0) {
        path[length] = '\0';
        if (ppi_path_dir(out, size, path) != PP_OK) {
            out[0] = '\0';
        }
    }
}

static pp_status open_file(const pp_env_vtable **out, const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "the plugin %s cannot be opened: %s", path, dlerror());
    }
    pp_env_plugin_fn enter;
    /* POSIX returns functions as object pointers. */
    *(void **)&enter = dlsym(library, PP_ENV_PLUGIN_SYMBOL);
    if (enter == NULL) {
        dlclose(library);
        return ppi_fail(PP_ERR_UNSUPPORTED, "the plugin %s does not export %s", path,
                        PP_ENV_PLUGIN_SYMBOL);
    }
    const pp_env_vtable *table = enter();
    if (table == NULL || table->abi_version != PP_ENV_ABI_VERSION ||
        table->struct_size < sizeof(pp_env_vtable)) {
        const unsigned version = table == NULL ? 0u : table->abi_version;
        dlclose(library);
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "the plugin %s speaks version %u of the environment ABI, this program %d; "
                        "build it again",
                        path, version, PP_ENV_ABI_VERSION);
    }
    *out = table;
    return PP_OK;
}

pp_status ppi_env_plugin_open(const pp_env_vtable **out, const char *const *folders, int count) {
    ppi_buf searched = {0};
    *out = NULL;
    for (int i = 0; i < count; i++) {
        char path[PPI_PATH_SIZE];
        if (folders[i][0] == '\0' ||
            ppi_path_join(path, sizeof(path), folders[i], k_file) != PP_OK) {
            continue;
        }
        if (ppi_file_exists(path)) {
            ppi_buf_free(&searched);
            return open_file(out, path);
        }
        ppi_buf_printf(&searched, "%s%s", searched.len > 0 ? ", " : "", folders[i]);
    }
    const pp_status status =
        ppi_fail(PP_ERR_UNSUPPORTED,
                 "the Atari emulator plugin %s was not found; searched: %s; run tools/setup and "
                 "build again, or set POLYPLAY_PLUGIN_DIR",
                 k_file, ppi_buf_text(&searched));
    ppi_buf_free(&searched);
    return status;
}

static pp_status open_default(void) {
    char program[PPI_PATH_SIZE];
    program_folder(program, sizeof(program));
    const char *chosen = getenv("POLYPLAY_PLUGIN_DIR");
    const char *const folders[] = {chosen == NULL ? "" : chosen, program, PPI_BUILD_DIR};
    return ppi_env_plugin_open(&g_table, folders, (int)(sizeof(folders) / sizeof(folders[0])));
}

pp_status ppi_env_ale_plugin(const pp_env_vtable **out) {
    pthread_mutex_lock(&g_lock);
    const pp_status status = g_table != NULL ? PP_OK : open_default();
    *out = g_table;
    pthread_mutex_unlock(&g_lock);
    return status;
}
