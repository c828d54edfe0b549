/* What the benchmarks share: output lines, a network with a batch of noise, when to stop. */
#ifndef PPI_RUN_BENCH_INTERNAL_H
#define PPI_RUN_BENCH_INTERNAL_H

#include "data/sampler.h"
#include "method/method.h"
#include "run/bench.h"

typedef struct ppi_bench_run {
    const ppi_bench_options *o;
    ppi_line_fn line;
    void *ctx;
} ppi_bench_run;

/* Prints one figure as `name value unit` or as JSON. */
void ppi_bench_figure(const ppi_bench_run *b, const char *name, double value, const char *unit);
/* True while more rounds are to be timed. */
bool ppi_bench_more(const ppi_bench_run *b, int64_t done, double start);

/* Times of repeated work, the last PPI_BENCH_TIMES of them. Starts zeroed. */
enum { PPI_BENCH_TIMES = 1024 };
typedef struct ppi_bench_times {
    double seconds[PPI_BENCH_TIMES];
    int64_t count;
} ppi_bench_times;
void ppi_bench_times_add(ppi_bench_times *times, double seconds);
/* Median of `count` numbers, which are sorted. 0 without any. */
double ppi_bench_median(double *numbers, int64_t count);
double ppi_bench_times_median(ppi_bench_times *times);

/* The network that --model names, and what it owns. */
typedef struct ppi_bench_net {
    ppi_options *set;
    void *options;
    ppi_agent *agent;
    ppi_batch batch; /* of noise; only after ppi_bench_net_train */
} ppi_bench_net;
/* Closed with ppi_bench_net_close whether this succeeds or not; *net starts zeroed. */
pp_status ppi_bench_net_open(ppi_bench_net *net, const ppi_bench_options *o);
/* Readies the net for train steps. */
pp_status ppi_bench_net_train(ppi_bench_net *net, const ppi_bench_options *o);
void ppi_bench_net_close(ppi_bench_net *net);

/* `bench roofline`: each part of a train step beside what the machine allows it. */
pp_status ppi_bench_roofline(const ppi_bench_run *b);
/* `bench env`: steps per second of environments. */
pp_status ppi_bench_env(const ppi_bench_run *b);
/* `bench collect`: what storing the experience costs a collection. */
pp_status ppi_bench_collect(const ppi_bench_run *b);
/* A folder for a benchmark's files, path[PPI_PATH_SIZE], not made; removed by the second call, which
   passes `s` on. */
void ppi_bench_folder(char *path);
pp_status ppi_bench_folder_end(const char *path, pp_status s);
/* `bench kernels`: each kernel checked against its reference and timed beside its limit. */
pp_status ppi_bench_kernels(const ppi_bench_run *b);
/* `bench small`: the networks of the online learners without their environments. */
pp_status ppi_bench_small(const ppi_bench_run *b);

#endif
