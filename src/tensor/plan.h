/* A plan is a graph compiled for a backend: an ordered list of kernels with final pointers, a memory map
   and a workspace. Immutable; running it allocates nothing. */
#ifndef PPI_TENSOR_PLAN_H
#define PPI_TENSOR_PLAN_H

#include "base/buf.h"
#include "tensor/graph.h"

typedef enum ppi_dtype_policy { PPI_DTYPE_POLICY_F32, PPI_DTYPE_POLICY_BF16, PPI_DTYPE_POLICY_F64 } ppi_dtype_policy;

typedef struct ppi_plan_options {
    ppi_dtype_policy policy; /* BF16: values that only bf16-capable operands read are stored in bf16 (a pass over the graph);
                          parameters read by such operands come from the compute copy. F64: reference backend, f32 leaves cast to f64, for gradient checks */
    int threads;
    uint64_t seed;     /* dropout */
    bool keep_all;     /* no memory reuse: every value stays readable after a run (tests) */
} ppi_plan_options;

typedef struct ppi_plan ppi_plan;

/* Compiles g, which may be destroyed afterwards; params and backend must outlive the plan. Nodes whose results nothing
   reads are dropped, and unless keep_all is set so are rows (ppi_graph_skip_dead_rows changes g). Errors name the node and its shapes. */
pp_status ppi_plan_create(ppi_plan **out, ppi_graph *g, const ppi_backend *be, const ppi_plan_options *o);
void ppi_plan_destroy(ppi_plan *p);
/* Memory of an INPUT or OUTPUT value (or any value with keep_all); dtype through *dtype when not NULL. NULL if the value is not kept. */
void *ppi_plan_data(const ppi_plan *p, ppi_value v, ppi_dtype *dtype);
/* Same by name. */
void *ppi_plan_named(const ppi_plan *p, const char *name, ppi_shape *shape, ppi_dtype *dtype);
/* Runs all steps. `step` keys dropout. With POLYPLAY_PROFILE=1 one line per executed step goes to stderr through the log sink:
   op, implementation, shapes, dtype, microseconds, GFLOP/s. */
pp_status ppi_plan_run(ppi_plan *p, uint64_t step);
/* A run in two halves, for inputs that depend on what the first half made (a gradient that a program computes from the
   network's output): first_reader is the number of the first step that reads v, the number of all steps when none does;
   run_before runs the steps before `split`, run_after the others. */
int ppi_plan_first_reader(const ppi_plan *p, ppi_value v);
pp_status ppi_plan_run_before(ppi_plan *p, uint64_t step, int split);
pp_status ppi_plan_run_after(ppi_plan *p, uint64_t step, int split);
/* Bytes of the activation arena plus workspace. */
size_t ppi_plan_bytes(const ppi_plan *p);
/* FLOPs of one run: two per multiply-add of matmul, conv and attention; masked pairs of attention do not count. */
double ppi_plan_flops(const ppi_plan *p);

/* What a step is and what it has to do at least. */
typedef struct ppi_step_cost {
    const char *op;     /* "layer_norm" */
    const char *kernel; /* "avx512:layer_norm" */
    double flops;       /* as in ppi_plan_flops; 0 for ops that only pass over their operands */
    double bytes;       /* of all operands, each read or written once */
    ppi_shape out;
    bool low_precision; /* a bf16 product */
} ppi_step_cost;
int ppi_plan_step_count(const ppi_plan *p);
void ppi_plan_step_cost(const ppi_plan *p, int step, ppi_step_cost *out);
/* As ppi_plan_run; adds the time of each step to seconds[ppi_plan_step_count]. */
pp_status ppi_plan_run_timed(ppi_plan *p, uint64_t step, double *seconds);
/* The printed plan: each step with its kernel, operands, offsets and lifetimes, then the memory map. */
pp_status ppi_plan_print(const ppi_plan *p, ppi_buf *out);

#endif
