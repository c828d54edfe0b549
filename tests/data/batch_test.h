/* Batches for the tests of the samplers. */
#ifndef PPI_TESTS_BATCH_TEST_H
#define PPI_TESTS_BATCH_TEST_H

#include "data/data_test.h"
#include "data/sampler.h"

/* A batch with all arrays. */
static inline ppi_batch batch_new(int64_t B, int64_t T, int64_t size, int64_t c) {
    size_t n = (size_t)(B * T);
    ppi_batch b = {.B = B, .T = T, .H = size, .W = size, .C = c};
    b.obs = calloc(n, (size_t)(size * size * c));
    b.action = calloc(n, sizeof *b.action);
    b.reward = calloc(n, sizeof *b.reward);
    b.rtg = calloc(n, sizeof *b.rtg);
    b.terminated = calloc(n, 1);
    b.truncated = calloc(n, 1);
    b.timestep = calloc(n, sizeof *b.timestep);
    b.game = calloc(n, sizeof *b.game);
    b.pad = calloc(n, 1);
    return b;
}

static inline void batch_free(ppi_batch *b) {
    free(b->obs);
    free(b->action);
    free(b->reward);
    free(b->rtg);
    free(b->terminated);
    free(b->truncated);
    free(b->timestep);
    free(b->game);
    free(b->pad);
}

static inline void assert_same_batch(const ppi_batch *a, const ppi_batch *b) {
    size_t n = (size_t)(a->B * a->T);
    assert_memory_equal(a->obs, b->obs, n * (size_t)(a->H * a->W * a->C));
    assert_memory_equal(a->action, b->action, n * sizeof *a->action);
    assert_memory_equal(a->reward, b->reward, n * sizeof *a->reward);
    assert_memory_equal(a->rtg, b->rtg, n * sizeof *a->rtg);
    assert_memory_equal(a->terminated, b->terminated, n);
    assert_memory_equal(a->truncated, b->truncated, n);
    assert_memory_equal(a->timestep, b->timestep, n * sizeof *a->timestep);
    assert_memory_equal(a->game, b->game, n * sizeof *a->game);
    assert_memory_equal(a->pad, b->pad, n);
}

#endif
