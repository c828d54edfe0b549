/* The pool: one mutex, one condition for "work is there", one for "all shares are done".
 *
 * A run bumps the generation number; each worker sleeps until the number differs from the one it
 * last served. */
#include "base/threads.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/mem.h"

enum { MAX_THREADS = 1024 };

typedef struct worker {
    ppi_pool *pool;
    pthread_t thread;
    int index;
} worker;

struct ppi_pool {
    int size;             /* workers, the calling thread included */
    int started;          /* threads to join */
    worker *workers;      /* [size], entry 0 unused */
    pthread_mutex_t run;  /* held by the caller of a run: runs of different threads take turns */
    pthread_mutex_t lock; /* guards the fields below */
    pthread_cond_t go;
    pthread_cond_t done;
    uint64_t generation;
    int busy;
    bool stop;
    ppi_pool_range_fn fn;
    void *ctx;
    int64_t count;
};

/* True in pool threads and in a caller during its run: nested runs stay in the thread. */
static _Thread_local bool inside_run;

/* Runs worker w's share, indices [w * count / size, (w + 1) * count / size). */
static void run_share(ppi_pool_range_fn fn, void *ctx, int64_t count, int size, int w) {
    const int64_t base = count / size;
    const int64_t extra = count % size;
    const int64_t begin = base * w + (w < extra ? w : extra);
    const int64_t end = begin + base + (w < extra ? 1 : 0);
    if (begin < end) fn(ctx, begin, end, w);
}

static void *worker_main(void *arg) {
    worker *self = arg;
    ppi_pool *pool = self->pool;
    uint64_t served = 0;
    inside_run = true;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && pool->generation == served) pthread_cond_wait(&pool->go, &pool->lock);
        if (pool->stop) break;
        served = pool->generation;
        const ppi_pool_range_fn fn = pool->fn;
        void *ctx = pool->ctx;
        const int64_t count = pool->count;
        pthread_mutex_unlock(&pool->lock);
        run_share(fn, ctx, count, pool->size, self->index);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0) pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

pp_status ppi_pool_create(ppi_pool **out, int threads) {
    *out = NULL;
    if (threads < 0 || threads > MAX_THREADS) {
        return ppi_fail(PP_ERR_ARGUMENT, "thread count is %d, expected 0..%d (0: one a processor)",
                        threads, MAX_THREADS);
    }
    const int size = threads > 0 ? threads : ppi_cpu_count();
    ppi_pool *pool = ppi_calloc(1, sizeof *pool);
    worker *workers = ppi_calloc((size_t)size, sizeof *workers);
    if (pool == NULL || workers == NULL) {
        ppi_free(pool);
        ppi_free(workers);
        return ppi_oom("a thread pool");
    }
    pool->size = size;
    pool->workers = workers;
    pthread_mutex_init(&pool->run, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->go, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (int i = 1; i < size; i++) {
        workers[i] = (worker){.pool = pool, .index = i};
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0) {
            ppi_pool_destroy(pool);
            return ppi_fail(PP_ERR_NO_MEMORY, "cannot start thread %d of %d; try fewer threads", i,
                            size);
        }
        pool->started = i;
    }
    *out = pool;
    return PP_OK;
}

void ppi_pool_run_ranges(ppi_pool *pool, ppi_pool_range_fn fn, void *ctx, int64_t count) {
    if (count <= 0) return;
    if (pool == NULL || pool->size == 1 || count == 1 || inside_run) {
        fn(ctx, 0, count, 0);
        return;
    }
    pthread_mutex_lock(&pool->run);
    inside_run = true;
    pthread_mutex_lock(&pool->lock);
    pool->fn = fn;
    pool->ctx = ctx;
    pool->count = count;
    pool->busy = pool->size - 1;
    pool->generation++;
    pthread_cond_broadcast(&pool->go);
    pthread_mutex_unlock(&pool->lock);
    run_share(fn, ctx, count, pool->size, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0) pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    inside_run = false;
    pthread_mutex_unlock(&pool->run);
}

typedef struct item_run {
    ppi_pool_fn fn;
    void *ctx;
} item_run;

static void run_items(void *ctx, int64_t begin, int64_t end, int index) {
    const item_run *run = ctx;
    (void)index;
    for (int64_t i = begin; i < end; i++) run->fn(run->ctx, i);
}

void ppi_pool_run(ppi_pool *pool, ppi_pool_fn fn, void *ctx, int64_t count) {
    item_run run = {.fn = fn, .ctx = ctx};
    ppi_pool_run_ranges(pool, run_items, &run, count);
}

int ppi_pool_size(const ppi_pool *pool) {
    return pool != NULL ? pool->size : 1;
}

void ppi_pool_destroy(ppi_pool *pool) {
    if (pool == NULL) return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->go);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i <= pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->go);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->run);
    ppi_free(pool->workers);
    ppi_free(pool);
}
