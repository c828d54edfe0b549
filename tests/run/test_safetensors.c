/* The tensor file format: golden bytes, round trip, and every kind of damage. */
#include "run_test.h"

#include "base/hash.h"
#include "tensor/safetensors.h"

static const char golden_hex[] =
    "90000000000000007b225f5f6d657461646174615f5f223a7b22666f726d6174223a227074227d2c2262223a7b226474797065223a22463332222c22"
    "7368617065223a5b325d2c22646174615f6f666673657473223a5b302c385d7d2c2261223a7b226474797065223a225538222c227368617065223a5b"
    "335d2c22646174615f6f666673657473223a5b382c31315d7d7d2020202020200000803f000000c0010203";

static uint8_t golden[163];

static int decode_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof golden; i++) {
        unsigned byte = 0;
        sscanf(golden_hex + 2 * i, "%2x", &byte);
        golden[i] = (uint8_t)byte;
    }
    return 0;
}

static void writes_golden_bytes(void **state) {
    (void)state;
    static const float b[2] = {1, -2};
    static const uint8_t a[3] = {1, 2, 3};
    const ppi_st_tensor t[2] = {
        {.name = "a", .dtype = "U8", .ndim = 1, .shape = {3}, .data = a, .bytes = sizeof a},
        {.name = "b", .dtype = "F32", .ndim = 1, .shape = {2}, .data = b, .bytes = sizeof b},
    };
    const ppi_st_meta meta = {"format", "pt"};
    char sha[65];
    char again[65];
    OK(ppi_safetensors_write("golden.safetensors", t, 2, &meta, 1, sha));
    assert_string_equal(sha, "2752d8b5d01293939e02fecab91211198a9c70d377c0ed282087c5794a68fc0d");
    OK(ppi_sha256_file(again, "golden.safetensors"));
    assert_string_equal(sha, again);
}

static void reads_golden_bytes(void **state) {
    (void)state;
    ppi_safetensors *st = NULL;
    const ppi_st_tensor *t = NULL;
    const int64_t two = 2;
    const int64_t three = 3;
    OK(ppi_safetensors_parse(&st, golden, sizeof golden, "golden"));
    assert_int_equal(ppi_safetensors_count(st), 2);
    assert_string_equal(ppi_safetensors_meta(st, "format"), "pt");
    assert_null(ppi_safetensors_meta(st, "other"));
    OK(ppi_safetensors_need(st, "b", "F32", 1, &two, &t));
    float b[2];
    memcpy(b, t->data, sizeof b);
    assert_true(b[0] == 1.0f && b[1] == -2.0f);
    FAILS(ppi_safetensors_need(st, "b", "F32", 1, &three, &t), PP_ERR_SHAPE, "'b' has shape [2], expected [3]");
    FAILS(ppi_safetensors_need(st, "b", "F16", 1, &two, &t), PP_ERR_SHAPE, "dtype F32");
    FAILS(ppi_safetensors_need(st, "c", NULL, -1, NULL, &t), PP_ERR_NOT_FOUND, "'c' is missing");
    ppi_safetensors_close(st);
}

static void truncated_anywhere(void **state) {
    (void)state;
    for (size_t n = 0; n < sizeof golden; n++) {
        ppi_safetensors *st = NULL;
        uint8_t *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, golden, n);
        assert_int_equal(ppi_safetensors_parse(&st, copy, n, "short"), PP_ERR_CORRUPT);
        assert_null(st);
        assert_non_null(strstr(pp_last_error(), "short"));
        free(copy);
    }
}

/* A file of this header and this many data bytes. */
static pp_status parse_text(const char *header, size_t data) {
    uint8_t bytes[1024] = {0};
    const size_t n = strlen(header);
    bytes[0] = (uint8_t)n;
    bytes[1] = (uint8_t)(n >> 8);
    memcpy(bytes + 8, header, n);
    ppi_safetensors *st = NULL;
    const pp_status s = ppi_safetensors_parse(&st, bytes, 8 + n + data, "file");
    ppi_safetensors_close(st);
    return s;
}

#define T(name, dtype, shape, begin, end)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"

static void rejects_damage(void **state) {
    (void)state;
    assert_int_equal(parse_text("{}", 0), PP_OK);
    assert_int_equal(parse_text("{" T("a", "F32", "", 0, 4) "}", 4), PP_OK);
    assert_int_equal(parse_text("{" T("a", "F32", "0,5", 0, 0) "}", 0), PP_OK);
    FAILS(parse_text("[]", 0), PP_ERR_CORRUPT, "'{'");
    FAILS(parse_text(" {}", 0), PP_ERR_CORRUPT, "'{'");
    FAILS(parse_text("{" T("a", "F32", "1", 0, 4) "," T("a", "F32", "1", 0, 4) "}", 4), PP_ERR_CORRUPT, "file");
    FAILS(parse_text("{" T("a", "F33", "1", 0, 4) "}", 4), PP_ERR_CORRUPT, "unknown dtype 'F33'");
    FAILS(parse_text("{" T("a", "F32", "1", 4, 8) "}", 8), PP_ERR_CORRUPT, "hole");
    FAILS(parse_text("{" T("a", "F32", "1", 0, 4) "," T("b", "F32", "1", 8, 12) "}", 12), PP_ERR_CORRUPT, "hole");
    FAILS(parse_text("{" T("a", "F32", "2", 0, 8) "," T("b", "F32", "1", 4, 8) "}", 8), PP_ERR_CORRUPT, "overlap");
    FAILS(parse_text("{" T("a", "F32", "1", 0, 4) "}", 8), PP_ERR_CORRUPT, "behind the last tensor");
    FAILS(parse_text("{" T("a", "F32", "2", 0, 4) "}", 4), PP_ERR_CORRUPT, "need 8");
    FAILS(parse_text("{" T("a", "F32", "-1", 0, 4) "}", 4), PP_ERR_CORRUPT, "negative");
    FAILS(parse_text("{" T("a", "F32", "4294967296,4294967296", 0, 4) "}", 4), PP_ERR_CORRUPT, "overflow");
    FAILS(parse_text("{" T("a", "F32", "1", 4, 0) "}", 4), PP_ERR_CORRUPT, "'a'");
    FAILS(parse_text("{\"a\":{}}", 0), PP_ERR_CORRUPT, "dtype");
    FAILS(parse_text("{\"__metadata__\":{\"x\":1}}", 0), PP_ERR_CORRUPT, "x");
    const uint8_t huge[16] = {0, 0, 0, 0, 1};
    ppi_safetensors *st = NULL;
    FAILS(ppi_safetensors_parse(&st, huge, sizeof huge, "huge"), PP_ERR_CORRUPT, "over the limit");
}

static void failing_writer_keeps_the_old_file(void **state) {
    (void)state;
    static const float x[4] = {1, 2, 3, 4};
    const ppi_st_tensor t = {.name = "x", .dtype = "F32", .ndim = 1, .shape = {4}, .data = x, .bytes = sizeof x};
    char before[65];
    char after[65];
    OK(ppi_safetensors_write("old.safetensors", &t, 1, NULL, 0, before));
    for (int k = 0; k < 2; k++) {
        ppi_fault_set(PPI_FAULT_WRITE, k + 1);
        assert_int_equal(ppi_safetensors_write("old.safetensors", &t, 1, NULL, 0, NULL), PP_ERR_NO_SPACE);
        ppi_fault_clear();
        OK(ppi_sha256_file(after, "old.safetensors"));
        assert_string_equal(before, after);
    }
    const ppi_st_tensor twice[2] = {t, t};
    FAILS(ppi_safetensors_write("x.safetensors", twice, 2, NULL, 0, NULL), PP_ERR_EXISTS, "'x'");
    ppi_safetensors *st = NULL;
    FAILS(ppi_safetensors_open(&st, "none.safetensors"), PP_ERR_NOT_FOUND,
          "none.safetensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_golden_bytes), cmocka_unit_test(reads_golden_bytes),
        cmocka_unit_test(truncated_anywhere),  cmocka_unit_test(rejects_damage),
        cmocka_unit_test(failing_writer_keeps_the_old_file),
    };
    return cmocka_run_group_tests(tests, decode_golden, NULL);
}
