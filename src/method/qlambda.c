/* DQN with Q(lambda) over rollouts, the source learner of the Watermaze in Algorithm Distillation
 * (Laskin et al. 2022): overlapping rollouts of every stream, batches of new and of replayed ones.
 */
#include "method/qlambda.h"

#include <string.h>

#include "base/error.h"

void ppi_qlambda_targets(float *target, const ppi_replay_row *row, const float *value, int64_t n,
                         double gamma, double lambda) {
    double next = (double)value[n - 1];
    for (int64_t i = n - 2; i >= 0; i--) {
        if (row[i].last) {
            next = (double)value[i];
        } else if (row[i].terminated) {
            next = (double)row[i].reward;
        } else {
            const double v = (double)value[i + 1];
            next = (double)row[i].reward + gamma * ((1.0 - lambda) * v + lambda * next);
        }
        target[i] = (float)next;
    }
}

/* ---- the network ---- */

static const char *const sizes[] = {"small", "paper", NULL};

static void torso(ppi_torso_config *t, const char *size) {
    const bool small = strcmp(size, "small") == 0;
    static const int64_t small_widths[PPI_TORSO_WIDTHS] = {16, 16, 16, 0};
    static const int64_t paper_widths[PPI_TORSO_WIDTHS] = {32, 64, 64, 0};
    memcpy(t->widths, small ? small_widths : paper_widths, sizeof t->widths);
}

static int64_t columns(const ppi_value_options *o) {
    (void)o;
    return 1;
}

static float value(const float *head, const ppi_value_options *o) {
    (void)o;
    return head[0];
}

static pp_status check(const ppi_value_options *o) {
    if (o->overlap < o->rollout) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "qlambda.overlap is %lld, expected less than qlambda.rollout, which is %lld",
                    (long long)o->overlap, (long long)o->rollout);
}

/* A rollout and the row behind it. */
static int64_t length(const ppi_value_options *o) {
    return o->rollout + 1;
}

static int64_t rows(const ppi_value_options *o) {
    return o->batch * length(o);
}

/* (G - Q)^2; the target is in ret. */
static double loss(float *dhead, const ppi_value_row *row, const ppi_value_options *o) {
    (void)o;
    const double d = (double)row->head[row->action] - (double)row->ret;
    dhead[row->action] = row->weight * (float)(2 * d);
    return d * d;
}

/* ---- rollouts: number k of a stream begins at row k * (rollout - overlap) ever played ---- */

static int64_t hop(const ppi_value_agent *a) {
    return a->o.rollout - a->o.overlap;
}

/* Rollouts of a stream that were ever complete. */
static int64_t complete(const ppi_value_agent *a, int64_t stream) {
    const int64_t played = a->offset[stream] + ppi_replay_end(a->replay, stream);
    return played < length(&a->o) ? 0 : 1 + (played - length(&a->o)) / hop(a);
}

/* Oldest rollout of a stream that is still there. */
static int64_t oldest(const ppi_value_agent *a, int64_t stream) {
    const int64_t first = a->offset[stream] + ppi_replay_first(a->replay, stream);
    return (first + hop(a) - 1) / hop(a);
}

/* New rollouts, dealt out round by round: one of every stream. */
static int64_t fresh_ready(const ppi_value_agent *a) {
    int64_t least = complete(a, 0);
    for (int64_t s = 1; s < a->streams; s++) {
        if (complete(a, s) < least) least = complete(a, s);
    }
    return least * a->streams;
}

/* Places rollout `number` of a stream as entry `b` of the batch. */
static void put(ppi_value_agent *a, int64_t b, int64_t stream, int64_t number) {
    const int64_t first = number * hop(a) - a->offset[stream];
    const int64_t bytes = ppi_online_stack_bytes(&a->net);
    for (int64_t i = 0; i < length(&a->o); i++) {
        const int64_t at = b * length(&a->o) + i;
        uint8_t *frames = (uint8_t *)a->train.frames + at * bytes;
        ppi_replay_frames(a->replay, stream, first + i, frames);
        a->row[at] = ppi_replay_at(a->replay, stream, first + i);
        a->stream[at] = (int32_t)stream;
    }
}

static void put_replayed(ppi_value_agent *a, int64_t b) {
    const int64_t stream = (int64_t)ppi_rng_below(&a->sampler, (uint64_t)a->streams);
    const int64_t low = oldest(a, stream);
    const int64_t n = complete(a, stream) - low;
    put(a, b, stream, low + (int64_t)ppi_rng_below(&a->sampler, (uint64_t)n));
}

/* ---- updates ---- */

/* Targets of every rollout into ret. */
static void targets(ppi_value_agent *a) {
    const int64_t n = length(&a->o);
    for (int64_t at = 0; at < rows(&a->o); at++) {
        const uint8_t *legal = a->legal + a->stream[at] * a->choices;
        ppi_value_best(a, a->next_target.head + at * a->net.outputs, legal, &a->discount[at]);
    }
    for (int64_t b = 0; b < a->o.batch; b++)
        ppi_qlambda_targets(a->ret + b * n, a->row + b * n, a->discount + b * n, n, a->o.gamma,
                            a->o.lambda);
}

pp_status ppi_qlambda_update(ppi_value_agent *a, ppi_metrics *out) {
    const int64_t n = length(&a->o);
    const int64_t outputs = a->net.outputs;
    const float weight = 1.0f / (float)(a->o.batch * a->o.rollout);
    double sum = 0;
    double q = 0;
    memcpy(a->next_target.frames, a->train.frames,
           (size_t)(rows(&a->o) * ppi_online_stack_bytes(&a->net)));
    PPI_TRY(ppi_online_net_forward(&a->train));
    PPI_TRY(ppi_online_net_forward(&a->next_target));
    targets(a);
    memset(a->train.dhead, 0, (size_t)(rows(&a->o) * outputs) * sizeof *a->train.dhead);
    for (int64_t at = 0; at < rows(&a->o); at++) {
        if (at % n == n - 1 || a->row[at].last) continue;
        const ppi_value_row row = {.head = a->train.head + at * outputs,
                                   .actions = a->choices,
                                   .action = a->row[at].action,
                                   .ret = a->ret[at],
                                   .weight = weight};
        sum += loss(a->train.dhead + at * outputs, &row, &a->o);
        q += (double)row.head[row.action];
    }
    return ppi_value_finish(a, sum * (double)weight, q * (double)weight, out);
}

/* New rollouts of update number k: their share of the batch on average. */
static int64_t fresh_of(const ppi_value_options *o, int64_t k) {
    const double share = (1.0 - o->replayed) * (double)o->batch;
    return (int64_t)((double)(k + 1) * share) - (int64_t)((double)k * share);
}

/* An update is due when the new rollouts of its batch are there. */
static pp_status learn(ppi_value_agent *a, ppi_metrics *out) {
    while (a->steps >= a->o.start) {
        const int64_t wanted = fresh_of(&a->o, a->updates);
        const int64_t ready = fresh_ready(a);
        if (ready == 0 || ready - a->fresh < wanted) break;
        for (int64_t b = 0; b < wanted; b++, a->fresh++)
            put(a, b, a->fresh % a->streams, a->fresh / a->streams);
        for (int64_t b = wanted; b < a->o.batch; b++) put_replayed(a, b);
        PPI_TRY(ppi_qlambda_update(a, out));
    }
    return PP_OK;
}

static const ppi_value_kind kind = {.columns = columns,
                                    .check = check,
                                    .value = value,
                                    .loss = loss,
                                    .torso = torso,
                                    .rows = rows,
                                    .learn = learn};

/* ---- the method ---- */

static const ppi_option option_rows[] = {
    PPI_VALUE_ROW("qlambda.streams", PPI_OPT_I64, streams, "16", 1, 4096,
                  "Environments played side by side."),
    PPI_VALUE_ROW("qlambda.batch", PPI_OPT_I64, batch, "8", 1, 4096, "Rollouts of one update."),
    PPI_VALUE_ROW("qlambda.rollout", PPI_OPT_I64, rollout, "40", 1, 10000, "Steps of a rollout."),
    PPI_VALUE_ROW("qlambda.overlap", PPI_OPT_I64, overlap, "31", 0, 9999,
                  "Steps a rollout shares with the next one of its stream."),
    PPI_VALUE_ROW("qlambda.lambda", PPI_OPT_F64, lambda, "0.75", 0, 1,
                  "Share of the target that follows the rollout instead of the bootstrap."),
    PPI_VALUE_ROW("qlambda.replayed", PPI_OPT_F64, replayed, "0.7", 0, 0.99,
                  "Share of a batch drawn from the replay; the others are new."),
    PPI_VALUE_ROW("qlambda.gamma", PPI_OPT_F64, gamma, "0.9", 0, 1, "Discount of one step."),
    PPI_VALUE_ROW("qlambda.start", PPI_OPT_I64, start, "0", 0, 1e12,
                  "Agent steps before the first update."),
    PPI_VALUE_ROW("qlambda.target-every", PPI_OPT_I64, target_every, "50", 1, 1e9,
                  "Updates between copies to the target network."),
    PPI_VALUE_ROW("qlambda.eps-start", PPI_OPT_F64, eps_start, "0.01", 0, 1,
                  "Share of random actions at the beginning."),
    PPI_VALUE_ROW("qlambda.eps-end", PPI_OPT_F64, eps_end, "0.01", 0, 1,
                  "Share of random actions in the end."),
    PPI_VALUE_ROW("qlambda.eps-steps", PPI_OPT_I64, eps_steps, "0", 0, 1e12,
                  "Agent steps from the first share to the last."),
    PPI_VALUE_ROW("qlambda.eps-eval", PPI_OPT_F64, eps_eval, "0.001", 0, 1,
                  "Share of random actions while not learning."),
    {.name = "qlambda.reward",
     .type = PPI_OPT_CHOICE,
     .offset = offsetof(ppi_value_options, reward),
     .def = "raw",
     .choices = PPI_REWARD_CHOICES,
     .help = "Reward learned from: clipped to [-1,1], raw, or sign(r) log2(1 + |r|)."},
    PPI_REPLAY_ROWS(ppi_value_options, replay, "100000"),
};
static const ppi_option_table table = {"qlambda", option_rows,
                                       sizeof option_rows / sizeof option_rows[0]};

static const ppi_method_table tables[] = {
    {&table, 0},
    {&ppi_optim_option_table, offsetof(ppi_value_options, optim)},
};

static const ppi_option_value recipe_rows[] = {
    {"optim.name", "adam"},      {"optim.lr", "1e-4"}, {"optim.eps", "1e-6"},
    {"optim.weight-decay", "0"}, {"optim.clip", "10"}, {"optim.warmup", "0"},
};

static pp_status recipe(ppi_options *set, const char *size) {
    return ppi_online_recipe(set, size, recipe_rows, sizeof recipe_rows / sizeof recipe_rows[0]);
}

/* Options of the other methods are not bound to this one. */
static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    ppi_value_options o = *(const ppi_value_options *)cfg->options;
    ppi_agent_config mine = *cfg;
    o.stack = 0;
    o.n_step = 1;
    o.period = 1;
    o.double_q = false;
    mine.options = &o;
    return ppi_value_create(out, &mine, &kind);
}

const ppi_method ppi_method_qlambda = {
    .name = "qlambda",
    .help = "Q-learning with Q(lambda) over overlapping rollouts that learns while it plays",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .recipe = recipe,
    .create = create,
    .options_size = sizeof(ppi_value_options),
    .sizes = sizes,
    .default_batch = ppi_value_default_batch,
    .calls = &ppi_value_calls,
    .learner = &ppi_value_learner,
};
