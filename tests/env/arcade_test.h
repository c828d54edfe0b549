/* Shared by the arcade tests: single instances behind their tables, and suite actions. */
#ifndef ARCADE_TEST_H
#define ARCADE_TEST_H

#include "env/env_test.h"

#include "base/hash.h"
#include "env/arcade/game.h"

/* Suite action -> full Atari id. */
static const int32_t k_full_id[PPI_SUITE_COUNT] = {0, 4, 2, 3, 5, 1};

/* One instance. */
typedef struct arcade {
    const pp_env_vtable *table;
    void *env;
    pp_env_spec spec;
    pp_env_result result;
    pp_env_error error;
    uint8_t obs[PPI_GREY_SIDE * PPI_GREY_SIDE];
} arcade;

static inline const pp_env_vtable *arcade_table(const char *id) {
    for (int i = 0; i < ppi_arcade_count; i++) {
        if (strcmp(ppi_arcade_vtables[i]->name, id) == 0) return ppi_arcade_vtables[i];
    }
    fail_msg("no game %s", id);
    return NULL;
}

static inline pp_env_config arcade_config(const char *id) {
    return (pp_env_config){.struct_size = sizeof(pp_env_config), .id = id};
}

static inline void arcade_open(arcade *a, const pp_env_config *config) {
    memset(a, 0, sizeof(*a));
    a->table = arcade_table(config->id);
    if (a->table->create(&a->env, config, &a->error) != PP_OK) fail_msg("%s", a->error.text);
    a->table->describe(a->env, &a->spec);
}

static inline void arcade_reset(arcade *a, uint64_t seed) {
    if (a->table->reset(a->env, seed, a->obs, &a->result, &a->error) != PP_OK) {
        fail_msg("%s", a->error.text);
    }
}

/* Plays a suite action. */
static inline void arcade_play(arcade *a, int32_t suite) {
    if (a->table->step(a->env, k_full_id[suite], a->obs, &a->result, &a->error) != PP_OK) {
        fail_msg("%s", a->error.text);
    }
}

static inline void arcade_close(arcade *a) {
    a->table->destroy(a->env);
    a->env = NULL;
}

static inline bool arcade_ended(const arcade *a) {
    return a->result.terminated || a->result.truncated;
}

/* First cell of a plane that is set, -1 without one. */
static inline int32_t plane_cell(const arcade *a, int32_t plane) {
    for (int32_t i = 0; i < a->spec.obs_h * a->spec.obs_w; i++) {
        if (a->obs[i * a->spec.obs_c + plane]) return i;
    }
    return -1;
}

/* The tables of the games, in the order of games.def. */
static const ppi_arcade_game *const k_games[] = {
#define PPI_ARCADE_GAME(name) &ppi_arcade_##name,
#include "env/arcade/games.def"
#undef PPI_ARCADE_GAME
};

static inline const pp_env_vtable *table_at(int game) {
    return ppi_arcade_vtables[game];
}

/* A named number of the state. */
static inline int32_t value(arcade *a, const char *name) {
    const int32_t *number = ppi_arcade_number(a->env, name);
    if (number == NULL) fail_msg("%s has no number %s", a->spec.id, name);
    return number == NULL ? 0 : *number;
}

static inline void open_mode(arcade *a, const char *id, int32_t mode) {
    pp_env_config config = arcade_config(id);
    config.mode = mode;
    arcade_open(a, &config);
}

/* A full id of the minimal list. */
static inline int32_t uniform_action(const arcade *a, uint32_t *x) {
    return a->spec.action_list[next_value(x) % (uint32_t)a->spec.min_actions];
}

static inline void play_full(arcade *a, int32_t full) {
    assert_int_equal(a->table->step(a->env, full, a->obs, &a->result, &a->error), PP_OK);
}

#endif
