/* Texts of "[section]" and "key = value" lines, as recipes are: lines of any length, comments
 * behind
 * ';' or '#'. */
#ifndef PPI_BASE_INI_H
#define PPI_BASE_INI_H

#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

/* Longest section or key; longer ones are cut. */
enum { PPI_INI_NAME = 49 };

/* One assignment: its section ("" before the first), key, value, and line number from 1; or, with
 * key and value NULL, the head of a section. The texts live during the call. */
typedef pp_status (*ppi_ini_fn)(void *ctx, const char *section, const char *key, const char *value,
                                int64_t line);

/* Calls fn for each assignment and head in order until one fails, whose failure gets
 * "<what>:<line>" in front. PP_ERR_ARGUMENT for a line that is none, PP_ERR_CORRUPT for a zero
 * byte. */
pp_status ppi_ini_each(const char *text, size_t size, const char *what, ppi_ini_fn fn, void *ctx);

#endif
