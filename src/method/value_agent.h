/* The agent behind "dqn", "c51" and "qlambda": Q-learning from a replay, with a target network. The
 * three differ in what the head puts out for an action (a number, or a distribution), in the loss
 * of one transition, and in what an update is made of; see ppi_value_kind. */
#ifndef PPI_METHOD_VALUE_AGENT_H
#define PPI_METHOD_VALUE_AGENT_H

#include "method/learner.h"
#include "method/online.h"
#include "method/online_net.h"
#include "method/online_play.h"
#include "method/replay.h"
#include "tensor/optim.h"

/* What a reward becomes before it is learned from. */
enum { PPI_REWARD_CLIP, PPI_REWARD_RAW, PPI_REWARD_LOG };
#define PPI_REWARD_CHOICES "clip|raw|log"
/* sign(r) min(|r|, 1); r; sign(r) log2(1 + |r|). */
float ppi_reward_shape(double reward, int how);

/* dqn.*, c51.* or qlambda.*, replay.*, optim.* */
typedef struct ppi_value_options {
    ppi_replay_options replay;
    ppi_optim_options optim;
    int64_t streams; /* environments of one game */
    int64_t stack;   /* 0 = 4 for grey84, else 1 */
    int64_t batch;
    int64_t n_step;
    double gamma;
    int64_t start;        /* agent steps before the first update */
    int64_t period;       /* agent steps of one update */
    int64_t target_every; /* updates between copies to the target network */
    double eps_start, eps_end;
    int64_t eps_steps; /* agent steps of the way from eps_start to eps_end, after `start` */
    double eps_eval;
    int reward; /* PPI_REWARD_* */
    bool double_q;
    int loss;                 /* dqn: 0 = (y - Q)^2, 1 = Huber */
    int64_t atoms;            /* c51 */
    double vmin, vmax;        /* c51 */
    int64_t rollout, overlap; /* qlambda: steps of a rollout, and those it shares with the next */
    double lambda, replayed;  /* qlambda: trace, and share of a batch that comes from the replay */
} ppi_value_options;

/* One transition as a loss sees it. */
typedef struct ppi_value_row {
    const float *head; /* [actions, columns] of the online network */
    const float *next; /* [columns] of the chosen next action, target network */
    int64_t actions;
    int32_t action;
    float ret, discount;
    float weight; /* of the row in the mean: 1 / batch */
} ppi_value_row;

typedef struct ppi_value_agent ppi_value_agent;

/* What tells the methods apart. The last three may be NULL: the torso named by the size, `batch`
 * rows, and single transitions drawn from the replay. */
typedef struct ppi_value_kind {
    /* Columns of the head for one action. */
    int64_t (*columns)(const ppi_value_options *o);
    /* PP_ERR_ARGUMENT for options that do not go together. */
    pp_status (*check)(const ppi_value_options *o);
    /* Q of one action from its columns. */
    float (*value)(const float *head, const ppi_value_options *o);
    /* Loss of a transition (not weighted); dhead [actions, columns] gets weight * its gradient. */
    double (*loss)(float *dhead, const ppi_value_row *row, const ppi_value_options *o);
    /* The torso of a size. */
    void (*torso)(ppi_torso_config *torso, const char *size);
    /* Rows that the network sees in one update. */
    int64_t (*rows)(const ppi_value_options *o);
    /* Makes the updates that are due after a step was appended; *out as the step of a learner. */
    pp_status (*learn)(ppi_value_agent *a, ppi_metrics *out);
} ppi_value_kind;

struct ppi_value_agent {
    ppi_agent base; /* first: the agent is handed around as ppi_agent */
    ppi_value_options o;
    char size[16];
    const ppi_value_kind *kind;
    ppi_online_net_spec net;
    int64_t choices; /* actions of the head, in the order of cfg.actions.list */
    int64_t columns; /* of one action */

    /* learning; streams = 0 before begin */
    int64_t streams;
    uint8_t *legal; /* [streams, choices] */
    ppi_replay *replay;
    ppi_params *target;
    ppi_online_net train, next, next_target, actor;
    int32_t *action, *stream; /* [rows] */
    float *ret, *discount;    /* [rows] */
    ppi_replay_row *row;      /* [rows] qlambda */
    ppi_rng sampler, explore;
    int64_t steps, updates; /* agent steps taken, updates made */
    int64_t fresh;          /* qlambda: rollouts learned from when they were new */
    /* [streams] what row numbers of the replay are short of the rows ever played: those of a
     * resumed run begin anew. Before the first step after a load: rows played when saved. */
    int64_t *offset;
    bool resumed;

    ppi_online_play play; /* without learning */

    ppi_online_net forward;
    ppi_io_tensor io[2];
};

/* Creation and the tables that both methods share. */
pp_status ppi_value_create(ppi_agent **out, const ppi_agent_config *cfg,
                           const ppi_value_kind *kind);
extern const ppi_agent_calls ppi_value_calls;
extern const ppi_learner_calls ppi_value_learner;
/* Releases what learning allocated; allowed before it. */
void ppi_value_learn_end(ppi_value_agent *a);

/* The legal choice of largest value in head [choices, columns]; *q gets its value. */
int32_t ppi_value_best(const ppi_value_agent *a, const float *head, const uint8_t *legal, float *q);
/* A uniform legal choice. */
int32_t ppi_value_any(const ppi_value_agent *a, const uint8_t *legal, ppi_rng *rng);

/* The second half of an update, after train.dhead was filled: backward, optimiser, figures, and the
 * target network where it is due. */
pp_status ppi_value_finish(ppi_value_agent *a, double loss, double mean_q, ppi_metrics *out);
/* Makes one update from the batch that lies in the inputs of the nets: the frames of train and
 * next_target, action, stream, ret and discount. Exposed for tests. */
pp_status ppi_value_update(ppi_value_agent *a, ppi_metrics *out);

/* Fills what the user left open from the rows of the size "arcade" or those of the larger ones. */
pp_status ppi_value_recipe(ppi_options *set, const char *size, const ppi_option_value *arcade,
                           size_t n_arcade, const ppi_option_value *atari, size_t n_atari);
int64_t ppi_value_default_batch(const char *size); /* 32 */

/* clang-format off */
#define PPI_VALUE_ROW(row, kind, member, value, low, high, text)                                   \
    {.name = row, .type = kind, .offset = offsetof(ppi_value_options, member), .def = value,       \
     .min = low, .max = high, .help = text}
/* Option rows that both methods have under their own name. */
#define PPI_VALUE_ROWS(m)                                                                          \
    PPI_VALUE_ROW(m ".streams", PPI_OPT_I64, streams, "4", 1, 4096,                                \
                  "Environments of one game played side by side."),                                \
    PPI_VALUE_ROW(m ".stack", PPI_OPT_I64, stack, "0", 0, 16,                                      \
                  "Frames the network sees; 0 = 4 for grey84, 1 for others."),                     \
    PPI_VALUE_ROW(m ".batch", PPI_OPT_I64, batch, "32", 1, 65536, "Transitions of one update."),   \
    PPI_VALUE_ROW(m ".n-step", PPI_OPT_I64, n_step, "1", 1, 100,                                   \
                  "Rewards summed before the bootstrap."),                                         \
    PPI_VALUE_ROW(m ".gamma", PPI_OPT_F64, gamma, "0.99", 0, 1, "Discount of one step."),          \
    PPI_VALUE_ROW(m ".start", PPI_OPT_I64, start, "20000", 1, 1e12,                                \
                  "Agent steps before the first update."),                                         \
    PPI_VALUE_ROW(m ".period", PPI_OPT_I64, period, "4", 1, 1e6, "Agent steps of one update."),    \
    PPI_VALUE_ROW(m ".target-every", PPI_OPT_I64, target_every, "2000", 1, 1e9,                    \
                  "Updates between copies to the target network."),                                \
    PPI_VALUE_ROW(m ".eps-start", PPI_OPT_F64, eps_start, "1", 0, 1,                               \
                  "Share of random actions at the beginning."),                                    \
    PPI_VALUE_ROW(m ".eps-end", PPI_OPT_F64, eps_end, "0.01", 0, 1,                                \
                  "Share of random actions in the end."),                                          \
    PPI_VALUE_ROW(m ".eps-steps", PPI_OPT_I64, eps_steps, "250000", 0, 1e12,                       \
                  "Agent steps from the first share to the last, after the start of updates."),    \
    PPI_VALUE_ROW(m ".eps-eval", PPI_OPT_F64, eps_eval, "0.001", 0, 1,                             \
                  "Share of random actions while not learning."),                                  \
    {.name = m ".reward", .type = PPI_OPT_CHOICE, .offset = offsetof(ppi_value_options, reward),   \
     .def = "clip", .choices = PPI_REWARD_CHOICES,                                                 \
     .help = "Reward learned from: clipped to [-1,1], raw, or sign(r) log2(1 + |r|)."},            \
    {.name = m ".double", .type = PPI_OPT_BOOL, .offset = offsetof(ppi_value_options, double_q),   \
     .def = "off",                                                                                 \
     .help = "The online network chooses the next action, the target network values it."}

/* Members that the rows of both methods share. */
#define PPI_VALUE_SHARED_MEMBERS                                                                   \
    .options_size = sizeof(ppi_value_options), .sizes = ppi_online_net_sizes,                           \
    .default_batch = ppi_value_default_batch, .calls = &ppi_value_calls,                           \
    .learner = &ppi_value_learner
/* clang-format on */

extern const ppi_method ppi_method_dqn;
extern const ppi_method ppi_method_c51;
extern const ppi_method ppi_method_qlambda;

#endif
