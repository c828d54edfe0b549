/* Damage planted in datasets of learning histories, one kind at a time: opening or validating names
 * what is wrong. Also what may not be combined, inspected or deleted. */
#include "data/history_test.h"

#include <math.h>
#include <unistd.h>

#include "data/journal.h"

#define ROWS   12
#define GROUPS 2

/* A dataset made column by column, with one thing wrong. The groups have two episodes of 5 steps
 * and one that was cut after 2; the first ends with a termination, the second with a truncation. */
typedef struct plant {
    int64_t actions[ROWS], end_row[2];
    double rewards[ROWS];
    int8_t terminations[ROWS], truncations[ROWS];
    uint8_t obs[ROWS + 1][2], final[2][2];
    int64_t rows[5];    /* of actions, rewards, terminations, truncations, observations */
    int64_t ends;       /* rows of end_row */
    int64_t finals;     /* rows of final_observation, -1 = none */
    int64_t numbers[2]; /* of the groups */
    int64_t id, task, actors, total_steps; /* attributes; task and actors -1 = none */
    const char *learner, *options;         /* NULL = none */
    ppi_store_meta meta;
    ppi_meta_counts counts;
} plant;

static plant sound(void) {
    plant p = {.end_row = {4, 9},
               .rows = {ROWS, ROWS, ROWS, ROWS, ROWS + 1},
               .ends = 2,
               .finals = 2,
               .numbers = {0, 1},
               .id = 1,
               .task = 5,
               .actors = 2,
               .total_steps = ROWS,
               .learner = "a2c",
               .options = OPTIONS,
               .meta = history_meta(PP_OBS_CELLS),
               .counts = {.episodes = GROUPS, .steps = GROUPS * ROWS}};
    p.meta.channels = 2;
    p.meta.max_steps = 5;
    p.terminations[4] = p.truncations[9] = 1;
    for (int t = 0; t < ROWS; t++) {
        p.actions[t] = t % 5;
        p.rewards[t] = t % 3 - 1;
        p.obs[t][0] = (uint8_t)(t % 9);
        p.obs[t][1] = (uint8_t)(t * 10);
    }
    return p;
}

static void put_column(ppi_h5 *file, const char *group, const char *name, ppi_h5_type type,
                       const void *values, int64_t rows) {
    char path[128];
    const int64_t dims[2] = {rows, 2};
    ppi_h5_data *data = NULL;
    snprintf(path, sizeof path, "%s/%s", group, name);
    assert_ok(ppi_h5_data_create(&data, file, path, type, type == PPI_H5_U8 ? 2 : 1, dims, 0, 0));
    assert_ok(ppi_h5_data_append(data, type, values, rows));
    ppi_h5_data_close(data);
}

/* The first group is sound but for its number; the second carries the damage. */
static void put_group(ppi_h5 *file, const plant *p, int64_t number, bool first) {
    char group[64];
    char infos[80];
    snprintf(group, sizeof group, "episode_%lld", (long long)number);
    snprintf(infos, sizeof infos, "%s/infos", group);
    assert_ok(ppi_h5_group_create(file, group));
    assert_ok(ppi_h5_attr_write_i64(file, group, "id", first ? number : p->id));
    assert_ok(ppi_h5_attr_write_u64(file, group, "seed", 7 + (uint64_t)number));
    assert_ok(ppi_h5_attr_write_i64(file, group, "total_steps", p->total_steps));
    if (p->task >= 0) assert_ok(ppi_h5_attr_write_i64(file, group, "task", p->task));
    if (p->actors >= 0) assert_ok(ppi_h5_attr_write_i64(file, group, "actors", p->actors));
    if (p->learner) assert_ok(ppi_h5_attr_write_text(file, group, "learner", p->learner));
    if (p->options) assert_ok(ppi_h5_attr_write_text(file, group, "options", p->options));
    put_column(file, group, "actions", PPI_H5_I64, p->actions, p->rows[0]);
    put_column(file, group, "rewards", PPI_H5_F64, p->rewards, p->rows[1]);
    put_column(file, group, "terminations", PPI_H5_BOOL, p->terminations, p->rows[2]);
    put_column(file, group, "truncations", PPI_H5_BOOL, p->truncations, p->rows[3]);
    put_column(file, group, "observations", PPI_H5_U8, p->obs, p->rows[4]);
    assert_ok(ppi_h5_group_create(file, infos));
    put_column(file, infos, "end_row", PPI_H5_I64, p->end_row, p->ends);
    if (p->finals >= 0)
        put_column(file, infos, "final_observation", PPI_H5_U8, p->final, p->finals);
}

static void put_plant(const char *folder, const plant *p) {
    char path[PPI_PATH_SIZE];
    ppi_h5 *file = NULL;
    ppi_buf text = {0};
    const plant whole = sound();
    assert_ok(ppi_dir_remove(folder));
    snprintf(path, sizeof path, "%s/data", folder);
    assert_ok(ppi_dir_make(path));
    snprintf(path, sizeof path, "%s/data/main_data.hdf5", folder);
    assert_ok(ppi_h5_create(&file, path));
    put_group(file, &whole, p->numbers[0], true);
    put_group(file, p, p->numbers[1], false);
    assert_ok(ppi_h5_close(file));
    assert_ok(ppi_meta_write(&text, &p->meta, &p->counts, NULL));
    snprintf(path, sizeof path, "%s/data/metadata.json", folder);
    test_put(path, text.data, text.len);
    ppi_buf_free(&text);
}

static pp_status validate(const char *folder) {
    ppi_dataset *d = NULL;
    ppi_dataset_report report;
    PPI_TRY(ppi_dataset_open(&d, folder));
    pp_status status = ppi_dataset_validate(d, &report);
    ppi_dataset_close(d);
    return status;
}

/* ---- the kinds of damage ---- */

static void short_actions(plant *p) {
    p->rows[0] = ROWS - 1;
}
static void short_observations(plant *p) {
    p->rows[4] = ROWS;
}
static void long_flags(plant *p) {
    p->rows[2] = p->rows[3] = ROWS - 2;
}
static void wrong_total(plant *p) {
    p->total_steps = ROWS - 1;
}
static void both_flags(plant *p) {
    p->truncations[4] = 1;
}
static void flag_without_end(plant *p) {
    p->terminations[7] = 1;
}
static void end_without_flag(plant *p) {
    p->terminations[4] = 0;
}
static void ends_fall(plant *p) {
    p->end_row[0] = 9, p->end_row[1] = 4;
}
static void end_missing(plant *p) {
    p->ends = 1;
}
static void finals_missing(plant *p) {
    p->finals = -1;
}
static void finals_short(plant *p) {
    p->finals = 1;
}
static void action_outside(plant *p) {
    p->actions[3] = 5;
}
static void action_negative(plant *p) {
    p->actions[3] = -1;
}
static void observation_outside(plant *p) {
    p->obs[6][0] = 201;
}
static void final_outside(plant *p) {
    p->final[1][1] = 250;
}
static void reward_nan(plant *p) {
    p->rewards[2] = NAN;
}
static void reward_outside(plant *p) {
    p->rewards[2] = 1.5;
}
static void group_missing(plant *p) {
    p->numbers[1] = 2, p->id = 2;
}
static void wrong_id(plant *p) {
    p->id = 0;
}
static void too_many_told(plant *p) {
    p->counts.episodes = 3;
}
static void too_few_told(plant *p) {
    p->counts.episodes = 1;
}
static void wrong_steps_told(plant *p) {
    p->counts.steps = 23;
}
static void task_missing(plant *p) {
    p->task = -1;
}
static void task_unknown(plant *p) {
    p->task = 81;
}
static void learner_missing(plant *p) {
    p->learner = NULL;
}
static void options_missing(plant *p) {
    p->options = NULL;
}
static void options_broken(plant *p) {
    p->options = "{\"lr\": ";
}
static void options_no_object(plant *p) {
    p->options = "3";
}
static void actors_missing(plant *p) {
    p->actors = -1;
}
static void no_actors(plant *p) {
    p->actors = 0;
}
static void beyond_the_cap(plant *p) {
    p->meta.max_steps = 4;
}

static void planted_damage(void **state) {
    (void)state;
    static const struct {
        void (*plant)(plant *p);
        const char *text;
    } cases[] = {
        {short_actions, "episode_1/actions has 11 rows, expected 12"},
        {short_observations, "episode_1/observations has 12 rows, expected 13"},
        {long_flags, "episode_1/terminations has 1 axes and 10 rows, expected 1 axis and 12"},
        {wrong_total, "episode_1/observations has 13 rows, expected 12"},
        {both_flags, "row 4 of the group: terminated and truncated at once"},
        {flag_without_end, "episode_1/infos/end_row: row 7 of the history is not listed as an end"},
        {end_without_flag, "episode_1/infos/end_row: row 4 of the history is listed as an end"},
        {ends_fall, "episode_1/infos/end_row: row 4 of the history is not listed"},
        {end_missing, "episode_1/infos/end_row: row 9 of the history is not listed"},
        {finals_missing, "episode_1/infos/final_observation is missing"},
        {finals_short, "episode_1/infos/final_observation has 1 rows, expected 2"},
        {action_outside, "episode_1/actions: row 3 is 5, expected 0 to 4"},
        {action_negative, "episode_1/actions: row 3 is -1, expected 0 to 4"},
        {observation_outside, "observations row 1 holds a value outside its space"},
        {final_outside, "observations row 5 holds a value outside its space"},
        {reward_nan, "episode_1/rewards: row 2 is not finite"},
        {reward_outside, "row 2 of the group: reward 1.5, the environment's are -1 to 1"},
        {group_missing, "group episode_1 is missing: the next is episode_2"},
        {wrong_id, "attribute id of episode_1 is 0, expected 1"},
        {too_many_told, "2 episode groups, total_episodes in metadata.json says 3"},
        {too_few_told, "2 groups with steps, total_episodes in metadata.json says 1"},
        {wrong_steps_told, "24 steps, total_steps in metadata.json says 23"},
        {task_missing, "episode_1 has no attribute task"},
        {task_unknown, "attribute task of episode_1 is 81, the environment has 0 to 80"},
        {learner_missing, "episode_1 has no attribute learner"},
        {options_missing, "episode_1 has no attribute options"},
        {options_broken, "attribute options of episode_1"},
        {options_no_object, "attribute options of episode_1 is no JSON object"},
        {actors_missing, "episode_1 has no attribute actors"},
        {no_actors, "attribute actors of episode_1 is 0, expected at least 1"},
        {beyond_the_cap, "the episode has 5 steps, the cap is 4"},
    };
    const plant whole = sound();
    put_plant("plant", &whole);
    assert_ok(validate("plant"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        plant p = sound();
        cases[i].plant(&p);
        put_plant("plant", &p);
        pp_status status = validate("plant");
        if ((status != PP_ERR_CORRUPT && status != PP_ERR_SHAPE) ||
            !strstr(pp_last_error(), cases[i].text) || !strstr(pp_last_error(), "plant/data/")) {
            fail_msg("case %d: got %s '%s', wanted '%s'", (int)i, pp_status_name(status),
                     pp_last_error(), cases[i].text);
        }
    }
}

static void truncated_file(void **state) {
    (void)state;
    const plant whole = sound();
    size_t size = 0;
    put_plant("short", &whole);
    char *bytes = test_slurp("short/data/main_data.hdf5", &size);
    for (size_t n = 200; n < size; n += 301) {
        test_put("short/data/main_data.hdf5", bytes, n);
        assert_fails(validate("short"), PP_ERR_CORRUPT, "truncated");
    }
    ppi_free(bytes);
}

/* Where polyplay did not write the file the same things are counted, not refused. */
static void foreign_files_are_judged_mildly(void **state) {
    (void)state;
    plant p = sound();
    both_flags(&p);
    observation_outside(&p);
    put_plant("mild", &p);
    test_patch("mild", "\"polyplay\"", "\"someone\"");
    ppi_dataset *d = NULL;
    ppi_dataset_report report;
    assert_ok(ppi_dataset_open(&d, "mild"));
    assert_ok(ppi_dataset_validate(d, &report));
    assert_int_equal(report.outside, 1);
    assert_int_equal(report.both_flags, 1);
    assert_false(ppi_dataset_has_histories(d));
    ppi_dataset_close(d);
}

static void one_task_on_both_sides(void **state) {
    (void)state;
    plant p = sound();
    ppi_dataset *d[2];
    ppi_dataset_report report;
    put_plant("sides/train", &p);
    snprintf(p.meta.tasks, sizeof p.meta.tasks, "test");
    put_plant("sides/test", &p);
    assert_ok(ppi_dataset_open(&d[0], "sides/train"));
    assert_ok(ppi_dataset_open(&d[1], "sides/test"));
    assert_fails(ppi_dataset_check_split(d, 2), PP_ERR_CORRUPT,
                 "task 5 of t/history is in sides/train (train, episode_0) and in sides/test");
    assert_ok(ppi_dataset_check_split(d, 1));
    ppi_dataset_close(d[1]);
    snprintf(p.meta.tasks, sizeof p.meta.tasks, "train");
    put_plant("sides/test", &p);
    assert_ok(ppi_dataset_open(&d[1], "sides/test"));
    assert_ok(ppi_dataset_check_split(d, 2));
    assert_ok(ppi_dataset_validate(d[1], &report));
    assert_int_equal(report.duplicates, 0); /* seeds differ */
    ppi_dataset_close(d[0]);
    ppi_dataset_close(d[1]);
}

/* ---- combining and deleting ---- */

static void write_set(const char *folder, int64_t first, int64_t count, double sticky) {
    ppi_store_meta meta = history_meta(PP_OBS_PLANES);
    ppi_history *h = NULL;
    meta.sticky = sticky;
    meta.seeds[0] = (uint64_t)first + 1;
    assert_ok(ppi_dir_remove(folder));
    assert_ok(ppi_history_create(&h, folder, &meta));
    for (int64_t i = first; i < first + count; i++) {
        history_player p;
        history_start(h, &meta, &p, i);
        assert_ok(history_play(h, &meta, &p, 20 + i));
    }
    assert_ok(ppi_history_commit(h, 0));
}

static void combines(void **state) {
    (void)state;
    static const char *const names[] = {"parts/a", "parts/b"};
    static const char *const other[] = {"parts/a", "parts/c"};
    ppi_dataset *d = NULL;
    write_set("parts/a", 0, 3, 0);
    write_set("parts/b", 3, 12, 0);
    write_set("parts/c", 15, 1, 0.25);
    assert_ok(ppi_dir_remove("both-v0"));
    assert_ok(ppi_dataset_combine(names, 2, "both-v0/"));
    assert_ok(ppi_dataset_open(&d, "both-v0"));
    assert_int_equal(ppi_dataset_group_count(d), 15);
    assert_string_equal(ppi_dataset_info(d)->id, "both-v0");
    assert_int_equal(ppi_dataset_meta(d)->seed_count, 2);
    for (int64_t i = 0; i < 15; i++) {
        check_history(d, i, i, 20 + i);
    }
    ppi_dataset_close(d);
    assert_ok(validate("both-v0"));
    assert_fails(ppi_dataset_combine(names, 2, "both-v0"), PP_ERR_EXISTS, "something is there");
    assert_fails(ppi_dataset_combine(other, 2, "new-v0"), PP_ERR_ARGUMENT,
                 "sticky is 0 there, 0.25");
    assert_false(ppi_dir_exists("new-v0"));
    assert_fails(ppi_dataset_combine(names, 2, "new"), PP_ERR_ARGUMENT, "NAME-vN");
    assert_fails(ppi_dataset_combine(names, 2, "parts/b"), PP_ERR_ARGUMENT, "one of its parts");
    /* A failure on the way leaves nothing that opens. */
    ppi_fault_set(PPI_FAULT_RENAME, 1);
    assert_fails(ppi_dataset_combine(names, 2, "new-v0"), PP_ERR_IO, "new-v0");
    ppi_fault_clear();
    assert_fails(ppi_dataset_open(&d, "new-v0"), PP_ERR_NOT_FOUND, "new-v0");
    assert_ok(ppi_dir_remove("new-v0"));
}

static void deletes(void **state) {
    (void)state;
    char folder[PPI_PATH_SIZE];
    ppi_history *h = NULL;
    ppi_store_meta meta = history_meta(PP_OBS_PLANES);
    write_set("gone/x-v0", 0, 2, 0);
    assert_fails(ppi_dataset_delete("gone/x-v0", false, folder, sizeof folder), PP_ERR_ARGUMENT,
                 "--yes");
    assert_fails(ppi_dataset_delete("gone", true, folder, sizeof folder), PP_ERR_NOT_FOUND, "gone");
    test_put("gone/x-v0/data/notes.txt", "mine", 4);
    assert_fails(ppi_dataset_delete("gone/x-v0", true, folder, sizeof folder), PP_ERR_ARGUMENT,
                 "notes.txt is no part of a dataset");
    assert_ok(ppi_file_remove("gone/x-v0/data/notes.txt"));
    assert_ok(ppi_history_create(&h, "gone/x-v0", &meta));
    assert_fails(ppi_dataset_delete("gone/x-v0", true, folder, sizeof folder), PP_ERR_EXISTS,
                 "a collection is writing here");
    assert_fails(ppi_dataset_combine((const char *const[]){"gone/x-v0"}, 1, "gone/y-v0"),
                 PP_ERR_EXISTS, "a collection is writing here");
    assert_ok(ppi_history_close(h));
    assert_fails(ppi_dataset_combine((const char *const[]){"gone/x-v0"}, 1, "gone/y-v0"),
                 PP_ERR_EXISTS, "interrupted collection");
    test_put("gone/x-v0/readme", "kept", 4);
    assert_ok(ppi_dataset_delete("gone/x-v0", true, folder, sizeof folder));
    assert_string_equal(folder, "gone/x-v0");
    assert_false(ppi_dir_exists("gone/x-v0/data"));
    assert_true(ppi_file_exists("gone/x-v0/readme"));
    write_set("gone/z-v0", 0, 1, 0);
    assert_ok(ppi_dataset_delete("gone/z-v0", true, folder, sizeof folder));
    assert_false(ppi_dir_exists("gone/z-v0"));
}

/* ---- inspecting ---- */

static void inspects(void **state) {
    (void)state;
    ppi_dataset *d = NULL;
    ppi_buf text = {0};
    const plant whole = sound();
    put_plant("look", &whole);
    assert_ok(ppi_dataset_open(&d, "look"));
    ppi_inspect_options options = {.history = 1, .first = 4, .count = 3};
    assert_ok(ppi_dataset_inspect(d, &options, &text));
    assert_non_null(strstr(text.data, "learner a2c, task 5, actors 2"));
    assert_non_null(
        strstr(text.data, "       4        3      4       4         0  terminated  4 40"));
    assert_non_null(strstr(text.data, "       6        4      1 "));
    assert_null(strstr(text.data, "\n       7 "));
    ppi_buf_clear(&text);
    options = (ppi_inspect_options){.history = -1, .episode = 2, .count = 100, .json = true};
    assert_ok(ppi_dataset_inspect(d, &options, &text));
    assert_non_null(strstr(text.data,
                           "\"row\": 10, \"episode\": 2, \"step\": 0, \"observation\": [1, "
                           "100], \"action\": 0, \"reward\": 0, \"end\": \"\""));
    assert_non_null(strstr(text.data, "\"end\": \"cut\""));
    ppi_buf_free(&text);
    options.episode = 6;
    assert_fails(ppi_dataset_inspect(d, &options, &text), PP_ERR_ARGUMENT, "episode 6 asked");
    options = (ppi_inspect_options){.history = 2, .count = 1};
    assert_fails(ppi_dataset_inspect(d, &options, &text), PP_ERR_ARGUMENT, "group 2 asked");
    options = (ppi_inspect_options){.history = -1, .first = 5, .count = 1};
    assert_fails(ppi_dataset_inspect(d, &options, &text), PP_ERR_ARGUMENT, "step 5 asked");
    ppi_dataset_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_damage),
        cmocka_unit_test(truncated_file),
        cmocka_unit_test(foreign_files_are_judged_mildly),
        cmocka_unit_test(one_task_on_both_sides),
        cmocka_unit_test(combines),
        cmocka_unit_test(deletes),
        cmocka_unit_test(inspects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
