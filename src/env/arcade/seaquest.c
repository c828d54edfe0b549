/* Seaquest: a submarine shoots fish and enemy submarines, gathers divers and must surface for air.
 * The rules equal those of MinAtar's game in mode 0.
 *
 * The reference keeps its things in lists, walks them from the end and removes "by value": the
 * lowest-index element equal in all fields goes. With an equal twin below it the handled element
 * slides down one place and is handled again. The walks here keep that order. */
#include <string.h>

#include "env/arcade/game.h"
#include "env/arcade/seaquest.h"

enum {
    SIDE = 10,
    DEEPEST = 8, /* last row of the water */
    PLANES = 10,
    PLANE_FRONT = 0,
    PLANE_BACK = 1,
    PLANE_FRIENDLY = 2,
    PLANE_TRAIL = 3,
    PLANE_ENEMY_BULLET = 4,
    PLANE_FISH = 5,
    PLANE_ENEMY_SUB = 6,
    PLANE_OXYGEN = 7,
    PLANE_DIVERS = 8,
    PLANE_DIVER = 9,
    MAX_DIVERS = 6,
    SHOT_DELAY = 5,
    ENEMY_SHOT_DELAY = 10,
    DIVER_EVERY = 30,
    DIVER_SPEED = 5,
    MODE_STEADY = 1, /* no ramping */
    MODE_FAST = 2,   /* S = 12, M = 3 from the start */
    MODE_SHORT = 3,  /* less oxygen */
};

static int32_t full_oxygen(const ppi_arcade_run *run) {
    return run->mode == MODE_SHORT ? 120 : 200;
}

static int32_t floor_div(int32_t a, int32_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static void append(ppi_seaquest_list *list, ppi_seaquest_thing t) {
    if (list->count < PPI_SEAQUEST_LIST) list->at[list->count++] = t;
}

static void remove_at(ppi_seaquest_list *list, int32_t i) {
    list->count--;
    memmove(&list->at[i], &list->at[i + 1], (size_t)(list->count - i) * sizeof(ppi_seaquest_thing));
}

/* Removes the first element equal to element i. Returns where element i is now, -1 if it went
 * itself. */
static int32_t remove_value(ppi_seaquest_list *list, int32_t i) {
    int32_t first = 0;
    while (memcmp(&list->at[first], &list->at[i], sizeof(ppi_seaquest_thing)) != 0) first++;
    remove_at(list, first);
    return first == i ? -1 : i - 1;
}

/* Index of the first element on a cell, -1 without one. */
static int32_t find_on(const ppi_seaquest_list *list, int32_t x, int32_t y) {
    for (int32_t i = 0; i < list->count; i++) {
        if (list->at[i].x == x && list->at[i].y == y) return i;
    }
    return -1;
}

static bool outside(const ppi_seaquest_thing *t) {
    return t->x < 0 || t->x >= SIDE;
}

static bool on_sub(const ppi_seaquest *s, const ppi_seaquest_thing *t) {
    return t->x == s->x && t->y == s->y;
}

static void advance(ppi_seaquest_thing *t) {
    t->x = (int8_t)(t->x + (t->right ? 1 : -1));
}

static void seaquest_reset(void *state, ppi_arcade_run *run) {
    ppi_seaquest *s = state;
    const bool fast = run->mode == MODE_FAST;
    memset(s, 0, sizeof(*s));
    s->x = 5;
    s->oxygen = full_oxygen(run);
    s->spawn_speed = fast ? 12 : 20;
    s->enemy_timer = s->spawn_speed;
    s->diver_timer = DIVER_EVERY;
    s->move_speed = fast ? 3 : 5;
    s->surfaced = 1;
}

static bool row_has_other_way(const ppi_seaquest_list *list, const ppi_seaquest_thing *t) {
    for (int32_t i = 0; i < list->count; i++) {
        if (list->at[i].y == t->y && list->at[i].right != t->right) return true;
    }
    return false;
}

static void spawn_enemy(ppi_seaquest *s, ppi_arcade_run *run) {
    const bool right = ppi_draw_unit(run) < 0.5;
    const bool sub = ppi_draw_unit(run) < 1.0 / 3.0;
    const int32_t y = 1 + (int32_t)ppi_draw_below(run, DEEPEST);
    const ppi_seaquest_thing t = {.x = right ? 0 : SIDE - 1,
                                  .y = (int8_t)y,
                                  .right = right,
                                  .timer = (int8_t)s->move_speed,
                                  .shot_timer = sub ? ENEMY_SHOT_DELAY : 0};
    if (row_has_other_way(&s->subs, &t) || row_has_other_way(&s->fish, &t)) return;
    append(sub ? &s->subs : &s->fish, t);
}

static void spawn_diver(ppi_seaquest *s, ppi_arcade_run *run) {
    const bool right = ppi_draw_unit(run) < 0.5;
    const int32_t y = 1 + (int32_t)ppi_draw_below(run, DEEPEST);
    append(&s->swimmers,
           (ppi_seaquest_thing){
               .x = right ? 0 : SIDE - 1, .y = (int8_t)y, .right = right, .timer = DIVER_SPEED});
}

static void spawn(ppi_seaquest *s, ppi_arcade_run *run) {
    if (s->enemy_timer == 0) {
        spawn_enemy(s, run);
        s->enemy_timer = s->spawn_speed;
    }
    if (s->diver_timer == 0) {
        spawn_diver(s, run);
        s->diver_timer = DIVER_EVERY;
    }
}

static void act(ppi_seaquest *s, ppi_suite_action action) {
    switch (action) {
    case PPI_SUITE_F:
        if (s->shot_timer == 0) {
            append(&s->friendly, (ppi_seaquest_thing){.x = (int8_t)s->x,
                                                      .y = (int8_t)s->y,
                                                      .right = (int8_t)s->right});
            s->shot_timer = SHOT_DELAY;
        }
        break;
    case PPI_SUITE_L:
        s->x -= s->x > 0;
        s->right = 0;
        break;
    case PPI_SUITE_R:
        s->x += s->x < SIDE - 1;
        s->right = 1;
        break;
    case PPI_SUITE_U:
        s->y -= s->y > 0;
        break;
    case PPI_SUITE_D:
        s->y += s->y < DEEPEST;
        break;
    default:
        break;
    }
}

static int32_t move_friendly(ppi_seaquest *s) {
    int32_t reward = 0;
    for (int32_t i = s->friendly.count - 1; i >= 0; i--) {
        ppi_seaquest_thing *t = &s->friendly.at[i];
        advance(t);
        if (outside(t)) {
            remove_value(&s->friendly, i);
            continue;
        }
        ppi_seaquest_list *hit = &s->fish;
        int32_t at = find_on(hit, t->x, t->y);
        if (at < 0) {
            hit = &s->subs;
            at = find_on(hit, t->x, t->y);
        }
        if (at >= 0) {
            remove_at(hit, at);
            remove_value(&s->friendly, i);
            reward++;
        }
    }
    return reward;
}

/* A diver on the submarine's front cell comes on board; returns whether it did. */
static bool pick_up(ppi_seaquest *s, int32_t i) {
    if (!on_sub(s, &s->swimmers.at[i]) || s->divers >= MAX_DIVERS) return false;
    remove_value(&s->swimmers, i);
    s->divers++;
    return true;
}

static void move_swimmers(ppi_seaquest *s) {
    for (int32_t i = s->swimmers.count - 1; i >= 0; i--) {
        ppi_seaquest_thing *t = &s->swimmers.at[i];
        if (pick_up(s, i)) continue;
        if (t->timer != 0) {
            t->timer--;
            continue;
        }
        t->timer = DIVER_SPEED;
        advance(t);
        if (outside(t)) {
            remove_value(&s->swimmers, i);
        } else {
            pick_up(s, i);
        }
    }
}

/* Handles element i of fish or submarines: off the board, onto the submarine, or into a bullet.
 * Returns the reward. *t is the element afterwards and *place its index then, -1 once removed. */
static int32_t move_enemy(ppi_seaquest *s, ppi_arcade_run *run, ppi_seaquest_list *list, int32_t i,
                          ppi_seaquest_thing *t, int32_t *place) {
    *t = list->at[i];
    *place = i;
    if (on_sub(s, t)) run->terminated = 1;
    if (t->timer != 0) {
        t->timer--;
        list->at[i] = *t;
        return 0;
    }
    t->timer = (int8_t)s->move_speed;
    advance(t);
    list->at[i] = *t;
    if (outside(t)) {
        *place = remove_value(list, i);
        return 0;
    }
    if (on_sub(s, t)) {
        run->terminated = 1;
        return 0;
    }
    const int32_t bullet = find_on(&s->friendly, t->x, t->y);
    if (bullet < 0) return 0;
    *place = remove_value(list, i);
    remove_at(&s->friendly, bullet);
    return 1;
}

static int32_t move_subs(ppi_seaquest *s, ppi_arcade_run *run) {
    int32_t reward = 0;
    for (int32_t i = s->subs.count - 1; i >= 0; i--) {
        ppi_seaquest_thing t;
        int32_t place;
        reward += move_enemy(s, run, &s->subs, i, &t, &place);
        if (t.shot_timer == 0) {
            /* A submarine that has just been removed still fires. */
            t.shot_timer = ENEMY_SHOT_DELAY;
            append(&s->bullets, (ppi_seaquest_thing){.x = t.x, .y = t.y, .right = t.right});
        } else {
            t.shot_timer--;
        }
        if (place >= 0) s->subs.at[place].shot_timer = t.shot_timer;
    }
    return reward;
}

static int32_t move_fish(ppi_seaquest *s, ppi_arcade_run *run) {
    int32_t reward = 0;
    for (int32_t i = s->fish.count - 1; i >= 0; i--) {
        ppi_seaquest_thing t;
        int32_t place;
        reward += move_enemy(s, run, &s->fish, i, &t, &place);
    }
    return reward;
}

static void move_bullets(ppi_seaquest *s, ppi_arcade_run *run) {
    for (int32_t i = s->bullets.count - 1; i >= 0; i--) {
        ppi_seaquest_thing *t = &s->bullets.at[i];
        if (on_sub(s, t)) run->terminated = 1;
        advance(t);
        if (outside(t)) {
            remove_value(&s->bullets, i);
        } else if (on_sub(s, t)) {
            run->terminated = 1;
        }
    }
}

static int32_t surface(ppi_seaquest *s, const ppi_arcade_run *run) {
    int32_t reward = 0;
    s->surfaced = 1;
    if (s->divers == MAX_DIVERS) {
        s->divers = 0;
        reward = floor_div(s->oxygen * 10, full_oxygen(run));
    }
    s->oxygen = full_oxygen(run);
    s->divers--;
    if (run->mode != MODE_STEADY && (s->spawn_speed > 1 || s->move_speed > 2)) {
        if (s->move_speed > 2 && s->ramp_index % 2 == 1) s->move_speed--;
        if (s->spawn_speed > 1) s->spawn_speed--;
        s->ramp_index++;
    }
    return reward;
}

static int32_t breathe(ppi_seaquest *s, ppi_arcade_run *run) {
    if (s->oxygen <= 0) run->terminated = 1;
    if (s->y > 0) {
        s->oxygen--;
        s->surfaced = 0;
    } else if (!s->surfaced) {
        if (s->divers != 0) return surface(s, run);
        run->terminated = 1;
    }
    return 0;
}

static int32_t seaquest_step(void *state, ppi_arcade_run *run, ppi_suite_action action) {
    ppi_seaquest *s = state;
    spawn(s, run);
    act(s, action);
    int32_t reward = move_friendly(s);
    move_swimmers(s);
    reward += move_subs(s, run);
    move_bullets(s, run);
    reward += move_fish(s, run);
    s->enemy_timer -= s->enemy_timer > 0;
    s->diver_timer -= s->diver_timer > 0;
    s->shot_timer -= s->shot_timer > 0;
    return reward + breathe(s, run);
}

static void draw_list(uint8_t *planes, const ppi_seaquest_list *list, int32_t plane, bool trail) {
    for (int32_t i = 0; i < list->count; i++) {
        const ppi_seaquest_thing *t = &list->at[i];
        uint8_t *row = planes + t->y * SIDE * PLANES;
        const int32_t behind = t->x + (t->right ? -1 : 1);
        row[t->x * PLANES + plane] = 1;
        if (trail && behind >= 0 && behind < SIDE) row[behind * PLANES + PLANE_TRAIL] = 1;
    }
}

static void seaquest_draw(const void *state, const ppi_arcade_run *run, uint8_t *planes) {
    const ppi_seaquest *s = state;
    uint8_t *row = planes + s->y * SIDE * PLANES;
    row[s->x * PLANES + PLANE_FRONT] = 1;
    const int32_t back = ppi_clamp(s->x + (s->right ? -1 : 1), 0, SIDE - 1);
    row[back * PLANES + PLANE_BACK] = 1;
    uint8_t *gauge = planes + (SIDE - 1) * SIDE * PLANES;
    const int32_t air = ppi_clamp(floor_div(s->oxygen * 10, full_oxygen(run)), 0, SIDE);
    for (int32_t x = 0; x < air; x++) gauge[x * PLANES + PLANE_OXYGEN] = 1;
    for (int32_t x = SIDE - 1 - s->divers; x < SIDE - 1; x++) gauge[x * PLANES + PLANE_DIVERS] = 1;
    draw_list(planes, &s->friendly, PLANE_FRIENDLY, false);
    draw_list(planes, &s->bullets, PLANE_ENEMY_BULLET, false);
    draw_list(planes, &s->fish, PLANE_FISH, true);
    draw_list(planes, &s->subs, PLANE_ENEMY_SUB, true);
    draw_list(planes, &s->swimmers, PLANE_DIVER, true);
}

static bool valid_list(const ppi_seaquest_list *list) {
    if (list->count < 0 || list->count > PPI_SEAQUEST_LIST) return false;
    for (int32_t i = 0; i < list->count; i++) {
        const ppi_seaquest_thing *t = &list->at[i];
        if (outside(t) || t->y < 0 || t->y > DEEPEST || t->timer < 0 || t->shot_timer < 0) {
            return false;
        }
    }
    return true;
}

static bool seaquest_valid(const void *state, const ppi_arcade_run *run) {
    const ppi_seaquest *s = state;
    return s->oxygen <= full_oxygen(run) && valid_list(&s->friendly) && valid_list(&s->bullets) &&
           valid_list(&s->fish) && valid_list(&s->subs) && valid_list(&s->swimmers);
}

static const int32_t k_actions[] = {PPI_SUITE_N, PPI_SUITE_L, PPI_SUITE_U,
                                    PPI_SUITE_R, PPI_SUITE_D, PPI_SUITE_F};
static const ppi_paint_layer k_layers[] = {
    {PLANE_OXYGEN, 60, {90, 170, 255}, PPI_PAINT_UPPER},
    {PLANE_DIVERS, 90, {244, 196, 48}, PPI_PAINT_LOWER},
    {PLANE_TRAIL, 30, {36, 44, 64}, PPI_PAINT_WHOLE},
    {PLANE_DIVER, 110, {244, 196, 48}, PPI_PAINT_WHOLE},
    {PLANE_FISH, 150, {120, 200, 120}, PPI_PAINT_WHOLE},
    {PLANE_ENEMY_SUB, 175, {224, 90, 80}, PPI_PAINT_WHOLE},
    {PLANE_ENEMY_BULLET, 200, {255, 130, 110}, PPI_PAINT_WHOLE},
    {PLANE_FRIENDLY, 225, {255, 255, 255}, PPI_PAINT_WHOLE},
    {PLANE_BACK, 130, {110, 120, 220}, PPI_PAINT_WHOLE},
    {PLANE_FRONT, 255, {170, 180, 255}, PPI_PAINT_WHOLE},
};
static const ppi_arcade_mode k_modes[] = {
    {"oxygen for 200 steps, ramping", 0, 0},
    {"no ramping", 0, 0},
    {"spawns every 12 and moves every 4 steps from the start", 0, 0},
    {"oxygen for 120 steps", 0, 0},
};
static const ppi_arcade_field k_fields[] = {
    PPI_ARCADE_FIELD(ppi_seaquest, x, 0, SIDE - 1),
    PPI_ARCADE_FIELD(ppi_seaquest, y, 0, DEEPEST),
    PPI_ARCADE_FIELD(ppi_seaquest, right, 0, 1),
    PPI_ARCADE_FIELD(ppi_seaquest, oxygen, -1000000, 200),
    PPI_ARCADE_FIELD(ppi_seaquest, divers, -1000000, MAX_DIVERS),
    PPI_ARCADE_FIELD(ppi_seaquest, spawn_speed, 1, 20),
    PPI_ARCADE_FIELD(ppi_seaquest, enemy_timer, 0, 20),
    PPI_ARCADE_FIELD(ppi_seaquest, diver_timer, 0, DIVER_EVERY),
    PPI_ARCADE_FIELD(ppi_seaquest, move_speed, 2, 5),
    PPI_ARCADE_FIELD(ppi_seaquest, ramp_index, 0, 20),
    PPI_ARCADE_FIELD(ppi_seaquest, shot_timer, 0, SHOT_DELAY),
    PPI_ARCADE_FIELD(ppi_seaquest, surfaced, 0, 1),
};

const ppi_arcade_game ppi_arcade_seaquest = {
    .id = "arcade/seaquest",
    .rows = SIDE,
    .columns = SIDE,
    .planes = PLANES,
    PPI_ARCADE_LIST(actions, k_actions),
    PPI_ARCADE_LIST(layers, k_layers),
    PPI_ARCADE_LIST(modes, k_modes),
    PPI_ARCADE_LIST(fields, k_fields),
    .state_size = sizeof(ppi_seaquest),
    .facts = {.sticky = 0.1,
              .cap = PPI_ARCADE_SUITE_CAP,
              .sets = PPI_ARCADE_FIVE,
              .random_score = 0.105,
              .good_score = 20},
    .minatar = true,
    .reward_min = 0,
    .reward_max = 12, /* the bonus of six divers and two bullets in flight */
    .reset = seaquest_reset,
    .step = seaquest_step,
    .draw = seaquest_draw,
    .valid = seaquest_valid,
};
