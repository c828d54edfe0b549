/* A byte buffer that grows: texts, JSON, encoded images.
 *
 * Appending keeps a terminating zero behind `len`, so `data` is a C string once anything was
 * appended. The first failure sticks in `failed`; later appends return it at once, so a writer may
 * check only at the end. */
#ifndef PPI_BASE_BUF_H
#define PPI_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include <polyplay/status.h>

#include "base/compat.h"

/* A zeroed struct is an empty buffer. */
typedef struct ppi_buf {
    char *data;       /* owned; NULL while empty */
    size_t len;       /* bytes used, terminator not counted */
    size_t cap;       /* bytes allocated */
    pp_status failed; /* first failure, PP_OK otherwise */
} ppi_buf;

/* Makes room for `extra` more bytes. */
pp_status ppi_buf_reserve(ppi_buf *buf, size_t extra);

pp_status ppi_buf_append(ppi_buf *buf, const void *data, size_t size);
pp_status ppi_buf_append_text(ppi_buf *buf, const char *text);
pp_status ppi_buf_append_char(ppi_buf *buf, char c);
pp_status ppi_buf_printf(ppi_buf *buf, const char *fmt, ...) PPI_PRINTF(2, 3);
/* The shortest decimal text that reads back as exactly this double; "inf", "-inf" and "nan" for the
 * others. */
pp_status ppi_buf_append_f64(ppi_buf *buf, double value);
pp_status ppi_buf_vprintf(ppi_buf *buf, const char *fmt, va_list args) PPI_PRINTF(2, 0);

/* The text so far; "" for an empty buffer. Borrowed. */
const char *ppi_buf_text(const ppi_buf *buf);

/* Forgets the content and a failure, keeps the memory. */
void ppi_buf_clear(ppi_buf *buf);

/* Releases the memory; the buffer is then empty and usable again. */
void ppi_buf_free(ppi_buf *buf);

#endif
