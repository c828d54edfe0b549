/* The network once on given windows: the tensors of the public interface around a forward plan. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/mgdt_agent.h"

/* Appends a tensor of 4-byte elements; its place in the block is set later. */
static void add_tensor(ppi_mgdt_agent *a, const char *name, ppi_dtype dtype, ppi_shape shape,
                       bool output) {
    a->io[a->io_count++] =
        (ppi_io_tensor){.name = name, .dtype = dtype, .shape = shape, .output = output};
}

static void list_tensors(ppi_mgdt_agent *a, int64_t batch) {
    const ppi_mgdt_config *c = &a->c;
    const int64_t T = c->timesteps;
    a->io_count = 0;
    ppi_shape frames = {5, {batch, T, c->board_h, c->board_w, c->board_c}};
    if (c->board_c == 1) frames.ndim = 4;
    add_tensor(a, "frames", PPI_U8, frames, false);
    if (c->conditioned) add_tensor(a, "returns", PPI_I32, ppi_shape2(batch, T), false);
    add_tensor(a, "actions", PPI_I32, ppi_shape2(batch, T), false);
    add_tensor(a, "rewards", PPI_I32, ppi_shape2(batch, T), false);
    if (c->conditioned)
        add_tensor(a, "return_logits", PPI_F32, ppi_shape3(batch, T, c->return_bins), true);
    add_tensor(a, "action_logits", PPI_F32, ppi_shape3(batch, T, c->actions), true);
    add_tensor(a, "reward_logits", PPI_F32, ppi_shape3(batch, T, PPI_MGDT_REWARDS), true);
}

/* Gives every tensor but the frames memory of its own; the frames are the plan's input. */
static pp_status place_tensors(ppi_mgdt_agent *a) {
    int64_t total = 0;
    for (int i = 1; i < a->io_count; i++) total += ppi_shape_count(&a->io[i].shape);
    ppi_free(a->io_block);
    a->io_block = ppi_calloc((size_t)total, 4);
    if (a->io_block == NULL) return ppi_oom("the tensors of a forward pass");
    char *at = a->io_block;
    for (int i = 1; i < a->io_count; i++) {
        a->io[i].data = at;
        at += ppi_shape_count(&a->io[i].shape) * 4;
    }
    return ppi_program_input(&a->forward, "frames", &a->io[0].data);
}

pp_status ppi_mgdt_forward_setup(ppi_agent *agent, int64_t batch, const ppi_io_tensor **io,
                                 int *n) {
    ppi_mgdt_agent *a = (ppi_mgdt_agent *)agent;
    if (batch < 1)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a forward batch of %lld windows was asked for, expected 1 or more",
                        (long long)batch);
    if (a->forward.plan == NULL || a->forward_batch != batch) {
        ppi_program_clear(&a->forward);
        PPI_TRY(ppi_mgdt_compile(a, &a->forward, ppi_mgdt_build_forward, batch));
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

/* Raw values of the interface -> token ids of the network; tensor `t` is an input other than the
 * frames. */
static pp_status put_ids(const ppi_mgdt_agent *a, const ppi_io_tensor *t) {
    void *p;
    PPI_TRY(ppi_program_input(&a->forward, t->name, &p));
    const int32_t *raw = t->data;
    int32_t *ids = p;
    const int64_t n = ppi_shape_count(&t->shape);
    if (strcmp(t->name, "returns") == 0) {
        for (int64_t i = 0; i < n; i++) ids[i] = ppi_mgdt_return_token((double)raw[i]);
    } else if (strcmp(t->name, "rewards") == 0) {
        for (int64_t i = 0; i < n; i++) ids[i] = ppi_mgdt_reward_token((double)raw[i]);
    } else {
        return ppi_mgdt_put_actions(a, ids, raw, n);
    }
    return PP_OK;
}

pp_status ppi_mgdt_forward(ppi_agent *agent) {
    ppi_mgdt_agent *a = (ppi_mgdt_agent *)agent;
    if (a->forward.plan == NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "a forward pass was asked for before its set-up");
    for (int i = 1; i < a->io_count; i++) {
        if (!a->io[i].output) PPI_TRY(put_ids(a, &a->io[i]));
    }
    PPI_TRY(ppi_plan_run(a->forward.plan, 0));
    for (int i = 1; i < a->io_count; i++) {
        if (a->io[i].output)
            PPI_TRY(ppi_program_read(&a->forward, a->io[i].name, a->io[i].data,
                                  ppi_shape_count(&a->io[i].shape)));
    }
    return PP_OK;
}
