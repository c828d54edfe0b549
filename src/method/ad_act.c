/* Acting: a rolling window of steps per environment, kept over the ends of episodes and emptied by
   act_task, all environments in one batch. The windows are left-aligned and begin at position 0
   with the start token, as in training, and are run anew for every decision: absolute positions
   forbid the reuse of keys and values once the window rolls. The LSTM carries its state instead. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "method/ad_agent.h"
#include "method/sampling.h"

void ppi_ad_act_end(ppi_ad_agent *a) {
    ppi_program_clear(&a->full);
    ppi_program_clear(&a->partial);
    ppi_program_clear(&a->prefill);
    ppi_program_clear(&a->next);
    ppi_program_clear(&a->fold);
    ppi_program_clear(&a->decide);
    ppi_program_clear(&a->encode);
    ppi_free(a->features);
    ppi_free(a->frames);
    ppi_free(a->state);
    ppi_free(a->logits);
    ppi_free(a->run);
    ppi_free(a->ids);
    a->features = NULL;
    a->frames = NULL;
    a->state = NULL;
    a->logits = NULL;
    a->run = NULL;
    a->ids = NULL;
    a->n_envs = 0;
}

static pp_status make_runs(ppi_ad_agent *a, int64_t n) {
    const int64_t T = a->c.timesteps;
    const int64_t columns = a->c.tables + 2;
    a->run = ppi_calloc((size_t)n, sizeof *a->run);
    a->ids = ppi_calloc((size_t)(n * T * columns), sizeof *a->ids);
    a->logits = ppi_calloc((size_t)(n * a->c.actions), sizeof *a->logits);
    if (a->run == NULL || a->ids == NULL || a->logits == NULL)
        return ppi_oom("the windows of the environments");
    for (int64_t i = 0; i < n; i++) {
        ppi_ad_run *r = &a->run[i];
        r->row = a->ids + i * T * columns;
        r->action = r->row + T * a->c.tables;
        r->reward = r->action + T;
        r->run = (uint64_t)i;
    }
    return PP_OK;
}

static pp_status compile(ppi_ad_agent *a, int64_t n) {
    if (a->c.tables == 0) PPI_TRY(ppi_ad_frames_begin(a, n));
    if (a->c.core == PPI_AD_LSTM) return ppi_ad_recur_begin(a, n);
    if (a->o.acting.anchor) return ppi_ad_anchor_begin(a, n);
    PPI_TRY(ppi_ad_compile(a, &a->full, ppi_ad_build_full, n));
    return ppi_ad_compile(a, &a->partial, ppi_ad_build_partial, n);
}

pp_status ppi_ad_act_begin(ppi_agent *agent, int64_t n_envs) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    if (n_envs < 1)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "acting in %lld environments was asked for, expected 1 or more",
                        (long long)n_envs);
    if (a->n_envs == n_envs) return PP_OK;
    ppi_ad_act_end(a);
    pp_status s = make_runs(a, n_envs);
    if (s == PP_OK) s = compile(a, n_envs);
    if (s != PP_OK) {
        ppi_ad_act_end(a);
        return s;
    }
    a->n_envs = n_envs;
    return PP_OK;
}

static pp_status run_at(ppi_ad_agent *a, int64_t env, ppi_ad_run **out) {
    if (env < 0 || env >= a->n_envs) {
        return ppi_fail(PP_ERR_ARGUMENT, "environment %lld of %lld was named; was acting begun?",
                        (long long)env, (long long)a->n_envs);
    }
    *out = &a->run[env];
    return PP_OK;
}

pp_status ppi_ad_act_task(ppi_agent *agent, int64_t env, uint64_t run) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    ppi_ad_run *r;
    PPI_TRY(run_at(a, env, &r));
    if (a->c.core == PPI_AD_LSTM) ppi_ad_recur_clear(a, env);
    r->length = 0;
    r->cached = 0;
    r->open = r->fresh = false;
    r->run = run;
    r->decisions = 0;
    return PP_OK;
}

void ppi_ad_run_shift(const ppi_ad_agent *a, ppi_ad_run *r, int64_t n) {
    const int64_t k = a->c.tables;
    r->length -= n;
    const size_t left = (size_t)r->length;
    memmove(r->row, r->row + n * k, left * (size_t)k * sizeof *r->row);
    if (k == 0)
        memmove(r->feature, r->feature + n * PPI_AD_FEATURES,
                left * PPI_AD_FEATURES * sizeof *r->feature);
    memmove(r->action, r->action + n, left * sizeof *r->action);
    memmove(r->reward, r->reward + n, left * sizeof *r->reward);
    r->cached = 0;
}

/* Makes room for one step behind a full window: the oldest one leaves, anchored the older half. */
static pp_status push(ppi_ad_agent *a, ppi_ad_run *r) {
    const int64_t T = a->c.timesteps;
    if (r->length == T && a->c.core == PPI_AD_LSTM) PPI_TRY(ppi_ad_recur_fold(a));
    if (r->length == T) ppi_ad_run_shift(a, r, a->o.acting.anchor ? T - T / 2 : 1);
    r->length++;
    return PP_OK;
}

/* Opens a step, or the one that waits once more; *at is its place. */
static pp_status open_step(ppi_ad_agent *a, ppi_ad_run *r, int64_t *at) {
    if (!r->open && r->fresh) PPI_TRY(ppi_ad_frames_settle(a));
    if (!r->open) PPI_TRY(push(a, r));
    *at = r->length - 1;
    r->action[*at] = 0;
    r->reward[*at] = 0;
    r->open = true;
    return PP_OK;
}

/* Begins a step with its observation, or replaces the observation of the step that waits. */
static pp_status begin_step(ppi_ad_agent *a, ppi_ad_run *r, const uint8_t *obs) {
    int32_t rows[PPI_AD_TABLES] = {0};
    int64_t at = 0;
    if (a->c.tables > 0) PPI_TRY(ppi_ad_obs_rows(a, obs, rows));
    PPI_TRY(open_step(a, r, &at));
    if (a->c.tables == 0) {
        memcpy(r->frame, obs, (size_t)ppi_obs_bytes(&a->base.cfg.obs));
        r->fresh = true;
        return PP_OK;
    }
    memcpy(r->row + at * a->c.tables, rows, (size_t)a->c.tables * sizeof *rows);
    return PP_OK;
}

/* Ends the waiting step; last: its episode too. */
static pp_status end_step(const ppi_ad_agent *a, ppi_ad_run *r, int32_t action, double reward,
                          bool last) {
    int32_t choice;
    PPI_TRY(ppi_ad_choice(a, action, &choice));
    if (!r->open)
        return ppi_fail(PP_ERR_ARGUMENT, "an outcome was reported before an observation was given");
    r->action[r->length - 1] = choice;
    r->reward[r->length - 1] = ppi_ad_reward_token(&a->c, reward, last);
    r->open = false;
    return PP_OK;
}

/* Only the reset tells that the step behind which one waits was its episode's last. */
static void tell_episode_end(const ppi_ad_agent *a, ppi_ad_run *r) {
    if (!a->c.episode_ends || !r->open || r->length < 2) return;
    int32_t *token = &r->reward[r->length - 2];
    if (*token < PPI_AD_REWARDS) *token += PPI_AD_REWARDS;
}

pp_status ppi_ad_act_reset(ppi_agent *agent, int64_t env, const uint8_t *obs, uint64_t episode) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    ppi_ad_run *r;
    (void)episode;
    PPI_TRY(run_at(a, env, &r));
    tell_episode_end(a, r);
    return begin_step(a, r, obs);
}

pp_status ppi_ad_observe(ppi_agent *agent, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    ppi_ad_run *r;
    PPI_TRY(run_at(a, env, &r));
    PPI_TRY(end_step(a, r, action, reward, false));
    r->decisions++;
    return begin_step(a, r, next_obs);
}

static pp_status end_prompt_step(const ppi_ad_agent *a, ppi_ad_run *r, const ppi_prompt *prompt,
                                 int64_t t) {
    const bool last = prompt->last != NULL && prompt->last[t] != 0;
    return end_step(a, r, prompt->action[t], (double)prompt->reward[t], last);
}

/* A prompt of images, encoded many at a time. */
static pp_status prompt_images(ppi_ad_agent *a, ppi_ad_run *r, const ppi_prompt *prompt) {
    PPI_TRY(ppi_ad_frames_encode(a, prompt->obs, prompt->steps, r->feature));
    for (int64_t t = 0; t < prompt->steps; t++) {
        int64_t at = 0;
        PPI_TRY(open_step(a, r, &at));
        const pp_status s = end_prompt_step(a, r, prompt, t);
        if (s != PP_OK) return ppi_fail_context(s, "step %lld of a prompt", (long long)t);
    }
    return PP_OK;
}

pp_status ppi_ad_act_prompt(ppi_agent *agent, int64_t env, const ppi_prompt *prompt) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    const int64_t bytes = ppi_obs_bytes(&agent->cfg.obs);
    ppi_ad_run *r;
    PPI_TRY(run_at(a, env, &r));
    if (r->length != 0)
        return ppi_fail(PP_ERR_ARGUMENT, "a prompt was given to a run that has begun");
    if (prompt->steps < 0 || prompt->steps > a->c.timesteps) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a prompt of %lld steps was given, the context holds %lld; take a shorter "
                        "one",
                        (long long)prompt->steps, (long long)a->c.timesteps);
    }
    if (a->c.tables == 0) return prompt_images(a, r, prompt);
    for (int64_t t = 0; t < prompt->steps; t++) {
        pp_status s = begin_step(a, r, prompt->obs + t * bytes);
        if (s == PP_OK) s = end_prompt_step(a, r, prompt, t);
        if (s != PP_OK) return ppi_fail_context(s, "step %lld of a prompt", (long long)t);
    }
    return PP_OK;
}

/* ---- decisions ---- */

pp_status ppi_ad_fill_windows(const ppi_ad_agent *a, const ppi_program *p, bool any_length) {
    ppi_ad_inputs in;
    void *last = NULL;
    PPI_TRY(ppi_ad_inputs_of(a, p, &in));
    if (any_length) PPI_TRY(ppi_program_input(p, "last", &last));
    const int64_t T = a->c.timesteps;
    for (int64_t i = 0; i < a->n_envs; i++) {
        const ppi_ad_run *r = &a->run[i];
        for (int64_t t = 0; t < r->length; t++) ppi_ad_put_step_obs(a, &in, i * T + t, r, t);
        ppi_ad_put_steps(a, &in, i * T, r->action, r->reward, T);
        if (any_length) ((int32_t *)last)[i] = r->length > 0 ? (int32_t)r->length - 1 : 0;
    }
    return PP_OK;
}

pp_status ppi_ad_take_logits(ppi_ad_agent *a, const ppi_program *p, int64_t env) {
    const float *logits = NULL;
    const int64_t A = a->c.actions;
    PPI_TRY(ppi_program_output(p, "action_logits", &logits));
    memcpy(a->logits + env * A, logits + env * A, (size_t)A * sizeof *logits);
    return PP_OK;
}

static bool is_full(const ppi_ad_agent *a, int64_t env) {
    return a->run[env].length == a->c.timesteps;
}

/* The program for full windows reads less. Which one serves an environment depends on its own
 * window only, so that nobody's logits depend on what runs beside. */
static pp_status rolling_logits(ppi_ad_agent *a, const uint8_t *live) {
    for (int full = 0; full < 2; full++) {
        ppi_program *p = full ? &a->full : &a->partial;
        bool any = false;
        for (int64_t i = 0; i < a->n_envs; i++)
            any = any || (ppi_ad_is_live(live, i) && is_full(a, i) == full);
        if (!any) continue;
        PPI_TRY(ppi_ad_fill_windows(a, p, !full));
        PPI_TRY(ppi_plan_run(p->plan, 0));
        for (int64_t i = 0; i < a->n_envs; i++) {
            if (is_full(a, i) == full) PPI_TRY(ppi_ad_take_logits(a, p, i));
        }
    }
    return PP_OK;
}

/* The logits of the live environments' running steps. */
static pp_status make_logits(ppi_ad_agent *a, const uint8_t *live) {
    if (a->c.core == PPI_AD_LSTM) return ppi_ad_recur_logits(a);
    return a->o.acting.anchor ? ppi_ad_anchor_logits(a, live) : rolling_logits(a, live);
}

static pp_status draw(const ppi_ad_agent *a, const ppi_ad_run *r, const float *logits,
                      int32_t *action) {
    double p[PPI_SAMPLING_MAX];
    const ppi_sampling how = {.temperature = 1.0 / a->o.acting.temperature,
                              .greedy = a->o.acting.greedy};
    if (!ppi_sampling_probabilities(p, logits, a->c.actions, &how)) {
        return ppi_fail(PP_ERR_NUMERIC,
                        "the action logits of decision %llu of run %llu are not "
                        "finite",
                        (unsigned long long)r->decisions, (unsigned long long)r->run);
    }
    ppi_rng rng;
    ppi_rng_init(&rng, a->base.cfg.seed, PPI_RNG_ACT, r->run);
    rng.pos = r->decisions * 2;
    *action = a->base.cfg.actions.list[ppi_sampling_draw(p, a->c.actions, &rng)];
    return PP_OK;
}

pp_status ppi_ad_act(ppi_agent *agent, const uint8_t *live, int32_t *actions) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    if (a->n_envs == 0)
        return ppi_fail(PP_ERR_ARGUMENT, "an action was asked for before acting was begun");
    for (int64_t i = 0; i < a->n_envs; i++) {
        if (ppi_ad_is_live(live, i) && !a->run[i].open)
            return ppi_fail(PP_ERR_ARGUMENT, "environment %lld has no observation to act on",
                            (long long)i);
    }
    if (a->c.tables == 0) PPI_TRY(ppi_ad_frames_settle(a));
    PPI_TRY(make_logits(a, live));
    for (int64_t i = 0; i < a->n_envs; i++) {
        if (ppi_ad_is_live(live, i))
            PPI_TRY(draw(a, &a->run[i], a->logits + i * a->c.actions, &actions[i]));
    }
    return PP_OK;
}

pp_status ppi_ad_describe_acting(const ppi_agent *agent, ppi_jsonw *w) {
    const ppi_ad_agent *a = (const ppi_ad_agent *)agent;
    ppi_jsonw_key_i64(w, "context_length", a->c.timesteps);
    const char *rolling = a->o.acting.anchor ? "anchored" : "rolling";
    ppi_jsonw_key_string(w, "context", a->c.core == PPI_AD_LSTM ? "state" : rolling);
    ppi_jsonw_key_f64(w, "temperature", a->o.acting.temperature);
    ppi_jsonw_key_bool(w, "greedy", a->o.acting.greedy);
    return PP_OK;
}
