/* In-context evaluation from the folder of a run to its files, on a small network that was trained
   for a few steps on histories of a table learner. */
#include "fault_test.h"

#include "base/signal.h"
#include "data/dataset.h"
#include "env/tasks.h"
#include "run/collect_learn.h"
#include "run/eval.h"
#include "run/eval_prompt.h"
#include "run/eval_source.h"
#include "run/load.h"

#define ROOM     "data/dark/room/qtable-v0"
#define HELD_OUT "data/dark/room/noise-test-v0"
#define BANDIT   "data/bandit/train/ucb-v0"

enum { RUNS = 6, EPISODES = 8, STEPS = 20, HISTORIES = 6, CONTEXT = 20 };

static void collect(const char *learner, const char *const *options) {
    ppi_collect_job *job = NULL;
    OK(ppi_collect_job_create(&job, learner));
    OK(ppi_options_set(ppi_collect_job_options(job), "out", "data", "test"));
    OK(ppi_options_set(ppi_collect_job_options(job), "threads", "1", "test"));
    set_options(ppi_collect_job_options(job), options);
    OK(ppi_collect_job_run(job, NULL));
    ppi_collect_job_destroy(job);
}

static void train(const char *data, const char *out, const char *const *options) {
    static const char *const common[] = {"model=tiny", "batch=4",     "threads=1", "dtype=f32",
                                         "steps=6",    "log.every=1", NULL};
    ppi_train_job *job = NULL;
    OK(ppi_train_job_create(&job, "ad"));
    ppi_options *set = ppi_train_job_options(job);
    OK(ppi_options_set(set, "data", data, "test"));
    OK(ppi_options_set(set, "out", out, "test"));
    set_options(set, common);
    set_options(set, options);
    OK(ppi_train(job, NULL));
    ppi_train_job_destroy(job);
}

static int setup(void **state) {
    static const char *const room[] = {"env=dark/room", "tasks=train", "histories=6", "steps=2000",
                                       NULL};
    static const char *const held_out[] = {"env=dark/room", "tasks=test",         "histories=4",
                                           "steps=2000",    "name=noise-test-v0", NULL};
    static const char *const arms[] = {"env=bandit/train", "tasks=train", "histories=20", NULL};
    static const char *const context[] = {"model.context=20", NULL};
    (void)state;
    OK(ppi_dir_remove("data"));
    OK(ppi_dir_remove("runs"));
    OK(ppi_dir_remove("records"));
    collect("qtable", room);
    collect("noise", held_out);
    collect("ucb", arms);
    train(ROOM, "runs/room", context);
    train(BANDIT, "runs/arms", context);
    return 0;
}

/* The evaluation of a run; options are "name=value" texts, the last one NULL. */
static pp_status evaluate(const char *run, const char *const *options, ppi_buf *report,
                          ppi_eval_result *result) {
    ppi_eval_job *job = NULL;
    ppi_eval_result local = {0};
    OK(ppi_eval_job_create(&job, run));
    ppi_options *set = ppi_eval_job_options(job);
    OK(ppi_options_set(set, "env", "dark/room", "test"));
    OK(ppi_options_set(set, "runs", "6", "test"));
    OK(ppi_options_set(set, "episodes", "8", "test"));
    OK(ppi_options_set(set, "threads", "1", "test"));
    OK(ppi_options_set(set, "out", "records", "test"));
    set_options(set, options);
    const pp_status s = ppi_eval(job, report, result != NULL ? result : &local);
    if (result == NULL && s == PP_OK) ppi_eval_result_free(&local);
    ppi_eval_job_destroy(job);
    return s;
}

static const ppi_json *member(const ppi_json *object, const char *key) {
    const ppi_json *value = ppi_json_find(object, key);
    if (value == NULL) fail_msg("the record lacks '%s'", key);
    return value;
}

static double number(const ppi_json *object, const char *key) {
    double value = NAN;
    OK(ppi_json_get_f64(object, key, &value));
    return value;
}

static char *text_of(const char *record, const char *ending) {
    char path[PPI_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%.*s%s", (int)(strlen(record) - 5), record, ending);
    OK(ppi_file_read_all(path, &text, &size));
    return text;
}

/* Row e of the table is the mean over the runs of their episode e; the tasks are those of the test
   side in turn. */
static void check_table(const char *record, const ppi_json *game) {
    char *text = text_of(record, ".csv");
    char *rest = NULL;
    ppi_tasks split;
    const ppi_json *runs = member(game, "runs");
    char *line = strtok_r(text, "\n", &rest);
    assert_string_equal(line, "episode,steps,mean,std,low,high,smoothed,source_all_actors,"
                              "source_one_stream");
    OK(ppi_tasks_split(&split, "dark/room", PPI_TASKS_TEST, 0));
    assert_int_equal(ppi_json_count(runs), RUNS);
    for (int e = 0; e < EPISODES; e++) {
        double sum = 0;
        double row[7];
        line = strtok_r(NULL, "\n", &rest);
        assert_int_equal(sscanf(line, "%lf,%lf,%lf,%lf,%lf,%lf,%lf", &row[0], &row[1], &row[2],
                                &row[3], &row[4], &row[5], &row[6]),
                         7);
        for (int r = 0; r < RUNS; r++) {
            double value = NAN;
            const ppi_json *run = ppi_json_at(runs, r);
            assert_true(number(run, "task") == (double)ppi_tasks_pick(&split, r));
            OK(ppi_json_as_f64(ppi_json_at(member(run, "returns"), e), "return", &value));
            sum += value;
        }
        assert_true(row[0] == e + 1);
        assert_true(row[1] == STEPS * (e + 1));
        assert_float_equal(row[2], sum / RUNS, 1e-12);
        assert_true(row[4] <= row[2] && row[2] <= row[5]);
    }
    assert_null(strtok_r(NULL, "\n", &rest));
    ppi_tasks_free(&split);
    ppi_free(text);
}

static void record_table_and_picture(void **state) {
    ppi_buf report = {0};
    ppi_eval_result result = {0};
    ppi_json *record = NULL;
    const char *side = NULL;
    (void)state;
    OK(evaluate("runs/room", NULL, &report, &result));
    assert_true(result.in_context);
    assert_non_null(strstr(report.data, "6 runs of 8 episodes on 6 tasks of the side test"));
    assert_non_null(strstr(report.data, "source qtable (dark/room/qtable-v0): 6 histories"));
    assert_non_null(strstr(report.data, "protocol native, in context"));
    assert_non_null(strstr(report.data, "final values of the runs: min"));
    OK(ppi_json_load(&record, result.record));
    const ppi_json *game = ppi_json_at(member(record, "games"), 0);
    const ppi_json *context = member(game, "in_context");
    assert_true(number(context, "episodes") == EPISODES);
    assert_true(number(context, "runs_on_tasks_trained_on") == 0);
    assert_true(number(context, "final_over") == 1);
    OK(ppi_json_get_string(context, "side", &side));
    assert_string_equal(side, "test");
    assert_float_equal(number(member(context, "score"), "value"), result.game[0].mean, 1e-12);
    assert_true(number(ppi_json_at(member(game, "source"), 0), "histories") == HISTORIES);
    check_table(result.record, game);
    char *svg = text_of(result.record, ".svg");
    assert_non_null(strstr(svg, "</svg>"));
    assert_non_null(strstr(svg, "source qtable"));
    ppi_free(svg);
    ppi_json_free(record);
    ppi_buf_free(&report);
    ppi_eval_result_free(&result);
}

static void equal_for_any_batch_and_threads(void **state) {
    static const char *const shapes[][3] = {{"envs=1", "threads=1", NULL},
                                            {"envs=4", "threads=2", NULL},
                                            {"envs=16", "threads=2", NULL}};
    ppi_eval_result first = {0};
    (void)state;
    OK(evaluate("runs/room", NULL, NULL, &first));
    assert_int_equal(first.episodes, EPISODES);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        ppi_eval_result other = {0};
        OK(evaluate("runs/room", shapes[i], NULL, &other));
        assert_memory_equal(first.returns, other.returns, EPISODES * sizeof *first.returns);
        ppi_eval_result_free(&other);
    }
    ppi_eval_result_free(&first);
}

static void tasks_trained_on_are_refused(void **state) {
    static const char *const other_split[] = {"env.split-seed=3", "runs=16", NULL};
    static const char *const allowed[] = {"env.split-seed=3", "runs=16", "allow-seen=on", NULL};
    static const char *const trained[] = {"tasks=train", NULL};
    static const char *const held[] = {"tasks=held", NULL};
    static const char *const wrong[] = {"tasks=tests", NULL};
    char task[32];
    const char *const one[] = {task, NULL};
    ppi_tasks split;
    ppi_buf report = {0};
    (void)state;
    /* 6 of 81 tasks were trained on: the 16 test tasks of another split hold one of them. */
    FAILS(evaluate("runs/room", other_split, NULL, NULL), PP_ERR_ARGUMENT,
          "was in the training set of this agent");
    OK(evaluate("runs/room", allowed, &report, NULL));
    assert_non_null(strstr(report.data, "runs on tasks trained on"));
    ppi_buf_clear(&report);
    OK(evaluate("runs/room", trained, &report, NULL));
    assert_non_null(
        strstr(report.data, "6 tasks of the side train (split seed 0), 6 runs on tasks"));
    ppi_buf_clear(&report);
    OK(evaluate("runs/room", held, &report, NULL));
    assert_non_null(strstr(report.data, "6 tasks of the side held (split seed 0)\n"));
    OK(ppi_tasks_split(&split, "dark/room", PPI_TASKS_TRAIN, 0));
    snprintf(task, sizeof task, "env.task=%d", (int)split.task[2]);
    FAILS(evaluate("runs/room", one, NULL, NULL), PP_ERR_ARGUMENT, "was in the training set");
    snprintf(task, sizeof task, "env.task=%d", (int)split.task[HISTORIES]);
    OK(evaluate("runs/room", one, NULL, NULL));
    FAILS(evaluate("runs/room", wrong, NULL, NULL), PP_ERR_ARGUMENT, "'tests'");
    ppi_tasks_free(&split);
    ppi_buf_free(&report);
}

static void prompts_begin_the_context(void **state) {
    static const char *const prompted[] = {"prompt=" HELD_OUT, "runs=4", "prompt.fraction=0.4",
                                           NULL};
    static const char *const many[] = {"prompt=" HELD_OUT, NULL};
    static const char *const long_one[] = {"prompt=" HELD_OUT, "prompt.steps=21", NULL};
    static const char *const other[] = {"prompt=" BANDIT, NULL};
    ppi_eval_result result = {0};
    ppi_buf report = {0};
    ppi_dataset *d = NULL;
    ppi_json *record = NULL;
    (void)state;
    OK(evaluate("runs/room", prompted, &report, &result));
    assert_non_null(strstr(report.data, "20 steps up to where a history has 0.4 of its final"));
    OK(ppi_json_load(&record, result.record));
    OK(ppi_dataset_open(&d, HELD_OUT));
    const ppi_json *game = ppi_json_at(member(record, "games"), 0);
    assert_true(number(member(member(game, "in_context"), "prompt"), "fraction") == 0.4);
    for (int r = 0; r < 4; r++) {
        const ppi_json *run = ppi_json_at(member(game, "runs"), r);
        const int64_t history = (int64_t)number(run, "prompt_history");
        assert_true(number(run, "prompt_steps") == CONTEXT);
        assert_true((double)ppi_dataset_group(d, history)->task == number(run, "task"));
    }
    ppi_dataset_close(d);
    ppi_json_free(record);
    ppi_buf_free(&report);
    ppi_eval_result_free(&result);
    FAILS(evaluate("runs/room", many, NULL, NULL), PP_ERR_ARGUMENT, "has no history of task");
    FAILS(evaluate("runs/room", long_one, NULL, NULL), PP_ERR_ARGUMENT,
          "21 steps, the agent's context holds 20");
    FAILS(evaluate("runs/room", other, NULL, NULL), PP_ERR_ARGUMENT, "is of bandit/train");
}

/* A prompt is the rows of a history up to the first place with the wanted return. */
static void prompts_are_stretches_of_histories(void **state) {
    ppi_loaded l;
    ppi_options *set = NULL;
    ppi_dataset *d = NULL;
    ppi_prompt_set prompts;
    const ppi_prompt_options o = {.dataset = HELD_OUT, .fraction = 0.5, .steps = 7};
    (void)state;
    OK(ppi_options_create(&set));
    OK(ppi_loaded_open(&l, "runs/room", set));
    OK(ppi_loaded_create(&l, set, NULL, 1, 1, 1));
    OK(ppi_dataset_open(&d, HELD_OUT));
    const int64_t task = ppi_dataset_group(d, 2)->task;
    OK(ppi_prompt_set_create(&prompts, &o, l.agent, "dark/room", &task, 1));
    const ppi_group *g = ppi_dataset_group(d, 2);
    const int64_t end = prompts.end[0];
    assert_int_equal(prompts.history[0], g->group);
    assert_int_equal(prompts.prompt[0].steps, 7);
    assert_int_equal(end % STEPS, 0);
    uint8_t obs[7 * 2];
    OK(ppi_dataset_read_observations(d, 2, end - 7, 7, obs));
    assert_memory_equal(prompts.prompt[0].obs, obs, sizeof obs);
    for (int t = 0; t < 7; t++) {
        const int64_t row = g->row + end - 7 + t;
        assert_int_equal(prompts.prompt[0].action[t], ppi_dataset_actions(d)[row]);
        assert_true(prompts.prompt[0].reward[t] == ppi_dataset_rewards(d)[row]);
    }
    /* Ten episodes before the place have the mean, ten before that do not. */
    const int64_t e = g->first_episode + end / STEPS - 1;
    double mean = 0;
    double earlier = 0;
    double final = 0;
    for (int k = 0; k < 10; k++) {
        mean += ppi_dataset_episode(d, e - k)->info.reward_sum / 10;
        if (e - k > g->first_episode)
            earlier += ppi_dataset_episode(d, e - k - 1)->info.reward_sum / 10;
        final +=
            ppi_dataset_episode(d, g->first_episode + g->episodes - 1 - k)->info.reward_sum / 10;
    }
    assert_float_equal(prompts.level[0], mean, 1e-9);
    assert_true(mean >= 0.5 * final);
    assert_true(earlier < 0.5 * final || end == 10 * STEPS);
    ppi_prompt_set_free(&prompts);
    ppi_dataset_close(d);
    ppi_loaded_close(&l);
    ppi_options_destroy(set);
}

/* One run: figures, a table and a picture, and nowhere an interval. */
static void one_run_has_no_intervals(void **state) {
    static const char *const one[] = {"runs=1", NULL};
    ppi_eval_result result = {0};
    ppi_buf report = {0};
    ppi_json *record = NULL;
    (void)state;
    OK(evaluate("runs/room", one, &report, &result));
    assert_non_null(strstr(report.data, "1 run of 8 episodes on 1 task of the side test"));
    assert_non_null(strstr(report.data, "figures of one run, which has no interval"));
    assert_null(strstr(report.data, "["));
    OK(ppi_json_load(&record, result.record));
    const ppi_json *context = member(ppi_json_at(member(record, "games"), 0), "in_context");
    assert_int_equal(ppi_json_kind_of(member(member(context, "final"), "low")), PPI_JSON_NULL);
    assert_true(number(member(context, "score"), "value") == result.game[0].mean);
    char *csv = text_of(result.record, ".csv");
    assert_non_null(strstr(csv, "\n1,20,"));
    ppi_free(csv);
    char *svg = text_of(result.record, ".svg");
    assert_non_null(strstr(svg, "in context, one run"));
    assert_null(strstr(svg, "nan"));
    ppi_free(svg);
    ppi_json_free(record);
    ppi_buf_free(&report);
    ppi_eval_result_free(&result);
}

static void bandits_have_a_scale(void **state) {
    static const char *const even[] = {"env=bandit/even", "episodes=1", NULL};
    ppi_eval_result result = {0};
    ppi_json *record = NULL;
    ppi_buf report = {0};
    (void)state;
    OK(evaluate("runs/arms", even, &report, &result));
    OK(ppi_json_load(&record, result.record));
    const ppi_json *bandit = member(ppi_json_at(member(record, "games"), 0), "bandit");
    const double random = number(bandit, "random");
    const double ucb = number(bandit, "ucb");
    const double score = number(member(bandit, "normalised_score"), "value");
    assert_true(random > 40 && random < 60); /* 50 and 76 over many arms */
    assert_true(ucb > random + 10);
    assert_float_equal(score, (result.returns[0] - random) / (ucb - random), 1e-9);
    assert_float_equal(result.game[0].hns, score, 1e-12);
    assert_non_null(strstr(report.data, "normalised score"));
    char *csv = text_of(result.record, ".csv");
    int lines = 0;
    for (const char *c = csv; *c != '\0'; c++) lines += *c == '\n';
    assert_int_equal(lines, 101);
    ppi_free(csv);
    ppi_buf_free(&report);
    ppi_json_free(record);
    ppi_eval_result_free(&result);
}

static void other_spaces_and_options(void **state) {
    static const char *const hard[] = {"env=dark/room-hard", NULL};
    static const char *const catch_game[] = {"env=arcade/catch", NULL};
    static const char *const source[] = {"source=data/none", NULL};
    (void)state;
    FAILS(evaluate("runs/room", hard, NULL, NULL), PP_ERR_SHAPE, "values up to 16");
    assert_int_not_equal(evaluate("runs/room", catch_game, NULL, NULL), PP_OK);
    FAILS(evaluate("runs/room", source, NULL, NULL), PP_ERR_NOT_FOUND, "data/none");
    FAILS(evaluate("random", NULL, NULL, NULL), PP_ERR_ARGUMENT,
          "runs is of agents that learn in context");
}

/* What is wrong with a call is told before anything is played: the first step of a run would answer
   with the interruption that waits. */
static void errors_come_before_the_play(void **state) {
    static const char *const cases[][4] = {
        {"source=data/none", NULL},
        {"source=" BANDIT, NULL},
        {"env=dark/room,dark/room-hard", NULL},
        {"env=dark/room,dark/key-to-door", "source=" BANDIT, NULL},
        {"out=runs/room/config.resolved.ini/records", NULL},
    };
    static const struct {
        pp_status status;
        const char *text;
    } want[] = {
        {PP_ERR_NOT_FOUND, "data/none"},
        {PP_ERR_ARGUMENT, "is of bandit/train, not of dark/room"},
        {PP_ERR_SHAPE, "dark/room-hard shows values up to 16 in component 0"},
        {PP_ERR_ARGUMENT, "no dataset of an environment that is played"},
        {PP_ERR_IO, "'runs/room/config.resolved.ini' is no folder"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ppi_interrupt_raise();
        const pp_status s = evaluate("runs/room", cases[i], NULL, NULL);
        ppi_interrupt_clear();
        FAILS(s, want[i].status, want[i].text);
    }
}

/* Of several environments each has its own datasets out of --source. */
static void sources_of_several_environments(void **state) {
    static const char *const options[] = {"env=bandit/train,bandit/even", "episodes=1",
                                          "source=" BANDIT, NULL};
    ppi_eval_result result = {0};
    ppi_json *record = NULL;
    (void)state;
    OK(evaluate("runs/arms", options, NULL, &result));
    OK(ppi_json_load(&record, result.record));
    const ppi_json *games = member(record, "games");
    assert_int_equal(ppi_json_count(member(ppi_json_at(games, 0), "source")), 1);
    assert_int_equal(ppi_json_count(member(ppi_json_at(games, 1), "source")), 0);
    ppi_json_free(record);
    ppi_eval_result_free(&result);
}

/* The return behind n steps is that of the episode that ends there, not of the next one. */
static void source_returns_at_steps(void **state) {
    ppi_dataset *d = NULL;
    ppi_source_figures f;
    (void)state;
    OK(ppi_dataset_open(&d, ROOM));
    OK(ppi_source_figures_create(&f, d, "dark/room", false));
    assert_int_equal(f.curve.count, 2000 / STEPS);
    assert_true(f.own_steps == 2000);
    for (int e = 0; e < f.curve.count; e++) {
        assert_true(ppi_source_at(&f, STEPS * (e + 1)) == f.curve.mean[e]);
        assert_true(ppi_source_at(&f, STEPS * e + 10) == f.curve.mean[e]);
    }
    assert_true(isnan(ppi_source_at(&f, 2001)));
    assert_true(ppi_source_at(&f, f.reach_final) >= f.final);
    assert_true(ppi_source_at(&f, f.reach_final - STEPS) < f.final);
    ppi_source_figures_free(&f);
    FAILS(ppi_source_figures_create(&f, d, "dark/room", true), PP_ERR_ARGUMENT,
          "has many episodes, the agent is played for one");
    ppi_source_figures_free(&f);
    ppi_dataset_close(d);
}

static void interrupted_leaves_no_files(void **state) {
    static const char *const out[] = {"out=records/none", NULL};
    (void)state;
    ppi_interrupt_raise();
    const pp_status s = evaluate("runs/room", out, NULL, NULL);
    ppi_interrupt_clear();
    assert_int_equal(s, PP_ERR_INTERRUPTED);
    assert_false(ppi_dir_exists("records/none"));
}

static ppi_eval_job *faulty;

static void remove_records(void *unused) {
    (void)unused;
    OK(ppi_dir_remove("records/fault"));
}

static pp_status evaluate_again(void *unused) {
    ppi_eval_result result = {0};
    (void)unused;
    PPI_TRY(ppi_eval(faulty, NULL, &result));
    ppi_eval_result_free(&result);
    return PP_OK;
}

/* All three files or none. */
static void all_or_nothing(void *unused, pp_status status) {
    ppi_dir_listing list = {0};
    (void)unused;
    if (ppi_dir_exists("records/fault")) OK(ppi_dir_list("records/fault", &list));
    assert_int_equal(list.count, status == PP_OK ? 3 : 0);
    ppi_dir_listing_free(&list);
}

static void every_failure_is_told(void **state) {
    static const char *const options[] = {"env=dark/room",    "runs=2",    "episodes=2",
                                          "threads=1",        "dtype=f32", "out=records/fault",
                                          "prompt=" HELD_OUT, NULL};
    static const fault_case writing = {remove_records, evaluate_again, all_or_nothing, NULL};
    (void)state;
    OK(ppi_eval_job_create(&faulty, "runs/room"));
    set_options(ppi_eval_job_options(faulty), options);
    OK(evaluate_again(NULL)); /* makes the agent and its plans */
    for (int kind = 0; kind < PPI_FAULT_KIND_COUNT; kind++)
        if (kind != PPI_FAULT_FSYNC) try_every_fault(&writing, (ppi_fault_kind)kind);
    ppi_eval_job_destroy(faulty);
}

/* Evaluations of a training run play in context, on tasks of the training side that it leaves out,
   and choose the best checkpoint by the last fifth of the episodes. */
static void training_chooses_its_best(void **state) {
    static const char *const options[] = {"model.context=20", "eval.every=2",      "eval.runs=3",
                                          "eval.episodes=10", "checkpoint.keep=1", NULL};
    double value[7];
    int best = 0;
    char wanted[32];
    char *text = NULL;
    size_t size = 0;
    (void)state;
    train(ROOM, "runs/chosen", options);
    read_figures("runs/chosen", "charts/episodic_return", 6, value);
    for (int i = 2; i <= 6; i += 2) {
        char path[PPI_PATH_SIZE];
        ppi_json *record = NULL;
        const char *side = NULL;
        snprintf(path, sizeof path, "runs/chosen/eval/step_%08d.json", i);
        OK(ppi_json_load(&record, path));
        const ppi_json *context = member(ppi_json_at(member(record, "games"), 0), "in_context");
        OK(ppi_json_get_string(context, "side", &side));
        assert_string_equal(side, "held");
        assert_true(number(context, "runs") == 3);
        assert_true(number(context, "score_over") == 2);
        assert_true(number(member(context, "score"), "value") == value[i]);
        ppi_json_free(record);
        if (best == 0 || value[i] > value[best]) best = i;
    }
    snprintf(wanted, sizeof wanted, "step_%08d\n", best);
    OK(ppi_file_read_all("runs/chosen/checkpoints/best", &text, &size));
    assert_string_equal(text, wanted);
    ppi_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_table_and_picture),
        cmocka_unit_test(equal_for_any_batch_and_threads),
        cmocka_unit_test(tasks_trained_on_are_refused),
        cmocka_unit_test(prompts_begin_the_context),
        cmocka_unit_test(prompts_are_stretches_of_histories),
        cmocka_unit_test(one_run_has_no_intervals),
        cmocka_unit_test(bandits_have_a_scale),
        cmocka_unit_test(other_spaces_and_options),
        cmocka_unit_test(errors_come_before_the_play),
        cmocka_unit_test(sources_of_several_environments),
        cmocka_unit_test(source_returns_at_steps),
        cmocka_unit_test(interrupted_leaves_no_files),
        cmocka_unit_test(every_failure_is_told),
        cmocka_unit_test(training_chooses_its_best),
    };
    return cmocka_run_group_tests_name("eval_context", tests, setup, NULL);
}
