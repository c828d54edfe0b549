/* The learners dqn, c51, impala and qlambda through the calls of the loop: learning Catch, resuming
   in the middle, several games under one network, playing without learning, errors. */
#include "method/online_test.h"

#include <math.h>

#include "method/impala_agent.h"
#include "method/qlambda.h"

static const ppi_obs_spec catch_board = {
    .view = "planes", .h = 10, .w = 5, .c = 2, .type = PP_OBS_PLANES};
static const ppi_action_spec catch_actions = {.count = 3, .list = {0, 4, 3}};

static online_test_agent catcher(const char *method, const char *size, const char *const *options) {
    online_test_agent t = {
        .method = method, .size = size, .obs = catch_board, .actions = catch_actions};
    for (int i = 0; options != NULL && options[i] != NULL; i++) t.options[i] = options[i];
    return t;
}

/* Small and quick: updates begin soon, target copies and wraps of the replay happen. */
static const char *const dqn_quick[] = {"dqn.start",
                                        "200",
                                        "dqn.eps-steps",
                                        "1000",
                                        "dqn.target-every",
                                        "7",
                                        "replay.capacity",
                                        "600",
                                        "dqn.batch",
                                        "8",
                                        NULL};
static const char *const c51_quick[] = {"c51.start",
                                        "200",
                                        "c51.eps-steps",
                                        "1000",
                                        "c51.target-every",
                                        "7",
                                        "replay.capacity",
                                        "600",
                                        "c51.batch",
                                        "8",
                                        NULL};
static const char *const impala_quick[] = {"impala.unroll", "7", NULL};
static const char *const lstm_quick[] = {"impala.unroll", "7", "impala.lstm", "8", NULL};
static const char *const turns_quick[] = {"impala.unroll", "7", "impala.lag", "0", NULL};
static const char *const qlambda_quick[] = {"qlambda.rollout",
                                            "12",
                                            "qlambda.overlap",
                                            "8",
                                            "qlambda.batch",
                                            "3",
                                            "replay.capacity",
                                            "300",
                                            "qlambda.start",
                                            "100",
                                            NULL};

/* ---- learning ---- */

static void dqn_learns_catch(void **state) {
    (void)state;
    const char *const options[] = {"dqn.start", "1000", "dqn.eps-steps", "12000", "dqn.eps-end",
                                   "0.02",      NULL};
    const online_test_agent t = catcher("dqn", "arcade", options);
    online_test_run r;
    ppi_metrics m;
    ppi_agent *a = online_test_make(&t);
    online_test_open(&r, a, "arcade/catch", 4);
    CHECK_OK(online_test_begin(a, 4, 24000));
    for (int i = 0; i < 6000; i++) online_test_step(&r, &m);
    if (!(online_test_mean(&r) > 0.9)) fail_msg("mean return %g", online_test_mean(&r));
    online_test_close(&r);
    ppi_agent_destroy(a);
}

static void impala_learns_catch(void **state) {
    (void)state;
    const char *const options[] = {"optim.lr", "2e-3", "impala.streams", "32", NULL};
    const online_test_agent t = catcher("impala", "arcade", options);
    online_test_run r;
    ppi_metrics m;
    ppi_agent *a = online_test_make(&t);
    online_test_open(&r, a, "arcade/catch", 32);
    CHECK_OK(online_test_begin(a, 32, 160000));
    for (int i = 0; i < 5000; i++) online_test_step(&r, &m);
    if (!(online_test_mean(&r) > 0.8)) fail_msg("mean return %g", online_test_mean(&r));
    online_test_close(&r);
    ppi_agent_destroy(a);
}

/* ---- resuming ---- */

/* What was played, to be handed back. */
enum { KEPT = 400, KEPT_STREAMS = 4, KEPT_FRAME = 10 * 5 * 2 };
typedef struct kept_step {
    uint8_t obs[KEPT_STREAMS * KEPT_FRAME], next_obs[KEPT_STREAMS * KEPT_FRAME],
        final_obs[KEPT_STREAMS * KEPT_FRAME];
    int32_t action[KEPT_STREAMS];
    double reward[KEPT_STREAMS];
    uint8_t terminated[KEPT_STREAMS], truncated[KEPT_STREAMS];
} kept_step;
static kept_step kept[KEPT];

static void keep(kept_step *k, const online_test_run *r) {
    const ppi_learn_step t = online_test_outcome(r);
    const size_t n = (size_t)r->streams;
    memcpy(k->obs, t.obs, n * KEPT_FRAME);
    memcpy(k->next_obs, t.next_obs, n * KEPT_FRAME);
    memcpy(k->final_obs, t.final_obs, n * KEPT_FRAME);
    memcpy(k->action, t.action, n * sizeof *k->action);
    memcpy(k->reward, t.reward, n * sizeof *k->reward);
    memcpy(k->terminated, t.terminated, n);
    memcpy(k->truncated, t.truncated, n);
}

static void hand_back(ppi_agent *a, int64_t played) {
    const ppi_learner_calls *l = a->method->learner;
    if (l->replay_steps == NULL) return;
    const int64_t wanted = l->replay_steps(a);
    for (int64_t i = played > wanted ? played - wanted : 0; i < played; i++) {
        const kept_step *k = &kept[i];
        const ppi_learn_step t = {.obs = k->obs,
                                  .action = k->action,
                                  .reward = k->reward,
                                  .terminated = k->terminated,
                                  .truncated = k->truncated,
                                  .next_obs = k->next_obs,
                                  .final_obs = k->final_obs};
        CHECK_OK(l->replay(a, &t));
    }
}

/* Runs `steps`, saves after `cut`; a second agent goes on from there with the same environments. */
static void check_resume_on(int threads, const char *method, const char *size,
                            const char *const *options, int cut, int steps) {
    online_test_agent t = catcher(method, size, options);
    t.threads = threads;
    online_test_run r;
    ppi_metrics m;
    ppi_buf state = {0};
    ppi_buf end = {0};
    ppi_buf env[KEPT_STREAMS] = {{0}};
    ppi_agent *a = online_test_make(&t);
    ppi_agent *b = online_test_make(&t);
    const ppi_learner_calls *l = a->method->learner;
    online_test_open(&r, a, "arcade/catch", KEPT_STREAMS);
    CHECK_OK(online_test_begin(a, KEPT_STREAMS, steps * KEPT_STREAMS));
    CHECK_OK(online_test_begin(b, KEPT_STREAMS, steps * KEPT_STREAMS));
    for (int i = 0; i < steps; i++) {
        online_test_step(&r, &m);
        if (i < cut) keep(&kept[i], &r);
        if (i != cut - 1) continue;
        CHECK_OK(l->save(a, &state));
        const size_t bytes = (size_t)a->params->total * sizeof(float);
        memcpy(b->params->master, a->params->master, bytes);
        memcpy(b->params->slot[0], a->params->slot[0], bytes);
        memcpy(b->params->slot[1], a->params->slot[1], bytes);
        ppi_agent_params_changed(b);
        for (int s = 0; s < KEPT_STREAMS; s++) CHECK_OK(ppi_vec_save_state(r.vec, s, &env[s]));
    }
    CHECK_OK(l->load(b, state.data, state.len));
    hand_back(b, cut);
    assert_true(l->updates(b) > 0 && l->updates(b) < l->updates(a));
    r.agent = b;
    for (int s = 0; s < KEPT_STREAMS; s++)
        CHECK_OK(ppi_vec_load_state(r.vec, s, env[s].data, env[s].len));
    for (int i = cut; i < steps; i++) online_test_step(&r, &m);
    assert_int_equal(l->updates(a), l->updates(b));
    CHECK_OK(l->save(a, &end)); /* ends what is at work */
    CHECK_OK(l->save(b, &end));
    assert_memory_equal(end.data, end.data + end.len / 2, end.len / 2);
    assert_memory_equal(a->params->master, b->params->master,
                        (size_t)a->params->total * sizeof(float));
    assert_int_equal(l->load(b, state.data, state.len - 1), PP_ERR_CORRUPT);
    for (int s = 0; s < KEPT_STREAMS; s++) ppi_buf_free(&env[s]);
    ppi_buf_free(&state);
    ppi_buf_free(&end);
    online_test_close(&r);
    ppi_agent_destroy(a);
    ppi_agent_destroy(b);
}

static void check_resume(const char *method, const char *size, const char *const *options, int cut,
                         int steps) {
    check_resume_on(1, method, size, options, cut, steps);
}

static void resuming_changes_nothing(void **state) {
    (void)state;
    check_resume("dqn", "arcade", dqn_quick, 100, 250); /* the replay not yet full */
    check_resume("dqn", "arcade", dqn_quick, 297, 400); /* full */
    check_resume("c51", "arcade", c51_quick, 301, 400);
    check_resume("impala", "arcade", impala_quick, 100, 200); /* inside an unroll */
    check_resume("impala", "arcade", lstm_quick, 101, 150);
    check_resume("impala", "arcade", turns_quick, 100, 150);
    check_resume("impala", "arcade", impala_quick, 98, 150); /* between two unrolls */
    check_resume_on(2, "impala", "arcade", lstm_quick, 101, 150);
    check_resume("qlambda", "small", qlambda_quick, 61, 120);
    check_resume("qlambda", "small", qlambda_quick, 167, 220);
}

/* ---- threads ---- */

/* Learns for a while on so many threads; everything that is saved, the parameters behind it. */
static ppi_buf played_on(int threads, const char *const *options) {
    online_test_agent t = catcher("impala", "arcade", options);
    t.threads = threads;
    online_test_run r;
    ppi_metrics m;
    ppi_buf out = {0};
    ppi_agent *a = online_test_make(&t);
    const ppi_learner_calls *l = a->method->learner;
    online_test_open(&r, a, "arcade/catch", 4);
    CHECK_OK(online_test_begin(a, 4, 800));
    assert_int_equal(l->busy_threads(a), threads > 1 ? 1 : 0);
    for (int i = 0; i < 120; i++) {
        online_test_step(&r, &m);
        assert_int_equal(m.count > 0, i % 7 == 6 && i > 6); /* an unroll behind */
    }
    CHECK_OK(l->save(a, &out));
    CHECK_OK(ppi_buf_append(&out, a->params->master, (size_t)a->params->total * sizeof(float)));
    online_test_close(&r);
    ppi_agent_destroy(a);
    return out;
}

/* Updates made beside the playing are those of one thread. */
static void threads_do_not_matter(void **state) {
    (void)state;
    const char *const *const options[] = {impala_quick, lstm_quick};
    for (int k = 0; k < 2; k++) {
        ppi_buf one = played_on(1, options[k]);
        for (int threads = 2; threads <= 3; threads++) {
            ppi_buf more = played_on(threads, options[k]);
            assert_int_equal(one.len, more.len);
            assert_memory_equal(one.data, more.data, one.len);
            ppi_buf_free(&more);
        }
        ppi_buf_free(&one);
    }
}

/* A learner that asks for more threads than the run has; one destroyed while it is at work. */
static void learner_threads_are_checked(void **state) {
    (void)state;
    const char *const options[] = {"impala.learner-threads", "3", "impala.unroll", "2", NULL};
    online_test_agent t = catcher("impala", "arcade", options);
    online_test_run r;
    ppi_metrics m;
    t.threads = 2;
    ppi_agent *a = online_test_make(&t);
    CHECK_FAILS(online_test_begin(a, 4, 1000), PP_ERR_ARGUMENT, "at most the 2 of --threads");
    ppi_agent_destroy(a);
    t.threads = 4;
    a = online_test_make(&t);
    online_test_open(&r, a, "arcade/catch", 4);
    CHECK_OK(online_test_begin(a, 4, 1000));
    for (int i = 0; i < 4; i++) online_test_step(&r, &m);
    online_test_close(&r);
    ppi_agent_destroy(a);
}

/* What an update in the background meets is told by the next call that waits for it. */
static void background_failures_arrive(void **state) {
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        online_test_agent t = catcher("impala", "arcade", impala_quick);
        online_test_run r;
        ppi_metrics m;
        ppi_buf out = {0};
        t.threads = threads;
        ppi_agent *a = online_test_make(&t);
        const ppi_learner_calls *l = a->method->learner;
        online_test_open(&r, a, "arcade/catch", 4);
        CHECK_OK(online_test_begin(a, 4, 4000));
        const ppi_param *head = &a->params->item[ppi_params_find(a->params, "head/b")];
        for (int i = 0; i < 6; i++) online_test_step(&r, &m);
        a->params->master[head->offset] = NAN;
        ppi_agent_params_changed(a);
        online_test_step(&r, &m);
        CHECK_FAILS(l->save(a, &out), PP_ERR_NUMERIC, "update 0: the loss");
        assert_int_equal(l->updates(a), 0);
        assert_int_equal(out.len, 0);
        ppi_buf_free(&out);
        online_test_close(&r);
        ppi_agent_destroy(a);
    }
}

/* ---- several games ---- */

/* Two games under one network of 18 actions: no action outside a game's list is ever played. */
static void check_masks(const char *method, const char *const *options) {
    online_test_agent t = catcher(method, "arcade", options);
    t.actions.count = 0;
    ppi_agent *a = online_test_make(&t);
    const ppi_learner_calls *l = a->method->learner;
    enum { N = 2, FRAME = 10 * 5 * 2 };
    uint8_t legal[N * PP_ENV_ACTIONS] = {0};
    const int32_t game[N] = {0, 1};
    legal[0] = legal[4] = legal[3] = 1;
    legal[PP_ENV_ACTIONS + 2] = legal[PP_ENV_ACTIONS + 5] = 1;
    const ppi_learn_setup setup = {
        .streams = N, .total_steps = 2000, .game = game, .legal = legal, .seed = 1};
    CHECK_OK(l->begin(a, &setup));
    uint8_t obs[N * FRAME] = {0};
    int32_t action[N];
    double reward[N];
    uint8_t end[N] = {0};
    const uint8_t none[N] = {0};
    int seen = 0;
    for (int i = 0; i < 600; i++) {
        for (int k = 0; k < N * FRAME; k++) obs[k] = (uint8_t)((i * 7 + k * 13) % 5 == 0);
        CHECK_OK(l->act(a, obs, action));
        for (int s = 0; s < N; s++) {
            assert_true(legal[s * PP_ENV_ACTIONS + action[s]]);
            seen |= 1 << action[s];
            reward[s] = action[s] == 5;
            end[s] = i % 9 == s;
        }
        const ppi_learn_step step = {.obs = obs,
                                     .action = action,
                                     .reward = reward,
                                     .terminated = end,
                                     .truncated = none,
                                     .next_obs = obs,
                                     .final_obs = obs};
        ppi_metrics m;
        CHECK_OK(l->step(a, &step, &m));
    }
    assert_true(l->updates(a) > 0);
    assert_int_equal(seen, 1 << 0 | 1 << 4 | 1 << 3 | 1 << 2 | 1 << 5);
    CHECK_OK(ppi_agent_act_begin(a, 1));
    CHECK_OK(ppi_agent_act_game(a, 0, 1, legal + PP_ENV_ACTIONS));
    for (uint64_t e = 0; e < 50; e++) {
        CHECK_OK(ppi_agent_act_reset(a, 0, obs, e));
        CHECK_OK(ppi_agent_act(a, NULL, action));
        assert_true(legal[PP_ENV_ACTIONS + action[0]]);
    }
    ppi_agent_destroy(a);
}

static void games_keep_to_their_actions(void **state) {
    (void)state;
    const char *const dqn[] = {"dqn.start", "100", "dqn.eps-steps", "200", NULL};
    const char *const c51[] = {"c51.start", "100", "c51.eps-steps", "200", NULL};
    check_masks("dqn", dqn);
    check_masks("c51", c51);
    check_masks("impala", NULL);
}

/* ---- playing ---- */

/* What is played depends on seed, episode and step alone, not on the number of players. */
static void players_do_not_matter(void **state) {
    (void)state;
    const char *const greedy[] = {"dqn.eps-eval", "0.5", NULL};
    const char *const methods[] = {"dqn", "impala"};
    for (int k = 0; k < 2; k++) {
        const online_test_agent t = catcher(methods[k], "arcade", k == 0 ? greedy : NULL);
        uint8_t obs[10 * 5 * 2];
        int32_t alone[40];
        ppi_agent *a = online_test_make(&t);
        for (int n = 1; n <= 3; n += 2) {
            int32_t action[3] = {-1, -1, -1};
            CHECK_OK(ppi_agent_act_begin(a, n));
            for (int i = 0; i < 40; i++) {
                for (size_t p = 0; p < sizeof obs; p++)
                    obs[p] = (uint8_t)((p + (size_t)i) % 3 == 0);
                for (int e = 0; i == 0 && e < n; e++)
                    CHECK_OK(ppi_agent_act_reset(a, e, obs, (uint64_t)(n - 1 - e)));
                for (int e = 0; i > 0 && e < n; e++)
                    CHECK_OK(ppi_agent_observe(a, e, action[e], 0, obs));
                CHECK_OK(ppi_agent_act(a, NULL, action));
                if (n == 1) alone[i] = action[0];
                assert_int_equal(action[n - 1], alone[i]); /* episode 0 */
            }
        }
        ppi_agent_destroy(a);
    }
}

/* ---- errors ---- */

static void mistakes_are_named(void **state) {
    (void)state;
    ppi_agent *a = NULL;
    online_test_agent t = catcher("dqn", "arcade", NULL);
    t.obs = (ppi_obs_spec){.view = "grey84", .h = 84, .w = 84, .c = 1, .type = PP_OBS_IMAGE};
    CHECK_FAILS(online_test_try(&a, &t), PP_ERR_ARGUMENT, "use --model nature");
    t.size = "nature";
    t.options[0] = "replay.memory";
    t.options[1] = "100";
    CHECK_OK(online_test_try(&a, &t));
    CHECK_FAILS(online_test_begin(a, 4, 1000), PP_ERR_ARGUMENT, "--replay.memory allows 100");
    ppi_agent_destroy(a);

    t = catcher("c51", "arcade", NULL);
    t.options[0] = "c51.vmin";
    t.options[1] = "10";
    CHECK_FAILS(online_test_try(&a, &t), PP_ERR_ARGUMENT, "expected vmin below vmax");
    t = catcher("qlambda", "small", NULL);
    t.options[0] = "qlambda.overlap";
    t.options[1] = "40";
    CHECK_FAILS(online_test_try(&a, &t), PP_ERR_ARGUMENT, "less than qlambda.rollout");

    t = catcher("dqn", "arcade", NULL);
    CHECK_OK(online_test_try(&a, &t));
    CHECK_FAILS(ppi_agent_act_begin(a, 0), PP_ERR_ARGUMENT, "expected 1 or more");
    ppi_metrics m;
    assert_int_equal(ppi_agent_train_step(a, NULL, 0, &m), PP_ERR_UNSUPPORTED);
    ppi_agent_destroy(a);
}

/* A parameter that is not a number: the update fails, names itself and changes nothing. */
static void bad_numbers_stop_the_run(void **state) {
    (void)state;
    const online_test_agent t = catcher("dqn", "arcade", dqn_quick);
    online_test_run r;
    ppi_metrics m;
    ppi_agent *a = online_test_make(&t);
    online_test_open(&r, a, "arcade/catch", 4);
    CHECK_OK(online_test_begin(a, 4, 4000));
    for (int i = 0; i < 100; i++) online_test_step(&r, &m);
    const ppi_param *head = &a->params->item[ppi_params_find(a->params, "head/b")];
    a->params->master[head->offset] = NAN;
    ppi_agent_params_changed(a);
    const int64_t updates = a->method->learner->updates(a);
    const float second = a->params->master[1];
    memcpy(r.obs, ppi_vec_obs(r.vec), (size_t)(4 * ppi_vec_obs_size(r.vec)));
    const ppi_learn_step step = online_test_outcome(&r);
    CHECK_FAILS(a->method->learner->step(a, &step, &m), PP_ERR_NUMERIC, "update");
    assert_int_equal(a->method->learner->updates(a), updates);
    assert_true(a->params->master[1] == second);
    online_test_close(&r);
    ppi_agent_destroy(a);
}

static void rewards_are_shaped(void **state) {
    (void)state;
    CHECK_NEAR(ppi_reward_shape(-7, PPI_REWARD_CLIP), -1, 0);
    CHECK_NEAR(ppi_reward_shape(0.25, PPI_REWARD_CLIP), 0.25, 0);
    CHECK_NEAR(ppi_reward_shape(-7, PPI_REWARD_RAW), -7, 0);
    CHECK_NEAR(ppi_reward_shape(-7, PPI_REWARD_LOG), -3, 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(learner_threads_are_checked),
        cmocka_unit_test(background_failures_arrive),
        cmocka_unit_test(dqn_learns_catch),
        cmocka_unit_test(impala_learns_catch),
        cmocka_unit_test(resuming_changes_nothing),
        cmocka_unit_test(games_keep_to_their_actions),
        cmocka_unit_test(players_do_not_matter),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(bad_numbers_stop_the_run),
        cmocka_unit_test(rewards_are_shaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
