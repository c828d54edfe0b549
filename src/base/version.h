/* Which build this is. The texts come from the build system and are static. */
#ifndef PPI_BASE_VERSION_H
#define PPI_BASE_VERSION_H

const char *ppi_version(void);        /* "0.1.0" */
const char *ppi_version_commit(void); /* abbreviated commit hash, "unknown" outside a checkout */
const char *ppi_version_build(void);  /* "Release", "Debug", with sanitizers behind a '+' */

#endif
