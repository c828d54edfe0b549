/* Behaviour cloning: the network of mgdt without return slot and return head. A timestep is
   patches, action, reward; the action is predicted from the last patch. */
#include "method/mgdt_agent.h"

static const ppi_option acting_rows[] = {
    {.name = "bc.preset",
     .type = PPI_OPT_CHOICE,
     .offset = offsetof(ppi_mgdt_acting_options, preset),
     .def = "notebook",
     .choices = PPI_MGDT_PRESETS,
     .help = "Acting settings: upper half of the action logits (notebook), or the whole "
             "distribution (paper)."},
    PPI_MGDT_ACTION_ROWS("bc"),
};
static const ppi_option_table acting_table = {"bc acting", acting_rows,
                                              sizeof acting_rows / sizeof acting_rows[0]};

static const ppi_method_table tables[] = {
    {&ppi_mgdt_model_table, offsetof(ppi_mgdt_options, model)},
    {&acting_table, offsetof(ppi_mgdt_options, acting)},
    {&ppi_optim_option_table, offsetof(ppi_mgdt_options, optim)},
};

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    return ppi_mgdt_create(out, cfg, false);
}

const ppi_method ppi_method_bc = {
    .name = "bc",
    .help = "Behaviour cloning with the network of mgdt, without return tokens",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .create = create,
    PPI_MGDT_SHARED_MEMBERS,
};
