/* JSON reading and writing. */
#include "unit/base_test.h"

#include <math.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

static const char sample[] =
    "{\"name\": \"pong \\u00e9\", \"count\": 9007199254740993, \"rate\": 2.5, \"on\": true,\n"
    " \"low\": [-Infinity, 1, Infinity, NaN], \"none\": null, \"inner\": {\"b\": 1, \"a\": 2},\n"
    " \"text\": \"Infinity \\\"NaN\\\" -Infinity\"}";

static ppi_json *parse(const char *text) {
    ppi_json *root;
    CHECK_OK(ppi_json_parse(&root, text, strlen(text), "sample"));
    return root;
}

static void getters_read_all_kinds(void **state) {
    (void)state;
    ppi_json *root = parse(sample);
    const char *text;
    int64_t integer;
    double real;
    bool flag;
    CHECK_OK(ppi_json_get_string(root, "name", &text));
    assert_string_equal(text, "pong \xc3\xa9");
    CHECK_OK(ppi_json_get_i64(root, "count", &integer));
    assert_int_equal(integer, 9007199254740993);
    CHECK_OK(ppi_json_get_f64(root, "rate", &real));
    CHECK_NEAR(real, 2.5, 0.0);
    CHECK_OK(ppi_json_get_f64(root, "count", &real));
    CHECK_OK(ppi_json_get_bool(root, "on", &flag));
    assert_true(flag);
    CHECK_OK(ppi_json_get_string(root, "text", &text));
    assert_string_equal(text, "Infinity \"NaN\" -Infinity");
    assert_int_equal(ppi_json_kind_of(ppi_json_find(root, "none")), PPI_JSON_NULL);
    assert_null(ppi_json_find(root, "absent"));
    assert_int_equal(ppi_json_count(root), 8);
    ppi_json_free(root);
}

static void bare_infinities_are_numbers(void **state) {
    (void)state;
    ppi_json *root = parse(sample);
    const ppi_json *low;
    double real;
    CHECK_OK(ppi_json_get_array(root, "low", &low));
    assert_int_equal(ppi_json_count(low), 4);
    CHECK_OK(ppi_json_as_f64(ppi_json_at(low, 0), "low", &real));
    assert_true(isinf(real) && real < 0);
    CHECK_OK(ppi_json_as_f64(ppi_json_at(low, 2), "low", &real));
    assert_true(isinf(real) && real > 0);
    CHECK_OK(ppi_json_as_f64(ppi_json_at(low, 3), "low", &real));
    assert_true(isnan(real));
    assert_int_equal(ppi_json_kind_of(ppi_json_at(low, 3)), PPI_JSON_REAL);
    assert_null(ppi_json_at(low, 4));
    assert_null(ppi_json_at(low, -1));
    ppi_json_free(root);
}

static void members_keep_their_order(void **state) {
    (void)state;
    ppi_json *root = parse(sample);
    const ppi_json *inner, *value;
    const char *key;
    CHECK_OK(ppi_json_get_object(root, "inner", &inner));
    CHECK_OK(ppi_json_member(inner, 0, &key, &value));
    assert_string_equal(key, "b");
    CHECK_OK(ppi_json_member(inner, 1, &key, &value));
    assert_string_equal(key, "a");
    CHECK_FAILS(ppi_json_member(inner, 2, &key, &value), PP_ERR_ARGUMENT, "member 2");
    ppi_json_free(root);
}

static void wrong_kinds_name_the_key(void **state) {
    (void)state;
    ppi_json *root = parse(sample);
    const ppi_json *value;
    const char *text;
    int64_t integer;
    double real;
    bool flag;
    CHECK_FAILS(ppi_json_get_i64(root, "absent", &integer), PP_ERR_NOT_FOUND,
                "key \"absent\" is missing");
    CHECK_FAILS(ppi_json_get_i64(root, "rate", &integer), PP_ERR_CORRUPT,
                "\"rate\" is a number, expected an integer");
    CHECK_FAILS(ppi_json_get_f64(root, "name", &real), PP_ERR_CORRUPT, "expected a number");
    CHECK_FAILS(ppi_json_get_string(root, "low", &text), PP_ERR_CORRUPT, "is an array");
    CHECK_FAILS(ppi_json_get_bool(root, "none", &flag), PP_ERR_CORRUPT, "is null");
    CHECK_FAILS(ppi_json_get_array(root, "inner", &value), PP_ERR_CORRUPT, "expected an array");
    CHECK_FAILS(ppi_json_get_object(root, "low", &value), PP_ERR_CORRUPT, "expected an object");
    CHECK_OK(ppi_json_get_array(root, "low", &value));
    CHECK_FAILS(ppi_json_get_i64(value, "x", &integer), PP_ERR_CORRUPT, "\"x\" in an array");
    CHECK_FAILS(ppi_json_as_string(ppi_json_at(value, 0), "low[0]", &text), PP_ERR_CORRUPT,
                "\"low[0]\" is a number, expected a string");
    ppi_json_free(root);
}

static void broken_texts_fail_with_their_line(void **state) {
    (void)state;
    static const char *const broken[] = {
        "",
        "{",
        "[1,]",
        "{\"a\": 1, \"a\": 2}",
        "\"\\ud800\"",
        "nul",
        "[1] 2",
        "{\"a\" 1}",
        "-Infin",
        "[Infinity0]",
        "[\"a\001\"]",
        "[\"\xff\"]",
        "\"open",
        "[1e9999]",
        "99999999999999999999",
    };
    ppi_json *root;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        CHECK_FAILS(ppi_json_parse(&root, broken[i], strlen(broken[i]), "sample"), PP_ERR_CORRUPT,
                    "sample is not valid JSON at line");
        assert_null(root);
    }
    CHECK_FAILS(ppi_json_parse(&root, "[1,\n2,\n}", 8, "x.json"), PP_ERR_CORRUPT,
                "x.json is not valid JSON at line 3");
    for (size_t size = 0; size < sizeof sample - 1; size++) {
        CHECK_FAILS(ppi_json_parse(&root, sample, size, "cut"), PP_ERR_CORRUPT, "cut");
    }
}

static void files_are_loaded(void **state) {
    (void)state;
    ppi_json *root;
    CHECK_OK(ppi_file_write_atomic("sample.json", sample, sizeof sample - 1));
    CHECK_OK(ppi_json_load(&root, "sample.json"));
    ppi_json_free(root);
    CHECK_FAILS(ppi_json_load(&root, "none.json"), PP_ERR_NOT_FOUND, "none.json");
    ppi_json_free(NULL);
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_json_parse(&root, "[]", 2, "x"), PP_ERR_NO_MEMORY, "buffer");
    ppi_fault_clear();
}

static void write_sample(ppi_jsonw *w) {
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_string(w, "s", "a\"\\\n\x01\xc3\xa9\xff");
    ppi_jsonw_key_i64(w, "i", INT64_MIN);
    ppi_jsonw_key_f64(w, "f", 0.1);
    ppi_jsonw_key_bool(w, "b", false);
    ppi_jsonw_key(w, "list");
    ppi_jsonw_array_begin(w);
    ppi_jsonw_f64(w, NAN);
    ppi_jsonw_raw(w, "-Infinity");
    ppi_jsonw_string(w, NULL);
    ppi_jsonw_array_end(w);
    ppi_jsonw_key(w, "empty");
    ppi_jsonw_object_begin(w);
    ppi_jsonw_object_end(w);
    ppi_jsonw_object_end(w);
}

static void writer_output(void **state) {
    (void)state;
    ppi_buf buf = {0};
    ppi_jsonw w;
    ppi_jsonw_init(&w, &buf, 0);
    write_sample(&w);
    CHECK_OK(ppi_jsonw_finish(&w));
    assert_string_equal(buf.data, "{\"s\": \"a\\\"\\\\\\n\\u0001\xc3\xa9\\ufffd\", "
                                  "\"i\": -9223372036854775808, \"f\": 0.1, \"b\": false, "
                                  "\"list\": [null, -Infinity, null], \"empty\": {}}");
    ppi_json_free(parse(buf.data));
    ppi_buf_clear(&buf);
    ppi_jsonw_init(&w, &buf, 2);
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_key_i64(&w, "a", 1);
    ppi_jsonw_key(&w, "l");
    ppi_jsonw_array_begin(&w);
    ppi_jsonw_i64(&w, 1);
    ppi_jsonw_i64(&w, 2);
    ppi_jsonw_array_end(&w);
    ppi_jsonw_object_end(&w);
    CHECK_OK(ppi_jsonw_finish(&w));
    assert_string_equal(buf.data, "{\n  \"a\": 1,\n  \"l\": [\n    1,\n    2\n  ]\n}");
    ppi_buf_free(&buf);
}

typedef void (*misuse_fn)(ppi_jsonw *w);

static void misuse_open(ppi_jsonw *w) {
    ppi_jsonw_array_begin(w);
}

static void misuse_end(ppi_jsonw *w) {
    ppi_jsonw_array_begin(w);
    ppi_jsonw_object_end(w);
}

static void misuse_no_key(ppi_jsonw *w) {
    ppi_jsonw_object_begin(w);
    ppi_jsonw_i64(w, 1);
}

static void misuse_key(ppi_jsonw *w) {
    ppi_jsonw_key(w, "k");
}

static void misuse_two(ppi_jsonw *w) {
    ppi_jsonw_i64(w, 1);
    ppi_jsonw_i64(w, 1);
}

static void misuse_deep(ppi_jsonw *w) {
    for (int i = 0; i <= PPI_JSONW_DEPTH; i++) ppi_jsonw_array_begin(w);
}

static void writer_reports_misuse(void **state) {
    (void)state;
    static const struct {
        misuse_fn fn;
        const char *text;
    } cases[] = {{misuse_open, "still open"},    {misuse_end, "end without its begin"},
                 {misuse_no_key, "needs a key"}, {misuse_key, "key outside"},
                 {misuse_two, "second value"},   {misuse_deep, "too deep"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ppi_buf buf = {0};
        ppi_jsonw w;
        ppi_jsonw_init(&w, &buf, 0);
        cases[i].fn(&w);
        CHECK_FAILS(ppi_jsonw_finish(&w), PP_ERR_INTERNAL, cases[i].text);
        ppi_buf_free(&buf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(getters_read_all_kinds),
        cmocka_unit_test(bare_infinities_are_numbers),
        cmocka_unit_test(members_keep_their_order),
        cmocka_unit_test(wrong_kinds_name_the_key),
        cmocka_unit_test(broken_texts_fail_with_their_line),
        cmocka_unit_test(files_are_loaded),
        cmocka_unit_test(writer_output),
        cmocka_unit_test(writer_reports_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
