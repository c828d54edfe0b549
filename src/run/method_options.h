/* The option struct of a method, for whoever owns a set of options. */
#ifndef PPI_RUN_METHOD_OPTIONS_H
#define PPI_RUN_METHOD_OPTIONS_H

#include "method/method.h"

/* Makes the method's struct and binds its tables to the set; released with ppi_free, after the set.
 */
pp_status ppi_method_options_new(void **out, const ppi_method *method, ppi_options *set);

#endif
