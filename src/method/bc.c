/* Behaviour cloning: the network of mgdt without return slot and return head. A timestep is patches,
   action, reward; the action is predicted from the last patch. */
#include "method/mgdt_agent.h"

#define FIELD(member) offsetof(ppi_mgdt_acting_options, member)
static const ppi_option acting_rows[] = {
    {.name = "bc.preset", .type = PPI_OPT_CHOICE, .offset = FIELD(preset), .def = "notebook", .choices = "notebook|paper",
     .help = "Acting settings: upper half of the action logits (notebook), or the whole distribution (paper)."},
    {.name = "bc.action-temperature", .type = PPI_OPT_F64, .offset = FIELD(action_temperature), .def = "-1", .min = -1, .max = 1000,
     .help = "Multiplies the action logits; -1 = as the preset says."},
    {.name = "bc.action-percentile", .type = PPI_OPT_F64, .offset = FIELD(action_percentile), .def = "-1", .min = -1, .max = 100,
     .help = "Keep action logits above this percentile; 0 = all, -1 = as the preset says."},
    {.name = "bc.top-k", .type = PPI_OPT_I64, .offset = FIELD(top_k), .def = "0", .min = 0, .max = 1024,
     .help = "Keep the k largest action logits; 0 = all."},
    {.name = "bc.greedy", .type = PPI_OPT_BOOL, .offset = FIELD(greedy), .def = "off", .help = "Take the largest action logit instead of drawing."},
};
#undef FIELD
static const ppi_option_table acting_table = {"bc acting", acting_rows, sizeof acting_rows / sizeof acting_rows[0]};

static const ppi_method_table tables[] = {
    {&ppi_mgdt_model_table, offsetof(ppi_mgdt_options, model)},
    {&acting_table, offsetof(ppi_mgdt_options, acting)},
    {&ppi_optim_option_table, offsetof(ppi_mgdt_options, optim)},
};

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) { return ppi_mgdt_create(out, cfg, false); }

const ppi_method ppi_method_bc = {
    .name = "bc",
    .help = "Behaviour cloning with the network of mgdt, without return tokens",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .options_size = sizeof(ppi_mgdt_options),
    .sizes = ppi_mgdt_sizes,
    .recipe = ppi_mgdt_recipe,
    .default_batch = ppi_mgdt_default_batch,
    .create = create,
    .destroy = ppi_mgdt_destroy,
    .window = ppi_mgdt_window,
    .train_setup = ppi_mgdt_train_setup,
    .train_step = ppi_mgdt_train_step,
    .act_begin = ppi_mgdt_act_begin,
    .act_reset = ppi_mgdt_act_reset,
    .act = ppi_mgdt_act,
    .observe = ppi_mgdt_observe,
    .forward_setup = ppi_mgdt_forward_setup,
    .forward = ppi_mgdt_forward,
    .describe_acting = ppi_mgdt_describe_acting,
    .plan = ppi_mgdt_plan,
};
