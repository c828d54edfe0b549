/* Tells the thread sanitizer what an OpenMP region orders.
 *
 * libgomp is not built with the sanitizer, which therefore sees its threads but not how they wait
 * for each other, and would call every read of a region's result a race. Every region, ours and
 * oneDNN's, is opened by GOMP_parallel; this definition in the program comes before libgomp's and
 * adds exactly the order OpenMP promises: what came before a region happens before each share of
 * it, and each share happens before what follows. Shares stay unordered among themselves, so a race
 * inside a region is reported. Linked into every program of a build with PP_SANITIZE=thread. */
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <stddef.h>

typedef void share_fn(void *data);
typedef void parallel_fn(share_fn *fn, void *data, unsigned threads, unsigned flags);
typedef void barrier_fn(void);

/* One open region. The sanitizer keeps an order for each of the addresses `begin`, `end` and
 * `barrier`; it tells addresses apart by words of eight bytes. */
typedef struct region {
    share_fn *fn;
    void *data;
    void *begin;
    void *end;
    void *barrier;
} region;

void GOMP_parallel(share_fn *fn, void *data, unsigned threads, unsigned flags)
    __attribute__((visibility("default")));
void GOMP_barrier(void) __attribute__((visibility("default")));

static _Thread_local region *current;
static parallel_fn *open_region;
static barrier_fn *wait_for_team;

/* Runs before main, so no thread ever looks a function up beside another. */
__attribute__((constructor)) static void find_libgomp(void) {
    *(void **)&open_region = dlsym(RTLD_NEXT, "GOMP_parallel");
    *(void **)&wait_for_team = dlsym(RTLD_NEXT, "GOMP_barrier");
    if (open_region == NULL || wait_for_team == NULL) __builtin_trap();
}

/* One thread's share of a region. */
static void run_share(void *data) {
    region *r = data;
    region *outer = current;
    __tsan_acquire(&r->begin);
    current = r;
    r->fn(r->data);
    current = outer;
    __tsan_release(&r->end);
}

void GOMP_parallel(share_fn *fn, void *data, unsigned threads, unsigned flags) {
    region r = {.fn = fn, .data = data};
    __tsan_release(&r.begin);
    open_region(run_share, &r, threads, flags);
    __tsan_acquire(&r.end);
}

void GOMP_barrier(void) {
    region *r = current;
    if (r != NULL) __tsan_release(&r->barrier);
    wait_for_team();
    if (r != NULL) __tsan_acquire(&r->barrier);
}
