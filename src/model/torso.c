/* Observations into floats, then the torso of that name. */
#include "model/torso.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"

typedef struct torso_row {
    const char *name;
    ppi_value (*build)(ppi_graph *g, ppi_value x, const ppi_torso_config *cfg);
    bool images;
} torso_row;

static const torso_row rows[] = {
    {"mlp", ppi_mlp_torso, false},
    {"arcade", ppi_arcade_torso, true},
    {"nature", ppi_nature_torso, true},
    {"impala", ppi_impala_torso, true},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

const char *const ppi_torso_names[] = {"mlp", "arcade", "nature", "impala", NULL};

static const torso_row *find(ppi_graph *g, const ppi_torso_config *cfg) {
    for (int i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, cfg->name) == 0) return &rows[i];
    }
    ppi_graph_fail(g, ppi_fail(PP_ERR_ARGUMENT,
                               "no torso is named \"%s\": expected mlp, arcade, nature or impala",
                               cfg->name));
    return NULL;
}

static_assert(PP_ENV_CELLS <= PPI_MAX_PARTS, "components of an observation");

/* The observation as numbers. */
static ppi_value numbers(ppi_graph *g, ppi_value obs, const ppi_torso_config *cfg) {
    if (cfg->type == PP_OBS_CELLS) {
        int32_t size[PP_ENV_CELLS];
        for (int i = 0; i < PP_ENV_CELLS; i++) size[i] = cfg->high[i] + 1;
        return ppi_one_hot(g, obs, cfg->cells, size);
    }
    return ppi_cast(g, obs, PPI_F32, cfg->type == PP_OBS_IMAGE ? 1.0f / 255.0f : 1.0f);
}

ppi_value ppi_torso_build(ppi_graph *g, ppi_value obs, const ppi_torso_config *cfg) {
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    const torso_row *row = find(g, cfg);
    if (row == NULL) return PPI_NONE;
    if (row->images && (cfg->type == PP_OBS_CELLS || cfg->type == PP_OBS_FLOAT)) {
        ppi_graph_fail(g, ppi_fail(PP_ERR_ARGUMENT,
                                   "torso \"%s\" wants an image or planes, and the observation is "
                                   "a list of %s: use mlp",
                                   cfg->name, cfg->type == PP_OBS_CELLS ? "cells" : "numbers"));
        return PPI_NONE;
    }
    const ppi_value x = numbers(g, obs, cfg);
    if (ppi_graph_status(g) != PP_OK) return PPI_NONE;
    if (row->images) return row->build(g, x, cfg);
    const ppi_shape s = ppi_graph_value(g, x)->shape;
    return row->build(g, ppi_reshape(g, x, ppi_shape2(s.dim[0], ppi_shape_count(&s) / s.dim[0])),
                      cfg);
}
