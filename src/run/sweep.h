/* `polyplay sweep RECIPE`: a grid of training runs over seeds, each trained and evaluated, in one
 * table and one figure.
 *
 * A recipe (docs/sweep.md) names the data to collect, a method with its options, what the cells of
 * the grid change, the seeds, and the evaluations. Every run is a process of its own below
 * <out>/<cell>/, with the run folder seed-N, the log seed-N.log and, once it is evaluated, the
 * result seed-N.json. A run with its result is done; any other one goes on from its newest
 * checkpoint, so a sweep that was stopped or killed is continued by the same command. */
#ifndef PPI_RUN_SWEEP_H
#define PPI_RUN_SWEEP_H

#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "base/options.h"

typedef struct ppi_sweep_options {
    char out[1024];   /* folder of all runs; empty = the recipe's */
    int64_t jobs;     /* runs side by side */
    int64_t threads;  /* of each run; 0 = the processors shared out */
    char only[1024];  /* comma list of cells; empty = all */
    char seeds[1024]; /* comma list instead of the recipe's */
} ppi_sweep_options;
extern const ppi_option_table ppi_sweep_option_table;

typedef struct ppi_sweep ppi_sweep;

/* Reads a recipe and checks every key, cell and option in it; touches nothing else. Options are
 * copied. PP_ERR_ARGUMENT names file, line and the nearest known name. */
pp_status ppi_sweep_open(ppi_sweep **out, const char *recipe, const ppi_sweep_options *options);
void ppi_sweep_close(ppi_sweep *sweep); /* NULL is allowed */

/* Appends what would be run and what is already done. */
pp_status ppi_sweep_plan(ppi_sweep *sweep, ppi_buf *report);

/* Collects what is missing, runs what is not done, and writes NAME.csv, NAME.curves.csv where there
 * are curves, and NAME.svg into the folder, NAME being the recipe's; the table goes to report as
 * well. The caller must not have threads at work. A run that fails is told and the others go on;
 * then PP_ERR_IO (after the table) with the number of failures. PP_ERR_INTERRUPTED: stopped by a
 * signal, the same call goes on. PP_ERR_EXISTS: another sweep is at work in the folder, or its runs
 * were made with other options. */
pp_status ppi_sweep_run(ppi_sweep *sweep, ppi_buf *report);

#endif
