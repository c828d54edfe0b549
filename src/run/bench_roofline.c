/* `polyplay bench roofline`: the steps of a train plan grouped by kernel and shape, each with its time,
   bytes and FLOPs, the time the machine would need for those at its measured ceilings, and what is left.
   The output is a Markdown table. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "run/bench_internal.h"
#include "run/ceilings.h"
#include "run/train.h"
#include "tensor/rules.h"

enum { MAX_PARTS = 256 };

/* One line of the table: all steps of one kernel with one result shape. */
typedef struct part {
    char name[96];
    int count;
    double seconds, bytes, flops, limit;
} part;

typedef struct table {
    part item[MAX_PARTS];
    int count;
    part rest; /* steps beyond MAX_PARTS, and lines below the cut */
} table;

static part *part_of(table *t, const ppi_step_cost *c) {
    char name[96];
    char shape[PPI_SHAPE_TEXT];
    snprintf(name, sizeof name, "%s %s", c->kernel, ppi_shape_text(shape, &c->out));
    for (int i = 0; i < t->count; i++) {
        if (strcmp(t->item[i].name, name) == 0) return &t->item[i];
    }
    if (t->count == MAX_PARTS) return &t->rest;
    part *p = &t->item[t->count++];
    memcpy(p->name, name, sizeof name);
    return p;
}

static void add(part *p, const part *q) {
    p->count += q->count;
    p->seconds += q->seconds;
    p->bytes += q->bytes;
    p->flops += q->flops;
    p->limit += q->limit;
}

static double larger(double a, double b) { return a > b ? a : b; }

/* Seconds that the ceilings allow a step. */
static double limit_of(const ppi_ceilings *c, const ppi_step_cost *s) {
    const double peak = s->low_precision && c->matmul_bf16 > 0 ? c->matmul_bf16 : c->matmul_f32;
    return larger(s->flops / peak, s->bytes / ppi_ceilings_bandwidth(c, s->bytes));
}

/* Order of printing: most time first. */
static void sort(table *t) {
    for (int i = 1; i < t->count; i++) {
        const part p = t->item[i];
        int k = i;
        for (; k > 0 && t->item[k - 1].seconds < p.seconds; k--) t->item[k] = t->item[k - 1];
        t->item[k] = p;
    }
}

static void print_part(const ppi_bench_run *b, const part *p, double step) {
    char text[320];
    snprintf(text, sizeof text, "| %s | %d | %.2f | %.1f | %.1f | %.2f | %.2f | %.2f | %.1f %% |", p->name, p->count, p->seconds * 1e3,
             p->bytes / 1e6, p->flops / 1e9, p->flops > 0 ? p->flops / p->seconds / 1e9 : 0, p->limit * 1e3, (p->seconds - p->limit) * 1e3,
             100 * p->seconds / step);
    b->line(b->ctx, text);
}

static void print_table(const ppi_bench_run *b, table *t, const ppi_ceilings *c, double step, double plan_seconds, double params) {
    part sum = {.name = "all steps of the plan"};
    snprintf(t->rest.name, sizeof t->rest.name, "below 0.2 %% each");
    sort(t);
    b->line(b->ctx, "| part | calls | ms | MB | GFLOP | GFLOP/s | limit ms | left ms | share |");
    b->line(b->ctx, "|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (int i = 0; i < t->count; i++) {
        add(&sum, &t->item[i]);
        if (t->item[i].seconds < 0.002 * step) {
            add(&t->rest, &t->item[i]);
        } else {
            print_part(b, &t->item[i], step);
        }
    }
    print_part(b, &t->rest, step);
    print_part(b, &sum, step);
    /* Adam reads weights, gradient and two moments and writes three of them and a bf16 copy, and the norm reads the
       gradient once more: 34 bytes per weight. LAMB keeps its direction between two passes: 50. */
    part rest = {.name = "optimiser, norm, batch to inputs", .count = 1, .seconds = step - plan_seconds,
                 .bytes = params * (b->o->plain ? 34.0 : 50.0)};
    rest.limit = rest.bytes / ppi_ceilings_bandwidth(c, rest.bytes);
    print_part(b, &rest, step);
    add(&sum, &rest);
    snprintf(sum.name, sizeof sum.name, "the whole train step");
    print_part(b, &sum, step);
}

static void print_ceilings(const ppi_bench_run *b, const ppi_ceilings *c) {
    ppi_bench_figure(b, "ceiling_matmul_f32", c->matmul_f32 / 1e9, "GFLOP/s");
    if (c->matmul_bf16 > 0) ppi_bench_figure(b, "ceiling_matmul_bf16", c->matmul_bf16 / 1e9, "GFLOP/s");
    for (int i = 0; i < PPI_CEILING_SIZES; i++) {
        char name[64];
        snprintf(name, sizeof name, "ceiling_bandwidth_%.0fMB", c->set_bytes[i] / 1048576.0);
        ppi_bench_figure(b, name, c->set_bandwidth[i] / 1e9, "GB/s");
    }
}

enum { MAX_ROUNDS = 256 };

/* Median seconds of a whole train step, and of each step of its plan, timed in turns. `rounds` has room for MAX_ROUNDS
   times of every step. */
static pp_status time_steps(const ppi_bench_run *b, ppi_bench_net *net, ppi_plan *plan, double *whole, double *seconds,
                            double *rounds) {
    ppi_metrics metrics;
    ppi_bench_times times = {0};
    double column[MAX_ROUNDS];
    const int n = ppi_plan_step_count(plan);
    for (int64_t i = 0; i < 2; i++) PPI_TRY(ppi_agent_train_step(net->agent, &net->batch, i, &metrics));
    const double begin = ppi_clock_seconds();
    while (times.count < MAX_ROUNDS && ppi_bench_more(b, times.count, begin)) {
        const double start = ppi_clock_seconds();
        PPI_TRY(ppi_agent_train_step(net->agent, &net->batch, 2 + times.count, &metrics));
        const double spent = ppi_clock_seconds() - start;
        PPI_TRY(ppi_plan_run_timed(plan, (uint64_t)times.count, rounds + times.count * n));
        ppi_bench_times_add(&times, spent);
    }
    for (int i = 0; i < n; i++) {
        for (int64_t r = 0; r < times.count; r++) column[r] = rounds[r * n + i];
        seconds[i] = ppi_bench_median(column, times.count);
    }
    *whole = ppi_bench_times_median(&times);
    return PP_OK;
}

static pp_status measure_ceilings(const ppi_bench_run *b, ppi_ceilings *c) {
    return ppi_ceilings_measure(ppi_cpu_backend(), ppi_thread_count(b->o->threads), ppi_dtype_is_bf16(b->o->dtype), c);
}

/* The ceilings are measured before the steps and once more behind them. */
static pp_status roofline(const ppi_bench_run *b, ppi_bench_net *net, ppi_ceilings *c) {
    ppi_plan *plan = ppi_agent_plan(net->agent, "train");
    if (!plan) return ppi_fail(PP_ERR_UNSUPPORTED, "this method has no train plan");
    const int n = ppi_plan_step_count(plan);
    double *seconds = ppi_calloc((size_t)n + 1, sizeof *seconds);
    double *rounds = ppi_calloc((size_t)n * MAX_ROUNDS + 1, sizeof *rounds);
    table *t = ppi_calloc(1, sizeof *t);
    double whole = 0;
    double in_plan = 0;
    pp_status s = seconds && rounds && t ? time_steps(b, net, plan, &whole, seconds, rounds) : ppi_oom("timings");
    if (s == PP_OK) s = measure_ceilings(b, c);
    for (int i = 0; i < n && s == PP_OK; i++) {
        ppi_step_cost cost;
        ppi_plan_step_cost(plan, i, &cost);
        const part one = {.count = 1, .seconds = seconds[i], .bytes = cost.bytes, .flops = cost.flops, .limit = limit_of(c, &cost)};
        add(part_of(t, &cost), &one);
        in_plan += seconds[i];
    }
    if (s == PP_OK) {
        const double rate = ppi_plan_flops(plan) / whole;
        print_ceilings(b, c);
        ppi_bench_figure(b, "train_step", whole * 1e3, "ms");
        ppi_bench_figure(b, "train_executed", rate / 1e9, "GFLOP/s");
        ppi_bench_figure(b, "train_of_ceiling", rate / (c->matmul_bf16 > 0 ? c->matmul_bf16 : c->matmul_f32), "share");
        if (!b->o->json) print_table(b, t, c, whole, in_plan, (double)ppi_agent_params(net->agent)->n_real);
    }
    ppi_free(seconds);
    ppi_free(rounds);
    ppi_free(t);
    return s;
}

pp_status ppi_bench_roofline(const ppi_bench_run *b) {
    ppi_bench_net net = {0};
    ppi_ceilings c = {0};
    pp_status s = ppi_bench_net_open(&net, b->o);
    if (s == PP_OK) s = ppi_bench_net_train(&net, b->o);
    if (s == PP_OK) s = measure_ceilings(b, &c);
    if (s == PP_OK) s = roofline(b, &net, &c);
    ppi_bench_net_close(&net);
    return s;
}
