/* Painted views against painting cell by cell. */
#include "env/arcade_test.h"

/* Painting cell by cell, layer by layer. */
static void paint_slowly(uint8_t *grey, const arcade *a, const ppi_arcade_game *game) {
    const int h = a->spec.obs_h;
    const int w = a->spec.obs_w;
    const int side = 84 / (h > w ? h : w);
    memset(grey, 0, 84 * 84);
    for (int l = 0; l < game->n_layers; l++) {
        const ppi_paint_layer *layer = &game->layers[l];
        for (int i = 0; i < h * w * side * side; i++) {
            const int cell = i / (side * side);
            const int y = i % (side * side) / side;
            const int x = i % side;
            if (!a->obs[cell * a->spec.obs_c + layer->plane]) continue;
            if (layer->part == PPI_PAINT_UPPER && y >= side / 2) continue;
            if (layer->part == PPI_PAINT_LOWER && y < side / 2) continue;
            const int row = (84 - side * h) / 2 + cell / w * side + y;
            const int column = (84 - side * w) / 2 + cell % w * side + x;
            grey[row * 84 + column] = layer->level;
        }
    }
}

static void test_painting(void **state) {
    (void)state;
    for (int g = 0; g < ppi_arcade_count; g++) {
        for (int m = 0; m < k_games[g]->n_modes; m++) {
            ppi_painter painter;
            arcade a;
            open_mode(&a, table_at(g)->name, m);
            assert_true(ppi_arcade_painter(&painter, table_at(g)->name, m));
            uint32_t x = 29;
            for (int round = 0; round < 20; round++) {
                uint8_t slow[84 * 84];
                uint8_t fast[84 * 84];
                /* Boards that no play shows: every plane with chance 1/8. */
                for (int i = 0; i < a.spec.obs_bytes; i++) a.obs[i] = next_value(&x) % 8 == 0;
                paint_slowly(slow, &a, k_games[g]);
                memset(fast, 7, sizeof(fast));
                ppi_painter_grey(&painter, fast, a.obs);
                assert_memory_equal(slow, fast, sizeof(slow));
            }
            arcade_close(&a);
        }
    }
    ppi_painter painter;
    assert_false(ppi_arcade_painter(&painter, "arcade/pong", 4));
    assert_false(ppi_arcade_painter(&painter, "arcade/tennis", 0));
}

/* The colour picture has the layout of the grey one at twice the size. */
static void test_render(void **state) {
    (void)state;
    static uint8_t rgb[168 * 168 * 3];
    static uint8_t grey[84 * 84];
    for (int g = 0; g < ppi_arcade_count; g++) {
        ppi_painter painter;
        arcade a;
        open_mode(&a, table_at(g)->name, 0);
        arcade_reset(&a, 3);
        assert_int_equal(a.spec.render_h, 168);
        assert_int_equal(a.table->render(a.env, rgb, &a.error), PP_OK);
        assert_true(ppi_arcade_painter(&painter, a.spec.id, 0));
        ppi_painter_grey(&painter, grey, a.obs);
        const ppi_arcade_game *game = k_games[g];
        const int side = 2 * painter.side;
        for (int i = 0; i < 168 * 168; i++) {
            const uint8_t level = grey[i / 168 / 2 * 84 + i % 168 / 2];
            const int row = i / 168 - 2 * painter.top;
            const int column = i % 168 - 2 * painter.left;
            const uint8_t *expected = painter.rgb[0];
            if (level == 0 || game->number != NULL) continue;
            for (int l = 0; l < game->n_layers; l++) {
                const bool gap = row % side == side - 1 || column % side == side - 1;
                if (!gap && game->layers[l].level == level) expected = game->layers[l].rgb;
            }
            assert_memory_equal(rgb + 3 * i, expected, 3);
        }
        arcade_close(&a);
    }
}

/* Tiles of 2048 bear their number: on a block some pixels have the colour of the ink, and another
 * number looks different. */
static void test_numbers(void **state) {
    (void)state;
    static uint8_t plain[168 * 168 * 3];
    static uint8_t rgb[168 * 168 * 3];
    ppi_painter painter;
    assert_true(ppi_arcade_painter(&painter, "arcade/2048", 0));
    uint8_t planes[16 * 18] = {0};
    planes[5 * 18 + 10] = 1;
    ppi_painter_rgb(&painter, plain, planes);
    uint32_t seen[4];
    static const int32_t k_numbers[4] = {1024, 131072, 8, 999999};
    for (int n = 0; n < 4; n++) {
        memcpy(rgb, plain, sizeof(rgb));
        ppi_painter_number(&painter, rgb, 5, k_numbers[n]);
        int changed = 0;
        for (int i = 0; i < 168 * 168; i++) {
            if (memcmp(rgb + 3 * i, plain + 3 * i, 3) == 0) continue;
            changed++;
            assert_in_range(i / 168, 42 + 2, 84 - 3); /* within the block */
            assert_in_range(i % 168, 42 + 2, 84 - 3);
            assert_int_equal(rgb[3 * i], 60);
        }
        assert_true(changed >= 40);
        seen[n] = ppi_crc32(0, rgb, sizeof(rgb));
        for (int k = 0; k < n; k++) assert_true(seen[k] != seen[n]);
    }
    /* Blocks of 12 pixels have no room for six digits. */
    assert_true(ppi_arcade_painter(&painter, "arcade/pong", 0));
    memcpy(rgb, plain, sizeof(rgb));
    ppi_painter_number(&painter, rgb, 5, 131072);
    assert_memory_equal(rgb, plain, sizeof(rgb));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_painting),
        cmocka_unit_test(test_render),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
