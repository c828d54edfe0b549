/* Figures of source learners; see eval_source.h. */
#include "run/eval_source.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset.h"

enum { MOST_POINTS = 2000, FEW_HISTORIES = 20 };

void ppi_source_figures_free(ppi_source_figures *f) {
    ppi_curve_free(&f->curve);
}

static pp_status check(const ppi_dataset *d, const char *env) {
    const pp_dataset_info *info = ppi_dataset_info(d);
    if (!ppi_dataset_has_histories(d)) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "dataset %s has single episodes, no learning histories of a source",
                        info->id);
    }
    if (strcmp(info->env, env) != 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "dataset %s is of %s, not of %s", info->id, info->env,
                        env);
    }
    const int64_t actors = ppi_dataset_group(d, 0)->actors;
    for (int64_t i = 1; i < ppi_dataset_group_count(d); i++) {
        const int64_t other = ppi_dataset_group(d, i)->actors;
        if (other == actors) continue;
        return ppi_fail(PP_ERR_ARGUMENT,
                        "dataset %s has histories of learners with %" PRId64 " and with %" PRId64
                        " actors; its steps have no common axis",
                        info->id, actors, other);
    }
    return PP_OK;
}

/* Places of the curve: about one an episode. */
static int64_t points_of(const ppi_dataset *d, double *own_steps) {
    int64_t episodes = 1;
    *own_steps = 0;
    for (int64_t i = 0; i < ppi_dataset_group_count(d); i++) {
        const ppi_group *g = ppi_dataset_group(d, i);
        if (g->episodes > episodes) episodes = g->episodes;
        if ((double)g->steps > *own_steps) *own_steps = (double)g->steps;
    }
    if (episodes == 1) episodes = (int64_t)*own_steps;
    return episodes < MOST_POINTS ? episodes : MOST_POINTS;
}

double ppi_source_at(const ppi_source_figures *f, double own) {
    const ppi_curve *c = &f->curve;
    if (c->count == 0 || own > f->own_steps) return NAN;
    /* A place of the curve holds the episodes whose last step lies in its share of the steps. */
    int64_t at = own > 1 ? (int64_t)((own - 1) / f->own_steps * (double)c->count) : 0;
    at = at < c->count ? at : c->count - 1;
    while (at + 1 < c->count && isnan(c->mean[at])) at++;
    return c->mean[at];
}

/* Steps of one stream at which the curve first has the value. */
static double reach(const ppi_source_figures *f, double value) {
    const ppi_curve *c = &f->curve;
    for (int64_t i = 0; i < c->count; i++) {
        if (c->mean[i] >= value) return (double)(i + 1) / (double)c->count * f->own_steps;
    }
    return NAN;
}

static double mean_of_last_tenth(const ppi_curve *c) {
    const int64_t tenth = c->count / 10 > 0 ? c->count / 10 : 1;
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = c->count - tenth; i < c->count; i++) {
        if (isnan(c->mean[i])) continue;
        sum += c->mean[i];
        n++;
    }
    return n > 0 ? sum / (double)n : NAN;
}

static void describe(ppi_source_figures *f, const ppi_dataset *d) {
    const ppi_group *first = ppi_dataset_group(d, 0);
    snprintf(f->dataset, sizeof f->dataset, "%s", ppi_dataset_info(d)->id);
    snprintf(f->learner, sizeof f->learner, "%s",
             first->learner[0] != '\0' ? first->learner : ppi_dataset_meta(d)->policy);
    f->histories = ppi_dataset_group_count(d);
    f->actors = first->actors > 1 ? first->actors : 1;
}

pp_status ppi_source_figures_create(ppi_source_figures *f, const ppi_dataset *d, const char *env,
                                    bool per_step) {
    *f = (ppi_source_figures){.actors = 1};
    PPI_TRY(check(d, env));
    describe(f, d);
    const int64_t points = points_of(d, &f->own_steps);
    PPI_TRY(ppi_curve_create(&f->curve, d, points,
                             f->histories < FEW_HISTORIES ? points / 50 : points / 200));
    if (f->curve.per_step != per_step) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "dataset %s has %s, the agent is played for %s; its figures would not "
                        "compare",
                        f->dataset, f->curve.per_step ? "one episode a history" : "many episodes",
                        per_step ? "one" : "many");
    }
    f->final = mean_of_last_tenth(&f->curve);
    f->reach_final = reach(f, f->final);
    return PP_OK;
}

void ppi_source_compare(ppi_source_figures *f, const ppi_context_curve *agent) {
    const double steps = agent->steps[agent->count - 1];
    const int64_t point = ppi_context_curve_reach(agent, f->final);
    f->at_all = ppi_source_at(f, steps / (double)f->actors);
    f->at_one = ppi_source_at(f, steps);
    f->reach_agent = reach(f, agent->final);
    f->agent_reach = point > 0 ? agent->steps[point - 1] : NAN;
}
