/* Pong against a simple opponent on a board of 14x14, first to five points. The rules are our own
 * and use integers only: positions are sixteenths of a cell. */
#include "env/arcade/game.h"

enum {
    SIDE = 14,
    UNIT = 16,           /* sixteenths in a cell */
    FIELD = SIDE * UNIT, /* 224 */
    MIDDLE = FIELD / 2,
    FACE = (SIDE - 1) * UNIT, /* the agent's paddle is right of this, the opponent's left of UNIT */
    PLANES = 4,
    PLANE_AGENT = 0,
    PLANE_OPPONENT = 1,
    PLANE_BALL = 2,
    PLANE_TRAIL = 3,
    TOP_SPEED = 16,
    SERVE_WAIT = 4,
    POINTS = 5,
    EDGE = 4, /* sixteenths past a paddle's end that still hit */
    ANGLES = 6,
    MODE_STRONG = 1, /* a better opponent */
    MODE_SMALL = 2,  /* smaller paddles */
    MODE_SERVE = 3,  /* faster serves */
};

static const int32_t k_angle[ANGLES] = {-12, -8, -3, 3, 8, 12};

typedef struct pong {
    int32_t agent;    /* top row of the agent's paddle */
    int32_t opponent; /* top edge of the opponent's, sixteenths */
    int32_t ball_x;
    int32_t ball_y;
    int32_t speed_x;
    int32_t speed_y;
    int32_t error;   /* of the opponent's aim */
    int32_t wait;    /* steps before the ball moves */
    int32_t trail_x; /* cell */
    int32_t trail_y;
    int32_t agent_points;
    int32_t opponent_points;
} pong;

static int32_t paddle_rows(const ppi_arcade_run *run) {
    return run->mode == MODE_SMALL ? 2 : 3;
}

static int32_t draw_error(ppi_arcade_run *run) {
    const int32_t noise = run->mode == MODE_STRONG ? 10 : 20;
    return (int32_t)ppi_draw_below(run, (uint32_t)(2 * noise + 1)) - noise;
}

static void serve(pong *s, ppi_arcade_run *run, int32_t sign) {
    s->ball_x = MIDDLE;
    s->ball_y = MIDDLE;
    s->speed_x = sign * (run->mode == MODE_SERVE ? 16 : 12);
    s->speed_y = k_angle[ppi_draw_below(run, ANGLES)];
    s->error = draw_error(run);
    s->wait = SERVE_WAIT;
    s->trail_x = MIDDLE / UNIT;
    s->trail_y = MIDDLE / UNIT;
}

static void pong_reset(void *state, ppi_arcade_run *run) {
    pong *s = state;
    const int32_t rows = paddle_rows(run);
    s->agent_points = 0;
    s->opponent_points = 0;
    s->agent = (SIDE - rows) / 2;
    s->opponent = MIDDLE - rows * UNIT / 2;
    serve(s, run, ppi_draw_below(run, 2) == 0 ? 1 : -1);
}

static void move_paddles(pong *s, const ppi_arcade_run *run, ppi_suite_action action) {
    const int32_t rows = paddle_rows(run);
    const int32_t height = rows * UNIT;
    const int32_t speed = run->mode == MODE_STRONG ? 8 : 6;
    const int32_t move = (action == PPI_SUITE_D) - (action == PPI_SUITE_U);
    s->agent = ppi_clamp(s->agent + move, 0, SIDE - rows);
    const int32_t target = s->speed_x < 0 ? s->ball_y + s->error : MIDDLE;
    s->opponent += ppi_clamp(target - (s->opponent + height / 2), -speed, speed);
    s->opponent = ppi_clamp(s->opponent, 0, FIELD - height);
}

/* A ball at height ny meets a paddle whose top edge is `top`: the new vertical speed, or 0 when it
 * passes. */
static int32_t deflect(const ppi_arcade_run *run, int32_t top, int32_t ny) {
    const int32_t height = paddle_rows(run) * UNIT;
    if (ny < top - EDGE || ny > top + height + EDGE - 1) return 0;
    return k_angle[ppi_clamp((ny - top) * ANGLES / height, 0, ANGLES - 1)];
}

static int32_t faster(int32_t speed) {
    return speed + 1 < TOP_SPEED ? speed + 1 : TOP_SPEED;
}

/* Reflects the ball at a paddle's face; returns its new x. */
static int32_t meet_paddles(pong *s, ppi_arcade_run *run, int32_t nx, int32_t ny) {
    if (s->speed_x > 0 && s->ball_x < FACE && nx >= FACE) {
        const int32_t speed = deflect(run, s->agent * UNIT, ny);
        if (speed == 0) return nx;
        s->speed_x = -faster(s->speed_x);
        s->speed_y = speed;
        s->error = draw_error(run);
        return 2 * FACE - 1 - nx;
    }
    if (s->speed_x < 0 && s->ball_x >= UNIT && nx < UNIT) {
        const int32_t speed = deflect(run, s->opponent, ny);
        if (speed == 0) return nx;
        s->speed_x = faster(-s->speed_x);
        s->speed_y = speed;
        return 2 * UNIT - 1 - nx;
    }
    return nx;
}

static int32_t pong_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    pong *s = state;
    move_paddles(s, run, action);
    s->trail_x = s->ball_x / UNIT;
    s->trail_y = s->ball_y / UNIT;
    if (s->wait > 0) {
        s->wait--;
        return 0;
    }
    int32_t ny = s->ball_y + s->speed_y;
    if (ny < 0 || ny > FIELD - 1) {
        ny = ny < 0 ? -ny : 2 * (FIELD - 1) - ny;
        s->speed_y = -s->speed_y;
    }
    const int32_t nx = meet_paddles(s, run, s->ball_x + s->speed_x, ny);
    s->ball_x = ppi_clamp(nx, 0, FIELD - 1);
    s->ball_y = ny;
    const int32_t reward = (nx < 0) - (nx > FIELD - 1);
    if (reward == 0) return 0;
    s->agent_points += reward > 0;
    s->opponent_points += reward < 0;
    if (s->agent_points == POINTS || s->opponent_points == POINTS) {
        run->terminated = 1;
    } else {
        serve(s, run, -reward);
    }
    return reward;
}

static void pong_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    const pong *s = state;
    const int32_t rows = paddle_rows(run);
    const int32_t nearest = (s->opponent + UNIT / 2) / UNIT;
    const int32_t top = nearest < SIDE - rows ? nearest : SIDE - rows;
    for (int32_t r = 0; r < rows; r++) {
        planes[((s->agent + r) * SIDE + SIDE - 1) * PLANES + PLANE_AGENT] = 1;
        planes[(top + r) * SIDE * PLANES + PLANE_OPPONENT] = 1;
    }
    const int32_t ball = s->ball_y / UNIT * SIDE + s->ball_x / UNIT;
    planes[ball * PLANES + PLANE_BALL] = 1;
    planes[(s->trail_y * SIDE + s->trail_x) * PLANES + PLANE_TRAIL] = 1;
}

static bool pong_valid(const void *state, const ppi_arcade_run *run) {
    const pong *s = state;
    const int32_t rows = paddle_rows(run);
    return s->agent <= SIDE - rows && s->opponent <= FIELD - rows * UNIT && s->speed_x != 0;
}

static const int32_t k_actions[] = {PPI_SUITE_N, PPI_SUITE_U, PPI_SUITE_D};
static const ppi_paint_layer k_layers[] = {
    {PLANE_TRAIL, 50, {60, 66, 84}, PPI_PAINT_WHOLE},
    {PLANE_OPPONENT, 120, {224, 110, 80}, PPI_PAINT_WHOLE},
    {PLANE_AGENT, 190, {120, 220, 130}, PPI_PAINT_WHOLE},
    {PLANE_BALL, 255, {255, 255, 255}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"paddles of three cells", 0, 0},
    {"a faster opponent that aims better", 0, 0},
    {"paddles of two cells", 0, 0},
    {"serves at top speed", 0, 0},
};
static const ppi_arcade_field k_fields[] = {
    PPI_ARCADE_FIELD(pong, agent, 0, SIDE - 2),
    PPI_ARCADE_FIELD(pong, opponent, 0, FIELD - 2 * UNIT),
    PPI_ARCADE_FIELD(pong, ball_x, 0, FIELD - 1),
    PPI_ARCADE_FIELD(pong, ball_y, 0, FIELD - 1),
    PPI_ARCADE_FIELD(pong, speed_x, -TOP_SPEED, TOP_SPEED),
    PPI_ARCADE_FIELD(pong, speed_y, -12, 12),
    PPI_ARCADE_FIELD(pong, error, -20, 20),
    PPI_ARCADE_FIELD(pong, wait, 0, SERVE_WAIT),
    PPI_ARCADE_FIELD(pong, trail_x, 0, SIDE - 1),
    PPI_ARCADE_FIELD(pong, trail_y, 0, SIDE - 1),
    PPI_ARCADE_FIELD(pong, agent_points, 0, POINTS),
    PPI_ARCADE_FIELD(pong, opponent_points, 0, POINTS),
};

const ppi_arcade_game ppi_arcade_pong = {
    .id = "arcade/pong",
    .rows = SIDE,
    .columns = SIDE,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    PPI_ARCADE_LIST(fields, k_fields),
    .state_size = sizeof(pong),
    .facts = {.cap = PPI_ARCADE_SUITE_CAP,
              .sets = PPI_ARCADE_NEW,
              .random_score = -3.14,
              .good_score = 5},
    .reward_min = -1,
    .reward_max = 1,
    .reset = pong_reset,
    .step = pong_step,
    .draw = pong_draw,
    .valid = pong_valid,
};
