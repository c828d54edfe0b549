/* A plan from inside: its values, steps and memory. The passes, in order: load (plan.c), policy
   (plan_policy.c), sums (plan_accumulate.c), kernels (plan.c), memory (plan_memory.c), set-up (plan.c). */
#ifndef PPI_TENSOR_PLAN_INTERNAL_H
#define PPI_TENSOR_PLAN_INTERNAL_H

#include "tensor/plan.h"
#include "tensor/rules.h"

/* One value. Values 0 .. n_graph_values-1 are the graph's, those behind were added by the policy. A view
   (RESHAPE) shares the memory, dtype and lifetime of its root; a value that is no view is its own root. */
typedef struct ppi_pvalue {
    ppi_dtype dtype;
    ppi_shape shape;
    unsigned roles; /* of a root: united over its views */
    int param;
    int root;
    bool compute;     /* parameter read from the bf16 block */
    bool wanted;      /* root: some step reads it or the caller does */
    const void *init; /* CONST: f32 data, only valid during creation */
    int first, last;  /* root: steps of first write and last use; -1 and n_steps for kept ones */
    int buffer;       /* root: memory buffer, -1 for none */
    void *data;
    char name[48];
} ppi_pvalue;

typedef struct ppi_pstep {
    ppi_op op;
    int n_in, n_out;
    int in[PPI_MAX_INPUTS];
    int out[PPI_MAX_OUTPUTS];
    ppi_op_params params;
    const ppi_kernel *kernel;
    ppi_kernel_args args;
    size_t workspace_bytes;
    int workspace_buffer; /* -1 for none */
    bool ready;           /* set-up done, teardown owed */
    double flops;
} ppi_pstep;

/* A piece of the arena, alive over an inclusive range of steps. */
typedef struct ppi_pbuffer {
    size_t bytes; /* a multiple of 64 */
    size_t offset;
    int first, last;
    int value; /* first value stored in it, -1 for a workspace */
} ppi_pbuffer;

typedef struct ppi_pname {
    char name[48];
    int v;
} ppi_pname;

struct ppi_plan {
    const ppi_backend *be;
    ppi_params *params;
    ppi_plan_options o;
    ppi_pvalue *value;
    ppi_pstep *step;
    ppi_pbuffer *buffer;
    ppi_pname *name;
    ppi_arena lists; /* row lists of the steps */
    int n_values, cap_values, n_graph_values;
    int n_steps;
    int n_buffers;
    int n_names;
    void *arena;
    size_t arena_bytes;
    uint64_t run_step; /* what kernels see through args.step */
    bool profile;
    bool trains; /* writes parameter gradients */
};

/* Appends a value; index or -1 without memory. Addresses of values change. */
int ppi_plan_add_value(ppi_plan *p, const ppi_pvalue *v);
/* Decides dtypes and inserts casts. */
pp_status ppi_plan_apply_policy(ppi_plan *p);
/* True when the kernel that would be chosen for the step can also add to its first output. */
bool ppi_plan_can_accumulate(const ppi_plan *p, const ppi_pstep *s);
/* Removes sums whose terms can be added where they are made. */
pp_status ppi_plan_sum_in_place(ppi_plan *p);
/* Lifetimes, in-place reuse, placement, arena, pointers. */
pp_status ppi_plan_place(ppi_plan *p);

enum { PPI_STEP_TEXT = 640 };
/* "linear_3: linear(f32[2,3], f32[3,4]) -> f32[2,4]"; returns text. */
const char *ppi_plan_step_text(const ppi_plan *p, const ppi_pstep *s, char text[PPI_STEP_TEXT]);
/* One profile line for a step that took `seconds`. */
void ppi_plan_profile_line(const ppi_plan *p, const ppi_pstep *s, double seconds);

#endif
