/* The arcade games as one list, made from games.def. */
#include <stdio.h>
#include <string.h>

#include "env/arcade/game.h"

#define PPI_ARCADE_GAME(game)                                                                      \
    static int32_t create_##game(void **out, const pp_env_config *config, pp_env_error *error) {   \
        return ppi_arcade_create(out, &ppi_arcade_##game, config, error);                          \
    }                                                                                              \
    static const pp_env_vtable k_vtable_##game = {                                                 \
        .abi_version = PP_ENV_ABI_VERSION,                                                         \
        .struct_size = sizeof(pp_env_vtable),                                                      \
        .name = "arcade/" #game,                                                                   \
        .version = "1",                                                                            \
        .create = create_##game,                                                                   \
        .destroy = ppi_arcade_destroy,                                                             \
        .describe = ppi_arcade_describe,                                                           \
        .reset = ppi_arcade_reset,                                                                 \
        .step = ppi_arcade_step,                                                                   \
        .observe = ppi_arcade_observe,                                                             \
        .save_state = ppi_arcade_save,                                                             \
        .load_state = ppi_arcade_load,                                                             \
        .render = ppi_arcade_render,                                                               \
    };
#include "env/arcade/games.def"
#undef PPI_ARCADE_GAME

const pp_env_vtable *const ppi_arcade_vtables[] = {
#define PPI_ARCADE_GAME(game) &k_vtable_##game,
#include "env/arcade/games.def"
#undef PPI_ARCADE_GAME
};

static const ppi_arcade_game *const k_games[] = {
#define PPI_ARCADE_GAME(game) &ppi_arcade_##game,
#include "env/arcade/games.def"
#undef PPI_ARCADE_GAME
};

const int ppi_arcade_count = PPI_ARCADE_GAMES;

static const ppi_arcade_game *find(const char *id) {
    for (int i = 0; i < PPI_ARCADE_GAMES; i++) {
        if (strcmp(k_games[i]->id, id) == 0) return k_games[i];
    }
    return NULL;
}

static bool fill_facts(ppi_arcade_facts *out, const ppi_arcade_game *game) {
    if (game == NULL) return false;
    *out = game->facts;
    out->modes = game->n_modes;
    out->sets |= PPI_ARCADE_EVERY;
    return true;
}

bool ppi_arcade_facts_at(ppi_arcade_facts *out, int index) {
    return fill_facts(out, index < 0 || index >= PPI_ARCADE_GAMES ? NULL : k_games[index]);
}

bool ppi_arcade_facts_of(ppi_arcade_facts *out, const char *id) {
    return fill_facts(out, find(id));
}

const char *ppi_arcade_mode_text(const char *id, int mode) {
    const ppi_arcade_game *game = find(id);
    return game == NULL || mode < 0 || mode >= game->n_modes ? NULL : game->modes[mode].text;
}

bool ppi_arcade_painter(ppi_painter *out, const char *id, int mode) {
    const ppi_arcade_game *game = find(id);
    if (game == NULL || mode < 0 || mode >= game->n_modes) return false;
    int32_t rows;
    int32_t columns;
    ppi_arcade_board(&rows, &columns, game, mode);
    ppi_painter_init(out, rows, columns, game->planes, game->layers, game->n_layers);
    return true;
}
