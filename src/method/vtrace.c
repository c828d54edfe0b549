/* V-trace backwards over a sequence, and the softmax policy's gradient. */
#include "method/vtrace.h"

#include <math.h>
#include <stddef.h>

#include <polyplay/env.h>

void ppi_vtrace(float *target, float *advantage, const ppi_vtrace_in *in) {
    double trace = 0; /* v_{t+1} - V_{t+1} */
    for (int64_t t = in->T - 1; t >= 0; t--) {
        const double value = (double)in->value[t];
        if (in->cut[t]) {
            target[t] = in->value[t];
            advantage[t] = 0;
            trace = 0;
            continue;
        }
        const double rho = exp((double)in->log_rho[t]);
        const double d = (double)in->discount[t];
        const double next = (double)in->value[t + 1];
        const double reward = (double)in->reward[t];
        const double delta = fmin(rho, (double)in->rho_bar) * (reward + d * next - value);
        advantage[t] =
            (float)(fmin(rho, (double)in->pg_rho_bar) * (reward + d * (next + trace) - value));
        trace = delta + d * fmin(rho, 1.0) * trace;
        target[t] = (float)(value + trace);
    }
}

void ppi_legal_softmax(float *p, float *log_p, const float *logits, const uint8_t *legal,
                       int64_t actions) {
    float most = -INFINITY;
    float sum = 0;
    for (int64_t k = 0; k < actions; k++) {
        if (legal[k] && logits[k] > most) most = logits[k];
    }
    for (int64_t k = 0; k < actions; k++) {
        p[k] = legal[k] ? expf(logits[k] - most) : 0;
        sum += p[k];
    }
    const float log_sum = most + logf(sum);
    for (int64_t k = 0; k < actions; k++) {
        p[k] /= sum;
        if (log_p != NULL) log_p[k] = legal[k] ? logits[k] - log_sum : 0;
    }
}

void ppi_actor_row_loss(ppi_actor_loss *sum, float *dlogits, float *dvalue,
                        const ppi_actor_row *row) {
    float p[PP_ENV_ACTIONS];
    float log_p[PP_ENV_ACTIONS];
    ppi_legal_softmax(p, log_p, row->logits, row->legal, row->actions);
    double plogp = 0;
    for (int64_t k = 0; k < row->actions; k++) plogp += (double)p[k] * (double)log_p[k];
    for (int64_t k = 0; k < row->actions; k++) {
        const float taken = k == row->action ? 1.0f : 0.0f;
        const float spread = p[k] * (float)((double)log_p[k] - plogp);
        dlogits[k] =
            row->legal[k] ? row->advantage * (p[k] - taken) + row->entropy_cost * spread : 0;
    }
    const double miss = (double)row->target - (double)row->value;
    *dvalue = row->baseline_cost * (float)-miss;
    sum->policy -= (double)log_p[row->action] * (double)row->advantage;
    sum->baseline += 0.5 * miss * miss;
    sum->entropy -= plogp;
}
