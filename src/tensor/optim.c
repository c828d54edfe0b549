/* Optimisers: the global norm first, so that a bad gradient changes nothing; then one pass over the blocks. */
#include "tensor/optim.h"

#include "base/error.h"

#include <math.h>

#define ROW(opt, kind, field, value, low, high, list, text, other)                                                         \
    {.name = opt, .type = kind, .offset = offsetof(ppi_optim_options, field), .def = value, .min = low, .max = high,       \
     .choices = list, .help = text, .alias = other}

static const ppi_option rows[] = {
    ROW("optim.name", PPI_OPT_CHOICE, kind, "adamw", 0, 0, "adam|adamw|lamb|rmsprop", "Optimiser.", NULL),
    ROW("optim.lr", PPI_OPT_F64, lr, "0.0003", 0, 100, NULL, "Peak learning rate.", NULL),
    ROW("optim.beta1", PPI_OPT_F64, beta1, "0.9", 0, 0.9999999, NULL, "Decay of the first moment; rmsprop: momentum.", NULL),
    ROW("optim.beta2", PPI_OPT_F64, beta2, "0.999", 0, 0.9999999, NULL, "Decay of the second moment.", NULL),
    ROW("optim.eps", PPI_OPT_F64, eps, "1e-8", 0, 1, NULL, "Added to the root of the second moment; rmsprop: inside the root.", NULL),
    ROW("optim.weight-decay", PPI_OPT_F64, weight_decay, "0.01", 0, 10, NULL, "Decoupled weight decay (adamw, lamb).", NULL),
    ROW("optim.clip", PPI_OPT_F64, clip, "1", 0, 1e9, NULL, "Largest global gradient norm; 0 does not clip.", NULL),
    ROW("optim.warmup", PPI_OPT_I64, warmup, "100", 0, 1e12, NULL, "Steps of linear warm-up.", NULL),
    ROW("optim.warmup-start", PPI_OPT_F64, warmup_start, "0", 0, 100, NULL, "Learning rate that the warm-up begins at.", NULL),
    ROW("optim.schedule", PPI_OPT_CHOICE, schedule, "constant", 0, 0, "constant|cosine|linear", "Learning rate after warm-up.", NULL),
    ROW("optim.final-ratio", PPI_OPT_F64, final_ratio, "0.1", 0, 1, NULL, "Learning rate at the end over the peak (cosine, linear).", NULL),
};

const ppi_option_table ppi_optim_option_table = {.component = "optimiser", .rows = rows, .count = sizeof rows / sizeof rows[0]};

double ppi_optim_lr(const ppi_optim_options *o, int64_t step) {
    if (step < o->warmup) return o->warmup_start + (o->lr - o->warmup_start) * (double)(step + 1) / (double)o->warmup;
    const int64_t span = o->total_steps - o->warmup;
    if (o->schedule == PPI_SCHEDULE_CONSTANT || span <= 0) return o->lr;
    double t = (double)(step - o->warmup) / (double)span;
    if (t > 1.0) t = 1.0;
    const double left = o->schedule == PPI_SCHEDULE_COSINE ? 0.5 * (1.0 + cos(3.14159265358979323846 * t)) : 1.0 - t;
    return o->lr * (o->final_ratio + (1.0 - o->final_ratio) * left);
}

static pp_status check_finite(const ppi_params *p, const ppi_backend *be, int threads, double squares) {
    if (isfinite(squares)) return PP_OK;
    const int64_t at = be->flat->first_nonfinite(p->grad, p->total, threads);
    for (int i = 0; i < p->count; i++) {
        const ppi_param *t = &p->item[i];
        if (at < t->offset || at >= t->offset + t->count) continue;
        return ppi_fail(PP_ERR_NUMERIC, "gradient of \"%s\" is %g at element %lld", t->name, (double)p->grad[at], (long long)(at - t->offset));
    }
    return ppi_fail(PP_ERR_NUMERIC, "the gradient norm is not finite");
}

/* What all kernels of one update share. */
typedef struct update {
    const ppi_optim_options *o;
    ppi_params *p;
    const ppi_flat_kernels *flat;
    double count; /* updates with this one */
    float gscale, lr, c1, c2;
    int threads;
} update;

static float decay_of(const update *u, int group) {
    return u->o->kind == PPI_OPTIM_ADAM || group == 1 ? 0.0f : (float)u->o->weight_decay;
}

/* Elements of tensors that lie side by side. */
typedef struct span {
    int64_t at, n;
} span;

/* From tensor `first` on to the next one of another kind: of another group, or where `all` is set, trained instead of
   not. *next is the tensor behind; padding counts as part of the tensor in front. */
static span span_from(const ppi_params *p, int first, bool all, int *next) {
    const int group = p->item[first].group;
    int last = first;
    while (last + 1 < p->count && (p->item[last + 1].group == group ||
                                   (all && group != PPI_GROUP_RUNNING && p->item[last + 1].group != PPI_GROUP_RUNNING))) {
        last++;
    }
    *next = last + 1;
    const int64_t at = p->item[first].offset;
    return (span){at, (last + 1 < p->count ? p->item[last + 1].offset : p->total) - at};
}

/* Sum of squares of the gradients of everything that is trained. */
static double squares_of(const ppi_params *p, const ppi_backend *be, int threads) {
    double sum = 0.0;
    for (int i = 0; i < p->count;) {
        const bool trained = p->item[i].group != PPI_GROUP_RUNNING;
        const span s = span_from(p, i, true, &i);
        if (trained) sum += be->flat->sum_squares(p->grad + s.at, s.n, threads);
    }
    return sum;
}

/* Moves a running mean towards what the gradient block holds; the weights of all steps so far sum to 1. */
static void move_running(const update *u, const ppi_param *t) {
    const double decay = (double)t->running_decay;
    const float rate = (float)((1.0 - decay) / (1.0 - pow(decay, u->count)));
    float *x = u->p->master + t->offset;
    const float *now = u->p->grad + t->offset;
    for (int64_t i = 0; i < t->count; i++) x[i] += rate * (now[i] - x[i]);
    if (u->p->compute) u->flat->to_bf16(u->p->compute + t->offset, x, t->count, 1);
}

static void adam_span(const update *u, span s, int group) {
    const ppi_params *p = u->p;
    u->flat->adam(p->master + s.at, p->compute ? p->compute + s.at : NULL, p->grad + s.at, p->slot[0] + s.at, p->slot[1] + s.at, s.n,
                  u->gscale, u->lr, (float)u->o->beta1, (float)u->o->beta2, (float)u->o->eps, decay_of(u, group), u->c1, u->c2,
                  u->threads);
}

static void lamb_tensor(const update *u, const ppi_param *t) {
    const ppi_params *p = u->p;
    const int64_t at = t->offset;
    double p_sq = 0.0;
    double u_sq = 0.0;
    u->flat->lamb_update(p->scratch, p->master + at, p->grad + at, p->slot[0] + at, p->slot[1] + at, t->count, u->gscale,
                         (float)u->o->beta1, (float)u->o->beta2, (float)u->o->eps, decay_of(u, t->group), u->c1, u->c2, &p_sq, &u_sq,
                         u->threads);
    const double ratio = p_sq > 0.0 && u_sq > 0.0 ? sqrt(p_sq / u_sq) : 1.0;
    u->flat->apply(p->master + at, p->compute ? p->compute + at : NULL, p->scratch, (float)((double)u->lr * ratio), t->count, u->threads);
}

/* slot[0] is the momentum, slot[1] the mean square. */
static void rmsprop_span(const update *u, span s) {
    const ppi_params *p = u->p;
    u->flat->rmsprop(p->master + s.at, p->compute ? p->compute + s.at : NULL, p->grad + s.at, p->slot[0] + s.at, p->slot[1] + s.at, s.n,
                     u->gscale, u->lr, (float)u->o->beta2, (float)u->o->beta1, (float)u->o->eps, u->threads);
}

/* One update of everything, in spans as large as the optimiser takes. */
static void update_all(const update *u) {
    const ppi_params *p = u->p;
    for (int i = 0; i < p->count;) {
        const int first = i;
        const int group = p->item[i].group;
        const span s = span_from(p, i, u->o->kind == PPI_OPTIM_RMSPROP, &i);
        if (group == PPI_GROUP_RUNNING) {
            for (int k = first; k < i; k++) move_running(u, &p->item[k]);
        } else if (u->o->kind == PPI_OPTIM_LAMB) {
            for (int k = first; k < i; k++) lamb_tensor(u, &p->item[k]);
        } else if (u->o->kind == PPI_OPTIM_RMSPROP) {
            rmsprop_span(u, s);
        } else {
            adam_span(u, s, group);
        }
    }
}

pp_status ppi_optim_step(const ppi_optim_options *o, ppi_params *p, const ppi_backend *be, int64_t step, int threads, double *grad_norm) {
    if (!p->grad || !p->slot[0] || !p->scratch) return ppi_fail(PP_ERR_ARGUMENT, "optimiser step without gradient and moment blocks");
    const double squares = squares_of(p, be, threads);
    const double norm = sqrt(squares);
    if (grad_norm) *grad_norm = norm;
    PPI_TRY(check_finite(p, be, threads, squares));
    const double t = (double)(step + 1);
    const update u = {.o = o,
                      .p = p,
                      .flat = be->flat,
                      .count = t,
                      .gscale = o->clip > 0.0 && norm > o->clip ? (float)(o->clip / norm) : 1.0f,
                      .lr = (float)ppi_optim_lr(o, step),
                      .c1 = (float)(1.0 - pow(o->beta1, t)),
                      .c2 = (float)(1.0 - pow(o->beta2, t)),
                      .threads = threads};
    p->version++;
    update_all(&u);
    return PP_OK;
}
