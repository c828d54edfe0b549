/* Freeway: a chicken crosses eight lanes of cars; every crossing scores and redraws the traffic.
 * The rules equal those of MinAtar's game in mode 0. */
#include <stdlib.h>

#include "env/arcade/game.h"

enum {
    SIDE = 10,
    CARS = 8, /* car i drives in row i+1 */
    CHICKEN_X = 4,
    PLANES = 7,
    PLANE_CHICKEN = 0,
    PLANE_CAR = 1, /* plane 1+|v| is the car's speed */
    SPEEDS = 5,
    END_TIMER = 2500,
    MODE_RUSH = 1, /* cars are a step faster */
    MODE_LAME = 2, /* the chicken moves every 5 steps */
};

typedef struct car {
    int8_t x;
    int8_t timer;
    int8_t v; /* signed, |v| in 1..5 */
    int8_t pad;
} car;

typedef struct freeway {
    int32_t chicken; /* row */
    int32_t move_timer;
    int32_t end_timer;
    car cars[CARS];
} freeway;

static int8_t load_timer(const ppi_arcade_run *run, int32_t v) {
    return (int8_t)(abs(v) - (run->mode == MODE_RUSH));
}

static int32_t move_delay(const ppi_arcade_run *run) {
    return run->mode == MODE_LAME ? 5 : 3;
}

/* New speeds; positions stay. All sizes are drawn before all signs. */
static void draw_cars(freeway *s, ppi_arcade_run *run) {
    int32_t size[CARS];
    for (int i = 0; i < CARS; i++) size[i] = 1 + (int32_t)ppi_draw_below(run, SPEEDS);
    for (int i = 0; i < CARS; i++) {
        const int32_t v = ppi_draw_unit(run) < 0.5 ? -size[i] : size[i];
        s->cars[i].v = (int8_t)v;
        s->cars[i].timer = load_timer(run, v);
    }
}

static void freeway_reset(void *state, ppi_arcade_run *run) {
    freeway *s = state;
    draw_cars(s, run);
    for (int i = 0; i < CARS; i++) {
        s->cars[i].x = 0;
        s->cars[i].pad = 0;
    }
    s->chicken = SIDE - 1;
    s->move_timer = move_delay(run);
    s->end_timer = END_TIMER;
}

static void drive(freeway *s, const ppi_arcade_run *run, int i) {
    car *c = &s->cars[i];
    if (c->x == CHICKEN_X && s->chicken == i + 1) s->chicken = SIDE - 1;
    if (c->timer != 0) {
        c->timer--;
        return;
    }
    c->timer = load_timer(run, c->v);
    const int32_t x = c->x + (c->v > 0 ? 1 : -1);
    c->x = (int8_t)(x < 0 ? SIDE - 1 : x >= SIDE ? 0 : x);
    if (c->x == CHICKEN_X && s->chicken == i + 1) s->chicken = SIDE - 1;
}

static int32_t freeway_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    freeway *s = state;
    int32_t reward = 0;
    if (s->move_timer == 0 && (action == PPI_SUITE_U || action == PPI_SUITE_D)) {
        s->move_timer = move_delay(run);
        s->chicken = ppi_clamp(s->chicken + (action == PPI_SUITE_D ? 1 : -1), 0, SIDE - 1);
    }
    if (s->chicken == 0) {
        reward = 1;
        draw_cars(s, run);
        s->chicken = SIDE - 1;
    }
    for (int i = 0; i < CARS; i++) drive(s, run, i);
    if (s->move_timer > 0) s->move_timer--;
    s->end_timer--;
    if (s->end_timer < 0) run->terminated = 1;
    return reward;
}

static void freeway_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    (void)run;
    const freeway *s = state;
    planes[(s->chicken * SIDE + CHICKEN_X) * PLANES + PLANE_CHICKEN] = 1;
    for (int i = 0; i < CARS; i++) {
        const car *c = &s->cars[i];
        uint8_t *row = planes + (i + 1) * SIDE * PLANES;
        const int32_t behind = c->x + (c->v > 0 ? -1 : 1);
        const int32_t wrapped = behind < 0 ? SIDE - 1 : behind >= SIDE ? 0 : behind;
        row[c->x * PLANES + PLANE_CAR] = 1;
        row[wrapped * PLANES + PLANE_CAR + abs(c->v)] = 1;
    }
}

static bool freeway_valid(const void *state, const ppi_arcade_run *run) {
    (void)run;
    const freeway *s = state;
    for (int i = 0; i < CARS; i++) {
        const car *c = &s->cars[i];
        if (c->x < 0 || c->x >= SIDE || c->timer < 0 || c->timer > SPEEDS || c->v == 0 ||
            abs(c->v) > SPEEDS) {
            return false;
        }
    }
    return true;
}

static const int32_t k_actions[] = {PPI_SUITE_N, PPI_SUITE_U, PPI_SUITE_D};
static const ppi_paint_layer k_layers[] = {
    {PLANE_CAR + 5, 30, {38, 42, 54}, PPI_PAINT_WHOLE},
    {PLANE_CAR + 4, 50, {50, 56, 72}, PPI_PAINT_WHOLE},
    {PLANE_CAR + 3, 70, {64, 72, 92}, PPI_PAINT_WHOLE},
    {PLANE_CAR + 2, 90, {80, 90, 116}, PPI_PAINT_WHOLE},
    {PLANE_CAR + 1, 110, {98, 110, 140}, PPI_PAINT_WHOLE},
    {PLANE_CAR, 180, {224, 90, 80}, PPI_PAINT_WHOLE},
    {PLANE_CHICKEN, 255, {255, 220, 90}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"cars move every |v|+1 steps, the chicken every 3", 0, 0},
    {"cars move every |v| steps", 0, 0},
    {"the chicken moves every 5 steps", 0, 0},
};
static const ppi_arcade_field k_fields[] = {
    PPI_ARCADE_FIELD(freeway, chicken, 0, SIDE - 1),
    PPI_ARCADE_FIELD(freeway, move_timer, 0, 5),
    PPI_ARCADE_FIELD(freeway, end_timer, -1, END_TIMER),
};

const ppi_arcade_game ppi_arcade_freeway = {
    .id = "arcade/freeway",
    .rows = SIDE,
    .columns = SIDE,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    PPI_ARCADE_LIST(fields, k_fields),
    .state_size = sizeof(freeway),
    .facts = {.sticky = 0.1,
              .cap = PPI_ARCADE_SUITE_CAP,
              .sets = PPI_ARCADE_FIVE,
              .random_score = 0.390,
              .good_score = 50},
    .minatar = true,
    .reward_min = 0,
    .reward_max = 1,
    .reset = freeway_reset,
    .step = freeway_step,
    .draw = freeway_draw,
    .valid = freeway_valid,
};
