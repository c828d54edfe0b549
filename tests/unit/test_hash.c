/* Digests against published values, at all block boundaries and in pieces. */
#include "unit/base_test.h"

#include "base/file.h"
#include "base/hash.h"

static void known_digests(void **state) {
    (void)state;
    char hex[PPI_SHA256_HEX_SIZE];
    ppi_sha256_hex(hex, NULL, 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ppi_sha256_hex(hex, "abc", 3);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ppi_sha256_hex(hex, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    ppi_md5_hex(hex, NULL, 0);
    assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
    ppi_md5_hex(hex, "abc", 3);
    assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
    ppi_md5_hex(hex,
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                80);
    assert_string_equal(hex, "57edf4a22be3c955ac49da2e2107b67a");
}

static void pieces_give_the_same_digest(void **state) {
    (void)state;
    unsigned char data[300];
    char whole[PPI_SHA256_HEX_SIZE], parts[PPI_SHA256_HEX_SIZE];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 31);
    for (size_t size = 0; size <= sizeof data; size++) {
        for (size_t step = 1; step < 130; step += 43) {
            ppi_sha256 hash;
            ppi_sha256_init(&hash);
            for (size_t at = 0; at < size; at += step) {
                ppi_sha256_update(&hash, data + at, size - at < step ? size - at : step);
            }
            ppi_sha256_final(&hash, parts);
            ppi_sha256_hex(whole, data, size);
            assert_string_equal(parts, whole);
        }
    }
}

static void known_checksums(void **state) {
    (void)state;
    assert_int_equal(ppi_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(ppi_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(ppi_crc32(ppi_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(ppi_crc32c(ppi_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
    assert_int_equal(ppi_crc32(0, "", 0), 0);
    assert_int_equal(ppi_crc32c_masked("123456789", 9), 0xc78ab0e5);
}

static void files_are_hashed(void **state) {
    (void)state;
    char hex[PPI_SHA256_HEX_SIZE];
    CHECK_OK(ppi_file_write_atomic("hash.bin", "abc", 3));
    CHECK_OK(ppi_md5_file(hex, "hash.bin"));
    assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
    CHECK_OK(ppi_sha256_file(hex, "hash.bin"));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_FAILS(ppi_md5_file(hex, "no-such-file"), PP_ERR_NOT_FOUND, "no-such-file");
    CHECK_FAILS(ppi_sha256_file(hex, "no-such-file"), PP_ERR_NOT_FOUND, "no-such-file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(pieces_give_the_same_digest),
        cmocka_unit_test(known_checksums),
        cmocka_unit_test(files_are_hashed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
