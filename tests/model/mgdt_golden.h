/* Shared by the model tests: golden files of tools/golden_mgdt.py, the weights they were made with,
   and programs (graph + plan) in one struct. */
#ifndef PPI_TEST_MGDT_GOLDEN_H
#define PPI_TEST_MGDT_GOLDEN_H

#include "unit/base_test.h"

#include <math.h>

#include "base/hash.h"
#include "model/mgdt.h"
#include "tensor/plan.h"
#include "tensor/safetensors.h"

/* Index'th number in [-1, 1) of a key: splitmix64, 24 bits. */
static inline double golden_unit(uint32_t key, uint64_t index) {
    uint64_t z = ((uint64_t)key << 32) + index + 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    return (double)(z >> 40) / 8388608.0 - 1.0;
}

static inline uint32_t golden_key(const char *name) {
    return ppi_crc32(0, name, strlen(name));
}

static inline bool golden_ends_with(const char *s, const char *end) {
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* The weights of the golden files. */
static inline void golden_weights(ppi_params *p) {
    for (int i = 0; i < p->count; i++) {
        const ppi_param *t = &p->item[i];
        const uint32_t key = golden_key(t->name);
        double base = 0, scale = 0.5;
        if (golden_ends_with(t->name, "/scale")) {
            base = 1;
            scale = 0.2;
        } else if (golden_ends_with(t->name, "/w")) {
            scale = 2.0 / sqrt((double)(t->count / t->shape.dim[t->shape.ndim - 1]));
        } else if (golden_ends_with(t->name, "/b") || golden_ends_with(t->name, "/offset")) {
            scale = 0.1;
        }
        for (int64_t k = 0; k < t->count; k++)
            p->master[t->offset + k] = (float)(base + scale * golden_unit(key, (uint64_t)k));
    }
}

/* Configuration of a golden file by its name. */
static inline ppi_mgdt_config golden_config(const char *name) {
    ppi_mgdt_config c;
    CHECK_OK(ppi_mgdt_config_size(&c, "tiny"));
    c.dropout = 0;
    if (strcmp(name, "mgdt_grey") == 0) {
        c.width = 128;
        return c;
    }
    c.layers = 1;
    c.board_h = c.board_w = 14;
    c.board_c = 10;
    c.patch = 7;
    c.frame_scale = 1;
    if (strcmp(name, "mgdt_planes") == 0) {
        c.single_return = false;
        c.return_bins = 121;
        c.plain_sum = true;
    } else {
        c.conditioned = false;
    }
    return c;
}

static inline ppi_safetensors *golden_open(const char *name) {
    char path[1024];
    const char *root = getenv("PP_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/golden/%s.safetensors", root != NULL ? root : ".", name);
    ppi_safetensors *st = NULL;
    CHECK_OK(ppi_safetensors_open(&st, path));
    return st;
}

static inline const void *golden_data(const ppi_safetensors *st, const char *name, int64_t *count) {
    const ppi_st_tensor *t = ppi_safetensors_find(st, name);
    if (t == NULL) fail_msg("the golden file has no tensor %s", name);
    int64_t n = 1;
    for (int i = 0; i < t->ndim; i++) n *= t->shape[i];
    if (count != NULL) *count = n;
    return t->data;
}

typedef pp_status (*golden_builder)(ppi_graph *g, const ppi_mgdt_config *c, int64_t batch);

typedef struct golden_program {
    ppi_graph *graph;
    ppi_plan *plan;
} golden_program;

static inline golden_program golden_compile(ppi_params *p, const ppi_backend *be,
                                            ppi_dtype_policy policy, golden_builder build,
                                            const ppi_mgdt_config *c, int64_t batch) {
    golden_program g = {NULL, NULL};
    const ppi_plan_options o = {.policy = policy, .threads = 2, .seed = 1};
    CHECK_OK(ppi_graph_create(&g.graph, p));
    CHECK_OK(build(g.graph, c, batch));
    CHECK_OK(ppi_plan_create(&g.plan, g.graph, be, &o));
    return g;
}

static inline void golden_program_free(golden_program *g) {
    ppi_plan_destroy(g->plan);
    ppi_graph_destroy(g->graph);
}

/* Parameters of a configuration, registered by its forward graph, without memory. */
static inline ppi_params *golden_register(const ppi_mgdt_config *c) {
    ppi_params *p = NULL;
    ppi_graph *g = NULL;
    CHECK_OK(ppi_params_create(&p));
    CHECK_OK(ppi_graph_create(&g, p));
    CHECK_OK(ppi_mgdt_build_forward(g, c, 1));
    ppi_graph_destroy(g);
    return p;
}

/* The same with memory, filled with the golden weights. */
static inline ppi_params *golden_params(const ppi_mgdt_config *c, unsigned roles) {
    ppi_params *p = golden_register(c);
    CHECK_OK(ppi_params_alloc(p, roles));
    golden_weights(p);
    return p;
}

static inline void *golden_named(const golden_program *g, const char *name) {
    void *data = ppi_plan_named(g->plan, name, NULL, NULL);
    if (data == NULL) fail_msg("the plan has no %s", name);
    return data;
}

/* Writes the inputs of the golden file into a plan of whole windows; the batch is 2. */
static inline void golden_fill(const golden_program *g, const ppi_mgdt_config *c,
                               const ppi_safetensors *st, bool train) {
    const int64_t n = 2 * c->timesteps;
    const int64_t bytes = n * c->board_h * c->board_w * c->board_c;
    memcpy(golden_named(g, "frames"), golden_data(st, "frames", NULL), (size_t)bytes);
    memcpy(golden_named(g, "actions"), golden_data(st, "actions", NULL), (size_t)n * 4);
    const float *rewards = golden_data(st, "rewards", NULL);
    const float *returns = golden_data(st, "returns", NULL);
    int32_t *r = golden_named(g, "rewards");
    for (int64_t i = 0; i < n; i++) r[i] = ppi_mgdt_reward_token((double)rewards[i]);
    if (!c->conditioned) return;
    int32_t *R = golden_named(g, "returns");
    for (int64_t i = 0; i < n; i++) R[i] = ppi_mgdt_return_token((double)returns[i]);
    if (!train) return;
    int32_t *targets = golden_named(g, "return_targets");
    const int64_t step = c->single_return ? c->timesteps : 1;
    for (int64_t i = 0; i < n; i += step) *targets++ = R[i];
}

/* Largest absolute difference over the largest magnitude of the reference. */
static inline double golden_error(const float *x, const float *ref, int64_t n) {
    double worst = 0, size = 1e-30;
    for (int64_t i = 0; i < n; i++) {
        const double d = fabs((double)x[i] - (double)ref[i]);
        if (!(d <= worst)) worst = d;
        if (fabs((double)ref[i]) > size) size = fabs((double)ref[i]);
    }
    return worst / size;
}

#endif
