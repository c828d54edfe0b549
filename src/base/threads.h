/* A fixed pool of threads that sleep until there is work.
 *
 * Work is cut by index, always the same way for the same count and pool size, so results do not
 * depend on timing. */
#ifndef PPI_BASE_THREADS_H
#define PPI_BASE_THREADS_H

#include <stdint.h>

#include <polyplay/status.h>

typedef struct ppi_pool ppi_pool;

/* One item of work. */
typedef void (*ppi_pool_fn)(void *ctx, int64_t index);

/* One contiguous share [begin, end) of the work; worker is 0..size-1. */
typedef void (*ppi_pool_range_fn)(void *ctx, int64_t begin, int64_t end, int worker);

/* A pool of `threads` workers including the calling thread, so 1 starts none; 0 means one for each
 * processor. */
pp_status ppi_pool_create(ppi_pool **out, int threads);

/* Runs fn for 0..count-1 and returns when all are done. Worker w takes the w-th contiguous share;
 * the caller is worker 0. A call from inside a worker, or with a NULL pool, runs everything in the
 * calling thread. */
void ppi_pool_run(ppi_pool *pool, ppi_pool_fn fn, void *ctx, int64_t count);
void ppi_pool_run_ranges(ppi_pool *pool, ppi_pool_range_fn fn, void *ctx, int64_t count);

/* Number of workers; 1 for NULL. */
int ppi_pool_size(const ppi_pool *pool);

/* Stops the threads. NULL is allowed. */
void ppi_pool_destroy(ppi_pool *pool);

#endif
