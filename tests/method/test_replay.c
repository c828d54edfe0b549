/* The replay: windows against a plain log of what was played, ends of episodes, wrap-around, bits,
   stacks, the memory bound. */
#include "unit/base_test.h"

#include "method/replay.h"

enum { STREAMS = 2, STEPS = 400, PIXELS = 6, CHANNELS = 2, FRAME = PIXELS * CHANNELS };

/* Everything that was played, frame by frame. */
typedef struct log_row {
    uint8_t obs[FRAME], final_obs[FRAME];
    int32_t action;
    float reward;
    bool terminated, truncated;
    int episode_start; /* number of the row its episode began with */
} log_row;
static log_row played[STREAMS][STEPS];

static void draw_frame(ppi_rng *rng, uint8_t *frame, int below) {
    for (int i = 0; i < FRAME; i++) frame[i] = (uint8_t)ppi_rng_below(rng, (uint64_t)below);
}

/* Random episodes with both kinds of ends; values 0 .. below - 1. */
static void play(int below) {
    ppi_rng rng;
    ppi_rng_init(&rng, 3, PPI_RNG_TEST, (uint64_t)below);
    for (int s = 0; s < STREAMS; s++) {
        int start = 0;
        for (int t = 0; t < STEPS; t++) {
            log_row *r = &played[s][t];
            const uint64_t end = ppi_rng_below(&rng, 12);
            draw_frame(&rng, r->obs, below);
            draw_frame(&rng, r->final_obs, below);
            r->action = (int32_t)ppi_rng_below(&rng, 18);
            r->reward = (float)ppi_rng_normal(&rng);
            r->terminated = end == 0;
            r->truncated = end <= 1; /* both flags at times: terminated wins */
            r->episode_start = start;
            if (r->terminated || r->truncated) start = t + 1;
        }
    }
}

static ppi_replay_spec spec_of(int64_t capacity, int stack, int n_step, bool binary) {
    return (ppi_replay_spec){.o = {.capacity = capacity, .memory_mb = 16},
                             .streams = STREAMS,
                             .frame_bytes = FRAME,
                             .pixels = PIXELS,
                             .binary = binary,
                             .stack = stack,
                             .n_step = n_step,
                             .gamma = 0.9};
}

static void append(ppi_replay *r, int s, int t) {
    const log_row *p = &played[s][t];
    ppi_replay_append(r, s, p->obs, p->action, p->reward, p->terminated, p->truncated,
                      p->final_obs);
}

/* The stack that ends with row t of the log, or with the last observation behind it. */
static void want_stack(uint8_t *out, int s, int t, bool last, int count) {
    for (int k = 0; k < count; k++) {
        const int back = count - 1 - k; /* frames before the newest */
        const int row = last ? t + 1 - back : t - back;
        for (int p = 0; p < PIXELS; p++) {
            for (int c = 0; c < CHANNELS; c++) {
                const uint8_t *frame = last && back == 0 ? played[s][t].final_obs
                                       : row >= played[s][t].episode_start && row >= 0
                                           ? played[s][row].obs
                                           : NULL;
                out[(p * count + k) * CHANNELS + c] = frame ? frame[p * CHANNELS + c] : 0;
            }
        }
    }
}

typedef struct fetched {
    uint8_t frames[FRAME * 4], next_frames[FRAME * 4];
    int32_t action, stream;
    float ret, discount;
} fetched;

/* Compares the window that begins with row t of the log. */
static void check_window(const fetched *f, int s, int t, int stack, int n_step) {
    uint8_t want[FRAME * 4];
    double ret = 0;
    double discount = 1;
    int at = t;
    bool last = false;
    for (int k = 0; k < n_step; k++, at++) {
        ret += discount * (double)played[s][at].reward;
        discount *= 0.9;
        if (played[s][at].terminated) discount = 0;
        last = played[s][at].truncated && !played[s][at].terminated;
        if (played[s][at].terminated || played[s][at].truncated) break;
    }
    want_stack(want, s, t, false, stack);
    assert_memory_equal(f->frames, want, FRAME * stack);
    assert_int_equal(f->action, played[s][t].action);
    assert_int_equal(f->stream, s);
    CHECK_NEAR(f->ret, ret, 1e-5);
    CHECK_NEAR(f->discount, discount, 1e-6);
    memset(want, 0, sizeof want);
    if (discount > 0) want_stack(want, s, at, last, stack);
    assert_memory_equal(f->next_frames, want, FRAME * stack);
}

static fetched fetch(const ppi_replay *r, int64_t stream, int64_t row) {
    fetched f;
    const ppi_replay_batch b = {f.frames, f.next_frames, &f.action, &f.stream, &f.ret, &f.discount};
    ppi_replay_fetch(r, stream, row, 0, &b);
    return f;
}

/* After every step, all rows that may be drawn are as played; those that may not are too new, too
 * old or last observations. Returns how many windows were compared. */
static int check_all(int64_t capacity, int stack, int n_step, bool binary) {
    ppi_replay *r = NULL;
    const ppi_replay_spec spec = spec_of(capacity, stack, n_step, binary);
    int compared = 0;
    int64_t number[STREAMS][2 * STEPS]; /* row of the replay -> row of the log, -1 = last */
    play(binary ? 2 : 256);
    CHECK_OK(ppi_replay_create(&r, &spec));
    for (int t = 0; t < STEPS; t++) {
        for (int s = 0; s < STREAMS; s++) {
            uint8_t seen[FRAME * 4];
            uint8_t want[FRAME * 4];
            ppi_replay_stack(r, s, played[s][t].obs, seen);
            want_stack(want, s, t, false, stack);
            if (ppi_replay_rows(r) >= stack) assert_memory_equal(seen, want, FRAME * stack);
            const int64_t before = ppi_replay_end(r, s);
            append(r, s, t);
            number[s][before] = t;
            if (ppi_replay_end(r, s) == before + 2) number[s][before + 1] = -1;
        }
        if (t % 7 != 0 && t < STEPS - 3) continue;
        for (int s = 0; s < STREAMS; s++) {
            int ready = 0;
            for (int64_t i = ppi_replay_first(r, s); i < ppi_replay_end(r, s); i++) {
                const bool may = ppi_replay_ready(r, s, i);
                ready += may;
                if (!may) continue;
                assert_true(number[s][i] >= 0);
                const fetched f = fetch(r, s, i);
                check_window(&f, s, (int)number[s][i], stack, n_step);
                compared++;
            }
            /* At most the newest n, the oldest of a stack and the last observations are held back.
             */
            int held = 0;
            for (int64_t i = ppi_replay_first(r, s); i < ppi_replay_end(r, s); i++)
                held += number[s][i] < 0;
            const int64_t rows = ppi_replay_end(r, s) - ppi_replay_first(r, s);
            assert_true(ready >= rows - held - n_step - (stack - 1));
        }
    }
    ppi_replay_destroy(r);
    return compared;
}

static void windows_are_as_played(void **state) {
    (void)state;
    assert_true(check_all(2 * STREAMS * STEPS, 1, 1, true) > 1000);
    assert_true(check_all(2 * STREAMS * STEPS, 4, 3, false) > 1000);
    assert_true(check_all(2 * STREAMS * STEPS, 1, 5, true) > 1000);
}

static void windows_survive_wrap_around(void **state) {
    (void)state;
    assert_true(check_all(STREAMS * 37, 1, 1, false) > 1000);
    assert_true(check_all(STREAMS * 37, 4, 3, true) > 1000);
    assert_true(check_all(STREAMS * 16, 3, 2, false) > 500);
}

static void rows_follow_the_log(void **state) {
    (void)state;
    ppi_replay *r = NULL;
    const ppi_replay_spec spec = spec_of(STREAMS * 40, 1, 1, true);
    play(2);
    CHECK_OK(ppi_replay_create(&r, &spec));
    bool begins = true;
    for (int t = 0; t < STEPS; t++) {
        const int64_t at = ppi_replay_end(r, 1);
        append(r, 1, t);
        const ppi_replay_row row = ppi_replay_at(r, 1, at);
        assert_int_equal(row.start, begins);
        assert_int_equal(row.terminated, played[1][t].terminated);
        assert_int_equal(row.truncated, played[1][t].truncated && !played[1][t].terminated);
        assert_false(row.last);
        if (row.truncated) assert_true(ppi_replay_at(r, 1, at + 1).last);
        begins = row.terminated || row.truncated;
    }
    assert_int_equal(ppi_replay_end(r, 1) - ppi_replay_first(r, 1), 40);
    assert_int_equal(ppi_replay_size(r), 40);
    ppi_replay_destroy(r);
}

/* Every row that may be drawn is drawn, about as often as the others. */
static void draws_are_uniform(void **state) {
    (void)state;
    ppi_replay *r = NULL;
    const ppi_replay_spec spec = spec_of(STREAMS * 20, 1, 3, true);
    static fetched f;
    int count[18] = {0};
    int want[18] = {0};
    play(2);
    CHECK_OK(ppi_replay_create(&r, &spec));
    for (int t = 0; t < 60; t++) {
        for (int s = 0; s < STREAMS; s++) append(r, s, t);
    }
    int ready = 0;
    for (int s = 0; s < STREAMS; s++) {
        for (int64_t i = ppi_replay_first(r, s); i < ppi_replay_end(r, s); i++) {
            if (!ppi_replay_ready(r, s, i)) continue;
            want[ppi_replay_at(r, s, i).action]++;
            ready++;
        }
    }
    ppi_rng rng;
    ppi_rng_init(&rng, 1, PPI_RNG_TEST, 0);
    const ppi_replay_batch b = {f.frames, f.next_frames, &f.action, &f.stream, &f.ret, &f.discount};
    enum { DRAWS = 40000 };
    for (int i = 0; i < DRAWS; i++) {
        CHECK_OK(ppi_replay_sample(r, &rng, 1, &b));
        count[f.action]++;
    }
    for (int k = 0; k < 18; k++)
        CHECK_NEAR((double)count[k] / DRAWS, (double)want[k] / ready, 0.012);
    ppi_replay_destroy(r);
}

static void bounds_are_checked(void **state) {
    (void)state;
    ppi_replay *r = NULL;
    ppi_replay_spec spec = spec_of(1000000, 4, 1, false);
    spec.frame_bytes = 84 * 84;
    spec.pixels = 84 * 84;
    CHECK_FAILS(ppi_replay_create(&r, &spec), PP_ERR_ARGUMENT, "--replay.memory allows 16");
    assert_null(r);
    CHECK_FAILS(ppi_replay_create(&r, &spec), PP_ERR_ARGUMENT, "lower --replay.capacity to 2375");
    spec.o.capacity = 2375;
    CHECK_OK(ppi_replay_create(&r, &spec));
    ppi_replay_destroy(r);
    spec = spec_of(9, 1, 3, true);
    CHECK_FAILS(ppi_replay_create(&r, &spec), PP_ERR_ARGUMENT, "raise --replay.capacity");
}

static void empty_replay_says_so(void **state) {
    (void)state;
    ppi_replay *r = NULL;
    const ppi_replay_spec spec = spec_of(STREAMS * 20, 1, 3, true);
    static fetched f;
    ppi_rng rng;
    const ppi_replay_batch b = {f.frames, f.next_frames, &f.action, &f.stream, &f.ret, &f.discount};
    ppi_rng_init(&rng, 1, PPI_RNG_TEST, 0);
    play(2);
    CHECK_OK(ppi_replay_create(&r, &spec));
    CHECK_FAILS(ppi_replay_sample(r, &rng, 1, &b), PP_ERR_ARGUMENT, "no complete window");
    played[0][0].terminated = played[0][0].truncated = false;
    append(r, 0, 0);
    CHECK_FAILS(ppi_replay_sample(r, &rng, 1, &b), PP_ERR_ARGUMENT, "no complete window");
    ppi_replay_destroy(r);
}

static void stacks_roll(void **state) {
    (void)state;
    uint8_t stack[FRAME * 3];
    uint8_t want[FRAME * 3];
    play(256);
    int start = 0;
    for (int t = 0; t < 50; t++) {
        ppi_stack_push(stack, played[0][t].obs, PIXELS, CHANNELS, 3, t == start);
        want_stack(want, 0, t, false, 3);
        assert_memory_equal(stack, want, sizeof want);
        if (played[0][t].terminated || played[0][t].truncated) start = t + 1;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_as_played), cmocka_unit_test(windows_survive_wrap_around),
        cmocka_unit_test(rows_follow_the_log),   cmocka_unit_test(draws_are_uniform),
        cmocka_unit_test(bounds_are_checked),    cmocka_unit_test(empty_replay_says_so),
        cmocka_unit_test(stacks_roll),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
