/* The network once on given windows: the tensors of the public interface around a forward plan.
   Actions and rewards of a step are what happened at that step, whatever the token layout. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/ad_agent.h"

enum { OBSERVATIONS, ACTIONS, REWARDS, LOGITS, LAST }; /* LAST where the model is told of ends */

static void list_tensors(ppi_ad_agent *a, int64_t batch) {
    const ppi_ad_config *c = &a->c;
    const ppi_obs_spec *o = &a->base.cfg.obs;
    const int64_t T = c->timesteps;
    a->io[OBSERVATIONS] = (ppi_io_tensor){
        .name = "observations", .dtype = PPI_U8, .shape = {5, {batch, T, o->h, o->w, o->c}}};
    if (o->type == PP_OBS_CELLS) a->io[OBSERVATIONS].shape = ppi_shape3(batch, T, o->c);
    a->io[ACTIONS] =
        (ppi_io_tensor){.name = "actions", .dtype = PPI_I32, .shape = ppi_shape2(batch, T)};
    a->io[REWARDS] =
        (ppi_io_tensor){.name = "rewards", .dtype = PPI_F32, .shape = ppi_shape2(batch, T)};
    a->io[LOGITS] = (ppi_io_tensor){.name = "action_logits",
                                    .dtype = PPI_F32,
                                    .shape = ppi_shape3(batch, T, c->actions),
                                    .output = true};
    a->io_count = c->episode_ends ? LAST + 1 : LAST;
    if (c->episode_ends)
        a->io[LAST] =
            (ppi_io_tensor){.name = "last", .dtype = PPI_U8, .shape = ppi_shape2(batch, T)};
}

static size_t tensor_bytes(const ppi_io_tensor *t) {
    const size_t bytes = (size_t)ppi_shape_count(&t->shape) * ppi_dtype_size(t->dtype);
    return (bytes + 63) / 64 * 64;
}

static pp_status place_tensors(ppi_ad_agent *a) {
    size_t total = 0;
    for (int i = 0; i < a->io_count; i++) total += tensor_bytes(&a->io[i]);
    ppi_free(a->io_block);
    a->io_block = ppi_calloc(total, 1);
    if (a->io_block == NULL) return ppi_oom("the tensors of a forward pass");
    char *at = a->io_block;
    for (int i = 0; i < a->io_count; i++) {
        a->io[i].data = at;
        at += tensor_bytes(&a->io[i]);
    }
    return PP_OK;
}

pp_status ppi_ad_forward_setup(ppi_agent *agent, int64_t batch, const ppi_io_tensor **io, int *n) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    if (batch < 1)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a forward batch of %lld windows was asked for, expected 1 or more",
                        (long long)batch);
    if (a->forward.plan == NULL || a->forward_batch != batch) {
        ppi_program_clear(&a->forward);
        PPI_TRY(ppi_ad_compile(a, &a->forward, ppi_ad_build_forward, batch));
        a->forward_batch = batch;
        list_tensors(a, batch);
        const pp_status s = place_tensors(a);
        if (s != PP_OK) {
            ppi_program_clear(&a->forward); /* so that the next call starts afresh */
            return s;
        }
    }
    *io = a->io;
    *n = a->io_count;
    return PP_OK;
}

/* The raw values of one window into the program's inputs. */
static pp_status put_window(const ppi_ad_agent *a, const ppi_ad_inputs *in, int64_t window) {
    const int64_t T = a->c.timesteps;
    const int64_t bytes = ppi_obs_bytes(&a->base.cfg.obs);
    const uint8_t *obs = (const uint8_t *)a->io[OBSERVATIONS].data + window * T * bytes;
    const int32_t *action = (const int32_t *)a->io[ACTIONS].data + window * T;
    const float *reward = (const float *)a->io[REWARDS].data + window * T;
    const uint8_t *last = a->c.episode_ends ? (const uint8_t *)a->io[LAST].data + window * T : NULL;
    int32_t choice[PPI_AD_MAX_CONTEXT];
    int32_t token[PPI_AD_MAX_CONTEXT];
    PPI_TRY(ppi_ad_put_obs(a, in, window * T, obs, T));
    for (int64_t t = 0; t < T; t++) {
        PPI_TRY(ppi_ad_choice(a, action[t], &choice[t]));
        token[t] = ppi_ad_reward_token(&a->c, (double)reward[t], last != NULL && last[t] != 0);
    }
    ppi_ad_put_steps(a, in, window * T, choice, token, T);
    return PP_OK;
}

pp_status ppi_ad_forward(ppi_agent *agent) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    ppi_ad_inputs in;
    if (a->forward.plan == NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "a forward pass was asked for before its set-up");
    PPI_TRY(ppi_ad_inputs_of(a, &a->forward, &in));
    for (int64_t i = 0; i < a->forward_batch; i++) PPI_TRY(put_window(a, &in, i));
    PPI_TRY(ppi_plan_run(a->forward.plan, 0));
    return ppi_program_read(&a->forward, "action_logits", a->io[LOGITS].data,
                            ppi_shape_count(&a->io[LOGITS].shape));
}
