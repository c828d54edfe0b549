/* Parameters: named tensors over flat blocks. One allocation per role (fp32 master, bf16 compute copy,
   fp32 gradient, optimiser slots), so that clip, optimiser, EMA, all-reduce and checkpoint are loops
   over ranges. Register all, then allocate once. */
#ifndef PPI_TENSOR_PARAMS_H
#define PPI_TENSOR_PARAMS_H

#include "tensor/backend.h"

typedef enum ppi_init_kind {
    PPI_INIT_ZERO,
    PPI_INIT_ONE,
    PPI_INIT_NORMAL,      /* plain normal, standard deviation sigma */
    PPI_INIT_TRUNC_NORMAL, /* normal of deviation sigma, redrawn outside +-2 sigma */
    /* A table [V,D] whose rows change smoothly from one to the next: column d of row v is
       sqrt(2) sigma cos(w_d v + b_d), w_d normal of deviation 1/PPI_SMOOTH_ROWS, b_d uniform on the
       circle (random Fourier features, Rahimi and Recht 2007). Deviation sigma over the columns. */
    PPI_INIT_SMOOTH
} ppi_init_kind;

#define PPI_SMOOTH_ROWS 3 /* rows over which a smooth table decorrelates */

typedef struct ppi_init {
    ppi_init_kind kind;
    float sigma;
} ppi_init;

/* A parameter that is not trained: its part of the gradient block holds the value of which it is a running mean. */
enum { PPI_GROUP_RUNNING = 2 };

typedef struct ppi_param {
    char name[96];
    ppi_shape shape;
    int64_t offset; /* elements into every block; a multiple of 16 */
    int64_t count;
    int group; /* optimiser group: 0 by default, 1 = no weight decay, PPI_GROUP_RUNNING */
    float running_decay; /* of PPI_GROUP_RUNNING */
    ppi_init init;
} ppi_param;

typedef struct ppi_params {
    ppi_param *item;
    int count, capacity;
    int64_t total;   /* elements of a block, padding included */
    int64_t n_real;  /* elements without padding: the parameter count */
    uint64_t version; /* grows with every change of the values: init, optimiser step, sync */
    float *master;   /* [total]; call ppi_params_sync after writing to it */
    uint16_t *compute; /* [total] bf16 copy, NULL unless asked for */
    float *grad;     /* [total], NULL unless asked for */
    float *slot[2];  /* [total] optimiser moments, NULL unless asked for */
    float *scratch;  /* [largest tensor] one update direction at a time; comes with the slots */
} ppi_params;

typedef enum ppi_params_roles { PPI_ROLE_GRAD = 1, PPI_ROLE_COMPUTE = 2, PPI_ROLE_SLOTS = 4 } ppi_params_roles;

pp_status ppi_params_create(ppi_params **out);
void ppi_params_destroy(ppi_params *p);
/* Registers a tensor, or finds the one already there under that name (its shape must agree). Returns its
   index through `index`. PP_ERR_SHAPE on disagreement, PP_ERR_ARGUMENT for a new name after allocation. */
pp_status ppi_params_add(ppi_params *p, const char *name, const ppi_shape *shape, ppi_init init, int group, int *index);
/* Registers or finds a running mean, 0 <= decay < 1. As above. */
pp_status ppi_params_add_running(ppi_params *p, const char *name, const ppi_shape *shape, ppi_init init, float decay, int *index);
/* Index of a name, or -1. */
int ppi_params_find(const ppi_params *p, const char *name);
/* Allocates the blocks (zeroed); may be called again to add roles. */
pp_status ppi_params_alloc(ppi_params *p, unsigned roles);
/* Draws initial values: element i of tensor "name" depends on (seed, name, i) only. */
void ppi_params_init(ppi_params *p, uint64_t seed);
/* Tells that the master block was written to: refreshes the bf16 copy where there is one, and what kernels keep of weights. */
void ppi_params_sync(ppi_params *p, const ppi_backend *be, int threads);

#endif
