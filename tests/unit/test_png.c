/* PNG round trips, cut files and bad requests. */
#include "unit/base_test.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/png.h"

enum { W = 7, H = 5 };

static void images_round_trip(void **state) {
    (void)state;
    uint8_t pixels[W * H * 3];
    for (int i = 0; i < W * H * 3; i++) pixels[i] = (uint8_t)(i * 37);
    for (int channels = 1; channels <= 3; channels += 2) {
        ppi_image image;
        CHECK_OK(ppi_png_write("a.png", pixels, W, H, channels));
        CHECK_OK(ppi_png_read(&image, "a.png"));
        assert_int_equal(image.width, W);
        assert_int_equal(image.height, H);
        assert_int_equal(image.channels, channels);
        assert_memory_equal(image.pixels, pixels, (size_t)(W * H * channels));
        ppi_image_free(&image);
        assert_null(image.pixels);
    }
}

static void cut_and_foreign_bytes_fail(void **state) {
    (void)state;
    uint8_t pixels[W * H];
    ppi_buf file = {0};
    ppi_image image;
    for (int i = 0; i < W * H; i++) pixels[i] = (uint8_t)(i * 71);
    CHECK_OK(ppi_png_write_buf(&file, pixels, W, H, 1));
    for (size_t size = 0; size < file.len - 12; size++) { /* the 12 bytes of IEND carry nothing */
        CHECK_FAILS(ppi_png_read_memory(&image, file.data, size, "cut.png"), PP_ERR_CORRUPT,
                    "cut.png");
        assert_null(image.pixels);
    }
    CHECK_FAILS(ppi_png_read_memory(&image, "GIF89a..........", 16, "x.gif"), PP_ERR_CORRUPT,
                "x.gif is not a PNG");
    CHECK_FAILS(ppi_png_read(&image, "none.png"), PP_ERR_NOT_FOUND, "none.png");
    ppi_buf_free(&file);
}

/* Sides are not believed when the file is too short for them: nothing large is allocated. */
static void claimed_sides_are_checked(void **state) {
    (void)state;
    const uint8_t pixel = 7;
    ppi_buf file = {0};
    ppi_image image;
    CHECK_OK(ppi_png_write_buf(&file, &pixel, 1, 1, 1));
    uint8_t *bytes = (uint8_t *)file.data;
    const uint8_t side[4] = {0, 0, 0x75, 0x30}; /* 30000, big-endian */
    memcpy(bytes + 16, side, 4);
    memcpy(bytes + 20, side, 4);
    const uint32_t crc = ppi_crc32(0, bytes + 12, 17); /* of the IHDR chunk */
    for (int i = 0; i < 4; i++) bytes[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    CHECK_FAILS(ppi_png_read_memory(&image, file.data, file.len, "big.png"), PP_ERR_CORRUPT,
                "claims 30000 x 30000 pixels");
    ppi_buf_free(&file);
}

static void bad_requests_fail(void **state) {
    (void)state;
    const uint8_t pixel[4] = {0};
    ppi_buf file = {0};
    CHECK_FAILS(ppi_png_write_buf(&file, pixel, 1, 1, 2), PP_ERR_ARGUMENT, "with 2 channels");
    CHECK_FAILS(ppi_png_write_buf(&file, pixel, 0, 1, 1), PP_ERR_ARGUMENT, "0 x 1");
    CHECK_FAILS(ppi_png_write_buf(&file, pixel, 1, 40000, 1), PP_ERR_ARGUMENT, "1 x 40000");
    CHECK_FAILS(ppi_png_write("none/a.png", pixel, 1, 1, 1), PP_ERR_NOT_FOUND, "none/a.png");
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_png_write_buf(&file, pixel, 1, 1, 1), PP_ERR_NO_MEMORY, "buffer");
    ppi_fault_clear();
    ppi_buf_clear(&file);
    CHECK_OK(ppi_png_write_buf(&file, pixel, 1, 1, 3));
    ppi_image image;
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_png_read_memory(&image, file.data, file.len, "x"), PP_ERR_NO_MEMORY,
                "decoded image");
    ppi_fault_clear();
    ppi_buf_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_round_trip),
        cmocka_unit_test(cut_and_foreign_bytes_fail),
        cmocka_unit_test(claimed_sides_are_checked),
        cmocka_unit_test(bad_requests_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
