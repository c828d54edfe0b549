/* Heap calls with a fault-injection hook, so that tests can make the n-th allocation, write, fsync
 * or rename fail. */
#ifndef PPI_BASE_MEM_H
#define PPI_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ppi_fault_kind {
    PPI_FAULT_ALLOC,  /* allocation returns NULL */
    PPI_FAULT_WRITE,  /* write fails with ENOSPC */
    PPI_FAULT_FSYNC,  /* fsync fails with EIO */
    PPI_FAULT_RENAME, /* rename fails with EIO */
    PPI_FAULT_KIND_COUNT
} ppi_fault_kind;

/* Lets the countdown-th operation of this kind fail, once (1 is the very next one); 0 switches the
 * hook off. Process wide. */
void ppi_fault_set(ppi_fault_kind kind, int64_t countdown);

/* The same, but every later operation of the kind fails as well until the hook is set anew: a disk
 * that is full stays full. The handler is called once. */
void ppi_fault_set_lasting(ppi_fault_kind kind, int64_t countdown);

/* Operations a hook still lets pass, the failing one included: the countdown as it stands. A large
 * countdown thus counts operations without letting one fail. */
int64_t ppi_fault_left(ppi_fault_kind kind);

/* Called on the thread of the operation when a countdown ends, before the operation fails; NULL =
 * no call. A handler that kills the process ends it exactly there. */
void ppi_fault_handler(void (*handler)(ppi_fault_kind kind));

/* Switches every hook and the handler off. */
void ppi_fault_clear(void);

/* Called by the operation itself: counts down and tells whether it must fail now. */
bool ppi_fault_hit(ppi_fault_kind kind);

/* As malloc, calloc, realloc, free; NULL when out of memory (no last-error text: the caller names
 * what it wanted). A size of 0 gives a unique pointer. calloc checks the product. */
void *ppi_malloc(size_t size);
void *ppi_calloc(size_t count, size_t size);
void *ppi_realloc(void *old, size_t size);
void ppi_free(void *memory);

/* Heap copy of a string, NULL when out of memory; release with ppi_free. */
char *ppi_strdup(const char *text);

/* Zeroed memory on a 64-byte boundary whose length is rounded up to 64 bytes; release with
 * ppi_aligned_free. */
void *ppi_aligned_alloc64(size_t size);
void ppi_aligned_free(void *memory);

#endif
