/* Comparing a dataset with its environment; see data_check.h. */
#include "run/data_check.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/meta.h"
#include "env/registry.h"

static pp_status differs(const ppi_dataset *dataset, const char *what, int32_t there,
                         int32_t real) {
    return ppi_fail(PP_ERR_CORRUPT, "%s: %s of %s is %d there, the environment has %d",
                    ppi_dataset_folder(dataset), what, ppi_dataset_meta(dataset)->env, there, real);
}

static pp_status compare(const ppi_dataset *dataset, const pp_env_spec *spec) {
    const ppi_store_meta *meta = ppi_dataset_meta(dataset);
    const struct {
        const char *what;
        int32_t there, real;
    } facts[] = {
        {"the kind of observations", meta->obs_type, spec->obs_type},
        {"the height", meta->height, spec->obs_h},
        {"the width", meta->width, spec->obs_w},
        {"the number of channels", meta->channels, spec->obs_c},
        {"the number of actions", meta->actions, spec->action_count},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (facts[i].there != facts[i].real) {
            return differs(dataset, facts[i].what, facts[i].there, facts[i].real);
        }
    }
    return PP_OK;
}

/* Backends whose environments are always here. */
static bool is_built_in(const char *backend) {
    return strcmp(backend, "arcade") == 0 || strcmp(backend, "builtin") == 0;
}

pp_status ppi_data_check_env(const ppi_dataset *dataset) {
    const ppi_store_meta *meta = ppi_dataset_meta(dataset);
    ppi_env_options options;
    pp_env_spec spec;
    ppi_env env;
    if (!is_built_in(meta->backend)) {
        return PP_OK;
    }
    if (!ppi_env_known(meta->env)) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: the environment %s of the backend %s is unknown",
                        ppi_dataset_folder(dataset), meta->env, meta->backend);
    }
    ppi_env_options_default(&options);
    snprintf(options.view, sizeof options.view, "%s", meta->view);
    snprintf(options.reading, sizeof options.reading, "%s", meta->reading);
    options.mode = meta->mode;
    options.difficulty = meta->difficulty;
    pp_status status = ppi_env_create(&env, meta->env, &options);
    if (status != PP_OK) {
        return ppi_fail_context(PP_ERR_CORRUPT, "%s: its environment cannot be made",
                                ppi_dataset_folder(dataset));
    }
    env.vtable->describe(env.state, &spec);
    status = compare(dataset, &spec);
    ppi_env_destroy(&env);
    return status;
}
