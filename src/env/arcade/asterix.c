/* Asterix: gold and enemies cross eight rows from the sides; touching gold scores, touching an
 * enemy ends the episode, and everything speeds up. The rules equal those of MinAtar's game in mode
 * 0. */
#include <string.h>

#include "env/arcade/game.h"

enum {
    SIDE = 10,
    SLOTS = 8, /* slot i lives in row i+1 */
    PLANES = 4,
    PLANE_PLAYER = 0,
    PLANE_ENEMY = 1,
    PLANE_TRAIL = 2,
    PLANE_GOLD = 3,
    RAMP_EVERY = 100,
    EMPTY = -1,
    MODE_STEADY = 1, /* no ramping */
    MODE_FAST = 2,   /* starts faster */
    MODE_POOR = 3,   /* less gold */
};

/* What moves in one row; x = EMPTY: nothing. */
typedef struct mover {
    int8_t x;
    int8_t right; /* 1: moves right */
    int8_t gold;
    int8_t pad;
} mover;

typedef struct asterix {
    int32_t player_x;
    int32_t player_y;
    int32_t spawn_speed;
    int32_t spawn_timer;
    int32_t move_speed;
    int32_t move_timer;
    int32_t ramp_timer;
    int32_t ramp_index;
    mover slots[SLOTS];
} asterix;

static void asterix_reset(void *state, ppi_arcade_run *run) {
    asterix *s = state;
    const bool fast = run->mode == MODE_FAST;
    memset(s, 0, sizeof(*s));
    s->player_x = 5;
    s->player_y = 5;
    s->spawn_speed = fast ? 6 : 10;
    s->move_speed = fast ? 3 : 5;
    s->spawn_timer = s->spawn_speed;
    s->move_timer = s->move_speed;
    s->ramp_timer = RAMP_EVERY;
    for (int i = 0; i < SLOTS; i++) s->slots[i].x = EMPTY;
}

/* Both draws are spent even when no slot is empty. */
static void spawn(asterix *s, ppi_arcade_run *run) {
    const bool right = ppi_draw_unit(run) < 0.5;
    const bool gold = ppi_draw_unit(run) < (run->mode == MODE_POOR ? 1.0 / 6.0 : 1.0 / 3.0);
    int empty[SLOTS];
    uint32_t count = 0;
    for (int i = 0; i < SLOTS; i++) {
        if (s->slots[i].x == EMPTY) empty[count++] = i;
    }
    if (count == 0) return;
    mover *m = &s->slots[empty[ppi_draw_below(run, count)]];
    m->x = right ? 0 : SIDE - 1;
    m->right = right;
    m->gold = gold;
}

/* The mover of slot i meets the player if it stands on its cell. Returns the reward. */
static int32_t meet(asterix *s, ppi_arcade_run *run, int i) {
    mover *m = &s->slots[i];
    if (m->x != s->player_x || i + 1 != s->player_y) return 0;
    if (!m->gold) {
        run->terminated = 1;
        return 0;
    }
    m->x = EMPTY;
    return 1;
}

static int32_t move_all(asterix *s, ppi_arcade_run *run) {
    int32_t reward = 0;
    s->move_timer = s->move_speed;
    for (int i = 0; i < SLOTS; i++) {
        mover *m = &s->slots[i];
        if (m->x == EMPTY) continue;
        m->x = (int8_t)(m->x + (m->right ? 1 : -1));
        if (m->x < 0 || m->x >= SIDE) {
            m->x = EMPTY;
        } else {
            reward += meet(s, run, i);
        }
    }
    return reward;
}

static void ramp(asterix *s, const ppi_arcade_run *run) {
    if (run->mode == MODE_STEADY || (s->spawn_speed <= 1 && s->move_speed <= 1)) return;
    if (s->ramp_timer >= 0) {
        s->ramp_timer--;
        return;
    }
    if (s->move_speed > 1 && s->ramp_index % 2 == 1) s->move_speed--;
    if (s->spawn_speed > 1) s->spawn_speed--;
    s->ramp_index++;
    s->ramp_timer = RAMP_EVERY;
}

static int32_t asterix_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    asterix *s = state;
    if (s->spawn_timer == 0) {
        spawn(s, run);
        s->spawn_timer = s->spawn_speed;
    }
    const int32_t dx = (action == PPI_SUITE_R) - (action == PPI_SUITE_L);
    const int32_t dy = (action == PPI_SUITE_D) - (action == PPI_SUITE_U);
    s->player_x = ppi_clamp(s->player_x + dx, 0, SIDE - 1);
    s->player_y = ppi_clamp(s->player_y + dy, 1, SLOTS);
    int32_t reward = meet(s, run, s->player_y - 1);
    if (s->move_timer == 0) reward += move_all(s, run);
    s->spawn_timer--;
    s->move_timer--;
    ramp(s, run);
    return reward;
}

static void asterix_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    (void)run;
    const asterix *s = state;
    planes[(s->player_y * SIDE + s->player_x) * PLANES + PLANE_PLAYER] = 1;
    for (int i = 0; i < SLOTS; i++) {
        const mover *m = &s->slots[i];
        if (m->x == EMPTY) continue;
        uint8_t *row = planes + (i + 1) * SIDE * PLANES;
        const int32_t behind = m->x + (m->right ? -1 : 1);
        row[m->x * PLANES + (m->gold ? PLANE_GOLD : PLANE_ENEMY)] = 1;
        if (behind >= 0 && behind < SIDE) row[behind * PLANES + PLANE_TRAIL] = 1;
    }
}

static bool asterix_valid(const void *state, const ppi_arcade_run *run) {
    (void)run;
    const asterix *s = state;
    for (int i = 0; i < SLOTS; i++) {
        if (s->slots[i].x < EMPTY || s->slots[i].x >= SIDE) return false;
    }
    return true;
}

static const int32_t k_actions[] = {PPI_SUITE_N, PPI_SUITE_L, PPI_SUITE_U, PPI_SUITE_R,
                                    PPI_SUITE_D};
static const ppi_paint_layer k_layers[] = {
    {PLANE_TRAIL, 50, {60, 66, 84}, PPI_PAINT_WHOLE},
    {PLANE_GOLD, 120, {244, 196, 48}, PPI_PAINT_WHOLE},
    {PLANE_ENEMY, 190, {224, 70, 70}, PPI_PAINT_WHOLE},
    {PLANE_PLAYER, 255, {120, 220, 130}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"a third gold, ramping", 0, 0},
    {"no ramping", 0, 0},
    {"spawns every 6 and moves every 3 steps from the start", 0, 0},
    {"a sixth gold", 0, 0},
};
static const ppi_arcade_field k_fields[] = {
    PPI_ARCADE_FIELD(asterix, player_x, 0, SIDE - 1),
    PPI_ARCADE_FIELD(asterix, player_y, 1, SLOTS),
    PPI_ARCADE_FIELD(asterix, spawn_speed, 1, 10),
    PPI_ARCADE_FIELD(asterix, spawn_timer, 0, 10),
    PPI_ARCADE_FIELD(asterix, move_speed, 1, 5),
    PPI_ARCADE_FIELD(asterix, move_timer, 0, 5),
    PPI_ARCADE_FIELD(asterix, ramp_timer, -1, RAMP_EVERY),
    PPI_ARCADE_FIELD(asterix, ramp_index, 0, 9),
};

const ppi_arcade_game ppi_arcade_asterix = {
    .id = "arcade/asterix",
    .rows = SIDE,
    .columns = SIDE,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    PPI_ARCADE_LIST(fields, k_fields),
    .state_size = sizeof(asterix),
    .facts = {.sticky = 0.1,
              .cap = PPI_ARCADE_SUITE_CAP,
              .sets = PPI_ARCADE_FIVE,
              .random_score = 0.497,
              .good_score = 17},
    .minatar = true,
    .reward_min = 0,
    .reward_max = 1,
    .reset = asterix_reset,
    .step = asterix_step,
    .draw = asterix_draw,
    .valid = asterix_valid,
};
