/* Gymnasium environments through their Python process: the same numbers as Gymnasium gives itself,
 * saved states, and processes that die. */
#include "env/env_test.h"

#include <unistd.h>

#include "env/gym.h"

enum { CARTPOLE_STEPS = 60 };

static const char *python(void) {
    static char path[PPI_PATH_SIZE];
    const char *home = getenv("HOME");
    const char *deps = getenv("POLYPLAY_DEPS");
    if (deps != NULL) {
        snprintf(path, sizeof path, "%s/venv/bin/python", deps);
    } else {
        snprintf(path, sizeof path, "%s/.cache/polyplay/venv/bin/python", home != NULL ? home : "");
    }
    return ppi_file_exists(path) ? path : "python3";
}

/* Whether the Python that the bridge takes can import the package. */
static bool have_gymnasium(void) {
    char command[PPI_PATH_SIZE + 64];
    snprintf(command, sizeof command, "%s -c 'import gymnasium' 2>/dev/null", python());
    return system(command) == 0;
}

static int setup(void **state) {
    (void)state;
    char path[PPI_PATH_SIZE];
    if (ppi_path_join(path, sizeof path, getenv("PP_SOURCE_DIR"), "tests/env/gym") != PP_OK) return 1;
    /* The tests and the bridge take the same interpreter. */
    return setenv("POLYPLAY_PYTHON", python(), 1) != 0 || setenv("PYTHONPATH", path, 1) != 0;
}

static void *create(const char *id) {
    const pp_env_config config = {.struct_size = sizeof config, .id = id};
    pp_env_error error = {{0}};
    void *env = NULL;
    if (ppi_gym_vtable.create(&env, &config, &error) != PP_OK) fail_msg("%s: %s", id, error.text);
    return env;
}

/* The text with which making an environment fails. */
static void create_fails(const char *id, int32_t status, const char *part) {
    const pp_env_config config = {.struct_size = sizeof config, .id = id};
    pp_env_error error = {{0}};
    void *env = NULL;
    assert_int_equal(ppi_gym_vtable.create(&env, &config, &error), status);
    assert_null(env);
    if (strstr(error.text, part) == NULL) fail_msg("'%s' is not in '%s'", part, error.text);
}

static pp_env_result reset(void *env, uint64_t seed, void *obs) {
    pp_env_result result;
    pp_env_error error = {{0}};
    if (ppi_gym_vtable.reset(env, seed, obs, &result, &error) != PP_OK) fail_msg("%s", error.text);
    return result;
}

static pp_env_result step(void *env, int32_t action, void *obs) {
    pp_env_result result;
    pp_env_error error = {{0}};
    if (ppi_gym_vtable.step(env, action, obs, &result, &error) != PP_OK) fail_msg("%s", error.text);
    return result;
}

static int32_t chosen(int i) {
    return (i * 7 / 3) % 2;
}

/* CartPole played here and by Gymnasium alone, number for number. */
static void cartpole_equals_gymnasium(void **state) {
    (void)state;
    if (!have_gymnasium()) skip();
    char command[2 * PPI_PATH_SIZE];
    snprintf(command, sizeof command,
             "%s -c \"import gymnasium\nenv = gymnasium.make('CartPole-v1')\no, _ = env.reset(seed=11)\n"
             "for i in range(%d):\n    o, r, t, u, _ = env.step(i * 7 // 3 %% 2)\n"
             "    print(*[float(x).hex() for x in o], r, int(t), int(u))\n    if t or u: break\"",
             python(), CARTPOLE_STEPS);
    FILE *reference = popen(command, "r");
    assert_non_null(reference);
    void *env = create("gym/CartPole-v1");
    pp_env_spec spec;
    ppi_gym_vtable.describe(env, &spec);
    assert_int_equal(spec.obs_type, PP_OBS_FLOAT);
    assert_int_equal(spec.obs_c, 4);
    assert_int_equal(spec.obs_bytes, 16);
    assert_int_equal(spec.action_count, 2);
    assert_int_equal(spec.max_steps, 500);
    float obs[4];
    reset(env, 11, obs);
    int compared = 0;
    double want[4];
    double reward;
    int terminated, truncated;
    while (fscanf(reference, "%la %la %la %la %lf %d %d", &want[0], &want[1], &want[2], &want[3], &reward,
                  &terminated, &truncated) == 7) {
        const pp_env_result result = step(env, chosen(compared), obs);
        for (int j = 0; j < 4; j++) assert_true((double)obs[j] == want[j]);
        assert_true(result.reward == reward);
        assert_int_equal(result.terminated, terminated);
        assert_int_equal(result.truncated, truncated);
        compared++;
    }
    assert_int_equal(pclose(reference), 0);
    assert_true(compared >= 8);
    ppi_gym_vtable.destroy(env);
}

static void pictures_of_bytes(void **state) {
    (void)state;
    if (!have_gymnasium()) skip();
    void *env = create("gym/faulty_envs:Sound-v0");
    pp_env_spec spec;
    ppi_gym_vtable.describe(env, &spec);
    assert_int_equal(spec.obs_type, PP_OBS_IMAGE);
    assert_int_equal(spec.obs_h, 2);
    assert_int_equal(spec.obs_w, 3);
    assert_int_equal(spec.obs_c, 1);
    assert_int_equal(spec.action_count, 3);
    uint8_t obs[6];
    reset(env, 1, obs);
    for (int i = 1; i <= 8; i++) {
        const pp_env_result result = step(env, 1, obs);
        assert_int_equal(obs[5], i);
        assert_true(result.reward == 2); /* the environment's ids begin with 1 */
        assert_int_equal(result.terminated, i == 8);
    }
    const pp_env_result after = step(env, 1, obs);
    assert_true(after.reward == 0 && after.terminated && obs[0] == 8);
    pp_env_error error = {{0}};
    pp_env_result result;
    assert_int_equal(ppi_gym_vtable.step(env, 3, obs, &result, &error), PP_ERR_ARGUMENT);
    uint8_t rgb[18];
    assert_int_equal(ppi_gym_vtable.render(env, rgb, &error), PP_ERR_UNSUPPORTED);
    ppi_gym_vtable.destroy(env);
}

static void saved_state_goes_on_equally(void **state) {
    (void)state;
    if (!have_gymnasium()) skip();
    void *env = create("gym/CartPole-v1");
    void *other = create("gym/CartPole-v1");
    float a[4], b[4];
    reset(env, 5, a);
    reset(env, PP_ENV_KEEP_SEED, a);
    for (int i = 0; i < 6; i++) step(env, i % 2, a);
    uint8_t buffer[4096];
    uint64_t needed = 0;
    pp_env_error error = {{0}};
    assert_int_equal(ppi_gym_vtable.save_state(env, buffer, sizeof buffer, &needed, &error), PP_OK);
    if (ppi_gym_vtable.load_state(other, buffer, needed, &error) != PP_OK) fail_msg("%s", error.text);
    assert_int_equal(ppi_gym_vtable.observe(other, (uint8_t *)b, &error), PP_OK);
    assert_memory_equal(a, b, sizeof a);
    bool ended = false;
    for (int i = 0; i < 40; i++) {
        const pp_env_result x = ended ? reset(env, PP_ENV_KEEP_SEED, a) : step(env, i % 2, a);
        const pp_env_result y = ended ? reset(other, PP_ENV_KEEP_SEED, b) : step(other, i % 2, b);
        assert_memory_equal(a, b, sizeof a);
        assert_true(x.reward == y.reward && x.terminated == y.terminated);
        ended = x.terminated || x.truncated;
    }
    assert_int_equal(ppi_gym_vtable.load_state(other, buffer, needed - 1, &error), PP_ERR_CORRUPT);
    ppi_gym_vtable.destroy(env);
    ppi_gym_vtable.destroy(other);
}

/* Plays until the process breaks off; checks the words and that a reset starts another. */
static void breaks_off(const char *id, int32_t status, const char *part) {
    void *env = create(id);
    uint8_t obs[6];
    pp_env_result result;
    pp_env_error error = {{0}};
    for (int round = 0; round < 2; round++) {
        reset(env, 3, obs);
        assert_int_equal(obs[0], 0);
        for (int i = 1; i < 5; i++) step(env, 0, obs);
        assert_int_equal(ppi_gym_vtable.step(env, 0, obs, &result, &error), status);
        if (strstr(error.text, part) == NULL) fail_msg("'%s' is not in '%s'", part, error.text);
        if (strstr(error.text, id) == NULL) fail_msg("'%s' is not in '%s'", id, error.text);
    }
    if (status == PP_ERR_IO) {
        assert_int_equal(ppi_gym_vtable.step(env, 0, obs, &result, &error), PP_ERR_IO);
        assert_non_null(strstr(error.text, "reset starts another"));
    }
    ppi_gym_vtable.destroy(env);
}

static void dying_process_is_named(void **state) {
    (void)state;
    if (!have_gymnasium()) skip();
    breaks_off("gym/faulty_envs:Killed-v0", PP_ERR_IO, "killed by signal 9");
    breaks_off("gym/faulty_envs:Leaving-v0", PP_ERR_IO, "ended with status 7; its last words: ");
    breaks_off("gym/faulty_envs:Leaving-v0", PP_ERR_IO, "the last straw");
    breaks_off("gym/faulty_envs:Raising-v0", PP_ERR_ARGUMENT, "ValueError: no more steps");
}

static void what_cannot_be_played_is_refused(void **state) {
    (void)state;
    if (!have_gymnasium()) skip();
    create_fails("gym/NoSuchGame-v0", PP_ERR_UNSUPPORTED, "NoSuchGame");
    create_fails("gym/faulty_envs:Busy-v0", PP_ERR_UNSUPPORTED, "19 actions");
    create_fails("gym/faulty_envs:Deep-v0", PP_ERR_UNSUPPORTED, "its observation is Dict");
    create_fails("gym/Pendulum-v1", PP_ERR_UNSUPPORTED, "its actions are Box");
    create_fails("gym/", PP_ERR_ARGUMENT, "gym/CartPole-v1");
}

static void missing_interpreter_is_named(void **state) {
    (void)state;
    assert_int_equal(setenv("POLYPLAY_PYTHON", "/nowhere/python", 1), 0);
    create_fails("gym/CartPole-v1", PP_ERR_NOT_FOUND, "POLYPLAY_PYTHON");
    assert_int_equal(setenv("POLYPLAY_PYTHON", "/bin/false", 1), 0);
    create_fails("gym/CartPole-v1", PP_ERR_IO, "its start");
    assert_int_equal(unsetenv("POLYPLAY_PYTHON"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cartpole_equals_gymnasium),
        cmocka_unit_test(pictures_of_bytes),
        cmocka_unit_test(saved_state_goes_on_equally),
        cmocka_unit_test(dying_process_is_named),
        cmocka_unit_test(what_cannot_be_played_is_refused),
        cmocka_unit_test(missing_interpreter_is_named),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
