/* What the tests of the methods "ad" and "ed" share: small agents, and learning histories as an
   agent may see them. */
#ifndef TESTS_METHOD_AD_TEST_H
#define TESTS_METHOD_AD_TEST_H

#include "unit/base_test.h"

#include <math.h>

#include "base/rng.h"
#include "data/sampler.h"
#include "method/ad_agent.h"

enum { T = 8, CELLS = 2, ACTIONS = 3, STEPS = 3 * T };

/* A method with its options bound. */
typedef struct bound {
    const ppi_method *m;
    ppi_ad_options o;
    ppi_options *set;
} bound;

static inline void bind_method(bound *b, const char *method) {
    memset(b, 0, sizeof *b);
    CHECK_OK(ppi_method_find(&b->m, method));
    assert_true(b->m->options_size <= sizeof b->o);
    CHECK_OK(ppi_options_create(&b->set));
    CHECK_OK(ppi_method_bind(b->m, b->set, &b->o));
}

/* Options as "name value name value ..." words, NULL-terminated. */
static inline void set_words(bound *b, const char *const *words) {
    for (int i = 0; words != NULL && words[i] != NULL; i += 2)
        CHECK_OK(ppi_options_set(b->set, words[i], words[i + 1], "test"));
}

static inline ppi_agent_config config_of(const bound *b, const char *size) {
    ppi_agent_config cfg = {
        .method = b->m,
        .size = size,
        .options = &b->o,
        .obs = {.view = "cells", .h = 1, .w = 1, .c = CELLS, .type = PP_OBS_CELLS, .high = {4, 3}},
        .actions = {.count = ACTIONS, .list = {7, 2, 5}},
        .env = "dark/room",
        .seed = 5,
        .threads = 2};
    return cfg;
}

/* A tiny agent with a context of T steps and these options. */
static inline ppi_agent *make(const char *const *words) {
    bound b;
    bind_method(&b, "ad");
    set_words(&b, (const char *const[]){"model.context", "8", NULL});
    set_words(&b, words);
    CHECK_OK(ppi_method_apply_recipe(b.m, b.set, "tiny"));
    const ppi_agent_config cfg = config_of(&b, "tiny");
    ppi_agent *a = NULL;
    CHECK_OK(ppi_agent_create(&a, &cfg));
    ppi_options_destroy(b.set);
    return a;
}

static const char *const layout_a[] = {NULL};
static const char *const layout_b[] = {"model.layout", "b", NULL};
static const char *const told_a[] = {"model.episode-ends", "on", NULL};
static const char *const told_b[] = {"model.layout", "b", "model.episode-ends", "on", NULL};
static const char *const lstm[] = {"model.core", "lstm", "model.episode-ends", "on", NULL};
static const char *const anchored[] = {"ad.anchor", "on", "model.episode-ends", "on", NULL};
static const char *const *const kinds[] = {layout_a, layout_b, told_a, told_b, lstm};
enum { KINDS = sizeof kinds / sizeof kinds[0], LSTMS = 1 };

enum { EPISODE = 5 }; /* steps of the episodes of a history */

/* One learning history as an agent may see it. */
typedef struct history {
    uint8_t obs[STEPS * CELLS];
    int32_t action[STEPS]; /* ids of the environment */
    float reward[STEPS];
    uint8_t last[STEPS];
} history;

static inline void make_history(history *h, uint64_t seed) {
    static const int32_t ids[ACTIONS] = {7, 2, 5};
    ppi_rng rng;
    ppi_rng_init(&rng, seed, PPI_RNG_TEST, 0);
    for (int t = 0; t < STEPS; t++) {
        h->obs[t * CELLS] = (uint8_t)ppi_rng_below(&rng, 5);
        h->obs[t * CELLS + 1] = (uint8_t)ppi_rng_below(&rng, 4);
        h->action[t] = ids[ppi_rng_below(&rng, ACTIONS)];
        h->reward[t] = ppi_rng_below(&rng, 3) == 0 ? 1.0f : 0.0f;
        h->last[t] = (t + 1) % EPISODE == 0;
    }
}

/* The logits [T,A] of the window of a history that begins at step `from`, in the agent's memory. */
static inline const float *window_logits(ppi_agent *a, const history *h, int from) {
    const ppi_io_tensor *io = NULL;
    int n = 0;
    CHECK_OK(ppi_agent_forward_setup(a, 1, &io, &n));
    const bool told = ((ppi_ad_agent *)a)->c.episode_ends;
    assert_int_equal(n, told ? 5 : 4);
    if (told) memcpy(io[4].data, h->last + from, T);
    memcpy(io[0].data, h->obs + from * CELLS, T * CELLS);
    memcpy(io[1].data, h->action + from, T * sizeof *h->action);
    memcpy(io[2].data, h->reward + from, T * sizeof *h->reward);
    CHECK_OK(ppi_agent_forward(a));
    assert_true(io[3].output);
    return io[3].data;
}

#endif
