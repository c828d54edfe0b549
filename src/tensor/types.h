/* Element types and the small shared types of the tensor engine. Tensors are dense, row-major,
   at most six dimensions; images are N,H,W,C. */
#ifndef PPI_TENSOR_TYPES_H
#define PPI_TENSOR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PPI_MAX_DIMS 6
#define PPI_MAX_INPUTS 8
#define PPI_MAX_OUTPUTS 3
#define PPI_MAX_PARTS 8 /* components of a one-hot encoding */

typedef enum ppi_dtype { PPI_F32, PPI_BF16, PPI_F64, PPI_I32, PPI_U8, PPI_DTYPE_COUNT } ppi_dtype;

/* Bytes of one element. */
static inline size_t ppi_dtype_size(ppi_dtype t) {
    static const size_t size[PPI_DTYPE_COUNT] = {4, 2, 8, 4, 1};
    return size[t];
}

typedef struct ppi_shape {
    int ndim;
    int64_t dim[PPI_MAX_DIMS];
} ppi_shape;

static inline int64_t ppi_shape_count(const ppi_shape *s) {
    int64_t n = 1;
    for (int i = 0; i < s->ndim; i++) n *= s->dim[i];
    return n;
}

/* Functions of one number. HUBER is x^2/2 up to |x| = 1 and |x| - 1/2 beyond: a loss, not for LINEAR or CONV2D. */
typedef enum ppi_act {
    PPI_ACT_NONE,
    PPI_ACT_RELU,
    PPI_ACT_GELU_TANH,
    PPI_ACT_GELU_ERF,
    PPI_ACT_TANH,
    PPI_ACT_HUBER,
    PPI_ACT_COUNT
} ppi_act;

/* SAME padding makes ceil(size / stride) results. All zero rows (or columns) that it adds, and how many of them come
   before the first: the smaller half. */
static inline int64_t ppi_same_padding(int64_t size, int64_t kernel, int64_t stride) {
    const int64_t all = ((size + stride - 1) / stride - 1) * stride + kernel - size;
    return all > 0 ? all : 0;
}
static inline int64_t ppi_padding_before(bool same, int64_t pad, int64_t size, int64_t kernel, int64_t stride) {
    return same ? ppi_same_padding(size, kernel, stride) / 2 : pad;
}
static inline int64_t ppi_padding_behind(bool same, int64_t pad, int64_t size, int64_t kernel, int64_t stride) {
    const int64_t all = ppi_same_padding(size, kernel, stride);
    return same ? all - all / 2 : pad;
}

/* Some rows of a larger tensor: row i of the smaller one is row at[i] of the larger, ascending. at is NULL where all
   rows are there. The list belongs to the graph or the plan that holds the node. */
typedef struct ppi_row_list {
    const int32_t *at;
    int64_t n;
} ppi_row_list;

/* Which keys a query may see. Query row i has absolute position q_offset + i, or q_offset + q_rows.at[i]; key rows
   start at 0.
   FULL: all. CAUSAL: k <= q. BLOCK_CAUSAL (Multi-Game Decision Transformer): k <= q, or q and k lie in
   the first `patches` slots of the same block of `stride` rows; and a key whose slot equals `drop_slot`
   in a block other than block 0 is never visible (drop_slot -1: none dropped). */
typedef enum ppi_mask_kind { PPI_MASK_FULL, PPI_MASK_CAUSAL, PPI_MASK_BLOCK_CAUSAL } ppi_mask_kind;
typedef struct ppi_mask {
    ppi_mask_kind kind;
    int32_t q_offset;
    int32_t stride;
    int32_t patches;
    int32_t drop_slot;
    ppi_row_list q_rows;
} ppi_mask;

/* True when query row i of the mask sees key row k. */
static inline bool ppi_mask_allows(const ppi_mask *m, int64_t i, int64_t k) {
    const int64_t q = m->q_offset + (m->q_rows.at ? m->q_rows.at[i] : i);
    if (m->kind == PPI_MASK_FULL) return true;
    if (m->kind == PPI_MASK_CAUSAL) return k <= q;
    const int64_t kb = k / m->stride;
    const int64_t ks = k % m->stride;
    if (m->drop_slot >= 0 && ks == m->drop_slot && kb > 0) return false;
    if (k <= q) return true;
    return kb == q / m->stride && ks < m->patches && q % m->stride < m->patches;
}

/* Typed parameters of a node; the op says which member is meant. */
typedef union ppi_op_params {
    struct { float scale; } cast;                                  /* y = x * scale in the output dtype */
    struct { int perm[PPI_MAX_DIMS]; } permute;                    /* output dim i = input dim perm[i] */
    struct { int axis; int64_t start, step, full; } slice;         /* rows start, start+step, ... of `axis`; full = length of that axis in the source */
    struct { int axis; } concat;
    struct { float alpha; } scale;
    struct { ppi_act act; } act;                                   /* LINEAR, ACT, ACT_GRAD */
    struct { bool trans_a, trans_b; } matmul;
    struct { float eps; bool given; } norm;                        /* given: batch norm with moments that are not those of the batch */
    struct { int heads; float scale; ppi_mask mask; float dropout; uint32_t site; } attention; /* dropout of the probabilities, 0 = none; site as below */
    struct { float smoothing; } cross_entropy;                     /* of class targets: (1 - smoothing) one-hot + smoothing / C */
    struct { int64_t rows; } embedding;                            /* rows of the table (for the gradient) */
    struct { float p; uint32_t site; ppi_row_list rows; } dropout; /* site: number of the dropout in its graph; rows: which rows of the
                                                                      tensor that the mask was made for */
    struct { ppi_row_list rows; } take;                            /* TAKE_ROWS and its gradient */
    struct { int stride, pad; ppi_act act; int64_t h, w; bool same; } conv; /* h, w: input size (gradients); kernel size is in the weight
                                                                               shape; same: SAME padding, pad does not count */
    struct { int kernel, stride; bool same; int64_t h, w; } pool;  /* no padding, or SAME; h, w: input size */
    struct { int parts; int32_t size[PPI_MAX_PARTS]; } one_hot;     /* number of values of each component; components repeat */
} ppi_op_params;

#endif
