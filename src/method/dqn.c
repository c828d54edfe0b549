/* Deep Q-network (Mnih et al. 2015): the loss of one transition, the recipes, the row of the
 * registry. */
#include <math.h>

#include "method/value_agent.h"

static int64_t columns(const ppi_value_options *o) {
    (void)o;
    return 1;
}

static float value(const float *head, const ppi_value_options *o) {
    (void)o;
    return head[0];
}

/* y = G + g Q'(s', a'); (y - Q)^2, or Huber of distance 1: d^2 / 2 near, |d| - 1/2 far. */
static double loss(float *dhead, const ppi_value_row *row, const ppi_value_options *o) {
    const double y = (double)row->ret + (double)row->discount * (double)row->next[0];
    const double d = (double)row->head[row->action] - y;
    if (o->loss == 0) {
        dhead[row->action] = row->weight * (float)(2 * d);
        return d * d;
    }
    const double size = fabs(d);
    dhead[row->action] = row->weight * (float)(size <= 1 ? d : copysign(1, d));
    return size <= 1 ? 0.5 * d * d : size - 0.5;
}

static const ppi_value_kind kind = {.columns = columns, .value = value, .loss = loss};

static const ppi_option rows[] = {
    PPI_VALUE_ROWS("dqn"),
    {.name = "dqn.loss",
     .type = PPI_OPT_CHOICE,
     .offset = offsetof(ppi_value_options, loss),
     .def = "mse",
     .choices = "mse|huber",
     .help = "Loss of one transition: squared error, or Huber of distance 1."},
    PPI_REPLAY_ROWS(ppi_value_options, replay, "500000"),
};
static const ppi_option_table table = {"dqn", rows, sizeof rows / sizeof rows[0]};

static const ppi_method_table tables[] = {
    {&table, 0},
    {&ppi_optim_option_table, offsetof(ppi_value_options, optim)},
};

/* MinAtar's DQN with Adam, double Q, Huber and a quarter of its updates. One-step targets, a shorter
 * horizon, a smaller rate and less exploration in the end learn several times faster on Asterix and
 * no slower elsewhere (docs/methods/dqn.md). */
static const ppi_option_value arcade[] = {
    {"dqn.n-step", "1"},         {"dqn.gamma", "0.97"},        {"dqn.double", "on"},
    {"dqn.start", "5000"},       {"dqn.period", "4"},          {"dqn.target-every", "1000"},
    {"dqn.eps-end", "0.02"},     {"dqn.eps-steps", "100000"},  {"dqn.loss", "huber"},
    {"dqn.streams", "1"},        {"replay.capacity", "100000"}, {"optim.name", "adam"},
    {"optim.lr", "1e-4"},        {"optim.eps", "1e-8"},        {"optim.weight-decay", "0"},
    {"optim.clip", "0"},         {"optim.warmup", "0"},
};

/* The settings of Dopamine's DQN (JAX), beside the defaults above. */
static const ppi_option_value atari[] = {
    {"optim.name", "adam"},      {"optim.lr", "6.25e-5"}, {"optim.eps", "1.5e-4"},
    {"optim.weight-decay", "0"}, {"optim.clip", "0"},     {"optim.warmup", "0"},
};

static pp_status recipe(ppi_options *set, const char *size) {
    return ppi_value_recipe(set, size, arcade, sizeof arcade / sizeof arcade[0], atari,
                            sizeof atari / sizeof atari[0]);
}

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    return ppi_value_create(out, cfg, &kind);
}

const ppi_method ppi_method_dqn = {
    .name = "dqn",
    .help = "Deep Q-network that learns while it plays: replay, target network, n-step returns",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .recipe = recipe,
    .create = create,
    PPI_VALUE_SHARED_MEMBERS,
};
