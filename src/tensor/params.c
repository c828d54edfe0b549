/* Named tensors over flat blocks, and their initial values. */
#include "tensor/params.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Tensors start on 64-byte boundaries. */
enum { ALIGN_ELEMENTS = 16 };

pp_status ppi_params_create(ppi_params **out) {
    *out = ppi_calloc(1, sizeof **out);
    return *out ? PP_OK : ppi_oom("parameters");
}

void ppi_params_destroy(ppi_params *p) {
    if (!p) return;
    ppi_aligned_free(p->master);
    ppi_aligned_free(p->compute);
    ppi_aligned_free(p->grad);
    ppi_aligned_free(p->slot[0]);
    ppi_aligned_free(p->slot[1]);
    ppi_aligned_free(p->scratch);
    ppi_free(p->item);
    ppi_free(p);
}

int ppi_params_find(const ppi_params *p, const char *name) {
    for (int i = 0; i < p->count; i++) {
        if (strcmp(p->item[i].name, name) == 0) return i;
    }
    return -1;
}

static pp_status known(const ppi_params *p, int i, const ppi_shape *shape) {
    char have[PPI_SHAPE_TEXT];
    char want[PPI_SHAPE_TEXT];
    if (ppi_shape_equal(&p->item[i].shape, shape)) return PP_OK;
    return ppi_fail(PP_ERR_SHAPE, "parameter \"%s\" has shape %s, asked for with shape %s", p->item[i].name,
                    ppi_shape_text(have, &p->item[i].shape), ppi_shape_text(want, shape));
}

pp_status ppi_params_add(ppi_params *p, const char *name, const ppi_shape *shape, ppi_init init, int group, int *index) {
    *index = ppi_params_find(p, name);
    if (*index >= 0) return known(p, *index, shape);
    if (p->master) return ppi_fail(PP_ERR_ARGUMENT, "new parameter \"%s\" after the blocks were allocated", name);
    if (strlen(name) >= sizeof p->item[0].name) return ppi_fail(PP_ERR_ARGUMENT, "parameter name \"%s\" is longer than 95 bytes", name);
    if (p->count == p->capacity) {
        const int wanted = p->capacity ? p->capacity * 2 : 64;
        ppi_param *bigger = ppi_realloc(p->item, (size_t)wanted * sizeof *bigger);
        if (!bigger) return ppi_oom("parameter table");
        p->item = bigger;
        p->capacity = wanted;
    }
    ppi_param *t = &p->item[p->count];
    *t = (ppi_param){.shape = *shape, .offset = p->total, .count = ppi_shape_count(shape), .group = group, .init = init};
    snprintf(t->name, sizeof t->name, "%s", name);
    p->total += (t->count + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
    p->n_real += t->count;
    *index = p->count++;
    return PP_OK;
}

pp_status ppi_params_add_running(ppi_params *p, const char *name, const ppi_shape *shape, ppi_init init, float decay, int *index) {
    if (!(decay >= 0.0f && decay < 1.0f)) {
        return ppi_fail(PP_ERR_ARGUMENT, "running mean \"%s\": decay is %g, expected 0 <= decay < 1", name, (double)decay);
    }
    PPI_TRY(ppi_params_add(p, name, shape, init, PPI_GROUP_RUNNING, index));
    p->item[*index].group = PPI_GROUP_RUNNING;
    p->item[*index].running_decay = decay;
    return PP_OK;
}

/* Allocates a block when it is not there yet. */
static pp_status block(void **memory, int64_t elements, size_t size, const char *what) {
    if (*memory) return PP_OK;
    *memory = ppi_aligned_alloc64((size_t)(elements > 0 ? elements : ALIGN_ELEMENTS) * size);
    if (*memory) return PP_OK;
    return ppi_fail(PP_ERR_NO_MEMORY, "no memory for %s: %lld elements of %zu bytes", what, (long long)elements, size);
}

static pp_status float_block(float **memory, int64_t elements, const char *what) {
    void *at = *memory;
    const pp_status s = block(&at, elements, sizeof **memory, what);
    *memory = at;
    return s;
}

pp_status ppi_params_alloc(ppi_params *p, unsigned roles) {
    PPI_TRY(float_block(&p->master, p->total, "parameters"));
    if (roles & PPI_ROLE_GRAD) PPI_TRY(float_block(&p->grad, p->total, "gradients"));
    if (roles & PPI_ROLE_COMPUTE) {
        void *at = p->compute;
        const pp_status s = block(&at, p->total, sizeof *p->compute, "bf16 parameters");
        p->compute = at;
        PPI_TRY(s);
    }
    if (!(roles & PPI_ROLE_SLOTS)) return PP_OK;
    int64_t largest = 0;
    for (int i = 0; i < p->count; i++) {
        if (p->item[i].count > largest) largest = p->item[i].count;
    }
    PPI_TRY(float_block(&p->slot[0], p->total, "first moments"));
    PPI_TRY(float_block(&p->slot[1], p->total, "second moments"));
    return float_block(&p->scratch, largest, "update direction");
}

/* 64-bit FNV-1a. */
static uint64_t name_hash(const char *name) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}

/* Standard normal of element i, draw number `attempt`, by Box-Muller. */
static double normal_at(const uint32_t key[2], uint32_t hash_high, int64_t i, uint32_t attempt) {
    const uint32_t ctr[4] = {(uint32_t)i, (uint32_t)((uint64_t)i >> 32), attempt, hash_high};
    uint32_t w[4];
    ppi_philox4x32(w, ctr, key);
    const double u1 = ((double)(((uint64_t)w[0] << 21) ^ (w[1] >> 11)) + 1.0) * 0x1p-53;
    const double u2 = (double)(((uint64_t)w[2] << 21) ^ (w[3] >> 11)) * 0x1p-53;
    return sqrt(-2.0 * log(u1)) * cos(6.283185307179586476925 * u2);
}

static void init_key(const ppi_param *t, uint64_t seed, uint32_t key[2]) {
    key[0] = (uint32_t)seed ^ (uint32_t)name_hash(t->name);
    key[1] = (uint32_t)(seed >> 32) ^ ((uint32_t)PPI_RNG_INIT << 24);
}

static void init_normal(float *x, const ppi_param *t, uint64_t seed) {
    const uint64_t hash = name_hash(t->name);
    uint32_t key[2];
    init_key(t, seed, key);
    const bool truncate = t->init.kind == PPI_INIT_TRUNC_NORMAL;
    for (int64_t i = 0; i < t->count; i++) {
        double z = normal_at(key, (uint32_t)(hash >> 32), i, 0);
        for (uint32_t attempt = 1; truncate && fabs(z) > 2.0; attempt++) z = normal_at(key, (uint32_t)(hash >> 32), i, attempt);
        x[i] = (float)(z * (double)t->init.sigma);
    }
}

/* Normal numbers d and columns + d of the table's stream make frequency and phase of column d. */
static void init_smooth(float *x, const ppi_param *t, uint64_t seed) {
    const uint32_t high = (uint32_t)(name_hash(t->name) >> 32);
    const int64_t columns = t->shape.dim[t->shape.ndim - 1];
    uint32_t key[2];
    init_key(t, seed, key);
    for (int64_t d = 0; d < columns; d++) {
        const double frequency = normal_at(key, high, d, 0) / PPI_SMOOTH_ROWS;
        /* the normal's distribution function makes it uniform */
        const double phase = M_PI * (1.0 + erf(normal_at(key, high, columns + d, 0) / sqrt(2.0)));
        for (int64_t i = d, row = 0; i < t->count; i += columns, row++)
            x[i] = (float)(sqrt(2.0) * (double)t->init.sigma * cos(frequency * (double)row + phase));
    }
}

void ppi_params_init(ppi_params *p, uint64_t seed) {
    p->version++;
    for (int k = 0; k < p->count; k++) {
        const ppi_param *t = &p->item[k];
        float *x = p->master + t->offset;
        if (t->init.kind == PPI_INIT_NORMAL || t->init.kind == PPI_INIT_TRUNC_NORMAL) {
            init_normal(x, t, seed);
            continue;
        }
        if (t->init.kind == PPI_INIT_SMOOTH) {
            init_smooth(x, t, seed);
            continue;
        }
        for (int64_t i = 0; i < t->count; i++) x[i] = t->init.kind == PPI_INIT_ONE ? 1.0f : 0.0f;
    }
}

void ppi_params_sync(ppi_params *p, const ppi_backend *be, int threads) {
    p->version++;
    if (p->compute) be->flat->to_bf16(p->compute, p->master, p->total, threads);
}
