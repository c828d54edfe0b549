/* Aggregate scores over runs (or episodes) and tasks, and their bootstrap intervals. A score matrix
   S is row-major [runs, tasks]: S[r * tasks + m]. */
#ifndef PPI_STATS_AGGREGATE_H
#define PPI_STATS_AGGREGATE_H

#include <stdint.h>

#include <polyplay/status.h>

/* Reference scores of one task; NAN = unknown. */
typedef struct ppi_score_reference {
    const char *table; /* id of the table the values come from */
    double random;
    double good; /* stands for 1: the human score, or what good play reaches */
} ppi_score_reference;

/* (score - random) / (good - random); NAN without reference. PP_ERR_NUMERIC when the reference
   lies at or below random play: the normalised score would change its sign. */
pp_status ppi_score_normalise(double *out, double score, const ppi_score_reference *reference);

double ppi_stats_mean(const double *x, int64_t n);
/* Sample standard deviation (n - 1); 0 for fewer than two values. */
double ppi_stats_std(const double *x, int64_t n);
/* Puts values in ascending order. The next three want them so. */
void ppi_stats_sort(double *x, int64_t n);
/* Mean without the floor(share * n) smallest and as many largest values; NAN when none is left. */
double ppi_stats_trimmed_mean(const double *x, int64_t n, double share);
/* p in 0..100, linear interpolation between neighbours; 50 is the median. NAN without values. */
double ppi_stats_percentile(const double *x, int64_t n, double p);
/* Different values among x. */
int64_t ppi_stats_distinct(const double *x, int64_t n);

typedef enum ppi_aggregate {
    PPI_AGGREGATE_MEAN,           /* over tasks of the task mean */
    PPI_AGGREGATE_MEDIAN,         /* over tasks of the task mean */
    PPI_AGGREGATE_IQM,            /* 25 % trimmed mean of all values pooled */
    PPI_AGGREGATE_OPTIMALITY_GAP, /* 1 - mean(min(S, 1)) */
    PPI_AGGREGATE_COUNT
} ppi_aggregate;

/* "mean", "median", "iqm", "optimality_gap". */
const char *ppi_aggregate_name(ppi_aggregate a);
pp_status ppi_aggregate_value(double *out, ppi_aggregate a, const double *s, int64_t runs,
                              int64_t tasks);

/* Mean over tasks of the probability that a run of X beats a run of Y, ties half. */
double ppi_stats_improvement(const double *x, int64_t runs_x, const double *y, int64_t runs_y,
                             int64_t tasks);

/* Percentile interval of the stratified bootstrap: in each task `runs` values are drawn with
   replacement. confidence 0.95 gives the 2.5 and 97.5 percentiles. Equal seeds give equal
   intervals. */
pp_status ppi_stats_bootstrap(double *low, double *high, ppi_aggregate a, const double *s,
                              int64_t runs, int64_t tasks, int64_t repetitions, double confidence,
                              uint64_t seed);

#endif
