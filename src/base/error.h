/* Raising failures: set the thread's last-error text and return the status in one expression.
 *
 *     if (rows < 0) return ppi_fail(PP_ERR_ARGUMENT, "rows is %d, expected 0 or more", rows);
 */
#ifndef PPI_BASE_ERROR_H
#define PPI_BASE_ERROR_H

#include <stdarg.h>

#include <polyplay/status.h>

#include "base/compat.h"

/* Bytes kept of the last-error text, terminator included; longer texts are cut. */
enum { PPI_ERROR_TEXT_SIZE = 2048 };

/* Replaces the last-error text and returns `status`. Arguments may point into the present text. */
pp_status ppi_fail(pp_status status, const char *fmt, ...) PPI_PRINTF(2, 3);
pp_status ppi_fail_v(pp_status status, const char *fmt, va_list args) PPI_PRINTF(2, 0);

/* As ppi_fail with the status that fits errno (ENOSPC: PP_ERR_NO_SPACE, ENOENT: PP_ERR_NOT_FOUND,
 * ...; otherwise PP_ERR_IO); appends ": " and the system's text. Read errno before any call that
 * may change it. */
pp_status ppi_fail_errno(const char *fmt, ...) PPI_PRINTF(1, 2);

/* Puts the formatted text and ": " before the present last error; returns `status`. PP_OK passes
 * through untouched. */
pp_status ppi_fail_context(pp_status status, const char *fmt, ...) PPI_PRINTF(2, 3);

/* PP_ERR_NO_MEMORY with a text naming what the memory was for. */
pp_status ppi_oom(const char *what);

/* Empties the calling thread's text. */
void ppi_error_clear(void);

/* The status that stands for an errno value. */
pp_status ppi_status_from_errno(int err);

/* Evaluates a pp_status expression and returns it from the enclosing function unless it is PP_OK.
 */
#define PPI_TRY(expr)                                                                              \
    do {                                                                                           \
        pp_status ppi_try_status_ = (expr);                                                        \
        if (ppi_try_status_ != PP_OK) return ppi_try_status_;                                      \
    } while (0)

#endif
