/* `bench env`: steps per second of environments through the public vector calls. Actions are drawn
 * before the clock starts; ended episodes begin again within their step. The rate is the median
 * over slices of a few milliseconds, with --steps the mean of that many steps.
 *
 * With --env the figures of that environment; without, one line for each view of every environment
 * that is built in, on one thread, and one for an Atari game on all processors. */
#include "run/bench_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <polyplay/vec.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "env/facts.h"
#include "env/registry.h"
#include "run/train.h"

enum {
    MOST_ROUNDS = 4096, /* rounds of actions kept; longer runs begin again */
    FEW_ROUNDS = 256,   /* the same without a number of steps */
    SMALL_ENVS = 1024,  /* environments side by side: small observations, pictures, Atari */
    LARGE_ENVS = 64,
    ATARI_ENVS = 8,
    SMALL_BYTES = 4096 /* an observation of at most this is small */
};

static const double k_slice = 2e-3; /* seconds */

static const char k_atari[] = "ale/pong"; /* stands for the Atari games in the table */

/* One measurement. */
typedef struct env_case {
    const char *id;
    const char *view; /* NULL = the environment's first */
    int64_t envs;     /* 0 = as many as suit the environment */
    int threads;
    double seconds;
} env_case;

/* What came of it. */
typedef struct env_figures {
    int32_t envs;
    double steps_per_second;
    double frames_per_second;
    double reward;
} env_figures;

/* Actions i32 [rounds, N], uniform over the minimal list of each environment. */
static int32_t *draw_actions(const pp_vec *vec, int64_t rounds) {
    const int32_t n = pp_vec_rows_of(vec)->count;
    int32_t *actions = ppi_malloc((size_t)rounds * (size_t)n * sizeof(*actions));
    if (actions == NULL) return NULL;
    ppi_rng rng;
    ppi_rng_init(&rng, 1, PPI_RNG_TEST, 2);
    for (int64_t k = 0; k < rounds * n; k++) {
        const pp_env_spec *spec = pp_vec_spec(vec, (int32_t)(k % n));
        actions[k] = spec->action_list[ppi_rng_below(&rng, (uint64_t)spec->min_actions)];
    }
    return actions;
}

static pp_status time_steps(const ppi_bench_run *b, pp_vec *vec, double seconds, env_figures *out) {
    const pp_vec_rows *rows = pp_vec_rows_of(vec);
    const int64_t wanted = b->o->steps;
    const int64_t rounds = wanted == 0 ? FEW_ROUNDS : wanted < MOST_ROUNDS ? wanted : MOST_ROUNDS;
    int32_t *actions = draw_actions(vec, rounds);
    if (actions == NULL) return ppi_oom("the actions of a benchmark");
    pp_status status = pp_vec_reset(vec, 0);
    ppi_bench_times slices = {0}; /* seconds a step of all */
    int64_t done = 0;
    int64_t begun = 0; /* steps before the present slice */
    const double start = ppi_clock_seconds();
    double slice = start;
    double now = start;
    while (status == PP_OK && (wanted > 0 ? done < wanted : done < 3 || now - start < seconds)) {
        status = pp_vec_step(vec, actions + done % rounds * rows->count, NULL);
        for (int32_t i = 0; i < rows->count; i++) out->reward += rows->reward[i];
        done++;
        now = ppi_clock_seconds();
        if (now - slice >= k_slice) {
            ppi_bench_times_add(&slices, (now - slice) / (double)(done - begun));
            begun = done;
            slice = now;
        }
    }
    ppi_free(actions);
    const bool whole = wanted > 0 || slices.count == 0;
    const double step = whole ? (now - start) / (double)done : ppi_bench_times_median(&slices);
    out->envs = rows->count;
    out->steps_per_second = (double)rows->count / step;
    out->frames_per_second = out->steps_per_second * pp_vec_spec(vec, 0)->frame_skip;
    return status;
}

/* How many environments suit one: its observations should stay within the caches. */
static pp_status suiting_count(int32_t *out, const pp_vec_config *config) {
    pp_vec *vec = NULL;
    pp_vec_config one = *config;
    one.count = 1;
    PPI_TRY(pp_vec_open(&vec, &one));
    const pp_env_spec *spec = pp_vec_spec(vec, 0);
    *out = strcmp(spec->backend, "ale") == 0 ? ATARI_ENVS
           : spec->obs_bytes <= SMALL_BYTES  ? SMALL_ENVS
                                             : LARGE_ENVS;
    pp_vec_close(vec);
    return PP_OK;
}

static pp_status measure(const ppi_bench_run *b, const env_case *what, env_figures *out) {
    char options[128];
    snprintf(options, sizeof options, "env.sticky=%.17g%s%s", b->o->sticky,
             what->view != NULL ? " env.view=" : "", what->view != NULL ? what->view : "");
    pp_vec_config config = {
        .struct_size = sizeof config,
        .env = what->id,
        .count = (int32_t)what->envs,
        .threads = what->threads,
        .autoreset = PP_AUTORESET_SAME_STEP,
        .options = options,
    };
    *out = (env_figures){0};
    if (config.count == 0) PPI_TRY(suiting_count(&config.count, &config));
    pp_vec *vec = NULL;
    PPI_TRY(pp_vec_open(&vec, &config));
    const pp_status status = time_steps(b, vec, what->seconds, out);
    pp_vec_close(vec);
    return status;
}

static pp_status measure_one(const ppi_bench_run *b, const char *view) {
    const env_case what = {.id = b->o->env,
                           .view = view,
                           .envs = b->o->envs,
                           .threads = ppi_thread_count(b->o->threads),
                           .seconds = b->o->seconds};
    env_figures f;
    PPI_TRY(measure(b, &what, &f));
    ppi_bench_figure(b, "env_steps_per_second", f.steps_per_second, "1/s");
    ppi_bench_figure(b, "env_frames_per_second", f.frames_per_second, "1/s");
    ppi_bench_figure(b, "env_count", (double)f.envs, "envs");
    ppi_bench_figure(b, "env_reward", f.reward, "points");
    return PP_OK;
}

/* The slowest arcade game of a view. */
typedef struct slowest {
    const char *view;
    const char *name; /* of the figure */
    double rate;      /* INFINITY before the first */
} slowest;

static pp_status measure_view(const ppi_bench_run *b, const char *id, const char *view, int threads,
                              double *rate) {
    const env_case what = {.id = id,
                           .view = view,
                           .envs = b->o->envs,
                           .threads = threads,
                           .seconds = b->o->seconds / 10};
    env_figures f;
    char name[160];
    PPI_TRY(measure(b, &what, &f));
    snprintf(name, sizeof name, "env.%s.%s", id, view);
    ppi_bench_figure(b, name, f.steps_per_second, "1/s");
    *rate = f.steps_per_second;
    return PP_OK;
}

/* Every view of one environment. */
static pp_status measure_views(const ppi_bench_run *b, const char *id, slowest *arcade,
                               int n_arcade) {
    ppi_env_facts facts;
    if (!ppi_env_facts_of(&facts, id)) return PP_OK;
    const int threads = b->o->threads > 0 ? (int)b->o->threads : 1;
    char views[128];
    char *rest = NULL;
    snprintf(views, sizeof views, "%s", facts.views);
    for (char *view = strtok_r(views, " ", &rest); view; view = strtok_r(NULL, " ", &rest)) {
        double rate;
        if (b->o->view[0] != '\0' && strcmp(b->o->view, view) != 0) continue;
        PPI_TRY(measure_view(b, id, view, threads, &rate));
        for (int i = 0; i < n_arcade && strncmp(id, "arcade/", 7) == 0; i++) {
            if (strcmp(arcade[i].view, view) == 0) arcade[i].rate = fmin(arcade[i].rate, rate);
        }
    }
    return PP_OK;
}

static pp_status measure_atari(const ppi_bench_run *b) {
    ppi_env env;
    double rate;
    if (ppi_env_create(&env, k_atari, NULL) != PP_OK) {
        ppi_log(PPI_LOG_INFO, "%s is left out: %s", k_atari, pp_last_error());
        return PP_OK;
    }
    ppi_env_destroy(&env);
    return measure_view(b, k_atari, "grey84", ppi_thread_count(b->o->threads), &rate);
}

static pp_status measure_all(const ppi_bench_run *b) {
    slowest arcade[] = {{"planes", "env.arcade.slowest.planes", INFINITY},
                        {"grey84", "env.arcade.slowest.grey84", INFINITY}};
    for (int i = 0; i < ppi_env_count(); i++) {
        ppi_env_entry entry;
        PPI_TRY(ppi_env_entry_at(&entry, i, NULL));
        if (strcmp(entry.backend, "ale") != 0) PPI_TRY(measure_views(b, entry.id, arcade, 2));
    }
    for (int i = 0; i < 2; i++) {
        if (isfinite(arcade[i].rate)) ppi_bench_figure(b, arcade[i].name, arcade[i].rate, "1/s");
    }
    return b->o->view[0] == '\0' ? measure_atari(b) : PP_OK;
}

pp_status ppi_bench_env(const ppi_bench_run *b) {
    if (b->o->env[0] == '\0') return measure_all(b);
    return measure_one(b, b->o->view[0] != '\0' ? b->o->view : NULL);
}
