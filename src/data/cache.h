/* A bounded cache of decoded frame blocks, least recently used out first. Not safe for threads. */
#ifndef PPI_DATA_CACHE_H
#define PPI_DATA_CACHE_H

#include <stdint.h>

#include <polyplay/status.h>

typedef struct ppi_cache ppi_cache;

/* Names a block: dataset, group and block number. */
typedef struct ppi_cache_key {
    int64_t dataset, group, block;
} ppi_cache_key;

/* At most `limit` bytes, blocks of `block_bytes` and their bookkeeping together; never more than
 * `blocks` blocks. PP_ERR_NO_MEMORY when the limit does not hold PPI_CACHE_LEAST blocks. */
#define PPI_CACHE_LEAST 8
pp_status ppi_cache_create(ppi_cache **out, int64_t block_bytes, int64_t limit, int64_t blocks);
void ppi_cache_destroy(ppi_cache *cache);

/* The block, or NULL. A hit becomes the most recent. */
const uint8_t *ppi_cache_find(ppi_cache *cache, ppi_cache_key key);
/* Memory [block_bytes] for a block that is not there, the oldest one making room when needed; NULL
 * when out of memory. The content is undefined until the caller fills it. */
uint8_t *ppi_cache_insert(ppi_cache *cache, ppi_cache_key key);
/* Takes a block out again, when filling it failed; without effect when it is not there. */
void ppi_cache_forget(ppi_cache *cache, ppi_cache_key key);
/* Blocks it can hold. */
int64_t ppi_cache_capacity(const ppi_cache *cache);
/* Bytes in use, bookkeeping included. */
int64_t ppi_cache_bytes(const ppi_cache *cache);

#endif
