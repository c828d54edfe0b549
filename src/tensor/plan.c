/* Compiling a graph: load its live part, apply the dtype policy, choose kernels, place memory, set the
   kernels up. Running is then a loop over function pointers. */
#include "tensor/plan.h"

#include "base/bf16.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "tensor/plan_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Roles that the caller or the parameter block reads after a run. */
static const unsigned READ_OUTSIDE = PPI_VALUE_OUTPUT | PPI_VALUE_PARAM_GRAD;

int ppi_plan_add_value(ppi_plan *p, const ppi_pvalue *v) {
    if (p->n_values == p->cap_values) {
        const int wanted = p->cap_values * 2 + 64;
        ppi_pvalue *bigger = ppi_realloc(p->value, (size_t)wanted * sizeof *bigger);
        if (!bigger) return -1;
        p->value = bigger;
        p->cap_values = wanted;
    }
    p->value[p->n_values] = *v;
    return p->n_values++;
}

/* live[i]: node i contributes to an output or a parameter gradient. */
static void find_live(const ppi_graph *g, bool keep_all, bool *live, bool *wanted) {
    for (int v = 0; v < ppi_graph_value_count(g); v++) wanted[v] = (ppi_graph_value(g, v)->roles & READ_OUTSIDE) != 0;
    for (int i = ppi_graph_node_count(g) - 1; i >= 0; i--) {
        const ppi_node *n = ppi_graph_node(g, i);
        live[i] = keep_all;
        for (int j = 0; j < n->n_out; j++) live[i] = live[i] || wanted[n->out[j]];
        for (int j = 0; live[i] && j < n->n_in; j++) wanted[n->in[j]] = true;
    }
}

static pp_status load_values(ppi_plan *p, const ppi_graph *g) {
    for (int v = 0; v < ppi_graph_value_count(g); v++) {
        const ppi_value_info *info = ppi_graph_value(g, v);
        ppi_pvalue pv = {.dtype = info->dtype, .shape = info->shape, .roles = info->roles, .param = info->param, .root = v,
                         .init = info->data, .first = -1, .last = -1, .buffer = -1};
        snprintf(pv.name, sizeof pv.name, "%s", info->name);
        if (ppi_plan_add_value(p, &pv) < 0) return ppi_oom("plan values");
    }
    for (int v = 0; v < p->n_values; v++) p->trains = p->trains || (p->value[v].roles & PPI_VALUE_PARAM_GRAD);
    p->n_graph_values = p->n_values;
    const int names = ppi_graph_name_count(g);
    p->name = ppi_calloc((size_t)names + 1, sizeof *p->name);
    if (!p->name) return ppi_oom("plan names");
    for (int i = 0; i < names; i++) snprintf(p->name[i].name, sizeof p->name[i].name, "%s", ppi_graph_name(g, i, &p->name[i].v));
    p->n_names = names;
    return PP_OK;
}

/* RESHAPE makes a view, every other live node a step. */
static pp_status load_steps(ppi_plan *p, const ppi_graph *g, const bool *live) {
    for (int i = 0; i < ppi_graph_node_count(g); i++) {
        const ppi_node *n = ppi_graph_node(g, i);
        if (!live[i]) continue;
        if (n->op == PPI_OP_RESHAPE) {
            const int root = p->value[n->in[0]].root;
            p->value[n->out[0]].root = root;
            p->value[root].roles |= p->value[n->out[0]].roles;
            continue;
        }
        ppi_pstep *s = &p->step[p->n_steps++];
        *s = (ppi_pstep){.op = n->op, .n_in = n->n_in, .n_out = n->n_out, .params = n->params, .workspace_buffer = -1};
        for (int j = 0; j < n->n_in; j++) s->in[j] = n->in[j];
        for (int j = 0; j < n->n_out; j++) s->out[j] = n->out[j];
        PPI_TRY(ppi_op_rows_copy(s->op, &s->params, &p->lists));
    }
    return PP_OK;
}

static pp_status load(ppi_plan *p, const ppi_graph *g) {
    const int nodes = ppi_graph_node_count(g);
    bool *live = ppi_calloc((size_t)nodes + 1, sizeof *live);
    bool *wanted = ppi_calloc((size_t)ppi_graph_value_count(g) + 1, sizeof *wanted);
    p->step = ppi_calloc((size_t)nodes + 1, sizeof *p->step);
    pp_status s = live && wanted && p->step ? load_values(p, g) : ppi_oom("plan");
    if (s == PP_OK) {
        find_live(g, p->o.keep_all, live, wanted);
        s = load_steps(p, g, live);
    }
    ppi_free(live);
    ppi_free(wanted);
    return s;
}

/* A root is wanted when a step or somebody outside reads it, or when it is a leaf. */
static void mark_wanted(ppi_plan *p) {
    for (int v = 0; v < p->n_values; v++) p->value[v].wanted = p->value[v].root == v && (p->o.keep_all || p->value[v].roles != 0);
    for (int i = 0; i < p->n_steps; i++) {
        for (int j = 0; j < p->step[i].n_in; j++) p->value[p->value[p->step[i].in[j]].root].wanted = true;
    }
}

static pp_status need_blocks(ppi_plan *p) {
    unsigned roles = 0;
    bool any = false;
    for (int v = 0; v < p->n_values; v++) {
        const ppi_pvalue *pv = &p->value[v];
        any = any || pv->param >= 0;
        if (pv->roles & PPI_VALUE_PARAM_GRAD) roles |= PPI_ROLE_GRAD;
        if (pv->compute) roles |= PPI_ROLE_COMPUTE;
    }
    if (!any) return PP_OK;
    PPI_TRY(ppi_params_alloc(p->params, roles));
    if (roles & PPI_ROLE_COMPUTE) ppi_params_sync(p->params, p->be, p->o.threads);
    return PP_OK;
}

/* Query and key pairs that the mask of attention lets through, over the batch; q is input number `q`. */
static double seen_pairs(const ppi_kernel_args *a, int q) {
    const int64_t batch = a->in[q].shape.dim[0];
    int64_t seen = 0;
    for (int64_t i = 0; i < a->in[q].shape.dim[1]; i++) {
        for (int64_t k = 0; k < a->in[q + 1].shape.dim[1]; k++) seen += ppi_mask_allows(&a->params.attention.mask, i, k);
    }
    return (double)(batch * seen);
}

/* FLOPs of a step: two per multiply-add. */
static double step_flops(const ppi_kernel_args *a, ppi_op op) {
    const ppi_shape *x = &a->in[0].shape;
    const double out = (double)ppi_shape_count(&a->out[0].shape);
    switch (op) {
    case PPI_OP_LINEAR: return 2.0 * out * (double)x->dim[x->ndim - 1];
    case PPI_OP_MATMUL: {
        const double last = (double)x->dim[x->ndim - 1];
        return 2.0 * out * (a->params.matmul.trans_a ? (double)ppi_shape_count(x) / last : last);
    }
    case PPI_OP_ATTENTION: return 4.0 * seen_pairs(a, 0) * (double)x->dim[2];
    case PPI_OP_ATTENTION_GRAD: return 10.0 * seen_pairs(a, 1) * (double)x->dim[2]; /* scores again, dp, dq, dk, dv */
    case PPI_OP_LSTM: return 8.0 * out * (double)a->out[0].shape.dim[2];
    case PPI_OP_LSTM_GRAD: return 0.5 * out * (double)a->out[0].shape.dim[2]; /* out: four gates of each unit */
    case PPI_OP_LSTM_GRAD_W: return 2.0 * (double)ppi_shape_count(x) * (double)a->out[0].shape.dim[0];
    case PPI_OP_CONV2D: return 2.0 * out * (double)ppi_shape_count(&a->in[1].shape) / (double)a->out[0].shape.dim[3];
    case PPI_OP_CONV2D_GRAD_X: return 2.0 * (double)ppi_shape_count(x) * (double)ppi_shape_count(&a->in[1].shape) / (double)x->dim[3];
    case PPI_OP_CONV2D_GRAD_W: return 2.0 * (double)ppi_shape_count(x) * out / (double)x->dim[3];
    default: return 0.0;
    }
}

static ppi_operand operand_of(const ppi_plan *p, int v) {
    return (ppi_operand){.dtype = p->value[p->value[v].root].dtype, .shape = p->value[v].shape};
}

/* The first kernel that accepts the step, NULL for none; completes the step's arguments as far as they are known. */
static const ppi_kernel *first_kernel(const ppi_plan *p, const ppi_pstep *s, ppi_kernel_args *a, bool accumulate) {
    *a = (ppi_kernel_args){.n_in = s->n_in, .n_out = s->n_out, .params = s->params, .accumulate = accumulate, .step = &p->run_step,
                           .seed = &p->o.seed, .threads = p->o.threads};
    for (int j = 0; j < s->n_in; j++) a->in[j] = operand_of(p, s->in[j]);
    for (int j = 0; j < s->n_out; j++) a->out[j] = operand_of(p, s->out[j]);
    if (!p->trains && s->n_in > 1 && (p->value[p->value[s->in[1]].root].roles & PPI_VALUE_PARAM)) a->weight_version = &p->params->version;
    for (const ppi_kernel *const *k = p->be->kernels(p->be, s->op); k && *k; k++) {
        if (!(*k)->accepts || (*k)->accepts(a)) return *k;
    }
    return NULL;
}

bool ppi_plan_can_accumulate(const ppi_plan *p, const ppi_pstep *s) {
    ppi_kernel_args a;
    const ppi_kernel *k = first_kernel(p, s, &a, false);
    return k && k == first_kernel(p, s, &a, true);
}

static pp_status choose_kernel(ppi_plan *p, ppi_pstep *s) {
    char text[PPI_STEP_TEXT];
    ppi_kernel_args *a = &s->args;
    s->kernel = first_kernel(p, s, a, a->accumulate);
    if (!s->kernel) return ppi_fail(PP_ERR_UNSUPPORTED, "backend %s has no kernel for %s", p->be->name, ppi_plan_step_text(p, s, text));
    s->workspace_bytes = s->kernel->workspace_size ? s->kernel->workspace_size(a) : 0;
    s->flops = step_flops(a, s->op);
    ppi_log(PPI_LOG_DEBUG, "plan: %s by %s", ppi_plan_step_text(p, s, text), s->kernel->name);
    return PP_OK;
}

static pp_status set_up(ppi_plan *p) {
    char text[PPI_STEP_TEXT];
    for (int i = 0; i < p->n_steps; i++) {
        ppi_pstep *s = &p->step[i];
        for (int j = 0; j < s->n_in; j++) s->args.in[j].data = p->value[p->value[s->in[j]].root].data;
        for (int j = 0; j < s->n_out; j++) s->args.out[j].data = p->value[p->value[s->out[j]].root].data;
        if (s->workspace_buffer >= 0) s->args.workspace = (char *)p->arena + p->buffer[s->workspace_buffer].offset;
        const pp_status st = s->kernel->setup ? s->kernel->setup(&s->args) : PP_OK;
        if (st != PP_OK) return ppi_fail_context(st, "%s by %s", ppi_plan_step_text(p, s, text), s->kernel->name);
        s->ready = true;
    }
    return PP_OK;
}

static void store_f32(void *to, ppi_dtype dtype, const float *from, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (dtype == PPI_F64) {
            ((double *)to)[i] = (double)from[i];
        } else if (dtype == PPI_BF16) {
            ((ppi_bf16 *)to)[i] = ppi_bf16_from_f32(from[i]);
        } else {
            ((float *)to)[i] = from[i];
        }
    }
}

static void store_constants(ppi_plan *p) {
    for (int v = 0; v < p->n_values; v++) {
        ppi_pvalue *pv = &p->value[v];
        if ((pv->roles & PPI_VALUE_CONST) && pv->root == v && pv->data) store_f32(pv->data, pv->dtype, pv->init, ppi_shape_count(&pv->shape));
        pv->init = NULL;
    }
}

static pp_status compile(ppi_plan *p, const ppi_graph *g) {
    PPI_TRY(load(p, g));
    PPI_TRY(ppi_plan_apply_policy(p));
    PPI_TRY(ppi_plan_sum_in_place(p));
    mark_wanted(p);
    PPI_TRY(need_blocks(p));
    for (int i = 0; i < p->n_steps; i++) PPI_TRY(choose_kernel(p, &p->step[i]));
    PPI_TRY(ppi_plan_place(p));
    store_constants(p);
    return set_up(p);
}

pp_status ppi_plan_create(ppi_plan **out, ppi_graph *g, const ppi_backend *be, const ppi_plan_options *o) {
    *out = NULL;
    if (ppi_graph_status(g) != PP_OK) return ppi_graph_status(g);
    if (!o->keep_all) PPI_TRY(ppi_graph_skip_dead_rows(g, NULL, 0));
    if (!be) return ppi_fail(PP_ERR_ARGUMENT, "plan without a backend");
    ppi_plan *p = ppi_calloc(1, sizeof *p);
    if (!p) return ppi_oom("plan");
    p->be = be;
    p->params = ppi_graph_params(g);
    p->o = *o;
    if (p->o.threads < 1) p->o.threads = 1;
    const char *profile = getenv("POLYPLAY_PROFILE");
    p->profile = profile && *profile && strcmp(profile, "0") != 0;
    const pp_status s = compile(p, g);
    if (s != PP_OK) {
        ppi_plan_destroy(p);
        return s;
    }
    *out = p;
    return PP_OK;
}

void ppi_plan_destroy(ppi_plan *p) {
    if (!p) return;
    for (int i = 0; i < p->n_steps; i++) {
        ppi_pstep *s = &p->step[i];
        if (s->ready && s->kernel->teardown) s->kernel->teardown(&s->args);
    }
    ppi_aligned_free(p->arena);
    ppi_free(p->value);
    ppi_free(p->step);
    ppi_free(p->buffer);
    ppi_free(p->name);
    ppi_arena_free(&p->lists);
    ppi_free(p);
}

void *ppi_plan_data(const ppi_plan *p, ppi_value v, ppi_dtype *dtype) {
    if (v < 0 || v >= p->n_graph_values) return NULL;
    const ppi_pvalue *root = &p->value[p->value[v].root];
    if (!p->o.keep_all && root->roles == 0) return NULL;
    if (dtype) *dtype = root->dtype;
    return root->data;
}

void *ppi_plan_named(const ppi_plan *p, const char *name, ppi_shape *shape, ppi_dtype *dtype) {
    for (int i = 0; i < p->n_names; i++) {
        if (strcmp(p->name[i].name, name) != 0) continue;
        if (shape) *shape = p->value[p->name[i].v].shape;
        return ppi_plan_data(p, p->name[i].v, dtype);
    }
    return NULL;
}

/* F64 policy: parameters enter through copies and gradients leave through copies. */
static void exchange_f64(ppi_plan *p, bool in) {
    const unsigned role = in ? PPI_VALUE_PARAM : PPI_VALUE_PARAM_GRAD;
    for (int v = 0; v < p->n_values; v++) {
        const ppi_pvalue *pv = &p->value[v];
        if (pv->root != v || !(pv->roles & role) || pv->dtype != PPI_F64 || !pv->data) continue;
        const ppi_param *t = &p->params->item[pv->param];
        double *mine = pv->data;
        if (in) {
            store_f32(mine, PPI_F64, p->params->master + t->offset, t->count);
        } else {
            for (int64_t i = 0; i < t->count; i++) p->params->grad[t->offset + i] = (float)mine[i];
        }
    }
}

/* `seconds` may be NULL. */
static pp_status run_step(ppi_plan *p, const ppi_pstep *s, double *seconds) {
    if (!p->profile && !seconds) return s->kernel->run(&s->args);
    const double start = ppi_clock_seconds();
    const pp_status st = s->kernel->run(&s->args);
    const double spent = ppi_clock_seconds() - start;
    if (seconds) *seconds += spent;
    if (p->profile) ppi_plan_profile_line(p, s, spent);
    return st;
}

pp_status ppi_plan_run(ppi_plan *p, uint64_t step) {
    return ppi_plan_run_timed(p, step, NULL);
}

/* Runs steps first .. end - 1; `seconds` may be NULL. */
static pp_status run_steps(ppi_plan *p, uint64_t step, int first, int end, double *seconds) {
    p->run_step = step;
    for (int i = first; i < end; i++) {
        const pp_status st = run_step(p, &p->step[i], seconds ? seconds + i : NULL);
        char text[PPI_STEP_TEXT];
        if (st != PP_OK) return ppi_fail_context(st, "%s by %s", ppi_plan_step_text(p, &p->step[i], text), p->step[i].kernel->name);
    }
    return PP_OK;
}

pp_status ppi_plan_run_timed(ppi_plan *p, uint64_t step, double *seconds) {
    if (p->o.policy == PPI_DTYPE_POLICY_F64) exchange_f64(p, true);
    PPI_TRY(run_steps(p, step, 0, p->n_steps, seconds));
    if (p->o.policy == PPI_DTYPE_POLICY_F64) exchange_f64(p, false);
    return PP_OK;
}

int ppi_plan_first_reader(const ppi_plan *p, ppi_value v) {
    if (v < 0 || v >= p->n_graph_values) return p->n_steps;
    for (int i = 0; i < p->n_steps; i++) {
        for (int j = 0; j < p->step[i].n_in; j++) {
            if (p->value[p->step[i].in[j]].root == p->value[v].root) return i;
        }
    }
    return p->n_steps;
}

pp_status ppi_plan_run_before(ppi_plan *p, uint64_t step, int split) {
    if (p->o.policy == PPI_DTYPE_POLICY_F64) exchange_f64(p, true);
    return run_steps(p, step, 0, split, NULL);
}

pp_status ppi_plan_run_after(ppi_plan *p, uint64_t step, int split) {
    PPI_TRY(run_steps(p, step, split, p->n_steps, NULL));
    if (p->o.policy == PPI_DTYPE_POLICY_F64) exchange_f64(p, false);
    return PP_OK;
}

size_t ppi_plan_bytes(const ppi_plan *p) { return p->arena_bytes; }

double ppi_plan_flops(const ppi_plan *p) {
    double sum = 0.0;
    for (int i = 0; i < p->n_steps; i++) sum += p->step[i].flops;
    return sum;
}

int ppi_plan_step_count(const ppi_plan *p) { return p->n_steps; }

static double operand_bytes(const ppi_operand *o) {
    return o->data ? (double)ppi_shape_count(&o->shape) * (double)ppi_dtype_size(o->dtype) : 0.0;
}

void ppi_plan_step_cost(const ppi_plan *p, int step, ppi_step_cost *out) {
    const ppi_pstep *s = &p->step[step];
    *out = (ppi_step_cost){.op = ppi_op_get(s->op)->name, .kernel = s->kernel->name, .flops = s->flops, .out = s->args.out[0].shape,
                           .low_precision = s->flops > 0.0 && s->args.in[0].dtype == PPI_BF16};
    for (int j = 0; j < s->n_in; j++) out->bytes += operand_bytes(&s->args.in[j]);
    for (int j = 0; j < s->n_out; j++) out->bytes += operand_bytes(&s->args.out[j]);
    if (s->args.accumulate) out->bytes += operand_bytes(&s->args.out[0]);
}
