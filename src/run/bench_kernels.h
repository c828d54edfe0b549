/* The cases of `polyplay bench kernels`: nodes as the plans of real models have them, and a few odd
   ones, each with operands of its own. */
#ifndef PPI_RUN_BENCH_KERNELS_H
#define PPI_RUN_BENCH_KERNELS_H

#include <polyplay/status.h>

#include "tensor/backend.h"

/* One kind of node. A length below zero counts windows of the batch: -k is k times the batch. */
typedef struct ppi_bench_case {
    ppi_op op;
    /* A letter for each input, '>', a letter for each output: f f32, b bf16, i i32 (ids), u u8,
       - absent. */
    const char *types;
    ppi_shape in[PPI_MAX_INPUTS];
    ppi_shape out[PPI_MAX_OUTPUTS];
    ppi_op_params params;
} ppi_bench_case;

extern const ppi_bench_case ppi_bench_cases[];
extern const int ppi_bench_case_count;

/* A node with memory for its operands; inputs hold numbers between -1 and 1, ids below 18. */
typedef struct ppi_bench_node {
    ppi_op op;
    ppi_kernel_args args;
    double bytes; /* of all operands, each once */
    double flops; /* of products, counting only what a mask lets through; else 0 */
    bool bf16;    /* an operand is bf16 */
} ppi_bench_node;

/* Released with ppi_bench_node_free whether this succeeds or not. */
pp_status ppi_bench_node_make(ppi_bench_node *node, const ppi_bench_case *c, int64_t batch,
                              int threads);
void ppi_bench_node_free(ppi_bench_node *node);

/* Memory for the outputs of `node` apart from its own; the same release. */
pp_status ppi_bench_outputs_make(ppi_operand out[PPI_MAX_OUTPUTS], const ppi_bench_node *node);
void ppi_bench_outputs_free(ppi_operand out[PPI_MAX_OUTPUTS]);

#endif
