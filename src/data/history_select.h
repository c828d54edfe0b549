/* Which rows of a learning history are used; see history_windows.h for the order of the options. */
#ifndef PPI_DATA_HISTORY_SELECT_H
#define PPI_DATA_HISTORY_SELECT_H

#include "data/sampler.h"

/* Rows of a history that lie side by side in its dataset. */
typedef struct ppi_history_segment {
    int64_t begin; /* its first row among those used of the history */
    int64_t row;   /* the same row of the dataset's columns */
    int64_t frame; /* and of the group's observations */
    int64_t steps;
} ppi_history_segment;

/* A growing list of segments. */
typedef struct ppi_history_segments {
    ppi_history_segment *item;
    int64_t count, capacity;
} ppi_history_segments;

/* Sums over the episodes that were taken. */
typedef struct ppi_history_taken {
    int64_t episodes;
    int64_t steps;
    double return_sum, best_return; /* best_return counts from -infinity */
} ppi_history_taken;

/* Mean return of the last tenth of a history's whole episodes, NaN when it has none: what the
 * learner came to. */
double ppi_history_final(const ppi_dataset *dataset, const ppi_group *group);

/* Appends the rows that the options take of a history; *taken is set. */
pp_status ppi_history_select(ppi_history_segments *out, ppi_history_taken *taken,
                             const ppi_dataset *dataset, const ppi_group *group,
                             const ppi_sampler_options *options);

#endif
