/* Evaluations in the course of training: they change nothing, they choose the best checkpoint, and
   a run that was killed ends with the same choice. */
#include "run_test.h"

#include "run/eval.h"

#define RETURN_TAG "charts/episodic_return"
enum { STEPS = 24, EVERY = 4, EPISODES = 3 };

static const char *const plain[] = {"steps=24", "checkpoint.every=8", NULL};
static const char *const evaluated[] = {"steps=24",
                                        "checkpoint.every=8",
                                        "checkpoint.keep=1",
                                        "eval.every=4",
                                        "eval.episodes=3",
                                        "resume=auto",
                                        NULL};

static int setup(void **state) {
    (void)state;
    make_catch_data();
    OK(ppi_dir_remove("runs"));
    OK(run_job("runs/plain", plain, NULL));
    OK(run_job("runs/whole", evaluated, NULL));
    return 0;
}

static void training_is_untouched(void **state) {
    (void)state;
    assert_same_figures("runs/plain", "runs/whole", "losses/total", STEPS, STEPS);
    assert_same_weights("runs/plain", "runs/whole", STEPS);
    assert_false(ppi_file_exists("runs/plain/checkpoints/best"));
    assert_false(ppi_file_exists("runs/plain/eval"));
}

/* The step at which the score was highest for the first time among those up to `last`. */
static int best_step(const char *run, int last, double *score) {
    double value[STEPS + 1];
    int best = 0;
    read_figures(run, RETURN_TAG, STEPS, value);
    for (int i = 1; i <= last; i++) {
        if (!isnan(value[i]) && (best == 0 || value[i] > value[best])) best = i;
    }
    if (score != NULL) *score = best > 0 ? value[best] : NAN;
    return best;
}

static void assert_best(const char *run) {
    char path[PPI_PATH_SIZE];
    char wanted[32];
    char *text = NULL;
    size_t size = 0;
    snprintf(wanted, sizeof wanted, "step_%08d\n", best_step(run, STEPS, NULL));
    OK(ppi_path_join(path, sizeof path, run, "checkpoints/best"));
    OK(ppi_file_read_all(path, &text, &size));
    assert_string_equal(text, wanted);
    ppi_free(text);
}

static void figures_and_records(void **state) {
    static const char *const tags[] = {RETURN_TAG, RETURN_TAG "/arcade/catch",
                                       "charts/episodic_length"};
    double value[STEPS + 1];
    (void)state;
    for (size_t t = 0; t < sizeof tags / sizeof tags[0]; t++) {
        read_figures("runs/whole", tags[t], STEPS, value);
        for (int i = 1; i <= STEPS; i++) assert_int_equal(!isnan(value[i]), i % EVERY == 0);
    }
    read_figures("runs/whole", RETURN_TAG, STEPS, value);
    for (int i = EVERY; i <= STEPS; i += EVERY) {
        char path[PPI_PATH_SIZE];
        ppi_json *record = NULL;
        double mean = 0;
        const ppi_json *games = NULL;
        snprintf(path, sizeof path, "runs/whole/eval/step_%08d.json", i);
        OK(ppi_json_load(&record, path));
        OK(ppi_json_get_array(record, "games", &games));
        const ppi_json *game = ppi_json_at(games, 0);
        assert_int_equal(ppi_json_count(ppi_json_find(game, "episodes")), EPISODES);
        OK(ppi_json_get_f64(ppi_json_find(game, "score"), "mean", &mean));
        assert_true(mean == value[i]);
        ppi_json_free(record);
    }
}

/* Besides the newest one only the best stays. */
static void best_is_kept(void **state) {
    ppi_dir_listing list;
    ppi_checkpoint ck;
    double score = NAN;
    (void)state;
    assert_best("runs/whole");
    OK(ppi_dir_list("runs/whole/checkpoints", &list));
    const int best = best_step("runs/whole", STEPS, NULL);
    assert_int_equal(list.count, best == STEPS ? 3 : 4);
    ppi_dir_listing_free(&list);
    /* The last checkpoint was written before its own evaluation. */
    OK(ppi_checkpoint_open(&ck, "runs/whole", false));
    assert_int_equal(ck.state.best_step, best_step("runs/whole", STEPS - EVERY, &score));
    /* Runs are compared by the score normalised with Catch's -0.603 of random play and 1. */
    assert_true(fabs(ck.state.best_score - (score + 0.603) / 1.603) < 1e-9);
    ppi_checkpoint_close(&ck);
}

/* Evaluates a run and loads the record's model group; release *record. */
static pp_status eval_run(const char *run, const char *which, ppi_json **record) {
    ppi_eval_job *job = NULL;
    ppi_eval_result result = {0};
    *record = NULL;
    OK(ppi_eval_job_create(&job, run));
    OK(ppi_options_set(ppi_eval_job_options(job), "env", "arcade/catch", "test"));
    OK(ppi_options_set(ppi_eval_job_options(job), "episodes", "2", "test"));
    OK(ppi_options_set(ppi_eval_job_options(job), "out", "records", "test"));
    OK(ppi_options_set(ppi_eval_job_options(job), "checkpoint", which, "test"));
    const pp_status s = ppi_eval(job, NULL, &result);
    if (s == PP_OK) OK(ppi_json_load(record, result.record));
    ppi_eval_result_free(&result);
    ppi_eval_job_destroy(job);
    return s;
}

static void assert_model(const char *run, const char *which, const char *rule, int step) {
    ppi_json *record = NULL;
    const char *found = NULL;
    int64_t at = 0;
    OK(eval_run(run, which, &record));
    const ppi_json *model = ppi_json_find(record, "model");
    OK(ppi_json_get_string(model, "checkpoint_rule", &found));
    OK(ppi_json_get_i64(model, "checkpoint_step", &at));
    assert_string_equal(found, rule);
    assert_int_equal(at, step);
    const ppi_json *chosen = ppi_json_find(model, "best_chosen_on");
    if (strcmp(rule, "best") == 0) {
        const char *games = NULL;
        int64_t first = 0;
        int64_t last = 0;
        OK(ppi_json_get_string(chosen, "games", &games));
        OK(ppi_json_get_i64(chosen, "first_seed", &first));
        OK(ppi_json_get_i64(chosen, "last_seed", &last));
        assert_string_equal(games, "arcade/catch");
        assert_int_equal(first, 1000000);
        assert_int_equal(last, 1000000 + EPISODES - 1);
    } else {
        assert_int_equal(ppi_json_kind_of(chosen), PPI_JSON_NULL);
    }
    ppi_json_free(record);
}

static void a_checkpoint_is_named(void **state) {
    char name[32];
    ppi_json *record = NULL;
    const int best = best_step("runs/whole", STEPS, NULL);
    (void)state;
    assert_model("runs/whole", "", "last", STEPS);
    assert_model("runs/whole", "last", "last", STEPS);
    assert_model("runs/whole", "best", "best", best);
    snprintf(name, sizeof name, "step_%d", best);
    assert_model("runs/whole", name, "step", best);
    assert_model("runs/whole/checkpoints/step_00000024", "", "step", STEPS);
    FAILS(eval_run("runs/plain", "best", &record), PP_ERR_NOT_FOUND, "--eval.every");
    FAILS(eval_run("runs/plain", "step_5", &record), PP_ERR_NOT_FOUND, "step_00000005");
    FAILS(eval_run("runs/plain", "newest", &record), PP_ERR_ARGUMENT, "best, last or step_N");
    FAILS(eval_run("random", "best", &record), PP_ERR_ARGUMENT, "random");
    FAILS(eval_run("runs/plain/checkpoints/step_00000024", "best", &record), PP_ERR_ARGUMENT,
          "run folder");
}

/* Killed at moments spread over the run, evaluations and moves of `best` among them. */
static void killed_runs_choose_the_same(void **state) {
    enum { MOMENTS = 8 };
    (void)state;
    const int64_t count = count_operations(PPI_FAULT_RENAME, "runs/killed", evaluated);
    for (int i = 0; i < MOMENTS; i++) {
        OK(ppi_dir_remove("runs/killed"));
        run_killed_at(PPI_FAULT_RENAME, 1 + i * (count - 1) / (MOMENTS - 1), "runs/killed",
                      evaluated);
        OK(run_job("runs/killed", evaluated, NULL));
        assert_same_figures("runs/whole", "runs/killed", "losses/total", STEPS, STEPS);
        assert_same_figures("runs/whole", "runs/killed", RETURN_TAG, STEPS, STEPS / EVERY);
        assert_same_weights("runs/whole", "runs/killed", STEPS);
        assert_best("runs/killed");
    }
}

/* A run that goes on elsewhere chooses its best among its own checkpoints. */
static void another_folder_begins_anew(void **state) {
    static const char *const options[] = {"steps=28",        "checkpoint.every=8", "eval.every=4",
                                          "eval.episodes=3", "resume=runs/whole",  NULL};
    char *text = NULL;
    size_t size = 0;
    (void)state;
    OK(run_job("runs/other", options, NULL));
    OK(ppi_file_read_all("runs/other/checkpoints/best", &text, &size));
    assert_string_equal(text, "step_00000028\n");
    ppi_free(text);
}

static void unknown_games_are_refused_at_once(void **state) {
    static const char *const options[] = {"steps=4", "eval.every=2", "eval.env=arcade/cath", NULL};
    (void)state;
    FAILS(run_job("runs/bad", options, NULL), PP_ERR_NOT_FOUND, "option eval.env");
    assert_false(ppi_file_exists("runs/bad/checkpoints"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_is_untouched),
        cmocka_unit_test(figures_and_records),
        cmocka_unit_test(best_is_kept),
        cmocka_unit_test(a_checkpoint_is_named),
        cmocka_unit_test(killed_runs_choose_the_same),
        cmocka_unit_test(another_folder_begins_anew),
        cmocka_unit_test(unknown_games_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
