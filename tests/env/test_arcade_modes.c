/* The modes of every game, which no reference covers. */
#include "env/arcade_test.h"

/* Plays n and returns the number of the first step after which `name` differs from `was`. */
static int first_change(arcade *a, const char *name, int32_t action) {
    const int32_t was = value(a, name);
    for (int s = 1; s <= 200; s++) {
        arcade_play(a, action);
        if (value(a, name) != was) return s;
    }
    return 0;
}

static void test_breakout_modes(void **state) {
    (void)state;
    arcade a;
    for (int mode = 0; mode < 2; mode++) {
        open_mode(&a, "arcade/breakout", mode);
        arcade_reset(&a, 3);
        int bricks = 0;
        for (int i = 0; i < 100; i++) bricks += a.obs[i * 4 + 3];
        assert_int_equal(bricks, mode == 1 ? 50 : 30);
        assert_int_equal(value(&a, "ball_y"), mode == 1 ? 6 : 3);
        arcade_close(&a);
    }
    open_mode(&a, "arcade/breakout", 2);
    arcade_reset(&a, 3);
    for (int s = 1; s <= 4; s++) {
        arcade_play(&a, PPI_SUITE_R);
        assert_int_equal(value(&a, "paddle"), 4 + s / 2);
    }
    arcade_close(&a);
}

/* Number of things in the first eleven spawns of Asterix that are gold, over many seeds. */
static double gold_share(int32_t mode) {
    arcade a;
    open_mode(&a, "arcade/asterix", mode);
    int gold = 0;
    int all = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        arcade_reset(&a, seed);
        for (int s = 1; s <= 11; s++) arcade_play(&a, PPI_SUITE_N);
        gold += plane_cell(&a, 3) >= 0;
        all += plane_cell(&a, 3) >= 0 || plane_cell(&a, 1) >= 0;
    }
    assert_int_equal(all, 2000);
    arcade_close(&a);
    return (double)gold / all;
}

static void test_asterix_modes(void **state) {
    (void)state;
    arcade a;
    open_mode(&a, "arcade/asterix", 2);
    arcade_reset(&a, 1);
    for (int s = 1; s <= 7; s++) {
        assert_int_equal(plane_cell(&a, 1) >= 0 || plane_cell(&a, 3) >= 0, 0);
        arcade_play(&a, PPI_SUITE_N);
    }
    assert_true(plane_cell(&a, 1) >= 0 || plane_cell(&a, 3) >= 0);
    assert_int_equal(value(&a, "spawn_speed"), 6);
    assert_int_equal(value(&a, "move_speed"), 3);
    arcade_close(&a);
    assert_float_equal(gold_share(0), 1.0 / 3, 0.04);
    assert_float_equal(gold_share(3), 1.0 / 6, 0.04);
}

/* Steps between two moves of the car in row 1, whose speed |v| goes to *speed. */
static int car_period(arcade *a, int *speed) {
    int moved = 0;
    int last = 0;
    int32_t at = -1;
    for (int s = 1; s <= 40 && moved < 3; s++) {
        arcade_play(a, PPI_SUITE_N);
        int32_t x = 0;
        while (!a->obs[(10 + x) * 7 + 1]) x++;
        if (at >= 0 && x != at && ++moved < 3) last = s;
        if (moved == 3) moved = s - last + 100;
        at = x;
    }
    for (int v = 1; v <= 5; v++) {
        for (int x = 0; x < 10; x++) {
            if (a->obs[(10 + x) * 7 + 1 + v]) *speed = v;
        }
    }
    return moved - 100;
}

static void test_freeway_modes(void **state) {
    (void)state;
    arcade a;
    for (int mode = 0; mode < 2; mode++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            int speed = 0;
            open_mode(&a, "arcade/freeway", mode);
            arcade_reset(&a, seed);
            const int period = car_period(&a, &speed);
            assert_int_equal(period, mode == 0 ? speed + 1 : speed);
            arcade_close(&a);
        }
    }
    for (int mode = 0; mode <= 2; mode += 2) {
        const int delay = mode == 0 ? 3 : 5;
        open_mode(&a, "arcade/freeway", mode);
        arcade_reset(&a, 4);
        assert_int_equal(first_change(&a, "chicken", PPI_SUITE_U), delay + 1);
        assert_int_equal(first_change(&a, "chicken", PPI_SUITE_U), delay);
        arcade_close(&a);
    }
}

static void test_seaquest_modes(void **state) {
    (void)state;
    arcade a;
    open_mode(&a, "arcade/seaquest", 2);
    arcade_reset(&a, 0);
    int step = 0;
    while (plane_cell(&a, 5) < 0 && plane_cell(&a, 6) < 0 && step < 100) {
        arcade_play(&a, PPI_SUITE_N);
        step++;
    }
    assert_int_equal(step, 13);
    assert_int_equal(value(&a, "move_speed"), 3);
    arcade_close(&a);
    /* Diving at once, the air is gone after as many steps as there is oxygen. */
    open_mode(&a, "arcade/seaquest", 3);
    arcade_reset(&a, 0);
    assert_int_equal(value(&a, "oxygen"), 120);
    for (int x = 0; x < 10; x++) assert_int_equal(a.obs[(90 + x) * 10 + 7], 1);
    for (int s = 1; s <= 60; s++) {
        arcade_play(&a, PPI_SUITE_D);
        ppi_arcade_run_of(a.env)->terminated = 0;
    }
    assert_int_equal(value(&a, "oxygen"), 60);
    for (int x = 0; x < 10; x++) assert_int_equal(a.obs[(90 + x) * 10 + 7], x < 5);
    arcade_close(&a);
}

static void test_invaders_modes(void **state) {
    (void)state;
    arcade a;
    for (int mode = 0; mode <= 3; mode++) {
        open_mode(&a, "arcade/space_invaders", mode);
        arcade_reset(&a, 0);
        int moved = 0;
        int shot = 0;
        for (int s = 1; s <= 14; s++) {
            arcade_play(&a, PPI_SUITE_N);
            ppi_arcade_run_of(a.env)->terminated = 0; /* a shot may hit */
            if (moved == 0 && a.obs[(0 * 10 + 1) * 6 + 1]) moved = s;
            if (shot == 0 && plane_cell(&a, 5) >= 0) shot = s;
        }
        assert_int_equal(moved, mode == 2 ? 9 : 13);
        assert_int_equal(shot, mode == 3 ? 6 : 11);
        arcade_close(&a);
    }
}

static void test_snake_modes(void **state) {
    (void)state;
    arcade a;
    open_mode(&a, "arcade/snake", 1);
    assert_int_equal(a.spec.obs_h, 8);
    assert_int_equal(a.spec.obs_w, 8);
    arcade_reset(&a, 0);
    for (int s = 0; s < 8; s++) arcade_play(&a, PPI_SUITE_U);
    assert_true(a.result.terminated); /* the wall */
    arcade_close(&a);
    open_mode(&a, "arcade/snake", 2);
    arcade_reset(&a, 0);
    for (int s = 0; s < 30; s++) arcade_play(&a, PPI_SUITE_U);
    assert_false(a.result.terminated);
    arcade_close(&a);
}

/* Without a direction of its own the snake goes on, and starts with the first valid one. */
static void test_snake_goes_on(void **state) {
    (void)state;
    arcade a;
    open_mode(&a, "arcade/snake", 0);
    for (uint64_t seed = 0; seed < 30; seed++) {
        arcade_reset(&a, seed);
        const int32_t row = value(&a, "head_row");
        const int32_t column = value(&a, "head_column");
        arcade_play(&a, PPI_SUITE_F);
        assert_int_equal(value(&a, "head_row"), row > 0 ? row - 1 : 0);
        assert_int_equal(value(&a, "head_column"), row > 0 ? column : column + 1);
        if (column == 0 || row == 0) continue;
        arcade_play(&a, PPI_SUITE_L);
        arcade_play(&a, PPI_SUITE_N);
        assert_int_equal(value(&a, "head_column"), column - 2);
    }
    arcade_close(&a);
}

/* Returns the share of fours among the new tiles of uniform play. */
static double share_of_fours(int32_t mode) {
    arcade a;
    open_mode(&a, "arcade/2048", mode);
    int fours = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        arcade_reset(&a, seed);
        fours += plane_cell(&a, 2) >= 0;
    }
    arcade_close(&a);
    return fours / 2000.0;
}

static void test_2048_modes(void **state) {
    (void)state;
    assert_float_equal(share_of_fours(0), 0.1, 0.02);
    assert_float_equal(share_of_fours(1), 0.5, 0.04);
    arcade a;
    open_mode(&a, "arcade/2048", 2);
    assert_int_equal(a.spec.obs_h, 3);
    assert_int_equal(a.spec.obs_w, 3);
    arcade_reset(&a, 0);
    uint32_t x = 5;
    int steps = 0;
    while (!a.result.terminated && steps < 2000) {
        play_full(&a, uniform_action(&a, &x));
        steps++;
    }
    assert_true(a.result.terminated);
    assert_true(steps > 9);
    for (int i = 0; i < 9; i++) assert_int_equal(a.obs[i * 18], 0); /* full */
    const uint8_t corner = a.obs[1];
    arcade_play(&a, PPI_SUITE_L);
    assert_int_equal(a.obs[1], corner);
    arcade_close(&a);
    /* Other actions change nothing and end nothing. */
    open_mode(&a, "arcade/2048", 0);
    arcade_reset(&a, 0);
    uint8_t before[4 * 4 * 18];
    memcpy(before, a.obs, sizeof(before));
    arcade_play(&a, PPI_SUITE_N);
    arcade_play(&a, PPI_SUITE_F);
    assert_memory_equal(before, a.obs, sizeof(before));
    arcade_close(&a);
}

static void test_four_rooms_modes(void **state) {
    (void)state;
    arcade a;
    arcade mirrored;
    open_mode(&a, "arcade/four_rooms", 0);
    open_mode(&mirrored, "arcade/four_rooms", 3);
    arcade_reset(&a, 0);
    arcade_reset(&mirrored, 0);
    assert_int_equal(plane_cell(&a, 1), 4 * 13 + 1);
    assert_int_equal(plane_cell(&a, 2), 8 * 13 + 9);
    int walls = 0;
    for (int r = 0; r < 13; r++) {
        for (int c = 0; c < 13; c++) {
            assert_int_equal(a.obs[(r * 13 + c) * 3], mirrored.obs[(r * 13 + 12 - c) * 3]);
            walls += a.obs[(r * 13 + c) * 3];
        }
    }
    assert_int_equal(walls, 169 - 104);
    arcade_play(&a, PPI_SUITE_L); /* into the wall */
    assert_int_equal(plane_cell(&a, 1), 4 * 13 + 1);
    arcade_close(&a);
    arcade_close(&mirrored);
    /* A failing move is uniform over all four: 4/9 fail, 1/9 each way. Down is free at the start.
     */
    open_mode(&a, "arcade/four_rooms", 2);
    int down = 0;
    int tried = 0;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        arcade_reset(&a, seed);
        const int32_t at = plane_cell(&a, 1);
        if (a.obs[(at + 13) * 3]) continue;
        arcade_play(&a, PPI_SUITE_D);
        tried++;
        down += plane_cell(&a, 1) == at + 13;
    }
    assert_float_equal((double)down / tried, 6.0 / 9, 0.03);
    arcade_close(&a);
}

static void test_pong_modes(void **state) {
    (void)state;
    for (int mode = 0; mode <= 3; mode++) {
        arcade a;
        open_mode(&a, "arcade/pong", mode);
        int largest_error = 0;
        int fastest = 0;
        for (uint64_t seed = 0; seed < 200; seed++) {
            arcade_reset(&a, seed);
            assert_int_equal(abs(value(&a, "speed_x")), mode == 3 ? 16 : 12);
            const int error = abs(value(&a, "error"));
            largest_error = error > largest_error ? error : largest_error;
            const int32_t was = value(&a, "opponent");
            arcade_play(&a, PPI_SUITE_N);
            const int move = abs(value(&a, "opponent") - was);
            fastest = move > fastest ? move : fastest;
        }
        assert_int_equal(largest_error, mode == 1 ? 10 : 20);
        assert_int_equal(fastest, mode == 1 ? 8 : 6);
        int cells = 0;
        for (int i = 0; i < 196; i++) cells += a.obs[i * 4] + a.obs[i * 4 + 1];
        assert_int_equal(cells, mode == 2 ? 4 : 6);
        arcade_close(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breakout_modes),   cmocka_unit_test(test_asterix_modes),
        cmocka_unit_test(test_freeway_modes),    cmocka_unit_test(test_seaquest_modes),
        cmocka_unit_test(test_invaders_modes),   cmocka_unit_test(test_snake_modes),
        cmocka_unit_test(test_snake_goes_on),    cmocka_unit_test(test_2048_modes),
        cmocka_unit_test(test_four_rooms_modes), cmocka_unit_test(test_pong_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
