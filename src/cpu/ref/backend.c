/* The reference backend: one kernel per op. */
#include "cpu/ref/ref.h"

/* The reference writes results, it does not add to them. */
static bool accepts(const ppi_kernel_args *a) { return !a->accumulate; }

#define PPI_REF_KERNEL(op, fn)                                                                     \
    static const ppi_kernel kernel_##fn = {                                                        \
        .name = "ref:" #fn, .accepts = accepts, .workspace_size = SIZE_##op, .run = ppi_ref_##fn};
#define PPI_REF_LIST(op, fn) [PPI_OP_##op] = {&kernel_##fn, NULL},

/* Workspace rule of each op. */
#define SIZE_CAST NULL
#define SIZE_RESHAPE NULL
#define SIZE_PERMUTE NULL
#define SIZE_SLICE NULL
#define SIZE_SLICE_GRAD NULL
#define SIZE_TAKE_ROWS NULL
#define SIZE_TAKE_ROWS_GRAD NULL
#define SIZE_CONCAT NULL
#define SIZE_ADD NULL
#define SIZE_MUL NULL
#define SIZE_SCALE NULL
#define SIZE_REDUCE_TO NULL
#define SIZE_BROADCAST_TO NULL
#define SIZE_LINEAR ppi_ref_linear_workspace
#define SIZE_MATMUL ppi_ref_matmul_workspace
#define SIZE_ACT NULL
#define SIZE_ACT_GRAD NULL
#define SIZE_LAYER_NORM NULL
#define SIZE_LAYER_NORM_GRAD NULL
#define SIZE_SOFTMAX NULL
#define SIZE_SOFTMAX_GRAD NULL
#define SIZE_ATTENTION ppi_ref_attention_workspace
#define SIZE_ATTENTION_GRAD ppi_ref_attention_grad_workspace
#define SIZE_EMBEDDING NULL
#define SIZE_EMBEDDING_GRAD NULL
#define SIZE_CROSS_ENTROPY NULL
#define SIZE_CROSS_ENTROPY_GRAD NULL
#define SIZE_DROPOUT NULL
#define SIZE_CONV2D NULL
#define SIZE_CONV2D_GRAD_X NULL
#define SIZE_CONV2D_GRAD_W NULL
#define SIZE_LOG_SOFTMAX NULL
#define SIZE_LOG_SOFTMAX_GRAD NULL
#define SIZE_MAX_POOL2D NULL
#define SIZE_MAX_POOL2D_GRAD NULL
#define SIZE_PICK NULL
#define SIZE_PICK_GRAD NULL
#define SIZE_LSTM ppi_ref_lstm_workspace
#define SIZE_LSTM_GRAD ppi_ref_lstm_grad_workspace
#define SIZE_LSTM_GRAD_W NULL
#define SIZE_ONE_HOT NULL
#define SIZE_BATCH_NORM NULL
#define SIZE_BATCH_NORM_GRAD NULL

PPI_REF_OPS(PPI_REF_KERNEL)

static const ppi_kernel *const list[PPI_OP_COUNT][2] = {PPI_REF_OPS(PPI_REF_LIST)};

static const ppi_kernel *const *kernels(const ppi_backend *be, ppi_op op) {
    (void)be;
    return list[op];
}

const ppi_backend *ppi_cpu_reference_backend(void) {
    static const ppi_backend backend = {
        .abi_version = 1, .struct_size = sizeof(ppi_backend), .name = "reference", .kernels = kernels, .flat = &ppi_ref_flat};
    return &backend;
}
