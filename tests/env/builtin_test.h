/* Shared by the tests of bandits, dark rooms and Watermaze: environments without a vec. */
#ifndef BUILTIN_TEST_H
#define BUILTIN_TEST_H

#include "env/env_test.h"

#include <math.h>

#include "base/rng.h"
#include "env/scripted.h"

/* What a test varies; zeros are the defaults. */
typedef struct env_choice {
    const char *id;
    const char *view;
    const char *reading;
    int mode;
    int64_t task;
} env_choice;

static inline pp_status try_env(ppi_env *env, env_choice choice) {
    ppi_env_options options;
    ppi_env_options_default(&options);
    snprintf(options.view, sizeof(options.view), "%s", choice.view == NULL ? "" : choice.view);
    snprintf(options.reading, sizeof(options.reading), "%s",
             choice.reading == NULL ? "" : choice.reading);
    options.mode = choice.mode;
    options.task = choice.task;
    return ppi_env_create(env, choice.id, &options);
}

static inline ppi_env open_env(env_choice choice) {
    ppi_env env;
    ASSERT_OK(try_env(&env, choice));
    return env;
}

static inline void start(ppi_env *env, uint64_t seed, uint8_t *obs) {
    pp_env_result result;
    pp_env_error error = {{0}};
    assert_int_equal(env->vtable->reset(env->state, seed, obs, &result, &error), PP_OK);
    assert_true(result.reward == 0 && !result.terminated && !result.truncated);
}

static inline pp_env_result play(ppi_env *env, int32_t action, uint8_t *obs) {
    pp_env_result result;
    pp_env_error error = {{0}};
    if (env->vtable->step(env->state, action, obs, &result, &error) != PP_OK) {
        fail_msg("%s", error.text);
    }
    assert_false(result.truncated);
    return result;
}

/* Return of one episode under random actions from `source`, or under the script when it is NULL. */
static inline double episode(ppi_env *env, uint64_t seed, int32_t actions, ppi_rng *source) {
    double sum = 0;
    pp_env_result result = {0};
    for (start(env, seed, NULL); !result.terminated;) {
        const int32_t action = source == NULL ? ppi_scripted_action(env)
                                              : (int32_t)ppi_rng_below(source, (uint64_t)actions);
        result = play(env, action, NULL);
        sum += result.reward;
    }
    return sum;
}

/* Mean and standard error of the return over fresh environments, one episode each. Tasks are drawn
 * from 0..tasks-1, from a large range with tasks = 0. */
typedef struct return_mean {
    double mean;
    double error;
} return_mean;

static inline return_mean play_many(env_choice choice, int64_t tasks, int episodes, bool scripted) {
    ppi_rng source;
    ppi_rng_init(&source, 11, PPI_RNG_TEST, 0);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < episodes; i++) {
        choice.task = (int64_t)ppi_rng_below(&source, tasks > 0 ? (uint64_t)tasks : 1ull << 50);
        ppi_env env = open_env(choice);
        pp_env_spec spec;
        env.vtable->describe(env.state, &spec);
        const double value =
            episode(&env, (uint64_t)i, spec.action_count, scripted ? NULL : &source);
        sum += value;
        squares += value * value;
        ppi_env_destroy(&env);
    }
    const double mean = sum / episodes;
    return (return_mean){mean, sqrt((squares / episodes - mean * mean) / episodes)};
}

/* `slack` is the rounding of the reference. */
static inline void assert_mean(return_mean got, double expected, double slack) {
    if (fabs(got.mean - expected) > 3 * got.error + slack) {
        fail_msg("mean %.4f, standard error %.4f, expected %.4f", got.mean, got.error, expected);
    }
}

/* A copy made through save and load in the middle of an episode goes on exactly like the original,
 * over the episode's end as well; damaged states are refused. */
static inline void check_save_load(env_choice choice, int32_t actions, size_t obs_bytes) {
    ppi_env env = open_env(choice);
    ppi_env twin = open_env(choice);
    pp_env_error error = {{0}};
    uint8_t *obs[2] = {malloc(obs_bytes), malloc(obs_bytes)};
    uint32_t x = 3;
    start(&env, 77, NULL);
    start(&env, PP_ENV_KEEP_SEED, NULL); /* the stream is not at its beginning */
    for (int i = 0; i < 7; i++) play(&env, (int32_t)(next_value(&x) % (uint32_t)actions), obs[0]);
    uint64_t size = 0;
    assert_int_equal(env.vtable->save_state(env.state, NULL, 0, &size, &error), PP_OK);
    uint8_t *saved = malloc(size);
    assert_int_equal(env.vtable->save_state(env.state, saved, size - 1, &size, &error),
                     PP_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "needs"));
    assert_int_equal(env.vtable->save_state(env.state, saved, size, &size, &error), PP_OK);
    assert_int_equal(twin.vtable->load_state(twin.state, saved, size, &error), PP_OK);
    twin.vtable->observe(twin.state, obs[1], &error);
    assert_memory_equal(obs[0], obs[1], obs_bytes);
    for (int i = 0; i < 300; i++) {
        const int32_t action = (int32_t)(next_value(&x) % (uint32_t)actions);
        const pp_env_result a = play(&env, action, obs[0]);
        const pp_env_result b = play(&twin, action, obs[1]);
        assert_true(a.reward == b.reward && a.terminated == b.terminated);
        if (a.terminated) {
            start(&env, PP_ENV_KEEP_SEED, obs[0]);
            start(&twin, PP_ENV_KEEP_SEED, obs[1]);
        }
        assert_memory_equal(obs[0], obs[1], obs_bytes);
    }
    assert_int_equal(twin.vtable->load_state(twin.state, saved, size - 1, &error), PP_ERR_CORRUPT);
    assert_non_null(strstr(error.text, choice.id));
    saved[0] ^= 1;
    assert_int_equal(twin.vtable->load_state(twin.state, saved, size, &error), PP_ERR_CORRUPT);
    saved[0] ^= 1;
    choice.task++;
    ppi_env other = open_env(choice);
    assert_int_equal(other.vtable->load_state(other.state, saved, size, &error), PP_ERR_CORRUPT);
    assert_non_null(strstr(error.text, "task"));
    ppi_env_destroy(&other);
    ppi_env_destroy(&twin);
    ppi_env_destroy(&env);
    free(saved);
    free(obs[0]);
    free(obs[1]);
}

/* Steps that cannot be played, and the rest after the end. */
static inline void check_step_errors(env_choice choice, int32_t actions, int32_t length) {
    ppi_env env = open_env(choice);
    pp_env_result result;
    pp_env_error error = {{0}};
    assert_int_equal(env.vtable->step(env.state, 0, NULL, &result, &error), PP_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "before its reset"));
    start(&env, 1, NULL);
    const int32_t wrong[2] = {-1, actions};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(env.vtable->step(env.state, wrong[i], NULL, &result, &error),
                         PP_ERR_ARGUMENT);
        assert_non_null(strstr(error.text, "is not in 0.."));
        assert_non_null(strstr(error.text, choice.id));
    }
    for (int i = 1; i <= length; i++) {
        result = play(&env, 0, NULL);
        assert_int_equal(result.terminated, i == length);
        assert_int_equal(result.frames, 1);
    }
    result = play(&env, 0, NULL);
    assert_true(result.reward == 0 && result.terminated && result.frames == 0);
    start(&env, PP_ENV_KEEP_SEED, NULL);
    assert_false(play(&env, 0, NULL).terminated);
    ppi_env_destroy(&env);
}

/* The environment cannot be made, with PP_ERR_ARGUMENT and a text that has both parts. */
static inline void assert_refused(env_choice choice, const char *part, const char *other) {
    ppi_env env;
    assert_int_equal(try_env(&env, choice), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS(part);
    ASSERT_ERROR_HAS(other);
}

/* Options that only games of other families have. */
static inline void check_foreign_options(const char *id) {
    ppi_env_options options;
    ppi_env env;
    ppi_env_options_default(&options);
    options.sticky = 0.25;
    assert_int_equal(ppi_env_create(&env, id, &options), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("sticky");
    ppi_env_options_default(&options);
    options.cap = 5;
    assert_int_equal(ppi_env_create(&env, id, &options), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("a cap of 5");
    ppi_env_options_default(&options);
    options.difficulty = 1;
    assert_int_equal(ppi_env_create(&env, id, &options), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("difficulty");
}

#endif
