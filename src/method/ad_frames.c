/* Images while acting: every frame is encoded once, and the windows hold what came of it. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/ad_agent.h"

pp_status ppi_ad_frames_begin(ppi_ad_agent *a, int64_t n) {
    const int64_t bytes = ppi_obs_bytes(&a->base.cfg.obs);
    const int64_t window = a->c.timesteps * PPI_AD_FEATURES;
    a->features = ppi_calloc((size_t)(n * window), sizeof *a->features);
    a->frames = ppi_calloc((size_t)n, (size_t)bytes);
    if (a->features == NULL || a->frames == NULL) return ppi_oom("the images of the environments");
    for (int64_t i = 0; i < n; i++) {
        a->run[i].feature = a->features + i * window;
        a->run[i].frame = a->frames + i * bytes;
    }
    return ppi_ad_compile(a, &a->encode, ppi_ad_build_encode, n);
}

pp_status ppi_ad_frames_encode(ppi_ad_agent *a, const uint8_t *frames, int64_t count, float *out) {
    const int64_t bytes = ppi_obs_bytes(&a->base.cfg.obs);
    void *input = NULL;
    PPI_TRY(ppi_program_input(&a->encode, "frames", &input));
    for (int64_t first = 0; first < count; first += a->n_envs) {
        const int64_t n = count - first < a->n_envs ? count - first : a->n_envs;
        memcpy(input, frames + first * bytes, (size_t)(n * bytes));
        PPI_TRY(ppi_plan_run(a->encode.plan, 0));
        PPI_TRY(ppi_program_read(&a->encode, "features", out + first * PPI_AD_FEATURES,
                                 n * PPI_AD_FEATURES));
    }
    return PP_OK;
}

pp_status ppi_ad_frames_settle(ppi_ad_agent *a) {
    bool any = false;
    for (int64_t i = 0; i < a->n_envs; i++) any = any || a->run[i].fresh;
    if (!any) return PP_OK;
    const int64_t n = a->n_envs * PPI_AD_FEATURES;
    float *made = ppi_malloc((size_t)n * sizeof *made);
    if (made == NULL) return ppi_oom("encoded images");
    const pp_status s = ppi_ad_frames_encode(a, a->frames, a->n_envs, made);
    for (int64_t i = 0; s == PP_OK && i < a->n_envs; i++) {
        ppi_ad_run *r = &a->run[i];
        if (!r->fresh) continue;
        memcpy(r->feature + (r->length - 1) * PPI_AD_FEATURES, made + i * PPI_AD_FEATURES,
               PPI_AD_FEATURES * sizeof *made);
        r->fresh = false;
    }
    ppi_free(made);
    return s;
}
