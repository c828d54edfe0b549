/* Emulated frames under the Atari rules, counted by a made-up emulator: no-op starts are drawn in
 * frames, and a step in which the game ends is shorter than the frame skip. */
#include "env/env_test.h"

#include "env/atari.h"

enum { SIDE = 84, FIRE = 1 };

/* The emulator: a blank screen, and an end after a number of frames. */
typedef struct fake_game {
    int32_t frames; /* since the last reset */
    int32_t last_action;
    int32_t length; /* frames of an episode, from the configuration's mode */
} fake_game;

static int32_t fake_create(void **out, const pp_env_config *config, pp_env_error *error) {
    (void)error;
    fake_game *game = calloc(1, sizeof(*game));
    assert_non_null(game);
    game->length = config->mode;
    *out = game;
    return PP_OK;
}

static void fake_describe(const void *env, pp_env_spec *spec) {
    (void)env;
    *spec = (pp_env_spec){.obs_h = SIDE,
                          .obs_w = SIDE,
                          .obs_c = 1,
                          .min_actions = 2,
                          .action_list = {0, FIRE},
                          .frame_skip = 1};
}

static int32_t fake_reset(void *env, uint64_t seed, uint8_t *obs, pp_env_result *result,
                          pp_env_error *error) {
    fake_game *game = env;
    (void)seed;
    (void)obs;
    (void)error;
    game->frames = 0;
    *result = (pp_env_result){0};
    return PP_OK;
}

static int32_t fake_step(void *env, int32_t action, uint8_t *obs, pp_env_result *result,
                         pp_env_error *error) {
    fake_game *game = env;
    (void)obs;
    (void)error;
    game->frames++;
    game->last_action = action;
    *result = (pp_env_result){.reward = 1, .frames = 1, .terminated = game->frames >= game->length};
    return PP_OK;
}

static int32_t fake_observe(void *env, uint8_t *obs, pp_env_error *error) {
    (void)env;
    (void)error;
    memset(obs, 0, SIDE * SIDE);
    return PP_OK;
}

static const pp_env_vtable fake = {.name = "fake",
                                   .create = fake_create,
                                   .destroy = free,
                                   .describe = fake_describe,
                                   .reset = fake_reset,
                                   .step = fake_step,
                                   .observe = fake_observe};

static void *open_fake(int32_t length, int32_t noop_max, int32_t fire) {
    const pp_env_config config = {.struct_size = sizeof(config),
                                  .id = "ale/fake",
                                  .mode = length,
                                  .noop_max = noop_max,
                                  .fire_reset = fire};
    void *env = NULL;
    ASSERT_OK(ppi_atari_create(&env, &fake, &config, NULL));
    return env;
}

/* Frames of the start of an episode of this seed. */
static int32_t start_frames(void *env, uint64_t seed) {
    pp_env_result result = {0};
    pp_env_error error;
    assert_int_equal(ppi_atari_vtable.reset(env, seed, NULL, &result, &error), PP_OK);
    return result.frames;
}

/* Every number of frames from 0 to the most is drawn, and no other. */
static void noop_starts_count_frames(void **state) {
    (void)state;
    enum { MOST = 5, SEEDS = 200 };
    void *env = open_fake(1000, MOST, 0);
    int seen[MOST + 1] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const int32_t frames = start_frames(env, seed);
        assert_in_range(frames, 0, MOST);
        seen[frames]++;
    }
    for (int i = 0; i <= MOST; i++) assert_true(seen[i] > 0);
    ppi_atari_vtable.destroy(env);
    env = open_fake(1000, 0, 1); /* FIRE alone is one frame */
    assert_int_equal(start_frames(env, 1), 1);
    ppi_atari_vtable.destroy(env);
}

/* 4 + 2 frames, then nothing. */
static void last_step_is_shorter(void **state) {
    (void)state;
    static const int32_t frames[] = {4, 2, 0};
    void *env = open_fake(6, 0, 0);
    pp_env_error error;
    assert_int_equal(start_frames(env, 1), 0);
    for (int i = 0; i < 3; i++) {
        pp_env_result result = {0};
        assert_int_equal(ppi_atari_vtable.step(env, FIRE, NULL, &result, &error), PP_OK);
        assert_int_equal(result.frames, frames[i]);
        assert_true(result.reward == frames[i]); /* one point a frame */
        assert_int_equal(result.terminated, i > 0);
    }
    ppi_atari_vtable.destroy(env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noop_starts_count_frames),
        cmocka_unit_test(last_step_is_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
