/* `polyplay info --plan`: the compiled plans of a run's network, as text. */
#ifndef PPI_RUN_PLAN_VIEW_H
#define PPI_RUN_PLAN_VIEW_H

#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"

/* Appends the plans of the agent behind a run or checkpoint folder: training with `batch` windows,
 * and acting for `batch` environments, each with its steps, kernels, offsets and memory map. */
pp_status ppi_plan_view(const char *run, int64_t batch, ppi_buf *out);

#endif
