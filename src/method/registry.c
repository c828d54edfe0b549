/* The methods of this build and the calls that go through their tables. */
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "method/ad_agent.h"
#include "method/method.h"
#include "method/impala_agent.h"
#include "method/mgdt_agent.h"
#include "method/rl2.h"
#include "method/small.h"
#include "method/value_agent.h"

static const ppi_method *const methods[] = {
    &ppi_method_mgdt,    &ppi_method_bc,  &ppi_method_dqn,    &ppi_method_c51,   &ppi_method_impala,
    &ppi_method_qlambda, &ppi_method_ucb, &ppi_method_qtable, &ppi_method_noise, &ppi_method_a2c,
    &ppi_method_ad,     &ppi_method_ed,  &ppi_method_rl2};
enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

int ppi_method_count(void) {
    return METHOD_COUNT;
}

const ppi_method *ppi_method_at(int i) {
    return i >= 0 && i < METHOD_COUNT ? methods[i] : NULL;
}

pp_status ppi_method_find(const ppi_method **out, const char *name) {
    const char *names[METHOD_COUNT];
    for (int i = 0; i < METHOD_COUNT; i++) {
        names[i] = methods[i]->name;
        if (strcmp(name, names[i]) != 0) continue;
        *out = methods[i];
        return PP_OK;
    }
    const char *near = ppi_nearest_name(name, names, METHOD_COUNT);
    if (near == NULL)
        return ppi_fail(PP_ERR_NOT_FOUND,
                        "unknown method \"%s\"; `polyplay info --methods` lists them", name);
    return ppi_fail(PP_ERR_NOT_FOUND, "unknown method \"%s\"; did you mean \"%s\"?", name, near);
}

pp_status ppi_method_bind(const ppi_method *m, ppi_options *set, void *options) {
    for (int i = 0; i < m->table_count; i++) {
        PPI_TRY(ppi_options_bind(set, m->tables[i].table, (char *)options + m->tables[i].offset));
    }
    return PP_OK;
}

static pp_status check_size(const ppi_method *m, const char *size) {
    int n = 0;
    for (; m->sizes[n] != NULL; n++) {
        if (strcmp(m->sizes[n], size) == 0) return PP_OK;
    }
    const char *near = ppi_nearest_name(size, m->sizes, n);
    return ppi_fail(PP_ERR_NOT_FOUND,
                    "unknown model size \"%s\" of method %s; did you mean \"%s\"?", size, m->name,
                    near != NULL ? near : m->sizes[0]);
}

pp_status ppi_method_apply_recipe(const ppi_method *m, ppi_options *set, const char *size) {
    PPI_TRY(check_size(m, size));
    return m->recipe != NULL ? m->recipe(set, size) : PP_OK;
}

const char *ppi_method_usual_size(const ppi_method *m) {
    return m->usual_size != NULL ? m->usual_size : "small";
}

int64_t ppi_method_default_batch(const ppi_method *m, const char *size) {
    return m->default_batch(size);
}

pp_status ppi_agent_create(ppi_agent **out, const ppi_agent_config *cfg) {
    *out = NULL;
    ppi_agent_config c = *cfg;
    if (c.method == NULL || c.options == NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "an agent needs a method and its options");
    if (c.threads < 1)
        return ppi_fail(PP_ERR_ARGUMENT, "an agent of %d threads was asked for, expected 1 or more",
                        c.threads);
    if (c.size == NULL) c.size = ppi_method_usual_size(c.method);
    if (c.backend == NULL) c.backend = ppi_cpu_backend();
    PPI_TRY(check_size(c.method, c.size));
    PPI_TRY(ppi_cpu_isa_check());
    return c.method->create(out, &c);
}

void ppi_agent_destroy(ppi_agent *a) {
    if (a != NULL) a->method->calls->destroy(a);
}

ppi_params *ppi_agent_params(ppi_agent *a) {
    return a->params;
}

void ppi_agent_params_changed(ppi_agent *a) {
    ppi_params_sync(a->params, a->cfg.backend, a->cfg.threads);
}

int64_t ppi_agent_window(const ppi_agent *a) {
    return a->method->calls->window(a);
}

pp_status ppi_agent_train_setup(ppi_agent *a, int64_t batch, int64_t total_steps) {
    return a->method->calls->train_setup(a, batch, total_steps);
}

pp_status ppi_agent_train_step(ppi_agent *a, const struct ppi_batch *b, int64_t step,
                               ppi_metrics *out) {
    return a->method->calls->train_step(a, b, step, out);
}

pp_status ppi_agent_act_begin(ppi_agent *a, int64_t n_envs) {
    return a->method->calls->act_begin(a, n_envs);
}

pp_status ppi_agent_act_game(ppi_agent *a, int64_t env, int32_t game, const uint8_t *legal) {
    if (a->method->calls->act_game == NULL) return PP_OK;
    return a->method->calls->act_game(a, env, game, legal);
}

pp_status ppi_agent_act_reset(ppi_agent *a, int64_t env, const uint8_t *obs, uint64_t episode) {
    return a->method->calls->act_reset(a, env, obs, episode);
}

pp_status ppi_agent_act(ppi_agent *a, const uint8_t *live, int32_t *actions) {
    return a->method->calls->act(a, live, actions);
}

pp_status ppi_agent_observe(ppi_agent *a, int64_t env, int32_t action, double reward,
                            const uint8_t *next_obs) {
    return a->method->calls->observe(a, env, action, reward, next_obs);
}

bool ppi_agent_in_context(const ppi_agent *a) {
    return a->method->calls->act_task != NULL;
}

pp_status ppi_agent_act_task(ppi_agent *a, int64_t env, uint64_t run) {
    if (a->method->calls->act_task == NULL)
        return ppi_fail(PP_ERR_UNSUPPORTED, "agents of method %s do not learn in context",
                        a->method->name);
    return a->method->calls->act_task(a, env, run);
}

pp_status ppi_agent_act_prompt(ppi_agent *a, int64_t env, const ppi_prompt *prompt) {
    if (a->method->calls->act_prompt == NULL)
        return ppi_fail(PP_ERR_UNSUPPORTED, "agents of method %s take no prompt", a->method->name);
    return a->method->calls->act_prompt(a, env, prompt);
}

pp_status ppi_agent_forward_setup(ppi_agent *a, int64_t batch, const ppi_io_tensor **io, int *n) {
    return a->method->calls->forward_setup(a, batch, io, n);
}

pp_status ppi_agent_forward(ppi_agent *a) {
    return a->method->calls->forward(a);
}

pp_status ppi_agent_describe_acting(const ppi_agent *a, ppi_jsonw *w) {
    return a->method->calls->describe_acting(a, w);
}

ppi_plan *ppi_agent_plan(const ppi_agent *a, const char *which) {
    return a->method->calls->plan(a, which);
}
