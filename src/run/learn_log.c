/* Histories of a learner; see learn_log.h. */
#include "run/learn_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* Observations that the refill of a replay holds at once, bytes. */
#define REFILL_BYTES ((int64_t)32 << 20)

pp_status ppi_learn_log_actors(int64_t *out, const ppi_learn *l, int64_t asked) {
    const int64_t streams = ppi_learn_streams_per_game(l);
    const ppi_learner_calls *calls = ppi_learn_agent(l)->method->learner;
    const bool refill = calls->replay != NULL && calls->replay_steps != NULL;
    *out = asked > 0 ? asked : refill ? streams : 1;
    if (*out > streams) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "histories.actors %" PRId64 ": the learner has %" PRId64 " streams a game",
                        asked, streams);
    }
    if (refill && *out < streams) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "histories.actors %" PRId64 " of %" PRId64
                        " streams: the replay of a resumed %s is filled from its histories, so "
                        "all streams are stored; --envs %" PRId64 " plays fewer",
                        asked, streams, ppi_learn_agent(l)->method->name, asked);
    }
    return PP_OK;
}

/* Stream number of actor `a` of a game. */
static int64_t stream_of(const ppi_learn *l, int game, int64_t a) {
    return game * ppi_learn_streams_per_game(l) + a;
}

/* True for a history that is complete already. */
static bool is_done(const ppi_learn_log *log, int game, int64_t a) {
    return log->some_done &&
           (log->history[game] == NULL || ppi_history_done(log->history[game], log->first + a));
}

static void find_done(ppi_learn_log *log, int games) {
    log->some_done = false;
    for (int g = 0; g < games; g++) {
        if (log->history[g] == NULL) log->some_done = true;
        for (int64_t a = 0; a < log->actors && !log->some_done; a++) {
            log->some_done = ppi_history_done(log->history[g], log->first + a);
        }
    }
}

static int game_count(const ppi_learn *l) {
    return ppi_learn_games_of(l)->count;
}

pp_status ppi_learn_log_begin(ppi_learn_log *log, const ppi_learn *l) {
    find_done(log, game_count(l));
    for (int g = 0; g < game_count(l); g++) {
        for (int64_t a = 0; a < log->actors; a++) {
            if (is_done(log, g, a)) continue;
            const ppi_history_info info = {
                .index = log->first + a,
                .task = log->task,
                .seed = log->seed,
                .learner = log->learner,
                .actors = ppi_learn_streams(l),
                .options = log->options,
            };
            PPI_TRY(
                ppi_history_begin(log->history[g], &info, ppi_learn_native(l, stream_of(l, g, a))));
        }
    }
    return PP_OK;
}

pp_status ppi_learn_log_step(const ppi_learn_log *log, const ppi_learn *l) {
    const ppi_learn_step *last = ppi_learn_last(l);
    for (int g = 0; g < game_count(l); g++) {
        for (int64_t a = 0; a < log->actors; a++) {
            if (is_done(log, g, a)) continue;
            const int64_t i = stream_of(l, g, a);
            const ppi_step_row row = {.reward = last->reward[i],
                                      .action = last->action[i],
                                      .terminated = last->terminated[i],
                                      .truncated = last->truncated[i]};
            PPI_TRY(ppi_history_step(log->history[g], log->first + a, &row, ppi_learn_native(l, i),
                                     ppi_learn_native_final(l, i)));
        }
    }
    return PP_OK;
}

pp_status ppi_learn_log_end(const ppi_learn_log *log, const ppi_learn *l) {
    for (int g = 0; g < game_count(l); g++) {
        for (int64_t a = 0; a < log->actors; a++) {
            if (!is_done(log, g, a)) PPI_TRY(ppi_history_end(log->history[g], log->first + a));
        }
    }
    return PP_OK;
}

bool ppi_learn_log_done(const ppi_learn_log *log, int games) {
    for (int g = 0; g < games; g++) {
        for (int64_t a = 0; a < log->actors; a++) {
            if (!ppi_history_done(log->history[g], log->first + a)) return false;
        }
    }
    return true;
}

pp_status ppi_learn_log_sync(const ppi_learn_log *log, const ppi_learn *l) {
    for (int g = 0; g < game_count(l); g++) {
        int64_t cursor = 0;
        if (log->history[g] == NULL) continue;
        PPI_TRY(ppi_history_sync(log->history[g], &cursor));
    }
    return PP_OK;
}

/* ---- filling a replay ------------------------------------------------------------------------ */

/* A span of the past of all streams, as the agent sees it: time by time, stream by stream. */
typedef struct span {
    const ppi_learn_log *log;
    ppi_learn *l;
    int64_t streams, row;
    int64_t most;   /* steps it can hold */
    int64_t steps;  /* steps it is to hold */
    uint8_t *obs;   /* [most + 1, streams, row] */
    uint8_t *final; /* [most, streams, row] */
    int32_t *action;
    double *reward;
    uint8_t *terminated, *truncated; /* [most, streams] */
    /* The stream that is being read. */
    int64_t stream;
    int64_t at;
} span;

static void span_free(span *s) {
    ppi_free(s->obs);
    ppi_free(s->final);
    ppi_free(s->action);
    ppi_free(s->reward);
    ppi_free(s->terminated);
    ppi_free(s->truncated);
}

static pp_status span_make(span *s, const ppi_learn_log *log, ppi_learn *l, int64_t wanted) {
    *s = (span){.log = log, .l = l, .streams = ppi_learn_streams(l)};
    s->row = ppi_obs_bytes(&ppi_learn_games_of(l)->obs);
    s->most = REFILL_BYTES / (s->streams * s->row);
    if (s->most > wanted) s->most = wanted;
    if (s->most < 1) s->most = 1;
    const size_t rows = (size_t)(s->most * s->streams);
    s->obs = ppi_calloc(rows + (size_t)s->streams, (size_t)s->row);
    s->final = ppi_calloc(rows, (size_t)s->row);
    s->action = ppi_calloc(rows, sizeof *s->action);
    s->reward = ppi_calloc(rows, sizeof *s->reward);
    s->terminated = ppi_calloc(rows, 1);
    s->truncated = ppi_calloc(rows, 1);
    if (s->obs != NULL && s->final != NULL && s->action != NULL && s->reward != NULL &&
        s->terminated != NULL && s->truncated != NULL) {
        return PP_OK;
    }
    span_free(s);
    return ppi_oom("the past of a learner");
}

/* Takes one step of a stream; ends the visit once the span is full. */
static pp_status take_step(void *ctx, const ppi_history_step_view *view) {
    span *s = ctx;
    if (s->at == s->steps) return PP_ERR_INTERRUPTED;
    const ppi_learn_games *games = ppi_learn_games_of(s->l);
    const int game = (int)(s->stream / ppi_learn_streams_per_game(s->l));
    const int64_t i = s->at * s->streams + s->stream;
    ppi_learn_games_show(games, game, s->obs + i * s->row, view->obs);
    ppi_learn_games_show(games, game, s->obs + (i + s->streams) * s->row, view->next_obs);
    if (view->final_obs != NULL) {
        ppi_learn_games_show(games, game, s->final + i * s->row, view->final_obs);
    }
    s->action[i] = view->row.action;
    s->reward[i] = view->row.reward;
    s->terminated[i] = view->row.terminated;
    s->truncated[i] = view->row.truncated;
    s->at++;
    return s->at == s->steps ? PP_ERR_INTERRUPTED : PP_OK;
}

/* Reads the first s->steps of the last `left` steps of every stream. */
static pp_status read_span(span *s, int64_t left) {
    const int64_t per_game = ppi_learn_streams_per_game(s->l);
    for (s->stream = 0; s->stream < s->streams; s->stream++) {
        ppi_history *h = s->log->history[s->stream / per_game];
        s->at = 0;
        const pp_status status =
            ppi_history_tail(h, s->log->first + s->stream % per_game, left, take_step, s);
        if (status != PP_ERR_INTERRUPTED) PPI_TRY(status);
        if (s->at < s->steps) {
            return ppi_fail(PP_ERR_CORRUPT,
                            "the journal holds %" PRId64 " of %" PRId64
                            " steps that the replay of stream %" PRId64 " needs",
                            s->at, s->steps, s->stream);
        }
    }
    return PP_OK;
}

static pp_status replay_span(const span *s) {
    for (int64_t t = 0; t < s->steps; t++) {
        const int64_t i = t * s->streams;
        const ppi_learn_step step = {
            .obs = s->obs + i * s->row,
            .action = s->action + i,
            .reward = s->reward + i,
            .terminated = s->terminated + i,
            .truncated = s->truncated + i,
            .next_obs = s->obs + (i + s->streams) * s->row,
            .final_obs = s->final + i * s->row,
        };
        PPI_TRY(ppi_learn_replay(s->l, &step));
    }
    return PP_OK;
}

static pp_status fill_replay(const ppi_learn_log *log, ppi_learn *l) {
    int64_t left = ppi_learn_replay_steps(l);
    span s;
    if (left == 0) return PP_OK;
    PPI_TRY(span_make(&s, log, l, left));
    pp_status status = PP_OK;
    while (left > 0 && status == PP_OK) {
        s.steps = left < s.most ? left : s.most;
        status = read_span(&s, left);
        if (status == PP_OK) status = replay_span(&s);
        left -= s.steps;
    }
    span_free(&s);
    return status;
}

pp_status ppi_learn_log_resume(ppi_learn_log *log, ppi_learn *l) {
    const int64_t steps = ppi_learn_steps(l) / ppi_learn_streams(l);
    find_done(log, game_count(l));
    for (int g = 0; g < game_count(l); g++) {
        for (int64_t a = 0; a < log->actors; a++) {
            if (is_done(log, g, a)) continue;
            PPI_TRY(ppi_history_cut(log->history[g], log->first + a, steps));
        }
    }
    /* Histories are ended once nothing is left to play, and then no replay is needed. */
    return ppi_learn_steps(l) < ppi_learn_total(l) ? fill_replay(log, l) : PP_OK;
}
