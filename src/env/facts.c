/* Facts of the environments. Arcade and Atari games keep theirs with their tables; those of the
 * Algorithm Distillation environments are the simulated figures that go with their rules. */
#include "env/facts.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "env/arcade/arcade.h"
#include "env/atari_table.h"

typedef struct facts_row {
    const char *id;
    ppi_env_facts facts;
} facts_row;

/* Bandits: reading a, 100 pulls; good = UCB with the bonus sqrt(.3 ln t / n). Dark Room: mean over
 * its 81 goals. Watermaze: the middle of what random play reaches. */
static const facts_row k_rows[] = {
    {"bandit/train", {"cells", 1, 50.0, 76.1, "UCB"}},
    {"bandit/odd", {"cells", 1, 50.0, 76.1, "UCB"}},
    {"bandit/even", {"cells", 1, 50.0, 76.1, "UCB"}},
    {"bandit/uniform", {"cells", 1, 49.9, 75.4, "UCB"}},
    {"dark/room", {"cells", 1, 0.247, 16.54, "best possible"}},
    {"dark/room-hard", {"cells", 1, 0.037, 1.0, "best possible"}},
    {"dark/key-to-door", {"cells cells-key cells-time", 1, 0.251, 2.0, "best possible"}},
    {"watermaze", {"72x96 24x32", 4, 0.11, 1.0, "best possible"}},
};

/* What an arcade game's good score stands for. */
static const char *arcade_good(const char *id) {
    static const struct {
        const char *id;
        const char *text;
    } rows[] = {
        {"arcade/catch", "best possible"}, {"arcade/four_rooms", "best possible"},
        {"arcade/2048", "2048 tile"},      {"arcade/snake", "scripted"},
        {"arcade/pong", "scripted"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].id, id) == 0) {
            return rows[i].text;
        }
    }
    return "published DQN";
}

static bool find_atari(ppi_env_facts *out, const char *id) {
    const ppi_atari_game *game = ppi_atari_game_find(id);
    *out = (ppi_env_facts){.views = "grey84 ram rgb", .random = NAN, .good = NAN, .good_is = ""};
    if (game != NULL) {
        out->random = game->random;
        out->good = game->human;
        out->good_is = isnan(game->human) ? "" : "human";
    }
    return true;
}

bool ppi_env_facts_of(ppi_env_facts *out, const char *id) {
    for (size_t i = 0; i < sizeof(k_rows) / sizeof(k_rows[0]); i++) {
        if (strcmp(k_rows[i].id, id) == 0) {
            *out = k_rows[i].facts;
            return true;
        }
    }
    ppi_arcade_facts arcade;
    if (ppi_arcade_facts_of(&arcade, id)) {
        *out = (ppi_env_facts){.views = "planes grey84",
                               .modes = arcade.modes,
                               .random = arcade.random_score,
                               .good = arcade.good_score,
                               .good_is = arcade_good(id)};
        return true;
    }
    return strncmp(id, "ale/", 4) == 0 && find_atari(out, id);
}
