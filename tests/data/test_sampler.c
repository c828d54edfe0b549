/* The window sampler: determinism, mixing, zero rows, returns-to-go, shares, shifts, memory. */
#include "data/data_test.h"

#include "base/options.h"
#include "data/batch_test.h"
#include "data/cache.h"
#include "data/sampler.h"

/* Two games of different size: ale/one with 3 episodes, other/two with 12. */
static void write_games(ppi_dataset **datasets) {
    const int64_t one[3] = {5, 30, 17};
    const int64_t two[12] = {1, 2, 3, 40, 8, 9, 7, 16, 50, 4, 6, 11};
    ppi_store_meta a = test_meta("ale/one/x-v0", "ale/one", 6, 1);
    ppi_store_meta b = test_meta("other/two/x-v0", "other/two", 6, 1);
    test_write("one", &a, one, 3);
    test_write("two", &b, two, 12);
    assert_ok(ppi_dataset_open(&datasets[0], "one"));
    assert_ok(ppi_dataset_open(&datasets[1], "two"));
}

static void close_games(ppi_dataset **datasets) {
    ppi_dataset_close(datasets[0]);
    ppi_dataset_close(datasets[1]);
}

static double clip(double r) {
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

/* Checks one window against the generator of the data. Which episode it is follows from the first
 * real row's frame. */
static void check_window(const ppi_batch *b, int64_t row, const ppi_dataset *d, bool clipped) {
    int64_t T = b->T;
    int64_t bytes = b->H * b->W * b->C;
    int64_t last = row * T + T - 1;
    int64_t episode = -1;
    for (int64_t e = 0; e < ppi_dataset_episode_count(d) && episode < 0; e++) {
        bool equal = b->timestep[last] < ppi_dataset_episode(d, e)->info.steps;
        for (int64_t i = 0; i < bytes && equal; i++) {
            equal = b->obs[last * bytes + i] == test_pixel(e, b->timestep[last], i);
        }
        episode = equal ? e : -1;
    }
    assert_true(episode >= 0);
    int64_t steps = ppi_dataset_episode(d, episode)->info.steps;
    for (int64_t t = 0; t < T; t++) {
        int64_t at = row * T + t;
        int64_t step = b->timestep[last] - (T - 1 - t);
        double rtg = 0;
        for (int64_t k = step < 0 ? 0 : step; k < steps; k++) {
            double r = test_reward(episode, k);
            rtg += clipped ? clip(r) : r;
        }
        assert_true(b->rtg[at] == (float)rtg);
        if (step < 0) {
            assert_true(step >= -3);
            assert_int_equal(b->pad[at], 1);
            assert_int_equal(b->action[at], 0);
            assert_true(b->reward[at] == 0);
            assert_int_equal(b->timestep[at], 0);
            for (int64_t i = 0; i < bytes; i++) {
                assert_int_equal(b->obs[at * bytes + i], 0);
            }
            continue;
        }
        double reward = test_reward(episode, step);
        assert_int_equal(b->pad[at], 0);
        assert_int_equal(b->timestep[at], step);
        assert_int_equal(b->action[at], test_action(episode, step));
        assert_true(b->reward[at] == (float)(clipped ? clip(reward) : reward));
        assert_int_equal(b->terminated[at], step == steps - 1);
        for (int64_t i = 0; i < bytes; i++) {
            assert_int_equal(b->obs[at * bytes + i], test_pixel(episode, step, i));
        }
    }
}

static void windows_are_right(void **state) {
    (void)state;
    ppi_dataset *d[2];
    ppi_sampler *s = NULL;
    ppi_sampler_options options;
    int64_t games[2] = {0};
    int64_t zero_starts = 0;
    write_games(d);
    ppi_sampler_options_default(&options);
    options.seed = 5;
    assert_ok(ppi_sampler_create(&s, d, 2, &options));
    assert_int_equal(ppi_sampler_game_count(s), 2);
    assert_true(ppi_sampler_game(s, 0)->clip_rewards);
    assert_false(ppi_sampler_game(s, 1)->clip_rewards);
    assert_null(ppi_sampler_game(s, 2));
    /* Three zero rows make as many windows of four as there are steps. */
    assert_int_equal(ppi_sampler_game(s, 0)->windows, 52);
    assert_int_equal(ppi_sampler_windows(s), 52 + 157);
    ppi_batch b = batch_new(64, 4, 6, 1);
    for (int64_t step = 0; step < 40; step++) {
        assert_ok(ppi_sampler_next(s, step, &b));
        for (int64_t row = 0; row < b.B; row++) {
            int game = b.game[row * 4];
            games[game]++;
            zero_starts += b.pad[row * 4 + 2];
            check_window(&b, row, d[game], game == 0);
        }
    }
    /* 2,560 draws: a half each within five standard deviations. */
    assert_in_range(games[0], 1280 - 127, 1280 + 127);
    /* First windows: one in 17.3 and one in 13.1, about 171 of 2,560. */
    assert_in_range(zero_starts, 100, 250);
    batch_free(&b);
    ppi_sampler_destroy(s);
    close_games(d);
}

static void long_windows(void **state) {
    (void)state;
    ppi_dataset *d[2];
    ppi_sampler *s = NULL;
    ppi_sampler_options options;
    write_games(d);
    ppi_sampler_options_default(&options);
    options.window = 9;
    assert_ok(ppi_sampler_create(&s, &d[1], 1, &options));
    ppi_batch b = batch_new(32, 9, 6, 1);
    for (int64_t step = 0; step < 10; step++) {
        assert_ok(ppi_sampler_next(s, step, &b));
        for (int64_t row = 0; row < b.B; row++) {
            check_window(&b, row, d[1], false);
        }
    }
    batch_free(&b);
    ppi_sampler_destroy(s);
    options.window = 200;
    assert_fails(ppi_sampler_create(&s, &d[1], 1, &options), PP_ERR_ARGUMENT, "window of 200");
    close_games(d);
}

static void same_batches_always(void **state) {
    (void)state;
    ppi_dataset *d[2];
    ppi_dataset *again[2];
    ppi_sampler *s = NULL;
    ppi_sampler *ahead = NULL;
    ppi_sampler *many = NULL;
    ppi_sampler_options options;
    write_games(d);
    assert_ok(ppi_dataset_open(&again[0], "one"));
    assert_ok(ppi_dataset_open(&again[1], "two"));
    ppi_sampler_options_default(&options);
    options.augment = PPI_ON;
    assert_ok(ppi_sampler_create(&s, d, 2, &options));
    assert_ok(ppi_sampler_create(&ahead, again, 2, &options));
    assert_ok(ppi_sampler_prefetch(ahead, 16));
    options.workers = 3;
    assert_ok(ppi_sampler_create(&many, again, 2, &options));
    assert_ok(ppi_sampler_prefetch(many, 16));
    ppi_batch x = batch_new(16, 4, 6, 1);
    ppi_batch y = batch_new(16, 4, 6, 1);
    /* In order, and with jumps as after a resume. */
    const int64_t steps[] = {0, 1, 2, 3, 4, 100, 101, 7, 7, 8, 1000000, 1000001};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_ok(ppi_sampler_next(s, steps[i], &x));
        assert_ok(ppi_sampler_next(ahead, steps[i], &y));
        assert_same_batch(&x, &y);
        memset(y.obs, 1, (size_t)(16 * 4 * 36));
        assert_ok(ppi_sampler_next(many, steps[i], &y));
        assert_same_batch(&x, &y);
    }
    ppi_sampler_destroy(many);
    assert_ok(ppi_sampler_next(s, 3, &x));
    assert_ok(ppi_sampler_next(s, 4, &y));
    assert_memory_not_equal(x.action, y.action, 64 * sizeof *x.action);
    assert_fails(ppi_sampler_prefetch(ahead, 16), PP_ERR_ARGUMENT, "already");
    x.T = 5;
    assert_fails(ppi_sampler_next(s, 3, &x), PP_ERR_ARGUMENT, "window is 4");
    x.T = 4;
    x.H = 7;
    assert_fails(ppi_sampler_next(s, 3, &x), PP_ERR_SHAPE, "7x6x1");
    ppi_batch few = {.B = 3, .T = 4};
    assert_ok(ppi_sampler_next(s, 3, &few));
    batch_free(&x);
    batch_free(&y);
    ppi_sampler_destroy(s);
    ppi_sampler_destroy(ahead);
    close_games(d);
    close_games(again);
}

static void shifts_repeat_edges(void **state) {
    (void)state;
    const uint8_t in[2 * 3 * 1] = {1, 2, 3, 4, 5, 6};
    uint8_t out[6];
    ppi_shift_frame(out, in, 2, 3, 1, 0, 0);
    assert_memory_equal(out, in, 6);
    ppi_shift_frame(out, in, 2, 3, 1, 1, -1);
    assert_memory_equal(out, ((const uint8_t[]){4, 4, 5, 4, 4, 5}), 6);
    ppi_shift_frame(out, in, 2, 3, 1, -4, 4);
    assert_memory_equal(out, ((const uint8_t[]){3, 3, 3, 3, 3, 3}), 6);
}

/* All frames of a window get one shift, and it changes between samples. */
static void shift_is_shared(void **state) {
    (void)state;
    ppi_dataset *d[2];
    ppi_sampler *plain = NULL;
    ppi_sampler *shifted = NULL;
    ppi_sampler_options options;
    bool seen[81] = {false};
    int kinds = 0;
    write_games(d);
    ppi_sampler_options_default(&options);
    assert_ok(ppi_sampler_create(&plain, d, 2, &options));
    options.augment = PPI_ON;
    assert_ok(ppi_sampler_create(&shifted, d, 2, &options));
    ppi_batch x = batch_new(128, 4, 6, 1);
    ppi_batch y = batch_new(128, 4, 6, 1);
    assert_ok(ppi_sampler_next(plain, 1, &x));
    assert_ok(ppi_sampler_next(shifted, 1, &y));
    for (int64_t row = 0; row < 128; row++) {
        int found = -1;
        for (int k = 0; k < 81 && found < 0; k++) {
            uint8_t want[4 * 36];
            for (int t = 0; t < 4; t++) {
                ppi_shift_frame(want + t * 36, x.obs + (row * 4 + t) * 36, 6, 6, 1, k / 9 - 4,
                                k % 9 - 4);
            }
            found = memcmp(want, y.obs + row * 144, 144) == 0 ? k : -1;
        }
        assert_true(found >= 0);
        kinds += !seen[found];
        seen[found] = true;
    }
    assert_true(kinds > 40);
    batch_free(&x);
    batch_free(&y);
    ppi_sampler_destroy(plain);
    ppi_sampler_destroy(shifted);
    close_games(d);
}

static void cut_episodes_stay_out(void **state) {
    (void)state;
    ppi_store_meta meta = test_meta("t/cuts-v0", "t", 6, 1);
    ppi_store *store = NULL;
    ppi_dataset *d = NULL;
    ppi_sampler *s = NULL;
    ppi_sampler_options options;
    assert_ok(ppi_dir_remove("cuts"));
    assert_ok(ppi_store_create(&store, "cuts", &meta, 0));
    test_add(store, &meta, 0, 10, 1);
    test_add(store, &meta, 1, 100, 0);
    test_add(store, &meta, 2, 20, 2);
    assert_ok(ppi_store_commit(store));
    assert_ok(ppi_dataset_open(&d, "cuts"));
    ppi_sampler_options_default(&options);
    assert_ok(ppi_sampler_create(&s, &d, 1, &options));
    assert_int_equal(ppi_sampler_game(s, 0)->episodes, 2);
    assert_int_equal(ppi_sampler_windows(s), 30);
    ppi_sampler_destroy(s);
    options.keep_cut = true;
    assert_ok(ppi_sampler_create(&s, &d, 1, &options));
    assert_int_equal(ppi_sampler_windows(s), 130);
    ppi_sampler_destroy(s);
    ppi_dataset_close(d);
}

static int64_t selected(ppi_dataset *d, const ppi_sampler_options *options, double *mean) {
    ppi_sampler *s = NULL;
    assert_ok(ppi_sampler_create(&s, &d, 1, options));
    int64_t episodes = ppi_sampler_game(s, 0)->episodes;
    *mean = ppi_sampler_game(s, 0)->mean_return;
    ppi_sampler_destroy(s);
    return episodes;
}

static void shares(void **state) {
    (void)state;
    ppi_dataset *d[2];
    ppi_sampler_options options;
    double all = 0;
    double mean = 0;
    write_games(d);
    ppi_sampler_options_default(&options);
    assert_int_equal(selected(d[1], &options, &all), 12);
    options.first = 0.25;
    assert_int_equal(selected(d[1], &options, &mean), 3);
    options.first = 1;
    options.every = 5;
    assert_int_equal(selected(d[1], &options, &mean), 3);
    options.every = 1;
    options.fraction = 0.5;
    assert_int_equal(selected(d[1], &options, &mean), 6);
    options.fraction = 1;
    options.top = 0.1;
    assert_int_equal(selected(d[1], &options, &mean), 2); /* ceil(1.2) */
    assert_true(mean > all);
    close_games(d);
}

static void memory_is_bounded(void **state) {
    (void)state;
    const int64_t steps[4] = {600, 500, 700, 400};
    ppi_store_meta meta = test_meta("t/big-v0", "t", 84, 1); /* 15.5 MB of frames */
    ppi_dataset *d = NULL;
    ppi_sampler *small = NULL;
    ppi_sampler *large = NULL;
    ppi_sampler_options options;
    test_write("big", &meta, steps, 4);
    assert_ok(ppi_dataset_open(&d, "big"));
    ppi_batch x = batch_new(16, 4, 84, 1);
    ppi_batch y = batch_new(16, 4, 84, 1);
    for (int workers = 1; workers <= 3; workers++) {
        ppi_sampler_options_default(&options);
        options.memory_mb = 64;
        assert_ok(ppi_sampler_create(&large, &d, 1, &options));
        options.memory_mb = 3;
        options.workers = workers;
        assert_ok(ppi_sampler_create(&small, &d, 1, &options));
        assert_ok(ppi_sampler_prefetch(small, 16));
        for (int64_t step = 0; step < 60 / workers; step++) {
            assert_ok(ppi_sampler_next(small, step, &x));
            assert_ok(ppi_sampler_next(large, step, &y));
            assert_same_batch(&x, &y);
            assert_true(ppi_sampler_memory(small) <= 3 << 20);
        }
        assert_true(ppi_sampler_memory(large) > 8 << 20);
        ppi_sampler_destroy(small);
        ppi_sampler_destroy(large);
    }
    /* The batch ahead does not fit beside the least number of blocks, nor do many stored ones. */
    options.memory_mb = 1;
    options.workers = 1;
    assert_ok(ppi_sampler_create(&small, &d, 1, &options));
    assert_fails(ppi_sampler_prefetch(small, 64), PP_ERR_NO_MEMORY, "data.memory 1 MB");
    ppi_sampler_destroy(small);
    options.workers = 4;
    assert_fails(ppi_sampler_create(&small, &d, 1, &options), PP_ERR_NO_MEMORY, "being decoded");
    batch_free(&x);
    batch_free(&y);
    ppi_dataset_close(d);
}

/* A stored block that is no zlib stream: whoever decodes it, the batch fails with its name, and
 * fails again. */
static void blocks_that_do_not_decode(void **state) {
    (void)state;
    ppi_store_meta meta = test_meta("t/bad-v0", "t", 6, 1);
    const int64_t steps[1] = {30};
    const ppi_step_row rows[7] = {{.action = 3}, {.action = 3}, {.action = 3}, {.action = 3},
                                  {.action = 3}, {.action = 3}, {.action = 3, .terminated = 1}};
    ppi_store *store = NULL;
    ppi_dataset *d = NULL;
    ppi_sampler *s = NULL;
    ppi_sampler_options options;
    test_write("bad", &meta, steps, 1);
    assert_ok(ppi_store_create(&store, "bad", &meta, 1));
    assert_ok(ppi_store_episode_begin(store, 9, 7));
    assert_ok(ppi_store_block(store, "no zlib stream", 14, 8));
    assert_ok(ppi_store_rows(store, rows, 7));
    assert_ok(ppi_store_episode_end(store));
    assert_ok(ppi_store_commit(store));
    assert_ok(ppi_dataset_open(&d, "bad"));
    ppi_batch b = batch_new(64, 4, 6, 1);
    for (int workers = 1; workers <= 3; workers++) {
        ppi_sampler_options_default(&options);
        options.workers = workers;
        assert_ok(ppi_sampler_create(&s, &d, 1, &options));
        for (int64_t step = 0; step < 3; step++) {
            assert_fails(ppi_sampler_next(s, step, &b), PP_ERR_CORRUPT,
                         "main_data.hdf5: episode_1/observations row 0");
        }
        ppi_sampler_destroy(s);
    }
    batch_free(&b);
    ppi_dataset_close(d);
}

static void shapes_must_agree(void **state) {
    (void)state;
    const int64_t steps[1] = {5};
    ppi_store_meta a = test_meta("t/a-v0", "a", 4, 1);
    ppi_store_meta b = test_meta("t/b-v0", "b", 5, 1);
    ppi_dataset *d[2];
    ppi_sampler *s = NULL;
    ppi_sampler_options options;
    test_write("a", &a, steps, 1);
    test_write("b", &b, steps, 1);
    assert_ok(ppi_dataset_open(&d[0], "a"));
    assert_ok(ppi_dataset_open(&d[1], "b"));
    ppi_sampler_options_default(&options);
    assert_fails(ppi_sampler_create(&s, d, 2, &options), PP_ERR_SHAPE, "5x5x1");
    assert_fails(ppi_sampler_create(&s, d, 0, &options), PP_ERR_ARGUMENT, "0 datasets");
    close_games(d);
}

static void cache_forgets_the_oldest(void **state) {
    (void)state;
    ppi_cache *cache = NULL;
    assert_fails(ppi_cache_create(&cache, 1000, 7000, 100), PP_ERR_NO_MEMORY, "data.memory");
    assert_ok(ppi_cache_create(&cache, 1000, 20000, 100));
    int64_t kept = 20000 / 1100;
    for (int64_t i = 0; i < 60; i++) {
        ppi_cache_key key = {0, i / 7, i % 7};
        assert_null(ppi_cache_find(cache, key));
        uint8_t *data = ppi_cache_insert(cache, key);
        memset(data, (int)i, 1000);
        assert_true(ppi_cache_bytes(cache) <= 20000);
        const uint8_t *first = ppi_cache_find(cache, (ppi_cache_key){0, 0, 0});
        assert_non_null(first); /* used every time, so never the oldest */
        assert_int_equal(first[999], 0);
    }
    int64_t there = 0;
    for (int64_t i = 0; i < 60; i++) {
        const uint8_t *data = ppi_cache_find(cache, (ppi_cache_key){0, i / 7, i % 7});
        there += data != NULL;
        assert_true(!data || data[0] == i);
    }
    assert_in_range(there, kept - 3, kept);
    ppi_cache_forget(cache, (ppi_cache_key){0, 59 / 7, 59 % 7});
    assert_null(ppi_cache_find(cache, (ppi_cache_key){0, 59 / 7, 59 % 7}));
    ppi_cache_destroy(cache);
}

static void options_parse(void **state) {
    (void)state;
    ppi_options *set = NULL;
    ppi_sampler_options options;
    ppi_sampler_options defaults;
    ppi_sampler_options_default(&options);
    ppi_sampler_options_default(&defaults);
    assert_ok(ppi_options_create(&set));
    assert_ok(ppi_options_bind(set, &ppi_sampler_option_table, &options));
    assert_memory_equal(&options, &defaults, sizeof options);
    assert_ok(ppi_options_set(set, "data.clip_rewards", "off", "test"));
    assert_int_equal(options.clip_rewards, PPI_OFF);
    assert_int_equal(ppi_options_set(set, "data.top", "0", "test"), PP_ERR_ARGUMENT);
    ppi_options_destroy(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_right),     cmocka_unit_test(long_windows),
        cmocka_unit_test(same_batches_always),   cmocka_unit_test(shifts_repeat_edges),
        cmocka_unit_test(shift_is_shared),       cmocka_unit_test(cut_episodes_stay_out),
        cmocka_unit_test(shares),                cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(blocks_that_do_not_decode),
        cmocka_unit_test(shapes_must_agree),     cmocka_unit_test(cache_forgets_the_oldest),
        cmocka_unit_test(options_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
