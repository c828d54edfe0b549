/* The Multi-Game Decision Transformer as a method: options, recipes, creation. Behaviour cloning
   (bc.c) uses the same agent without the return slot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/mgdt_agent.h"

#define FIELD(member) offsetof(ppi_mgdt_model_options, member)
static const ppi_option model_rows[] = {
    {.name = "model.patch",
     .type = PPI_OPT_I64,
     .offset = FIELD(patch),
     .def = "0",
     .min = 0,
     .max = 1024,
     .help = "Side of a square patch in pixels or cells; 0 = 14 for grey84, 7 for planes."},
    {.name = "model.board",
     .type = PPI_OPT_STR,
     .offset = FIELD(board),
     .size = sizeof(((ppi_mgdt_model_options *)0)->board),
     .def = "",
     .help = "Board HxWxC that smaller observations are zero-padded to; empty = 84x84x1 for "
             "grey84, 14x14x10 for planes."},
    {.name = "model.return-bins",
     .type = PPI_OPT_I64,
     .offset = FIELD(return_bins),
     .def = "120",
     .min = 120,
     .max = 121,
     .help = "Rows of the return table and classes of the return head; 120 as published."},
    {.name = "model.single-return",
     .type = PPI_OPT_BOOL,
     .offset = FIELD(single_return),
     .def = "on",
     .help = "Only the first return token of a window carries information."},
    {.name = "model.dropout",
     .type = PPI_OPT_F64,
     .offset = FIELD(dropout),
     .def = "0.1",
     .min = 0,
     .max = 0.95,
     .help = "Dropout probability on both residual branches."},
    {.name = "model.loss",
     .type = PPI_OPT_CHOICE,
     .offset = FIELD(loss),
     .def = "weighted",
     .choices = "weighted|sum",
     .help = "weighted = each cross-entropy divided by its class count, then the mean of the "
             "terms; sum = plain sum."},
};
#undef FIELD
const ppi_option_table ppi_mgdt_model_table = {"model", model_rows,
                                               sizeof model_rows / sizeof model_rows[0]};

#define FIELD(member) offsetof(ppi_mgdt_acting_options, member)
static const ppi_option acting_rows[] = {
    {.name = "mgdt.preset",
     .type = PPI_OPT_CHOICE,
     .offset = FIELD(preset),
     .def = "notebook",
     .choices = PPI_MGDT_PRESETS,
     .help = "Acting settings: the released notebook (best of 128 returns) or the paper (kappa 10, "
             "one return)."},
    {.name = "mgdt.kappa",
     .type = PPI_OPT_F64,
     .offset = FIELD(kappa),
     .def = "-1",
     .min = -1,
     .max = 1000,
     .help = "Bias towards high returns added to the return logits; -1 = as the preset says."},
    {.name = "mgdt.num-samples",
     .type = PPI_OPT_I64,
     .offset = FIELD(num_samples),
     .def = "0",
     .min = 0,
     .max = PPI_MGDT_MAX_SAMPLES,
     .help = "Returns drawn per decision, the largest is kept; 0 = as the preset says."},
    {.name = "mgdt.return-temperature",
     .type = PPI_OPT_F64,
     .offset = FIELD(return_temperature),
     .def = "-1",
     .min = -1,
     .max = 1000,
     .help = "Multiplies the return logits; -1 = as the preset says."},
    {.name = "mgdt.return-percentile",
     .type = PPI_OPT_F64,
     .offset = FIELD(return_percentile),
     .def = "-1",
     .min = -1,
     .max = 100,
     .help = "Keep return logits above this percentile; 0 = all, -1 = as the preset says."},
    PPI_MGDT_ACTION_ROWS("mgdt"),
};
#undef FIELD
static const ppi_option_table acting_table = {"mgdt acting", acting_rows,
                                              sizeof acting_rows / sizeof acting_rows[0]};

static const ppi_method_table tables[] = {
    {&ppi_mgdt_model_table, offsetof(ppi_mgdt_options, model)},
    {&acting_table, offsetof(ppi_mgdt_options, acting)},
    {&ppi_optim_option_table, offsetof(ppi_mgdt_options, optim)},
};

/* ---- recipes ---- */

typedef struct recipe_row {
    const char *name, *small, *paper; /* tiny and small; 10m and above */
} recipe_row;
static const recipe_row recipe_rows[] = {
    {"optim.name", "adamw", "lamb"},   {"optim.lr", "1e-3", "3e-4"},
    {"optim.warmup", "100", "4000"},   {"optim.schedule", "cosine", "constant"},
    {"optim.final-ratio", "0.1", "1"}, {"optim.clip", "1", "1"},
    {"optim.weight-decay", "0", "0"},  {"optim.beta1", "0.9", "0.9"},
    {"optim.beta2", "0.999", "0.999"}, {"optim.eps", "1e-8", "1e-6"},
};

static bool is_small(const char *size) {
    return strcmp(size, "tiny") == 0 || strcmp(size, "small") == 0;
}

pp_status ppi_mgdt_recipe(ppi_options *set, const char *size) {
    ppi_mgdt_config probe;
    PPI_TRY(ppi_mgdt_config_size(&probe, size));
    char source[64];
    snprintf(source, sizeof source, "recipe %s", size);
    for (size_t i = 0; i < sizeof recipe_rows / sizeof recipe_rows[0]; i++) {
        const recipe_row *r = &recipe_rows[i];
        if (ppi_options_was_set(set, r->name)) continue;
        PPI_TRY(ppi_options_set(set, r->name, is_small(size) ? r->small : r->paper, source));
    }
    return PP_OK;
}

int64_t ppi_mgdt_default_batch(const char *size) {
    return is_small(size) ? 32 : 2048;
}

/* ---- creation ---- */

/* "HxWxC", each side 1 to 4096. */
static bool parse_board(const char *text, int64_t side[3]) {
    for (int i = 0; i < 3; i++) {
        char *end;
        side[i] = strtoll(text, &end, 10);
        if (end == text || side[i] < 1 || side[i] > 4096) return false;
        if (*end != (i < 2 ? 'x' : '\0')) return false;
        text = end + 1;
    }
    return true;
}

/* Board and patch from the options and the kind of observation. */
static pp_status set_board(ppi_mgdt_config *c, const ppi_mgdt_model_options *o,
                           const ppi_obs_spec *obs) {
    const bool grey = strcmp(obs->view, "grey84") == 0;
    if (!grey && strcmp(obs->view, "planes") != 0) {
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "observations of view \"%s\" were given, expected grey84 or planes",
                        obs->view);
    }
    if (!grey) {
        c->board_h = c->board_w = 14;
        c->board_c = 10;
        c->frame_scale = 1.0f;
    }
    if (o->board[0] != '\0') {
        int64_t side[3];
        if (!parse_board(o->board, side)) {
            return ppi_fail(PP_ERR_ARGUMENT,
                            "model.board is \"%s\", expected HxWxC such as 14x14x10", o->board);
        }
        c->board_h = side[0];
        c->board_w = side[1];
        c->board_c = side[2];
    }
    c->patch = o->patch > 0 ? o->patch : grey ? 14 : 7;
    if (obs->h > c->board_h || obs->w > c->board_w || obs->c > c->board_c) {
        return ppi_fail(PP_ERR_SHAPE,
                        "observations of %lldx%lldx%lld do not fit the board of %lldx%lldx%lld; "
                        "raise model.board",
                        (long long)obs->h, (long long)obs->w, (long long)obs->c,
                        (long long)c->board_h, (long long)c->board_w, (long long)c->board_c);
    }
    return PP_OK;
}

static pp_status configure(ppi_mgdt_agent *a, const ppi_agent_config *cfg, bool conditioned) {
    const ppi_mgdt_model_options *o = &a->o.model;
    PPI_TRY(ppi_mgdt_config_size(&a->c, a->size));
    PPI_TRY(set_board(&a->c, o, &cfg->obs));
    a->c.conditioned = conditioned;
    a->c.single_return = o->single_return;
    a->c.return_bins = o->return_bins;
    a->c.dropout = (float)o->dropout;
    a->c.plain_sum = o->loss == 1;
    a->board = a->c.board_h * a->c.board_w * a->c.board_c;
    return ppi_mgdt_config_check(&a->c);
}

/* Registers all parameters by building the smallest graph that uses them all. */
static pp_status make_params(ppi_mgdt_agent *a) {
    ppi_graph *g = NULL;
    PPI_TRY(ppi_program_params_open(&g, &a->base));
    return ppi_program_params_make(g, &a->base, ppi_mgdt_build_forward(g, &a->c, 1));
}

static void destroy(ppi_agent *agent) {
    ppi_mgdt_agent *a = (ppi_mgdt_agent *)agent;
    if (a == NULL) return;
    ppi_mgdt_act_end(a);
    ppi_program_clear(&a->train);
    ppi_program_clear(&a->forward);
    ppi_free(a->io_block);
    ppi_params_destroy(a->base.params);
    ppi_free(a);
}

pp_status ppi_mgdt_create(ppi_agent **out, const ppi_agent_config *cfg, bool conditioned) {
    *out = NULL;
    ppi_mgdt_agent *a = ppi_calloc(1, sizeof *a);
    if (a == NULL) return ppi_oom("an agent");
    a->base.method = cfg->method;
    a->base.cfg = *cfg;
    a->o = *(const ppi_mgdt_options *)cfg->options;
    a->base.cfg.options = &a->o;
    snprintf(a->size, sizeof a->size, "%s", cfg->size);
    a->base.cfg.size = a->size;
    pp_status s = configure(a, cfg, conditioned);
    if (s == PP_OK) s = make_params(a);
    if (s != PP_OK) {
        destroy(&a->base);
        return s;
    }
    *out = &a->base;
    return PP_OK;
}

/* ---- shared by training, acting and forward ---- */

pp_status ppi_mgdt_compile(ppi_mgdt_agent *a, ppi_program *out, ppi_mgdt_builder build,
                           int64_t batch) {
    PPI_TRY(ppi_program_open(out, &a->base));
    return ppi_program_compile(out, &a->base, build(out->graph, &a->c, batch));
}

pp_status ppi_mgdt_put_actions(const ppi_mgdt_agent *a, int32_t *out, const int32_t *actions,
                               int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (actions[i] < 0 || actions[i] >= a->c.actions) {
            return ppi_fail(PP_ERR_ARGUMENT, "number %lld of the actions is %d, expected 0 to %lld",
                            (long long)i, (int)actions[i], (long long)a->c.actions - 1);
        }
        out[i] = actions[i];
    }
    return PP_OK;
}

void ppi_mgdt_frame(const ppi_mgdt_agent *a, uint8_t *out, const uint8_t *obs) {
    const ppi_obs_spec *o = &a->base.cfg.obs;
    const ppi_mgdt_config *c = &a->c;
    if (o->h == c->board_h && o->w == c->board_w && o->c == c->board_c) {
        memcpy(out, obs, (size_t)a->board);
        return;
    }
    memset(out, 0, (size_t)a->board);
    for (int64_t y = 0; y < o->h; y++) {
        for (int64_t x = 0; x < o->w; x++) {
            memcpy(out + (y * c->board_w + x) * c->board_c, obs + (y * o->w + x) * o->c,
                   (size_t)o->c);
        }
    }
}

/* ---- tables ---- */

static int64_t window(const ppi_agent *a) {
    return ((const ppi_mgdt_agent *)a)->c.timesteps;
}

static ppi_plan *plan(const ppi_agent *agent, const char *which) {
    const ppi_mgdt_agent *a = (const ppi_mgdt_agent *)agent;
    if (strcmp(which, "train") == 0) return a->train.plan;
    if (strcmp(which, "act") == 0) return a->act.plan != NULL ? a->act.plan : a->full.plan;
    if (strcmp(which, "prefill") == 0) return a->prefill.plan;
    if (strcmp(which, "forward") == 0) return a->forward.plan;
    return NULL;
}

const ppi_agent_calls ppi_mgdt_calls = {
    .destroy = destroy,
    .window = window,
    .train_setup = ppi_mgdt_train_setup,
    .train_step = ppi_mgdt_train_step,
    .act_begin = ppi_mgdt_act_begin,
    .act_reset = ppi_mgdt_act_reset,
    .act = ppi_mgdt_act,
    .observe = ppi_mgdt_observe,
    .forward_setup = ppi_mgdt_forward_setup,
    .forward = ppi_mgdt_forward,
    .describe_acting = ppi_mgdt_describe_acting,
    .plan = plan,
};

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    return ppi_mgdt_create(out, cfg, true);
}

const ppi_method ppi_method_mgdt = {
    .name = "mgdt",
    .help = "Multi-Game Decision Transformer: return-conditioned sequence model of patches, "
            "returns, actions and rewards",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .create = create,
    PPI_MGDT_SHARED_MEMBERS,
};
