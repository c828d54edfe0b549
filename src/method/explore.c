/* Finding the first reward; see explore.h. */
#include "method/explore.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

pp_status ppi_visits_begin(ppi_visits *v, int64_t rows) {
    ppi_visits_end(v);
    v->count = ppi_calloc((size_t)rows, sizeof *v->count);
    if (v->count == NULL) return ppi_oom("the visits of observations");
    v->rows = rows;
    return PP_OK;
}

void ppi_visits_end(ppi_visits *v) {
    ppi_free(v->count);
    *v = (ppi_visits){.rows = 0};
}

double ppi_explore_bonus(double option, const ppi_agent_config *cfg) {
    if (option >= 0) return option;
    return cfg->env != NULL && strcmp(cfg->env, "dark/room-hard") == 0 ? 0.3 : 0.0;
}

double ppi_visits_bonus(ppi_visits *v, int64_t row, double weight) {
    return weight / sqrt((double)++v->count[row]);
}

pp_status ppi_explore_start(ppi_params *p, const ppi_agent_config *cfg, int64_t inputs,
                            int32_t actions) {
    const int head = ppi_params_find(p, "head/w");
    const int first = ppi_params_find(p, "torso/dense1/w");
    if (head < 0)
        return ppi_fail(PP_ERR_INTERNAL, "an actor-critic's network has no tensor \"head/w\"");
    for (int64_t i = 0; i < p->item[head].count; i++)
        p->master[p->item[head].offset + i] *= i % (actions + 1) == actions ? 0.0f : 0.5f;
    if (first >= 0 && cfg->obs.type == PP_OBS_CELLS) {
        const float up = (float)sqrt((double)inputs / (double)cfg->obs.c);
        for (int64_t i = 0; i < p->item[first].count; i++)
            p->master[p->item[first].offset + i] *= up;
    }
    ppi_params_sync(p, cfg->backend, cfg->threads);
    return PP_OK;
}
