/* The run folder: resolved options, version facts, a text log, and the figures of a run as CSV,
   JSON lines and TensorBoard events, all written from one call per logged step. */
#ifndef PPI_RUN_RUNLOG_H
#define PPI_RUN_RUNLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "base/compat.h"
#include "base/options.h"

/* One figure of a step. */
typedef struct ppi_figure {
    const char *tag;
    double value;
} ppi_figure;

typedef struct ppi_runlog ppi_runlog;

/* How every tag of an evaluation begins: of a run on recorded data, and of one that plays, whose own
   episodes have the first. */
#define PPI_EVAL_TAG "charts/episodic_"
#define PPI_EVAL_TAG_ONLINE "eval/episodic_"

/* Opens the logs of a run folder (made if missing). What an earlier, broken-off run logged after
   `step` is dropped from the CSV and JSON lines, so that a resumed run leaves the same rows as an
   unbroken one; 0 starts them afresh. So are the figures at `step` whose tags begin with `again`,
   those of an evaluation that is repeated; NULL = none. */
pp_status ppi_runlog_open(ppi_runlog **out, const char *dir, int64_t step, const char *again);
/* Writes out what is pending and closes; frees also on failure. NULL is allowed. */
pp_status ppi_runlog_close(ppi_runlog *log);

/* config.resolved.ini: every option with its value and source. */
pp_status ppi_runlog_config(const char *dir, const ppi_options *options);
/* version.json; command may be NULL. */
pp_status ppi_runlog_version(const char *dir, const char *command);
/* One line into stdout.log, with the time in front. */
pp_status ppi_runlog_line(ppi_runlog *log, const char *fmt, ...) PPI_PRINTF(2, 3);
/* Figures of one step. `frames` = emulator frames consumed, wall = seconds of this run. The first
   call fixes the columns of progress.csv. Everything is handed to the system at once. */
pp_status ppi_runlog_step(ppi_runlog *log, int64_t step, int64_t frames, double wall,
                          const ppi_figure *figures, int n);
/* Figures of an evaluation at this step, tags as PPI_EVAL_TAG or PPI_EVAL_TAG_ONLINE says. They go to the JSON lines and
   the events; progress.csv has one row per logged training step only. Values that are not finite
   are left out. */
pp_status ppi_runlog_eval(ppi_runlog *log, int64_t step, int64_t frames, double wall,
                          const ppi_figure *figures, int n);

/* The name of a run folder nobody named: runs/<env>__<method>__<seed>__<unix time>, env being an
 * environment id or "mix". */
void ppi_run_dir_default(char *out, size_t size, const char *env, const char *method,
                         int64_t seed);

/* True when the folder exists and holds anything. */
bool ppi_run_dir_used(const char *dir);

#endif
