/* Learning histories for tests: every observation, action, reward and end is a function of
 * (history, step). */
#ifndef PPI_TESTS_HISTORY_TEST_H
#define PPI_TESTS_HISTORY_TEST_H

#include "data/data_test.h"
#include "base/error.h"
#include "data/history.h"
#include "data/meta.h"

#define OPTIONS "{\"lr\": 0.001}"

/* What a history of these tests observes. */
static inline ppi_store_meta history_meta(int32_t obs_type) {
    ppi_store_meta meta = {.obs_type = obs_type,
                           .height = 1,
                           .width = 1,
                           .channels = 3,
                           .obs_high = 255,
                           .cell_high = {8, 200, 1},
                           .actions = 5,
                           .min_actions = 5,
                           .action_list = {0, 1, 2, 3, 4},
                           .max_steps = 50,
                           .reward_min = -1,
                           .reward_max = 1,
                           .task_count = 81,
                           .seed_count = 1,
                           .seeds = {7},
                           .split_seed = 3,
                           .histories = 1};
    if (obs_type == PP_OBS_PLANES || obs_type == PP_OBS_IMAGE) {
        meta.height = 6;
        meta.width = 5;
        meta.obs_high = obs_type == PP_OBS_PLANES ? 1 : 255;
    }
    snprintf(meta.id, sizeof meta.id, "t/history/a2c-v0");
    snprintf(meta.env, sizeof meta.env, "t/history");
    snprintf(meta.policy, sizeof meta.policy, "a2c");
    snprintf(meta.tasks, sizeof meta.tasks, "train");
    return meta;
}

/* Length of the episode that begins at a step. */
static inline int64_t history_length(int64_t index, int64_t first) {
    return 1 + (index * 3 + first * 7) % 11;
}

static inline double history_reward(int64_t index, int64_t t) {
    return (double)((index + t) % 3) - 1;
}

/* Observation number t of a history; of an ended episode's last one, `final`. */
static inline void history_obs(const ppi_store_meta *meta, int64_t index, int64_t t, bool final,
                               uint8_t *out) {
    int64_t numbers = (int64_t)meta->height * meta->width * meta->channels;
    for (int64_t i = 0; i < numbers; i++) {
        uint32_t x = test_pixel(index * 2 + final, t, i);
        if (meta->obs_type == PP_OBS_FLOAT) {
            float value = (float)x * 0.25f - 8;
            memcpy(out + (size_t)i * sizeof value, &value, sizeof value);
        } else if (meta->obs_type == PP_OBS_CELLS) {
            out[i] = (uint8_t)(x % (uint32_t)(meta->cell_high[i] + 1));
        } else {
            out[i] = (uint8_t)(x % (uint32_t)(meta->obs_high + 1));
        }
    }
}

/* Plays a history from step `from` to step `to`; `first` is where the running episode began. */
typedef struct history_player {
    int64_t index, step, first;
} history_player;

static inline ppi_history_info history_facts(int64_t index) {
    return (ppi_history_info){.index = index,
                              .task = 10 + index,
                              .seed = 100 + (uint64_t)index,
                              .learner = "a2c",
                              .actors = 4,
                              .options = OPTIONS};
}

static inline void history_start(ppi_history *h, const ppi_store_meta *meta, history_player *p,
                                 int64_t index) {
    uint8_t obs[512];
    const ppi_history_info info = history_facts(index);
    *p = (history_player){.index = index};
    history_obs(meta, index, 0, false, obs);
    assert_ok(ppi_history_begin(h, &info, obs));
}

static inline ppi_step_row history_row(const history_player *p) {
    bool end = p->step + 1 - p->first == history_length(p->index, p->first);
    return (ppi_step_row){.reward = history_reward(p->index, p->step),
                          .action = (int32_t)((p->index + p->step) % 5),
                          .terminated = end && p->first % 2 == 0,
                          .truncated = end && p->first % 2 == 1};
}

static inline pp_status history_play(ppi_history *h, const ppi_store_meta *meta, history_player *p,
                                     int64_t to) {
    uint8_t obs[512];
    uint8_t final[512];
    while (p->step < to) {
        const ppi_step_row row = history_row(p);
        const bool end = row.terminated || row.truncated;
        history_obs(meta, p->index, p->step + 1, false, obs);
        history_obs(meta, p->index, p->step, true, final);
        PPI_TRY(ppi_history_step(h, p->index, &row, obs, end ? final : NULL));
        p->step++;
        p->first = end ? p->step : p->first;
    }
    return PP_OK;
}

/* Where a player stands after `steps` steps. */
static inline history_player history_at(int64_t index, int64_t steps) {
    history_player p = {.index = index};
    while (p.step < steps) {
        const ppi_step_row row = history_row(&p);
        p.step++;
        p.first = row.terminated || row.truncated ? p.step : p.first;
    }
    return p;
}

/* The group of a dataset is the history up to `steps`. */
static inline void check_history(ppi_dataset *d, int64_t at, int64_t index, int64_t steps) {
    const ppi_store_meta *meta = ppi_dataset_meta(d);
    const ppi_group *group = ppi_dataset_group(d, at);
    const size_t bytes = ppi_store_frame_bytes(meta);
    uint8_t want[512];
    uint8_t got[512];
    history_player p = {.index = index};
    int64_t episode = group->first_episode;
    assert_true(group->history);
    assert_int_equal(group->steps, steps);
    assert_int_equal(group->task, 10 + index);
    assert_int_equal(group->seed, 100 + index);
    assert_int_equal(group->actors, 4);
    assert_string_equal(group->learner, "a2c");
    assert_string_equal(group->options, OPTIONS);
    for (int64_t t = 0; t <= steps; t++) {
        assert_ok(ppi_dataset_read_observations(d, at, t, 1, got));
        history_obs(meta, index, t, false, want);
        assert_memory_equal(got, want, bytes);
        if (t == steps) {
            break;
        }
        p.step = t;
        const ppi_step_row row = history_row(&p);
        const uint8_t flags = ppi_dataset_flags(d)[group->row + t];
        assert_int_equal(ppi_dataset_actions(d)[group->row + t], row.action);
        assert_true(ppi_dataset_rewards(d)[group->row + t] == (float)row.reward);
        assert_int_equal((flags & PPI_STEP_TERMINATED) != 0, row.terminated);
        if (row.terminated || row.truncated) {
            const ppi_episode *e = ppi_dataset_episode(d, episode++);
            assert_int_equal(e->info.steps, t + 1 - p.first);
            assert_int_equal(e->info.truncated, row.truncated);
            assert_ok(ppi_dataset_read_final(d, episode - 1, got));
            history_obs(meta, index, t, true, want);
            assert_memory_equal(got, want, bytes);
            p.first = t + 1;
        } else if (t == steps - 1) {
            assert_int_equal(ppi_dataset_episode(d, episode++)->info.cut, 1);
        }
    }
    assert_int_equal(group->episodes, episode - group->first_episode);
}

#endif
