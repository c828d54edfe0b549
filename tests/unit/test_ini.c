/* Reading of "[section]" and "key = value" lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/ini.h"

/* Everything told, one after the other. */
static pp_status note(void *ctx, const char *section, const char *key, const char *value,
                      int64_t line) {
    ppi_buf *out = ctx;
    if (key == NULL) return ppi_buf_printf(out, "%d[%s] ", (int)line, section);
    if (strcmp(key, "refused") == 0) return ppi_fail(PP_ERR_ARGUMENT, "no such key");
    return ppi_buf_printf(out, "%d%s.%s=%s ", (int)line, section, key, value);
}

static void assert_told(const char *text, const char *told) {
    ppi_buf out = {0};
    assert_int_equal(ppi_ini_each(text, strlen(text), "a.ini", note, &out), PP_OK);
    assert_string_equal(ppi_buf_text(&out), told);
    ppi_buf_free(&out);
}

static void assert_refused(const char *text, size_t size, pp_status status, const char *error) {
    ppi_buf out = {0};
    assert_int_equal(ppi_ini_each(text, size, "a.ini", note, &out), status);
    assert_non_null(strstr(pp_last_error(), error));
    ppi_buf_free(&out);
}

static void heads_and_lines_in_order(void **state) {
    (void)state;
    assert_told("", "");
    assert_told("a = 1\n[s]\nb=2 ; remark\n\n# none\n[t]\n[u]\n  c : x = y\n",
                "1.a=1 2[s] 3s.b=2 6[t] 7[u] 8u.c=x = y ");
    assert_told("\xef\xbb\xbf[s]\nk =\n", "1[s] 2s.k= ");
    assert_told("[s]", "1[s] ");
}

static void long_values_are_whole(void **state) {
    char text[5000];
    ppi_buf out = {0};
    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text, "[s]\nk = ", 8);
    assert_int_equal(ppi_ini_each(text, sizeof text, "a.ini", note, &out), PP_OK);
    assert_int_equal(out.len, strlen("1[s] 2s.k= ") + sizeof text - 8);
    ppi_buf_free(&out);
}

static void bad_lines_are_named(void **state) {
    static const char zero[] = "a = 1\0";
    (void)state;
    assert_refused("a = 1\nword\n", 11, PP_ERR_ARGUMENT, "a.ini:2: expected");
    assert_refused("[s\n", 3, PP_ERR_ARGUMENT, "a.ini:1: expected");
    assert_refused("[s]\nrefused = 1\nword\n", 21, PP_ERR_ARGUMENT, "a.ini:2: no such key");
    assert_refused("word\nrefused = 1\n", 17, PP_ERR_ARGUMENT, "a.ini:1: expected");
    assert_refused(zero, sizeof zero, PP_ERR_CORRUPT, "zero byte");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_and_lines_in_order),
        cmocka_unit_test(long_values_are_whole),
        cmocka_unit_test(bad_lines_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
