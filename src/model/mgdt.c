/* Graph builders of the Multi-Game Decision Transformer. One set of pieces (patch tokens, embedded
   scalars, positions, stack, heads) is put together four ways: training, forward, and the two
   passes of acting. Parameter names and layouts are those of the published checkpoint, so that it
   can be imported by name. */
#include "model/mgdt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define ROOT     "decision_transformer/"
#define EMBED    ROOT "~_embed_inputs/"
#define SEQUENCE ROOT "~/sequence/"

static const ppi_init table_init = {PPI_INIT_TRUNC_NORMAL, 0.02f};

/* The integer input `name` of n ids. */
static ppi_value ids_input(ppi_graph *g, const char *name, int64_t n) {
    return ppi_input(g, name, PPI_I32, ppi_shape1(n));
}

/* Frames U8 [B,n,H,W,C] -> [B*n,P,D]: scaled, cut into patches row by row, projected, patch code
   added. The 14x14 convolution with stride 14 of the original is one linear map per patch, pixel
   order (row, column, channel). */
static ppi_value patch_tokens(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch, int64_t n) {
    const int64_t p = c->patch;
    const int64_t rows = c->board_h / p;
    const int64_t cols = c->board_w / p;
    const int64_t pixels = p * p * c->board_c;
    ppi_value x = ppi_input(g, "frames", PPI_U8,
                            (ppi_shape){5, {batch, n, c->board_h, c->board_w, c->board_c}});
    x = ppi_cast(g, x, PPI_F32, c->frame_scale);
    x = ppi_reshape(g, x, (ppi_shape){5, {batch * n, rows, p, cols, p * c->board_c}});
    x = ppi_permute(g, x, (const int[PPI_MAX_DIMS]){0, 1, 3, 2, 4, 5});
    x = ppi_reshape(g, x, ppi_shape3(batch * n, rows * cols, pixels));

    /* sigma 1/sqrt(fan in), which is 1/14 for grey frames */
    const ppi_init init = {PPI_INIT_TRUNC_NORMAL, (float)(1.0 / sqrt((double)pixels))};
    ppi_value w =
        ppi_parameter(g, EMBED "image_emb/w", ppi_shape4(p, p, c->board_c, c->width), init);
    const ppi_value b =
        ppi_parameter(g, EMBED "image_emb/b", ppi_shape1(c->width), (ppi_init){PPI_INIT_ZERO, 0});
    w = ppi_reshape(g, w, ppi_shape2(pixels, c->width));
    x = ppi_linear(g, x, w, b, PPI_ACT_NONE);

    ppi_value code = ppi_parameter(g, ROOT "image_pos_enc", ppi_shape4(1, 1, rows * cols, c->width),
                                   (ppi_init){PPI_INIT_NORMAL, 0.02f});
    code = ppi_reshape(g, code, ppi_shape2(rows * cols, c->width));
    return ppi_add(g, x, code);
}

/* ids [n] -> [n,1,D] from one of the three tables. */
static ppi_value id_tokens(ppi_graph *g, const ppi_mgdt_config *c, ppi_value ids, const char *table,
                           int64_t rows) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const int64_t n = ppi_graph_value(g, ids)->shape.dim[0];
    const ppi_value x = ppi_nn_embedding(g, ids, table, rows, c->width, table_init);
    return ppi_reshape(g, x, ppi_shape3(n, 1, c->width));
}
static ppi_value return_tokens(ppi_graph *g, const ppi_mgdt_config *c, ppi_value ids) {
    return id_tokens(g, c, ids, EMBED "embed", c->return_bins);
}
static ppi_value action_tokens(ppi_graph *g, const ppi_mgdt_config *c, ppi_value ids) {
    return id_tokens(g, c, ids, EMBED "embed_1", c->actions);
}
static ppi_value reward_tokens(ppi_graph *g, const ppi_mgdt_config *c, ppi_value ids) {
    return id_tokens(g, c, ids, EMBED "embed_2", PPI_MGDT_REWARDS);
}

/* x [B,n,D] holding tokens first .. first+n-1: adds the positions and, with a single return token,
   zeroes the return slots of later timesteps (after the positions, as in the original). */
static ppi_value place(ppi_graph *g, const ppi_mgdt_config *c, ppi_value x, int64_t first,
                       int64_t n) {
    ppi_value pos = ppi_parameter(g, ROOT "positional_embeddings",
                                  ppi_shape2(ppi_mgdt_tokens(c), c->width), table_init);
    if (n < ppi_mgdt_tokens(c)) pos = ppi_slice(g, pos, 0, first, n, 1);
    x = ppi_add(g, x, pos);
    const int64_t slots = ppi_mgdt_slots(c);
    const int64_t slot = ppi_mgdt_patches(c);
    if (!c->conditioned || !c->single_return || first + n <= slots + slot) return x;
    float *keep = ppi_malloc((size_t)n * sizeof *keep);
    if (keep == NULL) {
        ppi_graph_fail(g, ppi_oom("the mask of the return slots"));
        return PPI_NONE;
    }
    for (int64_t i = 0; i < n; i++)
        keep[i] = first + i >= slots && (first + i) % slots == slot ? 0.0f : 1.0f;
    const ppi_value mask = ppi_const_f32(g, "return_slots", ppi_shape2(n, 1), keep);
    ppi_free(keep);
    return ppi_mul(g, x, mask);
}

static ppi_nn_stack stack_of(const ppi_mgdt_config *c, int64_t first, bool train) {
    return (ppi_nn_stack){.prefix = SEQUENCE,
                          .layers = c->layers,
                          .width = c->width,
                          .heads = (int)(c->width / 64),
                          .dropout = train ? c->dropout : 0.0f,
                          .mask = ppi_mgdt_mask(c, first)};
}

/* The head of `name` on rows [n,D]. */
static ppi_value head(ppi_graph *g, const ppi_mgdt_config *c, ppi_value rows, const char *name,
                      int64_t classes) {
    const ppi_init init = {PPI_INIT_TRUNC_NORMAL, (float)(1.0 / sqrt((double)c->width))};
    return ppi_nn_linear(g, rows, name, classes, init, PPI_ACT_NONE);
}
static ppi_value action_head(ppi_graph *g, const ppi_mgdt_config *c, ppi_value rows) {
    return head(g, c, rows, ROOT "act_linear", c->actions);
}
static ppi_value return_head(ppi_graph *g, const ppi_mgdt_config *c, ppi_value rows) {
    return head(g, c, rows, ROOT "ret_linear", c->return_bins);
}
static ppi_value reward_head(ppi_graph *g, const ppi_mgdt_config *c, ppi_value rows) {
    return head(g, c, rows, ROOT "rew_linear", PPI_MGDT_REWARDS);
}

/* x [B,n,D] through stack and final norm, the last row of each sample: [B,D]. */
static ppi_value last_row(ppi_graph *g, const ppi_mgdt_config *c, ppi_value x, int64_t batch,
                          int64_t first, int64_t n, const ppi_nn_cache *past, ppi_nn_cache *made) {
    const ppi_nn_stack stack = stack_of(c, first, false);
    x = ppi_nn_stack_build(g, x, &stack, past, made);
    x = ppi_nn_norm(g, x, SEQUENCE "ln_f");
    return ppi_reshape(g, ppi_slice(g, x, 1, n - 1, 1, 1), ppi_shape2(batch, c->width));
}

/* The ids of a whole window. */
typedef struct window_ids {
    ppi_value returns, actions, rewards;
} window_ids;

/* All tokens of the window, positions added: [B,N,D]. */
static ppi_value window_tokens(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch,
                               window_ids *ids) {
    const int64_t steps = batch * c->timesteps;
    ppi_value part[4];
    int n = 0;
    part[n++] = patch_tokens(g, c, batch, c->timesteps);
    if (c->conditioned) {
        ids->returns = ids_input(g, "returns", steps);
        part[n++] = return_tokens(g, c, ids->returns);
    }
    ids->actions = ids_input(g, "actions", steps);
    part[n++] = action_tokens(g, c, ids->actions);
    ids->rewards = ids_input(g, "rewards", steps);
    part[n++] = reward_tokens(g, c, ids->rewards);
    ppi_value x = ppi_concat(g, part, n, 1);
    x = ppi_reshape(g, x, ppi_shape3(batch, ppi_mgdt_tokens(c), c->width));
    return place(g, c, x, 0, ppi_mgdt_tokens(c));
}

/* x [B,N,D] through stack and final norm, seen by timestep and slot: [B,T,S,D]. */
static ppi_value by_slot(ppi_graph *g, const ppi_mgdt_config *c, ppi_value x, int64_t batch,
                         bool train) {
    const ppi_nn_stack stack = stack_of(c, 0, train);
    x = ppi_nn_stack_build(g, x, &stack, NULL, NULL);
    x = ppi_nn_norm(g, x, SEQUENCE "ln_f");
    return ppi_reshape(g, x, ppi_shape4(batch, c->timesteps, ppi_mgdt_slots(c), c->width));
}

/* The rows of [B,T,S,D] from which a head predicts the token of slot `slot`: the slot before it,
   timesteps 0 .. steps-1
   -> [B*steps,D]. */
static ppi_value rows_before(ppi_graph *g, const ppi_mgdt_config *c, ppi_value x, int64_t slot,
                             int64_t batch, int64_t steps) {
    x = ppi_slice(g, x, 2, slot - 1, 1, 1);
    if (steps < c->timesteps) x = ppi_slice(g, x, 1, 0, steps, 1);
    return ppi_reshape(g, x, ppi_shape2(batch * steps, c->width));
}

static ppi_value mean_loss(ppi_graph *g, const char *name, ppi_value logits, ppi_value targets) {
    return ppi_output(g, name, ppi_mean(g, ppi_cross_entropy(g, logits, targets)));
}

pp_status ppi_mgdt_build_train(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch) {
    PPI_TRY(ppi_mgdt_config_check(c));
    window_ids ids;
    const int64_t slots = ppi_mgdt_slots(c);
    ppi_value x = window_tokens(g, c, batch, &ids);
    x = by_slot(g, c, x, batch, true);

    ppi_value actions = action_head(g, c, rows_before(g, c, x, slots - 2, batch, c->timesteps));
    actions = ppi_output(g, "action_logits", actions);
    const ppi_value loss_action = mean_loss(g, "loss_action", actions, ids.actions);
    const ppi_value rewards =
        reward_head(g, c, rows_before(g, c, x, slots - 1, batch, c->timesteps));
    const ppi_value loss_reward = mean_loss(g, "loss_reward", rewards, ids.rewards);

    /* The published loss divides each term by its number of classes and the sum by the number of
     * terms. */
    const double terms = c->conditioned ? 3.0 : 2.0;
    const float wa = c->plain_sum ? 1.0f : (float)(1.0 / (double)c->actions / terms);
    const float ww = c->plain_sum ? 1.0f : (float)(1.0 / PPI_MGDT_REWARDS / terms);
    const float wr = c->plain_sum ? 1.0f : (float)(1.0 / (double)c->return_bins / terms);
    ppi_value loss = ppi_add(g, ppi_scale(g, loss_action, wa), ppi_scale(g, loss_reward, ww));
    if (c->conditioned) {
        const int64_t read = c->single_return ? 1 : c->timesteps;
        const ppi_value targets = ids_input(g, "return_targets", batch * read);
        const ppi_value returns =
            return_head(g, c, rows_before(g, c, x, ppi_mgdt_patches(c), batch, read));
        loss = ppi_add(g, loss, ppi_scale(g, mean_loss(g, "loss_return", returns, targets), wr));
    }
    ppi_output(g, "loss", loss);
    PPI_TRY(ppi_graph_status(g));
    return ppi_graph_backward(g, loss, NULL, 0, NULL);
}

pp_status ppi_mgdt_build_forward(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch) {
    PPI_TRY(ppi_mgdt_config_check(c));
    const int64_t t = c->timesteps;
    window_ids ids;
    const int64_t slots = ppi_mgdt_slots(c);
    ppi_value x = window_tokens(g, c, batch, &ids);
    x = by_slot(g, c, x, batch, false);
    if (c->conditioned) {
        const ppi_value y = return_head(g, c, rows_before(g, c, x, ppi_mgdt_patches(c), batch, t));
        ppi_output(g, "return_logits", ppi_reshape(g, y, ppi_shape3(batch, t, c->return_bins)));
    }
    const ppi_value a = action_head(g, c, rows_before(g, c, x, slots - 2, batch, t));
    ppi_output(g, "action_logits", ppi_reshape(g, a, ppi_shape3(batch, t, c->actions)));
    const ppi_value r = reward_head(g, c, rows_before(g, c, x, slots - 1, batch, t));
    ppi_output(g, "reward_logits", ppi_reshape(g, r, ppi_shape3(batch, t, PPI_MGDT_REWARDS)));
    return ppi_graph_status(g);
}

static pp_status check_two_pass(const ppi_mgdt_config *c) {
    PPI_TRY(ppi_mgdt_config_check(c));
    if (c->conditioned && c->single_return && c->timesteps > 1) return PP_OK;
    return ppi_fail(
        PP_ERR_UNSUPPORTED,
        "two-pass acting needs a model with a single return token and more than one timestep");
}

/* "k3" */
static void cache_name(char out[16], char what, int64_t layer) {
    snprintf(out, 16, "%c%d", what, (int)layer);
}

pp_status ppi_mgdt_build_prefill(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch) {
    PPI_TRY(check_two_pass(c));
    const int64_t n = ppi_mgdt_patches(c);
    ppi_nn_cache made;
    ppi_value x = patch_tokens(g, c, batch, 1);
    x = place(g, c, x, 0, n);
    x = last_row(g, c, x, batch, 0, n, NULL, &made);
    ppi_output(g, "return_logits", return_head(g, c, x));
    for (int64_t i = 0; i < c->layers && ppi_graph_status(g) == PP_OK; i++) {
        char name[16];
        cache_name(name, 'k', i);
        ppi_output(g, name, made.k[i]);
        cache_name(name, 'v', i);
        ppi_output(g, name, made.v[i]);
    }
    return ppi_graph_status(g);
}

pp_status ppi_mgdt_build_act(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch) {
    PPI_TRY(check_two_pass(c));
    const int64_t patches = ppi_mgdt_patches(c);
    const int64_t later = c->timesteps - 1;
    const int64_t slots = ppi_mgdt_slots(c);
    ppi_nn_cache past;
    for (int64_t i = 0; i < c->layers; i++) {
        char name[16];
        cache_name(name, 'k', i);
        past.k[i] = ppi_input(g, name, PPI_F32, ppi_shape3(batch, patches, c->width));
        cache_name(name, 'v', i);
        past.v[i] = ppi_input(g, name, PPI_F32, ppi_shape3(batch, patches, c->width));
    }
    const ppi_value r0 = return_tokens(g, c, ids_input(g, "first_returns", batch));
    const ppi_value a0 = action_tokens(g, c, ids_input(g, "first_actions", batch));
    const ppi_value w0 = reward_tokens(g, c, ids_input(g, "first_rewards", batch));
    const ppi_value p = patch_tokens(g, c, batch, later);
    const ppi_value a = action_tokens(g, c, ids_input(g, "actions", batch * later));
    const ppi_value w = reward_tokens(g, c, ids_input(g, "rewards", batch * later));
    /* Later return slots are zeroed by place(), so any values may stand there. */
    ppi_value x = ppi_concat(g, (const ppi_value[]){p, a, a, w}, 4, 1);
    x = ppi_reshape(g, x, ppi_shape3(batch, later * slots, c->width));
    x = ppi_slice(g, x, 1, 0, later * slots - 2, 1);
    x = ppi_concat(g, (const ppi_value[]){r0, a0, w0, x}, 4, 1);
    const int64_t n = later * slots + 1;
    x = place(g, c, x, patches, n);
    x = last_row(g, c, x, batch, patches, n, &past, NULL);
    ppi_output(g, "action_logits", action_head(g, c, x));
    return ppi_graph_status(g);
}

pp_status ppi_mgdt_build_clone_act(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch) {
    PPI_TRY(ppi_mgdt_config_check(c));
    if (c->conditioned)
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "one-pass acting is for the network without return tokens");
    const int64_t steps = batch * c->timesteps;
    const int64_t n = ppi_mgdt_tokens(c) - 2;
    const ppi_value p = patch_tokens(g, c, batch, c->timesteps);
    const ppi_value a = action_tokens(g, c, ids_input(g, "actions", steps));
    const ppi_value w = reward_tokens(g, c, ids_input(g, "rewards", steps));
    ppi_value x = ppi_concat(g, (const ppi_value[]){p, a, w}, 3, 1);
    x = ppi_reshape(g, x, ppi_shape3(batch, ppi_mgdt_tokens(c), c->width));
    x = ppi_slice(g, x, 1, 0, n, 1);
    x = place(g, c, x, 0, n);
    x = last_row(g, c, x, batch, 0, n, NULL, NULL);
    ppi_output(g, "action_logits", action_head(g, c, x));
    return ppi_graph_status(g);
}
