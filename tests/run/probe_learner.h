/* A learner that learns nothing, plays legal actions at random, and sums up every byte it is shown:
 * two of them with equal sums saw the same. It is no method of the registry. */
#ifndef PROBE_LEARNER_H
#define PROBE_LEARNER_H

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "method/learner.h"

typedef struct probe_options {
    int64_t streams;
    int64_t nan_at;  /* step() call whose loss is not finite, 0 = none */
    int64_t history; /* steps of the past it wants to see again */
} probe_options;

typedef struct probe {
    ppi_agent base;
    probe_options o;
    ppi_learn_setup setup; /* arrays not kept */
    uint8_t legal[64][PP_ENV_ACTIONS];
    int32_t game[64];
    int64_t row;
    uint8_t *seen; /* [streams, row] next_obs of the step before */
    ppi_rng rng;
    uint64_t digest;
    uint64_t past; /* of replayed steps */
    int64_t steps, replayed, ends, terminals;
    double reward;
} probe;

static inline uint64_t probe_mix(uint64_t hash, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

static void probe_destroy(ppi_agent *a) {
    probe *p = (probe *)a;
    ppi_params_destroy(a->params);
    ppi_free(p->seen);
    ppi_free(p);
}

static pp_status probe_create(ppi_agent **out, const ppi_agent_config *cfg) {
    probe *p = ppi_calloc(1, sizeof *p);
    if (p == NULL) return ppi_oom("a probe");
    p->base.method = cfg->method;
    p->base.cfg = *cfg;
    memcpy(&p->o, cfg->options, sizeof p->o);
    p->row = ppi_obs_bytes(&cfg->obs);
    pp_status s = ppi_params_create(&p->base.params);
    if (s == PP_OK) s = ppi_params_alloc(p->base.params, 0);
    if (s != PP_OK) probe_destroy(&p->base);
    *out = s == PP_OK ? &p->base : NULL;
    return s;
}

static int64_t probe_streams(const ppi_agent *a) {
    return ((const probe *)a)->o.streams;
}

static pp_status probe_begin(ppi_agent *a, const ppi_learn_setup *setup) {
    probe *p = (probe *)a;
    p->setup = *setup;
    for (int64_t i = 0; i < setup->streams; i++) {
        memcpy(p->legal[i], setup->legal + i * PP_ENV_ACTIONS, PP_ENV_ACTIONS);
        p->game[i] = setup->game[i];
    }
    p->seen = ppi_calloc((size_t)setup->streams, (size_t)p->row);
    p->digest = p->past = 14695981039346656037u;
    ppi_rng_init(&p->rng, setup->seed, PPI_RNG_ACT, 0);
    return p->seen == NULL ? ppi_oom("a probe's observations") : PP_OK;
}

static pp_status probe_act(ppi_agent *a, const uint8_t *obs, int32_t *actions) {
    probe *p = (probe *)a;
    const size_t all = (size_t)(p->setup.streams * p->row);
    /* What it acts on is what it was shown last. */
    if (p->steps > 0 && memcmp(obs, p->seen, all) != 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "probe: acts on other observations than it was shown");
    }
    for (int64_t i = 0; i < p->setup.streams; i++) {
        do {
            actions[i] = (int32_t)ppi_rng_below(&p->rng, PP_ENV_ACTIONS);
        } while (!p->legal[i][actions[i]]);
    }
    return PP_OK;
}

static uint64_t probe_sum(const probe *p, uint64_t hash, const ppi_learn_step *t) {
    const size_t n = (size_t)p->setup.streams;
    hash = probe_mix(hash, t->obs, n * (size_t)p->row);
    hash = probe_mix(hash, t->next_obs, n * (size_t)p->row);
    hash = probe_mix(hash, t->action, n * sizeof *t->action);
    hash = probe_mix(hash, t->reward, n * sizeof *t->reward);
    hash = probe_mix(hash, t->terminated, n);
    hash = probe_mix(hash, t->truncated, n);
    for (size_t i = 0; i < n; i++) {
        if (!t->terminated[i] && !t->truncated[i]) continue;
        hash = probe_mix(hash, t->final_obs + i * (size_t)p->row, (size_t)p->row);
    }
    return hash;
}

static pp_status probe_step(ppi_agent *a, const ppi_learn_step *t, ppi_metrics *out) {
    probe *p = (probe *)a;
    p->digest = probe_sum(p, p->digest, t);
    for (int64_t i = 0; i < p->setup.streams; i++) {
        p->reward += t->reward[i];
        p->ends += t->terminated[i] || t->truncated[i];
        p->terminals += t->terminated[i];
    }
    memcpy(p->seen, t->next_obs, (size_t)(p->setup.streams * p->row));
    p->steps++;
    if (p->steps % 8 == 0 || p->steps == p->o.nan_at) {
        ppi_metrics_add(out, "losses/total", p->steps == p->o.nan_at ? NAN : p->reward);
    }
    return PP_OK;
}

static int64_t probe_updates(const ppi_agent *a) {
    return ((const probe *)a)->steps;
}

typedef struct probe_saved {
    ppi_rng rng;
    uint64_t digest;
    int64_t steps, ends, terminals;
    double reward;
} probe_saved;

static pp_status probe_save(ppi_agent *a, ppi_buf *out) {
    const probe *p = (const probe *)a;
    const probe_saved s = {p->rng, p->digest, p->steps, p->ends, p->terminals, p->reward};
    PPI_TRY(ppi_buf_append(out, &s, sizeof s));
    return ppi_buf_append(out, p->seen, (size_t)(p->setup.streams * p->row));
}

static pp_status probe_load(ppi_agent *a, const void *data, size_t size) {
    probe *p = (probe *)a;
    probe_saved s;
    const size_t all = (size_t)(p->setup.streams * p->row);
    if (size != sizeof s + all) return ppi_fail(PP_ERR_CORRUPT, "probe: %zu bytes", size);
    memcpy(&s, data, sizeof s);
    memcpy(p->seen, (const uint8_t *)data + sizeof s, all);
    p->rng = s.rng;
    p->digest = s.digest;
    p->steps = s.steps;
    p->ends = s.ends;
    p->terminals = s.terminals;
    p->reward = s.reward;
    return PP_OK;
}

static int64_t probe_replay_steps(const ppi_agent *a) {
    return ((const probe *)a)->o.history;
}

static pp_status probe_replay(ppi_agent *a, const ppi_learn_step *t) {
    probe *p = (probe *)a;
    p->past = probe_sum(p, p->past, t);
    p->replayed++;
    return PP_OK;
}

static const ppi_learner_calls probe_learner = {
    .streams = probe_streams,
    .begin = probe_begin,
    .act = probe_act,
    .step = probe_step,
    .updates = probe_updates,
    .save = probe_save,
    .load = probe_load,
    .replay_steps = probe_replay_steps,
    .replay = probe_replay,
};
static const ppi_agent_calls probe_calls = {.destroy = probe_destroy};
static const char *const probe_sizes[] = {"small", NULL};
static const ppi_method probe_method = {
    .name = "probe",
    .help = "Sums up what it is shown",
    .options_size = sizeof(probe_options),
    .sizes = probe_sizes,
    .create = probe_create,
    .calls = &probe_calls,
    .learner = &probe_learner,
};

#endif
