/* The interrupt flag. A signal handler may only set a flag; loops ask for it between steps. */
#include "base/signal.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/error.h"

static atomic_bool interrupted;
static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "a signal handler needs a lock-free flag");

static void on_signal(int number) {
    (void)number;
    atomic_store(&interrupted, true);
}

pp_status ppi_interrupt_install(void) {
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_signal};
    action.sa_flags = (int)(SA_RESETHAND | SA_RESTART);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (sigaction(signals[i], &action, NULL) != 0) {
            return ppi_fail_errno("cannot install the handler of signal %d", signals[i]);
        }
    }
    return PP_OK;
}

bool ppi_interrupted(void) {
    return atomic_load_explicit(&interrupted, memory_order_relaxed);
}

void ppi_interrupt_raise(void) {
    atomic_store(&interrupted, true);
}

void ppi_interrupt_clear(void) {
    atomic_store(&interrupted, false);
}
