/* Lists of datasets with sets of games in them. */
#ifndef PPI_RUN_DATA_LIST_H
#define PPI_RUN_DATA_LIST_H

#include <polyplay/status.h>

#include "base/buf.h"

/* Appends the comma list with every part of a path that is a set, "@arcade5", replaced by each of
 * the set's environment ids in turn: data/@arcade5/dqn-v0 becomes data/arcade/breakout/dqn-v0, ...
 * PP_ERR_NOT_FOUND for a set that is unknown. */
pp_status ppi_data_list_expand(ppi_buf *out, const char *list);

#endif
