/* 2048: sliding a board of 4x4 merges equal tiles, and a new tile comes after every move. The rules
 * equal those of jumanji's Game2048-v1 in mode 0; the random draws are our own. Cells hold
 * exponents: 0 empty, 1 the tile 2, and so on. */
#include <string.h>

#include "env/arcade/game.h"

enum {
    SIDE = 4,
    SIDE_SMALL = 3,
    CELLS = SIDE * SIDE,
    PLANES = 18, /* one per exponent, the last for 17 and more */
    MODE_FOURS = 1,
    MODE_SMALL = 2,
};

typedef struct board2048 {
    uint8_t cell[CELLS]; /* exponents, side*side used */
} board2048;

static int32_t side_of(const ppi_arcade_run *run) {
    return run->mode == MODE_SMALL ? SIDE_SMALL : SIDE;
}

static void spawn(board2048 *s, ppi_arcade_run *run) {
    const int32_t cells = side_of(run) * side_of(run);
    int32_t empty[CELLS];
    uint32_t count = 0;
    for (int32_t i = 0; i < cells; i++) {
        empty[count] = i;
        count += s->cell[i] == 0;
    }
    if (count == 0) return;
    const int32_t cell = empty[ppi_draw_below(run, count)];
    const double fours = run->mode == MODE_FOURS ? 0.5 : 0.1;
    s->cell[cell] = ppi_draw_unit(run) < fours ? 2 : 1;
}

static void board_reset(void *state, ppi_arcade_run *run) {
    memset(state, 0, sizeof(board2048));
    spawn(state, run);
}

/* Slides one line, whose cells are `stride` apart and begin at the wall. Returns the reward and
 * sets *moved if anything changed. */
static int32_t slide_line(uint8_t *line, int32_t stride, int32_t side, bool *moved) {
    uint8_t out[SIDE] = {0};
    int32_t count = 0;
    int32_t reward = 0;
    bool open = false; /* the last cell of out may still merge */
    for (int32_t i = 0; i < side; i++) {
        const uint8_t v = line[i * stride];
        if (v == 0) continue;
        if (open && out[count - 1] == v) {
            out[count - 1]++;
            reward += 1 << (v + 1);
            open = false;
        } else {
            out[count++] = v;
            open = true;
        }
    }
    for (int32_t i = 0; i < side; i++) {
        *moved |= line[i * stride] != out[i];
        line[i * stride] = out[i];
    }
    return reward;
}

static int32_t slide(board2048 *s, int32_t side, ppi_suite_action action, bool *moved) {
    const bool vertical = action == PPI_SUITE_U || action == PPI_SUITE_D;
    const bool far = action == PPI_SUITE_R || action == PPI_SUITE_D;
    const int32_t along = vertical ? side : 1;
    const int32_t across = vertical ? 1 : side;
    int32_t reward = 0;
    for (int32_t line = 0; line < side; line++) {
        uint8_t *wall = s->cell + line * across + (far ? (side - 1) * along : 0);
        reward += slide_line(wall, far ? -along : along, side, moved);
    }
    return reward;
}

/* Some action changes the board: a cell is empty or two neighbours are equal. */
static bool any_legal(const board2048 *s, int32_t side) {
    for (int32_t y = 0; y < side; y++) {
        for (int32_t x = 0; x < side; x++) {
            const uint8_t v = s->cell[y * side + x];
            if (v == 0 || (x + 1 < side && s->cell[y * side + x + 1] == v) ||
                (y + 1 < side && s->cell[(y + 1) * side + x] == v)) {
                return true;
            }
        }
    }
    return false;
}

static int32_t board_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    board2048 *s = state;
    const int32_t side = side_of(run);
    bool moved = false;
    if (action == PPI_SUITE_N || action == PPI_SUITE_F) return 0;
    const int32_t reward = slide(s, side, action, &moved);
    if (!moved) return 0;
    spawn(s, run);
    if (!any_legal(s, side)) run->terminated = 1;
    return reward;
}

static void board_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    const board2048 *s = state;
    const int32_t cells = side_of(run) * side_of(run);
    for (int32_t i = 0; i < cells; i++) {
        planes[i * PLANES + (s->cell[i] < PLANES ? s->cell[i] : PLANES - 1)] = 1;
    }
}

/* The value of a tile. */
static int32_t tile_number(const void *state, int32_t cell) {
    const board2048 *s = state;
    return s->cell[cell] == 0 ? -1 : 1 << s->cell[cell];
}

static bool board_valid(const void *state, const ppi_arcade_run *run) {
    (void)run;
    const board2048 *s = state;
    for (int32_t i = 0; i < CELLS; i++) {
        if (s->cell[i] >= PLANES) return false;
    }
    return true;
}

static const int32_t k_actions[] = {PPI_SUITE_L, PPI_SUITE_U, PPI_SUITE_R, PPI_SUITE_D};
static const ppi_paint_layer k_layers[] = {
    {1, 14, {238, 228, 218}, PPI_PAINT_WHOLE},   {2, 28, {237, 224, 200}, PPI_PAINT_WHOLE},
    {3, 42, {242, 177, 121}, PPI_PAINT_WHOLE},   {4, 56, {245, 149, 99}, PPI_PAINT_WHOLE},
    {5, 70, {246, 124, 95}, PPI_PAINT_WHOLE},    {6, 84, {246, 94, 59}, PPI_PAINT_WHOLE},
    {7, 98, {237, 207, 114}, PPI_PAINT_WHOLE},   {8, 112, {237, 204, 97}, PPI_PAINT_WHOLE},
    {9, 126, {237, 200, 80}, PPI_PAINT_WHOLE},   {10, 140, {237, 197, 63}, PPI_PAINT_WHOLE},
    {11, 154, {237, 194, 46}, PPI_PAINT_WHOLE},  {12, 168, {150, 200, 120}, PPI_PAINT_WHOLE},
    {13, 182, {110, 190, 150}, PPI_PAINT_WHOLE}, {14, 196, {90, 170, 190}, PPI_PAINT_WHOLE},
    {15, 210, {90, 140, 220}, PPI_PAINT_WHOLE},  {16, 224, {130, 110, 230}, PPI_PAINT_WHOLE},
    {17, 238, {180, 90, 230}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"4x4, a tenth of the new tiles are fours", 0, 0},
    {"half of the new tiles are fours", 0, 0},
    {"3x3", SIDE_SMALL, SIDE_SMALL},
};

const ppi_arcade_game ppi_arcade_2048 = {
    .id = "arcade/2048",
    .rows = SIDE,
    .columns = SIDE,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    .state_size = sizeof(board2048),
    .facts = {.cap = PPI_ARCADE_SUITE_CAP, .random_score = 1128, .good_score = 20000},
    .reward_min = 0,
    .reward_max = 262140, /* all tiles of the fullest board that can be reached */
    .reset = board_reset,
    .step = board_step,
    .draw = board_draw,
    .number = tile_number,
    .valid = board_valid,
};
