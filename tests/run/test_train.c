/* Training runs: logs, exact resume after kill -9, interruption, losses that are not finite. */
#include "run_test.h"

#include <math.h>

#include "base/signal.h"
#include "run/data_list.h"
#include "run/load.h"

enum { STEPS = 24 };
static const char *const whole[] = {"steps=24", "checkpoint.every=4", "model.dropout=0.1", NULL};
static const char *const resumed[] = {"steps=24", "checkpoint.every=4", "model.dropout=0.1",
                                      "resume=auto", NULL};

static void collect_game(const char *env) {
    ppi_collect_options o;
    ppi_collect_options_default(&o);
    snprintf(o.env, sizeof o.env, "%s", env);
    snprintf(o.out, sizeof o.out, "data");
    snprintf(o.name, sizeof o.name, "other-v0");
    o.steps = 20;
    o.envs = 1;
    OK(ppi_collect(&o, NULL));
}

static int setup(void **state) {
    (void)state;
    make_catch_data();
    collect_game("arcade/pong");
    OK(ppi_dir_remove("runs"));
    OK(run_job("runs/whole", whole, NULL));
    return 0;
}

static void assert_same_run(const char *run) {
    static const char *const tags[] = {"losses/total", "time/agent_steps", "time/emulator_frames"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        assert_same_figures("runs/whole", run, tags[i], STEPS, STEPS);
    }
    assert_same_weights("runs/whole", run, STEPS);
}

static void leaves_a_run_folder(void **state) {
    static const char *const files[] = {"config.resolved.ini", "version.json",
                                        "stdout.log",          "progress.csv",
                                        "metrics.jsonl",       "checkpoints/latest"};
    char path[PPI_PATH_SIZE];
    char *data = NULL;
    size_t size = 0;
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        OK(ppi_path_join(path, sizeof path, "runs/whole", files[i]));
        assert_true(ppi_file_exists(path));
    }
    OK(ppi_file_read_all("runs/whole/checkpoints/latest", &data, &size));
    assert_string_equal(data, "step_00000024\n");
    ppi_free(data);
    OK(ppi_file_read_all("runs/whole/config.resolved.ini", &data, &size));
    assert_non_null(strstr(data, "dropout = 0.1"));
    assert_non_null(strstr(data, "recipe"));
    ppi_free(data);
}

static void same_seed_same_run(void **state) {
    (void)state;
    OK(run_job("runs/again", whole, NULL));
    assert_same_run("runs/again");
}

/* What `latest` names is whole at any moment. */
static void assert_latest_is_whole(const char *checkpoints) {
    char path[PPI_PATH_SIZE];
    char *name = NULL;
    size_t size = 0;
    OK(ppi_path_join(path, sizeof path, checkpoints, "latest"));
    if (!ppi_file_exists(path)) return;
    OK(ppi_file_read_all(path, &name, &size));
    name[strcspn(name, "\n")] = '\0';
    OK(ppi_path_join(path, sizeof path, checkpoints, name));
    OK(ppi_checkpoint_verify(path, false));
    ppi_free(name);
}

/* Moments from the first operation of a run to its last, for each kind of operation. */
static void killed_runs_resume_exactly(void **state) {
    static const ppi_fault_kind kinds[] = {PPI_FAULT_WRITE, PPI_FAULT_FSYNC, PPI_FAULT_RENAME};
    enum { MOMENTS = 4 };
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        const int64_t count = count_operations(kinds[k], "runs/killed", resumed);
        assert_true(count > MOMENTS);
        for (int i = 0; i < MOMENTS; i++) {
            OK(ppi_dir_remove("runs/killed"));
            run_killed_at(kinds[k], 1 + i * (count - 1) / (MOMENTS - 1), "runs/killed", resumed);
            assert_latest_is_whole("runs/killed/checkpoints");
            OK(run_job("runs/killed", resumed, NULL));
            assert_same_run("runs/killed");
        }
    }
}

/* The windows of Catch hold no more than 4 recorded steps each, fewer at the start of an episode.
 */
static void consumed_data_is_counted(void **state) {
    double steps[STEPS + 1];
    double frames[STEPS + 1];
    (void)state;
    read_figures("runs/whole", "time/agent_steps", STEPS, steps);
    read_figures("runs/whole", "time/emulator_frames", STEPS, frames);
    double before = 0;
    bool padded = false;
    for (int i = 1; i <= STEPS; i++) {
        assert_true(steps[i] - before >= 4 && steps[i] - before <= 4 * 4);
        padded = padded || steps[i] - before < 4 * 4;
        assert_true(frames[i] == steps[i]); /* one frame a step in the arcade suite */
        before = steps[i];
    }
    assert_true(padded);
}

static void used_folder_needs_resume(void **state) {
    (void)state;
    FAILS(run_job("runs/whole", whole, NULL), PP_ERR_EXISTS, "--resume auto");
}

static void interruption_saves(void **state) {
    (void)state;
    OK(ppi_dir_remove("runs/stopped"));
    ppi_interrupt_raise();
    const pp_status s = run_job("runs/stopped", whole, NULL);
    ppi_interrupt_clear();
    assert_int_equal(s, PP_ERR_INTERRUPTED);
    assert_non_null(strstr(pp_last_error(), "--resume auto"));
    OK(run_job("runs/stopped", resumed, NULL));
    assert_same_run("runs/stopped");
}

/* A checkpoint whose weights hold a NaN: the run goes on from it and stops at once. */
static void loss_that_is_not_finite_stops(void **state) {
    ppi_checkpoint ck;
    ppi_options *set = NULL;
    ppi_loaded l;
    char folder[PPI_PATH_SIZE];
    (void)state;
    OK(ppi_dir_remove("runs/nan"));
    OK(ppi_options_create(&set));
    OK(ppi_loaded_open(&l, "runs/whole", set));
    OK(ppi_loaded_create(&l, set, "", 1, PPI_DTYPE_USE_F32, 1));
    OK(ppi_agent_train_setup(l.agent, 4, STEPS));
    ppi_params *p = ppi_agent_params(l.agent);
    l.checkpoint.state.step = 4;
    l.checkpoint.state.seed = 1;
    p->master[p->item[p->count - 1].offset] = NAN;
    OK(ppi_checkpoint_write(folder, "runs/nan", &l.checkpoint.state, l.agent, set, 0));
    ppi_loaded_close(&l);
    ppi_options_destroy(set);
    assert_int_equal(run_job("runs/nan", resumed, NULL), PP_ERR_NUMERIC);
    assert_non_null(strstr(pp_last_error(), "step 4"));
    assert_non_null(strstr(pp_last_error(), "step_00000004"));
    OK(ppi_checkpoint_open(&ck, "runs/nan", false));
    assert_int_equal(ck.state.step, 4);
    ppi_checkpoint_close(&ck);
}

static void bad_options(void **state) {
    static const char *const no_data[] = {"data=", "steps=1", NULL};
    static const char *const no_size[] = {"model=tinny", "steps=1", NULL};
    static const char *const no_set[] = {"data=data/none", "steps=1", NULL};
    ppi_train_job *job = NULL;
    (void)state;
    FAILS(run_job("runs/bad", no_data, NULL), PP_ERR_ARGUMENT, "--data");
    FAILS(run_job("runs/bad", no_size, NULL), PP_ERR_NOT_FOUND, "tiny");
    FAILS(run_job("runs/bad", no_set, NULL), PP_ERR_NOT_FOUND, "data/none");
    FAILS(ppi_train_job_create(&job, "mgdd"), PP_ERR_NOT_FOUND, "mgdt");
}

/* What a run's newest checkpoint says its agent sees. */
static void read_state(ppi_checkpoint_state *out, const char *run) {
    ppi_checkpoint *ck = ppi_calloc(1, sizeof *ck);
    assert_non_null(ck);
    OK(ppi_checkpoint_open(ck, run, false));
    *out = ck->state;
    ppi_checkpoint_close(ck);
    ppi_free(ck);
}

/* Games of different boards share one, which the checkpoint knows with each game's own; a run of
   one of them goes on from there on the same board. */
static void boards_of_a_mixture(void **state) {
    static const char *const both[] = {"data=" CATCH_DATA ",data/arcade/pong/other-v0", "steps=2",
                                       NULL};
    static const char *const tuned[] = {"data=data/arcade/pong/other-v0", "steps=4",
                                        "resume=runs/mixed", NULL};
    static const int32_t boards[2][3] = {{10, 5, 2}, {14, 14, 4}};
    ppi_checkpoint_state *seen = ppi_calloc(1, sizeof *seen);
    (void)state;
    assert_non_null(seen);
    OK(ppi_dir_remove("runs/mixed"));
    OK(ppi_dir_remove("runs/tuned"));
    OK(run_job("runs/mixed", both, NULL));
    read_state(seen, "runs/mixed");
    assert_string_equal(seen->obs.view, "planes");
    assert_true(seen->obs.h == 14 && seen->obs.w == 14 && seen->obs.c == 10);
    assert_int_equal(seen->n_games, 2);
    for (int g = 0; g < 2; g++) assert_memory_equal(seen->board[g], boards[g], sizeof boards[g]);
    OK(run_job("runs/tuned", tuned, NULL));
    read_state(seen, "runs/tuned");
    assert_true(seen->obs.h == 14 && seen->obs.w == 14 && seen->obs.c == 10);
    ppi_free(seen);
}

static void pictures_of_a_mixture(void **state) {
    static const char *const both[] = {"data=" CATCH_DATA ",data/arcade/pong/other-v0", "steps=2",
                                       "data.view=grey84", NULL};
    ppi_checkpoint_state *seen = ppi_calloc(1, sizeof *seen);
    (void)state;
    assert_non_null(seen);
    OK(ppi_dir_remove("runs/grey"));
    OK(run_job("runs/grey", both, NULL));
    read_state(seen, "runs/grey");
    assert_string_equal(seen->obs.view, "grey84");
    assert_true(seen->obs.h == 84 && seen->obs.w == 84 && seen->obs.c == 1);
    ppi_free(seen);
}

static void views_that_do_not_fit(void **state) {
    static const char *const many[] = {"data=" CATCH_DATA ",data/arcade/2048/other-v0", "steps=1",
                                       NULL};
    static const char *const colour[] = {"data=" CATCH_DATA, "steps=1", "data.view=rgb", NULL};
    (void)state;
    collect_game("arcade/2048");
    FAILS(run_job("runs/bad", many, NULL), PP_ERR_SHAPE, "arcade/2048/other-v0");
    assert_non_null(strstr(pp_last_error(), "--model.board"));
    FAILS(run_job("runs/bad", colour, NULL), PP_ERR_UNSUPPORTED, "grey84");
    assert_false(ppi_dir_exists("runs/bad"));
}

static void sets_of_datasets(void **state) {
    ppi_buf list = {0};
    (void)state;
    OK(ppi_data_list_expand(&list, "data/@arcade-new/dqn-v0,,plain"));
    assert_string_equal(ppi_buf_text(&list),
                        "data/arcade/snake/dqn-v0,data/arcade/pong/dqn-v0,plain");
    FAILS(ppi_data_list_expand(&list, "data/@arcade9/dqn-v0"), PP_ERR_NOT_FOUND, "@arcade");
    ppi_buf_free(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_a_run_folder),           cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(killed_runs_resume_exactly),    cmocka_unit_test(consumed_data_is_counted),
        cmocka_unit_test(used_folder_needs_resume),      cmocka_unit_test(interruption_saves),
        cmocka_unit_test(loss_that_is_not_finite_stops), cmocka_unit_test(bad_options),
        cmocka_unit_test(boards_of_a_mixture),           cmocka_unit_test(pictures_of_a_mixture),
        cmocka_unit_test(views_that_do_not_fit),         cmocka_unit_test(sets_of_datasets),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
