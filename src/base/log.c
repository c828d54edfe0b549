/* The one sink for messages, and progress lines for long work. A mutex makes messages of several
 * threads whole. */
#include "base/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { TEXT_SIZE = 2048 };

static const double progress_interval_s = 1.0;

static const char *const level_names[] = {
    [PPI_LOG_DEBUG] = "debug", [PPI_LOG_INFO] = "info",         [PPI_LOG_WARN] = "warning",
    [PPI_LOG_ERROR] = "error", [PPI_LOG_PROGRESS] = "progress",
};
static_assert(sizeof level_names / sizeof level_names[0] == PPI_LOG_LEVEL_COUNT,
              "one name for each level");

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static ppi_log_sink current_sink; /* guarded by sink_lock, as the next two */
static void *current_user;
static ppi_log_level current_lowest;
static atomic_bool sink_installed; /* lets silent programs skip the formatting */

void ppi_log_set_sink(ppi_log_sink sink, void *user, ppi_log_level lowest) {
    pthread_mutex_lock(&sink_lock);
    current_sink = sink;
    current_user = user;
    current_lowest = lowest;
    atomic_store(&sink_installed, sink != NULL);
    pthread_mutex_unlock(&sink_lock);
}

const char *ppi_log_level_name(ppi_log_level level) {
    return (int)level >= 0 && level < PPI_LOG_LEVEL_COUNT ? level_names[level] : "unknown";
}

void ppi_log(ppi_log_level level, const char *fmt, ...) {
    if (!atomic_load_explicit(&sink_installed, memory_order_relaxed)) return;
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, fmt);
    const int length = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (length < 0) return;
    pthread_mutex_lock(&sink_lock);
    if (current_sink != NULL && level >= current_lowest) current_sink(current_user, level, text);
    pthread_mutex_unlock(&sink_lock);
}

void ppi_progress_start(ppi_progress *progress, const char *what, const char *unit, int64_t total,
                        int64_t done) {
    *progress = (ppi_progress){.total = total, .done = done, .start_done = done};
    snprintf(progress->what, sizeof progress->what, "%s", what);
    snprintf(progress->unit, sizeof progress->unit, "%s", unit);
    progress->start_s = ppi_clock_seconds();
    progress->shown_s = progress->start_s;
}

double ppi_progress_rate(const ppi_progress *progress) {
    const double elapsed = ppi_clock_seconds() - progress->start_s;
    return elapsed > 0.0 ? (double)(progress->done - progress->start_done) / elapsed : 0.0;
}

/* "12.3k" style for rates. */
static void format_rate(char out[PPI_CLOCK_TEXT_SIZE], double rate) {
    if (rate >= 1e6) {
        snprintf(out, PPI_CLOCK_TEXT_SIZE, "%.2fM", rate / 1e6);
    } else if (rate >= 1e4) {
        snprintf(out, PPI_CLOCK_TEXT_SIZE, "%.1fk", rate / 1e3);
    } else {
        snprintf(out, PPI_CLOCK_TEXT_SIZE, rate >= 100.0 ? "%.0f" : "%.2f", rate);
    }
}

void ppi_progress_update(ppi_progress *progress, int64_t done, const char *note) {
    const double now = ppi_clock_seconds();
    progress->done = done;
    if (now - progress->shown_s < progress_interval_s) return;
    progress->shown_s = now;
    char rate_text[PPI_CLOCK_TEXT_SIZE];
    char left_text[PPI_CLOCK_TEXT_SIZE] = "?";
    const double rate = ppi_progress_rate(progress);
    const char *separator = note != NULL && note[0] != '\0' ? ", " : "";
    const char *tail = note != NULL ? note : "";
    format_rate(rate_text, rate);
    if (progress->total <= 0) {
        ppi_log(PPI_LOG_PROGRESS, "%s: %lld %s, %s/s%s%s", progress->what, (long long)done,
                progress->unit, rate_text, separator, tail);
        return;
    }
    if (rate > 0.0) ppi_clock_duration(left_text, (double)(progress->total - done) / rate);
    ppi_log(PPI_LOG_PROGRESS, "%s: %lld/%lld %s (%.1f%%), %s/s, %s left%s%s", progress->what,
            (long long)done, (long long)progress->total, progress->unit,
            100.0 * (double)done / (double)progress->total, rate_text, left_text, separator, tail);
}

void ppi_progress_finish(ppi_progress *progress) {
    char rate_text[PPI_CLOCK_TEXT_SIZE];
    char time_text[PPI_CLOCK_TEXT_SIZE];
    format_rate(rate_text, ppi_progress_rate(progress));
    ppi_clock_duration(time_text, ppi_clock_seconds() - progress->start_s);
    ppi_log(PPI_LOG_INFO, "%s: %lld %s in %s (%s/s)", progress->what,
            (long long)(progress->done - progress->start_done), progress->unit, time_text,
            rate_text);
}
