/* Algorithm Distillation and its baseline, expert distillation, as methods: options, recipes,
   creation. ed is the same agent trained on the last tenth of every history. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "method/ad_agent.h"
#include "method/online.h"

#define FIELD(member) offsetof(ppi_ad_model_options, member)
#define ROW(option, kind, member, value, low, high, list, text)                                    \
    {                                                                                              \
        .name = "model." option, .type = kind, .offset = FIELD(member), .def = value, .min = low,  \
        .max = high, .choices = list, .help = text                                                 \
    }
static const ppi_option model_rows[] = {
    ROW("core", PPI_OPT_CHOICE, core, "transformer", 0, 0, "transformer|lstm", "Sequence model."),
    ROW("layout", PPI_OPT_CHOICE, layout, "a", 0, 0, "a|b",
        "Tokens of the transformer: a = one a step, b = observation, action and reward apart."),
    ROW("context", PPI_OPT_I64, context, "0", 0, PPI_AD_MAX_CONTEXT, NULL,
        "Steps of a window; 0 = as the environment says (80 dark rooms, 200 key-to-door, else 100; "
        "ed on bandits 10)."),
    ROW("layers", PPI_OPT_I64, layers, "4", 1, PPI_NN_MAX_LAYERS, NULL, "Transformer blocks."),
    ROW("width", PPI_OPT_I64, width, "64", 1, 4096, NULL, "Numbers of an embedding."),
    ROW("heads", PPI_OPT_I64, heads, "4", 1, 256, NULL, "Attention heads; they divide the width."),
    ROW("ffn", PPI_OPT_I64, ffn, "256", 1, 65536, NULL, "Units inside the blocks' dense layers."),
    ROW("norm", PPI_OPT_CHOICE, norm, "pre", 0, 0, "pre|post",
        "Layer norms before the branches or behind the sums."),
    ROW("positions", PPI_OPT_CHOICE, positions, "learned", 0, 0, "learned|sinusoidal",
        "Absolute positions of the tokens."),
    ROW("dropout", PPI_OPT_F64, dropout, "0", 0, 0.95, NULL,
        "Dropout probability on both residual branches."),
    ROW("attention-dropout", PPI_OPT_F64, attention_dropout, "0", -1, 0.95, NULL,
        "Dropout probability of attention weights; -1 = as published for the environment."),
    ROW("mask", PPI_OPT_F64, mask, "0", -1, 0.95, NULL,
        "Probability that an input token is masked while training; -1 = as published for the "
        "environment."),
    ROW("mask-kind", PPI_OPT_CHOICE, mask_kind, "zero", 0, 0, "zero|key",
        "Masked tokens lose their content (zero), or are hidden from all tokens but themselves "
        "(key)."),
    ROW("label-smoothing", PPI_OPT_F64, label_smoothing, "0", -1, 0.95, NULL,
        "Share of the target spread over all actions; -1 = as published for the environment."),
    ROW("cell-embedding", PPI_OPT_CHOICE, cell_embedding, "sum", 0, 0, "sum|cell",
        "Observed cells: rows of one table a component, summed, or one table of all cells."),
    ROW("smooth-cells", PPI_OPT_BOOL, smooth_cells, "off", 0, 0, NULL,
        "Tables of observed components begin as smooth functions of the number, so that neighbours "
        "begin alike; with cell-embedding sum."),
    ROW("episode-ends", PPI_OPT_CHOICE, episode_ends, "off", 0, 0, "off|on|auto",
        "The reward token of an episode's last step says that it was the last; auto: where the "
        "first observation does not show it (key-to-door, which begins anywhere)."),
    ROW("lstm", PPI_OPT_I64, lstm, "512", 1, 4096, NULL, "Units of the LSTM."),
    ROW("dense", PPI_OPT_I64, dense, "256", 1, 4096, NULL,
        "Units of each of the two layers behind the LSTM."),
    ROW("channels", PPI_OPT_I64, channels, "16", 1, 1024, NULL,
        "Channels of the image encoder's convolutions."),
    ROW("image-dropout", PPI_OPT_F64, image_dropout, "0.2", 0, 0.95, NULL,
        "Dropout probability behind the image encoder's blocks."),
    ROW("embedding-scale", PPI_OPT_F64, embedding_scale, "1", 0, 10, NULL,
        "Standard deviation of tables and positions at the start."),
};
#undef ROW
#undef FIELD
static const ppi_option_table model_table = {"model", model_rows,
                                             sizeof model_rows / sizeof model_rows[0]};

#define FIELD(member) offsetof(ppi_ad_acting_options, member)
static const ppi_option acting_rows[] = {
    {.name = "ad.temperature",
     .type = PPI_OPT_F64,
     .offset = FIELD(temperature),
     .def = "1",
     .min = 0.01,
     .max = 100,
     .help = "Divides the action logits before an action is drawn."},
    {.name = "ad.greedy",
     .type = PPI_OPT_BOOL,
     .offset = FIELD(greedy),
     .def = "off",
     .help = "Take the largest action logit instead of drawing."},
    {.name = "ad.anchor",
     .type = PPI_OPT_BOOL,
     .offset = FIELD(anchor),
     .def = "off",
     .help = "Keep keys and values of the window; a full window drops its older half and begins "
             "again at position 0 (layout a)."},
};
#undef FIELD
static const ppi_option_table acting_table = {"ad acting", acting_rows,
                                              sizeof acting_rows / sizeof acting_rows[0]};

static const ppi_method_table tables[] = {
    {&model_table, offsetof(ppi_ad_options, model)},
    {&acting_table, offsetof(ppi_ad_options, acting)},
    {&ppi_optim_option_table, offsetof(ppi_ad_options, optim)},
};

/* ---- recipes ---- */

static const char *const sizes[] = {"tiny", "cpu", "paper", NULL};
enum { TINY, CPU, PAPER, SIZES };
static_assert(sizeof sizes / sizeof sizes[0] == SIZES + 1, "one name a size");

typedef struct recipe_row {
    const char *name, *value[SIZES];
} recipe_row;
static const recipe_row recipe_rows[] = {
    {"model.layers", {"2", "4", "4"}},
    {"model.width", {"32", "64", "64"}},
    {"model.heads", {"2", "4", "4"}},
    {"model.ffn", {"64", "256", "2048"}},
    {"model.norm", {"pre", "pre", "post"}},
    {"model.dropout", {"0", "0.1", "0.1"}},
    {"model.attention-dropout", {"0", "0", "-1"}},
    {"model.mask", {"0", "0.3", "-1"}},
    {"model.smooth-cells", {"on", "on", "off"}},
    {"model.label-smoothing", {"0", "0", "-1"}},
    {"model.episode-ends", {"off", "auto", "off"}},
    {"model.lstm", {"32", "128", "512"}},
    {"model.dense", {"32", "128", "256"}},
    {"model.channels", {"4", "16", "128"}},
    {"steps", {"200", "6000", "100000"}},
    {"optim.name", {"adam", "adam", "adam"}},
    {"optim.lr", {"3e-3", "2e-3", "3e-4"}},
    {"optim.warmup", {"20", "500", "2000"}},
    {"optim.warmup-start", {"2e-6", "2e-6", "2e-6"}},
    {"optim.schedule", {"cosine", "cosine", "cosine"}},
    {"optim.final-ratio", {"0", "0", "0"}},
    {"optim.beta1", {"0.9", "0.9", "0.9"}},
    {"optim.beta2", {"0.99", "0.99", "0.99"}},
    {"optim.eps", {"1e-8", "1e-8", "1e-8"}},
    {"optim.weight-decay", {"0", "0", "0"}},
    {"optim.clip", {"1", "1", "1"}},
};

static int size_index(const char *size) {
    int i = 0;
    while (sizes[i] != NULL && strcmp(sizes[i], size) != 0) i++;
    return i;
}

/* Sets what is in the set and was left open: the options of a run are not there when its agent only
 * plays. */
static pp_status fill(ppi_options *set, const char *name, const char *value, const char *source) {
    if (ppi_options_source(set, name) == NULL || ppi_options_was_set(set, name)) return PP_OK;
    return ppi_options_set(set, name, value, source);
}

static pp_status recipe(ppi_options *set, const char *size) {
    const int k = size_index(size);
    char source[64];
    snprintf(source, sizeof source, "recipe %s", size);
    for (size_t i = 0; i < sizeof recipe_rows / sizeof recipe_rows[0]; i++)
        PPI_TRY(fill(set, recipe_rows[i].name, recipe_rows[i].value[k], source));
    return PP_OK;
}

/* On few processors there are no updates to spare for what comes after the learning: histories end
 * a hundredth of their length behind their convergence. Of the rest every fourth episode is kept,
 * so that the progress is visible inside a window (docs/methods/ad.md has the trials). */
static pp_status distillation_recipe(ppi_options *set, const char *size) {
    char source[64];
    snprintf(source, sizeof source, "recipe %s", size);
    PPI_TRY(recipe(set, size));
    if (size_index(size) != CPU) return PP_OK;
    PPI_TRY(fill(set, "data.every", "4", source));
    return fill(set, "data.converged", "0.01", source);
}

/* Experts: the last tenth of every history. */
static pp_status expert_recipe(ppi_options *set, const char *size) {
    PPI_TRY(recipe(set, size));
    return fill(set, "data.tail", "0.1", "method ed");
}

static int64_t default_batch(const char *size) {
    return size_index(size) == TINY ? 8 : 128;
}

/* ---- what the environment decides ---- */

/* Context and the regularisation of the paper's table of hyper-parameters, by environment; the last
 * row is for all others. The expert tenth of a bandit's only episode is 10 trials long. */
typedef struct env_row {
    const char *prefix; /* of the environment's id */
    int64_t context, expert_context;
    double attention_dropout, mask, label_smoothing;
    bool begins_anywhere; /* the first observation of an episode could be any */
} env_row;
static const env_row env_rows[] = {
    {"dark/room-hard", 80, 80, 0.0, 0.5, 0.2, false},
    {"dark/room", 80, 80, 0.5, 0.3, 0.0, false},
    {"dark/key-to-door", 200, 200, 0.5, 0.3, 0.0, true},
    {"bandit/", 100, 10, 0.5, 0.3, 0.0, false},
    {"", 100, 100, 0.5, 0.3, 0.0, false},
};

static const env_row *env_row_of(const char *env) {
    const env_row *r = env_rows;
    while (strncmp(env, r->prefix, strlen(r->prefix)) != 0) r++;
    return r;
}

static float published(double option, double value) {
    return (float)(option < 0 ? value : option);
}

/* ---- creation ---- */

/* Most rows of one table of all cells. */
enum { MOST_CELLS = 1 << 20 };

/* One table of all cells instead of one a component. */
static pp_status join_tables(ppi_ad_agent *a) {
    int64_t all = 1;
    for (int i = 0; i < a->c.tables && all <= MOST_CELLS; i++) all *= a->c.rows[i];
    if (all > MOST_CELLS) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "model.cell-embedding is cell, the %d components of an observation make "
                        "more than %d different cells; use sum",
                        a->c.tables, MOST_CELLS);
    }
    a->c.rows[0] = all;
    a->c.tables = 1;
    return PP_OK;
}

/* What observations are embedded by: tables, or the encoder of images. */
static pp_status set_tables(ppi_ad_agent *a) {
    const ppi_obs_spec *obs = &a->base.cfg.obs;
    const ppi_ad_model_options *o = &a->o.model;
    if (obs->type == PP_OBS_IMAGE) {
        a->c.image_h = obs->h;
        a->c.image_w = obs->w;
        a->c.image_c = obs->c;
        return PP_OK;
    }
    if (obs->type != PP_OBS_CELLS || obs->c < 1 || obs->c > PP_ENV_CELLS) {
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "observations of view \"%s\" were given to method %s, expected cells or "
                        "images",
                        obs->view, a->base.method->name);
    }
    const int n = (int)obs->c;
    a->c.tables = n;
    for (int i = 0; i < n; i++) a->c.rows[i] = obs->high[i] + 1;
    return o->cell_embedding == 0 ? PP_OK : join_tables(a);
}

static void set_choices(ppi_ad_agent *a) {
    const ppi_action_spec *actions = &a->base.cfg.actions;
    a->c.actions = actions->count;
    for (size_t i = 0; i < sizeof a->choice / sizeof a->choice[0]; i++) a->choice[i] = -1;
    for (int32_t i = 0; i < actions->count; i++) {
        if (actions->list[i] >= 0 && actions->list[i] < 256) a->choice[actions->list[i]] = i;
    }
}

/* Told when the agent is made, not when its training is over. */
static pp_status check_acting(const ppi_ad_agent *a) {
    const bool steps_apart = a->c.core == PPI_AD_TRANSFORMER && a->c.layout == PPI_AD_LAYOUT_A;
    if (!a->o.acting.anchor || steps_apart) return PP_OK;
    return ppi_fail(PP_ERR_UNSUPPORTED,
                    "ad.anchor is for the transformer with token layout a, the model is %s; leave "
                    "it off",
                    a->c.core == PPI_AD_LSTM ? "an LSTM" : "of layout b");
}

/* Attention kernels work on heads of a multiple of so many columns. */
enum { FAST_HEAD = 16 };

static pp_status configure(ppi_ad_agent *a) {
    const ppi_ad_model_options *o = &a->o.model;
    const env_row *env = env_row_of(a->env);
    const bool expert = a->base.method == &ppi_method_ed;
    a->c = (ppi_ad_config){
        .core = o->core,
        .layout = o->layout,
        .timesteps = o->context > 0 ? o->context
                     : expert       ? env->expert_context
                                    : env->context,
        .layers = o->layers,
        .width = o->width,
        .heads = o->heads,
        .ffn = o->ffn,
        .post_norm = o->norm == 1,
        .sinusoidal = o->positions == 1,
        .dropout = (float)o->dropout,
        .attention_dropout = published(o->attention_dropout, env->attention_dropout),
        .mask = published(o->mask, env->mask),
        .mask_kind = o->mask_kind,
        .label_smoothing = published(o->label_smoothing, env->label_smoothing),
        .embedding_scale = (float)o->embedding_scale,
        .episode_ends = o->episode_ends == 1 || (o->episode_ends == 2 && env->begins_anywhere),
        .smooth = o->smooth_cells && o->cell_embedding == 0,
        .lstm = o->lstm,
        .dense = o->dense,
        .channels = o->channels,
        .image_dropout = (float)o->image_dropout,
    };
    set_choices(a);
    PPI_TRY(set_tables(a));
    PPI_TRY(ppi_ad_config_check(&a->c));
    PPI_TRY(check_acting(a));
    if (a->c.core == PPI_AD_TRANSFORMER && a->c.width / a->c.heads % FAST_HEAD != 0) {
        ppi_log(PPI_LOG_WARN,
                "heads of %lld columns (model.width / model.heads) have no fast kernel and take "
                "many times longer; take a multiple of %d",
                (long long)(a->c.width / a->c.heads), FAST_HEAD);
    }
    return PP_OK;
}

/* Registers all parameters by building the smallest graph that uses them all. */
static pp_status make_params(ppi_ad_agent *a) {
    ppi_graph *g = NULL;
    PPI_TRY(ppi_program_params_open(&g, &a->base));
    return ppi_program_params_make(g, &a->base, ppi_ad_build_forward(g, &a->c, 1));
}

static void destroy(ppi_agent *agent) {
    ppi_ad_agent *a = (ppi_ad_agent *)agent;
    if (a == NULL) return;
    ppi_ad_act_end(a);
    ppi_program_clear(&a->train);
    ppi_program_clear(&a->forward);
    ppi_free(a->io_block);
    ppi_params_destroy(a->base.params);
    ppi_free(a);
}

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    *out = NULL;
    ppi_ad_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    ppi_online_init(&a->base, cfg, &a->o, a->size, sizeof a->size);
    snprintf(a->env, sizeof a->env, "%s", cfg->env != NULL ? cfg->env : "");
    a->base.cfg.env = a->env;
    pp_status s = configure(a);
    if (s == PP_OK) s = make_params(a);
    if (s != PP_OK) {
        destroy(&a->base);
        return s;
    }
    *out = &a->base;
    return PP_OK;
}

/* ---- shared by training, acting and forward ---- */

/* Sets an input to zero where the program has it. */
static void clear_input(const ppi_program *p, const char *name) {
    ppi_shape shape;
    ppi_dtype dtype;
    void *data = ppi_plan_named(p->plan, name, &shape, &dtype);
    if (data != NULL) memset(data, 0, (size_t)ppi_shape_count(&shape) * ppi_dtype_size(dtype));
}

pp_status ppi_ad_compile(ppi_ad_agent *a, ppi_program *p, ppi_ad_builder build, int64_t batch) {
    PPI_TRY(ppi_program_open(p, &a->base));
    PPI_TRY(ppi_program_compile(p, &a->base, build(p->graph, &a->c, batch)));
    clear_input(p, "reset");
    clear_input(p, "features");
    return PP_OK;
}

pp_status ppi_ad_obs_rows(const ppi_ad_agent *a, const uint8_t *obs, int32_t *rows) {
    const ppi_obs_spec *o = &a->base.cfg.obs;
    const bool joined = a->o.model.cell_embedding == 1;
    int32_t cell = 0;
    for (int i = 0; i < o->c; i++) {
        if (obs[i] > o->high[i]) {
            return ppi_fail(PP_ERR_ARGUMENT,
                            "component %d of an observation is %d, expected at most %d", i,
                            (int)obs[i], (int)o->high[i]);
        }
        if (!joined) rows[i] = obs[i];
        if (joined) cell = cell * (o->high[i] + 1) + obs[i];
    }
    if (joined) rows[0] = cell;
    return PP_OK;
}

pp_status ppi_ad_choice(const ppi_ad_agent *a, int32_t action, int32_t *choice) {
    *choice = action >= 0 && action < 256 ? a->choice[action] : -1;
    if (*choice >= 0) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "action %d was given, which is none of the %lld actions of the agent",
                    (int)action, (long long)a->c.actions);
}

pp_status ppi_ad_obs_inputs(const ppi_ad_agent *a, const ppi_program *p, ppi_ad_inputs *in) {
    void *at = NULL;
    *in = (ppi_ad_inputs){.frames = NULL};
    for (int i = 0; i < a->c.tables; i++) {
        char name[16];
        ppi_ad_obs_input(name, i);
        PPI_TRY(ppi_program_input(p, name, &at));
        in->obs[i] = at;
    }
    if (a->c.tables > 0) return PP_OK;
    in->frames = ppi_plan_named(p->plan, "frames", NULL, NULL);
    in->features = ppi_plan_named(p->plan, "features", NULL, NULL);
    if (in->frames != NULL || in->features != NULL) return PP_OK;
    return ppi_fail(PP_ERR_INTERNAL, "the plan has no input for images");
}

pp_status ppi_ad_inputs_of(const ppi_ad_agent *a, const ppi_program *p, ppi_ad_inputs *in) {
    void *at = NULL;
    PPI_TRY(ppi_ad_obs_inputs(a, p, in));
    PPI_TRY(ppi_program_input(p, "actions", &at));
    in->actions = at;
    PPI_TRY(ppi_program_input(p, "rewards", &at));
    in->rewards = at;
    return PP_OK;
}

pp_status ppi_ad_put_obs(const ppi_ad_agent *a, const ppi_ad_inputs *in, int64_t at,
                         const uint8_t *obs, int64_t n) {
    const int64_t bytes = ppi_obs_bytes(&a->base.cfg.obs);
    if (a->c.tables == 0) {
        memcpy(in->frames + at * bytes, obs, (size_t)(n * bytes));
        return PP_OK;
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t rows[PPI_AD_TABLES] = {0};
        PPI_TRY(ppi_ad_obs_rows(a, obs + i * bytes, rows));
        for (int k = 0; k < a->c.tables; k++) in->obs[k][at + i] = rows[k];
    }
    return PP_OK;
}

void ppi_ad_put_step_obs(const ppi_ad_agent *a, const ppi_ad_inputs *in, int64_t at,
                         const ppi_ad_run *r, int64_t t) {
    for (int k = 0; k < a->c.tables; k++) in->obs[k][at] = r->row[t * a->c.tables + k];
    if (a->c.tables == 0)
        memcpy(in->features + at * PPI_AD_FEATURES, r->feature + t * PPI_AD_FEATURES,
               PPI_AD_FEATURES * sizeof *in->features);
}

void ppi_ad_put_steps(const ppi_ad_agent *a, const ppi_ad_inputs *in, int64_t at,
                      const int32_t *choice, const int32_t *reward, int64_t n) {
    const bool before = a->c.core == PPI_AD_TRANSFORMER && a->c.layout == PPI_AD_LAYOUT_A;
    int32_t *actions = in->actions + at;
    int32_t *rewards = in->rewards + at;
    if (before) {
        *actions++ = (int32_t)a->c.actions;
        *rewards++ = 0;
        n--;
    }
    memcpy(actions, choice, (size_t)n * sizeof *choice);
    memcpy(rewards, reward, (size_t)n * sizeof *reward);
}

/* ---- tables ---- */

static int64_t window(const ppi_agent *a) {
    return ((const ppi_ad_agent *)a)->c.timesteps;
}

static ppi_plan *plan(const ppi_agent *agent, const char *which) {
    const ppi_ad_agent *a = (const ppi_ad_agent *)agent;
    if (strcmp(which, "train") == 0) return a->train.plan;
    if (strcmp(which, "act") == 0) {
        const ppi_program *const act[] = {&a->full, &a->next, &a->decide};
        for (int i = 0; i < 3; i++) {
            if (act[i]->plan != NULL) return act[i]->plan;
        }
        return NULL;
    }
    if (strcmp(which, "prefill") == 0)
        return a->prefill.plan != NULL ? a->prefill.plan : a->partial.plan;
    if (strcmp(which, "forward") == 0) return a->forward.plan;
    return NULL;
}

static const ppi_agent_calls calls = {
    .destroy = destroy,
    .window = window,
    .train_setup = ppi_ad_train_setup,
    .train_step = ppi_ad_train_step,
    .act_begin = ppi_ad_act_begin,
    .act_reset = ppi_ad_act_reset,
    .act = ppi_ad_act,
    .observe = ppi_ad_observe,
    .act_task = ppi_ad_act_task,
    .act_prompt = ppi_ad_act_prompt,
    .forward_setup = ppi_ad_forward_setup,
    .forward = ppi_ad_forward,
    .describe_acting = ppi_ad_describe_acting,
    .plan = plan,
};

#define SHARED_MEMBERS                                                                             \
    .tables = tables, .table_count = sizeof tables / sizeof tables[0],                             \
    .options_size = sizeof(ppi_ad_options), .sizes = sizes, .usual_size = "cpu",                   \
    .default_batch = default_batch,                                                                \
    .create = create, .calls = &calls, .histories = true

const ppi_method ppi_method_ad = {
    .name = "ad",
    .help = "Algorithm Distillation: a sequence model of learning histories that goes on learning "
            "in its context, with frozen weights",
    .recipe = distillation_recipe,
    SHARED_MEMBERS,
};

const ppi_method ppi_method_ed = {
    .name = "ed",
    .help = "Expert distillation: the network of ad, trained on the end of every history only",
    .recipe = expert_recipe,
    SHARED_MEMBERS,
};
