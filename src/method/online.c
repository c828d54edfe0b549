/* What online methods share; see the header. */
#include "method/online.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* Outputs of a generator set aside for one decision. */
enum { DRAWS_PER_STEP = 64 };

const char *const ppi_one_size[] = {"small", NULL};

void ppi_online_init(ppi_agent *a, const ppi_agent_config *cfg, void *options, char *size,
                     size_t size_bytes) {
    a->method = cfg->method;
    a->cfg = *cfg;
    memcpy(options, cfg->options, cfg->method->options_size);
    a->cfg.options = options;
    snprintf(size, size_bytes, "%s", cfg->size);
    a->cfg.size = size;
    if (a->cfg.actions.count > 0) return;
    a->cfg.actions.count = PP_ENV_ACTIONS;
    for (int32_t i = 0; i < PP_ENV_ACTIONS; i++) a->cfg.actions.list[i] = i;
}

/* ---- calls of methods that learn from data ---- */

static pp_status not_from_data(const ppi_agent *a, const char *what) {
    return ppi_fail(PP_ERR_UNSUPPORTED,
                    "%s: method %s learns while it plays; use `polyplay train %s --env NAME`", what,
                    a->method->name, a->method->name);
}

int64_t ppi_online_window(const ppi_agent *a) {
    (void)a;
    return 1;
}

pp_status ppi_online_train_setup(ppi_agent *a, int64_t batch, int64_t total_steps) {
    (void)batch;
    (void)total_steps;
    return not_from_data(a, "training on recorded data");
}

pp_status ppi_online_train_step(ppi_agent *a, const struct ppi_batch *b, int64_t step,
                                ppi_metrics *out) {
    (void)b;
    (void)step;
    out->count = 0;
    return not_from_data(a, "training on recorded data");
}

pp_status ppi_online_forward_setup(ppi_agent *a, int64_t batch, const ppi_io_tensor **io, int *n) {
    (void)batch;
    *io = NULL;
    *n = 0;
    return not_from_data(a, "running the network by itself");
}

pp_status ppi_online_forward(ppi_agent *a) {
    return not_from_data(a, "running the network by itself");
}

int64_t ppi_online_default_batch(const char *size) {
    (void)size;
    return 1;
}

ppi_plan *ppi_online_no_plan(const ppi_agent *a, const char *which) {
    (void)a;
    (void)which;
    return NULL;
}

pp_status ppi_online_recipe(ppi_options *set, const char *size, const ppi_option_value *rows,
                            size_t count) {
    char source[64];
    snprintf(source, sizeof source, "recipe %s", size);
    for (size_t i = 0; i < count; i++) {
        if (ppi_options_was_set(set, rows[i].name)) continue;
        PPI_TRY(ppi_options_set(set, rows[i].name, rows[i].value, source));
    }
    return PP_OK;
}

/* ---- observations of small integers ---- */

int64_t ppi_cells_count(const ppi_obs_spec *obs, int64_t limit) {
    int64_t n = 1;
    if (obs->type != PP_OBS_CELLS || obs->c < 1 || obs->c > PP_ENV_CELLS) return 0;
    for (int64_t i = 0; i < obs->c; i++) {
        n *= (int64_t)obs->high[i] + 1;
        if (n < 1 || n > limit) return 0;
    }
    return n;
}

pp_status ppi_cells_row(const ppi_obs_spec *obs, const uint8_t *cells, int64_t *row) {
    int64_t at = 0;
    for (int64_t i = 0; i < obs->c; i++) {
        if (cells[i] > obs->high[i]) {
            return ppi_fail(PP_ERR_ARGUMENT,
                            "component %lld of an observation is %d, expected 0 to %d",
                            (long long)i, (int)cells[i], (int)obs->high[i]);
        }
        at = at * ((int64_t)obs->high[i] + 1) + cells[i];
    }
    *row = at;
    return PP_OK;
}

void ppi_cells_of_row(const ppi_obs_spec *obs, int64_t row, uint8_t *cells) {
    for (int64_t i = obs->c - 1; i >= 0; i--) {
        const int64_t radix = (int64_t)obs->high[i] + 1;
        cells[i] = (uint8_t)(row % radix);
        row /= radix;
    }
}

/* ---- learning ---- */

int32_t ppi_online_choice(const ppi_agent *a, int32_t id) {
    const ppi_action_spec *list = &a->cfg.actions;
    for (int32_t k = 0; k < list->count; k++) {
        if (list->list[k] == id) return k;
    }
    return -1;
}

int32_t ppi_legal_ids(const uint8_t *legal, int32_t *ids) {
    int32_t n = 0;
    for (int32_t id = 0; id < PP_ENV_ACTIONS; id++) {
        if (legal[id] != 0) ids[n++] = id;
    }
    return n;
}

pp_status ppi_learn_action_check(const ppi_agent *a, const uint8_t *legal, int64_t stream,
                                 int32_t id) {
    if (id >= 0 && id < PP_ENV_ACTIONS && legal[stream * PP_ENV_ACTIONS + id] != 0) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "%s: action %d of stream %lld is not in its action list",
                    a->method->name, (int)id, (long long)stream);
}

pp_status ppi_learn_setup_check(const ppi_agent *a, const ppi_learn_setup *setup) {
    if (setup->streams < 1 || setup->total_steps < 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s was asked to learn from %lld streams for %lld steps, expected 1 stream "
                        "or more",
                        a->method->name, (long long)setup->streams, (long long)setup->total_steps);
    }
    for (int64_t s = 0; s < setup->streams; s++) {
        int32_t ids[PP_ENV_ACTIONS];
        const int32_t n = ppi_legal_ids(setup->legal + s * PP_ENV_ACTIONS, ids);
        if (n == 0)
            return ppi_fail(PP_ERR_ARGUMENT, "stream %lld of %s has no legal action", (long long)s,
                            a->method->name);
        for (int32_t i = 0; i < n; i++) {
            if (ppi_online_choice(a, ids[i]) >= 0) continue;
            return ppi_fail(PP_ERR_ARGUMENT,
                            "action %d of stream %lld is not in the action list of %s", (int)ids[i],
                            (long long)s, a->method->name);
        }
    }
    return PP_OK;
}

void ppi_learn_rngs(ppi_rng *rng, const ppi_learn_setup *setup) {
    for (int64_t s = 0; s < setup->streams; s++)
        ppi_rng_init(&rng[s], setup->seed, PPI_RNG_ACT, (uint64_t)s);
}

/* ---- acting ---- */

void ppi_acting_end(ppi_acting *s) {
    ppi_free(s->obs);
    ppi_free(s->episode);
    ppi_free(s->step);
    *s = (ppi_acting){0};
}

pp_status ppi_acting_begin(ppi_acting *s, const ppi_agent *a, int64_t n_envs) {
    if (n_envs < 1)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "acting in %lld environments was asked for, expected 1 or more",
                        (long long)n_envs);
    if (s->n == n_envs) return PP_OK;
    ppi_acting_end(s);
    s->obs_bytes = ppi_obs_bytes(&a->cfg.obs);
    s->obs = ppi_calloc((size_t)n_envs, (size_t)s->obs_bytes);
    s->episode = ppi_calloc((size_t)n_envs, sizeof *s->episode);
    s->step = ppi_calloc((size_t)n_envs, sizeof *s->step);
    if (s->obs == NULL || s->episode == NULL || s->step == NULL) {
        ppi_acting_end(s);
        return ppi_oom("the environments of an acting agent");
    }
    s->n = n_envs;
    return PP_OK;
}

static pp_status check_env(const ppi_acting *s, int64_t env) {
    if (env >= 0 && env < s->n) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "environment %lld of %lld was named; was acting begun?",
                    (long long)env, (long long)s->n);
}

pp_status ppi_acting_reset(ppi_acting *s, int64_t env, const uint8_t *obs, uint64_t episode) {
    PPI_TRY(check_env(s, env));
    memcpy(s->obs + env * s->obs_bytes, obs, (size_t)s->obs_bytes);
    s->episode[env] = episode;
    s->step[env] = 0;
    return PP_OK;
}

pp_status ppi_acting_observe(ppi_acting *s, int64_t env, const uint8_t *next_obs) {
    PPI_TRY(check_env(s, env));
    memcpy(s->obs + env * s->obs_bytes, next_obs, (size_t)s->obs_bytes);
    s->step[env]++;
    return PP_OK;
}

ppi_rng ppi_acting_rng(const ppi_acting *s, const ppi_agent *a, int64_t env) {
    ppi_rng rng;
    ppi_rng_init(&rng, a->cfg.seed, PPI_RNG_ACT, s->episode[env]);
    rng.pos = (uint64_t)s->step[env] * DRAWS_PER_STEP;
    return rng;
}

/* ---- saved states ---- */

void ppi_state_read(ppi_state_reader *r, void *to, size_t size) {
    if (r->failed || size > r->left) {
        r->failed = true;
        if (size > 0) memset(to, 0, size);
        return;
    }
    if (size > 0) memcpy(to, r->at, size);
    r->at += size;
    r->left -= size;
}

pp_status ppi_state_end(const ppi_state_reader *r, const ppi_agent *a) {
    if (!r->failed && r->left == 0) return PP_OK;
    return ppi_fail(PP_ERR_CORRUPT,
                    "the saved state of %s does not have the size that its number of streams and "
                    "its options ask for",
                    a->method->name);
}
