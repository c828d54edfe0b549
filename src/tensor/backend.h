/* What the engine asks of a machine: for every op an ordered list of kernels (the first that accepts a
   node wins, the reference kernel is last), and flat-range kernels for the optimiser. A backend sees
   only this header and types.h; it knows nothing of graphs, plans or parameters by name. */
#ifndef PPI_TENSOR_BACKEND_H
#define PPI_TENSOR_BACKEND_H

#include <polyplay/status.h>

#include "tensor/types.h"

typedef enum ppi_op {
#define PP_OP(e, ...) PPI_OP_##e,
#include "tensor/ops.def"
#undef PP_OP
    PPI_OP_COUNT
} ppi_op;

/* One operand of a node. data is NULL for an absent optional input, and for an output nobody reads. */
typedef struct ppi_operand {
    void *data;
    ppi_dtype dtype;
    ppi_shape shape;
} ppi_operand;

/* Everything a kernel sees. Pointers are final before `setup`, and stay the same for every run of a plan. */
typedef struct ppi_kernel_args {
    ppi_operand out[PPI_MAX_OUTPUTS];
    ppi_operand in[PPI_MAX_INPUTS];
    int n_out, n_in;
    ppi_op_params params;
    bool accumulate;      /* out[0] += result instead of out[0] = result (kernels that do not accept it are skipped) */
    void *workspace;      /* bytes asked for by setup, 64-aligned, shared with other nodes: no state across runs */
    void *state;          /* made by setup, freed by teardown */
    /* When in[1] is a parameter in a plan without gradients: a number that changes when its values do, so that a kernel
       may keep them in a layout of its own from run to run. NULL otherwise. */
    const uint64_t *weight_version;
    const uint64_t *step; /* current step and seed, for DROPOUT */
    const uint64_t *seed;
    int threads;
} ppi_kernel_args;

typedef struct ppi_kernel {
    const char *name; /* "onednn:matmul", "avx512:layer_norm", "ref:slice" */
    /* True when the kernel can run these shapes and dtypes (data pointers may still be NULL). NULL = always. */
    bool (*accepts)(const ppi_kernel_args *a);
    /* Workspace bytes wanted. Called before memory is planned; NULL = 0. */
    size_t (*workspace_size)(const ppi_kernel_args *a);
    /* Create primitives, set a->state. May be NULL. */
    pp_status (*setup)(ppi_kernel_args *a);
    void (*teardown)(ppi_kernel_args *a);
    /* Computes. Allocates nothing. Every kernel uses at most a->threads threads (one OpenMP team). For ADD, MUL,
       SCALE, ACT, ACT_GRAD and DROPOUT the plan may give out[0] the memory of an operand of equal size and dtype. */
    pp_status (*run)(const ppi_kernel_args *a);
} ppi_kernel;

/* Flat-range kernels: n elements, pointers 64-aligned. */
typedef struct ppi_flat_kernels {
    void (*to_bf16)(uint16_t *y, const float *x, int64_t n, int threads);
    /* Sum of squares in a fixed order: equal for equal n and threads. */
    double (*sum_squares)(const float *x, int64_t n, int threads);
    void (*scale)(float *x, float a, int64_t n, int threads);
    /* Index of the first element that is not finite, or -1. */
    int64_t (*first_nonfinite)(const float *x, int64_t n, int threads);
    /* Adam (decoupled decay wd, 0 = Adam): g' = g * gscale; m,v moments; c1 = 1-beta1^t, c2 = 1-beta2^t;
       p -= lr (m/c1 / (sqrt(v/c2) + eps) + wd p). Writes bf16 copy into pb when not NULL. */
    void (*adam)(float *p, uint16_t *pb, const float *g, float *m, float *v, int64_t n, float gscale, float lr, float beta1,
                 float beta2, float eps, float wd, float c1, float c2, int threads);
    /* LAMB phase 1 (mgdt recipe): moments updated, u = (m/c1)/(sqrt(v/c2) + eps) + wd p stored in u; returns |p|^2 and |u|^2. */
    void (*lamb_update)(float *u, const float *p, const float *g, float *m, float *v, int64_t n, float gscale, float beta1,
                        float beta2, float eps, float wd, float c1, float c2, double *p_sq, double *u_sq, int threads);
    /* RMSProp with eps inside the root: g' = g * gscale; v = decay v + (1-decay) g'^2; m = momentum m + lr g' / sqrt(v + eps), the
       quotient 0 where the root is; p -= m. bf16 copy when pb is not NULL. */
    void (*rmsprop)(float *p, uint16_t *pb, const float *g, float *m, float *v, int64_t n, float gscale, float lr, float decay,
                    float momentum, float eps, int threads);
    /* p -= a u; bf16 copy when pb is not NULL. */
    void (*apply)(float *p, uint16_t *pb, const float *u, float a, int64_t n, int threads);
} ppi_flat_kernels;

typedef struct ppi_backend {
    uint32_t abi_version;
    uint32_t struct_size;
    const char *name;
    /* Kernels for an op, best first, NULL-terminated. */
    const ppi_kernel *const *(*kernels)(const struct ppi_backend *be, ppi_op op);
    const ppi_flat_kernels *flat;
    void *self;
} ppi_backend;

/* The CPU backend limited to the instruction sets found and allowed by POLYPLAY_MAX_ISA; static, never freed (src/cpu/cpu.c). */
const ppi_backend *ppi_cpu_backend(void);
/* Reference kernels only: the oracle; also runs graphs in f64 (src/cpu/ref/). */
const ppi_backend *ppi_cpu_reference_backend(void);

/* How an op treats the rows of its operands (ops.def). */
typedef enum ppi_row_rule {
    PPI_ROWS_none,
    PPI_ROWS_each,
    PPI_ROWS_pair,
    PPI_ROWS_query,
    PPI_ROWS_slice,
    PPI_ROWS_reshape
} ppi_row_rule;

/* Facts of an op from ops.def. */
typedef struct ppi_op_info {
    const char *name;
    int min_in, max_in, n_out;
    ppi_row_rule rows;
    uint32_t bf16_in, bf16_out;
    float tol_f32, tol_bf16;
    const char *doc;
} ppi_op_info;
const ppi_op_info *ppi_op_get(ppi_op op);

#endif
