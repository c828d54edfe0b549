/* Time. Never an input to results, only to logs and progress. */
#ifndef PPI_BASE_CLOCK_H
#define PPI_BASE_CLOCK_H

#include <stddef.h>

/* Monotonic seconds from an arbitrary start. */
double ppi_clock_seconds(void);

/* Seconds since 1970-01-01 UTC. */
double ppi_clock_wall(void);

/* Processor seconds used by all threads of the process. */
double ppi_clock_cpu(void);

enum { PPI_CLOCK_TEXT_SIZE = 32 };

/* UTC as "2024-05-01T12:34:56Z". */
void ppi_clock_text(char out[PPI_CLOCK_TEXT_SIZE], double wall);

/* A duration as "12s", "3m05s" or "2h07m". */
void ppi_clock_duration(char out[PPI_CLOCK_TEXT_SIZE], double seconds);

#endif
