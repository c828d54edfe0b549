/* Playing with an online network; see online_play.h. */
#include "method/online_play.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/replay.h"

/* Outputs of the generator set aside for one decision. */
enum { DRAWS_PER_STEP = 64 };

void ppi_online_legal(const ppi_agent *a, uint8_t *out, const uint8_t *legal) {
    const ppi_action_spec *actions = &a->cfg.actions;
    for (int32_t k = 0; k < actions->count; k++) out[k] = legal[actions->list[k]];
}

void ppi_online_play_end(ppi_online_play *p) {
    ppi_online_net_close(&p->net);
    ppi_free(p->legal);
    ppi_free(p->player);
    *p = (ppi_online_play){.players = 0};
}

pp_status ppi_online_play_begin(ppi_online_play *p, const ppi_agent *a,
                                const ppi_online_net_spec *spec, int64_t n) {
    const size_t choices = (size_t)a->cfg.actions.count;
    if (n < 1)
        return ppi_fail(PP_ERR_ARGUMENT, "acting in %lld environments, expected 1 or more",
                        (long long)n);
    if (p->players == n) return PP_OK;
    ppi_online_play_end(p);
    p->legal = ppi_calloc((size_t)n, choices);
    p->player = ppi_calloc((size_t)n, sizeof *p->player);
    if (p->legal == NULL || p->player == NULL) return ppi_oom("the players of an agent");
    memset(p->legal, 1, (size_t)n * choices);
    PPI_TRY(ppi_online_net_open(&p->net, spec, a->params, &a->cfg, n, false));
    p->players = n;
    return PP_OK;
}

pp_status ppi_online_play_game(ppi_online_play *p, const ppi_agent *a, int64_t env,
                               const uint8_t *legal) {
    if (env < 0 || env >= p->players)
        return ppi_fail(PP_ERR_ARGUMENT, "environment %lld of %lld was named; was acting begun?",
                        (long long)env, (long long)p->players);
    ppi_online_legal(a, p->legal + env * a->cfg.actions.count, legal);
    return PP_OK;
}

/* The state behind the last step becomes that before the next. */
static void push(ppi_online_play *p, const ppi_online_net_spec *spec, int64_t env,
                 const uint8_t *obs, bool begin) {
    const int64_t pixels = spec->obs.h * spec->obs.w;
    uint8_t *stack = (uint8_t *)p->net.frames + env * ppi_online_stack_bytes(spec);
    ppi_stack_push(stack, obs, pixels, ppi_obs_bytes(&spec->obs) / pixels, spec->stack, begin);
    if (spec->lstm == 0) return;
    const int64_t at = env * spec->lstm;
    const size_t size = (size_t)spec->lstm * sizeof(float);
    p->net.reset[env] = begin;
    memcpy(p->net.h0 + at, p->net.h + at, size);
    memcpy(p->net.c0 + at, p->net.c + at, size);
}

void ppi_online_play_reset(ppi_online_play *p, const ppi_online_net_spec *spec, int64_t env,
                           const uint8_t *obs, uint64_t episode) {
    push(p, spec, env, obs, true);
    p->player[env] = (ppi_online_player){.episode = episode, .step = 0};
}

void ppi_online_play_observe(ppi_online_play *p, const ppi_online_net_spec *spec, int64_t env,
                             const uint8_t *next_obs) {
    push(p, spec, env, next_obs, false);
    p->player[env].step++;
}

ppi_rng ppi_online_play_rng(const ppi_online_play *p, const ppi_agent *a, int64_t env) {
    ppi_rng rng;
    ppi_rng_init(&rng, a->cfg.seed, PPI_RNG_ACT, p->player[env].episode);
    rng.pos = (uint64_t)p->player[env].step * DRAWS_PER_STEP;
    return rng;
}

const float *ppi_online_play_head(const ppi_online_play *p, int64_t env) {
    return p->net.head + env * p->net.outputs;
}

const uint8_t *ppi_online_play_legal(const ppi_online_play *p, const ppi_agent *a, int64_t env) {
    return p->legal + env * a->cfg.actions.count;
}
