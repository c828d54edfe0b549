/* The thread pool: every index once, fixed shares, nesting, failures. */
#include "unit/base_test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/background.h"
#include "base/mem.h"
#include "base/threads.h"

enum { COUNT = 1000 };

static void mark(void *ctx, int64_t index) {
    atomic_int *marks = ctx;
    atomic_fetch_add(&marks[index], 1);
}

static void every_index_runs_once(void **state) {
    (void)state;
    static const int64_t counts[] = {0, 1, 2, 3, 7, COUNT};
    for (int threads = 0; threads <= 5; threads++) {
        ppi_pool *pool;
        CHECK_OK(ppi_pool_create(&pool, threads));
        if (threads > 0) assert_int_equal(ppi_pool_size(pool), threads);
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            static atomic_int marks[COUNT];
            for (int i = 0; i < COUNT; i++) atomic_store(&marks[i], 0);
            for (int round = 0; round < 20; round++) ppi_pool_run(pool, mark, marks, counts[c]);
            for (int i = 0; i < COUNT; i++) {
                assert_int_equal(atomic_load(&marks[i]), i < counts[c] ? 20 : 0);
            }
        }
        ppi_pool_destroy(pool);
    }
}

typedef struct shares {
    int64_t begin[8], end[8];
} shares;

static void note_share(void *ctx, int64_t begin, int64_t end, int worker) {
    shares *s = ctx;
    s->begin[worker] = begin;
    s->end[worker] = end;
}

static void shares_are_fixed(void **state) {
    (void)state;
    static const int64_t expected[] = {0, 3, 6, 8, 10};
    ppi_pool *pool;
    CHECK_OK(ppi_pool_create(&pool, 4));
    for (int round = 0; round < 50; round++) {
        shares s = {0};
        ppi_pool_run_ranges(pool, note_share, &s, 10);
        for (int w = 0; w < 4; w++) {
            assert_int_equal(s.begin[w], expected[w]);
            assert_int_equal(s.end[w], expected[w + 1]);
        }
    }
    ppi_pool_destroy(pool);
}

typedef struct nested {
    ppi_pool *pool;
    atomic_int *marks;
} nested;

static void run_nested(void *ctx, int64_t index) {
    const nested *n = ctx;
    (void)index;
    ppi_pool_run(n->pool, mark, n->marks, 10);
}

static void nested_runs_stay_in_the_thread(void **state) {
    (void)state;
    atomic_int marks[10] = {0};
    nested n = {.marks = marks};
    CHECK_OK(ppi_pool_create(&n.pool, 3));
    ppi_pool_run(n.pool, run_nested, &n, 30);
    for (int i = 0; i < 10; i++) assert_int_equal(atomic_load(&marks[i]), 30);
    ppi_pool_destroy(n.pool);
}

static void *run_from_thread(void *ctx) {
    nested *n = ctx;
    for (int round = 0; round < 100; round++) ppi_pool_run(n->pool, mark, n->marks, 10);
    return NULL;
}

static void callers_take_turns(void **state) {
    (void)state;
    atomic_int marks[10] = {0};
    pthread_t other;
    nested n = {.marks = marks};
    CHECK_OK(ppi_pool_create(&n.pool, 3));
    assert_int_equal(pthread_create(&other, NULL, run_from_thread, &n), 0);
    run_from_thread(&n);
    pthread_join(other, NULL);
    for (int i = 0; i < 10; i++) assert_int_equal(atomic_load(&marks[i]), 200);
    ppi_pool_destroy(n.pool);
}

static void no_pool_runs_inline(void **state) {
    (void)state;
    atomic_int marks[10] = {0};
    ppi_pool_run(NULL, mark, marks, 10);
    for (int i = 0; i < 10; i++) assert_int_equal(atomic_load(&marks[i]), 1);
    assert_int_equal(ppi_pool_size(NULL), 1);
    ppi_pool_destroy(NULL);
}

static void bad_requests_fail(void **state) {
    (void)state;
    ppi_pool *pool;
    CHECK_FAILS(ppi_pool_create(&pool, -1), PP_ERR_ARGUMENT, "thread count is -1");
    assert_null(pool);
    for (int n = 1; n <= 2; n++) {
        ppi_fault_set(PPI_FAULT_ALLOC, n);
        CHECK_FAILS(ppi_pool_create(&pool, 2), PP_ERR_NO_MEMORY, "thread pool");
    }
    ppi_fault_clear();
}

static void add_one(void *ctx) {
    int64_t *sum = ctx;
    sum[0]++;
}

/* Each piece of work is done once, in order, whether there is a thread or not. */
static void background_work_is_done(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        ppi_background *b = NULL;
        int64_t sum = 0;
        if (k == 1) CHECK_OK(ppi_background_create(&b));
        ppi_background_wait(b);
        for (int64_t i = 1; i <= 200; i++) {
            ppi_background_start(b, add_one, &sum);
            ppi_background_wait(b);
            assert_int_equal(sum, i);
        }
        ppi_background_start(b, add_one, &sum);
        ppi_background_destroy(b);
        assert_int_equal(sum, 201);
    }
    ppi_background *b = NULL;
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    assert_int_equal(ppi_background_create(&b), PP_ERR_NO_MEMORY);
    ppi_fault_clear();
    assert_null(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_runs_once),
        cmocka_unit_test(shares_are_fixed),
        cmocka_unit_test(nested_runs_stay_in_the_thread),
        cmocka_unit_test(callers_take_turns),
        cmocka_unit_test(no_pool_runs_inline),
        cmocka_unit_test(bad_requests_fail),
        cmocka_unit_test(background_work_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
