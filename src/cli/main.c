/* Entry point. libgomp reads its waiting policy while it is loaded, before main, so the program
 * starts itself once more with the policy set: spinning OpenMP threads on few cores cost up to a
 * scheduler slice per kernel. A user's own setting is kept. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

#define RESTART_MARK "POLYPLAY_RESTARTED"

static void restart_with_passive_threads(char **argv) {
    if (getenv(RESTART_MARK)) return;
    if (getenv("OMP_WAIT_POLICY") && getenv("GOMP_SPINCOUNT")) return;
    if (setenv("OMP_WAIT_POLICY", "passive", 0) || setenv("GOMP_SPINCOUNT", "0", 0) ||
        setenv(RESTART_MARK, "1", 1))
        return;
    execv("/proc/self/exe", argv);
    /* Without /proc the program goes on, only slower. */
}

int main(int argc, char **argv) {
    restart_with_passive_threads(argv);
    return ppi_cli_main(argc, argv);
}
