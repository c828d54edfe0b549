/* The loop that drives online methods: what a learner is shown, padding, statistics, the state of a
 * run, and histories as the way back into a replay. */
#include "run_test.h"

#include "env/vec.h"
#include "probe_learner.h"
#include "run/board.h"
#include "run/learn.h"
#include "run/learn_log.h"

enum { STEPS = 400 };

/* A probe on some games. */
typedef struct bench {
    ppi_learn_games games;
    ppi_env_options env;
    probe_options options;
    ppi_learn_config config;
} bench;

static void make_bench(bench *b, const char *const *ids, int count, int64_t streams) {
    static const int64_t board[3] = {0, 0, 0};
    char list[8][PP_ENV_ID_BYTES];
    memset(b, 0, sizeof *b);
    for (int i = 0; i < count; i++) snprintf(list[i], sizeof list[i], "%s", ids[i]);
    ppi_env_options_default(&b->env);
    OK(ppi_learn_games_open(&b->games, list, count, &b->env, board));
    b->options.streams = streams;
    b->config = (ppi_learn_config){.method = &probe_method,
                                   .options = &b->options,
                                   .games = &b->games,
                                   .env = &b->env,
                                   .steps = STEPS,
                                   .seed = 5,
                                   .threads = 1};
}

static void play(ppi_learn *l, int64_t steps) {
    for (int64_t i = 0; i < steps; i++) {
        OK(ppi_learn_play(l));
        OK(ppi_learn_update(l));
    }
}

static const probe *probe_of(const ppi_learn *l) {
    return (const probe *)ppi_learn_agent(l);
}

/* The loop against environments stepped by hand: stream i begins with seed + i, and one that ended
 * goes on within the same step. */
static void streams_are_what_the_games_play(void **state) {
    static const char *const ids[] = {"arcade/catch"};
    const char *const single[] = {"arcade/catch"};
    bench b;
    ppi_learn *l = NULL;
    ppi_vec *vec[3];
    (void)state;
    make_bench(&b, ids, 1, 3);
    OK(ppi_learn_open(&l, &b.config));
    assert_int_equal(ppi_learn_streams(l), 3);
    assert_int_equal(ppi_learn_total(l), 402); /* whole steps of 3 streams */
    for (int i = 0; i < 3; i++) {
        OK(ppi_vec_create(&vec[i], single, 1, &b.env, 1));
        OK(ppi_vec_reset(vec[i], 0, 5 + (uint64_t)i));
        assert_memory_equal(ppi_vec_obs(vec[i]), ppi_learn_native(l, i), ppi_vec_obs_size(vec[i]));
    }
    int ends = 0;
    for (int t = 0; t < 60; t++) {
        OK(ppi_learn_play(l));
        const ppi_learn_step *step = ppi_learn_last(l);
        for (int i = 0; i < 3; i++) {
            const size_t row = (size_t)ppi_vec_obs_size(vec[i]);
            OK(ppi_vec_step(vec[i], &step->action[i], NULL));
            assert_true(step->reward[i] == ppi_vec_reward(vec[i])[0]);
            assert_int_equal(step->terminated[i], ppi_vec_terminated(vec[i])[0]);
            if (step->terminated[i]) {
                ends++;
                assert_memory_equal(step->final_obs + (size_t)i * row, ppi_vec_obs(vec[i]), row);
                OK(ppi_vec_reset(vec[i], 0, PP_ENV_KEEP_SEED));
            }
            assert_memory_equal(step->next_obs + (size_t)i * row, ppi_vec_obs(vec[i]), row);
        }
        OK(ppi_learn_update(l));
    }
    assert_true(ends > 9);
    assert_int_equal(probe_of(l)->ends, ends);
    assert_int_equal(ppi_learn_steps(l), 180);
    for (int i = 0; i < 3; i++) ppi_vec_destroy(vec[i]);
    ppi_learn_close(l);
    ppi_learn_games_free(&b.games);
}

static void learners_are_told_their_setting(void **state) {
    static const char *const ids[] = {"arcade/breakout", "arcade/freeway"};
    bench b;
    ppi_learn *l = NULL;
    (void)state;
    make_bench(&b, ids, 2, 2);
    OK(ppi_learn_open(&l, &b.config));
    const probe *p = probe_of(l);
    assert_int_equal(p->setup.streams, 4);
    assert_int_equal(p->setup.total_steps, STEPS);
    assert_int_equal(p->setup.seed, 5);
    assert_int_equal(p->setup.episode_steps, 2500);
    assert_int_equal(p->base.cfg.games, 2);
    assert_int_equal(p->base.cfg.actions.count, 0); /* several games: the joystick */
    assert_int_equal(p->base.cfg.obs.h, 14);
    assert_int_equal(p->base.cfg.obs.w, 14);
    assert_int_equal(p->base.cfg.obs.c, 10);
    for (int i = 0; i < 4; i++) {
        const pp_env_spec *spec = &b.games.spec[i / 2];
        int legal = 0;
        assert_int_equal(p->game[i], i / 2);
        for (int a = 0; a < PP_ENV_ACTIONS; a++) legal += p->legal[i][a];
        assert_int_equal(legal, spec->min_actions);
        for (int a = 0; a < spec->min_actions; a++) assert_true(p->legal[i][spec->action_list[a]]);
    }
    ppi_learn_close(l);
    ppi_learn_games_free(&b.games);
    make_bench(&b, ids, 1, 1);
    OK(ppi_learn_open(&l, &b.config));
    assert_int_equal(probe_of(l)->base.cfg.obs.h, 10); /* one game: its own board and actions */
    assert_int_equal(probe_of(l)->base.cfg.actions.count, 3);
    ppi_learn_close(l);
    ppi_learn_games_free(&b.games);
}

/* Cells of the native board lie where they lay, everything else is zero. */
static void boards_are_padded(void **state) {
    static const char *const ids[] = {"arcade/catch", "arcade/breakout"};
    bench b;
    ppi_learn *l = NULL;
    (void)state;
    make_bench(&b, ids, 2, 1);
    OK(ppi_learn_open(&l, &b.config));
    for (int t = 0; t < 50; t++) {
        OK(ppi_learn_play(l));
        const ppi_learn_step *step = ppi_learn_last(l);
        for (int i = 0; i < 2; i++) {
            const pp_env_spec *spec = &b.games.spec[i];
            const uint8_t *row = step->next_obs + i * 14 * 14 * 10;
            const uint8_t *native = ppi_learn_native(l, i);
            for (int64_t y = 0; y < 14; y++)
                for (int64_t x = 0; x < 14; x++)
                    for (int64_t c = 0; c < 10; c++) {
                        const bool inside = y < spec->obs_h && x < spec->obs_w && c < spec->obs_c;
                        const int want =
                            inside ? native[(y * spec->obs_w + x) * spec->obs_c + c] : 0;
                        assert_int_equal(row[(y * 14 + x) * 10 + c], want);
                    }
        }
        OK(ppi_learn_update(l));
    }
    ppi_learn_close(l);
    ppi_learn_games_free(&b.games);
}

/* A learner that wants pictures plays planes and sees what the environment itself would paint. */
static void pictures_are_painted_from_planes(void **state) {
    static const int64_t none[3] = {0, 0, 0};
    static const char *const names[] = {"arcade/breakout", "arcade/freeway"};
    char list[2][PP_ENV_ID_BYTES] = {"arcade/breakout", "arcade/freeway"};
    const uint64_t seeds[] = {5, 6};
    bench b;
    ppi_learn *l = NULL;
    ppi_vec *shown = NULL;
    (void)state;
    make_bench(&b, names, 2, 1);
    ppi_learn_games_free(&b.games);
    snprintf(b.env.view, sizeof b.env.view, "grey84");
    OK(ppi_learn_games_open(&b.games, list, 2, &b.env, none));
    assert_int_equal(b.games.obs.h, 84);
    assert_int_equal(b.games.obs.type, PP_OBS_IMAGE);
    assert_string_equal(b.games.obs.view, "grey84");
    for (int g = 0; g < 2; g++) assert_string_equal(b.games.spec[g].view, "planes");
    OK(ppi_vec_open(&shown, &(ppi_vec_config){.ids = names,
                                              .count = 2,
                                              .options = &b.env,
                                              .threads = 1,
                                              .autoreset = PPI_AUTORESET_SAME_STEP}));
    OK(ppi_learn_open(&l, &b.config));
    OK(ppi_vec_reset_all(shown, seeds));
    int ends = 0;
    for (int t = 0; t < 150; t++) {
        OK(ppi_learn_play(l));
        const ppi_learn_step *step = ppi_learn_last(l);
        OK(ppi_vec_step(shown, step->action, NULL));
        assert_memory_equal(step->next_obs, ppi_vec_obs(shown), 2 * 84 * 84);
        for (int g = 0; g < 2; g++) {
            if (!step->terminated[g] && !step->truncated[g]) continue;
            assert_memory_equal(step->final_obs + g * 84 * 84,
                                ppi_vec_final_obs(shown) + g * 84 * 84, 84 * 84);
            ends++;
        }
        OK(ppi_learn_update(l));
    }
    assert_true(ends > 0);
    ppi_learn_close(l);
    ppi_vec_destroy(shown);
    ppi_learn_games_free(&b.games);
}

static void games_that_cannot_share_a_network(void **state) {
    static const int64_t none[3] = {0, 0, 0};
    static const int64_t small[3] = {8, 8, 4};
    char big[2][PP_ENV_ID_BYTES] = {"arcade/breakout", "arcade/2048"};
    char kinds[2][PP_ENV_ID_BYTES] = {"arcade/breakout", "dark/room"};
    int64_t board[3];
    ppi_learn_games games;
    ppi_env_options env;
    (void)state;
    ppi_env_options_default(&env);
    FAILS(ppi_learn_games_open(&games, big, 2, &env, none), PP_ERR_SHAPE, "--model.board");
    assert_non_null(strstr(pp_last_error(), "arcade/2048"));
    FAILS(ppi_learn_games_open(&games, kinds, 2, &env, none), PP_ERR_SHAPE, "dark/room");
    FAILS(ppi_learn_games_open(&games, big, 1, &env, small), PP_ERR_SHAPE, "8x8x4");
    FAILS(ppi_learn_games_open(&games, kinds + 1, 1, &env, small), PP_ERR_ARGUMENT, "dark/room");
    FAILS(ppi_learn_games_open(&games, big, 0, &env, none), PP_ERR_ARGUMENT, "0 games");
    FAILS(ppi_board_parse(board, "14x14"), PP_ERR_ARGUMENT, "HxWxC");
    FAILS(ppi_board_parse(board, "14x14x10x2"), PP_ERR_ARGUMENT, "HxWxC");
    FAILS(ppi_board_parse(board, "0x14x10"), PP_ERR_ARGUMENT, "HxWxC");
    OK(ppi_board_parse(board, "20x14x18"));
    assert_int_equal(board[0], 20);
    OK(ppi_learn_games_open(&games, big, 2, &env, board));
    ppi_learn_games_free(&games);
}

static void statistics_count_the_last_episodes(void **state) {
    static const char *const ids[] = {"arcade/catch", "arcade/breakout"};
    bench b;
    ppi_learn *l = NULL;
    ppi_learn_stats all, catch, breakout;
    (void)state;
    make_bench(&b, ids, 2, 2);
    OK(ppi_learn_open(&l, &b.config));
    ppi_learn_statistics(l, -1, &all);
    assert_int_equal(all.episodes, 0);
    assert_true(isnan(all.mean_return));
    play(l, 100);
    ppi_learn_statistics(l, -1, &all);
    ppi_learn_statistics(l, 0, &catch);
    ppi_learn_statistics(l, 1, &breakout);
    assert_int_equal(catch.episodes, 2 * 100 / 9); /* a catch lasts 9 steps */
    assert_true(catch.mean_length == 9);
    assert_true(breakout.episodes > 0 && breakout.mean_return >= 0);
    assert_int_equal(all.episodes, catch.episodes + breakout.episodes);
    assert_true(all.mean_return == (catch.mean_return + breakout.mean_return) / 2);
    assert_int_equal(ppi_learn_metrics(l)->count, 1);
    ppi_learn_close(l);
    ppi_learn_games_free(&b.games);
}

/* A learner put back to half of its way sees the rest as if nothing had happened. */
static void state_restores_everything(void **state) {
    static const char *const ids[] = {"arcade/asterix", "arcade/catch", "arcade/seaquest"};
    bench b;
    ppi_learn *whole = NULL, *resumed = NULL;
    ppi_buf half = {0}, end = {0}, again = {0};
    (void)state;
    make_bench(&b, ids, 3, 2);
    OK(ppi_learn_open(&whole, &b.config));
    play(whole, 30);
    OK(ppi_learn_save(whole, &half));
    play(whole, 36);
    OK(ppi_learn_save(whole, &end));
    OK(ppi_learn_open(&resumed, &b.config));
    play(resumed, 3); /* overwritten by what is loaded */
    OK(ppi_learn_load(resumed, half.data, half.len));
    assert_int_equal(ppi_learn_steps(resumed), 180);
    play(resumed, 36);
    OK(ppi_learn_save(resumed, &again));
    assert_true(probe_of(whole)->digest == probe_of(resumed)->digest);
    assert_int_equal(again.len, end.len);
    assert_memory_equal(again.data, end.data, end.len);
    assert_true(ppi_learn_metrics(resumed)->item[0].value ==
                ppi_learn_metrics(whole)->item[0].value);
    ppi_learn_close(whole);
    ppi_learn_close(resumed);
    ppi_learn_games_free(&b.games);
    ppi_buf_free(&half);
    ppi_buf_free(&end);
    ppi_buf_free(&again);
}

static void damaged_state_is_refused(void **state) {
    static const char *const ids[] = {"arcade/catch"};
    bench b;
    ppi_learn *l = NULL;
    ppi_buf saved = {0};
    (void)state;
    make_bench(&b, ids, 1, 2);
    OK(ppi_learn_open(&l, &b.config));
    play(l, 20);
    OK(ppi_learn_save(l, &saved));
    for (size_t n = 0; n < saved.len; n++) {
        if (ppi_learn_load(l, saved.data, n) == PP_OK) fail_msg("%zu bytes were taken", n);
        assert_true(pp_last_error()[0] != '\0');
    }
    OK(ppi_buf_append(&saved, "x", 1));
    FAILS(ppi_learn_load(l, saved.data, saved.len), PP_ERR_CORRUPT, "too many");
    saved.data[0] = 'x';
    FAILS(ppi_learn_load(l, saved.data, saved.len - 1), PP_ERR_CORRUPT, "no saved learner");
    saved.data[0] = 'P';
    ppi_learn_close(l);
    b.config.seed = 6;
    OK(ppi_learn_open(&l, &b.config));
    FAILS(ppi_learn_load(l, saved.data, saved.len - 1), PP_ERR_ARGUMENT, "seed");
    ppi_learn_close(l);
    b.config.seed = 5;
    b.config.steps = 20; /* 40 were played: 20 of each stream */
    OK(ppi_learn_open(&l, &b.config));
    FAILS(ppi_learn_load(l, saved.data, saved.len - 1), PP_ERR_ARGUMENT, "steps played 40");
    ppi_learn_close(l);
    b.config.steps = 2 * STEPS; /* a longer run goes on */
    OK(ppi_learn_open(&l, &b.config));
    OK(ppi_learn_load(l, saved.data, saved.len - 1));
    assert_int_equal(ppi_learn_steps(l), 40);
    ppi_learn_close(l);
    ppi_learn_games_free(&b.games);
    ppi_buf_free(&saved);
}

static void loss_that_is_not_finite_stops(void **state) {
    static const char *const ids[] = {"arcade/catch"};
    bench b;
    ppi_learn *l = NULL;
    (void)state;
    make_bench(&b, ids, 1, 2);
    b.options.nan_at = 3;
    OK(ppi_learn_open(&l, &b.config));
    play(l, 2);
    OK(ppi_learn_play(l));
    FAILS(ppi_learn_update(l), PP_ERR_NUMERIC, "step 6: losses/total");
    ppi_learn_close(l);
    ppi_learn_games_free(&b.games);
}

/* ---- histories ---- */

static void open_set(ppi_learn_dataset *d, const bench *b, int game, bool resume) {
    const uint64_t seed = 5;
    const ppi_learn_dataset_request q = {.root = "sets",
                                         .name = "",
                                         .learner = "probe",
                                         .spec = &b->games.spec[game],
                                         .env = &b->env,
                                         .seeds = &seed,
                                         .seed_count = 1,
                                         .histories = 2,
                                         .steps = STEPS,
                                         .tasks = "",
                                         .resume = resume};
    OK(ppi_learn_dataset_open(d, &q));
}

static void play_logged(ppi_learn *l, const ppi_learn_log *log, int steps) {
    for (int t = 0; t < steps; t++) {
        OK(ppi_learn_play(l));
        OK(ppi_learn_log_step(log, l));
        OK(ppi_learn_update(l));
    }
}

/* The past that comes out of the journals is the past that was played: two games of different shape
 * and two streams each, cut back to a checkpoint behind which more had been played. */
static void replay_is_filled_from_histories(void **state) {
    static const char *const ids[] = {"arcade/catch", "arcade/breakout"};
    enum { PAST = 25, AT = 60 };
    bench b;
    ppi_learn *l = NULL;
    ppi_learn_dataset sets[2];
    ppi_history *history[2];
    ppi_buf saved = {0};
    uint64_t past = 14695981039346656037u;
    (void)state;
    OK(ppi_dir_remove("sets"));
    make_bench(&b, ids, 2, 2);
    b.options.history = PAST;
    OK(ppi_learn_open(&l, &b.config));
    ppi_learn_log log = {.history = history, .seed = 5, .learner = "probe", .options = "{}"};
    OK(ppi_learn_log_actors(&log.actors, l, 0));
    assert_int_equal(log.actors, 2); /* a replay wants every stream */
    for (int g = 0; g < 2; g++) {
        open_set(&sets[g], &b, g, false);
        history[g] = sets[g].history;
    }
    OK(ppi_learn_log_begin(&log, l));
    for (int t = 0; t < AT; t++) {
        OK(ppi_learn_play(l));
        OK(ppi_learn_log_step(&log, l));
        if (t >= AT - PAST) past = probe_sum(probe_of(l), past, ppi_learn_last(l));
        OK(ppi_learn_update(l));
    }
    OK(ppi_learn_log_sync(&log, l));
    OK(ppi_learn_save(l, &saved));
    play_logged(l, &log, 13);
    const uint64_t after = probe_of(l)->digest;
    for (int g = 0; g < 2; g++) OK(ppi_learn_dataset_close(&sets[g], PP_OK));
    ppi_learn_close(l);

    OK(ppi_learn_open(&l, &b.config));
    for (int g = 0; g < 2; g++) {
        open_set(&sets[g], &b, g, true);
        assert_true(sets[g].resumed);
        history[g] = sets[g].history;
    }
    OK(ppi_learn_load(l, saved.data, saved.len));
    OK(ppi_learn_log_resume(&log, l));
    assert_int_equal(probe_of(l)->replayed, PAST);
    assert_true(probe_of(l)->past == past);
    play_logged(l, &log, 13);
    assert_true(probe_of(l)->digest == after);
    OK(ppi_learn_log_end(&log, l));
    assert_true(ppi_learn_log_done(&log, 2));
    for (int g = 0; g < 2; g++) {
        OK(ppi_learn_dataset_commit(&sets[g]));
        OK(ppi_learn_dataset_close(&sets[g], PP_OK));
    }
    ppi_learn_close(l);
    ppi_learn_games_free(&b.games);
    ppi_buf_free(&saved);
}

static void actors_that_cannot_be_stored(void **state) {
    static const char *const ids[] = {"arcade/catch"};
    bench b;
    ppi_learn *l = NULL;
    int64_t actors = 0;
    (void)state;
    make_bench(&b, ids, 1, 2);
    OK(ppi_learn_open(&l, &b.config));
    FAILS(ppi_learn_log_actors(&actors, l, 3), PP_ERR_ARGUMENT, "2 streams");
    FAILS(ppi_learn_log_actors(&actors, l, 1), PP_ERR_ARGUMENT, "--envs 1");
    OK(ppi_learn_log_actors(&actors, l, 2));
    ppi_learn_close(l);
    ppi_learn_games_free(&b.games);
}

static void methods_that_cannot_play(void **state) {
    static const char *const ids[] = {"arcade/catch"};
    bench b;
    ppi_learn *l = NULL;
    (void)state;
    make_bench(&b, ids, 1, 1);
    OK(ppi_method_find(&b.config.method, "mgdt"));
    FAILS(ppi_learn_open(&l, &b.config), PP_ERR_ARGUMENT, "mgdt");
    OK(ppi_method_find(&b.config.method, "noise"));
    void *options = ppi_calloc(1, b.config.method->options_size);
    ppi_options *set = NULL;
    OK(ppi_options_create(&set));
    OK(ppi_method_bind(b.config.method, set, options));
    b.config.options = options;
    FAILS(ppi_learn_open(&l, &b.config), PP_ERR_UNSUPPORTED, "arcade/catch has no scripted");
    b.config.steps = 0;
    FAILS(ppi_learn_open(&l, &b.config), PP_ERR_ARGUMENT, "0 steps");
    ppi_options_destroy(set);
    ppi_free(options);
    ppi_learn_games_free(&b.games);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_what_the_games_play),
        cmocka_unit_test(learners_are_told_their_setting),
        cmocka_unit_test(boards_are_padded),
        cmocka_unit_test(pictures_are_painted_from_planes),
        cmocka_unit_test(games_that_cannot_share_a_network),
        cmocka_unit_test(statistics_count_the_last_episodes),
        cmocka_unit_test(state_restores_everything),
        cmocka_unit_test(damaged_state_is_refused),
        cmocka_unit_test(loss_that_is_not_finite_stops),
        cmocka_unit_test(replay_is_filled_from_histories),
        cmocka_unit_test(actors_that_cannot_be_stored),
        cmocka_unit_test(methods_that_cannot_play),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
