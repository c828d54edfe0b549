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

/* Switches every hook off. */
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
