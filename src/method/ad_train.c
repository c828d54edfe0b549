/* One training step: batch -> ids, targets and masks in the plan's inputs -> run -> optimiser ->
   figures. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "data/sampler.h"
#include "method/ad_agent.h"

pp_status ppi_ad_train_setup(ppi_agent *agent, int64_t batch, int64_t total_steps) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    if (batch < 1)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a training batch of %lld windows was asked for, expected 1 or more",
                        (long long)batch);
    a->o.optim.total_steps = total_steps;
    PPI_TRY(ppi_params_alloc(agent->params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS));
    if (a->train.plan != NULL && a->batch == batch) return PP_OK;
    ppi_program_clear(&a->train);
    PPI_TRY(ppi_ad_compile(a, &a->train, ppi_ad_build_train, batch));
    a->batch = batch;
    return PP_OK;
}

static pp_status check_batch(const ppi_ad_agent *a, const ppi_batch *b) {
    PPI_TRY(ppi_program_check_batch(&a->train, &a->base, b, a->batch, a->c.timesteps));
    if (b->obs == NULL || b->action == NULL || b->reward == NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "the batch lacks obs, action or reward");
    if (b->terminated == NULL || b->truncated == NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "the batch lacks terminated or truncated");
    return PP_OK;
}

/* Which input tokens are masked in this update: a pure function of (seed, step). */
static pp_status fill_mask(const ppi_ad_agent *a, int64_t step) {
    if (a->c.mask <= 0.0f) return PP_OK;
    const bool key = a->c.core == PPI_AD_TRANSFORMER && a->c.mask_kind == PPI_AD_MASK_KEY;
    void *p;
    PPI_TRY(ppi_program_input(&a->train, key ? "blocked" : "keep", &p));
    ppi_rng rng;
    ppi_rng_init(&rng, a->base.cfg.seed, PPI_RNG_MASK, (uint64_t)step);
    const uint32_t below = (uint32_t)((double)a->c.mask * 4294967296.0);
    const int64_t n = a->batch * ppi_ad_tokens(&a->c);
    enum { CHUNK = 1024 };
    uint32_t words[CHUNK];
    for (int64_t first = 0; first < n; first += CHUNK) {
        const int64_t count = n - first < CHUNK ? n - first : CHUNK;
        ppi_rng_fill_u32(&rng, words, count);
        for (int64_t i = 0; i < count; i++) {
            const bool masked = words[i] < below;
            if (key)
                ((uint8_t *)p)[first + i] = masked;
            else
                ((float *)p)[first + i] = masked ? 0.0f : 1.0f;
        }
    }
    return PP_OK;
}

/* *targets points at the choices written. */
static pp_status fill_inputs(const ppi_ad_agent *a, const ppi_batch *b, int64_t step,
                             const int32_t **targets) {
    ppi_ad_inputs in;
    void *p;
    PPI_TRY(ppi_ad_inputs_of(a, &a->train, &in));
    PPI_TRY(ppi_ad_put_obs(a, &in, 0, b->obs, b->B * b->T));
    PPI_TRY(ppi_program_input(&a->train, "targets", &p));
    int32_t *choice = p;
    for (int64_t i = 0; i < b->B * b->T; i++) PPI_TRY(ppi_ad_choice(a, b->action[i], &choice[i]));
    for (int64_t i = 0; i < b->B; i++) {
        int32_t reward[PPI_AD_MAX_CONTEXT];
        const int64_t at = i * b->T;
        for (int64_t t = 0; t < b->T; t++)
            reward[t] = ppi_ad_reward_token(&a->c, (double)b->reward[at + t],
                                            b->terminated[at + t] || b->truncated[at + t]);
        ppi_ad_put_steps(a, &in, at, choice + at, reward, b->T);
    }
    *targets = choice;
    return fill_mask(a, step);
}

pp_status ppi_ad_train_step(ppi_agent *agent, const struct ppi_batch *b, int64_t step,
                            ppi_metrics *out) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    const int32_t *targets = NULL;
    const float *logits = NULL;
    float loss = 0;
    out->count = 0;
    PPI_TRY(check_batch(a, b));
    PPI_TRY(fill_inputs(a, b, step, &targets));
    PPI_TRY(ppi_plan_run(a->train.plan, (uint64_t)step));

    PPI_TRY(ppi_program_read(&a->train, "loss", &loss, 1));
    if (!isfinite(loss)) return ppi_program_not_finite(agent, step, (double)loss);
    PPI_TRY(ppi_program_output(&a->train, "action_logits", &logits));
    ppi_metrics_add(out, "losses/total", (double)loss);
    ppi_metrics_add(out, "time/tokens", (double)(b->B * ppi_ad_tokens(&a->c)));
    ppi_metrics_add(out, "charts/accuracy",
                    ppi_program_accuracy(logits, targets, b->B * b->T, a->c.actions));

    double norm = 0;
    const pp_status s = ppi_optim_step(&a->o.optim, agent->params, agent->cfg.backend, step,
                                       agent->cfg.threads, &norm);
    if (s != PP_OK) return ppi_fail_context(s, "step %lld", (long long)step);
    ppi_metrics_add(out, "charts/grad_norm", norm);
    ppi_metrics_add(out, "charts/lr", ppi_optim_lr(&a->o.optim, step));
    return PP_OK;
}
