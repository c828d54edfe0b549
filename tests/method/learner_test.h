/* A learner on a vector of environments, as the learn loop drives it. */
#ifndef PPI_TEST_LEARNER_H
#define PPI_TEST_LEARNER_H

#include "unit/base_test.h"

#include <math.h>

#include "base/options.h"
#include "env/scripted.h"
#include "env/vec.h"
#include "method/learner.h"

/* What to play; unused fields are 0. */
typedef struct rig_config {
    const char *method, *size; /* size NULL = "small" */
    const char *env, *view;    /* view NULL = the first */
    const char *reading;
    const char *const *options; /* "name=value", NULL-terminated; NULL = none */
    int64_t task;
    bool many_tasks; /* stream i plays task + i */
    int64_t streams; /* 0 = what the learner asks for */
    int64_t total;   /* agent steps of the run */
    uint64_t seed;
} rig_config;

typedef struct rig {
    rig_config c;
    ppi_agent *agent;
    const ppi_learner_calls *learner;
    ppi_vec *vec;
    int64_t streams, obs_bytes;
    uint8_t *obs; /* [streams, obs_bytes] before the step */
    int32_t *action, *expert;
    uint8_t *legal;
    int32_t *game;
    void *options;
    ppi_metrics metrics; /* of the last update */
    int64_t played;      /* agent steps */
    double returned, squared;
    int64_t episodes; /* ended since the last rig_mean */
} rig;

static inline ppi_vec *rig_vec(const rig_config *c, int64_t n) {
    ppi_env_options o;
    ppi_env_options_default(&o);
    if (c->view != NULL) snprintf(o.view, sizeof o.view, "%s", c->view);
    if (c->reading != NULL) snprintf(o.reading, sizeof o.reading, "%s", c->reading);
    const char **ids = calloc((size_t)n, sizeof *ids);
    int64_t *tasks = calloc((size_t)n, sizeof *tasks);
    uint64_t *seeds = calloc((size_t)n, sizeof *seeds);
    for (int64_t i = 0; i < n; i++) {
        ids[i] = c->env;
        tasks[i] = c->task + (c->many_tasks ? i : 0);
        seeds[i] = c->seed * 1000003u + (uint64_t)i;
    }
    ppi_vec *vec = NULL;
    const ppi_vec_config v = {.ids = ids,
                              .count = (int)n,
                              .options = &o,
                              .tasks = tasks,
                              .threads = 1,
                              .autoreset = PPI_AUTORESET_SAME_STEP};
    CHECK_OK(ppi_vec_open(&vec, &v));
    CHECK_OK(ppi_vec_reset_all(vec, seeds));
    free(ids);
    free(tasks);
    free(seeds);
    return vec;
}

/* Configuration of an agent for an environment; *options must be freed after the agent. */
static inline ppi_agent_config rig_agent_config(const rig_config *c, const pp_env_spec *spec,
                                                void **options) {
    ppi_agent_config a = {.size = c->size != NULL ? c->size : "small",
                          .games = 1,
                          .seed = c->seed,
                          .policy = PPI_DTYPE_POLICY_F32,
                          .threads = 1};
    CHECK_OK(ppi_method_find(&a.method, c->method));
    ppi_options *set = NULL;
    *options = calloc(1, a.method->options_size);
    CHECK_OK(ppi_options_create(&set));
    CHECK_OK(ppi_method_bind(a.method, set, *options));
    for (int i = 0; c->options != NULL && c->options[i] != NULL; i++) {
        char *arg = strdup(c->options[i]);
        CHECK_OK(ppi_options_parse_args(set, 1, &arg, NULL, NULL));
        free(arg);
    }
    CHECK_OK(ppi_method_apply_recipe(a.method, set, a.size));
    ppi_options_destroy(set);
    a.options = *options;
    a.obs = (ppi_obs_spec){
        .h = spec->obs_h, .w = spec->obs_w, .c = spec->obs_c, .type = spec->obs_type};
    memcpy(a.obs.high, spec->obs_high, sizeof a.obs.high);
    snprintf(a.obs.view, sizeof a.obs.view, "%s", spec->view);
    a.actions.count = spec->min_actions;
    memcpy(a.actions.list, spec->action_list, sizeof a.actions.list);
    return a;
}

static inline rig rig_open(const rig_config *c) {
    rig r = {.c = *c};
    ppi_vec *probe = rig_vec(c, 1);
    const pp_env_spec *spec = ppi_vec_spec(probe, 0);
    const ppi_agent_config a = rig_agent_config(c, spec, &r.options);
    CHECK_OK(ppi_agent_create(&r.agent, &a));
    r.learner = a.method->learner;
    r.streams = c->streams > 0 ? c->streams : r.learner->streams(r.agent);
    r.legal = calloc((size_t)r.streams, PP_ENV_ACTIONS);
    r.game = calloc((size_t)r.streams, sizeof *r.game);
    r.action = calloc((size_t)r.streams, sizeof *r.action);
    r.expert = calloc((size_t)r.streams, sizeof *r.expert);
    for (int64_t s = 0; s < r.streams; s++) {
        for (int32_t k = 0; k < spec->min_actions; k++)
            r.legal[s * PP_ENV_ACTIONS + spec->action_list[k]] = 1;
    }
    const ppi_learn_setup setup = {.streams = r.streams,
                                   .total_steps = c->total,
                                   .game = r.game,
                                   .legal = r.legal,
                                   .seed = c->seed,
                                   .episode_steps = spec->max_steps};
    ppi_vec_destroy(probe);
    CHECK_OK(r.learner->begin(r.agent, &setup));
    r.vec = rig_vec(c, r.streams);
    r.obs_bytes = ppi_vec_obs_size(r.vec);
    r.obs = malloc((size_t)(r.streams * r.obs_bytes));
    return r;
}

static inline void rig_close(rig *r) {
    ppi_vec_destroy(r->vec);
    ppi_agent_destroy(r->agent);
    free(r->obs);
    free(r->action);
    free(r->expert);
    free(r->legal);
    free(r->game);
    free(r->options);
}

static inline void rig_step(rig *r) {
    memcpy(r->obs, ppi_vec_obs(r->vec), (size_t)(r->streams * r->obs_bytes));
    if (r->learner->advise != NULL) {
        for (int64_t s = 0; s < r->streams; s++)
            r->expert[s] = ppi_scripted_action(ppi_vec_env(r->vec, (int)s));
        CHECK_OK(r->learner->advise(r->agent, r->expert));
    }
    CHECK_OK(r->learner->act(r->agent, r->obs, r->action));
    CHECK_OK(ppi_vec_step(r->vec, r->action, NULL));
    const ppi_learn_step step = {.obs = r->obs,
                                 .action = r->action,
                                 .reward = ppi_vec_reward(r->vec),
                                 .terminated = ppi_vec_terminated(r->vec),
                                 .truncated = ppi_vec_truncated(r->vec),
                                 .next_obs = ppi_vec_obs(r->vec),
                                 .final_obs = ppi_vec_final_obs(r->vec)};
    ppi_metrics m = {0};
    CHECK_OK(r->learner->step(r->agent, &step, &m));
    if (m.count > 0) r->metrics = m;
    r->played += r->streams;
    for (int64_t s = 0; s < r->streams; s++) {
        if (!step.terminated[s] && !step.truncated[s]) continue;
        const double sum = ppi_vec_episode_return(r->vec)[s];
        r->returned += sum;
        r->squared += sum * sum;
        r->episodes++;
    }
}

static inline void rig_play(rig *r, int64_t steps) {
    for (int64_t i = 0; i < steps; i += r->streams) rig_step(r);
}

/* Mean return of the episodes since the last call, and its standard error. */
static inline double rig_mean(rig *r, double *error) {
    const double n = (double)r->episodes;
    assert_true(n > 0);
    const double mean = r->returned / n;
    if (error != NULL) *error = sqrt(fmax(r->squared / n - mean * mean, 0) / n);
    r->returned = r->squared = 0;
    r->episodes = 0;
    return mean;
}

#endif
