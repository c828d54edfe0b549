/* Listing environments. What an instance says of itself comes from its specification, what only a
 * table knows from env/facts.h. */
#include "env/catalogue.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "env/arcade/arcade.h"
#include "env/atari_table.h"
#include "env/facts.h"
#include "env/registry.h"

/* MODES: the longest list of modes; in a line at most SHORT letters of it. */
enum { MAX_IDS = 512, CELL = 64, MODES = sizeof(((pp_env_spec *)0)->modes), SHORT = 6 };

/* One environment of the list. */
typedef struct card {
    ppi_env_entry entry;
    bool opened; /* spec is the instance's own */
    pp_env_spec spec;
    ppi_env_facts facts; /* views NULL when there are none */
    int64_t limit;       /* steps of an episode under the rules in force, 0 = none */
} card;

/* What can be said of an Atari game without its ROM. */
static void fill_closed_atari(card *c) {
    pp_env_spec *spec = &c->spec;
    const ppi_atari_game *game = ppi_atari_game_find(c->entry.id);
    spec->obs_type = PP_OBS_IMAGE;
    spec->obs_h = spec->obs_w = 84;
    spec->obs_c = 1;
    spec->action_count = PPI_ATARI_ACTIONS;
    spec->reward_min = -INFINITY;
    spec->reward_max = INFINITY;
    spec->task_count = 1;
    spec->frame_skip = 4;
    snprintf(spec->view, sizeof(spec->view), "grey84");
    for (int32_t i = 0; game != NULL && i < game->min_actions; i++) {
        spec->action_list[i] = game->actions[i];
        snprintf(spec->action_names[i], sizeof(spec->action_names[i]), "%s",
                 ppi_atari_action_names[game->actions[i]]);
    }
    spec->min_actions = game != NULL ? game->min_actions : 0;
}

/* Finds the entry of an id; one that is known but not listed (Gymnasium) gets one of its own. */
static pp_status find_entry(ppi_env_entry *out, const char *id, const ppi_env_options *options) {
    for (int i = 0; i < ppi_env_count(); i++) {
        PPI_TRY(ppi_env_entry_at(out, i, options));
        if (strcmp(out->id, id) == 0) {
            return PP_OK;
        }
    }
    snprintf(out->id, sizeof(out->id), "%s", id);
    out->backend = "gym";
    out->available = true;
    return PP_OK;
}

static pp_status fill_card(card *c, const ppi_env_options *options, bool open_atari) {
    ppi_episode_rules rules;
    const bool atari = strcmp(c->entry.backend, "ale") == 0;
    if (!ppi_env_facts_of(&c->facts, c->entry.id)) {
        c->facts = (ppi_env_facts){.random = NAN, .good = NAN};
    }
    PPI_TRY(ppi_episode_rules_for(&rules, c->entry.id, options));
    c->limit = rules.cap;
    if (atari && (!open_atari || !c->entry.available)) {
        fill_closed_atari(c);
        return PP_OK;
    }
    ppi_env env;
    PPI_TRY(ppi_env_create(&env, c->entry.id, options));
    env.vtable->describe(env.state, &c->spec);
    ppi_env_destroy(&env);
    c->opened = true;
    c->limit = c->spec.max_steps;
    return PP_OK;
}

static void observation_text(char out[CELL], const pp_env_spec *spec) {
    switch (spec->obs_type) {
    case PP_OBS_PLANES:
    case PP_OBS_IMAGE:
        snprintf(out, CELL, "%dx%dx%d %s", spec->obs_h, spec->obs_w, spec->obs_c,
                 spec->obs_type == PP_OBS_PLANES ? "planes" : "image");
        return;
    case PP_OBS_CELLS: {
        int32_t high = 0;
        for (int i = 0; i < spec->obs_c && i < PP_ENV_CELLS; i++) {
            high = spec->obs_high[i] > high ? spec->obs_high[i] : high;
        }
        if (high == 0) {
            snprintf(out, CELL, "constant");
        } else {
            snprintf(out, CELL, "%d in 0..%d", spec->obs_c, high);
        }
        return;
    }
    default:
        snprintf(out, CELL, "%d floats", spec->obs_c);
    }
}

static void reward_text(char out[CELL], const pp_env_spec *spec) {
    if (isinf(spec->reward_min) && isinf(spec->reward_max)) {
        snprintf(out, CELL, "any");
    } else {
        snprintf(out, CELL, "%g..%g", spec->reward_min, spec->reward_max);
    }
}

static void count_text(char out[CELL], int64_t count, const char *none) {
    if (count > 0) {
        snprintf(out, CELL, "%lld", (long long)count);
    } else {
        snprintf(out, CELL, "%s", none);
    }
}

static void score_text(char out[CELL], double score) {
    if (isnan(score)) {
        snprintf(out, CELL, "-");
    } else {
        snprintf(out, CELL, "%g", score);
    }
}

/* "0..2", an emulator's own list, or "-" for a game that was not opened. */
static void modes_text(char out[MODES], const card *c) {
    if (c->facts.modes > 1) {
        snprintf(out, MODES, "0..%d", c->facts.modes - 1);
    } else if (c->spec.modes[0] != '\0') {
        snprintf(out, MODES, "%s", c->spec.modes);
    } else {
        snprintf(out, MODES, "%s", c->facts.modes == 1 ? "0" : "-");
    }
}

static const char *views_of(const card *c) {
    return c->facts.views != NULL ? c->facts.views : c->spec.view;
}

static void add_heading(ppi_buf *out) {
    ppi_buf_printf(out, "%-24s %-14s %7s %-12s %6s %6s %-6s %-27s %8s  %s\n", "environment",
                   "observation", "actions", "reward", "steps", "tasks", "modes", "views", "random",
                   "good");
}

static void add_line(ppi_buf *out, const card *c) {
    char obs[CELL];
    char reward[CELL];
    char limit[CELL];
    char tasks[CELL];
    char modes[MODES];
    char random[CELL];
    char good[CELL];
    observation_text(obs, &c->spec);
    reward_text(reward, &c->spec);
    count_text(limit, c->limit, "-");
    count_text(tasks, c->spec.task_count, "any");
    modes_text(modes, c);
    if (strlen(modes) > SHORT) {
        snprintf(modes, sizeof(modes), "below");
    }
    score_text(random, c->facts.random);
    score_text(good, c->facts.good);
    const int32_t actions = c->spec.min_actions > 0 ? c->spec.min_actions : c->spec.action_count;
    ppi_buf_printf(out, "%-24s %-14s %7d %-12s %6s %6s %-6s %-27s %8s  %s", c->entry.id, obs,
                   actions, reward, limit, tasks, modes, views_of(c), random, good);
    if (!isnan(c->facts.good)) {
        ppi_buf_printf(out, " %s", c->facts.good_is);
    }
    ppi_buf_printf(out, "%s\n", c->entry.available ? "" : "  not available here");
}

/* What a list of a few environments says beside the line. */
static void add_details(ppi_buf *out, const card *c) {
    const pp_env_spec *spec = &c->spec;
    ppi_buf_printf(out, "    actions:");
    for (int32_t i = 0; i < spec->min_actions; i++) {
        ppi_buf_printf(out, " %d %s%s", spec->action_list[i], spec->action_names[i],
                       i + 1 < spec->min_actions ? "," : "");
    }
    ppi_buf_append_char(out, '\n');
    if (c->opened) {
        ppi_buf_printf(out, "    view %s, sticky %g, %d frame%s a step, picture %dx%d", spec->view,
                       spec->sticky, spec->frame_skip, spec->frame_skip == 1 ? "" : "s",
                       spec->render_w, spec->render_h);
        if (spec->difficulties[0] != '\0') {
            ppi_buf_printf(out, ", difficulties %s", spec->difficulties);
        }
        ppi_buf_printf(out, ", %s %s\n", spec->backend, spec->backend_version);
    }
    if (strlen(spec->modes) > SHORT) {
        ppi_buf_printf(out, "    modes %s\n", spec->modes);
    }
    for (int mode = 1; mode < c->facts.modes; mode++) {
        ppi_buf_printf(out, "    mode %d: %s\n", mode, ppi_arcade_mode_text(c->entry.id, mode));
    }
}

static void write_number(ppi_jsonw *w, const char *key, double value) {
    ppi_jsonw_key(w, key);
    if (isfinite(value)) {
        ppi_jsonw_f64(w, value);
    } else {
        ppi_jsonw_null(w);
    }
}

static void write_observation(ppi_jsonw *w, const pp_env_spec *spec) {
    static const char *const types[] = {"planes", "image", "cells", "float"};
    ppi_jsonw_key(w, "observation");
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_string(w, "type", types[spec->obs_type]);
    ppi_jsonw_key(w, "shape");
    ppi_jsonw_array_begin(w);
    ppi_jsonw_i64(w, spec->obs_h);
    ppi_jsonw_i64(w, spec->obs_w);
    ppi_jsonw_i64(w, spec->obs_c);
    ppi_jsonw_array_end(w);
    if (spec->obs_type == PP_OBS_CELLS) {
        ppi_jsonw_key(w, "high");
        ppi_jsonw_array_begin(w);
        for (int i = 0; i < spec->obs_c && i < PP_ENV_CELLS; i++) {
            ppi_jsonw_i64(w, spec->obs_high[i]);
        }
        ppi_jsonw_array_end(w);
    }
    ppi_jsonw_object_end(w);
}

static void write_actions(ppi_jsonw *w, const pp_env_spec *spec) {
    ppi_jsonw_key_i64(w, "action_count", spec->action_count);
    ppi_jsonw_key(w, "action_list");
    ppi_jsonw_array_begin(w);
    for (int32_t i = 0; i < spec->min_actions; i++) {
        ppi_jsonw_i64(w, spec->action_list[i]);
    }
    ppi_jsonw_array_end(w);
    ppi_jsonw_key(w, "action_names");
    ppi_jsonw_array_begin(w);
    for (int32_t i = 0; i < spec->min_actions; i++) {
        ppi_jsonw_string(w, spec->action_names[i]);
    }
    ppi_jsonw_array_end(w);
}

static void write_card(ppi_jsonw *w, const card *c) {
    char modes[MODES];
    modes_text(modes, c);
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_string(w, "id", c->entry.id);
    ppi_jsonw_key_string(w, "backend", c->entry.backend);
    ppi_jsonw_key_bool(w, "available", c->entry.available);
    write_observation(w, &c->spec);
    write_actions(w, &c->spec);
    write_number(w, "reward_min", c->spec.reward_min);
    write_number(w, "reward_max", c->spec.reward_max);
    ppi_jsonw_key_i64(w, "max_steps", c->limit);
    ppi_jsonw_key_i64(w, "tasks", c->spec.task_count);
    ppi_jsonw_key_string(w, "views", views_of(c));
    ppi_jsonw_key_string(w, "modes", modes);
    ppi_jsonw_key_f64(w, "sticky", c->spec.sticky);
    write_number(w, "random_score", c->facts.random);
    write_number(w, "good_score", c->facts.good);
    ppi_jsonw_key_string(w, "good_is", isnan(c->facts.good) ? "" : c->facts.good_is);
    ppi_jsonw_object_end(w);
}

/* How the list is written. */
typedef struct listing {
    ppi_buf *out;
    ppi_jsonw *json; /* NULL = lines */
    bool details;
    int count;
    int available;
} listing;

static pp_status list_one(listing *l, const ppi_env_entry *entry, const ppi_env_options *options) {
    card c = {.entry = *entry};
    PPI_TRY(fill_card(&c, options, l->details));
    l->count++;
    l->available += entry->available;
    if (l->json != NULL) {
        write_card(l->json, &c);
        return PP_OK;
    }
    add_line(l->out, &c);
    if (l->details) {
        add_details(l->out, &c);
    }
    return PP_OK;
}

static pp_status list_all(listing *l, const ppi_env_options *options) {
    for (int i = 0; i < ppi_env_count(); i++) {
        ppi_env_entry entry;
        PPI_TRY(ppi_env_entry_at(&entry, i, options));
        PPI_TRY(list_one(l, &entry, options));
    }
    return PP_OK;
}

static pp_status list_named(listing *l, const char *names, const ppi_env_options *options) {
    int count = 0;
    char(*ids)[PP_ENV_ID_BYTES] = ppi_calloc(MAX_IDS, sizeof(*ids));
    if (ids == NULL) {
        return ppi_oom("a list of environments");
    }
    pp_status status = ppi_env_expand(ids, MAX_IDS, &count, names);
    for (int i = 0; status == PP_OK && i < count; i++) {
        ppi_env_entry entry;
        status = find_entry(&entry, ids[i], options);
        if (status == PP_OK) {
            status = list_one(l, &entry, options);
        }
    }
    ppi_free(ids);
    return status;
}

pp_status ppi_env_catalogue(ppi_buf *out, const char *names, const ppi_env_options *options,
                            bool json) {
    ppi_jsonw w;
    listing l = {.out = out, .json = json ? &w : NULL, .details = names[0] != '\0'};
    if (json) {
        ppi_jsonw_init(&w, out, 2);
        ppi_jsonw_array_begin(&w);
    } else {
        add_heading(out);
    }
    PPI_TRY(l.details ? list_named(&l, names, options) : list_all(&l, options));
    if (json) {
        ppi_jsonw_array_end(&w);
        PPI_TRY(ppi_jsonw_finish(&w));
        return ppi_buf_append_char(out, '\n');
    }
    return ppi_buf_printf(out, "%d environments, %d ready to play\n", l.count, l.available);
}
