/* Four Rooms: find the goal in a board of 13x13 with walls and doors. The rules equal those of
 * gymnax's FourRooms-misc in mode 0; the random draws are our own. */
#include <string.h>

#include "env/arcade/game.h"

enum {
    SIDE = 13,
    CELLS = SIDE * SIDE,
    FREE_CELLS = 104,
    PLANES = 3,
    PLANE_WALL = 0,
    PLANE_AGENT = 1,
    PLANE_GOAL = 2,
    START = 4 * SIDE + 1,
    GOAL = 8 * SIDE + 9,
    MODE_FIXED = 0,
    MODE_SLIP = 2,
    MODE_MIRROR = 3,
};

/* Native actions: up, right, down, left, as steps from cell to cell. */
static const int32_t k_move[4] = {-SIDE, 1, SIDE, -1};

static const char k_map[CELLS + 1] = "#############"
                                     "#.....#.....#"
                                     "#.....#.....#"
                                     "#...........#"
                                     "#.....#.....#"
                                     "#.....#.....#"
                                     "##.####.....#"
                                     "#.....###.###"
                                     "#.....#.....#"
                                     "#.....#.....#"
                                     "#...........#"
                                     "#.....#.....#"
                                     "#############";

typedef struct four_rooms {
    int32_t agent; /* cell */
    int32_t goal;
} four_rooms;

/* Cell i of the map in force is this cell of the map above. */
static int32_t map_cell(const ppi_arcade_run *run, int32_t i) {
    return run->mode == MODE_MIRROR ? i - i % SIDE + (SIDE - 1 - i % SIDE) : i;
}

static bool is_wall(const ppi_arcade_run *run, int32_t i) {
    return k_map[map_cell(run, i)] == '#';
}

/* The index-th free cell in row-major order. */
static int32_t free_cell(const ppi_arcade_run *run, uint32_t index) {
    for (int32_t i = 0; i < CELLS; i++) {
        if (!is_wall(run, i) && index-- == 0) return i;
    }
    return 0;
}

static void rooms_reset(void *state, ppi_arcade_run *run) {
    four_rooms *s = state;
    s->agent = START;
    s->goal = GOAL;
    if (run->mode == MODE_FIXED) return;
    s->goal = free_cell(run, ppi_draw_below(run, FREE_CELLS));
    s->agent = free_cell(run, ppi_draw_below(run, FREE_CELLS - 1));
    if (s->agent == s->goal) s->agent = free_cell(run, FREE_CELLS - 1);
}

static int32_t native_move(ppi_suite_action action) {
    switch (action) {
    case PPI_SUITE_U:
        return k_move[0];
    case PPI_SUITE_R:
        return k_move[1];
    case PPI_SUITE_D:
        return k_move[2];
    case PPI_SUITE_L:
        return k_move[3];
    default:
        return 0;
    }
}

static int32_t rooms_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    four_rooms *s = state;
    int32_t move = native_move(action);
    /* With fail probability 1/3 a uniform action, the chosen one included, comes with 4/9. */
    if (run->mode == MODE_SLIP && ppi_draw_unit(run) < 4.0 / 9.0) {
        move = k_move[ppi_draw_below(run, 4)];
    }
    if (!is_wall(run, s->agent + move)) s->agent += move;
    run->terminated = s->agent == s->goal;
    return s->agent == s->goal;
}

static void rooms_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    const four_rooms *s = state;
    for (int32_t i = 0; i < CELLS; i++) planes[i * PLANES + PLANE_WALL] = is_wall(run, i);
    planes[s->agent * PLANES + PLANE_AGENT] = 1;
    planes[s->goal * PLANES + PLANE_GOAL] = 1;
}

static bool rooms_valid(const void *state, const ppi_arcade_run *run) {
    const four_rooms *s = state;
    return !is_wall(run, s->agent) && !is_wall(run, s->goal);
}

static const int32_t k_actions[] = {PPI_SUITE_L, PPI_SUITE_U, PPI_SUITE_R, PPI_SUITE_D};
static const ppi_paint_layer k_layers[] = {
    {PLANE_WALL, 90, {96, 104, 128}, PPI_PAINT_WHOLE},
    {PLANE_GOAL, 170, {120, 220, 130}, PPI_PAINT_WHOLE},
    {PLANE_AGENT, 255, {90, 170, 255}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"fixed start and goal", 0, 0},
    {"random start and goal", 0, 0},
    {"random start and goal, moves fail with probability 1/3", 0, 0},
    {"random start and goal on the mirrored map", 0, 0},
};
static const ppi_arcade_field k_fields[] = {
    PPI_ARCADE_FIELD(four_rooms, agent, 0, CELLS - 1),
    PPI_ARCADE_FIELD(four_rooms, goal, 0, CELLS - 1),
};

const ppi_arcade_game ppi_arcade_four_rooms = {
    .id = "arcade/four_rooms",
    .rows = SIDE,
    .columns = SIDE,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    PPI_ARCADE_LIST(fields, k_fields),
    .state_size = sizeof(four_rooms),
    .facts = {.cap = 100, .random_score = 0.034, .good_score = 1},
    .parity_cap = 500,
    .reward_min = 0,
    .reward_max = 1,
    .reset = rooms_reset,
    .step = rooms_step,
    .draw = rooms_draw,
    .valid = rooms_valid,
};
