/* A plan is a graph compiled for a backend: an ordered list of kernels with final pointers, a memory map
   and a workspace. Immutable; running it allocates nothing. */
#ifndef PPI_TENSOR_PLAN_H
#define PPI_TENSOR_PLAN_H

#include "base/buf.h"
#include "tensor/graph.h"

typedef enum ppi_policy { PPI_POLICY_F32, PPI_POLICY_BF16, PPI_POLICY_F64 } ppi_policy;

typedef struct ppi_plan_options {
    ppi_policy policy; /* BF16: values that only bf16-capable operands read are stored in bf16 (a pass over the graph);
                          parameters read by such operands come from the compute copy. F64: reference backend, f32 leaves cast to f64, for gradient checks */
    int threads;
    uint64_t seed;     /* dropout */
    bool keep_all;     /* no memory reuse: every value stays readable after a run (tests) */
} ppi_plan_options;

typedef struct ppi_plan ppi_plan;

/* Compiles g (not modified, may be destroyed afterwards together with nothing else: params and backend must outlive the plan).
   Nodes whose results nothing reads are dropped. Errors name the node and its shapes. */
pp_status ppi_plan_create(ppi_plan **out, const ppi_graph *g, const ppi_backend *be, const ppi_plan_options *o);
void ppi_plan_destroy(ppi_plan *p);
/* Memory of an INPUT or OUTPUT value (or any value with keep_all); dtype through *dtype when not NULL. NULL if the value is not kept. */
void *ppi_plan_data(const ppi_plan *p, ppi_value v, ppi_dtype *dtype);
/* Same by name. */
void *ppi_plan_named(const ppi_plan *p, const char *name, ppi_shape *shape, ppi_dtype *dtype);
/* Runs all steps. `step` keys dropout. With POLYPLAY_PROFILE=1 one line per executed step goes to stderr through the log sink:
   op, implementation, shapes, dtype, microseconds, GFLOP/s. */
pp_status ppi_plan_run(ppi_plan *p, uint64_t step);
/* Bytes of the activation arena plus workspace. */
size_t ppi_plan_bytes(const ppi_plan *p);
/* Model FLOPs of one run (2 x multiply-adds of matmul, conv and attention). */
double ppi_plan_flops(const ppi_plan *p);
/* The printed plan: each step with its kernel, operands, offsets and lifetimes, then the memory map. */
pp_status ppi_plan_print(const ppi_plan *p, ppi_buf *out);

#endif
