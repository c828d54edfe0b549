/* `bench collect`: what storing the experience costs a collection, as the ratio of two loops that
 * take turns in one run. The slowdown is the median over the turns, so that what else the machine
 * does meets both loops alike. Turning the journal into a dataset counts as storing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "run/bench_internal.h"
#include "run/collect.h"
#include "run/learn_job.h"
#include "run/learn_log.h"
#include "run/train.h"
#include "stats/aggregate.h"

/* Steps of a learner in one turn; turns that are kept. */
enum { TURN_STEPS = 200, MOST_TURNS = 4096 };
/* Random play: environments, turns, and steps of a turn. */
enum { RANDOM_ENVS = 8, RANDOM_TURNS = 5, RANDOM_STEPS = 8000 };
/* Steps before a learner is timed: the replay is empty at first and nothing is learned. */
enum { WARM_STEPS = 6000 };

static const char k_atari[] = "ale/pong";
static const char k_arcade[] = "arcade/breakout";

/* Seconds of both loops and the ratio of each pair of turns. */
typedef struct costs {
    double plain, stored;
    double ratio[MOST_TURNS];
    int64_t turns;
} costs;

static void add_turn(costs *c, double plain, double stored) {
    c->plain += plain;
    c->stored += stored;
    if (c->turns < MOST_TURNS) c->ratio[c->turns++] = stored / plain;
}

/* `closing`: seconds at the end of the storing loop, for the same steps. */
static void print_costs(const ppi_bench_run *b, const char *what, double steps, costs *c,
                        double closing) {
    char name[96];
    ppi_stats_sort(c->ratio, c->turns);
    const double ratio = ppi_stats_percentile(c->ratio, c->turns, 50) + closing / c->plain;
    snprintf(name, sizeof name, "collect_%s_steps_per_second", what);
    ppi_bench_figure(b, name, steps / (c->stored + closing), "1/s");
    snprintf(name, sizeof name, "collect_%s_plain_steps_per_second", what);
    ppi_bench_figure(b, name, steps / c->plain, "1/s");
    if (closing > 0) {
        snprintf(name, sizeof name, "collect_%s_closing", what);
        ppi_bench_figure(b, name, closing, "s");
    }
    snprintf(name, sizeof name, "collect_%s_slowdown", what);
    ppi_bench_figure(b, name, 100 * (ratio - 1), "%");
}

/* ---- random play ----------------------------------------------------------------------------- */

static pp_status time_random(const ppi_collect_options *options, double *seconds) {
    const double start = ppi_clock_seconds();
    PPI_TRY(ppi_collect(options, NULL));
    *seconds = ppi_clock_seconds() - start;
    return PP_OK;
}

static pp_status run_random(const ppi_bench_run *b, const char *env, const char *folder) {
    ppi_collect_options o;
    costs c = {0};
    ppi_collect_options_default(&o);
    snprintf(o.env, sizeof o.env, "%s", env);
    snprintf(o.out, sizeof o.out, "%.1000s", folder);
    o.envs = b->o->envs > 0 ? b->o->envs : RANDOM_ENVS;
    o.steps = b->o->steps > 0 ? b->o->steps : RANDOM_STEPS;
    o.threads = b->o->threads;
    for (int turn = 0; turn < RANDOM_TURNS; turn++) {
        double plain = 0;
        double stored = 0;
        snprintf(o.name, sizeof o.name, "turn-v%d", turn);
        o.discard = true;
        PPI_TRY(time_random(&o, &plain));
        o.discard = false;
        PPI_TRY(time_random(&o, &stored));
        add_turn(&c, plain, stored);
    }
    print_costs(b, "random", (double)(o.steps * RANDOM_TURNS), &c, 0);
    return PP_OK;
}

/* ---- a learner ------------------------------------------------------------------------------- */

/* Two learners of one kind, one with a history. */
typedef struct pair {
    const ppi_method *method;
    void *options;
    ppi_options *set;
    ppi_learn_games games;
    ppi_env_options env;
    ppi_learn *plain, *stored;
    ppi_learn_dataset data;
    ppi_learn_log log;
} pair;

static pp_status play(ppi_learn *l, const ppi_learn_log *log, int64_t steps, double *seconds) {
    const int64_t end = ppi_learn_steps(l) + steps;
    const double start = ppi_clock_seconds();
    while (ppi_learn_steps(l) < end) {
        PPI_TRY(ppi_learn_play(l));
        if (log != NULL) PPI_TRY(ppi_learn_log_step(log, l));
        PPI_TRY(ppi_learn_update(l));
    }
    *seconds = ppi_clock_seconds() - start;
    return PP_OK;
}

static pp_status open_history(pair *p, const char *folder) {
    const uint64_t seed = 1;
    const ppi_learn_dataset_request q = {
        .root = folder,
        .name = "",
        .learner = p->method->name,
        .spec = &p->games.spec[0],
        .env = &p->env,
        .seeds = &seed,
        .seed_count = 1,
        .histories = 1,
        .tasks = "",
    };
    PPI_TRY(ppi_learn_dataset_open(&p->data, &q));
    p->log = (ppi_learn_log){
        .history = &p->data.history, .seed = seed, .learner = p->method->name, .options = "{}"};
    PPI_TRY(ppi_learn_log_actors(&p->log.actors, p->stored, 0));
    return ppi_learn_log_begin(&p->log, p->stored);
}

static pp_status open_pair(pair *p, const ppi_bench_run *b, const char *env, const char *folder) {
    static const int64_t native[3] = {0, 0, 0};
    char ids[1][PP_ENV_ID_BYTES];
    ppi_env_options_default(&p->env);
    snprintf(ids[0], sizeof ids[0], "%.63s", env);
    PPI_TRY(ppi_method_find(&p->method, "dqn"));
    PPI_TRY(ppi_options_create(&p->set));
    p->options = ppi_calloc(1, p->method->options_size);
    if (p->options == NULL) return ppi_oom("the learner's options");
    PPI_TRY(ppi_method_bind(p->method, p->set, p->options));
    PPI_TRY(ppi_learn_games_open(&p->games, ids, 1, &p->env, native));
    const char *size = ppi_learn_default_size(p->method, &p->games.obs);
    PPI_TRY(ppi_method_apply_recipe(p->method, p->set, size));
    const ppi_learn_config config = {.method = p->method,
                                     .size = size,
                                     .options = p->options,
                                     .games = &p->games,
                                     .env = &p->env,
                                     .steps = 1000000,
                                     .seed = 1,
                                     .threads = b->o->threads > 0 ? (int)b->o->threads : 1};
    PPI_TRY(ppi_learn_open(&p->plain, &config));
    PPI_TRY(ppi_learn_open(&p->stored, &config));
    return open_history(p, folder);
}

static pp_status time_pair(const ppi_bench_run *b, pair *p) {
    double plain = 0;
    double stored = 0;
    int64_t steps = 0;
    costs c = {0};
    PPI_TRY(play(p->plain, NULL, WARM_STEPS, &plain));
    PPI_TRY(play(p->stored, &p->log, WARM_STEPS, &stored));
    while (b->o->steps > 0 ? steps < b->o->steps : c.plain + c.stored < b->o->seconds) {
        PPI_TRY(play(p->plain, NULL, TURN_STEPS, &plain));
        PPI_TRY(play(p->stored, &p->log, TURN_STEPS, &stored));
        add_turn(&c, plain, stored);
        steps += TURN_STEPS;
    }
    const double start = ppi_clock_seconds();
    PPI_TRY(ppi_learn_log_end(&p->log, p->stored));
    PPI_TRY(ppi_learn_dataset_commit(&p->data));
    /* The dataset holds the steps before the clock ran as well. */
    const double closing =
        (ppi_clock_seconds() - start) * (double)steps / (double)(steps + WARM_STEPS);
    print_costs(b, "dqn", (double)steps, &c, closing);
    return PP_OK;
}

static pp_status run_learner(const ppi_bench_run *b, const char *env, const char *folder) {
    pair p = {0};
    pp_status s = open_pair(&p, b, env, folder);
    if (s == PP_OK) s = time_pair(b, &p);
    s = ppi_learn_dataset_close(&p.data, s);
    ppi_learn_close(p.plain);
    ppi_learn_close(p.stored);
    ppi_learn_games_free(&p.games);
    ppi_options_destroy(p.set);
    ppi_free(p.options);
    return s;
}

pp_status ppi_bench_collect(const ppi_bench_run *b) {
    char folder[PPI_PATH_SIZE];
    const char *env = b->o->env;
    const bool atari = strncmp(env, "ale/", 4) == 0;
    ppi_bench_folder(folder);
    pp_status s = PP_OK;
    if (env[0] == '\0' || !atari) s = run_learner(b, env[0] != '\0' ? env : k_arcade, folder);
    if (s == PP_OK && (env[0] == '\0' || atari)) {
        s = run_random(b, env[0] != '\0' ? env : k_atari, folder);
    }
    return ppi_bench_folder_end(folder, s);
}
