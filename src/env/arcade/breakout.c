/* Breakout: a ball that moves diagonally, three rows of bricks, a paddle in the last row. The rules
 * equal those of MinAtar's game in mode 0. */
#include "env/arcade/game.h"

enum {
    SIDE = 10,
    PLANES = 4,
    PLANE_PADDLE = 0,
    PLANE_BALL = 1,
    PLANE_TRAIL = 2,
    PLANE_BRICK = 3,
    FULL_ROW = (1 << SIDE) - 1,
    MODE_TALL = 1, /* five rows of bricks */
    MODE_SLOW = 2, /* the paddle moves in even steps only */
};

/* Directions are numbered clockwise from up-left, so mirrors are exclusive ors. */
enum { MIRROR_X = 1, MIRROR_Y = 3, MIRROR_BOTH = 2, DIRECTIONS = 4 };
static const int32_t k_dx[DIRECTIONS] = {-1, 1, 1, -1};
static const int32_t k_dy[DIRECTIONS] = {-1, -1, 1, 1};

typedef struct breakout {
    int32_t paddle; /* column */
    int32_t ball_x;
    int32_t ball_y;
    int32_t last_x; /* ball before the last step */
    int32_t last_y;
    int32_t direction;
    int32_t strike;        /* 1: the ball has just hit a brick */
    uint16_t bricks[SIDE]; /* bit x of row y */
} breakout;

static void fill_bricks(breakout *s, int32_t mode) {
    const int32_t last = mode == MODE_TALL ? 5 : 3;
    for (int32_t y = 0; y < SIDE; y++) s->bricks[y] = y >= 1 && y <= last ? FULL_ROW : 0;
}

static bool any_brick(const breakout *s) {
    unsigned any = 0;
    for (int32_t y = 0; y < SIDE; y++) any |= s->bricks[y];
    return any != 0;
}

static void breakout_reset(void *state, ppi_arcade_run *run) {
    breakout *s = state;
    const bool right = ppi_draw_below(run, 2) == 1;
    s->ball_x = right ? SIDE - 1 : 0;
    s->ball_y = run->mode == MODE_TALL ? 6 : 3;
    s->direction = right ? 3 : 2;
    s->paddle = 4;
    s->last_x = s->ball_x;
    s->last_y = s->ball_y;
    s->strike = 0;
    fill_bricks(s, run->mode);
}

static void move_paddle(breakout *s, const ppi_arcade_run *run, ppi_suite_action action) {
    if (run->mode == MODE_SLOW && run->steps % 2 != 0) return;
    const int32_t move = (action == PPI_SUITE_R) - (action == PPI_SUITE_L);
    s->paddle = ppi_clamp(s->paddle + move, 0, SIDE - 1);
}

/* The ball comes to the last row at column nx; returns its row. */
static int32_t meet_floor(breakout *s, ppi_arcade_run *run, int32_t nx) {
    if (!any_brick(s)) fill_bricks(s, run->mode);
    if (s->ball_x == s->paddle) {
        s->direction ^= MIRROR_Y;
        return s->last_y;
    }
    if (nx == s->paddle) {
        s->direction ^= MIRROR_BOTH;
        return s->last_y;
    }
    run->terminated = 1;
    return SIDE - 1;
}

static int32_t breakout_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    breakout *s = state;
    int32_t reward = 0;
    bool touched = false;
    move_paddle(s, run, action);
    s->last_x = s->ball_x;
    s->last_y = s->ball_y;
    int32_t nx = s->ball_x + k_dx[s->direction];
    int32_t ny = s->ball_y + k_dy[s->direction];
    if (nx < 0 || nx >= SIDE) {
        nx = ppi_clamp(nx, 0, SIDE - 1);
        s->direction ^= MIRROR_X;
    }
    if (ny < 0) {
        ny = 0;
        s->direction ^= MIRROR_Y;
    } else if ((s->bricks[ny] >> nx) & 1) {
        touched = true;
        if (!s->strike) {
            reward = 1;
            s->strike = 1;
            s->bricks[ny] &= (uint16_t) ~(1u << nx);
            ny = s->last_y;
            s->direction ^= MIRROR_Y;
        }
    } else if (ny == SIDE - 1) {
        ny = meet_floor(s, run, nx);
    }
    if (!touched) s->strike = 0;
    s->ball_x = nx;
    s->ball_y = ny;
    return reward;
}

static void breakout_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    (void)run;
    const breakout *s = state;
    planes[((SIDE - 1) * SIDE + s->paddle) * PLANES + PLANE_PADDLE] = 1;
    planes[(s->ball_y * SIDE + s->ball_x) * PLANES + PLANE_BALL] = 1;
    planes[(s->last_y * SIDE + s->last_x) * PLANES + PLANE_TRAIL] = 1;
    for (int32_t y = 1; y <= 5; y++) {
        uint8_t *row = planes + y * SIDE * PLANES + PLANE_BRICK;
        const unsigned bits = s->bricks[y];
        for (int32_t x = 0; bits != 0 && x < SIDE; x++) row[x * PLANES] = (bits >> x) & 1u;
    }
}

static bool breakout_valid(const void *state, const ppi_arcade_run *run) {
    const breakout *s = state;
    if (s->ball_y == SIDE - 1 && !run->terminated) return false;
    for (int32_t y = 0; y < SIDE; y++) {
        if (s->bricks[y] > (y >= 1 && y <= 5 ? FULL_ROW : 0)) return false;
    }
    return true;
}

static const int32_t k_actions[] = {PPI_SUITE_N, PPI_SUITE_L, PPI_SUITE_R};
static const ppi_paint_layer k_layers[] = {
    {PLANE_TRAIL, 50, {60, 66, 84}, PPI_PAINT_WHOLE},
    {PLANE_BRICK, 90, {205, 84, 64}, PPI_PAINT_WHOLE},
    {PLANE_PADDLE, 180, {90, 170, 255}, PPI_PAINT_WHOLE},
    {PLANE_BALL, 255, {255, 255, 255}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"three rows of bricks", 0, 0},
    {"five rows of bricks, the ball starts below them", 0, 0},
    {"the paddle moves in even-numbered steps only", 0, 0},
};
static const ppi_arcade_field k_fields[] = {
    PPI_ARCADE_FIELD(breakout, paddle, 0, SIDE - 1),
    PPI_ARCADE_FIELD(breakout, ball_x, 0, SIDE - 1),
    PPI_ARCADE_FIELD(breakout, ball_y, 0, SIDE - 1),
    PPI_ARCADE_FIELD(breakout, last_x, 0, SIDE - 1),
    PPI_ARCADE_FIELD(breakout, last_y, 0, SIDE - 1),
    PPI_ARCADE_FIELD(breakout, direction, 0, DIRECTIONS - 1),
    PPI_ARCADE_FIELD(breakout, strike, 0, 1),
};

const ppi_arcade_game ppi_arcade_breakout = {
    .id = "arcade/breakout",
    .rows = SIDE,
    .columns = SIDE,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    PPI_ARCADE_LIST(fields, k_fields),
    .state_size = sizeof(breakout),
    .facts = {.sticky = 0.1,
              .cap = PPI_ARCADE_SUITE_CAP,
              .sets = PPI_ARCADE_FIVE,
              .random_score = 0.387,
              .good_score = 10},
    .minatar = true,
    .reward_min = 0,
    .reward_max = 1,
    .reset = breakout_reset,
    .step = breakout_step,
    .draw = breakout_draw,
    .valid = breakout_valid,
};
