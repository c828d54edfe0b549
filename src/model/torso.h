/* Torsos: networks from one observation to a vector of features, chosen by name. Learners put their
   heads on top. */
#ifndef PPI_MODEL_TORSO_H
#define PPI_MODEL_TORSO_H

#include <polyplay/env.h>

#include "nn/nn.h"

enum { PPI_TORSO_WIDTHS = 4 };

/* What to build. Zero in a size means the published one. */
typedef struct ppi_torso_config {
    const char *name;   /* one of ppi_torso_names */
    const char *prefix; /* of the parameter names: "<prefix>/conv1/w" */
    int32_t type;       /* PP_OBS_* of the observation */
    /* PP_OBS_CELLS: largest value of each of `cells` components; further channels (stacked
       observations) repeat them. */
    int32_t high[PP_ENV_CELLS];
    int cells;
    int64_t dense;                    /* width of the dense layer (mlp: of each of the three) */
    int64_t widths[PPI_TORSO_WIDTHS]; /* impala: channels of each stage, 0 ends the list */
    bool same;                        /* nature: SAME padding, as the Flax versions have */
} ppi_torso_config;

/* Names, smallest network first, NULL-terminated:
   mlp     three dense layers of 128 over the flat observation, cells as one-hot numbers
   arcade  convolution 3x3 of 16 channels without padding, dense layer of 128
   nature  Mnih et al. 2015: 8x8/4 of 32, 4x4/2 of 64, 3x3/1 of 64, dense layer of 512
   impala  Espeholt et al. 2018: three stages of 16, 32, 32 channels, dense layer of 256
   ReLU behind every layer. */
extern const char *const ppi_torso_names[];

/* obs [B,H,W,C], u8 or (PP_OBS_FLOAT) f32 -> features [B,D]. Images are scaled by 1/255, planes are
   taken as they are. A name that does not exist, or cells for a convolutional torso, fail with
   PP_ERR_ARGUMENT; failures stick to the graph. */
ppi_value ppi_torso_build(ppi_graph *g, ppi_value obs, const ppi_torso_config *cfg);

/* ---- for the files of the torsos: x [B,H,W,C] f32 -> [B,D] ---- */

ppi_value ppi_arcade_torso(ppi_graph *g, ppi_value x, const ppi_torso_config *cfg);
ppi_value ppi_impala_torso(ppi_graph *g, ppi_value x, const ppi_torso_config *cfg);
ppi_value ppi_nature_torso(ppi_graph *g, ppi_value x, const ppi_torso_config *cfg);
/* Three dense layers over [B,K]. */
ppi_value ppi_mlp_torso(ppi_graph *g, ppi_value x, const ppi_torso_config *cfg);

#endif
