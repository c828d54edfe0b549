/* Which build this is: compiled with definitions that the build system gives to this file alone, so
 * that a new commit recompiles nothing else. */
#include "base/version.h"

#ifndef PPI_VERSION
#define PPI_VERSION "0.0.0"
#endif
#ifndef PPI_COMMIT
#define PPI_COMMIT "unknown"
#endif
#ifndef PPI_BUILD
#define PPI_BUILD "by hand"
#endif

const char *ppi_version(void) {
    return PPI_VERSION;
}

const char *ppi_version_commit(void) {
    return PPI_COMMIT;
}

const char *ppi_version_build(void) {
    return PPI_BUILD;
}
