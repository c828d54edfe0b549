/* Memory that is released all at once: graph nodes, option names, parsed tables. */
#ifndef PPI_BASE_ARENA_H
#define PPI_BASE_ARENA_H

#include <stddef.h>

typedef struct ppi_arena_block ppi_arena_block;

/* A zeroed struct is an empty arena. Not safe for use by two threads at once. */
typedef struct ppi_arena {
    ppi_arena_block *head; /* block being filled; full ones are linked behind it */
    size_t total_bytes;    /* sum of all sizes asked for */
} ppi_arena;

/* Zeroed bytes on a 16-byte boundary, valid until ppi_arena_free; NULL when out of memory. */
void *ppi_arena_alloc(ppi_arena *arena, size_t size);

/* Copy of a string (of its first `length` bytes), NULL when out of memory. */
char *ppi_arena_strdup(ppi_arena *arena, const char *text);
char *ppi_arena_strndup(ppi_arena *arena, const char *text, size_t length);

/* Releases everything; the arena is then empty and usable again. */
void ppi_arena_free(ppi_arena *arena);

#endif
