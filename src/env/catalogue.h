/* The environments as a list for people and programs: observation, actions, rewards, limits, tasks,
 * views, modes and reference scores of each. */
#ifndef PPI_ENV_CATALOGUE_H
#define PPI_ENV_CATALOGUE_H

#include <stdbool.h>

#include <polyplay/status.h>

#include "base/buf.h"
#include "env/protocol.h"

/* Appends the environments that `names` lists (ids, sets, patterns; see ppi_env_expand), one line
 * each under a heading, with the names of the actions and the modes of Atari games, which are
 * opened for it. Without names every environment is listed and Atari games are not opened. json:
 * one array of objects instead. */
pp_status ppi_env_catalogue(ppi_buf *out, const char *names, const ppi_env_options *options,
                            bool json);

#endif
