/* Plots: ticks, SVG that is well-formed XML, braille, and learning curves that can be worked out.
 */
#include "data/history_test.h"

#include <ctype.h>
#include <math.h>

#include "data/curve.h"
#include "report/axis.h"
#include "report/svg.h"

static void ticks(void **state) {
    (void)state;
    ppi_axis axis;
    char text[PPI_TICK_TEXT];
    ppi_axis_init(&axis, 0, 800000, 8);
    assert_true(axis.step == 100000 && axis.first == 0 && axis.count == 9);
    ppi_tick_text(text, ppi_axis_tick(&axis, 8));
    assert_string_equal(text, "800k");
    ppi_axis_init(&axis, -0.31, 0.47, 5);
    assert_true(fabs(axis.step - 0.2) < 1e-12 && fabs(axis.first + 0.2) < 1e-12);
    assert_int_equal(axis.count, 4);
    assert_true(ppi_axis_tick(&axis, 1) == 0);
    assert_true(fabs(ppi_axis_place(&axis, 0.08) - 0.5) < 1e-12);
    ppi_axis_init(&axis, 3, 3, 5); /* no range: some room around it */
    assert_true(axis.low < 3 && axis.high > 3 && axis.count >= 1);
    ppi_axis_init(&axis, INFINITY, -INFINITY, 5);
    assert_true(axis.low == 0 && axis.high == 1);
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"}, {0.25, "0.25"}, {1500, "1.5k"}, {2e6, "2M"}, {-3e9, "-3G"}, {12, "12"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ppi_tick_text(text, cases[i].value);
        assert_string_equal(text, cases[i].text);
    }
}

/* ---- SVG ---- */

/* Elements are closed in order, attributes quoted, texts escaped; what XML asks of our documents.
 */
static void assert_well_formed(const char *text) {
    char open[32][16];
    int depth = 0;
    int roots = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '&') {
            assert_true(!strncmp(at, "&amp;", 5) || !strncmp(at, "&lt;", 4) ||
                        !strncmp(at, "&gt;", 4) || !strncmp(at, "&quot;", 6));
        }
        assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
        if (*at != '<') {
            assert_true(*at != '>');
            continue;
        }
        const char *end = at;
        for (bool quoted = false; *end && (quoted || *end != '>'); end++) {
            quoted ^= *end == '"';
            assert_true(end == at || *end != '<');
        }
        assert_true(*end == '>');
        if (at[1] == '?') {
            assert_true(end[-1] == '?' && at == text);
        } else if (at[1] == '/') {
            assert_true(depth > 0);
            depth--;
            assert_int_equal(strncmp(open[depth], at + 2, strlen(open[depth])), 0);
            assert_true(at[2 + strlen(open[depth])] == '>');
        } else if (end[-1] != '/') {
            size_t length = strcspn(at + 1, " >");
            assert_true(depth < 32 && length < 16);
            roots += depth == 0;
            snprintf(open[depth++], 16, "%.*s", (int)length, at + 1);
        }
        at = end;
    }
    assert_int_equal(depth, 0);
    assert_int_equal(roots, 1);
}

static int count_text(const char *text, const char *what) {
    int count = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what)) count++;
    return count;
}

static void svg(void **state) {
    (void)state;
    const double x[6] = {0, 1, 2, 3, 4, 5};
    const double y[6] = {0, 1, NAN, 4, 5, NAN};
    const double low[6] = {-1, 0, NAN, 3, 4, NAN};
    const double high[6] = {1, 2, NAN, 5, 6, NAN};
    const ppi_plot_series series[2] = {
        {.name = "a < b & \"c\" \x01\xff", .count = 6, .x = x, .y = y, .low = low, .high = high},
        {.name = "", .count = 3, .x = x, .y = x}};
    const ppi_plot plot = {
        .title = "<title>", .x_label = "steps", .y_label = "return", .series = series, .count = 2};
    ppi_buf out = {0};
    assert_ok(ppi_svg_plot(&out, &plot));
    assert_well_formed(out.data);
    assert_non_null(strstr(out.data, "a &lt; b &amp; &quot;c&quot; ??"));
    assert_non_null(strstr(out.data, "&lt;title&gt;"));
    assert_int_equal(count_text(out.data, "fill-opacity"), 1);
    assert_int_equal(count_text(out.data, "stroke-width=\"1.8\""), 2);
    assert_int_equal(count_text(out.data, "stroke-width=\"3\""), 1); /* one name in the legend */
    /* The first line is interrupted once: two pieces, the first from the corner of its data. */
    const char *line = strstr(out.data, "stroke-linecap=\"round\" d=\"");
    assert_non_null(line);
    assert_int_equal(count_text(line, "M") - count_text(strchr(line, '>'), "M"), 2);
    ppi_buf_clear(&out);
    const ppi_plot_series none = {.count = 1, .x = y + 2, .y = y};
    const ppi_plot empty = {.title = "nothing", .series = &none, .count = 1};
    assert_fails(ppi_svg_plot(&out, &empty), PP_ERR_ARGUMENT, "nothing has no point");
    ppi_buf_free(&out);
}

static void braille(void **state) {
    (void)state;
    const double x[2] = {0, 100};
    const double y[2] = {0, 1};
    const ppi_plot_series series = {.name = "a", .count = 2, .x = x, .y = y};
    const ppi_plot plot = {.x_label = "steps", .y_label = "return", .series = &series, .count = 1};
    ppi_buf out = {0};
    assert_ok(ppi_text_plot(&out, &plot, 40, 4));
    /* A diagonal: the last character of the first row and the first of the last are used. */
    assert_non_null(strstr(out.data, "return\n"));
    assert_non_null(strstr(out.data, "steps\n"));
    int lines = 0;
    for (const char *at = out.data; *at; at++) lines += *at == '\n';
    assert_int_equal(lines, 4 + 4);
    const char *last = strstr(out.data, "      0 \xe2\x94\xa4");
    assert_non_null(last);
    assert_int_equal((unsigned char)last[11], 0xe2);
    assert_true((unsigned char)last[12] >= 0xa0 && (unsigned char)last[12] <= 0xa3);
    assert_non_null(strstr(out.data, "      1 \xe2\x94\xa4"));
    assert_fails(ppi_text_plot(&out, &plot, 39, 4), PP_ERR_ARGUMENT, "39 columns");
    assert_fails(ppi_text_plot(&out, &plot, 40, 3), PP_ERR_ARGUMENT, "3 rows");
    ppi_buf_free(&out);
}

/* ---- learning curves ---- */

/* Histories of 10 episodes of 10 steps; episode e of history i returns i + e. */
static void write_learners(const char *folder, int64_t count, int64_t actors, int64_t episodes) {
    ppi_store_meta meta = history_meta(PP_OBS_CELLS);
    ppi_history *h = NULL;
    uint8_t obs[3] = {0};
    assert_ok(ppi_dir_remove(folder));
    assert_ok(ppi_history_create(&h, folder, &meta));
    for (int64_t i = 0; i < count; i++) {
        ppi_history_info info = history_facts(i);
        info.actors = actors;
        assert_ok(ppi_history_begin(h, &info, obs));
        for (int64_t t = 0; t < episodes * 10; t++) {
            const ppi_step_row row = {.reward = t % 10 == 9 ? (double)(i + t / 10) : 0,
                                      .truncated = t % 10 == 9};
            assert_ok(ppi_history_step(h, i, &row, obs, row.truncated ? obs : NULL));
        }
    }
    assert_ok(ppi_history_commit(h, 0));
}

static void curves(void **state) {
    (void)state;
    ppi_dataset *d = NULL;
    ppi_curve curve;
    write_learners("learners", 3, 4, 10);
    assert_ok(ppi_dataset_open(&d, "learners"));
    assert_ok(ppi_curve_create(&curve, d, 10, 0));
    assert_int_equal(curve.count, 10);
    assert_int_equal(curve.histories, 3);
    assert_false(curve.per_step);
    for (int i = 0; i < 10; i++) {
        assert_true(fabs(curve.x[i] - 40 * (i + 0.5)) < 1e-9); /* 4 streams */
        assert_true(fabs(curve.mean[i] - (1 + i)) < 1e-12);    /* of i, i + 1, i + 2 */
        assert_true(fabs(curve.high[i] - curve.mean[i] - 1) < 1e-12);
        assert_true(fabs(curve.mean[i] - curve.low[i] - 1) < 1e-12);
    }
    ppi_curve_free(&curve);
    assert_ok(ppi_curve_create(&curve, d, 10, 1));
    assert_true(fabs(curve.mean[0] - 1.5) < 1e-12 && fabs(curve.mean[5] - 6) < 1e-12);
    ppi_curve_free(&curve);
    /* More places than episodes: the last value holds until the next episode ends. */
    assert_ok(ppi_curve_create(&curve, d, 20, 0));
    assert_true(isnan(curve.mean[0]) && curve.mean[1] == 1 && curve.mean[2] == 1);
    assert_true(curve.mean[3] == 2);
    ppi_curve_free(&curve);
    ppi_dataset_close(d);
    /* One episode a history shows nothing; the reward of a step does. */
    write_learners("single", 2, 1, 1);
    assert_ok(ppi_dataset_open(&d, "single"));
    assert_ok(ppi_curve_create(&curve, d, 50, 0));
    assert_true(curve.per_step);
    assert_int_equal(curve.count, 10);
    assert_true(curve.mean[8] == 0 && curve.mean[9] == 0.5);
    ppi_curve_free(&curve);
    ppi_dataset_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks),
        cmocka_unit_test(svg),
        cmocka_unit_test(braille),
        cmocka_unit_test(curves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
