/* Shape rules and gradient rules: one function per name in ops.def, found through tables that the
   X-macro fills. Private to the tensor layer. */
#ifndef PPI_TENSOR_RULES_H
#define PPI_TENSOR_RULES_H

#include "base/arena.h"
#include "tensor/graph.h"

/* Input and result of a shape rule. `dtype` arrives as the dtype wanted for the outputs (CAST), and
   leaves as the dtype of each. Rules may complete the parameters. */
typedef struct ppi_infer {
    ppi_op op;
    int n_in;
    const ppi_value_info *in[PPI_MAX_INPUTS];
    ppi_op_params *params;
    const ppi_shape *want; /* output shape asked for, or NULL */
    ppi_dtype want_dtype;
    ppi_shape shape[PPI_MAX_OUTPUTS];
    ppi_dtype dtype[PPI_MAX_OUTPUTS];
} ppi_infer;

/* Fills shape and dtype of every output; PP_ERR_SHAPE or PP_ERR_ARGUMENT with a text naming op and shapes. */
pp_status ppi_infer_run(ppi_infer *s);

/* Gradient of a node: dy[i] is the gradient of output i (PPI_NONE where none arrived; dy[0] always did),
   need[j] tells which inputs want one; writes dx[j] (PPI_NONE elsewhere). */
typedef void (*ppi_grad_fn)(ppi_graph *g, const ppi_node *n, const ppi_value *dy, const bool *need, ppi_value *dx);

/* Rule of an op, NULL when it is not differentiable. */
ppi_grad_fn ppi_grad_rule(ppi_op op);

/* As ppi_node_add with a wanted output dtype (CAST). */
pp_status ppi_node_append(ppi_graph *g, ppi_op op, int n_in, const ppi_value *in, const ppi_op_params *params,
                          const ppi_shape *shape, ppi_dtype dtype, ppi_value *out);
/* Adds a role to a value; PARAM_GRAD also takes the parameter's index. */
void ppi_graph_mark(ppi_graph *g, ppi_value v, unsigned roles, int param);
/* Takes the nodes out of the graph, which has none afterwards; the caller frees the table (the nodes stay the arena's)
   and puts each back, changed or not, with ppi_graph_readd. */
ppi_node **ppi_graph_take_nodes(ppi_graph *g, int *n);
/* Appends a node that was taken out; its outputs keep their ids and get the shapes that now follow. `shape` as in ppi_node_add. */
pp_status ppi_graph_readd(ppi_graph *g, ppi_node *node, const ppi_shape *shape);
/* While set, nodes may read values that lost rows (differentiation). Returns what was set before. */
bool ppi_graph_allow_shrunk(ppi_graph *g, bool allow);
/* The row list of a node's parameters, NULL for ops without one. */
ppi_row_list *ppi_op_row_list(ppi_op op, ppi_op_params *params);
/* Replaces the row list of a node's parameters by a copy in the arena. */
pp_status ppi_op_rows_copy(ppi_op op, ppi_op_params *params, ppi_arena *arena);
/* Value of parameter `index` in this graph, or PPI_NONE. */
ppi_value ppi_graph_param_value(const ppi_graph *g, int index);
/* Named inputs and outputs, in order of marking. */
int ppi_graph_name_count(const ppi_graph *g);
const char *ppi_graph_name(const ppi_graph *g, int i, ppi_value *v);

static inline bool ppi_shape_equal(const ppi_shape *a, const ppi_shape *b) {
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

static inline bool ppi_dtype_is_float(ppi_dtype t) { return t == PPI_F32 || t == PPI_BF16 || t == PPI_F64; }

enum { PPI_SHAPE_TEXT = 128 };
/* "[2,3,4]"; returns text. */
const char *ppi_shape_text(char text[PPI_SHAPE_TEXT], const ppi_shape *s);
/* "f32", "bf16", "f64", "i32", "u8". */
const char *ppi_dtype_name(ppi_dtype t);

#endif
