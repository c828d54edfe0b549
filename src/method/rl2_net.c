/* Graph, plan and memory of the recurrent network. */
#include "method/rl2_net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bf16.h"
#include "base/error.h"
#include "base/mem.h"
#include "nn/nn.h"

/* What is added to the score of a key that is out of sight: its softmax is 0 in single precision.
 */
static const float OUT_OF_SIGHT = -1e4f;

/* ---- graph ---- */

/* Pictures go through the torso of the size, other observations enter as they are. */
static ppi_value observed(ppi_graph *g, const ppi_rl2_net_spec *spec, int64_t rows) {
    const ppi_obs_spec *o = &spec->obs;
    const ppi_shape shape = ppi_shape4(rows, o->h, o->w, o->c);
    const ppi_value frames =
        ppi_input(g, "frames", o->type == PP_OBS_FLOAT ? PPI_F32 : PPI_U8, shape);
    if (o->type == PP_OBS_PLANES || o->type == PP_OBS_IMAGE) {
        const bool paper = strcmp(spec->size, "paper") == 0;
        const bool small = strcmp(spec->size, "small") == 0;
        ppi_torso_config torso = {.name = small ? "arcade" : "impala",
                                  .prefix = "torso",
                                  .type = o->type,
                                  .widths = {paper ? 32 : 16, paper ? 64 : 16, paper ? 64 : 16, 0}};
        if (small) memset(torso.widths, 0, sizeof torso.widths);
        return ppi_torso_build(g, frames, &torso);
    }
    ppi_value x = frames;
    if (o->type == PP_OBS_CELLS) {
        int32_t size[PP_ENV_CELLS];
        for (int i = 0; i < PP_ENV_CELLS; i++) size[i] = o->high[i] + 1;
        x = ppi_one_hot(g, frames, (int)o->c, size);
    }
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const ppi_shape s = ppi_graph_value(g, x)->shape;
    return ppi_reshape(g, x, ppi_shape2(rows, ppi_shape_count(&s) / rows));
}

static ppi_value input_of_layer(ppi_graph *g, const char *what, int64_t layer, ppi_shape shape) {
    char name[32];
    snprintf(name, sizeof name, "%s%lld", what, (long long)layer);
    return ppi_input(g, name, PPI_F32, shape);
}

static void output_of_layer(ppi_graph *g, const char *what, int64_t layer, ppi_value v) {
    char name[32];
    snprintf(name, sizeof name, "%s%lld", what, (long long)layer);
    ppi_output(g, name, v);
}

/* x [sequences, steps, D] through the LSTM layers "core1", "core2", ... */
static ppi_value lstm_core(ppi_graph *g, ppi_value x, const ppi_rl2_net_spec *spec,
                           const ppi_rl2_form *form, bool outputs) {
    const ppi_shape state = ppi_shape2(form->sequences, spec->width);
    const ppi_value reset = ppi_input(g, "reset", PPI_U8, ppi_shape2(form->sequences, form->steps));
    for (int64_t i = 0; i < spec->layers; i++) {
        char name[32];
        const ppi_nn_lstm_state start = {.h = input_of_layer(g, "h0_", i, state),
                                         .c = input_of_layer(g, "c0_", i, state)};
        snprintf(name, sizeof name, "core%lld", (long long)i + 1);
        x = ppi_nn_lstm(g, x, name, spec->width, &start, reset, NULL);
        if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
        const ppi_node *node = ppi_graph_node(g, ppi_graph_value(g, x)->node);
        const ppi_value cells = node->out[1];
        const ppi_value gates = node->out[2];
        if (!outputs) continue;
        output_of_layer(g, "h_", i, x);
        output_of_layer(g, "c_", i, cells);
        output_of_layer(g, "gates_", i, gates);
    }
    return x;
}

/* [B, N, D] -> [B, N, heads (D / heads + PPI_RL2_MASK)]: every head gets components that say which
 * keys a query may see (ppi_rl2_net_mask). */
static ppi_value with_mask(ppi_graph *g, ppi_value x, ppi_value mask, int64_t heads) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const ppi_shape s = ppi_graph_value(g, x)->shape;
    const int64_t size = s.dim[2] / heads;
    x = ppi_reshape(g, x, ppi_shape4(s.dim[0], s.dim[1], heads, size));
    x = ppi_concat(g, (const ppi_value[]){x, mask}, 2, 3);
    return ppi_reshape(g, x, ppi_shape3(s.dim[0], s.dim[1], heads * (size + PPI_RL2_MASK)));
}

typedef struct masks {
    ppi_value q, k, v;
} masks;

static ppi_value transformer_layer(ppi_graph *g, ppi_value x, const ppi_rl2_net_spec *spec,
                                   const ppi_rl2_form *form, int64_t i, const masks *m) {
    char name[64];
    const int64_t w = spec->width;
    const int64_t size = w / spec->heads;
    const ppi_shape past = ppi_shape3(form->sequences, spec->memory, w);
    const ppi_init init = ppi_nn_variance_scaling(2.0 / (double)spec->layers, w);
#define PART(text) (snprintf(name, sizeof name, "core%lld/" text, (long long)i + 1), name)
    const ppi_value n1 = ppi_nn_norm(g, x, PART("norm1"));
    ppi_value q = ppi_nn_linear(g, n1, PART("query"), w, init, PPI_ACT_NONE);
    ppi_value k = ppi_nn_linear(g, n1, PART("key"), w, init, PPI_ACT_NONE);
    ppi_value v = ppi_nn_linear(g, n1, PART("value"), w, init, PPI_ACT_NONE);
    if (!form->train) {
        output_of_layer(g, "h_", i, k);
        output_of_layer(g, "c_", i, v);
    }
    k = ppi_concat(g, (const ppi_value[]){input_of_layer(g, "h0_", i, past), k}, 2, 1);
    v = ppi_concat(g, (const ppi_value[]){input_of_layer(g, "c0_", i, past), v}, 2, 1);
    q = with_mask(g, q, m->q, spec->heads);
    k = with_mask(g, k, m->k, spec->heads);
    v = with_mask(g, v, m->v, spec->heads);
    const ppi_mask causal = {
        .kind = PPI_MASK_CAUSAL, .q_offset = (int32_t)spec->memory, .drop_slot = -1};
    ppi_value y = ppi_attention(g, q, k, v, (int)spec->heads, 1.0f / sqrtf((float)size), &causal);
    y = ppi_reshape(g, y,
                    ppi_shape4(form->sequences, form->steps, spec->heads, size + PPI_RL2_MASK));
    y = ppi_reshape(g, ppi_slice(g, y, 3, 0, size, 1), ppi_shape3(form->sequences, form->steps, w));
    x = ppi_add(g, x, ppi_nn_linear(g, y, PART("attention"), w, init, PPI_ACT_NONE));
    y = ppi_nn_norm(g, x, PART("norm2"));
    y = ppi_nn_linear(g, y, PART("mlp1"), 4 * w, init, PPI_ACT_GELU_TANH);
    y = ppi_nn_linear(g, y, PART("mlp2"), w,
                      ppi_nn_variance_scaling(2.0 / (double)spec->layers, 4 * w), PPI_ACT_NONE);
#undef PART
    return ppi_add(g, x, y);
}

/* x [sequences, steps, D] through a pre-norm transformer that sees its memory and, among the
 * steps, those before. */
static ppi_value transformer_core(ppi_graph *g, ppi_value x, const ppi_rl2_net_spec *spec,
                                  const ppi_rl2_form *form) {
    const int64_t keys = spec->memory + form->steps;
    const ppi_shape queries = ppi_shape4(form->sequences, form->steps, spec->heads, PPI_RL2_MASK);
    const ppi_shape all = ppi_shape4(form->sequences, keys, spec->heads, PPI_RL2_MASK);
    const masks m = {.q = ppi_input(g, "mask_q", PPI_F32, queries),
                     .k = ppi_input(g, "mask_k", PPI_F32, all),
                     .v = ppi_input(g, "mask_v", PPI_F32, all)};
    const ppi_value position =
        ppi_input(g, "position", PPI_I32, ppi_shape2(form->sequences, form->steps));
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const int64_t in = ppi_graph_value(g, x)->shape.dim[2];
    x = ppi_nn_linear(g, x, "core/input", spec->width, ppi_nn_variance_scaling(1.0, in),
                      PPI_ACT_NONE);
    x = ppi_add(g, x,
                ppi_nn_embedding(g, position, "core/position", spec->positions, spec->width,
                                 (ppi_init){PPI_INIT_NORMAL, 0.02f}));
    for (int64_t i = 0; i < spec->layers && ppi_graph_status(g) == PP_OK; i++)
        x = transformer_layer(g, x, spec, form, i, &m);
    return ppi_nn_norm(g, x, "core/norm");
}

/* Returns the head; *features gets the input of the core. */
static ppi_value build(ppi_graph *g, const ppi_rl2_net_spec *spec, const ppi_rl2_form *form,
                       ppi_value *features) {
    const int64_t rows = form->sequences * form->steps;
    ppi_value x = observed(g, spec, rows);
    const ppi_value extra = ppi_input(g, "extra", PPI_F32, ppi_shape2(rows, ppi_rl2_extra(spec)));
    x = ppi_concat(g, (const ppi_value[]){x, extra}, 2, 1);
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const int64_t width = ppi_graph_value(g, x)->shape.dim[1];
    x = ppi_reshape(g, x, ppi_shape3(form->sequences, form->steps, width));
    *features = x;
    x = spec->core == PPI_RL2_LSTM ? lstm_core(g, x, spec, form, form->kept || !form->train)
                                   : transformer_core(g, x, spec, form);
    x = ppi_reshape(g, x, ppi_shape2(rows, spec->width));
    x = ppi_nn_linear(g, x, "head", spec->outputs, ppi_nn_variance_scaling(0.01, spec->width),
                      PPI_ACT_NONE);
    return ppi_output(g, "head", x);
}

/* ---- parameters ---- */

static void open_forget_gates(ppi_params *p, const ppi_rl2_net_spec *spec) {
    for (int64_t i = 0; i < spec->layers && spec->core == PPI_RL2_LSTM; i++) {
        char name[64];
        snprintf(name, sizeof name, "core%lld/input/b", (long long)i + 1);
        const int at = ppi_params_find(p, name);
        for (int64_t k = 0; at >= 0 && k < spec->width; k++)
            p->master[p->item[at].offset + spec->width + k] = 1;
    }
}

pp_status ppi_rl2_params(ppi_params **out, const ppi_rl2_net_spec *spec,
                         const ppi_agent_config *cfg) {
    ppi_graph *g = NULL;
    ppi_value features = PPI_NONE;
    PPI_TRY(ppi_params_create(out));
    PPI_TRY(ppi_graph_create(&g, *out));
    build(g, spec, &(ppi_rl2_form){.sequences = 1, .steps = 1}, &features);
    const pp_status s = ppi_graph_status(g);
    ppi_graph_destroy(g);
    PPI_TRY(s);
    PPI_TRY(ppi_params_alloc(*out, cfg->policy == PPI_DTYPE_POLICY_BF16 ? PPI_ROLE_COMPUTE : 0));
    ppi_params_init(*out, cfg->seed);
    open_forget_gates(*out, spec);
    ppi_params_sync(*out, cfg->backend, cfg->threads);
    return PP_OK;
}

/* ---- plan ---- */

/* Memory of a tensor that must be f32. */
static float *find_f32(const ppi_plan *plan, const char *what, int64_t layer, pp_status *s) {
    char name[32];
    ppi_dtype dtype = PPI_F32;
    snprintf(name, sizeof name, "%s%lld", what, (long long)layer);
    float *at = ppi_plan_named(plan, name, NULL, &dtype);
    if (*s == PP_OK && (at == NULL || dtype != PPI_F32))
        *s = ppi_fail(PP_ERR_INTERNAL, "the plan lacks %s in f32", name);
    return at;
}

static pp_status find_layers(ppi_rl2_net *net, const ppi_rl2_form *form) {
    const bool lstm = net->spec->core == PPI_RL2_LSTM;
    pp_status s = PP_OK;
    for (int64_t i = 0; i < net->spec->layers; i++) {
        ppi_rl2_layer *l = &net->layer[i];
        l->h0 = find_f32(net->plan, "h0_", i, &s);
        l->c0 = find_f32(net->plan, "c0_", i, &s);
        if (lstm ? form->train && !form->kept : form->train) continue;
        l->h = find_f32(net->plan, "h_", i, &s);
        l->c = find_f32(net->plan, "c_", i, &s);
        if (lstm) l->gates = find_f32(net->plan, "gates_", i, &s);
    }
    net->reset = lstm ? ppi_plan_named(net->plan, "reset", NULL, NULL) : NULL;
    if (lstm) return s;
    ppi_shape shape;
    float *zero = ppi_plan_named(net->plan, "mask_v", &shape, NULL);
    net->position = ppi_plan_named(net->plan, "position", NULL, NULL);
    net->mask_q = ppi_plan_named(net->plan, "mask_q", NULL, NULL);
    net->mask_k = ppi_plan_named(net->plan, "mask_k", NULL, NULL);
    memset(zero, 0, (size_t)ppi_shape_count(&shape) * sizeof *zero);
    return s;
}

static pp_status find_memory(ppi_rl2_net *net, const ppi_rl2_form *form, ppi_value features) {
    const int64_t rows = net->sequences * net->steps;
    ppi_dtype dtype = PPI_F32;
    net->frames = ppi_plan_named(net->plan, "frames", NULL, NULL);
    net->extra = ppi_plan_named(net->plan, "extra", NULL, NULL);
    net->head = ppi_plan_named(net->plan, "head", NULL, &dtype);
    if (net->frames == NULL || net->extra == NULL || net->head == NULL)
        return ppi_fail(PP_ERR_INTERNAL, "the plan lacks the inputs or the head");
    if (dtype == PPI_BF16) {
        net->copy = ppi_calloc((size_t)(rows * net->spec->outputs), sizeof *net->copy);
        if (net->copy == NULL) return ppi_oom("the outputs of a network");
        net->head = net->copy;
    }
    PPI_TRY(find_layers(net, form));
    net->core_step = ppi_plan_first_reader(net->plan, features);
    if (!form->train) return PP_OK;
    net->dhead = ppi_plan_named(net->plan, "dhead", NULL, NULL);
    net->split = ppi_plan_first_reader(net->plan, ppi_graph_find(net->graph, "dhead"));
    return PP_OK;
}

/* d(sum of head * dhead): its gradient with respect to the head is dhead. */
static pp_status append_backward(ppi_graph *g, ppi_value head) {
    if (ppi_graph_status(g) != PP_OK) return ppi_graph_status(g);
    const ppi_value d = ppi_input(g, "dhead", PPI_F32, ppi_graph_value(g, head)->shape);
    return ppi_graph_backward(g, ppi_sum(g, ppi_mul(g, head, d)), NULL, 0, NULL);
}

static void clear_state(ppi_rl2_net *net) {
    const int64_t slots = net->spec->core == PPI_RL2_LSTM ? 1 : net->spec->memory;
    const size_t n = (size_t)(net->sequences * slots * net->spec->width);
    for (int64_t i = 0; i < net->spec->layers; i++) {
        memset(net->layer[i].h0, 0, n * sizeof(float));
        memset(net->layer[i].c0, 0, n * sizeof(float));
    }
}

static pp_status compile(ppi_rl2_net *net, ppi_params *params, const ppi_agent_config *cfg,
                         const ppi_rl2_form *form) {
    /* What is filled in from outside must not share memory with anything. */
    const ppi_plan_options o = {
        .policy = cfg->policy, .threads = cfg->threads, .seed = cfg->seed, .keep_all = form->kept};
    ppi_value features = PPI_NONE;
    PPI_TRY(ppi_graph_create(&net->graph, params));
    const ppi_value head = build(net->graph, net->spec, form, &features);
    PPI_TRY(form->train ? append_backward(net->graph, head) : ppi_graph_status(net->graph));
    PPI_TRY(ppi_plan_create(&net->plan, net->graph, cfg->backend, &o));
    PPI_TRY(find_memory(net, form, features));
    clear_state(net);
    return PP_OK;
}

pp_status ppi_rl2_net_open(ppi_rl2_net *net, const ppi_rl2_net_spec *spec, ppi_params *params,
                           const ppi_agent_config *cfg, const ppi_rl2_form *form) {
    *net = (ppi_rl2_net){.spec = spec, .sequences = form->sequences, .steps = form->steps};
    const pp_status s = compile(net, params, cfg, form);
    if (s != PP_OK) ppi_rl2_net_close(net);
    return s;
}

void ppi_rl2_net_close(ppi_rl2_net *net) {
    if (net->plan != NULL) ppi_plan_destroy(net->plan);
    if (net->graph != NULL) ppi_graph_destroy(net->graph);
    ppi_free(net->copy);
    *net = (ppi_rl2_net){.graph = NULL};
}

pp_status ppi_rl2_net_forward(ppi_rl2_net *net) {
    if (net->dhead != NULL) {
        PPI_TRY(ppi_plan_run_before(net->plan, 0, net->split));
    } else {
        PPI_TRY(ppi_plan_run(net->plan, 0));
    }
    if (net->copy == NULL) return PP_OK;
    const ppi_bf16 *from = ppi_plan_named(net->plan, "head", NULL, NULL);
    const int64_t n = net->sequences * net->steps * net->spec->outputs;
    for (int64_t i = 0; i < n; i++) net->copy[i] = ppi_bf16_to_f32(from[i]);
    return PP_OK;
}

pp_status ppi_rl2_net_backward(ppi_rl2_net *net) {
    return ppi_plan_run_after(net->plan, 0, net->split);
}

pp_status ppi_rl2_net_backward_kept(ppi_rl2_net *net) {
    PPI_TRY(ppi_plan_run_before(net->plan, 0, net->core_step));
    return ppi_rl2_net_backward(net);
}

/* ---- one step ---- */

/* The first components of a key's mask for every head. */
static void put_mask(float *mask, int64_t heads, int at, float value) {
    for (int64_t h = 0; h < heads; h++) mask[h * PPI_RL2_MASK + at] = value;
}

static float *key_mask(const ppi_rl2_net *net, int64_t sequence, int64_t key) {
    const int64_t keys = net->spec->memory + net->steps;
    return net->mask_k + (sequence * keys + key) * net->spec->heads * PPI_RL2_MASK;
}

/* Score of an unseen key before it is scaled. */
static float unseen(const ppi_rl2_net *net) {
    return OUT_OF_SIGHT * sqrtf((float)(net->spec->width / net->spec->heads));
}

void ppi_rl2_net_begin(ppi_rl2_net *net, int64_t row) {
    const ppi_rl2_net_spec *s = net->spec;
    memset(net->extra + row * ppi_rl2_extra(s), 0, (size_t)ppi_rl2_extra(s) * sizeof(float));
    if (s->core == PPI_RL2_LSTM) {
        net->reset[row] = 1;
        return;
    }
    const size_t size = (size_t)(s->heads * PPI_RL2_MASK) * sizeof(float);
    net->position[row] = 0;
    memset(net->mask_q + row * s->heads * PPI_RL2_MASK, 0, size);
    memset(key_mask(net, row, 0), 0, (size_t)(s->memory + 1) * size);
    put_mask(net->mask_q + row * s->heads * PPI_RL2_MASK, s->heads, 0, 1);
    for (int64_t k = 0; k < s->memory; k++)
        put_mask(key_mask(net, row, k), s->heads, 0, unseen(net));
}

void ppi_rl2_net_look(ppi_rl2_net *net, int64_t row, const void *obs) {
    const int64_t size = ppi_obs_bytes(&net->spec->obs);
    memcpy((uint8_t *)net->frames + row * size, obs, (size_t)size);
}

void ppi_rl2_net_outcome(ppi_rl2_net *net, int64_t row, int32_t choice, double reward, bool ended) {
    const int64_t n = net->spec->actions;
    float *extra = net->extra + row * ppi_rl2_extra(net->spec);
    memset(extra, 0, (size_t)n * sizeof *extra);
    if (choice >= 0) extra[choice] = 1;
    extra[n] = (float)reward;
    extra[n + 1] = ended ? 1 : 0;
}

void ppi_rl2_net_carry(ppi_rl2_net *net, int64_t row) {
    const ppi_rl2_net_spec *s = net->spec;
    const bool lstm = s->core == PPI_RL2_LSTM;
    const int64_t slot = lstm ? row : row * s->memory + net->position[row] % s->memory;
    const size_t size = (size_t)s->width * sizeof(float);
    for (int64_t i = 0; i < s->layers; i++) {
        memcpy(net->layer[i].h0 + slot * s->width, net->layer[i].h + row * s->width, size);
        memcpy(net->layer[i].c0 + slot * s->width, net->layer[i].c + row * s->width, size);
    }
    if (lstm) {
        net->reset[row] = 0;
        return;
    }
    put_mask(key_mask(net, row, net->position[row] % s->memory), s->heads, 0, 0);
    net->position[row]++;
}

/* ---- several steps ---- */

pp_status ppi_rl2_net_mask(ppi_rl2_net *net, int64_t sequence, const uint8_t *begins,
                           int64_t filled, int64_t first_position) {
    const ppi_rl2_net_spec *s = net->spec;
    const size_t size = (size_t)(s->heads * PPI_RL2_MASK) * sizeof(float);
    int32_t position = (int32_t)first_position;
    int trial = 0; /* within the steps; what the memory holds belongs to number 0 */
    memset(key_mask(net, sequence, 0), 0, (size_t)(s->memory + net->steps) * size);
    for (int64_t k = filled; k < s->memory; k++)
        put_mask(key_mask(net, sequence, k), s->heads, 0, unseen(net));
    for (int64_t t = 0; t < net->steps; t++, position++) {
        const int64_t row = sequence * net->steps + t;
        float *q = net->mask_q + row * s->heads * PPI_RL2_MASK;
        if (begins[t]) {
            position = 0;
            if (++trial == PPI_RL2_MASK)
                return ppi_fail(PP_ERR_ARGUMENT,
                                "more than %d trials begin within %lld steps: make rl2.unroll "
                                "shorter or trials longer",
                                PPI_RL2_MASK - 1, (long long)net->steps);
            for (int64_t k = 0; k < s->memory + t; k++)
                put_mask(key_mask(net, sequence, k), s->heads, trial, unseen(net));
        }
        memset(q, 0, size);
        put_mask(q, s->heads, 0, 1);
        if (trial > 0) put_mask(q, s->heads, trial, 1);
        net->position[row] = position;
    }
    return PP_OK;
}
