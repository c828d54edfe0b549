/* The in-context learning curve of runs, and the figures that sum it up. */
#ifndef PPI_RUN_CONTEXT_CURVE_H
#define PPI_RUN_CONTEXT_CURVE_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "run/context_play.h"

#define PPI_CONTEXT_REPETITIONS 1000
#define PPI_CONTEXT_CONFIDENCE  0.95

/* Points are episodes, or, for runs that are one episode, its steps with their reward. Arrays are
   [count]; intervals, low and high, are a percentile bootstrap over the runs, NAN for one run. */
typedef struct ppi_context_curve {
    bool per_step;
    int64_t count;
    double *steps; /* environment steps of one run up to the end of the point, mean over the runs */
    double *mean;
    double *std;
    double *low, *high;
    double *smooth; /* mean over `smoothing` neighbouring points, fewer at the ends */
    int64_t smoothing;

    double first; /* mean of the first point */
    double final; /* mean of the last final_over points */
    double final_low, final_high;
    int64_t final_over;
    double score; /* what runs are compared by: mean of the last fifth of the points, or the
                     whole return where points are steps */
    double score_low, score_high;
    int64_t score_over; /* points of it */
    int64_t half;       /* first point, from 1, whose smoothed mean is half of final; 0 = none, also
                           where final is not above 0 */
    int64_t ninety;     /* the same for 90 % */
} ppi_context_curve;

/* Release with ppi_context_curve_free, also after a failure. */
pp_status ppi_context_curve_create(ppi_context_curve *out, const ppi_context_lives *lives,
                                   uint64_t bootstrap_seed);
void ppi_context_curve_free(ppi_context_curve *curve);

/* Centred means over `over` (odd) neighbours of in[n], fewer at the ends. */
void ppi_context_smooth(double *out, const double *in, int64_t n, int64_t over);

/* First point, from 1, whose smoothed mean is at least `value`; 0 = none. */
int64_t ppi_context_curve_reach(const ppi_context_curve *curve, double value);

/* Mean over the last `over` points of one run. */
double ppi_context_run_final(const ppi_context_lives *lives, int64_t run, int64_t over);

#endif
