/* Snake on a board of 12x12: eating a fruit scores and lengthens the snake; leaving the board or
 * biting the body ends the episode. The rules equal those of jumanji's Snake-v1 in mode 0; the
 * random draws are our own. */
#include <string.h>

#include "env/arcade/game.h"

enum {
    SIDE = 12,
    SIDE_SMALL = 8,
    CELLS = SIDE * SIDE,
    PLANES = 4,
    PLANE_BODY = 0,
    PLANE_HEAD = 1,
    PLANE_TAIL = 2,
    PLANE_FRUIT = 3,
    STEP_LIMIT = 4000,
    NO_ACTION = -1,
    MODE_SMALL = 1,
    MODE_TORUS = 2,
};

/* Native actions: up, right, down, left. */
enum { MOVES = 4 };
static const int32_t k_row_move[MOVES] = {-1, 0, 1, 0};
static const int32_t k_column_move[MOVES] = {0, 1, 0, -1};

typedef struct snake {
    int32_t head_row; /* -1 or the side after leaving the board */
    int32_t head_column;
    int32_t fruit; /* cell */
    int32_t length;
    int32_t last_move;   /* native action last played in this episode */
    uint8_t body[CELLS]; /* 0 empty, 1 tail .. length head; side*side cells used */
} snake;

static int32_t side_of(const ppi_arcade_run *run) {
    return run->mode == MODE_SMALL ? SIDE_SMALL : SIDE;
}

/* The index-th empty cell in row-major order, 0 if there are fewer. */
static int32_t free_cell(const snake *s, int32_t cells, uint32_t index) {
    for (int32_t i = 0; i < cells; i++) {
        if (s->body[i] == 0 && index-- == 0) return i;
    }
    return 0;
}

static int32_t count_free(const snake *s, int32_t cells) {
    int32_t count = 0;
    for (int32_t i = 0; i < cells; i++) count += s->body[i] == 0;
    return count;
}

static void snake_reset(void *state, ppi_arcade_run *run) {
    snake *s = state;
    const int32_t side = side_of(run);
    memset(s, 0, sizeof(*s));
    s->head_row = (int32_t)ppi_draw_below(run, (uint32_t)side);
    s->head_column = (int32_t)ppi_draw_below(run, (uint32_t)side);
    s->body[s->head_row * side + s->head_column] = 1;
    s->length = 1;
    s->last_move = NO_ACTION;
    s->fruit = free_cell(s, side * side, ppi_draw_below(run, (uint32_t)(side * side - 1)));
}

/* Where a move leads, on the torus already brought back. */
static void target_of(int32_t *row, int32_t *column, const snake *s, const ppi_arcade_run *run,
                      int32_t move) {
    const int32_t side = side_of(run);
    *row = s->head_row + k_row_move[move];
    *column = s->head_column + k_column_move[move];
    if (run->mode == MODE_TORUS) {
        *row = (*row + side) % side;
        *column = (*column + side) % side;
    }
}

static bool inside(int32_t row, int32_t column, int32_t side) {
    return row >= 0 && row < side && column >= 0 && column < side;
}

/* The tail's cell is allowed: it will be empty by then. */
static bool is_valid(const snake *s, const ppi_arcade_run *run, int32_t move) {
    const int32_t side = side_of(run);
    int32_t row;
    int32_t column;
    target_of(&row, &column, s, run, move);
    return inside(row, column, side) && s->body[row * side + column] <= 1;
}

static int32_t native_move(const snake *s, const ppi_arcade_run *run, ppi_suite_action action) {
    switch (action) {
    case PPI_SUITE_U:
        return 0;
    case PPI_SUITE_R:
        return 1;
    case PPI_SUITE_D:
        return 2;
    case PPI_SUITE_L:
        return 3;
    default:
        break;
    }
    if (s->last_move != NO_ACTION) return s->last_move;
    for (int32_t move = 0; move < MOVES; move++) {
        if (is_valid(s, run, move)) return move;
    }
    return 0;
}

/* Index of the cell that the reference writes for a head: -1 wraps to the other end of the axis, a
 * head past the last row or column writes nothing (-1). */
static int32_t written_cell(int32_t row, int32_t column, int32_t side) {
    const int32_t r = row < 0 ? side - 1 : row;
    const int32_t c = column < 0 ? side - 1 : column;
    return r < side && c < side ? r * side + c : -1;
}

static int32_t snake_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    snake *s = state;
    const int32_t side = side_of(run);
    const int32_t cells = side * side;
    const int32_t move = native_move(s, run, action);
    const bool valid = is_valid(s, run, move);
    s->last_move = move;
    target_of(&s->head_row, &s->head_column, s, run, move);
    const bool ate = inside(s->head_row, s->head_column, side) &&
                     s->head_row * side + s->head_column == s->fruit;
    if (ate) {
        s->length++;
    } else {
        for (int32_t i = 0; i < CELLS; i++) s->body[i] = (uint8_t)(s->body[i] - (s->body[i] != 0));
    }
    const int32_t cell = written_cell(s->head_row, s->head_column, side);
    if (cell >= 0) s->body[cell] = (uint8_t)s->length;
    bool full = false;
    if (ate) {
        const int32_t empty = count_free(s, cells);
        full = empty == 0;
        s->fruit = full ? 0 : free_cell(s, cells, ppi_draw_below(run, (uint32_t)empty));
    }
    if (!valid || full || run->steps >= STEP_LIMIT) run->terminated = 1;
    return ate && valid;
}

static void snake_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    const snake *s = state;
    const int32_t side = side_of(run);
    for (int32_t i = 0; i < side * side; i++) {
        planes[i * PLANES + PLANE_BODY] = s->body[i] != 0;
        planes[i * PLANES + PLANE_TAIL] = s->body[i] == 1;
    }
    const int32_t cell = written_cell(s->head_row, s->head_column, side);
    if (cell >= 0) planes[cell * PLANES + PLANE_HEAD] = 1;
    planes[s->fruit * PLANES + PLANE_FRUIT] = 1;
}

static bool snake_valid(const void *state, const ppi_arcade_run *run) {
    const snake *s = state;
    const int32_t side = side_of(run);
    if (s->head_row > side || s->head_column > side || s->fruit >= side * side) return false;
    if (!run->terminated && !inside(s->head_row, s->head_column, side)) return false;
    for (int32_t i = 0; i < CELLS; i++) {
        if (s->body[i] > (i < side * side ? s->length : 0)) return false;
    }
    return true;
}

static const int32_t k_actions[] = {PPI_SUITE_L, PPI_SUITE_U, PPI_SUITE_R, PPI_SUITE_D};
static const ppi_paint_layer k_layers[] = {
    {PLANE_BODY, 100, {90, 170, 90}, PPI_PAINT_WHOLE},
    {PLANE_TAIL, 60, {60, 120, 60}, PPI_PAINT_WHOLE},
    {PLANE_HEAD, 200, {170, 240, 150}, PPI_PAINT_WHOLE},
    {PLANE_FRUIT, 255, {230, 80, 80}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"12x12 with walls", 0, 0},
    {"8x8", SIDE_SMALL, SIDE_SMALL},
    {"12x12 torus", 0, 0},
};
static const ppi_arcade_field k_fields[] = {
    PPI_ARCADE_FIELD(snake, head_row, -1, SIDE),
    PPI_ARCADE_FIELD(snake, head_column, -1, SIDE),
    PPI_ARCADE_FIELD(snake, fruit, 0, CELLS - 1),
    PPI_ARCADE_FIELD(snake, length, 1, CELLS),
    PPI_ARCADE_FIELD(snake, last_move, NO_ACTION, MOVES - 1),
};

const ppi_arcade_game ppi_arcade_snake = {
    .id = "arcade/snake",
    .rows = SIDE,
    .columns = SIDE,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    PPI_ARCADE_LIST(fields, k_fields),
    .state_size = sizeof(snake),
    .facts = {.cap = PPI_ARCADE_SUITE_CAP,
              .sets = PPI_ARCADE_NEW,
              .random_score = 0.104,
              .good_score = 25.7},
    .reward_min = 0,
    .reward_max = 1,
    .reset = snake_reset,
    .step = snake_step,
    .draw = snake_draw,
    .valid = snake_valid,
};
