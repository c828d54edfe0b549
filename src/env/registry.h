/* Finds environments by id: built-in ones, those a program registered (polyplay/vec.h), and Atari
 * games through the emulator plugin. */
#ifndef PPI_ENV_REGISTRY_H
#define PPI_ENV_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#include "env/protocol.h"

/* One environment as the list shows it. */
typedef struct ppi_env_entry {
    char id[PP_ENV_ID_BYTES];
    const char *backend; /* "arcade", "builtin", "ale"; "program" for a registered one */
    bool available;      /* it can be created now: built in, or plugin and ROM are there */
} ppi_env_entry;

/* A live environment behind its table. */
typedef struct ppi_env {
    const pp_env_vtable *vtable;
    void *state;
} ppi_env;

/* Number of known ids, and the i-th in alphabetical order. */
int ppi_env_count(void);
pp_status ppi_env_entry_at(ppi_env_entry *out, int index, const ppi_env_options *options);

/* True for an id this program knows; spelling as in the list. */
bool ppi_env_known(const char *id);

/* Expands a comma list with sets ("@mgdt41,arcade/catch") into ids[max]. Sets: @mgdt41, @mgdt5,
 * @sql40, @jowa15, @jowa5, @arcade5, @arcade-new, @arcade. An unknown name is PP_ERR_NOT_FOUND
 * with the nearest one. */
pp_status ppi_env_expand(char (*ids)[PP_ENV_ID_BYTES], int max, int *count, const char *text);

/* Makes one environment; release with ppi_env_destroy. An unknown id is PP_ERR_NOT_FOUND with the
 * nearest one, a missing plugin PP_ERR_UNSUPPORTED, a missing ROM PP_ERR_NOT_FOUND with the
 * folders searched and the checksum wanted. */
pp_status ppi_env_create(ppi_env *out, const char *id, const ppi_env_options *options);
void ppi_env_destroy(ppi_env *env);

/* The emulator plugin's table, opened on first use. PP_ERR_UNSUPPORTED says where was searched. */
pp_status ppi_env_ale_plugin(const pp_env_vtable **out);

/* Opens the plugin file of the first of folders[count] that holds it; empty names are skipped. */
pp_status ppi_env_plugin_open(const pp_env_vtable **out, const char *const *folders, int count);

/* Path of the ROM of a game ("breakout") into path[size], checked by md5 (also written to
 * md5[33]) unless options->any_rom. A folder in options->roms is the only one searched; without it
 * come ALE_ROMS_DIR, ALE_ROM_DIR and the folders of tools/setup. PP_ERR_NOT_FOUND names the folders
 * searched and the md5 wanted. */
pp_status ppi_env_find_rom(char *path, size_t size, char *md5, const char *stem,
                           const ppi_env_options *options);

#endif
