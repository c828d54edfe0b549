/* Acting with kept keys and values: a decision runs one token over what the window's earlier tokens
   left. A full window drops its older half and begins again at position 0, because positions are
   absolute; the tokens that stay are then run once more. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/ad_agent.h"

pp_status ppi_ad_anchor_begin(ppi_ad_agent *a, int64_t n) {
    a->state = ppi_calloc((size_t)(n * a->c.timesteps * a->c.width), sizeof *a->state);
    if (a->state == NULL) return ppi_oom("the keys of the windows");
    PPI_TRY(ppi_ad_compile(a, &a->prefill, ppi_ad_build_prefill, n));
    return ppi_ad_compile(a, &a->next, ppi_ad_build_next, n);
}

/* The program reads an environment's window anew, or one token over what is kept of it. */
static bool is_kept(const ppi_ad_run *r) {
    return r->cached >= r->length - 1;
}

static bool any_live(const ppi_ad_agent *a, const uint8_t *live, bool kept) {
    for (int64_t i = 0; i < a->n_envs; i++) {
        if (ppi_ad_is_live(live, i) && is_kept(&a->run[i]) == kept) return true;
    }
    return false;
}

/* Keys and values of a layer out of the prefill for the environments of which nothing is kept. */
static pp_status take_cache(ppi_ad_agent *a, const char *name) {
    const int64_t n = a->c.timesteps * a->c.width;
    void *cache = NULL;
    PPI_TRY(ppi_program_input(&a->next, name, &cache));
    PPI_TRY(ppi_program_read(&a->prefill, name, a->state, a->n_envs * n));
    for (int64_t i = 0; i < a->n_envs; i++) {
        if (!is_kept(&a->run[i]))
            memcpy((float *)cache + i * n, a->state + i * n, (size_t)n * sizeof *a->state);
    }
    return PP_OK;
}

/* Windows anew: logits, and the keys and values of all their tokens. */
static pp_status run_windows(ppi_ad_agent *a) {
    PPI_TRY(ppi_ad_fill_windows(a, &a->prefill, true));
    PPI_TRY(ppi_plan_run(a->prefill.plan, 0));
    for (int64_t i = 0; i < 2 * a->c.layers; i++) {
        char name[16];
        ppi_ad_cache_name(name, i % 2 == 0 ? "k" : "v", i / 2);
        PPI_TRY(take_cache(a, name));
    }
    for (int64_t i = 0; i < a->n_envs; i++) {
        if (is_kept(&a->run[i])) continue;
        PPI_TRY(ppi_ad_take_logits(a, &a->prefill, i));
        a->run[i].cached = a->run[i].length;
    }
    return PP_OK;
}

/* The running step of every environment into the inputs of the next token. */
static pp_status fill_next(const ppi_ad_agent *a) {
    ppi_ad_inputs in;
    void *position = NULL;
    void *blocked = NULL;
    PPI_TRY(ppi_ad_inputs_of(a, &a->next, &in));
    PPI_TRY(ppi_program_input(&a->next, "position", &position));
    PPI_TRY(ppi_program_input(&a->next, "blocked", &blocked));
    const int64_t T = a->c.timesteps;
    for (int64_t i = 0; i < a->n_envs; i++) {
        const ppi_ad_run *r = &a->run[i];
        const int64_t at = r->length > 0 ? r->length - 1 : 0;
        ppi_ad_put_step_obs(a, &in, i, r, at);
        in.actions[i] = at > 0 ? r->action[at - 1] : (int32_t)a->c.actions;
        in.rewards[i] = at > 0 ? r->reward[at - 1] : 0;
        ((int32_t *)position)[i] = (int32_t)at;
        uint8_t *hidden = (uint8_t *)blocked + i * (T + 1);
        for (int64_t t = 0; t <= T; t++) hidden[t] = t >= at && t < T;
    }
    return PP_OK;
}

/* The new rows behind the kept ones of the live environments. */
static pp_status keep_next(ppi_ad_agent *a, const uint8_t *live) {
    const int64_t T = a->c.timesteps;
    const int64_t width = a->c.width;
    for (int64_t k = 0; k < 2 * a->c.layers; k++) {
        char name[16];
        void *cache = NULL;
        ppi_ad_cache_name(name, k % 2 == 0 ? "k" : "v", k / 2);
        PPI_TRY(ppi_program_input(&a->next, name, &cache));
        ppi_ad_cache_name(name, k % 2 == 0 ? "next_k" : "next_v", k / 2);
        PPI_TRY(ppi_program_read(&a->next, name, a->state, a->n_envs * width));
        for (int64_t i = 0; i < a->n_envs; i++) {
            const int64_t at = a->run[i].length - 1;
            if (ppi_ad_is_live(live, i) && is_kept(&a->run[i]))
                memcpy((float *)cache + (i * T + at) * width, a->state + i * width,
                       (size_t)width * sizeof *a->state);
        }
    }
    for (int64_t i = 0; i < a->n_envs; i++) {
        if (!ppi_ad_is_live(live, i) || !is_kept(&a->run[i])) continue;
        PPI_TRY(ppi_ad_take_logits(a, &a->next, i));
        a->run[i].cached = a->run[i].length;
    }
    return PP_OK;
}

pp_status ppi_ad_anchor_logits(ppi_ad_agent *a, const uint8_t *live) {
    if (any_live(a, live, true)) {
        PPI_TRY(fill_next(a));
        PPI_TRY(ppi_plan_run(a->next.plan, 0));
        PPI_TRY(keep_next(a, live));
    }
    return any_live(a, live, false) ? run_windows(a) : PP_OK;
}
