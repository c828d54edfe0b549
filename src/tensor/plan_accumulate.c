/* Sums in place. A sum of two values of which one dies there need not be a step: the step that makes the
   other value adds to the first one's memory instead, when its kernel can. Most sums of a backward pass go
   this way (a value that several ops read gets a gradient from each). */
#include "base/error.h"
#include "base/mem.h"
#include "tensor/plan_internal.h"

/* Who writes and reads a root. */
typedef struct uses {
    int writer;    /* step, -1 for leaves */
    int readers;   /* steps, a step that reads it twice counted twice */
    int last_read; /* step, -1 for none */
    int before;    /* last reader but one */
} uses;

static void find_uses(const ppi_plan *p, uses *u) {
    for (int v = 0; v < p->n_values; v++) u[v] = (uses){-1, 0, -1, -1};
    for (int i = 0; i < p->n_steps; i++) {
        const ppi_pstep *s = &p->step[i];
        if (s->op == PPI_OP_COUNT) continue;
        for (int j = 0; j < s->n_in; j++) {
            uses *x = &u[p->value[s->in[j]].root];
            x->readers++;
            x->before = x->last_read;
            x->last_read = i;
        }
        if (s->args.accumulate) { /* its target is read as well; the first writer stays the writer */
            uses *y = &u[p->value[s->out[0]].root];
            y->before = y->last_read;
            y->last_read = i;
            y->readers++;
        }
        for (int j = 0; j < s->n_out; j++) {
            uses *y = &u[p->value[s->out[j]].root];
            if (y->writer < 0) y->writer = i;
        }
    }
}

static bool plain(const ppi_plan *p, int r) { return p->value[r].roles == 0 && p->value[r].dtype == PPI_F32; }

/* True when the maker of `term` can add to the memory of `target` instead, step i being their sum. */
static bool can_add(ppi_plan *p, const uses *u, int i, int term, int target) {
    const int sum = p->value[p->step[i].out[0]].root;
    const int64_t n = ppi_shape_count(&p->value[sum].shape);
    const int maker = u[term].writer;
    if (term == target || !plain(p, sum) || !plain(p, term) || !plain(p, target)) return false;
    if (ppi_shape_count(&p->value[term].shape) != n || ppi_shape_count(&p->value[target].shape) != n) return false;
    if (maker < 0 || p->value[p->step[maker].out[0]].root != term || p->step[maker].args.accumulate) return false;
    if (u[term].readers != 1 || u[target].last_read != i) return false;
    if (u[target].writer < 0 || u[target].writer >= maker || u[target].before >= maker) return false;
    return ppi_plan_can_accumulate(p, &p->step[maker]);
}

/* Everything that was stored in root `from` is now stored in root `to`. */
static void move_root(ppi_plan *p, int from, int to) {
    for (int v = 0; v < p->n_values; v++) {
        if (p->value[v].root == from) p->value[v].root = to;
    }
}

static void remove_marked(ppi_plan *p) {
    int n = 0;
    for (int i = 0; i < p->n_steps; i++) {
        if (p->step[i].op != PPI_OP_COUNT) p->step[n++] = p->step[i];
    }
    p->n_steps = n;
}

pp_status ppi_plan_sum_in_place(ppi_plan *p) {
    if (p->o.keep_all || p->o.policy == PPI_DTYPE_POLICY_F64) return PP_OK;
    uses *u = ppi_calloc((size_t)p->n_values + 1, sizeof *u);
    if (!u) return ppi_oom("plan sums");
    for (int i = 0; i < p->n_steps; i++) {
        ppi_pstep *s = &p->step[i];
        if (s->op != PPI_OP_ADD) continue;
        const int a = p->value[s->in[0]].root;
        const int b = p->value[s->in[1]].root;
        const int sum = p->value[s->out[0]].root;
        find_uses(p, u);
        const bool second = can_add(p, u, i, b, a);
        if (!second && !can_add(p, u, i, a, b)) continue;
        const int term = second ? b : a;
        const int target = second ? a : b;
        p->step[u[term].writer].args.accumulate = true;
        move_root(p, term, target);
        move_root(p, sum, target);
        s->op = PPI_OP_COUNT;
    }
    ppi_free(u);
    remove_marked(p);
    return PP_OK;
}
