/* gzip and zlib streams, whole and cut. */
#include "unit/base_test.h"

#include "base/file.h"
#include "base/gz.h"
#include "base/mem.h"

enum { SIZE = 300000 };

static unsigned char payload[SIZE];

static int fill_payload(void **state) {
    (void)state;
    uint32_t x = 1;
    for (int i = 0; i < SIZE; i++) {
        x = x * 1664525u + 1013904223u;
        payload[i] = (unsigned char)(x >> 30);
    }
    return 0;
}

static void files_round_trip(void **state) {
    (void)state;
    char *data;
    size_t size;
    CHECK_OK(ppi_gz_write_all("a.gz", payload, SIZE, 6));
    CHECK_OK(ppi_gz_read_all("a.gz", 0, &data, &size));
    assert_int_equal(size, SIZE);
    assert_memory_equal(data, payload, SIZE);
    assert_int_equal(data[size], 0);
    ppi_free(data);
    CHECK_OK(ppi_gz_read_all("a.gz", SIZE, &data, &size));
    ppi_free(data);
    CHECK_FAILS(ppi_gz_read_all("a.gz", SIZE - 1, &data, &size), PP_ERR_CORRUPT,
                "more than the expected 299999");
    CHECK_OK(ppi_gz_write_all("empty.gz", "", 0, 1));
    CHECK_OK(ppi_gz_read_all("empty.gz", 0, &data, &size));
    assert_int_equal(size, 0);
    ppi_free(data);
}

static void reads_in_pieces(void **state) {
    (void)state;
    static unsigned char part[SIZE];
    ppi_gz *gz;
    size_t got;
    CHECK_OK(ppi_gz_write_all("a.gz", payload, SIZE, 6));
    CHECK_OK(ppi_gz_open(&gz, "a.gz"));
    CHECK_OK(ppi_gz_read_exact(gz, part, 128));
    assert_memory_equal(part, payload, 128);
    CHECK_OK(ppi_gz_read(gz, part, SIZE, &got));
    assert_int_equal(got, SIZE - 128);
    assert_memory_equal(part, payload + 128, got);
    CHECK_FAILS(ppi_gz_read_exact(gz, part, 1), PP_ERR_CORRUPT, "ends after 0 of 1 bytes");
    ppi_gz_close(gz);
    ppi_gz_close(NULL);
}

static void cut_files_are_noticed(void **state) {
    (void)state;
    char *bytes, *data;
    size_t size, got;
    CHECK_OK(ppi_gz_write_all("a.gz", payload, 2000, 6));
    CHECK_OK(ppi_file_read_all("a.gz", &bytes, &size));
    for (size_t keep = 20; keep < size; keep += 37) {
        CHECK_OK(ppi_file_write_atomic("cut.gz", bytes, keep));
        CHECK_FAILS(ppi_gz_read_all("cut.gz", 0, &data, &got), PP_ERR_CORRUPT, "\"cut.gz\"");
    }
    bytes[size - 6] ^= 1; /* checksum */
    CHECK_OK(ppi_file_write_atomic("cut.gz", bytes, size));
    CHECK_FAILS(ppi_gz_read_all("cut.gz", 0, &data, &got), PP_ERR_CORRUPT, "\"cut.gz\"");
    ppi_free(bytes);
}

static void memory_round_trip(void **state) {
    (void)state;
    static unsigned char out[SIZE];
    ppi_buf packed = {0};
    size_t written;
    CHECK_OK(ppi_deflate(&packed, payload, SIZE, 9));
    assert_true(packed.len < SIZE / 2);
    CHECK_OK(ppi_inflate(out, SIZE, &written, packed.data, packed.len));
    assert_int_equal(written, SIZE);
    assert_memory_equal(out, payload, SIZE);
    CHECK_FAILS(ppi_inflate(out, SIZE - 1, &written, packed.data, packed.len), PP_ERR_CORRUPT,
                "it does not fit");
    CHECK_FAILS(ppi_inflate(out, SIZE, &written, packed.data, packed.len - 5), PP_ERR_CORRUPT,
                "cut short");
    CHECK_FAILS(ppi_inflate(out, SIZE, &written, "not zlib", 8), PP_ERR_CORRUPT,
                "cannot decompress");
    ppi_buf_free(&packed);
}

static void bad_requests_fail(void **state) {
    (void)state;
    ppi_gz *gz;
    ppi_buf packed = {0};
    CHECK_FAILS(ppi_gz_open(&gz, "none.gz"), PP_ERR_NOT_FOUND, "cannot open \"none.gz\"");
    CHECK_FAILS(ppi_deflate(&packed, "a", 1, 0), PP_ERR_ARGUMENT, "level is 0");
    CHECK_FAILS(ppi_gz_write_all("none/a.gz", "a", 1, 1), PP_ERR_NOT_FOUND, "none/a.gz");
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_deflate(&packed, "a", 1, 1), PP_ERR_NO_MEMORY, "buffer");
    ppi_fault_set(PPI_FAULT_ALLOC, 2);
    CHECK_FAILS(ppi_gz_open(&gz, "none.gz"), PP_ERR_NO_MEMORY, "gzip reader");
    ppi_fault_clear();
    assert_true(strlen(ppi_gz_version()) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_round_trip),      cmocka_unit_test(reads_in_pieces),
        cmocka_unit_test(cut_files_are_noticed), cmocka_unit_test(memory_round_trip),
        cmocka_unit_test(bad_requests_fail),
    };
    return cmocka_run_group_tests(tests, fill_payload, NULL);
}
