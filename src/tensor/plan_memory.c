/* Memory of a plan: one arena. Each root gets a lifetime in steps; an elementwise result takes over the
   buffer of an operand that dies there; buffers and workspaces are then placed largest first, each in
   the lowest gap that no live neighbour covers. */
#include "base/error.h"
#include "base/mem.h"
#include "tensor/plan_internal.h"

#include <stdlib.h>

static size_t round64(size_t n) { return (n + 63) / 64 * 64; }

/* Values that live in the parameter blocks rather than in the arena. */
static bool in_params(const ppi_pvalue *v) {
    return (v->roles & (PPI_VALUE_PARAM | PPI_VALUE_PARAM_GRAD)) && v->dtype != PPI_F64;
}

static bool elementwise(ppi_op op) {
    return op == PPI_OP_ADD || op == PPI_OP_MUL || op == PPI_OP_SCALE || op == PPI_OP_ACT || op == PPI_OP_DROPOUT || op == PPI_OP_ACT_GRAD;
}

static void find_lifetimes(ppi_plan *p) {
    const unsigned leaf = PPI_VALUE_INPUT | PPI_VALUE_PARAM | PPI_VALUE_CONST;
    for (int v = 0; v < p->n_values; v++) {
        ppi_pvalue *x = &p->value[v];
        x->first = x->roles & leaf || p->o.keep_all ? -1 : p->n_steps;
        x->last = x->roles || p->o.keep_all ? p->n_steps : -1;
    }
    for (int i = 0; i < p->n_steps; i++) {
        const ppi_pstep *s = &p->step[i];
        for (int j = 0; j < s->n_in; j++) {
            ppi_pvalue *x = &p->value[p->value[s->in[j]].root];
            if (x->last < i) x->last = i;
        }
        for (int j = 0; j < s->n_out; j++) {
            ppi_pvalue *y = &p->value[p->value[s->out[j]].root];
            if (y->first > i) y->first = i;
            if (y->last < i) y->last = i;
        }
    }
}

/* Operand of step i whose buffer its result may take, -1 for none. */
static int in_place_source(const ppi_plan *p, int i) {
    const ppi_pstep *s = &p->step[i];
    if (p->o.keep_all || !elementwise(s->op)) return -1;
    const ppi_pvalue *y = &p->value[p->value[s->out[0]].root];
    for (int j = 0; j < s->n_in; j++) {
        const int r = p->value[s->in[j]].root;
        const ppi_pvalue *x = &p->value[r];
        if (x->roles == 0 && x->buffer >= 0 && x->last == i && x->dtype == y->dtype &&
            ppi_shape_count(&x->shape) == ppi_shape_count(&y->shape)) {
            return r;
        }
    }
    return -1;
}

static int add_buffer(ppi_plan *p, size_t bytes, int first, int last, int value) {
    p->buffer[p->n_buffers] = (ppi_pbuffer){.bytes = round64(bytes), .first = first, .last = last, .value = value};
    return p->n_buffers++;
}

static void give_buffer(ppi_plan *p, int r) {
    ppi_pvalue *x = &p->value[r];
    if (x->root != r || x->buffer >= 0 || !x->wanted || in_params(x)) return;
    x->buffer = add_buffer(p, (size_t)ppi_shape_count(&x->shape) * ppi_dtype_size(x->dtype), x->first, x->last, r);
}

/* Leaves first, then results in the order of steps, so that an operand has its buffer before its readers look. */
static void assign_buffers(ppi_plan *p) {
    for (int v = 0; v < p->n_values; v++) {
        if (p->value[v].first < 0) give_buffer(p, v);
    }
    for (int i = 0; i < p->n_steps; i++) {
        ppi_pstep *s = &p->step[i];
        const int source = in_place_source(p, i);
        ppi_pvalue *y = &p->value[p->value[s->out[0]].root];
        if (source >= 0 && y->wanted && !in_params(y) && y->buffer < 0) {
            y->buffer = p->value[source].buffer;
            if (p->buffer[y->buffer].last < y->last) p->buffer[y->buffer].last = y->last;
        }
        for (int j = 0; j < s->n_out; j++) give_buffer(p, p->value[s->out[j]].root);
        if (s->workspace_bytes > 0) s->workspace_buffer = add_buffer(p, s->workspace_bytes, i, i, -1);
    }
}

static int larger_first(const void *a, const void *b) {
    const ppi_pbuffer *x = *(const ppi_pbuffer *const *)a;
    const ppi_pbuffer *y = *(const ppi_pbuffer *const *)b;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Places b among `placed`, which is sorted by offset, and inserts it there. */
static void place_one(ppi_pbuffer **placed, int n, ppi_pbuffer *b) {
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        const ppi_pbuffer *q = placed[i];
        if (q->last < b->first || q->first > b->last) continue;
        if (q->offset >= at + b->bytes) break;
        if (q->offset + q->bytes > at) at = q->offset + q->bytes;
    }
    b->offset = at;
    int slot = n;
    while (slot > 0 && placed[slot - 1]->offset > at) {
        placed[slot] = placed[slot - 1];
        slot--;
    }
    placed[slot] = b;
}

static pp_status place_all(ppi_plan *p) {
    const size_t n = (size_t)p->n_buffers;
    ppi_pbuffer **order = ppi_calloc(n + 1, sizeof *order);
    ppi_pbuffer **placed = ppi_calloc(n + 1, sizeof *placed);
    if (!order || !placed) {
        ppi_free(order);
        ppi_free(placed);
        return ppi_oom("memory plan");
    }
    for (size_t i = 0; i < n; i++) order[i] = &p->buffer[i];
    qsort(order, n, sizeof *order, larger_first);
    for (size_t i = 0; i < n; i++) {
        place_one(placed, (int)i, order[i]);
        if (order[i]->offset + order[i]->bytes > p->arena_bytes) p->arena_bytes = order[i]->offset + order[i]->bytes;
    }
    ppi_free(order);
    ppi_free(placed);
    return PP_OK;
}

static void *address(const ppi_plan *p, const ppi_pvalue *x) {
    if (x->buffer >= 0) return (char *)p->arena + p->buffer[x->buffer].offset;
    if (!in_params(x)) return NULL;
    const int64_t at = p->params->item[x->param].offset;
    if (x->roles & PPI_VALUE_PARAM_GRAD) return p->params->grad + at;
    return x->compute ? (void *)(p->params->compute + at) : (void *)(p->params->master + at);
}

pp_status ppi_plan_place(ppi_plan *p) {
    p->buffer = ppi_calloc((size_t)p->n_values + (size_t)p->n_steps + 1, sizeof *p->buffer);
    if (!p->buffer) return ppi_oom("memory plan");
    find_lifetimes(p);
    assign_buffers(p);
    PPI_TRY(place_all(p));
    p->arena = ppi_aligned_alloc64(p->arena_bytes + 64);
    if (!p->arena) return ppi_fail(PP_ERR_NO_MEMORY, "no memory for the %zu bytes of a plan", p->arena_bytes);
    for (int v = 0; v < p->n_values; v++) p->value[v].data = address(p, &p->value[p->value[v].root]);
    return PP_OK;
}
