/* Stopping long work on request: SIGINT and SIGTERM set a flag that loops look at between steps. */
#ifndef PPI_BASE_SIGNAL_H
#define PPI_BASE_SIGNAL_H

#include <stdbool.h>

#include <polyplay/status.h>

/* Installs the handlers. The first signal sets the flag; a second one of the same kind ends the
 * process as usual. */
pp_status ppi_interrupt_install(void);

/* True once a signal came or ppi_interrupt_raise was called. */
bool ppi_interrupted(void);

/* Sets and clears the flag by hand. */
void ppi_interrupt_raise(void);
void ppi_interrupt_clear(void);

#endif
