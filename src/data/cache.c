/* A hash table of slots in a doubly linked list by age; see cache.h. */
#include "data/cache.h"

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"

typedef struct slot {
    ppi_cache_key key;
    uint8_t *data;
    int32_t newer, older; /* neighbours by age, -1 = none */
    int32_t chain;        /* next slot of the bucket, -1 = none */
    bool valid;
} slot;

struct ppi_cache {
    int64_t block_bytes;
    int32_t capacity; /* slots */
    int32_t used;     /* slots that have memory */
    slot *slots;
    int32_t *buckets; /* [bucket_count] */
    int64_t bucket_count;
    int32_t newest, oldest;
};

/* Bytes of bookkeeping per block: the slot, up to four bucket entries and the allocator's share. */
#define OVERHEAD ((int64_t)sizeof(slot) + 4 * (int64_t)sizeof(int32_t) + 32)

static uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    return x;
}

static int32_t *bucket_of(ppi_cache *cache, ppi_cache_key key) {
    uint64_t hash = mix((uint64_t)key.dataset + mix((uint64_t)key.group + mix((uint64_t)key.block)));
    return &cache->buckets[hash & (uint64_t)(cache->bucket_count - 1)];
}

static bool same(ppi_cache_key a, ppi_cache_key b) {
    return a.dataset == b.dataset && a.group == b.group && a.block == b.block;
}

pp_status ppi_cache_create(ppi_cache **out, int64_t block_bytes, int64_t limit, int64_t blocks) {
    *out = NULL;
    int64_t capacity = limit / (block_bytes + OVERHEAD);
    if (capacity < PPI_CACHE_LEAST) {
        return ppi_fail(PP_ERR_NO_MEMORY, "the memory bound leaves %lld bytes for frames, at least "
                        "%lld are needed; raise data.memory", (long long)(limit > 0 ? limit : 0),
                        (long long)(PPI_CACHE_LEAST * (block_bytes + OVERHEAD)));
    }
    if (capacity > blocks) {
        capacity = blocks > PPI_CACHE_LEAST ? blocks : PPI_CACHE_LEAST;
    }
    if (capacity > (1 << 28)) {
        capacity = 1 << 28;
    }
    ppi_cache *cache = ppi_calloc(1, sizeof *cache);
    if (!cache) {
        return ppi_oom("the frame cache");
    }
    cache->block_bytes = block_bytes;
    cache->capacity = (int32_t)capacity;
    cache->newest = cache->oldest = -1;
    cache->bucket_count = 16;
    while (cache->bucket_count < 2 * capacity) {
        cache->bucket_count *= 2;
    }
    cache->slots = ppi_calloc((size_t)capacity, sizeof *cache->slots);
    cache->buckets = ppi_malloc((size_t)cache->bucket_count * sizeof *cache->buckets);
    if (!cache->slots || !cache->buckets) {
        ppi_cache_destroy(cache);
        return ppi_oom("the frame cache");
    }
    for (int64_t i = 0; i < cache->bucket_count; i++) {
        cache->buckets[i] = -1;
    }
    *out = cache;
    return PP_OK;
}

void ppi_cache_destroy(ppi_cache *cache) {
    if (!cache) {
        return;
    }
    for (int32_t i = 0; i < cache->used; i++) {
        ppi_free(cache->slots[i].data);
    }
    ppi_free(cache->slots);
    ppi_free(cache->buckets);
    ppi_free(cache);
}

static void unlink_age(ppi_cache *cache, int32_t index) {
    slot *s = &cache->slots[index];
    *(s->newer >= 0 ? &cache->slots[s->newer].older : &cache->newest) = s->older;
    *(s->older >= 0 ? &cache->slots[s->older].newer : &cache->oldest) = s->newer;
}

static void link_newest(ppi_cache *cache, int32_t index) {
    slot *s = &cache->slots[index];
    s->newer = -1;
    s->older = cache->newest;
    *(cache->newest >= 0 ? &cache->slots[cache->newest].newer : &cache->oldest) = index;
    cache->newest = index;
}

static void unlink_bucket(ppi_cache *cache, int32_t index) {
    int32_t *link = bucket_of(cache, cache->slots[index].key);
    while (*link != index) {
        link = &cache->slots[*link].chain;
    }
    *link = cache->slots[index].chain;
    cache->slots[index].valid = false;
}

const uint8_t *ppi_cache_find(ppi_cache *cache, ppi_cache_key key) {
    for (int32_t i = *bucket_of(cache, key); i >= 0; i = cache->slots[i].chain) {
        if (same(cache->slots[i].key, key)) {
            if (cache->newest != i) {
                unlink_age(cache, i);
                link_newest(cache, i);
            }
            return cache->slots[i].data;
        }
    }
    return NULL;
}

uint8_t *ppi_cache_insert(ppi_cache *cache, ppi_cache_key key) {
    int32_t index;
    if (cache->used < cache->capacity) {
        index = cache->used;
        cache->slots[index].data = ppi_malloc((size_t)cache->block_bytes);
        if (!cache->slots[index].data) {
            return NULL;
        }
        cache->used++;
    } else {
        index = cache->oldest;
        unlink_age(cache, index);
        if (cache->slots[index].valid) {
            unlink_bucket(cache, index);
        }
    }
    int32_t *bucket = bucket_of(cache, key);
    slot *s = &cache->slots[index];
    s->key = key;
    s->chain = *bucket;
    s->valid = true;
    *bucket = index;
    link_newest(cache, index);
    return s->data;
}

void ppi_cache_forget(ppi_cache *cache, ppi_cache_key key) {
    int32_t index = *bucket_of(cache, key);
    while (index >= 0 && !same(cache->slots[index].key, key)) {
        index = cache->slots[index].chain;
    }
    if (index >= 0) {
        unlink_bucket(cache, index);
    }
}

int64_t ppi_cache_capacity(const ppi_cache *cache) {
    return cache->capacity;
}

int64_t ppi_cache_bytes(const ppi_cache *cache) {
    return (int64_t)cache->used * (cache->block_bytes + OVERHEAD);
}
