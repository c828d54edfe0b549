/* Optimisers over the flat parameter blocks: global-norm clip, then Adam, AdamW, LAMB or RMSProp. RMSProp is
   TensorFlow's with eps inside the root: v = beta2 v + (1 - beta2) g^2, m = beta1 m + lr g / sqrt(v + eps), p -= m;
   v and m begin at zero. */
#ifndef PPI_TENSOR_OPTIM_H
#define PPI_TENSOR_OPTIM_H

#include "base/options.h"
#include "tensor/params.h"

typedef enum ppi_optim_kind { PPI_OPTIM_ADAM, PPI_OPTIM_ADAMW, PPI_OPTIM_LAMB, PPI_OPTIM_RMSPROP } ppi_optim_kind;
typedef enum ppi_schedule { PPI_SCHEDULE_CONSTANT, PPI_SCHEDULE_COSINE, PPI_SCHEDULE_LINEAR } ppi_schedule;

typedef struct ppi_optim_options {
    int kind;           /* optim.name: adam|adamw|lamb|rmsprop */
    double lr;          /* optim.lr, peak */
    double beta1, beta2, eps, weight_decay;
    double clip;        /* optim.clip: global norm, 0 = off */
    int64_t warmup;     /* optim.warmup: linear from warmup_start, steps */
    double warmup_start; /* optim.warmup-start: learning rate before the first update */
    int schedule;       /* optim.schedule after warm-up */
    double final_ratio; /* optim.final-ratio: lr at the end / peak */
    int64_t total_steps; /* set by the training loop */
} ppi_optim_options;
extern const ppi_option_table ppi_optim_option_table;

/* Learning rate of update number `step` (0-based): start + (lr - start) * (step+1)/warmup during warm-up. */
double ppi_optim_lr(const ppi_optim_options *o, int64_t step);
/* One update of all parameters from params->grad (SLOTS allocated; slot[0] = m, slot[1] = v). `step` is 0-based;
   bias correction uses step+1. Returns the gradient norm before clipping. A gradient that is not finite changes
   nothing and returns PP_ERR_NUMERIC naming the first bad tensor. LAMB: one trust ratio per named tensor,
   ratio = |p|/|u|, 1 if either is 0, not clamped. */
pp_status ppi_optim_step(const ppi_optim_options *o, ppi_params *p, const ppi_backend *be, int64_t step, int threads, double *grad_norm);

#endif
