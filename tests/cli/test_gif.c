/* The GIF writer: what is written is read back with giflib, pixel by pixel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <gif_lib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "report/gif.h"

enum { W = 40, H = 30 };

static void fill(uint8_t *rgb, int picture, int colours)
{
    for (int i = 0; i < W * H; i++) {
        int colour = (i * 7 + picture) % colours;
        rgb[3 * i] = (uint8_t)(colour * 37);
        rgb[3 * i + 1] = (uint8_t)(colour * 11);
        rgb[3 * i + 2] = (uint8_t)colour;
    }
}

static void write_gif(const char *path, int pictures, int colours)
{
    uint8_t rgb[W * H * 3];
    ppi_gif *gif;
    assert_int_equal(ppi_gif_create(&gif, path, W, H, 7), PP_OK);
    for (int p = 0; p < pictures; p++) {
        fill(rgb, p, colours);
        assert_int_equal(ppi_gif_add(gif, rgb), PP_OK);
    }
    assert_int_equal(ppi_gif_finish(gif), PP_OK);
    ppi_gif_destroy(gif);
}

/* Largest difference of any colour component between file and what fill draws. */
static int largest_error(const char *path, int pictures, int colours)
{
    int code = 0, worst = 0;
    uint8_t rgb[W * H * 3];
    GifFileType *file = DGifOpenFileName(path, &code);
    assert_non_null(file);
    assert_int_equal(DGifSlurp(file), GIF_OK);
    assert_int_equal(file->SWidth, W);
    assert_int_equal(file->SHeight, H);
    assert_int_equal(file->ImageCount, pictures);
    for (int p = 0; p < pictures; p++) {
        const SavedImage *image = &file->SavedImages[p];
        fill(rgb, p, colours);
        for (int i = 0; i < W * H; i++) {
            GifColorType c = image->ImageDesc.ColorMap->Colors[image->RasterBits[i]];
            int got[3] = {c.Red, c.Green, c.Blue};
            for (int k = 0; k < 3; k++) {
                int error = got[k] - rgb[3 * i + k];
                if (error < 0) error = -error;
                if (error > worst) worst = error;
            }
        }
    }
    DGifCloseFile(file, &code);
    return worst;
}

static void assert_file_count(const char *folder, int count)
{
    ppi_dir_listing list;
    assert_int_equal(ppi_dir_list(folder, &list), PP_OK);
    assert_int_equal(list.count, count);
    ppi_dir_listing_free(&list);
}

static void few_colours_are_exact(void **state)
{
    (void)state;
    assert_int_equal(ppi_dir_remove("few"), PP_OK);
    assert_int_equal(ppi_dir_make("few"), PP_OK);
    write_gif("few/few.gif", 5, 128);
    assert_int_equal(largest_error("few/few.gif", 5, 128), 0);
    assert_file_count("few", 1);
}

static void all_256_colours_are_exact(void **state)
{
    (void)state;
    write_gif("full.gif", 1, 256);
    assert_int_equal(largest_error("full.gif", 1, 256), 0);
}

static void many_colours_are_near(void **state)
{
    (void)state;
    write_gif("many.gif", 2, 1000);
    int error = largest_error("many.gif", 2, 1000);
    assert_in_range(error, 0, 26); /* half a step of the colour cube */
}

static void one_colour_is_possible(void **state)
{
    (void)state;
    write_gif("one.gif", 1, 1);
    assert_int_equal(largest_error("one.gif", 1, 1), 0);
}

static void empty_gif_leaves_no_file(void **state)
{
    (void)state;
    ppi_gif *gif;
    assert_int_equal(ppi_dir_remove("empty"), PP_OK);
    assert_int_equal(ppi_dir_make("empty"), PP_OK);
    assert_int_equal(ppi_gif_create(&gif, "empty/empty.gif", W, H, 7), PP_OK);
    assert_int_equal(ppi_gif_finish(gif), PP_ERR_ARGUMENT);
    ppi_gif_destroy(gif);
    assert_file_count("empty", 0);
}

/* Each write, sync and rename in turn: the old file stays, nothing is left beside it. */
static void a_failure_keeps_the_old_file(void **state)
{
    (void)state;
    static const struct {
        ppi_fault_kind kind;
        pp_status status;
    } faults[] = {{PPI_FAULT_WRITE, PP_ERR_NO_SPACE},
                  {PPI_FAULT_FSYNC, PP_ERR_IO},
                  {PPI_FAULT_RENAME, PP_ERR_IO}};
    uint8_t rgb[W * H * 3];
    assert_int_equal(ppi_dir_remove("old"), PP_OK);
    assert_int_equal(ppi_dir_make("old"), PP_OK);
    write_gif("old/a.gif", 2, 16);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        ppi_gif *gif;
        assert_int_equal(ppi_gif_create(&gif, "old/a.gif", W, H, 7), PP_OK);
        fill(rgb, 0, 4);
        assert_int_equal(ppi_gif_add(gif, rgb), PP_OK);
        ppi_fault_set(faults[i].kind, 1);
        assert_int_equal(ppi_gif_finish(gif), faults[i].status);
        ppi_fault_clear();
        assert_non_null(strstr(pp_last_error(), "old/a.gif"));
        ppi_gif_destroy(gif);
        assert_file_count("old", 1);
        assert_int_equal(largest_error("old/a.gif", 2, 16), 0);
    }
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    ppi_gif *gif;
    assert_int_equal(ppi_gif_create(&gif, "x.gif", 0, H, 7), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "1..65535"));
    assert_null(gif);
    assert_int_not_equal(ppi_gif_create(&gif, "no/such/folder/x.gif", W, H, 7), PP_OK);
    assert_non_null(strstr(pp_last_error(), "no/such/folder/x.gif"));
    ppi_gif_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_colours_are_exact),    cmocka_unit_test(all_256_colours_are_exact),
        cmocka_unit_test(many_colours_are_near),    cmocka_unit_test(one_colour_is_possible),
        cmocka_unit_test(empty_gif_leaves_no_file), cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(a_failure_keeps_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
