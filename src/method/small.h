/* Rows of the registry: methods without a network and the actor-critic of small environments. */
#ifndef PPI_METHOD_SMALL_H
#define PPI_METHOD_SMALL_H

#include "method/method.h"

extern const ppi_method ppi_method_ucb;
extern const ppi_method ppi_method_qtable;
extern const ppi_method ppi_method_noise;
extern const ppi_method ppi_method_a2c;

#endif
