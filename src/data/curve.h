/* Learning curves of a dataset: how the return of episodes grows with the steps played. */
#ifndef PPI_DATA_CURVE_H
#define PPI_DATA_CURVE_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/status.h>

#include "data/dataset.h"

/* The mean over the histories at `count` places, with one standard deviation of the histories on
 * either side. Where no history has an episode yet the values are NaN. */
typedef struct ppi_curve {
    int64_t count;
    double *x;    /* [count] environment steps, summed over the streams of the learner */
    double *mean; /* [count] */
    double *low;  /* [count], NULL for a single history */
    double *high;
    int64_t histories;
    bool per_step; /* histories of one episode: the reward of a step instead of returns */
} ppi_curve;

/* Computes the curve at `points` places: the returns of the episodes that end in a stretch of the
 * steps are averaged, then over `smooth` neighbouring stretches on either side. A dataset without
 * histories counts as one history, in the order of the file. Release with ppi_curve_free. */
pp_status ppi_curve_create(ppi_curve *out, const ppi_dataset *dataset, int64_t points,
                           int64_t smooth);
void ppi_curve_free(ppi_curve *curve);

#endif
