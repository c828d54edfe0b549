/* The games of a learner: their specifications, and the observation and actions its agent gets. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "env/arcade/arcade.h"
#include "env/registry.h"
#include "run/board.h"
#include "run/learn.h"

static pp_status read_spec(pp_env_spec *out, const char *id, const ppi_env_options *env) {
    ppi_env made = {0};
    PPI_TRY(ppi_env_create(&made, id, env));
    made.vtable->describe(made.state, out);
    ppi_env_destroy(&made);
    return PP_OK;
}

/* Refuses a game whose observations do not become the agent's. */
static pp_status check_shown(const ppi_learn_games *g, const pp_env_spec *first,
                             const pp_env_spec *spec) {
    if (ppi_board_fits(&g->obs, spec)) return PP_OK;
    if (g->obs.type == PP_OBS_PLANES && spec->obs_type == PP_OBS_PLANES) {
        return ppi_fail(PP_ERR_SHAPE,
                        "%s has boards of %dx%dx%d, which do not fit the agent's %" PRId64
                        "x%" PRId64 "x%" PRId64 "; --model.board HxWxC gives more",
                        spec->id, spec->obs_h, spec->obs_w, spec->obs_c, g->obs.h, g->obs.w,
                        g->obs.c);
    }
    return ppi_fail(PP_ERR_SHAPE,
                    "%s (view %s, %dx%dx%d) and %s (view %s, %dx%dx%d) cannot share one network",
                    first->id, first->view, first->obs_h, first->obs_w, first->obs_c, spec->id,
                    spec->view, spec->obs_h, spec->obs_w, spec->obs_c);
}

/* The first of what the games show, shown[count], is the agent's, unless boards are to be padded.
 */
static pp_status choose_observation(ppi_learn_games *g, const pp_env_spec *shown,
                                    const int64_t board[3]) {
    static const int64_t common[3] = {PPI_BOARD_H, PPI_BOARD_W, PPI_BOARD_C};
    g->obs = ppi_board_native(&shown[0]);
    if (board[0] > 0 && g->obs.type != PP_OBS_PLANES) {
        return ppi_fail(PP_ERR_ARGUMENT, "model.board pads planes; %s shows view %s", shown[0].id,
                        g->obs.view);
    }
    const int64_t *padded = board[0] > 0 ? board : g->count > 1 ? common : NULL;
    if (g->obs.type == PP_OBS_PLANES && padded != NULL) {
        g->obs.h = padded[0];
        g->obs.w = padded[1];
        g->obs.c = padded[2];
    }
    for (int i = 0; i < g->count; i++) {
        PPI_TRY(check_shown(g, &shown[0], &shown[i]));
        for (int k = 0; k < PP_ENV_CELLS; k++) {
            if (shown[i].obs_high[k] > g->obs.high[k]) g->obs.high[k] = shown[i].obs_high[k];
        }
    }
    return PP_OK;
}

static void choose_actions(ppi_learn_games *g) {
    memset(&g->actions, 0, sizeof g->actions);
    if (g->count > 1) return;
    g->actions.count = g->spec[0].min_actions;
    memcpy(g->actions.list, g->spec[0].action_list, sizeof g->actions.list);
}

/* What a game plays and what it shows the agent, with the painter between them. */
static pp_status read_game(ppi_learn_games *g, pp_env_spec *shown, int i, const char *id,
                           const ppi_env_options *env) {
    ppi_env_options played;
    PPI_TRY(read_spec(shown, id, env));
    ppi_env_options_played(&played, id, env);
    PPI_TRY(read_spec(&g->spec[i], id, &played));
    if (strcmp(shown->view, g->spec[i].view) == 0) return PP_OK;
    if (ppi_arcade_painter(&g->painter[i], id, g->spec[i].mode)) return PP_OK;
    return ppi_fail(PP_ERR_UNSUPPORTED, "%s has nothing that paints view %s", id, shown->view);
}

pp_status ppi_learn_games_open(ppi_learn_games *out, char (*ids)[PP_ENV_ID_BYTES], int count,
                               const ppi_env_options *env, const int64_t board[3]) {
    memset(out, 0, sizeof *out);
    if (count < 1 || count > PPI_LEARN_GAMES) {
        return ppi_fail(PP_ERR_ARGUMENT, "%d games for one learner, expected 1..%d", count,
                        PPI_LEARN_GAMES);
    }
    out->count = count;
    out->spec = ppi_calloc((size_t)count, sizeof *out->spec);
    out->painter = ppi_calloc((size_t)count, sizeof *out->painter);
    pp_env_spec *shown = ppi_calloc((size_t)count, sizeof *shown);
    const bool enough = out->spec != NULL && out->painter != NULL && shown != NULL;
    pp_status s = enough ? PP_OK : ppi_oom("the specifications of games");
    for (int i = 0; i < count && s == PP_OK; i++) s = read_game(out, &shown[i], i, ids[i], env);
    if (s == PP_OK) s = choose_observation(out, shown, board);
    if (s == PP_OK) choose_actions(out);
    if (s != PP_OK) ppi_learn_games_free(out);
    ppi_free(shown);
    return s;
}

void ppi_learn_games_free(ppi_learn_games *games) {
    ppi_free(games->spec);
    ppi_free(games->painter);
    memset(games, 0, sizeof *games);
}

void ppi_learn_games_show(const ppi_learn_games *games, int game, uint8_t *out, const uint8_t *in) {
    const ppi_painter *painter = &games->painter[game];
    if (painter->h > 0) {
        ppi_painter_grey(painter, out, in);
    } else {
        ppi_board_pad(out, &games->obs, in, &games->spec[game]);
    }
}

/* Rows of the smallest picture that "nature" takes: its first layers shrink it eightfold. */
enum { SCREEN_ROWS = 64 };

static const char *find_size(const ppi_method *method, const char *name) {
    for (int i = 0; method->sizes[i] != NULL; i++) {
        if (strcmp(method->sizes[i], name) == 0) return method->sizes[i];
    }
    return NULL;
}

const char *ppi_learn_default_size(const ppi_method *method, const ppi_obs_spec *obs) {
    static const char *const by_type[][2] = {
        [PP_OBS_PLANES] = {"arcade", "small"},
        [PP_OBS_IMAGE] = {"nature", "impala"},
        [PP_OBS_CELLS] = {"small", "mlp"},
        [PP_OBS_FLOAT] = {"small", "mlp"},
    };
    const bool small_picture = obs->type == PP_OBS_IMAGE && obs->h < SCREEN_ROWS;
    for (int i = small_picture ? 1 : 0; i < 2; i++) {
        const char *size = find_size(method, by_type[obs->type][i]);
        if (size != NULL) return size;
    }
    return method->sizes[0];
}
