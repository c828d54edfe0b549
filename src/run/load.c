/* Agents out of folders. */
#include "run/load.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "run/train.h"

pp_status ppi_loaded_open(ppi_loaded *out, const char *run, ppi_options *set) {
    memset(out, 0, sizeof *out);
    if (strcmp(run, "random") == 0 && !ppi_dir_exists(run)) {
        out->random = true;
        return PP_OK;
    }
    PPI_TRY(ppi_checkpoint_open(&out->checkpoint, run, true));
    out->options = ppi_calloc(1, out->checkpoint.method->options_size);
    pp_status s = out->options == NULL ? ppi_oom("the method's options") : PP_OK;
    if (s == PP_OK) s = ppi_method_bind(out->checkpoint.method, set, out->options);
    if (s != PP_OK) ppi_loaded_close(out);
    return s;
}

pp_status ppi_loaded_create(ppi_loaded *l, ppi_options *set, const char *preset, uint64_t seed, int dtype,
                            int threads) {
    if (l->random) return PP_OK;
    const ppi_method *method = l->checkpoint.method;
    if (preset != NULL && preset[0] != '\0') {
        char name[64];
        snprintf(name, sizeof name, "%s.preset", method->name);
        PPI_TRY(ppi_options_set(set, name, preset, "preset"));
    }
    PPI_TRY(ppi_checkpoint_options(&l->checkpoint, set));
    PPI_TRY(ppi_method_apply_recipe(method, set, l->checkpoint.state.size));
    const ppi_agent_config cfg = {
        .method = method,
        .size = l->checkpoint.state.size,
        .options = l->options,
        .obs = l->checkpoint.state.obs,
        .seed = seed,
        .policy = ppi_dtype_is_bf16(dtype) ? PPI_POLICY_BF16 : PPI_POLICY_F32,
        .threads = threads,
    };
    PPI_TRY(ppi_agent_create(&l->agent, &cfg));
    PPI_TRY(ppi_checkpoint_load(&l->checkpoint, ppi_agent_params(l->agent), false));
    ppi_agent_params_changed(l->agent);
    return PP_OK;
}

void ppi_loaded_close(ppi_loaded *l) {
    if (l->agent != NULL) ppi_agent_destroy(l->agent);
    ppi_free(l->options);
    ppi_checkpoint_close(&l->checkpoint);
    memset(l, 0, sizeof *l);
}

pp_status ppi_protocol_apply(ppi_env_options *env, const ppi_options *set, const ppi_loaded *l,
                             const char *protocol, const char *env_id, const char **name) {
    const bool atari = strncmp(env_id, "ale/", 4) == 0;
    if (!l->random && !ppi_options_was_set(set, "env.view")) {
        env->view = strcmp(l->checkpoint.state.obs.view, "grey84") == 0 ? PPI_VIEW_GREY84 : PPI_VIEW_PLANES;
    }
    if (!atari) {
        if (protocol[0] != '\0' && strcmp(protocol, "suite") != 0) {
            return ppi_fail(PP_ERR_ARGUMENT,
                            "protocol '%s' is one of Atari games; '%s' is played under 'suite'", protocol, env_id);
        }
        *name = "suite";
        return PP_OK;
    }
    if (strcmp(protocol, "suite") == 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "protocol 'suite' is the arcade games' and does not fit '%s'", env_id);
    }
    if (protocol[0] != '\0') PPI_TRY(ppi_protocol_find(&env->protocol, protocol));
    *name = ppi_protocol_name(env->protocol);
    return PP_OK;
}
