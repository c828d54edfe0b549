/* The plans of a loaded agent as text. They are compiled for this machine, so the kernels named are
 * the ones that would run. */
#include "run/plan_view.h"

#include "base/error.h"
#include "method/method.h"
#include "run/load.h"
#include "run/train.h"

static pp_status view_plans(ppi_agent *agent, int64_t batch, ppi_buf *out)
{
    static const char *const names[] = {"train", "prefill", "act"};
    PPI_TRY(ppi_agent_train_setup(agent, batch, 1));
    PPI_TRY(ppi_agent_act_begin(agent, batch));
    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
        const ppi_plan *plan = ppi_agent_plan(agent, names[i]);
        if (!plan) continue;
        ppi_buf_printf(out, "plan %s, batch %lld: %.2f MB, %.3f GFLOP\n", names[i], (long long)batch,
                       (double)ppi_plan_bytes(plan) / 1e6, ppi_plan_flops(plan) / 1e9);
        PPI_TRY(ppi_plan_print(plan, out));
        ppi_buf_append_char(out, '\n');
    }
    return out->failed;
}

static pp_status view_run(ppi_loaded *loaded, const char *run, ppi_options *set, int64_t batch,
                          ppi_buf *out)
{
    PPI_TRY(ppi_loaded_open(loaded, run, set));
    if (loaded->random)
        return ppi_fail(PP_ERR_ARGUMENT, "the policy random has no network, so no plan");
    PPI_TRY(ppi_loaded_create(loaded, set, "", 1, PPI_DTYPE_AUTO, ppi_thread_count(0)));
    return view_plans(loaded->agent, batch, out);
}

pp_status ppi_plan_view(const char *run, int64_t batch, ppi_buf *out)
{
    ppi_loaded loaded = {0};
    ppi_options *set;
    PPI_TRY(ppi_options_create(&set));
    pp_status status = view_run(&loaded, run, set, batch, out);
    ppi_loaded_close(&loaded);
    ppi_options_destroy(set);
    return status;
}
