/* Acting of the LSTM: the window holds what is not in the state yet, the running step and those
   that ended since the last decision. The state is carried over the whole run. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/ad_agent.h"

pp_status ppi_ad_recur_begin(ppi_ad_agent *a, int64_t n) {
    a->state = ppi_calloc((size_t)(2 * n * a->c.lstm), sizeof *a->state);
    if (a->state == NULL) return ppi_oom("the states of the environments");
    PPI_TRY(ppi_ad_compile(a, &a->fold, ppi_ad_build_fold, n));
    return ppi_ad_compile(a, &a->decide, ppi_ad_build_decide, n);
}

void ppi_ad_recur_clear(ppi_ad_agent *a, int64_t env) {
    const int64_t units = a->c.lstm;
    memset(a->state + env * units, 0, (size_t)units * sizeof *a->state);
    memset(a->state + (a->n_envs + env) * units, 0, (size_t)units * sizeof *a->state);
}

/* Steps of a window that are over. */
static int64_t ended(const ppi_ad_run *r) {
    return r->open ? r->length - 1 : r->length;
}

/* The oldest step of every window into the inputs of the fold; false when no step is over. */
static pp_status fill_oldest(const ppi_ad_agent *a, bool *any) {
    ppi_ad_inputs in;
    PPI_TRY(ppi_ad_inputs_of(a, &a->fold, &in));
    *any = false;
    for (int64_t i = 0; i < a->n_envs; i++) {
        const ppi_ad_run *r = &a->run[i];
        const bool there = ended(r) > 0;
        if (there) ppi_ad_put_step_obs(a, &in, i, r, 0);
        in.actions[i] = there ? r->action[0] : 0;
        in.rewards[i] = there ? r->reward[0] : 0;
        *any = *any || there;
    }
    return PP_OK;
}

/* Takes the new states of the windows that had a step. */
static void take_states(ppi_ad_agent *a, const float *h, const float *c) {
    const int64_t units = a->c.lstm;
    const size_t bytes = (size_t)units * sizeof *h;
    for (int64_t i = 0; i < a->n_envs; i++) {
        if (ended(&a->run[i]) == 0) continue;
        memcpy(a->state + i * units, h + i * units, bytes);
        memcpy(a->state + (a->n_envs + i) * units, c + i * units, bytes);
        ppi_ad_run_shift(a, &a->run[i], 1);
    }
}

pp_status ppi_ad_recur_fold(ppi_ad_agent *a) {
    const int64_t n = a->n_envs * a->c.lstm;
    void *h = NULL;
    void *c = NULL;
    PPI_TRY(ppi_program_input(&a->fold, "h", &h));
    PPI_TRY(ppi_program_input(&a->fold, "c", &c));
    for (;;) {
        const float *next_h = NULL;
        const float *next_c = NULL;
        bool any = false;
        PPI_TRY(fill_oldest(a, &any));
        if (!any) return PP_OK;
        memcpy(h, a->state, (size_t)n * sizeof *a->state);
        memcpy(c, a->state + n, (size_t)n * sizeof *a->state);
        PPI_TRY(ppi_plan_run(a->fold.plan, 0));
        PPI_TRY(ppi_program_output(&a->fold, "next_h", &next_h));
        PPI_TRY(ppi_program_output(&a->fold, "next_c", &next_c));
        take_states(a, next_h, next_c);
    }
}

pp_status ppi_ad_recur_logits(ppi_ad_agent *a) {
    void *h = NULL;
    ppi_ad_inputs in;
    PPI_TRY(ppi_ad_recur_fold(a));
    PPI_TRY(ppi_program_input(&a->decide, "h", &h));
    memcpy(h, a->state, (size_t)(a->n_envs * a->c.lstm) * sizeof *a->state);
    PPI_TRY(ppi_ad_obs_inputs(a, &a->decide, &in));
    for (int64_t i = 0; i < a->n_envs; i++) ppi_ad_put_step_obs(a, &in, i, &a->run[i], 0);
    PPI_TRY(ppi_plan_run(a->decide.plan, 0));
    for (int64_t i = 0; i < a->n_envs; i++) PPI_TRY(ppi_ad_take_logits(a, &a->decide, i));
    return PP_OK;
}
