/* Messages of the library on standard error. On a terminal the progress line is rewritten in place;
 * in a log file it appears every ten seconds. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static const double log_file_interval = 10.0; /* seconds */

static struct {
    bool is_terminal;
    bool line_open;    /* a progress line stands without its newline */
    double last_shown; /* seconds; of the last progress line in a log file */
} terminal;

static void show_progress(const char *text) {
    if (terminal.is_terminal) {
        fprintf(stderr, "\r%s\033[K", text);
        fflush(stderr);
        terminal.line_open = true;
        return;
    }
    double now = ppi_clock_seconds();
    if (terminal.last_shown > 0 && now - terminal.last_shown < log_file_interval) return;
    terminal.last_shown = now;
    fprintf(stderr, "%s\n", text);
}

static void sink(void *user, ppi_log_level level, const char *text) {
    (void)user;
    if (level == PPI_LOG_PROGRESS) {
        show_progress(text);
        return;
    }
    ppi_cli_terminal_end();
    if (level == PPI_LOG_WARN || level == PPI_LOG_ERROR)
        fprintf(stderr, "polyplay: %s: %s\n", ppi_log_level_name(level), text);
    else
        fprintf(stderr, "%s\n", text);
}

void ppi_cli_terminal_end(void) {
    if (terminal.line_open) fputc('\n', stderr);
    terminal.line_open = false;
}

void ppi_cli_terminal_install(bool verbose, bool quiet) {
    terminal.is_terminal = isatty(STDERR_FILENO) == 1;
    ppi_log_level lowest = verbose ? PPI_LOG_DEBUG : quiet ? PPI_LOG_WARN : PPI_LOG_INFO;
    ppi_log_set_sink(sink, NULL, lowest);
}
