/* One training step: batch -> token ids and frames in the plan's inputs -> run -> optimiser ->
 * figures. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "data/sampler.h"
#include "method/mgdt_agent.h"

pp_status ppi_mgdt_train_setup(ppi_agent *agent, int64_t batch, int64_t total_steps) {
    ppi_mgdt_agent *a = (ppi_mgdt_agent *)agent;
    if (batch < 1)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a training batch of %lld windows was asked for, expected 1 or more",
                        (long long)batch);
    a->o.optim.total_steps = total_steps;
    PPI_TRY(ppi_params_alloc(agent->params, PPI_ROLE_GRAD | PPI_ROLE_SLOTS));
    if (a->train.plan != NULL && a->batch == batch) return PP_OK;
    ppi_program_clear(&a->train);
    PPI_TRY(ppi_mgdt_compile(a, &a->train, ppi_mgdt_build_train, batch));
    a->batch = batch;
    return PP_OK;
}

static pp_status check_batch(const ppi_mgdt_agent *a, const ppi_batch *b) {
    PPI_TRY(ppi_program_check_batch(&a->train, &a->base, b, a->batch, a->c.timesteps));
    if (b->obs == NULL || b->action == NULL || b->reward == NULL ||
        (a->c.conditioned && b->rtg == NULL)) {
        return ppi_fail(PP_ERR_ARGUMENT, "the batch lacks obs, action, reward or rtg");
    }
    return PP_OK;
}

static pp_status fill_returns(const ppi_mgdt_agent *a, const ppi_batch *b) {
    void *p;
    PPI_TRY(ppi_program_input(&a->train, "returns", &p));
    int32_t *tokens = p;
    PPI_TRY(ppi_program_input(&a->train, "return_targets", &p));
    int32_t *targets = p;
    const int64_t T = b->T;
    for (int64_t i = 0; i < b->B * T; i++) tokens[i] = ppi_mgdt_return_token((double)b->rtg[i]);
    if (!a->c.single_return) {
        memcpy(targets, tokens, (size_t)(b->B * T) * sizeof *targets);
        return PP_OK;
    }
    for (int64_t i = 0; i < b->B; i++) targets[i] = tokens[i * T];
    return PP_OK;
}

/* *action points at the action ids written. */
static pp_status fill_inputs(const ppi_mgdt_agent *a, const ppi_batch *b, const int32_t **action) {
    void *p;
    const int64_t n = b->B * b->T;
    PPI_TRY(ppi_program_input(&a->train, "frames", &p));
    uint8_t *frames = p;
    const int64_t native = b->H * b->W * b->C;
    for (int64_t i = 0; i < n; i++) ppi_mgdt_frame(a, frames + i * a->board, b->obs + i * native);
    PPI_TRY(ppi_program_input(&a->train, "actions", &p));
    PPI_TRY(ppi_mgdt_put_actions(a, p, b->action, n));
    *action = p;
    PPI_TRY(ppi_program_input(&a->train, "rewards", &p));
    int32_t *rewards = p;
    for (int64_t i = 0; i < n; i++) rewards[i] = ppi_mgdt_reward_token((double)b->reward[i]);
    return a->c.conditioned ? fill_returns(a, b) : PP_OK;
}

typedef struct loss_row {
    const char *output, *metric;
} loss_row;
static const loss_row loss_rows[] = {{"loss_action", "losses/action"},
                                     {"loss_return", "losses/return"},
                                     {"loss_reward", "losses/reward"}};

pp_status ppi_mgdt_train_step(ppi_agent *agent, const struct ppi_batch *b, int64_t step,
                              ppi_metrics *out) {
    ppi_mgdt_agent *a = (ppi_mgdt_agent *)agent;
    const int32_t *action = NULL;
    out->count = 0;
    PPI_TRY(check_batch(a, b));
    PPI_TRY(fill_inputs(a, b, &action));
    PPI_TRY(ppi_plan_run(a->train.plan, (uint64_t)step));

    float loss = 0;
    PPI_TRY(ppi_program_read(&a->train, "loss", &loss, 1));
    if (!isfinite(loss)) return ppi_program_not_finite(agent, step, (double)loss);
    ppi_metrics_add(out, "losses/total", (double)loss);
    ppi_metrics_add(out, "time/tokens", (double)(b->B * ppi_mgdt_tokens(&a->c)));
    for (size_t i = 0; i < sizeof loss_rows / sizeof loss_rows[0]; i++) {
        if (!a->c.conditioned && strcmp(loss_rows[i].output, "loss_return") == 0) continue;
        float part = 0;
        PPI_TRY(ppi_program_read(&a->train, loss_rows[i].output, &part, 1));
        ppi_metrics_add(out, loss_rows[i].metric, (double)part);
    }
    const float *logits = NULL;
    PPI_TRY(ppi_program_output(&a->train, "action_logits", &logits));
    ppi_metrics_add(out, "charts/accuracy",
                    ppi_program_accuracy(logits, action, b->B * b->T, a->c.actions));

    double norm = 0;
    const pp_status s = ppi_optim_step(&a->o.optim, agent->params, agent->cfg.backend, step,
                                       agent->cfg.threads, &norm);
    if (s != PP_OK) return ppi_fail_context(s, "step %lld", (long long)step);
    ppi_metrics_add(out, "charts/grad_norm", norm);
    ppi_metrics_add(out, "charts/lr", ppi_optim_lr(&a->o.optim, step));
    return PP_OK;
}
