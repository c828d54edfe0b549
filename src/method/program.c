/* Programs of agents; see the header. */
#include "method/program.h"

#include <string.h>

#include "base/bf16.h"
#include "base/error.h"
#include "data/sampler.h"

pp_status ppi_program_params_open(ppi_graph **graph, ppi_agent *a) {
    PPI_TRY(ppi_params_create(&a->params));
    return ppi_graph_create(graph, a->params);
}

pp_status ppi_program_params_make(ppi_graph *graph, ppi_agent *a, pp_status built) {
    ppi_graph_destroy(graph);
    PPI_TRY(built);
    const bool bf16 = a->cfg.policy == PPI_DTYPE_POLICY_BF16;
    PPI_TRY(ppi_params_alloc(a->params, bf16 ? PPI_ROLE_COMPUTE : 0));
    ppi_params_init(a->params, a->cfg.seed);
    ppi_params_sync(a->params, a->cfg.backend, a->cfg.threads);
    return PP_OK;
}

pp_status ppi_program_open(ppi_program *p, const ppi_agent *a) {
    *p = (ppi_program){NULL, NULL};
    return ppi_graph_create(&p->graph, a->params);
}

pp_status ppi_program_compile(ppi_program *p, const ppi_agent *a, pp_status built) {
    const ppi_agent_config *cfg = &a->cfg;
    const ppi_plan_options o = {.policy = cfg->policy, .threads = cfg->threads, .seed = cfg->seed};
    if (built == PP_OK) built = ppi_plan_create(&p->plan, p->graph, cfg->backend, &o);
    if (built != PP_OK) ppi_program_clear(p);
    return built;
}

void ppi_program_clear(ppi_program *p) {
    if (p->plan != NULL) ppi_plan_destroy(p->plan);
    if (p->graph != NULL) ppi_graph_destroy(p->graph);
    *p = (ppi_program){NULL, NULL};
}

pp_status ppi_program_input(const ppi_program *p, const char *name, void **out) {
    *out = ppi_plan_named(p->plan, name, NULL, NULL);
    return *out != NULL ? PP_OK : ppi_fail(PP_ERR_INTERNAL, "the plan has no input \"%s\"", name);
}

pp_status ppi_program_output(const ppi_program *p, const char *name, const float **out) {
    ppi_dtype dtype = PPI_F32;
    *out = ppi_plan_named(p->plan, name, NULL, &dtype);
    if (*out != NULL && dtype == PPI_F32) return PP_OK;
    return ppi_fail(PP_ERR_INTERNAL, "the plan keeps no f32 output \"%s\"", name);
}

pp_status ppi_program_read(const ppi_program *p, const char *name, float *out, int64_t n) {
    ppi_dtype dtype = PPI_F32;
    const void *data = ppi_plan_named(p->plan, name, NULL, &dtype);
    if (data == NULL) return ppi_fail(PP_ERR_INTERNAL, "the plan keeps no output \"%s\"", name);
    if (dtype == PPI_F32) {
        memcpy(out, data, (size_t)n * sizeof *out);
        return PP_OK;
    }
    if (dtype != PPI_BF16)
        return ppi_fail(PP_ERR_INTERNAL, "output \"%s\" is neither f32 nor bf16", name);
    const ppi_bf16 *b = data;
    for (int64_t i = 0; i < n; i++) out[i] = ppi_bf16_to_f32(b[i]);
    return PP_OK;
}

pp_status ppi_program_check_batch(const ppi_program *train, const ppi_agent *a,
                                  const struct ppi_batch *b, int64_t windows, int64_t steps) {
    const ppi_obs_spec *o = &a->cfg.obs;
    if (train->plan == NULL)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a training step was asked for before the set-up of training");
    if (b->B != windows || b->T != steps) {
        return ppi_fail(
            PP_ERR_SHAPE, "a batch of %lld windows of %lld steps was given, expected %lld of %lld",
            (long long)b->B, (long long)b->T, (long long)windows, (long long)steps);
    }
    if (b->H != o->h || b->W != o->w || b->C != o->c) {
        return ppi_fail(PP_ERR_SHAPE,
                        "the batch has observations of %lldx%lldx%lld, the agent was made for "
                        "%lldx%lldx%lld",
                        (long long)b->H, (long long)b->W, (long long)b->C, (long long)o->h,
                        (long long)o->w, (long long)o->c);
    }
    return PP_OK;
}

pp_status ppi_program_not_finite(const ppi_agent *a, int64_t step, double loss) {
    const ppi_params *p = a->params;
    const ppi_flat_kernels *flat = a->cfg.backend->flat;
    for (int pass = 0; pass < 2; pass++) {
        const float *block = pass == 0 ? p->master : p->grad;
        for (int i = 0; i < p->count; i++) {
            if (flat->first_nonfinite(block + p->item[i].offset, p->item[i].count, 1) < 0) continue;
            return ppi_fail(
                PP_ERR_NUMERIC,
                "step %lld: the loss is %g; the first tensor that is not finite is the %s \"%s\"",
                (long long)step, loss, pass == 0 ? "parameter" : "gradient of", p->item[i].name);
        }
    }
    return ppi_fail(
        PP_ERR_NUMERIC,
        "step %lld: the loss is %g; the first tensor that is not finite is the output \"loss\"",
        (long long)step, loss);
}

double ppi_program_accuracy(const float *logits, const int32_t *choice, int64_t n,
                            int64_t classes) {
    int64_t hits = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *row = logits + i * classes;
        int64_t best = 0;
        for (int64_t k = 1; k < classes; k++) {
            if (row[k] > row[best]) best = k;
        }
        hits += best == choice[i];
    }
    return (double)hits / (double)n;
}
