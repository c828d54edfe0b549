/* One thread beside the caller's that does one piece of work at a time. */
#ifndef PPI_BASE_BACKGROUND_H
#define PPI_BASE_BACKGROUND_H

#include <polyplay/status.h>

typedef struct ppi_background ppi_background;

/* Starts the thread; it sleeps until there is work. */
pp_status ppi_background_create(ppi_background **out);

/* Has fn(ctx) run in the thread and returns at once; with NULL for b it runs before the return. The
 * work before must have been waited for. Everything the caller wrote before is seen by fn. */
void ppi_background_start(ppi_background *b, void (*fn)(void *ctx), void *ctx);

/* Returns when the work is done, at once if there is none; what fn wrote is then seen by the
 * caller. NULL is allowed. */
void ppi_background_wait(ppi_background *b);

/* Waits for the work and ends the thread. NULL is allowed. */
void ppi_background_destroy(ppi_background *b);

#endif
