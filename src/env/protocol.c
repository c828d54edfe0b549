/* The evaluation protocols as one table, and the options that choose and override them. */
#include "env/protocol.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "env/arcade/arcade.h"

/* Environments that a protocol is for. */
typedef enum kind { KIND_ATARI, KIND_ARCADE, KIND_OTHER, KIND_COUNT } kind;

typedef struct protocol_row {
    const char *name;
    kind kind;
    double sticky;    /* k_of_game: the arcade game's own */
    int32_t cap;      /* agent steps, 0 = none but the environment's own; k_of_game */
    int32_t noop_max; /* emulated frames */
    bool fire_reset;
    bool clip_rewards;
    bool drop_last_reward;
} protocol_row;

static const double k_of_game = -1.0;

static const protocol_row k_protocols[PPI_PROTOCOL_COUNT] = {
    [PPI_PROTOCOL_AUTO] = {.name = "auto"}, /* stands for another row */
    [PPI_PROTOCOL_DOPAMINE] = {"dopamine", KIND_ATARI, 0.25, 27000, 0, false, false, false},
    [PPI_PROTOCOL_MGDT] = {"mgdt", KIND_ATARI, 0.0, 27000, 0, false, false, false},
    [PPI_PROTOCOL_MGDT_NOTEBOOK] = {"mgdt-notebook", KIND_ATARI, 0.0, 5000, 0, false, false, true},
    [PPI_PROTOCOL_JOWA] = {"jowa", KIND_ATARI, 0.0, 108000, 0, false, false, false},
    [PPI_PROTOCOL_ALE_VECTOR] = {"ale-vector", KIND_ATARI, 0.0, 27000, 30, true, true, false},
    [PPI_PROTOCOL_ARCADE] = {"arcade", KIND_ARCADE, -1.0, -1, 0, false, false, false},
    [PPI_PROTOCOL_PARITY] = {"parity", KIND_ARCADE, -1.0, 0, 0, false, false, false},
    [PPI_PROTOCOL_NATIVE] = {"native", KIND_OTHER, 0.0, 0, 0, false, false, false},
};

/* What the kinds are called, their id prefix, and what auto means for them. */
static const struct {
    const char *name;
    const char *prefix;
    int protocol;
} k_kinds[KIND_COUNT] = {
    [KIND_ATARI] = {"Atari games", "ale/", PPI_PROTOCOL_DOPAMINE},
    [KIND_ARCADE] = {"the arcade games", "arcade/", PPI_PROTOCOL_ARCADE},
    [KIND_OTHER] = {"environments with their own rules", "", PPI_PROTOCOL_NATIVE},
};

enum { ATARI_SKIP = 4 };

#define FIELD(name) offsetof(ppi_env_options, name)

static const ppi_option k_rows[] = {
    {.name = "env.protocol",
     .type = PPI_OPT_CHOICE,
     .offset = FIELD(protocol),
     .def = "auto",
     .choices = "auto|dopamine|mgdt|mgdt-notebook|jowa|ale-vector|arcade|parity|native",
     .help =
         "Episode rules that the options below leave open; auto takes dopamine for Atari games, "
         "arcade for arcade games and native, its own rules, for any other environment.",
     .alias = "protocol"},
    {.name = "env.view",
     .type = PPI_OPT_STR,
     .offset = FIELD(view),
     .size = sizeof(((ppi_env_options *)0)->view),
     .def = "",
     .help = "What the agent sees: planes, grey84, cells, ram, rgb, ...; empty takes the first "
             "view of the environment (polyplay info --envs lists them)."},
    {.name = "env.reading",
     .type = PPI_OPT_STR,
     .offset = FIELD(reading),
     .size = sizeof(((ppi_env_options *)0)->reading),
     .def = "",
     .help = "a or b where a paper allows two readings of the environment; empty takes the "
             "default."},
    {.name = "env.task",
     .type = PPI_OPT_I64,
     .offset = FIELD(task),
     .def = "0",
     .min = 0,
     .max = 9e15,
     .help = "Task of an environment that has many: arms, goals, keys, places."},
    {.name = "env.sticky",
     .type = PPI_OPT_F64,
     .offset = FIELD(sticky),
     .def = "-1",
     .min = -1,
     .max = 1,
     .help = "Probability that the previous action is repeated; -1 takes the protocol's."},
    {.name = "env.mode",
     .type = PPI_OPT_I64,
     .offset = FIELD(mode),
     .def = "0",
     .min = 0,
     .max = 255,
     .help = "Game mode; 0 is the game's own."},
    {.name = "env.difficulty",
     .type = PPI_OPT_I64,
     .offset = FIELD(difficulty),
     .def = "0",
     .min = 0,
     .max = 3,
     .help = "Difficulty switches of an Atari game."},
    {.name = "env.noop-max",
     .type = PPI_OPT_I64,
     .offset = FIELD(noop_max),
     .def = "-1",
     .min = -1,
     .max = 1000,
     .help =
         "Most random no-op frames (emulated frames, not agent steps) after a reset of an Atari "
         "game; -1 takes the protocol's."},
    {.name = "env.fire-reset",
     .type = PPI_OPT_I64,
     .offset = FIELD(fire_reset),
     .def = "-1",
     .min = -1,
     .max = 1,
     .help = "1 presses FIRE after a reset of an Atari game; -1 takes the protocol's."},
    {.name = "env.drop-last-reward",
     .type = PPI_OPT_I64,
     .offset = FIELD(drop_last_reward),
     .def = "-1",
     .min = -1,
     .max = 1,
     .help = "1 leaves the reward of an episode's final step out of its score; -1 takes the "
             "protocol's."},
    {.name = "env.cap",
     .type = PPI_OPT_I64,
     .offset = FIELD(cap),
     .def = "-1",
     .min = -1,
     .max = 1e9,
     .help = "Most agent steps in an episode, 0 for no cap; -1 takes the protocol's."},
    {.name = "env.any-rom",
     .type = PPI_OPT_BOOL,
     .offset = FIELD(any_rom),
     .def = "off",
     .help = "Accept a ROM file whose md5 is not the expected one."},
    {.name = "env.roms",
     .type = PPI_OPT_STR,
     .offset = FIELD(roms),
     .size = sizeof(((ppi_env_options *)0)->roms),
     .def = "",
     .help = "Folder with the ROM files, the only one searched; empty searches ALE_ROMS_DIR, "
             "ALE_ROM_DIR and the set-up folder."},
};

const ppi_option_table ppi_env_option_table = {"environment", k_rows,
                                               (int)(sizeof(k_rows) / sizeof(k_rows[0]))};

const char *ppi_protocol_name(int protocol) {
    return protocol >= 0 && protocol < PPI_PROTOCOL_COUNT ? k_protocols[protocol].name : NULL;
}

pp_status ppi_protocol_find(int *out, const char *name) {
    const char *names[PPI_PROTOCOL_COUNT];
    for (int i = 0; i < PPI_PROTOCOL_COUNT; i++) {
        names[i] = k_protocols[i].name;
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return PP_OK;
        }
    }
    const char *nearest = ppi_nearest_name(name, names, PPI_PROTOCOL_COUNT);
    if (nearest == NULL) {
        nearest = names[0];
    }
    return ppi_fail(PP_ERR_NOT_FOUND, "there is no protocol '%s'; did you mean '%s'?", name,
                    nearest);
}

void ppi_env_options_default(ppi_env_options *options) {
    memset(options, 0, sizeof(*options));
    options->sticky = -1;
    options->noop_max = -1;
    options->fire_reset = -1;
    options->drop_last_reward = -1;
    options->cap = -1;
}

void ppi_env_options_played(ppi_env_options *out, const char *id, const ppi_env_options *env) {
    ppi_arcade_facts facts;
    if (env != NULL) {
        *out = *env;
    } else {
        ppi_env_options_default(out);
    }
    if (strcmp(out->view, "grey84") == 0 && ppi_arcade_facts_of(&facts, id)) {
        snprintf(out->view, sizeof out->view, "planes");
    }
}

static kind kind_of(const char *id) {
    for (int k = 0; k < KIND_OTHER; k++) {
        if (strncmp(id, k_kinds[k].prefix, strlen(k_kinds[k].prefix)) == 0) {
            return (kind)k;
        }
    }
    return KIND_OTHER;
}

int ppi_protocol_in_force(const char *id, int protocol) {
    return protocol != PPI_PROTOCOL_AUTO ? protocol : k_kinds[kind_of(id)].protocol;
}

/* A protocol is for one kind of environment. */
static pp_status check_protocol(const char *id, int protocol) {
    if (protocol < 0 || protocol >= PPI_PROTOCOL_COUNT) {
        return ppi_fail(PP_ERR_ARGUMENT, "protocol %d is not in 0..%d", protocol,
                        PPI_PROTOCOL_COUNT - 1);
    }
    const protocol_row *row = &k_protocols[ppi_protocol_in_force(id, protocol)];
    const kind wanted = kind_of(id);
    if (row->kind == wanted) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT,
                    "protocol '%s' is one of %s and does not fit '%s', which is played under '%s'",
                    row->name, k_kinds[row->kind].name, id,
                    k_protocols[k_kinds[wanted].protocol].name);
}

/* What the row leaves to the arcade game. */
static protocol_row with_facts(const char *id, const protocol_row *row) {
    protocol_row out = *row;
    ppi_arcade_facts facts = {0};
    ppi_arcade_facts_of(&facts, id); /* zeros for a game that a program registered */
    if (out.sticky == k_of_game) {
        out.sticky = facts.sticky;
    }
    if (out.cap == (int32_t)k_of_game) {
        out.cap = facts.cap;
    }
    return out;
}

pp_status ppi_episode_rules_for(ppi_episode_rules *out, const char *id,
                                const ppi_env_options *options) {
    PPI_TRY(check_protocol(id, options->protocol));
    if (options->sticky > 1.0 || (options->sticky < 0.0 && options->sticky != -1.0)) {
        return ppi_fail(PP_ERR_ARGUMENT, "sticky probability %g is not in 0..1", options->sticky);
    }
    const int protocol = ppi_protocol_in_force(id, options->protocol);
    const protocol_row row = with_facts(id, &k_protocols[protocol]);
    const bool atari = row.kind == KIND_ATARI;
    *out = (ppi_episode_rules){
        .sticky = row.sticky,
        .frame_skip = atari ? ATARI_SKIP : 1,
        .cap = row.cap,
        .noop_max = row.noop_max,
        .fire_reset = row.fire_reset,
        .parity = protocol == PPI_PROTOCOL_PARITY,
        .clip_rewards = row.clip_rewards,
        .drop_last_reward = row.drop_last_reward,
    };
    if (options->sticky >= 0.0) {
        out->sticky = options->sticky;
    }
    if (options->cap >= 0) {
        out->cap = (int32_t)options->cap;
    }
    if (atari && options->noop_max >= 0) {
        out->noop_max = (int32_t)options->noop_max;
    }
    if (atari && options->fire_reset >= 0) {
        out->fire_reset = options->fire_reset != 0;
    }
    if (options->drop_last_reward >= 0) {
        out->drop_last_reward = options->drop_last_reward != 0;
    }
    return PP_OK;
}
