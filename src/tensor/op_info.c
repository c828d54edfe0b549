/* Facts of every op as plain data, generated from ops.def. */
#include "tensor/backend.h"

static const ppi_op_info op_info[PPI_OP_COUNT] = {
#define PP_OP(e, text, least, most, outputs, shape_rule, grad_rule, row_rule, b_in, b_out, t_f32, t_bf16, about)           \
    [PPI_OP_##e] = {.name = text, .min_in = least, .max_in = most, .n_out = outputs, .rows = PPI_ROWS_##row_rule,         \
                    .bf16_in = b_in, .bf16_out = b_out, .tol_f32 = t_f32, .tol_bf16 = t_bf16, .doc = about},
#include "tensor/ops.def"
#undef PP_OP
};

const ppi_op_info *ppi_op_get(ppi_op op) {
    return (unsigned)op < PPI_OP_COUNT ? &op_info[op] : NULL;
}
