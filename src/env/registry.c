/* The list of environments and their making. An id is a family, a slash and a name:
 * "arcade/<game>", "ale/<rom stem>", "dark/<room>", ... A built-in environment is one entry of a
 * table of functions; a program may add its own with pp_env_register. Ids "gym/<id>" are not
 * listed: what there is depends on the Python that is asked. */
#include "env/registry.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <polyplay/vec.h>

#include "base/error.h"
#include "base/file.h"
#include "base/options.h"
#include "env/arcade/arcade.h"
#include "env/atari.h"
#include "env/atari_table.h"
#include "env/builtin.h"
#include "env/gym.h"

/* The tables of the program, by who made them. */
static const struct {
    const char *backend;
    const pp_env_vtable *const *tables;
    int count;
} k_families[] = {
    {"arcade", ppi_arcade_vtables, PPI_ARCADE_GAMES},
    {"builtin", ppi_builtin_vtables, PPI_BUILTIN_COUNT},
};

enum {
    N_FAMILIES = sizeof(k_families) / sizeof(k_families[0]),
    MAX_BUILT_IN = 64,
    MAX_ADDED = 64,
    MAX_ENVS = MAX_BUILT_IN + MAX_ADDED + PPI_ATARI_GAMES + PPI_ATARI_EXTRAS
};

/* One known id; table is NULL for games of the emulator. */
typedef struct known_env {
    char id[PP_ENV_ID_BYTES];
    const char *backend;
    const pp_env_vtable *table;
} known_env;

static known_env g_known[MAX_ENVS]; /* sorted by id */
static const char *g_names[MAX_ENVS];
static int g_count;
static int g_added;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t g_adding = PTHREAD_MUTEX_INITIALIZER;

static int by_id(const void *a, const void *b) {
    return strcmp(((const known_env *)a)->id, ((const known_env *)b)->id);
}

static void sort_known(void) {
    qsort(g_known, (size_t)g_count, sizeof(g_known[0]), by_id);
    for (int i = 0; i < g_count; i++) {
        g_names[i] = g_known[i].id;
    }
}

static void add_known(const char *prefix, const char *name, const char *backend,
                      const pp_env_vtable *table) {
    known_env *known = &g_known[g_count++];
    snprintf(known->id, sizeof(known->id), "%s%s", prefix, name);
    known->backend = backend;
    known->table = table;
}

static void build_list(void) {
    for (int f = 0; f < N_FAMILIES; f++) {
        for (int i = 0; i < k_families[f].count; i++) {
            const pp_env_vtable *table = k_families[f].tables[i];
            add_known("", table->name, k_families[f].backend, table);
        }
    }
    for (int i = 0; i < PPI_ATARI_GAMES; i++) {
        add_known("ale/", ppi_atari_games[i].rom, "ale", NULL);
    }
    for (int i = 0; i < PPI_ATARI_EXTRAS; i++) {
        add_known("ale/", ppi_atari_extras[i].rom, "ale", NULL);
    }
    sort_known();
}

static const char *const *names(void) {
    pthread_once(&g_once, build_list);
    return g_names;
}

static const known_env *find(const char *id) {
    names();
    for (int i = 0; i < g_count; i++) {
        if (strcmp(g_known[i].id, id) == 0) {
            return &g_known[i];
        }
    }
    return NULL;
}

pp_status pp_env_register(const pp_env_vtable *table) {
    if (table == NULL || table->abi_version != PP_ENV_ABI_VERSION ||
        table->struct_size < sizeof(*table)) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a table of functions of version %u of the environment ABI was given, "
                        "version %d is wanted",
                        table == NULL ? 0u : table->abi_version, PP_ENV_ABI_VERSION);
    }
    const char *slash = table->name == NULL ? NULL : strchr(table->name, '/');
    if (slash == NULL || slash == table->name || slash[1] == '\0' ||
        strlen(table->name) >= PP_ENV_ID_BYTES) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "'%s' is no id of an environment; it is family/name of at most %d bytes",
                        table->name == NULL ? "" : table->name, PP_ENV_ID_BYTES - 1);
    }
    if (find(table->name) != NULL) {
        return ppi_fail(PP_ERR_EXISTS, "there is an environment '%s' already", table->name);
    }
    pthread_mutex_lock(&g_adding);
    const bool room = g_added < MAX_ADDED;
    if (room) {
        add_known("", table->name, "program", table);
        g_added++;
        sort_known();
    }
    pthread_mutex_unlock(&g_adding);
    return room ? PP_OK
                : ppi_fail(PP_ERR_ARGUMENT, "more than %d environments were registered", MAX_ADDED);
}

int ppi_env_count(void) {
    names();
    return g_count;
}

/* Gymnasium's own list is not known here: any id behind the prefix may be one. */
static bool is_gym(const char *id) {
    const size_t length = strlen(PPI_GYM_PREFIX);
    return strncmp(id, PPI_GYM_PREFIX, length) == 0 && id[length] != '\0';
}

bool ppi_env_known(const char *id) {
    return is_gym(id) || find(id) != NULL;
}

pp_status ppi_env_entry_at(ppi_env_entry *out, int index, const ppi_env_options *options) {
    if (index < 0 || index >= ppi_env_count()) {
        return ppi_fail(PP_ERR_ARGUMENT, "environment index %d is not in 0..%d", index,
                        ppi_env_count() - 1);
    }
    ppi_env_options defaults;
    if (options == NULL) {
        ppi_env_options_default(&defaults);
        options = &defaults;
    }
    const known_env *known = &g_known[index];
    snprintf(out->id, sizeof(out->id), "%s", known->id);
    out->backend = known->backend;
    out->available = true;
    if (known->table == NULL) {
        const pp_env_vtable *plugin;
        char path[PPI_PATH_SIZE];
        out->available =
            ppi_env_ale_plugin(&plugin) == PP_OK &&
            ppi_env_find_rom(path, sizeof(path), NULL, known->id + 4, options) == PP_OK;
    }
    return PP_OK;
}

static pp_status unknown(const char *id) {
    /* A two-player ROM gets its own reason. */
    char path[PPI_PATH_SIZE];
    if (strncmp(id, "ale/", 4) == 0 &&
        ppi_env_find_rom(path, sizeof(path), NULL, id + 4, NULL) == PP_ERR_UNSUPPORTED) {
        return PP_ERR_UNSUPPORTED;
    }
    const char *nearest = ppi_nearest_name(id, names(), g_count);
    if (nearest == NULL) {
        /* A bare game name: compare with the part behind the slash. */
        char full[2 * PP_ENV_ID_BYTES];
        const char *const prefixes[] = {"ale/", "arcade/", "dark/"};
        for (int i = 0; i < 3 && nearest == NULL; i++) {
            snprintf(full, sizeof(full), "%s%.60s", prefixes[i], id);
            nearest = ppi_nearest_name(full, names(), g_count);
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

/* A set of games: those of the Atari table, or of the arcade games, that have a bit. */
typedef struct set_row {
    const char *name;
    uint32_t atari;
    uint32_t arcade;
} set_row;

static const set_row k_sets[] = {
    {"@mgdt41", PPI_SET_MGDT, 0},       {"@mgdt5", PPI_SET_MGDT_HELD, 0},
    {"@sql40", PPI_SET_SQL, 0},         {"@jowa15", PPI_SET_JOWA, 0},
    {"@jowa5", PPI_SET_JOWA_HELD, 0},   {"@arcade5", 0, PPI_ARCADE_FIVE},
    {"@arcade-new", 0, PPI_ARCADE_NEW}, {"@arcade", 0, PPI_ARCADE_EVERY},
};
enum { N_SETS = sizeof(k_sets) / sizeof(k_sets[0]) };

static pp_status add_members(char (*ids)[PP_ENV_ID_BYTES], int max, int *count,
                             const set_row *set) {
    for (int i = 0; set->arcade != 0 && i < PPI_ARCADE_GAMES; i++) {
        ppi_arcade_facts facts;
        if (ppi_arcade_facts_at(&facts, i) && (facts.sets & set->arcade) != 0) {
            PPI_TRY(add_id(ids, max, count, ppi_arcade_vtables[i]->name));
        }
    }
    for (int i = 0; set->atari != 0 && i < PPI_ATARI_GAMES; i++) {
        if (ppi_atari_games[i].sets & set->atari) {
            char id[PP_ENV_ID_BYTES];
            snprintf(id, sizeof(id), "ale/%s", ppi_atari_games[i].rom);
            PPI_TRY(add_id(ids, max, count, id));
        }
    }
    return PP_OK;
}

static pp_status add_set(char (*ids)[PP_ENV_ID_BYTES], int max, int *count, const char *name) {
    const char *set_names[N_SETS];
    for (int s = 0; s < N_SETS; s++) {
        set_names[s] = k_sets[s].name;
        if (strcmp(k_sets[s].name, name) == 0) {
            return add_members(ids, max, count, &k_sets[s]);
        }
    }
    const char *nearest = ppi_nearest_name(name, set_names, N_SETS);
    return ppi_fail(PP_ERR_NOT_FOUND, "there is no game set '%s'; did you mean '%s'?", name,
                    nearest == NULL ? set_names[0] : nearest);
}

static pp_status add_pattern(char (*ids)[PP_ENV_ID_BYTES], int max, int *count, const char *text) {
    const char *const *list = names();
    bool matched = false;
    for (int i = 0; i < g_count; i++) {
        if (fnmatch(text, list[i], 0) == 0) {
            matched = true;
            PPI_TRY(add_id(ids, max, count, list[i]));
        }
    }
    return matched ? PP_OK : unknown(text);
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

static pp_status create_atari(ppi_env *out, pp_env_config *config, const ppi_env_options *options) {
    char path[PPI_PATH_SIZE];
    char md5[33];
    const pp_env_vtable *raw;
    PPI_TRY(ppi_env_ale_plugin(&raw));
    PPI_TRY(ppi_env_find_rom(path, sizeof(path), md5, config->id + 4, options));
    config->rom_path = path;
    PPI_TRY(ppi_atari_create(&out->state, raw, config, md5));
    out->vtable = &ppi_atari_vtable;
    return PP_OK;
}

static pp_status create_from_table(ppi_env *out, const pp_env_vtable *table,
                                   const pp_env_config *config) {
    pp_env_error error = {{0}};
    const int32_t status = table->create(&out->state, config, &error);
    if (status != PP_OK) {
        return ppi_fail((pp_status)status, "%s", error.text);
    }
    out->vtable = table;
    return PP_OK;
}

pp_status ppi_env_create(ppi_env *out, const char *id, const ppi_env_options *options) {
    *out = (ppi_env){0};
    ppi_env_options defaults;
    if (options == NULL) {
        ppi_env_options_default(&defaults);
        options = &defaults;
    }
    const known_env *known = find(id);
    const bool gym = known == NULL && is_gym(id);
    if (known == NULL && !gym) {
        return unknown(id);
    }
    ppi_episode_rules rules;
    PPI_TRY(ppi_episode_rules_for(&rules, id, options));
    pp_env_config config = {
        .struct_size = sizeof(config),
        .id = id,
        .view = options->view[0] != '\0' ? options->view : NULL,
        .sticky = rules.sticky,
        .mode = (int32_t)options->mode,
        .difficulty = (int32_t)options->difficulty,
        .max_steps = rules.cap,
        .noop_max = rules.noop_max,
        .fire_reset = rules.fire_reset,
        .parity = rules.parity,
        .reading = options->reading[0] != '\0' ? options->reading : NULL,
        .task = options->task,
    };
    if (gym) {
        return create_from_table(out, &ppi_gym_vtable, &config);
    }
    return known->table == NULL ? create_atari(out, &config, options)
                                : create_from_table(out, known->table, &config);
}

void ppi_env_destroy(ppi_env *env) {
    if (env->vtable != NULL) {
        env->vtable->destroy(env->state);
    }
    *env = (ppi_env){0};
}
