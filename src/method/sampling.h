/* Drawing tokens from logits the way the published inference procedure does. Pure functions over
   short rows; every draw comes from the generator given. */
#ifndef PPI_METHOD_SAMPLING_H
#define PPI_METHOD_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

#define PPI_SAMPLING_MAX 256 /* longest row of logits */

typedef struct ppi_sampling {
    double temperature; /* multiplies the logits: above 1 sharpens, below 1 flattens */
    double percentile;  /* keep logits strictly above this percentile (0..100); 0 = keep all */
    int64_t top_k;      /* keep the k largest and what ties with the k-th; 0 = all */
    bool greedy;        /* the largest logit, lowest index on ties */
} ppi_sampling;

/* Percentile with linear interpolation between order statistics (position q/100 (n-1)); n <=
 * PPI_SAMPLING_MAX. */
double ppi_percentile_linear(const float *x, int64_t n, double q);
/* Writes the probabilities of the kept classes, 0 elsewhere. A filter that nothing passes keeps
   all. Returns false when a logit is NaN or +inf, or when all are -inf; single logits of -inf get
   probability 0. n <= PPI_SAMPLING_MAX. */
bool ppi_sampling_probabilities(double *p, const float *logits, int64_t n, const ppi_sampling *s);
/* One draw by inverse transform: one uniform number, two outputs of the generator. */
int64_t ppi_sampling_draw(const double *p, int64_t n, ppi_rng *rng);

#endif
