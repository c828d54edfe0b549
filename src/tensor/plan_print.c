/* Texts of a plan: one step, the profile line, the whole plan with its memory map. */
#include "base/log.h"
#include "tensor/plan_internal.h"

#include <stdio.h>

/* Appends to text[PPI_STEP_TEXT] at *at without running over. */
static void put(char *text, size_t *at, const char *a, const char *b, const char *c) {
    const int n = snprintf(text + *at, PPI_STEP_TEXT - *at, "%s%s%s", a, b, c);
    if (n > 0) *at += (size_t)n;
    if (*at >= PPI_STEP_TEXT) *at = PPI_STEP_TEXT - 1;
}

const char *ppi_plan_step_text(const ppi_plan *p, const ppi_pstep *s, char text[PPI_STEP_TEXT]) {
    char shape[PPI_SHAPE_TEXT];
    size_t at = 0;
    put(text, &at, p->value[s->out[0]].name, ": ", ppi_op_get(s->op)->name);
    for (int j = 0; j < s->n_in; j++) {
        const ppi_operand *x = &s->args.in[j];
        put(text, &at, j ? ", " : "(", ppi_dtype_name(x->dtype), ppi_shape_text(shape, &x->shape));
    }
    const ppi_operand *y = &s->args.out[0];
    put(text, &at, s->args.accumulate ? ") += " : ") -> ", ppi_dtype_name(y->dtype), ppi_shape_text(shape, &y->shape));
    return text;
}

void ppi_plan_profile_line(const ppi_plan *p, const ppi_pstep *s, double seconds) {
    char text[PPI_STEP_TEXT];
    const double rate = seconds > 0.0 ? s->flops / seconds * 1e-9 : 0.0;
    ppi_log(PPI_LOG_INFO, "profile %-22s %9.1f us %8.2f GFLOP/s  %s", s->kernel->name, seconds * 1e6, rate, ppi_plan_step_text(p, s, text));
}

static void print_place(const ppi_plan *p, int v, ppi_buf *out) {
    const ppi_pvalue *x = &p->value[p->value[v].root];
    char shape[PPI_SHAPE_TEXT];
    (void)ppi_buf_printf(out, " %s %s%s", p->value[v].name, ppi_dtype_name(x->dtype), ppi_shape_text(shape, &p->value[v].shape));
    if (x->buffer >= 0) {
        (void)ppi_buf_printf(out, "@%zu", p->buffer[x->buffer].offset);
    } else {
        (void)ppi_buf_append_text(out, x->roles & PPI_VALUE_PARAM_GRAD ? "@grad" : x->compute ? "@compute" : x->data ? "@param" : "@none");
    }
}

static void print_steps(const ppi_plan *p, ppi_buf *out) {
    for (int i = 0; i < p->n_steps; i++) {
        const ppi_pstep *s = &p->step[i];
        (void)ppi_buf_printf(out, "%4d %-24s", i, s->kernel->name);
        for (int j = 0; j < s->n_out; j++) print_place(p, s->out[j], out);
        (void)ppi_buf_append_text(out, s->args.accumulate ? " +=" : " <-");
        for (int j = 0; j < s->n_in; j++) print_place(p, s->in[j], out);
        if (s->flops > 0.0) (void)ppi_buf_printf(out, "  %.3f MFLOP", s->flops * 1e-6);
        (void)ppi_buf_append_char(out, '\n');
    }
}

static void print_memory(const ppi_plan *p, ppi_buf *out) {
    size_t sum = 0;
    for (int b = 0; b < p->n_buffers; b++) sum += p->buffer[b].bytes;
    (void)ppi_buf_printf(out, "memory: %zu bytes in one arena, %d buffers of %zu bytes together\n", p->arena_bytes, p->n_buffers, sum);
    for (int b = 0; b < p->n_buffers; b++) {
        const ppi_pbuffer *q = &p->buffer[b];
        (void)ppi_buf_printf(out, "  @%-12zu %12zu bytes  steps %d..%d  %s\n", q->offset, q->bytes, q->first, q->last,
                             q->value >= 0 ? p->value[q->value].name : "workspace");
    }
}

pp_status ppi_plan_print(const ppi_plan *p, ppi_buf *out) {
    static const char *const policy[] = {[PPI_DTYPE_POLICY_F32] = "f32", [PPI_DTYPE_POLICY_BF16] = "bf16", [PPI_DTYPE_POLICY_F64] = "f64"};
    (void)ppi_buf_printf(out, "plan: backend %s, policy %s, %d threads, %d steps, %.3f GFLOP\n", p->be->name, policy[p->o.policy],
                         p->o.threads, p->n_steps, ppi_plan_flops(p) * 1e-9);
    print_steps(p, out);
    print_memory(p, out);
    return out->failed;
}
