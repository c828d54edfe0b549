/* Policies without learning; see policy.h. */
#include "data/policy.h"

#include <string.h>

#include "base/error.h"
#include "base/options.h"

static const char *const names[] = {
    [PPI_POLICY_RANDOM] = "random",
    [PPI_POLICY_DIRICHLET] = "dirichlet",
};

pp_status ppi_policy_find(ppi_policy_kind *out, const char *name) {
    enum { COUNT = sizeof names / sizeof names[0] };
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (ppi_policy_kind)i;
            return PP_OK;
        }
    }
    const char *nearest = ppi_nearest_name(name, names, COUNT);
    if (nearest == NULL) {
        return ppi_fail(PP_ERR_ARGUMENT, "there is no policy '%s'; the policies are %s and %s",
                        name, names[PPI_POLICY_RANDOM], names[PPI_POLICY_DIRICHLET]);
    }
    return ppi_fail(PP_ERR_ARGUMENT,
                    "there is no policy '%s', did you mean '%s'? The policies are %s and %s", name,
                    nearest, names[PPI_POLICY_RANDOM], names[PPI_POLICY_DIRICHLET]);
}

const char *ppi_policy_name(ppi_policy_kind kind) {
    return names[kind];
}

void ppi_policy_begin(ppi_policy *policy, ppi_policy_kind kind, const int32_t *actions,
                      int32_t count, uint64_t seed, int64_t env, int64_t episode) {
    memset(policy, 0, sizeof *policy);
    policy->kind = kind;
    policy->count = count < 18 ? count : 18;
    memcpy(policy->actions, actions, (size_t)policy->count * sizeof *actions);
    ppi_rng_init(&policy->rng, seed, PPI_RNG_COLLECT, (uint64_t)env << 32 | (uint64_t)episode);
    if (kind == PPI_POLICY_DIRICHLET) {
        double sum = 0;
        ppi_rng_dirichlet(&policy->rng, PPI_DIRICHLET_CONCENTRATION, policy->count,
                          policy->cumulative);
        for (int32_t i = 0; i < policy->count; i++) {
            sum += policy->cumulative[i];
            policy->cumulative[i] = sum;
        }
    }
}

static int32_t draw_held(ppi_policy *policy) {
    double u = ppi_rng_unit(&policy->rng);
    int32_t i = 0;
    while (i < policy->count - 1 && u >= policy->cumulative[i]) {
        i++;
    }
    return i;
}

int32_t ppi_policy_act(ppi_policy *policy) {
    if (policy->kind == PPI_POLICY_RANDOM) {
        return policy->actions[ppi_rng_below(&policy->rng, (uint64_t)policy->count)];
    }
    if (policy->hold_left == 0) {
        policy->held = draw_held(policy);
        policy->hold_left = ppi_rng_geometric(&policy->rng, PPI_DIRICHLET_HOLD);
    }
    policy->hold_left--;
    return policy->actions[policy->held];
}
