/* TensorBoard event files: scalars a viewer can follow while a run goes on. One writer makes one
   file; a resumed run opens another in the same folder. */
#ifndef PPI_REPORT_TENSORBOARD_H
#define PPI_REPORT_TENSORBOARD_H

#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"

typedef struct ppi_tb ppi_tb;

/* Creates "events.out.tfevents.<seconds>.<host>.<pid>.<number>" in a folder, with its first record. */
pp_status ppi_tb_create(ppi_tb **out, const char *folder);
/* Appends a scalar; kept in memory until the next flush. wall: seconds since 1970. */
pp_status ppi_tb_scalar(ppi_tb *tb, const char *tag, int64_t step, double wall, double value);
pp_status ppi_tb_flush(ppi_tb *tb);
/* Flushes and closes; frees also on failure. NULL is allowed. */
pp_status ppi_tb_close(ppi_tb *tb);

/* The framed records themselves, appended to a buffer. */
pp_status ppi_tb_encode_version(ppi_buf *out, double wall);
pp_status ppi_tb_encode_scalar(ppi_buf *out, const char *tag, int64_t step, double wall, float value);

#endif
