/* Inside of a sweep, shared by the files that run it, keep its processes, and sum it up. */
#ifndef PPI_RUN_SWEEP_INTERNAL_H
#define PPI_RUN_SWEEP_INTERNAL_H

#include <stdbool.h>

#include "base/file.h"
#include "run/sweep.h"
#include "run/sweep_recipe.h"

struct ppi_sweep {
    ppi_sweep_options options;
    ppi_sweep_recipe recipe;
    char out[PPI_PATH_SIZE];
    int64_t seeds[PPI_SWEEP_SEEDS];
    int seed_count;
    bool chosen[PPI_SWEEP_CELLS]; /* by --only */
};

/* One cell with one seed. */
typedef struct ppi_sweep_run_id {
    int cell;
    int seed; /* index into seeds */
} ppi_sweep_run_id;

/* What one evaluation of a run found. Intervals are over what that evaluation played, NAN where it
 * gives none. Release with ppi_sweep_result_free. */
typedef struct ppi_sweep_result {
    int64_t updates;
    double loss;      /* of the last logged update, NAN = none logged */
    double value;     /* the figure that cells are compared by */
    double low, high; /* interval of it */
    /* Of an agent that learns in context, else NAN: its first point, and the points to half and to
     * 90 % of its final value, NAN for never. */
    double first, half, ninety;
    char statistic[64]; /* what the value is: "mean return" */
    double seconds;     /* that training and evaluation took in the process that ended them */
    char record[PPI_PATH_SIZE];
    char point[16]; /* what the points of the curve are: "episode" */
    int64_t points; /* of the curve, 0 = there is none */
    double *curve;  /* [3, points]: mean return, lower and upper end of its interval */
} ppi_sweep_result;
void ppi_sweep_result_free(ppi_sweep_result *result);

/* ---- sweep_result.c: what a run left ----------------------------------------------------------
 */

/* <out>/<cell>/seed-N, with `ending` behind it. */
pp_status ppi_sweep_path(char *out, const ppi_sweep *sweep, ppi_sweep_run_id id,
                         const char *ending);
/* "<cell> seed N" into out[size]. */
void ppi_sweep_run_name(char *out, size_t size, const ppi_sweep *sweep, ppi_sweep_run_id id);
/* Stores the result of evaluation e. */
pp_status ppi_sweep_result_write(const ppi_sweep *sweep, ppi_sweep_run_id id, int e,
                                 const ppi_sweep_result *result);
/* Reads it. PP_ERR_NOT_FOUND when it is not there, or was made with other options of evaluation. */
pp_status ppi_sweep_result_read(ppi_sweep_result *out, const ppi_sweep *sweep, ppi_sweep_run_id id,
                                int e);
bool ppi_sweep_result_there(const ppi_sweep *sweep, ppi_sweep_run_id id, int e);
/* Puts in what the record says of an agent that learns in context: its final value, normalised on
 * bandits, instead of the score, and its curve. Records of other agents leave the result as it is.
 */
pp_status ppi_sweep_result_context(ppi_sweep_result *result);
/* The last value of losses/total in a run's progress.csv; NAN without. */
double ppi_sweep_last_loss(const char *run_dir);

/* ---- sweep_run.c: one run -------------------------------------------------------------------- */

/* True when every evaluation of the run has its result. */
bool ppi_sweep_run_done(const ppi_sweep *sweep, ppi_sweep_run_id id);
/* Updates of the newest checkpoint, 0 without one, and how many there shall be. */
pp_status ppi_sweep_run_progress(const ppi_sweep *sweep, ppi_sweep_run_id id, int64_t *done,
                                 int64_t *total);
/* Trains what is left to train, then evaluates what has no result. In a process of its own. */
pp_status ppi_sweep_run_one(const ppi_sweep *sweep, ppi_sweep_run_id id);
/* Collects for a section [collect]. In a process of its own. */
pp_status ppi_sweep_collect_one(const ppi_sweep *sweep, const ppi_recipe_section *section);

/* ---- sweep_jobs.c: processes ----------------------------------------------------------------- */

/* What the processes do and who hears of it; all called with ctx. */
typedef struct ppi_sweep_work {
    void *ctx;
    int count; /* pieces of work */
    int jobs;  /* side by side */
    /* In the process of piece i, whose messages and errors go to log_path(i). */
    pp_status (*run)(void *ctx, int i);
    pp_status (*log_path)(void *ctx, int i, char *out); /* out[PPI_PATH_SIZE] */
    /* In the caller: the piece ended; `error` is its last-error text. */
    void (*ended)(void *ctx, int i, pp_status status, const char *error, double seconds);
    /* In the caller: something to show while piece i runs. */
    void (*progress)(void *ctx, int i, const char *text);
} ppi_sweep_work;

/* Runs all pieces, each in a process forked from this one. A failing piece stops nothing; a signal
 * (base/signal.h) is passed on, starts no more, and gives PP_ERR_INTERRUPTED once all have ended.
 * When the caller is killed, so are the processes. */
pp_status ppi_sweep_work_run(const ppi_sweep_work *work);

/* ---- sweep_report.c -------------------------------------------------------------------------- */

/* Sums up every result there is of the chosen seeds: the table to `report` (may be NULL) and to
 * the files that ppi_sweep_run tells of. Nothing without a result. */
pp_status ppi_sweep_report(const ppi_sweep *sweep, ppi_buf *report);

#endif
