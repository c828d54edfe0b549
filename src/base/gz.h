/* gzip and zlib streams. */
#ifndef PPI_BASE_GZ_H
#define PPI_BASE_GZ_H

#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"

typedef struct ppi_gz ppi_gz;

/* Opens a gzip file (plain files are read as they are) for reading from its start. */
pp_status ppi_gz_open(ppi_gz **out, const char *path);

/* Reads up to `size` bytes; *got is smaller only at the end. A cut or damaged file is
 * PP_ERR_CORRUPT. */
pp_status ppi_gz_read(ppi_gz *gz, void *data, size_t size, size_t *got);

/* Exactly `size` bytes; PP_ERR_CORRUPT naming the file when it ends before. */
pp_status ppi_gz_read_exact(ppi_gz *gz, void *data, size_t size);
void ppi_gz_close(ppi_gz *gz); /* NULL is allowed */

/* Whole file into fresh memory, a zero byte behind it; refuses more than max_bytes (0: no limit).
 * Free with ppi_free. */
pp_status ppi_gz_read_all(const char *path, size_t max_bytes, char **data, size_t *size);

/* Writes one gzip member atomically; level 1..9. Same input, same bytes (no time stamp). */
pp_status ppi_gz_write_all(const char *path, const void *data, size_t size, int level);

/* Memory to memory. Inflate takes gzip or zlib framing and fills dst[cap] with *written bytes;
 * PP_ERR_CORRUPT when the stream is broken, cut or larger than cap. Deflate appends a zlib stream
 * to `out`. */
pp_status ppi_inflate(void *dst, size_t cap, size_t *written, const void *src, size_t size);
pp_status ppi_deflate(ppi_buf *out, const void *src, size_t size, int level);

/* zlib's version text. */
const char *ppi_gz_version(void);

#endif
