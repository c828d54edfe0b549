/* Sizes, layout and quantisation of the Multi-Game Decision Transformer. */
#include "model/mgdt.h"

#include <string.h>

#include "base/error.h"

typedef struct size_row {
    const char *name;
    int64_t layers, width;
} size_row;

static const size_row sizes[] = {
    {"tiny", 2, 64}, {"small", 3, 128}, {"10m", 4, 512}, {"40m", 6, 768}, {"200m", 10, 1280},
};
enum { SIZE_COUNT = sizeof sizes / sizeof sizes[0] };

const char *const ppi_mgdt_sizes[] = {"tiny", "small", "10m", "40m", "200m", NULL};
_Static_assert(sizeof ppi_mgdt_sizes / sizeof ppi_mgdt_sizes[0] == SIZE_COUNT + 1,
               "one name a size");

pp_status ppi_mgdt_config_size(ppi_mgdt_config *c, const char *size) {
    *c = (ppi_mgdt_config){.timesteps = 4,
                           .board_h = 84,
                           .board_w = 84,
                           .board_c = 1,
                           .patch = 14,
                           .actions = 18,
                           .return_bins = PPI_MGDT_RETURN_MAX - PPI_MGDT_RETURN_MIN,
                           .conditioned = true,
                           .single_return = true,
                           .frame_scale = 1.0f / 255.0f,
                           .dropout = 0.1f};
    for (int i = 0; i < SIZE_COUNT; i++) {
        if (strcmp(sizes[i].name, size) != 0) continue;
        c->layers = sizes[i].layers;
        c->width = sizes[i].width;
        return PP_OK;
    }
    return ppi_fail(PP_ERR_NOT_FOUND,
                    "unknown model size \"%s\": expected tiny, small, 10m, 40m or 200m", size);
}

pp_status ppi_mgdt_config_check(const ppi_mgdt_config *c) {
    if (c->layers < 1 || c->layers > PPI_NN_MAX_LAYERS) {
        return ppi_fail(PP_ERR_ARGUMENT, "the model has %lld layers, expected 1 to %d",
                        (long long)c->layers, PPI_NN_MAX_LAYERS);
    }
    if (c->width < 64 || c->width % 64 != 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "the model is %lld wide, expected a multiple of 64",
                        (long long)c->width);
    }
    if (c->patch < 1 || c->board_h < 1 || c->board_w < 1 || c->board_c < 1 ||
        c->board_h % c->patch != 0 || c->board_w % c->patch != 0) {
        return ppi_fail(PP_ERR_SHAPE, "patches of side %lld do not tile a board of %lldx%lldx%lld",
                        (long long)c->patch, (long long)c->board_h, (long long)c->board_w,
                        (long long)c->board_c);
    }
    if (c->timesteps < 1 || c->actions < 2 || c->return_bins < 120 || c->return_bins > 121) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "the model has %lld timesteps, %lld actions and %lld return bins, expected "
                        "1, 2 and 120 or more "
                        "(at most 121 bins)",
                        (long long)c->timesteps, (long long)c->actions, (long long)c->return_bins);
    }
    return PP_OK;
}

ppi_mask ppi_mgdt_mask(const ppi_mgdt_config *c, int64_t q_offset) {
    const int64_t patches = ppi_mgdt_patches(c);
    return (ppi_mask){.kind = PPI_MASK_BLOCK_CAUSAL,
                      .q_offset = (int32_t)q_offset,
                      .stride = (int32_t)ppi_mgdt_slots(c),
                      .patches = (int32_t)patches,
                      .drop_slot = c->conditioned && c->single_return ? (int32_t)patches : -1};
}

int32_t ppi_mgdt_return_token(double r) {
    /* The order matters for NaN: it becomes the lowest return. */
    if (!(r > PPI_MGDT_RETURN_MIN)) return 0;
    if (r > PPI_MGDT_RETURN_MAX) r = PPI_MGDT_RETURN_MAX;
    return (int32_t)r - PPI_MGDT_RETURN_MIN; /* the cast truncates toward zero */
}

int32_t ppi_mgdt_reward_token(double r) {
    return r > 0 ? 1 : r < 0 ? 3 : 0;
}
