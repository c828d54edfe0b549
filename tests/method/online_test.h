/* Shared by the tests of online learners: agents with options, and a run against an environment. */
#ifndef TESTS_METHOD_ONLINE_TEST_H
#define TESTS_METHOD_ONLINE_TEST_H

#include "unit/base_test.h"

#include "env/vec.h"
#include "method/learner.h"

enum { ONLINE_TEST_STREAMS = 64, ONLINE_TEST_OPTIONS = 12 };

/* What an agent of a test is made of; options are pairs of name and value, NULL behind the last. */
typedef struct online_test_agent {
    const char *method, *size;
    ppi_obs_spec obs;
    ppi_action_spec actions;
    int threads; /* 0 = 1 */
    const char *options[2 * ONLINE_TEST_OPTIONS];
} online_test_agent;

/* The options of a method with its recipe; `out` is large enough for any method. */
static inline const ppi_method *online_test_options(const online_test_agent *t, void *out) {
    const ppi_method *m = NULL;
    ppi_options *set = NULL;
    CHECK_OK(ppi_method_find(&m, t->method));
    CHECK_OK(ppi_options_create(&set));
    CHECK_OK(ppi_method_bind(m, set, out));
    for (int i = 0; t->options[i] != NULL; i += 2)
        CHECK_OK(ppi_options_set(set, t->options[i], t->options[i + 1], "test"));
    CHECK_OK(ppi_method_apply_recipe(m, set, t->size));
    ppi_options_destroy(set);
    return m;
}

static inline pp_status online_test_try(ppi_agent **out, const online_test_agent *t) {
    static uint64_t options[512];
    const ppi_method *m = online_test_options(t, options);
    assert_true(m->options_size <= sizeof options);
    const ppi_agent_config cfg = {.method = m,
                                  .size = t->size,
                                  .options = options,
                                  .obs = t->obs,
                                  .actions = t->actions,
                                  .games = 1,
                                  .seed = 7,
                                  .threads = t->threads > 0 ? t->threads : 1};
    return ppi_agent_create(out, &cfg);
}

static inline ppi_agent *online_test_make(const online_test_agent *t) {
    ppi_agent *a = NULL;
    CHECK_OK(online_test_try(&a, t));
    return a;
}

/* Begins learning with every action of the agent legal in every stream. */
static inline pp_status online_test_begin(ppi_agent *a, int64_t streams, int64_t total) {
    static uint8_t legal[ONLINE_TEST_STREAMS * PP_ENV_ACTIONS];
    static int32_t game[ONLINE_TEST_STREAMS];
    memset(legal, 0, sizeof legal);
    for (int64_t s = 0; s < streams; s++) {
        for (int32_t k = 0; k < a->cfg.actions.count; k++)
            legal[s * PP_ENV_ACTIONS + a->cfg.actions.list[k]] = 1;
    }
    const ppi_learn_setup setup = {
        .streams = streams, .total_steps = total, .game = game, .legal = legal, .seed = 11};
    return a->method->learner->begin(a, &setup);
}

/* A learner and its environments. */
typedef struct online_test_run {
    ppi_agent *agent;
    ppi_vec *vec;
    int64_t streams;
    uint8_t *obs;
    int32_t action[ONLINE_TEST_STREAMS];
    double returns[100]; /* of the last episodes */
    int64_t episodes;
} online_test_run;

/* Opens environments of a game and starts them; the agent stays the caller's. */
static inline void online_test_open(online_test_run *r, ppi_agent *a, const char *env,
                                    int64_t streams) {
    const char *ids[ONLINE_TEST_STREAMS];
    uint64_t seeds[ONLINE_TEST_STREAMS];
    for (int64_t i = 0; i < streams; i++) {
        ids[i] = env;
        seeds[i] = 100 + (uint64_t)i;
    }
    const ppi_vec_config c = {
        .ids = ids, .count = (int)streams, .threads = 1, .autoreset = PPI_AUTORESET_SAME_STEP};
    *r = (online_test_run){.agent = a, .streams = streams};
    CHECK_OK(ppi_vec_open(&r->vec, &c));
    CHECK_OK(ppi_vec_reset_all(r->vec, seeds));
    r->obs = malloc((size_t)(streams * ppi_vec_obs_size(r->vec)));
}

static inline void online_test_close(online_test_run *r) {
    ppi_vec_destroy(r->vec);
    free(r->obs);
}

/* The outcome that the vec shows; r->obs and r->action are those of before. */
static inline ppi_learn_step online_test_outcome(const online_test_run *r) {
    return (ppi_learn_step){.obs = r->obs,
                            .action = r->action,
                            .reward = ppi_vec_reward(r->vec),
                            .terminated = ppi_vec_terminated(r->vec),
                            .truncated = ppi_vec_truncated(r->vec),
                            .next_obs = ppi_vec_obs(r->vec),
                            .final_obs = ppi_vec_final_obs(r->vec)};
}

/* One step of every stream; the learner learns from it. */
static inline void online_test_step(online_test_run *r, ppi_metrics *out) {
    const ppi_learner_calls *l = r->agent->method->learner;
    memcpy(r->obs, ppi_vec_obs(r->vec), (size_t)(r->streams * ppi_vec_obs_size(r->vec)));
    CHECK_OK(l->act(r->agent, r->obs, r->action));
    CHECK_OK(ppi_vec_step(r->vec, r->action, NULL));
    const ppi_learn_step t = online_test_outcome(r);
    CHECK_OK(l->step(r->agent, &t, out));
    for (int64_t i = 0; i < r->streams; i++) {
        if (!t.terminated[i] && !t.truncated[i]) continue;
        r->returns[r->episodes++ % 100] = ppi_vec_episode_return(r->vec)[i];
    }
}

/* Mean return of the last 100 episodes. */
static inline double online_test_mean(const online_test_run *r) {
    const int64_t n = r->episodes < 100 ? r->episodes : 100;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += r->returns[i];
    return n > 0 ? sum / (double)n : 0;
}

#endif
