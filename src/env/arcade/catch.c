/* Catch: a ball falls down a board of 10 rows, a paddle in the last row should be under it. Rules
 * and random draws equal bsuite's catch in mode 0. */
#include "env/arcade/game.h"

enum {
    ROWS = 10,
    COLUMNS = 5,
    COLUMNS_WIDE = 10,
    PLANES = 2,
    PLANE_PADDLE = 0,
    PLANE_BALL = 1,
    MODE_WIDE = 1,
    MODE_DRIFT = 2, /* the ball drifts in odd rows */
};

typedef struct catch_state {
    int32_t ball_x;
    int32_t ball_y;
    int32_t paddle; /* column */
    int32_t drift;  /* columns per odd row */
} catch_state;

static int32_t columns_of(const ppi_arcade_run *run) {
    return run->mode == MODE_WIDE ? COLUMNS_WIDE : COLUMNS;
}

static void catch_reset(void *state, ppi_arcade_run *run) {
    catch_state *s = state;
    const int32_t columns = columns_of(run);
    s->ball_x = (int32_t)ppi_draw_below(run, (uint32_t)columns);
    s->ball_y = 0;
    s->paddle = columns / 2;
    s->drift = run->mode == MODE_DRIFT ? (int32_t)ppi_draw_below(run, 3) - 1 : 0;
}

static int32_t catch_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    catch_state *s = state;
    const int32_t last = columns_of(run) - 1;
    const int32_t move = (action == PPI_SUITE_R) - (action == PPI_SUITE_L);
    s->paddle = ppi_clamp(s->paddle + move, 0, last);
    if (s->ball_y % 2 == 1) s->ball_x = ppi_clamp(s->ball_x + s->drift, 0, last);
    s->ball_y++;
    if (s->ball_y != ROWS - 1) return 0;
    run->terminated = 1;
    return s->paddle == s->ball_x ? 1 : -1;
}

static void catch_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    const catch_state *s = state;
    const int32_t columns = columns_of(run);
    planes[((ROWS - 1) * columns + s->paddle) * PLANES + PLANE_PADDLE] = 1;
    planes[(s->ball_y * columns + s->ball_x) * PLANES + PLANE_BALL] = 1;
}

static bool catch_valid(const void *state, const ppi_arcade_run *run) {
    const catch_state *s = state;
    const bool falls = s->ball_y < ROWS - 1 || run->terminated;
    return falls && s->ball_x < columns_of(run) && s->paddle < columns_of(run);
}

static const int32_t k_actions[] = {PPI_SUITE_N, PPI_SUITE_L, PPI_SUITE_R};
static const ppi_paint_layer k_layers[] = {
    {PLANE_PADDLE, 160, {90, 170, 255}, PPI_PAINT_WHOLE},
    {PLANE_BALL, 255, {255, 255, 255}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"5 columns", 0, 0},
    {"10 columns", 0, COLUMNS_WIDE},
    {"the ball drifts sideways in odd rows", 0, 0},
};
static const ppi_arcade_field k_fields[] = {
    PPI_ARCADE_FIELD(catch_state, ball_x, 0, COLUMNS_WIDE - 1),
    PPI_ARCADE_FIELD(catch_state, ball_y, 0, ROWS - 1),
    PPI_ARCADE_FIELD(catch_state, paddle, 0, COLUMNS_WIDE - 1),
    PPI_ARCADE_FIELD(catch_state, drift, -1, 1),
};

const ppi_arcade_game ppi_arcade_catch = {
    .id = "arcade/catch",
    .rows = ROWS,
    .columns = COLUMNS,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    PPI_ARCADE_LIST(fields, k_fields),
    .state_size = sizeof(catch_state),
    .facts = {.cap = PPI_ARCADE_SUITE_CAP, .random_score = -0.603, .good_score = 1},
    .restarts = true,
    .reward_min = -1,
    .reward_max = 1,
    .reset = catch_reset,
    .step = catch_step,
    .draw = catch_draw,
    .valid = catch_valid,
};
