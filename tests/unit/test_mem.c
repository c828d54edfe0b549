/* Heap calls, fault hooks, arena and growable buffer. */
#include "unit/base_test.h"

#include <math.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"

static int clear_faults(void **state) {
    (void)state;
    ppi_fault_clear();
    return 0;
}

static void the_nth_allocation_fails_once(void **state) {
    (void)state;
    ppi_fault_set(PPI_FAULT_ALLOC, 2);
    void *first = ppi_malloc(8);
    void *second = ppi_calloc(2, 8);
    void *third = ppi_malloc(0);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    assert_null(ppi_realloc(first, 16));
    first = ppi_realloc(first, 16);
    assert_non_null(first);
    ppi_free(first);
    ppi_free(third);
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    assert_null(ppi_aligned_alloc64(1));
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    assert_null(ppi_strdup("x"));
}

static void overflow_and_kinds(void **state) {
    (void)state;
    volatile size_t huge = SIZE_MAX;
    assert_null(ppi_aligned_alloc64(huge));
    assert_null(ppi_calloc(huge, 2));
    ppi_fault_set(PPI_FAULT_WRITE, 1);
    void *memory = ppi_malloc(1);
    assert_non_null(memory);
    ppi_free(memory);
    assert_true(ppi_fault_hit(PPI_FAULT_WRITE));
    assert_false(ppi_fault_hit(PPI_FAULT_WRITE));
    ppi_fault_set_lasting(PPI_FAULT_WRITE, 2);
    assert_int_equal(ppi_fault_left(PPI_FAULT_WRITE), 2);
    assert_false(ppi_fault_hit(PPI_FAULT_WRITE));
    for (int i = 0; i < 3; i++) assert_true(ppi_fault_hit(PPI_FAULT_WRITE));
    assert_int_equal(ppi_fault_left(PPI_FAULT_WRITE), 0);
    assert_false(ppi_fault_hit(PPI_FAULT_FSYNC));
    ppi_fault_set(PPI_FAULT_WRITE, 1); /* once again */
    assert_true(ppi_fault_hit(PPI_FAULT_WRITE));
    assert_false(ppi_fault_hit(PPI_FAULT_WRITE));
}

static void aligned_memory_is_zero(void **state) {
    (void)state;
    for (size_t size = 0; size < 200; size += 33) {
        unsigned char *memory = ppi_aligned_alloc64(size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 64, 0);
        for (size_t i = 0; i < size; i++) assert_int_equal(memory[i], 0);
        ppi_aligned_free(memory);
    }
}

static void arena_gives_aligned_zeroed_memory(void **state) {
    (void)state;
    ppi_arena arena = {0};
    unsigned char *kept[300];
    for (int i = 0; i < 300; i++) {
        const size_t size = (size_t)(i * 7 % 190);
        kept[i] = ppi_arena_alloc(&arena, size);
        assert_non_null(kept[i]);
        assert_int_equal((uintptr_t)kept[i] % 16, 0);
        for (size_t j = 0; j < size; j++) assert_int_equal(kept[i][j], 0);
        memset(kept[i], i & 0xff, size);
    }
    for (int i = 0; i < 300; i++) {
        for (size_t j = 0; j < (size_t)(i * 7 % 190); j++) assert_int_equal(kept[i][j], i & 0xff);
    }
    assert_non_null(ppi_arena_alloc(&arena, 3 << 20));
    assert_string_equal(ppi_arena_strdup(&arena, "name"), "name");
    assert_string_equal(ppi_arena_strndup(&arena, "name", 2), "na");
    ppi_arena_free(&arena);
    assert_null(arena.head);
    assert_int_equal(arena.total_bytes, 0);
}

static void arena_reports_lack_of_memory(void **state) {
    (void)state;
    ppi_arena arena = {0};
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    assert_null(ppi_arena_alloc(&arena, 8));
    assert_null(ppi_arena_alloc(&arena, SIZE_MAX));
    assert_non_null(ppi_arena_alloc(&arena, 8));
    ppi_arena_free(&arena);
}

static void buffer_grows_and_formats(void **state) {
    (void)state;
    ppi_buf buf = {0};
    assert_string_equal(ppi_buf_text(&buf), "");
    for (int i = 0; i < 1000; i++) CHECK_OK(ppi_buf_printf(&buf, "%03d,", i));
    assert_int_equal(buf.len, 4000);
    assert_string_equal(buf.data + 3996, "999,");
    ppi_buf_clear(&buf);
    CHECK_OK(ppi_buf_append_text(&buf, "ab"));
    CHECK_OK(ppi_buf_append_char(&buf, 'c'));
    CHECK_OK(ppi_buf_append(&buf, "\0d", 2));
    assert_int_equal(buf.len, 5);
    assert_memory_equal(buf.data, "abc\0d", 6);
    ppi_buf_free(&buf);
    assert_null(buf.data);
}

static void buffer_writes_doubles_exactly(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1.0, "1"},
                 {1e-4, "0.0001"},
                 {1.0 / 3.0, "0.3333333333333333"},
                 {-0.0, "-0"},
                 {INFINITY, "inf"},
                 {-INFINITY, "-inf"},
                 {NAN, "nan"},
                 {5e-324, "4.94065645841247e-324"},
                 {0.1 + 0.2, "0.30000000000000004"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ppi_buf buf = {0};
        CHECK_OK(ppi_buf_append_f64(&buf, cases[i].value));
        assert_string_equal(buf.data, cases[i].text);
        ppi_buf_free(&buf);
    }
}

static void buffer_failure_sticks(void **state) {
    (void)state;
    ppi_buf buf = {0};
    CHECK_OK(ppi_buf_append_text(&buf, "kept"));
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_buf_reserve(&buf, 100000), PP_ERR_NO_MEMORY, "buffer of 100005 bytes");
    assert_int_equal(ppi_buf_append_text(&buf, "x"), PP_ERR_NO_MEMORY);
    assert_string_equal(buf.data, "kept");
    ppi_buf_clear(&buf);
    CHECK_OK(ppi_buf_append_text(&buf, "again"));
    ppi_buf_free(&buf);
    CHECK_FAILS(ppi_buf_reserve(&buf, SIZE_MAX), PP_ERR_NO_MEMORY, "overflow");
    ppi_buf_free(&buf);
}

static int handled[PPI_FAULT_KIND_COUNT];

static void note_fault(ppi_fault_kind kind) {
    handled[kind]++;
}

static void hooks_count_and_call(void **state) {
    (void)state;
    ppi_fault_handler(note_fault);
    ppi_fault_set(PPI_FAULT_ALLOC, 3);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ppi_fault_left(PPI_FAULT_ALLOC), i < 3 ? 3 - i : 0);
        void *memory = ppi_malloc(8);
        assert_int_equal(memory == NULL, i == 2);
        ppi_free(memory);
    }
    assert_int_equal(handled[PPI_FAULT_ALLOC], 1);
    assert_int_equal(handled[PPI_FAULT_WRITE], 0);
    ppi_fault_clear();
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    assert_null(ppi_malloc(8));
    assert_int_equal(handled[PPI_FAULT_ALLOC], 1);
    assert_int_equal(ppi_fault_left(PPI_FAULT_KIND_COUNT), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_nth_allocation_fails_once, clear_faults),
        cmocka_unit_test_teardown(hooks_count_and_call, clear_faults),
        cmocka_unit_test_teardown(overflow_and_kinds, clear_faults),
        cmocka_unit_test_teardown(aligned_memory_is_zero, clear_faults),
        cmocka_unit_test_teardown(arena_gives_aligned_zeroed_memory, clear_faults),
        cmocka_unit_test_teardown(arena_reports_lack_of_memory, clear_faults),
        cmocka_unit_test_teardown(buffer_grows_and_formats, clear_faults),
        cmocka_unit_test_teardown(buffer_writes_doubles_exactly, clear_faults),
        cmocka_unit_test_teardown(buffer_failure_sticks, clear_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
