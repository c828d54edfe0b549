/* `bench kernels` on one window and a few kernels: every line is there, every kernel agrees with
   its reference, and a filter that fits nothing is an error. Times are not looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cpu.h"
#include "base/json.h"
#include "base/options.h"
#include "run/bench.h"

typedef struct lines {
    ppi_buf text; /* each line with a newline */
    int count;
} lines;

static void keep(void *ctx, const char *line) {
    lines *l = ctx;
    assert_int_equal(ppi_buf_printf(&l->text, "%s\n", line), PP_OK);
    l->count++;
}

static pp_status bench(lines *l, const char *filter, bool json) {
    static char *const arguments[] = {"--batch=1", "--threads=2", "--seconds=0.05"};
    ppi_bench_options o;
    ppi_options *set;
    memset(&o, 0, sizeof o);
    assert_int_equal(ppi_options_create(&set), PP_OK);
    assert_int_equal(ppi_options_bind(set, &ppi_bench_option_table, &o), PP_OK);
    assert_int_equal(ppi_options_parse_args(set, 3, (char **)arguments, NULL, NULL), PP_OK);
    assert_int_equal(ppi_options_set(set, "filter", filter, "test"), PP_OK);
    assert_int_equal(ppi_options_set(set, "json", json ? "on" : "off", "test"), PP_OK);
    memset(l, 0, sizeof *l);
    const pp_status s = ppi_bench("kernels", &o, keep, l);
    ppi_options_destroy(set);
    return s;
}

/* Occurrences of a word. */
static int count(const char *text, const char *word) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, word)) != NULL; p += strlen(word)) n++;
    return n;
}

static void kernels_agree_and_are_listed(void **state) {
    (void)state;
    lines l;
    assert_int_equal(bench(&l, "attention", false), PP_OK);
    const char *text = ppi_buf_text(&l.text);
    assert_int_equal(count(text, "WRONG"), 0);
    if (ppi_cpu_isa() >= PPI_ISA_AVX2) {
        assert_true(count(text, " ok ") >= 6);
        assert_non_null(strstr(text, "attention_grad"));
        assert_non_null(strstr(text, "peak_f32 "));
    }
    assert_non_null(strstr(text, "bandwidth_1MB "));
    assert_non_null(strstr(text, "GFLOP/s"));
    ppi_buf_free(&l.text);
}

static void json_lines_are_json(void **state) {
    (void)state;
    lines l;
    assert_int_equal(bench(&l, "flat:", true), PP_OK);
    int rows = 0;
    for (char *line = strtok(l.text.data, "\n"); line; line = strtok(NULL, "\n")) {
        ppi_json *v = NULL;
        assert_int_equal(ppi_json_parse(&v, line, strlen(line), "bench line"), PP_OK);
        rows += strstr(line, "\"check\":\"ok\"") != NULL;
        ppi_json_free(v);
    }
    assert_int_equal(rows, 8);
    ppi_buf_free(&l.text);
}

static void a_filter_that_fits_nothing_is_an_error(void **state) {
    (void)state;
    lines l;
    assert_int_equal(bench(&l, "no such kernel", false), PP_ERR_NOT_FOUND);
    assert_non_null(strstr(pp_last_error(), "no such kernel"));
    assert_int_equal(l.count, 0);
    ppi_buf_free(&l.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree_and_are_listed),
        cmocka_unit_test(json_lines_are_json),
        cmocka_unit_test(a_filter_that_fits_nothing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
