/* One update of IMPALA: V-trace targets for every stream, then the gradient of its loss. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "method/impala_agent.h"

/* Targets and gradient of one stream; adds its losses to *sum. */
static void sequence_loss(ppi_impala_agent *a, int64_t stream, ppi_actor_loss *sum) {
    const int64_t T = a->o.unroll;
    const int64_t outputs = a->net.outputs;
    const float *head = a->train.head + ppi_impala_row(a, stream, 0) * outputs;
    float *dhead = a->train.dhead + ppi_impala_row(a, stream, 0) * outputs;
    const uint8_t *legal = a->legal + stream * a->choices;
    const int64_t first = stream * T;
    float p[PP_ENV_ACTIONS];
    float log_p[PP_ENV_ACTIONS];
    for (int64_t t = 0; t <= T; t++) {
        a->value[t] = head[t * outputs + a->choices];
        if (t == T) break;
        ppi_legal_softmax(p, log_p, head + t * outputs, legal, a->choices);
        a->log_rho[t] = log_p[a->played.action[first + t]] - a->played.log_mu[first + t];
    }
    const ppi_vtrace_in in = {.T = T,
                              .log_rho = a->log_rho,
                              .reward = a->played.reward + first,
                              .discount = a->played.discount + first,
                              .value = a->value,
                              .cut = a->played.cut + first,
                              .rho_bar = (float)a->o.rho_bar,
                              .pg_rho_bar = (float)a->o.pg_rho_bar};
    ppi_vtrace(a->target, a->advantage, &in);
    for (int64_t t = 0; t < T; t++) {
        const ppi_actor_row row = {.logits = head + t * outputs,
                                   .legal = legal,
                                   .actions = a->choices,
                                   .action = a->played.action[first + t],
                                   .value = a->value[t],
                                   .target = a->target[t],
                                   .advantage = a->advantage[t],
                                   .entropy_cost = (float)a->o.entropy_cost,
                                   .baseline_cost = (float)a->o.baseline_cost};
        ppi_actor_row_loss(sum, dhead + t * outputs, dhead + t * outputs + a->choices, &row);
    }
    memset(dhead + T * outputs, 0, (size_t)outputs * sizeof *dhead);
}

pp_status ppi_impala_update(ppi_impala_agent *a) {
    if (a->o.lstm > 0) {
        const size_t n = (size_t)(a->streams * a->o.lstm);
        memcpy(a->train.h0, a->played.state, n * sizeof(float));
        memcpy(a->train.c0, a->played.state + n, n * sizeof(float));
    }
    PPI_TRY(ppi_online_net_forward(&a->train));
    ppi_actor_loss sum = {0, 0, 0};
    for (int64_t s = 0; s < a->streams; s++) sequence_loss(a, s, &sum);
    const double loss =
        sum.policy + a->o.baseline_cost * sum.baseline - a->o.entropy_cost * sum.entropy;
    if (!isfinite(loss))
        return ppi_fail(PP_ERR_NUMERIC, "update %lld: the loss is %g", (long long)a->learned, loss);
    PPI_TRY(ppi_online_net_backward(&a->train));
    double norm = 0;
    const pp_status s = ppi_optim_step(&a->o.optim, a->base.params, a->base.cfg.backend, a->learned,
                                       a->train.threads, &norm);
    if (s != PP_OK) return ppi_fail_context(s, "update %lld", (long long)a->learned);
    a->figures = (ppi_impala_figures){
        .total = loss,
        .policy = sum.policy,
        .value = sum.baseline,
        .entropy = sum.entropy / (double)(a->streams * a->o.unroll),
        .grad_norm = norm,
        .lr = ppi_optim_lr(&a->o.optim, a->learned),
    };
    a->learned++;
    return PP_OK;
}
