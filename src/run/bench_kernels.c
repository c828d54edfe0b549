/* `polyplay bench kernels`: each kernel of each op against the reference kernel, then timed beside
   what the machine allows: its arithmetic peak or its memory bandwidth for that many bytes,
   whichever is the tighter, both measured first. Checks run on one window of the batch, because the
   reference is plain C; timings on the whole batch, the fastest of many runs. */
#include "run/bench_kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bf16.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "cpu/peak.h"
#include "run/bench_internal.h"
#include "run/ceilings.h"
#include "run/train_job.h"
#include "tensor/rules.h"

/* What the machine can do. */
typedef struct machine {
    ppi_ceilings c;
    double peak_f32, peak_bf16; /* FLOP/s of multiply-adds in registers; 0 without such vectors */
    double ticks;               /* of the time-stamp counter a second, 0 without one */
} machine;

typedef struct session {
    const ppi_bench_run *b;
    machine m;
    int threads;
    double budget; /* seconds for timing one kernel */
    bool begun;    /* the machine is measured and printed */
    int rows, wrong;
} session;

/* A line of the table. */
typedef struct row {
    const char *kernel;
    char shape[160];
    double error; /* relative to the largest magnitude of the result */
    bool ok;
    double seconds, check_seconds, reference_seconds; /* the last two on the checked shape */
    double elements, bytes, flops, limit;
} row;

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* --- the machine ------------------------------------------------------------------------------ */

static double measure_peak(ppi_peak kind, int threads) {
    double best = 0;
    for (int t = 0; t < 40; t++) {
        const double start = ppi_clock_seconds();
        const double flops = ppi_cpu_peak_run(kind, 200000, threads);
        best = larger(best, flops / (ppi_clock_seconds() - start));
    }
    return best;
}

static pp_status machine_measure(machine *m, int threads) {
    const double start = ppi_clock_seconds();
    const uint64_t ticks = ppi_cpu_ticks();
    m->peak_f32 = measure_peak(PPI_PEAK_F32, threads);
    m->peak_bf16 = measure_peak(PPI_PEAK_BF16, threads);
    PPI_TRY(ppi_ceilings_measure(ppi_cpu_backend(), threads, m->peak_bf16 > 0, &m->c));
    m->ticks = (double)(ppi_cpu_ticks() - ticks) / (ppi_clock_seconds() - start);
    return PP_OK;
}

static void machine_print(const session *s) {
    const machine *m = &s->m;
    ppi_bench_figure(s->b, "threads", s->threads, "threads");
    ppi_bench_figure(s->b, "peak_f32", m->peak_f32 / 1e9, "GFLOP/s");
    if (m->peak_bf16 > 0) ppi_bench_figure(s->b, "peak_bf16", m->peak_bf16 / 1e9, "GFLOP/s");
    ppi_bench_figure(s->b, "matmul_f32", m->c.matmul_f32 / 1e9, "GFLOP/s");
    if (m->c.matmul_bf16 > 0)
        ppi_bench_figure(s->b, "matmul_bf16", m->c.matmul_bf16 / 1e9, "GFLOP/s");
    for (int i = 0; i < PPI_CEILING_SIZES; i++) {
        char name[64];
        snprintf(name, sizeof name, "bandwidth_%.0fMB", m->c.set_bytes[i] / 1048576.0);
        ppi_bench_figure(s->b, name, m->c.set_bandwidth[i] / 1e9, "GB/s");
    }
    if (m->ticks > 0) ppi_bench_figure(s->b, "cycle_counter", m->ticks / 1e9, "GHz");
}

/* Seconds that the machine allows for so many bytes and operations. */
static double machine_limit(const machine *m, double bytes, double flops, bool bf16) {
    const double peak = bf16 && m->peak_bf16 > 0 ? m->peak_bf16 : m->peak_f32;
    const double compute = peak > 0 ? flops / peak : 0;
    return larger(compute, bytes / ppi_ceilings_bandwidth(&m->c, bytes));
}

/* --- output ----------------------------------------------------------------------------------- */

static void print_head(const session *s) {
    char text[256];
    if (s->b->o->json) return;
    snprintf(text, sizeof text, "%-31s %-43s %8s %-5s %10s %8s %8s %8s %6s %7s", "kernel", "shape",
             "error", "check", "us", s->m.ticks > 0 ? "cyc/el" : "ns/el", "GB/s", "GFLOP/s",
             "limit", "x ref");
    s->b->line(s->b->ctx, text);
}

/* Measures the machine before the first kernel, and not at all where there is none. */
static pp_status session_begin(session *s) {
    if (s->begun) return PP_OK;
    s->begun = true;
    PPI_TRY(machine_measure(&s->m, s->threads));
    machine_print(s);
    print_head(s);
    return PP_OK;
}

static void print_row(session *s, const row *r) {
    char text[512];
    const double rate = s->m.ticks > 0 ? s->m.ticks : 1e9;
    const double each = r->seconds * rate / r->elements;
    const double gain = r->check_seconds > 0 ? r->reference_seconds / r->check_seconds : 0;
    const char *check = r->ok ? "ok" : "WRONG";
    if (s->b->o->json) {
        snprintf(text, sizeof text,
                 "{\"kernel\":\"%s\",\"shape\":\"%s\",\"error\":%.3g,\"check\":\"%s\","
                 "\"us\":%.6g,\"%s\":%.6g,\"gb_per_s\":%.6g,\"gflop_per_s\":%.6g,"
                 "\"of_limit\":%.4g,\"times_reference\":%.4g}",
                 r->kernel, r->shape, r->error, check, r->seconds * 1e6,
                 s->m.ticks > 0 ? "cycles_per_element" : "ns_per_element", each,
                 r->bytes / r->seconds / 1e9, r->flops / r->seconds / 1e9, r->limit / r->seconds,
                 gain);
    } else {
        snprintf(text, sizeof text, "%-31s %-43s %8.1e %-5s %10.1f %8.3f %8.1f %8.1f %6.2f %7.1f",
                 r->kernel, r->shape, r->error, check, r->seconds * 1e6, each,
                 r->bytes / r->seconds / 1e9, r->flops / r->seconds / 1e9, r->limit / r->seconds,
                 gain);
    }
    s->rows++;
    s->wrong += !r->ok;
    s->b->line(s->b->ctx, text);
}

/* --- timing ----------------------------------------------------------------------------------- */

/* What is timed. */
typedef struct task {
    pp_status (*run)(const void *ctx);
    const void *ctx;
} task;

/* The fastest of at least `least` runs and of as many as fit the budget, short ones timed several
   at a time. Runs that take below a hundredth of a second get a budget of that in any case. */
static pp_status task_time(const task *t, double budget, int least, double *best) {
    const double begin = ppi_clock_seconds();
    int64_t group = 1;
    *best = INFINITY;
    for (int64_t n = 0; n < least || ppi_clock_seconds() - begin < larger(budget, 0.01); n++) {
        const double start = ppi_clock_seconds();
        for (int64_t i = 0; i < group; i++) PPI_TRY(t->run(t->ctx));
        const double took = ppi_clock_seconds() - start;
        if (took / (double)group < *best) *best = took / (double)group;
        if (took < 2e-5 && group < 1024) group *= 2;
    }
    return PP_OK;
}

static double value_at(const ppi_operand *o, int64_t i) {
    if (o->dtype == PPI_U8) return (double)((const uint8_t *)o->data)[i];
    return o->dtype == PPI_BF16 ? (double)ppi_bf16_to_f32(((const ppi_bf16 *)o->data)[i])
                                : (double)((const float *)o->data)[i];
}

/* Largest difference relative to the largest magnitude wanted; 1e30 where a NaN is. */
static double operand_error(const ppi_operand *got, const ppi_operand *want) {
    double largest = 1e-6;
    double worst = 0;
    for (int64_t i = 0; i < ppi_shape_count(&want->shape); i++) {
        const double w = value_at(want, i);
        const double d = fabs(value_at(got, i) - w);
        largest = larger(largest, fabs(w));
        if (isnan(d)) return 1e30;
        worst = larger(worst, d);
    }
    return worst / largest;
}

/* --- ops -------------------------------------------------------------------------------------- */

/* A node, and once wanted, what the reference kernel computes from it. */
typedef struct judged {
    ppi_bench_node node;
    ppi_operand want[PPI_MAX_OUTPUTS];
    double reference_seconds;
    bool ready;
} judged;

typedef struct kernel_call {
    const ppi_kernel *kernel;
    ppi_kernel_args args;
} kernel_call;

static pp_status kernel_call_run(const void *ctx) {
    const kernel_call *c = ctx;
    return c->kernel->run(&c->args);
}

static pp_status kernel_call_open(kernel_call *c, const ppi_kernel *k, const ppi_bench_node *node) {
    c->kernel = k;
    c->args = node->args;
    c->args.state = NULL;
    const size_t bytes = k->workspace_size ? k->workspace_size(&c->args) : 0;
    c->args.workspace = ppi_aligned_alloc64(bytes + 64);
    if (!c->args.workspace) return ppi_oom("workspace of a kernel benchmark");
    return k->setup ? k->setup(&c->args) : PP_OK;
}

static void kernel_call_close(kernel_call *c) {
    if (c->kernel->teardown) c->kernel->teardown(&c->args);
    ppi_aligned_free(c->args.workspace);
}

static void operand_poison(const ppi_operand *o) {
    if (o->data)
        memset(o->data, 0xff, (size_t)ppi_shape_count(&o->shape) * ppi_dtype_size(o->dtype));
}

static const ppi_kernel *reference_of(ppi_op op) {
    const ppi_backend *be = ppi_cpu_reference_backend();
    return be->kernels(be, op)[0];
}

/* The gradient of attention takes the result and the log-sum-exp of the same q, k and v. */
static pp_status attention_complete(const ppi_bench_node *grad) {
    ppi_bench_node forward = {.op = PPI_OP_ATTENTION, .args = grad->args};
    forward.args.n_in = 3;
    forward.args.n_out = 2;
    for (int i = 0; i < 3; i++) forward.args.in[i] = grad->args.in[i + 1];
    for (int o = 0; o < 2; o++) forward.args.out[o] = grad->args.in[o + 4];
    kernel_call c;
    pp_status s = kernel_call_open(&c, reference_of(PPI_OP_ATTENTION), &forward);
    if (s == PP_OK) s = kernel_call_run(&c);
    kernel_call_close(&c);
    return s;
}

/* What the reference kernel computes, kept for all kernels of the case. */
static pp_status judged_ready(judged *j) {
    if (j->ready) return PP_OK;
    kernel_call c;
    if (j->node.op == PPI_OP_ATTENTION_GRAD) PPI_TRY(attention_complete(&j->node));
    PPI_TRY(ppi_bench_outputs_make(j->want, &j->node));
    pp_status s = kernel_call_open(&c, reference_of(j->node.op), &j->node);
    memcpy(c.args.out, j->want, sizeof j->want);
    const task t = {kernel_call_run, &c};
    if (s == PP_OK) s = task_time(&t, 0.0, 1, &j->reference_seconds);
    kernel_call_close(&c);
    j->ready = s == PP_OK;
    return s;
}

static pp_status judged_check(judged *j, const ppi_kernel *k, row *r) {
    const ppi_op_info *info = ppi_op_get(j->node.op);
    kernel_call c;
    PPI_TRY(judged_ready(j));
    for (int o = 0; o < j->node.args.n_out; o++) operand_poison(&j->node.args.out[o]);
    pp_status s = kernel_call_open(&c, k, &j->node);
    if (s == PP_OK) s = kernel_call_run(&c);
    r->error = 0;
    for (int o = 0; o < j->node.args.n_out && s == PP_OK; o++) {
        if (j->want[o].data)
            r->error = larger(r->error, operand_error(&j->node.args.out[o], &j->want[o]));
    }
    r->ok = r->error <= larger(1e-7, (double)(j->node.bf16 ? info->tol_bf16 : info->tol_f32));
    r->reference_seconds = j->reference_seconds;
    const task t = {kernel_call_run, &c};
    if (s == PP_OK) s = task_time(&t, 0.01, 3, &r->check_seconds);
    kernel_call_close(&c);
    return s;
}

static void judged_free(judged *j) {
    ppi_bench_node_free(&j->node);
    ppi_bench_outputs_free(j->want);
}

static bool accepts(const ppi_kernel *k, const ppi_bench_node *n) {
    return !k->accepts || k->accepts(&n->args);
}

static const char *operand_text(char *text, size_t size, const ppi_operand *o) {
    static const char *const type[PPI_DTYPE_COUNT] = {"f32", "bf16", "f64", "i32", "u8"};
    char shape[PPI_SHAPE_TEXT];
    snprintf(text, size, "%s%s", type[o->dtype], ppi_shape_text(shape, &o->shape));
    return text;
}

/* The first input and output; gradients of weights and such are told apart by them. */
static void shape_describe(row *r, const ppi_bench_node *n) {
    char in[PPI_SHAPE_TEXT + 8];
    char out[PPI_SHAPE_TEXT + 8];
    snprintf(r->shape, sizeof r->shape, "%s > %s", operand_text(in, sizeof in, &n->args.in[0]),
             operand_text(out, sizeof out, &n->args.out[0]));
}

static bool wanted(const session *s, const row *r) {
    char text[256];
    snprintf(text, sizeof text, "%s %s", r->kernel, r->shape);
    return strstr(text, s->b->o->filter) != NULL;
}

/* Checks a kernel on the small node where it takes it, else on the whole one, and times it on the
   whole one. */
static pp_status kernel_measure(session *s, const ppi_kernel *k, judged *small, judged *whole,
                                row *r) {
    kernel_call c;
    const ppi_bench_node *n = &whole->node;
    PPI_TRY(session_begin(s));
    PPI_TRY(judged_check(accepts(k, &small->node) ? small : whole, k, r));
    r->bytes = n->bytes;
    r->flops = n->flops;
    r->limit = machine_limit(&s->m, n->bytes, n->flops, n->bf16);
    r->elements = 0;
    for (int o = 0; o < n->args.n_out; o++) {
        if (n->args.out[o].data)
            r->elements = larger(r->elements, (double)ppi_shape_count(&n->args.out[o].shape));
    }
    pp_status status = kernel_call_open(&c, k, n);
    const task t = {kernel_call_run, &c};
    if (status == PP_OK) status = task_time(&t, s->budget, 5, &r->seconds);
    kernel_call_close(&c);
    if (status == PP_OK) print_row(s, r);
    return status;
}

static pp_status case_measure(session *s, judged *small, judged *whole) {
    const ppi_backend *be = ppi_cpu_backend();
    const ppi_op op = whole->node.op;
    for (const ppi_kernel *const *k = be->kernels(be, op); *k && *k != reference_of(op); k++) {
        row r = {.kernel = (*k)->name};
        shape_describe(&r, &whole->node);
        if (wanted(s, &r) && accepts(*k, &whole->node))
            PPI_TRY(kernel_measure(s, *k, small, whole, &r));
    }
    return PP_OK;
}

static pp_status case_run(session *s, const ppi_bench_case *c) {
    judged small = {{0}, {{0}}, 0, false};
    judged whole = {{0}, {{0}}, 0, false};
    pp_status status = ppi_bench_node_make(&small.node, c, 1, s->threads);
    if (status == PP_OK) status = ppi_bench_node_make(&whole.node, c, s->b->o->batch, s->threads);
    if (status == PP_OK) status = case_measure(s, &small, &whole);
    judged_free(&small);
    judged_free(&whole);
    return status;
}

/* --- flat kernels of the optimiser ------------------------------------------------------------ */

enum { FLAT_ARRAYS = 5, FLAT_CHECKED = 70001 };

/* Weights, gradients, moments, direction and the bf16 copy. */
typedef struct flat_arrays {
    float *x[FLAT_ARRAYS];
    ppi_bf16 *half;
    int64_t n;
    int threads;
} flat_arrays;

typedef struct flat_call {
    const ppi_flat_kernels *f;
    const flat_arrays *a;
    int which;
} flat_call;

enum {
    FLAT_SUM_SQUARES,
    FLAT_SCALE,
    FLAT_NONFINITE,
    FLAT_TO_BF16,
    FLAT_ADAM,
    FLAT_LAMB,
    FLAT_RMSPROP,
    FLAT_APPLY,
    FLAT_COUNT
};
static const struct {
    const char *name;
    double bytes; /* of an element, read or written */
} flat_kinds[FLAT_COUNT] = {
    [FLAT_SUM_SQUARES] = {"flat:sum_squares", 4},
    [FLAT_SCALE] = {"flat:scale", 8},
    [FLAT_NONFINITE] = {"flat:first_nonfinite", 4},
    [FLAT_TO_BF16] = {"flat:to_bf16", 6},
    [FLAT_ADAM] = {"flat:adam", 30},
    [FLAT_LAMB] = {"flat:lamb_update", 28},
    [FLAT_RMSPROP] = {"flat:rmsprop", 30},
    [FLAT_APPLY] = {"flat:apply", 14},
};

static pp_status flat_call_run(const void *ctx) {
    const flat_call *c = ctx;
    const flat_arrays *a = c->a;
    float *const p = a->x[0], *const g = a->x[1], *const m = a->x[2], *const v = a->x[3],
                 *const u = a->x[4];
    double p_sq, u_sq;
    switch (c->which) {
    case FLAT_SUM_SQUARES:
        u[0] = (float)c->f->sum_squares(g, a->n, a->threads);
        break;
    case FLAT_SCALE:
        c->f->scale(u, 1.0f, a->n, a->threads);
        break;
    case FLAT_NONFINITE:
        u[0] = (float)c->f->first_nonfinite(g, a->n, a->threads);
        break;
    case FLAT_TO_BF16:
        c->f->to_bf16(a->half, p, a->n, a->threads);
        break;
    case FLAT_ADAM:
        c->f->adam(p, a->half, g, m, v, a->n, 0.5f, 1e-4f, 0.9f, 0.999f, 1e-8f, 0.01f, 0.1f, 0.01f,
                   a->threads);
        break;
    case FLAT_LAMB:
        c->f->lamb_update(u, p, g, m, v, a->n, 0.5f, 0.9f, 0.999f, 1e-6f, 0.01f, 0.1f, 0.01f, &p_sq,
                          &u_sq, a->threads);
        u[0] += (float)(p_sq + u_sq);
        break;
    case FLAT_RMSPROP:
        c->f->rmsprop(p, a->half, g, m, v, a->n, 0.5f, 1e-4f, 0.99f, 0.9f, 0.01f, a->threads);
        break;
    default:
        c->f->apply(p, a->half, u, 1e-4f, a->n, a->threads);
        break;
    }
    return PP_OK;
}

static pp_status flat_arrays_make(flat_arrays *a, int64_t n, int threads) {
    *a = (flat_arrays){.n = n, .threads = threads};
    a->half = ppi_aligned_alloc64((size_t)n * sizeof *a->half + 64);
    if (!a->half) return ppi_oom("arrays of a kernel benchmark");
    memset(a->half, 0, (size_t)n * sizeof *a->half);
    for (int k = 0; k < FLAT_ARRAYS; k++) {
        a->x[k] = ppi_aligned_alloc64((size_t)n * sizeof(float) + 64);
        if (!a->x[k]) return ppi_oom("arrays of a kernel benchmark");
        for (int64_t i = 0; i < n; i++) {
            const float v = (float)((i * 7919 + k * 31) % 2003) * 1e-3f;
            a->x[k][i] = k == 3 ? v : v - 1.0f; /* second moments are not negative */
        }
    }
    return PP_OK;
}

static void flat_arrays_free(flat_arrays *a) {
    for (int k = 0; k < FLAT_ARRAYS; k++) ppi_aligned_free(a->x[k]);
    ppi_aligned_free(a->half);
}

/* Error of one call against the reference, over all arrays. */
static pp_status flat_check(session *s, int which, row *r) {
    flat_arrays a[2] = {{{0}, 0, 0, 0}, {{0}, 0, 0, 0}};
    pp_status status = PP_OK;
    for (int k = 0; k < 2 && status == PP_OK; k++) {
        status = flat_arrays_make(&a[k], FLAT_CHECKED, s->threads);
        const flat_call c = {k ? ppi_cpu_backend()->flat : ppi_cpu_reference_backend()->flat, &a[k],
                             which};
        if (status == PP_OK) status = flat_call_run(&c);
    }
    r->error = 0;
    for (int k = 0; k <= FLAT_ARRAYS && status == PP_OK; k++) {
        const bool half = k == FLAT_ARRAYS;
        const ppi_dtype t = half ? PPI_BF16 : PPI_F32;
        const ppi_operand want = {half ? (void *)a[0].half : (void *)a[0].x[k], t,
                                  ppi_shape1(FLAT_CHECKED)};
        const ppi_operand got = {half ? (void *)a[1].half : (void *)a[1].x[k], t,
                                 ppi_shape1(FLAT_CHECKED)};
        const double e = operand_error(&got, &want);
        /* A last bit of bf16 may fall the other way. */
        r->error = larger(r->error, half && e <= 8e-3 ? 0 : e);
    }
    r->ok = r->error <= 2e-5;
    for (int k = 0; k < 2 && status == PP_OK; k++) {
        const flat_call c = {k ? ppi_cpu_backend()->flat : ppi_cpu_reference_backend()->flat, &a[k],
                             which};
        const task t = {flat_call_run, &c};
        status = task_time(&t, 0.0, 3, k ? &r->check_seconds : &r->reference_seconds);
    }
    flat_arrays_free(&a[0]);
    flat_arrays_free(&a[1]);
    return status;
}

static pp_status flat_run(session *s) {
    flat_arrays a = {{0}, 0, 0, 0};
    const int64_t n = 810000 * s->b->o->batch; /* as many as MGDT-10M has weights at batch 16 */
    pp_status status = PP_OK;
    for (int k = 0; k < FLAT_COUNT && status == PP_OK; k++) {
        row r = {.kernel = flat_kinds[k].name,
                 .elements = (double)n,
                 .bytes = flat_kinds[k].bytes * (double)n};
        snprintf(r.shape, sizeof r.shape, "f32[%lld]", (long long)n);
        if (!wanted(s, &r)) continue;
        status = session_begin(s);
        if (!a.half && status == PP_OK) status = flat_arrays_make(&a, n, s->threads);
        if (status == PP_OK) status = flat_check(s, k, &r);
        const flat_call c = {ppi_cpu_backend()->flat, &a, k};
        const task t = {flat_call_run, &c};
        if (status == PP_OK) status = task_time(&t, s->budget, 5, &r.seconds);
        r.limit = machine_limit(&s->m, r.bytes, 0, false);
        if (status == PP_OK) print_row(s, &r);
    }
    flat_arrays_free(&a);
    return status;
}

pp_status ppi_bench_kernels(const ppi_bench_run *b) {
    session s = {
        .b = b, .threads = ppi_thread_count(b->o->threads), .budget = b->o->seconds / 50.0};
    for (int i = 0; i < ppi_bench_case_count; i++) PPI_TRY(case_run(&s, &ppi_bench_cases[i]));
    PPI_TRY(flat_run(&s));
    if (s.rows == 0)
        return ppi_fail(PP_ERR_NOT_FOUND, "no kernel in use has '%s' in its name or shape",
                        b->o->filter);
    if (s.wrong > 0)
        return ppi_fail(PP_ERR_INTERNAL,
                        "%d of %d kernels differ from the reference by more than their op allows",
                        s.wrong, s.rows);
    return PP_OK;
}
