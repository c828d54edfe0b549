/* Runs of online methods: run folder, exact resume after kill -9, interruption, full disk, losses
 * that are not finite, and playing what was learned. */
#include "run_test.h"

#include "base/signal.h"
#include "data/dataset.h"
#include "env/tasks.h"
#include "run/eval.h"
#include "run/learn_job.h"
#include "run/load.h"

enum { STEPS = 240 };

/* Deep Q-learning on two small boards: a replay, padded boards, two streams a game. */
static const char *const deep[] = {"env=arcade/catch,arcade/breakout",
                                   "envs=2",
                                   "steps=240",
                                   "log.every=20",
                                   "checkpoint.every=60",
                                   "replay.capacity=200",
                                   "dqn.start=40",
                                   "log-data=RUN/data",
                                   NULL};
/* A table without replay or gradient. */
static const char *const table[] = {
    "env=dark/room",       "env.task=12",       "steps=240", "log.every=20",
    "checkpoint.every=60", "log-data=RUN/data", NULL};

/* A memory that goes on over episodes, and tasks that change. */
static const char *const recurrent[] = {
    "env=dark/room", "steps=240",    "log.every=20",   "checkpoint.every=60", "rl2.streams=4",
    "rl2.unroll=20", "rl2.width=8", "rl2.episodes=2", NULL};

static void set_option(ppi_options *set, const char *text, const char *out) {
    char name[256];
    char value[256];
    snprintf(name, sizeof name, "%s", text);
    char *equals = strchr(name, '=');
    *equals = '\0';
    if (strncmp(equals + 1, "RUN", 3) == 0) {
        snprintf(value, sizeof value, "%s%s", out, equals + 4);
    } else {
        snprintf(value, sizeof value, "%s", equals + 1);
    }
    OK(ppi_options_set(set, name, value, "test"));
}

static ppi_learn_job *learn_job(const char *method, const char *out, const char *const *options,
                                const char *resume) {
    const ppi_method *m = NULL;
    ppi_learn_job *job = NULL;
    OK(ppi_method_find(&m, method));
    OK(ppi_learn_job_create(&job, m));
    ppi_options *set = ppi_learn_job_options(job);
    OK(ppi_options_set(set, "out", out, "test"));
    OK(ppi_options_set(set, "threads", "1", "test"));
    OK(ppi_options_set(set, "resume", resume, "test"));
    for (int i = 0; options[i] != NULL; i++) set_option(set, options[i], out);
    return job;
}

static pp_status learn(const char *method, const char *out, const char *const *options,
                       const char *resume, ppi_learn_result *result) {
    ppi_learn_job *job = learn_job(method, out, options, resume);
    const pp_status s = ppi_learn_run(job, result);
    ppi_learn_job_destroy(job);
    return s;
}

static int setup(void **state) {
    (void)state;
    OK(ppi_dir_remove("runs"));
    OK(learn("dqn", "runs/deep", deep, "", NULL));
    OK(learn("qtable", "runs/table", table, "", NULL));
    OK(learn("rl2", "runs/recurrent", recurrent, "", NULL));
    return 0;
}

static void assert_same_file(const char *a, const char *b, const char *name) {
    char path[PPI_PATH_SIZE];
    char *x = NULL, *y = NULL;
    size_t n = 0, m = 0;
    OK(ppi_path_join(path, sizeof path, a, name));
    OK(ppi_file_read_all(path, &x, &n));
    OK(ppi_path_join(path, sizeof path, b, name));
    OK(ppi_file_read_all(path, &y, &m));
    if (n != m || memcmp(x, y, n) != 0) fail_msg("%s differs in %s and %s", name, a, b);
    ppi_free(x);
    ppi_free(y);
}

/* Figures, weights, moments, learner and histories, to the last bit. */
static void assert_same_run(const char *a, const char *b, bool moments, const char *const *games) {
    double returns[STEPS + 1];
    int ended = 0; /* rows behind the first end of an episode */
    read_figures(a, "charts/episodic_return", STEPS, returns);
    for (int i = 0; i <= STEPS; i++) ended += isfinite(returns[i]);
    assert_true(ended > 1);
    assert_same_figures(a, b, "charts/episodic_return", STEPS, ended);
    assert_same_figures(a, b, "time/emulator_frames", STEPS, STEPS / 20);
    assert_same_weights(a, b, STEPS);
    assert_same_file(a, b, "checkpoints/step_00000240/learner.bin");
    if (moments) {
        assert_same_file(a, b, "checkpoints/step_00000240/optimizer.safetensors");
    }
    for (int g = 0; games[g] != NULL; g++) {
        char name[256];
        snprintf(name, sizeof name, "data/%s/data/main_data.hdf5", games[g]);
        assert_same_file(a, b, name);
    }
}

static const char *const deep_sets[] = {"arcade/catch/dqn-v0", "arcade/breakout/dqn-v0", NULL};
static const char *const table_sets[] = {"dark/room/qtable-v0", NULL};

static void leaves_a_run_folder(void **state) {
    static const char *const files[] = {"config.resolved.ini",
                                        "version.json",
                                        "stdout.log",
                                        "progress.csv",
                                        "metrics.jsonl",
                                        "checkpoints/latest",
                                        "data/arcade/catch/dqn-v0/data/metadata.json"};
    char path[PPI_PATH_SIZE];
    double losses[STEPS + 1];
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        OK(ppi_path_join(path, sizeof path, "runs/deep", files[i]));
        if (!ppi_file_exists(path)) fail_msg("%s is missing", path);
    }
    read_figures("runs/deep", "losses/total", STEPS, losses);
    assert_true(isnan(losses[20])); /* nothing learned yet */
    assert_true(isfinite(losses[STEPS]));
}

static void histories_hold_every_stream(void **state) {
    ppi_dataset *set = NULL;
    ppi_dataset_stats stats;
    (void)state;
    OK(ppi_dataset_open(&set, "runs/deep/data/arcade/catch/dqn-v0"));
    ppi_dataset_statistics(set, &stats);
    assert_int_equal(stats.steps, STEPS / 2); /* one game of two, both of its streams */
    ppi_dataset_close(set);
    OK(ppi_dataset_open(&set, "runs/table/data/dark/room/qtable-v0"));
    ppi_dataset_statistics(set, &stats);
    assert_int_equal(stats.steps, STEPS);
    assert_int_equal(stats.episodes, STEPS / 20);
    ppi_dataset_close(set);
}

static void killed_at(const char *method, const char *out, const char *const *options,
                      ppi_fault_kind kind, int64_t at) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ppi_learn_job *job = learn_job(method, out, options, "");
        ppi_fault_handler(die);
        ppi_fault_set(kind, at);
        _exit(ppi_learn_run(job, NULL) == PP_OK ? 0 : 9);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL);
}

/* Writes, syncs and renames of an unbroken run. */
static int64_t operations(const char *method, const char *out, const char *const *options,
                          ppi_fault_kind kind) {
    OK(ppi_dir_remove(out));
    ppi_fault_set(kind, INT64_MAX);
    OK(learn(method, out, options, "", NULL));
    const int64_t count = INT64_MAX - ppi_fault_left(kind);
    ppi_fault_clear();
    return count;
}

static void kill_and_resume(const char *method, const char *const *options, bool moments,
                            const char *whole, const char *const *sets) {
    static const ppi_fault_kind kinds[] = {PPI_FAULT_WRITE, PPI_FAULT_FSYNC, PPI_FAULT_RENAME};
    enum { MOMENTS = 4 };
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        const int64_t count = operations(method, "runs/killed", options, kinds[k]);
        assert_true(count > MOMENTS);
        for (int i = 0; i < MOMENTS; i++) {
            OK(ppi_dir_remove("runs/killed"));
            killed_at(method, "runs/killed", options, kinds[k],
                      1 + i * (count - 1) / (MOMENTS - 1));
            OK(learn(method, "runs/killed", options, "auto", NULL));
            assert_same_run(whole, "runs/killed", moments, sets);
        }
    }
}

static void killed_deep_runs_resume_exactly(void **state) {
    (void)state;
    kill_and_resume("dqn", deep, true, "runs/deep", deep_sets);
}

static void killed_recurrent_runs_resume_exactly(void **state) {
    static const char *const no_sets[] = {NULL};
    (void)state;
    kill_and_resume("rl2", recurrent, true, "runs/recurrent", no_sets);
}

static void killed_table_runs_resume_exactly(void **state) {
    (void)state;
    kill_and_resume("qtable", table, false, "runs/table", table_sets);
}

/* The options of the deep run without --log-data, and some more (NULL = none). */
static const char *const *without_dataset(const char **list, const char *more, const char *other) {
    int n = 0;
    for (int i = 0; deep[i] != NULL; i++) {
        if (strncmp(deep[i], "log-data", 8) != 0) list[n++] = deep[i];
    }
    if (more != NULL) list[n++] = more;
    if (other != NULL) list[n++] = other;
    list[n] = NULL;
    return list;
}

static const char *const no_sets[] = {NULL};

/* Without --log-data the replay still finds its past, in a journal of the run. */
static void replay_needs_no_dataset(void **state) {
    const char *list[16];
    const char *const *quiet = without_dataset(list, "checkpoint.replay=off", NULL);
    (void)state;
    const int64_t count = operations("dqn", "runs/quiet", quiet, PPI_FAULT_RENAME);
    OK(ppi_dir_remove("runs/quiet"));
    killed_at("dqn", "runs/quiet", quiet, PPI_FAULT_RENAME, count * 2 / 3);
    assert_true(ppi_dir_exists("runs/quiet/replay"));
    OK(learn("dqn", "runs/quiet", quiet, "auto", NULL));
    assert_same_run("runs/deep", "runs/quiet", true, no_sets);
    assert_false(ppi_dir_exists("runs/quiet/replay"));
}

/* A finished run goes on to a later end as if that had been asked for from the start; not to an
 * earlier one, and not without its replay. */
static void finished_runs_are_lengthened(void **state) {
    const char *half_list[16];
    const char *whole_list[16];
    const char *gone_list[16];
    const char *const *half = without_dataset(half_list, "steps=120", NULL);
    const char *const *whole = without_dataset(whole_list, NULL, NULL);
    const char *const *gone = without_dataset(gone_list, "steps=120", "checkpoint.replay=off");
    ppi_learn_result r;
    (void)state;
    OK(ppi_dir_remove("runs/longer"));
    OK(learn("dqn", "runs/longer", half, "", &r));
    assert_int_equal(r.steps, 120);
    assert_true(ppi_dir_exists("runs/longer/replay"));
    OK(learn("dqn", "runs/longer", whole, "auto", &r));
    assert_int_equal(r.steps, STEPS);
    assert_same_run("runs/deep", "runs/longer", true, no_sets);
    FAILS(learn("dqn", "runs/longer", half, "auto", NULL), PP_ERR_ARGUMENT, "steps played 240");
    OK(ppi_dir_remove("runs/gone"));
    OK(learn("dqn", "runs/gone", gone, "", NULL));
    FAILS(learn("dqn", "runs/gone", whole, "auto", NULL), PP_ERR_NOT_FOUND, "checkpoint.replay");
}

/* Evaluations change nothing, and `best` names the checkpoint of the highest score, for a run that
 * was killed too. */
static void evaluations_choose_the_best(void **state) {
    const char *list[16];
    const char *const *judged = without_dataset(list, "eval.every=80", "eval.episodes=2");
    double value[STEPS + 1];
    char wanted[32];
    int best = 0;
    (void)state;
    const int64_t count = operations("dqn", "runs/judged", judged, PPI_FAULT_RENAME);
    assert_same_run("runs/deep", "runs/judged", true, no_sets);
    read_figures("runs/judged", "eval/episodic_return", STEPS, value);
    for (int i = 1; i <= STEPS; i++) {
        assert_int_equal(isfinite(value[i]), i % 80 == 0);
        if (i % 80 == 0 && (best == 0 || value[i] > value[best])) best = i;
    }
    for (int killed = 0; killed < 2; killed++) {
        char *text = NULL;
        size_t size = 0;
        if (killed) {
            OK(ppi_dir_remove("runs/judged"));
            killed_at("dqn", "runs/judged", judged, PPI_FAULT_RENAME, count * 2 / 3);
            OK(learn("dqn", "runs/judged", judged, "auto", NULL));
            assert_same_run("runs/deep", "runs/judged", true, no_sets);
        }
        assert_true(ppi_file_exists("runs/judged/eval/step_00000080.json"));
        OK(ppi_file_read_all("runs/judged/checkpoints/best", &text, &size));
        snprintf(wanted, sizeof wanted, "step_%08d\n", best);
        assert_string_equal(text, wanted);
        ppi_free(text);
    }
}

/* Killed between the commits of two datasets: the run is through, one journal is left. */
static void last_journal_becomes_a_dataset(void **state) {
    (void)state;
    const int64_t count = operations("dqn", "runs/last", deep, PPI_FAULT_RENAME);
    for (int64_t at = count - 3; at <= count; at++) {
        OK(ppi_dir_remove("runs/last"));
        killed_at("dqn", "runs/last", deep, PPI_FAULT_RENAME, at);
        OK(learn("dqn", "runs/last", deep, "auto", NULL));
        assert_same_run("runs/deep", "runs/last", true, deep_sets);
    }
}

static void interruption_saves(void **state) {
    (void)state;
    OK(ppi_dir_remove("runs/stopped"));
    ppi_interrupt_raise();
    const pp_status s = learn("dqn", "runs/stopped", deep, "", NULL);
    ppi_interrupt_clear();
    assert_int_equal(s, PP_ERR_INTERRUPTED);
    assert_non_null(strstr(pp_last_error(), "polyplay train dqn --out runs/stopped --resume auto"));
    OK(learn("dqn", "runs/stopped", deep, "auto", NULL));
    assert_same_run("runs/deep", "runs/stopped", true, deep_sets);
}

/* The disk is full from some write on; with room again the run goes on as if nothing had happened.
 */
static void full_disk_loses_nothing(void **state) {
    enum { MOMENTS = 3 };
    (void)state;
    const int64_t count = operations("dqn", "runs/full", deep, PPI_FAULT_WRITE);
    for (int i = 0; i < MOMENTS; i++) {
        OK(ppi_dir_remove("runs/full"));
        ppi_fault_set_lasting(PPI_FAULT_WRITE, 1 + i * (count - 1) / (MOMENTS - 1));
        const pp_status s = learn("dqn", "runs/full", deep, "", NULL);
        ppi_fault_clear();
        assert_int_equal(s, PP_ERR_NO_SPACE);
        OK(learn("dqn", "runs/full", deep, "auto", NULL));
        assert_same_run("runs/deep", "runs/full", true, deep_sets);
    }
}

/* A learning rate without measure: the loss leaves the numbers, the checkpoint before it stays. */
static void loss_that_is_not_finite_stops(void **state) {
    static const char *const wild[] = {"env=arcade/catch", "steps=4000",           "optim.lr=100",
                                       "optim.clip=0",     "checkpoint.every=320", NULL};
    char text[PPI_ERROR_TEXT_SIZE];
    ppi_checkpoint *ck = ppi_calloc(1, sizeof *ck);
    (void)state;
    assert_non_null(ck);
    OK(ppi_dir_remove("runs/wild"));
    assert_int_equal(learn("impala", "runs/wild", wild, "", NULL), PP_ERR_NUMERIC);
    snprintf(text, sizeof text, "%s", pp_last_error());
    OK(ppi_checkpoint_open(ck, "runs/wild", false));
    assert_non_null(strstr(text, "the last good checkpoint is runs/wild/checkpoints/step_"));
    assert_non_null(strstr(text, ck->folder));
    ppi_checkpoint_close(ck);
    ppi_free(ck);
}

static void finished_runs_stay(void **state) {
    static const char *const longer[] = {"env=dark/room", "env.task=12", "steps=480",
                                         "log-data=RUN/data", NULL};
    static const char *const other[] = {"env=dark/room", "steps=20", "log-data=runs/table/data",
                                        NULL};
    static const char *const more[] = {
        "env=dark/room", "env.task=12",   "steps=40", "log-data=runs/table/data",
        "seed=9",        "log-append=on", NULL};
    ppi_learn_result r;
    (void)state;
    OK(learn("qtable", "runs/table", table, "auto", &r));
    assert_int_equal(r.steps, STEPS);
    FAILS(learn("qtable", "runs/table", table, "", NULL), PP_ERR_EXISTS, "--resume auto");
    FAILS(learn("qtable", "runs/table", longer, "auto", NULL), PP_ERR_EXISTS, "qtable-v0");
    OK(ppi_dir_remove("runs/other"));
    FAILS(learn("qtable", "runs/other", other, "", NULL), PP_ERR_EXISTS, "--append");
    OK(ppi_dir_remove("runs/other"));
    OK(learn("qtable", "runs/other", more, "", &r));
    assert_string_equal(r.dataset, "runs/table/data/dark/room/qtable-v0");
}

static pp_status evaluate(const char *run, const char *const *options, ppi_eval_result *result) {
    ppi_eval_job *job = NULL;
    OK(ppi_eval_job_create(&job, run));
    ppi_options *set = ppi_eval_job_options(job);
    OK(ppi_options_set(set, "threads", "1", "test"));
    for (int i = 0; options[i] != NULL; i++) set_option(set, options[i], run);
    const pp_status s = ppi_eval(job, NULL, result);
    ppi_eval_job_destroy(job);
    return s;
}

/* The agent plays all games of its run, on boards padded as it knows them. */
static void learned_agents_play(void **state) {
    static const char *const games[] = {"env=arcade/catch,arcade/breakout", "episodes=4", NULL};
    static const char *const new_game[] = {"env=arcade/freeway", "episodes=1", "env.cap=50", NULL};
    static const char *const too_large[] = {"env=arcade/2048", "episodes=1", NULL};
    static const char *const task[] = {"env=dark/room", "episodes=4", NULL};
    ppi_eval_result r;
    (void)state;
    OK(evaluate("runs/deep", games, &r));
    assert_int_equal(r.n_games, 2);
    assert_true(r.game[0].mean >= -1 && r.game[0].mean <= 1);
    ppi_eval_result_free(&r);
    OK(evaluate("runs/deep", new_game, &r));
    ppi_eval_result_free(&r);
    FAILS(evaluate("runs/deep", too_large, &r), PP_ERR_SHAPE, "arcade/2048");
    OK(evaluate("runs/table", task, &r));
    ppi_eval_result_free(&r);
}

/* Episode e plays task e of the side; results do not depend on how many play together. */
static void tasks_of_a_family_are_evaluated(void **state) {
    static const char *const one[] = {"env=dark/room", "episodes=24", "tasks=all", "envs=1", NULL};
    static const char *const many[] = {"env=dark/room", "episodes=24", "tasks=all", "envs=7", NULL};
    static const char *const wrong[] = {"env=dark/room", "episodes=1", "tasks=some", NULL};
    ppi_eval_result a, b;
    (void)state;
    OK(evaluate("runs/table", one, &a));
    OK(evaluate("runs/table", many, &b));
    for (int e = 0; e < 24; e++) assert_true(a.returns[e] == b.returns[e]);
    assert_true(a.game[0].distinct > 1);
    ppi_eval_result_free(&a);
    ppi_eval_result_free(&b);
    FAILS(evaluate("runs/table", wrong, &a), PP_ERR_ARGUMENT, "train, test or all");
}

/* An agent is not tested on the task it was trained on, whichever side that is on. */
static void training_task_is_no_test(void **state) {
    static const char *const test[] = {"env=dark/room", "episodes=2", "tasks=test", NULL};
    char train_on[64];
    const char *options[] = {"env=dark/room", train_on, "steps=40", NULL};
    ppi_tasks tasks;
    ppi_eval_result r;
    (void)state;
    OK(ppi_tasks_split(&tasks, "dark/room", PPI_TASKS_TEST, 0));
    snprintf(train_on, sizeof train_on, "env.task=%d", (int)tasks.task[0]);
    ppi_tasks_free(&tasks);
    OK(ppi_dir_remove("runs/tested"));
    OK(learn("qtable", "runs/tested", options, "", NULL));
    FAILS(evaluate("runs/tested", test, &r), PP_ERR_ARGUMENT, "trained on");
}

/* Trials draw their tasks; what names or stores one task is refused. */
static void bad_trials(void **state) {
    static const char *const task[] = {"env=dark/room", "env.task=3", NULL};
    static const char *const stored[] = {"env=dark/room", "log-data=RUN/data", NULL};
    static const char *const side[] = {"env=dark/room", "tasks=test", NULL};
    (void)state;
    FAILS(learn("rl2", "runs/bad", task, "", NULL), PP_ERR_ARGUMENT, "--env.split-seed");
    FAILS(learn("rl2", "runs/bad", stored, "", NULL), PP_ERR_ARGUMENT, "--log-data");
    FAILS(learn("qtable", "runs/bad", side, "", NULL), PP_ERR_ARGUMENT, "--env.task");
    assert_false(ppi_dir_exists("runs/bad"));
}

static void bad_options(void **state) {
    static const char *const nothing[] = {NULL};
    static const char *const data[] = {"env=dark/room", "data=data/x", NULL};
    static const char *const size[] = {"env=dark/room", "model=smal", NULL};
    static const char *const game[] = {"env=dark/rom", NULL};
    static const char *const replay[] = {"env=arcade/catch", "replay.capacity=1000000000",
                                         "replay.memory=1", NULL};
    const ppi_method *m = NULL;
    ppi_learn_job *job = NULL;
    ppi_train_job *offline = NULL;
    (void)state;
    FAILS(learn("qtable", "runs/bad", nothing, "", NULL), PP_ERR_ARGUMENT, "--env");
    FAILS(learn("qtable", "runs/bad", data, "", NULL), PP_ERR_ARGUMENT, "mgdt, bc");
    FAILS(learn("qtable", "runs/bad", size, "", NULL), PP_ERR_NOT_FOUND, "small");
    FAILS(learn("qtable", "runs/bad", game, "", NULL), PP_ERR_NOT_FOUND, "dark/room");
    FAILS(learn("dqn", "runs/bad", replay, "", NULL), PP_ERR_ARGUMENT, "replay");
    assert_false(ppi_dir_exists("runs/bad"));
    OK(ppi_method_find(&m, "mgdt"));
    FAILS(ppi_learn_job_create(&job, m), PP_ERR_ARGUMENT, "--data");
    FAILS(ppi_train_job_create(&offline, "dqn"), PP_ERR_ARGUMENT, "--env");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_a_run_folder),
        cmocka_unit_test(histories_hold_every_stream),
        cmocka_unit_test(killed_deep_runs_resume_exactly),
        cmocka_unit_test(killed_table_runs_resume_exactly),
        cmocka_unit_test(killed_recurrent_runs_resume_exactly),
        cmocka_unit_test(replay_needs_no_dataset),
        cmocka_unit_test(finished_runs_are_lengthened),
        cmocka_unit_test(evaluations_choose_the_best),
        cmocka_unit_test(last_journal_becomes_a_dataset),
        cmocka_unit_test(interruption_saves),
        cmocka_unit_test(full_disk_loses_nothing),
        cmocka_unit_test(loss_that_is_not_finite_stops),
        cmocka_unit_test(learned_agents_play),
        cmocka_unit_test(tasks_of_a_family_are_evaluated),
        cmocka_unit_test(training_task_is_no_test),
        cmocka_unit_test(finished_runs_stay),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(bad_trials),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
