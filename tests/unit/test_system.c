/* Messages, progress, clock texts, processor queries and the interrupt flag. */
#include "unit/base_test.h"

#include <signal.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "base/signal.h"

typedef struct collected {
    int count;
    ppi_log_level level;
    char text[256];
} collected;

static void collect(void *user, ppi_log_level level, const char *text) {
    collected *seen = user;
    seen->count++;
    seen->level = level;
    snprintf(seen->text, sizeof seen->text, "%s", text);
}

static void messages_reach_the_sink(void **state) {
    (void)state;
    collected seen = {0};
    ppi_log(PPI_LOG_ERROR, "silent without a sink");
    ppi_log_set_sink(collect, &seen, PPI_LOG_INFO);
    ppi_log(PPI_LOG_DEBUG, "below the level");
    assert_int_equal(seen.count, 0);
    ppi_log(PPI_LOG_WARN, "step %d", 5);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.level, PPI_LOG_WARN);
    assert_string_equal(seen.text, "step 5");
    ppi_log_set_sink(NULL, NULL, PPI_LOG_INFO);
    ppi_log(PPI_LOG_ERROR, "silent again");
    assert_int_equal(seen.count, 1);
    assert_string_equal(ppi_log_level_name(PPI_LOG_WARN), "warning");
    assert_string_equal(ppi_log_level_name(PPI_LOG_LEVEL_COUNT), "unknown");
}

static void progress_is_reported_at_most_once_a_second(void **state) {
    (void)state;
    collected seen = {0};
    ppi_progress progress;
    ppi_log_set_sink(collect, &seen, PPI_LOG_DEBUG);
    ppi_progress_start(&progress, "collect", "steps", 1000, 100);
    progress.shown_s += 1e6; /* as if a line had just been shown */
    ppi_progress_update(&progress, 200, NULL);
    assert_int_equal(seen.count, 0);
    progress.start_s -= 10.0; /* as if ten seconds had gone by */
    progress.shown_s = progress.start_s;
    ppi_progress_update(&progress, 600, "return 3");
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.level, PPI_LOG_PROGRESS);
    assert_non_null(strstr(seen.text, "collect: 600/1000 steps (60.0%), "));
    assert_non_null(strstr(seen.text, "s left, return 3"));
    assert_true(ppi_progress_rate(&progress) > 0.0);
    ppi_progress_finish(&progress);
    assert_int_equal(seen.level, PPI_LOG_INFO);
    assert_non_null(strstr(seen.text, "collect: 500 steps in "));
    ppi_progress_start(&progress, "scan", "files", 0, 0);
    progress.shown_s -= 5.0;
    ppi_progress_update(&progress, 3, NULL);
    assert_non_null(strstr(seen.text, "scan: 3 files, "));
    ppi_log_set_sink(NULL, NULL, PPI_LOG_INFO);
}

static void clock_texts(void **state) {
    (void)state;
    char text[PPI_CLOCK_TEXT_SIZE];
    ppi_clock_text(text, 1714566896.5);
    assert_string_equal(text, "2024-05-01T12:34:56Z");
    ppi_clock_duration(text, 12.4);
    assert_string_equal(text, "12s");
    ppi_clock_duration(text, 185.0);
    assert_string_equal(text, "3m05s");
    ppi_clock_duration(text, 7625.0);
    assert_string_equal(text, "2h07m");
    ppi_clock_duration(text, -1.0);
    assert_string_equal(text, "0s");
    const double before = ppi_clock_seconds();
    assert_true(ppi_clock_seconds() >= before);
    assert_true(ppi_clock_wall() > 1.6e9);
    assert_true(ppi_clock_cpu() >= 0.0);
}

static void instruction_sets_are_limited(void **state) {
    (void)state;
    assert_true(ppi_cpu_isa() <= ppi_cpu_isa_detected());
    assert_int_equal(ppi_cpu_isa_limit(PPI_ISA_AVX512_BF16, "avx2"), PPI_ISA_AVX2);
    assert_int_equal(ppi_cpu_isa_limit(PPI_ISA_AVX512_BF16, "ref"), PPI_ISA_REF);
    assert_int_equal(ppi_cpu_isa_limit(PPI_ISA_AVX2, "avx512"), PPI_ISA_AVX2);
    assert_int_equal(ppi_cpu_isa_limit(PPI_ISA_AVX2, NULL), PPI_ISA_AVX2);
    assert_int_equal(ppi_cpu_isa_limit(PPI_ISA_AVX2, "other"), PPI_ISA_AVX2);
    const char *limit = getenv("POLYPLAY_MAX_ISA");
    char kept[32];
    snprintf(kept, sizeof kept, "%s", limit != NULL ? limit : "");
    assert_int_equal(setenv("POLYPLAY_MAX_ISA", "avx", 1), 0);
    assert_int_equal(ppi_cpu_isa_check(), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "\"avx\""));
    assert_int_equal(setenv("POLYPLAY_MAX_ISA", "avx512", 1), 0);
    assert_int_equal(ppi_cpu_isa_check(), PP_OK);
    assert_int_equal(setenv("POLYPLAY_MAX_ISA", "", 1), 0);
    assert_int_equal(ppi_cpu_isa_check(), PP_OK);
    assert_int_equal(unsetenv("POLYPLAY_MAX_ISA"), 0);
    assert_int_equal(ppi_cpu_isa_check(), PP_OK);
    assert_int_equal(setenv("POLYPLAY_MAX_ISA", kept, 1), 0);
    assert_string_equal(ppi_isa_name(PPI_ISA_AVX512_BF16), "avx512_bf16");
    assert_string_equal(ppi_isa_name(PPI_ISA_COUNT), "unknown");
    assert_true(ppi_cpu_count() >= 1);
    const int has_avx2 = strstr(ppi_cpu_features(), "avx2") != NULL;
    if (ppi_cpu_isa_detected() >= PPI_ISA_AVX2) assert_true(has_avx2);
}

static void signals_set_the_flag(void **state) {
    (void)state;
    CHECK_OK(ppi_interrupt_install());
    assert_false(ppi_interrupted());
    assert_int_equal(raise(SIGINT), 0);
    assert_true(ppi_interrupted());
    ppi_interrupt_clear();
    assert_false(ppi_interrupted());
    struct sigaction after;
    assert_int_equal(sigaction(SIGINT, NULL, &after), 0);
    assert_true(after.sa_handler == SIG_DFL); /* a second one ends the process */
    assert_int_equal(raise(SIGTERM), 0);
    assert_true(ppi_interrupted());
    ppi_interrupt_clear();
    ppi_interrupt_raise();
    assert_true(ppi_interrupted());
    ppi_interrupt_clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_reach_the_sink),
        cmocka_unit_test(progress_is_reported_at_most_once_a_second),
        cmocka_unit_test(clock_texts),
        cmocka_unit_test(instruction_sets_are_limited),
        cmocka_unit_test(signals_set_the_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
