/* Statuses and last-error texts. */
#include "unit/base_test.h"

#include <errno.h>
#include <pthread.h>

#include "base/error.h"

static void names_cover_all_statuses(void **state) {
    (void)state;
    assert_string_equal(pp_status_name(PP_OK), "ok");
    assert_string_equal(pp_status_name(PP_ERR_INTERNAL), "internal");
    assert_string_equal(pp_status_name((pp_status)PP_STATUS_COUNT), "unknown");
    for (int i = 0; i < PP_STATUS_COUNT; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(pp_status_name((pp_status)i), pp_status_name((pp_status)j));
        }
    }
}

static void fail_sets_the_text(void **state) {
    (void)state;
    CHECK_FAILS(ppi_fail(PP_ERR_SHAPE, "rows %d", 7), PP_ERR_SHAPE, "rows 7");
    assert_string_equal(pp_last_error(), "rows 7");
    CHECK_FAILS(ppi_oom("a plan"), PP_ERR_NO_MEMORY, "out of memory for a plan");
    ppi_error_clear();
    assert_string_equal(pp_last_error(), "");
}

static void context_goes_in_front(void **state) {
    (void)state;
    ppi_fail(PP_ERR_CORRUPT, "cut");
    CHECK_FAILS(ppi_fail_context(PP_ERR_CORRUPT, "file %s", "a"), PP_ERR_CORRUPT, "file a: cut");
    CHECK_FAILS(ppi_fail_context(PP_ERR_IO, "again (%s)", pp_last_error()), PP_ERR_IO,
                "again (file a: cut): file a: cut");
    assert_int_equal(ppi_fail_context(PP_OK, "nothing"), PP_OK);
    assert_string_equal(pp_last_error(), "again (file a: cut): file a: cut");
}

static void errno_is_mapped(void **state) {
    (void)state;
    errno = ENOSPC;
    CHECK_FAILS(ppi_fail_errno("cannot write \"%s\"", "x"), PP_ERR_NO_SPACE,
                "cannot write \"x\": No space left");
    errno = ENOENT;
    CHECK_FAILS(ppi_fail_errno("open"), PP_ERR_NOT_FOUND, "open: No such file");
    assert_int_equal(ppi_status_from_errno(EEXIST), PP_ERR_EXISTS);
    assert_int_equal(ppi_status_from_errno(ENOMEM), PP_ERR_NO_MEMORY);
    assert_int_equal(ppi_status_from_errno(EPIPE), PP_ERR_IO);
}

static void long_texts_are_cut(void **state) {
    (void)state;
    static char text[2 * PPI_ERROR_TEXT_SIZE];
    memset(text, 'x', sizeof text - 1);
    ppi_fail(PP_ERR_IO, "%s", text);
    assert_int_equal(strlen(pp_last_error()), PPI_ERROR_TEXT_SIZE - 1);
    ppi_fail_context(PP_ERR_IO, "front");
    assert_int_equal(strncmp(pp_last_error(), "front: xxx", 10), 0);
    assert_int_equal(strlen(pp_last_error()), PPI_ERROR_TEXT_SIZE - 1);
}

static pp_status try_twice(pp_status first, int *reached) {
    PPI_TRY(first);
    *reached = 1;
    return PP_OK;
}

static void try_returns_early(void **state) {
    (void)state;
    int reached = 0;
    assert_int_equal(try_twice(PP_ERR_EXISTS, &reached), PP_ERR_EXISTS);
    assert_int_equal(reached, 0);
    assert_int_equal(try_twice(PP_OK, &reached), PP_OK);
    assert_int_equal(reached, 1);
}

static void *fail_elsewhere(void *arg) {
    char *seen = arg;
    snprintf(seen, 64, "%s", pp_last_error());
    ppi_fail(PP_ERR_IO, "other thread");
    return NULL;
}

static void texts_belong_to_threads(void **state) {
    (void)state;
    pthread_t thread;
    char seen[64] = "unset";
    ppi_fail(PP_ERR_IO, "this thread");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, seen), 0);
    pthread_join(thread, NULL);
    assert_string_equal(seen, "");
    assert_string_equal(pp_last_error(), "this thread");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_cover_all_statuses), cmocka_unit_test(fail_sets_the_text),
        cmocka_unit_test(context_goes_in_front),    cmocka_unit_test(errno_is_mapped),
        cmocka_unit_test(long_texts_are_cut),       cmocka_unit_test(try_returns_early),
        cmocka_unit_test(texts_belong_to_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
