/* Frames as batches show them: boards of two sizes padded to one, pictures painted from boards. */
#include "data/data_test.h"

#include "data/batch_test.h"
#include "data/frame_view.h"
#include "data/sampler.h"

enum { STEPS = 30, ROWS = 24, WINDOW = 4, LARGE = 6, SMALL = 4, BOARD = 7, PLANES = 3 };
enum { SIDE = 9 }; /* of a picture */

/* Boards 4x4x2 of one game and 6x6x1 of another, an episode each. */
static void open_boards(ppi_dataset **d) {
    const int64_t steps[1] = {STEPS};
    ppi_store_meta a = test_meta("t/small-v0", "small", SMALL, 2);
    ppi_store_meta b = test_meta("t/large-v0", "large", LARGE, 1);
    test_write("small", &a, steps, 1);
    test_write("large", &b, steps, 1);
    assert_ok(ppi_dataset_open(&d[0], "small"));
    assert_ok(ppi_dataset_open(&d[1], "large"));
}

static ppi_sampler_options options_of(ppi_frame_view view) {
    ppi_sampler_options o;
    ppi_sampler_options_default(&o);
    o.window = WINDOW;
    o.seed = 3;
    o.workers = 2;
    o.view = view;
    return o;
}

static int clamp(int at, int end) {
    return at < 0 ? 0 : at >= end ? end - 1 : at;
}

/* What a board of a game has at (y, x, c) of the padded one, its cells moved by (dy, dx). */
static uint8_t padded(int game, int64_t step, int y, int x, int c, int dy, int dx) {
    const int side = game == 0 ? SMALL : LARGE;
    const int planes = game == 0 ? 2 : 1;
    if (y >= side || x >= side || c >= planes) return 0;
    const int cell = clamp(y + dy, side) * side + clamp(x + dx, side);
    return test_pixel(0, step, cell * planes + c);
}

static bool is_padded(const ppi_batch *b, int64_t at, int dy, int dx) {
    const uint8_t *obs = b->obs + at * BOARD * BOARD * PLANES;
    for (int y = 0; y < BOARD; y++) {
        for (int x = 0; x < BOARD; x++) {
            for (int c = 0; c < PLANES; c++) {
                const uint8_t want =
                    b->pad[at] ? 0 : padded(b->game[at], b->timestep[at], y, x, c, dy, dx);
                if (obs[(y * BOARD + x) * PLANES + c] != want) return false;
            }
        }
    }
    return true;
}

/* True for some shift that all rows of window `row` share. */
static bool has_shift(const ppi_batch *b, int64_t row) {
    for (int dy = -4; dy <= 4; dy++) {
        for (int dx = -4; dx <= 4; dx++) {
            bool all = true;
            for (int64_t t = 0; t < WINDOW && all; t++)
                all = is_padded(b, row * WINDOW + t, dy, dx);
            if (all) return true;
        }
    }
    return false;
}

static void boards_are_padded(void **state) {
    const ppi_frame_view view = {.H = BOARD, .W = BOARD, .C = PLANES};
    ppi_dataset *d[2];
    ppi_sampler *s = NULL;
    int games[2] = {0};
    (void)state;
    open_boards(d);
    for (int augment = PPI_AUTO; augment <= PPI_ON; augment++) {
        ppi_sampler_options o = options_of(view);
        ppi_batch b = batch_new(ROWS, WINDOW, BOARD, PLANES);
        o.augment = augment;
        assert_ok(ppi_sampler_create(&s, d, 2, &o));
        assert_ok(ppi_sampler_prefetch(s, ROWS));
        for (int step = 0; step < 3; step++) {
            memset(b.obs, 9, ROWS * WINDOW * BOARD * BOARD * PLANES);
            assert_ok(ppi_sampler_next(s, step, &b));
            for (int64_t row = 0; row < ROWS; row++) {
                games[b.game[row * WINDOW]]++;
                if (augment == PPI_ON) {
                    assert_true(has_shift(&b, row));
                    continue;
                }
                for (int64_t t = 0; t < WINDOW; t++)
                    assert_true(is_padded(&b, row * WINDOW + t, 0, 0));
            }
        }
        batch_free(&b);
        ppi_sampler_destroy(s);
    }
    assert_true(games[0] > 0 && games[1] > 0);
    ppi_dataset_close(d[0]);
    ppi_dataset_close(d[1]);
}

/* A picture of a board: its first cell plus the painter's number, everywhere. */
static void paint(const void *painter, uint8_t *out, const uint8_t *in) {
    memset(out, in[0] ^ *(const uint8_t *)painter, SIDE * SIDE);
}

static void boards_are_painted(void **state) {
    static const uint8_t inks[2] = {0x55, 0xaa};
    const void *const painters[2] = {&inks[0], &inks[1]};
    const ppi_frame_view view = {
        .H = SIDE, .W = SIDE, .C = 1, .paint = paint, .painters = painters};
    const ppi_sampler_options o = options_of(view);
    ppi_batch b = batch_new(ROWS, WINDOW, SIDE, 1);
    ppi_dataset *d[2];
    ppi_sampler *s = NULL;
    (void)state;
    open_boards(d);
    assert_ok(ppi_sampler_create(&s, d, 2, &o));
    assert_ok(ppi_sampler_next(s, 0, &b));
    for (int64_t at = 0; at < ROWS * WINDOW; at++) {
        const uint8_t want =
            b.pad[at] ? 0 : (uint8_t)(test_pixel(0, b.timestep[at], 0) ^ inks[b.game[at]]);
        for (int64_t i = 0; i < SIDE * SIDE; i++)
            assert_int_equal(b.obs[at * SIDE * SIDE + i], want);
    }
    ppi_sampler_destroy(s);
    batch_free(&b);
    ppi_dataset_close(d[0]);
    ppi_dataset_close(d[1]);
}

static void what_does_not_fit_is_refused(void **state) {
    static const uint8_t ink = 1;
    const void *const painters[2] = {&ink, &ink};
    const ppi_frame_view small = {.H = 5, .W = BOARD, .C = PLANES};
    const ppi_frame_view huge = {.H = 85, .W = 84, .C = 1, .paint = paint, .painters = painters};
    const ppi_sampler_options few = options_of(small);
    const ppi_sampler_options many = options_of(huge);
    ppi_dataset *d[2];
    ppi_sampler *s = NULL;
    (void)state;
    open_boards(d);
    assert_fails(ppi_sampler_create(&s, d, 2, &few), PP_ERR_SHAPE,
                 "t/large-v0 has boards of 6x6x1");
    assert_fails(ppi_sampler_create(&s, d, 2, &many), PP_ERR_SHAPE, "85x84x1");
    ppi_dataset_close(d[0]);
    ppi_dataset_close(d[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boards_are_padded),
        cmocka_unit_test(boards_are_painted),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
