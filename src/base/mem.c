/* Heap calls and the fault hook. Each hook is one atomic countdown, so an idle hook costs one
 * relaxed load. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

/* What a countdown becomes when a lasting hook has reached its operation. */
enum { FAILS_FOR_GOOD = -1 };

static _Atomic int64_t countdowns[PPI_FAULT_KIND_COUNT];
static atomic_bool lasting[PPI_FAULT_KIND_COUNT];
static void (*_Atomic handler)(ppi_fault_kind kind);

static void set(ppi_fault_kind kind, int64_t countdown, bool lasts) {
    if ((int)kind < 0 || kind >= PPI_FAULT_KIND_COUNT) return;
    atomic_store(&countdowns[kind], 0);
    atomic_store(&lasting[kind], lasts);
    atomic_store(&countdowns[kind], countdown > 0 ? countdown : 0);
}

void ppi_fault_set(ppi_fault_kind kind, int64_t countdown) {
    set(kind, countdown, false);
}

void ppi_fault_set_lasting(ppi_fault_kind kind, int64_t countdown) {
    set(kind, countdown, true);
}

int64_t ppi_fault_left(ppi_fault_kind kind) {
    if ((int)kind < 0 || kind >= PPI_FAULT_KIND_COUNT) return 0;
    const int64_t left = atomic_load(&countdowns[kind]);
    return left > 0 ? left : 0;
}

void ppi_fault_handler(void (*call)(ppi_fault_kind kind)) {
    atomic_store(&handler, call);
}

void ppi_fault_clear(void) {
    for (int kind = 0; kind < PPI_FAULT_KIND_COUNT; kind++) atomic_store(&countdowns[kind], 0);
    atomic_store(&handler, NULL);
}

static bool hit(ppi_fault_kind kind) {
    void (*const call)(ppi_fault_kind) = atomic_load(&handler);
    if (call != NULL) call(kind);
    return true;
}

bool ppi_fault_hit(ppi_fault_kind kind) {
    int64_t left = atomic_load_explicit(&countdowns[kind], memory_order_relaxed);
    while (left > 0) {
        const bool lasts = left == 1 && atomic_load(&lasting[kind]);
        const int64_t next = lasts ? FAILS_FOR_GOOD : left - 1;
        if (!atomic_compare_exchange_weak(&countdowns[kind], &left, next)) continue;
        return left == 1 && hit(kind);
    }
    return left == FAILS_FOR_GOOD;
}

void *ppi_malloc(size_t size) {
    if (ppi_fault_hit(PPI_FAULT_ALLOC)) return NULL;
    return malloc(size > 0 ? size : 1);
}

void *ppi_calloc(size_t count, size_t size) {
    if (ppi_fault_hit(PPI_FAULT_ALLOC)) return NULL;
    if (size > 0 && count > SIZE_MAX / size) return NULL;
    return count > 0 && size > 0 ? calloc(count, size) : calloc(1, 1);
}

void *ppi_realloc(void *old, size_t size) {
    if (ppi_fault_hit(PPI_FAULT_ALLOC)) return NULL;
    return realloc(old, size > 0 ? size : 1);
}

void ppi_free(void *memory) {
    free(memory);
}

char *ppi_strdup(const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = ppi_malloc(size);
    if (copy != NULL) memcpy(copy, text, size);
    return copy;
}

void *ppi_aligned_alloc64(size_t size) {
    if (ppi_fault_hit(PPI_FAULT_ALLOC) || size > SIZE_MAX - ALIGNMENT) return NULL;
    const size_t blocks = (size + ALIGNMENT - 1) / ALIGNMENT;
    const size_t rounded = (blocks > 0 ? blocks : 1) * ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, rounded);
    if (memory != NULL) memset(memory, 0, rounded);
    return memory;
}

void ppi_aligned_free(void *memory) {
    free(memory);
}
