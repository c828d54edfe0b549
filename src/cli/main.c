/* Entry point. libgomp reads its waiting policy while it is loaded, before main, so the program
 * starts itself once more with the policy set. Waiting threads spin for a few microseconds only: not
 * at all costs a wake-up per kernel, much longer costs up to a scheduler slice per kernel as soon
 * as another process wants the processor. A user's own setting is kept; with threads bound to
 * processors nothing is restarted, since the program would inherit the one its first thread was
 * bound to. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

#define RESTART_MARK "POLYPLAY_RESTARTED"

static void restart_with_short_spins(char **argv) {
    if (getenv(RESTART_MARK)) return;
    if (getenv("OMP_WAIT_POLICY") && getenv("GOMP_SPINCOUNT")) return;
    if (getenv("OMP_PROC_BIND") || getenv("OMP_PLACES") || getenv("GOMP_CPU_AFFINITY")) return;
    if (setenv("OMP_WAIT_POLICY", "passive", 0) || setenv("GOMP_SPINCOUNT", "1000", 0) ||
        setenv(RESTART_MARK, "1", 1))
        return;
    execv("/proc/self/exe", argv);
    /* Without /proc the program goes on, only slower. */
}

int main(int argc, char **argv) {
    restart_with_short_spins(argv);
    return ppi_cli_main(argc, argv);
}
