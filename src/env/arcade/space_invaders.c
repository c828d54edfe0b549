/* Space Invaders: a block of aliens marches and shoots; the cannon in the last row shoots back. The
 * rules equal those of MinAtar's game in mode 0. Boards are rows of bits. */
#include <string.h>

#include "env/arcade/game.h"

enum {
    SIDE = 10,
    FULL_ROW = (1 << SIDE) - 1,
    PLANES = 6,
    PLANE_CANNON = 0,
    PLANE_ALIEN = 1,
    PLANE_LEFT = 2,
    PLANE_RIGHT = 3,
    PLANE_FRIENDLY = 4,
    PLANE_ENEMY = 5,
    ALIEN_ROWS = 4,
    ALIEN_BITS = 0xfc, /* columns 2..7 */
    SHOT_DELAY = 5,
    FASTEST = 6,     /* shortest move interval reached by ramping */
    MODE_STEADY = 1, /* no ramping */
    MODE_FAST = 2,   /* moves every 8 steps */
    MODE_FIRE = 3,   /* aliens shoot every 5 steps */
};

typedef struct invaders {
    int32_t cannon; /* column */
    int32_t direction;
    int32_t interval; /* longest time between two alien moves */
    int32_t move_timer;
    int32_t alien_shot_timer;
    int32_t shot_timer;
    int32_t ramp_index;
    uint16_t alien[SIDE]; /* bit x of row y */
    uint16_t friendly[SIDE];
    uint16_t enemy[SIDE];
} invaders;

static void fill_aliens(invaders *s) {
    memset(s->alien, 0, sizeof(s->alien));
    for (int y = 0; y < ALIEN_ROWS; y++) s->alien[y] = ALIEN_BITS;
}

static int32_t shot_delay(const ppi_arcade_run *run) {
    return run->mode == MODE_FIRE ? 5 : 10;
}

static void invaders_reset(void *state, ppi_arcade_run *run) {
    invaders *s = state;
    memset(s, 0, sizeof(*s));
    s->cannon = 5;
    s->direction = -1;
    s->interval = run->mode == MODE_FAST ? 8 : 12;
    s->move_timer = s->interval;
    s->alien_shot_timer = shot_delay(run);
    fill_aliens(s);
}

static int32_t count_bits(unsigned bits) {
    bits -= (bits >> 1) & 0x5555u;
    bits = (bits & 0x3333u) + ((bits >> 2) & 0x3333u);
    bits = (bits + (bits >> 4)) & 0x0f0fu;
    return (int32_t)((bits + (bits >> 8)) & 0x1fu);
}

static int32_t count_aliens(const invaders *s) {
    int32_t count = 0;
    for (int y = 0; y < SIDE; y++) count += count_bits(s->alien[y]);
    return count;
}

static unsigned alien_columns(const invaders *s) {
    unsigned any = 0;
    for (int y = 0; y < SIDE; y++) any |= s->alien[y];
    return any;
}

static bool on_cannon(const invaders *s, const uint16_t *board) {
    return (board[SIDE - 1] >> s->cannon) & 1;
}

static void act(invaders *s, ppi_suite_action action) {
    if (action == PPI_SUITE_F && s->shot_timer == 0) {
        s->friendly[SIDE - 1] |= (uint16_t)(1u << s->cannon);
        s->shot_timer = SHOT_DELAY;
    }
    const int32_t move = (action == PPI_SUITE_R) - (action == PPI_SUITE_L);
    s->cannon = ppi_clamp(s->cannon + move, 0, SIDE - 1);
}

static void fly(invaders *s) {
    memmove(s->friendly, s->friendly + 1, sizeof(s->friendly) - sizeof(s->friendly[0]));
    s->friendly[SIDE - 1] = 0;
    memmove(s->enemy + 1, s->enemy, sizeof(s->enemy) - sizeof(s->enemy[0]));
    s->enemy[0] = 0;
}

/* One move of all aliens: a column along, or at the edge a row down, the last row to the top. */
static void march(invaders *s, ppi_arcade_run *run) {
    const int32_t count = count_aliens(s);
    const unsigned columns = alien_columns(s);
    const unsigned edge = s->direction < 0 ? 1u : 1u << (SIDE - 1);
    s->move_timer = count < s->interval ? count : s->interval;
    if ((columns & edge) != 0) {
        const uint16_t last = s->alien[SIDE - 1];
        s->direction = -s->direction;
        if (last != 0) run->terminated = 1;
        memmove(s->alien + 1, s->alien, sizeof(s->alien) - sizeof(s->alien[0]));
        s->alien[0] = last;
    } else {
        for (int y = 0; y < SIDE; y++) {
            const unsigned row = s->alien[y];
            s->alien[y] = (uint16_t)(s->direction < 0 ? row >> 1 : row << 1);
        }
    }
    if (on_cannon(s, s->alien)) run->terminated = 1;
}

/* The lowest alien of the column nearest to the cannon fires, the left one of two equally near. */
static void shoot(invaders *s) {
    const unsigned columns = alien_columns(s);
    for (int32_t far = 0; far < SIDE; far++) {
        for (int32_t sign = -1; sign <= 1; sign += 2) {
            const int32_t x = s->cannon + sign * far;
            if (x < 0 || x >= SIDE || ((columns >> x) & 1u) == 0) continue;
            for (int32_t y = SIDE - 1; y >= 0; y--) {
                if (((s->alien[y] >> x) & 1) == 0) continue;
                s->enemy[y] |= (uint16_t)(1u << x);
                return;
            }
        }
    }
}

static int32_t hit_aliens(invaders *s) {
    int32_t hits = 0;
    for (int y = 0; y < SIDE; y++) {
        const uint16_t both = s->alien[y] & s->friendly[y];
        if (both == 0) continue;
        hits += count_bits(both);
        s->alien[y] ^= both;
        s->friendly[y] ^= both;
    }
    return hits;
}

static int32_t invaders_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    invaders *s = state;
    act(s, action);
    fly(s);
    if (on_cannon(s, s->enemy) || on_cannon(s, s->alien)) run->terminated = 1;
    if (s->move_timer == 0) march(s, run);
    if (s->alien_shot_timer == 0) {
        s->alien_shot_timer = shot_delay(run);
        shoot(s);
    }
    const int32_t reward = hit_aliens(s);
    if (s->shot_timer > 0) s->shot_timer--;
    s->move_timer--;
    s->alien_shot_timer--;
    if (alien_columns(s) == 0) {
        if (s->interval > FASTEST && run->mode != MODE_STEADY) {
            s->interval--;
            s->ramp_index++;
        }
        fill_aliens(s);
    }
    return reward;
}

static void draw_bits(uint8_t *planes, const uint16_t *board, int32_t plane) {
    for (int y = 0; y < SIDE; y++) {
        const unsigned bits = board[y];
        if (bits == 0) continue;
        uint8_t *row = planes + y * SIDE * PLANES + plane;
        for (int x = 0; x < SIDE; x++) row[x * PLANES] = (bits >> x) & 1u;
    }
}

static void invaders_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    (void)run;
    const invaders *s = state;
    planes[((SIDE - 1) * SIDE + s->cannon) * PLANES + PLANE_CANNON] = 1;
    draw_bits(planes, s->alien, PLANE_ALIEN);
    draw_bits(planes, s->alien, s->direction < 0 ? PLANE_LEFT : PLANE_RIGHT);
    draw_bits(planes, s->friendly, PLANE_FRIENDLY);
    draw_bits(planes, s->enemy, PLANE_ENEMY);
}

static bool invaders_valid(const void *state, const ppi_arcade_run *run) {
    (void)run;
    const invaders *s = state;
    for (int y = 0; y < SIDE; y++) {
        if ((s->alien[y] | s->friendly[y] | s->enemy[y]) > FULL_ROW) return false;
    }
    return alien_columns(s) != 0 && s->direction != 0;
}

static const int32_t k_actions[] = {PPI_SUITE_N, PPI_SUITE_L, PPI_SUITE_R, PPI_SUITE_F};
static const ppi_paint_layer k_layers[] = {
    {PLANE_LEFT, 110, {120, 190, 110}, PPI_PAINT_WHOLE},
    {PLANE_RIGHT, 150, {160, 210, 90}, PPI_PAINT_WHOLE},
    {PLANE_FRIENDLY, 220, {255, 255, 255}, PPI_PAINT_WHOLE},
    {PLANE_ENEMY, 190, {240, 90, 90}, PPI_PAINT_WHOLE},
    {PLANE_CANNON, 255, {90, 170, 255}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"ramping", 0, 0},
    {"no ramping", 0, 0},
    {"aliens move every 8 steps from the start", 0, 0},
    {"aliens shoot every 5 steps", 0, 0},
};
static const ppi_arcade_field k_fields[] = {
    PPI_ARCADE_FIELD(invaders, cannon, 0, SIDE - 1),
    PPI_ARCADE_FIELD(invaders, direction, -1, 1),
    PPI_ARCADE_FIELD(invaders, interval, FASTEST, 12),
    PPI_ARCADE_FIELD(invaders, move_timer, 0, 12),
    PPI_ARCADE_FIELD(invaders, alien_shot_timer, 0, 10),
    PPI_ARCADE_FIELD(invaders, shot_timer, 0, SHOT_DELAY),
    PPI_ARCADE_FIELD(invaders, ramp_index, 0, FASTEST),
};

const ppi_arcade_game ppi_arcade_space_invaders = {
    .id = "arcade/space_invaders",
    .rows = SIDE,
    .columns = SIDE,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    PPI_ARCADE_LIST(fields, k_fields),
    .state_size = sizeof(invaders),
    .facts = {.sticky = 0.1,
              .cap = PPI_ARCADE_SUITE_CAP,
              .sets = PPI_ARCADE_FIVE,
              .random_score = 4.084,
              .good_score = 44},
    .minatar = true,
    .reward_min = 0,
    .reward_max = 2, /* two bullets in flight at most */
    .reset = invaders_reset,
    .step = invaders_step,
    .draw = invaders_draw,
    .valid = invaders_valid,
};
