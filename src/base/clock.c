/* Clock reads and their texts. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static double read_clock(clockid_t id) {
    struct timespec now = {0};
    clock_gettime(id, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double ppi_clock_seconds(void) {
    return read_clock(CLOCK_MONOTONIC);
}

double ppi_clock_wall(void) {
    return read_clock(CLOCK_REALTIME);
}

double ppi_clock_cpu(void) {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void ppi_clock_text(char out[PPI_CLOCK_TEXT_SIZE], double wall) {
    const time_t seconds = (time_t)wall;
    struct tm parts;
    out[0] = '\0';
    if (gmtime_r(&seconds, &parts) == NULL) return;
    if (strftime(out, PPI_CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) out[0] = '\0';
}

void ppi_clock_duration(char out[PPI_CLOCK_TEXT_SIZE], double seconds) {
    const double bounded = seconds >= 0.0 && seconds < 1e15 ? seconds : 0.0;
    const long long whole = (long long)(bounded + 0.5);
    if (whole < 60) {
        snprintf(out, PPI_CLOCK_TEXT_SIZE, "%llds", whole);
    } else if (whole < 3600) {
        snprintf(out, PPI_CLOCK_TEXT_SIZE, "%lldm%02llds", whole / 60, whole % 60);
    } else {
        snprintf(out, PPI_CLOCK_TEXT_SIZE, "%lldh%02lldm", whole / 3600, whole / 60 % 60);
    }
}
