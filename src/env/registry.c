/* The list of environments and their making. Ids are "arcade/<game>" and "ale/<rom stem>". */
#include "env/registry.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/options.h"
#include "env/arcade/arcade.h"
#include "env/atari.h"
#include "env/atari_table.h"

static const pp_env_vtable *const k_arcade[] = {&ppi_catch_vtable};

enum {
    N_ARCADE = sizeof(k_arcade) / sizeof(k_arcade[0]),
    N_ENVS = N_ARCADE + PPI_ATARI_GAMES + PPI_ATARI_EXTRAS
};

static char g_ids[N_ENVS][PP_ENV_ID_BYTES];
static const char *g_names[N_ENVS]; /* the same, sorted */
static pthread_once_t g_once = PTHREAD_ONCE_INIT;

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void build_list(void) {
    int n = 0;
    for (int i = 0; i < N_ARCADE; i++) {
        snprintf(g_ids[n++], PP_ENV_ID_BYTES, "%s", k_arcade[i]->name);
    }
    for (int i = 0; i < PPI_ATARI_GAMES; i++) {
        snprintf(g_ids[n++], PP_ENV_ID_BYTES, "ale/%s", ppi_atari_games[i].rom);
    }
    for (int i = 0; i < PPI_ATARI_EXTRAS; i++) {
        snprintf(g_ids[n++], PP_ENV_ID_BYTES, "ale/%s", ppi_atari_extras[i].rom);
    }
    for (int i = 0; i < N_ENVS; i++) {
        g_names[i] = g_ids[i];
    }
    qsort(g_names, N_ENVS, sizeof(g_names[0]), by_name);
}

static const char *const *names(void) {
    pthread_once(&g_once, build_list);
    return g_names;
}

static const pp_env_vtable *find_arcade(const char *id) {
    for (int i = 0; i < N_ARCADE; i++) {
        if (strcmp(k_arcade[i]->name, id) == 0) {
            return k_arcade[i];
        }
    }
    return NULL;
}

int ppi_env_count(void) {
    return N_ENVS;
}

bool ppi_env_known(const char *id) {
    const char *const *list = names();
    for (int i = 0; i < N_ENVS; i++) {
        if (strcmp(list[i], id) == 0) {
            return true;
        }
    }
    return false;
}

pp_status ppi_env_entry_at(ppi_env_entry *out, int index, const ppi_env_options *options) {
    if (index < 0 || index >= N_ENVS) {
        return ppi_fail(PP_ERR_ARGUMENT, "environment index %d is not in 0..%d", index, N_ENVS - 1);
    }
    ppi_env_options defaults;
    if (options == NULL) {
        ppi_env_options_default(&defaults);
        options = &defaults;
    }
    const char *id = names()[index];
    snprintf(out->id, sizeof(out->id), "%s", id);
    if (find_arcade(id) != NULL) {
        out->backend = "arcade";
        out->available = true;
        return PP_OK;
    }
    const pp_env_vtable *plugin;
    char path[PPI_PATH_SIZE];
    out->backend = "ale";
    out->available = ppi_env_ale_plugin(&plugin) == PP_OK &&
                     ppi_env_find_rom(path, sizeof(path), NULL, id + 4, options) == PP_OK;
    return PP_OK;
}

static pp_status unknown(const char *id) {
    /* A two-player ROM gets its own reason. */
    char path[PPI_PATH_SIZE];
    if (strncmp(id, "ale/", 4) == 0 &&
        ppi_env_find_rom(path, sizeof(path), NULL, id + 4, NULL) == PP_ERR_UNSUPPORTED) {
        return PP_ERR_UNSUPPORTED;
    }
    const char *nearest = ppi_nearest_name(id, names(), N_ENVS);
    if (nearest == NULL) {
        /* A bare game name: compare with the part behind the slash. */
        char full[2 * PP_ENV_ID_BYTES];
        const char *const prefixes[] = {"ale/", "arcade/"};
        for (int i = 0; i < 2 && nearest == NULL; i++) {
            snprintf(full, sizeof(full), "%s%.60s", prefixes[i], id);
            nearest = ppi_nearest_name(full, names(), N_ENVS);
        }
    }
    if (nearest == NULL) {
        return ppi_fail(PP_ERR_NOT_FOUND,
                        "there is no environment '%s'; `polyplay info --envs` lists them", id);
    }
    return ppi_fail(PP_ERR_NOT_FOUND, "there is no environment '%s'; did you mean '%s'?", id,
                    nearest);
}

/* Adds one id unless it is there already. */
static pp_status add_id(char (*ids)[PP_ENV_ID_BYTES], int max, int *count, const char *id) {
    for (int i = 0; i < *count; i++) {
        if (strcmp(ids[i], id) == 0) {
            return PP_OK;
        }
    }
    if (*count >= max) {
        return ppi_fail(PP_ERR_ARGUMENT, "the list names more than %d environments", max);
    }
    snprintf(ids[(*count)++], PP_ENV_ID_BYTES, "%s", id);
    return PP_OK;
}

typedef struct set_row {
    const char *name;
    uint32_t bit; /* PPI_SET_*, 0 = the arcade games */
} set_row;

static const set_row k_sets[] = {
    {"@mgdt41", PPI_SET_MGDT}, {"@mgdt5", PPI_SET_MGDT_HELD},  {"@sql40", PPI_SET_SQL},
    {"@jowa15", PPI_SET_JOWA}, {"@jowa5", PPI_SET_JOWA_HELD}, {"@arcade", 0},
};
enum { N_SETS = sizeof(k_sets) / sizeof(k_sets[0]) };

static pp_status add_set(char (*ids)[PP_ENV_ID_BYTES], int max, int *count, const char *name) {
    const char *set_names[N_SETS];
    for (int s = 0; s < N_SETS; s++) {
        set_names[s] = k_sets[s].name;
        if (strcmp(k_sets[s].name, name) != 0) {
            continue;
        }
        if (k_sets[s].bit == 0) {
            for (int i = 0; i < N_ARCADE; i++) {
                PPI_TRY(add_id(ids, max, count, k_arcade[i]->name));
            }
            return PP_OK;
        }
        for (int i = 0; i < PPI_ATARI_GAMES; i++) {
            if (ppi_atari_games[i].sets & k_sets[s].bit) {
                char id[PP_ENV_ID_BYTES];
                snprintf(id, sizeof(id), "ale/%s", ppi_atari_games[i].rom);
                PPI_TRY(add_id(ids, max, count, id));
            }
        }
        return PP_OK;
    }
    const char *nearest = ppi_nearest_name(name, set_names, N_SETS);
    return ppi_fail(PP_ERR_NOT_FOUND, "there is no game set '%s'; did you mean '%s'?", name,
                    nearest == NULL ? set_names[0] : nearest);
}

static pp_status add_pattern(char (*ids)[PP_ENV_ID_BYTES], int max, int *count, const char *text) {
    const char *const *list = names();
    const int before = *count;
    for (int i = 0; i < N_ENVS; i++) {
        if (fnmatch(text, list[i], 0) == 0) {
            PPI_TRY(add_id(ids, max, count, list[i]));
        }
    }
    return *count > before ? PP_OK : unknown(text);
}

pp_status ppi_env_expand(char (*ids)[PP_ENV_ID_BYTES], int max, int *count, const char *text) {
    *count = 0;
    while (*text != '\0') {
        const size_t length = strcspn(text, ",");
        char word[PP_ENV_ID_BYTES];
        if (length >= sizeof(word)) {
            return ppi_fail(PP_ERR_NOT_FOUND, "there is no environment '%.*s'", (int)length, text);
        }
        memcpy(word, text, length);
        word[length] = '\0';
        if (word[0] == '@') {
            PPI_TRY(add_set(ids, max, count, word));
        } else if (strpbrk(word, "*?[") != NULL) {
            PPI_TRY(add_pattern(ids, max, count, word));
        } else if (word[0] != '\0') {
            if (!ppi_env_known(word)) {
                return unknown(word);
            }
            PPI_TRY(add_id(ids, max, count, word));
        }
        text += length;
        text += *text == ',';
    }
    if (*count == 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "the list of environments is empty");
    }
    return PP_OK;
}

static pp_status create_atari(ppi_env *out, pp_env_config *config,
                              const ppi_env_options *options) {
    char path[PPI_PATH_SIZE];
    char md5[33];
    const pp_env_vtable *raw;
    PPI_TRY(ppi_env_ale_plugin(&raw));
    PPI_TRY(ppi_env_find_rom(path, sizeof(path), md5, config->id + 4, options));
    config->rom_path = path;
    config->view = "grey84";
    PPI_TRY(ppi_atari_create(&out->state, raw, config, md5));
    out->vtable = &ppi_atari_vtable;
    return PP_OK;
}

pp_status ppi_env_create(ppi_env *out, const char *id, const ppi_env_options *options) {
    *out = (ppi_env){0};
    ppi_env_options defaults;
    if (options == NULL) {
        ppi_env_options_default(&defaults);
        options = &defaults;
    }
    const pp_env_vtable *arcade = find_arcade(id);
    if (arcade == NULL && !ppi_env_known(id)) return unknown(id);
    ppi_episode_rules rules;
    PPI_TRY(ppi_episode_rules_for(&rules, id, options));
    pp_env_config config = {
        .struct_size = sizeof(config),
        .id = id,
        .view = options->view == PPI_VIEW_GREY84 ? "grey84" : "planes",
        .sticky = rules.sticky,
        .mode = (int32_t)options->mode,
        .difficulty = (int32_t)options->difficulty,
        .max_steps = rules.cap,
        .noop_max = rules.noop_max,
        .fire_reset = rules.fire_reset,
    };
    if (arcade == NULL) {
        return create_atari(out, &config, options);
    }
    pp_env_error error = {{0}};
    const int32_t status = arcade->create(&out->state, &config, &error);
    if (status != PP_OK) {
        return ppi_fail((pp_status)status, "%s", error.text);
    }
    out->vtable = arcade;
    return PP_OK;
}

void ppi_env_destroy(ppi_env *env) {
    if (env->vtable != NULL) {
        env->vtable->destroy(env->state);
    }
    *env = (ppi_env){0};
}
