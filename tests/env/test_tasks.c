/* Splits of task families: sizes, no task on both sides, the same split every time. */
#include "env/builtin_test.h"

#include "base/mem.h"
#include "env/tasks.h"

static int by_number(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static ppi_tasks split(const char *id, int mode, ppi_task_side side, uint64_t seed) {
    ppi_tasks tasks;
    ASSERT_OK(ppi_tasks_split_mode(&tasks, id, mode, side, seed));
    return tasks;
}

/* Distinct tasks of a list, which is sorted by it. */
static int64_t distinct(ppi_tasks *tasks, int64_t family) {
    qsort(tasks->task, (size_t)tasks->count, sizeof(*tasks->task), by_number);
    int64_t count = 0;
    for (int64_t i = 0; i < tasks->count; i++) {
        assert_true(tasks->task[i] >= 0 && tasks->task[i] < family);
        count += i == 0 || tasks->task[i] != tasks->task[i - 1];
    }
    return count;
}

static void test_finite(void **state) {
    (void)state;
    static const struct {
        const char *id;
        int mode;
        int64_t all, train, test;
    } rows[] = {{"dark/room", 0, 81, 65, 16},
                {"dark/room-hard", 0, 289, 231, 58},
                {"watermaze", 2, 64, 51, 13},
                {"watermaze", 3, 16, 13, 3}};
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            ppi_tasks train = split(rows[r].id, rows[r].mode, PPI_TASKS_TRAIN, seed);
            ppi_tasks test = split(rows[r].id, rows[r].mode, PPI_TASKS_TEST, seed);
            ppi_tasks all = split(rows[r].id, rows[r].mode, PPI_TASKS_ALL, seed);
            assert_int_equal(train.count, rows[r].train);
            assert_int_equal(test.count, rows[r].test);
            assert_int_equal(all.count, rows[r].all);
            ASSERT_OK(ppi_tasks_check_disjoint(rows[r].id, train.task, train.count, test.task,
                                               test.count));
            assert_int_equal(distinct(&train, rows[r].all), rows[r].train);
            assert_int_equal(distinct(&test, rows[r].all), rows[r].test);
            assert_int_equal(distinct(&all, rows[r].all), rows[r].all);
            ppi_tasks_free(&train);
            ppi_tasks_free(&test);
            ppi_tasks_free(&all);
        }
    }
}

static void test_drawn(void **state) {
    (void)state;
    double sum = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        ppi_tasks train = split("dark/key-to-door", 0, PPI_TASKS_TRAIN, seed);
        ppi_tasks test = split("dark/key-to-door", 0, PPI_TASKS_TEST, seed);
        ppi_tasks all = split("dark/key-to-door", 0, PPI_TASKS_ALL, seed);
        assert_int_equal(train.count, 2000);
        assert_int_equal(all.count, 6561);
        int64_t rising = 0;
        for (int64_t i = 1; i < test.count; i++) rising += test.task[i] > test.task[i - 1];
        assert_true(rising > test.count / 3 && rising < 2 * test.count / 3); /* shuffled */
        ASSERT_OK(ppi_tasks_check_disjoint("dark/key-to-door", train.task, train.count, test.task,
                                           test.count));
        const int64_t trained = distinct(&train, 6561);
        assert_true(trained < 2000);
        assert_int_equal(distinct(&test, 6561), test.count);
        assert_int_equal(distinct(&all, 6561), 6561);
        assert_int_equal(trained + test.count, 6561);
        sum += (double)trained;
        ppi_tasks_free(&train);
        ppi_tasks_free(&test);
        ppi_tasks_free(&all);
    }
    /* 6561 (1 - (1 - 1/6561)^2000) = 1724.2; the standard deviation of one split is 14.6. */
    assert_true(fabs(sum / 20 - 1724.2) < 3 * 14.6 / sqrt(20.0));
}

static void test_unbounded(void **state) {
    (void)state;
    enum { COUNT = 10000 };
    static const char *const ids[] = {"bandit/train", "bandit/odd", "bandit/even", "bandit/uniform",
                                      "watermaze"};
    for (size_t k = 0; k < sizeof(ids) / sizeof(ids[0]); k++) {
        ppi_tasks side[3] = {split(ids[k], 0, PPI_TASKS_TRAIN, 4),
                             split(ids[k], 0, PPI_TASKS_TEST, 4),
                             split(ids[k], 0, PPI_TASKS_ALL, 4)};
        static int64_t picked[3][COUNT];
        for (int s = 0; s < 3; s++) {
            assert_int_equal(side[s].count, 0);
            assert_null(side[s].task);
            for (int64_t i = 0; i < COUNT; i++) {
                picked[s][i] = ppi_tasks_pick(&side[s], i);
                assert_true(picked[s][i] >= 0 && picked[s][i] < 1ll << 53);
            }
        }
        ASSERT_OK(ppi_tasks_check_disjoint(ids[k], picked[0], COUNT, picked[1], COUNT));
        for (int64_t i = 0; i < COUNT; i++) {
            assert_int_equal(picked[2][i], picked[i % 2][i / 2]); /* all = both in turn */
        }
        for (int s = 0; s < 2; s++) {
            ppi_tasks list = {.count = COUNT, .task = picked[s]};
            assert_int_equal(distinct(&list, 1ll << 53), COUNT);
        }
        ppi_env env = open_env((env_choice){.id = ids[k], .task = picked[0][7]});
        ppi_env_destroy(&env);
    }
    /* Also across seeds an even number stays on the training side. */
    const ppi_tasks train = split("watermaze", 0, PPI_TASKS_TRAIN, 1);
    const ppi_tasks test = split("watermaze", 0, PPI_TASKS_TEST, 2);
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(ppi_tasks_pick(&train, i) % 2, 0);
        assert_int_equal(ppi_tasks_pick(&test, i) % 2, 1);
    }
}

static void test_same_every_time(void **state) {
    (void)state;
    static const char *const ids[] = {"dark/room", "dark/room-hard", "dark/key-to-door"};
    for (int k = 0; k < 3; k++) {
        for (int s = PPI_TASKS_TRAIN; s <= PPI_TASKS_ALL; s++) {
            ppi_tasks a = split(ids[k], 0, (ppi_task_side)s, 0);
            ppi_tasks b;
            ASSERT_OK(ppi_tasks_split(&b, ids[k], (ppi_task_side)s, 0));
            ppi_tasks c = split(ids[k], 0, (ppi_task_side)s, 1);
            assert_int_equal(a.count, b.count);
            const size_t bytes = (size_t)a.count * sizeof(*a.task);
            assert_memory_equal(a.task, b.task, bytes);
            assert_memory_not_equal(a.task, c.task,
                                    (size_t)(c.count < a.count ? c.count : a.count) * 8);
            for (int64_t i = 0; i < 3 * a.count; i++) {
                assert_int_equal(ppi_tasks_pick(&a, i), a.task[i % a.count]);
            }
            ppi_tasks_free(&a);
            ppi_tasks_free(&b);
            ppi_tasks_free(&c);
        }
    }
    const ppi_tasks one = split("bandit/train", 0, PPI_TASKS_TRAIN, 0);
    const ppi_tasks two = split("bandit/train", 0, PPI_TASKS_TRAIN, 1);
    assert_int_equal(ppi_tasks_pick(&one, 3), ppi_tasks_pick(&one, 3));
    assert_int_not_equal(ppi_tasks_pick(&one, 3), ppi_tasks_pick(&two, 3));
}

/* What a data set or checkpoint recorded depends on these numbers: a change of the draws would
 * move test tasks into training. */
static void test_published_split(void **state) {
    (void)state;
    static const int64_t room[4] = {76, 69, 0, 28};
    static const int64_t key[4] = {6215, 3312, 2996, 73};
    static const int64_t bandit[2] = {5867165156498096, 2624402622550902};
    ppi_tasks a = split("dark/room", 0, PPI_TASKS_TEST, 0);
    ppi_tasks b = split("dark/key-to-door", 0, PPI_TASKS_TRAIN, 0);
    const ppi_tasks c = split("bandit/train", 0, PPI_TASKS_TRAIN, 0);
    assert_memory_equal(a.task, room, sizeof(room));
    assert_memory_equal(b.task, key, sizeof(key));
    for (int i = 0; i < 2; i++) assert_int_equal(ppi_tasks_pick(&c, i), bandit[i]);
    ppi_tasks_free(&a);
    ppi_tasks_free(&b);
}

static void test_no_family(void **state) {
    (void)state;
    for (int s = PPI_TASKS_TRAIN; s <= PPI_TASKS_ALL; s++) {
        ppi_tasks tasks = split("arcade/catch", 0, (ppi_task_side)s, 3);
        assert_int_equal(tasks.count, 1);
        assert_int_equal(ppi_tasks_pick(&tasks, 0), 0);
        assert_int_equal(ppi_tasks_pick(&tasks, 9), 0);
        ppi_tasks_free(&tasks);
    }
}

static void test_overlap_is_refused(void **state) {
    (void)state;
    const int64_t train[] = {40, 7, 7, 12};
    const int64_t test[] = {3, 40, 12, 80};
    assert_int_equal(ppi_tasks_check_disjoint("dark/room", train, 4, test, 4), PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("task 12 of dark/room");
    ASSERT_ERROR_HAS("2 entries");
    ASSERT_ERROR_HAS("env.split-seed");
    ASSERT_OK(ppi_tasks_check_disjoint("dark/room", train, 4, test, 1));
    ASSERT_OK(ppi_tasks_check_disjoint("dark/room", train, 0, test, 4));
    /* Lists of two split seeds overlap. */
    ppi_tasks a = split("dark/room", 0, PPI_TASKS_TRAIN, 0);
    ppi_tasks b = split("dark/room", 0, PPI_TASKS_TEST, 1);
    assert_int_equal(ppi_tasks_check_disjoint("dark/room", a.task, a.count, b.task, b.count),
                     PP_ERR_ARGUMENT);
    ppi_tasks_free(&a);
    ppi_tasks_free(&b);
}

static void test_side_of_a_list(void **state) {
    (void)state;
    ppi_tasks train = split("dark/room", 0, PPI_TASKS_TRAIN, 6);
    ppi_tasks test = split("dark/room", 0, PPI_TASKS_TEST, 6);
    char text[64];
    snprintf(text, sizeof(text), "task %lld of dark/room", (long long)test.task[2]);
    ASSERT_OK(ppi_tasks_check_side("dark/room", 0, PPI_TASKS_TRAIN, 6, train.task, train.count));
    ASSERT_OK(ppi_tasks_check_side("dark/room", 0, PPI_TASKS_TEST, 6, test.task, test.count));
    ASSERT_OK(ppi_tasks_check_side("dark/room", 0, PPI_TASKS_ALL, 6, test.task, test.count));
    const int64_t mixed[2] = {train.task[0], test.task[2]};
    assert_int_equal(ppi_tasks_check_side("dark/room", 0, PPI_TASKS_TRAIN, 6, mixed, 2),
                     PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS(text);
    assert_int_equal(ppi_tasks_check_side("dark/room", 0, PPI_TASKS_TEST, 6, mixed, 2),
                     PP_ERR_ARGUMENT);
    const int64_t numbers[3] = {8, 10, 11};
    ASSERT_OK(ppi_tasks_check_side("bandit/even", 0, PPI_TASKS_TRAIN, 6, numbers, 2));
    ASSERT_OK(ppi_tasks_check_side("watermaze", 1, PPI_TASKS_TEST, 6, numbers + 2, 1));
    assert_int_equal(ppi_tasks_check_side("watermaze", 1, PPI_TASKS_TRAIN, 6, numbers, 3),
                     PP_ERR_ARGUMENT);
    ASSERT_ERROR_HAS("task 11 of watermaze is a test task");
    ASSERT_OK(ppi_tasks_check_side("arcade/catch", 0, PPI_TASKS_TEST, 6, numbers, 3));
    ppi_tasks_free(&train);
    ppi_tasks_free(&test);
}

static void test_no_memory(void **state) {
    (void)state;
    static const struct {
        const char *id;
        int allocations;
    } rows[] = {{"dark/room", 1}, {"dark/key-to-door", 3}, {"arcade/catch", 1}};
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        for (int k = 1; k <= rows[r].allocations; k++) {
            ppi_tasks tasks;
            ppi_fault_set(PPI_FAULT_ALLOC, k);
            assert_int_equal(ppi_tasks_split(&tasks, rows[r].id, PPI_TASKS_TEST, 0),
                             PP_ERR_NO_MEMORY);
            ppi_fault_clear();
            assert_null(tasks.task);
            ppi_tasks_free(&tasks);
        }
    }
    const int64_t list[2] = {1, 2};
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    assert_int_equal(ppi_tasks_check_disjoint("dark/room", list, 1, list + 1, 1), PP_ERR_NO_MEMORY);
    static const char *const ids[] = {"dark/room", "bandit/train", "watermaze"};
    for (int i = 0; i < 3; i++) {
        ppi_env env;
        ppi_fault_set(PPI_FAULT_ALLOC, 1);
        assert_int_equal(try_env(&env, (env_choice){.id = ids[i]}), PP_ERR_NO_MEMORY);
        ppi_fault_clear();
        ASSERT_ERROR_HAS(ids[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finite),
        cmocka_unit_test(test_drawn),
        cmocka_unit_test(test_unbounded),
        cmocka_unit_test(test_same_every_time),
        cmocka_unit_test(test_published_split),
        cmocka_unit_test(test_no_family),
        cmocka_unit_test(test_overlap_is_refused),
        cmocka_unit_test(test_side_of_a_list),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
