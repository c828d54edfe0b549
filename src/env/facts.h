/* What is known of an environment beside its specification: the views and modes it has, and the
 * scores that normalised results and lists are put against. One place for all environments. */
#ifndef PPI_ENV_FACTS_H
#define PPI_ENV_FACTS_H

#include <stdbool.h>

typedef struct ppi_env_facts {
    const char *views;   /* names with blanks between them, the default first */
    int modes;           /* modes 0..modes-1; 0 = the environment itself knows (specification) */
    double random;       /* mean return of random play under the default rules; NAN = unknown */
    double good;         /* the return that stands for 1 in normalised scores; NAN = unknown */
    const char *good_is; /* what that is: "human", "best possible", ... */
} ppi_env_facts;

/* Facts of an id; false for one that is not listed here (a program's own, Gymnasium). */
bool ppi_env_facts_of(ppi_env_facts *out, const char *id);

#endif
