/* Sizes and tokens of Algorithm Distillation. */
#include "model/ad.h"

#include <stdio.h>

#include "base/error.h"

static pp_status check_transformer(const ppi_ad_config *c) {
    if (c->layers < 1 || c->layers > PPI_NN_MAX_LAYERS) {
        return ppi_fail(PP_ERR_ARGUMENT, "the model has %lld layers, expected 1 to %d",
                        (long long)c->layers, PPI_NN_MAX_LAYERS);
    }
    if (c->heads < 1 || c->width % c->heads != 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "the model is %lld wide with %lld heads, expected heads that divide the "
                        "width",
                        (long long)c->width, (long long)c->heads);
    }
    if (c->ffn < 1) {
        return ppi_fail(PP_ERR_ARGUMENT, "the model has %lld units in its FFN, expected 1 or more",
                        (long long)c->ffn);
    }
    return PP_OK;
}

static pp_status check_observations(const ppi_ad_config *c) {
    const bool images = c->image_h > 0 && c->image_w > 0 && c->image_c > 0 && c->channels > 0;
    if (c->tables == 0 && images) return PP_OK;
    if (c->tables >= 1 && c->tables <= PPI_AD_TABLES) return PP_OK;
    return ppi_fail(
        PP_ERR_ARGUMENT,
        "observations have %d tables, expected 1 to %d, or images of %lldx%lldx%lld with "
        "%lld channels",
        c->tables, PPI_AD_TABLES, (long long)c->image_h, (long long)c->image_w,
        (long long)c->image_c, (long long)c->channels);
}

pp_status ppi_ad_config_check(const ppi_ad_config *c) {
    if (c->timesteps < 2 || c->timesteps > PPI_AD_MAX_CONTEXT) {
        return ppi_fail(PP_ERR_ARGUMENT, "the model has a context of %lld steps, expected 2 to %d",
                        (long long)c->timesteps, PPI_AD_MAX_CONTEXT);
    }
    if (c->actions < 2 || c->width < 1) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "the model has %lld actions and width %lld, expected 2 and 1 or more",
                        (long long)c->actions, (long long)c->width);
    }
    PPI_TRY(check_observations(c));
    if (c->core == PPI_AD_TRANSFORMER) return check_transformer(c);
    if (c->lstm >= 1 && c->dense >= 1) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "the LSTM has %lld units and %lld in the layers behind it, expected 1 or more",
                    (long long)c->lstm, (long long)c->dense);
}

int32_t ppi_ad_reward_token(const ppi_ad_config *c, double r, bool last) {
    const int32_t sign = r > 0 ? 1 : r < 0 ? 2 : 0;
    return c->episode_ends && last ? PPI_AD_REWARDS + sign : sign;
}

void ppi_ad_obs_input(char name[16], int i) {
    snprintf(name, 16, "obs%d", i);
}

void ppi_ad_cache_name(char name[16], const char *what, int64_t layer) {
    snprintf(name, 16, "%s%d", what, (int)layer);
}
