/* Evaluation, play, forward and the public agent on a briefly trained Catch network. */
#include "run_test.h"

#include <polyplay/polyplay.h>

#include "base/json.h"
#include "run/act.h"
#include "run/bench.h"
#include "run/eval.h"
#include "run/eval_job.h"
#include "run/forward.h"
#include "tensor/safetensors.h"

static int setup(void **state) {
    static const char *const options[] = {"steps=30", "checkpoint.every=30", NULL};
    (void)state;
    make_catch_data();
    OK(ppi_dir_remove("runs"));
    OK(run_job("runs/a", options, NULL));
    return 0;
}

static pp_status evaluate(const char *run, const char *env, const char *envs, const char *threads,
                          const char *extra, ppi_buf *report, ppi_eval_result *result) {
    ppi_eval_job *job = NULL;
    OK(ppi_eval_job_create(&job, run));
    ppi_options *set = ppi_eval_job_options(job);
    OK(ppi_options_set(set, "env", env, "test"));
    OK(ppi_options_set(set, "episodes", "10", "test"));
    OK(ppi_options_set(set, "envs", envs, "test"));
    OK(ppi_options_set(set, "threads", threads, "test"));
    OK(ppi_options_set(set, "out", "records", "test"));
    if (extra != NULL) {
        char name[128];
        snprintf(name, sizeof name, "%s", extra);
        char *value = strchr(name, '=');
        *value++ = '\0';
        OK(ppi_options_set(set, name, value, "test"));
    }
    const pp_status s = ppi_eval(job, report, result);
    ppi_eval_job_destroy(job);
    return s;
}

static void same_for_any_number_of_environments(void **state) {
    static const char *const runs[] = {"runs/a", "random"};
    static const char *const shapes[][2] = {{"1", "1"}, {"3", "1"}, {"8", "2"}, {"16", "2"}};
    (void)state;
    for (int r = 0; r < 2; r++) {
        ppi_eval_result first = {0};
        OK(evaluate(runs[r], "arcade/catch", "4", "1", NULL, NULL, &first));
        assert_int_equal(first.n_games, 1);
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            ppi_eval_result other = {0};
            OK(evaluate(runs[r], "arcade/catch", shapes[i][0], shapes[i][1], NULL, NULL, &other));
            assert_memory_equal(first.returns, other.returns, 10 * sizeof(double));
            assert_int_equal(first.game[0].distinct, other.game[0].distinct);
            ppi_eval_result_free(&other);
        }
        ppi_eval_result_free(&first);
    }
}

static const ppi_json *member(const ppi_json *object, const char *key) {
    const ppi_json *value = ppi_json_find(object, key);
    if (value == NULL) fail_msg("the record lacks '%s'", key);
    return value;
}

static void record_has_every_field(void **state) {
    static const char *const env_fields[] = {"game",
                                             "protocol",
                                             "backend",
                                             "backend_version",
                                             "rom_md5",
                                             "sticky",
                                             "frame_skip",
                                             "resize",
                                             "noop_max",
                                             "fire_at_reset",
                                             "life_loss_ends_episode",
                                             "rewards_clipped",
                                             "cap_frames",
                                             "action_set"};
    static const char *const episode_fields[] = {"seed", "return", "steps", "frames", "end"};
    static const char *const model_fields[] = {
        "method", "sha256", "parameters", "checkpoint_step", "checkpoint_rule", "best_chosen_on"};
    static const char *const cost_fields[] = {"wall", "steps_per_second", "device", "threads"};
    ppi_eval_result result = {0};
    ppi_json *record = NULL;
    ppi_buf report = {0};
    (void)state;
    OK(evaluate("runs/a", "arcade/catch", "8", "1", NULL, &report, &result));
    assert_non_null(strstr(report.data, "protocol arcade"));
    assert_non_null(strstr(report.data, "arcade/catch"));
    OK(ppi_json_load(&record, result.record));
    for (size_t i = 0; i < 6; i++) member(member(record, "model"), model_fields[i]);
    for (size_t i = 0; i < 4; i++) member(member(record, "cost"), cost_fields[i]);
    member(member(record, "acting"), "context_length");
    const ppi_json *game = ppi_json_at(member(record, "games"), 0);
    for (size_t i = 0; i < 14; i++) member(member(game, "environment"), env_fields[i]);
    const ppi_json *episodes = member(game, "episodes");
    assert_int_equal(ppi_json_count(episodes), 10);
    for (size_t i = 0; i < 5; i++) member(ppi_json_at(episodes, 3), episode_fields[i]);
    for (int64_t e = 0; e < 10; e++) { /* one frame a step in the arcade suite */
        int64_t steps = 0;
        int64_t frames = -1;
        OK(ppi_json_get_i64(ppi_json_at(episodes, e), "steps", &steps));
        OK(ppi_json_get_i64(ppi_json_at(episodes, e), "frames", &frames));
        assert_int_equal(frames, steps);
    }
    const char *unit = NULL;
    OK(ppi_json_get_string(member(game, "environment"), "noop_unit", &unit));
    assert_string_equal(unit, "emulated frames");
    assert_non_null(strstr(report.data, "no-op starts <= 0 frames"));
    member(member(game, "honesty"), "distinct_episodes");
    member(member(game, "reference"), "table");
    const ppi_json *aggregate = ppi_json_at(member(game, "aggregate"), 0);
    member(aggregate, "interval");
    member(aggregate, "bootstrap_seed");
    ppi_json_free(record);
    ppi_buf_free(&report);
    ppi_eval_result_free(&result);
}

/* Catch rewards the final step only, so a score without it is 0; the record keeps the reward. */
static void final_reward_is_omitted_on_demand(void **state) {
    ppi_eval_result whole = {0};
    ppi_eval_result cut = {0};
    ppi_json *record = NULL;
    ppi_buf report = {0};
    bool omitted = false;
    (void)state;
    OK(evaluate("runs/a", "arcade/catch", "4", "1", NULL, &report, &whole));
    assert_null(strstr(report.data, "final reward omitted"));
    ppi_buf_clear(&report);
    OK(evaluate("runs/a", "arcade/catch", "4", "1", "env.drop-last-reward=1", &report, &cut));
    assert_non_null(strstr(report.data, "final reward omitted"));
    OK(ppi_json_load(&record, cut.record));
    const ppi_json *game = ppi_json_at(member(record, "games"), 0);
    OK(ppi_json_as_bool(member(member(game, "environment"), "final_reward_omitted"), "omitted",
                        &omitted));
    assert_true(omitted);
    for (int e = 0; e < 10; e++) {
        double last = 0;
        OK(ppi_json_get_f64(ppi_json_at(member(game, "episodes"), e), "final_reward", &last));
        assert_true(last == 1 || last == -1);
        assert_true(whole.returns[e] == last);
        assert_true(cut.returns[e] == 0);
    }
    ppi_json_free(record);
    ppi_buf_free(&report);
    ppi_eval_result_free(&whole);
    ppi_eval_result_free(&cut);
}

static void carnival_is_normalised_on_demand(void **state) {
    ppi_score_reference reference;
    ppi_eval_result result = {0};
    ppi_json *record = NULL;
    bool on = false;
    (void)state;
    OK(ppi_eval_reference(&reference, "ale/carnival", false));
    assert_true(isnan(reference.good));
    OK(ppi_eval_reference(&reference, "ale/carnival", true));
    assert_true(reference.good == 3800 && reference.random == 700.8);
    OK(ppi_eval_reference(&reference, "ale/pooyan", true));
    assert_true(isnan(reference.good));
    for (int k = 0; k < 2; k++) {
        OK(evaluate("random", "arcade/catch", "4", "1", k == 1 ? "hns.carnival=on" : NULL, NULL,
                    &result));
        OK(ppi_json_load(&record, result.record));
        OK(ppi_json_as_bool(member(member(record, "normalisation"), "carnival_3800"), "switch",
                            &on));
        assert_int_equal(on, k);
        ppi_json_free(record);
        ppi_eval_result_free(&result);
    }
}

static void refusals(void **state) {
    ppi_eval_job *job = NULL;
    (void)state;
    FAILS(evaluate("runs/a", "arcade/catch", "1", "1", "env.protocol=jowa", NULL, NULL),
          PP_ERR_ARGUMENT, "'jowa' is one of Atari games");
    FAILS(evaluate("random", "ale/pong", "1", "1", "protocol=arcade", NULL, NULL), PP_ERR_ARGUMENT,
          "does not fit 'ale/pong'");
    FAILS(evaluate("runs/a", "arcade/catch", "1", "1", "protocol=dopamine", NULL, NULL),
          PP_ERR_ARGUMENT, "'arcade'");
    FAILS(evaluate("runs/a", "arcade/cath", "1", "1", NULL, NULL, NULL), PP_ERR_NOT_FOUND,
          "arcade/catch");
    FAILS(evaluate("runs/a", "arcade/catch", "1", "1", "env.view=grey84", NULL, NULL), PP_ERR_SHAPE,
          "84x84x1");
    FAILS(ppi_eval_job_create(&job, "runs/none"), PP_ERR_NOT_FOUND, "runs/none");
}

static pp_status count_frame(void *ctx, const uint8_t *rgb, int h, int w, int64_t step,
                             int32_t action, double reward_so_far) {
    int64_t *frames = ctx;
    assert_non_null(rgb);
    assert_true(h > 0 && w > 0 && step >= 0 && action < 18);
    (void)reward_so_far;
    (*frames)++;
    return PP_OK;
}

static void play_shows_every_frame(void **state) {
    ppi_play_job *job = NULL;
    ppi_episode_result result[2];
    int64_t frames = 0;
    (void)state;
    OK(ppi_play_job_create(&job, "runs/a"));
    OK(ppi_options_set(ppi_play_job_options(job), "env", "arcade/catch", "test"));
    OK(ppi_options_set(ppi_play_job_options(job), "episodes", "2", "test"));
    OK(ppi_play(job, count_frame, &frames, result));
    assert_int_equal(frames, result[0].steps + result[1].steps + 2);
    ppi_play_job_destroy(job);
}

/* One input file of the network's four tensors. */
static void write_inputs(const char *path, int n) {
    static uint8_t frames[2 * 4 * 14 * 14 * 10];
    static int32_t ids[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const char *const names[] = {"returns", "actions", "rewards"};
    ppi_st_tensor t[4] = {{.name = "frames",
                           .dtype = "U8",
                           .ndim = 5,
                           .shape = {2, 4, 14, 14, 10},
                           .data = frames,
                           .bytes = sizeof frames}};
    for (int i = 0; i < 3; i++) {
        t[i + 1] = (ppi_st_tensor){
            .dtype = "I32", .ndim = 2, .shape = {2, 4}, .data = ids, .bytes = sizeof ids};
        snprintf(t[i + 1].name, sizeof t[i + 1].name, "%s", names[i]);
    }
    OK(ppi_safetensors_write(path, t, n, NULL, 0, NULL));
}

static void forward_runs_named_tensors(void **state) {
    ppi_forward_options o = {
        .in = "in.safetensors", .out = "out.safetensors", .threads = 1, .dtype = PPI_DTYPE_USE_F32};
    ppi_safetensors *st = NULL;
    const ppi_st_tensor *t = NULL;
    const int64_t actions[3] = {2, 4, 18};
    ppi_buf list = {0};
    (void)state;
    write_inputs("in.safetensors", 4);
    OK(ppi_forward("runs/a", &o));
    OK(ppi_safetensors_open(&st, "out.safetensors"));
    OK(ppi_safetensors_need(st, "action_logits", "F32", 3, actions, &t));
    OK(ppi_safetensors_need(st, "return_logits", "F32", -1, NULL, &t));
    OK(ppi_safetensors_need(st, "reward_logits", "F32", -1, NULL, &t));
    ppi_safetensors_close(st);
    write_inputs("in.safetensors", 3);
    FAILS(ppi_forward("runs/a", &o), PP_ERR_NOT_FOUND, "'rewards' is missing");
    OK(ppi_forward_list("runs/a", &list));
    assert_non_null(strstr(list.data, "action_logits"));
    ppi_buf_free(&list);
}

static void public_agent_plays(void **state) {
    pp_agent *agent = NULL;
    pp_game *game = NULL;
    pp_env_result result = {0};
    int32_t action = -1;
    int steps = 0;
    (void)state;
    OK(pp_agent_open(&agent, "runs/a", 1));
    OK(pp_game_open(&game, "arcade/catch", agent));
    assert_int_equal(pp_game_spec(game)->obs_h, 10);
    OK(pp_game_reset(game, 3));
    OK(pp_agent_begin(agent, pp_game_obs(game), 0));
    for (; !result.terminated && !result.truncated; steps++) {
        OK(pp_agent_act(agent, &action));
        assert_in_range(action, 0, 17);
        OK(pp_game_step(game, action, &result));
        assert_int_equal(result.frames, 1);
        OK(pp_agent_observe(agent, action, result.reward, pp_game_obs(game)));
    }
    assert_int_equal(steps, 9);
    OK(pp_game_step(game, action, &result)); /* nothing moves after the end */
    assert_int_equal(result.frames, 0);
    assert_true(result.terminated && result.reward == 0);
    pp_game_close(game);
    pp_agent_close(agent);
    FAILS(pp_agent_open(&agent, "runs/none", 1), PP_ERR_NOT_FOUND, "runs/none");
    FAILS(pp_agent_open(&agent, NULL, 1), PP_ERR_ARGUMENT, "run is NULL");
    FAILS(pp_agent_act(NULL, &action), PP_ERR_ARGUMENT, "pp_agent_act: agent is NULL");
    FAILS(pp_agent_observe(NULL, 0, 0, NULL), PP_ERR_ARGUMENT, "agent is NULL");
    FAILS(pp_agent_begin(NULL, NULL, 0), PP_ERR_ARGUMENT, "agent is NULL");
    FAILS(pp_game_open(&game, NULL, NULL), PP_ERR_ARGUMENT, "id is NULL");
    FAILS(pp_game_reset(NULL, 0), PP_ERR_ARGUMENT, "game is NULL");
    FAILS(pp_game_step(NULL, 0, &result), PP_ERR_ARGUMENT, "game is NULL");
}

static void example_program_plays(void **state) {
    char command[PPI_PATH_SIZE];
    const char *binary = getenv("PP_BINARY_DIR");
    (void)state;
    if (binary == NULL) skip();
    snprintf(command, sizeof command, "%s/example_play", binary);
    if (!ppi_file_exists(command)) skip();
    snprintf(command, sizeof command, "%s/example_play runs/a arcade/catch > play.txt", binary);
    assert_int_equal(system(command), 0);
    char *text = NULL;
    size_t size = 0;
    OK(ppi_file_read_all("play.txt", &text, &size));
    assert_non_null(strstr(text, "return"));
    ppi_free(text);
    snprintf(command, sizeof command, "%s/example_play runs/none arcade/catch 2> play.txt", binary);
    assert_int_not_equal(system(command), 0);
}

static void count_line(void *ctx, const char *line) {
    assert_non_null(strchr(line, ' '));
    (*(int *)ctx)++;
}

static void benchmarks_print_figures(void **state) {
    static const char *const what[] = {"train", "act", "loader", "env"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        ppi_bench_options o = {0};
        ppi_options *set = NULL;
        int lines = 0;
        OK(ppi_options_create(&set));
        OK(ppi_options_bind(set, &ppi_bench_option_table, &o));
        OK(ppi_options_set(set, "model", "mgdt/tiny", "test"));
        OK(ppi_options_set(set, "batch", "2", "test"));
        OK(ppi_options_set(set, "steps", "2", "test"));
        OK(ppi_options_set(set, "threads", "1", "test"));
        OK(ppi_options_set(set, "data", CATCH_DATA, "test"));
        OK(ppi_bench(what[i], &o, count_line, &lines));
        assert_true(lines >= 3);
        ppi_options_destroy(set);
    }
    ppi_bench_options none = {0};
    FAILS(ppi_bench("trane", &none, count_line, NULL), PP_ERR_ARGUMENT, "trane");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_for_any_number_of_environments),
        cmocka_unit_test(record_has_every_field),
        cmocka_unit_test(final_reward_is_omitted_on_demand),
        cmocka_unit_test(carnival_is_normalised_on_demand),
        cmocka_unit_test(refusals),
        cmocka_unit_test(play_shows_every_frame),
        cmocka_unit_test(forward_runs_named_tensors),
        cmocka_unit_test(public_agent_plays),
        cmocka_unit_test(example_program_plays),
        cmocka_unit_test(benchmarks_print_figures),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
