/* Gymnasium environments behind the environment ABI: ids "gym/<Gymnasium id>". */
#ifndef PPI_ENV_GYM_H
#define PPI_ENV_GYM_H

#include <polyplay/env.h>
#include <polyplay/status.h>

/* What every Gymnasium id begins with. */
#define PPI_GYM_PREFIX "gym/"

/* Functions of a Gymnasium environment. create takes the id from config->id ("gym/CartPole-v1") and
 * starts a Python process; a process that dies fails the running call with PP_ERR_IO, and the next
 * reset starts another. An episode is a function of its seed as far as the environment is. */
extern const pp_env_vtable ppi_gym_vtable;

#endif
