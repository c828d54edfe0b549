/* The evaluation protocols as one table, and the options that choose and override them. */
#include "env/protocol.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"

typedef struct protocol_row {
    const char *name;
    double sticky;
    int32_t cap;      /* agent steps */
    int32_t noop_max; /* emulated frames */
    bool fire_reset;
    bool clip_rewards;
    bool drop_last_reward;
} protocol_row;

static const protocol_row k_protocols[PPI_PROTOCOL_COUNT] = {
    [PPI_PROTOCOL_AUTO] = {.name = "auto"}, /* stands for another row */
    [PPI_PROTOCOL_DOPAMINE] = {"dopamine", 0.25, 27000, 0, false, false, false},
    [PPI_PROTOCOL_MGDT] = {"mgdt", 0.0, 27000, 0, false, false, false},
    [PPI_PROTOCOL_MGDT_NOTEBOOK] = {"mgdt-notebook", 0.0, 5000, 0, false, false, true},
    [PPI_PROTOCOL_JOWA] = {"jowa", 0.0, 108000, 0, false, false, false},
    [PPI_PROTOCOL_ALE_VECTOR] = {"ale-vector", 0.0, 27000, 30, true, true, false},
    [PPI_PROTOCOL_SUITE] = {"suite", 0.0, 2500, 0, false, false, false},
};

enum { ATARI_SKIP = 4 };

#define FIELD(name) offsetof(ppi_env_options, name)

static const ppi_option k_rows[] = {
    {.name = "env.protocol",
     .type = PPI_OPT_CHOICE,
     .offset = FIELD(protocol),
     .def = "auto",
     .choices = "auto|dopamine|mgdt|mgdt-notebook|jowa|ale-vector|suite",
     .help = "Episode rules that the options below leave open; auto takes dopamine for Atari games "
             "and suite, the only one they have, for arcade games.",
     .alias = "protocol"},
    {.name = "env.view",
     .type = PPI_OPT_CHOICE,
     .offset = FIELD(view),
     .def = "planes",
     .choices = "planes|grey84",
     .help = "What the agent sees of an arcade game; Atari games always show grey84."},
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

static bool is_atari(const char *id) {
    return strncmp(id, "ale/", 4) == 0;
}

int ppi_protocol_in_force(const char *id, int protocol) {
    if (protocol != PPI_PROTOCOL_AUTO) {
        return protocol;
    }
    return is_atari(id) ? PPI_PROTOCOL_DOPAMINE : PPI_PROTOCOL_SUITE;
}

/* A protocol is one of Atari games or the arcade games' own. */
static pp_status check_protocol(const char *id, int protocol) {
    if (protocol < 0 || protocol >= PPI_PROTOCOL_COUNT) {
        return ppi_fail(PP_ERR_ARGUMENT, "protocol %d is not in 0..%d", protocol,
                        PPI_PROTOCOL_COUNT - 1);
    }
    const bool suite = ppi_protocol_in_force(id, protocol) == PPI_PROTOCOL_SUITE;
    if (suite && is_atari(id)) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "protocol 'suite' is the arcade games' and does not fit '%s'", id);
    }
    if (!suite && !is_atari(id)) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "protocol '%s' is one of Atari games; '%s' is played under 'suite'",
                        k_protocols[protocol].name, id);
    }
    return PP_OK;
}

pp_status ppi_episode_rules_for(ppi_episode_rules *out, const char *id,
                                const ppi_env_options *options) {
    PPI_TRY(check_protocol(id, options->protocol));
    if (options->sticky > 1.0 || (options->sticky < 0.0 && options->sticky != -1.0)) {
        return ppi_fail(PP_ERR_ARGUMENT, "sticky probability %g is not in 0..1", options->sticky);
    }
    const bool atari = is_atari(id);
    const protocol_row *row = &k_protocols[ppi_protocol_in_force(id, options->protocol)];
    *out = (ppi_episode_rules){
        .sticky = row->sticky,
        .frame_skip = atari ? ATARI_SKIP : 1,
        .cap = row->cap,
        .noop_max = row->noop_max,
        .fire_reset = row->fire_reset,
        .clip_rewards = row->clip_rewards,
        .drop_last_reward = row->drop_last_reward,
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
