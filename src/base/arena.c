/* Arena: a list of blocks, each twice as large as the one before up to 1 MiB, or as large as a
 * single request needs. */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

enum { ALIGNMENT = 16, FIRST_BLOCK = 4096, LARGEST_GROWTH = 1 << 20 };

struct ppi_arena_block {
    ppi_arena_block *next;
    size_t used;
    size_t cap;
    size_t pad; /* keeps the bytes behind the struct on a 16-byte boundary */
};

static_assert(sizeof(ppi_arena_block) % ALIGNMENT == 0, "block data must be aligned");

/* Puts a new block with room for `size` bytes in front. */
static ppi_arena_block *add_block(ppi_arena *arena, size_t size) {
    size_t cap = FIRST_BLOCK;
    if (arena->head != NULL) cap = arena->head->cap * 2;
    if (cap > LARGEST_GROWTH) cap = LARGEST_GROWTH;
    if (cap < size) cap = size;
    if (cap > SIZE_MAX - sizeof(ppi_arena_block)) return NULL;
    ppi_arena_block *block = ppi_calloc(1, sizeof *block + cap);
    if (block == NULL) return NULL;
    block->next = arena->head;
    block->cap = cap;
    arena->head = block;
    return block;
}

void *ppi_arena_alloc(ppi_arena *arena, size_t size) {
    if (size > SIZE_MAX - ALIGNMENT) return NULL;
    const size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const size_t needed = rounded > 0 ? rounded : ALIGNMENT;
    ppi_arena_block *block = arena->head;
    if (block == NULL || block->cap - block->used < needed) block = add_block(arena, needed);
    if (block == NULL) return NULL;
    void *memory = (unsigned char *)(block + 1) + block->used;
    block->used += needed;
    arena->total_bytes += size;
    return memory;
}

char *ppi_arena_strndup(ppi_arena *arena, const char *text, size_t length) {
    if (length == SIZE_MAX) return NULL;
    char *copy = ppi_arena_alloc(arena, length + 1);
    if (copy != NULL) memcpy(copy, text, length);
    return copy;
}

char *ppi_arena_strdup(ppi_arena *arena, const char *text) {
    return ppi_arena_strndup(arena, text, strlen(text));
}

void ppi_arena_free(ppi_arena *arena) {
    for (ppi_arena_block *block = arena->head; block != NULL;) {
        ppi_arena_block *next = block->next;
        ppi_free(block);
        block = next;
    }
    *arena = (ppi_arena){0};
}
