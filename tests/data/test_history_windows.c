/* Windows of learning histories: no window mixes two of them, selected histories hold whole
 * episodes, each option takes what it says, and a batch depends on seed and step alone. */
#include "data/history_test.h"

#include <math.h>

#include "data/batch_test.h"

enum { HISTORIES = 5, T = 20, B = 32, LIST = 64, ROWS = 512 };

/* Steps of the histories that most tests draw from; they stop inside an episode. */
static const int64_t k_steps[HISTORIES] = {400, 311, 250, 120, 77};

/* A list of rows of a history, as a test expects them to lie side by side. */
typedef struct row_list {
    int64_t row[ROWS], timestep[ROWS];
    int64_t count;
} row_list;

static ppi_store_meta square_meta(int32_t obs_type) {
    ppi_store_meta meta = history_meta(obs_type);
    meta.width = meta.height;
    return meta;
}

static void write_steps(const char *folder, const ppi_store_meta *meta, const int64_t *steps,
                        int64_t count) {
    ppi_history *h = NULL;
    assert_ok(ppi_dir_remove(folder));
    assert_ok(ppi_history_create(&h, folder, meta));
    for (int64_t i = 0; i < count; i++) {
        history_player p;
        history_start(h, meta, &p, i);
        assert_ok(history_play(h, meta, &p, steps[i]));
        assert_ok(ppi_history_end(h, i));
    }
    assert_ok(ppi_history_commit(h, 0));
}

static ppi_dataset *open_steps(const char *folder, int32_t obs_type) {
    const ppi_store_meta meta = square_meta(obs_type);
    ppi_dataset *d = NULL;
    write_steps(folder, &meta, k_steps, HISTORIES);
    assert_ok(ppi_dataset_open(&d, folder));
    return d;
}

static ppi_sampler_options window_options(void) {
    ppi_sampler_options o;
    ppi_sampler_options_default(&o);
    o.window = T;
    o.seed = 5;
    o.histories = true;
    return o;
}

/* Rows of the whole episodes from..to-1 of a history, every Nth of them. */
static void list_rows(row_list *out, int64_t index, int64_t from, int64_t to, int64_t every) {
    int64_t first = 0;
    out->count = 0;
    for (int64_t e = 0; e < to; e++) {
        const int64_t length = history_length(index, first);
        for (int64_t t = 0; t < length && e >= from && (e - from) % every == 0; t++) {
            assert_true(out->count < ROWS);
            out->timestep[out->count] = t;
            out->row[out->count++] = first + t;
        }
        first += length;
    }
}

/* Whole episodes of a history of so many steps. */
static int64_t whole_of(int64_t index, int64_t steps) {
    int64_t first = 0;
    int64_t n = 0;
    while (first + history_length(index, first) <= steps) {
        first += history_length(index, first);
        n++;
    }
    return n;
}

/* True when window b of the batch is the rows from `start` of the list. */
static bool is_window(const ppi_batch *batch, int64_t b, const ppi_store_meta *meta, int64_t index,
                      const row_list *list, int64_t start) {
    const int64_t bytes = batch->H * batch->W * batch->C;
    const int64_t stored = (int64_t)ppi_store_frame_bytes(meta);
    uint8_t obs[512];
    for (int64_t t = 0; t < batch->T; t++) {
        const int64_t at = b * batch->T + t;
        const int64_t row = list->row[start + t];
        const int64_t first = row - list->timestep[start + t];
        const bool end = list->timestep[start + t] + 1 == history_length(index, first);
        assert_true(bytes <= stored);
        history_obs(meta, index, row, false, obs);
        if (memcmp(batch->obs + at * bytes, obs, (size_t)bytes) != 0 ||
            batch->action[at] != (index + row) % 5 ||
            batch->reward[at] != (float)history_reward(index, row) ||
            batch->timestep[at] != list->timestep[start + t] ||
            batch->terminated[at] != (end && first % 2 == 0) ||
            batch->truncated[at] != (end && first % 2 == 1)) {
            return false;
        }
    }
    return true;
}

/* Draws batches and looks every window up; drawn[i] counts those of history i and edges those that
 * begin at the first or end at the last row of their list. */
static void check_batches(ppi_sampler *s, const ppi_dataset *d, const row_list *lists, int64_t C,
                          int64_t *drawn, int64_t *edges) {
    const ppi_store_meta *meta = ppi_dataset_meta(d);
    ppi_batch batch = batch_new(B, T, meta->height, C);
    for (int64_t step = 0; step < 20; step++) {
        assert_ok(ppi_sampler_next(s, step, &batch));
        for (int64_t b = 0; b < B; b++) {
            int64_t found = 0;
            for (int64_t i = 0; i < HISTORIES; i++) {
                for (int64_t start = 0; start + T <= lists[i].count; start++) {
                    if (!is_window(&batch, b, meta, i, &lists[i], start)) {
                        continue;
                    }
                    found++;
                    drawn[i]++;
                    *edges += start == 0 || start + T == lists[i].count;
                }
            }
            assert_int_equal(found, 1);
            for (int64_t t = 0; t < T; t++) {
                assert_int_equal(batch.pad[b * T + t], 0);
                assert_int_equal(batch.game[b * T + t], 0);
                assert_true(isnan(batch.rtg[b * T + t]));
            }
        }
    }
    batch_free(&batch);
}

/* Every window is rows of one history, in order; long and short histories are drawn alike. */
static void no_window_mixes(void **state) {
    static row_list lists[HISTORIES];
    (void)state;
    for (int32_t type = PP_OBS_PLANES; type <= PP_OBS_CELLS; type++) {
        ppi_dataset *d = open_steps("plain", type);
        const ppi_sampler_options o = window_options();
        int64_t drawn[HISTORIES] = {0};
        int64_t edges = 0;
        int64_t windows = 0;
        ppi_sampler *s = NULL;
        assert_ok(ppi_sampler_create(&s, &d, 1, &o));
        for (int64_t i = 0; i < HISTORIES; i++) {
            list_rows(&lists[i], i, 0, whole_of(i, k_steps[i]), 1);
            windows += lists[i].count - T + 1;
        }
        assert_int_equal(ppi_sampler_windows(s), windows);
        check_batches(s, d, lists, 3, drawn, &edges);
        /* 640 draws, a fifth each: five standard deviations are 51. */
        for (int i = 0; i < HISTORIES; i++) {
            assert_in_range(drawn[i], 128 - 51, 128 + 51);
        }
        assert_true(edges > 0);
        const ppi_sampler_game_info *info = ppi_sampler_game(s, 0);
        assert_int_equal(info->histories, HISTORIES);
        assert_int_equal(info->tasks, HISTORIES);
        assert_int_equal(info->short_histories, 0);
        ppi_sampler_destroy(s);
        ppi_dataset_close(d);
    }
}

/* Batches under options that take the episodes from..to-1 of each history, every Nth. */
static void check_selection(const ppi_sampler_options *o, const int64_t *from, const int64_t *to) {
    static row_list lists[HISTORIES];
    ppi_dataset *d = open_steps("select", PP_OBS_CELLS);
    ppi_sampler *s = NULL;
    int64_t drawn[HISTORIES] = {0};
    int64_t edges = 0;
    int64_t used = 0;
    assert_ok(ppi_sampler_create(&s, &d, 1, o));
    for (int64_t i = 0; i < HISTORIES; i++) {
        list_rows(&lists[i], i, from[i], to[i], o->every);
        used += lists[i].count >= T;
    }
    check_batches(s, d, lists, 3, drawn, &edges);
    assert_int_equal(ppi_sampler_game(s, 0)->histories, used);
    assert_int_equal(ppi_sampler_game(s, 0)->short_histories, HISTORIES - used);
    for (int i = 0; i < HISTORIES; i++) {
        assert_int_equal(drawn[i] > 0, lists[i].count >= T);
    }
    ppi_sampler_destroy(s);
    ppi_dataset_close(d);
}

static void whole_episodes_only(void **state) {
    (void)state;
    ppi_sampler_options o = window_options();
    int64_t from[HISTORIES] = {0};
    int64_t to[HISTORIES];
    for (int64_t i = 0; i < HISTORIES; i++) to[i] = whole_of(i, k_steps[i]);
    o.every = 3;
    check_selection(&o, from, to);
    /* The shortest histories are left with less than a window. */
    o.every = 7;
    check_selection(&o, from, to);
}

static void first_and_tail(void **state) {
    (void)state;
    ppi_sampler_options o = window_options();
    int64_t from[HISTORIES] = {0};
    int64_t to[HISTORIES];
    for (int64_t i = 0; i < HISTORIES; i++) to[i] = (whole_of(i, k_steps[i]) + 1) / 2;
    o.first = 0.5;
    check_selection(&o, from, to);
    /* The last quarter of the first half. */
    o.tail = 0.25;
    for (int64_t i = 0; i < HISTORIES; i++) from[i] = to[i] - (to[i] + 3) / 4;
    check_selection(&o, from, to);
}

static void cut_episodes(void **state) {
    (void)state;
    ppi_dataset *d = open_steps("cut", PP_OBS_CELLS);
    ppi_sampler_options o = window_options();
    int64_t all = 0;
    for (int i = 0; i < HISTORIES; i++) all += k_steps[i];
    for (int keep = 0; keep < 2; keep++) {
        ppi_sampler *s = NULL;
        o.keep_cut = keep;
        assert_ok(ppi_sampler_create(&s, &d, 1, &o));
        assert_int_equal(ppi_sampler_game(s, 0)->steps == all, keep);
        ppi_sampler_destroy(s);
    }
    ppi_dataset_close(d);
}

/* ---- histories that learn ---- */

enum { EPISODES = 40, LENGTH = 5 };

/* One history of 40 episodes of 5 steps that pay 1 a step from episode `rise` on. */
static void play_learner(ppi_history *h, const ppi_store_meta *meta, int64_t index, int64_t task,
                         int64_t rise) {
    uint8_t obs[512];
    ppi_history_info info = history_facts(index);
    info.task = task;
    history_obs(meta, index, 0, false, obs);
    assert_ok(ppi_history_begin(h, &info, obs));
    for (int64_t t = 0; t < EPISODES * LENGTH; t++) {
        const bool end = (t + 1) % LENGTH == 0;
        const ppi_step_row row = {
            .reward = t / LENGTH >= rise, .action = (int32_t)(t % 5), .terminated = end};
        history_obs(meta, index, t + 1, false, obs);
        assert_ok(ppi_history_step(h, index, &row, obs, end ? obs : NULL));
    }
    assert_ok(ppi_history_end(h, index));
}

/* Six histories of the tasks 3, 5, 3, 8, 5, 2; the third never learns. */
static const int64_t k_tasks[6] = {3, 5, 3, 8, 5, 2};
static const int64_t k_rise[6] = {0, 20, EPISODES, 10, 30, 2};

static ppi_dataset *open_learners(const char *folder) {
    const ppi_store_meta meta = history_meta(PP_OBS_CELLS);
    ppi_history *h = NULL;
    ppi_dataset *d = NULL;
    assert_ok(ppi_dir_remove(folder));
    assert_ok(ppi_history_create(&h, folder, &meta));
    for (int64_t i = 0; i < 6; i++) play_learner(h, &meta, i, k_tasks[i], k_rise[i]);
    assert_ok(ppi_history_commit(h, 0));
    assert_ok(ppi_dataset_open(&d, folder));
    return d;
}

/* Sampler over the learners; what it uses is compared. */
static void check_learners(const ppi_sampler_options *o, const int64_t *tasks, int64_t n_tasks,
                           int64_t histories, int64_t episodes, int64_t poor) {
    ppi_dataset *d = open_learners("learners");
    ppi_sampler *s = NULL;
    int64_t count = 0;
    assert_ok(ppi_sampler_create(&s, &d, 1, o));
    const int64_t *got = ppi_sampler_tasks(s, 0, &count);
    const ppi_sampler_game_info *info = ppi_sampler_game(s, 0);
    assert_int_equal(count, n_tasks);
    assert_memory_equal(got, tasks, (size_t)n_tasks * sizeof *tasks);
    assert_int_equal(info->tasks, n_tasks);
    assert_int_equal(info->histories, histories);
    assert_int_equal(info->episodes, episodes);
    assert_int_equal(info->steps, episodes * LENGTH);
    assert_int_equal(info->poor_histories, poor);
    assert_null(ppi_sampler_tasks(s, 1, &count));
    ppi_sampler_destroy(s);
    ppi_dataset_close(d);
}

static void first_tasks(void **state) {
    static const int64_t order[] = {3, 5, 8, 2};
    (void)state;
    ppi_sampler_options o = window_options();
    check_learners(&o, order, 4, 6, 6 * EPISODES, 0);
    o.tasks = 2;
    check_learners(&o, order, 2, 4, 4 * EPISODES, 0);
    o.tasks = 3;
    check_learners(&o, order, 3, 5, 5 * EPISODES, 0);
}

static void least_return(void **state) {
    static const int64_t order[] = {3, 5, 8, 2};
    (void)state;
    ppi_sampler_options o = window_options();
    o.min_return = LENGTH;
    check_learners(&o, order, 4, 5, 5 * EPISODES, 1);
    /* Tasks are counted before poor histories go, those that stay are told. */
    o.tasks = 1;
    check_learners(&o, order, 1, 1, EPISODES, 1);
}

/* The running mean is over 2 episodes, so a history that rises at episode k is there at k + 2; a
 * tenth of 40 stays behind it. The first history does not rise, the third never does. */
static void behind_convergence(void **state) {
    static const int64_t order[] = {3, 5, 8, 2};
    (void)state;
    ppi_sampler_options o = window_options();
    o.converged = 0.1;
    check_learners(&o, order, 4, 6, 40 + 26 + 40 + 16 + 36 + 8, 0);
    /* ceil(0.25 n) episodes of each are the tail; the two of the last history are no window. */
    o.tail = 0.25;
    check_learners(&o, order, 3, 5, 10 + 7 + 10 + 4 + 9, 0);
}

/* `data show`: means over the six learners at the start, the quarters and the end, each over the
 * two or three episodes that end there. */
static void progress_is_shown(void **state) {
    (void)state;
    ppi_dataset *d = open_learners("shown");
    ppi_buf text = {0};
    assert_ok(ppi_dataset_show(d, &text));
    assert_non_null(strstr(ppi_buf_text(&text),
                           "progress       0.833 / 1.94 / 2.78 / 3.61 / 4.17 at 0 / 25 / 50 / 75 / "
                           "100 % of a history (return of an episode)"));
    ppi_buf_free(&text);
    ppi_dataset_close(d);
}

/* ---- bandits ---- */

/* A history that is one episode is counted in steps. */
static void single_episodes(void **state) {
    const ppi_store_meta meta = history_meta(PP_OBS_CELLS);
    (void)state;
    ppi_history *h = NULL;
    ppi_dataset *d = NULL;
    ppi_sampler *s = NULL;
    uint8_t obs[512];
    assert_ok(ppi_dir_remove("bandit"));
    assert_ok(ppi_history_create(&h, "bandit", &meta));
    for (int64_t i = 0; i < 3; i++) {
        const ppi_history_info info = history_facts(i);
        history_obs(&meta, i, 0, false, obs);
        assert_ok(ppi_history_begin(h, &info, obs));
        for (int64_t t = 0; t < 100; t++) {
            const ppi_step_row row = {.reward = t >= 50, .terminated = t == 99};
            assert_ok(ppi_history_step(h, i, &row, obs, t == 99 ? obs : NULL));
        }
        assert_ok(ppi_history_end(h, i));
    }
    assert_ok(ppi_history_commit(h, 0));
    assert_ok(ppi_dataset_open(&d, "bandit"));
    ppi_sampler_options o = window_options();
    o.tail = 0.3;
    o.every = 10;
    assert_ok(ppi_sampler_create(&s, &d, 1, &o));
    assert_int_equal(ppi_sampler_game(s, 0)->steps, 90);
    assert_int_equal(ppi_sampler_game(s, 0)->windows, 3 * (30 - T + 1));
    assert_true(ppi_sampler_game(s, 0)->mean_return == 30);
    ppi_batch batch = batch_new(B, T, 1, 3);
    assert_ok(ppi_sampler_next(s, 0, &batch));
    for (int64_t b = 0; b < B; b++) {
        assert_in_range(batch.timestep[b * T], 70, 80);
        assert_int_equal(batch.timestep[b * T + T - 1], batch.timestep[b * T] + T - 1);
    }
    batch_free(&batch);
    ppi_sampler_destroy(s);
    /* The rewards of steps are no learning curve: nothing is cut behind convergence. */
    o.tail = 1;
    o.converged = 0.1;
    assert_ok(ppi_sampler_create(&s, &d, 1, &o));
    assert_int_equal(ppi_sampler_game(s, 0)->steps, 3 * 100);
    ppi_sampler_destroy(s);
    ppi_dataset_close(d);
}

/* ---- determinism ---- */

static ppi_sampler *make(ppi_dataset **d, int64_t memory_mb, int64_t workers, bool ahead) {
    ppi_sampler *s = NULL;
    ppi_sampler_options o = window_options();
    o.memory_mb = memory_mb;
    o.workers = workers;
    o.every = 2;
    assert_ok(ppi_sampler_create(&s, d, 1, &o));
    if (ahead) assert_ok(ppi_sampler_prefetch(s, B));
    return s;
}

/* The same batches out of memory and through the loader, with any number of workers, ahead or not,
 * and asked for from the middle on, as a resumed run does. */
static void same_batches(void **state) {
    static const struct {
        int64_t memory, workers;
        bool ahead;
        int64_t first;
    } ways[] = {
        {64, 1, true, 0}, {64, 1, false, 7}, {2, 1, false, 0}, {2, 4, true, 0}, {2, 3, false, 5}};
    /* 216 bytes an observation: 2 MB do not hold them. */
    static const int64_t steps[3] = {9000, 9000, 5000};
    ppi_store_meta meta = history_meta(PP_OBS_IMAGE);
    (void)state;
    meta.height = meta.width = 12;
    meta.channels = 1;
    ppi_dataset *d = NULL;
    write_steps("same", &meta, steps, 3);
    assert_ok(ppi_dataset_open(&d, "same"));
    ppi_batch want = batch_new(B, T, 12, 1);
    ppi_batch got = batch_new(B, T, 12, 1);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        ppi_sampler *a = make(&d, 64, 1, false);
        ppi_sampler *b = make(&d, ways[i].memory, ways[i].workers, ways[i].ahead);
        assert_true(ppi_sampler_memory(a) > 2 << 20);
        for (int64_t step = ways[i].first; step < 10; step++) {
            assert_ok(ppi_sampler_next(a, step, &want));
            assert_ok(ppi_sampler_next(b, step, &got));
            assert_same_batch(&got, &want);
            assert_true(ppi_sampler_memory(b) <= ways[i].memory << 20);
        }
        ppi_sampler_destroy(a);
        ppi_sampler_destroy(b);
    }
    batch_free(&want);
    batch_free(&got);
    ppi_dataset_close(d);
}

static void seeds_differ(void **state) {
    (void)state;
    ppi_dataset *d = open_steps("seeds", PP_OBS_CELLS);
    ppi_batch a = batch_new(B, T, 1, 3);
    ppi_batch b = batch_new(B, T, 1, 3);
    ppi_sampler *s = NULL;
    ppi_sampler *other = NULL;
    ppi_sampler_options o = window_options();
    assert_ok(ppi_sampler_create(&s, &d, 1, &o));
    o.seed = 6;
    assert_ok(ppi_sampler_create(&other, &d, 1, &o));
    assert_ok(ppi_sampler_next(s, 3, &a));
    assert_ok(ppi_sampler_next(other, 3, &b));
    assert_memory_not_equal(a.obs, b.obs, B * T * 3);
    assert_ok(ppi_sampler_next(s, 4, &b));
    assert_memory_not_equal(a.obs, b.obs, B * T * 3);
    batch_free(&a);
    batch_free(&b);
    ppi_sampler_destroy(s);
    ppi_sampler_destroy(other);
    ppi_dataset_close(d);
}

/* The key bit of a source is no business of the agent. */
static void fewer_components(void **state) {
    static row_list lists[HISTORIES];
    (void)state;
    ppi_dataset *d = open_steps("parts", PP_OBS_CELLS);
    ppi_sampler_options o = window_options();
    ppi_sampler *s = NULL;
    int64_t drawn[HISTORIES] = {0};
    int64_t edges = 0;
    o.components = 2;
    assert_ok(ppi_sampler_create(&s, &d, 1, &o));
    for (int64_t i = 0; i < HISTORIES; i++) {
        list_rows(&lists[i], i, 0, whole_of(i, k_steps[i]), 1);
    }
    check_batches(s, d, lists, 2, drawn, &edges);
    ppi_batch whole = batch_new(B, T, 1, 3);
    assert_fails(ppi_sampler_next(s, 0, &whole), PP_ERR_SHAPE, "1x1x3");
    batch_free(&whole);
    ppi_sampler_destroy(s);
    o.components = 4;
    assert_fails(ppi_sampler_create(&s, &d, 1, &o), PP_ERR_ARGUMENT, "4 components");
    ppi_dataset_close(d);
    d = open_steps("parts", PP_OBS_IMAGE);
    o.components = 2;
    assert_fails(ppi_sampler_create(&s, &d, 1, &o), PP_ERR_ARGUMENT, "channels of a picture");
    ppi_dataset_close(d);
}

/* Two environments are two games, drawn alike. */
static void two_environments(void **state) {
    const int64_t steps[2] = {60, 400};
    (void)state;
    ppi_dataset *d[2];
    ppi_store_meta meta = history_meta(PP_OBS_CELLS);
    ppi_sampler *s = NULL;
    int64_t drawn[2] = {0};
    write_steps("one", &meta, &steps[0], 1);
    snprintf(meta.env, sizeof meta.env, "t/other");
    snprintf(meta.id, sizeof meta.id, "t/other/a2c-v0");
    write_steps("two", &meta, steps, 2);
    assert_ok(ppi_dataset_open(&d[0], "one"));
    assert_ok(ppi_dataset_open(&d[1], "two"));
    const ppi_sampler_options o = window_options();
    assert_ok(ppi_sampler_create(&s, d, 2, &o));
    assert_int_equal(ppi_sampler_game_count(s), 2);
    assert_int_equal(ppi_sampler_game(s, 1)->histories, 2);
    ppi_batch batch = batch_new(B, T, 1, 3);
    for (int64_t step = 0; step < 20; step++) {
        assert_ok(ppi_sampler_next(s, step, &batch));
        for (int64_t b = 0; b < B; b++) drawn[batch.game[b * T]]++;
    }
    assert_in_range(drawn[0], 320 - 64, 320 + 64);
    batch_free(&batch);
    ppi_sampler_destroy(s);
    ppi_dataset_close(d[0]);
    ppi_dataset_close(d[1]);
}

/* ---- bad input ---- */

static void refuse(ppi_dataset **d, int count, const ppi_sampler_options *o, pp_status status,
                   const char *text) {
    ppi_sampler *s = NULL;
    assert_fails(ppi_sampler_create(&s, d, count, o), status, text);
    assert_null(s);
}

static void refused_options(void **state) {
    (void)state;
    ppi_dataset *d = open_learners("refused");
    ppi_sampler_options o = window_options();
    o.window = EPISODES * LENGTH + 1;
    refuse(&d, 1, &o, PP_ERR_ARGUMENT,
           "windows of 201 steps are longer than any history of "
           "t/history: the longest, episode_0 of refused, has 200");
    o.window = T;
    o.every = 20;
    refuse(&d, 1, &o, PP_ERR_ARGUMENT, "has 10 steps left");
    o.every = 1;
    o.tasks = 5;
    refuse(&d, 1, &o, PP_ERR_ARGUMENT, "data.tasks 5: the histories of t/history are of 4 tasks");
    o.tasks = 0;
    o.min_return = LENGTH + 1;
    refuse(&d, 1, &o, PP_ERR_ARGUMENT,
           "none of 6 histories reaches data.min-return, the best one "
           "ends at 5");
    o.min_return = -INFINITY;
    o.top = 0.5;
    refuse(&d, 1, &o, PP_ERR_ARGUMENT, "data.top");
    o.top = 1;
    o.fraction = 0.5;
    refuse(&d, 1, &o, PP_ERR_ARGUMENT, "data.fraction");
    o.fraction = 1;
    o.augment = PPI_ON;
    refuse(&d, 1, &o, PP_ERR_ARGUMENT, "data.augment");
    o.augment = PPI_AUTO;
    o.histories = false;
    o.window = 4;
    o.tail = 0.5;
    refuse(&d, 1, &o, PP_ERR_ARGUMENT, "draws from single episodes");
    ppi_dataset_close(d);
}

static void refused_data(void **state) {
    const int64_t steps[1] = {100};
    (void)state;
    ppi_dataset *d[2];
    ppi_store_meta meta = history_meta(PP_OBS_CELLS);
    ppi_sampler_options o = window_options();
    write_steps("a", &meta, steps, 1);
    assert_ok(ppi_dataset_open(&d[0], "a"));
    meta.actions = meta.min_actions = 4;
    meta.action_list[4] = 0;
    write_steps("b", &meta, (const int64_t[]){3}, 1);
    assert_ok(ppi_dataset_open(&d[1], "b"));
    refuse(d, 2, &o, PP_ERR_SHAPE, "a and b have histories of different spaces (5 and 4 actions)");
    ppi_dataset_close(d[1]);
    meta = history_meta(PP_OBS_CELLS);
    meta.cell_high[1] = 199;
    write_steps("b", &meta, (const int64_t[]){3}, 1);
    assert_ok(ppi_dataset_open(&d[1], "b"));
    refuse(d, 2, &o, PP_ERR_SHAPE, "cells of different size");
    ppi_dataset_close(d[1]);
    meta = test_meta("t/history/x-v0", "t/history", 1, 3);
    test_write("b", &meta, steps, 1);
    assert_ok(ppi_dataset_open(&d[1], "b"));
    refuse(&d[1], 1, &o, PP_ERR_ARGUMENT, "holds recorded episodes, not learning histories");
    ppi_dataset_close(d[1]);
    ppi_dataset_close(d[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_window_mixes),    cmocka_unit_test(whole_episodes_only),
        cmocka_unit_test(first_and_tail),     cmocka_unit_test(cut_episodes),
        cmocka_unit_test(first_tasks),        cmocka_unit_test(least_return),
        cmocka_unit_test(behind_convergence), cmocka_unit_test(single_episodes),
        cmocka_unit_test(progress_is_shown),  cmocka_unit_test(same_batches),
        cmocka_unit_test(seeds_differ),       cmocka_unit_test(fewer_components),
        cmocka_unit_test(two_environments),   cmocka_unit_test(refused_options),
        cmocka_unit_test(refused_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
