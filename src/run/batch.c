/* Memory of training batches. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "run/train_job.h"

pp_status ppi_batch_alloc(ppi_batch *out, int64_t batch, int64_t window, const ppi_obs_spec *obs) {
    memset(out, 0, sizeof *out);
    out->B = batch;
    out->T = window;
    out->H = obs->h;
    out->W = obs->w;
    out->C = obs->c;
    const size_t n = (size_t)(batch * window);
    out->obs = ppi_aligned_alloc64(n * (size_t)(obs->h * obs->w * obs->c));
    out->action = ppi_aligned_alloc64(n * sizeof *out->action);
    out->reward = ppi_aligned_alloc64(n * sizeof *out->reward);
    out->rtg = ppi_aligned_alloc64(n * sizeof *out->rtg);
    out->timestep = ppi_aligned_alloc64(n * sizeof *out->timestep);
    out->game = ppi_aligned_alloc64(n * sizeof *out->game);
    out->terminated = ppi_aligned_alloc64(n);
    out->truncated = ppi_aligned_alloc64(n);
    out->pad = ppi_aligned_alloc64(n);
    if (out->obs != NULL && out->action != NULL && out->reward != NULL && out->rtg != NULL &&
        out->timestep != NULL && out->game != NULL && out->terminated != NULL &&
        out->truncated != NULL && out->pad != NULL) {
        return PP_OK;
    }
    ppi_batch_free(out);
    return ppi_oom("a batch");
}

void ppi_batch_free(ppi_batch *b) {
    ppi_aligned_free(b->obs);
    ppi_aligned_free(b->action);
    ppi_aligned_free(b->reward);
    ppi_aligned_free(b->rtg);
    ppi_aligned_free(b->timestep);
    ppi_aligned_free(b->game);
    ppi_aligned_free(b->terminated);
    ppi_aligned_free(b->truncated);
    ppi_aligned_free(b->pad);
    memset(b, 0, sizeof *b);
}

ppi_obs_spec ppi_obs_spec_of(int64_t h, int64_t w, int64_t c) {
    ppi_obs_spec obs = {.h = h, .w = w, .c = c};
    snprintf(obs.view, sizeof obs.view, "%s", h == 84 && w == 84 && c == 1 ? "grey84" : "planes");
    return obs;
}

double ppi_step_tokens(const ppi_metrics *m, const ppi_batch *b) {
    for (int i = 0; i < m->count; i++) {
        if (strcmp(m->item[i].name, "time/tokens") == 0) return m->item[i].value;
    }
    return (double)(b->B * b->T);
}
