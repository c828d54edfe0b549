/* Messages for people, and progress of long work. The library itself prints nowhere: a program
 * installs a sink. */
#ifndef PPI_BASE_LOG_H
#define PPI_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"

typedef enum ppi_log_level {
    PPI_LOG_DEBUG,
    PPI_LOG_INFO,
    PPI_LOG_WARN,
    PPI_LOG_ERROR,
    PPI_LOG_PROGRESS, /* a state that the next one replaces; the text has no newline */
    PPI_LOG_LEVEL_COUNT
} ppi_log_level;

/* Receives whole lines without the newline, one call at a time. Must not log itself. */
typedef void (*ppi_log_sink)(void *user, ppi_log_level level, const char *text);

/* Installs the sink (NULL: silence, the default) and the lowest level it gets. Process wide. */
void ppi_log_set_sink(ppi_log_sink sink, void *user, ppi_log_level lowest);

/* "debug", "info", "warning", "error", "progress". */
const char *ppi_log_level_name(ppi_log_level level);

void ppi_log(ppi_log_level level, const char *fmt, ...) PPI_PRINTF(2, 3);

/* Progress of `total` units (0: unknown). Plain data owned by one thread. */
typedef struct ppi_progress {
    char what[64];
    char unit[16];
    int64_t total;
    int64_t done;
    int64_t start_done; /* units there at the start (resumed work), not counted in the rate */
    double start_s;     /* monotonic seconds */
    double shown_s;     /* time of the last line */
} ppi_progress;

/* `what` names the work ("collect"), `unit` the thing counted ("steps"); both are copied. */
void ppi_progress_start(ppi_progress *progress, const char *what, const char *unit, int64_t total,
                        int64_t done);

/* Reports through the sink at most once a second: done, total, rate, time left, then `note` (may be
 * NULL). */
void ppi_progress_update(ppi_progress *progress, int64_t done, const char *note);

/* One last line as PPI_LOG_INFO: units done since the start, the time they took, and the rate. */
void ppi_progress_finish(ppi_progress *progress);

/* Units per second since the start; 0 before any time has passed. */
double ppi_progress_rate(const ppi_progress *progress);

#endif
