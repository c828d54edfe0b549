/* Training on learning histories: what the agent sees of them, what a checkpoint says it was
 * trained on, exact resume, and data that do not fit. */
#include "run_test.h"

#include "data/dataset.h"
#include "run/collect_learn.h"
#include "run/load.h"
#include "run/trained_on.h"

#define ROOM      "h/dark/room/qtable-v0"
#define KEY       "h/dark/key-to-door/qtable-v0"
#define TEST_ROOM "h/dark/room/qtable-test-v0"

static void collect(const char *learner, const char *const *options) {
    ppi_collect_job *job = NULL;
    OK(ppi_collect_job_create(&job, learner));
    OK(ppi_options_set(ppi_collect_job_options(job), "out", "h", "test"));
    OK(ppi_options_set(ppi_collect_job_options(job), "threads", "1", "test"));
    set_options(ppi_collect_job_options(job), options);
    OK(ppi_collect_job_run(job, NULL));
    ppi_collect_job_destroy(job);
}

static int setup(void **state) {
    static const char *const room[] = {"env=dark/room", "histories=4", "steps=400", NULL};
    static const char *const test_room[] = {"env=dark/room", "histories=2",         "steps=400",
                                            "tasks=test",    "name=qtable-test-v0", NULL};
    static const char *const key[] = {"env=dark/key-to-door", "env.view=cells-key", "histories=3",
                                      "steps=600", NULL};
    (void)state;
    OK(ppi_dir_remove("h"));
    OK(ppi_dir_remove("runs"));
    collect("qtable", room);
    collect("qtable", test_room);
    collect("qtable", key);
    return 0;
}

static ppi_train_job *make_ad(const char *out, const char *data, const char *const *options) {
    static const char *const common[] = {
        "model=tiny", "batch=4", "threads=1", "dtype=f32", "log.every=1", "model.context=20", NULL};
    ppi_train_job *job = NULL;
    OK(ppi_train_job_create(&job, "ad"));
    ppi_options *set = ppi_train_job_options(job);
    OK(ppi_options_set(set, "out", out, "test"));
    OK(ppi_options_set(set, "data", data, "test"));
    set_options(set, common);
    set_options(set, options);
    return job;
}

static pp_status train(const char *out, const char *data, const char *const *options) {
    ppi_train_job *job = make_ad(out, data, options);
    const pp_status s = ppi_train(job, NULL);
    ppi_train_job_destroy(job);
    return s;
}

/* What the newest checkpoint of a run says. */
static void read_trained(ppi_trained_on *out, ppi_checkpoint_state *state, const char *run) {
    ppi_checkpoint *ck = ppi_calloc(1, sizeof *ck);
    assert_non_null(ck);
    OK(ppi_checkpoint_open(ck, run, true));
    OK(ppi_trained_on_read(out, ck));
    *state = ck->state;
    ppi_checkpoint_close(ck);
    ppi_free(ck);
}

/* The task of each history of a dataset, in its order. */
static void assert_tasks_of(const ppi_trained_env *e, const char *folder, int64_t count) {
    ppi_dataset *d = NULL;
    OK(ppi_dataset_open(&d, folder));
    assert_int_equal(e->tasks, count);
    for (int64_t i = 0; i < count; i++) {
        assert_int_equal(e->task[i], ppi_dataset_group(d, i)->task);
    }
    ppi_dataset_close(d);
}

static void checkpoints_name_the_tasks(void **state) {
    static const char *const few[] = {"steps=2", "data.tasks=2", NULL};
    ppi_checkpoint_state *ck = ppi_calloc(1, sizeof *ck);
    ppi_trained_on t;
    (void)state;
    assert_non_null(ck);
    OK(train("runs/few", ROOM, few));
    read_trained(&t, ck, "runs/few");
    assert_true(ck->histories);
    assert_false(ck->online);
    assert_int_equal(ck->obs.type, PP_OBS_CELLS);
    assert_int_equal(ck->obs.high[1], 8);
    assert_int_equal(ck->actions.count, 5);
    assert_int_equal(t.count, 1);
    assert_null(ppi_trained_on_find(&t, "dark/room-hard"));
    const ppi_trained_env *e = ppi_trained_on_find(&t, "dark/room");
    assert_non_null(e);
    assert_tasks_of(e, ROOM, 2);
    assert_string_equal(e->view, "cells");
    assert_string_equal(e->side, "train");
    assert_string_equal(e->learner, "qtable");
    assert_int_equal(e->split_seed, 0);
    assert_int_equal(e->actors, 1);
    assert_int_equal(e->histories, 2);
    assert_int_equal(e->folders, 1);
    assert_string_equal(e->folder[0], ROOM);
    ppi_trained_on_free(&t);
    ppi_free(ck);
}

/* The source's key bit is in the data, not in what the agent sees. */
static void key_bit_stays_behind(void **state) {
    static const char *const plain[] = {"steps=2", NULL};
    static const char *const with_key[] = {"steps=2", "data.view=cells-key", NULL};
    static const char *const with_time[] = {"steps=2", "data.view=cells-time", NULL};
    ppi_checkpoint_state *ck = ppi_calloc(1, sizeof *ck);
    ppi_trained_on t;
    (void)state;
    assert_non_null(ck);
    OK(train("runs/key", KEY, plain));
    read_trained(&t, ck, "runs/key");
    assert_string_equal(ck->obs.view, "cells");
    assert_int_equal(ck->obs.c, 2);
    assert_string_equal(t.env[0].view, "cells");
    assert_tasks_of(&t.env[0], KEY, 3);
    ppi_trained_on_free(&t);
    OK(train("runs/with-key", KEY, with_key));
    read_trained(&t, ck, "runs/with-key");
    assert_string_equal(ck->obs.view, "cells-key");
    assert_int_equal(ck->obs.c, 3);
    ppi_trained_on_free(&t);
    FAILS(train("runs/no", KEY, with_time), PP_ERR_ARGUMENT,
          "data.view cells-time: " KEY " holds view cells-key");
    ppi_free(ck);
}

static void resumes_exactly(void **state) {
    static const char *const whole[] = {"steps=6", "checkpoint.every=3", NULL};
    static const char *const again[] = {"steps=6", "checkpoint.every=3",
                                        "resume=runs/whole/checkpoints/step_00000003", NULL};
    ppi_trained_on t;
    ppi_checkpoint_state *ck = ppi_calloc(1, sizeof *ck);
    (void)state;
    assert_non_null(ck);
    OK(train("runs/whole", ROOM, whole));
    OK(train("runs/again", ROOM, again));
    assert_same_weights("runs/whole", "runs/again", 6);
    read_trained(&t, ck, "runs/again");
    assert_tasks_of(&t.env[0], ROOM, 4);
    ppi_trained_on_free(&t);
    ppi_free(ck);
}

static void check_says_what_is_used(void **state) {
    static const char *const every[] = {"steps=2", "data.every=3", "data.min-return=0", NULL};
    ppi_buf report = {0};
    (void)state;
    ppi_train_job *job = make_ad("runs/check", ROOM, every);
    OK(ppi_train_check(job, &report));
    assert_non_null(strstr(ppi_buf_text(&report), "data dark/room: 4 histories of 4 tasks, 28 "
                                                  "episodes, 560 steps, 484 windows"));
    ppi_buf_free(&report);
    ppi_train_job_destroy(job);
}

static void refused(void **state) {
    static const char *const plain[] = {"steps=2", NULL};
    static const char *const wide[] = {"steps=2", "model.context=500", NULL};
    static const char *const tail[] = {"steps=2", "data.tail=0.5", NULL};
    static const char *const other_view[] = {"steps=2", "data.view=cells-key", NULL};
    (void)state;
    FAILS(train("runs/no", ROOM, wide), PP_ERR_ARGUMENT,
          "windows of 500 steps are longer than any history of dark/room");
    FAILS(train("runs/no", ROOM "," TEST_ROOM, plain), PP_ERR_ARGUMENT,
          "training and test tasks could overlap");
    FAILS(train("runs/no", ROOM "," KEY, plain), PP_ERR_SHAPE, "different spaces");
    FAILS(train("runs/no", ROOM, other_view), PP_ERR_ARGUMENT, "cells-key");
    make_catch_data();
    FAILS(train("runs/no", CATCH_DATA, plain), PP_ERR_ARGUMENT, "not learning histories");
    FAILS(run_job("runs/no", tail, NULL), PP_ERR_ARGUMENT, "draws from single episodes");
    assert_false(ppi_dir_exists("runs/no"));
}

/* A damaged stats.json is told, not guessed. */
static void damaged_lists(void **state) {
    static const char *const texts[] = {"{\"trained_on\": 3}", "{\"trained_on\": [{}]}",
                                        "{\"trained_on\": [{\"env\": \"e\", \"view\": \"v\", "
                                        "\"side\": \"train\", \"split_seed\": \"0\", "
                                        "\"learner\": \"l\", \"actors\": 1, \"histories\": 1, "
                                        "\"folders\": [\"f\"], \"tasks\": [1, \"x\"]}]}"};
    static const char *const names[] = {"trained_on", "env", "tasks"};
    ppi_checkpoint *ck = ppi_calloc(1, sizeof *ck);
    ppi_trained_on t;
    (void)state;
    assert_non_null(ck);
    OK(ppi_dir_make("damaged"));
    snprintf(ck->folder, sizeof ck->folder, "damaged");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        OK(ppi_file_write_atomic("damaged/stats.json", texts[i], strlen(texts[i])));
        FAILS(ppi_trained_on_read(&t, ck), PP_ERR_CORRUPT, names[i]);
        assert_non_null(strstr(pp_last_error(), "damaged/stats.json"));
        assert_int_equal(t.count, 0);
    }
    OK(ppi_file_write_atomic("damaged/stats.json", "{}", 2));
    OK(ppi_trained_on_read(&t, ck));
    assert_int_equal(t.count, 0);
    ppi_free(ck);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_name_the_tasks),
        cmocka_unit_test(key_bit_stays_behind),
        cmocka_unit_test(resumes_exactly),
        cmocka_unit_test(check_says_what_is_used),
        cmocka_unit_test(refused),
        cmocka_unit_test(damaged_lists),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
