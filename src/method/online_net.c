/* Torso, head and the split run. */
#include "method/online_net.h"

#include <string.h>

#include "base/bf16.h"
#include "base/error.h"
#include "base/mem.h"
#include "nn/nn.h"

/* Operations of a run from which on threads share it. */
static const double SHARED_FLOPS = 2e8;

/* Largest side of a picture that the torso of the arcade games is meant for. */
enum { ARCADE_SIDE = 32 };

const char *const ppi_online_net_sizes[] = {"arcade", "nature", "impala", "mlp", NULL};

pp_status ppi_online_net_spec_fill(ppi_online_net_spec *spec, const ppi_obs_spec *obs,
                                   const char *size, int64_t stack, int64_t outputs) {
    const bool grey = obs->type == PP_OBS_IMAGE && obs->c == 1;
    if (strcmp(size, "arcade") == 0 && (obs->h > ARCADE_SIDE || obs->w > ARCADE_SIDE)) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "the network \"arcade\" is made for boards of at most %dx%d and the "
                        "observation has %lldx%lld; use --model nature or impala",
                        ARCADE_SIDE, ARCADE_SIDE, (long long)obs->h, (long long)obs->w);
    }
    *spec = (ppi_online_net_spec){
        .obs = *obs,
        .torso = {.name = size, .prefix = "torso", .type = obs->type},
        .stack = stack > 0 ? (int)stack
                 : grey    ? 4
                           : 1,
        .outputs = outputs,
    };
    if (obs->type == PP_OBS_CELLS) spec->torso.cells = (int)obs->c;
    memcpy(spec->torso.high, obs->high, sizeof spec->torso.high);
    return PP_OK;
}

int64_t ppi_online_stack_bytes(const ppi_online_net_spec *spec) {
    return ppi_obs_bytes(&spec->obs) * spec->stack;
}

/* x [sequences * steps, D] -> [sequences * steps, lstm]; the state comes in and goes out. */
static ppi_value core(ppi_graph *g, ppi_value x, const ppi_online_net_spec *spec, int64_t sequences,
                      int64_t steps) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const int64_t features = ppi_graph_value(g, x)->shape.dim[1];
    const ppi_shape state = ppi_shape2(sequences, spec->lstm);
    const ppi_nn_lstm_state start = {.h = ppi_input(g, "h0", PPI_F32, state),
                                     .c = ppi_input(g, "c0", PPI_F32, state)};
    const ppi_value reset = ppi_input(g, "reset", PPI_U8, ppi_shape2(sequences, steps));
    ppi_nn_lstm_state end = {PPI_NONE, PPI_NONE};
    x = ppi_reshape(g, x, ppi_shape3(sequences, steps, features));
    x = ppi_nn_lstm(g, x, "core", spec->lstm, &start, reset, &end);
    ppi_output(g, "h", end.h);
    ppi_output(g, "c", end.c);
    return ppi_reshape(g, x, ppi_shape2(sequences * steps, spec->lstm));
}

static ppi_value build(ppi_graph *g, const ppi_online_net_spec *spec, int64_t sequences,
                       int64_t steps) {
    const ppi_obs_spec *o = &spec->obs;
    const ppi_dtype dtype = o->type == PP_OBS_FLOAT ? PPI_F32 : PPI_U8;
    const ppi_shape shape = ppi_shape4(sequences * steps, o->h, o->w, o->c * spec->stack);
    ppi_value x = ppi_torso_build(g, ppi_input(g, "frames", dtype, shape), &spec->torso);
    if (spec->lstm > 0) x = core(g, x, spec, sequences, steps);
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const int64_t features = ppi_graph_value(g, x)->shape.dim[1];
    const double variance = spec->head_variance > 0 ? spec->head_variance : 1.0;
    x = ppi_nn_linear(g, x, "head", spec->outputs, ppi_nn_variance_scaling(variance, features),
                      PPI_ACT_NONE);
    return ppi_output(g, "head", x);
}

pp_status ppi_online_params(ppi_params **out, const ppi_online_net_spec *spec,
                            const ppi_agent_config *cfg) {
    ppi_graph *g = NULL;
    PPI_TRY(ppi_params_create(out));
    PPI_TRY(ppi_graph_create(&g, *out));
    build(g, spec, 1, 1);
    const pp_status s = ppi_graph_status(g);
    ppi_graph_destroy(g);
    PPI_TRY(s);
    PPI_TRY(ppi_params_alloc(*out, cfg->policy == PPI_DTYPE_POLICY_BF16 ? PPI_ROLE_COMPUTE : 0));
    ppi_params_init(*out, cfg->seed);
    ppi_params_sync(*out, cfg->backend, cfg->threads);
    return PP_OK;
}

/* Appends d(sum of head * dhead): its gradient with respect to the head is dhead. */
static pp_status append_backward(ppi_graph *g, ppi_value head) {
    if (ppi_graph_status(g) != PP_OK) return ppi_graph_status(g);
    const ppi_value d = ppi_input(g, "dhead", PPI_F32, ppi_graph_value(g, head)->shape);
    return ppi_graph_backward(g, ppi_sum(g, ppi_mul(g, head, d)), NULL, 0, NULL);
}

static pp_status find_memory(ppi_online_net *net, bool train) {
    ppi_dtype dtype = PPI_F32;
    net->frames = ppi_plan_named(net->plan, "frames", NULL, NULL);
    net->head = ppi_plan_named(net->plan, "head", NULL, &dtype);
    if (net->frames == NULL || net->head == NULL)
        return ppi_fail(PP_ERR_INTERNAL, "the plan lacks the frames or the head");
    if (dtype == PPI_BF16) {
        net->copy = ppi_calloc((size_t)(net->batch * net->outputs), sizeof *net->copy);
        if (net->copy == NULL) return ppi_oom("the outputs of a network");
        net->head = net->copy;
    } else if (dtype != PPI_F32) {
        return ppi_fail(PP_ERR_INTERNAL, "the head is neither f32 nor bf16");
    }
    if (!train) return PP_OK;
    net->dhead = ppi_plan_named(net->plan, "dhead", NULL, &dtype);
    if (net->dhead == NULL || dtype != PPI_F32)
        return ppi_fail(PP_ERR_INTERNAL, "the plan lacks the gradient of the head in f32");
    net->split = ppi_plan_first_reader(net->plan, ppi_graph_find(net->graph, "dhead"));
    return PP_OK;
}

static pp_status find_state(ppi_online_net *net) {
    ppi_dtype h = PPI_F32;
    ppi_dtype c = PPI_F32;
    net->h0 = ppi_plan_named(net->plan, "h0", NULL, NULL);
    net->c0 = ppi_plan_named(net->plan, "c0", NULL, NULL);
    net->reset = ppi_plan_named(net->plan, "reset", NULL, NULL);
    net->h = ppi_plan_named(net->plan, "h", NULL, &h);
    net->c = ppi_plan_named(net->plan, "c", NULL, &c);
    if (net->h0 != NULL && net->c0 != NULL && net->reset != NULL && net->h != NULL &&
        net->c != NULL && h == PPI_F32 && c == PPI_F32)
        return PP_OK;
    return ppi_fail(PP_ERR_INTERNAL, "the plan lacks the state of the recurrent core in f32");
}

/* Graph and plan for so many threads. */
static pp_status compile(ppi_online_net *net, const ppi_online_net_spec *spec, ppi_params *params,
                         const ppi_agent_config *cfg, int threads, bool train) {
    const ppi_plan_options o = {.policy = cfg->policy, .threads = threads, .seed = cfg->seed};
    net->threads = threads;
    PPI_TRY(ppi_graph_create(&net->graph, params));
    const ppi_value head = build(net->graph, spec, net->batch / net->steps, net->steps);
    PPI_TRY(train ? append_backward(net->graph, head) : ppi_graph_status(net->graph));
    return ppi_plan_create(&net->plan, net->graph, cfg->backend, &o);
}

/* A run of few operations is over before a second thread has woken up. */
static pp_status compile_to_size(ppi_online_net *net, const ppi_online_net_spec *spec,
                                 ppi_params *params, const ppi_agent_config *cfg, bool train) {
    PPI_TRY(compile(net, spec, params, cfg, 1, train));
    if (cfg->threads == 1 || ppi_plan_flops(net->plan) < SHARED_FLOPS) return PP_OK;
    ppi_plan_destroy(net->plan);
    ppi_graph_destroy(net->graph);
    net->plan = NULL;
    net->graph = NULL;
    return compile(net, spec, params, cfg, cfg->threads, train);
}

pp_status ppi_online_net_open_sequences(ppi_online_net *net, const ppi_online_net_spec *spec,
                                        ppi_params *params, const ppi_agent_config *cfg,
                                        int64_t sequences, int64_t steps, bool train) {
    *net = (ppi_online_net){.batch = sequences * steps, .steps = steps, .outputs = spec->outputs};
    pp_status s = compile_to_size(net, spec, params, cfg, train);
    if (s == PP_OK) s = find_memory(net, train);
    if (s == PP_OK && spec->lstm > 0) s = find_state(net);
    if (s != PP_OK) ppi_online_net_close(net);
    return s;
}

pp_status ppi_online_net_open(ppi_online_net *net, const ppi_online_net_spec *spec,
                              ppi_params *params, const ppi_agent_config *cfg, int64_t batch,
                              bool train) {
    return ppi_online_net_open_sequences(net, spec, params, cfg, batch, 1, train);
}

void ppi_online_net_close(ppi_online_net *net) {
    if (net->plan != NULL) ppi_plan_destroy(net->plan);
    if (net->graph != NULL) ppi_graph_destroy(net->graph);
    ppi_free(net->copy);
    *net = (ppi_online_net){.graph = NULL};
}

pp_status ppi_online_net_forward(ppi_online_net *net) {
    if (net->dhead != NULL) {
        PPI_TRY(ppi_plan_run_before(net->plan, 0, net->split));
    } else {
        PPI_TRY(ppi_plan_run(net->plan, 0));
    }
    if (net->copy == NULL) return PP_OK;
    const ppi_bf16 *from = ppi_plan_named(net->plan, "head", NULL, NULL);
    for (int64_t i = 0; i < net->batch * net->outputs; i++) net->copy[i] = ppi_bf16_to_f32(from[i]);
    return PP_OK;
}

pp_status ppi_online_net_backward(ppi_online_net *net) {
    return ppi_plan_run_after(net->plan, 0, net->split);
}
