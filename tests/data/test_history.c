/* Learning histories: what is written comes back; kill -9, a full disk, going back and going on. */
#include "data/history_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "data/journal.h"

#define STEPS 700 /* more than two records of rows */

static const char *const journal = "data/journal.bin";

static bool has_journal(const char *folder) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, journal);
    return ppi_file_exists(path);
}

static ppi_history *fresh(const char *folder, const ppi_store_meta *meta) {
    ppi_history *h = NULL;
    assert_ok(ppi_dir_remove(folder));
    assert_ok(ppi_history_create(&h, folder, meta));
    return h;
}

static void check_dataset(const char *folder, const int64_t *steps, int64_t count) {
    ppi_dataset *d = NULL;
    assert_ok(ppi_dataset_open(&d, folder));
    assert_true(ppi_dataset_has_histories(d));
    assert_int_equal(ppi_dataset_group_count(d), count);
    for (int64_t i = 0; i < count; i++) {
        check_history(d, i, i, steps[i]);
    }
    ppi_dataset_report report;
    assert_ok(ppi_dataset_validate(d, &report));
    assert_int_equal(report.outside, 0);
    ppi_dataset_close(d);
}

static void assert_same_data(const char *a, const char *b) {
    static const char *const names[] = {"main_data.hdf5", "metadata.json"};
    for (int i = 0; i < 2; i++) {
        char path[256];
        char x[PPI_SHA256_HEX_SIZE];
        char y[PPI_SHA256_HEX_SIZE];
        snprintf(path, sizeof path, "%s/data/%s", a, names[i]);
        assert_ok(ppi_sha256_file(x, path));
        snprintf(path, sizeof path, "%s/data/%s", b, names[i]);
        assert_ok(ppi_sha256_file(y, path));
        assert_string_equal(x, y);
    }
}

/* Three histories whose steps are interleaved; the second ends with an episode. */
static const int64_t three[3] = {STEPS, 0, 19};

static int64_t whole_episodes(int64_t index, int64_t least) {
    history_player p = {.index = index};
    while (p.step < least || p.first != p.step) {
        const ppi_step_row row = history_row(&p);
        p.step++;
        p.first = row.terminated || row.truncated ? p.step : p.first;
    }
    return p.step;
}

static void write_three(ppi_history *h, const ppi_store_meta *meta, int64_t *steps) {
    history_player p[3];
    memcpy(steps, three, sizeof three);
    steps[1] = whole_episodes(1, 100);
    for (int64_t i = 2; i >= 0; i--) {
        history_start(h, meta, &p[i], i);
    }
    for (int64_t t = 1; t <= STEPS; t++) {
        for (int i = 0; i < 3; i++) {
            assert_ok(history_play(h, meta, &p[i], t < steps[i] ? t : steps[i]));
        }
    }
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(ppi_history_steps(h, i), steps[i]);
        assert_false(ppi_history_done(h, i));
        assert_ok(ppi_history_end(h, i));
        assert_true(ppi_history_done(h, i));
    }
}

static void every_kind_of_observation(void **state) {
    (void)state;
    for (int32_t type = PP_OBS_PLANES; type <= PP_OBS_FLOAT; type++) {
        const ppi_store_meta meta = history_meta(type);
        int64_t steps[3];
        ppi_history *h = fresh("kinds", &meta);
        write_three(h, &meta, steps);
        assert_int_equal(ppi_history_steps(h, 3), -1);
        assert_ok(ppi_history_commit(h, 0));
        assert_false(has_journal("kinds"));
        check_dataset("kinds", steps, 3);
    }
}

static void metadata_come_back(void **state) {
    (void)state;
    for (int32_t type = PP_OBS_PLANES; type <= PP_OBS_FLOAT; type++) {
        ppi_store_meta meta = history_meta(type);
        ppi_dataset *d = NULL;
        meta.reward_max = __builtin_inf();
        snprintf(meta.reading, sizeof meta.reading, "b");
        ppi_history *h = fresh("facts", &meta);
        history_player p;
        history_start(h, &meta, &p, 0);
        assert_ok(history_play(h, &meta, &p, 3));
        assert_ok(ppi_history_commit(h, 0));
        assert_ok(ppi_dataset_open(&d, "facts"));
        const ppi_store_meta *got = ppi_dataset_meta(d);
        assert_ok(ppi_meta_same_rules(got, &meta, "facts"));
        assert_string_equal(got->tasks, "train");
        assert_string_equal(got->reading, "b");
        assert_int_equal(got->split_seed, 3);
        assert_int_equal(got->task_count, 81);
        assert_true(got->reward_min == -1 && got->reward_max == __builtin_inf());
        assert_int_equal(ppi_dataset_info(d)->actions, 5);
        assert_int_equal(ppi_dataset_info(d)->min_actions, 5);
        assert_int_equal(ppi_dataset_info(d)->channels, type == PP_OBS_FLOAT ? 0 : 3);
        assert_int_equal(ppi_dataset_check_playable(d),
                         type == PP_OBS_FLOAT ? PP_ERR_UNSUPPORTED : PP_OK);
        ppi_dataset_close(d);
    }
}

/* ---- interruptions ---- */

/* Plays two histories of 6,000 steps; the kernel kills the process, as kill -9 would, inside the
 * write that would make a file larger than `bytes`: the same moment on every machine. */
static void play_killed_at(const char *folder, const ppi_store_meta *meta, rlim_t bytes) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {bytes, bytes};
        const struct rlimit no_core = {0, 0};
        history_player p[2];
        ppi_history *h = NULL;
        signal(SIGXFSZ, SIG_DFL);
        if (setrlimit(RLIMIT_FSIZE, &limit) || setrlimit(RLIMIT_CORE, &no_core)) _exit(2);
        if (ppi_history_create(&h, folder, meta) != PP_OK) _exit(3);
        for (int i = 0; i < 2; i++) history_start(h, meta, &p[i], i);
        for (int64_t t = 100; t <= 6000; t += 100) {
            for (int i = 0; i < 2; i++) {
                if (history_play(h, meta, &p[i], t) != PP_OK) _exit(4);
            }
            if (ppi_history_sync(h, NULL) != PP_OK) _exit(5);
        }
        _exit(0);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(WTERMSIG(ended), SIGXFSZ);
}

static void play_whole(const char *folder, const ppi_store_meta *meta) {
    ppi_history *h = fresh(folder, meta);
    history_player p[2];
    for (int i = 0; i < 2; i++) history_start(h, meta, &p[i], i);
    for (int i = 0; i < 2; i++) {
        assert_ok(history_play(h, meta, &p[i], 6000));
        assert_ok(ppi_history_end(h, i));
    }
    assert_ok(ppi_history_commit(h, 0));
}

/* Goes on with both histories from a step of their own and finishes them. */
static void go_on(const char *folder, const ppi_store_meta *meta, const int64_t *from) {
    ppi_history *h = NULL;
    assert_ok(ppi_history_open(&h, folder, meta));
    for (int64_t i = 0; i < 2; i++) {
        history_player p = history_at(i, from[i]);
        assert_true(ppi_history_steps(h, i) >= from[i]);
        assert_fails(history_play(h, meta, &p, from[i] + 1), PP_ERR_ARGUMENT, "interrupted");
        assert_ok(ppi_history_cut(h, i, from[i]));
        assert_int_equal(ppi_history_steps(h, i), from[i]);
        assert_ok(history_play(h, meta, &p, 6000));
        assert_ok(ppi_history_end(h, i));
        assert_fails(ppi_history_cut(h, i, 5), PP_ERR_ARGUMENT, "complete");
    }
    assert_ok(ppi_history_commit(h, 0));
}

static void killed_and_resumed(void **state) {
    (void)state;
    static const int64_t from[2] = {1203, 995}; /* inside records and blocks */
    static const rlim_t limits[] = {
        [PP_OBS_IMAGE] = 600000, [PP_OBS_CELLS] = 120000, [PP_OBS_FLOAT] = 120000};
    for (int32_t type = PP_OBS_IMAGE; type <= PP_OBS_FLOAT; type++) {
        const ppi_store_meta meta = history_meta(type);
        ppi_dataset *d = NULL;
        play_whole("whole", &meta);
        assert_ok(ppi_dir_remove("killed"));
        play_killed_at("killed", &meta, limits[type]);
        assert_true(has_journal("killed"));
        /* What was synced is there at once ... */
        assert_ok(ppi_dataset_open(&d, "killed"));
        assert_int_equal(ppi_dataset_group_count(d), 2);
        for (int64_t i = 0; i < 2; i++) {
            int64_t steps = ppi_dataset_group(d, i)->steps;
            assert_true(steps >= 1300 && steps < 6000);
            check_history(d, i, i, steps);
        }
        ppi_dataset_close(d);
        assert_true(has_journal("killed"));
        /* ... and the rest follows, as if nothing had happened. */
        go_on("killed", &meta, from);
        assert_same_data("whole", "killed");
    }
}

/* A journal cut anywhere opens, and what is whole comes back. */
static void torn_anywhere(void **state) {
    (void)state;
    for (int32_t type = PP_OBS_PLANES; type <= PP_OBS_CELLS; type += 2) {
        const ppi_store_meta meta = history_meta(type);
        ppi_history *h = fresh("torn", &meta);
        history_player p;
        size_t size = 0;
        int64_t last = 0;
        history_start(h, &meta, &p, 0);
        for (int64_t t = 13; t <= 60; t += 13) {
            assert_ok(history_play(h, &meta, &p, t));
            assert_ok(ppi_history_sync(h, NULL));
        }
        assert_ok(ppi_history_close(h));
        char *bytes = test_slurp("torn/data/journal.bin", &size);
        int64_t round = 0;
        for (size_t n = strlen(bytes + 40) + 40; n < size; n += n % 3 + 11, round++) {
            test_put("torn/data/journal.bin", bytes, n);
            assert_ok(ppi_history_open(&h, "torn", &meta));
            int64_t steps = ppi_history_steps(h, 0);
            assert_true(steps >= last || steps == -1);
            last = steps;
            if (steps >= 0) {
                history_player again = history_at(0, steps);
                assert_ok(ppi_history_cut(h, 0, steps));
                assert_ok(history_play(h, &meta, &again, 53));
            }
            if (steps >= 0 && round % 9 == 0) {
                assert_ok(ppi_history_commit(h, 0));
                check_dataset("torn", (const int64_t[]){53}, 1);
            } else {
                assert_ok(ppi_history_close(h));
            }
        }
        assert_true(last >= 39);
        ppi_free(bytes);
    }
}

static void rewound(void **state) {
    (void)state;
    for (int32_t type = PP_OBS_PLANES; type <= PP_OBS_FLOAT; type++) {
        const ppi_store_meta meta = history_meta(type);
        ppi_history *h = fresh("back", &meta);
        history_player p[3];
        int64_t cursor = 0;
        for (int i = 0; i < 2; i++) {
            history_start(h, &meta, &p[i], i);
            assert_ok(history_play(h, &meta, &p[i], 301 + 4 * i));
        }
        assert_ok(ppi_history_end(h, 1));
        assert_ok(ppi_history_sync(h, &cursor));
        history_start(h, &meta, &p[2], 2);
        assert_ok(history_play(h, &meta, &p[2], 77));
        assert_ok(history_play(h, &meta, &p[0], 500));
        assert_ok(ppi_history_end(h, 0));
        assert_ok(ppi_history_close(h));
        /* Another process goes back to the checkpoint. */
        assert_ok(ppi_history_open(&h, "back", &meta));
        assert_true(ppi_history_done(h, 0));
        assert_fails(ppi_history_rewind(h, cursor - 1), PP_ERR_ARGUMENT, "no record ends");
        assert_ok(ppi_history_close(h));
        assert_ok(ppi_history_open(&h, "back", &meta));
        assert_ok(ppi_history_rewind(h, cursor));
        assert_int_equal(ppi_history_steps(h, 0), 301);
        assert_int_equal(ppi_history_steps(h, 2), -1);
        assert_true(ppi_history_done(h, 1));
        p[0] = history_at(0, 301);
        assert_ok(history_play(h, &meta, &p[0], 350));
        assert_ok(ppi_history_commit(h, 0));
        check_dataset("back", (const int64_t[]){350, 305}, 2);
    }
}

static void begun_again(void **state) {
    (void)state;
    const ppi_store_meta meta = history_meta(PP_OBS_PLANES);
    ppi_history *h = fresh("again", &meta);
    history_player p;
    history_start(h, &meta, &p, 0);
    assert_ok(history_play(h, &meta, &p, 90));
    history_start(h, &meta, &p, 0);
    assert_ok(history_play(h, &meta, &p, 41));
    assert_ok(ppi_history_end(h, 0));
    const ppi_history_info info = history_facts(0);
    const uint8_t obs[512] = {0};
    assert_fails(ppi_history_begin(h, &info, obs), PP_ERR_EXISTS, "complete");
    assert_ok(ppi_history_commit(h, 0));
    check_dataset("again", (const int64_t[]){41}, 1);
}

static void full_disk(void **state) {
    (void)state;
    const ppi_store_meta meta = history_meta(PP_OBS_IMAGE);
    ppi_history *h = fresh("full", &meta);
    history_player p;
    history_start(h, &meta, &p, 0);
    assert_ok(history_play(h, &meta, &p, 100));
    assert_ok(ppi_history_sync(h, NULL));
    assert_ok(history_play(h, &meta, &p, 200));
    ppi_fault_set(PPI_FAULT_WRITE, 1);
    assert_fails(ppi_history_sync(h, NULL), PP_ERR_NO_SPACE, "full/data/journal.bin");
    ppi_fault_clear();
    /* Nothing is taken behind a hole. */
    assert_fails(history_play(h, &meta, &p, 201), PP_ERR_NO_SPACE, "full/data/journal.bin");
    assert_fails(ppi_history_close(h), PP_ERR_NO_SPACE, "full/data/journal.bin");
    assert_ok(ppi_history_open(&h, "full", &meta));
    assert_int_equal(ppi_history_steps(h, 0), 100);
    p = history_at(0, 100);
    assert_ok(ppi_history_cut(h, 0, 100));
    assert_ok(history_play(h, &meta, &p, 200));
    ppi_fault_set(PPI_FAULT_RENAME, 1);
    assert_fails(ppi_history_commit(h, 0), PP_ERR_IO, "journal is kept");
    ppi_fault_clear();
    assert_ok(ppi_history_open(&h, "full", &meta));
    assert_ok(ppi_history_commit(h, 0));
    check_dataset("full", (const int64_t[]){200}, 1);
}

static void behind_those_there(void **state) {
    (void)state;
    ppi_store_meta meta = history_meta(PP_OBS_CELLS);
    ppi_history *h = fresh("more", &meta);
    ppi_dataset *d = NULL;
    history_player p;
    history_start(h, &meta, &p, 0);
    assert_ok(history_play(h, &meta, &p, 20));
    assert_ok(ppi_history_commit(h, 0));
    meta.collect_base = 1;
    assert_ok(ppi_history_create(&h, "more", &meta));
    history_start(h, &meta, &p, 1);
    assert_ok(history_play(h, &meta, &p, 30));
    ppi_history *second = NULL;
    assert_fails(ppi_history_open(&second, "more", &meta), PP_ERR_EXISTS, "another collection");
    assert_ok(ppi_history_close(h));
    assert_ok(ppi_dataset_open(&d, "more")); /* recovers behind the one that is there */
    assert_int_equal(ppi_dataset_group_count(d), 2);
    ppi_dataset_close(d);
    meta.sticky = 0.25;
    assert_fails(ppi_history_open(&h, "more", &meta), PP_ERR_ARGUMENT, "sticky is 0 there");
    meta.sticky = 0;
    assert_ok(ppi_history_open(&h, "more", &meta));
    assert_int_equal(ppi_history_meta(h)->collect_base, 1);
    assert_ok(ppi_history_commit(h, 1));
    check_dataset("more", (const int64_t[]){20, 30}, 2);
}

/* ---- the last steps ---- */

typedef struct tail_check {
    const ppi_store_meta *meta;
    history_player p;
    int64_t seen;
} tail_check;

static pp_status check_tail(void *ctx, const ppi_history_step_view *step) {
    tail_check *c = ctx;
    const size_t bytes = ppi_store_frame_bytes(c->meta);
    const ppi_step_row row = history_row(&c->p);
    const bool end = row.terminated || row.truncated;
    uint8_t want[512];
    history_obs(c->meta, c->p.index, c->p.step, false, want);
    assert_memory_equal(step->obs, want, bytes);
    history_obs(c->meta, c->p.index, c->p.step + 1, false, want);
    assert_memory_equal(step->next_obs, want, bytes);
    assert_int_equal(step->final_obs != NULL, end);
    if (end) {
        history_obs(c->meta, c->p.index, c->p.step, true, want);
        assert_memory_equal(step->final_obs, want, bytes);
    }
    assert_int_equal(step->row.action, row.action);
    assert_int_equal(step->row.terminated, row.terminated);
    assert_true(step->row.reward == row.reward);
    c->p.step++;
    c->p.first = end ? c->p.step : c->p.first;
    c->seen++;
    return PP_OK;
}

static void last_steps(void **state) {
    (void)state;
    for (int32_t type = PP_OBS_PLANES; type <= PP_OBS_FLOAT; type++) {
        const ppi_store_meta meta = history_meta(type);
        ppi_history *h = fresh("tail", &meta);
        history_player p;
        history_start(h, &meta, &p, 0);
        assert_ok(history_play(h, &meta, &p, 603));
        assert_ok(ppi_history_cut(h, 0, 588));
        p = history_at(0, 588);
        assert_ok(history_play(h, &meta, &p, 601));
        static const int64_t wants[] = {0, 1, 13, 14, 300, 601, 5000};
        for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
            int64_t steps = wants[i] < 601 ? wants[i] : 601;
            tail_check check = {.meta = &meta, .p = history_at(0, 601 - steps)};
            assert_ok(ppi_history_tail(h, 0, wants[i], check_tail, &check));
            assert_int_equal(check.seen, steps);
        }
        assert_fails(ppi_history_tail(h, 1, 5, check_tail, NULL), PP_ERR_ARGUMENT, "history 1");
        assert_ok(ppi_history_close(h));
    }
}

/* ---- several writers ---- */

typedef struct writer {
    ppi_history *h;
    const ppi_store_meta *meta;
    int64_t first;
    pp_status status;
} writer;

static void *write_some(void *context) {
    writer *w = context;
    w->status = PP_OK;
    for (int64_t i = w->first; i < w->first + 30 && w->status == PP_OK; i++) {
        history_player p = {.index = i};
        uint8_t obs[512];
        const ppi_history_info info = history_facts(i);
        history_obs(w->meta, i, 0, false, obs);
        w->status = ppi_history_begin(w->h, &info, obs);
        if (w->status == PP_OK) w->status = history_play(w->h, w->meta, &p, 60 + i);
        if (w->status == PP_OK && i % 10 == 0) w->status = ppi_history_sync(w->h, NULL);
        if (w->status == PP_OK) w->status = ppi_history_end(w->h, i);
    }
    return NULL;
}

static void threads_change_nothing(void **state) {
    (void)state;
    const ppi_store_meta meta = history_meta(PP_OBS_PLANES);
    for (int side = 0; side < 2; side++) {
        ppi_history *h = fresh(side ? "several" : "single", &meta);
        writer w[2] = {{.h = h, .meta = &meta}, {.h = h, .meta = &meta, .first = 30}};
        if (side) {
            pthread_t other;
            assert_int_equal(pthread_create(&other, NULL, write_some, &w[1]), 0);
            write_some(&w[0]);
            assert_int_equal(pthread_join(other, NULL), 0);
        } else {
            write_some(&w[1]);
            write_some(&w[0]);
        }
        assert_ok(w[0].status);
        assert_ok(w[1].status);
        assert_ok(ppi_history_commit(h, 0));
    }
    assert_same_data("single", "several");
}

/* Short histories stay small: columns take what they hold. */
static void many_short(void **state) {
    (void)state;
    const ppi_store_meta meta = history_meta(PP_OBS_CELLS);
    ppi_history *h = fresh("many", &meta);
    int64_t size = 0;
    for (int64_t i = 0; i < 200; i++) {
        history_player p;
        history_start(h, &meta, &p, i);
        assert_ok(history_play(h, &meta, &p, 100));
        assert_ok(ppi_history_end(h, i));
    }
    assert_ok(ppi_history_commit(h, 0));
    assert_ok(ppi_file_size("many/data/main_data.hdf5", &size));
    assert_in_range(size, 200 * 100 * 21, 200 * 100 * 80);
    ppi_dataset *d = NULL;
    assert_ok(ppi_dataset_open(&d, "many"));
    assert_int_equal(ppi_dataset_info(d)->steps, 20000);
    check_history(d, 199, 199, 100);
    ppi_dataset_close(d);
}

static void refused(void **state) {
    (void)state;
    ppi_store_meta meta = history_meta(PP_OBS_CELLS);
    ppi_history *h = NULL;
    ppi_step_row row = {.terminated = 1};
    uint8_t obs[3] = {0};
    ppi_history_info info = history_facts(-1);
    meta.channels = 0;
    assert_fails(ppi_history_create(&h, "refused", &meta), PP_ERR_ARGUMENT, "0 bytes");
    meta.channels = 3;
    h = fresh("refused", &meta);
    assert_fails(ppi_history_begin(h, &info, obs), PP_ERR_ARGUMENT, "history -1");
    info = history_facts(0);
    info.learner = NULL;
    assert_fails(ppi_history_begin(h, &info, obs), PP_ERR_ARGUMENT, "needs a learner");
    assert_fails(ppi_history_step(h, 0, &row, obs, NULL), PP_ERR_ARGUMENT, "was not begun");
    assert_fails(ppi_history_end(h, 7), PP_ERR_ARGUMENT, "was not begun");
    assert_fails(ppi_history_cut(h, 7, 0), PP_ERR_CORRUPT, "never begun");
    info = history_facts(0);
    assert_ok(ppi_history_begin(h, &info, obs));
    assert_fails(ppi_history_step(h, 0, &row, obs, NULL), PP_ERR_ARGUMENT, "without its last");
    row.terminated = 0;
    assert_fails(ppi_history_step(h, 0, &row, obs, obs), PP_ERR_ARGUMENT, "but no end");
    assert_ok(ppi_history_step(h, 0, &row, obs, NULL));
    assert_fails(ppi_history_cut(h, 0, 2), PP_ERR_CORRUPT, "1 steps of history 0, 2 are needed");
    assert_ok(ppi_history_close(h));
    assert_fails(ppi_history_create(&h, "refused", &meta), PP_ERR_EXISTS, "journal.bin");
    assert_ok(ppi_history_close(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_observation),
        cmocka_unit_test(metadata_come_back),
        cmocka_unit_test(killed_and_resumed),
        cmocka_unit_test(torn_anywhere),
        cmocka_unit_test(rewound),
        cmocka_unit_test(begun_again),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(behind_those_there),
        cmocka_unit_test(last_steps),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(many_short),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
