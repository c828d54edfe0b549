/* Finds ROM files and checks that they are the ones the scores and the emulator expect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "env/atari_table.h"
#include "env/registry.h"

#ifndef PPI_ALE_ROOT
#define PPI_ALE_ROOT ""
#endif

enum { MAX_FOLDERS = 4 };

static const char *const k_two_player[] = {"combat", "joust", "maze_craze", "warlords"};

/* Checksum of a game, or NULL for a stem outside the tables. */
static const char *expected_md5(const char *stem) {
    for (int i = 0; i < PPI_ATARI_GAMES; i++) {
        if (strcmp(ppi_atari_games[i].rom, stem) == 0) {
            return ppi_atari_games[i].md5;
        }
    }
    for (int i = 0; i < PPI_ATARI_EXTRAS; i++) {
        if (strcmp(ppi_atari_extras[i].rom, stem) == 0) {
            return ppi_atari_extras[i].md5;
        }
    }
    return NULL;
}

/* Where tools/setup puts the ROMs for the present environment. */
static void setup_folder(char *out, size_t size) {
    const char *deps = getenv("POLYPLAY_DEPS");
    const char *home = getenv("HOME");
    out[0] = '\0';
    pp_status status = PP_OK;
    if (deps != NULL && deps[0] != '\0') {
        status = ppi_path_join(out, size, deps, "ale/roms");
    } else if (home != NULL && home[0] != '\0') {
        status = ppi_path_join(out, size, home, ".cache/polyplay/ale/roms");
    }
    if (status != PP_OK) {
        out[0] = '\0';
    }
}

static pp_status check_file(const char *path, char *md5, const char *stem, const char *wanted,
                            const ppi_env_options *options) {
    char found[PPI_MD5_HEX_SIZE];
    PPI_TRY(ppi_md5_file(found, path));
    if (strcmp(found, wanted) != 0 && !options->any_rom) {
        return ppi_fail(
            PP_ERR_CORRUPT,
            "the ROM of ale/%s has md5 %s, expected %s (file %s); env.any-rom accepts it", stem,
            found, wanted, path);
    }
    if (md5 != NULL) {
        memcpy(md5, found, sizeof(found));
    }
    return PP_OK;
}

static pp_status not_found(const char *const *folders, int count, const char *stem,
                           const char *wanted, const ppi_env_options *options) {
    ppi_buf searched = {0};
    for (int i = 0; i < count; i++) {
        ppi_buf_printf(&searched, "%s%s", i > 0 ? ", " : "", folders[i]);
    }
    const pp_status status = ppi_fail(
        PP_ERR_NOT_FOUND,
        "the ROM of ale/%s was not found: wanted %s.bin with md5 %s; searched: %s; %s", stem, stem,
        wanted, searched.len > 0 ? ppi_buf_text(&searched) : "no folder is known",
        options->roms[0] != '\0'
            ? "a folder named with env.roms is the only one searched"
            : "run tools/setup, or name a folder with env.roms or ALE_ROMS_DIR");
    ppi_buf_free(&searched);
    return status;
}

/* Folders to search, in order: the one of env.roms alone, else those of the environment variables
 * and of the set-up. `setup` [PPI_PATH_SIZE] holds a text that the list borrows. Returns their
 * number. */
static int search_folders(const char *folders[MAX_FOLDERS], char *setup,
                          const ppi_env_options *options) {
    if (options->roms[0] != '\0') {
        folders[0] = options->roms;
        return 1;
    }
    setup_folder(setup, PPI_PATH_SIZE);
    const char *const candidates[MAX_FOLDERS] = {
        getenv("ALE_ROMS_DIR"), getenv("ALE_ROM_DIR"), setup,
        PPI_ALE_ROOT[0] == '\0' ? NULL : PPI_ALE_ROOT "/roms"};
    int count = 0;
    for (int i = 0; i < MAX_FOLDERS; i++) {
        const char *folder = candidates[i];
        if (folder == NULL || folder[0] == '\0' ||
            (count > 0 && strcmp(folders[count - 1], folder) == 0)) {
            continue;
        }
        folders[count++] = folder;
    }
    return count;
}

pp_status ppi_env_find_rom(char *path, size_t size, char *md5, const char *stem,
                           const ppi_env_options *options) {
    for (size_t i = 0; i < sizeof(k_two_player) / sizeof(k_two_player[0]); i++) {
        if (strcmp(k_two_player[i], stem) == 0) {
            return ppi_fail(PP_ERR_UNSUPPORTED, "ale/%s needs two players; an agent cannot play it",
                            stem);
        }
    }
    const char *wanted = expected_md5(stem);
    if (wanted == NULL) {
        return ppi_fail(PP_ERR_NOT_FOUND, "no Atari game has the ROM name '%s'", stem);
    }
    char setup[PPI_PATH_SIZE];
    const char *folders[MAX_FOLDERS];
    const int count = search_folders(folders, setup, options);
    char file[128];
    snprintf(file, sizeof(file), "%s.bin", stem);
    for (int i = 0; i < count; i++) {
        PPI_TRY(ppi_path_join(path, size, folders[i], file));
        if (ppi_file_exists(path)) {
            return check_file(path, md5, stem, wanted, options);
        }
    }
    return not_found(folders, count, stem, wanted, options);
}
