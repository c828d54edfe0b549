/* Whether a dataset fits the environment it names. */
#ifndef PPI_RUN_DATA_CHECK_H
#define PPI_RUN_DATA_CHECK_H

#include <polyplay/status.h>

#include "data/dataset.h"

/* PP_ERR_CORRUPT when the dataset names an environment of this program that does not exist, or
 * whose observations or actions are others. Environments that are not part of the program, and
 * games whose ROM or emulator is not here, are not compared. */
pp_status ppi_data_check_env(const ppi_dataset *dataset);

#endif
