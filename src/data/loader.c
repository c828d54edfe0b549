/* Rounds of blocks; see loader.h. */
#include "data/loader.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/threads.h"

/* Pieces of a round; blocks decoded in a round for each worker, so that a slow one does not leave
 * the others idle for long. */
enum { PIECES = 64, BLOCKS_OF_WORKER = 4 };

/* A block that has been read and waits to be decoded. */
typedef struct job {
    ppi_cache_key key;
    ppi_stored_block stored;
    uint8_t *block; /* in the cache */
    pp_status status;
} job;

/* A piece and the block it lies in. */
typedef struct copy {
    ppi_loader_piece piece;
    const uint8_t *block;
} copy;

struct ppi_loader {
    ppi_dataset *const *datasets;
    ppi_frame_view view;
    ppi_pool *pool;
    copy copies[PIECES];
    int64_t copy_count;
    job *jobs; /* [job_limit] */
    int64_t job_count, job_limit;
    int64_t stored_bytes; /* room for one stored block */
    uint8_t *stored;      /* [job_limit, stored_bytes] */
};

pp_status ppi_loader_create(ppi_loader **out, ppi_dataset *const *datasets, int count,
                            const ppi_frame_view *view, int workers) {
    *out = NULL;
    ppi_loader *l = ppi_calloc(1, sizeof *l);
    if (!l) {
        return ppi_oom("a loader of frames");
    }
    l->datasets = datasets;
    l->view = *view;
    for (int i = 0; i < count; i++) {
        int64_t bytes = ppi_dataset_stored_bytes(datasets[i]);
        l->stored_bytes = bytes > l->stored_bytes ? bytes : l->stored_bytes;
    }
    pp_status status = workers == 1 ? PP_OK : ppi_pool_create(&l->pool, workers);
    int64_t size = ppi_pool_size(l->pool);
    l->job_limit = size == 1 ? 1 : size * BLOCKS_OF_WORKER;
    l->jobs = ppi_calloc((size_t)l->job_limit, sizeof *l->jobs);
    l->stored = ppi_malloc((size_t)(l->job_limit * l->stored_bytes));
    if (status == PP_OK && (!l->jobs || !l->stored)) {
        status = ppi_oom("a loader of frames");
    }
    if (status != PP_OK) {
        ppi_loader_destroy(l);
        return status;
    }
    *out = l;
    return PP_OK;
}

void ppi_loader_destroy(ppi_loader *l) {
    if (!l) {
        return;
    }
    ppi_pool_destroy(l->pool);
    ppi_free(l->jobs);
    ppi_free(l->stored);
    ppi_free(l);
}

int64_t ppi_loader_bytes(const ppi_loader *l) {
    return (int64_t)sizeof *l + l->job_limit * (l->stored_bytes + (int64_t)sizeof *l->jobs);
}

static void decode(void *context, int64_t index) {
    ppi_loader *l = context;
    job *j = &l->jobs[index];
    j->status = ppi_dataset_decode_block(l->datasets[j->key.dataset], &j->stored,
                                         l->stored + index * l->stored_bytes, j->block);
}

static void copy_frames(void *context, int64_t index) {
    const ppi_loader *l = context;
    const copy *c = &l->copies[index];
    const ppi_loader_piece *p = &c->piece;
    const pp_dataset_info *info = ppi_dataset_info(l->datasets[p->key.dataset]);
    const int64_t stored = ppi_dataset_frame_bytes(l->datasets[p->key.dataset]);
    const int64_t shown = l->view.H * l->view.W * l->view.C;
    for (int64_t i = 0; i < p->frames; i++) {
        ppi_frame_view_show(&l->view, p->key.dataset, info, p->out + i * shown,
                            c->block + (p->first + i) * stored, p->dy, p->dx);
    }
}

/* A block that a worker could not decode is read anew by this thread, whose error text then names
 * it; it leaves the cache if that fails too. */
static pp_status decode_all(ppi_loader *l, ppi_cache *cache) {
    pp_status first = PP_OK;
    ppi_pool_run(l->pool, decode, l, l->job_count);
    for (int64_t i = 0; i < l->job_count; i++) {
        const job *j = &l->jobs[i];
        if (j->status == PP_OK) {
            continue;
        }
        if (first == PP_OK) {
            first = ppi_dataset_read_block(l->datasets[j->key.dataset], j->key.group, j->key.block,
                                           j->block);
            if (first == PP_OK) {
                continue;
            }
        }
        ppi_cache_forget(cache, j->key);
    }
    l->job_count = 0;
    return first;
}

pp_status ppi_loader_finish(ppi_loader *l, ppi_cache *cache) {
    pp_status status = decode_all(l, cache);
    if (status == PP_OK) {
        ppi_pool_run(l->pool, copy_frames, l, l->copy_count);
    }
    l->copy_count = 0;
    return status;
}

/* Drops the round: blocks that were never decoded leave the cache. */
static pp_status give_up(ppi_loader *l, ppi_cache *cache, pp_status status) {
    for (int64_t i = 0; i < l->job_count; i++) {
        ppi_cache_forget(cache, l->jobs[i].key);
    }
    l->job_count = l->copy_count = 0;
    return status;
}

/* Makes room for the block in the cache and reads its stored bytes. */
static pp_status fetch(ppi_loader *l, ppi_cache *cache, ppi_cache_key key, const uint8_t **out) {
    uint8_t *block = ppi_cache_insert(cache, key);
    if (!block) {
        return give_up(l, cache, ppi_oom("a block of frames"));
    }
    job *j = &l->jobs[l->job_count];
    *j = (job){.key = key, .block = block};
    pp_status status =
        ppi_dataset_fetch_block(l->datasets[key.dataset], key.group, key.block,
                                l->stored + l->job_count * l->stored_bytes, block, &j->stored);
    if (status != PP_OK) {
        ppi_cache_forget(cache, key);
        return give_up(l, cache, status);
    }
    l->job_count += !j->stored.decoded;
    *out = block;
    return PP_OK;
}

pp_status ppi_loader_add(ppi_loader *l, ppi_cache *cache, const ppi_loader_piece *piece) {
    /* Every piece makes its block the most recent, so that no block of a round of so many pieces
     * is thrown out before its end. */
    int64_t limit = ppi_cache_capacity(cache) < PIECES ? ppi_cache_capacity(cache) : PIECES;
    if (l->copy_count == limit) {
        PPI_TRY(ppi_loader_finish(l, cache));
    }
    const uint8_t *block = ppi_cache_find(cache, piece->key);
    if (!block) {
        if (l->job_count == l->job_limit) {
            PPI_TRY(ppi_loader_finish(l, cache));
        }
        PPI_TRY(fetch(l, cache, piece->key, &block));
    }
    l->copies[l->copy_count++] = (copy){.piece = *piece, .block = block};
    return PP_OK;
}
