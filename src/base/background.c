/* A mutex and two conditions: "there is work, or it is over" and "the work is done". */
#include "base/background.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

struct ppi_background {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the fields below */
    pthread_cond_t go;
    pthread_cond_t done;
    void (*fn)(void *ctx); /* NULL = no work */
    void *ctx;
    bool stop;
};

static void *background_main(void *arg) {
    ppi_background *b = arg;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (b->fn == NULL && !b->stop) pthread_cond_wait(&b->go, &b->lock);
        if (b->fn == NULL) break;
        void (*const fn)(void *ctx) = b->fn;
        void *const ctx = b->ctx;
        pthread_mutex_unlock(&b->lock);
        fn(ctx);
        pthread_mutex_lock(&b->lock);
        b->fn = NULL;
        pthread_cond_signal(&b->done);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

static void release(ppi_background *b) {
    pthread_cond_destroy(&b->go);
    pthread_cond_destroy(&b->done);
    pthread_mutex_destroy(&b->lock);
    ppi_free(b);
}

pp_status ppi_background_create(ppi_background **out) {
    *out = NULL;
    ppi_background *b = ppi_calloc(1, sizeof *b);
    if (b == NULL) return ppi_oom("a thread");
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->go, NULL);
    pthread_cond_init(&b->done, NULL);
    if (pthread_create(&b->thread, NULL, background_main, b) != 0) {
        release(b);
        return ppi_fail(PP_ERR_NO_MEMORY, "cannot start a thread; try --threads 1");
    }
    *out = b;
    return PP_OK;
}

void ppi_background_start(ppi_background *b, void (*fn)(void *ctx), void *ctx) {
    if (b == NULL) {
        fn(ctx);
        return;
    }
    pthread_mutex_lock(&b->lock);
    b->fn = fn;
    b->ctx = ctx;
    pthread_cond_signal(&b->go);
    pthread_mutex_unlock(&b->lock);
}

void ppi_background_wait(ppi_background *b) {
    if (b == NULL) return;
    pthread_mutex_lock(&b->lock);
    while (b->fn != NULL) pthread_cond_wait(&b->done, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

void ppi_background_destroy(ppi_background *b) {
    if (b == NULL) return;
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_cond_signal(&b->go);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    release(b);
}
