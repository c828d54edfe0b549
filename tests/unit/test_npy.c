/* NumPy arrays: headers as numpy writes them, hostile headers, truncation at every byte. */
#include "unit/base_test.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/npy.h"

/* Builds a file: version, header text, then `data` bytes of zeros; returns its size. */
static size_t build(unsigned char *out, int version, const char *header, size_t data) {
    const size_t length = strlen(header);
    const size_t prefix = version == 1 ? 10 : 12;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (unsigned char)version;
    out[7] = 0;
    out[8] = (unsigned char)length;
    out[9] = (unsigned char)(length >> 8);
    if (version > 1) out[10] = out[11] = 0;
    memcpy(out + prefix, header, length);
    memset(out + prefix + length, 0, data);
    return prefix + length + data;
}

static void headers_in_any_layout(void **state) {
    (void)state;
    static const struct {
        const char *header;
        char kind;
        int item, ndim;
        int64_t shape[2];
    } cases[] = {
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }   \n", 'u', 1, 2, {3, 4}},
        {"{\"shape\":(5,),\"descr\":\"<f4\",\"fortran_order\":False}", 'f', 4, 1, {5}},
        {"{'fortran_order' : False , 'shape' : ( ) , 'descr' : '<i8' , }\n", 'i', 8, 0, {0}},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (0, 7), }", 'b', 1, 2, {0, 7}},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2L,), }", 'f', 8, 1, {2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int version = 1; version <= 3; version++) {
            unsigned char file[512];
            ppi_npy array;
            const size_t size = build(file, version, cases[i].header, 64);
            CHECK_OK(ppi_npy_parse(&array, file, size));
            assert_int_equal(array.kind, cases[i].kind);
            assert_int_equal(array.item_bytes, cases[i].item);
            assert_int_equal(array.ndim, cases[i].ndim);
            int64_t count = 1;
            for (int d = 0; d < array.ndim; d++) {
                assert_int_equal(array.shape[d], cases[i].shape[d]);
                count *= array.shape[d];
            }
            assert_int_equal(array.count, count);
            assert_ptr_equal(array.data, file + size - 64);
            CHECK_OK(ppi_npy_parse_header(&array, file, size - 64));
            assert_null(array.data);
        }
    }
}

static void bad_headers_fail(void **state) {
    (void)state;
    static const struct {
        const char *header;
        pp_status status;
        const char *text;
    } cases[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", PP_ERR_UNSUPPORTED,
         "not little-endian"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", PP_ERR_UNSUPPORTED, "Fortran"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", PP_ERR_UNSUPPORTED, "\"|O\""},
        {"{'descr': '<U5', 'fortran_order': False, 'shape': (1,), }", PP_ERR_UNSUPPORTED,
         "\"<U5\""},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", PP_ERR_UNSUPPORTED,
         "record"},
        {"{'descr': '<f4', 'fortran_order': False, }", PP_ERR_CORRUPT, "not a dict"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", PP_ERR_CORRUPT,
         "not a dict"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", PP_ERR_CORRUPT,
         "not a dict"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
         PP_ERR_CORRUPT, "not a dict"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", PP_ERR_CORRUPT, "behind"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", PP_ERR_CORRUPT,
         "not a dict"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 16), }",
         PP_ERR_CORRUPT, "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
         PP_ERR_CORRUPT, "not a dict"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000,), }", PP_ERR_CORRUPT,
         "data is cut: 16 of 4000"},
    };
    unsigned char file[512];
    ppi_npy array;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t size = build(file, 1, cases[i].header, 16);
        CHECK_FAILS(ppi_npy_parse(&array, file, size), cases[i].status, cases[i].text);
    }
    const size_t size = build(file, 1, cases[0].header, 16);
    file[6] = 4;
    CHECK_FAILS(ppi_npy_parse(&array, file, size), PP_ERR_UNSUPPORTED, "version is 4");
    CHECK_FAILS(ppi_npy_parse(&array, "\x80\x03pickle bytes", 14), PP_ERR_CORRUPT,
                "do not start with an npy header");
    memcpy(file, "\x93NUMPY\x02\x00\xff\xff\xff\xff{", 13);
    CHECK_FAILS(ppi_npy_parse(&array, file, size), PP_ERR_CORRUPT, "4294967295 bytes is cut");
}

static void round_trip_and_truncation(void **state) {
    (void)state;
    static const float data[2][3] = {{1, 2, 3}, {4, 5, 6}};
    static const int64_t shape[] = {2, 3};
    ppi_buf file = {0};
    ppi_npy array;
    CHECK_OK(ppi_npy_write_buf(&file, 'f', 4, 2, shape, data));
    assert_int_equal(file.len, 128 + sizeof data);
    assert_memory_equal(file.data + 10,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 59);
    assert_int_equal(file.data[127], '\n');
    CHECK_OK(ppi_npy_parse(&array, file.data, file.len));
    assert_memory_equal(array.data, data, sizeof data);
    for (size_t size = 0; size < file.len; size++) {
        char *exact = malloc(size + 1); /* a fresh block lets a sanitizer see reads past the end */
        assert_non_null(exact);
        memcpy(exact, file.data, size);
        exact = realloc(exact, size > 0 ? size : 1);
        CHECK_FAILS(ppi_npy_parse(&array, exact, size), PP_ERR_CORRUPT, "");
        free(exact);
    }
    ppi_buf_free(&file);
}

static void files_round_trip(void **state) {
    (void)state;
    static const int64_t data[3] = {-1, 0, INT64_MAX};
    static const int64_t shape[] = {3};
    ppi_npy array;
    CHECK_OK(ppi_npy_write("a.npy", 'i', 8, 1, shape, data));
    CHECK_OK(ppi_npy_load(&array, "a.npy"));
    assert_int_equal(array.ndim, 1);
    assert_memory_equal(array.data, data, sizeof data);
    ppi_npy_free(&array);
    CHECK_OK(ppi_npy_write("a.npy", 'f', 8, 0, NULL, &(double){2.5}));
    CHECK_OK(ppi_npy_load(&array, "a.npy"));
    assert_int_equal(array.count, 1);
    ppi_npy_free(&array);
    CHECK_FAILS(ppi_npy_load(&array, "none.npy"), PP_ERR_NOT_FOUND, "none.npy");
    CHECK_OK(ppi_file_write_atomic("b.npy", "junk", 4));
    CHECK_FAILS(ppi_npy_load(&array, "b.npy"), PP_ERR_CORRUPT, "cannot read \"b.npy\": 4 bytes");
}

static void writer_checks_its_arguments(void **state) {
    (void)state;
    static const int64_t shape[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const int64_t negative[1] = {-1};
    ppi_buf file = {0};
    CHECK_FAILS(ppi_npy_write_buf(&file, 'f', 4, 9, shape, ""), PP_ERR_SHAPE, "9 axes");
    CHECK_FAILS(ppi_npy_write_buf(&file, 'f', 4, 1, negative, ""), PP_ERR_SHAPE, "size -1");
    CHECK_FAILS(ppi_npy_write_buf(&file, 'x', 4, 1, shape, ""), PP_ERR_UNSUPPORTED, "<x4");
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_npy_write_buf(&file, 'f', 4, 0, NULL, ""), PP_ERR_NO_MEMORY, "buffer");
    ppi_fault_clear();
    assert_null(file.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_in_any_layout),       cmocka_unit_test(bad_headers_fail),
        cmocka_unit_test(round_trip_and_truncation),   cmocka_unit_test(files_round_trip),
        cmocka_unit_test(writer_checks_its_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
