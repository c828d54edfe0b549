/* Acting: a rolling window per environment, all environments in one batch. With a single return
   token the first pass reads the oldest frame only, a return is sampled, and the second pass runs
   the rest of the window over the keys and values of the first. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/mgdt_agent.h"

/* Outputs of the generator set aside for one decision: two per return drawn, every timestep's draws
   apart. The option rows and the model's 4 timesteps keep below it. */
#define DRAWS_PER_STEP (2 * PPI_MGDT_MAX_SAMPLES * 4)

static const ppi_mgdt_acting_options presets[] = {
    /* The released notebook: best of 128 draws, no bias towards high returns. */
    [PPI_MGDT_NOTEBOOK] = {.preset = PPI_MGDT_NOTEBOOK,
                           .kappa = 0.0,
                           .num_samples = 128,
                           .return_temperature = 0.75,
                           .action_temperature = 1.0,
                           .return_percentile = 0.0,
                           .action_percentile = 50.0},
    /* The paper: one draw from the distribution biased by exp(kappa (R - low) / (high - low)). */
    [PPI_MGDT_PAPER] = {.preset = PPI_MGDT_PAPER,
                        .kappa = 10.0,
                        .num_samples = 1,
                        .return_temperature = 1.0,
                        .action_temperature = 1.0,
                        .return_percentile = 0.0,
                        .action_percentile = 0.0},
};

static void fill(double *value, double preset) {
    if (*value < 0) *value = preset;
}

ppi_mgdt_acting_options ppi_mgdt_acting_resolve(const ppi_mgdt_acting_options *o) {
    const ppi_mgdt_acting_options *preset = &presets[o->preset];
    ppi_mgdt_acting_options r = *o;
    fill(&r.kappa, preset->kappa);
    fill(&r.return_temperature, preset->return_temperature);
    fill(&r.action_temperature, preset->action_temperature);
    fill(&r.return_percentile, preset->return_percentile);
    fill(&r.action_percentile, preset->action_percentile);
    if (r.num_samples <= 0) r.num_samples = preset->num_samples;
    return r;
}

void ppi_mgdt_act_end(ppi_mgdt_agent *a) {
    ppi_program_clear(&a->prefill);
    ppi_program_clear(&a->act);
    ppi_program_clear(&a->full);
    ppi_free(a->env);
    ppi_free(a->frames);
    ppi_free(a->ids);
    ppi_free(a->returns);
    a->env = NULL;
    a->frames = NULL;
    a->ids = NULL;
    a->returns = NULL;
    a->n_envs = 0;
}

static pp_status compile_acting(ppi_mgdt_agent *a, int64_t n) {
    if (!a->c.conditioned) return ppi_mgdt_compile(a, &a->act, ppi_mgdt_build_clone_act, n);
    if (!a->c.single_return) return ppi_mgdt_compile(a, &a->full, ppi_mgdt_build_forward, n);
    PPI_TRY(ppi_mgdt_compile(a, &a->prefill, ppi_mgdt_build_prefill, n));
    return ppi_mgdt_compile(a, &a->act, ppi_mgdt_build_act, n);
}

/* Draws of one decision must not run into those of the next. */
static pp_status check_draws(const ppi_mgdt_agent *a) {
    const int64_t samples = ppi_mgdt_acting_resolve(&a->o.acting).num_samples;
    if (2 * samples * a->c.timesteps <= DRAWS_PER_STEP) return PP_OK;
    return ppi_fail(
        PP_ERR_ARGUMENT,
        "%lld returns per decision over %lld timesteps were asked for, expected at most %d draws",
        (long long)samples, (long long)a->c.timesteps, DRAWS_PER_STEP / 2);
}

pp_status ppi_mgdt_act_begin(ppi_agent *agent, int64_t n_envs) {
    ppi_mgdt_agent *a = (ppi_mgdt_agent *)agent;
    PPI_TRY(check_draws(a));
    if (n_envs < 1)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "acting in %lld environments was asked for, expected 1 or more",
                        (long long)n_envs);
    if (a->n_envs == n_envs) return PP_OK;
    ppi_mgdt_act_end(a);
    const int64_t T = a->c.timesteps;
    a->env = ppi_calloc((size_t)n_envs, sizeof *a->env);
    a->frames = ppi_calloc((size_t)(n_envs * T), (size_t)a->board);
    a->ids = ppi_calloc((size_t)(n_envs * T) * 2, sizeof *a->ids);
    a->returns = ppi_calloc((size_t)(n_envs * T), sizeof *a->returns);
    if (a->env == NULL || a->frames == NULL || a->ids == NULL || a->returns == NULL) {
        ppi_mgdt_act_end(a);
        return ppi_oom("the windows of the environments");
    }
    for (int64_t i = 0; i < n_envs; i++) {
        a->env[i].frames = a->frames + i * T * a->board;
        a->env[i].action = a->ids + i * 2 * T;
        a->env[i].reward = a->ids + i * 2 * T + T;
    }
    const pp_status s = compile_acting(a, n_envs);
    if (s != PP_OK) {
        ppi_mgdt_act_end(a);
        return s;
    }
    a->n_envs = n_envs;
    return PP_OK;
}

static pp_status env_at(ppi_mgdt_agent *a, int64_t env, ppi_mgdt_env **out) {
    if (env < 0 || env >= a->n_envs) {
        return ppi_fail(PP_ERR_ARGUMENT, "environment %lld of %lld was named; was acting begun?",
                        (long long)env, (long long)a->n_envs);
    }
    *out = &a->env[env];
    return PP_OK;
}

pp_status ppi_mgdt_act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    ppi_mgdt_agent *a = (ppi_mgdt_agent *)agent;
    ppi_mgdt_env *e;
    PPI_TRY(env_at(a, env, &e));
    const int64_t T = a->c.timesteps;
    memset(e->frames, 0, (size_t)(T * a->board));
    memset(e->action, 0, (size_t)T * sizeof *e->action);
    memset(e->reward, 0, (size_t)T * sizeof *e->reward);
    ppi_mgdt_frame(a, e->frames + (T - 1) * a->board, obs);
    e->episode = episode;
    e->step = 0;
    return PP_OK;
}

pp_status ppi_mgdt_observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                           const uint8_t *next_obs) {
    ppi_mgdt_agent *a = (ppi_mgdt_agent *)agent;
    ppi_mgdt_env *e;
    PPI_TRY(env_at(a, env, &e));
    const int64_t T = a->c.timesteps;
    if (action < 0 || action >= a->c.actions) {
        return ppi_fail(PP_ERR_ARGUMENT, "action %d was reported, expected 0 to %lld", (int)action,
                        (long long)a->c.actions - 1);
    }
    e->action[T - 1] = action;
    e->reward[T - 1] = ppi_mgdt_reward_token(reward);
    memmove(e->frames, e->frames + a->board, (size_t)((T - 1) * a->board));
    memmove(e->action, e->action + 1, (size_t)(T - 1) * sizeof *e->action);
    memmove(e->reward, e->reward + 1, (size_t)(T - 1) * sizeof *e->reward);
    ppi_mgdt_frame(a, e->frames + (T - 1) * a->board, next_obs);
    e->action[T - 1] = 0;
    e->reward[T - 1] = 0;
    e->step++;
    return PP_OK;
}

static pp_status bad_logits(const char *which, const ppi_mgdt_env *e) {
    return ppi_fail(PP_ERR_NUMERIC, "the %s logits at step %lld of episode %llu are not finite",
                    which, (long long)e->step, (unsigned long long)e->episode);
}

/* The largest of num_samples draws from the tempered, biased return distribution. `round` numbers
 * the returns drawn in one decision. */
static pp_status sample_return(const ppi_mgdt_agent *a, const ppi_mgdt_env *e, const float *logits,
                               int64_t round, int32_t *token) {
    const ppi_mgdt_acting_options o = ppi_mgdt_acting_resolve(&a->o.acting);
    const int64_t n = a->c.return_bins;
    float biased[PPI_SAMPLING_MAX];
    double p[PPI_SAMPLING_MAX];
    for (int64_t i = 0; i < n; i++)
        biased[i] = logits[i] + (float)(o.kappa * (double)i / (double)(n - 1));
    const ppi_sampling how = {.temperature = o.return_temperature,
                              .percentile = o.return_percentile};
    if (!ppi_sampling_probabilities(p, biased, n, &how)) return bad_logits("return", e);
    ppi_rng rng;
    ppi_rng_init(&rng, a->base.cfg.seed, PPI_RNG_RETURN_SAMPLE, e->episode);
    rng.pos = (uint64_t)e->step * DRAWS_PER_STEP + (uint64_t)(round * o.num_samples * 2);
    int64_t best = 0;
    for (int64_t i = 0; i < o.num_samples; i++) {
        const int64_t k = ppi_sampling_draw(p, n, &rng);
        if (k > best) best = k;
    }
    *token = (int32_t)best;
    return PP_OK;
}

static pp_status sample_action(const ppi_mgdt_agent *a, const ppi_mgdt_env *e, const float *logits,
                               int32_t *action) {
    const ppi_mgdt_acting_options o = ppi_mgdt_acting_resolve(&a->o.acting);
    double p[PPI_SAMPLING_MAX];
    const ppi_sampling how = {o.action_temperature, o.action_percentile, o.top_k, o.greedy};
    if (!ppi_sampling_probabilities(p, logits, a->c.actions, &how)) return bad_logits("action", e);
    ppi_rng rng;
    ppi_rng_init(&rng, a->base.cfg.seed, PPI_RNG_ACT, e->episode);
    rng.pos = (uint64_t)e->step * DRAWS_PER_STEP;
    *action = (int32_t)ppi_sampling_draw(p, a->c.actions, &rng);
    return PP_OK;
}

static bool is_live(const uint8_t *live, int64_t i) {
    return live == NULL || live[i] != 0;
}

/* Copies timesteps first .. T-1 of every window into the inputs "frames", "actions", "rewards". */
static pp_status fill_windows(const ppi_mgdt_agent *a, const ppi_program *p, int64_t first) {
    void *frames, *actions, *rewards;
    PPI_TRY(ppi_program_input(p, "frames", &frames));
    PPI_TRY(ppi_program_input(p, "actions", &actions));
    PPI_TRY(ppi_program_input(p, "rewards", &rewards));
    const int64_t n = a->c.timesteps - first;
    for (int64_t i = 0; i < a->n_envs; i++) {
        const ppi_mgdt_env *e = &a->env[i];
        memcpy((uint8_t *)frames + i * n * a->board, e->frames + first * a->board,
               (size_t)(n * a->board));
        memcpy((int32_t *)actions + i * n, e->action + first, (size_t)n * sizeof *e->action);
        memcpy((int32_t *)rewards + i * n, e->reward + first, (size_t)n * sizeof *e->reward);
    }
    return PP_OK;
}

/* Keys and values of the first pass become inputs of the second. */
static pp_status hand_over_cache(ppi_mgdt_agent *a) {
    const int64_t n = a->n_envs * ppi_mgdt_patches(&a->c) * a->c.width;
    for (int64_t i = 0; i < 2 * a->c.layers; i++) {
        char name[16];
        snprintf(name, sizeof name, "%c%d", i % 2 == 0 ? 'k' : 'v', (int)(i / 2));
        void *in;
        PPI_TRY(ppi_program_input(&a->act, name, &in));
        PPI_TRY(ppi_program_read(&a->prefill, name, in, n));
    }
    return PP_OK;
}

/* First pass and the return of every live environment into a->returns[0]. */
static pp_status first_pass(ppi_mgdt_agent *a, const uint8_t *live) {
    void *frames;
    PPI_TRY(ppi_program_input(&a->prefill, "frames", &frames));
    for (int64_t i = 0; i < a->n_envs; i++)
        memcpy((uint8_t *)frames + i * a->board, a->env[i].frames, (size_t)a->board);
    PPI_TRY(ppi_plan_run(a->prefill.plan, 0));
    const float *logits;
    PPI_TRY(ppi_program_output(&a->prefill, "return_logits", &logits));
    for (int64_t i = 0; i < a->n_envs; i++) {
        int32_t *token = &a->returns[i * a->c.timesteps];
        *token = 0;
        if (is_live(live, i))
            PPI_TRY(sample_return(a, &a->env[i], logits + i * a->c.return_bins, 0, token));
    }
    return PP_OK;
}

static pp_status second_pass(ppi_mgdt_agent *a) {
    void *returns, *actions, *rewards;
    PPI_TRY(hand_over_cache(a));
    PPI_TRY(ppi_program_input(&a->act, "first_returns", &returns));
    PPI_TRY(ppi_program_input(&a->act, "first_actions", &actions));
    PPI_TRY(ppi_program_input(&a->act, "first_rewards", &rewards));
    for (int64_t i = 0; i < a->n_envs; i++) {
        ((int32_t *)returns)[i] = a->returns[i * a->c.timesteps];
        ((int32_t *)actions)[i] = a->env[i].action[0];
        ((int32_t *)rewards)[i] = a->env[i].reward[0];
    }
    PPI_TRY(fill_windows(a, &a->act, 1));
    return ppi_plan_run(a->act.plan, 0);
}

/* Without the single return token every return of the window is drawn anew, left to right, one pass
 * each; a last pass gives the actions. */
static pp_status every_return(ppi_mgdt_agent *a, const uint8_t *live) {
    const int64_t T = a->c.timesteps;
    void *returns;
    PPI_TRY(ppi_program_input(&a->full, "returns", &returns));
    PPI_TRY(fill_windows(a, &a->full, 0));
    for (int64_t i = 0; i < a->n_envs * T; i++) a->returns[i] = ppi_mgdt_return_token(0);
    for (int64_t t = 0; t < T; t++) {
        memcpy(returns, a->returns, (size_t)(a->n_envs * T) * sizeof *a->returns);
        PPI_TRY(ppi_plan_run(a->full.plan, 0));
        const float *logits;
        PPI_TRY(ppi_program_output(&a->full, "return_logits", &logits));
        for (int64_t i = 0; i < a->n_envs; i++) {
            if (!is_live(live, i)) continue;
            PPI_TRY(sample_return(a, &a->env[i], logits + (i * T + t) * a->c.return_bins, t,
                                  &a->returns[i * T + t]));
        }
    }
    memcpy(returns, a->returns, (size_t)(a->n_envs * T) * sizeof *a->returns);
    return ppi_plan_run(a->full.plan, 0);
}

pp_status ppi_mgdt_act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    ppi_mgdt_agent *a = (ppi_mgdt_agent *)agent;
    if (a->n_envs == 0)
        return ppi_fail(PP_ERR_ARGUMENT, "an action was asked for before acting was begun");
    const ppi_program *last = &a->act;
    int64_t stride = a->c.actions;
    int64_t offset = 0;
    if (!a->c.conditioned) {
        PPI_TRY(fill_windows(a, &a->act, 0));
        PPI_TRY(ppi_plan_run(a->act.plan, 0));
    } else if (a->c.single_return) {
        PPI_TRY(first_pass(a, live));
        PPI_TRY(second_pass(a));
    } else {
        PPI_TRY(every_return(a, live));
        last = &a->full;
        stride *= a->c.timesteps;
        offset = (a->c.timesteps - 1) * a->c.actions;
    }
    const float *logits;
    PPI_TRY(ppi_program_output(last, "action_logits", &logits));
    for (int64_t i = 0; i < a->n_envs; i++) {
        if (is_live(live, i))
            PPI_TRY(sample_action(a, &a->env[i], logits + i * stride + offset, &actions[i]));
    }
    return PP_OK;
}

pp_status ppi_mgdt_describe_acting(const ppi_agent *agent, ppi_jsonw *w) {
    const ppi_mgdt_agent *a = (const ppi_mgdt_agent *)agent;
    const ppi_mgdt_acting_options o = ppi_mgdt_acting_resolve(&a->o.acting);
    ppi_jsonw_key_string(w, "preset", o.preset == PPI_MGDT_PAPER ? "paper" : "notebook");
    ppi_jsonw_key_i64(w, "context_length", a->c.timesteps);
    if (a->c.conditioned) {
        ppi_jsonw_key_string(w, "return_sampling", a->c.single_return ? "single" : "every");
        ppi_jsonw_key_f64(w, "kappa", o.kappa);
        ppi_jsonw_key_i64(w, "num_samples", o.num_samples);
        ppi_jsonw_key_f64(w, "return_temperature", o.return_temperature);
        ppi_jsonw_key_f64(w, "return_percentile", o.return_percentile);
    }
    ppi_jsonw_key_f64(w, "action_temperature", o.action_temperature);
    ppi_jsonw_key_f64(w, "action_percentile", o.action_percentile);
    ppi_jsonw_key_i64(w, "top_k", o.top_k);
    ppi_jsonw_key_bool(w, "greedy", o.greedy);
    return PP_OK;
}
