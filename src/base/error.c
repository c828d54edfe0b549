/* Statuses and the thread's last-error text.
 *
 * The text lives in thread-local storage, so failures of worker threads never mix. Formatting goes
 * through a second buffer because arguments may point into the present text. */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PPI_STATUS_NAME(id, name, meaning) name,
static const char *const status_names[] = {PP_STATUS_LIST(PPI_STATUS_NAME)};
static_assert(sizeof status_names / sizeof status_names[0] == PP_STATUS_COUNT,
              "one name for each status");

static _Thread_local char last_error[PPI_ERROR_TEXT_SIZE];

static const struct {
    int err;
    pp_status status;
} errno_map[] = {
    {ENOENT, PP_ERR_NOT_FOUND},      {ENOTDIR, PP_ERR_NOT_FOUND}, {EEXIST, PP_ERR_EXISTS},
    {ENOSPC, PP_ERR_NO_SPACE},       {EDQUOT, PP_ERR_NO_SPACE},   {EFBIG, PP_ERR_NO_SPACE},
    {ENOMEM, PP_ERR_NO_MEMORY},      {EINTR, PP_ERR_INTERRUPTED}, {EINVAL, PP_ERR_ARGUMENT},
    {ENAMETOOLONG, PP_ERR_ARGUMENT},
};

const char *pp_status_name(pp_status status) {
    const int64_t index = (int64_t)status;
    return index >= 0 && index < PP_STATUS_COUNT ? status_names[index] : "unknown";
}

const char *pp_last_error(void) {
    return last_error;
}

void ppi_error_clear(void) {
    last_error[0] = '\0';
}

pp_status ppi_status_from_errno(int err) {
    for (size_t i = 0; i < sizeof errno_map / sizeof errno_map[0]; i++) {
        if (errno_map[i].err == err) return errno_map[i].status;
    }
    return PP_ERR_IO;
}

pp_status ppi_fail_v(pp_status status, const char *fmt, va_list args) {
    char text[PPI_ERROR_TEXT_SIZE];
    const int length = vsnprintf(text, sizeof text, fmt, args);
    if (length < 0) text[0] = '\0';
    memcpy(last_error, text, sizeof text);
    return status;
}

pp_status ppi_fail(pp_status status, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    ppi_fail_v(status, fmt, args);
    va_end(args);
    return status;
}

/* Appends ": " and text to the last error as far as there is room. */
static void append_text(const char *text) {
    const size_t used = strlen(last_error);
    snprintf(last_error + used, sizeof last_error - used, ": %s", text);
}

pp_status ppi_fail_errno(const char *fmt, ...) {
    const int err = errno;
    char system_text[256];
    va_list args;
    va_start(args, fmt);
    ppi_fail_v(PP_ERR_IO, fmt, args);
    va_end(args);
#ifdef _GNU_SOURCE
    append_text(strerror_r(err, system_text, sizeof system_text));
#else
    append_text(strerror_r(err, system_text, sizeof system_text) == 0 ? system_text : "?");
#endif
    return ppi_status_from_errno(err);
}

pp_status ppi_fail_context(pp_status status, const char *fmt, ...) {
    if (status == PP_OK) return PP_OK;
    char cause[PPI_ERROR_TEXT_SIZE];
    memcpy(cause, last_error, sizeof cause);
    va_list args;
    va_start(args, fmt);
    ppi_fail_v(status, fmt, args);
    va_end(args);
    append_text(cause[0] != '\0' ? cause : pp_status_name(status));
    return status;
}

pp_status ppi_oom(const char *what) {
    return ppi_fail(PP_ERR_NO_MEMORY, "out of memory for %s", what);
}
