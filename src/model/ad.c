/* Graph builders of Algorithm Distillation. One set of pieces (embeddings, tokens, positions,
   stack, head) is put together for training, for whole windows and for acting. */
#include "model/ad.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"

#define ROOT     "ad/"
#define SEQUENCE ROOT "sequence/"

static ppi_value ids_input(ppi_graph *g, const char *name, int64_t n) {
    return ppi_input(g, name, PPI_I32, ppi_shape1(n));
}

static ppi_init table_init(const ppi_ad_config *c) {
    return (ppi_init){PPI_INIT_NORMAL, c->embedding_scale};
}

/* Numbers of an embedded observation before the map that joins it with the others. */
static int64_t obs_width(const ppi_ad_config *c) {
    return c->tables > 0 ? c->width : PPI_AD_FEATURES;
}

/* What a window is made of: obs [n,obs_width], action and reward [n,width]. */
typedef struct embedded {
    ppi_value obs, action, reward;
} embedded;

/* Where images come from. */
typedef enum frame_source { FRAMES_TRAIN, FRAMES, FEATURES } frame_source;

/* Rows of a table, not read yet. */
typedef struct lookup {
    ppi_value table, ids;
} lookup;

static ppi_value read_rows(ppi_graph *g, lookup l) {
    return ppi_embedding(g, l.table, l.ids);
}

/* n rows of the table "ad/<name>". */
static lookup look_up(ppi_graph *g, const ppi_ad_config *c, const char *name, const char *input,
                      int64_t n, int64_t rows, ppi_init init) {
    char table[48];
    snprintf(table, sizeof table, ROOT "%s/embeddings", name);
    return (lookup){ppi_parameter(g, table, ppi_shape2(rows, c->width), init),
                    ids_input(g, input, n)};
}
static lookup look_up_action(ppi_graph *g, const ppi_ad_config *c, int64_t n) {
    return look_up(g, c, "action", "actions", n, c->actions + 1, table_init(c));
}
static lookup look_up_reward(ppi_graph *g, const ppi_ad_config *c, int64_t n) {
    const int64_t rows = c->episode_ends ? 2 * PPI_AD_REWARDS : PPI_AD_REWARDS;
    return look_up(g, c, "reward", "rewards", n, rows, table_init(c));
}
static lookup look_up_obs(ppi_graph *g, const ppi_ad_config *c, int64_t n, int i) {
    char input[16];
    ppi_ad_obs_input(input, i);
    const ppi_init init = {c->smooth ? PPI_INIT_SMOOTH : PPI_INIT_NORMAL, c->embedding_scale};
    return look_up(g, c, input, input, n, c->rows[i], init);
}

/* n images as features. */
static ppi_value image_features(ppi_graph *g, const ppi_ad_config *c, int64_t n,
                                frame_source from) {
    if (from == FEATURES) return ppi_input(g, "features", PPI_F32, ppi_shape2(n, PPI_AD_FEATURES));
    const ppi_shape shape = ppi_shape4(n, c->image_h, c->image_w, c->image_c);
    return ppi_ad_encode(g, c, ppi_input(g, "frames", PPI_U8, shape), from == FRAMES_TRAIN);
}

/* n observations: the sum of one row of each table, or encoded images. */
static ppi_value embed_obs(ppi_graph *g, const ppi_ad_config *c, int64_t n, frame_source from) {
    if (c->tables == 0) return image_features(g, c, n, from);
    ppi_value sum = read_rows(g, look_up_obs(g, c, n, 0));
    for (int i = 1; i < c->tables; i++)
        sum = ppi_add(g, sum, read_rows(g, look_up_obs(g, c, n, i)));
    return sum;
}

static embedded embed(ppi_graph *g, const ppi_ad_config *c, int64_t n, frame_source from) {
    embedded e;
    e.obs = embed_obs(g, c, n, from);
    e.action = read_rows(g, look_up_action(g, c, n));
    e.reward = read_rows(g, look_up_reward(g, c, n));
    return e;
}

/* The rows of a table behind the columns of the token map that it meets, `first` and its width. */
static ppi_value read_mapped(ppi_graph *g, const ppi_ad_config *c, lookup l, ppi_value w,
                             int64_t first, ppi_value b) {
    const ppi_value part = ppi_slice(g, w, 0, first, c->width, 1);
    return read_rows(g, (lookup){ppi_linear(g, l.table, part, b, PPI_ACT_NONE), l.ids});
}

/* Layout A: linear(concat[action, reward, obs]), [n,width]. The map is applied to the few rows of
   the tables before they are read, which is the same sum for far fewer products. */
static ppi_value step_tokens(ppi_graph *g, const ppi_ad_config *c, int64_t n, frame_source from) {
    const int64_t in = 2 * c->width + obs_width(c);
    const ppi_value w = ppi_parameter(g, ROOT "token/w", ppi_shape2(in, c->width),
                                      ppi_nn_variance_scaling(1.0, in));
    const ppi_value b =
        ppi_parameter(g, ROOT "token/b", ppi_shape1(c->width), (ppi_init){PPI_INIT_ZERO, 0});
    ppi_value x = read_mapped(g, c, look_up_action(g, c, n), w, 0, b);
    x = ppi_add(g, x, read_mapped(g, c, look_up_reward(g, c, n), w, c->width, PPI_NONE));
    for (int i = 0; i < c->tables; i++)
        x = ppi_add(g, x, read_mapped(g, c, look_up_obs(g, c, n, i), w, 2 * c->width, PPI_NONE));
    if (c->tables > 0) return x;
    const ppi_value part = ppi_slice(g, w, 0, 2 * c->width, PPI_AD_FEATURES, 1);
    return ppi_add(g, x,
                   ppi_linear(g, image_features(g, c, n, from), part, PPI_NONE, PPI_ACT_NONE));
}

/* Layout B: three tokens a step, [n,3,width]. */
static ppi_value split_tokens(ppi_graph *g, const ppi_ad_config *c, int64_t n, frame_source from) {
    const ppi_shape one = ppi_shape3(n, 1, c->width);
    embedded e = embed(g, c, n, from);
    if (c->tables == 0)
        e.obs = ppi_nn_linear(g, e.obs, ROOT "token", c->width,
                              ppi_nn_variance_scaling(1.0, PPI_AD_FEATURES), PPI_ACT_NONE);
    const ppi_value part[3] = {ppi_reshape(g, e.obs, one), ppi_reshape(g, e.action, one),
                               ppi_reshape(g, e.reward, one)};
    return ppi_concat(g, part, 3, 1);
}

/* The content of the tokens, before masks and positions: [B,N,width]. */
static ppi_value tokens(ppi_graph *g, const ppi_ad_config *c, int64_t batch, int64_t steps,
                        frame_source from) {
    const ppi_value x = c->layout == PPI_AD_LAYOUT_A ? step_tokens(g, c, batch * steps, from)
                                                     : split_tokens(g, c, batch * steps, from);
    return ppi_reshape(g, x, ppi_shape3(batch, steps * ppi_ad_slots(c), c->width));
}

/* Sinusoids of Vaswani et al. 2017: sines in the even columns, cosines in the odd ones. */
static ppi_value sinusoids(ppi_graph *g, const ppi_ad_config *c) {
    const int64_t n = ppi_ad_tokens(c);
    float *table = ppi_malloc((size_t)(n * c->width) * sizeof *table);
    if (table == NULL) {
        ppi_graph_fail(g, ppi_oom("the table of positions"));
        return PPI_NONE;
    }
    for (int64_t t = 0; t < n; t++) {
        for (int64_t i = 0; i < c->width; i++) {
            const double rate = pow(10000.0, -(double)(i / 2 * 2) / (double)c->width);
            const double angle = (double)t * rate;
            table[t * c->width + i] = (float)(i % 2 == 0 ? sin(angle) : cos(angle));
        }
    }
    const ppi_value v = ppi_const_f32(g, "sinusoids", ppi_shape2(n, c->width), table);
    ppi_free(table);
    return v;
}

static ppi_value positions(ppi_graph *g, const ppi_ad_config *c) {
    if (c->sinusoidal) return sinusoids(g, c);
    return ppi_parameter(g, ROOT "positions", ppi_shape2(ppi_ad_tokens(c), c->width),
                         table_init(c));
}

static ppi_nn_stack stack_of(const ppi_ad_config *c, bool train, const ppi_value *blocked) {
    return (ppi_nn_stack){.prefix = SEQUENCE,
                          .layers = c->layers,
                          .width = c->width,
                          .ffn = c->ffn,
                          .heads = (int)c->heads,
                          .post_norm = c->post_norm,
                          .dropout = train ? c->dropout : 0.0f,
                          .attention_dropout = train ? c->attention_dropout : 0.0f,
                          .mask = {.kind = PPI_MASK_CAUSAL, .drop_slot = -1},
                          .blocked = blocked};
}

/* x [B,n,width], n <= N, through the stack: normed rows of the same shape. */
static ppi_value through_stack(ppi_graph *g, const ppi_ad_config *c, ppi_value x,
                               const ppi_nn_stack *stack, const ppi_nn_cache *past,
                               ppi_nn_cache *made) {
    x = ppi_nn_stack_build(g, x, stack, past, made);
    return c->post_norm ? x : ppi_nn_norm(g, x, SEQUENCE "ln_f");
}

/* Rows [n,K] -> logits [n,A], all nearly equal at the start. */
static ppi_value head(ppi_graph *g, const ppi_ad_config *c, ppi_value rows, int64_t inputs) {
    return ppi_nn_linear(g, rows, ROOT "head", c->actions, ppi_nn_variance_scaling(0.01, inputs),
                         PPI_ACT_NONE);
}

/* x [B,N,width] -> the tokens of the observations, [B,T,width]. */
static ppi_value obs_rows(ppi_graph *g, const ppi_ad_config *c, ppi_value x, int64_t batch) {
    if (c->layout == PPI_AD_LAYOUT_A) return x;
    x = ppi_reshape(g, x, ppi_shape4(batch, c->timesteps, ppi_ad_slots(c), c->width));
    return ppi_reshape(g, ppi_slice(g, x, 2, 0, 1, 1), ppi_shape3(batch, c->timesteps, c->width));
}

/* Logits [B*T,A] of whole windows of the transformer. */
static ppi_value transformer_logits(ppi_graph *g, const ppi_ad_config *c, int64_t batch,
                                    bool train) {
    const int64_t n = ppi_ad_tokens(c);
    ppi_value x = tokens(g, c, batch, c->timesteps, train ? FRAMES_TRAIN : FRAMES);
    ppi_value blocked = PPI_NONE;
    if (train && c->mask > 0.0f) {
        if (c->mask_kind == PPI_AD_MASK_KEY) {
            blocked = ppi_input(g, "blocked", PPI_U8, ppi_shape2(batch, n));
        } else {
            x = ppi_mul(g, x, ppi_input(g, "keep", PPI_F32, ppi_shape3(batch, n, 1)));
        }
    }
    x = ppi_add(g, x, positions(g, c));
    const ppi_nn_stack stack = stack_of(c, train, blocked != PPI_NONE ? &blocked : NULL);
    x = through_stack(g, c, x, &stack, NULL, NULL);
    x = ppi_reshape(g, obs_rows(g, c, x, batch), ppi_shape2(batch * c->timesteps, c->width));
    return head(g, c, x, c->width);
}

/* ---- LSTM ---- */

/* Zeros [shape]. */
static ppi_value zeros(ppi_graph *g, const char *name, ppi_shape shape) {
    float *data = ppi_calloc((size_t)ppi_shape_count(&shape), sizeof *data);
    if (data == NULL) {
        ppi_graph_fail(g, ppi_oom("the first state of the LSTM"));
        return PPI_NONE;
    }
    const ppi_value v = ppi_const_f32(g, name, shape, data);
    ppi_free(data);
    return v;
}

/* x [B,T,K] through the LSTM: [B,T,lstm]. */
static ppi_value recur(ppi_graph *g, const ppi_ad_config *c, ppi_value x, int64_t batch,
                       int64_t steps, const ppi_nn_lstm_state *start, ppi_nn_lstm_state *end) {
    const ppi_value reset = ppi_input(g, "reset", PPI_U8, ppi_shape2(batch, steps));
    return ppi_nn_lstm(g, x, ROOT "lstm", c->lstm, start, reset, end);
}

/* State rows [n,lstm] and embeddings of the observations [n,obs_width] -> logits [n,A]. */
static ppi_value decide(ppi_graph *g, const ppi_ad_config *c, ppi_value state, ppi_value obs) {
    ppi_value x = ppi_concat(g, (const ppi_value[]){state, obs}, 2, 1);
    x = ppi_nn_linear(g, x, ROOT "dense1", c->dense,
                      ppi_nn_variance_scaling(2.0, c->lstm + obs_width(c)), PPI_ACT_RELU);
    x = ppi_nn_linear(g, x, ROOT "dense2", c->dense, ppi_nn_variance_scaling(2.0, c->dense),
                      PPI_ACT_RELU);
    return head(g, c, x, c->dense);
}

/* Logits [B*T,A] of whole windows: those of step t read the state behind the steps before t, which
   is zero at the first. A mask takes the embedding of a step from the LSTM and its observation from
   the layers behind. */
static ppi_value lstm_logits(ppi_graph *g, const ppi_ad_config *c, int64_t batch, bool train) {
    const int64_t T = c->timesteps;
    const int64_t n = batch * T;
    const int64_t wide = obs_width(c);
    const embedded e = embed(g, c, n, train ? FRAMES_TRAIN : FRAMES);
    ppi_value obs = ppi_reshape(g, e.obs, ppi_shape3(batch, T, wide));
    ppi_value x = ppi_concat(g, (const ppi_value[]){e.obs, e.action, e.reward}, 3, 1);
    x = ppi_reshape(g, x, ppi_shape3(batch, T, wide + 2 * c->width));
    if (train && c->mask > 0.0f) {
        const ppi_value keep = ppi_input(g, "keep", PPI_F32, ppi_shape3(batch, T, 1));
        x = ppi_mul(g, x, keep);
        obs = ppi_mul(g, obs, keep);
    }
    const ppi_value first = zeros(g, "first_state", ppi_shape2(batch, c->lstm));
    const ppi_nn_lstm_state start = {first, first};
    x = recur(g, c, ppi_slice(g, x, 1, 0, T - 1, 1), batch, T - 1, &start, NULL);
    const ppi_value before = ppi_reshape(g, first, ppi_shape3(batch, 1, c->lstm));
    x = ppi_concat(g, (const ppi_value[]){before, x}, 2, 1);
    return decide(g, c, ppi_reshape(g, x, ppi_shape2(n, c->lstm)),
                  ppi_reshape(g, obs, ppi_shape2(n, wide)));
}

static pp_status check_core(const ppi_ad_config *c, int core) {
    PPI_TRY(ppi_ad_config_check(c));
    if (c->core == core) return PP_OK;
    return ppi_fail(PP_ERR_UNSUPPORTED, "a pass of acting was built for the other sequence model");
}

pp_status ppi_ad_build_fold(ppi_graph *g, const ppi_ad_config *c, int64_t batch) {
    PPI_TRY(check_core(c, PPI_AD_LSTM));
    const embedded e = embed(g, c, batch, FEATURES);
    const ppi_shape state = ppi_shape2(batch, c->lstm);
    ppi_nn_lstm_state start;
    ppi_nn_lstm_state end = {PPI_NONE, PPI_NONE};
    start.h = ppi_input(g, "h", PPI_F32, state);
    start.c = ppi_input(g, "c", PPI_F32, state);
    ppi_value x = ppi_concat(g, (const ppi_value[]){e.obs, e.action, e.reward}, 3, 1);
    x = ppi_reshape(g, x, ppi_shape3(batch, 1, obs_width(c) + 2 * c->width));
    recur(g, c, x, batch, 1, &start, &end);
    ppi_output(g, "next_h", end.h);
    ppi_output(g, "next_c", end.c);
    return ppi_graph_status(g);
}

pp_status ppi_ad_build_decide(ppi_graph *g, const ppi_ad_config *c, int64_t batch) {
    PPI_TRY(check_core(c, PPI_AD_LSTM));
    const ppi_value state = ppi_input(g, "h", PPI_F32, ppi_shape2(batch, c->lstm));
    ppi_output(g, "action_logits", decide(g, c, state, embed_obs(g, c, batch, FEATURES)));
    return ppi_graph_status(g);
}

pp_status ppi_ad_build_encode(ppi_graph *g, const ppi_ad_config *c, int64_t batch) {
    PPI_TRY(ppi_ad_config_check(c));
    if (c->tables > 0)
        return ppi_fail(PP_ERR_UNSUPPORTED, "the observations of the model are no images");
    ppi_output(g, "features", embed_obs(g, c, batch, FRAMES));
    return ppi_graph_status(g);
}

/* ---- whole windows ---- */

static ppi_value logits_of(ppi_graph *g, const ppi_ad_config *c, int64_t batch, bool train) {
    return c->core == PPI_AD_LSTM ? lstm_logits(g, c, batch, train)
                                  : transformer_logits(g, c, batch, train);
}

pp_status ppi_ad_build_train(ppi_graph *g, const ppi_ad_config *c, int64_t batch) {
    PPI_TRY(ppi_ad_config_check(c));
    ppi_value logits = logits_of(g, c, batch, true);
    logits = ppi_output(g, "action_logits", logits);
    const ppi_value targets = ids_input(g, "targets", batch * c->timesteps);
    const ppi_value each = c->label_smoothing > 0.0f
                               ? ppi_cross_entropy_smooth(g, logits, targets, c->label_smoothing)
                               : ppi_cross_entropy(g, logits, targets);
    const ppi_value loss = ppi_output(g, "loss", ppi_mean(g, each));
    PPI_TRY(ppi_graph_status(g));
    return ppi_graph_backward(g, loss, NULL, 0, NULL);
}

pp_status ppi_ad_build_forward(ppi_graph *g, const ppi_ad_config *c, int64_t batch) {
    PPI_TRY(ppi_ad_config_check(c));
    const ppi_value logits = logits_of(g, c, batch, false);
    ppi_output(g, "action_logits",
               ppi_reshape(g, logits, ppi_shape3(batch, c->timesteps, c->actions)));
    return ppi_graph_status(g);
}

/* Windows for acting behind the stack, [B,n,width]; the n first tokens. */
static ppi_value acting_rows(ppi_graph *g, const ppi_ad_config *c, int64_t batch, int64_t n,
                             ppi_nn_cache *made) {
    ppi_value x = tokens(g, c, batch, c->timesteps, FEATURES);
    x = ppi_add(g, x, positions(g, c));
    if (n < ppi_ad_tokens(c)) x = ppi_slice(g, x, 1, 0, n, 1);
    const ppi_nn_stack stack = stack_of(c, false, NULL);
    return through_stack(g, c, x, &stack, NULL, made);
}

pp_status ppi_ad_build_full(ppi_graph *g, const ppi_ad_config *c, int64_t batch) {
    PPI_TRY(check_core(c, PPI_AD_TRANSFORMER));
    const int64_t n = ppi_ad_tokens(c) - ppi_ad_slots(c) + 1;
    ppi_value x = acting_rows(g, c, batch, n, NULL);
    x = ppi_reshape(g, ppi_slice(g, x, 1, n - 1, 1, 1), ppi_shape2(batch, c->width));
    ppi_output(g, "action_logits", head(g, c, x, c->width));
    return ppi_graph_status(g);
}

/* Keys and values as outputs of these names followed by the layer's number. */
static void put_out(ppi_graph *g, const ppi_ad_config *c, const ppi_nn_cache *made, const char *key,
                    const char *value) {
    for (int64_t i = 0; i < c->layers && ppi_graph_status(g) == PP_OK; i++) {
        char name[16];
        ppi_ad_cache_name(name, key, i);
        ppi_output(g, name, made->k[i]);
        ppi_ad_cache_name(name, value, i);
        ppi_output(g, name, made->v[i]);
    }
}

/* Windows of any length; caches: keys and values become outputs. */
static pp_status build_partial(ppi_graph *g, const ppi_ad_config *c, int64_t batch, bool caches) {
    PPI_TRY(check_core(c, PPI_AD_TRANSFORMER));
    ppi_nn_cache made;
    ppi_value x = acting_rows(g, c, batch, ppi_ad_tokens(c), &made);
    x = ppi_pick(g, obs_rows(g, c, x, batch), ids_input(g, "last", batch));
    ppi_output(g, "action_logits", head(g, c, x, c->width));
    if (caches) put_out(g, c, &made, "k", "v");
    return ppi_graph_status(g);
}

pp_status ppi_ad_build_partial(ppi_graph *g, const ppi_ad_config *c, int64_t batch) {
    return build_partial(g, c, batch, false);
}

pp_status ppi_ad_build_prefill(ppi_graph *g, const ppi_ad_config *c, int64_t batch) {
    return build_partial(g, c, batch, true);
}

pp_status ppi_ad_build_next(ppi_graph *g, const ppi_ad_config *c, int64_t batch) {
    PPI_TRY(check_core(c, PPI_AD_TRANSFORMER));
    if (c->layout != PPI_AD_LAYOUT_A)
        return ppi_fail(PP_ERR_UNSUPPORTED, "steps one by one are for token layout a");
    const int64_t n = c->timesteps;
    ppi_nn_cache past;
    ppi_nn_cache made;
    for (int64_t i = 0; i < c->layers; i++) {
        char name[16];
        ppi_ad_cache_name(name, "k", i);
        past.k[i] = ppi_input(g, name, PPI_F32, ppi_shape3(batch, n, c->width));
        ppi_ad_cache_name(name, "v", i);
        past.v[i] = ppi_input(g, name, PPI_F32, ppi_shape3(batch, n, c->width));
    }
    const ppi_value blocked = ppi_input(g, "blocked", PPI_U8, ppi_shape2(batch, n + 1));
    const ppi_value at = ppi_embedding(g, positions(g, c), ids_input(g, "position", batch));
    ppi_value x = tokens(g, c, batch, 1, FEATURES);
    x = ppi_add(g, x, ppi_reshape(g, at, ppi_shape3(batch, 1, c->width)));
    ppi_nn_stack stack = stack_of(c, false, &blocked);
    stack.mask.q_offset = (int32_t)n;
    x = through_stack(g, c, x, &stack, &past, &made);
    ppi_output(g, "action_logits",
               head(g, c, ppi_reshape(g, x, ppi_shape2(batch, c->width)), c->width));
    put_out(g, c, &made, "next_k", "next_v");
    return ppi_graph_status(g);
}
